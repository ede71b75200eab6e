//! `bot test`: SQLMesh's unit tests run on DuckDB in memory, on real projects.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use offshoot::error::Exit;
use serde_json::{Value, json};

use crate::lab::{edit, lab};
use crate::world::{Ran, World};

/// A project of one model over one table that nobody describes.
fn small(query: &str, tests: &str) -> World {
    let model = format!("MODEL (name s.total, kind FULL);\n{query}");
    lab(&[("models/total.sql", &model), ("tests/test_total.yaml", tests)])
}

/// How each test ended, by name.
fn endings(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tests = ran.json()["tests"].as_array().expect("a list").clone();
    tests.iter().map(|test| (text(&test["name"]), text(&test["status"]))).collect()
}

fn json(world: &World) -> Ran {
    world.bot(&["test", "--format", "json"])
}

/// The one test of a world must pass.
fn passes(world: &World) {
    let ran = world.bot(&["test"]);
    assert!(ran.exit == Exit::Done && ran.stdout.starts_with("1 test: 1 passed ("), "{}{}", ran.stdout, ran.stderr);
}

/// What the one test of a world says where it does not pass.
fn told(world: &World) -> String {
    let ran = world.bot(&["test"]);
    assert_eq!(ran.exit, Exit::No, "{}{}", ran.stdout, ran.stderr);
    format!("{}{}", ran.stderr, without_seconds(&ran.stdout))
}

fn without_seconds(text: &str) -> String {
    match text.rfind(" (") {
        Some(end) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

#[test]
fn the_tests_that_init_writes_pass() {
    let world = World::empty();
    world.done(&["init"]);
    world.repository.commit("a project");
    let ran = world.done(&["test"]);
    assert!(ran.stdout.starts_with("5 tests: 5 passed ("), "{}", ran.stdout);
    assert!(!world.state().exists() && !world.warehouse().exists(), "nothing is opened");
}

/// The shape of what `sqlmesh init duckdb` writes: a seed, a model by time over it, a table of that, and a test of the table
/// that leaves out a column of its parent.
#[test]
fn a_project_like_the_template_of_sqlmesh_passes() {
    let world = lab(&[
        ("seeds/items.csv", "id,item,day\n1,2,2020-01-01\n"),
        (
            "models/seed_model.sql",
            "MODEL (name demo.seed_model, kind SEED (path '../seeds/items.csv'), columns (id INTEGER, item INTEGER, day DATE), grain (id, day));",
        ),
        (
            "models/incremental_model.sql",
            "MODEL (name demo.incremental_model, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2020-01-01', cron '@daily');\n\
             SELECT id, item, day, FROM demo.seed_model WHERE day BETWEEN @start_date AND @end_date",
        ),
        (
            "models/full_model.sql",
            "MODEL (name demo.full_model, kind FULL, cron '@daily', grain item);\n\
             SELECT item, COUNT(DISTINCT id) AS orders, FROM demo.incremental_model GROUP BY item",
        ),
        (
            "tests/test_full_model.yaml",
            "test_full:\n  model: demo.full_model\n  inputs:\n    demo.incremental_model:\n      rows:\n      - id: 1\n        item: 1\n      \
             - id: 2\n        item: 1\n      - id: 3\n        item: 2\n  outputs:\n    query:\n      rows:\n      - item: 1\n        orders: 2\n      \
             - item: 2\n        orders: 1\n",
        ),
    ]);
    passes(&world);
}

const ROWS: &str =
    "  model: s.total\n  inputs:\n    s.x:\n    - k: a\n      v: 1\n    - k: b\n      v: 2\n    - k: b\n      v: 3\n";

#[test]
fn a_difference_is_shown_row_by_row() {
    let tests = format!(
        "sums:\n{ROWS}  description: adds up by key\n  outputs:\n    query:\n    - k: a\n      v: 7\n    - k: c\n      v: ~\n    - k: b\n      v: 5\n\
         unknown:\n{ROWS}  outputs:\n    query:\n    - k: a\n      w: 1\n\
         text:\n{ROWS}  outputs:\n    query:\n    - k: 1\n      v: 1\n    - k: b\n      v: 5.5\n\
         right:\n{ROWS}  outputs:\n    query: [{{k: b, v: 5}}, {{k: a, v: 1}}]\n"
    );
    let world = small("SELECT k, sum(v) AS v FROM s.x GROUP BY k", &tests);
    insta::assert_snapshot!(told(&world));
    let ran = json(&world);
    assert_eq!(ran.exit, Exit::No);
    let mut value = ran.json();
    value["seconds"] = Value::Null;
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).expect("JSON"));
    let ran = world.bot(&["test", "tests/test_total.yaml::right"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
}

#[test]
fn rows_come_in_an_order_only_where_the_query_says_so() {
    let tests = format!("t:\n{ROWS}  outputs:\n    query: [{{v: 1}}, {{v: 3}}, {{v: 2}}]\n");
    passes(&small("SELECT v FROM s.x", &tests));
    let world = small("SELECT v FROM s.x ORDER BY v", &tests);
    assert!(told(&world).contains("2 changed"));
    passes(&small("SELECT v, row_number() OVER (ORDER BY v) * 0 AS n FROM s.x", &tests.replace("{v:", "{n: 0, v:")));
}

#[test]
fn columns_that_are_left_out_must_be_null_unless_in_part() {
    let query = "SELECT k, v FROM s.x WHERE k = 'a'";
    let tests = |output: &str| format!("t:\n{ROWS}  outputs:\n{output}");
    assert!(told(&small(query, &tests("    query: [{k: a}]\n"))).contains("1 changed"));
    passes(&small(query, &tests("    query: {partial: true, rows: [{k: a}]}\n")));
    passes(&small(query, &tests("    partial: true\n    query: [{k: a}]\n")));
    passes(&small("SELECT k, NULL::INT AS v FROM s.x WHERE k = 'a'", &tests("    query: [{k: a}]\n")));
    let other = told(&small(query, &tests("    query: {partial: true, rows: [{k: a, w: 1}]}\n")));
    assert!(other.contains("w expected and did not come; what came has k, v"), "{other}");
    passes(&small("SELECT k FROM s.x WHERE false", &tests("    query: []\n")));
}

#[test]
fn ctes_are_looked_at_by_themselves() {
    let query = "WITH doubled AS (SELECT k, v * 2 AS v FROM s.x), RECENT AS (SELECT v FROM doubled WHERE k = 'b' ORDER BY v DESC)\n\
                 SELECT max(v) AS v FROM recent";
    let tests = |outputs: &str| format!("t:\n{ROWS}  outputs:\n{outputs}");
    passes(&small(
        query,
        &tests(
            "    ctes:\n      doubled: {partial: true, rows: [{v: 2}, {v: 4}, {v: 6}]}\n      recent: [{v: 6}, {v: 4}]\n    query: [{v: 6}]\n",
        ),
    ));
    passes(&small(query, &tests("    ctes: {doubled: {partial: true, rows: [{v: 6}, {v: 4}, {v: 2}]}}\n")));
    let text = told(&small(query, &tests("    ctes:\n      recent: [{v: 4}, {v: 6}]\n      other: []\n")));
    assert!(text.contains("CTE recent: 2 rows expected, 2 came: 2 changed"), "{text}");
    assert!(text.contains("CTE other: the model has no such CTE, it has doubled, RECENT"), "{text}");
}

#[test]
fn rows_come_from_csv_files_and_queries_too() {
    let tests = "t:\n  model: s.total\n  inputs:\n    s.x:\n      format: csv\n      path: fixtures/x.csv\n    s.y:\n      format: csv\n      \
                 csv_settings: {sep: ';'}\n      rows: |\n        k;w\n        a;1.5\n    s.z:\n      query: SELECT 'a' AS k, 3 AS q;\n  \
                 outputs:\n    query: {query: \"SELECT 4.0 AS t, 1.5 AS w, 3 AS q -- as it is\"}\n";
    let query =
        "SELECT sum(x.v) AS t, any_value(y.w) AS w, any_value(z.q) AS q FROM s.x JOIN s.y USING (k) JOIN s.z USING (k)";
    let world = small(query, tests);
    edit(&world, &[("fixtures/x.csv", "k,v\na,1\na,3\nb,\n")]);
    passes(&world);
}

#[test]
fn vars_are_moments_and_variables() {
    let query = "SELECT @start_ds AS s, @end_ds AS e, @end_ts AS ts, @execution_ds AS x, @limit AS l, @gone AS g, current_date AS d, \
                 CAST(now() AS DATE) AS n FROM s.x";
    let tests = "t:\n  model: s.total\n  inputs: {s.x: [{k: 1}]}\n  vars: {start: 2026-01-01, end: 2026-01-02, execution_time: 2026-01-03, LIMIT: 5, start_ds: first}\n  \
                 outputs:\n    query:\n    - {s: first, e: '2026-01-02', ts: '2026-01-02 23:59:59.999999', x: '2026-01-03', l: 5, g: kept, d: 2026-01-03, n: 2026-01-03}\n\
                 plain:\n  model: s.total\n  inputs: {s.x: [{k: 1}]}\n  outputs:\n    query: {partial: true, rows: [{s: '1970-01-01', l: 1, g: {{ var('gone') }}}]}\n";
    let world = small(query, tests);
    let config = format!("{}variables:\n  limit: 1\n  gone: kept\n", crate::lab::CONFIG);
    edit(&world, &[("config.yaml", &config)]);
    let ran = world.bot(&["test"]);
    assert!(ran.stdout.starts_with("2 tests: 2 passed"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn macros_see_the_variables_of_the_test() {
    let query = "SELECT @EACH(@columns, c -> sum(@{c}) AS @{c}_sum), @IF(@wide, count(*), 0) AS n FROM s.x";
    let tests = "narrow:\n  model: s.total\n  inputs: {s.x: [{a: 1, b: 2}]}\n  outputs: {query: [{a_sum: 1, n: 0}]}\n\
                 wide:\n  model: s.total\n  inputs: {s.x: [{a: 1, b: 2}]}\n  vars: {columns: [a, b], wide: true}\n  \
                 outputs: {query: [{a_sum: 1, b_sum: 2, n: 1}]}\n\
                 again:\n  model: s.total\n  inputs: {s.x: [{a: 1, b: 2}]}\n  outputs: {query: [{a_sum: 1, n: 0}]}\n";
    let world = small(query, tests);
    let config = format!("{}variables:\n  columns: [a]\n  wide: false\n", crate::lab::CONFIG);
    edit(&world, &[("config.yaml", &config)]);
    let ran = world.bot(&["test"]);
    assert!(ran.stdout.starts_with("3 tests: 3 passed"), "{}{}", ran.stdout, ran.stderr);
    let own = "MODEL (name s.total, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key v), columns (v INT));\n\
               SELECT v FROM s.x WHERE v > (SELECT max(v) FROM @this_model)";
    let tests =
        "t:\n  model: s.total\n  inputs: {s.x: [{v: 1}, {v: 3}], s.total: [{v: 2}]}\n  outputs: {query: [{v: 3}]}\n";
    passes(&lab(&[("models/total.sql", own), ("tests/test_total.yaml", tests)]));
}

#[test]
fn columns_that_a_fixture_leaves_out_have_the_types_of_the_model() {
    let tests = "t:\n  model: s.total\n  inputs: {s.mid: [{id: 1}]}\n  outputs:\n    query: [{a: DATE, b: \"DECIMAL(10,2)\", c: ~, n: 2}]\n";
    let world = small(
        "SELECT typeof(day) AS a, typeof(amount) AS b, day + INTERVAL 1 DAY AS c, count(*) OVER () + 1 AS n FROM s.mid",
        tests,
    );
    edit(
        &world,
        &[
            (
                "external_models.yaml",
                "- name: erp.facts\n  columns: {id: INT, day: DATE, amount: \"DECIMAL(10, 2)\"}\n",
            ),
            ("models/base.sql", "MODEL (name s.base, kind VIEW);\nSELECT *, NULL AS nothing FROM erp.facts"),
            (
                "models/mid.sql",
                "MODEL (name s.mid, kind FULL);\nSELECT id, day, amount FROM s.base WHERE day > @start_date",
            ),
        ],
    );
    passes(&world);
    edit(&world, &[("tests/test_total.yaml", &tests.replace("id: 1", "idd: 1"))]);
    assert!(told(&world).contains("`s.mid` has no column `idd`\n  hint: did you mean `id`?"), "{}", told(&world));
    edit(&world, &[("tests/test_total.yaml", &tests.replace("id: 1", "id: many"))]);
    assert!(told(&world).contains("tests/test_total.yaml:3:21"), "{}", told(&world));
    assert!(told(&world).contains("row 1 of `s.mid`: \"many\" of column `id` is no INTEGER"), "{}", told(&world));
}

#[test]
fn types_that_a_test_states_win() {
    let tests = "t:\n  model: s.total\n  inputs:\n    s.x:\n      columns: {k: DATE, tags: 'VARCHAR[]', m: 'MAP(VARCHAR, INTEGER)'}\n      \
                 rows: [{k: '2026-01-31', tags: [a, \"b, c\"], m: {z: 1, a: 2}}]\n  outputs:\n    query: [{k: 2026-02-01, n: 2, second: 'b, c', m: {z: 1, a: 2}}]\n";
    passes(&small("SELECT (k + 1)::DATE AS k, len(tags) AS n, tags[2] AS second, m FROM s.x", tests));
}

#[test]
fn a_model_that_reads_itself_finds_its_table_empty() {
    let query = "SELECT k, v FROM s.x WHERE v > coalesce((SELECT max(v) FROM s.total), 1)";
    let tests = format!("t:\n{ROWS}  outputs:\n    query: [{{v: 2, k: b}}, {{v: 3, k: b}}]\n");
    let model = format!(
        "MODEL (name s.total, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key k), columns (k VARCHAR, v INT));\n{query}"
    );
    passes(&lab(&[("models/total.sql", &model), ("tests/test_total.yaml", &tests)]));
    let given = tests.replace("  inputs:\n", "  inputs:\n    s.total: [{k: a, v: 2}]\n").replace("{v: 2, k: b}, ", "");
    passes(&lab(&[("models/total.sql", &model), ("tests/test_total.yaml", &given)]));
}

#[test]
fn every_kind_of_table_name_can_have_rows() {
    let query = "SELECT a.n + information_schema.tables.n + deep.er.t.n + plain.n AS n \
                 FROM A.a AS a, information_schema.tables, deep.er.t, plain";
    let tests = "t:\n  model: s.total\n  inputs:\n    a.a: [{n: 1}]\n    information_schema.tables: [{n: 10}]\n    deep.er.t: [{n: 100}]\n    plain: [{n: 1000}]\n  \
                 outputs:\n    query: [{n: 1111}]\n";
    passes(&small(query, tests));
}

#[test]
fn what_the_engine_refuses_is_an_error_of_that_test() {
    let tests = format!("t:\n{ROWS}  outputs:\n    query: []\nother:\n{ROWS}  outputs:\n    ctes: {{x: []}}\n");
    let world = small("SELECT nope FROM s.x", &tests);
    let text = told(&world);
    assert!(
        text.contains("error tests/test_total.yaml:1:1 t of s.total: Binder Error: Referenced column \"nope\""),
        "{text}"
    );
    assert!(text.contains("failed tests/test_total.yaml:13:1 other"), "{text}");
    assert_eq!(json(&world).json()["summary"], json!({"passed": 0, "failed": 1, "errors": 1, "cannot_run": 0}));
}

#[test]
fn sql_of_another_engine_is_named_and_stops_nothing_unless_asked() {
    let tests = format!(
        "t:\n{ROWS}  outputs:\n    query: []\nother:\n  model: s.plain\n  inputs: {{s.x: [{{k: 1}}]}}\n  outputs:\n    query: [{{k: 1}}]\n"
    );
    let world = lab(&[
        (
            "models/total.sql",
            "MODEL (name s.total, kind FULL, dialect snowflake);\nSELECT TRY_TO_DECIMAL(k, 10, 2) AS k FROM s.x",
        ),
        ("models/plain.sql", "MODEL (name s.plain, kind FULL, dialect snowflake);\nSELECT k FROM s.x"),
        ("tests/test_total.yaml", &tests),
    ]);
    let ran = world.bot(&["test"]);
    assert_eq!(ran.exit, Exit::Done);
    assert!(
        ran.stdout.contains("cannot run tests/test_total.yaml:1:1 t of s.total: the model is written in snowflake"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("2 tests: 1 passed, 1 need another engine"), "{}", ran.stdout);
    assert_eq!(world.bot(&["test", "--all-must-run"]).exit, Exit::No);
}

#[test]
fn a_gateway_may_want_its_tests_elsewhere() {
    let tests = format!("t:\n  gateway: cloud\n{ROWS}  outputs:\n    query: {{partial: true, rows: [{{z: 1}}]}}\n");
    let world = small("SELECT current_setting('default_null_order') = 'NULLS_FIRST' AS z FROM s.x LIMIT 1", &tests);
    let gateway = |connection: &str| {
        let config = crate::lab::CONFIG
            .replace("gateways:\n", &format!("gateways:\n  cloud:\n    test_connection: {connection}\n"));
        edit(&world, &[("config.yaml", &config)]);
    };
    gateway("{type: snowflake, account: a}");
    let ran = json(&world);
    assert_eq!((ran.exit, endings(&ran)), (Exit::Done, vec![("t".into(), "cannot_run".into())]));
    assert!(
        ran.stdout.contains("a connection of type `snowflake` is not supported")
            || ran.stdout.contains("found `snowflake`"),
        "{}",
        ran.stdout
    );
    gateway("{type: duckdb, database: tests.duckdb, connector_config: {default_null_order: nulls_first}}");
    let ran = world.bot(&["test", "--gateway", "local"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
    assert!(!world.repository.path().join("tests.duckdb").exists());
    edit(&world, &[("config.yaml", &format!("{}default_test_connection: {{type: postgres}}\n", crate::lab::CONFIG))]);
    assert!(world.bot(&["test"]).stderr.contains("`default_test_connection` is passed over"));
    edit(&world, &[("tests/test_total.yaml", &tests.replace("cloud", "clod"))]);
    assert!(told(&world).contains("tests/test_total.yaml:2:3: there is no gateway `clod`"), "{}", told(&world));
}

#[test]
fn mistakes_are_told_and_the_sound_tests_run() {
    let tests = format!(
        "t:\n{ROWS}  outputs:\n    query: {{partial: true, rows: [{{k: a}}, {{k: b}}, {{k: b}}]}}\n\
         typo:\n  model: s.totl\n  outputs: {{query: []}}\nkey:\n  model: s.total\n  input: {{}}\n  outputs: {{query: []}}\n\
         missing:\n  model: s.total\n  outputs: {{query: []}}\nseed:\n  model: s.seed\n  outputs: {{query: []}}\n\
         broken:\n  model: s.broken\n  outputs: {{query: []}}\n"
    );
    let world = small("SELECT k, v FROM s.x", &tests);
    edit(
        &world,
        &[
            ("seeds/s.csv", "a\n1\n"),
            ("models/seed.sql", "MODEL (name s.seed, kind SEED (path '../seeds/s.csv'))"),
            ("models/broken.sql", "MODEL (name s.broken, kind SEED (path 'none.csv'))"),
            ("tests/test_bad.yml", "a: [1\n"),
            ("tests/test_empty.yml", "# nothing yet\n"),
            ("tests/not_a_test.yaml", "a: [1\n"),
        ],
    );
    insta::assert_snapshot!(told(&world));
    let ran = json(&world);
    assert_eq!((endings(&ran), ran.stderr.as_str()), (vec![("t".into(), "passed".into())], ""));
}

#[test]
fn hostile_yaml_is_told_and_stops_at_once() {
    let bomb: String = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let item = format!("*a{}, ", level - 1);
        format!("{text}a{level}: &a{level} [{}]\n", item.repeat(9))
    });
    let world = small("SELECT 1 AS one", &bomb);
    edit(
        &world,
        &[
            ("tests/test_deep.yaml", &"[".repeat(100_000)),
            (
                "tests/test_name.yaml",
                "\"x\u{202e}\\u001b[2J\":\n  model: s.total\n  outputs:\n    query: [{one: \"\\u001b]0;x\\u0007\"}]\n",
            ),
            (
                "tests/test_sql.yaml",
                "t:\n  model: s.total\n  outputs:\n    query: {query: \"SELECT 1 AS one) AS q; CREATE SCHEMA gone; SELECT (1\"}\n",
            ),
            (
                "tests/test_column.yaml",
                "t:\n  model: s.total\n  inputs: {s.y: [{\"a\\\" INT); DROP SCHEMA main; --\": 1}]}\n  outputs:\n    query: [{one: 1}]\n",
            ),
        ],
    );
    let ran = world.bot(&["test"]);
    assert_eq!(ran.exit, Exit::No);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!all.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{all:?}");
    assert!(all.contains("tests/test_deep.yaml") && all.contains("tests/test_total.yaml"), "{all}");
    assert!(all.contains("2 tests: 1 passed, 1 failed, 3 mistakes in test files"), "{all}");
}

#[test]
fn tests_are_chosen_by_what_is_asked_for() {
    let tests = format!("one:\n{ROWS}  outputs: {{query: []}}\ntwo:\n{ROWS}  outputs: {{query: []}}\n");
    let world = small("SELECT k FROM s.x WHERE false", &tests);
    let names = |arguments: &[&str]| {
        let ran = world.done(&[&["test", "--format", "json"], arguments].concat());
        endings(&ran).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["one", "two"]);
    assert_eq!(names(&["-k", "two"]), ["two"]);
    assert_eq!(names(&["./tests/test_total.yaml::one", "--jobs", "1"]), ["one"]);
    assert_eq!(names(&["tests/"]), ["one", "two"]);
    assert_eq!(names(&["models/total.sql", "-k", "*::t*"]), ["two"]);
    let ran =
        world.bot_in(&world.repository.path().join("tests"), &["test", "--project", "..", "test_total.yaml::one"]);
    assert!(ran.exit == Exit::Done && ran.stdout.starts_with("1 test: 1 passed"), "{}{}", ran.stdout, ran.stderr);
    let ran = world.bot(&["test", "tests/test_total.yaml::on"]);
    assert!(
        ran.exit == Exit::No && ran.stderr.contains("did you mean `tests/test_total.yaml::one`?"),
        "{}",
        ran.stderr
    );
    assert!(world.bot(&["test", "-k", "three"]).stderr.contains("no test fits what `-k` says"));
}

#[test]
fn a_project_without_tests_says_so() {
    let world = World::empty();
    world.done(&["init"]);
    let ran = world.bot(&["test"]);
    assert!(ran.exit != Exit::Done && ran.stderr.contains("commit"), "{}", ran.stderr);
    let world = lab(&[("models/a.sql", "MODEL (name s.a, kind FULL);\nSELECT 1 AS one")]);
    assert!(world.done(&["test"]).stdout.starts_with("There are no unit tests"));
    world.repository.write("tests/test_a.yaml", "t:\n  model: s.a\n  outputs: {query: [{one: 1}]}\n");
    passes(&world);
}

#[test]
fn many_tests_run_beside_one_another_and_see_nothing_of_each_other() {
    let tests: String = (0..60)
        .map(|number| format!("t{number}:\n  model: s.total\n  inputs: {{s.x: [{{v: {number}}}]}}\n  outputs:\n    query: [{{v: {number}, n: 1}}]\n"))
        .collect();
    let world = small("SELECT sum(v) AS v, count(*) AS n FROM s.x", &tests);
    let ran = world.done(&["test", "--jobs", "8"]);
    assert!(ran.stdout.starts_with("60 tests: 60 passed"), "{}", ran.stdout);
}

#[test]
fn a_test_is_written_from_rows_of_the_warehouse() {
    let world = crate::lab::orders();
    world.done(&["promote"]);
    let created = |arguments: &[&str]| world.bot(&[&["test", "--create"], arguments].concat());
    let refused = |arguments: &[&str], said: &str| {
        let ran = created(arguments);
        assert!(ran.exit == Exit::No && ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    };
    let daily = [
        "marts.daily",
        "--query",
        "raw.orders",
        "SELECT * FROM raw.orders WHERE id > 1 ORDER BY id",
        "--var",
        "start=2026-03-26",
        "--var",
        "end=2026-03-27",
    ];
    let ran = created(&[&daily[..], &["--name", "by day", "--path", "deep/test_days.yml"]].concat());
    assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::Done, "created  tests/deep/test_days.yml\n"), "{}", ran.stderr);
    let path = world.repository.path().join("tests/deep/test_days.yml");
    insta::assert_snapshot!(std::fs::read_to_string(&path).expect("the test"));
    assert_eq!(created(&["marts.total"]).stdout, "created  tests/test_total.yaml\n");
    let ran = world.bot(&["test"]);
    assert!(ran.exit == Exit::Done && ran.stdout.starts_with("2 tests: 2 passed"), "{}{}", ran.stdout, ran.stderr);
    refused(&["marts.total"], "is there already");
    assert_eq!(created(&["marts.total", "--overwrite"]).exit, Exit::Done);
    for wrong in ["../test_x", "x.yaml", "a/../../test_x.yaml"] {
        refused(&["marts.total", "--path", wrong], "no test is found in");
    }
    world.repository.link("tests/test_link.yaml", "../config.yaml");
    refused(&["marts.total", "--name", "test_link"], "is there already");
    world.repository.link("tests/test_dangling.yaml", "../made.yaml");
    assert_eq!(created(&["marts.total", "--name", "test_dangling"]).exit, Exit::Failed);
    assert!(!world.repository.path().join("made.yaml").exists());
    assert_eq!(created(&["marts.total", "--format", "json"]).exit, Exit::Failed, "what is created is told to people");
    refused(&["marts.totl"], "did you mean `marts.total`?");
    refused(&["raw.orders"], "no test of `raw.orders` can be made");
    refused(&["marts.total", "--name", "test_y", "--query", "raw.orders", "SELECT 1"], "it reads `marts.daily`");
    refused(
        &["marts.total", "--name", "test_y", "--query", "marts.daily", "SELECT amnt FROM marts.daily"],
        "the warehouse gives no rows of `marts.daily`",
    );
}

#[test]
fn a_test_of_a_larger_model_is_written_with_its_ctes() {
    let world = World::shop();
    world.done(&["promote"]);
    let models = ["marts.product_sales", "marts.fct_orders", "marts.customer_orders", "marts.best_sellers"];
    let mut created = 0;
    for model in models {
        let ran = world.bot(&[
            "test",
            "--create",
            model,
            "--include-ctes",
            "--var",
            "start=2026-01-01",
            "--var",
            "end=2026-12-31",
        ]);
        created += usize::from(ran.exit == Exit::Done);
    }
    assert!(created >= 2, "{created}");
    let ran = world.bot(&["test"]);
    assert!(
        ran.exit == Exit::Done && ran.stdout.starts_with(&format!("{created} tests: {created} passed")),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn a_created_test_states_types_that_nobody_else_does_and_keeps_hostile_values() {
    let world = small("SELECT k, tags, day, amount, seen FROM erp.facts", "# none yet\n");
    world.sql(
        "CREATE SCHEMA erp; CREATE TABLE erp.facts AS SELECT * FROM (VALUES \
         ('{{ x }}: \\x1b', ['a, b', 'c'], DATE '2026-01-31', 20.50::DECIMAL(10,2), TIMESTAMPTZ '2026-01-31 10:00:00+00'), \
         (NULL, NULL, NULL, NULL, NULL)) AS t(k, tags, day, amount, seen)",
    );
    world.done(&["test", "--create", "s.total", "--path", "test_facts"]);
    let text = std::fs::read_to_string(world.repository.path().join("tests/test_facts.yaml")).expect("the test");
    assert!(text.contains("tags: \"VARCHAR[]\"") && text.contains("amount: \"DECIMAL(10,2)\""), "{text}");
    passes(&world);
    let ran =
        world.bot(&["test", "--create", "s.total", "--path", "test_more", "--query", "erp.facts", "FROM range(2000)"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("more than 1000 rows"), "{}", ran.stderr);
    let ran = world.bot(&[
        "test",
        "--create",
        "s.total",
        "--path",
        "test_more",
        "--query",
        "erp.facts",
        "DROP TABLE erp.facts",
    ]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert_eq!(world.value("SELECT count(*) FROM erp.facts"), "2");
}

#[test]
fn a_signal_stops_what_runs() {
    let endless =
        "SELECT count(*) AS n FROM range(300000) AS a, range(300000) AS b, s.x AS x WHERE a.range + b.range = -x.v";
    let world = small(endless, &format!("t:\n{ROWS}  outputs:\n    query: []\n"));
    let mut command = crate::lab::bot(world.repository.path(), &["test", "-vv"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
    let mut talk = String::new();
    for line in BufReader::new(child.stderr.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if line.contains("statement begins") && line.contains("range(300000)") {
            let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(sent.expect("kill is there").success());
        }
        talk.push_str(&line);
        talk.push('\n');
    }
    assert_eq!(child.wait().expect("its status").code(), Some(2), "{talk}");
    assert!(talk.contains("stopped as asked"), "{talk}");
}
