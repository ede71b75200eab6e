//! SCD_TYPE_2: a load is staged once and laid over the versions that are there; where the table is that of another
//! definition, production's history comes first. A table that is there is never dropped for it.

use std::cell::RefCell;

use super::audit::Audited;
use super::columns::{output_columns, untyped};
use super::fault::FillError;
use super::fill::{Filler, run_all};
use super::laid::Rule;
use super::task::Task;
use crate::engine::Session;
use crate::model::{DeclaredColumn, ScdType2, VersionBy};
use crate::plan::{History, Then};
use crate::statement::{Carried, ColumnType, HistoryPast, StatementError, Upsert, UpsertRule, VersionLoad};
use crate::time::Interval;

/// The table that a history is kept in.
pub(super) struct There {
    past: HistoryPast,
    /// Its columns, the two of a kind with versions at the end.
    pub(super) columns: Vec<ColumnType>,
}

/// What a load is laid over.
#[derive(Clone, Copy)]
pub(super) struct Laying<'a> {
    /// Whether the state knows the table.
    pub(super) known: IsKnown,
    /// What comes into it first.
    pub(super) history: Option<&'a History>,
    /// The interval that is laid, of a history of intervals, and what was before it.
    pub(super) of: Option<(Interval, HistoryPast)>,
    /// Columns that the table has got with the first of several intervals.
    pub(super) added: Option<&'a RefCell<Vec<String>>>,
}

/// What a load is about to be laid over.
pub(super) struct ReadyHistory {
    names: Vec<DeclaredColumn>,
    there: There,
    /// Columns that the table has got just now.
    added: Vec<String>,
}

/// A load into a table that is kept, of this query; it is told whether the state knows the table.
pub(super) type KeptLoad<'a> = dyn Fn(&mut dyn Session, &str, IsKnown) -> Result<u64, FillError> + 'a;
/// What the table that it goes on from has, put into one of these columns.
pub(super) type Carry<'a> = dyn Fn(&mut dyn Session, &[ColumnType]) -> Result<u64, FillError> + 'a;

/// Whether the state knows a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IsKnown {
    Yes,
    No,
}

impl Filler<'_> {
    /// SCD_TYPE_2: versions of what has changed.
    pub(super) fn history(&mut self, scd: &ScdType2) -> Result<(), FillError> {
        if self.task.model.is_history_of_intervals() {
            return self.of_intervals(Rule::Versions(scd));
        }
        self.stay_as_far()?;
        self.history_as_whole(scd)
    }

    /// A rollback runs no query: rows of a history of intervals are still as far as they were.
    pub(super) fn stay_as_far(&mut self) -> Result<(), FillError> {
        if let Some(History { then: Then::Nothing { .. }, .. }) = self.task.target.history {
            self.added_at = self.last_load()?.recorded;
        }
        Ok(())
    }

    /// Whether the state knows the table.
    pub(super) fn is_known(&self) -> IsKnown {
        if self.known.is_some() { IsKnown::Yes } else { IsKnown::No }
    }

    /// Versions of what has changed since the load before, of all that the query gives.
    pub(super) fn history_as_whole(&mut self, scd: &ScdType2) -> Result<(), FillError> {
        let task = self.task;
        let history = task.target.history.as_ref();
        let load = |session: &mut dyn Session, query: &str, known| {
            task.load_versions(session, scd, query, Laying { known, history, of: None, added: None })
        };
        self.kept(&load, &|session, columns| {
            task.carry(session, scd, (history, columns))?;
            Ok(0)
        })
    }

    /// Says no where what fails half-way stays half done.
    pub(super) fn refuse_unsafe(&self) -> Result<(), FillError> {
        if self.is_undone() { Ok(()) } else { Err(FillError::HistoryUnsafe) }
    }

    /// A table that is never made anew: what is carried over, if there is something, and what the query gives now. After a
    /// rollback a table of an earlier definition gets all that came after it, and nothing else: what that definition did not
    /// have stays in the other table, and comes back with it.
    pub(super) fn kept(&mut self, load: &KeptLoad<'_>, carry: &Carry<'_>) -> Result<(), FillError> {
        self.refuse_unsafe()?;
        let task = self.task;
        if let Some(History { then: Then::Nothing { as_of }, .. }) = task.target.history {
            let columns = self.transact(Audited::Nothing, |session| {
                let columns = session.columns(task.table)?;
                carry(session, &columns.ok_or_else(|| FillError::TableGone(task.table.to_string()))?)
            })?;
            return self.record(&[self.snapshot(&columns, as_of)]);
        }
        let (known, time) = (self.is_known(), task.whole_time());
        let columns = self.run(time, Audited::Loaded(time.interval), &|session, query, after| {
            let rows = load(session, query, known)?;
            run_all(session, after)?;
            Ok(rows)
        })?;
        self.record(&[self.snapshot(&columns, Some(task.work.now)), self.built()])
    }
}

impl Task<'_> {
    /// One load, and what is carried over before it; gives the versions that are new.
    pub(super) fn load_versions(
        self,
        session: &mut dyn Session,
        scd: &ScdType2,
        query: &str,
        laying: Laying<'_>,
    ) -> Result<u64, FillError> {
        let ready = self.ready_history(session, scd, query, laying)?;
        let over = self.over(&ready.names);
        if !session.query(&over.several_present(scd))?.rows.is_empty() {
            return Err(FillError::History("its history has several present rows of one key".to_owned()));
        }
        let usual = if laying.history.is_some() { HistoryPast::Loads } else { ready.there.past };
        let past = laying.of.map_or(usual, |(_, past)| past);
        let (now, interval) = (self.work.now, laying.of.map(|(interval, _)| interval));
        let added = match laying.added {
            Some(all) if laying.history.is_none() => all.borrow().clone(),
            Some(all) => {
                all.replace(ready.added.clone());
                ready.added
            }
            None => ready.added,
        };
        let load = VersionLoad { now, interval, past, added: &added, columns: &ready.there.columns };
        let mut rows = 0;
        for statement in over.add_versions(scd, load)? {
            rows += session.execute(&statement)?;
        }
        session.execute(&over.drop_stage())?;
        if scd.updated_at().is_none()
            && rows > 0
            && !session.query(&over.out_of_order(scd, self.work.now))?.rows.is_empty()
        {
            return Err(FillError::History(format!(
                "a row that has changed has a version of a load after this one, whose time is {}; load it at a later time",
                self.work.now.date_time()
            )));
        }
        Ok(rows)
    }

    /// What the query gives, staged and looked at, and the table with what it goes on from.
    pub(super) fn ready_history(
        self,
        session: &mut dyn Session,
        scd: &ScdType2,
        query: &str,
        laying: Laying<'_>,
    ) -> Result<ReadyHistory, FillError> {
        let names = self.stage_history(session, scd, query)?;
        let over = self.over(&names);
        let mut wanted: Vec<&str> = names.iter().map(|column| column.name.as_str()).collect();
        wanted.extend([scd.valid_from.as_str(), scd.valid_to.as_str()]);
        let there = self.kept_table(session, (&wanted, laying.known), &over.create_history(scd)?)?;
        let added = self.carry(session, scd, (laying.history, &there.columns))?;
        Ok(ReadyHistory { names, there, added })
    }

    /// What the query gives as a table of the session's, looked at; its columns.
    fn stage_history(
        self,
        session: &mut dyn Session,
        scd: &ScdType2,
        query: &str,
    ) -> Result<Vec<DeclaredColumn>, FillError> {
        let staged = self.history_columns(session, scd, query)?;
        let over = self.over(&staged);
        let rule = UpsertRule { unique_key: &scd.unique_key, when_matched: None, merge_filter: None };
        let upsert = over.upsert(query, &rule)?;
        run_all(session, &upsert.stage)?;
        refuse_keys(session, &upsert, (over.staged_null_key(scd), scd))?;
        if let Some(undated) = over.staged_without_date(scd)
            && !session.query(&undated)?.rows.is_empty()
        {
            let column = scd.updated_at().unwrap_or_default();
            return Err(FillError::History(format!(
                "`{column}`, which says since when a row is so (`updated_at_name`), is NULL in a row that the query gives"
            )));
        }
        Ok(untyped(&staged))
    }

    /// What the last interval says of columns that the table has got just now, of present versions that are as their rows are.
    pub(super) fn fill_added(
        self,
        session: &mut dyn Session,
        scd: &ScdType2,
        (ready, query): (&ReadyHistory, &str),
    ) -> Result<u64, FillError> {
        if ready.added.is_empty() {
            return Ok(0);
        }
        self.stage_history(session, scd, query)?;
        let (over, now) = (self.over(&ready.names), self.work.now);
        let (past, columns) = (HistoryPast::Loads, ready.there.columns.as_slice());
        let load = VersionLoad { now, interval: None, past, added: &ready.added, columns };
        let filled = over.fill_added(scd, load).map(|fill| session.execute(&fill)).transpose()?;
        session.execute(&over.drop_stage())?;
        Ok(filled.unwrap_or(0))
    }

    /// The query's columns with their declared types; that of `updated_at` is the kind's, unless another is declared.
    fn history_columns(
        self,
        session: &mut dyn Session,
        scd: &ScdType2,
        query: &str,
    ) -> Result<Vec<DeclaredColumn>, FillError> {
        let folded = |name: &str| self.model.dialect.fold(name, true);
        let validity = [folded(&scd.valid_from), folded(&scd.valid_to)];
        let mut columns = output_columns(session, self.model, self.fingerprint, query)?;
        if let Some(column) = columns.iter().find(|column| validity.contains(&folded(&column.name))) {
            return Err(FillError::History(format!(
                "the query gives the column `{}`, which the kind adds",
                column.name
            )));
        }
        if let Some(updated_at) = scd.updated_at() {
            let column = columns.iter_mut().find(|column| folded(&column.name) == folded(updated_at));
            let column = column.ok_or_else(|| {
                FillError::History(format!(
                    "`updated_at_name` is `{updated_at}`, which is not among the query's columns"
                ))
            })?;
            if let VersionBy::Time { .. } = scd.by {
                column.data_type.get_or_insert_with(|| scd.time_type.clone());
            }
        }
        self.type_as_there(session, query, &mut columns)?;
        Ok(columns)
    }

    /// Gives columns the types of the table that is there, where the query gives others by now: a value is compared as what it
    /// becomes there.
    pub(super) fn type_as_there(
        self,
        session: &mut dyn Session,
        query: &str,
        columns: &mut [DeclaredColumn],
    ) -> Result<(), FillError> {
        let Some(there) = self.recorded.map(|_| session.columns(self.table)).transpose()?.flatten() else {
            return Ok(());
        };
        let given = session.describe(query)?;
        for (column, given) in columns.iter_mut().zip(given).filter(|(column, _)| column.data_type.is_none()) {
            let own = there.iter().find(|own| own.name == column.name && own.data_type != given.data_type);
            column.data_type = own.map(|own| own.data_type.clone());
        }
        Ok(())
    }

    /// The table as it is, or made. One that nobody vouches for and that is ours is what a run left that was stopped after it
    /// had committed: what it holds is whole.
    pub(super) fn kept_table(
        self,
        session: &mut dyn Session,
        (wanted, known): (&[&str], IsKnown),
        create: &str,
    ) -> Result<There, FillError> {
        if known == IsKnown::Yes || self.recorded.is_some() {
            match session.columns(self.table)? {
                Some(columns) if columns.iter().map(|column| column.name.as_str()).eq(wanted.iter().copied()) => {
                    return Ok(There { past: HistoryPast::Loads, columns });
                }
                Some(columns) => {
                    let wanted: Vec<ColumnType> = wanted.iter().map(|name| ColumnType::new(*name, "")).collect();
                    return Err(FillError::columns(&columns, &wanted));
                }
                None if known == IsKnown::Yes => return Err(FillError::TableGone(self.table.to_string())),
                None => {}
            }
        }
        session.execute(create)?;
        let columns = session.columns(self.table)?;
        let columns = columns.ok_or_else(|| StatementError::NoColumns { table: self.table.to_string() })?;
        Ok(There { past: HistoryPast::None, columns })
    }

    /// Production's history in place of the table's rows; gives the columns that it does not have.
    ///
    /// # Errors
    /// It cannot be carried over whole, and the author did not say that it may lose something.
    pub(super) fn carry(
        self,
        session: &mut dyn Session,
        scd: &ScdType2,
        (history, columns): (Option<&History>, &[ColumnType]),
    ) -> Result<Vec<String>, FillError> {
        let Some(history) = history else { return Ok(Vec::new()) };
        let names = ColumnType::untyped(columns);
        let over = self.over(&names);
        let needed = scd.unique_key.iter().flat_map(|key| over.names_in(key));
        let needed: Vec<String> = needed.chain([scd.valid_from.clone(), scd.valid_to.clone()]).collect();
        let carried = self.carried(session, (columns, &needed), &history.table, self.changes())?;
        run_all(session, &over.carry_history(scd, &history.table, &carried)?)?;
        let added = carried.iter().filter(|(_, carried)| *carried == Carried::Own);
        Ok(added.map(|(name, _)| (*name).to_owned()).collect())
    }
}

/// Says no where the staged rows have a key twice, or none.
fn refuse_keys(
    session: &mut dyn Session,
    upsert: &Upsert,
    (null_key, scd): (String, &ScdType2),
) -> Result<(), FillError> {
    if !session.query(&null_key)?.rows.is_empty() {
        let keys = scd.unique_key.join(", ");
        return Err(FillError::History(format!("unique key `{keys}` is NULL in a row that the query gives")));
    }
    match session.query(&upsert.duplicates)?.rows.first() {
        Some(row) => Err(FillError::Duplicate(upsert.duplicate(row))),
        None => Ok(()),
    }
}
