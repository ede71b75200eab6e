//! Values on their way to a statement and back.

use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};

/// A value for `$1`, `$2`, …
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// A text.
    Text(Option<String>),
    /// A whole number (`bigint`).
    Integer(Option<i64>),
    /// A number (`double precision`).
    Real(Option<f64>),
}

impl Parameter {
    pub(super) fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(value) => (value, Type::TEXT),
            Self::Integer(value) => (value, Type::INT8),
            Self::Real(value) => (value, Type::FLOAT8),
        }
    }
}

/// A row: the names of its columns, which all rows of an answer share, and a value for each. Values are of the kinds of
/// [`Parameter`]; truth is 0 or 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Parameter>,
}

impl Row {
    /// The value of a column.
    pub fn get(&self, column: &str) -> Option<&Parameter> {
        let place = self.columns.iter().position(|name| name == column)?;
        self.values.get(place)
    }

    /// The names of the columns, in order.
    pub fn columns(&self) -> &Arc<[String]> {
        &self.columns
    }

    /// The values, in order.
    pub fn values(&self) -> &[Parameter] {
        &self.values
    }

    /// The same, of a row that nobody needs any longer.
    pub fn into_values(self) -> Vec<Parameter> {
        self.values
    }

    /// The rows of one answer.
    pub(super) fn all(rows: &[tokio_postgres::Row]) -> Result<Vec<Self>, tokio_postgres::Error> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let columns: Arc<[String]> = first.columns().iter().map(|column| column.name().to_owned()).collect();
        rows.iter().map(|row| Ok(Self { columns: Arc::clone(&columns), values: Self::read(row)? })).collect()
    }

    fn read(row: &tokio_postgres::Row) -> Result<Vec<Parameter>, tokio_postgres::Error> {
        let value = |(index, column): (usize, &tokio_postgres::Column)| {
            Ok(match *column.type_() {
                Type::INT2 => Parameter::Integer(row.try_get::<_, Option<i16>>(index)?.map(i64::from)),
                Type::INT4 => Parameter::Integer(row.try_get::<_, Option<i32>>(index)?.map(i64::from)),
                Type::INT8 => Parameter::Integer(row.try_get(index)?),
                Type::OID => Parameter::Integer(row.try_get::<_, Option<u32>>(index)?.map(i64::from)),
                Type::BOOL => Parameter::Integer(row.try_get::<_, Option<bool>>(index)?.map(i64::from)),
                Type::FLOAT4 => Parameter::Real(row.try_get::<_, Option<f32>>(index)?.map(f64::from)),
                Type::FLOAT8 => Parameter::Real(row.try_get(index)?),
                // Of any other type this is an error that names it.
                _ => Parameter::Text(row.try_get(index)?),
            })
        };
        row.columns().iter().enumerate().map(value).collect()
    }
}
