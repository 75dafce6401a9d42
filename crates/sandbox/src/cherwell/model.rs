//! The whole of Cherwell as one deterministic machine: the same calls at the same times with the same dice give the same acts.
//!
//! Limits: `max_records` records of each table; a create beyond that is refused with `GENERALFAILURE`.

use http::Method;
use rand::Rng;
use serde_json::Value;

use super::answer::{self, Failure, Saved, message, refuse_for_fault, token_refusal, unauthorized};
use super::blueprint::{TABLES, Table, object_named};
use super::culture::Culture;
use super::members::{Members, Unreadable};
use super::operation::{CATALOGUE, Miss, Operation, Route};
use super::record::{Change, Effect, FieldValue, NewRecord, Style};
use super::save::{Items, Planner};
use super::search::Context;
use super::session::Sessions;
use super::settings::{CherwellSettings, SettingsError};
use super::shelves::Shelves;
use super::stats::{Duplicates, Stats};
use super::twists::{Twisted, Twists};
use super::{MAX_BATCH, describe, link, read, save, search};
use crate::call::{Act, Call, Reply, StandIn};
use crate::clock::Millis;
use crate::faults::{FaultBoard, Fired, Knob};
use crate::timeline::{Work, lay_out};
use crate::traffic::Traffic;

/// The Cherwell platform without clock, socket and randomness of its own.
#[derive(Debug)]
pub struct CherwellModel {
    pub(super) shelves: Shelves,
    pub(super) sessions: Sessions,
    settings: CherwellSettings,
    settings_at_start: CherwellSettings,
    faults: FaultBoard,
    traffic: Traffic,
    chunked_requests: u64,
    pub(super) max_records: usize,
}

/// A call that was understood, before faults.
struct Order<'a> {
    call: &'a Call,
    route: Route,
    /// The members of path, query and body together.
    members: Members,
    /// The records of a save.
    items: Result<Items, Failure>,
    style: Style,
    now: Millis,
}

impl CherwellModel {
    /// A site with a customer and no tickets, that holds at most `max_records` records of each object.
    pub fn new(max_records: usize, settings: CherwellSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self::start(max_records, settings))
    }

    fn start(max_records: usize, settings: CherwellSettings) -> Self {
        let mut shelves = Shelves::default();
        if let Some(customer) = first_customer(&mut shelves) {
            shelves.commit(Millis::MIN, vec![Change::Create(customer)]);
        }
        Self {
            shelves,
            sessions: Sessions::default(),
            settings_at_start: settings.clone(),
            settings,
            faults: FaultBoard::new(&CATALOGUE),
            traffic: Traffic::default(),
            chunked_requests: 0,
            max_records,
        }
    }

    /// The fault rules.
    pub fn faults(&self) -> &FaultBoard {
        &self.faults
    }

    /// The fault rules, to change them.
    pub fn faults_mut(&mut self) -> &mut FaultBoard {
        &mut self.faults
    }

    /// The settings.
    pub fn settings(&self) -> &CherwellSettings {
        &self.settings
    }

    /// Takes other settings from now on; tokens that are out keep their life.
    pub fn set_settings(&mut self, settings: CherwellSettings) -> Result<(), SettingsError> {
        settings.check()?;
        self.settings = settings;
        Ok(())
    }

    /// Kills all tokens; answers how many sessions there were.
    pub fn revoke_sessions(&mut self) -> usize {
        let before = self.sessions.kept();
        self.sessions.commit(0, Effect::RevokeAll);
        before
    }

    /// The counters at a time.
    pub fn stats(&self, now: Millis) -> Stats {
        let incidents = self.shelves.shelf(Table::Incidents);
        Stats {
            traffic: self.traffic.clone(),
            faults: self.faults.fired().clone(),
            duplicates: Duplicates::of(&self.shelves),
            tickets: incidents.len(),
            open_tickets: incidents.records().filter(|ticket| !save::is_closed(ticket)).count(),
            work_orders: self.shelves.shelf(Table::WorkOrders).len(),
            notes: self.shelves.shelf(Table::Journals).len(),
            linked: incidents.records().filter(|ticket| !ticket.named("WorkOrderNumber").is_empty()).count(),
            matching_work_orders: super::stats::matching_work_orders(&self.shelves),
            chunked_requests: self.chunked_requests,
            overlapping_token_calls: self.sessions.overlapping_calls,
            logins: self.sessions.logins,
            refreshes: self.sessions.refreshes,
            refused_logins: self.sessions.refused_logins,
            live_sessions: self.sessions.live(now),
        }
    }

    fn refuse(&mut self, now: Millis, reply: Reply) -> Vec<(Millis, Act<Effect>)> {
        self.traffic.count_call("none", 0);
        vec![(now, Act::Reply(reply))]
    }

    fn decide(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Effect>)> {
        if call.chunked {
            self.chunked_requests += 1;
            return self.refuse(now, message(411, "Length Required"));
        }
        let route = match Route::of(call) {
            Ok(route) => route,
            Err(Miss::Path) => {
                let text = format!("No HTTP resource was found that matches the request URI '{}'.", call.path);
                return self.refuse(now, message(404, &text));
            }
            Err(Miss::Method { allowed }) => {
                let text = format!("The requested resource does not support http method '{}'.", call.method);
                return self.refuse(now, message(405, &text).with_header("allow", allowed));
            }
        };
        let session = self.sessions.of(call, now);
        if route.operation.needs_token() && session.is_none() {
            return self.refuse(now, unauthorized());
        }
        let asked = Members::of_pairs(call.query.clone());
        let asked = asked.filled("locale").or_else(|| asked.filled("lang")).map(std::borrow::Cow::into_owned);
        let spoken = session.and_then(|session| session.culture).unwrap_or(&self.settings.culture);
        let Some(culture) = Culture::find(asked.as_deref().unwrap_or(spoken)) else {
            let failure = Failure::bad_request("The culture is not supported");
            return self.refuse(now, answer::refusal(&failure));
        };
        let style = Style { culture, offset_minutes: self.settings.utc_offset_minutes };
        let order = match self.order(call, route, style, now) {
            Ok(order) => order,
            Err((operation, Unreadable(why))) => {
                self.traffic.count_call(operation.name(), 0);
                return vec![(now, Act::Reply(answer::refusal(&Failure::bad_request(why))))];
            }
        };
        let most = ["saverequests", "readrequests"].map(|list| order.members.length(list)).into_iter().max();
        if most.is_some_and(|most| most > MAX_BATCH) {
            self.traffic.count_call(order.route.operation.name(), 0);
            return vec![(now, Act::Reply(message(413, "Maximum request length exceeded.")))];
        }
        self.perform(&order, dice)
    }

    /// Reads the body of a call as its operation wants it.
    fn order<'a>(
        &self,
        call: &'a Call,
        mut route: Route,
        style: Style,
        now: Millis,
    ) -> Result<Order<'a>, (Operation, Unreadable)> {
        let operation = route.operation;
        let has_body = call.method == Method::POST && operation != Operation::Token;
        let members = if has_body {
            Members::read(&call.body).map_err(|error| (operation, error))?
        } else {
            std::mem::take(&mut route.members)
        };
        let items = match operation {
            Operation::Save => Items::one(&members, false, &self.shelves),
            Operation::SaveRelated => Items::one(&members, true, &self.shelves),
            Operation::SaveBatch => Items::batch(&members, &self.shelves),
            _ => Ok(Items::default()),
        };
        let items = items.map_err(|Unreadable(why)| Failure::bad_request(why));
        Ok(Order { call, route, members, items, style, now })
    }

    fn perform(&mut self, order: &Order<'_>, dice: &mut dyn Rng) -> Vec<(Millis, Act<Effect>)> {
        let operation = order.route.operation;
        let keys = self.keys(order);
        let count = match operation {
            Operation::SaveBatch | Operation::Save | Operation::SaveRelated => {
                order.items.as_ref().map_or(0, |items| items.items.len())
            }
            Operation::ReadBatch => order.members.objects("readrequests").map_or(0, |requests| requests.len()),
            Operation::Read | Operation::Link | Operation::Unlink | Operation::Delete => 1,
            Operation::Search => keys.len(),
            _ => 0,
        };
        self.traffic.count_call(operation.name(), count);

        let is_token = operation == Operation::Token;
        let until = order.now + if is_token { self.settings.token_call_ms as Millis } else { 0 };
        let overlaps = is_token && self.sessions.begin_call(order.now, until);
        let fired = self.draw(order, &keys, overlaps, dice);
        let twists = Twists::of(&fired.twists);
        let delay = twists.draw_delay(dice) + (until - order.now);
        if is_token {
            self.sessions.extend_call(order.now + delay);
        }
        let work = self.work(order, &twists, dice);
        lay_out(order.now, delay, fired.outcome.as_ref(), work, refuse_for_fault)
    }

    /// The dedupe keys that a call is about.
    fn keys(&self, order: &Order<'_>) -> Vec<String> {
        let single = match order.route.operation {
            Operation::Search => return search::keys(&order.members),
            Operation::Save | Operation::SaveBatch | Operation::SaveRelated => {
                let items = order.items.as_ref().map_or(&[][..], |items| &items.items);
                return items.iter().filter_map(|item| item.dedupe_key().map(str::to_owned)).collect();
            }
            Operation::Read | Operation::Activities | Operation::Delete => {
                read::dedupe_key(&order.members, &self.shelves)
            }
            Operation::ReadBatch => {
                let requests = order.members.objects("readrequests").unwrap_or_default();
                return requests.iter().filter_map(|request| read::dedupe_key(request, &self.shelves)).collect();
            }
            Operation::Link | Operation::Unlink | Operation::GetRelated => {
                link::dedupe_key(&order.members, &self.shelves)
            }
            _ => None,
        };
        single.into_iter().collect()
    }

    fn draw(&mut self, order: &Order<'_>, keys: &[String], overlaps: bool, dice: &mut dyn Rng) -> Fired {
        let operation = order.route.operation;
        let items = order.items.as_ref().map_or(&[][..], |items| &items.items);
        let shelves = &self.shelves;
        let page = search::Page::read(&order.members, &self.settings);
        self.faults.draw(order.now, operation.name(), dice, |rule| {
            let concerns_key = rule.dedupe_key.as_ref().is_none_or(|key| keys.contains(key));
            concerns_key
                && match &rule.knob {
                    Knob::KeepAliveClosed {} => order.call.reused_connection,
                    Knob::PoisonItem { text, .. } | Knob::PoisonCall { text, .. } => {
                        items.iter().any(|item| item.contains(text))
                    }
                    Knob::ClosedTicketRefused {} => {
                        items.iter().any(Twisted::is_about_closed)
                            || (matches!(operation, Operation::Link | Operation::Unlink)
                                && link::is_about_closed(&order.members, shelves))
                    }
                    Knob::ShortBatch { .. } => operation == Operation::SaveBatch,
                    Knob::PartialFailure { .. } | Knob::ValidationError { .. } => !items.is_empty(),
                    Knob::EmptyPage { from_page, .. } => page.ordinal() >= *from_page,
                    Knob::ThrottledLogin { overlapping } => operation == Operation::Token && (overlaps || !overlapping),
                    Knob::TokenLife { .. } => operation == Operation::Token,
                    Knob::TokenRevoked {} | Knob::Forbidden {} | Knob::SessionsRevoked {} => operation.needs_token(),
                    _ => true,
                }
        })
    }

    fn work(&mut self, order: &Order<'_>, twists: &Twists<'_>, dice: &mut dyn Rng) -> Work<Effect> {
        let operation = order.route.operation;
        if twists.revokes_sessions() {
            return Work { reply: unauthorized(), effect: Some(Effect::RevokeAll) };
        }
        let done = match operation {
            Operation::Token if twists.throttles_login() => {
                let reply = token_refusal("invalid_grant", Some("BADREQUEST"));
                return Work { reply, effect: None };
            }
            Operation::Token => {
                return self.sessions.token(order.call, order.now, &self.settings, twists.token_life(), dice);
            }
            Operation::Save | Operation::SaveRelated | Operation::SaveBatch => self.save(order, twists, dice),
            Operation::Link if twists_refuse_closed(twists, order, &self.shelves) => {
                Err(Failure::new("GENERALFAILURE", "The record is closed and cannot be changed"))
            }
            Operation::Link => link::link(&order.members, order.route.version, &self.shelves),
            Operation::Unlink => link::unlink(&order.members, &self.shelves),
            Operation::Delete => link::delete(&order.members, &self.shelves),
            Operation::Logout => Ok(self.log_out(order)),
            Operation::SetCulture => self.set_culture(order),
            _ => self.answer(order, twists, dice).map(|reply| Work { reply, effect: None }),
        };
        done.unwrap_or_else(|failure| Work { reply: answer::refusal(&failure), effect: None })
    }

    fn save(&mut self, order: &Order<'_>, twists: &Twists<'_>, dice: &mut dyn Rng) -> Result<Work<Effect>, Failure> {
        let items = order.items.as_ref().map_err(Clone::clone)?;
        let mut planner = Planner {
            shelves: &mut self.shelves,
            twists,
            style: order.style,
            dice,
            changes: Vec::new(),
            max_records: self.max_records,
            made: [0; TABLES],
        };
        let reply = if order.route.operation == Operation::SaveBatch {
            let mut responses = planner.batch(items);
            twists.shape(&mut responses, planner.dice);
            answer::saved_batch(&responses)
        } else {
            let saved = items.items.first().map(|item| planner.item(item));
            let saved = saved.ok_or_else(Failure::record_not_found)?;
            answer::json(saved_status(&saved), &saved)
        };
        let changes = planner.changes;
        Ok(Work { reply, effect: (!changes.is_empty()).then_some(Effect::Records(changes)) })
    }

    fn answer(&mut self, order: &Order<'_>, twists: &Twists<'_>, dice: &mut dyn Rng) -> Result<Reply, Failure> {
        let Order { route, members, style, now, .. } = order;
        let context = Context { shelves: &self.shelves, settings: &self.settings, style: *style, now: *now, twists };
        let (reply, rows) = match route.operation {
            Operation::ServiceInfo => (describe::service_info(*now, &self.settings), 0),
            Operation::Summary => (describe::summary(members)?, 0),
            Operation::Schema => (describe::schema(members, &self.settings)?, 0),
            Operation::Template => (describe::template(members, &self.settings)?, 0),
            Operation::Teams => (describe::teams(route.version), 0),
            Operation::ReadBatch => read::read_batch(members, &context, dice)?,
            Operation::Search => search::search(members, &context, dice)?,
            Operation::GetRelated => read::related(members, &context, dice)?,
            Operation::Activities => read::activities(members, &context)?,
            _ => {
                let reply = read::read(members, &context);
                let rows = usize::from(reply.status == 200);
                (reply, rows)
            }
        };
        self.traffic.count_rows(route.operation.name(), rows);
        Ok(reply)
    }

    fn log_out(&self, order: &Order<'_>) -> Work<Effect> {
        let session = self.sessions.of(order.call, order.now);
        let effect = session.map(|session| Effect::LogOut(session.access().to_owned()));
        Work { reply: Reply { body: bytes::Bytes::new(), ..answer::json(200, &Value::Null) }, effect }
    }

    fn set_culture(&self, order: &Order<'_>) -> Result<Work<Effect>, Failure> {
        let code = order.members.filled("culturecode").unwrap_or_default();
        let culture = Culture::find(&code).ok_or_else(|| Failure::bad_request("The culture is not supported"))?;
        let session = self.sessions.of(order.call, order.now);
        let effect = session.map(|session| Effect::SetCulture(session.access().to_owned(), culture.code));
        Ok(Work { reply: answer::json(200, &culture.code), effect })
    }
}

fn twists_refuse_closed(twists: &Twists<'_>, order: &Order<'_>, shelves: &Shelves) -> bool {
    twists.refuses_closed() && link::is_about_closed(&order.members, shelves)
}

/// Validation errors come with 200, a missing record and all else with what the failure says.
fn saved_status(saved: &Saved) -> u16 {
    let code = saved.envelope.error_code.clone().unwrap_or_default();
    if !saved.is_failed() {
        return 200;
    }
    Failure { fields: saved.field_validation_errors.clone(), ..Failure::new(&code, "") }.status()
}

fn first_customer(shelves: &mut Shelves) -> Option<NewRecord> {
    let object = object_named("Customer")?;
    let value = |name: &str, text: &str| Some((object.field_named(name)?, FieldValue::Text(text.into())));
    let values: Vec<_> = [value("FullName", "Sandbox Customer"), value("Email", "customer@sandbox.invalid")]
        .into_iter()
        .flatten()
        .collect();
    let (key, _, public_id) = shelves.reserve(object, &values, false);
    Some(NewRecord {
        object: object.id,
        table: key.table,
        slot: key.slot,
        public_id,
        values,
        created_at: Some(0),
        lag: 0,
    })
}

impl StandIn for CherwellModel {
    type Effect = Effect;

    fn handle(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Effect>)> {
        let acts = self.decide(now, call, dice);
        self.traffic.count_answer(&acts);
        acts
    }

    fn commit(&mut self, at: Millis, effect: Effect) {
        match effect {
            Effect::Records(changes) => self.shelves.commit(at, changes),
            effect => self.sessions.commit(at, effect),
        }
    }

    fn reset(&mut self) {
        *self = Self::start(self.max_records, self.settings_at_start.clone());
    }
}
