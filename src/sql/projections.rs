//! The outermost projections of a query as they are written: stars, names, and expressions that nobody named.
//!
//! Nothing is resolved here; names that stars stand for are `analysis`'s.

use std::ops::ControlFlow;

use sqlparser::ast::{self, AccessExpr, Expr, SelectItem, SetExpr, Spanned as _};

use super::token::LineStarts;
use super::{Dialect, Query, Syntax};

/// One item of an outermost projection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// What it is.
    pub item: ProjectionItem,
    /// The type that its expression is cast to, in the query's own words, if it is cast.
    pub data_type: Option<String>,
    /// Where it begins, in bytes of [`Query::text`], as far as the parser knows; else where its SELECT does.
    pub offset: usize,
}

/// What an item of a projection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectionItem {
    /// `*` or `t.*`, options included; also what `FROM t` alone selects.
    Star,
    /// One column whose name the query states, folded as the dialect folds: an alias, a column, a cast of one, a field, or
    /// a literal. These are the names that SQLMesh infers.
    Named(String),
    /// One column that the engine must name; the text of its expression.
    Unnamed(String),
    /// Columns chosen from the inputs by a pattern, which keep their names.
    Chosen,
    /// A colon, which is DuckDB's `name: x` or a path into JSON: what its column is called is not known.
    Colon,
}

/// The projections of a query: one for each SELECT that a set operation joins, the first one first; none for `VALUES`.
/// `None` where the query has no syntax tree.
pub fn projections(query: &Query, syntax: &Syntax) -> Option<Vec<Vec<Projection>>> {
    let tree = syntax.tree().ok()?;
    let reader = Reader { text: query.text(), lines: LineStarts::new(query.text()), dialect: query.dialect() };
    let mut found = Vec::new();
    // Chains of set operations are deep on the left side; a list of what is left cannot exhaust the stack.
    let mut left = vec![tree.body.as_ref()];
    while let Some(body) = left.pop() {
        match body {
            SetExpr::Select(select) => found.push(reader.select(select)),
            SetExpr::Query(inner) => left.push(inner.body.as_ref()),
            SetExpr::SetOperation { left: first, right: second, .. } => left.extend([second.as_ref(), first.as_ref()]),
            _ => {}
        }
    }
    Some(found)
}

struct Reader<'t> {
    text: &'t str,
    lines: LineStarts,
    dialect: Dialect,
}

impl Reader<'_> {
    fn select(&self, select: &ast::Select) -> Vec<Projection> {
        let start = self.offset(select.span()).unwrap_or(0);
        if select.projection.is_empty() {
            let item = ProjectionItem::Star;
            return vec![Projection { item, data_type: None, offset: start }];
        }
        let one = |item: &SelectItem| {
            let offset = self.offset(item.span()).unwrap_or(start);
            let data_type = cast_type(item);
            self.items(item).into_iter().map(move |item| Projection { item, data_type: data_type.clone(), offset })
        };
        select.projection.iter().flat_map(one).collect()
    }

    fn offset(&self, span: sqlparser::tokenizer::Span) -> Option<usize> {
        (span.start.line > 0).then(|| self.lines.offset(self.text, span.start))
    }

    fn items(&self, item: &SelectItem) -> Vec<ProjectionItem> {
        let named = |name: &ast::Ident| ProjectionItem::Named(self.fold(name));
        match item {
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _) => vec![ProjectionItem::Star],
            SelectItem::ExprWithAlias { expr, .. } if is_chosen(expr) => vec![ProjectionItem::Chosen],
            SelectItem::ExprWithAlias { alias, .. } => vec![named(alias)],
            SelectItem::ExprWithAliases { aliases, .. } => aliases.iter().map(named).collect(),
            SelectItem::UnnamedExpr(expression) if is_chosen(expression) => vec![ProjectionItem::Chosen],
            SelectItem::UnnamedExpr(expression) if has_colon(expression) => vec![ProjectionItem::Colon],
            SelectItem::UnnamedExpr(expression) => {
                let unnamed = || ProjectionItem::Unnamed(expression.to_string());
                vec![self.inferred(expression).map_or_else(unnamed, ProjectionItem::Named)]
            }
        }
    }

    fn fold(&self, name: &ast::Ident) -> String {
        self.dialect.fold_name(&name.value, name.quote_style.is_some())
    }

    /// The name that SQLMesh infers for an expression without an alias.
    fn inferred(&self, mut expression: &Expr) -> Option<String> {
        while let Expr::Nested(inner) | Expr::Cast { expr: inner, .. } = expression {
            expression = inner;
        }
        match expression {
            Expr::Identifier(name) => Some(self.fold(name)),
            Expr::CompoundIdentifier(parts) => parts.last().map(|name| self.fold(name)),
            Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last()? {
                AccessExpr::Dot(Expr::Identifier(name)) => Some(self.fold(name)),
                AccessExpr::Subscript(ast::Subscript::Index { index: Expr::Value(value) }) => literal(&value.value),
                AccessExpr::Dot(_) | AccessExpr::Subscript(_) => None,
            },
            Expr::Value(value) => literal(&value.value),
            Expr::TypedString(typed) => literal(&typed.value.value),
            Expr::BinaryOp { op: ast::BinaryOperator::Arrow | ast::BinaryOperator::LongArrow, right, .. } => {
                let Expr::Value(path) = right.as_ref() else { return None };
                let path = literal(&path.value)?;
                path.rsplit(['.', '$']).find(|key| !key.is_empty()).map(str::to_owned)
            }
            _ => None,
        }
    }
}

/// The type that an item of a projection is cast to as a whole.
fn cast_type(item: &SelectItem) -> Option<String> {
    let (SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr)) = item else { return None };
    let mut expression = expr;
    while let Expr::Nested(inner) = expression {
        expression = inner;
    }
    match expression {
        Expr::Cast { data_type, format: None, .. } => Some(data_type.to_string()),
        _ => None,
    }
}

/// The text of a number or a text; NULL, TRUE and FALSE give no name.
fn literal(value: &ast::Value) -> Option<String> {
    match value {
        ast::Value::Number(number, _) => Some(number.clone()),
        ast::Value::SingleQuotedString(text) => Some(text.clone()),
        _ => None,
    }
}

/// DuckDB's `COLUMNS(…)`, wherever it stands in an expression.
fn is_chosen(expression: &Expr) -> bool {
    ast::visit_expressions(expression, |part| match part {
        Expr::Function(function) if function.name.to_string().to_lowercase().ends_with("columns") => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

/// Whether nothing is said of what an expression's column, or columns, are called.
pub(super) fn is_of_unknown_name(expression: &Expr) -> bool {
    is_chosen(expression) || has_colon(expression)
}

fn has_colon(expression: &Expr) -> bool {
    ast::visit_expressions(expression, |part| match part {
        Expr::JsonAccess { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Template;

    fn items(text: &str) -> Vec<Vec<String>> {
        let query = Query::parse(Template::plain(text), Dialect::DuckDb);
        let told = |projection: Projection| match projection.item {
            ProjectionItem::Star => format!("*@{}", projection.offset),
            ProjectionItem::Named(name) => name,
            ProjectionItem::Unnamed(text) => format!("?{text}@{}", projection.offset),
            ProjectionItem::Chosen => "several".to_owned(),
            ProjectionItem::Colon => "unclear".to_owned(),
        };
        let found = projections(&query, &query.syntax()).expect("a syntax tree");
        found.into_iter().map(|list| list.into_iter().map(told).collect()).collect()
    }

    #[test]
    fn names_are_those_that_sqlmesh_infers() {
        let text = "SELECT a, t.B, x::int, CAST((y) AS text) , s.f.g, z AS \"Z z\", 1, 'k', j ->> '$.p.q', l[1], DATE '2026-01-01' FROM t";
        assert_eq!(items(text), [["a", "b", "x", "y", "g", "z z", "1", "k", "q", "1", "2026-01-01"]]);
        assert_eq!(
            items("SELECT count(*), a + b, NULL, (SELECT 1), current_date FROM t"),
            [["?count(*)@7", "?a + b@17", "?NULL@24", "?(SELECT 1)@31", "?current_date@42"]]
        );
        assert_eq!(items("SELECT COLUMNS('a.*'), min(COLUMNS(*)) FROM t"), [["several", "several"]]);
        assert_eq!(items("SELECT a: b, c: d + 1, e FROM t"), [["unclear", "unclear", "e"]]);
    }

    #[test]
    fn stars_are_found_in_every_select_of_a_set_operation() {
        assert_eq!(items("WITH c AS (SELECT * FROM t) SELECT x FROM c"), [["x"]]);
        assert_eq!(items("SELECT t.*, 1 AS x FROM t"), [["*@7", "x"]]);
        assert_eq!(items("SELECT * EXCLUDE (a) FROM t"), [["*@7"]]);
        assert_eq!(items("FROM t"), [["*@0"]]);
        assert_eq!(items("TABLE t"), [["*@0"]]);
        assert_eq!(items("(SELECT a FROM t) UNION ALL SELECT * FROM u"), [["a"], ["*@35"]]);
        assert_eq!(items("VALUES (1)"), Vec::<Vec<String>>::new());
        let chain = vec!["SELECT 1 AS a"; 900].join(" UNION ALL ");
        assert_eq!(items(&chain).len(), 900);
    }
}
