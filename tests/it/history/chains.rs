//! Chains of promotes, runs and rollbacks of tables that go on: nothing that production had is lost, added twice or computed again.

use super::{Site, shown};
use crate::lab::edit;

fn daily(more: &str, query: &str) -> String {
    format!(
        "MODEL (name s.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, forward_only true{more}), start '2026-03-29', \
         cron '@daily');\n{query}"
    )
}

const PLAIN: &str = "SELECT day, amount FROM raw.events WHERE day BETWEEN @start_date AND @end_date";
const RATES: &str = "MODEL (name s.rates, kind INCREMENTAL_BY_TIME_RANGE (time_column on_day), start '2026-03-29', cron '@daily');\n\
                     SELECT day AS on_day, 1 AS rate FROM raw.events WHERE day BETWEEN @start_date AND @end_date";

fn events(site: &Site, values: &str) {
    site.execute("DELETE FROM raw.events");
    site.execute(&format!("INSERT INTO raw.events VALUES {values}"));
}

/// Production of three days, whose source is gone, on the second of April.
fn three_days(of: fn(&[(&str, &str)]) -> Site, models: &[(&str, &str)]) -> Site {
    let site = of(models);
    site.execute("CREATE TABLE raw.events (day DATE, amount INTEGER)");
    events(&site, "('2026-03-29', 1), ('2026-03-30', 2), ('2026-03-31', 3)");
    let site = site.at("2026-04-01 00:00:00");
    site.done(&["promote"]);
    events(&site, "('2026-04-01', 4), ('2026-04-02', 5), ('2026-04-03', 6)");
    site.at("2026-04-02 00:00:00")
}

#[test]
fn another_input_loads_nothing_again_that_is_kept() {
    let site = three_days(Site::duckdb, &[("models/daily.sql", &daily("", PLAIN)), ("models/rates.sql", RATES)]);
    let joined = "SELECT e.day, e.amount * r.rate * 10 AS amount FROM raw.events AS e JOIN s.rates AS r ON r.on_day = e.day \
                  WHERE e.day BETWEEN @start_date AND @end_date";
    edit(site.world(), &[("models/daily.sql", &daily("", joined))]);
    site.done(&["promote"]);
    let before = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"];
    assert_eq!(shown(&site, "s.daily", "amount"), before);
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|40"]);
    edit(site.world(), &[("notes.md", "on we go")]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount").len(), 4);
}

#[test]
fn an_input_that_begins_earlier_loads_nothing_again_that_is_kept() {
    let over = "SELECT on_day AS day, rate AS amount FROM s.rates WHERE on_day BETWEEN @start_date AND @end_date";
    let site = three_days(Site::duckdb, &[("models/daily.sql", &daily("", over)), ("models/rates.sql", RATES)]);
    edit(site.world(), &[("models/rates.sql", &RATES.replace("2026-03-29", "2026-03-20").replace("1 AS", "7 AS"))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|1", "2026-03-31|1"]);
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|1", "2026-03-31|1", "2026-04-01|7"]);
}

#[test]
fn what_one_load_gave_both_tables_stays_where_a_part_of_it_was_loaded_again() {
    for of in [Site::duckdb, Site::postgres] {
        let site = three_days(of, &[("models/daily.sql", &daily("", PLAIN))]);
        let more = "SELECT day, amount, 'new' AS source FROM raw.events WHERE day BETWEEN @start_date AND @end_date";
        edit(site.world(), &[("models/daily.sql", &daily("", more))]);
        site.done(&["promote"]);
        let site = site.at("2026-04-04 00:00:00");
        site.done(&["run"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        events(&site, "('2026-04-02', 50)");
        let site = site.at("2026-04-04 01:00:00");
        site.done(&["run", "--restate", "s.daily", "--start", "2026-04-02", "--end", "2026-04-02"]);
        let restated =
            ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|4", "2026-04-02|50", "2026-04-03|6"];
        assert_eq!(shown(&site, "s.daily", "amount"), restated);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        let expected = [
            "2026-03-29|1|NULL",
            "2026-03-30|2|NULL",
            "2026-03-31|3|NULL",
            "2026-04-01|4|new",
            "2026-04-02|50|NULL",
            "2026-04-03|6|new",
        ];
        assert_eq!(shown(&site, "s.daily", "amount, source"), expected);
    }
}

#[test]
fn a_column_of_another_case_is_the_same_where_the_engine_says_so() {
    let site = three_days(Site::duckdb, &[("models/daily.sql", &daily(", on_destructive_change allow", PLAIN))]);
    let other = PLAIN.replace("SELECT day, amount", "SELECT day, amount AS Amount");
    edit(site.world(), &[("models/daily.sql", &daily(", on_destructive_change allow", &other))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"]);
    site.done(&["run"]);
    site.done(&["rollback", "--to", "1", "--yes"]);
    assert_eq!(shown(&site, "s.daily", "amount")[3..], ["2026-04-01|4"]);
}

#[test]
fn staging_before_production_loses_nothing_of_production() {
    let dim = |columns: &str| {
        format!(
            "MODEL (name s.dim, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name, price]), cron '@daily');\n\
             SELECT {columns} FROM raw.people"
        )
    };
    let site = Site::duckdb(&[("models/dim.sql", &dim("id, name, price")), ("models/daily.sql", &daily("", PLAIN))]);
    site.execute("CREATE TABLE raw.events (day DATE, amount INTEGER)");
    events(&site, "('2026-03-29', 1), ('2026-03-30', 2), ('2026-03-31', 3), ('2026-04-01', 4)");
    let site = site.at("2026-04-01 00:00:00");
    site.people("(1,'a',10,NULL)");
    site.done(&["promote"]);
    site.done(&["promote", "--to", "staging"]);
    let negative = PLAIN.replace("amount FROM", "-amount AS amount FROM");
    edit(
        site.world(),
        &[("models/dim.sql", &dim("id, name, price * 10 AS price")), ("models/daily.sql", &daily("", &negative))],
    );
    site.done(&["promote", "--to", "staging"]);
    let site = site.at("2026-04-02 00:00:00");
    site.people("(1,'a',11,NULL)");
    site.done(&["run", "staging"]);
    site.done(&["run"]);
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["promote"]);
    let expected = ["1|a|10|1970-01-01|2026-04-02", "1|a|11|2026-04-02|2026-04-03", "1|a|110|2026-04-03|NULL"];
    assert_eq!(site.history("s.dim", "id, name, price"), expected);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|4"]);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn staging_takes_nothing_that_was_kept_for_what_was_computed_again() {
    for of in [Site::duckdb, Site::postgres] {
        let site = three_days(of, &[("models/daily.sql", &daily("", PLAIN))]);
        let computed = daily("", PLAIN).replace("forward_only true", "forward_only false");
        edit(site.world(), &[("models/daily.sql", &computed)]);
        site.done(&["promote"]);
        assert!(shown(&site, "s.daily", "amount").is_empty(), "their source is gone");
        edit(site.world(), &[("models/daily.sql", &daily("", PLAIN))]);
        site.done(&["promote", "--to", "staging"]);
        let kept = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"];
        assert_eq!(shown(&site, "s__staging.daily", "amount"), kept);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.daily", "amount"), kept);
    }
}

#[test]
fn what_a_branch_began_is_not_taken_for_what_production_has() {
    let site = Site::duckdb(&[("models/x.sql", "MODEL (name s.x, kind FULL);\nSELECT 1 AS x")]);
    site.execute("CREATE TABLE raw.events (day DATE, amount INTEGER)");
    events(&site, "('2026-03-29', 1), ('2026-03-30', 2), ('2026-03-31', 3)");
    let site = site.at("2026-04-01 00:00:00");
    site.done(&["promote"]);
    site.world().repository.branch("feature");
    let negative = PLAIN.replace("amount FROM", "-amount AS amount FROM");
    edit(site.world(), &[("models/daily.sql", &daily("", &negative))]);
    site.done(&["apply", "--env", "dev"]);
    assert_eq!(shown(&site, "s__dev.daily", "amount"), ["2026-03-29|-1", "2026-03-30|-2", "2026-03-31|-3"]);
    site.world().repository.checkout("main");
    edit(site.world(), &[("models/daily.sql", &daily("", PLAIN))]);
    site.done(&["promote"]);
    edit(site.world(), &[("models/daily.sql", &daily("", &negative))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"]);
    edit(site.world(), &[("models/daily.sql", &daily("", PLAIN))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"]);
}

#[test]
fn several_rollbacks_and_a_gc_lose_nothing() {
    let site = three_days(Site::duckdb, &[("models/daily.sql", &daily("", PLAIN))]);
    let generation =
        |factor: &str| daily("", &PLAIN.replace("amount FROM", &format!("amount * {factor} AS amount FROM")));
    edit(site.world(), &[("models/daily.sql", &generation("10"))]);
    site.done(&["promote"]);
    site.done(&["run"]);
    let site = site.at("2026-04-03 00:00:00");
    edit(site.world(), &[("models/daily.sql", &generation("100"))]);
    site.done(&["promote"]);
    site.done(&["run"]);
    let all = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|40", "2026-04-02|500"];
    assert_eq!(shown(&site, "s.daily", "amount"), all);
    site.done(&["rollback", "--yes"]);
    assert_eq!(shown(&site, "s.daily", "amount"), all);
    site.done(&["rollback", "--to", "1", "--yes"]);
    assert_eq!(shown(&site, "s.daily", "amount"), all);
    let site = site.at("2026-04-04 00:00:00");
    site.done(&["run"]);
    site.done(&["gc", "--yes"]);
    site.done(&["rollback", "--to", "3", "--yes"]);
    let more = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|40", "2026-04-02|500", "2026-04-03|6"];
    assert_eq!(shown(&site, "s.daily", "amount"), more);
    site.done(&["rollback", "--to", "2", "--yes"]);
    assert_eq!(shown(&site, "s.daily", "amount"), more);
    site.done(&["doctor", "--deep"]);
}

const ANY: &str = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns *, on_destructive_change allow)";

fn versions(columns: &str) -> String {
    format!("MODEL (name s.m, kind {ANY}, cron '@daily');\nSELECT {columns} FROM raw.people")
}

fn parts(columns: &str) -> String {
    format!(
        "MODEL (name s.parts, kind INCREMENTAL_BY_PARTITION (on_destructive_change allow), partitioned_by (name), \
         cron '@daily');\nSELECT {columns} FROM raw.people"
    )
}

#[test]
fn a_rollback_finds_what_the_later_type_did_not_hold() {
    let (before, after) = ("id, name, updated_at AS moment", "id, name, CAST(updated_at AS DATE) AS moment");
    for site in Site::both(&[("models/m.sql", &versions(before)), ("models/parts.sql", &parts(before))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,TIMESTAMP '2026-03-01 10:00:00')");
        site.done(&["promote"]);
        edit(site.world(), &[("models/m.sql", &versions(after)), ("models/parts.sql", &parts(after))]);
        let site = site.at("2026-04-02 00:00:00");
        site.people("(2,'b',20,TIMESTAMP '2026-03-02 11:00:00')");
        site.done(&["promote"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        let expected = ["1|2026-03-01 10:00:00", "2|2026-03-02 00:00:00"];
        for view in ["s.m", "s.parts"] {
            let sql = format!("SELECT id, CAST(moment AS VARCHAR) FROM {view} ORDER BY id");
            assert_eq!(site.lines(&sql), expected, "{view}");
        }
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        assert_eq!(site.lines("SELECT CAST(moment AS VARCHAR) FROM s.m ORDER BY id"), ["2026-03-01", "2026-03-02"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_key_of_another_type_is_the_same_key() {
    for site in Site::both(&[("models/m.sql", &versions("id, name"))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL)");
        site.done(&["promote"]);
        edit(site.world(), &[("models/m.sql", &versions("CAST(id AS VARCHAR) AS id, name"))]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", "id, name"), ["1|a|1970-01-01|NULL"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(site.history("s.m", "id + 1, name"), ["2|a|1970-01-01|NULL"]);
    }
}

#[test]
fn values_without_an_equality_are_compared_all_the_same() {
    let (before, after) = ("id, name, CAST('{}' AS json) AS doc", "id, name, CAST('[]' AS json) AS doc");
    let site = Site::postgres(&[("models/m.sql", &versions(before)), ("models/parts.sql", &parts(before))]);
    let site = site.at("2026-04-01 00:00:00");
    site.people("(1,'a',10,NULL)");
    site.done(&["promote"]);
    let site = site.at("2026-04-02 00:00:00");
    site.people("(2,'b',10,NULL)");
    site.done(&["run"]);
    edit(site.world(), &[("models/m.sql", &versions(after)), ("models/parts.sql", &parts(after))]);
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["promote"]);
    let expected = ["1|{}", "2|[]"];
    assert_eq!(site.lines("SELECT id, doc::text FROM s.parts ORDER BY id"), expected);
    assert_eq!(site.history("s.m", "id, doc::text").len(), 3);
    site.done(&["rollback", "--to", "1", "--yes"]);
    assert_eq!(site.lines("SELECT id, doc::text FROM s.parts ORDER BY id"), expected);
    // Another type is compared as texts, too.
    let binary = before.replace("json)", "jsonb)");
    edit(site.world(), &[("models/m.sql", &versions(&binary)), ("models/parts.sql", &parts(&binary))]);
    site.done(&["promote", "--release"]);
    assert_eq!(site.lines("SELECT id, doc::text FROM s.parts ORDER BY id"), ["1|{}", "2|{}"]);
}

#[test]
fn a_rollback_behind_what_was_computed_again_shows_what_was_kept() {
    for of in [Site::duckdb, Site::postgres] {
        let site = three_days(of, &[("models/daily.sql", &daily("", PLAIN))]);
        edit(
            site.world(),
            &[("models/daily.sql", &daily("", PLAIN).replace("forward_only true", "forward_only false"))],
        );
        site.done(&["promote"]);
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount"), ["2026-04-01|4"], "as a build from nothing");
        site.done(&["rollback", "--yes"]);
        let kept = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"];
        assert_eq!(shown(&site, "s.daily", "amount"), kept);
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount").len(), 4);
        assert_eq!(shown(&site, "s.daily", "amount")[..3], kept);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_reader_of_long_ago_does_not_show_rows_that_are_no_more() {
    let total = "MODEL (name s.total, kind FULL);\nSELECT sum(x) AS x FROM s.daily";
    let days = "MODEL (name s.days, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-29', cron '@daily');\n\
                SELECT day, x FROM s.daily WHERE day BETWEEN @start_date AND @end_date";
    let of = |columns: &str| daily(", on_destructive_change allow", &PLAIN.replace("day, amount", columns));
    let first = of("day, amount AS x");
    let readers = [("models/total.sql", total), ("models/days.sql", days)];
    let site = three_days(Site::duckdb, &[("models/daily.sql", &first), readers[0], readers[1]]);
    assert_eq!(site.lines("SELECT x FROM s.total"), ["6"]);
    for (path, _) in readers {
        std::fs::remove_file(site.world().repository.path().join(path)).expect("a model");
    }
    edit(site.world(), &[("models/daily.sql", &of("day"))]);
    site.done(&["promote"]);
    // The same column again, of another definition, whose table never had those values.
    edit(site.world(), &[("models/daily.sql", &of("day, amount AS x, 1 AS y")), readers[0], readers[1]]);
    site.done(&["promote"]);
    let lost = ["2026-03-29|NULL", "2026-03-30|NULL", "2026-03-31|NULL"];
    assert_eq!(shown(&site, "s.daily", "x"), lost);
    assert_eq!(shown(&site, "s.days", "x"), lost);
    assert_eq!(site.lines("SELECT x FROM s.total"), ["NULL"]);
    edit(site.world(), &[("notes.md", "on we go")]);
    let again = site.done(&["promote", "--format", "json"]);
    assert!(again.builds().is_empty(), "{}", again.stdout);
}

/// The earlier definition's table has every range of the later one's: nothing is to be carried, and a column would still go.
#[test]
fn going_back_to_a_definition_without_a_column_of_productions_is_refused() {
    for of in [Site::duckdb, Site::postgres] {
        let site = three_days(of, &[("models/daily.sql", &daily("", PLAIN))]);
        let more = PLAIN.replace("day, amount", "day, amount, 'new' AS source");
        edit(site.world(), &[("models/daily.sql", &daily("", &more))]);
        site.done(&["promote"]);
        edit(site.world(), &[("models/daily.sql", &daily("", PLAIN))]);
        let ran = site.world().bot(&["promote", "--format", "json"]);
        assert_eq!(ran.exit, offshoot::error::Exit::No, "{}", ran.stdout);
        let told = ran.error().to_string();
        assert!(told.contains("column `source` of the rows that are kept would be lost"), "{told}");
        let kept = ["2026-03-29|1|NULL", "2026-03-30|2|NULL", "2026-03-31|3|NULL"];
        assert_eq!(shown(&site, "s.daily", "amount, source"), kept);

        edit(site.world(), &[("models/daily.sql", &daily(", on_destructive_change allow", PLAIN))]);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"]);
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount")[3..], ["2026-04-01|4"]);
    }
}
