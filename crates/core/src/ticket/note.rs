//! The text of a note: what people read on an existing ticket, and the marker by which the note is found again.

use std::fmt::Write;

use serde_json::Value;

use super::OriginId;

/// Longest note in characters, marker included; our text is cut first, the marker never.
pub const MAX_NOTE: usize = 4_000;
/// Incidents that are listed one by one.
const LISTED_INCIDENTS: usize = 10;

/// A note's text from its template and the ticket's JSON. `{description}`, `{incidents}`, `{as_of}`, `{kind}` and
/// `{severity}` are replaced, a piece that the ticket lacks by nothing; lines left empty are dropped. At the end stands
/// the marker `[ref:ORIGIN ID]`.
pub fn note_text(template: &str, ticket: &Value, origin: OriginId) -> String {
    let text_at = |pointer: &str| ticket.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let description = [text_at("/description"), text_at("/name"), text_at("/title")].into_iter().find(|text| !text.is_empty());
    let text = template
        .replace("{description}", &description.unwrap_or_default())
        .replace("{incidents}", &incidents(ticket))
        .replace("{as_of}", &text_at("/source/as_of"))
        .replace("{kind}", &text_at("/kind"))
        .replace("{severity}", &text_at("/severity"));
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let marker = format!("[ref:{origin}]");
    let room = MAX_NOTE - marker.chars().count() - 1;
    let mut note: String = lines.join("\n").chars().take(room).collect();
    if !note.is_empty() {
        note.push('\n');
    }
    note + &marker
}

/// One line per incident: when, on what, how bad.
fn incidents(ticket: &Value) -> String {
    let Some(incidents) = ticket.get("incidents").and_then(Value::as_array) else { return String::new() };
    let unit = ticket.pointer("/kpi/unit").and_then(Value::as_str).unwrap_or_default();
    let mut lines = String::new();
    for incident in incidents.iter().take(LISTED_INCIDENTS) {
        let text = |name: &str| incident.get(name).and_then(Value::as_str).unwrap_or_default();
        let worst = incident.get("worst").and_then(Value::as_f64).map(|worst| format!(" {worst:.1} {unit}"));
        let until = match text("closed_at") {
            "" => String::new(),
            closed => format!(" – {closed}"),
        };
        let line = format!("{}{until} {}{}", text("opened_at"), text("object_id"), worst.unwrap_or_default());
        let _infallible = writeln!(lines, "{}", line.trim());
    }
    if incidents.len() > LISTED_INCIDENTS {
        let _infallible = writeln!(lines, "… {} more", incidents.len() - LISTED_INCIDENTS);
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::{MAX_NOTE, note_text};
    use crate::ticket::OriginId;

    const ORIGIN: OriginId = OriginId(Uuid::from_u128(7));
    const MARKER: &str = "[ref:00000000-0000-0000-0000-000000000007]";

    #[test]
    fn a_note_tells_what_happened_and_ends_with_its_marker() {
        let ticket = json!({"description": "SNR 18.7 dB", "source": {"as_of": "2026-11-20T23:45:00Z"},
            "kpi": {"unit": "dB"},
            "incidents": [{"opened_at": "2026-11-20T10:00:00Z", "closed_at": null, "object_id": "C/1", "worst": 18.7}]});
        let note = note_text("{description}\n{incidents}\n{as_of}", &ticket, ORIGIN);
        assert_eq!(note, format!("SNR 18.7 dB\n2026-11-20T10:00:00Z C/1 18.7 dB\n2026-11-20T23:45:00Z\n{MARKER}"));
    }

    #[test]
    fn missing_pieces_leave_no_gaps() {
        assert_eq!(note_text("{description}\n{incidents}\n{as_of}", &json!({}), ORIGIN), MARKER);
        assert_eq!(note_text("", &json!(null), ORIGIN), MARKER);
    }

    #[test]
    fn a_long_text_is_cut_and_the_marker_stays_whole() {
        let note = note_text("{description}", &json!({"description": "á".repeat(10_000)}), ORIGIN);
        assert_eq!(note.chars().count(), MAX_NOTE);
        assert!(note.ends_with(MARKER));
    }
}
