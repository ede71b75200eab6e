//! What is not ours: views and tables of other people, other projects, other states, and a warehouse that is not there.

use std::fs;

use offshoot::error::Exit;

use super::{gc, models, table_of, tables, world, world_with_a_branch};
use crate::lab::{CONFIG, edit};
use crate::world::World;

/// The branch's environment was dropped and a gc has seen its table; a week later.
fn a_week_after_the_drop() -> (World, String) {
    let world = world_with_a_branch();
    let all = tables(&world);
    world.done(&["env", "drop", "dev"]);
    let waiting = gc(&world)["waiting"][0]["table"].as_str().expect("a name").to_owned();
    assert!(all.contains(&waiting));
    (world.at("2026-04-08"), waiting)
}

#[test]
fn a_table_that_a_foreign_view_reads_stays_and_is_named_until_the_view_goes() {
    let (world, table) = a_week_after_the_drop();
    world.sql("CREATE SCHEMA theirs");
    world.sql(&format!("CREATE VIEW theirs.report AS SELECT amount * 2 AS twice FROM {table}"));
    let kept = gc(&world);
    assert_eq!((models(&kept, "kept"), models(&kept, "dropped")), (vec!["marts.total".to_owned()], vec![]));
    assert_eq!(kept["kept"][0]["reason"]["code"], "read_by");
    assert_eq!(kept["kept"][0]["reason"]["text"], "view `theirs.report` reads it");
    assert_eq!(world.value("SELECT twice FROM theirs.report"), "122");
    let told = world.done(&["gc"]).stdout;
    assert!(told.contains("view `theirs.report` reads it"), "{told}");
    world.sql("DROP VIEW theirs.report");
    world.sql(&format!("CREATE MACRO theirs.report() AS TABLE SELECT * FROM {table}"));
    assert_eq!(gc(&world)["kept"][0]["reason"]["text"], "macro `theirs.report` reads it");
    world.sql("DROP MACRO TABLE theirs.report");
    assert_eq!(models(&gc(&world), "dropped"), ["marts.total"], "its time was over long ago");
}

/// A foreign key is what DuckDB does not let go; it must stand in the schema of the table that it names.
#[test]
fn a_table_that_the_engine_does_not_drop_stays_known_to_state_and_warehouse() {
    let (world, table) = a_week_after_the_drop();
    world.sql(&format!("ALTER TABLE {table} ADD PRIMARY KEY (amount)"));
    world.sql(&format!("CREATE TABLE offshoot__marts.theirs (amount HUGEINT REFERENCES {table} (amount))"));
    for _ in 0..2 {
        let kept = gc(&world);
        assert_eq!(kept["kept"][0]["reason"]["code"], "not_ours", "{kept}");
        assert_eq!(kept["kept"][1]["reason"]["code"], "refused", "{kept}");
        assert_eq!(kept["kept"][1]["table"], table.as_str());
    }
    // The state still vouches for it, so the branch gets it back as it is.
    let applied = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
    assert_eq!(applied["builds"], serde_json::json!([]));
    world.done(&["env", "drop", "dev"]);
    world.sql("DROP TABLE offshoot__marts.theirs");
    assert_eq!(models(&gc(&world), "waiting"), ["marts.total"]);
    let world = world.at("2026-04-15");
    assert_eq!(models(&gc(&world), "dropped"), ["marts.total"]);
}

#[test]
fn foreign_tables_among_ours_are_named_and_never_touched() {
    let (world, table) = a_week_after_the_drop();
    world.sql("CREATE TABLE offshoot__marts.total__0123456789abcdef AS SELECT 1 AS a");
    world.sql(&format!("DROP TABLE {table}"));
    world.sql(&format!("CREATE VIEW {table} AS SELECT 7 AS amount"));
    let found = gc(&world);
    assert_eq!(models(&found, "dropped"), Vec::<String>::new());
    let reasons: Vec<&str> = found["kept"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|kept| kept["reason"]["code"].as_str().expect("a code"))
        .collect();
    assert_eq!(reasons, ["not_ours", "not_ours"], "{found}");
    assert_eq!(world.value("SELECT a FROM offshoot__marts.total__0123456789abcdef"), "1");
    assert_eq!(world.value(&format!("SELECT amount FROM {table}")), "7");
}

#[test]
fn a_table_that_is_gone_already_is_only_forgotten() {
    let (world, table) = a_week_after_the_drop();
    world.sql(&format!("DROP TABLE {table}"));
    assert_eq!(models(&gc(&world), "dropped"), ["marts.total"]);
    assert_eq!(models(&gc(&world), "dropped"), Vec::<String>::new());
    let applied = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
    assert_eq!(applied["builds"].as_array().map(Vec::len), Some(1));
}

/// What a build leaves that died before the state was told: recorded as ours, and unknown.
#[test]
fn what_the_state_does_not_know_waits_and_goes_like_the_rest() {
    let world = world();
    world.sql("CREATE TABLE offshoot__marts.lost__0123456789abcdef AS SELECT 1 AS a");
    world.sql(
        "INSERT INTO offshoot__meta.objects SELECT state_id, project, catalog_name, schema_name, 'lost__0123456789abcdef', \
         kind, 'marts.lost', data_fingerprint, environment, definition, engine_version FROM offshoot__meta.objects \
         WHERE kind = 'table' AND schema_name = 'offshoot__marts' LIMIT 1",
    );
    let found = gc(&world);
    assert_eq!(models(&found, "waiting"), ["marts.lost"]);
    assert_eq!(found["waiting"][0]["known_to_state"], false);
    let world = world.at("2026-04-08");
    assert_eq!(models(&gc(&world), "dropped"), ["marts.lost"]);
    assert!(!tables(&world).iter().any(|table| table.contains("lost")));
    assert_eq!(world.value("SELECT count(*) FROM offshoot__meta.objects WHERE kind = 'table'"), "3");
}

/// Two projects of one state in one warehouse, whose equal models meet in one table: `raw.orders`. In production they would
/// meet in one view too, so the other one promotes to an environment of its own.
#[test]
fn a_table_of_two_projects_goes_once_neither_needs_it() {
    let world = world();
    let seed = table_of(&world, "raw.orders");
    let is = |world: &World, project: &str, orders: &str| {
        let moved = |text: &str| text.replace("marts.", &format!("{project}marts."));
        edit(
            world,
            &[
                ("config.yaml", &format!("project: '{project}'\n{CONFIG}")),
                ("offshoot.yaml", "gc: {history: 1}\n"),
                ("seeds/orders.csv", orders),
                ("models/daily.sql", &moved(super::DAILY)),
                ("models/total.sql", &moved(super::TOTAL)),
                ("models/shown.sql", &moved(super::SHOWN)),
            ],
        );
        let to = if project.is_empty() { "prod" } else { "stage" };
        world.done(&["promote", "--to", to]);
    };
    let with = |more: &str| format!("{}{more}\n", super::ORDERS);
    is(&world, "other", super::ORDERS);
    is(&world, "other", &with("4,40,2026-03-31"));
    gc(&world);
    let world = world.at("2026-04-08");
    let found = gc(&world);
    let why = |found: &serde_json::Value, table: &str| {
        let kept = found["kept"].as_array().expect("a list").iter().find(|kept| kept["table"] == table).cloned();
        kept.map(|kept| kept["reason"]["code"].as_str().expect("a code").to_owned())
    };
    assert_eq!(why(&found, &seed).as_deref(), Some("other_project"), "the first project needs it: {found}");
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "60");
    // The first project goes on to another seed, and forgets what the other one filled last; that one drops it then.
    is(&world, "", &with("5,50,2026-03-31"));
    gc(&world);
    let world = world.at("2026-04-15");
    let found = gc(&world);
    assert!(models(&found, "dropped").contains(&"raw.orders".to_owned()), "{found}");
    let entries = found["dropped"].as_array().expect("a list");
    assert!(entries.iter().any(|entry| entry["table"] == seed.as_str() && entry["action"] == "forget"), "{found}");
    assert!(tables(&world).contains(&seed), "forgotten, not dropped");
    is(&world, "other", &with("4,40,2026-03-31"));
    assert_eq!(gc(&world)["dropped"][0]["table"], seed.as_str());
    assert!(!tables(&world).contains(&seed));
    let amounts =
        ["marts", "othermarts__stage"].map(|schema| world.value(&format!("SELECT amount FROM {schema}.shown")));
    assert_eq!(amounts, ["110", "100"]);
}

#[test]
fn another_states_warehouse_and_one_that_is_not_there_stop_it() {
    let (world, table) = a_week_after_the_drop();
    let kept = tempfile::tempdir().expect("a folder");
    let aside = kept.path().join("warehouse.duckdb");
    fs::rename(world.warehouse(), &aside).expect("the file is ours");
    for arguments in [&["gc"][..], &["gc", "--dry-run"]] {
        let ran = world.bot(arguments);
        assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
        assert!(ran.stderr.contains("the warehouse's file is not there"), "{}", ran.stderr);
        assert!(!world.warehouse().exists(), "none is made");
    }
    world.sql("SELECT 1");
    assert!(world.bot(&["gc"]).stderr.contains("the warehouse is empty"));
    fs::copy(super::world().warehouse(), world.warehouse()).expect("another state's");
    let ran = world.bot(&["gc"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
    assert!(ran.stderr.contains("belongs to state"), "{}", ran.stderr);
    fs::rename(&aside, world.warehouse()).expect("the file is ours");
    assert_eq!(gc(&world)["dropped"][0]["table"], table.as_str(), "nothing was forgotten meanwhile");
    assert!(table_of(&world, "marts.total").starts_with("offshoot__marts.total__"));
}

#[test]
fn whoever_writes_the_state_is_waited_for() {
    let world = world();
    let state = offshoot::state::SqliteState::open(
        &world.state(),
        &offshoot::ids::ProjectName::new(""),
        &offshoot::state::OpenMode::Write { state: offshoot::ids::StateId::new("x"), algorithm_version: 99 },
    )
    .expect("a state");
    let _held = offshoot::state::State::lease(&state, "bot apply", std::time::Duration::ZERO).expect("nobody else");
    let ran = world.bot(&["gc", "--lock-timeout", "0"]);
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.stdout);
    assert!(ran.stderr.contains("(`bot apply`) is writing the state"), "{}", ran.stderr);
}

/// The environment was dropped while its warehouse was away: the state forgot it, its views came back.
#[test]
fn views_of_an_environment_that_the_state_does_not_know_stay_with_their_tables() {
    let world = world_with_a_branch();
    let kept = tempfile::tempdir().expect("a folder");
    let aside = kept.path().join("warehouse.duckdb");
    fs::rename(world.warehouse(), &aside).expect("the file is ours");
    world.done(&["env", "drop", "dev"]);
    fs::rename(&aside, world.warehouse()).expect("the file is ours");
    gc(&world);
    let world = world.at("2026-04-08");
    let found = gc(&world);
    assert_eq!(models(&found, "dropped"), Vec::<String>::new());
    let codes: Vec<&str> = found["kept"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|kept| kept["reason"]["code"].as_str().expect("a code"))
        .collect();
    assert_eq!(codes.iter().filter(|code| **code == "unknown_environment").count(), 4, "{found}");
    assert_eq!(codes.iter().filter(|code| **code == "read_by").count(), 1, "{found}");
    assert_eq!(world.value("SELECT amount FROM marts__dev.shown"), "61");
    // Whoever makes the environment again takes its views over, and then all of it can go.
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(gc(&world)["kept"], serde_json::json!([]));
}
