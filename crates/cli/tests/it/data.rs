//! Network data to Completed tickets: files, runs, the demo.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use crate::bridge::{Bridge, client, try_call};
use crate::compare::differences;
use crate::place::{Place, Settings, binary, faults, run, sandbox, signal, until};
use ticketbridge_sandbox::faults::{Knob, Rule};

/// The worked example of the contract, and its instant.
const GOLDEN: (&str, &str) = ("golden", "2026-11-20T23:45:00Z");
/// Many incidents and every quirk.
const STORM: (&str, &str) = ("storm", "2026-11-21T05:45:00Z");
/// The loader judges ages by the real clock, and the data sets have dates of their own: any distance will do.
const ANY_DATE: &str = "schedule = \"\"\nrun_after_scan = false\nretention_h = 87600\nfuture_tolerance_s = 300000000";

fn data_set(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data/telecom").join(name)
}

/// Sections that watch a folder.
pub(crate) fn watched(folder: &Path) -> String {
    let kinds = [
        "topology_service_group",
        "topology_channel",
        "us_channel_snr",
        "us_channel_utilization",
        "ds_channel_utilization",
    ];
    let section = |kind: &str| {
        format!(
            "[offload.{kind}]\nfolder = \"{at}\"\nscan_interval = \"200ms\"\nreject_folder = \"{at}/rejects\"\n",
            at = folder.display(),
        )
    };
    kinds.map(section).concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn golden_files_become_two_tickets_that_complete_and_no_third() {
    let sandbox = sandbox(1).await;
    faults(&sandbox, [Rule::from(Knob::IndexLag { ms: 200, jitter_ms: 100 })]);
    let incoming = tempfile::tempdir().expect("a folder");
    let settings =
        Settings { offload: watched(incoming.path()), workflow: String::from(ANY_DATE), ..Settings::default() };
    let place = Place::on(&sandbox, settings);
    let bridge = Bridge::start(&place).await;
    for file in std::fs::read_dir(data_set(GOLDEN.0)).expect("the data set") {
        let file = file.expect("a file");
        if file.path().extension().is_some_and(|extension| extension == "csv") {
            std::fs::copy(file.path(), incoming.path().join(file.file_name())).expect("a copy");
        }
    }
    let expected = expected(GOLDEN.0);
    until("all files are in", async || {
        for name in ["snr_upstream", "us_service_group", "ds_service_group"] {
            let ended = place.run(&["aggregations", name, "--as-of", GOLDEN.1, "--json"]).await;
            if ended.code != 0 {
                return None;
            }
            let (want, have) = (json!({"rows": expected["aggregations"][name]}), json!({"rows": ended.json()}));
            if !differences(&want, &have).is_empty() {
                return None;
            }
        }
        Some(())
    })
    .await;
    let first = place.good(&["workflow", "run", "--as-of", GOLDEN.1, "--json"]).await.json();
    assert_eq!(first["tickets"].as_array().map(Vec::len), Some(2), "{first}");
    let again = place.good(&["workflow", "run", "--as-of", GOLDEN.1]).await;
    assert!(again.stderr.contains("0 new tickets"), "{again:#?}");
    let all = bridge.completed(2).await;
    let mut keys: Vec<_> = all.values().map(|ticket| ticket["dedupe_key"].as_str().expect("a key")).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["FALLA_DE_LINEA|USSG-1041", "SNR|USSG-1041"]);
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.work_orders, stats.linked, stats.notes), (2, 2, 2, 0));
    assert_eq!(stats.duplicates.total, 0);
    assert_eq!(place.good(&["workflow", "run", "--as-of", GOLDEN.1, "--json"]).await.json()["tickets"], json!([]));
    assert!(bridge.stop().await.success());
}

fn expected(name: &str) -> Value {
    let text = std::fs::read_to_string(data_set(name).join("expected.json")).expect("the expected result");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_equals_the_expected_results() {
    for (name, as_of) in [GOLDEN, STORM] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = data_set(name);
        let mut command = binary(folder.path());
        command.args(["workflow", "preview", "--data"]).arg(&data).args(["--as-of", as_of, "--json"]);
        let ended = run(command).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(differences(&expected(name), &ended.json()), Vec::<String>::new(), "{name}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
        assert!(left.is_empty(), "a preview leaves nothing behind: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_completes_everything_and_prints_its_object() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary(folder.path());
    command.args(["demo", "--once", "--json"]);
    let ended = run(command).await;
    assert_eq!(ended.code, 0, "{ended:#?}");
    let seen = ended.json();
    let tickets = &seen["tickets"];
    assert_eq!(tickets["received"], tickets["completed"]);
    assert!(tickets["noted"].as_u64() > Some(0) && tickets["created"].as_u64() > Some(0), "{tickets}");
    assert_eq!(seen["platforms"]["sfyc"]["work_orders"], tickets["created"]);
    assert!(seen["platforms"]["cherwell"]["open_tickets"].as_u64() > Some(0), "{seen}");
    assert!(seen["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    insta::with_settings!({filters => vec![(r#""seconds": [0-9.]+"#, r#""seconds": "[seconds]""#)]}, {
        insta::assert_snapshot!("demo_object", ended.stdout);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_shows_a_table_and_its_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary(folder.path());
    command.args(["demo", "--once", "--tickets", "30", "--seed", "7"]);
    let ended = run(command).await;
    assert_eq!(ended.code, 0, "{ended:#?}");
    for text in ["dedupe key", "Completed", "0 in Error", "duplicates: 0 on Cherwell, 0 on SFyC"] {
        assert!(ended.stdout.contains(text), "`{text}` is missing in {}", ended.stdout);
    }
    assert!(ended.stderr.contains("made-up network data"), "{}", ended.stderr);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_ends_when_it_is_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let talk = folder.path().join("talk");
    let mut command = binary(folder.path());
    // More than it can have done before the first mobile run is recorded.
    command.args(["demo", "--tickets", "5000"]).stdout(Stdio::null());
    command.stderr(std::fs::File::create(&talk).expect("a file"));
    let mut child = command.spawn().expect("the binary starts");
    let said = || std::fs::read_to_string(&talk).expect("the file is there");
    let address =
        until("the demo serves", async || said().split_once("API http://")?.1.split_once('/')?.0.parse().ok()).await;
    let client = client();
    until("everything is at work", async || {
        let runs = try_call(&client, address, Method::GET, "/api/v1/feedback/demo/runs", None).await.ok()?;
        runs.body["items"].get(0).map(drop)
    })
    .await;
    signal(child.id(), "INT");
    let status = until("the demo ends", async || child.try_wait().expect("it is ours")).await;
    assert_eq!(status.code(), Some(1), "not everything was done: {}", said());
    assert!(!said().contains("panicked"), "{}", said());
}
