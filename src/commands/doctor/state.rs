//! What doctor looks at in the state: where it is, who it is, what is not finished, and whether git would commit it.

use super::{failed, ok, warning};
use crate::connect::StatePlace;
use crate::fingerprint::ALGORITHM;
use crate::project::Project;
use crate::render::findings::Finding;
use crate::rollback;
use crate::state::{Identity, State, Status};
use crate::workspace::{Workspace, state_error};

const AREA: &str = "state";

/// Everything about the state, and who it is.
pub(super) fn look(workspace: &Workspace<'_>, project: &Project) -> (Option<Identity>, Vec<Finding>) {
    let place = match workspace.state_place(&project.settings) {
        Ok(place) => place,
        Err(error) => return (None, vec![failed(AREA, "connection", &error)]),
    };
    let mut found = trusted(workspace, project, &place);
    let check = if place.file().is_some() { "file" } else { "server" };
    let state = match workspace.state_to_read(&project.settings) {
        Ok(state) => state,
        Err(error) => {
            found.push(failed(AREA, check, &error));
            return (None, found);
        }
    };
    let is_there = match &place {
        StatePlace::File(path) => path.exists(),
        StatePlace::Postgres(_) => state.identity().is_ok_and(|identity| identity.is_some()),
    };
    if !is_there {
        found.push(ok(AREA, check, format!("`{place}` is not there yet")).help(
            "`bot promote` makes it; where there was one and the warehouse still belongs to it, `bot state recover`",
        ));
        return (None, found);
    }
    found.push(ok(AREA, check, format!("`{place}`")));
    match contents(state.as_ref(), &mut found) {
        Ok(identity) => (identity, found),
        Err(error) => {
            found.push(failed(AREA, "contents", &state_error(error)));
            (None, found)
        }
    }
}

fn contents(state: &dyn State, found: &mut Vec<Finding>) -> Result<Option<Identity>, crate::state::StateError> {
    let identity = state.identity()?;
    if let Some(identity) = &identity {
        found.push(ok(AREA, "identity", format!("{}, schema version {}", identity.state, identity.schema_version)));
        let version = identity.algorithm_version;
        found.push(match version.cmp(&ALGORITHM) {
            std::cmp::Ordering::Equal => ok(AREA, "algorithm", format!("fingerprints of algorithm {version}")),
            std::cmp::Ordering::Less => warning(
                AREA,
                "algorithm",
                format!("fingerprints of algorithm {version}; this program makes {ALGORITHM}"),
            )
            .help("whoever writes next brings them up; `bot state migrate` does it where the whole history is"),
            std::cmp::Ordering::Greater => {
                super::error(AREA, "algorithm", format!("fingerprints of algorithm {version}, newer than {ALGORITHM}"))
                    .help("install a newer `bot`: this one can plan, not apply or promote")
            }
        });
    }
    let environments = state.environments()?;
    let names: Vec<String> = environments.iter().map(|about| format!("`{}`", about.name)).collect();
    let listed = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
    found.push(ok(AREA, "environments", listed));
    for about in environments.iter().filter(|about| about.status == Status::Building) {
        found.push(
            warning(AREA, "environments", format!("the last plan of `{}` is not through", about.name))
                .help("where nobody runs it any more, run `bot apply` on its branch again: it goes on from there"),
        );
    }
    for pending in state.pending_promotes()? {
        let name = &pending.intended.about.name;
        found.push(
            warning(AREA, "promotes", format!("a promote of `{name}` is not finished"))
                .help("where nobody runs it any more, run `bot promote`: it settles it first"),
        );
    }
    for (name, hold) in state.holds()? {
        found.push(warning(AREA, "holds", hold.sentence(&name)).help(rollback::ends(&name)));
    }
    Ok(identity)
}

/// Which connection decides where the state is, and who can come near it.
fn trusted(workspace: &Workspace<'_>, project: &Project, place: &StatePlace) -> Vec<Finding> {
    let mut found = Vec::new();
    let connection = project.settings.state_connection(workspace.gateway(&project.settings));
    let known = ["sqlite", "postgres"];
    if let Some(connection) = connection.filter(|connection| !known.contains(&connection.kind.as_str())) {
        let message = format!(
            "a `state_connection` of type `{}` cannot hold our state and is passed over; a file is used",
            connection.kind
        );
        found.push(
            warning(AREA, "connection", message)
                .help("name one of type `postgres`, or a file: `type: sqlite` with `database: PATH`"),
        );
    }
    if place.file().is_some_and(|path| workspace.git.is_ignored(path) == Some(false)) {
        let help = "add `.offshoot/`, or where your state is, to `.gitignore`";
        found.push(warning(AREA, "ignored", "git does not ignore the state's file, so it may be committed").help(help));
    }
    if connection.is_none() && place.file().is_none() {
        let message = "the state is in the warehouse, under the role that runs models: their SQL can write it";
        let help = "name a `state_connection` whose role no model runs as";
        found.push(warning(AREA, "trust", message).help(help));
    }
    found
}
