//! A state whose keys an older version of the fingerprints made: its tables are found under the new ones, and nothing is
//! built.

use offshoot::error::Exit;
use serde_json::Value;

use crate::kill::run_and_kill_where;
use crate::lab::{DAILY, SHOWN, TOTAL, edit, orders};
use crate::on_postgres::OnPostgres;
use crate::torture::lives::aged::aged;
use crate::world::World;

/// What the state was before, once it is an older program's.
fn age(world: &World, lose: impl Fn()) -> String {
    let lines = world.done(&["state", "export"]).stdout;
    world.repository.write("older.jsonl", aged(&lines));
    lose();
    world.done(&["state", "import", "older.jsonl"]);
    std::fs::remove_file(world.repository.path().join("older.jsonl")).expect("it was there");
    lines
}

fn age_file(world: &World) -> String {
    let folder = world.repository.path().join(".offshoot");
    age(world, || std::fs::remove_dir_all(&folder).expect("it was there"))
}

/// Production promoted twice, and two branches with tables of their own, both applied; the second is checked out.
fn three_environments(world: &World, [total, daily]: [&str; 2]) {
    world.done(&["promote"]);
    edit(world, &[("models/shown.sql", &SHOWN.replace("amount FROM", "amount, 1 AS one FROM"))]);
    world.done(&["promote"]);
    world.repository.branch("one");
    edit(world, &[("models/total.sql", total)]);
    world.done(&["apply"]);
    world.repository.git(&["checkout", "--quiet", "main"]);
    world.repository.branch("two");
    edit(world, &[("models/daily.sql", daily)]);
    world.done(&["apply"]);
}

fn in_duckdb() -> World {
    let world = orders();
    let [total, daily] =
        [TOTAL.replace("SUM(amount)", "SUM(amount) + 1"), DAILY.replace("day, amount", "day, amount * 2 AS amount")];
    three_environments(&world, [&total, &daily]);
    world
}

fn to_build(world: &World) -> Value {
    world.done(&["plan", "--format", "json"]).json()["summary"]["to_build"].clone()
}

fn assert_nothing_is_built(world: &World) {
    for branch in ["two", "one"] {
        world.repository.git(&["checkout", "--quiet", branch]);
        assert_eq!(to_build(world), 0, "{branch}");
        let applied = world.done(&["apply", "--format", "json"]);
        assert!(applied.builds().is_empty(), "{branch}: {}", applied.stdout);
    }
    world.repository.git(&["checkout", "--quiet", "main"]);
    assert_eq!(to_build(world), 0);
    let promoted = world.done(&["promote", "--force", "--format", "json"]);
    assert!(promoted.builds().is_empty(), "{}", promoted.stdout);
}

/// Without what branches were before: nobody looks that up.
fn without_past(lines: &str) -> Vec<&str> {
    let is_past = |line: &str| line.starts_with("{\"type\":\"history\"") && !line.contains("\"environment\":\"prod\"");
    lines.lines().filter(|line| !is_past(line) && !line.starts_with("{\"type\":\"end\"")).collect()
}

#[test]
fn an_older_state_becomes_what_this_program_would_have_written() {
    let world = in_duckdb();
    let lines = age_file(&world);
    let old = world.remembered();
    assert_eq!(to_build(&world), 0, "a plan reads it as it will be");
    let told = world.done(&["state", "migrate", "--dry-run"]).stdout;
    assert!(told.contains("fingerprints of version 0, of which 6 tables of 3 environments would be found"), "{told}");
    assert_eq!(world.remembered(), old, "nothing was written");
    let told = world.done(&["state", "migrate", "--format", "json"]).json();
    assert_eq!(told["algorithm"], serde_json::json!({"before": 0, "after": 1}));
    assert_eq!((&told["environments"], &told["unknown"]), (&3.into(), &serde_json::json!([])));
    let after = world.done(&["state", "export"]).stdout;
    assert_eq!(without_past(&after), without_past(&lines));
    assert_nothing_is_built(&world);
    let told = world.done(&["state", "migrate"]).stdout;
    assert!(told.contains("as they were"), "{told}");
}

#[test]
fn whoever_writes_first_brings_it_up() {
    let world = in_duckdb();
    age_file(&world);
    let applied = world.done(&["apply"]);
    assert!(applied.stderr.contains("the state's fingerprints went from version 0 to 1"), "{}", applied.stderr);
    assert_nothing_is_built(&world);
    let doctor = world.done(&["doctor"]).stdout;
    assert!(doctor.contains("fingerprints of algorithm 1"), "{doctor}");
    // An entry of before is shown again as it was.
    world.done(&["rollback", "--to", "1"]);
    assert_eq!(world.try_sql("SELECT one FROM marts.shown").err().map(|_| ()), Some(()));
}

/// Of a branch that is not merged, of production, and of an entry of its history.
#[test]
fn what_was_decided_holds_for_what_that_is_by_now() {
    let world = orders();
    world.done(&["promote"]);
    let amount = world.value("SELECT sum(amount) FROM marts.daily");
    world.repository.branch("one");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount * 2 AS amount"))]);
    world.done(&["apply", "--forward-only"]);
    age_file(&world);
    world.repository.git(&["checkout", "--quiet", "main"]);
    world.repository.merge("one");
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT sum(amount) FROM marts.daily"), amount, "rows that production had are kept");
    age_file(&world);
    assert_eq!(to_build(&world), 0);
    edit(&world, &[("notes.md", "on we go")]);
    let promoted = world.done(&["promote", "--format", "json"]);
    assert!(promoted.builds().is_empty(), "{}", promoted.stdout);
    world.done(&["run"]);
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    age_file(&world);
    world.done(&["rollback"]);
    assert_eq!(world.value("SELECT sum(amount) FROM marts.daily"), amount);
    world.done(&["run"]);
}

/// A table that is behind its inputs is still known to be.
#[test]
fn what_builds_read_is_known_by_its_new_names() {
    let world = orders();
    world.done(&["promote"]);
    let lines = age_file(&world);
    world.done(&["state", "migrate"]);
    let builds = |lines: &str| -> Vec<String> {
        lines.lines().filter(|line| line.starts_with("{\"type\":\"build\"")).map(str::to_owned).collect()
    };
    let after = builds(&world.done(&["state", "export"]).stdout);
    assert!(after.iter().any(|build| build.contains("\"inputs\":[{\"key\"")), "{after:?}");
    assert_eq!(after, builds(&lines));
}

#[test]
fn a_commit_that_is_not_here_stops_a_write_and_no_plan() {
    let world = in_duckdb();
    let prod = world.repository.git(&["rev-parse", "main"]);
    let lines = world.done(&["state", "export"]).stdout;
    let nowhere = lines.replace(prod.trim(), &"ab".repeat(20));
    world.repository.write("older.jsonl", aged(&nowhere));
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("it was there");
    world.done(&["state", "import", "older.jsonl"]);
    let before = world.remembered();
    for command in [&["apply"][..], &["promote"], &["state", "migrate"], &["gc", "--yes"]] {
        let refused = world.bot(command);
        assert_eq!(refused.exit, Exit::No, "{command:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("fetch-depth: 0"), "{}", refused.stderr);
    }
    assert_eq!(world.remembered(), before);
    let planned = world.done(&["plan"]);
    assert!(planned.stderr.contains("this plan finds no table again"), "{}", planned.stderr);
}

/// The tables of a branch whose commits are gone are its own to build again; those that it shares are not.
#[test]
fn an_environment_whose_commits_are_gone_keeps_nothing_from_the_others() {
    let world = in_duckdb();
    let two = world.repository.git(&["rev-parse", "two"]);
    let lines = world.done(&["state", "export"]).stdout;
    world.repository.write("older.jsonl", aged(&lines.replace(two.trim(), &"ab".repeat(20))));
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("it was there");
    world.done(&["state", "import", "older.jsonl"]);
    let told = world.done(&["state", "migrate"]).stdout;
    assert!(told.contains("the commits of `two_") && told.contains("4 tables of 2 environments"), "{told}");
    let built: Vec<String> = world.done(&["apply", "--format", "json"]).builds().into_keys().collect();
    assert_eq!(built, ["marts.daily", "marts.total"]);
    world.repository.git(&["checkout", "--quiet", "one"]);
    assert!(world.done(&["apply", "--format", "json"]).builds().is_empty());
}

/// Two gateways have this state, and a third one has another: what differs between the first two is nobody's.
#[test]
fn what_another_gateway_of_the_state_makes_otherwise_is_built_again() {
    let world = orders();
    let gateway = |name: &str, of: &str| {
        format!(
            "  {name}:\n    connection: {{type: duckdb, database: warehouse.duckdb}}\n    variables: {{of: {of}}}\n"
        )
    };
    let elsewhere = "  elsewhere:\n    connection: {type: postgres, host: db.example.com, port: 5432, user: u, \
                     password: \"{{ env_var('NOT_HERE', '') }}\", database: d}\n";
    let config = format!(
        "default_gateway: local\ngateways:\n{}{}{elsewhere}model_defaults:\n  dialect: duckdb\n  start: 2026-03-26\n",
        gateway("local", "one"),
        gateway("other", "two")
    );
    let told = "MODEL (name marts.told, kind FULL);\nSELECT @VAR('of') AS of_gateway";
    edit(&world, &[("config.yaml", &config), ("models/told.sql", told)]);
    world.done(&["promote"]);
    age_file(&world);
    world.done(&["state", "migrate"]);
    let built = world.done(&["promote", "--force", "--format", "json"]).builds();
    assert_eq!(built.into_keys().collect::<Vec<_>>(), ["marts.told"]);
}

#[test]
fn a_newer_state_can_be_planned_over_and_not_written() {
    let world = in_duckdb();
    let connection = rusqlite::Connection::open(world.state()).expect("a state");
    connection.execute("UPDATE state_identity SET algorithm_version = 7", []).expect("written");
    drop(connection);
    let planned = world.done(&["plan"]);
    assert!(planned.stdout.contains("newer"), "{}", planned.stdout);
    for command in ["apply", "promote"] {
        let refused = world.bot(&[command]);
        assert_eq!(refused.exit, Exit::Failed);
        assert!(refused.stderr.contains("it can plan, but not apply or promote"), "{}", refused.stderr);
    }
}

#[test]
fn an_upgrade_that_is_killed_is_made_again() {
    let counts = |line: &str| line.contains("state write begins") || line.contains("state write ends");
    for at in 1..=2 {
        let world = in_duckdb();
        age_file(&world);
        let killed = run_and_kill_where(world.repository.path(), &["state", "migrate"], at, counts);
        assert!(killed.lines >= at, "{}", killed.lines);
        assert_nothing_is_built(&world);
    }
}

#[test]
fn a_state_on_a_server_is_brought_up_too() {
    let shared = OnPostgres::new();
    let world = &shared.world;
    let total = TOTAL.replace("SUM(amount)", "SUM(amount) + 1");
    let daily = crate::on_postgres::FILES[2].1.replace("sum(amount)::int", "2 * sum(amount)::int");
    three_environments(world, [&total, &daily]);
    let lines = age(world, || {
        shared.database.client().batch("DROP SCHEMA offshoot CASCADE").expect("dropped");
    });
    assert_eq!(to_build(world), 0, "a plan reads it as it will be");
    let told = world.done(&["state", "migrate", "--dry-run"]).stdout;
    assert!(told.contains("fingerprints of version 0, of which "), "{told}");
    world.done(&["state", "migrate"]);
    assert_eq!(without_past(&world.done(&["state", "export"]).stdout), without_past(&lines));
    assert_nothing_is_built(world);
}
