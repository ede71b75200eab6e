//! What a table takes over from the one of another definition whose rows are kept: which columns, and for tables that are loaded
//! by interval which ranges. Nothing of it is computed.

use std::cmp::Ordering;

use super::audit::Audited;
use super::batches::{TableState, touches};
use super::fault::FillError;
use super::fill::{Filler, count, counted, run_all};
use super::kinds::time_column;
use super::task::Task;
use crate::engine::Session;
use crate::ids::TableName;
use crate::model::{ColumnChange, ColumnChanges, TimeRange};
use crate::plan::{Adopted, Basis, History, OwnRows, Then, Which};
use crate::state::{Ledger, LoadedInterval};
use crate::statement::{Carried, ColumnType, TimeColumn};
use crate::time::{Interval, Intervals};

/// Whatever becomes of columns.
const TAKEN: ColumnChanges = ColumnChanges { destructive: ColumnChange::Taken, additive: ColumnChange::Taken };

impl Filler<'_> {
    /// The ranges that the table does not have as the other one has them, in place of its own of that time; each is recorded as
    /// it was loaded there. What both took from one load stays, as it may hold columns that the other has lost, unless the other knows
    /// more of it.
    pub(super) fn carry_ranges(&mut self, range: &TimeRange) -> Result<(), FillError> {
        let task = self.task;
        let Some(history) = &task.target.history else { return Ok(()) };
        let changes = task.changes();
        let theirs = task.ledger_of(history)?;
        let own = self.known.as_ref().map(|known| known.ledger.loads().to_vec()).unwrap_or_default();
        let all = theirs.loads().iter().flat_map(|their| other_than(&own, their));
        let mut taken: Vec<LoadedInterval> = match history.own {
            Some(left) => all.flat_map(|their| without(left, &own, &their)).collect(),
            None => all.collect(),
        };
        // A preview is of that very table, so that it has lost nothing.
        if self.known.is_some() && task.target.basis == Basis::Whole {
            let both = theirs.loads().iter().flat_map(|their| same_as(&own, their)).collect::<Vec<_>>();
            taken.extend(task.better_known(self.session(), range, &history.table, both)?);
        }
        if taken.is_empty() && self.known.is_some() {
            // With every range a column may be lost still.
            let session = self.session();
            let own = task.columns_of(session, task.table)?;
            if session.columns(&history.table)?.is_none() {
                return Ok(());
            }
            return task.carried(session, (&own, &[]), &history.table, changes).map(|_| ());
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
                let left = theirs.intervals().minus(&ranges);
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

impl Values {
    fn of(session: &mut dyn Session, sql: &str) -> Result<Self, FillError> {
        let row = session.query(sql)?.rows.into_iter().next().unwrap_or_default();
        let mut numbers = row.into_iter().map(|cell| cell.and_then(|cell| cell.parse().ok()).unwrap_or(0));
        Ok(Self { rows: numbers.next().unwrap_or(0), columns: numbers.collect() })
    }
}

impl<'a> Task<'a> {
    /// Which ranges the other table has.
    fn ledger_of(self, history: &History) -> Result<Ledger, FillError> {
        if let Some(adopted) = &history.adopted {
            return Ok(adopted_ledger(adopted));
        }
        let theirs = self.work.state.tables(std::slice::from_ref(&history.key))?.remove(&history.key);
        let theirs = theirs.map(|theirs| theirs.ledger);
        theirs.ok_or_else(|| FillError::History(format!("the state forgot its table `{}`", history.table)))
    }

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

    /// Those of the loads that both tables have of which the other one knows more: a column that this one has had again without the
    /// values from before. What this one knows and the other does not stays, whatever else that may know.
    fn better_known(
        self,
        session: &mut dyn Session,
        range: &TimeRange,
        from: &TableName,
        both: Vec<LoadedInterval>,
    ) -> Result<Vec<LoadedInterval>, FillError> {
        let sides = [self.columns_of(session, self.table)?, self.columns_of(session, from)?];
        if !self.takes(&sides[0], &sides[1], self.changes()) {
            return Ok(Vec::new());
        }
        let own = time_column(self.model, range, &sides[0])?;
        let tables = [(self.table, &sides[0], own), (from, &sides[1], self.their_time(own, &sides[1]))];
        let mut known = |interval: Interval| -> Result<Option<Ordering>, FillError> {
            let mut values = Vec::new();
            for (table, columns, time) in tables {
                let sql = self.over(&[]).count_interval((table, columns), time, interval)?;
                values.push(Values::of(session, &sql)?);
            }
            Ok(self.compared((&sides[0], &values[0]), (&sides[1], &values[1])))
        };
        // Nearly always both know the same, which is seen at once.
        let whole: Intervals = both.iter().map(|load| load.interval).collect();
        let mut is_other = false;
        for interval in whole.ranges() {
            is_other |= known(*interval)? != Some(Ordering::Equal);
        }
        let mut better = Vec::new();
        for load in both.into_iter().filter(|_| is_other) {
            if known(load.interval)? == Some(Ordering::Greater) {
                better.push(load);
            }
        }
        Ok(better)
    }

    /// Whether rows of a table with these other columns may be taken without anybody who says no.
    fn takes(self, own: &[ColumnType], there: &[ColumnType], changes: ColumnChanges) -> bool {
        let is_kept =
            |old: &ColumnType| self.same_column(own, &old.name).is_some_and(|column| column.data_type == old.data_type);
        let is_there = |column: &ColumnType| self.same_column(there, &column.name).is_some();
        (changes.destructive == ColumnChange::Taken || there.iter().all(is_kept))
            && (changes.additive == ColumnChange::Taken || own.iter().all(is_there))
    }

    /// Whether the other table knows more of the same rows, less or the same; `None` where each knows something else.
    fn compared(
        self,
        (own, ours): (&[ColumnType], &Values),
        (there, theirs): (&[ColumnType], &Values),
    ) -> Option<Ordering> {
        let (mut more, mut less) = (false, ours.rows != theirs.rows);
        for (column, ours) in own.iter().zip(&ours.columns) {
            let same = self.same_column(there, &column.name);
            let place = same.and_then(|same| there.iter().position(|column| column.name == same.name));
            let theirs = place.and_then(|place| theirs.columns.get(place).copied()).unwrap_or(0);
            more |= theirs > *ours;
            less |= theirs < *ours;
        }
        match (more, less) {
            (true, true) => None,
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => Some(Ordering::Equal),
        }
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
            ours += counted(session, &self.over(&[]).count_interval((from, &[]), time, *interval)?)?;
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

/// What another program has loaded, as if each range were one load.
fn adopted_ledger(adopted: &Adopted) -> Ledger {
    let mut ledger = Ledger::default();
    for interval in adopted.loaded.ranges() {
        let run = format!("of `{}`", adopted.table);
        ledger.add(LoadedInterval { interval: *interval, loaded_at: adopted.at, run, inputs: None });
    }
    ledger
}

/// How many rows of a range have a value, in all and by column.
struct Values {
    rows: u64,
    columns: Vec<u64>,
}

/// What of a load the other loads have of the very same one.
fn same_as(own: &[LoadedInterval], load: &LoadedInterval) -> Vec<LoadedInterval> {
    let other: Intervals = other_than(own, load).iter().map(|load| load.interval).collect();
    parts(load, &Intervals::one(load.interval).minus(&other))
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
