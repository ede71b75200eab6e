//! Workflows and actions as YAML, and the scripts in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One step, as far as the tests ask.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) uses: String,
    pub(crate) with: BTreeMap<String, String>,
    pub(crate) shell: String,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) script: String,
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository, parsed.
pub(crate) fn document(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join(path)).expect("a file of the repository");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All workflows that we run or show, as paths below the root.
pub(crate) fn workflows() -> Vec<String> {
    let mut all: Vec<String> =
        [".github/workflows", "examples/workflows"].iter().flat_map(|folder| listed(folder)).collect();
    all.sort();
    assert!(all.len() >= 8, "{all:?}");
    all
}

fn listed(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder of the repository");
    let names = entries.map(|entry| entry.expect("an entry").path().file_name().expect("a name").to_owned());
    names.map(|name| PathBuf::from(folder).join(name).display().to_string()).collect()
}

/// The steps of an action, or of all jobs of a workflow.
pub(crate) fn steps(path: &str) -> Vec<Step> {
    let document = document(path);
    let action = document["runs"]["steps"].as_array().into_iter().flatten();
    let jobs = document["jobs"].as_object().into_iter().flat_map(|jobs| jobs.values());
    let of_jobs: Vec<&Value> = jobs.flat_map(|job| job["steps"].as_array().into_iter().flatten()).collect();
    let steps: Vec<Step> = action.chain(of_jobs).map(step).collect();
    assert!(!steps.is_empty(), "{path} has no steps");
    steps
}

fn step(value: &Value) -> Step {
    let map = |key: &str| {
        let entries = value[key].as_object().into_iter().flatten();
        entries.map(|(name, value)| (name.clone(), text(value))).collect()
    };
    Step {
        name: text(&value["name"]),
        uses: text(&value["uses"]),
        with: map("with"),
        shell: text(&value["shell"]),
        environment: map("env"),
        script: text(&value["run"]),
    }
}

/// A scalar as GitHub reads it; nothing is the empty text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether all of these programs are here. On a person's machine a test may do without; where every commit is checked
/// (`CI` is set) they must be there, or the tests would pass by not looking.
pub(crate) fn tools(names: &[&str]) -> bool {
    let is_here = |name: &&&str| Command::new(name).arg("--help").output().is_ok();
    let missing: Vec<_> = names.iter().filter(|name| !is_here(name)).collect();
    assert!(missing.is_empty() || std::env::var_os("CI").is_none(), "install {missing:?}: tests need them");
    missing.is_empty()
}
