//! Helpers: Cherwell under a made-up time, logged in, with short ways to save, search and read.

use http::Method;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use ticketbridge_sandbox::cherwell::{CLIENT_ID, CherwellModel, CherwellSettings, Effect, Stats};
use ticketbridge_sandbox::faults::{FaultError, Rule};
use ticketbridge_sandbox::{Act, Call, Millis, Reply, StandIn};

pub(crate) const INCIDENT: &str = "6dd53665c0c24cab86870a21cf6434ae";
pub(crate) const LOGIN: &str = "grant_type=password&client_id=0b7c2f3e-1111-4222-8333-9a9a9a9a9a9a&\
                                username=Cherwell%5Csvc_noc&password=sandbox-only";

/// Cherwell under a made-up time that starts at 2026-11-21T15:31:39Z and only moves when told to.
pub(crate) struct Cherwell {
    pub(crate) model: CherwellModel,
    pub(crate) now: Millis,
    pub(crate) token: String,
    pub(crate) refresh: String,
    dice: ChaCha8Rng,
}

impl Cherwell {
    pub(crate) const START: Millis = 1_795_275_099_000;

    /// Logged in.
    pub(crate) fn new() -> Self {
        Self::with(7, CherwellSettings::default())
    }

    pub(crate) fn with(seed: u64, settings: CherwellSettings) -> Self {
        let mut site = Self {
            model: CherwellModel::new(100_000, settings).expect("right settings"),
            now: Self::START,
            token: String::new(),
            refresh: String::new(),
            dice: ChaCha8Rng::seed_from_u64(seed),
        };
        site.log_in();
        site
    }

    pub(crate) fn log_in(&mut self) {
        let (status, token) = self.token_call(LOGIN);
        assert_eq!(status, 200, "{token}");
        self.keep(&token);
    }

    pub(crate) fn keep(&mut self, token: &Value) {
        self.token = text(&token["access_token"]);
        self.refresh = text(&token["refresh_token"]);
    }

    pub(crate) fn token_call(&mut self, form: &str) -> (u16, Value) {
        self.call(&Call::new(Method::POST, "/token").with_body(form.to_owned()))
    }

    pub(crate) fn refresh_call(&mut self, refresh: &str) -> (u16, Value) {
        self.token_call(&format!("grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token={refresh}"))
    }

    pub(crate) fn fault(&mut self, rule: impl Into<Rule>) -> Result<u64, FaultError> {
        self.model.faults_mut().add(rule)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.model.stats(self.now)
    }

    /// Everything that follows from a call; nothing of it has happened yet.
    pub(crate) fn acts(&mut self, call: &Call) -> Vec<(Millis, Act<Effect>)> {
        self.model.handle(self.now, call, &mut self.dice)
    }

    /// Lets the effects take place at their times and answers the reply.
    pub(crate) fn perform(&mut self, acts: Vec<(Millis, Act<Effect>)>) -> Option<Reply> {
        let mut answered = None;
        for (at, act) in acts {
            match act {
                Act::Commit(effect) => self.model.commit(at, effect),
                Act::Reply(reply) => {
                    answered = Some(reply);
                    self.now = self.now.max(at);
                }
                Act::Reset | Act::Close => {}
            }
        }
        answered
    }

    pub(crate) fn reply(&mut self, call: &Call) -> Reply {
        let acts = self.acts(call);
        self.perform(acts).expect("an answer")
    }

    pub(crate) fn call(&mut self, call: &Call) -> (u16, Value) {
        let reply = self.reply(call);
        if reply.body.is_empty() {
            return (reply.status, Value::Null);
        }
        (reply.status, serde_json::from_slice(&reply.body).expect("JSON"))
    }

    pub(crate) fn request(&self, method: Method, target: &str) -> Call {
        Call::new(method, target).with_bearer(&self.token)
    }

    pub(crate) fn get(&mut self, target: &str) -> (u16, Value) {
        self.call(&self.request(Method::GET, target))
    }

    pub(crate) fn post(&mut self, name: &str, body: &Value) -> (u16, Value) {
        let target = if name.starts_with('/') { name.to_owned() } else { format!("/api/V1/{name}") };
        self.call(&self.request(Method::POST, &target).with_body(body.to_string()))
    }

    /// The object with this name: its id.
    pub(crate) fn object(&mut self, name: &str) -> String {
        let (_, found) = self.get(&format!("/api/V1/getbusinessobjectsummary/busobname/{name}"));
        text(&found[0]["busObId"])
    }

    /// The id of a field by name.
    pub(crate) fn field(&mut self, object: &str, name: &str) -> String {
        let (_, schema) = self.get(&format!("/api/V1/getbusinessobjectschema/busobid/{object}"));
        let fields = schema["fieldDefinitions"].as_array().expect("fields");
        text(&fields.iter().find(|field| field["name"] == name).expect("the field")["fieldId"])
    }

    /// The id of a relationship of Incident by display name.
    pub(crate) fn relationship(&mut self, name: &str) -> String {
        let target = format!("/api/V1/getbusinessobjectschema/busobid/{INCIDENT}?includerelationships=true");
        let (_, schema) = self.get(&target);
        let all = schema["relationships"].as_array().expect("relationships");
        text(&all.iter().find(|other| other["displayName"] == name).expect("the relationship")["relationshipId"])
    }

    /// A save request of an object with these fields by name.
    pub(crate) fn item(&mut self, object: &str, fields: &[(&str, &str)]) -> Value {
        let field = |site: &mut Self, name: &str, value: &str| json!({"dirty": true, "fieldId": site.field(object, name), "name": name, "value": value});
        let fields: Vec<_> = fields.iter().map(|(name, value)| field(self, name, value)).collect();
        json!({"busObId": object, "busObRecId": "", "busObPublicId": "", "fields": fields, "persist": true})
    }

    /// Makes tickets by batch with dedupe key `KEY|name` and origin `origin-name`; answers the whole reply.
    pub(crate) fn create(&mut self, names: &[&str]) -> Value {
        let items: Vec<_> = names.iter().map(|name| self.ticket(name)).collect();
        self.post("savebusinessobjectbatch", &json!({"saveRequests": items, "stopOnError": false})).1
    }

    /// The save request of a new ticket.
    pub(crate) fn ticket(&mut self, name: &str) -> Value {
        let (key, origin, title) = (format!("KEY|{name}"), format!("origin-{name}"), format!("Title {name}"));
        let fields: [(&str, &str); 4] =
            [("DedupeKey", &key), ("OriginId", &origin), ("TicketKind", "SNR"), ("ShortDescription", &title)];
        self.item(INCIDENT, &fields)
    }

    /// Makes one ticket; answers its record id and public id.
    pub(crate) fn create_one(&mut self, name: &str) -> (String, String) {
        let saved = self.create(&[name]);
        let saved = &saved["responses"][0];
        (text(&saved["busObRecId"]), text(&saved["busObPublicId"]))
    }

    /// Searches tickets by `(field, operator, value)`.
    pub(crate) fn search(&mut self, filters: &[(&str, &str, &str)], more: &Value) -> (u16, Value) {
        let filter = |site: &mut Self, (name, operator, value): (&str, &str, &str)| json!({"fieldId": site.field(INCIDENT, name), "operator": operator, "value": value});
        let filters: Vec<_> = filters.iter().map(|one| filter(self, *one)).collect();
        let mut body = json!({"busObId": INCIDENT, "includeAllFields": true, "filters": filters, "pageSize": 1000});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        self.post("getsearchresults", &body)
    }

    /// The dedupe keys that a search finds, sorted.
    pub(crate) fn found(&mut self, filters: &[(&str, &str, &str)]) -> Vec<String> {
        let (status, results) = self.search(filters, &json!({}));
        assert_eq!(status, 200, "{results}");
        let mut keys: Vec<_> = rows(&results).iter().map(|row| value(row, "DedupeKey")).collect();
        keys.sort();
        keys
    }

    /// The value of a ticket's field, read by record id.
    pub(crate) fn value(&mut self, rec_id: &str, name: &str) -> String {
        let (status, read) = self.get(&format!("/api/V1/getbusinessobject/busobid/{INCIDENT}/busobrecid/{rec_id}"));
        assert_eq!(status, 200, "{read}");
        value(&read, name)
    }

    /// Adds a note in the first way: a related record of the journals' group.
    pub(crate) fn note(&mut self, parent: &str, details: &str) -> (u16, Value) {
        let (journal, note) = (self.object("Journal"), self.object("Journal - Note"));
        let mut item = self.item(&journal, &[("JournalTypeID", &note), ("Details", details)]);
        item["parentBusObId"] = json!(INCIDENT);
        item["parentBusObRecId"] = json!(parent);
        item["relationshipId"] = json!(self.relationship("Incident Owns Journals"));
        self.post("saverelatedbusinessobject", &item)
    }

    /// The texts of a ticket's journals.
    pub(crate) fn notes_of(&mut self, parent: &str) -> Vec<String> {
        let journal = self.object("Journal");
        let body = json!({
            "parentBusObId": INCIDENT, "parentBusObRecId": parent,
            "relationshipId": self.relationship("Incident Owns Journals"), "allFields": false, "useDefaultGrid": false,
            "fieldsList": [self.field(&journal, "Details")], "pageSize": 100,
        });
        let (status, related) = self.post("getrelatedbusinessobject", &body);
        assert_eq!(status, 200, "{related}");
        let rows = related["relatedBusinessObjects"].as_array().expect("rows");
        assert_eq!(related["totalRecords"], rows.len());
        let mut texts: Vec<_> = rows.iter().map(|row| value(row, "Details")).collect();
        texts.sort();
        texts
    }

    /// Makes a work order for a ticket; answers its record id and public id.
    pub(crate) fn work_order(&mut self, ticket: &(String, String), origin: &str) -> (String, String) {
        let object = self.object("WorkOrder");
        let fields = [
            ("ExternalRef", origin),
            ("IncidentID", ticket.1.as_str()),
            ("ParentRecID", ticket.0.as_str()),
            ("ParentTypeID", INCIDENT),
        ];
        let item = self.item(&object, &fields);
        let (status, saved) = self.post("savebusinessobject", &item);
        assert_eq!(status, 200, "{saved}");
        (text(&saved["busObRecId"]), text(&saved["busObPublicId"]))
    }

    /// Sets fields of a ticket.
    pub(crate) fn update(&mut self, rec_id: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let mut item = self.item(INCIDENT, fields);
        item["busObRecId"] = json!(rec_id);
        self.post("savebusinessobject", &item)
    }
}

/// A text of an answer.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text but {value}")).to_owned()
}

/// The rows of a search.
pub(crate) fn rows(results: &Value) -> &Vec<Value> {
    results["businessObjects"].as_array().expect("rows")
}

/// The value of a field in a read or a row.
pub(crate) fn value(row: &Value, name: &str) -> String {
    let fields = row["fields"].as_array().expect("fields");
    text(&fields.iter().find(|field| field["name"] == name).expect("the field")["value"])
}
