//! What ships beside the binary: the unit file, completions and manual pages fit the program that they are for.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use ticketbridge_config::Config;

use crate::bridge::Bridge;
use crate::place::{Place, Settings, binary, run, sandbox};

const UNIT: &str = include_str!("../../../../packaging/systemd/ticketbridge.service");
const CONTAINER: &str = include_str!("../../../../packaging/container/Containerfile");

/// Settings of the unit's `[Service]`; what stands twice has all its values.
fn unit() -> BTreeMap<&'static str, Vec<&'static str>> {
    let (_, service) = UNIT.split_once("[Service]").expect("a service");
    let (service, _) = service.split_once("[Install]").expect("an end");
    let mut settings: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in service.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("`{line}` is no setting"));
        settings.entry(name).or_default().push(value);
    }
    settings
}

/// Seconds of `60s` or `30min`.
fn seconds(span: &str) -> u64 {
    let number: u64 = span.trim_end_matches(char::is_alphabetic).parse().expect("a number");
    if span.ends_with("min") { number * 60 } else { number }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_starts_this_program_and_gives_it_time_to_stop() {
    let unit = unit();
    let start: Vec<&str> = unit["ExecStart"][0].split(' ').collect();
    assert_eq!((start[0], start.last()), ("/usr/bin/ticketbridge", Some(&"serve")));
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary(folder.path());
    command.args(&start[1..]).arg("--help");
    assert_eq!(run(command).await.code, 0, "its arguments are taken");
    let grace = Config::parse("", "the defaults", []).expect("the defaults").config.server.shutdown_grace.get();
    assert!(seconds(unit["TimeoutStopSec"][0]) >= grace.as_secs() + 10);
    assert_eq!(unit["RestartPreventExitStatus"], ["2"], "docs/cli.md: a configuration that must be mended first");
    // Leases read the boot's id below /proc/sys.
    assert!(!unit.contains_key("ProcSubset"));
    for hardened in ["NoNewPrivileges", "PrivateTmp", "MemoryDenyWriteExecute", "RestrictNamespaces"] {
        assert_eq!(unit[hardened], ["yes"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_containers_health_check_is_a_command_of_this_program() {
    let line = CONTAINER.lines().find(|line| line.trim_start().starts_with("CMD [\"ticketbridge\"")).expect("a check");
    let words: Vec<String> = serde_json::from_str(line.trim_start().trim_start_matches("CMD ")).expect("a list");
    let sandbox = sandbox(81).await;
    let place = Place::on(&sandbox, Settings::default());
    let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    assert_eq!(place.run(&arguments).await.code, 3, "nothing runs");
    let bridge = Bridge::start(&place).await;
    assert_eq!(place.run(&arguments).await.code, 0);
    bridge.stop().await;
    assert!(!CONTAINER.contains("USER root") && CONTAINER.contains("USER 10001:10001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_when_the_service_is_ready_and_when_it_stops() {
    let sandbox = sandbox(82).await;
    let place = Place::on(&sandbox, Settings::default());
    let path = place.folder().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(crate::place::PATIENCE)).expect("a time-out");
    let mut command = place.command(&["serve"]);
    command.env("NOTIFY_SOCKET", &path);
    let bridge = Bridge::start_command(command).await;
    assert_eq!(heard(&socket).lines().next(), Some("READY=1"));
    assert!(bridge.stop().await.success());
    assert_eq!(heard(&socket).lines().next(), Some("STOPPING=1"));
}

fn heard(socket: &UnixDatagram) -> String {
    let mut message = [0; 500];
    let length = socket.recv(&mut message).expect("a message");
    String::from_utf8_lossy(&message[..length]).into_owned()
}

/// Every command that `--help` names has its page, and the pages name their commands.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man");
    let mut command = binary(folder.path());
    command.arg("man").arg("--output").arg(&pages);
    assert_eq!(run(command).await.code, 0);
    let read = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(read("ticketbridge.1").contains("ticketbridge\\-doctor(1)"));
    assert!(read("ticketbridge-feedback-cursor-rewind.1").contains("\\-\\-to\\-start"));
    let mut help = binary(folder.path());
    help.arg("--help");
    let help = run(help).await.stdout;
    let (_, commands) = help.split_once("Commands:\n").expect("commands");
    let (commands, _) = commands.split_once("\n\n").expect("options behind them");
    // A name stands two blanks in; what its text is wrapped to stands further in.
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 15 && names.contains(&"doctor"), "{names:?}");
    for name in names {
        assert!(pages.join(format!("ticketbridge-{name}.1")).is_file(), "{name} has no page");
    }
    assert!(!pages.join("ticketbridge-connector-check-child.1").exists(), "hidden commands have none");
}

/// Lets a shell complete a command line, where it is installed: `$COMPLETIONS` names the script of completions.
fn complete(shell: &str, folder: &Path, script: &str) -> Option<String> {
    let file = folder.join(if shell == "zsh" { "_ticketbridge" } else { "completions" });
    let made = binary(folder).args(["completions", shell]).output().expect("the command starts");
    assert!(made.status.success() && !made.stdout.is_empty(), "{shell}: {made:?}");
    std::fs::write(&file, &made.stdout).expect("the script is written");
    let output = Command::new(shell).args(["-c", script]).env("COMPLETIONS", &file).output().ok()?;
    assert!(output.status.success(), "{shell}: {output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn shells_complete_commands_options_and_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let bash = r#"source "$COMPLETIONS"
        try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _ticketbridge ticketbridge "${@: -1}" "${@: -2:1}"; echo "${COMPREPLY[*]}"; }
        try ticketbridge doc; try ticketbridge tickets re; try ticketbridge doctor --only pl; try ticketbridge feedback cursor rewind --to"#;
    if let Some(said) = complete("bash", folder.path(), bash) {
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines, ["doctor", "retry redrive", "platforms", "--to-start --to"], "bash");
    }
    let fish = r#"source $COMPLETIONS
        for line in "ticketbridge doc" "ticketbridge tickets red" "ticketbridge doctor --only pl"
            complete -C "$line" | string split -f1 \t
        end
        true"#;
    if let Some(said) = complete("fish", folder.path(), fish) {
        assert_eq!(said.lines().collect::<Vec<_>>(), ["doctor", "redrive", "platforms"], "fish");
    }
    // Its completion system needs a terminal; here the script is read and its function defined.
    let zsh = r#"autoload -Uz compinit; compinit -D -u; source "$COMPLETIONS"; whence -w _ticketbridge; [[ "$(functions _ticketbridge_commands)" == *doctor* ]] && echo knows"#;
    if let Some(said) = complete("zsh", folder.path(), zsh) {
        assert_eq!(said.lines().collect::<Vec<_>>(), ["_ticketbridge: function", "knows"], "zsh");
    }
}
