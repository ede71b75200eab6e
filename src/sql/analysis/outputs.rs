//! The output names of a query that cannot be taken apart, where its projection says them all.
//!
//! Readers of such a model can then be taken apart themselves: each column carries the hash of the whole. What is not
//! surely one column of exactly this name gives no names at all.

use std::ops::ControlFlow;

use sqlparser::ast::{self, SelectItem, SetExpr};

use crate::sql::shape::OutputName;
use crate::sql::{Dialect, Query, Syntax};

/// The names of all output columns, in order; `None` unless each is written as an alias and no two are alike.
pub fn stated_outputs(query: &Query, syntax: &Syntax) -> Option<Vec<OutputName>> {
    let tree = syntax.tree().ok()?;
    // Elsewhere names that are not quoted may be folded, or an alias may stand for several columns.
    if query.dialect() != Dialect::DuckDb || !tree.pipe_operators.is_empty() {
        return None;
    }
    let mut body = tree.body.as_ref();
    let select = loop {
        body = match body {
            SetExpr::Select(select) => break select,
            SetExpr::Query(inner) if inner.pipe_operators.is_empty() => inner.body.as_ref(),
            SetExpr::SetOperation { left, set_quantifier, .. } if !is_by_name(*set_quantifier) => left.as_ref(),
            _ => return None,
        };
    };
    let mut names: Vec<OutputName> = Vec::new();
    for item in &select.projection {
        let SelectItem::ExprWithAlias { expr, alias } = item else { return None };
        let alike = names.iter().any(|known| known.text.eq_ignore_ascii_case(&alias.value));
        if alike || alias.quote_style == Some('\'') || may_be_named_otherwise(expr) {
            return None;
        }
        names.push(OutputName::stated(&alias.value));
    }
    let whole = select.exclude.is_none() && select.into.is_none() && select.value_table_mode.is_none();
    (whole && !names.is_empty()).then_some(names)
}

fn is_by_name(quantifier: ast::SetQuantifier) -> bool {
    use ast::SetQuantifier as Q;
    match quantifier {
        Q::ByName | Q::AllByName | Q::DistinctByName => true,
        Q::All | Q::Distinct | Q::None => false,
    }
}

/// `COLUMNS(…)`, `unnest` of a struct and stars inside an expression give several columns under one alias.
fn may_be_named_otherwise(expression: &ast::Expr) -> bool {
    ast::visit_expressions(expression, |part| {
        let several = match part {
            ast::Expr::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                name.ends_with("columns") || name.ends_with("unnest")
            }
            ast::Expr::Wildcard(_) | ast::Expr::QualifiedWildcard(_, _) => true,
            // `a: b` names itself.
            ast::Expr::JsonAccess { .. } => true,
            _ => false,
        };
        if several { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_break()
}
