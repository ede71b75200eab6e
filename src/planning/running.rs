//! From an environment to what is due in it: the tree that it was made from, which must give what it shows, and what the
//! state knows of its tables.

use std::collections::{BTreeMap, BTreeSet};

use super::known::{Question, known};
use super::runner;
use crate::error::CommandError;
use crate::git::TreeSource;
use crate::ids::ModelName;
use crate::naming::TableKey;
use crate::plan::{Affected, Past, Restate, RunPlan, Running, Shown, due};
use crate::problem::{Severity, has_errors};
use crate::state::{About, Environment, Pointer, State, Status};
use crate::time::Timestamp;
use crate::workspace::{Side, Workspace, git_error, state_error};

/// A run with what it was made of.
pub struct PlannedRun {
    /// What is due.
    pub run: RunPlan,
    /// The models.
    pub side: Side,
    /// The environment as it is.
    pub environment: Environment,
    /// What is loaded again.
    pub restate: Restate,
}

/// What is to be loaded again, by the models that there are.
pub type AskRestate<'a> = dyn Fn(&Side) -> Result<Restate, CommandError> + 'a;

/// Works out what is due in an environment.
///
/// # Errors
/// The environment is not whole, its commit is not here or does not give what it shows, or the state cannot be read.
pub fn run_of(
    workspace: &Workspace<'_>,
    state: &dyn State,
    environment: Environment,
    (restate, now): (&AskRestate<'_>, Timestamp),
) -> Result<PlannedRun, CommandError> {
    let side = made_from(workspace, &environment)?;
    let restate = restate(&side)?;
    let shown: BTreeMap<ModelName, Shown> =
        environment.models.iter().map(|(name, pointer)| (name.clone(), shown(name, pointer))).collect();
    let keys = shown.values().filter(|shown| shown.table.is_some()).map(|shown| shown.key.clone()).collect();
    let name = &environment.about.name;
    let writer = runner(workspace, &side.project.settings, name);
    let question = Question { writer, trees: [Some(&side.tree), None, None], keys, replaced: None };
    let known = known(state, &question, question.keys.clone()).map_err(state_error)?;
    let run = due(&Running {
        environment: name.clone(),
        suffix: side.project.settings.environment_suffix,
        commits: environment.about.commits.clone(),
        tree: &side.tree,
        shown: &shown,
        known: &known,
        now,
        restate: &restate,
        past: if environment.about.promoted.is_some() { Past::Everything } else { Past::AsLoaded },
        signals: side.project.settings.own.signals,
    });
    Ok(PlannedRun { run, side, environment, restate })
}

fn shown(name: &ModelName, pointer: &Pointer) -> Shown {
    Shown {
        key: key(name, pointer),
        metadata: pointer.metadata_fingerprint,
        table: pointer.table.clone(),
        basis: pointer.basis,
    }
}

fn key(name: &ModelName, pointer: &Pointer) -> TableKey {
    TableKey { model: name.clone(), data_fingerprint: pointer.data_fingerprint }
}

/// The project as the environment was made from it; nothing that was checked out or merged since counts.
///
/// # Errors
/// As [`run_of`].
pub fn made_from(workspace: &Workspace<'_>, environment: &Environment) -> Result<Side, CommandError> {
    let about = &environment.about;
    if about.status == Status::Building {
        return Err(
            CommandError::no(format!("the last plan of environment `{}` did not end", about.name)).hint(again(about))
        );
    }
    let side = workspace.side(&source(workspace, about)?)?.decided(&environment.decisions());
    if has_errors(&side.problems) {
        let first = side.problems.iter().find(|problem| problem.severity == Severity::Error);
        let error = CommandError::no(format!(
            "the project that `{}` was made from has errors for this program, so nothing was done",
            about.name
        ));
        return Err(match first {
            Some(problem) => error.because(problem.message.clone()),
            None => error,
        }
        .hint(again(about)));
    }
    refuse_different(environment, &side)?;
    Ok(side)
}

/// Where the files are that an environment was made from.
fn source(workspace: &Workspace<'_>, about: &About) -> Result<TreeSource, CommandError> {
    let name = &about.name;
    let what = match &about.promoted {
        Some(commit) => format!("the commit `{}`", commit.as_str().chars().take(12).collect::<String>()),
        None => "a commit".to_owned(),
    };
    let source = workspace.tree_of_environment(about).map_err(|error| {
        CommandError::failed(format!("{what} of which `{name}` was made is not here"))
            .because(git_error(error).message)
            .hint("fetch the whole history (`fetch-depth: 0`)")
    })?;
    source.ok_or_else(|| {
        CommandError::no(format!("`{name}` was made of files that were not committed"))
            .hint("commit them and `bot apply` again")
    })
}

/// What brings an environment up to date.
fn again(about: &About) -> String {
    match (&about.promoted, about.name.is_prod()) {
        (None, _) => "`bot apply` on its branch makes it whole".to_owned(),
        (Some(_), true) => "`bot promote` makes it whole".to_owned(),
        (Some(_), false) => format!("`bot promote --to {}` makes it whole", about.name),
    }
}

/// Says no where the tree gives other tables than are shown: what it would load belongs into those.
fn refuse_different(environment: &Environment, side: &Side) -> Result<(), CommandError> {
    let differs = |(name, pointer): &(&ModelName, &Pointer)| {
        let (model, fingerprint) = (side.tree.models.get(*name), side.tree.fingerprints.get(*name));
        let data = fingerprint.map(|fingerprint| fingerprint.data);
        // A preview has a key of its own.
        let is_it = !pointer.basis.is_whole() || data == Some(pointer.data_fingerprint);
        !is_it || model.map(|model| model.kind.name()) != Some(pointer.kind)
    };
    let names = environment.models.iter().filter(differs).map(|(name, _)| format!("`{name}`"));
    let names: Vec<String> = names.collect();
    if names.is_empty() && side.tree.models.len() == environment.models.len() {
        return Ok(());
    }
    let about = &environment.about;
    let commit = about.promoted.as_ref().map(|commit| format!(" --force {commit}"));
    Err(CommandError::no(format!(
        "the commit of which `{}` was made gives other tables today than it shows: {}",
        about.name,
        if names.is_empty() { "it has other models".to_owned() } else { names.join(", ") }
    ))
    .because("this program, a variable or the gateway is another one than when it was made")
    .hint(match commit {
        Some(commit) if about.name.is_prod() => format!("`bot promote{commit}` makes it anew"),
        Some(commit) => format!("`bot promote --to {}{commit}` makes it anew", about.name),
        None => again(about),
    }))
}

/// The other environments that show tables which are loaded again, or tables that were made of them.
///
/// # Errors
/// The state cannot be read.
pub fn affected(
    state: &dyn State,
    ours: &Environment,
    restated: &BTreeSet<TableKey>,
) -> Result<Vec<Affected>, CommandError> {
    let mut affected = Vec::new();
    if restated.is_empty() {
        return Ok(affected);
    }
    let own: BTreeSet<TableKey> = ours.models.iter().map(|(name, pointer)| key(name, pointer)).collect();
    for about in state.environments().map_err(state_error)? {
        if about.name == ours.about.name {
            continue;
        }
        // One that was dropped meanwhile is affected by nothing.
        let Some(environment) = state.environment(&about.name).map_err(state_error)? else { continue };
        let stored = environment.models.iter().filter(|(_, pointer)| pointer.table.is_some());
        let keys: Vec<TableKey> = stored.map(|(name, pointer)| key(name, pointer)).collect();
        let shows = keys.iter().filter(|key| restated.contains(key)).map(|key| key.model.clone()).collect();
        let behind = behind(state, &keys, (&own, restated))?;
        let one = Affected { environment: about.name, shows, behind };
        if !one.shows.is_empty() || !one.behind.is_empty() {
            affected.push(one);
        }
    }
    Ok(affected)
}

/// The tables that were made of these, or of others that were.
fn behind(
    state: &dyn State,
    keys: &[TableKey],
    (own, restated): (&BTreeSet<TableKey>, &BTreeSet<TableKey>),
) -> Result<Vec<ModelName>, CommandError> {
    let builds = state.newest_builds(keys).map_err(state_error)?;
    let mut older: BTreeSet<&TableKey> = restated.iter().collect();
    loop {
        let new = builds.iter().filter(|(key, build)| {
            let reads = build.inputs.iter().any(|input| older.contains(&input.key));
            reads && !own.contains(*key) && !older.contains(*key)
        });
        let new: Vec<&TableKey> = new.map(|(key, _)| key).collect();
        if new.is_empty() {
            break;
        }
        older.extend(new);
    }
    let behind = keys.iter().filter(|key| older.contains(key) && !restated.contains(key));
    Ok(behind.map(|key| key.model.clone()).collect())
}
