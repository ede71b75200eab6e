//! Settings from environment variables, laid over those of `config.yaml`: `SQLMESH__DEFAULT_GATEWAY=prod`, or
//! `SQLMESH__GATEWAYS__PROD__CONNECTION__PASSWORD`, each key of the way after two underscores, in lower case as SQLMesh has it.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{OF_VARIABLE, Report};
use crate::problem::Problem;
use crate::yaml::{Entry, Node, Value};

const PREFIX: &str = "sqlmesh__";
/// A variable of SQLMesh's own that is no setting.
const NO_SETTING: &str = "sqlmesh__airflow__disable_state_migration";

/// More keys on one way than any setting has: a stranger's `.env` must not go deeper than a file of YAML may.
const DEEPEST: usize = 16;
/// More settings than anybody says in variables.
const MOST: usize = 1_000;

/// Lays what the variables say over a configuration; gives the names of those that did.
pub(super) fn lay_over(
    document: &mut Node,
    environment: &BTreeMap<String, String>,
    report: &mut Report<'_>,
) -> BTreeSet<String> {
    let mut laid = BTreeSet::new();
    let place = document.place;
    for (name, value) in environment {
        let lower = name.to_lowercase();
        let Some(way) = lower.strip_prefix(PREFIX).filter(|_| lower != NO_SETTING) else { continue };
        let keys: Vec<&str> = way.split("__").collect();
        if laid.len() == MOST {
            let message = format!("more than {MOST} environment variables begin with `SQLMESH__`");
            report.push(place, Problem::error("invalid-setting", message).help("write settings into the file"));
            break;
        }
        if keys.iter().any(|key| key.is_empty()) || keys.len() > DEEPEST {
            let told: String = name.chars().take(100).collect();
            let problem = Problem::error("invalid-setting", format!("environment variable `{told}` names no setting"));
            let help =
                "write the keys with two underscores between them, such as `SQLMESH__DEFAULT_GATEWAY`, or unset it";
            report.push(place, problem.help(help));
            continue;
        }
        set(document, &keys, value);
        laid.insert(name.clone());
    }
    laid
}

/// Sets one value, which stands in no file; what is no mapping on the way to it becomes one.
fn set(document: &mut Node, keys: &[&str], value: &str) {
    let place = OF_VARIABLE;
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
    *node = Node { place, value: Value::Text(value.to_owned()) };
}
