//! What people do and see: back by one, back by more, with models that came and went, and forth again.

use offshoot::error::Exit;
use serde_json::json;

use super::{commits_total, history, prod, promotes_total, rollback, total, world, world_with_a_mistake};
use crate::lab::{DAILY, SHOWN, TOTAL, assert_same, edit, shown};

#[test]
fn the_entry_before_is_shown_again_and_nothing_is_built() {
    let world = world();
    let before = shown(world.repository.path(), "");
    let first = world.repository.sha("HEAD");
    promotes_total(&world, 1);
    assert_eq!(total(&world), "61");
    let tables = "SELECT count(*) FROM duckdb_tables() WHERE starts_with(schema_name, 'offshoot__')";
    let count = world.value(tables);
    let done = rollback(&world, &["--why", "one too many"]);
    assert_same(&shown(world.repository.path(), ""), &before, "as the first entry had it");
    assert_eq!(world.value(tables), count);
    assert_eq!((&done["dry_run"], &done["from"]["entry"], &done["to"]["entry"]), (&json!(false), &2.into(), &1.into()));
    assert_eq!(done["models"].as_array().map(Vec::len), Some(2), "the total and its reader: {done}");
    // The view of a VIEW model reads the table of the total, so both views move.
    assert_eq!(done["swapped"], 2);
    let shown = prod(&world);
    assert_eq!((&shown["promoted"], &shown["status"]), (&first.as_str().into(), &"ready".into()));
    assert_eq!(
        history(&world),
        [(3, "rollback".into(), Some(2)), (2, "promote".into(), Some(2)), (1, "promote".into(), Some(4))]
    );
    let newest = &shown["history"][0];
    assert_eq!((&newest["to"], &newest["why"], &newest["who"]), (&1.into(), &"one too many".into(), &"Ada".into()));
    assert_eq!((&newest["command"], &newest["commit"]), (&"bot rollback".into(), &first.as_str().into()));
    assert_eq!(world.value("SELECT count(*) FROM offshoot__meta.promotions"), "3", "the warehouse remembers it, too");
}

#[test]
fn any_older_entry_can_be_named_and_both_are_held_back() {
    let world = world();
    for number in 1..=3 {
        promotes_total(&world, number);
    }
    rollback(&world, &["--to", "3"]);
    assert_eq!(total(&world), "62");
    rollback(&world, &["--to", "1"]);
    assert_eq!(total(&world), "60");
    for number in [3, 2] {
        commits_total(&world, number);
        let refused = world.bot(&["promote"]);
        assert_eq!(refused.exit, Exit::No, "{number} was rolled back: {}", refused.stdout);
        assert_eq!(total(&world), "60");
    }
    // What was never rolled back passes, though it was on the way.
    promotes_total(&world, 1);
    assert_eq!((total(&world).as_str(), &prod(&world)["hold"]), ("61", &json!(null)));
}

#[test]
fn forth_again_is_a_rollback_too_and_holds_back_what_it_left() {
    let world = world_with_a_mistake();
    rollback(&world, &[]);
    rollback(&world, &["--to", "2"]);
    assert_eq!(total(&world), "61");
    let told = world.done(&["promote"]);
    assert!(told.stderr.contains("already contains"), "main is what is shown: {}", told.stderr);
    commits_total(&world, 0);
    assert_eq!(world.bot(&["promote"]).exit, Exit::No, "this is what was left last");
    promotes_total(&world, 5);
    assert_eq!(total(&world), "65");
}

#[test]
fn a_second_rollback_must_name_its_entry() {
    let world = world_with_a_mistake();
    promotes_total(&world, 2);
    rollback(&world, &[]);
    let refused = world.bot(&["rollback"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("was rolled back to entry 2 already"), "{}", refused.stderr);
    assert_eq!(total(&world), "61");
}

#[test]
fn models_that_came_go_and_models_that_went_come_back() {
    let world = world();
    let before = shown(world.repository.path(), "");
    world.repository.remove("models/shown.sql");
    edit(
        &world,
        &[
            ("models/new.sql", "MODEL (name marts.new, kind FULL);\nSELECT COUNT(*) AS n FROM marts.daily"),
            ("models/newer.sql", "MODEL (name other.newer, kind VIEW);\nSELECT n FROM marts.new"),
        ],
    );
    world.done(&["promote"]);
    assert_eq!(world.views(), ["marts.daily", "marts.new", "marts.total", "other.newer", "raw.orders"]);
    let done = rollback(&world, &[]);
    assert_same(&shown(world.repository.path(), ""), &before, "as it was");
    assert_eq!(done["swapped"], 3);
    let moved = |name: &str| {
        let models = done["models"].as_array().expect("a list");
        let model = models.iter().find(|model| model["name"] == name).unwrap_or_else(|| panic!("{name} in {done}"));
        [model["from"].is_null(), model["to"].is_null()]
    };
    assert_eq!([moved("marts.new"), moved("marts.shown")], [[false, true], [true, false]]);
    let refused = world.bot(&["promote"]);
    for name in ["marts.new", "marts.shown", "other.newer"] {
        assert!(refused.stderr.contains(&format!("`{name}`")), "{name}: {}", refused.stderr);
    }
    // The model is back and the new ones are others: nothing of it is left.
    world.repository.remove("models/newer.sql");
    edit(
        &world,
        &[
            ("models/shown.sql", SHOWN),
            ("models/new.sql", "MODEL (name marts.new, kind FULL);\nSELECT COUNT(day) AS n FROM marts.daily"),
        ],
    );
    world.done(&["promote"]);
    assert_eq!(world.views(), ["marts.daily", "marts.new", "marts.shown", "marts.total", "raw.orders"]);
}

#[test]
fn views_of_queries_are_made_again_with_their_readers() {
    let world = world();
    edit(
        &world,
        &[
            (
                "models/by.sql",
                "MODEL (name marts.by_day, kind VIEW);\nSELECT day, amount FROM marts.daily WHERE amount > 10",
            ),
            ("models/twice.sql", "MODEL (name marts.twice, kind VIEW);\nSELECT amount * 2 AS amount FROM marts.by_day"),
            ("models/sum.sql", "MODEL (name marts.sum, kind FULL);\nSELECT SUM(amount) AS amount FROM marts.twice"),
        ],
    );
    world.done(&["promote"]);
    let before = shown(world.repository.path(), "");
    edit(
        &world,
        &[
            (
                "models/by.sql",
                "MODEL (name marts.by_day, kind VIEW);\nSELECT day, amount, day AS again FROM marts.daily WHERE amount > 20",
            ),
            // Its views' fingerprints do not move by a column that they do not read; their texts do, by the table's name.
            ("models/daily.sql", &DAILY.replace("day, amount FROM", "day, amount, id FROM")),
        ],
    );
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT amount FROM marts.sum"), "60");
    rollback(&world, &[]);
    assert_same(&shown(world.repository.path(), ""), &before, "columns and rows, views of queries too");
    let old = "SELECT count(*) FROM duckdb_views() WHERE NOT internal AND sql LIKE '%again%'";
    assert_eq!(world.value(old), "0");
}

#[test]
fn another_environment_that_promote_writes_goes_back_by_itself() {
    let world = world();
    world.done(&["promote", "--to", "staging"]);
    commits_total(&world, 1);
    world.done(&["promote", "--to", "staging"]);
    let done = rollback(&world, &["--env", "staging", "--why", "no"]);
    assert_eq!(done["environment"], "staging");
    assert_eq!(world.value("SELECT amount FROM marts__staging.shown"), "60");
    let refused = world.bot(&["promote", "--to", "staging"]);
    assert!(refused.stderr.contains("`staging` is held: Ada"), "{}", refused.stderr);
    assert!(refused.stderr.contains("`bot promote --to staging --release`"), "{}", refused.stderr);
    // Production is nobody's business of staging.
    world.done(&["promote"]);
    assert_eq!(total(&world), "61");
    world.done(&["promote", "--to", "staging", "--release"]);
    assert_eq!(world.value("SELECT amount FROM marts__staging.shown"), "61");
}

#[test]
fn gc_keeps_what_was_rolled_back_within_the_depth_of_history() {
    let world = world_with_a_mistake();
    edit(&world, &[("offshoot.yaml", "gc: {history: 2}\n")]);
    rollback(&world, &[]);
    let tables = "SELECT count(*) FROM duckdb_tables() WHERE starts_with(schema_name, 'offshoot__marts')";
    let count = world.value(tables);
    for day in ["2026-04-01", "2026-05-01", "2026-06-01"] {
        world.done(&["gc", "--execution-time", day]);
    }
    assert_eq!(world.value(tables), count, "the rolled back entry and the present one are within the depth");
    rollback(&world, &["--to", "2"]);
    assert_eq!(total(&world), "61");
    // The first entry is beyond it by now, and prod's table was the first one's: it goes after its time.
    for day in ["2026-07-01", "2026-08-01"] {
        world.done(&["gc", "--execution-time", day]);
    }
    let gone = world.bot(&["rollback", "--to", "1"]);
    assert_eq!(gone.exit, Exit::No);
    assert!(gone.stderr.contains("`prod` has no entry 1"), "{}", gone.stderr);
    // Entry 3 showed what entry 1 did and is within the depth.
    rollback(&world, &["--to", "3"]);
    assert_eq!(total(&world), "60");
}

#[test]
fn what_is_rolled_back_may_be_behind_and_that_is_told() {
    let world = world();
    let world = world.at("2026-04-05");
    edit(
        &world,
        &[
            ("models/daily.sql", &DAILY.replace("day, amount FROM", "day, amount + 1 AS amount FROM")),
            ("models/total.sql", &TOTAL.replace("SUM", "MAX")),
        ],
    );
    world.done(&["promote"]);
    // The new days table may be loaded to where the old one ended only; a restatement makes it newer.
    let would = rollback(&world, &["--dry-run"]);
    let model = |name: &str| {
        let models = would["models"].as_array().expect("a list");
        models.iter().find(|model| model["name"] == name).expect("it moves").clone()
    };
    let total = model("marts.total");
    assert_eq!(total["filled_at"], "2026-04-01T00:00:00Z");
    assert_eq!(total["behind"][0]["code"], "filled_earlier");
    let text = "filled on 2026-04-01 00:00:00, the other on 2026-04-05 00:00:00";
    assert_eq!(total["behind"][0]["text"], text);
    assert_eq!(model("marts.daily")["loaded_to"], "2026-04-01T00:00:00Z");
    let told = world.done(&["rollback", "--dry-run"]).stdout;
    assert!(told.contains("2 tables are behind what is shown now:"), "{told}");
    assert!(told.contains(&format!("marts.total: {text}")), "{told}");
    let told = world.done(&["rollback", "--dry-run", "--format", "markdown"]).stdout;
    assert!(told.contains("**2 tables are behind what is shown now:**"), "{told}");
}

#[test]
fn a_dry_run_writes_nothing_and_a_terminal_is_asked_first() {
    let world = world_with_a_mistake();
    let before = bytes_of(&world);
    let told = world.done(&["rollback", "--dry-run"]);
    assert!(told.stdout.starts_with("Would roll back prod from entry 2 ("), "{}", told.stdout);
    assert!(told.stdout.contains("2 models and 2 views."), "{}", told.stdout);
    assert_eq!(bytes_of(&world), before);
    let told = world.on_a_terminal(&["rollback"]);
    assert_eq!(told.exit, Exit::Done);
    assert!(told.stderr.contains("nothing was changed: `bot rollback --to 1 --yes` does it"), "{}", told.stderr);
    assert_eq!(bytes_of(&world), before);
    let done = world.on_a_terminal(&["rollback", "--yes", "--color", "never"]);
    assert!(done.stdout.starts_with("Rolled back prod from entry 2 ("), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("`bot promote` refuses to bring it back"), "{}", done.stdout);
    assert_eq!(total(&world), "60");
}

fn bytes_of(world: &crate::world::World) -> [Vec<u8>; 2] {
    super::bytes(world)
}
