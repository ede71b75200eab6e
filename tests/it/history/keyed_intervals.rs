//! INCREMENTAL_BY_UNIQUE_KEY that is kept and whose query names the interval: rows take the place of those of their keys, or are merged
//! into them, one interval after the other and each of them once.

use super::Site;
use super::killed::at_each_moment;
use crate::lab::edit;

/// What each day adds; a day that says so takes the row away.
const MERGED: &str = "when_matched (WHEN MATCHED AND source.total < 0 THEN DELETE \
                      WHEN MATCHED THEN UPDATE SET target.total = source.total + target.total)";

/// The last row of each id.
fn latest(more: &str, columns: &str) -> String {
    format!(
        "MODEL (name s.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id{more}), start '2026-03-29', cron '@daily');\n\
         SELECT {columns} FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts"
    )
}

/// The sum of each id.
fn totals(more: &str, columns: &str) -> String {
    format!(
        "MODEL (name s.totals, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, {MERGED}{more}), start '2026-03-29', cron '@daily');\n\
         SELECT id, CAST(SUM(price) AS BIGINT) AS total{columns} FROM raw.people \
         WHERE updated_at BETWEEN @start_ts AND @end_ts GROUP BY id"
    )
}

const PLAIN: &str = "id, price";
const MARCH: &str = "(1,'a',10,TIMESTAMP '2026-03-29'),(2,'b',20,TIMESTAMP '2026-03-29'),(1,'a',11,TIMESTAMP '2026-03-30'),\
                     (1,'a',12,TIMESTAMP '2026-03-31'),(3,'c',30,TIMESTAMP '2026-03-31')";
/// One day more, on which the second one is taken away.
const FIRST: &str = ",(1,'a',13,TIMESTAMP '2026-04-01'),(2,'b',-1,TIMESTAMP '2026-04-01')";

const LATEST_OF_MARCH: [&str; 3] = ["1|12", "2|20", "3|30"];
const TOTALS_OF_MARCH: [&str; 3] = ["1|33", "2|20", "3|30"];
const TOTALS_OF_FIRST: [&str; 2] = ["1|46", "3|30"];

fn rows(site: &Site, view: &str, columns: &str) -> Vec<String> {
    site.lines(&format!("SELECT {columns} FROM {view} ORDER BY 1"))
}

fn both(more: &str) -> [Site; 2] {
    let (latest, totals) = (latest(more, PLAIN), totals(more, ""));
    Site::both(&[("models/latest.sql", &latest), ("models/totals.sql", &totals)])
}

/// Production of March.
fn promoted(site: Site) -> Site {
    let site = site.at("2026-04-01 00:00:00");
    site.people(MARCH);
    site.done(&["promote"]);
    assert_eq!(rows(&site, "s.latest", "id, price"), LATEST_OF_MARCH);
    assert_eq!(rows(&site, "s.totals", "id, total"), TOTALS_OF_MARCH);
    site
}

#[test]
fn each_interval_is_merged_once_and_late_rows_are_read_where_they_count_once() {
    for site in both(", forward_only true, lookback 1") {
        let site = promoted(site).at("2026-04-02 00:00:00");
        // A row that came late, and one that came later than the lookback reaches.
        site.people(&format!("{MARCH}{FIRST},(4,'d',40,TIMESTAMP '2026-03-31'),(5,'e',50,TIMESTAMP '2026-03-30')"));
        let ran = site.done(&["run"]);
        assert!(ran.stdout.contains("s.totals: no lookback"), "{}", ran.stdout);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|13", "2|-1", "3|30", "4|40"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), TOTALS_OF_FIRST);
        let told = site.done(&["run"]).stdout;
        assert!(told.contains("nothing is due"), "{told}");
        site.done(&["promote", "--force"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), TOTALS_OF_FIRST);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_change_a_rollback_and_a_way_back_count_nothing_twice() {
    for site in both(", forward_only true") {
        let site = promoted(site);
        // From now on the source has the last days alone.
        let site = site.at("2026-04-02 00:00:00");
        site.people(&format!("(1,'a',12,TIMESTAMP '2026-03-31'){FIRST}"));
        site.done(&["run"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), TOTALS_OF_FIRST);
        site.world().repository.branch("other");
        let (latest, totals) = (
            latest(", forward_only true", "id, price * 10 AS price"),
            totals(", forward_only true", ", MAX(name) AS name"),
        );
        edit(site.world(), &[("models/latest.sql", &latest), ("models/totals.sql", &totals)]);
        site.done(&["apply", "--env", "other"]);
        // The last interval by the new definition, where that counts nothing twice.
        assert_eq!(rows(&site, "s__other.latest", "id, price"), ["1|130", "2|-10", "3|30"]);
        assert_eq!(rows(&site, "s__other.totals", "id, total, name"), ["1|46|NULL", "3|30|NULL"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|13", "2|-1", "3|30"]);
        site.done(&["apply", "--env", "other"]);
        assert_eq!(rows(&site, "s__other.totals", "id, total, name"), ["1|46|NULL", "3|30|NULL"]);

        site.world().repository.checkout("main");
        edit(site.world(), &[("models/latest.sql", &latest), ("models/totals.sql", &totals)]);
        let site = site.at("2026-04-03 00:00:00");
        site.people(
            "(1,'a',1,TIMESTAMP '2026-04-02'),(3,'c',-1,TIMESTAMP '2026-04-02'),(6,'f',6,TIMESTAMP '2026-04-02')",
        );
        site.done(&["promote"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|10", "2|-1", "3|-10", "6|60"]);
        assert_eq!(rows(&site, "s.totals", "id, total, name"), ["1|47|NULL", "6|6|f"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|47", "6|6"]);
        let site = site.at("2026-04-04 00:00:00");
        site.people("(1,'a',2,TIMESTAMP '2026-04-03'),(6,'f',-1,TIMESTAMP '2026-04-03')");
        site.done(&["run"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|49"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|2", "2|-1", "3|-10", "6|-1"]);
        site.done(&["promote", "--release"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|49"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|2", "2|-1", "3|-10", "6|-1"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn what_was_computed_again_goes_on_where_it_ends() {
    for site in both("") {
        let site = promoted(site).at("2026-04-02 00:00:00");
        // Said in the files, and by the flag alone.
        site.world().repository.branch("said");
        let (kept_latest, kept_totals) = (latest(", forward_only true", PLAIN), totals(", forward_only true", ""));
        edit(site.world(), &[("models/latest.sql", &kept_latest), ("models/totals.sql", &kept_totals)]);
        site.people(&FIRST[1..]);
        site.done(&["apply", "--env", "said"]);
        assert_eq!(rows(&site, "s__said.totals", "id, total"), TOTALS_OF_FIRST);
        assert_eq!(rows(&site, "s__said.latest", "id, price"), ["1|13", "2|-1", "3|30"]);
        site.world().repository.checkout("main");
        let changed = totals("", ", MAX(name) AS name");
        edit(site.world(), &[("models/totals.sql", &changed)]);
        let plan = site.done(&["plan", "--forward-only", "--format", "json"]).json();
        assert!(!plan["problems"].to_string().contains("rows-not-kept"), "{plan}");
        site.done(&["promote", "--forward-only"]);
        assert_eq!(rows(&site, "s.totals", "id, total, name"), ["1|46|NULL", "3|30|NULL"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), LATEST_OF_MARCH, "it is for `bot run` to load on");
        let site = site.at("2026-04-03 00:00:00");
        site.people("(1,'a',1,TIMESTAMP '2026-04-02')");
        site.done(&["run"]);
        assert_eq!(rows(&site, "s.totals", "id, total, name"), ["1|47|NULL", "3|30|NULL"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn intervals_are_laid_again_from_a_day_on_where_that_counts_nothing_twice() {
    for site in both(", forward_only true") {
        let site = promoted(site);
        site.people(
            "(1,'a',10,TIMESTAMP '2026-03-29'),(2,'b',21,TIMESTAMP '2026-03-30'),(1,'a',15,TIMESTAMP '2026-03-30')",
        );
        site.done(&["run", "--restate", "s.latest", "--start", "2026-03-30"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|15", "2|21", "3|30"], "what it does not give stays");
        let ran = site.world().bot(&["run", "--restate", "s.totals", "--start", "2026-03-30"]);
        assert!(ran.stderr.contains("no query gives again what it holds"), "{}", ran.stderr);
        edit(site.world(), &[("external_models.yaml", "- name: raw.people\n")]);
        site.done(&["promote"]);
        let told = site.done(&["run", "--restate", "raw.people"]).stdout;
        assert!(told.contains("s.totals: a history"), "{told}");
        assert_eq!(rows(&site, "s.totals", "id, total"), TOTALS_OF_MARCH);
    }
}

#[test]
fn another_unit_goes_on_from_the_moment_that_is_reached() {
    for site in both(", forward_only true") {
        let site = promoted(site).at("2026-04-02 00:00:00");
        let coarser = |text: String, unit: &str| text.replace("cron '@daily'", unit);
        let of = |unit: &str| {
            (coarser(latest(", forward_only true", PLAIN), unit), coarser(totals(", forward_only true", ""), unit))
        };
        let (latest, totals) = of("cron '@hourly'");
        edit(site.world(), &[("models/latest.sql", &latest), ("models/totals.sql", &totals)]);
        let site = site.at("2026-04-02 05:00:00");
        site.people(&format!(
            "{MARCH}{FIRST},(3,'c',3,TIMESTAMP '2026-04-02 04:30:00'),(3,'c',4,TIMESTAMP '2026-04-02 05:30:00')"
        ));
        site.done(&["promote"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|46", "3|33"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|13", "2|-1", "3|3"]);
        // Days: what is there of the second of April cannot be told from the rest of it.
        let (latest, totals) = of("cron '@daily', tags [days]");
        edit(site.world(), &[("models/latest.sql", &latest), ("models/totals.sql", &totals)]);
        let refused = site.world().bot(&["promote"]);
        assert!(refused.stderr.contains("in the middle of an interval of this definition"), "{}", refused.stderr);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|46", "3|33"]);
    }
}

#[test]
fn a_load_that_dies_is_merged_once() {
    let (latest, kept) = (latest(", forward_only true", PLAIN), totals(", forward_only true", ""));
    let site = Site::duckdb(&[("models/latest.sql", &latest), ("models/totals.sql", &kept)]);
    let site = promoted(site);
    site.people(&format!("{MARCH}{FIRST},(1,'a',1,TIMESTAMP '2026-04-02')"));
    let kills = at_each_moment(&site, &["run", "--execution-time", "2026-04-03", "--jobs", "1"], 4);
    assert!(kills > 5, "{kills} kills");
    edit(site.world(), &[("models/totals.sql", &totals(", forward_only true", ", MAX(name) AS name"))]);
    let kills = at_each_moment(&site, &["promote", "--execution-time", "2026-04-03", "--jobs", "1"], 6);
    assert!(kills > 5, "{kills} kills");
}

#[test]
fn what_is_merged_as_a_whole_would_come_twice() {
    let counted = |more: &str, columns: &str| {
        format!(
            "MODEL (name s.counted, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, {MERGED}{more}), cron '@daily');\n\
             SELECT id, CAST(price AS BIGINT) AS total{columns} FROM raw.people"
        )
    };
    let site = Site::duckdb(&[("models/counted.sql", &counted(", forward_only true", ""))]).at("2026-04-01 00:00:00");
    site.people("(1,'a',10,NULL)");
    let refused = site.world().bot(&["promote"]);
    assert!(refused.stderr.contains("must come once"), "{}", refused.stderr);
    edit(site.world(), &[("models/counted.sql", &counted("", ""))]);
    site.done(&["promote"]);
    edit(site.world(), &[("models/counted.sql", &counted("", ", name"))]);
    let plan = site.done(&["plan", "--forward-only", "--format", "json"]).json();
    assert!(plan["problems"].to_string().contains("`--forward-only` keeps no rows of `s.counted`"), "{plan}");
}

#[test]
fn parts_of_a_unit_are_laid_again_until_it_is_over() {
    let partial = |kept: &str| {
        latest(kept, "id, COUNT(*) AS price")
            .replace("cron '@daily'", "cron '@hourly', interval_unit day, allow_partials true")
            + " GROUP BY id HAVING COUNT(*) = 1"
    };
    for (kept, second) in [(", forward_only true", vec!["1|1", "2|1"]), ("", vec!["1|1"])] {
        for site in Site::both(&[("models/latest.sql", &partial(kept))]) {
            let site = site.at("2026-04-01 05:00:00");
            let march = "(1,'a',10,TIMESTAMP '2026-03-31 01:00:00'),(2,'b',20,TIMESTAMP '2026-04-01 04:30:00')";
            site.people(march);
            site.done(&["promote"]);
            assert_eq!(rows(&site, "s.latest", "id, price"), ["1|1", "2|1"]);
            let site = site.at("2026-04-01 06:10:00");
            site.people(&format!("{march},(2,'b',21,TIMESTAMP '2026-04-01 05:30:00')"));
            site.done(&["run"]);
            // What is kept keeps what an earlier part of the day gave.
            assert_eq!(rows(&site, "s.latest", "id, price"), second, "{kept}");
            let site = site.at("2026-04-02 00:00:00");
            site.people(&format!("{march},(3,'c',30,TIMESTAMP '2026-04-01 23:00:00')"));
            site.done(&["run"]);
            assert_eq!(rows(&site, "s.latest", "id, price"), ["1|1", "2|1", "3|1"]);
        }
    }
}

#[test]
fn late_rows_are_read_where_nothing_says_when_a_model_begins() {
    let latest = latest(", forward_only true, lookback 2", PLAIN).replace(", start '2026-03-29'", "");
    for site in Site::both(&[("models/latest.sql", &latest)]) {
        without_start(&site);
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,TIMESTAMP '2026-03-31')");
        site.done(&["promote"]);
        let site = site.at("2026-04-02 00:00:00");
        site.people("(2,'b',20,TIMESTAMP '2026-03-30'),(3,'c',30,TIMESTAMP '2026-04-01')");
        site.done(&["run"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|10", "2|20", "3|30"]);
        site.people("(4,'d',40,TIMESTAMP '2026-03-28')");
        site.done(&["run", "--restate", "s.latest", "--start", "2026-03-28"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|10", "2|20", "3|30", "4|40"]);
    }
}

fn without_start(site: &Site) {
    let config = std::fs::read_to_string(site.world().repository.path().join("config.yaml")).expect("it is there");
    let without: Vec<&str> = config.lines().filter(|line| !line.trim().starts_with("start:")).collect();
    edit(site.world(), &[("config.yaml", &without.join("\n"))]);
}

#[test]
fn a_table_that_has_no_interval_yet_begins_where_it_was_made() {
    let months = "MODEL (name s.days, kind INCREMENTAL_BY_TIME_RANGE (time_column updated_at), cron '@monthly');\n\
                  SELECT id, name, price, updated_at FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts";
    let daily =
        latest(", forward_only true", PLAIN).replace(", start '2026-03-29'", "").replace("raw.people", "s.days");
    let laid = "MODEL (name s.laid, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price], updated_at_name updated_at, \
                execution_time_as_valid_from true), cron '@daily');\n\
                SELECT id, price, updated_at FROM s.days WHERE updated_at BETWEEN @start_ts AND @end_ts";
    let models = [("models/days.sql", months), ("models/latest.sql", &daily), ("models/laid.sql", laid)];
    for site in Site::both(&models) {
        without_start(&site);
        let site = site.at("2026-04-03 00:00:00");
        site.people("(1,'a',10,TIMESTAMP '2026-04-04'),(2,'b',20,TIMESTAMP '2026-04-29')");
        site.done(&["promote"]);
        let site = site.at("2026-05-01 00:00:00");
        site.done(&["run"]);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|10", "2|20"]);
        assert_eq!(rows(&site, "s.laid", "id, price"), ["1|10", "2|20"]);
    }
}

#[test]
fn what_another_environment_has_made_gets_productions_rows() {
    for site in both("") {
        let site = promoted(site);
        edit(site.world(), &[("models/totals.sql", &totals("", ", MAX(name) AS name"))]);
        site.done(&["promote", "--to", "staging", "--forward-only"]);
        let site = site.at("2026-04-02 00:00:00");
        site.people(&format!("(1,'a',12,TIMESTAMP '2026-03-31'){FIRST}"));
        site.done(&["run"]);
        let site = site.at("2026-04-03 00:00:00");
        // By now no source has that day.
        site.people("(3,'c',1,TIMESTAMP '2026-04-02')");
        site.done(&["run"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|46", "3|31"]);
        site.done(&["promote"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|46", "3|31"]);
        let site = site.at("2026-04-04 00:00:00");
        site.people("(3,'c',1,TIMESTAMP '2026-04-03')");
        site.done(&["run"]);
        assert_eq!(rows(&site, "s.totals", "id, total"), ["1|46", "3|32"]);
    }
}

#[test]
fn a_column_of_its_own_is_merged_once_where_a_table_was_further() {
    let more = "target.total = source.total + target.total, target.times = source.times + COALESCE(target.times, 0)";
    let counting = totals(", forward_only true", ", COUNT(*) AS times")
        .replace("target.total = source.total + target.total", more)
        .replace("WHEN MATCHED AND source.total < 0 THEN DELETE ", "");
    let plain = totals(", forward_only true", "").replace("WHEN MATCHED AND source.total < 0 THEN DELETE ", "");
    for site in Site::both(&[("models/totals.sql", &plain)]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people(MARCH);
        site.done(&["promote"]);
        edit(site.world(), &[("models/totals.sql", &counting)]);
        site.done(&["promote", "--to", "staging"]);
        let site = site.at("2026-04-02 00:00:00");
        // A day that leaves the sum as it was.
        site.people("(1,'a',0,TIMESTAMP '2026-04-01')");
        site.done(&["run", "staging"]);
        assert_eq!(rows(&site, "s__staging.totals", "id, times"), ["1|1", "2|NULL", "3|NULL"]);
        site.done(&["promote"]);
        assert_eq!(rows(&site, "s.totals", "id, total, times"), ["1|33|1", "2|20|NULL", "3|30|NULL"]);
    }
}

#[test]
fn what_reads_its_own_rows_counts_once() {
    let own = "MODEL (name s.own, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true, lookback 1), \
               columns (id INT, total BIGINT), start '2026-03-29', cron '@daily');\n\
               SELECT p.id AS id, CAST(SUM(p.price) AS BIGINT) + COALESCE(MAX(o.total), 0) AS total FROM raw.people AS p \
               LEFT JOIN s.own AS o ON o.id = p.id WHERE p.updated_at BETWEEN @start_ts AND @end_ts GROUP BY p.id";
    for site in Site::both(&[("models/own.sql", own)]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people(MARCH);
        site.done(&["promote"]);
        assert_eq!(rows(&site, "s.own", "id, total"), TOTALS_OF_MARCH);
        let site = site.at("2026-04-02 00:00:00");
        site.people(&format!("{MARCH},(1,'a',1,TIMESTAMP '2026-04-01')"));
        let ran = site.done(&["run"]);
        assert!(ran.stdout.contains("s.own: no lookback"), "{}", ran.stdout);
        assert_eq!(rows(&site, "s.own", "id, total"), ["1|34", "2|20", "3|30"]);
        let refused = site.world().bot(&["run", "--restate", "s.own", "--start", "2026-03-30"]);
        assert!(refused.stderr.contains("no query gives again what it holds"), "{}", refused.stderr);
        site.world().repository.branch("other");
        edit(site.world(), &[("models/own.sql", &own.replace("MAX(o.total)", "MIN(o.total)"))]);
        site.done(&["apply", "--env", "other"]);
        assert_eq!(rows(&site, "s__other.own", "id, total"), ["1|34", "2|20", "3|30"]);
    }
}

#[test]
fn nobody_sees_earlier_rows_while_intervals_are_laid_again() {
    let latest = latest(", forward_only true, lookback 3", "id, CAST(name AS INTEGER) AS price");
    for site in Site::both(&[("models/latest.sql", &latest)]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'10',0,TIMESTAMP '2026-03-29'),(1,'12',0,TIMESTAMP '2026-03-31')");
        site.done(&["promote"]);
        // What cannot be read comes between the first and the last.
        site.people("(1,'9',0,TIMESTAMP '2026-03-29'),(2,'x',0,TIMESTAMP '2026-03-30')");
        let failed = site.world().bot(&["run", "--restate", "s.latest", "--start", "2026-03-29"]);
        assert!(failed.exit == offshoot::error::Exit::No, "{}", failed.stderr);
        assert_eq!(rows(&site, "s.latest", "id, price"), ["1|12"]);
    }
}

#[test]
fn a_state_that_is_lost_and_a_way_back_count_nothing_twice() {
    let plain = latest("", "id, price").replace("SELECT id, price", "SELECT id, CAST(SUM(price) AS BIGINT) AS price")
        + " GROUP BY id";
    let merged = plain.replace(
        "unique_key id",
        "unique_key id, forward_only true, when_matched (WHEN MATCHED THEN UPDATE SET target.price = source.price + target.price)",
    );
    let site = Site::duckdb(&[("models/latest.sql", &plain)]).at("2026-04-01 00:00:00");
    site.people(MARCH);
    site.done(&["promote"]);
    let site = site.at("2026-04-02 00:00:00");
    site.people(&format!("{MARCH},(2,'b',5,TIMESTAMP '2026-04-01')"));
    site.done(&["run"]);
    // The state that comes back knows nothing of that run.
    std::fs::remove_file(site.world().state()).expect("the state");
    site.done(&["state", "recover"]);
    edit(site.world(), &[("models/latest.sql", &merged)]);
    site.done(&["promote"]);
    assert_eq!(rows(&site, "s.latest", "id, price"), ["1|12", "2|5", "3|30"]);
    // Computed again for a while, and kept again.
    edit(site.world(), &[("models/latest.sql", &plain.replace("SUM", "MAX"))]);
    site.done(&["promote"]);
    let site = site.at("2026-04-04 00:00:00");
    site.people("(2,'b',7,TIMESTAMP '2026-04-02'),(2,'b',1,TIMESTAMP '2026-04-03')");
    site.done(&["run"]);
    edit(site.world(), &[("models/latest.sql", &merged)]);
    site.done(&["promote"]);
    assert_eq!(rows(&site, "s.latest", "id, price"), ["1|12", "2|13", "3|30"], "what it lacks is laid");
}
