//! What people are told of trouble tickets, over a real store and a real socket. Time is passed in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use ticketbridge_config::{Config, Loaded, Sources};
use ticketbridge_core::delivery::{PlatformStatus, Problem, Receipt, RowUpdate, Status, Stop, Writes};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{
    BackendName, NewTicket, OriginId, PlatformName, State, TicketId, TicketRow, parse_intake,
};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::alerts::{Alerts, MAX_TOLD};
use ticketbridge_engine::mail::Mailer;
use ticketbridge_engine::service::{Service, ServiceOptions};
use ticketbridge_store::{Act, LaneAnswer, OpenMode, SqliteOptions, SqliteStore, Store};
use uuid::Uuid;

use crate::server::{Behaviour, MailServer};

const MINUTE: i64 = 60_000;
const START: i64 = 1_777_900_000_000;

/// A mail server, a store, and the configuration that leads from one to the other.
struct World {
    server: MailServer,
    folder: TempDir,
    store: Arc<dyn Store>,
    config: Config,
    mailer: Mailer,
    tickets: u32,
}

impl World {
    async fn new() -> Self {
        Self::on(MailServer::start(Behaviour::default()).await)
    }

    fn on(server: MailServer) -> Self {
        let config = configuration(&server, "");
        let mailer = Mailer::from_config(&config.mail, &|_: &str| None).unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        Self { server, folder, store, config, mailer, tickets: 0 }
    }

    async fn alerts(&self) -> Alerts {
        Alerts::open(Arc::clone(&self.store)).await.unwrap()
    }

    /// A look at a minute: how many causes were told.
    async fn look(&self, alerts: &mut Alerts, minute: i64, status: &Status) -> usize {
        alerts.look(Wall(START + minute * MINUTE), status, &self.config, &self.mailer).await.unwrap()
    }

    /// The mails so far: subject and text.
    fn mails(&self) -> Vec<(String, String)> {
        let read = |mail: &String| {
            let (header, text) = mail.split_once("\n\n").unwrap();
            let header = header.replace("\n ", " ");
            let subject = header.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
            (subject.to_owned(), text.to_owned())
        };
        self.server.heard().mails.iter().map(read).collect()
    }

    /// The only mail since so many.
    #[track_caller]
    fn mail_after(&self, before: usize) -> (String, String) {
        let mut mails = self.mails();
        assert_eq!(mails.len(), before + 1, "{mails:#?}");
        mails.remove(before)
    }

    /// Tickets that came in at a minute and failed.
    async fn fail(&mut self, minute: i64, operation: Operation, reasons: impl IntoIterator<Item = String>) {
        let mut rows = Vec::new();
        for reason in reasons {
            self.tickets += 1;
            let number = self.tickets;
            let about = format!("SNR|NODE-{number:04}");
            let body = json!({"message_id": format!("m{number}"), "kind": "SNR", "dedupe_key": about});
            let ticket = NewTicket {
                item: parse_intake(&body).unwrap(),
                origin: OriginId(Uuid::from_u128(u128::from(number))),
                backend: BackendName::new("be-1"),
                platform: PlatformName::new("desk"),
                received_at: Wall(START + minute * MINUTE),
            };
            self.store.receive(vec![ticket]).await.unwrap();
            rows.push((reason.replace("KEY", &about), operation));
        }
        let after = TicketId(i64::from(self.tickets) - rows.len() as i64);
        let update = |row: TicketRow, (reason, operation): (String, Operation)| {
            let failed = TicketRow { state: State::Error, failed: Some(operation), reason: Some(reason), ..row };
            RowUpdate { expected: State::Received, row: failed, trail: None }
        };
        self.write(
            |writes, open| writes.rows = open.into_iter().zip(rows).map(|(row, why)| update(row, why)).collect(),
            after,
        )
        .await;
    }

    async fn report(&self, code: &str, about: &str, minute: i64) {
        let problem = Problem {
            platform: PlatformName::new("desk"),
            code: code.to_owned(),
            about: about.to_owned(),
            text: String::from("two tickets INC-1 and INC-2 for ann@example.org"),
            at: Wall(START + minute * MINUTE),
        };
        self.write(|writes, _| writes.problems.push(problem), TicketId(i64::from(self.tickets))).await;
    }

    async fn write(&self, fill: impl FnOnce(&mut Writes, Vec<TicketRow>), after: TicketId) {
        let platform = PlatformName::new("desk");
        let taken = self.store.take_lane(&platform, 0, Uuid::from_u128(1), Duration::from_hours(1)).await.unwrap();
        let LaneAnswer::Taken(grant) = taken else { panic!("the lane is ours") };
        let open = self.store.open_tickets(grant.lane, after, 1_000).await.unwrap();
        let mut writes = Writes::nothing(grant.lane, grant.fence);
        fill(&mut writes, open.into_iter().map(|open| open.row).collect());
        assert_eq!(self.store.apply(writes).await.unwrap(), Receipt::Done);
    }
}

/// Tickets on `desk`, work orders on `orders`, mails to the server; `more` are further settings.
fn configuration(server: &MailServer, more: &str) -> Config {
    let text = format!(
        r#"[mail]
server = "127.0.0.1"
port = {}
security = "none"
from = "tb@example.org"
error_recipients = ["noc@example.org"]
{more}
[platforms.desk]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
token = "env:DESK_TOKEN"
[platforms.orders]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
token = "env:DESK_TOKEN"
[[backends]]
name = "be-1"
tickets = "desk"
work_orders = "orders"
"#,
        server.port
    );
    Config::parse(&text, "ticketbridge.toml", []).unwrap_or_else(|error| panic!("{error}")).config
}

fn open(folder: &TempDir) -> Arc<dyn Store> {
    let options = SqliteOptions { lanes: 1, ..SqliteOptions::default() };
    SqliteStore::open_with(&folder.path().join("store.db"), OpenMode::Serve, &options).unwrap().store
}

fn well() -> PlatformStatus {
    PlatformStatus {
        well: true,
        why: String::new(),
        breaker_open_for: None,
        paused_for: None,
        in_flight: (0, 4),
        held: BTreeMap::new(),
        stopped: None,
        lag: None,
    }
}

fn status(desk: PlatformStatus) -> Status {
    Status { platforms: BTreeMap::from([(PlatformName::new("desk"), desk)]), ..Status::default() }
}

fn away(minutes: u64) -> Status {
    let why = String::from("connection refused");
    status(PlatformStatus { well: false, why, breaker_open_for: Some(Duration::from_mins(minutes)), ..well() })
}

#[tokio::test]
async fn a_platform_that_is_away_is_told_once_and_again_when_it_was_back() {
    let world = World::new().await;
    let mut alerts = world.alerts().await;
    assert_eq!(world.look(&mut alerts, 0, &away(14)).await, 0, "not long enough");
    assert_eq!(world.look(&mut alerts, 5, &away(19)).await, 1);
    let (subject, text) = world.mail_after(0);
    assert_eq!(subject, "ticketbridge: desk does not answer properly (TB0201)");
    assert!(text.contains("for 19 min; last: connection refused") && text.contains("platform check desk"), "{text}");
    for minute in [10, 60, 3_000] {
        assert_eq!(world.look(&mut alerts, minute, &away(minute as u64 + 14)).await, 0);
    }
    for minute in [3_005, 3_010, 3_015, 3_020] {
        assert_eq!(world.look(&mut alerts, minute, &status(well())).await, 0);
    }
    assert_eq!(world.look(&mut alerts, 3_025, &away(2)).await, 0);
    assert_eq!(world.look(&mut alerts, 3_040, &away(17)).await, 1);
    assert_eq!(world.mails().len(), 2);
}

#[tokio::test]
async fn errors_are_told_by_cause_with_their_number_and_what_to_do() {
    let mut world = World::new().await;
    let locked = |number: i32| format!("record {number} of KEY is locked by ann@example.org since 08:{number}");
    world.fail(0, Operation::CreateTicket, (10..47).map(locked)).await;
    world.fail(0, Operation::CreateWorkOrder, [String::from("HTTP 400\r\nBcc: evil")]).await;
    let mut alerts = world.alerts().await;
    assert_eq!(world.look(&mut alerts, 1, &status(well())).await, 2);
    let (subject, text) = world.mail_after(0);
    assert_eq!(subject, "ticketbridge: 37 tickets in Error on desk, create_ticket, and 1 more");
    insta::assert_snapshot!(text);
    assert_eq!(world.look(&mut alerts, 6, &status(well())).await, 0);

    // More of the same is no new cause before a day is over.
    world.fail(10, Operation::CreateTicket, (50..60).map(locked)).await;
    assert_eq!(world.look(&mut alerts, 11, &status(well())).await, 0);
    assert_eq!(world.look(&mut alerts, 24 * 60 + 1, &status(well())).await, 1);
    let (subject, text) = world.mail_after(1);
    assert_eq!(subject, "ticketbridge: 47 tickets in Error on desk, create_ticket");
    assert!(text.contains("Told before, at 2026-05-04T13:07:40.000Z; there are new ones."), "{text}");
    // Another reason is.
    world.fail(20, Operation::CreateTicket, [String::from("no such kind")]).await;
    assert_eq!(world.look(&mut alerts, 24 * 60 + 6, &status(well())).await, 1);
}

#[tokio::test]
async fn errors_that_were_mended_and_come_back_are_told_again() {
    let mut world = World::new().await;
    world.fail(0, Operation::CreateTicket, [String::from("no such kind")]).await;
    let mut alerts = world.alerts().await;
    assert_eq!(world.look(&mut alerts, 1, &status(well())).await, 1);
    let origin = OriginId(Uuid::from_u128(1));
    let dismiss = Act::Dismiss { reason: String::from("not needed") };
    world.store.act(origin, dismiss, "test", Wall(START + 2 * MINUTE)).await.unwrap();
    for minute in [5, 10, 15, 20] {
        assert_eq!(world.look(&mut alerts, minute, &status(well())).await, 0);
    }
    world.fail(24, Operation::CreateTicket, [String::from("no such kind")]).await;
    assert_eq!(world.look(&mut alerts, 25, &status(well())).await, 1);
    assert_eq!(world.mails().len(), 2);
}

#[tokio::test]
async fn a_restart_tells_nothing_again() {
    let mut world = World::new().await;
    world.fail(0, Operation::CreateTicket, [String::from("no such kind")]).await;
    world.report("TB0304", "SNR|NODE-1", 0).await;
    let mut alerts = world.alerts().await;
    assert_eq!(world.look(&mut alerts, 0, &away(20)).await, 3);
    drop(alerts);
    drop(std::mem::replace(&mut world.store, Arc::new(ticketbridge_store::MemoryStore::new(1))));
    world.store = open(&world.folder);
    let mut alerts = world.alerts().await;
    // A new process knows of no outage before it has tried.
    assert_eq!(world.look(&mut alerts, 20, &status(well())).await, 0);
    assert_eq!(world.look(&mut alerts, 30, &away(1)).await, 0);
    assert_eq!(world.look(&mut alerts, 45, &away(16)).await, 0);
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn stops_problems_refused_logins_and_unusable_platforms_are_told() {
    let world = World::new().await;
    world.report("TB0304", "SNR|NODE-1", 0).await;
    world.report("TB0304", "SNR|NODE-2", 0).await;
    let stop = Stop { code: String::from("TB0301"), text: String::from("known tickets are missing"), keys: Vec::new() };
    let login = String::from("HTTP 401: the login is refused");
    let held = [Operation::CreateTicket, Operation::AddNote].map(|operation| (operation, login.clone()));
    let refused = PlatformStatus { well: false, why: login, held: held.into(), stopped: Some(stop), ..well() };
    let why = String::from("DESK_TOKEN is not set");
    let unusable = PlatformStatus { well: false, why, ..well() };
    let mut both = status(refused);
    both.platforms.insert(PlatformName::new("orders"), unusable);
    let mut alerts = world.alerts().await;
    assert_eq!(world.look(&mut alerts, 0, &both).await, 2, "a login may come back in a moment");
    let (subject, text) = world.mail_after(0);
    assert_eq!(subject, "ticketbridge: nothing is created on desk any more (TB0301), and 1 more");
    assert!(text.contains("TB0304 on desk, 2 times") && text.contains("accept-loss desk"), "{text}");
    assert!(text.contains("SNR|NODE-2") && text.contains("for ***") && !text.contains("ann@"), "{text}");
    assert_eq!(world.look(&mut alerts, 5, &both).await, 2);
    let (_, text) = world.mail_after(1);
    assert!(text.contains("desk refuses requests\n   Operations: add_note, create_ticket: HTTP 401"), "{text}");
    assert!(text.contains("orders cannot be used\n   Why: DESK_TOKEN is not set"), "{text}");
    assert_eq!(world.look(&mut alerts, 10, &both).await, 0);
}

#[tokio::test]
async fn a_flood_of_causes_is_one_bounded_mail() {
    let mut world = World::new().await;
    let letters =
        |number: u32| String::from_utf8(vec![b'a' + (number / 26) as u8, b'a' + (number % 26) as u8]).unwrap();
    world.fail(0, Operation::CreateTicket, (0..300).map(|number| format!("reason {}", letters(number)))).await;
    let mut alerts = world.alerts().await;
    assert_eq!(world.look(&mut alerts, 0, &status(well())).await, 101, "a hundred, and all others as one");
    let (_, text) = world.mail_after(0);
    assert_eq!(text.matches("Reason: ").count(), MAX_TOLD);
    assert!(text.contains("And 81 more causes with ") && text.len() < 20_000, "{} {text}", text.len());
    assert_eq!(world.look(&mut alerts, 5, &status(well())).await, 0, "the counted ones are told, too");
}

#[tokio::test]
async fn a_mail_that_failed_is_sent_again_later_and_later() {
    let answers = vec![("MAIL", "451 not now")];
    let mut world = World::on(MailServer::start(Behaviour { answers, ..Behaviour::default() }).await);
    world.fail(0, Operation::CreateTicket, [String::from("no such kind")]).await;
    let mut alerts = world.alerts().await;
    let mut tries = Vec::new();
    for minute in (0..300).step_by(5) {
        let before = world.server.heard().connections;
        assert_eq!(world.look(&mut alerts, minute, &status(well())).await, 0);
        tries.extend((world.server.heard().connections > before).then_some(minute));
    }
    assert_eq!(tries, [0, 5, 15, 35, 75, 135, 195, 255]);
    // Another process, and a server that takes it.
    let (store, folder) = (Arc::clone(&world.store), world.folder);
    let world = World { folder, store, ..World::new().await };
    let mut alerts = world.alerts().await;
    assert_eq!(world.look(&mut alerts, 300, &status(well())).await, 1);
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_time_to_collect_holds_at_once() {
    let server = MailServer::start(Behaviour::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = format!("[store]\nurl = 'sqlite://{}'", folder.path().join("store.db").display());
    let with = |collect_for: &str| configuration(&server, &format!("collect_for = \"{collect_for}\"\n{store}"));
    let config = Arc::new(with("1d"));
    let options = ServiceOptions { config, environment: Box::new(|_: &str| None), recorder: None, observer: None };
    let (service, app) = Service::start(options).await.unwrap();
    let newer = with("20ms");
    service.reloads_from(Arc::new(move || {
        Ok(Loaded { config: newer.clone(), sources: Sources::default(), warnings: Vec::new() })
    }));
    let live = service.live();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(service.run(async { drop(stopped.await) }));
    let reloaded = live.reload("a test").await.unwrap();
    assert!(reloaded.applied && reloaded.changes.iter().any(|change| change.key == "mail.collect_for"));
    let told = async {
        while server.heard().mails.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Only a hang takes longer.
    tokio::time::timeout(Duration::from_mins(2), told).await.unwrap();
    drop((stop, app, live));
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_tells_by_itself() {
    let server = MailServer::start(Behaviour::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let more =
        format!("collect_for = \"20ms\"\n[store]\nurl = 'sqlite://{}'", folder.path().join("store.db").display());
    let config = Arc::new(configuration(&server, &more));
    let options = ServiceOptions { config, environment: Box::new(|_: &str| None), recorder: None, observer: None };
    let (service, app) = Service::start(options).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(service.run(async { drop(stopped.await) }));
    let causes = ["desk cannot be used\n   Why: ", "orders cannot be used\n   Why: "];
    let told = async {
        while !causes.iter().all(|cause| server.heard().mails.concat().contains(cause)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Only a hang takes longer.
    tokio::time::timeout(Duration::from_mins(2), told).await.unwrap();
    drop((stop, app));
    running.await.unwrap().unwrap();
    let mails = server.heard().mails.concat();
    assert!(causes.iter().all(|cause| mails.matches(cause).count() == 1), "{mails}");
    assert!(mails.contains("DESK_TOKEN"), "{mails}");
}
