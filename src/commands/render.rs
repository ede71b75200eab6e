//! `bot render`: a model's SQL as it will run, from the plan alone. Opens no warehouse.

use std::collections::BTreeMap;

use super::Context;
use super::find::model_named;
use crate::apply::{everything, granted, tables_of, view_names};
use crate::cli::RenderArguments;
use crate::error::{CommandError, CommandResult, Exit};
use crate::fingerprint::Batching;
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model};
use crate::naming::view_name;
use crate::plan::{Target, is_loaded_by_interval};
use crate::planning::{self, Planned, layout};
use crate::problem::{Problem, Severity, has_errors};
use crate::render::statements::{self as faces, Load, Rendered};
use crate::render::terminal;
use crate::resolve::{ResolveError, Resolver, Times};
use crate::sql::{Dialect, Template};
use crate::statement::LoadTime;
use crate::time::Interval;
use crate::time::Timestamp;
use crate::workspace::Workspace;

/// Prints what runs for the model; with errors in its own file it is printed all the same, and the answer is no.
///
/// # Errors
/// There is no such model, or it reads something that has no table.
pub(super) fn run(context: &Context<'_>, arguments: &RenderArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let chosen = planning::choose(&workspace, &arguments.trees)?;
    let result = workspace.planned_side(&chosen.trees.result, None)?;
    let state = workspace.state_to_plan(&result.project.settings)?;
    let owner = planning::environment_of(state.as_ref(), &chosen, arguments.trees.environment.as_deref())?;
    let planned = planning::plan_of(context, &workspace, state.as_ref(), (&chosen, result), owner)?;
    let models = &planned.result.tree.models;
    let name = model_named(models.keys(), &planned.result.project.broken, &arguments.model)?;
    let model = &models[name];
    let is_own = |problem: &&Problem| problem.severity == Severity::Error && problem.path.as_ref() == Some(&model.path);
    let own: Vec<Problem> = planned.plan.problems.iter().filter(is_own).cloned().collect();
    if !own.is_empty() {
        context.output.talk(&terminal::problems(&own, context.colour()));
    } else if has_errors(&planned.plan.problems) {
        context.output.talk("the project has errors, so none of this would run; `bot plan` shows them");
    }
    let settings = &planned.result.project.settings;
    let connection = settings.connection(workspace.gateway(settings)).ok();
    let dialect = connection.and_then(|connection| Dialect::from_name(&connection.kind)).unwrap_or(model.dialect);
    let rendered = rendered(&planned, model, dialect, context.execution_time()?)
        .map_err(|error| CommandError::no("the model cannot run as it is").because(error))?;
    context.print(
        arguments.format.format,
        |_| faces::script(&rendered),
        || faces::markdown(&rendered),
        || faces::json(&rendered),
    );
    Ok(if own.is_empty() { Exit::Done } else { Exit::No })
}

fn rendered(planned: &Planned, model: &Model, dialect: Dialect, now: Timestamp) -> Result<Rendered, ResolveError> {
    let tables: BTreeMap<ModelName, TableName> = tables_of(&planned.plan);
    let resolver = Resolver { tree: &planned.result.tree, dialect, tables: &tables };
    let target = planned.plan.targets.iter().find(|target| target.name == model.name);
    let has_intervals = is_loaded_by_interval(model) || model.is_history_of_intervals();
    let load = target.filter(|_| has_intervals).map(|target| first_load(planned, model, target, now));
    let interval = load.map_or_else(|| everything(now), |load| load.interval);
    let times = Times::At(LoadTime { interval, execution: now });
    let statements = |statements: &[Template]| -> Result<Vec<String>, ResolveError> {
        statements.iter().map(|statement| resolver.statement(model, statement, times)).collect()
    };
    let environment = planned.plan.environment.clone();
    let has_view = model.kind.name().has_view();
    let beside = resolver.beside_statements(model, times)?;
    Ok(Rendered {
        model: model.name.clone(),
        kind: model.kind.name(),
        table: tables.get(&model.name).cloned(),
        view: has_view.then(|| view_name(&model.name, layout(&environment, planned.plan.suffix))),
        load,
        pre: [beside.definitions, statements(&model.pre_statements)?].concat(),
        query: model.query.as_ref().map(|_| beside.query),
        post: statements(&model.post_statements)?,
        on_update: on_update(planned, model, dialect, now)?,
        note: note(&model.kind),
        environment,
    })
}

/// What runs when its view moves; models are named there by their views.
fn on_update(planned: &Planned, model: &Model, dialect: Dialect, now: Timestamp) -> Result<Vec<String>, ResolveError> {
    let views = view_names(&planned.plan, layout(&planned.plan.environment, planned.plan.suffix));
    let resolver = Resolver { tree: &planned.result.tree, dialect, tables: &views };
    let times = Times::At(LoadTime { interval: everything(now), execution: now });
    let own = model.on_virtual_update.iter().map(|statement| resolver.statement(model, statement, times));
    granted(dialect, model, &views).into_iter().map(Ok).chain(own).collect()
}

/// The first load that the plan needs, or that a history of intervals had; where nothing is missing, one of everything up to now.
fn first_load(planned: &Planned, model: &Model, target: &Target, now: Timestamp) -> Load {
    let batch_size = match &model.kind {
        Kind::TimeRange(range) => range.batch_size,
        Kind::UniqueKey(key) => key.batch_size,
        _ => None,
    };
    let batching = planned.result.tree.fingerprints.get(&model.name).map(|fingerprint| &fingerprint.batching);
    // A history is laid one interval after the other.
    let (batching, batch_size) = match target.course {
        Some(_) => (&Batching::Any, Some(1)),
        None => (batching.unwrap_or(&Batching::Any), batch_size),
    };
    let laid = target.course.and_then(|course| Interval::new(course.start, course.end));
    let loads =
        target.intervals_missing.iter().chain(&laid).flat_map(|range| batching.loads(*range, target.unit, batch_size));
    let interval = loads.clone().next().unwrap_or_else(|| everything(now));
    Load { interval, unit: target.unit, of: loads.count() }
}

fn note(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Seed(seed) => Some(format!("its rows are loaded from {}", seed.path)),
        Kind::External => Some("another system fills it; nothing runs here".to_owned()),
        Kind::Embedded => Some("put into each query that reads it".to_owned()),
        _ => None,
    }
}
