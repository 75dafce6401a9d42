//! The whole of S-360 as one deterministic machine: the same calls at the same times with the same dice give the same acts.
//!
//! Limits: `max_records` tickets, contacts, distribution rows and history entries each; a write that could go beyond that is
//! answered 507 and does nothing.

use rand::Rng;
use serde_json::{Value, json};

use super::answer::{self, refusal, refuse_for_fault, unauthorized};
use super::operation::{CATALOGUE, Miss, Operation};
use super::operator::{self, ContactAct, OperatorError, TicketAct};
use super::record::{Contact, Distribution, Effect, History, Ticket};
use super::shelves::Shelves;
use super::state::{self, Form, State, StateError};
use super::stats::{self, Duplicates, Stats};
use super::twists::Twists;
use super::write::{self, Item};
use super::{query, read};
use crate::call::{Act, Call, Reply, StandIn};
use crate::clock::Millis;
use crate::credentials;
use crate::faults::{FaultBoard, Fired, Knob};
use crate::timeline::{Work, lay_out};
use crate::traffic::Traffic;

/// The S-360 platform without clock, socket and randomness of its own.
#[derive(Debug)]
pub struct S360Model {
    shelves: Shelves,
    faults: FaultBoard,
    traffic: Traffic,
    max_records: usize,
}

impl S360Model {
    /// An empty platform that holds at most `max_records` records of each sort.
    pub fn new(max_records: usize) -> Self {
        Self {
            shelves: Shelves::default(),
            faults: FaultBoard::new(&CATALOGUE),
            traffic: Traffic::default(),
            max_records,
        }
    }

    /// The fault rules.
    pub fn faults(&self) -> &FaultBoard {
        &self.faults
    }

    /// The fault rules, to change them.
    pub fn faults_mut(&mut self) -> &mut FaultBoard {
        &mut self.faults
    }

    /// The counters now.
    pub fn stats(&self) -> Stats {
        let (tickets, contacts) = (self.shelves.tickets(), self.shelves.contacts());
        Stats {
            traffic: self.traffic.clone(),
            faults: self.faults.fired().clone(),
            duplicates: Duplicates::of(&self.shelves),
            tickets: tickets.len(),
            mobile_tickets: tickets.iter().filter(|ticket| ticket.mobile.is_some()).count(),
            contacts: contacts.len(),
            contacts_made: contacts.iter().filter(|contact| contact.request_ref.is_some()).count(),
            distributions: self.shelves.rows().len(),
            open_distributions: stats::open_rows(&self.shelves),
            history: self.shelves.history().len(),
        }
    }

    /// Adds records as if they had been there before. One wrong record and none is taken.
    pub fn load(&mut self, state: State) -> Result<(), StateError> {
        state.check(&self.shelves, self.max_records)?;
        state.put(&mut self.shelves);
        Ok(())
    }

    /// Puts these records in the place of all others or, if one is wrong, changes nothing.
    pub fn replace(&mut self, state: State) -> Result<(), StateError> {
        state.check(&Shelves::default(), self.max_records)?;
        self.shelves = Shelves::default();
        state.put(&mut self.shelves);
        Ok(())
    }

    /// Everything that is stored, as JSON.
    pub fn dump(&self, form: Form) -> Vec<u8> {
        state::write(&self.shelves, form)
    }

    /// Lets somebody work on a contact.
    pub fn operate_contact(&mut self, number: &str, act: &ContactAct) -> Result<(), OperatorError> {
        operator::on_contact(&mut self.shelves, number, act)
    }

    /// Lets somebody work on a ticket.
    pub fn operate_ticket(&mut self, now: Millis, id: &str, act: &TicketAct) -> Result<(), OperatorError> {
        if matches!(act, TicketAct::AddRow { .. }) && self.shelves.rows().len() >= self.max_records {
            return Err(OperatorError::Full(self.max_records));
        }
        operator::on_ticket(&mut self.shelves, now, id, act)
    }

    /// All tickets in the order in which they came.
    pub fn tickets(&self) -> &[Ticket] {
        self.shelves.tickets()
    }

    /// The ticket with this id.
    pub fn ticket(&self, id: &str) -> Option<&Ticket> {
        self.shelves.ticket(id)
    }

    /// All contacts in the order in which they were made.
    pub fn contacts(&self) -> &[Contact] {
        self.shelves.contacts()
    }

    /// The contact with this number.
    pub fn contact(&self, number: &str) -> Option<&Contact> {
        self.shelves.contact(number)
    }

    /// All distribution rows in the order in which they were made.
    pub fn distributions(&self) -> &[Distribution] {
        self.shelves.rows()
    }

    /// All history entries in the order in which they were made.
    pub fn history(&self) -> &[History] {
        self.shelves.history()
    }

    /// A ticket with its distribution rows and history.
    pub fn dump_ticket(&self, id: &str) -> Option<Value> {
        let ticket = self.shelves.ticket(id)?;
        let mut row = json!(ticket);
        row["distributions"] = json!(self.shelves.rows_of(id).collect::<Vec<_>>());
        row["history"] = json!(self.shelves.history_of(id).collect::<Vec<_>>());
        Some(row)
    }

    fn decide(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Effect>)> {
        let refuse = |traffic: &mut Traffic, reply| {
            traffic.count_call("none", 0);
            vec![(now, Act::Reply(reply))]
        };
        if !credentials::accepts_bearer(call.authorization.as_deref()) {
            return refuse(&mut self.traffic, unauthorized("the token is missing or wrong"));
        }
        let operation = match Operation::of(call) {
            Ok(operation) => operation,
            Err(Miss::Path) => {
                return refuse(&mut self.traffic, refusal(404, "NOT_FOUND", format!("there is no {}", call.path)));
            }
            Err(Miss::Method { allowed }) => {
                let reply = refusal(405, "METHOD_NOT_ALLOWED", format!("only {allowed} here"));
                return refuse(&mut self.traffic, reply.with_header("allow", allowed));
            }
        };
        let items = (call.method == http::Method::POST).then(|| write::items(&call.body));
        let read_items = items.as_ref().and_then(|items| items.as_ref().ok());
        self.traffic.count_call(operation.name(), asked(&operation, call, read_items.map(Vec::len)));

        let fired = self.draw(now, call, &operation, read_items.map_or(&[], Vec::as_slice), dice);
        let twists = Twists::of(&fired.twists);
        let delay = twists.draw_delay(dice);
        let work = match items {
            Some(Err(refused)) => Work { reply: refused, effect: None },
            Some(Ok(items)) => self.write(&operation, &items, &twists, dice),
            None => Work { reply: self.read(&operation, call, &twists, dice), effect: None },
        };
        lay_out(now, delay, fired.outcome.as_ref(), work, refuse_for_fault)
    }

    fn draw(&mut self, now: Millis, call: &Call, operation: &Operation, items: &[Item], dice: &mut dyn Rng) -> Fired {
        let asks_for = |key: &str| call.query.iter().any(|(_, values)| values.split(',').any(|value| value == key));
        let concerns = |key: &str| {
            let is_history = matches!(operation, Operation::FindHistory(id) if id == key);
            is_history || asks_for(key) || items.iter().any(|item| item.has_key(key))
        };
        self.faults.draw(now, operation.name(), dice, |rule| {
            rule.dedupe_key.as_deref().is_none_or(concerns)
                && match &rule.knob {
                    Knob::KeepAliveClosed {} => call.reused_connection,
                    Knob::PoisonItem { text, .. } | Knob::PoisonCall { text, .. } => {
                        items.iter().any(|item| item.contains(text))
                    }
                    _ => true,
                }
        })
    }

    fn write(
        &mut self,
        operation: &Operation,
        items: &[Item],
        twists: &Twists<'_>,
        dice: &mut dyn Rng,
    ) -> Work<Effect> {
        let stored = match operation {
            Operation::WriteMobile => self.shelves.history().len(),
            Operation::CreateContacts => self.shelves.contacts().len(),
            Operation::WriteDistributions => self.shelves.rows().len(),
            _ => 0,
        };
        if stored + items.len() > self.max_records {
            let message = format!("at most {} records are kept", self.max_records);
            return Work { reply: refusal(507, "FULL", message), effect: None };
        }
        let (mut results, effect) = write::plan(operation, items, &mut self.shelves, twists, dice);
        twists.shaping.apply(&mut results, dice);
        Work { reply: answer::results(&results), effect }
    }

    fn read(&mut self, operation: &Operation, call: &Call, twists: &Twists<'_>, dice: &mut dyn Rng) -> Reply {
        match read::find(operation, call, &self.shelves, twists) {
            Err(refused) => refused,
            Ok(mut rows) => {
                twists.shaping.apply(&mut rows, dice);
                self.traffic.count_rows(operation.name(), rows.len());
                answer::list(&rows)
            }
        }
    }
}

/// The items of a call: those of a write, the values of a read.
fn asked(operation: &Operation, call: &Call, items: Option<usize>) -> usize {
    match operation {
        Operation::FindHistory(_) => 1,
        _ => items.unwrap_or_else(|| query::count(call)),
    }
}

impl StandIn for S360Model {
    type Effect = Effect;

    fn handle(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Effect>)> {
        let acts = self.decide(now, call, dice);
        self.traffic.count_answer(&acts);
        acts
    }

    fn commit(&mut self, _at: Millis, effect: Effect) {
        self.shelves.commit(effect);
    }

    fn reset(&mut self) {
        *self = Self::new(self.max_records);
    }
}
