//! The sample store against a plain map, and what happens around its file.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;
use ticketbridge_core::network::{ChannelOrdinal, KpiFile, Sample, Timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{FileKind, LoadSource, SampleStore, Stored, TopologyState};

const ALWAYS: std::ops::RangeInclusive<Timestamp> = Timestamp(i64::MIN)..=Timestamp(i64::MAX);
const DAY: i64 = 86_400;

fn source(kind: FileKind, number: u8) -> LoadSource {
    LoadSource { kind, hash: [number; 32], file: format!("{kind}-{number}.csv") }
}

fn sample(channel: u32, at: i64, value: i32) -> Sample {
    Sample {
        channel: ChannelOrdinal(channel),
        at: Timestamp(at),
        value: Some(value),
        modulation: 3,
        cm_online: Some(7),
    }
}

fn read(store: &SampleStore, file: KpiFile, range: std::ops::RangeInclusive<Timestamp>) -> Vec<Sample> {
    let mut all = Vec::new();
    let snapshot = store.snapshot().unwrap();
    snapshot
        .samples::<StoreError>(file, range, |channel, rows| {
            assert!(!rows.is_empty() && rows.iter().all(|row| row.channel == channel));
            all.extend_from_slice(rows);
            Ok(())
        })
        .unwrap();
    all
}

fn load(store: &SampleStore, number: u8, part_rows: usize, rows: &[Sample]) -> Stored {
    let mut writer = store.begin_with_part_rows(source(FileKind::UsChannelSnr, number), part_rows).unwrap();
    for row in rows {
        writer.push(*row).unwrap();
    }
    let mut counted = None;
    writer
        .finish(Wall(i64::from(number)), |stored| {
            counted = Some(stored);
            format!("{{\"duplicates\":{}}}", stored.duplicates())
        })
        .unwrap();
    counted.unwrap()
}

fn open(folder: &Path) -> SampleStore {
    SampleStore::open(&folder.join("x.samples.db")).unwrap()
}

fn any_sample() -> impl Strategy<Value = Sample> {
    // Few channels over three blocks and few times over three days, so that keys meet.
    let channel = prop_oneof![0..4_u32, 4_094..4_098_u32, Just(9_000)];
    let at = prop_oneof![0..6_i64, DAY - 2..DAY + 2, Just(3 * DAY)];
    (channel, at, proptest::option::of(0..99_i32), 0..3_u8, proptest::option::of(0..9_u32)).prop_map(
        |(channel, at, value, modulation, cm_online)| Sample {
            channel: ChannelOrdinal(channel),
            at: Timestamp(at),
            value,
            modulation,
            cm_online,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_loads_read_like_a_map_written_in_order(
        loads in proptest::collection::vec((1..40_usize, proptest::collection::vec(any_sample(), 0..60)), 1..6),
        from in 0..4 * DAY,
        length in 0..2 * DAY,
    ) {
        let store = SampleStore::in_memory().unwrap();
        let mut model = BTreeMap::new();
        for (number, (part_rows, rows)) in loads.iter().enumerate() {
            let before = model.len();
            for row in rows {
                model.insert((row.channel, row.at), *row);
            }
            let stored = load(&store, number as u8, *part_rows, rows);
            prop_assert_eq!(stored, Stored { rows: rows.len() as u64, new_keys: (model.len() - before) as u64 });
        }
        prop_assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), model.values().copied().collect::<Vec<_>>());
        let range = Timestamp(from)..=Timestamp(from + length);
        let expected: Vec<_> = model.values().filter(|row| range.contains(&row.at)).copied().collect();
        prop_assert_eq!(read(&store, KpiFile::UsChannelSnr, range), expected);
        prop_assert_eq!(read(&store, KpiFile::DsChannelUtilization, ALWAYS), []);
        let channels = [ChannelOrdinal(1), ChannelOrdinal(4_096)];
        let some = store.snapshot().unwrap().samples_of(KpiFile::UsChannelSnr, &channels, ALWAYS).unwrap();
        let expected: Vec<_> = model.values().filter(|row| channels.contains(&row.channel)).copied().collect();
        prop_assert_eq!(some.into_iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn the_file_stands_beside_the_main_one() {
    let beside = |path: &str| SampleStore::path_beside(Path::new(path)).display().to_string();
    assert_eq!(beside("a/ticketbridge.db"), "a/ticketbridge.samples.db");
    assert_eq!(beside("a.b/main.sqlite"), "a.b/main.sqlite.samples.db");
}

#[test]
fn samples_loads_channels_and_topology_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!(store.ordinals(["b", "a", "b"]).unwrap(), [0, 1, 0].map(ChannelOrdinal));
    load(&store, 1, 10, &[sample(0, 5, 1), sample(1, 5, 2)]);
    store
        .put_topology(b"one", TopologyState::Active, &[(source(FileKind::TopologyChannel, 9), "{}".into())], Wall(3))
        .unwrap();
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.ordinals(["c", "a"]).unwrap(), [2, 1].map(ChannelOrdinal));
    assert_eq!(store.snapshot().unwrap().channels().unwrap(), ["b", "a", "c"]);
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), [sample(0, 5, 1), sample(1, 5, 2)]);
    let record = store.loaded(FileKind::UsChannelSnr, &[1; 32], Wall(1)).unwrap().unwrap();
    assert_eq!((record.file.as_str(), record.counters.as_str()), ("us_channel_snr-1.csv", "{\"duplicates\":0}"));
    assert_eq!(store.loaded(FileKind::UsChannelSnr, &[1; 32], Wall(2)).unwrap(), None);
    assert_eq!(store.loaded(FileKind::UsChannelUtilization, &[1; 32], Wall(0)).unwrap(), None);
    assert_eq!(store.loads(FileKind::TopologyChannel, 5).unwrap().len(), 1);
    assert_eq!(store.snapshot().unwrap().topology().unwrap().unwrap().body, b"one");
}

#[test]
fn a_load_is_seen_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    load(&store, 1, 10, &[sample(0, 1, 1)]);
    let mut writer = store.begin_with_part_rows(source(FileKind::UsChannelSnr, 2), 2).unwrap();
    for row in [sample(0, 1, 2), sample(0, 2, 2), sample(0, 3, 2), sample(0, 4, 2), sample(0, 5, 2)] {
        writer.push(row).unwrap();
    }
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), [sample(0, 1, 1)]);
    let before = store.snapshot().unwrap();
    writer.finish(Wall(2), |_| String::new()).unwrap();
    assert_eq!(before.last_sequence().unwrap(), (1, 2));
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS).len(), 5);
}

#[test]
fn a_load_that_was_cut_off_starts_again_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [sample(0, 1, 1), sample(0, 2, 1), sample(0, 3, 1)];
    let store = open(folder.path());
    let mut writer = store.begin_with_part_rows(source(FileKind::UsChannelSnr, 1), 1).unwrap();
    writer.push(rows[0]).unwrap();
    writer.push(rows[1]).unwrap();
    drop(writer);
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.loaded(FileKind::UsChannelSnr, &[1; 32], Wall(0)).unwrap(), None);
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), []);
    assert_eq!(load(&store, 1, 1, &rows), Stored { rows: 3, new_keys: 3 });
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), rows);
    assert_eq!(load(&store, 2, 10, &rows[1..]), Stored { rows: 2, new_keys: 0 });
}

#[test]
fn whole_days_before_the_limit_go_and_the_newest_load_record_of_each_kind_stays() {
    let store = SampleStore::in_memory().unwrap();
    load(&store, 1, 10, &[sample(0, DAY - 1, 1), sample(5_000, 0, 1)]);
    load(&store, 2, 10, &[sample(0, DAY, 1), sample(0, 2 * DAY, 1)]);
    assert_eq!(store.retain(Timestamp(DAY + 5), Wall(9)).unwrap(), 2);
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), [sample(0, DAY, 1), sample(0, 2 * DAY, 1)]);
    assert_eq!(store.loaded(FileKind::UsChannelSnr, &[1; 32], Wall(0)).unwrap(), None);
    assert!(store.loaded(FileKind::UsChannelSnr, &[2; 32], Wall(0)).unwrap().is_some());
    assert_eq!(store.retain(Timestamp(DAY + 5), Wall(9)).unwrap(), 0);
}

#[test]
fn one_topology_is_active_and_one_may_wait() {
    let store = SampleStore::in_memory().unwrap();
    assert_eq!(store.topology(TopologyState::Active).unwrap(), None);
    let body = |state| store.topology(state).unwrap().map(|topology| topology.body);
    store.put_topology(b"a", TopologyState::Active, &[], Wall(1)).unwrap();
    let first = store.put_topology(b"b", TopologyState::Waiting, &[], Wall(2)).unwrap();
    let second = store.put_topology(b"c", TopologyState::Waiting, &[], Wall(3)).unwrap();
    assert!(!store.confirm_topology(first).unwrap());
    assert_eq!(
        (body(TopologyState::Active).unwrap(), body(TopologyState::Waiting).unwrap()),
        (b"a".to_vec(), b"c".to_vec())
    );
    assert!(store.confirm_topology(second).unwrap());
    assert!(!store.confirm_topology(second).unwrap());
    assert_eq!((body(TopologyState::Active).unwrap(), body(TopologyState::Waiting)), (b"c".to_vec(), None));
    let third = store.put_topology(b"", TopologyState::Waiting, &[], Wall(4)).unwrap();
    assert!(store.refuse_topology(third).unwrap());
    assert!(!store.refuse_topology(third).unwrap());
    assert_eq!(store.topology_version(TopologyState::Active).unwrap(), Some(second));
    assert_eq!(store.topology_version(TopologyState::Waiting).unwrap(), None);
}

#[test]
fn two_processes_may_load_and_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [open(folder.path()), open(folder.path())];
    let start = Barrier::new(2);
    thread::scope(|scope| {
        for (number, store) in stores.iter().enumerate() {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for round in 0..5 {
                    let at = i64::from(round);
                    let rows: Vec<_> = (0..50).map(|channel| sample(channel, at, number as i32)).collect();
                    load(store, round * 2 + number as u8, 7, &rows);
                    assert_eq!(read(store, KpiFile::UsChannelSnr, Timestamp(at)..=Timestamp(at)).len(), 50);
                }
            });
        }
    });
    assert_eq!(read(&stores[0], KpiFile::UsChannelSnr, ALWAYS).len(), 250);
    assert_eq!(stores[1].loads(FileKind::UsChannelSnr, 100).unwrap().len(), 10);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs(x)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let error = SampleStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("other.db") && error.contains("another program"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, "this is plain text and no database at all, whatever its name says").unwrap();
    let error = SampleStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("no SQLite database"), "{error}");
    let error = SampleStore::open(&folder.path().join("missing/x.db")).unwrap_err().to_string();
    assert!(error.contains("folder must exist"), "{error}");
}

#[test]
fn a_newer_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.samples.db");
    drop(SampleStore::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SampleStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("schema version 99"), "{error}");
}

#[test]
fn a_damaged_chunk_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    load(&store, 1, 10, &[sample(0, 1, 1)]);
    rusqlite::Connection::open(folder.path().join("x.samples.db"))
        .unwrap()
        .execute("UPDATE chunk SET data = x'0102030405'", [])
        .unwrap();
    let snapshot = store.snapshot().unwrap();
    let error = snapshot.samples::<StoreError>(KpiFile::UsChannelSnr, ALWAYS, |_, _| Ok(())).unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("damaged")), "{error}");
}

#[test]
fn a_full_disk_is_refused_and_the_load_can_be_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let limit = |pages: i64| {
        // The page limit belongs to the connection that writes, so it is set through a load of one part.
        store.limit_pages(pages).unwrap();
    };
    limit(1);
    let rows: Vec<_> = (0..200_000).map(|n| sample(n, i64::from(n * 7_919 % 86_311), n as i32 * 31)).collect();
    let mut writer = store.begin(source(FileKind::UsChannelSnr, 1)).unwrap();
    for row in &rows {
        writer.push(*row).unwrap();
    }
    let error = writer.finish(Wall(1), |_| String::new()).unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("disk is full")), "{error}");
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), []);
    limit(1_000_000);
    assert_eq!(load(&store, 1, 1_000_000, &rows).new_keys, 200_000);
}

#[test]
fn a_store_locked_by_another_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let other = rusqlite::Connection::open(folder.path().join("x.samples.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.wait_at_most(std::time::Duration::from_millis(10)).unwrap();
    let error = store.ordinals(["a"]).unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("another process held it")), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.ordinals(["a"]).unwrap(), [ChannelOrdinal(0)]);
}

#[test]
fn a_topology_file_is_no_load_of_samples() {
    let store = SampleStore::in_memory().unwrap();
    let error = store.begin(source(FileKind::TopologyChannel, 1)).err().unwrap().to_string();
    assert!(error.contains("holds no samples"), "{error}");
}

#[test]
fn a_load_may_be_told_its_identity_at_its_end() {
    let store = SampleStore::in_memory().unwrap();
    let kind = FileKind::UsChannelSnr;
    for (number, part_rows) in [(1, 1), (2, 10)] {
        assert!(!store.may_be_loaded(kind, u64::from(number), Wall(0)).unwrap());
        let mut writer = store.begin_with_part_rows(source(kind, 0), part_rows).unwrap();
        writer.push(sample(1, 5, 1)).unwrap();
        writer.push(sample(1, 6, 1)).unwrap();
        writer.identify([number; 32], u64::from(number));
        writer.finish(Wall(7), |_| "{}".into()).unwrap();
        assert_eq!(store.loaded(kind, &[number; 32], Wall(7)).unwrap().unwrap().hash, [number; 32]);
        assert!(store.may_be_loaded(kind, u64::from(number), Wall(7)).unwrap());
        assert!(!store.may_be_loaded(kind, u64::from(number), Wall(8)).unwrap());
        assert!(!store.may_be_loaded(FileKind::DsChannelUtilization, u64::from(number), Wall(0)).unwrap());
    }
    assert_eq!(store.loaded(kind, &[0; 32], Wall(0)).unwrap(), None);
    // Of a load whose length nobody noted, it could be any.
    load(&store, 3, 10, &[sample(1, 7, 1)]);
    assert!(store.may_be_loaded(kind, 99, Wall(0)).unwrap());
}

#[test]
fn versions_differ_exactly_where_samples_came_or_went() {
    let store = SampleStore::in_memory().unwrap();
    let kind = KpiFile::UsChannelSnr;
    let versions =
        |from: i64, before: i64| store.snapshot().unwrap().versions(kind, Timestamp(from), Timestamp(before)).unwrap();
    load(&store, 1, 10, &[sample(0, 5, 1), sample(5_000, 5, 1), sample(0, DAY + 5, 1)]);
    let first = versions(0, 2 * DAY);
    assert!(first.differences(&versions(0, 2 * DAY), Timestamp(0)).is_empty());

    // Behind the cut: nothing changed before it.
    let before = versions(0, DAY);
    load(&store, 2, 10, &[sample(0, DAY + 6, 1)]);
    assert!(before.differences(&versions(0, DAY), Timestamp(0)).is_empty());
    let touched = first.differences(&versions(0, 2 * DAY), Timestamp(0));
    assert!(touched.contains(ChannelOrdinal(1)) && !touched.contains(ChannelOrdinal(5_000)));

    // A row of the first day in another block.
    load(&store, 3, 10, &[sample(5_001, 6, 1)]);
    let touched = before.differences(&versions(0, DAY), Timestamp(0));
    assert!(!touched.contains(ChannelOrdinal(1)) && touched.contains(ChannelOrdinal(5_000)));
    assert!(before.differences(&versions(0, DAY), Timestamp(DAY)).is_empty());

    // A load in progress is not there; a day that is dropped is gone.
    let before = versions(0, DAY);
    let mut open = store.begin_with_part_rows(source(FileKind::UsChannelSnr, 4), 1).unwrap();
    open.push(sample(0, 7, 1)).unwrap();
    assert!(before.differences(&versions(0, DAY), Timestamp(0)).is_empty());
    drop(open);
    store.retain(Timestamp(DAY), Wall(0)).unwrap();
    assert!(before.differences(&versions(0, DAY), Timestamp(0)).contains(ChannelOrdinal(1)));
}

#[test]
fn checkpoints_are_replaced_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let read = |file| store.snapshot().unwrap().checkpoint(file).unwrap();
    assert_eq!(read(KpiFile::UsChannelSnr), None);
    store.put_checkpoint(KpiFile::UsChannelSnr, b"one").unwrap();
    store.put_checkpoint(KpiFile::UsChannelSnr, b"two").unwrap();
    assert_eq!((read(KpiFile::UsChannelSnr), read(KpiFile::DsChannelUtilization)), (Some(b"two".to_vec()), None));
    store.drop_checkpoints().unwrap();
    assert_eq!(read(KpiFile::UsChannelSnr), None);
}

#[test]
fn any_order_of_many_rows_is_sorted_as_a_map_is() {
    // Enough rows for their span of channels to be put in place without comparing.
    let rows: Vec<Sample> =
        (0..3_000_u32).map(|row| sample(row * 7_919 % 977, i64::from(row * 31 % 13) * 30_000, row as i32)).collect();
    let store = SampleStore::in_memory().unwrap();
    load(&store, 1, 1_000_000, &rows);
    let model: BTreeMap<_, _> = rows.iter().map(|row| ((row.channel, row.at), *row)).collect();
    assert_eq!(read(&store, KpiFile::UsChannelSnr, ALWAYS), model.values().copied().collect::<Vec<_>>());
}
