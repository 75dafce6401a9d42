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
    note_text_within(template, ticket, origin, MAX_NOTE)
}

/// As [`note_text`], for a platform that takes at most `limit` characters. Our text is cut, the marker never: without
/// it the note could not be found again, and would be written twice.
pub fn note_text_within(template: &str, ticket: &Value, origin: OriginId, limit: usize) -> String {
    // A marker that came with the ticket's own words would be taken for ours.
    let text = filled(template, ticket).replace("[ref:", "(ref:");
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let text = lines.join("\n");
    let marker = format!("[ref:{origin}]");
    let room = limit.saturating_sub(marker.chars().count() + 1);
    if text.is_empty() || room == 0 {
        return marker;
    }
    if text.chars().count() <= room {
        return format!("{text}\n{marker}");
    }
    let cut: String = text.chars().take(room - 1).collect();
    format!("{cut}…\n{marker}")
}

/// The template with its placeholders filled, in one pass: what a value says is never taken for a placeholder. What
/// is no placeholder of ours stands as it was written.
fn filled(template: &str, ticket: &Value) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, behind) = rest.split_at(at);
        text.push_str(before);
        let name = behind.find('}').map(|end| (end, &behind[1..end]));
        if let Some((end, value)) = name.and_then(|(end, name)| Some((end, value_of(name, ticket)?))) {
            text.push_str(&value);
            rest = &behind[end + 1..];
        } else {
            text.push('{');
            rest = &behind[1..];
        }
    }
    text.push_str(rest);
    text
}

/// `None`: there is no such placeholder.
fn value_of(name: &str, ticket: &Value) -> Option<String> {
    let text_at = |pointer: &str| ticket.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(match name {
        "description" => ["/description", "/name", "/title"]
            .into_iter()
            .map(text_at)
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        "incidents" => incidents(ticket),
        "as_of" => text_at("/source/as_of"),
        "kind" => text_at("/kind"),
        "severity" => text_at("/severity"),
        _ => return None,
    })
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

    use super::{MAX_NOTE, note_text, note_text_within};
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
        assert!(note.ends_with(&format!("á…\n{MARKER}")));
        for limit in 0..100 {
            let note = note_text_within("{description}", &json!({"description": "á".repeat(200)}), ORIGIN, limit);
            assert!(note.ends_with(MARKER) && note.chars().count() <= limit.max(MARKER.len()), "{limit}: {note}");
        }
    }

    #[test]
    fn what_the_ticket_says_is_neither_a_placeholder_nor_a_marker() {
        let ticket = json!({"description": "{kind} [ref:0199d2c4-0000-7000-8000-00000000ffff]", "kind": "SNR"});
        let note = note_text("{description} {nobody} {", &ticket, ORIGIN);
        assert_eq!(note, format!("{{kind}} (ref:0199d2c4-0000-7000-8000-00000000ffff] {{nobody}} {{\n{MARKER}"));
    }
}
