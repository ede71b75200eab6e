//! What a load makes of the rows that are there, kind by kind, as docs/kinds.md and docs/run.md have it.

use std::collections::BTreeMap;

use super::ir::Kind;
use super::render::START;
use super::source::Record;
use super::table::{Cell, Row, Table};
use super::value::{DAY, Value, midnight, tick};

/// One load of a table.
pub(crate) struct Load<'a> {
    /// What the query gives.
    pub(crate) given: Vec<Record>,
    /// The time of the load.
    pub(crate) now: i64,
    /// Whether there was no load before it, of this table or of one that it goes on from.
    pub(crate) is_first: bool,
    /// Columns that the table has just got.
    pub(crate) added: &'a [&'static str],
    /// Whether a branch looks at it, and from which day on what was loaded is loaded again.
    pub(crate) again: Again,
    /// The next row's number.
    pub(crate) next: &'a mut u64,
}

/// What is loaded that was loaded already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Nothing,
    /// The last day, for a branch.
    LastDay,
    /// All from that day on.
    From(i64),
}

impl Load<'_> {
    fn row(&mut self, record: Record) -> Row {
        *self.next += 1;
        Row::of(*self.next, record)
    }

    /// The whole query, put to the table.
    pub(crate) fn put(mut self, table: &mut Table, kind: Kind) {
        table.loaded = Some(self.now);
        let given = std::mem::take(&mut self.given);
        match kind {
            Kind::Log => {
                let rows: Vec<Row> = given.into_iter().map(|record| self.row(record)).collect();
                table.rows.extend(rows);
            }
            Kind::Parts => self.replace(table, given, "name"),
            Kind::Keyed => self.replace(table, given, "id"),
            Kind::ByColumn { ends_deleted, .. } | Kind::ByTime { ends_deleted, .. } => {
                let keys: Vec<Value> = given.iter().map(|record| record["id"].clone()).collect();
                for record in given {
                    self.version(table, kind, record);
                }
                let now = Cell::Is(Value::Moment(self.now));
                if ends_deleted {
                    let gone = |row: &&mut Row| is_present(row) && !keys.contains(&row.value("id"));
                    table.rows.iter_mut().filter(gone).for_each(|row| drop(row.cells.insert("valid_to", now.clone())));
                }
            }
            Kind::Laid { ends_deleted, .. } => self.lay(table, kind, (given, ends_deleted)),
            Kind::Spread { merged, looks_back } => self.spread(table, given, (merged, looks_back)),
            Kind::AtOnce { adds } => self.lay_at_once(table, given, adds),
            Kind::Days(_) => {}
        }
    }

    /// docs/kinds.md, "INCREMENTAL_BY_PARTITION": "where the query names the interval, all intervals that are missing are one load".
    fn lay_at_once(&mut self, table: &mut Table, given: Vec<Record>, adds: bool) {
        let (next, end) = (table.laid.unwrap_or_else(|| midnight(START)), tick(self.now));
        let is_new = |record: &Record| matches!(record["day"], Value::Day(day) if (next..end).contains(&day));
        let of: Vec<Record> = given.into_iter().filter(is_new).collect();
        match adds {
            true => {
                let rows: Vec<Row> = of.into_iter().map(|record| self.row(record)).collect();
                table.rows.extend(rows);
            }
            false => self.replace(table, of, "name"),
        }
        table.laid = Some(next.max(end));
    }

    /// docs/kinds.md, "A source that has its history already": what each day gives is laid over the days before it.
    fn lay(&mut self, table: &mut Table, kind: Kind, (given, ends_deleted): (Vec<Record>, bool)) {
        let begin = table.laid.unwrap_or_else(|| midnight(START));
        self.is_first = table.laid.is_none();
        if begin >= tick(self.now) {
            return self.learn(
                table,
                kind,
                given.into_iter().filter(|record| record["day"] == Value::Day(begin - DAY)),
            );
        }
        for day in (begin..tick(self.now)).step_by(DAY as usize) {
            let of: Vec<Record> = given.iter().filter(|record| record["day"] == Value::Day(day)).cloned().collect();
            let keys: Vec<Value> = of.iter().map(|record| record["name"].clone()).collect();
            of.into_iter().for_each(|record| self.version(table, kind, record));
            let gone = |row: &&mut Row| ends_deleted && is_present(row) && !keys.contains(&row.value("name"));
            for row in table.rows.iter_mut().filter(gone) {
                let ended = Value::Moment(day).max(row.value("valid_from"));
                row.cells.insert("valid_to", Cell::Is(ended));
            }
            self.is_first = false;
            table.laid = Some(day + DAY);
        }
    }

    /// docs/kinds.md, "INCREMENTAL_BY_UNIQUE_KEY that is kept": what each day gives takes the place of the rows of its keys, or is
    /// merged into them, and then each day once.
    fn spread(&mut self, table: &mut Table, given: Vec<Record>, (merged, looks_back): (bool, bool)) {
        let (start, end) = (midnight(START), tick(self.now));
        let next = table.laid.unwrap_or(start);
        let lookback = i64::from(looks_back && next < end);
        let begin = match self.again {
            _ if merged || table.laid.is_none() => next,
            Again::Nothing => next - lookback * DAY,
            Again::LastDay => next - DAY,
            Again::From(day) => day.min(next - lookback * DAY),
        };
        for day in (begin.max(start)..end).step_by(DAY as usize) {
            let of = given.iter().filter(|record| record["day"] == Value::Day(day)).cloned();
            match merged {
                true => of.for_each(|record| self.merge(table, record)),
                false => self.replace(table, of.collect(), "name"),
            }
        }
        table.laid = Some(next.max(end));
    }

    /// `when_matched`: day and sum of prices are others, the rest stays; as another row, because it is told by its values.
    fn merge(&mut self, table: &mut Table, record: Record) {
        let is_own = |row: &Row| row.value("name") == record["name"];
        let Some(place) = table.rows.iter().position(is_own) else {
            let row = self.row(record);
            return table.rows.push(row);
        };
        let mut row = table.rows.remove(place);
        let price = match (&record["price"], row.value("price")) {
            (Value::Number(more), Value::Number(sum)) => Value::Number(more + sum),
            _ => Value::Null,
        };
        row.cells.insert("day", Cell::Is(record["day"].clone()));
        row.cells.insert("price", Cell::Is(price));
        row.id = self.row(Record::new()).id;
        table.rows.push(row);
    }

    /// "A column that is new is learned from the last interval" where there is none to lay.
    fn learn(&self, table: &mut Table, kind: Kind, given: impl Iterator<Item = Record>) {
        for record in given {
            let is_own = |row: &&mut Row| is_present(row) && row.value("name") == record["name"];
            let Some(present) = table.rows.iter_mut().find(is_own).filter(|row| !self.differs(kind, row, &record))
            else {
                continue;
            };
            for name in self.added.iter().filter(|name| record.contains_key(*name)) {
                if present.value(name) == Value::Null {
                    present.cells.insert(name, Cell::Is(record[name].clone()));
                }
            }
        }
    }

    /// "A load replaces the partitions that it gives", and of a unique key "each load takes the place of the rows of its keys".
    fn replace(&mut self, table: &mut Table, given: Vec<Record>, by: &'static str) {
        let parts: Vec<Value> = given.iter().map(|record| record[by].clone()).collect();
        table.rows.retain(|row| !parts.contains(&row.value(by)));
        let rows: Vec<Row> = given.into_iter().map(|record| self.row(record)).collect();
        table.rows.extend(rows);
    }

    /// docs/kinds.md, "SCD_TYPE_2": one row of a load meets the present version of its key.
    fn version(&mut self, table: &mut Table, kind: Kind, record: Record) {
        let by = if matches!(kind, Kind::Laid { .. }) { "name" } else { "id" };
        let key = record[by].clone();
        let ended = table.rows.iter().filter(|row| row.value(by) == key).map(|row| row.value("valid_to")).max();
        let present = table.rows.iter_mut().find(|row| is_present(row) && row.value(by) == key);
        let Some(present) = present else {
            let from = self.begin(kind, &record, ended.filter(|ended| *ended != Value::Null));
            let row = self.versioned(record, from);
            return table.rows.push(row);
        };
        if !self.differs(kind, present, &record) {
            // "The present version of a row of SCD_TYPE_2 gets its value without becoming another version."
            for (name, value) in record {
                if present.value(name) == Value::Null {
                    present.cells.insert(name, Cell::Is(value));
                }
            }
            return;
        }
        let from = match kind {
            // "No version ends before it begins."
            Kind::ByTime { .. } => record["updated_at"].clone().max(present.value("valid_from")),
            Kind::Laid { .. } => dated(&record).max(present.value("valid_from")),
            _ => Value::Moment(self.now),
        };
        present.cells.insert("valid_to", Cell::Is(from.clone()));
        let row = self.versioned(record, from);
        table.rows.push(row);
    }

    /// When the first version of a row begins, or that of one which comes back after it was gone.
    fn begin(&self, kind: Kind, record: &Record, ended: Option<Value>) -> Value {
        let epoch = Value::Moment(0);
        match kind {
            Kind::ByTime { first_at_update, .. } => match (ended, record["updated_at"].clone()) {
                (Some(ended), updated) => updated.max(ended),
                (None, updated) if first_at_update => updated,
                (None, _) => epoch,
            },
            Kind::ByColumn { first_at_load: false, .. } | Kind::Laid { first_at_update: false, .. }
                if self.is_first =>
            {
                epoch
            }
            Kind::Laid { .. } => ended.map_or_else(|| dated(record), |ended| dated(record).max(ended)),
            _ => Value::Moment(self.now),
        }
    }

    fn versioned(&mut self, mut record: Record, from: Value) -> Row {
        record.insert("valid_from", from);
        record.insert("valid_to", Value::Null);
        self.row(record)
    }

    fn differs(&self, kind: Kind, present: &Row, record: &Record) -> bool {
        let other = |name: &str| !self.added.contains(&name) && present.value(name) != record[name];
        match kind {
            Kind::ByColumn { all: true, .. } | Kind::Laid { all: true, .. } => record.keys().any(|name| other(name)),
            Kind::Laid { .. } => other("price"),
            Kind::ByTime { .. } => record["updated_at"] > present.value("updated_at"),
            _ => ["name", "price"].iter().any(|name| other(name)),
        }
    }

    /// "Each load replaces its range": the days of `days`, of the rows that the query gives now.
    pub(crate) fn days(mut self, table: &mut Table, days: &[i64]) {
        let of = |day: &Value| matches!(day, Value::Day(day) if days.contains(day));
        table.rows.retain(|row| !of(&row.value("day")));
        let given = std::mem::take(&mut self.given);
        let rows: Vec<Row> =
            given.into_iter().filter(|record| of(&record["day"])).map(|record| self.row(record)).collect();
        table.rows.extend(rows);
        table.days.extend(days.iter().map(|day| (*day, self.now)));
    }
}

/// The day of a record as a moment.
fn dated(record: &Record) -> Value {
    match record["day"] {
        Value::Day(day) => Value::Moment(day),
        _ => Value::Null,
    }
}

fn is_present(row: &Row) -> bool {
    row.value("valid_to") == Value::Null
}

/// The days that a table lacks up to a time.
pub(crate) fn lacking(days: &BTreeMap<i64, i64>, start: i64, end: i64) -> Vec<i64> {
    (start..tick(end)).step_by(DAY as usize).filter(|day| !days.contains_key(day)).collect()
}
