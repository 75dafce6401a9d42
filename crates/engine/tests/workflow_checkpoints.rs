//! Runs that go on from checkpoints against runs that read every stored sample, over random histories: rows that come
//! late, again or corrected, gaps, `as_of` going back, other settings and topologies, days dropped, restarts, loads cut
//! off, and checkpoints that know more or other than the main store does.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

mod workflow_common;

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use ticketbridge_core::network::evaluation::RollUp;
use ticketbridge_core::network::settings::{Settings, Thousandths, UtilMode};
use ticketbridge_core::network::topology::{Channels, ServiceGroups, Topology};
use ticketbridge_core::network::{Aggregation, KpiFile, Sample, Timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::offload::PlantCache;
use ticketbridge_engine::split::BackendChoice;
use ticketbridge_engine::workflow::{SeededSource, Workflow};
use ticketbridge_store::samples::{LoadSource, SampleStore, TopologyState};
use ticketbridge_store::{MemoryStore, Store};
use workflow_common::backend;

/// 2026-11-20T20:00:00Z: midnight comes soon, and with it another day of chunks.
const BEGIN: i64 = 1_795_204_800;
const QUARTER: i64 = 900;
const TOPOLOGIES: usize = 5;
const SETTINGS: usize = 7;
const CHANNELS: [&str; 6] = ["a", "b", "c", "d", "x", "y"];

#[derive(Debug, Clone)]
enum Step {
    /// A stretch of rows of one file and channel: first quarter counted back from now, how many, which value.
    Load(usize, usize, i64, i64, usize),
    /// Quarters of an hour go by, and all channels tell something that changes slowly.
    Live(i64, u64),
    /// Quarters of an hour go by in silence.
    Silence(i64),
    Run,
    /// A run so many quarters ago.
    RunBack(i64),
    /// A run over the same samples by a main store that knows nothing: as after a crash between the two files, or after
    /// an older main store was put back.
    RunElsewhere,
    Restart,
    Settings(usize),
    Topology(usize),
    /// Days behind the retention are dropped.
    Retain,
    /// A load that is cut off after its first part.
    CutOff(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..6_usize, 0..30_i64, 1..9_i64, 0..7_usize).prop_map(|(a, b, c, d, e)| Step::Load(a, b, c, d, e)),
        6 => (1..9_i64, any::<u64>()).prop_map(|(quarters, seed)| Step::Live(quarters, seed)),
        1 => (1..30_i64).prop_map(Step::Silence),
        8 => Just(Step::Run),
        1 => (1..20_i64).prop_map(Step::RunBack),
        1 => Just(Step::RunElsewhere),
        1 => Just(Step::Restart),
        1 => (0..SETTINGS).prop_map(Step::Settings),
        1 => (0..TOPOLOGIES).prop_map(Step::Topology),
        1 => Just(Step::Retain),
        1 => (0..3_usize).prop_map(Step::CutOff),
    ]
}

fn settings(which: usize) -> Settings {
    let mut settings = Settings { window_h: 1, retention_h: 6, ..Settings::default() };
    match which {
        1 => settings.open_after = 1,
        2 => settings.bands.us_snr_db.qam64.critical = Thousandths(22_000),
        3 => settings.util_mode = UtilMode::AnyChannel,
        4 => settings.retention_h = 9,
        5 => settings.window_h = 2,
        6 => settings.close_after = 3,
        _ => {}
    }
    settings
}

fn topology(which: usize) -> Topology {
    let mut groups = String::from("service_group_id,direction,service_group_name,ccap,hub,market,network,cm_total\n");
    for group in ["U1,US", "U2,US", "D1,DS"] {
        let _infallible = writeln!(groups, "{group},,C,H,M,N,10");
    }
    let mut channels = String::from("channel_id,direction,service_group_id,ccap,frequency_hz,modulation\n");
    for id in CHANNELS {
        let direction = if matches!(id, "x" | "y") { "DS" } else { "US" };
        let group = match (id, which) {
            ("d", 0) | ("y", 3) | ("a", 4) => continue,
            ("x" | "y", _) => "D1",
            ("b", 1) | ("c", _) => "U2",
            _ => "U1",
        };
        let frequency = if (id, which) == ("c", 2) || (id, which) == ("x", 3) { "0" } else { "100" };
        let modulation = if (id, which) == ("a", 2) { "16QAM" } else { "64QAM" };
        let _infallible = writeln!(channels, "{id},{direction},{group},C,{frequency},{modulation}");
    }
    let (mut known, mut list) = (ServiceGroups::default(), Channels::default());
    known.read(groups.as_bytes(), &mut |_| {}).unwrap();
    list.read(channels.as_bytes(), &known, &mut |_| {}).unwrap();
    Topology::join(known, list).0
}

/// Around the thresholds; `None`: no data.
fn value(file: KpiFile, which: usize) -> Option<i32> {
    let values = match file {
        KpiFile::UsChannelSnr => [15_000, 19_000, 19_900, 21_500, 23_000, 30_000],
        KpiFile::UsChannelUtilization => [99_000, 95_000, 90_000, 86_000, 84_000, 50_000],
        KpiFile::DsChannelUtilization => [99_000, 97_000, 95_000, 92_000, 89_000, 50_000],
    };
    values.get(which).copied()
}

struct World {
    samples: Arc<SampleStore>,
    store: Arc<dyn Store>,
    workflow: Workflow,
    settings: Settings,
    reads_all: bool,
    now: i64,
    loads: u64,
}

impl World {
    fn new(reads_all: bool) -> Self {
        let samples = Arc::new(SampleStore::in_memory().unwrap());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(2));
        // Channels of one group lie in two blocks.
        samples.ordinals(["a", "c", "x"]).unwrap();
        let others: Vec<String> = (0..4_096).map(|number| format!("other-{number}")).collect();
        samples.ordinals(others.iter().map(String::as_str)).unwrap();
        let settings = settings(0);
        let workflow = open(&store, &samples, &settings, BEGIN);
        let mut world = Self { samples, store, workflow, settings, reads_all, now: BEGIN, loads: 0 };
        world.put_topology(0);
        world
    }

    fn put_topology(&mut self, which: usize) {
        let body = serde_json::to_vec(&topology(which)).unwrap();
        self.samples.put_topology(&body, TopologyState::Active, &[], Wall(self.now * 1_000)).unwrap();
    }

    /// Loads rows as an offload would: those that the retention has left behind are not taken.
    fn load(&mut self, file: KpiFile, rows: &[(&str, i64, Option<i32>)], is_cut_off: bool) {
        self.loads += 1;
        let mut hash = [file as u8; 32];
        hash[..8].copy_from_slice(&self.loads.to_be_bytes());
        let source = LoadSource { kind: file.into(), hash, file: "x.csv".into() };
        let ordinals = self.samples.ordinals(CHANNELS).unwrap();
        let mut writer = self.samples.begin_with_part_rows(source, 5).unwrap();
        for (channel, at, value) in rows {
            if *at < self.now - self.settings.retention_s() {
                continue;
            }
            let place = CHANNELS.iter().position(|id| id == channel).unwrap();
            let (modulation, cm_online) = (0, u32::try_from(at / QUARTER % 50).ok());
            writer
                .push(Sample { channel: ordinals[place], at: Timestamp(*at), value: *value, modulation, cm_online })
                .unwrap();
        }
        if !is_cut_off {
            writer.finish(Wall(self.now * 1_000), |_| "{}".into()).unwrap();
        }
    }

    /// Does the step; after a run everything that can be seen of it.
    async fn take(&mut self, step: &Step) -> Option<Value> {
        match step {
            Step::Load(file, channel, back, count, which) => {
                let file = KpiFile::ALL[*file];
                let of_file: Vec<_> = CHANNELS
                    .iter()
                    .filter(|id| matches!(**id, "x" | "y") == (file == KpiFile::DsChannelUtilization))
                    .collect();
                let channel = of_file[channel % of_file.len()];
                let first = self.now.div_euclid(QUARTER) * QUARTER - back * QUARTER;
                let rows: Vec<_> = (0..*count).map(|k| (*channel, first + k * QUARTER, value(file, *which))).collect();
                self.load(file, &rows, false);
            }
            Step::Live(quarters, seed) => {
                for quarter in 0..*quarters {
                    self.now += QUARTER;
                    for file in KpiFile::ALL {
                        let mut rows = Vec::new();
                        for (place, id) in CHANNELS.iter().enumerate() {
                            if matches!(*id, "x" | "y") == (file == KpiFile::DsChannelUtilization) {
                                let dice = seed >> (place * 8 + file as usize * 3);
                                // The second half of a stretch often recovers.
                                let which = if quarter * 2 > *quarters && dice & 1 == 1 { 5 } else { dice % 7 };
                                rows.push((*id, self.now, value(file, which as usize)));
                            }
                        }
                        self.load(file, &rows, false);
                    }
                }
            }
            Step::Silence(quarters) => self.now += quarters * QUARTER,
            Step::Run => return Some(self.run(self.now).await),
            Step::RunBack(quarters) => return Some(self.run(self.now - quarters * QUARTER).await),
            Step::RunElsewhere => {
                let elsewhere: Arc<dyn Store> = Arc::new(MemoryStore::new(2));
                let workflow = open(&elsewhere, &self.samples, &self.settings, self.now);
                workflow.run(Timestamp(self.now), "manual", &backends()).await.unwrap();
            }
            Step::Restart => self.restart(),
            Step::Settings(which) => self.settings = settings(*which),
            Step::Topology(which) => self.put_topology(*which),
            Step::Retain => {
                let oldest = self.now - self.settings.retention_s();
                self.samples.retain(Timestamp(oldest), Wall(oldest * 1_000)).unwrap();
            }
            Step::CutOff(file) => {
                let rows: Vec<_> = (0..8).map(|k| ("a", self.now - k * QUARTER, Some(15_000))).collect();
                self.load(KpiFile::ALL[*file], &rows, true);
            }
        }
        None
    }

    fn restart(&mut self) {
        self.workflow = open(&self.store, &self.samples, &self.settings, self.now);
    }

    async fn run(&mut self, as_of: i64) -> Value {
        // The clock of a workflow stands still.
        self.restart();
        if self.reads_all {
            self.samples.drop_checkpoints().unwrap();
        }
        let as_of = Timestamp(as_of);
        let outcome = self.workflow.run(as_of, "manual", &backends()).await.unwrap();
        let mut tables = Vec::new();
        for name in Aggregation::ALL {
            for level in [None, Some(RollUp::Network)] {
                tables.push(serde_json::to_value(self.workflow.latest(name, level).unwrap().as_ref()).unwrap());
            }
        }
        let incidents = self.store.incidents().await.unwrap();
        let reported = self.store.reported().await.unwrap();
        json!({"outcome": outcome, "tables": tables, "incidents": sorted(incidents), "reported": sorted(reported)})
    }
}

fn sorted<T: serde::Serialize>(list: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut list: Vec<String> = list.into_iter().map(|entry| serde_json::to_string(&entry).unwrap()).collect();
    list.sort();
    list
}

fn backends() -> [BackendChoice; 1] {
    [backend("be-1", "p")]
}

fn open(store: &Arc<dyn Store>, samples: &Arc<SampleStore>, settings: &Settings, now: i64) -> Workflow {
    assert_eq!(settings.check(), []);
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&now.to_be_bytes());
    let source = SeededSource::new(move || Wall(now * 1_000), seed);
    let plants = Arc::new(PlantCache::default());
    Workflow::new(Arc::clone(store), Arc::clone(samples), plants, Arc::new(settings.clone()), source)
}

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut goes_on, mut reads_all) = (World::new(false), World::new(true));
        for (place, step) in steps.iter().enumerate() {
            let (found, expected) = (goes_on.take(step).await, reads_all.take(step).await);
            prop_assert_eq!(found, expected, "step {}: {:?}", place, step);
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_run_that_goes_on_from_checkpoints_is_a_run_over_all_samples(steps in proptest::collection::vec(step(), 1..60)) {
        check(&steps)?;
    }
}
