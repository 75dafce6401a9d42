//! Several chunks of one block as one: ordered by (channel, time), the newest row of each key.
//!
//! Guarantee: what comes out does not depend on how rows were spread over loads, parts and chunks, as long as the
//! order of rows with one key is kept. Cost: one look at each chunk per channel, no allocation per row.

use ticketbridge_core::network::{ChannelOrdinal, Sample, Timestamp};

use super::encoding::{Cursor, Damaged};
use super::part::keep_last;

/// Merges `cursors`, given from the oldest chunk to the newest.
pub(super) struct Merge {
    cursors: Vec<Cursor>,
    /// The least channel under any cursor; `None`: over.
    next: Option<ChannelOrdinal>,
}

impl Merge {
    pub(super) fn new(cursors: Vec<Cursor>) -> Self {
        let next = cursors.iter().filter_map(|cursor| cursor.row).map(|row| row.channel).min();
        Self { cursors, next }
    }

    /// The next channel; its rows within `from..=to` replace what is in `rows`, which may stay empty.
    pub(super) fn next_channel(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        rows: &mut Vec<Sample>,
    ) -> Result<Option<ChannelOrdinal>, Damaged> {
        rows.clear();
        let Some(channel) = self.next else {
            return Ok(None);
        };
        let mut next: Option<ChannelOrdinal> = None;
        for cursor in &mut self.cursors {
            while let Some(row) = cursor.row {
                if row.channel != channel {
                    next = Some(next.map_or(row.channel, |least| least.min(row.channel)));
                    break;
                }
                if from <= row.at && row.at <= to {
                    rows.push(row);
                }
                cursor.advance()?;
            }
        }
        self.next = next;
        // Stable, and the cursors stand from old to new: the last of a key is the newest. Chunks mostly follow each
        // other in time, so there is next to nothing to sort.
        rows.sort_by_key(|row| row.at);
        keep_last(rows);
        Ok(Some(channel))
    }
}
