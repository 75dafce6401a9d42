//! Leases and runs: who may write for an organizer (I9).

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use ticketbridge_core::time::Wall;

use super::clock::HostTime;
use super::words::{json, named, text, wall, window, word};
use super::{pages, statements as sql};
use crate::rules::feedback::{NO_ANSWER, lost_end, refused_end};
use crate::sqlite::fault::Fault;
use crate::{
    BeginAnswer, BeginRun, FeedbackPage, FeedbackRun, Held, LeaseView, RunEnd, RunFence, RunGrant, RunId, Trigger,
};

/// A stored lease.
struct Lease {
    token: i64,
    run: Option<RunId>,
    boot: Box<str>,
    time_to_live: i64,
    expires_at: i64,
}

impl Lease {
    fn of(store: &Connection, organizer: &str) -> Result<Option<Self>, Fault> {
        let lease = store.prepare_cached(sql::LEASE)?.query_row([organizer], |row| {
            let is_held: bool = row.get(1)?;
            Ok(Self {
                token: row.get(0)?,
                run: row.get::<_, Option<i64>>(2)?.filter(|_| is_held).map(RunId),
                boot: text(row, 4)?,
                time_to_live: row.get(5)?,
                expires_at: row.get(6)?,
            })
        });
        Ok(lease.optional()?)
    }

    /// Life that is left. A lease of another boot, or with more life than it was given, has run out.
    fn remaining(&self, now: HostTime) -> Duration {
        let left = self.expires_at.saturating_sub(now.millis);
        let is_of_this_boot = *self.boot == *now.boot && left <= self.time_to_live;
        Duration::from_millis(if is_of_this_boot { left.max(0) as u64 } else { 0 })
    }
}

/// Whether the lease still carries the token; with `Some`, whether the run is a preview.
pub(super) fn held(store: &Connection, fence: &RunFence) -> Result<Option<bool>, Fault> {
    let values = params![fence.organizer, fence.token, fence.run.0];
    Ok(store.prepare_cached(sql::FENCE)?.query_row(values, |row| row.get(0)).optional()?)
}

/// Whether a run is alive: its organizer's lease carries its token and has not run out.
pub(super) fn is_alive(store: &Connection, organizer: &str, token: i64) -> Result<bool, Fault> {
    let lease = Lease::of(store, organizer)?;
    Ok(lease.is_some_and(|lease| {
        lease.run.is_some() && lease.token == token && lease.remaining(HostTime::now()) > Duration::ZERO
    }))
}

/// Takes the lease and begins a run, or records a refusal.
pub(super) fn begin(store: &Connection, begin: &BeginRun) -> Result<BeginAnswer, Fault> {
    let now = HostTime::now();
    let lease = Lease::of(store, &begin.organizer)?;
    if let Some(lease) = &lease
        && let Some(by) = lease.run
    {
        let remaining = lease.remaining(now);
        if remaining > Duration::ZERO {
            let run = record(store, begin, Some(&refused_end(by, begin.at)))?;
            return Ok(BeginAnswer::Refused { run, by, remaining });
        }
    }
    end_lost(store, &begin.organizer, begin.at)?;
    let abandoned = params![begin.organizer, NO_ANSWER, begin.at.0];
    let abandoned_calls = store.prepare_cached(sql::CALLS_ABANDON)?.execute(abandoned)?;
    let run = record(store, begin, None)?;
    let token = lease.map_or(0, |lease| lease.token) + 1;
    let time_to_live = millis(begin.time_to_live);
    store.prepare_cached(sql::LEASE_TAKE)?.execute(params![
        begin.organizer,
        token,
        begin.holder.as_bytes(),
        run.0,
        begin.trigger == Trigger::Preview,
        now.boot,
        time_to_live,
        now.millis.saturating_add(time_to_live),
    ])?;
    Ok(BeginAnswer::Begun(Box::new(RunGrant {
        fence: RunFence { organizer: begin.organizer.clone(), run, token },
        key: pages::key(store, &begin.organizer)?,
        open_pages: pages::open(store, &begin.organizer)?,
        abandoned_calls,
    })))
}

fn record(store: &Connection, begin: &BeginRun, end: Option<&RunEnd>) -> Result<RunId, Fault> {
    store.prepare_cached(sql::RUN_INSERT)?.execute(params![
        begin.organizer,
        begin.internal_name,
        word(&begin.trigger)?,
        begin.at.0,
        end.map(|end| end.at.0),
        end.map(serde_json::to_string).transpose()?,
    ])?;
    Ok(RunId(store.last_insert_rowid()))
}

/// Ends the runs of an organizer that never ended.
pub(super) fn end_lost(store: &Connection, organizer: &str, at: Wall) -> Result<(), Fault> {
    let end = serde_json::to_string(&lost_end(at))?;
    store.prepare_cached(sql::RUNS_LOST)?.execute(params![organizer, at.0, end])?;
    Ok(())
}

/// Prolongs a lease.
pub(super) fn renew(store: &Connection, fence: &RunFence, time_to_live: Duration) -> Result<Held<()>, Fault> {
    let (now, time_to_live) = (HostTime::now(), millis(time_to_live));
    let expires_at = now.millis.saturating_add(time_to_live);
    let values = params![fence.organizer, fence.token, fence.run.0, now.boot, time_to_live, expires_at];
    let renewed = store.prepare_cached(sql::LEASE_RENEW)?.execute(values)?;
    Ok(if renewed == 1 { Held::Done(()) } else { Held::Lost })
}

/// Ends a run.
pub(super) fn end(store: &Connection, fence: &RunFence, end: &RunEnd) -> Result<Held<()>, Fault> {
    if held(store, fence)?.is_none() {
        return Ok(Held::Lost);
    }
    let text = serde_json::to_string(end)?;
    store.prepare_cached(sql::RUN_END)?.execute(params![fence.run.0, end.at.0, text])?;
    store.prepare_cached(sql::LEASE_FREE)?.execute([&fence.organizer])?;
    Ok(Held::Done(()))
}

/// A lease as it is now.
pub(super) fn view(store: &Connection, organizer: &str) -> Result<Option<LeaseView>, Fault> {
    let Some(lease) = Lease::of(store, organizer)? else { return Ok(None) };
    let remaining = lease.remaining(HostTime::now());
    Ok(lease.run.map(|run| LeaseView { run, token: lease.token, remaining }))
}

/// Runs, newest first.
pub(super) fn runs(
    store: &Connection,
    organizer: Option<&str>,
    page: &FeedbackPage,
) -> Result<Vec<FeedbackRun>, Fault> {
    let mut query = String::from("SELECT id, organizer, internal_name, trigger, began_at, end FROM feedback_run");
    if organizer.is_some() {
        query.push_str(" WHERE organizer = ?3");
    }
    query.push_str(" ORDER BY id DESC LIMIT ?1 OFFSET ?2");
    let mut find = store.prepare_cached(&query)?;
    let [limit, offset] = window(page);
    let mut rows = match organizer {
        Some(organizer) => find.query(params![limit, offset, organizer])?,
        None => find.query([limit, offset])?,
    };
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(FeedbackRun {
            id: RunId(row.get(0)?),
            organizer: text(row, 1)?,
            internal_name: text(row, 2)?,
            trigger: named(row, 3)?,
            began_at: wall(row, 4)?,
            end: json(row, 5)?,
        });
    }
    Ok(runs)
}

/// A time to live in milliseconds.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}
