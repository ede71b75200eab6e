//! Why a model's fingerprint moved, down to the expression, or that it did not, and which edits were no change.
//!
//! Nothing here compares texts to find a cause. Both fingerprints are taken apart into what each digest was made of
//! (`hash::traced`), and the two trees of digests are walked side by side: where two digests differ, something that was
//! fed to them does, so a moved hash always has a named cause and an unmoved one never has. Texts come in last, to show
//! what was found. A model is compared three times over: as it was, as it is over the parents as they were, and as it
//! is; so its own edits and those that it inherits are told apart, and the latter are followed to where they began.

mod align;
mod chain;
mod clauses;
mod compare;
mod engine;
mod ignored;
mod joins;
mod rows;
#[cfg(test)]
pub(crate) mod tests;

use serde::Serialize;

pub use chain::explain;

use crate::change::{Change, Reason};
use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::{BlobId, FilePath, ModelName};
use crate::lineage::Node;
use crate::model::KindName;
use crate::sql::Opaque;

/// The answer to "what happened to this model".
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The model.
    pub model: ModelName,
    /// What happened to it; `None` where neither it nor a parent moved.
    pub change: Option<Change>,
    /// The model that this one was renamed from or to.
    pub same_as: Option<ModelName>,
    /// Its data fingerprint before and after.
    pub data: Sides<Digest>,
    /// Its metadata fingerprint before and after.
    pub metadata: Sides<Digest>,
    /// What moved of it, then what moved of the parents that this came from, each once.
    pub moved: Vec<Moved>,
    /// How many of `moved` are the model's own.
    pub own: usize,
    /// Variables of the configuration that it uses and whose values differ.
    pub variables: Vec<Variable>,
    /// What else the plan says of it.
    pub reasons: Vec<Reason>,
    /// Edits of its file that changed nothing.
    pub ignored: Vec<Ignored>,
}

/// Something before and after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sides<T> {
    /// In base.
    pub old: Option<T>,
    /// In the result.
    pub new: Option<T>,
}

/// One part of a model whose hash moved.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The part.
    pub node: Node,
    /// Its hash before and after.
    pub hash: Sides<Digest>,
    /// What moved it; never empty.
    pub inputs: Vec<Input>,
}

/// One input of a hash, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A clause or an expression of the query.
    Clause(Clause),
    /// An output column is there on one side only.
    Column {
        /// Its name.
        column: String,
        /// What it is computed from.
        expression: Sides<Snippet>,
    },
    /// A column's name is written in another case, and shown so.
    ColumnSpelling(Sides<String>),
    /// The same columns stand in another order.
    ColumnOrder(Sides<Vec<String>>),
    /// The kind.
    Kind(Sides<KindName>),
    /// A property of the `MODEL` block that shapes the data.
    Property {
        /// Its name.
        name: String,
        /// Its value.
        value: Sides<String>,
    },
    /// A statement beside the query.
    Statement {
        /// `pre` or `post`.
        place: String,
        /// Its text.
        text: Sides<String>,
    },
    /// A statement of the project that creates a function which the model calls.
    Function {
        /// The function's name.
        name: String,
        /// The digest of the statements that create it.
        made_by: Sides<Digest>,
    },
    /// What every model depends on: engine, settings, `before_all`.
    Context {
        /// The setting.
        name: String,
        /// Its value; `None` also where it is not for showing.
        value: Sides<String>,
    },
    /// A file of the tree that the model names.
    File {
        /// Its path.
        path: FilePath,
        /// Its content.
        blob: Sides<BlobId>,
    },
    /// The statements of the project that write a table which no model owns.
    Writes(Sides<Digest>),
    /// A seed's number of rows.
    SeedRows(Sides<u64>),
    /// The cells of a seed's column.
    SeedCells {
        /// The column.
        column: String,
    },
    /// The text of a model that cannot be taken apart.
    Tokens(Sides<Snippet>),
    /// Whether it can be taken apart.
    Opacity(Sides<Opaque>),
    /// What stands behind a name: a model, or a table outside the project.
    Owner(Sides<KindName>),
    /// It depends on a draw, which is drawn again because the table is filled again.
    DrawnAgain,
    /// It is the same, and the table that its rows go on in is another one.
    GoesOn,
    /// A part of a model that moved; it has its own place in [`Explanation::moved`].
    Moved(Node),
    /// An input that has no better name than its hash.
    Hash {
        /// What it is the hash of.
        domain: String,
        /// Its hash.
        hash: Sides<Digest>,
    },
}

/// What moved of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Where it stands.
    pub place: ClausePlace,
    /// The CTE or subquery that it is in, by the name of its column or its own.
    pub within: Option<String>,
    /// The whole clause or expression.
    pub text: Sides<Snippet>,
    /// The smallest pieces that differ, where they are not all of it.
    pub pieces: Vec<Sides<String>>,
}

/// Where in a query something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is the clause of its name")]
pub enum ClausePlace {
    Expression,
    From,
    JoinType,
    JoinCondition,
    Where,
    GroupBy,
    Having,
    Qualify,
    SetReturning,
    Distinct,
    DistinctOn,
    OrderBy,
    Limit,
    SetOperation,
    /// What depends on the order of rows is drawn once for each query.
    Draw,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snippet {
    /// On one line.
    pub text: String,
    /// Where it stands, as far as that is known.
    pub place: Option<Place>,
}

/// A place in a file of one of the trees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file.
    pub path: FilePath,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A variable of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// As the author writes it.
    pub name: String,
    /// What it stands for.
    pub value: Sides<String>,
}

/// Neighbouring lines of a file that differ and change nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Why it is no change.
    pub why: IgnoredWhy,
    /// The first line of it, from 1, and the lines.
    pub old: (u32, Vec<String>),
    /// The same in the result.
    pub new: (u32, Vec<String>),
}

/// Why an edit is no change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoredWhy {
    /// Only white space differs.
    WhiteSpace,
    /// Only comments and white space differ.
    Comments,
    /// Only the case of words that are not quoted differs.
    Case,
    /// Names inside the query, redundant parentheses, the order of operands and the like.
    Notation,
}

/// Two trees, and the texts of their files.
pub struct Compared<'a> {
    /// What is there.
    pub before: &'a Tree,
    /// What there would be.
    pub after: &'a Tree,
    /// A file of `before` by its path.
    pub old_text: &'a dyn Fn(&FilePath) -> Option<String>,
    /// A file of `after` by its path.
    pub new_text: &'a dyn Fn(&FilePath) -> Option<String>,
}

impl<T> Sides<T> {
    /// On both sides.
    pub fn both(old: T, new: T) -> Self {
        Self { old: Some(old), new: Some(new) }
    }

    /// The same with every value made into another.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Sides<U> {
        Sides { old: self.old.map(&mut make), new: self.new.map(make) }
    }
}

impl<T: PartialEq> Sides<T> {
    /// Whether the two are not the same.
    pub fn differ(&self) -> bool {
        self.old != self.new
    }
}

impl ClausePlace {
    /// As people call it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Expression => "expression",
            Self::From => "FROM",
            Self::JoinType => "join type",
            Self::JoinCondition => "join condition",
            Self::Where => "WHERE",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::Qualify => "QUALIFY",
            Self::SetReturning => "set of rows in the projection",
            Self::Distinct => "DISTINCT",
            Self::DistinctOn => "DISTINCT ON",
            Self::OrderBy => "ORDER BY",
            Self::Limit => "LIMIT",
            Self::SetOperation => "set operation",
            Self::Draw => "dependence on the order of rows",
        }
    }
}

impl IgnoredWhy {
    /// As people call it.
    pub fn text(self) -> &'static str {
        match self {
            Self::WhiteSpace => "white space",
            Self::Comments => "comments",
            Self::Case => "case",
            Self::Notation => "names and notation",
        }
    }
}
