//! `serve`: the service with its HTTP API.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ticketbridge_engine::delivery::FlightRecorder;
use ticketbridge_engine::live::Live;
use ticketbridge_engine::service::{Service, ServiceOptions};
use ticketbridge_server::{Server, install_metrics};

use super::{notify, setup};
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Serves until Ctrl-C or SIGTERM; SIGHUP reloads the configuration.
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
    // Whoever keeps these handles keeps the configuration of the start alive.
    drop(app);
    // The very file of the start: were it gone, the defaults would take its place.
    let (live, file) = (service.live(), setup::config_path(path));
    service.reloads_from(Arc::new(move || setup::read(file.as_deref())));
    let server = Server::bind(live.clone(), metrics, &setup::environment)
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    let address = server.address;
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let hangups = tokio::spawn(reload_on_hangup(live)?);
    output::talk(&format!("ticketbridge serves on {scheme}://{address}; Ctrl-C ends it"));
    notify::tell(notify::State::Ready);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut wait = stopped.clone();
    let serving = tokio::spawn(server.run(async move {
        let _closed = wait.wait_for(|stop| *stop).await;
    }));
    let shutdown = async {
        setup::shutdown().await;
        notify::tell(notify::State::Stopping);
    };
    let ended = service.run(shutdown).await;
    hangups.abort();
    stop.send_replace(true);
    if let Err(error) = serving.await {
        output::talk(&format!("warning: the HTTP server ended unexpectedly: {error}"));
    }
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// SIGHUP reads the configuration anew. What became of it is in the log.
fn reload_on_hangup(live: Live) -> Result<impl Future<Output = ()>, Failure> {
    // Installed before anything is said: who reads that it serves may send the signal at once.
    let mut hangups = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
        .map_err(|error| Failure::new(format!("SIGHUP cannot be handled: {error}")))?;
    Ok(async move {
        while hangups.recv().await.is_some() {
            // Told there whether it was good.
            drop(live.reload("SIGHUP").await);
        }
    })
}

fn recorder(file: &Path) -> Result<FlightRecorder, Failure> {
    let file_name = file.display();
    let out = std::fs::File::create(file).map_err(|error| {
        Failure::new(format!("the flight recorder cannot write {file_name}: {error}; name another file"))
    })?;
    Ok(FlightRecorder::new(std::io::BufWriter::new(out)))
}
