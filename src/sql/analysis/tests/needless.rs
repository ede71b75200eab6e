//! Edits that change nothing (N1 to N11 of the research on soundness): a hash that moves would build for nothing.

use super::*;

#[test]
fn n01_an_alias_that_shadows_a_column() {
    for sql in [
        "SELECT id, trim(g) AS g FROM t",
        "SELECT id, trim(g) AS g FROM t WHERE g <> '' GROUP BY ALL",
        "SELECT coalesce(x, 0) AS x, x + 1 AS y FROM t QUALIFY row_number() OVER (PARTITION BY x ORDER BY id) = 1",
        "SELECT upper(g) AS g, count(*) AS n FROM t GROUP BY g ORDER BY g",
    ] {
        resolve(sql);
    }
    let postgres = Warehouse::new(Dialect::Postgres);
    let sql = "SELECT id, trim(g) AS g FROM t WHERE g <> ''";
    assert!(matches!(postgres.analysis(sql), Analysis::Resolved(_)));
}

#[test]
fn n04_values_are_a_number_of_rows_and_a_list_for_each_column() {
    let values = |cell: &str| format!("SELECT a, b FROM (VALUES (1, {cell}), (2, 'y')) v(a, b)");
    moves(&["b"], &values("'x'"), &values("'z'"));
    moves(&["rows", "a"], "SELECT a FROM (VALUES (1)) v(a)", "SELECT a FROM (VALUES (1), (2)) v(a)");
}

#[test]
fn n05_distinct_takes_a_set() {
    same("SELECT DISTINCT id, x FROM t", "SELECT DISTINCT x, id FROM t");
    same("SELECT DISTINCT x, id FROM t", "SELECT DISTINCT x, id FROM t ORDER BY id");
    moves(&["rows"], "SELECT DISTINCT id, x FROM t", "SELECT id, x FROM t");
}

#[test]
fn n08_exists_reads_rows_only() {
    let exists = |columns: &str| format!("SELECT id FROM t WHERE EXISTS (SELECT {columns} FROM u WHERE u.id = t.id)");
    same(&exists("1"), &exists("u.x, u.y"));
    seen_apart(&exists("1"), &exists("max(u.x)"));
}

#[test]
fn n09_an_outermost_order_is_no_part_of_rows() {
    same("SELECT id FROM t ORDER BY x", "SELECT id FROM t");
    same("SELECT id FROM t UNION ALL SELECT id FROM u ORDER BY id", "SELECT id FROM t UNION ALL SELECT id FROM u");
}

#[test]
fn n11_the_order_of_columns_is_not_in_rows() {
    same("SELECT id, x FROM t", "SELECT x, id FROM t");
}

#[test]
fn writing_the_same_in_another_way() {
    same("(SELECT id FROM t)", "SELECT id FROM t");
    same("(SELECT id FROM t) UNION ALL (SELECT id FROM u)", "SELECT id FROM t UNION ALL SELECT id FROM u");
    same("SELECT id FROM t GROUP BY id, x", "SELECT id FROM t GROUP BY x, id");
    same("SELECT a.id FROM t AS a, u AS b", "SELECT q.id FROM t q CROSS JOIN u r");
    same("FROM t SELECT id", "SELECT id FROM t");
    same("SELECT i.range AS v FROM range(3) i", "SELECT v FROM range(3) i(v)");
    same("SELECT CASE WHEN (x > 1) THEN (id) END AS v FROM t", "SELECT CASE WHEN x > 1 THEN id END AS v FROM t");
    same("SELECT id FROM t LIMIT 3 OFFSET 1", "SELECT id FROM t OFFSET 1 LIMIT 3");
    same(
        "WITH a AS (SELECT id FROM t), b AS (SELECT id FROM a) SELECT id FROM b",
        "WITH b AS (WITH a AS (SELECT id FROM t) SELECT id FROM a) SELECT id FROM b",
    );
    same("SELECT sum(x) OVER (PARTITION BY g, id) AS s FROM t", "SELECT sum(x) OVER (PARTITION BY id, g) AS s FROM t");
}

#[test]
fn staging_over_an_undeclared_table_is_resolved() {
    resolve("WITH src AS (SELECT id, amount FROM raw.orders) SELECT id, amount * 2 AS net FROM src");
    resolve("SELECT id, current_timestamp AS loaded_at FROM raw.orders");
    let column = |name: &str| format!("WITH src AS (SELECT id, {name} AS v FROM raw.orders) SELECT id, v FROM src");
    moves(&["v"], &column("amount"), &column("price"));
    opaque("SELECT id FROM t WHERE id IN (WITH q AS (SELECT id FROM raw.orders WHERE x = 1) SELECT id FROM q)");
}

#[test]
fn a_text_with_escapes_is_that_text() {
    same(r"SELECT id, e'it\'s' AS v FROM t", "SELECT id, 'it''s' AS v FROM t");
    same(r"SELECT id, E'a;''b' AS v FROM t", "SELECT id, 'a;''b' AS v FROM t");
    same("SELECT id, e'a\\nb' AS v FROM t", "SELECT id, 'a\nb' AS v FROM t");
    moves(&["v"], r"SELECT id, e'a\tb' AS v FROM t", r"SELECT id, e'a\nb' AS v FROM t");
    // DuckDB takes codes for bytes.
    for code in [r"e'\x61'", r"E'\u0061'", r"e'\141'"] {
        assert!(matches!(
            Warehouse::new(Dialect::DuckDb).analysis(&format!("SELECT {code} AS v FROM t")),
            Analysis::Opaque(_)
        ));
    }
}
