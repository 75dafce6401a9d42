//! Error codes that operators meet, and their pages, on board of the program.
//!
//! Guarantee, by test: every code that stands in the workspace's source has a page, every page has the three parts
//! *What happened*, *Why*, *What to do* and is listed in `docs/errors/README.md`.

/// One error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// The code, such as `TB0301`.
    pub code: &'static str,
    /// Its page, in Markdown.
    pub page: &'static str,
}

/// All codes, ascending.
pub const ALL: &[ErrorCode] = &[
    page("TB0001", include_str!("../../../../docs/errors/TB0001.md")),
    page("TB0002", include_str!("../../../../docs/errors/TB0002.md")),
    page("TB0003", include_str!("../../../../docs/errors/TB0003.md")),
    page("TB0101", include_str!("../../../../docs/errors/TB0101.md")),
    page("TB0102", include_str!("../../../../docs/errors/TB0102.md")),
    page("TB0103", include_str!("../../../../docs/errors/TB0103.md")),
    page("TB0104", include_str!("../../../../docs/errors/TB0104.md")),
    page("TB0105", include_str!("../../../../docs/errors/TB0105.md")),
    page("TB0106", include_str!("../../../../docs/errors/TB0106.md")),
    page("TB0107", include_str!("../../../../docs/errors/TB0107.md")),
    page("TB0201", include_str!("../../../../docs/errors/TB0201.md")),
    page("TB0202", include_str!("../../../../docs/errors/TB0202.md")),
    page("TB0203", include_str!("../../../../docs/errors/TB0203.md")),
    page("TB0204", include_str!("../../../../docs/errors/TB0204.md")),
    page("TB0205", include_str!("../../../../docs/errors/TB0205.md")),
    page("TB0206", include_str!("../../../../docs/errors/TB0206.md")),
    page("TB0301", include_str!("../../../../docs/errors/TB0301.md")),
    page("TB0302", include_str!("../../../../docs/errors/TB0302.md")),
    page("TB0303", include_str!("../../../../docs/errors/TB0303.md")),
    page("TB0304", include_str!("../../../../docs/errors/TB0304.md")),
    page("TB0305", include_str!("../../../../docs/errors/TB0305.md")),
    page("TB0306", include_str!("../../../../docs/errors/TB0306.md")),
    page("TB0307", include_str!("../../../../docs/errors/TB0307.md")),
    page("TB0308", include_str!("../../../../docs/errors/TB0308.md")),
    page("TB0309", include_str!("../../../../docs/errors/TB0309.md")),
    page("TB0310", include_str!("../../../../docs/errors/TB0310.md")),
    page("TB0311", include_str!("../../../../docs/errors/TB0311.md")),
    page("TB0401", include_str!("../../../../docs/errors/TB0401.md")),
    page("TB0402", include_str!("../../../../docs/errors/TB0402.md")),
    page("TB0403", include_str!("../../../../docs/errors/TB0403.md")),
    page("TB0501", include_str!("../../../../docs/errors/TB0501.md")),
    page("TB0601", include_str!("../../../../docs/errors/TB0601.md")),
];

const fn page(code: &'static str, page: &'static str) -> ErrorCode {
    ErrorCode { code, page }
}

impl ErrorCode {
    /// What the code stands for, in one line.
    pub fn title(&self) -> &'static str {
        let line = self.page.lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
    }
}

/// The entry of a code, whatever its case.
pub fn find(code: &str) -> Option<&'static ErrorCode> {
    ALL.iter().find(|entry| entry.code.eq_ignore_ascii_case(code.trim()))
}

#[cfg(test)]
mod tests;
