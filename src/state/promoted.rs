//! What a promote leaves in the warehouse, in the transaction that moves its views: enough to know the environment and its
//! tables again where the state is lost. The serialised form is read by later releases: a field is added with a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::{Build, Environment, Load, Snapshot, Table, ViewStep};
use crate::naming::TableKey;
use crate::plan::Seen;
use crate::rollback::Hold;
use crate::time::{Interval, Timestamp};

/// An environment that was promoted, with what its tables held then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promoted {
    /// What is shown.
    pub environment: Environment,
    /// The tables that it shows.
    pub tables: Vec<PromotedTable>,
    /// What promote may not bring back, where it was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Every view as it became, where the engine moves them one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<ViewStep>,
    /// The version of the fingerprints in it.
    #[serde(default = "first_algorithm")]
    pub algorithm: u64,
}

/// One of its tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotedTable {
    /// What it is.
    pub snapshot: Snapshot,
    /// What was loaded, when and by whom.
    pub loads: Vec<(Interval, Timestamp, String)>,
    /// What each of these loads found in its inputs; of an older release, nothing.
    #[serde(default)]
    pub inputs: Vec<Option<Vec<Seen>>>,
    /// Its newest build; of an older release, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
}

/// What wrote this down before the version was in it.
fn first_algorithm() -> u64 {
    1
}

impl Promoted {
    /// Puts together what is known.
    pub fn new(
        environment: Environment,
        tables: &BTreeMap<TableKey, Table>,
        mut builds: BTreeMap<TableKey, Build>,
        (hold, algorithm): (Option<Hold>, u64),
    ) -> Self {
        let table = |table: &Table| PromotedTable {
            loads: table.ledger.loads().iter().map(|load| (load.interval, load.loaded_at, load.run.clone())).collect(),
            inputs: table.ledger.loads().iter().map(|load| load.inputs.clone()).collect(),
            build: builds.remove(&table.snapshot.key),
            snapshot: table.snapshot.clone(),
        };
        let tables = tables.values().map(table).collect();
        Self { environment, tables, hold, views: Vec::new(), algorithm }
    }
}

impl PromotedTable {
    /// What was loaded into it.
    pub fn loads(&self) -> impl Iterator<Item = Load> + '_ {
        let inputs = self.inputs.iter().cloned().chain(std::iter::repeat(None));
        self.loads.iter().zip(inputs).map(|((interval, loaded_at, run), inputs)| Load {
            key: self.snapshot.key.clone(),
            interval: *interval,
            loaded_at: *loaded_at,
            run: run.clone(),
            inputs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first releases wrote it.
    #[test]
    fn what_older_releases_left_is_read() {
        let digest = "ab".repeat(32);
        let key = format!(r#"{{"model":"a.b","data_fingerprint":"{digest}"}}"#);
        let table = r#"{"catalog":null,"schema":"offshoot__a","name":"b__1"}"#;
        let snapshot = format!(
            r#"{{"key":{key},"table":{table},"kind":"FULL","columns":[],"unit":"day","created_at":1,"as_of":null}}"#
        );
        let about = r#"{"name":"prod","owner":"named","branch":null,"base":null,"created_from":null,
            "commits":{"base":"aa","head":null,"merge_base":null,"result_tree":null},"promoted":"aa","plan_id":"p",
            "status":"ready","as_of":1,"created_at":1,"updated_at":1,"expires_at":null}"#;
        let text = format!(
            r#"{{"environment":{{"about":{about},"models":{{}}}},
                "tables":[{{"snapshot":{snapshot},"loads":[[{{"start":1,"end":2}},3,"ada"]]}}]}}"#
        );
        let read: Promoted = serde_json::from_str(&text).expect("readable");
        let loads: Vec<Load> = read.tables[0].loads().collect();
        assert_eq!((loads.len(), loads[0].loaded_at, &loads[0].inputs), (1, Timestamp(3), &None));
        assert_eq!((read.algorithm, read.hold, &read.tables[0].build), (1, None, &None));
    }
}
