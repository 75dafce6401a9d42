//! Thresholds per KPI and modulation (telecom contract §5.1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Thousandths;
use crate::network::Modulation;

/// Thresholds of all KPIs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bands {
    /// Upstream SNR in dB: a value *below* a threshold meets it.
    pub us_snr_db: SnrBands,
    /// Upstream utilisation in percent: a value *at or above* a threshold meets it.
    pub us_utilization_pct: Band,
    /// Downstream utilisation in percent: a value *at or above* a threshold meets it.
    pub ds_utilization_pct: Band,
}

/// Thresholds of one KPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Warning.
    pub warning: Thousandths,
    /// Between warning and major; absent: no such band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<Thousandths>,
    /// Between minor and critical; absent: no such band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<Thousandths>,
    /// The only one that opens incidents.
    pub critical: Thousandths,
}

/// Thresholds of the SNR per modulation. Absent ones are as `64QAM`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SnrBands {
    /// QPSK
    #[serde(rename = "QPSK")]
    pub qpsk: Band,
    /// 8QAM
    #[serde(rename = "8QAM")]
    pub qam8: Band,
    /// 16QAM
    #[serde(rename = "16QAM")]
    pub qam16: Band,
    /// 32QAM
    #[serde(rename = "32QAM")]
    pub qam32: Band,
    /// 64QAM, and whatever is not recognised.
    #[serde(rename = "64QAM")]
    pub qam64: Band,
    /// 128QAM
    #[serde(rename = "128QAM", skip_serializing_if = "Option::is_none")]
    pub qam128: Option<Band>,
    /// 256QAM
    #[serde(rename = "256QAM", skip_serializing_if = "Option::is_none")]
    pub qam256: Option<Band>,
    /// OFDMA
    #[serde(rename = "OFDMA", skip_serializing_if = "Option::is_none")]
    pub ofdma: Option<Band>,
    /// OFDM
    #[serde(rename = "OFDM", skip_serializing_if = "Option::is_none")]
    pub ofdm: Option<Band>,
}

impl Band {
    const fn new(warning: i32, critical: i32) -> Self {
        Self { warning: Thousandths(warning), minor: None, major: None, critical: Thousandths(critical) }
    }
}

impl SnrBands {
    /// The thresholds of one modulation.
    pub fn of(&self, modulation: Modulation) -> &Band {
        match modulation {
            Modulation::Qpsk => &self.qpsk,
            Modulation::Qam8 => &self.qam8,
            Modulation::Qam16 => &self.qam16,
            Modulation::Qam32 => &self.qam32,
            Modulation::Qam64 => &self.qam64,
            Modulation::Qam128 => self.qam128.as_ref().unwrap_or(&self.qam64),
            Modulation::Qam256 => self.qam256.as_ref().unwrap_or(&self.qam64),
            Modulation::Ofdma => self.ofdma.as_ref().unwrap_or(&self.qam64),
            Modulation::Ofdm => self.ofdm.as_ref().unwrap_or(&self.qam64),
        }
    }
}

impl Default for SnrBands {
    fn default() -> Self {
        Self {
            qpsk: Band::new(13_000, 10_000),
            qam8: Band::new(16_000, 13_000),
            qam16: Band::new(19_000, 16_000),
            qam32: Band::new(22_000, 18_000),
            qam64: Band::new(25_000, 20_000),
            qam128: None,
            qam256: None,
            ofdma: None,
            ofdm: None,
        }
    }
}

impl Default for Bands {
    fn default() -> Self {
        Self {
            us_snr_db: SnrBands::default(),
            us_utilization_pct: Band::new(70_000, 90_000),
            ds_utilization_pct: Band::new(80_000, 95_000),
        }
    }
}
