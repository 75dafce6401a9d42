//! Points of one object, in time order, to incidents: hysteresis (telecom contract §5.2).

use super::limits::KpiLimits;
use super::severity::Severity;
use super::value::Value;
use crate::network::evaluation::Incident;
use crate::network::settings::{Settings, Thousandths};
use crate::network::topology::ChannelIndex;
use crate::network::{KpiFile, Modulation, Timestamp};

/// One valid point of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) value: Value,
    /// The modulation it is judged by; `None` for utilisation.
    pub(super) modulation: Option<Modulation>,
    /// The channel with the worst value at that instant.
    pub(super) channel: ChannelIndex,
}

/// A critical point that may turn out to be the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Worst {
    pub(super) at: Timestamp,
    pub(super) value: Value,
    pub(super) modulation: Option<Modulation>,
    pub(super) threshold: Thousandths,
    /// `None`: from before the horizon, named in the stored incident.
    pub(super) channel: Option<ChannelIndex>,
}

/// An incident before it has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) opened_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) worst: Worst,
}

/// The newest point of an object, without its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) at: Timestamp,
    pub(super) value: Value,
    pub(super) modulation: Option<Modulation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Watching { run: u32, since: Timestamp, worst: Option<Worst> },
    Open { breach: Breach, run: u32, since: Timestamp },
}

pub(super) const WATCHING: State = State::Watching { run: 0, since: Timestamp(0), worst: None };

/// What is the same for all objects of a KPI.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) kpi: KpiFile,
    pub(super) limits: KpiLimits,
    pub(super) open_after: u32,
    pub(super) close_after: u32,
    stale_after: i64,
    window_start: Timestamp,
    as_of: Timestamp,
}

impl Rules {
    pub(super) fn new(kpi: KpiFile, settings: &Settings, as_of: Timestamp) -> Self {
        Self {
            kpi,
            limits: KpiLimits::new(kpi, settings),
            open_after: settings.open_after.max(1),
            close_after: settings.close_after.max(1),
            stale_after: settings.stale_after(),
            window_start: as_of.plus_seconds(-settings.window_s()),
            as_of,
        }
    }
}

/// State of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fold {
    pub(super) state: State,
    pub(super) closed: Vec<Breach>,
    pub(super) last: Option<Last>,
    /// Critical points of the window, for `count_mode = samples`.
    pub(super) critical_points: u64,
}

impl Fold {
    /// Begins with nothing known, or within an incident whose first samples are not stored any more.
    pub(super) fn new(open: Option<Breach>) -> Self {
        let state = open.map_or(WATCHING, |breach| State::Open { breach, run: 0, since: Timestamp(0) });
        Self { state, closed: Vec::new(), last: None, critical_points: 0 }
    }

    /// Takes the next point. Points come in time order and none is later than `as_of`.
    pub(super) fn push(&mut self, point: Point, rules: &Rules) {
        let limits = rules.limits.of(point.modulation);
        let is_critical = limits.is_critical(point.value);
        if is_critical && point.at > rules.window_start {
            self.critical_points += 1;
        }
        self.last = Some(Last { at: point.at, value: point.value, modulation: point.modulation });
        let candidate = Worst {
            at: point.at,
            value: point.value,
            modulation: point.modulation,
            threshold: limits.critical(),
            channel: Some(point.channel),
        };
        match &mut self.state {
            State::Watching { .. } if !is_critical => self.state = WATCHING,
            State::Watching { run, since, worst } => {
                *run += 1;
                let begin = if *run == 1 { point.at } else { *since };
                *since = begin;
                let deepest = deeper(rules.kpi, *worst, candidate);
                *worst = Some(deepest);
                if *run >= rules.open_after {
                    let breach = Breach { opened_at: begin, closed_at: None, worst: deepest };
                    self.state = State::Open { breach, run: 0, since: begin };
                }
            }
            State::Open { breach, run, since } => {
                if is_critical {
                    breach.worst = deeper(rules.kpi, Some(breach.worst), candidate);
                }
                if !limits.is_clear(point.value) {
                    *run = 0;
                    return;
                }
                *run += 1;
                if *run == 1 {
                    *since = point.at;
                }
                if *run >= rules.close_after {
                    self.closed.push(Breach { closed_at: Some(*since), ..*breach });
                    self.state = WATCHING;
                }
            }
        }
    }

    /// All incidents, in time order, the open one last.
    pub(super) fn breaches(&self) -> impl Iterator<Item = Breach> {
        let open = match self.state {
            State::Open { breach, .. } => Some(breach),
            State::Watching { .. } => None,
        };
        self.closed.iter().copied().chain(open)
    }

    /// Severity of the object now (telecom contract §5.4).
    pub(super) fn severity(&self, rules: &Rules) -> Severity {
        match self.last {
            Some(last) if rules.as_of.0 - last.at.0 <= rules.stale_after => match self.state {
                State::Open { .. } => Severity::Critical,
                State::Watching { .. } => rules.limits.of(last.modulation).below_critical(last.value),
            },
            _ => Severity::Timeout,
        }
    }
}

pub(super) fn deeper(kpi: KpiFile, known: Option<Worst>, candidate: Worst) -> Worst {
    match known {
        Some(known) if !Incident::is_worse(kpi, candidate.value, known.value) => known,
        _ => candidate,
    }
}
