//! Inputs that have several parts: a line `---` stands between them, so that corpus files can be read and written by
//! people.

/// What stands between two parts.
pub(crate) const SEPARATOR: &[u8] = b"\n---\n";

/// The parts of an input, at most `limit`; the last one holds the rest. There is at least one.
pub(crate) fn parts(data: &[u8], limit: usize) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = data;
    while parts.len() + 1 < limit {
        let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) else { break };
        parts.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    parts.push(rest);
    parts
}

/// The first line of a part, as text, and what is behind it.
pub(crate) fn first_line(part: &[u8]) -> (String, &[u8]) {
    let end = part.iter().position(|byte| *byte == b'\n');
    let line = String::from_utf8_lossy(&part[..end.unwrap_or(part.len())]).trim().to_owned();
    (line, end.map_or(&[], |end| &part[end + 1..]))
}

/// A part as text.
pub(crate) fn text(part: &[u8]) -> String {
    String::from_utf8_lossy(part).into_owned()
}
