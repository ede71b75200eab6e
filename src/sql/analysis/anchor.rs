//! The filter on the interval that is loaded: which output columns keep intervals apart, because it is about them, and which may
//! lie outside of the interval, because it is about something else (research: soundness, #15 and W8).

use std::collections::BTreeSet;

use sqlparser::ast;

use super::block::{Block, Value};
use super::operand::inside;
use super::projection::Projected;
use super::scope::Scope;
use super::{Analyzer, Step};
use crate::hash::Digest;
use crate::sql::{Moment, TIME_FUNCTION, TimeForm, TimeVariable};

impl<'q> Analyzer<'q> {
    /// Only a column that the interval's filter is about keeps intervals apart; every other one may differ by batch.
    pub(super) fn anchor(
        &self,
        block: &mut Block,
        scope: &Scope<'_, 'q>,
        selection: &'q ast::Expr,
        projected: &[Projected],
    ) -> Step<()> {
        let mut grounds = BTreeSet::new();
        let mut clear = true;
        let mut about: Option<BTreeSet<Digest>> = Some(BTreeSet::new());
        for conjunct in conjuncts(selection) {
            if !self.expression(scope, conjunct, self.dialect.name_rules().filter)?.traits.interval {
                continue;
            }
            let compared = self.compared(scope, conjunct)?;
            about = about.zip(compared).map(|(about, compared)| &about | &compared);
            match self.filtered(scope, conjunct)? {
                Some(ground) => grounds.insert(ground),
                None => std::mem::replace(&mut clear, false),
            };
        }
        let anchored = |value: &Value| clear && grounds.len() == 1 && grounds.contains(&value.ground);
        // What is known to be about something else; the end of a group lies in the interval as all of it does.
        let strays = |value: &Value| {
            let is_made_of_rows = value.calls.aggregate || !value.calls.partitions.is_empty();
            !is_made_of_rows && about.as_ref().is_some_and(|about| !about.contains(&value.ground))
        };
        for (column, projected) in block.columns.iter_mut().zip(projected) {
            column.traits.crosses |= !anchored(&projected.value);
            column.traits.strays |= strays(&projected.value);
        }
        Ok(())
    }

    /// What a comparison with the interval is about, whatever it says; `None` where it is none.
    fn compared(&self, scope: &Scope<'_, 'q>, conjunct: &'q ast::Expr) -> Step<Option<BTreeSet<Digest>>> {
        let sides: Vec<&ast::Expr> = match inside(conjunct) {
            ast::Expr::Between { expr, .. } => vec![expr],
            ast::Expr::BinaryOp { left, right, op } if is_comparison(op) => vec![left, right],
            _ => return Ok(None),
        };
        let mut found = BTreeSet::new();
        for side in sides {
            let value = self.expression(scope, side, self.dialect.name_rules().filter)?;
            if !value.traits.interval {
                found.insert(value.ground);
            }
        }
        Ok((!found.is_empty()).then_some(found))
    }

    /// The expression that `x BETWEEN @start AND @end`, `x >= @start` and `x <= @end` are about. `@end` is the last
    /// moment of the interval, so `<` loses it, and `=` finds one day of many: neither gives the same in any batches.
    fn filtered(&self, scope: &Scope<'_, 'q>, conjunct: &'q ast::Expr) -> Step<Option<Digest>> {
        use ast::BinaryOperator as Op;
        let filtered = match inside(conjunct) {
            ast::Expr::Between { expr, negated: false, low, high } => {
                (is_bound(low, Moment::Start) && is_bound(high, Moment::End)).then_some(expr)
            }
            ast::Expr::BinaryOp { left, op: Op::GtEq, right } if is_bound(right, Moment::Start) => Some(left),
            ast::Expr::BinaryOp { left, op: Op::LtEq, right } if is_bound(right, Moment::End) => Some(left),
            ast::Expr::BinaryOp { left, op: Op::LtEq, right } if is_bound(left, Moment::Start) => Some(right),
            ast::Expr::BinaryOp { left, op: Op::GtEq, right } if is_bound(left, Moment::End) => Some(right),
            _ => None,
        };
        let Some(filtered) = filtered else { return Ok(None) };
        let value = self.expression(scope, filtered, self.dialect.name_rules().filter)?;
        Ok((!value.traits.interval).then_some(value.ground))
    }
}

/// Whether an expression is nothing but the interval's first or last moment, in a form that loses no part of a day.
fn is_bound(expression: &ast::Expr, moment: Moment) -> bool {
    let (expression, cast) = match inside(expression) {
        ast::Expr::Cast { expr, data_type, .. } => (inside(expr), Some(data_type)),
        other => (other, None),
    };
    let ast::Expr::Function(function) = expression else { return false };
    if !function.name.to_string().eq_ignore_ascii_case(TIME_FUNCTION) {
        return false;
    }
    let ast::FunctionArguments::List(list) = &function.args else { return false };
    let variable = list.args.first().and_then(|argument| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value))) => match &value.value {
            ast::Value::SingleQuotedString(name) => TimeVariable::from_name(name),
            _ => None,
        },
        _ => None,
    });
    let whole_days = cast.is_none_or(|data_type| *data_type == ast::DataType::Date);
    variable.is_some_and(|variable| {
        let fits = match variable.form {
            TimeForm::Ds | TimeForm::Date => whole_days,
            TimeForm::Hour => false,
            _ => true,
        };
        variable.moment == moment && fits
    })
}

/// The operands of a chain of ANDs, parentheses looked through.
fn conjuncts(expression: &ast::Expr) -> Vec<&ast::Expr> {
    let mut operands = Vec::new();
    let mut rest = vec![expression];
    while let Some(expression) = rest.pop() {
        match expression {
            ast::Expr::Nested(inner) => rest.push(inner),
            ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
                rest.extend([right.as_ref(), left.as_ref()]);
            }
            other => operands.push(other),
        }
    }
    operands
}

fn is_comparison(operator: &ast::BinaryOperator) -> bool {
    use ast::BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq};
    matches!(operator, Eq | Gt | GtEq | Lt | LtEq)
}
