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
