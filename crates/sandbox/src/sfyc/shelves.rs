//! The records and the ways to find them.
//!
//! Guarantees: records change only here; every index is kept with its records. Limit: as many tickets, work orders and
//! notes each as the model allows; the numbers end at 99,999,999.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Effect, NewTicket, Note, Status, Ticket, WorkOrder, ticket_sequence};
use crate::clock::Millis;
use crate::text::fold;

#[derive(Debug, Default)]
pub(super) struct Shelves {
    tickets: BTreeMap<u32, Ticket>,
    open_tickets: BTreeSet<u32>,
    tickets_by_key: BTreeMap<Box<str>, Vec<u32>>,
    work_orders: Vec<WorkOrder>,
    work_orders_by_ref: BTreeMap<Box<str>, Vec<usize>>,
    work_orders_by_ticket: BTreeMap<Box<str>, Vec<usize>>,
    notes: Vec<Note>,
    notes_by_ref: BTreeMap<Box<str>, Vec<usize>>,
    last_ticket: u32,
    last_work_order: u32,
}

impl Shelves {
    /// Gives out the next ticket number, also to tickets that will be made later or never.
    pub(super) fn reserve_ticket(&mut self) -> u32 {
        self.last_ticket += 1;
        self.last_ticket
    }

    /// Gives out the next work order number.
    pub(super) fn reserve_work_order(&mut self) -> u32 {
        self.last_work_order += 1;
        self.last_work_order
    }

    pub(super) fn commit(&mut self, at: Millis, effect: Effect) {
        match effect {
            Effect::CreateTickets(tickets) => {
                for (sequence, content, lag) in tickets {
                    self.insert_ticket(sequence, content, Status::Open, at, at + lag);
                }
            }
            Effect::AddNotes(notes) => {
                for (content, lag) in notes {
                    if let Some(note_ref) = &content.note_ref {
                        self.notes_by_ref.entry(note_ref.clone()).or_default().push(self.notes.len());
                    }
                    self.notes.push(Note { content, created_at: at, visible_at: at + lag });
                }
            }
            Effect::CreateWorkOrders(work_orders) => {
                for (sequence, content, lag) in work_orders {
                    let place = self.work_orders.len();
                    if let Some(external_ref) = &content.external_ref {
                        self.work_orders_by_ref.entry(external_ref.clone()).or_default().push(place);
                    }
                    self.work_orders_by_ticket.entry(content.ticket_number.clone()).or_default().push(place);
                    self.work_orders.push(WorkOrder { sequence, content, created_at: at, visible_at: at + lag });
                }
            }
            Effect::LinkWorkOrders(links) => {
                for (sequence, number) in links {
                    if let Some(ticket) = self.tickets.get_mut(&sequence) {
                        if ticket.work_order_number.as_ref() != Some(&number) {
                            ticket.updated_at = at;
                        }
                        ticket.work_order_number = Some(number);
                    }
                }
            }
        }
    }

    pub(super) fn insert_ticket(
        &mut self,
        sequence: u32,
        content: NewTicket,
        status: Status,
        at: Millis,
        visible_at: Millis,
    ) {
        if let Some(key) = &content.external_ref {
            self.tickets_by_key.entry(key.clone()).or_default().push(sequence);
        }
        if status.is_open() {
            self.open_tickets.insert(sequence);
        }
        let ticket = Ticket {
            sequence,
            folded_kind: fold(&content.kind).into(),
            content,
            status,
            work_order_number: None,
            created_at: at,
            updated_at: at,
            visible_at,
        };
        self.tickets.insert(sequence, ticket);
    }

    pub(super) fn set_status(&mut self, sequence: u32, status: Status, at: Millis) {
        if let Some(ticket) = self.tickets.get_mut(&sequence) {
            ticket.status = status;
            ticket.updated_at = at;
            if status.is_open() {
                self.open_tickets.insert(sequence);
            } else {
                self.open_tickets.remove(&sequence);
            }
        }
    }

    pub(super) fn remove_ticket(&mut self, sequence: u32) {
        self.open_tickets.remove(&sequence);
        let removed = self.tickets.remove(&sequence);
        if let Some(same_key) =
            removed.and_then(|ticket| ticket.content.external_ref).and_then(|key| self.tickets_by_key.get_mut(&key))
        {
            same_key.retain(|other| *other != sequence);
        }
    }

    /// Hands the notes of one ticket to another.
    pub(super) fn move_notes(&mut self, from: &str, to: &str) {
        for note in self.notes.iter_mut().filter(|note| *note.content.ticket_number == *from) {
            note.content.ticket_number = to.into();
        }
    }

    pub(super) fn ticket_mut(&mut self, sequence: u32) -> Option<&mut Ticket> {
        self.tickets.get_mut(&sequence)
    }

    pub(super) fn ticket(&self, sequence: u32) -> Option<&Ticket> {
        self.tickets.get(&sequence)
    }

    /// The sequence of a ticket that is stored here; `None` for a foreign number.
    pub(super) fn own_ticket(&self, number: &str) -> Option<u32> {
        ticket_sequence(number).filter(|sequence| self.tickets.contains_key(sequence))
    }

    /// Whether a stored ticket is neither open nor in progress.
    pub(super) fn is_closed(&self, sequence: u32) -> bool {
        self.tickets.get(&sequence).is_some_and(|ticket| !ticket.status.is_open())
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.values()
    }

    pub(super) fn open_tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.open_tickets.iter().filter_map(|sequence| self.tickets.get(sequence))
    }

    pub(super) fn tickets_with_key(&self, key: &str) -> impl Iterator<Item = &Ticket> {
        self.tickets_by_key.get(key).into_iter().flatten().filter_map(|sequence| self.tickets.get(sequence))
    }

    pub(super) fn work_orders(&self) -> &[WorkOrder] {
        &self.work_orders
    }

    pub(super) fn work_orders_with_ref(&self, external_ref: &str) -> impl Iterator<Item = &WorkOrder> {
        self.work_orders_by_ref.get(external_ref).into_iter().flatten().map(|place| &self.work_orders[*place])
    }

    pub(super) fn work_orders_of(&self, ticket_number: &str) -> impl Iterator<Item = &WorkOrder> + use<'_> {
        self.work_orders_by_ticket.get(ticket_number).into_iter().flatten().map(|place| &self.work_orders[*place])
    }

    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    pub(super) fn notes_with_ref(&self, note_ref: &str) -> impl Iterator<Item = &Note> {
        self.notes_by_ref.get(note_ref).into_iter().flatten().map(|place| &self.notes[*place])
    }

    pub(super) fn ticket_count(&self) -> usize {
        self.tickets.len()
    }

    pub(super) fn open_ticket_count(&self) -> usize {
        self.open_tickets.len()
    }

    pub(super) fn work_order_groups(&self) -> impl Iterator<Item = (usize, usize)> {
        let by_ref = self.work_orders_by_ref.values().map(|group| (group.len(), 0));
        by_ref.chain(self.work_orders_by_ticket.values().map(|group| (0, group.len())))
    }

    pub(super) fn note_groups(&self) -> impl Iterator<Item = usize> {
        self.notes_by_ref.values().map(Vec::len)
    }

    pub(super) fn key_groups(&self) -> impl Iterator<Item = impl Iterator<Item = &Ticket>> {
        self.tickets_by_key.values().map(|group| group.iter().filter_map(|sequence| self.tickets.get(sequence)))
    }
}
