//! Everything that can be set up wrongly: one clear error that says what to do, and nothing is lost.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use ticketbridge_sandbox::{Sandbox, SandboxConfig, TOKEN};

use crate::bridge::Bridge;
use crate::place::{Place, Settings, sandbox, tickets, until, writes};

/// An address where nobody answers, that is free to be taken.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

fn on_store(url: String) -> Place {
    Place::at(nobody(), Settings { store: Some(url), ..Settings::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_serve_on_a_store_is_refused_and_the_first_goes_on() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    place.run(&["serve"]).await.says(1, &["TB0101"]);
    bridge.send(&tickets("A", 3)).await;
    bridge.completed(3).await;
    // A lock goes with its process.
    bridge.kill();
    Bridge::start(&place).await.completed(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_file_is_named_and_left_alone() {
    let place = Place::at(nobody(), Settings::default());
    let text = "shopping list\n".repeat(1_000);
    std::fs::write(place.store(), &text).expect("a file");
    let name = place.store().display().to_string();
    for command in [&["serve"][..], &["tickets", "list"]] {
        place.run(command).await.says(1, &["TB0102", &name]);
    }
    assert_eq!(std::fs::read_to_string(place.store()).expect("the file"), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_is_named() {
    let place = on_store(String::from("sqlite:///no-such-folder/anywhere/store.db"));
    place.run(&["serve"]).await.says(1, &["/no-such-folder/anywhere", "does not exist", "create it"]);
    let place = on_store(String::from("postgres://ticketbridge@db.example.org/tickets"));
    place.run(&["serve"]).await.says(1, &["PostgreSQL", "sqlite://ticketbridge.db"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_the_right_to_write_is_named() {
    let place = Place::at(nobody(), Settings::default());
    place.good(&["tickets", "list"]).await;
    std::fs::set_permissions(place.store(), std::fs::Permissions::from_mode(0o444)).expect("it is ours");
    if std::fs::OpenOptions::new().write(true).open(place.store()).is_ok() {
        println!("not tried: the superuser may write anything");
        return;
    }
    place.run(&["serve"]).await.says(1, &["permission"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typo_in_the_configuration_is_found_by_line_and_key() {
    let place = Place::at(nobody(), Settings { platform: String::from("max_in_fligth = 3"), ..Settings::default() });
    let line = 1 + place.text().lines().position(|line| line.starts_with("max_in_fligth")).expect("it is there");
    for command in [&["serve"][..], &["config", "check"], &["tickets", "list"]] {
        let ended = place.run(command).await;
        ended
            .says(2, &["TB0001", &format!(":{line}:"), "platforms.sfyc.max_in_fligth", "did you mean `max_in_flight`"]);
    }
    assert!(!place.store().exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connector_file_stops_its_platform_and_nothing_else() {
    let sandbox = sandbox(1).await;
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../platforms/src/connector/builtin/sfyc.toml");
    let good = std::fs::read_to_string(&builtin).expect("the shipped file");
    let broken = good.replace(
        "body = \"{items: [.items[] | {ticketNumber: .ticket_number, noteRef",
        "body = \"{items: [.items[ | {ticketNumber: .ticket_number, noteRef",
    );
    assert_ne!(good, broken);
    let line = 1 + broken.lines().position(|line| line.contains(".items[ |")).expect("it is there");
    let mut place = Place::on(&sandbox, Settings::default());
    let file = place.folder().join("site.toml");
    std::fs::write(&file, &broken).expect("a file");
    place.settings.connector = file.display().to_string();
    place.write_config();
    let texts = [format!("line {line}"), String::from("add_note"), String::from("TB0204")];
    let texts = texts.each_ref().map(String::as_str);
    place.run(&["config", "check"]).await.says(1, &texts);
    place.run(&["connector", "check", &place.settings.connector]).await.says(1, &texts[..2]);

    let bridge = Bridge::start(&place).await;
    let why = bridge.readiness("degraded").await["reasons"][0]["why"].as_str().expect("a reason").to_owned();
    assert!(texts.iter().all(|text| why.contains(text)), "{why}");
    bridge.send(&tickets("C", 3)).await;
    assert_eq!(bridge.states().await["Received"], 3);
    assert_eq!(writes(&sandbox.sfyc_stats()), 0);
    assert!(bridge.stop().await.success());
    std::fs::write(&file, &good).expect("a file");
    let bridge = Bridge::start(&place).await;
    bridge.completed(3).await;
    bridge.readiness("ok").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_wrong_token_tickets_are_received_and_wait() {
    let sandbox = sandbox(1).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let secret = place.folder().join("token");
    std::fs::write(&secret, "wrong\n").expect("a file");
    place.settings.token = format!("file:{}", secret.display());
    place.write_config();
    let check = place.run(&["platform", "check"]).await;
    assert_eq!(check.code, 1, "{check:#?}");
    assert!(check.stdout.contains("FAIL  sfyc") && check.stdout.contains("401"), "{check:#?}");

    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("T", 5)).await;
    let ready = bridge.readiness("degraded").await;
    assert!(ready["reasons"][0]["why"].as_str().expect("a reason").contains("401"), "{ready}");
    assert!(!bridge.states().await.contains_key("Error"));
    assert!(bridge.stop().await.success());
    assert!(!sandbox.sfyc_stats().traffic.operations.contains_key("create_tickets"));
    std::fs::write(&secret, format!("{TOKEN}\n")).expect("a file");
    place.good(&["platform", "check"]).await;
    let bridge = Bridge::start(&place).await;
    let all = bridge.completed(5).await;
    assert!(all.values().all(|ticket| ticket["attempts"] == 0));
    bridge.readiness("ok").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_platform_is_waited_for() {
    let address = nobody();
    let place = Place::at(address, Settings::default());
    let check = place.run(&["platform", "check"]).await;
    assert_eq!(check.code, 1, "{check:#?}");
    assert!(check.stdout.contains("FAIL  sfyc"), "{check:#?}");
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("U", 5)).await;
    let ready = bridge.readiness("degraded").await;
    assert!(ready["reasons"][0]["why"].as_str().expect("a reason").contains("TB0201"), "{ready}");
    assert!(!bridge.states().await.contains_key("Error"));
    let config = SandboxConfig { listen: address, ..SandboxConfig::default() };
    let sandbox = until("the address is free", async || Sandbox::start(config.clone()).await.ok()).await;
    let all = bridge.completed(5).await;
    assert!(all.values().all(|ticket| ticket["attempts"] == 0));
    bridge.readiness("ok").await;
    assert!(sandbox.sfyc_stats().traffic.requests(&["create_tickets"]) >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_csv_is_refused_and_changes_nothing() {
    let place = Place::at(
        nobody(),
        Settings {
            workflow: String::from("schedule = \"\"\nretention_h = 87600\nfuture_tolerance_s = 300000000"),
            ..Settings::default()
        },
    );
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data/telecom/golden");
    for kind in ["topology_service_group", "topology_channel", "us_channel_snr"] {
        let file = golden.join(format!("{kind}.csv")).display().to_string();
        place.good(&["offload", kind, &file]).await;
    }
    let table = ["aggregations", "snr_upstream", "--as-of", "2026-11-20T23:45:00Z", "--json"];
    let before = place.good(&table).await.json();
    assert!(!before.as_array().expect("rows").is_empty());

    let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, content) in [
        ("noise.csv", noise),
        ("columns.csv", b"when,who,what\n2026-11-20T00:00:00Z,a,1\n".to_vec()),
        ("line.csv", vec![b'x'; 5_000_000]),
        ("quote.csv", [b"timestamp_utc,channel_id,snr_db\n\"".to_vec(), vec![b'y'; 3_000_000]].concat()),
        ("empty.csv", Vec::new()),
        ("page.csv", b"<!DOCTYPE html><html><body>Login</body></html>\n".to_vec()),
    ] {
        let file = place.folder().join(name);
        std::fs::write(&file, content).expect("a file");
        for kind in ["us_channel_snr", "topology_channel"] {
            let ended = place.run(&["offload", kind, &file.display().to_string()]).await;
            if name == "quote.csv" && ended.code == 0 && kind == "us_channel_snr" {
                // Its header is right: a row that is none is rejected and counted.
                assert!(ended.stdout.contains("rejected"), "{ended:#?}");
                continue;
            }
            ended.says(1, &[name]);
            assert!(ended.stderr.len() < 600 && ended.stderr.starts_with("error: "), "{}", ended.stderr);
            println!("{kind}: {}", ended.stderr.trim_end());
        }
    }
    place.run(&["offload", "us_channel_snr", "nowhere.csv"]).await.says(1, &["nowhere.csv", "check that it is there"]);
    place.run(&["offload", "songs", "nowhere.csv"]).await.says(1, &["songs", "us_channel_snr"]);
    assert_eq!(place.good(&table).await.json(), before);
}

/// A service whose store lies on a disk of 4 MiB of its own, where that can be had without rights.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_new_tickets_loses_none_and_is_over_when_there_is_room() {
    let sandbox = sandbox(1).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let disk = place.folder().join("disk");
    std::fs::create_dir(&disk).expect("a folder");
    place.settings.store = Some(format!("sqlite://{}", disk.join("ticketbridge.db").display()));
    place.write_config();
    let inside = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        let mount = format!("mount -t tmpfs -o size=4m none '{}' && {script}", disk.display());
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]);
        command
    };
    if !inside("true").status().is_ok_and(|status| status.success()) {
        println!("not tried: no disk of its own can be had here");
        return;
    }
    let mut command =
        inside(&format!("exec '{}' -c '{}' serve", env!("CARGO_BIN_EXE_ticketbridge"), place.config().display()));
    command.env("SFYC_TOKEN", TOKEN);
    let mut bridge = Bridge::start_command(command).await;
    // The same disk, seen from outside.
    let seen =
        Path::new("/proc").join(bridge.id().to_string()).join("root").join(disk.strip_prefix("/").expect("absolute"));
    let filler = seen.join("filler");
    bridge.send(&tickets("BEFORE", 20)).await;
    bridge.completed(20).await;
    std::fs::write(&filler, vec![0; 8 << 20]).expect_err("the disk is small");
    let body = Value::from(tickets("FULL", 400));
    let refused = bridge.call(Method::POST, "/api/v1/tickets", Some(&body)).await;
    assert_eq!((refused.status, &refused.body["code"]), (503, &Value::from("TB0104")), "{}", refused.body);
    assert!(refused.body["what_to_do"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(bridge.tickets().await.len(), 20, "it is refused whole, and what was there is there");
    std::fs::remove_file(&filler).expect("room again");
    until("it receives again", async || {
        let reply = bridge.call(Method::POST, "/api/v1/tickets", Some(&body)).await;
        (reply.status == 200).then_some(())
    })
    .await;
    bridge.completed(420).await;
    assert_eq!(sandbox.sfyc_stats().duplicates.total, 0);
    bridge.signal("TERM");
    assert!(bridge.ended().await.success());
}
