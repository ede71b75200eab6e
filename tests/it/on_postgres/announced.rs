//! What one run is about to show no other changes any more, though neither of them is through.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr};

use offshoot::postgres::Client;
use tempfile::TempDir;

use super::runs::LATER;
use super::together::{clone, end, start};
use super::{FILES, OnPostgres, rows};
use crate::lab::edit;

/// A day after [`LATER`].
const NEXT_DAY: &str = "2026-04-03 00:10";

/// Promoted; what reads `erp.gate` waits for whoever locks it.
fn with_a_gate() -> (OnPostgres, Client) {
    let shared = OnPostgres::new();
    let client = shared.database.client();
    client.batch("CREATE SCHEMA erp; CREATE TABLE erp.gate AS SELECT 1 AS one").expect("a table");
    shared.world.done(&["promote", "--execution-time", LATER]);
    (shared, client)
}

/// The days with one more in each of them, as the gate lets it.
fn gated_daily() -> String {
    FILES[2]
        .1
        .replace("sum(amount)::int", "(sum(amount) + max(one))::int")
        .replace("orders WHERE", "orders, erp.gate WHERE")
}

/// Makes the table that is gated, loads that much of it and shows it nowhere.
fn loaded_before(shared: &OnPostgres, arguments: &[&str]) {
    shared.world.done(&[&["apply", "--env", "first", "--execution-time", LATER], arguments].concat());
    shared.world.done(&["env", "drop", "first"]);
}

/// Waits until a run stands before the gate.
fn until_it_waits(shared: &OnPostgres, run: &mut Child) {
    let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let client = shared.database.client();
    while rows(&client, waits).is_empty() {
        if run.try_wait().expect("a run").is_some() {
            let mut said = String::new();
            run.stderr.take().expect("a pipe").read_to_string(&mut said).expect("readable");
            panic!("it found the gate open: {said}");
        }
    }
}

/// What a run says up to that it waits for somebody, or all of it.
fn until_it_says_that_it_waits(run: &mut Child) -> (String, BufReader<ChildStderr>) {
    let mut stderr = BufReader::new(run.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while !said.contains("waiting: ") && stderr.read_line(&mut said).expect("readable") > 0 {}
    (said, stderr)
}

#[test]
fn who_planned_to_load_more_of_a_table_leaves_it_once_another_shows_it() {
    let (shared, gate) = with_a_gate();
    shared.world.repository.branch("short");
    edit(&shared.world, &[("models/daily.sql", &FILES[2].1.replace("sum(amount)::int", "(sum(amount) + 1)::int"))]);
    loaded_before(&shared, &["--max-days", "2"]);
    shared.world.repository.branch("long");
    let first = "MODEL (name zzz.first, kind FULL);\nSELECT one FROM erp.gate";
    edit(&shared.world, &[("models/first.sql", first)]);
    let folder = TempDir::new().expect("a folder");
    shared.world.repository.git(&["checkout", "--quiet", "main"]);
    let [short, long] = ["short", "long"].map(|branch| clone(&shared, branch, &folder));

    gate.batch("BEGIN; LOCK TABLE erp.gate").expect("locked");
    let mut long = start(&long, &["apply", "--env", "long", "--jobs", "1", "--execution-time", LATER]);
    until_it_waits(&shared, &mut long);
    end(start(&short, &["apply", "--env", "short", "--max-days", "2", "--execution-time", LATER]), "short");
    let days = "SELECT day::text FROM marts__short.daily ORDER BY 1";
    assert_eq!(rows(&gate, days), ["2026-03-31"]);
    gate.batch("COMMIT").expect("given back");
    let long = long.wait_with_output().expect("it ends");
    let told = [long.stdout, long.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(long.status.success(), "{told:?}");
    assert_eq!(rows(&gate, days), ["2026-03-31"], "what is shown stays as it was planned");
    assert!(told[1].contains("marts.daily is another run's by now, so it is planned anew"), "{told:?}");
    assert_eq!(rows(&gate, "SELECT one FROM zzz__long.first"), ["1"]);
}

#[test]
fn who_is_about_to_show_a_table_waits_for_whoever_loads_it() {
    let (shared, gate) = with_a_gate();
    shared.world.repository.branch("feature");
    edit(&shared.world, &[("models/daily.sql", &gated_daily())]);
    loaded_before(&shared, &["--max-days", "2"]);
    gate.batch("BEGIN; LOCK TABLE erp.gate").expect("locked");
    let here = shared.world.repository.path();
    let mut long = start(here, &["apply", "--env", "long", "--execution-time", LATER]);
    until_it_waits(&shared, &mut long);
    let mut short = start(here, &["apply", "--env", "short", "--max-days", "2", "--execution-time", LATER]);
    let (said, mut rest) = until_it_says_that_it_waits(&mut short);
    assert!(said.contains("waiting: table `offshoot__marts.daily__") && said.contains("`bot apply`"), "{said}");
    gate.batch("COMMIT").expect("given back");
    let mut said = said;
    rest.read_to_string(&mut said).expect("readable");
    assert!(short.wait().expect("it ends").success(), "{said}");
    end(long, "long");
    let days = |environment: &str| rows(&gate, &format!("SELECT count(*) FROM marts__{environment}.daily"));
    assert_eq!([days("short"), days("long")], [["3"], ["3"]], "it was planned anew");
}

/// A branch may load more into a table that production does not show yet, or no longer does; production waits for it.
#[test]
fn production_never_begins_to_show_a_table_while_a_branch_loads_it() {
    for (command, came_before) in [(&["promote"][..], false), (&["rollback", "--yes"], true)] {
        let (shared, gate) = with_a_gate();
        let daily = FILES[2].1;
        edit(&shared.world, &[("models/daily.sql", &gated_daily())]);
        match came_before {
            false => loaded_before(&shared, &[]),
            true => {
                shared.world.done(&["promote", "--execution-time", LATER]);
                edit(&shared.world, &[("models/daily.sql", daily)]);
                shared.world.done(&["promote", "--execution-time", LATER]);
            }
        }
        // A branch wants as much as production has.
        shared.world.done(&["run", "--execution-time", NEXT_DAY]);
        shared.world.repository.branch("feature");
        edit(
            &shared.world,
            &[("models/daily.sql", &gated_daily()), ("models/extra.sql", "MODEL (name a.b); SELECT 1 AS c")],
        );
        let folder = TempDir::new().expect("a folder");
        shared.world.repository.git(&["checkout", "--quiet", "main"]);
        let branch = clone(&shared, "feature", &folder);
        gate.batch("BEGIN; LOCK TABLE erp.gate").expect("locked");
        let mut branch = start(&branch, &["apply", "--execution-time", NEXT_DAY]);
        until_it_waits(&shared, &mut branch);
        let arguments = [command, &["--execution-time", LATER]].concat();
        let mut production = start(shared.world.repository.path(), &arguments);
        let (mut said, mut rest) = until_it_says_that_it_waits(&mut production);
        assert!(said.contains("waiting: table `offshoot__marts.daily__"), "{command:?}: {said}");
        gate.batch("COMMIT").expect("given back");
        rest.read_to_string(&mut said).expect("readable");
        assert!(production.wait().expect("it ends").success(), "{command:?}: {said}");
        end(branch, "apply");
        assert_eq!(rows(&gate, "SELECT sum(amount) FROM marts.daily"), ["63"]);
    }
}

/// A table that is gone is another's to show, and still made again by whoever comes first.
#[test]
fn a_table_that_somebody_dropped_is_made_again_though_two_show_it() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote", "--execution-time", LATER]);
    shared.world.repository.branch("feature");
    edit(&shared.world, &[("models/daily.sql", &FILES[2].1.replace("sum(amount)::int", "(sum(amount) + 1)::int"))]);
    for environment in ["one", "two"] {
        shared.world.done(&["apply", "--env", environment, "--execution-time", LATER]);
    }
    let client = shared.database.client();
    let theirs =
        "SELECT DISTINCT table_name FROM offshoot.pointers WHERE environment = 'one' AND table_name LIKE 'daily%'";
    let table = rows(&client, theirs).pop().expect("a table");
    client.batch(&format!("DROP TABLE offshoot__marts.\"{table}\" CASCADE")).expect("dropped");
    let run = ["run", "one", "--restate", "marts.daily", "--execution-time", LATER];
    let gone = shared.world.bot(&run);
    assert!(gone.stderr.contains("it is gone from the warehouse"), "{}", gone.stderr);
    let applied = shared.world.done(&["apply", "--env", "one", "--execution-time", LATER, "--format", "json"]);
    assert!(applied.builds().contains_key("marts.daily"), "{}", applied.stdout);
    assert_eq!(rows(&client, &format!("SELECT count(*) FROM offshoot__marts.\"{table}\"")), ["3"]);
}
