//! One decision of a run, one transaction: outcomes, items, what is known now, claims, new intents (I3).
//!
//! Cost: the states of a page are read and written once, however many of its items change; one statement per outcome,
//! intent, known thing, and item that waits, waited, fails or had failed.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::pages::{self, PageStates};
use super::words::{pack_items, text, word};
use super::{lease, statements as sql};
use crate::rules::feedback::{
    Stored, check_intent_item, check_writes, no_claim, no_open_call, no_such_item, only_a_preview, sent_before,
};
use crate::sqlite::fault::Fault;
use crate::{
    BoxContact, BoxDistribution, CallId, CallIntent, Claim, ClaimAnswer, FeedbackWrites, Held, ItemChange, ItemId,
    ItemWrite, MobileTicket, PageId, RunFence, SentBefore,
};

/// The pages that a transaction has looked at.
struct Touched<'s> {
    store: &'s Connection,
    organizer: &'s str,
    pages: BTreeMap<PageId, (PageStates, BTreeSet<u32>)>,
}

impl Touched<'_> {
    /// The item's state and page, with the positions that wait. Refused if it is not the organizer's.
    fn item(&mut self, item: ItemId) -> Result<(Stored, &mut PageStates, &mut BTreeSet<u32>), Fault> {
        let missing = || Fault::Rule(no_such_item(item, self.organizer));
        if !self.pages.contains_key(&item.page) {
            let states = PageStates::of(self.store, item.page)?.ok_or_else(missing)?;
            let waiting = pages::waiting(self.store, item.page)?.into_iter().map(|waiting| waiting.position);
            self.pages.insert(item.page, (states, waiting.collect()));
        }
        let (states, waiting) = self.pages.get_mut(&item.page).ok_or_else(missing)?;
        match states.get(item.position) {
            Some(state) if *states.organizer == *self.organizer => Ok((state, states, waiting)),
            _ => Err(missing()),
        }
    }
}

/// Carries it out.
pub(super) fn write(store: &Connection, fence: &RunFence, writes: &FeedbackWrites) -> Result<Held<Vec<CallId>>, Fault> {
    let Some(is_preview) = lease::held(store, fence)? else { return Ok(Held::Lost) };
    check_writes(fence, writes).map_err(Fault::Rule)?;
    if is_preview && !(writes.intents.is_empty() && writes.sent_claims.is_empty()) {
        return Err(Fault::Rule(only_a_preview(fence.run)));
    }
    for outcome in &writes.outcomes {
        let values = params![outcome.call.0, fence.run.0, outcome.text, writes.at.0];
        if store.prepare_cached(sql::CALL_SETTLE)?.execute(values)? != 1 {
            return Err(Fault::Rule(no_open_call(outcome.call, fence.run)));
        }
    }
    let mut touched = Touched { store, organizer: &fence.organizer, pages: BTreeMap::new() };
    for item in &writes.items {
        write_item(&mut touched, item, writes)?;
    }
    for (states, _) in touched.pages.values() {
        states.write(store, Some(writes.at))?;
    }
    writes.tickets.iter().try_for_each(|ticket| write_ticket(store, ticket))?;
    writes.contacts.iter().try_for_each(|contact| write_contact(store, contact))?;
    writes.distributions.iter().try_for_each(|row| write_distribution(store, row))?;
    for email in &writes.released_claims {
        store.prepare_cached(sql::CLAIM_DROP)?.execute(params![email, fence.organizer, fence.token])?;
    }
    for email in &writes.sent_claims {
        let values = params![email, fence.organizer, fence.token];
        if store.prepare_cached(sql::CLAIM_SENT)?.execute(values)? == 0 {
            return Err(Fault::Rule(no_claim(fence.run)));
        }
    }
    let intents = writes.intents.iter().map(|intent| write_intent(&mut touched, fence, intent, writes));
    Ok(Held::Done(intents.collect::<Result<_, _>>()?))
}

fn write_item(touched: &mut Touched<'_>, write: &ItemWrite, writes: &FeedbackWrites) -> Result<(), Fault> {
    let (store, organizer, item) = (touched.store, touched.organizer, write.item);
    let (state, states, waiting) = touched.item(item)?;
    let Some(next) = state.changed(item, &write.change).map_err(Fault::Rule)? else { return Ok(()) };
    states.set(item.position, next);
    if state.is_listed() && !next.is_listed() {
        store.prepare_cached(sql::FAILED_DROP)?.execute(params![item.page.0, item.position])?;
    }
    if waiting.remove(&item.position) && next != Stored::Pending {
        store.prepare_cached(sql::WAITING_DROP)?.execute(params![item.page.0, item.position])?;
    }
    match &write.change {
        ItemChange::Done => {}
        ItemChange::Waits { attempts, due_at, reason } => {
            waiting.insert(item.position);
            let values = params![item.page.0, item.position, attempts, due_at.0, reason];
            store.prepare_cached(sql::WAITING_PUT)?.execute(values)?;
        }
        ItemChange::Failed(failure) => {
            store.prepare_cached(sql::FAILED_PUT)?.execute(params![
                item.page.0,
                item.position,
                organizer,
                failure.ticket_id,
                failure.code,
                failure.text,
                failure.blocking,
                writes.at.0,
            ])?;
        }
    }
    Ok(())
}

fn write_ticket(store: &Connection, ticket: &MobileTicket) -> Result<(), Fault> {
    store.prepare_cached(sql::TICKET_PUT)?.execute(params![
        ticket.organizer,
        ticket.ticket_id,
        ticket.tax_number,
        ticket.status.as_str(),
        ticket.status_date.to_string(),
        ticket.owner_email,
        ticket.beneficiary,
        ticket.page.0,
        ticket.at.0,
    ])?;
    Ok(())
}

fn write_contact(store: &Connection, contact: &BoxContact) -> Result<(), Fault> {
    store.prepare_cached(sql::CONTACT_PUT)?.execute(params![
        contact.box_office,
        contact.contact_number.as_str(),
        contact.organizer,
        contact.email,
        contact.created,
        contact.request_ref,
        contact.ticket_id,
        contact.at.0,
    ])?;
    Ok(())
}

fn write_distribution(store: &Connection, row: &BoxDistribution) -> Result<(), Fault> {
    store.prepare_cached(sql::DISTRIBUTION_PUT)?.execute(params![
        row.distribution_ref,
        row.organizer,
        row.ticket_id,
        row.old_contact,
        row.new_contact,
        word(&row.status)?,
        row.row_at.to_string(),
        row.at.0,
    ])?;
    Ok(())
}

fn write_intent(
    touched: &mut Touched<'_>,
    fence: &RunFence,
    intent: &CallIntent,
    writes: &FeedbackWrites,
) -> Result<CallId, Fault> {
    for item in &intent.items {
        let (state, ..) = touched.item(*item)?;
        check_intent_item(*item, state).map_err(Fault::Rule)?;
    }
    touched.store.prepare_cached(sql::CALL_INSERT)?.execute(params![
        fence.organizer,
        fence.run.0,
        intent.box_office,
        word(&intent.kind)?,
        pack_items(&intent.items),
        intent.body_hash,
        writes.at.0,
    ])?;
    Ok(CallId(touched.store.last_insert_rowid()))
}

/// Claims e-mails.
pub(super) fn claim(
    store: &Connection,
    fence: &RunFence,
    box_office: &str,
    claims: &[Claim],
) -> Result<Held<Vec<ClaimAnswer>>, Fault> {
    match lease::held(store, fence)? {
        None => return Ok(Held::Lost),
        Some(true) => return Err(Fault::Rule(only_a_preview(fence.run))),
        Some(false) => {}
    }
    let answers = claims.iter().map(|claim| claim_one(store, fence, box_office, claim));
    Ok(Held::Done(answers.collect::<Result<_, _>>()?))
}

fn claim_one(store: &Connection, fence: &RunFence, box_office: &str, claim: &Claim) -> Result<ClaimAnswer, Fault> {
    let stored = store
        .prepare_cached(sql::CLAIM)?
        .query_row(params![claim.email, box_office], |row| {
            Ok((text(row, 0)?, text(row, 1)?, row.get::<_, i64>(2)?, row.get::<_, bool>(3)?))
        })
        .optional()?;
    let (request_ref, sent_before) = match stored {
        None => (claim.request_ref.clone(), SentBefore::No),
        Some((_, organizer, token, _))
            if organizer != fence.organizer && lease::is_alive(store, &organizer, token)? =>
        {
            return Ok(ClaimAnswer::Busy);
        }
        Some((request_ref, organizer, _, sent)) => (request_ref, sent_before(sent, &organizer, fence)),
    };
    let values = params![claim.email, box_office, request_ref, fence.organizer, fence.token];
    store.prepare_cached(sql::CLAIM_PUT)?.execute(values)?;
    Ok(ClaimAnswer::Granted { request_ref, sent_before })
}
