//! Keys of ORDER BY and GROUP BY: ordinals, and what a direction adds.

use sqlparser::ast;

use super::Step;
use super::block::{Column, Value};
use super::scope::undrawn;
use crate::hash::Hasher;
use crate::sql::Opaque;

/// `1` and `(1)` are ordinals, `1 + 0` is not.
pub(super) fn ordinal(expression: &ast::Expr) -> Option<usize> {
    match expression {
        ast::Expr::Nested(inner) => ordinal(inner),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn at_ordinal(columns: &[Column], place: usize) -> Step<Value> {
    if columns.iter().any(Column::is_star) {
        return Ok(ordinal_of_unknown(columns, place));
    }
    let column = place.checked_sub(1).and_then(|index| columns.get(index));
    undrawn(column_value(column.ok_or_else(|| Opaque::construct("an ordinal out of range"))?))
}

/// The column at a place among some that nobody knows: a function of the place and of them all.
fn ordinal_of_unknown(columns: &[Column], place: usize) -> Value {
    let hasher = Hasher::new("ordinal").number(place as u64).number(columns.len() as u64);
    let hasher = columns.iter().fold(hasher, |hasher, column| hasher.digest(column.hash));
    let parts: Vec<Value> = columns.iter().map(column_value).collect();
    Value::made_of(hasher.finish(), &parts)
}

pub(super) fn column_value(column: &Column) -> Value {
    let mut value = Value::leaf(column.hash);
    value.traits = column.traits;
    value.reads = column.reads.clone();
    value
}

pub(super) fn sort_key(value: Value, options: &ast::OrderByOptions) -> Step<Value> {
    let ast::OrderByOptions { sort, nulls_first } = options;
    let direction = match sort {
        None => "default",
        Some(ast::OrderBySort::Asc) => "asc",
        Some(ast::OrderBySort::Desc) => "desc",
        Some(ast::OrderBySort::Using(_)) => return Err(Opaque::construct("ORDER BY … USING")),
    };
    let nulls = match nulls_first {
        None => "default",
        Some(true) => "first",
        Some(false) => "last",
    };
    let hash = Hasher::new("sort key").digest(value.hash).text(direction).text(nulls).finish();
    Ok(Value { hash, ..value })
}
