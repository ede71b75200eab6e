//! `--take-over`: what becomes of the rows that another program, such as SQLMesh, has put under the names of models. Tables of
//! ours go on from those that no query gives again; whatever else stands there is renamed by the promote (`publish`).
//!
//! Only the first promote of a project does so, before there is any environment: so what an attempt leaves that fails half-way
//! is shown by nobody, and the next promote drops all of it. It may be of rows that are there no more, and so may be whatever
//! was built of those.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::apply::{
    AdoptError, Before, LoadedBySqlmesh, Stands, adopted, engine_error, must_know, refuse_left, standing_under,
};
use crate::decision::{KeptRows, kept};
use crate::engine::{
    Engine, EngineError, Fence, ObjectRecord, OwnedObject, fence, forget_object, owned_objects, transaction,
};
use crate::error::CommandError;
use crate::ids::{EnvironmentName, ModelName, StateId, TableName};
use crate::model::{Model, Past};
use crate::naming::{TableKey, physical_table};
use crate::plan::{Adopted, KnownBy};
use crate::planning::{LIMIT, layout};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::state::{Environment, Snapshot, State, WriteLease};
use crate::statement::Target;
use crate::time::{Interval, Timestamp};
use crate::workspace::{Side, StateEngine, Workspace, state_error};

/// How far a project is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Production is to be promoted, and there is no environment yet.
    First,
    /// There is one.
    Later,
}

impl Stage {
    /// Of the state, for whoever promotes to an environment.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(super) fn of(state: &dyn State, environment: &EnvironmentName) -> Result<Self, CommandError> {
        let is_first = environment.is_prod()
            && state.environments().map_err(state_error)?.is_empty()
            && state.pending_promotes().map_err(state_error)?.is_empty();
        Ok(if is_first { Self::First } else { Self::Later })
    }
}

/// Tables and views of others under the names of models.
#[derive(Default)]
pub(super) struct Standing(BTreeMap<ModelName, Stands>);

impl Standing {
    /// What stands there; in no environment but production, whose rows are the ones that people keep.
    ///
    /// # Errors
    /// The warehouse cannot be read.
    pub(super) fn look(
        (engine, state): (&dyn Engine, &StateId),
        side: &Side,
        (environment, current): (&EnvironmentName, Option<&Environment>),
    ) -> Result<Self, CommandError> {
        if !environment.is_prod() {
            return Ok(Self::default());
        }
        let shown = current.into_iter().flat_map(|current| &current.models);
        let shown: BTreeMap<&ModelName, &TableName> =
            shown.filter_map(|(name, pointer)| Some((name, pointer.table.as_ref()?))).collect();
        let layout = layout(environment, side.project.settings.environment_suffix);
        let look = || standing_under(engine.session()?.as_mut(), state, (&side.tree, layout), &shown);
        look().map(Self).map_err(|error| engine_error("cannot look at what is to be taken over", error))
    }

    /// Their models, of which `--forward-only` may decide.
    pub(super) fn models(&self, stage: Stage) -> BTreeSet<ModelName> {
        match stage {
            Stage::First => self.0.keys().cloned().collect(),
            Stage::Later => BTreeSet::new(),
        }
    }

    /// What tables go on from, by what was decided, and what there is to say of it.
    ///
    /// # Errors
    /// Rows are to go on of which nobody knows how far they are, or the warehouse cannot be read.
    pub(super) fn adopted(
        &self,
        (workspace, engine): (&Workspace<'_>, &dyn Engine),
        side: &mut Side,
        stage: Stage,
        (now, patience): (Timestamp, Duration),
    ) -> Result<BTreeMap<ModelName, Adopted>, CommandError> {
        if self.0.is_empty() {
            return Ok(BTreeMap::new());
        }
        let settings = &side.project.settings;
        let catalog = workspace.default_catalog(settings);
        let catalog = catalog.as_ref().map(|catalog| catalog.name.as_str());
        let model = |name: &ModelName| side.tree.models.get(name);
        let asks = stage == Stage::First && self.0.keys().filter_map(model).any(|model| must_know(model));
        let sqlmesh = match asks {
            true => loaded_by_sqlmesh(workspace, engine, (settings, patience))?,
            false => LoadedBySqlmesh::nothing(engine.dialect()),
        };
        let attempt = workspace.random_id()?;
        let (tree, standing) = (&side.tree, &self.0);
        let before = Before { tree, standing, catalog, sqlmesh: &sqlmesh, now, attempt: &attempt };
        let look = || -> Result<_, AdoptError> {
            let mut session = engine.session()?;
            match stage {
                Stage::First => adopted(session.as_mut(), before),
                Stage::Later => refuse_left(session.as_mut(), before).map(|()| BTreeMap::new()),
            }
        };
        let adopted = look().map_err(refused)?;
        let told = self.0.iter().filter(|_| stage == Stage::First);
        let told = told.filter_map(|(name, stands)| said_of(model(name)?, &stands.table, adopted.get(name)));
        let told: Vec<Problem> = told.collect();
        side.problems.extend(told);
        Ok(adopted)
    }
}

/// Where SQLMesh's state is unless `state_schema` says another schema.
const SQLMESH: &str = "sqlmesh";

const HINT: &str = "rename or drop what stands there, and the model begins anew without its rows";

/// What SQLMesh's state says, where that is: in `state_connection`, else in the warehouse.
fn loaded_by_sqlmesh(
    workspace: &Workspace<'_>,
    warehouse: &dyn Engine,
    (settings, patience): (&Settings, Duration),
) -> Result<LoadedBySqlmesh, CommandError> {
    let schema = settings.state_schema(workspace.gateway(settings)).unwrap_or(SQLMESH);
    let apart = workspace.state_engine(settings, patience)?;
    let engine = match &apart {
        StateEngine::Warehouse => warehouse,
        StateEngine::Apart(engine) => engine.as_ref(),
        StateEngine::OutOfReach => return Ok(LoadedBySqlmesh::nothing(warehouse.dialect())),
    };
    let look = || LoadedBySqlmesh::read(engine.session()?.as_mut(), schema, warehouse.dialect());
    look().map_err(refused)
}

fn refused(error: AdoptError) -> CommandError {
    match error {
        AdoptError::Engine(error) => engine_error("cannot look at the rows that are to be taken over", error),
        AdoptError::State(_) => CommandError::no(format!("nothing was taken over: {error}"))
            .hint("it is read as SQLMesh 0.236 writes it: `sqlmesh migrate` brings an older one there, `sqlmesh plan` finishes production"),
        AdoptError::Refused(_) => CommandError::no(format!("nothing was taken over: {error}")).hint(HINT),
    }
}

/// What there is to say of a model of which something stands there.
fn said_of(model: &Model, table: &TableName, adopted: Option<&Adopted>) -> Option<Problem> {
    let name = &model.name;
    if let Some(adopted) = adopted {
        let message = format!("`{name}` goes on with the rows that `{table}` has{}", how_much(model, adopted));
        return Some(Problem::info("rows-adopted", message).at(&model.path));
    }
    let might_be = model.past() == Past::Recomputed && kept(model, KeptRows::default()).is_ok();
    might_be.then(|| {
        let message = format!("`{name}` is computed from its beginning; the rows that `{table}` has are left there");
        let told = Problem::warning("rows-not-adopted", message).at(&model.path);
        told.help("`--forward-only` has such models go on with the rows that are there")
    })
}

/// What is taken for loaded, and by whose word.
fn how_much(model: &Model, adopted: &Adopted) -> String {
    let by = match adopted.known_by {
        KnownBy::State => "SQLMesh's state",
        KnownBy::Rows => "its first and last row",
    };
    let ranges = adopted.loaded.ranges();
    let all = ranges.first().zip(ranges.last()).and_then(|(first, last)| Interval::new(first.start, last.end));
    match (all, adopted.laid) {
        (Some(all), _) => {
            let [start, end] = all.labels(model.unit());
            format!(", loaded from {start} to before {end} by {by}")
        }
        (None, Some(laid)) => format!(", loaded to before {} by {by}", laid.date_time()),
        (None, None) => String::new(),
    }
}

/// Drops and forgets what is there before the first promote, if rows are taken over now, or were by an attempt that failed.
/// Nobody shows any of it.
///
/// # Errors
/// The warehouse or the state cannot be written, or another project knows such a table, too.
pub(super) fn begin_anew(
    (state, lease): (&dyn State, &WriteLease),
    (engine, identity, fence_of): (&dyn Engine, &StateId, Option<Fence>),
    settings: &Settings,
    adopted: &BTreeMap<ModelName, Adopted>,
) -> Result<(), CommandError> {
    let known = state.all_tables().map_err(state_error)?;
    if adopted.is_empty() && !known.iter().any(|table| is_of_a_take_over(table, settings)) {
        return Ok(());
    }
    let elsewhere = state.tables_elsewhere().map_err(state_error)?;
    let failed = |error: EngineError| engine_error("cannot drop what an earlier attempt has left", error);
    let mut session = engine.session().map_err(failed)?;
    let owned = owned_objects(session.as_mut(), identity).map_err(failed)?;
    let is_ours = |record: &ObjectRecord| {
        record.project == settings.project && matches!(record.object, OwnedObject::Table { .. })
    };
    let tables: Vec<TableName> = owned.into_iter().filter(is_ours).map(|record| record.name).collect();
    if let Some(shared) = tables.iter().find(|table| elsewhere.contains(*table)) {
        return Err(CommandError::no(format!("nothing was taken over: another project knows table `{shared}`, too"))
            .hint("rename or drop what stands under the names of models, and they begin anew without its rows"));
    }
    let dropped = transaction(session.as_mut(), |session| {
        fence(session, fence_of.as_ref())?;
        for table in &tables {
            let statements = Target { dialect: session.dialect(), table, columns: &[] };
            session.execute(&statements.drop_table())?;
        }
        if tables.is_empty() { Ok(()) } else { forget_object(session, &tables) }
    });
    dropped.map_err(failed)?;
    let keys: Vec<TableKey> = known.into_iter().map(|table| table.key).collect();
    state.forget_tables(lease, &keys).map_err(state_error)
}

/// Says no to another environment while production is half taken over: it would show tables that may be dropped.
///
/// # Errors
/// As it says, or the state cannot be read.
pub(super) fn refuse_unfinished(state: &dyn State, settings: &Settings) -> Result<(), CommandError> {
    // With one nothing is taken over.
    if !state.environments().map_err(state_error)?.is_empty() {
        return Ok(());
    }
    let known = state.all_tables().map_err(state_error)?;
    if !known.iter().any(|table| is_of_a_take_over(table, settings)) {
        return Ok(());
    }
    Err(CommandError::no("production was to take over rows of another program, and has not")
        .hint("`bot promote --take-over` does; where nothing is to be taken over any more, `bot promote`"))
}

/// Whether rows of another program are in a table. Such a one is not named after its key, as all others are before the first
/// promote.
fn is_of_a_take_over(table: &Snapshot, settings: &Settings) -> bool {
    physical_table(&table.key, &settings.physical_schemas, LIMIT).name != table.table.name
}
