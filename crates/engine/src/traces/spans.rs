//! From what the store has of a ticket to the spans of its trace. Pure.
//!
//! A ticket that failed and was tried again has a root span per generation of attempts, so that no span is ever sent with
//! two ends.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanLinks};
use ticketbridge_core::delivery::{BatchId, Settled};
use ticketbridge_core::effect::Outcome;
use ticketbridge_core::ticket::State;
use ticketbridge_core::time::Wall;
use ticketbridge_store::{Act, ActRecord, RunRecord, TicketView, TrailEntry};

use super::{Scan, ids};
use crate::offload::{FileOutcome, FileReport};

/// Batches remembered as exported.
const BATCHES: usize = 4_096;
/// Most characters of a platform's words.
const WORDS: usize = 300;

/// A run, and the scan that started it if this process made it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) record: RunRecord,
    pub(super) scan: Option<Scan>,
}

/// Batches whose own span was exported: it is made once, with the first of its tickets that comes to an end.
#[derive(Debug, Default)]
pub(super) struct Batches {
    seen: HashSet<BatchId>,
    order: VecDeque<BatchId>,
}

impl Batches {
    fn is_new(&mut self, batch: BatchId) -> bool {
        if !self.seen.insert(batch) {
            return false;
        }
        self.order.push_back(batch);
        if self.order.len() > BATCHES
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

/// One span under construction.
struct Draft {
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    kind: SpanKind,
    name: Cow<'static, str>,
    began_at: Wall,
    ended_at: Wall,
    attributes: Vec<KeyValue>,
    links: Vec<Link>,
    status: Status,
}

impl Draft {
    fn new(trace: TraceId, id: SpanId, name: impl Into<Cow<'static, str>>, began_at: Wall, ended_at: Wall) -> Self {
        Self {
            trace,
            id,
            parent: SpanId::INVALID,
            kind: SpanKind::Internal,
            name: name.into(),
            began_at,
            ended_at: ended_at.max(began_at),
            attributes: Vec::new(),
            links: Vec::new(),
            status: Status::Unset,
        }
    }

    fn finish(self) -> SpanData {
        SpanData {
            span_context: context(self.trace, self.id),
            parent_span_id: self.parent,
            parent_span_is_remote: false,
            span_kind: self.kind,
            name: self.name,
            start_time: instant(self.began_at),
            end_time: instant(self.ended_at),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links: links(self.links),
            status: self.status,
            instrumentation_scope: InstrumentationScope::builder("ticketbridge")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

/// The trace of a ticket that came to an end: its root, the run that built it, and each request of this generation of
/// attempts; besides the spans of batches that were not exported yet.
pub(super) fn of_ticket(
    view: &TicketView,
    trail: &[TrailEntry],
    acts: &[ActRecord],
    run: Option<&Run>,
    batches: &mut Batches,
) -> Vec<SpanData> {
    let row = &view.row;
    let trace = ids::of_ticket(row.origin);
    let root = ids::span(trace, &[b"ticket", &row.generation.to_be_bytes()]);
    let retried_at = acts.iter().filter(|record| matches!(record.act, Act::Retry)).map(|record| record.at).next_back();
    let mut spans = Vec::with_capacity(trail.len() + 4);
    let mut began_at = retried_at.unwrap_or(view.body.received_at);
    if let (Some(run), None) = (run, retried_at) {
        let (first, of_run) = of_its_run(trace, root, run);
        began_at = began_at.min(first);
        spans.extend(of_run);
    }
    for entry in trail.iter().filter(|entry| retried_at.is_none_or(|at| entry.at >= at)) {
        let ended_at = entry.result.as_ref().map_or(entry.at, |(_, at)| *at);
        let mut span =
            Draft::new(trace, ids::request_span(trace, entry.batch), request_name(entry), entry.at, ended_at);
        span.parent = root;
        span.kind = SpanKind::Client;
        span.attributes = request_attributes(entry);
        if let Some((result, _)) = &entry.result {
            let (outcome, words) = outcome(&result.outcome);
            span.attributes.push(KeyValue::new("ticketbridge.outcome", outcome));
            span.attributes.push(KeyValue::new("ticketbridge.known_by", known_by(result.by)));
            if let Some(words) = words {
                span.status = Status::Error { description: words.into() };
            }
        }
        if entry.items > 1 {
            let shared = ids::of_batch(entry.batch, &unhex(&entry.body_hash));
            let shared_span = ids::request_span(shared, entry.batch);
            span.links.push(Link::with_context(context(shared, shared_span)));
            if batches.is_new(entry.batch) {
                let mut batch = Draft::new(shared, shared_span, request_name(entry), entry.at, ended_at);
                batch.kind = SpanKind::Client;
                batch.attributes = request_attributes(entry);
                batch.links.push(Link::with_context(context(trace, span.id)));
                spans.push(batch.finish());
            }
        }
        spans.push(span.finish());
    }
    let mut ticket = Draft::new(trace, root, "ticket", began_at, view.updated_at);
    ticket.attributes = ticket_attributes(view);
    if row.state == State::Error {
        let reason = row.reason.as_deref().unwrap_or("failed");
        ticket.status = Status::Error { description: cut(reason).into() };
    }
    if let Some(run) = run {
        let of_run = ids::of_run(&run.record);
        ticket.links.push(Link::with_context(context(of_run, ids::span(of_run, &[b"run"]))));
    }
    spans.push(ticket.finish());
    spans
}

/// The trace of a run: the files that started it, and the run.
pub(super) fn of_run(run: &Run) -> Vec<SpanData> {
    let trace = ids::of_run(&run.record);
    let root = ids::span(trace, &[b"run"]);
    let mut spans: Vec<SpanData> = run.scan.iter().flat_map(|scan| offload(trace, root, scan)).collect();
    let mut span = run_span(trace, root, run);
    span.began_at = run.scan.as_ref().map_or(span.began_at, |scan| scan.began_at.min(span.began_at));
    spans.push(span.finish());
    spans
}

/// Offload and run as they stand in the trace of a ticket, and when the first of them began.
fn of_its_run(trace: TraceId, parent: SpanId, run: &Run) -> (Wall, Vec<SpanData>) {
    let mut spans: Vec<SpanData> = run.scan.iter().flat_map(|scan| offload(trace, parent, scan)).collect();
    let mut span = run_span(trace, ids::span(trace, &[b"run"]), run);
    span.parent = parent;
    spans.push(span.finish());
    let began_at = run.scan.as_ref().map_or(run.record.started_at, |scan| scan.began_at);
    (began_at.min(run.record.started_at), spans)
}

fn run_span(trace: TraceId, id: SpanId, run: &Run) -> Draft {
    let RunRecord { as_of, started_at, finished_at, trigger, rows, triggered, tickets } = &run.record;
    let mut span = Draft::new(trace, id, "workflow run", *started_at, *finished_at);
    span.attributes = vec![
        KeyValue::new("ticketbridge.run.as_of", Wall(as_of.saturating_mul(1_000)).to_rfc3339()),
        KeyValue::new("ticketbridge.run.trigger", trigger.clone()),
        number("ticketbridge.run.rows", *rows),
        number("ticketbridge.run.triggered", *triggered),
        number("ticketbridge.run.tickets", *tickets),
    ];
    span
}

/// One span for each file that the scan took in. The scan knows no times of single files, so each has those of the scan.
fn offload(trace: TraceId, parent: SpanId, scan: &Scan) -> Vec<SpanData> {
    let spans = scan.report.files.iter().filter_map(|file| {
        let FileReport { kind, name, outcome: FileOutcome::Loaded { counters, .. }, .. } = file else { return None };
        let id = ids::span(trace, &[b"offload", kind.as_str().as_bytes(), name.as_bytes()]);
        let mut draft = Draft::new(trace, id, format!("offload {}", kind.as_str()), scan.began_at, scan.ended_at);
        draft.parent = parent;
        draft.attributes = vec![
            KeyValue::new("file.name", name.clone()),
            number("ticketbridge.offload.rows", counters.rows),
            number("ticketbridge.offload.accepted", counters.accepted),
            number("ticketbridge.offload.rejected", counters.rejected),
        ];
        Some(draft.finish())
    });
    spans.collect()
}

fn request_name(entry: &TrailEntry) -> String {
    format!("{} {}", entry.operation, entry.platform)
}

fn request_attributes(entry: &TrailEntry) -> Vec<KeyValue> {
    vec![
        KeyValue::new("ticketbridge.platform", entry.platform.to_string()),
        KeyValue::new("ticketbridge.operation", entry.operation.as_str()),
        KeyValue::new("ticketbridge.batch", entry.batch.0),
        number("ticketbridge.batch_size", entry.items as u64),
    ]
}

fn ticket_attributes(view: &TicketView) -> Vec<KeyValue> {
    let row = &view.row;
    let mut attributes = vec![
        KeyValue::new("ticketbridge.ticket.id", row.origin.to_string()),
        KeyValue::new("ticketbridge.ticket.message_id", view.body.message_id.clone()),
        KeyValue::new("ticketbridge.ticket.dedupe_key", row.key.to_string()),
        KeyValue::new("ticketbridge.ticket.kind", row.kind.to_string()),
        KeyValue::new("ticketbridge.ticket.state", row.state.as_str()),
        KeyValue::new("ticketbridge.ticket.created", row.created),
        KeyValue::new("ticketbridge.backend", row.backend.to_string()),
    ];
    let ids = [
        ("ticketbridge.ticket.number", row.ticket.as_ref().map(|ticket| ticket.number.clone())),
        ("ticketbridge.ticket.work_order", row.work_order.clone()),
    ];
    attributes.extend(ids.into_iter().filter_map(|(name, id)| Some(KeyValue::new(name, id?))));
    attributes
}

/// The outcome's name; for all but Applied also what happened.
fn outcome(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Applied { .. } => ("applied", None),
        Outcome::Refused { message, .. } => ("refused", Some(cut(message))),
        Outcome::Unavailable { why } => ("unavailable", Some(cut(why))),
        Outcome::Unknown { why } => ("unknown", Some(cut(why))),
    }
}

fn known_by(settled: Settled) -> &'static str {
    match settled {
        Settled::Answer => "answer",
        Settled::LookUp => "look_up",
    }
}

fn cut(words: &str) -> String {
    words.chars().take(WORDS).collect()
}

fn number(name: &'static str, value: u64) -> KeyValue {
    KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX))
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
}

fn links(links: Vec<Link>) -> SpanLinks {
    let mut all = SpanLinks::default();
    all.links = links;
    all
}

fn instant(at: Wall) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.0.max(0) as u64)
}

/// The bytes of a hexadecimal text; of anything else nothing.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ticketbridge_core::delivery::LaneId;
    use ticketbridge_core::effect::Operation;
    use ticketbridge_core::ticket::{
        Attempts, BackendName, DedupeKey, OperationSet, OriginId, PlatformName, TicketId, TicketRow,
    };
    use ticketbridge_store::TicketBody;

    use super::*;

    fn view(generation: u32) -> TicketView {
        let row = TicketRow {
            id: TicketId(1),
            origin: OriginId(uuid::Uuid::from_u128(7)),
            key: DedupeKey::new("SNR|1").unwrap(),
            kind: Arc::from("SNR"),
            backend: BackendName::new("be-1"),
            state: State::Completed,
            due_at: None,
            attempts: Attempts::default(),
            generation,
            sent: OperationSet::default(),
            created: true,
            ticket: None,
            work_order: None,
            work_order_record: None,
            failed: None,
            reason: None,
        };
        let body =
            TicketBody { id: row.id, message_id: String::from("m"), body: Arc::from("{}"), received_at: Wall(1_000) };
        TicketView { row, body, platform: PlatformName::new("desk"), updated_at: Wall(9_000) }
    }

    fn request(number: i64, at: i64) -> TrailEntry {
        TrailEntry {
            batch: BatchId::new(LaneId(1), number),
            operation: Operation::CreateTicket,
            platform: PlatformName::new("desk"),
            items: 1,
            body_hash: String::from("ab"),
            at: Wall(at),
            result: None,
        }
    }

    #[test]
    fn a_retried_ticket_has_a_root_of_its_own_with_what_came_since_the_retry() {
        let record = RunRecord {
            as_of: 0,
            started_at: Wall(500),
            finished_at: Wall(1_500),
            trigger: String::from("schedule"),
            rows: 1,
            triggered: 1,
            tickets: 1,
        };
        let run = Run { record, scan: None };
        let trail = [request(1, 2_000), request(2, 6_000)];
        let of =
            |view: &TicketView, acts: &[ActRecord]| of_ticket(view, &trail, acts, Some(&run), &mut Batches::default());
        let names = |spans: &[SpanData]| spans.iter().map(|span| span.name.to_string()).collect::<Vec<_>>();
        let first = of(&view(0), &[]);
        assert_eq!(names(&first), ["workflow run", "create_ticket desk", "create_ticket desk", "ticket"]);

        let retry = ActRecord { ticket: TicketId(1), who: String::from("cli"), act: Act::Retry, at: Wall(5_000) };
        let again = of(&view(1), &[retry]);
        assert_eq!(names(&again), ["create_ticket desk", "ticket"]);
        assert_eq!(again[0].start_time, instant(Wall(6_000)));
        let (old, new) = (first.last().unwrap(), again.last().unwrap());
        assert_eq!(old.span_context.trace_id(), new.span_context.trace_id());
        assert_ne!(old.span_context.span_id(), new.span_context.span_id());
        assert_eq!((old.start_time, new.start_time), (instant(Wall(500)), instant(Wall(5_000))));
        assert_eq!(again[0].parent_span_id, new.span_context.span_id());
    }
}
