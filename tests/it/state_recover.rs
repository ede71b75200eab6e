//! `bot state recover`: the state is lost, and what promotes left in the warehouse brings production back.

use offshoot::error::Exit;

use crate::kill::run_and_kill_where;
use crate::lab::{ORDERS, TOTAL, edit, orders, shown};
use crate::on_postgres::OnPostgres;
use crate::world::World;

fn promoted_twice() -> World {
    let world = orders();
    world.done(&["promote"]);
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) * 2"))]);
    world.done(&["promote"]);
    world
}

fn lose(world: &World) {
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("it was there");
}

fn to_build(world: &World) -> serde_json::Value {
    world.done(&["plan", "--format", "json"]).json()["summary"]["to_build"].clone()
}

/// Snapshots, loads, production and its hold, as the export has them.
fn known(world: &World) -> Vec<String> {
    let lines = world.done(&["state", "export"]).stdout;
    let kept =
        ["state", "snapshot", "load", "environment", "hold", "build"].map(|kind| format!("{{\"type\":\"{kind}\""));
    lines.lines().filter(|line| kept.iter().any(|start| line.starts_with(start))).map(str::to_owned).collect()
}

#[test]
fn production_is_read_back_and_nothing_is_built() {
    let world = promoted_twice();
    // Tables that production no longer shows are known to the state alone.
    let before = known(&world);
    let views = shown(world.repository.path(), "");
    lose(&world);
    let refused = world.bot(&["promote", "--force"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("belongs to"), "{}", refused.stderr);
    let doctor = world.bot(&["doctor"]).stdout;
    assert!(doctor.contains("`bot state recover` makes it anew from the warehouse"), "{doctor}");
    lose(&world);
    let doctor = world.bot(&["doctor"]).stdout;
    assert!(doctor.contains("`bot state recover` makes it anew from the warehouse"), "{doctor}");

    let told = world.done(&["state", "recover", "--dry-run"]).stdout;
    assert!(told.starts_with("would take up state ") && told.contains("  prod: commit "), "{told}");
    assert!(told.contains("4 models and 3 tables with what was loaded into them"), "{told}");
    assert!(told.contains("only where the state is lost for good"), "{told}");
    world.on_a_terminal(&["state", "recover"]);
    assert!(!world.state().exists(), "nothing is made");

    let told = world.done(&["state", "recover", "--format", "json"]).json();
    assert_eq!(told["environments"][0]["built_again"], serde_json::json!([]));
    assert_eq!(told["unknown_tables"], 1, "the total of before");
    assert_eq!(to_build(&world), 0);
    assert!(world.done(&["promote", "--force", "--format", "json"]).builds().is_empty());
    let after = known(&world);
    let lost: Vec<_> =
        before.iter().filter(|line| !after.contains(line) && !line.contains("\"environment\"")).collect();
    assert!(lost.iter().all(|line| line.contains("marts.total")), "only what nothing shows: {lost:#?}");
    assert_eq!(shown(world.repository.path(), ""), views);
    assert_eq!(world.bot(&["doctor"]).exit, Exit::Done);
    edit(&world, &[("seeds/orders.csv", &format!("{ORDERS}4,40,2026-03-30\n"))]);
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "200");

    let refused = world.bot(&["state", "recover"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("the state is not lost: it knows environment `prod`"), "{}", refused.stderr);
}

/// A branch's tables are in the warehouse, and nothing vouches for them.
#[test]
fn tables_of_branches_are_built_again_and_stand_in_nobodys_way() {
    let world = promoted_twice();
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 7"))]);
    let name = world.done(&["apply", "--format", "json"]).json()["environment"].as_str().expect("a name").to_owned();
    // What stands there is not what it should be, and nobody would know.
    let table = world.value("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'offshoot__marts' AND table_name LIKE 'total__%' ORDER BY table_oid DESC LIMIT 1");
    world.sql(&format!("UPDATE offshoot__marts.\"{table}\" SET amount = -1"));
    lose(&world);
    world.done(&["state", "recover"]);
    let applied = world.done(&["apply", "--format", "json"]);
    assert_eq!(applied.builds().into_keys().collect::<Vec<_>>(), ["marts.total"]);
    assert_eq!(world.value(&format!("SELECT amount FROM marts__{name}.total")), "67");
    assert_eq!(world.value("SELECT amount FROM marts.total"), "120");
}

#[test]
fn what_is_not_there_or_not_ours_is_built_again() {
    let world = promoted_twice();
    let find = |model: &str| {
        let sql = format!(
            "SELECT object_name FROM offshoot__meta.objects WHERE kind = 'table' AND model = '{model}' LIMIT 1"
        );
        world.value(&sql)
    };
    let (daily, raw) = (find("marts.daily"), find("raw.orders"));
    world.sql(&format!("DROP TABLE offshoot__marts.\"{daily}\""));
    world.sql(&format!("UPDATE offshoot__meta.objects SET model = 'raw.other' WHERE object_name = '{raw}'"));
    lose(&world);
    let told = world.done(&["state", "recover", "--format", "json"]).json();
    let again =
        serde_json::json!([{"model": "marts.daily", "why": "gone"}, {"model": "raw.orders", "why": "not-recorded"}]);
    assert_eq!(told["environments"][0]["built_again"], again);
    let promoted = world.done(&["promote", "--force", "--format", "json"]);
    let built: Vec<String> = promoted.builds().into_keys().collect();
    assert!(["marts.daily", "raw.orders"].iter().all(|model| built.contains(&(*model).to_owned())), "{built:?}");
    assert_eq!(world.value("SELECT amount FROM marts.total"), "120");
    assert_eq!(world.value("SELECT count(*) FROM marts.daily"), "3");
}

/// Had it been loaded further after the promote, the next load would count those rows twice.
#[test]
fn loads_that_add_up_are_made_from_the_start() {
    let world = orders();
    let counts = "MODEL (name marts.counts, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key (id), when_matched (WHEN MATCHED THEN \
                  UPDATE SET amount = source.amount + target.amount)));\n\
                  SELECT 1 AS id, sum(amount)::INT AS amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date GROUP BY 1";
    let latest = "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key (id)));\n\
                  SELECT id, max(day) AS day FROM raw.orders WHERE day BETWEEN @start_date AND @end_date GROUP BY id";
    edit(&world, &[("models/counts.sql", counts), ("models/latest.sql", latest)]);
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT amount FROM marts.counts"), "60");
    lose(&world);
    let told = world.done(&["state", "recover", "--format", "json"]).json();
    let again = serde_json::json!([{"model": "marts.counts", "why": "adds-up"}]);
    assert_eq!(told["environments"][0]["built_again"], again);
    let built = world.done(&["promote", "--force", "--format", "json"]).builds();
    assert_eq!(built.into_keys().collect::<Vec<_>>(), ["marts.counts"]);
    assert_eq!(world.value("SELECT amount FROM marts.counts"), "60");
}

/// What was rolled back stays away, though the state that said so is lost.
#[test]
fn a_hold_is_read_back_and_a_dropped_environment_is_not() {
    let world = promoted_twice();
    world.done(&["promote", "--to", "staging"]);
    world.done(&["env", "drop", "staging"]);
    world.done(&["rollback", "--why", "too much"]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
    lose(&world);
    let told = world.done(&["state", "recover", "--format", "json"]).json();
    assert_eq!(told["environments"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(told["gone"], serde_json::json!(["staging"]));
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("too much"), "{}", refused.stderr);
    world.done(&["promote", "--release"]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "120");
}

/// An id alone is enough to use the warehouse again.
#[test]
fn a_warehouse_without_a_promote_gives_its_id_and_nothing_else() {
    let world = orders();
    let refused = world.bot(&["state", "recover"]);
    assert_eq!(refused.exit, Exit::No);
    world.sql("SELECT 1");
    let refused = world.bot(&["state", "recover"]);
    assert!(refused.stderr.contains("belongs to no state"), "{}", refused.stderr);
    world.done(&["promote"]);
    world.sql("DELETE FROM offshoot__meta.promotions");
    lose(&world);
    // An empty state of another id is in nobody's way.
    assert_eq!(world.bot(&["promote"]).exit, Exit::No);
    assert!(world.state().exists());
    let told = world.done(&["state", "recover"]).stdout;
    assert!(told.contains("no promote of this project is recorded there"), "{told}");
    assert_eq!(world.done(&["promote", "--format", "json"]).builds().len(), 3);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
}

#[test]
fn a_state_of_another_id_with_something_in_it_is_left_alone() {
    let world = promoted_twice();
    world.done(&["state", "export", "-o", "moved.jsonl"]);
    let path = world.repository.path().join("moved.jsonl");
    let id = world.value("SELECT state_id FROM offshoot__meta.warehouse");
    let other = std::fs::read_to_string(&path).expect("there").replace(&id, "another");
    std::fs::write(&path, other).expect("written");
    lose(&world);
    world.done(&["state", "import", "moved.jsonl"]);
    let before = world.remembered();
    let refused = world.bot(&["state", "recover"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
    assert_eq!(world.remembered(), before);
}

/// Whenever it dies, it has done nothing or all of it, and the next one ends what is left.
#[test]
fn a_recovery_that_is_killed_is_made_again() {
    let counts = |line: &str| line.contains("state write begins") || line.contains("state write ends");
    let lines = {
        let world = promoted_twice();
        lose(&world);
        run_and_kill_where(world.repository.path(), &["state", "recover"], 0, counts).lines
    };
    assert!(lines >= 2, "{lines}");
    for at in 1..=lines {
        let world = promoted_twice();
        lose(&world);
        run_and_kill_where(world.repository.path(), &["state", "recover"], at, counts);
        let again = world.bot(&["state", "recover"]);
        let was_done = again.exit == Exit::No && again.stderr.contains("the state is not lost");
        assert!(again.exit == Exit::Done || was_done, "{}", again.stderr);
        assert_eq!(to_build(&world), 0, "killed at {at}");
        assert!(world.done(&["promote", "--force", "--format", "json"]).builds().is_empty());
    }
}

/// The warehouse remembers the tokens of writers that the new state never knew.
#[test]
fn after_a_recovery_on_a_server_nobody_is_taken_for_overtaken() {
    let shared = OnPostgres::new();
    let world = &shared.world;
    world.done(&["promote"]);
    let before = shared.shown("");
    let client = shared.database.client();
    client.batch("UPDATE offshoot__meta.fences SET token = 9000000000000").expect("somebody's clock is ahead");
    client.batch("DROP SCHEMA offshoot CASCADE").expect("the state is lost");
    world.done(&["state", "recover"]);
    assert_eq!(to_build(world), 0);
    assert_eq!(shared.shown(""), before);
    edit(world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    assert_eq!(world.done(&["promote", "--format", "json"]).builds().len(), 1);
    assert_eq!(shared.shown("")["marts.total"], ["amount bigint", "(61)"]);
}
