//! The file of exchanges: what comes back, what is bounded, and that losing it stops nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use ticketbridge_core::delivery::BatchId;
use ticketbridge_core::ticket::OriginId;
use ticketbridge_core::time::Wall;
use ticketbridge_store::exchanges::{
    About, Bounds, EventKind, ExchangeBodies, ExchangeFilter, ExchangeId, ExchangeReader, ExchangeStore, Kept,
    NewExchange, PlatformEvent, Subject, path_beside,
};
use uuid::Uuid;

const DAY: Duration = Duration::from_hours(24);
const BOUNDS: Bounds = Bounds { age: DAY, size: 64 << 20 };

struct Place {
    _folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = path_beside(&folder.path().join("ticketbridge.db"));
        assert!(path.ends_with("ticketbridge.exchanges.db"));
        Self { _folder: folder, path }
    }

    fn open(&self, bounds: Bounds) -> ExchangeStore {
        let opened = ExchangeStore::open(&self.path, bounds, Wall(1_000)).unwrap();
        assert_eq!(opened.set_aside, None);
        opened.store
    }

    fn reader(&self) -> ExchangeReader {
        ExchangeReader::open(&self.path).unwrap().unwrap()
    }

    fn aside(&self) -> PathBuf {
        let mut aside = self.path.as_os_str().to_owned();
        aside.push(".aside");
        aside.into()
    }
}

fn exchange(number: i64) -> NewExchange {
    NewExchange {
        at: Wall(10_000 + number),
        platform: String::from(if number % 2 == 0 { "even" } else { "odd" }),
        about: About::Write,
        batch: Some(BatchId(number)),
        subjects: Vec::new(),
        method: String::from("POST"),
        target: format!("/tickets/{number}"),
        status: Some(200),
        latency: Duration::from_millis(12),
        failed: false,
        fault: String::new(),
        bodies: Some(ExchangeBodies { request: format!("ask {number}"), answer: format!("say {number}") }),
    }
}

fn ids(found: &[ticketbridge_store::exchanges::Exchange]) -> Vec<i64> {
    found.iter().map(|exchange| exchange.id.0).collect()
}

#[test]
fn pages_run_from_the_newest_with_filters_while_the_writer_goes_on() {
    let place = Place::new();
    assert!(ExchangeReader::open(&place.path).unwrap().is_none(), "a reader makes no file");
    let mut store = place.open(BOUNDS);
    let mut rows: Vec<NewExchange> = (1..=9).map(exchange).collect();
    rows[3].failed = true;
    rows[4].fault = String::from("no answer: Time-out");
    rows[5].bodies = None;
    store.append(&rows).unwrap();
    let reader = place.reader();
    let all = ExchangeFilter::default();
    let first = reader.page(&all, None, 4).unwrap();
    assert_eq!(ids(&first), [9, 8, 7, 6]);
    store.append(&[exchange(10)]).unwrap();
    assert_eq!(ids(&reader.page(&all, Some(first[3].id), 4).unwrap()), [5, 4, 3, 2]);
    let only = |filter: ExchangeFilter| ids(&reader.page(&filter, None, 100).unwrap());
    let text = |text: &str| only(ExchangeFilter { text: Some(text.to_owned()), ..ExchangeFilter::default() });
    assert_eq!(only(ExchangeFilter { platform: Some(String::from("even")), ..all.clone() }), [10, 8, 6, 4, 2]);
    assert_eq!(only(ExchangeFilter { failed: true, ..all }), [4]);
    assert_eq!(
        (text("ASK 7"), text("say 6"), text("time-OUT"), text("tickets/3")),
        (vec![7], vec![], vec![5], vec![3])
    );
    assert_eq!((text("%"), text("'; DROP TABLE exchange; --")), (vec![], vec![]));
    let one = reader.exchange(ExchangeId(6)).unwrap().unwrap();
    assert_eq!((one.kept, reader.bodies(one.id).unwrap()), (Kept::Head, None));
    let one = reader.exchange(ExchangeId(7)).unwrap().unwrap();
    assert_eq!((one.kept, one.latency, one.batch), (Kept::Whole, Duration::from_millis(12), Some(BatchId(7))));
    assert_eq!(reader.bodies(one.id).unwrap().unwrap().answer, "say 7");
    assert_eq!(reader.exchange(ExchangeId(11)).unwrap(), None);
    assert_eq!(reader.since().unwrap(), (Wall(1_000), Some(Wall(10_001))));
}

#[test]
fn writes_are_found_by_batch_and_look_ups_by_what_they_asked_about() {
    let place = Place::new();
    let mut store = place.open(BOUNDS);
    let origin = OriginId(Uuid::from_u128(7));
    let look_up = |number, about, subjects| NewExchange { about, batch: None, subjects, ..exchange(number) };
    let key = || Subject::Key(String::from("SNR|A"));
    store
        .append(&[
            exchange(5),
            NewExchange { batch: Some(BatchId(5)), ..exchange(6) },
            look_up(7, About::Tickets, vec![key(), Subject::Origin(origin), key()]),
            look_up(8, About::Notes, vec![Subject::Origin(origin), Subject::Ticket(String::from("T1"))]),
            look_up(9, About::Tickets, vec![Subject::Key(String::from("SNR|B"))]),
            look_up(10, About::OpenTickets, Vec::new()),
            look_up(11, About::OpenTickets, Vec::new()),
        ])
        .unwrap();
    let reader = place.reader();
    assert_eq!(ids(&reader.of_batch(BatchId(5)).unwrap()), [1, 2]);
    assert_eq!(ids(&reader.of_look_ups(&[Subject::Origin(origin)]).unwrap()), [3, 4]);
    assert_eq!(ids(&reader.of_look_ups(&[key(), Subject::Ticket(String::from("T1"))]).unwrap()), [3, 4]);
    assert_eq!(ids(&reader.of_look_ups(&[Subject::Ticket(String::from("SNR|A"))]).unwrap()), [0; 0]);
    assert_eq!(ids(&reader.of_look_ups(&[]).unwrap()), [0; 0]);
    let retrievals = |from, to| ids(&reader.of_retrievals("odd", Wall(from), Wall(to), 10).unwrap());
    assert_eq!((retrievals(0, 20_000), retrievals(0, 10_010), retrievals(10_011, 10_011)), (vec![7], vec![], vec![7]));
}

#[test]
fn a_refusal_that_is_found_later_brings_the_bodies() {
    let place = Place::new();
    let mut store = place.open(BOUNDS);
    let head = NewExchange { bodies: None, ..exchange(1) };
    let stored = store.append(&[head, exchange(2)]).unwrap();
    let bodies = ExchangeBodies { request: String::from("ask"), answer: String::from("no") };
    store.add_bodies(stored[0], &bodies).unwrap();
    store.mark_failed(stored[1]).unwrap();
    // Gone, or never there: nothing to do.
    store.add_bodies(ExchangeId(99), &bodies).unwrap();
    store.mark_failed(ExchangeId(99)).unwrap();
    let reader = place.reader();
    let failed = reader.page(&ExchangeFilter { failed: true, ..ExchangeFilter::default() }, None, 10).unwrap();
    assert_eq!((ids(&failed), failed[1].kept), (vec![2, 1], Kept::Whole));
    assert_eq!(reader.bodies(stored[0]).unwrap(), Some(bodies));
    assert_eq!(reader.bodies(ExchangeId(99)).unwrap(), None);
}

#[test]
fn the_file_keeps_to_its_size_and_the_oldest_go_first() {
    let place = Place::new();
    let size = 6 << 20;
    let mut store = place.open(Bounds { age: DAY, size });
    let body = "x".repeat(8 * 1024);
    let mut largest = 0;
    for group in 0..60 {
        let rows: Vec<NewExchange> = (0..50)
            .map(|place| NewExchange {
                bodies: Some(ExchangeBodies { request: body.clone(), answer: body.clone() }),
                subjects: vec![Subject::Key(format!("key {group} {place}"))],
                ..exchange(group * 50 + place)
            })
            .collect();
        store.append(&rows).unwrap();
        largest = largest.max(store.size());
    }
    // 3,000 exchanges of 16 KiB are 47 MiB.
    assert!(largest <= size, "{largest}");
    let reader = place.reader();
    let newest = reader.page(&ExchangeFilter::default(), None, 1_000).unwrap();
    assert_eq!(newest[0].id, ExchangeId(3_000));
    assert!(newest.len() > 100, "{}", newest.len());
    assert!(newest.windows(2).all(|pair| pair[0].id.0 == pair[1].id.0 + 1), "the oldest went, and no others");
    assert!(newest.iter().all(|one| reader.bodies(one.id).unwrap().is_some()), "each with its bodies");
    assert_eq!(reader.of_look_ups(&[Subject::Key(String::from("key 0 0"))]).unwrap(), []);
    drop(reader);
    // A lower bound gives disk back.
    store.set_bounds(Bounds { age: DAY, size: 4 << 20 });
    store.purge(Wall(20_000)).unwrap();
    assert!(store.size() <= 4 << 20, "{}", store.size());
}

#[test]
fn what_is_too_old_goes_and_no_number_comes_twice() {
    let place = Place::new();
    let mut store = place.open(Bounds { age: Duration::from_secs(10), size: 64 << 20 });
    store
        .append(
            &(1..=20).map(|number| NewExchange { at: Wall(number * 1_000), ..exchange(number) }).collect::<Vec<_>>(),
        )
        .unwrap();
    let event = |at, kind| PlatformEvent { at: Wall(at), until: None, kind, about: String::new(), text: String::new() };
    store.add_events(&[event(1_000, EventKind::Started), event(15_000, EventKind::Stopped)]).unwrap();
    store.purge(Wall(20_000)).unwrap();
    let reader = place.reader();
    assert_eq!(reader.since().unwrap().1, Some(Wall(10_000)));
    assert_eq!(reader.events().unwrap().len(), 1);
    store.purge(Wall(100_000)).unwrap();
    assert_eq!(reader.page(&ExchangeFilter::default(), None, 10).unwrap(), []);
    assert_eq!(store.append(&[exchange(1)]).unwrap(), [ExchangeId(21)]);
}

#[test]
fn a_pause_within_a_pause_prolongs_it() {
    let place = Place::new();
    let mut store = place.open(BOUNDS);
    let pause = |at: i64, until: i64, about: &str| PlatformEvent {
        at: Wall(at),
        until: Some(Wall(until)),
        kind: EventKind::Paused,
        about: about.to_owned(),
        text: String::new(),
    };
    store
        .add_events(&[pause(1, 5, "a"), pause(2, 6, "b"), pause(4, 9, "a"), pause(8, 7, "a"), pause(20, 30, "a")])
        .unwrap();
    let seen: Vec<_> = place
        .reader()
        .events()
        .unwrap()
        .into_iter()
        .map(|event| (event.at.0, event.until.unwrap().0, event.about))
        .collect();
    assert_eq!(seen, [(1, 9, String::from("a")), (2, 6, String::from("b")), (20, 30, String::from("a"))]);
}

#[test]
fn events_are_bounded_by_number() {
    let place = Place::new();
    let mut store = place.open(BOUNDS);
    let events: Vec<PlatformEvent> = (0..12_000)
        .map(|at| PlatformEvent {
            at: Wall(at),
            until: None,
            kind: EventKind::BreakerOpened,
            about: String::from("a"),
            text: String::new(),
        })
        .collect();
    store.add_events(&events).unwrap();
    let kept = place.reader().events().unwrap();
    assert_eq!((kept.len() as i64, kept[0].at), (ticketbridge_store::exchanges::MAX_EVENTS, Wall(2_000)));
}

#[test]
fn what_is_no_database_is_set_aside_and_made_anew() {
    let place = Place::new();
    std::fs::write(&place.path, b"this is no database, and long enough to be looked at as one of them".repeat(20))
        .unwrap();
    assert!(ExchangeReader::open(&place.path).unwrap_err().to_string().contains("serve"));
    let opened = ExchangeStore::open(&place.path, BOUNDS, Wall(5)).unwrap();
    assert!(opened.set_aside.is_some());
    assert!(std::fs::read(place.aside()).unwrap().starts_with(b"this is no database"));
    let mut store = opened.store;
    store.append(&[exchange(1)]).unwrap();
    assert_eq!(place.reader().since().unwrap().0, Wall(5));
}

#[test]
fn a_file_of_another_version_is_set_aside_and_one_of_another_program_is_left_alone() {
    let place = Place::new();
    drop(place.open(BOUNDS));
    let other = rusqlite::Connection::open(&place.path).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    assert!(ExchangeReader::open(&place.path).is_err());
    let opened = ExchangeStore::open(&place.path, BOUNDS, Wall(5)).unwrap();
    assert!(opened.set_aside.unwrap().contains("99"));
    drop(opened.store);

    let place = Place::new();
    let other = rusqlite::Connection::open(&place.path).unwrap();
    other.execute_batch("CREATE TABLE mine(a); INSERT INTO mine VALUES (1)").unwrap();
    drop(other);
    let error = ExchangeStore::open(&place.path, BOUNDS, Wall(5)).err().unwrap();
    assert!(error.to_string().contains("another program") && !error.is_fatal(), "{error}");
    assert!(!place.aside().exists());
    let other = rusqlite::Connection::open(&place.path).unwrap();
    assert_eq!(other.query_row("SELECT a FROM mine", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn damage_while_writing_is_set_aside_and_the_next_write_goes_into_a_new_file() {
    let place = Place::new();
    let mut store = place.open(BOUNDS);
    store.append(&(1..=200).map(exchange).collect::<Vec<_>>()).unwrap();
    drop(store);
    // All pages but the first are noise; the header still looks well.
    let mut file = std::fs::OpenOptions::new().write(true).open(&place.path).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(4_096)).unwrap();
    file.write_all(&vec![0xa5; (length - 4_096) as usize]).unwrap();
    drop(file);
    let mut store = place.open(BOUNDS);
    let error = store.append(&[exchange(1)]).unwrap_err();
    assert!(!error.is_fatal() && error.to_string().contains("set aside"), "{error}");
    assert_eq!(store.append(&[exchange(2)]).unwrap(), [ExchangeId(1)]);
    assert_eq!(place.reader().page(&ExchangeFilter::default(), None, 10).unwrap().len(), 1);
    assert!(place.aside().exists());
}
