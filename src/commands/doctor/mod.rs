//! `bot doctor`: what is found of git, config, engine and state, what is wrong, and what to do. Writes nothing, waits for
//! nobody, and goes on after each finding as far as it can.

mod config;
mod engine;
mod git;
mod state;
mod wall;

use super::Context;
use crate::cli::DoctorArguments;
use crate::error::{CommandError, CommandResult, Exit};
use crate::render::findings::{self, Finding, Verdict};
use crate::workspace::Workspace;

/// Looks at everything and prints what was found; errors among it are a no.
///
/// # Errors
/// None of its own: what cannot be looked at is a finding.
pub(super) fn run(context: &Context<'_>, arguments: &DoctorArguments) -> CommandResult {
    let found = look(context);
    context.print(
        arguments.format.format,
        |colour| findings::terminal(&found, colour),
        || findings::markdown(&found),
        || findings::json(&found),
    );
    Ok(if findings::has_errors(&found) { Exit::No } else { Exit::Done })
}

fn look(context: &Context<'_>) -> Vec<Finding> {
    let workspace = match Workspace::open(context) {
        Ok(workspace) => workspace,
        // Without a repository there is neither configuration nor anything else to look at.
        Err(error) => return vec![failed("git", "repository", &error)],
    };
    let mut found = git::look(&workspace);
    let project = match config::project(&workspace) {
        Ok(project) => project,
        Err(finding) => {
            found.push(*finding);
            return found;
        }
    };
    found.extend(config::look(&workspace, &project));
    let (identity, of_state) = state::look(&workspace, &project.project);
    found.extend(engine::look(&workspace, &project.project, identity.as_ref()));
    found.extend(of_state);
    found
}

/// An error as a finding.
fn failed(area: &'static str, check: &'static str, error: &CommandError) -> Finding {
    let message = std::iter::once(error.message.clone()).chain(error.causes()).collect::<Vec<_>>().join(": ");
    let finding = Finding::new(area, check, Verdict::Error, message);
    match error.hints.first() {
        Some(hint) => finding.help(hint.clone()),
        None => finding,
    }
}

fn ok(area: &'static str, check: &'static str, message: impl Into<String>) -> Finding {
    Finding::new(area, check, Verdict::Ok, message)
}

fn warning(area: &'static str, check: &'static str, message: impl Into<String>) -> Finding {
    Finding::new(area, check, Verdict::Warning, message)
}

fn error(area: &'static str, check: &'static str, message: impl Into<String>) -> Finding {
    Finding::new(area, check, Verdict::Error, message)
}
