//! Reading, binding, choosing and comparing, on texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::files::TextTree;
use crate::problem::{Problem, Severity};

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

#[test]
fn test_files_are_those_of_sqlmesh() {
    let is_one = |path: &str| is_test_file(&FilePath::new(path));
    assert!(is_one("tests/test_a.yaml") && is_one("tests/deep/er/testing.yml") && is_one("tests/test.yaml"));
    assert!(!is_one("tests/a_test.yaml") && !is_one("test_a.yaml") && !is_one("tests/test_a.json"));
    assert!(!is_one("models/tests/test_a.yaml") && !is_one("tests/.hidden/test_a.yaml"));
}

#[test]
fn every_key_of_a_test_is_read() {
    let test = one(
        "t:\n  model: a.b\n  description: what it shows\n  gateway: g\n  schema: s\n  inputs:\n    a.x:\n      rows:\n      - Id: 1\n        day: 2026-01-02\n      \
         - id: {{ env_var('ONE') }}\n        text: '2026-01-02'\n      columns: {Id: BIGINT}\n  outputs:\n    partial: true\n    query:\n    - id: 1\n    ctes:\n      c:\n        rows: []\n  \
         vars:\n    start: 2026-01-01\n    end: 2026-01-02\n    execution_time: 2026-01-03 10:00:00\n    start_ds: x\n    Limit: 3\n",
    );
    let place = |line, column| Place { line, column };
    assert_eq!((test.name.as_str(), test.place, test.model.place), ("t", place(1, 1), place(2, 3)));
    assert_eq!(
        (test.description.as_deref(), test.gateway.map(|name| name.text)),
        (Some("what it shows"), Some("g".into()))
    );
    let Content::Rows(rows) = &test.inputs[0].fixture.content else { panic!("rows") };
    let names: Vec<&str> = rows.columns.iter().map(|column| column.text.as_str()).collect();
    assert_eq!(names, ["id", "day", "text"]);
    let day = || "2026-01-02".to_owned();
    assert_eq!(rows.rows[0].cells, [Cell::Number("1".into()), Cell::Day(day()), Cell::Null]);
    assert_eq!(rows.rows[1].cells, [Cell::Number("1".into()), Cell::Null, Cell::Text(day())]);
    assert_eq!(test.inputs[0].fixture.columns, BTreeMap::from([("id".to_owned(), "BIGINT".to_owned())]));
    assert_eq!(test.query.map(|query| query.compared), Some(Compared::Named));
    assert_eq!((test.ctes[0].name.text.as_str(), test.ctes[0].fixture.compared), ("c", Compared::Named));
    assert_eq!(test.vars.times.len(), 1);
    assert_eq!(test.vars.variables.keys().collect::<Vec<_>>(), ["limit"]);
}

#[test]
fn rows_have_several_forms() {
    let cells = |rows: Rows| rows.rows.into_iter().map(|row| row.cells).collect::<Vec<_>>();
    let untyped = |text: &str| Cell::Untyped(text.into());
    let csv = [vec![untyped("1"), untyped("a")], vec![untyped("2"), Cell::Null]];
    assert_eq!(cells(rows("\n      format: csv\n      path: data/rows.csv")), csv);
    assert_eq!(cells(rows("\n      format: csv\n      rows: |\n        id,name\n        1,a\n        2,")), csv);
    let settings = "\n      format: csv\n      csv_settings: {sep: ';', na_values: [x]}\n      rows: |\n        id;name\n        1;a\n        2;x";
    assert_eq!(cells(rows(settings)), csv);
    assert_eq!(cells(rows("\n      path: data/rows.yaml")), [[Cell::Number("7".into())]]);
    assert_eq!(cells(rows("\n      format: yaml\n      rows: [{id: 7}]")), [[Cell::Number("7".into())]]);
    assert_eq!(cells(rows(" []")), Vec::<Vec<Cell>>::new());
    let nested = rows("\n    - tags: [a, 'b c']\n      map: {z: 1.5, a: ~, e: \"q\\\"\"}");
    assert_eq!(nested.rows[0].cells[0].json().as_deref(), Some(r#"["a", "b c"]"#));
    assert_eq!(nested.rows[0].cells[1].json().as_deref(), Some(r#"{"z": 1.5, "a": null, "e": "q\""}"#));
}

#[test]
fn mistakes_are_told_together_with_their_places() {
    let text = "one:\n  model: a.b\n  imputs: {}\n  outputs:\n    query:\n      rows: 3\n  vars: 1\n\
                two:\n  outputs: {}\nthree: 1\nfour:\n  model: a.b\n  outputs:\n    query: {}\n    qery: []\n\
                five:\n  model: a.b\n  inputs:\n    a.x:\n      format: parquet\n    a.y:\n      path: data/row.csv\n      format: csv\n    a.z:\n    - 1\n    - id: 1\n      ID: 2\n  \
                outputs:\n    query: {query: SELECT 1, rows: []}\n";
    insta::assert_snapshot!(told(text).join("\n"));
    let (tests, _) = read_text(&format!("{text}six:\n  model: a.b\n  outputs: {{query: []}}\n"));
    assert_eq!(tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>(), ["six"], "a sound test is still there");
}

#[test]
fn what_is_no_test_file_is_told() {
    assert_eq!(told("- a\n"), ["1:1 a test file is a mapping from names to tests, this is a list"]);
    assert_eq!(told("# nothing\n"), ["0:0 the file has no test"]);
    assert!(told("a: [1\n")[0].starts_with("3:1"), "{:?}", told("a: [1\n"));
    assert!(told("t: !x 1\n")[0].contains("tags"));
    assert_eq!(told("t: {{ env_var('TWO') }}\n"), ["1:4 the file needs environment variable `TWO`"]);
    assert!(told("t: {{ user() }}\n")[0].contains("Jinja"));
    assert!(told(&"[".repeat(10_000))[0].contains("recursion limit"), "{:?}", told(&"[".repeat(10_000)));
    let many: String = (0..300).map(|number| format!("t{number}: 1\n")).collect();
    assert_eq!(told(&many).len(), 101);
}

#[test]
fn sql_in_a_test_is_one_query_or_one_type() {
    let text = |rows: &str| format!("t:\n  model: a.b\n  inputs: {{a.x: {rows}}}\n  outputs: {{query: []}}\n");
    for query in [
        "SELECT 1) AS q; DROP TABLE x; SELECT (1",
        "SELECT 1; SELECT 2",
        "SELECT 'open",
        "SELECT (1",
        "SELECT 1 /* open",
    ] {
        let told = told(&text(&format!("{{query: \"{query}\"}}")));
        assert!(told.len() == 1 && told[0].ends_with("what stands for `a.x` is not one query"), "{query}: {told:?}");
    }
    for data_type in ["INT); DROP TABLE x; --", "INT)", "'", "(INT"] {
        let told = told(&text(&format!("{{rows: [], columns: {{a: \"{data_type}\"}}}}")));
        assert!(told.len() == 1 && told[0].ends_with("what stands for `a` is no type"), "{data_type}: {told:?}");
    }
    let sound = text("{query: \"SELECT ')' AS a, (1) ; \", columns: {a: \"STRUCT(\\\"b (c\\\" ENUM('x', 'y'))[]\"}}");
    assert_eq!(told(&sound), Vec::<String>::new());
}

#[test]
fn quotes_are_found_in_lines_of_every_kind() {
    let cell = |rows: &str| self::rows(rows).rows.last().expect("a row").cells.last().cloned().expect("a cell");
    let (day, text) = (Cell::Day("2026-01-31".into()), Cell::Text("2026-01-31".into()));
    assert_eq!(cell(" [{\"größe: \\\"x\": 1, 'd': 2026-01-31}]"), day);
    assert_eq!(cell(" [{\"größe\": 1, 'd' : '2026-01-31'}]"), text);
    assert_eq!(cell("\n    - d: |-\n        2026-01-31"), text);
    assert_eq!(cell(&format!(" [{{long: {}, d: \"2026-01-31\"}}]", "x".repeat(5_000))), text);
    assert_eq!(cell(&format!(" [{{long: {}, d: 2026-01-31}}]", "ö".repeat(5_000))), day);
}

#[test]
fn large_and_odd_rows_are_read_in_time() {
    let wide: String = (0..20_000).map(|number| format!("{{ö{number}: 2026-01-31}}, ")).collect();
    let told = told(&format!("t:\n  model: a.b\n  outputs: {{query: [{wide}]}}\n"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("the rows have too many columns"), "{told:?}");
    let long: String = (0..20_000).map(|_| "{a: '2026-01-31', b: ö}, ").collect();
    assert_eq!(rows(&format!(" [{long}]")).rows.len(), 20_000);
}

#[test]
fn keys_without_a_meaning_are_warned_of() {
    let text = "t:\n  model: a.b\n  inputs: {a.x: {rows: [], partial: true}}\n  outputs: {query: {rows: [], columns: {a: INT}}}\n";
    let (tests, problems) = read_text(text);
    assert_eq!((tests.len(), problems.len()), (1, 2));
    assert!(problems.iter().all(|problem| problem.severity == Severity::Warning));
}

#[test]
fn types_come_from_all_values() {
    let of = |texts: &[&str]| {
        let rows: String = texts.iter().map(|text| format!("\n    - c: {text}")).collect();
        let rows = self::rows(&rows);
        inferred_type(rows.rows.iter().map(|row| &row.cells[0]))
    };
    let expect = |texts: &[&str], expected: &str| assert_eq!(of(texts).as_deref(), Some(expected), "{texts:?}");
    expect(&["1", "~"], "INTEGER");
    expect(&["1", "3000000000"], "BIGINT");
    expect(&["1", "99999999999999999999"], "HUGEINT");
    expect(&["1", "1.5"], "DOUBLE");
    expect(&["true"], "BOOLEAN");
    expect(&["2026-01-01"], "DATE");
    expect(&["'2026-01-01'"], "VARCHAR");
    expect(&["2026-01-01", "2026-01-01 10:00:00"], "TIMESTAMP");
    expect(&["2026-01-01T10:00:00Z", "2026-01-01"], "TIMESTAMP WITH TIME ZONE");
    expect(&["1", "a"], "VARCHAR");
    expect(&["[1, 2.5]", "[]"], "DOUBLE[]");
    expect(&["[]"], "VARCHAR[]");
    expect(&["{a: 1, \"b\\\"c\": x}", "{a: 1.5}"], "STRUCT(\"a\" DOUBLE, \"b\"\"c\" VARCHAR)");
    assert_eq!(of(&["~", "null"]), None);
}

#[test]
fn moments_are_those_of_sqlmesh() {
    let times = |vars: &str| {
        let test = one(&format!("t:\n  model: a\n  vars: {{{vars}}}\n  outputs: {{query: []}}\n"));
        test.times(crate::time::Timestamp(0)).map_err(|problem| problem.message)
    };
    let at = |text: &str| crate::time::Timestamp::parse(text).expect("a moment");
    let plain = times("").expect("times");
    assert_eq!(
        (plain.interval.start, plain.interval.end, plain.execution),
        (at("1970-01-01"), at("1970-01-02"), at("1970-01-01"))
    );
    let given = times("start: 2026-01-01, end: 2026-01-02, execution_time: '2026-01-03 04:05:06'").expect("times");
    assert_eq!((given.interval.start, given.interval.end), (at("2026-01-01"), at("2026-01-03")));
    assert_eq!(given.execution, at("2026-01-03 04:05:06"));
    assert_eq!(
        times("start: 2026-01-02, end: 2026-01-01").expect_err("a problem"),
        "`end` 2026-01-01 is before `start`"
    );
    assert_eq!(times("start: soon").expect_err("a problem"), "`soon` is no moment");
}

fn differences(kinds: &[Closeness], expected: &[&[&str]], actual: &[&[&str]], order: RowOrder) -> Vec<Difference> {
    let value = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
    let wanted = |text: &&str| match text.strip_prefix('!') {
        Some(text) => Expected::Misfit(text.to_owned()),
        None => Expected::Value(value(text)),
    };
    let expected: Vec<Vec<Expected>> = expected.iter().map(|row| row.iter().map(wanted).collect()).collect();
    let actual: Vec<Vec<Option<String>>> = actual.iter().map(|row| row.iter().map(value).collect()).collect();
    compare(kinds, &expected, &actual, order)
}

#[test]
fn rows_are_a_multiset_unless_they_are_ordered() {
    use Closeness::Exact;
    let (one, two): (&[&str], &[&str]) = (&["1", "a"], &["2", "NULL"]);
    let any = |expected: &[&[&str]], actual: &[&[&str]]| differences(&[Exact; 2], expected, actual, RowOrder::Any);
    assert_eq!(any(&[one, two], &[two, one]), []);
    assert_eq!(any(&[one, one, two], &[two, one]), [Difference::Missing(1)]);
    assert_eq!(any(&[one], &[one, one]), [Difference::Unexpected(1)]);
    assert_eq!(
        any(&[&["1", "NULL"]], &[&["1", "a"]]),
        [Difference::Changed { expected: 0, actual: 0, columns: vec![1] }]
    );
    assert_eq!(any(&[], &[]), []);
    let ordered = differences(&[Exact; 2], &[one, two], &[two, one], RowOrder::Given);
    assert_eq!(ordered.len(), 2);
    assert_eq!(differences(&[Exact; 2], &[one, two], &[one], RowOrder::Given), [Difference::Missing(1)]);
}

#[test]
fn rows_without_columns_are_counted() {
    let none: &[&str] = &[];
    assert_eq!(differences(&[], &[none], &[none], RowOrder::Any), []);
    assert_eq!(differences(&[], &[], &[none], RowOrder::Any), [Difference::Unexpected(0)]);
}

#[test]
fn the_most_alike_rows_are_put_together() {
    let kinds = [Closeness::Exact; 3];
    let expected: &[&[&str]] = &[&["1", "a", "x"], &["2", "b", "y"], &["3", "c", "z"]];
    let actual: &[&[&str]] = &[&["2", "b", "n"], &["9", "q", "r"], &["1", "a", "m"]];
    assert_eq!(
        differences(&kinds, expected, actual, RowOrder::Any),
        [
            Difference::Changed { expected: 0, actual: 2, columns: vec![2] },
            Difference::Changed { expected: 1, actual: 0, columns: vec![2] },
            Difference::Missing(2),
            Difference::Unexpected(1),
        ]
    );
}

#[test]
fn binary_fractions_are_near_and_nothing_else_is() {
    let same = |kind, one: &str, other: &str| differences(&[kind], &[&[one]], &[&[other]], RowOrder::Any).is_empty();
    assert!(same(Closeness::Approximate, "0.333333", "0.3333333333333333"));
    assert!(!same(Closeness::Approximate, "0.333", "0.3333333333333333"));
    assert!(!same(Closeness::Exact, "0.333333", "0.3333333333333333"));
    assert!(same(Closeness::Approximate, "nan", "nan") && !same(Closeness::Approximate, "nan", "1.0"));
    assert!(!same(Closeness::Approximate, "inf", "1.0") && !same(Closeness::Approximate, "NULL", "0.0"));
    assert!(!same(Closeness::Exact, "!2.5", "2.5"), "what does not fit is equal to nothing");
    assert!(same(Closeness::Json, "{\"a\": 1, \"b\": [2]}", "{\"b\":[2],\"a\":1}") && !same(Closeness::Json, "1", "2"));
    assert_eq!((Closeness::of("DOUBLE"), Closeness::of("DECIMAL(10,2)")), (Closeness::Approximate, Closeness::Exact));
}

#[test]
fn many_rows_are_compared_in_time() {
    let rows = |from: u32| (from..from + 30_000).map(|number| vec![Some(number.to_string())]).collect::<Vec<_>>();
    let expected: Vec<Vec<Expected>> =
        rows(0).into_iter().map(|row| row.into_iter().map(Expected::Value).collect()).collect();
    assert_eq!(compare(&[Closeness::Approximate], &expected, &rows(0), RowOrder::Any), []);
    assert_eq!(compare(&[Closeness::Approximate], &expected, &rows(90_000), RowOrder::Any).len(), 60_000);
}

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

#[test]
fn what_is_written_reads_back_as_it_was() {
    let hostile = [
        "",
        "a",
        "null",
        "true",
        "12",
        "007",
        "1e5",
        "-0.50",
        "2026-01-31",
        "2026-01-31 10:00:00",
        "x: y",
        "# no",
        "- a",
        "{{ x }}",
        "{% x %}",
        "{#",
        "a\"b\\c",
        "line\nbreak\ttab\r",
        "\u{1b}[2J\u{202e}\u{feff}\u{85}\u{2028}\0",
        "größe 表 🙂",
        "'",
        "!tag",
        "*alias",
        "&anchor",
        "  spaces  ",
    ];
    let column = |name: &str, data_type: &str| crate::statement::ColumnType::new(name, data_type);
    let texts = DraftRows {
        name: "s.x".into(),
        columns: vec![column("k", "VARCHAR"), column("odd: \"name\"", "VARCHAR")],
        rows: hostile.iter().map(|text| vec![Some((*text).to_owned()), None]).collect(),
        types: StatedTypes::Yes,
    };
    let typed = [
        ("INTEGER", "-12"),
        ("BIGINT", "0"),
        ("DECIMAL(10,2)", "20.50"),
        ("DOUBLE", "1e+300"),
        ("DOUBLE", "inf"),
        ("BOOLEAN", "false"),
        ("DATE", "2026-01-31"),
        ("DATE", "infinity"),
        ("TIMESTAMP", "2026-01-31 10:00:00"),
        ("HUGEINT", "170141183460469231731687303715884105727"),
        ("DECIMAL(38,10)", "1234567890123456789.0123456789"),
        ("INTEGER[]", "[1, 2]"),
        ("STRUCT(a INTEGER)", "{'a': 1}"),
    ];
    let values = DraftRows {
        name: "s.y".into(),
        columns: typed
            .iter()
            .enumerate()
            .map(|(place, (data_type, _))| column(&format!("c{place}"), data_type))
            .collect(),
        rows: vec![typed.iter().map(|(_, text)| Some((*text).to_owned())).collect()],
        types: StatedTypes::No,
    };
    let draft = Draft {
        name: "odd \"name\"".into(),
        model: "s.\"A b\"".into(),
        inputs: vec![texts.clone(), values],
        query: DraftRows { name: "query".into(), ..DraftRows::default() },
        ctes: Vec::new(),
        vars: vec![("start".into(), "2026-01-01".into()), ("limit".into(), "5".into()), ("text".into(), "a: b".into())],
    };
    let test = one(&write(&draft));
    assert_eq!((test.name.as_str(), test.model.text.as_str()), ("odd \"name\"", "s.\"A b\""));
    let rows = |place: usize| match &test.inputs[place].fixture.content {
        Content::Rows(rows) => rows.rows.clone(),
        Content::Query(query) => panic!("{query}"),
    };
    let read: Vec<Cell> = rows(0).into_iter().map(|row| row.cells[0].clone()).collect();
    assert_eq!(read, hostile.map(|text| Cell::Text(text.to_owned())));
    assert_eq!(test.inputs[0].fixture.columns.get("odd: \"name\"").map(String::as_str), Some("VARCHAR"));
    let read: Vec<Option<String>> = rows(1)[0].cells.iter().map(Cell::text).collect();
    let expected = typed.map(|(_, text)| Some(if text == "20.50" { "20.5".to_owned() } else { text.to_owned() }));
    assert_eq!(read, expected);
    assert_eq!((test.vars.variables.len(), test.vars.start.map(|start| start.text)), (2, Some("2026-01-01".into())));
}

const SOUND: &str = "t:\n  model: s.a\n  description: d\n  gateway: g\n  inputs:\n    s.x:\n      columns: {id: BIGINT}\n      rows:\n      - id: 1\n        \
                     day: '2026-01-02'\n    s.y:\n      format: csv\n      csv_settings: {sep: ';', na_values: [x]}\n      rows: |\n        k;w\n        a;1.5\n    \
                     s.z: {query: \"SELECT 1 AS id\"}\n  outputs:\n    partial: true\n    ctes: {c: [{id: [1, {a: ~}]}]}\n    query: [{id: 1}, {id: 2.5}]\n  \
                     vars: {start: 2026-01-01, start_ds: x, limit: 3}\n";

proptest::proptest! {
    #[test]
    fn no_text_stops_the_reading(text in ".{0,200}") {
        told(&text);
    }

    #[test]
    fn no_edit_of_a_sound_file_stops_the_reading(
        edits in proptest::collection::vec((0..SOUND.len(), 0..12_usize, "[ -~\n]{0,6}|[äé🙂\u{0}\u{85}]"), 1..5)
    ) {
        let mut text = SOUND.to_owned();
        for (at, length, with) in edits {
            let floor = |mut place: usize| {
                while !text.is_char_boundary(place) {
                    place -= 1;
                }
                place
            };
            let (start, end) = (floor(at.min(text.len())), floor((at + length).min(text.len())));
            text.replace_range(start..end, &with);
        }
        let (tests, _) = read_text(&text);
        for test in &tests {
            let _ = test.times(crate::time::Timestamp(0));
            for input in test.inputs.iter().chain(&test.ctes) {
                if let Content::Rows(rows) = &input.fixture.content {
                    assert!(rows.rows.iter().all(|row| row.cells.len() == rows.columns.len()));
                    (0..rows.columns.len()).for_each(|place| drop(inferred_type(rows.rows.iter().map(|row| &row.cells[place]))));
                }
            }
        }
    }

    #[test]
    fn no_query_stops_the_search_for_ctes(sql in "(WITH |AS |\\(|\\)|,|a|'|\"|ORDER BY |SELECT |;|--|\n|\\[|\\]| ){0,40}") {
        if let Some(clause) = with_clause(&sql) {
            assert!(sql.is_char_boundary(clause.end));
            assert!(clause.ctes.iter().all(|cte| sql.get(cte.body.clone()).is_some()));
        }
        is_ordered(&sql);
    }
}

#[test]
fn the_sound_file_is_sound() {
    assert_eq!(one(SOUND).inputs.len(), 3);
}
