//! `bot diff`: the data of an environment beside another's. It opens the warehouse for reading only, looks at both sides
//! as they were at one moment, and shows counts, never rows.

mod compare;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::environments::find;
use super::find::model_named;
use super::query::{ask, environment};
use crate::apply::engine_error;
use crate::cli::DiffArguments;
use crate::context::Context;
use crate::data_diff::{Choice, DataDiff, LeftOut, ModelDataDiff, SchemaChange, at_most};
use crate::engine::{Engine, EngineError, OpenMode};
use crate::error::{CommandError, CommandResult, Exit};
use crate::git::Head;
use crate::ids::{EnvironmentName, ModelName};
use crate::model::{KindName, Model};
use crate::naming::TableKey;
use crate::render::data_diff;
use crate::state::{Environment, Pointer, State, Status, Table};
use crate::workspace::{Workspace, git_error, state_error};
use compare::{Ask, Bounds, Pair, Side};

/// Compares and prints.
///
/// # Errors
/// An environment or a model is not there, or the warehouse cannot be read.
pub(super) fn run(context: &Context<'_>, arguments: &DiffArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let project = workspace.project_here()?;
    let state = workspace.state_to_read(&project.settings)?;
    let here = environment(&workspace, state.as_ref(), arguments.environment.as_deref())?;
    let base = base_of(state.as_ref(), &here, arguments.base.as_deref())?;
    for environment in [&here, &base].into_iter().filter(|environment| environment.about.status == Status::Building) {
        let name = &environment.about.name;
        context.output.talk(&format!("{name}: its last plan is not through; what is compared is what stood before it"));
    }
    let names = wanted(&here, &base, &arguments.models)?;
    let limits = project.settings.own.data_diff;
    // What is named is wanted, whatever it costs.
    let (choice, max_rows) = match arguments.models.is_empty() {
        true => (at_most(names, &limits), limits.max_rows),
        false => (Choice { compared: names, left_out: Vec::new() }, None),
    };
    let models = models_here(&workspace)?;
    let timeout = Duration::from_secs(arguments.lock_timeout);
    let engine = workspace.engine(&project.settings, OpenMode::ReadOnly, timeout)?;
    let between = Between { here: &here, base: &base, models: &models };
    let models = between.compare(context, (state.as_ref(), engine.as_ref()), &choice.compared, max_rows)?;
    let left_out = choice.left_out.into_iter().map(|(name, why)| LeftOut { name, why, schema: Vec::new() }).collect();
    let diff = DataDiff { environment: here.about.name.clone(), base: base.about.name.clone(), models, left_out };
    context.print(
        arguments.format.format,
        |colour| data_diff::terminal(&diff, colour),
        || data_diff::markdown(&diff),
        || data_diff::json(&diff),
    );
    Ok(Exit::Done)
}

/// What is compared.
pub(super) struct Between<'a> {
    pub(super) here: &'a Environment,
    pub(super) base: &'a Environment,
    /// The models as `here` has them, for what tells their rows apart.
    pub(super) models: &'a BTreeMap<ModelName, Arc<Model>>,
}

impl Between<'_> {
    /// Compares the data of both sides as they are at one moment, whoever writes meanwhile.
    ///
    /// # Errors
    /// The state or the warehouse cannot be read, or the run was stopped.
    pub(super) fn compare(
        &self,
        context: &Context<'_>,
        (state, engine): (&dyn State, &dyn Engine),
        names: &[ModelName],
        max_rows: Option<u64>,
    ) -> Result<Vec<ModelDataDiff>, CommandError> {
        let bounds = Bounds::new(max_rows);
        self.each(context, (state, engine), names, |pair, ask| compare::compare(pair, engine.dialect(), bounds, ask))
    }

    /// What happened to the columns of models, and nothing about their rows.
    ///
    /// # Errors
    /// As [`Between::compare`].
    pub(super) fn schemas(
        &self,
        context: &Context<'_>,
        (state, engine): (&dyn State, &dyn Engine),
        names: &[ModelName],
    ) -> Result<BTreeMap<ModelName, Vec<SchemaChange>>, CommandError> {
        let schema =
            |pair: &Pair<'_>, ask: &mut Ask<'_>| Ok((pair.name.clone(), compare::schema(pair, engine.dialect(), ask)?));
        Ok(self.each(context, (state, engine), names, schema)?.into_iter().collect())
    }

    /// Asks about one model after the other.
    fn each<T>(
        &self,
        context: &Context<'_>,
        (state, engine): (&dyn State, &dyn Engine),
        names: &[ModelName],
        look: impl Fn(&Pair<'_>, &mut Ask<'_>) -> Result<T, EngineError>,
    ) -> Result<Vec<T>, CommandError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let Between { here, base, models } = self;
        let tables = tables_of(state, names, [here, base])?;
        let mut session = engine.session().map_err(|error| engine_error("cannot open the warehouse", error))?;
        let failed = |error| engine_error("the data cannot be compared", error);
        session.begin().map_err(failed)?;
        let mut seen = Vec::new();
        for name in names {
            let side = |environment: &'_ Environment| {
                let pointer = environment.models.get(name)?;
                Some(Side { pointer: pointer.clone(), table: tables.get(&key(name, pointer)).cloned() })
            };
            let model = models.get(name).map(Arc::as_ref);
            let pair = Pair { name, model, here: side(here), base: side(base) };
            let interruption = context.surroundings.interruption();
            let mut ask = |sql: &str| ask(session.as_mut(), sql, usize::MAX, interruption);
            seen.push(look(&pair, &mut ask).map_err(stopped)?);
        }
        session.rollback().map_err(failed)?;
        Ok(seen)
    }
}

/// What the environment is compared with: what is asked for, else what it was made from, else production.
fn base_of(state: &dyn State, here: &Environment, wanted: Option<&str>) -> Result<Environment, CommandError> {
    let prod = EnvironmentName::prod();
    let base = match wanted {
        Some(wanted) => find(state, wanted)?,
        None => find(state, here.about.base.as_ref().unwrap_or(&prod).as_str())?,
    };
    if base.about.name == here.about.name {
        let message = format!("`{}` would be compared with itself", here.about.name);
        return Err(CommandError::no(message).hint("name two environments: `bot diff ENV BASE`"));
    }
    Ok(base)
}

/// The models whose data may differ: those that one side alone has, and those that point elsewhere.
pub(super) fn wanted(here: &Environment, base: &Environment, asked: &[String]) -> Result<Vec<ModelName>, CommandError> {
    let has_data = |pointer: &Pointer| !matches!(pointer.kind, KindName::External | KindName::Embedded);
    let of = |environment: &Environment, name: &ModelName| {
        environment.models.get(name).filter(|pointer| has_data(pointer)).map(|pointer| pointer.data_fingerprint)
    };
    let mut names: Vec<ModelName> = here.models.keys().chain(base.models.keys()).cloned().collect();
    names.sort();
    names.dedup();
    if !asked.is_empty() {
        let none = std::collections::BTreeSet::new();
        let found = asked.iter().map(|asked| model_named(names.iter(), &none, asked).cloned());
        return found.collect();
    }
    names.retain(|name| of(here, name) != of(base, name));
    Ok(names)
}

/// The models of what is checked out, for what tells their rows apart.
fn models_here(workspace: &Workspace<'_>) -> Result<BTreeMap<ModelName, Arc<Model>>, CommandError> {
    let commit = match workspace.git.head().map_err(git_error)? {
        Head::Branch { commit, .. } | Head::Detached { commit } => commit,
        Head::Unborn { .. } => return Ok(BTreeMap::new()),
    };
    let source = workspace.git.tree_of(&commit).map_err(git_error)?;
    Ok(workspace.draft(&source, None)?.sketch.models)
}

fn tables_of(
    state: &dyn State,
    names: &[ModelName],
    environments: [&Environment; 2],
) -> Result<BTreeMap<TableKey, Table>, CommandError> {
    let keys = environments
        .iter()
        .flat_map(|environment| names.iter().filter_map(|name| Some(key(name, environment.models.get(name)?))));
    state.tables(&keys.collect::<Vec<_>>()).map_err(state_error)
}

fn key(name: &ModelName, pointer: &Pointer) -> TableKey {
    TableKey { model: name.clone(), data_fingerprint: pointer.data_fingerprint }
}

fn stopped(error: EngineError) -> CommandError {
    match error {
        EngineError::Interrupted { .. } => CommandError::failed("stopped as asked"),
        error => engine_error("the data cannot be compared", error),
    }
}
