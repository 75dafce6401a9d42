//! How the platforms are, in words, and what an operator must know of.

use std::time::Duration;

use serde::Serialize;
use ticketbridge_config::Config;
use ticketbridge_config::sections::PlatformKind;
use ticketbridge_core::delivery::{PlatformStatus, Status, Stop};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, PlatformName};
use ticketbridge_store::{Store, StoreError};
use utoipa::ToSchema;

use crate::platforms::PlatformSet;

/// A platform that tickets or work orders live on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlatformView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: PlatformName,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: PlatformKind,
    /// Nothing is wrong that we know of.
    pub well: bool,
    /// How it is, in one line.
    pub summary: String,
    /// The backends that use it.
    #[schema(value_type = Vec<String>)]
    pub backends: Vec<BackendName>,
    /// The breaker is open for so many seconds; null: it is closed.
    pub breaker_open_seconds: Option<u64>,
    /// The platform asked for a pause, which ends in so many seconds.
    pub paused_seconds: Option<u64>,
    /// Requests in flight.
    pub in_flight: usize,
    /// Requests that may be in flight now.
    pub in_flight_limit: usize,
    /// Operations that are held back.
    pub held: Vec<HeldOperation>,
    /// Why no ticket is created there until an operator says so.
    pub creating_stopped: Option<Stop>,
    /// Worst time that a create took to become visible to the look-up, in seconds.
    pub index_lag_seconds: Option<f64>,
}

/// An operation that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldOperation {
    /// The operation.
    pub operation: Operation,
    /// Why, in the platform's words.
    pub why: String,
}

/// Something that an operator must know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemView {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// The platform it is about.
    #[schema(value_type = String)]
    pub platform: PlatformName,
    /// Its error code.
    pub code: String,
    /// What it is about: a dedupe key, or empty for the platform as a whole.
    pub about: String,
    /// What was seen and what to do.
    pub text: String,
}

/// Every platform that tickets or work orders live on. `status`: delivery's snapshot; `None`: delivery has ended.
pub fn platforms(config: &Config, set: &PlatformSet, status: Option<&Status>) -> Vec<PlatformView> {
    let of_tickets = config.platforms.iter().filter(|(_, platform)| platform.kind().carries_tickets());
    let views = of_tickets.map(|(name, platform)| {
        let snapshot = status.and_then(|status| status.platforms.get(name));
        let using = config.backends.iter().filter(|backend| backend.tickets == *name || backend.work_orders == *name);
        let unusable = set.usable(name).err();
        let well = unusable.is_none() && snapshot.is_some_and(|snapshot| snapshot.well);
        let held = snapshot.map(|snapshot| &snapshot.held).into_iter().flatten();
        PlatformView {
            name: name.clone(),
            kind: platform.kind(),
            well,
            summary: summary(unusable.as_deref(), snapshot),
            backends: using.map(|backend| backend.name.clone()).collect(),
            breaker_open_seconds: snapshot.and_then(|snapshot| snapshot.breaker_open_for).map(|span| span.as_secs()),
            paused_seconds: snapshot.and_then(|snapshot| snapshot.paused_for).map(|span| span.as_secs()),
            in_flight: snapshot.map_or(0, |snapshot| snapshot.in_flight.0),
            in_flight_limit: snapshot.map_or(0, |snapshot| snapshot.in_flight.1),
            held: held.map(|(operation, why)| HeldOperation { operation: *operation, why: why.clone() }).collect(),
            creating_stopped: snapshot.and_then(|snapshot| snapshot.stopped.clone()),
            index_lag_seconds: snapshot.and_then(|snapshot| snapshot.lag).map(|lag| lag.as_secs_f64()),
        }
    });
    views.collect()
}

/// Problems that were reported, newest first.
pub async fn problems(store: &dyn Store, limit: usize) -> Result<Vec<ProblemView>, StoreError> {
    let problems = store.problems(limit).await?.into_iter().map(|problem| ProblemView {
        at: problem.at.to_rfc3339(),
        platform: problem.platform,
        code: problem.code,
        about: problem.about,
        text: problem.text,
    });
    Ok(problems.collect())
}

fn summary(unusable: Option<&str>, snapshot: Option<&PlatformStatus>) -> String {
    if let Some(why) = unusable {
        return format!("cannot be used: {why}");
    }
    let Some(status) = snapshot else { return String::from("delivery has ended: nothing is sent") };
    let words = |span: Duration| format!("{} s", span.as_secs());
    if let Some(stop) = &status.stopped {
        return format!("creating stopped ({}): {}", stop.code, stop.text);
    }
    if let Some(open) = status.breaker_open_for {
        return format!("does not answer properly for {}, only probes go there (TB0201): {}", words(open), status.why);
    }
    if let Some((operation, why)) = status.held.iter().next() {
        return format!("{operation} is held back, a single ticket tries it now and then: {why}");
    }
    if let Some(pause) = status.paused_for {
        return format!("paused at its own wish for {} more", words(pause));
    }
    if status.well { String::from("well") } else { format!("cannot be used: {}", status.why) }
}
