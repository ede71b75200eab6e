//! What is due at which moment.

use std::collections::BTreeMap;

use offshoot::error::Exit;

use super::{DAILY, HOURLY, LATEST, TOTAL, due, expected, names, run, unpromoted, world};
use crate::lab::{CONFIG, Shown, assert_same, edit, lab, shown};
use crate::world::World;

const MIDNIGHT: &str = "2026-04-02 00:00:00";

#[test]
fn each_model_is_due_by_its_own_cron() {
    let world = world();
    // Promoted at this very moment, which is a tick of all but the weekly one.
    assert_eq!(due(&run(&world, "2026-04-01", &[])), expected(&[]));
    let early = run(&world, "2026-04-01 01:30", &[]);
    let hour = [["2026-04-01 00:00:00", "2026-04-01 01:00:00"]];
    assert_eq!(due(&early), expected(&[("marts.hourly", "cron", &hour)]));
    assert_eq!(names(&early, "builds"), ["marts.hourly"]);
    assert_eq!(due(&run(&world, "2026-04-01 01:59", &[])), expected(&[]), "the hour is loaded, the next is not over");

    let midnight = run(&world, "2026-04-02 00:10", &[]);
    let rest = [["2026-04-01 01:00:00", MIDNIGHT]];
    let days = [["2026-03-30", "2026-04-02"]];
    let day = [["2026-03-31", "2026-04-02"]];
    let all = expected(&[
        ("marts.hourly", "cron", &rest),
        ("marts.daily", "cron", &days),
        ("marts.latest", "cron", &day),
        ("marts.total", "cron", &[]),
    ]);
    assert_eq!(due(&midnight), all, "two days before the new one are read again, one for the keyed table");
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "168");
    assert_eq!(world.value("SELECT days FROM marts.weekly"), "6", "no Sunday yet");

    let sunday = run(&world, "2026-04-05 00:00", &[]);
    assert_eq!(due(&sunday)["marts.weekly"].0, "cron");
    assert_eq!(world.value("SELECT days FROM marts.weekly"), "10", "parents first");
    assert_same(&shown(world.repository.path(), ""), &like_a_clean_build("2026-04-05"), "like a clean build");
}

/// Midnight of New York is four o'clock in UTC; days are counted in UTC all the same, as in SQLMesh.
#[test]
fn ticks_are_in_the_time_zone_of_the_model() {
    let world = world();
    let zoned = |text: &str, kind: &str| text.replace(kind, &format!("cron_tz 'America/New_York', {kind}"));
    edit(&world, &[("models/daily.sql", &zoned(DAILY, "kind")), ("models/total.sql", &zoned(TOTAL, "kind"))]);
    world.done(&["promote"]);
    let first = due(&run(&world, "2026-04-01 04:00", &[]));
    assert_eq!(
        (first["marts.total"].0.as_str(), first.get("marts.daily")),
        ("cron", None),
        "its midnight came after the promote"
    );
    let early = due(&run(&world, "2026-04-02 03:59", &[]));
    assert!(!early.contains_key("marts.daily") && !early.contains_key("marts.total"), "{early:?}");
    let days = [["2026-03-30", "2026-04-02"]];
    let late = run(&world, "2026-04-02 04:00", &[]);
    let told = due(&late);
    assert_eq!(told["marts.daily"], expected(&[("marts.daily", "cron", &days)])["marts.daily"]);
    assert_eq!(told["marts.total"].0, "cron");
    assert_eq!(due(&run(&world, "2026-04-02 23:00", &[])).get("marts.total"), None);
    assert_eq!(due(&run(&world, "2026-04-03 04:30", &[]))["marts.total"].0, "cron");
}

/// The rows of the day so far. What SQLMesh 0.236.4 loads of such a model at these moments (`Snapshot.missing_intervals`), we do.
const TODAY: &str = "MODEL (name marts.today, kind INCREMENTAL_BY_TIME_RANGE (time_column day), cron '@hourly', interval_unit day, \
    allow_partials true);\nSELECT CAST(hour AS DATE) AS day, SUM(amount)::INT AS amount FROM marts.hourly\n\
    WHERE hour BETWEEN @start_ts AND @end_ts GROUP BY 1";

#[test]
fn a_unit_that_is_not_over_is_loaded_again_until_it_is() {
    // Whole units alone are read of it, whatever their own unit is.
    let after = "MODEL (name marts.after, kind INCREMENTAL_BY_TIME_RANGE (time_column hour), cron '@hourly');\n\
        SELECT CAST(day AS TIMESTAMP) AS hour, amount FROM marts.today WHERE day BETWEEN @start_ts AND @end_ts";
    let world = unpromoted();
    edit(&world, &[("models/today.sql", TODAY), ("models/after.sql", after)]);
    world.done(&["promote", "--execution-time", "2026-04-01 10:20"]);
    assert_eq!(world.value("SELECT amount FROM marts.today WHERE day = '2026-04-01'"), "10");
    assert_eq!(
        world.value("SELECT max(hour)::TEXT FROM marts.after"),
        "2026-03-31 00:00:00",
        "the day that is not over is in no whole unit"
    );
    let moments = [
        ("2026-04-01 11:05", Some([["2026-04-01 00:00:00", "2026-04-01 11:00:00"]]), "11"),
        ("2026-04-01 11:50", None, "11"),
        ("2026-04-02 00:10", Some([["2026-04-01", "2026-04-02"]]), "24"),
        ("2026-04-02 02:30", Some([["2026-04-02 00:00:00", "2026-04-02 02:00:00"]]), "24"),
        ("2026-04-04 01:30", Some([["2026-04-02 00:00:00", "2026-04-04 01:00:00"]]), "24"),
    ];
    for (now, ranges, amount) in moments {
        let ran = due(&run(&world, now, &[]));
        let wanted = ranges.map(|ranges| expected(&[("marts.today", "cron", &ranges)])["marts.today"].clone());
        assert_eq!(ran.get("marts.today"), wanted.as_ref(), "{now}");
        assert_eq!(world.value("SELECT amount FROM marts.today WHERE day = '2026-04-01'"), amount, "{now}");
        let fresh = unpromoted();
        edit(&fresh, &[("models/today.sql", TODAY), ("models/after.sql", after)]);
        fresh.done(&["promote", "--execution-time", now]);
        for model in ["today", "after"] {
            let rows = format!("SELECT COLUMNS(*)::TEXT FROM marts.{model} ORDER BY ALL");
            assert_eq!(world.sql(&rows), fresh.sql(&rows), "{model} at {now}, like a clean build");
        }
    }
    assert_eq!(world.value("SELECT amount FROM marts.today WHERE day = '2026-04-04'"), "1");
}

/// A branch has as much of the day as production; where parts are loaded no more, the begun unit is loaded whole later.
#[test]
fn what_was_loaded_in_part_is_never_taken_for_complete() {
    let world = unpromoted();
    edit(&world, &[("models/today.sql", TODAY)]);
    world.done(&["promote", "--execution-time", "2026-04-01 10:20"]);
    world.repository.branch("feature");
    edit(&world, &[("models/today.sql", &TODAY.replace("SUM(amount)::INT", "2 * SUM(amount)::INT"))]);
    world.done(&["apply", "--env", "dev", "--execution-time", "2026-04-01 12:20"]);
    let of_branch = "SELECT amount FROM marts__dev.today WHERE day = '2026-04-01'";
    assert_eq!(world.value(of_branch), "20", "as far as production");
    world.repository.checkout("main");
    world.repository.merge("feature");
    world.done(&["promote", "--execution-time", "2026-04-01 13:20"]);
    assert_eq!(world.value("SELECT amount FROM marts.today WHERE day = '2026-04-01'"), "20");
    run(&world, "2026-04-01 14:20", &[]);
    assert_eq!(world.value("SELECT amount FROM marts.today WHERE day = '2026-04-01'"), "28");
    let whole = TODAY.replace("cron '@hourly', interval_unit day, allow_partials true", "cron '@daily'");
    edit(&world, &[("models/today.sql", &whole.replace("SUM(amount)::INT", "2 * SUM(amount)::INT"))]);
    world.done(&["promote", "--execution-time", "2026-04-01 15:20"]);
    assert_eq!(world.value("SELECT amount FROM marts.today WHERE day = '2026-04-01'"), "28", "nothing is built");
    let ran = due(&run(&world, "2026-04-02 00:10", &[]));
    assert_eq!(
        ran["marts.today"],
        expected(&[("marts.today", "cron", &[["2026-04-01", "2026-04-02"]])])["marts.today"]
    );
    assert_eq!(world.value("SELECT amount FROM marts.today WHERE day = '2026-04-01'"), "48");
}

/// What a build from nothing shows, given the same source.
fn like_a_clean_build(now: &str) -> BTreeMap<String, Shown> {
    let fresh = unpromoted();
    fresh.done(&["promote", "--execution-time", now]);
    shown(fresh.repository.path(), "")
}

#[test]
fn late_rows_are_read_again_before_each_missing_unit_and_nowhere_else() {
    let world = world();
    // A hole in the middle, as a withdrawn load leaves one.
    forget(&world, "daily", "2026-03-29", "2026-03-30");
    world.sql("UPDATE erp.events SET amount = 2 WHERE happened >= '2026-03-26'");
    let ran = run(&world, "2026-04-01 00:30", &[]);
    let days = [["2026-03-27", "2026-03-30"]];
    assert_eq!(due(&ran), expected(&[("marts.daily", "cron", &days)]));
    let amounts = world.sql("SELECT amount::TEXT FROM marts.daily ORDER BY day");
    assert_eq!(amounts.len(), 6, "no day was left out, none is there twice");
}

/// Takes a part of a table's ledger away.
fn forget(world: &World, table: &str, start: &str, end: &str) {
    let moment = |text| offshoot::time::Timestamp::parse(text).expect("a date").0;
    let connection = rusqlite::Connection::open(world.state()).expect("a state");
    let key: String = connection
        .query_row("SELECT table_key FROM snapshots WHERE physical_table LIKE ?1", [format!("%{table}__%")], |row| {
            row.get(0)
        })
        .expect("its table");
    let (first, last): (i64, i64) = connection
        .query_row("SELECT min(start_at), max(end_at) FROM loads WHERE table_key = ?1", [&key], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("its loads");
    let rest = "INSERT INTO loads SELECT project, table_key, ?2, ?3, loaded_at, run, inputs FROM loads WHERE table_key = ?1 LIMIT 1";
    connection.execute(rest, rusqlite::params![key, moment(end), last]).expect("the second part");
    let cut = "UPDATE loads SET end_at = ?2 WHERE table_key = ?1 AND start_at = ?3";
    connection.execute(cut, rusqlite::params![key, moment(start), first]).expect("the first part");
}

#[test]
fn a_dry_run_shows_what_is_due_and_writes_nothing() {
    let world = world();
    let (before, remembered) = (shown(world.repository.path(), ""), world.remembered());
    let dry = run(&world, "2026-04-03 00:10", &["--dry-run"]);
    assert_eq!((&dry["dry_run"], names(&dry, "due").len()), (&true.into(), 4));
    assert_eq!(names(&dry, "builds"), [""; 0]);
    assert_same(&shown(world.repository.path(), ""), &before, "as before");
    assert_eq!(world.remembered(), remembered);
    let text = world.done(&["run", "--dry-run", "--execution-time", "2026-04-03 00:10"]).stdout;
    assert!(text.contains("would load 4 tables at 2026-04-03 00:10:00"), "{text}");
    assert!(text.contains("2026-03-30 to 2026-04-02 (4 days)"), "{text}");
    let real = run(&world, "2026-04-03 00:10", &[]);
    assert_eq!(due(&dry), due(&real));
}

#[test]
fn no_model_is_loaded_further_than_what_it_reads() {
    let world = world();
    // The hours are read by the day, so their readers wait for it.
    let slow = HOURLY.replace("'@hourly'", "'@daily', interval_unit hour");
    let fast = DAILY
        .replace("lookback 2)", "lookback 2), cron '@hourly', interval_unit hour")
        .replace("CAST(hour AS DATE) AS day", "hour AS day");
    edit(&world, &[("models/hourly.sql", &slow), ("models/daily.sql", &fast)]);
    world.done(&["promote"]);
    let ran = run(&world, "2026-04-01 05:10", &[]);
    assert_eq!(due(&ran), expected(&[]));
    let waits = ran["left"].as_array().expect("a list").iter().find(|left| left["model"] == "marts.daily");
    let waits = waits.unwrap_or_else(|| panic!("{ran}"));
    let told = (&waits["why"], &waits["end"], &waits["due"]);
    assert_eq!(told, (&"waits".into(), &"2026-04-01T00:00:00Z".into(), &"2026-04-01T05:00:00Z".into()));
    let ran = run(&world, "2026-04-02 00:10", &[]);
    let hours = [["2026-03-31 22:00:00", "2026-04-02 00:00:00"]];
    assert_eq!(due(&ran)["marts.daily"].1, expected(&[("marts.daily", "cron", &hours)])["marts.daily"].1);
}

#[test]
fn what_failed_stops_its_readers_only_and_the_next_run_goes_on() {
    let world = world();
    world.sql("ALTER TABLE erp.events RENAME TO gone");
    world.sql(
        "CREATE TABLE erp.events AS SELECT happened, customer, \
         CASE WHEN happened >= '2026-04-01' THEN 'x' ELSE '1' END AS amount FROM erp.gone",
    );
    edit(
        &world,
        &[("models/other.sql", "MODEL (name marts.other, kind FULL);\nSELECT COUNT(*)::INT AS n FROM erp.gone")],
    );
    world.done(&["promote"]);
    let ran = world.bot(&["run", "--execution-time", "2026-04-02 00:10"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert!(ran.stderr.contains("`marts.hourly`") && ran.stderr.contains("not built because of"), "{}", ran.stderr);
    let left = run(&world, "2026-04-02 00:10", &["--dry-run"]);
    assert!(!names(&left, "due").contains(&"marts.other".to_owned()), "{left}");
    assert_eq!(world.value("SELECT COUNT(*) FROM marts.daily"), "6", "nothing half recorded");
    world.sql("DROP TABLE erp.events");
    world.sql("ALTER TABLE erp.gone RENAME TO events");
    run(&world, "2026-04-02 00:10", &[]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "168");
}

#[test]
fn half_a_century_of_five_minutes_is_planned_as_a_few_ranges() {
    let minutes = "MODEL (name marts.minutes, kind INCREMENTAL_BY_TIME_RANGE (time_column moment, lookback 3), \
                   cron '*/5 * * * *', start '1970-01-01');\n\
                   SELECT moment FROM erp.minutes WHERE moment BETWEEN @start_ts AND @end_ts";
    let world = lab(&[
        ("external_models.yaml", "- name: erp.minutes\n  columns:\n    moment: TIMESTAMP\n"),
        ("models/minutes.sql", minutes),
        (
            "models/total.sql",
            &TOTAL.replace("SUM(amount)::INT AS amount FROM marts.daily", "COUNT(*)::INT AS n FROM marts.minutes"),
        ),
    ]);
    world.sql("CREATE SCHEMA erp");
    world.sql("CREATE TABLE erp.minutes AS SELECT TIMESTAMP '2026-03-31 23:58' AS moment");
    world.done(&["promote"]);
    let dry = run(&world, "2026-04-01 00:11", &["--dry-run"]);
    let ranges = [["2026-03-31 23:45:00", "2026-04-01 00:10:00"]];
    assert_eq!(due(&dry), expected(&[("marts.minutes", "cron", &ranges)]));
    let dry = run(&world, "2026-04-01 00:11", &["--dry-run", "--restate", "marts.minutes"]);
    let ranges = [["1970-01-01 00:00:00", "2026-04-01 00:10:00"]];
    assert_eq!(due(&dry)["marts.minutes"], ("restated".to_owned(), vec![ranges[0].map(str::to_owned)]));
}

#[test]
fn what_adds_up_is_not_read_again_for_late_rows_and_that_is_told() {
    let adds = "when_matched (WHEN MATCHED THEN UPDATE SET target.amount = target.amount + source.amount)";
    let world = world();
    edit(&world, &[("models/latest.sql", &LATEST.replace("lookback 1", &format!("lookback 1, {adds}")))]);
    world.done(&["promote"]);
    let ran = run(&world, "2026-04-02 00:10", &[]);
    assert_eq!(due(&ran)["marts.latest"].1, [["2026-04-01".to_owned(), "2026-04-02".to_owned()]]);
    let left = serde_json::json!([{ "model": "marts.latest", "why": "no_lookback", "end": null, "due": null }]);
    assert_eq!(ran["left"], left);
    assert_eq!(world.value("SELECT SUM(amount) FROM marts.latest"), "168", "each event once");
}

/// By the day nobody had to wait for a month that was not over, and then it was there.
#[test]
fn what_was_loaded_before_its_inputs_were_there_is_loaded_again() {
    let monthly =
        HOURLY.replace("'@hourly'", "'@monthly'").replace("time_column hour", "time_column hour, batch_size 1");
    let world = unpromoted();
    edit(&world, &[("models/hourly.sql", &monthly)]);
    world.done(&["promote", "--execution-time", "2026-04-10"]);
    assert_eq!(world.value("SELECT COUNT(*) FROM marts.daily"), "6", "of April there is nothing yet");
    assert_eq!(due(&run(&world, "2026-04-11 00:10", &[])).get("marts.daily"), None, "it waits");
    let ran = run(&world, "2026-05-01 00:10", &[]);
    let april = [["2026-04-01", "2026-05-01"]];
    let days: Vec<_> = due(&ran)["marts.daily"].1.clone();
    assert_eq!(days.last().map(|range| range[1].as_str()), Some(april[0][1]));
    assert!(days.len() == 1 && days[0][0].as_str() <= april[0][0], "{days:?}");
    assert_eq!(world.value("SELECT COUNT(*) FROM marts.daily"), "25");
    assert_eq!(world.value("SELECT amount FROM marts.total"), "600");
}

/// Rows of a day may come until its `cron` fires.
#[test]
fn neither_a_promote_nor_a_run_loads_a_day_before_its_tick() {
    let early = DAILY.replace("lookback 2)", ")").replace(");\n", ", cron '0 5 * * *');\n");
    let world = unpromoted().at("2026-04-02 02:00:00");
    edit(&world, &[("models/daily.sql", &early)]);
    world.done(&["promote"]);
    let days = || world.sql("SELECT CAST(max(day) AS VARCHAR) FROM marts.daily");
    assert_eq!(days(), [[Some("2026-03-31".to_owned())]]);
    let ran = run(&world, "2026-04-02 05:10", &[]);
    assert!(names(&ran, "due").contains(&"marts.daily".to_owned()), "{ran}");
    assert_eq!(days(), [[Some("2026-04-01".to_owned())]]);
}

/// What a promote fills between the tick and the run that loads its inputs is filled by that run, too.
#[test]
fn a_table_that_was_filled_before_its_inputs_were_loaded_is_filled_with_them() {
    let world = world().at("2026-04-02 00:05:00");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)::INT", "SUM(amount)::INT + 0"))]);
    world.done(&["promote"]);
    let ran = run(&world, "2026-04-02 00:11", &[]);
    assert!(names(&ran, "due").contains(&"marts.total".to_owned()), "{ran}");
    let both = world.sql("SELECT (SELECT amount FROM marts.total) = (SELECT SUM(amount) FROM marts.daily)");
    assert_eq!(both, [[Some("true".to_owned())]]);
    assert_eq!(names(&run(&world, "2026-04-02 00:12", &[]), "due"), Vec::<String>::new());
}

/// Rows know the rows of earlier days: what is loaded again begins where that does, and what was before stays.
#[test]
fn a_model_that_reads_its_own_table_is_loaded_again_from_where_that_begins() {
    let sum = "MODEL (name marts.sum, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1, forward_only true), \
               columns (day DATE, amount INT));\n\
               SELECT CAST(happened AS DATE) AS day, (SUM(amount) + COALESCE((SELECT MAX(s.amount) FROM marts.sum AS s WHERE \
               s.day < @start_date), 0))::INT AS amount FROM erp.events WHERE happened BETWEEN @start_ts AND @end_ts GROUP BY 1";
    let world = unpromoted();
    edit(&world, &[("models/sum.sql", sum)]);
    world.done(&["promote"]);
    // The source keeps the last days alone, and one of them was corrected.
    world.sql("DELETE FROM erp.events WHERE happened < TIMESTAMP '2026-03-29'");
    world.sql("UPDATE erp.events SET amount = 2 WHERE CAST(happened AS DATE) = DATE '2026-03-30'");
    let range = ["--restate", "marts.sum", "--start", "2026-03-30", "--end", "2026-03-30"];
    run(&world, "2026-04-01 00:10", &range);
    let shown = world.sql("SELECT CAST(amount AS VARCHAR) FROM marts.sum ORDER BY day");
    let amounts: Vec<&str> = shown.iter().filter_map(|row| row[0].as_deref()).collect();
    assert_eq!(amounts, ["24", "48", "72", "96", "144", "168"]);
}

/// As SQLMesh: of a weekly model on a Sunday the week before the last Monday, of an hourly one at half past the hour before the last run.
#[test]
fn a_model_that_says_no_start_begins_one_round_of_its_cron_before_the_last() {
    let model = |name: &str, more: &str| {
        let text = format!(
            "MODEL (name marts.{name}, kind INCREMENTAL_BY_TIME_RANGE (time_column ts), {more});\n\
             SELECT ts FROM erp.hours WHERE ts BETWEEN @start_ts AND @end_ts"
        );
        (format!("models/{name}.sql"), text)
    };
    let daily = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column ts));\n\
                 SELECT ts FROM marts.mondays WHERE ts BETWEEN @start_ts AND @end_ts";
    let files = [
        ("config.yaml".into(), CONFIG.replace("  start: 2026-03-26\n", "")),
        ("models/daily.sql".into(), daily.into()),
        model("mondays", "cron '0 0 * * 1'"),
        model("half_past", "cron '30 * * * *'"),
        model("hours", "cron '@daily', interval_unit 'hour'"),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().map(|(file, text): &(String, String)| (file.as_str(), text.as_str())).collect();
    let world = lab(&files).at("2026-11-29 12:00:00");
    world.sql("CREATE SCHEMA erp");
    world.sql("CREATE TABLE erp.hours AS SELECT ts FROM range(TIMESTAMP '2026-01-01', TIMESTAMP '2027-01-01', INTERVAL 1 HOUR) AS t(ts)");
    world.done(&["promote"]);
    let held =
        |name: &str| world.value(&format!("SELECT concat_ws(' ', count(*), min(ts), max(ts)) FROM marts.{name}"));
    let week = "168 2026-11-16 00:00:00 2026-11-22 23:00:00";
    assert_eq!(["mondays", "daily"].map(held), [week; 2], "whoever reads it begins where it does");
    assert_eq!(held("half_past"), "1 2026-11-29 10:00:00 2026-11-29 10:00:00");
    assert_eq!(held("hours"), "24 2026-11-28 00:00:00 2026-11-28 23:00:00");
}
