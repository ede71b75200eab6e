//! The operators of the small evaluator, as Python's where SQLMesh has them computed by Python.

use std::cmp::Ordering;

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::{Constant, ConstantError, Result, range, unknown, value_of};
use crate::sql::Dialect;

pub(super) fn unary(operator: UnaryOperator, value: &Constant, expression: &Expr) -> Result<Constant> {
    match (operator, value, value.whole()) {
        // Also of NULL.
        (UnaryOperator::Not, value, _) => Ok(Constant::Bool(!value.holds())),
        (UnaryOperator::Plus, _, Some(value)) => Ok(Constant::Int(value)),
        (UnaryOperator::Minus, _, Some(value)) => value.checked_neg().map(Constant::Int).ok_or_else(|| range("-")),
        (UnaryOperator::Plus, Constant::Real(value), _) => Ok(Constant::Real(*value)),
        (UnaryOperator::Minus, Constant::Real(value), _) => Ok(Constant::Real(-value)),
        _ => Err(unknown(expression)),
    }
}

pub(super) fn binary(
    left: &Expr,
    operator: &BinaryOperator,
    right: &Expr,
    (expression, dialect): (&Expr, Dialect),
) -> Result<Constant> {
    let left = value_of(left, dialect)?;
    match operator {
        BinaryOperator::And if !left.holds() => return Ok(left),
        BinaryOperator::Or if left.holds() => return Ok(left),
        BinaryOperator::And | BinaryOperator::Or => return value_of(right, dialect),
        _ => {}
    }
    let right = value_of(right, dialect)?;
    if left == Constant::Null || right == Constant::Null {
        return with_null(operator, expression, dialect);
    }
    let compared = |fits: fn(Ordering) -> bool| {
        let order = left.order(&right).ok_or_else(|| ConstantError::Types(operator.to_string()))?;
        Ok(Constant::Bool(fits(order)))
    };
    match operator {
        BinaryOperator::Eq => Ok(Constant::Bool(left.is_same(&right))),
        BinaryOperator::NotEq => Ok(Constant::Bool(!left.is_same(&right))),
        BinaryOperator::Lt => compared(Ordering::is_lt),
        BinaryOperator::LtEq => compared(Ordering::is_le),
        BinaryOperator::Gt => compared(Ordering::is_gt),
        BinaryOperator::GtEq => compared(Ordering::is_ge),
        BinaryOperator::Divide => divided(&left, &right, dialect),
        BinaryOperator::DuckIntegerDivide => divided_down(&left, &right),
        BinaryOperator::BitwiseXor | BinaryOperator::PGExp if raises(dialect) => power(&left, &right),
        BinaryOperator::BitwiseAnd | BinaryOperator::BitwiseOr | BinaryOperator::BitwiseXor => {
            bits(operator, &left, &right)
        }
        BinaryOperator::Plus | BinaryOperator::StringConcat => match (&left, &right) {
            (Constant::Text(one), Constant::Text(two)) => Ok(Constant::Text(format!("{one}{two}"))),
            _ => arithmetic(operator, &left, &right),
        },
        BinaryOperator::Minus | BinaryOperator::Multiply | BinaryOperator::Modulo => {
            arithmetic(operator, &left, &right)
        }
        _ => Err(unknown(expression)),
    }
}

/// What an operator gives of NULL: NULL. Where a whole number is made of what a division gives, NULL makes none.
fn with_null(operator: &BinaryOperator, expression: &Expr, dialect: Dialect) -> Result<Constant> {
    use BinaryOperator::{
        BitwiseAnd, BitwiseOr, BitwiseXor, Divide, DuckIntegerDivide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply,
        NotEq, Plus, StringConcat,
    };
    match operator {
        Divide if divides_whole(dialect) => Err(ConstantError::Types("/".to_owned())),
        BitwiseXor if raises(dialect) => Err(ConstantError::Types("^".to_owned())),
        Eq | NotEq | Lt | LtEq | Gt | GtEq | Plus | Minus | Multiply | Divide | DuckIntegerDivide | Modulo
        | StringConcat | BitwiseAnd | BitwiseOr | BitwiseXor => Ok(Constant::Null),
        _ => Err(unknown(expression)),
    }
}

/// Whether `/` gives a whole number (SQLGlot's `TYPED_DIVISION`): SQLMesh cuts the fraction off, whatever is divided.
fn divides_whole(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Postgres | Dialect::Redshift | Dialect::Trino | Dialect::MsSql)
}

/// Whether division by zero is NULL (`SAFE_DIVISION`).
fn divides_safely(dialect: Dialect) -> bool {
    use Dialect::{ClickHouse, DuckDb, Hive, MySql, Spark};
    matches!(dialect, DuckDb | Spark | Hive | MySql | ClickHouse)
}

/// Whether `^` is a power; elsewhere it is an exclusive or.
fn raises(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::DuckDb | Dialect::Postgres | Dialect::Redshift)
}

fn divided(left: &Constant, right: &Constant, dialect: Dialect) -> Result<Constant> {
    let types = || ConstantError::Types("/".to_owned());
    let (one, two) = (left.number().ok_or_else(types)?, right.number().ok_or_else(types)?);
    match two == 0.0 {
        true if divides_safely(dialect) => return Ok(Constant::Null),
        true => return Err(range("/")),
        false => {}
    }
    let fraction = finite(one / two, "/")?;
    match divides_whole(dialect) {
        true => whole_number(fraction, "/"),
        false => Ok(Constant::Real(fraction)),
    }
}

/// `//`, as in Python: the next whole number below.
fn divided_down(left: &Constant, right: &Constant) -> Result<Constant> {
    let types = || ConstantError::Types("//".to_owned());
    if let (Some(one), Some(two)) = (left.whole(), right.whole()) {
        let quotient = one.checked_div_euclid(two).ok_or_else(|| range("//"))?;
        // Euclid's is rounded up where what divides is negative.
        let is_above = two < 0 && one.checked_rem_euclid(two).is_some_and(|rest| rest != 0);
        return Ok(Constant::Int(if is_above { quotient - 1 } else { quotient }));
    }
    let (one, two) = (left.number().ok_or_else(types)?, right.number().ok_or_else(types)?);
    if two == 0.0 { Err(range("//")) } else { finite((one / two).floor(), "//").map(Constant::Real) }
}

fn bits(operator: &BinaryOperator, left: &Constant, right: &Constant) -> Result<Constant> {
    let (Some(one), Some(two)) = (left.whole(), right.whole()) else {
        return Err(ConstantError::Types(operator.to_string()));
    };
    Ok(Constant::Int(match operator {
        BinaryOperator::BitwiseAnd => one & two,
        BinaryOperator::BitwiseOr => one | two,
        _ => one ^ two,
    }))
}

pub(super) fn power(base: &Constant, exponent: &Constant) -> Result<Constant> {
    let types = || ConstantError::Types("^".to_owned());
    if let (Some(base), Some(exponent @ 0..)) = (base.whole(), exponent.whole()) {
        let raised = u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent));
        return raised.map(Constant::Int).ok_or_else(|| range("^"));
    }
    let (base, exponent) = (base.number().ok_or_else(types)?, exponent.number().ok_or_else(types)?);
    finite(base.powf(exponent), "^").map(Constant::Real)
}

pub(super) fn arithmetic(operator: &BinaryOperator, left: &Constant, right: &Constant) -> Result<Constant> {
    let sign = operator.to_string();
    if let (Some(one), Some(two)) = (left.whole(), right.whole()) {
        let whole = match operator {
            BinaryOperator::Plus => one.checked_add(two),
            BinaryOperator::Minus => one.checked_sub(two),
            BinaryOperator::Multiply => one.checked_mul(two),
            // Python's remainder has the sign of what divides.
            BinaryOperator::Modulo => one.checked_rem(two).map(|rest| match rest != 0 && (rest < 0) != (two < 0) {
                true => rest + two,
                false => rest,
            }),
            _ => return Err(ConstantError::Types(sign)),
        };
        return whole.map(Constant::Int).ok_or_else(|| range(&sign));
    }
    let types = || ConstantError::Types(sign.clone());
    let (one, two) = (left.number().ok_or_else(types)?, right.number().ok_or_else(types)?);
    let result = match operator {
        BinaryOperator::Plus => one + two,
        BinaryOperator::Minus => one - two,
        BinaryOperator::Multiply => one * two,
        BinaryOperator::Modulo if two != 0.0 => one - two * (one / two).floor(),
        BinaryOperator::Modulo => return Err(range(&sign)),
        _ => return Err(types()),
    };
    finite(result, &sign).map(Constant::Real)
}

fn finite(number: f64, operator: &str) -> Result<f64> {
    if number.is_finite() { Ok(number) } else { Err(range(operator)) }
}

/// A number without its fraction.
pub(super) fn whole_number(number: f64, operator: &str) -> Result<Constant> {
    const MOST: f64 = 1e30;
    match number.abs() < MOST {
        true => Ok(Constant::Int(number.trunc() as i128)),
        false => Err(range(operator)),
    }
}
