//! The stand-ins as the platforms of a world, and the truth that the checks ask for.

use std::collections::BTreeSet;

use rand::Rng;
use ticketbridge_sandbox::faults::Rule;
use ticketbridge_sandbox::sfyc::{self, OperatorAct, SeedTicket, SfycModel};
use ticketbridge_sandbox::{Act, Call, StandIn};

use crate::checks::completed;
use crate::checks::once::{Truth, TruthTicket};

/// Most records of each sort on a platform: worlds are small.
const MAX_RECORDS: usize = 2_000;

/// A change of a platform's records.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Sfyc(sfyc::Effect),
}

/// What becomes of a call, each at its time.
pub(crate) type Acts = Vec<(i64, Act<Effect>)>;

/// What people do on a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandAct {
    /// Somebody opens a ticket of this key, with this origin id or none.
    Open {
        key: String,
        origin: Option<String>,
    },
    Start,
    Resolve,
    Close,
    Cancel,
    Reopen,
    Copy,
    /// Into the ticket after it.
    Merge,
    Delete,
}

/// One platform.
#[derive(Debug)]
pub(crate) struct Remote {
    model: Model,
    /// Numbers of tickets that people copied, opened again, merged or deleted: what becomes of them is not our doing.
    in_peoples_hands: BTreeSet<String>,
}

#[derive(Debug)]
enum Model {
    Sfyc(Box<SfycModel>),
}

impl Remote {
    pub(crate) fn sfyc() -> Self {
        Self { model: Model::Sfyc(Box::new(SfycModel::new(MAX_RECORDS))), in_peoples_hands: BTreeSet::new() }
    }

    pub(crate) fn handle(&mut self, now: i64, call: &Call, dice: &mut dyn Rng) -> Acts {
        match &mut self.model {
            Model::Sfyc(model) => {
                let acts = model.handle(now, call, dice).into_iter();
                acts.map(|(at, act)| (at, wrapped(act, Effect::Sfyc))).collect()
            }
        }
    }

    pub(crate) fn commit(&mut self, at: i64, effect: Effect) {
        match (&mut self.model, effect) {
            (Model::Sfyc(model), Effect::Sfyc(effect)) => model.commit(at, effect),
        }
    }

    /// The dedupe keys that an effect is about; `key_of` knows that of an origin id.
    pub(crate) fn keys_of(&self, effect: &Effect, key_of: impl Fn(&str) -> Option<String>) -> Vec<String> {
        match (&self.model, effect) {
            (Model::Sfyc(model), Effect::Sfyc(effect)) => match effect {
                sfyc::Effect::CreateTickets(made) => {
                    made.iter().filter_map(|(_, ticket, _)| ticket.external_ref.as_deref().map(str::to_owned)).collect()
                }
                sfyc::Effect::AddNotes(made) => {
                    made.iter().filter_map(|(note, _)| key_of(note.note_ref.as_deref()?)).collect()
                }
                sfyc::Effect::CreateWorkOrders(made) => {
                    made.iter().filter_map(|(_, order, _)| key_of(order.external_ref.as_deref()?)).collect()
                }
                sfyc::Effect::LinkWorkOrders(made) => {
                    let key = |sequence| model.ticket(&sfyc_number(sequence))?.content.external_ref.clone();
                    made.iter().filter_map(|(sequence, _)| key(*sequence).map(String::from)).collect()
                }
            },
        }
    }

    /// Puts these fault rules in the place of all others. A rule that means nothing on this platform is a defect of the
    /// profile.
    pub(crate) fn set_rules(&mut self, rules: Vec<Rule>) -> Result<(), String> {
        let replaced = match &mut self.model {
            Model::Sfyc(model) => model.faults_mut().replace(rules),
        };
        replaced.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Adds a fault rule.
    pub(crate) fn add_rule(&mut self, rule: Rule) -> Result<(), String> {
        let added = match &mut self.model {
            Model::Sfyc(model) => model.faults_mut().add(rule),
        };
        added.map(|_| ()).map_err(|error| error.to_string())
    }

    /// People at work on the `pick`-th ticket; answers its key, if they found anything to do.
    pub(crate) fn operate(&mut self, now: i64, pick: usize, kind: &str, act: &HandAct) -> Option<String> {
        match &mut self.model {
            Model::Sfyc(model) => {
                if let HandAct::Open { key, origin } = act {
                    let seed = SeedTicket {
                        kind: kind.to_owned(),
                        external_ref: Some(key.clone()),
                        origin_ref: origin.clone(),
                        ..SeedTicket::default()
                    };
                    return model.seed_tickets(now, vec![seed]).ok().map(|_| key.clone());
                }
                let numbers: Vec<u32> = model.tickets().map(|ticket| ticket.sequence).collect();
                let place = pick.checked_rem(numbers.len())?;
                let number = sfyc_number(*numbers.get(place)?);
                let key = model.ticket(&number)?.content.external_ref.as_deref().map(str::to_owned);
                let (act, by_hand) = match act {
                    HandAct::Start => (OperatorAct::Start {}, false),
                    HandAct::Resolve => (OperatorAct::Resolve {}, false),
                    HandAct::Close => (OperatorAct::Close {}, false),
                    HandAct::Cancel => (OperatorAct::Cancel {}, false),
                    HandAct::Reopen => (OperatorAct::Reopen {}, true),
                    HandAct::Copy => (OperatorAct::Copy {}, false),
                    HandAct::Delete => (OperatorAct::Delete {}, true),
                    HandAct::Merge => {
                        let into = sfyc_number(*numbers.get((place + 1) % numbers.len())?);
                        (OperatorAct::Merge { into }, true)
                    }
                    HandAct::Open { .. } => return None,
                };
                let left = model.operate(now, &number, &act).ok()?;
                if by_hand {
                    self.in_peoples_hands.insert(number.clone());
                }
                if act == (OperatorAct::Copy {}) {
                    self.in_peoples_hands.extend(left);
                }
                key
            }
        }
    }

    /// Closes open tickets that carry no origin id: what an operator does to free a key that is held for him.
    pub(crate) fn close_tickets_without_origin(&mut self, now: i64) {
        match &mut self.model {
            Model::Sfyc(model) => {
                let strangers = model.tickets().filter(|ticket| ticket.content.origin_ref.is_none());
                let numbers: Vec<String> = strangers.map(|ticket| sfyc_number(ticket.sequence)).collect();
                for number in numbers {
                    let _gone = model.operate(now, &number, &OperatorAct::Close {});
                }
            }
        }
    }

    /// What it holds. `ours` says whether an origin id is that of a row of ours.
    pub(crate) fn truth(&self, ours: impl Fn(&str) -> bool) -> Truth<'_> {
        match &self.model {
            Model::Sfyc(model) => Truth {
                tickets: model
                    .tickets()
                    .filter(|ticket| {
                        self.in_peoples_hands.is_empty()
                            || !self.in_peoples_hands.contains(&sfyc_number(ticket.sequence))
                    })
                    .filter_map(|ticket| {
                        let key = ticket.content.external_ref.as_deref()?;
                        let origin = ticket.content.origin_ref.as_deref().filter(|origin| ours(origin))?;
                        Some(TruthTicket { key, origin, open: ticket.status.is_open() })
                    })
                    .collect(),
                work_orders: model
                    .work_orders()
                    .iter()
                    .filter_map(|order| Some((order.content.external_ref.as_deref()?, &*order.content.ticket_number)))
                    .collect(),
                notes: model.notes().iter().filter_map(|note| note.content.note_ref.as_deref()).collect(),
            },
        }
    }

    /// One ticket, for I4.
    pub(crate) fn shown(&self, number: &str) -> completed::Remote<'_> {
        if self.in_peoples_hands.contains(number) {
            return completed::Remote::InPeoplesHands;
        }
        match &self.model {
            Model::Sfyc(model) => match model.ticket(number) {
                Some(ticket) => completed::Remote::Shows(ticket.work_order_number.as_deref()),
                None => completed::Remote::Missing,
            },
        }
    }
}

fn wrapped<E>(act: Act<E>, wrap: impl Fn(E) -> Effect) -> Act<Effect> {
    match act {
        Act::Commit(effect) => Act::Commit(wrap(effect)),
        Act::Reply(reply) => Act::Reply(reply),
        Act::Reset => Act::Reset,
        Act::Close => Act::Close,
    }
}

/// `42` is `T00000042` (SFyC contract).
fn sfyc_number(sequence: u32) -> String {
    format!("T{sequence:08}")
}
