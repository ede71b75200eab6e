//! Where a model or a column comes from and who reads it: a graph of parts that is read off the same analysis as the
//! fingerprints, so what moves a column is in it, always.
//!
//! A part is a model as a whole, its set of rows, one column, or, where nothing finer is known, all of it. Walks are
//! loops over a queue: neither deep chains nor circles stop them. This module never decides how much of it is shown.

mod name;
#[cfg(test)]
mod tests;
mod walk;

pub use name::{Unknown, find};
pub use walk::lineage;

use crate::ids::ModelName;
use crate::model::KindName;

/// What lineage is asked of and told about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// The model, or a table that no model owns.
    pub model: ModelName,
    /// What of it.
    pub part: Part,
}

/// A part of a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The model, where models are looked at and not their columns.
    Model,
    /// Which rows it has.
    Rows,
    /// The order in which its rows are written.
    Order,
    /// One column.
    Column(String),
    /// Everything: nobody knows which part.
    All,
}

/// Which way to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    Both,
    /// What it comes from.
    Upstream,
    /// What reads it.
    Downstream,
}

/// Where a part stands to the one that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// It is the one.
    Itself,
    /// It comes from here.
    Upstream,
    /// It is read here.
    Downstream,
}

/// How one part depends on another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// A model reads a model: these columns of it, and its rows.
    Reads(Vec<Part>),
    /// The value is computed from it.
    Value,
    /// It decides which rows there are.
    Rows,
    /// It decides the order in which rows are written.
    Order,
    /// Nobody knows how: the reader is opaque, or reads it as a whole.
    All,
}

/// One part that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The part.
    pub node: Node,
    /// Where it stands.
    pub side: Side,
    /// The fewest steps to it.
    pub distance: usize,
    /// The model's kind; `None` for a table that no model owns.
    pub kind: Option<KindName>,
    /// Why the model's parts cannot be told apart.
    pub opaque: Option<String>,
}

/// A dependency between two parts, by their places in [`Lineage::nodes`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What is read.
    pub read: usize,
    /// What reads it.
    pub by: usize,
    /// How.
    pub how: How,
}

/// The answer: all parts that are reached, and what lies between them.
#[derive(Clone, Debug)]
pub struct Lineage {
    /// Which way was looked.
    pub direction: Direction,
    /// The part that was asked about first, then what is upstream, then downstream; the nearest first.
    pub nodes: Vec<Found>,
    /// Each dependency once.
    pub edges: Vec<Edge>,
}

impl How {
    /// As JSON has it.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Reads(_) => "reads",
            Self::Value => "value",
            Self::Rows => "rows",
            Self::Order => "order",
            Self::All => "all",
        }
    }
}

impl Part {
    /// As JSON has it.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Rows => "rows",
            Self::Order => "order",
            Self::Column(_) => "column",
            Self::All => "all",
        }
    }

    /// The column's name, where it is one.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Column(name) => Some(name),
            _ => None,
        }
    }
}

impl Direction {
    /// As JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }

    /// Whether this side is looked at.
    pub fn has(self, side: Side) -> bool {
        matches!(
            (self, side),
            (_, Side::Itself)
                | (Self::Both, _)
                | (Self::Upstream, Side::Upstream)
                | (Self::Downstream, Side::Downstream)
        )
    }
}

impl Side {
    /// As JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}
