//! Loading projects from texts: what is read, and every problem that is told.

mod audits;
mod beside_all;
mod blueprint;
mod columns;
mod csv;
mod default_statements;
mod elsewhere;
mod forms;
mod header;
mod jinja;
mod kinds;
mod python;
mod tree;

use super::loader::MAX_FILE_PROBLEMS;
use super::*;
use crate::files::TextTree;
use crate::model::Kind;

const CONFIG: &str = "//- config.yaml
gateways: {local: {connection: {type: duckdb, database: db}}}
model_defaults: {dialect: duckdb, start: 2026-01-01, owner: data team}
variables: {region: eu, schema_name: raw}
";

fn loaded(fixture: &str) -> Loaded {
    load_tree(&TextTree::parse(&format!("{CONFIG}{fixture}")), &ModelCache::new())
}

fn load_tree(tree: &dyn FileTree, cache: &ModelCache) -> Loaded {
    load(tree, &Surroundings { environment: &BTreeMap::new(), gateway: None, cache, shelf: None })
}

/// One model in `models/a.sql`.
fn file(text: &str) -> Loaded {
    loaded(&format!("//- models/a.sql\n{text}\n"))
}

/// One model with these properties beside its name.
fn with(properties: &str) -> Loaded {
    file(&format!("MODEL (name s.a, {properties});\nSELECT 1 AS x"))
}

fn codes(loaded: &Loaded) -> Vec<&str> {
    loaded.problems.iter().map(|problem| problem.code).collect()
}

fn model(loaded: &Loaded) -> &Model {
    assert_eq!(loaded.problems, []);
    loaded.project.models.values().next().expect("a model")
}

/// Code, severity, place, message and help of every problem, one a line.
fn told(loaded: &Loaded) -> String {
    let line = |problem: &Problem| {
        let path = problem.path.as_ref().map_or("-", FilePath::as_str);
        let place =
            problem.line.zip(problem.column).map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        let help = problem.help.as_deref().unwrap_or("-");
        format!("{:?} {} {path}{place}: {} ({help})", problem.severity, problem.code, problem.message)
    };
    loaded.problems.iter().map(line).collect::<Vec<_>>().join("\n")
}
