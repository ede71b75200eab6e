//! `bot state`: a state moves from one store to another, is made anew from the warehouse, or brought to newer versions.

mod export;
mod import;
mod migrate;
mod recover;

use crate::cli::StateCommand;
use crate::context::Context;
use crate::error::CommandResult;

/// Runs one of them.
///
/// # Errors
/// As they say.
pub(super) fn run(context: &Context<'_>, command: &StateCommand) -> CommandResult {
    match command {
        StateCommand::Export(arguments) => export::run(context, arguments),
        StateCommand::Import(arguments) => import::run(context, arguments),
        StateCommand::Recover(arguments) => recover::run(context, arguments),
        StateCommand::Migrate(arguments) => migrate::run(context, arguments),
    }
}
