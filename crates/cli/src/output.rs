//! What people and programs read: data to stdout, talk to stderr, tables that are readable without colour.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command};

/// Starts the log on stderr. `RUST_LOG` rules; without it a service tells what a person must know, a command only
/// what went wrong.
pub(crate) fn start_log(arguments: &Arguments) {
    let usual = match (&arguments.command, arguments.verbose) {
        (_, true) => "info,ticketbridge=debug",
        (Command::Serve(_), _) => "info",
        (Command::Demo(_), _) => "off",
        // What is wrong with a platform is said by the command itself.
        _ => "error,ticketbridge_engine::platforms=off",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if arguments.log_json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    if let Err(error) = started {
        talk(&format!("warning: no log: {error}"));
    }
}

/// One line of data. A reader that hung up ends the program quietly.
pub(crate) fn data(line: &str) {
    let written = writeln!(std::io::stdout().lock(), "{line}");
    if written.is_err() {
        std::process::exit(0);
    }
}

/// One line of talk.
pub(crate) fn talk(line: &str) {
    // Nobody can be told that nobody can be told.
    let _unheard = writeln!(std::io::stderr().lock(), "{line}");
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => data(&text),
        Err(error) => talk(&format!("error: the answer cannot be written as JSON: {error}")),
    }
}

/// A table; on a terminal it fits its width.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    data(&render(header, rows));
}

/// The table as text.
pub(crate) fn render(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}

/// A value or a dash.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}
