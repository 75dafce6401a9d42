//! A made-up plant and its last day: five CSV files from one seed. 12 service groups each way, 48 upstream and 72
//! downstream channels, a sample every quarter of an hour; a third of the groups have trouble.

use std::fmt::Write as _;
use std::path::Path;

use jiff::{Timestamp, ToSpan};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const GROUPS: usize = 12;
const US_CHANNELS: usize = 4;
const DS_CHANNELS: usize = 6;
/// Quarters of an hour in a day.
const QUARTERS: usize = 96;
/// Samples that an event lasts.
const EVENT: std::ops::Range<usize> = 3..9;
const PLACES: [&str; 6] =
    ["ZAPOPAN", "TLAQUEPAQUE", "Col. Americana, 2da Secc.", "Niños Héroes", "Las Águilas", "San José"];

/// Something that goes wrong in a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Noise,
    UpstreamLoad,
    DownstreamLoad,
}

/// Writes the five files into `folder`; the last samples are of `end`. Answers the keys that will get a ticket.
pub(super) fn write(folder: &Path, end: Timestamp, seed: u64) -> std::io::Result<Vec<String>> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut events = Vec::new();
    let mut keys = Vec::new();
    for (trouble, count) in [(Trouble::Noise, 4), (Trouble::UpstreamLoad, 3), (Trouble::DownstreamLoad, 3)] {
        let mut groups: Vec<usize> = (0..GROUPS).collect();
        for _ in 0..count {
            let group = groups.swap_remove(dice.random_range(0..groups.len()));
            let length = dice.random_range(EVENT);
            let start = dice.random_range(4..QUARTERS - length - 4);
            events.push((trouble, group, start..start + length));
            keys.push(match trouble {
                Trouble::Noise => format!("SNR|{}", upstream(group)),
                Trouble::UpstreamLoad => format!("FALLA_DE_LINEA|{}", upstream(group)),
                Trouble::DownstreamLoad => format!("FALLA_DE_LINEA|{}", downstream(group)),
            });
        }
    }
    topology(folder)?;
    samples(folder, end, &events, &mut dice)?;
    Ok(keys)
}

fn upstream(group: usize) -> String {
    format!("USSG-{}", 1041 + group)
}

fn downstream(group: usize) -> String {
    format!("DSSG-{}", 521 + group)
}

fn ccap(group: usize) -> String {
    format!("GDL-E6K-{:02}", 1 + group / 4)
}

fn topology(folder: &Path) -> std::io::Result<()> {
    let mut groups = String::from(
        "service_group_id,direction,service_group_name,ccap,hub,market,network,line_card,port,fiber_node,cm_total,address,latitude,longitude\n",
    );
    let mut channels = String::from(
        "channel_id,direction,service_group_id,ccap,if_index,channel_name,docsis_channel_id,frequency_hz,width_hz,modulation\n",
    );
    for group in 0..GROUPS {
        let (ccap, place, port) = (ccap(group), PLACES[group % PLACES.len()], format!("{}-{}", group / 4, group % 4));
        for (direction, id, count) in [("US", upstream(group), US_CHANNELS), ("DS", downstream(group), DS_CHANNELS)] {
            let _infallible = writeln!(
                groups,
                "{id},{direction},\"{ccap}/{direction} {port}/NODO-{}, {place}\",{ccap},HUB-{place_id},GUADALAJARA,OCCIDENTE,{direction} {},{direction} {port},N{},{},\"Av. Patria {}, {place}\",20.{},-103.{}",
                101 + group,
                group / 4,
                101 + group,
                180 + 17 * group,
                100 + group,
                6736 + group,
                3440 + group,
                place_id = 1 + group / 8,
            );
            for number in 0..count {
                let index = if direction == "US" { 70_000 } else { 90_000 } + group * 10 + number;
                let (frequency, modulation) = match direction {
                    "US" => (18_400_000 + number * 6_400_000, "64QAM"),
                    _ => (603_000_000 + number * 6_000_000, "256QAM"),
                };
                let _infallible = writeln!(
                    channels,
                    "{ccap}/{index},{direction},{id},{ccap},{index},{direction} {port}/{number},{},{frequency},6400000,{modulation}",
                    number + 1,
                );
            }
        }
    }
    std::fs::write(folder.join("topology_service_group.csv"), groups)?;
    std::fs::write(folder.join("topology_channel.csv"), channels)
}

fn samples(
    folder: &Path,
    end: Timestamp,
    events: &[(Trouble, usize, std::ops::Range<usize>)],
    dice: &mut ChaCha8Rng,
) -> std::io::Result<()> {
    let mut noise = String::from("timestamp_utc,channel_id,snr_db,modulation,cm_online\n");
    let mut up = String::from("timestamp_utc,channel_id,utilization_pct,interval_s,cm_online\n");
    let mut down = up.clone();
    for quarter in 0..QUARTERS {
        let back = (15 * (QUARTERS - 1 - quarter)) as i64;
        let at = end.checked_sub(back.minutes()).map_err(std::io::Error::other)?;
        let troubled = |trouble, group| {
            events.iter().any(|(what, which, when)| *what == trouble && *which == group && when.contains(&quarter))
        };
        for group in 0..GROUPS {
            let (ccap, online) = (ccap(group), 170 + 17 * group);
            for number in 0..US_CHANNELS {
                let channel = format!("{ccap}/{}", 70_000 + group * 10 + number);
                let bad = number == 0 && troubled(Trouble::Noise, group);
                let snr = if bad { dice.random_range(165..195) } else { dice.random_range(310..360) };
                let load = if troubled(Trouble::UpstreamLoad, group) { 91..97 } else { 35..65 };
                let load = dice.random_range(load);
                let _infallible = writeln!(noise, "{at},{channel},{}.{},64QAM,{online}", snr / 10, snr % 10);
                let _infallible = writeln!(up, "{at},{channel},{load},900,{online}");
            }
            for number in 0..DS_CHANNELS {
                let load = if troubled(Trouble::DownstreamLoad, group) { 96..100 } else { 40..75 };
                let load = dice.random_range(load);
                let _infallible = writeln!(down, "{at},{ccap}/{},{load},900,{online}", 90_000 + group * 10 + number);
            }
        }
    }
    std::fs::write(folder.join("us_channel_snr.csv"), noise)?;
    std::fs::write(folder.join("us_channel_utilization.csv"), up)?;
    std::fs::write(folder.join("ds_channel_utilization.csv"), down)
}
