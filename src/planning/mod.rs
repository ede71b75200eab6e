//! From a command's arguments to a plan: which trees, which environment, and what the state knows.

mod beside_all;
mod decided;
mod glance;
mod known;
mod later_start;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cli::TreeArguments;
use crate::context::Context;
use crate::error::CommandError;
use crate::fingerprint::{ALGORITHM, Tree};
use crate::git::{GitError, Head, Mode, Request, ThreeTrees, TreeSource};
use crate::ids::{CommitId, EnvironmentName, ModelName, RefName};
use crate::model::{KindName, Model};
use crate::naming::{
    Clash, Disambiguator, IdentifierLimit, Layout, detached_environment_name, environment_name, parse_environment_name,
    physical_clashes, view_clashes,
};
use crate::plan::{Commits, Inputs, Plan, Purpose, Unseen, Window, build};
use crate::problem::{HELD, Problem};
use crate::rollback;
use crate::settings::{EnvironmentSuffix, Settings};
use crate::state::{Environment, Owner, State, StateError};
use crate::turn::Writer;
use crate::workspace::{Side, Workspace, git_error, state_error};

pub use beside_all::{Agreements, ready, times_of_plan, times_of_run};
pub use decided::{Beside, Rows, decided};
pub use glance::glance;
pub use known::{Question, plan_over};
pub use running::{AskRestate, PlannedRun, affected, made_from, run_of};

/// DuckDB has no limit worth knowing; names that fit PostgreSQL fit everywhere.
pub const LIMIT: IdentifierLimit = IdentifierLimit::SMALLEST;

/// A plan with what it was made of.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What is there; `None` where nothing was promoted yet.
    pub base: Option<Side>,
    /// What there would be.
    pub result: Side,
    /// Whose the environment is.
    pub owner: Owner,
    /// The branch, where there is one.
    pub branch: Option<RefName>,
    /// The environment as it is.
    pub current: Option<Environment>,
    /// Production as it is.
    pub prod: Option<Environment>,
    /// How the statements around all of it stand to production's.
    pub agreements: Agreements,
}

/// The trees that a command is about.
pub struct Chosen {
    /// Base, head, result.
    pub trees: ThreeTrees,
    /// The base branch's short name.
    pub base_branch: String,
    /// Whether the base branch itself is looked at.
    pub place: Place,
    /// How much of the past is loaded.
    pub window: Window,
    /// What becomes of rows that would be computed again.
    pub rows: Rows,
}

impl Chosen {
    /// The commits that the trees are of.
    fn commits(&self) -> Commits {
        Commits {
            base: self.trees.base.clone(),
            head: Some(self.trees.head.clone()),
            merge_base: self.trees.merge_base.clone(),
            result_tree: Some(self.trees.result.id().clone()),
        }
    }
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the base branch: what is planned is production.
    Base,
    /// Anywhere else.
    Branch,
    /// On a commit that is about to become the base branch's: what its promotion would build is built beforehand.
    Queue,
}

impl Place {
    fn writer(self, environment: &EnvironmentName) -> Writer<'_> {
        match self {
            Self::Base if environment.is_prod() => Writer::Promote(environment),
            Self::Base | Self::Branch => Writer::Branch(environment),
            Self::Queue => Writer::Queue,
        }
    }

    fn purpose(self, environment: &EnvironmentName) -> Purpose {
        match self.writer(environment).promotes_to() {
            Some(_) => Purpose::Promote,
            None => Purpose::Apply,
        }
    }
}

/// Chooses the trees: base and head as given, else the base branch and `HEAD`.
///
/// # Errors
/// A name is unknown, the trees conflict, or the clone is too shallow.
pub fn choose(workspace: &Workspace<'_>, arguments: &TreeArguments) -> Result<Chosen, CommandError> {
    let git = &workspace.git;
    let configured = configured_base(workspace)?;
    let mode = if arguments.worktree { Mode::Worktree } else { Mode::Commit };
    let request = Request {
        base: arguments.base.as_deref(),
        base_branch: configured.as_deref(),
        head: arguments.head.as_deref(),
        mode,
        project_folder: &workspace.folder,
    };
    let trees = git.three_trees(&request).map_err(git_error)?;
    let base_branch = match git.base_branch(configured.as_deref()) {
        Ok(base) => base.branch().to_owned(),
        Err(_) => trees.base_name.clone(),
    };
    let on_base = trees.head_branch.as_ref().is_some_and(|head| head.as_str() == format!("refs/heads/{base_branch}"));
    let place = if on_base && !arguments.worktree { Place::Base } else { Place::Branch };
    let window = arguments.max_days.map_or(Window::Everything, |days| Window::Last { days, from: BTreeMap::new() });
    Ok(Chosen { trees, base_branch, place, window, rows: Rows::AsDecided })
}

/// `base_branch` of `offshoot.yaml`, else `prod_branch_name` of SQLMesh's bot, as the checked-out commit has them.
///
/// # Errors
/// Git cannot be read.
pub fn configured_base(workspace: &Workspace<'_>) -> Result<Option<String>, CommandError> {
    let commit = match workspace.git.head().map_err(git_error)? {
        Head::Branch { commit, .. } | Head::Detached { commit } => commit,
        Head::Unborn { .. } => return Ok(None),
    };
    let source = workspace.git.tree_of(&commit).map_err(git_error)?;
    let settings = workspace.settings(&source)?;
    Ok(settings.own.base_branch.or(settings.production_branch))
}

/// The environment that a command means: `--env`, else the branch's, else the detached commit's; `prod` on the base branch.
///
/// # Errors
/// `--env` is no good name, or the branch's name belongs to another branch.
pub fn environment_of(
    state: &dyn State,
    chosen: &Chosen,
    wanted: Option<&str>,
) -> Result<(EnvironmentName, Owner), CommandError> {
    if let Some(wanted) = wanted {
        let name =
            parse_environment_name(wanted, &chosen.base_branch).map_err(|error| CommandError::no(error.to_string()))?;
        return Ok((name, Owner::Named));
    }
    if chosen.place == Place::Base {
        return Ok((EnvironmentName::prod(), Owner::Named));
    }
    match &chosen.trees.head_branch {
        None => Ok((detached_environment_name(&chosen.trees.head), Owner::Named)),
        Some(branch) => {
            let owner = Owner::Branch(branch.clone());
            let name = environment_name(branch, Disambiguator::FullRef, &chosen.base_branch);
            Ok((state.resolve_name(&owner, &name).map_err(state_error)?, owner))
        }
    }
}

/// Plans what a command is about.
///
/// # Errors
/// Git, the state, or a name refuses. Problems of the project are in the plan.
pub fn plan(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    state: &dyn State,
    arguments: &TreeArguments,
) -> Result<Planned, CommandError> {
    let chosen = choose(workspace, arguments)?;
    let (environment, owner) = environment_of(state, &chosen, arguments.environment.as_deref())?;
    let result = workspace.planned_side(&chosen.trees.result, None)?;
    plan_of(context, workspace, state, (&chosen, result), (environment, owner))
}

/// Plans trees that were chosen and loaded already.
///
/// # Errors
/// As [`plan`].
pub fn plan_of(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    state: &dyn State,
    (chosen, mut result): (&Chosen, Side),
    (environment, owner): (EnvironmentName, Owner),
) -> Result<Planned, CommandError> {
    let decisions = state.decisions().map_err(state_error)?;
    let suffix = result.project.settings.environment_suffix;
    let prod = state.environment(&EnvironmentName::prod()).map_err(state_error)?;
    let current = state.environment(&environment).map_err(state_error)?;
    let promoted = promoted_side(workspace, prod.as_ref(), &result.tree, &mut result.problems);
    let (base_side, promoted) = match chosen.place {
        Place::Branch | Place::Queue => {
            let base = workspace.side_like(&chosen.trees.base_tree, Some(&result.tree))?;
            (Some(base.decided(&decisions)), promoted)
        }
        Place::Base => (promoted, None),
    };
    let nothing = workspace.nothing(&result);
    let base = base_side.as_ref().map_or(&nothing, |side| &side.tree);
    let promoted = promoted.as_ref().map(|side| &side.tree);
    let beside = Beside { base, shown: [prod.as_ref(), None], of_others: &BTreeSet::new() };
    let mut result = decided(result, decisions, (chosen.rows, &beside));
    if prod.is_none() {
        result.problems.push(never_promoted());
    }
    result.problems.extend(held(state).map_err(state_error)?);
    result.problems.extend(newer(state).map_err(state_error)?);
    result.problems.extend(chosen.trees.problems.iter().cloned());
    result.problems.extend(clashes(&result.tree.models, &environment, &result.project.settings));
    result.problems.extend(handed_over(&result.tree.models, [prod.as_ref(), None]));
    let agreements = Agreements::of(workspace, prod.as_ref(), &result.project);
    result.problems.extend(statements(&agreements, (&environment, prod.as_ref()), &result.project.settings));
    let purpose = chosen.place.purpose(&environment);
    let writer = writer(workspace, &result.project.settings, (chosen.place, &environment));
    let trees = [Some(base), Some(&result.tree), promoted];
    let question = Question { writer, trees, keys: BTreeSet::new(), replaced: prod.as_ref() };
    let now = context.execution_time()?;
    let plan = plan_over(state, &question, &|known| {
        build(Inputs {
            environment: environment.clone(),
            suffix,
            commits: chosen.commits(),
            base,
            result: &result.tree,
            promoted,
            production: None,
            known,
            purpose,
            now,
            schemas: &result.project.settings.physical_schemas,
            limit: LIMIT,
            problems: result.problems.clone(),
            unseen: Unseen::default(),
            window: chosen.window.clone(),
        })
    });
    let plan = plan.map_err(state_error)?;
    let branch = chosen.trees.head_branch.clone();
    Ok(Planned { plan, base: base_side, result, owner, branch, current, prod, agreements })
}

/// Who writes what is planned.
pub fn writer<'a>(
    workspace: &Workspace<'_>,
    settings: &Settings,
    (place, environment): (Place, &'a EnvironmentName),
) -> Writer<'a> {
    match place.writer(environment) {
        // What is planned of production is promote's to do, whoever plans it.
        writer @ Writer::Promote(_) => writer,
        writer => walled(workspace, settings, writer),
    }
}

/// A writer, which may be beyond the wall.
fn walled<'a>(workspace: &Workspace<'_>, settings: &Settings, writer: Writer<'a>) -> Writer<'a> {
    if workspace.is_outside(settings) { Writer::Outside(Box::new(writer)) } else { writer }
}

/// Who loads what is due in an environment.
pub fn runner<'a>(workspace: &Workspace<'_>, settings: &Settings, environment: &'a EnvironmentName) -> Writer<'a> {
    walled(workspace, settings, Writer::Run(environment))
}

/// What there is to say of the statements that run around all of it.
fn statements(
    agreements: &Agreements,
    (environment, prod): (&EnvironmentName, Option<&Environment>),
    settings: &Settings,
) -> Vec<Problem> {
    match (environment.is_prod(), prod) {
        (true, _) => agreements.of_promotion(settings),
        (false, Some(_)) => agreements.of_branch(settings, environment),
        (false, None) => Vec::new(),
    }
}

/// What prod shows. Where its commit is not here, drift is unknown, and that is said.
pub fn promoted_side(
    workspace: &Workspace<'_>,
    prod: Option<&Environment>,
    like: &Tree,
    problems: &mut Vec<Problem>,
) -> Option<Side> {
    let prod = prod?;
    let commit: &CommitId = prod.about.promoted.as_ref()?;
    let source = promoted_tree(workspace, commit);
    let loaded = source.and_then(|source| workspace.side_like(&source, Some(like)).map_err(unread));
    let loaded = loaded.map(|side| side.decided(&prod.decisions()));
    loaded.map_err(|what| problems.push(drift_unknown(commit, &what))).ok()
}

/// The tree of the promoted commit; an error says what it is instead.
fn promoted_tree(workspace: &Workspace<'_>, commit: &CommitId) -> Result<TreeSource, String> {
    workspace.git.tree_of(commit).map_err(|error| match error {
        GitError::MissingObject { .. } | GitError::Shallow { .. } => "is not in this clone".to_owned(),
        error => unread(git_error(error)),
    })
}

fn unread(error: CommandError) -> String {
    format!("cannot be read: {}", error.message)
}

fn drift_unknown(commit: &CommitId, what: &str) -> Problem {
    let short: String = commit.as_str().chars().take(12).collect();
    Problem::warning("drift-unknown", format!("the promoted commit `{short}` {what}"))
        .help("fetch the whole history (`fetch-depth: 0`) to see what was merged and not promoted")
}

fn never_promoted() -> Problem {
    Problem::info("never-promoted", "nothing was promoted yet, so prod has no tables to reuse")
        .help("run `bot promote` on the base branch first")
}

/// Production was rolled back, and what that was is still held back.
fn held(state: &dyn State) -> Result<Option<Problem>, StateError> {
    let prod = EnvironmentName::prod();
    let hold = state.holds()?.remove(&prod);
    Ok(hold.map(|hold| Problem::warning(HELD, hold.sentence(&prod)).help(rollback::ends(&prod))))
}

/// A newer program made the fingerprints of the state, which this one cannot compare with its own.
fn newer(state: &dyn State) -> Result<Option<Problem>, StateError> {
    let version = state.identity()?.map(|identity| identity.algorithm_version).filter(|version| *version > ALGORITHM);
    let told = |version| {
        let message = format!(
            "the state has newer fingerprints (version {version}) than this program makes ({ALGORITHM}), so no table is found \
             again"
        );
        Problem::warning("newer-fingerprints", message)
            .help("install a newer `bot`: this one can plan, not apply or promote")
    };
    Ok(version.map(told))
}

/// Models that these environments show and that cannot run here by now: their views would go, and whatever reads them would break.
/// Whoever means that takes the model out of the project.
pub fn handed_over(models: &BTreeMap<ModelName, Arc<Model>>, environments: [Option<&Environment>; 2]) -> Vec<Problem> {
    let mut told: BTreeMap<&ModelName, Problem> = BTreeMap::new();
    for environment in environments.into_iter().flatten() {
        let shown = environment.models.iter().filter(|(_, pointer)| pointer.view.is_some());
        for (name, model) in shown.filter_map(|(name, _)| models.get_key_value(name)) {
            if !model.is_stand_in() {
                continue;
            }
            let by = &environment.about.name;
            let message = format!("`{name}` cannot run here by now, and `{by}` shows what this program has made of it");
            let problem = Problem::error("handed-over", message).at(&model.path);
            let help = "let it run here as before; or, to have something else fill it, take its file out of the project and declare its \
                        table in `external_models.yaml`: then its view goes";
            told.entry(name).or_insert_with(|| problem.help(help));
        }
    }
    told.into_values().collect()
}

/// Views that would meet, as problems.
pub fn clashes(
    models: &BTreeMap<ModelName, Arc<Model>>,
    environment: &EnvironmentName,
    settings: &Settings,
) -> Vec<Problem> {
    let of = |is_wanted: fn(KindName) -> bool| {
        models.iter().filter(move |(_, model)| is_wanted(model.kind.name())).map(|(name, _)| name)
    };
    let (stored, viewed) = (of(KindName::has_table), of(KindName::has_view));
    let told = |clash: Clash| match clash {
        Clash::OneView { view, models: [one, two] } => {
            Problem::error("view-clash", format!("models `{one}` and `{two}` would be one view, `{view}`"))
                .help("rename one of them")
        }
        Clash::ProductionSchema { schema, owner, model } => Problem::error(
            "schema-clash",
            format!("the view of `{model}` would stand in schema `{schema}`, which is production's (`{owner}`)"),
        )
        .help("choose another environment name with `--env NAME`"),
        Clash::PhysicalSchema { schema, model, viewed } => Problem::error(
            "physical-schema-clash",
            format!("the table of `{model}` would stand in schema `{schema}`, in which the view of `{viewed}` stands"),
        )
        .help("map it to a schema without views of models in `physical_schema_mapping`"),
        Clash::ProductionView { view, owner, model } => Problem::error(
            "view-clash",
            format!("the view of `{model}` would be `{view}`, which is production's (`{owner}`)"),
        )
        .help("choose another environment name with `--env NAME`, or rename one of the models"),
    };
    let layout = layout(environment, settings.environment_suffix);
    let physical = physical_clashes(stored, viewed.clone(), layout, &settings.physical_schemas);
    view_clashes(viewed, layout).into_iter().chain(physical).map(told).collect()
}

/// How the views of an environment are called.
pub fn layout(environment: &EnvironmentName, suffix: EnvironmentSuffix) -> Layout<'_> {
    Layout { environment, suffix, limit: LIMIT }
}

/// The environment of what is checked out, by name alone: `prod` on the base branch, else the branch's, else the
/// detached commit's. Unlike [`environment_of`] it needs no merge, so a branch in conflict keeps its environment.
///
/// # Errors
/// Git or the state cannot be read, nothing is committed yet, or the name belongs to another branch.
pub fn environment_here(workspace: &Workspace<'_>, state: &dyn State) -> Result<EnvironmentName, CommandError> {
    let base = workspace.git.base_branch(configured_base(workspace)?.as_deref()).map_err(git_error)?.name;
    match workspace.git.head().map_err(git_error)? {
        Head::Unborn { name } => {
            let branch = name.as_str().trim_start_matches("refs/heads/").to_owned();
            Err(git_error(GitError::Unborn { branch }))
        }
        Head::Detached { commit } => Ok(detached_environment_name(&commit)),
        Head::Branch { name, .. } if name.as_str() == format!("refs/heads/{base}") => Ok(EnvironmentName::prod()),
        Head::Branch { name, .. } => {
            let wanted = environment_name(&name, Disambiguator::FullRef, &base);
            state.resolve_name(&Owner::Branch(name), &wanted).map_err(state_error)
        }
    }
}
