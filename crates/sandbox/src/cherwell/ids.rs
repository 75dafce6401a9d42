//! Ids: record ids that the server makes, and field ids in all the forms in which callers write them.

use std::fmt;

use super::blueprint::Table;

/// A record's id: 42 hexadecimal digits on the wire. Ids of records made one after the other have no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecId(u64);

impl RecId {
    /// The id of the `slot`-th record of a table.
    pub(super) fn new(table: Table, slot: u32) -> Self {
        Self(mix(((table as u64 + 1) << 32) | u64::from(slot)))
    }

    /// Reads an id; `None` if no server made it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let id = Self(u64::from_str_radix(text.get(2..18)?, 16).ok()?);
        id.to_string().eq_ignore_ascii_case(text).then_some(id)
    }
}

impl fmt::Display for RecId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = mix(self.0);
        write!(formatter, "94{:016x}{check:016x}{:08x}", self.0, mix(check) as u32)
    }
}

/// Splitmix64's last step: a bijection, so that no two records have the same id.
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The field's own part of an id: short, `BO:x,FI:y`, `BO:x,FI:BO:x,FI:y` or `FI:y,BO:x,RE:z`, in lower case.
pub(super) fn field_key(id: &str) -> String {
    let lower = id.trim().to_ascii_lowercase();
    let after = lower.rfind("fi:").map_or(lower.as_str(), |place| &lower[place + 3..]);
    after.split(',').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_ids_are_42_hexadecimal_digits_and_read_back() {
        let id = RecId::new(Table::Incidents, 1);
        let text = id.to_string();
        assert_eq!(text.len(), 42);
        assert_eq!(RecId::parse(&text), Some(id));
        assert_eq!(RecId::parse(&text.to_uppercase()), Some(id));
        assert_ne!(RecId::new(Table::Incidents, 2), id);
        assert_ne!(RecId::new(Table::WorkOrders, 1), id);
        for wrong in ["", "94", "é", "ééééééééééééééééééééé", &text[..41], &text.replace('9', "0"), "+4+40+400+4000"]
        {
            assert_eq!(RecId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_field_id_is_the_same_in_every_form() {
        for form in
            ["5eb3", "5EB3", "BO:6dd5,FI:5eb3", "BO:6dd5,FI:BO:6dd5,FI:5eb3", "FI:5eb3,BO:6dd5,RE:93aa", " fi:5EB3 "]
        {
            assert_eq!(field_key(form), "5eb3", "{form}");
        }
        assert_eq!(field_key(""), "");
        assert_eq!(field_key("BO:x,FI:"), "");
    }
}
