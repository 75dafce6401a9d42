//! The whole of SFyC as one deterministic machine: the same calls at the same times with the same dice give the same acts.
//!
//! Limits: `max_records` tickets, work orders and notes each; a create beyond that is answered 507 and does nothing.

use rand::Rng;

use super::answer::{self, refusal};
use super::answer::{refuse_for_fault, unauthorized};
use super::operation::{CATALOGUE, Miss, Operation};
use super::operator::{self, OperatorAct, OperatorError, SeedTicket};
use super::read::{self, Paging};
use super::record::{Effect, Ticket, ticket_number, ticket_sequence};
use super::shelves::Shelves;
use super::stats::{Duplicates, Stats};
use super::twists::Twists;
use super::write::{self, Item};
use crate::call::{Act, Call, Reply, StandIn};
use crate::clock::Millis;
use crate::credentials;
use crate::faults::{FaultBoard, Knob};
use crate::timeline::{Work, lay_out};
use crate::traffic::Traffic;

/// The SFyC platform without clock, socket and randomness of its own.
#[derive(Debug)]
pub struct SfycModel {
    shelves: Shelves,
    faults: FaultBoard,
    traffic: Traffic,
    max_records: usize,
}

impl SfycModel {
    /// An empty platform that holds at most `max_records` tickets, work orders and notes each.
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
        Stats {
            traffic: self.traffic.clone(),
            faults: self.faults.fired().clone(),
            duplicates: Duplicates::of(&self.shelves),
            tickets: self.shelves.ticket_count(),
            open_tickets: self.shelves.open_ticket_count(),
            work_orders: self.shelves.work_orders().len(),
            notes: self.shelves.notes().len(),
            linked: self.shelves.tickets().filter(|ticket| ticket.work_order_number.is_some()).count(),
        }
    }

    /// Puts older tickets on the platform; answers their numbers. One wrong seed and none is taken.
    pub fn seed_tickets(&mut self, now: Millis, seeds: Vec<SeedTicket>) -> Result<Vec<String>, OperatorError> {
        let added = operator::seed(&mut self.shelves, now, seeds, self.max_records)?;
        Ok(added.into_iter().map(ticket_number).collect())
    }

    /// Lets an operator work on a ticket; answers the number of the ticket that is left, if one is.
    pub fn operate(&mut self, now: Millis, number: &str, act: &OperatorAct) -> Result<Option<String>, OperatorError> {
        if matches!(act, OperatorAct::Copy {}) && self.shelves.ticket_count() >= self.max_records {
            return Err(OperatorError::Full(self.max_records));
        }
        Ok(operator::operate(&mut self.shelves, now, number, act)?.map(ticket_number))
    }

    /// All tickets in the order of their numbers, shown by searches or not.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.shelves.tickets()
    }

    /// The ticket with this number.
    pub fn ticket(&self, number: &str) -> Option<&Ticket> {
        ticket_sequence(number).and_then(|sequence| self.shelves.ticket(sequence))
    }

    /// All work orders in the order in which they were made.
    pub fn work_orders(&self) -> &[super::WorkOrder] {
        self.shelves.work_orders()
    }

    /// All notes in the order in which they were made.
    pub fn notes(&self) -> &[super::Note] {
        self.shelves.notes()
    }

    pub(super) fn shelves(&self) -> &Shelves {
        &self.shelves
    }

    fn work(
        &mut self,
        operation: Operation,
        call: &Call,
        items: Result<&[Item], &Reply>,
        now: Millis,
        twists: &Twists<'_>,
        dice: &mut dyn Rng,
    ) -> Work<Effect> {
        match operation {
            Operation::Health => Work { reply: Reply::json(200, r#"{"status":"ok"}"#), effect: None },
            Operation::CreateTickets
            | Operation::AddNotes
            | Operation::CreateWorkOrders
            | Operation::LinkWorkOrders => {
                let items = match items {
                    Ok(items) => items,
                    Err(refused) => return Work { reply: refused.clone(), effect: None },
                };
                if self.is_full(operation, items.len()) {
                    let message = format!("at most {} records are kept", self.max_records);
                    return Work { reply: refusal(507, "FULL", message), effect: None };
                }
                let (mut results, effect) = write::plan(operation, items, &mut self.shelves, twists, dice);
                twists.shaping.apply(&mut results, dice);
                Work { reply: answer::results(&results), effect }
            }
            _ => {
                let reply = match read::find(operation, call, &self.shelves, now, twists) {
                    Err(refused) => refused,
                    Ok(mut found) => {
                        twists.shaping.apply(&mut found.rows, dice);
                        self.traffic.count_rows(operation.name(), found.rows.len());
                        match found.paging {
                            Paging::Whole => answer::list(&found.rows),
                            Paging::Last => answer::page(&found.rows, None),
                            Paging::Next(page) => answer::page(&found.rows, Some(page)),
                        }
                    }
                };
                Work { reply, effect: None }
            }
        }
    }

    fn is_full(&self, operation: Operation, more: usize) -> bool {
        let stored = match operation {
            Operation::CreateTickets => self.shelves.ticket_count(),
            Operation::AddNotes => self.shelves.notes().len(),
            Operation::CreateWorkOrders => self.shelves.work_orders().len(),
            _ => return false,
        };
        stored + more > self.max_records
    }

    fn decide(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Effect>)> {
        let refuse = |traffic: &mut Traffic, reply| {
            traffic.count_call("none", 0);
            vec![(now, Act::Reply(reply))]
        };
        if !credentials::accepts(call.authorization.as_deref()) {
            return refuse(&mut self.traffic, unauthorized("the login is missing or wrong"));
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
        let items = if call.method == http::Method::POST { write::items(&call.body) } else { Ok(Vec::new()) };
        let count = items.as_ref().map_or(0, Vec::len) + read::key_count(call);
        self.traffic.count_call(operation.name(), count);

        let has_key =
            |key: &str| items.as_ref().is_ok_and(|items| items.iter().any(|item| item.has_key(key, &self.shelves)));
        let fired = self.faults.draw(now, operation.name(), dice, |rule| {
            let concerns_key = rule.dedupe_key.as_deref().is_none_or(|key| has_key(key) || read::asks_for(call, key));
            concerns_key
                && match &rule.knob {
                    Knob::KeepAliveClosed {} => call.reused_connection,
                    Knob::PoisonItem { text, .. } | Knob::PoisonCall { text, .. } => {
                        items.as_ref().is_ok_and(|items| items.iter().any(|item| item.contains(text)))
                    }
                    Knob::ClosedTicketRefused {} => {
                        let is_about_a_ticket = matches!(operation, Operation::AddNotes | Operation::LinkWorkOrders);
                        let is_closed = |item: &Item| {
                            item.own_ticket(&self.shelves).is_some_and(|sequence| self.shelves.is_closed(sequence))
                        };
                        is_about_a_ticket && items.as_ref().is_ok_and(|items| items.iter().any(is_closed))
                    }
                    Knob::EmptyPage { from_page, .. } => read::page_of(call) >= *from_page,
                    _ => true,
                }
        });
        let twists = Twists::of(&fired.twists);
        let delay = twists.draw_delay(dice);
        let work = self.work(operation, call, items.as_deref(), now, &twists, dice);
        lay_out(now, delay, fired.outcome.as_ref(), work, refuse_for_fault)
    }
}

impl StandIn for SfycModel {
    type Effect = Effect;

    fn handle(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Effect>)> {
        let acts = self.decide(now, call, dice);
        self.traffic.count_answer(&acts);
        acts
    }

    fn commit(&mut self, at: Millis, effect: Effect) {
        self.shelves.commit(at, effect);
    }

    fn reset(&mut self) {
        *self = Self::new(self.max_records);
    }
}
