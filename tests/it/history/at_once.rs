//! INCREMENTAL_BY_PARTITION and INCREMENTAL_UNMANAGED whose query names the interval: all intervals that are missing are one load, and
//! each of them comes once.

use super::Site;
use super::killed::at_each_moment;
use crate::lab::edit;

/// Each month anew of what the interval has.
fn months(columns: &str) -> String {
    format!(
        "MODEL (name s.months, kind INCREMENTAL_BY_PARTITION, partitioned_by month, start '2026-03-29', cron '@daily');\n\
         SELECT CAST(DATE_TRUNC('month', updated_at) AS DATE) AS month, CAST(SUM(price) AS BIGINT) AS total{columns} FROM raw.people \
         WHERE updated_at BETWEEN @start_ts AND @end_ts GROUP BY 1"
    )
}

/// Each row once, with the interval that it came with.
fn log(columns: &str) -> String {
    format!(
        "MODEL (name s.log, kind INCREMENTAL_UNMANAGED, start '2026-03-29', cron '@daily');\n\
         SELECT id, price, @start_ds AS since, @end_ds AS until{columns} FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts"
    )
}

const DAYS: &str = "(1,'a',1,TIMESTAMP '2026-03-29'),(2,'b',20,TIMESTAMP '2026-03-31'),(3,'c',300,TIMESTAMP '2026-04-01'),\
                    (4,'d',4000,TIMESTAMP '2026-04-02'),(5,'e',50000,TIMESTAMP '2026-04-03'),(6,'f',600000,TIMESTAMP '2026-04-04')";

const LOGGED: [&str; 2] = ["1|1|2026-03-29|2026-03-31", "2|20|2026-03-29|2026-03-31"];

fn months_of(site: &Site, schema: &str) -> Vec<String> {
    site.lines(&format!("SELECT CAST(month AS VARCHAR), total FROM {schema}.months ORDER BY 1"))
}

fn log_of(site: &Site, schema: &str) -> Vec<String> {
    site.lines(&format!("SELECT id, price, since, until FROM {schema}.log ORDER BY id, since"))
}

/// Production of March, on both engines.
fn promoted() -> [Site; 2] {
    let sites = Site::both(&[("models/months.sql", &months("")), ("models/log.sql", &log(""))]);
    sites.map(|site| {
        let site = site.at("2026-04-01 00:00:00");
        site.people(DAYS);
        site.done(&["promote"]);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|21"]);
        assert_eq!(log_of(&site, "s"), LOGGED);
        site
    })
}

/// As SQLMesh 0.236 has it at the same times.
#[test]
fn all_that_is_missing_is_one_load_and_comes_once() {
    for site in promoted() {
        let site = site.at("2026-04-01 12:00:00");
        assert!(site.done(&["run"]).stdout.contains("nothing is due"));
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|21", "2026-04-01|4300"], "two days at once");
        let more = ["3|300|2026-04-01|2026-04-02", "4|4000|2026-04-01|2026-04-02"];
        assert_eq!(log_of(&site, "s"), [LOGGED.as_slice(), &more].concat());
        assert!(site.done(&["run"]).stdout.contains("nothing is due"));
        site.done(&["promote", "--force"]);
        let site = site.at("2026-04-04 00:00:00");
        site.done(&["run"]);
        assert_eq!(
            months_of(&site, "s"),
            ["2026-03-01|21", "2026-04-01|50000"],
            "what the interval gives is the month"
        );
        assert_eq!(log_of(&site, "s").len(), 5);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_change_a_rollback_and_a_way_back_bring_each_interval_once() {
    for site in promoted() {
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["run"]);
        site.world().repository.branch("other");
        let changed = [("models/months.sql", &*months(", MAX(name) AS name")), ("models/log.sql", &*log(", name"))];
        edit(site.world(), &changed);
        // The branch has production's rows, and what is new there once however often it looks.
        for _ in 0..2 {
            site.done(&["apply", "--env", "other"]);
            assert_eq!(months_of(&site, "s__other"), ["2026-03-01|21", "2026-04-01|300"]);
            assert_eq!(log_of(&site, "s__other").len(), 3);
        }
        let site = site.at("2026-04-03 00:00:00");
        for _ in 0..2 {
            site.done(&["apply", "--env", "other"]);
            // Nothing that it reads is new, as far as anybody knows.
            assert_eq!(months_of(&site, "s__other"), ["2026-03-01|21", "2026-04-01|300"]);
            assert_eq!(
                site.lines("SELECT id, name FROM s__other.log ORDER BY 1"),
                ["1|NULL", "2|NULL", "3|NULL", "4|d"]
            );
        }
        assert_eq!(log_of(&site, "s").len(), 3);
        // Production goes on by the old definition before the branch comes into it.
        let site = site.at("2026-04-04 00:00:00");
        site.world().repository.checkout("main");
        site.done(&["run"]);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|21", "2026-04-01|54000"]);
        edit(site.world(), &changed);
        site.done(&["promote"]);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|21", "2026-04-01|54000"]);
        assert_eq!(site.lines("SELECT COUNT(*), COUNT(name) FROM s.log"), ["5|0"]);
        let site = site.at("2026-04-05 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.lines("SELECT COUNT(*), COUNT(name) FROM s.log"), ["6|1"]);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|21", "2026-04-01|600000"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(log_of(&site, "s").len(), 6);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|21", "2026-04-01|600000"]);
        assert!(site.world().bot(&["run"]).stdout.contains("nothing is due"));
        site.done(&["promote", "--release"]);
        assert_eq!(site.lines("SELECT COUNT(*), COUNT(name) FROM s.log"), ["6|1"]);
        site.done(&["doctor", "--deep"]);
    }
}

/// A model that was filled as a whole until then goes on from its last load.
#[test]
fn what_was_loaded_as_a_whole_goes_on_from_then() {
    let whole = |text: String| {
        text.replace(" WHERE updated_at BETWEEN @start_ts AND @end_ts", "")
            .replace("@start_ds", "''")
            .replace("@end_ds", "''")
    };
    for site in Site::both(&[("models/months.sql", &whole(months(""))), ("models/log.sql", &whole(log("")))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',1,TIMESTAMP '2026-03-29'),(2,'b',20,TIMESTAMP '2026-03-31')");
        site.done(&["promote"]);
        edit(site.world(), &[("models/months.sql", &months("")), ("models/log.sql", &log(""))]);
        let site = site.at("2026-04-02 00:00:00");
        site.people(DAYS);
        site.done(&["promote"]);
        site.done(&["run"]);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|21", "2026-04-01|300"]);
        assert_eq!(log_of(&site, "s"), ["1|1||", "2|20||", "3|300|2026-04-01|2026-04-01"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_load_that_dies_comes_once() {
    let [site, _] = promoted();
    let site = site.at("2026-04-03 00:00:00");
    let kills = at_each_moment(&site, &["run", "--execution-time", "2026-04-03", "--jobs", "1"], 4);
    assert!(kills > 5, "{kills} kills");
}

/// In the middle of a day: what was added of it would come once more, and a partition is what the whole day gives.
#[test]
fn what_was_loaded_within_an_interval_is_told_apart() {
    let whole = |text: String| text.replace(" WHERE updated_at BETWEEN @start_ts AND @end_ts", "");
    let log = log("").replace("@start_ds", "''").replace("@end_ds", "''");
    for site in Site::both(&[("models/months.sql", &whole(months(""))), ("models/log.sql", &whole(log.clone()))]) {
        let site = site.at("2026-04-01 12:00:00");
        site.people("(1,'a',1,TIMESTAMP '2026-03-31'),(2,'b',20,TIMESTAMP '2026-04-01')");
        site.done(&["promote"]);
        edit(site.world(), &[("models/log.sql", &log)]);
        let refused = site.world().bot(&["promote"]);
        assert!(refused.stderr.contains("in the middle of an interval"), "{}", refused.stderr);
        edit(site.world(), &[("models/log.sql", &whole(log.clone())), ("models/months.sql", &months(""))]);
        let site = site.at("2026-04-02 00:00:00");
        site.people("(1,'a',1,TIMESTAMP '2026-03-31'),(2,'b',20,TIMESTAMP '2026-04-01'),(3,'c',300,TIMESTAMP '2026-04-01 18:00:00')");
        site.done(&["promote"]);
        site.done(&["run"]);
        assert_eq!(months_of(&site, "s"), ["2026-03-01|1", "2026-04-01|320"]);
    }
}

/// The position stands in the warehouse, so a state that is made anew adds nothing again.
#[test]
fn a_state_that_is_lost_brings_nothing_twice() {
    let [site, _postgres] = promoted();
    let site = site.at("2026-04-02 00:00:00");
    site.done(&["run"]);
    std::fs::remove_file(site.world().state()).expect("the state");
    site.done(&["state", "recover"]);
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["run"]);
    assert_eq!(months_of(&site, "s"), ["2026-03-01|21", "2026-04-01|4000"]);
    let ids: Vec<String> =
        log_of(&site, "s").iter().filter_map(|line| line.split('|').next().map(str::to_owned)).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    site.done(&["promote", "--force"]);
    assert_eq!(log_of(&site, "s").len(), 4);
}
