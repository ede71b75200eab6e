//! Where DuckDB plans a query over views, and fails at the CTEs that stand for them.

use crate::lab::lab;

/// `INTERNAL Error: Failed to cast expression to type` in DuckDB 1.5.6, where `FROM` names a CTE from outside: an aggregate of
/// its column beside another one, in a query inside a query inside. Over a view it is nothing special.
fn query(from: &str) -> String {
    format!(
        "SELECT o.id AS key, o.h AS day FROM s.places AS o WHERE NOT EXISTS (SELECT 1 FROM s.places AS t, LATERAL (SELECT \
         (SELECT count(p.x) + sum(1) FROM s.places AS b) AS v FROM {from} AS p) AS side WHERE side.v = o.id)"
    )
}

const PLACES: &str = "MODEL (name s.places, kind FULL);\n\
                      SELECT * FROM (VALUES (1, DATE '2026-03-26'), (5, DATE '2026-03-26'), (6, DATE '2026-03-27')) AS t(id, h)";

/// Every kind over a view, and a view over it.
fn readers(query: &str) -> Vec<(&'static str, String)> {
    let model = |name: &str, kind: &str| format!("MODEL (name s.{name}, kind {kind});\n{query}");
    vec![
        ("models/shown.sql", model("shown", "VIEW")),
        ("models/stored.sql", model("stored", "FULL")),
        ("models/keyed.sql", model("keyed", "INCREMENTAL_BY_UNIQUE_KEY (unique_key key)")),
        ("models/daily.sql", model("daily", "INCREMENTAL_BY_TIME_RANGE (time_column day)")),
        ("models/over.sql", "MODEL (name s.over, kind FULL);\nSELECT key FROM s.shown".to_owned()),
    ]
}

fn files<'a>(first: &'a str, readers: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    let readers = readers.iter().map(|(path, text)| (*path, text.as_str()));
    [("models/places.sql", PLACES), ("models/first.sql", first)].into_iter().chain(readers).collect()
}

#[test]
fn a_query_inside_that_aggregates_a_view_is_planned_as_over_a_view() {
    let readers = readers(&query("s.first"));
    let world = lab(&files("MODEL (name s.first, kind VIEW);\nSELECT id AS x FROM s.places", &readers));
    world.done(&["promote"]);
    let expected = world.sql(&format!("{} ORDER BY ALL", query("s.first")));
    assert_eq!(expected.len(), 2);
    for name in ["shown", "stored", "keyed", "daily"] {
        assert_eq!(world.sql(&format!("SELECT key, day FROM s.{name} ORDER BY ALL")), expected, "{name}");
    }
    assert_eq!(world.value("SELECT count(*) FROM s.over"), "2");
}

/// A view that reads a table by a bare name, which its reader calls a CTE, can stand nowhere but before the reader.
#[test]
fn what_the_engine_fails_at_by_a_mistake_of_its_own_is_built_over_views_of_the_session() {
    let text = format!("WITH lone AS (SELECT 7 AS id) {}", query("s.first"));
    let mut readers = readers(&text);
    readers.retain(|(path, _)| !["models/shown.sql", "models/over.sql"].contains(path));
    let world = lab(&files("MODEL (name s.first, kind VIEW);\nSELECT id AS x FROM lone", &readers));
    world.sql("CREATE TABLE lone AS SELECT * FROM (VALUES (1), (2)) AS t(id)");
    world.done(&["promote"]);
    let expected = world.sql(&format!("{} ORDER BY ALL", query("s.first")));
    assert_eq!(expected.len(), 2);
    for name in ["stored", "keyed", "daily"] {
        assert_eq!(world.sql(&format!("SELECT key, day FROM s.{name} ORDER BY ALL")), expected, "{name}");
    }
    let views = "SELECT count(*) FROM duckdb_views() WHERE view_name LIKE 'offshoot_%'";
    assert_eq!(world.value(views), "0", "nothing of it stays in the warehouse");
}

/// `Parser Error: window functions are not allowed in window definitions`, where a view's text stood in one.
#[test]
fn a_view_with_windows_is_read_in_the_definition_of_a_window() {
    let reader = |from: &str| {
        format!(
            "SELECT id, first_value(id) OVER (ORDER BY (SELECT max(w.n) FROM {from} AS w WHERE w.id = o.id), id) AS f FROM s.places AS o"
        )
    };
    let stored = format!("MODEL (name s.stored, kind FULL);\n{}", reader("s.first"));
    // A query elsewhere that groups by ALL does not put it there.
    let grouped = format!(
        "MODEL (name s.grouped, kind VIEW);\n{} WHERE EXISTS (SELECT id FROM s.places GROUP BY ALL)",
        reader("s.first")
    );
    let world = lab(&[
        ("models/places.sql", PLACES),
        (
            "models/first.sql",
            "MODEL (name s.first, kind VIEW);\nSELECT id, row_number() OVER (ORDER BY id DESC) AS n FROM s.places",
        ),
        ("models/stored.sql", &stored),
        ("models/grouped.sql", &grouped),
    ]);
    world.done(&["promote"]);
    let expected = world.sql(&format!("{} ORDER BY ALL", reader("s.first")));
    for name in ["stored", "grouped"] {
        assert_eq!(world.sql(&format!("SELECT * FROM s.{name} ORDER BY ALL")), expected, "{name}");
    }
}
