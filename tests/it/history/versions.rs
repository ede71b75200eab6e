//! What loads make of changes: as SQLMesh's own adapter makes it of the same ones.

use super::Site;
use crate::lab::edit;

fn model(name: &str, kind: &str) -> String {
    format!("MODEL (name s.{name}, kind {kind}, cron '@daily');\nSELECT id, name, price, updated_at FROM raw.people")
}

const LOADS: [(&str, &str); 3] = [
    (
        "2026-04-01 00:00:00",
        "(1,'a',10,TIMESTAMP '2026-03-01'),(2,'b',20,TIMESTAMP '2026-03-02'),(3,'c',NULL,TIMESTAMP '2026-03-03')",
    ),
    (
        "2026-04-02 00:00:00",
        "(1,'a',11,TIMESTAMP '2026-04-01 12:00:00'),(3,'c',NULL,TIMESTAMP '2026-03-03'),\
         (4,'d',40,TIMESTAMP '2026-04-01 13:00:00')",
    ),
    (
        "2026-04-03 00:00:00",
        "(1,'a',12,TIMESTAMP '2026-04-02 10:00:00'),(2,'b',21,TIMESTAMP '2026-03-20'),\
         (4,'d',40,TIMESTAMP '2026-04-01 13:00:00')",
    ),
];

/// What `scd_type_2_by_time` and `scd_type_2_by_column` of SQLMesh 0.236.4 leave after the loads above.
const EXPECTED: [(&str, &str, [&str; 7]); 4] = [
    (
        "by_time",
        "SCD_TYPE_2_BY_TIME (unique_key id, invalidate_hard_deletes true)",
        [
            "1|10|1970-01-01 00:00:00|2026-04-01 12:00:00",
            "1|11|2026-04-01 12:00:00|2026-04-02 10:00:00",
            "1|12|2026-04-02 10:00:00|NULL",
            "2|20|1970-01-01 00:00:00|2026-04-02 00:00:00",
            "2|21|2026-04-02 00:00:00|NULL",
            "3|NULL|1970-01-01 00:00:00|2026-04-03 00:00:00",
            "4|40|1970-01-01 00:00:00|NULL",
        ],
    ),
    (
        "by_their_time",
        "SCD_TYPE_2 (unique_key (id), updated_at_as_valid_from true)",
        [
            "1|10|2026-03-01 00:00:00|2026-04-01 12:00:00",
            "1|11|2026-04-01 12:00:00|2026-04-02 10:00:00",
            "1|12|2026-04-02 10:00:00|NULL",
            "2|20|2026-03-02 00:00:00|2026-03-20 00:00:00",
            "2|21|2026-03-20 00:00:00|NULL",
            "3|NULL|2026-03-03 00:00:00|NULL",
            "4|40|2026-04-01 13:00:00|NULL",
        ],
    ),
    (
        "by_column",
        "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price], invalidate_hard_deletes true)",
        [
            "1|10|1970-01-01 00:00:00|2026-04-02 00:00:00",
            "1|11|2026-04-02 00:00:00|2026-04-03 00:00:00",
            "1|12|2026-04-03 00:00:00|NULL",
            "2|20|1970-01-01 00:00:00|2026-04-02 00:00:00",
            "2|21|2026-04-03 00:00:00|NULL",
            "3|NULL|1970-01-01 00:00:00|2026-04-03 00:00:00",
            "4|40|2026-04-02 00:00:00|NULL",
        ],
    ),
    (
        "by_all_columns",
        "SCD_TYPE_2_BY_COLUMN (unique_key (id), columns *, execution_time_as_valid_from true)",
        [
            "1|10|2026-04-01 00:00:00|2026-04-02 00:00:00",
            "1|11|2026-04-02 00:00:00|2026-04-03 00:00:00",
            "1|12|2026-04-03 00:00:00|NULL",
            "2|20|2026-04-01 00:00:00|2026-04-03 00:00:00",
            "2|21|2026-04-03 00:00:00|NULL",
            "3|NULL|2026-04-01 00:00:00|NULL",
            "4|40|2026-04-02 00:00:00|NULL",
        ],
    ),
];

#[test]
fn versions_are_those_that_sqlmesh_makes() {
    let texts: Vec<(String, String)> =
        EXPECTED.iter().map(|(name, kind, _)| (format!("models/{name}.sql"), model(name, kind))).collect();
    let models: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    for mut site in Site::both(&models) {
        for (index, (now, values)) in LOADS.iter().enumerate() {
            site = site.at(now);
            site.people(values);
            site.done(&[if index == 0 { "promote" } else { "run" }]);
        }
        for (name, _, expected) in &EXPECTED {
            let sql = format!(
                "SELECT id, price, CAST(valid_from AS VARCHAR), CAST(valid_to AS VARCHAR) FROM s.{name} ORDER BY id, valid_from"
            );
            assert_eq!(site.lines(&sql), *expected, "{name}");
        }
        // What has not changed adds nothing, whoever asks.
        let count = site.lines("SELECT count(*) FROM s.by_time");
        site = site.at("2026-04-04 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.lines("SELECT count(*) FROM s.by_time"), count);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_version_that_ends_keeps_what_it_did_not_know() {
    let kind = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name])";
    for site in Site::both(&[("models/m.sql", &model("m", kind))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',NULL,NULL),(2,'b',NULL,NULL)");
        site.done(&["promote"]);
        let site = site.at("2026-04-02 00:00:00");
        site.people("(1,'A',10,NULL),(2,'b',20,NULL)");
        site.done(&["run"]);
        let expected = ["1|a|NULL|1970-01-01|2026-04-02", "1|A|10|2026-04-02|NULL", "2|b|20|1970-01-01|NULL"];
        assert_eq!(site.history("s.m", "id, name, price"), expected, "the present one learns what it lacked");
    }
}

/// A model with its kind and columns.
fn of(kind: &str, columns: &str) -> String {
    format!("MODEL (name s.m, kind {kind}, cron '@daily');\nSELECT {columns} FROM raw.people")
}

const ANY: &str = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns *)";

#[test]
fn a_load_of_an_earlier_time_changes_no_later_version() {
    for site in Site::both(&[("models/m.sql", &of(ANY, "id, name"))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL),(2,'a',10,NULL)");
        site.done(&["promote"]);
        let site = site.at("2026-04-05 00:00:00");
        site.people("(1,'b',10,NULL),(2,'a',10,NULL)");
        site.done(&["run"]);
        let expected = ["1|a|1970-01-01|2026-04-05", "1|b|2026-04-05|NULL", "2|a|1970-01-01|NULL"];
        let site = site.at("2026-04-03 00:00:00");
        site.people("(1,'c',10,NULL),(2,'a',10,NULL)");
        edit(site.world(), &[("models/m.sql", &of(ANY, "id, name, 1 AS more"))]);
        let refused = site.world().bot(&["promote", "--format", "json"]);
        assert!(refused.error().to_string().contains("has a version of a load after this one"), "{}", refused.stderr);
        assert_eq!(site.history("s.m", "id, name"), expected);
        // What has no later version does not mind.
        site.people("(1,'b',10,NULL),(2,'c',10,NULL)");
        site.done(&["promote"]);
        let expected =
            ["1|a|1970-01-01|2026-04-05", "1|b|2026-04-05|NULL", "2|a|1970-01-01|2026-04-03", "2|c|2026-04-03|NULL"];
        assert_eq!(site.history("s.m", "id, name"), expected);
    }
}

#[test]
fn a_source_of_another_type_makes_no_versions() {
    let parts = "INCREMENTAL_BY_PARTITION, partitioned_by (price)";
    for site in Site::both(&[
        ("models/m.sql", &of(ANY, "id, name, price")),
        ("models/p.sql", &of(parts, "id, price").replace("s.m", "s.p")),
    ]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL)");
        site.done(&["promote"]);
        site.execute("ALTER TABLE raw.people ALTER COLUMN price TYPE DOUBLE PRECISION");
        site.people("(1,'a',10.2,NULL)");
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.history("s.m", "id, name, price"), ["1|a|10|1970-01-01|NULL"], "as what the table holds");
        assert_eq!(site.lines("SELECT id, price FROM s.p"), ["1|10"], "one row in place of one");
    }
}

#[test]
fn a_row_that_gets_its_time_begins_a_version() {
    let by_time = "SCD_TYPE_2_BY_TIME (unique_key id)";
    let with_time = of(by_time, "id, name, price, updated_at");
    // It was NULL; it was no column, which fills it where nothing else has changed.
    for before in [with_time.clone(), of(ANY, "id, name, price")] {
        for site in Site::both(&[("models/m.sql", &before)]) {
            let site = site.at("2026-04-01 00:00:00");
            site.people("(1,'a',10,NULL)");
            site.done(&["promote"]);
            edit(site.world(), &[("models/m.sql", &with_time), ("notes.md", "on we go")]);
            let site = site.at("2026-04-02 00:00:00");
            site.people("(1,'b',10,TIMESTAMP '2026-04-01 12:00:00'),(2,'c',20,TIMESTAMP '2026-04-01 12:00:00')");
            site.done(&["promote"]);
            site.done(&["run"]);
            let expected = ["1|a|1970-01-01|2026-04-01", "1|b|2026-04-01|NULL", "2|c|1970-01-01|NULL"];
            assert_eq!(site.history("s.m", "id, name"), expected);
        }
    }
}

#[test]
fn no_version_ends_before_it_begins() {
    let by_time = "SCD_TYPE_2_BY_TIME (unique_key id, invalidate_hard_deletes true)";
    for site in Site::both(&[("models/m.sql", &of(by_time, "id, name, updated_at"))]) {
        let row = |name: &str, at: &str| format!("(1,'{name}',10,TIMESTAMP '{at}')");
        let site = site.at("2026-04-01 00:00:00");
        site.people(&row("a", "2026-03-01"));
        site.done(&["promote"]);
        let site = site.at("2026-04-05 00:00:00");
        site.people("(2,'z',10,TIMESTAMP '2026-03-01')");
        site.done(&["run"]);
        // It comes back, and was changed again before it was found to be gone.
        let site = site.at("2026-04-06 00:00:00");
        site.people(&row("b", "2026-04-02"));
        site.done(&["run"]);
        let site = site.at("2026-04-07 00:00:00");
        site.people(&row("c", "2026-04-03"));
        site.done(&["run"]);
        let expected = ["1|a|1970-01-01|2026-04-05", "1|b|2026-04-05|2026-04-05", "1|c|2026-04-05|NULL"];
        assert_eq!(site.history("(SELECT * FROM s.m WHERE id = 1) AS m", "id, name"), expected);
    }
}

#[test]
fn names_are_quoted_as_their_author_does() {
    let kind =
        "SCD_TYPE_2_BY_COLUMN (unique_key \"Id\", columns [\"Na me\"], valid_from_name \"From\", valid_to_name \"To\")";
    for site in Site::both(&[("models/m.sql", &of(kind, "id AS \"Id\", name AS \"Na me\", price AS \"order\""))]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL)");
        site.done(&["promote"]);
        edit(
            site.world(),
            &[(
                "models/m.sql",
                &of(kind, "id AS \"Id\", name AS \"Na me\", price AS \"order\", 1 AS target, 2 AS source"),
            )],
        );
        let site = site.at("2026-04-02 00:00:00");
        site.people("(1,'b',10,NULL)");
        site.done(&["promote"]);
        let columns = "\"Id\", \"Na me\", \"order\", target, source, CAST(CAST(\"From\" AS DATE) AS VARCHAR)";
        let expected = ["1|a|10|NULL|NULL|1970-01-01", "1|b|10|1|2|2026-04-02"];
        assert_eq!(site.lines(&format!("SELECT {columns} FROM s.m ORDER BY \"From\"")), expected);
    }
}
