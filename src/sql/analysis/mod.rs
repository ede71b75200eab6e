//! From a syntax tree to hashes: the set of rows of a query and each of its output columns, every name resolved.
//!
//! Why it is sound (research: soundness): `rows` fixes a bag of row identities, a column's hash is a function from such
//! an identity to a value. A reference is therefore hashed as (depth, slot, column hash), never as the column alone.
//! Whatever is not surely such a function ends in [`Opaque`], and the model is then hashed by its tokens with all that
//! it mentions: being cautious costs a build, being wrong costs trust. So every function here takes the parser's
//! structs apart without `..`, and what it does not know is an `Err(Opaque)`.
//!
//! | input | where it goes |
//! |---|---|
//! | FROM, joins, their kinds and conditions, WHERE, GROUP BY, HAVING, QUALIFY, DISTINCT, LIMIT, set-returning calls | `rows` |
//! | whether the block is grouped, also by an aggregate alone | `rows` |
//! | ORDER BY of an inner query, or with LIMIT or DISTINCT ON | `rows` |
//! | ORDER BY of the outermost query otherwise | `written_order` |
//! | each projection | its column |
//! | CTE, subquery, alias and table names, AND order, redundant parentheses | nowhere |
//! | UNION ALL | `rows` of both sides; columns pairwise |
//! | other set operations | also every column pair in `rows` |
//! | recursive CTE | `rows` and every column, whole: both terms |
//! | draws and orderless constructs | [`Traits`], which `fingerprint` binds to the stored table |
//!
//! This module never decides what a model's kind or properties add; `fingerprint` does.

mod block;
mod expression;
mod from;
mod function;
mod lateral;
mod operand;
mod outputs;
mod projection;
mod query;
mod recursive;
mod scope;
mod select;
#[cfg(test)]
mod tests;
mod window;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

pub use outputs::stated_outputs;

use super::shape::{Analysis, OutputName, Resolved, ShapeColumn, Tables, Traits};
use super::{Dialect, Opaque, Query};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;

/// The result of a step of the analysis.
pub(super) type Step<T> = Result<T, Opaque>;

/// Deeper nesting than this is opaque: the walk must never exhaust the stack.
const DEPTH_LIMIT: u32 = 120;

/// What one analysis knows and collects.
pub(super) struct Analyzer<'a> {
    dialect: Dialect,
    tables: &'a dyn Tables,
    depth: Cell<u32>,
    /// How many recursive CTEs stand around the present place.
    recursions: Cell<u32>,
    storages: RefCell<BTreeMap<ModelName, Digest>>,
    assumes: RefCell<BTreeSet<String>>,
    crossing: RefCell<Option<String>>,
    /// What the query says of its CTEs, if they are to be stored.
    hints: String,
    /// CTEs and subqueries so far that depend on the order of rows.
    draws: Cell<u64>,
}

/// Analyses a query against the tables that it reads.
pub fn analyze(query: &Query, tables: &dyn Tables) -> Analysis {
    let tree = match query.tree() {
        Ok(tree) => tree,
        Err(failure) => return Analysis::Opaque(Opaque::Unparsed(failure.message.clone())),
    };
    let analyzer = Analyzer {
        dialect: query.dialect(),
        tables,
        depth: Cell::new(0),
        recursions: Cell::new(0),
        storages: RefCell::default(),
        assumes: RefCell::default(),
        crossing: RefCell::default(),
        hints: query.hints(),
        draws: Cell::new(0),
    };
    match analyzer.outermost(tree) {
        Ok(resolved) => Analysis::Resolved(resolved),
        Err(opaque) => Analysis::Opaque(opaque),
    }
}

impl Analyzer<'_> {
    fn outermost(&self, tree: &sqlparser::ast::Query) -> Step<Resolved> {
        let (block, written_order) = self.query(tree, query::Place::outermost())?;
        block.refuse_duplicates(self.dialect)?;
        let reads = block.all_reads();
        let bind = |hash: Digest, traits: Traits| if traits.orderless { self.with_storages(hash) } else { hash };
        let columns = block.columns.into_iter().map(|column| ShapeColumn {
            hash: bind(column.hash, column.traits),
            name: column.name,
            traits: column.traits,
        });
        Ok(Resolved {
            rows: bind(block.rows, block.row_traits),
            row_traits: block.row_traits,
            columns: columns.collect(),
            written_order,
            reads,
            assumes: self.assumes.take(),
            crossing: self.crossing.take(),
        })
    }

    /// What depends on the order of rows also depends on how each table that is read happens to be stored.
    fn with_storages(&self, hash: Digest) -> Digest {
        let storages = self.storages.borrow();
        Hasher::new("orderless").digest(hash).digests(storages.values().copied()).finish()
    }

    fn assume(&self, what: impl Into<String>) {
        self.assumes.borrow_mut().insert(what.into());
    }

    fn crosses(&self, what: &str) {
        self.crossing.borrow_mut().get_or_insert_with(|| what.to_owned());
    }

    /// Counts one level of nesting for as long as `work` runs.
    fn nested<T>(&self, work: impl FnOnce() -> Step<T>) -> Step<T> {
        if self.depth.get() >= DEPTH_LIMIT {
            return Err(Opaque::construct("nesting deeper than the analysis goes"));
        }
        self.depth.set(self.depth.get() + 1);
        let result = work();
        self.depth.set(self.depth.get() - 1);
        result
    }

    fn fold(&self, ident: &sqlparser::ast::Ident) -> String {
        self.dialect.fold(&ident.value, ident.quote_style.is_some())
    }

    /// A stated name is shown as written, unless the dialect folds what is not quoted.
    fn shown(&self, ident: &sqlparser::ast::Ident) -> OutputName {
        let text = match self.dialect {
            Dialect::Postgres | Dialect::Redshift if ident.quote_style.is_none() => ident.value.to_lowercase(),
            Dialect::Snowflake if ident.quote_style.is_none() => ident.value.to_uppercase(),
            _ => ident.value.clone(),
        };
        OutputName::stated(text)
    }
}

impl OutputName {
    pub(crate) fn stated(text: impl Into<String>) -> Self {
        Self { text: text.into(), origin: super::NameOrigin::Stated }
    }
}
