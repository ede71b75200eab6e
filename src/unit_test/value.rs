//! The cells of a fixture, and the types that they have where nobody states any.
//!
//! SQLMesh takes the type of the first row's value; here all rows count, so that a number with a fraction in a later row is
//! not cut. YAML tells a date from a text only by its quotes, which the tree of nodes does not keep.

use crate::time::Timestamp;
use crate::yaml::{Node, Value};

/// One value of a fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// NULL, or left out.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number, as printed.
    Number(String),
    /// A text: quoted, or nothing else that YAML knows.
    Text(String),
    /// A date without quotes.
    Day(String),
    /// A date with a time, without quotes.
    Moment(String),
    /// A list or a mapping.
    Nested(Value),
    /// A cell of a CSV file, which has no type of its own.
    Untyped(String),
}

impl Cell {
    /// A node's value; `quoted` says whether a text stood in quotes.
    pub(super) fn of(value: &Value, quoted: Quoted) -> Self {
        if let (Value::Text(text), Quoted::No) = (value, quoted)
            && let Some(number) = whole_number(text)
        {
            return Self::Number(number);
        }
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(text) => Self::Number(text.clone()),
            Value::Text(text) if quoted == Quoted::No && is_day(text) => Self::Day(text.clone()),
            Value::Text(text) if quoted == Quoted::No && is_moment(text) => Self::Moment(by_utc(text)),
            Value::Text(text) => Self::Text(text.clone()),
            Value::List(_) | Value::Map(_) => Self::Nested(value.clone()),
        }
    }

    /// The value as text that an engine casts; NULL and nested values are `None`.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null | Self::Nested(_) => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::Number(text) | Self::Text(text) | Self::Day(text) | Self::Moment(text) | Self::Untyped(text) => {
                Some(text.clone())
            }
        }
    }

    /// A nested value as JSON; `None` for any other.
    pub fn json(&self) -> Option<String> {
        let Self::Nested(value) = self else { return None };
        let mut output = String::new();
        write_json(value, &mut output);
        Some(output)
    }

    /// What people are shown; NULL is `None`.
    pub fn shown(&self) -> Option<String> {
        self.text().or_else(|| self.json())
    }
}

/// Whether a text stood in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    Yes,
    No,
}

/// `2026-01-31`.
pub fn is_day(text: &str) -> bool {
    let shape = |sign: char| if sign.is_ascii_digit() { '0' } else { sign };
    text.len() == 10 && text.chars().map(shape).eq("0000-00-00".chars())
}

/// A day with a time behind it: `2026-01-31 10:00:00`, with `T`, a fraction or a zone.
pub fn is_moment(text: &str) -> bool {
    let (Some(day), Some(rest)) = (text.get(..10), text.get(10..)) else { return false };
    let mut signs = rest.chars();
    let begins =
        matches!(signs.next(), Some(' ' | 'T' | 't')) && signs.next().is_some_and(|sign| sign.is_ascii_digit());
    is_day(day) && begins && rest.contains(':')
}

/// A whole number with zeros before it or underscores in it, without them, as SQLMesh's reader of YAML 1.2 has it.
fn whole_number(text: &str) -> Option<String> {
    let (sign, digits) =
        text.strip_prefix('-').map_or(("", text.strip_prefix('+').unwrap_or(text)), |rest| ("-", rest));
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let digits = digits.replace('_', "");
    let significant = digits.trim_start_matches('0');
    is_number.then(|| if significant.is_empty() { "0".to_owned() } else { format!("{sign}{significant}") })
}

/// A moment with an offset as the same by UTC, which it is in a column without a zone, too: YAML reads a moment, not a text
/// (<https://yaml.org/type/timestamp.html>).
fn by_utc(text: &str) -> String {
    let utc = |(time, rest): (&str, &str)| {
        let zone = rest.find(['Z', 'z', '+', '-'])?;
        let (fraction, zone) = (rest[..zone].trim_end(), &rest[zone..]);
        let moment = Timestamp::parse(&format!("{time}{zone}"))?;
        Some(format!("{}{fraction}+00:00", moment.date_time()))
    };
    text.split_at_checked(19).and_then(utc).unwrap_or_else(|| text.to_owned())
}

/// The type of a column whose cells nobody gave one, in DuckDB's words; `None` where all of them are NULL.
pub fn inferred_type<'a>(cells: impl Iterator<Item = &'a Cell>) -> Option<String> {
    let mut known: Option<Type> = None;
    for found in cells.filter_map(type_of) {
        known = Some(match known {
            None => found,
            Some(known) => known.and(found),
        });
    }
    known.map(|known| known.sql())
}

/// What cells of a column have been so far.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Type {
    Boolean,
    /// The bytes that whole numbers take: 4, 8 or 16.
    Integer(u8),
    Double,
    Date,
    Timestamp,
    Zoned,
    Text,
    List(Option<Box<Self>>),
    Struct(Vec<(String, Option<Self>)>),
}

fn type_of(cell: &Cell) -> Option<Type> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Boolean(_) => Type::Boolean,
        Cell::Number(text) => number(text),
        Cell::Text(_) => Type::Text,
        Cell::Day(_) => Type::Date,
        Cell::Moment(text) => moment(text),
        Cell::Nested(value) => return nested(value),
        Cell::Untyped(text) => untyped(text),
    })
}

/// What pandas takes a cell of a CSV file for.
fn untyped(text: &str) -> Type {
    match text {
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Type::Boolean,
        text if text.parse::<i128>().is_ok() || text.parse::<f64>().is_ok_and(f64::is_finite) => number(text),
        _ => Type::Text,
    }
}

fn number(text: &str) -> Type {
    match text.parse::<i128>() {
        Ok(whole) if i32::try_from(whole).is_ok() => Type::Integer(4),
        Ok(whole) if i64::try_from(whole).is_ok() => Type::Integer(8),
        Ok(_) => Type::Integer(16),
        Err(_) => Type::Double,
    }
}

fn moment(text: &str) -> Type {
    let time = text.get(11..).unwrap_or_default();
    if time.contains(['Z', 'z', '+', '-']) { Type::Zoned } else { Type::Timestamp }
}

/// YAML is at most 128 deep, so is this.
fn nested(value: &Value) -> Option<Type> {
    Some(match value {
        Value::List(items) => {
            let found = items.iter().filter_map(inside);
            Type::List(found.reduce(Type::and).map(Box::new))
        }
        Value::Map(entries) => {
            Type::Struct(entries.iter().map(|entry| (entry.key.clone(), inside(&entry.node))).collect())
        }
        _ => return None,
    })
}

fn inside(node: &Node) -> Option<Type> {
    type_of(&Cell::of(&node.value, Quoted::Yes))
}

impl Type {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Integer(one), Self::Integer(other)) => Self::Integer(one.max(other)),
            (Self::Integer(_), Self::Double) | (Self::Double, Self::Integer(_)) => Self::Double,
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            (Self::Date | Self::Timestamp, Self::Zoned) | (Self::Zoned, Self::Date | Self::Timestamp) => Self::Zoned,
            (Self::List(one), Self::List(other)) => Self::List(match (one, other) {
                (Some(one), Some(other)) => Some(Box::new(one.and(*other))),
                (one, other) => one.or(other),
            }),
            (Self::Struct(one), Self::Struct(other)) => Self::Struct(Self::fields(one, other)),
            _ => Self::Text,
        }
    }

    fn fields(mut one: Vec<(String, Option<Self>)>, other: Vec<(String, Option<Self>)>) -> Vec<(String, Option<Self>)> {
        for (name, found) in other {
            match one.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => {
                    *known = match (known.take(), found) {
                        (Some(known), Some(found)) => Some(known.and(found)),
                        (known, found) => known.or(found),
                    };
                }
                None => one.push((name, found)),
            }
        }
        one
    }

    /// What holds nothing but NULL holds texts.
    fn sql(&self) -> String {
        let or_text = |known: Option<&Self>| known.map_or_else(|| "VARCHAR".to_owned(), Self::sql);
        match self {
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::Integer(4) => "INTEGER".to_owned(),
            Self::Integer(8) => "BIGINT".to_owned(),
            Self::Integer(_) => "HUGEINT".to_owned(),
            Self::Double => "DOUBLE".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::Timestamp => "TIMESTAMP".to_owned(),
            Self::Zoned => "TIMESTAMP WITH TIME ZONE".to_owned(),
            Self::Text => "VARCHAR".to_owned(),
            Self::List(inside) => format!("{}[]", or_text(inside.as_deref())),
            // An empty mapping has no type that DuckDB knows.
            Self::Struct(fields) if fields.is_empty() => "JSON".to_owned(),
            Self::Struct(fields) => {
                let field = |(name, inside): &(String, Option<Self>)| {
                    format!("\"{}\" {}", name.replace('"', "\"\""), or_text(inside.as_ref()))
                };
                format!("STRUCT({})", fields.iter().map(field).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A value as JSON; the keys of mappings stay in their order.
fn write_json(value: &Value, output: &mut String) {
    let mut list = |marks: [char; 2], items: &mut dyn Iterator<Item = (Option<&str>, &Value)>| {
        output.push(marks[0]);
        for (place, (key, value)) in items.enumerate() {
            output.push_str(if place == 0 { "" } else { ", " });
            if let Some(key) = key {
                output.push_str(&format!("{}: ", serde_json::Value::from(key)));
            }
            write_json(value, output);
        }
        output.push(marks[1]);
    };
    match value {
        Value::List(items) => list(['[', ']'], &mut items.iter().map(|item| (None, &item.value))),
        Value::Map(entries) => {
            list(['{', '}'], &mut entries.iter().map(|entry| (Some(entry.key.as_str()), &entry.node.value)));
        }
        Value::Null => output.push_str("null"),
        Value::Bool(value) => output.push_str(&value.to_string()),
        // Digits stay as they are: a JSON number has no size. What is no finite number can only be a text.
        Value::Number(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => output.push_str(text),
        Value::Number(text) | Value::Text(text) => {
            output.push_str(&serde_json::Value::from(text.as_str()).to_string());
        }
    }
}
