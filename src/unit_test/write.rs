//! A test as the text of a file, in a form that reads back as the same values: what is not plainly a number, a truth value or
//! a date stands in quotes.

use super::{is_day, is_moment};
use crate::statement::ColumnType;

/// A test that is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// The model under test.
    pub model: String,
    /// What the model's parents hold.
    pub inputs: Vec<DraftRows>,
    /// What the query gives.
    pub query: DraftRows,
    /// What CTEs give.
    pub ctes: Vec<DraftRows>,
    /// Times and variables, each as a person types it.
    pub vars: Vec<(String, String)>,
}

/// Rows under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftRows {
    /// The parent or CTE.
    pub name: String,
    /// Their columns.
    pub columns: Vec<ColumnType>,
    /// The rows; NULL is `None`.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether the types must be stated because nobody else does.
    pub types: StatedTypes,
}

/// Whether a fixture states the types of its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatedTypes {
    /// The model has them.
    #[default]
    No,
    /// It must.
    Yes,
}

/// The text of a file with this test.
pub fn write(draft: &Draft) -> String {
    let mut output = format!("{}:\n  model: {}\n", key(&draft.name), key(&draft.model));
    if !draft.vars.is_empty() {
        output.push_str("  vars:\n");
    }
    for (name, value) in &draft.vars {
        let value = if is_plain_number(value) || is_day(value) { value.clone() } else { quoted(value) };
        output.push_str(&format!("    {}: {value}\n", key(name)));
    }
    output.push_str(if draft.inputs.is_empty() { "" } else { "  inputs:\n" });
    draft.inputs.iter().for_each(|rows| output.push_str(&block(&rows.name, rows, 4)));
    output.push_str("  outputs:\n");
    output.push_str(if draft.ctes.is_empty() { "" } else { "    ctes:\n" });
    draft.ctes.iter().for_each(|rows| output.push_str(&block(&rows.name, rows, 6)));
    output.push_str(&block("query", &draft.query, 4));
    output
}

fn block(name: &str, rows: &DraftRows, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let mut output = format!("{indent}{}:\n", key(name));
    if rows.types == StatedTypes::Yes {
        output.push_str(&format!("{indent}  columns:\n"));
        for column in &rows.columns {
            output.push_str(&format!("{indent}    {}: {}\n", key(&column.name), quoted(&column.data_type)));
        }
    }
    if rows.rows.is_empty() {
        return format!("{output}{indent}  rows: []\n");
    }
    output.push_str(&format!("{indent}  rows:\n"));
    for row in &rows.rows {
        for (place, (column, cell)) in rows.columns.iter().zip(row).enumerate() {
            let mark = if place == 0 { '-' } else { ' ' };
            let value = scalar(cell.as_deref(), &column.data_type);
            output.push_str(&format!("{indent}  {mark} {}: {value}\n", key(&column.name)));
        }
    }
    output
}

fn scalar(cell: Option<&str>, data_type: &str) -> String {
    let Some(cell) = cell else { return "null".to_owned() };
    let data_type = data_type.to_uppercase();
    let head = if data_type.ends_with(']') { "" } else { data_type.split('(').next().unwrap_or_default() };
    let is_number = matches!(head, "DECIMAL" | "NUMERIC" | "DOUBLE" | "DOUBLE PRECISION" | "FLOAT" | "REAL")
        || head.ends_with("INT")
        || head.ends_with("INTEGER");
    let is_bare = match head {
        "BOOLEAN" => matches!(cell, "true" | "false"),
        "DATE" => is_day(cell),
        head if head.starts_with("TIMESTAMP") => is_moment(cell),
        _ => is_number && is_plain_number(cell),
    };
    if is_bare { cell.to_owned() } else { quoted(cell) }
}

/// Whether YAML gives back the number as it is: a double keeps 15 digits.
fn is_plain_number(text: &str) -> bool {
    let digits = text.trim_start_matches('-');
    let is_number = digits.starts_with(|sign: char| sign.is_ascii_digit())
        && digits.chars().all(|sign| sign.is_ascii_digit() || sign == '.')
        && (digits == "0" || digits.starts_with("0.") || !digits.starts_with('0'));
    is_number && digits.len() <= 16 && text.parse::<f64>().is_ok()
}

/// A name, in quotes where it needs them.
fn key(text: &str) -> String {
    let is_plain = text.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_')
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '.'));
    let is_word = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    if is_plain && !is_word.contains(&text.to_lowercase().as_str()) { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes, in which nothing is left that YAML or Jinja would take for something else.
fn quoted(text: &str) -> String {
    let mut output = String::from("\"");
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' | '\\' => output.extend(['\\', sign]),
            '\n' => output.push_str("\\n"),
            '\t' => output.push_str("\\t"),
            '{' if matches!(signs.peek(), Some('{' | '%' | '#')) => output.push_str("\\x7b"),
            sign if sign.is_control() || crate::visible::visible(&sign.to_string()).starts_with('\\') => {
                output.push_str(&format!("\\U{:08x}", u32::from(sign)));
            }
            sign => output.push(sign),
        }
    }
    output.push('"');
    output
}
