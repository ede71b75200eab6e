//! Names that the engine surely refuses, because every column that they could be is known. The linter blocks plans by that,
//! so it is said only where how the dialect reads names was tried on the engine; to hashes it makes no difference.

use sqlparser::ast;

use super::Analyzer;
use super::inputs::is_unsure;
use super::scope::{Input, Scope, Site};
use crate::sql::functions::{FunctionClass, function_class};
use crate::sql::token::LineStarts;
use crate::sql::{Dialect, Opaque, Query, Syntax, Tables};

/// Where the name stands because of which a query ends in [`Opaque::NoColumn`] or [`Opaque::TwoColumns`], in bytes of
/// [`Query::text`]; `None` where it does not, or where that is not known.
pub fn refused_at(query: &Query, syntax: &Syntax, tables: &dyn Tables) -> Option<usize> {
    let analyzer = Analyzer::new(query, syntax, tables);
    let refused = analyzer.outermost(syntax.tree().ok()?).err()?;
    let place = analyzer.refused.get().filter(|place| place.line > 0)?;
    let is_refused = matches!(refused, Opaque::NoColumn(_) | Opaque::TwoColumns(_));
    is_refused.then(|| LineStarts::new(query.text()).offset(query.text(), place))
}

/// What the blocks around a block say of a name: nothing sure, where the block itself may have columns that nobody knows.
pub(super) fn beyond(scope: &Scope<'_, '_>, opaque: Opaque) -> Opaque {
    match opaque {
        Opaque::NoColumn(name) if is_unsure(scope) => Opaque::Name(name),
        opaque => opaque,
    }
}

impl Analyzer<'_> {
    /// Whether it was tried on the engine how the dialect reads names. Elsewhere a bare word may be the unit of a date, a
    /// pseudo-column and more.
    pub(super) fn is_tried(&self) -> bool {
        matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres)
    }

    /// Remembers where a name stands that is about to be refused.
    pub(super) fn refuse(&self, name: &ast::Ident) {
        self.refused.set(Some(name.span.start));
    }

    /// Why a name that nothing in a block owns makes the query opaque: it is surely refused, or it may be something that is
    /// not seen from here.
    pub(super) fn no_column(&self, scope: &Scope<'_, '_>, parts: &[ast::Ident]) -> Opaque {
        parts.first().into_iter().for_each(|first| self.refuse(first));
        let text = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        let is_all_known = !is_unsure(scope) && scope.outer.is_none() && scope.site == Site::Open;
        match is_all_known && scope.parameters.is_empty() && self.is_tried() && !self.is_special(scope, parts) {
            true => Opaque::NoColumn(text),
            false => Opaque::Name(text),
        }
    }

    /// Whether a name may be something else than a column that the query shows.
    fn is_special(&self, scope: &Scope<'_, '_>, parts: &[ast::Ident]) -> bool {
        let last = parts.last().map(|part| self.fold(part)).unwrap_or_default();
        let first = parts.first().map(|part| self.fold(part)).unwrap_or_default();
        let is_keyword = function_class(self.dialect, &last) == Some(FunctionClass::Keyword);
        // A longer qualifier may hold the schema of a table that is named without.
        if parts.len() > 2 || is_keyword || self.is_pseudo_column(&last) {
            return true;
        }
        // PostgreSQL reads `t.f` as `f(t)` where the input `t` has no column `f`: a function of its row, or a cast.
        let is_row = |input: &Input| input.names.iter().any(|name| matches!(&name[..], [only] if *only == first));
        self.dialect == Dialect::Postgres && parts.len() > 1 && scope.inputs.iter().any(is_row)
    }
}
