//! `store migrate|backup`.

use std::path::Path;
use std::process::ExitCode;

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Migrates or backs up.
pub(crate) async fn run(path: Option<&Path>, command: arguments::Store, _json: bool) -> Result<ExitCode, Failure> {
    let (_, opened, _) = setup::beside(path).await?;
    match command {
        // Opening it was the migration.
        arguments::Store::Migrate => output::talk("The store is up to date."),
        arguments::Store::Backup { to } => {
            opened.sqlite.backup(&to).await?;
            output::talk(&format!("Backed up to {}.", to.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
