use super::{Audit, AuditError, Failing, count, nearest_name};
use crate::model::{AuditCall, Weight};
use crate::sql::Dialect;

fn call(name: &str, arguments: &[(&str, &str)]) -> AuditCall {
    let arguments = arguments.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    AuditCall { name: name.into(), arguments }
}

fn read(name: &str, arguments: &[(&str, &str)]) -> Result<Audit, AuditError> {
    Audit::read(&call(name, arguments), Dialect::DuckDb)
}

/// The query that counts what an audit that is built in finds in a table.
fn counting(audit: &Audit, table: &str) -> String {
    match audit.failing(table) {
        Failing::Text(query) => count(&query),
        Failing::Own(_) => panic!("it is built in"),
    }
}

fn refused(name: &str, arguments: &[(&str, &str)]) -> String {
    read(name, arguments).expect_err("refused").to_string()
}

#[test]
fn the_rows_that_fail_are_counted() {
    let audit =
        read("not_null", &[("columns", "(id, \"a, b\", f(x, y))"), ("condition", "day > @start")]).expect("one");
    assert_eq!(
        counting(&audit, "\"s\".\"t\""),
        "SELECT count(*) FROM (\nSELECT 1 AS one FROM \"s\".\"t\" AS this_model \
         WHERE (id IS NULL OR \"a, b\" IS NULL OR f(x, y) IS NULL) AND (day > @start)\n) AS failures"
    );
    // One item alone is a list, and a tuple is an item of one.
    for one in ["id", "(id)", "[id]", "ARRAY[id]"] {
        let audit = read("not_null", &[("columns", one)]).expect("one");
        assert!(counting(&audit, "t").contains("WHERE (id IS NULL) AND TRUE"), "{one}: {}", counting(&audit, "t"));
    }
    let audit = read("forall", &[("criteria", "(a > 0, (b) IN (1, 2))")]).expect("one");
    assert!(counting(&audit, "t").contains("NOT (a > 0) OR NOT ((b) IN (1, 2))"), "{}", counting(&audit, "t"));
    let audit = read("not_null", &[("columns", "ARRAY[a, b]")]).expect("one");
    assert!(counting(&audit, "t").contains("(a IS NULL OR b IS NULL)"), "{}", counting(&audit, "t"));
    let audit = read("forall", &[("criteria", "(a) + (b) > 0")]).expect("one");
    assert!(counting(&audit, "t").contains("(NOT ((a) + (b) > 0))"), "{}", counting(&audit, "t"));
}

#[test]
fn long_calls_that_begin_alike_are_told_apart() {
    let call = |end: &str| {
        let values: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let values = format!("({}, {end})", values.join(", "));
        read("accepted_values", &[("column", "c"), ("is_in", &values)]).expect("one").call
    };
    assert_eq!(call("1"), call("1"));
    assert_ne!(call("1"), call("2"));
    assert!(call("1").chars().count() < 320, "{}", call("1"));
}

#[test]
fn a_failure_blocks_unless_the_call_says_otherwise() {
    let weight = |name: &str, more: &[(&str, &str)]| {
        read(name, &[&[("columns", "id")], more].concat()).map(|audit| audit.weight)
    };
    assert_eq!(weight("not_null", &[]), Ok(Weight::Blocking));
    assert_eq!(weight("not_null_non_blocking", &[]), Ok(Weight::Told));
    assert_eq!(weight("not_null", &[("blocking", "FALSE")]), Ok(Weight::Told));
    assert_eq!(weight("not_null_non_blocking", &[("blocking", "true")]), Ok(Weight::Blocking));
    assert_eq!(weight("not_null", &[("blocking", "'false'")]), Ok(Weight::Told));
    assert!(weight("not_null", &[("blocking", "maybe")]).is_err());
}

#[test]
fn what_cannot_run_says_why() {
    assert_eq!(refused("not_nul", &[("columns", "id")]), "there is no audit `not_nul`");
    assert!(matches!(read("not_nul", &[]), Err(AuditError::Unknown { .. })));
    assert_eq!(nearest_name("not_nul_non_blocking", std::iter::empty()).as_deref(), Some("not_null"));
    assert_eq!(nearest_name("own_ruel", ["own_rule"].into_iter()).as_deref(), Some("own_rule"));
    assert_eq!(refused("not_null", &[]), "audit `not_null` needs `columns := …`");
    assert_eq!(refused("not_null", &[("columns", "()")]), "audit `not_null` needs something in `columns`");
    assert_eq!(
        refused("not_null", &[("columns", "id"), ("condtion", "a")]),
        "audit `not_null` takes no `condtion`; did you mean `condition`?"
    );
    assert_eq!(
        refused("accepted_range", &[("column", "a"), ("min_v", "NULL")]),
        "audit `accepted_range` needs `min_v := …` or `max_v := …`"
    );
    assert!(refused("kl_divergence", &[]).contains("does not run: SQLMesh's own fails"));
}
