//! `bot lint`, and what an enabled linter does to plans.

use offshoot::error::Exit;
use serde_json::{Value, json};

use crate::lab::{CONFIG, edit, lab, orders};
use crate::world::World;

/// A project that breaks every rule once.
fn careless() -> World {
    let config = format!(
        "{CONFIG}linter:\n  rules: [noselectstar, ambiguousorinvalidcolumn, nomissingexternalmodels]\n  warn_rules: [nomissingaudits, nomissingunittest, noambiguousprojections, invalidselectstarexpansion]\n"
    );
    lab(&[
        ("config.yaml", &config),
        ("seeds/orders.csv", "id,amount\n1,10\n"),
        (
            "models/raw.sql",
            "MODEL (name raw.orders, kind SEED (path '../seeds/orders.csv'), ignored_rules ['nomissingaudits']);\n",
        ),
        (
            "models/sales.sql",
            "MODEL (\n  name marts.sales,\n  kind FULL\n);\n\nSELECT\n  count(*),\n  amont\nFROM raw.orders\n",
        ),
        (
            "models/stock.sql",
            "-- what the ERP system has\nMODEL (name marts.stock, kind VIEW);\nSELECT s.* FROM erp.stock AS s\n",
        ),
        ("models/calm.sql", "MODEL (name marts.calm, kind VIEW, ignored_rules ALL);\nSELECT * FROM erp.stock\n"),
        (
            "models/odd.sql",
            "MODEL (name marts.odd, kind VIEW, audits (not_null(columns := (id))));\nSELECT frobnicate(id) AS id FROM raw.orders\n",
        ),
        ("tests/test_raw.yaml", "test_raw:\n  model: raw.orders\n  outputs: {}\n"),
        ("linter/user.py", "class NoShouting(Rule):\n    pass\n"),
    ])
}

#[test]
fn every_violation_is_told_with_its_place() {
    let world = careless();
    let ran = world.bot(&["lint"]);
    assert_eq!(ran.exit, Exit::No);
    insta::assert_snapshot!(ran.stdout);
    assert!(ran.stderr.contains("`linter.enabled` is not true"), "{}", ran.stderr);
    assert!(!world.state().exists() && !world.repository.path().join("warehouse.duckdb").exists());
}

#[test]
fn one_model_is_looked_at_where_one_is_named() {
    let world = careless();
    let told = |arguments: &[&str]| world.bot(&[&["lint", "--format", "json"], arguments].concat());
    let ran = told(&["--model", "marts.odd"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
    let value: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(value["schema_version"], 1);
    assert_eq!(value["enabled"], false);
    assert_eq!(value["summary"], json!({"models": 1, "errors": 0, "warnings": 1}));
    let violation = json!({
        "rule": "nomissingunittest", "level": "warning", "model": "marts.odd", "path": "models/odd.sql", "line": 1,
        "column": 1, "message": "`marts.odd` has no unit test",
        "help": "add one to `tests/test_odd.yaml`, with `model: marts.odd`"
    });
    assert_eq!(value["violations"], json!([violation]));
    let unchecked =
        json!({"rule": "ambiguousorinvalidcolumn", "model": "marts.odd", "why": "unknown function frobnicate"});
    assert_eq!(value["unchecked"], json!([unchecked]));
    assert_eq!(told(&["--model", "marts.stock", "--model", "marts.odd"]).exit, Exit::No);
    let ran = world.bot(&["lint", "--model", "marts.stocks"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("did you mean `marts.stock`?"), "{}", ran.stderr);
}

#[test]
fn the_working_tree_is_looked_at_where_that_is_asked() {
    let world = careless();
    world
        .repository
        .write("models/stock.sql", "MODEL (name marts.stock, kind VIEW, ignored_rules ALL);\nSELECT 1 AS one\n");
    world
        .repository
        .write("models/sales.sql", "MODEL (name marts.sales, kind VIEW, ignored_rules ALL);\nSELECT 1 AS one\n");
    assert_eq!(world.bot(&["lint"]).exit, Exit::No);
    let ran = world.done(&["lint", "--worktree"]);
    assert!(ran.stdout.ends_with("5 models: 0 errors, 1 warning.\n"), "{}", ran.stdout);
}

#[test]
fn without_a_rule_nothing_is_looked_for_and_that_is_said() {
    let world = orders();
    let ran = world.done(&["lint"]);
    assert_eq!(ran.stdout, "4 models: no violation.\n");
    assert!(ran.stderr.contains("no rule is named"), "{}", ran.stderr);
}

#[test]
fn a_project_that_cannot_be_loaded_is_no_clean_one() {
    let world = orders();
    edit(&world, &[("models/broken.sql", "MODEL (name marts.broken, kind FULL, ownr me);\nSELECT 1 AS one\n")]);
    let ran = world.bot(&["lint"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("unknown-property"), "{}", ran.stderr);
}

fn with_linter(world: &World, linter: &str) {
    edit(world, &[("config.yaml", &format!("{CONFIG}linter: {linter}\n"))]);
}

/// Codes and severities of a plan's problems that are the linter's.
fn of_linter(plan: &Value) -> Vec<(String, String)> {
    let problems = plan["problems"].as_array().expect("a list").iter();
    let text = |problem: &Value, key: &str| problem[key].as_str().expect("a text").to_owned();
    let all = problems.map(|problem| (text(problem, "code"), text(problem, "severity")));
    all.filter(|(code, _)| code.starts_with("lint-")).collect()
}

#[test]
fn an_enabled_linter_blocks_plan_apply_and_promote() {
    let world = orders();
    world.done(&["promote"]);
    world.repository.branch("feature");
    with_linter(&world, "{enabled: true, rules: [noselectstar], warn_rules: [nomissingaudits]}");
    let plan = world.done(&["plan", "--format", "json"]).json();
    assert_eq!(of_linter(&plan).len(), 4, "{plan}");
    assert!(of_linter(&plan).iter().all(|(code, level)| code == "lint-nomissingaudits" && level == "warning"));
    world.done(&["apply"]);
    let star = "MODEL (name marts.shown, kind VIEW);\nSELECT * FROM marts.total\n";
    edit(&world, &[("models/shown.sql", star)]);
    let ran = world.bot(&["plan", "--format", "json"]);
    assert_eq!(ran.exit, Exit::No);
    let problems = ran.json()["problems"].clone();
    let error = problems.as_array().expect("a list").iter().find(|problem| problem["severity"] == "error");
    let expected = json!({
        "code": "lint-noselectstar", "severity": "error", "path": "models/shown.sql", "line": 2, "column": 8,
        "message": "the query of `marts.shown` selects with a star", "help": "name the columns that the model is to have"
    });
    assert_eq!(error, Some(&expected));
    let before = world.bot(&["env", "list", "--format", "json"]).stdout;
    let ran = world.bot(&["apply"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("lint-noselectstar"), "{}", ran.stderr);
    assert_eq!(world.bot(&["env", "list", "--format", "json"]).stdout, before, "nothing was changed");
    world.repository.git(&["checkout", "--quiet", "main"]);
    world.repository.git(&["merge", "--quiet", "--ff-only", "feature"]);
    let ran = world.bot(&["promote"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("lint-noselectstar"), "{}", ran.stderr);
    with_linter(&world, "{enabled: false, rules: [noselectstar]}");
    assert_eq!(of_linter(&world.done(&["plan", "--format", "json"]).json()), []);
    world.done(&["promote"]);
}

/// A warm plan leaves the queries of what nobody touched unread, but not where rules ask about them.
#[test]
fn a_model_that_the_branch_does_not_touch_is_looked_at_too() {
    let world = orders();
    edit(&world, &[("models/shown.sql", "MODEL (name marts.shown, kind VIEW);\nSELECT * FROM marts.total\n")]);
    with_linter(&world, "{enabled: true, warn_rules: [noselectstar]}");
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/more.sql", "MODEL (name marts.more, kind VIEW);\nSELECT 1 AS one\n")]);
    for _ in 0..2 {
        let plan = world.done(&["plan", "--format", "json"]).json();
        assert_eq!(of_linter(&plan), [("lint-noselectstar".to_owned(), "warning".to_owned())]);
        assert_eq!(plan["summary"]["added"], 1, "{}", plan["summary"]);
    }
}

#[test]
fn mistakes_in_the_linters_settings_are_told_with_the_others() {
    let world = orders();
    with_linter(&world, "{rules: [noselectstars]}");
    let ran = world.bot(&["plan"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stdout.contains("config.yaml:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("did you mean `noselectstar`?"), "{}", ran.stdout);
}

#[test]
fn hostile_names_are_text() {
    let world = lab(&[(
        "models/a.sql",
        "MODEL (name s.\"x]\u{1b}[2j`<b>\", kind VIEW);\nSELECT 1 AS a, 2 AS \"A\", count(\"\u{1b}[2J\u{202e}\") FROM (SELECT 1 AS \"\u{1b}[2J\u{202e}\")\n",
    )]);
    with_linter(&world, "{rules: ALL}");
    let text = world.bot(&["lint"]).stdout;
    assert!(text.contains("2j") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
}
