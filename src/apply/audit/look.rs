//! One audit over one model's rows.

use std::collections::BTreeMap;

use crate::apply::fault::FillError;
use crate::apply::kinds::time_column;
use crate::apply::{engine_error, everything};
use crate::audit::{self, Audit};
use crate::engine::{EngineError, Session};
use crate::error::CommandError;
use crate::fingerprint::Tree;
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model};
use crate::resolve::{Resolver, Times};
use crate::sql::Dialect;
use crate::statement::{ColumnType, LoadTime, quote_identifier, quote_table, time_filter};
use crate::time::{Interval, Timestamp};

/// Where audits look.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The models.
    pub tree: &'a Tree,
    /// Where the rows of each are, for audits that name others.
    pub tables: &'a BTreeMap<ModelName, TableName>,
    /// For `@execution_*`.
    pub now: Timestamp,
}

/// What came of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// So many rows fail.
    Rows(u64),
    /// The engine does not take it, or a model that it names is nowhere; says why.
    Refused(String),
}

impl<'a> Look<'a> {
    /// The rows of a model's table for a FROM clause: all, or of one that is loaded by time those of a range.
    pub(in crate::apply) fn rows(
        &self,
        session: &mut dyn Session,
        model: &Model,
        table: &TableName,
        range: Option<Interval>,
    ) -> Result<String, FillError> {
        let columns = match (&model.kind, range) {
            (Kind::TimeRange(_), Some(_)) => session.columns(table)?.unwrap_or_default(),
            _ => Vec::new(),
        };
        self.rows_among(session.dialect(), model, table, (&columns, range))
    }

    /// The same where the table's columns are known.
    pub(in crate::apply) fn rows_among(
        &self,
        dialect: Dialect,
        model: &Model,
        table: &TableName,
        (columns, range): (&[ColumnType], Option<Interval>),
    ) -> Result<String, FillError> {
        let name = quote_table(dialect, table);
        match (&model.kind, range) {
            (Kind::TimeRange(of), Some(range)) => {
                let filter = time_filter(dialect, None, time_column(model, of, columns)?, range)?;
                Ok(format!("(SELECT * FROM {name} WHERE {filter})"))
            }
            _ => Ok(name),
        }
    }

    /// The rows of a view as its query gives them.
    pub(in crate::apply) fn rows_as_shown(&self, dialect: Dialect, model: &Model) -> Result<String, FillError> {
        Ok(format!("(\n{}\n)", self.resolver(dialect).model(model, self.times(everything(self.now)))?))
    }

    /// How many rows an audit finds among these.
    pub(in crate::apply) fn count(
        &self,
        session: &mut dyn Session,
        (reader, audit): (&ModelName, &Audit),
        (rows, range): (&str, Interval),
    ) -> Result<u64, FillError> {
        let failing = self.resolver(session.dialect()).audit(reader, audit, (rows, self.times(range)))?;
        let refused = |error| match error {
            error @ EngineError::Statement { .. } => {
                FillError::AuditRefused { audit: audit.name.clone(), source: error }
            }
            error => error.into(),
        };
        let found = session.query(&audit::count(&failing)).map_err(refused)?.rows;
        let number = found.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
        number.ok_or_else(|| FillError::Internal(format!("audit `{}` gave no number", audit.name)))
    }

    /// What an audit finds in a table or view as it is; without one in what the model's own name stands for.
    ///
    /// # Errors
    /// The warehouse is out of reach, or the run was asked to stop.
    pub fn ask(
        &self,
        session: &mut dyn Session,
        (model, audit): (&Model, &Audit),
        (table, range): (Option<&TableName>, Option<Interval>),
    ) -> Result<Answer, CommandError> {
        let rows = match table {
            Some(table) => self.rows(session, model, table, range),
            None => {
                let parts = model.name.parts().iter().map(|part| quote_identifier(session.dialect(), part));
                Ok(parts.collect::<Vec<_>>().join("."))
            }
        };
        let over = range.unwrap_or_else(|| everything(self.now));
        answer(rows.and_then(|rows| self.count(session, (&model.name, audit), (&rows, over))))
    }

    /// What an audit finds that belongs to no model.
    ///
    /// # Errors
    /// As [`Look::ask`].
    pub fn ask_alone(&self, session: &mut dyn Session, audit: &Audit) -> Result<Answer, CommandError> {
        let Some(reader) = ModelName::from_parts(vec![audit.name.clone()]) else {
            return Ok(Answer::Refused("it has no name".into()));
        };
        let no_rows = quote_identifier(session.dialect(), &audit.name);
        answer(self.count(session, (&reader, audit), (&no_rows, everything(self.now))))
    }

    fn resolver(&self, dialect: Dialect) -> Resolver<'a> {
        Resolver { tree: self.tree, dialect, tables: self.tables }
    }

    fn times(&self, interval: Interval) -> Times {
        Times::At(LoadTime { interval, execution: self.now })
    }
}

fn answer(found: Result<u64, FillError>) -> Result<Answer, CommandError> {
    match found {
        Ok(rows) => Ok(Answer::Rows(rows)),
        Err(FillError::Engine(error)) => Err(engine_error("the audits did not run", error)),
        Err(FillError::AuditRefused { source, .. }) => Ok(Answer::Refused(source.to_string())),
        Err(error) => Ok(Answer::Refused(error.to_string())),
    }
}
