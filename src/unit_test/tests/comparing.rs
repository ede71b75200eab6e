//! Rows that are expected against rows that came.

use super::*;

fn differences(kinds: &[Closeness], expected: &[&[&str]], actual: &[&[&str]], order: RowOrder) -> Vec<Difference> {
    let value = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
    let wanted = |text: &&str| match text.strip_prefix('!') {
        Some(text) => Expected::Misfit(text.to_owned()),
        None => Expected::Value(value(text)),
    };
    let expected: Vec<Vec<Expected>> = expected.iter().map(|row| row.iter().map(wanted).collect()).collect();
    let actual: Vec<Vec<Option<String>>> = actual.iter().map(|row| row.iter().map(value).collect()).collect();
    compare(kinds, &expected, &actual, order)
}

#[test]
fn rows_are_a_multiset_unless_they_are_ordered() {
    use Closeness::Exact;
    let (one, two): (&[&str], &[&str]) = (&["1", "a"], &["2", "NULL"]);
    let any = |expected: &[&[&str]], actual: &[&[&str]]| differences(&[Exact; 2], expected, actual, RowOrder::Any);
    assert_eq!(any(&[one, two], &[two, one]), []);
    assert_eq!(any(&[one, one, two], &[two, one]), [Difference::Missing(1)]);
    assert_eq!(any(&[one], &[one, one]), [Difference::Unexpected(1)]);
    assert_eq!(
        any(&[&["1", "NULL"]], &[&["1", "a"]]),
        [Difference::Changed { expected: 0, actual: 0, columns: vec![1] }]
    );
    assert_eq!(any(&[], &[]), []);
    let ordered = differences(&[Exact; 2], &[one, two], &[two, one], RowOrder::Given);
    assert_eq!(ordered.len(), 2);
    assert_eq!(differences(&[Exact; 2], &[one, two], &[one], RowOrder::Given), [Difference::Missing(1)]);
}

#[test]
fn rows_without_columns_are_counted() {
    let none: &[&str] = &[];
    assert_eq!(differences(&[], &[none], &[none], RowOrder::Any), []);
    assert_eq!(differences(&[], &[], &[none], RowOrder::Any), [Difference::Unexpected(0)]);
}

#[test]
fn the_most_alike_rows_are_put_together() {
    let kinds = [Closeness::Exact; 3];
    let expected: &[&[&str]] = &[&["1", "a", "x"], &["2", "b", "y"], &["3", "c", "z"]];
    let actual: &[&[&str]] = &[&["2", "b", "n"], &["9", "q", "r"], &["1", "a", "m"]];
    assert_eq!(
        differences(&kinds, expected, actual, RowOrder::Any),
        [
            Difference::Changed { expected: 0, actual: 2, columns: vec![2] },
            Difference::Changed { expected: 1, actual: 0, columns: vec![2] },
            Difference::Missing(2),
            Difference::Unexpected(1),
        ]
    );
}

#[test]
fn binary_fractions_are_near_and_nothing_else_is() {
    let same = |kind, one: &str, other: &str| differences(&[kind], &[&[one]], &[&[other]], RowOrder::Any).is_empty();
    assert!(same(Closeness::Approximate, "0.333333", "0.3333333333333333"));
    assert!(!same(Closeness::Approximate, "0.333", "0.3333333333333333"));
    assert!(!same(Closeness::Exact, "0.333333", "0.3333333333333333"));
    assert!(same(Closeness::Approximate, "nan", "nan") && !same(Closeness::Approximate, "nan", "1.0"));
    assert!(!same(Closeness::Approximate, "inf", "1.0") && !same(Closeness::Approximate, "NULL", "0.0"));
    assert!(!same(Closeness::Exact, "!2.5", "2.5"), "what does not fit is equal to nothing");
    assert!(same(Closeness::Json, "{\"a\": 1, \"b\": [2]}", "{\"b\":[2],\"a\":1}") && !same(Closeness::Json, "1", "2"));
    assert_eq!((Closeness::of("DOUBLE"), Closeness::of("DECIMAL(10,2)")), (Closeness::Approximate, Closeness::Exact));
}

#[test]
fn many_rows_are_compared_in_time() {
    let rows = |from: u32| (from..from + 30_000).map(|number| vec![Some(number.to_string())]).collect::<Vec<_>>();
    let expected: Vec<Vec<Expected>> =
        rows(0).into_iter().map(|row| row.into_iter().map(Expected::Value).collect()).collect();
    assert_eq!(compare(&[Closeness::Approximate], &expected, &rows(0), RowOrder::Any), []);
    assert_eq!(compare(&[Closeness::Approximate], &expected, &rows(90_000), RowOrder::Any).len(), 60_000);
}
