//! `before_all` and `after_all`: what of them runs for an environment, and how they stand to what production was promoted
//! with.
//!
//! What `before_all` makes is there once for all environments, so that a branch whose statements are others would change
//! what production's views use. A branch runs production's, or none.

use std::collections::{BTreeMap, BTreeSet};

use super::layout;
use crate::apply::{BesideAll, Ready, everything};
use crate::error::CommandError;
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::naming::view_name;
use crate::plan::earliest_start;
use crate::problem::{Problem, Severity};
use crate::project::{Project, Shown, beside_all};
use crate::resolve::{Resolver, Times};
use crate::settings::{DefaultProperty, Settings, Stage};
use crate::sql::{Dialect, Template};
use crate::state::Environment;
use crate::statement::{LoadTime, quote_schema, quote_table};
use crate::time::{Interval, Timestamp};
use crate::workspace::{Side, Workspace, git_error};

/// How the statements of a tree stand to those that production was promoted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// They are the same.
    Same,
    /// They are others: in what.
    Differs(Vec<String>),
    /// Nobody knows: the commit that was promoted is not here.
    Unknown,
}

/// The same of both lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreements {
    /// Of `before_all`.
    pub before: Agreement,
    /// Of `after_all`.
    pub after: Agreement,
}

impl Agreements {
    /// Compares what a tree says, and the settings under which it is built where those are others, with what the promoted
    /// commit says; nothing was promoted where there is none.
    pub fn of(workspace: &Workspace<'_>, promoted: Option<&Environment>, project: &Project) -> Self {
        let used = &project.settings;
        let own = project.written.as_deref().unwrap_or(used);
        let commit = promoted.and_then(|promoted| promoted.about.promoted.as_ref());
        let there = match commit {
            None => Some(Settings::default()),
            Some(commit) => {
                let tree = workspace.git.tree_of(commit).map_err(git_error);
                tree.and_then(|tree| workspace.settings(&tree)).ok()
            }
        };
        let compared = |stage| agreement(workspace, stage, [own, used], there.as_ref());
        Self { before: compared(Stage::Before), after: compared(Stage::After) }
    }

    /// What a plan of a branch says of them.
    pub(super) fn of_branch(&self, settings: &Settings, environment: &EnvironmentName) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Agreement::Differs(changes) = &self.before {
            let message = format!("`before_all` is not what production was promoted with: {}", told(changes));
            problems.push(Problem::warning("before-all-differs", message).help(
                "it runs when it is promoted; until then no table is built for a branch that has it, so merge and promote \
                 the change of `config.yaml` by itself",
            ));
        }
        let left_out = self.left_out(environment).map(|message| Problem::warning("after-all-differs", message));
        problems.extend(left_out.map(|problem| problem.help("it runs when it is promoted")));
        placed(problems, settings)
    }

    /// That `after_all` does not run for the environment of a branch, and why.
    pub fn left_out(&self, environment: &EnvironmentName) -> Option<String> {
        let why = match &self.after {
            Agreement::Same => return None,
            Agreement::Differs(changes) => format!("it is not what production was promoted with: {}", told(changes)),
            Agreement::Unknown => "the promoted commit is not here to compare it with".to_owned(),
        };
        Some(format!("`after_all` does not run for `{environment}`, because {why}"))
    }

    /// What a plan of a promotion says of them.
    pub fn of_promotion(&self, settings: &Settings) -> Vec<Problem> {
        let when = [(Stage::Before, "before the first table is built"), (Stage::After, "after the views have moved")];
        let problems = when.into_iter().filter_map(|(stage, when)| match self.of_stage(stage) {
            Agreement::Differs(changes) => {
                let message = format!("`{}` changes, and runs {when}: {}", stage.key(), told(changes));
                Some(Problem { severity: Severity::Info, ..Problem::warning("statements-change", message) })
            }
            Agreement::Same | Agreement::Unknown => None,
        });
        placed(problems.collect(), settings)
    }

    fn of_stage(&self, stage: Stage) -> &Agreement {
        match stage {
            Stage::Before => &self.before,
            Stage::After => &self.after,
        }
    }

    /// Says no where something would be built with a `before_all` that is not production's.
    ///
    /// # Errors
    /// As it says.
    pub fn refuse(&self) -> Result<(), CommandError> {
        match &self.before {
            Agreement::Same => Ok(()),
            Agreement::Differs(changes) => Err(CommandError::no(format!(
                "`before_all` is not what production was promoted with, so nothing was built: {}",
                told(changes)
            ))
            .hint(
                "what it makes is there for production too, so it runs when it is promoted: merge the change of \
                 `config.yaml` by itself and run `bot promote`, then bring this branch up to date",
            )),
            Agreement::Unknown => Err(CommandError::no(
                "the promoted commit is not here, so nobody knows whether `before_all` is what production was promoted with",
            )
            .hint("fetch the whole history (`fetch-depth: 0`)")),
        }
    }

    /// The stages that run for a branch.
    pub fn stages(&self) -> Vec<Stage> {
        let stages = [Stage::Before, Stage::After].into_iter();
        stages.filter(|stage| *self.of_stage(*stage) == Agreement::Same).collect()
    }
}

/// Changes in one sentence; of many the first.
fn told(changes: &[String]) -> String {
    const MOST: usize = 8;
    let shown = changes.iter().take(MOST).cloned();
    let left = changes.len().saturating_sub(MOST);
    let more = (left > 0).then(|| format!("{left} more"));
    shown.chain(more).collect::<Vec<_>>().join("; ")
}

fn placed(problems: Vec<Problem>, settings: &Settings) -> Vec<Problem> {
    let at = |problem: Problem| match &settings.path {
        Some(path) => problem.at(path),
        None => problem,
    };
    problems.into_iter().map(at).collect()
}

fn agreement(workspace: &Workspace<'_>, stage: Stage, ours: [&Settings; 2], there: Option<&Settings>) -> Agreement {
    let Some(there) = there else {
        let is_empty = ours.iter().all(|settings| settings.statements(stage).is_empty());
        return if is_empty { Agreement::Same } else { Agreement::Unknown };
    };
    let changes = |own: &Settings| own.changes_of(stage, there, [workspace.gateway(own), workspace.gateway(there)]);
    match ours.map(changes).into_iter().find(|changes| !changes.is_empty()) {
        Some(changes) => Agreement::Differs(changes),
        None => Agreement::Same,
    }
}

/// What `@start_*` and `@end_*` mean in statements that run with a plan: from where the first of its models begins up to now.
pub fn times_of_plan(side: &Side, now: Timestamp) -> LoadTime {
    let begins = earliest_start(&side.tree, now).and_then(|start| Interval::new(start, now));
    LoadTime { interval: begins.unwrap_or_else(|| everything(now)), execution: now }
}

/// What they mean in statements that run with `bot run`, which has no start: all of time, as in SQLMesh.
pub fn times_of_run(now: Timestamp) -> LoadTime {
    LoadTime { interval: everything(now), execution: now }
}

/// The statements that run for an environment of these models, of some stages, ready to run.
///
/// # Errors
/// One of them cannot be read, or names what has no view.
pub fn ready(
    (side, environment): (&Side, &EnvironmentName),
    stages: &[Stage],
    (dialect, times): (Dialect, LoadTime),
) -> Result<BesideAll, CommandError> {
    let settings = &side.project.settings;
    let views = views_of(side, environment);
    let shown = Shown {
        environment: environment.to_string(),
        schemas: schemas_of(dialect, &views),
        views: views.values().map(|view| quote_table(dialect, view)).collect(),
    };
    let resolver = Resolver { tree: &side.tree, dialect, tables: &views };
    let mut result = BesideAll::default();
    for stage in stages {
        let gateway = side.project.gateway.as_deref();
        let expanded = beside_all((settings, gateway), (*stage, dialect), &shown).map_err(refused)?;
        let mut statements = Vec::new();
        for (number, (written, templates)) in expanded.iter().enumerate() {
            let place = place(*stage, number + 1, written, settings);
            for template in templates {
                let sql = resolved(&resolver, (*stage, times), template)
                    .map_err(|error| CommandError::no(format!("{place} cannot run")).because(error))?;
                statements.push(Ready { place: place.clone(), beginning: written.beginning(), sql });
            }
        }
        match stage {
            Stage::Before => result.before = statements,
            Stage::After => result.after = statements,
        }
    }
    Ok(result)
}

fn resolved(
    resolver: &Resolver<'_>,
    (stage, times): (Stage, LoadTime),
    template: &Template,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let name = ModelName::parse(stage.key()).ok_or("the key is no name")?;
    Ok(resolver.beside_all(&name, template, Times::At(times)).map_err(Box::new)?)
}

fn place(stage: Stage, number: usize, written: &DefaultProperty, settings: &Settings) -> String {
    let file = settings.path.as_ref().map_or("config.yaml", |path| path.as_str());
    format!("statement {number} of `{}` (`{file}:{}:{}`)", stage.key(), written.place.line, written.place.column)
}

/// The view of every model that has one, as the environment calls them.
fn views_of(side: &Side, environment: &EnvironmentName) -> BTreeMap<ModelName, TableName> {
    let layout = layout(environment, side.project.settings.environment_suffix);
    let shown = side.tree.models.iter().filter(|(_, model)| model.kind.name().has_view());
    shown.map(|(name, _)| (name.clone(), view_name(name, layout))).collect()
}

fn schemas_of(dialect: Dialect, views: &BTreeMap<ModelName, TableName>) -> Vec<String> {
    let schemas = views.values().map(|view| quote_schema(dialect, view.catalog.as_deref(), &view.schema));
    schemas.collect::<BTreeSet<String>>().into_iter().collect()
}

/// Mistakes that only the names of an environment bring to light.
fn refused(problems: Vec<Problem>) -> CommandError {
    let error = CommandError::no("a statement of the configuration cannot run, so nothing was done");
    match problems.into_iter().next() {
        Some(Problem { message, help: Some(help), .. }) => error.because(message).hint(help),
        Some(problem) => error.because(problem.message),
        None => error,
    }
}
