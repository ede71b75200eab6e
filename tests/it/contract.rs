//! What scripts may rely on: every key of the JSON objects, exit codes, and that a plan writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use offshoot::error::Exit;
use serde_json::Value;

use crate::lab::{edit, lab};
use crate::world::World;

const ORDERS: &str = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n";
const RAW: &str =
    "MODEL (name raw.orders, kind SEED (path '../seeds/orders.csv'), columns (id INT, amount INT, day DATE))";
const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));\n\
                     SELECT day, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date";
const SHOWN: &str = "MODEL (name marts.shown, kind VIEW);\nSELECT amount FROM marts.daily";

fn world() -> World {
    lab(&[
        ("seeds/orders.csv", ORDERS),
        ("models/raw.sql", RAW),
        ("models/daily.sql", DAILY),
        ("models/shown.sql", SHOWN),
    ])
}

#[track_caller]
fn keys(value: &Value, expected: &[&str]) {
    let found: Vec<&String> = value.as_object().unwrap_or_else(|| panic!("no object: {value}")).keys().collect();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

fn check_plan(plan: &Value) {
    keys(plan, &["schema_version", "environment", "commits", "models", "drift", "summary", "problems"]);
    assert_eq!(plan["schema_version"], 1);
    assert!(plan["environment"].is_string());
    keys(&plan["commits"], &["base", "head", "merge_base", "result_tree"]);
    keys(
        &plan["summary"],
        &["models", "added", "modified", "indirect", "metadata", "removed", "unaffected", "reused", "to_build"],
    );
    assert!(plan["summary"].as_object().expect("an object").values().all(Value::is_u64));
    let lists = ["models", "drift"].map(|list| plan[list].as_array().expect("a list").clone());
    lists.iter().flatten().for_each(check_model);
    for problem in plan["problems"].as_array().expect("a list") {
        keys(problem, &["code", "severity", "path", "line", "column", "message", "help"]);
        assert!(["error", "warning", "info"].contains(&problem["severity"].as_str().expect("a text")));
        assert!(problem["code"].is_string() && problem["message"].is_string());
    }
}

fn check_model(model: &Value) {
    let expected = [
        "name",
        "kind",
        "change",
        "category",
        "reasons",
        "action",
        "table",
        "data_fingerprint",
        "intervals_missing",
        "due_at_promote",
        "basis",
    ];
    keys(model, &expected);
    let one_of = |key: &str, words: &[&str]| {
        let word = model[key].as_str().expect("a text");
        assert!(words.contains(&word), "{key} is {word}");
    };
    one_of("change", &["added", "modified", "indirect", "metadata", "removed", "unaffected"]);
    one_of("category", &["breaking", "non_breaking", "metadata", "none"]);
    one_of("action", &["build", "reuse", "view", "drop", "none"]);
    for reason in model["reasons"].as_array().expect("a list") {
        assert!(reason["code"].is_string() && reason["text"].is_string());
    }
    assert!(!model["reasons"].as_array().expect("a list").is_empty());
    if model["kind"] == "VIEW" {
        assert_ne!(model["action"], "build");
        assert_eq!(model["table"], Value::Null);
    }
    for range in
        ["intervals_missing", "due_at_promote"].map(|key| model[key].as_array().expect("a list").clone()).concat()
    {
        assert!(range.as_array().is_some_and(|ends| ends.len() == 2 && ends.iter().all(Value::is_string)), "{range}");
    }
}

fn check_outcome(outcome: &Value) {
    keys(outcome, &["schema_version", "environment", "plan", "builds", "swapped", "released", "seconds"]);
    check_plan(&outcome["plan"]);
    assert_eq!(outcome["environment"], outcome["plan"]["environment"]);
    assert!(outcome["swapped"].is_u64() && outcome["seconds"].is_number());
    for build in outcome["builds"].as_array().expect("a list") {
        keys(build, &["model", "table", "rows", "seconds", "intervals"]);
    }
}

#[test]
fn every_key_is_always_there() {
    let world = world();
    let first = world.done(&["plan", "--format", "json"]).json();
    check_plan(&first);
    assert_eq!(first["environment"], "prod");
    assert_eq!(first["problems"][0]["code"], "never-promoted");
    assert_eq!(first["problems"][0]["severity"], "info");
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.stderr, "", "a script is told nothing beside the object");
    check_outcome(&promoted.json());
    world.repository.branch("feature");
    world.repository.remove("models/shown.sql");
    edit(
        &world,
        &[
            ("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount")),
            ("models/new.sql", "MODEL (name marts.new, kind VIEW, owner ada);\nSELECT amount FROM marts.daily"),
        ],
    );
    let plan = world.done(&["plan", "--format", "json"]).json();
    check_plan(&plan);
    assert_eq!(plan["models"].as_array().expect("a list").len(), 3);
    assert_eq!(plan["models"][0]["intervals_missing"], serde_json::json!([["2026-03-26", "2026-04-01"]]));
    let applied = world.done(&["apply", "--format", "json"]).json();
    check_outcome(&applied);
    assert_eq!(applied["builds"][0]["rows"], 3);
}

#[test]
fn a_gc_has_every_key() {
    let world = world();
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount"))]);
    world.done(&["apply", "--env", "over"]);
    world.sql("CREATE TABLE offshoot__marts.theirs AS SELECT 1 AS a; CREATE SCHEMA theirs");
    let world = world.at("2026-05-01");
    let run = |arguments: &[&str]| world.done(&[&["gc", "--format", "json"], arguments].concat()).json();
    let first = run(&["--dry-run"]);
    keys(&first, &["schema_version", "dry_run", "environments", "dropped", "waiting", "kept", "needed"]);
    assert_eq!((&first["schema_version"], &first["dry_run"]), (&1.into(), &true.into()));
    let (over, waits, kept) = (&first["environments"][0], &first["waiting"][0], &first["kept"][0]);
    keys(over, &["name", "expired_at", "left"]);
    keys(waits, &["table", "model", "rows", "action", "known_to_state", "unneeded_since", "goes_at"]);
    keys(kept, &["table", "model", "unneeded_since", "reason"]);
    keys(&kept["reason"], &["code", "text"]);
    assert_eq!((&kept["model"], &kept["unneeded_since"]), (&Value::Null, &Value::Null));
    assert_eq!((&waits["rows"], &waits["goes_at"]), (&Value::Null, &"2026-05-08T00:00:00Z".into()));
    assert_eq!(run(&[])["dry_run"], false);
    let gone = world.at("2026-05-08").done(&["gc", "--format", "json"]).json();
    keys(&gone["dropped"][0], &["table", "model", "rows", "action", "known_to_state", "unneeded_since", "goes_at"]);
}

#[test]
fn a_rollback_and_a_held_environment_have_every_key() {
    let world = world();
    world.done(&["promote"]);
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount"))]);
    let world = world.at("2026-04-02");
    world.done(&["promote"]);
    let hold = ["who", "run", "at", "why", "from", "to", "models"];
    for arguments in [&["--dry-run"][..], &[]] {
        let done = world.done(&[&["rollback", "--format", "json"], arguments].concat());
        assert_eq!(done.stderr, "");
        let done = done.json();
        keys(&done, &["schema_version", "dry_run", "environment", "from", "to", "models", "swapped", "hold"]);
        assert_eq!((&done["schema_version"], &done["dry_run"]), (&1.into(), &(!arguments.is_empty()).into()));
        [&done["from"], &done["to"]].into_iter().for_each(|entry| keys(entry, &["entry", "commit", "at"]));
        let daily = &done["models"][0];
        keys(daily, &["name", "from", "to", "loaded_to", "filled_at", "behind"]);
        keys(&daily["behind"][0], &["code", "text", "intervals"]);
        keys(&done["hold"], &hold);
        assert_eq!(
            (&done["hold"]["why"], &done["hold"]["models"]),
            (&Value::Null, &serde_json::json!(["marts.daily", "marts.shown"]))
        );
    }
    let page = world.done(&["env", "show", "prod", "--format", "json"]).json();
    let expected = [
        "schema_version",
        "name",
        "owner",
        "branch",
        "base",
        "status",
        "head",
        "promoted",
        "plan_id",
        "created_at",
        "updated_at",
        "expires_at",
        "created_from",
        "commits",
        "as_of",
        "hold",
        "models",
        "history",
    ];
    keys(&page, &expected);
    keys(&page["hold"], &hold);
    let entry = ["entry", "at", "commit", "who", "run", "command", "kind", "to", "why", "moved"];
    page["history"].as_array().expect("a list").iter().for_each(|past| keys(past, &entry));
    let refused = world.bot(&["promote", "--format", "json"]);
    assert_eq!((refused.exit, refused.stdout.as_str()), (Exit::No, ""));
    assert_eq!(refused.error()["error"]["kind"], "no");
    let released = world.done(&["promote", "--release", "--format", "json"]).json();
    check_outcome(&released);
    keys(&released["released"], &hold);
}

#[test]
fn errors_in_the_project_print_the_plan_and_change_nothing() {
    let world = world();
    edit(
        &world,
        &[
            ("models/twice.sql", SHOWN),
            ("models/lost.sql", &RAW.replace("raw.orders", "raw.lost").replace("orders.csv", "lost.csv")),
        ],
    );
    let before = listing(world.repository.path());
    let plan = world.bot(&["plan", "--format", "json"]);
    assert_eq!(plan.exit, Exit::No);
    check_plan(&plan.json());
    let errors =
        plan.json()["problems"].as_array().expect("a list").iter().filter(|p| p["severity"] == "error").count();
    assert!(errors >= 2, "{}", plan.stdout);
    let promote = world.bot(&["promote", "--format", "json"]);
    assert_eq!((promote.exit, promote.stdout.as_str()), (Exit::No, ""));
    let error = promote.error();
    assert_eq!((&error["schema_version"], &error["error"]["kind"]), (&1.into(), &"no".into()));
    assert!(error["error"]["causes"].to_string().contains("lost.csv"), "{error}");
    world.repository.branch("feature");
    assert_eq!(world.bot(&["apply"]).exit, Exit::No);
    assert_eq!(files(&listing(world.repository.path())), files(&before), "no state and no warehouse was made");
}

#[test]
fn a_plan_writes_nothing_and_opens_no_warehouse() {
    let world = world();
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount"))]);
    std::fs::remove_file(world.warehouse()).expect("the warehouse");
    let before = listing(world.repository.path());
    for arguments in [&["plan"][..], &["plan", "--worktree", "--format", "json"], &["plan", "--format", "markdown"]] {
        world.done(arguments);
    }
    assert_eq!(listing(world.repository.path()), before);
}

#[test]
fn a_branch_before_the_first_promote_is_refused() {
    let world = world();
    world.repository.branch("feature");
    let ran = world.bot(&["apply", "--format", "json"]);
    assert_eq!(ran.exit, Exit::No);
    let error = ran.error();
    assert!(error["error"]["message"].as_str().expect("a text").contains("nothing was promoted yet"), "{error}");
    assert!(error["error"]["hints"][0].as_str().expect("a text").contains("bot promote"), "{error}");
    assert!(!world.warehouse().exists());
}

#[test]
fn conflicts_are_listed_by_file_and_a_shallow_clone_is_told_the_depth() {
    let world = world();
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount"))]);
    world.repository.checkout("main");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 2 AS amount"))]);
    world.repository.checkout("feature");
    let ran = world.bot(&["apply"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("models/daily.sql"), "{}", ran.stderr);

    world.repository.checkout("main");
    let clone = tempfile::tempdir().expect("a folder");
    let target = clone.path().join("shallow");
    let source = format!("file://{}", world.repository.path().display());
    world.repository.git(&["clone", "--quiet", "--depth", "1", &source, &target.display().to_string()]);
    crate::lab::copy(&world.repository.path().join(".offshoot"), &target.join(".offshoot"));
    let ran = world.bot_in(&target, &["promote"]);
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.stderr);
    assert!(ran.stderr.contains("fetch-depth: 0"), "{}", ran.stderr);
}

#[test]
fn a_state_connection_of_sqlite_is_taken_and_one_of_duckdb_passed_over() {
    for (kind, expected) in [("sqlite", "elsewhere/state.db"), ("duckdb", ".offshoot/state.db")] {
        let world = world();
        let connection = format!("    state_connection:\n      type: {kind}\n      database: elsewhere/state.db\n");
        let config = crate::lab::CONFIG.replace("model_defaults:", &format!("{connection}model_defaults:"));
        edit(&world, &[("config.yaml", &config)]);
        world.done(&["promote"]);
        assert!(world.repository.path().join(expected).exists(), "{kind}");
        assert_eq!(world.repository.path().join("elsewhere").exists(), kind == "sqlite");
    }
}

/// Every file that is not git's own, with its content.
fn listing(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != ".git") {
                folders.push(path);
            } else if path.is_file() {
                found.insert(path.clone(), std::fs::read(path).expect("a file"));
            }
        }
    }
    found
}

fn files(listing: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<&PathBuf> {
    listing.keys().collect()
}
