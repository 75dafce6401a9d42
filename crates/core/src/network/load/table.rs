//! Rows to checked fields by column name (telecom contract §3.1).

use std::io::{BufRead, Read};
use std::str;

use super::number::Decimal;
use super::rows::{Opened, Row, RowReader};
use super::{FileFault, FileKind, RejectReason};

/// A CSV file with its header read.
pub(crate) struct Table<B> {
    kind: FileKind,
    rows: RowReader<B>,
    columns: Vec<String>,
}

/// The fields of a row that has as many as the header and is UTF-8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    text: &'a str,
    ends: &'a [usize],
    gap: usize,
}

impl<'a> Fields<'a> {
    /// The field of a column, trimmed; empty for a column that the file does not have.
    pub(crate) fn get(&self, column: Option<usize>) -> &'a str {
        let Some(column) = column else {
            return "";
        };
        let start = if column == 0 { 0 } else { self.ends[column - 1] + self.gap };
        trim(&self.text[start..self.ends[column]])
    }
}

fn trim(text: &str) -> &str {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    // Most fields have nothing to trim: two looks tell.
    if !text.as_bytes().first().is_some_and(is_space) && !text.as_bytes().last().is_some_and(is_space) {
        return text;
    }
    text.trim_matches([' ', '\t', '\r', '\n'])
}

impl<R: Read> Table<Opened<R>> {
    /// Reads the header. Names are trimmed and compared without regard to ASCII case.
    pub(crate) fn new(kind: FileKind, input: R) -> Result<Self, FileFault> {
        let stopped = |line| move |error| FileFault::Stopped { kind, line, error };
        let mut rows = RowReader::new(input).map_err(stopped(1))?;
        let line = rows.line();
        let header = rows.next_row().map_err(stopped(line))?.ok_or(FileFault::NoHeader(kind))?;
        let mut start = 0;
        let mut columns = Vec::with_capacity(header.ends.len());
        for end in if header.is_cut { &[] } else { header.ends } {
            // A name that is not UTF-8 is none of ours; what matters is that it takes its place.
            columns.push(trim(&String::from_utf8_lossy(&header.text[start..*end])).to_ascii_lowercase());
            start = *end + header.gap;
        }
        Ok(Self { kind, rows, columns })
    }
}

impl<B: BufRead> Table<B> {
    /// How many columns it has.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The reader of its rows.
    pub(super) fn into_rows(self) -> RowReader<B> {
        self.rows
    }

    /// The place of a column that may be missing. A name that appears twice: the first.
    pub(crate) fn optional(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The place of a column that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<Option<usize>, FileFault> {
        self.optional(name).map_or_else(|| Err(self.missing(name)), |at| Ok(Some(at)))
    }

    /// The refusal of a file that lacks `column`.
    pub(crate) fn missing(&self, column: &'static str) -> FileFault {
        const SHOWN: usize = 40;
        let mut found = self.columns.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        if let Some((at, _)) = found.char_indices().nth(1_000) {
            found.truncate(at);
        }
        FileFault::MissingColumn { kind: self.kind, column, found }
    }

    /// Which decimal signs numbers of this file may use.
    pub(crate) fn decimal(&self) -> Decimal {
        if self.rows.delimiter() == b',' { Decimal::Point } else { Decimal::PointOrComma }
    }

    /// The next row: the line where it starts, and its fields or why it has none. `None` at the end.
    #[expect(clippy::type_complexity, reason = "used by three readers of this room, and only there")]
    pub(crate) fn next_row(&mut self) -> Result<Option<(u64, Result<Fields<'_>, RejectReason>)>, FileFault> {
        let (kind, line) = (self.kind, self.rows.line());
        let row = self.rows.next_row().map_err(|error| FileFault::Stopped { kind, line, error })?;
        Ok(row.map(|row| (row.line, check(&row, self.columns.len()))))
    }
}

/// The fields of a row of a table with so many columns.
pub(super) fn check<'a>(row: &Row<'a>, columns: usize) -> Result<Fields<'a>, RejectReason> {
    if row.is_cut || row.ends.len() != columns {
        return Err(RejectReason::FieldCount);
    }
    let text = str::from_utf8(row.text).map_err(|_| RejectReason::BadEncoding)?;
    // Two halves of one letter in neighbouring fields are no letter.
    if row.gap == 0 && row.ends.iter().any(|end| !text.is_char_boundary(*end)) {
        return Err(RejectReason::BadEncoding);
    }
    Ok(Fields { text, ends: row.ends, gap: row.gap })
}

#[cfg(test)]
mod tests {
    use super::{FileKind, RejectReason, Table};

    #[test]
    fn columns_are_found_by_name_in_any_order_and_case() {
        let mut table = Table::new(FileKind::UsChannelSnr, &b" B ;\"a\";b;x\n 1\t;\" 2\r\n\";3;4\n"[..]).unwrap();
        let (a, b) = (table.required("a").unwrap(), table.required("b").unwrap());
        assert_eq!(table.optional("missing"), None);
        let (line, fields) = table.next_row().unwrap().unwrap();
        let fields = fields.unwrap();
        assert_eq!((line, fields.get(a), fields.get(b), fields.get(None)), (2, "2", "1", ""));
    }

    #[test]
    fn a_letter_torn_between_two_fields_is_bad_encoding() {
        let mut table = Table::new(FileKind::UsChannelSnr, &b"a,b\n\xC3,\xA9\nx,\xFF\nx\n\xC3\xA9,1\n"[..]).unwrap();
        let mut results = Vec::new();
        while let Some((line, row)) = table.next_row().unwrap() {
            results.push((line, row.map(|_| ()).map_err(RejectReason::as_str)));
        }
        assert_eq!(results, [(2, Err("bad_encoding")), (3, Err("bad_encoding")), (4, Err("field_count")), (5, Ok(()))]);
    }

    #[test]
    fn a_file_without_header_or_column_says_what_to_do() {
        for empty in ["", "\n\r\n", "\u{feff}"] {
            let fault = Table::new(FileKind::UsChannelSnr, empty.as_bytes()).map(|_| ()).unwrap_err();
            assert!(fault.to_string().contains("us_channel_snr file has no header"), "{fault}");
        }
        let table = Table::new(FileKind::TopologyChannel, &b"x,y\n"[..]).unwrap();
        let fault = table.required("channel_id").unwrap_err().to_string();
        assert!(fault.contains("topology_channel file lacks the column channel_id; its header has: x, y"), "{fault}");
    }
}
