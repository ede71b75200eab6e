//! Whose tables a run writes, and by which commit.

use offshoot::error::Exit;

use super::{DAILY, TOTAL, due, expected, names, run, world};
use crate::lab::{edit, shown};

const LATER: &str = "2026-04-02 00:10";

#[test]
fn the_promoted_commit_counts_not_what_is_checked_out_or_merged_since() {
    let world = world();
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)::INT", "SUM(amount)::INT + 1000"))]);
    world.repository.branch("feature");
    edit(&world, &[("models/hourly.sql", "MODEL (name marts.hourly, kind FULL);\nSELECT 1 AS one")]);
    world.repository.write("models/total.sql", "no model at all");
    let (views, history) = (world.views(), history(&world));
    run(&world, LATER, &[]);
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "168");
    assert_eq!((world.views(), self::history(&world)), (views, history), "no view is made or moved, no entry written");
}

fn history(world: &crate::world::World) -> String {
    world.done(&["env", "show", "prod", "--format", "json"]).json()["history"].to_string()
}

#[test]
fn a_branch_shows_the_fresh_rows_of_productions_tables_and_its_run_writes_its_own() {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)::INT", "SUM(amount)::INT + 1000"))]);
    world.done(&["apply", "--env", "dev"]);
    run(&world, LATER, &[]);
    assert_eq!(world.value("SELECT COUNT(*) FROM marts__dev.daily"), "7", "it is production's table");
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "1144");
    let before = shown(world.repository.path(), "");
    let ran = run(&world, LATER, &["dev"]);
    assert_eq!(due(&ran), expected(&[("marts.total", "cron", &[])]));
    assert_eq!(names(&ran, "left"), ["marts.daily", "marts.hourly", "marts.latest", "marts.weekly"]);
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "1168");
    assert!(shown(world.repository.path(), "") == before);
    let text = world.done(&["run", "dev", "--execution-time", LATER]).stdout;
    assert!(text.contains("4 tables of production, which `bot run` of production loads"), "{text}");
    let refused = world.bot(&["run", "dev", "--restate", "marts.daily", "--execution-time", LATER]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("the table of `marts.daily` in `dev` is production's"), "{}", refused.stderr);
}

#[test]
fn a_promote_in_between_is_what_the_next_run_loads_for() {
    let world = world();
    run(&world, "2026-04-01 03:10", &[]);
    edit(&world, &[("models/daily.sql", &DAILY.replace("SUM(amount)::INT", "(SUM(amount) * 10)::INT"))]);
    world.done(&["promote", "--execution-time", "2026-04-01 04:10"]);
    let ran = run(&world, LATER, &[]);
    let days = [["2026-03-30", "2026-04-02"]];
    assert_eq!(due(&ran)["marts.daily"], expected(&[("marts.daily", "cron", &days)])["marts.daily"]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "1680");
}

#[test]
fn production_that_is_held_after_a_rollback_is_loaded_all_the_same() {
    let world = world();
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)::INT", "SUM(amount)::INT + 1000"))]);
    world.done(&["promote"]);
    world.done(&["rollback"]);
    run(&world, LATER, &[]);
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "168");
    let held = world.bot(&["promote", "--execution-time", LATER]);
    assert_eq!(held.exit, Exit::No, "{}", held.stderr);
}

#[test]
fn staging_is_loaded_but_for_what_production_shows() {
    let world = world();
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)::INT", "SUM(amount)::INT + 1000"))]);
    world.done(&["promote", "--to", "staging"]);
    let ran = run(&world, LATER, &["staging"]);
    assert_eq!(names(&ran, "builds"), ["marts.total"]);
    assert_eq!(world.value("SELECT COUNT(*) FROM marts.daily"), "6");
}

#[test]
fn a_branch_that_loaded_the_last_days_is_loaded_on_and_not_back() {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &DAILY.replace("SUM(amount)::INT", "(SUM(amount) * 10)::INT"))]);
    world.done(&["apply", "--env", "dev", "--max-days", "1"]);
    run(&world, LATER, &[]);
    let ran = run(&world, LATER, &["dev"]);
    let days = [["2026-03-31", "2026-04-02"]];
    assert_eq!(due(&ran), expected(&[("marts.daily", "cron", &days)]));
    let left = ran["left"].as_array().expect("a list").iter();
    let previews = left.filter(|left| left["why"] == "preview").map(|left| left["model"].clone());
    assert_eq!(previews.collect::<Vec<_>>(), ["marts.total"]);
    assert_eq!(world.value("SELECT SUM(amount) FROM marts__dev.daily"), "480");
}
