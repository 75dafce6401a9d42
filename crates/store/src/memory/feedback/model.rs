//! What the in-memory store knows of mobile tickets, and what changes it. A refused transaction is found out before
//! anything is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use ticketbridge_core::mobile::{KeyMove, MoveReason, PageSource, PaginationKey, RewindError};
use ticketbridge_core::time::Wall;

use super::latest::Latest;
use crate::rules::feedback::{NO_ANSWER, Stored, check_page, lost_end, only_a_preview, refused_end, sent_before};
use crate::{
    BeginAnswer, BeginRun, BoxContact, BoxDistribution, CallId, CallRecord, Claim, ClaimAnswer, FailedItem,
    FeedbackRun, Held, ItemId, LeaseView, MobileTicket, NewPage, PageId, RewindAnswer, RunEnd, RunFence, RunGrant,
    RunId, SentBefore, StoredPage, Trigger, Waiting,
};

/// A lease; `run`: who holds it.
#[derive(Debug, Clone, Default)]
struct Lease {
    token: i64,
    run: Option<RunId>,
    is_preview: bool,
    expires_at: Duration,
}

/// A stored page.
#[derive(Clone)]
pub(super) struct Page {
    pub(super) organizer: Box<str>,
    pub(super) source: PageSource,
    pub(super) body: Option<Bytes>,
    pub(super) states: Vec<Stored>,
    pub(super) waiting: BTreeMap<u32, Waiting>,
    pub(super) touched_at: Wall,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its body is full of personal data.
        let Self { organizer, source, states, touched_at, .. } = self;
        write!(f, "Page({organizer} {source:?} {} items, {touched_at:?})", states.len())
    }
}

impl Page {
    /// Items that have to be applied.
    pub(super) fn open(&self) -> usize {
        self.states.iter().filter(|state| state.is_open()).count()
    }
}

/// Who is creating a contact.
#[derive(Debug, Clone)]
pub(super) struct ClaimRow {
    pub(super) request_ref: Box<str>,
    pub(super) organizer: Box<str>,
    pub(super) token: i64,
    pub(super) sent: bool,
}

impl ClaimRow {
    /// Whether this run has it.
    pub(super) fn is_of(&self, fence: &RunFence) -> bool {
        self.organizer == fence.organizer && self.token == fence.token
    }
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(in crate::memory) struct Feedback {
    leases: BTreeMap<Box<str>, Lease>,
    pub(super) runs: BTreeMap<RunId, FeedbackRun>,
    keys: BTreeMap<Box<str>, PaginationKey>,
    pub(super) moves: Vec<KeyMove>,
    pub(super) pages: BTreeMap<PageId, Page>,
    pub(super) failed: Latest<ItemId, FailedItem>,
    pub(super) calls: BTreeMap<CallId, (Box<str>, CallRecord)>,
    pub(super) skips: BTreeSet<(Box<str>, Box<str>)>,
    /// By e-mail and platform.
    pub(super) claims: BTreeMap<([u8; 32], Box<str>), ClaimRow>,
    pub(super) tickets: Latest<(Box<str>, Box<str>), MobileTicket>,
    pub(super) contacts: Latest<(Box<str>, Box<str>), BoxContact>,
    pub(super) distributions: Latest<Box<str>, BoxDistribution>,
}

impl Feedback {
    /// Whether the lease still carries the token; with `Some`, whether the run is a preview.
    pub(super) fn held(&self, fence: &RunFence) -> Option<bool> {
        let lease = self.leases.get(&fence.organizer)?;
        let is_held = lease.token == fence.token && lease.run == Some(fence.run);
        is_held.then_some(lease.is_preview)
    }

    /// Whether a run is alive.
    pub(super) fn is_alive(&self, organizer: &str, token: i64, clock: Duration) -> bool {
        self.lease(organizer, clock).is_some_and(|lease| lease.token == token && !lease.remaining.is_zero())
    }

    pub(super) fn lease(&self, organizer: &str, clock: Duration) -> Option<LeaseView> {
        let lease = self.leases.get(organizer)?;
        let remaining = lease.expires_at.saturating_sub(clock);
        lease.run.map(|run| LeaseView { run, token: lease.token, remaining })
    }

    pub(super) fn begin(&mut self, begin: BeginRun, clock: Duration) -> BeginAnswer {
        let id = RunId(self.runs.keys().next_back().map_or(1, |last| last.0 + 1));
        let mut run = FeedbackRun {
            id,
            organizer: begin.organizer.clone(),
            internal_name: begin.internal_name,
            trigger: begin.trigger,
            began_at: begin.at,
            end: None,
        };
        if let Some(LeaseView { run: by, remaining, .. }) = self.lease(&begin.organizer, clock)
            && !remaining.is_zero()
        {
            run.end = Some(refused_end(by, begin.at));
            self.runs.insert(id, run);
            return BeginAnswer::Refused { run: id, by, remaining };
        }
        self.end_lost(&begin.organizer, begin.at);
        let mut abandoned_calls = 0;
        let of_organizer = self.calls.values_mut().filter(|(organizer, _)| *organizer == begin.organizer);
        for (_, call) in of_organizer.filter(|(_, call)| call.outcome.is_none()) {
            call.outcome = Some((NO_ANSWER.into(), begin.at));
            abandoned_calls += 1;
        }
        self.runs.insert(id, run);
        let lease = self.leases.entry(begin.organizer.clone()).or_default();
        *lease = Lease {
            token: lease.token + 1,
            run: Some(id),
            is_preview: begin.trigger == Trigger::Preview,
            expires_at: clock.saturating_add(begin.time_to_live),
        };
        let fence = RunFence { organizer: begin.organizer.clone(), run: id, token: lease.token };
        let of_organizer = self.pages.iter().filter(|(_, page)| page.organizer == begin.organizer);
        let open_pages = of_organizer.filter(|(_, page)| page.open() > 0).map(|(id, _)| *id).collect();
        let key = self.key(&begin.organizer);
        BeginAnswer::Begun(Box::new(RunGrant { fence, key, open_pages, abandoned_calls }))
    }

    fn end_lost(&mut self, organizer: &str, at: Wall) {
        for run in self.runs.values_mut().filter(|run| *run.organizer == *organizer && run.end.is_none()) {
            run.end = Some(lost_end(at));
        }
    }

    pub(super) fn renew(&mut self, fence: &RunFence, expires_at: Duration) -> Held<()> {
        match (self.held(fence), self.leases.get_mut(&fence.organizer)) {
            (Some(_), Some(lease)) => {
                lease.expires_at = expires_at;
                Held::Done(())
            }
            _ => Held::Lost,
        }
    }

    pub(super) fn end(&mut self, fence: &RunFence, end: RunEnd) -> Held<()> {
        match (self.held(fence), self.leases.get_mut(&fence.organizer)) {
            (Some(_), Some(lease)) => lease.run = None,
            _ => return Held::Lost,
        }
        if let Some(run) = self.runs.get_mut(&fence.run) {
            run.end = Some(end);
        }
        Held::Done(())
    }

    pub(super) fn key(&self, organizer: &str) -> PaginationKey {
        self.keys.get(organizer).cloned().unwrap_or_default()
    }

    /// Sets the key and records the move under its number.
    fn move_key(&mut self, mut step: KeyMove) -> KeyMove {
        step.n = self.moves.iter().filter(|known| known.organizer == step.organizer).count() as u64 + 1;
        self.keys.insert(step.organizer.clone(), step.new.clone());
        self.moves.push(step.clone());
        step
    }

    pub(super) fn store_page(&mut self, fence: &RunFence, new: NewPage) -> Result<Held<PageId>, String> {
        match self.held(fence) {
            None => return Ok(Held::Lost),
            Some(true) => return Err(only_a_preview(fence.run)),
            Some(false) => {}
        }
        let old = self.key(&fence.organizer);
        check_page(&new, &old)?;
        let id = PageId(self.pages.keys().next_back().map_or(1, |last| last.0 + 1));
        let page = Page {
            organizer: fence.organizer.clone(),
            source: new.source,
            body: Some(new.body),
            states: vec![Stored::Pending; usize::try_from(new.items).unwrap_or_default()],
            waiting: BTreeMap::new(),
            touched_at: new.at,
        };
        self.pages.insert(id, page);
        if let Some(next) = new.next {
            self.move_key(KeyMove {
                n: 0,
                organizer: fence.organizer.clone(),
                old,
                new: next,
                reason: MoveReason::Page,
                page_id: Some(id.0 as u64),
                run_id: Some(fence.run.0 as u64),
                who: None,
                at: new.at,
            });
        }
        Ok(Held::Done(id))
    }

    pub(super) fn page(&self, id: PageId) -> Option<StoredPage> {
        let page = self.pages.get(&id)?;
        Some(StoredPage {
            id,
            source: page.source,
            body: page.body.clone(),
            states: page.states.iter().map(|state| state.shown()).collect(),
            waiting: page.waiting.values().cloned().collect(),
        })
    }

    pub(super) fn rewind(
        &mut self,
        organizer: &str,
        to: Option<u64>,
        who: &str,
        at: Wall,
        clock: Duration,
    ) -> RewindAnswer {
        if self.lease(organizer, clock).is_some_and(|lease| !lease.remaining.is_zero()) {
            return RewindAnswer::Refused(RewindError::RunInProgress);
        }
        let new = match to {
            None => PaginationKey::default(),
            Some(n) => match self.moves.iter().find(|step| *step.organizer == *organizer && step.n == n) {
                Some(step) => step.new.clone(),
                None => return RewindAnswer::Refused(RewindError::NotInHistory),
            },
        };
        let lease = self.leases.entry(organizer.into()).or_default();
        *lease = Lease { token: lease.token + 1, run: None, ..lease.clone() };
        self.end_lost(organizer, at);
        let step = KeyMove {
            n: 0,
            organizer: organizer.into(),
            old: self.key(organizer),
            new,
            reason: MoveReason::Rewind,
            page_id: None,
            run_id: None,
            who: Some(who.into()),
            at,
        };
        RewindAnswer::Done(Box::new(self.move_key(step)))
    }

    pub(super) fn claim(
        &mut self,
        fence: &RunFence,
        box_office: &str,
        claims: Vec<Claim>,
        clock: Duration,
    ) -> Result<Held<Vec<ClaimAnswer>>, String> {
        match self.held(fence) {
            None => return Ok(Held::Lost),
            Some(true) => return Err(only_a_preview(fence.run)),
            Some(false) => {}
        }
        let answers = claims.into_iter().map(|claim| self.claim_one(fence, box_office, claim, clock));
        Ok(Held::Done(answers.collect()))
    }

    fn claim_one(&mut self, fence: &RunFence, box_office: &str, claim: Claim, clock: Duration) -> ClaimAnswer {
        let place = (claim.email, Box::from(box_office));
        let (request_ref, sent, before) = match self.claims.get(&place) {
            None => (claim.request_ref, false, SentBefore::No),
            Some(row) if row.organizer != fence.organizer && self.is_alive(&row.organizer, row.token, clock) => {
                return ClaimAnswer::Busy;
            }
            Some(row) => (row.request_ref.clone(), row.sent, sent_before(row.sent, &row.organizer, fence)),
        };
        let organizer = fence.organizer.clone();
        let row = ClaimRow { request_ref: request_ref.clone(), organizer, token: fence.token, sent };
        self.claims.insert(place, row);
        ClaimAnswer::Granted { request_ref, sent_before: before }
    }
}
