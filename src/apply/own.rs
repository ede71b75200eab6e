//! Models that read the very table that they fill: its columns before it is there, and INCREMENTAL_BY_UNIQUE_KEY whose loads of the
//! whole query lie over the rows of those before.

use std::borrow::Cow;

use super::fault::FillError;
use super::fill::Filler;
use super::put::Put;
use super::task::Task;
use crate::engine::{EngineError, Session, type_of};
use crate::model::{DeclaredColumn, UniqueKey};
use crate::plan::Rows;
use crate::sql::{Query, Template, stated_columns};
use crate::statement::ColumnType;

impl Filler<'_> {
    /// INCREMENTAL_BY_UNIQUE_KEY whose query does not name the interval: what it gives takes the place of the rows of its keys, or
    /// is merged into them, and all others stay (SQLMesh merges each load but the first). What would be something else if it came
    /// twice comes once each time that it is due: the warehouse says beside the table when it came last.
    pub(super) fn over_keys(&mut self, key: &UniqueKey) -> Result<(), FillError> {
        let task = self.task;
        let stays = self.rows_stay();
        if (key.adds_up() || task.reads_itself()) && self.came_before(stays)? {
            return Ok(());
        }
        let load = |session: &mut dyn Session, query: &str, known| {
            if !stays {
                task.clear(session)?;
            }
            task.load_put(session, Put::Keys(key), (query, known, None))
        };
        self.kept(&load, &|_, _| Ok(0))
    }

    /// Whether a table is there that a load of all lies over. One of ours that the state does not know is whole, too: whoever
    /// made it died after the commit, or the state was lost.
    pub(super) fn rows_stay(&self) -> bool {
        self.task.target.rows == Rows::Stay && (self.known.is_some() || self.is_recorded())
    }

    /// FULL that reads its own table: all its rows are what the query makes of those of before, once each time that it is due.
    /// `--restate` makes it once more of what is there (as SQLMesh does): nothing else has these rows.
    pub(super) fn over_itself(&mut self) -> Result<(), FillError> {
        let task = self.task;
        if self.came_before(self.rows_stay())? {
            return Ok(());
        }
        let load =
            |session: &mut dyn Session, query: &str, known| task.load_put(session, Put::All, (query, known, None));
        self.kept(&load, &|_, _| Ok(0))
    }

    /// Whether a table whose rows `stay` has had its load of this time already, by the state or by what the warehouse says beside it;
    /// that is recorded then. Else the load to come is what the warehouse is to say.
    fn came_before(&mut self, stays: bool) -> Result<bool, FillError> {
        let task = self.task;
        let last = self.known.as_ref().and_then(|known| known.snapshot.as_of).max(self.recorded_addition());
        if stays && last.is_some_and(|last| last >= task.model.last_tick(task.work.now)) {
            let columns = self.session().columns(task.table)?;
            let columns = columns.ok_or_else(|| FillError::TableGone(task.table.to_string()))?;
            self.record(&[self.snapshot(&columns, last), self.built()])?;
            return Ok(true);
        }
        self.added_at = Some(task.work.now);
        Ok(false)
    }
}

impl Task<'_> {
    /// No rows of before, where the table is there.
    fn clear(self, session: &mut dyn Session) -> Result<(), EngineError> {
        if self.recorded.is_some() && session.columns(self.table)?.is_some() {
            session.execute(&self.over(&[]).empty())?;
        }
        Ok(())
    }

    /// The columns of a table that its query reads, before it is there: as they are declared, else as the casts of the query say
    /// (SQLMesh: "add explicit types to all projections").
    ///
    /// # Errors
    /// One has no type.
    pub(super) fn own_columns(self, session: &mut dyn Session, query: &str) -> Result<Vec<DeclaredColumn>, FillError> {
        let declared = &self.model.properties.columns;
        let is_typed =
            |columns: &[DeclaredColumn]| !columns.is_empty() && columns.iter().all(|column| column.data_type.is_some());
        if is_typed(declared) {
            return Ok(declared.clone());
        }
        let dialect = self.work.engine.dialect();
        let written = Query::parse(Template::plain(query), dialect);
        let stated = stated_columns(&written.syntax(), dialect, &|_| None).ok_or(FillError::ReadsItself)?;
        let mut columns = Vec::new();
        for column in stated {
            let same = |other: &&DeclaredColumn| dialect.fold(&other.name, true) == dialect.fold(&column.name, true);
            let data_type = match declared.iter().find(same).and_then(|declared| declared.data_type.clone()) {
                Some(declared) => Some(declared),
                None => column.like.and_then(|like| type_of(session, &like)),
            };
            columns.push(DeclaredColumn { name: column.name, data_type });
        }
        if is_typed(&columns) { Ok(columns) } else { Err(FillError::ReadsItself) }
    }

    /// Says no where the query, now that its own table is there, gives a column that is not declared another type than its casts
    /// said, as another part of a UNION may: its values would be changed on the way.
    pub(super) fn refuse_other_types(
        self,
        session: &mut dyn Session,
        (there, query): (&[ColumnType], &str),
    ) -> Result<(), FillError> {
        if !self.reads_itself() {
            return Ok(());
        }
        let declared = &self.model.properties.columns;
        let folded = |name: &str| self.model.dialect.fold(name, true);
        let is_declared = |column: &ColumnType| {
            declared.iter().any(|own| own.data_type.is_some() && folded(&own.name) == folded(&column.name))
        };
        if there.iter().all(is_declared) {
            return Ok(());
        }
        let given = session.describe(query)?;
        let other = there.iter().filter(|column| !is_declared(column)).find(|column| {
            given.iter().any(|given| folded(&given.name) == folded(&column.name) && given.data_type != column.data_type)
        });
        match other {
            Some(column) => Err(FillError::OwnType(column.name.clone())),
            None => Ok(()),
        }
    }

    /// The query with its columns in the order of the table's. That is the query's own, but where the author said what the
    /// columns are before the engine could.
    pub(super) fn in_order<'q>(
        self,
        session: &mut dyn Session,
        table: &[ColumnType],
        query: &'q str,
    ) -> Result<Cow<'q, str>, FillError> {
        if !self.reads_itself() {
            return Ok(Cow::Borrowed(query));
        }
        let given = session.describe(query)?;
        let folded = |column: &ColumnType| self.model.dialect.fold(&column.name, true);
        if table.iter().map(folded).eq(given.iter().map(folded)) {
            return Ok(Cow::Borrowed(query));
        }
        let named = |wanted: &ColumnType| given.iter().find(|column| folded(column) == folded(wanted)).cloned();
        match table.iter().map(named).collect::<Option<Vec<_>>>() {
            Some(picked) if picked.len() == given.len() => {
                Ok(Cow::Owned(self.over(&ColumnType::untyped(&picked)).picked(query)))
            }
            _ => Err(FillError::columns(table, &given)),
        }
    }
}
