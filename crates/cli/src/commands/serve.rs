//! `serve`: the service with its HTTP API.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ticketbridge_engine::delivery::FlightRecorder;
use ticketbridge_engine::service::{Service, ServiceOptions};
use ticketbridge_server::{Server, install_metrics};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn run(path: Option<&Path>, arguments: arguments::Serve) -> Result<ExitCode, Failure> {
    let loaded = setup::load(path)?;
    setup::warn(path, &loaded);
    let config = Arc::new(loaded.config);
    let recorder = match &arguments.flight_recorder {
        Some(file) => Some(recorder(file)?),
        None => None,
    };
    let metrics = install_metrics().map_err(|error| Failure::new(error.to_string()))?;
    let options = ServiceOptions {
        config: Arc::clone(&config),
        environment: Box::new(setup::environment),
        recorder,
        observer: None,
    };
    let (service, app) = Service::start(options).await?;
    let server =
        Server::bind(app, metrics, &setup::environment).await.map_err(|error| Failure::new(error.to_string()))?;
    let address = server.address;
    output::talk(&format!("ticketbridge serves on http://{address}; Ctrl-C ends it"));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut wait = stopped.clone();
    let serving = tokio::spawn(server.run(async move {
        let _closed = wait.wait_for(|stop| *stop).await;
    }));
    let ended = service.run(setup::shutdown()).await;
    stop.send_replace(true);
    if let Err(error) = serving.await {
        output::talk(&format!("warning: the HTTP server ended unexpectedly: {error}"));
    }
    ended?;
    Ok(ExitCode::SUCCESS)
}

fn recorder(file: &Path) -> Result<FlightRecorder, Failure> {
    let file_name = file.display();
    let out = std::fs::File::create(file).map_err(|error| {
        Failure::new(format!("the flight recorder cannot write {file_name}: {error}; name another file"))
    })?;
    Ok(FlightRecorder::new(std::io::BufWriter::new(out)))
}
