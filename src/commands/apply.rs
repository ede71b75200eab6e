//! `bot apply`: the environment of a branch is built and shown.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::signals;
use super::times::rows_of;
use super::who::who;
use crate::apply::{Comments, Work};
use crate::cli::{ApplyArguments, ErrorFormat, FormatArguments, WorkArguments};
use crate::context::Context;
use crate::engine::{Dependents, Engine, OpenMode};
use crate::error::{Again, CommandError, Exit};
use crate::ids::{EnvironmentName, PlanId, ProjectName};
use crate::plan::{Action, Outcome, Plan};
use crate::planning::{self, Chosen, Place, Planned};
use crate::problem::{Problem, Severity, has_errors};
use crate::publish::{self, Published};
use crate::render::{Colour, json, markdown, terminal};
use crate::settings::{Connection, Settings, Stage, TimeToLive};
use crate::state::{About, Owner, State, Status, WriteLease};
use crate::surroundings::Stopwatch;
use crate::time::Timestamp;
use crate::turn::Turn;
use crate::workspace::{Side, Workspace, state_error};

/// Builds what the plan needs and points the environment's views at it.
///
/// # Errors
/// The project has errors, nothing was ever promoted, or a model was not built.
pub(super) fn run(context: &Context<'_>, arguments: &ApplyArguments) -> Result<Exit, CommandError> {
    let stopwatch = Stopwatch::start();
    let workspace = Workspace::open(context)?;
    let rows = rows_of(&arguments.rows, context.execution_time()?)?;
    let chosen = Chosen { rows, ..planning::choose(&workspace, &arguments.trees)? };
    if chosen.place == Place::Base && arguments.trees.environment.is_none() {
        return Err(CommandError::no(format!(
            "`{}` is production's branch, which `bot apply` never builds",
            chosen.base_branch
        ))
        .hint("`bot promote` makes production match it; `--env NAME` builds an environment of it"));
    }
    let (settings, result) = settings_and_side(context, &workspace, &chosen)?;
    let wanted = arguments.trees.environment.as_deref();
    let order = Order {
        doing: "bot apply",
        settings: &settings,
        environment: &|state, chosen| planning::environment_of(state, chosen, wanted),
        target: Target::Environment,
        work: &arguments.work,
        limit: None,
    };
    let mut prepared = prepare(context, &workspace, (chosen, result), &order)?;
    let Published { builds, swapped } = prepared.build(context, &workspace, &order)?;
    let outcome =
        Outcome { plan: prepared.planned.plan, builds, swapped, released: None, seconds: stopwatch.seconds() };
    print(context, &arguments.format, &outcome);
    Ok(Exit::Done)
}

/// The tree that is built, and the settings that say where: its own on a person's machine; in CI the base's, because whoever
/// opens a pull request must not choose.
fn settings_and_side(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    chosen: &Chosen,
) -> Result<(Settings, Side), CommandError> {
    if context.is_in_ci() {
        let settings = workspace.settings(&chosen.trees.base_tree)?;
        let side = workspace.planned_side(&chosen.trees.result, Some(&settings))?;
        return Ok((settings, side));
    }
    let side = workspace.planned_side(&chosen.trees.result, None)?;
    Ok((side.project.settings.clone(), side))
}

/// Which environment the chosen trees mean, and whose it is.
pub(super) type ChooseEnvironment<'a> =
    dyn Fn(&dyn State, &Chosen) -> Result<(EnvironmentName, Owner), CommandError> + 'a;

/// How an environment is to be built.
pub(super) struct Order<'a> {
    /// Who does it, for those who wait and for the history.
    pub(super) doing: &'static str,
    /// Where state and warehouse are: as the branch says on a laptop, as the base says in CI.
    pub(super) settings: &'a Settings,
    /// Which environment it is, and whose.
    pub(super) environment: &'a ChooseEnvironment<'a>,
    /// What is built.
    pub(super) target: Target,
    /// How long to wait, how much at once.
    pub(super) work: &'a WorkArguments,
    /// How long tables are filled at most.
    pub(super) limit: Option<Duration>,
}

/// An environment that is planned, with everything that building it takes. Nobody else writes the state meanwhile.
pub(super) struct Prepared {
    pub(super) planned: Planned,
    pub(super) state: Box<dyn State>,
    pub(super) engine: Box<dyn Engine>,
    chosen: Chosen,
    // Given back before the session ends.
    turn: Turn,
    lease: WriteLease,
    project: ProjectName,
}

/// How often something is planned anew because others were quicker. Each time they have done some of it.
const TURNS: u32 = 100;
/// By how much longer is waited each time before it is, for up to twenty times that.
const AGAIN: Duration = Duration::from_millis(25);

/// How long is waited before each time that something is done again because the connection was lost. There are few: it may be
/// what is done that ends it.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4)];

/// Does something again for as long as another run has done some of it meanwhile, and some times where the connection was lost.
///
/// # Errors
/// What it ends with.
pub(super) fn until_planned_for_good<T>(
    context: &Context<'_>,
    mut once: impl FnMut() -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let (mut done, mut pauses) = (once(), PAUSES.into_iter());
    for turn in 0..TURNS {
        let Err(error) = &done else { break };
        match error.again() {
            Again::No => break,
            // Whoever meets the same again and again is in no hurry.
            Again::PlanAnew => std::thread::sleep(AGAIN.saturating_mul(turn.min(20))),
            Again::Reconnect => {
                let Some(pause) = pauses.next() else { break };
                let what = error.for_readers();
                context.output.talk(&format!("{what}; trying again in {:.1} s", pause.as_secs_f64()));
                std::thread::sleep(pause);
            }
        }
        // Where somebody asked to stop meanwhile, it says so itself.
        done = once();
    }
    done
}

/// Plans trees for an environment that is to be built.
///
/// # Errors
/// As [`run`].
pub(super) fn prepare(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    (chosen, result): (Chosen, Side),
    order: &Order<'_>,
) -> Result<Prepared, CommandError> {
    refuse_errors(context, &result.problems)?;
    let state = workspace.state_to_write(order.settings)?;
    let lease = workspace.lease(state.as_ref(), order.doing, lock_timeout(order.work))?;
    let engine = workspace.engine(order.settings, OpenMode::ReadWrite, lock_timeout(order.work))?;
    let project = order.settings.project.clone();
    let owner = (order.environment)(state.as_ref(), &chosen)?;
    let turns = workspace.turns(state.as_ref(), &lease, order.settings);
    let turn = publish::take(&turns, &owner.0, lock_timeout(order.work))?;
    // Only production's role can tell the warehouse that nobody ends a promote any more.
    if !workspace.is_outside(order.settings) {
        publish::settle(&turns, engine.as_ref(), &project, Some((&owner.0, &turn)))?;
    }
    let planned = planning::plan_of(context, workspace, state.as_ref(), (&chosen, result), owner)?;
    refuse_errors(context, &planned.plan.problems)?;
    refuse_unready(&planned)?;
    refuse_other_statements(&planned)?;
    signals::refuse(&planned.result, &planned.plan)?;
    warn_of_rows(context, &planned.plan.problems);
    Ok(Prepared { planned, state, engine, chosen, turn, lease, project })
}

impl Prepared {
    /// Builds what is missing and points the environment's views at it. Where another run builds some of it meanwhile, it
    /// is planned anew and goes on from there.
    ///
    /// # Errors
    /// A model was not built, or something that is not ours stands in the way.
    pub(super) fn build(
        &mut self,
        context: &Context<'_>,
        workspace: &Workspace<'_>,
        order: &Order<'_>,
    ) -> Result<Published, CommandError> {
        let Planned { agreements, plan, .. } = &self.planned;
        if order.target == Target::Environment {
            agreements.left_out(&plan.environment).iter().for_each(|told| context.output.talk(told));
        }
        let mut is_first = true;
        until_planned_for_good(context, || {
            if !std::mem::take(&mut is_first) {
                self.plan_anew(context, workspace, order)?;
            }
            self.build_once(context, workspace, order)
        })
    }

    fn plan_anew(
        &mut self,
        context: &Context<'_>,
        workspace: &Workspace<'_>,
        order: &Order<'_>,
    ) -> Result<(), CommandError> {
        let state = self.state.as_ref();
        let owner = (order.environment)(state, &self.chosen)?;
        let result = workspace.planned_side(&self.chosen.trees.result, Some(order.settings))?;
        self.planned = planning::plan_of(context, workspace, state, (&self.chosen, result), owner)?;
        refuse_errors(context, &self.planned.plan.problems)?;
        refuse_other_statements(&self.planned)?;
        signals::refuse(&self.planned.result, &self.planned.plan)
    }

    fn build_once(
        &self,
        context: &Context<'_>,
        workspace: &Workspace<'_>,
        order: &Order<'_>,
    ) -> Result<Published, CommandError> {
        let planned = &self.planned;
        let identity = self.state.identity().map_err(state_error)?;
        let identity = identity.ok_or_else(|| CommandError::failed("the state has no identity"))?;
        let files = workspace.files(&planned.result.source)?;
        let plan_id = PlanId::new(workspace.random_id()?);
        let who = who(context, workspace);
        let now = context.execution_time()?;
        let shown = (&planned.result, &planned.plan.environment);
        let times = planning::times_of_plan(&planned.result, now);
        let beside_all = planning::ready(shown, &self.stages(order.target), (self.engine.dialect(), times))?;
        let settings = &planned.result.project.settings;
        let writer = planning::writer(workspace, settings, (self.chosen.place, &planned.plan.environment));
        let work = Work {
            tree: &planned.result.tree,
            files: &files,
            engine: self.engine.as_ref(),
            state: self.state.as_ref(),
            lease: &self.lease,
            state_id: &identity.state,
            project: &self.project,
            now,
            run: order.doing,
            who: &who,
            made_for: &planned.owner,
            writer: &writer,
            fence: self.turn.fence(),
            plan_id: &plan_id,
            jobs: jobs(context, workspace, &planned.result, order.work),
            limit: order.limit,
            dependents: Dependents::Refuse,
            comments: Comments::Left,
            beside_all: &beside_all,
            output: context.output,
            interruption: context.surroundings.interruption(),
        };
        match order.target {
            Target::Environment => {
                let about = about(planned, plan_id.clone(), work.now);
                publish::apply(&work, &planned.plan, &about, planned.current.as_ref())
            }
            Target::Tables => publish::build(&work, &planned.plan),
        }
    }
}

impl Prepared {
    /// What of the configuration's statements runs: what production has too, and nothing after tables alone.
    fn stages(&self, target: Target) -> Vec<Stage> {
        let mut stages = self.planned.agreements.stages();
        stages.retain(|stage| target == Target::Environment || *stage == Stage::Before);
        stages
    }
}

/// Says no to building anything with a `before_all` that is not production's.
fn refuse_other_statements(planned: &Planned) -> Result<(), CommandError> {
    let builds = planned.plan.targets.iter().any(|target| target.action == Action::Build);
    if builds || !planned.plan.models.is_empty() { planned.agreements.refuse() } else { Ok(()) }
}

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Tables, and the environment that shows them.
    Environment,
    /// Tables alone, for whoever needs them next.
    Tables,
}

/// Only what stands beside production can be built, and what promote writes is promote's.
fn refuse_unready(planned: &Planned) -> Result<(), CommandError> {
    if planned.prod.is_none() {
        return Err(CommandError::no("nothing was promoted yet, so there is no production to compare with")
            .hint("run `bot promote` first: it builds the base branch"));
    }
    if let Some(commit) = planned.current.as_ref().and_then(|current| current.about.promoted.as_ref()) {
        let name = &planned.plan.environment;
        return Err(CommandError::no(format!("environment `{name}` shows the promoted commit {commit}"))
            .hint(format!("only `bot promote --to {name}` writes it; choose another name with `--env NAME`")));
    }
    Ok(())
}

/// What a run lets go of rows that are kept nowhere else is told as it begins, as in its plan: on a merge nobody looks at one.
pub(super) fn warn_of_rows(context: &Context<'_>, problems: &[Problem]) {
    const OF_ROWS: [&str; 8] = [
        "history-ends",
        "decided-otherwise",
        "rows-not-kept",
        "rows-adopted",
        "rows-not-adopted",
        "left-to-others",
        "later-start",
        "earlier-end",
    ];
    let of_rows = problems.iter().filter(|problem| OF_ROWS.contains(&problem.code));
    let told: Vec<Problem> = of_rows.cloned().collect();
    if !told.is_empty() {
        context.output.talk(&terminal::problems(&told, colour(context)));
    }
}

fn colour(context: &Context<'_>) -> Colour {
    crate::context::colour_of(context.cli.global.color, context.surroundings, context.surroundings.stderr)
}

/// Errors of the project are all told, and nothing is done.
pub(super) fn refuse_errors(context: &Context<'_>, problems: &[Problem]) -> Result<(), CommandError> {
    if !has_errors(problems) {
        return Ok(());
    }
    context.output.talk(&terminal::problems(problems, colour(context)));
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let plural = if errors == 1 { "" } else { "s" };
    let error = CommandError::no(format!("the project has {errors} error{plural}, so nothing was done"))
        .hint("`bot plan` shows them with the plan");
    // A script hears nothing but the error, so they are in it.
    let told: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| terminal::problems(std::slice::from_ref(problem), Colour::Never).trim().to_owned())
        .collect();
    Err(match context.cli.command.error_format() {
        ErrorFormat::Json => error.because(told.join("\n")),
        ErrorFormat::Terminal => error,
    })
}

pub(super) fn print(context: &Context<'_>, format: &FormatArguments, outcome: &Outcome) {
    context.print(
        format.format,
        |colour| terminal::outcome(outcome, colour),
        || markdown::outcome(outcome),
        || json::outcome(outcome),
    );
}

pub(super) fn lock_timeout(work: &WorkArguments) -> Duration {
    Duration::from_secs(work.lock_timeout)
}

/// `--jobs`, else `concurrent_tasks` of the connection, else as many as the machine runs at once, at most four.
pub(super) fn jobs(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    side: &Side,
    work: &WorkArguments,
) -> NonZeroUsize {
    let settings = &side.project.settings;
    let stated = || settings.connection(workspace.gateway(settings)).ok().and_then(Connection::concurrent_tasks);
    let default = NonZeroUsize::new(context.surroundings.processors().clamp(1, 4));
    work.jobs.or_else(stated).or(default).unwrap_or(NonZeroUsize::MIN)
}

/// Whether the descriptions of models are written to an environment's views: to production's, as in SQLMesh, where the
/// connection does not say `register_comments: false`.
pub(super) fn comments(workspace: &Workspace<'_>, side: &Side, environment: &EnvironmentName) -> Comments {
    let settings = &side.project.settings;
    let registers = settings.connection(workspace.gateway(settings)).is_ok_and(Connection::registers_comments);
    if registers && environment.is_prod() { Comments::Written } else { Comments::Left }
}

fn about(planned: &Planned, plan_id: PlanId, now: Timestamp) -> About {
    let current = planned.current.as_ref().map(|current| &current.about);
    About {
        name: planned.plan.environment.clone(),
        owner: planned.owner.clone(),
        branch: planned.branch.clone(),
        base: Some(EnvironmentName::prod()),
        created_from: match current {
            Some(current) => current.created_from.clone(),
            None => Some(planned.plan.commits.base.clone()),
        },
        commits: planned.plan.commits.clone(),
        promoted: None,
        plan_id,
        status: Status::Building,
        as_of: now,
        created_at: current.map_or(now, |current| current.created_at),
        updated_at: now,
        expires_at: expires_at(&planned.result, &planned.plan, now),
    }
}

fn expires_at(result: &Side, plan: &Plan, now: Timestamp) -> Option<Timestamp> {
    if result.project.settings.pinned_environments.contains(plan.environment.as_str()) {
        return None;
    }
    let lifetime =
        result.project.settings.environment_ttl.as_ref().unwrap_or(&result.project.settings.own.environment_ttl);
    match lifetime {
        TimeToLive::Forever => None,
        TimeToLive::For(text) => crate::time::relative(text, now).filter(|moment| *moment > now),
    }
}
