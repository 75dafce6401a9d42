//! A place to run in: a folder with a configuration, a platform, and the commands of the binary.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::sfyc::{OperatorAct, SeedTicket, Stats};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig, TOKEN, cherwell};

/// A deadline that only a hang exceeds, on however busy a machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// Distance of two looks at a condition.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One backend of a configuration.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    /// The platform of its tickets: `sfyc` or `cherwell`.
    pub(crate) tickets: &'static str,
    /// The platform of its work orders.
    pub(crate) work_orders: &'static str,
    pub(crate) max_retries: u32,
    pub(crate) max_tickets_per_request: u32,
}

impl Default for Backend {
    fn default() -> Self {
        Self { name: "be-1", tickets: "sfyc", work_orders: "sfyc", max_retries: 3, max_tickets_per_request: 50 }
    }
}

/// What tests choose of a configuration.
pub(crate) struct Settings {
    pub(crate) backends: Vec<Backend>,
    pub(crate) request_timeout: &'static str,
    /// Longest time for a token of Cherwell.
    pub(crate) token_timeout: &'static str,
    pub(crate) in_doubt_for: &'static str,
    pub(crate) settling_time: &'static str,
    pub(crate) retry_initial: &'static str,
    pub(crate) retry_max: &'static str,
    /// Reference to the platform's token.
    pub(crate) token: String,
    /// The connector file.
    pub(crate) connector: String,
    /// Lines of `[platforms.sfyc]`.
    pub(crate) platform: String,
    /// Lines of `[platforms.cherwell]`, and sections below it; written if a backend is on Cherwell.
    pub(crate) cherwell: String,
    /// `store.url`; `None`: a file in the folder.
    pub(crate) store: Option<String>,
    /// Lines of `[offload]` and further sections.
    pub(crate) offload: String,
    /// Lines of `[workflow]`.
    pub(crate) workflow: String,
    /// Lines of `[delivery]`.
    pub(crate) delivery: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backends: vec![Backend::default()],
            request_timeout: "10s",
            token_timeout: "10s",
            in_doubt_for: "500ms",
            settling_time: "200ms",
            retry_initial: "50ms",
            retry_max: "500ms",
            token: String::from("env:SFYC_TOKEN"),
            connector: String::from("builtin:sfyc"),
            platform: String::new(),
            cherwell: String::new(),
            store: None,
            offload: String::from("[offload]"),
            workflow: String::from("schedule = \"\""),
            delivery: String::new(),
        }
    }
}

/// Where a bridge runs.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) settings: Settings,
    /// Address of the platform.
    pub(crate) platform: SocketAddr,
}

impl Place {
    /// A place whose platform is this sandbox.
    pub(crate) fn on(sandbox: &Running, settings: Settings) -> Self {
        Self::at(sandbox.address(), settings)
    }

    /// A place whose platform is expected at this address.
    pub(crate) fn at(platform: SocketAddr, settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Self { folder, settings, platform };
        place.write_config();
        place
    }

    /// Writes the configuration as the settings are now.
    pub(crate) fn write_config(&self) {
        std::fs::write(self.config(), self.text()).expect("the configuration is written");
    }

    /// The configuration's text.
    pub(crate) fn text(&self) -> String {
        let settings = &self.settings;
        let store = settings.store.clone().unwrap_or_else(|| format!("sqlite://{}", self.store().display()));
        let mut text = format!(
            r#"[server]
listen = "127.0.0.1:0"
[store]
url = "{store}"
[delivery]
{delivery}
[workflow]
{workflow}
{offload}
[platforms.sfyc]
type = "connector"
file = "{connector}"
host = "{host}"
port = {port}
base_path = "/sfyc"
token = "{token}"
bypass_proxy = true
timeouts = {{ connect = "2s", request = "{request}" }}
in_doubt_for = "{in_doubt_for}"
settling_time = "{settling_time}"
retry = {{ initial = "{initial}", max = "{max}" }}
{platform}
"#,
            delivery = settings.delivery,
            workflow = settings.workflow,
            offload = settings.offload,
            connector = settings.connector,
            host = self.platform.ip(),
            port = self.platform.port(),
            token = settings.token,
            request = settings.request_timeout,
            in_doubt_for = settings.in_doubt_for,
            settling_time = settings.settling_time,
            initial = settings.retry_initial,
            max = settings.retry_max,
            platform = settings.platform,
        );
        if settings.backends.iter().any(|backend| [backend.tickets, backend.work_orders].contains(&"cherwell")) {
            text.push_str(&self.cherwell());
        }
        for Backend { name, tickets, work_orders, max_retries, max_tickets_per_request } in &settings.backends {
            write!(
                text,
                "[[backends]]\nname = \"{name}\"\ntickets = \"{tickets}\"\nwork_orders = \"{work_orders}\"\n\
                 max_retries = {max_retries}\nmax_tickets_per_request = {max_tickets_per_request}\n"
            )
            .expect("a text takes everything");
        }
        text
    }

    fn cherwell(&self) -> String {
        let Settings {
            request_timeout,
            token_timeout,
            in_doubt_for,
            settling_time,
            retry_initial,
            retry_max,
            cherwell,
            ..
        } = &self.settings;
        format!(
            r#"[platforms.cherwell]
type = "cherwell"
base_url = "http://{address}/CherwellAPI"
client_id = '{client}'
username = '{user}'
password = "env:CHERWELL_PASSWORD"
bypass_proxy = true
timeouts = {{ connect = "2s", token = "{token_timeout}", search = "{request_timeout}", save = "{request_timeout}" }}
in_doubt_for = "{in_doubt_for}"
settling_time = "{settling_time}"
retry = {{ initial = "{retry_initial}", max = "{retry_max}" }}
{cherwell}
"#,
            address = self.platform,
            client = cherwell::CLIENT_ID,
            user = cherwell::USER,
        )
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("ticketbridge.toml")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("ticketbridge.db")
    }

    /// The binary with this configuration and an environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary(self.folder.path());
        command.arg("-c").arg(self.config()).args(arguments);
        command
    }

    /// Starts a command that nobody listens to.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts")
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        run(self.command(arguments)).await
    }

    /// Runs a command that must succeed.
    pub(crate) async fn good(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:#?}");
        ended
    }
}

/// The binary in a folder, with nothing of our environment that could be a setting.
pub(crate) fn binary(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketbridge"));
    command
        .current_dir(folder)
        .env_clear()
        .env("SFYC_TOKEN", TOKEN)
        .env("CHERWELL_PASSWORD", TOKEN)
        .stdin(Stdio::null());
    command
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// It must have failed with this code, and each of these texts on stderr.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is missing in {}", self.stderr);
        }
    }
}

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command) -> Ended {
    let work = tokio::task::spawn_blocking(move || command.output().expect("the command starts"));
    let output: Output = tokio::time::timeout(PATIENCE, work).await.expect("the command ends").expect("no panic");
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// Waits until a look answers something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Sends a signal to a process of ours.
pub(crate) fn signal(process: u32, signal: &str) {
    // A shell has it built in; the standard library sends nothing but SIGKILL.
    let line = format!("kill -{signal} {process}");
    assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success(), "{line}");
}

/// Stops a process of ours where it is (SIGSTOP) and waits until it stands still.
#[cfg(target_os = "linux")]
pub(crate) async fn stop_still(process: u32) {
    signal(process, "STOP");
    until("the process stands still", async || {
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it is ours");
        let (_, state) = text.rsplit_once(") ").expect("a state after the name");
        state.starts_with('T').then_some(())
    })
    .await;
}

/// Says what a run did, for those who ask for the output of tests that passed.
pub(crate) fn say(text: &str) {
    // Nobody may listen.
    let _said = writeln!(std::io::stderr(), "{text}");
}

/// A platform on a free port.
pub(crate) async fn sandbox(seed: u64) -> Running {
    Sandbox::start(SandboxConfig { seed, ..SandboxConfig::default() }).await.expect("a free port")
}

/// Adds fault rules.
pub(crate) fn faults(sandbox: &Running, rules: impl IntoIterator<Item = Rule>) {
    for rule in rules {
        sandbox.add_sfyc_fault(rule).expect("a rule that fits");
    }
}

/// The operations that change something.
pub(crate) const WRITES: [&str; 4] = ["create_tickets", "create_work_orders", "add_notes", "link_work_orders"];

/// A fault of writes, by chance.
pub(crate) fn on_writes(knob: Knob, probability: f64) -> Rule {
    WRITES.iter().fold(Rule::from(knob), |rule, operation| rule.on(operation)).probability(probability)
}

/// The operations of Cherwell that save something.
pub(crate) const CHERWELL_SAVES: [&str; 3] = ["save_batch", "save_related", "link"];

/// A fault of saves on Cherwell, by chance.
pub(crate) fn on_cherwell_saves(knob: Knob, probability: f64) -> Rule {
    CHERWELL_SAVES.iter().fold(Rule::from(knob), |rule, operation| rule.on(operation)).probability(probability)
}

/// Adds fault rules on Cherwell.
pub(crate) fn cherwell_faults(sandbox: &Running, rules: impl IntoIterator<Item = Rule>) {
    for rule in rules {
        sandbox.add_cherwell_fault(rule).expect("a rule that fits");
    }
}

/// Tickets that were on the platform before us; answers their numbers.
pub(crate) fn seed(sandbox: &Running, seeds: Vec<SeedTicket>) -> Vec<String> {
    sandbox.with_sfyc(|model, now| model.seed_tickets(now, seeds)).expect("seeds that fit")
}

/// An older ticket of this key, with or without somebody's origin.
pub(crate) fn older(key: &str, origin: Option<&str>) -> SeedTicket {
    SeedTicket {
        kind: key.split('|').next().unwrap_or_default().to_owned(),
        external_ref: Some(key.to_owned()),
        origin_ref: origin.map(str::to_owned),
        title: Some(format!("{key}: opened before")),
        ..SeedTicket::default()
    }
}

/// Tickets `{prefix}-0001…`, each about a group of its own.
pub(crate) fn tickets(prefix: &str, count: usize) -> Vec<Value> {
    (1..=count).map(|number| ticket(&format!("{prefix}-{number:04}"))).collect()
}

/// A ticket about a group of this name.
pub(crate) fn ticket(name: &str) -> Value {
    json!({
        "message_id": name,
        "kind": "SNR",
        "source": {"group_id": name},
        "name": format!("SNR - {name}"),
        "description": format!("Reported about {name}."),
        "severity": "critical",
    })
}

/// Requests of the operations that change something.
pub(crate) fn writes(stats: &Stats) -> u64 {
    stats.traffic.requests(&WRITES)
}

/// Does something by hand to the ticket with a number on SFyC.
pub(crate) fn operate(sandbox: &Running, number: &str, act: &OperatorAct) {
    sandbox.with_sfyc(|model, now| model.operate(now, number, act)).expect("the operator can");
}
