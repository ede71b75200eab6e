//! Pairs of queries and what must (or must not) move between them.

mod aggregates;
mod apart;
mod basics;
mod captures;
mod holes;
mod laterals;
mod names;
mod needless;
mod unsure;

use super::*;
use crate::sql::{TableShape, Template};

/// Tables by name with their columns; any other is undeclared.
struct Warehouse {
    dialect: Dialect,
    tables: Vec<(&'static str, Vec<&'static str>)>,
}

impl Warehouse {
    fn new(dialect: Dialect) -> Self {
        let tables = vec![
            ("t", vec!["id", "pid", "x", "d1", "d2", "g", "ds"]),
            ("u", vec!["id", "x", "y", "ds"]),
            ("j2", vec!["k", "z"]),
        ];
        Self { dialect, tables }
    }

    /// The same where one table has other columns.
    fn with(mut self, table: &'static str, columns: &[&'static str]) -> Self {
        self.tables.retain(|(name, _)| *name != table);
        self.tables.push((table, columns.to_vec()));
        self
    }

    fn analysis(&self, sql: &str) -> Analysis {
        let mut text = sql.to_owned();
        for name in ["start_ds", "end_ds", "execution_ts"] {
            text = text.replace(&format!("@{name}"), &format!("{}('{name}')", crate::sql::TIME_FUNCTION));
        }
        analyze(&Query::parse(Template::plain(text), self.dialect), self)
    }
}

impl Tables for Warehouse {
    fn table(&self, name: &ModelName) -> Step<TableShape> {
        let columns = self.tables.iter().find(|(table, _)| *table == name.table()).map(|(_, columns)| columns);
        let rows = Digest::of("rows", &name.to_string());
        let column = |column: &&str| ShapeColumn {
            name: OutputName::stated(*column),
            hash: Digest::of("column", &format!("{name}.{}", column.to_lowercase())),
            traits: Traits::default(),
        };
        Ok(TableShape {
            name: name.clone(),
            rows,
            row_traits: Traits::default(),
            columns: columns.map(|columns| columns.iter().map(column).collect()),
            storage: Digest::of("storage", &name.to_string()),
        })
    }
}

fn resolve(sql: &str) -> Resolved {
    match analysis(sql) {
        Analysis::Resolved(resolved) => resolved,
        Analysis::Opaque(opaque) => panic!("{sql}\nis opaque: {opaque}"),
    }
}

fn analysis(sql: &str) -> Analysis {
    Warehouse::new(Dialect::DuckDb).analysis(sql)
}

fn opaque(sql: &str) -> String {
    match analysis(sql) {
        Analysis::Opaque(opaque) => opaque.to_string(),
        Analysis::Resolved(_) => panic!("{sql}\nis not opaque"),
    }
}

/// What moved: `rows`, then columns by name.
fn moved(before: &str, after: &str) -> Vec<String> {
    explained(before, after);
    difference(&resolve(before), &resolve(after))
}

/// What moves between two queries is told by name, too.
fn explained(before: &str, after: &str) {
    use crate::explain::tests::{check, model_of};
    check(&model_of(before), &model_of(after));
}

fn difference(before: &Resolved, after: &Resolved) -> Vec<String> {
    let mut moved = Vec::new();
    if before.rows != after.rows {
        moved.push("rows".to_owned());
    }
    for column in &after.columns {
        let old = before.columns.iter().find(|old| old.name.text == column.name.text);
        if old.is_none_or(|old| old.hash != column.hash) {
            moved.push(column.name.text.clone());
        }
    }
    let gone = before.columns.iter().filter(|old| !after.columns.iter().any(|new| new.name.text == old.name.text));
    moved.extend(gone.map(|column| format!("-{}", column.name.text)));
    moved
}

#[track_caller]
fn same(before: &str, after: &str) {
    assert_eq!(moved(before, after), Vec::<String>::new(), "{before}\n{after}");
}

#[track_caller]
fn moves(what: &[&str], before: &str, after: &str) {
    assert_eq!(moved(before, after), what, "{before}\n{after}");
}

/// The queries are told apart in both dialects, or one of them cannot be taken apart at all.
#[track_caller]
fn told_apart(before: &str, after: &str) {
    for dialect in [Dialect::DuckDb, Dialect::Postgres] {
        let warehouse = Warehouse::new(dialect);
        if let (Analysis::Resolved(one), Analysis::Resolved(two)) =
            (warehouse.analysis(before), warehouse.analysis(after))
        {
            assert_ne!(difference(&one, &two), Vec::<String>::new(), "{dialect}:\n{before}\n{after}");
        }
    }
}

/// As [`told_apart`], where neither is opaque in DuckDB: the difference must be seen, not feared.
#[track_caller]
fn seen_apart(before: &str, after: &str) {
    assert_ne!(moved(before, after), Vec::<String>::new(), "{before}\n{after}");
    told_apart(before, after);
}
