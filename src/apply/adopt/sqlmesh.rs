//! What SQLMesh's own state says of the tables that production shows, where it stands in the warehouse: which ranges are loaded.
//! Its tables are read and never written (research: SQLMesh, sections 6.5 and 8.1).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::{EngineError, Session};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::quote_table;
use crate::time::{Interval, Intervals, Timestamp};

/// What is loaded of each model of production, by its name as SQLMesh writes it: three parts in double quotes.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadedBySqlmesh(BTreeMap<String, Intervals>);

/// One model of an environment's row; all else in it is of no use here.
#[derive(Deserialize)]
struct Shown {
    name: String,
    version: Option<String>,
}

impl LoadedBySqlmesh {
    /// What the state in this schema says; nothing where there is none.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) fn read(session: &mut dyn Session, schema: &str) -> Result<Self, EngineError> {
        let table = |name: &str| TableName { catalog: None, schema: schema.to_owned(), name: name.to_owned() };
        let (environments, intervals) = (table("_environments"), table("_intervals"));
        if session.columns_of(&[environments.clone(), intervals.clone()])?.iter().any(Option::is_none) {
            return Ok(Self::default());
        }
        let dialect = session.dialect();
        let shown = session
            .query(&format!("SELECT snapshots FROM {} WHERE name = 'prod'", quote_table(dialect, &environments)))?
            .rows;
        let shown = shown.into_iter().flatten().flatten().flat_map(|text| versions(&text)).collect::<BTreeMap<_, _>>();
        // In the order in which SQLMesh reads them (`state_sync/db/interval.py`): a removal takes away what came before it.
        let sql = format!(
            "SELECT name, version, start_ts, end_ts, CASE WHEN is_removed THEN 1 ELSE 0 END FROM {} \
             WHERE NOT is_dev AND NOT is_pending_restatement ORDER BY created_ts, CASE WHEN is_removed THEN 1 ELSE 0 END",
            quote_table(dialect, &intervals)
        );
        let mut loaded: BTreeMap<String, Intervals> = BTreeMap::new();
        for row in session.query(&sql)?.rows {
            let [Some(name), Some(version), Some(start), Some(end), Some(removed)] = row.as_slice() else { continue };
            if shown.get(name) != Some(version) {
                continue;
            }
            let moment = |text: &str| text.parse().ok().map(Timestamp);
            let interval = moment(start).zip(moment(end)).and_then(|(start, end)| Interval::new(start, end));
            let Some(interval) = interval else { continue };
            let own = loaded.entry(dialect.fold(name, true)).or_default();
            if removed == "1" { *own = own.minus(&Intervals::one(interval)) } else { own.add(interval) }
        }
        Ok(Self(loaded))
    }

    /// What is loaded of the model that production shows under this name, which is in `catalog` unless it says another.
    pub(super) fn of(&self, dialect: Dialect, view: &TableName, catalog: Option<&str>) -> Option<&Intervals> {
        let catalog = view.catalog.as_deref().or(catalog)?;
        let parts = [catalog, &view.schema, &view.name].map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        self.0.get(&dialect.fold(&parts.join("."), true)).filter(|loaded| !loaded.is_empty())
    }
}

/// The version that an environment shows of each of its models.
fn versions(text: &str) -> Vec<(String, String)> {
    let shown: Vec<Shown> = serde_json::from_str(text).unwrap_or_default();
    shown.into_iter().filter_map(|shown| Some((shown.name, shown.version?))).collect()
}
