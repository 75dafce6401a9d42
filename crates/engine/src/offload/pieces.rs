//! One KPI file, read by several threads: this one reads and hashes it and cuts it into pieces of whole rows, others make
//! samples of them, one more takes these in the order of the file and packs them.
//!
//! Guarantee: samples, rejected rows, their lines and the counters are those of a reader that goes through the file row by
//! row. A line feed ends a row only outside quotes, so a piece is cut behind one only while there was no quote in the
//! file; from the first piece with a quote on, and where a piece has no line feed at all, one thread reads all the rest.
//!
//! Limits: [`PIECE`] bytes per piece, [`MAX_THREADS`] threads that make samples; for each of them four pieces and four
//! batches of samples, about 4 MB, are in memory.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, ScopedJoinHandle};

use ticketbridge_core::network::load::{Counters, FileFault, KpiContext, KpiRows, Reject, RowStart, whole_rows};
use ticketbridge_core::network::{KpiFile, Sample};
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::LoadWriter;

use super::plant::Plant;
use super::rejects::Rejects;

/// Bytes of a file that one thread gets at once.
const PIECE: usize = 512 << 10;
/// Most rows, stored and rejected, that are handed on at once. Nearly all pieces have fewer.
const BATCH_ROWS: usize = 16_384;
/// Pieces, and batches, that may wait for each thread.
const WAITING: usize = 2;
/// More threads than this would wait for hash and packing.
const MAX_THREADS: usize = 4;

/// Why a file was not read to its end.
pub(super) enum Stopped {
    File(FileFault),
    Store(StoreError),
}

/// Bytes of a file that begin with a row, or go on with the piece before, if that is open.
struct Piece {
    begin: RowStart,
    bytes: Vec<u8>,
    /// Its last row may go on in the pieces that follow, which are the rest of the file.
    is_open: bool,
}

/// What a piece has told so far.
#[derive(Default)]
struct Batch {
    rows: Vec<Sample>,
    /// Lines count from the beginning of the piece.
    rejects: Vec<Reject>,
    /// Counters and lines of the piece, if this is its last batch.
    end: Option<(Counters, u64)>,
}

/// Reads the file to its end.
pub(super) fn read<'w>(
    kind: KpiFile,
    input: impl Read,
    context: &KpiContext<'_>,
    plant: &Plant,
    writer: LoadWriter<'w>,
    rejects: &mut Rejects,
) -> Result<(LoadWriter<'w>, Counters), Stopped> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    read_with(threads, PIECE, kind, input, context, plant, writer, rejects)
}

#[expect(clippy::too_many_arguments, reason = "two of them are constants outside of tests")]
fn read_with<'w>(
    threads: usize,
    piece: usize,
    kind: KpiFile,
    input: impl Read,
    context: &KpiContext<'_>,
    plant: &Plant,
    writer: LoadWriter<'w>,
    rejects: &mut Rejects,
) -> Result<(LoadWriter<'w>, Counters), Stopped> {
    let (rows, begin, mut rest) = KpiRows::open(kind, input, context).map_err(Stopped::File)?;
    let rows = &rows;
    thread::scope(|scope| {
        let (mut to_read, mut to_pack) = (Vec::new(), Vec::new());
        for _ in 0..threads.max(1) {
            let (pieces, from_pieces) = mpsc::sync_channel(WAITING);
            let (batches, from_batches) = mpsc::sync_channel(WAITING);
            scope.spawn(move || work(rows, plant, &from_pieces, &batches));
            to_read.push(pieces);
            to_pack.push(from_batches);
        }
        let packing = scope.spawn(move || pack(&to_pack, begin, writer, rejects));
        let dealt = deal(&mut rest, begin.after_carriage_return, piece, &to_read);
        drop(to_read);
        let (writer, counters, line) = joined(packing).map_err(Stopped::Store)?;
        match dealt {
            Ok(()) => Ok((writer, counters)),
            Err(error) => Err(Stopped::File(FileFault::Stopped { kind: kind.into(), line, error })),
        }
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Cuts the file into pieces and hands them to the threads in turn.
fn deal(
    rest: &mut impl Read,
    after_carriage_return: bool,
    piece: usize,
    threads: &[SyncSender<Piece>],
) -> io::Result<()> {
    let mut begin = RowStart { after_carriage_return, ..RowStart::FIRST };
    let mut bytes = Vec::new();
    let mut is_open = false;
    let mut turn = threads.iter().cycle();
    let mut thread = turn.next();
    loop {
        let is_end = fill(rest, &mut bytes, piece)?;
        let whole = if is_end || is_open { Some(bytes.len()) } else { whole_rows(&bytes) };
        is_open |= whole.is_none();
        let next = bytes.split_off(whole.unwrap_or(bytes.len()));
        let full = Piece { begin, bytes: std::mem::replace(&mut bytes, next), is_open };
        // Nobody takes it only if packing ended with an error, which is told there.
        let is_taken = thread.is_some_and(|thread| thread.send(full).is_ok());
        if is_end || !is_taken {
            return Ok(());
        }
        begin = RowStart::FIRST;
        if !is_open {
            thread = turn.next();
        }
    }
}

/// Reads until there are `piece` bytes; true: the input is at its end.
fn fill(input: &mut impl Read, bytes: &mut Vec<u8>, piece: usize) -> io::Result<bool> {
    let mut length = bytes.len();
    bytes.resize(piece.max(length), 0);
    while length < bytes.len() {
        match input.read(&mut bytes[length..]) {
            Ok(0) => {
                bytes.truncate(length);
                return Ok(true);
            }
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Makes samples of the pieces of one thread. Ends when there are no more, or nobody takes the samples.
fn work(rows: &KpiRows<'_>, plant: &Plant, pieces: &Receiver<Piece>, batches: &SyncSender<Batch>) {
    while let Ok(Piece { begin, bytes, is_open }) = pieces.recv() {
        let input = PieceReader { bytes, place: 0, following: is_open.then_some(pieces) };
        let mut batch = Batch::default();
        let read = rows.read(begin, input, &mut |row| {
            match row {
                Ok(row) => batch.rows.push(Sample {
                    channel: plant.ordinal(row.channel),
                    at: row.at,
                    value: row.value,
                    modulation: row.modulation,
                    cm_online: row.cm_online,
                }),
                Err(reject) => batch.rejects.push(reject),
            }
            if batch.rows.len() + batch.rejects.len() < BATCH_ROWS {
                return Ok(());
            }
            batches.send(std::mem::take(&mut batch)).map_err(|_| io::Error::other("nobody takes the samples"))
        });
        let Ok((counters, end)) = read else { return };
        batch.end = Some((counters, end.line - begin.line));
        if batches.send(batch).is_err() {
            return;
        }
    }
}

/// A piece, and those that follow if it is open.
struct PieceReader<'p> {
    bytes: Vec<u8>,
    place: usize,
    following: Option<&'p Receiver<Piece>>,
}

impl BufRead for PieceReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.place == self.bytes.len() {
            let Some(next) = self.following.and_then(|following| following.recv().ok()) else { break };
            (self.bytes, self.place) = (next.bytes, 0);
        }
        Ok(self.bytes.get(self.place..).unwrap_or_default())
    }

    fn consume(&mut self, length: usize) {
        self.place = self.bytes.len().min(self.place + length);
    }
}

impl Read for PieceReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// Takes what the threads made, in the order in which they got their pieces. Answers also the line reached.
fn pack<'w>(
    threads: &[Receiver<Batch>],
    begin: RowStart,
    mut writer: LoadWriter<'w>,
    rejects: &mut Rejects,
) -> Result<(LoadWriter<'w>, Counters, u64), StoreError> {
    let (mut counters, mut line) = (Counters::default(), begin.line);
    for thread in threads.iter().cycle() {
        loop {
            // No more: this thread's turn would have come, but there was no piece for it.
            let Ok(batch) = thread.recv() else { return Ok((writer, counters, line)) };
            writer.extend(&batch.rows)?;
            for Reject { line: line_of_piece, reason } in batch.rejects {
                rejects.add(Reject { line: line + line_of_piece - RowStart::FIRST.line, reason });
            }
            if let Some((counted, lines)) = batch.end {
                counters.add(&counted);
                line += lines;
                break;
            }
        }
    }
    Ok((writer, counters, line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ticketbridge_core::network::load::{RawSample, read_kpi};
    use ticketbridge_core::network::settings::Settings;
    use ticketbridge_core::network::topology::{Channels, ServiceGroups, Topology};
    use ticketbridge_core::network::{ChannelOrdinal, Timestamp};
    use ticketbridge_core::time::Wall;
    use ticketbridge_store::samples::{FileKind, LoadSource, SampleStore, TopologyState};

    use super::super::plant::{Plant, PlantCache};
    use super::*;

    const GROUPS: &str = "service_group_id,direction,service_group_name,ccap,hub,market,network\nU,US,,,,,\n";
    const CHANNELS: &str = "channel_id,direction,service_group_id,ccap\na,US,U,\nb,US,U,\nc,US,U,\n\"d\n,d\",US,U,\n";
    const KIND: KpiFile = KpiFile::UsChannelUtilization;

    /// A store with a topology, and what it knows of it.
    fn plant() -> (SampleStore, std::sync::Arc<Plant>) {
        let (mut groups, mut channels) = (ServiceGroups::default(), Channels::default());
        groups.read(GROUPS.as_bytes(), &mut |_| {}).unwrap();
        channels.read(CHANNELS.as_bytes(), &groups, &mut |_| {}).unwrap();
        let topology = Topology::join(groups, channels).0;
        let store = SampleStore::in_memory().unwrap();
        let body = serde_json::to_vec(&topology).unwrap();
        store.put_topology(&body, TopologyState::Active, &[], Wall(0)).unwrap();
        let plant = PlantCache::default().active(&store).unwrap().unwrap();
        (store, plant)
    }

    fn row() -> impl Strategy<Value = String> {
        prop_oneof![
            12 => (0..4, prop_oneof![Just("a"), Just("b"), Just("c")], 0..101)
                .prop_map(|(quarter, id, value)| format!("2026-11-20T10:{:02}:00Z,{id},{value}", quarter * 15)),
            1 => Just("2026-11-20T10:00:00Z,zz,1".to_owned()),
            1 => Just("2026-11-20T10:00:00Z,a,101".to_owned()),
            1 => Just("\r".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn many_threads_tell_what_one_reader_tells(
            rows in proptest::collection::vec(row(), 0..80),
            quoted in proptest::option::of(any::<prop::sample::Index>()),
            threads in 1..5_usize,
            piece in 1..400_usize,
            end in prop_oneof![Just("\n"), Just("\r\n")],
        ) {
            let mut lines = vec!["timestamp_utc,\"channel_id\",utilization_pct".to_owned()];
            lines.extend(rows);
            if let Some(index) = quoted {
                let place = 1 + index.index(lines.len());
                lines.insert(place, "2026-11-20T10:00:00Z,\"d\n,d\",7".to_owned());
            }
            let text = lines.join(end);
            let (store, plant) = plant();
            let settings = Settings::default();
            let clock = "2026-11-20T12:00:00Z".parse().unwrap();
            let context = KpiContext { topology: &plant.topology, clock, settings: &settings };

            let (mut expected, mut refused) = (std::collections::BTreeMap::new(), Vec::new());
            let mut sink = |row: RawSample<'_>| {
                expected.insert((plant.ordinal(row.channel).0, row.at), row.value);
                Ok(())
            };
            let counted = read_kpi(KIND, text.as_bytes(), &context, &mut sink, &mut |reject| refused.push(reject)).unwrap();

            let source = LoadSource { kind: FileKind::from(KIND), hash: [1; 32], file: "x".into() };
            let (writer, mut rejects) = (store.begin(source).unwrap(), Rejects::default());
            let read = read_with(threads, piece, KIND, text.as_bytes(), &context, &plant, writer, &mut rejects);
            let Ok((writer, counters)) = read else { panic!("it was not read") };
            writer.finish(Wall(1), |_| String::new()).unwrap();
            prop_assert_eq!(counters, counted);
            prop_assert_eq!(rejects.rows(), &refused[..]);
            let mut stored = std::collections::BTreeMap::new();
            let each = |channel: ChannelOrdinal, rows: &[Sample]| {
                stored.extend(rows.iter().map(|row| ((channel.0, row.at), row.value)));
                Ok::<_, StoreError>(())
            };
            store.snapshot().unwrap().samples(KIND, Timestamp(0)..=Timestamp(i64::MAX), each).unwrap();
            prop_assert_eq!(stored, expected);
        }
    }

    /// A disk that fails.
    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("torn off"))
        }
    }

    #[test]
    fn a_file_that_is_torn_off_is_no_file() {
        let (store, plant) = plant();
        let settings = Settings::default();
        let clock = "2026-11-20T12:00:00Z".parse().unwrap();
        let context = KpiContext { topology: &plant.topology, clock, settings: &settings };
        let source = LoadSource { kind: FileKind::from(KIND), hash: [1; 32], file: "x".into() };
        let writer = store.begin(source).unwrap();
        let text = format!("timestamp_utc,channel_id,utilization_pct\n{}", "2026-11-20T10:00:00Z,a,1\n".repeat(1_000));
        let input = text.as_bytes().chain(Failing);
        let read = read_with(2, 30, KIND, input, &context, &plant, writer, &mut Rejects::default());
        let Err(Stopped::File(fault)) = read else { panic!("it was read") };
        assert!(fault.to_string().contains("torn off"), "{fault}");
        assert_eq!(store.loads(FileKind::from(KIND), 1).unwrap(), []);
    }
}
