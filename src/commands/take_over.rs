//! `--take-over`: what becomes of the rows that another program, such as SQLMesh, has put under the names of models. Tables of
//! ours go on from those that no query gives again; whatever else stands there is renamed by the promote (`publish`). What a
//! take-over left that was not finished is forgotten: it may be of rows that are there no more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::apply::{
    AdoptError, Before, LoadedBySqlmesh, Since, Stands, adopted, engine_error, must_know, standing_under,
};
use crate::decision::{KeptRows, kept};
use crate::engine::Engine;
use crate::error::CommandError;
use crate::fingerprint::Tree;
use crate::ids::{EnvironmentName, ModelName, StateId, TableName};
use crate::model::{Model, Past};
use crate::naming::TableKey;
use crate::plan::{Adopted, KnownBy};
use crate::planning::{layout, left_by_take_over};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::state::{Environment, State, WriteLease};
use crate::time::{Interval, Timestamp};
use crate::workspace::{Side, StateEngine, Workspace, state_error};

/// Tables and views of others under the names of models that production does not show yet.
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

    /// Their models, but for those that production has shown.
    pub(super) fn models(&self) -> BTreeSet<ModelName> {
        let new = self.0.iter().filter(|(_, stands)| stands.since == Since::Before);
        new.map(|(name, _)| name.clone()).collect()
    }

    /// What tables go on from, by what was decided, and what there is to say of it.
    ///
    /// # Errors
    /// Rows are to go on of which nobody knows how far they are, or the warehouse cannot be read.
    pub(super) fn adopted(
        &self,
        (workspace, engine): (&Workspace<'_>, &dyn Engine),
        side: &mut Side,
        (now, patience): (Timestamp, Duration),
    ) -> Result<BTreeMap<ModelName, Adopted>, CommandError> {
        if self.0.is_empty() {
            return Ok(BTreeMap::new());
        }
        let settings = &side.project.settings;
        let catalog = workspace.default_catalog(settings);
        let catalog = catalog.as_deref();
        let model = |name: &ModelName| side.tree.models.get(name);
        let asks = self.0.keys().filter_map(model).any(|model| must_know(model));
        let sqlmesh = match asks {
            true => loaded_by_sqlmesh(workspace, engine, (settings, patience))?,
            false => LoadedBySqlmesh::nothing(engine.dialect()),
        };
        let attempt = workspace.random_id()?;
        let (tree, standing) = (&side.tree, &self.0);
        let before = Before { tree, standing, catalog, sqlmesh: &sqlmesh, now, attempt: &attempt };
        let look = || -> Result<_, AdoptError> { adopted(engine.session()?.as_mut(), before) };
        let adopted = look().map_err(refused)?;
        let new = self.0.iter().filter(|(_, stands)| stands.since == Since::Before);
        let told = new.filter_map(|(name, stands)| said_of(model(name)?, &stands.table, adopted.get(name)));
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

/// Forgets the tables in which rows of an earlier attempt are that production has never shown: whoever put them there did so in
/// this environment's turn, which is ours. And those that are there of models whose rows are taken over now, such as a branch's:
/// what fails half-way must leave no rows of others in a table that somebody shows. `bot gc` drops them in time.
///
/// # Errors
/// The state cannot be written.
pub(super) fn begin_anew(
    (state, lease): (&dyn State, &WriteLease),
    environment: &EnvironmentName,
    (tree, adopted): (&Tree, &BTreeMap<ModelName, Adopted>),
) -> Result<(), CommandError> {
    if !environment.is_prod() {
        return Ok(());
    }
    let mut left = left_by_take_over(state, tree).map_err(state_error)?;
    let own = adopted.keys().filter_map(|model| {
        let data_fingerprint = tree.fingerprints.get(model)?.data;
        Some(TableKey { model: model.clone(), data_fingerprint })
    });
    left.extend(own);
    if left.is_empty() { Ok(()) } else { state.forget_tables(lease, &left).map_err(state_error) }
}
