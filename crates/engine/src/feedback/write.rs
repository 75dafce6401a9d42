//! Rounds of writes: calls formed by kind, intents committed, calls sent side by side, answers matched by key.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use sha2::{Digest, Sha256};
use ticketbridge_core::mobile::{AfterWrite, ContactNumber, ItemOutcome, Name, Party, Write, WriteAnswer, WriteKind};
use ticketbridge_platforms::s360::{self, WriteReading, WriteResult};
use ticketbridge_platforms::{CallFaultKind, HttpCall, Transport};
use ticketbridge_store::{BoxContact, BoxDistribution, CallId, CallIntent, CallOutcome, MobileTicket, StoreError};

use super::run::{Runner, Stop};
use super::wave::{Active, Left, Tally, Try};

/// One call of a round.
struct Outgoing {
    kind: WriteKind,
    /// Places among the active items.
    members: Vec<usize>,
    call: HttpCall,
}

impl Runner<'_> {
    /// Writes until each item is done, has failed or waits.
    pub(super) async fn write_all<'p>(
        &mut self,
        active: Vec<Active<'p>>,
        tally: &mut Tally,
        left: &mut Vec<Left<'p>>,
    ) -> Result<(), Stop> {
        let mut active: Vec<Option<Active<'p>>> = active.into_iter().map(Some).collect();
        loop {
            self.go_on()?;
            let calls = form(&active)?;
            if calls.is_empty() {
                return Ok(());
            }
            let ids = self.commit_intents(&calls, &active).await?;
            let answers = self.send_all(&calls).await;
            let mut set_up = None;
            for ((call, id), transport) in calls.iter().zip(ids).zip(answers) {
                let fault = self.take_answer(call, id, &transport, &mut active, tally, left);
                set_up = set_up.or(fault);
            }
            if let Some(why) = set_up {
                return Err(Stop::SetUp(why));
            }
            active.retain(Option::is_some);
        }
    }

    async fn commit_intents(&mut self, calls: &[Outgoing], active: &[Option<Active<'_>>]) -> Result<Vec<CallId>, Stop> {
        for call in calls {
            let members = || call.members.iter().filter_map(|place| active.get(*place)?.as_ref());
            if call.kind == WriteKind::CreateContact {
                self.writes.sent_claims.extend(members().filter_map(|one| one.claim));
            }
            self.writes.intents.push(CallIntent {
                box_office: self.function.box_office.clone(),
                kind: call.kind,
                items: members().map(|one| one.one.id).collect(),
                body_hash: Sha256::digest(call.call.body.as_ref().unwrap_or(&Bytes::new())).into(),
            });
        }
        self.flush().await
    }

    async fn send_all(&self, calls: &[Outgoing]) -> Vec<Transport> {
        let timeout = self.function.timeout;
        let requests: Vec<_> = calls
            .iter()
            .map(|call| self.parts.box_office.send(&call.call, timeout, self.life.outlives(timeout)))
            .collect();
        stream::iter(requests).buffered(self.function.max_in_flight).collect().await
    }

    /// Takes in the answer to one call. Answers why applying must stop, if it must.
    fn take_answer<'p>(
        &mut self,
        call: &Outgoing,
        id: CallId,
        transport: &Transport,
        active: &mut [Option<Active<'p>>],
        tally: &mut Tally,
        left: &mut Vec<Left<'p>>,
    ) -> Option<String> {
        let now = self.parts.time.now();
        let WriteReading { results, fault, unmatched } =
            s360::read_write(call.kind, &next_writes(active, &call.members), transport, now.wall);
        let not_sent = matches!(&fault, Some(fault) if fault.kind == CallFaultKind::NotSent);
        let retry_after = match fault.as_ref().map(|fault| fault.kind) {
            Some(CallFaultKind::Transient { retry_after }) => retry_after,
            _ => None,
        };
        let why = fault.as_ref().map_or("no result for it in the answer", |fault| fault.why.as_str());
        let (mut confirmed, mut refused, mut unclear) = (0_u32, 0_u32, 0_u32);
        if unmatched > 0 {
            tracing::warn!(call = id.0, unmatched, "The box office answered for writes that it was not sent.");
        }
        let is_unclear = |result: &WriteResult| matches!(result.answer, WriteAnswer::Ambiguous);
        let is_fruitless = !not_sent && results.iter().all(is_unclear);
        let mut set_up = None;
        for (place, result) in call.members.iter().zip(results) {
            let Some(slot) = active.get_mut(*place) else { continue };
            let Some(mut one) = slot.take() else { continue };
            let code = match &result.answer {
                WriteAnswer::Refused { code, .. } => Some(code.clone()),
                _ => None,
            };
            match &result.answer {
                WriteAnswer::Confirmed => confirmed += 1,
                WriteAnswer::Refused { .. } => refused += 1,
                WriteAnswer::Ambiguous | WriteAnswer::CallRefused => unclear += 1,
            }
            // What was surely not created is nobody's claim any more; what may have been stays claimed.
            let surely_not =
                not_sent || matches!(&result.answer, WriteAnswer::Refused { .. } | WriteAnswer::CallRefused);
            if surely_not && call.kind == WriteKind::CreateContact {
                self.writes.released_claims.extend(one.claim.take());
            }
            // Not at its intent: between that and its sending it may have waited for the store, and for its turn.
            if let Some(email) = one.claim {
                self.doubts.sent(email, now.mono);
            }
            match result.answer.judge() {
                AfterWrite::GoOn if self.confirm(&mut one, result.created.as_ref()) => {
                    *slot = self.next_or_done(one, tally);
                }
                AfterWrite::GoOn | AfterWrite::Wait => {
                    one.one.attempts += u32::from(!not_sent);
                    if is_fruitless {
                        one.one.together = (call.members.len() / 2).max(1);
                    }
                    let reason = code.unwrap_or_else(|| why.into());
                    left.push(Left { one: one.one, reason, retry_after });
                }
                AfterWrite::Fail(code) => self.settle_try(&one.one, &ItemOutcome::Failed(code), tally),
                AfterWrite::StopRun => set_up = Some(why.to_owned()),
            }
        }
        tally.fruitful |= confirmed + refused > 0;
        tally.failed |= confirmed + refused == 0;
        tally.failed_together |= confirmed + refused == 0 && call.members.len() > 1;
        let text = match &fault {
            Some(fault) => format!("{confirmed} confirmed, {refused} refused, {unclear} unclear: {}", fault.why),
            None => format!("{confirmed} confirmed, {refused} refused, {unclear} unclear"),
        };
        self.writes.outcomes.push(CallOutcome { call: id, text: text.into() });
        set_up
    }

    /// The item, if it has another write to be done.
    fn next_or_done<'p>(&mut self, one: Active<'p>, tally: &mut Tally) -> Option<Active<'p>> {
        if one.plan.next().is_some() {
            return Some(one);
        }
        for found in &one.plan.discrepancies {
            tracing::info!(ticket = %one.one.item.ticket_id, "{found}");
        }
        for warning in &one.one.item.warnings {
            tracing::warn!(ticket = %one.one.item.ticket_id, "{warning}");
        }
        self.counters.count_discrepancies(&one.plan.discrepancies);
        self.note_ticket(&one.one);
        self.settle_try(&one.one, &ItemOutcome::Updated, tally);
        None
    }

    /// Takes a confirmed write off the plan and notes what the box office has now. False: the number of the new contact
    /// is missing, so that it has to be looked up.
    pub(super) fn confirm(&mut self, active: &mut Active<'_>, created: Option<&ContactNumber>) -> bool {
        self.note_write(active, created);
        let is_creation = matches!(active.plan.next(), Some(Write::CreateContact(_)));
        match active.plan.confirm(created) {
            Ok(effect) => {
                if let Some(effect) = effect {
                    self.counters.count_effect(effect);
                }
                if is_creation {
                    self.writes.released_claims.extend(active.claim.take());
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Notes contacts and rows as they are now.
    fn note_write(&mut self, active: &Active<'_>, created: Option<&ContactNumber>) {
        let at = self.parts.time.now().wall;
        let (organizer, ticket_id) = (self.function.organizer.clone(), Box::from(&*active.one.item.ticket_id));
        let contact = |number: &ContactNumber, email: Option<Box<str>>, request_ref: Option<Box<str>>| BoxContact {
            box_office: self.function.box_office.clone(),
            organizer: self.function.organizer.clone(),
            contact_number: number.clone(),
            email,
            created: request_ref.is_some(),
            request_ref,
            ticket_id: Box::from(&*active.one.item.ticket_id),
            at,
        };
        match active.plan.next() {
            Some(Write::CreateContact(write)) => {
                let noted = created.map(|number| {
                    contact(number, Some(write.email.as_str().into()), Some(write.request_ref.as_str().into()))
                });
                self.writes.contacts.extend(noted);
            }
            Some(Write::UpdateContact(write)) => {
                let email = active.one.item.target_email().map(|email| Box::from(email.as_str()));
                let noted = contact(&write.contact_number, email, None);
                self.writes.contacts.push(noted);
            }
            Some(Write::UpsertDistribution(write)) => {
                let number = |party: &Option<Party>| match party {
                    Some(Party::Known(number)) => Some(Box::from(number.as_str())),
                    _ => None,
                };
                self.writes.distributions.push(BoxDistribution {
                    organizer,
                    distribution_ref: write.distribution_ref.as_str().into(),
                    ticket_id,
                    old_contact: number(&write.old_contact_number),
                    new_contact: number(&write.new_contact_number),
                    status: write.status,
                    row_at: write.at,
                    at,
                });
            }
            Some(Write::SetCulturalContact(_) | Write::StoreMobile(_)) | None => {}
        }
    }

    /// Notes a ticket as the box office has it now.
    pub(super) fn note_ticket(&mut self, one: &Try<'_>) {
        let item = one.item;
        let beneficiary = item.mobile.beneficiary.as_ref().map(|person| {
            let names = [person.first_name.as_ref(), person.last_name.as_ref()];
            let names: Vec<&str> = names.into_iter().flatten().map(Name::as_str).collect();
            names.join(" ")
        });
        self.writes.tickets.push(MobileTicket {
            organizer: self.function.organizer.clone(),
            ticket_id: Box::from(&*item.ticket_id),
            tax_number: item.tax_number.as_deref().map(Box::from),
            status: item.mobile.status,
            status_date: item.mobile.status_date,
            owner_email: item.owner_email().map(|email| Box::from(email.as_str())),
            beneficiary: beneficiary.filter(|names| !names.is_empty()).map(Box::from),
            page: one.id.page,
            at: self.parts.time.now().wall,
        });
    }
}

/// The next writes of these items, in their order.
fn next_writes<'a, 'p>(active: &'a [Option<Active<'p>>], members: &[usize]) -> Vec<&'a Write<'p>> {
    members.iter().filter_map(|place| active.get(*place)?.as_ref()?.plan.next()).collect()
}

/// The next write of each item, those of one kind together. An item that failed in a call goes in a smaller one.
fn form(active: &[Option<Active<'_>>]) -> Result<Vec<Outgoing>, Stop> {
    let mut groups: BTreeMap<(WriteKind, usize), Vec<usize>> = BTreeMap::new();
    for (place, one) in active.iter().enumerate() {
        let Some(one) = one else { continue };
        let Some(write) = one.plan.next() else { continue };
        groups.entry((write.kind(), one.one.together)).or_default().push(place);
    }
    let mut calls = Vec::new();
    for ((kind, size), places) in groups {
        for members in places.chunks(size) {
            let writes = next_writes(active, members);
            let call = s360::write_call(kind, &writes).map_err(|error| {
                Stop::Store(StoreError::Refused(format!("a call cannot be written ({kind}): {error}")))
            })?;
            calls.push(Outgoing { kind, members: members.to_vec(), call });
        }
    }
    Ok(calls)
}
