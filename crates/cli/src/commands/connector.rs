//! `connector check FILE [--against URL]`.

use std::process::ExitCode;
use std::time::Duration;

use ticketbridge_config::types::SecretReference;
use ticketbridge_engine::identity;
use ticketbridge_platforms::connector::{
    CheckReport, ChildCommand, ChildLimits, Connector, ConnectorSettings, check_against, check_in_child, child_main,
    read_source,
};
use ticketbridge_platforms::http::{Auth, ClientSettings, HttpClient, Secret};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Longest time of one read with `--against`.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Checks a file; 1 if anything is wrong.
pub(crate) async fn run(command: arguments::Connector, json: bool) -> Result<ExitCode, Failure> {
    let arguments::Connector::Check { file, against, token } = command;
    let settings = ConnectorSettings::default();
    let text = read_source(&file).map_err(|error| Failure::new(format!("TB0204: {error}")))?;
    let program = std::env::current_exe().map_err(|error| Failure::new(error.to_string()))?;
    let child = ChildCommand { program, arguments: vec![String::from("connector-check-child")] };
    let (of_child, with) = (file.clone(), settings.clone());
    let (mut report, text) = tokio::task::spawn_blocking(move || {
        let report = check_in_child(&child, &ChildLimits::default(), &of_child, &text, &with);
        (report, text)
    })
    .await
    .map_err(|error| Failure::new(error.to_string()))?;
    if let (Some(url), true) = (against, report.problems.is_empty()) {
        let connector =
            Connector::from_text(&file, &text, &settings).map_err(|error| Failure::new(error.to_string()))?;
        let mut of_client = ClientSettings::new("check", &url);
        if let Some(reference) = token {
            of_client.auth = Auth::Bearer { token: secret(&reference)? };
        }
        let client = HttpClient::new(of_client).map_err(|error| Failure::new(error.to_string()))?;
        report.remote = check_against(&connector, &client, identity::number(), READ_TIMEOUT).await;
    }
    if json {
        output::json(&report);
    } else {
        show(&report);
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn secret(reference: &str) -> Result<Secret, Failure> {
    let reference: SecretReference = reference.parse().map_err(|error| Failure::new(format!("--token: {error}")))?;
    let value = reference.resolve(setup::environment).map_err(|error| Failure::new(format!("--token: {error}")))?;
    Ok(Secret::from(value))
}

/// The child's side.
pub(crate) fn child() -> Result<ExitCode, Failure> {
    child_main().map_err(|error| Failure::new(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn show(report: &CheckReport) {
    for problem in &report.problems {
        output::talk(&format!("error: {}: {problem}", report.file));
    }
    if !report.operations.is_empty() {
        output::table(
            &["operation", "request", "sample answers", "runs"],
            report.operations.iter().map(|operation| {
                vec![
                    operation.operation.clone(),
                    operation.request.clone(),
                    operation.samples.to_string(),
                    String::from(if operation.native { "natively" } else { "as jq" }),
                ]
            }),
        );
    }
    for remark in &report.remarks {
        output::talk(&format!("note: {remark}"));
    }
    if !report.remote.is_empty() {
        output::table(
            &["read", "request", "status", "rows", "fault"],
            report.remote.iter().map(|remote| {
                vec![
                    remote.operation.clone(),
                    remote.request.clone(),
                    remote.status.map_or_else(|| String::from("-"), |status| status.to_string()),
                    remote.rows.to_string(),
                    output::or_dash(remote.fault.as_deref()),
                ]
            }),
        );
    }
    if report.is_good() {
        output::talk(&format!("{}: usable", report.file));
    }
}
