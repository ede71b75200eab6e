use super::*;
use crate::ids::{FilePath, ModelName};
use crate::problem::{Positions, has_errors};
use crate::project::model_name;
use crate::sql::Placeholder;
use crate::yaml;

fn variables() -> BTreeMap<String, yaml::Value> {
    let item =
        |text: &str| yaml::Node { value: yaml::Value::Text(text.into()), place: yaml::Place { line: 1, column: 1 } };
    BTreeMap::from([
        ("region".to_owned(), yaml::Value::Text("e'u".into())),
        ("limit_rows".to_owned(), yaml::Value::Number("10".into())),
        ("day".to_owned(), yaml::Value::Text("current_date".into())),
        ("word".to_owned(), yaml::Value::Text("order".into())),
        ("type".to_owned(), yaml::Value::Text("INT".into())),
        ("gateway".to_owned(), yaml::Value::Text("another".into())),
        ("nothing".to_owned(), yaml::Value::Null),
        ("none".to_owned(), yaml::Value::List(Vec::new())),
        ("many".to_owned(), yaml::Value::List(vec![item("a"), item("b")])),
        ("deep".to_owned(), yaml::Value::Map(Vec::new())),
    ])
}

/// Expands the statements of a file, one after the other, and joins what is left of them.
pub(super) fn run(text: &str, dialect: Dialect) -> (String, Vec<Problem>) {
    let (path, positions, variables) = (FilePath::new("models/a.sql"), Positions::default(), variables());
    let source = Source { path: &path, text, positions: &positions, fixed: None };
    let tokens = tokenize(text, dialect).expect("tokens");
    let locals = BTreeMap::from([("customer".to_owned(), "c1".to_owned()), ("field".to_owned(), "a.b".to_owned())]);
    let tables = tables(dialect);
    let names = Names {
        locals: &locals,
        gateway: Some("local"),
        kind: Some("FULL"),
        this_model: Some("s.m"),
        columns: Columns::Known(&tables),
        ..Names::over(&variables)
    };
    let mut expander = Expander::new(source, dialect, names);
    let filled = |placeholder: Placeholder<'_>| match placeholder {
        Placeholder::Time(variable) => format!("<{}>", variable.name()),
        Placeholder::This(name) => format!("<this {name}>"),
    };
    let mut made = Vec::new();
    for statement in tokens.split(|token| token.is_symbol(";")) {
        if !expander.define(statement) {
            made.extend(expander.statement(statement).map(|template| template.render(&[], &filled).trim().to_owned()));
        }
    }
    (made.join("; "), expander.problems)
}

/// `s.f` and `s.g` with types, `s.u` without.
fn tables(dialect: Dialect) -> BTreeMap<ModelName, TableColumns> {
    let table = |name: &str, columns: &[(&str, &str)]| {
        let known = |data_type: &str| (!data_type.is_empty()).then(|| data_type.to_owned());
        let columns = columns.iter().map(|(name, data_type)| ((*name).to_owned(), known(data_type))).collect();
        (model_name(name, dialect).expect("a name"), TableColumns { dialect, columns })
    };
    BTreeMap::from([
        table("s.f", &[("a", "INT"), ("b", "TEXT"), ("c", "TEXT"), ("d", "INT")]),
        table("s.g", &[("c", "TEXT"), ("a", "INTEGER"), ("b", "INT")]),
        table("s.u", &[("a", ""), ("b", "")]),
        table("s.v", &[("a", "GEOMETRY"), ("b", "TEXT")]),
        table("s.w", &[("a", "POINT"), ("b", "TEXT")]),
    ])
}

#[track_caller]
pub(super) fn same(text: &str, expected: &str) {
    let (made, problems) = run(text, Dialect::DuckDb);
    assert_eq!((made.as_str(), problems), (expected, Vec::new()), "{text}");
}

#[test]
fn every_time_variable_is_known_in_every_dialect() {
    let names: Vec<String> = TimeVariable::names().collect();
    assert_eq!(names.len(), 36);
    for (dialect, _) in Dialect::NAMES {
        for name in &names {
            let canonical = TimeVariable::from_name(name).expect("a variable").name();
            let upper = name.to_uppercase();
            let (text, problems) = run(&format!("select @{name}, @{upper}, @{{{name}}}"), dialect);
            assert_eq!(problems, [], "{dialect} {name}");
            assert_eq!(text, format!("select <{canonical}>, <{canonical}>, <{canonical}>"), "{dialect}");
        }
    }
}

#[test]
fn variables_become_literals_or_bare_text() {
    let cases = [
        ("select @region, @LIMIT_ROWS, @nothing", "select 'e''u', 10, NULL"),
        ("select @VAR('region'), @var('x', 1 + 1)", "select 'e''u', 1 + 1"),
        ("from t_@{limit_rows}_x", "from t_10_x"),
        ("from t_@limit_rows", "from t_10"),
        ("from @{limit_rows}.t", "from \"10\".t"),
        ("select 1 as @{limit_rows}, @{limit_rows} limit @{limit_rows}", "select 1 as \"10\", \"10\" limit \"10\""),
        ("select @{day}, x.@{word} as @{word}", "select \"current_date\", x.\"order\" as \"order\""),
        ("select cast(x as @{type}), @{type}_@{word}", "select cast(x as INT), INT_order"),
        ("select @EACH(['a.b'], x -> q.@{x})", "select q.a.b"),
        ("select @EACH([2023, 'c'], x -> @{x} as y_@x)", "select \"2023\" as y_2023, c as y_c"),
        ("select x.@{region} + @{region} as c_@{region}", "select x.\"e'u\" + \"e'u\" as \"c_e'u\""),
        ("from @region join @VAR('region') using (a)", "from \"e'u\" join \"e'u\" using (a)"),
        ("select 1 as @region, @region.b from @'@{limit_rows}'", "select 1 as \"e'u\", \"e'u\".b from \"10\""),
        ("select @VAR('many'), @many", "select ['a', 'b'], ('a', 'b')"),
        ("select @'a @{limit_rows} @region'", "select 'a 10 e''u'"),
        ("select \"c_@{limit_rows}\", \"a@b\"", "select \"c_10\", \"a@b\""),
    ];
    for (text, expected) in cases {
        let (rendered, problems) = run(text, Dialect::DuckDb);
        assert_eq!((rendered.as_str(), problems), (expected, Vec::new()), "{text}");
    }
    assert_eq!(run("select @region", Dialect::BigQuery).0, "select 'e\\'u'");
    assert_eq!(run("select @VAR('many')", Dialect::Postgres).0, "select ARRAY['a', 'b']");
    assert_eq!(run("select @VAR('many')", Dialect::Spark).0, "select ARRAY('a', 'b')");
}

#[test]
fn strings_comments_and_operators_are_left_alone() {
    for text in [
        "select 'jen@shop.example', 'x @start_ds' -- @foo\n/* @bar */",
        "select a @> b, a <@ b, @ -5",
        "select $$ @foo $$",
        "select @@rowcount_all",
    ] {
        assert_eq!(run(text, Dialect::Postgres), (text.to_owned(), Vec::new()), "{text}");
    }
    let stage = "select $1 from @stage/path";
    assert_eq!(run(stage, Dialect::Snowflake), (stage.to_owned(), Vec::new()));
}

#[test]
fn other_macros_are_problems_with_a_place_and_a_hint() {
    for (dialect, _) in Dialect::NAMES {
        let (_, problems) = run("select 1,\n  @EAHC(@many, x -> x), @strat_ds", dialect);
        let told: Vec<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
        assert_eq!(told, [(Some(2), Some(3)), (Some(2), Some(25))], "{dialect}");
        let help: Vec<_> = problems.iter().filter_map(|problem| problem.help.as_deref()).collect();
        assert_eq!(help, ["did you mean `@each`?", "did you mean `@start_ds`?"]);
        assert!(has_errors(&problems));
    }
    for text in [
        "select @VAR()",
        "select @'@{x}'",
        "select @{}",
        "select @{open",
        "select @nobody",
        "select @deep",
        "select @IF(@nobody = 1, 2)",
        "select t_@many",
        "select @IF(1)",
        "select @IF(a < 1, b)",
        "select @IF(@start_ds > '2024', b)",
        "select a from t where @IF(FALSE, b)",
        "select @EACH([1, 2])",
        "select @REDUCE([], (x, y) -> x)",
        "select @EVAL(f(x))",
        "select @my_python(1)",
        "select @PIVOT(a)",
        "select @DEF(1 + 1)",
        "select @SQL('not closed ''')",
        "select @EACH([1], x -> x",
    ] {
        assert_eq!(run(text, Dialect::DuckDb).1.len(), 1, "{text}: {:?}", run(text, Dialect::DuckDb));
    }
}

#[test]
fn conditions_choose() {
    same("SELECT a, @IF(@limit_rows > 5, b, c), d", "SELECT a, b, d");
    same("SELECT a, @IF(FALSE, b), d", "SELECT a, d");
    same("SELECT @IF(FALSE, b), d", "SELECT  d");
    same("SELECT d, @IF(@nothing IS NULL, @IF(1 = 2, b)) FROM t", "SELECT d FROM t");
    same("SELECT f(@IF(FALSE, b))", "SELECT f()");
    same("@IF(@gateway = 'local', CREATE TABLE x (a INT)); SELECT 1", "CREATE TABLE x (a INT); SELECT 1");
    same("@IF(@runtime_stage = 'loading', DROP TABLE x); SELECT 1", "SELECT 1");
    same("SELECT @EVAL(1 + 2 * @limit_rows), @EVAL(7 / 2), @EVAL('a' || 'b')", "SELECT 21, 3.5, ab");
    same("SELECT @EVAL(1 > 2), @model_kind_name", "SELECT FALSE, 'FULL'");
    // As in Python, TRUE is one.
    same("SELECT @EVAL(TRUE + 1), @EVAL(1 + TRUE * 2), @EVAL(-TRUE)", "SELECT 2, 3, -1");
}

#[test]
fn lists_are_walked() {
    same("SELECT @EACH([a, b], x -> x * 2 AS @{x}_twice)", "SELECT a * 2 AS a_twice, b * 2 AS b_twice");
    same(
        "SELECT @EACH(@many, x -> CASE WHEN k = @x THEN 1 END AS is_@x)",
        "SELECT CASE WHEN k = 'a' THEN 1 END AS is_a, CASE WHEN k = 'b' THEN 1 END AS is_b",
    );
    same("SELECT @EACH([(a, b), (c, d)], (x, y) -> x + y AS @y)", "SELECT a + b AS b, c + d AS d");
    same("SELECT @EACH([1, 2, 3], x -> @IF(@x > 1, x1 + @x)), z", "SELECT x1 + 2, x1 + 3, z");
    same("SELECT z, @EACH(@none, x -> x)", "SELECT z");
    same("SELECT 1 WHERE a IN @many", "SELECT 1 WHERE a IN ('a', 'b')");
    same("SELECT @REDUCE([a, b, c], (x, y) -> x + y)", "SELECT a + b + c");
    same("SELECT @EVAL(@REDUCE(@FILTER([1, 2, 3], x -> x > 1), (x, y) -> x + y))", "SELECT 5");
    same("SELECT @EACH(@EACH([1, 2], x -> x + 1), y -> y)", "SELECT 1 + 1, 2 + 1");
    // SQLMesh gives these two to Python, where a parameter has no `@`.
    same("SELECT 1 WHERE @AND(@EACH([a, b], x -> @SQL(x) > 50))", "SELECT 1 WHERE (a > 50) AND (b > 50)");
    same("SELECT @EACH(['a', 'b'], X -> @sql(x))", "SELECT 'a', 'b'");
    same("SELECT @REDUCE([a, b], (x, y) -> @SQL(x) + y)", "SELECT a + b");
    same("SELECT @EACH([1, 2], x -> @EVAL(x + 1) AS v_@x), @SQL('x')", "SELECT 2 AS v_1, 3 AS v_2, x");
    same("SELECT @EACH([a], x -> @EACH([b], y -> @SQL(x) + @SQL(y) + @SQL('x')))", "SELECT a + b + x");
    same("SELECT @EACH([a], x -> \"@{x}_q\" || @'p_@x')", "SELECT \"a_q\" || 'p_a'");
    // A parameter is known in functions inside, but not in what they are given.
    same("SELECT @EACH([a], x -> @REDUCE([@x, x], (p, q) -> p + q + x))", "SELECT a + x + a");
    same("@DEF(f, y -> x + y); SELECT @EACH([a], x -> @f(@x) + \"X\")", "SELECT x + a + a");
}

#[test]
fn conditions_are_joined_and_clauses_kept_or_left_out() {
    same("SELECT 1 WHERE @AND(a = 1 OR b = 2, @IF(FALSE, c), NULL, d)", "SELECT 1 WHERE (a = 1 OR b = 2) AND d");
    same("SELECT 1 WHERE @OR(@EACH([a, b], x -> x > 1))", "SELECT 1 WHERE (a > 1) OR (b > 1)");
    same("SELECT 1 WHERE @AND(@IF(FALSE, c))", "SELECT 1 WHERE TRUE");
    let query = |on: &str| {
        format!(
            "@WITH({on}) w AS (SELECT 1) SELECT a FROM t LEFT OUTER @JOIN({on}) u ON t.x = left(u.x, 1) @WHERE({on}) a > 1 AND b \
             @GROUP_BY({on}) a, b @HAVING({on}) a > 2 @ORDER_BY({on}) a @LIMIT({on}) 5"
        )
    };
    same(
        &query("TRUE"),
        "WITH w AS (SELECT 1) SELECT a FROM t LEFT OUTER JOIN u ON t.x = left(u.x, 1) WHERE a > 1 AND b GROUP BY a, b \
         HAVING a > 2 ORDER BY a LIMIT 5",
    );
    same(&query("1 > 2"), "SELECT a FROM t");
    same("SELECT 1 FROM (SELECT 2 @WHERE(FALSE) x) AS q", "SELECT 1 FROM (SELECT 2 ) AS q");
    same("SELECT 1 FROM t @WHERE(FALSE) a USING SAMPLE 10", "SELECT 1 FROM t USING SAMPLE 10");
    same("SELECT 1 FROM t @JOIN(FALSE) u USING (a) USING SAMPLE 10", "SELECT 1 FROM t USING SAMPLE 10");
    same("SELECT 1 FROM t @WHERE(FALSE) u.limit > 1 AND b.order", "SELECT 1 FROM t");
    // The words of a join may stand behind it.
    same("SELECT 1 FROM t @JOIN(TRUE) LEFT JOIN u USING (a) WHERE x", "SELECT 1 FROM t  LEFT JOIN u USING (a) WHERE x");
    same("SELECT 1 FROM t @JOIN(FALSE) LEFT OUTER JOIN u USING (a) WHERE x", "SELECT 1 FROM t WHERE x");
    same("SELECT 1 FROM t @JOIN(FALSE) JOIN u USING (a) JOIN v USING (a)", "SELECT 1 FROM t JOIN v USING (a)");
}

#[test]
fn definitions_hold_for_the_file() {
    same("@DEF(size, 1 + 2); SELECT @size, @EVAL(@size)", "SELECT 1 + 2, 3");
    same("@DEF(area, r -> r * r * 3); SELECT @area(w), @area(1 + 1)", "SELECT w * w * 3, 1 + 1 * 1 + 1 * 3");
    same("@DEF(Cols, [a, b]); SELECT @EACH(@COLS, c -> c)", "SELECT a, b");
    same("@DEF(region, 'mine'); SELECT @region", "SELECT 'mine'");
    same("SELECT @customer.x, @field, @BLUEPRINT_VAR('customer'), t_@customer", "SELECT c1.x, a.b, c1, t_c1");
    // A variable of the name says nothing.
    same("SELECT @GATEWAY, @IF(@gateway = 'local', 1, 2)", "SELECT 'local', 1");
    same("SELECT @SQL('@customer + 1'), @VAR('gateway'), @VAR('none', 2)", "SELECT c1 + 1, 'local', []");
}

#[test]
fn what_a_run_knows_stays_open() {
    same("CREATE INDEX i ON @this_model (a)", "CREATE INDEX i ON <this s.m> (a)");
    same("SELECT @EACH([a], x -> x >= @start_ds)", "SELECT a >= <start_ds>");
    same("SELECT @'@start_ds', @'to @{end_date}'", "SELECT <start_ds>, ('to ' || <end_ds>)");
    same("SELECT @'@start_dt it''s @{end_hour}'", "SELECT (<start_tstz> || ' it''s ' || CAST(<end_hour> AS TEXT))");
    same("SELECT @SQL('@end_ts')", "SELECT <end_ts>");
}

/// Whoever reads a table moves when it does, so its name must be known.
#[test]
fn no_name_has_a_time() {
    for text in [
        "SELECT 1 FROM t_@execution_ds",
        "SELECT 1 FROM @{start_ds}.t",
        "SELECT 1 AS @start_ds",
        "SELECT 1 FROM \"t_@{end_ds}\"",
        "SELECT @EACH([a], x -> @{x}_@start_ds)",
    ] {
        let problems = run(text, Dialect::DuckDb).1;
        let told: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert!(matches!(told.as_slice(), [told] if told.contains("it can be no part of a name")), "{text}: {told:?}");
    }
    // Here `||` is no concatenation, and seconds are printed in many ways.
    assert_eq!(run("SELECT @'to @end_ds'", Dialect::MySql).1.len(), 1);
    assert_eq!(run("SELECT @'to @end_epoch'", Dialect::DuckDb).1.len(), 1);
}

#[test]
fn what_macros_make_is_not_read_as_one_with_what_stands_beside_it() {
    same("SELECT a -@EVAL(-3), 1 @LIMIT(TRUE)3", "SELECT a - -3, 1 LIMIT 3");
    same("@DEF(low, -2); SELECT a-@low, a/@low, -@low", "SELECT a- -2, a/ -2, - -2");
    same("SELECT a FROM t@WHERE(TRUE)b@AND(c)", "SELECT a FROM t WHERE b c");
    same("SELECT @EACH([a, b], x -> t_@x + @{x}_n)", "SELECT t_a + a_n, t_b + b_n");
}

#[test]
fn a_text_is_taken_out_of_its_quotes_as_the_dialect_reads_it() {
    let bare = |dialect| run("@DEF(t, 'a\\\\b''c'); SELECT @'@t'", dialect).0;
    assert_eq!(bare(Dialect::DuckDb), "SELECT 'a\\\\b''c'");
    assert_eq!(bare(Dialect::Snowflake), "SELECT 'a\\\\b''c'");
    assert_eq!(run("@DEF(t, 'a\\'b'); SELECT \"@t\"", Dialect::Databricks).0, "SELECT \"@t\"");
    assert_eq!(run("@DEF(t, 'a\\'b'); SELECT `@t`, x_@t", Dialect::Databricks).0, "SELECT `a'b`, `x_a'b`");
    assert_eq!(run("@DEF(t, 'a\\xb'); SELECT `@t`", Dialect::Databricks).1.len(), 1);
}

#[test]
fn sqlmeshs_macros_write_sql() {
    for (text, expected) in [
        ("@SAFE_ADD(a, b)", "CASE WHEN a IS NULL AND b IS NULL THEN NULL ELSE COALESCE(a, 0) + COALESCE(b, 0) END"),
        ("@SAFE_SUB(a, b)", "CASE WHEN a IS NULL AND b IS NULL THEN NULL ELSE COALESCE(a, 0) - COALESCE(b, 0) END"),
        ("@SAFE_DIV(a + 1, b)", "(a + 1) / NULLIF(b, 0)"),
        (
            "@GENERATE_SURROGATE_KEY(a, b)",
            "MD5(CONCAT(COALESCE(CAST(a AS TEXT), '_sqlmesh_surrogate_key_null_'), '|', \
             COALESCE(CAST(b AS TEXT), '_sqlmesh_surrogate_key_null_')))",
        ),
        (
            "@PIVOT(status, ['x', 'y'], then_value := tv, suffix := '_n')",
            "SUM(CASE WHEN status = 'x' THEN tv ELSE 0 END) AS \"x_n\", \
             SUM(CASE WHEN status = 'y' THEN tv ELSE 0 END) AS \"y_n\"",
        ),
        ("@STAR(s.t, u, exclude := [a, b])", "u.* EXCLUDE (a, b)"),
        ("@STAR(relation := s.t, alias := u, exclude := a)", "u.* EXCLUDE (a)"),
        ("@STAR(s.t)", "t.*"),
        ("@STAR('s.t'), @STAR('s.t', u)", "t.*, u.*"),
        ("@STAR(s.t, prefix := '', suffix := '', quote_identifiers := TRUE)", "t.*"),
    ] {
        same(&format!("SELECT {text}"), &format!("SELECT {expected}"));
    }
    let whole_numbers = run("SELECT @SAFE_DIV(a + 1, b)", Dialect::Postgres).0;
    assert_eq!(whole_numbers, "SELECT CAST(a + 1 AS DOUBLE PRECISION) / NULLIF(b, 0)");
    let distance = run("SELECT @HAVERSINE_DISTANCE(a, b, c, d)", Dialect::Postgres).0;
    assert_eq!(
        distance,
        "SELECT 7922 * ASIN(SQRT((POWER(SIN(RADIANS(CAST((c - a) AS DOUBLE PRECISION) / 2)), 2)) + (COS(RADIANS(a)) * \
         COS(RADIANS(c)) * POWER(SIN(RADIANS(CAST((d - b) AS DOUBLE PRECISION) / 2)), 2)))) * 1.0"
    );
    same(
        "@DEDUPLICATE(s.t, [k, CAST(at AS DATE)], ['at DESC', 'b'])",
        "SELECT * FROM s.t QUALIFY ROW_NUMBER() OVER (PARTITION BY k, CAST(at AS DATE) ORDER BY at DESC, b) = 1",
    );
    // A name stands for a text.
    same(
        "@DEDUPLICATE(s.t, [k], [\"at DESC\"])",
        "SELECT * FROM s.t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY at DESC) = 1",
    );
    same(
        "SELECT @GENERATE_SURROGATE_KEY(a, hash_function := \"SHA256\")",
        "SELECT SHA256(CONCAT(COALESCE(CAST(a AS TEXT), '_sqlmesh_surrogate_key_null_')))",
    );
    let spine = |part: &str| run(&format!("@DATE_SPINE({part}, '2024-01-01', '2024-12-31')"), Dialect::DuckDb).0;
    assert_eq!([spine("month"), spine("\"month\"")], [spine("'month'"), spine("'month'")]);
    assert_eq!(
        run("@DEDUPLICATE(s.t, [k], ['at DESC'])", Dialect::Postgres).0,
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY at DESC) AS _w FROM s.t) AS _t WHERE _w = 1"
    );
    same(
        "SELECT * FROM (@DATE_SPINE('week', '2024-01-01', @end_date)) AS q",
        "SELECT * FROM (SELECT CAST(_value AS DATE) AS date_week FROM GENERATE_SERIES(CAST('2024-01-01' AS DATE), \
         CAST(<end_date> AS DATE), INTERVAL '7 DAY') AS _exploded(_value)) AS q",
    );
}

/// As SQLMesh writes them, but that the author's alias stays as it is and all names of `@UNION` are quoted.
#[test]
fn stars_with_other_names_list_the_columns() {
    for (text, expected) in [
        (
            "@STAR(s.f, bar, exclude := [C], prefix := 'baz_')",
            "CAST(bar.\"a\" AS INT) AS \"baz_a\", CAST(bar.\"b\" AS TEXT) AS \"baz_b\", CAST(bar.\"d\" AS INT) AS \"baz_d\"",
        ),
        ("@STAR(s.f, suffix := '_X', exclude := [\"a\", b, c], quote_identifiers := false)", "CAST(f.d AS INT) AS d_X"),
        ("@STAR(s.f, q, [a, b, c], 'p', 's', false)", "CAST(q.d AS INT) AS pds"),
        ("@STAR(s.u, prefix := 'p_'), 1", "u.\"a\" AS \"p_a\", u.\"b\" AS \"p_b\", 1"),
        ("1, @STAR(s.u, prefix := 1, exclude := [a, b])", "1"),
        ("@STAR(s.u, exclude := [nobody], prefix := @VAR('region'))", "u.\"a\" AS \"e'ua\", u.\"b\" AS \"e'ub\""),
    ] {
        same(&format!("SELECT {text}"), &format!("SELECT {expected}"));
    }
    let postgres = run("SELECT @STAR(s.u, exclude := [A])", Dialect::Postgres);
    assert_eq!(postgres, ("SELECT u.\"b\" AS \"b\"".to_owned(), Vec::new()));
    assert_eq!(run("SELECT @STAR(s.u, prefix := 'p')", Dialect::BigQuery).0, "SELECT u.`a` AS `pa`, u.`b` AS `pb`");
}

#[test]
fn a_union_is_of_what_its_tables_share() {
    let of = |table: &str| format!("SELECT CAST(\"a\" AS INT) AS \"a\", CAST(\"c\" AS TEXT) AS \"c\" FROM s.{table}");
    let (f, g) = (of("f"), of("g"));
    for (text, expected) in [
        ("@UNION('distinct', s.f, s.g)", format!("{f} UNION {g}")),
        ("@UNION(s.f, s.g)", format!("{f} UNION ALL {g}")),
        ("@UNION(FALSE, s.f, s.g)", f.clone()),
        ("@UNION(all, s.f, s.g)", format!("{f} UNION ALL {g}")),
        ("@UNION(@gateway = 'local', 'ALL', s.f, s.g, s.f)", format!("{f} UNION ALL {g} UNION ALL {f}")),
        ("@UNION('all', @EACH([f, g], x -> s.@x))", format!("{f} UNION ALL {g}")),
        ("SELECT * FROM (@UNION('all', s.f, s.g)) AS x", format!("SELECT * FROM ({f} UNION ALL {g}) AS x")),
    ] {
        same(text, &expected);
    }
}

#[test]
fn columns_that_nobody_knows_are_told() {
    for (text, place, message) in [
        ("SELECT\n  @STAR(s.t, prefix := 'p_')", (2, 3), "the columns of `s.t` are not known here"),
        ("@UNION('all', s.f, s.t)", (1, 1), "the columns of `s.t` are not known here"),
        ("@UNION('all', s.f, s.u)", (1, 1), "the types of column `a` of these tables are not all known here"),
        ("@UNION('all', s.v, s.w)", (1, 1), "nobody knows whether the types of column `a` are one: GEOMETRY, POINT"),
        ("@UNION('all', s.g, s.w)", (1, 1), "nobody knows whether the types of column `a` are one: INTEGER, POINT"),
        ("@UNION('weird', s.f)", (1, 1), "`@UNION` does not take these arguments"),
        ("@UNION('all')", (1, 1), "`@UNION` does not take these arguments"),
        ("@UNION(1, 'all', s.f)", (1, 1), "`@UNION` does not take these arguments"),
        ("@UNION()", (1, 1), "`@UNION` does not take these arguments"),
        ("SELECT @STAR(s.f, prefix := a)", (1, 8), "`@STAR` does not take these arguments"),
        ("SELECT @STAR(s.f, quote_identifiers := 1)", (1, 8), "`@STAR` does not take these arguments"),
        ("SELECT @STAR(s.f, exclude := [a + 1], prefix := 'p')", (1, 8), "`@STAR` does not take these arguments"),
        ("SELECT @STAR(f(x), prefix := 'p')", (1, 8), "`f(x)` is no name of a table"),
    ] {
        let problems = run(text, Dialect::DuckDb).1;
        let told: Vec<_> = problems.iter().map(|told| (told.line, told.column, told.message.as_str())).collect();
        assert_eq!(told, [(Some(place.0), Some(place.1), message)], "{text}");
    }
}

/// SQLMesh puts the name of the table in; here it is open where it stands alone, and no part of a text.
#[test]
fn a_template_of_the_tables_name_is_the_table() {
    for (text, expected) in [
        (
            "SELECT 1 FROM @resolve_template('@{catalog_name}.@{schema_name}.@{table_name}', mode := 'table')",
            "SELECT 1 FROM <this s.m>",
        ),
        ("SELECT 1 FROM @RESOLVE_TEMPLATE('@{schema_name}.@{table_name}', 'TABLE')", "SELECT 1 FROM <this s.m>"),
        ("SELECT 1 FROM @resolve_template('x.y', mode := 'table')", "SELECT 1 FROM x.y"),
        ("SELECT @resolve_template('plain'), @resolve_template('@{nope}')", "SELECT 'plain', '@{nope}'"),
    ] {
        same(text, expected);
    }
    for (text, message) in [
        (
            "SELECT\n  @resolve_template('s3://b/@{table_name}')",
            "`s3://b/@{table_name}` asks where the table is stored, which is only known when a statement runs",
        ),
        (
            "SELECT\n  @resolve_template('@{schema_name}.@{table_name}$x', mode := 'table')",
            "`@{schema_name}.@{table_name}$x` asks where the table is stored, which is only known when a statement runs",
        ),
        ("SELECT\n  @resolve_template(a)", "`@RESOLVE_TEMPLATE` does not take these arguments"),
        ("SELECT\n  @resolve_template()", "`@RESOLVE_TEMPLATE` does not take these arguments"),
    ] {
        let problems = run(text, Dialect::DuckDb).1;
        let told: Vec<_> = problems.iter().map(|told| (told.line, told.column, told.message.as_str())).collect();
        assert_eq!(told, [(Some(2), Some(3), message)], "{text}");
    }
}

#[test]
fn what_never_ends_is_refused() {
    let endless = "@DEF(f, x -> @f(@x) + @f(@x)); SELECT @f(1)".to_owned();
    let growing = format!("@DEF(d, x -> @x + @x); SELECT {}1{}", "@d(".repeat(30), ")".repeat(30));
    for text in [endless, growing] {
        let (_, problems) = run(&text, Dialect::DuckDb);
        assert!(!problems.is_empty() && problems.len() <= MAX_PROBLEMS, "{text}");
    }
}

#[test]
fn a_statement_that_differs_from_load_to_load_is_told() {
    for stage in ["creating", "evaluating"] {
        let text = format!("@IF(@runtime_stage = '{stage}', GRANT SELECT ON @this_model TO x)");
        assert_eq!(run(&text, Dialect::DuckDb).1.len(), 1, "{stage}");
    }
    same("@IF(@runtime_stage IN ('creating', 'evaluating'), SET x = 1)", "SET x = 1");
    same("@IF(@runtime_stage = 'testing', SET x = 1); SELECT 1", "SELECT 1");
}

#[test]
fn a_cast_is_of_all_that_a_macro_made() {
    same("@DEF(f, x -> x * 2); SELECT @f(a)::INT, @f(a) :: INT", "SELECT (a * 2)::INT, (a * 2) :: INT");
    same("@DEF(s, 1 + 2); SELECT @s::INT, @s + 1", "SELECT (1 + 2)::INT, 1 + 2 + 1");
    same("SELECT @EACH([a, b + c], x -> x::INT)", "SELECT a::INT, (b + c)::INT");
}

#[test]
fn source_offsets_lead_back_to_the_file() {
    let text = "select @start_ds, @region, x";
    let (path, positions, variables) = (FilePath::new("a.sql"), Positions::default(), variables());
    let source = Source { path: &path, text, positions: &positions, fixed: None };
    let tokens = tokenize(text, Dialect::DuckDb).expect("tokens");
    let names = Names::over(&variables);
    let template = Expander::new(source, Dialect::DuckDb, names).statement(&tokens).expect("a statement");
    let analysed = template.text();
    let place = analysed.rfind('x').expect("x");
    assert_eq!(template.source_offset(place), text.len() - 1);
}
