//! Environments that are loaded in part: no fingerprint's table is ever made of inputs that lack something, so that
//! promote takes none of it, and nothing is taken for loaded before its inputs were.

use std::collections::BTreeMap;

use crate::lab::{RAW, assert_same, clean_build, edit, lab, shown, suffix};
use crate::oracle::world::random::Choices;
use crate::world::World;

/// Two rows a month since January, and one on each of the last days.
const ORDERS: &str = "id,amount,day\n1,1,2026-01-10\n2,2,2026-02-10\n3,4,2026-03-10\n4,8,2026-03-20\n5,16,2026-03-31\n\
                      6,32,2026-04-01\n7,64,2026-04-02\n";
const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-01-01');\n\
                     SELECT day, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date";
const TOTAL: &str = "MODEL (name marts.total, kind FULL);\nSELECT SUM(amount) AS amount FROM marts.shown";
const SHOWN: &str = "MODEL (name marts.shown, kind VIEW);\nSELECT day, amount FROM marts.daily";
const RUNNING: &str = "MODEL (name marts.running, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-01-01');\n\
                       SELECT d.day, (SELECT SUM(amount) FROM marts.daily AS e WHERE e.day <= d.day) AS so_far \
                       FROM marts.daily AS d WHERE d.day BETWEEN @start_date AND @end_date";
const LATEST: &str = "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key k), start '2026-01-01');\n\
                      SELECT amount % 3 AS k, MAX(day) AS day FROM marts.shown \
                      WHERE day BETWEEN @start_date AND @end_date GROUP BY 1";

const EVERYTHING: [(&str, &str); 7] = [
    ("seeds/orders.csv", ORDERS),
    ("models/raw.sql", RAW),
    ("models/daily.sql", DAILY),
    ("models/shown.sql", SHOWN),
    ("models/total.sql", TOTAL),
    ("models/running.sql", RUNNING),
    ("models/latest.sql", LATEST),
];

/// Everything, in prod as of the 1st of April.
fn world() -> World {
    let world = lab(&EVERYTHING);
    world.done(&["promote"]);
    world
}

fn doubled(model: &str) -> String {
    model.replace("day, amount FROM", "day, amount * 2 AS amount FROM")
}

fn merge(world: &World, branch: &str) {
    world.repository.checkout("main");
    world.repository.merge(branch);
}

fn planned<'a>(plan: &'a serde_json::Value, model: &str) -> &'a serde_json::Value {
    let models = plan["models"].as_array().expect("a list");
    models.iter().find(|planned| planned["name"] == model).expect("a model of the plan")
}

#[test]
fn a_window_loads_the_last_days_and_what_reads_them_is_a_preview() {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &doubled(DAILY))]);
    let plan = world.done(&["plan", "--max-days", "30", "--format", "json"]).json();
    let applied = world.done(&["apply", "--max-days", "30", "--format", "json"]);
    assert_eq!(plan["models"], applied.json()["plan"]["models"], "what is planned is what is done");
    assert_eq!(planned(&plan, "marts.daily")["basis"], "whole");
    assert_eq!(planned(&plan, "marts.daily")["due_at_promote"], serde_json::json!([["2026-01-01", "2026-03-02"]]));
    for reader in ["marts.shown", "marts.total", "marts.running", "marts.latest"] {
        assert_eq!(planned(&plan, reader)["basis"], "preview", "{reader}");
    }
    let expected = [
        ("marts.daily", serde_json::json!([["2026-03-02", "2026-04-01"]])),
        ("marts.latest", serde_json::json!([["2026-03-02", "2026-04-01"]])),
        ("marts.running", serde_json::json!([["2026-03-02", "2026-04-01"]])),
        ("marts.total", serde_json::json!([])),
    ];
    assert_eq!(applied.builds(), expected.map(|(name, ranges)| (name.to_owned(), ranges)).into());
    let schema = format!("marts{}", suffix(world.repository.path()));
    assert_eq!(world.value(&format!("SELECT amount FROM {schema}.total")), "56");
    assert_eq!(world.value(&format!("SELECT max(so_far) FROM {schema}.running")), "56");
    let again = world.done(&["apply", "--max-days", "30", "--format", "json"]);
    assert_eq!(again.builds(), BTreeMap::new(), "previews are found again");

    merge(&world, "feature");
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds()["marts.daily"], serde_json::json!([["2026-01-01", "2026-03-02"]]));
    assert_eq!(promoted.builds().len(), 4, "{:?}", promoted.builds());
    assert_same(&shown(world.repository.path(), ""), &clean_build(&world, "2026-04-01"), "after the window");
}

#[test]
fn another_branch_takes_nothing_that_was_made_of_a_window() {
    let world = world();
    world.repository.branch("one");
    edit(&world, &[("models/daily.sql", &doubled(DAILY))]);
    world.done(&["apply", "--max-days", "30"]);
    world.repository.checkout("main");
    // The same rows in the same columns, and one more: another table, under which its readers are the same.
    world.repository.branch("two");
    let wider = doubled(DAILY).replace("amount FROM", "amount, id FROM");
    edit(&world, &[("models/daily.sql", &wider)]);
    let applied = world.done(&["apply", "--env", "two", "--format", "json"]);
    assert_eq!(applied.builds().len(), 4, "{:?}", applied.builds());
    assert_same(&shown(world.repository.path(), "__two"), &clean_build(&world, "2026-04-01"), "beside a window");
    merge(&world, "two");
    world.done(&["promote"]);
    assert_same(&shown(world.repository.path(), ""), &clean_build(&world, "2026-04-01"), "promoted beside a window");
}

#[test]
fn a_wider_window_loads_the_rest_and_makes_its_readers_whole() {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &doubled(DAILY))]);
    world.done(&["apply", "--env", "dev", "--max-days", "30"]);
    let wider = world.done(&["apply", "--env", "dev", "--max-days", "60", "--format", "json"]);
    assert_eq!(wider.builds()["marts.daily"], serde_json::json!([["2026-01-31", "2026-03-02"]]));
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "60");
    let narrower = world.done(&["apply", "--env", "dev", "--max-days", "5", "--format", "json"]);
    assert_eq!(narrower.builds().keys().collect::<Vec<_>>(), ["marts.latest"], "what is loaded stays loaded");
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "60");
    world.done(&["apply", "--env", "dev"]);
    assert_same(&shown(world.repository.path(), "__dev"), &clean_build(&world, "2026-04-01"), "without a window");
    merge(&world, "feature");
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds(), BTreeMap::new(), "then there is nothing to load");
}

/// On the base branch a named environment is one beside others, and leaves their tables alone.
#[test]
fn an_environment_of_the_base_branch_writes_no_table_that_another_shows() {
    let world = lab(&EVERYTHING[..2]);
    world.done(&["promote"]);
    world.repository.branch("one");
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["apply", "--env", "one"]);
    merge(&world, "one");
    let world = world.at("2026-04-03");
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(world.value("SELECT max(day)::VARCHAR FROM marts__one.daily"), "2026-03-31");
}

/// What was merged and not promoted is told as it is built.
#[test]
fn drift_is_told_as_apply_builds_it() {
    let world = lab(&EVERYTHING[..4]);
    world.done(&["promote"]);
    edit(&world, &[("models/running.sql", RUNNING)]);
    let world = world.at("2026-04-03");
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", TOTAL)]);
    let applied = world.done(&["apply", "--max-days", "5", "--format", "json"]);
    let drift = applied.json()["plan"]["drift"][0].clone();
    assert_eq!(drift["intervals_missing"], serde_json::json!([["2026-03-27", "2026-04-01"]]));
    assert_eq!(applied.builds()["marts.running"], drift["intervals_missing"]);
}

#[test]
fn what_prod_has_already_is_not_cut() {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    let applied = world.done(&["apply", "--max-days", "1", "--format", "json"]);
    assert_eq!(applied.builds().keys().collect::<Vec<_>>(), ["marts.total"]);
    assert_eq!(planned(&applied.json()["plan"], "marts.total")["basis"], "whole");
    merge(&world, "feature");
    assert_eq!(world.done(&["promote", "--format", "json"]).builds(), BTreeMap::new());
}

/// A new model that another branch shows ends where that branch loaded it, and is not this one's to load.
#[test]
fn a_reader_of_what_another_branch_has_loaded_in_part_is_a_preview() {
    let world = lab(&EVERYTHING[..2]);
    world.done(&["promote"]);
    world.repository.branch("one");
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["apply"]);
    let world = world.at("2026-04-03");
    world.repository.branch("two");
    edit(&world, &EVERYTHING[3..]);
    let applied = world.done(&["apply", "--format", "json"]).json();
    let plan = &applied["plan"];
    assert_eq!(planned(plan, "marts.daily")["due_at_promote"], serde_json::json!([["2026-04-01", "2026-04-03"]]));
    assert_eq!(planned(plan, "marts.running")["basis"], "preview");
    let problems = plan["problems"].as_array().expect("a list");
    assert!(problems.iter().any(|problem| problem["code"] == "shared-table"), "{problems:?}");
    merge(&world, "two");
    world.done(&["promote"]);
    assert_same(&shown(world.repository.path(), ""), &clean_build(&world, "2026-04-03"), "after the other branch");
}

/// Prod's tables end where they were loaded last; what is loaded of a reader beyond that would be loaded for good.
#[test]
fn a_new_reader_ends_where_its_inputs_do() {
    let world = lab(&EVERYTHING[..4]);
    world.done(&["promote"]);
    let world = world.at("2026-04-03");
    world.repository.branch("feature");
    edit(&world, &[("models/running.sql", &RUNNING.replace("marts.daily AS d", "marts.shown AS d"))]);
    let glance = world.done(&["plan", "--format", "json"]).json();
    let applied = world.done(&["apply", "--format", "json"]);
    assert_eq!(applied.builds()["marts.running"], serde_json::json!([["2026-01-01", "2026-04-01"]]));
    assert_eq!(glance["models"], applied.json()["plan"]["models"]);
    merge(&world, "feature");
    assert_eq!(world.done(&["promote", "--format", "json"]).builds(), BTreeMap::new());
}

/// A month that is not over is not missing, nor is what a model says that it never will have.
#[test]
fn inputs_that_are_as_far_as_they_can_be_hold_nobody_up() {
    let monthly = RUNNING.replace("running", "monthly").replacen("start", "cron '@monthly', start", 1);
    let ended = DAILY.replace("daily", "ended").replacen("start", "end '2026-02-15', start", 1);
    let world = lab(&[("models/monthly.sql", &monthly), ("models/ended.sql", &ended)]);
    edit(&world, &EVERYTHING[..4]);
    let world = world.at("2026-04-03");
    world.done(&["promote"]);
    world.repository.branch("feature");
    let reader = "MODEL (name marts.reader, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-01-01');\n\
                  SELECT d.day FROM marts.daily AS d LEFT JOIN marts.monthly AS m ON m.day = d.day LEFT JOIN marts.ended AS e \
                  ON e.day = d.day WHERE d.day BETWEEN @start_date AND @end_date";
    edit(&world, &[("models/reader.sql", reader)]);
    let applied = world.done(&["apply", "--format", "json"]);
    assert_eq!(applied.builds()["marts.reader"], serde_json::json!([["2026-01-01", "2026-04-03"]]));
}

#[test]
fn an_environment_of_previews_is_compared_only_where_it_may_be() {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &doubled(DAILY).replace("(time_column day)", "(time_column day), grain day"))]);
    edit(&world, &[("models/total.sql", &TOTAL.replace("AS amount", "AS total"))]);
    world.done(&["apply", "--env", "dev", "--max-days", "30"]);
    let diff = world.done(&["diff", "dev", "--format", "json"]).json();
    let models = diff["models"].as_array().expect("a list");
    let of = |name: &str| models.iter().find(|model| model["name"] == name).expect("a model").clone();
    assert_eq!(of("marts.daily")["compared"]["changed"], 3, "the rows of the last 30 days: {diff}");
    for preview in ["marts.total", "marts.running", "marts.latest"] {
        assert!(of(preview).to_string().contains("for the branch alone"), "{}", of(preview));
    }
    assert_eq!(of("marts.total")["schema"].as_array().map(Vec::len), Some(2), "what its columns are is known");
    let shown = world.done(&["env", "show", "dev"]).stdout;
    assert_eq!(shown.matches("(preview)").count(), 4, "{shown}");
}

/// Texts of a model that differ in what they show, or only in a column that nobody reads.
fn variant(text: &str, number: u64) -> String {
    let factor = 1 + number % 3;
    let times = text.replace("SUM(amount)", &format!("SUM(amount * {factor})"));
    let times = times.replace("day, amount FROM", &format!("day, amount * {factor} AS amount FROM"));
    if text == DAILY && number >= 3 { times.replace("amount FROM", "amount, id FROM") } else { times }
}

/// Branches are edited, shown with windows of all sizes, merged and promoted in any order, while days go by: prod always
/// shows what a build from nothing shows over the time that prod has loaded.
#[test]
fn prod_never_shows_what_a_window_left_behind() {
    let mut world = world();
    let mut choices = Choices::new(5);
    let mut day = 1;
    let branches = ["one", "two", "three"];
    for name in branches {
        world.repository.checkout("main").branch(name);
    }
    let (mut previews, mut promotes) = (0, 0);
    while promotes < 6 {
        day += choices.below(2);
        world = world.at(&format!("2026-04-{day:02}"));
        let branch = branches[choices.below(branches.len())];
        world.repository.checkout(branch);
        let (path, text) =
            [("models/daily.sql", DAILY), ("models/shown.sql", SHOWN), ("models/total.sql", TOTAL)][choices.below(3)];
        world.repository.write(path, variant(text, choices.number() % 6));
        if !world.repository.git(&["status", "--porcelain"]).is_empty() {
            world.repository.commit("an edit");
        }
        world.repository.git(&["merge", "--quiet", "--no-edit", "--strategy-option=ours", "main"]);
        let days = ["1", "7", "30", "70", "365"][choices.below(5)];
        let shown = world.done(&["apply", "--max-days", days, "--format", "json"]).json();
        previews += shown["plan"]["models"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|model| model["basis"] == "preview")
            .count();
        if choices.chance(50) {
            merge(&world, branch);
            world.done(&["promote"]);
            assert_same(&self::shown(world.repository.path(), ""), &clean_build(&world, "2026-04-01"), branch);
            promotes += 1;
        }
    }
    assert!(previews > 10, "{previews}");
}
