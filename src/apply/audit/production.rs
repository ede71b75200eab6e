//! What an audit finds in production's table of the same model, so that rows that were wrong before are told from rows that
//! became wrong. Counts only; and whatever goes wrong here hides nothing of what was found first.

use std::collections::BTreeMap;

use super::Work;
use super::look::Look;
use crate::apply::watched;
use crate::audit::Audit;
use crate::engine::Session;
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::Model;
use crate::state::Pointer;
use crate::time::Interval;

/// What production shows of the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InProduction {
    /// So many rows of it fail, too.
    Rows(u64),
    /// It is the table that was audited.
    ThisTable,
}

/// Production as it is shown, with a session to look at it.
pub(super) struct Production<'a> {
    work: &'a Work<'a>,
    /// The table of each model, or its view where it has none.
    shown: BTreeMap<ModelName, TableName>,
    /// The tables alone, which audits that name other models read.
    tables: BTreeMap<ModelName, TableName>,
    session: Box<dyn Session>,
}

impl<'a> Production<'a> {
    /// `None` where nothing was promoted, or it cannot be read.
    pub(super) fn of(work: &'a Work<'a>) -> Option<Self> {
        let models = work.state.environment(&EnvironmentName::prod()).ok()??.models;
        let shown =
            |pointer: &Pointer| pointer.table.clone().or_else(|| pointer.view.as_ref().map(|view| view.name.clone()));
        Some(Self {
            work,
            shown: models.iter().filter_map(|(name, pointer)| Some((name.clone(), shown(pointer)?))).collect(),
            tables: models.iter().filter_map(|(name, pointer)| Some((name.clone(), pointer.table.clone()?))).collect(),
            session: work.engine.session().ok()?,
        })
    }

    /// What the same audit finds there, of the same ranges.
    pub(super) fn count(
        &mut self,
        (model, table): (&Model, Option<&TableName>),
        (audit, ranges): (&Audit, &[Interval]),
    ) -> Option<InProduction> {
        let shown = self.shown.get(&model.name)?;
        // Of a view the query is audited that it will have.
        if table == Some(shown) && self.tables.contains_key(&model.name) {
            return Some(InProduction::ThisTable);
        }
        let look = Look { tree: self.work.tree, tables: &self.tables, now: self.work.now };
        let session = self.session.as_mut();
        watched(session.interrupter(), self.work.interruption, || {
            let found = ranges.iter().map(|range| {
                let rows = look.rows(session, model, shown, Some(*range)).ok()?;
                look.count(session, (&model.name, audit), (&rows, *range)).ok()
            });
            found.sum::<Option<u64>>().map(InProduction::Rows)
        })
    }
}
