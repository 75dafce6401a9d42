//! What people may see of the state machine at any moment.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Delivery;
use super::event::Stop;
use super::platform::Breaker;
use super::rows::Phase;
use crate::effect::Operation;
use crate::ticket::{OriginId, PlatformName};
use crate::time::Mono;

/// A snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// Per platform.
    pub platforms: BTreeMap<PlatformName, PlatformStatus>,
    /// Rows in memory by what they wait for.
    pub waiting: BTreeMap<&'static str, usize>,
    /// The one in memory that came in first, without those that are set aside.
    pub oldest: Option<OriginId>,
}

/// One platform.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlatformStatus {
    /// Nothing is wrong that we know of.
    pub well: bool,
    /// Why it cannot be used, is paused or shut; empty if well.
    pub why: String,
    /// The breaker is open, for so long.
    pub breaker_open_for: Option<Duration>,
    /// Paused by the platform's own wish, for so long.
    pub paused_for: Option<Duration>,
    /// Requests in flight, and how many may be.
    pub in_flight: (usize, usize),
    /// Operations held back, and why.
    pub held: BTreeMap<Operation, String>,
    /// Creating stopped.
    pub stopped: Option<Stop>,
    /// Worst index lag learned.
    pub lag: Option<Duration>,
}

impl Delivery {
    /// A snapshot for people; decides nothing.
    pub fn status(&self, now: Mono) -> Status {
        let platforms = self.platforms.iter().map(|(name, platform)| {
            let open = match platform.breaker {
                Breaker::Closed => None,
                Breaker::Open { since, .. } | Breaker::Probing { since } => Some(now.since(since)),
            };
            let paused = platform.paused_until.filter(|until| *until > now).map(|until| until.since(now));
            let unusable = platform.settings.unusable.clone().unwrap_or_default();
            let why = if !unusable.is_empty() {
                unusable
            } else if let Some(stop) = &platform.stopped {
                stop.text.clone()
            } else if open.is_some() {
                platform.last_failure.clone()
            } else {
                platform.gates.values().next().map(|gate| gate.why.clone()).unwrap_or_default()
            };
            let status = PlatformStatus {
                well: why.is_empty() && platform.settings.capabilities.is_some(),
                why,
                breaker_open_for: open,
                paused_for: paused,
                in_flight: (platform.in_flight, platform.window()),
                held: platform.gates.iter().map(|(operation, gate)| (*operation, gate.why.clone())).collect(),
                stopped: platform.stopped.clone(),
                lag: platform.learned_lag(),
            };
            (name.clone(), status)
        });
        let mut waiting = BTreeMap::new();
        for (id, entry) in &self.rows {
            let what = match entry.phase {
                Phase::New | Phase::Committing => "committing",
                Phase::Behind => "behind another of its key",
                Phase::Aside => "set aside",
                Phase::Waiting(_) => "back-off",
                Phase::Matching(_) => "matching",
                Phase::Ready if !self.processing(&entry.row.backend) => "processing off",
                Phase::Ready => "ready",
                Phase::InFlight(_) => "in flight",
                Phase::InDoubt if self.doubts.get(id).is_some_and(|doubt| doubt.held) => "held for an operator",
                Phase::InDoubt => "in doubt",
            };
            *waiting.entry(what).or_default() += 1;
        }
        let in_work = self.rows.values().filter(|entry| !matches!(entry.phase, Phase::Aside));
        let oldest = in_work.min_by_key(|entry| entry.row.id).map(|entry| entry.row.origin);
        Status { platforms: platforms.collect(), waiting, oldest }
    }
}
