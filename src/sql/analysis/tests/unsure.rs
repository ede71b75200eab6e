//! Names whose meaning follows from columns that nobody knows: not opaque, and moved by everything that they could be.
//! `nobody` and `other` are not declared.

use super::*;

/// What moves between two queries, each over tables that may have other columns.
fn noticed(sql: &str, table: &'static str, before: &[&'static str], after: &[&'static str]) -> Vec<String> {
    let of = |columns: &[&'static str]| match Warehouse::new(Dialect::DuckDb).with(table, columns).analysis(sql) {
        Analysis::Resolved(resolved) => resolved,
        Analysis::Opaque(opaque) => panic!("{sql}\nis opaque: {opaque}"),
    };
    difference(&of(before), &of(after))
}

#[test]
fn a_name_of_an_undeclared_input_or_of_the_block_around_it() {
    let exists =
        |name: &str| format!("SELECT id FROM t AS m WHERE EXISTS (SELECT 1 FROM nobody AS n WHERE 3 = {name})");
    for name in ["m.pid", "pid"] {
        resolve(&exists(name));
        seen_apart(&exists(name), &exists(&name.replace("pid", "x")));
    }
    seen_apart(&exists("pid"), &exists("pid").replace("nobody", "other"));
    seen_apart(
        &exists("pid"),
        &exists("pid").replace("SELECT id FROM t", "SELECT u.id FROM u, (SELECT id AS pid FROM t)"),
    );
    // Whose aggregate it is would follow from that too.
    opaque("SELECT (SELECT max(m.pid) FROM nobody AS n) AS v FROM t AS m");
    opaque("SELECT (SELECT max(pid) FROM nobody AS n) AS v FROM t AS m");
}

#[test]
fn a_qualifier_that_does_not_own_the_column_means_the_one_around_it() {
    let inner =
        |table: &str| format!("SELECT g.pid, (SELECT min(g.k) FROM {table} AS g WHERE g.pid = 1) AS v FROM t AS g");
    resolve(&inner("j2"));
    seen_apart(&inner("j2"), &inner("j2").replace("g.pid = 1", "g.id = 1"));
    assert_eq!(noticed(&inner("j2"), "j2", &["k", "z"], &["k", "z", "pid"]), ["v"]);
    assert_eq!(noticed(&inner("j2"), "j2", &["k", "z"], &["k", "z", "y"]), Vec::<String>::new());
    // With a column `g` it could be a field.
    assert!(matches!(
        Warehouse::new(Dialect::DuckDb).with("j2", &["k", "g"]).analysis(&inner("j2")),
        Analysis::Opaque(_)
    ));
    assert!(matches!(Warehouse::new(Dialect::Postgres).analysis(&inner("j2")), Analysis::Opaque(_)));
}

#[test]
fn a_field_or_a_column_of_a_table_of_one_name() {
    let fields = |d: &str, g: &str| format!("SELECT g.d.p AS v FROM (SELECT {d} AS d, {g} AS g FROM t) AS g");
    moves(&["v"], &fields("{'p': x}", "id"), &fields("{'p': pid}", "id"));
    moves(&["v"], &fields("{'p': x}", "{'d': {'p': id}}"), &fields("{'p': x}", "{'d': {'p': pid}}"));
    let around = |field: &str| {
        format!("SELECT (SELECT count(*) FROM (SELECT {field} AS g FROM u) q WHERE g.id = 1) AS v FROM t g")
    };
    moves(&["v"], &around("{'id': x}"), &around("{'id': y}"));
    let open = |table: &str| format!("SELECT s.a AS v FROM {table}, other");
    seen_apart(&open("nobody"), &open("somebody"));
}

#[test]
fn using_over_an_undeclared_table() {
    let using = |right: &str| format!("SELECT t.x, id FROM t JOIN {right} USING (id)");
    seen_apart(&using("nobody"), &using("other"));
    seen_apart(&using("nobody"), "SELECT t.x, pid AS id FROM t JOIN nobody USING (pid)");
    seen_apart(&using("nobody").replace("JOIN", "LEFT JOIN"), &using("nobody"));
    seen_apart("SELECT id FROM nobody a JOIN other b USING (id)", "SELECT id FROM other a JOIN nobody b USING (id)");
    opaque("SELECT * FROM t JOIN nobody USING (id)");
}

#[test]
fn column_aliases_of_an_undeclared_table() {
    let renamed = |names: &str| format!("SELECT r.x FROM nobody AS r({names})");
    seen_apart(&renamed("x"), &renamed("a, x"));
    seen_apart(&renamed("x"), "SELECT r.x FROM nobody AS r");
    seen_apart("SELECT * FROM nobody AS r(x)", "SELECT * FROM nobody AS r(y)");
    same(&renamed("x"), "SELECT q.x FROM nobody AS q(x)");
    opaque("SELECT rowid AS v FROM nobody AS r(x)");
}

#[test]
fn pivots_and_summaries_are_functions_of_all_that_their_table_shows() {
    let around = |inner: &str| format!("SELECT t.x, p.a FROM t JOIN ({inner}) AS p ON t.id = p.id");
    let pivot = around("PIVOT u ON y IN ('a', 'b') USING sum(x)");
    moves(&["rows", "a"], &pivot, &pivot.replace("sum(x)", "max(x)"));
    moves(&["rows", "a"], &pivot, &pivot.replace("'b'", "'c'"));
    seen_apart(&pivot, &pivot.replace("PIVOT u", "PIVOT (SELECT id, y, x + 1 AS x FROM u)"));
    moves(&["x"], &pivot, &pivot.replace("t.x", "t.pid AS x"));
    same(&pivot, &pivot.replace("t.x", "t.X /* a */"));
    let after = noticed(&pivot, "u", &["id", "x", "y", "ds"], &["id", "x", "y", "ds", "more"]);
    assert_eq!(after, ["rows", "a"], "a column more is a group more");
    assert_eq!(noticed(&pivot, "t", &["id", "x"], &["id", "x", "more"]), Vec::<String>::new());
    for inner in [
        "UNPIVOT u ON x, y INTO NAME nm VALUE v",
        "SUMMARIZE u",
        "SUMMARIZE SELECT * FROM u",
        "DESCRIBE SELECT * FROM u",
        "PIVOT (SELECT * FROM (PIVOT u ON y IN (1) USING max(x))) ON ds IN ('a')",
    ] {
        let sql = format!("SELECT count(*) AS n FROM ({inner}) AS p(c, d)");
        assert!(
            noticed(&sql, "u", &["id", "x", "y", "ds"], &["id", "x", "y", "ds", "more"]).contains(&"rows".to_owned()),
            "{inner}"
        );
        seen_apart(&sql, &sql.replace(" u", " v"));
    }
    assert!(resolve("SELECT n FROM (SUMMARIZE u) AS q").row_traits.orderless, "it estimates");
    for inner in [
        "PIVOT u ON y IN (SELECT y FROM j2) USING sum(x)",
        "PIVOT u ON y USING first(x)",
        "PIVOT u ON y USING sum(random())",
        "PIVOT u JOIN t USING (id) ON y USING sum(x)",
        "UNPIVOT INCLUDE NULLS u ON x INTO NAME n VALUE v",
        "SELECT offshoot__whole('x') FROM u",
    ] {
        opaque(&format!("SELECT 1 AS one FROM ({inner}) AS p"));
    }
}
