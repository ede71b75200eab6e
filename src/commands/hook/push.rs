//! What the hook runs. It is advice: whatever goes wrong here is told and stops no push, and what is pushed is never
//! fetched, built or written.

use crate::cli::TreeArguments;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::ids::CommitId;
use crate::plan::{Category, Change, Plan};
use crate::planning;
use crate::problem::has_errors;
use crate::push::{PushedRef, pushed_refs};
use crate::render::{brief, visible};
use crate::settings::HookBlock;
use crate::workspace::Workspace;

/// More than git ever says: a thousand refs of a thousand characters.
const INPUT_LIMIT: u64 = 1024 * 1024;
/// Branches that are planned; a push of more is a mirror and no piece of work.
const BRANCHES: usize = 4;

/// Tells the plan of each branch that is pushed. No only where the person chose that.
pub(super) fn run(context: &Context<'_>) -> Exit {
    let pushed = match pushed(context) {
        Ok(pushed) => pushed,
        Err(error) => return fail_open(context, &CommandError::failed("what is pushed cannot be read").because(error)),
    };
    let branches: Vec<&PushedRef> = pushed.iter().filter(|one| one.local.is_some() && one.branch().is_some()).collect();
    let mut exit = Exit::Done;
    for one in branches.iter().take(BRANCHES) {
        match plan(context, one) {
            Ok(blocked) if blocked.is_empty() => {}
            Ok(blocked) => {
                let why = blocked.join(", ");
                context.output.talk(&format!("offshoot: {why}; `git push --no-verify` goes round this"));
                exit = Exit::No;
            }
            Err(error) => drop(fail_open(context, &error)),
        }
    }
    if branches.len() > BRANCHES {
        context.output.talk(&format!("and {} more branches, of which no plan was made", branches.len() - BRANCHES));
    }
    exit
}

/// What git says on stdin, or the pre-commit framework in variables.
fn pushed(context: &Context<'_>) -> std::io::Result<Vec<PushedRef>> {
    let input = context.surroundings.input(INPUT_LIMIT)?;
    let (mut pushed, odd) = pushed_refs(&input);
    if !odd.is_empty() {
        context.output.talk(&format!("{} lines of git were not understood", odd.len()));
    }
    let variable = |name: &str| context.surroundings.variable(name);
    if let (true, Some(local), Some(remote_ref)) =
        (input.is_empty(), variable("PRE_COMMIT_TO_REF"), variable("PRE_COMMIT_REMOTE_BRANCH"))
    {
        pushed.push(PushedRef {
            local_ref: variable("PRE_COMMIT_LOCAL_BRANCH").unwrap_or("HEAD").to_owned(),
            local: Some(CommitId::new(local)),
            remote_ref: remote_ref.to_owned(),
            remote: variable("PRE_COMMIT_FROM_REF").map(CommitId::new),
        });
    }
    Ok(pushed)
}

/// Tells one branch's plan, and gives what of it stops the push.
fn plan(context: &Context<'_>, one: &PushedRef) -> Result<Vec<&'static str>, CommandError> {
    let branch = one.branch().unwrap_or_default();
    let workspace = Workspace::open(context)?;
    workspace.prepare();
    let Some(trees) = trees(&workspace, one)? else {
        let message = format!("{}: what the remote has is not here yet; `git fetch` brings it", visible(branch));
        context.output.talk(&message);
        return Ok(Vec::new());
    };
    let chosen = planning::choose(&workspace, &trees)?;
    let plan = planning::glance(context, &workspace, &chosen, None)?;
    context.output.talk(brief::plan(branch, &plan).trim_end());
    let block = workspace.settings(&chosen.trees.result)?.own.hook_block;
    Ok(block.into_iter().filter_map(|block| blocked(block, &plan)).collect())
}

/// What is compared: a branch with the base branch, the base branch with what the remote has of it; `None` where that is
/// not here. The pushed commit counts, not what its branch may have become since.
fn trees(workspace: &Workspace<'_>, one: &PushedRef) -> Result<Option<TreeArguments>, CommandError> {
    let head = one.local.as_ref().map(ToString::to_string);
    let configured = planning::configured_base(workspace)?;
    let base = workspace.git.base_branch(configured.as_deref()).ok();
    let is_base = base.is_some_and(|base| Some(base.branch()) == one.branch());
    let known = one.remote.as_ref().map(|remote| (remote, workspace.git.commit_info(remote).is_ok()));
    Ok(match known {
        Some((_, false)) if is_base => None,
        Some((remote, true)) if is_base => {
            Some(TreeArguments { base: Some(remote.to_string()), head, ..TreeArguments::default() })
        }
        _ => Some(TreeArguments { head, ..TreeArguments::default() }),
    })
}

fn blocked(block: HookBlock, plan: &Plan) -> Option<&'static str> {
    let has = |is: &dyn Fn(&crate::plan::PlannedModel) -> bool| plan.models.iter().any(is);
    match block {
        HookBlock::Errors => has_errors(&plan.problems).then_some("the project has errors"),
        HookBlock::Breaking => has(&|model| model.category == Category::Breaking).then_some("a change is breaking"),
        HookBlock::Removed => has(&|model| model.change == Change::Removed).then_some("a model goes away"),
    }
}

/// Says what went wrong in `bot` itself, and lets the push go on.
fn fail_open(context: &Context<'_>, error: &CommandError) -> Exit {
    let colour = crate::context::colour_of(context.cli.global.color, context.surroundings, context.surroundings.stderr);
    context.output.talk(error.for_terminal(colour).trim_end());
    context.output.talk("offshoot: the push goes on without its plan");
    Exit::Done
}
