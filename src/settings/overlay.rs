//! Settings from environment variables, laid over those of `config.yaml`: `SQLMESH__DEFAULT_GATEWAY=prod`, or
//! `SQLMESH__GATEWAYS__PROD__CONNECTION__PASSWORD`, each key of the way after two underscores, in lower case as SQLMesh has it.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Report;
use crate::problem::Problem;
use crate::yaml::{Entry, Node, Value};

const PREFIX: &str = "sqlmesh__";
/// A variable of SQLMesh's own that is no setting.
const NO_SETTING: &str = "sqlmesh__airflow__disable_state_migration";

/// Lays what the variables say over a configuration; gives the names of those that did.
pub(super) fn lay_over(
    document: &mut Node,
    environment: &BTreeMap<String, String>,
    report: &mut Report<'_>,
) -> BTreeSet<String> {
    let mut laid = BTreeSet::new();
    for (name, value) in environment {
        let lower = name.to_lowercase();
        let Some(way) = lower.strip_prefix(PREFIX).filter(|_| lower != NO_SETTING) else { continue };
        let keys: Vec<&str> = way.split("__").collect();
        if keys.iter().any(|key| key.is_empty()) {
            let problem = Problem::error("invalid-setting", format!("environment variable `{name}` names no setting"));
            let help =
                "write the keys with two underscores between them, such as `SQLMESH__DEFAULT_GATEWAY`, or unset it";
            report.push(document.place, problem.help(help));
            continue;
        }
        set(document, &keys, value);
        laid.insert(name.clone());
    }
    laid
}

/// Sets one value; what is no mapping on the way to it becomes one.
fn set(document: &mut Node, keys: &[&str], value: &str) {
    let place = document.place;
    let mut node = document;
    for (depth, key) in keys.iter().enumerate() {
        // Names of gateways are one in any case.
        let is_gateway = depth == 1 && matches!(keys[0], "gateways" | "gateway");
        let is_it = |entry: &Entry| if is_gateway { entry.key.to_lowercase() == *key } else { entry.key == *key };
        if !matches!(node.value, Value::Map(_)) {
            node.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut node.value else { return };
        let found = entries.iter().position(is_it).unwrap_or_else(|| {
            entries.push(Entry { key: (*key).to_owned(), node: Node { place, value: Value::Null } });
            entries.len() - 1
        });
        node = &mut entries[found].node;
    }
    node.value = Value::Text(value.to_owned());
}
