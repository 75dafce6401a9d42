use std::time::Duration;

use serde_json::json;
use ticketbridge_core::delivery::{Receipt, RowUpdate, Writes};
use ticketbridge_core::ticket::{IntakeOutcome, NewTicket, PlatformName, TicketRow, parse_intake};
use ticketbridge_store::{LaneAnswer, LaneGrant, MemoryStore};
use uuid::Uuid;

use super::*;

/// be-1 opens work orders on a platform of their own; the token of `closed` is not there.
const CONFIG: &str = r#"
[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
auth = "bearer"
token = "env:TOKEN"
[platforms.office]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
auth = "none"
[platforms.closed]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
auth = "bearer"
token = "env:NOT_THERE"
[[backends]]
name = "be-1"
tickets = "sfyc"
work_orders = "office"
max_tickets_per_request = 2
[[backends]]
name = "be-2"
tickets = "sfyc"
work_orders = "sfyc"
[[backends]]
name = "be-3"
tickets = "closed"
work_orders = "closed"
"#;
const SECRET: &str = "secret-of-the-platform";

struct World {
    config: Config,
    store: MemoryStore,
    platforms: PlatformSet,
    received: u128,
}

impl World {
    fn new() -> Self {
        let config = Config::parse(CONFIG, "test", std::iter::empty()).unwrap().config;
        let environment = |name: &str| (name == "TOKEN").then(|| SECRET.to_owned());
        let platforms = PlatformSet::load(&config, &environment, None);
        Self { config, store: MemoryStore::new(1), platforms, received: 0 }
    }

    /// A ticket that failed in this step for this reason.
    async fn fails(&mut self, name: &str, backend: &str, step: Option<Operation>, reason: &str) -> OriginId {
        self.received += 1;
        let ticket =
            json!({"message_id": name, "kind": "SNR", "dedupe_key": format!("SNR|{name}"), "description": SECRET});
        let new = NewTicket {
            item: parse_intake(&ticket).unwrap(),
            origin: OriginId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + self.received)),
            backend: BackendName::new(backend),
            platform: PlatformName::new(if backend == "be-3" { "closed" } else { "sfyc" }),
            received_at: Wall(1_000),
        };
        let answers = self.store.receive(vec![new]).await.unwrap();
        let [IntakeOutcome::Accepted { id }] = answers[..] else { panic!("{answers:?}") };
        self.change(id, |row| {
            row.state = State::Error;
            row.failed = step;
            row.reason = Some(reason.to_owned());
        })
        .await;
        id
    }

    async fn change(&self, id: OriginId, change: impl FnOnce(&mut TicketRow)) {
        let view = self.store.ticket(id).await.unwrap().unwrap();
        let holder = Uuid::from_u128(1);
        let taken = self.store.take_lane(&view.platform, 0, holder, Duration::from_hours(1)).await.unwrap();
        let LaneAnswer::Taken(grant) = taken else { panic!("the lane is held") };
        let LaneGrant { lane, fence, .. } = *grant;
        let mut row = view.row.clone();
        change(&mut row);
        let mut writes = Writes::nothing(lane, fence);
        writes.rows.push(RowUpdate { expected: view.row.state, row, trail: None });
        assert_eq!(self.store.apply(writes).await.unwrap(), Receipt::Done);
    }

    async fn groups(&self) -> Vec<ErrorGroup> {
        error_groups(&self.config, &self.store).await.unwrap().items
    }

    async fn preview(&self, id: &str) -> RedrivePreview {
        preview_redrive(&self.config, &self.store, &self.platforms, id).await.unwrap().unwrap()
    }

    async fn state(&self, id: OriginId) -> State {
        self.store.ticket(id).await.unwrap().unwrap().row.state
    }
}

const CREATE: Option<Operation> = Some(Operation::CreateTicket);
const OPEN: Option<Operation> = Some(Operation::CreateWorkOrder);

#[tokio::test]
async fn tickets_are_grouped_by_destination_step_and_cause() {
    let mut world = World::new();
    for name in ["A", "B", "C"] {
        world.fails(name, "be-1", CREATE, "HTTP 422: the kind is unknown").await;
    }
    world.fails("D", "be-2", CREATE, "HTTP 422: the kind is unknown").await;
    world.fails("E", "be-1", CREATE, "HTTP 409: the kind is unknown").await;
    world.fails("F", "be-1", OPEN, "HTTP 422: the kind is unknown").await;
    world.fails("G", "be-2", OPEN, "HTTP 422: the kind is unknown").await;
    world.fails("H", "be-1", None, "HTTP 422: the kind is unknown").await;
    let mut told: Vec<_> =
        world.groups().await.into_iter().map(|group| (group.count, group.platform, group.operation)).collect();
    assert_eq!(told[0], (4, String::from("sfyc"), CREATE), "of two backends, since it is the platform that refused");
    told.sort_unstable();
    let step = |count, platform: &str, operation| (count, platform.to_owned(), operation);
    let expected = [step(1, "office", OPEN), step(1, "sfyc", None), step(1, "sfyc", CREATE), step(1, "sfyc", OPEN)];
    assert_eq!(told[..4], expected);
    assert_eq!(told.len(), 5);
    let ids: std::collections::BTreeSet<_> = world.groups().await.into_iter().map(|group| group.id).collect();
    assert_eq!(ids.len(), 5);
}

#[tokio::test]
async fn ids_and_numbers_do_not_split_a_group() {
    let mut world = World::new();
    // The short names are parts of other words of the reason, too.
    for (name, number) in [("a", "17"), ("ge", "9f3c-18"), ("cag", "2026-05-04")] {
        let reason = format!("HTTP 422: no group `SNR|{name}` in the cage, see {number}, message {name}");
        let id = world.fails(name, "be-1", CREATE, &reason).await;
        let reason = format!("{reason}, ticket {id}, remote T{number} for ann.{name}@example.org");
        world
            .change(id, |row| {
                row.ticket = Some(ticketbridge_core::ticket::TicketReference { number: name.to_owned(), record: None });
                row.reason = Some(reason);
            })
            .await;
    }
    let groups = world.groups().await;
    assert_eq!(groups.iter().map(|group| group.count).collect::<Vec<_>>(), [3], "{groups:?}");
    assert!(groups[0].cause.contains("HTTP 422") && !groups[0].cause.contains('@'), "{}", groups[0].cause);
    assert_eq!(groups[0].examples.len(), 3);
    assert_eq!(groups[0].examples[0].message_id, "cag", "the newest first");
}

#[tokio::test]
async fn a_redrive_retries_the_tickets_of_its_group_and_no_others() {
    let mut world = World::new();
    let mut ids = Vec::new();
    for name in ["A", "B", "C"] {
        ids.push(world.fails(name, "be-1", CREATE, "the kind is unknown").await);
    }
    let other = world.fails("D", "be-1", CREATE, "the place is unknown").await;
    let groups = world.groups().await;
    let group = groups.iter().find(|group| group.count == 3).unwrap();
    let done = redrive_group(&world.config, &world.store, &group.id, "ann", Wall(2_000)).await.unwrap().unwrap();
    assert_eq!(done, Redriven { retried: 3, skipped: 0, more: false });
    for id in &ids {
        assert_eq!(world.state(*id).await, State::Matching, "a create is compared anew");
        let row = world.store.ticket(*id).await.unwrap().unwrap().row;
        assert_eq!(world.store.acts(row.id).await.unwrap()[0].who, "ann");
    }
    assert_eq!(world.state(other).await, State::Error);
    assert_eq!(world.groups().await.len(), 1);
    for id in [&*group.id, "", "0000000000000000"] {
        assert_eq!(redrive_group(&world.config, &world.store, id, "ann", Wall(2_000)).await.unwrap(), None, "{id}");
        assert_eq!(preview_redrive(&world.config, &world.store, &world.platforms, id).await, Ok(None), "{id}");
    }
}

#[tokio::test]
async fn a_preview_holds_the_first_request_without_secrets() {
    let mut world = World::new();
    for name in ["A", "B", "C"] {
        world.fails(name, "be-1", CREATE, "the kind is unknown").await;
    }
    world.fails("D", "be-2", CREATE, "the kind is unknown").await;
    world.fails("E", "be-1", CREATE, "the kind is unknown").await;
    let group = world.groups().await.remove(0);
    let preview = world.preview(&group.id).await;
    assert_eq!((&preview.group, &preview.unknown, preview.more), (&group, &None, false));
    let request = preview.request.unwrap();
    assert_eq!((request.backend.as_str(), request.tickets, request.method.as_str()), ("be-1", 2, "POST"));
    for (key, stands) in [("SNR|E", true), ("SNR|C", true), ("SNR|D", false), ("SNR|B", false)] {
        assert_eq!(request.body.contains(key), stands, "{key}: {}", request.body);
    }
    assert!(!request.body.contains(SECRET) && request.body.contains("***"), "{}", request.body);
}

#[tokio::test]
async fn a_preview_says_why_a_request_cannot_be_told() {
    let mut world = World::new();
    world.fails("A", "be-1", None, "it could not be compared").await;
    let group = world.groups().await.remove(0);
    let told = world.preview(&group.id).await;
    assert_eq!(told.request, None);
    assert!(told.unknown.unwrap().contains("before their first step"));

    let mut world = World::new();
    world.fails("A", "be-3", CREATE, "the kind is unknown").await;
    let group = world.groups().await.remove(0);
    let told = world.preview(&group.id).await;
    assert_eq!(told.request, None);
    assert!(told.unknown.unwrap().contains("NOT_THERE"));
}

#[tokio::test]
async fn what_was_not_looked_at_is_said() {
    let mut world = World::new();
    for name in ["A", "B", "C", "D"] {
        world.fails(name, "be-1", CREATE, "the kind is unknown").await;
    }
    for (most, looked_at, more) in [(3, 3, true), (4, 4, false), (5, 4, false)] {
        let looked = gather(&world.config, &world.store, most).await.unwrap();
        assert_eq!((looked.looked_at, looked.more), (looked_at, more), "{most}");
        assert_eq!(looked.groups[0].group.count, looked_at);
    }
    let none = World::new();
    let groups = error_groups(&none.config, &none.store).await.unwrap();
    assert_eq!(groups, ErrorGroups { items: Vec::new(), looked_at: 0, more: false });
}
