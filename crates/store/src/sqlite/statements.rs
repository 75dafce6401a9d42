//! All SQL of the hot path, one line of explanation each. Prepared once per connection.

/// Columns of a hot row, in the order that `rows::ticket_row` reads; the table must be called `t`.
macro_rules! ticket_columns {
    () => {
        "t.id, t.origin, t.key, t.kind, t.backend, t.state, t.due_at, t.attempts, t.generation, t.sent, t.created, \
         t.ticket_number, t.ticket_record, t.work_order, t.failed, t.reason, t.work_order_record"
    };
}

/// A hot row with its ledger entry, in the order that `rows::open_ticket` reads.
macro_rules! open_ticket_from {
    ($table:literal) => {
        concat!(
            "SELECT ",
            ticket_columns!(),
            ", k.number, k.record, k.origin FROM ",
            $table,
            " LEFT JOIN known_ticket k ON k.key = t.key AND k.platform = (SELECT platform FROM lane WHERE id = ?1) "
        )
    };
}

/// A row with body and platform, in the order that `rows::ticket_view` reads.
macro_rules! view_where {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            ticket_columns!(),
            ", b.message_id, b.body, b.received_at, l.platform, t.updated_at \
             FROM ticket t CROSS JOIN ticket_body b ON b.id = t.id CROSS JOIN lane l ON l.id = t.lane WHERE ",
            $condition
        )
    };
}

/// A ticket for people, by its number.
pub(super) const VIEW_BY_ID: &str = view_where!("t.id = ?1");
/// A ticket for people, by its public id.
pub(super) const VIEW_BY_ORIGIN: &str = view_where!("t.origin = ?1");

/// What is known of a message id.
pub(super) const MESSAGE_FIND: &str =
    "SELECT b.body_hash, t.origin FROM ticket_body b JOIN ticket t ON t.id = b.id WHERE b.message_id = ?1";
/// A new hot row; its number is the next one, ascending.
pub(super) const TICKET_INSERT: &str = "INSERT INTO ticket(origin, lane, open, state, key, kind, backend, updated_at) \
     VALUES(?1, ?2, 1, ?3, ?4, ?5, ?6, ?7)";
/// Its cold body.
pub(super) const BODY_INSERT: &str =
    "INSERT INTO ticket_body(id, message_id, body_hash, body, received_at) VALUES(?1, ?2, ?3, ?4, ?5)";
/// A body.
pub(super) const BODY_FIND: &str = "SELECT message_id, body, received_at FROM ticket_body WHERE id = ?1";

/// Makes a lane known.
pub(super) const LANE_INSERT: &str = "INSERT OR IGNORE INTO lane(platform, number) VALUES(?1, ?2)";
/// Number of a lane.
pub(super) const LANE_FIND: &str = "SELECT id FROM lane WHERE platform = ?1 AND number = ?2";
/// Takes or prolongs a lane: the token rises with a new holder; no row: another holds it. SQLite's clock decides.
pub(super) const LANE_TAKE: &str = "UPDATE lane SET token = token + (holder IS NOT ?2), holder = ?2, \
     expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?3 \
     WHERE id = ?1 AND (holder IS NULL OR holder = ?2 OR expires_at <= CAST(unixepoch('subsec') * 1000 AS INTEGER)) \
     RETURNING token";
/// How long a lane is still held.
pub(super) const LANE_REMAINING: &str =
    "SELECT expires_at - CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM lane WHERE id = ?1";
/// Prolongs a lane that is still ours.
pub(super) const LANE_RENEW: &str = "UPDATE lane SET expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?3 \
     WHERE id = ?1 AND token = ?2 AND holder IS NOT NULL";
/// Gives a lane back.
pub(super) const LANE_RELEASE: &str = "UPDATE lane SET holder = NULL, expires_at = 0 WHERE id = ?1 AND token = ?2";
/// Frees all lanes, when the host lock proves that their holders are gone.
pub(super) const LANES_FREE_ALL: &str = "UPDATE lane SET holder = NULL, expires_at = 0 WHERE holder IS NOT NULL";
/// The fence: no row, and nothing may be written.
pub(super) const LANE_FENCE: &str = "SELECT platform FROM lane WHERE id = ?1 AND token = ?2 AND holder IS NOT NULL";
/// Highest batch of a lane; batches lie between ?2 and ?3.
pub(super) const LANE_LAST_BATCH: &str = "SELECT max((SELECT floor FROM lane WHERE id = ?1), \
     coalesce((SELECT max(id) FROM batch WHERE id BETWEEN ?2 AND ?3), ?2))";

/// The window of a lane.
pub(super) const OPEN_TICKETS: &str = concat!(
    open_ticket_from!("ticket t INDEXED BY ticket_open"),
    "WHERE t.lane = ?1 AND t.open = 1 AND t.id > ?2 ORDER BY t.id LIMIT ?3"
);
/// One row of a lane, open or not.
pub(super) const LANE_TICKET: &str = concat!(open_ticket_from!("ticket t"), "WHERE t.id = ?2 AND t.lane = ?1");

/// Adds to the number of tickets of a backend in a state.
pub(super) const COUNT_ADD: &str = "INSERT INTO ticket_count(backend, state, count) VALUES(?1, ?2, ?3) \
     ON CONFLICT(backend, state) DO UPDATE SET count = count + excluded.count";
/// Tickets per backend and state.
pub(super) const COUNTS: &str = "SELECT backend, state, count FROM ticket_count WHERE count > 0";

/// A step within the lifecycle: touches no index. No row: not as expected.
pub(super) const TICKET_STEP: &str = "UPDATE ticket SET state = ?5, due_at = ?6, attempts = ?7, sent = ?8, created = ?9, \
     ticket_number = ?10, ticket_record = ?11, work_order = ?12, failed = ?13, reason = ?14, \
     trail = CAST(coalesce(trail, x'') || ?15 AS BLOB), updated_at = coalesce(?16, updated_at), work_order_record = ?17 \
     WHERE id = ?1 AND lane = ?2 AND state = ?3 AND generation = ?4 AND backend = ?18";
/// The same, in or out of the open ones.
pub(super) const TICKET_STEP_OPEN: &str = "UPDATE ticket SET state = ?5, due_at = ?6, attempts = ?7, sent = ?8, \
     created = ?9, ticket_number = ?10, ticket_record = ?11, work_order = ?12, failed = ?13, reason = ?14, \
     trail = CAST(coalesce(trail, x'') || ?15 AS BLOB), updated_at = coalesce(?16, updated_at), work_order_record = ?17, open = ?19, \
     ended_at = CASE WHEN ?20 THEN coalesce(?16, updated_at) END, aside = ?21 \
     WHERE id = ?1 AND lane = ?2 AND state = ?3 AND generation = ?4 AND backend = ?18";
/// State of a row of a lane.
pub(super) const TICKET_STATE: &str = "SELECT state FROM ticket WHERE id = ?1 AND lane = ?2";

/// An open batch of a lane.
pub(super) const BATCH_OPEN: &str = "SELECT items, remaining FROM batch WHERE id = ?1 AND lane = ?2 AND open = 1";
/// Adds a settle's results to a batch.
pub(super) const BATCH_SETTLE: &str = "UPDATE batch SET open = ?2, remaining = ?3, settled_at = ?4, \
     outcome = coalesce(outcome, '') || ?5 WHERE id = ?1";
/// Adds a settle's results to a batch that stays open: touches no index.
pub(super) const BATCH_SETTLE_PART: &str = "UPDATE batch SET remaining = ?2, settled_at = ?3, \
     outcome = coalesce(outcome, '') || ?4 WHERE id = ?1";
/// An intent. No row: there is such a batch.
pub(super) const BATCH_INSERT: &str = "INSERT OR IGNORE INTO batch(id, lane, token, operation, platform, backend, items, body_hash, \
     sent_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// Batches of a lane without a whole outcome.
pub(super) const BATCHES_UNSETTLED: &str = "SELECT id, operation, coalesce(remaining, items) FROM batch \
     INDEXED BY batch_open WHERE lane = ?1 AND open = 1 ORDER BY id";
/// One request of a story.
pub(super) const BATCH_STORY: &str =
    "SELECT operation, platform, items, body_hash, sent_at, outcome FROM batch WHERE id = ?1";

/// The ledger's newest ticket of a key: replaced whole, so that its number tells its age.
pub(super) const KNOWN_PUT: &str = "INSERT OR REPLACE INTO known_ticket(key, platform, number, record, origin, at) \
     VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
/// Drops a ledger entry.
pub(super) const KNOWN_DROP: &str = "DELETE FROM known_ticket WHERE key = ?1 AND platform = ?2";
/// A key's entries on all platforms.
pub(super) const KNOWN_FIND: &str =
    "SELECT key, number, record, origin, platform FROM known_ticket WHERE key = ?1 ORDER BY platform";
/// The newest entries of a platform.
pub(super) const KNOWN_NEWEST: &str =
    "SELECT key, number, record, origin FROM known_ticket WHERE platform = ?1 ORDER BY id DESC LIMIT ?2";

/// The same, with the time since when each is known.
pub(super) const KNOWN_NEWEST_DATED: &str =
    "SELECT key, number, record, origin, at FROM known_ticket WHERE platform = ?1 ORDER BY id DESC LIMIT ?2";

/// All open rows and their keys.
pub(super) const TICKETS_OPEN_KEYS: &str = "SELECT id, key FROM ticket WHERE open = 1";
/// Key and backend of a row, if it is open.
pub(super) const TICKET_IF_OPEN: &str = "SELECT key, backend FROM ticket WHERE id = ?1 AND open = 1";
/// Number of open rows; ?1 is the lowest number of an end's state.
pub(super) const COUNT_OPEN: &str = "SELECT coalesce(sum(count), 0) FROM ticket_count WHERE state < ?1";

/// Rows that are over since before ?1, those that ended first at the head. The newest row always stays, so that row
/// numbers never come twice.
pub(super) const PURGEABLE: &str = "SELECT id, key FROM ticket INDEXED BY ticket_ended \
     WHERE ended_at IS NOT NULL AND ended_at < ?1 AND id < (SELECT max(id) FROM ticket) ORDER BY ended_at, id";
/// Open rows, and their keys, among those that came in since.
pub(super) const TICKETS_SINCE: &str = "SELECT id, key FROM ticket WHERE id > ?1 AND open = 1";
/// Open rows, and their keys, among those that operators acted on since, or that were opened again.
pub(super) const TICKETS_CHANGED_SINCE: &str =
    "SELECT t.id, t.key FROM change c CROSS JOIN ticket t ON t.id = c.ticket WHERE c.id > ?1 AND t.open = 1";
/// Takes one of them away.
pub(super) const PURGE: &str = "DELETE FROM ticket WHERE id = ?1 AND ended_at < ?2 RETURNING trail, backend, state";

/// Begins an audit or moves it on.
pub(super) const AUDIT_PUT: &str =
    "INSERT OR REPLACE INTO audit(ticket, lane, key, origin, looks, due_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
/// Ends an audit.
pub(super) const AUDIT_DROP: &str = "DELETE FROM audit WHERE ticket = ?1";
/// Audits of a lane.
pub(super) const AUDITS: &str = "SELECT ticket, key, origin, looks, due_at FROM audit WHERE lane = ?1 ORDER BY ticket";

/// Reports a problem.
pub(super) const PROBLEM_INSERT: &str =
    "INSERT INTO problem(platform, code, about, text, at) VALUES(?1, ?2, ?3, ?4, ?5)";
/// Makes room: the newest ?1 stay.
pub(super) const PROBLEM_TRIM: &str = "DELETE FROM problem WHERE id <= (SELECT max(id) FROM problem) - ?1";
/// The newest problems.
pub(super) const PROBLEMS: &str = "SELECT platform, code, about, text, at FROM problem ORDER BY id DESC LIMIT ?1";

/// News for the holders of lanes.
pub(super) const CHANGE_INSERT: &str = "INSERT INTO change(kind, ticket, platform) VALUES(?1, ?2, ?3)";
/// Makes room: the newest ?1 stay, the last one always, so that numbers never come twice.
pub(super) const CHANGE_TRIM: &str = "DELETE FROM change WHERE id <= (SELECT max(id) FROM change) - ?1";
/// Highest change number.
pub(super) const CHANGE_LAST: &str = "SELECT coalesce(max(id), 0) FROM change";
/// Lowest change number that is remembered.
pub(super) const CHANGE_FIRST: &str = "SELECT min(id) FROM change";
/// Changes above a number. Kind 4 is news only to those who remember open keys.
pub(super) const CHANGES: &str = "SELECT id, kind, ticket, platform FROM change WHERE id > ?1 AND kind < 4 ORDER BY id";

/// A row for an operator's act.
pub(super) const ACT_TARGET: &str = concat!(
    "SELECT ",
    ticket_columns!(),
    ", l.platform FROM ticket t JOIN lane l ON l.id = t.lane WHERE t.origin = ?1"
);
/// The row after an act.
pub(super) const ACT_APPLY: &str = "UPDATE ticket SET state = ?2, open = ?3, due_at = NULL, attempts = ?4, generation = ?5, \
     failed = NULL, reason = ?6, backend = ?7, lane = coalesce(?8, lane), updated_at = ?9, \
     ended_at = CASE WHEN ?10 THEN ?9 END, aside = ?11 WHERE id = ?1";
/// The act, for the row's story.
pub(super) const ACT_INSERT: &str = "INSERT INTO act(ticket, who, act, at) VALUES(?1, ?2, ?3, ?4)";
/// A row's acts.
pub(super) const ACTS: &str = "SELECT ticket, who, act, at FROM act WHERE ticket = ?1 ORDER BY id";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    /// The schema as it is now.
    fn store() -> Connection {
        let store = Connection::open_in_memory().unwrap();
        for migration in crate::sqlite::migrate::MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        store
    }

    #[test]
    fn no_statement_of_the_hot_path_reads_a_whole_table() {
        let store = store();
        let hot = [
            super::MESSAGE_FIND,
            super::BODY_FIND,
            super::LANE_FIND,
            super::LANE_TAKE,
            super::LANE_FENCE,
            super::LANE_LAST_BATCH,
            super::OPEN_TICKETS,
            super::LANE_TICKET,
            super::VIEW_BY_ID,
            super::VIEW_BY_ORIGIN,
            super::TICKET_STEP,
            super::TICKET_STEP_OPEN,
            super::TICKET_STATE,
            super::COUNT_ADD,
            super::BATCH_OPEN,
            super::BATCH_SETTLE,
            super::BATCH_SETTLE_PART,
            super::BATCHES_UNSETTLED,
            super::BATCH_STORY,
            super::KNOWN_DROP,
            super::KNOWN_FIND,
            super::KNOWN_NEWEST,
            super::AUDITS,
            super::PURGEABLE,
            super::TICKETS_SINCE,
            super::TICKET_IF_OPEN,
            super::TICKETS_CHANGED_SINCE,
            super::CHANGES,
            super::ACT_TARGET,
            super::ACTS,
        ];
        for statement in hot {
            let mut plan = store.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let nulls = vec![rusqlite::types::Null; plan.parameter_count()];
            let steps = plan.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3)).unwrap();
            for step in steps.map(Result::unwrap) {
                let whole = step.starts_with("SCAN") && !step.contains("CONSTANT ROW");
                assert!(!whole && !step.contains("TEMP B-TREE"), "{step}: {statement}");
            }
        }
    }

    #[test]
    fn a_step_that_stays_open_touches_no_index() {
        let store = store();
        for statement in [super::TICKET_STEP, super::BATCH_SETTLE_PART] {
            let mut code = store.prepare(&format!("EXPLAIN {statement}")).unwrap();
            let nulls = vec![rusqlite::types::Null; code.parameter_count()];
            let codes = code.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(1)).unwrap();
            for code in codes.map(Result::unwrap) {
                assert!(code != "IdxInsert" && code != "IdxDelete", "{code}: {statement}");
            }
        }
    }
}
