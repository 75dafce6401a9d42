//! Fills a store with finished tickets, through the store's own interface: received, created, given a work order and
//! linked in batches of 100, with every commit that a delivery makes and nothing that it does not leave behind.
//!
//! Of 1,000 tickets 990 are Completed, 5 are in Error and 5 Dismissed; 1 of 1,000 is carried by the backend `seldom`. Keys and
//! message ids are all different and in no order: the worst case for the indexes over them.

use std::sync::Arc;

use futures_util::future::try_join_all;
use serde_json::json;
use ticketbridge_core::delivery::{
    BatchId, Intent, ItemResult, KnownTicket, Receipt, RowUpdate, Settle, Settled, Writes,
};
use ticketbridge_core::effect::{Operation, Outcome, Refusal, RemoteIds};
use ticketbridge_core::ticket::{
    BackendName, NewTicket, OriginId, PlatformName, State, TicketId, TicketReference, TicketRow, parse_intake,
};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, LaneAnswer, LaneGrant, SqliteStore, Store};
use uuid::Uuid;

use crate::Failure;

/// The backend of most tickets.
pub(crate) const BACKEND: &str = "be-1";
/// The backend of one ticket of a thousand.
pub(crate) const SELDOM: &str = "seldom";
/// Items of a batch.
const BATCH: usize = 100;
/// Tickets that go through their lifecycle side by side.
const SIDE_BY_SIDE: u64 = 6_400;
/// Between two tickets: 1,000,000 cover 81 days, fewer than the retention, so that no purge runs beside the delivery.
pub(crate) const TICKET_EVERY_MS: i64 = 7_000;

/// What is to be filled in.
pub(crate) struct Fill {
    /// The ticket platform.
    pub(crate) platform: PlatformName,
    /// Number of the first ticket: each has its own.
    pub(crate) first: u64,
    /// How many.
    pub(crate) count: u64,
    /// When the last of them came in.
    pub(crate) until: Wall,
}

/// A number that looks random and is another for each `number`.
pub(crate) fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A ticket's dedupe key.
pub(crate) fn key(number: u64) -> String {
    format!("SNR|F-{:016x}", mixed(number))
}

/// A ticket as the workflow manager or another sender makes it: about 1,400 bytes.
pub(crate) fn ticket(number: u64, platform: &PlatformName, at: Wall) -> Result<NewTicket, Failure> {
    let reading = |n: u64| json!({"channel": format!("CH-{:03}", mixed(number ^ n) % 900), "snr_db": 12.5, "limit_db": 26.0, "minutes_below": 45 + n, "severity": "critical"});
    let body = json!({
        "message_id": format!("{:016x}-{number:08}", mixed(!number)),
        "kind": if number.is_multiple_of(7) { "POWER" } else { "SNR" },
        "dedupe_key": key(number),
        "priority": 2,
        "title": format!("Bajo SNR en el nodo {number:08}"),
        "description": "Relación señal a ruido por debajo del umbral durante más de 45 minutos en varios canales del grupo de servicio. \
             Se solicita revisión de la planta externa.",
        "source": {"group_id": format!("USSG-{number:08}"), "node": format!("N-{number:08}"), "cmts": "CMTS-VAL-07", "region": "Valparaíso"},
        "evidence": (0..8).map(reading).collect::<Vec<_>>(),
    });
    let item = parse_intake(&body).map_err(|(_, error)| error)?;
    let random = u128::from(mixed(number ^ 0x5555));
    let origin = ((at.0 as u128) << 80) | (7 << 76) | (random << 12 & 0xfff << 64) | (2 << 62) | (random >> 2);
    Ok(NewTicket {
        item,
        origin: OriginId(Uuid::from_u128(origin)),
        backend: BackendName::new(if number % 1_000 == 500 { SELDOM } else { BACKEND }),
        platform: platform.clone(),
        received_at: at,
    })
}

/// Fills the store; answers when all is durable and finished.
pub(crate) async fn fill(store: &Arc<SqliteStore>, what: &Fill) -> Result<(), Failure> {
    let holder = Uuid::from_u128(u128::from(mixed(what.first)));
    let hour = std::time::Duration::from_hours(1);
    let LaneAnswer::Taken(grant) = store.take_lane(&what.platform, 0, holder, hour).await? else {
        return Err("another holds the lane".into());
    };
    let mut desk = Desk { store, grant: &grant, platform: &what.platform, next: grant.next_sequence };
    let mut after = store.last_ticket().await?;
    let end = what.first + what.count;
    let mut number = what.first;
    while number < end {
        let last = end.min(number + SIDE_BY_SIDE);
        let at = |number: u64| Wall(what.until.0 - (end - number) as i64 * TICKET_EVERY_MS);
        let numbers: Vec<u64> = (number..last).collect();
        let calls = numbers.chunks(500).map(|chunk| async move {
            let tickets = chunk.iter().map(|number| ticket(*number, &what.platform, at(*number)));
            Ok::<_, Failure>(store.receive(tickets.collect::<Result<_, _>>()?).await?)
        });
        try_join_all(calls).await?;
        let rows = store.open_tickets(grant.lane, after, SIDE_BY_SIDE as usize).await?;
        let rows: Vec<TicketRow> = rows.into_iter().map(|open| open.row).collect();
        after = rows.last().map_or(after, |row| row.id);
        desk.finish(&rows, at(last)).await?;
        number = last;
    }
    store.release_lane(grant.lane, grant.fence).await?;
    Ok(())
}

/// Makes a delivery's decisions for a lane.
struct Desk<'a> {
    store: &'a SqliteStore,
    grant: &'a LaneGrant,
    platform: &'a PlatformName,
    next: i64,
}

impl Desk<'_> {
    /// Brings rows to their end.
    async fn finish(&mut self, rows: &[TicketRow], at: Wall) -> Result<(), Failure> {
        let steps = [
            (Operation::CreateTicket, State::CreatingTicket, State::CreatingWorkOrder),
            (Operation::CreateWorkOrder, State::CreatingWorkOrder, State::LinkingWorkOrder),
            (Operation::LinkWorkOrder, State::LinkingWorkOrder, State::Completed),
        ];
        let mut groups: Vec<Vec<TicketRow>> = rows.chunks(BATCH).map(<[_]>::to_vec).collect();
        let mut sent: Vec<Option<(BatchId, Vec<TicketRow>)>> = groups.iter().map(|_| None).collect();
        for (operation, state, next) in steps {
            let mut all = Vec::new();
            for (group, sent) in groups.iter_mut().zip(&mut sent) {
                let mut writes = self.nothing();
                if let Some((batch, before)) = sent.take() {
                    settle(&mut writes, batch, &before, group, at);
                }
                let batch = BatchId::new(self.grant.lane, self.next);
                self.next += 1;
                group.retain(|row| row.state.is_open());
                begin(&mut writes, batch, (operation, state), group, at, self.platform);
                let before = group.clone();
                for row in group.iter_mut() {
                    answered(row, next);
                }
                *sent = Some((batch, before));
                all.push(writes);
            }
            self.apply(all).await?;
        }
        let mut all = Vec::new();
        for (group, sent) in groups.iter().zip(&mut sent) {
            let mut writes = self.nothing();
            if let Some((batch, before)) = sent.take() {
                settle(&mut writes, batch, &before, group, at);
            }
            all.push(writes);
        }
        self.apply(all).await?;
        let dismissed = rows.iter().filter(|row| (950..955).contains(&(row.id.0 % 1_000)));
        let act = || Act::Dismiss { reason: String::from("Obras en la calle") };
        try_join_all(dismissed.map(|row| self.store.act(row.origin, act(), "filler", at))).await?;
        Ok(())
    }

    async fn apply(&self, all: Vec<Writes>) -> Result<(), Failure> {
        let receipts = try_join_all(all.into_iter().map(|writes| self.store.apply(writes))).await?;
        match receipts.iter().find(|receipt| **receipt != Receipt::Done) {
            Some(receipt) => Err(format!("not written: {receipt:?}").into()),
            None => Ok(()),
        }
    }

    fn nothing(&self) -> Writes {
        Writes::nothing(self.grant.lane, self.grant.fence)
    }
}

/// The intent of a request, and its rows.
fn begin(
    writes: &mut Writes,
    batch: BatchId,
    (operation, state): (Operation, State),
    rows: &mut [TicketRow],
    at: Wall,
    platform: &PlatformName,
) {
    let Some(first) = rows.first() else { return };
    writes.intents.push(Intent {
        batch,
        operation,
        platform: platform.clone(),
        backend: first.backend.clone(),
        items: rows.iter().map(|row| row.id).collect(),
        body_hash: [batch.sequence() as u8; 32],
        at,
    });
    for row in rows {
        row.sent.insert(operation);
        if let Some(update) = writes.rows.iter_mut().find(|update| update.row.id == row.id) {
            update.row.sent = row.sent;
            update.trail = Some(batch);
        } else {
            let expected = row.state;
            row.state = state;
            writes.rows.push(RowUpdate { expected, row: row.clone(), trail: Some(batch) });
        }
    }
}

/// The answer to a row's request: 10 of 1,000 creates are refused.
fn answered(row: &mut TicketRow, next: State) {
    let number = row.id.0;
    if row.state == State::CreatingTicket && (945..955).contains(&(number % 1_000)) {
        row.state = State::Error;
        row.failed = Some(Operation::CreateTicket);
        row.reason = Some(String::from("422: the field CATEGORY does not accept this value"));
        return;
    }
    match row.state {
        State::CreatingTicket => {
            row.ticket = Some(TicketReference { number: format!("TT{number:09}"), record: Some(record(number)) });
            row.created = true;
        }
        State::CreatingWorkOrder => {
            row.work_order = Some(format!("OT{number:09}"));
            row.work_order_record = Some(record(!number));
        }
        _ => {}
    }
    row.state = next;
}

fn record(number: i64) -> String {
    format!("94{:016x}{:08x}", mixed(number as u64), mixed(!number as u64) as u32)
}

/// What became of a batch, as `after` says.
fn settle(writes: &mut Writes, batch: BatchId, before: &[TicketRow], after: &[TicketRow], at: Wall) {
    let result = |(before, after): (&TicketRow, &TicketRow)| {
        let outcome = match after.state {
            State::Error => Outcome::Refused {
                refusal: Refusal::ItemForGood,
                code: String::from("422"),
                message: after.reason.clone().unwrap_or_default(),
            },
            _ => Outcome::Applied { ids: ids(before, after) },
        };
        ItemResult { ticket: after.id, outcome, by: Settled::Answer, next: after.state }
    };
    let results = before.iter().zip(after).map(result).collect();
    writes.settles.push(Settle { batch, results, remaining: Vec::<TicketId>::new(), at });
    for (before, after) in before.iter().zip(after) {
        writes.rows.push(RowUpdate { expected: before.state, row: after.clone(), trail: None });
        if let Some(reference) = after.ticket.clone().filter(|_| before.ticket.is_none()) {
            let (key, origin) = (after.key.clone(), Some(after.origin));
            writes.known.push(KnownTicket { key, reference, origin });
        }
    }
}

fn ids(before: &TicketRow, after: &TicketRow) -> RemoteIds {
    let mut ids = RemoteIds::default();
    match before.state {
        State::CreatingTicket => {
            ids.ticket_number = after.ticket.as_ref().map(|ticket| ticket.number.clone());
            ids.ticket_record = after.ticket.as_ref().and_then(|ticket| ticket.record.clone());
        }
        State::CreatingWorkOrder => {
            ids.work_order_number.clone_from(&after.work_order);
            ids.work_order_record.clone_from(&after.work_order_record);
        }
        _ => {}
    }
    ids
}
