//! A pull request that is open: it is planned, built where that is allowed, compared with production and reported.
//!
//! The head is read once. Before anything is written the head is looked at again: where it moved, the newer run has the
//! word.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::apply::{Order, Prepared, Target, prepare};
use super::tell::{Began, Teller};
use super::{Job, data, findings, freshness, short_branch};
use crate::decision::KeptRows;
use crate::error::{CommandError, CommandErrorKind, CommandResult};
use crate::event::{Label, Origin, PullRequest, Standing};
use crate::git::{GitError, Mode, Request, ThreeTrees};
use crate::ids::{EnvironmentName, FilePath, ModelName};
use crate::naming::{Disambiguator, environment_name};
use crate::plan::{Action, Window};
use crate::planning::{self, Chosen, Place, Rows};
use crate::problem::has_errors;
use crate::render::Colour;
use crate::report::{self, Findings, NotBuilt, ReadOnly, StopCause, Stopped};
use crate::settings::{Drafts, ForkPolicy, Settings, WhenCompared};
use crate::state::Owner;
use crate::surroundings::Stopwatch;
use crate::time::{Intervals, Timestamp};
use crate::workspace::{Side, git_error, state_error};

/// What is wanted of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// What its settings say.
    Usual,
    /// Its environment, draft or not.
    Build,
    /// The same, with more of one model's past.
    Backfill {
        /// The model.
        model: ModelName,
        /// From when on.
        from: Timestamp,
    },
}

/// Plans, builds and reports.
///
/// # Errors
/// GitHub or git cannot be asked. Whatever is wrong with the project or the warehouse is reported.
pub(super) fn run(job: &Job<'_>, pull_request: &PullRequest, wish: Wish) -> CommandResult {
    let trees = match trees(job, pull_request) {
        Ok(trees) => trees,
        Err(GitError::Conflicts { files, .. }) => return conflict(job, pull_request, files),
        Err(error) => return Err(git_error(error)),
    };
    let settings = job.workspace.settings(&trees.base_tree)?;
    let may_write = read_only(job, pull_request)?;
    if may_write == Some(ReadOnly::Fork) && settings.own.fork_policy == ForkPolicy::Skip {
        return super::tell::nothing(job.context, "pull requests from forks are passed over (`fork_policy: skip`)");
    }
    if pull_request.standing == Standing::Draft && settings.own.drafts == Drafts::Skip && wish == Wish::Usual {
        return super::tell::nothing(job.context, "drafts are passed over (`drafts: skip`)");
    }
    let result = job.workspace.planned_side(&trees.result, Some(&settings))?;
    // From here on a check is open, and whatever happens closes it.
    let Began { mut teller, read_only } = Teller::begin(job, pull_request, &settings, trees.base.clone(), may_write)?;
    let base_branch = short_branch(&pull_request.base.branch).to_owned();
    let chosen =
        Chosen { trees, base_branch, place: Place::Branch, window: window(&settings, &wish), rows: Rows::AsDecided };
    if has_errors(&result.problems) {
        let failed = teller.failed(result.problems);
        return teller.end(failed);
    }
    let instead = instead_of_building(job, pull_request, &settings, &wish);
    let told =
        match (read_only, instead) {
            (Some(why), _) => static_plan(job, pull_request, &settings, (chosen, result))
                .map(|findings| report::State::ForkOrReadOnly(Box::new(findings), why)),
            (None, Some(why)) => static_plan(job, pull_request, &settings, (chosen, result)).map(|findings| {
                match findings.plan.models.is_empty() {
                    true => report::State::NoChange,
                    false => report::State::Planned(Box::new(findings), why),
                }
            }),
            (None, None) => built(job, pull_request, &settings, ((chosen, result), &wish), &mut teller),
        };
    // Errors are for who reads the pull request, too, the log alone has all of them.
    let state = told.unwrap_or_else(|error| {
        job.context.output.talk(&error.for_terminal(Colour::Never));
        teller.failed(vec![super::problem_of(&error)])
    });
    teller.end(state.beside_its_base())
}

/// The trees: GitHub's own merge where it is checked out, else head and base branch merged here.
fn trees(job: &Job<'_>, pull_request: &PullRequest) -> Result<ThreeTrees, GitError> {
    let git = &job.workspace.git;
    let base_branch = short_branch(&pull_request.base.branch);
    let request = |base, head, mode| Request {
        base,
        base_branch: Some(base_branch),
        head,
        mode,
        project_folder: &job.workspace.folder,
    };
    let merged = git.three_trees(&request(None, None, Mode::PullRequest));
    if let Ok(trees) = &merged
        && trees.head == pull_request.head.commit
        && trees.head_branch.is_none()
    {
        return merged;
    }
    let remote = format!("refs/remotes/origin/{base_branch}");
    let base = match git.resolve(&remote) {
        Ok(_) => remote.as_str(),
        Err(_) => pull_request.base.commit.as_str(),
    };
    git.three_trees(&request(Some(base), Some(pull_request.head.commit.as_str()), Mode::Commit))
}

fn conflict(job: &Job<'_>, pull_request: &PullRequest, files: Vec<String>) -> CommandResult {
    let settings = job.settings_of_base(&pull_request.base)?;
    let base = pull_request.base.commit.clone();
    let Began { teller, .. } = Teller::begin(job, pull_request, &settings, base, read_only(job, pull_request)?)?;
    let last_good = teller.previous.clone();
    teller.end(report::State::Conflict { files: files.into_iter().map(FilePath::new).collect(), last_good })
}

/// Why nothing may be written and no warehouse be reached: GitHub gives such runs a token that can only read.
fn read_only(job: &Job<'_>, pull_request: &PullRequest) -> Result<Option<ReadOnly>, CommandError> {
    if !matches!(pull_request.origin, Origin::Here) {
        return Ok(Some(ReadOnly::Fork));
    }
    let by_dependabot = job.runner.actor.as_ref().is_some_and(|actor| actor.as_str() == "dependabot[bot]");
    if by_dependabot {
        return Ok(Some(ReadOnly::Dependabot));
    }
    Ok(job.github()?.is_none().then_some(ReadOnly::Token))
}

fn instead_of_building(
    job: &Job<'_>,
    pull_request: &PullRequest,
    settings: &Settings,
    wish: &Wish,
) -> Option<NotBuilt> {
    if job.nothing_would_stay(settings) {
        return Some(NotBuilt::NothingWouldStay);
    }
    match wish {
        Wish::Usual if pull_request.standing == Standing::Draft && settings.own.drafts != Drafts::Build => {
            Some(NotBuilt::Draft)
        }
        Wish::Usual | Wish::Build | Wish::Backfill { .. } => None,
    }
}

/// A pull request loads the last days only; what was loaded for it before stays.
fn window(settings: &Settings, wish: &Wish) -> Window {
    let from = match wish {
        Wish::Backfill { model, from } => BTreeMap::from([(model.clone(), *from)]),
        Wish::Usual | Wish::Build => BTreeMap::new(),
    };
    settings.own.backfill_max_days.map_or(Window::Everything, |days| Window::Last { days, from })
}

/// A branch may say by its name that rows are kept.
fn rows(settings: &Settings, pull_request: &PullRequest) -> Rows {
    let is_said = settings.forward_only_branches.has(&pull_request.head.branch);
    if is_said { Rows::Kept(KeptRows::default()) } else { Rows::AsDecided }
}

/// The environment's name, and whose it is.
pub(super) fn environment(
    state: &dyn crate::state::State,
    chosen: &Chosen,
    pull_request: &PullRequest,
) -> Result<(EnvironmentName, Owner), CommandError> {
    let number = pull_request.number.0;
    let owner = Owner::PullRequest(number);
    let name = environment_name(&pull_request.head.branch, Disambiguator::PullRequest(number), &chosen.base_branch);
    Ok((state.resolve_name(&owner, &name).map_err(state_error)?, owner))
}

/// A plan from git and the state alone.
fn static_plan(
    job: &Job<'_>,
    pull_request: &PullRequest,
    settings: &Settings,
    (chosen, result): (Chosen, Side),
) -> Result<Findings, CommandError> {
    let state = job.workspace.state_to_plan(settings)?;
    let owner = environment(state.as_ref(), &chosen, pull_request)?;
    let planned = planning::plan_of(job.context, &job.workspace, state.as_ref(), (&chosen, result), owner)?;
    let allowed = state.allowed(pull_request.number.0, &pull_request.head.commit).map_err(state_error)?;
    let findings = findings::of(&job.workspace, state.as_ref(), settings, &planned, &allowed)?;
    Ok(Findings { freshness: freshness::of(job, &pull_request.base.branch, &planned), ..findings })
}

fn built(
    job: &Job<'_>,
    pull_request: &PullRequest,
    settings: &Settings,
    ((chosen, result), wish): ((Chosen, Side), &Wish),
    teller: &mut Teller<'_>,
) -> Result<report::State, CommandError> {
    // What is not built decides nothing.
    let trees = (Chosen { rows: rows(settings, pull_request), ..chosen }, result);
    let stopwatch = Stopwatch::start();
    let minutes = settings.own.backfill_max_minutes.filter(|_| *wish == Wish::Usual);
    let order = Order {
        doing: "bot ci",
        settings,
        environment: &|state, chosen| environment(state, chosen, pull_request),
        target: Target::Environment,
        work: &job.arguments.work,
        limit: minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60)),
    };
    let mut prepared = prepare(job.context, &job.workspace, trees, &order)?;
    let planned = &prepared.planned;
    teller.environment(planned.plan.environment.clone());
    let is_unchanged = planned.plan.models.is_empty();
    if is_unchanged && planned.current.is_none() {
        return Ok(report::State::NoChange);
    }
    if planned.plan.targets.iter().any(|target| target.action == Action::Build) {
        teller.running()?;
    }
    let allowed = prepared.state.allowed(pull_request.number.0, &pull_request.head.commit).map_err(state_error)?;
    let mut known = findings::of(&job.workspace, prepared.state.as_ref(), settings, planned, &allowed)?;
    let published = match prepared.build(job.context, &job.workspace, &order) {
        Ok(published) => published,
        Err(error) => {
            known.cost.spent = findings::spent(prepared.state.as_ref(), &prepared.planned)?;
            return in_part(job, &prepared, known, error);
        }
    };
    let planned = &prepared.planned;
    // An environment of an earlier push shows what the branch says now: the base.
    if is_unchanged {
        return Ok(report::State::NoChange);
    }
    known.cost.spent = findings::spent(prepared.state.as_ref(), planned)?;
    known = findings::built(known, published, stopwatch.seconds());
    let limits = match pull_request.labels.contains(&Label::DiffAll) {
        true => settings.own.data_diff.widened(),
        false => settings.own.data_diff,
    };
    // Where no row is compared, what columns there are still counts: one that goes away is somebody's to allow.
    let data = data::compared(job, &prepared, &limits)?;
    known.destructions = findings::destructions(&job.workspace, planned, data.as_ref(), &allowed);
    known.data = data.filter(|_| limits.when != WhenCompared::Never);
    known.freshness = freshness::of(job, &pull_request.base.branch, planned);
    Ok(report::State::Built(Box::new(known)))
}

/// What was loaded stays; the next run goes on from there.
fn in_part(
    job: &Job<'_>,
    prepared: &Prepared,
    findings: Findings,
    error: CommandError,
) -> Result<report::State, CommandError> {
    let planned = &prepared.planned;
    let wanted = planned.plan.targets.iter().filter(|target| target.action == Action::Build);
    let keys: Vec<_> = wanted.clone().map(|target| target.key.clone()).collect();
    let tables = prepared.state.tables(&keys).map_err(state_error)?;
    let unfinished = wanted.into_iter().find_map(|target| {
        let loaded = tables.get(&target.key).map(|table| table.ledger.intervals()).unwrap_or_default();
        let of = report::units(&target.intervals_missing, target.unit).max(1);
        let mut left = Intervals::default();
        target.intervals_missing.iter().for_each(|range| left.add(*range));
        let left = report::units(left.minus(&loaded).ranges(), target.unit);
        let is_whole = target.intervals_missing.is_empty();
        let done = if is_whole { u64::from(tables.contains_key(&target.key)) } else { of.saturating_sub(left) };
        (done < of).then(|| (target.name.clone(), done, of, target.unit))
    });
    let Some((model, done, of, unit)) = unfinished else { return Err(error) };
    let cause = match error.kind {
        _ if job.context.surroundings.interruption().is_requested() => StopCause::Cancelled,
        CommandErrorKind::Limit => StopCause::Limit,
        CommandErrorKind::No | CommandErrorKind::Failed => StopCause::Refused(error.for_readers()),
    };
    job.context.output.talk(&error.for_terminal(Colour::Never));
    Ok(report::State::Partial(Box::new(findings), Stopped { model, done, of, unit, cause }))
}
