//! Fixtures in the engine: rows become tables, and expected rows become values of the types that came.
//!
//! Cells are staged as text and cast by the engine, nested ones by way of JSON; nothing of a cell is ever part of a statement.

use super::one::{Refused, help_of};
use super::shapes::ShapeColumn;
use crate::engine::{Cells, EngineError, Session};
use crate::ids::TableName;
use crate::problem::nearest;
use crate::sql::Dialect;
use crate::statement::{ColumnType, quote_identifier, quote_table};
use crate::unit_test::{Cell, Content, Expected, Fixture, Row, Rows, Trouble, inferred_type};
use crate::yaml::Place;

/// Makes the table of a given fixture. `shape` is what is known of it.
///
/// # Errors
/// A column that there is not, one whose type nobody knows, a cell that does not fit, or a query that does not run.
pub(super) fn make(
    session: &mut dyn Session,
    (name, table): (&str, &TableName),
    fixture: &Fixture,
    shape: Option<&[ShapeColumn]>,
) -> Result<(), Refused> {
    match &fixture.content {
        Content::Rows(rows) => {
            let columns = columns_of(name, fixture, rows, shape)?;
            let cells = aligned(rows, &columns);
            stage(session, &cells, columns.len())?;
            blame(session, name, rows, (&cells, &columns), fixture.place)?;
            let value = |(place, column): (usize, &ColumnType)| {
                format!("{} AS {}", cast("CAST", place, column, &cells), quoted(&column.name))
            };
            let values: Vec<String> = columns.iter().enumerate().map(value).collect();
            create(session, table, &format!("SELECT {} FROM {STAGE} ORDER BY n", values.join(", ")))
        }
        Content::Query(query) => {
            let given = session.describe(query).map_err(|error| in_query(name, fixture, error))?;
            let known = known_columns(fixture, shape);
            let selected = selected(name, fixture, (&given, &known), shape)?;
            let sql = format!("SELECT {} FROM (\n{}\n) AS q", selected.join(", "), query);
            create(session, table, &sql).map_err(|refused| match refused {
                Refused::Engine(error) => in_query(name, fixture, error),
                trouble => trouble,
            })
        }
    }
}

/// Expected rows as values of the columns that came; the numbers of these columns are given with them.
///
/// # Errors
/// The engine refuses.
pub(super) fn expected(
    session: &mut dyn Session,
    rows: &Rows,
    columns: &[ColumnType],
) -> Result<Vec<Vec<Expected>>, EngineError> {
    let cells = aligned(rows, columns);
    stage(session, &cells, columns.len())?;
    let read = |session: &mut dyn Session, word: &str| {
        let value = |(place, column): (usize, &ColumnType)| {
            let value = cast(word, place, column, &cells);
            format!("{value}, {}", misfit(place, column, &value))
        };
        let values: Vec<String> = columns.iter().enumerate().map(value).collect();
        let list = if values.is_empty() { "n".to_owned() } else { values.join(", ") };
        session.query(&format!("SELECT {list} FROM {STAGE} ORDER BY n"))
    };
    // A nested value of which only a part fits is an error of the strict cast, and that part NULL of the other.
    let (found, nested) = match read(session, "CAST") {
        Ok(found) => (found, Nested::Fit),
        Err(EngineError::Statement { .. }) => (read(session, "TRY_CAST")?, Nested::MayNot),
        Err(error) => return Err(error),
    };
    let row = |(values, cells): (Cells, &Vec<Cell>)| {
        let pairs = values.chunks_exact(2).zip(cells).zip(columns);
        pairs.map(|((pair, cell), column)| one_expected(pair, cell, column, nested)).collect()
    };
    Ok(found.rows.into_iter().zip(&cells).map(row).collect())
}

/// Whether nested cells were seen to fit as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nested {
    Fit,
    MayNot,
}

fn one_expected(pair: &[Option<String>], cell: &Cell, column: &ColumnType, nested: Nested) -> Expected {
    // As in SQLMesh, a number is no text.
    let is_other = is_text(column) && matches!(cell, Cell::Number(_) | Cell::Boolean(_));
    let is_doubtful = nested == Nested::MayNot && matches!(cell, Cell::Nested(_));
    match pair {
        [_, Some(misfit)] if misfit == "true" || is_other || is_doubtful => {
            Expected::Misfit(cell.shown().unwrap_or_default())
        }
        [value, _] => Expected::Value(value.clone()),
        _ => Expected::Value(None),
    }
}

fn is_text(column: &ColumnType) -> bool {
    column.data_type == "VARCHAR"
}

const STAGE: &str = "temp.main.offshoot__stage";

/// Puts cells into a table of texts: `c0` and so on, and as JSON `j0` where they are nested.
fn stage(session: &mut dyn Session, rows: &[Vec<Cell>], width: usize) -> Result<(), EngineError> {
    let names: Vec<String> = (0..width).flat_map(|place| [format!("c{place}"), format!("j{place}")]).collect();
    let columns: String = names.iter().map(|name| format!(", {name} VARCHAR")).collect();
    session.execute(&format!("CREATE OR REPLACE TEMP TABLE offshoot__stage (n BIGINT{columns})"))?;
    let names: Vec<&str> = std::iter::once("n").chain(names.iter().map(String::as_str)).collect();
    let staged = |(place, row): (usize, &Vec<Cell>)| -> Cells {
        std::iter::once(Some(place.to_string())).chain(row.iter().flat_map(|cell| [cell.text(), cell.json()])).collect()
    };
    let rows: Vec<Cells> = rows.iter().enumerate().map(staged).collect();
    let table = TableName { catalog: Some("temp".into()), schema: "main".into(), name: "offshoot__stage".into() };
    if rows.is_empty() { Ok(()) } else { session.append(&table, &names, &rows) }
}

/// The rows with one cell for each of these columns.
fn aligned(rows: &Rows, columns: &[ColumnType]) -> Vec<Vec<Cell>> {
    let place = |column: &ColumnType| {
        let name = column.name.to_lowercase();
        rows.columns.iter().position(|known| known.text == name)
    };
    let places: Vec<Option<usize>> = columns.iter().map(place).collect();
    let cell =
        |row: &Row, place: &Option<usize>| place.and_then(|place| row.cells.get(place)).cloned().unwrap_or(Cell::Null);
    rows.rows.iter().map(|row| places.iter().map(|place| cell(row, place)).collect()).collect()
}

/// A staged cell as a value of its column's type; texts that do not fit are NULL whatever the word says.
fn cast(word: &str, place: usize, column: &ColumnType, rows: &[Vec<Cell>]) -> String {
    let data_type = &column.data_type;
    let text = format!("TRY_CAST(c{place} AS {data_type})");
    let is_nested = rows.iter().any(|row| matches!(row.get(place), Some(Cell::Nested(_))));
    if is_nested { format!("coalesce({word}(CAST(j{place} AS JSON) AS {data_type}), {text})") } else { text }
}

/// Whether a staged cell is no value of its column's type, or only one after something of it was dropped.
fn misfit(place: usize, column: &ColumnType, value: &str) -> String {
    let given = format!("(c{place} IS NOT NULL OR j{place} IS NOT NULL)");
    let none = format!("{value} IS NULL");
    let head = column.data_type.split('(').next().unwrap_or_default();
    let wider = match head {
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
        | "UBIGINT" | "UHUGEINT" => Some("DOUBLE"),
        "DECIMAL" if !column.data_type.ends_with(']') => Some("DOUBLE"),
        "DATE" => Some("TIMESTAMP"),
        _ => None,
    };
    let dropped = wider.map_or_else(String::new, |wider| {
        format!(" OR TRY_CAST(c{place} AS {wider}) IS DISTINCT FROM CAST({value} AS {wider})")
    });
    format!("{given} AND ({none}{dropped})")
}

/// Names the first cell that its column's type does not take.
fn blame(
    session: &mut dyn Session,
    name: &str,
    rows: &Rows,
    (cells, columns): (&[Vec<Cell>], &[ColumnType]),
    place: Place,
) -> Result<(), Refused> {
    for (index, column) in columns.iter().enumerate() {
        let value = cast("TRY_CAST", index, column, cells);
        let given = format!("c{index} IS NOT NULL OR j{index} IS NOT NULL");
        let sql = format!("SELECT n FROM {STAGE} WHERE ({given}) AND {value} IS NULL ORDER BY n LIMIT 1");
        let found = session.query(&sql).map_err(|error| {
            let message =
                format!("`{name}` cannot have column `{}` of type `{}`: {error}", column.name, column.data_type);
            Refused::trouble_at(place, message, None)
        })?;
        let Some(row) = found.rows.first().and_then(|row| row.first()?.as_ref()?.parse::<usize>().ok()) else {
            continue;
        };
        let cell = cells.get(row).and_then(|row| row.get(index)).and_then(Cell::shown).unwrap_or_default();
        let cell: String = cell.chars().take(80).collect();
        let message =
            format!("row {} of `{name}`: {cell:?} of column `{}` is no {}", row + 1, column.name, column.data_type);
        let place = rows.rows.get(row).map_or(place, |row| row.place);
        return Err(Refused::trouble_at(
            place,
            message,
            Some("mend the value, or give the column another type in `columns`"),
        ));
    }
    Ok(())
}

/// The columns that are known before any row is looked at: types that the test states win.
fn known_columns(fixture: &Fixture, shape: Option<&[ShapeColumn]>) -> Vec<ShapeColumn> {
    let mut known: Vec<ShapeColumn> = shape.unwrap_or_default().to_vec();
    for (name, data_type) in &fixture.columns {
        let data_type = Some(data_type.clone());
        match known.iter_mut().find(|column| column.name.to_lowercase() == *name) {
            Some(column) => column.data_type = data_type,
            None => known.push(ShapeColumn { name: name.clone(), data_type }),
        }
    }
    known
}

fn columns_of(
    name: &str,
    fixture: &Fixture,
    rows: &Rows,
    shape: Option<&[ShapeColumn]>,
) -> Result<Vec<ColumnType>, Refused> {
    let typed = |ShapeColumn { name, data_type }| {
        let place = rows.columns.iter().position(|named| named.text == name.to_lowercase());
        let found = || inferred_type(rows.rows.iter().filter_map(|row| row.cells.get(place?)));
        // What is NULL in every row is a number, as DuckDB stores it.
        let data_type = data_type.or_else(found).unwrap_or_else(|| "INTEGER".into());
        ColumnType { name, data_type }
    };
    let mut columns: Vec<ColumnType> = known_columns(fixture, shape).into_iter().map(typed).collect();
    for (place, named) in rows.columns.iter().enumerate() {
        if columns.iter().any(|column| column.name.to_lowercase() == named.text) {
            continue;
        }
        if shape.is_some() {
            return Err(no_column(name, &named.text, columns.iter().map(|column| &column.name), named.place));
        }
        let found = inferred_type(rows.rows.iter().filter_map(|row| row.cells.get(place)));
        let data_type = found.ok_or_else(|| {
            let message =
                format!("nobody knows the type of column `{}` of `{name}`, which is NULL in every row", named.text);
            Refused::trouble_at(named.place, message, Some(STATE_TYPES))
        })?;
        columns.push(ColumnType::new(&named.text, data_type));
    }
    if columns.is_empty() {
        let message = format!("nobody knows the columns of `{name}`, of which there is no row");
        return Err(Refused::trouble_at(fixture.place, message, Some(STATE_TYPES)));
    }
    Ok(columns)
}

const STATE_TYPES: &str =
    "state it: `columns: {name: TYPE}` beside `rows`, in the model's `columns`, or in `external_models.yaml`";

fn no_column<'n>(name: &str, column: &str, known: impl Iterator<Item = &'n String>, place: Place) -> Refused {
    let names: Vec<String> = known.map(|known| known.to_lowercase()).collect();
    let help = match nearest(column, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", names.join(", ")),
    };
    Refused::trouble_at(place, format!("`{name}` has no column `{column}`"), Some(&help))
}

/// What is selected of a query that gives rows: the known columns, those that it lacks as NULL.
fn selected(
    name: &str,
    fixture: &Fixture,
    (given, known): (&[ColumnType], &[ShapeColumn]),
    shape: Option<&[ShapeColumn]>,
) -> Result<Vec<String>, Refused> {
    let same = |given: &ColumnType, known: &ShapeColumn| given.name.eq_ignore_ascii_case(&known.name);
    let mut selected: Vec<String> = Vec::new();
    for column in known {
        let value = given
            .iter()
            .find(|given| same(given, column))
            .map_or("NULL".to_owned(), |given| format!("q.{}", quoted(&given.name)));
        let value =
            column.data_type.as_ref().map_or(value.clone(), |data_type| format!("CAST({value} AS {data_type})"));
        selected.push(format!("{value} AS {}", quoted(&column.name)));
    }
    for column in given.iter().filter(|column| !known.iter().any(|known| same(column, known))) {
        if shape.is_some() {
            return Err(no_column(name, &column.name, known.iter().map(|known| &known.name), fixture.place));
        }
        selected.push(format!("q.{}", quoted(&column.name)));
    }
    Ok(selected)
}

fn create(session: &mut dyn Session, table: &TableName, query: &str) -> Result<(), Refused> {
    let sql = format!("CREATE TABLE {} AS {query}", quote_table(Dialect::DuckDb, table));
    session.execute(&sql).map(drop).map_err(Refused::Engine)
}

fn in_query(name: &str, fixture: &Fixture, error: EngineError) -> Refused {
    match error {
        EngineError::Statement { message, .. } => {
            let help = help_of(&message);
            Refused::trouble_at(fixture.place, format!("the query for `{name}` does not run: {message}"), help)
        }
        other => Refused::Engine(other),
    }
}

pub(super) fn quoted(name: &str) -> String {
    quote_identifier(Dialect::DuckDb, name)
}

impl Refused {
    pub(super) fn trouble_at(place: Place, message: String, help: Option<&str>) -> Self {
        Self::Trouble(Trouble { message, help: help.map(str::to_owned), place: Some(place) })
    }
}
