//! Opening a state: who it is, whether it is ours, and bringing it to the present schema.

use super::Access;
use super::link::Link;
use super::rows::{explain, of_server, quoted, translate};
use crate::ids::StateId;
use crate::postgres::PostgresError;
use crate::state::StateError;
use crate::state::store::{self, Contents, Failure, Reading, Statements, Value, Writing};

/// Opens a state to read. Nothing is made or migrated.
pub(super) fn to_read(link: &mut Link) -> Result<Access, StateError> {
    let found = look(link)?;
    let location = link.place().location();
    match found {
        Contents::Nothing => Ok(Access::Nothing),
        Contents::State(store::NEWEST) => Ok(Access::Read),
        Contents::State(found) => Err(StateError::OlderSchema { location, found, known: store::NEWEST }),
        Contents::Foreign(table) => Err(foreign(location, &table)),
    }
}

/// Opens a state to write, making its schema and its tables where they are not there.
pub(super) fn to_write(link: &mut Link, state: &StateId, algorithm_version: u64) -> Result<Access, StateError> {
    if look(link)? != Contents::State(store::NEWEST) {
        let place = link.place().clone();
        let prepared = link.write(Writing::Alone, |statements| {
            prepare(statements, &place.schema, &place.location(), state, algorithm_version)
        });
        prepared.map_err(|failure| explain(failure, "prepare", &place))?;
    }
    let identity = link.read(Reading::Once, store::identity);
    let identity = identity.map_err(|failure| explain(failure, "read", link.place()))?;
    let location = link.place().location();
    match identity {
        Some(found) if found.algorithm_version > algorithm_version => {
            let (found, known) = (found.algorithm_version, algorithm_version);
            Err(StateError::NewerAlgorithm { location, found, known })
        }
        Some(found) => Ok(Access::Write(found.state)),
        None => Err(StateError::Damaged { location, reason: "it does not say who it is".into() }),
    }
}

/// The version of the tables; `None` where there are none.
pub(super) fn schema_version(link: &mut Link) -> Result<Option<u32>, StateError> {
    let location = link.place().location();
    match look(link)? {
        Contents::Nothing => Ok(None),
        Contents::State(version) => Ok(Some(version)),
        Contents::Foreign(table) => Err(foreign(location, &table)),
    }
}

/// What stands in the schema; what is not ours or too new is refused before anything is changed.
fn look(link: &mut Link) -> Result<Contents, StateError> {
    let place = link.place().clone();
    // Where a state is, one statement tells; where that is refused, what stands there instead is looked at.
    match link.read(Reading::Once, store::identity) {
        Ok(Some(identity)) => return refuse(Contents::State(identity.schema_version), place.location()),
        Err(failure) if of_server(&failure).is_some_and(|error| !matches!(error, PostgresError::Statement(_))) => {
            return Err(explain(failure, "read", &place));
        }
        Ok(None) | Err(_) => {}
    }
    let found = link.read(Reading::Together, |statements| contents(statements, &place.schema));
    let found = found.map_err(|failure| explain(failure, "read", &place))?;
    refuse(found, place.location())
}

fn refuse(found: Contents, location: String) -> Result<Contents, StateError> {
    match found {
        Contents::Foreign(table) => Err(foreign(location, &table)),
        Contents::State(found) if found > store::NEWEST => {
            Err(StateError::NewerSchema { location, found, known: store::NEWEST })
        }
        ours => Ok(ours),
    }
}

fn foreign(location: String, table: &str) -> StateError {
    StateError::Foreign { location, reason: format!("it has a table `{table}` that is not ours") }
}

/// Several may make or migrate one state at once: under the lock of the state each looks again first.
fn prepare(
    statements: &dyn Statements,
    schema: &str,
    location: &str,
    state: &StateId,
    algorithm_version: u64,
) -> Result<(), Failure> {
    let version = match refuse(contents(statements, schema)?, location.to_owned())? {
        Contents::State(version) => version,
        _ => 0,
    };
    // Where it is there, a role needs no right to make one.
    let sql = "SELECT 1 AS one FROM pg_catalog.pg_namespace WHERE nspname = ?1";
    if statements.query(sql, &[Value::Text(Some(schema.to_owned()))])?.is_empty() {
        statements.batch(&format!("CREATE SCHEMA {}", quoted(schema)))?;
    }
    if version < store::NEWEST {
        statements.batch(&format!("SET LOCAL search_path TO {}", quoted(schema)))?;
        store::migrate(statements, version, translate)?;
    }
    if version == 0 {
        store::identify(statements, state, algorithm_version)?;
    }
    Ok(())
}

fn contents(statements: &dyn Statements, schema: &str) -> Result<Contents, Failure> {
    let sql = "SELECT relations.relname::text AS name FROM pg_catalog.pg_class AS relations
               JOIN pg_catalog.pg_namespace AS schemas ON schemas.oid = relations.relnamespace
               WHERE schemas.nspname = ?1 AND relations.relkind IN ('r', 'p', 'v', 'm', 'f')
               ORDER BY relations.relname <> 'state_identity', relations.relname LIMIT 1";
    let rows = statements.query(sql, &[Value::Text(Some(schema.to_owned()))])?;
    let Some(first) = rows.first() else { return Ok(Contents::Nothing) };
    let table = first.text("name")?.to_owned();
    if table != store::IDENTITY {
        return Ok(Contents::Foreign(table));
    }
    let identity = store::identity(statements)?;
    Ok(identity.map_or(Contents::Foreign(table), |identity| Contents::State(identity.schema_version)))
}
