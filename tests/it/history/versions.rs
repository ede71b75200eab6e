//! What loads make of changes: as SQLMesh's own adapter makes it of the same ones.

use super::Site;

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
