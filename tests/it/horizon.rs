//! Time goes on between a build and its promotion: what inputs hold more by then, under whatever key and name, is in what
//! prod shows afterwards.

use crate::lab::{RAW, TOTAL, assert_same, clean_build, edit, lab, shown};
use crate::world::World;

const ORDERS: &str = "id,amount,day\n1,1,2026-01-10\n2,2,2026-02-10\n3,4,2026-03-10\n4,8,2026-03-20\n5,16,2026-03-31\n\
                      6,32,2026-04-01\n7,64,2026-04-02\n8,128,2026-04-05\n";
const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-01-01');\n\
                     SELECT day, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date";
/// Reads a second table beside the days that it is loaded for.
const READER: &str = "MODEL (name marts.reader, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-01-01');\n\
                      SELECT o.day, o.amount, d.amount AS other FROM raw.orders AS o LEFT JOIN marts.daily AS d \
                      ON d.day = o.day WHERE o.day BETWEEN @start_date AND @end_date";

/// These models over the seed.
fn project(models: &[(&str, &str)]) -> World {
    let mut files = vec![("seeds/orders.csv", ORDERS), ("models/raw.sql", RAW)];
    files.extend(models);
    lab(&files)
}

/// One more column, which nobody reads: another table, of the same rows.
fn wider(model: &str) -> String {
    model.replace("SELECT day, amount", "SELECT day, id, amount")
}

/// Gives `marts.daily` another name, and its reader that name to read.
fn renames_daily(world: &World, (path, reader): (&str, &str)) {
    let renamed = |text: &str| text.replace("marts.daily", "marts.daily2");
    world.repository.remove("models/daily.sql");
    edit(world, &[("models/daily2.sql", &renamed(DAILY)), (path, &renamed(reader))]);
}

fn merge(world: &World, branch: &str) {
    world.repository.checkout("main");
    world.repository.merge(branch);
}

/// Promotes, and prod shows what a build from nothing shows.
#[track_caller]
fn promotes(world: &World, now: &str) {
    world.done(&["promote"]);
    assert_same(&shown(world.repository.path(), ""), &clean_build(world, now), "after the promotion");
}

#[test]
fn a_whole_table_is_filled_again_where_its_renamed_input_was_loaded_further() {
    let world = project(&[("models/daily.sql", DAILY), ("models/total.sql", TOTAL)]);
    world.done(&["promote"]);
    renames_daily(&world, ("models/total.sql", TOTAL));
    promotes(&world.at("2026-04-03"), "2026-04-03");
}

#[test]
fn a_rename_alone_fills_no_reader() {
    let world = project(&[("models/daily.sql", DAILY), ("models/total.sql", TOTAL)]);
    world.done(&["promote"]);
    renames_daily(&world, ("models/total.sql", TOTAL));
    let promoted = world.done(&["promote", "--format", "json"]);
    assert_eq!(promoted.builds().keys().collect::<Vec<_>>(), ["marts.daily2"]);
}

#[test]
fn a_whole_table_of_an_earlier_push_is_filled_again_where_its_input_was_loaded_further() {
    let world = project(&[]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", DAILY), ("models/total.sql", TOTAL)]);
    world.done(&["apply", "--env", "dev"]);
    let world = world.at("2026-04-03");
    edit(&world, &[("models/daily.sql", &wider(DAILY))]);
    world.done(&["apply", "--env", "dev"]);
    assert_same(&shown(world.repository.path(), "__dev"), &clean_build(&world, "2026-04-03"), "in the environment");
    merge(&world, "feature");
    promotes(&world, "2026-04-03");
}

#[test]
fn a_whole_table_that_another_branch_shows_is_not_taken_where_its_input_was_loaded_further() {
    let world = project(&[]);
    world.done(&["promote"]);
    world.repository.branch("one");
    edit(&world, &[("models/daily.sql", DAILY), ("models/total.sql", TOTAL)]);
    world.done(&["apply", "--env", "one"]);
    let world = world.at("2026-04-03");
    world.repository.checkout("main").branch("two");
    edit(&world, &[("models/daily.sql", &wider(DAILY)), ("models/total.sql", TOTAL)]);
    world.done(&["apply", "--env", "two"]);
    assert_same(&shown(world.repository.path(), "__two"), &clean_build(&world, "2026-04-03"), "in the environment");
    assert_eq!(world.value("SELECT amount FROM marts__one.total"), "31", "the other one's stays what it was");
    merge(&world, "two");
    promotes(&world, "2026-04-03");
}

#[test]
fn a_table_that_becomes_a_view_brings_its_readers_what_it_did_not_hold() {
    let copy = "MODEL (name marts.copy, kind FULL);\nSELECT day, amount FROM marts.daily";
    let total = TOTAL.replace("marts.daily", "marts.copy");
    let world = project(&[]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", DAILY), ("models/copy.sql", copy), ("models/total.sql", &total)]);
    world.done(&["apply"]);
    let world = world.at("2026-04-03");
    edit(&world, &[("models/copy.sql", &copy.replace("FULL", "VIEW"))]);
    world.done(&["apply"]);
    merge(&world, "feature");
    promotes(&world, "2026-04-03");
}

#[test]
fn another_promoted_environment_goes_no_further_than_prod_and_leaves_it_nothing_stale() {
    let world = project(&[("models/daily.sql", DAILY), ("models/total.sql", TOTAL)]);
    world.done(&["promote"]);
    edit(&world, &[("models/daily.sql", &wider(DAILY))]);
    let world = world.at("2026-04-05");
    world.done(&["promote", "--to", "staging"]);
    assert_eq!(world.value("SELECT amount FROM marts__staging.total"), "31");
    world.done(&["promote"]);
    assert_same(&shown(world.repository.path(), ""), &clean_build(&world, "2026-04-01"), "over prod's own time");
    edit(&world, &[("models/daily.sql", DAILY), ("models/new.sql", &TOTAL.replace("marts.total", "marts.new"))]);
    let world = world.at("2026-04-06");
    let staged = world.done(&["promote", "--to", "staging", "--format", "json"]);
    assert!(!staged.stdout.contains("\"preview\""), "{}", staged.stdout);
}

#[test]
fn an_input_that_was_empty_counts_once_it_is_not() {
    let late = DAILY.replace("2026-01-01", "2026-04-01");
    let world = project(&[("models/daily.sql", &late), ("models/total.sql", TOTAL)]);
    world.done(&["promote"]);
    edit(&world, &[("README", "nothing")]);
    promotes(&world.at("2026-04-03"), "2026-04-03");
}

#[test]
fn what_a_table_was_made_of_is_known_however_often_its_model_was_built_since() {
    let world = project(&[]);
    world.done(&["promote"]);
    world.repository.branch("one");
    edit(&world, &[("models/daily.sql", DAILY), ("models/total.sql", TOTAL)]);
    world.done(&["apply", "--env", "one"]);
    world.repository.branch("two");
    for number in 0..21 {
        edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", &format!("SUM(amount) + {number}")))]);
        world.done(&["apply", "--env", "two"]);
    }
    merge(&world, "one");
    promotes(&world.at("2026-04-03"), "2026-04-03");
}

#[test]
fn a_table_that_begins_when_nothing_says_so_has_no_hole() {
    let unsaid = DAILY.replace(", start '2026-01-01'", "");
    let world = project(&[]);
    world.repository.write("config.yaml", crate::lab::CONFIG.replace("  start: 2026-03-26\n", ""));
    world.repository.commit("no start");
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &unsaid), ("models/total.sql", TOTAL)]);
    world.done(&["apply"]);
    merge(&world, "feature");
    let world = world.at("2026-04-03");
    world.done(&["promote"]);
    assert_eq!(
        world.value("SELECT string_agg(day::VARCHAR, ' ' ORDER BY day) FROM marts.daily"),
        "2026-03-31 2026-04-01 2026-04-02"
    );
    assert_eq!(world.value("SELECT amount FROM marts.total"), "112");
}

#[test]
fn days_that_were_loaded_before_a_months_input_was_there_are_loaded_again() {
    let monthly = DAILY.replacen("start", "cron '@monthly', start", 1);
    let world = project(&[]).at("2026-03-25");
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(
        &world,
        &[
            ("models/daily.sql", &monthly),
            ("models/reader.sql", READER),
            ("models/total.sql", &TOTAL.replace("marts.daily", "marts.reader").replace("amount)", "other)")),
        ],
    );
    world.done(&["apply"]);
    merge(&world, "feature");
    promotes(&world.at("2026-04-15"), "2026-04-15");
}

#[test]
fn hours_that_were_loaded_before_a_days_input_was_there_are_loaded_again() {
    let hourly =
        READER.replacen("start", "cron '@hourly', start", 1).replace("SELECT o.day", "SELECT o.day::TIMESTAMP AS day");
    let hourly =
        hourly.replace("o.day BETWEEN @start_date AND @end_date", "o.day::TIMESTAMP BETWEEN @start_ts AND @end_ts");
    let world = project(&[]).at("2026-04-02 12:00");
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", DAILY), ("models/reader.sql", &hourly)]);
    world.done(&["apply"]);
    merge(&world, "feature");
    promotes(&world.at("2026-04-04 12:00"), "2026-04-04 12:00");
}

#[test]
fn a_reader_waits_for_an_input_that_has_nothing_yet() {
    let world = project(&[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    let world = world.at("2026-04-10");
    let late = "MODEL (name marts.late, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-04-02');\n\
                SELECT day, amount FROM marts.daily WHERE day BETWEEN @start_date AND @end_date";
    let reader = READER.replace("marts.daily", "marts.late");
    edit(&world, &[("models/late.sql", late), ("models/reader.sql", &reader)]);
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT max(day)::VARCHAR FROM marts.reader"), "2026-04-01", "no further than its inputs");
    renames_daily(&world, ("models/late.sql", late));
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT count(*) FROM marts.reader WHERE day >= '2026-04-02' AND other IS NULL"), "0");
}

#[test]
fn rows_that_were_loaded_beyond_an_input_are_loaded_again_once_it_is_there() {
    let alone = READER.replace("LEFT JOIN marts.daily", "LEFT JOIN raw.orders");
    let world = project(&[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    edit(&world, &[("models/reader.sql", &alone)]);
    let world = world.at("2026-04-03");
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/reader.sql", READER)]);
    world.done(&["apply"]);
    merge(&world, "feature");
    world.done(&["promote"]);
    assert_eq!(
        world.value("SELECT count(*) FROM marts.reader WHERE other IS NULL"),
        "2",
        "as far as prod was, it stays"
    );
    renames_daily(&world, ("models/reader.sql", READER));
    promotes(&world, "2026-04-03");
}

#[test]
fn a_model_that_ends_later_than_it_did_is_loaded_to_its_new_end() {
    let ending = |end: &str| DAILY.replacen("start", &format!("end '{end}', start"), 1);
    let world = project(&[("models/daily.sql", &ending("2026-02-15")), ("models/total.sql", TOTAL)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &ending("2026-03-15"))]);
    world.done(&["apply"]);
    merge(&world, "feature");
    promotes(&world, "2026-04-01");
    assert_eq!(world.value("SELECT amount FROM marts.total"), "7");
}

#[test]
fn an_input_whose_past_grows_has_its_readers_loaded_again() {
    let first = "MODEL (name marts.first, kind FULL, start '2026-03-01');\nSELECT day, amount FROM raw.orders";
    let inherits = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));\n\
                    SELECT day, amount FROM marts.first WHERE day BETWEEN @start_date AND @end_date";
    let running = "MODEL (name marts.running, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-01');\n\
                   SELECT d.day, (SELECT SUM(amount) FROM marts.daily AS e WHERE e.day <= d.day) AS so_far \
                   FROM marts.daily AS d WHERE d.day BETWEEN @start_date AND @end_date";
    let world = project(&[
        ("models/first.sql", first),
        ("models/daily.sql", inherits),
        ("models/running.sql", running),
        ("models/total.sql", TOTAL),
    ]);
    world.repository.write("config.yaml", crate::lab::CONFIG.replace("  start: 2026-03-26\n", ""));
    world.repository.commit("no start");
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/first.sql", &first.replace("2026-03-01", "2026-01-01"))]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    let applied = world.done(&["apply", "--format", "json"]).json();
    assert_eq!(plan["models"], applied["plan"]["models"]);
    let daily = plan["models"].as_array().expect("a list").iter().find(|model| model["name"] == "marts.daily");
    let reason = &daily.expect("it is in the plan")["reasons"][0];
    assert_eq!(reason["text"], "start: 2026-03-01 00:00:00 → 2026-01-01 00:00:00", "{reason}");
    merge(&world, "feature");
    promotes(&world, "2026-04-01");
}

/// SQLMesh counts such times from the present: `5 days ago` is a midnight, and as an `end` it is where the last day ends.
#[test]
fn relative_times_are_counted_from_the_present() {
    let daily = |name: &str, times: &str| {
        format!(
            "MODEL (name marts.{name}, kind INCREMENTAL_BY_TIME_RANGE (time_column day){times});\n\
             SELECT CAST(day AS DATE) AS day FROM (VALUES (@start_date)) AS days(day)"
        )
    };
    let models = [
        daily("begins", ", start '3 days ago'"),
        daily("is_over", ", start '1 week ago', end 'yesterday'"),
        daily("ends", ", start '2026-03-20', end '3 days ago'"),
        daily("usual", ""),
    ];
    let world = lab(&[("models/begins.sql", &models[0]), ("models/is_over.sql", &models[1])]);
    let config = format!("{}  start: 2 days ago\n", crate::lab::CONFIG.replace("  start: 2026-03-26\n", ""));
    edit(&world, &[("models/ends.sql", &models[2]), ("models/usual.sql", &models[3]), ("config.yaml", &config)]);
    world.done(&["promote"]);
    let days = |world: &World, name: &str| {
        world.value(&format!("SELECT concat_ws(' ', min(day), max(day), count(*)) FROM marts.{name}"))
    };
    assert_eq!(days(&world, "begins"), "2026-03-29 2026-03-31 3");
    assert_eq!(days(&world, "is_over"), "2026-03-25 2026-03-30 6");
    assert_eq!(days(&world, "ends"), "2026-03-20 2026-03-28 9");
    assert_eq!(days(&world, "usual"), "2026-03-30 2026-03-31 2");
    // The beginning moves on, and what is there stays; so does an end.
    let world = world.at("2026-04-03");
    world.done(&["run"]);
    assert_eq!(days(&world, "begins"), "2026-03-29 2026-04-02 5");
    assert_eq!(days(&world, "is_over"), "2026-03-25 2026-04-01 8");
    assert_eq!(days(&world, "ends"), "2026-03-20 2026-03-30 11");
    assert_eq!(days(&world, "usual"), "2026-03-30 2026-04-02 4");
    // Nor is it left out of another definition, or where it is loaded once more.
    let other = |model: &str| model.replace("AS day FROM", "AS day, 1 AS one FROM");
    edit(&world, &[("models/begins.sql", &other(&models[0])), ("models/usual.sql", &other(&models[3]))]);
    world.done(&["promote"]);
    world.done(&["run", "--restate", "marts.begins", "--start", "2026-04-01"]);
    assert_eq!(days(&world, "begins"), "2026-03-29 2026-04-02 5");
    assert_eq!(days(&world, "usual"), "2026-03-30 2026-04-02 4");
}
