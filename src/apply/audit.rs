//! The audits of a model, run over rows that nobody sees yet: in the transaction that loads them, or before any
//! view points at what is there already. The audits themselves are `crate::audit`'s.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::FillError;
use super::kinds::time_column;
use super::task::Task;
use super::{Work, everything, tables_of};
use crate::audit::{Audit, Weight};
use crate::change::Change;
use crate::engine::{EngineError, Session};
use crate::error::CommandError;
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model};
use crate::plan::{Action, Plan, Target};
use crate::resolve::{Resolver, Times};
use crate::statement::{ColumnType, LoadTime, quote_table, time_filter};
use crate::time::Interval;

/// What was done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audited {
    /// It has rows of this range; whatever it is where all of it was filled.
    Loaded(Interval),
    /// It was made without rows.
    Nothing,
}

impl Task<'_> {
    /// Counts what the audits find in the rows that were loaded, as SQLMesh does: of a table loaded by time those of the range,
    /// of any other all.
    ///
    /// # Errors
    /// A blocking one finds something.
    pub(super) fn audit(
        self,
        session: &mut dyn Session,
        audited: Audited,
        columns: &[ColumnType],
    ) -> Result<(), FillError> {
        let Audited::Loaded(interval) = audited else { return Ok(()) };
        if self.model.properties.audits.is_empty() {
            return Ok(());
        }
        let name = quote_table(session.dialect(), self.table);
        let rows = match &self.model.kind {
            Kind::TimeRange(range) => {
                let column = time_column(self.model, range, columns)?;
                let filter = time_filter(session.dialect(), None, column, interval)?;
                format!("(SELECT * FROM {name} WHERE {filter})")
            }
            _ => name,
        };
        run(self.work, session, self.model, &rows)
    }
}

/// Runs the audits of what is about to be shown and was not filled just now: of tables that were there before, with all their
/// rows, as whoever filled them may have had other audits; and of views, which are audited as they will be. What the change
/// does not touch was audited when it was shown.
///
/// # Errors
/// A blocking one finds something.
pub fn audit_unfilled(work: &Work<'_>, plan: &Plan) -> Result<(), CommandError> {
    let tables = tables_of(plan);
    let touched: BTreeSet<&ModelName> = plan
        .models
        .iter()
        .filter(|planned| planned.change != Change::Unaffected)
        .map(|planned| &planned.name)
        .collect();
    let mut session = None;
    for target in plan.targets.iter().filter(|target| touched.contains(&target.name)) {
        let Some(model) = work.tree.models.get(&target.name) else { continue };
        if model.properties.audits.is_empty() {
            continue;
        }
        let rows = match &target.table {
            Some(table) if has_older_rows(target, model) => Ok(quote_table(work.engine.dialect(), table)),
            None if model.kind == Kind::View => as_shown(work, &tables, model),
            _ => continue,
        };
        let audited = rows.and_then(|rows| unfilled(work, &mut session, model, &rows));
        audited.map_err(|error| error.told(work, &target.name))?;
    }
    Ok(())
}

/// Whether a table has rows that this run did not audit: all of them where it was only found, those of other ranges where it
/// was loaded further.
fn has_older_rows(target: &Target, model: &Model) -> bool {
    let is_filled = target.action == Action::Build;
    target.found.is_some() && (!is_filled || matches!(model.kind, Kind::TimeRange(_)))
}

/// The query of a view over the tables of a plan.
fn as_shown(work: &Work<'_>, tables: &BTreeMap<ModelName, TableName>, model: &Model) -> Result<String, FillError> {
    let resolver = Resolver { tree: work.tree, dialect: work.engine.dialect(), tables };
    let times = Times::At(LoadTime { interval: everything(work.now), execution: work.now });
    Ok(format!("(\n{}\n)", resolver.model(model, times)?))
}

fn unfilled(
    work: &Work<'_>,
    session: &mut Option<Box<dyn Session>>,
    model: &Model,
    rows: &str,
) -> Result<(), FillError> {
    let session = match session {
        Some(session) => session,
        None => session.insert(work.engine.session()?),
    };
    run(work, session.as_mut(), model, rows)
}

/// Runs every audit of a model, and fails with the first blocking one that finds something.
fn run(work: &Work<'_>, session: &mut dyn Session, model: &Model, rows: &str) -> Result<(), FillError> {
    let mut blocking = None;
    // What cannot run was told when the project was read.
    for audit in model.properties.audits.iter().filter_map(|call| Audit::read(call, model.dialect).ok()) {
        let found = count(session, &audit, rows)?;
        if found == 0 {
            continue;
        }
        match audit.weight {
            Weight::Told => work.output.talk(&warning(&model.name, &audit.name, found)),
            Weight::Blocking => drop(blocking.get_or_insert((audit.name, found))),
        }
    }
    match blocking {
        None => Ok(()),
        Some((audit, rows)) => Err(FillError::Audit { audit, rows }),
    }
}

fn warning(model: &ModelName, audit: &str, found: u64) -> String {
    format!("warning: audit `{audit}` of `{model}` finds {found} row{}", if found == 1 { "" } else { "s" })
}

fn count(session: &mut dyn Session, audit: &Audit, rows: &str) -> Result<u64, FillError> {
    let refused = |error| match error {
        error @ EngineError::Statement { .. } => FillError::AuditRefused { audit: audit.name.clone(), source: error },
        error => error.into(),
    };
    let found = session.query(&audit.count(rows)).map_err(refused)?.rows;
    let number = found.first().and_then(|row| row.first()?.as_deref()?.parse().ok());
    number.ok_or_else(|| FillError::Internal(format!("audit `{}` gave no number", audit.name)))
}
