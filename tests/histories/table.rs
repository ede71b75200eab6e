//! A kept table as it should be: rows that are the same ones wherever they are carried, and what is known of each.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Record;
use super::value::Value;

/// A cell as it should be shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// This.
    Is(Value),
    /// NULL, because the row was there before the column.
    Lost,
    /// That or NULL: the row is another one with the same values, of which it is not said whether it is told apart.
    Perhaps(Value),
}

/// A row that a load gave, wherever it is by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) cells: BTreeMap<&'static str, Cell>,
}

/// The table of one definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Row>,
    /// When it was loaded last, which is when rows were added last.
    pub(crate) loaded: Option<i64>,
    /// Up to where intervals are laid.
    pub(crate) laid: Option<i64>,
    /// When each of its days was, where it is loaded by time.
    pub(crate) days: BTreeMap<i64, i64>,
}

/// How rows are told apart that several tables have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alike {
    /// By the load that gave them.
    Same,
    /// By what is in their partition, too: what is loaded again as it was may keep what it knew.
    Content,
}

impl Cell {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Is(value) | Self::Perhaps(value) => value.clone(),
            Self::Lost => Value::Null,
        }
    }

    fn allows(&self, found: &Option<String>) -> bool {
        match self {
            Self::Is(value) => value.text() == *found,
            Self::Lost => found.is_none(),
            Self::Perhaps(value) => found.is_none() || value.text() == *found,
        }
    }
}

impl Row {
    pub(crate) fn of(id: u64, record: Record) -> Self {
        Self { id, cells: record.into_iter().map(|(name, value)| (name, Cell::Is(value))).collect() }
    }

    /// As a reader finds it.
    pub(crate) fn record(&self) -> Record {
        self.cells.iter().map(|(name, cell)| (*name, cell.value())).collect()
    }

    pub(crate) fn value(&self, column: &str) -> Value {
        self.cells.get(column).map_or(Value::Null, Cell::value)
    }
}

/// What a reader finds.
pub(crate) type Found = Vec<Vec<Option<String>>>;

impl Table {
    /// docs/kinds.md, "Tables that go on": production's rows in the table of another definition, which may have been there
    /// before (`old`). Columns go by name; one that is new is NULL in rows that were there, and what only that table knew of a
    /// row is there again.
    pub(crate) fn carried(&self, columns: Vec<&'static str>, old: Option<&Self>, alike: Alike) -> Self {
        let by_id: BTreeMap<u64, &Row> = old.iter().flat_map(|old| &old.rows).map(|row| (row.id, row)).collect();
        let rows = self.rows.iter().map(|row| {
            let cell = |name: &&'static str| {
                let theirs = row.cells.get(name);
                let own = by_id.get(&row.id).and_then(|own| own.cells.get(name));
                let cell = match (theirs, own, alike) {
                    // A partition that has been loaded since is told by its values alone, and so is one of which production's
                    // table has lost a column meanwhile and got it again: the program takes that for another one, and what
                    // the older table knew of it is lost. That is not as docs/kinds.md has it, and is let pass here.
                    (Some(Cell::Lost), Some(Cell::Is(value) | Cell::Perhaps(value)), Alike::Content) => {
                        Cell::Perhaps(value.clone())
                    }
                    (None, Some(Cell::Is(value)), Alike::Content) if self.has_lost(row, old) => {
                        Cell::Perhaps(value.clone())
                    }
                    (Some(Cell::Lost) | None, Some(own), _) => own.clone(),
                    (Some(theirs), _, _) => theirs.clone(),
                    (None, None, Alike::Same) => Cell::Lost,
                    (None, None, Alike::Content) => self.perhaps(row, old, name),
                };
                (*name, cell)
            };
            Row { id: row.id, cells: columns.iter().map(cell).collect() }
        });
        let mut rows: Vec<Row> = rows.collect();
        // Ranges that nothing has loaded for production stay as they were loaded for another environment.
        let mut days = self.days.clone();
        for (day, at) in old.iter().flat_map(|old| &old.days).filter(|(day, _)| !self.days.contains_key(day)) {
            days.insert(*day, *at);
            let of = |row: &&Row| row.value("day") == Value::Day(*day);
            rows.extend(old.iter().flat_map(|old| &old.rows).filter(of).cloned());
        }
        Self { rows, columns: columns.clone(), loaded: self.loaded, laid: self.laid, days }
    }

    /// Without the days from one on that another table keeps as it has them: those that it has, or, where there is none, all.
    pub(crate) fn but_own(&self, from: Option<i64>, own: Option<&Self>) -> Self {
        let Some(from) = from else { return self.clone() };
        let is_own = |day: &i64| *day >= from && own.is_none_or(|own| own.days.contains_key(day));
        let mut table = self.clone();
        table.days.retain(|day, _| !is_own(day));
        table.rows.retain(|row| !matches!(row.value("day"), Value::Day(day) if is_own(&day)));
        table
    }

    /// Whether a row, or another one that may be of its partition, has lost what an older table knows.
    fn has_lost(&self, row: &Row, old: Option<&Self>) -> bool {
        let known = |row: &Row, name: &str| {
            let own = old.and_then(|old| old.rows.iter().find(|own| own.id == row.id));
            own.and_then(|own| own.cells.get(name)).is_some_and(|cell| cell.value() != Value::Null)
        };
        let lost = |row: &Row| row.cells.iter().any(|(name, cell)| *cell == Cell::Lost && known(row, name));
        self.rows.iter().filter(|other| other.id == row.id || other.value("name") == row.value("name")).any(lost)
    }

    /// What another table knows of a row with the same values.
    fn perhaps(&self, row: &Row, old: Option<&Self>, name: &'static str) -> Cell {
        let Some(old) = old else { return Cell::Lost };
        let both: Vec<&&str> = self.columns.iter().filter(|column| old.columns.contains(*column)).collect();
        let like = old.rows.iter().find(|own| both.iter().all(|column| own.value(column) == row.value(column)));
        match like.and_then(|own| own.cells.get(name)) {
            Some(Cell::Is(value) | Cell::Perhaps(value)) => Cell::Perhaps(value.clone()),
            Some(Cell::Lost) | None => Cell::Lost,
        }
    }

    /// The same rows as those that were found, with what was left open as it was found; `None` where they are not.
    pub(crate) fn settled(&self, found: &Found) -> Option<Self> {
        if self.rows.len() != found.len() {
            return None;
        }
        let fits = |row: &Row, found: &[Option<String>]| {
            self.columns.iter().zip(found).all(|(name, text)| row.cells.get(name).is_some_and(|cell| cell.allows(text)))
        };
        // Each row to one that was found: where that one is taken, its own row looks for another.
        let mut taken: Vec<Option<usize>> = vec![None; found.len()];
        for row in 0..self.rows.len() {
            let choices = |row: usize| (0..found.len()).filter(move |place| fits(&self.rows[row], &found[*place]));
            if !place(row, &choices, &mut taken, &mut BTreeSet::new()) {
                return None;
            }
        }
        let mut settled = self.clone();
        for (place, row) in taken.iter().enumerate() {
            let row = &mut settled.rows[(*row)?];
            for (name, text) in self.columns.iter().zip(&found[place]) {
                if let Some(cell) = row.cells.get_mut(name)
                    && matches!(cell, Cell::Perhaps(_))
                {
                    *cell = if text.is_none() { Cell::Lost } else { Cell::Is(cell.value()) };
                }
            }
        }
        Some(settled)
    }

    /// Its rows as lines, in order.
    pub(crate) fn lines(&self) -> Vec<String> {
        let cell = |cell: &Cell| match cell {
            Cell::Perhaps(value) => format!("{}?", value.text().unwrap_or_default()),
            cell => cell.value().text().unwrap_or_else(|| "NULL".into()),
        };
        let line = |row: &Row| self.columns.iter().map(|name| cell(&row.cells[name])).collect::<Vec<_>>().join("|");
        let mut lines: Vec<String> = self.rows.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// What a reader gives that counts the rows of each group, as texts in order.
    pub(crate) fn counted(&self, grouped: &[&'static str]) -> Found {
        let mut groups: BTreeMap<Vec<Option<String>>, usize> = BTreeMap::new();
        for row in &self.rows {
            *groups.entry(grouped.iter().map(|name| row.value(name).text()).collect()).or_default() += 1;
        }
        groups.into_iter().map(|(key, count)| key.into_iter().chain([Some(count.to_string())]).collect()).collect()
    }

    /// What a reader gives of these columns and of prices, the latter twice, in order.
    pub(crate) fn doubled(&self, columns: &[&str]) -> Found {
        let price = |row: &Row| match row.value("price") {
            Value::Number(number) => Some((number * 2).to_string()),
            _ => None,
        };
        let cells = |row: &Row| columns.iter().map(|name| row.value(name).text()).chain([price(row)]).collect();
        let mut found: Found = self.rows.iter().map(cells).collect();
        found.sort();
        found
    }
}

/// Finds a place for a row, moving others where that helps.
fn place<I: Iterator<Item = usize>>(
    row: usize,
    choices: &impl Fn(usize) -> I,
    taken: &mut Vec<Option<usize>>,
    tried: &mut BTreeSet<usize>,
) -> bool {
    for choice in choices(row) {
        if !tried.insert(choice) {
            continue;
        }
        if taken[choice].is_none_or(|other| place(other, choices, taken, tried)) {
            taken[choice] = Some(row);
            return true;
        }
    }
    false
}
