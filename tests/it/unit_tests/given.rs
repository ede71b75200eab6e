//! What a test gives to its model: rows, types, moments and variables.

use super::*;

#[test]
fn rows_come_from_csv_files_and_queries_too() {
    let tests = "t:\n  model: s.total\n  inputs:\n    s.x:\n      format: csv\n      path: fixtures/x.csv\n    s.y:\n      format: csv\n      \
                 csv_settings: {sep: ';'}\n      rows: |\n        k;w\n        a;1.5\n    s.z:\n      query: SELECT 'a' AS k, 3 AS q;\n  \
                 outputs:\n    query: {query: \"SELECT 4.0 AS t, 1.5 AS w, 3 AS q -- as it is\"}\n";
    let query =
        "SELECT sum(x.v) AS t, any_value(y.w) AS w, any_value(z.q) AS q FROM s.x JOIN s.y USING (k) JOIN s.z USING (k)";
    let world = small(query, tests);
    edit(&world, &[("fixtures/x.csv", "k,v\na,1\na,3\nb,\n")]);
    passes(&world);
}

#[test]
fn vars_are_moments_and_variables() {
    let query = "SELECT @start_ds AS s, @end_ds AS e, @end_ts AS ts, @execution_ds AS x, @limit AS l, @gone AS g, current_date AS d, \
                 CAST(now() AS DATE) AS n FROM s.x";
    let tests = "t:\n  model: s.total\n  inputs: {s.x: [{k: 1}]}\n  vars: {start: 2026-01-01, end: 2026-01-02, execution_time: 2026-01-03, LIMIT: 5, start_ds: first}\n  \
                 outputs:\n    query:\n    - {s: first, e: '2026-01-02', ts: '2026-01-02 23:59:59.999999', x: '2026-01-03', l: 5, g: kept, d: 2026-01-03, n: 2026-01-03}\n\
                 plain:\n  model: s.total\n  inputs: {s.x: [{k: 1}]}\n  outputs:\n    query: {partial: true, rows: [{s: '1970-01-01', l: 1, g: {{ var('gone') }}}]}\n";
    let world = small(query, tests);
    let config = format!("{}variables:\n  limit: 1\n  gone: kept\n", crate::lab::CONFIG);
    edit(&world, &[("config.yaml", &config)]);
    let ran = world.bot(&["test"]);
    assert!(ran.stdout.starts_with("2 tests: 2 passed"), "{}{}", ran.stdout, ran.stderr);
}

/// YAML reads a moment where it is not quoted, and DuckDB a text where it is.
#[test]
fn an_offset_counts_where_yaml_reads_a_moment() {
    let row = |text: &str| {
        format!("  model: s.total\n  inputs:\n    s.x: {{columns: {{ts: TIMESTAMP}}, rows: [{{ts: {text}}}]}}\n")
    };
    let expected = |hour: &str| format!("  outputs: {{query: [{{ts: '2026-01-01 {hour}:00:00'}}]}}\n");
    let read = "2026-01-01 10:00:00+02:00";
    let tests =
        format!("moment:\n{}{}text:\n{}{}", row(read), expected("08"), row(&format!("'{read}'")), expected("10"));
    let ran = small("SELECT ts FROM s.x", &tests).bot(&["test"]);
    assert!(ran.stdout.starts_with("2 tests: 2 passed"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn macros_see_the_variables_of_the_test() {
    let query = "SELECT @EACH(@columns, c -> sum(@{c}) AS @{c}_sum), @IF(@wide, count(*), 0) AS n FROM s.x";
    let tests = "narrow:\n  model: s.total\n  inputs: {s.x: [{a: 1, b: 2}]}\n  outputs: {query: [{a_sum: 1, n: 0}]}\n\
                 wide:\n  model: s.total\n  inputs: {s.x: [{a: 1, b: 2}]}\n  vars: {columns: [a, b], wide: true}\n  \
                 outputs: {query: [{a_sum: 1, b_sum: 2, n: 1}]}\n\
                 again:\n  model: s.total\n  inputs: {s.x: [{a: 1, b: 2}]}\n  outputs: {query: [{a_sum: 1, n: 0}]}\n";
    let world = small(query, tests);
    let config = format!("{}variables:\n  columns: [a]\n  wide: false\n", crate::lab::CONFIG);
    edit(&world, &[("config.yaml", &config)]);
    let ran = world.bot(&["test"]);
    assert!(ran.stdout.starts_with("3 tests: 3 passed"), "{}{}", ran.stdout, ran.stderr);
    let own = "MODEL (name s.total, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key v), columns (v INT));\n\
               SELECT v FROM s.x WHERE v > (SELECT max(v) FROM @this_model)";
    let tests =
        "t:\n  model: s.total\n  inputs: {s.x: [{v: 1}, {v: 3}], s.total: [{v: 2}]}\n  outputs: {query: [{v: 3}]}\n";
    passes(&lab(&[("models/total.sql", own), ("tests/test_total.yaml", tests)]));
}

#[test]
fn columns_that_a_fixture_leaves_out_have_the_types_of_the_model() {
    let tests = "t:\n  model: s.total\n  inputs: {s.mid: [{id: 1}]}\n  outputs:\n    query: [{a: DATE, b: \"DECIMAL(10,2)\", c: ~, n: 2}]\n";
    let world = small(
        "SELECT typeof(day) AS a, typeof(amount) AS b, day + INTERVAL 1 DAY AS c, count(*) OVER () + 1 AS n FROM s.mid",
        tests,
    );
    edit(
        &world,
        &[
            (
                "external_models.yaml",
                "- name: erp.facts\n  columns: {id: INT, day: DATE, amount: \"DECIMAL(10, 2)\"}\n",
            ),
            ("models/base.sql", "MODEL (name s.base, kind VIEW);\nSELECT *, NULL AS nothing FROM erp.facts"),
            (
                "models/mid.sql",
                "MODEL (name s.mid, kind FULL);\nSELECT id, day, amount FROM s.base WHERE day > @start_date",
            ),
        ],
    );
    passes(&world);
    edit(&world, &[("tests/test_total.yaml", &tests.replace("id: 1", "idd: 1"))]);
    assert!(told(&world).contains("`s.mid` has no column `idd`\n  hint: did you mean `id`?"), "{}", told(&world));
    edit(&world, &[("tests/test_total.yaml", &tests.replace("id: 1", "id: many"))]);
    assert!(told(&world).contains("tests/test_total.yaml:3:21"), "{}", told(&world));
    assert!(told(&world).contains("row 1 of `s.mid`: \"many\" of column `id` is no INTEGER"), "{}", told(&world));
}

/// One type that DuckDB does not have is no reason to know none of the others.
#[test]
fn types_are_known_beside_one_that_duckdb_has_not() {
    let tests = "t:\n  model: s.total\n  inputs: {erp.facts: [{id: '7', day: '2026-01-31', place: x}]}\n  \
                 outputs: {query: [{id: 8, next: 2026-02-01, place: x}]}\n";
    let world = small("SELECT id + 1 AS id, day + 1 AS next, place FROM erp.facts", tests);
    let declared = "- name: erp.facts\n  columns: {id: INT, day: DATE, place: GEOGRAPHIC_POINT, more: INT}\n";
    edit(&world, &[("external_models.yaml", declared)]);
    passes(&world);
}

/// `erp.facts` is declared nowhere: the queries' own casts are what is known.
#[test]
fn casts_state_types_where_a_table_is_known_to_nobody() {
    let tests = "t:\n  model: s.total\n  inputs:\n    s.mid: [{id: '7', day: '2026-01-31', extra: b, '\"Weird-Col\"': 4}]\n  \
                 outputs:\n    query: [{types: \"INTEGER DATE DECIMAL(10,2) VARCHAR BIGINT HUGEINT\", next: 2026-02-01, n: 1, '\"Odd\"': 4}]\n";
    let query = "SELECT concat_ws(' ', typeof(id), typeof(day), typeof(amount), typeof(extra), typeof(n), typeof(qty)) AS types, \
                 day + 1 AS next, count(*) OVER () AS n, \"Weird-Col\" AS \"Odd\" FROM s.mid";
    let world = small(query, tests);
    edit(
        &world,
        &[
            (
                "models/base.sql",
                "MODEL (name s.base, kind VIEW);\nSELECT id::INT, day::DATE, amount::DECIMAL(10, 2), upper(id::TEXT) AS extra, \
                 4 AS \"Weird-Col\", coalesce(qty::INT, 0) + 1 AS qty FROM erp.facts",
            ),
            (
                "models/mid.sql",
                "MODEL (name s.mid, kind FULL);\nSELECT b.id, day, extra, max(amount) AS amount, count(*) AS n, b.\"Weird-Col\", sum(qty) AS qty \
                 FROM S.base AS b GROUP BY ALL",
            ),
        ],
    );
    passes(&world);
    edit(&world, &[("tests/test_total.yaml", &tests.replace("extra: b", "extras: b"))]);
    assert!(told(&world).contains("`s.mid` has no column `extras`\n  hint: did you mean `extra`?"), "{}", told(&world));
    edit(&world, &[("tests/test_total.yaml", &tests.replace("id: '7'", "id: many"))]);
    assert!(told(&world).contains("row 1 of `s.mid`: \"many\" of column `id` is no INTEGER"), "{}", told(&world));
}

/// As in SQLMesh, which works out no types within: the fixture's values have the types that they look like.
#[test]
fn casts_within_state_none_where_a_table_is_known_to_nobody() {
    let tests = "t:\n  model: s.total\n  inputs:\n    s.base: [{amount: 1.555, day: '2026-01-01 10:00:00'}]\n  \
                 outputs: {query: [{amount: 1.555, day: '2026-01-01 10:00:00'}]}\n";
    let world = small("SELECT amount, day FROM s.base WHERE more IS NULL", tests);
    let base = "MODEL (name s.base, kind VIEW);\nWITH r AS (SELECT amount::DECIMAL(10, 2), day::DATE, 1 AS more FROM erp.facts) SELECT * FROM r";
    edit(&world, &[("models/base.sql", base)]);
    passes(&world);
}

#[test]
fn types_that_a_test_states_win() {
    let tests = "t:\n  model: s.total\n  inputs:\n    s.x:\n      columns: {k: DATE, tags: 'VARCHAR[]', m: 'MAP(VARCHAR, INTEGER)'}\n      \
                 rows: [{k: '2026-01-31', tags: [a, \"b, c\"], m: {z: 1, a: 2}}]\n  outputs:\n    query: [{k: 2026-02-01, n: 2, second: 'b, c', m: {z: 1, a: 2}}]\n";
    passes(&small("SELECT (k + 1)::DATE AS k, len(tags) AS n, tags[2] AS second, m FROM s.x", tests));
}

#[test]
fn a_model_that_reads_itself_finds_its_table_empty() {
    let query = "SELECT k, v FROM s.x WHERE v > coalesce((SELECT max(v) FROM s.total), 1)";
    let tests = format!("t:\n{ROWS}  outputs:\n    query: [{{v: 2, k: b}}, {{v: 3, k: b}}]\n");
    let model = format!(
        "MODEL (name s.total, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key k), columns (k VARCHAR, v INT));\n{query}"
    );
    passes(&lab(&[("models/total.sql", &model), ("tests/test_total.yaml", &tests)]));
    let given = tests.replace("  inputs:\n", "  inputs:\n    s.total: [{k: a, v: 2}]\n").replace("{v: 2, k: b}, ", "");
    passes(&lab(&[("models/total.sql", &model), ("tests/test_total.yaml", &given)]));
}

/// The tests pass and fail as SQLMesh has them.
#[test]
fn rows_of_a_cte_take_the_place_of_its_query() {
    let query = "WITH big AS (SELECT id, v FROM s.x WHERE v > 1), more (a, b) AS (SELECT id, v + 1 FROM big) \
                 SELECT a, b FROM more WHERE a NOT IN (SELECT big.id + 100 FROM big)";
    let own = "  model: s.total\n  inputs:\n    s.x: [{id: 1, v: 5}]\n";
    let tests = format!(
        "given:\n{own}    BIG: [{{id: 7, v: 8}}]\n  outputs:\n    query: [{{a: 7, b: 9}}]\n    \
         ctes: {{big: [{{id: 1, v: 5}}], more: [{{a: 7, b: 9}}]}}\n\
         renamed:\n{own}    more: {{columns: {{b: int}}, rows: [{{b: 7, a: 8}}, {{a: 9}}]}}\n  \
         outputs: {{query: [{{a: 8, b: 7}}, {{a: 9}}]}}\n\
         none:\n{own}    big: {{columns: {{id: int, v: int}}, rows: []}}\n  outputs: {{query: []}}\n\
         lacks:\n{own}    big: [{{id: 7}}]\n  outputs: {{query: []}}\n"
    );
    let world = small(query, &tests);
    let expected = [("given", "passed"), ("renamed", "passed"), ("none", "passed"), ("lacks", "error")];
    assert_eq!(endings(&json(&world)), expected.map(|(name, ending)| (name.to_owned(), ending.to_owned())));
}

#[test]
fn every_kind_of_table_name_can_have_rows() {
    let query = "SELECT a.n + information_schema.tables.n + deep.er.t.n + plain.n AS n \
                 FROM A.a AS a, information_schema.tables, deep.er.t, plain";
    let tests = "t:\n  model: s.total\n  inputs:\n    a.a: [{n: 1}]\n    information_schema.tables: [{n: 10}]\n    deep.er.t: [{n: 100}]\n    plain: [{n: 1000}]\n  \
                 outputs:\n    query: [{n: 1111}]\n";
    passes(&small(query, tests));
}
