//! Dates as the culture of our calls writes them, without a zone (Cherwell contract §11).

use jiff::tz::Offset;

/// A date and time in the words of a culture, as RFC 3339 in UTC; `None`: it can't be read.
pub(super) fn instant(_text: &str, _locale: &str, _offset: Offset) -> Option<String> {
    None
}
