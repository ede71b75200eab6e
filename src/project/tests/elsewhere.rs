//! Models in SQL that cannot run here: tables that something else fills.

use super::*;
use crate::problem::Severity;

const MACROS: &str = "//- macros/sub/own.py
from sqlmesh import macro, SQL as sql_text
from company.macros import (
    shared,
    more as more_of_it,
)
NAME = '''
@macro()
def in_a_text(evaluator): ...
'''

@macro()
def add_one(evaluator, column: int):
    return f'{column} + 1'

@macro('Renamed',)
@cached
def other(evaluator):
    return None

@macro(name='by_key')
def another(evaluator): ...
from sqlglot import exp
import macros_of_nobody

def no_macro(): ...
";

fn with(text: &str) -> Loaded {
    loaded(&format!("{MACROS}//- models/a.sql\n{text}\n"))
}

/// What a table is, and the problems that were told as `code severity line:column`.
fn table(loaded: &Loaded) -> (String, Vec<String>) {
    let column = |column: &crate::model::DeclaredColumn| {
        format!("{} {}", column.name, column.data_type.as_deref().unwrap_or("?"))
    };
    let table = |model: &Arc<Model>| {
        assert_eq!((&model.kind, model.query.is_none()), (&Kind::External, true));
        let columns: Vec<String> = model.properties.columns.iter().map(column).collect();
        format!("{}({})", model.name, columns.join(", "))
    };
    let told = loaded.problems.iter().map(|problem| {
        let (line, column) = (problem.line.unwrap_or(0), problem.column.unwrap_or(0));
        format!("{} {:?} {line}:{column}", problem.code, problem.severity)
    });
    let tables: Vec<String> = loaded.project.models.values().map(table).collect();
    (tables.join(" "), told.collect())
}

#[test]
fn a_model_that_needs_python_or_another_gateway_is_a_table_that_something_else_fills() {
    for (text, is, told) in [
        (
            "MODEL (name s.a, kind FULL, columns (y int));\nSELECT @add_one(x) AS y",
            "s.a(y int)",
            "python-macro Warning 2:8",
        ),
        ("MODEL (name s.a);\nSELECT @IF(TRUE, @Renamed(), 1) AS y", "s.a()", "python-macro Warning 2:18"),
        ("MODEL (name s.a);\n@shared(1, 'x')", "s.a()", "python-macro Warning 2:1"),
        ("MODEL (name s.a, kind FULL);\n@more();\nSELECT 1 AS x", "s.a()", "python-macro Warning 2:1"),
        (
            "MODEL (name s.a, kind FULL);\nSELECT 1 AS x;\nON_VIRTUAL_UPDATE_BEGIN;\n@add_one(1);\nON_VIRTUAL_UPDATE_END;",
            "s.a()",
            "python-macro Warning 4:1",
        ),
        (
            "MODEL (name s.a, kind FULL, partitioned_by @add_one(1));\nSELECT 1 AS x",
            "s.a()",
            "python-macro Warning 1:44",
        ),
        (
            "MODEL (name s.a, kind CUSTOM (materialization 'mine'));\nSELECT 1 AS x",
            "s.a()",
            "unsupported-kind Warning 1:23",
        ),
        ("MODEL (name s.a, kind MANAGED);\nSELECT 1 AS x", "s.a()", "unsupported-kind Warning 1:23"),
        ("MODEL (name s.a, kind EXTERNAL, columns (y int))", "s.a(y int)", "unsupported-kind Warning 1:23"),
        (
            "MODEL (name s.a, gateway Elsewhere, columns (y int));\nSELECT 1 AS y",
            "s.a(y int)",
            "other-gateway Warning 1:26",
        ),
    ] {
        assert_eq!(table(&with(text)), (is.to_owned(), vec![told.to_owned()]), "{text}");
    }
    let own = with("MODEL (name s.a, kind FULL, gateway LOCAL);\nSELECT 1 AS x");
    assert_eq!(model(&own).kind, Kind::Full);
}

#[test]
fn each_macro_is_told_once_and_both_blueprints_are_tables() {
    let text = "MODEL (name s.@n, blueprints ((n := a), (n := b)));\nSELECT @add_one(x) AS x, @add_one(y) AS y, @shared() AS z";
    let loaded = with(text);
    assert_eq!(loaded.project.models.len(), 2);
    let places: Vec<_> = loaded.problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(places, [(Some(2), Some(8)), (Some(2), Some(8)), (Some(2), Some(44)), (Some(2), Some(44))]);
    insta::assert_snapshot!(loaded.problems[0].message, @"`@add_one(…)` is a macro in Python (`macros/sub/own.py`), which cannot run here: the table of `s.a` is read where production has it");
    let sources: Vec<&Option<String>> = loaded.project.models.values().map(|model| &model.properties.stamp).collect();
    assert_ne!(sources[0], sources[1]);
}

/// Where it is wrong besides, where no environment shows it, or where nothing in Python has the name.
#[test]
fn what_is_no_such_table_stays_an_error() {
    for (text, codes_told) in [
        ("MODEL (name s.a, kind EMBEDDED);\nSELECT @add_one(x) AS y", vec!["python-macro"]),
        ("MODEL (kind FULL);\nSELECT @add_one(x) AS y", vec!["missing-name", "python-macro"]),
        (
            "MODEL (name s.a, kind FULL, crn '@daily');\nSELECT @add_one(x) AS y",
            vec!["unknown-property", "python-macro"],
        ),
        ("MODEL (name s.a);\nSELECT @add_one(x) AS y, @nothing(x) AS z", vec!["python-macro", "unknown-macro"]),
        ("MODEL (name s.a);\nSELECT @no_macro(x) AS y", vec!["unknown-macro"]),
        ("MODEL (name s.a);\nSELECT @in_a_text(x) AS y", vec!["unknown-macro"]),
        ("MODEL (name s.a);\nSELECT @other(x) AS y", vec!["unknown-macro"]),
        ("MODEL (name s.a);\nSELECT @add_one AS y", vec!["unknown-macro"]),
        (
            "MODEL (name s.a);\nSELECT @exp(1) AS y, @another(1) AS z, @macros_of_nobody(1) AS q",
            vec!["unknown-macro"; 3],
        ),
        ("MODEL (name s.a, kind @by_key(EMBEDDED));\nSELECT 1 AS y", vec!["python-macro"]),
    ] {
        let loaded = with(text);
        assert_eq!(codes(&loaded), codes_told, "{text}");
        assert!(loaded.problems.iter().any(|problem| problem.severity == Severity::Error), "{text}");
        assert_eq!(loaded.project.models.values().filter(|model| model.kind == Kind::External).count(), 0, "{text}");
    }
}

#[test]
fn its_readers_move_with_its_text_and_with_every_macro_in_python() {
    let stamp =
        |loaded: &Loaded| loaded.project.models.values().next().and_then(|model| model.properties.stamp.clone());
    let text = "MODEL (name s.a);\nSELECT @add_one(x) AS y";
    let one = stamp(&with(text));
    assert!(one.is_some());
    assert_eq!(one, stamp(&with(text)));
    assert_ne!(one, stamp(&with(&text.replace("(x)", "(z)"))));
    assert_ne!(one, stamp(&loaded(&format!("{}//- models/a.sql\n{text}\n", MACROS.replace("+ 1", "+ 2")))));
    let with_rate = |rate: &str| {
        let config = CONFIG.replace("region: eu", &format!("region: eu, rate: {rate}"));
        let text = text.replace("(x)", "(x, @rate)");
        let tree = TextTree::parse(&format!("{config}{MACROS}//- models/a.sql\n{text}\n"));
        stamp(&load_tree(&tree, &ModelCache::new()))
    };
    assert_eq!(with_rate("2"), with_rate("2"));
    assert_ne!(with_rate("2"), with_rate("3"));
    assert_ne!(one, stamp(&loaded(&format!("{MACROS}//- macros/z.py\nONE = 1\n//- models/a.sql\n{text}\n"))));
}

/// A mistake of the configuration is one of all models, and hands none of them over.
#[test]
fn what_the_configuration_calls_stays_an_error() {
    let config = "//- config.yaml\nmodel_defaults: {dialect: duckdb, post_statements: ['@add_one(1)']}\n";
    let text = format!("{config}{MACROS}//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x\n");
    let loaded = load_tree(&TextTree::parse(&text), &ModelCache::new());
    assert!(crate::problem::has_errors(&loaded.problems), "{}", told(&loaded));
    assert!(loaded.project.models.values().all(|model| model.kind != Kind::External));
}

/// What says nothing of the rows is left out, and an audit is none of what may be.
#[test]
fn texts_in_python_are_left_out_and_audits_are_not() {
    for property in
        ["owner @add_one(1)", "description @add_one(1)", "tags @add_one(1)", "column_descriptions (x = @add_one(1))"]
    {
        let loaded = with(&format!("MODEL (name s.a, kind FULL, {property});\nSELECT 1 AS x"));
        assert_eq!(codes(&loaded), ["python-macro"], "{property}");
        assert!(!crate::problem::has_errors(&loaded.problems), "{}", told(&loaded));
        assert!(loaded.project.models.values().all(|model| model.kind == Kind::Full), "{property}");
    }
    let loaded = with("MODEL (name s.a, kind FULL, audits (not_null(columns := @add_one(1))));\nSELECT 1 AS x");
    assert!(crate::problem::has_errors(&loaded.problems), "{}", told(&loaded));
    assert!(loaded.project.models.values().all(|model| model.kind == Kind::Full));
}
