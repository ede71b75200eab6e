//! `bot doctor`: what is found of git, config, engine and state, what is wrong, and what to do. Writes nothing, waits for
//! nobody, and goes on after each finding as far as it can.

mod config;
mod deep;
mod engine;
mod git;
mod state;
mod wall;

use std::time::Duration;

use super::Context;
use crate::cli::DoctorArguments;
use crate::engine::OpenMode;
use crate::error::{CommandError, CommandResult, Exit};
use crate::project::Project;
use crate::render::findings::{self, Finding, Verdict};
use crate::state::Identity;
use crate::workspace::Workspace;

/// Looks at everything and prints what was found; errors among it are a no.
///
/// # Errors
/// None of its own: what cannot be looked at is a finding.
pub(super) fn run(context: &Context<'_>, arguments: &DoctorArguments) -> CommandResult {
    let depth = if arguments.deep { Depth::Records } else { Depth::Surface };
    let found = look(context, depth);
    context.print(
        arguments.format.format,
        |colour| findings::terminal(&found, colour),
        || findings::markdown(&found),
        || findings::json(&found),
    );
    Ok(if findings::has_errors(&found) { Exit::No } else { Exit::Done })
}

/// How far doctor looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Whether things are there and can be opened.
    Surface,
    /// What they say of each other, too.
    Records,
}

fn look(context: &Context<'_>, depth: Depth) -> Vec<Finding> {
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
    let of_engine = engine::look(&workspace, &project.project, identity.as_ref());
    let is_reached = !findings::has_errors(&of_engine) && !findings::has_errors(&of_state);
    found.extend(of_engine);
    found.extend(of_state);
    if let (Depth::Records, true, Some(identity)) = (depth, is_reached, &identity) {
        found.extend(records(&workspace, &project.project, identity));
    }
    found
}

/// What the records of a state and of a warehouse that can both be opened say of each other.
fn records(workspace: &Workspace<'_>, project: &Project, identity: &Identity) -> Vec<Finding> {
    let settings = &project.settings;
    let opened = workspace.state_to_read(settings).and_then(|state| {
        let engine = workspace.engine(settings, OpenMode::ReadOnly, Duration::ZERO)?;
        Ok((state, engine))
    });
    let (state, engine) = match opened {
        Ok(opened) => opened,
        Err(error) => return vec![failed(deep::AREA, "readable", &error)],
    };
    match engine.session() {
        Ok(mut session) => deep::look(&settings.project, identity, state.as_ref(), session.as_mut()),
        Err(error) => vec![failed(deep::AREA, "readable", &CommandError::failed(error.to_string()))],
    }
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
