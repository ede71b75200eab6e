//! What doctor looks at in the engine: the connection, whether the warehouse opens, whose it is, and how far it can be
//! trusted. It is opened for reading only, and nobody who holds it is waited for.

use std::path::Path;
use std::time::Duration;

use super::wall;
use super::{error, failed, ok, warning};
use crate::apply::engine_error;
use crate::connect::Place;
use crate::engine::{self, Engine, EngineError, OpenMode};
use crate::ids::StateId;
use crate::project::Project;
use crate::render::findings::Finding;
use crate::state::Identity;
use crate::workspace::Workspace;

const AREA: &str = "engine";

/// Everything about the engine.
pub(super) fn look(workspace: &Workspace<'_>, project: &Project, identity: Option<&Identity>) -> Vec<Finding> {
    let settings = &project.settings;
    let connection = match settings.connection(workspace.gateway(settings)) {
        Ok(connection) => connection,
        Err(problem) => return vec![error(AREA, "connection", problem.to_string())],
    };
    let mut found = vec![ok(AREA, "connection", format!("type `{}`", connection.kind))];
    let engine = match workspace.engine(settings, OpenMode::ReadOnly, Duration::ZERO) {
        Ok(engine) => engine,
        Err(problem) => return vec![failed(AREA, "connection", &problem)],
    };
    let Some(place) = workspace.warehouse(settings) else { return found };
    if place.may_be_there() {
        found.extend(open(engine.as_ref(), &place, identity));
    } else {
        found.push(ok(AREA, "warehouse", format!("`{place}` is not there yet")).help("`bot promote` makes it"));
    }
    match place.file() {
        Some(file) => found.extend(of_a_file(workspace, file)),
        None => found.extend(wall::look(workspace, settings)),
    }
    found
}

/// What a file cannot do for the trust that is put in it.
fn of_a_file(workspace: &Workspace<'_>, file: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    if workspace.git.is_ignored(file) == Some(false) {
        let message = "git does not ignore the warehouse's file, so it may be committed";
        found.push(warning(AREA, "ignored", message).help("add `*.duckdb*`, or its name, to `.gitignore`"));
    }
    let message =
        "a DuckDB file has no wall between roles: who can build a branch's tables can also write production's";
    let help = "let only people and jobs that may write production open it, and build no fork's pull request here";
    found.push(warning(AREA, "trust", message).help(help));
    found
}

fn open(engine: &dyn Engine, place: &Place, identity: Option<&Identity>) -> Vec<Finding> {
    let mut session = match engine.session() {
        Ok(session) => session,
        Err(EngineError::Locked { pid, .. }) => {
            let holder = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            let message = format!("`{place}` is held by {holder}, so it was not looked into");
            let help = "commands wait for it as long as `--lock-timeout` says; end that process if it hangs";
            return vec![warning(AREA, "warehouse", message).help(help)];
        }
        Err(problem) => return vec![error(AREA, "warehouse", problem.to_string())],
    };
    let mut found = vec![ok(AREA, "warehouse", format!("`{place}` opens, {} {}", name_of(engine), session.version()))];
    found.push(match engine::owner(session.as_mut()) {
        Ok(owner) => owned(owner.as_ref(), identity.map(|identity| &identity.state)),
        Err(problem) => failed(AREA, "owner", &engine_error("who owns the warehouse cannot be read", problem)),
    });
    found
}

fn name_of(engine: &dyn Engine) -> &'static str {
    match engine.kind() {
        "duckdb" => "DuckDB",
        "postgres" => "PostgreSQL",
        other => other,
    }
}

/// Whose the warehouse is, held against the state that is used here.
fn owned(theirs: Option<&StateId>, ours: Option<&StateId>) -> Finding {
    match (theirs, ours) {
        (None, _) => ok(AREA, "owner", "nobody's yet; the first `bot promote` makes it ours"),
        (Some(theirs), Some(ours)) if theirs == ours => ok(AREA, "owner", format!("this state's ({ours})")),
        (Some(theirs), Some(ours)) => {
            let message = format!("the warehouse belongs to state {theirs}, not to the one here ({ours})");
            error(AREA, "owner", message).help(
                "use that state, or another warehouse; where that state is lost for good and this one is empty, \
                 `bot state recover` makes it anew from the warehouse",
            )
        }
        (Some(theirs), None) => {
            let message = format!("the warehouse belongs to state {theirs}, and there is no state here");
            error(AREA, "owner", message).help(
                "put that state back, or name it in `state_connection`; where it is lost for good, `bot state recover` \
                 makes it anew from the warehouse",
            )
        }
    }
}
