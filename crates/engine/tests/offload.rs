//! Files on disk to the sample store.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::network::{KpiFile, Sample, Timestamp, parse_timestamp};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::offload::{
    FileOutcome, FileReport, Offload, OffloadSettings, PlantCache, ScanReport, total_counters,
};
use ticketbridge_store::StoreError;
use ticketbridge_store::samples::{FileKind, SampleStore, TopologyState};

const GROUPS: &str = "service_group_id,direction,service_group_name,ccap,hub,market,network\n";
const CHANNELS: &str = "channel_id,direction,service_group_id,ccap\n";
const SNR: &str = "timestamp_utc,channel_id,snr_db\n";

/// A folder with its reports, a store and an offload; time moves by a minute with each scan.
struct Scene {
    folder: tempfile::TempDir,
    store: Arc<SampleStore>,
    offload: Offload,
    now: Wall,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let now = Wall(parse_timestamp("2026-11-20T12:00:00Z").unwrap().0 * 1_000);
        let (store, offload) = Self::open(folder.path());
        Self { folder, store, offload, now }
    }

    fn open(folder: &Path) -> (Arc<SampleStore>, Offload) {
        let store = Arc::new(SampleStore::open(&folder.join("x.samples.db")).unwrap());
        let settings = OffloadSettings::folder(folder.join("in"), Some(folder.join("reports")));
        let offload = Offload::new(Arc::clone(&store), Arc::default(), settings, Arc::default());
        (store, offload)
    }

    fn restart(&mut self) {
        (self.store, self.offload) = Self::open(self.folder.path());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("in").join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
        // Written now, by the clock of the scene.
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(self.now.0 as u64);
        File::options().write(true).open(self.path(name)).unwrap().set_modified(at).unwrap();
    }

    fn plant(&self) {
        self.write("topology_service_group.csv", format!("{GROUPS}U1,US,,,,,\nU2,US,,,,,\nD1,DS,,,,,\n"));
        self.write("topology_channel.csv", format!("{CHANNELS}a,US,U1,\nb,US,U1,\nc,US,U2,\nx,DS,D1,\n"));
    }

    async fn scan(&mut self) -> ScanReport {
        self.now = Wall(self.now.0 + 60_000);
        self.offload.scan(self.now).await.unwrap()
    }

    /// Two looks: whatever lies there is taken.
    async fn settle(&mut self) -> ScanReport {
        self.scan().await;
        self.scan().await
    }

    fn samples(&self, file: KpiFile) -> Vec<Sample> {
        let mut all = Vec::new();
        let range = Timestamp(0)..=Timestamp(i64::MAX);
        let each = |_, rows: &[Sample]| {
            all.extend_from_slice(rows);
            Ok::<_, StoreError>(())
        };
        self.store.snapshot().unwrap().samples(file, range, each).unwrap();
        all
    }

    async fn problem(&self, kind: FileKind) -> Option<String> {
        let status = self.offload.status().await.unwrap();
        status.into_iter().find(|status| status.kind == kind).unwrap().problem
    }
}

fn loaded(report: &ScanReport) -> Vec<&str> {
    report.files.iter().filter(|file| file.is_news()).map(|file| file.name.as_str()).collect()
}

fn why(file: &FileReport) -> &str {
    match &file.outcome {
        FileOutcome::Refused { why } | FileOutcome::Failed { why } | FileOutcome::Waits { why, .. } => why,
        FileOutcome::Loaded { .. } | FileOutcome::Known => panic!("{file:?}"),
    }
}

#[tokio::test]
async fn topology_comes_first_then_kpi_files_by_name_and_a_run_may_follow() {
    let mut scene = Scene::new();
    scene.plant();
    scene.write("us_channel_snr_2.csv", format!("{SNR}2026-11-20T10:00:00Z,a,12\n"));
    scene.write("us_channel_snr_1.csv", format!("{SNR}2026-11-20T10:00:00Z,a,11\n2026-11-20T10:00:00Z,b,30\n"));
    let first = scene.scan().await;
    assert_eq!((loaded(&first), first.waiting, first.complete), (vec![], 4, false));
    let second = scene.scan().await;
    assert_eq!(
        loaded(&second),
        ["topology_service_group.csv", "topology_channel.csv", "us_channel_snr_1.csv", "us_channel_snr_2.csv"]
    );
    assert_eq!((second.waiting, second.complete), (0, true));
    let values: Vec<_> = scene.samples(KpiFile::UsChannelSnr).iter().map(|row| row.value).collect();
    assert_eq!(values, [Some(12_000), Some(30_000)]);
    let snr = &total_counters(&second.files)[&FileKind::UsChannelSnr];
    assert_eq!((snr.rows, snr.accepted, snr.duplicates), (3, 3, 1));
    let third = scene.scan().await;
    assert_eq!((third.files.len(), third.complete), (0, false));
}

#[tokio::test]
async fn the_same_content_is_skipped_whatever_its_name_also_after_a_restart() {
    let mut scene = Scene::new();
    scene.plant();
    scene.write("us_channel_snr.csv", format!("{SNR}2026-11-20T10:00:00Z,a,11\n"));
    scene.settle().await;
    let before = scene.offload.status().await.unwrap();
    scene.write("us_channel_snr-again.csv", format!("{SNR}2026-11-20T10:00:00Z,a,11\n"));
    let again = scene.settle().await;
    assert_eq!(again.files.len(), 1);
    assert_eq!(again.files[0].outcome, FileOutcome::Known);
    assert!(!again.complete);
    assert_eq!(scene.offload.status().await.unwrap(), before);

    scene.restart();
    let again = scene.settle().await;
    assert_eq!(again.files.len(), 4);
    assert!(again.files.iter().all(|file| file.outcome == FileOutcome::Known), "{again:?}");
    assert_eq!(scene.offload.status().await.unwrap(), before);
}

#[tokio::test]
async fn rejected_rows_are_reported_with_file_line_and_reason() {
    let mut scene = Scene::new();
    scene.plant();
    scene.write(
        "us_channel_snr.csv",
        format!("{SNR}never,a,11\n2026-11-20T10:00:00Z,zz,11\n2026-11-20T10:00:00Z,a,61\n"),
    );
    scene.settle().await;
    let report = fs::read_to_string(scene.folder.path().join("reports/us_channel_snr.rejects.csv")).unwrap();
    assert_eq!(
        report,
        "file,line,reason\nus_channel_snr.csv,2,bad_timestamp\nus_channel_snr.csv,3,orphan\nus_channel_snr.csv,4,unit_suspect\n"
    );
    let status = scene.offload.status().await.unwrap().remove(2);
    assert_eq!((status.processed_lines, status.last_update), (3, Some(scene.now)));
    assert_eq!((status.counters.orphans, status.counters.rejected), (1, 2));
}

#[tokio::test]
async fn a_bad_file_is_refused_once_with_the_reason_and_the_others_are_taken() {
    let mut scene = Scene::new();
    scene.plant();
    scene.write("us_channel_snr.csv", "timestamp_utc,channel\n");
    scene.write("us_channel_utilization.csv", "timestamp_utc,channel_id,utilization_pct\n2026-11-20T10:00:00Z,a,50\n");
    scene.write("ds_channel_utilization.csv", [0xff, 0xfe, 0, b'"', 0, b'\n', b'"']);
    let report = scene.settle().await;
    assert_eq!(loaded(&report).len(), 3);
    let refused: Vec<_> = report.files.iter().filter(|file| file.is_fault()).collect();
    assert_eq!(refused.len(), 2);
    assert!(why(refused[1]).contains("us_channel_snr.csv") && why(refused[1]).contains("channel_id"), "{refused:?}");
    assert!(scene.problem(FileKind::UsChannelSnr).await.unwrap().contains("lacks the column"));
    assert_eq!(scene.scan().await.files, []);

    scene.write("us_channel_snr.csv", format!("{SNR}2026-11-20T10:00:00Z,a,11\n"));
    assert_eq!(loaded(&scene.settle().await), ["us_channel_snr.csv"]);
    assert_eq!(scene.problem(FileKind::UsChannelSnr).await, None);
}

#[tokio::test]
async fn samples_before_any_topology_wait_for_it() {
    let mut scene = Scene::new();
    scene.write("us_channel_snr.csv", format!("{SNR}2026-11-20T10:00:00Z,a,11\n"));
    let report = scene.settle().await;
    assert!(why(&report.files[0]).contains("no topology yet"), "{report:?}");
    scene.plant();
    let report = scene.settle().await;
    assert_eq!(loaded(&report).len(), 3);
    assert_eq!(scene.samples(KpiFile::UsChannelSnr).len(), 1);
}

#[tokio::test]
async fn one_topology_file_alone_is_joined_with_the_active_other_one() {
    let mut scene = Scene::new();
    scene.plant();
    scene.settle().await;
    scene.write("topology_channel.csv", format!("{CHANNELS}a,US,U1,\nb,US,U2,\nc,US,U2,\nd,US,U2,\nx,DS,D1,\n"));
    let report = scene.settle().await;
    assert_eq!(loaded(&report), ["topology_channel.csv"]);
    scene.write("topology_service_group.csv", format!("{GROUPS}U1,US,named,,,,\nU2,US,,,,,\nD1,DS,,,,,\n"));
    let report = scene.settle().await;
    assert_eq!(loaded(&report), ["topology_service_group.csv"]);
    let plant = PlantCache::default().active(&scene.store).unwrap().unwrap();
    assert_eq!(plant.topology.channels().len(), 5);
    assert_eq!(&*plant.topology.groups()[1].name, "named");
}

#[tokio::test]
async fn a_topology_that_shrinks_too_much_waits_for_a_confirmation() {
    let mut scene = Scene::new();
    scene.plant();
    scene.settle().await;
    scene.write("topology_channel.csv", format!("{CHANNELS}a,US,U1,\n"));
    let report = scene.settle().await;
    assert!(why(&report.files[0]).contains("drops 0 of 3 service groups and 3 of 4 channels"), "{report:?}");
    assert!(!report.complete);
    let waiting = scene.store.topology_version(TopologyState::Waiting).unwrap().unwrap();
    assert_eq!(scene.offload.status().await.unwrap()[1].awaits_confirmation, Some(waiting));
    // The active one still counts.
    scene.write("us_channel_snr.csv", format!("{SNR}2026-11-20T10:00:00Z,c,11\n"));
    scene.settle().await;
    assert_eq!(scene.samples(KpiFile::UsChannelSnr).len(), 1);

    assert!(scene.offload.confirm_topology(waiting).await.unwrap());
    assert!(!scene.offload.confirm_topology(waiting).await.unwrap());
    assert!(scene.scan().await.complete);
    scene.write("us_channel_snr.csv", format!("{SNR}2026-11-20T11:00:00Z,c,11\n"));
    let counters = total_counters(&scene.settle().await.files);
    assert_eq!(counters[&FileKind::UsChannelSnr].orphans, 1);
}

#[tokio::test]
async fn a_waiting_topology_is_overtaken_when_the_active_one_comes_again() {
    let mut scene = Scene::new();
    scene.plant();
    scene.settle().await;
    scene.write("topology_channel.csv", format!("{CHANNELS}a,US,U1,\n"));
    scene.settle().await;
    scene.plant();
    let report = scene.settle().await;
    assert!(report.files.iter().all(|file| file.outcome == FileOutcome::Known), "{report:?}");
    assert_eq!(scene.store.topology_version(TopologyState::Waiting).unwrap(), None);
}

#[tokio::test]
async fn a_topology_file_that_is_bad_refuses_the_other_one_too() {
    let mut scene = Scene::new();
    scene.plant();
    scene.write("topology_channel.csv", "nothing\n");
    let report = scene.settle().await;
    assert_eq!(loaded(&report), [""; 0]);
    assert!(why(&report.files[0]).contains("belongs to the same load"), "{report:?}");
    assert!(why(&report.files[1]).contains("lacks the column channel_id"), "{report:?}");
    assert_eq!(scene.store.topology_version(TopologyState::Active).unwrap(), None);
}

#[tokio::test]
async fn a_file_that_is_handed_over_is_taken_at_once_and_one_that_is_not_there_is_told() {
    let mut scene = Scene::new();
    scene.plant();
    scene.settle().await;
    scene.write("any name", format!("{SNR}2026-11-20T10:00:00Z,a,11\n"));
    let hand_over =
        |path, name: &str| scene.offload.hand_over(FileKind::UsChannelSnr, path, name.to_owned(), scene.now);
    let report = hand_over(scene.path("any name"), "upload").await.unwrap();
    assert_eq!((loaded(&report), report.complete), (vec!["upload"], true));
    let report = hand_over(scene.path("missing"), "missing").await.unwrap();
    assert!(why(&report.files[0]).contains("can't be read"), "{report:?}");
    assert!(!report.complete);
    let report = hand_over(scene.folder.path().to_owned(), "folder").await.unwrap();
    assert!(why(&report.files[0]).contains("no regular file"), "{report:?}");
}

#[tokio::test]
async fn offload_now_does_not_wait_for_a_second_look() {
    let scene = Scene::new();
    scene.plant();
    let report = scene.offload.offload_now(FileKind::TopologyServiceGroup, scene.now).await.unwrap();
    assert_eq!(loaded(&report), ["topology_service_group.csv"]);
    let report = scene.offload.offload_now(FileKind::TopologyChannel, scene.now).await.unwrap();
    assert_eq!(loaded(&report), ["topology_channel.csv"]);
}

#[tokio::test]
async fn samples_beyond_the_retention_go_and_what_was_loaded_long_ago_may_come_again() {
    let mut scene = Scene::new();
    scene.plant();
    scene.write("us_channel_snr_1.csv", format!("{SNR}2026-11-20T10:00:00Z,a,11\n"));
    scene.write("us_channel_snr_2.csv", format!("{SNR}2026-11-20T11:00:00Z,a,11\n"));
    scene.settle().await;
    scene.now = Wall(scene.now.0 + (Settings::default().retention_s() + 2 * 86_400) * 1_000);
    scene.scan().await;
    assert_eq!(scene.samples(KpiFile::UsChannelSnr), []);
    scene.write("us_channel_snr_3.csv", format!("{SNR}2026-11-20T10:00:00Z,a,11\n"));
    let counters = total_counters(&scene.settle().await.files);
    assert_eq!(counters[&FileKind::UsChannelSnr].rejected, 1);
}

#[tokio::test]
async fn a_source_that_is_not_there_is_a_problem_until_it_is() {
    let mut scene = Scene::new();
    fs::remove_dir(scene.folder.path().join("in")).unwrap();
    scene.scan().await;
    assert!(scene.problem(FileKind::UsChannelSnr).await.unwrap().contains("can't be looked at"));
    fs::create_dir(scene.folder.path().join("in")).unwrap();
    scene.scan().await;
    assert_eq!(scene.problem(FileKind::UsChannelSnr).await, None);
}
