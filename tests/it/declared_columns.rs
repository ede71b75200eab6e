//! Stars over foreign tables whose columns are declared: as in SQLMesh they stand for those columns in that order, whatever the
//! warehouse has by now.

use crate::history::Site;

const DECLARED: &str = "- name: raw.things\n  columns:\n    a: int\n    b: int\n";

/// What a model says, and what it shows of the columns of a table that has more of them, in another order.
const MODELS: [(&str, &str, &str); 9] = [
    ("every", "FULL", "SELECT * FROM raw.things"),
    ("seen", "VIEW", "SELECT * FROM raw.things"),
    ("keyed", "INCREMENTAL_BY_UNIQUE_KEY (unique_key a)", "SELECT t.* FROM raw.things AS t"),
    ("versions", "SCD_TYPE_2_BY_COLUMN (unique_key a, columns [b])", "SELECT * FROM raw.things"),
    ("united", "FULL", "SELECT * FROM raw.things UNION ALL SELECT 10, 20"),
    ("renamed", "FULL", "SELECT p AS a, q AS b FROM raw.things AS t(p, q)"),
    ("qualified", "VIEW", "SELECT raw.things.a AS a, c.b FROM raw.things, (SELECT * FROM raw.things) AS c"),
    ("inside", "FULL", "WITH c AS (SELECT *, 1 AS one FROM raw.things) SELECT * FROM (SELECT a, b FROM c) AS c"),
    ("reader", "FULL", "SELECT * FROM s.seen"),
];

fn models() -> Vec<(String, String)> {
    let model = |(name, kind, query): &(&str, &str, &str)| {
        (format!("models/{name}.sql"), format!("MODEL (name s.{name}, kind {kind}, cron '@daily');\n{query}"))
    };
    let undeclared =
        ("models/undeclared.sql".into(), "MODEL (name s.undeclared);\nSELECT more, 2 * a AS a FROM raw.things".into());
    MODELS.iter().map(model).chain([("external_models.yaml".into(), DECLARED.into()), undeclared]).collect()
}

fn assert_shown(site: &Site, names: &[&str]) {
    for name in names {
        assert_eq!(site.lines(&format!("SELECT DISTINCT a, b FROM s.{name}")), ["10|20"], "{name}");
    }
}

#[test]
fn a_star_stands_for_the_columns_that_are_declared() {
    let models = models();
    let files: Vec<(&str, &str)> = models.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    for site in Site::both(&files) {
        let site = site.at("2026-04-01 00:00:00");
        site.execute("CREATE TABLE raw.things (more INTEGER, b INTEGER, a INTEGER)");
        site.execute("INSERT INTO raw.things VALUES (9, 20, 10)");
        site.done(&["promote"]);
        assert_shown(&site, &MODELS.map(|(name, ..)| name));
        assert_eq!(site.lines("SELECT more, a FROM s.undeclared"), ["9|20"], "no star, so it is as it is written");
    }
}

/// Where the names of another dialect are folded otherwise, the author's own are the engine's to read.
#[test]
fn a_model_in_another_dialect_reads_the_table_that_it_names() {
    for table in ["raw.things", "\"raw\".\"things\""] {
        let declared = format!("- name: '{table}'\n  dialect: snowflake\n  columns: {{a: int, b: int}}\n");
        let model = format!("MODEL (name s.every, dialect snowflake);\nSELECT * FROM {table}");
        for site in Site::both(&[("external_models.yaml", &declared), ("models/every.sql", &model)]) {
            site.execute("CREATE TABLE raw.things (b INTEGER, a INTEGER)");
            site.execute("INSERT INTO raw.things VALUES (20, 10)");
            site.done(&["promote"]);
            assert_eq!(site.lines("SELECT * FROM s.every"), ["10|20"], "{table}");
        }
    }
}

#[test]
fn a_source_may_get_columns_between_those_that_are_declared() {
    let models = models();
    let files: Vec<(&str, &str)> = models.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
    let site = Site::duckdb(&files).at("2026-04-01 00:00:00");
    site.execute("CREATE TABLE raw.things AS SELECT 10 AS a, 20 AS b, 0 AS more");
    site.done(&["promote"]);
    assert_shown(&site, &MODELS.map(|(name, ..)| name));
    site.execute("DROP TABLE raw.things; CREATE TABLE raw.things AS SELECT 9 AS more, 20 AS b, 8 AS later, 10 AS a");
    assert_shown(&site, &["seen", "qualified"]);
    let site = site.at("2026-04-02 00:00:00");
    site.done(&["run"]);
    assert_shown(&site, &MODELS.map(|(name, ..)| name));
}
