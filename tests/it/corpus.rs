//! The analysis against the engine: where our hashes say "nothing changed", DuckDB must give the same.
//!
//! A corpus of queries runs on small tables of few values, NULLs and duplicates. Every token of every query is deleted
//! and changed; a text whose hashes stay must give the same rows, names and types, and be of a written list of
//! harmless differences. Pairs written by hand say more of what an edit may look like.

use std::collections::{BTreeMap, BTreeSet};

use offshoot::engine::duckdb::DuckDb;
use offshoot::engine::{Engine as _, Rows, Session};
use offshoot::hash::Digest;
use offshoot::ids::ModelName;
use offshoot::sql::{
    Analysis, Dialect, FunctionClass, NameOrigin, Opaque, OutputName, Query, Resolved, ShapeColumn, TableShape, Tables,
    Template, Traits, analyze, function_table,
};

use crate::mutation::{Mutation, mutations};

const CORPUS: &str = include_str!("../../fixtures/sql/duckdb.sql");
const PAIRS: &str = include_str!("../../fixtures/sql/pairs.sql");

/// The corpus's tables: their columns with types.
pub(crate) const TABLES: [(&str, &[(&str, &str)]); 3] = [
    (
        "t",
        &[
            ("id", "INTEGER"),
            ("pid", "INTEGER"),
            ("x", "INTEGER"),
            ("g", "VARCHAR"),
            ("ds", "DATE"),
            ("b", "BOOLEAN"),
            ("l", "INTEGER[]"),
            ("s", "STRUCT(a INTEGER, b VARCHAR)"),
        ],
    ),
    ("u", &[("id", "INTEGER"), ("x", "INTEGER"), ("y", "DOUBLE"), ("g", "VARCHAR"), ("ds", "DATE")]),
    ("w", &[("k", "VARCHAR"), ("n", "INTEGER")]),
];

struct Corpus;

impl Tables for Corpus {
    fn table(&self, name: &ModelName) -> Result<TableShape, Opaque> {
        let known =
            TABLES.iter().find(|(table, _)| *table == name.table() && name.schema().is_none_or(|s| s == "main"));
        let table = known.map_or(name.to_string(), |(table, _)| (*table).to_owned());
        let column = |(column, _): &(&str, &str)| ShapeColumn {
            name: OutputName { text: (*column).to_owned(), origin: NameOrigin::Stated },
            hash: Digest::of("column", &format!("{table}.{column}")),
            traits: Traits::default(),
        };
        Ok(TableShape {
            name: name.clone(),
            rows: Digest::of("rows", &table),
            row_traits: Traits::default(),
            columns: known.map(|(_, columns)| columns.iter().map(column).collect()),
            storage: Digest::of("storage", &table),
        })
    }
}

pub(crate) fn analysis(sql: &str) -> Analysis {
    analysis_as(Dialect::DuckDb, sql)
}

fn analysis_as(dialect: Dialect, sql: &str) -> Analysis {
    analyze(&Query::parse(Template::plain(sql), dialect), &Corpus)
}

pub(crate) fn queries() -> impl Iterator<Item = &'static str> {
    CORPUS.lines().filter(|line| !line.starts_with("--") && !line.is_empty())
}

/// A small generator of numbers, so that data sets are the same everywhere (`splitmix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// A cell of few values, often NULL; the first column of a table is a key.
    fn cell(&mut self, name: &str, data_type: &str, row: u64) -> String {
        if !matches!(name, "id" | "k") && self.below(5) == 0 {
            return "NULL".into();
        }
        match data_type {
            "INTEGER" if name == "id" => row.to_string(),
            "INTEGER" => self.below(5).to_string(),
            "DOUBLE" => format!("{}.5", self.below(4)),
            "VARCHAR" => format!("'{}'", ["a", "b", "ab", "A"][self.below(4) as usize]),
            "DATE" => format!("'2026-01-0{}'", 1 + self.below(4)),
            "BOOLEAN" => ["true", "false"][self.below(2) as usize].into(),
            "INTEGER[]" => ["[]", "[1]", "[2, 1]", "[1, 1, NULL]"][self.below(4) as usize].into(),
            _ => format!("{{'a': {}, 'b': 'z'}}", self.below(3)),
        }
    }
}

/// An engine with the tables filled from one seed.
fn warehouse(seed: u64) -> Box<dyn Session> {
    let mut session = DuckDb::memory().session().expect("an engine in memory");
    let mut run = |sql: &str| session.execute(sql).map(drop).unwrap_or_else(|error| panic!("{sql}: {error}"));
    run("SET threads = 1");
    let mut numbers = Numbers(seed);
    for (table, columns) in TABLES {
        let list: Vec<String> = columns.iter().map(|(name, data_type)| format!("{name} {data_type}")).collect();
        run(&format!("CREATE TABLE {table} ({})", list.join(", ")));
        for row in 1..=8 {
            let cells: Vec<String> =
                columns.iter().map(|(name, data_type)| numbers.cell(name, data_type, row)).collect();
            run(&format!("INSERT INTO {table} VALUES ({})", cells.join(", ")));
        }
    }
    session
}

/// The warehouses of a test and what queries gave on them.
struct Oracle {
    sessions: Vec<Box<dyn Session>>,
    known: BTreeMap<String, Vec<Option<Rows>>>,
}

impl Oracle {
    fn new(sets: u64) -> Self {
        Self { sessions: (1..=sets).map(warehouse).collect(), known: BTreeMap::new() }
    }

    /// What a query gives on every set; `None` where it is refused.
    fn run(&mut self, sql: &str) -> Vec<Option<Rows>> {
        if let Some(known) = self.known.get(sql) {
            return known.clone();
        }
        let rows: Vec<Option<Rows>> = self.sessions.iter_mut().map(|session| session.query(sql).ok()).collect();
        self.known.insert(sql.to_owned(), rows.clone());
        rows
    }

    /// What the engine says against columns (by place) that our hashes call the same; `None` where it agrees.
    fn objection(&mut self, before: &str, after: &str, places: &[(usize, usize)]) -> Option<String> {
        let (before, after) = (self.run(before), self.run(after));
        for (before, after) in before.iter().zip(&after) {
            let (Some(before), Some(after)) = (before, after) else { continue };
            let side = |rows: &Rows, place: fn(&(usize, usize)) -> usize| {
                let header: Vec<_> = places.iter().map(|pair| format!("{:?}", rows.columns[place(pair)])).collect();
                let mut cells: Vec<Vec<Option<String>>> =
                    rows.rows.iter().map(|row| places.iter().map(|pair| row[place(pair)].clone()).collect()).collect();
                cells.sort();
                (header, cells)
            };
            let (before, after) = (side(before, |pair| pair.0), side(after, |pair| pair.1));
            if before != after {
                return Some(format!("  was {before:?}\n  is  {after:?}"));
            }
        }
        None
    }
}

/// Columns that the hashes call the same, by their places; `None` where rows moved or may be drawn anew.
fn unmoved(before: &Resolved, after: &Resolved) -> Option<Vec<(usize, usize)>> {
    if before.rows != after.rows || before.row_traits.is_drawn() {
        return None;
    }
    let place = |index: usize, column: &ShapeColumn| {
        let same = |new: &ShapeColumn| new.name.text == column.name.text && new.hash == column.hash;
        let found = after.columns.iter().position(same)?;
        (!column.traits.is_drawn()).then_some((index, found))
    };
    Some(before.columns.iter().enumerate().filter_map(|(index, column)| place(index, column)).collect())
}

pub(crate) fn is_same(before: &Resolved, after: &Resolved) -> bool {
    let columns = |resolved: &Resolved| -> Vec<(String, Digest)> {
        resolved.columns.iter().map(|column| (column.name.text.clone(), column.hash)).collect()
    };
    before.rows == after.rows && columns(before) == columns(after) && before.written_order == after.written_order
}

#[test]
fn every_query_of_the_corpus_runs_and_nearly_all_are_taken_apart() {
    let mut oracle = Oracle::new(1);
    let mut wrong = Vec::new();
    let mut opaque = Vec::new();
    for sql in queries() {
        let Some(rows) = oracle.run(sql).remove(0) else {
            wrong.push(format!("{sql}\n  does not run"));
            continue;
        };
        match analysis(sql) {
            Analysis::Opaque(what) => opaque.push(format!("{sql}\n  {what}")),
            Analysis::Resolved(resolved) => {
                let ours: Vec<Option<&str>> = resolved
                    .columns
                    .iter()
                    .map(|column| (column.name.origin == NameOrigin::Stated).then_some(column.name.text.as_str()))
                    .collect();
                let theirs: Vec<&str> = rows.columns.iter().map(|column| column.name.as_str()).collect();
                // A star stands for any number of columns.
                let agree = resolved.known_columns().is_none()
                    || ours.len() == theirs.len()
                        && ours.iter().zip(&theirs).all(|(ours, theirs)| ours.is_none_or(|ours| ours == *theirs));
                if !agree {
                    wrong.push(format!("{sql}\n  we name {ours:?}, DuckDB {theirs:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!(opaque.join("\n"));
}

/// Queries of the corpus, and changes of them, of which the analysis says that the engine surely refuses a name, and that
/// run all the same; with the number of all of which it says so.
fn refused_and_run(dialect: Dialect, runs: &mut dyn FnMut(&str) -> bool) -> (Vec<String>, usize) {
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for sql in queries() {
        let edited = mutations(sql, dialect).into_iter().map(|mutation| mutation.sql);
        for sql in std::iter::once(sql.to_owned()).chain(edited) {
            if let Analysis::Opaque(what @ (Opaque::NoColumn(_) | Opaque::TwoColumns(_))) = analysis_as(dialect, &sql) {
                refused += 1;
                if runs(&sql) {
                    wrong.push(format!("{sql}\n  {what:?}"));
                }
            }
        }
    }
    (wrong, refused)
}

/// The linter blocks plans by this, so it must never be said of a query that runs.
#[test]
fn a_name_that_is_surely_refused_is_refused() {
    let mut oracle = Oracle::new(1);
    let (wrong, refused) = refused_and_run(Dialect::DuckDb, &mut |sql| oracle.run(sql).remove(0).is_some());
    assert!(wrong.is_empty() && refused > 1_000, "{} of {refused} run:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same on PostgreSQL, which runs some of the corpus, too.
#[test]
fn a_name_that_is_surely_refused_is_refused_by_postgresql() {
    let engine = crate::engine_postgres::warehouse();
    let mut session = engine.engine.session().expect("a session");
    session.execute("CREATE TYPE pair AS (a INTEGER, b VARCHAR)").expect("a type");
    for (table, columns) in TABLES {
        let data_type = |data_type: &str| match data_type {
            "DOUBLE" => "DOUBLE PRECISION".to_owned(),
            other if other.starts_with("STRUCT") => "pair".to_owned(),
            other => other.to_owned(),
        };
        let list: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {}", data_type(kind))).collect();
        session.execute(&format!("CREATE TABLE {table} ({})", list.join(", "))).expect("a table");
    }
    let (wrong, refused) = refused_and_run(Dialect::Postgres, &mut |sql| session.query(sql).is_ok());
    assert!(wrong.is_empty() && refused > 1_000, "{} of {refused} run:\n{}", wrong.len(), wrong.join("\n"));
    let known = ["SELECT id, x FROM t WHERE g = 'a'", "SELECT t.id FROM t JOIN u USING (id) WHERE y > 1"];
    assert!(known.iter().all(|sql| session.query(sql).is_ok()), "the tables are there");
}

/// Syntax that looks like a call; the engine's catalog does not list it.
const SYNTAX: [&str; 17] = [
    "coalesce",
    "current_time",
    "current_timestamp",
    "formatreadabledecimalsize",
    "formatreadablesize",
    "getdate",
    "grouping",
    "grouping_id",
    "if",
    "ifelse",
    "ifnull",
    "localtime",
    "localtimestamp",
    "percentile_cont",
    "percentile_disc",
    "sysdate",
    "try",
];

/// Functions that DuckDB 2 has and the engine of these tests has not.
const NEWER: [&str; 33] = [
    "binom",
    "bitstring_byte_comparable",
    "combine_aggr",
    "decimal_average",
    "decimal_division",
    "duckdb_format_sql",
    "hive_partition_component",
    "invoke",
    "json_deep_merge",
    "json_insert",
    "json_merge_patch_diff",
    "json_normalize",
    "json_remove",
    "json_replace",
    "json_set",
    "json_strip_nulls",
    "lttb",
    "overlay",
    "path_join",
    "setval",
    "st_asgeojson",
    "st_geomfromgeojson",
    "to_aggregate_state",
    "variant_array_length",
    "variant_comparator",
    "variant_contains",
    "variant_exists",
    "variant_extract_string",
    "variant_group_array",
    "variant_group_object",
    "variant_keys",
    "variant_type",
    "vertex_extract",
];

#[test]
fn the_function_table_agrees_with_the_engine() {
    let mut oracle = Oracle::new(1);
    let sql = "SELECT function_name, string_agg(DISTINCT function_type, ',' ORDER BY function_type), \
               coalesce(string_agg(DISTINCT stability, ','), '') FROM duckdb_functions() GROUP BY 1";
    let rows = oracle.run(sql).remove(0).expect("the catalog").rows;
    let text = |row: &[Option<String>], index: usize| row[index].clone().unwrap_or_default();
    let known: BTreeMap<String, (String, String)> =
        rows.iter().map(|row| (text(row, 0), (text(row, 1), text(row, 2)))).collect();
    let mut wrong = Vec::new();
    for (&name, entry) in function_table(Dialect::DuckDb) {
        let Some(class) = entry.class else { continue };
        let Some((types, stability)) = known.get(name) else {
            if !SYNTAX.contains(&name) && !NEWER.contains(&name) {
                wrong.push(format!("{name}: DuckDB has no such function"));
            }
            continue;
        };
        let expected: &[&str] = match class {
            FunctionClass::Scalar | FunctionClass::Volatile | FunctionClass::Stable | FunctionClass::Keyword => {
                &["scalar", "macro", "macro,scalar", "scalar,table", "pragma,scalar"]
            }
            FunctionClass::Set => &["macro", "scalar,table", "table", "scalar"],
            FunctionClass::Aggregate => &["aggregate", "macro"],
            FunctionClass::Orderless => {
                &["aggregate", "aggregate,macro", "aggregate,table_macro", "aggregate,window", "macro"]
            }
            FunctionClass::Window | FunctionClass::WindowPeers => &["window", "aggregate", "aggregate,window"],
        };
        if !expected.contains(&types.as_str()) {
            wrong.push(format!("{name}: {class:?} here, {types} in DuckDB"));
        }
        // What may differ from one call, or one query, to the next.
        let may_differ = match stability.contains("VOLATILE") {
            true => class != FunctionClass::Volatile,
            false => {
                let is_told = matches!(class, FunctionClass::Volatile | FunctionClass::Stable | FunctionClass::Keyword);
                stability.contains("WITHIN_QUERY") && !is_told
            }
        };
        if may_differ {
            wrong.push(format!("{name}: {class:?} here, {stability} in DuckDB"));
        }
    }
    assert!(known.len() > 700, "the catalog is there");
    assert!(!NEWER.iter().any(|name| known.contains_key(*name)), "a newer engine: compare those with it");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a change that moves no hash is one of those that mean the same (and the engine agrees, see below).
pub(crate) fn is_harmless(what: &str) -> bool {
    const HARMLESS: &[&str] = &[
        // Words that say what is so without them.
        "delete as",
        "delete inner",
        "delete outer",
        "delete all",
        "delete both",
        "delete only",
        "delete row",
        "delete rows",
        // Redundant parentheses and qualifiers.
        "delete ( )",
        "delete qualifier",
    ];
    HARMLESS.contains(&what)
}

#[test]
fn a_changed_token_moves_a_hash_or_means_the_same() {
    let mut oracle = Oracle::new(1);
    let (mut unsound, mut unlisted) = (Vec::new(), BTreeSet::new());
    let (mut all, mut parsed, mut run) = (0, 0, 0);
    for sql in queries() {
        let Analysis::Resolved(before) = analysis(sql) else { continue };
        for Mutation { what, sql: changed } in mutations(sql, Dialect::DuckDb) {
            all += 1;
            let Analysis::Resolved(after) = analysis(&changed) else { continue };
            parsed += 1;
            let Some(places) = unmoved(&before, &after) else { continue };
            run += 1;
            if let Some(objection) = oracle.objection(sql, &changed, &places) {
                unsound.push(format!("{what}: {sql}\n  → {changed}\n{objection}"));
            }
            if is_same(&before, &after) && !is_harmless(&what) {
                unlisted.insert(format!("{what}: {sql}\n  → {changed}"));
            }
        }
    }
    assert!(all > 10_000 && parsed > 2_000 && run > 500, "too few changes to say anything: {all}, {parsed}, {run}");
    assert!(unsound.is_empty(), "{} hashes lie:\n{}", unsound.len(), unsound.join("\n"));
    insta::assert_snapshot!(unlisted.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The hand-written pairs, before and after.
pub(crate) fn pairs() -> Vec<[&'static str; 2]> {
    let lines: Vec<&str> = PAIRS.lines().filter(|line| !line.starts_with("--") && !line.is_empty()).collect();
    assert!(lines.len() >= 120 && lines.len().is_multiple_of(2), "pairs of lines");
    lines.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
}

#[test]
fn pairs_that_we_call_the_same_are_the_same() {
    let mut oracle = Oracle::new(3);
    let (mut wrong, mut told) = (Vec::new(), String::new());
    for pair in pairs() {
        let [before, after] = pair;
        for sql in pair {
            if oracle.run(sql).iter().any(Option::is_none) {
                wrong.push(format!("{sql}\n  does not run"));
            }
        }
        let verdict = match (analysis(before), analysis(after)) {
            (Analysis::Resolved(one), Analysis::Resolved(two)) => match unmoved(&one, &two) {
                Some(places) => {
                    wrong.extend(
                        oracle.objection(before, after, &places).map(|text| format!("{before}\n{after}\n{text}")),
                    );
                    if is_same(&one, &two) { "same" } else { "some" }
                }
                None => "moved",
            },
            _ => "opaque",
        };
        told.push_str(&format!("{verdict}: {before}\n      → {after}\n"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    insta::assert_snapshot!(told);
}
