//! A gc that is killed at each of its statements, the warehouse's and the state's: nothing that is needed is lost, and the
//! next one finishes.

use std::path::Path;

use super::facts::{DEPTH, Facts};
use super::{DAILY, TOTAL, gc, world};
use crate::kill::{Killed, copied, run_and_kill_where};
use crate::lab::{CONFIG, edit};
use crate::world::World;

const LATER: &str = "2026-04-09";
const GC: &[&str] = &["gc", "--execution-time", LATER];

/// Runs the binary and kills it as it begins its `at`th statement, or has written the state; 0 lets it live.
fn run(root: &Path, arguments: &[&str], at: usize) -> Killed {
    let counts = |line: &str| {
        ["statement begins: ", "state write begins", "state write ends"].iter().any(|told| line.contains(told))
    };
    run_and_kill_where(root, arguments, at, counts)
}

/// A world in which one gc has everything to do: an environment is over, history is too long, two tables go, one waits
/// because of it, one is read by somebody.
fn busy() -> World {
    let world = world();
    edit(&world, &[("offshoot.yaml", &format!("gc: {{history: {DEPTH}}}\n"))]);
    for number in 1..=3 {
        edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", &format!("SUM(amount) + {number}")))]);
        world.done(&["promote"]);
    }
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount FROM", "day, amount * 2 AS amount FROM"))]);
    world.done(&["apply", "--env", "gone"]);
    world.done(&["env", "drop", "gone"]);
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 9"))]);
    world.done(&["apply", "--env", "over"]);
    let found = gc(&world);
    let waiting = found["waiting"].as_array().expect("a list");
    assert!(waiting.len() >= 3, "what goes a week later: {found}");
    world.sql(&format!("CREATE VIEW main.theirs AS SELECT * FROM {}", waiting[0]["table"].as_str().expect("a name")));
    world
}

#[test]
fn a_gc_that_dies_anywhere_loses_nothing_and_is_finished_by_the_next() {
    let world = busy();
    let before = Facts::of(world.repository.path());
    let (_folder, root) = copied(&world);
    let lines = run(&root, GC, 0).lines;
    let expected = Facts::of(&root);
    expected.assert_collected("after a gc that lived");
    assert!(before.there.len() >= expected.there.len() + 2, "enough went");
    assert!(!expected.shown.keys().any(|name| name.as_str() == "over"));
    assert!(lines > 30, "enough moments to die in: {lines}");
    let (mut halves, mut kills) = (0, 0);
    for at in 1..=lines {
        let (_folder, root) = copied(&world);
        kills += usize::from(run(&root, GC, at).by_signal);
        let when = format!("after a death at {at} of {lines}");
        let left = Facts::of(&root);
        left.assert_sound(&when);
        let prod = |facts: &Facts| facts.shown.iter().find(|(name, _)| name.is_prod()).map(|(_, views)| views.clone());
        crate::lab::assert_same(&prod(&left).expect("prod"), &prod(&before).expect("prod"), &when);
        halves += usize::from(left.known != left.there);
        assert!(!run(&root, GC, 0).by_signal);
        let after = Facts::of(&root);
        after.assert_collected(&when);
        assert_eq!((&after.there, &after.marked), (&expected.there, &expected.marked), "{when}");
        after.assert_shows_as_before(&expected, &when);
        assert_eq!(after.shown.len(), expected.shown.len(), "{when}");
    }
    assert!(kills + 2 >= lines && halves > 0, "{kills} of {lines} died, {halves} between state and warehouse");
}

/// The views have moved and the state was not told: nothing but the views says that their tables are needed.
#[test]
fn what_views_show_of_an_apply_that_died_at_its_end_stays() {
    let world = world();
    edit(&world, &[("config.yaml", &format!("{CONFIG}environment_ttl: null\n"))]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    world.done(&["apply", "--env", "dev"]);
    // What the state says between the beginning of a first plan and its end.
    let state = rusqlite::Connection::open(world.state()).expect("a state");
    state
        .execute_batch(
            "UPDATE environments SET status = 'building', models = '{}' WHERE name = 'dev';
             DELETE FROM history WHERE environment = 'dev'",
        )
        .expect("written");
    drop(state);
    let before = Facts::of(world.repository.path());
    assert_eq!(before.there.difference(&before.pointed_at).count(), 1);
    let mut world = world;
    for day in ["2026-04-02", "2026-04-30", "2026-05-30"] {
        world = world.at(day);
        assert_eq!(gc(&world)["waiting"], serde_json::json!([]));
    }
    let after = Facts::of(world.repository.path());
    assert_eq!(after.there, before.there);
    after.assert_shows_as_before(&before, "after months");
    assert_eq!(world.value("SELECT amount FROM marts__dev.shown"), "61");
}
