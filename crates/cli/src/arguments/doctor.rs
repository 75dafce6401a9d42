//! `doctor` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ticketbridge_engine::doctor::Area;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Look only at this (may be given several times)
    #[arg(long, value_name = "AREA", value_parser = area())]
    pub(crate) only: Vec<Area>,
}

fn area() -> impl TypedValueParser<Value = Area> {
    // Only these names get here.
    let named = |name: String| Area::ALL.into_iter().find(|area| area.name() == name).unwrap_or(Area::Configuration);
    PossibleValuesParser::new(Area::ALL.map(Area::name)).map(named)
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write one page per command into this folder, instead of the first page to stdout
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}
