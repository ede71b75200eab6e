//! A state as an older program would have left it: other fingerprints, and the tables of the schema before this one.

use std::collections::BTreeMap;

use offshoot::hash::Digest;
use serde_json::Value;

/// Takes a state of schema 14 back to schema 8, which had nothing of this.
pub(crate) const SCHEMA_8: &str = "DROP INDEX builds_of_restatements; ALTER TABLE builds DROP COLUMN restatement; DROP TABLE announced; DROP TABLE decisions; DROP TABLE audit_results; DROP TABLE waits; DROP TABLE pointers; DROP TABLE past_pointers; DROP TABLE algorithms; \
     DROP INDEX builds_of_table; DROP INDEX snapshots_at_table; \
     CREATE INDEX builds_of_model ON builds (project, model, started_at); UPDATE state_identity SET schema_version = 8";

/// Other fingerprints than this program makes, wherever the state has some: as an older one would have left them.
fn older(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), &value) {
                    ("data_fingerprint" | "metadata_fingerprint" | "undecided" | "source", Value::String(digest)) => {
                        *value = Digest::of("an older version", digest).to_string().into();
                    }
                    ("algorithm_version" | "algorithm", Value::Number(_)) => *value = 0.into(),
                    _ => older(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(older),
        _ => {}
    }
}

/// The lines of an export as an older program would have written them, in their order.
pub(crate) fn aged(lines: &str) -> String {
    let mut snapshots: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    let mut builds: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
    let mut decisions: BTreeMap<(String, String), Value> = BTreeMap::new();
    let (mut rest, mut last) = (Vec::new(), (String::new(), String::new()));
    for line in lines.lines() {
        let mut value: Value = serde_json::from_str(line).expect("JSON");
        older(&mut value);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (text(&value["key"]["model"]), text(&value["key"]["data_fingerprint"]));
        match value["type"].as_str() {
            Some("snapshot") => {
                last = key;
                snapshots.entry(last.clone()).or_default().push(value);
            }
            Some("load") => snapshots.get_mut(&last).expect("its snapshot").push(value),
            Some("build") => builds.entry(key).or_default().push(value),
            Some("decision") => {
                drop(decisions.insert((text(&value["model"]), text(&value["data_fingerprint"])), value));
            }
            _ => rest.push(value),
        }
    }
    let first = rest.remove(0);
    let end = rest.pop();
    let all = std::iter::once(first).chain(snapshots.into_values().flatten()).chain(builds.into_values().flatten());
    all.chain(rest).chain(decisions.into_values()).chain(end).map(|value| value.to_string() + "\n").collect()
}
