//! `bot state migrate`: the state is brought to this program's tables and fingerprints, which every command that writes does
//! first; here it is told, and done where the whole history is at hand.

use std::time::Duration;

use crate::cli::MigrateArguments;
use crate::context::Context;
use crate::error::{CommandError, CommandResult, Exit};
use crate::fingerprint::ALGORITHM;
use crate::gc::Mode;
use crate::recovered::Migrated;
use crate::render::recovered as faces;
use crate::settings::Settings;
use crate::state::{NEWEST_SCHEMA, State};
use crate::workspace::{Upgrading, Workspace, state_error};

/// Brings the state up, or says what that would do.
///
/// # Errors
/// There is no state, it is newer than this program, or a commit that is needed is not here.
pub(super) fn run(context: &Context<'_>, arguments: &MigrateArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let settings = workspace.sound_settings_here()?;
    let Some(schema) = workspace.state_schema(&settings)? else {
        return Err(
            CommandError::no("there is no state yet, so there is nothing to migrate").hint("`bot promote` makes one")
        );
    };
    let migrated = match arguments.dry_run {
        true => look(&workspace, &settings, schema)?,
        false => migrate(&workspace, &settings, schema, Duration::from_secs(arguments.lock_timeout))?,
    };
    context.print(
        arguments.format.format,
        |_| faces::migrated(&migrated),
        || faces::migrated_markdown(&migrated),
        || faces::migrated_json(&migrated),
    );
    Ok(Exit::Done)
}

fn look(workspace: &Workspace<'_>, settings: &Settings, schema: u32) -> Result<Migrated, CommandError> {
    // A server's older tables cannot be read before they are migrated.
    let state = workspace.state_to_read(settings).ok();
    let upgrading = state.as_deref().map(|state| workspace.upgrading(state)).transpose()?.flatten();
    let algorithm = match &state {
        Some(state) => Some(algorithm(state.as_ref())?),
        None => None,
    };
    Ok(told(Mode::DryRun, schema, algorithm, upgrading))
}

fn migrate(
    workspace: &Workspace<'_>,
    settings: &Settings,
    schema: u32,
    timeout: Duration,
) -> Result<Migrated, CommandError> {
    // Opening migrates the tables, and taking the right to write the fingerprints.
    let state = workspace.state_to_write(settings)?;
    let before = algorithm(state.as_ref())?;
    let upgrading = workspace.upgrading(state.as_ref())?;
    drop(workspace.lease(state.as_ref(), "bot state migrate", timeout)?);
    Ok(told(Mode::Real, schema, Some(before), upgrading))
}

fn algorithm(state: &dyn State) -> Result<u64, CommandError> {
    let identity = state.identity().map_err(state_error)?;
    Ok(identity.map_or(ALGORITHM, |identity| identity.algorithm_version))
}

fn told(mode: Mode, schema: u32, algorithm: Option<u64>, upgrading: Option<Upgrading>) -> Migrated {
    let (tables, environments, unknown) = match upgrading {
        Some(Upgrading { upgrade, environments, unknown }) => (upgrade.tables(), environments, unknown),
        None => (0, 0, Vec::new()),
    };
    let algorithm = algorithm.map(|algorithm| (algorithm, ALGORITHM.max(algorithm)));
    Migrated { mode, schema: (schema, NEWEST_SCHEMA), algorithm, tables, environments, unknown }
}
