//! Bytes to rows: delimiter, quoting, line ends, physical line numbers (telecom contract §3.1).

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use csv_core::ReadRecordResult;

/// Longest row, in bytes of its fields. What is behind is dropped and the row counts as one with a wrong field count.
const MAX_ROW: usize = 1 << 20;
/// Most fields of a row.
const MAX_FIELDS: usize = 4_096;
/// How far the first line is looked at for the delimiter.
const MAX_FIRST_LINE: usize = 64 << 10;
/// Bytes asked of the input at once.
const BUFFER: usize = 64 << 10;
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// One row, as it stands in the file: fields not trimmed, not checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// Physical line where the row starts.
    pub(super) line: u64,
    /// All fields behind one another, `gap` bytes between them.
    pub(super) text: &'a [u8],
    /// Where each field ends in `text`.
    pub(super) ends: &'a [usize],
    /// Bytes between two fields: 1 where the delimiters still stand, else 0.
    pub(super) gap: usize,
    /// The row was cut off at a limit: its fields mean nothing.
    pub(super) is_cut: bool,
}

/// A file whose head was looked at.
pub(super) type Opened<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// Where a row begins, in a file or in a piece of it: what its reader has to know of what stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowStart {
    /// Physical line.
    pub line: u64,
    /// A line feed here belongs to the line end before it.
    pub after_carriage_return: bool,
}

impl RowStart {
    /// The beginning of a file, or of a piece whose lines are counted apart.
    pub const FIRST: Self = Self { line: 1, after_carriage_return: false };
}

/// How many bytes at the beginning of `bytes`, which begin with a row, are rows that need nothing of what follows: up to
/// the last line feed. `None`: there is no line feed, or a quote, behind which a line feed may be part of a field.
pub fn whole_rows(bytes: &[u8]) -> Option<usize> {
    // Without an early end, the compiler makes it many bytes at a time.
    let has_quote = bytes.iter().fold(0, |found, byte| found | u8::from(*byte == b'"')) != 0;
    let last = bytes.iter().rposition(|byte| *byte == b'\n');
    if has_quote { None } else { last.map(|last| last + 1) }
}

/// Reads rows one by one. Memory: one row and one buffer.
pub(super) struct RowReader<B> {
    input: B,
    parser: csv_core::Reader,
    delimiter: u8,
    at: RowStart,
    /// The parser saw the first row: it treats the beginning of a file in its own way.
    has_begun: bool,
    /// Bytes of the buffer that the row handed over last still borrows.
    handed_over: usize,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> RowReader<Opened<R>> {
    /// Looks at the first line, finds the delimiter and skips the byte order mark.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut head = Vec::new();
        let mut delimiter = None;
        while delimiter.is_none() && head.len() < MAX_FIRST_LINE {
            let before = head.len();
            input.by_ref().take(4_096).read_to_end(&mut head)?;
            if head.len() == before {
                break;
            }
            if head.starts_with(&BYTE_ORDER_MARK) {
                head.drain(..BYTE_ORDER_MARK.len());
            }
            delimiter = delimiter_of(&head, false);
        }
        let delimiter = delimiter.or_else(|| delimiter_of(&head, true)).unwrap_or(b',');
        let input = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(input));
        Ok(Self::with(input, delimiter, RowStart::FIRST))
    }
}

impl<B: BufRead> RowReader<B> {
    fn with(input: B, delimiter: u8, at: RowStart) -> Self {
        Self {
            input,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            at,
            has_begun: false,
            handed_over: 0,
            text: vec![0; 1_024],
            ends: vec![0; 64],
        }
    }

    /// Reads on where another reader ended, or where a piece begins.
    pub(super) fn resume(input: B, delimiter: u8, at: RowStart) -> Self {
        let mut reader = Self::with(input, delimiter, at);
        // A row of no meaning: behind it, the parser no longer looks for a byte order mark.
        let _row = reader.parser.read_record(b"-\n", &mut reader.text, &mut reader.ends);
        reader.has_begun = true;
        reader
    }

    /// What is left to read, and where it begins.
    pub(super) fn into_rest(mut self) -> (B, RowStart) {
        self.input.consume(self.handed_over);
        (self.input, self.at)
    }

    /// The bytes at hand from the beginning of the next row on; none at the end, and before the first row.
    pub(super) fn ahead(&mut self) -> io::Result<&[u8]> {
        self.input.consume(std::mem::take(&mut self.handed_over));
        self.skip_empty_lines()?;
        Ok(if self.has_begun { self.input.fill_buf()? } else { &[] })
    }

    /// Passes over the row at the beginning of [`RowReader::ahead`]: `length` bytes with its line feed, and no other one.
    pub(super) fn pass(&mut self, length: usize) {
        self.input.consume(length);
        self.at = RowStart { line: self.at.line + 1, after_carriage_return: false };
    }

    /// The delimiter of this file.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The physical line reached.
    pub(super) fn line(&self) -> u64 {
        self.at.line
    }

    /// The next row; `None` at the end. Zero-length lines are no rows.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Row<'_>>> {
        self.input.consume(std::mem::take(&mut self.handed_over));
        self.skip_empty_lines()?;
        let line = self.at.line;
        let (buffer, delimiter) = (self.input.fill_buf()?, self.delimiter);
        let plain = if self.has_begun { plain_row(buffer, delimiter, &mut self.ends) } else { None };
        self.has_begun = true;
        if let Some((fields, length)) = plain {
            self.at = RowStart { line: line + 1, after_carriage_return: false };
            self.handed_over = length + 1;
            // The same bytes again: nothing was consumed.
            let text = self.input.fill_buf()?.get(..length).unwrap_or_default();
            return Ok(Some(Row { line, text, ends: &self.ends[..fields], gap: 1, is_cut: false }));
        }
        let (mut text_length, mut end_count, mut is_cut) = (0, 0, false);
        loop {
            let buffer = self.input.fill_buf()?;
            let (result, read, written, ended) =
                self.parser.read_record(buffer, &mut self.text[text_length..], &mut self.ends[end_count..]);
            count_lines(&buffer[..read], &mut self.at);
            self.input.consume(read);
            text_length += written;
            end_count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.text.len() < MAX_ROW => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputFull => (text_length, is_cut) = (0, true),
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_FIELDS => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => (end_count, is_cut) = (0, true),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => break,
            }
        }
        if is_cut {
            (text_length, end_count) = (0, 0);
        }
        Ok(Some(Row { line, text: &self.text[..text_length], ends: &self.ends[..end_count], gap: 0, is_cut }))
    }

    /// Between rows, a line end is an empty line (or the second half of CRLF). Skipped here and not by the parser, so
    /// that `line` is where the row starts.
    fn skip_empty_lines(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            if !buffer.first().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
                return Ok(());
            }
            let empty = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            count_lines(&buffer[..empty], &mut self.at);
            self.input.consume(empty);
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is zero; a byte above such a one may be marked wrongly.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// The row at the beginning of `buffer`, if it has neither quotes nor carriage returns and ends with a line feed in the
/// buffer: how many fields, and how many bytes before the line feed. Eight bytes at a time: nearly all rows are such.
///
/// `None`: the row is of another kind, or its end is not before the last bytes of the buffer; the parser has to look.
fn plain_row(buffer: &[u8], delimiter: u8, ends: &mut [usize]) -> Option<(usize, usize)> {
    let wanted = [delimiter, b'\n', b'"', b'\r'].map(|byte| u64::from(byte) * ONES);
    let mut fields = 0;
    let (words, _) = buffer.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let mut marks = wanted.iter().fold(0, |marks, byte| marks | zeros(word ^ byte));
        // Marks may be wrong: each is looked at.
        while marks != 0 {
            let place = number * 8 + marks.trailing_zeros() as usize / 8;
            marks &= marks - 1;
            match *buffer.get(place)? {
                b'\n' => {
                    *ends.get_mut(fields)? = place;
                    return Some((fields + 1, place));
                }
                b'"' | b'\r' => return None,
                byte if byte == delimiter => {
                    *ends.get_mut(fields)? = place;
                    fields += 1;
                }
                _ => {}
            }
        }
    }
    None
}

/// The field at the beginning of `bytes`, if only letters, digits and signs of ASCII stand before its end, no space at
/// either of its ends, and its end not among the last bytes. Eight bytes at a time.
pub(super) fn plain_field(bytes: &[u8], delimiter: u8) -> Option<&[u8]> {
    // The lowest mark is right, which is all that is looked at: a wrong one has a right one below it.
    let below_space = |word: u64| word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    let is_end = |byte: u8| byte == delimiter || matches!(byte, b'\n' | b'\r');
    let delimiters = u64::from(delimiter) * ONES;
    let (words, _) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marks =
            below_space(word) | (word & HIGH) | zeros(word ^ delimiters) | zeros(word ^ (ONES * u64::from(b'"')));
        if marks != 0 {
            let end = number * 8 + marks.trailing_zeros() as usize / 8;
            let field = bytes.get(..end).filter(|_| bytes.get(end).is_some_and(|byte| is_end(*byte)))?;
            return (field.first() != Some(&b' ') && field.last() != Some(&b' ')).then_some(field);
        }
    }
    None
}

fn count_lines(bytes: &[u8], at: &mut RowStart) {
    // Most files have none: then counting line feeds is all, which goes many bytes at a time.
    if !at.after_carriage_return && !bytes.contains(&b'\r') {
        #[expect(
            clippy::naive_bytecount,
            reason = "the compiler makes it many bytes at a time, which is enough for a row"
        )]
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        at.line += lines as u64;
        return;
    }
    for byte in bytes {
        match byte {
            b'\r' => at.line += 1,
            b'\n' if !at.after_carriage_return => at.line += 1,
            _ => {}
        }
        at.after_carriage_return = *byte == b'\r';
    }
}

/// The most frequent of `,` `;` TAB outside quotes in the first line that is not empty; on a tie in that order; none
/// found: the comma. `None`: the line is not complete and `is_all` is not set.
fn delimiter_of(head: &[u8], is_all: bool) -> Option<u8> {
    const CANDIDATES: [u8; 3] = [b',', b';', b'\t'];
    let mut counts = [0_u32; 3];
    let (mut is_quoted, mut is_complete) = (false, is_all);
    for byte in head.iter().skip_while(|byte| matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' if !is_quoted => {
                is_complete = true;
                break;
            }
            _ if is_quoted => {}
            _ => {
                if let Some(at) = CANDIDATES.iter().position(|candidate| candidate == byte) {
                    counts[at] += 1;
                }
            }
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0);
    let winner = counts.iter().position(|count| *count == most).unwrap_or(0);
    is_complete.then_some(CANDIDATES[winner])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_ROW, RowReader};

    /// Rows as the parser alone finds them, without lines.
    fn parsed(bytes: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
        reader.byte_records().map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn rows_are_those_of_the_parser(text in "[ab,;\t\"\r\n]{0,60}", is_long in any::<bool>()) {
            // Long ones cross the ends of what is read at once.
            let text = if is_long { text.repeat(1_500) } else { text };
            let mut reader = RowReader::new(text.as_bytes()).unwrap();
            let delimiter = reader.delimiter();
            let mut found = Vec::new();
            while let Some(row) = reader.next_row().unwrap() {
                let mut start = 0;
                let mut fields = Vec::new();
                for end in row.ends {
                    fields.push(row.text[start..*end].to_vec());
                    start = *end + row.gap;
                }
                found.push(if row.is_cut { Vec::new() } else { fields });
            }
            let expected = parsed(text.as_bytes(), delimiter);
            prop_assume!(expected.iter().all(|row| row.len() <= super::MAX_FIELDS));
            prop_assert_eq!(found, expected);
        }
    }

    fn rows(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
        let mut reader = RowReader::new(bytes).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            let mut start = 0;
            let mut fields = Vec::new();
            for end in row.ends {
                fields.push(String::from_utf8_lossy(&row.text[start..*end]).into_owned());
                start = *end + row.gap;
            }
            rows.push((row.line, if row.is_cut { vec!["cut".into()] } else { fields }));
        }
        rows
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn every_line_end_and_a_byte_order_mark_are_understood() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("\u{feff}a,b{end}{end}1,2{end}\"x{end}y\",3{end}4,5");
            let quoted = format!("x{end}y");
            let expected = [row(1, &["a", "b"]), row(3, &["1", "2"]), row(4, &[&quoted, "3"]), row(6, &["4", "5"])];
            assert_eq!(rows(text.as_bytes()), expected, "{end:?}");
        }
    }

    #[test]
    fn the_most_frequent_delimiter_of_the_first_line_wins() {
        let delimiter = |text: &str| RowReader::new(text.as_bytes()).unwrap().delimiter();
        assert_eq!(delimiter("a;b;c,d\n,,,,"), b';');
        assert_eq!(delimiter("a\tb\n"), b'\t');
        assert_eq!(delimiter("a\tb;c"), b';');
        assert_eq!(delimiter("a;b,c"), b',');
        assert_eq!(delimiter("\"a;b;\nc;d\",e\n"), b',');
        assert_eq!(delimiter("one"), b',');
        assert_eq!(delimiter(""), b',');
        assert_eq!(delimiter("\n\na;b\n"), b';');
    }

    #[test]
    fn quotes_follow_rfc_4180() {
        assert_eq!(rows(b"a,b\n\"x \"\"y\"\", z\",\"\"\n"), [row(1, &["a", "b"]), row(2, &["x \"y\", z", ""])]);
    }

    #[test]
    fn an_unbalanced_quote_leaves_the_rows_before_it_alone() {
        let found = rows(b"a,b\n1,2\n\"3,4\n5,6\n");
        assert_eq!(found[..2], [row(1, &["a", "b"]), row(2, &["1", "2"])]);
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_row_beyond_the_limit_is_cut_and_the_next_one_stands() {
        let mut text = b"a,b\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', 3 * MAX_ROW));
        text.extend_from_slice(b"\n");
        text.extend(std::iter::repeat_n(b',', 10_000));
        text.extend_from_slice(b"\n1,2\n");
        assert_eq!(rows(&text), [row(1, &["a", "b"]), row(2, &["cut"]), row(3, &["cut"]), row(4, &["1", "2"])]);
    }
}
