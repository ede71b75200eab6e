//! What the analysis asks about a table that a query reads, and what it answers about the query.
//!
//! Plain values; the rules that make them are in `analysis`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Opaque;
use crate::hash::Digest;
use crate::ids::ModelName;

/// A table as its readers see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableShape {
    /// Its name, for reasons.
    pub name: ModelName,
    /// The hash of its set of rows.
    pub rows: Digest,
    /// Facts about the set of rows that a view hands on.
    pub row_traits: Traits,
    /// Its columns in order; `None` where they are not known (an external table without declared columns).
    pub columns: Option<Vec<ShapeColumn>>,
    /// Moves whenever the stored rows may lie in another order: what orderless constructs over it take too.
    pub storage: Digest,
}

/// One column of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShapeColumn {
    /// Its name.
    pub name: OutputName,
    /// Its hash.
    pub hash: Digest,
    /// Facts that a view hands on.
    pub traits: Traits,
}

/// An output column's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputName {
    /// As the engine shows it where that is certain, else the text of the expression.
    pub text: String,
    /// Whether the engine surely shows it so.
    pub origin: NameOrigin,
}

/// Where an output name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameOrigin {
    /// An alias or a plain column: the engine shows exactly this.
    Stated,
    /// A plain column of an input whose columns nobody knows: the engine shows it as that input spells it.
    Spelled,
    /// An expression without alias: engines make up a name of their own, so nothing may refer to it.
    Derived,
    /// No column but a star: all columns of an input whose columns nobody knows.
    Star,
}

impl NameOrigin {
    /// Whether readers may name the column.
    pub fn is_named(self) -> bool {
        matches!(self, Self::Stated | Self::Spelled)
    }
}

/// What is true of a value or of a set of rows, besides its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traits {
    /// Another evaluation may give another result (`random()`, `now()`, an unknown function).
    pub volatile: bool,
    /// Even within one statement (`random()`, not `now()`): it may not be named twice.
    pub redrawn: bool,
    /// It depends on the order in which rows happen to lie (LIMIT, `first`, `row_number()` without ORDER BY).
    pub orderless: bool,
    /// Storing it in a table gives it another type (NULL, an empty list).
    pub untyped: bool,
    /// It mentions the interval (`@start_ds`, `@end_ds`).
    pub interval: bool,
    /// It belongs to a group, window or distinct set that spans intervals.
    pub crosses: bool,
    /// It is cut to the day, so that hours of one day are not told apart by it.
    pub daily: bool,
    /// The interval's filter is about something else, so it may lie outside of the interval.
    pub strays: bool,
}

impl Traits {
    /// The facts of something made of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            volatile: self.volatile || other.volatile,
            redrawn: self.redrawn || other.redrawn,
            orderless: self.orderless || other.orderless,
            untyped: self.untyped || other.untyped,
            interval: self.interval || other.interval,
            crosses: self.crosses || other.crosses,
            daily: self.daily || other.daily,
            strays: self.strays || other.strays,
        }
    }

    /// Whether a stored table binds it to the moment when it was filled.
    pub fn is_drawn(self) -> bool {
        self.volatile || self.orderless
    }
}

/// What of its parents something reads; for people, never for hashes.
pub type Reads = BTreeSet<Read>;

/// One thing that is read of a parent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Read {
    /// Its set of rows.
    Rows(ModelName),
    /// One column.
    Column(ModelName, String),
    /// All of it.
    Whole(ModelName),
}

/// What is known of a query after analysis.
#[derive(Clone, Debug)]
pub enum Analysis {
    /// Every name was resolved.
    Resolved(Resolved),
    /// Something was not certain.
    Opaque(Opaque),
}

/// A query of which every name was resolved.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The hash of its set of rows.
    pub rows: Digest,
    /// Facts about the rows.
    pub row_traits: Traits,
    /// Its output columns in order.
    pub columns: Vec<ShapeColumn>,
    /// The ORDER BY of the outermost query where nothing depends on it: the order in which a table is written.
    pub written_order: Option<Digest>,
    /// What it reads.
    pub reads: Reads,
    /// What is taken for granted, for the plan's `assumes`.
    pub assumes: BTreeSet<String>,
    /// What in it looks across intervals whatever its time column is, so that batches would change the result.
    pub crossing: Option<String>,
}

/// What each part of a query reads.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// What decides which rows there are: tables, and columns in filters, joins, groups and the like.
    pub rows: Reads,
    /// What decides the order in which they are written, and nothing else.
    pub order: Reads,
    /// What each output column is computed from.
    pub columns: Vec<(OutputName, Reads)>,
}

/// The piece of a query that a digest came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The rows of a CTE or subquery of this name.
    Query(String),
    /// A column of a CTE or subquery.
    QueryColumn(String, String),
    /// The rows of a table.
    Rows(ModelName),
    /// The order in which the rows of a table lie.
    Storage(ModelName),
    /// One column of a table.
    Column(ModelName, String),
}

/// An expression as it stands in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// On one line, as the parser prints it.
    pub text: String,
    /// Where it begins, in bytes of [`super::Query::text`], as far as the parser knows.
    pub offset: Option<usize>,
}

/// The pieces of a query by the digests that came of them.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    pub(super) pieces: BTreeMap<Digest, BTreeSet<Origin>>,
    pub(super) expressions: BTreeMap<Digest, Written>,
}

impl Origins {
    /// Everything that has this digest: tables that look alike may share one.
    pub fn pieces(&self, digest: Digest) -> impl Iterator<Item = &Origin> {
        self.pieces.get(&digest).into_iter().flatten()
    }

    /// The first expression that came to a digest.
    pub fn expression(&self, digest: Digest) -> Option<&Written> {
        self.expressions.get(&digest)
    }
}

impl Resolved {
    /// Its output columns, where a star does not stand for some that nobody knows; `rows` is then a hash of everything.
    pub fn known_columns(&self) -> Option<&[ShapeColumn]> {
        let is_open = self.columns.iter().any(|column| column.name.origin == NameOrigin::Star);
        (!is_open).then_some(self.columns.as_slice())
    }
}

/// Answers for the tables that queries read.
pub trait Tables {
    /// The shape of a table; external tables that nobody declared have one too, without columns.
    fn table(&self, name: &ModelName) -> Result<TableShape, Opaque>;

    /// What a function is that the query's own session has under this name, before any that the dialect has.
    fn own_function(&self, _name: &str) -> Option<OwnFunction> {
        None
    }
}

/// A function that statements before a query make for its session alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnFunction {
    /// One value per row, from its arguments alone.
    Scalar,
    /// Anything else.
    Other,
}
