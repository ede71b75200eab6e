//! The tables of a state, as an ordered list of migrations.
//!
//! Rules: an entry is never edited or removed once released; a new one only adds; all that are due run in one
//! transaction. Plain types and no feature of one store only, so that every implementation has the same schema.

use rusqlite::{Connection, OptionalExtension as _};

use super::convert::Failure;

/// Entry `n` makes schema version `n + 1`.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// The newest schema version that this program knows.
pub(super) const NEWEST: u32 = {
    assert!(MIGRATIONS.len() < 1000);
    MIGRATIONS.len() as u32
};

/// What stands in a database.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// Nothing at all.
    Nothing,
    /// A state of this schema version.
    State(u32),
    /// Something else; names one of its tables.
    Foreign(String),
}

/// Looks what stands in a database without changing it.
pub(super) fn contents(connection: &Connection) -> Result<Contents, Failure> {
    let table = |wanted: &str| {
        let sql = format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND {wanted} ORDER BY name LIMIT 1");
        connection.query_row(&sql, [], |row| row.get::<_, String>(0)).optional()
    };
    if table("name = 'state_identity'")?.is_some() {
        let version = connection.query_row("SELECT schema_version FROM state_identity", [], |row| row.get(0));
        return Ok(version.optional()?.map_or(Contents::Foreign("state_identity".into()), Contents::State));
    }
    Ok(table("true")?.map_or(Contents::Nothing, Contents::Foreign))
}

/// Brings the tables from one version to the newest; the caller's transaction commits it.
pub(super) fn migrate(connection: &Connection, from: u32) -> Result<(), Failure> {
    for statements in MIGRATIONS.iter().skip(from as usize) {
        connection.execute_batch(statements)?;
    }
    connection.execute("UPDATE state_identity SET schema_version = ?1", [NEWEST])?;
    Ok(())
}
