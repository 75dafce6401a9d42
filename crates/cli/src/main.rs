//! The `ticketbridge` binary: reads the command line, calls the rooms, prints what they answer.
//!
//! Data goes to stdout, talk to stderr; `--json` gives the data as JSON. Exit codes stand in `docs/cli.md`.

mod arguments;
mod commands;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

/// Faster than the system's on the many small allocations of JSON bodies.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::start_log(&arguments);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::talk(&format!("error: the runtime cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(commands::run(arguments));
    // Blocking work that nobody waits for any more must not hold the exit up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(code) => code,
        Err(failure) => {
            output::talk(&format!("error: {failure}"));
            failure.exit_code()
        }
    }
}
