//! From text to a checked [`Config`]: file → tree, defaults grafted in, environment laid over, each section read,
//! everything cross-checked. Every step goes on after a problem, so that one start shows all of them.

mod assemble;
mod checks;
mod deserialize;
mod environment;
mod file;
mod problem;
mod suggest;
mod tree;

use std::path::Path;

pub use problem::{ConfigError, Problem};
pub use tree::{Origin, Sources};

use crate::Config;

/// The commented default file: the lowest layer, and the reference documentation of every key.
pub const DEFAULT_FILE: &str = include_str!("../config.default.toml");
/// Largest configuration file in bytes.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Prefix of environment variables that are settings.
pub const ENVIRONMENT_PREFIX: &str = "TICKETBRIDGE_";

/// A configuration, and where each of its values comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Where each value comes from; what is not in here comes from the defaults.
    pub sources: Sources,
    /// What works and is probably not meant, in the order of the file.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads `path` (none: no file), and lays the `TICKETBRIDGE_*` variables of `environment` over it.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let Some(path) = path else { return Self::parse("", "the defaults", environment) };
        let name = path.display().to_string();
        let text = file::read(path).map_err(|problem| ConfigError::new(&name, vec![problem]))?;
        Self::parse(&text, &name, environment)
    }

    /// As [`Config::load`], from a text; `name` is what errors call it.
    pub fn parse(
        text: &str,
        name: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let mut problems = Vec::new();
        let mut root = file::parse(text, &mut problems);
        if problems.is_empty() {
            assemble::graft_defaults(&mut root);
            environment::overlay(&mut root, environment, &mut problems);
            let sources = tree::sources(&root);
            if let Some((config, warnings)) = assemble::assemble(root, &mut problems).filter(|_| problems.is_empty()) {
                return Ok(Loaded { config, sources, warnings: problem::in_order(warnings) });
            }
        }
        Err(ConfigError::new(name, problems))
    }
}

impl Default for Config {
    /// What the embedded default file says.
    fn default() -> Self {
        match Self::parse("", "the defaults", std::iter::empty()) {
            Ok(loaded) => loaded.config,
            Err(error) => unreachable!("the embedded default file is tested: {error}"),
        }
    }
}
