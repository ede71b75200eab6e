//! A bounded part of the torture: some strokes of every kind, at moments drawn by their number.
//! `cargo run --release --example torture` strikes at each moment there is.

#[path = "../torture/mod.rs"]
pub(crate) mod lives;

use std::time::Duration;

use lives::crash::{Fault, lines, lines_like, strike};
use lives::place::Kind;
use lives::scenario::{ALL, Make, Scenario};
use lives::together;

fn called(name: &str) -> (&'static str, Make) {
    ALL.into_iter().find(|(known, _)| *known == name).expect("there is one")
}

/// Strikes one scenario at so many moments, from the first to the last.
fn suffers(kind: Kind, name: &str, strokes: usize, fault: fn(usize) -> Fault) {
    let scenario = Scenario::prepare(kind, called(name));
    let lines = lines(&scenario);
    assert!(lines > 20, "{}: {lines} moments to be struck in", scenario.name);
    let moments = (0..strokes).map(|stroke| 1 + stroke * (lines - 1) / strokes.max(2));
    survives(&scenario, &moments.map(fault).collect::<Vec<_>>());
}

/// Strikes one scenario with each of these, most of which hit it.
fn survives(scenario: &Scenario, faults: &[Fault]) {
    let struck: Vec<Result<bool, String>> = faults.iter().map(|fault| strike(scenario, *fault)).collect();
    let failures: Vec<&String> = struck.iter().filter_map(|struck| struck.as_ref().err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    let hits = struck.iter().filter(|struck| matches!(struck, Ok(true))).count();
    assert!(hits * 2 > faults.len(), "{hits} of {} strokes hit", faults.len());
}

#[test]
fn a_server_s_promote_goes_on_after_kill_9() {
    suffers(Kind::Server, "promote of a merge", 4, Fault::Killed);
}

#[test]
fn a_server_s_run_goes_on_after_kill_9() {
    suffers(Kind::Server, "run", 3, Fault::Killed);
}

#[test]
fn a_server_s_apply_goes_on_after_kill_9() {
    suffers(Kind::Server, "second apply", 4, Fault::Killed);
}

#[test]
fn a_server_s_gc_and_rollback_go_on_after_kill_9() {
    suffers(Kind::Server, "gc", 3, Fault::Killed);
    suffers(Kind::Server, "rollback", 3, Fault::Killed);
}

#[test]
fn what_loses_its_connections_goes_on() {
    suffers(Kind::Server, "first apply", 3, Fault::Cut);
    suffers(Kind::Server, "promote of what no branch has built", 3, Fault::Cut);
}

#[test]
fn a_file_s_environment_ends_after_kill_9() {
    suffers(Kind::Files, "end of an environment", 4, Fault::Killed);
}

#[test]
fn what_commits_each_statement_goes_on_after_kill_9() {
    suffers(Kind::OneByOne, "second apply", 4, Fault::Killed);
    suffers(Kind::OneByOne, "gc", 4, Fault::Killed);
    suffers(Kind::OneByOne, "run", 4, Fault::Killed);
}

/// A death between forgetting a table and recording it again would make it nobody's.
#[test]
fn what_commits_each_statement_owns_its_tables_at_every_moment() {
    let scenario = Scenario::prepare(Kind::OneByOne, called("second apply"));
    let records = |line: &str| line.contains("objects") && !line.contains("SELECT") && line.contains("statement ends");
    let moments = lines_like(&scenario, records);
    assert!(moments.len() > 12, "{moments:?}");
    survives(&scenario, &moments.into_iter().map(Fault::Killed).collect::<Vec<_>>());
}

#[test]
fn a_migration_goes_on_after_kill_9() {
    suffers(Kind::Files, "migrate", 4, Fault::Killed);
    suffers(Kind::Server, "migrate", 4, Fault::Killed);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let scenario = Scenario::prepare(Kind::Files, called("first apply"));
    let struck: Vec<Result<bool, String>> =
        [20_000, 60_000, 200_000].map(|bytes| strike(&scenario, Fault::Limited(bytes))).into();
    assert!(struck.iter().all(Result::is_ok), "{struck:#?}");
    assert!(struck.contains(&Ok(true)), "the disk was full: {struck:?}");
}

#[test]
fn a_crowd_ends_as_one_after_the_other_would() {
    let report = together::run(&together::Plan { processes: 8, time: Duration::from_secs(600), most: 32, seed: 7 });
    assert!(report.failures.is_empty(), "{}", report.text());
    assert!(report.readings > 20 && report.generations > 2, "{}", report.text());
}
