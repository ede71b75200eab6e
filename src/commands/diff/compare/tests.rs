//! Whether rows are looked for by buckets or joined at once, the answer is the same: on a real engine, with tables that
//! nobody chose.

use proptest::prelude::*;

use super::*;
use crate::engine::duckdb::DuckDb;
use crate::engine::{Engine, Session};
use crate::fingerprint::tests::tree;

const JOINED: Bounds = Bounds { rows: None, buckets_from: u64::MAX };
const BY_BUCKETS: Bounds = Bounds { rows: None, buckets_from: 0 };

/// The tables `main.here` and `main.base`, compared on `k` and `l`, and what was asked for that.
fn compared(session: &mut dyn Session, bounds: Bounds) -> (Compared, Vec<String>) {
    let tree = tree("//- models/t.sql\nMODEL (name s.t, kind FULL, grain (k, l));\nSELECT 1 AS k, 2 AS l");
    let model = &tree.models[&ModelName::parse("s.t").expect("a name")];
    let table = |name: &str| TableName { catalog: None, schema: "main".into(), name: name.into() };
    let (here, base) = (table("here"), table("base"));
    let dialect = session.dialect();
    let mut asked = Vec::new();
    let mut ask = |sql: &str| {
        asked.push(sql.to_owned());
        session.query(sql)
    };
    let columns = columns(&here, dialect, &mut ask).expect("columns");
    let in_common: Vec<&Column> = columns.iter().collect();
    let of = Comparison { dialect, here: &here, base: &base, grain: &[], values: &[], nested: &[], filter: None };
    let compared = rows((Some(model), bounds), &of, &in_common, Vec::new(), &mut ask).expect("a comparison");
    (compared, asked)
}

/// Both ways, which must agree; whether only some buckets were joined.
fn both_ways(session: &mut dyn Session) -> (Compared, bool) {
    let (expected, _) = compared(session, JOINED);
    let (found, asked) = compared(session, BY_BUCKETS);
    assert_eq!(found, expected, "{}", asked.join("\n"));
    (found, asked.iter().any(|sql| sql.contains(" FULL JOIN (SELECT *, 1 AS") && sql.contains(" IN (")))
}

/// A row as SQL.
fn row() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["NULL", "0", "1", "2", "-1", "9007199254740993"]);
    let second = prop::sample::select(vec!["NULL", "''", "'a'", "'A'", "'ä'"]);
    let number = prop::sample::select(vec!["NULL", "0.0", "-0.0", "'nan'::DOUBLE", "1e300", "0.1"]);
    let list = prop::sample::select(vec!["NULL", "[]", "[NULL]", "[1, 2]", "[2, 1]"]);
    (key, second, number, list).prop_map(|(k, l, v, w)| format!("({k}::BIGINT, {l}::VARCHAR, {v}::DOUBLE, {w}::INT[])"))
}

/// What becomes of a row in the other table.
#[derive(Clone, Debug)]
enum Fate {
    Kept,
    Gone,
    Twice,
    Other(String),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Kept),
        1 => Just(Fate::Gone),
        1 => Just(Fate::Twice),
        2 => row().prop_map(Fate::Other),
    ]
}

fn fill(session: &mut dyn Session, table: &str, rows: &[String]) {
    let make = format!("CREATE OR REPLACE TABLE main.{table} (k BIGINT, l VARCHAR, v DOUBLE, w INT[])");
    session.execute(&make).expect("a table");
    if !rows.is_empty() {
        session.execute(&format!("INSERT INTO main.{table} VALUES {}", rows.join(", "))).expect("rows");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn buckets_find_what_a_join_finds(rows in prop::collection::vec((row(), fate()), 0..12)) {
        let engine = DuckDb::memory();
        let mut session = engine.session().expect("a session");
        let base: Vec<String> = rows.iter().map(|(row, _)| row.clone()).collect();
        let here = rows.iter().flat_map(|(row, fate)| match fate {
            Fate::Kept => vec![row.clone()],
            Fate::Gone => Vec::new(),
            Fate::Twice => vec![row.clone(); 2],
            Fate::Other(other) => vec![other.clone()],
        });
        fill(session.as_mut(), "here", &here.collect::<Vec<_>>());
        fill(session.as_mut(), "base", &base);
        both_ways(session.as_mut());
    }
}

/// Many rows share a bucket; some of them swap their values, which leaves every single value where it was.
#[test]
fn buckets_of_many_rows_hide_nothing() {
    let base = "SELECT CASE WHEN range % 1009 = 7 THEN NULL ELSE range END AS k, \
                CASE WHEN range % 1009 = 7 THEN range::VARCHAR END AS l, range % 3 = 0 AS v, \
                (range % 97)::DECIMAL(18, 2) AS w, {'a': range % 5, 'b': NULL} AS x, \
                TIMESTAMP '2026-01-01' + to_hours(range % 24) AS y, range::VARCHAR::BLOB AS z FROM range(60000)";
    let edits = [
        // The same rows in another order.
        "SELECT * FROM base ORDER BY w, k DESC",
        // Two rows swap a value; one loses its row; one is new; one has no grain any more.
        "SELECT * REPLACE (CASE k WHEN 12 THEN 13 WHEN 13 THEN 12 ELSE w END AS w) FROM base",
        "SELECT * FROM base WHERE k IS DISTINCT FROM 4711",
        "SELECT * FROM base UNION ALL SELECT * REPLACE (-k AS k) FROM base WHERE k = 17",
        "SELECT * REPLACE (CASE WHEN k = 5 THEN NULL ELSE k END AS k) FROM base",
        "SELECT * REPLACE (CASE WHEN l = '2025' THEN {'a': NULL, 'b': NULL} ELSE x END AS x) FROM base",
        // Everything moves by one row, in one column and in all.
        "SELECT * REPLACE (lag(w) OVER (ORDER BY k, l) AS w) FROM base",
        "SELECT * REPLACE (k + 1 AS k) FROM base",
        // Grains that come twice are compared column by column, whichever bucket they are in.
        "SELECT * FROM base UNION ALL SELECT * FROM base WHERE k = 99",
        "SELECT * FROM base WHERE false",
    ];
    let engine = DuckDb::memory();
    let mut session = engine.session().expect("a session");
    session.execute(&format!("CREATE TABLE main.base AS {base}")).expect("a table");
    let mut narrowed = 0;
    let told = edits.map(|edit| {
        session.execute(&format!("CREATE OR REPLACE TABLE main.here AS {edit}")).expect("a table");
        let (compared, some_buckets) = both_ways(session.as_mut());
        narrowed += usize::from(some_buckets);
        match compared {
            Compared::ByGrain(found) => (found.only.here, found.only.base, found.changed),
            _ => (u64::MAX, u64::MAX, u64::MAX),
        }
    });
    assert_eq!(told[..6], [(0, 0, 0), (0, 0, 2), (0, 1, 0), (1, 0, 0), (1, 1, 0), (0, 0, 1)]);
    assert_eq!(told[8..], [(u64::MAX, u64::MAX, u64::MAX), (0, 60_000, 0)]);
    assert_eq!(narrowed, 5, "what differs in few buckets is looked for in those alone");
}

/// DuckDB's hash of a nested value is one for NULL, for what is empty and for what holds nothing but NULL.
#[test]
fn nothing_empty_and_unknown_are_told_apart_in_nested_values() {
    let values = [
        ("INT[]", vec!["NULL", "[]", "[NULL]"]),
        ("INT[1]", vec!["NULL", "[NULL]"]),
        ("DECIMAL(10, 2)[]", vec!["NULL", "[]", "[NULL]"]),
        ("STRUCT(a INT, b INT[])", vec!["NULL", "{'a': NULL, 'b': NULL}", "{'a': NULL, 'b': []}"]),
        ("MAP(INT, INT)", vec!["NULL", "MAP {}", "MAP {1: NULL}"]),
        ("UNION(a INT, b INT)", vec!["NULL", "union_value(a := NULL)", "union_value(a := 1)", "union_value(b := 1)"]),
    ];
    let engine = DuckDb::memory();
    let mut session = engine.session().expect("a session");
    let mut changed = |data_type: &str, [one, other]: [&str; 2], select: &str| {
        for (table, value) in [("here", one), ("base", other)] {
            let sql = format!(
                "CREATE OR REPLACE TABLE main.{table} AS SELECT {select} FROM (SELECT {value}::{data_type} AS w)"
            );
            session.execute(&sql).expect("a table");
        }
        match both_ways(session.as_mut()).0 {
            Compared::ByGrain(found) => (found.changed, found.only.here),
            _ => panic!("not compared by grain"),
        }
    };
    for (data_type, values) in values {
        for (place, one) in values.iter().enumerate() {
            for (other_place, other) in values.iter().enumerate() {
                let differs = u64::from(place != other_place);
                let told = format!("{one} and {other} of {data_type}");
                assert_eq!(changed(data_type, [one, other], "1 AS k, 2 AS l, w"), (differs, 0), "{told}");
                assert_eq!(changed(data_type, [one, other], "1 AS k, w AS l"), (0, differs), "{told} as a grain");
            }
        }
    }
}

#[test]
fn a_limit_counts_what_would_be_compared() {
    let engine = DuckDb::memory();
    let mut session = engine.session().expect("a session");
    for (table, rows) in [("here", 5), ("base", 8)] {
        session
            .execute(&format!("CREATE TABLE main.{table} AS SELECT range AS k FROM range({rows})"))
            .expect("a table");
    }
    let table = |name: &str| TableName { catalog: None, schema: "main".into(), name: name.into() };
    let (here, base) = (table("here"), table("base"));
    let (dialect, filter) = (session.dialect(), Some("k < 6"));
    let of = Comparison { dialect, here: &here, base: &base, grain: &[], values: &[], nested: &[], filter };
    let mut ask = |sql: &str| session.query(sql);
    let holds = [4, 5, 6, u64::MAX]
        .map(|most| [&here, &base].map(|table| holds_more(&of, table, most, &mut ask).expect("a count")));
    assert_eq!(holds, [[true, true], [false, true], [false, false], [false, false]]);
}
