//! A made-up cable network of the sizes in telecom contract §9, and its samples: integer arithmetic from channel and
//! instant alone, so that any quarter of an hour can be written without those before it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ticketbridge_core::network::{KpiFile, Modulation, Timestamp};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Seconds between two samples of a channel.
pub(crate) const STEP: i64 = 900;
const NOISE: usize = 4_096;
/// One service group in so many has trouble on every day.
const TROUBLED: u64 = 100;
const GROUPS_PER_CCAP: usize = 60;
const MARKETS: [(&str, &str, &str); 4] = [
    ("OCCIDENTE", "GUADALAJARA", "GDL"),
    ("BAJÍO", "\"QUERÉTARO, QRO.\"", "QRO"),
    ("PACÍFICO", "CULIACÁN", "CUL"),
    ("SURESTE", "CANCÚN", "CUN"),
];
/// Modulation, usual SNR and critical threshold in tenths of a dB.
const MODULATIONS: [(&str, i64, i64); 4] =
    [("64QAM", 345, 200), ("64QAM", 345, 200), ("32QAM", 318, 180), ("16QAM", 290, 160)];
/// Share of the daily peak per hour, in percent.
const HOURS: [i64; 24] =
    [100, 92, 74, 55, 40, 28, 20, 16, 14, 18, 28, 36, 42, 46, 50, 54, 58, 62, 64, 66, 70, 78, 88, 96];

/// Upstream groups and channels, downstream groups and channels (telecom contract §9).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale([(usize, usize); 2]);

impl Scale {
    pub(crate) fn of(name: &str) -> Result<Self, Failure> {
        Ok(Self(match name {
            "S" => [(1_000, 4_000), (1_000, 16_000)],
            "M" => [(3_100, 18_600), (3_100, 100_000)],
            "L" => [(12_000, 100_000), (12_000, 400_000)],
            other => return Err(format!("no scale `{other}`: it is S, M or L").into()),
        }))
    }
}

struct Channel {
    id: String,
    group: usize,
    place_in_group: usize,
    modulation: usize,
    noise: usize,
    modems: i64,
}

/// The network.
pub(crate) struct Plant {
    /// Upstream, downstream.
    channels: [Vec<Channel>; 2],
    groups: [usize; 2],
    noise: Vec<i64>,
}

/// What a channel tells at one instant.
pub(crate) struct Reading {
    /// Thousandths of a dB or of a percent.
    pub(crate) thousandths: i64,
    /// Place in [`MODULATIONS`].
    modulation: usize,
    pub(crate) modems: i64,
}

fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn ccap(group: usize) -> String {
    let number = group / GROUPS_PER_CCAP;
    format!("{}-E6K-{:02}", MARKETS[number % MARKETS.len()].2, number / MARKETS.len() + 1)
}

impl Plant {
    pub(crate) fn new(Scale(sizes): Scale) -> Self {
        let channels = [0, 1].map(|direction| {
            let (groups, count) = sizes[direction];
            let mut channels = Vec::with_capacity(count);
            for number in 0..count {
                // As evenly as it goes; channels of a group are neighbours.
                let group = number * groups / count;
                let dice = mix((number as u64) << 1 | direction as u64);
                let first_of_group = (group * count).div_ceil(groups);
                channels.push(Channel {
                    id: format!("{}/{}", ccap(group), [70_000, 90_000][direction] + number % 20_000),
                    group,
                    place_in_group: number - first_of_group,
                    modulation: (dice % MODULATIONS.len() as u64) as usize,
                    noise: (dice >> 8) as usize % NOISE,
                    modems: 120 + (mix(group as u64) % 360) as i64,
                });
            }
            channels
        });
        let noise = (0..NOISE).map(|place| (mix(place as u64 ^ 0xabcd) % 17) as i64 - 8).collect();
        Self { channels, groups: sizes.map(|(groups, _)| groups), noise }
    }

    /// Rows of all three KPI files in one quarter of an hour.
    pub(crate) fn rows_per_quarter(&self) -> usize {
        2 * self.channels[0].len() + self.channels[1].len()
    }

    /// Ids of the channels of a file, in the order of [`Plant::readings`].
    pub(crate) fn ids(&self, file: KpiFile) -> impl Iterator<Item = &str> {
        self.channels[direction_of(file)].iter().map(|channel| &*channel.id)
    }

    /// What all channels of a file tell at `at`.
    pub(crate) fn readings(&self, file: KpiFile, at: Timestamp) -> impl Iterator<Item = Reading> {
        let direction = direction_of(file);
        let quarter = at.0.div_euclid(STEP);
        let day = quarter.div_euclid(96) as u64;
        let share = HOURS[at.0.rem_euclid(86_400) as usize / 3_600];
        self.channels[direction].iter().map(move |channel| {
            let noise = self.noise[(channel.noise + quarter as usize * 7) % NOISE];
            let dice = mix(channel.group as u64 ^ (day << 32) ^ ((file as u64) << 60));
            let began = (dice >> 16) % 80;
            let is_troubled = dice.is_multiple_of(TROUBLED)
                && (began..began + 3 + (dice >> 32) % 10).contains(&(quarter.rem_euclid(96) as u64));
            let thousandths = match file {
                KpiFile::UsChannelSnr => {
                    let (_, usual, critical) = MODULATIONS[channel.modulation];
                    let is_low = is_troubled && channel.place_in_group < 3;
                    (if is_low { critical - 30 + noise } else { usual + noise }) * 100
                }
                KpiFile::UsChannelUtilization if is_troubled => (95 + noise / 3) * 1_000,
                KpiFile::UsChannelUtilization => (45 * share / 100 + noise).clamp(0, 84) * 1_000,
                KpiFile::DsChannelUtilization if is_troubled => (970 + noise) * 100,
                KpiFile::DsChannelUtilization => (650 * share / 100 + 4 * noise).clamp(0, 890) * 100,
            };
            Reading { thousandths, modulation: channel.modulation, modems: channel.modems }
        })
    }

    /// Writes both topology files.
    pub(crate) fn write_topology(&self, folder: &Path) -> Result<(), Failure> {
        let mut groups = BufWriter::new(File::create(folder.join("topology_service_group.csv"))?);
        writeln!(
            groups,
            "service_group_id,direction,service_group_name,ccap,hub,market,network,line_card,port,fiber_node,cm_total,address,latitude,longitude"
        )?;
        let mut channels = BufWriter::new(File::create(folder.join("topology_channel.csv"))?);
        writeln!(
            channels,
            "channel_id,direction,service_group_id,ccap,if_index,channel_name,docsis_channel_id,frequency_hz,width_hz,modulation"
        )?;
        for (direction, word) in [(0, "US"), (1, "DS")] {
            for group in 0..self.groups[direction] {
                let (ccap, (network, market, code)) = (ccap(group), MARKETS[group / GROUPS_PER_CCAP % MARKETS.len()]);
                let (card, port) = (group % GROUPS_PER_CCAP / 8 + 1, group % 8);
                writeln!(
                    groups,
                    "{word}SG-{:05},{word},\"{ccap}/{word} {card}-{port}/NODO-{code}-{group}, ZAPOPAN\",{ccap},HUB-{code},{market},{network},{word} {card},{word} {card}-{port},N{group:05},{},\"Av. Patria {group}, ZAPOPAN\",20.{:04},-103.{:04}",
                    group + 1_001,
                    120 + mix(group as u64) % 360,
                    group % 10_000,
                    group % 7_000,
                )?;
            }
            for channel in &self.channels[direction] {
                let (card, place) = (channel.group % GROUPS_PER_CCAP / 8 + 1, channel.place_in_group);
                let modulation = if direction == 0 { MODULATIONS[channel.modulation].0 } else { "256QAM" };
                let (ccap, index) = channel.id.split_once('/').unwrap_or_default();
                let first = [18_400_000, 603_000_000][direction];
                writeln!(
                    channels,
                    "{},{word},{word}SG-{:05},{ccap},{index},{word} {card}-{}/{place},{},{},{},{modulation}",
                    channel.id,
                    channel.group + 1_001,
                    channel.group % 8,
                    place + 1,
                    first + place * 6_400_000,
                    6_400_000,
                )?;
            }
        }
        groups.flush()?;
        channels.flush()?;
        Ok(())
    }

    /// Writes one KPI file with the samples of `quarters` quarters of an hour from `begin` on.
    pub(crate) fn write_samples(
        &self,
        folder: &Path,
        file: KpiFile,
        begin: Timestamp,
        quarters: i64,
    ) -> Result<(), Failure> {
        let (name, header) = match file {
            KpiFile::UsChannelSnr => (
                "us_channel_snr.csv",
                "timestamp_utc,channel_id,snr_db,modulation,corrected_ratio_pct,uncorrectable_ratio_ppm,cm_online",
            ),
            KpiFile::UsChannelUtilization => {
                ("us_channel_utilization.csv", "timestamp_utc,channel_id,utilization_pct,interval_s,cm_online")
            }
            KpiFile::DsChannelUtilization => {
                ("ds_channel_utilization.csv", "timestamp_utc,channel_id,utilization_pct,interval_s,cm_online")
            }
        };
        let mut out = BufWriter::with_capacity(1 << 20, File::create(folder.join(name))?);
        writeln!(out, "{header}")?;
        for quarter in 0..quarters {
            let at = begin.plus_seconds(quarter * STEP);
            let text = at.to_string();
            for (id, reading) in self.ids(file).zip(self.readings(file, at)) {
                let (whole, tenth) = (reading.thousandths / 1_000, reading.thousandths / 100 % 10);
                match file {
                    KpiFile::UsChannelSnr => {
                        let modulation = MODULATIONS[reading.modulation].0;
                        writeln!(out, "{text},{id},{whole}.{tenth},{modulation},0.02,{tenth},{}", reading.modems)?;
                    }
                    KpiFile::UsChannelUtilization => writeln!(out, "{text},{id},{whole},900,{}", reading.modems)?,
                    KpiFile::DsChannelUtilization => {
                        writeln!(out, "{text},{id},{whole}.{tenth},900,{}", reading.modems)?;
                    }
                }
            }
        }
        out.flush()?;
        Ok(())
    }
}

impl Reading {
    /// Code of the modulation as samples keep it.
    pub(crate) fn modulation_code(&self, file: KpiFile) -> u8 {
        let name = MODULATIONS[self.modulation].0;
        let known = Modulation::recognise(name).map_or(0, Modulation::code);
        if file == KpiFile::UsChannelSnr { known } else { 0 }
    }
}

fn direction_of(file: KpiFile) -> usize {
    usize::from(file == KpiFile::DsChannelUtilization)
}
