//! Why a query cannot be taken apart for certain.

use std::fmt;

/// The construct that makes a model opaque: it then moves with everything that it mentions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Opaque {
    /// Our parser does not know the SQL.
    Unparsed,
    /// A construct that is not modelled, by its SQL name.
    Construct(String),
}

impl fmt::Display for Opaque {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unparsed => formatter.write_str("SQL that the parser does not know"),
            Self::Construct(name) => formatter.write_str(name),
        }
    }
}
