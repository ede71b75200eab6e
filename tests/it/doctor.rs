//! `bot doctor`: what is found, what is wrong, what to do.

use std::fs;

use offshoot::error::Exit;

use crate::engine_duckdb::Holder;
use crate::world::{Ran, World};

fn doctor(world: &World) -> Ran {
    world.bot(&["doctor", "--format", "json"])
}

/// The verdict and message of one check; the gravest where there are several.
fn finding(ran: &Ran, area: &str, check: &str) -> (String, String) {
    let object = ran.json();
    let findings = object["findings"].as_array().expect("findings").clone();
    let of_check = findings.iter().filter(|finding| finding["area"] == area && finding["check"] == check);
    let grave =
        |finding: &&serde_json::Value| ["ok", "warning", "error"].iter().position(|word| finding["verdict"] == *word);
    let found = of_check.max_by_key(grave).unwrap_or_else(|| panic!("no {area} {check} in {}", ran.stdout));
    let text = |key: &str| found[key].as_str().expect("a text").to_owned();
    (text("verdict"), text("message"))
}

fn expect(ran: &Ran, area: &str, check: &str, verdict: &str, part: &str) {
    let (found, message) = finding(ran, area, check);
    assert!(found == verdict && message.contains(part), "{area} {check}: {found}, {message}");
}

fn with_config(config: &str) -> World {
    let world = World::empty();
    world.copy("shop");
    world.repository.write("config.yaml", config);
    world.repository.commit("the shop");
    world
}

#[test]
fn a_new_project_is_well_and_nothing_is_made() {
    let world = World::empty();
    world.copy("shop");
    world.repository.commit("the shop");
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
    assert_eq!(ran.json()["schema_version"], 1);
    expect(&ran, "git", "branch", "ok", "`main` at ");
    expect(&ran, "git", "base-branch", "ok", "refs/heads/main");
    expect(&ran, "git", "history", "ok", "complete");
    expect(&ran, "config", "files", "ok", "`config.yaml`, `offshoot.yaml`");
    expect(&ran, "config", "gateway", "ok", "local");
    expect(&ran, "config", "models", "ok", "19 models");
    expect(&ran, "engine", "warehouse", "ok", "not there yet");
    expect(&ran, "engine", "trust", "warning", "no wall between roles");
    expect(&ran, "state", "file", "ok", "not there yet");
    assert!(!world.state().exists() && !world.warehouse().exists());
}

#[test]
fn a_project_in_use_is_well() {
    let (world, name) = World::applied();
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
    expect(&ran, "engine", "warehouse", "ok", "DuckDB v1.5");
    expect(&ran, "engine", "owner", "ok", "this state's");
    expect(&ran, "state", "identity", "ok", "schema version");
    expect(&ran, "state", "environments", "ok", &name);
    let told = world.done(&["doctor"]).stdout;
    assert!(told.contains("state\n  ok      file: ") && told.ends_with("Works, with 1 warning.\n"), "{told}");
    assert!(world.done(&["doctor", "--format", "markdown"]).stdout.contains("* 🟡 engine trust: "));
}

#[test]
fn what_is_missing_is_an_error_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::empty();
    let ran = world.bot_in(folder.path(), &["doctor", "--format", "json"]);
    assert_eq!(ran.exit, Exit::No);
    expect(&ran, "git", "repository", "error", "is not inside a git repository");
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::No);
    expect(&ran, "git", "branch", "warning", "has no commit yet");
    expect(&ran, "config", "files", "error", "nothing is committed yet");
    world.repository.write("README.md", "no project yet").commit("first");
    world.repository.write("config.yaml", "gateways: {}\n");
    let ran = doctor(&world);
    expect(&ran, "config", "missing-config", "error", "there is no `config.yaml` here");
    expect(&ran, "config", "files", "warning", "`config.yaml` is here and not committed");
    expect(&ran, "engine", "connection", "error", "no gateway");
}

#[test]
fn what_the_configuration_says_is_held_against_what_works() {
    let world = with_config(
        "gateways:\n  local:\n    connection: {type: duckdb, database: w.db}\n    state_connection: {type: duckdb, database: s.db}\n\
         default_gateway: local\nmodel_defaults: {dialect: duckdb, start: '2026-01-01'}\nui: {format: x}\nvariabels: {}\n",
    );
    world.repository.write(".gitignore", "nothing\n");
    world.repository.write("models/broken.sql", "MODEL (name broken, kind FULL); SELECT @no_such_macro(1)");
    world.repository.commit("mistakes");
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::No);
    expect(&ran, "config", "unknown-setting", "error", "variabels");
    expect(&ran, "config", "models", "error", "1 errors");
    expect(&ran, "config", "passed-over", "ok", "`ui`");
    expect(&ran, "state", "connection", "warning", "`duckdb` cannot hold our state");
    expect(&ran, "state", "ignored", "warning", "git does not ignore");
    expect(&ran, "engine", "ignored", "warning", "git does not ignore");
}

#[test]
fn another_engine_is_an_error_and_no_secret_is_told() {
    let world = with_config(
        "gateways:\n  prod:\n    connection: {type: snowflake, account: db, user: bot, password: \"{{ env_var('SECRET') }}\"}\n\
         model_defaults: {dialect: duckdb}\n",
    )
    .with_variable("SECRET", "hunter2");
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::No);
    expect(&ran, "engine", "connection", "error", "type `snowflake` is not supported");
    let told = world.bot(&["doctor"]);
    assert!(![&ran.stdout, &ran.stderr, &told.stdout, &told.stderr].iter().any(|text| text.contains("hunter2")));
}

#[test]
fn a_held_warehouse_names_its_holder_at_once() {
    let world = World::shop();
    let holder = Holder::of_file(&world.warehouse());
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
    expect(&ran, "engine", "warehouse", "warning", &format!("held by process {}", holder.pid()));
    holder.ends_well();
}

#[test]
fn a_warehouse_of_another_state_is_an_error() {
    let world = World::shop();
    world.done(&["promote"]);
    let folder = world.repository.path().join(".offshoot");
    fs::remove_dir_all(&folder).expect("the folder is ours");
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::No);
    expect(&ran, "engine", "owner", "error", "there is no state here");
    let other = World::shop();
    other.done(&["promote"]);
    fs::create_dir(&folder).expect("the folder is ours");
    fs::copy(other.state(), world.state()).expect("a copy");
    expect(&doctor(&world), "engine", "owner", "error", "not to the one here");
}

#[test]
fn what_is_no_state_is_an_error() {
    let world = World::shop();
    world.repository.write(".offshoot/state.db", "not a database at all, and long enough to be looked at".repeat(40));
    let ran = doctor(&world);
    assert_eq!(ran.exit, Exit::No);
    expect(&ran, "state", "file", "error", "is no state of this program");
}

#[test]
fn a_shallow_clone_is_told_what_needs_more() {
    let world = World::shop();
    world.repository.commit("second");
    let clone = world.repository.clone_with(&["--depth=1"]);
    let ran = world.bot_in(clone.path(), &["doctor", "--format", "json"]);
    expect(&ran, "git", "history", "warning", "shallow");
}

/// What `--deep` finds, without what is well: the words, in order.
fn contradictions(world: &World) -> Vec<String> {
    let ran = world.bot(&["doctor", "--deep", "--format", "json"]);
    let page = ran.json();
    let findings = page["findings"].as_array().expect("findings");
    let deep = findings.iter().filter(|finding| finding["area"] == "deep" && finding["verdict"] != "ok");
    deep.map(|finding| finding["check"].as_str().expect("a word").to_owned()).collect()
}

#[test]
fn records_that_agree_are_well_and_nothing_is_written() {
    let (world, _) = World::applied();
    let (state, warehouse) = (world.remembered(), std::fs::read(world.warehouse()).expect("a file"));
    let ran = world.bot(&["doctor", "--deep", "--format", "json"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
    expect(&ran, "deep", "records", "ok", "2 environments");
    assert_eq!(contradictions(&world), Vec::<String>::new());
    assert_eq!((state, warehouse), (world.remembered(), std::fs::read(world.warehouse()).expect("a file")));
    assert!(!world.done(&["doctor"]).stdout.contains("records:"), "only where it is asked for");
}

#[test]
fn each_contradiction_is_told() {
    let spoilt_by_sql = |sql: &str| {
        let world = crate::lab::orders();
        world.done(&["promote"]);
        let total = world.value("SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'total__')");
        let daily = world.value("SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'daily__')");
        world.sql(&sql.replace("TOTAL", &format!("offshoot__marts.{total}")).replace("DAILY", &daily));
        contradictions(&world)
    };
    let gone = spoilt_by_sql("DROP TABLE TOTAL");
    assert_eq!(
        gone,
        ["table-gone", "view-broken", "view-broken", "table-gone"],
        "as a table, as two views, and in itself"
    );
    assert_eq!(spoilt_by_sql("ALTER TABLE TOTAL ADD COLUMN more INT"), ["other-columns"]);
    assert_eq!(spoilt_by_sql("DROP VIEW marts.total; DROP VIEW marts.daily"), ["view-gone", "view-gone"]);
    assert_eq!(
        spoilt_by_sql("CREATE OR REPLACE VIEW marts.daily AS SELECT DATE '2026-03-26' AS day, 1::BIGINT AS amount"),
        ["view-elsewhere"]
    );
    assert_eq!(spoilt_by_sql("DELETE FROM offshoot__meta.objects WHERE object_name = 'DAILY'"), ["not-recorded"]);
    assert_eq!(spoilt_by_sql("UPDATE offshoot__meta.promotions SET plan_id = 'other'"), ["other-promotion"]);
    assert_eq!(
        spoilt_by_sql("UPDATE offshoot__meta.objects SET environment = 'gone' WHERE object_name = 'shown'"),
        ["view-gone", "orphan-view"]
    );
}

#[test]
fn a_state_that_contradicts_itself_is_told() {
    let spoilt = |sql: &str| {
        let world = crate::lab::orders();
        world.done(&["promote"]);
        rusqlite::Connection::open(world.state()).expect("a state").execute_batch(sql).expect("spoilt");
        contradictions(&world)
    };
    assert_eq!(spoilt("UPDATE history SET plan_id = 'other'"), ["other-history"]);
    assert_eq!(
        spoilt("DELETE FROM loads; DELETE FROM snapshots WHERE model LIKE '%total%'"),
        ["unknown-table"],
        "what is left in the warehouse may be a run's that died"
    );
}

/// `.env` of a person's folder and `SQLMESH__…` say the same as they do to SQLMesh; in CI the file is a stranger's.
#[test]
fn variables_come_from_a_file_too_and_settings_from_variables() {
    let world = with_config(
        "project: shop\ngateways: {local: {connection: {type: duckdb, database: w.duckdb}}}\n\
         model_defaults: {dialect: duckdb}\nvariables: {region: \"{{ env_var('REGION') }}\"}\n",
    );
    expect(&doctor(&world), "config", "unset-variable", "error", "REGION");
    let dotenv = "# mine alone\nexport REGION='north' # for now\nthis is nothing\nSQLMESH__DEFAULT_GATEWAY=nowhere\n";
    world.repository.write(".env", dotenv);
    let ran = doctor(&world);
    expect(&ran, "config", "dotenv", "ok", "`.env` is read");
    expect(&ran, "config", "variables", "ok", "`SQLMESH__DEFAULT_GATEWAY`");
    expect(&ran, "config", "unknown-gateway", "error", "`nowhere`");
    assert!(!ran.stdout.contains("REGION"), "{}", ran.stdout);
    world.repository.write("home/.sqlmesh/config.yaml", "default_gateway: mine\n");
    let home = world.repository.path().join("home").display().to_string();
    let world = world.with_variable("HOME", &home);
    expect(&doctor(&world), "config", "personal", "warning", ".sqlmesh/config.yaml` is not read");
    let told = world.bot(&["doctor"]).stderr;
    assert!(told.contains("`.env`: line 3 is not `NAME=value`, and is passed over"), "{told}");
    let ran = world.with_variable("CI", "true").bot(&["doctor", "--format", "json"]);
    expect(&ran, "config", "dotenv", "ok", "not read in CI");
    expect(&ran, "config", "unset-variable", "error", "REGION");
}
