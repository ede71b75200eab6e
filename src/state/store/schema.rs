//! The tables of a state, as an ordered list of migrations.
//!
//! Rules: an entry is never edited or removed once released; a new one only adds; all that are due run in one
//! transaction. Plain types and no feature of one store only, so that every store has the same schema.

use super::Statements;
use super::told::Told;
use super::value::{Failure, count};

/// Entry `n` makes schema version `n + 1`.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
    include_str!("schema_11.sql"),
    include_str!("schema_12.sql"),
    include_str!("schema_13.sql"),
    include_str!("schema_14.sql"),
];

/// The newest schema version that this program knows.
pub(in crate::state) const NEWEST: u32 = {
    assert!(MIGRATIONS.len() < 1000);
    MIGRATIONS.len() as u32
};

/// The table that tells that a state is ours.
pub(in crate::state) const IDENTITY: &str = "state_identity";

/// What stands where a state is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::state) enum Contents {
    /// Nothing at all.
    Nothing,
    /// A state of this schema version.
    State(u32),
    /// Something else; names one of its tables.
    Foreign(String),
}

/// Brings the tables from one version to the newest, which the caller's transaction commits. `translate` says a migration
/// in the words of a store.
pub(in crate::state) fn migrate(
    statements: &dyn Statements,
    from: u32,
    translate: impl Fn(&str) -> String,
) -> Result<(), Failure> {
    // Tests kill the process at each.
    let statements = &Told(statements);
    for migration in MIGRATIONS.iter().skip(from as usize) {
        statements.batch(&translate(migration))?;
    }
    statements.execute("UPDATE @state_identity SET schema_version = ?1", &[count(NEWEST)])?;
    Ok(())
}
