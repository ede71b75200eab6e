//! The audits of a model, run over rows that nobody sees yet: in the transaction that loads them, or before any
//! view points at what is there already. The audits themselves are `crate::audit`'s.
//!
//! `look` runs one audit, `findings` tells and keeps what was found, `production` counts the same rows of what production
//! shows, `order` says what must be filled before an audit can look.

mod findings;
mod look;
mod order;
mod production;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::findings::{Findings, settled};
pub use self::look::{Answer, Look};
pub(super) use self::order::AuditOrder;

use super::fault::FillError;
use super::task::Task;
use super::{Work, everything, tables_of, watched};
use crate::audit::Audit;
use crate::change::Change;
use crate::engine::{EngineError, Session};
use crate::error::CommandError;
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model, Weight};
use crate::naming::{Layout, view_name};
use crate::plan::{Action, Plan, Target};
use crate::statement::ColumnType;
use crate::time::Interval;

/// What was done to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audited {
    /// It has rows of this range; whatever it is where all of it was filled.
    Loaded(Interval),
    /// It was made without rows.
    Nothing,
}

/// What one audit found.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) audit: Audit,
    /// Of which rows; everything where the model is not loaded by time.
    pub(super) range: Interval,
    pub(super) rows: u64,
}

/// Rows that a model may not have.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) model: ModelName,
    /// The table, or the view that would show them.
    pub(super) table: Option<TableName>,
    /// What all of its audits found.
    pub(super) looked: Vec<Looked>,
    /// What to say of the first blocking one that found something.
    pub(super) told: String,
    pub(super) rows: Fate,
}

/// What became of rows that may not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are not there any more.
    Undone,
    /// Nobody sees them.
    Unseen,
    /// They stand where they may be seen.
    Stay,
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
    ) -> Result<Vec<Looked>, FillError> {
        let Audited::Loaded(range) = audited else { return Ok(Vec::new()) };
        let mut audits = Audit::all(self.model);
        audits.retain(|audit| !self.order.is_late(&self.target.name, audit));
        if audits.is_empty() {
            return Ok(Vec::new());
        }
        let look = Look { tree: self.work.tree, tables: self.tables, now: self.work.now };
        let rows = look.rows_among(session.dialect(), self.model, self.table, (columns, Some(range)))?;
        let fate = match session.capabilities().transactional_ddl.is_yes() {
            true => Fate::Undone,
            false => Fate::Unseen,
        };
        run((self.work, &look), session, (self.model, Some(self.table), fate), (audits, &rows, range))
    }
}

/// Runs the audits of what is about to be shown and was not audited just now: of tables that were there before, with all their
/// rows, as whoever filled them may have had other audits; of views, which are audited as they will be; and those that read
/// what is filled after their own model. What the change does not touch was audited when it was shown.
///
/// # Errors
/// A blocking one finds something.
pub fn audit_unfilled(work: &Work<'_>, plan: &Plan, layout: Layout<'_>) -> Result<(), CommandError> {
    let touched: BTreeSet<&ModelName> = plan
        .models
        .iter()
        .filter(|planned| planned.change != Change::Unaffected)
        .map(|planned| &planned.name)
        .collect();
    audit_targets(
        work,
        (plan, Some(layout)),
        &|target, model| {
            let is_older = match &target.table {
                Some(_) => has_older_rows(target, model),
                None => model.kind == Kind::View,
            };
            if is_older && touched.contains(&target.name) { Which::All } else { Which::Late }
        },
        Fate::Unseen,
    )
}

/// Runs the audits that read what is filled after their own model.
///
/// # Errors
/// A blocking one finds something.
pub fn audit_late(work: &Work<'_>, plan: &Plan) -> Result<(), CommandError> {
    audit_targets(work, (plan, None), &|_, _| Which::Late, Fate::Stay)
}

/// Which audits of a model are still to run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Late,
}

fn audit_targets(
    work: &Work<'_>,
    (plan, layout): (&Plan, Option<Layout<'_>>),
    which: &dyn Fn(&Target, &Model) -> Which,
    fate: Fate,
) -> Result<(), CommandError> {
    let tables = tables_of(plan);
    let order = AuditOrder::of(work.tree, plan);
    let mut session = None;
    for target in &plan.targets {
        let Some(model) = work.tree.models.get(&target.name) else { continue };
        let audits: Vec<Audit> = match which(target, model) {
            Which::All => Audit::all(model),
            Which::Late if target.action == Action::Build => order.late(model),
            Which::Late => continue,
        };
        if audits.is_empty() {
            continue;
        }
        let view = |layout: Layout<'_>| view_name(&target.name, layout);
        let table = target.table.clone().or_else(|| layout.map(view));
        let audited = unfilled(work, &mut session, (&tables, target), (model, audits, (table.as_ref(), fate)));
        audited.map_err(|error| settled(work, error).told(work, &target.name))?;
    }
    Ok(())
}

/// Whether a table has rows that this run did not audit: all of them where it was only found, those of other ranges where it
/// was loaded further.
fn has_older_rows(target: &Target, model: &Model) -> bool {
    let is_filled = target.action == Action::Build;
    target.found.is_some() && (!is_filled || matches!(model.kind, Kind::TimeRange(_)))
}

fn unfilled(
    work: &Work<'_>,
    session: &mut Option<Box<dyn Session>>,
    (tables, target): (&BTreeMap<ModelName, TableName>, &Target),
    (model, audits, (table, fate)): (&Model, Vec<Audit>, (Option<&TableName>, Fate)),
) -> Result<(), FillError> {
    let session = match session {
        Some(session) => session.as_mut(),
        None => session.insert(work.engine.session()?).as_mut(),
    };
    let look = Look { tree: work.tree, tables, now: work.now };
    let rows = match &target.table {
        Some(filled) => look.rows(session, model, filled, None)?,
        None => look.rows_as_shown(session.dialect(), model)?,
    };
    // Nobody else stops it: no table is being filled.
    let looked = watched(session.interrupter(), work.interruption, || {
        run((work, &look), session, (model, table, fate), (audits, &rows, everything(work.now)))
    })?;
    Findings::settle(work, (model, table), looked)
}

/// Runs audits of a model over rows, and fails with the first blocking one that finds something.
fn run(
    (work, look): (&Work<'_>, &Look<'_>),
    session: &mut dyn Session,
    (model, table, fate): (&Model, Option<&TableName>, Fate),
    (audits, rows, range): (Vec<Audit>, &str, Interval),
) -> Result<Vec<Looked>, FillError> {
    let mut looked = Vec::new();
    for audit in audits.into_iter().filter(|audit| audit.weight != Weight::Skipped) {
        if work.interruption.is_requested() {
            return Err(EngineError::Interrupted { statement: audit.call }.into());
        }
        let found = look.count(session, (&model.name, &audit), (rows, range))?;
        looked.push(Looked { audit, range, rows: found });
    }
    let blocking = looked.iter().find(|looked| looked.audit.weight == Weight::Blocking && looked.rows > 0);
    let Some(first) = blocking else { return Ok(looked) };
    let told = findings::told(&first.audit.name, first.rows, None);
    let failed = Failed { model: model.name.clone(), table: table.cloned(), looked, told, rows: fate };
    Err(FillError::Audit(Box::new(failed)))
}
