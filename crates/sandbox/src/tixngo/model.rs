//! The whole of TIXNGO as one deterministic machine: the same calls at the same times with the same dice give the same acts.
//!
//! Limits: `max_records` tickets and loaded pages per organizer, [`MAX_ORGANIZERS`] organizers.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use http::Method;
use rand::Rng;
use serde_json::Value;

use super::answer::{refusal, refuse_for_fault};
use super::key::{self, WrongKey};
use super::page::{self, Asked, Page};
use super::play::{Outcome, PlayError, PlaySettings, Played, Player};
use super::stats::{OrganizerStats, Stats};
use super::stream::{Entry, LoadedPage, Stream};
use super::{DEFAULT_ORGANIZER, MAX_LIMIT, MAX_ORGANIZERS};
use crate::call::{Act, Call, Reply, StandIn};
use crate::clock::Millis;
use crate::credentials::TOKEN;
use crate::faults::{Catalogue, FaultBoard, Knob, OperationClass};
use crate::s360::{State, StateError};
use crate::timeline::{Work, lay_out};
use crate::traffic::Traffic;

/// The operations of TIXNGO by the names that fault rules and counters use.
pub static CATALOGUE: Catalogue = Catalogue { platform: "tixngo", operations: &[(DIFF, OperationClass::List)] };

const DIFF: &str = "diff";
const PATH: &str = "/v3/organizer/tickets/diff";
/// The items of a page if the call does not say.
const USUAL_LIMIT: usize = 1_000;
const MAX_CODE: usize = 100;

/// Why records were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TixngoError {
    /// No such organizer.
    #[error("there is no organizer `{0}`; adding changes or pages to it makes it")]
    NoSuchOrganizer(String),
    /// The organizer's code is not usable.
    #[error("an organizer's code has 1 to {MAX_CODE} letters, digits, `-`, `_` and `.`, not `{0}`")]
    WrongCode(String),
    /// An item or page is wrong.
    #[error("{what} {place}: {problem}")]
    Wrong {
        /// Item or page.
        what: &'static str,
        /// Its place, from 1.
        place: usize,
        /// What is wrong.
        problem: String,
    },
    /// The settings of a play are wrong.
    #[error("`{field}` {problem}")]
    WrongPlay {
        /// The setting.
        field: &'static str,
        /// What it must be.
        problem: String,
    },
    /// There is no room for more.
    #[error("TIXNGO is full: at most {0}")]
    Full(String),
}

#[derive(Debug, Default)]
struct Organizer {
    stream: Stream,
    plays: BTreeMap<u32, Player>,
    requests: u64,
    in_flight: usize,
    most_in_flight: usize,
}

/// The TIXNGO platform without clock, socket and randomness of its own.
#[derive(Debug)]
pub struct TixngoModel {
    organizers: BTreeMap<String, Organizer>,
    faults: FaultBoard,
    traffic: Traffic,
    max_records: usize,
}

impl TixngoModel {
    /// A platform with the organizer [`DEFAULT_ORGANIZER`], which holds at most `max_records` tickets per organizer.
    pub fn new(max_records: usize) -> Self {
        Self {
            organizers: BTreeMap::from([(DEFAULT_ORGANIZER.to_owned(), Organizer::default())]),
            faults: FaultBoard::new(&CATALOGUE),
            traffic: Traffic::default(),
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

    /// The counters now.
    pub fn stats(&self) -> Stats {
        let of = |organizer: &Organizer| OrganizerStats {
            requests: organizer.requests,
            in_flight: organizer.in_flight,
            most_in_flight: organizer.most_in_flight,
            tickets: organizer.stream.tickets(),
            changes: organizer.stream.changes(),
        };
        let organizers: BTreeMap<_, _> = self.organizers.iter().map(|(code, one)| (code.clone(), of(one))).collect();
        Stats {
            traffic: self.traffic.clone(),
            faults: self.faults.fired().clone(),
            tickets: organizers.values().map(|one| one.tickets).sum(),
            changes: organizers.values().map(|one| one.changes).sum(),
            most_in_flight: organizers.values().map(|one| one.most_in_flight).max().unwrap_or(0),
            organizers,
        }
    }

    /// The API key of an organizer.
    pub fn api_key(organizer: &str) -> String {
        if organizer == DEFAULT_ORGANIZER { TOKEN.to_owned() } else { format!("{TOKEN}:{organizer}") }
    }

    /// Adds changes in their order, each the latest state of its ticket; items may be wrong on purpose but must be objects.
    /// One wrong item and none is taken.
    pub fn add_changes(&mut self, organizer: &str, items: &[Value]) -> Result<(), TixngoError> {
        if let Some(place) = items.iter().position(|item| !item.is_object()) {
            let problem = "must be a JSON object".to_owned();
            return Err(TixngoError::Wrong { what: "item", place: place + 1, problem });
        }
        let stream = &mut self.with_room(organizer, items.len())?.stream;
        for item in items {
            let id = item["ticketId"].as_str().filter(|id| !id.is_empty());
            stream.push(id.map(Into::into), item.to_string().into());
        }
        Ok(())
    }

    /// Adds pages as they are, byte for byte; each is answered for the key of the page before it, the first for the empty
    /// key or that of the changes before it. One wrong page and none is taken.
    pub fn add_pages(&mut self, organizer: &str, pages: Vec<Bytes>) -> Result<(), TixngoError> {
        let mut read = Vec::with_capacity(pages.len());
        let known = self.organizers.get(organizer);
        let mut keys = std::collections::BTreeSet::new();
        for (place, whole) in (1..).zip(pages) {
            let wrong = |problem| TixngoError::Wrong { what: "page", place, problem };
            let page = LoadedPage::read(whole).map_err(wrong)?;
            if let Some(key) = &page.next_key {
                let is_known = known.is_some_and(|organizer| organizer.stream.place_of(key).is_some());
                if is_known || key::read(organizer, key).is_ok() || !keys.insert(key.clone()) {
                    let problem =
                        format!("there is a page with the key `{key}` already; reset first, or let it be null");
                    return Err(wrong(problem));
                }
            }
            read.push(page);
        }
        let stream = &mut self.with_room(organizer, read.len())?.stream;
        for page in read {
            stream.push_page(page);
        }
        Ok(())
    }

    /// Lets tickets live: makes new ones and moves those of the same seed on. `tell_box_office` gets what S-360 must know of
    /// the new tickets before anybody can see their changes; if it does not take it, nothing has happened.
    pub fn play(
        &mut self,
        organizer: &str,
        settings: &PlaySettings,
        tell_box_office: impl FnOnce(State) -> Result<(), StateError>,
    ) -> Result<Played, PlayError> {
        settings.check()?;
        let max_records = self.max_records;
        let organizer = self.with_room(organizer, settings.tickets)?;
        let known = organizer.plays.get(&settings.seed).cloned();
        let mut player = known.unwrap_or_else(|| Player::new(settings));
        let Outcome { played, box_office, items } = player.play(settings);
        if organizer.stream.len() + played.tickets > max_records {
            return Err(full(max_records).into());
        }
        tell_box_office(box_office)?;
        organizer.stream.count_coalesced(played.changes - items.len());
        for (id, item) in items {
            organizer.stream.push(Some(id), item);
        }
        organizer.plays.insert(settings.seed, player);
        Ok(played)
    }

    /// At most `limit` items from the `offset`-th on, as they are now, in the order of their changes; loaded pages apart.
    pub fn dump_items(&self, organizer: &str, offset: usize, limit: usize) -> Result<Vec<Value>, TixngoError> {
        let unknown = || TixngoError::NoSuchOrganizer(organizer.to_owned());
        let items = self.organizers.get(organizer).ok_or_else(unknown)?.stream.items().skip(offset).take(limit);
        Ok(items.map(|item| serde_json::from_slice(item).unwrap_or_default()).collect())
    }

    /// The organizer, made if it is new, with room for so many more entries.
    fn with_room(&mut self, code: &str, more: usize) -> Result<&mut Organizer, TixngoError> {
        let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if code.is_empty() || code.len() > MAX_CODE || !code.bytes().all(is_usable) {
            return Err(TixngoError::WrongCode(code.to_owned()));
        }
        let stored = self.organizers.get(code).map(|organizer| organizer.stream.len());
        if stored.is_none() && self.organizers.len() >= MAX_ORGANIZERS {
            return Err(TixngoError::Full(format!("{MAX_ORGANIZERS} organizers")));
        }
        if stored.unwrap_or(0) + more > self.max_records {
            return Err(full(self.max_records));
        }
        Ok(self.organizers.entry(code.to_owned()).or_default())
    }

    /// The organizer of a call's API key.
    fn organizer_of(&self, call: &Call) -> Result<String, Reply> {
        let wrong =
            |status, code: &str| refusal(status, code, "the header X-Tixngo-Key must carry an organizer's API key");
        let key = call.api_key.as_deref().ok_or_else(|| wrong(401, "UNAUTHORIZED"))?;
        let code = if key == TOKEN {
            DEFAULT_ORGANIZER
        } else {
            key.strip_prefix(TOKEN).unwrap_or(key).trim_start_matches(':')
        };
        let is_right = self.organizers.contains_key(code) && Self::api_key(code) == key;
        if is_right { Ok(code.to_owned()) } else { Err(wrong(403, "FORBIDDEN")) }
    }

    fn decide(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Infallible>)> {
        let refuse = |traffic: &mut Traffic, reply| {
            traffic.count_call("none", 0);
            vec![(now, Act::Reply(reply))]
        };
        if call.path != PATH {
            return refuse(&mut self.traffic, refusal(404, "NOT_FOUND", format!("there is no {}", call.path)));
        }
        if call.method != Method::GET {
            let reply = refusal(405, "METHOD_NOT_ALLOWED", "only GET here").with_header("allow", "GET");
            return refuse(&mut self.traffic, reply);
        }
        let code = match self.organizer_of(call) {
            Ok(code) => code,
            Err(reply) => return refuse(&mut self.traffic, reply),
        };
        let Some(organizer) = self.organizers.get_mut(&code) else { return Vec::new() };
        organizer.requests += 1;
        organizer.in_flight += 1;
        organizer.most_in_flight = organizer.most_in_flight.max(organizer.in_flight);

        let mut asked = self.read(&code, call);
        let stream = self.organizers.get(&code).map(|organizer| &organizer.stream);
        let fired = self.faults.draw(now, DIFF, dice, |rule| {
            let holds = |key: &str| match (&asked, stream) {
                (Ok(asked), Some(stream)) => answers(stream, asked, key),
                _ => false,
            };
            rule.dedupe_key.as_deref().is_none_or(holds)
                && match &rule.knob {
                    Knob::KeepAliveClosed {} => call.reused_connection,
                    Knob::EmptyPage { from_page, .. } => *from_page == 1,
                    _ => true,
                }
        });
        if page::ignores_key(&fired.twists)
            && let Ok(asked) = &mut asked
        {
            asked.place = 0;
        }
        let delay = page::draw_delay(&fired.twists, dice);
        let reply = match (asked, stream) {
            (Ok(asked), Some(stream)) => {
                let mut page = Page::cut(stream, &asked, |place| key::write(&code, place));
                page.twist(&fired.twists, stream, &asked, dice);
                self.traffic.count_call(DIFF, page.len());
                self.traffic.count_rows(DIFF, page.len());
                page.into_reply()
            }
            (Err(refused), _) => {
                self.traffic.count_call(DIFF, 0);
                refused
            }
            (_, None) => return Vec::new(),
        };
        lay_out(now, delay, fired.outcome.as_ref(), Work { reply, effect: None }, refuse_for_fault)
    }

    /// Reads limit and key.
    fn read<'a>(&self, code: &str, call: &'a Call) -> Result<Asked<'a>, Reply> {
        let (mut limit, mut key) = (None, None);
        for (name, value) in &call.query {
            let seen = match name.as_str() {
                "limit" => limit.replace(value),
                "paginationKey" => key.replace(value),
                _ => {
                    let message = format!("there is no parameter `{name}`, only `limit` and `paginationKey`");
                    return Err(refusal(400, "UNKNOWN_PARAMETER", message));
                }
            };
            if seen.is_some() {
                return Err(refusal(400, "INVALID_PARAMETER", format!("`{name}` is given twice")));
            }
        }
        let fits = |limit: &usize| (1..=MAX_LIMIT).contains(limit);
        let limit = limit.map_or(Some(USUAL_LIMIT), |limit| limit.parse().ok().filter(fits));
        let limit =
            limit.ok_or_else(|| refusal(400, "INVALID_LIMIT", format!("`limit` must be from 1 to {MAX_LIMIT}")))?;
        let place = key.map_or(Ok(0), |key| self.place_of(code, key))?;
        Ok(Asked { limit, key: key.map(String::as_str), place })
    }

    fn place_of(&self, code: &str, key: &str) -> Result<u64, Reply> {
        let foreign = || refusal(400, "FOREIGN_KEY", "`paginationKey` is a key of another organizer");
        let malformed = || refusal(400, "MALFORMED_KEY", "`paginationKey` is no key that was given out");
        let given = |organizer: &Organizer| organizer.stream.place_of(key);
        if let Some(place) = self.organizers.get(code).and_then(given) {
            return Ok(place);
        }
        let last = self.organizers.get(code).map_or(0, |organizer| organizer.stream.last());
        match key::read(code, key) {
            Ok(place) if place <= last => Ok(place),
            Err(WrongKey::Foreign) => Err(foreign()),
            Err(WrongKey::Malformed) if self.organizers.values().any(|other| given(other).is_some()) => Err(foreign()),
            _ => Err(malformed()),
        }
    }
}

fn full(max_records: usize) -> TixngoError {
    TixngoError::Full(format!("{max_records} tickets and pages per organizer"))
}

/// Whether the page has an item of this ticket.
fn answers(stream: &Stream, asked: &Asked<'_>, ticket: &str) -> bool {
    stream.after(asked.place).take(asked.limit).any(|(_, entry)| match entry {
        Entry::Change { ticket_id, .. } => ticket_id.as_deref() == Some(ticket),
        Entry::Page(page) => page
            .items
            .iter()
            .any(|item| serde_json::from_slice(item).is_ok_and(|item: Value| item["ticketId"] == ticket)),
    })
}

impl StandIn for TixngoModel {
    type Effect = Infallible;

    fn handle(&mut self, now: Millis, call: &Call, dice: &mut dyn Rng) -> Vec<(Millis, Act<Infallible>)> {
        let acts = self.decide(now, call, dice);
        self.traffic.count_answer(&acts);
        acts
    }

    fn commit(&mut self, _at: Millis, effect: Infallible) {
        match effect {}
    }

    fn ended(&mut self, call: &Call) {
        let is_diff = call.path == PATH && call.method == Method::GET;
        let code = self.organizer_of(call).ok().filter(|_| is_diff);
        if let Some(organizer) = code.and_then(|code| self.organizers.get_mut(&code)) {
            organizer.in_flight = organizer.in_flight.saturating_sub(1);
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.max_records);
    }
}
