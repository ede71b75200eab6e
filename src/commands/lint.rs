//! `bot lint`: what the project's rules say of one tree. Opens no state and no warehouse, and needs no base branch.

use std::collections::BTreeSet;

use super::Context;
use super::find::model_named;
use super::tree::one_tree;
use crate::cli::{LintArguments, LintFormat};
use crate::error::{CommandResult, Exit};
use crate::ids::ModelName;
use crate::lint::Models;
use crate::problem::{Problem, Severity};
use crate::render::{lint as faces, terminal};
use crate::workspace::Workspace;

/// Prints every violation; where a rule that must hold does not, or the project cannot be loaded as a whole, the answer is
/// no.
///
/// # Errors
/// There is no such model, or git cannot be read.
pub(super) fn run(context: &Context<'_>, arguments: &LintArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let side = workspace.side(&one_tree(&workspace, &arguments.tree)?)?;
    let names: BTreeSet<ModelName> = arguments
        .models
        .iter()
        .map(|name| model_named(side.tree.models.keys(), &side.project.broken, name).cloned())
        .collect::<Result<_, _>>()?;
    let models = if names.is_empty() { Models::All } else { Models::Only(&names) };
    let lint = workspace.lint(&side, models)?;
    let linter = &side.project.settings.linter;
    if linter.is_empty() {
        context
            .output
            .talk("no rule is named, so nothing was looked for: name some in `linter: {rules: […]}` of `config.yaml`");
    } else if !linter.enabled {
        context.output.talk("`linter.enabled` is not true, so plans do not ask these rules");
    }
    // A model that cannot be loaded is not looked at.
    let broken: Vec<Problem> =
        side.problems.iter().filter(|problem| problem.severity == Severity::Error).cloned().collect();
    if !broken.is_empty() {
        context.output.talk(&terminal::problems(&broken, context.colour()));
        context.output.talk("the project has errors, so not all of it was looked at");
    }
    context.output.data(&match arguments.format {
        LintFormat::Terminal => faces::terminal(&lint, context.colour()),
        LintFormat::Json => faces::json(&lint, linter),
    });
    Ok(if broken.is_empty() && !lint.has_errors() { Exit::Done } else { Exit::No })
}
