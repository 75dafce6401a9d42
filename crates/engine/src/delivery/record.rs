//! The flight recorder: every event and its commands, one JSON line each, and the replay that must give the same
//! commands. A difference means that a decision was made outside the state machine.

use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ticketbridge_core::delivery::{Command, Delivery, Event, Settings};
use ticketbridge_core::time::{Mono, Now};

/// One line of a recording.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Recorded {
    /// The first line.
    Begin {
        /// Seed of the state machine.
        seed: u64,
        /// Its settings at the start.
        settings: Arc<Settings>,
    },
    /// One event and what was decided.
    Step {
        /// Both clocks.
        now: Now,
        /// What happened.
        event: Event,
        /// What was decided.
        commands: Vec<Command>,
    },
}

/// Writes a recording. A write that fails ends the recording, never the service.
pub struct FlightRecorder(Option<Box<dyn Write + Send>>);

impl FlightRecorder {
    /// Records to `out`.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self(Some(Box::new(out)))
    }

    pub(super) fn begin(&mut self, seed: u64, settings: &Arc<Settings>) {
        self.line(&Recorded::Begin { seed, settings: Arc::clone(settings) });
    }

    pub(super) fn write(&mut self, now: Now, event: &Event, commands: &[Command]) {
        self.line(&Recorded::Step { now, event: event.clone(), commands: commands.to_vec() });
    }

    fn line(&mut self, line: &Recorded) {
        let Some(out) = &mut self.0 else { return };
        let written = serde_json::to_writer(&mut *out, line)
            .map_err(std::io::Error::other)
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        if let Err(error) = written {
            tracing::warn!(error = %error, "The flight recorder stopped: its file can't be written.");
            self.0 = None;
        }
    }
}

/// Replays a recording into a fresh state machine. Answers the number of steps, or the first difference.
pub fn replay(recording: impl BufRead) -> Result<usize, String> {
    let mut delivery: Option<Delivery> = None;
    let (mut steps, mut last) = (0, Mono(0));
    for (number, line) in recording.lines().enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        let recorded = serde_json::from_str(&line).map_err(|error| format!("line {}: {error}", number + 1))?;
        match recorded {
            Recorded::Begin { seed, settings } => delivery = Some(Delivery::new(settings, seed)),
            Recorded::Step { now, event, commands } => {
                let Some(delivery) = &mut delivery else {
                    return Err(String::from("the recording does not begin with its settings"));
                };
                if now.mono < last {
                    return Err(format!("line {}: the monotonic clock goes back", number + 1));
                }
                last = now.mono;
                let mut decided = Vec::new();
                delivery.handle(now, event, &mut decided);
                if decided != commands {
                    return Err(format!(
                        "line {}: recorded and replayed commands differ:\n{commands:?}\n{decided:?}",
                        number + 1
                    ));
                }
                steps += 1;
            }
        }
    }
    Ok(steps)
}
