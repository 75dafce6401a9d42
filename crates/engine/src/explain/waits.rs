//! Each wait of a ticket, its length, and why. Pure but for [`Circumstances::gather`].
//!
//! A wait is the time between two requests, before the first, after the last, or between an unclear answer and the
//! look-up that resolved it. It is told if it took a second, or if there is more to say of it than "its turn".

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use ticketbridge_config::Config;
use ticketbridge_core::delivery::Settled;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, PlatformName, State};
use ticketbridge_core::time::Wall;
use ticketbridge_store::exchanges::{EventKind, PlatformEvent};
use ticketbridge_store::{Page, Store, StoreError, TicketFilter, TicketView};

use crate::view::{Moment, TimelineEntry, backends};

/// A wait without a reason of its own is told from this length on.
const WORTH_TELLING: Duration = Duration::from_secs(1);
/// Rows of the same key that are looked at.
const NEIGHBOURS: usize = 20;

/// A wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wait {
    /// `wait`.
    pub entry: &'static str,
    /// When it began.
    pub at: String,
    /// When it was over; null: it is not.
    pub until: Option<String>,
    /// Its length so far, in seconds.
    pub seconds: f64,
    /// Why, at least one.
    pub reasons: Vec<Reason>,
}

/// A reason of a wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Which.
    pub why: Why,
    /// For people.
    pub text: String,
}

/// Reasons of waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A pause after a refusal, or after a request that the platform could not take.
    BackOff,
    /// The platform did not answer properly.
    Outage,
    /// The platform asked for a pause.
    Paused,
    /// The effect of a request was unclear until a look-up counted.
    InDoubt,
    /// Another row of its key came first.
    Behind,
    /// Its backend was switched off.
    ProcessingOff,
    /// The operation, or creating as a whole, was held back on the platform.
    Held,
    /// An operator had to decide.
    Operator,
    /// The service was not running.
    ServiceDown,
    /// It was to be compared with the open tickets.
    Matching,
    /// Its turn had not come.
    Turn,
}

/// All that waits are explained by.
pub(super) struct Circumstances<'a> {
    pub(super) view: &'a TicketView,
    pub(super) moments: &'a [Moment],
    pub(super) events: &'a [PlatformEvent],
    pub(super) now: Wall,
    /// Platform of the work orders of its backend.
    pub(super) work_orders: Option<PlatformName>,
    pub(super) max_retries: u32,
    pub(super) processing: bool,
    /// When the last exchange of a batch ended, as far as it is kept.
    pub(super) answered: &'a BTreeMap<i64, Wall>,
    /// Rows of its key on its platform that came before it: (id, state, when they were last written), newest first.
    pub(super) before_it: Vec<(String, State, Wall)>,
}

/// Something that lasted.
#[derive(Debug, Clone)]
pub(super) struct Interval {
    pub(super) from: Wall,
    /// `None`: it still lasts.
    pub(super) until: Option<Wall>,
    pub(super) text: String,
}

impl Interval {
    fn touches(&self, from: Wall, to: Wall) -> bool {
        self.from < to && self.until.is_none_or(|until| until > from)
    }

    fn words(&self) -> String {
        match self.until {
            Some(until) => format!("from {} until {}", self.from.to_rfc3339(), until.to_rfc3339()),
            None => format!("since {}", self.from.to_rfc3339()),
        }
    }
}

impl<'a> Circumstances<'a> {
    pub(super) async fn gather(
        config: &Config,
        store: &dyn Store,
        view: &'a TicketView,
        moments: &'a [Moment],
        events: &'a [PlatformEvent],
        answered: &'a BTreeMap<i64, Wall>,
        now: Wall,
    ) -> Result<Self, StoreError> {
        let backend = backends(config, store).await?.into_iter().find(|found| found.backend.name == view.row.backend);
        let backend = backend.map(|found| found.backend);
        let first = moments.iter().find(|moment| matches!(moment.entry, TimelineEntry::Request { .. }));
        let waited = first.map_or(now, |first| first.at).since(view.body.received_at);
        // Keys have no index: the rows before it are looked for only where they may explain something.
        let before_it = if waited >= WORTH_TELLING { before_it(store, view).await? } else { Vec::new() };
        Ok(Self {
            view,
            moments,
            events,
            now,
            answered,
            work_orders: backend.as_ref().map(|backend| backend.work_orders.clone()),
            max_retries: backend.as_ref().map_or(0, |backend| backend.max_retries),
            processing: backend.is_none_or(|backend| backend.processing),
            before_it,
        })
    }

    /// Every wait worth telling, with its begin, by time.
    pub(super) fn waits(&self) -> Vec<(Wall, Wait)> {
        let mut waits = Vec::new();
        for (place, moment) in self.moments.iter().enumerate() {
            let next = self.moments.get(place + 1);
            if let Some(doubt) = self.doubt(moment) {
                waits.push(doubt);
            }
            let Some(from) = moment.over else { continue };
            let state = self.state_after(place);
            if matches!(state, State::Completed | State::Dismissed) {
                continue;
            }
            let to = next.map(|next| next.at);
            let reasons = self.reasons(place, state, from, to);
            let is_telling = reasons.iter().any(|reason| !matches!(reason.why, Why::Matching | Why::Turn));
            if is_telling || to.unwrap_or(self.now).since(from) >= WORTH_TELLING {
                waits.push(self.wait(from, to, reasons));
            }
        }
        waits
    }

    fn wait(&self, from: Wall, until: Option<Wall>, reasons: Vec<Reason>) -> (Wall, Wait) {
        let wait = Wait {
            entry: "wait",
            at: from.to_rfc3339(),
            until: until.map(Wall::to_rfc3339),
            seconds: until.unwrap_or(self.now).since(from).as_millis() as f64 / 1000.0,
            reasons,
        };
        (from, wait)
    }

    /// The doubt behind a request whose outcome a look-up told, or whose outcome is missing.
    fn doubt(&self, moment: &Moment) -> Option<(Wall, Wait)> {
        let TimelineEntry::Request { batch, known_by, outcome, message, .. } = &moment.entry else { return None };
        let text = match (outcome, known_by) {
            (Some(outcome), Some(Settled::LookUp)) => {
                let end = if *outcome == "applied" { "it had been done" } else { "it had not been done" };
                let words = message.as_deref().map(|words| format!(" ({words})")).unwrap_or_default();
                format!("its answer was missing or unclear; looked up until that counted: {end}{words}")
            }
            (None, _) if self.is_in_doubt() => {
                String::from("its answer is missing or unclear; looked up until that counts")
            }
            _ => return None,
        };
        let since = self.answered.get(batch).copied().unwrap_or(moment.at);
        Some(self.wait(since, moment.over, vec![Reason { why: Why::InDoubt, text }]))
    }

    /// Its last request has no outcome, and not because it is still on the wire.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.view.row.reason.as_deref().is_some_and(|reason| reason.starts_with("unclear answer"))
            || self
                .moments
                .last()
                .is_some_and(|last| last.over.is_none() && self.now.since(last.at) > super::next::LONG)
    }

    /// Where it stood after this.
    fn state_after(&self, place: usize) -> State {
        let is_last = place + 1 == self.moments.len();
        match self.moments.get(place).map(|moment| &moment.entry) {
            _ if is_last => self.view.row.state,
            Some(TimelineEntry::Request { next_state: Some(state), .. }) => *state,
            Some(TimelineEntry::Act { act: "dismiss", .. }) => State::Dismissed,
            Some(TimelineEntry::Act { act: "complete", .. }) => State::Completed,
            Some(TimelineEntry::Act { act: "fail", .. }) => State::Error,
            // What follows tells what it waited for.
            _ => State::Matching,
        }
    }

    fn reasons(&self, place: usize, state: State, from: Wall, to: Option<Wall>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut add = |why, text: String| reasons.push(Reason { why, text });
        let end = to.unwrap_or(self.now);
        if state == State::Error {
            add(Why::Operator, String::from("in Error: an operator has to decide"));
            return reasons;
        }
        if let Some(text) = self.back_off(place) {
            add(Why::BackOff, text);
        }
        for about in self.places(place, state) {
            for outage in self.intervals(about, EventKind::BreakerOpened, &[EventKind::BreakerClosed], true) {
                if outage.touches(from, end) {
                    let text = format!("`{about}` did not answer properly {}: {}", outage.words(), outage.text);
                    add(Why::Outage, text);
                }
            }
            for pause in self.pauses(about).filter(|pause| pause.touches(from, end)) {
                add(Why::Paused, format!("`{about}` asked for a pause {}", pause.words()));
            }
            for off in self.intervals(about, EventKind::ProcessingOff, &[EventKind::ProcessingOn], false) {
                if off.touches(from, end) {
                    add(Why::ProcessingOff, format!("backend `{about}` was switched off {}", off.words()));
                }
            }
            for held in self.holds(about).filter(|held| held.touches(from, end)) {
                add(Why::Held, format!("`{about}` {}: {}", held.words(), held.text));
            }
        }
        if place == 0 {
            for (id, other, written_at) in &self.before_it {
                if other.is_open() || *written_at > from {
                    add(Why::Behind, format!("ticket {id} of the same key came first (it is {other} now)"));
                }
            }
        }
        for down in self.downtimes().filter(|down| down.touches(from, end)) {
            add(Why::ServiceDown, format!("the service was not running {}", down.words()));
        }
        if reasons.is_empty() {
            if self.is_moved_after(place) {
                let text = String::from("for its turn on the backend that it had then");
                reasons.push(Reason { why: Why::Turn, text });
            } else if matches!(state, State::Received | State::Matching | State::CreatingTicket) {
                let text = format!("to be compared with the open tickets of `{}`", self.view.platform);
                reasons.push(Reason { why: Why::Matching, text });
            } else {
                reasons.push(Reason { why: Why::Turn, text: String::from("until its turn came") });
            }
        }
        reasons
    }

    /// The pause after a request that brought nothing.
    fn back_off(&self, place: usize) -> Option<String> {
        let TimelineEntry::Request { outcome, operation, .. } = &self.moments.get(place)?.entry else { return None };
        match *outcome {
            Some("refused") => {
                let refused = self.refusals_up_to(place, *operation);
                Some(format!("back-off after refusal {refused} of {} that {operation} may have", self.max_retries + 1))
            }
            Some("unavailable") => Some(String::from(
                "back-off: the platform did nothing, and the ticket is not at fault (no attempt used)",
            )),
            _ => None,
        }
    }

    /// Refusals of an operation since the last retry.
    fn refusals_up_to(&self, place: usize, wanted: Operation) -> usize {
        let mut count = 0;
        for moment in self.moments.iter().take(place + 1) {
            match &moment.entry {
                TimelineEntry::Act { act: "retry", .. } => count = 0,
                TimelineEntry::Request { operation, outcome: Some("refused"), .. } if *operation == wanted => {
                    count += 1;
                }
                _ => {}
            }
        }
        count
    }

    /// The platform that what follows goes to, and its backend. Before it was moved to another backend it had one that is
    /// not written down: then everything that something happened to.
    fn places(&self, place: usize, state: State) -> BTreeSet<&str> {
        if self.is_moved_after(place) {
            return self.events.iter().map(|event| event.about.as_str()).filter(|about| !about.is_empty()).collect();
        }
        let platform = match self.moments.get(place + 1).map(|moment| &moment.entry) {
            Some(TimelineEntry::Request { platform, .. }) => platform,
            _ => self.platform_for(state),
        };
        [platform.as_str(), self.view.row.backend.as_str()].into_iter().collect()
    }

    fn is_moved_after(&self, place: usize) -> bool {
        let after = self.moments.iter().skip(place + 1);
        after.into_iter().any(|moment| matches!(moment.entry, TimelineEntry::Act { act: "reassign", .. }))
    }

    /// The platform that a ticket in this state waits for.
    pub(super) fn platform_for(&self, state: State) -> &PlatformName {
        match (state, &self.work_orders) {
            (State::CreatingWorkOrder, Some(platform)) => platform,
            _ => &self.view.platform,
        }
    }

    /// What lasted from one event to another. `ends_with_process`: a new start ends it, too.
    pub(super) fn intervals(
        &self,
        about: &str,
        begin: EventKind,
        ends: &[EventKind],
        ends_with_process: bool,
    ) -> Vec<Interval> {
        let mut found: Vec<Interval> = Vec::new();
        for event in self.events {
            let is_about = event.about == about;
            let open = found.last_mut().filter(|last| last.until.is_none());
            if is_about && event.kind == begin {
                if open.is_none() {
                    found.push(Interval { from: event.at, until: None, text: event.text.clone() });
                }
                continue;
            }
            let ends = (is_about && ends.contains(&event.kind))
                || (ends_with_process && matches!(event.kind, EventKind::Started | EventKind::Stopped));
            if let Some(open) = open.filter(|_| ends) {
                open.until = Some(event.at);
            }
        }
        found
    }

    fn pauses<'s>(&'s self, about: &'s str) -> impl Iterator<Item = Interval> + 's {
        let of = self.events.iter().filter(move |event| event.kind == EventKind::Paused && event.about == about);
        of.map(|event| Interval { from: event.at, until: event.until, text: String::new() })
    }

    /// Operations held back and creating stopped. How long an operation was held is not known: an hour is taken.
    pub(super) fn holds<'s>(&'s self, about: &'s str) -> impl Iterator<Item = Interval> + 's {
        let of = self.events.iter().filter(move |event| event.kind == EventKind::OperationHeld && event.about == about);
        let held = of.map(|event| Interval {
            from: event.at,
            until: Some(event.at.after(Duration::from_hours(1)).min(self.now)),
            text: format!("held back {}", event.text),
        });
        let stopped = self.intervals(about, EventKind::CreatingStopped, &[EventKind::CreatingResumed], false);
        held.chain(stopped.into_iter().map(|one| Interval { text: format!("creating stopped: {}", one.text), ..one }))
    }

    /// From a stop in order to the next start. A process that was killed leaves no trace of when it ended.
    fn downtimes(&self) -> impl Iterator<Item = Interval> {
        self.intervals("", EventKind::Stopped, &[EventKind::Started], false).into_iter()
    }

    /// The name of its backend.
    pub(super) fn backend(&self) -> &BackendName {
        &self.view.row.backend
    }
}

async fn before_it(store: &dyn Store, view: &TicketView) -> Result<Vec<(String, State, Wall)>, StoreError> {
    let filter = TicketFilter { key: Some(view.row.key.clone()), ..TicketFilter::default() };
    let rows = store.tickets(&filter, Page { before: Some(view.row.id), limit: NEIGHBOURS }).await?;
    let same = rows.into_iter().filter(|other| other.platform == view.platform);
    Ok(same.map(|other| (other.row.origin.to_string(), other.row.state, other.updated_at)).collect())
}
