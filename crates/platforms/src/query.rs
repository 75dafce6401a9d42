//! Values in the query of an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

/// Every byte outside `A-Z a-z 0-9 - . _ ~` is percent-encoded (TIXNGO contract §4.1, S-360 contract).
pub(crate) const VERBATIM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
