//! INCREMENTAL_BY_PARTITION, INCREMENTAL_UNMANAGED and an INCREMENTAL_BY_UNIQUE_KEY that goes on: a load is staged once and put to
//! the rows that are there; where the table is that of another definition, production's rows come first. A table that is there is
//! never dropped for it.

use super::audit::Audited;
use super::columns::{output_columns, untyped};
use super::fault::FillError;
use super::fill::{Filler, run_all};
use super::history::IsKnown;
use super::laid::Rule;
use super::task::Task;
use crate::engine::{EngineError, OwnedObject, Session, Standing, standing, transaction};
use crate::ids::TableName;
use crate::model::{DeclaredColumn, UniqueKey};
use crate::plan::{Basis, History, Rows, Then};
use crate::state::Ledger;
use crate::statement::{Carried, ColumnType, Target, UpsertRule};
use crate::time::Timestamp;

/// What a load does to the rows that are there.
#[derive(Clone, Copy)]
pub(super) enum Put<'a> {
    /// It takes the place of the partitions that it gives.
    Partitions(&'a [String]),
    /// It takes the place of the rows of its keys, or is merged into them.
    Keys(&'a UniqueKey),
    /// The same, into the very rows of the table that this one goes on from: nothing of its own stays.
    Anew(&'a UniqueKey),
    /// It takes the place of the partitions that it gives, in the very rows of that table.
    PartitionsAnew(&'a [String]),
    /// It comes behind them.
    Behind,
    /// It takes the place of all.
    All,
}

/// The last load of a table that goes on.
#[derive(Default, PartialEq, Eq)]
pub(super) struct LastLoad {
    /// When it was, by the state.
    pub(super) as_of: Option<Timestamp>,
    /// What the state says was loaded by interval.
    pub(super) ledger: Ledger,
    /// What the warehouse says beside the table: when rows were added, or to where intervals are laid.
    pub(super) recorded: Option<Timestamp>,
}

impl Filler<'_> {
    /// INCREMENTAL_BY_PARTITION: partitions in place of those that are there; all of them where somebody wants it, or what it reads,
    /// loaded again (SQLMesh: "fully refresh on restatement").
    pub(super) fn partitions(&mut self) -> Result<(), FillError> {
        let put = Put::Partitions(&self.task.model.properties.partitioned_by);
        if self.task.model.is_laid_at_once() {
            return self.of_intervals(Rule::AtOnce(put));
        }
        self.stay_as_far()?;
        self.put(if self.task.target.rows == Rows::Restated { Put::All } else { put })
    }

    /// INCREMENTAL_BY_UNIQUE_KEY whose past is kept: rows in place of those of their keys, or merged into them.
    pub(super) fn keys(&mut self, key: &UniqueKey) -> Result<(), FillError> {
        if self.task.model.is_history_of_intervals() {
            return self.of_intervals(Rule::Keys(key));
        }
        self.stay_as_far()?;
        self.put(Put::Keys(key))
    }

    /// INCREMENTAL_UNMANAGED: rows behind those that are there, once each time that it is due. What a run left that was stopped
    /// after it had committed is known by what the warehouse says of the table, and does not come again.
    pub(super) fn unmanaged(&mut self) -> Result<(), FillError> {
        if self.task.model.is_laid_at_once() {
            return self.of_intervals(Rule::AtOnce(Put::Behind));
        }
        self.refuse_unsafe()?;
        let (task, put, history) = (self.task, Put::Behind, self.task.target.history.as_ref());
        let known = self.last_load()?;
        let last = known.as_of.max(known.recorded);
        let is_due = || last.is_none_or(|last| last < task.model.last_tick(task.work.now));
        let loads = match &task.target.history {
            Some(History { then: Then::Nothing { .. }, .. }) => false,
            // What was carried over takes the place of the load before, so a branch sees one whenever it looks.
            Some(_) => task.target.basis == Basis::Preview || is_due(),
            None => is_due(),
        };
        if loads {
            self.added_at = Some(task.work.now);
            let load = |session: &mut dyn Session, query: &str, is_known| {
                let rows = task.load_put(session, put, (query, is_known, history))?;
                task.refuse_moved(session, (history, &known))?;
                Ok(rows)
            };
            return self.kept(&load, &|session, columns| task.carry_put(session, (put, history), columns));
        }
        self.added_at = last;
        let columns = match &self.known {
            Some(_) => self.transact(Audited::Nothing, |session| {
                let columns = session.columns(task.table)?;
                let columns = columns.ok_or_else(|| FillError::TableGone(task.table.to_string()))?;
                let rows = task.carry_put(session, (put, history), &columns)?;
                task.refuse_moved(session, (history, &known))?;
                Ok(rows)
            })?,
            None => self.run(task.whole_time(), Audited::Nothing, &|session, query, _| {
                let columns = task.ready_put(session, (query, IsKnown::No))?;
                let rows = task.carry_put(session, (put, history), &columns)?;
                task.refuse_moved(session, (history, &known))?;
                Ok(rows)
            })?,
        };
        self.record(&[self.snapshot(&columns, last), self.built()])
    }

    pub(super) fn put(&mut self, put: Put<'_>) -> Result<(), FillError> {
        let (task, history) = (self.task, self.task.target.history.as_ref());
        self.kept(&|session, query, known| task.load_put(session, put, (query, known, history)), &|session, columns| {
            task.carry_put(session, (put, history), columns)
        })
    }

    /// What is known of the last load of the table that this one goes on from, else of its own. What is said of a table that
    /// somebody has dropped says nothing of the one that is made in its place.
    pub(super) fn last_load(&mut self) -> Result<LastLoad, FillError> {
        let task = self.task;
        let Some(history) = &task.target.history else {
            if self.session().columns(task.table)?.is_none() {
                return Ok(LastLoad::default());
            }
            let as_of = self.known.as_ref().and_then(|known| known.snapshot.as_of);
            return Ok(LastLoad { as_of, ledger: Ledger::default(), recorded: self.recorded_addition() });
        };
        let mut session = task.work.engine.session()?;
        transaction(session.as_mut(), |session| task.last_load_of(session, history))
    }
}

impl Task<'_> {
    /// What is known of the last load of the table that this one goes on from.
    pub(super) fn last_load_of(self, session: &mut dyn Session, history: &History) -> Result<LastLoad, FillError> {
        if let Some(adopted) = &history.adopted {
            // The position of what is laid by interval is no time of a load.
            let as_of = (!self.model.is_history_of_intervals()).then_some(adopted.at);
            return Ok(LastLoad { as_of, ledger: Ledger::default(), recorded: adopted.laid });
        }
        let recorded = self.recorded_of(session, history)?;
        // Asked last: what is written down after a load shows one that the rows may have already.
        let known = self.work.state.tables(std::slice::from_ref(&history.key))?.remove(&history.key);
        let (as_of, ledger) = known.map(|known| (known.snapshot.as_of, known.ledger)).unwrap_or_default();
        Ok(LastLoad { as_of, ledger, recorded })
    }

    /// Says no where the rows that were carried over may be further than the table was when it was asked how far it is.
    pub(super) fn refuse_moved(
        self,
        session: &mut dyn Session,
        (history, last): (Option<&History>, &LastLoad),
    ) -> Result<(), FillError> {
        let Some(history) = history else { return Ok(()) };
        match self.last_load_of(session, history)? == *last {
            true => Ok(()),
            false => Err(FillError::Overtaken(history.table.to_string())),
        }
    }

    /// What the warehouse says beside it.
    fn recorded_of(self, session: &mut dyn Session, history: &History) -> Result<Option<Timestamp>, EngineError> {
        let standing = standing(session, self.work.state_id, std::slice::from_ref(&history.table))?;
        Ok(match standing.get(&history.table) {
            Some(Standing::Ours(record)) => match record.object {
                OwnedObject::Table { added_at, .. } => added_at,
                OwnedObject::View { .. } => None,
            },
            _ => None,
        })
    }

    /// One load, and what is carried over before it.
    pub(super) fn load_put(
        self,
        session: &mut dyn Session,
        put: Put<'_>,
        (query, known, history): (&str, IsKnown, Option<&History>),
    ) -> Result<u64, FillError> {
        // What the query reads of its own table is to be there before it runs.
        let columns = if self.reads_itself() {
            let columns = self.ready_put(session, (query, known))?;
            self.carry_put(session, (put, history), &columns)?;
            let query = self.in_order(session, &columns, query)?;
            self.stage_put(session, put, (&query, &ColumnType::untyped(&columns)))?;
            columns
        } else {
            let mut columns = output_columns(session, self.model, self.fingerprint, query)?;
            self.type_as_there(session, query, &mut columns)?;
            self.stage_put(session, put, (query, &columns))?;
            let create = self.over(&untyped(&columns)).create_staged()?;
            let columns = self.there(session, (&columns, known), &create)?;
            self.carry_put(session, (put, history), &columns)?;
            columns
        };
        let (names, mut rows) = (ColumnType::untyped(&columns), 0);
        let over = self.over(&names);
        for statement in match put {
            Put::Partitions(by) | Put::PartitionsAnew(by) => over.replace_partitions(by)?,
            Put::Keys(key) | Put::Anew(key) => over.upsert(query, &UpsertRule::from(key))?.apply,
            Put::Behind => vec![over.add_staged()?],
            Put::All => vec![over.empty(), over.add_staged()?],
        } {
            rows = session.execute(&statement)?;
        }
        session.execute(&over.drop_stage())?;
        Ok(rows)
    }

    /// The load as a table of the session's, checked.
    fn stage_put(
        self,
        session: &mut dyn Session,
        put: Put<'_>,
        (query, columns): (&str, &[DeclaredColumn]),
    ) -> Result<(), FillError> {
        let over = self.over(columns);
        run_all(session, &over.stage(query)?)?;
        let (Put::Keys(key) | Put::Anew(key)) = put else { return Ok(()) };
        let upsert = over.upsert(query, &UpsertRule::from(key))?;
        match session.query(&upsert.duplicates)?.rows.first() {
            Some(row) => Err(FillError::Duplicate(upsert.duplicate(row))),
            None => Ok(()),
        }
    }

    /// The table as it is, or made of what the query is before it runs.
    pub(super) fn ready_put(
        self,
        session: &mut dyn Session,
        (query, known): (&str, IsKnown),
    ) -> Result<Vec<ColumnType>, FillError> {
        if self.reads_itself() {
            let columns = self.own_columns(session, query)?;
            let there = self.there(session, (&columns, known), &self.over(&columns).create_typed()?)?;
            self.refuse_other_types(session, (&there, query))?;
            return Ok(there);
        }
        let columns = output_columns(session, self.model, self.fingerprint, query)?;
        self.there(session, (&columns, known), &self.over(&columns).create_empty(query))
    }

    fn there(
        self,
        session: &mut dyn Session,
        (columns, known): (&[DeclaredColumn], IsKnown),
        create: &str,
    ) -> Result<Vec<ColumnType>, FillError> {
        let wanted: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        Ok(self.kept_table(session, (&wanted, known), create)?.columns)
    }

    /// What the table that it goes on from has, put into one of these columns.
    pub(super) fn carry_put(
        self,
        session: &mut dyn Session,
        (put, history): (Put<'_>, Option<&History>),
        columns: &[ColumnType],
    ) -> Result<u64, FillError> {
        let Some(history) = history else { return Ok(0) };
        let by: &[String] = match put {
            Put::Partitions(by) | Put::PartitionsAnew(by) => by,
            Put::Keys(key) | Put::Anew(key) => &key.unique_key,
            Put::Behind | Put::All => &[],
        };
        let names = ColumnType::untyped(columns);
        let over = self.over(&names);
        let needed: Vec<String> = by.iter().flat_map(|expression| over.names_in(expression)).collect();
        let carried = self.carried(session, (columns, &needed), &history.table, self.changes())?;
        if let Put::Behind = put {
            if carried.iter().all(|(_, carried)| *carried == Carried::Own) {
                return Err(FillError::History("its table in production has none of its columns".to_owned()));
            }
            // All that this one has is in the other, unless it has been something else than a part of it.
            return match session.query(&over.not_in(&history.table, &carried))?.rows.is_empty() {
                true => Ok(session.execute(&over.carry_added(&history.table, &carried))?),
                false => self.carry_unlike(session, &over, (&history.table, &carried)),
            };
        }
        Ok(match put {
            Put::Anew(_) | Put::PartitionsAnew(_) => run_all(session, &over.carry_all(&history.table, &carried))?,
            _ => run_all(session, &over.carry_partitions(by, &history.table, &carried))?,
        })
    }

    /// Rows behind those that are there, where the other table has these without values of columns that it lost on the way and
    /// has again. One that nothing there stands for is none of production's, and then all of them are the other's.
    fn carry_unlike(
        self,
        session: &mut dyn Session,
        over: &Target<'_>,
        (from, carried): (&TableName, &[(&str, Carried)]),
    ) -> Result<u64, FillError> {
        let sides = over.sides(from, carried);
        run_all(session, &sides.stage)?;
        session.execute(&over.pair(&sides, &[]))?;
        let places = |row: Vec<Option<String>>| {
            let is_unknown = |(place, cell): (usize, Option<String>)| (cell.as_deref() == Some("1")).then_some(place);
            row.into_iter().enumerate().filter_map(is_unknown).collect::<Vec<usize>>()
        };
        let mut unknown: Vec<Vec<usize>> = session.query(&sides.unknown)?.rows.into_iter().map(places).collect();
        // A row that lacks less is told more surely.
        unknown.sort_by_key(Vec::len);
        for places in unknown.iter().filter(|places| !places.is_empty() && places.len() < sides.columns) {
            session.execute(&over.pair(&sides, places))?;
        }
        let rows = match session.query(&sides.left)?.rows.is_empty() {
            true => session.execute(&sides.add)?,
            false => run_all(session, &over.carry_all(from, carried))?,
        };
        session.execute(&sides.clean)?;
        Ok(rows)
    }
}
