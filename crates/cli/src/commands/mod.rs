//! The commands, a file each.

mod aggregations;
mod apply;
mod audit;
mod backends;
mod config;
mod connector;
mod demo;
mod doctor;
mod error;
mod explain;
mod feedback;
mod man;
mod notify;
mod offload;
mod plan;
mod platform;
mod sandbox;
mod serve;
mod setup;
mod simulate;
mod store;
mod tickets;
mod token;
mod topology;
mod workflow;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::failure::Failure;

/// Runs one command.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { config, json, command, .. } = arguments;
    let path = config.as_deref();
    match command {
        Command::Demo(demo) => demo::run(demo, json).await,
        Command::Serve(serve) => serve::run(path, serve).await,
        Command::Sandbox(sandbox) => sandbox::run(sandbox, json).await,
        Command::Simulate(simulate) => simulate::run(path, simulate, json).await,
        Command::Offload(offload) => offload::run(path, offload, json).await,
        Command::Topology(topology) => topology::run(path, topology, json).await,
        Command::Workflow(workflow) => workflow::run(path, workflow, json).await,
        Command::Plan(plan) => plan::run(path, plan, json).await,
        Command::Apply(apply) => apply::run(path, apply, json).await,
        Command::Aggregations(aggregations) => aggregations::run(path, aggregations, json).await,
        Command::Tickets(tickets) => tickets::run(path, tickets, json).await,
        Command::Explain(explain) => explain::run(path, explain, json).await,
        Command::Backends(backends) => backends::run(path, backends, json).await,
        Command::Platform(platform) => platform::run(path, platform, json).await,
        Command::Feedback(command) => feedback::run(path, command, json).await,
        Command::Token(token) => token::run(path, token, json).await,
        Command::Audit(audit) => audit::run(path, &audit, json).await,
        Command::Connector(connector) => connector::run(connector, json).await,
        Command::Config(config) => config::run(path, &config, json).await,
        Command::Store(store) => store::run(path, store, json).await,
        Command::Doctor(doctor) => doctor::run(path, doctor, json).await,
        Command::Error { code } => error::run(&code),
        Command::Completions { shell } => {
            // By way of a buffer: a reader that hangs up early must not end in a panic.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "ticketbridge", &mut script);
            crate::output::data(String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::Man(man) => man::run(&man),
        Command::ConnectorCheckChild => connector::child(),
    }
}
