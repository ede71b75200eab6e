//! The rows of a query for people (an aligned table), for spreadsheets (CSV) and for scripts (JSON).

use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement};
use owo_colors::OwoColorize as _;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use super::text::counted;
use super::{Colour, visible};

/// What a query gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The column names, in order.
    pub columns: Vec<String>,
    /// The rows; each has as many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// Whether there were more rows than the limit let through.
    pub more: More,
}

/// Whether rows were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum More {
    /// These are all rows.
    #[default]
    No,
    /// The limit cut some off.
    Yes,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// SQL's NULL.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number in the engine's own digits, so that none is lost.
    Number(String),
    /// Anything else.
    Text(String),
}

impl Cell {
    /// A value from an engine's exact text and the name of its SQL type; NULL is `None`.
    pub fn typed(text: Option<String>, data_type: &str) -> Self {
        const NUMBERS: [&str; 21] = [
            "INT",
            "INTEGER",
            "TINYINT",
            "SMALLINT",
            "MEDIUMINT",
            "BIGINT",
            "HUGEINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "UHUGEINT",
            "BIGNUM",
            "NUMBER",
            "OID",
            "DECIMAL",
            "NUMERIC",
            "FLOAT",
            "DOUBLE",
            "REAL",
            "BIGNUMERIC",
        ];
        let Some(text) = text else { return Self::Null };
        let head = data_type.trim().to_ascii_uppercase();
        let head = head.split(['(', ' ']).next().unwrap_or_default();
        let bare = head.trim_end_matches(|c: char| c.is_ascii_digit());
        match text.as_str() {
            "true" if head.starts_with("BOOL") => Self::Boolean(true),
            "false" if head.starts_with("BOOL") => Self::Boolean(false),
            _ if NUMBERS.contains(&bare) && !data_type.ends_with(']') => Self::Number(text),
            _ => Self::Text(text),
        }
    }
}

/// An aligned table with the number of rows below; NULL is dimmed, and a text that reads `NULL` is in quotes.
pub fn table(rows: &Rows, colour: Colour) -> String {
    let mut table = comfy_table::Table::new();
    table.force_no_tty().load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(rows.columns.iter().map(|name| visible(name)));
    for row in &rows.rows {
        table.add_row(row.iter().map(shown));
    }
    let mut text = if rows.columns.is_empty() { String::new() } else { format!("{table}\n") };
    if colour == Colour::Always {
        text = text.replace(NULL_MARK, &"NULL".dimmed().to_string());
    } else {
        text = text.replace(NULL_MARK, "NULL");
    }
    let more = if rows.more == More::Yes { ", more were left out by --limit" } else { "" };
    format!("{text}{}{more}\n", counted(rows.rows.len(), "row"))
}

/// Texts in columns without lines around them, for lists; each made harmless.
pub(super) fn aligned(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = comfy_table::Table::new();
    table.force_no_tty().load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|text| visible(text)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// CSV with a header. NULL is nothing at all, an empty text is `""`, as in PostgreSQL's COPY.
pub fn csv(rows: &Rows) -> String {
    let mut output = String::new();
    let header: Vec<_> = rows.columns.iter().map(|name| csv_field(name)).collect();
    output.push_str(&header.join(","));
    output.push('\n');
    for row in &rows.rows {
        let fields: Vec<_> =
            row.iter().map(|cell| cell_text(cell).map_or(String::new(), |text| csv_field(&text))).collect();
        output.push_str(&fields.join(","));
        output.push('\n');
    }
    output
}

/// `{"schema_version":1,"columns":[…],"rows":[{…}],"truncated":false}`. A number that JSON's readers would round is a
/// text.
pub fn json(rows: &Rows) -> String {
    super::json::object(&RowsObject(rows))
}

/// Four letters that no visible text can hold (private use), as wide as `NULL`, until colours are put in.
const NULL_MARK: &str = "\u{F8F0}\u{F8F1}\u{F8F2}\u{F8F3}";

fn shown(cell: &Cell) -> comfy_table::Cell {
    match cell {
        Cell::Null => comfy_table::Cell::new(NULL_MARK),
        Cell::Boolean(value) => comfy_table::Cell::new(value),
        Cell::Number(text) => comfy_table::Cell::new(visible(text)).set_alignment(CellAlignment::Right),
        Cell::Text(text) if text == "NULL" => comfy_table::Cell::new("\"NULL\""),
        Cell::Text(text) => comfy_table::Cell::new(visible(text).replace(NULL_MARK, "\u{FFFD}")),
    }
}

fn cell_text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Boolean(value) => Some(value.to_string()),
        Cell::Number(text) | Cell::Text(text) => Some(text.clone()),
    }
}

/// One field as the csv crate writes it; as the only field of a record an empty one gets its quotes.
fn csv_field(text: &str) -> String {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let written = writer.write_record([text]).map_err(|error| error.to_string());
    let bytes = written.and_then(|()| writer.into_inner().map_err(|error| error.to_string())).unwrap_or_default();
    let mut field = String::from_utf8_lossy(&bytes).into_owned();
    field.truncate(field.trim_end_matches('\n').len());
    field
}

struct RowsObject<'a>(&'a Rows);
struct AllRows<'a>(&'a Rows);
struct OneRow<'a>(&'a [String], &'a [Cell]);

impl Serialize for RowsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("columns", &self.0.columns)?;
        map.serialize_entry("rows", &AllRows(self.0))?;
        map.serialize_entry("truncated", &(self.0.more == More::Yes))?;
        map.end()
    }
}

impl Serialize for AllRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.rows.len()))?;
        for row in &self.0.rows {
            sequence.serialize_element(&OneRow(&self.0.columns, row))?;
        }
        sequence.end()
    }
}

/// A list, not an object: two columns of one query may have the same name.
impl Serialize for OneRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.0.len()))?;
        self.1.iter().try_for_each(|cell| sequence.serialize_element(&json_value(cell)))?;
        sequence.end()
    }
}

fn json_value(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::Null => serde_json::Value::Null,
        Cell::Boolean(value) => (*value).into(),
        Cell::Number(text) => exact_number(text).unwrap_or_else(|| text.clone().into()),
        Cell::Text(text) => text.clone().into(),
    }
}

/// The number, if every reader of JSON gets just these digits back: 53 bits for whole numbers, else what a double prints.
fn exact_number(text: &str) -> Option<serde_json::Value> {
    const LARGEST: u64 = 1 << 53;
    if let Ok(whole) = text.parse::<i64>() {
        return (whole.unsigned_abs() <= LARGEST).then(|| whole.into());
    }
    let double: f64 = text.parse().ok()?;
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    (double.is_finite() && double.to_string() == trimmed).then(|| double.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Rows {
        let text = |text: &str| Cell::Text(text.into());
        let number = |text: &str| Cell::Number(text.into());
        Rows {
            columns: vec!["id".into(), "na|me\u{1b}[2J".into(), "paid".into()],
            rows: vec![
                vec![number("1"), text("Ada, \"first\""), Cell::Boolean(true)],
                vec![number("20"), Cell::Null, Cell::Boolean(false)],
                vec![number("19.90"), text("NULL"), Cell::Null],
                vec![number("9007199254740993"), text("line\nbreak \u{202e} größe 表"), Cell::Null],
                vec![number("0.1000000000000000055"), text(""), Cell::Null],
            ],
            more: More::Yes,
        }
    }

    #[test]
    fn aligned_for_people() {
        insta::assert_snapshot!(table(&sample(), Colour::Never));
        assert!(table(&sample(), Colour::Always).contains("\u{1b}[2mNULL"), "NULL is dimmed");
    }

    #[test]
    fn csv_tells_null_from_empty() {
        insta::assert_snapshot!(csv(&sample()));
    }

    #[test]
    fn json_loses_no_digit() {
        insta::assert_snapshot!(json(&sample()));
    }

    #[test]
    fn cells_follow_their_sql_type() {
        let cell = |text: &str, data_type| Cell::typed(Some(text.into()), data_type);
        for number in ["INTEGER", "bigint", "UHUGEINT", "DECIMAL(10, 2)", "DOUBLE", "int4", "numeric", "FLOAT8"] {
            assert_eq!(cell("1", number), Cell::Number("1".into()), "{number}");
        }
        for text in
            ["VARCHAR", "INTEGER[]", "DECIMAL(4, 1)[]", "INTERVAL", "POINT", "STRUCT(a INTEGER)", "DATE", "UUID"]
        {
            assert_eq!(cell("1", text), Cell::Text("1".into()), "{text}");
        }
        assert_eq!(cell("true", "BOOLEAN"), Cell::Boolean(true));
        assert_eq!(cell("true", "VARCHAR"), Cell::Text("true".into()));
        assert_eq!(Cell::typed(None, "INTEGER"), Cell::Null);
    }

    #[test]
    fn an_empty_result_still_says_so() {
        assert!(table(&Rows { columns: vec!["a".into()], ..Rows::default() }, Colour::Never).ends_with("0 rows\n"));
    }
}
