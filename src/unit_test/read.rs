//! From a file to the tests in it, and every problem that it has. A file with a mistake in one test still gives the others.

use std::collections::BTreeMap;

use super::fixture::{self, Role, Sources};
use super::report::Tell as _;
use super::{Input, Named, UnitTest, Vars, vars};
use crate::files::FileTree;
use crate::ids::FilePath;
use crate::problem::Problem;
use crate::project::is_passed_over;
use crate::settings::{Report, parsed_yaml, rendered_file};
use crate::yaml::{Entry, Node, Value};

const KEYS: [&str; 7] = ["model", "description", "gateway", "schema", "inputs", "outputs", "vars"];
const OUTPUTS: [&str; 3] = ["query", "ctes", "partial"];

/// Problems of one file that are told one by one.
const MOST_PROBLEMS: usize = 100;

/// Whether a path is one of SQLMesh's test files: `tests/**/test*.yaml`, or `.yml`.
pub fn is_test_file(path: &FilePath) -> bool {
    let is_passed_over = is_passed_over(path);
    let path = path.as_str();
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    is_yaml && name.starts_with("test") && path.starts_with("tests/") && !is_passed_over
}

/// The tests of a file, in its order. A test with a mistake is left out and told. The variables are those of the environment
/// and those of the configuration.
pub fn read(
    tree: &dyn FileTree,
    path: &FilePath,
    variables: (&BTreeMap<String, String>, &BTreeMap<String, Value>),
    problems: &mut Vec<Problem>,
) -> Vec<UnitTest> {
    let mut found = Vec::new();
    let tests = rendered_file(tree, path, variables, &mut found).and_then(|text| {
        let document = parsed_yaml(path, &text, &mut found)?;
        Some(tests_of(tree, path, (&document, &text), &mut found))
    });
    if let Some(more) = found.len().checked_sub(MOST_PROBLEMS + 1) {
        found.truncate(MOST_PROBLEMS);
        found.push(Problem::more(path, more + 1));
    }
    problems.append(&mut found);
    tests.unwrap_or_default()
}

fn tests_of(
    tree: &dyn FileTree,
    path: &FilePath,
    (document, text): (&Node, &str),
    problems: &mut Vec<Problem>,
) -> Vec<UnitTest> {
    let sources = Sources { tree, text };
    match &document.value {
        Value::Map(entries) => entries.iter().filter_map(|entry| one(entry, path, &sources, problems)).collect(),
        Value::Null => {
            let problem = Problem::warning("empty-test-file", "the file has no test").at(path);
            problems.push(problem.help("write a test, or delete the file"));
            Vec::new()
        }
        _ => {
            let mut report = Report { path, problems };
            report.error(
                document.place,
                format!("a test file is a mapping from names to tests, this is {}", document.describe()),
                "write `test_name:` on the first line, and what it is below, indented",
            );
            Vec::new()
        }
    }
}

/// One test; `None` where it has a mistake that is told.
fn one(entry: &Entry, path: &FilePath, sources: &Sources<'_>, problems: &mut Vec<Problem>) -> Option<UnitTest> {
    let before = problems.len();
    let mut report = Report { path, problems };
    let Entry { key: name, node } = entry;
    if !matches!(node.value, Value::Map(_)) {
        report.expected(name, "a mapping with `model` and `outputs`", node);
        return None;
    }
    for Entry { key, node } in node.entries() {
        if !KEYS.contains(&key.as_str()) {
            report.no_key("a test", key, node.place, &KEYS);
        }
    }
    let Some(model) = node.get("model") else {
        report.error(node.place, format!("test `{name}` has no `model`"), "name the model that it is about");
        return None;
    };
    let model = named("model", model, &mut report);
    let description = node.get("description").and_then(|node| report.text("description", node));
    let gateway = node.get("gateway").and_then(|node| named("gateway", node, &mut report));
    let inputs = node.get("inputs").map(|inputs| sources_of("inputs", inputs, Role::Given, sources, &mut report));
    let outputs = outputs(name, node, sources, &mut report);
    let vars = node.get("vars").map_or_else(Vars::default, |vars| vars::read(vars, &mut report));
    let has_mistake =
        report.problems[before..].iter().any(|problem| problem.severity == crate::problem::Severity::Error);
    let (Some(model), Some((query, ctes)), false) = (model, outputs, has_mistake) else { return None };
    let inputs = inputs.unwrap_or_default();
    let (name, path, place) = (name.clone(), path.clone(), node.place);
    Some(UnitTest { name, path, place, model, description, gateway, inputs, query, ctes, vars })
}

fn named(key: &str, node: &Node, report: &mut Report<'_>) -> Option<Named> {
    report.text(key, node).map(|text| Named { text, place: node.place })
}

fn sources_of(key: &str, node: &Node, role: Role, sources: &Sources<'_>, report: &mut Report<'_>) -> Vec<Input> {
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        report.expected(key, "a mapping from names to rows", node);
    }
    let one = |entry: &Entry| {
        let fixture = fixture::read(entry, role, sources, report)?;
        Some(Input { name: Named { text: entry.key.clone(), place: entry.node.place }, fixture })
    };
    node.entries().iter().filter_map(one).collect()
}

type Outputs = (Option<super::Fixture>, Vec<Input>);

fn outputs(name: &str, test: &Node, sources: &Sources<'_>, report: &mut Report<'_>) -> Option<Outputs> {
    let help = "say what the query must give: `outputs:` with `query:` and rows below, or `ctes:`";
    let Some(outputs) = test.get("outputs").filter(|outputs| outputs.value != Value::Null) else {
        report.error(test.place, format!("test `{name}` has no `outputs`"), help);
        return None;
    };
    if !matches!(outputs.value, Value::Map(_)) {
        report.expected("outputs", "a mapping with `query` or `ctes`", outputs);
        return None;
    }
    for Entry { key, node } in outputs.entries() {
        if !OUTPUTS.contains(&key.as_str()) {
            report.no_key("`outputs`", key, node.place, &OUTPUTS);
        }
    }
    let partial = outputs.get("partial").is_some_and(|node| report.choice("partial", node));
    let role = if partial { Role::ExpectedInPart } else { Role::Expected };
    let ctes = outputs.get("ctes").map(|ctes| sources_of("ctes", ctes, role, sources, report)).unwrap_or_default();
    let given = outputs.entries().iter().find(|entry| entry.key == "query" && entry.node.value != Value::Null);
    let query = given.and_then(|entry| fixture::read(entry, role, sources, report));
    if given.is_none() && ctes.is_empty() {
        report.error(outputs.place, format!("`outputs` of test `{name}` has neither `query` nor `ctes`"), help);
        return None;
    }
    Some((query, ctes))
}
