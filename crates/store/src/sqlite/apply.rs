//! One decision, one transaction: fence, rows, settles, intents, ledger, audits, problems.
//!
//! Cost: one statement per row, settle, intent and ledger entry; rows that stay open touch no index.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use ticketbridge_core::delivery::{Intent, ItemResult, Receipt, RowUpdate, Settle, Writes};
use ticketbridge_core::ticket::State;
use ticketbridge_core::time::Wall;

use super::counts::Moves;
use super::fault::Fault;
use super::operators::opened_again;
use super::rows::{aside, is_over, limit, pack, state_number, unpack};
use super::statements as sql;
use super::writer::Verdict;
use crate::contract::MAX_PROBLEMS;
use crate::rules::{check_intent, check_settle, check_shape, ended, written_at};

/// Looks after which an audit is over.
const LAST_LOOK: u8 = 4;

/// One settle as kept with its batch: a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SettleLine<R> {
    /// When.
    pub(super) at: Wall,
    /// What became known.
    pub(super) results: R,
}

/// A transaction with its settles written out as text, which needs no turn at the writer.
#[derive(Debug)]
pub(super) struct Prepared {
    writes: Writes,
    lines: Vec<String>,
}

impl Prepared {
    /// Checks what needs no stored data and writes the settles out.
    pub(super) fn new(writes: Writes) -> Result<Self, Fault> {
        let line = |settle: &Settle| -> Result<String, Fault> {
            let results: &[ItemResult] = &settle.results;
            let mut text = serde_json::to_string(&SettleLine { at: settle.at, results })?;
            text.push('\n');
            Ok(text)
        };
        let lines = writes.settles.iter().map(line).collect::<Result<_, _>>()?;
        Ok(Self { writes, lines })
    }

    /// Carries it out.
    pub(super) fn apply(&self, store: &Connection) -> Result<Verdict<Receipt>, Fault> {
        let writes = &self.writes;
        let fence = [writes.lane.0, writes.fence.0];
        let platform =
            store.prepare_cached(sql::LANE_FENCE)?.query_row(fence, |row| row.get::<_, String>(0)).optional()?;
        let Some(platform) = platform else { return Ok(Verdict::Discard(Receipt::LostFence)) };
        check_shape(writes).map_err(Fault::Rule)?;
        let at = written_at(writes);

        let mut stale = Vec::new();
        let mut moves = Moves::default();
        for update in &writes.rows {
            if write_row(store, writes, update, at)? {
                moves.went(update.row.backend.as_str(), update.expected);
                moves.came(update.row.backend.as_str(), update.row.state);
            } else {
                stale.push(update.row.id);
            }
        }
        if !stale.is_empty() {
            return Ok(Verdict::Discard(Receipt::StaleRows(stale)));
        }
        moves.write(store)?;
        for (settle, line) in writes.settles.iter().zip(&self.lines) {
            write_settle(store, writes, settle, line)?;
        }
        let states: HashMap<i64, State> =
            writes.rows.iter().map(|update| (update.row.id.0, update.row.state)).collect();
        for intent in &writes.intents {
            write_intent(store, writes, intent, &states)?;
        }
        write_ledger(store, writes, &platform, at)?;
        write_rest(store, writes)?;
        Ok(Verdict::Keep(Receipt::Done))
    }
}

/// False: the stored row is not as expected.
fn write_row(store: &Connection, writes: &Writes, update: &RowUpdate, at: Option<Wall>) -> Result<bool, Fault> {
    let row = &update.row;
    let stays = update.expected.is_open() && row.state.is_open();
    let mut statement = store.prepare_cached(if stays { sql::TICKET_STEP } else { sql::TICKET_STEP_OPEN })?;
    let trail = update.trail.map_or_else(Vec::new, |batch| batch.0.to_le_bytes().to_vec());
    let reference = row.ticket.as_ref();
    let values = params![
        row.id.0,
        writes.lane.0,
        state_number(update.expected),
        row.generation,
        state_number(row.state),
        row.due_at.map(|due| due.0),
        row.attempts.to_bits(),
        row.sent.to_bits(),
        row.created,
        reference.map(|ticket| ticket.number.as_str()),
        reference.and_then(|ticket| ticket.record.as_deref()),
        row.work_order,
        row.failed.map(|operation| operation as i64),
        row.reason,
        trail,
        at.map(|at| at.0),
        row.work_order_record,
        row.backend.as_str(),
        row.state.is_open(),
        is_over(row.state),
        aside(row.state),
    ];
    let written = match values.split_last_chunk::<3>() {
        Some((of_each_step, _)) if stays => statement.execute(of_each_step)?,
        _ => statement.execute(values)?,
    };
    if written == 1 && row.state.is_open() && !update.expected.is_open() {
        opened_again(store, row.id)?;
    }
    Ok(written == 1)
}

fn write_settle(store: &Connection, writes: &Writes, settle: &Settle, line: &str) -> Result<(), Fault> {
    let stored = store
        .prepare_cached(sql::BATCH_OPEN)?
        .query_row([settle.batch.0, writes.lane.0], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
        })
        .optional()?;
    let Some((items, remaining)) = stored else {
        return Err(Fault::Rule(crate::rules::no_open_batch(settle.batch, writes.lane)));
    };
    let items = unpack(&items);
    let unresolved = remaining.map_or_else(|| items.clone(), |bytes| unpack(&bytes));
    check_settle(settle, &items, &unresolved).map_err(Fault::Rule)?;
    if settle.remaining.is_empty() {
        let values = params![settle.batch.0, 0, None::<Vec<u8>>, settle.at.0, line];
        store.prepare_cached(sql::BATCH_SETTLE)?.execute(values)?;
    } else {
        let values = params![settle.batch.0, pack(&settle.remaining), settle.at.0, line];
        store.prepare_cached(sql::BATCH_SETTLE_PART)?.execute(values)?;
    }
    Ok(())
}

fn write_intent(
    store: &Connection,
    writes: &Writes,
    intent: &Intent,
    states: &HashMap<i64, State>,
) -> Result<(), Fault> {
    for item in &intent.items {
        let state = match states.get(&item.0) {
            Some(state) => Some(*state),
            None => store
                .prepare_cached(sql::TICKET_STATE)?
                .query_row([item.0, writes.lane.0], |row| super::rows::state(row, 0))
                .optional()?,
        };
        check_intent(intent, *item, state).map_err(Fault::Rule)?;
    }
    let written = store.prepare_cached(sql::BATCH_INSERT)?.execute(params![
        intent.batch.0,
        writes.lane.0,
        writes.fence.0,
        intent.operation as i64,
        intent.platform.as_str(),
        intent.backend.as_str(),
        pack(&intent.items),
        intent.body_hash,
        intent.at.0,
    ])?;
    match written {
        1 => Ok(()),
        _ => Err(Fault::Rule(crate::rules::batch_exists(intent.batch))),
    }
}

fn write_ledger(store: &Connection, writes: &Writes, platform: &str, at: Option<Wall>) -> Result<(), Fault> {
    for known in &writes.known {
        store.prepare_cached(sql::KNOWN_PUT)?.execute(params![
            known.key.as_str(),
            platform,
            known.reference.number,
            known.reference.record,
            known.origin.map(|origin| origin.0.into_bytes()),
            at.map(|at| at.0),
        ])?;
    }
    for key in &writes.forgotten {
        store.prepare_cached(sql::KNOWN_DROP)?.execute([key.as_str(), platform])?;
    }
    Ok(())
}

fn write_rest(store: &Connection, writes: &Writes) -> Result<(), Fault> {
    for audit in &writes.audits {
        if audit.looks >= LAST_LOOK {
            store.prepare_cached(sql::AUDIT_DROP)?.execute([audit.ticket.0])?;
            continue;
        }
        store.prepare_cached(sql::AUDIT_PUT)?.execute(params![
            audit.ticket.0,
            writes.lane.0,
            audit.key.as_str(),
            audit.origin.0.as_bytes(),
            audit.looks,
            audit.due_at.0,
        ])?;
    }
    for problem in &writes.problems {
        store.prepare_cached(sql::PROBLEM_INSERT)?.execute(params![
            problem.platform.as_str(),
            problem.code,
            problem.about,
            problem.text,
            problem.at.0,
        ])?;
    }
    if !writes.problems.is_empty() {
        store.prepare_cached(sql::PROBLEM_TRIM)?.execute([limit(MAX_PROBLEMS)])?;
    }
    for record in writes.endings.iter().map(ended) {
        let act = serde_json::to_string(&record.act)?;
        store.prepare_cached(sql::ACT_INSERT)?.execute(params![record.ticket.0, record.who, act, record.at.0])?;
    }
    Ok(())
}
