//! The CTEs, tests and models that names mean.

use std::sync::Arc;

use super::*;

#[test]
fn ctes_are_found_in_the_text() {
    let sql = "WITH recursive a AS (SELECT ')' AS x ORDER BY 1), \"B c\" (y, z) AS NOT MATERIALIZED (SELECT (1), [2]) SELECT * FROM a ORDER BY x";
    let clause = with_clause(sql).expect("a clause");
    assert_eq!(&sql[clause.end..], "SELECT * FROM a ORDER BY x");
    let names: Vec<&str> = clause.ctes.iter().map(|cte| cte.name.as_str()).collect();
    assert_eq!(names, ["a", "B c"]);
    assert_eq!(clause.ctes.iter().map(|cte| is_ordered(&sql[cte.body.clone()])).collect::<Vec<_>>(), [true, false]);
    assert!(is_ordered(sql));
    assert!(!is_ordered("SELECT sum(x) OVER (ORDER BY y), [z FOR z IN (SELECT 1 ORDER BY 1)] FROM t"));
    for text in [
        "",
        "SELECT 1",
        "WITH",
        "WITH a",
        "WITH a AS",
        "WITH a AS (",
        "WITH a AS (SELECT 1)",
        "WITH a AS (SELECT 1),",
        "FROM (WITH a AS (SELECT 1) FROM a)",
        "WITH 'x",
    ] {
        assert_eq!(with_clause(text), None, "{text}");
    }
}

#[test]
fn tests_are_chosen_by_file_folder_name_model_and_pattern() {
    let text = "one:\n  model: a.b\n  outputs: {query: []}\ntwo:\n  model: a.c\n  outputs: {query: []}\n";
    let (tests, _) = read_text(text);
    let model = |test: &UnitTest| Some(FilePath::new(format!("models/{}.sql", test.model.text)));
    let chosen = |selectors: &[&str], patterns: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let choice = Choice { selectors: texts(selectors), patterns: texts(patterns) };
        choose(&tests, &choice, &model).map(|tests| tests.iter().map(|test| test.name.clone()).collect::<Vec<_>>())
    };
    assert_eq!(chosen(&[], &[]), Ok(vec!["one".into(), "two".into()]));
    assert_eq!(chosen(&["tests/test_x.yaml::two", "tests"], &["wo"]), Ok(vec!["two".into()]));
    assert_eq!(chosen(&["models/a.b.sql"], &[]), Ok(vec!["one".into()]));
    assert_eq!(chosen(&["tests/test_x.yaml"], &["*::o?e"]), Ok(vec!["one".into()]));
    assert_eq!(chosen(&[], &["o*"]), Ok(vec![]), "a pattern is for the whole name");
    assert_eq!(chosen(&["tests/test_x.yaml::three"], &[]), Err("tests/test_x.yaml::three".into()));
    assert_eq!(chosen(&["tes"], &[]), Err("tes".into()));
}

#[test]
fn names_are_bound_to_models() {
    let files = TextTree::parse(
        "//- config.yaml\nmodel_defaults: {dialect: duckdb}\n//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT x.id FROM s.x, s.a\n\
         //- models/broken.sql\nMODEL (name s.broken, kind SEED (path 'none.csv'));\n//- external_models.yaml\n- name: s.x\n  columns: {id: INT}\n",
    );
    let (environment, cache) = (BTreeMap::new(), crate::project::ModelCache::default());
    let surroundings =
        crate::project::Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None };
    let project = crate::project::load(&files, &surroundings).project;
    let known = Known { models: &project.models, broken: &project.broken, dialect: crate::sql::Dialect::DuckDb };
    let bound = |model: &str, inputs: &str| {
        let test = one(&format!("t:\n  model: {model}\n  inputs: {inputs}\n  outputs: {{query: []}}\n"));
        let bound = bind(&test, &known).map(|bound| (Arc::clone(&bound.model), bound.inputs));
        bound
            .map(|(model, inputs)| (model.name.to_string(), inputs.keys().map(ToString::to_string).collect::<Vec<_>>()))
            .map_err(|problems| {
                problems
                    .into_iter()
                    .map(|problem| format!("{} {:?}", problem.message, problem.help))
                    .collect::<Vec<_>>()
            })
    };
    let found = Ok(("s.a".to_owned(), vec!["s.a".to_owned(), "s.x".to_owned()]));
    assert_eq!(bound("S.a", "{s.X: []}"), found);
    assert_eq!(bound("'\"db\".\"s\".\"a\"'", "{'\"db\".\"s\".\"x\"': []}"), found, "as SQLMesh writes names");
    let wrong = [
        ("s.b", "{}"),
        ("s.broken", "{}"),
        ("s.x", "{}"),
        ("s.a", "{s.y: []}"),
        ("a b", "{}"),
        ("s.a", "{s.x: [], S.X: []}"),
    ];
    let all: Vec<String> =
        wrong.iter().flat_map(|(model, inputs)| bound(model, inputs).expect_err("a problem")).collect();
    insta::assert_snapshot!(all.join("\n"));
}
