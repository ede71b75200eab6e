//! Promotes and rollbacks on an engine that commits each statement by itself, as one does that has no transactions around
//! views: killed at each statement, they are finished or undone by the next run, and never left half done.

use std::collections::BTreeMap;
use std::path::Path;

use offshoot::engine::Engine as _;
use offshoot::error::Exit;

use crate::kill::{Killed, copied, run_and_kill_where};
use crate::lab::{self, SHOWN, Shown, TOTAL, assert_same, bot, clean_build, each_statement, edit, shown};
use crate::world::World;

const NOW: &str = "2026-04-01";
const PROMOTE: &[&str] = &["promote", "--execution-time", NOW, "--jobs", "1"];
const ROLLBACK: &[&str] = &["rollback", "--execution-time", NOW];
/// Settles, and finds nothing else to do.
const OTHER: &[&str] = &["gc", "--execution-time", NOW];

/// Runs the binary and kills it as it begins its `at`th statement or ends one, or writes the state; 0 lets it live.
fn run(root: &Path, arguments: &[&str], at: usize) -> Killed {
    let counts = |line: &str| {
        let told = ["statement begins: ", "statement ends: ", "state write begins", "state write ends"];
        told.iter().any(|told| line.contains(told))
    };
    run_and_kill_where(root, arguments, at, counts)
}

/// The orders with one entry, promoted on such an engine.
fn world() -> World {
    let world = lab::orders();
    edit(&world, &[("config.yaml", &each_statement())]);
    world.done(&["promote"]);
    world
}

/// A table of other columns, days that come twice, a view that comes, and one that goes; not promoted.
fn change(world: &World) {
    world.repository.remove("models/shown.sql");
    edit(
        world,
        &[
            ("models/daily.sql", &lab::DAILY.replace("day, amount FROM", "day, amount * 2 AS amount FROM")),
            ("models/total.sql", &TOTAL.replace("AS amount", "AS amount, COUNT(*) AS days")),
            ("models/new.sql", NEW),
            ("models/again.sql", &SHOWN.replace("marts.shown", "marts.again")),
        ],
    );
}

/// What its statement leaves, and only that.
const NEW: &str = "MODEL (name marts.new, kind VIEW);\nSELECT days FROM marts.total;\nON_VIRTUAL_UPDATE_BEGIN;\n\
                   CREATE OR REPLACE MACRO main.told() AS 'moved';\nON_VIRTUAL_UPDATE_END;";

/// Whether the statement of [`NEW`] has run.
fn is_told(root: &Path) -> bool {
    let engine = offshoot::engine::duckdb::DuckDb::file(root.join("warehouse.duckdb"), std::time::Duration::ZERO);
    let mut session = engine.session().expect("a session");
    let sql = "SELECT 1 FROM duckdb_functions() WHERE function_name = 'told'";
    !session.query(sql).expect("rows").rows.is_empty()
}

/// What a page of JSON says of prod.
fn prod(root: &Path) -> serde_json::Value {
    let ran = bot(root, &["env", "show", "prod", "--format", "json"]).output().expect("the binary");
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

type Views = BTreeMap<String, Shown>;

/// Kills a command at each of its moments; another writer makes prod of one piece again, and the same command ends as it
/// would have. Gives how often it was killed, and how often prod was of two promotions then.
fn at_each_moment(
    world: &World,
    command: &[&str],
    (before, after): (&Views, &Views),
    entries: [u64; 2],
) -> (usize, usize) {
    let (_kept, finished) = copied(world);
    let lines = run(&finished, command, 0).lines;
    assert_same(&shown(&finished, ""), after, "when nobody kills it");
    let (mut kills, mut mixed) = (0, 0);
    for at in 1..=lines {
        let (_folder, root) = copied(world);
        let when = format!("after a death at {at} of {lines}");
        kills += usize::from(run(&root, command, at).by_signal);
        // A view of a table that is made at the moment cannot be read.
        let found = std::panic::catch_unwind(|| shown(&root, "")).ok();
        mixed += usize::from(found.is_none_or(|found| found != *before && found != *after));
        if at % 2 == 0 {
            assert!(!run(&root, OTHER, 0).by_signal, "{when}");
            let (found, page) = (shown(&root, ""), prod(&root));
            let entry = page["history"][0]["entry"].as_u64();
            let expected = if entry == Some(entries[1]) { after } else { before };
            assert_same(&found, expected, &format!("{when} and gc"));
            assert!(entries.map(Some).contains(&entry) && page["status"] == "ready", "{when}: {page}");
        }
        if prod(&root)["history"][0]["entry"].as_u64() != Some(entries[1]) {
            assert!(!run(&root, command, 0).by_signal, "{when}");
        }
        assert_same(&shown(&root, ""), after, &format!("{when} and the same command"));
        assert!(is_told(&root), "{when}: the statement for the view has run");
        let page = prod(&root);
        assert_eq!(
            (page["history"][0]["entry"].as_u64(), &page["status"]),
            (Some(entries[1]), &"ready".into()),
            "{when}"
        );
    }
    (kills, mixed)
}

#[test]
fn a_promote_that_dies_anywhere_is_finished_or_undone() {
    let world = world();
    let before = shown(world.repository.path(), "");
    change(&world);
    let after = clean_build(&world, NOW);
    let (kills, mixed) = at_each_moment(&world, PROMOTE, (&before, &after), [1, 2]);
    // How far it gets before it dies is the machine's affair.
    assert!(kills > 80 && mixed > 0, "{kills} kills, {mixed} of them between two promotions");
}

#[test]
fn a_rollback_that_dies_anywhere_is_finished_or_undone() {
    let world = world();
    let before = shown(world.repository.path(), "");
    change(&world);
    world.done(&["promote"]);
    let after = shown(world.repository.path(), "");
    let (kills, mixed) = at_each_moment(&world, ROLLBACK, (&after, &before), [2, 3]);
    assert!(kills > 30 && mixed > 0, "{kills} kills, {mixed} of them between two entries");
}

/// Where a promote that died cannot be finished any more, prod is what it was.
#[test]
fn what_cannot_be_finished_is_undone() {
    let world = world();
    let before = shown(world.repository.path(), "");
    change(&world);
    let (_kept, finished) = copied(&world);
    let lines = run(&finished, PROMOTE, 0).lines;
    let mut undone = 0;
    for at in (1..=lines).rev().step_by(3) {
        let (_folder, root) = copied(&world);
        run(&root, PROMOTE, at);
        if prod(&root)["status"] != "promoting" {
            continue;
        }
        {
            let engine =
                offshoot::engine::duckdb::DuckDb::file(root.join("warehouse.duckdb"), std::time::Duration::ZERO);
            let mut session = engine.session().expect("a session");
            let sql = "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'total%' ORDER BY column_count DESC LIMIT 1";
            let table = session.query(sql).expect("rows").rows[0][0].clone().expect("the new one");
            session.execute(&format!("DROP TABLE offshoot__marts.\"{table}\"")).expect("gone");
            if session.query("SELECT 1 FROM offshoot__meta.promotions WHERE sequence = 2").expect("rows").rows.len()
                == 1
            {
                continue;
            }
        }
        assert!(!run(&root, OTHER, 0).by_signal);
        assert_same(&shown(&root, ""), &before, &format!("after a death at {at}"));
        let page = prod(&root);
        assert_eq!((page["history"][0]["entry"].as_u64(), &page["status"]), (Some(1), &"ready".into()), "at {at}");
        undone += 1;
    }
    assert!(undone > 3, "{undone} undone");
}

/// What is refused is refused before the first view moves.
#[test]
fn what_is_in_the_way_is_found_before_anything_moves() {
    let world = world();
    let before = shown(world.repository.path(), "");
    change(&world);
    world.sql("CREATE TABLE marts.new AS SELECT 1 AS theirs");
    let refused = world.bot(&["promote"]);
    assert!(refused.exit == Exit::No && refused.stderr.contains("marts.new"), "{}", refused.stderr);
    assert_same(&shown(world.repository.path(), ""), &before, "after a refusal");
    assert_eq!(prod(world.repository.path())["status"], "ready");
    world.done(&["promote", "--take-over"]);
    assert_eq!(world.value("SELECT theirs FROM marts.new__before_offshoot"), "1");
}
