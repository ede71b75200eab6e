//! Temporary tables that are copies of a model's table are read as that table is, and no other temporary table is.

use super::*;

/// `s.p` of this kind, and `s.m` as given.
fn over(kind: &str, more: &str, model: &str) -> String {
    format!(
        "//- models/p.sql\nMODEL (name s.p, kind {kind});\nSELECT id, k{more} AS k FROM raw.p\n\
         //- external_models.yaml\n- name: raw.p\n  columns: {{id: int, k: int}}\n\
         //- models/m.sql\nMODEL (name s.m, kind FULL);\n{model}"
    )
}

#[track_caller]
fn is_like(model: &str, direct: &str) -> bool {
    moved(&over("FULL", "", model), &over("FULL", "", direct)).is_empty()
}

#[test]
fn a_copy_is_what_it_is_a_copy_of() {
    for (model, direct) in [
        ("CREATE TEMP TABLE h AS FROM s.p;\nSELECT id FROM h", "SELECT id FROM s.p"),
        ("CREATE TEMP TABLE h AS (FROM s.p);\nSELECT h.id FROM H", "SELECT h.id FROM s.p AS h"),
        ("CREATE TEMPORARY TABLE \"H\" AS SELECT * FROM s.p;\nSELECT g.* FROM h AS g", "SELECT g.* FROM s.p AS g"),
        (
            "CREATE TEMP TABLE h AS (SELECT COLUMNS(*) FROM s.p);\nSELECT a.id FROM h AS a JOIN h AS b ON a.id = b.k",
            "SELECT a.id FROM s.p AS a JOIN s.p AS b ON a.id = b.k",
        ),
        (
            "SET TimeZone = 'UTC';\nCREATE TEMP TABLE h AS FROM s.p;\nSELECT id FROM h WHERE id IN (WITH h AS (SELECT 1 AS x) SELECT x FROM h)",
            "SET TimeZone = 'UTC';\nSELECT id FROM s.p AS h WHERE id IN (WITH h AS (SELECT 1 AS x) SELECT x FROM h)",
        ),
    ] {
        assert!(is_like(model, direct), "{model}");
        assert_eq!(
            moved(&over("FULL", "", model), &over("FULL", " + 1", model)).contains(&"m".to_owned()),
            model.contains("k") || model.contains("g.*"),
            "{model}"
        );
    }
}

#[test]
fn what_may_be_more_than_a_copy_is_taken_whole() {
    let copy = "CREATE TEMP TABLE h AS FROM s.p;\n";
    for model in [
        // Not all of the table, or more than it.
        "CREATE TEMP TABLE h AS SELECT id, k FROM s.p;\nSELECT id FROM h",
        "CREATE TEMP TABLE h AS FROM s.p LIMIT 1;\nSELECT id FROM h",
        "CREATE TEMP TABLE h AS FROM s.p USING SAMPLE 1 ROWS;\nSELECT id FROM h",
        "CREATE TEMP TABLE IF NOT EXISTS h AS FROM s.p;\nSELECT id FROM h",
        "CREATE TEMP TABLE h (a, b) AS FROM s.p;\nSELECT a FROM h",
        // Changed before or while it is read, or copied twice.
        &format!("{copy}UPDATE h SET id = 2;\nSELECT id FROM h"),
        &format!("{copy}CREATE OR REPLACE TEMP TABLE h AS FROM s.p;\nSELECT id FROM h"),
        &format!("{copy}SELECT id FROM h;\nDROP TABLE h"),
        &format!("SET preserve_identifier_case = false;\n{copy}SELECT id FROM h"),
        &format!("PRAGMA disable_optimizer;\n{copy}SELECT id FROM h"),
        // Named in another way, not read, or asked where its rows lie.
        &format!("{copy}SELECT id FROM temp.h"),
        &format!("{copy}SELECT id FROM h AS a JOIN temp.h AS b USING (id)"),
        &format!("{copy}SELECT id FROM s.p"),
        &format!("{copy}SELECT id FROM query('FROM h')"),
        &format!("{copy}SELECT id FROM h WHERE 'h' <> ''"),
        &format!("{copy}SELECT id, rowid AS place FROM h"),
    ] {
        assert!(!is_like(model, "SELECT id FROM s.p AS h"), "{model}");
        let whole = moved(&over("FULL", "", model), &over("FULL", " + 1", model));
        assert_eq!(whole, ["m", "p"], "{model}");
    }
    // The original is written between the copy and the query.
    let write = "CREATE OR REPLACE TABLE s.P AS SELECT 1 AS id, 2 AS k;\n";
    assert!(!is_like(&format!("{copy}{write}SELECT id FROM h"), &format!("{write}SELECT id FROM s.p AS h")));
    let model = format!("{copy}SELECT id FROM h");
    for kind in ["VIEW", "EMBEDDED"] {
        assert_eq!(moved(&over(kind, "", &model), &over(kind, " + 1", &model)), ["m", "p"], "{kind}");
    }
}
