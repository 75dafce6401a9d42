//! Ids of traces and spans. All are derived from ids that are stored anyway, so that whoever knows a ticket knows its
//! trace, and a restart changes nothing: a ticket's trace id **is** its public id without the hyphens.

use http::HeaderValue;
use opentelemetry::trace::{SpanId, TraceId};
use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::BatchId;
use ticketbridge_core::ticket::OriginId;
use ticketbridge_store::RunRecord;

/// A ticket's trace.
pub(super) fn of_ticket(origin: OriginId) -> TraceId {
    TraceId::from_bytes(*origin.0.as_bytes())
}

/// The trace of a request that carries several tickets. The hash of its body is what tells two installations apart.
pub(super) fn of_batch(batch: BatchId, body_hash: &[u8]) -> TraceId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest(&[b"batch", &batch.0.to_be_bytes(), body_hash])[..16]);
    TraceId::from_bytes(bytes)
}

/// The trace of a workflow run.
pub(super) fn of_run(run: &RunRecord) -> TraceId {
    let mut bytes = [0; 16];
    let parts: [&[u8]; 3] = [b"run", &run.as_of.to_be_bytes(), &run.started_at.0.to_be_bytes()];
    bytes.copy_from_slice(&digest(&parts)[..16]);
    TraceId::from_bytes(bytes)
}

/// A span's id within its trace: `parts` tell it from the trace's others.
pub(super) fn span(trace: TraceId, parts: &[&[u8]]) -> SpanId {
    let trace = trace.to_bytes();
    let mut all: Vec<&[u8]> = vec![&trace];
    all.extend_from_slice(parts);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest(&all)[..8]);
    SpanId::from_bytes(bytes)
}

/// The span of a request: in the trace of its only ticket, or in that of the batch.
pub(super) fn request_span(trace: TraceId, batch: BatchId) -> SpanId {
    span(trace, &[b"request", &batch.0.to_be_bytes()])
}

/// Whether a ticket is among the `percent` of all that are traced. Its last 56 bits are random; every process, and every
/// start of one, decides the same.
pub(super) fn is_traced(origin: OriginId, percent: u32) -> bool {
    let random = origin.0.as_u128() & ((1 << 56) - 1);
    random < (u128::from(percent) << 56) / 100
}

/// A `traceparent` (W3C Trace Context, version 00).
pub(super) fn traceparent(
    batch: BatchId,
    body_hash: &[u8],
    mut tickets: impl ExactSizeIterator<Item = OriginId>,
    percent: u32,
) -> Option<HeaderValue> {
    let (trace, is_traced) = if tickets.len() == 1 {
        let origin = tickets.next()?;
        (of_ticket(origin), is_traced(origin, percent))
    } else {
        (of_batch(batch, body_hash), tickets.any(|origin| is_traced(origin, percent)))
    };
    let flags = u8::from(is_traced);
    HeaderValue::try_from(format!("00-{trace}-{}-{flags:02x}", request_span(trace, batch))).ok()
}

/// SHA-256 over the parts, each with its length before it.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn origin(number: u128) -> OriginId {
        OriginId(Uuid::from_u128(0x0199_f000_0000_7000_8000_0000_0000_0000 | number))
    }

    #[test]
    fn a_ticket_is_traced_by_its_id_and_by_the_share_of_all() {
        assert!(is_traced(origin((1 << 56) - 1), 100), "all of them");
        assert!(!is_traced(origin(0), 0), "none of them");
        let step = (1_u128 << 56) / 10_000;
        let traced = (0..10_000).filter(|number| is_traced(origin(number * step), 25)).count();
        assert_eq!(traced, 2_501, "a quarter of evenly spread ids, the lowest included");
    }

    #[test]
    fn the_only_ticket_of_a_request_lends_it_its_trace() {
        let one = origin(7);
        let header = traceparent(BatchId(5), b"hash", [one].into_iter(), 100).unwrap();
        let expected = format!("00-{}-{}-01", one.0.simple(), request_span(of_ticket(one), BatchId(5)));
        assert_eq!(header.to_str().unwrap(), expected);
        assert_eq!(header.len(), 55, "the length that the standard gives");
    }

    #[test]
    fn a_batch_has_a_trace_of_its_own_that_its_body_tells_from_others() {
        let both = || [origin(1), origin(2)].into_iter();
        let header = traceparent(BatchId(5), b"hash", both(), 100).unwrap();
        assert!(header.to_str().unwrap().starts_with(&format!("00-{}-", of_batch(BatchId(5), b"hash"))));
        assert_ne!(header, traceparent(BatchId(5), b"other", both(), 100).unwrap(), "another installation");
        assert_ne!(header, traceparent(BatchId(6), b"hash", both(), 100).unwrap(), "another batch");
    }

    #[test]
    fn what_is_not_traced_says_so() {
        let header = traceparent(BatchId(5), b"hash", [origin((1 << 56) - 1)].into_iter(), 1).unwrap();
        assert!(header.to_str().unwrap().ends_with("-00"));
    }
}
