//! Aggregates of a block around the query that they are written in. Each form was run on DuckDB 1.5.6 first.

use super::*;

#[test]
fn an_aggregate_over_columns_further_out_makes_groups_there() {
    for lent in [
        "(SELECT sum(t.x))",
        "(SELECT sum(t.x) FROM j2 LIMIT 1)",
        "(SELECT sum(t.x) + k FROM j2 LIMIT 1)",
        "(SELECT sum(t.x) + min(k) FROM j2)",
        "(SELECT sum(g) FROM j2 LIMIT 1)",
        "(SELECT count(*) FILTER (WHERE t.x > 1))",
        "(SELECT string_agg(t.g, ',' ORDER BY t.id))",
        "(SELECT count(*) FROM j2 WHERE k > sum(t.x))",
        "(SELECT count(*) FROM j2 HAVING count(*) > max(t.x))",
        "(SELECT k FROM j2 ORDER BY sum(t.x), k LIMIT 1)",
        "(SELECT count(*) FROM j2 WHERE k > (SELECT sum(t.x)))",
        "(SELECT (SELECT sum(t.x) + sum(q.k) FROM j2 LIMIT 1) FROM j2 q)",
        "(SELECT s FROM (SELECT sum(t.x) AS s) q)",
        "(SELECT count(*) FROM (SELECT unnest(list(DISTINCT t.x))) q)",
        "(SELECT sum(t.x) UNION ALL SELECT 1 LIMIT 1)",
        "exists(SELECT min(t.x) FROM j2)",
        "1 IN (SELECT max(t.x) FROM j2)",
        "array(SELECT sum(t.x) FROM j2)",
    ] {
        // Beside a column of one value the rows are those of one group, as beside any other aggregate.
        let query = |value: &str| format!("SELECT 1 AS one, {value} AS v FROM t");
        moves(&["v"], &query("count(*)"), &query(lent));
        moves(&["rows", "v"], &query("2"), &query(lent));
        let grouped = |value: &str| format!("SELECT g, {value} AS v FROM t GROUP BY g");
        moves(&["v"], &grouped("count(*)"), &grouped(lent));
        moves(&["v"], &grouped("2"), &grouped(lent));
    }
}

#[test]
fn an_aggregate_with_a_column_of_its_own_query_stays_there() {
    for own in [
        "sum(j2.k + t.x)",
        "sum(j2.k) FILTER (WHERE t.x > 1)",
        "sum(t.x) FILTER (WHERE k > 1)",
        "string_agg(t.g, ',' ORDER BY k)",
        "arg_min(t.x, k)",
        "count(*)",
        "sum(1)",
        "sum((SELECT t.x))",
        "count(*) FILTER (WHERE EXISTS (SELECT 1 FROM u WHERE u.x = t.x))",
    ] {
        let query = |value: &str| format!("SELECT id, {value} AS v FROM t");
        moves(&["v"], &query("2"), &query(&format!("(SELECT {own} FROM j2)")));
    }
    // Two blocks out, it is the nearest of the two whose columns it reads.
    let nested = |value: &str| format!("SELECT id, (SELECT (SELECT {value}) FROM j2 q) AS v FROM t");
    moves(&["v"], &nested("1"), &nested("sum(q.k + t.x)"));
    moves(&["v"], &nested("sum(q.k)"), &nested("sum(q.z)"));
}

#[test]
fn where_an_aggregate_of_a_query_within_stands_counts() {
    let having = |value: &str| format!("SELECT g FROM t GROUP BY g HAVING (SELECT {value}) > 1");
    moves(&["rows"], &having("sum(t.x)"), &having("sum(t.id)"));
    let alone = |value: &str| format!("SELECT 1 AS one FROM t HAVING {value} > 1");
    moves(&["rows"], &alone("count(*)"), &alone("(SELECT sum(t.x))"));
    let ordered = |value: &str| format!("SELECT 1 AS one FROM t ORDER BY {value}");
    moves(&["rows"], "SELECT 1 AS one FROM t", &ordered("(SELECT sum(t.x))"));
    same(&ordered("count(*)"), &ordered("(SELECT sum(t.x))"));
    let all = |value: &str| format!("SELECT g, {value} AS v FROM t GROUP BY ALL");
    moves(&["v"], &all("count(*)"), &all("(SELECT sum(t.x))"));
    let joined = |value: &str| format!("SELECT (SELECT sum({value})) AS v FROM t JOIN u ON t.id = u.id");
    moves(&["v"], &joined("t.x"), &joined("u.x"));
    seen_apart("SELECT (SELECT sum(t.x)) AS v FROM t", "SELECT (SELECT sum(t.x) FROM t) AS v FROM t");
    seen_apart("SELECT (SELECT max(t.x) FROM j2) AS v FROM t", "SELECT (SELECT max(t.id) FROM j2) AS v FROM t");
    same("SELECT exists(SELECT sum(t.x)) AS v FROM t", "SELECT exists(SELECT sum(t.id)) AS v FROM t");
}

#[test]
fn an_aggregate_of_an_unclear_block_is_not_guessed_at() {
    for sql in [
        // DuckDB refuses these.
        "SELECT id FROM t WHERE (SELECT sum(t.x)) > 1",
        "SELECT id FROM t WHERE x = (SELECT max(t.x) FROM j2)",
        "SELECT t.id FROM t JOIN u ON (SELECT sum(t.x)) = u.x",
        "SELECT g FROM t GROUP BY g, (SELECT sum(t.x))",
        "SELECT q.v FROM t, (SELECT sum(t.x) AS v) q",
        "SELECT q.v FROM t, (SELECT (SELECT max(t.x) FROM j2) AS v) q",
        "SELECT q.v FROM t, (SELECT v FROM (SELECT max(t.x) AS v) r) q",
        "SELECT sum((SELECT sum(t.x))) AS v FROM t",
        "SELECT (SELECT sum(t.x) OVER (ORDER BY (SELECT sum(t.id))) FROM j2) AS v FROM t",
        // It reads a query among its arguments, and what that reads decides: `sum((SELECT 1) + t.x)` is of `t`, and
        // `sum((SELECT k) + t.x)` of `j2`.
        "SELECT (SELECT sum((SELECT 1) + t.x) FROM j2 LIMIT 1) AS v FROM t",
        "SELECT (SELECT sum((SELECT k) + t.x) FROM j2 LIMIT 1) AS v FROM t",
        "SELECT (SELECT count(*) FILTER (WHERE t.x IN (SELECT y FROM u)) FROM j2 LIMIT 1) AS v FROM t",
        // A name of `t` or of `undeclared`.
        "SELECT (SELECT max(x) FROM undeclared) AS v FROM t",
        // An alias is no column.
        "SELECT x + 1 AS k, (SELECT max(k)) AS v FROM u",
        "SELECT sum(x) AS k, (SELECT max(k) FROM t) AS v FROM u",
        // Not tried.
        "SELECT (SELECT sum(t.x) FROM j2 GROUP BY ALL) AS v FROM t",
        "SELECT (SELECT k FROM j2 GROUP BY k, sum(t.x)) AS v FROM t",
        "SELECT (SELECT DISTINCT ON (sum(t.x)) k FROM j2 ORDER BY k) AS v FROM t",
        "SELECT (SELECT k FROM j2 QUALIFY row_number() OVER (ORDER BY k) = 1 AND sum(t.x) > 0) AS v FROM t",
        "SELECT (SELECT count(*) FROM j2 JOIN u ON k = id AND k > sum(t.x)) AS v FROM t",
        "SELECT (SELECT max(e) FROM unnest([sum(t.x), 4]) q(e)) AS v FROM t",
        "SELECT (VALUES (sum(t.x))) AS v FROM t",
    ] {
        opaque(sql);
    }
    let elsewhere = Warehouse::new(Dialect::Postgres).analysis("SELECT (SELECT sum(t.x)) AS v FROM t");
    assert!(matches!(elsewhere, Analysis::Opaque(_)), "no other engine was tried");
}

#[test]
fn the_columns_of_an_aggregate_lent_out_are_read_there() {
    let analysis = |sql: &str, table: &'static str, columns: &[&'static str]| match Warehouse::new(Dialect::DuckDb)
        .with(table, columns)
        .analysis(sql)
    {
        Analysis::Resolved(resolved) => resolved,
        Analysis::Opaque(opaque) => panic!("{sql}\nis opaque: {opaque}"),
    };
    let sql = "SELECT (SELECT sum(t.x) + max(z) FROM j2) AS v FROM t";
    let wider = analysis(sql, "t", &["id", "x", "g", "unrelated"]);
    assert_eq!(difference(&analysis(sql, "t", &["id", "x", "g"]), &wider), Vec::<String>::new());
    // A bare name goes to the query's own table once that has such a column, and the aggregate with it.
    let sql = "SELECT (SELECT sum(g) FROM j2) AS v FROM t";
    let captured = analysis(sql, "j2", &["k", "z", "g"]);
    assert_eq!(difference(&resolve(sql), &captured), ["rows", "v"]);
}
