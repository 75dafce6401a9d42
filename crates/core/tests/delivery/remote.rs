//! The model of a remote platform: effects have an instant of their own, apart from the answer, and records become
//! visible to reads only after the index lag. It counts what must never happen: doubles made by us.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use ticketbridge_core::effect::{
    CallClass, Found, LookUpFault, Operation, Outcome, Query, Refusal, RemoteIds, RemoteNote, RemoteTicket,
    RemoteWorkOrder,
};
use ticketbridge_core::ticket::{TicketId, TicketReference};

/// What a write request meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Fine,
    /// Connect refused.
    NotSent,
    ResetBefore,
    ResetAfter,
    ErrorBefore,
    ErrorAfter,
    /// The effect is done, the answer does not come in time.
    Stall,
    /// No answer in time, and the effect so many milliseconds after the sending.
    Late(u64),
    /// 429, with Retry-After in seconds.
    Throttled(Option<u64>),
    /// 401.
    Denied,
    /// The answer leaves out every second item.
    Short,
    /// Half of the items are applied, then the connection is reset.
    Half,
    /// A slow but proper answer, after so many milliseconds.
    Slow(u64),
    /// The whole batch is refused.
    Refused {
        atomic: bool,
    },
}

/// What is wrong with one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poison {
    /// Refused by itself.
    Item,
    /// Refused for good.
    ForGood,
    /// The whole batch that carries it is refused.
    Batch { atomic: bool },
    /// The server dies of it: 500, nothing done.
    Kills,
}

#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) number: String,
    pub(crate) key: String,
    pub(crate) origin: Option<String>,
    pub(crate) open: bool,
    pub(crate) gone: bool,
    pub(crate) adopted: bool,
    pub(crate) ours: bool,
    pub(crate) work_order: Option<String>,
    pub(crate) created_at: u64,
    pub(crate) visible_at: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) origin: String,
    pub(crate) ticket: String,
    visible_at: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct WorkOrder {
    pub(crate) number: String,
    pub(crate) origin: String,
    pub(crate) ticket: String,
    visible_at: u64,
}

/// One item on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) ticket: TicketId,
    pub(crate) origin: String,
    pub(crate) key: String,
    pub(crate) number: Option<String>,
    pub(crate) work_order: Option<String>,
}

/// What will come of a write request: when its effect happens, when its answer comes, and what that says.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) effect_at: Option<u64>,
    /// Only the first half of the items.
    pub(crate) half: bool,
    pub(crate) answer_at: u64,
    /// `None`: a proper answer made of the items' outcomes.
    pub(crate) class: Option<CallClass>,
    pub(crate) short: bool,
}

#[derive(Debug)]
pub(crate) struct Remote {
    name: char,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) notes: Vec<Note>,
    pub(crate) work_orders: Vec<WorkOrder>,
    /// Fates of the next writes of an operation, before chance decides.
    pub(crate) script: BTreeMap<Operation, VecDeque<Fate>>,
    /// Chance of each fate, in parts of a thousand.
    pub(crate) chances: Vec<(Fate, u32)>,
    /// Chance that a read fails, in parts of a thousand.
    pub(crate) read_failures: u32,
    /// As `read_failures`, for each row of a look-up by key: a request per row, whole or nothing.
    pub(crate) row_failures: u32,
    pub(crate) poison: BTreeMap<(Operation, TicketId), Poison>,
    /// Out of order until this instant, with this fate.
    pub(crate) down: Option<(u64, Fate)>,
    pub(crate) latency: (u64, u64),
    pub(crate) index_lag: (u64, u64),
    pub(crate) request_timeout: u64,
    /// Reads suddenly show nothing.
    pub(crate) blind: bool,
    /// As `blind`, for tickets only.
    pub(crate) blind_to_tickets_until: u64,
    /// The search matches anything, even what cannot exist.
    pub(crate) matches_anything: bool,
    /// The filter is ignored: every row comes.
    pub(crate) ignores_filter: bool,
    /// What an origin is cut to.
    pub(crate) origin_length: usize,
    pub(crate) violations: Vec<String>,
    /// Operations and item counts, in the order of their sending.
    pub(crate) writes: Vec<(u64, Operation, usize)>,
    pub(crate) reads: Vec<(u64, &'static str)>,
    pub(crate) own_tickets_only: bool,
    /// The index lag may exceed what was promised: doubles are counted, not forbidden.
    pub(crate) doubles_allowed: bool,
    next_number: u64,
}

impl Remote {
    pub(crate) fn new(name: char) -> Self {
        Self {
            name,
            tickets: Vec::new(),
            notes: Vec::new(),
            work_orders: Vec::new(),
            script: BTreeMap::new(),
            chances: Vec::new(),
            read_failures: 0,
            row_failures: 0,
            poison: BTreeMap::new(),
            down: None,
            latency: (5, 20),
            index_lag: (0, 0),
            request_timeout: 5_000,
            blind: false,
            blind_to_tickets_until: 0,
            matches_anything: false,
            ignores_filter: false,
            origin_length: 64,
            violations: Vec::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            own_tickets_only: true,
            doubles_allowed: false,
            next_number: 1,
        }
    }

    fn number(&mut self, letter: char) -> String {
        self.next_number += 1;
        format!("{}{letter}{:05}", self.name, self.next_number)
    }

    fn latency(&self, dice: &mut ChaCha8Rng) -> u64 {
        dice.random_range(self.latency.0..=self.latency.1)
    }

    fn fate(&mut self, now: u64, operation: Operation, items: &[Item], dice: &mut ChaCha8Rng) -> Fate {
        if let Some((_, fate)) = self.down.filter(|(until, _)| now < *until) {
            return fate;
        }
        if let Some(fate) = self.script.get_mut(&operation).and_then(VecDeque::pop_front) {
            return fate;
        }
        for item in items {
            match self.poison.get(&(operation, item.ticket)) {
                Some(Poison::Kills) => return Fate::ErrorBefore,
                Some(Poison::Batch { atomic }) => return Fate::Refused { atomic: *atomic },
                _ => {}
            }
        }
        let roll = dice.random_range(0..1000);
        let mut sum = 0;
        for (fate, chance) in &self.chances {
            sum += chance;
            if roll < sum {
                return *fate;
            }
        }
        Fate::Fine
    }

    /// A write request has left us.
    pub(crate) fn write(&mut self, now: u64, operation: Operation, items: &[Item], dice: &mut ChaCha8Rng) -> Plan {
        self.writes.push((now, operation, items.len()));
        let fate = self.fate(now, operation, items, dice);
        let latency = self.latency(dice);
        let (effect_at, answer_at) = (now + latency / 2, now + latency);
        let timeout = now + self.request_timeout;
        let unknown =
            |why: &str, timed_out| Some(CallClass::Unknown { why: why.to_owned(), timed_out, retry_after: None });
        let plan = |effect_at, answer_at, class| Plan { effect_at, half: false, answer_at, class, short: false };
        let fine = plan(Some(effect_at), answer_at, None);
        match fate {
            Fate::Fine => fine,
            Fate::Slow(wait) => plan(Some(now + wait / 2), now + wait, None),
            Fate::NotSent => plan(
                None,
                now + 1,
                Some(CallClass::Unavailable {
                    why: String::from("connection refused"),
                    retry_after: None,
                    throttled: false,
                    configuration: false,
                }),
            ),
            Fate::ResetBefore => plan(None, answer_at, unknown("reset", false)),
            Fate::ResetAfter => plan(Some(effect_at), answer_at, unknown("reset", false)),
            Fate::ErrorBefore => plan(None, answer_at, unknown("500", false)),
            Fate::ErrorAfter => plan(Some(effect_at), answer_at, unknown("502", false)),
            Fate::Stall => plan(Some(effect_at), timeout, unknown("timed out", true)),
            Fate::Late(after) => plan(Some(now + after), timeout, unknown("timed out", true)),
            Fate::Throttled(wish) => plan(
                None,
                answer_at,
                Some(CallClass::Unavailable {
                    why: String::from("429"),
                    retry_after: wish.map(Duration::from_secs),
                    throttled: true,
                    configuration: false,
                }),
            ),
            Fate::Denied => plan(
                None,
                answer_at,
                Some(CallClass::Unavailable {
                    why: String::from("401"),
                    retry_after: None,
                    throttled: false,
                    configuration: true,
                }),
            ),
            Fate::Short => Plan { short: true, ..fine },
            Fate::Half => Plan { half: true, class: unknown("reset", false), ..fine },
            Fate::Refused { atomic } => plan(
                None,
                answer_at,
                Some(CallClass::BatchRefused { atomic, code: String::from("400"), message: String::from("bad batch") }),
            ),
        }
    }

    /// The effect of one item happens.
    pub(crate) fn apply(&mut self, now: u64, operation: Operation, item: &Item, dice: &mut ChaCha8Rng) -> Outcome {
        let refused =
            |refusal, code: &str| Outcome::Refused { refusal, code: code.to_owned(), message: String::from("no") };
        match self.poison.get(&(operation, item.ticket)) {
            Some(Poison::Item) => return refused(Refusal::Item, "INVALID_FIELD"),
            Some(Poison::ForGood) => return refused(Refusal::ItemForGood, "NEVER"),
            _ => {}
        }
        let visible_at = now + dice.random_range(self.index_lag.0..=self.index_lag.1);
        let target =
            item.number.as_ref().and_then(|number| self.tickets.iter().position(|ticket| ticket.number == *number));
        let elsewhere = operation == Operation::CreateWorkOrder && !self.own_tickets_only;
        if operation != Operation::CreateTicket && !elsewhere {
            match target.map(|index| &self.tickets[index]) {
                Some(ticket) if !ticket.gone && ticket.open => {}
                Some(ticket) if !ticket.gone => return refused(Refusal::TargetClosed, "CLOSED"),
                _ => return refused(Refusal::TargetGone, "UNKNOWN_TICKET"),
            }
        }
        let mut ids = RemoteIds::default();
        match operation {
            Operation::CreateTicket => {
                if !self.doubles_allowed
                    && self
                        .tickets
                        .iter()
                        .any(|ticket| ticket.ours && ticket.open && !ticket.gone && ticket.key == item.key)
                {
                    self.violations.push(format!("I1: a second open ticket of ours for {}", item.key));
                }
                let number = self.number('T');
                ids.ticket_number = Some(number.clone());
                let origin: String = item.origin.chars().take(self.origin_length).collect();
                self.tickets.push(Ticket {
                    number,
                    key: item.key.clone(),
                    origin: Some(origin).filter(|origin| !origin.is_empty()),
                    open: true,
                    gone: false,
                    adopted: false,
                    ours: true,
                    work_order: None,
                    created_at: now,
                    visible_at,
                });
            }
            Operation::AddNote => {
                let ticket = item.number.clone().unwrap_or_default();
                if !self.doubles_allowed && self.notes.iter().any(|note| note.origin == item.origin) {
                    self.violations.push(format!("I1: note {} twice", item.origin));
                }
                self.notes.push(Note { origin: item.origin.clone(), ticket, visible_at });
            }
            Operation::CreateWorkOrder => {
                let ticket = item.number.clone().unwrap_or_default();
                if self.work_orders.iter().any(|order| order.ticket == ticket) {
                    self.violations.push(format!("I1: a second work order for {ticket}"));
                }
                let number = self.number('W');
                ids.work_order_number = Some(number.clone());
                self.work_orders.push(WorkOrder { number, origin: item.origin.clone(), ticket, visible_at });
            }
            Operation::LinkWorkOrder => {
                if let Some(index) = target {
                    self.tickets[index].work_order.clone_from(&item.work_order);
                }
            }
        }
        Outcome::Applied { ids }
    }

    /// The instants at which a read looks and answers.
    pub(crate) fn read_times(&mut self, now: u64, query: &Query, dice: &mut ChaCha8Rng) -> (u64, u64) {
        self.reads.push((now, query_name(query)));
        let latency = self.latency(dice);
        (now + latency / 2, now + latency)
    }

    /// What a read sees.
    pub(crate) fn read(&self, now: u64, query: &Query, dice: &mut ChaCha8Rng) -> Result<Found, LookUpFault> {
        let fault = |throttled, configuration| LookUpFault {
            why: String::from("read failed"),
            retry_after: None,
            throttled,
            configuration,
        };
        if let Some((_, fate)) = self.down.filter(|(until, _)| now < *until) {
            let (throttled, configuration) = (matches!(fate, Fate::Throttled(_)), fate == Fate::Denied);
            return Err(fault(throttled, configuration));
        }
        let roll = dice.random_range(0..1000);
        if roll < self.read_failures {
            return Err(fault(roll % 5 == 0, roll % 7 == 0));
        }
        let rows = match query {
            Query::Tickets { wanted, .. } => wanted.len(),
            Query::Notes { wanted, .. } => wanted.len(),
            Query::WorkOrders { wanted, .. } => wanted.len(),
            Query::OpenTickets { .. } | Query::Health => 0,
        };
        if self.row_failures > 0 && (0..rows).any(|_| dice.random_range(0..1000) < self.row_failures) {
            return Err(fault(false, false));
        }
        let visible = |at: u64| at <= now && !self.blind;
        let sees_tickets = now >= self.blind_to_tickets_until;
        let tickets = self.tickets.iter().filter(|ticket| sees_tickets && !ticket.gone && visible(ticket.visible_at));
        Ok(match query {
            Query::Health => Found::Healthy,
            Query::OpenTickets { .. } => {
                Found::Tickets { tickets: tickets.filter(|ticket| ticket.open).map(shown).collect() }
            }
            Query::Tickets { wanted, known, random } => {
                let keys: BTreeSet<&str> = wanted.iter().chain(known).map(|one| one.key.as_str()).collect();
                let origins: BTreeSet<String> =
                    wanted.iter().chain(known).filter_map(|one| Some(one.origin?.to_string())).collect();
                let mut found: Vec<RemoteTicket> = tickets
                    .filter(|ticket| {
                        self.ignores_filter
                            || (keys.contains(ticket.key.as_str()) && !ticket.adopted)
                            || ticket.origin.as_ref().is_some_and(|origin| origins.contains(origin))
                    })
                    .map(shown)
                    .collect();
                if self.matches_anything
                    && let Some(any) = self.tickets.first()
                {
                    found.push(RemoteTicket { key: Some(random.to_string()), ..shown(any) });
                }
                Found::Tickets { tickets: found }
            }
            Query::Notes { wanted, known, .. } => {
                let origins: BTreeSet<String> = wanted.iter().chain(known).map(|one| one.origin.to_string()).collect();
                let notes = self.notes.iter().filter(|note| visible(note.visible_at) && origins.contains(&note.origin));
                let notes =
                    notes.map(|note| RemoteNote { origin: note.origin.clone(), ticket_number: note.ticket.clone() });
                Found::Notes { notes: notes.collect() }
            }
            Query::WorkOrders { wanted, known, .. } => {
                let origins: BTreeSet<String> = wanted.iter().chain(known).map(|one| one.origin.to_string()).collect();
                let orders = self
                    .work_orders
                    .iter()
                    .filter(|order| visible(order.visible_at) && origins.contains(&order.origin));
                let orders = orders.map(|order| RemoteWorkOrder {
                    number: order.number.clone(),
                    record: None,
                    origin: order.origin.clone(),
                    ticket_number: Some(order.ticket.clone()),
                    ticket_record: None,
                });
                Found::WorkOrders { work_orders: orders.collect() }
            }
        })
    }

    /// A person opens a ticket by hand, or another program does.
    pub(crate) fn foreign(&mut self, now: u64, key: &str, origin: Option<&str>) -> String {
        let number = self.number('F');
        self.tickets.push(Ticket {
            number: number.clone(),
            key: key.to_owned(),
            origin: origin.map(str::to_owned),
            open: true,
            gone: false,
            adopted: false,
            ours: false,
            work_order: None,
            created_at: now,
            visible_at: now,
        });
        number
    }

    pub(crate) fn of_key(&self, key: &str) -> Vec<&Ticket> {
        self.tickets.iter().filter(|ticket| ticket.key == key && !ticket.gone).collect()
    }

    pub(crate) fn change(&mut self, number: &str, change: impl FnOnce(&mut Ticket)) {
        let ticket = self.tickets.iter_mut().find(|ticket| ticket.number == number).expect("a ticket of that number");
        change(ticket);
    }

    pub(crate) fn fates(&mut self, operation: Operation, fates: &[Fate]) {
        self.script.entry(operation).or_default().extend(fates);
    }

    pub(crate) fn count(&self, operation: Operation) -> usize {
        self.writes.iter().filter(|(_, of, _)| *of == operation).count()
    }

    pub(crate) fn reads_of(&self, name: &str) -> usize {
        self.reads.iter().filter(|(_, of)| *of == name).count()
    }
}

fn shown(ticket: &Ticket) -> RemoteTicket {
    RemoteTicket {
        reference: TicketReference { number: ticket.number.clone(), record: None },
        key: Some(ticket.key.clone()),
        adopted: ticket.adopted,
        origin: ticket.origin.clone(),
        status: String::from(if ticket.open { "open" } else { "closed" }),
        open: ticket.open,
        work_order: ticket.work_order.clone(),
        created_at: Some(format!("{:012}", ticket.created_at)),
    }
}

pub(crate) fn query_name(query: &Query) -> &'static str {
    match query {
        Query::OpenTickets { .. } => "open tickets",
        Query::Tickets { .. } => "tickets",
        Query::Notes { .. } => "notes",
        Query::WorkOrders { .. } => "work orders",
        Query::Health => "health",
    }
}
