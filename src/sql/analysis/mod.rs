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
//! | PIVOT, UNPIVOT, SUMMARIZE and DESCRIBE as a query in FROM | `rows` and every column, whole: all that the table shows |
//! | a name that could be one of several things, because columns are not known (DuckDB) | all of them |
//! | draws and orderless constructs | [`Traits`], which `fingerprint` binds to the stored table |
//!
//! This module never decides what a model's kind or properties add; `fingerprint` does.

mod aggregate;
mod anchor;
mod apart;
mod block;
mod columns;
mod expression;
mod field;
mod from;
mod function;
mod inputs;
mod operand;
mod order;
mod origin;
mod outputs;
mod projection;
mod query;
mod recursive;
mod refused;
mod scope;
mod select;
mod table;
mod table_function;
#[cfg(test)]
mod tests;
mod truncation;
mod unsure;
mod using;
mod whole;
mod window;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use sqlparser::tokenizer::Location;

pub use origin::origins;
pub use outputs::stated_outputs;
pub use refused::refused_at;

use super::shape::{Analysis, Dependencies, OutputName, Read, Reads, Resolved, ShapeColumn, Tables, Traits};
use super::{Dialect, Opaque, Query, Syntax, Token, TokenKind};
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
    /// What the ORDER BY of the outermost query reads, where nothing but the order of the rows depends on it.
    order_reads: RefCell<Reads>,
    /// Where digests came from, where somebody wants to know.
    notes: Option<origin::Notes>,
    /// What the query says of its CTEs, if they are to be stored.
    hints: String,
    /// CTEs and subqueries so far that depend on the order of rows.
    draws: Cell<u64>,
    /// Where the name stands that is surely refused.
    refused: Cell<Option<Location>>,
}

/// Analyses a query against the tables that it reads.
pub fn analyze(query: &Query, tables: &dyn Tables) -> Analysis {
    analyze_syntax(query, &query.syntax(), tables)
}

/// The same for a query that was taken apart already.
pub fn analyze_syntax(query: &Query, syntax: &Syntax, tables: &dyn Tables) -> Analysis {
    let resolved =
        tree_of(syntax, query.dialect()).and_then(|tree| Analyzer::new(query, syntax, tables).outermost(tree));
    match resolved {
        Ok(resolved) => Analysis::Resolved(resolved),
        Err(opaque) => Analysis::Opaque(opaque),
    }
}

/// What each part of a query reads, by the same walk; apart from [`analyze`] because plans do not need it.
///
/// # Errors
/// Something is not certain: then every part may read everything.
pub fn dependencies(query: &Query, tables: &dyn Tables) -> Result<Dependencies, Opaque> {
    let syntax = query.syntax();
    let tree = tree_of(&syntax, query.dialect())?;
    let analyzer = Analyzer::new(query, &syntax, tables);
    let (mut block, _) = analyzer.query(tree, query::Place::outermost())?;
    analyzer.rename_duplicates(&mut block)?;
    if block.is_open() {
        return Err(Opaque::construct("columns that are chosen by a pattern or not known"));
    }
    // What depends on the order of rows depends on how each table lies, and so on all of it.
    let tables: Reads = analyzer.storages.borrow().keys().map(|table| Read::Whole(table.clone())).collect();
    let with_tables = |reads: Reads, traits: Traits| match traits.orderless {
        true => reads.union(&tables).cloned().collect(),
        false => reads,
    };
    let columns = block.columns.into_iter().map(|column| (column.name, with_tables(column.reads, column.traits)));
    let columns = columns.collect();
    let rows = with_tables(block.row_reads, block.row_traits);
    Ok(Dependencies { rows, order: analyzer.order_reads.take(), columns })
}

/// The names of all output columns as the query states them: two alike are not told apart as the engine would.
///
/// # Errors
/// Something is not certain, or a star stands for columns that nobody knows.
pub fn output_names(query: &Query, tables: &dyn Tables) -> Result<Vec<OutputName>, Opaque> {
    let syntax = query.syntax();
    let tree = tree_of(&syntax, query.dialect())?;
    let (block, _) = Analyzer::new(query, &syntax, tables).query(tree, query::Place::outermost())?;
    match block.is_open() {
        true => Err(Opaque::construct("columns that are chosen by a pattern or not known")),
        false => Ok(block.columns.into_iter().map(|column| column.name).collect()),
    }
}

fn tree_of(syntax: &Syntax, dialect: Dialect) -> Step<&sqlparser::ast::Query> {
    // A setting of the cluster decides whether quotes keep their case, and so which of two names is meant.
    let has_upper = |value: &str| value.chars().any(char::is_uppercase);
    let is_unclear =
        |token: &Token| matches!(&token.kind, TokenKind::Word { value, quote: Some(_) } if has_upper(value));
    if dialect == Dialect::Redshift && syntax.tokens().iter().any(is_unclear) {
        return Err(Opaque::construct("capital letters in a quoted name"));
    }
    syntax.tree().map_err(|failure| Opaque::Unparsed(failure.message.clone()))
}

impl<'a> Analyzer<'a> {
    fn new(query: &Query, syntax: &Syntax, tables: &'a dyn Tables) -> Self {
        Self {
            dialect: query.dialect(),
            tables,
            depth: Cell::new(0),
            recursions: Cell::new(0),
            storages: RefCell::default(),
            assumes: RefCell::default(),
            crossing: RefCell::default(),
            order_reads: RefCell::default(),
            notes: None,
            hints: syntax.hints(),
            draws: Cell::new(0),
            refused: Cell::new(None),
        }
    }

    fn outermost(&self, tree: &sqlparser::ast::Query) -> Step<Resolved> {
        let (block, written_order) = self.query(tree, query::Place::outermost())?;
        let mut block = block;
        self.rename_duplicates(&mut block)?;
        let reads = block.all_reads();
        if block.is_open() {
            block.rows = block.whole();
            block.row_traits = block.all_traits();
        }
        let bind = |hash: Digest, traits: Traits| if traits.orderless { self.with_storages(hash) } else { hash };
        // Two columns that draw are two draws, though their texts be one.
        let drawn = |column: &block::Column| match column.traits.redrawn {
            true => {
                let hash = Hasher::new("drawn column").text(&column.name.text).digest(column.hash).finish();
                self.note_same(column.hash, hash);
                hash
            }
            false => column.hash,
        };
        let columns = block.columns.into_iter().map(|column| ShapeColumn {
            hash: bind(drawn(&column), column.traits),
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
        self.dialect.fold_name(&ident.value, ident.quote_style.is_some())
    }

    /// A stated name is shown as written, unless the dialect folds what is not quoted.
    fn shown(&self, ident: &sqlparser::ast::Ident) -> OutputName {
        OutputName::stated(self.dialect.shown(&ident.value, ident.quote_style.is_some()))
    }
}

impl OutputName {
    pub(crate) fn stated(text: impl Into<String>) -> Self {
        Self { text: text.into(), origin: super::NameOrigin::Stated }
    }
}
