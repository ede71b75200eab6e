//! The analysis on engines that no test runs: what is opaque, and that no token is lost.
//!
//! A parser may take a word for an alias, or leave one out, and two queries that differ would be one. So every token of
//! every query is deleted and changed, as for DuckDB (see `corpus`); a text whose hashes stay must be of the written list,
//! which people have read.

use std::collections::BTreeSet;

use offshoot::hash::Digest;
use offshoot::ids::ModelName;
use offshoot::sql::{
    Analysis, Dialect, NameOrigin, Opaque, OutputName, Query, ShapeColumn, TableShape, Tables, Template, Traits,
    analyze,
};

use crate::corpus::{is_harmless, is_same};
use crate::mutation::{Mutation, mutations};

const CORPUS: &str = include_str!("../../fixtures/sql/dialects.sql");

/// The corpus's tables, as a dialect spells their columns.
struct Corpus(Dialect);

impl Tables for Corpus {
    fn table(&self, name: &ModelName) -> Result<TableShape, Opaque> {
        let known: Option<&[&str]> = match name.to_string().as_str() {
            "raw.t" => Some(&["id", "pid", "x", "y", "g", "d", "arr", "j", "s"]),
            "raw.u" => Some(&["id", "x", "z", "g", "d"]),
            _ => None,
        };
        let column = |column: &&str| ShapeColumn {
            name: OutputName { text: self.0.shown(column, false), origin: NameOrigin::Stated },
            hash: Digest::of("column", &format!("{name}.{column}")),
            traits: Traits::default(),
        };
        Ok(TableShape {
            name: name.clone(),
            rows: Digest::of("rows", &name.to_string()),
            row_traits: Traits::default(),
            columns: known.map(|columns| columns.iter().map(column).collect()),
            storage: Digest::of("storage", &name.to_string()),
        })
    }
}

fn analysis(sql: &str, dialect: Dialect) -> Analysis {
    analyze(&Query::parse(Template::plain(sql), dialect), &Corpus(dialect))
}

fn queries() -> Vec<(Dialect, &'static str)> {
    let lines = CORPUS.lines().filter(|line| !line.starts_with("--") && !line.is_empty());
    let query = |line: &'static str| {
        let (dialect, sql) = line.split_once('|').unwrap_or_else(|| panic!("a dialect and a query: {line}"));
        (Dialect::from_name(dialect).unwrap_or_else(|| panic!("a dialect: {line}")), sql)
    };
    lines.map(query).collect()
}

#[test]
fn nearly_all_queries_of_every_dialect_are_taken_apart() {
    let mut opaque = Vec::new();
    let mut dialects = BTreeSet::new();
    for (dialect, sql) in queries() {
        dialects.insert(dialect);
        if let Analysis::Opaque(what) = analysis(sql, dialect) {
            opaque.push(format!("{dialect}: {sql}\n  {what}"));
        }
    }
    assert_eq!(dialects.len(), 8, "{dialects:?}");
    insta::assert_snapshot!(opaque.join("\n"));
}

#[test]
fn no_token_is_lost_in_any_dialect() {
    let (mut unlisted, mut parsed) = (BTreeSet::new(), 0);
    for (dialect, sql) in queries() {
        let Analysis::Resolved(before) = analysis(sql, dialect) else { continue };
        for Mutation { what, sql: changed } in mutations(sql, dialect) {
            let Analysis::Resolved(after) = analysis(&changed, dialect) else { continue };
            parsed += 1;
            if is_same(&before, &after) && !is_harmless(&what) {
                unlisted.insert(format!("{dialect}: {what}: {changed}"));
            }
        }
    }
    assert!(parsed > 1_000, "too few changes to say anything: {parsed}");
    insta::assert_snapshot!(unlisted.into_iter().collect::<Vec<_>>().join("\n"));
}
