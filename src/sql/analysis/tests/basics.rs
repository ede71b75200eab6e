//! What the analysis is for, rule by rule.

use super::*;

#[test]
fn slots_keep_two_inputs_of_one_table_apart() {
    moves(&["x"], "SELECT a.x FROM t a JOIN t b ON a.id = b.pid", "SELECT b.x FROM t a JOIN t b ON a.id = b.pid");
    let cte = "WITH cur AS (SELECT pid k, x FROM t WHERE id = 3), prev AS (SELECT pid k, x FROM t WHERE id = 2) ";
    moves(
        &["d"],
        &format!("{cte} SELECT cur.x - prev.x AS d FROM cur JOIN prev USING (k)"),
        &format!("{cte} SELECT prev.x - cur.x AS d FROM cur JOIN prev USING (k)"),
    );
    moves(
        &["rows"],
        "SELECT id FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE b.pid = a.id)",
        "SELECT id FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE b.id = a.id)",
    );
    moves(
        &["rows"],
        "SELECT id FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE a.pid = a.id)",
        "SELECT id FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE b.pid = b.id)",
    );
}

#[test]
fn an_aggregate_alone_groups() {
    moves(&["rows", "s"], "SELECT 1 AS one FROM t", "SELECT 1 AS one, sum(x) AS s FROM t");
    moves(&["rows"], "SELECT 1 AS one FROM t", "SELECT 1 AS one FROM t HAVING true");
    assert!(opaque("SELECT o.id FROM t o WHERE (SELECT max(o.x)) > 1").contains("aggregate"));
}

#[test]
fn order_matters_where_it_decides_rows() {
    moves(
        &["rows"],
        "SELECT DISTINCT ON (g) g, x FROM t ORDER BY g, x",
        "SELECT DISTINCT ON (g) g, x FROM t ORDER BY g, x DESC",
    );
    let sub = |direction| format!("SELECT id FROM (SELECT * FROM t ORDER BY x {direction}) LIMIT 1");
    assert_eq!(moved(&sub("ASC"), &sub("DESC"))[0], "rows");
}

#[test]
fn an_outermost_order_is_only_how_rows_are_written() {
    same("SELECT id FROM t ORDER BY x", "SELECT id FROM t ORDER BY x DESC");
    let order = |sql| resolve(sql).written_order;
    assert_ne!(order("SELECT id FROM t ORDER BY x"), order("SELECT id FROM t ORDER BY x DESC"));
    moves(&["rows"], "SELECT id FROM t ORDER BY x LIMIT 1", "SELECT id FROM t ORDER BY x DESC LIMIT 1");
}

#[test]
fn ordinals_and_all_are_resolved() {
    moves(&["rows"], "SELECT id, -x AS y FROM t ORDER BY 1 LIMIT 1", "SELECT -x AS y, id FROM t ORDER BY 1 LIMIT 1");
    same("SELECT id, x FROM t ORDER BY (1) LIMIT 1", "SELECT id, x FROM t ORDER BY id LIMIT 1");
    same("SELECT g, sum(x) AS s FROM t GROUP BY 1", "SELECT g, sum(x) AS s FROM t GROUP BY g");
    same("SELECT g, sum(x) AS s FROM t GROUP BY ALL", "SELECT g, sum(x) AS s FROM t GROUP BY g");
    moves(
        &["rows", "id"],
        "SELECT g, sum(x) AS s FROM t GROUP BY ALL",
        "SELECT g, id, sum(x) AS s FROM t GROUP BY ALL",
    );
}

#[test]
fn named_windows_are_put_in_place() {
    let window = |direction| format!("SELECT sum(x) OVER w AS s FROM t WINDOW w AS (ORDER BY x {direction})");
    moves(&["s"], &window("ASC"), &window("DESC"));
    same(
        "SELECT sum(x) OVER w AS s FROM t WINDOW w AS (PARTITION BY g ORDER BY id)",
        "SELECT sum(x) OVER (PARTITION BY g ORDER BY id) AS s FROM t",
    );
    moves(
        &["s"],
        "SELECT sum(x) OVER (PARTITION BY g, id) AS s FROM t",
        "SELECT sum(x) OVER (PARTITION BY g) AS s FROM t",
    );
}

#[test]
fn set_operations_but_union_all_take_every_column() {
    moves(
        &["rows", "x"],
        "SELECT id, x FROM t EXCEPT ALL SELECT id, x FROM u",
        "SELECT id, x + 1 AS x FROM t EXCEPT ALL SELECT id, x FROM u",
    );
    moves(
        &["x"],
        "SELECT id, x FROM t UNION ALL SELECT id, x FROM u",
        "SELECT id, x FROM t UNION ALL SELECT id, y FROM u",
    );
    moves(
        &["rows", "x"],
        "SELECT id, x FROM t UNION SELECT id, x FROM u",
        "SELECT id, x FROM t UNION SELECT id, y FROM u",
    );
    same(
        "SELECT id, x FROM t UNION ALL BY NAME SELECT x, id FROM u",
        "SELECT id, x FROM t UNION ALL BY NAME SELECT id, x FROM u",
    );
}

#[test]
fn natural_joins_are_equalities_over_common_columns() {
    let natural = |column: &str| {
        format!("SELECT m.x FROM (SELECT id, x {column} FROM t) m NATURAL JOIN (SELECT id, y, ds FROM u) n")
    };
    assert!(moved(&natural(""), &natural(", g AS ds")).contains(&"rows".to_owned()));
    assert_eq!(moved(&natural(""), &natural(", g AS other")), Vec::<String>::new());
}

#[test]
fn draws_and_orderless_values_are_marked() {
    let column = |sql: &str| resolve(sql).columns[0].traits;
    assert!(column("SELECT random() AS r FROM t").volatile);
    assert!(column("SELECT @execution_ts AS r FROM t").volatile);
    assert!(column("SELECT row_number() OVER () AS r FROM t").orderless);
    assert!(!column("SELECT row_number() OVER (ORDER BY id) AS r FROM t").orderless);
    assert!(column("SELECT list(x) AS r FROM t").orderless);
    assert!(!column("SELECT list(x ORDER BY id) AS r FROM t").orderless);
    assert!(resolve("SELECT id FROM t LIMIT 3").row_traits.orderless);
    assert!(resolve("SELECT id FROM t WHERE random() < 0.5").row_traits.volatile);
    assert!(column("SELECT first(q.x) AS f FROM (SELECT x FROM t ORDER BY id) q").orderless);
    assert!(column("WITH r AS (SELECT random() AS x) SELECT a.x = b.x AS e FROM r a, r b").volatile);
}

#[test]
fn formatting_names_and_places_do_not_matter() {
    same(
        "SELECT id, x FROM t WHERE x > 1 AND id < 3",
        "select ID, (X) from T as foo -- hi\nwhere (foo.id<3) and foo.x>1",
    );
    same(
        "SELECT q.id FROM (SELECT id FROM t WHERE x > 1) q",
        "WITH z AS (SELECT id FROM t WHERE x > 1), w AS (SELECT 1) SELECT id FROM z",
    );
    same("SELECT x::INT AS x FROM t WHERE x != 2", "SELECT CAST(x AS INT) AS x FROM t WHERE x <> 2");
    same("SELECT t.x FROM t INNER JOIN u ON t.id = u.id", "SELECT a.x FROM t a JOIN u b ON a.id = b.id");
    same("SELECT * EXCLUDE (pid, d1, d2, g, ds) FROM t", "SELECT id, x FROM t");
    same("SELECT DISTINCT id, x FROM t", "SELECT DISTINCT id, x FROM t ORDER BY 1");
}

#[test]
fn columns_move_alone() {
    moves(&["y"], "SELECT id, x AS y FROM t", "SELECT id, x + 1 AS y FROM t");
    moves(&["rows"], "SELECT id FROM t WHERE x > 1", "SELECT id FROM t WHERE x > 2");
    moves(&["rows"], "SELECT t.id FROM t JOIN u ON t.id = u.id", "SELECT t.id FROM t LEFT JOIN u ON t.id = u.id");
    moves(
        &["rows"],
        "SELECT id FROM t QUALIFY row_number() OVER (ORDER BY id) = 1",
        "SELECT id FROM t QUALIFY row_number() OVER (ORDER BY id) = 2",
    );
    moves(&["n"], "SELECT g, count(*) AS n FROM t GROUP BY g", "SELECT g, count(DISTINCT x) AS n FROM t GROUP BY g");
    moves(
        &["n"],
        "SELECT g, sum(x) AS n FROM t GROUP BY g",
        "SELECT g, sum(x) FILTER (WHERE x > 1) AS n FROM t GROUP BY g",
    );
    moves(&["rows"], "SELECT g FROM t GROUP BY ROLLUP (g, id)", "SELECT g FROM t GROUP BY CUBE (g, id)");
    moves(&["rows", "e"], "SELECT id, unnest([1]) AS e FROM t", "SELECT id, unnest([1, 2]) AS e FROM t");
}

#[test]
fn shadowing_follows_the_dialects_table() {
    same("SELECT trim(x) AS x FROM t WHERE x > 1", "SELECT trim(t.x) AS x FROM t WHERE t.x > 1");
    same("SELECT x * 2 AS net, net + 1 AS more FROM t", "SELECT x * 2 AS net, x * 2 + 1 AS more FROM t");
    same("SELECT x + 1 AS y FROM t WHERE y > 1", "SELECT x + 1 AS y FROM t WHERE x + 1 > 1");
    // ORDER BY: a bare name is the alias.
    moves(&["rows"], "SELECT -x AS x FROM t ORDER BY x LIMIT 1", "SELECT -x AS x FROM t ORDER BY t.x LIMIT 1");
}

#[test]
fn what_is_not_certain_is_opaque() {
    for sql in [
        "SELECT * FROM nobody JOIN t USING (id)",
        "SELECT a FROM nobody AS q(a INT)",
        "SELECT nope FROM t",
        "SELECT x FROM t, u",
        "SELECT COLUMNS(*) FROM t GROUP BY ALL HAVING x > 1",
        "SELECT my_udf(x) AS y FROM t",
        "SELECT #1 FROM t",
        "PIVOT t ON g USING sum(x)",
        "SELECT id FROM t TABLESAMPLE 10%",
        "SELECT rowid FROM t, u",
        "SELECT rowid FROM (SELECT id FROM t) q",
        "SELECT 1 /* a /* b */ -- */ + 1\n AS x",
        "SELECT 2D",
        "SELECT id AS w FROM t ORDER BY (SELECT max(w) FROM nobody) LIMIT 1",
        "SELECT id FROM t WHERE EXISTS (WITH c AS (SELECT w FROM nobody) SELECT 1 FROM c)",
        "SELECT list_transform([1], lambda w: (SELECT max(w) FROM nobody)) AS l FROM t",
        "WITH c AS (SELECT 1 AS a) SELECT * FROM query('FROM c')",
        "SELECT q.a FROM t, query('SELECT x AS a') q",
        "SELECT * FROM query('SELECT ' || 'id FROM t')",
        "SELECT * FROM query('SELECT my_udf(id) FROM t')",
        "SELECT x FROM f(TABLE t)",
    ] {
        opaque(sql);
    }
    // Nobody's or the outer table's: a function of both.
    seen_apart(
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM nobody WHERE x = 5)",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM nobody WHERE g = 5)",
    );
    resolve("SELECT a FROM somebody WHERE EXISTS (SELECT 1 FROM nobody WHERE w = 5)");
    resolve("SELECT id FROM (SELECT id, x + 1 FROM t) WHERE EXISTS (SELECT 1 FROM nobody WHERE w = 5)");
    // Around it there is nothing of that name, so it is the undeclared table's, whatever that table's columns are.
    resolve("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM nobody WHERE w = 5)");
    resolve("SELECT a FROM nobody WHERE b = (SELECT max(b) FROM nobody)");
    seen_apart("SELECT (SELECT max(w) FROM nobody) AS m FROM t", "SELECT (SELECT max(z) FROM nobody) AS m FROM t");
    resolve("SELECT a, n.b FROM nobody n WHERE c > 1");
    resolve("SELECT rowid FROM t");
}

#[test]
fn other_ways_to_write_a_query_are_that_query() {
    same("FROM t WHERE x > 1", "SELECT * FROM t WHERE x > 1");
    same(
        "WITH c AS (FROM t WHERE x > 1) FROM c WHERE id > 1 UNION ALL FROM t WHERE x < 0",
        "WITH c AS (SELECT * FROM t WHERE x > 1) SELECT * FROM c WHERE id > 1 UNION ALL SELECT * FROM t WHERE x < 0",
    );
    same(
        "SELECT id FROM t WHERE id IN (FROM t SELECT id WHERE x > 1)",
        "SELECT id FROM t WHERE id IN (SELECT id FROM t WHERE x > 1)",
    );
    same("SELECT [v + 1 FOR v IN [x, id]] AS l FROM t", "SELECT list_transform([x, id], v -> v + 1) AS l FROM t");
    same(
        "SELECT [[w FOR w IN [v] IF w > 1] FOR v IN [x, id] IF (v > 2)] AS l FROM t",
        "SELECT list_transform(list_filter([x, id], v -> (v > 2)), v -> list_transform(list_filter([v], w -> w > 1), w -> w)) AS l FROM t",
    );
    same("TABLE t", "SELECT * FROM t");
    same(
        "WITH c AS (TABLE t) (TABLE c) UNION ALL TABLE t ORDER BY id",
        "WITH c AS (SELECT * FROM t) (SELECT * FROM c) UNION ALL SELECT * FROM t ORDER BY id",
    );
    same("SELECT id FROM t WHERE ds > DATE'2026-01-01'", "SELECT id FROM t WHERE ds > DATE '2026-01-01'");
    let of_text = |text: &str| format!("SELECT q.a FROM query('{text}') q");
    moves(&["a"], &of_text("SELECT id, x AS a FROM t"), &of_text("SELECT id, x + 1 AS a FROM t"));
    same(&of_text("SELECT id AS a FROM t"), &of_text("SELECT id AS a, x FROM t"));
    seen_apart(&of_text("SELECT id AS a FROM t WHERE g = ''a''"), &of_text("SELECT id AS a FROM t WHERE g = ''b''"));
    seen_apart("SELECT a FROM nobody AS q(a, b)", "SELECT a FROM nobody AS q(b, a)");
    seen_apart("SELECT a FROM nobody AS q(a, b)", "SELECT a FROM somebody AS q(a, b)");
}

#[test]
fn a_whole_row_reads_every_name() {
    moves(
        &["r"],
        "SELECT to_json(q) AS r FROM (SELECT id AS a FROM t) q",
        "SELECT to_json(q) AS r FROM (SELECT id AS A FROM t) q",
    );
    moves(
        &["n"],
        "SELECT count(q) AS n FROM (SELECT id FROM t) q",
        "SELECT count(q) AS n FROM (SELECT id, x FROM t) q",
    );
}

#[test]
fn intervals_are_kept_apart_only_by_their_own_filter() {
    let crosses = |sql: &str| {
        let resolved = resolve(sql);
        resolved.columns.iter().find(|column| column.name.text == "ds").expect("ds").traits.crosses
    };
    let filter = "WHERE ds BETWEEN @start_ds AND @end_ds";
    assert!(!crosses(&format!("SELECT ds, x FROM t {filter}")));
    assert!(!crosses("SELECT ds::DATE AS ds, x FROM t WHERE ds >= @start_ds AND (ds) <= @end_ds"));
    assert!(!crosses("SELECT ds, x FROM t WHERE @start_ds::DATE <= ds AND CAST(@end_ds AS DATE) >= ds"));
    assert!(!crosses(&format!("SELECT ds, sum(x) AS s FROM t {filter} GROUP BY ds")));
    assert!(!crosses(&format!("WITH c AS (SELECT * FROM t {filter}) SELECT ds, g, sum(x) AS s FROM c GROUP BY ALL")));
    assert!(crosses(&format!("SELECT max(ds) AS ds, sum(x) AS s FROM t {filter} GROUP BY g")));
    assert!(crosses(&format!("SELECT ds, sum(x) OVER (PARTITION BY g) AS s FROM t {filter}")));
    assert!(!crosses(&format!("SELECT ds, sum(x) OVER (PARTITION BY g, ds) AS s FROM t {filter}")));
    // `@end_ds` is the last day itself: a batch of four days would lose its last, and `=` all days but one.
    assert!(crosses("SELECT ds, x FROM t WHERE ds >= @start_ds AND ds < @end_ds"));
    assert!(crosses("SELECT ds, x FROM t WHERE ds > @start_ds"));
    assert!(crosses("SELECT ds, x FROM t WHERE ds = @start_ds"));
    assert!(crosses("SELECT ds, x FROM t WHERE ds BETWEEN @end_ds AND @start_ds"));
    assert!(crosses("SELECT ds, x FROM t WHERE ds BETWEEN @start_ds::TIMESTAMP AND @end_ds::TIMESTAMP"));
    assert!(crosses("SELECT ds, x FROM t WHERE ds BETWEEN @start_ds AND @end_ds OR x = 1"));
    assert!(crosses("SELECT ds, x FROM t WHERE d1 >= @start_ds"));
    assert!(crosses(&format!("SELECT ds, x FROM t {filter} ORDER BY x LIMIT 3")));
    assert!(crosses(
        "SELECT t.ds FROM t JOIN (SELECT id FROM u WHERE ds >= @start_ds) q USING (id) WHERE t.ds >= @start_ds"
    ));
    assert!(!crosses("SELECT ds, sum(x) OVER (PARTITION BY g) AS s FROM t"));
}

#[test]
fn long_and_deep_queries_are_bounded() {
    let terms = |count: usize| vec!["x = 1"; count].join(" OR ");
    resolve(&format!("SELECT id FROM t WHERE {}", terms(500)));
    opaque(&format!("SELECT id FROM t WHERE {}", terms(5_000)));
    let deep = format!("SELECT {}id{} FROM t", "(".repeat(200), ")".repeat(200));
    opaque(&deep);
}

#[test]
fn an_arrow_outside_a_call_that_takes_lambdas_reads_a_column() {
    moves(&["v"], "SELECT g -> '$.a' AS v FROM t", "SELECT pid -> '$.a' AS v FROM t");
    moves(&["v"], "SELECT abs(g -> '$.a') AS v FROM t", "SELECT abs(pid -> '$.a') AS v FROM t");
    same("SELECT list_transform([1], x -> x + 1) AS v FROM t", "SELECT list_transform([1], d1 -> d1 + 1) AS v FROM t");
    same(
        "SELECT list_transform([1], lambda x: x + 1) AS v FROM t",
        "SELECT list_transform([1], lambda q: q + 1) AS v FROM t",
    );
    moves(
        &["v"],
        "SELECT list_transform([1], lambda x: x + 1) AS v FROM t",
        "SELECT list_transform([1], lambda x: t.x + 1) AS v FROM t",
    );
}

#[test]
fn recursion_is_hashed_whole() {
    let walk = |first: &str, step: &str, name: &str| {
        format!(
            "WITH RECURSIVE {name}(a, b) AS (SELECT {first}, 1 FROM t UNION ALL SELECT {step}, b + 1 FROM {name} WHERE b < 5) SELECT b AS v FROM {name}"
        )
    };
    same(&walk("id", "a + 1", "r"), &walk("id", "a + 1", "steps"));
    moves(&["rows", "v"], &walk("id", "a + 1", "r"), &walk("id", "a + 2", "r"));
    moves(&["rows", "v"], &walk("id", "a + 1", "r"), &walk("x", "a + 1", "r"));
    moves(&["rows", "v"], &walk("id", "a + 1", "r"), &walk("id", "b + 1", "r"));
    let nested = |inner: &str| {
        format!(
            "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT q.a + 1 FROM (WITH RECURSIVE s(a) AS (SELECT 1 UNION ALL \
             SELECT {inner}.a + 1 FROM s, r WHERE s.a < 3) SELECT a FROM s) q) SELECT a FROM r"
        )
    };
    moves(&["rows", "a"], &nested("s"), &nested("r"));
}

#[test]
fn a_positional_join_is_a_draw_of_what_lies_where() {
    let joined = |join: &str| format!("SELECT t.id, u.y FROM t {join} u");
    moves(&["rows"], &joined("CROSS JOIN"), &joined("POSITIONAL JOIN"));
    assert!(resolve(&joined("positional  join")).row_traits.orderless);
    moves(&["rows", "id"], "SELECT t.id FROM t POSITIONAL JOIN u", "SELECT t.id FROM u POSITIONAL JOIN t");
}
