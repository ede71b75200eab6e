//! What a query block comes to: rows, columns, facts and reads.

use std::collections::BTreeSet;

use super::Step;
use super::apart::Plain;
use crate::hash::{Digest, Hasher};
use crate::sql::shape::{NameOrigin, OutputName, Reads, Traits};
use crate::sql::{Dialect, Opaque};

/// A resolved block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) rows: Digest,
    pub(super) row_traits: Traits,
    pub(super) row_reads: Reads,
    pub(super) columns: Vec<Column>,
}

/// One output column of a block, or one visible column of an input.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: OutputName,
    pub(super) hash: Digest,
    pub(super) traits: Traits,
    pub(super) reads: Reads,
}

/// A resolved expression.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) hash: Digest,
    pub(super) traits: Traits,
    pub(super) reads: Reads,
    pub(super) calls: Calls,
    /// The hash of the expression below casts and truncations: a filter on it is a filter on the value's interval.
    pub(super) ground: Digest,
    /// The input of its own block that `ground` is a plain column of.
    pub(super) slot: Option<u64>,
    /// The columns of which `ground` is the first that is not NULL.
    pub(super) alternatives: Vec<Plain>,
}

/// What kinds of calls and references an expression holds, as far as its own block is concerned.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// An aggregate of this block, not under a window.
    pub(super) aggregate: bool,
    /// A call that returns a set.
    pub(super) set_returning: bool,
    /// Digests of the PARTITION BY lists of its windows.
    pub(super) partitions: Vec<BTreeSet<Digest>>,
    /// A reference to a column of this block.
    pub(super) own: bool,
    /// References to columns of blocks around this one: how many blocks out the nearest of them is, 1 for the next.
    pub(super) outer: Option<u32>,
    /// A reference that may be to a column of this block or of an outer one.
    pub(super) unsure: bool,
    /// It stands for several columns.
    pub(super) several: bool,
    /// A query as a value, whose own references are not told apart here.
    pub(super) subquery: bool,
    /// An aggregate that belongs to another block than the one that it stands in: to one around this one, or to this one
    /// out of a query within (`aggregate`).
    pub(super) lent: bool,
}

impl Column {
    pub(super) fn is_star(&self) -> bool {
        self.name.origin == NameOrigin::Star
    }
}

impl Calls {
    pub(super) fn merge(&mut self, other: &Self) {
        self.aggregate |= other.aggregate;
        self.set_returning |= other.set_returning;
        self.partitions.extend(other.partitions.iter().cloned());
        self.own |= other.own;
        self.outer = self.outer.into_iter().chain(other.outer).min();
        self.unsure |= other.unsure;
        self.several |= other.several;
        self.subquery |= other.subquery;
        self.lent |= other.lent;
    }
}

impl Value {
    /// A value of its own, such as a literal.
    pub(super) fn leaf(hash: Digest) -> Self {
        Self {
            hash,
            traits: Traits::default(),
            reads: Reads::new(),
            calls: Calls::default(),
            ground: hash,
            slot: None,
            alternatives: Vec::new(),
        }
    }

    /// A value made of others: the hash is given, everything else is gathered.
    pub(super) fn made_of<'a>(hash: Digest, parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut value = Self::leaf(hash);
        for part in parts {
            value.traits = value.traits.and(part.traits);
            value.reads.extend(part.reads.iter().cloned());
            value.calls.merge(&part.calls);
        }
        value
    }

    /// A tagged combination of parts, in order.
    pub(super) fn combine(tag: &str, parts: &[Self]) -> Self {
        Self::made_of(Hasher::new(tag).digests(parts.iter().map(|part| part.hash)).finish(), parts)
    }
}

impl Block {
    /// Everything that the block reads: rows and all columns.
    pub(super) fn all_reads(&self) -> Reads {
        let columns = self.columns.iter().flat_map(|column| column.reads.iter());
        self.row_reads.iter().chain(columns).cloned().collect()
    }

    /// Rows and all columns as one hash, names left out.
    pub(super) fn content(&self) -> Digest {
        Hasher::new("content").digest(self.rows).digests(self.columns.iter().map(|column| column.hash)).finish()
    }

    pub(super) fn all_traits(&self) -> Traits {
        self.columns.iter().fold(self.row_traits, |traits, column| traits.and(column.traits))
    }

    /// Whether a star stands for columns that nobody knows.
    pub(super) fn is_open(&self) -> bool {
        self.columns.iter().any(Column::is_star)
    }

    /// Rows and all columns with their names: of an open block, any column by its name is a function of this.
    pub(super) fn whole(&self) -> Digest {
        let columns = self.columns.iter();
        columns
            .fold(Hasher::new("open block").digest(self.rows), |hasher, column| {
                hasher.text(&column.name.text).digest(column.hash)
            })
            .finish()
    }

    pub(super) fn refuse_duplicates(&self, dialect: Dialect) -> Step<()> {
        let mut seen = BTreeSet::new();
        for column in self.columns.iter().filter(|column| !column.is_star()) {
            let quoted = column.name.origin.is_named();
            if !seen.insert(dialect.fold_name(&column.name.text, quoted)) {
                return Err(Opaque::Duplicate(column.name.text.clone()));
            }
        }
        Ok(())
    }
}
