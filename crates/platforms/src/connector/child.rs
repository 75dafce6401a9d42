//! Tries a file out in a process of its own, with bounded memory and time: a filter that fills the memory or never
//! comes to an end harms nobody else.
//!
//! Limits of the child, unless told otherwise: 2 GiB of address space, 10 s of processor time, 30 s in all, a report of
//! 16 MiB. On systems without such limits (Windows) only the 30 s and the report's size hold.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::{CheckReport, check};
use super::error::Problem;
use super::settings::ConnectorSettings;

/// Longest report, in bytes.
const MAX_REPORT: u64 = 16 * 1024 * 1024;
/// What the line with the report begins with: whatever else the program prints is not taken for it.
const MARK: &str = "ticketbridge-check-report ";

/// How to start this very program so that it calls [`child_main`].
#[derive(Debug, Clone)]
pub struct ChildCommand {
    /// The program; usually `std::env::current_exe()`.
    pub program: PathBuf,
    /// Its arguments: the hidden sub-command.
    pub arguments: Vec<String>,
}

/// What the child may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildLimits {
    /// Address space, in bytes.
    pub memory: u64,
    /// Processor time, in seconds.
    pub processor_seconds: u64,
    /// Time until it is ended from outside.
    pub patience: Duration,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self { memory: 2 * 1024 * 1024 * 1024, processor_seconds: 10, patience: Duration::from_secs(30) }
    }
}

#[derive(Serialize, Deserialize)]
struct Task {
    limits: ChildLimits,
    file: String,
    text: String,
    settings: ConnectorSettings,
}

/// As [`check`], in a limited child process. A child that dies or takes too long is a problem of the file.
pub fn check_in_child(
    command: &ChildCommand,
    limits: &ChildLimits,
    file: &str,
    text: &str,
    settings: &ConnectorSettings,
) -> CheckReport {
    let task =
        Task { limits: limits.clone(), file: file.to_owned(), text: text.to_owned(), settings: settings.clone() };
    match run(command, &task) {
        Ok(report) => report,
        Err(why) => CheckReport {
            file: file.to_owned(),
            problems: vec![Problem { line: None, operation: String::new(), why }],
            ..CheckReport::default()
        },
    }
}

fn run(command: &ChildCommand, task: &Task) -> Result<CheckReport, String> {
    let patience = task.limits.patience;
    let task = serde_json::to_vec(task).map_err(|error| error.to_string())?;
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the checking process can't be started: {error}"))?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (sender, receiver) = mpsc::channel();
    let exchange = std::thread::spawn(move || {
        // A child that dies early breaks the pipe; what it left to read says enough.
        if let Some(mut input) = input {
            drop(input.write_all(&task));
        }
        let mut text = Vec::new();
        if let Some(output) = output {
            drop(output.take(MAX_REPORT).read_to_end(&mut text));
        }
        drop(sender.send(text));
    });
    let text = receiver.recv_timeout(patience);
    if text.is_err() {
        drop(child.kill());
    }
    let status = child.wait().map_err(|error| format!("the checking process is lost: {error}"))?;
    drop(exchange.join());
    let text = text.map_err(|_| format!("an expression takes longer than {} s on sample data", patience.as_secs()))?;
    let text = String::from_utf8_lossy(&text);
    let report = text.lines().find_map(|line| serde_json::from_str(line.strip_prefix(MARK)?).ok());
    report.ok_or_else(|| {
        format!("the checking process ended without a report ({status}): an expression needs too much memory or time")
    })
}

/// What the hidden sub-command does: limits its own process, reads the task from standard input, and prints the report
/// to standard output.
pub fn child_main() -> std::io::Result<()> {
    let task: Task = serde_json::from_reader(std::io::stdin().lock()).map_err(std::io::Error::other)?;
    limit(&task.limits)?;
    let report = check(&task.file, &task.text, &task.settings);
    let mut out = std::io::stdout().lock();
    // On a line of its own, whatever was printed before.
    writeln!(out, "\n{MARK}{}", serde_json::to_string(&report).map_err(std::io::Error::other)?)?;
    out.flush()
}

#[cfg(unix)]
fn limit(limits: &ChildLimits) -> std::io::Result<()> {
    use rlimit::{Resource, setrlimit};
    let lower = |resource: Resource, wanted: u64| {
        let (_, hard) = resource.get()?;
        setrlimit(resource, wanted.min(hard), wanted.min(hard))
    };
    lower(Resource::AS, limits.memory)?;
    lower(Resource::CPU, limits.processor_seconds)?;
    lower(Resource::CORE, 0)
}

#[cfg(not(unix))]
fn limit(_limits: &ChildLimits) -> std::io::Result<()> {
    Ok(())
}
