//! Every number and name of the telecom contract that an operator may change, under its contract name.
//!
//! Guarantee: [`Settings::default`] is the contract's default and passes [`Settings::check`]; unknown keys are errors.

mod bands;
mod check;
mod modes;
mod templates;
mod thousandths;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bands::{Band, Bands, SnrBands};
pub use check::SettingsError;
pub use modes::{CountMode, GroupBy, UtilMode};
pub use templates::{Templates, Texts};
pub use thousandths::Thousandths;

pub(super) use templates::render;

use super::Aggregation;

/// The `[workflow]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Name of this workflow manager, in `source.instance` of its tickets.
    pub instance: String,
    /// Length of the window behind `as_of`, in hours (§1).
    pub window_h: u32,
    /// How long samples and reported incident ids are kept, in hours (§3.4, §7.4).
    pub retention_h: u32,
    /// How far ahead of the clock a row may be, in seconds (§3.4).
    pub future_tolerance_s: u32,
    /// Usual distance of two samples, in seconds (§5.4).
    pub sample_interval_s: u32,
    /// Age of the last point from which an object is stale, in seconds. Absent: 2 × `sample_interval_s` (§5.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after_s: Option<u32>,
    /// A topology load that drops more than this share of the groups or channels waits for a confirmation (§4.2).
    pub max_topology_shrink_pct: u8,
    /// Consecutive critical points that open an incident (§5.2).
    pub open_after: u32,
    /// Consecutive clear points that close it (§5.2).
    pub close_after: u32,
    /// dB above critical that count as clear (§5.1).
    pub clear_offset_snr_db: Thousandths,
    /// Percent below critical that count as clear (§5.1).
    pub clear_offset_util_pct: Thousandths,
    /// Value of a service group at one instant (§5.2).
    pub util_mode: UtilMode,
    /// What is counted in the window (§5.3).
    pub count_mode: CountMode,
    /// Thresholds (§5.1).
    pub bands: Bands,
    /// What a row of the SNR aggregation is (§6).
    pub group_by: GroupBy,
    /// Incidents that make a ticket (§7.1).
    pub min_incidents: u32,
    /// Modems a group needs to get a ticket; 0: any, and an unknown number always passes (§7.1).
    pub min_cm: u64,
    /// Ticket kind per aggregation (§7.2).
    pub kind_by_aggregation: KindByAggregation,
    /// A message on every run, also without news (§7.4).
    pub note_every_run: bool,
    /// Texts of the tickets (§7.5).
    pub templates: Templates,
    /// How long a key stays with a backend that is away, in seconds (§7.6).
    pub reassign_after_s: u32,
}

/// Ticket kind per aggregation. Two aggregations of one kind make one ticket per service group (§7.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KindByAggregation {
    /// Of the SNR Upstream Aggregation.
    pub snr_upstream: String,
    /// Of the US Service Group Aggregation.
    pub us_service_group: String,
    /// Of the DS Service Group Aggregation.
    pub ds_service_group: String,
}

impl KindByAggregation {
    /// The kind of one aggregation's tickets.
    pub fn of(&self, aggregation: Aggregation) -> &str {
        match aggregation {
            Aggregation::SnrUpstream => &self.snr_upstream,
            Aggregation::UsServiceGroup => &self.us_service_group,
            Aggregation::DsServiceGroup => &self.ds_service_group,
        }
    }
}

impl Default for KindByAggregation {
    fn default() -> Self {
        Self {
            snr_upstream: "SNR".into(),
            us_service_group: "Falla de Linea".into(),
            ds_service_group: "Falla de Linea".into(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            instance: "wm-1".into(),
            window_h: 24,
            retention_h: 168,
            future_tolerance_s: 300,
            sample_interval_s: 900,
            stale_after_s: None,
            max_topology_shrink_pct: 20,
            open_after: 2,
            close_after: 2,
            clear_offset_snr_db: Thousandths(3_000),
            clear_offset_util_pct: Thousandths(5_000),
            util_mode: UtilMode::Mean,
            count_mode: CountMode::Incidents,
            bands: Bands::default(),
            group_by: GroupBy::UsServiceGroup,
            min_incidents: 1,
            min_cm: 0,
            kind_by_aggregation: KindByAggregation::default(),
            note_every_run: false,
            templates: Templates::default(),
            reassign_after_s: 900,
        }
    }
}

impl Settings {
    /// `window_h` in seconds.
    pub fn window_s(&self) -> i64 {
        i64::from(self.window_h) * 3_600
    }

    /// `retention_h` in seconds.
    pub fn retention_s(&self) -> i64 {
        i64::from(self.retention_h) * 3_600
    }

    /// `stale_after_s`, or 2 × `sample_interval_s` where it is absent.
    pub fn stale_after(&self) -> i64 {
        i64::from(self.stale_after_s.unwrap_or_else(|| self.sample_interval_s.saturating_mul(2)))
    }
}
