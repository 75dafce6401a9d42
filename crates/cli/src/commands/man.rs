//! `man`: manual pages, one per command, made of the help texts.

use std::path::Path;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::arguments::{self, Arguments};
use crate::failure::Failure;
use crate::output;

/// Prints the first page, or writes all of them.
pub(crate) fn run(arguments: &arguments::Man) -> Result<ExitCode, Failure> {
    let mut program = Arguments::command();
    program.build();
    let Some(folder) = &arguments.output else {
        output::data(String::from_utf8_lossy(&page(program)?).trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let mut written = 0;
    write(&program, folder, &mut written)?;
    output::talk(&format!("{written} pages written to {}; read one with `man -l`", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// The page of a command and those of the commands below it.
fn write(command: &Command, folder: &Path, written: &mut usize) -> Result<(), Failure> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, folder, written)?;
    }
    // Built commands know their way: `ticketbridge-tickets-list`.
    let file = folder.join(format!("{}.1", command.get_display_name().unwrap_or_else(|| command.get_name())));
    let text = page(command.clone())?;
    std::fs::write(&file, text).map_err(|error| unwritable(&file, &error))?;
    *written += 1;
    Ok(())
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let rendered = Man::new(command).manual("ticketbridge").render(&mut text);
    rendered.map_err(|error| Failure::new(format!("the page cannot be made: {error}")))?;
    Ok(text)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be written ({error}); name another folder with `--output`", path.display()))
}
