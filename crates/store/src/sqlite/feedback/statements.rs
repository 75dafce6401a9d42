//! SQL of mobile tickets that runs within a run, one line of explanation each. Prepared once per connection.

/// A lease.
pub(super) const LEASE: &str = "SELECT token, holder IS NOT NULL, run, preview, boot, time_to_live, expires_at FROM feedback_lease WHERE organizer = ?1";
/// Gives the lease to a run.
pub(super) const LEASE_TAKE: &str = "INSERT INTO feedback_lease(organizer, token, holder, run, preview, boot, time_to_live, \
     expires_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT(organizer) DO UPDATE SET token = excluded.token, holder = excluded.holder, run = excluded.run, \
     preview = excluded.preview, boot = excluded.boot, time_to_live = excluded.time_to_live, expires_at = excluded.expires_at";
/// Prolongs a lease that is still ours.
pub(super) const LEASE_RENEW: &str = "UPDATE feedback_lease SET boot = ?4, time_to_live = ?5, expires_at = ?6 \
     WHERE organizer = ?1 AND token = ?2 AND run = ?3 AND holder IS NOT NULL";
/// Gives a lease back.
pub(super) const LEASE_FREE: &str = "UPDATE feedback_lease SET holder = NULL, run = NULL WHERE organizer = ?1";
/// Voids every token that was given.
pub(super) const LEASE_VOID: &str = "INSERT INTO feedback_lease(organizer, token) VALUES(?1, 1) \
     ON CONFLICT(organizer) DO UPDATE SET token = token + 1, holder = NULL, run = NULL";
/// The fence: no row, and nothing may be written.
pub(super) const FENCE: &str = "SELECT preview FROM feedback_lease \
     WHERE organizer = ?1 AND token = ?2 AND run = ?3 AND holder IS NOT NULL";

/// A new run, in progress or over.
pub(super) const RUN_INSERT: &str = "INSERT INTO feedback_run(organizer, internal_name, trigger, began_at, ended_at, end) \
     VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
/// Ends a run.
pub(super) const RUN_END: &str = "UPDATE feedback_run SET ended_at = ?2, end = ?3 WHERE id = ?1";
/// Ends the runs of an organizer that never ended.
pub(super) const RUNS_LOST: &str =
    "UPDATE feedback_run SET ended_at = ?2, end = ?3 WHERE organizer = ?1 AND ended_at IS NULL";

/// The stored key.
pub(super) const KEY: &str = "SELECT key FROM feedback_key WHERE organizer = ?1";
/// Sets it.
pub(super) const KEY_SET: &str = "INSERT INTO feedback_key(organizer, key) VALUES(?1, ?2) \
     ON CONFLICT(organizer) DO UPDATE SET key = excluded.key";
/// Number of the latest move.
pub(super) const MOVE_LAST: &str = "SELECT coalesce(max(n), 0) FROM feedback_key_move WHERE organizer = ?1";
/// A move.
pub(super) const MOVE_INSERT: &str = "INSERT INTO feedback_key_move(organizer, n, old, new, reason, page, run, who, at) \
     VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// The key that a move stored.
pub(super) const MOVE_NEW: &str = "SELECT new FROM feedback_key_move WHERE organizer = ?1 AND n = ?2";

/// A new page.
pub(super) const PAGE_INSERT: &str = "INSERT INTO feedback_page(organizer, run, source, open, at, touched_at, states) \
     VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6)";
/// Its body.
pub(super) const BODY_INSERT: &str = "INSERT INTO feedback_body(page, body) VALUES(?1, ?2)";
/// Pages with items to apply.
pub(super) const PAGES_OPEN: &str =
    "SELECT id FROM feedback_page INDEXED BY feedback_page_open WHERE organizer = ?1 AND open > 0 ORDER BY id";
/// Items to apply.
pub(super) const ITEMS_OPEN: &str =
    "SELECT coalesce(sum(open), 0) FROM feedback_page INDEXED BY feedback_page_open WHERE organizer = ?1 AND open > 0";
/// A page's states.
pub(super) const PAGE_STATES: &str = "SELECT organizer, states, body FROM feedback_page WHERE id = ?1";
/// Sets them.
pub(super) const PAGE_SET: &str = "UPDATE feedback_page SET states = ?2, open = ?3, failed = ?4, \
     touched_at = coalesce(?5, touched_at) WHERE id = ?1";
/// Where a page came from.
pub(super) const PAGE: &str = "SELECT source, states FROM feedback_page WHERE id = ?1";
/// A page's body.
pub(super) const BODY: &str = "SELECT body FROM feedback_body WHERE page = ?1";

/// A page's items that wait.
pub(super) const WAITING: &str =
    "SELECT position, attempts, due_at, reason FROM feedback_waiting WHERE page = ?1 ORDER BY position";
/// An item waits.
pub(super) const WAITING_PUT: &str =
    "INSERT OR REPLACE INTO feedback_waiting(page, position, attempts, due_at, reason) VALUES(?1, ?2, ?3, ?4, ?5)";
/// It waits no more.
pub(super) const WAITING_DROP: &str = "DELETE FROM feedback_waiting WHERE page = ?1 AND position = ?2";
/// An item failed: replaced whole, so that its number tells its age.
pub(super) const FAILED_PUT: &str = "INSERT OR REPLACE INTO feedback_failed(page, position, organizer, ticket_id, code, text, \
     blocking, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// It is listed no more.
pub(super) const FAILED_DROP: &str = "DELETE FROM feedback_failed WHERE page = ?1 AND position = ?2";
/// Failed items of an organizer.
pub(super) const FAILED_OF: &str =
    "SELECT page, position FROM feedback_failed WHERE organizer = ?1 ORDER BY page, position";

/// An intent.
pub(super) const CALL_INSERT: &str = "INSERT INTO feedback_call(organizer, run, box_office, kind, items, body_hash, sent_at) \
     VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
/// What became of it. No row: it is not the run's, or has an outcome.
pub(super) const CALL_SETTLE: &str =
    "UPDATE feedback_call SET outcome = ?3, outcome_at = ?4 WHERE id = ?1 AND run = ?2 AND outcome IS NULL";
/// Calls of an organizer without outcome get this one.
pub(super) const CALLS_ABANDON: &str =
    "UPDATE feedback_call SET outcome = ?2, outcome_at = ?3 WHERE organizer = ?1 AND outcome IS NULL";

/// A claim.
pub(super) const CLAIM: &str =
    "SELECT request_ref, organizer, token, sent FROM contact_claim WHERE email = ?1 AND box_office = ?2";
/// Gives a claim to a run.
pub(super) const CLAIM_PUT: &str = "INSERT INTO contact_claim(email, box_office, request_ref, organizer, token) \
     VALUES(?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT(email, box_office) DO UPDATE SET organizer = excluded.organizer, token = excluded.token";
/// Its creation is sent. No row: it is not the run's.
pub(super) const CLAIM_SENT: &str =
    "UPDATE contact_claim SET sent = 1 WHERE email = ?1 AND organizer = ?2 AND token = ?3";
/// It is over.
pub(super) const CLAIM_DROP: &str = "DELETE FROM contact_claim WHERE email = ?1 AND organizer = ?2 AND token = ?3";

/// A mobile ticket as it is stored now.
pub(super) const TICKET_PUT: &str = "INSERT OR REPLACE INTO mobile_ticket(organizer, ticket_id, tax_number, status, status_date, \
     owner_email, beneficiary, page, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// A contact that was written.
pub(super) const CONTACT_PUT: &str = "INSERT OR REPLACE INTO box_contact(box_office, contact_number, organizer, email, created, \
     request_ref, ticket_id, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// A distribution row that was written.
pub(super) const DISTRIBUTION_PUT: &str = "INSERT OR REPLACE INTO box_distribution(distribution_ref, organizer, ticket_id, \
     old_contact, new_contact, status, row_at, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// Write calls of a run.
pub(super) const CALLS_OF: &str = "SELECT id, run, box_office, kind, items, body_hash, sent_at, outcome, outcome_at \
     FROM feedback_call WHERE run = ?1 ORDER BY id";
/// Entries of the skip list.
pub(super) const SKIPS: &str = "SELECT entry FROM feedback_skip WHERE organizer = ?1 ORDER BY entry";

/// Pages whose body may go, those that were touched first at the head.
pub(super) const PAGES_OLD: &str = "SELECT id FROM feedback_page INDEXED BY feedback_page_settled \
     WHERE body = 1 AND open = 0 AND failed = 0 AND touched_at < ?1 ORDER BY touched_at, id LIMIT ?2";
/// Deletes old calls; the newest stays, so that no number comes twice.
pub(super) const CALLS_PURGE: &str = "DELETE FROM feedback_call WHERE id IN (SELECT id FROM feedback_call \
     INDEXED BY feedback_call_settled WHERE outcome IS NOT NULL AND outcome_at < ?1 \
     AND id < (SELECT max(id) FROM feedback_call) ORDER BY outcome_at, id LIMIT ?2)";
/// Deletes old runs; the newest stays, so that no number comes twice.
pub(super) const RUNS_PURGE: &str = "DELETE FROM feedback_run WHERE id IN (SELECT id FROM feedback_run \
     INDEXED BY feedback_run_ended WHERE ended_at IS NOT NULL AND ended_at < ?1 \
     AND id < (SELECT max(id) FROM feedback_run) ORDER BY ended_at, id LIMIT ?2)";

/// Blanks a person's mobile tickets, some at a time.
pub(super) const TICKETS_ERASE: &str = "UPDATE mobile_ticket SET owner_email = NULL, beneficiary = NULL WHERE id IN \
     (SELECT id FROM mobile_ticket WHERE owner_email = ?1 LIMIT ?2)";
/// Blanks a person's contacts, some at a time.
pub(super) const CONTACTS_ERASE: &str = "UPDATE box_contact SET email = NULL WHERE id IN \
     (SELECT id FROM box_contact WHERE email = ?1 LIMIT ?2)";
/// Claims on an e-mail that were never sent.
pub(super) const CLAIMS_UNSENT: &str =
    "SELECT box_office, organizer, token FROM contact_claim WHERE email = ?1 AND sent = 0";
/// Forgets one of them.
pub(super) const CLAIM_ERASE: &str = "DELETE FROM contact_claim WHERE email = ?1 AND box_office = ?2";
/// Pages whose body is there, after a number.
pub(super) const PAGES_KEPT: &str = "SELECT page FROM feedback_body WHERE page > ?1 ORDER BY page LIMIT ?2";
/// Replaces a page's body.
pub(super) const BODY_SET: &str = "UPDATE feedback_body SET body = ?2 WHERE page = ?1";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    /// The steps of a statement's plan.
    fn plan(store: &Connection, statement: &str) -> Vec<String> {
        let mut plan = store.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let nulls = vec![rusqlite::types::Null; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3)).unwrap();
        steps.collect::<rusqlite::Result<_>>().unwrap()
    }

    /// The schema as it is now.
    fn store() -> Connection {
        let store = Connection::open_in_memory().unwrap();
        for migration in crate::sqlite::migrate::MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        store
    }

    #[test]
    fn no_statement_reads_a_whole_table_or_sorts() {
        let store = store();
        let all = [
            super::LEASE,
            super::LEASE_RENEW,
            super::LEASE_FREE,
            super::FENCE,
            super::RUN_END,
            super::RUNS_LOST,
            super::KEY,
            super::MOVE_LAST,
            super::MOVE_NEW,
            super::PAGES_OPEN,
            super::ITEMS_OPEN,
            super::PAGE_STATES,
            super::PAGE_SET,
            super::PAGE,
            super::BODY,
            super::WAITING,
            super::WAITING_DROP,
            super::FAILED_DROP,
            super::CALL_SETTLE,
            super::CALLS_ABANDON,
            super::CLAIM,
            super::CLAIM_SENT,
            super::CLAIM_DROP,
            super::CALLS_OF,
            super::SKIPS,
            super::PAGES_OLD,
            super::CALLS_PURGE,
            super::RUNS_PURGE,
            super::TICKETS_ERASE,
            super::CONTACTS_ERASE,
            super::CLAIMS_UNSENT,
            super::CLAIM_ERASE,
            super::PAGES_KEPT,
            super::BODY_SET,
        ];
        for statement in all {
            for step in plan(&store, statement) {
                assert!(!step.starts_with("SCAN") && !step.contains("TEMP B-TREE"), "{step}: {statement}");
            }
        }
    }

    #[test]
    fn runs_without_end_and_calls_without_outcome_are_found_by_their_own_index() {
        let store = store();
        for (statement, index) in
            [(super::RUNS_LOST, "feedback_run_open"), (super::CALLS_ABANDON, "feedback_call_open")]
        {
            let steps = plan(&store, statement);
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}");
        }
    }
}
