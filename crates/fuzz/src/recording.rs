//! Recordings of decisions, as the flight recorder writes them. Input: the recording.

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
    let replayed = replay(data);
    let lines = data.split(|byte| *byte == b'\n').count();
    match &replayed {
        Ok(steps) => assert!(*steps < lines),
        Err(why) => assert!(!why.is_empty()),
    }
    assert_eq!(replayed, replay(data), "the same each time");
}
