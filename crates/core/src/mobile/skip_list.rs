//! The tickets that are never written (TIXNGO contract §2.2).

use std::collections::HashSet;

/// Tax numbers and ticket ids, compared exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkipList {
    tax_numbers: HashSet<Box<str>>,
    ticket_ids: HashSet<Box<str>>,
}

impl SkipList {
    /// Reads a list separated by commas: a bare value is a tax number, `id:VALUE` a ticket id. Every text is a list.
    pub fn parse(list: &str) -> Self {
        let mut skipped = Self::default();
        for part in list.split(',').map(str::trim) {
            let (set, value) = match part.strip_prefix("id:") {
                Some(id) => (&mut skipped.ticket_ids, id.trim_start()),
                None => (&mut skipped.tax_numbers, part),
            };
            if !value.is_empty() {
                set.insert(value.into());
            }
        }
        skipped
    }

    /// Whether the ticket with this id, or with this tax number if it has one, is never written.
    pub fn contains(&self, ticket_id: &str, tax_number: Option<&str>) -> bool {
        self.ticket_ids.contains(ticket_id) || tax_number.is_some_and(|number| self.tax_numbers.contains(number))
    }

    /// Number of different entries.
    pub fn len(&self) -> usize {
        self.tax_numbers.len() + self.ticket_ids.len()
    }

    /// Whether nothing is skipped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
