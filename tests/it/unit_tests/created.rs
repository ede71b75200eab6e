//! `bot test --create`.

use super::*;

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

/// A link is never written through, whether to a file or on the way to one.
#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let world = crate::lab::orders();
    world.done(&["promote"]);
    let config = world.repository.read("config.yaml");
    world.repository.link("tests/test_link.yaml", "../config.yaml");
    let created = |path: &str| world.bot(&["test", "--create", "marts.total", "--path", path, "--overwrite"]);
    let ran = created("test_link");
    assert!(ran.exit == Exit::Failed && ran.stderr.contains("it is a link or a folder"), "{}", ran.stderr);
    assert_eq!(world.repository.read("config.yaml"), config);
    let elsewhere = tempfile::tempdir().expect("a folder");
    world.repository.link("tests/out", elsewhere.path().to_str().expect("a plain path"));
    for arguments in [&["--overwrite"][..], &[]] {
        let ran = world.bot(&[&["test", "--create", "marts.total", "--path", "out/deep/test_x"], arguments].concat());
        assert!(ran.exit == Exit::Failed && ran.stderr.contains("leads out of the project"), "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("the folder").count(), 0);
    assert_eq!(created("test_plain").exit, Exit::Done);
    assert_eq!(created("test_plain").exit, Exit::Done, "it is replaced");
    let names = std::fs::read_dir(world.repository.path().join("tests")).expect("the folder");
    assert_eq!(names.count(), 3, "nothing is left beside it");
}

#[test]
fn rows_that_the_warehouse_does_not_show_are_asked_for() {
    let world = lab(&[
        (
            "models/total.sql",
            "MODEL (name s.total, kind FULL);\nSELECT count(*) AS n FROM s.part JOIN erp.facts USING (id)",
        ),
        ("models/part.sql", "MODEL (name s.part, kind EMBEDDED);\nSELECT id FROM erp.facts WHERE id > 1"),
        ("external_models.yaml", "- name: erp.facts\n  columns: {id: INTEGER}\n"),
    ]);
    let part = ["--query", "s.part", "SELECT id FROM erp.facts WHERE id > 1"];
    let created = |arguments: &[&str]| world.bot(&[&["test", "--create", "s.total"], arguments].concat());
    let ran = created(&part);
    assert!(ran.exit == Exit::No && ran.stderr.contains("there is no warehouse at"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: `bot promote`"), "{}", ran.stderr);
    world.sql("CREATE SCHEMA erp; CREATE TABLE erp.facts AS SELECT 1::INTEGER AS id, 'a' AS k UNION ALL SELECT 2, 'b'");
    let ran = created(&[]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("`s.part` is EMBEDDED"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`--query s.part 'SELECT …'`"), "{}", ran.stderr);
    let ran = created(&part);
    assert!(ran.exit == Exit::No && ran.stderr.contains("`erp.facts` has a column `k`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("let `bot external` declare it"), "{}", ran.stderr);
    world.done(&["external"]);
    assert_eq!(created(&part).exit, Exit::Done);
    passes(&world);
    let reader = "MODEL (name s.reader, kind FULL);\nSELECT n FROM s.total";
    edit(&world, &[("models/reader.sql", reader)]);
    let ran = world.bot(&["test", "--create", "s.reader"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("`bot promote` it first"), "{}", ran.stderr);
}

/// What a text of a union is read back as may be another member's.
#[test]
fn values_of_unions_are_refused_by_name() {
    let world = small("SELECT id FROM erp.facts", "# none yet\n");
    world.sql("CREATE SCHEMA erp; CREATE TABLE erp.facts AS SELECT 1 AS id, 5::UNION(num INTEGER, str VARCHAR) AS u");
    let created =
        |arguments: &[&str]| world.bot(&[&["test", "--create", "s.total", "--path", "test_facts"], arguments].concat());
    let ran = created(&[]);
    let told = "column `u` of `erp.facts`, which is UNION(num INTEGER, str VARCHAR)";
    assert!(ran.exit == Exit::No && ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(created(&["--query", "erp.facts", "SELECT id FROM erp.facts"]).exit, Exit::Done);
    passes(&world);
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
