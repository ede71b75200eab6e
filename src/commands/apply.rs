//! `bot apply`: the environment of a branch is built and shown.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::apply::Work;
use crate::cli::{ApplyArguments, ErrorFormat, FormatArguments, WorkArguments};
use crate::context::Context;
use crate::engine::duckdb::OpenMode;
use crate::error::{CommandError, Exit};
use crate::ids::{EnvironmentName, PlanId};
use crate::plan::{Outcome, Plan};
use crate::planning::{self, Place, Planned};
use crate::problem::{Problem, Severity, has_errors};
use crate::publish;
use crate::render::{Colour, json, markdown, terminal};
use crate::settings::TimeToLive;
use crate::state::{About, State, Status};
use crate::surroundings::Stopwatch;
use crate::time::Timestamp;
use crate::workspace::{Side, Workspace, state_error};

/// Builds what the plan needs and points the environment's views at it.
///
/// # Errors
/// The project has errors, nothing was ever promoted, or a model was not built.
pub(super) fn run(context: &Context<'_>, arguments: &ApplyArguments) -> Result<Exit, CommandError> {
    let stopwatch = Stopwatch::start();
    let workspace = Workspace::open(context)?;
    let chosen = planning::choose(&workspace, &arguments.trees)?;
    if chosen.place == Place::Base && arguments.trees.environment.is_none() {
        return Err(CommandError::no(format!(
            "`{}` is production's branch, which `bot apply` never builds",
            chosen.base_branch
        ))
        .hint("`bot promote` makes production match it; `--env NAME` builds an environment of it"));
    }
    let result = workspace.side(&chosen.trees.result)?;
    refuse_errors(context, &result.problems)?;
    let state = workspace.state_to_write(&result.project)?;
    let lease = workspace.lease(&state, "bot apply", lock_timeout(&arguments.work))?;
    let engine = workspace.engine(&result.project.settings, OpenMode::ReadWrite, lock_timeout(&arguments.work))?;
    let project = result.project.settings.project.clone();
    publish::settle(&state, &lease, &engine, &project)?;
    let owner = planning::environment_of(&state, &chosen, arguments.trees.environment.as_deref())?;
    let planned = planning::plan_of(context, &workspace, &state, (chosen, result), owner)?;
    refuse_errors(context, &planned.plan.problems)?;
    if planned.prod.is_none() {
        return Err(CommandError::no("nothing was promoted yet, so there is no production to compare with")
            .hint("run `bot promote` first: it builds the base branch"));
    }
    if let Some(commit) = planned.current.as_ref().and_then(|current| current.about.promoted.as_ref()) {
        let name = &planned.plan.environment;
        return Err(CommandError::no(format!("environment `{name}` shows the promoted commit {commit}"))
            .hint(format!("only `bot promote --to {name}` writes it; choose another name with `--env NAME`")));
    }
    let identity = state.identity().map_err(state_error)?;
    let identity = identity.ok_or_else(|| CommandError::failed("the state has no identity"))?;
    let files = workspace.files(&planned.result.source)?;
    let work = Work {
        tree: &planned.result.tree,
        files: &files,
        engine: &engine,
        state: &state,
        lease: &lease,
        state_id: &identity.state,
        project: &project,
        now: context.execution_time()?,
        run: "bot apply",
        jobs: jobs(context, &arguments.work),
        output: context.output,
        interruption: context.surroundings.interruption(),
    };
    let about = about(&planned, PlanId::new(workspace.random_id()?), work.now);
    let published = publish::apply(&work, &planned.plan, &about, planned.current.as_ref())?;
    let outcome = Outcome {
        plan: planned.plan,
        builds: published.builds,
        swapped: published.swapped,
        seconds: stopwatch.seconds(),
    };
    print(context, &arguments.format, &outcome);
    Ok(Exit::Done)
}

/// Errors of the project are all told, and nothing is done.
pub(super) fn refuse_errors(context: &Context<'_>, problems: &[Problem]) -> Result<(), CommandError> {
    if !has_errors(problems) {
        return Ok(());
    }
    context.output.talk(&terminal::problems(
        problems,
        crate::context::colour_of(context.cli.global.color, context.surroundings, context.surroundings.stderr),
    ));
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

/// `--jobs`, else as many as the machine runs at once; DuckDB itself uses every core, so two are enough to overlap.
pub(super) fn jobs(context: &Context<'_>, work: &WorkArguments) -> NonZeroUsize {
    let default = NonZeroUsize::new(context.surroundings.processors().clamp(1, 4));
    work.jobs.or(default).unwrap_or(NonZeroUsize::MIN)
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
