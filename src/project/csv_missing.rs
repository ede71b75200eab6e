//! `na_values` of a seed: the texts that mean NULL, as SQLMesh reads them and pandas takes them.

use super::value::{Pair, Value};
use crate::sql::{Token, TokenKind};

/// Texts that mean NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// In all columns.
    Everywhere(Vec<String>),
    /// In columns of these names alone, exactly as the header has them.
    Of(Vec<(String, Vec<String>)>),
    /// SQLMesh tells in its log that it passes over the setting.
    PassedOver,
}

/// Reads the value; `None` where it is nothing that SQLMesh takes.
pub(super) fn read(value: &Value<'_>) -> Option<Missing> {
    let items = list(value).unwrap_or_else(|| vec![*value]);
    if items.first().and_then(assigned).is_none() {
        return Some(texts(&items)?.map_or(Missing::PassedOver, |texts| {
            Missing::Everywhere(texts.iter().flat_map(|text| alike(text)).collect())
        }));
    }
    let mut columns = Vec::new();
    for item in &items {
        let pair = assigned(item)?;
        // Whatever is no list is an empty one.
        let Some(own) = texts(&list(&pair.value).unwrap_or_default())? else { return Some(Missing::PassedOver) };
        columns.push((pair.written, own.iter().flat_map(|text| alike_in_column(text)).collect()));
    }
    Some(Missing::Of(columns))
}

/// A text and what pandas takes for the same: a whole number is it also with a zero behind its point, and without.
pub(super) fn alike(text: &str) -> Vec<String> {
    let number = whole(text).map(|number| [format!("{number:.0}.0"), format!("{number:.0}")]);
    [text.to_owned()].into_iter().chain(number.into_iter().flatten()).collect()
}

/// In the column of a name, pandas looks at numbers only among numbers, where what is not whole has a zero behind its point.
pub(super) fn alike_in_column(text: &str) -> Vec<String> {
    let number = whole(text).map(|number| format!("{number:.0}.0"));
    [text.to_owned()].into_iter().chain(number).collect()
}

fn whole(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    // Without a sign before zero.
    (number.is_finite() && number.fract() == 0.0).then_some(number + 0.0)
}

/// A column and its texts.
fn assigned<'a>(item: &Value<'a>) -> Option<Pair<'a>> {
    let sign = item.tokens.iter().filter(|token| token.is_significant()).nth(1)?;
    (sign.is_symbol("=") || sign.is_symbol(":=")).then(|| item.pair())?
}

/// Nobody writes more around one value.
const MOST_PARENTHESES: usize = 16;

/// The items of a list, without parentheses that stand around one of them alone.
fn list<'a>(value: &Value<'a>) -> Option<Vec<Value<'a>>> {
    if !value.is_list() {
        return None;
    }
    let mut items = value.items();
    for _ in 0..MOST_PARENTHESES {
        match items.as_slice() {
            [item] if item.tokens.first().is_some_and(|first| first.is_symbol("(")) && item.is_list() => {
                items = item.items();
            }
            _ => break,
        }
    }
    Some(items)
}

/// The texts of literals as Python writes them; no texts where a name is among them, `None` where anything else is.
fn texts(items: &[Value<'_>]) -> Option<Option<Vec<String>>> {
    let mut found = Vec::new();
    let mut is_named = false;
    for item in items {
        match item.tokens {
            [Token { kind: TokenKind::Word { quote: Some(_), .. }, .. }] => is_named = true,
            [Token { kind: TokenKind::Word { value, quote: None }, .. }] => match value.to_lowercase().as_str() {
                "null" => found.push("None".to_owned()),
                "true" => found.extend(["True".to_owned(), "1".to_owned()]),
                "false" => found.extend(["False".to_owned(), "0".to_owned()]),
                _ => is_named = true,
            },
            [Token { kind: TokenKind::String(_), .. }] => found.push(item.scalar()?),
            _ => {
                let text = item.folded().replace(' ', "");
                let number = whole(&text).filter(|_| text.ends_with(|sign: char| sign.is_ascii_digit() || sign == '.'));
                found.push(format!("{:.0}", number?));
            }
        }
    }
    Some((!is_named).then_some(found))
}
