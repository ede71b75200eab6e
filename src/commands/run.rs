//! `bot run`: what is due is loaded into the tables that an environment shows. Views and pointers stay as they are.
//!
//! The environment is held from the plan to the end, so one run of it goes on at a time and no promote comes between: what
//! promote takes for prod's newest rows stays that until its views are swapped.

use std::collections::BTreeSet;
use std::time::Duration;

use super::apply::{jobs, lock_timeout, until_planned_for_good};
use super::environments::find;
use super::find::model_named;
use super::signals;
use super::times::time_option;
use super::who::who;
use crate::apply::{Comments, Work};
use crate::cli::RunArguments;
use crate::context::Context;
use crate::engine::{Dependents, Engine, OpenMode};
use crate::error::{CommandError, CommandResult, Exit};
use crate::external::unowned;
use crate::gc::Mode;
use crate::ids::{EnvironmentName, FilePath, ModelName, PlanId};
use crate::naming::TableKey;
use crate::plan::{Action, Affected, Build, Plan, Ran, Restate, WhyLeft};
use crate::planning::{self, Agreements, PlannedRun};
use crate::publish;
use crate::render::run as faces;
use crate::settings::{Settings, Stage};
use crate::state::{State, WriteLease};
use crate::surroundings::Stopwatch;
use crate::time::{Timestamp, inclusive_end, moment};
use crate::turn::Turn;
use crate::workspace::{Side, Workspace, state_error};

/// Loads what is due, or tells it.
///
/// # Errors
/// There is no such environment, its commit is not here, a model cannot be loaded again, or one was not loaded; where that is
/// because of signals, all else is.
pub(super) fn run(context: &Context<'_>, arguments: &RunArguments) -> CommandResult {
    let stopwatch = Stopwatch::start();
    let workspace = Workspace::open(context)?;
    let settings = workspace.sound_settings_here()?;
    let asked =
        Asked { context, workspace: &workspace, settings: &settings, arguments, now: context.execution_time()? };
    let mut ran = if arguments.dry_run { asked.dry_run()? } else { asked.for_real()? };
    ran.seconds = stopwatch.seconds();
    context.print(
        arguments.format.format,
        |colour| faces::terminal(&ran, colour),
        || faces::markdown(&ran),
        || faces::json(&ran),
    );
    let is_held = ran.mode == Mode::Real && ran.left.iter().any(|left| left.why == WhyLeft::Signals);
    // Nothing but a change of the project ever loads these, so whoever looks at exit codes is to know.
    Ok(if is_held { Exit::No } else { Exit::Done })
}

/// What somebody asked for.
struct Asked<'a> {
    context: &'a Context<'a>,
    workspace: &'a Workspace<'a>,
    settings: &'a Settings,
    arguments: &'a RunArguments,
    now: Timestamp,
}

/// State and warehouse, with the right to the environment.
struct Hands<'a> {
    state: &'a dyn State,
    lease: &'a WriteLease,
    engine: &'a dyn Engine,
    turn: &'a Turn,
    plan_id: PlanId,
}

impl Asked<'_> {
    fn timeout(&self) -> Duration {
        lock_timeout(&self.arguments.work)
    }

    fn dry_run(&self) -> Result<Ran, CommandError> {
        // Nothing is made for a project in which nothing was made.
        let state = self.workspace.state_to_read(self.settings)?;
        let planned = self.plan(state.as_ref(), &BTreeSet::new())?;
        let affected = affected(state.as_ref(), &planned)?;
        Ok(self.told(Mode::DryRun, planned, Vec::new(), affected))
    }

    fn for_real(&self) -> Result<Ran, CommandError> {
        let Self { workspace, settings, arguments, .. } = self;
        // Nothing is made for a name that does not exist.
        find(workspace.state_to_read(settings)?.as_ref(), &arguments.environment)?;
        let state = workspace.state_to_write(settings)?;
        let lease = workspace.lease(state.as_ref(), "bot run", self.timeout())?;
        let turns = workspace.turns(state.as_ref(), &lease, settings);
        let name = find(state.as_ref(), &arguments.environment)?.about.name;
        let turn = publish::take(&turns, &name, self.timeout())?;
        let engine = workspace.engine(settings, OpenMode::ReadWrite, self.timeout())?;
        publish::settle(&turns, engine.as_ref(), &settings.project, Some((&name, &turn)))?;
        let plan_id = PlanId::new(workspace.random_id()?);
        let hands = Hands { state: state.as_ref(), lease: &lease, engine: engine.as_ref(), turn: &turn, plan_id };
        until_planned_for_good(self.context, || self.once(&hands))
    }

    fn once(&self, hands: &Hands<'_>) -> Result<Ran, CommandError> {
        let done = done(hands, &self.arguments.environment)?;
        let planned = self.plan(hands.state, &done)?;
        let before = planned.environment.about.version();
        let builds = self.load(hands, &planned)?;
        let name = &planned.environment.about.name;
        let after = hands.state.environment(name).map_err(state_error)?;
        if after.map(|after| after.about.version()) != Some(before) {
            let text = format!("environment `{name}` was changed while its tables were loaded");
            return Err(CommandError::failed(text).plan_anew().hint("run the same command again"));
        }
        let affected = affected(hands.state, &planned)?;
        Ok(self.told(Mode::Real, planned, builds, affected))
    }

    fn plan(&self, state: &dyn State, done: &BTreeSet<ModelName>) -> Result<PlannedRun, CommandError> {
        let environment = find(state, &self.arguments.environment)?;
        let restate = |side: &Side| Ok(Restate { done: done.clone(), ..self.restate(side)? });
        let planned = planning::run_of(self.workspace, state, environment, (&restate, self.now))?;
        self.refuse_productions(&planned)?;
        Ok(planned)
    }

    fn load(&self, hands: &Hands<'_>, planned: &PlannedRun) -> Result<Vec<Build>, CommandError> {
        if planned.run.due.is_empty() && planned.restate.done.is_empty() {
            return Ok(Vec::new());
        }
        let stages = self.stages(hands.state, planned)?;
        let Self { context, workspace, settings, arguments, now } = self;
        let identity = hands.state.identity().map_err(state_error)?;
        let identity = identity.ok_or_else(|| CommandError::failed("the state has no identity"))?;
        let files = workspace.files(&planned.side.source)?;
        let who = who(context, workspace);
        let shown = (&planned.side, &planned.environment.about.name);
        let beside_all = planning::ready(shown, &stages, (hands.engine.dialect(), planning::times_of_run(*now)))?;
        let writer = planning::runner(workspace, &planned.side.project.settings, &planned.environment.about.name);
        let work = Work {
            tree: &planned.side.tree,
            files: &files,
            engine: hands.engine,
            state: hands.state,
            lease: hands.lease,
            state_id: &identity.state,
            project: &settings.project,
            now: *now,
            run: "bot run",
            who: &who,
            made_for: &planned.environment.about.owner,
            writer: &writer,
            fence: hands.turn.fence(),
            plan_id: &hands.plan_id,
            jobs: jobs(context, workspace, &planned.side, &arguments.work),
            limit: None,
            dependents: Dependents::Refuse,
            comments: Comments::Left,
            beside_all: &beside_all,
            output: context.output,
            interruption: context.surroundings.interruption(),
        };
        Ok(publish::build(&work, &planned.run.plan)?.builds)
    }

    /// What of the configuration's statements runs: all where the environment is of a promoted commit, else what production has
    /// too.
    fn stages(&self, state: &dyn State, planned: &PlannedRun) -> Result<Vec<Stage>, CommandError> {
        let about = &planned.environment.about;
        if about.promoted.is_some() {
            return Ok(vec![Stage::Before, Stage::After]);
        }
        let prod = state.environment(&EnvironmentName::prod()).map_err(state_error)?;
        let agreements = Agreements::of(self.workspace, prod.as_ref(), &planned.side.project);
        agreements.refuse()?;
        agreements.left_out(&about.name).iter().for_each(|told| self.context.output.talk(told));
        Ok(agreements.stages())
    }

    /// What is to be loaded again, by the names of the environment's own models.
    fn restate(&self, side: &Side) -> Result<Restate, CommandError> {
        let Self { arguments, now, .. } = self;
        let named = |wanted: &String| {
            let found = model_named(side.tree.models.keys(), &side.tree.broken, wanted).cloned();
            let undeclared = || unowned(&side.tree, &FilePath::new(""));
            let is_read = || undeclared().iter().any(|name| name.to_string().eq_ignore_ascii_case(wanted));
            found.map_err(|error| match is_read() {
                true => {
                    error.hint("models read it, but nothing declares it: `bot external` writes `external_models.yaml`")
                }
                false => error,
            })
        };
        let models: BTreeSet<ModelName> = arguments.restate.iter().map(named).collect::<Result<_, _>>()?;
        let start = time_option("--start", arguments.start.as_deref(), (moment, *now))?;
        let end = time_option("--end", arguments.end.as_deref(), (inclusive_end, *now))?;
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            let (start, end) = (start.date_time(), end.date_time());
            return Err(CommandError::no(format!("nothing lies between {start} and {end}")));
        }
        Ok(Restate { models, start, end, done: BTreeSet::new() })
    }

    /// Says no where somebody names a model whose table this run does not write.
    fn refuse_productions(&self, planned: &PlannedRun) -> Result<(), CommandError> {
        let left = planned.run.left.iter();
        let mut left = left.filter(|left| !matches!(left.why, WhyLeft::Waits { .. } | WhyLeft::NoLookback));
        let Some(left) = left.find(|left| planned.restate.models.contains(&left.model)) else { return Ok(()) };
        let (environment, model) = (&planned.environment.about.name, &left.model);
        Err(match &left.why {
            WhyLeft::Preview => CommandError::no(format!("the table of `{model}` in `{environment}` is a preview"))
                .hint("`bot apply` fills it again where it would hold more"),
            WhyLeft::History => {
                CommandError::no(format!("`{model}` is a history, and no query gives again what it holds"))
                    .hint("it gets what is new with each `bot run`; mend single rows of its table by hand")
            }
            WhyLeft::Signals => {
                CommandError::no(format!("`{model}` waits for signals in Python, which nobody can ask"))
                    .hint(signals::HINT)
            }
            WhyLeft::Held { by } => CommandError::no(format!(
                "`{model}` reads `{by}`, which waits for signals in Python, which nobody can ask"
            ))
            .hint(signals::HINT),
            _ => CommandError::no(format!("the table of `{model}` in `{environment}` is production's"))
                .hint(format!("`bot run --restate {model}` loads it again for all who show it")),
        })
    }

    fn told(&self, mode: Mode, planned: PlannedRun, builds: Vec<Build>, affected: Vec<Affected>) -> Ran {
        let PlannedRun { run, environment, side: _, restate: _ } = planned;
        let about = environment.about;
        Ran {
            mode,
            environment: about.name,
            commit: about.promoted.or(about.commits.head),
            at: self.now,
            due: run.due,
            builds,
            left: run.left,
            affected,
            seconds: 0.0,
        }
    }
}

/// The models that this very run has loaded, before another run made it plan anew.
fn done(hands: &Hands<'_>, environment: &str) -> Result<BTreeSet<ModelName>, CommandError> {
    let environment = find(hands.state, environment)?;
    let keys = environment
        .models
        .iter()
        .map(|(name, pointer)| TableKey { model: name.clone(), data_fingerprint: pointer.data_fingerprint });
    let builds = hands.state.newest_builds(&keys.collect::<Vec<_>>()).map_err(state_error)?;
    let ours = builds.into_iter().filter(|(_, build)| build.plan_id.as_ref() == Some(&hands.plan_id));
    Ok(ours.map(|(key, _)| key.model).collect())
}

/// Whom it matters to that tables are loaded again over times at which they were loaded.
fn affected(state: &dyn State, planned: &PlannedRun) -> Result<Vec<Affected>, CommandError> {
    let due = planned.run.due.iter().filter(|due| due.why.is_restatement());
    let due: BTreeSet<&ModelName> = due.map(|due| &due.model).collect();
    planning::affected(state, &planned.environment, &keys(&planned.run.plan, &due))
}

fn keys(plan: &Plan, models: &BTreeSet<&ModelName>) -> BTreeSet<TableKey> {
    let built = plan.targets.iter().filter(|target| target.action == Action::Build && models.contains(&target.name));
    built.map(|target| target.key.clone()).collect()
}
