//! The functions of the small evaluator, with what SQLMesh's give (`sqlglot/executor/env.py`): NULL of NULL.

use sqlparser::ast::{
    self, BinaryOperator, CastKind, DataType, DateTimeField, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::operator::{arithmetic, power, whole_number};
use super::{Constant, ConstantError, Result, range, unknown, value_of};
use crate::sql::Dialect;

/// Longer texts are not compared with a pattern: that would take long.
const LONGEST: usize = 2000;
/// More digits are not asked for.
const DIGITS: i128 = 15;

pub(super) fn call(function: &ast::Function, expression: &Expr, dialect: Dialect) -> Result<Constant> {
    let FunctionArguments::List(list) = &function.args else { return Err(unknown(expression)) };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => value_of(inner, dialect),
        _ => Err(unknown(expression)),
    });
    let arguments = arguments.collect::<Result<Vec<_>>>()?;
    let name = function.name.to_string().to_ascii_lowercase();
    match (name.as_str(), arguments.as_slice()) {
        ("coalesce" | "ifnull" | "nvl", items) => {
            Ok(items.iter().find(|item| **item != Constant::Null).cloned().unwrap_or(Constant::Null))
        }
        ("if", [condition, value, otherwise]) => Ok(if condition.holds() { value } else { otherwise }.clone()),
        ("pow" | "power", [base, exponent]) => power(base, exponent),
        (
            "abs" | "concat" | "day" | "left" | "length" | "len" | "lower" | "mod" | "month" | "right" | "round"
            | "substr" | "substring" | "trim" | "upper" | "year",
            items,
        ) if items.contains(&Constant::Null) => Ok(Constant::Null),
        (name, arguments) => of_values(name, arguments).unwrap_or_else(|| Err(unknown(expression))),
    }
}

/// A function of values none of which is NULL; `None` where it is not known.
fn of_values(name: &str, arguments: &[Constant]) -> Option<Result<Constant>> {
    use Constant::{Date, Int, List, Real, Text};
    let text = |text: String| Some(Ok(Text(text)));
    match (name, arguments) {
        ("upper", [Text(one)]) => text(one.to_uppercase()),
        ("lower", [Text(one)]) => text(one.to_lowercase()),
        ("trim", [Text(one)]) => text(one.trim().to_owned()),
        ("trim", [Text(one), Text(signs)]) => trimmed_of(one, signs).and_then(text),
        ("length" | "len", [Text(one)]) => Some(count(one.chars().count())),
        ("length" | "len" | "array_length" | "array_size" | "cardinality", [List(items)]) => Some(count(items.len())),
        ("substring" | "substr", [Text(one), Int(from)]) => substring(one, *from, None).and_then(text),
        ("substring" | "substr", [Text(one), Int(from), Int(length)]) => {
            substring(one, *from, Some(*length)).and_then(text)
        }
        ("left", [Text(one), Int(length)]) => text(cut(one, 0, place(one, *length))),
        ("right", [Text(one), Int(length)]) => text(cut(one, place(one, length.checked_neg()?), usize::MAX)),
        ("concat", items) => items.iter().map(as_text).collect::<Option<String>>().and_then(text),
        ("abs", [Real(value)]) => Some(Ok(Real(value.abs()))),
        ("abs", [value]) => Some(value.whole()?.checked_abs().map(Int).ok_or_else(|| range("abs"))),
        ("mod", [one, two]) => Some(arithmetic(&BinaryOperator::Modulo, one, two)),
        ("round", [Int(value)]) => Some(Ok(Int(*value))),
        ("round", [Real(value)]) => Some(whole_number(value.round_ties_even(), "round")),
        ("round", [Int(value), Int(0..)]) => Some(Ok(Int(*value))),
        ("round", [Real(value), Int(digits @ 0..=DIGITS)]) => {
            let digits = usize::try_from(*digits).ok()?;
            format!("{value:.digits$}").parse().ok().map(|rounded| Ok(Real(rounded)))
        }
        ("year" | "month" | "day", [Date(date)]) => part_of(name, date).map(Ok),
        _ => None,
    }
}

fn count(length: usize) -> Result<Constant> {
    i128::try_from(length).map(Constant::Int).map_err(|_| range("length"))
}

/// What Python prints of it.
fn as_text(value: &Constant) -> Option<String> {
    match value {
        Constant::Text(text) | Constant::Date(text) => Some(text.clone()),
        Constant::Int(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The place at which a length from the front, or a negative one from the end, ends.
fn place(text: &str, length: i128) -> usize {
    let all = text.chars().count();
    match usize::try_from(length.unsigned_abs()) {
        Ok(length_) if length >= 0 => length_.min(all),
        Ok(length_) => all.saturating_sub(length_),
        Err(_) if length >= 0 => all,
        Err(_) => 0,
    }
}

fn cut(text: &str, from: usize, to: usize) -> String {
    text.chars().skip(from).take(to.saturating_sub(from)).collect()
}

/// From a place on, the first of which is one; from the end where it is negative.
fn substring(text: &str, from: i128, length: Option<i128>) -> Option<String> {
    let all = i128::try_from(text.chars().count()).ok()?;
    let start = match from {
        0 => return Some(String::new()),
        1.. => from - 1,
        _ => all.checked_add(from).filter(|start| *start >= 0)?,
    };
    let end = match length {
        None => all,
        Some(length @ 0..) => start.checked_add(length)?.min(all),
        Some(_) => return None,
    };
    Some(cut(text, usize::try_from(start.min(all)).ok()?, usize::try_from(end).ok()?))
}

fn trimmed_of(text: &str, signs: &str) -> Option<String> {
    (signs.len() <= LONGEST).then(|| text.trim_matches(|sign| signs.contains(sign)).to_owned())
}

pub(super) fn trim(value: Constant, signs: Option<Constant>) -> Option<Constant> {
    match (value, signs) {
        (Constant::Null, _) | (_, Some(Constant::Null)) => Some(Constant::Null),
        (value, signs) => of_values("trim", &std::iter::once(value).chain(signs).collect::<Vec<_>>())?.ok(),
    }
}

pub(super) fn substring_of(arguments: &[Constant]) -> Option<Constant> {
    match arguments.contains(&Constant::Null) {
        true => Some(Constant::Null),
        false => of_values("substring", arguments)?.ok(),
    }
}

/// LIKE. SQLMesh has it done by a regular expression that must fit the beginning: what a pattern does not say may follow, and a
/// point is any sign.
pub(super) fn like(value: &Constant, pattern: &Constant) -> Option<Constant> {
    let (text, pattern) = match (value, pattern) {
        (Constant::Null, _) | (_, Constant::Null) => return Some(Constant::Null),
        (Constant::Text(text), Constant::Text(pattern)) => (text, pattern),
        _ => return None,
    };
    let is_special = |sign: char| "\\^$*+?{}[]|()\n".contains(sign);
    if text.len().max(pattern.len()) > LONGEST || pattern.contains(is_special) || text.contains('\n') {
        return None;
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().chain(['%']).collect());
    let (mut at, mut wanted, mut again) = (0, 0, None);
    while at < text.len() {
        match pattern.get(wanted) {
            Some('%') => {
                again = Some((wanted + 1, at));
                wanted += 1;
            }
            Some(sign) if matches!(sign, '_' | '.') || *sign == text[at] => (at, wanted) = (at + 1, wanted + 1),
            _ => match again {
                Some((after, from)) => {
                    again = Some((after, from + 1));
                    (at, wanted) = (from + 1, after);
                }
                None => return Some(Constant::Bool(false)),
            },
        }
    }
    Some(Constant::Bool(pattern[wanted..].iter().all(|sign| *sign == '%')))
}

/// A cast, to the types that SQLMesh's evaluator knows.
pub(super) fn cast(kind: &CastKind, value: Constant, to: &DataType, dialect: Dialect) -> Option<Constant> {
    use Constant::{Bool, Date, Int, Null, Real, Text};
    // Spark's gives NULL where it fails, which SQLMesh's evaluator does not know.
    if !matches!(kind, CastKind::Cast | CastKind::DoubleColon) || matches!(dialect, Dialect::Spark | Dialect::Hive) {
        return None;
    }
    if value == Null {
        return Some(Null);
    }
    match to.to_string().to_ascii_lowercase().as_str() {
        "int" | "integer" | "bigint" | "smallint" | "tinyint" | "int4" | "int8" | "int64" => match value {
            Text(text) => text.trim().parse().ok().map(Int),
            Real(value) => whole_number(value, "CAST").ok(),
            value => value.whole().map(Int),
        },
        "double" | "double precision" | "float" | "real" | "float8" | "float4" | "float64" => match value {
            Text(text) => text.trim().parse().ok().filter(|value: &f64| value.is_finite()).map(Real),
            value => value.number().map(Real),
        },
        "boolean" | "bool" => Some(Bool(value.holds())),
        "text" | "varchar" | "string" => match value {
            Bool(value) => Some(Text(if value { "True" } else { "False" }.to_owned())),
            Real(value) => Some(Text(format!("{value:?}"))),
            value => as_text(&value).map(Text),
        },
        "date" => match value {
            Text(text) | Date(text) => date(&text).ok(),
            _ => None,
        },
        _ => None,
    }
}

/// `2024-01-31`.
pub(super) fn date(text: &str) -> Result<Constant> {
    let range = || ConstantError::Range("DATE".to_owned());
    let is_shaped = text.len() == 10
        && text.bytes().enumerate().all(|(place, sign)| match place {
            4 | 7 => sign == b'-',
            _ => sign.is_ascii_digit(),
        });
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
    let (true, Some(year), Some(month), Some(day)) = (is_shaped, number(0, 4), number(5, 7), number(8, 10)) else {
        return Err(range());
    };
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    let is_one = year > 0 && (1..=days).contains(&day);
    if is_one { Ok(Constant::Date(text.to_owned())) } else { Err(range()) }
}

fn part_of(name: &str, date: &str) -> Option<Constant> {
    let mut parts = date.split('-');
    let part = match name {
        "year" => parts.next(),
        "month" => parts.nth(1),
        _ => parts.nth(2),
    };
    part?.parse().ok().map(Constant::Int)
}

pub(super) fn extract(field: &DateTimeField, value: &Constant) -> Option<Constant> {
    let name = match field {
        DateTimeField::Year => "year",
        DateTimeField::Month => "month",
        DateTimeField::Day => "day",
        _ => return None,
    };
    match value {
        Constant::Null => Some(Constant::Null),
        Constant::Date(date) => part_of(name, date),
        _ => None,
    }
}
