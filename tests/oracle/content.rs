//! What a table or view shows, as a multiset of rows with column names and types.

use std::rc::Rc;

use offshoot::hash::Digest;
use offshoot::statement::ColumnType;

type Row = Vec<Option<String>>;

#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// In an order that does not depend on the engine.
    pub(crate) rows: Rc<Vec<Row>>,
    pub(crate) columns: Rc<Vec<ColumnType>>,
    /// The rows as the engine gave them; no part of what is shown.
    pub(crate) order: Digest,
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.columns == other.columns
    }
}

impl Content {
    pub(crate) fn new(mut columns: Vec<ColumnType>, mut rows: Vec<Row>) -> Self {
        columns.iter_mut().for_each(|column| column.name = without_tables(&column.name));
        let order = Digest::of("rows", &format!("{rows:?}"));
        rows.sort_unstable();
        Self { rows: Rc::new(rows), columns: Rc::new(columns), order }
    }

    /// Whether both show the same; floating numbers to nine digits, because sums of them depend on an order.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let inexact: Vec<bool> = self.columns.iter().map(|column| is_inexact(&column.data_type)).collect();
        self == other
            || self.columns == other.columns
                && self.rows.len() == other.rows.len()
                && inexact.contains(&true)
                && rounded(&self.rows, &inexact) == rounded(&other.rows, &inexact)
    }

    /// The first rows, for people.
    pub(crate) fn told(&self) -> String {
        let columns: Vec<String> =
            self.columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect();
        let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".to_owned());
        let rows = self.rows.iter().take(12).map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" | "));
        let rows: Vec<String> = rows.collect();
        format!("{} rows of ({})\n        {}", self.rows.len(), columns.join(", "), rows.join("\n        "))
    }
}

/// DuckDB names a value without alias by its text, the names of stored tables in it included; those differ by design. Of a
/// query in it nothing is compared, because a view's text may stand there (`resolve::stands_in_place`).
fn without_tables(name: &str) -> String {
    if let Some(place) = name.find("(SELECT ") {
        return format!("{}(a query)", without_tables(&name[..place]));
    }
    let mut rest = name;
    let mut plain = String::new();
    while let Some(place) = ["e.k", "c.k"].iter().filter_map(|lead| rest.find(lead)).min() {
        let (before, after) = (&rest[..place], &rest[place + 3..]);
        let digits = after.len() - after.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        plain.push_str(before);
        plain.push_str(if digits > 0 { "table" } else { &rest[place..place + 3] });
        rest = &after[digits..];
    }
    without_stand_ins(&(plain + rest))
}

/// The same for what stands for a view or an embedded model, `offshoot__` and a hash; the program writes the author's
/// text there (`apply::columns`), which is tested where it stands.
fn without_stand_ins(name: &str) -> String {
    let mut pieces = name.split("offshoot__");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
        plain.push_str("table");
        plain.push_str(rest);
    }
    plain
}

fn is_inexact(data_type: &str) -> bool {
    // Texts too: a number may have been cast to one.
    ["DOUBLE", "FLOAT", "VARCHAR"].iter().any(|inexact| data_type.contains(inexact))
}

fn rounded(rows: &[Row], inexact: &[bool]) -> Vec<Row> {
    let cell = |(cell, inexact): (&Option<String>, &bool)| match (cell, inexact) {
        (Some(text), true) => Some(round_numbers(text)),
        (cell, _) => cell.clone(),
    };
    let mut rows: Vec<Row> = rows.iter().map(|row| row.iter().zip(inexact).map(cell).collect()).collect();
    rows.sort_unstable();
    rows
}

/// The text with every number that has a point or exponent cut to nine digits.
fn round_numbers(text: &str) -> String {
    let mut rounded = String::new();
    let mut number = String::new();
    let flush = |number: &mut String, rounded: &mut String| {
        match number.parse::<f64>() {
            Ok(value) if number.contains(['.', 'e']) => rounded.push_str(&format!("{value:.8e}")),
            _ => rounded.push_str(number),
        }
        number.clear();
    };
    for letter in text.chars() {
        if letter.is_ascii_digit() || ['.', 'e', '-', '+'].contains(&letter) {
            number.push(letter);
        } else {
            flush(&mut number, &mut rounded);
            rounded.push(letter);
        }
    }
    flush(&mut number, &mut rounded);
    rounded
}
