//! Who runs a command: on GitHub its actor and run, elsewhere the name that git knows. Never a machine's name.

use super::Context;
use crate::event::Runner;
use crate::history::Who;
use crate::workspace::Workspace;

/// Who runs this command.
pub(super) fn who(context: &Context<'_>, workspace: &Workspace<'_>) -> Who {
    let variable = |name: &str| context.surroundings.variable(name);
    let run = variable("GITHUB_RUN_ID").and_then(|_| Runner::read(variable).ok()).and_then(|runner| runner.run_url());
    let name = variable("GITHUB_ACTOR").map(str::to_owned).or_else(|| workspace.git.user_name());
    Who { name, run }
}
