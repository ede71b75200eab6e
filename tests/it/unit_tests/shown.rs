//! How a test ends, and what is shown of one that fails.

use super::*;

#[test]
fn a_difference_is_shown_row_by_row() {
    let tests = format!(
        "sums:\n{ROWS}  description: adds up by key\n  outputs:\n    query:\n    - k: a\n      v: 7\n    - k: c\n      v: ~\n    - k: b\n      v: 5\n\
         unknown:\n{ROWS}  outputs:\n    query:\n    - k: a\n      w: 1\n\
         text:\n{ROWS}  outputs:\n    query:\n    - k: 1\n      v: 1\n    - k: b\n      v: 5.5\n\
         right:\n{ROWS}  outputs:\n    query: [{{k: b, v: 5}}, {{k: a, v: 1}}]\n"
    );
    let world = small("SELECT k, sum(v) AS v FROM s.x GROUP BY k", &tests);
    insta::assert_snapshot!(told(&world));
    let ran = json(&world);
    assert_eq!(ran.exit, Exit::No);
    let mut value = ran.json();
    value["seconds"] = Value::Null;
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).expect("JSON"));
    let ran = world.bot(&["test", "tests/test_total.yaml::right"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stdout);
}

#[test]
fn rows_come_in_an_order_only_where_the_query_says_so() {
    let tests = format!("t:\n{ROWS}  outputs:\n    query: [{{v: 1}}, {{v: 3}}, {{v: 2}}]\n");
    passes(&small("SELECT v FROM s.x", &tests));
    let world = small("SELECT v FROM s.x ORDER BY v", &tests);
    assert!(told(&world).contains("2 changed"));
    passes(&small("SELECT v, row_number() OVER (ORDER BY v) * 0 AS n FROM s.x", &tests.replace("{v:", "{n: 0, v:")));
}

#[test]
fn columns_that_are_left_out_must_be_null_unless_in_part() {
    let query = "SELECT k, v FROM s.x WHERE k = 'a'";
    let tests = |output: &str| format!("t:\n{ROWS}  outputs:\n{output}");
    assert!(told(&small(query, &tests("    query: [{k: a}]\n"))).contains("1 changed"));
    passes(&small(query, &tests("    query: {partial: true, rows: [{k: a}]}\n")));
    passes(&small(query, &tests("    partial: true\n    query: [{k: a}]\n")));
    passes(&small("SELECT k, NULL::INT AS v FROM s.x WHERE k = 'a'", &tests("    query: [{k: a}]\n")));
    let other = told(&small(query, &tests("    query: {partial: true, rows: [{k: a, w: 1}]}\n")));
    assert!(other.contains("w expected and did not come; what came has k, v"), "{other}");
    passes(&small("SELECT k FROM s.x WHERE false", &tests("    query: []\n")));
}

#[test]
fn ctes_are_looked_at_by_themselves() {
    let query = "WITH doubled AS (SELECT k, v * 2 AS v FROM s.x), RECENT AS (SELECT v FROM doubled WHERE k = 'b' ORDER BY v DESC)\n\
                 SELECT max(v) AS v FROM recent";
    let tests = |outputs: &str| format!("t:\n{ROWS}  outputs:\n{outputs}");
    passes(&small(
        query,
        &tests(
            "    ctes:\n      doubled: {partial: true, rows: [{v: 2}, {v: 4}, {v: 6}]}\n      recent: [{v: 6}, {v: 4}]\n    query: [{v: 6}]\n",
        ),
    ));
    passes(&small(query, &tests("    ctes: {doubled: {partial: true, rows: [{v: 6}, {v: 4}, {v: 2}]}}\n")));
    let text = told(&small(query, &tests("    ctes:\n      recent: [{v: 4}, {v: 6}]\n      other: []\n")));
    assert!(text.contains("CTE recent: 2 rows expected, 2 came: 2 changed"), "{text}");
    assert!(text.contains("CTE other: the model has no such CTE, it has doubled, RECENT"), "{text}");
}
