//! What a table takes over from the one of another definition whose rows are kept: which columns, and for tables that are loaded
//! by interval which ranges. Nothing of it is computed.

use super::audit::Audited;
use super::batches::{TableState, touches};
use super::fault::FillError;
use super::fill::{Filler, count, counted, run_all};
use super::kinds::time_column;
use super::task::Task;
use crate::engine::Session;
use crate::ids::TableName;
use crate::model::{ColumnChange, ColumnChanges, TimeRange};
use crate::plan::{History, OwnRows, Then, Which};
use crate::state::LoadedInterval;
use crate::statement::{Carried, ColumnType, TimeColumn};
use crate::time::Intervals;

/// Whatever becomes of columns.
const TAKEN: ColumnChanges = ColumnChanges { destructive: ColumnChange::Taken, additive: ColumnChange::Taken };

impl Filler<'_> {
    /// The ranges that the table does not have as the other one has them, in place of its own of that time; each is recorded as
    /// it was loaded there. What both took from one load stays: it may hold columns that the other has lost.
    pub(super) fn carry_ranges(&mut self, range: &TimeRange) -> Result<(), FillError> {
        let task = self.task;
        let Some(history) = &task.target.history else { return Ok(()) };
        let changes = task.changes();
        let theirs = task.work.state.tables(std::slice::from_ref(&history.key))?.remove(&history.key);
        let theirs =
            theirs.ok_or_else(|| FillError::History(format!("the state forgot its table `{}`", history.table)))?;
        let own = self.known.as_ref().map(|known| known.ledger.loads().to_vec()).unwrap_or_default();
        let all = theirs.ledger.loads().iter().flat_map(|their| other_than(&own, their));
        let taken: Vec<LoadedInterval> = match history.own {
            Some(left) => all.flat_map(|their| without(left, &own, &their)).collect(),
            None => all.collect(),
        };
        if taken.is_empty() && self.known.is_some() {
            return Ok(());
        }
        if !self.is_undone() {
            // Half of it may be there when the run dies.
            let touched = own.iter().filter(|own| taken.iter().any(|load| touches(own.interval, load.interval)));
            self.withdraw(&touched.cloned().collect::<Vec<_>>())?;
        }
        let table = if self.known.is_some() { TableState::Known } else { TableState::ToMake };
        let ranges: Intervals = taken.iter().map(|load| load.interval).collect();
        let columns = match table {
            // Nothing of the model's own runs for a table that is there.
            TableState::Known => self.transact(Audited::Nothing, |session| {
                let columns = task.ready(session, table, "")?;
                task.carry_rows(session, (range, &columns), (history, changes), &ranges)
            })?,
            TableState::ToMake => self.run(task.whole_time(), Audited::Nothing, &|session, query, _| {
                let columns = task.ready(session, table, query)?;
                let rows = task.carry_rows(session, (range, &columns), (history, changes), &ranges)?;
                let left = theirs.ledger.intervals().minus(&ranges);
                task.refuse_rest(session, (range, &columns), &history.table, &left)?;
                Ok(rows)
            })?,
        };
        let made = (table == TableState::ToMake).then(|| self.snapshot(&columns, None));
        self.record(&made.into_iter().chain(self.restored(&taken)).collect::<Vec<_>>())?;
        self.known = task.work.state.tables(std::slice::from_ref(&task.target.key))?.remove(&task.target.key);
        self.begin_anew()
    }
}

impl<'a> Task<'a> {
    fn carry_rows(
        self,
        session: &mut dyn Session,
        (range, columns): (&TimeRange, &[ColumnType]),
        (history, changes): (&History, ColumnChanges),
        ranges: &Intervals,
    ) -> Result<u64, FillError> {
        let own = time_column(self.model, range, columns)?;
        let needed = [own.name.to_owned()];
        let carried = self.carried(session, (columns, &needed), &history.table, changes)?;
        let there = self.columns_of(session, &history.table)?;
        let their = self.their_time(own, &there);
        let names = ColumnType::untyped(columns);
        let mut rows = 0;
        for interval in ranges.ranges() {
            rows += run_all(
                session,
                &self.over(&names).carry_interval(&history.table, &carried, (own, their), *interval)?,
            )?;
        }
        Ok(rows)
    }

    /// The time column as another table of these columns has it.
    fn their_time<'c>(self, own: TimeColumn<'c>, there: &'c [ColumnType]) -> TimeColumn<'c> {
        let data_type = self.same_column(there, own.name).map_or(own.data_type, |column| &column.data_type);
        TimeColumn { data_type, ..own }
    }

    /// Which changes of the columns are taken. What a table of an earlier definition leaves out stays in the other one, and comes
    /// back with that.
    pub(super) fn changes(self) -> ColumnChanges {
        let goes_back = self.target.history.as_ref().is_some_and(|history| history.then != Then::Load);
        self.model.past().kept().filter(|_| !goes_back).unwrap_or(TAKEN)
    }

    /// Says no where the other table has rows that are in none of its ranges by this one's time column; those of ranges that were
    /// left out are.
    fn refuse_rest(
        self,
        session: &mut dyn Session,
        (range, columns): (&TimeRange, &[ColumnType]),
        from: &TableName,
        left: &Intervals,
    ) -> Result<(), FillError> {
        let (theirs, mut ours) = (count(session, from)?, count(session, self.table)?);
        let there = self.columns_of(session, from)?;
        let time = self.their_time(time_column(self.model, range, columns)?, &there);
        for interval in left.ranges() {
            ours += counted(session, &self.over(&[]).count_interval(from, time, *interval)?)?;
        }
        if theirs == ours {
            return Ok(());
        }
        Err(FillError::History(format!(
            "its table in production has {theirs} rows, of which {ours} are in the ranges that were loaded by `time_column` and \
             its format as they are now"
        )))
    }

    /// Where each column's values come from.
    ///
    /// # Errors
    /// A column that is needed is not there, or something would be lost or added that may not be.
    pub(super) fn carried<'c>(
        self,
        session: &mut dyn Session,
        (columns, needed): (&'c [ColumnType], &[String]),
        from: &TableName,
        changes: ColumnChanges,
    ) -> Result<Vec<(&'c str, Carried)>, FillError> {
        let there = self.columns_of(session, from)?;
        let carried = self.matched(columns, &there);
        let added = |name: &str| carried.iter().any(|(own, carried)| *own == name && *carried == Carried::Own);
        if let Some(name) = needed.iter().find(|name| added(name)) {
            return Err(FillError::History(format!(
                "its table in production has no column `{name}`, by which its rows are told apart now"
            )));
        }
        if changes.destructive == ColumnChange::Refused {
            self.refuse_loss(session, (columns, &there), from)?;
        }
        let mut new = carried.iter().filter(|(_, carried)| *carried == Carried::Own);
        match (new.next(), changes.additive) {
            (Some((name, _)), ColumnChange::Refused) => Err(FillError::History(format!(
                "its table in production has no column `{name}`, and `on_additive_change` is `error`"
            ))),
            _ => Ok(carried),
        }
    }

    fn columns_of(self, session: &mut dyn Session, table: &TableName) -> Result<Vec<ColumnType>, FillError> {
        let columns = session.columns(table)?;
        columns.ok_or_else(|| FillError::History(format!("the table that it goes on from, `{table}`, is gone")))
    }

    /// Says no where a column, or a value of one, would be lost.
    fn refuse_loss(
        self,
        session: &mut dyn Session,
        (columns, there): (&[ColumnType], &[ColumnType]),
        from: &TableName,
    ) -> Result<(), FillError> {
        let lost = there.iter().find(|old| self.same_column(columns, &old.name).is_none());
        if let Some(lost) = lost {
            return Err(FillError::HistoryLoss(format!(
                "column `{}` of the rows that are kept would be lost",
                lost.name
            )));
        }
        for column in columns {
            let old = self.same_column(there, &column.name).filter(|old| old.data_type != column.data_type);
            let Some(old) = old else { continue };
            let altered = self.over(&[]).altered(from, &column.name, (&old.data_type, &column.data_type));
            let rows = session.query(&altered)?.rows;
            let count = rows.first().and_then(|row| row.first()?.clone()).unwrap_or_default();
            if count != "0" {
                return Err(FillError::HistoryLoss(format!(
                    "{count} values of column `{}` of the rows that are kept would change as {} ({} before)",
                    column.name, column.data_type, old.data_type
                )));
            }
        }
        Ok(())
    }

    fn matched<'c>(self, columns: &'c [ColumnType], there: &[ColumnType]) -> Vec<(&'c str, Carried)> {
        let from = |column: &'c ColumnType| {
            let carried = match self.same_column(there, &column.name) {
                Some(old) if old.data_type == column.data_type => Carried::Same,
                Some(old) => Carried::Cast { from: old.data_type.clone(), to: column.data_type.clone() },
                None => Carried::Own,
            };
            (column.name.as_str(), carried)
        };
        columns.iter().map(from).collect()
    }

    /// The column that the engine takes for the one of this name, whatever its case where that says nothing.
    fn same_column<'c>(self, columns: &'c [ColumnType], name: &str) -> Option<&'c ColumnType> {
        let folded = |name: &str| self.model.dialect.fold(name, true);
        let wanted = folded(name);
        columns.iter().find(|column| folded(&column.name) == wanted)
    }
}

/// A load without what of it is a table's own.
fn without(left: OwnRows, own: &[LoadedInterval], load: &LoadedInterval) -> Vec<LoadedInterval> {
    let whole = Intervals::one(load.interval);
    let later = whole.since(left.from);
    let cut = match left.which {
        Which::All => later,
        Which::Loaded => {
            let loaded: Intervals = own.iter().map(|own| own.interval).collect();
            later.minus(&later.minus(&loaded))
        }
    };
    parts(load, &whole.minus(&cut))
}

fn parts(load: &LoadedInterval, ranges: &Intervals) -> Vec<LoadedInterval> {
    ranges.ranges().iter().map(|range| LoadedInterval { interval: *range, ..load.clone() }).collect()
}

/// What of a load the other loads do not have of the very same one.
fn other_than(own: &[LoadedInterval], load: &LoadedInterval) -> Vec<LoadedInterval> {
    let is_same = |own: &&LoadedInterval| (own.loaded_at, &own.run) == (load.loaded_at, &load.run);
    let same: Intervals = own.iter().filter(is_same).map(|own| own.interval).collect();
    parts(load, &Intervals::one(load.interval).minus(&same))
}
