//! Disks that are full and files that cannot be written: the service says what is wrong, keeps what it accepted, sends
//! nothing that is not on disk first, and goes on when the disk does.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::Value;
use ticketbridge_sandbox::Running;
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::{Bridge, Reply};
use crate::place::{Backend, Place, Settings, faults, run, sandbox, say, tickets, until, writes};

/// Size of the small disk.
const SMALL: &str = "16m";

/// A small disk of its own: a file system in memory that only this process and those put into it see.
#[cfg(target_os = "linux")]
struct SmallDisk {
    /// Keeps the disk as long as its input is open.
    keeper: Child,
    folder: PathBuf,
}

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// Mounts one over `folder`; `None`: this machine lets nobody mount in a namespace of his own.
    async fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let ready = folder.with_extension("ready");
        let script = format!("mount -t tmpfs -o size={SMALL} small \"$1\" && echo > \"$2\" && exec cat");
        let spawned = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            .args([folder, &ready])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut keeper = match spawned {
            Ok(keeper) => keeper,
            Err(error) => {
                say(&format!("left out: there is no `unshare` to mount a small disk with ({error})"));
                return None;
            }
        };
        let mounted = until("the disk is mounted", async || {
            if ready.exists() {
                return Some(true);
            }
            keeper.try_wait().expect("it is ours").map(|_| false)
        })
        .await;
        if !mounted {
            say(&format!("left out: a small disk cannot be mounted here: {:?}", keeper.wait_with_output()));
            return None;
        }
        Some(Self { keeper, folder: folder.to_owned() })
    }

    /// The same command, run where the disk is seen.
    fn inside(&self, command: &Command) -> Command {
        let mut inner = Command::new("nsenter");
        inner.args(["--user", "--mount", "--preserve-credentials", "--target", &self.keeper.id().to_string()]);
        inner.arg(command.get_program()).args(command.get_args()).env_clear().stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            inner.env(name, value.expect("set"));
        }
        inner
    }

    /// A file of the disk, as seen from outside.
    fn file(&self, name: &str) -> PathBuf {
        let folder = self.folder.strip_prefix("/").expect("absolute");
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(folder).join(name)
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut ballast = fs::OpenOptions::new().create(true).append(true).open(self.file("ballast")).expect("a file");
        for block in [64 * 1024, 4 * 1024] {
            while ballast.write_all(&vec![1; block]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.file("ballast")).expect("it is there");
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended already.
        if self.keeper.kill().is_ok() {
            let _reaped = self.keeper.wait();
        }
    }
}

/// Tickets with long texts, so that a disk fills soon.
fn long_tickets(prefix: &str, count: usize) -> Vec<Value> {
    let mut all = tickets(prefix, count);
    for ticket in &mut all {
        ticket["description"] = "The same again. ".repeat(500).into();
    }
    all
}

async fn hand_over(bridge: &Bridge, tickets: &[Value]) -> Reply {
    bridge.call(Method::POST, "/api/v1/tickets", Some(&Value::from(tickets))).await
}

/// Every write request that the platform saw has its intent in the journal.
async fn each_request_has_its_intent(bridge: &Bridge, sandbox: &Running) {
    let mut batches = std::collections::BTreeSet::new();
    for ticket in bridge.tickets().await.values() {
        let shown = bridge.get(&format!("/api/v1/tickets/{}", ticket["id"].as_str().expect("an id"))).await;
        let timeline = shown["timeline"].as_array().expect("a timeline");
        batches.extend(timeline.iter().filter_map(|entry| entry["batch"].as_i64()));
    }
    let requests = usize::try_from(writes(&sandbox.sfyc_stats())).expect("a count");
    assert!(requests <= batches.len(), "{requests} write requests, {} intents", batches.len());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_taken_or_sent_and_it_goes_on_by_itself() {
    let sandbox = sandbox(1).await;
    let backends = vec![Backend { max_tickets_per_request: 5, ..Backend::default() }];
    let mut place = Place::on(&sandbox, Settings { backends, ..Settings::default() });
    let Some(disk) = SmallDisk::mount(&place.folder().join("disk")).await else { return };
    place.settings.store = Some(format!("sqlite://{}/ticketbridge.db", disk.folder.display()));
    place.write_config();
    let bridge = Bridge::start_command(disk.inside(&place.command(&["serve"]))).await;
    faults(&sandbox, [Rule::from(Knob::AnswerDelay { ms: 50, max_ms: None })]);
    bridge.send(&tickets("FIRST", 200)).await;
    until("work has begun", async || (writes(&sandbox.sfyc_stats()) > 0).then_some(())).await;
    disk.fill();
    bridge.logs("TB0104").await;
    // Until nothing fits any more: part of them may still be taken, and every answer counts.
    let (mut taken, mut refused) = (200, None);
    for round in 0..200 {
        let portion = long_tickets(&format!("FULL{round}"), 10);
        let reply = hand_over(&bridge, &portion).await;
        if reply.status != 200 {
            refused = Some((portion, reply));
            break;
        }
        taken += portion.len();
    }
    let (portion, reply) = refused.expect("the disk is full");
    assert_eq!((reply.status, &reply.body["code"]), (503, &Value::from("TB0104")), "{}", reply.body);
    assert!(reply.body["detail"].as_str().is_some_and(|text| text.contains("Free space")), "{}", reply.body);
    let by_state = bridge.states().await;
    assert!(
        !by_state.contains_key("Error") && by_state.get("Completed") != Some(&taken),
        "in the midst of it: {by_state:?}"
    );
    assert_eq!(bridge.tickets().await.len(), taken, "what was accepted, and nothing else");

    disk.make_room();
    until("the refused are taken", async || (hand_over(&bridge, &portion).await.status == 200).then_some(())).await;
    bridge.completed(taken + portion.len()).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.duplicates.total), (taken + portion.len(), 0));
    each_request_has_its_intent(&bridge, &sandbox).await;

    // A start on a full disk says so, too, and the next one with room is well.
    disk.fill();
    bridge.kill();
    let ended = run(disk.inside(&place.command(&["serve"]))).await;
    assert!(ended.code == 1 && ended.stderr.to_lowercase().contains("space"), "{ended:#?}");
    disk.make_room();
    let bridge = Bridge::start_command(disk.inside(&place.command(&["serve"]))).await;
    bridge.completed(taken + portion.len()).await;
    assert_eq!(sandbox.sfyc_stats().duplicates.total, 0);
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_ends_the_process_and_the_next_start_has_all_that_was_accepted() {
    let sandbox = sandbox(1).await;
    let place = Place::on(&sandbox, Settings::default());
    // No file may grow beyond 1.5 MiB: to SQLite that is no full disk but a disk that fails.
    let serve = place.command(&["serve"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 3072; exec \"$@\"", "sh"]).arg(serve.get_program());
    limited.args(serve.get_args()).current_dir(place.folder()).env_clear().stdin(Stdio::null());
    for (name, value) in serve.get_envs() {
        limited.env(name, value.expect("set"));
    }
    let mut bridge = Bridge::start_command(limited).await;
    let client = crate::bridge::client();
    let mut accepted = 0;
    for round in 0..400 {
        let portion = Value::from(long_tickets(&format!("LIMIT{round}"), 10));
        let sent = crate::bridge::try_call(&client, bridge.address, Method::POST, "/api/v1/tickets", Some(&portion));
        match sent.await {
            Ok(reply) if reply.status == 200 => accepted += 10,
            Ok(reply) => {
                assert_eq!((reply.status, &reply.body["code"]), (503, &Value::from("TB0105")), "{}", reply.body);
                break;
            }
            Err(_gone) => break,
        }
    }
    assert!(accepted > 0 && accepted < 4_000, "{accepted}");
    assert!(!bridge.ended().await.success());
    assert!(bridge.log().contains("TB0105"), "{}", bridge.log());
    drop(bridge);

    let bridge = Bridge::start(&place).await;
    let there = bridge.tickets().await.len();
    // The last portion was not answered: all of it may be there, or nothing.
    assert!(there == accepted || there == accepted + 10, "{there} of {accepted}");
    bridge.completed(there).await;
    let stats = sandbox.sfyc_stats();
    assert_eq!((stats.tickets, stats.linked, stats.duplicates.total), (there, there, 0));
    each_request_has_its_intent(&bridge, &sandbox).await;
    assert!(bridge.stop().await.success());
}

/// A user whom permissions bind: the superuser writes anything.
const NOBODY: u32 = 65_534;

/// The command as a user whom permissions bind.
fn bound(mut command: Command, superuser: bool) -> Command {
    if superuser {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Whether we are a user whom permissions do not bind.
fn superuser(folder: &Path) -> bool {
    let probe = folder.join("probe");
    fs::write(&probe, "").expect("a file");
    allow(&probe, 0o444);
    let writes_anyway = fs::OpenOptions::new().append(true).open(&probe).is_ok();
    fs::remove_file(&probe).expect("it is ours");
    writes_anyway
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_written_is_named_and_left_as_it_is() {
    let sandbox = sandbox(1).await;
    let mut place = Place::on(&sandbox, Settings::default());
    let superuser = superuser(place.folder());
    let folder = place.folder().join("store");
    fs::create_dir(&folder).expect("a folder");
    allow(place.folder(), 0o755);
    allow(&folder, 0o777);
    let file = folder.join("ticketbridge.db");
    place.settings.store = Some(format!("sqlite://{}", file.display()));
    place.write_config();
    let command = |arguments: &[&str]| bound(place.command(arguments), superuser);
    let bridge = Bridge::start_command(command(&["serve"])).await;
    bridge.send(&tickets("RO", 5)).await;
    let before = bridge.completed(5).await;
    assert!(bridge.stop().await.success());
    let bytes = fs::read(&file).expect("it is there");

    let lock = folder.join("ticketbridge.db.lock");
    for (what, changes) in [
        ("the file", vec![(&file, 0o444)]),
        ("the folder", vec![(&folder, 0o555)]),
        ("file and folder", vec![(&file, 0o444), (&folder, 0o555)]),
        ("the lock", vec![(&lock, 0o444), (&folder, 0o555)]),
    ] {
        let earlier: Vec<_> = changes.iter().map(|(path, _)| (*path, mode(path))).collect();
        for (path, mode) in &changes {
            allow(path, *mode);
        }
        let ended = run(command(&["serve"])).await;
        assert_eq!(ended.code, 1, "{what}: {ended:#?}");
        assert!(ended.stderr.contains("permission") && ended.stderr.contains("ticketbridge.db"), "{what}: {ended:#?}");
        for (path, mode) in &earlier {
            allow(path, *mode);
        }
        assert_eq!(fs::read(&file).expect("it is there"), bytes, "{what}");
    }
    let bridge = Bridge::start_command(command(&["serve"])).await;
    assert_eq!(bridge.completed(5).await, before);
    bridge.send(&tickets("AFTER", 5)).await;
    bridge.completed(10).await;
    assert_eq!((sandbox.sfyc_stats().tickets, sandbox.sfyc_stats().duplicates.total), (10, 0));
    assert!(bridge.stop().await.success());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode()
}
