//! What SQLMesh's own state says of the tables that production shows: which ranges are loaded. Its tables are read and never
//! written (research: SQLMesh, sections 6.5 and 8.1).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::AdoptError;
use crate::engine::Session;
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::quote_table;
use crate::time::{Interval, Intervals, Timestamp};

/// What is loaded of each model of production.
#[derive(Clone, Debug)]
pub struct LoadedBySqlmesh {
    /// By the model's name as SQLMesh writes it, three parts in double quotes, as the warehouse compares names.
    loaded: BTreeMap<String, Intervals>,
    warehouse: Dialect,
}

/// One model of an environment's row; all else in it is of no use here.
#[derive(Deserialize)]
struct Shown {
    name: String,
    version: Option<String>,
}

/// Moments of which a state may speak: from 1900 to 2200. Others are of no load.
const SANE: std::ops::RangeInclusive<i64> = -2_208_988_800_000..=7_258_118_400_000;

impl LoadedBySqlmesh {
    /// What the state in this schema of a session says of models in a warehouse; nothing where there is none.
    ///
    /// # Errors
    /// What the engine says, or what is there is no state that we can read.
    pub fn read(session: &mut dyn Session, schema: &str, warehouse: Dialect) -> Result<Self, AdoptError> {
        // A DuckDB file `sqlmesh.db` with a schema of that name has two meanings for `sqlmesh._intervals`.
        let catalog = session.query("SELECT current_database()")?.rows.into_iter().flatten().flatten().next();
        let table =
            |name: &str| TableName { catalog: catalog.clone(), schema: schema.to_owned(), name: name.to_owned() };
        let (environments, intervals) = (table("_environments"), table("_intervals"));
        let mut loaded = BTreeMap::new();
        if session.columns_of(&[environments.clone(), intervals.clone()])?.iter().any(Option::is_none) {
            return Ok(Self { loaded, warehouse });
        }
        let dialect = session.dialect();
        let sql = format!("SELECT snapshots FROM {} WHERE name = 'prod'", quote_table(dialect, &environments));
        let mut shown = BTreeMap::new();
        for text in session.query(&sql)?.rows.into_iter().flatten().flatten() {
            shown.extend(versions(&text).map_err(|error| AdoptError::State(error.to_string()))?);
        }
        // In the order in which SQLMesh reads them (`state_sync/db/interval.py`): a removal takes away what came before it.
        let removed = "CASE WHEN is_removed THEN 1 ELSE 0 END";
        let sql = format!(
            "SELECT name, version, start_ts, end_ts, {removed} FROM {} \
             WHERE NOT is_dev AND NOT is_pending_restatement ORDER BY created_ts, {removed}",
            quote_table(dialect, &intervals)
        );
        for row in session.query(&sql)?.rows {
            let [Some(name), Some(version), Some(start), Some(end), Some(removed)] = row.as_slice() else { continue };
            let Some(interval) = interval(start, end).filter(|_| shown.get(name) == Some(version)) else { continue };
            let own: &mut Intervals = loaded.entry(warehouse.fold(name, true)).or_default();
            if removed == "1" { *own = own.minus(&Intervals::one(interval)) } else { own.add(interval) }
        }
        Ok(Self { loaded, warehouse })
    }

    /// What is loaded of the model that production shows under this name, which is in `catalog` unless it says another.
    pub(super) fn of(&self, view: &TableName, catalog: Option<&str>) -> Option<&Intervals> {
        let catalog = view.catalog.as_deref().or(catalog)?;
        let parts = [catalog, &view.schema, &view.name].map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        self.loaded.get(&self.warehouse.fold(&parts.join("."), true)).filter(|loaded| !loaded.is_empty())
    }
}

fn interval(start: &str, end: &str) -> Option<Interval> {
    let moment = |text: &str| text.parse().ok().filter(|moment| SANE.contains(moment)).map(Timestamp);
    Interval::new(moment(start)?, moment(end)?)
}

/// The version that an environment shows of each of its models.
fn versions(text: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    let shown: Vec<Shown> = serde_json::from_str(text)?;
    Ok(shown.into_iter().filter_map(|shown| Some((shown.name, shown.version?))).collect())
}
