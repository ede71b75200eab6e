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
