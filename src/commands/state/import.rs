//! `bot state import`: an exported state is taken up, wholly or not at all.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use crate::cli::ImportArguments;
use crate::context::Context;
use crate::error::{CommandError, CommandResult, Exit};
use crate::fingerprint::ALGORITHM;
use crate::ids::ProjectName;
use crate::state::{Header, LineError, Lines, Record, State, StateError};
use crate::workspace::{Workspace, state_error};

/// Takes up a file.
///
/// # Errors
/// The file is not what export writes, is another project's or a newer program's, or the state is not empty.
pub(super) fn run(context: &Context<'_>, arguments: &ImportArguments) -> CommandResult {
    let path = context.surroundings.resolve(&arguments.file);
    let shown = arguments.file.display().to_string();
    let told = |error: LineError| CommandError::no(format!("`{shown}`, {error}")).hint("nothing was changed");
    // Looked through first: nothing is made for a file that is none.
    let Found { header, tables, environments } = look(&path).map_err(told)?;
    let workspace = Workspace::open(context)?;
    let settings = workspace.sound_settings_here()?;
    refuse(&header, &settings.project)?;
    refuse_full(workspace.state_to_read(&settings)?.as_ref())?;
    let state = workspace.state_to_write_as(&settings, header.state.clone())?;
    let lease = workspace.lease(state.as_ref(), "bot state import", Duration::from_secs(arguments.lock_timeout))?;
    let mut records = || lines(&path).map(|lines| Box::new(lines) as Box<dyn Iterator<Item = _>>);
    state.import(&lease, &mut records).map_err(|error| match error {
        StateError::Line(error) => told(error),
        other => full(other),
    })?;
    context.output.talk(&format!(
        "took up state {} with {tables} tables and {environments} environments; `bot doctor` says whether the warehouse is its own",
        header.state
    ));
    Ok(Exit::Done)
}

/// What stands in a file.
struct Found {
    header: Header,
    tables: usize,
    environments: usize,
}

fn lines(path: &Path) -> Result<Lines<BufReader<File>>, LineError> {
    let unreadable = |reason: String| LineError { line: 1, reason };
    let file = File::open(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    // It is read twice.
    match file.metadata() {
        Ok(about) if about.is_file() => Ok(Lines::new(BufReader::new(file))),
        Ok(_) => Err(unreadable("it is no file".into())),
        Err(error) => Err(unreadable(format!("cannot be read: {error}"))),
    }
}

fn look(path: &Path) -> Result<Found, LineError> {
    let mut header = None;
    let (mut tables, mut environments) = (0, 0);
    for record in lines(path)? {
        match record? {
            Record::State(found) => header = Some(found),
            Record::Snapshot(_) => tables += 1,
            Record::Environment(_) => environments += 1,
            _ => {}
        }
    }
    let header = header.ok_or_else(|| LineError { line: 1, reason: "nothing says whose it is".into() })?;
    Ok(Found { header, tables, environments })
}

fn refuse(header: &Header, project: &ProjectName) -> Result<(), CommandError> {
    if header.project != *project {
        return Err(CommandError::no(format!(
            "the file is of project `{}`, and this one is `{project}`",
            header.project
        ))
        .hint("`project` of `config.yaml` says which one it is"));
    }
    if header.algorithm_version > ALGORITHM {
        return Err(CommandError::no(format!(
            "the file has fingerprints of algorithm {}, this program makes {ALGORITHM}",
            header.algorithm_version
        ))
        .hint("install a newer `bot`"));
    }
    Ok(())
}

/// Says so before a state of an older program is touched.
fn refuse_full(state: &dyn State) -> Result<(), CommandError> {
    let is_full = !state.environments().map_err(state_error)?.is_empty()
        || !state.all_tables().map_err(state_error)?.is_empty()
        || !state.pending_promotes().map_err(state_error)?.is_empty();
    if is_full { Err(not_empty("the state is not empty")) } else { Ok(()) }
}

pub(super) fn full(error: StateError) -> CommandError {
    match error {
        StateError::NotEmpty { .. } => not_empty(&error.to_string()),
        other => state_error(other),
    }
}

fn not_empty(message: &str) -> CommandError {
    CommandError::no(format!("{message}, so nothing was changed")).hint(
        "a state is taken up as a whole: name another place in `state_connection`, or move the one that is there away",
    )
}
