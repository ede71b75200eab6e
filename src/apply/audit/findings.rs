//! What audits found: told to whoever waits, and kept in the state.

use std::collections::BTreeMap;

use super::production::{InProduction, Production};
use super::{Failed, Fate, Looked, Work};
use crate::apply::fault::FillError;
use crate::audit::Audit;
use crate::ids::TableName;
use crate::model::{Kind, Model, Weight};
use crate::state::AuditResult;
use crate::time::Intervals;
use crate::visible::visible;

/// The results of one run for one table. A table that is loaded in several steps has one result for each audit: of one that is
/// loaded by time all rows that were found on the way, of any other those of the last step, which looked at all rows.
#[derive(Debug, Default)]
pub(in crate::apply) struct Findings {
    results: BTreeMap<String, AuditResult>,
    /// What found rows and does not block, and where.
    untold: BTreeMap<String, (Audit, Intervals)>,
}

/// A model and what it stands in.
type Of<'a> = (&'a Model, Option<&'a TableName>);

impl Findings {
    /// Takes what was found and is committed.
    pub(in crate::apply) fn take(&mut self, work: &Work<'_>, of: Of<'_>, looked: Vec<Looked>) {
        for looked in looked {
            self.add(work, of, &looked, None);
            let Looked { audit, range, rows } = looked;
            if !is_by_range(of.0) {
                self.untold.remove(&audit.call);
            }
            if rows > 0 && audit.weight == Weight::Told {
                self.untold.entry(audit.call.clone()).or_insert((audit, Intervals::default())).1.add(range);
            }
        }
    }

    /// Whether nothing is left to tell.
    pub(in crate::apply) fn is_told(&self) -> bool {
        self.untold.is_empty()
    }

    /// Tells what was found and does not block, beside what production has of it.
    pub(in crate::apply) fn tell(&mut self, work: &Work<'_>, (model, table): Of<'_>) {
        let mut production = None;
        for (call, (audit, ranges)) in std::mem::take(&mut self.untold) {
            let Some(result) = self.results.get_mut(&call) else { continue };
            let production = production.get_or_insert_with(|| Production::of(work)).as_mut();
            let known = production.and_then(|known| known.count((model, table), (&audit, ranges.ranges())));
            if let Some(InProduction::Rows(rows)) = known {
                result.production = Some(rows);
            }
            let told = told(&format!("{}` of `{}", audit.name, model.name), result.rows, known);
            work.output.talk(&format!("warning: {}", visible(&told)));
        }
    }

    /// Tells and keeps what was found at once.
    ///
    /// # Errors
    /// The state cannot be written.
    pub(in crate::apply) fn settle(work: &Work<'_>, of: Of<'_>, looked: Vec<Looked>) -> Result<(), FillError> {
        let mut findings = Self::default();
        findings.take(work, of, looked);
        findings.tell(work, of);
        findings.keep(work)
    }

    fn add(&mut self, work: &Work<'_>, (model, table): Of<'_>, looked: &Looked, production: Option<InProduction>) {
        let result = self.results.entry(looked.audit.call.clone()).or_insert_with(|| AuditResult {
            model: model.name.clone(),
            audit: looked.audit.call.clone(),
            plan_id: work.plan_id.clone(),
            table: table.cloned(),
            weight: looked.audit.weight,
            rows: 0,
            production: None,
            at: work.now,
            run: work.run.to_owned(),
        });
        result.rows = if is_by_range(model) { result.rows.saturating_add(looked.rows) } else { looked.rows };
        if let Some(InProduction::Rows(rows)) = production {
            let before = if is_by_range(model) { result.production.unwrap_or(0) } else { 0 };
            result.production = Some(before.saturating_add(rows));
        }
    }

    /// Keeps the results in the state.
    ///
    /// # Errors
    /// The state cannot be written.
    pub(in crate::apply) fn keep(&self, work: &Work<'_>) -> Result<(), FillError> {
        let results: Vec<AuditResult> = self.results.values().cloned().collect();
        if results.is_empty() { Ok(()) } else { Ok(work.state.record_audits(work.lease, &results)?) }
    }

    /// Takes what stopped a load, which is undone by now, and keeps it with what was found before.
    pub(in crate::apply) fn failed(&mut self, work: &Work<'_>, error: FillError) -> FillError {
        let FillError::Audit(mut failed) = error else { return error };
        let Some(model) = work.tree.models.get(&failed.model) else { return FillError::Audit(failed) };
        let mut production = Production::of(work);
        let mut is_first = true;
        let Failed { looked, table, told: message, rows: fate, .. } = &mut *failed;
        // Once they are undone the same table holds what it held before.
        let of = (model, if *fate == Fate::Undone { None } else { table.as_ref() });
        for looked in looked.iter().filter(|looked| looked.rows > 0 || looked.audit.weight == Weight::Blocking) {
            let known = match looked.rows {
                0 => None,
                _ => production
                    .as_mut()
                    .and_then(|production| production.count((&**model, of.1), (&looked.audit, &[looked.range]))),
            };
            // Whatever becomes of the change, production has them.
            if known == Some(InProduction::ThisTable) {
                *fate = Fate::Stay;
            }
            if looked.rows > 0 && looked.audit.weight == Weight::Blocking && std::mem::take(&mut is_first) {
                *message = told(&looked.audit.name, looked.rows, known);
            }
            self.add(work, (model, table.as_ref()), looked, known);
        }
        // What was found is told whatever becomes of keeping it.
        if let Err(error) = self.keep(work) {
            work.output.talk(&format!("what the audits found is not kept: {error}"));
        }
        FillError::Audit(failed)
    }
}

/// Whether each look is at rows that no other one saw.
fn is_by_range(model: &Model) -> bool {
    matches!(model.kind, Kind::TimeRange(_))
}

/// The same for a table of which nothing was found before.
pub(in crate::apply) fn settled(work: &Work<'_>, error: FillError) -> FillError {
    Findings::default().failed(work, error)
}

/// What an audit found, beside what production has of it.
pub(super) fn told(audit: &str, rows: u64, production: Option<InProduction>) -> String {
    let found = format!("audit `{audit}` finds {rows} row{}", if rows == 1 { "" } else { "s" });
    match production {
        None => found,
        Some(InProduction::Rows(0)) => format!("{found}; production's table has none"),
        Some(InProduction::Rows(there)) if there == rows => format!("{found}; production's table has {there} too"),
        Some(InProduction::Rows(there)) => format!("{found}; production's table has {there}"),
        Some(InProduction::ThisTable) => format!("{found}; the table is production's"),
    }
}
