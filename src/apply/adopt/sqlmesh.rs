//! What SQLMesh's own state says of the tables that production shows: which ranges are loaded. Its tables are read and never
//! written (research: SQLMesh, sections 6.5 and 8.1). What cannot be read for sure says no; nothing is guessed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{AdoptError, Stands};
use crate::engine::{ObjectKind, Session};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::quote_table;
use crate::time::{Interval, Intervals, Timestamp};

/// What is loaded of each model of production.
#[derive(Clone, Debug)]
pub struct LoadedBySqlmesh {
    /// By the model's name as SQLMesh writes it, three parts in double quotes, as the warehouse compares names.
    models: BTreeMap<String, OfModel>,
    warehouse: Dialect,
}

/// What is known of one.
#[derive(Clone, Debug)]
struct OfModel {
    shown: Shown,
    loaded: Intervals,
}

/// One model of an environment's row; all else in it is of no use here.
#[derive(Clone, Debug, Deserialize)]
struct Shown {
    name: String,
    version: Option<String>,
    virtual_environment_mode: Option<String>,
}

const ENVIRONMENTS: (&str, [&str; 3]) = ("_environments", ["name", "snapshots", "finalized_ts"]);
const INTERVALS: (&str, [&str; 10]) = (
    "_intervals",
    [
        "name",
        "version",
        "dev_version",
        "identifier",
        "start_ts",
        "end_ts",
        "is_removed",
        "is_dev",
        "is_pending_restatement",
        "created_ts",
    ],
);

/// Moments of which a state may speak: from 1900 to 2200.
const SANE: std::ops::RangeInclusive<i64> = -2_208_988_800_000..=7_258_118_400_000;

impl LoadedBySqlmesh {
    /// Nothing, of a warehouse of this dialect.
    pub fn nothing(warehouse: Dialect) -> Self {
        Self { models: BTreeMap::new(), warehouse }
    }

    /// What the state in this schema of a session says of models in a warehouse; nothing where there is none.
    ///
    /// # Errors
    /// What the engine says, or what is there is no state that we can read, or one of a production that is half made.
    pub fn read(session: &mut dyn Session, schema: &str, warehouse: Dialect) -> Result<Self, AdoptError> {
        let Some([environments, intervals]) = tables(session, schema)? else { return Ok(Self::nothing(warehouse)) };
        let dialect = session.dialect();
        let sql =
            format!("SELECT snapshots, finalized_ts FROM {} WHERE name = 'prod'", quote_table(dialect, &environments));
        let mut models = BTreeMap::new();
        for row in session.query(&sql)?.rows {
            let [snapshots, finalized] = row.as_slice() else { continue };
            if finalized.is_none() {
                // The row is written before the views move (`EnvironmentRecordUpdateStage` of `core/plan/stages.py`).
                return Err(AdoptError::State(
                    "its production is not finished, so that it does not say what the views show".to_owned(),
                ));
            }
            let shown: Vec<Shown> = serde_json::from_str(snapshots.as_deref().unwrap_or_default())
                .map_err(|error| AdoptError::State(format!("`_environments`: {error}")))?;
            let model = |shown: Shown| (shown.name.clone(), OfModel { shown, loaded: Intervals::default() });
            models.extend(shown.into_iter().map(model));
        }
        for (name, loaded) in loaded(session, &intervals, &models)? {
            if let Some(model) = models.get_mut(&name) {
                loaded.ranges().iter().for_each(|range| model.loaded.add(*range));
            }
        }
        let models = models.into_iter().map(|(name, model)| (warehouse.fold(&name, true), model)).collect();
        Ok(Self { models, warehouse })
    }

    /// What is loaded of the model that production shows under this name, which is in `catalog` unless it says another. Nothing
    /// where something else stands there than the state knows.
    pub(super) fn of(&self, stands: &Stands, catalog: Option<&str>) -> Option<&Intervals> {
        let view = &stands.table;
        let catalog = view.catalog.as_deref().or(catalog)?;
        let parts = [catalog, &view.schema, &view.name].map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        let model = self.models.get(&self.warehouse.fold(&parts.join("."), true))?;
        let is_it = match stands.kind {
            // The version is the end of its table's name.
            ObjectKind::View => {
                let text = stands.definition.as_deref().unwrap_or_default();
                model.shown.version.as_deref().is_some_and(|version| !version.is_empty() && text.contains(version))
            }
            _ => model.shown.virtual_environment_mode.as_deref() == Some("dev_only"),
        };
        Some(&model.loaded).filter(|loaded| is_it && !loaded.is_empty())
    }
}

/// The two tables, if they are there.
fn tables(session: &mut dyn Session, schema: &str) -> Result<Option<[TableName; 2]>, AdoptError> {
    // A DuckDB file `sqlmesh.db` with a schema of that name has two meanings for `sqlmesh._intervals`.
    let catalog = session.query("SELECT current_database()")?.rows.into_iter().flatten().flatten().next();
    let table = |name: &str| TableName { catalog: catalog.clone(), schema: schema.to_owned(), name: name.to_owned() };
    let found = [table(ENVIRONMENTS.0), table(INTERVALS.0)];
    let columns = session.columns_of(&found)?;
    if columns.iter().any(Option::is_none) {
        return Ok(None);
    }
    for (columns, (table, wanted)) in
        columns.iter().flatten().zip([(ENVIRONMENTS.0, &ENVIRONMENTS.1[..]), (INTERVALS.0, &INTERVALS.1[..])])
    {
        let is_there = |wanted: &&&str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(wanted));
        if let Some(lacking) = wanted.iter().find(|wanted| !is_there(wanted)) {
            return Err(AdoptError::State(format!("`{table}` has no column `{lacking}`")));
        }
    }
    Ok(Some(found))
}

/// What was loaded of the versions that production shows, under one name for each snapshot that has loaded something.
fn loaded(
    session: &mut dyn Session,
    intervals: &TableName,
    models: &BTreeMap<String, OfModel>,
) -> Result<Vec<(String, Intervals)>, AdoptError> {
    // In the order in which SQLMesh reads them (`state_sync/db/interval.py`): a removal takes away what came before it of
    // the very same snapshot.
    let removed = "CASE WHEN is_removed THEN 1 ELSE 0 END";
    let sql = format!(
        "SELECT name, version, COALESCE(dev_version, ''), COALESCE(identifier, ''), start_ts, end_ts, {removed} FROM {} \
         WHERE NOT is_dev AND NOT is_pending_restatement ORDER BY created_ts, {removed}",
        quote_table(session.dialect(), intervals)
    );
    let mut loaded: BTreeMap<(String, String, String), Intervals> = BTreeMap::new();
    for row in session.query(&sql)?.rows {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let [name, version, dev_version, identifier, start, end, removed] = std::array::from_fn(|_| next());
        if models.get(&name).is_none_or(|model| model.shown.version.as_ref() != Some(&version)) {
            continue;
        }
        let moment = |text: &str| text.parse().ok().filter(|moment| SANE.contains(moment)).map(Timestamp);
        let (Some(start), Some(end)) = (moment(&start), moment(&end)) else {
            return Err(AdoptError::State(format!("`_intervals` has a range of {name} that is none")));
        };
        let own = loaded.entry((name, dev_version, identifier)).or_default();
        match Interval::new(start, end) {
            Some(interval) if removed == "1" => *own = own.minus(&Intervals::one(interval)),
            Some(interval) => own.add(interval),
            None => {}
        }
    }
    Ok(loaded.into_iter().map(|((name, ..), loaded)| (name, loaded)).collect())
}
