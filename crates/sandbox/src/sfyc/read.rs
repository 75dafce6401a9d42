//! The reading operations: filters, pages and look-ups by key.
//!
//! Guarantees: a search shows only records whose index lag is over; rows come in the order in which their numbers were
//! given out; a key that occurs twice in a look-up answers its rows once. An unknown filter is refused, so that a wrong
//! name never reads as "everything matches", unless a fault rule wants just that.

use super::answer::{Row, refusal};
use super::record::{Status, Ticket};
use super::shelves::Shelves;
use super::twists::Twists;
use super::{MAX_KEYS, MAX_PAGE_SIZE, Operation};
use crate::call::{Call, Reply};
use crate::clock::Millis;
use crate::text::fold;

const KEY_FILTERS: [&str; 3] = ["externalRef", "noteRef", "ticketNumber"];

/// What a search found.
pub(super) struct Found<'a> {
    pub(super) rows: Vec<Row<'a>>,
    pub(super) paging: Paging,
}

/// Whether an answer comes in pages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Paging {
    /// It does not.
    Whole,
    /// It does, and this is the last one.
    Last,
    /// It does, and this is the number of the next one.
    Next(usize),
}

/// How many keys a look-up asks for.
pub(super) fn key_count(call: &Call) -> usize {
    call.query.iter().filter(|(name, _)| KEY_FILTERS.contains(&name.as_str())).count()
}

/// Whether a look-up asks for this dedupe key.
pub(super) fn asks_for(call: &Call, key: &str) -> bool {
    call.query.iter().any(|(name, value)| name == "externalRef" && value == key)
}

/// The page that is asked for; 1 if none is or it is no number.
pub(super) fn page_of(call: &Call) -> usize {
    let given = call.query.iter().find(|(name, _)| name == "page");
    given.and_then(|(_, value)| value.parse().ok()).unwrap_or(1)
}

pub(super) fn find<'a>(
    operation: Operation,
    call: &Call,
    shelves: &'a Shelves,
    now: Millis,
    twists: &Twists<'_>,
) -> Result<Found<'a>, Reply> {
    let filters = Filters::read(operation, call, twists)?;
    let mut found = match operation {
        Operation::FindNotes => filters.notes(shelves, now),
        Operation::FindWorkOrders => filters.work_orders(shelves, now),
        _ => filters.tickets(shelves, now),
    };
    if twists.empty_lookups {
        found.end(None);
    }
    if let Some((_, more)) = twists.empty_page.filter(|(from_page, _)| filters.page >= *from_page) {
        found.end(more.then_some(filters.page + 1));
    }
    Ok(found)
}

impl Found<'_> {
    /// Answers nothing, and claims a next page or none if there are pages.
    fn end(&mut self, next_page: Option<usize>) {
        self.rows.clear();
        if !matches!(self.paging, Paging::Whole) {
            self.paging = next_page.map_or(Paging::Last, Paging::Next);
        }
    }
}

#[derive(Default)]
struct Filters<'a> {
    external_refs: Vec<&'a str>,
    note_refs: Vec<&'a str>,
    ticket_numbers: Vec<&'a str>,
    kind: Option<String>,
    status: Option<Wanted>,
    page: usize,
    page_size: usize,
}

#[derive(Clone, Copy)]
enum Wanted {
    /// `status=open`: open and in progress.
    AnyOpen,
    Exactly(Status),
}

impl<'a> Filters<'a> {
    fn read(operation: Operation, call: &'a Call, twists: &Twists<'_>) -> Result<Self, Reply> {
        let known: &[&str] = match operation {
            Operation::FindNotes => &["noteRef"],
            Operation::FindWorkOrders => &["externalRef", "ticketNumber"],
            _ => &["kind", "status", "page", "pageSize", "externalRef"],
        };
        let mut filters = Self { page: 1, page_size: MAX_PAGE_SIZE, ..Self::default() };
        let (mut singles, mut keys_ignored) = (Vec::new(), false);
        for (name, value) in &call.query {
            let is_known = known.contains(&name.as_str());
            let is_key = is_known && KEY_FILTERS.contains(&name.as_str());
            if let Some(ignored) = twists.ignored_filters
                && if ignored.is_empty() { is_key || !is_known } else { ignored.contains(name) }
            {
                keys_ignored |= is_key;
                continue;
            }
            if !is_known {
                return Err(refusal(400, "UNKNOWN_FILTER", format!("there is no filter `{name}` here")));
            }
            if value.is_empty() {
                return Err(invalid(name, "must not be empty"));
            }
            if !is_key {
                if singles.contains(&name) {
                    return Err(invalid(name, "must not be repeated"));
                }
                singles.push(name);
            }
            filters.set(name, value)?;
        }
        for name in KEY_FILTERS {
            let count = call.query.iter().filter(|(given, _)| given == name).count();
            if count > MAX_KEYS && !keys_ignored {
                let message = format!("{count} times `{name}`, at most {MAX_KEYS} are taken");
                return Err(refusal(400, "TOO_MANY_ITEMS", message));
            }
        }
        filters.check_keys(operation, keys_ignored)?;
        Ok(filters)
    }

    fn set(&mut self, name: &str, value: &'a str) -> Result<(), Reply> {
        let add = |keys: &mut Vec<&'a str>| {
            if !keys.contains(&value) {
                keys.push(value);
            }
        };
        match name {
            "externalRef" => add(&mut self.external_refs),
            "noteRef" => add(&mut self.note_refs),
            "ticketNumber" => add(&mut self.ticket_numbers),
            "kind" => self.kind = Some(fold(value)),
            "page" => self.page = number(name, value, usize::MAX / MAX_PAGE_SIZE)?,
            "pageSize" => self.page_size = number(name, value, MAX_PAGE_SIZE)?,
            _ => {
                self.status = Some(match value {
                    "open" => Wanted::AnyOpen,
                    "inProgress" => Wanted::Exactly(Status::InProgress),
                    "resolved" => Wanted::Exactly(Status::Resolved),
                    "closed" => Wanted::Exactly(Status::Closed),
                    "cancelled" => Wanted::Exactly(Status::Cancelled),
                    _ => return Err(invalid(name, "must be open, inProgress, resolved, closed or cancelled")),
                });
            }
        }
        Ok(())
    }

    fn check_keys(&self, operation: Operation, keys_ignored: bool) -> Result<(), Reply> {
        let without_key = self.external_refs.is_empty() && self.note_refs.is_empty() && self.ticket_numbers.is_empty();
        match operation {
            Operation::FindNotes if without_key && !keys_ignored => {
                Err(refusal(400, "MISSING_FILTER", "`noteRef` is needed"))
            }
            Operation::FindWorkOrders if without_key && !keys_ignored => {
                Err(refusal(400, "MISSING_FILTER", "`externalRef` or `ticketNumber` is needed"))
            }
            _ => Ok(()),
        }
    }

    fn tickets<'s>(&self, shelves: &'s Shelves, now: Millis) -> Found<'s> {
        let fits = |ticket: &&Ticket| {
            ticket.visible_at <= now
                && self.kind.as_deref().is_none_or(|kind| *ticket.folded_kind == *kind)
                && self.status.is_none_or(|wanted| match wanted {
                    Wanted::AnyOpen => ticket.status.is_open(),
                    Wanted::Exactly(status) => ticket.status == status,
                })
        };
        let skipped = (self.page - 1) * self.page_size;
        let mut rows: Vec<&Ticket> = if self.external_refs.is_empty() {
            let cut = |tickets: &mut dyn Iterator<Item = &'s Ticket>| {
                tickets.filter(fits).skip(skipped).take(self.page_size + 1).collect()
            };
            match self.status {
                Some(Wanted::AnyOpen | Wanted::Exactly(Status::InProgress)) => cut(&mut shelves.open_tickets()),
                _ => cut(&mut shelves.tickets()),
            }
        } else {
            let by_key = self.external_refs.iter().flat_map(|key| shelves.tickets_with_key(key));
            let mut found: Vec<_> = by_key.filter(fits).collect();
            found.sort_unstable_by_key(|ticket| ticket.sequence);
            found.into_iter().skip(skipped).take(self.page_size + 1).collect()
        };
        let paging = if rows.len() > self.page_size { Paging::Next(self.page + 1) } else { Paging::Last };
        rows.truncate(self.page_size);
        Found { rows: rows.into_iter().map(Row::Ticket).collect(), paging }
    }

    fn work_orders<'s>(&self, shelves: &'s Shelves, now: Millis) -> Found<'s> {
        let mut found: Vec<_> = if !self.external_refs.is_empty() {
            let by_ref = self.external_refs.iter().flat_map(|key| shelves.work_orders_with_ref(key));
            by_ref
                .filter(|work_order| {
                    self.ticket_numbers.is_empty() || self.ticket_numbers.contains(&&*work_order.content.ticket_number)
                })
                .collect()
        } else if !self.ticket_numbers.is_empty() {
            self.ticket_numbers.iter().flat_map(|number| shelves.work_orders_of(number)).collect()
        } else {
            shelves.work_orders().iter().collect()
        };
        found.retain(|work_order| work_order.visible_at <= now);
        found.sort_unstable_by_key(|work_order| work_order.sequence);
        found.truncate(MAX_PAGE_SIZE);
        Found { rows: found.into_iter().map(Row::WorkOrder).collect(), paging: Paging::Whole }
    }

    fn notes<'s>(&self, shelves: &'s Shelves, now: Millis) -> Found<'s> {
        let mut found: Vec<_> = if self.note_refs.is_empty() {
            shelves.notes().iter().collect()
        } else {
            self.note_refs.iter().flat_map(|note_ref| shelves.notes_with_ref(note_ref)).collect()
        };
        found.retain(|note| note.visible_at <= now);
        found.truncate(MAX_PAGE_SIZE);
        Found { rows: found.into_iter().map(Row::Note).collect(), paging: Paging::Whole }
    }
}

fn number(name: &str, value: &str, most: usize) -> Result<usize, Reply> {
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(invalid(name, &format!("must be a whole number from 1 to {most}"))),
    }
}

fn invalid(name: &str, problem: &str) -> Reply {
    refusal(400, "INVALID_FILTER", format!("`{name}` {problem}"))
}
