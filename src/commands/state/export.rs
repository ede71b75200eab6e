//! `bot state export`: everything that the state knows of the project, a line of JSON for each record.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use crate::cli::ExportArguments;
use crate::context::Context;
use crate::error::{CommandError, CommandResult, Exit};
use crate::state::{Record, State};
use crate::workspace::{Workspace, state_error};

/// Writes to stdout or into a file, which is whole or not there.
///
/// # Errors
/// There is no state, or it cannot be read or the file not be written.
pub(super) fn run(context: &Context<'_>, arguments: &ExportArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let settings = workspace.sound_settings_here()?;
    let state = workspace.state_to_read(&settings)?;
    match &arguments.output {
        None => export(state.as_ref(), &mut |line| {
            context.output.data(line);
            Ok(())
        })?,
        Some(output) => {
            let path = context.surroundings.resolve(output);
            let records = into_file(state.as_ref(), &path)?;
            context.output.talk(&format!("wrote {records} lines to `{}`", output.display()));
        }
    }
    Ok(Exit::Done)
}

/// Writes beside the file first, so that nobody takes a half for the whole.
fn into_file(state: &dyn State, path: &Path) -> Result<u64, CommandError> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&beside);
    let written = write(state, beside)
        .and_then(|lines| fs::rename(beside, path).map(|()| lines).map_err(|error| unwritten(path, error)));
    if written.is_err() {
        let _ = fs::remove_file(beside);
    }
    written
}

fn write(state: &dyn State, path: &Path) -> Result<u64, CommandError> {
    let mut file = BufWriter::new(File::create(path).map_err(|error| unwritten(path, error))?);
    let mut lines = 0;
    export(state, &mut |line| {
        lines += 1;
        file.write_all(line.as_bytes())
    })?;
    let file = file.into_inner().map_err(|error| unwritten(path, error.into_error()))?;
    file.sync_all().map_err(|error| unwritten(path, error))?;
    Ok(lines)
}

fn export(state: &dyn State, write: &mut dyn FnMut(&str) -> io::Result<()>) -> Result<(), CommandError> {
    let mut sink = |record: &Record| write(&(serde_json::to_string(record)? + "\n"));
    state.export(&mut sink).map_err(state_error)
}

fn unwritten(path: &Path, error: io::Error) -> CommandError {
    CommandError::failed(format!("cannot write `{}`", path.display())).because(error)
}
