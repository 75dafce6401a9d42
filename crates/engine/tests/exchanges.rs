//! Keeping exchanges: what reaches the file, what does not, and that nobody waits for it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::Method;
use ticketbridge_core::delivery::{BatchId, Report};
use ticketbridge_core::effect::{Query, TicketLookUp};
use ticketbridge_core::ticket::{DedupeKey, OriginId, PlatformName};
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::exchanges::{Exchanges, Limits, exchange, exchanges};
use ticketbridge_platforms::HttpCall;
use ticketbridge_platforms::http::{
    Auth, Bodies, Capture, ClientSettings, ExchangeObserver, ExchangeRecord, HttpClient, Purpose, Redactor, Secret,
    SendOptions,
};
use ticketbridge_store::exchanges::{About, Bounds, EventKind, Exchange, ExchangeFilter, Kept, Subject};
use uuid::Uuid;

const SECRET: &str = "planted-token-0123456789";
const PERSON: &str = "Ada Planted";
const EMAIL: &str = "ada.planted@example.org";

fn limits(rate: u64) -> Limits {
    Limits { bounds: Bounds { age: Duration::from_hours(1), size: 64 << 20 }, rate }
}

fn start(folder: &Path, rate: u64) -> (Exchanges, PathBuf) {
    let path = folder.join("ticketbridge.exchanges.db");
    (Exchanges::start(path.clone(), limits(rate), Clock::start()), path)
}

fn record(purpose: Purpose, status: Option<u16>, body: &str) -> ExchangeRecord {
    let body = Bytes::copy_from_slice(body.as_bytes());
    ExchangeRecord {
        platform: String::from("sfyc"),
        purpose,
        method: String::from("POST"),
        target: String::from("/sfyc/tickets"),
        status,
        latency: Duration::from_millis(3),
        bodies: Bodies::new(body.clone(), body, Redactor::default(), Capture::Whole),
        fault: String::from(if status.is_none() { "no answer: time-out" } else { "" }),
    }
}

async fn all(kept: &Exchanges) -> Vec<Exchange> {
    let page = |reader: Option<&ticketbridge_store::exchanges::ExchangeReader>| {
        reader.unwrap().page(&ExchangeFilter::default(), None, 1_000)
    };
    let mut found = kept.read(page).await.unwrap();
    found.reverse();
    found
}

#[tokio::test]
async fn neither_a_secret_nor_a_person_reaches_the_file() {
    let echo = |request: axum::extract::Request| async move {
        let person = if request.uri().path() == "/people" { PERSON } else { "nobody" };
        let head = format!("{:?}", request.headers().get("authorization"));
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        // A platform that repeats everything, the token included.
        let said = serde_json::json!({"status": "SEEN", "heard": String::from_utf8_lossy(&body), "head": head,
            "firstName": person, "email": EMAIL});
        (axum::http::StatusCode::UNPROCESSABLE_ENTITY, said.to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await.unwrap() });
    let folder = tempfile::tempdir().unwrap();
    let (kept, path) = start(folder.path(), 1 << 20);
    for (platform, capture) in [("tickets", Capture::Whole), ("people", Capture::WithoutPersonalData)] {
        let settings = ClientSettings {
            auth: Auth::Bearer { token: Secret::known(SECRET) },
            bypass_proxy: true,
            observer: kept.observer(),
            capture,
            ..ClientSettings::new(platform, &address)
        };
        let client = HttpClient::new(settings).unwrap();
        let person = if platform == "people" { PERSON } else { "nobody" };
        let body = serde_json::json!({"ticketId": "T-PLANTED", "token": SECRET, "lastName": person, "email": EMAIL});
        let target = format!("/{platform}?ticketId=T-PLANTED&access={SECRET}&email=ada.planted%40example.org");
        let call = HttpCall { method: Method::POST, target, body: Some(Bytes::from(body.to_string())) };
        client.send(&call, SendOptions::within(Duration::from_secs(30))).await;
    }
    let page = exchanges(&kept, ExchangeFilter::default(), 10, None).await.unwrap();
    assert_eq!(page.items.len(), 2);
    for item in &page.items {
        assert!(item.failed && item.kept == Kept::Whole, "{item:?}");
        let detail = exchange(&kept, item.id).await.unwrap().unwrap();
        assert!(detail.request.unwrap().contains("T-PLANTED") && detail.answer.unwrap().contains("SEEN"));
    }
    let people = page.items.iter().find(|item| item.platform == "people").unwrap();
    let detail = serde_json::to_string(&exchange(&kept, people.id).await.unwrap()).unwrap();
    assert!(!detail.contains(PERSON) && !detail.contains("planted@") && !detail.contains("planted%40"), "{detail}");
    let mut raw = std::fs::read(&path).unwrap();
    raw.extend(std::fs::read(path.with_extension("db-wal")).unwrap());
    let holds = |text: &str| raw.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("T-PLANTED"), "the file is the one that is written");
    assert!(!holds(SECRET) && !holds(PERSON), "a secret or a person is in the file");
    // The other platform is about tickets: what is no secret is shown there, also an address.
    assert!(holds(EMAIL));
}

#[tokio::test]
async fn above_the_rate_only_heads_are_kept_but_failures_and_look_ups_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, _) = start(folder.path(), 4_000);
    let body = format!("{{\"items\":\"{}\"}}", "x".repeat(980));
    let write = |batch: i64| Purpose::Write(BatchId(batch));
    let key = DedupeKey::new("SNR|A").unwrap();
    let origin = OriginId(Uuid::from_u128(9));
    let wanted = vec![TicketLookUp { key: key.clone(), origin: Some(origin) }];
    let query = Query::Tickets { wanted, known: None, random: DedupeKey::new("random").unwrap() };
    for batch in 1..=10 {
        kept.observe(record(write(batch), Some(200), &body));
    }
    kept.observe(record(write(11), None, &body));
    kept.observe(record(Purpose::LookUp(Arc::new(query)), Some(200), &body));
    kept.flush().await;
    let seen = all(&kept).await;
    let whole: Vec<bool> = seen.iter().map(|one| one.kept == Kept::Whole).collect();
    // 2 KB each of 4 KB in a second: two fit at once, and the clock may allow another while this goes on.
    assert!(whole[..2] == [true, true] && whole[..10].contains(&false), "{whole:?}");
    assert_eq!((whole[10], seen[10].failed, &*seen[10].fault), (true, true, "no answer: time-out"));
    assert_eq!((whole[11], seen[11].about), (true, About::Tickets));
    for subject in [Subject::Key(key.to_string()), Subject::Origin(origin)] {
        let found = kept.read(move |reader| reader.unwrap().of_look_ups(&[subject])).await.unwrap();
        assert_eq!(found.len(), 1);
    }
    // The answer to a request of which only the head was kept turns out to hold a refusal.
    let late = (1..=10).find(|place| !whole[place - 1]).unwrap();
    kept.refused(BatchId(late as i64));
    kept.refused(BatchId(1));
    kept.refused(BatchId(4_711));
    let seen = all(&kept).await;
    assert_eq!((seen[late - 1].kept, seen[late - 1].failed), (Kept::Whole, true));
    let detail = exchange(&kept, seen[late - 1].id).await.unwrap().unwrap();
    assert!(detail.answer.unwrap().contains("xxx"));
    assert_eq!((seen[0].kept, seen[0].failed), (Kept::Whole, true));
    assert_eq!(seen.iter().filter(|one| one.failed).count(), 3);
}

#[tokio::test]
async fn what_finds_no_room_is_counted_and_said_and_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, _) = start(folder.path(), 1 << 20);
    // Larger than all that may wait: dropped, however empty the queue is.
    kept.observe(record(Purpose::Other, Some(200), &"x".repeat(20 << 20)));
    kept.observe(record(Purpose::Other, Some(200), "small"));
    assert_eq!(all(&kept).await.len(), 1);
    let events = kept.read(|reader| reader.unwrap().events()).await.unwrap();
    let lost: Vec<_> = events.iter().filter(|event| event.kind == EventKind::ExchangesLost).collect();
    assert_eq!((lost.len(), &*lost[0].text), (1, "1"));
    assert!(lost[0].until.is_some_and(|until| until >= lost[0].at));
}

#[tokio::test]
async fn exchanges_that_are_in_the_file_are_never_told_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, path) = start(folder.path(), 1 << 20);
    kept.observe(record(Purpose::Write(BatchId(1)), Some(200), "body"));
    kept.flush().await;
    // What is in the file cannot be changed any more; what is new can be added.
    let refusing = "CREATE TRIGGER refusing BEFORE UPDATE ON exchange BEGIN SELECT RAISE(ABORT, 'a test'); END";
    rusqlite::Connection::open(&path).unwrap().execute_batch(refusing).unwrap();
    kept.refused(BatchId(1));
    kept.observe(record(Purpose::Write(BatchId(2)), Some(200), "body"));
    assert_eq!(all(&kept).await.len(), 2);
    let events = kept.read(|reader| reader.unwrap().events()).await.unwrap();
    assert!(events.iter().all(|event| event.kind != EventKind::ExchangesLost), "{events:?}");
}

#[tokio::test]
async fn without_a_place_for_the_file_everything_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not").join("there.db");
    let kept = Exchanges::start(path, limits(1 << 20), Clock::start());
    for _ in 0..10_000 {
        kept.observe(record(Purpose::Other, Some(200), "body"));
    }
    kept.flush().await;
    let page = exchanges(&kept, ExchangeFilter::default(), 10, None).await.unwrap();
    assert_eq!(page.items, []);
    let off = Exchanges::off();
    off.observe(record(Purpose::Other, Some(200), "body"));
    assert!(off.observer().is_none());
    off.flush().await;
    assert_eq!(exchanges(&off, ExchangeFilter::default(), 10, None).await.unwrap().items, []);
}

#[tokio::test]
async fn pages_of_the_stream_viewer_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, _) = start(folder.path(), 1 << 20);
    for _ in 0..5 {
        kept.observe(record(Purpose::Other, Some(200), "{\"a\":1}"));
    }
    let first = exchanges(&kept, ExchangeFilter::default(), 3, None).await.unwrap();
    let second = exchanges(&kept, ExchangeFilter::default(), 3, first.next.as_deref()).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (3, 2, None));
    for (limit, cursor) in [(0, None), (501, None), (1, Some("nonsense")), (1, Some(""))] {
        assert!(exchanges(&kept, ExchangeFilter::default(), limit, cursor).await.is_err(), "{limit} {cursor:?}");
    }
    for text in [String::new(), String::from(" "), "x".repeat(201)] {
        let query = ExchangeFilter { text: Some(text), ..ExchangeFilter::default() };
        assert!(exchanges(&kept, query, 10, None).await.is_err());
    }
}

#[tokio::test]
async fn what_happens_to_platforms_is_kept_and_starts_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, path) = start(folder.path(), 1 << 20);
    let platform = PlatformName::new("sfyc");
    kept.report(&Report::BreakerOpened { platform: platform.clone(), why: String::from("time-out") });
    kept.report(&Report::SuspicionOver);
    kept.report(&Report::Paused { platform: platform.clone(), pause: Duration::from_secs(3) });
    kept.report(&Report::BreakerClosed { platform });
    kept.finish().await;
    drop(kept);
    let again = Exchanges::start(path, limits(1 << 20), Clock::start());
    let events = again.read(|reader| reader.unwrap().events()).await.unwrap();
    let seen: Vec<_> = events.iter().map(|event| (event.kind, &*event.about, &*event.text)).collect();
    assert_eq!(
        seen,
        [
            (EventKind::Started, "", ""),
            (EventKind::BreakerOpened, "sfyc", "time-out"),
            (EventKind::Paused, "sfyc", ""),
            (EventKind::BreakerClosed, "sfyc", ""),
            (EventKind::Stopped, "", ""),
            (EventKind::Started, "", ""),
        ]
    );
    assert_eq!(events[2].until, Some(events[2].at.after(Duration::from_secs(3))));
}

/// What keeping costs, for the module's documentation: `cargo nextest run --release -p ticketbridge-engine --run-ignored
/// only --no-capture what_it_costs`. Processor time of 12,000 exchanges of 80 kB each, with and without.
#[tokio::test]
#[ignore = "a measurement, for a release build"]
async fn what_it_costs() {
    let folder = tempfile::tempdir().unwrap();
    let without = observed(&Exchanges::off()).await;
    let (kept, _) = start(folder.path(), 1 << 20);
    let with = observed(&kept).await;
    println!("12,000 exchanges in 20 s: {with:?} of processor time, {without:?} without keeping them");
}

/// Processor time of 600 exchanges per second for 20 s.
async fn observed(kept: &Exchanges) -> Duration {
    let items = "{\"ticketId\":\"T-1\",\"title\":\"words\"},".repeat(2_300);
    let body = Bytes::from(format!("{{\"items\":[{items}]}}"));
    let clock = Clock::start();
    let token = Secret::known(&"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.".repeat(20));
    let before = cpu();
    for tick in 0..2_000_i64 {
        tokio::time::sleep_until(clock.deadline(ticketbridge_core::time::Mono(tick as u64 * 10))).await;
        for place in 0..6 {
            let bodies = Bodies::new(body.clone(), body.clone(), Redactor::new([&token]), Capture::Whole);
            let purpose = Purpose::Write(BatchId(tick * 6 + place));
            kept.observe(ExchangeRecord { bodies, ..record(purpose, Some(200), "") });
        }
    }
    kept.flush().await;
    cpu().saturating_sub(before)
}

/// Processor time of the threads of this process.
fn cpu() -> Duration {
    let of = |text: String| text.split(' ').next().and_then(|time| time.parse::<u64>().ok()).unwrap_or(0);
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let times = tasks.map(|task| of(std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default()));
    Duration::from_nanos(times.sum())
}
