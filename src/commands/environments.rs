//! `bot env list` and `bot env show`: what the state knows of environments. No warehouse is opened; `drop` is a file of
//! its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, environment_drop};
use crate::cli::{EnvironmentArguments, EnvironmentCommand, FormatArguments, ShowArguments};
use crate::error::{CommandError, CommandResult, Exit};
use crate::history::{Deed, Origin, Who};
use crate::ids::{EnvironmentName, ModelName};
use crate::problem::nearest;
use crate::render::environments::{self as faces, Owner as OwnerFace};
use crate::render::history::Past;
use crate::state::{About, Environment, HistoryEntry, Owner, Pointer, State, Status};
use crate::workspace::{Workspace, state_error};

/// Runs one of `bot env`'s commands.
///
/// # Errors
/// The state cannot be read, or there is no such environment.
pub(super) fn run(context: &Context<'_>, arguments: &EnvironmentArguments) -> CommandResult {
    match &arguments.command {
        EnvironmentCommand::List(format) => list(context, *format),
        EnvironmentCommand::Show(arguments) => show(context, arguments),
        EnvironmentCommand::Drop(arguments) => environment_drop::run(context, arguments),
    }
}

fn list(context: &Context<'_>, format: FormatArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let state = workspace.state_to_read(&workspace.project_here()?.settings)?;
    let mut listed = Vec::new();
    for about in state.environments().map_err(state_error)? {
        // One that was dropped meanwhile is not listed.
        if let Some(environment) = state.environment(&about.name).map_err(state_error)? {
            listed.push(faces::Listed {
                about: face(state.as_ref(), &environment.about)?,
                models: environment.models.len(),
                views: environment.models.values().filter(|pointer| pointer.view.is_some()).count(),
            });
        }
    }
    context.print(
        format.format,
        |colour| faces::list_terminal(&listed, colour),
        || faces::list_markdown(&listed),
        || faces::list_json(&listed),
    );
    Ok(Exit::Done)
}

fn show(context: &Context<'_>, arguments: &ShowArguments) -> CommandResult {
    let named = &arguments.environment;
    let workspace = Workspace::open(context)?;
    let state = workspace.state_to_read(&workspace.project_here()?.settings)?;
    let environment = find(state.as_ref(), &named.name)?;
    let models = environment.models.iter().map(|(name, pointer)| faces::ShownModel {
        name: name.clone(),
        kind: pointer.kind,
        table: pointer.table.clone(),
        data_fingerprint: pointer.data_fingerprint,
        basis: pointer.basis,
        metadata_fingerprint: pointer.metadata_fingerprint,
        view: pointer.view.as_ref().map(|view| view.name.clone()),
    });
    let about = &environment.about;
    let shown = faces::Shown {
        about: face(state.as_ref(), about)?,
        created_from: about.created_from.clone(),
        commits: about.commits.clone(),
        as_of: about.as_of,
        hold: state.holds().map_err(state_error)?.remove(&about.name),
        models: models.collect(),
        history: history(state.as_ref(), &about.name, arguments.history)?,
    };
    context.print(
        named.format.format,
        |colour| faces::show_terminal(&shown, colour),
        || faces::show_markdown(&shown),
        || faces::show_json(&shown),
    );
    Ok(Exit::Done)
}

/// What an environment was, newest first, at most so many entries.
fn history(state: &dyn State, name: &EnvironmentName, most: usize) -> Result<Vec<Past>, CommandError> {
    let entries = state.history(name, most.saturating_add(1)).map_err(state_error)?;
    let past = |(place, entry): (usize, &HistoryEntry)| Past {
        number: entry.sequence,
        at: entry.at,
        commit: entry.commit.clone(),
        origin: entry.origin.clone().unwrap_or_else(|| Origin { deed: Deed::of_run(&entry.run), who: Who::default() }),
        run: entry.run.clone(),
        moved: match entries.get(place + 1) {
            Some(before) => Some(moved(&before.models, &entry.models)),
            None => (entry.sequence == 1).then_some(entry.models.len()),
        },
    };
    Ok(entries.iter().enumerate().take(most).map(past).collect())
}

/// How many models point elsewhere, came or went.
fn moved(before: &BTreeMap<ModelName, Pointer>, after: &BTreeMap<ModelName, Pointer>) -> usize {
    let names: BTreeSet<&ModelName> = before.keys().chain(after.keys()).collect();
    let key = |models: &BTreeMap<ModelName, Pointer>, name| models.get(name).map(|pointer| pointer.data_fingerprint);
    names.into_iter().filter(|name| key(before, *name) != key(after, *name)).count()
}

fn face(state: &dyn State, about: &About) -> Result<faces::About, CommandError> {
    let pending = state.pending_promotes().map_err(state_error)?;
    let is_promoting = pending.iter().any(|pending| pending.intended.about.name == about.name);
    Ok(faces::About {
        name: about.name.clone(),
        owner: match &about.owner {
            Owner::Branch(branch) => OwnerFace::Branch(branch.clone()),
            Owner::PullRequest(number) => OwnerFace::PullRequest(*number),
            Owner::Named => OwnerFace::Named,
        },
        branch: about.branch.clone(),
        base: about.base.clone(),
        status: match about.status {
            _ if is_promoting => faces::Status::Promoting,
            Status::Building => faces::Status::Building,
            Status::Ready => faces::Status::Ready,
        },
        head: about.promoted.clone().or_else(|| about.commits.head.clone()),
        promoted: about.promoted.clone(),
        plan_id: about.plan_id.clone(),
        created_at: about.created_at,
        updated_at: about.updated_at,
        expires_at: about.expires_at,
    })
}

/// An environment by the name that a person gave.
///
/// # Errors
/// There is none; the nearest name is told.
pub(super) fn find(state: &dyn State, wanted: &str) -> Result<Environment, CommandError> {
    let name = EnvironmentName::new(wanted);
    if let Some(environment) = state.environment(&name).map_err(state_error)? {
        return Ok(environment);
    }
    let known = state.environments().map_err(state_error)?;
    let error = not_there(&name);
    Err(match nearest(wanted, known.iter().map(|about| about.name.as_str())) {
        Some(nearest) => CommandError::no(error.message).hint(format!("did you mean `{nearest}`?")),
        None if known.is_empty() || name.is_prod() => error,
        None => error.hint("`bot env list` shows those that are there"),
    })
}

/// There is no such environment yet, and what makes it.
pub(super) fn not_there(name: &EnvironmentName) -> CommandError {
    let hint = if name.is_prod() { "`bot promote` makes it" } else { "`bot apply` on its branch makes it" };
    CommandError::no(format!("there is no environment `{name}` yet")).hint(hint)
}
