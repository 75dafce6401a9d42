//! What a process cost, and how a bench runs itself again: each measurement has a process of its own.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use ticketbridge_core::time::Mono;
use ticketbridge_engine::clock::Clock;

use crate::Failure;

/// What a measured span cost.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
}

/// A measured span of this process.
pub(crate) struct Span {
    clock: Clock,
    began: Mono,
    cpu: f64,
}

impl Span {
    /// It begins now.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let clock = Clock::start();
        let began = clock.now().mono;
        Ok(Self { clock, began, cpu: cpu_seconds()? })
    }

    /// It ends now.
    pub(crate) fn end(self) -> Result<Figures, Failure> {
        let seconds = self.clock.now().mono.since(self.began).as_secs_f64();
        Ok(Figures { seconds, cpu_seconds: cpu_seconds()? - self.cpu, peak_mib: peak_mib()? })
    }
}

/// Runs this program again with these words, and answers what it printed. A child that fails is a failure.
pub(crate) fn child(words: &[&str]) -> Result<Vec<u8>, Failure> {
    let output = Command::new(std::env::current_exe()?).args(words).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("`{}` failed", words.join(" ")).into());
    }
    Ok(output.stdout)
}

/// Tells the parent, as JSON.
#[expect(clippy::print_stdout, reason = "tells its parent the figures")]
pub(crate) fn say(figures: &impl Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(figures)?);
    Ok(())
}

/// CPU seconds of all threads of this process so far, in hundredths.
pub(crate) fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("no name in the process's figures")?.1;
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

fn peak_mib() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak in the process's figures")?;
    let kib: f64 = line.split_whitespace().next().ok_or("no figure")?.parse()?;
    Ok(kib / 1024.0)
}
