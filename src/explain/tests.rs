//! The promise: a model whose fingerprint moved has at least one named input that differs, one that did not has none.

use super::*;
use crate::fingerprint::Tree;
use crate::fingerprint::tests::tree;

/// What must be true of the explanation of every model of two trees, whatever they are.
#[track_caller]
pub(crate) fn check(before: &Tree, after: &Tree) {
    let no_text = |_: &FilePath| None;
    let trees = Compared { before, after, old_text: &no_text, new_text: &no_text };
    for name in before.fingerprints.keys().chain(after.fingerprints.keys()) {
        check_one(&trees, name);
    }
}

#[track_caller]
fn check_one(trees: &Compared<'_>, name: &ModelName) {
    let explanation = explain(trees, name);
    let data = |tree: &Tree| tree.fingerprints.get(name).map(|found| found.data);
    let (Some(old), Some(new)) = (data(trees.before), data(trees.after)) else {
        assert!(explanation.moved.is_empty() && explanation.change.is_some(), "{name}");
        return;
    };
    assert_eq!(old != new, !explanation.moved.is_empty(), "{name} moved, or it did not");
    assert_eq!(explanation.own > 0, old != new, "{name}");
    let known: Vec<&Node> = explanation.moved.iter().map(|moved| &moved.node).collect();
    let mut roots = 0;
    for moved in &explanation.moved {
        let shown = format!("{name}, {:?}: {:#?}", moved.node, moved.inputs);
        assert!(!moved.inputs.is_empty(), "{shown}");
        // The name that a column is shown under is no part of its own hash.
        let is_spelling = moved.inputs.iter().any(|input| matches!(input, Input::ColumnSpelling(_)));
        assert!(moved.hash.differ() || is_spelling, "{shown}\n{:?}", moved.hash);
        for input in &moved.inputs {
            assert!(names_a_difference(input), "{shown}");
            match input {
                Input::Moved(node) => assert!(known.contains(&node), "{shown}"),
                Input::DrawnAgain | Input::GoesOn => {}
                _ => roots += 1,
            }
        }
    }
    assert!(old == new || roots > 0, "{name} moved for no reason that is told: {:#?}", explanation.moved);
}

fn names_a_difference(input: &Input) -> bool {
    match input {
        Input::Clause(clause) => clause.text.differ() || !clause.pieces.is_empty(),
        Input::Column { expression, .. } => expression.old.is_some() != expression.new.is_some(),
        Input::ColumnSpelling(sides) => sides.differ(),
        Input::ColumnOrder(sides) => sides.differ(),
        Input::Kind(sides) | Input::Owner(sides) => sides.differ(),
        Input::Property { value, .. } | Input::Context { value, .. } => value.differ(),
        Input::Statement { text, .. } => text.differ(),
        Input::Function { made_by, .. } => made_by.differ(),
        Input::File { blob, .. } => blob.differ(),
        Input::Writes(sides) => sides.differ(),
        Input::SeedRows(sides) => sides.differ(),
        Input::Tokens(sides) => sides.differ(),
        Input::Opacity(sides) => sides.differ(),
        Input::SeedCells { .. } | Input::DrawnAgain | Input::GoesOn | Input::Moved(_) => true,
        // Every input has a name: a new one must get one here, too.
        Input::Hash { .. } => false,
    }
}

/// One model over declared tables, for pairs of queries.
pub(crate) fn model_of(sql: &str) -> Tree {
    tree(&format!(
        "//- external_models.yaml\n- name: t\n  columns: {{id: int, pid: int, x: int, d1: int, d2: int, g: text, ds: date}}\n\
         - name: u\n  columns: {{id: int, x: int, y: int, ds: date}}\n- name: j2\n  columns: {{k: int, z: int}}\n\
         //- models/m.sql\nMODEL (name s.m, kind FULL);\n{sql}"
    ))
}

#[test]
fn a_name_in_another_case_is_told_as_that_and_not_as_another_column() {
    let with = |name: &str| {
        tree(&format!(
            "//- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT 1 AS {name}, 2 AS b\n\
             //- models/r.sql\nMODEL (name s.r, kind FULL);\nSELECT day FROM s.m"
        ))
    };
    let (before, after) = (with("day"), with("Day"));
    check(&before, &after);
    let no_text = |_: &FilePath| None;
    let trees = Compared { before: &before, after: &after, old_text: &no_text, new_text: &no_text };
    let explanation = explain(&trees, &ModelName::parse("s.r").expect("a name"));
    let spelling = Input::ColumnSpelling(Sides::both("day".into(), "Day".into()));
    assert!(explanation.moved.iter().all(|moved| moved.inputs.contains(&spelling)), "{:#?}", explanation.moved);
    assert_eq!(explanation.moved.len(), 2, "the column, and its parent's");
}
