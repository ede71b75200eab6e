//! INCREMENTAL_UNMANAGED and a unique key that goes on: each load adds to what is there, and no change of the model begins anew.

use super::Site;
use crate::lab::edit;

fn log(more: &str, columns: &str) -> String {
    format!("MODEL (name s.log, kind INCREMENTAL_UNMANAGED{more}, cron '@daily');\nSELECT {columns} FROM raw.people")
}

fn keyed(more: &str, columns: &str) -> String {
    format!(
        "MODEL (name s.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key lower(name), forward_only true{more}), cron '@daily');\n\
         SELECT {columns} FROM raw.people"
    )
}

const PLAIN: &str = "id, name, price";
const TWICE: &str = "id, name, price * 2 AS price";
const READER: &str = "MODEL (name s.total, kind FULL);\nSELECT sum(price) AS price FROM s.log";

fn shown(site: &Site, view: &str, columns: &str) -> Vec<String> {
    let last = columns.split(", ").nth(1).unwrap_or("id");
    site.lines(&format!("SELECT {columns} FROM {view} ORDER BY id, price, lower(CAST({last} AS VARCHAR))"))
}

/// Loaded twice, as two days went by.
fn two_loads(of: fn(&[(&str, &str)]) -> Site) -> Site {
    let site = of(&[
        ("models/log.sql", &log("", PLAIN)),
        ("models/keyed.sql", &keyed("", PLAIN)),
        ("models/total.sql", READER),
    ]);
    let site = site.at("2026-04-01 00:00:00");
    site.people("(1,'a',10,NULL),(1,'A2',10,NULL),(2,NULL,20,NULL)");
    site.done(&["promote"]);
    // Nothing is due.
    site.done(&["run"]);
    site.done(&["promote"]);
    let site = site.at("2026-04-02 00:00:00");
    site.people("(1,'A',11,NULL)");
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.log", PLAIN), ["1|a|10", "1|A2|10", "1|A|11", "2|NULL|20"]);
    assert_eq!(shown(&site, "s.keyed", PLAIN), ["1|A2|10", "1|A|11", "2|NULL|20"]);
    assert_eq!(site.lines("SELECT price FROM s.total"), ["51"]);
    site.at("2026-04-02 12:00:00")
}

#[test]
fn what_was_added_stays_through_definitions_reverts_and_rollbacks() {
    for of in [Site::duckdb, Site::postgres] {
        let site = two_loads(of);
        site.world().repository.branch("feature");
        edit(site.world(), &[("models/log.sql", &log("", TWICE)), ("models/keyed.sql", &keyed("", TWICE))]);
        // A branch sees what the new definition adds to production's rows, once, however often it is built.
        for _ in 0..2 {
            site.done(&["apply", "--env", "dev"]);
            assert_eq!(shown(&site, "s__dev.log", PLAIN), ["1|a|10", "1|A2|10", "1|A|11", "1|A|22", "2|NULL|20"]);
            assert_eq!(shown(&site, "s__dev.keyed", PLAIN), ["1|A2|10", "1|A|22", "2|NULL|20"]);
            assert_eq!(site.lines("SELECT price FROM s__dev.total"), ["73"]);
        }
        site.world().repository.checkout("main");
        site.world().repository.merge("feature");
        site.done(&["promote"]);
        // Not due before tomorrow.
        assert_eq!(shown(&site, "s.log", PLAIN), ["1|a|10", "1|A2|10", "1|A|11", "2|NULL|20"]);
        assert_eq!(shown(&site, "s.keyed", PLAIN), ["1|A2|10", "1|A|22", "2|NULL|20"]);
        assert_eq!(site.lines("SELECT price FROM s.total"), ["51"]);
        let site = site.at("2026-04-03 00:00:00");
        site.people("(3,'c',30,NULL)");
        site.done(&["run"]);
        let log_then = ["1|a|10", "1|A2|10", "1|A|11", "2|NULL|20", "3|c|60"];
        assert_eq!(shown(&site, "s.log", PLAIN), log_then);
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(shown(&site, "s.log", PLAIN), log_then);
        assert_eq!(shown(&site, "s.keyed", PLAIN), ["1|A2|10", "1|A|22", "2|NULL|20", "3|c|60"]);
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.log", PLAIN), log_then, "loaded that day already");
        let site = site.at("2026-04-04 00:00:00");
        site.people("(4,'d',40,NULL),(4,'d2',40,NULL)");
        site.done(&["run"]);
        let log_then = ["1|a|10", "1|A2|10", "1|A|11", "2|NULL|20", "3|c|60", "4|d|40", "4|d2|40"];
        assert_eq!(shown(&site, "s.log", PLAIN), log_then);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        assert_eq!(shown(&site, "s.log", PLAIN), log_then);
        let keyed_then = ["1|A2|10", "1|A|22", "2|NULL|20", "3|c|60", "4|d|80", "4|d2|80"];
        assert_eq!(shown(&site, "s.keyed", PLAIN), keyed_then, "what the query gives is put over it at once");
        assert_eq!(site.lines("SELECT price FROM s.total"), ["191"]);
        let refused = site.world().bot(&["run", "--restate", "s.log", "--start", "2026-04-01", "--end", "2026-04-02"]);
        assert!(refused.exit != offshoot::error::Exit::Done || refused.stdout.contains("s.log"), "{}", refused.stdout);
        assert_eq!(shown(&site, "s.log", PLAIN), log_then);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_column_comes_and_goes_as_its_author_allows() {
    for of in [Site::duckdb, Site::postgres] {
        let site = two_loads(of);
        edit(site.world(), &[("models/log.sql", &log("", "id, price, 'x' AS more"))]);
        let refused = site.world().bot(&["promote"]);
        assert!(refused.stderr.contains("`name`"), "{}", refused.stderr);
        edit(site.world(), &[("models/log.sql", &log(" (on_destructive_change allow)", "id, price, 'x' AS more"))]);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.log", "id, price, more"), ["1|10|NULL", "1|10|NULL", "1|11|NULL", "2|20|NULL"]);
        let site = site.at("2026-04-03 00:00:00");
        site.people("(1,'z',10,NULL)");
        site.done(&["run"]);
        let then = ["1|10|NULL", "1|10|NULL", "1|10|x", "1|11|NULL", "2|20|NULL"];
        assert_eq!(site.lines("SELECT id, price, more FROM s.log ORDER BY id, price, more NULLS FIRST"), then);
        // The names of rows that came while there was none are not known; all others are.
        site.done(&["rollback", "--to", "1", "--yes"]);
        let names = ["1|10|a", "1|10|A2", "1|10|NULL", "1|11|A", "2|20|NULL"];
        assert_eq!(site.lines("SELECT id, price, name FROM s.log ORDER BY id, price, lower(name)"), names);
    }
}

#[test]
fn a_model_adds_what_is_later_than_its_own_rows() {
    for of in [Site::duckdb, Site::postgres] {
        let later = |name: &str, kind: &str, price: &str| {
            format!(
                "MODEL (name {name}, kind {kind}, cron '@daily', columns (id INTEGER, price INTEGER));\n\
                 SELECT {price} AS price, id FROM raw.people WHERE id > (SELECT coalesce(max(id), 0) FROM {name})"
            )
        };
        let all = |price: &str| {
            let key = "INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true)";
            let parts = "INCREMENTAL_BY_PARTITION, partitioned_by id";
            [
                ("models/log.sql", later("s.log", "INCREMENTAL_UNMANAGED", price)),
                ("models/keyed.sql", later("s.keyed", key, price)),
                ("models/parts.sql", later("s.parts", parts, price)),
            ]
        };
        let texts = |files: &[(&'static str, String)]| -> Vec<(&'static str, String)> { files.to_vec() };
        let files = texts(&all("price"));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let site = of(&files).at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
        site.done(&["promote"]);
        let site = site.at("2026-04-02 00:00:00");
        site.people("(2,'b',21,NULL),(3,'c',30,NULL)");
        site.done(&["run"]);
        let site = site.at("2026-04-03 00:00:00");
        site.people("(3,'c',31,NULL),(4,'d',40,NULL)");
        let files = texts(&all("price * 2"));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        edit(site.world(), &files);
        site.done(&["apply", "--env", "dev"]);
        site.done(&["promote"]);
        for name in ["log", "keyed", "parts"] {
            let expected = ["1|10", "2|20", "3|30", "4|80"];
            assert_eq!(shown(&site, &format!("s__dev.{name}"), "id, price"), expected, "{name}");
            assert_eq!(shown(&site, &format!("s.{name}"), "id, price"), expected, "{name}");
        }
    }
}

#[test]
fn a_table_that_a_branch_begins_is_promoted_as_it_is() {
    let site = Site::duckdb(&[]).at("2026-04-01 00:00:00");
    site.people("(1,'a',10,NULL)");
    site.done(&["promote"]);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/log.sql", &log("", PLAIN)), ("models/total.sql", READER)]);
    site.done(&["apply", "--env", "dev"]);
    site.done(&["apply", "--env", "dev"]);
    assert_eq!(shown(&site, "s__dev.log", PLAIN), ["1|a|10"]);
    site.world().repository.checkout("main");
    site.world().repository.merge("feature");
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.log", PLAIN), ["1|a|10"]);
}

#[test]
fn a_key_that_comes_twice_and_what_cannot_be_kept_are_refused() {
    let site = two_loads(Site::duckdb).at("2026-04-05 00:00:00");
    site.people("(1,'a',10,NULL),(1,'A',11,NULL)");
    let refused = site.world().bot(&["run"]);
    assert!(refused.stderr.contains("comes 2 times in one load"), "{}", refused.stderr);
    assert_eq!(shown(&site, "s.keyed", PLAIN), ["1|A2|10", "1|A|11", "2|NULL|20"]);
    let wrong = [
        (log(" (forward_only false)", PLAIN), "always `forward_only`"),
        (log(" (disable_restatement false)", PLAIN), "always `disable_restatement`"),
        (log(" (insert_overwrite true)", PLAIN), "needs `partitioned_by`"),
        (log(" (lookback 1)", PLAIN), "`lookback` of kind INCREMENTAL_UNMANAGED"),
    ];
    for (text, told) in wrong {
        edit(site.world(), &[("models/log.sql", &text)]);
        let plan = site.world().bot(&["plan", "--format", "json"]).json();
        assert!(plan["problems"].to_string().contains(told), "{told}: {plan}");
    }
}

#[test]
fn a_unique_key_that_begins_to_be_kept_goes_on_from_what_there_is() {
    let site =
        Site::duckdb(&[("models/keyed.sql", &keyed("", PLAIN).replace("forward_only true", "forward_only false"))]);
    let site = site.at("2026-04-01 00:00:00");
    site.people("(1,'a',10,NULL)");
    site.done(&["promote"]);
    let site = site.at("2026-04-01 12:00:00");
    edit(site.world(), &[("models/keyed.sql", &keyed("", PLAIN))]);
    site.people("(2,'b',20,NULL)");
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.keyed", PLAIN), ["1|a|10", "2|b|20"]);
    // And back: what the table of that definition has stays there.
    edit(site.world(), &[("models/keyed.sql", &keyed("", PLAIN).replace("forward_only true", "forward_only false"))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.keyed", PLAIN), ["1|a|10", "2|b|20"]);
}

#[test]
fn a_state_that_is_lost_adds_nothing_twice() {
    let site = two_loads(Site::duckdb);
    std::fs::remove_file(site.world().state()).expect("the state");
    site.done(&["state", "recover"]);
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.log", PLAIN), ["1|a|10", "1|A2|10", "1|A|11", "2|NULL|20"]);
    let site = site.at("2026-04-03 00:00:00");
    site.people("(3,'c',30,NULL)");
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.log", PLAIN), ["1|a|10", "1|A2|10", "1|A|11", "2|NULL|20", "3|c|30"]);
    assert_eq!(shown(&site, "s.keyed", PLAIN), ["1|A2|10", "1|A|11", "2|NULL|20", "3|c|30"]);
}

#[test]
fn values_that_cannot_be_compared_and_wider_types_are_carried() {
    for (of, json) in [
        (Site::duckdb as fn(&[(&str, &str)]) -> Site, "CAST(price AS VARCHAR)"),
        (Site::postgres, "CAST(CAST(price AS VARCHAR) AS json)"),
    ] {
        let columns = |price: &str| format!("id, {json} AS doc, {price} AS price");
        let site = of(&[("models/log.sql", &log("", &columns("price")))]).at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL),(1,'a',10,NULL),(2,'b',NULL,NULL)");
        site.done(&["promote"]);
        edit(site.world(), &[("models/log.sql", &log("", &columns("CAST(price AS BIGINT)")))]);
        site.done(&["promote"]);
        let site = site.at("2026-04-02 00:00:00");
        site.people("(1,'a',10,NULL),(3,'c',30,NULL)");
        site.done(&["run"]);
        let then = ["1|10", "1|10", "1|10", "2|NULL", "3|30"];
        assert_eq!(shown(&site, "s.log", "id, price"), then);
        // What the older table has by now it keeps, and it gets the rest.
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(shown(&site, "s.log", "id, price"), then);
        assert_eq!(site.lines("SELECT count(doc) FROM s.log"), ["4"]);
    }
}
