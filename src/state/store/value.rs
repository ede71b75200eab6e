//! Between our values and those of a store.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};

use crate::ids::ProjectName;
use crate::state::StateError;
use crate::time::Timestamp;

/// A value of a row or of a statement's place. What is missing has a type too: some stores ask for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, JSON too.
    Text(Option<String>),
    /// A number without a fraction, moments too.
    Integer(Option<i64>),
    /// A number.
    Real(Option<f64>),
}

/// One row of an answer.
pub struct Row {
    /// The names of the columns, which all rows of an answer share.
    pub columns: Arc<[String]>,
    /// The values in the same order.
    pub values: Vec<Value>,
}

/// Why a call inside a transaction did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The answer is no.
    Refused(StateError),
    /// A value is not what we write; says which and why.
    Unreadable(String),
    /// The way to the store was lost as it was told to commit, and nobody can tell whether it did.
    Unknown,
    /// The store failed; it knows its own error.
    Store(Box<dyn std::error::Error + Send + Sync>),
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::Refused(error)
    }
}

impl From<&ProjectName> for Value {
    fn from(project: &ProjectName) -> Self {
        text(project.as_str())
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Integer(Some(moment.0))
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(moment: Option<Timestamp>) -> Self {
        Self::Integer(moment.map(|moment| moment.0))
    }
}

/// A text as it is.
pub(super) fn text(value: impl Into<String>) -> Value {
    Value::Text(Some(value.into()))
}

/// A count; what is too large for a store is its largest number.
pub(super) fn count(number: impl TryInto<i64>) -> Value {
    Value::Integer(Some(number.try_into().unwrap_or(i64::MAX)))
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_string(value).map(text).map_err(|error| Failure::Store(Box::new(error)))
}

/// A value as JSON, where there is one.
pub(super) fn optional_json(value: Option<&impl Serialize>) -> Result<Value, Failure> {
    value.map_or(Ok(Value::Text(None)), json)
}

/// A value whose serialised form is a text, as that text: names, ids, digests and plain enums.
pub(super) fn word(value: &impl Serialize) -> Result<Value, Failure> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(text(word)),
        Ok(other) => Err(Failure::Store(Box::new(NotAWord(other.to_string())))),
        Err(error) => Err(Failure::Store(Box::new(error))),
    }
}

/// The same, where there is one.
pub(super) fn optional_word(value: Option<&impl Serialize>) -> Result<Value, Failure> {
    value.map_or(Ok(Value::Text(None)), word)
}

impl Row {
    /// A column that holds a text.
    pub(in crate::state) fn text(&self, column: &str) -> Result<&str, Failure> {
        self.optional_text(column)?.ok_or_else(|| unreadable(column, "nothing is there"))
    }

    /// A column that may hold a text.
    pub(super) fn optional_text(&self, column: &str) -> Result<Option<&str>, Failure> {
        match self.value(column)? {
            Value::Text(text) => Ok(text.as_deref()),
            Value::Integer(None) | Value::Real(None) => Ok(None),
            Value::Integer(Some(_)) | Value::Real(Some(_)) => Err(unreadable(column, "a text is expected")),
        }
    }

    /// A column that holds a number without a fraction.
    pub(in crate::state) fn integer(&self, column: &str) -> Result<i64, Failure> {
        self.optional_integer(column)?.ok_or_else(|| unreadable(column, "nothing is there"))
    }

    /// A column that may hold a number without a fraction.
    pub(super) fn optional_integer(&self, column: &str) -> Result<Option<i64>, Failure> {
        match self.value(column)? {
            Value::Integer(number) => Ok(*number),
            Value::Text(None) | Value::Real(None) => Ok(None),
            Value::Text(Some(_)) | Value::Real(Some(_)) => Err(unreadable(column, "a whole number is expected")),
        }
    }

    /// A column that holds a number.
    pub(super) fn real(&self, column: &str) -> Result<f64, Failure> {
        match self.value(column)? {
            Value::Real(Some(number)) => Ok(*number),
            _ => Err(unreadable(column, "a number is expected")),
        }
    }

    /// A column that holds a moment.
    pub(super) fn moment(&self, column: &str) -> Result<Timestamp, Failure> {
        self.integer(column).map(Timestamp)
    }

    /// A column that may hold a moment.
    pub(super) fn optional_moment(&self, column: &str) -> Result<Option<Timestamp>, Failure> {
        Ok(self.optional_integer(column)?.map(Timestamp))
    }

    /// A column that holds JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Failure> {
        serde_json::from_str(self.text(column)?).map_err(|error| unreadable(column, error))
    }

    /// A column that may hold JSON.
    pub(super) fn optional_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, Failure> {
        self.optional_text(column)?.map(|_| self.json(column)).transpose()
    }

    /// A column that holds a value whose serialised form is a text.
    pub(super) fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, Failure> {
        let text: StrDeserializer<'_, serde::de::value::Error> = self.text(column)?.into_deserializer();
        T::deserialize(text).map_err(|error| unreadable(column, error))
    }

    /// A column that may hold such a value.
    pub(super) fn optional_word<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, Failure> {
        self.optional_text(column)?.map(|_| self.word(column)).transpose()
    }

    fn value(&self, column: &str) -> Result<&Value, Failure> {
        let place = self.columns.iter().position(|name| name == column);
        place.and_then(|place| self.values.get(place)).ok_or_else(|| unreadable(column, "there is no such column"))
    }
}

fn unreadable(column: &str, why: impl fmt::Display) -> Failure {
    Failure::Unreadable(format!("column `{column}`: {why}"))
}

/// A value whose serialised form is no text was to be stored as one.
#[derive(Debug)]
struct NotAWord(String);

impl fmt::Display for NotAWord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is stored as JSON, not as a text", self.0)
    }
}

impl std::error::Error for NotAWord {}
