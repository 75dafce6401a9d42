//! A small network, written as the five files.

use std::fmt::Write;

use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::evaluation::AggregationRow;
use ticketbridge_core::network::preview::Preview;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::{Aggregation, evaluation::Incident};

use super::{File, at, load};

/// Rows of the five files, without their headers. Times are RFC 3339.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plant {
    groups: String,
    channels: String,
    snr: String,
    us: String,
    ds: String,
}

impl Plant {
    /// Upstream group `U1` with the 64QAM channels `u1`, `u2`, `u3`, and downstream group `D1` with `d1`, `d2`.
    pub(crate) fn new() -> Self {
        Self::default()
            .group("U1,US,Uno,CCAP-1,HUB-1,MARKET-1,NETWORK-1,LC 1,P 1,N1,100,,,")
            .group("D1,DS,Dos,CCAP-1,HUB-1,MARKET-1,NETWORK-1,LC 2,P 2,N1|N2,200,,,")
            .channel("u1,US,U1,CCAP-1,10000000,64QAM")
            .channel("u2,US,U1,CCAP-1,20000000,64QAM")
            .channel("u3,US,U1,CCAP-1,30000000,64QAM")
            .channel("d1,DS,D1,CCAP-1,600000000,256QAM")
            .channel("d2,DS,D1,CCAP-1,606000000,256QAM")
    }

    pub(crate) fn group(mut self, row: &str) -> Self {
        writeln!(self.groups, "{row}").unwrap();
        self
    }

    pub(crate) fn channel(mut self, row: &str) -> Self {
        writeln!(self.channels, "{row}").unwrap();
        self
    }

    /// SNR samples of a channel, one every 15 minutes from `begin`.
    pub(crate) fn snr(mut self, channel: &str, begin: &str, values: &[&str]) -> Self {
        for (time, value) in series(begin, values) {
            writeln!(self.snr, "{time},{channel},{value},,").unwrap();
        }
        self
    }

    /// A whole SNR row: time, channel, value, modulation, modems.
    pub(crate) fn snr_row(mut self, row: &str) -> Self {
        writeln!(self.snr, "{row}").unwrap();
        self
    }

    /// Upstream utilisation of a channel, one sample every 15 minutes from `begin`.
    pub(crate) fn us(mut self, channel: &str, begin: &str, values: &[&str]) -> Self {
        for (time, value) in series(begin, values) {
            writeln!(self.us, "{time},{channel},{value},").unwrap();
        }
        self
    }

    /// A whole upstream utilisation row: time, channel, value, modems.
    pub(crate) fn us_row(mut self, row: &str) -> Self {
        writeln!(self.us, "{row}").unwrap();
        self
    }

    /// Downstream utilisation of a channel, one sample every 15 minutes from `begin`.
    pub(crate) fn ds(mut self, channel: &str, begin: &str, values: &[&str]) -> Self {
        for (time, value) in series(begin, values) {
            writeln!(self.ds, "{time},{channel},{value},").unwrap();
        }
        self
    }

    pub(crate) fn files(&self) -> Vec<File> {
        let file =
            |name: &str, header: &str, rows: &str| (format!("{name}.csv"), format!("{header}\n{rows}").into_bytes());
        vec![
            file(
                "topology_service_group",
                "service_group_id,direction,service_group_name,ccap,hub,market,network,line_card,port,fiber_node,cm_total,address,latitude,longitude",
                &self.groups,
            ),
            file(
                "topology_channel",
                "channel_id,direction,service_group_id,ccap,frequency_hz,modulation",
                &self.channels,
            ),
            file("us_channel_snr", "timestamp_utc,channel_id,snr_db,modulation,cm_online", &self.snr),
            file("us_channel_utilization", "timestamp_utc,channel_id,utilization_pct,cm_online", &self.us),
            file("ds_channel_utilization", "timestamp_utc,channel_id,utilization_pct,cm_online", &self.ds),
        ]
    }

    pub(crate) fn load(&self, as_of: &str) -> Preview {
        self.load_with(&Settings::default(), as_of)
    }

    pub(crate) fn load_with(&self, settings: &Settings, as_of: &str) -> Preview {
        load(&self.files(), settings, at(as_of))
    }

    /// One row of an evaluation at `as_of`.
    pub(crate) fn row(&self, as_of: &str, aggregation: Aggregation, group: &str) -> AggregationRow {
        row_of(&self.load(as_of), aggregation, group)
    }

    /// Begin and end of all incidents, counted or not, as `object opened..closed`.
    pub(crate) fn incidents(&self, as_of: &str) -> Vec<String> {
        self.load(as_of).evaluate().incidents().map(interval).collect()
    }
}

pub(crate) fn row_of(preview: &Preview, aggregation: Aggregation, group: &str) -> AggregationRow {
    preview.evaluate().rows(aggregation).into_iter().find(|row| row.group_id == group).unwrap()
}

/// `object opened..closed`, times without date.
pub(crate) fn interval(incident: &Incident) -> String {
    let clock = |at: Timestamp| at.to_string()[11..16].to_owned();
    format!(
        "{} {}..{}",
        incident.object_id,
        clock(incident.opened_at),
        incident.closed_at.map(clock).unwrap_or_default()
    )
}

fn series<'v>(begin: &str, values: &'v [&'v str]) -> impl Iterator<Item = (Timestamp, &'v str)> {
    let begin = at(begin);
    values.iter().enumerate().map(move |(place, value)| (begin.plus_seconds(900 * place as i64), *value))
}
