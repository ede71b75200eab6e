//! What is read of a file, and every mistake in it.

use super::*;
use crate::problem::Severity;

#[test]
fn test_files_are_those_of_sqlmesh() {
    let is_one = |path: &str| is_test_file(&FilePath::new(path));
    assert!(is_one("tests/test_a.yaml") && is_one("tests/deep/er/testing.yml") && is_one("tests/test.yaml"));
    assert!(!is_one("tests/a_test.yaml") && !is_one("test_a.yaml") && !is_one("tests/test_a.json"));
    assert!(is_one("tests/.hidden/test_a.yaml") && !is_one("tests/.cache/test_a.yaml"));
    assert!(!is_one("models/tests/test_a.yaml") && !is_one("tests/.test_a.yaml"));
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
fn numbers_are_those_of_yaml() {
    let cells = rows(" [{a: 0123, b: -1_000, c: '0123', d: 00, e: 12_x}]").rows.remove(0).cells;
    let (number, text) = (|text: &str| Cell::Number(text.into()), |text: &str| Cell::Text(text.into()));
    assert_eq!(cells, [number("123"), number("-1000"), text("0123"), number("0"), text("12_x")]);
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
fn a_moment_with_an_offset_is_one_by_utc() {
    let read = |text: &str| {
        let test = one(&format!("t:\n  model: a\n  inputs: {{x: [{{a: {text}}}]}}\n  outputs: {{query: []}}\n"));
        let Content::Rows(rows) = &test.inputs[0].fixture.content else { panic!("{text}") };
        rows.rows[0].cells[0].text()
    };
    for (text, expected) in [
        ("2026-01-01 10:00:00+02:00", "2026-01-01 08:00:00+00:00"),
        ("2026-01-01T01:30:00.123456-05:00", "2026-01-01 06:30:00.123456+00:00"),
        ("2026-01-01T10:00:00Z", "2026-01-01 10:00:00+00:00"),
        ("2026-01-01 10:00:00.5", "2026-01-01 10:00:00.5"),
        ("'2026-01-01 10:00:00+02:00'", "2026-01-01 10:00:00+02:00"),
    ] {
        assert_eq!(read(text).as_deref(), Some(expected), "{text}");
    }
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
    let relative = times("start: 1 week ago, end: yesterday, execution_time: '2020-01-08'").expect("times");
    assert_eq!((relative.interval.start, relative.interval.end), (at("2020-01-01"), at("2020-01-07")));
    assert_eq!(
        times("start: 2026-01-02, end: 2026-01-01").expect_err("a problem"),
        "`end` 2026-01-01 is before `start`"
    );
    assert_eq!(times("start: soon").expect_err("a problem"), "`soon` is no moment");
}
