//! Thresholds, ready to be compared with (telecom contract §5.1).

use std::cmp::Ordering;

use super::severity::Severity;
use super::value::Value;
use crate::network::settings::{Band, Settings, Thousandths};
use crate::network::{KpiFile, Modulation};

/// The thresholds of one KPI and modulation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    is_snr: bool,
    band: Band,
    clear: Thousandths,
}

impl Limits {
    fn new(kpi: KpiFile, band: Band, settings: &Settings) -> Self {
        let is_snr = kpi == KpiFile::UsChannelSnr;
        let clear = if is_snr {
            band.critical.0.saturating_add(settings.clear_offset_snr_db.0)
        } else {
            band.critical.0.saturating_sub(settings.clear_offset_util_pct.0)
        };
        Self { is_snr, band, clear: Thousandths(clear) }
    }

    /// The critical threshold.
    pub(super) fn critical(&self) -> Thousandths {
        self.band.critical
    }

    /// What incidents depend on: the critical threshold and the clear level.
    pub(super) fn edges(&self) -> (Thousandths, Thousandths) {
        (self.band.critical, self.clear)
    }

    /// SNR: strictly below. Utilisation: at or above.
    fn meets(&self, value: Value, threshold: Thousandths) -> bool {
        let order = value.compare(threshold);
        if self.is_snr { order == Ordering::Less } else { order != Ordering::Less }
    }

    pub(super) fn is_critical(&self, value: Value) -> bool {
        self.meets(value, self.band.critical)
    }

    /// SNR: at or above the clear level. Utilisation: strictly below.
    pub(super) fn is_clear(&self, value: Value) -> bool {
        !self.meets(value, self.clear)
    }

    /// The highest band below critical that the value meets.
    pub(super) fn below_critical(&self, value: Value) -> Severity {
        let meets = |threshold: Option<Thousandths>| threshold.is_some_and(|threshold| self.meets(value, threshold));
        if meets(self.band.major) {
            Severity::Major
        } else if meets(self.band.minor) {
            Severity::Minor
        } else if meets(Some(self.band.warning)) {
            Severity::Warning
        } else {
            Severity::Normal
        }
    }
}

/// The thresholds of one KPI, by modulation.
#[derive(Debug, Clone)]
pub(super) struct KpiLimits {
    by_code: [Limits; Modulation::ALL.len()],
}

impl KpiLimits {
    pub(super) fn new(kpi: KpiFile, settings: &Settings) -> Self {
        let bands = &settings.bands;
        let by_code = Modulation::ALL.map(|modulation| {
            let band = match kpi {
                KpiFile::UsChannelSnr => bands.us_snr_db.of(modulation),
                KpiFile::UsChannelUtilization => &bands.us_utilization_pct,
                KpiFile::DsChannelUtilization => &bands.ds_utilization_pct,
            };
            Limits::new(kpi, *band, settings)
        });
        Self { by_code }
    }

    /// Those of all modulations, in the order of their codes.
    pub(super) fn all(&self) -> &[Limits] {
        &self.by_code
    }

    /// Those of a modulation; of utilisation, which has none, any are the same.
    pub(super) fn of(&self, modulation: Option<Modulation>) -> &Limits {
        &self.by_code[usize::from(modulation.unwrap_or(Modulation::Qam64).code()) - 1]
    }
}
