//! The tables of a state, as an ordered list of migrations.
//!
//! Rules: an entry is never edited or removed once released; a new one only adds; all that are due run in one
//! transaction. Plain types and no feature of one store only, so that every implementation has the same schema.

use rusqlite::{Connection, OptionalExtension as _};

use super::convert::Failure;

/// Entry `n` makes schema version `n + 1`.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
];

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

/// Looks what stands in a database without changing it. One statement tells whose it is: between two of them another
/// process may make the state, and its tables would be taken for somebody else's.
pub(super) fn contents(connection: &Connection) -> Result<Contents, Failure> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name <> 'state_identity', name LIMIT 1";
    let first: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    match first {
        None => Ok(Contents::Nothing),
        Some(table) if table != "state_identity" => Ok(Contents::Foreign(table)),
        Some(table) => {
            let version = connection.query_row("SELECT schema_version FROM state_identity", [], |row| row.get(0));
            Ok(version.optional()?.map_or(Contents::Foreign(table), Contents::State))
        }
    }
}

/// Brings the tables from one version to the newest; the caller's transaction commits it.
pub(super) fn migrate(connection: &Connection, from: u32) -> Result<(), Failure> {
    for statements in MIGRATIONS.iter().skip(from as usize) {
        connection.execute_batch(statements)?;
    }
    connection.execute("UPDATE state_identity SET schema_version = ?1", [NEWEST])?;
    Ok(())
}
