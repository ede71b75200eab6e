//! A rollback that is killed at each of its statements, the warehouse's and the state's: prod shows the one entry or the
//! other, never a mix, and the next command settles it.

use std::path::Path;

use super::{commits_total, rollback, world};
use crate::kill::{copied, run_and_kill_anywhere as run};
use crate::lab::{assert_same, bot, edit, shown};
use crate::world::World;

const NOW: &str = "2026-04-01";
const ROLLBACK: &[&str] = &["rollback", "--execution-time", NOW, "--why", "wrong"];

/// Two entries that differ in a table, a view, one model that came and one that went.
fn two_entries() -> World {
    let world = world();
    world.repository.remove("models/shown.sql");
    edit(&world, &[("models/new.sql", "MODEL (name marts.new, kind VIEW);\nSELECT amount FROM marts.total")]);
    commits_total(&world, 1);
    world.done(&["promote"]);
    world
}

/// What a page of JSON says of prod.
fn prod(root: &Path) -> serde_json::Value {
    let ran = bot(root, &["env", "show", "prod", "--format", "json"]).output().expect("the binary");
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

#[test]
fn a_rollback_that_dies_anywhere_is_settled_by_the_next_command() {
    let world = two_entries();
    let new = shown(world.repository.path(), "");
    let (_kept, finished) = copied(&world);
    let lines = run(&finished, ROLLBACK, 0).lines;
    let old = shown(&finished, "");
    assert!(lines > 20 && old != new, "{lines} moments to die in");
    let (mut kills, mut before, mut after) = (0, 0, 0);
    for at in 1..=lines {
        let (_folder, root) = copied(&world);
        let killed = run(&root, ROLLBACK, at);
        kills += usize::from(killed.by_signal);
        let seen = shown(&root, "");
        if seen == new {
            before += 1;
        } else {
            assert_same(&seen, &old, &format!("after a death at {at}: neither old nor new"));
            after += 1;
        }
        // The same command goes on, or finds it done; in no case does it go back twice.
        if killed.by_signal || at == lines {
            let done = prod(&root)["history"][0]["kind"] == "rollback";
            if !done {
                assert!(!run(&root, ROLLBACK, 0).by_signal);
            }
        }
        assert_same(&shown(&root, ""), &old, &format!("after a death at {at} and the same command"));
        let page = prod(&root);
        assert_eq!(
            (&page["history"][0]["kind"], &page["history"][0]["entry"]),
            (&"rollback".into(), &3.into()),
            "at {at}"
        );
        assert_eq!((&page["hold"]["why"], &page["status"]), (&"wrong".into(), &"ready".into()), "at {at}");
        let refused = bot(&root, &["promote", "--execution-time", NOW]).output().expect("the binary");
        assert_eq!(refused.status.code(), Some(1), "held, at {at}");
    }
    assert!(kills >= 15, "only {kills} runs died");
    assert!(before > 0 && after > 0, "died before the swap {before} times, after it {after} times");
}

/// Any other writer settles it, too; promote then finds prod held, or not rolled back at all.
#[test]
fn a_promote_after_a_dead_rollback_knows_what_happened() {
    let world = two_entries();
    let new = shown(world.repository.path(), "");
    let (_kept, finished) = copied(&world);
    let lines = run(&finished, ROLLBACK, 0).lines;
    let (mut held, mut free) = (0, 0);
    for at in (1..=lines).step_by(2) {
        let (_folder, root) = copied(&world);
        run(&root, ROLLBACK, at);
        let has_swapped = shown(&root, "") != new;
        let ran = bot(&root, &["promote", "--execution-time", NOW]).output().expect("the binary");
        let said = String::from_utf8_lossy(&ran.stderr);
        match has_swapped {
            true => {
                assert_eq!(ran.status.code(), Some(1), "at {at}: {said}");
                assert!(said.contains("is held"), "at {at}: {said}");
                held += 1;
            }
            false => {
                assert!(ran.status.success() && said.contains("already contains"), "at {at}: {said}");
                assert_eq!(prod(&root)["hold"], serde_json::Value::Null, "at {at}");
                free += 1;
            }
        }
    }
    assert!(held > 0 && free > 0, "{held} held, {free} free");
}

/// The end of a hold is as much one with its promote as its beginning is with the rollback.
#[test]
fn a_promote_that_ends_a_hold_and_dies_ends_it_with_the_swap() {
    let world = two_entries();
    rollback(&world, &["--why", "wrong"]);
    let before = shown(world.repository.path(), "");
    commits_total(&world, 3);
    world.repository.remove("models/new.sql");
    edit(&world, &[("models/shown.sql", crate::lab::SHOWN)]);
    let promote = ["promote", "--execution-time", NOW, "--jobs", "1"];
    let (_kept, finished) = copied(&world);
    let lines = run(&finished, &promote, 0).lines;
    let after = shown(&finished, "");
    assert_eq!(prod(&finished)["hold"], serde_json::Value::Null);
    let (mut stays, mut ended) = (0, 0);
    for at in (1..=lines).rev().step_by(3) {
        let (_folder, root) = copied(&world);
        run(&root, &promote, at);
        let has_swapped = shown(&root, "") != before;
        // gc settles and does nothing else here.
        let ran = bot(&root, &["gc", "--execution-time", NOW]).output().expect("the binary");
        assert!(ran.status.success(), "at {at}");
        assert_same(&shown(&root, ""), if has_swapped { &after } else { &before }, &format!("at {at}"));
        assert_eq!(prod(&root)["hold"].is_null(), has_swapped, "at {at}");
        *(if has_swapped { &mut ended } else { &mut stays }) += 1;
    }
    assert!(stays > 0 && ended > 0, "stays {stays} times, ended {ended} times");
}

/// Who rolls back means what was promoted: where that never came to be shown, nothing is behind it to go to.
#[test]
fn a_rollback_after_a_dead_promote_goes_behind_that_promote_alone() {
    let world = world();
    commits_total(&world, 1);
    world.done(&["promote"]);
    let second = shown(world.repository.path(), "");
    commits_total(&world, 2);
    let promote = ["promote", "--execution-time", NOW, "--jobs", "1"];
    let (_kept, finished) = copied(&world);
    let lines = run(&finished, &promote, 0).lines;
    let (mut settled, mut back) = (0, 0);
    // The journal is written for the swap only; before it there is nothing to settle.
    for at in (lines - 30..=lines).rev() {
        let (_folder, root) = copied(&world);
        run(&root, &promote, at);
        let has_swapped = shown(&root, "") != second;
        let is_in_journal = prod(&root)["status"] == "promoting";
        if !has_swapped && !is_in_journal {
            continue;
        }
        let ran = bot(&root, &["rollback", "--execution-time", NOW]).output().expect("the binary");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_same(&shown(&root, ""), &second, &format!("after a death at {at}"));
        match has_swapped {
            true => {
                assert!(ran.status.success(), "at {at}: {said}");
                back += 1;
            }
            false => {
                assert_eq!(ran.status.code(), Some(1), "at {at}: {said}");
                assert!(said.contains("had moved no view"), "at {at}: {said}");
                settled += 1;
            }
        }
        assert_eq!(prod(&root)["status"], "ready", "at {at}");
    }
    assert!(settled > 0 && back > 0, "{settled} settled, {back} back");
}
