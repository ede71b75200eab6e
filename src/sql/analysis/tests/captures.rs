//! A parent gains a column, and a reader's text means something else: every such reader must move or be opaque.

use super::*;

/// Whether a query's meaning may have changed once `table` has other columns.
fn is_noticed(sql: &str, table: &'static str, before: &[&'static str], after: &[&'static str]) -> bool {
    [Dialect::DuckDb, Dialect::Postgres].into_iter().all(|dialect| {
        let before = Warehouse::new(dialect).with(table, before).analysis(sql);
        let after = Warehouse::new(dialect).with(table, after).analysis(sql);
        match (before, after) {
            (Analysis::Resolved(before), Analysis::Resolved(after)) => !difference(&before, &after).is_empty(),
            // An opaque model reads every column of its parents, so it moves with them.
            _ => true,
        }
    })
}

#[test]
fn a_new_column_that_captures_a_name_is_noticed() {
    let m: &[&str] = &["id", "amount", "s"];
    for (sql, new) in [
        ("SELECT amount * 2 AS net, net + 1 AS more FROM m", "net"),
        ("SELECT amount + 1 AS y FROM m WHERE y > 1", "y"),
        ("SELECT amount + 1 AS y, count(*) AS n FROM m GROUP BY y", "y"),
        ("SELECT id, count(*) AS n FROM m GROUP BY id HAVING n > 1", "n"),
        ("SELECT id, amount + 1 AS y FROM m QUALIFY row_number() OVER (ORDER BY y) = 1", "y"),
        ("SELECT id FROM u WHERE EXISTS (SELECT 1 FROM m WHERE y = 5)", "y"),
        ("SELECT id FROM u WHERE id IN (SELECT y - 4 FROM m)", "y"),
        ("SELECT (SELECT max(y) FROM m) AS v FROM u", "y"),
        ("SELECT m.id FROM m JOIN u USING (id) WHERE y = 1", "y"),
        ("SELECT m.id FROM m JOIN u ON m.id = u.id AND y = 1", "y"),
        ("SELECT m.amount FROM m NATURAL JOIN u", "y"),
        ("SELECT m.amount FROM m NATURAL JOIN u", "x"),
        ("SELECT m FROM m", "m"),
        ("SELECT count(m) AS n FROM m", "m"),
        ("SELECT s.x FROM m s", "x"),
        ("SELECT * FROM m", "new"),
        ("SELECT m.* FROM m", "new"),
        ("SELECT * EXCLUDE (id) FROM m", "new"),
        ("SELECT id, amount, s FROM u q(id, amount, s, e) UNION BY NAME SELECT * FROM m", "e"),
        ("SELECT current_date AS v FROM m", "current_date"),
        ("SELECT user AS v FROM m", "user"),
        ("SELECT rowid AS v FROM m", "rowid"),
        ("SELECT date_trunc(month, id) AS v FROM m", "month"),
        ("SELECT to_json(m) AS v FROM m", "new"),
        ("SELECT q.v FROM u, LATERAL (SELECT y AS v FROM m) q", "y"),
        ("SELECT q.v FROM m, LATERAL (SELECT m AS v FROM u) q", "m"),
        ("SELECT q.e FROM u, m, unnest([amount, y]) AS q(e)", "y"),
        ("SELECT amount FROM m UNION BY NAME SELECT * FROM m", "new"),
    ] {
        let after: Vec<&str> = m.iter().copied().chain([new]).collect();
        assert!(is_noticed(sql, "m", m, &after), "{sql}\nwhen m gains {new}");
    }
}

#[test]
fn a_new_column_that_nothing_names_is_no_news() {
    for sql in [
        "SELECT id, amount FROM m",
        "SELECT m.id FROM m JOIN u ON m.id = u.id WHERE y = 1",
        "SELECT id, count(*) AS n FROM m GROUP BY id HAVING count(*) > 1 ORDER BY n",
        "SELECT amount * 2 AS net, net + 1 AS more FROM m",
        "WITH q AS (SELECT * FROM m) SELECT id FROM q",
        "SELECT id FROM u WHERE EXISTS (SELECT 1 FROM m WHERE m.id = u.id)",
    ] {
        assert!(!is_noticed(sql, "m", &["id", "amount"], &["id", "amount", "unrelated"]), "{sql}");
    }
    // No table is called `s`: a field it is, and stays.
    assert!(!is_noticed("SELECT s.x FROM m", "m", &["id", "s"], &["id", "s", "x"]));
}

#[test]
fn a_new_input_that_captures_a_qualifier_is_noticed() {
    // `a.x` may be a field of a column `a` until an input `a` is joined.
    told_apart("SELECT d1.x AS v FROM t", "SELECT d1.x AS v FROM t, u d1");
    told_apart(
        "SELECT (SELECT count(*) FROM j2 WHERE o.id = 1) AS v FROM t o",
        "SELECT (SELECT count(*) FROM j2, u o WHERE o.id = 1) AS v FROM t o",
    );
    // The right side of a semi join is out of sight after its condition; the outer input is meant.
    told_apart(
        "SELECT (SELECT max(u.y) FROM t JOIN u ON t.id = u.id) AS v FROM u",
        "SELECT (SELECT max(u.y) FROM t SEMI JOIN u ON t.id = u.id) AS v FROM u",
    );
}
