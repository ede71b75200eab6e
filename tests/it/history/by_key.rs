//! INCREMENTAL_BY_UNIQUE_KEY whose query does not name the interval: each load lies over the rows of those before, as SQLMesh's merge
//! does, until somebody wants the table anew. FULL models that read their own rows.

use offshoot::error::Exit;

use super::Site;
use super::killed::{at_each_moment, at_each_moment_and_later};
use crate::lab::edit;

fn keyed(more: &str, query: &str) -> String {
    format!("MODEL (name s.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id{more}), cron '@daily');\n{query}")
}

const PLAIN: &str = "SELECT id, name, price FROM raw.people";
const READER: &str = "MODEL (name s.total, kind FULL);\nSELECT sum(price) AS price FROM s.keyed";
const MERGED: &str = ", when_matched (WHEN MATCHED THEN UPDATE SET target.price = source.price + target.price)";

fn people(site: &Site) -> Vec<String> {
    site.lines("SELECT id, name, price FROM s.keyed ORDER BY id")
}

/// Promoted on the first of April; on the second the source has lost one row, changed one and got one.
fn two_days(site: Site) -> Site {
    let site = site.at("2026-04-01 00:00:00");
    site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
    site.done(&["promote"]);
    site.people("(2,'B',21,NULL),(3,'c',30,NULL)");
    site.at("2026-04-02 00:00:00")
}

#[test]
fn rows_that_the_source_has_lost_stay() {
    for site in Site::both(&[("models/keyed.sql", &keyed("", PLAIN)), ("models/total.sql", READER)]) {
        let site = two_days(site);
        site.done(&["run"]);
        assert_eq!(people(&site), ["1|a|10", "2|B|21", "3|c|30"]);
        assert_eq!(site.lines("SELECT price FROM s.total"), ["61"]);
        // Nothing is due, and a promote of something else changes nothing.
        site.people("(4,'d',40,NULL)");
        edit(site.world(), &[("models/other.sql", "MODEL (name s.other, kind FULL);\nSELECT 1 AS one")]);
        site.done(&["run"]);
        site.done(&["promote"]);
        assert_eq!(people(&site), ["1|a|10", "2|B|21", "3|c|30"]);
        // Another definition has a table of its own; the one before has its rows when it comes back, and goes on with them.
        edit(site.world(), &[("models/keyed.sql", &keyed("", &PLAIN.replace("price F", "price * 2 AS price F")))]);
        site.done(&["promote"]);
        assert_eq!(people(&site), ["4|d|80"]);
        edit(site.world(), &[("models/keyed.sql", &keyed("", PLAIN))]);
        site.done(&["promote"]);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(people(&site), ["1|a|10", "2|B|21", "3|c|30", "4|d|40"]);
        // Whoever wants it anew says so.
        site.done(&["run", "--restate", "s.keyed"]);
        assert_eq!(people(&site), ["4|d|40"]);
        assert_eq!(site.lines("SELECT price FROM s.total"), ["40"]);
    }
}

#[test]
fn what_reads_what_is_loaded_again_begins_anew() {
    let of = "MODEL (name s.source, kind FULL);\nSELECT id, name, price FROM raw.people";
    let query = PLAIN.replace("raw.people", "s.source");
    let site = two_days(Site::duckdb(&[("models/source.sql", of), ("models/keyed.sql", &keyed("", &query))]));
    site.done(&["run"]);
    assert_eq!(people(&site), ["1|a|10", "2|B|21", "3|c|30"]);
    site.done(&["run", "--restate", "s.source"]);
    assert_eq!(people(&site), ["2|B|21", "3|c|30"]);
}

/// As SQLMesh, which loads what a branch has made of such rows again.
#[test]
fn a_branch_brings_no_rows_back_that_were_wrong_when_it_made_them() {
    let of = "MODEL (name s.source, kind FULL, cron '@daily');\nSELECT id, name, price FROM raw.people";
    let query = PLAIN.replace("raw.people", "s.source");
    for site in Site::both(&[("models/source.sql", of), ("models/keyed.sql", &keyed("", &query))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
        site.done(&["promote"]);
        site.world().repository.branch("feature");
        edit(site.world(), &[("models/keyed.sql", &keyed("", &query.replace("price F", "price * 2 AS price F")))]);
        site.done(&["apply", "--env", "dev"]);
        site.people("(9,'a',10,NULL),(2,'b',20,NULL)");
        let site = site.at("2026-04-01 12:00:00");
        site.done(&["run", "prod", "--restate", "s.source"]);
        let site = site.at("2026-04-01 13:00:00");
        site.done(&["apply", "--env", "dev"]);
        assert_eq!(site.lines("SELECT id, price FROM s__dev.keyed ORDER BY id"), ["2|40", "9|20"]);
        site.world().repository.checkout("main");
        site.world().repository.merge("feature");
        site.done(&["promote"]);
        assert_eq!(people(&site), ["2|b|40", "9|a|20"]);
    }
}

/// A source that is filled each day, a view of it, and what is kept by key of that.
fn sourced(query: &str) -> [(&'static str, String); 3] {
    let source = "MODEL (name s.source, kind FULL, cron '@daily');\nSELECT id, name, price FROM raw.people";
    let between = "MODEL (name s.between, kind VIEW);\nSELECT * FROM s.source";
    let query = query.replace("raw.people", "s.between");
    [
        ("models/source.sql", source.into()),
        ("models/between.sql", between.into()),
        ("models/keyed.sql", keyed("", &query)),
    ]
}

/// As SQLMesh, which forgets what any definition of what is loaded again was loaded with.
#[test]
fn a_definition_that_comes_back_brings_no_rows_of_what_was_loaded_again_meanwhile() {
    let first = sourced(PLAIN);
    let second = sourced(&PLAIN.replace("price F", "price * 2 AS price F"));
    for again in ["s.source", "s.keyed"] {
        for site in Site::both(&first.each_ref().map(|(file, text)| (*file, text.as_str()))) {
            let site = site.at("2026-04-01 00:00:00");
            site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
            site.done(&["promote"]);
            edit(site.world(), &[(second[2].0, &second[2].1)]);
            site.done(&["promote"]);
            site.people("(9,'a',10,NULL),(2,'b',20,NULL)");
            let site = site.at("2026-04-01 12:00:00");
            site.done(&["run", "--restate", again]);
            let site = site.at("2026-04-02 00:00:00");
            site.done(&["run"]);
            edit(site.world(), &[(first[2].0, &first[2].1)]);
            site.done(&["promote"]);
            assert_eq!(people(&site), ["2|b|20", "9|a|10"], "{again}");
        }
    }
}

#[test]
fn another_environment_that_goes_on_with_its_own_table_brings_none_back_either() {
    let first = sourced(PLAIN);
    let second = sourced(&PLAIN.replace("price F", "price * 2 AS price F"));
    for site in Site::both(&first.each_ref().map(|(file, text)| (*file, text.as_str()))) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
        site.done(&["promote"]);
        edit(site.world(), &[(second[2].0, &second[2].1)]);
        site.done(&["promote", "--to", "staging"]);
        site.people("(9,'a',10,NULL),(2,'b',20,NULL)");
        let site = site.at("2026-04-01 12:00:00");
        site.done(&["run", "--restate", "s.source"]);
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["run", "staging"]);
        assert_eq!(site.lines("SELECT id, price FROM s__staging.keyed ORDER BY id"), ["2|40", "9|20"]);
        assert_eq!(people(&site), ["2|b|20", "9|a|10"]);
    }
}

#[test]
fn what_failed_behind_what_was_loaded_again_begins_anew_the_next_time() {
    let first = sourced(PLAIN);
    for (environment, view) in [("prod", "s.keyed"), ("staging", "s__staging.keyed")] {
        for site in Site::both(&first.each_ref().map(|(file, text)| (*file, text.as_str()))) {
            let site = site.at("2026-04-01 00:00:00");
            site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
            site.done(&["promote"]);
            if environment == "staging" {
                let other = first[0].1.replace("price F", "price + 0 AS price F");
                edit(site.world(), &[("models/source.sql", &other)]);
                site.done(&["promote", "--to", "staging"]);
            }
            site.people("(9,'a',10,NULL),(9,'b',20,NULL)");
            let site = site.at("2026-04-01 12:00:00");
            let ran = site.world().bot(&["run", environment, "--restate", "s.source"]);
            assert!(ran.exit == Exit::No && ran.stderr.contains("comes 2 times"), "{ran:?}");
            site.people("(9,'a',10,NULL),(2,'b',20,NULL)");
            let site = site.at("2026-04-02 00:00:00");
            site.done(&["run", environment]);
            assert_eq!(site.lines(&format!("SELECT id, price FROM {view} ORDER BY id")), ["2|20", "9|10"]);
        }
    }
}

#[test]
fn what_a_branch_loads_of_its_own_again_takes_no_row_from_production() {
    let first = sourced(PLAIN);
    for site in Site::both(&first.each_ref().map(|(file, text)| (*file, text.as_str()))) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
        site.done(&["promote"]);
        site.world().repository.branch("feature");
        edit(site.world(), &[("models/source.sql", &first[0].1.replace("price F", "price * 3 AS price F"))]);
        site.done(&["apply", "--env", "dev"]);
        site.people("(2,'b',20,NULL)");
        let site = site.at("2026-04-01 12:00:00");
        site.done(&["run", "dev", "--restate", "s.source"]);
        assert_eq!(site.lines("SELECT id, price FROM s__dev.keyed ORDER BY id"), ["2|60"]);
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["run", "prod"]);
        assert_eq!(people(&site), ["1|a|10", "2|b|20"]);
    }
}

#[test]
fn it_may_read_its_own_table_and_its_casts_say_the_types() {
    let new = "SELECT p.id::INT AS id, p.name::VARCHAR AS name, p.price::INT AS price FROM raw.people AS p\n\
               WHERE NOT EXISTS (SELECT 1 FROM s.keyed AS own WHERE own.id = p.id)";
    for site in Site::both(&[("models/keyed.sql", &keyed("", new)), ("models/total.sql", READER)]) {
        let site = two_days(site);
        site.done(&["run"]);
        assert_eq!(people(&site), ["1|a|10", "2|b|20", "3|c|30"], "what was there first stays");
        site.done(&["run", "--restate", "s.keyed"]);
        assert_eq!(people(&site), ["2|B|21", "3|c|30"]);
        edit(site.world(), &[("models/keyed.sql", &keyed("", &new.replace("p.price::INT", "p.price")))]);
        let refused = site.world().bot(&["promote"]);
        assert_eq!(refused.exit, Exit::No, "{refused:?}");
        assert!(refused.stderr.contains("or cast each column of the query"), "{}", refused.stderr);
    }
}

#[test]
fn casts_that_another_part_of_a_union_does_not_keep_to_are_no_types() {
    let query = "SELECT 1::INT AS id, 'a'::VARCHAR AS name, count(*)::INT AS price FROM s.keyed\n\
                 UNION ALL SELECT 2, 'b', 1.5::DOUBLE PRECISION";
    for site in Site::both(&[("models/keyed.sql", &keyed("", query))]) {
        let refused = site.world().bot(&["promote"]);
        assert_eq!(refused.exit, Exit::No, "{refused:?}");
        assert!(refused.stderr.contains("gives `price` another type"), "{}", refused.stderr);
    }
}

#[test]
fn what_is_merged_is_merged_once_each_time_that_it_is_due() {
    for site in Site::both(&[("models/keyed.sql", &keyed(MERGED, PLAIN)), ("models/total.sql", READER)]) {
        let mut site = two_days(site);
        for now in ["2026-04-02 00:00:00", "2026-04-02 12:00:00"] {
            site = site.at(now);
            site.done(&["run"]);
            site.done(&["promote"]);
        }
        assert_eq!(people(&site), ["1|a|10", "2|b|41", "3|c|30"]);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(people(&site), ["1|a|10", "2|b|62", "3|c|60"]);
        site.done(&["run", "--restate", "s.keyed"]);
        assert_eq!(people(&site), ["2|B|21", "3|c|30"]);
    }
}

#[test]
fn rows_are_merged_once_wherever_a_run_dies() {
    let full = "MODEL (name s.full, kind FULL, cron '@daily');\n\
                SELECT 1::INT AS id, (coalesce(max(n), 0) + 1)::INT AS n FROM s.full";
    let counted = "MODEL (name s.own, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id), cron '@daily');\n\
                   SELECT 1::INT AS id, (coalesce(max(n), 0) + 1)::INT AS n FROM s.own";
    let site = Site::duckdb(&[
        ("models/keyed.sql", &keyed(MERGED, PLAIN)),
        ("models/own.sql", counted),
        ("models/full.sql", full),
        ("models/total.sql", READER),
    ]);
    site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
    let promote = ["promote", "--execution-time", "2026-04-01", "--jobs", "1"];
    assert!(at_each_moment(&site, &promote, 6) > 5);
    let site = two_days(site);
    let run = ["run", "--execution-time", "2026-04-02", "--jobs", "1"];
    assert!(at_each_moment(&site, &run, 4) > 5);
    at_each_moment_and_later(&site);
}

#[test]
fn a_full_model_may_be_made_of_its_own_rows() {
    let log = "MODEL (name s.keyed, kind FULL, cron '@daily');\n\
               SELECT id::INT AS id, name::VARCHAR AS name, (price + 1)::INT AS price FROM s.keyed UNION ALL SELECT id, name, price FROM raw.people";
    for site in Site::both(&[("models/keyed.sql", log), ("models/total.sql", READER)]) {
        let mut site = two_days(site);
        assert_eq!(people(&site), ["1|a|10", "2|b|20"]);
        for now in ["2026-04-02 00:00:00", "2026-04-02 12:00:00"] {
            site = site.at(now);
            site.done(&["run"]);
            site.done(&["promote"]);
        }
        let rows = "SELECT id, name, price FROM s.keyed ORDER BY id, price";
        assert_eq!(site.lines(rows), ["1|a|11", "2|b|21", "2|B|21", "3|c|30"]);
        assert_eq!(site.lines("SELECT price FROM s.total"), ["83"]);
        // Nothing has these rows but the table, so they stay whatever is asked for.
        site.people("(4,'d',40,NULL)");
        site.done(&["run", "--restate", "s.keyed"]);
        assert_eq!(site.lines(rows), ["1|a|12", "2|b|22", "2|B|22", "3|c|31", "4|d|40"]);
    }
}

#[test]
fn a_state_that_is_lost_loses_no_rows_and_adds_none_twice() {
    let count = "MODEL (name s.own, kind FULL, cron '@daily');\nSELECT (coalesce(max(n), 0) + 1)::INT AS n FROM s.own";
    for (more, expected) in [("", ["1|a|10", "2|B|21", "3|c|30"]), (MERGED, ["1|a|10", "2|b|41", "3|c|30"])] {
        let site = two_days(Site::duckdb(&[("models/keyed.sql", &keyed(more, PLAIN)), ("models/own.sql", count)]));
        site.done(&["run"]);
        std::fs::remove_file(site.world().state()).expect("the state");
        site.done(&["state", "recover"]);
        site.done(&["run"]);
        assert_eq!(people(&site), expected);
        assert_eq!(site.lines("SELECT n FROM s.own"), ["2"]);
    }
}

#[test]
fn other_columns_are_refused_until_it_begins_anew() {
    let site = two_days(Site::duckdb(&[("models/keyed.sql", &keyed("", "SELECT * FROM raw.people"))]));
    site.execute("ALTER TABLE raw.people ADD COLUMN town VARCHAR");
    let refused = site.world().bot(&["run"]);
    assert_eq!(refused.exit, Exit::No, "{refused:?}");
    assert!(refused.stderr.contains("bot run --restate s.keyed"), "{}", refused.stderr);
    site.done(&["run", "--restate", "s.keyed"]);
    assert_eq!(people(&site), ["2|B|21", "3|c|30"]);
}
