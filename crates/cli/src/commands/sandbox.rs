//! `sandbox`: stand-ins of the platforms.

use std::process::ExitCode;

use serde_json::json;
use ticketbridge_sandbox::cherwell::{CLIENT_ID, USER};
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_sandbox::{Sandbox, SandboxConfig, TOKEN};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn run(arguments: arguments::Sandbox, json: bool) -> Result<ExitCode, Failure> {
    let config = SandboxConfig { listen: arguments.listen, seed: arguments.seed, ..SandboxConfig::default() };
    let running = Sandbox::start(config).await.map_err(|error| Failure::new(error.to_string()))?;
    let address = running.address();
    if json {
        output::json(&json!({
            "address": address.to_string(),
            "sfyc": running.sfyc_url(),
            "token": TOKEN,
            "cherwell": {
                "base_url": running.cherwell_url(), "client_id": CLIENT_ID, "username": USER, "password": TOKEN,
            },
            "tixngo": {"base_url": running.tixngo_url(), "organizer": DEFAULT_ORGANIZER, "api_key": TOKEN},
            "s360": {"base_url": running.s360_url(), "token": TOKEN},
        }));
    } else {
        output::data(&format!("SFyC      {}   bearer token: {TOKEN}", running.sfyc_url()));
        output::data(&format!("Cherwell  {}   client id: {CLIENT_ID}", running.cherwell_url()));
        output::data(&format!("          user: {USER}   password: {TOKEN}"));
        output::data(&format!("TIXNGO    {}   organizer: {DEFAULT_ORGANIZER}", running.tixngo_url()));
        output::data(&format!("          API key: {TOKEN}"));
        output::data(&format!("S-360     {}   bearer token: {TOKEN}", running.s360_url()));
        output::data(&format!("faults    http://{address}/sandbox/faults"));
        output::data(&format!("counters  http://{address}/sandbox/stats"));
        output::talk("Everything is kept in memory. Ctrl-C ends it.");
    }
    setup::shutdown().await;
    running.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
