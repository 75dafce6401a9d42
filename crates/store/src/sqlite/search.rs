//! Pages of tickets: newest first, cut by row number. A page never shows a row twice, however much is written meanwhile.
//!
//! A part of a listing looks at no more than [`LOOKED_AT`] rows and then says where to go on, so that no question holds
//! its connection for long, whatever it asks for. Rows that are rare are not searched for at all: open ones, and those in
//! Error or Dismissed, come from indexes of their own, and what the counts know to be none is answered at once.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use ticketbridge_core::network::kind_key;
use ticketbridge_core::ticket::{State, TicketId};

use super::fault::Fault;
use super::{counts, rows, statements as sql};
use crate::{Listing, MAX_PAGE, Page, TicketFilter, TicketView};

/// Rows that one part of a listing looks at.
pub(super) const LOOKED_AT: usize = 20_000;
/// Rows that are looked at in each of many sources, at least: otherwise a listing over many lanes would not get on.
const LOOKED_AT_LEAST: usize = 200;

/// Where rows come from, each in descending order of their numbers.
enum Source {
    /// All rows.
    All,
    /// Those of a lane with work to do.
    Open(i64),
    /// Those in this state: Error or Dismissed.
    Aside(i64),
}

/// What one source gave.
struct Run {
    /// Rows that fit, descending.
    found: Vec<i64>,
    /// The last row that was looked at, if there may be more below it.
    stopped_at: Option<i64>,
}

/// A part of a listing.
pub(super) fn list(store: &Connection, filter: &TicketFilter, page: Page) -> Result<Listing, Fault> {
    let limit = page.limit.min(MAX_PAGE);
    if limit == 0 || is_none(store, filter)? {
        return Ok(Listing::default());
    }
    let sources = match &filter.message_id {
        Some(message_id) => return by_message(store, filter, message_id, page),
        None => sources(store, &filter.states)?,
    };
    let most = (LOOKED_AT / sources.len().max(1)).max(LOOKED_AT_LEAST);
    let before = page.before.map_or(i64::MAX, |before| before.0);
    let mut found = Vec::new();
    let mut complete_to = None;
    for source in &sources {
        let run = search(store, source, filter, before, (limit + 1, most))?;
        complete_to = complete_to.max(run.stopped_at);
        found.extend(run.found);
    }
    // Below the highest place where a source stopped, its rows are missing.
    found.retain(|id| complete_to.is_none_or(|floor| *id >= floor));
    found.sort_unstable_by(|left, right| right.cmp(left));
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more { found.last().copied() } else { complete_to };
    Ok(Listing { tickets: views(store, &found)?, next: next.map(TicketId) })
}

/// Whether the counts say that nothing fits.
fn is_none(store: &Connection, filter: &TicketFilter) -> Result<bool, Fault> {
    if filter.states.is_empty() && filter.backends.is_empty() {
        return Ok(false);
    }
    let fits = |state: &State| filter.states.is_empty() || filter.states.contains(state);
    let counts = counts::counts(store)?;
    Ok(!counts
        .keys()
        .any(|(backend, state)| fits(state) && (filter.backends.is_empty() || filter.backends.contains(backend))))
}

/// Where rows of these states are.
fn sources(store: &Connection, states: &[State]) -> Result<Vec<Source>, Fault> {
    if states.is_empty() || states.contains(&State::Completed) {
        return Ok(vec![Source::All]);
    }
    let mut sources = Vec::new();
    if states.iter().any(|state| state.is_open()) {
        let mut find = store.prepare_cached("SELECT id FROM lane")?;
        let lanes = find.query_map([], |row| Ok(Source::Open(row.get(0)?)))?;
        sources = lanes.collect::<rusqlite::Result<_>>()?;
    }
    let aside = [State::Error, State::Dismissed].into_iter().filter(|state| states.contains(state));
    sources.extend(aside.map(|state| Source::Aside(rows::state_number(state))));
    Ok(sources)
}

/// Rows of a source that fit: `wanted` at most, looking at `most` at most.
fn search(
    store: &Connection,
    source: &Source,
    filter: &TicketFilter,
    before: i64,
    (wanted, most): (usize, usize),
) -> Result<Run, Fault> {
    let (fits, mut values) = condition(filter);
    let (table, place) = match source {
        Source::All => ("ticket t", None),
        Source::Open(lane) => ("ticket t INDEXED BY ticket_open", Some((" AND t.open = 1 AND t.lane = ?", *lane))),
        Source::Aside(state) => {
            ("ticket t INDEXED BY ticket_aside", Some((" AND t.aside IS NOT NULL AND t.aside = ?", *state)))
        }
    };
    let mut text = format!("SELECT t.id, {fits} FROM {table} WHERE t.id < ?");
    values.push(before.into());
    if let Some((condition, value)) = place {
        text.push_str(condition);
        values.push(value.into());
    }
    text.push_str(" ORDER BY t.id DESC");
    let mut find = store.prepare_cached(&text)?;
    let mut rows = find.query(params_from_iter(values))?;
    let mut run = Run { found: Vec::new(), stopped_at: None };
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if row.get(1)? {
            run.found.push(id);
        }
        looked_at += 1;
        if run.found.len() == wanted || looked_at == most {
            run.stopped_at = Some(id);
            break;
        }
    }
    Ok(run)
}

/// What a row must fulfil, as an expression that is 1 or 0. What is cheap comes first; the message id, which is beside the
/// body, is read only of rows whose own columns do not tell.
fn condition(filter: &TicketFilter) -> (String, Vec<Value>) {
    let mut text = String::from("1");
    let mut values: Vec<Value> = Vec::new();
    let states = filter.states.iter().map(|state| Value::from(rows::state_number(*state)));
    one_of(&mut text, &mut values, "t.state", states);
    let backends = filter.backends.iter().map(|backend| Value::from(backend.as_str().to_owned()));
    one_of(&mut text, &mut values, "t.backend", backends);
    one_of(&mut text, &mut values, "t.key", filter.key.iter().map(|key| Value::from(key.as_str().to_owned())));
    one_of(&mut text, &mut values, "kind_key(t.kind)", filter.kinds.iter().map(|kind| kind_key(kind).into()));
    let Some(wanted) = &filter.text else { return (text, values) };
    let columns = ["t.key", "t.ticket_number", "t.work_order", "t.reason"];
    let holds = columns.map(|column| format!("WHEN instr(lower({column}), ?) THEN 1 ")).concat();
    let message_id = "(SELECT message_id FROM ticket_body WHERE id = t.id)";
    let text = format!("CASE WHEN NOT ({text}) THEN 0 {holds}ELSE coalesce(instr(lower({message_id}), ?) > 0, 0) END");
    values.extend(std::iter::repeat_n(Value::from(wanted.to_ascii_lowercase()), columns.len() + 1));
    (text, values)
}

fn one_of(text: &mut String, values: &mut Vec<Value>, column: &str, allowed: impl Iterator<Item = Value>) {
    let before = values.len();
    values.extend(allowed);
    let marks = vec!["?"; values.len() - before].join(", ");
    if !marks.is_empty() {
        text.extend([" AND ", column, " IN (", &marks, ")"]);
    }
}

/// The one row with this message id, if it fits.
fn by_message(store: &Connection, filter: &TicketFilter, message_id: &str, page: Page) -> Result<Listing, Fault> {
    let (fits, mut values) = condition(filter);
    let text =
        format!("SELECT t.id, {fits} FROM ticket t WHERE t.id = (SELECT id FROM ticket_body WHERE message_id = ?)");
    values.push(message_id.to_owned().into());
    let mut find = store.prepare_cached(&text)?;
    let found: Option<(i64, bool)> =
        find.query_row(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let found = found.filter(|(id, fits)| *fits && page.before.is_none_or(|before| *id < before.0));
    let found: Vec<i64> = found.into_iter().map(|(id, _)| id).collect();
    Ok(Listing { tickets: views(store, &found)?, next: None })
}

fn views(store: &Connection, ids: &[i64]) -> Result<Vec<TicketView>, Fault> {
    let mut find = store.prepare_cached(sql::VIEW_BY_ID)?;
    let mut views = Vec::with_capacity(ids.len());
    for id in ids {
        views.extend(find.query_row([id], rows::ticket_view).optional()?);
    }
    Ok(views)
}

#[cfg(test)]
mod tests {
    use ticketbridge_core::ticket::BackendName;

    use super::*;
    use crate::sqlite::migrate::MIGRATIONS;

    #[test]
    fn a_part_looks_at_a_bounded_number_of_rows_and_says_where_to_go_on() {
        let store = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        let rows = LOOKED_AT as i64 * 2 + 10;
        let fill = "INSERT INTO lane(id, platform, number) VALUES(1, 'p', 0);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ROWS)
             INSERT INTO ticket(id, origin, lane, open, state, key, kind, backend, updated_at)
             SELECT i, CAST(printf('%016d', i) AS BLOB), 1, 0, 100, 'k', 'SNR', iif(i = 5, 'seldom', 'often'), i FROM n;
             INSERT INTO ticket_body(id, message_id, body_hash, body, received_at)
             SELECT id, printf('m%d', id), x'00', '{}', id FROM ticket;
             INSERT INTO ticket_count VALUES('often', 100, ROWS - 1), ('seldom', 100, 1);";
        store.execute_batch(&fill.replace("ROWS", &rows.to_string())).unwrap();
        let texts = [None, Some(String::from("M5"))];
        for text in texts {
            let backends = vec![BackendName::new("seldom")];
            let filter = TicketFilter { backends, text, ..TicketFilter::default() };
            let (mut before, mut parts, mut found) = (None, 0, Vec::new());
            loop {
                let part = list(&store, &filter, Page { before, limit: 10 }).unwrap();
                assert!(part.next.is_none_or(|next| next.0 > 0 && before.is_none_or(|before| next < before)));
                found.extend(part.tickets.iter().map(|view| view.row.id.0));
                (before, parts) = (part.next, parts + 1);
                if before.is_none() {
                    break;
                }
            }
            assert_eq!((found, parts), (vec![5], 3));
        }
        let nobody = TicketFilter { backends: vec![BackendName::new("nobody")], ..TicketFilter::default() };
        assert_eq!(list(&store, &nobody, Page { before: None, limit: 10 }).unwrap(), Listing::default());
    }

    #[test]
    fn rare_states_are_found_by_their_indexes() {
        let store = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        for (place, index) in [
            ("INDEXED BY ticket_open WHERE t.id < 9 AND t.open = 1 AND t.lane = 1", "ticket_open (lane=? AND id<?)"),
            (
                "INDEXED BY ticket_aside WHERE t.id < 9 AND t.aside IS NOT NULL AND t.aside = 101",
                "ticket_aside (aside=? AND id<?)",
            ),
        ] {
            let text = format!("EXPLAIN QUERY PLAN SELECT t.id, t.state FROM ticket t {place} ORDER BY t.id DESC");
            let plan: Vec<String> = store
                .prepare(&text)
                .unwrap()
                .query_map([], |row| row.get(3))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap();
            assert!(plan.len() == 1 && plan[0].contains(index), "{plan:?}");
        }
    }
}
