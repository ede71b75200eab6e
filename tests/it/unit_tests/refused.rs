//! What cannot run, is wrong or hostile.

use super::*;

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
fn what_duckdb_can_be_told_of_postgresql_it_is_told_and_what_it_means_otherwise_cannot_run() {
    let test = |name: &str, rows: &str| {
        format!(
            "{name}:\n  model: s.{name}\n  inputs: {{s.x: [{{k: 1}}, {{k: null}}]}}\n  outputs:\n    query: [{rows}]\n"
        )
    };
    let tests = test("last", "{k: null, half: 3}") + &test("found", "{is_found: false}");
    let model = |name: &str, query: &str| format!("MODEL (name s.{name}, kind FULL, dialect postgres);\n{query}");
    let world = lab(&[
        ("models/last.sql", &model("last", "SELECT k, 7 / 2 AS half FROM s.x ORDER BY k DESC LIMIT 1")),
        ("models/found.sql", &model("found", "SELECT 'abc' ~ 'b' AS is_found FROM s.x WHERE k = 1")),
        ("tests/test_last.yaml", &tests),
    ]);
    let ran = json(&world);
    assert_eq!(
        endings(&ran),
        [("last".into(), "passed".into()), ("found".into(), "cannot_run".into())],
        "{}",
        ran.stdout
    );
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

/// Whoever opens a pull request writes its models and tests; what else the machine holds is not theirs.
#[test]
fn tests_reach_no_file_unless_the_project_lets_them() {
    let world = small("SELECT 1 AS one", "# none yet\n");
    world.repository.write("secret.txt", "hunter2");
    let file = world.repository.path().join("secret.txt").display().to_string().replace('\\', "/");
    let reads = format!("SELECT content FROM read_text('{file}')");
    let model = |sql: &str| format!("MODEL (name s.total, kind FULL);\n{sql}");
    let tests = format!(
        "model:\n  model: s.total\n  outputs:\n    query: [{{content: hunter2}}]\n\
         expected:\n  model: s.one\n  outputs:\n    query:\n      query: \"{reads}\"\n\
         given:\n  model: s.plain\n  inputs:\n    s.x:\n      query: \"{reads}\"\n  outputs:\n    query: [{{content: hunter2}}]\n"
    );
    edit(
        &world,
        &[
            ("models/total.sql", &model(&reads)),
            ("models/one.sql", &model("SELECT 'hunter2' AS content").replace("s.total", "s.one")),
            ("models/plain.sql", &model("SELECT content FROM s.x").replace("s.total", "s.plain")),
            ("tests/test_total.yaml", &tests),
        ],
    );
    let text = told(&world);
    assert!(!text.contains("- hunter2") && text.contains("3 tests: 0 passed, 3 could not be run through"), "{text}");
    assert!(text.contains("Permission Error") && text.contains("enable_external_access: true"), "{text}");
    let permits = "local:\n    test_connection: {type: duckdb, connector_config: {enable_external_access: true}}\n";
    edit(&world, &[("config.yaml", &crate::lab::CONFIG.replace("local:\n", permits))]);
    let ran = json(&world);
    let passed: Vec<String> =
        endings(&ran).into_iter().filter(|(_, ending)| ending == "passed").map(|(name, _)| name).collect();
    assert_eq!(passed, ["model", "expected", "given"], "{}", ran.stdout);
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
