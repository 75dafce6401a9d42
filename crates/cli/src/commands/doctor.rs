//! `doctor`: is this installation healthy?

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use ticketbridge_config::ConfigError;
use ticketbridge_engine::doctor::{Area, Finding, Level, Subject, examine, worst};
use ticketbridge_engine::plain::escaped;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// It works, and somebody should look.
const WARNING: u8 = 3;
/// The configuration must be mended first, as for every command.
const NO_CONFIGURATION: u8 = 2;

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    result: Level,
    findings: &'a [Finding],
}

/// Looks at everything, or at what is named.
pub(crate) async fn run(path: Option<&Path>, arguments: arguments::Doctor, json: bool) -> Result<ExitCode, Failure> {
    let tell = |finding: &Finding| {
        if !json {
            print(finding);
        }
    };
    let loaded = match setup::load(path) {
        Ok(loaded) => loaded,
        Err(Failure::Config(error)) => return Ok(unusable(&error, json)),
        Err(other) => return Err(other),
    };
    let file = setup::config_path(path);
    let name = file.as_ref().map_or_else(|| String::from("the defaults"), |file| file.display().to_string());
    let subject = Subject {
        config: &loaded.config,
        file: file.as_deref(),
        warnings: loaded.warnings.iter().map(|warning| warning.line(&name)).collect(),
        environment: &setup::environment,
    };
    let areas = if arguments.only.is_empty() { Area::ALL.to_vec() } else { arguments.only };
    let findings = examine(&subject, &areas, tell).await;
    let result = worst(&findings);
    if json {
        output::json(&Report { result, findings: &findings });
    } else {
        output::talk(&summary(&findings));
    }
    Ok(match result {
        Level::Ok => ExitCode::SUCCESS,
        Level::Warning => ExitCode::from(WARNING),
        Level::Failed => ExitCode::FAILURE,
    })
}

/// A configuration that cannot be read is a finding, too; nothing else can be looked at then.
fn unusable(error: &ConfigError, json: bool) -> ExitCode {
    let finding = Finding::of_configuration(&error.to_string());
    if json {
        output::json(&Report { result: Level::Failed, findings: std::slice::from_ref(&finding) });
    } else {
        print(&finding);
    }
    ExitCode::from(NO_CONFIGURATION)
}

/// One line, and what to do below it.
fn print(finding: &Finding) {
    let Finding { area, level, what, seen, next } = finding;
    // On a terminal what is wrong stands out; without colour the words do.
    let (on, off) = match level {
        Level::Warning if std::io::stdout().is_terminal() => ("\u{1b}[33m", "\u{1b}[0m"),
        Level::Failed if std::io::stdout().is_terminal() => ("\u{1b}[31m", "\u{1b}[0m"),
        _ => ("", ""),
    };
    // Platforms and senders have their words in it.
    let (what, seen) = (escaped(what), by_lines(seen));
    output::data(&format!("{on}{level:<7}{off}  {area:<13}  {what}: {seen}"));
    if let Some(next) = next {
        output::data(&format!("{:<7}  {:<13}  -> {}", "", "", by_lines(next)));
    }
}

/// A text of more than one line keeps its lines.
fn by_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}

fn summary(findings: &[Finding]) -> String {
    let of = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    format!("{} ok, {} warnings, {} failed", of(Level::Ok), of(Level::Warning), of(Level::Failed))
}
