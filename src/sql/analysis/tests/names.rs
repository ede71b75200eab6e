//! What names mean: of columns, tables and whole rows, as each dialect reads them.

use super::*;

#[test]
fn a_replaced_column_is_shown_as_it_is_spelled() {
    // DuckDB 1.5.6 (found by the oracle).
    seen_apart("SELECT * REPLACE (x + 1 AS x) FROM t", "SELECT * REPLACE (x + 1 AS X) FROM t");
    seen_apart("SELECT * REPLACE (x + 1 AS x) FROM nobody", "SELECT * REPLACE (x + 1 AS X) FROM nobody");
}

#[test]
fn a_colon_is_opaque_where_it_may_be_an_alias() {
    // DuckDB's `a: b` is `b AS a`, and the parser takes it for a path into `a`.
    for sql in [
        "SELECT id: x FROM t",
        "SELECT id, x: g, g: d1 FROM t",
        "SELECT x: t.g, id FROM t",
        "SELECT id FROM (SELECT id: x FROM t) AS q",
        "WITH q AS (SELECT x: id + 1 FROM t) SELECT x FROM q",
    ] {
        assert!(opaque(sql).starts_with("a colon: "), "{sql}: {}", opaque(sql));
    }
    let is_opaque = |dialect| {
        matches!(Warehouse::new(dialect).analysis("SELECT x:a.b AS p FROM t"), Analysis::Opaque(Opaque::Construct(_)))
    };
    assert!(is_opaque(Dialect::Generic) && is_opaque(Dialect::DuckDb));
    // Where a colon is never an alias it is a path.
    assert!(!is_opaque(Dialect::Snowflake) && !is_opaque(Dialect::Databricks));
}

#[test]
fn h33_names_are_hashed_as_shown() {
    let names = |sql: &str| resolve(sql).columns.into_iter().map(|column| column.name.text).collect::<Vec<_>>();
    told_apart(
        "SELECT to_json(q) AS j FROM (SELECT id AS \"Id\" FROM t) q",
        "SELECT to_json(q) AS j FROM (SELECT id AS \"ID\" FROM t) q",
    );
    told_apart("SELECT struct_pack(Id := id) AS s FROM t", "SELECT struct_pack(ID := id) AS s FROM t");
    seen_apart("SELECT {'Id': id} AS s FROM t", "SELECT {'ID': id} AS s FROM t");
    assert_ne!(names("SELECT m FROM t m"), names("SELECT n FROM t n"));
    assert_ne!(names("SELECT t.x + 1 FROM t"), names("SELECT m.x + 1 FROM t m"));
    assert_eq!(names("SELECT ID, t.Id AS b FROM t"), ["id", "b"]);
    let qualified = Warehouse::new(Dialect::DuckDb).with("u", &["ID"]);
    let Analysis::Resolved(resolved) = qualified.analysis("SELECT u.id FROM t JOIN u ON t.id = u.id") else {
        panic!("not opaque")
    };
    assert_eq!(resolved.columns[0].name.text, "ID");
}

#[test]
fn h34_whole_rows_and_dynamic_columns() {
    for value in ["q", "to_json(q)", "count(DISTINCT q)", "hash(q)", "q = q"] {
        let query = |columns: &str| format!("SELECT {value} AS v FROM (SELECT {columns} FROM t) q");
        told_apart(&query("id"), &query("id, x"));
        told_apart(&query("id AS a"), &query("id AS b"));
    }
    // An alias of the name of an input: DuckDB takes the input's whole row (found by the oracle).
    for sql in [
        "SELECT q.id AS q, q AS v FROM t q",
        "SELECT q.id AS q, lag(q) OVER (ORDER BY q.x) AS v FROM t q",
        "SELECT id AS t, count(*) AS n FROM t GROUP BY t",
        "SELECT id AS t FROM t WHERE t IS NULL",
    ] {
        opaque(sql);
    }
    same("SELECT -id AS t FROM t ORDER BY t LIMIT 1", "SELECT -id AS t FROM t ORDER BY -id LIMIT 1");
    let star = |columns: &str| format!("SELECT count(q.*) AS v FROM (SELECT {columns} FROM t) q");
    told_apart(&star("id"), &star("id, x"));
    for sql in [
        "PIVOT t ON g USING sum(x)",
        "SELECT id FROM t PIVOT (sum(x) FOR g IN ('a'))",
        "UNPIVOT t ON x, pid INTO NAME n VALUE v",
        "SUMMARIZE t",
        "DESCRIBE t",
        "SELECT #2 FROM t",
        "SELECT $2 FROM t",
        "SELECT x.* FROM t",
        "SELECT * LIKE 'x%' FROM t",
        "SELECT hash(*COLUMNS(*)) FROM t",
    ] {
        opaque(sql);
    }
}

#[test]
fn columns_are_a_function_of_every_column_and_its_name() {
    let query = |columns: &str| format!("SELECT COLUMNS('a') FROM (SELECT {columns} FROM t) q");
    seen_apart(&query("id AS a, x AS b"), &query("id AS a, x AS ab"));
    seen_apart(&query("id AS a, x AS b"), &query("x AS a, x AS b"));
    let filter = |columns: &str| format!("SELECT count(*) AS n FROM (SELECT {columns} FROM t) q WHERE COLUMNS(*) > 1");
    moves(&["rows"], &filter("id"), &filter("id, x"));
    // What is sorted may be the output, not the column of that name.
    let sorted = |columns: &str| format!("SELECT {columns} FROM t ORDER BY id LIMIT 1");
    assert_eq!(moved(&sorted("COLUMNS(*) + 1"), &sorted("COLUMNS(*) * -1"))[0], "rows");
}

#[test]
fn names_of_columns_are_a_function_of_all_names() {
    let query = |columns: &str| format!("SELECT alias(COLUMNS(*)) FROM (SELECT {columns} FROM t) q");
    seen_apart(&query("id AS a, x AS b"), &query("id AS a, x AS c"));
    seen_apart(&query("id AS a, x AS b"), &query("id AS a, x AS B"));
    seen_apart(&query("id AS a"), &query("id AS a, x AS b"));
    let chosen = |columns: &str| format!("SELECT alias(COLUMNS({columns})) AS v FROM t");
    seen_apart(&chosen("'^d'"), &chosen("'^x'"));
    seen_apart("SELECT alias(COLUMNS(*)) FROM t", "SELECT upper(alias(COLUMNS(*))) FROM t");
    seen_apart("SELECT alias(COLUMNS(*)) FROM t", "SELECT COLUMNS(*) FROM t");
    assert!(resolve(&chosen("*")).columns[0].traits.orderless, "which name a join leaves is the engine's choice");
    for sql in [
        // `y` is called `g` here.
        "SELECT alias(COLUMNS(*)) FROM t JOIN u ON t.g = u.y",
        // A name that the engine writes.
        "SELECT alias(x + 1) AS v FROM t",
        "SELECT alias(x) AS v FROM t",
        "SELECT alias(COLUMNS(*) + 1) FROM t",
        "SELECT alias(*COLUMNS(*)) FROM t",
        "SELECT alias(COLUMNS(*)) OVER () FROM t",
    ] {
        opaque(sql);
    }
}

#[test]
fn h36_positional_names() {
    let query = |columns: &str| format!("SELECT a FROM (SELECT {columns} FROM t) AS m(a)");
    moves(&["a"], &query("x, id"), &query("g, x, id"));
    let duplicates = |columns: &str| format!("SELECT a_1 FROM (SELECT {columns} FROM t) q");
    moves(&["a_1"], &duplicates("id AS a, x AS A"), &duplicates("id AS a, pid AS A"));
    resolve("SELECT a FROM (SELECT id AS a, x AS y, y AS y FROM u) q");
    let twice = resolve("SELECT id, x AS ID FROM t");
    let names: Vec<&str> = twice.columns.iter().map(|column| column.name.text.as_str()).collect();
    assert_eq!(names, ["id", "ID_1"], "as DuckDB names the columns of a table");
}

/// A table's alias comes before a column of that name, also where an element of a list is taken: `c.n[1]`.
#[test]
fn a_qualifier_before_a_subscript_is_no_column() {
    let inner = |list: &str| format!("(SELECT 1 AS c, {list} AS n FROM t) AS c");
    for place in ["c.n[1]", "c.n[1:2]", "(c.n)[1]", "len(c.n[1:])"] {
        let sql = |list: &str| format!("SELECT {place} AS v FROM {}", inner(list));
        moves(&["v"], &sql("[id]"), &sql("[x]"));
    }
    // In parentheses it is the column, and its field.
    let field =
        |value: &str| format!("SELECT (c).n[1] AS v FROM (SELECT {{'n': [{value}]}} AS c, [1] AS n FROM t) AS c");
    moves(&["v"], &field("id"), &field("x"));
}

/// Behind a list of names for its first columns, DuckDB 1.5 calls two columns of one name as it called them before the list
/// for a CTE (`y_1`), and after it for a subquery (`y`, where the first one is renamed).
#[test]
fn a_list_of_names_meets_a_cte_otherwise_than_a_subquery() {
    let inner = "SELECT t.id, t.x, t.id AS x FROM t";
    let cte = |names: &str| format!("WITH q AS ({inner}) SELECT * FROM q AS m{names}");
    let subquery = |names: &str| format!("SELECT * FROM ({inner}) AS m{names}");
    same(&cte(""), &subquery(""));
    same(&cte("(a)"), &subquery("(a)"));
    // The first `x` is called `b`: in the subquery the second one is `x` then, in the CTE it is `x_1`.
    seen_apart(&cte("(a, b)"), &subquery("(a, b)"));
}

/// Only some dialects have SEMI and ANTI joins; PostgreSQL reads `t SEMI JOIN u` as `t AS semi JOIN u`, which shows both tables.
#[test]
fn a_semi_join_is_one_only_where_the_dialect_has_it() {
    for join in ["SEMI JOIN", "ANTI JOIN", "LEFT SEMI JOIN"] {
        let sql = format!("SELECT t.g FROM t {join} u ON t.id = u.id");
        for dialect in [Dialect::DuckDb, Dialect::Databricks, Dialect::Spark, Dialect::ClickHouse] {
            let found = Warehouse::new(dialect).analysis(&sql);
            assert!(matches!(found, Analysis::Resolved(_)), "{dialect}: {sql}");
        }
        for dialect in [Dialect::Postgres, Dialect::Redshift, Dialect::Snowflake, Dialect::BigQuery, Dialect::Trino] {
            let found = Warehouse::new(dialect).analysis(&sql);
            assert!(matches!(found, Analysis::Opaque(_)), "{dialect}: {sql}");
        }
    }
}
