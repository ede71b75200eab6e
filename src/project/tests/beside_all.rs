//! `before_all` and `after_all`: what is made of them for an environment, and what cannot stand in them.

use super::*;
use crate::project::beside_all::{Shown, beside_all};
use crate::settings::Stage;

fn read(statement: &str) -> Loaded {
    let list = format!("after_all:\n  - >-\n    {statement}\n");
    load_tree(&TextTree::parse(&format!("{CONFIG}{list}")), &ModelCache::new())
}

/// What runs for an environment with two views.
fn expanded(statement: &str, environment: &str) -> Vec<String> {
    let loaded = read(statement);
    assert_eq!(loaded.problems, [], "{statement}");
    let shown = Shown {
        environment: environment.to_owned(),
        schemas: vec!["\"s\"".to_owned()],
        views: vec!["\"s\".\"a\"".to_owned(), "\"s\".\"b\"".to_owned()],
    };
    let Project { settings, gateway, .. } = &loaded.project;
    let expanded = beside_all((settings, gateway.as_deref()), (Stage::After, Dialect::DuckDb), &shown);
    let templates = expanded.expect("no mistake").into_iter().flat_map(|(_, templates)| templates);
    templates.map(|template| template.text().trim().to_owned()).collect()
}

#[test]
fn macros_know_the_environment_and_each_gives_a_statement_for_each_view() {
    assert_eq!(expanded("SELECT @this_env, @gateway, @runtime_stage;", "dev"), ["SELECT 'dev', 'local', 'after_all'"]);
    assert_eq!(expanded("CREATE SCHEMA @{region}_@{this_env}", "dev"), ["CREATE SCHEMA eu_dev"]);
    assert_eq!(
        expanded("@EACH(@views, v -> GRANT SELECT ON @v TO @region)", "dev"),
        ["GRANT SELECT ON \"s\".\"a\" TO 'eu'", "GRANT SELECT ON \"s\".\"b\" TO 'eu'"]
    );
    assert_eq!(
        expanded("@EACH(@schemas, s -> @SQL('GRANT USAGE ON SCHEMA @s TO x'))", "dev"),
        ["GRANT USAGE ON SCHEMA s TO x"]
    );
    let only = "@IF(@this_env = 'prod', GRANT SELECT ON s.a TO x)";
    assert_eq!(expanded(only, "prod"), ["GRANT SELECT ON s.a TO x"]);
    assert_eq!(expanded(only, "dev"), [""; 0]);
}

#[test]
fn what_ends_with_a_session_or_is_no_one_statement_is_refused_where_it_stands() {
    for (statement, told) in [
        ("SET threads = 1", "`SET` cannot stand in `after_all`"),
        ("RESET threads", "`RESET` cannot"),
        ("USE s", "`USE` cannot"),
        ("PRAGMA x", "`PRAGMA` cannot"),
        ("BEGIN", "`BEGIN` cannot"),
        ("ROLLBACK", "`ROLLBACK` cannot"),
        ("/* x */ COMMIT", "`COMMIT` cannot"),
        ("ATTACH 'x.db' AS x", "`ATTACH` cannot"),
        ("CREATE OR REPLACE TEMP TABLE x AS SELECT 1", "`CREATE TEMP` cannot"),
        ("@IF(@this_env = 'prod', COMMIT)", "`COMMIT` cannot"),
        ("@IF(@this_env <> 'prod', COMMIT)", "`COMMIT` cannot"),
        ("SELECT 1; SELECT 2", "one statement is expected in each item of `after_all`, there are 2"),
        ("SELECT '", "cannot be cut into words"),
        ("SELECT @unknown", "`@unknown` is neither"),
        ("SELECT @this_model", "`@this_model` is neither"),
        ("@DEF(x, 1)", "`@DEF` in `after_all`"),
        ("@grant_all()", "there is no macro `@grant_all("),
        ("JINJA_STATEMENT_BEGIN; SELECT 1; JINJA_END;", "has a Jinja block"),
    ] {
        let loaded = read(statement);
        let problem = loaded.problems.first().unwrap_or_else(|| panic!("{statement}: nothing is told"));
        assert!(problem.message.contains(told), "{statement}: {}", problem.message);
        assert_eq!((problem.severity, problem.line), (crate::problem::Severity::Error, Some(4)), "{statement}");
        assert_eq!(problem.path.as_ref().map(FilePath::as_str), Some("config.yaml"));
    }
    let help = read("SET x = 1").problems[0].help.clone().unwrap_or_default();
    assert!(help.contains("pre_statements"), "{help}");
}

#[test]
fn a_macro_in_python_is_called_one() {
    let python = "//- macros/grants.py\n@macro()\ndef grant_all(evaluator):\n    return None\n";
    let files = format!("{CONFIG}after_all:\n  - '@grant_all()'\n{python}");
    let loaded = load_tree(&TextTree::parse(&files), &ModelCache::new());
    let told: Vec<(&str, &str)> =
        loaded.problems.iter().map(|problem| (problem.code, problem.message.as_str())).collect();
    let message = "`@grant_all(…)` is a macro in Python (`macros/grants.py`), which cannot run here";
    assert_eq!(told, [("python-macro", message)]);
}
