//! SCD_TYPE_2: versions of rows that no query gives again, and that no change of a model may lose.

mod adopted;
mod at_once;
mod by_key;
mod chains;
mod decided;
mod definitions;
mod effective_from;
mod forward_only;
mod intervals;
mod keyed_intervals;
mod killed;
mod partitions;
mod refused;
mod regained;
mod unmanaged;
mod versions;

use offshoot::engine::Engine as _;

use crate::lab::lab;
use crate::on_postgres::{OnPostgres, rows};
use crate::world::{Ran, World};

/// A world with a source table that changes, on either engine.
pub(crate) enum Site {
    DuckDb(World),
    Postgres(OnPostgres),
}

impl Site {
    /// Both engines with these models over `raw.people`, which is empty.
    pub(crate) fn both(models: &[(&str, &str)]) -> [Self; 2] {
        [Self::duckdb(models), Self::postgres(models)]
    }

    pub(crate) fn duckdb(models: &[(&str, &str)]) -> Self {
        Self::DuckDb(lab(models)).with_source()
    }

    pub(crate) fn postgres(models: &[(&str, &str)]) -> Self {
        Self::Postgres(OnPostgres::with(World::empty(), models)).with_source()
    }

    fn with_source(self) -> Self {
        self.execute(
            "CREATE SCHEMA raw; CREATE TABLE raw.people (id INTEGER, name VARCHAR, price INTEGER, updated_at TIMESTAMP)",
        );
        self
    }

    pub(crate) fn world(&self) -> &World {
        match self {
            Self::DuckDb(world) => world,
            Self::Postgres(on) => &on.world,
        }
    }

    /// The same at another time.
    pub(crate) fn at(self, now: &str) -> Self {
        match self {
            Self::DuckDb(world) => Self::DuckDb(world.at(now)),
            Self::Postgres(OnPostgres { world, database }) => {
                Self::Postgres(OnPostgres { world: world.at(now), database })
            }
        }
    }

    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::DuckDb(world) => {
                let done = world.engine().session().expect("a session").execute(sql);
                done.unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
            Self::Postgres(on) => {
                rows(&on.database.client(), sql);
            }
        }
    }

    /// What is in the source from now on.
    pub(crate) fn people(&self, values: &str) {
        self.execute("DELETE FROM raw.people");
        self.execute(&format!("INSERT INTO raw.people VALUES {values}"));
    }

    /// Rows as lines, cells between bars.
    pub(crate) fn lines(&self, sql: &str) -> Vec<String> {
        match self {
            Self::Postgres(on) => rows(&on.database.client(), sql),
            Self::DuckDb(world) => {
                let cell = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".into());
                let line = |row: Vec<Option<String>>| row.into_iter().map(cell).collect::<Vec<_>>().join("|");
                world.sql(sql).into_iter().map(line).collect()
            }
        }
    }

    /// What a history shows of these columns, with the days of its validity.
    pub(crate) fn history(&self, view: &str, columns: &str) -> Vec<String> {
        self.lines(&format!(
            "SELECT {columns}, CAST(CAST(valid_from AS DATE) AS VARCHAR), CAST(CAST(valid_to AS DATE) AS VARCHAR) FROM {view} \
             ORDER BY id, valid_from, valid_to"
        ))
    }

    pub(crate) fn done(&self, arguments: &[&str]) -> Ran {
        self.world().done(arguments)
    }
}

/// What a view shows of each day.
pub(crate) fn shown(site: &Site, view: &str, columns: &str) -> Vec<String> {
    site.lines(&format!("SELECT CAST(day AS VARCHAR), {columns} FROM {view} ORDER BY day"))
}
