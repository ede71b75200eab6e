//! Prod never goes back in time, and a promote that died is settled by the next run.
//!
//! What a later refresh of prod's tables leaves in the state is written here by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use offshoot::ids::{EnvironmentName, ModelName, ProjectName, StateId};
use offshoot::naming::TableKey;
use offshoot::rollback::HoldChange;
use offshoot::state::{Fact, Load, NewEntry, OpenMode, PendingPromote, Snapshot, SqliteState, State as _};
use offshoot::time::{Interval, Timestamp};

use crate::lab::{DAILY, RAW, TOTAL, assert_same, clean_build, copy, edit, lab, shown};
use crate::world::{Ran, World};

const ORDERS: &str = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n4,40,2026-04-03\n";
const LATEST: &str = "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key k, batch_size 1));\n\
                      SELECT 1 AS k, MAX(amount) AS amount FROM raw.orders \
                      WHERE day BETWEEN @start_date AND @end_date HAVING COUNT(*) > 0";

fn world() -> World {
    let world = lab(&[
        ("seeds/orders.csv", ORDERS),
        ("models/raw.sql", RAW),
        ("models/daily.sql", DAILY),
        ("models/total.sql", TOTAL),
        ("models/latest.sql", LATEST),
    ]);
    world.done(&["promote"]);
    world
}

/// Applies an edit on a branch on the 1st of April and merges it.
fn merge(world: &World, files: &[(&str, &str)]) -> Ran {
    world.repository.branch("feature");
    edit(world, files);
    let ran = world.done(&["apply", "--format", "json"]);
    world.repository.checkout("main");
    world.repository.merge("feature");
    ran
}

fn state(world: &World) -> SqliteState {
    let mode = OpenMode::Write { state: StateId::new("none"), algorithm_version: 1 };
    SqliteState::open(&world.state(), &ProjectName::new(""), &mode).expect("a state")
}

/// The table that prod shows of a model.
fn in_prod(state: &SqliteState, model: &str) -> Snapshot {
    let prod = state.environment(&EnvironmentName::prod()).expect("readable").expect("prod");
    let name = ModelName::parse(model).expect("a name");
    let key = TableKey { data_fingerprint: prod.models[&name].data_fingerprint, model: name };
    state.tables(std::slice::from_ref(&key)).expect("readable").remove(&key).expect("a table").snapshot
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

/// As if `at` a range of prod's table had been loaded, for the first time or again.
fn load_in_prod(world: &World, model: &str, (start, end): (&str, &str), at: &str) {
    let state = state(world);
    let lease = state.lease("test", Duration::ZERO).expect("nobody else writes");
    let key = in_prod(&state, model).key;
    let interval = Interval::new(moment(start), moment(end)).expect("a range");
    let load = Load { key, interval, loaded_at: moment(at), run: "bot run".into(), inputs: None };
    state.record(&lease, &[Fact::Load(load)]).expect("recorded");
}

#[test]
fn h29_a_full_table_older_than_prods_is_filled_again() {
    let world = world();
    let applied = merge(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) * 2"))]);
    assert_eq!(applied.builds().len(), 1);
    {
        let state = state(&world);
        let lease = state.lease("test", Duration::ZERO).expect("nobody else writes");
        let refilled = Snapshot { as_of: Some(moment("2026-04-03")), ..in_prod(&state, "marts.total") };
        state.record(&lease, &[Fact::Snapshot(refilled)]).expect("recorded");
    }
    let world = world.at("2026-04-04");
    let plan = world.done(&["plan", "--format", "json"]).json();
    assert_eq!(plan["summary"]["to_build"], 1, "the plan says so beforehand");
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds().keys().collect::<Vec<_>>(), ["marts.total"]);
}

#[test]
fn an_interval_that_prod_loaded_later_is_loaded_again_and_its_full_reader_filled_again() {
    let world = world();
    let applied = merge(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount"))]);
    assert_eq!(applied.builds().len(), 2);
    load_in_prod(&world, "marts.daily", ("2026-03-27", "2026-03-28"), "2026-04-03");
    let promoted = world.at("2026-04-04").done(&["promote", "--format", "json"]);
    let expected = [
        ("marts.daily".to_owned(), serde_json::json!([["2026-03-27", "2026-03-28"]])),
        ("marts.total".to_owned(), serde_json::json!([])),
    ];
    assert_eq!(promoted.builds(), BTreeMap::from(expected));
}

#[test]
fn a_table_is_completed_to_where_prods_ends_by_now() {
    let world = world();
    merge(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount"))]);
    load_in_prod(&world, "marts.daily", ("2026-04-01", "2026-04-05"), "2026-04-05");
    let world = world.at("2026-04-09");
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds()["marts.daily"], serde_json::json!([["2026-04-01", "2026-04-05"]]));
    assert_eq!(world.value("SELECT amount FROM marts.total"), "104");
}

#[test]
fn a_table_that_somebody_dropped_is_made_anew_by_the_run_after() {
    let world = world();
    merge(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount + 1 AS amount"))]);
    load_in_prod(&world, "marts.daily", ("2026-04-01", "2026-04-05"), "2026-04-05");
    let name = world.value(
        "SELECT max(table_name) FROM duckdb_tables() WHERE table_name LIKE 'daily__%' AND NOT contains(\
        (SELECT sql FROM duckdb_views() WHERE view_name = 'daily' AND schema_name = 'marts'), table_name)",
    );
    world.sql(&format!("DROP TABLE offshoot__marts.{name}"));
    let world = world.at("2026-04-09");
    let ran = world.bot(&["promote"]);
    assert!(ran.stderr.contains("it is gone from the warehouse"), "{}", ran.stderr);
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds()["marts.daily"], serde_json::json!([["2026-03-26", "2026-04-05"]]));
    assert_eq!(world.value("SELECT amount FROM marts.total"), "104");
}

#[test]
fn a_unique_key_begins_again_where_prod_loaded_an_interval_in_the_middle() {
    let world = world();
    assert_eq!(world.value("SELECT amount FROM marts.latest"), "30");
    merge(&world, &[("models/latest.sql", &LATEST.replace("1 AS k", "2 AS k"))]);
    load_in_prod(&world, "marts.latest", ("2026-03-27", "2026-03-28"), "2026-04-03");
    let world = world.at("2026-04-04");
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds()["marts.latest"], serde_json::json!([["2026-03-26", "2026-04-01"]]));
    assert_eq!(world.value("SELECT k || ' ' || amount FROM marts.latest"), "2 30", "the last load lies on top");
}

#[test]
fn a_reader_of_what_did_not_change_is_not_built_again() {
    let world = world();
    let wide = DAILY.replace("day, amount", "day, amount, id");
    let applied = merge(&world, &[("models/daily.sql", &wide)]);
    assert_eq!(applied.builds().keys().collect::<Vec<_>>(), ["marts.daily"]);
    let promoted = world.at("2026-04-04").done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds(), BTreeMap::new());
    let unaffected = &promoted.json()["plan"]["models"][1];
    assert_eq!((&unaffected["name"], &unaffected["change"]), (&"marts.total".into(), &"unaffected".into()));
}

#[test]
fn what_main_has_and_prod_has_not_is_drift_and_no_change_of_the_branch() {
    let world = world();
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) * 2"))]);
    world.repository.branch("feature");
    edit(&world, &[("models/new.sql", "MODEL (name marts.new, kind FULL);\nSELECT id FROM raw.orders")]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    let names = |list: &serde_json::Value| -> Vec<String> {
        let models = list.as_array().expect("a list").iter();
        models.map(|model| model["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&plan["models"]), ["marts.new"]);
    assert_eq!(names(&plan["drift"]), ["marts.total"]);
    assert_eq!(plan["summary"]["to_build"], 2, "the environment shows its own tree, drift included");
    world.done(&["apply", "--env", "dev"]);
    assert_same(&shown(world.repository.path(), "__dev"), &clean_build(&world, "2026-04-01"), "with the drift");
}

/// Makes the journal say that a promote began, as it stands between the swap and the end.
fn begin(world: &World, old: &std::path::Path) {
    let (commit, entry_at) = (world.repository.sha("main"), moment("2026-04-01"));
    let done = state(world).environment(&EnvironmentName::prod()).expect("readable").expect("prod");
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("ours");
    copy(old, &world.repository.path().join(".offshoot"));
    let state = state(world);
    let before = state.environment(&EnvironmentName::prod()).expect("readable").expect("prod");
    assert_ne!(before.about.plan_id, done.about.plan_id);
    let lease = state.lease("test", Duration::ZERO).expect("nobody else writes");
    let commit = Some(offshoot::ids::CommitId::new(commit));
    let entry = NewEntry {
        commit,
        at: entry_at,
        run: "bot promote".into(),
        origin: None,
        hold: HoldChange::Stays,
        facts: Vec::new(),
    };
    let pending = PendingPromote { intended: done, expected: Some(before.about.version()), entry, steps: Vec::new() };
    state.begin_promote(&lease, &pending).expect("a journal");
}

#[test]
fn a_swap_that_the_state_was_not_told_of_is_found_in_the_warehouse() {
    let world = world();
    merge(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) * 2"))]);
    let keep = tempfile::tempdir().expect("a folder");
    copy(&world.repository.path().join(".offshoot"), &keep.path().join("state"));
    std::fs::copy(world.warehouse(), keep.path().join("warehouse")).expect("a copy");
    world.done(&["promote"]);
    begin(&world, &keep.path().join("state"));
    let ran = world.done(&["promote"]);
    assert!(ran.stderr.contains("already contains"), "{}", ran.stderr);
    assert_eq!(state(&world).pending_promotes().expect("readable").len(), 0);
    assert_eq!(state(&world).history(&EnvironmentName::prod(), 9).expect("readable").len(), 2);

    // The same journal beside a warehouse in which nothing was swapped: the promote is done again.
    begin_again(&world, keep.path());
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
    let ran = world.done(&["promote", "--format", "json"]);
    assert_eq!((ran.builds(), &ran.json()["swapped"]), (BTreeMap::new(), &1.into()));
    assert_eq!(world.value("SELECT amount FROM marts.total"), "120");
    assert_eq!(state(&world).pending_promotes().expect("readable").len(), 0);
}

fn begin_again(world: &World, keep: &std::path::Path) {
    begin(world, &keep.join("state"));
    std::fs::copy(keep.join("warehouse"), world.warehouse()).expect("a copy");
}
