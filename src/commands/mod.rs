//! One file per command; this one only finds it.

mod apply;
mod demo;
mod init;
mod plan;
mod promote;

use crate::cli::Command;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

/// Runs the command.
///
/// # Errors
/// The command was refused or failed.
pub fn run(context: &Context<'_>) -> CommandResult {
    match &context.cli.command {
        Command::Init(arguments) => init::run(context, arguments),
        Command::Demo(arguments) => demo::run(context, arguments),
        Command::Plan(arguments) => plan::run(context, arguments),
        Command::Apply(arguments) => apply::run(context, arguments),
        Command::Promote(arguments) => promote::run(context, arguments),
        Command::Env(_) | Command::Query(_) | Command::Render(_) | Command::Doctor(_) => {
            Err(CommandError::failed("this build does not have that command yet"))
        }
    }
}
