//! `--take-over`: what becomes of the rows that another program, such as SQLMesh, has put under the names of models. Tables of
//! ours go on from those that no query gives again; whatever else stands there is renamed by the promote (`publish`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::apply::{AdoptError, Before, LoadedBySqlmesh, adopted, engine_error, standing_under};
use crate::decision::{KeptRows, kept};
use crate::engine::Engine;
use crate::error::CommandError;
use crate::ids::{EnvironmentName, ModelName, StateId, TableName};
use crate::model::{Model, Past};
use crate::plan::Adopted;
use crate::planning::layout;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::state::Environment;
use crate::time::Timestamp;
use crate::workspace::{Side, Workspace};

/// Tables and views of others under the names of models that production does not show yet.
#[derive(Default)]
pub(super) struct Standing(BTreeMap<ModelName, TableName>);

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
        let shown: BTreeSet<&ModelName> =
            shown.filter(|(_, pointer)| pointer.table.is_some()).map(|(name, _)| name).collect();
        let layout = layout(environment, side.project.settings.environment_suffix);
        let look = || standing_under(engine.session()?.as_mut(), state, (&side.tree, layout), &shown);
        look().map(Self).map_err(|error| engine_error("cannot look at what is to be taken over", error))
    }

    /// Their models.
    pub(super) fn models(&self) -> BTreeSet<ModelName> {
        self.0.keys().cloned().collect()
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
        let is_kept = |name| side.tree.models.get(name).is_some_and(|model| model.past() != Past::Recomputed);
        let adopted = if self.0.keys().any(is_kept) {
            let sqlmesh = loaded_by_sqlmesh(workspace, engine, (settings, patience))?;
            let before = Before { tree: &side.tree, standing: &self.0, catalog, sqlmesh: &sqlmesh, now };
            let look = || -> Result<_, AdoptError> { adopted(engine.session()?.as_mut(), before) };
            look().map_err(refused)?
        } else {
            BTreeMap::new()
        };
        let told = self.0.iter().filter_map(|(name, table)| {
            let model = side.tree.models.get(name)?;
            said_of(model, table, adopted.contains_key(name))
        });
        let told: Vec<Problem> = told.collect();
        side.problems.extend(told);
        Ok(adopted)
    }
}

/// Where SQLMesh's state is unless `state_schema` says another schema.
const SQLMESH: &str = "sqlmesh";

const HINT: &str = "rename or drop what stands there, and the model begins anew; of SQLMesh's tables its state says it, where that is in \
                    the warehouse or in a `state_connection` of type `duckdb` or `postgres`";

/// What SQLMesh's state says, where that is: in `state_connection`, else in the warehouse.
fn loaded_by_sqlmesh(
    workspace: &Workspace<'_>,
    warehouse: &dyn Engine,
    (settings, patience): (&Settings, Duration),
) -> Result<LoadedBySqlmesh, CommandError> {
    let schema = settings.state_schema(workspace.gateway(settings)).unwrap_or(SQLMESH);
    let apart = workspace.state_engine(settings, patience)?;
    let engine = apart.as_deref().unwrap_or(warehouse);
    let look = || LoadedBySqlmesh::read(engine.session()?.as_mut(), schema, warehouse.dialect());
    look().map_err(refused)
}

fn refused(error: AdoptError) -> CommandError {
    match error {
        AdoptError::Engine(error) => engine_error("cannot look at the rows that are to be taken over", error),
        AdoptError::State(_) => CommandError::no(format!("nothing was taken over: {error}"))
            .hint("`sqlmesh migrate` brings it to the version that is read, which is that of SQLMesh 0.236"),
        AdoptError::Refused(_) => CommandError::no(format!("nothing was taken over: {error}")).hint(HINT),
    }
}

/// What there is to say of a model of which something stands there.
fn said_of(model: &Model, table: &TableName, is_adopted: bool) -> Option<Problem> {
    let name = &model.name;
    if is_adopted {
        let message = format!("`{name}` goes on with the rows that `{table}` has");
        return Some(Problem::info("rows-adopted", message).at(&model.path));
    }
    let might_be = model.past() == Past::Recomputed && kept(model, KeptRows::default()).is_ok();
    might_be.then(|| {
        let message = format!("`{name}` is computed from its beginning; the rows that `{table}` has are left there");
        let told = Problem::warning("rows-not-adopted", message).at(&model.path);
        told.help("`--forward-only` has such models go on with the rows that are there")
    })
}
