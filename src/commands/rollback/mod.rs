//! `bot rollback`: an environment that promote writes shows an earlier entry of its history again, and is held there.
//!
//! It takes the road of promote (journal, one transaction of the engine, end of the journal), so a run that dies at any
//! moment is settled by the next one. No query is run: of the tables only histories get what came after them. What is
//! missing is named, and nothing is changed then.

mod look;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use self::look::{Found, Looking, histories, look, stands};
use super::apply::comments;
use super::environments::find;
use super::hold;
use super::promote::dependents;
use super::who::who;
use crate::apply::{BesideAll, Work, build_tables, engine_error, tables_of};
use crate::cli::RollbackArguments;
use crate::context::Context;
use crate::engine::{Engine, EngineError, OpenMode, Session};
use crate::error::{CommandError, CommandResult, Exit};
use crate::fingerprint::ALGORITHM;
use crate::gc::Mode;
use crate::history::{Deed, Origin};
use crate::ids::{EnvironmentName, PlanId};
use crate::naming::TableKey;
use crate::publish::{self, ForeignPolicy};
use crate::render::rollback as faces;
use crate::rollback::{Entry, Hold, HoldChange, Rollback, RolledBack, moved};
use crate::settings::Settings;
use crate::state::{About, HistoryEntry, PendingPromote, State, Status, Table};
use crate::surroundings::Terminal;
use crate::time::Timestamp;
use crate::turn::Writer;
use crate::workspace::{Workspace, state_error};

/// Points an environment back; on a terminal it only tells, unless it was told to go on.
///
/// # Errors
/// There is no such entry, tables of it are gone, its commit does not give them any more, something foreign is in the way,
/// or state or warehouse cannot be used.
pub(super) fn run(context: &Context<'_>, arguments: &RollbackArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let settings = workspace.sound_settings_here()?;
    let is_asked = context.surroundings.stdout == Terminal::Yes && !arguments.yes;
    let mode = if arguments.dry_run || is_asked { Mode::DryRun } else { Mode::Real };
    // Nothing is made for a project in which nothing was made.
    let state = workspace.state_to_read(&settings)?;
    let environment = find(state.as_ref(), &arguments.environment)?.about.name;
    if workspace.warehouse(&settings).is_some_and(|place| !place.may_be_there()) {
        return Err(CommandError::no("the warehouse's file is not there, so nothing was changed")
            .hint("put the warehouse back; `bot doctor` tells where it is looked for"));
    }
    let asked = Asked { context, workspace: &workspace, settings: &settings, arguments, environment };
    let rollback = match mode {
        Mode::DryRun => asked.dry_run(state.as_ref())?,
        Mode::Real => {
            drop(state);
            asked.for_real()?
        }
    };
    context.print(
        arguments.format.format,
        |colour| faces::terminal(&rollback, colour),
        || faces::markdown(&rollback),
        || faces::json(&rollback),
    );
    if is_asked && !arguments.dry_run {
        // With the number that was shown: whoever promotes meanwhile must not shift it.
        let number = rollback.to.number;
        let environment = match rollback.environment.is_prod() {
            true => String::new(),
            false => format!(" --env {}", rollback.environment),
        };
        context.output.talk(&format!("nothing was changed: `bot rollback{environment} --to {number} --yes` does it"));
    }
    Ok(Exit::Done)
}

/// What somebody asked for.
struct Asked<'a> {
    context: &'a Context<'a>,
    workspace: &'a Workspace<'a>,
    settings: &'a Settings,
    arguments: &'a RollbackArguments,
    environment: EnvironmentName,
}

impl Asked<'_> {
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.arguments.lock_timeout)
    }

    fn policy(&self) -> ForeignPolicy {
        if self.arguments.take_over { ForeignPolicy::TakeOver } else { ForeignPolicy::Refuse }
    }

    fn look(&self, state: &dyn State, engine: &dyn Engine, session: &mut dyn Session) -> Result<Found, CommandError> {
        let looking = Looking {
            workspace: self.workspace,
            state,
            environment: &self.environment,
            wanted: self.arguments.to,
            policy: self.policy(),
            dialect: engine.dialect(),
        };
        look(&looking, session)
    }

    fn dry_run(&self, state: &dyn State) -> Result<Rollback, CommandError> {
        if pending(state, &self.environment)?.is_some() {
            return Err(CommandError::no(format!("a promote of `{}` is not finished", self.environment)).hint(
                "where nobody runs it any more, every command that writes settles it first, `bot rollback --yes` too",
            ));
        }
        let engine = self.workspace.engine(self.settings, OpenMode::ReadOnly, self.timeout())?;
        let mut session = engine.session().map_err(cannot_open)?;
        let found = self.look(state, engine.as_ref(), session.as_mut())?;
        let hold = self.hold(state, &found, self.context.execution_time()?)?;
        Ok(told(Mode::DryRun, found, hold))
    }

    fn for_real(&self) -> Result<Rollback, CommandError> {
        let Self { context, workspace, settings, environment, .. } = self;
        let state = workspace.state_to_write(settings)?;
        let lease = workspace.lease(state.as_ref(), "bot rollback", self.timeout())?;
        let engine = workspace.engine(settings, OpenMode::ReadWrite, self.timeout())?;
        // Kept to the end, so that the warehouse is opened once and nobody else comes in between.
        let mut session = engine.session().map_err(cannot_open)?;
        let turns = workspace.turns(state.as_ref(), &lease, settings);
        let turn = publish::take(&turns, environment, self.timeout())?;
        let interrupted = pending(state.as_ref(), environment)?;
        publish::settle(&turns, engine.as_ref(), &settings.project, Some((environment, &turn)))?;
        if let Some(interrupted) = interrupted
            && let Some(done) = self.settled(state.as_ref(), &interrupted)?
        {
            return Ok(done);
        }
        let found = self.look(state.as_ref(), engine.as_ref(), session.as_mut())?;
        let now = context.execution_time()?;
        let hold = self.hold(state.as_ref(), &found, now)?;
        let identity = state.identity().map_err(state_error)?;
        let identity = identity.ok_or_else(|| CommandError::failed("the state has no identity"))?;
        let files = workspace.files(&found.side.source)?;
        let about = about(&found, PlanId::new(workspace.random_id()?), now);
        let writer = Writer::Promote(environment);
        let comments = comments(workspace, &found.side, environment);
        let work = Work {
            tree: &found.side.tree,
            files: &files,
            engine: engine.as_ref(),
            state: state.as_ref(),
            lease: &lease,
            state_id: &identity.state,
            project: &settings.project,
            now,
            run: "bot rollback",
            who: &hold.who,
            made_for: &about.owner,
            writer: &writer,
            fence: turn.fence(),
            plan_id: &about.plan_id,
            jobs: NonZeroUsize::MIN,
            limit: None,
            dependents: dependents(self.arguments.recreate_dependents),
            comments,
            beside_all: &BesideAll::default(),
            output: context.output,
            interruption: context.surroundings.interruption(),
        };
        publish::unwritten(&work, &tables_of(&found.plan).into_values().collect::<Vec<_>>())?;
        let tables = carry_histories(&work, &found)?;
        let deed = Deed::Rollback { to: found.entry.sequence, why: hold.why.clone() };
        let change = HoldChange::Begins(Box::new(hold.clone()));
        let shown = (Some(&found.current), &tables, &found.views);
        let swapped = publish::point(&work, &about, shown, self.policy(), (deed, change))?;
        Ok(Rollback { swapped, ..told(Mode::Real, found, hold) })
    }

    /// What promote refuses afterwards: what is rolled back now, and what was before and is not shown again.
    fn hold(&self, state: &dyn State, found: &Found, now: Timestamp) -> Result<Hold, CommandError> {
        let rolled_back = found.moved.iter();
        let rolled_back =
            rolled_back.map(|moved| RolledBack { model: moved.model.clone(), data_fingerprint: moved.from });
        let why = self.arguments.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
        let hold = Hold {
            who: who(self.context, self.workspace),
            at: now,
            why: why.map(str::to_owned),
            from: found.present.sequence,
            to: found.entry.sequence,
            promoted: found.current.about.promoted.clone(),
            algorithm: ALGORITHM,
            rolled_back: rolled_back.collect(),
        };
        Ok(hold.after(hold::of(state, &self.environment)?, &found.after))
    }

    /// What died before this run and is settled now. A rollback that had swapped its views and is the one that is asked for is
    /// done: to go back once more would be another one.
    ///
    /// # Errors
    /// A promote died before it swapped its views: who wants to go back behind it finds it gone already.
    fn settled(&self, state: &dyn State, died: &PendingPromote) -> Result<Option<Rollback>, CommandError> {
        let history = state.history(&self.environment, usize::MAX).map_err(state_error)?;
        let has_swapped = history.first().is_some_and(|newest| newest.plan_id == died.intended.about.plan_id);
        let Some(Origin { deed: Deed::Rollback { to, .. }, .. }) = died.entry.origin else {
            if has_swapped || self.arguments.to.is_some() {
                return Ok(None);
            }
            let environment = &self.environment;
            return Err(CommandError::no(format!(
                "a promote of `{environment}` that did not end had moved no view, so there is nothing of it to roll back"
            ))
            .hint(format!("`bot env show {environment}` tells what is shown; name an entry with `--to N` to go back behind it")));
        };
        let is_it = has_swapped && self.arguments.to.is_none_or(|wanted| wanted == to);
        let target = history.iter().find(|entry| entry.sequence == to);
        let [newest, before, ..] = history.as_slice() else { return Ok(None) };
        let (Some(target), Some(hold), true) = (target, hold::of(state, &self.environment)?, is_it) else {
            return Ok(None);
        };
        self.context.output.talk("the rollback that was interrupted had swapped its views, and is done");
        let moved = moved(&stands(state, &before.models)?, &stands(state, &newest.models)?);
        let swapped = newest.models.iter().filter(|(name, pointer)| {
            before.models.get(name).and_then(|before| before.view.as_ref()) != pointer.view.as_ref()
        });
        let gone = before.models.iter().filter(|(name, pointer)| {
            pointer.view.is_some() && newest.models.get(name).is_none_or(|newest| newest.view.is_none())
        });
        Ok(Some(Rollback {
            mode: Mode::Real,
            environment: self.environment.clone(),
            from: entry_of(before),
            to: entry_of(target),
            swapped: swapped.count() + gone.count(),
            moved,
            hold,
        }))
    }
}

/// What no query gives again goes on through a rollback, too: the tables that are shown again get all that the present ones
/// have. Gives the entry's tables as they are then. A run that dies here has changed nothing that is shown.
fn carry_histories(work: &Work<'_>, found: &Found) -> Result<BTreeMap<TableKey, Table>, CommandError> {
    match histories(found, work.state)? {
        // Others may have loaded more of them until they were announced.
        None => publish::tables(work.state, &found.plan),
        Some(plan) => {
            build_tables(work, &plan)?;
            publish::tables(work.state, &found.plan)
        }
    }
}

/// A promote or rollback of the environment that is not settled.
fn pending(state: &dyn State, environment: &EnvironmentName) -> Result<Option<PendingPromote>, CommandError> {
    let pending = state.pending_promotes().map_err(state_error)?;
    Ok(pending.into_iter().find(|pending| pending.intended.about.name == *environment))
}

fn told(mode: Mode, found: Found, hold: Hold) -> Rollback {
    Rollback {
        mode,
        environment: found.current.about.name,
        from: entry_of(&found.present),
        to: entry_of(&found.entry),
        swapped: found.views.changes.len(),
        moved: found.moved,
        hold,
    }
}

fn entry_of(entry: &HistoryEntry) -> Entry {
    Entry { number: entry.sequence, commit: entry.commit.clone(), at: entry.at }
}

/// The environment as the entry had it: what main gets from here on comes after the entry's commit.
fn about(found: &Found, plan_id: PlanId, now: Timestamp) -> About {
    About {
        commits: found.plan.commits.clone(),
        promoted: found.entry.commit.clone(),
        plan_id,
        status: Status::Building,
        as_of: found.entry.at,
        updated_at: now,
        ..found.current.about.clone()
    }
}

fn cannot_open(error: EngineError) -> CommandError {
    engine_error("cannot open the warehouse", error)
}
