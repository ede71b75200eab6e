//! One file per command; this one only finds it.

mod apply;
mod audit;
mod ci;
mod demo;
mod diff;
mod doctor;
mod environment_drop;
mod environments;
mod external;
mod find;
mod gc;
mod hold;
mod hook;
mod init;
mod lineage;
mod lint;
mod plan;
mod promote;
mod query;
mod render;
mod rollback;
mod run;
mod signals;
mod state;
mod take_over;
mod test;
mod times;
mod tree;
mod who;
mod write;

use crate::cli::Command;
use crate::context::Context;
use crate::error::CommandResult;

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
        Command::Run(arguments) => run::run(context, arguments),
        Command::Audit(arguments) => audit::run(context, arguments),
        Command::Rollback(arguments) => rollback::run(context, arguments),
        Command::Env(arguments) => environments::run(context, arguments),
        Command::Gc(arguments) => gc::run(context, arguments),
        Command::State(arguments) => state::run(context, &arguments.command),
        Command::Query(arguments) => query::run(context, arguments),
        Command::Diff(arguments) => diff::run(context, arguments),
        Command::Render(arguments) => render::run(context, arguments),
        Command::Lineage(arguments) => lineage::run(context, arguments),
        Command::External(arguments) => external::run(context, arguments),
        Command::Lint(arguments) => lint::run(context, arguments),
        Command::Test(arguments) => test::run(context, arguments),
        Command::Ci(arguments) => ci::run(context, arguments),
        Command::Hook(arguments) => hook::run(context, &arguments.command),
        Command::Doctor(arguments) => doctor::run(context, arguments),
    }
}
