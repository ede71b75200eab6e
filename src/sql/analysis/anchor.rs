//! The interval that is loaded: which output columns keep intervals apart, because its filter is about them, and which
//! may lie outside of the interval, because it is about something else (research: soundness, #15 and W8).

use std::collections::BTreeSet;
use std::ops::Range;

use sqlparser::ast;

use super::apart::{Apart, Joins, Kept, Tie};
use super::block::{Block, Value};
use super::operand::inside;
use super::projection::Projected;
use super::scope::{Names, Scope};
use super::{Analyzer, Step};
use crate::hash::Digest;
use crate::sql::shape::Traits;
use crate::sql::{Moment, TIME_FUNCTION, TimeForm, TimeVariable};

/// What WHERE says of the interval.
struct Filter {
    /// What it wants to lie in the interval; `None` where a part of it says something else.
    grounds: Option<Vec<Digest>>,
    /// All that it compares with the interval; `None` where that is not known.
    about: Option<BTreeSet<Digest>>,
}

impl Filter {
    fn is_about(&self, value: &Value, apart: &Apart) -> bool {
        let is_it = |grounds: &Vec<Digest>| grounds.iter().all(|ground| apart.is_with(value, *ground));
        self.grounds.as_ref().is_some_and(is_it)
    }

    fn is_beside(&self, value: &Value, apart: &Apart) -> bool {
        let is_none = |about: &BTreeSet<Digest>| !about.iter().any(|ground| apart.is_with(value, *ground));
        self.about.as_ref().is_some_and(is_none)
    }
}

impl<'q> Analyzer<'_> {
    /// Marks the columns that do not keep intervals apart, and those that may lie outside of the interval. WHERE is given
    /// with its value.
    pub(super) fn keep_apart(
        &self,
        block: &mut Block,
        scope: &Scope<'_, 'q>,
        (mut joins, inputs): (Joins, Traits),
        selection: Option<(&'q ast::Expr, &Value)>,
        projected: &[Projected],
    ) -> Step<()> {
        let filter = match selection.filter(|(_, value)| value.traits.interval) {
            Some((expression, _)) => Some(self.filter(scope, expression)?),
            None if inputs.interval => None,
            None => return Ok(()),
        };
        if let Some((expression, _)) = selection {
            for [one, other] in self.equalities(scope, expression, self.dialect.name_rules().filter)? {
                joins.tie(&one, &other);
            }
        }
        let apart = joins.settle();
        for (column, Projected { value, .. }) in block.columns.iter_mut().zip(projected) {
            let kept = if inputs.interval { apart.kept(value) } else { Kept::Apart };
            let is_anchored = filter.as_ref().is_none_or(|filter| filter.is_about(value, &apart));
            column.traits.crosses |= kept == Kept::Mixed || !is_anchored;
            column.traits.daily |= kept == Kept::ByDay;
            // The end of a group lies in the interval as all of it does.
            let is_made_of_rows = value.calls.aggregate || !value.calls.partitions.is_empty();
            let is_beside = match &filter {
                Some(filter) => filter.is_beside(value, &apart),
                // Every row of another time would be lost if intervals were loaded one by one.
                None => !value.is_of_columns(),
            };
            column.traits.strays |= !is_made_of_rows && is_beside;
        }
        let is_mixed = |Projected { value, .. }: &Projected| {
            value.is_of_columns() && !value.traits.crosses && inputs.interval && apart.kept(value) == Kept::Mixed
        };
        if block.columns.iter().all(|column| column.traits.crosses) && projected.iter().any(is_mixed) {
            self.crosses(match apart.is_loose() {
                true => "a join condition that mentions the interval",
                false => "a join that does not compare the times of both sides",
            });
        }
        Ok(())
    }

    fn filter(&self, scope: &Scope<'_, 'q>, selection: &'q ast::Expr) -> Step<Filter> {
        let names = self.dialect.name_rules().filter;
        let mut filter = Filter { grounds: Some(Vec::new()), about: Some(BTreeSet::new()) };
        for conjunct in conjuncts(selection) {
            if !self.expression(scope, conjunct, names)?.traits.interval {
                continue;
            }
            let compared = self.compared(scope, conjunct)?;
            filter.about = filter.about.zip(compared).map(|(about, compared)| &about | &compared);
            let ground = self.filtered(scope, conjunct, names)?;
            filter.grounds = filter.grounds.zip(ground).map(|(grounds, ground)| [grounds, vec![ground]].concat());
        }
        Ok(filter)
    }

    /// What the condition of a join wants to lie in the interval, where that is all that it says of it.
    pub(super) fn gates(&self, scope: &Scope<'_, 'q>, condition: &'q ast::Expr) -> Step<Option<Vec<Digest>>> {
        let mut gates = Vec::new();
        for conjunct in conjuncts(condition) {
            if self.expression(scope, conjunct, Names::Column)?.traits.interval {
                let Some(ground) = self.filtered(scope, conjunct, Names::Column)? else { return Ok(None) };
                gates.push(ground);
            }
        }
        Ok(Some(gates))
    }

    /// The plain columns of the two sides of a join that its condition compares for equality.
    pub(super) fn ties(
        &self,
        scope: &Scope<'_, 'q>,
        condition: &'q ast::Expr,
        (left, right): (&Range<u64>, &Range<u64>),
    ) -> Step<Vec<Tie>> {
        let pairs = self.equalities(scope, condition, Names::Column)?;
        Ok(pairs.iter().filter_map(|[one, other]| Tie::between(one, other, (left, right))).collect())
    }

    fn equalities(&self, scope: &Scope<'_, 'q>, condition: &'q ast::Expr, names: Names) -> Step<Vec<[Value; 2]>> {
        let is_name = |side: &ast::Expr| matches!(side, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_));
        let mut pairs = Vec::new();
        for conjunct in conjuncts(condition) {
            if let ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right } = inside(conjunct)
                && let (left, right) = (inside(left), inside(right))
                && is_name(left)
                && is_name(right)
            {
                pairs.push([self.expression(scope, left, names)?, self.expression(scope, right, names)?]);
            }
        }
        Ok(pairs)
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
    fn filtered(&self, scope: &Scope<'_, 'q>, conjunct: &'q ast::Expr, names: Names) -> Step<Option<Digest>> {
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
        let value = self.expression(scope, filtered, names)?;
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
