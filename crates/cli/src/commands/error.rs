//! `error CODE`: the page of an error code.

use std::process::ExitCode;

use ticketbridge_core::error_code;

use crate::failure::Failure;
use crate::output;

/// Prints the page.
pub(crate) fn run(code: &str) -> Result<ExitCode, Failure> {
    match error_code::find(&code.to_ascii_uppercase()) {
        Some(found) => {
            output::data(found.page.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        None => {
            Err(Failure::new(format!("there is no error code `{code}`; the codes are listed in docs/errors/README.md")))
        }
    }
}
