use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::*;
use ticketbridge_core::time::{Mono, Now};
use ticketbridge_platforms::Answer;
use ticketbridge_platforms::http::Secret;

use super::*;

fn call(target: &str, body: Option<&str>) -> HttpCall {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    HttpCall { method, target: target.into(), body: body.map(|body| Bytes::from(body.to_owned())) }
}

fn answered(body: &str) -> Transport {
    let body = Bytes::from(body.to_owned());
    Transport::Answered(Answer { status: StatusCode::OK, headers: HeaderMap::new(), body })
}

const AT: Wall = Wall(1_777_881_600_123);

#[tokio::test]
async fn exchanges_are_written_without_people_and_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("dumps");
    let redactor = Redactor::new([&Secret::known("KEY-4711")]);
    let dump = RunDump::open(path.clone(), "opera", 17, 100, redactor).unwrap();
    let page = r#"{"pagination":{"nextPageKey":"KEY-4711/2"},"result":[{"ticketId":"T-1","status":"DOWNLOADED","spectatorDetails":{"firstName":"Ann","email":"ann@example.org"}}]}"#;
    dump.record(AT, "tixngo", &call("/diff?limit=10&paginationKey=a", None), &answered(page));
    let write = r#"{"items":[{"email":"ann@example.org","requestRef":"tng:1"}]}"#;
    let lost = Transport::NoAnswer { why: "timed out with KEY-4711".into(), timed_out: true };
    dump.record(AT, "s360", &call("/contacts?email=ann%40example.org", Some(write)), &lost);
    let held = Transport::NotSent { why: "the lease ran out".into(), login: None };
    dump.record(AT, "s360", &call("/tickets/mobile", Some("")), &held);
    dump.close().await;
    let text = std::fs::read_to_string(path.join("opera-17.txt")).unwrap();
    assert!(!text.contains("Ann") && !text.contains("ann") && !text.contains("KEY-4711"), "{text}");
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn a_dump_that_is_switched_off_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RunDump::open(folder.path().join("dumps"), "opera", 1, 0, Redactor::default()).is_none());
    assert!(!folder.path().join("dumps").exists());
}

#[tokio::test]
async fn a_dump_is_cut_at_its_size_and_says_so() {
    for max_kib in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let dump = RunDump::open(folder.path().into(), "opera", 1, max_kib, Redactor::default()).unwrap();
        let body = format!(r#"{{"result":[{}]}}"#, vec![r#"{"ticketId":"ñandú"}"#; 50].join(","));
        for _ in 0..20 {
            dump.record(AT, "tixngo", &call("/diff", None), &answered(&body));
        }
        dump.close().await;
        let text = std::fs::read_to_string(folder.path().join("opera-1.txt")).unwrap();
        let limit = max_kib as usize * 1024;
        assert!((limit - 200..=limit).contains(&text.len()), "{} of {limit}", text.len());
        let last = text.lines().last().unwrap();
        assert_eq!(last, format!("(cut: the {max_kib} KiB of max_dump_kib are used up; more was exchanged)"));
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_ends_the_dump_alone() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("dumps");
    std::fs::write(&taken, "a file where the folder should be").unwrap();
    let dump = RunDump::open(taken.clone(), "opera", 1, 10, Redactor::default()).unwrap();
    for _ in 0..1_000 {
        dump.record(AT, "tixngo", &call("/diff", None), &answered("{}"));
    }
    dump.close().await;
    assert!(taken.is_file());
}

/// Nobody takes anything from the queue here, as if the disk stood still.
#[tokio::test]
async fn a_run_never_waits_and_what_is_left_out_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (exchanges, mut waiting) = mpsc::channel(QUEUE);
    let left_out = Arc::new(AtomicU64::new(0));
    let dump = RunDump { exchanges, left_out: Arc::clone(&left_out), writing: tokio::spawn(async {}) };
    for _ in 0..QUEUE + 7 {
        dump.record(AT, "tixngo", &call("/diff", None), &answered("{}"));
    }
    dump.close().await;
    let path = folder.path().join(file_name("opera", 1));
    let mut writer = Writer {
        path: path.clone(),
        budget: 1 << 20,
        max_kib: 1_024,
        number: 0,
        left_out,
        redactor: Redactor::default(),
    };
    let folder_of = folder.path().to_owned();
    tokio::task::spawn_blocking(move || writer.write(&folder_of, &mut waiting)).await.unwrap().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.matches("--- ").count(), QUEUE);
    assert!(text.ends_with("(7 exchanges are not here: they came faster than they could be written)\n"), "{text}");
}

struct Echo;

#[async_trait]
impl Wire for Echo {
    async fn send(&self, call: &HttpCall, _: Duration, _: LastCheck) -> Transport {
        answered(&format!(r#"{{"ticketId":"{}"}}"#, call.target))
    }
}

struct Still;

impl Time for Still {
    fn now(&self) -> Now {
        Now { mono: Mono(0), wall: AT }
    }
}

#[tokio::test]
async fn a_wire_that_dumps_answers_as_the_one_below() {
    let folder = tempfile::tempdir().unwrap();
    let dump = Arc::new(OnceLock::new());
    let opened = RunDump::open(folder.path().into(), "opera", 2, 10, Redactor::default()).unwrap();
    assert!(dump.set(opened).is_ok());
    let wire = DumpingWire { wire: Arc::new(Echo), platform: "tixngo".into(), dump, time: Arc::new(Still) };
    let (call, timeout) = (call("/diff", None), Duration::from_secs(1));
    let check = || -> LastCheck { Box::new(|| true) };
    assert_eq!(wire.send(&call, timeout, check()).await, Echo.send(&call, timeout, check()).await);
    let DumpingWire { dump, .. } = wire;
    Arc::into_inner(dump).and_then(OnceLock::into_inner).unwrap().close().await;
    let text = std::fs::read_to_string(folder.path().join("opera-2.txt")).unwrap();
    assert!(text.contains("GET /diff\n=> 200\n{\"ticketId\":\"/diff\"}\n"), "{text}");
}

#[test]
fn old_dumps_are_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["opera-1.txt", "opera-2.txt", "notes.txt", "opera-x.txt", "opera-.txt", "opera-3.txt.bak"] {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    std::fs::create_dir(folder.path().join("folder-1.txt")).unwrap();
    let written = |name: &str| {
        let modified = std::fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
        Wall(modified.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64)
    };
    let newest = written("opera-1.txt").max(written("opera-2.txt"));
    let keep = Duration::from_hours(1);
    assert_eq!(remove_old_dumps(folder.path(), keep, Wall(newest.0)).unwrap(), 0);
    assert_eq!(remove_old_dumps(folder.path(), keep, Wall(newest.0 + 3_600_001)).unwrap(), 2);
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["folder-1.txt", "notes.txt", "opera-.txt", "opera-3.txt.bak", "opera-x.txt"]);
    assert_eq!(remove_old_dumps(&folder.path().join("none"), keep, newest).unwrap(), 0);
}

#[test]
fn dumps_stand_beside_the_database() {
    let store: StoreUrl = "sqlite:///var/lib/tb/tickets.db".parse().unwrap();
    assert_eq!(dumps_folder(&store), PathBuf::from("/var/lib/tb/tickets.db.dumps"));
    assert_eq!(file_name("opera_1", 17), "opera_1-17.txt");
}

proptest! {
    #[test]
    fn names_are_plain_short_and_never_shared(one in ".{0,120}", two in ".{0,120}", run in 0..i64::MAX) {
        let name = file_name(&one, run);
        prop_assert!(name.len() <= MAX_NAME + 8 + 24 && is_dump(&name));
        prop_assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter)));
        prop_assert!(!name.starts_with('.') && name.matches('.').count() == 1);
        prop_assert_eq!(one == two, name == file_name(&two, run));
    }
}
