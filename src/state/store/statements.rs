//! What a store does for us inside of one transaction.

use super::value::{Failure, Row, Value};

/// The statements of one transaction. Texts are in the words of [`super::dialect`]; each call is one round trip.
pub trait Statements {
    /// The rows of a query.
    fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure>;

    /// Runs a statement; gives how many rows it touched.
    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Failure>;

    /// Runs several statements that take no values, as they stand.
    fn batch(&self, sql: &str) -> Result<(), Failure>;
}

/// Tells that a store is asked something. Tests count these lines.
pub(in crate::state) fn round_trip() {
    tracing::trace!(target: "offshoot::state", "round trip");
}

/// What there is before anybody made a state.
pub(in crate::state) struct Nothing;

impl Statements for Nothing {
    fn query(&self, _: &str, _: &[Value]) -> Result<Vec<Row>, Failure> {
        Ok(Vec::new())
    }

    fn execute(&self, _: &str, _: &[Value]) -> Result<u64, Failure> {
        Ok(0)
    }

    fn batch(&self, _: &str) -> Result<(), Failure> {
        Ok(())
    }
}

/// The most rows of one inserting statement: few enough for the number of values that every store takes in one.
const ROWS: usize = 100;

impl dyn Statements + '_ {
    /// The first row of a query.
    pub(super) fn first(&self, sql: &str, values: &[Value]) -> Result<Option<Row>, Failure> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// Inserts rows, many with each statement; `into` ends before `VALUES`, and `conflict` is what follows the rows. Gives how
    /// many were written.
    pub(super) fn insert<const WIDTH: usize>(
        &self,
        into: &str,
        rows: impl IntoIterator<Item = [Value; WIDTH]>,
        conflict: &str,
    ) -> Result<u64, Failure> {
        let values: Vec<Value> = rows.into_iter().flatten().collect();
        let written = values.chunks(WIDTH * ROWS).map(|chunk| {
            let row = |row: usize| {
                let places: Vec<_> = (1..=WIDTH).map(|place| format!("?{}", row * WIDTH + place)).collect();
                format!("({})", places.join(", "))
            };
            let rows: Vec<_> = (0..chunk.len() / WIDTH).map(row).collect();
            self.execute(&format!("{into} VALUES {} {conflict}", rows.join(", ")), chunk)
        });
        written.sum()
    }
}
