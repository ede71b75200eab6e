//! A run that dies at any of its statements: what prod shows of each table is the old or the new, and the next run loads what
//! was not recorded.

use std::collections::BTreeMap;
use std::path::Path;

use super::scheduled::{hours_of_two_days, world_with};
use super::{unpromoted, world};
use crate::kill::{copied, run_and_kill_anywhere as run};
use crate::lab::{Shown, assert_same, bot, shown};
use crate::world::World;

const NOW: &str = "2026-04-02 00:10:00";
const RUN: &[&str] = &["run", "--execution-time", NOW, "--jobs", "1"];

/// Kills a run at moments spread over it, each time in a copy of the world, and lets the next one finish it.
fn dies_anywhere(world: &World, arguments: &[&str], expected: &BTreeMap<String, Shown>) {
    let old = shown(world.repository.path(), "");
    let (_kept, finished) = copied(world);
    let lines = run(&finished, arguments, 0).lines;
    assert_same(&shown(&finished, ""), expected, "undisturbed");
    let (mut kills, mut between) = (0, 0);
    for at in (1..=lines).step_by((lines / 18).max(1)) {
        let (_folder, root) = copied(world);
        kills += usize::from(run(&root, arguments, at).by_signal);
        let seen = shown(&root, "");
        // The hours are loaded one by one.
        for (name, view) in seen.iter().filter(|(name, _)| *name != "marts.hourly") {
            let is_whole = *view == old[name] || *view == expected[name];
            assert!(is_whole, "after a death at {at}: `{name}` is neither old nor new: {view:?}");
        }
        between += usize::from(seen != old && seen != *expected);
        assert!(!run(&root, arguments, 0).by_signal);
        assert_same(&shown(&root, ""), expected, &format!("after a death at {at} of {lines}"));
        assert_eq!(due(&root), 0, "after a death at {at} of {lines}");
    }
    assert!(kills > 14 && between > 2, "{kills} of {lines} died, {between} of them with a part of it");
}

#[test]
fn a_run_that_dies_anywhere_is_finished_by_the_next() {
    let world = world();
    let clean = unpromoted();
    clean.done(&["promote", "--execution-time", "2026-04-02"]);
    let mut expected = shown(clean.repository.path(), "");
    // No Sunday has passed.
    let old = shown(world.repository.path(), "");
    expected.insert("marts.weekly".into(), old["marts.weekly"].clone());
    dies_anywhere(&world, RUN, &expected);
}

#[test]
fn what_is_loaded_again_by_itself_is_finished_by_the_next_run() {
    let corrected = "UPDATE erp.events SET amount = 2 WHERE happened >= '2026-03-30'";
    let world = world_with("models/hourly.sql", &hours_of_two_days());
    world.sql(corrected);
    let clean = unpromoted();
    clean.sql(&corrected.replace("03-30", "03-31"));
    clean.done(&["promote", "--execution-time", "2026-04-02"]);
    let mut expected = shown(clean.repository.path(), "");
    // It reads the events itself, and one day before the last again.
    expected.insert("marts.latest".into(), {
        let (_folder, finished) = copied(&world);
        run(&finished, RUN, 0);
        shown(&finished, "")["marts.latest"].clone()
    });
    dies_anywhere(&world, RUN, &expected);
}

#[test]
fn a_restatement_that_dies_anywhere_is_made_again_by_the_same_command() {
    let world = world();
    world.done(RUN);
    let corrected = "DELETE FROM erp.events WHERE customer = 'c1' OR happened < TIMESTAMP '2026-03-27'";
    world.sql(corrected);
    let clean = unpromoted();
    clean.sql(corrected);
    clean.done(&["promote", "--execution-time", "2026-04-02"]);
    let arguments = [RUN, &["--restate", "erp.events", "--start", "2026-03-26"]].concat();
    dies_anywhere(&world, &arguments, &shown(clean.repository.path(), ""));
}

/// How many tables are due.
fn due(root: &Path) -> usize {
    let ran = bot(root, &[RUN, &["--dry-run", "--format", "json"]].concat()).output().expect("the binary");
    let ran: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    ran["due"].as_array().expect("a list").len()
}
