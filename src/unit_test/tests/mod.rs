//! Reading, binding, choosing, comparing and writing, on texts.

mod chance;
mod comparing;
mod naming;
mod reading;

use std::collections::BTreeMap;

use super::*;
use crate::files::TextTree;
use crate::problem::Problem;

const PATH: &str = "tests/test_x.yaml";

fn read_files(files: &str) -> (Vec<UnitTest>, Vec<Problem>) {
    let tree = TextTree::parse(files);
    let mut problems = Vec::new();
    let environment = BTreeMap::from([("ONE".to_owned(), "1".to_owned())]);
    let tests = read(&tree, &FilePath::new(PATH), (&environment, &BTreeMap::new()), &mut problems);
    (tests, problems)
}

fn read_text(text: &str) -> (Vec<UnitTest>, Vec<Problem>) {
    read_files(&format!(
        "//- {PATH}\n{text}\n//- data/rows.csv\nid,name\n1,a\n2,\n//- data/rows.yaml\nrows:\n- id: 7\n"
    ))
}

/// The one test of a text without problems.
fn one(text: &str) -> UnitTest {
    let (mut tests, problems) = read_text(text);
    assert!(problems.is_empty(), "{problems:?}");
    tests.pop().expect("a test")
}

/// The rows of the first input.
fn rows(fixture: &str) -> Rows {
    let test = one(&format!("t:\n  model: a.b\n  inputs:\n    a.x:{fixture}\n  outputs:\n    query: []\n"));
    match &test.inputs[0].fixture.content {
        Content::Rows(rows) => rows.clone(),
        Content::Query(query) => panic!("a query: {query}"),
    }
}

fn told(text: &str) -> Vec<String> {
    let place = |problem: &Problem| {
        format!("{}:{} {}", problem.line.unwrap_or_default(), problem.column.unwrap_or_default(), problem.message)
    };
    read_text(text).1.iter().map(place).collect()
}
