//! What the warehouse shows, and how it is damaged behind the program's back.

use std::collections::BTreeMap;

use offshoot::engine::Engine as _;
use offshoot::postgres::Reply;

use super::random::Choices;
use super::table::Found;
use crate::postgres::Database;
use crate::world::World;

/// Where a walk's tables are.
#[derive(Clone, Copy)]
pub(crate) enum Warehouse<'a> {
    DuckDb(&'a World),
    Postgres(&'a Database),
}

impl Warehouse<'_> {
    /// Runs statements.
    pub(crate) fn execute(self, sql: &str) {
        match self {
            Self::DuckDb(world) => {
                let mut session = world.engine().session().expect("a session");
                session.execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
            Self::Postgres(database) => {
                database.client().batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
        }
    }

    fn query(self, sql: &str) -> Found {
        match self {
            Self::DuckDb(world) => {
                let mut session = world.engine().session().expect("a session");
                session.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows
            }
            Self::Postgres(database) => {
                let mut found = Vec::new();
                let keep = |reply| {
                    if let Reply::Row(cells) = reply {
                        found.push(cells);
                    }
                };
                database.client().simple(sql, keep).unwrap_or_else(|error| panic!("{sql}: {error}"));
                found
            }
        }
    }

    /// The columns of all views of a schema, in order.
    fn columns(self, schema: &str) -> Found {
        self.query(&match self {
            Self::DuckDb(_) => format!(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = '{schema}' AND NOT internal \
                 ORDER BY table_name, column_index"
            ),
            Self::Postgres(_) => format!(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '{schema}' \
                 ORDER BY table_name, ordinal_position"
            ),
        })
    }
}

/// A view's columns, and its rows as texts in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Found,
}

impl Seen {
    pub(crate) fn lines(&self) -> Vec<String> {
        let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".into());
        let line = |row: &Vec<Option<String>>| row.iter().map(cell).collect::<Vec<_>>().join("|");
        self.rows.iter().map(line).collect()
    }
}

/// All views of a schema.
pub(crate) fn views(warehouse: Warehouse<'_>, schema: &str) -> BTreeMap<String, Seen> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    for row in warehouse.columns(schema) {
        if let [Some(view), Some(column)] = row.as_slice() {
            seen.entry(view.clone()).or_default().columns.push(column.clone());
        }
    }
    for (view, seen) in &mut seen {
        let columns: Vec<String> = seen.columns.iter().map(|name| format!("CAST(\"{name}\" AS VARCHAR)")).collect();
        seen.rows = warehouse.query(&format!("SELECT {} FROM \"{schema}\".\"{view}\"", columns.join(", ")));
        seen.rows.sort();
    }
    seen
}

/// A fault that nobody told the program of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A row is gone.
    Lost,
    /// A row is there twice.
    Doubled,
    /// The values of rows are other ones, as if a query had given them again.
    Recomputed,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Lost, Self::Doubled, Self::Recomputed];
}

/// Damages one of production's tables in DuckDB, if there is one that can be; tells which.
pub(crate) fn damage(world: &World, choices: &mut Choices, fault: Fault, names: &[&str]) -> Option<String> {
    let (warehouse, name) = (Warehouse::DuckDb(world), choices.one(names));
    let text =
        warehouse.query(&format!("SELECT sql FROM duckdb_views() WHERE schema_name = 's' AND view_name = '{name}'"));
    let text = text.first()?.first()?.clone()?;
    let table = text.split(" FROM ").nth(1)?.trim().trim_end_matches(';').to_owned();
    let rows = warehouse.query(&format!("SELECT count(*) FROM {table}"));
    if rows.first()?.first()?.as_deref() == Some("0") {
        return None;
    }
    let first = format!("(SELECT min(rowid) FROM {table})");
    let sql = match fault {
        Fault::Lost => format!("DELETE FROM {table} WHERE rowid = {first}"),
        Fault::Doubled => format!("INSERT INTO {table} SELECT * FROM {table} WHERE rowid = {first}"),
        Fault::Recomputed => format!("UPDATE {table} SET price = coalesce(price, 0) * 7 + 1"),
    };
    warehouse.execute(&sql);
    Some(format!("{fault:?}: {sql}"))
}
