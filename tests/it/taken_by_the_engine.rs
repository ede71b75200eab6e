//! What SQLMesh writes otherwise for an engine that would refuse it: for PostgreSQL commas behind the last item, which its own
//! templates have, and names of types; words of SQL that are names for all.

use crate::history::Site;

const SEED: &str = "MODEL (name s.seed, kind SEED (path '$root/seeds/s.csv'), columns (id INT, what STRING, price DOUBLE, at DATETIME));";
const LOADED: &str = "MODEL (name s.loaded, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-01-01', audits (few));\n\
    CREATE TABLE IF NOT EXISTS s_log (n int, what text,);\n\
    SELECT id, what, price::STRING AS price, at::date AS day, FROM s.seed WHERE at BETWEEN @start_dt AND @end_dt;\n\
    INSERT INTO s_log (n, what) SELECT count(*), 'x', FROM s.loaded;";
const SHOWN: &str = "MODEL (name s.shown, kind VIEW);\n\
    WITH few AS (SELECT id, cast(price AS double) AS price, what, -- the rest,\n FROM s.loaded)\n\
    SELECT id, sum(price) AS price, max(what) AS what, FROM few GROUP BY id, HAVING NOT id > 9 ORDER BY id";
const AUDIT: &str = "AUDIT (name few);\nSELECT id, price, FROM @this_model WHERE id > 5";

#[test]
fn what_postgresql_refuses_and_sqlmesh_mends_runs() {
    let site = Site::postgres(&[
        ("seeds/s.csv", "id,what,price,at\n1,a,1.5,2026-01-02\n2,b,2.5,2026-01-03\n"),
        ("models/seed.sql", SEED),
        ("models/guessed.sql", "MODEL (name s.guessed, kind SEED (path '$root/seeds/s.csv'));"),
        ("models/loaded.sql", LOADED),
        ("models/shown.sql", SHOWN),
        ("audits/few.sql", AUDIT),
    ]);
    site.done(&["promote"]);
    assert_eq!(site.lines("SELECT id, price, what FROM s.shown ORDER BY id"), ["1|1.5|a", "2|2.5|b"]);
    assert_eq!(site.lines("SELECT n, what FROM s_log"), ["2|x"]);
    let types = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 's.seed'::regclass AND attnum > 1 ORDER BY attnum";
    assert_eq!(site.lines(types), ["text", "double precision", "timestamp without time zone"]);
    assert_eq!(site.lines("SELECT sum(price) FROM s.guessed"), ["4"]);
    site.done(&["audit"]);
}

#[test]
fn a_name_may_be_a_word_of_sql() {
    for of in [Site::duckdb, Site::postgres] {
        let site = of(&[
            ("models/all.sql", "MODEL (name s.all, kind FULL);\nSELECT 1 AS id, 2 AS n"),
            (
                "models/joined.sql",
                "MODEL (name s.joined, kind FULL, audits (few));\n\
                 SELECT s.all.id, to.n AS desc FROM s.all LEFT JOIN s.all AS to ON to.id = s.all.id AND TO.n > 0",
            ),
            (
                "models/spans.sql",
                "MODEL (name s.spans, kind VIEW);\nSELECT start, end, group FROM s.span WHERE end - start > 1 ORDER BY end DESC",
            ),
            ("models/span.sql", "MODEL (name s.span, kind FULL);\nSELECT 1 AS start, 5 AS end, 'a' AS group"),
            ("audits/few.sql", "AUDIT (name few);\nSELECT group.id FROM @this_model AS group WHERE group.id > 5"),
        ]);
        site.done(&["promote"]);
        assert_eq!(site.lines("SELECT id, \"desc\" FROM s.joined"), ["1|2"]);
        assert_eq!(site.lines("SELECT * FROM s.spans"), ["1|5|a"]);
    }
}

/// DuckDB takes a comma behind the last item: what follows it begins a clause there, and is no name.
#[test]
fn what_duckdb_takes_stays_as_it_is_written() {
    let site = Site::duckdb(&[(
        "models/few.sql",
        "MODEL (name s.few, kind FULL);\nSELECT v, count(*) AS n, FROM (VALUES (1), (1), (2)) AS t(v) GROUP BY v, HAVING NOT count(*) > 1 ORDER BY v LIMIT 5",
    )]);
    site.done(&["promote"]);
    assert_eq!(site.lines("SELECT v, n FROM s.few"), ["2|1"]);
}

#[test]
fn a_frame_of_two_bounds_has_between() {
    let query = "SELECT v, sum(v) OVER (ORDER BY v ROWS UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM (VALUES (1), (2), (4)) AS t(v)";
    for site in Site::both(&[("models/few.sql", &format!("MODEL (name s.few, kind FULL);\n{query}"))]) {
        site.done(&["promote"]);
        assert_eq!(site.lines("SELECT v, before FROM s.few ORDER BY v"), ["1|NULL", "2|1", "4|3"]);
    }
}

#[test]
fn the_present_may_have_parentheses() {
    let query = "SELECT CURRENT_TIMESTAMP() >= CURRENT_DATE() AS later, LOCALTIMESTAMP() IS NULL AS unknown";
    for site in Site::both(&[("models/now.sql", &format!("MODEL (name s.now, kind FULL);\n{query}"))]) {
        site.done(&["promote"]);
        assert_eq!(site.lines("SELECT count(*) FROM s.now WHERE later AND NOT unknown"), ["1"]);
        let plan = site.world().bot(&["plan", "--format", "json"]).json();
        assert_eq!(plan["problems"], serde_json::json!([]));
    }
}
