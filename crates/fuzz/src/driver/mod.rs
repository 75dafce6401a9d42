//! Runs one target: all files of its corpus, then mutations of them, each made of the seed and its own number alone.
//!
//! * The target runs on a thread with the stack of a worker of the service, 2 MiB: one that recurses with its input
//!   overflows it and ends the process.
//! * The process has at most 4 GiB of address space (on Unix): who fills the memory ends the process.
//! * An input that takes longer than [`PATIENCE`] ends the run: it hangs. This is the only use of time.
//!
//! Before an input is run it is written to the file under work, whose name is printed first. So the one at fault is known
//! even if the process is gone.

mod mutate;
mod plan;

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Once};
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use plan::{End, Plan};

/// Stack of the thread on which a target runs: that of a worker thread of the service.
const STACK: usize = 2 * 1024 * 1024;
/// Address space of the process.
#[cfg(unix)]
const MEMORY: u64 = 4 * 1024 * 1024 * 1024;
/// One input takes milliseconds, and at most a second where it is large. One that takes this long hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// One thing that takes data from outside.
pub struct Target {
    /// Its name, and that of its folder below `corpus/`.
    pub name: &'static str,
    /// Takes any bytes; panics if a property does not hold.
    pub run: fn(&[u8]),
    /// Words of its format.
    pub dictionary: &'static [&'static str],
    /// Mutations in a bounded run.
    pub mutations: u64,
}

thread_local! {
    /// Where the last panic of this thread was.
    static PLACE: Cell<String> = const { Cell::new(String::new()) };
}

/// What a run comes to.
enum Message {
    Done,
    Failed { input: Vec<u8>, origin: String, why: String },
}

/// Runs `target` as the environment says, and panics at the first input that fails.
#[expect(clippy::print_stderr, reason = "whoever runs this reads it")]
pub fn check(target: &'static Target) {
    limit_memory();
    silence_the_thread();
    let plan = Plan::of(target, |name| std::env::var(name).ok());
    let corpus = match &plan.input {
        Some(path) => vec![(path.display().to_string(), read(path))],
        None => corpus(target),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz");
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or(folder, |target| PathBuf::from(target).join("fuzz"));
    assert!(fs::create_dir_all(&folder).is_ok(), "{} can't be made", folder.display());
    let under_work = folder.join(format!("{}.under-work", target.name));
    eprintln!("{}: {plan:?}, {} corpus files; under work: {}", target.name, corpus.len(), under_work.display());

    let (end, alone) = (plan.end, plan.input.is_some());
    let (progress, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (sender, messages) = sync_channel(1);
    let worker = Worker {
        target,
        corpus,
        seed: plan.seed,
        mutations: match end {
            _ if alone => 0,
            End::After(count) => count,
            End::Within(_) => u64::MAX,
        },
        under_work: under_work.clone(),
        progress: Arc::clone(&progress),
        stop: Arc::clone(&stop),
    };
    let thread = std::thread::Builder::new().name(format!("fuzz-{}", target.name)).stack_size(STACK);
    let started = thread.spawn(move || worker.run(&sender));
    assert!(started.is_ok(), "no thread: {:?}", started.err());
    if let End::Within(time) = end {
        // A long run is told to stop from here; the worker has no clock.
        let stop = Arc::clone(&stop);
        let clock = std::thread::spawn(move || {
            std::thread::sleep(time);
            stop.store(true, Ordering::Relaxed);
        });
        drop(clock);
    }
    let mut seen = None;
    loop {
        match messages.recv_timeout(PATIENCE) {
            Ok(Message::Done) => break,
            Ok(Message::Failed { input, origin, why }) => failed(target, &folder, &input, &origin, &why),
            Err(RecvTimeoutError::Timeout) => {
                let now = Some(progress.load(Ordering::Relaxed));
                if now == seen {
                    failed(target, &folder, &read(&under_work), "the input under work", "it hangs");
                }
                seen = now;
            }
            Err(RecvTimeoutError::Disconnected) => panic!("{}: the worker is gone", target.name),
        }
    }
    let count = progress.load(Ordering::Relaxed);
    match end {
        End::Within(time) if !alone => {
            eprintln!("{}: {count} inputs, {} per second", target.name, count / time.as_secs().max(1));
        }
        _ => eprintln!("{}: {count} inputs", target.name),
    }
}

struct Worker {
    target: &'static Target,
    corpus: Vec<(String, Vec<u8>)>,
    seed: u64,
    mutations: u64,
    under_work: PathBuf,
    progress: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(&self, messages: &SyncSender<Message>) {
        let message = self.all().err().unwrap_or(Message::Done);
        // Whoever waited is gone; there is nobody to tell.
        drop(messages.send(message));
    }

    fn all(&self) -> Result<(), Message> {
        let mut under_work = File::create(&self.under_work).ok();
        for (name, data) in &self.corpus {
            self.one(data, &mut under_work, || name.clone())?;
        }
        let inputs: Vec<Vec<u8>> = self.corpus.iter().map(|(_, data)| data.clone()).collect();
        for number in 0..self.mutations {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let mut dice = ChaCha8Rng::seed_from_u64(self.seed.wrapping_add(number));
            let data = mutate::mutate(&mut dice, &inputs, self.target.dictionary);
            self.one(&data, &mut under_work, || format!("mutation {number} of seed {}", self.seed))?;
        }
        Ok(())
    }

    fn one(&self, data: &[u8], under_work: &mut Option<File>, origin: impl Fn() -> String) -> Result<(), Message> {
        if let Some(file) = under_work {
            let written = file
                .seek(SeekFrom::Start(0))
                .and_then(|_| file.write_all(data))
                .and_then(|()| file.set_len(data.len() as u64));
            assert!(written.is_ok(), "{} can't be written", self.under_work.display());
        }
        let ended = catch_unwind(AssertUnwindSafe(|| (self.target.run)(data)));
        self.progress.fetch_add(1, Ordering::Relaxed);
        ended.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let why = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let why = format!("{} ({})", why.unwrap_or_default(), PLACE.take());
            Message::Failed { input: data.to_vec(), origin: origin(), why }
        })
    }
}

/// Keeps the input, and says how to run it again.
fn failed(target: &Target, folder: &Path, input: &[u8], origin: &str, why: &str) -> ! {
    const SHOWN: usize = 400;
    let kept = folder.join(format!("{}-{}.input", target.name, origin.rsplit(['/', '\\']).next().unwrap_or("")));
    let kept = kept.with_file_name(kept.file_name().unwrap_or_default().to_string_lossy().replace(' ', "-"));
    let written = fs::write(&kept, input);
    let hex: Vec<String> = input.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let cut = if input.len() > SHOWN { "…" } else { "" };
    panic!(
        "{name}: {origin}: {why}\n\
         input ({length} bytes): {hex}{cut}\n\
         kept as {kept} ({written:?})\n\
         again:  TICKETBRIDGE_FUZZ_INPUT={kept} cargo nextest run -p ticketbridge-fuzz {name}\n\
         mended? cp {kept} crates/fuzz/corpus/{name}/WHAT-IT-IS",
        name = target.name,
        length = input.len(),
        kept = kept.display(),
    )
}

/// The corpus of a target by file name.
fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let Ok(entries) = fs::read_dir(&folder) else { panic!("{} can't be read", folder.display()) };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there is nothing in {}", folder.display());
    paths.into_iter().map(|path| (path.display().to_string(), read(&path))).collect()
}

fn read(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Ok(data) => data,
        Err(error) => panic!("{} can't be read: {error}", path.display()),
    }
}

/// Panics inside a target are told once, with their input; those that are caught inside (by the jq interpreter's guard)
/// are nobody's business.
fn silence_the_thread() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let is_ours = thread.name().is_some_and(|name| name.starts_with("fuzz-") || name == "filter-parser");
            if is_ours {
                PLACE.set(panic.location().map(ToString::to_string).unwrap_or_default());
            } else {
                usual(panic);
            }
        }));
    });
}

#[cfg(unix)]
fn limit_memory() {
    let (_, hard) = rlimit::Resource::AS.get().unwrap_or((0, rlimit::INFINITY));
    let wanted = MEMORY.min(hard);
    assert!(rlimit::Resource::AS.set(wanted, hard).is_ok(), "the address space can't be limited");
}

#[cfg(not(unix))]
fn limit_memory() {}
