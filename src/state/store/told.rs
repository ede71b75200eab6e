//! The statements of a write, told to the log (`-vvv`) as they begin and end: what a test that kills the process counts.

use super::statements::Statements;
use super::value::{Failure, Row, Value};

/// Statements that are told.
pub(super) struct Told<'a>(pub(super) &'a dyn Statements);

impl Statements for Told<'_> {
    fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        told(sql, || self.0.query(sql, values))
    }

    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        told(sql, || self.0.execute(sql, values))
    }

    fn batch(&self, sql: &str) -> Result<(), Failure> {
        told(sql, || self.0.batch(sql))
    }
}

/// The text alone: values may hold what belongs in no log.
fn told<T>(sql: &str, run: impl FnOnce() -> T) -> T {
    let line = sql.lines().next().unwrap_or_default();
    tracing::trace!(target: "offshoot::statement", "state statement begins: {line:?}");
    let done = run();
    tracing::trace!(target: "offshoot::statement", "state statement ends: {line:?}");
    done
}
