//! How the rows of one chunk are packed: five columns, deltas as variable-length integers, zstd level 1 over all.
//!
//! Guarantee: every [`Sample`] comes back as it was, whatever its values; a damaged chunk is an error, never a wrong
//! row (zstd's checksum) and never a panic. Limits: rows ascending by (channel, time), no key twice, at most
//! [`MAX_CHUNK_ROWS`]; 26 bytes per row before zstd at worst, 4 to 8 after it on real data.

use std::io;

use ticketbridge_core::network::{ChannelOrdinal, Sample, Timestamp};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// Most rows in one chunk: a part of a load never has more.
pub(super) const MAX_CHUNK_ROWS: usize = 1 << 20;
/// First byte of a chunk; another layout would take another number.
const LAYOUT: u8 = 1;
/// Fast, and within 5 % of higher levels on columns of deltas.
const LEVEL: i32 = 1;
const COLUMNS: usize = 5;
/// Most bytes of one row over all columns: 5 + 10 + 5 + 1 + 5.
const MAX_ROW: usize = 26;
/// Most bytes of the head inside the frame: the row count and the lengths of the columns.
const MAX_HEAD: usize = 6 * 10;

/// Packs chunks; its buffers are used again for each.
pub(super) struct Encoder {
    columns: [Vec<u8>; COLUMNS],
    plain: Vec<u8>,
    compressor: Compressor<'static>,
}

impl Encoder {
    pub(super) fn new() -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self { columns: Default::default(), plain: Vec::new(), compressor })
    }

    /// Packs `rows`, which ascend strictly by (channel, time).
    pub(super) fn encode(&mut self, rows: &[Sample]) -> io::Result<Vec<u8>> {
        debug_assert!(rows.len() <= MAX_CHUNK_ROWS);
        debug_assert!(rows.windows(2).all(|pair| (pair[0].channel, pair[0].at) < (pair[1].channel, pair[1].at)));
        for column in &mut self.columns {
            column.clear();
        }
        let [channels, times, values, modulations, modems] = &mut self.columns;
        let (mut channel, mut first, mut at, mut value, mut online) = (0_u32, 0_i64, 0_i64, 0_i64, 0_i64);
        for (index, row) in rows.iter().enumerate() {
            let step = row.channel.0.wrapping_sub(channel);
            put(channels, u64::from(step));
            if step == 0 && index > 0 {
                put(times, row.at.0.wrapping_sub(at) as u64);
            } else {
                put(times, zigzag(row.at.0.wrapping_sub(first)));
                first = row.at.0;
            }
            (channel, at) = (row.channel.0, row.at.0);
            put_optional(values, row.value.map(i64::from), &mut value);
            modulations.push(row.modulation);
            put_optional(modems, row.cm_online.map(i64::from), &mut online);
        }
        self.plain.clear();
        put(&mut self.plain, rows.len() as u64);
        for column in &self.columns {
            put(&mut self.plain, column.len() as u64);
        }
        for column in &self.columns {
            self.plain.extend_from_slice(column);
        }
        let mut chunk = vec![LAYOUT];
        chunk.extend_from_slice(&self.compressor.compress(&self.plain)?);
        Ok(chunk)
    }
}

/// Unpacks chunks.
pub(super) struct Decoder(Decompressor<'static>);

/// A chunk that can't be read: damaged, or written by a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

impl Decoder {
    pub(super) fn new() -> io::Result<Self> {
        Decompressor::new().map(Self)
    }

    /// Unpacks a chunk into a cursor on its first row.
    pub(super) fn open(&mut self, chunk: &[u8]) -> Result<Cursor, Damaged> {
        let (&LAYOUT, frame) = chunk.split_first().ok_or(Damaged)? else {
            return Err(Damaged);
        };
        // The compressor always writes the size; the bound keeps a damaged size from taking the memory.
        let bytes = self.0.decompress(frame, MAX_CHUNK_ROWS * MAX_ROW + MAX_HEAD).map_err(|_| Damaged)?;
        Cursor::new(bytes)
    }
}

/// Walks over the rows of a chunk, in (channel, time) order.
pub(super) struct Cursor {
    bytes: Vec<u8>,
    places: [usize; COLUMNS],
    left: u64,
    first_row: bool,
    channel: u32,
    first: i64,
    at: i64,
    value: i64,
    online: i64,
    /// The row under the cursor; `None`: over.
    pub(super) row: Option<Sample>,
}

impl Cursor {
    fn new(bytes: Vec<u8>) -> Result<Self, Damaged> {
        let mut place = 0;
        let left = get(&bytes, &mut place)?;
        let mut lengths = [0_usize; COLUMNS];
        for length in &mut lengths {
            *length = usize::try_from(get(&bytes, &mut place)?).map_err(|_| Damaged)?;
        }
        let mut places = [0; COLUMNS];
        for (start, length) in places.iter_mut().zip(lengths) {
            *start = place;
            place = place.checked_add(length).ok_or(Damaged)?;
        }
        if place != bytes.len() || left > MAX_CHUNK_ROWS as u64 {
            return Err(Damaged);
        }
        let mut cursor =
            Self { bytes, places, left, first_row: true, channel: 0, first: 0, at: 0, value: 0, online: 0, row: None };
        cursor.advance()?;
        Ok(cursor)
    }

    /// Goes to the next row.
    pub(super) fn advance(&mut self) -> Result<(), Damaged> {
        if self.left == 0 {
            self.row = None;
            return Ok(());
        }
        self.left -= 1;
        let bytes = &self.bytes;
        let [channels, times, values, modulations, modems] = &mut self.places;
        let step = u32::try_from(get(bytes, channels)?).map_err(|_| Damaged)?;
        self.channel = self.channel.checked_add(step).ok_or(Damaged)?;
        let delta = get(bytes, times)?;
        if step == 0 && !self.first_row {
            self.at = self.at.wrapping_add(delta as i64);
        } else {
            self.at = self.first.wrapping_add(unzigzag(delta));
            self.first = self.at;
        }
        self.first_row = false;
        let value = get_optional(bytes, values, &mut self.value)?;
        let modulation = *bytes.get(*modulations).ok_or(Damaged)?;
        *modulations += 1;
        let online = get_optional(bytes, modems, &mut self.online)?;
        self.row = Some(Sample {
            channel: ChannelOrdinal(self.channel),
            at: Timestamp(self.at),
            value: value.map(i32::try_from).transpose().map_err(|_| Damaged)?,
            modulation,
            cm_online: online.map(u32::try_from).transpose().map_err(|_| Damaged)?,
        });
        Ok(())
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn put(column: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        column.push(number as u8 | 0x80);
        number >>= 7;
    }
    column.push(number as u8);
}

/// 0 is "none"; everything else is one more than the zigzag of the step from the last value that there was.
fn put_optional(column: &mut Vec<u8>, value: Option<i64>, last: &mut i64) {
    match value {
        None => column.push(0),
        Some(value) => {
            put(column, zigzag(value - *last) + 1);
            *last = value;
        }
    }
}

fn get(bytes: &[u8], place: &mut usize) -> Result<u64, Damaged> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*place).ok_or(Damaged)?;
        *place += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

fn get_optional(bytes: &[u8], place: &mut usize, last: &mut i64) -> Result<Option<i64>, Damaged> {
    let number = get(bytes, place)?;
    if number == 0 {
        return Ok(None);
    }
    *last = last.checked_add(unzigzag(number - 1)).ok_or(Damaged)?;
    Ok(Some(*last))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<Sample>> {
        let number = prop_oneof![Just(0_u32), Just(1), Just(u32::MAX), 0..4096_u32];
        let time = prop_oneof![Just(i64::MIN), Just(i64::MAX), 0..1_000_i64, any::<i64>()];
        let row = (time, proptest::option::of(any::<i32>()), any::<u8>(), proptest::option::of(any::<u32>()));
        proptest::collection::btree_map((number, time_key()), row, 0..200).prop_map(|rows| {
            let rows: BTreeMap<_, _> = rows.into_iter().map(|((channel, _), row)| ((channel, row.0), row)).collect();
            rows.into_iter()
                .map(|((channel, at), (_, value, modulation, cm_online))| Sample {
                    channel: ChannelOrdinal(channel),
                    at: Timestamp(at),
                    value,
                    modulation,
                    cm_online,
                })
                .collect()
        })
    }

    fn time_key() -> impl Strategy<Value = u8> {
        any::<u8>()
    }

    fn unpack(chunk: &[u8]) -> Result<Vec<Sample>, Damaged> {
        let mut cursor = Decoder::new().map_err(|_| Damaged)?.open(chunk)?;
        let mut rows = Vec::new();
        while let Some(row) = cursor.row {
            rows.push(row);
            cursor.advance()?;
        }
        Ok(rows)
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(rows in rows()) {
            let chunk = Encoder::new().unwrap().encode(&rows).unwrap();
            prop_assert_eq!(unpack(&chunk).unwrap(), rows);
        }

        #[test]
        fn a_damaged_chunk_is_an_error_and_never_other_rows(rows in rows(), place in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut chunk = Encoder::new().unwrap().encode(&rows).unwrap();
            let place = place.index(chunk.len());
            chunk[place] ^= 1_u8 << bit;
            if let Ok(unpacked) = unpack(&chunk) {
                prop_assert_eq!(unpacked, rows);
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut framed = vec![LAYOUT];
            framed.extend(zstd::bulk::compress(&bytes, 1).unwrap());
            drop(unpack(&framed));
            drop(unpack(&bytes));
        }
    }
}
