//! `bot promote`: production becomes what a commit of the base branch says. A function of main's tree, not of one branch.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::{comments, jobs, lock_timeout, print, refuse_errors, until_planned_for_good, warn_of_rows};
use super::hold;
use super::signals;
use super::take_over::{self, Stage as Taking, Standing};
use super::times::rows_of;
use super::who::who;
use crate::apply::Work;
use crate::cli::PromoteArguments;
use crate::context::Context;
use crate::engine::{Dependents, Engine, OpenMode};
use crate::error::{CommandError, Exit};
use crate::fingerprint::Tree;
use crate::git::Base;
use crate::ids::{CommitId, EnvironmentName, ModelName, PlanId, ProjectName, StateId};
use crate::naming::parse_environment_name;
use crate::plan::{Adopted, Commits, Inputs, Outcome, Plan, Purpose, Unseen, Window, build};
use crate::planning::{self, Agreements, Beside, LIMIT, Question, Rows};
use crate::problem::has_errors;
use crate::publish::{self, ForeignPolicy, Published};
use crate::rollback::{Contained, Hold, HoldChange};
use crate::settings::Stage;
use crate::state::{About, Environment, Owner, State, Status, WriteLease};
use crate::surroundings::Stopwatch;
use crate::time::Timestamp;
use crate::turn::{Turn, Writer};
use crate::workspace::{Side, Workspace, git_error, state_error};

/// Points production, or `--to ENV`, at the models of a commit.
///
/// # Errors
/// The commit is not one that may be promoted, the project has errors, or something was not built.
pub(super) fn run(context: &Context<'_>, arguments: &PromoteArguments) -> Result<Exit, CommandError> {
    let workspace = Workspace::open(context)?;
    let promoted = promote(context, &workspace, arguments)?;
    print(context, &arguments.format, &promoted.outcome);
    Ok(Exit::Done)
}

/// A promotion that is through.
pub(super) struct Promoted {
    /// What was done for it; nothing where the environment contained the commit already.
    pub(super) outcome: Outcome,
    /// The commit that the environment shows.
    pub(super) commit: CommitId,
}

/// Points production, or `--to ENV`, at the models of a commit. Where another run builds some of its tables meanwhile, it is
/// planned anew and goes on from there.
///
/// # Errors
/// As [`run`].
pub(super) fn promote(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    arguments: &PromoteArguments,
) -> Result<Promoted, CommandError> {
    until_planned_for_good(context, || promote_once(context, workspace, arguments))
}

fn promote_once(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    arguments: &PromoteArguments,
) -> Result<Promoted, CommandError> {
    let stopwatch = Stopwatch::start();
    let now = context.execution_time()?;
    let rows = rows_of(&arguments.rows, now)?;
    let configured = planning::configured_base(workspace)?;
    let base = workspace.git.base_branch(configured.as_deref()).map_err(git_error)?;
    let commit = commit_of(context, workspace, &base, arguments.revision.as_deref())?;
    let environment = target(&arguments.to, &base)?;
    let source = workspace.git.tree_of(&commit).map_err(git_error)?;
    let mut result = workspace.planned_side(&source, None)?;
    result.problems.extend(base.problems.iter().cloned());
    refuse_errors(context, &result.problems)?;

    let hands = Hands::take(workspace, (&environment, &result), arguments)?;
    let state = hands.state.as_ref();
    let current = state.environment(&environment).map_err(state_error)?;
    if let Some(current) = &current {
        refuse_branch(&current.about)?;
    }
    let promoted = current.as_ref().and_then(|current| current.about.promoted.clone());
    let stage = Taking::of(state, &environment)?;
    let held = hold::of(state, &environment)?;
    let order = order(workspace, promoted.as_ref(), held.as_ref(), &commit)?;
    let order = if arguments.force && order == Order::Contained { Order::Elsewhere } else { order };
    if order == Order::Contained {
        context.output.talk(&format!("{environment} already contains {}: nothing to do", short(&commit)));
    }
    if order == Order::Elsewhere && !arguments.force {
        return Err(elsewhere(&environment, promoted.as_ref(), &commit));
    }
    let shown = if order == Order::Contained { promoted.clone().unwrap_or(commit) } else { commit };
    let mut result = if order == Order::Contained {
        let decided = current.as_ref().map(Environment::decisions).unwrap_or_default();
        workspace.side(&workspace.git.tree_of(&shown).map_err(git_error)?)?.decided(&decided)
    } else {
        result
    };
    let before = planning::promoted_side(workspace, current.as_ref(), &result.tree, &mut result.problems);
    let before = before.map_or_else(|| workspace.nothing(&result), |side| side.tree);
    let looked = arguments.take_over && order != Order::Contained;
    let standing =
        if looked { hands.standing(&result, (&environment, current.as_ref()))? } else { Standing::default() };
    let mut result = match order {
        Order::Contained => result,
        _ => as_decided(state, result, (rows, &before, current.as_ref()), &standing.models(stage))?,
    };
    let terms = (now, lock_timeout(&arguments.work));
    let adopted = standing.adopted((workspace, hands.engine.as_ref()), &mut result, stage, terms)?;
    if arguments.release && held.is_none() {
        context.output.talk(&format!("{environment} is not held: nothing to release"));
    }
    let released = match &held {
        // What is shown already brings nothing back; only a person's word ends a hold then.
        Some(held) if order != Order::Contained || arguments.release => {
            ending((workspace, state), (held, arguments), &base, (&shown, &result))?
        }
        _ => None,
    };
    hands.begin_anew((stage, &environment), &result, &adopted)?;
    let sides = (&environment, current.as_ref(), &before);
    let plan = plan((workspace, state), sides, (&shown, &result), &adopted, now)?;
    let mut outcome = Outcome { plan, builds: Vec::new(), swapped: 0, released, seconds: 0.0 };
    if order != Order::Contained {
        refuse_errors(context, &outcome.plan.problems)?;
        signals::refuse(&result, &outcome.plan)?;
        warn_of_rows(context, &outcome.plan.problems);
        let from = (&outcome, current.as_ref(), now);
        let published = hands.promote(context, workspace, arguments, from, (&shown, &result))?;
        outcome.builds = published.builds;
        outcome.swapped = published.swapped;
    } else if outcome.released.is_some() {
        outcome.released = state.release_hold(&hands.lease, &environment).map_err(state_error)?;
    }
    outcome.seconds = stopwatch.seconds();
    Ok(Promoted { outcome, commit: shown })
}

/// What `--recreate-dependents` asks for.
pub(super) fn dependents(recreate: bool) -> Dependents {
    if recreate { Dependents::Recreate } else { Dependents::Refuse }
}

/// State and warehouse, while nobody else writes them.
struct Hands {
    // Given back before the session ends.
    turn: Turn,
    state: Box<dyn State>,
    lease: WriteLease,
    engine: Box<dyn Engine>,
    project: ProjectName,
}

impl Hands {
    /// Takes them, and settles what died before.
    fn take(
        workspace: &Workspace<'_>,
        (environment, result): (&EnvironmentName, &Side),
        arguments: &PromoteArguments,
    ) -> Result<Self, CommandError> {
        let settings = &result.project.settings;
        let state = workspace.state_to_write(settings)?;
        let lease = workspace.lease(state.as_ref(), "bot promote", lock_timeout(&arguments.work))?;
        let engine = workspace.engine(settings, OpenMode::ReadWrite, lock_timeout(&arguments.work))?;
        let project = settings.project.clone();
        let turns = workspace.turns(state.as_ref(), &lease, settings);
        let turn = publish::take(&turns, environment, lock_timeout(&arguments.work))?;
        publish::settle(&turns, engine.as_ref(), &project, Some((environment, &turn)))?;
        Ok(Self { turn, state, lease, engine, project })
    }

    /// What others have under the names of its models.
    fn standing(
        &self,
        result: &Side,
        shown: (&EnvironmentName, Option<&Environment>),
    ) -> Result<Standing, CommandError> {
        Standing::look((self.engine.as_ref(), &self.state_id()?), result, shown)
    }

    /// What was left of a take-over that failed goes before it is planned; nobody else shows it meanwhile.
    fn begin_anew(
        &self,
        (stage, environment): (Taking, &EnvironmentName),
        result: &Side,
        adopted: &BTreeMap<ModelName, Adopted>,
    ) -> Result<(), CommandError> {
        let (state, settings) = (self.state.as_ref(), &result.project.settings);
        match stage {
            Taking::First => {
                let warehouse = (self.engine.as_ref(), &self.state_id()?, self.turn.fence());
                take_over::begin_anew((state, &self.lease), warehouse, settings, adopted)
            }
            Taking::Later if environment.is_prod() => Ok(()),
            Taking::Later => take_over::refuse_unfinished(state, settings),
        }
    }

    fn state_id(&self) -> Result<StateId, CommandError> {
        let identity = self.state.identity().map_err(state_error)?;
        Ok(identity.ok_or_else(|| CommandError::failed("the state has no identity"))?.state)
    }

    /// Carries out the plan of a commit; where a hold is released, it ends with it.
    fn promote(
        &self,
        context: &Context<'_>,
        workspace: &Workspace<'_>,
        arguments: &PromoteArguments,
        (outcome, current, now): (&Outcome, Option<&Environment>, Timestamp),
        (commit, result): (&CommitId, &Side),
    ) -> Result<Published, CommandError> {
        let state_id = self.state_id()?;
        let files = workspace.files(&result.source)?;
        let about = about(&outcome.plan, current, commit.clone(), PlanId::new(workspace.random_id()?), now);
        let who = who(context, workspace);
        let stages = [Stage::Before, Stage::After];
        let beside_all = planning::ready(
            (result, &about.name),
            &stages,
            (self.engine.dialect(), planning::times_of_plan(result, now)),
        )?;
        let writer = Writer::Promote(&about.name);
        let work = Work {
            tree: &result.tree,
            files: &files,
            engine: self.engine.as_ref(),
            state: self.state.as_ref(),
            lease: &self.lease,
            state_id: &state_id,
            project: &self.project,
            now,
            run: "bot promote",
            who: &who,
            made_for: &about.owner,
            writer: &writer,
            fence: self.turn.fence(),
            plan_id: &about.plan_id,
            jobs: jobs(context, workspace, result, &arguments.work),
            limit: None,
            dependents: dependents(arguments.recreate_dependents),
            comments: comments(workspace, result, &about.name),
            beside_all: &beside_all,
            output: context.output,
            interruption: context.surroundings.interruption(),
        };
        let policy = if arguments.take_over { ForeignPolicy::TakeOver } else { ForeignPolicy::Refuse };
        let change = if outcome.released.is_some() { HoldChange::Ends } else { HoldChange::Stays };
        publish::promote(&work, &outcome.plan, &about, current, (policy, change))
    }
}

fn elsewhere(environment: &EnvironmentName, promoted: Option<&CommitId>, commit: &CommitId) -> CommandError {
    let from = promoted.map_or_else(String::new, short);
    CommandError::no(format!("{} is no descendant of {from}, which was promoted to {environment} last", short(commit)))
        .hint("promote a commit that contains it, or say `--force` to go there all the same")
}

/// The commit that is promoted: as given, if the base branch contains it, else the base branch's tip.
fn commit_of(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    base: &Base,
    revision: Option<&str>,
) -> Result<CommitId, CommandError> {
    let Some(revision) = revision else {
        let head = workspace.git.head().map_err(git_error)?;
        let on_base = matches!(&head, crate::git::Head::Branch { name, .. } if *name == base.reference);
        if !on_base {
            context.output.talk(&format!("promoting the tip of {}, {}", base.name, short(&base.commit)));
        }
        return Ok(base.commit.clone());
    };
    let commit = workspace.git.resolve(revision).map_err(git_error)?.commit;
    if workspace.git.is_ancestor(&commit, &base.commit).map_err(git_error)? {
        return Ok(commit);
    }
    Err(CommandError::no(format!("`{revision}` ({}) is not reachable from `{}`", short(&commit), base.name))
        .hint("merge it first; only what the base branch contains is promoted"))
}

fn target(name: &str, base: &Base) -> Result<EnvironmentName, CommandError> {
    if name == EnvironmentName::PROD {
        return Ok(EnvironmentName::prod());
    }
    let branch = base.name.rsplit_once('/').map_or(base.name.as_str(), |(_, name)| name);
    parse_environment_name(name, branch).map_err(|error| CommandError::no(error.to_string()))
}

/// An environment that a branch made is not promote's to write.
fn refuse_branch(about: &About) -> Result<(), CommandError> {
    if about.promoted.is_some() {
        return Ok(());
    }
    Err(CommandError::no(format!(
        "environment `{}` belongs to {} and was made by `bot apply`",
        about.name, about.owner
    ))
    .hint("promote to another name, or drop it first: `bot env drop`"))
}

/// How a commit lies to the one that was promoted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    First,
    Descendant,
    Contained,
    Elsewhere,
}

fn order(
    workspace: &Workspace<'_>,
    promoted: Option<&CommitId>,
    held: Option<&Hold>,
    commit: &CommitId,
) -> Result<Order, CommandError> {
    let Some(promoted) = promoted else { return Ok(Order::First) };
    if workspace.git.is_ancestor(commit, promoted).map_err(git_error)? {
        return Ok(Order::Contained);
    }
    match workspace.git.is_ancestor(promoted, commit).map_err(git_error)? {
        true => Ok(Order::Descendant),
        false => Ok(match held.and_then(|held| held.promoted.as_ref()) {
            // Main may have been written anew since the entry that a rollback shows: what was promoted before it counts.
            Some(last) if workspace.git.is_ancestor(last, commit).is_ok_and(|is_ancestor| is_ancestor) => {
                Order::Descendant
            }
            _ => Order::Elsewhere,
        }),
    }
}

/// The hold, if it ends with the promotion of a commit: because somebody says so, or because neither the commit nor main's
/// tip has anything of what was rolled back.
///
/// # Errors
/// The commit has it again, and nobody released it.
fn ending(
    (workspace, state): (&Workspace<'_>, &dyn State),
    (held, arguments): (&Hold, &PromoteArguments),
    base: &Base,
    (commit, result): (&CommitId, &Side),
) -> Result<Option<Hold>, CommandError> {
    if arguments.release {
        return Ok(Some(held.clone()));
    }
    hold::refuse(held, &EnvironmentName::new(arguments.to.as_str()), &result.tree)?;
    if *commit != base.commit {
        let tip = workspace.git.tree_of(&base.commit).map_err(git_error)?;
        let tip = workspace.side_like(&tip, Some(&result.tree))?.decided(&state.decisions().map_err(state_error)?);
        // What cannot be loaded is not gone.
        if has_errors(&tip.problems) || hold::contained(held, &tip.tree) != Contained::Nothing {
            return Ok(None);
        }
    }
    Ok(Some(held.clone()))
}

/// What is promoted, as it was decided before or is now.
fn as_decided(
    state: &dyn State,
    result: Side,
    (rows, before, current): (Rows, &Tree, Option<&Environment>),
    of_others: &BTreeSet<ModelName>,
) -> Result<Side, CommandError> {
    let prod = match current.is_some_and(|current| current.about.name.is_prod()) {
        true => None,
        false => state.environment(&EnvironmentName::prod()).map_err(state_error)?,
    };
    let decisions = state.decisions().map_err(state_error)?;
    let beside = Beside { base: before, shown: [current, prod.as_ref()], of_others };
    Ok(planning::decided(result, decisions, (rows, &beside)))
}

fn plan(
    (workspace, state): (&Workspace<'_>, &dyn State),
    (environment, current, before): (&EnvironmentName, Option<&Environment>, &Tree),
    (commit, result): (&CommitId, &Side),
    adopted: &BTreeMap<ModelName, Adopted>,
    now: Timestamp,
) -> Result<Plan, CommandError> {
    let suffix = result.project.settings.environment_suffix;
    let mut problems = result.problems.clone();
    problems.extend(planning::clashes(&result.tree.models, environment, &result.project.settings));
    let prod = match environment.is_prod() {
        true => None,
        false => state.environment(&EnvironmentName::prod()).map_err(state_error)?,
    };
    problems.extend(planning::handed_over(&result.tree.models, [current, prod.as_ref()]));
    problems.extend(Agreements::of(workspace, current, &result.project).of_promotion(&result.project.settings));
    // What of it is not here is warned of where it is promoted.
    let production = planning::promoted_side(workspace, prod.as_ref(), &result.tree, &mut Vec::new());
    let production = production.as_ref().map(|side| &side.tree);
    let trees = [Some(before), Some(&result.tree), None];
    let writer = Writer::Promote(environment);
    let question = Question { writer, trees, keys: BTreeSet::new(), replaced: current };
    let promoted = current.and_then(|current| current.about.promoted.clone());
    let plan = planning::plan_over(state, &question, &|known| {
        let with_adopted = (!adopted.is_empty()).then(|| known.clone().with_adopted(adopted));
        build(Inputs {
            environment: environment.clone(),
            suffix,
            commits: Commits {
                base: promoted.clone().unwrap_or_else(|| commit.clone()),
                head: Some(commit.clone()),
                merge_base: promoted.clone(),
                result_tree: Some(result.source.id().clone()),
            },
            base: before,
            result: &result.tree,
            promoted: None,
            production,
            known: with_adopted.as_ref().unwrap_or(known),
            purpose: Purpose::Promote,
            now,
            schemas: &result.project.settings.physical_schemas,
            limit: LIMIT,
            problems: problems.clone(),
            unseen: Unseen::default(),
            window: Window::Everything,
        })
    });
    plan.map_err(state_error)
}

fn about(plan: &Plan, current: Option<&Environment>, commit: CommitId, plan_id: PlanId, now: Timestamp) -> About {
    About {
        name: plan.environment.clone(),
        owner: Owner::Named,
        branch: None,
        base: None,
        created_from: None,
        commits: plan.commits.clone(),
        promoted: Some(commit),
        plan_id,
        status: Status::Building,
        as_of: now,
        created_at: current.map_or(now, |current| current.about.created_at),
        updated_at: now,
        expires_at: None,
    }
}

fn short(commit: &CommitId) -> String {
    commit.as_str().chars().take(8).collect()
}
