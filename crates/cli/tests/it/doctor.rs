//! `doctor` on installations that are well and on ones with something broken.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::Bridge;
use crate::place::{Ended, Place, Settings, faults, sandbox, ticket, tickets, writes};

/// The findings of an area, as `LEVEL what: seen`.
fn findings(ended: &Ended, area: &str) -> Vec<String> {
    let report = ended.json();
    let all = report["findings"].as_array().expect("findings");
    let line = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {}", text("level"), text("what"), text("seen"))
    };
    all.iter().filter(|one| one["area"] == area).map(line).collect()
}

/// A finding of this area must begin and go on like this, and the command must say what to do.
#[track_caller]
fn says(ended: &Ended, area: &str, start: &str, rest: &str) {
    let lines = findings(ended, area);
    assert!(lines.iter().any(|line| line.starts_with(start) && line.contains(rest)), "{start}…{rest}: {lines:#?}");
    let report = ended.json();
    let all = report["findings"].as_array().expect("findings");
    assert!(all.iter().all(|one| (one["level"] == "ok") == one["next"].is_null()), "{report:#}");
}

async fn doctor(place: &Place, areas: &[&str]) -> Ended {
    let mut arguments = vec!["doctor", "--json"];
    for area in areas {
        arguments.extend(["--only", area]);
    }
    place.run(&arguments).await
}

/// A place where tickets were carried to the platform and a service still runs.
async fn busy(seed: u64, count: usize) -> (ticketbridge_sandbox::Running, Place, Bridge) {
    let sandbox = sandbox(seed).await;
    let place = Place::on(&sandbox, Settings::default());
    let bridge = Bridge::start(&place).await;
    bridge.send(&tickets("doctor", count)).await;
    bridge.completed(count).await;
    (sandbox, place, bridge)
}

/// What the ledger knows is older than the doctor's patience with a lagging search.
fn age(store: &Path) {
    let store = Connection::open(store).expect("the store opens");
    store.execute("UPDATE known_ticket SET at = at - 600000", []).expect("the ledger is aged");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_service_all_is_seen_and_nothing_is_changed() {
    let (sandbox, place, bridge) = busy(71, 3).await;
    age(&place.store());
    let before = sandbox.sfyc_stats();
    let ended = doctor(&place, &[]).await;
    assert!([0, 3].contains(&ended.code), "{ended:#?}");
    says(&ended, "platforms", "ok sfyc: look-up canary: ", "3 of 3 known tickets found, a random key is not");
    says(&ended, "store", "ok store integrity: ", "is whole");
    says(&ended, "store", "ok store journal: ", "write-ahead log");
    says(&ended, "store", "ok schema: ", "up to date");
    says(&ended, "store", "ok rows: ", "ticket 3");
    says(&ended, "work", "ok lanes of sfyc: ", "held by process");
    says(&ended, "work", "ok tickets in Error: ", "none");
    says(&ended, "clock", "ok clock of sfyc: ", " s against ours");
    says(&ended, "mail", "ok mail server: ", "none is configured");
    says(&ended, "configuration", "ok secrets: ", "1 referred to, all there");
    let after = sandbox.sfyc_stats();
    assert_eq!(writes(&before), writes(&after), "nothing is written on a platform");
    let left: Vec<_> =
        std::fs::read_dir(place.folder()).expect("the folder").flatten().map(|file| file.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("doctor")), "{left:?}");
    assert_eq!(doctor(&place, &["service"]).await.code, 0, "its port is chosen at the start");
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_that_never_ran_is_looked_at_and_not_made() {
    let sandbox = sandbox(72).await;
    let place = Place::on(&sandbox, Settings::default());
    let ended = doctor(&place, &[]).await;
    says(&ended, "store", "ok store: ", "not there yet");
    says(&ended, "platforms", "ok sfyc: look-up canary: ", "no ticket of ours is known there yet");
    says(&ended, "service", "warning serve: ", "nothing is taken in and nothing is sent");
    assert!(!place.store().exists());
    let text = place.run(&["doctor", "--only", "store"]).await;
    assert!(text.code == 0 && text.stdout.starts_with("ok       store          store: "), "{text:#?}");
    place.run(&["doctor", "--only", "stores"]).await.says(2, &["invalid value 'stores'", "platforms"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_that_cannot_be_trusted_fail_with_their_codes() {
    let (sandbox, place, bridge) = busy(73, 4).await;
    bridge.stop().await;
    age(&place.store());
    faults(&sandbox, [Rule::from(Knob::EmptyLookups {})]);
    let hidden = doctor(&place, &["platforms"]).await;
    assert_eq!(hidden.code, 1);
    says(&hidden, "platforms", "failed sfyc: look-up canary: TB0301: 4 of 4", "known tickets are not found");
    sandbox.clear_faults();
    faults(&sandbox, [Rule::from(Knob::UnknownFilterIgnored { filters: Vec::new() })]);
    let ignored = doctor(&place, &["platforms"]).await;
    assert_eq!(ignored.code, 1);
    says(&ignored, "platforms", "failed sfyc: search: TB0302", "");
    sandbox.clear_faults();
    assert_eq!(doctor(&place, &["platforms"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_missing_secret_are_named() {
    let sandbox = sandbox(74).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let secret = place.folder().join("token");
    std::fs::write(&secret, "not-the-token").expect("the secret is written");
    place.settings.token = format!("file:{}", secret.display());
    place.write_config();
    let wrong = doctor(&place, &["platforms"]).await;
    assert_eq!(wrong.code, 1);
    says(&wrong, "platforms", "failed sfyc: ", "401");
    assert!(!wrong.stdout.contains("not-the-token") && !wrong.stderr.contains("not-the-token"));
    std::fs::remove_file(&secret).expect("the secret goes");
    let missing = doctor(&place, &["configuration", "platforms"]).await;
    says(&missing, "configuration", "failed secret: TB0002", "cannot be read");
    says(&missing, "platforms", "failed sfyc: configuration: ", "TB0002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_whose_clock_is_off_is_a_warning() {
    let sandbox = sandbox(75).await;
    let place = Place::on(&sandbox, Settings::default());
    sandbox.shift_date(-600);
    let behind = doctor(&place, &["clock"]).await;
    assert_eq!(behind.code, 3);
    says(&behind, "clock", "warning clock of sfyc: ", "behind of this machine");
    sandbox.shift_date(0);
    assert_eq!(doctor(&place, &["clock"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_user_can_read_is_a_warning() {
    let sandbox = sandbox(76).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
    };
    // Only if every folder above it lets others through is it exposed.
    mode(place.folder(), 0o755);
    let secret = place.folder().join("token");
    std::fs::write(&secret, "x").expect("the secret is written");
    mode(&secret, 0o644);
    place.settings.token = format!("file:{}", secret.display());
    place.write_config();
    let open = doctor(&place, &["rights"]).await;
    assert_eq!(open.code, 3);
    says(&open, "rights", "warning secret file: ", "has mode 0644: every user of this machine can read");
    mode(&secret, 0o600);
    assert_eq!(doctor(&place, &["rights"]).await.code, 0);
    mode(&secret, 0o644);
    mode(place.folder(), 0o700);
    assert_eq!(doctor(&place, &["rights"]).await.code, 0, "its folder keeps others out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_damaged_foreign_or_out_of_its_log_mode_is_told_and_left_as_it_is() {
    let (_sandbox, place, bridge) = busy(77, 30).await;
    bridge.stop().await;
    let store = place.store();
    let whole = std::fs::read(&store).expect("the store");
    {
        let connection = Connection::open(&store).expect("the store opens");
        let mode: String = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).expect("a mode");
        assert_eq!(mode, "delete");
    }
    let mode = doctor(&place, &["store"]).await;
    assert_eq!(mode.code, 3);
    says(&mode, "store", "warning store journal: ", "journal mode is `delete` instead of `wal`");

    let mut damaged = whole.clone();
    // All but the first page, which says what the file is.
    damaged[4096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&store, &damaged).expect("the store is damaged");
    let torn = doctor(&place, &["store"]).await;
    assert_eq!(torn.code, 1);
    says(&torn, "store", "failed store integrity: TB0102", "is damaged");
    assert_eq!(std::fs::read(&store).expect("the store"), damaged, "it is left as it is");

    std::fs::write(&store, "no database at all, but longer than a header").expect("another file");
    let foreign = doctor(&place, &[]).await;
    assert_eq!(foreign.code, 1);
    says(&foreign, "store", "failed store: TB0102", "is no database of ticketbridge");

    std::fs::write(&store, &whole).expect("the store is back");
    let back = doctor(&place, &["store"]).await;
    says(&back, "store", "ok store integrity: ", "is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_and_what_waits_is_told_by_cause() {
    let sandbox = sandbox(78).await;
    let place = Place::on(&sandbox, Settings::default());
    let poison = Knob::PoisonItem {
        text: String::from("poison"),
        code: String::from("NOT_WANTED"),
        message: String::from("not here"),
        retryable: false,
    };
    faults(&sandbox, [Rule::from(poison)]);
    let bridge = Bridge::start(&place).await;
    bridge.send(&[ticket("poison-1"), ticket("poison-2"), ticket("fine")]).await;
    bridge.settled(3).await;
    let ended = doctor(&place, &["work"]).await;
    assert_eq!(ended.code, 3);
    says(&ended, "work", "warning tickets in Error: 2; 2 times: ", "NOT_WANTED");
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_read_is_a_finding() {
    let sandbox = sandbox(79).await;
    let place = Place::on(&sandbox, Settings::default());
    std::fs::write(place.config(), "[stoer]\n").expect("a file");
    let ended = doctor(&place, &[]).await;
    assert_eq!(ended.code, 2);
    says(&ended, "configuration", "failed file: ", "stoer");
}
