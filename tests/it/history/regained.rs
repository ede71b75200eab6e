//! A column that was away for a while: the definition that has it again knows nothing of the rows that were there, and the table
//! from before does. Whoever goes back to that finds what it knew.

use super::Site;
use crate::lab::edit;

const KINDS: [(&str, &str, &str); 3] = [
    ("m", "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name], on_destructive_change allow)", ""),
    ("t", "SCD_TYPE_2_BY_TIME (unique_key id, on_destructive_change allow)", ""),
    ("log", "INCREMENTAL_UNMANAGED (on_destructive_change allow)", ""),
];

/// All kinds with these columns besides those that they always have.
fn all(more: &str) -> Vec<(String, String)> {
    let of = |(name, kind, beside): &(&str, &str, &str)| {
        let text = format!(
            "MODEL (name s.{name}, kind {kind}{beside}, cron '@daily');\nSELECT id, name, updated_at{more} FROM raw.people"
        );
        (format!("models/{name}.sql"), text)
    };
    KINDS.iter().map(of).collect()
}

fn promoted(site: &Site, more: &str, arguments: &[&str]) {
    let files = all(more);
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    edit(site.world(), &files);
    site.done(&[&["promote"], arguments].concat());
}

#[test]
fn what_a_table_knew_comes_back_with_it_though_others_have_had_the_column_since() {
    for of in [Site::duckdb, Site::postgres] {
        let site = of(&[]).at("2026-04-01 00:00:00");
        site.people("(1,'a',10,TIMESTAMP '2026-03-01'),(2,'b',20,TIMESTAMP '2026-03-01')");
        promoted(&site, ", price", &[]);
        promoted(&site, "", &[]);
        let site = site.at("2026-04-02 00:00:00");
        site.people("(1,'A',11,TIMESTAMP '2026-04-01 12:00:00')");
        site.done(&["run"]);
        // The same column in another definition: nobody asks for what the versions that have ended were.
        promoted(&site, ", price, 1 AS more", &[]);
        let shown =
            |name: &str| site.lines(&format!("SELECT id, price, name FROM s.{name} ORDER BY id, name = 'A', price"));
        for (name, present) in KINDS.map(|(name, ..)| name).into_iter().zip(["1|11|A", "1|11|A", "1|NULL|A"]) {
            assert_eq!(shown(name), ["1|NULL|a", present, "2|NULL|b"], "{name}");
        }
        site.done(&["rollback", "--to", "1", "--yes"]);
        for (name, present) in KINDS.map(|(name, ..)| name).into_iter().zip(["1|11|A", "1|11|A", "1|NULL|A"]) {
            assert_eq!(shown(name), ["1|10|a", present, "2|20|b"], "{name}");
        }
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_version_that_does_not_say_when_it_began_is_the_same_one() {
    let kind = "SCD_TYPE_2_BY_TIME (unique_key id, updated_at_as_valid_from true)";
    let model = |more: &str| {
        format!("MODEL (name s.m, kind {kind}, cron '@daily');\nSELECT id, name, updated_at{more} FROM raw.people")
    };
    for site in Site::both(&[("models/m.sql", &model(""))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL),(2,'b',20,TIMESTAMP '2026-03-01')");
        site.done(&["promote"]);
        edit(site.world(), &[("models/m.sql", &model(", price"))]);
        site.done(&["promote"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        site.done(&["rollback", "--to", "2", "--yes"]);
        assert_eq!(site.lines("SELECT id, name, price FROM s.m ORDER BY id"), ["1|a|10", "2|b|20"]);
    }
}

/// A later definition has a column again, without the values that it had; the rows of one load are then taken from the table
/// that knows them all.
#[test]
fn days_of_one_load_are_taken_from_the_table_that_knows_more_of_them() {
    for of in [Site::duckdb, Site::postgres] {
        let days = |columns: &str| {
            format!(
                "MODEL (name s.days, kind INCREMENTAL_BY_TIME_RANGE (time_column day, forward_only true, \
                 on_destructive_change allow), start '2026-03-30', cron '@daily');\n\
                 SELECT {columns} FROM raw.events WHERE day BETWEEN @start_date AND @end_date"
            )
        };
        let site = of(&[("models/days.sql", &days("day, price, 1 AS rank"))]);
        site.execute("CREATE TABLE raw.events (day DATE, price INTEGER)");
        site.execute("INSERT INTO raw.events VALUES ('2026-03-30', 2), ('2026-03-31', 5)");
        let site = site.at("2026-04-01 00:00:00");
        site.done(&["promote"]);
        edit(site.world(), &[("models/days.sql", &days("day, price"))]);
        site.done(&["promote"]);
        edit(site.world(), &[("models/days.sql", &days("day, price, 7 AS rank, 8 AS more"))]);
        site.done(&["promote"]);
        let rows = |site: &Site| site.lines("SELECT day, price, rank, more FROM s.days ORDER BY day");
        assert_eq!(rows(&site), ["2026-03-30|2|NULL|NULL", "2026-03-31|5|NULL|NULL"]);
        site.execute("INSERT INTO raw.events VALUES ('2026-04-01', 9)");
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["run"]);
        // The first definition gets the day that came since, without the column that it does not have.
        site.done(&["rollback", "--to", "1", "--yes"]);
        let first = site.lines("SELECT day, price, rank FROM s.days ORDER BY day");
        assert_eq!(first, ["2026-03-30|2|1", "2026-03-31|5|1", "2026-04-01|9|7"]);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        assert_eq!(rows(&site), ["2026-03-30|2|1|NULL", "2026-03-31|5|1|NULL", "2026-04-01|9|7|8"]);
        site.done(&["doctor", "--deep"]);
    }
}
