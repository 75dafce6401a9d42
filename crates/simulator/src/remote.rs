//! The stand-ins as the platforms of a world, and the truth that the checks ask for.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use serde_json::Value;
use ticketbridge_core::effect::RemoteTicket;
use ticketbridge_core::ticket::TicketReference;
use ticketbridge_sandbox::cherwell::{self, CherwellModel, CherwellSettings};
use ticketbridge_sandbox::faults::{FaultBoard, Rule};
use ticketbridge_sandbox::sfyc::{self, OperatorAct, SeedTicket, SfycModel};
use ticketbridge_sandbox::{Act, Call, StandIn};

use crate::checks::matching::Opened;
use crate::checks::once::{Truth, TruthTicket};
use crate::checks::{Violation, completed, once};

/// Most records of each sort on a platform: worlds are small.
const MAX_RECORDS: usize = 2_000;

/// A change of a platform's records.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Sfyc(sfyc::Effect),
    Cherwell(cherwell::Effect),
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
    /// What a Cherwell holds twice without our doing.
    excused: usize,
    /// Tickets that people opened on an SFyC: key, number, when.
    opened: Vec<(String, String, i64)>,
    /// Ticket numbers on its work orders are those of one ticket platform.
    one_source: bool,
}

#[derive(Debug)]
enum Model {
    Sfyc(Box<SfycModel>),
    Cherwell(Box<CherwellModel>),
}

impl Remote {
    pub(crate) fn sfyc() -> Self {
        Self::of(Model::Sfyc(Box::new(SfycModel::new(MAX_RECORDS))))
    }

    pub(crate) fn cherwell() -> Self {
        match CherwellModel::new(MAX_RECORDS, CherwellSettings::default()) {
            Ok(model) => Self::of(Model::Cherwell(Box::new(model))),
            Err(error) => unreachable!("the stand-in's own settings are sound: {error}"),
        }
    }

    fn of(model: Model) -> Self {
        Self { model, in_peoples_hands: BTreeSet::new(), excused: 0, opened: Vec::new(), one_source: true }
    }

    pub(crate) fn handle(&mut self, now: i64, call: &Call, dice: &mut dyn Rng) -> Acts {
        match &mut self.model {
            Model::Sfyc(model) => {
                let acts = model.handle(now, call, dice).into_iter();
                acts.map(|(at, act)| (at, wrapped(act, Effect::Sfyc))).collect()
            }
            Model::Cherwell(model) => {
                let acts = model.handle(now, call, dice).into_iter();
                acts.map(|(at, act)| (at, wrapped(act, Effect::Cherwell))).collect()
            }
        }
    }

    pub(crate) fn commit(&mut self, at: i64, effect: Effect) {
        match (&mut self.model, effect) {
            (Model::Sfyc(model), Effect::Sfyc(effect)) => model.commit(at, effect),
            (Model::Cherwell(model), Effect::Cherwell(effect)) => model.commit(at, effect),
            _ => unreachable!("an effect goes back to the model that made it"),
        }
    }

    /// The dedupe keys of tickets that an effect creates. An SFyC only.
    pub(crate) fn created_keys(effect: &Effect) -> Vec<String> {
        match effect {
            Effect::Sfyc(sfyc::Effect::CreateTickets(made)) => {
                made.iter().filter_map(|(_, ticket, _)| ticket.external_ref.as_deref().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
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
            _ => Vec::new(),
        }
    }

    fn board(&mut self) -> &mut FaultBoard {
        match &mut self.model {
            Model::Sfyc(model) => model.faults_mut(),
            Model::Cherwell(model) => model.faults_mut(),
        }
    }

    /// Puts these fault rules in the place of all others; those that mean nothing on this platform are left out.
    pub(crate) fn set_rules(&mut self, rules: Vec<Rule>) {
        let board = self.board();
        let catalogue = board.catalogue();
        let fit = rules.into_iter().filter(|rule| rule.check(catalogue).is_ok()).collect();
        let replaced = board.replace(fit);
        debug_assert!(replaced.is_ok(), "{replaced:?}");
    }

    /// Adds a fault rule, unless it means nothing on this platform.
    pub(crate) fn add_rule(&mut self, rule: Rule) {
        let _unfit = self.board().add(rule);
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
                    let number = model.seed_tickets(now, vec![seed]).ok()?.pop()?;
                    self.opened.push((key.clone(), number, now));
                    return Some(key.clone());
                }
                let numbers: Vec<u32> = model.tickets().map(|ticket| ticket.sequence).collect();
                let place = pick.checked_rem(numbers.len())?;
                let number = sfyc_number(*numbers.get(place)?);
                let key = model.ticket(&number)?.content.external_ref.as_deref().map(str::to_owned);
                let (act, by_hand) = match act {
                    // It is open then, whatever it was.
                    HandAct::Start => (OperatorAct::Start {}, true),
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
            Model::Cherwell(model) => {
                let done = operate_cherwell(model, now, pick, act);
                self.excused = model.stats(now).duplicates.total;
                let (number, key) = done?;
                self.in_peoples_hands.insert(number);
                Some(key)
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
            Model::Cherwell(model) => {
                for ticket in model.dump_tickets(0, MAX_RECORDS) {
                    if field(&ticket, "OriginId").is_empty() {
                        let _gone = model.operate(now, text(&ticket, "busObRecId"), &cherwell::OperatorAct::Close {});
                    }
                }
                self.excused = model.stats(now).duplicates.total;
            }
        }
    }

    /// I1. `ours` says whether an origin id is that of a row of ours.
    pub(crate) fn judge(&mut self, name: &str, now: u64, ours: impl Fn(&str) -> bool) -> Option<Violation> {
        match &self.model {
            Model::Sfyc(model) => once::check(name, &self.sfyc_truth(model, ours)),
            Model::Cherwell(model) => {
                // Its own count is quick; only when that grows the records are looked at.
                let found = model.stats(now as i64).duplicates.total;
                if found <= self.excused {
                    return None;
                }
                let dumps = [
                    model.dump_tickets(0, MAX_RECORDS),
                    model.dump_work_orders(0, MAX_RECORDS),
                    model.dump_notes(0, MAX_RECORDS),
                ];
                let wrong = once::check(name, &self.cherwell_truth(&dumps, ours));
                self.excused = found;
                wrong
            }
        }
    }

    fn sfyc_truth<'a>(&self, model: &'a SfycModel, ours: impl Fn(&str) -> bool) -> Truth<'a> {
        let by_people =
            |number: u32| !self.in_peoples_hands.is_empty() && self.in_peoples_hands.contains(&sfyc_number(number));
        Truth {
            tickets: model
                .tickets()
                .filter(|ticket| !by_people(ticket.sequence))
                .filter_map(|ticket| {
                    let key = ticket.content.external_ref.as_deref()?;
                    let origin = ticket.content.origin_ref.as_deref().filter(|origin| ours(origin))?;
                    Some(TruthTicket { key, origin, open: ticket.status.is_open() })
                })
                .collect(),
            work_orders: model
                .work_orders()
                .iter()
                .filter_map(|order| {
                    let number = &*order.content.ticket_number;
                    let judged = self.one_source && !self.in_peoples_hands.contains(number);
                    Some((order.content.external_ref.as_deref()?, if judged { number } else { "" }))
                })
                .collect(),
            notes: model
                .notes()
                .iter()
                .filter(|note| model.ticket(&note.content.ticket_number).is_some())
                .filter_map(|note| note.content.note_ref.as_deref())
                .collect(),
        }
    }

    fn cherwell_truth<'a>(&self, dumps: &'a [Vec<Value>; 3], ours: impl Fn(&str) -> bool) -> Truth<'a> {
        let [tickets, work_orders, notes] = dumps;
        Truth {
            tickets: tickets
                .iter()
                .filter(|ticket| !self.in_peoples_hands.contains(text(ticket, "busObRecId")))
                .filter(|ticket| ours(field(ticket, "OriginId")))
                .map(|ticket| TruthTicket {
                    key: field(ticket, "DedupeKey"),
                    origin: field(ticket, "OriginId"),
                    open: !FINAL_STATES.contains(&text(ticket, "state")),
                })
                .collect(),
            work_orders: work_orders
                .iter()
                .map(|order| {
                    let by_id = field(order, "ParentRecID");
                    (field(order, "ExternalRef"), if by_id.is_empty() { field(order, "IncidentID") } else { by_id })
                })
                .collect(),
            // A note of a ticket that people deleted is nobody's any more.
            notes: notes
                .iter()
                .filter(|note| tickets.iter().any(|ticket| text(ticket, "busObRecId") == field(note, "ParentRecID")))
                .map(|note| text(note, "marker"))
                .filter(|marker| !marker.is_empty())
                .collect(),
        }
    }

    /// Whether ticket numbers on its work orders are those of one ticket platform: two for one number are a double then.
    pub(crate) fn has_one_source(&mut self, one_source: bool) {
        self.one_source = one_source;
    }

    /// Tickets of these keys that people opened and that are open now. An SFyC only.
    pub(crate) fn opened(&self, now: i64, keys: &[String]) -> Vec<(String, Opened)> {
        let Model::Sfyc(model) = &self.model else { return Vec::new() };
        let open = |number: &str| {
            let free = !self.in_peoples_hands.contains(number);
            free && model.ticket(number).is_some_and(|ticket| ticket.status.is_open())
        };
        let there = self.opened.iter().filter(|(key, number, _)| keys.contains(key) && open(number));
        let aged = there.map(|(key, number, at)| {
            let age = u64::try_from(now - at).unwrap_or(0);
            (key.clone(), Opened { number: number.clone(), age })
        });
        aged.collect()
    }

    /// How many tickets carry an origin id.
    pub(crate) fn tickets_of(&self, origin: &str) -> usize {
        match &self.model {
            Model::Sfyc(model) => {
                model.tickets().filter(|ticket| ticket.content.origin_ref.as_deref() == Some(origin)).count()
            }
            Model::Cherwell(model) => {
                let tickets = model.dump_tickets(0, MAX_RECORDS);
                tickets.iter().filter(|ticket| field(ticket, "OriginId") == origin).count()
            }
        }
    }

    /// The keys of our open tickets.
    pub(crate) fn open_keys(&self, ours: impl Fn(&str) -> bool) -> Vec<String> {
        let dumps;
        let truth = match &self.model {
            Model::Sfyc(model) => self.sfyc_truth(model, ours),
            Model::Cherwell(model) => {
                dumps = [model.dump_tickets(0, MAX_RECORDS), Vec::new(), Vec::new()];
                self.cherwell_truth(&dumps, ours)
            }
        };
        truth.tickets.iter().filter(|ticket| ticket.open).map(|ticket| ticket.key.to_owned()).collect()
    }

    /// A ticket of a key as a look-up would show it, visible or not.
    pub(crate) fn found(&self, key: &str, origin: Option<&str>) -> Option<RemoteTicket> {
        let found = |number: String, record: Option<String>, open, theirs: Option<&str>| RemoteTicket {
            reference: TicketReference { number, record },
            key: Some(key.to_owned()),
            adopted: false,
            origin: theirs.map(str::to_owned),
            status: String::new(),
            open,
            work_order: None,
            created_at: None,
        };
        match &self.model {
            Model::Sfyc(model) => {
                let fits = |ticket: &&sfyc::Ticket| {
                    let theirs = ticket.content.origin_ref.as_deref();
                    ticket.content.external_ref.as_deref() == Some(key) && origin.is_none_or(|o| theirs == Some(o))
                };
                let ticket = model.tickets().filter(fits).last()?;
                let theirs = ticket.content.origin_ref.as_deref();
                Some(found(sfyc_number(ticket.sequence), None, ticket.status.is_open(), theirs))
            }
            Model::Cherwell(model) => {
                let tickets = model.dump_tickets(0, MAX_RECORDS);
                let fits = |ticket: &&Value| {
                    field(ticket, "DedupeKey") == key && origin.is_none_or(|o| field(ticket, "OriginId") == o)
                };
                let ticket = tickets.iter().rfind(fits)?;
                let open = !FINAL_STATES.contains(&text(ticket, "state"));
                let record = Some(text(ticket, "busObRecId").to_owned());
                Some(found(text(ticket, "busObPublicId").to_owned(), record, open, Some(field(ticket, "OriginId"))))
            }
        }
    }

    /// One ticket, for I4.
    pub(crate) fn shown(&self, number: &str) -> completed::Remote {
        if self.in_peoples_hands.contains(number) {
            return completed::Remote::InPeoplesHands;
        }
        match &self.model {
            Model::Sfyc(model) => match model.ticket(number) {
                Some(ticket) => completed::Remote::Shows(completed::Shown {
                    key: ticket.content.external_ref.as_deref().map(str::to_owned),
                    origin: ticket.content.origin_ref.as_deref().map(str::to_owned),
                    work_order: ticket.work_order_number.as_deref().map(str::to_owned),
                }),
                None => completed::Remote::Missing,
            },
            Model::Cherwell(model) => match model.dump_ticket(number) {
                Some(ticket) => {
                    let shown = |name| Some(field(&ticket, name).to_owned()).filter(|shown| !shown.is_empty());
                    completed::Remote::Shows(completed::Shown {
                        key: shown("DedupeKey"),
                        origin: shown("OriginId"),
                        work_order: shown("WorkOrderNumber"),
                    })
                }
                None => completed::Remote::Missing,
            },
        }
    }
}

/// States of a ticket that is over (Cherwell contract).
const FINAL_STATES: [&str; 2] = ["Resolved", "Closed"];

/// People at work on the `pick`-th ticket of a Cherwell; answers its record id and key.
fn operate_cherwell(model: &mut CherwellModel, now: i64, pick: usize, act: &HandAct) -> Option<(String, String)> {
    use cherwell::OperatorAct as Act;
    if let HandAct::Open { key, origin } = act {
        let mut fields = BTreeMap::from([(String::from("DedupeKey"), key.clone())]);
        fields.extend(origin.iter().map(|origin| (String::from("OriginId"), origin.clone())));
        let seed = cherwell::SeedTicket { fields, ..cherwell::SeedTicket::default() };
        let number = model.seed_tickets(now, vec![seed]).ok()?.pop()?;
        return Some((number, key.clone()));
    }
    let tickets = model.dump_tickets(0, MAX_RECORDS);
    let ticket = tickets.get(pick.checked_rem(tickets.len())?)?;
    let (id, key) = (text(ticket, "busObRecId").to_owned(), field(ticket, "DedupeKey").to_owned());
    let act = match act {
        HandAct::Start => Act::Start {},
        HandAct::Resolve => Act::Resolve {},
        HandAct::Close | HandAct::Cancel => Act::Close {},
        HandAct::Reopen => Act::Reopen {},
        HandAct::Copy => Act::Copy {},
        HandAct::Merge | HandAct::Delete => Act::Delete {},
        HandAct::Open { .. } => return None,
    };
    let left = model.operate(now, &id, &act).ok()?;
    let by_hand = if act == (Act::Copy {}) { left.unwrap_or(id) } else { id };
    // The copy is named by its public id; the records of the world go by record id.
    let by_hand = model.dump_ticket(&by_hand).map_or(by_hand, |ticket| text(&ticket, "busObRecId").to_owned());
    Some((by_hand, key))
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn field<'a>(record: &'a Value, name: &str) -> &'a str {
    record.get("fields").map_or("", |fields| text(fields, name))
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
