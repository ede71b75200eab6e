//! INCREMENTAL_BY_PARTITION: a load is staged once and replaces the partitions that it gives; where the table is that of another
//! definition, production's rows come first. A table that is there is never dropped for it.

use super::columns::output_columns;
use super::fault::FillError;
use super::fill::{Filler, run_all};
use super::history::IsKnown;
use super::task::Task;
use crate::engine::Session;
use crate::model::DeclaredColumn;
use crate::statement::{ColumnType, UpsertRule};

impl Filler<'_> {
    /// INCREMENTAL_BY_PARTITION: partitions in place of those that are there.
    pub(super) fn partitions(&mut self) -> Result<(), FillError> {
        let task = self.task;
        self.kept(&|session, query, known| task.load_partitions(session, query, known), &|session, columns| {
            task.carry_partitions(session, columns)
        })
    }
}

impl Task<'_> {
    fn load_partitions(self, session: &mut dyn Session, query: &str, known: IsKnown) -> Result<u64, FillError> {
        let by = &self.model.properties.partitioned_by;
        let columns = output_columns(session, self.model, self.fingerprint, query)?;
        let rule = UpsertRule { unique_key: by, when_matched: None, merge_filter: None };
        let stage = self.over(&columns).upsert(query, &rule)?;
        run_all(session, &stage.stage)?;
        let untyped = |column: &DeclaredColumn| DeclaredColumn { name: column.name.clone(), data_type: None };
        let names: Vec<DeclaredColumn> = columns.iter().map(untyped).collect();
        let wanted: Vec<&str> = names.iter().map(|column| column.name.as_str()).collect();
        let there = self.kept_table(session, (&wanted, known), &self.over(&names).create_staged()?)?;
        self.carry_partitions(session, &there.columns)?;
        let rows = run_all(session, &self.over(&names).replace_partitions(by)?)?;
        session.execute(&stage.clean)?;
        Ok(rows)
    }

    fn carry_partitions(self, session: &mut dyn Session, columns: &[ColumnType]) -> Result<u64, FillError> {
        let Some(history) = &self.target.history else { return Ok(0) };
        let (by, names) = (&self.model.properties.partitioned_by, ColumnType::untyped(columns));
        let over = self.over(&names);
        let needed: Vec<String> = by.iter().flat_map(|expression| over.names_in(expression)).collect();
        let carried = self.carried(session, (columns, &needed), &history.table, self.changes())?;
        Ok(run_all(session, &over.carry_partitions(by, &history.table, &carried))?)
    }
}
