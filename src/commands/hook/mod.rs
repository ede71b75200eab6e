//! `bot hook`: the plan of a push, told before it leaves.

mod push;

use crate::cli::HookCommand;
use crate::context::Context;
use crate::error::{CommandError, CommandResult, Exit};
use crate::git::{EARLIER, Git, Hooks, HooksFrom, Standing};
use crate::workspace::git_error;

/// Runs one of them.
///
/// # Errors
/// Git or the disk refuses.
pub(super) fn run(context: &Context<'_>, command: &HookCommand) -> CommandResult {
    match command {
        HookCommand::Install => install(context),
        HookCommand::Uninstall => uninstall(context),
        HookCommand::Run(_) => Ok(push::run(context)),
    }
}

fn install(context: &Context<'_>) -> CommandResult {
    let (hooks, folder) = hooks(context)?;
    let before = hooks.install(&folder).map_err(|error| {
        CommandError::failed(format!("the hook `{}` cannot be written", hooks.file().display()))
            .because(error)
            .hint("or let your own hook run `bot hook run \"$@\"` with the input that git gives it")
    })?;
    let mut talk = format!("installed {}", hooks.file().display());
    match before {
        Standing::Nothing => {}
        Standing::Ours => talk.push_str(", in place of an older one of ours"),
        Standing::Theirs => talk.push_str(&format!("; the hook that was there is `{EARLIER}` now, and runs first")),
    }
    context.output.talk(&talk);
    if hooks.from == HooksFrom::EachWorktree {
        context.output.talk(
            "`core.hooksPath` is a relative path: git looks for it in each worktree, and one without that folder has no hooks",
        );
    }
    Ok(Exit::Done)
}

fn uninstall(context: &Context<'_>) -> CommandResult {
    let (hooks, _) = hooks(context)?;
    let failed = |error| {
        CommandError::failed(format!("the hook `{}` cannot be taken away", hooks.file().display())).because(error)
    };
    match hooks.uninstall().map_err(failed)? {
        Standing::Ours => context.output.talk(&format!("took {} away", hooks.file().display())),
        Standing::Nothing => context.output.talk("no pre-push hook is installed"),
        Standing::Theirs => {
            let message = format!("`{}` is not ours, so it stays", hooks.file().display());
            return Err(CommandError::no(message).hint("take the line with `bot hook run` out of it yourself"));
        }
    }
    Ok(Exit::Done)
}

/// Where hooks are, and the project's folder from the repository's root. The project need not load.
fn hooks(context: &Context<'_>) -> Result<(Hooks, String), CommandError> {
    let root = context.project_folder();
    let git = Git::discover(&root).map_err(git_error)?;
    let folder = git.project_folder(&root).map_err(git_error)?;
    Ok((git.hooks().map_err(git_error)?, folder))
}
