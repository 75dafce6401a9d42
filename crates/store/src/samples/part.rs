//! The rows of one part of a load, until they are packed.
//!
//! Guarantee: each [`Sample`] comes out as it went in, sorted by (channel, time), of one key the row that came last. Cost:
//! 16 bytes per row; sorting goes block by block, without comparing, in room for one block.

use std::collections::BTreeMap;

use ticketbridge_core::network::{ChannelOrdinal, Sample, Timestamp};

use super::{BLOCK_CHANNELS, block_of};

/// Rows of one part, by block, in the order in which they came.
#[derive(Default)]
pub(super) struct PartRows {
    /// What the times of the rows are told from: the time of the first one.
    base: i64,
    count: usize,
    blocks: BTreeMap<u32, Vec<Row>>,
    /// Rows of one block, sorted.
    sorted: Vec<Sample>,
}

/// A sample of a known block and part.
#[derive(Clone, Copy)]
struct Row {
    /// Seconds since the base.
    at: i32,
    value: i32,
    cm_online: u32,
    channel: u16,
    modulation: u8,
    /// Which of value and modems there are.
    has: u8,
}

const HAS_VALUE: u8 = 1;
const HAS_CM_ONLINE: u8 = 2;
const _: () = assert!(BLOCK_CHANNELS - 1 <= u16::MAX as u32);

impl Row {
    /// `None`: more than 68 years from the base.
    fn new(sample: &Sample, base: i64) -> Option<Self> {
        let has_value = if sample.value.is_some() { HAS_VALUE } else { 0 };
        let has_cm_online = if sample.cm_online.is_some() { HAS_CM_ONLINE } else { 0 };
        Some(Self {
            at: i32::try_from(sample.at.0.checked_sub(base)?).ok()?,
            value: sample.value.unwrap_or_default(),
            cm_online: sample.cm_online.unwrap_or_default(),
            channel: (sample.channel.0 % BLOCK_CHANNELS) as u16,
            modulation: sample.modulation,
            has: has_value | has_cm_online,
        })
    }

    fn sample(self, block: u32, base: i64) -> Sample {
        Sample {
            channel: ChannelOrdinal(block * BLOCK_CHANNELS + u32::from(self.channel)),
            at: Timestamp(base + i64::from(self.at)),
            value: (self.has & HAS_VALUE != 0).then_some(self.value),
            modulation: self.modulation,
            cm_online: (self.has & HAS_CM_ONLINE != 0).then_some(self.cm_online),
        }
    }
}

impl PartRows {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Takes rows from the beginning of `samples` as long as they are of one block and there is room for them, and answers
    /// how many. 0: the part is at its end, also because the first row's time is too far from that of the others.
    pub(super) fn take(&mut self, samples: &[Sample], most: usize) -> usize {
        let Some(first) = samples.first() else { return 0 };
        if self.count == 0 {
            self.base = first.at.0;
        }
        let (base, block) = (self.base, block_of(first.channel));
        let rows = self.blocks.entry(block).or_default();
        let before = rows.len();
        let of_block =
            samples.iter().take(most.saturating_sub(self.count)).take_while(|row| block_of(row.channel) == block);
        rows.extend(of_block.map_while(|row| Row::new(row, base)));
        let taken = rows.len() - before;
        self.count += taken;
        taken
    }

    /// Hands over the rows block by block, each sorted and with at least one row, and is empty then. An error of `each`
    /// ends it, and the rows are lost.
    pub(super) fn drain_blocks<E>(&mut self, mut each: impl FnMut(&[Sample]) -> Result<(), E>) -> Result<(), E> {
        let (most, mut room) = (2 * self.count, 0);
        for (block, rows) in self.blocks.iter_mut().filter(|(_, rows)| !rows.is_empty()) {
            sort(rows, *block, self.base, &mut self.sorted);
            keep_last(&mut self.sorted);
            each(&self.sorted)?;
            rows.clear();
        }
        // Room for the next part, which is mostly as this one was; never for what the parts before that had.
        self.blocks.retain(|_, rows| {
            room += rows.capacity();
            room <= most
        });
        self.count = 0;
        Ok(())
    }
}

/// Sorts rows of one block by (channel, time) into `sorted`; rows of one key stay in their order.
///
/// Each row has its place after two looks, without comparing; rows of one channel mostly came in the order of time.
fn sort(rows: &[Row], block: u32, base: i64, sorted: &mut Vec<Sample>) {
    let mut places = vec![0_u32; BLOCK_CHANNELS as usize + 1];
    for row in rows {
        places[usize::from(row.channel) + 1] += 1;
    }
    for place in 1..places.len() {
        places[place] += places[place - 1];
    }
    sorted.clear();
    if let Some(first) = rows.first() {
        sorted.resize(rows.len(), first.sample(block, base));
    }
    for row in rows {
        let place = &mut places[usize::from(row.channel)];
        sorted[*place as usize] = row.sample(block, base);
        *place += 1;
    }
    for channel in sorted.chunk_by_mut(|a, b| a.channel == b.channel) {
        if !channel.is_sorted_by_key(|row| row.at) {
            channel.sort_by_key(|row| row.at);
        }
    }
}

/// Keeps the last of each run of rows with the same key.
pub(super) fn keep_last(rows: &mut Vec<Sample>) {
    let key = |row: &Sample| -> (u32, Timestamp) { (row.channel.0, row.at) };
    let mut kept = 0;
    for index in 0..rows.len() {
        if kept > 0 && key(&rows[kept - 1]) == key(&rows[index]) {
            rows[kept - 1] = rows[index];
        } else {
            rows[kept] = rows[index];
            kept += 1;
        }
    }
    rows.truncate(kept);
}
