//! What is loaded again by itself, at each tick of `auto_restatement_cron`.

use super::restate::amounts;
use super::{DAILY, HOURLY, LATEST, due, expected, run, unpromoted};
use crate::lab::edit;
use crate::world::World;

/// A model whose kind has these properties, too.
fn with(model: &str, properties: &str) -> String {
    let kind =
        ["(time_column hour", "(time_column day", "(unique_key customer"].into_iter().find(|kind| model.contains(kind));
    let kind = kind.expect("an incremental model");
    model.replace(kind, &format!("{kind}, {properties}"))
}

/// The world with such a model, promoted as of midnight of April the 1st.
pub(super) fn world_with(path: &str, model: &str) -> World {
    let world = unpromoted();
    edit(&world, &[(path, model)]);
    world.done(&["promote"]);
    world
}

/// Every midnight the hours of two days.
pub(super) fn hours_of_two_days() -> String {
    with(HOURLY, "auto_restatement_cron '@daily', auto_restatement_intervals 48")
}

#[test]
fn the_units_before_a_tick_are_loaded_again_once_with_all_that_reads_them() {
    let world = world_with("models/hourly.sql", &hours_of_two_days());
    world.sql("UPDATE erp.events SET amount = 2 WHERE happened >= '2026-03-28'");
    let noon = run(&world, "2026-04-01 02:10", &[]);
    let hours = [["2026-04-01 00:00:00", "2026-04-01 02:00:00"]];
    assert_eq!(due(&noon), expected(&[("marts.hourly", "cron", &hours)]), "it was loaded at the last tick");
    let ran = run(&world, "2026-04-02 00:10", &[]);
    let all = expected(&[
        ("marts.hourly", "auto_restatement_cron", &[["2026-03-31 00:00:00", "2026-04-02 00:00:00"]]),
        ("marts.daily", "reads_restated", &[["2026-03-29", "2026-04-02"]]),
        ("marts.total", "reads_restated", &[]),
        ("marts.weekly", "reads_restated", &[]),
        ("marts.latest", "cron", &[["2026-03-31", "2026-04-02"]]),
    ]);
    assert_eq!(due(&ran), all);
    let hourly = ran["due"].as_array().expect("a list").iter().find(|due| due["model"] == "marts.hourly");
    assert_eq!(hourly.expect("due")["tick"], "2026-04-02T00:00:00Z");
    assert_eq!(amounts(&world, "marts.daily"), ["24", "24", "24", "24", "24", "48", "48"]);
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "216");
    assert_eq!(due(&run(&world, "2026-04-02 00:20", &[])), expected(&[]));
    let later = run(&world, "2026-04-02 01:10", &[]);
    let hour = [["2026-04-02 00:00:00", "2026-04-02 01:00:00"]];
    assert_eq!(due(&later), expected(&[("marts.hourly", "cron", &hour)]));
    // A run that comes late loads what one on time would have.
    let late = run(&world, "2026-04-03 05:10", &[]);
    let since = [["2026-04-01 00:00:00", "2026-04-03 05:00:00"]];
    assert_eq!(
        due(&late)["marts.hourly"],
        expected(&[("marts.hourly", "auto_restatement_cron", &since)])["marts.hourly"]
    );
}

#[test]
fn without_a_number_all_of_a_table_is_loaded_again_and_a_keyed_one_begins_anew() {
    let world = world_with("models/latest.sql", &with(LATEST, "auto_restatement_cron '@weekly'"));
    world.sql("DELETE FROM erp.events WHERE customer = 'c1' AND happened < '2026-04-01'");
    assert_eq!(due(&run(&world, "2026-04-05 00:00", &[]))["marts.latest"].0, "auto_restatement_cron", "a Sunday");
    assert_eq!(
        world.value("SELECT string_agg(customer || ' ' || day, ',' ORDER BY customer) FROM marts.latest"),
        "c0 2026-04-04,c1 2026-04-04,c2 2026-04-04"
    );
    let days = [["2026-04-04", "2026-04-06"]];
    let monday = run(&world, "2026-04-06 00:00", &[]);
    assert_eq!(due(&monday)["marts.latest"], expected(&[("marts.latest", "cron", &days)])["marts.latest"]);
}

/// As SQLMesh has it: only production does, and never what `disable_restatement` fixes.
#[test]
fn other_environments_and_what_is_fixed_load_nothing_again_by_themselves() {
    let fixed = with(DAILY, "disable_restatement true, auto_restatement_cron '@daily'");
    let world = world_with("models/daily.sql", &fixed);
    world.repository.branch("feature");
    edit(&world, &[("models/hourly.sql", &hours_of_two_days().replace("SUM(amount)", "2 * SUM(amount)"))]);
    world.done(&["apply", "--env", "dev"]);
    let days = [["2026-03-30", "2026-04-02"]];
    let prod = run(&world, "2026-04-02 00:10", &[]);
    assert_eq!(due(&prod)["marts.daily"], expected(&[("marts.daily", "cron", &days)])["marts.daily"]);
    let dev = run(&world, "2026-04-02 00:10", &["dev"]);
    let hours = [["2026-04-01 00:00:00", "2026-04-02 00:00:00"]];
    assert_eq!(due(&dev)["marts.hourly"], expected(&[("marts.hourly", "cron", &hours)])["marts.hourly"]);
}

#[test]
fn a_schedule_is_metadata_and_builds_nothing() {
    let world = unpromoted();
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/hourly.sql", &hours_of_two_days())]);
    let plan = world.done(&["plan"]);
    assert!(plan.stdout.contains("auto_restatement_cron") && plan.stdout.contains("@daily"), "{}", plan.stdout);
    let applied = world.done(&["apply", "--format", "json"]);
    assert!(applied.builds().is_empty(), "{:?}", applied.builds());
}

/// Whatever was made of the rows of before is made again, though it was made after the tick.
#[test]
fn what_a_promote_made_of_it_meanwhile_is_loaded_again() {
    let world = world_with("models/hourly.sql", &hours_of_two_days());
    world.sql("UPDATE erp.events SET amount = 2 WHERE happened >= '2026-03-31'");
    let fresh = DAILY.replace("marts.daily", "marts.fresh").replace(", lookback 2", "");
    edit(&world, &[("models/fresh.sql", &fresh)]);
    world.done(&["promote", "--execution-time", "2026-04-02 00:05"]);
    assert_eq!(amounts(&world, "marts.fresh")[5], "24", "of the 31st, as it was loaded first");
    let ran = run(&world, "2026-04-02 00:10", &[]);
    let days = [["2026-03-31", "2026-04-02"]];
    assert_eq!(due(&ran)["marts.fresh"], expected(&[("marts.fresh", "reads_restated", &days)])["marts.fresh"]);
    assert_eq!(amounts(&world, "marts.fresh"), ["24", "24", "24", "24", "24", "48", "48"]);
    assert_eq!(due(&run(&world, "2026-04-02 00:20", &[])), expected(&[]));
}

/// Rows that are kept are no other model's to load again: their sources may be gone.
#[test]
fn kept_rows_are_loaded_again_by_their_own_schedule_alone() {
    let world = unpromoted();
    edit(
        &world,
        &[("models/hourly.sql", &hours_of_two_days()), ("models/daily.sql", &with(DAILY, "forward_only true"))],
    );
    world.done(&["promote"]);
    world.sql("UPDATE erp.events SET amount = 2 WHERE happened >= '2026-03-31'");
    let ran = run(&world, "2026-04-02 00:10", &[]);
    let days = [["2026-03-30", "2026-04-02"]];
    assert_eq!(
        due(&ran)["marts.daily"],
        expected(&[("marts.daily", "cron", &days)])["marts.daily"],
        "its own lookback"
    );
    let own = with(DAILY, "forward_only true, auto_restatement_cron '@daily', auto_restatement_intervals 3");
    edit(&world, &[("models/daily.sql", &own)]);
    world.done(&["promote", "--execution-time", "2026-04-02 12:00"]);
    let ran = run(&world, "2026-04-03 00:10", &[]);
    assert_eq!(due(&ran)["marts.daily"].0, "auto_restatement_cron");
}

/// What the model's own lookback loads again later is no restatement.
#[test]
fn readers_follow_a_tick_once_whatever_is_loaded_after_it() {
    let daily = with(DAILY, "auto_restatement_cron '@weekly', auto_restatement_intervals 3")
        .replace("lookback 2", "lookback 4");
    let world = world_with("models/daily.sql", &daily);
    let weekly = |day: &str| {
        due(&run(&world, &format!("2026-04-{day} 00:10"), &[])).get("marts.weekly").map(|due| due.0.clone())
    };
    let days = ["02", "03", "04", "05", "06", "07", "08", "09"];
    let found = days.map(weekly);
    let expected = days.map(|day| (day == "05").then(|| "reads_restated".to_owned()));
    assert_eq!(found, expected, "it is filled on Sundays");
}

/// A table by key that is filled as a whole has no ranges; whoever reads it by time has.
#[test]
fn a_keyed_table_without_intervals_is_filled_again_with_its_readers() {
    let keyed = "MODEL (name marts.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key customer, auto_restatement_cron '@daily'), \
                 cron '@weekly');\nSELECT customer, max(happened) AS happened FROM erp.events GROUP BY customer";
    let seen = "MODEL (name marts.seen, kind INCREMENTAL_BY_TIME_RANGE (time_column day));\n\
                SELECT CAST(happened AS DATE) AS day, count(*)::INT AS amount FROM marts.keyed\n\
                WHERE happened BETWEEN @start_ts AND @end_ts GROUP BY 1";
    let world = unpromoted();
    edit(&world, &[("models/keyed.sql", keyed), ("models/seen.sql", seen)]);
    world.done(&["promote"]);
    let ran = run(&world, "2026-04-02 00:10", &[]);
    assert_eq!(due(&ran)["marts.keyed"], expected(&[("marts.keyed", "auto_restatement_cron", &[])])["marts.keyed"]);
    let days = [["2026-03-26", "2026-04-02"]];
    assert_eq!(due(&ran)["marts.seen"], expected(&[("marts.seen", "reads_restated", &days)])["marts.seen"]);
    assert_eq!(due(&run(&world, "2026-04-02 00:20", &[])), expected(&[]));
}
