//! Which parentheses are redundant, and which operands of AND may change places.
//!
//! Engines and our parser do not agree on how tightly every operator binds: DuckDB reads `a || b + c` as
//! `a || (b + c)`, the parser as `(a || b) + c`. So parentheses around an operator are left out of a hash only where all
//! operators in sight are of the few classes on whose order every engine agrees; elsewhere they are part of it.

use sqlparser::ast::{self, BinaryOperator as Op, Expr, UnaryOperator};

use super::block::Value;
use super::scope::{Names, Scope};
use super::{Analyzer, Step};
use crate::hash::Hasher;

/// How tightly an operator binds, loosest first; only those that every engine orders alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Binding {
    Or,
    And,
    Not,
    Predicate,
    /// `||`: tighter than predicates everywhere, and of no common order with arithmetic.
    Concatenation,
    Additive,
    Multiplicative,
    /// Nothing outside can take a part of it away.
    Closed,
}

impl<'q> Analyzer<'_> {
    /// An operand of an operator: parentheses around it count unless they surely change nothing.
    pub(super) fn operand(
        &self,
        scope: &Scope<'_, 'q>,
        outer: Option<Binding>,
        operand: &'q Expr,
        names: Names,
    ) -> Step<Value> {
        let value = self.expression(scope, operand, names)?;
        let Expr::Nested(_) = operand else { return Ok(value) };
        let redundant = match (outer, binding(inside(operand))) {
            (_, Some(Binding::Closed)) => true,
            (Some(outer), Some(inner)) => agrees(outer, inner),
            _ => false,
        };
        if redundant {
            return Ok(value);
        }
        Ok(Value { hash: Hasher::new("parentheses").digest(value.hash).finish(), ..value })
    }

    /// AND over all of its operands: in no order, unless one is volatile, and how often it is drawn depends on its place.
    pub(super) fn conjunction(&self, scope: &Scope<'_, 'q>, expression: &'q Expr, names: Names) -> Step<Value> {
        let mut operands = Vec::new();
        for operand in and_operands(expression) {
            operands.push(self.operand(scope, Some(Binding::And), operand, names)?);
        }
        if !operands.iter().any(|operand| operand.traits.redrawn) {
            operands.sort_by_key(|operand| operand.hash);
        }
        Ok(Value::combine("all of", &operands))
    }
}

/// Whether parentheses around `inner`, an operand of `outer`, tell nothing that the syntax tree does not.
fn agrees(outer: Binding, inner: Binding) -> bool {
    let arithmetic = |binding: Binding| matches!(binding, Binding::Additive | Binding::Multiplicative);
    let chained = outer == Binding::Predicate && inner == Binding::Predicate;
    let mixed = outer == Binding::Concatenation && arithmetic(inner);
    let mixed = mixed || (inner == Binding::Concatenation && arithmetic(outer));
    !chained && !mixed
}

/// An expression without the parentheses around it.
pub(super) fn inside(mut expression: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expression {
        expression = inner;
    }
    expression
}

/// Whether an expression is a chain of ANDs whose operands stand alone in every engine.
pub(super) fn is_conjunction(expression: &Expr) -> bool {
    matches!(expression, Expr::BinaryOp { op: Op::And, .. }) && binding(expression).is_some()
}

/// The operands of a chain of ANDs, parenthesised chains included.
fn and_operands(expression: &Expr) -> Vec<&Expr> {
    let mut operands = Vec::new();
    let mut rest = vec![expression];
    while let Some(expression) = rest.pop() {
        match expression {
            Expr::BinaryOp { left, op: Op::And, right } => rest.extend([right.as_ref(), left.as_ref()]),
            Expr::Nested(_) if is_conjunction(inside(expression)) => rest.push(inside(expression)),
            other => operands.push(other),
        }
    }
    operands
}

/// The binding of an expression's top operator, where it and every operator in sight is of a known class.
fn binding(expression: &Expr) -> Option<Binding> {
    let top = of_top(expression)?;
    let mut rest = in_sight(expression);
    while let Some(expression) = rest.pop() {
        of_top(expression)?;
        rest.extend(in_sight(expression));
    }
    Some(top)
}

pub(super) fn of_operator(operator: &Op) -> Option<Binding> {
    Some(match operator {
        Op::Or => Binding::Or,
        Op::And => Binding::And,
        Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => Binding::Predicate,
        Op::StringConcat => Binding::Concatenation,
        Op::Plus | Op::Minus => Binding::Additive,
        Op::Multiply | Op::Divide | Op::Modulo => Binding::Multiplicative,
        _ => return None,
    })
}

/// The class of an expression's own operator; `None` for every one that engines may order in another way.
fn of_top(expression: &Expr) -> Option<Binding> {
    Some(match expression {
        Expr::BinaryOp { op, .. } => of_operator(op)?,
        Expr::UnaryOp { op: UnaryOperator::Not, .. } => Binding::Not,
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } if is_closed(expr) => Binding::Closed,
        Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsDistinctFrom(_, _)
        | Expr::IsNotDistinctFrom(_, _)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. } => Binding::Predicate,
        Expr::Cast { kind: ast::CastKind::DoubleColon, expr, .. } if is_closed(expr) => Binding::Closed,
        other if is_closed(other) => Binding::Closed,
        _ => return None,
    })
}

/// Operands that no parenthesis or keyword closes off.
fn in_sight(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::UnaryOp { op: UnaryOperator::Not, expr }
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. } => vec![expr],
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => vec![left, right],
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::Like { expr, pattern, escape_char, .. } | Expr::ILike { expr, pattern, escape_char, .. } => {
            let mut parts: Vec<&Expr> = vec![expr, pattern];
            parts.extend(escape_char.as_deref());
            parts
        }
        _ => Vec::new(),
    }
}

/// Whether an expression begins and ends with tokens of its own, so that no operator beside it can split it.
pub(super) fn is_closed(expression: &Expr) -> bool {
    match expression {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Nested(_)
        | Expr::Function(_)
        | Expr::Case { .. }
        | Expr::Exists { negated: false, .. }
        | Expr::Subquery(_)
        | Expr::Tuple(_)
        | Expr::Array(_)
        | Expr::Dictionary(_)
        | Expr::Map(_)
        | Expr::Extract { .. }
        | Expr::Ceil { .. }
        | Expr::Floor { .. }
        | Expr::Position { .. }
        | Expr::Substring { .. }
        | Expr::Trim { .. }
        | Expr::Overlay { .. } => true,
        Expr::Cast { kind, .. } => *kind != ast::CastKind::DoubleColon,
        Expr::CompoundFieldAccess { root, .. } => is_closed(root),
        _ => false,
    }
}
