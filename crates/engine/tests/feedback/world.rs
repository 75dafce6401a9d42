//! One organizer's wallet, the box office, the store and the clocks of one test.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use ticketbridge_core::mobile::{Frequency, PaginationKey, Schedule};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::feedback::{Function, Parts, RunOptions, RunReport, Wire, run};
use ticketbridge_sandbox::faults::Rule;
use ticketbridge_sandbox::s360::{Form, S360Model, State};
use ticketbridge_sandbox::tixngo::{DEFAULT_ORGANIZER, TixngoModel};
use ticketbridge_store::{
    FailedItem, FeedbackPage, FeedbackRun, FeedbackStore, OpenMode, PageId, RewindAnswer, SqliteStore, StoreError,
    StoredPage, Trigger,
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::gates::Gates;
use crate::store::TestStore;
use crate::wire::{Line, Login, Platform, TestTime};

/// The most records of a sort.
const MAX_RECORDS: usize = 200_000;
/// All that a listing gives.
pub(crate) const ALL: FeedbackPage = FeedbackPage { offset: 0, limit: 500 };

pub(crate) struct World {
    pub(crate) wallet: Arc<Platform<TixngoModel>>,
    pub(crate) office: Arc<Platform<S360Model>>,
    pub(crate) store: Arc<TestStore>,
    pub(crate) time: Arc<TestTime>,
    pub(crate) gates: Arc<Gates>,
    /// The function of [`DEFAULT_ORGANIZER`].
    pub(crate) function: Function,
    pub(crate) stopping: watch::Sender<bool>,
    /// Each run draws other pauses.
    seeds: AtomicU64,
}

/// An instant, from RFC 3339.
pub(crate) fn wall(text: &str) -> Wall {
    Wall(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// A function with the defaults of the configuration, started by hand.
pub(crate) fn function() -> Function {
    Function {
        internal_name: "feedback".into(),
        organizer: DEFAULT_ORGANIZER.into(),
        active: true,
        source: "wallet".into(),
        box_office: "s360".into(),
        schedule: None,
        batch_size: 1_000,
        pages_per_run: 1,
        skip_tickets: "".into(),
        file_to_upload: None,
        continue_on_sync_error: true,
        distribute: true,
        organizations: HashSet::new(),
        error_recipients: Vec::new(),
        max_dump_kib: 0,
        timeout: Duration::from_secs(30),
        lease: Duration::from_mins(1),
        max_in_flight: 4,
        in_doubt_for: Duration::from_mins(2),
        retry: (Duration::from_secs(1), Duration::from_mins(1)),
    }
}

/// Every five minutes.
pub(crate) fn every_five_minutes(stick_to_the_hour: bool) -> Schedule {
    Schedule { frequency: Frequency::from_minutes(5).unwrap(), stick_to_the_hour, start: None, end: None }
}

impl World {
    /// An empty world at 2026-05-04T09:00Z.
    pub(crate) fn new() -> Self {
        Self::at("2026-05-04T09:00:00Z")
    }

    pub(crate) fn at(start: &str) -> Self {
        let gates = Arc::new(Gates::new());
        let store = TestStore::in_memory(Arc::clone(&gates));
        Self::over(store, gates, start)
    }

    /// With a store in a file of `folder`, whose leases anyone may take at once.
    pub(crate) fn in_file(folder: &tempfile::TempDir) -> Self {
        let gates = Arc::new(Gates::new());
        let opened = SqliteStore::open(&folder.path().join("store.db"), OpenMode::Command).unwrap();
        let store = TestStore::with_free_leases(opened.store, Arc::clone(&gates));
        Self::over(store, gates, "2026-05-04T09:00:00Z")
    }

    fn over(store: TestStore, gates: Arc<Gates>, start: &str) -> Self {
        let time = Arc::new(TestTime::starting_at(wall(start)));
        let wallet = Platform::new(TixngoModel::new(MAX_RECORDS), Arc::clone(&time), Arc::clone(&gates));
        let office = Platform::new(S360Model::new(MAX_RECORDS), Arc::clone(&time), Arc::clone(&gates));
        office.check_intents_in(Arc::clone(store.inner()));
        let store = Arc::new(store);
        Self {
            wallet,
            office,
            store,
            time,
            gates,
            function: function(),
            stopping: watch::Sender::new(false),
            seeds: AtomicU64::new(1),
        }
    }

    /// Ann (1001, with a login) owns tickets `T1` to `T{tickets}`, whose tax numbers are `0001` and so on; Norm (1002) is a
    /// normal contact.
    pub(crate) fn with_tickets(self, tickets: usize) -> Self {
        let ann = contact("1001", "ann@example.org", "Ann", "Buyer", true);
        let norm = contact("1002", "norm@example.org", "Norm", "Normal", true);
        self.load(&json!({"contacts": [ann, norm]}));
        self.add_tickets(1, tickets);
        self
    }

    /// Tickets of Ann's.
    pub(crate) fn add_tickets(&self, from: usize, to: usize) {
        let ticket = |number: usize| {
            json!({"ticketId": format!("T{number}"), "taxNumber": format!("{number:04}"), "organizationCode": "ORG-A",
                "printStatus": "PRINTED", "culturalContactNumber": "1001"})
        };
        self.load(&json!({"tickets": (from..=to).map(ticket).collect::<Vec<_>>()}));
    }

    pub(crate) fn load(&self, state: &Value) {
        let state: State = serde_json::from_value(state.clone()).unwrap();
        self.office.model().load(state).unwrap();
    }

    /// Changes in the wallet.
    pub(crate) fn change(&self, items: &[Value]) {
        self.wallet.model().add_changes(DEFAULT_ORGANIZER, items).unwrap();
    }

    /// A page that is answered as it is.
    pub(crate) fn add_page(&self, page: &Value) {
        self.wallet.model().add_pages(DEFAULT_ORGANIZER, vec![page.to_string().into()]).unwrap();
    }

    pub(crate) fn wallet_fault(&self, rule: impl Into<Rule>) {
        self.wallet.model().faults_mut().add(rule).unwrap();
    }

    pub(crate) fn office_fault(&self, rule: impl Into<Rule>) {
        self.office.model().faults_mut().add(rule).unwrap();
    }

    pub(crate) fn heal(&self) {
        self.wallet.model().faults_mut().clear();
        self.office.model().faults_mut().clear();
    }

    pub(crate) fn wallet_wire(&self, organizer: &str) -> Arc<dyn Wire> {
        let login = Login::ApiKey(TixngoModel::api_key(organizer));
        Arc::new(Line { platform: Arc::clone(&self.wallet), base: "/v3/organizer/tickets", login })
    }

    pub(crate) fn office_wire(&self) -> Arc<dyn Wire> {
        Arc::new(Line { platform: Arc::clone(&self.office), base: "/api/v1", login: Login::Bearer })
    }

    /// What a run of this organizer works with.
    pub(crate) fn parts_of(&self, organizer: &str) -> Parts {
        Parts {
            store: Arc::clone(&self.store) as Arc<dyn FeedbackStore>,
            wallet: self.wallet_wire(organizer),
            box_office: self.office_wire(),
            time: Arc::clone(&self.time) as _,
        }
    }

    /// A run that a person starts.
    pub(crate) fn by_hand(&self) -> RunOptions {
        self.by(Trigger::Manual)
    }

    pub(crate) fn by(&self, trigger: Trigger) -> RunOptions {
        RunOptions {
            trigger,
            holder: Uuid::from_u128(1),
            file: None,
            preview: None,
            ignore_waits: trigger != Trigger::Schedule,
            seed: self.seeds.fetch_add(1, Ordering::SeqCst),
            stopping: self.stopping.subscribe(),
            progress: None,
        }
    }

    /// One run, started by hand.
    pub(crate) async fn run(&self) -> RunReport {
        self.run_with(&self.function, self.by_hand()).await
    }

    pub(crate) async fn run_with(&self, function: &Function, options: RunOptions) -> RunReport {
        run(function, &self.parts_of(&function.organizer), options).await.unwrap()
    }

    /// One run with a file.
    pub(crate) async fn run_file(&self, file: impl Into<Bytes>) -> RunReport {
        let options = RunOptions { file: Some(file.into()), ..self.by(Trigger::Replay) };
        self.run_with(&self.function, options).await
    }

    /// Goes on with a run until a gate holds it.
    pub(crate) async fn until_held(&self, running: impl Future<Output = Result<RunReport, StoreError>> + Unpin) {
        tokio::select! {
            biased;
            ended = running => panic!("it is not held: {ended:?}"),
            () = self.gates.reached() => {}
        }
    }

    /// A run whose process dies at a gate, if it comes there; false: it ended before.
    async fn run_dying(&self) -> bool {
        let parts = self.parts_of(&self.function.organizer);
        let died = tokio::select! {
            biased;
            () = self.gates.reached() => true,
            report = run(&self.function, &parts, self.by_hand()) => {
                report.unwrap();
                false
            }
        };
        self.gates.open();
        died
    }

    /// A run whose process dies at this gate, from 0; false: it ended before.
    pub(crate) async fn run_dying_at(&self, place: usize) -> bool {
        self.gates.hold_at(place);
        self.run_dying().await
    }

    /// A run whose process dies at the first gate with this name.
    pub(crate) async fn run_dying_there(&self, name: &str) {
        self.gates.hold_at_named(name, 1);
        assert!(self.run_dying().await, "the run never came to {name}: {:?}", self.gates.passed());
    }

    /// The lease of a run that died has ended, and so has every wait.
    pub(crate) async fn later(&self) {
        tokio::time::sleep(Duration::from_hours(1)).await;
    }

    /// Runs until nothing is left to be done, at most ten times.
    pub(crate) async fn run_to_the_end(&self) -> RunReport {
        for _ in 0..10 {
            let report = self.run().await;
            if report.counters.pending == 0 && report.counters.received == 0 {
                return report;
            }
        }
        panic!("there is no end to it");
    }

    pub(crate) async fn key(&self) -> PaginationKey {
        self.store.inner().pagination_key(&self.function.organizer).await.unwrap()
    }

    /// All runs, the oldest first.
    pub(crate) async fn runs(&self) -> Vec<FeedbackRun> {
        let mut runs = self.store.inner().feedback_runs(None, ALL).await.unwrap();
        runs.reverse();
        runs
    }

    pub(crate) async fn failed_items(&self) -> Vec<FailedItem> {
        self.store.inner().failed_items(None, ALL).await.unwrap()
    }

    pub(crate) async fn page(&self, id: i64) -> Option<StoredPage> {
        self.store.inner().page(PageId(id)).await.unwrap()
    }

    /// Sets the key back to the one before this move, or to empty.
    pub(crate) async fn rewind(&self, before: Option<u64>) -> RewindAnswer {
        self.store
            .inner()
            .rewind_key(&self.function.organizer, before, "an operator", wall("2026-05-04T12:00:00Z"))
            .await
            .unwrap()
    }

    /// The mobile status of a ticket, as the box office has it.
    pub(crate) fn status_of(&self, ticket: &str) -> Option<String> {
        let office = self.office.model();
        office.ticket(ticket)?.mobile.as_ref().map(|mobile| json!(mobile)["status"].as_str().unwrap().to_owned())
    }

    /// How many of these tickets have mobile data.
    pub(crate) fn stored_tickets(&self) -> usize {
        self.office.model().stats().mobile_tickets
    }

    /// Numbers of the contacts with this e-mail.
    pub(crate) fn contacts_with(&self, email: &str) -> Vec<String> {
        let office = self.office.model();
        let with = office.contacts().iter().filter(|contact| contact.email.as_deref() == Some(email));
        with.map(|contact| contact.contact_number.to_string()).collect()
    }

    /// All that the box office holds.
    pub(crate) fn office_state(&self) -> Value {
        serde_json::from_slice(&self.office.model().dump(Form::Full)).unwrap()
    }

    /// No contact, row or history entry is there twice; no two diff calls of an organizer ran at once.
    #[track_caller]
    pub(crate) fn assert_nothing_twice(&self) {
        let stats = self.office.model().stats();
        assert_eq!(stats.duplicates.total, 0, "{:?}", stats.duplicates);
        assert!(self.wallet.model().stats().most_in_flight <= 1);
    }
}

pub(crate) fn contact(number: &str, email: &str, first: &str, last: &str, login: bool) -> Value {
    json!({"contactNumber": number, "email": email, "individualFirstname": first, "individualLastname": last,
        "hasInternetAccount": login})
}

/// An item of Ann's ticket `T{ticket}`, at 08:`minute`.
pub(crate) fn item(ticket: usize, status: &str, minute: u32) -> Value {
    json!({"ticketId": format!("T{ticket}"), "taxNumber": format!("{ticket:04}"), "status": status,
        "updatedAt": format!("2026-05-04T08:{minute:02}:00Z"),
        "spectatorDetails": {"firstName": "Ann", "lastName": "Buyer", "email": "ann@example.org"}})
}

/// A transfer from Ann to `recipient`, begun at 07:00.
pub(crate) fn transfer(ticket: usize, status: &str, minute: u32, recipient: &str) -> Value {
    let transfer = json!({"senderEmail": "ann@example.org", "recipientEmail": recipient,
        "initiatedAt": "2026-05-04T07:00:00Z"});
    with(item(ticket, status, minute), "transfer", transfer)
}

/// As [`transfer`], accepted: the recipient, named `Bo Li`, is the owner now.
pub(crate) fn transferred(ticket: usize, minute: u32, recipient: &str) -> Value {
    let owner = json!({"firstName": "Bo", "lastName": "Li", "email": recipient});
    with(transfer(ticket, "TRANSFERRED", minute, recipient), "spectatorDetails", owner)
}

/// `item` with another member.
pub(crate) fn with(mut item: Value, name: &str, value: Value) -> Value {
    item[name] = value;
    item
}

/// Injected tickets from `from` to `to`.
pub(crate) fn injected(from: usize, to: usize) -> Vec<Value> {
    (from..=to).map(|ticket| item(ticket, "INJECTED", 1)).collect()
}

/// A page.
pub(crate) fn page(next: &Value, items: &[Value]) -> Value {
    json!({"pagination": {"nextPageKey": next}, "result": items})
}
