//! Lists as CSV (RFC 4180), for spreadsheets.

/// A cell that begins with one of these could be taken for a formula by a spreadsheet.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A record as a row of a table.
pub trait Record {
    /// The columns.
    const COLUMNS: &[&str];

    /// One cell per column; empty where there is nothing.
    fn cells(&self) -> Vec<String>;
}

/// Records as CSV (RFC 4180): a line of columns, then one per record, each ended by CR LF. A cell that a spreadsheet could
/// take for a formula gets an apostrophe in front.
pub fn csv<R: Record>(records: &[R]) -> String {
    head::<R>() + &rows(records)
}

/// The line of columns.
pub fn head<R: Record>() -> String {
    let mut text = String::new();
    line(&mut text, R::COLUMNS.iter().map(|column| (*column).to_owned()));
    text
}

/// The lines of the records.
pub fn rows<R: Record>(records: &[R]) -> String {
    let mut text = String::new();
    for record in records {
        line(&mut text, record.cells());
    }
    text
}

fn line(text: &mut String, cells: impl IntoIterator<Item = String>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        let guard = if cell.starts_with(FORMULA) { "'" } else { "" };
        if cell.contains([',', '"', '\n', '\r']) {
            text.push('"');
            text.push_str(guard);
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(guard);
            text.push_str(&cell);
        }
    }
    text.push_str("\r\n");
}
