//! `bot gc`: environments that are over go, then tables that nothing has needed for long enough; `crate::gc` decides which.
//!
//! Like every writer it holds the state's lease, so no plan and no promote runs meanwhile. What it forgets and drops, it
//! does table by table, and a run that dies at any moment leaves what the next one finishes (`sweep`).

mod look;
mod sweep;

use std::collections::BTreeSet;
use std::time::Duration;

use self::look::{Looking, look};
use super::environment_drop::{Held, drop_held};
use crate::apply::engine_error;
use crate::cli::GcArguments;
use crate::context::Context;
use crate::engine::{OpenMode, Session, check_owner, owner};
use crate::error::{CommandError, CommandResult, Exit};
use crate::gc::{Collected, Mode, Over, Verdict};
use crate::ids::EnvironmentName;
use crate::publish;
use crate::render::gc as faces;
use crate::settings::Settings;
use crate::state::{About, State, Subject};
use crate::surroundings::Terminal;
use crate::time::Timestamp;
use crate::workspace::{Workspace, state_error};

/// Drops what nothing needs; on a terminal it only tells, unless it was told to go on.
///
/// # Errors
/// The configuration has errors, the warehouse is not there or another state's, or it or the state cannot be used.
pub(super) fn run(context: &Context<'_>, arguments: &GcArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let is_asked = context.surroundings.stdout == Terminal::Yes && !arguments.yes;
    let mode = if arguments.dry_run || is_asked { Mode::DryRun } else { Mode::Real };
    let collected = collect(context, &workspace, mode, Duration::from_secs(arguments.lock_timeout))?;
    context.print(
        arguments.format.format,
        |colour| faces::terminal(&collected, colour),
        || faces::markdown(&collected),
        || faces::json(&collected),
    );
    if is_asked && !arguments.dry_run {
        context.output.talk("nothing was dropped: `bot gc --yes` does it");
    }
    Ok(Exit::Done)
}

/// Drops what nothing needs, or finds out what that is, waiting at most so long for others.
///
/// # Errors
/// As [`run`].
pub(super) fn collect(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    mode: Mode,
    timeout: Duration,
) -> Result<Collected, CommandError> {
    // A lifetime that cannot be read must not pass for the default one.
    let settings = workspace.sound_settings_here()?;
    let now = context.execution_time()?;
    let nothing = Collected::nothing(mode);
    // Nothing is made for a project in which nothing was made.
    let state = workspace.state_to_read(&settings)?;
    if state.identity().map_err(state_error)?.is_none() || !is_there(workspace, &settings, state.as_ref())? {
        return Ok(nothing);
    }
    match mode {
        Mode::DryRun => {
            let engine = workspace.engine(&settings, OpenMode::ReadOnly, timeout)?;
            let mut session = engine.session().map_err(cannot_open)?;
            vouched_for(state.as_ref(), session.as_mut())?;
            let over = over(state.as_ref(), &settings, now)?;
            let verdict = look(&looking(state.as_ref(), &settings, now), &names(&over), session.as_mut())?;
            Ok(collected(mode, over, verdict))
        }
        Mode::Real => {
            drop(state);
            collect_for_real(context, workspace, (&settings, now), timeout)
        }
    }
}

fn collect_for_real(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    (settings, now): (&Settings, Timestamp),
    timeout: Duration,
) -> Result<Collected, CommandError> {
    let state = workspace.state_to_write(settings)?;
    let lease = workspace.lease(state.as_ref(), "bot gc", timeout)?;
    let engine = workspace.engine(settings, OpenMode::ReadWrite, timeout)?;
    // Kept to the end, so that the warehouse is opened once and nobody else comes in between.
    let mut session = engine.session().map_err(cannot_open)?;
    vouched_for(state.as_ref(), session.as_mut())?;
    let turns = workspace.turns(state.as_ref(), &lease, settings);
    let _turn = turns.take(&Subject::Gc, Some(timeout)).map_err(|error| CommandError::failed(error.to_string()))?;
    if !workspace.is_outside(settings) {
        publish::settle(&turns, engine.as_ref(), &settings.project, None)?;
    }
    let mut over = over(state.as_ref(), settings, now)?;
    let held = Held { workspace, settings, state: state.as_ref(), lease: &lease, engine: engine.as_ref() };
    let mut turn_of = Vec::new();
    for environment in std::mem::take(&mut over) {
        // Whoever writes it now does not think it over.
        if let Some(turn) = turns.try_take(&Subject::Environment(environment.name.clone())).map_err(state_error)? {
            turn_of.push(turn);
            over.push(environment);
        }
    }
    for (environment, turn) in over.iter_mut().zip(&turn_of) {
        let dropped = drop_held(context, &held, (environment.name.as_str(), turn))?;
        environment.left = dropped.left.into_iter().map(|left| (left.name, left.why)).collect();
    }
    state.forget_history(&lease, settings.own.gc_history).map_err(state_error)?;
    let verdict = look(&looking(state.as_ref(), settings, now), &BTreeSet::new(), session.as_mut())?;
    state.mark_unreferenced(&lease, &verdict.since).map_err(state_error)?;
    let verdict = sweep::sweep(&turns, session.as_mut(), verdict)?;
    Ok(collected(Mode::Real, over, verdict))
}

fn looking<'a>(state: &'a dyn State, settings: &'a Settings, now: Timestamp) -> Looking<'a> {
    Looking { state, settings, now }
}

fn names(over: &[Over]) -> BTreeSet<EnvironmentName> {
    over.iter().map(|over| over.name.clone()).collect()
}

fn collected(mode: Mode, environments: Vec<Over>, verdict: Verdict) -> Collected {
    let Verdict { going, waiting, mut kept, needed, since: _ } = verdict;
    kept.sort_by(|one, other| one.name.cmp(&other.name));
    Collected { mode, environments, dropped: going, waiting, kept, needed }
}

/// The environments whose time is over; what promote writes and what is pinned never is.
fn over(state: &dyn State, settings: &Settings, now: Timestamp) -> Result<Vec<Over>, CommandError> {
    let is_over = |about: About| {
        let stays = about.promoted.is_some()
            || about.name.is_prod()
            || settings.pinned_environments.contains(about.name.as_str());
        let expired_at = about.expires_at.filter(|expiry| *expiry <= now && !stays)?;
        Some(Over { name: about.name, expired_at, left: Vec::new() })
    };
    // One that a promote is about to write is not over, whatever it was.
    let pending = state.pending_promotes().map_err(state_error)?;
    let environments = state.environments().map_err(state_error)?.into_iter();
    let is_pending = |over: &Over| pending.iter().any(|pending| pending.intended.about.name == over.name);
    Ok(environments.filter_map(is_over).filter(|over| !is_pending(over)).collect())
}

/// Whether the warehouse's file is there. Where it is not, and the state knows of anything in it, nothing is decided: it may
/// be back tomorrow.
fn is_there(workspace: &Workspace<'_>, settings: &Settings, state: &dyn State) -> Result<bool, CommandError> {
    if workspace.warehouse(settings).is_none_or(|place| place.may_be_there()) {
        return Ok(true);
    }
    let tables = state.all_tables().map_err(state_error)?.len();
    let environments = state.environments().map_err(state_error)?.len();
    if tables + environments == 0 {
        return Ok(false);
    }
    Err(not_there("the warehouse's file is not there", tables))
}

/// Says no where the warehouse is another state's, or an empty one in place of that in which the state has tables.
fn vouched_for(state: &dyn State, session: &mut dyn Session) -> Result<(), CommandError> {
    let failed = |error| engine_error("cannot use the warehouse", error);
    let Some(identity) = state.identity().map_err(state_error)? else {
        return Err(CommandError::failed("the state has no identity"));
    };
    check_owner(session, &identity.state).map_err(failed)?;
    let tables = state.all_tables().map_err(state_error)?.len();
    match owner(session).map_err(failed)? {
        None if tables > 0 => Err(not_there("the warehouse is empty", tables)),
        _ => Ok(()),
    }
}

fn not_there(what: &str, tables: usize) -> CommandError {
    CommandError::no(format!(
        "{what}, and the state says that it holds {tables} tables; nothing was dropped or forgotten"
    ))
    .hint("put the warehouse back; where it is gone for good, move the state away (`.offshoot/`) and promote anew")
}

fn cannot_open(error: crate::engine::EngineError) -> CommandError {
    engine_error("cannot open the warehouse", error)
}
