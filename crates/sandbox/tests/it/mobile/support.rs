use http::Method;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use ticketbridge_sandbox::faults::Rule;
use ticketbridge_sandbox::s360::{Form, S360Model, State};
use ticketbridge_sandbox::tixngo::{DEFAULT_ORGANIZER, TixngoModel};
use ticketbridge_sandbox::{Act, Call, Millis, Reply, StandIn, TOKEN};

use crate::support::Platform;

/// A stand-in under a made-up time that only moves when told to.
pub(super) struct At<M: StandIn> {
    pub(super) model: M,
    pub(super) now: Millis,
    dice: ChaCha8Rng,
}

impl<M: StandIn> At<M> {
    fn of(model: M, seed: u64) -> Self {
        Self { model, now: Platform::START, dice: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Everything that follows from a call; nothing of it has happened yet.
    pub(super) fn acts(&mut self, call: &Call) -> Vec<(Millis, Act<M::Effect>)> {
        self.model.handle(self.now, call, &mut self.dice)
    }

    /// Lets everything that follows from a call happen at its time.
    pub(super) fn reply(&mut self, call: &Call) -> Option<(Millis, Reply)> {
        let mut replied = None;
        for (at, act) in self.acts(call) {
            match act {
                Act::Commit(effect) => self.model.commit(at, effect),
                Act::Reply(reply) => replied = Some((at, reply)),
                Act::Reset | Act::Close => {}
            }
        }
        self.model.ended(call);
        replied
    }

    pub(super) fn call(&mut self, call: &Call) -> (u16, Value) {
        let (_, reply) = self.reply(call).expect("an answer");
        (reply.status, serde_json::from_slice(&reply.body).expect("JSON"))
    }

    /// The status and code with which a call is refused whole.
    pub(super) fn refusal(&mut self, call: &Call) -> (u16, String) {
        let (status, body) = self.call(call);
        (status, body["error"]["code"].as_str().unwrap_or("none").to_owned())
    }
}

pub(super) type BoxOffice = At<S360Model>;
pub(super) type Wallet = At<TixngoModel>;

/// A box office with the tickets `T1` to `T3` of contact 1001, and contact 1002 with a login.
pub(super) fn box_office() -> BoxOffice {
    box_office_with_seed(7)
}

pub(super) fn box_office_with_seed(seed: u64) -> BoxOffice {
    let mut office = At::of(S360Model::new(10_000), seed);
    let ticket = |id: &str| {
        json!({"ticketId": id, "taxNumber": format!("00{id}"), "organizationCode": "ORG-A", "fileId": "1",
               "printStatus": "PRINTED", "culturalContactNumber": "1001", "mobile": null})
    };
    let contacts = json!([
        {"contactNumber": "1001", "individualFirstname": "Ann", "individualLastname": "Buyer", "email": "ann@example.org"},
        {"contactNumber": "1002", "email": " Bo@Example.org ", "hasInternetAccount": true},
    ]);
    office.load(json!({"tickets": [ticket("T1"), ticket("T2"), ticket("T3")], "contacts": contacts}));
    office
}

impl BoxOffice {
    pub(super) fn load(&mut self, state: Value) {
        let state: State = serde_json::from_value(state).expect("a state");
        self.model.load(state).expect("loaded");
    }

    pub(super) fn fault(&mut self, rule: impl Into<Rule>) {
        self.model.faults_mut().add(rule).expect("a rule");
    }

    pub(super) fn get(&mut self, target: &str) -> (u16, Value) {
        self.call(&get(target))
    }

    /// The rows that a read finds.
    pub(super) fn items(&mut self, target: &str) -> Vec<Value> {
        let (status, answer) = self.get(target);
        assert_eq!(status, 200, "{target}: {answer}");
        answer["items"].as_array().expect("items").clone()
    }

    /// The results of a write.
    pub(super) fn write(&mut self, target: &str, items: &[Value]) -> Vec<Value> {
        let (status, answer) = self.call(&post(target, &json!({"items": items})));
        assert_eq!(status, 200, "{target}: {answer}");
        answer["results"].as_array().expect("results").clone()
    }

    /// The code with which the only item of a write fails, `ok` if it does not.
    pub(super) fn code(&mut self, target: &str, item: &Value) -> String {
        let results = self.write(target, std::slice::from_ref(item));
        assert_eq!(results.len(), 1);
        assert_eq!(results[0]["ok"], results[0]["error"].is_null());
        results[0]["error"]["code"].as_str().unwrap_or("ok").to_owned()
    }

    pub(super) fn dump(&self, form: Form) -> Value {
        serde_json::from_slice(&self.model.dump(form)).expect("JSON")
    }
}

/// A read with login; the target is the part behind `/s360/api/v1`.
pub(super) fn get(target: &str) -> Call {
    Call::new(Method::GET, &format!("/api/v1{target}")).with_bearer(TOKEN)
}

/// A write with login.
pub(super) fn post(target: &str, body: &Value) -> Call {
    Call::new(Method::POST, &format!("/api/v1{target}")).with_bearer(TOKEN).with_body(body.to_string())
}

/// Mobile data as a caller sends it.
pub(super) fn mobile(ticket: &str, reference: &str, status: &str) -> Value {
    json!({"ticketId": ticket, "changeRef": reference, "mobile": {
        "status": status, "statusDate": "2026-05-04T08:00:00.000Z", "owner": {"firstName": "Ann", "email": "ann@example.org"},
        "beneficiary": null, "beaconName": null, "extraInfo": {"extraInfo1": "x"}, "deletionReason": null,
    }})
}

/// A new contact as a caller sends it.
pub(super) fn contact(reference: &str, email: &str) -> Value {
    json!({"requestRef": reference, "email": email})
}

/// A distribution row as a caller sends it.
pub(super) fn row(reference: &str, ticket: &str, status: &str) -> Value {
    json!({"distributionRef": reference, "ticketId": ticket, "oldContactNumber": "1001", "newContactNumber": "1002",
           "action": "Distribute", "status": status, "at": "2026-05-04T08:00:00.000Z"})
}

pub(super) fn wallet() -> Wallet {
    wallet_with_seed(7)
}

pub(super) fn wallet_with_seed(seed: u64) -> Wallet {
    At::of(TixngoModel::new(300_000), seed)
}

impl Wallet {
    pub(super) fn fault(&mut self, rule: impl Into<Rule>) {
        self.model.faults_mut().add(rule).expect("a rule");
    }

    /// Adds a change of a ticket.
    pub(super) fn change(&mut self, ticket: &str, status: &str) {
        let item = json!({"ticketId": ticket, "status": status, "updatedAt": "2026-05-04T08:00:00.000Z"});
        self.model.add_changes(DEFAULT_ORGANIZER, &[item]).expect("added");
    }

    /// One page of the default organizer.
    pub(super) fn diff(&mut self, limit: usize, key: Option<&str>) -> (u16, Value) {
        self.call(&diff(limit, key))
    }

    /// The tickets of a page as `id:status`, its key and whether there is more.
    pub(super) fn page(&mut self, limit: usize, key: Option<&str>) -> (Vec<String>, Option<String>, bool) {
        let (status, page) = self.diff(limit, key);
        assert_eq!(status, 200, "{page}");
        let pagination = &page["pagination"];
        let next = pagination["nextPageKey"].as_str().map(str::to_owned);
        (tickets(&page), next, pagination["hasMore"].as_bool().unwrap_or_default())
    }
}

/// The items of a page as `id:status`.
pub(super) fn tickets(page: &Value) -> Vec<String> {
    let text = |item: &Value, name: &str| item[name].as_str().expect("a text").to_owned();
    let items = page["result"].as_array().expect("a list").iter();
    items.map(|item| format!("{}:{}", text(item, "ticketId"), text(item, "status"))).collect()
}

/// A diff call of the default organizer.
pub(super) fn diff(limit: usize, key: Option<&str>) -> Call {
    let key = key.map_or_else(String::new, |key| format!("&paginationKey={}", encoded(key)));
    call_diff(&format!("?limit={limit}{key}")).with_api_key(TOKEN)
}

/// A diff call without an API key.
pub(super) fn call_diff(query: &str) -> Call {
    Call::new(Method::GET, &format!("/v3/organizer/tickets/diff{query}"))
}

/// Percent-encoded as the contract has it.
pub(super) fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
