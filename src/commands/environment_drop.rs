//! `bot env drop`: the views of an environment go, in one transaction with its schemas, then the state forgets it. Its
//! tables stay until gc. What is not as we made it is left and named; nothing ever cascades.
//!
//! The views go first: where a run dies between warehouse and state, the environment is still listed and dropping it
//! again finishes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Context;
use super::environments::find;
use crate::apply::engine_error;
use crate::cli::DropArguments;
use crate::connect::Place;
use crate::engine::{
    self, Dependents, Engine, EngineError, Fence, Foreign, ForeignObject, OpenMode, OwnedObject, Owner, Session,
    ViewChange, fence, foreign_objects, forget_object, owned_objects, swap_views, transaction,
};
use crate::error::{CommandError, CommandResult, Exit};
use crate::ids::{EnvironmentName, ProjectName, TableName};
use crate::naming::view_name;
use crate::planning::layout;
use crate::publish;
use crate::render::environments::{self as faces, Dropped, Left};
use crate::settings::{EnvironmentSuffix, Settings};
use crate::state::{Environment, Pointer, State, WriteLease};
use crate::turn::Turn;
use crate::workspace::{Workspace, state_error};

/// A schema with its catalog.
type Schema = (Option<String>, String);

/// Drops the environment.
///
/// # Errors
/// It is production or not there, or state or warehouse cannot be written.
pub(super) fn run(context: &Context<'_>, arguments: &DropArguments) -> CommandResult {
    let named = &arguments.environment;
    if EnvironmentName::new(named.name.as_str()).is_prod() {
        return Err(CommandError::no("`prod` is production, which `bot env drop` never drops")
            .hint("`bot env list` shows the environments that can be dropped"));
    }
    let workspace = Workspace::open(context)?;
    let settings = workspace.project_here()?.settings;
    let timeout = Duration::from_secs(arguments.lock_timeout);
    let dropped = drop_environment(context, &workspace, &settings, (&named.name, timeout))?;
    context.print(
        named.format.format,
        |colour| faces::dropped_terminal(&dropped, colour),
        || faces::dropped_markdown(&dropped),
        || faces::dropped_json(&dropped),
    );
    Ok(Exit::Done)
}

/// Drops an environment that is not production, waiting at most so long for others.
///
/// # Errors
/// It is not there, or state or warehouse cannot be written.
pub(super) fn drop_environment(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    settings: &Settings,
    (name, timeout): (&str, Duration),
) -> Result<Dropped, CommandError> {
    // Nothing is made for an environment that is not there.
    find(workspace.state_to_read(settings)?.as_ref(), name)?;
    let state = workspace.state_to_write(settings)?;
    let lease = state.lease("bot env drop", timeout).map_err(state_error)?;
    let engine = workspace.engine(settings, OpenMode::ReadWrite, timeout)?;
    let turns = workspace.turns(state.as_ref(), &lease, settings);
    let environment = EnvironmentName::new(name);
    let turn = publish::take(&turns, &environment, timeout)?;
    if !workspace.is_outside(settings) {
        publish::settle(&turns, engine.as_ref(), &settings.project, Some((&environment, &turn)))?;
    }
    let held = Held { workspace, settings, state: state.as_ref(), lease: &lease, engine: engine.as_ref() };
    drop_held(context, &held, (name, &turn))
}

/// State and warehouse in the hands of who may write both.
pub(super) struct Held<'a> {
    pub(super) workspace: &'a Workspace<'a>,
    pub(super) settings: &'a Settings,
    pub(super) state: &'a dyn State,
    pub(super) lease: &'a WriteLease,
    pub(super) engine: &'a dyn Engine,
}

/// Drops an environment that is not production; promotes are settled already.
///
/// # Errors
/// As [`drop_environment`].
pub(super) fn drop_held(
    context: &Context<'_>,
    held: &Held<'_>,
    (name, turn): (&str, &Turn),
) -> Result<Dropped, CommandError> {
    let Held { workspace, settings, state, lease, engine } = held;
    let environment = find(*state, name)?;
    let dropped = match workspace.warehouse(settings).filter(Place::may_be_there) {
        Some(_) => {
            let mut session = engine.session().map_err(|error| engine_error("cannot open the warehouse", error))?;
            let owner = Owner {
                state: lease.state().clone(),
                project: settings.project.clone(),
                environment: environment.about.name.clone(),
                dependents: Dependents::Refuse,
            };
            drop_layer(session.as_mut(), (&owner, turn.fence()), &environment)
                .map_err(|error| engine_error("the views were not dropped", error))?
        }
        None => {
            context.output.talk("the warehouse's file is not there, so there was no view to drop");
            Dropped { environment: environment.about.name.clone(), ..Dropped::nothing() }
        }
    };
    let about = &environment.about;
    state.remove_environment(lease, &about.name, &about.version()).map_err(state_error)?;
    Ok(dropped)
}

/// Drops views and schemas in one transaction. A schema that the engine does not let go, for what it holds besides
/// tables and views, is left out of the next try.
fn drop_layer(
    session: &mut dyn Session,
    (owner, ours): (&Owner, Option<Fence>),
    environment: &Environment,
) -> Result<Dropped, EngineError> {
    let mut refused: BTreeMap<Schema, String> = BTreeMap::new();
    loop {
        let done = transaction(session, |session| {
            fence(session, ours.as_ref())?;
            drop_once(session, owner, environment, &refused)
        });
        match done {
            Ok(dropped) => return Ok(dropped),
            Err(DropError::Engine(error)) => return Err(error),
            Err(DropError::Schema(schema, why)) => drop(refused.insert(schema, why)),
        }
    }
}

enum DropError {
    Engine(EngineError),
    Schema(Schema, String),
}

impl From<EngineError> for DropError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

fn drop_once(
    session: &mut dyn Session,
    owner: &Owner,
    environment: &Environment,
    refused: &BTreeMap<Schema, String>,
) -> Result<Dropped, DropError> {
    match engine::owner(session)? {
        Some(theirs) if theirs != owner.state => {
            return Err(EngineError::ForeignState { ours: owner.state.clone(), theirs }.into());
        }
        _ => {}
    }
    let views = our_views(session, owner)?;
    let foreign = foreign_objects(session, &owner.state, &views)?;
    let dialect = session.dialect();
    let folded = |name: &TableName| (dialect.fold(&name.schema, true), dialect.fold(&name.name, true));
    let is_foreign = |view: &TableName| {
        foreign.iter().any(|object| object.name.catalog == view.catalog && folded(&object.name) == folded(view))
    };
    let ours: Vec<TableName> = views.iter().filter(|view| !is_foreign(view)).cloned().collect();
    let changes: Vec<ViewChange> = ours.iter().map(|view| ViewChange::Drop { view: view.clone() }).collect();
    swap_views(session, owner, &changes)?;
    // With the environment gone, what stands under these names is somebody else's.
    let left_names: Vec<TableName> = views.iter().filter(|view| is_foreign(view)).cloned().collect();
    forget_object(session, &left_names)?;
    let mut dropped = Dropped { environment: owner.environment.clone(), views: ours, ..Dropped::nothing() };
    let mut left: BTreeMap<String, Left> = foreign.iter().map(left_object).collect();
    let former = former_schemas(session, environment)?;
    for schema in schemas(environment, &views, &owner.environment).into_iter().chain(former) {
        let name = schema.0.iter().chain([&schema.1]).cloned().collect::<Vec<_>>().join(".");
        let because = |why: String| Left { kind: "schema", name: name.clone(), why };
        if let Some(why) = refused.get(&schema) {
            left.insert(name.clone(), because(why.clone()));
            continue;
        }
        match session.drop_schema_if_empty(schema.0.as_deref(), &schema.1) {
            Ok(held) if held.is_empty() => dropped.schemas.push(name),
            Ok(held) => {
                let held: Vec<String> = held.iter().map(|it| format!("{} `{}`", it.kind.text(), it.name)).collect();
                left.insert(name.clone(), because(format!("it holds {}", held.join(", "))));
            }
            Err(EngineError::Statement { message, .. } | EngineError::Denied { message, .. }) => {
                return Err(DropError::Schema(schema, message));
            }
            Err(error) => return Err(error.into()),
        }
    }
    dropped.left = left.into_values().collect();
    Ok(dropped)
}

/// The views that the warehouse lists as ours and of this environment.
fn our_views(session: &mut dyn Session, owner: &Owner) -> Result<Vec<TableName>, EngineError> {
    let is_ours = |project: &ProjectName, object: &OwnedObject| {
        let of_environment =
            matches!(object, OwnedObject::View { environment, .. } if *environment == owner.environment);
        of_environment && *project == owner.project
    };
    let records = owned_objects(session, &owner.state)?;
    Ok(records
        .into_iter()
        .filter(|record| is_ours(&record.project, &record.object))
        .map(|record| record.name)
        .collect())
}

/// The environment's own schemas: those of its views, as the warehouse or the state lists them, that end in its name.
fn schemas(environment: &Environment, views: &[TableName], name: &EnvironmentName) -> BTreeSet<Schema> {
    let suffix = format!("__{name}");
    let known = environment.models.values().filter_map(|pointer| pointer.view.as_ref()).map(|view| &view.name);
    let all = views.iter().chain(known).filter(|view| view.schema.ends_with(&suffix));
    all.map(|view| (view.catalog.clone(), view.schema.clone())).collect()
}

/// Schemas that are there and that held the views before the configuration put them beside production's.
fn former_schemas(session: &mut dyn Session, environment: &Environment) -> Result<BTreeSet<Schema>, EngineError> {
    let name = &environment.about.name;
    let suffix = format!("__{name}");
    let is_beside = |pointer: &Pointer| {
        let view = pointer.view.as_ref().map(|view| &view.name);
        view.is_some_and(|view| view.name.ends_with(&suffix) && !view.schema.ends_with(&suffix))
    };
    let beside = environment.models.iter().filter(|(_, pointer)| is_beside(pointer));
    let views = beside.map(|(model, _)| view_name(model, layout(name, EnvironmentSuffix::Schema)));
    let mut found = BTreeSet::new();
    for schema in views.map(|view| (view.catalog, view.schema)).collect::<BTreeSet<Schema>>() {
        if session.has_schema(schema.0.as_deref(), &schema.1)? {
            found.insert(schema);
        }
    }
    Ok(found)
}

fn left_object(object: &ForeignObject) -> (String, Left) {
    let why = match object.why {
        Foreign::NotOurs => "this program did not make it",
        Foreign::Changed => "it was changed since this program made it",
    };
    let name = object.name.to_string();
    (name.clone(), Left { kind: object.kind.text(), name, why: why.to_owned() })
}
