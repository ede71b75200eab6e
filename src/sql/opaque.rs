//! Why a query cannot be taken apart for certain.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ModelName;

/// The construct that makes a model opaque: it then moves with everything that it mentions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Opaque {
    /// Our parser does not know the SQL.
    Unparsed(String),
    /// A construct that is not modelled, by its SQL name.
    Construct(String),
    /// A function that is not in the dialect's table.
    Function(String),
    /// A name that no input owns for certain.
    Name(String),
    /// A name that surely no input owns: every column that it could be is known, so the engine refuses it.
    NoColumn(String),
    /// A name that more than one input or alias may own.
    Ambiguous(String),
    /// A name that surely more than one input owns, so the engine refuses it.
    TwoColumns(String),
    /// Two output columns of one name.
    Duplicate(String),
    /// The model reads its own table.
    ReadsItself,
    /// A parent is named in `depends_on`, a statement or a text, but the query does not show how it is read.
    HiddenRead(ModelName),
}

impl Opaque {
    pub(super) fn construct(name: impl Into<String>) -> Self {
        Self::Construct(name.into())
    }
}

impl fmt::Display for Opaque {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unparsed(message) => write!(formatter, "the parser does not know this SQL ({message})"),
            Self::Construct(name) => formatter.write_str(name),
            Self::Function(name) => write!(formatter, "unknown function {name}"),
            Self::Name(name) | Self::NoColumn(name) => write!(formatter, "{name} belongs to no known input"),
            Self::Ambiguous(name) | Self::TwoColumns(name) => {
                write!(formatter, "{name} may belong to more than one input")
            }
            Self::Duplicate(name) => write!(formatter, "two output columns named {name}"),
            Self::ReadsItself => formatter.write_str("it reads its own table"),
            Self::HiddenRead(parent) => write!(formatter, "it mentions {parent} outside its query"),
        }
    }
}
