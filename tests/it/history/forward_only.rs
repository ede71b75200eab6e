//! `forward_only`: another definition goes on from the rows that production has, which may be all that is left of them.

use super::{Site, shown};
use crate::lab::edit;

fn daily(kind: &str, columns: &str) -> String {
    format!(
        "MODEL (name s.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, {kind}), start '2026-03-29', cron '@daily');\n\
         SELECT {columns} FROM raw.events WHERE day BETWEEN @start_date AND @end_date"
    )
}

const TOTAL: &str = "MODEL (name s.total, kind FULL);\nSELECT sum(amount) AS amount FROM s.daily";
const DAYS: &str = "MODEL (name s.days, kind FULL);\nSELECT count(day) AS days FROM s.daily";
const PLAIN: &str = "day, amount";

/// Production with three days, whose source holds none of them any more, and what it is on the second of April.
fn kept(of: fn(&[(&str, &str)]) -> Site) -> Site {
    let daily = daily("forward_only true", PLAIN);
    let site = of(&[("models/daily.sql", &daily), ("models/total.sql", TOTAL), ("models/days.sql", DAYS)]);
    site.execute("CREATE TABLE raw.events (day DATE, amount INTEGER)");
    site.execute("INSERT INTO raw.events VALUES ('2026-03-29', 1), ('2026-03-30', 2), ('2026-03-31', 3)");
    let site = site.at("2026-04-01 00:00:00");
    site.done(&["promote"]);
    site.execute("DELETE FROM raw.events");
    site.execute("INSERT INTO raw.events VALUES ('2026-03-31', 3), ('2026-04-01', 4), ('2026-04-02', 5)");
    site.at("2026-04-02 00:00:00")
}

#[test]
fn what_is_loaded_stays_and_what_comes_is_of_the_new_definition() {
    for of in [Site::duckdb, Site::postgres] {
        let site = kept(of);
        site.world().repository.branch("feature");
        let doubled = "day, amount * 2 AS amount";
        edit(site.world(), &[("models/daily.sql", &daily("forward_only true", doubled))]);
        let plan = site.done(&["plan", "--format", "json"]).json();
        let planned = plan["models"].as_array().expect("a list").iter().find(|model| model["name"] == "s.daily");
        assert_eq!(planned.expect("it")["due_at_promote"], serde_json::json!([]), "production's rows are carried over");
        let applied = site.done(&["apply", "--env", "dev", "--format", "json"]);
        let built: Vec<String> = applied.builds().into_keys().collect();
        assert_eq!(built, ["s.daily", "s.total"], "what reads no amount stays: {}", applied.stdout);
        let preview = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|6"];
        assert_eq!(shown(&site, "s__dev.daily", "amount"), preview, "the last day shows the definition at work");
        assert_eq!(site.lines("SELECT amount FROM s__dev.total"), ["9"]);
        let again = site.done(&["apply", "--env", "dev", "--format", "json"]);
        assert!(again.builds().is_empty(), "{}", again.stdout);

        site.world().repository.checkout("main");
        site.world().repository.merge("feature");
        site.done(&["promote"]);
        let before = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"];
        assert_eq!(shown(&site, "s.daily", "amount"), before, "no row that production had is another one");
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        let after = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|8", "2026-04-02|10"];
        assert_eq!(shown(&site, "s.daily", "amount"), after);
        assert_eq!(site.lines("SELECT amount FROM s.total"), ["24"]);

        // As it was before: the day that was loaded meanwhile stays as it was loaded.
        edit(site.world(), &[("models/daily.sql", &daily("forward_only true", PLAIN))]);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.daily", "amount"), after);
        assert_eq!(site.lines("SELECT amount FROM s.total"), ["24"], "and so does what was made of it");
        assert_eq!(site.lines("SELECT days FROM s.days"), ["5"]);
        site.execute("INSERT INTO raw.events VALUES ('2026-04-03', 6)");
        let site = site.at("2026-04-04 00:00:00");
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount").last().map(String::as_str), Some("2026-04-03|6"));
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn columns_come_and_go_as_their_author_allows() {
    for of in [Site::duckdb, Site::postgres] {
        let site = kept(of);
        edit(site.world(), &[("models/daily.sql", &daily("forward_only true", "day, amount, 'new' AS source"))]);
        site.done(&["promote"]);
        site.done(&["run"]);
        let expected = ["2026-03-29|1|NULL", "2026-03-30|2|NULL", "2026-03-31|3|NULL", "2026-04-01|4|new"];
        assert_eq!(shown(&site, "s.daily", "amount, source"), expected);
        edit(site.world(), &[("models/daily.sql", &daily("forward_only true", PLAIN))]);
        let refused = site.world().bot(&["promote", "--format", "json"]);
        assert!(refused.error().to_string().contains("column `source` of the rows that are kept would be lost"));
        assert_eq!(shown(&site, "s.daily", "amount, source"), expected);
        edit(site.world(), &[("models/daily.sql", &daily("forward_only true, on_destructive_change allow", PLAIN))]);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.daily", "amount").len(), 4);
        // What only that table had of the ranges that it loaded itself comes back with it.
        edit(site.world(), &[("models/daily.sql", &daily("forward_only true", "day, amount, 'new' AS source"))]);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.daily", "amount, source"), expected);
    }
}

#[test]
fn what_may_not_be_loaded_again_is_not() {
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily("disable_restatement true", PLAIN))]);
    site.done(&["promote"]);
    let refused = site.world().bot(&["run", "--restate", "s.daily"]);
    assert!(refused.stderr.contains("no query gives again what it holds"), "{}", refused.stderr);
    // Its definition may change all the same, for what is loaded from then on.
    edit(site.world(), &[("models/daily.sql", &daily("disable_restatement true", "day, -amount AS amount"))]);
    site.done(&["promote"]);
    site.done(&["run"]);
    let expected = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|-4"];
    assert_eq!(shown(&site, "s.daily", "amount"), expected);
}

#[test]
fn a_definition_whose_rows_are_computed_again_takes_no_table_of_kept_ones() {
    let site = kept(Site::duckdb);
    // A day of another definition in the table of this one.
    edit(site.world(), &[("models/daily.sql", &daily("forward_only true", "day, -amount AS amount"))]);
    site.done(&["promote"]);
    site.done(&["run"]);
    edit(site.world(), &[("models/daily.sql", &daily("forward_only true", PLAIN))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|-4"]);
    edit(site.world(), &[("models/daily.sql", &daily("forward_only false", PLAIN))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-31|3", "2026-04-01|4"], "as a build from nothing");
    assert_eq!(site.lines("SELECT amount FROM s.total"), ["7"]);
    // And back: what was computed again meanwhile is nothing that came after the rows that were kept.
    edit(site.world(), &[("models/daily.sql", &daily("forward_only true", PLAIN))]);
    site.done(&["promote"]);
    let kept = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|-4"];
    assert_eq!(shown(&site, "s.daily", "amount"), kept);
    assert_eq!(site.lines("SELECT amount FROM s.total"), ["2"]);
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.daily", "amount")[..4], kept);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn a_rollback_keeps_what_was_loaded_since() {
    for of in [Site::duckdb, Site::postgres] {
        let site = kept(of);
        edit(
            site.world(),
            &[("models/daily.sql", &daily("forward_only true", "day, amount * 2 AS amount, 'new' AS source"))],
        );
        site.done(&["promote"]);
        site.done(&["run"]);
        // The source of that day is gone, too.
        site.execute("DELETE FROM raw.events WHERE day <= '2026-04-01'");
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["rollback", "--to", "1", "--yes"]);
        let since = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3", "2026-04-01|8"];
        assert_eq!(shown(&site, "s.daily", "amount"), since);
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount")[3..], ["2026-04-01|8", "2026-04-02|5"]);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        let again =
            ["2026-03-29|1|NULL", "2026-03-30|2|NULL", "2026-03-31|3|NULL", "2026-04-01|8|new", "2026-04-02|5|NULL"];
        assert_eq!(shown(&site, "s.daily", "amount, source"), again);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn another_time_column_would_leave_rows_behind() {
    let two = "day, CAST('1999-12-31' AS DATE) AS other, amount";
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily("forward_only true", two))]);
    site.done(&["promote"]);
    let other = daily("forward_only true", two).replace("time_column day", "time_column other");
    edit(site.world(), &[("models/daily.sql", &other)]);
    let refused = site.world().bot(&["promote", "--format", "json"]);
    assert!(refused.error().to_string().contains("has 3 rows, of which 0 are in the ranges"), "{}", refused.stderr);
    assert_eq!(shown(&site, "s.daily", "amount").len(), 3);
}

#[test]
fn without_the_word_everything_is_computed_again() {
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily("forward_only false", "day, -amount AS amount"))]);
    let plan = site.done(&["plan", "--format", "json"]).json();
    assert!(plan["problems"].to_string().contains("nothing goes on with the rows"), "{plan}");
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-31|-3"]);
}
