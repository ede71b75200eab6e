//! Which piece of a query each digest of its analysis came from: the analysis once more, with notes taken. For people
//! who ask why a digest moved; nothing here is hashed.

use std::cell::RefCell;

use sqlparser::ast::{self, Spanned as _};

use super::block::Block;
use super::{Analyzer, query, tree_of};
use crate::hash::Digest;
use crate::ids::ModelName;
use crate::sql::parse::Query;
use crate::sql::shape::{Origin, Origins, TableShape, Tables, Written};
use crate::sql::template::TIME_FUNCTION;
use crate::sql::token::LineStarts;
use crate::sql::whole::WHOLE_FUNCTION;

/// What an analysis notes down.
pub(super) struct Notes {
    text: String,
    lines: LineStarts,
    found: RefCell<Origins>,
}

/// Which piece of a query each digest of its analysis came from; as far as the analysis gets where it is opaque.
pub fn origins(query: &Query, tables: &dyn Tables) -> Origins {
    let syntax = query.syntax();
    let Ok(tree) = tree_of(&syntax, query.dialect()) else { return Origins::default() };
    let mut analyzer = Analyzer::new(query, &syntax, tables);
    analyzer.notes =
        Some(Notes { text: query.text().to_owned(), lines: LineStarts::new(query.text()), found: RefCell::default() });
    let _ = analyzer.query(tree, query::Place::outermost());
    analyzer.notes.map(|notes| notes.found.into_inner()).unwrap_or_default()
}

impl Notes {
    fn put(&self, digest: Digest, origin: Origin) {
        self.found.borrow_mut().pieces.entry(digest).or_default().insert(origin);
    }
}

impl Analyzer<'_> {
    /// The first expression that came to a digest stands for it.
    pub(super) fn note_expression(&self, digest: Digest, expression: &ast::Expr) {
        let Some(notes) = &self.notes else { return };
        notes.found.borrow_mut().expressions.entry(digest).or_insert_with(|| {
            let start = expression.span().start;
            let offset = (start.line > 0).then(|| notes.lines.offset(&notes.text, start));
            Written { text: printed(expression), offset }
        });
    }

    /// What stands for one digest stands for another that was made of it alone.
    pub(super) fn note_same(&self, digest: Digest, made: Digest) {
        let Some(notes) = &self.notes else { return };
        let mut found = notes.found.borrow_mut();
        if let Some(written) = found.expressions.get(&digest).cloned() {
            found.expressions.entry(made).or_insert(written);
        }
    }

    pub(super) fn note_table(&self, shape: &TableShape) {
        let Some(notes) = &self.notes else { return };
        let table = &shape.name;
        notes.put(shape.rows, Origin::Rows(table.clone()));
        notes.put(shape.storage, Origin::Storage(table.clone()));
        for column in shape.columns.iter().flatten() {
            notes.put(column.hash, Origin::Column(table.clone(), column.name.text.clone()));
        }
    }

    pub(super) fn note_open_column(&self, digest: Digest, table: &ModelName, column: &str) {
        if let Some(notes) = &self.notes {
            notes.put(digest, Origin::Column(table.clone(), column.to_owned()));
        }
    }

    /// A CTE or a subquery by its name.
    pub(super) fn note_query(&self, name: &ast::Ident, block: &Block) {
        let Some(notes) = &self.notes else { return };
        notes.put(block.rows, Origin::Query(name.value.clone()));
        for column in &block.columns {
            notes.put(column.hash, Origin::QueryColumn(name.value.clone(), column.name.text.clone()));
        }
    }
}

/// An expression on one line, time variables as an author writes them.
fn printed(expression: &ast::Expr) -> String {
    let text = expression.to_string();
    // What the parser was given for a PIVOT and its like holds the author's words.
    let whole = text.strip_prefix(WHOLE_FUNCTION).and_then(|rest| rest.strip_prefix("('")?.strip_suffix("')"));
    let text = whole.map_or(text.clone(), str::to_owned);
    let mut output = String::with_capacity(text.len());
    let opening = format!("{TIME_FUNCTION}('");
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(&opening) {
        let (name, after) = after.split_once("')").unwrap_or((after, ""));
        output.extend([before, "@", name]);
        rest = after;
    }
    output.push_str(rest);
    output.split_whitespace().collect::<Vec<_>>().join(" ")
}
