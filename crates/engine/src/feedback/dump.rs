//! The dump of a run: what was exchanged with wallet and box office, in a text file, for troubleshooting.
//!
//! Guarantees:
//! * No personal data and no secrets: bodies and addresses are masked by `platforms::http::personal`, known secrets on top.
//!   Headers, and with them the API key, are not in it.
//! * The run never waits for the dump and never fails by it: a thread of its own masks and writes. A file that cannot be
//!   written is logged once and ends the dump, and of that run nothing more is written.
//! * A file has at most the KiB that it was opened with, its last line included, which says that it was cut.
//!
//! Limits: 64 exchanges wait to be written; what comes while the disk does not keep up is left out, and how many is said
//! in the file. Names of files: organizer, `-`, number of the run, `.txt`; 10,000 of them are looked at when old ones are
//! removed.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use ticketbridge_config::sections::StoreUrl;
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::http::personal::{mask_json, mask_target};
use ticketbridge_platforms::http::{LastCheck, Redactor};
use ticketbridge_platforms::{HttpCall, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::wire::{Time, Wire};

/// Exchanges that wait to be written at most.
const QUEUE: usize = 64;
/// Longest part of a file's name that the organizer makes, in bytes.
const MAX_NAME: usize = 64;
/// Room for the last line, in bytes.
const LAST_LINE: usize = 100;
/// Room for a secret at a cut, in bytes.
const LONG_SECRET: usize = 4_096;
/// Files that are looked at when old ones are removed.
const MAX_FILES: usize = 10_000;

/// The folder of the dumps: beside the database, its name and `.dumps`.
pub fn dumps_folder(store: &StoreUrl) -> PathBuf {
    match store {
        StoreUrl::Sqlite(path) => {
            let mut name = path.clone().into_os_string();
            name.push(".dumps");
            name.into()
        }
        StoreUrl::Postgres(_) => PathBuf::from("ticketbridge.dumps"),
    }
}

/// One exchange, on its way to the file. Cheap to make: bodies are shared.
struct Exchange {
    at: Wall,
    platform: Box<str>,
    call: HttpCall,
    transport: Transport,
}

/// The dump of one run.
pub struct RunDump {
    exchanges: mpsc::Sender<Exchange>,
    left_out: Arc<AtomicU64>,
    writing: JoinHandle<()>,
}

impl RunDump {
    /// Begins the dump of a run; an older file of its name is written anew. `None` if `max_kib` is 0. The secrets that
    /// `redactor` knows are masked wherever they stand. Has to be called on a tokio runtime.
    pub fn open(folder: PathBuf, organizer: &str, run: i64, max_kib: u32, redactor: Redactor) -> Option<Self> {
        if max_kib == 0 {
            return None;
        }
        let (exchanges, waiting) = mpsc::channel(QUEUE);
        let left_out = Arc::new(AtomicU64::new(0));
        let path = folder.join(file_name(organizer, run));
        let writer = Writer {
            path,
            budget: (max_kib as usize).saturating_mul(1024).saturating_sub(LAST_LINE),
            max_kib,
            number: 0,
            left_out: Arc::clone(&left_out),
            redactor,
        };
        Some(Self { exchanges, left_out, writing: tokio::task::spawn_blocking(move || writer.run(&folder, waiting)) })
    }

    /// Takes note of one exchange; `at` is when it ended. Never waits.
    pub fn record(&self, at: Wall, platform: &str, call: &HttpCall, transport: &Transport) {
        let exchange = Exchange { at, platform: platform.into(), call: call.clone(), transport: transport.clone() };
        // A queue that is closed belongs to a dump that has ended: there is nothing to count.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.exchanges.try_send(exchange) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything is in the file. A dump that is dropped is written to its end, too, by itself.
    pub async fn close(self) {
        drop(self.exchanges);
        // A writer that panicked has lost its dump, and nothing else.
        let _ended = self.writing.await;
    }
}

/// A wire that takes note of every exchange.
pub struct DumpingWire {
    /// What sends.
    pub wire: Arc<dyn Wire>,
    /// The platform's name.
    pub platform: Box<str>,
    /// Where it is noted, from the moment it is there.
    pub dump: Arc<OnceLock<RunDump>>,
    /// The clocks.
    pub time: Arc<dyn Time>,
}

#[async_trait]
impl Wire for DumpingWire {
    async fn send(&self, call: &HttpCall, timeout: Duration, check: LastCheck) -> Transport {
        let transport = self.wire.send(call, timeout, check).await;
        if let Some(dump) = self.dump.get() {
            dump.record(self.time.now().wall, &self.platform, call, &transport);
        }
        transport
    }
}

struct Writer {
    path: PathBuf,
    /// Bytes that are left, without the last line.
    budget: usize,
    max_kib: u32,
    number: u64,
    left_out: Arc<AtomicU64>,
    redactor: Redactor,
}

impl Writer {
    fn run(mut self, folder: &Path, mut waiting: mpsc::Receiver<Exchange>) {
        if let Err(error) = self.write(folder, &mut waiting) {
            tracing::warn!(path = %self.path.display(), %error, "The dump of a feedback run ended: its file cannot be written.");
        }
    }

    fn write(&mut self, folder: &Path, waiting: &mut mpsc::Receiver<Exchange>) -> io::Result<()> {
        let mut file = create(folder, &self.path)?;
        while let Some(exchange) = waiting.blocking_recv() {
            let mut text = self.text(&exchange);
            if text.len() > self.budget {
                text.truncate(text.floor_char_boundary(self.budget));
                file.write_all(text.as_bytes())?;
                let kib = self.max_kib;
                return writeln!(file, "\n(cut: the {kib} KiB of max_dump_kib are used up; more was exchanged)");
            }
            self.budget -= text.len();
            file.write_all(text.as_bytes())?;
        }
        match self.left_out.load(Ordering::Relaxed) {
            0 => Ok(()),
            count => writeln!(file, "({count} exchanges are not here: they came faster than they could be written)"),
        }
    }

    /// An exchange as it stands in the file.
    fn text(&mut self, exchange: &Exchange) -> String {
        self.number += 1;
        let Exchange { at, platform, call, transport } = exchange;
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let mut text =
            format!("--- {} {platform} {at:.3}\n{} {}\n", self.number, call.method, mask_target(&call.target));
        if let Some(body) = &call.body {
            self.body(body, &mut text);
        }
        match transport {
            Transport::Answered(answer) => {
                append(&mut text, format_args!("=> {}\n", answer.status.as_u16()));
                self.body(&answer.body, &mut text);
            }
            Transport::NoAnswer { why, .. } => append(&mut text, format_args!("=> no answer: {why}\n")),
            Transport::NotSent { why, .. } => append(&mut text, format_args!("=> not sent: {why}\n")),
        }
        self.redactor.redact(&text)
    }

    fn body(&self, body: &[u8], text: &mut String) {
        if !body.is_empty() {
            // Secrets are masked before the cut, with room for a long one behind it: half of one would not be known.
            let room = self.budget.saturating_mul(2).saturating_add(LONG_SECRET);
            append(text, format_args!("{}\n", mask_json(body, room)));
        }
    }
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a text cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}

/// The file, and where needed its folder; where the system knows owners, for the owner alone.
fn create(folder: &Path, path: &Path) -> io::Result<File> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    builder.create(folder)?;
    options.open(path)
}

/// A name that every file system takes. An organizer that cannot stand in one as it is gets a hash behind it, so that two
/// never share a name.
fn file_name(organizer: &str, run: i64) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let plain = |letter: char| if is_plain(letter) { letter } else { '_' };
    let mut name: String = organizer.chars().map(plain).take(MAX_NAME).collect();
    if name != organizer {
        let hash = Sha256::digest(organizer);
        for byte in hash.iter().take(4) {
            append(&mut name, format_args!("{byte:02x}"));
        }
    }
    format!("{name}-{run}.txt")
}

/// Whether a file of this name is a dump.
fn is_dump(name: &str) -> bool {
    name.strip_suffix(".txt")
        .and_then(|name| name.rsplit_once('-'))
        .is_some_and(|(_, run)| !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Removes the dumps that were last written more than `keep` before `now`. Answers how many; a folder that is not there
/// has none. Blocks: it reads a folder.
pub fn remove_old_dumps(folder: &Path, keep: Duration, now: Wall) -> io::Result<usize> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let mut removed = 0;
    for entry in entries.take(MAX_FILES) {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let written = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let is_old = now.0.saturating_sub(written) > keep;
        if is_old && metadata.is_file() && entry.file_name().to_str().is_some_and(is_dump) {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
