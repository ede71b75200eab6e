//! Inputs that name what stands before them, joins that the parser knows under another word, and hints of CTEs.

use super::*;

#[test]
fn a_lateral_subquery_is_a_function_of_what_stands_before_it() {
    let lateral = |inner: &str| format!("SELECT a.id, q.v FROM t a JOIN t b ON a.id = b.pid, LATERAL ({inner}) q");
    seen_apart(&lateral("SELECT a.x AS v"), &lateral("SELECT b.x AS v"));
    seen_apart(
        &lateral("SELECT u.y AS v FROM u WHERE u.id = a.id"),
        &lateral("SELECT u.y AS v FROM u WHERE u.id = b.id"),
    );
    seen_apart(
        &lateral("SELECT u.y AS v FROM u WHERE u.id = a.id LIMIT 1"),
        &lateral("SELECT u.y AS v FROM u WHERE u.id = a.id ORDER BY y LIMIT 1"),
    );
    moves(&["v"], &lateral("SELECT u.y AS v FROM u"), &lateral("SELECT u.y + a.x AS v FROM u"));
    same(&lateral("SELECT u.y AS v FROM u"), &lateral("SELECT z.y AS v FROM u z"));
    seen_apart(
        "SELECT a.id FROM t a LEFT JOIN LATERAL (SELECT 1 AS v FROM u WHERE u.id = a.id) q ON true",
        "SELECT a.id FROM t a JOIN LATERAL (SELECT 1 AS v FROM u WHERE u.id = a.id) q ON true",
    );
    // DuckDB refuses an aggregate of `a` here.
    opaque("SELECT a.id FROM t a, LATERAL (SELECT max(a.x) AS v) q");
    opaque("SELECT a.id FROM t a, LATERAL (WITH w AS (SELECT a.x AS v) SELECT v FROM w) q");
}

#[test]
fn a_table_function_over_columns_of_its_neighbours() {
    let unnest = |list: &str| format!("SELECT a.id, q.e FROM t a, t b, unnest({list}) q(e)");
    seen_apart(&unnest("[a.x, a.id]"), &unnest("[b.x, b.id]"));
    moves(&["rows", "e"], &unnest("[a.x]"), &unnest("[a.id]"));
    same(&unnest("[a.x]"), "SELECT t.id, r.n AS e FROM t, t z, unnest([t.x]) AS r(n)");
    seen_apart("SELECT a.id FROM t a, range(a.x) r", "SELECT a.id FROM t a, range(a.id) r");
    let value = |list: &str| format!("SELECT (SELECT sum(e) FROM unnest([{list}]) q(e)) AS s FROM t a, t b");
    seen_apart(&value("a.x"), &value("b.x"));
    opaque("SELECT a.id FROM t a, unnest([random()]) q(e)");
    opaque("SELECT a.id FROM t a, unnest(list(a.x)) q(e)");
    let elsewhere = Warehouse::new(Dialect::Snowflake).analysis("SELECT t.id FROM t, unnest([t.x]) AS q");
    assert!(matches!(elsewhere, Analysis::Opaque(_)));
}

#[test]
fn an_asof_join_is_no_other_join() {
    let join = |kind: &str, condition: &str| format!("SELECT a.id, b.y FROM t a {kind} u b ON {condition}");
    let kinds = ["JOIN", "LEFT JOIN", "ASOF JOIN", "ASOF LEFT JOIN", "asof right outer join", "ASOF FULL JOIN"];
    for one in kinds {
        for other in kinds.iter().filter(|other| **other != one) {
            seen_apart(&join(one, "a.id >= b.id"), &join(other, "a.id >= b.id"));
        }
    }
    seen_apart(&join("ASOF JOIN", "a.id >= b.id"), &join("ASOF JOIN", "a.id > b.id"));
    seen_apart(&join("ASOF JOIN", "a.id >= b.id"), &join("ASOF JOIN", "a.id >= b.id AND a.x = b.x"));
    same(&join("ASOF JOIN", "a.id >= b.id"), &join("asof  /* the last */ join", "a.id >= b.id"));
    same(&join("ASOF JOIN", "a.id >= b.id"), &join("ASOF INNER JOIN", "a.id >= b.id"));
    let assumed = resolve(&join("ASOF JOIN", "a.id >= b.id")).assumes;
    assert_eq!(Vec::from_iter(assumed), ["the match of an ASOF JOIN is the only one"]);
    // The word that stands for it is an alias on the engine.
    opaque("SELECT global.id FROM t global JOIN u ON global.id = u.id");
    opaque("SELECT global.id FROM t global LEFT JOIN u ON global.id = u.id");
}

#[test]
fn a_hint_of_a_cte_counts_where_rows_have_no_order() {
    let query = |hint: &str, rows: &str| format!("WITH r AS {hint}({rows}) SELECT a.x = b.x AS e FROM r a, r b");
    for hint in ["MATERIALIZED ", "not materialized ", "NOT /* yet */ MATERIALIZED"] {
        same(&query("", "SELECT x FROM t"), &query(hint, "SELECT x FROM t"));
        seen_apart(&query("", "SELECT x FROM t LIMIT 1"), &query(hint, "SELECT x FROM t LIMIT 1"));
    }
    seen_apart(
        &query("MATERIALIZED ", "SELECT x FROM t LIMIT 1"),
        &query("NOT MATERIALIZED ", "SELECT x FROM t LIMIT 1"),
    );
    resolve("SELECT id AS materialized FROM t");
    resolve("WITH materialized AS (SELECT id FROM t) SELECT id FROM materialized");
}

#[test]
fn what_is_opaque_still_says_its_names() {
    let names = |sql: &str| {
        let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
        stated_outputs(&query, &query.syntax()).map(|names| names.into_iter().map(|name| name.text).collect::<Vec<_>>())
    };
    assert_eq!(
        names("SELECT nobody AS a, f(x) AS \"B\" FROM t").as_deref(),
        Some(&["a".to_owned(), "B".to_owned()][..])
    );
    assert_eq!(names("(SELECT 1 AS a) UNION SELECT 2 AS b").as_deref(), Some(&["a".to_owned()][..]));
    for sql in [
        "SELECT a FROM t",
        "SELECT *, 1 AS a FROM t",
        "SELECT 1 AS a, 2 AS A",
        "SELECT COLUMNS(*) AS c FROM t",
        "SELECT COLUMNS(*) + 1 AS c FROM t",
        "SELECT unnest(s) AS c FROM t",
        "SELECT 1 AS a UNION BY NAME SELECT 2 AS b",
        "VALUES (1)",
        "FROM t",
        "SELECT 1 AS a FROM t USING SAMPLE 1 ROWS",
    ] {
        assert_eq!(names(sql), None, "{sql}");
    }
    let postgres = Query::parse(Template::plain("SELECT 1 AS A"), Dialect::Postgres);
    assert_eq!(stated_outputs(&postgres, &postgres.syntax()), None);
}
