//! The `columns` of a model: names and types.

use std::collections::BTreeSet;

use super::columns::named;
use super::properties::Scope;
use super::value::{Source, Value, closing, nested};
use crate::files::FileTree;
use crate::model::{DeclaredColumn, Kind, Model};
use crate::problem::{Positions, Problem};
use crate::sql::{Dialect, Token, TokenKind, type_in};

/// So many columns are named in one message.
const MOST_NAMED: usize = 20;

/// What ends a type, and says more of its column.
const CONSTRAINTS: [&str; 12] = [
    "not",
    "null",
    "comment",
    "default",
    "primary",
    "unique",
    "check",
    "references",
    "constraint",
    "collate",
    "generated",
    "autoincrement",
];

/// `(a INT, b STRUCT<x INT, y INT>)`: the commas of a type may stand in angle brackets too. What a table's definition says of a column
/// behind its type (`NOT NULL`, `COMMENT 'the key'`) is passed over, as SQLMesh does, whose tables have the types alone. A
/// column of the type `NULL` is one of which only the name is known.
pub(super) fn columns(scope: &Scope<'_>, value: Value<'_>) -> Result<Vec<DeclaredColumn>, String> {
    let expected = "columns with types such as (id INT, amount DECIMAL(10, 2))";
    let tokens = value.tokens;
    let open = tokens.first().is_some_and(|token| token.is_symbol("("));
    if !open || closing(tokens, 0) != Some(tokens.len() - 1) {
        return Err(expected.to_owned());
    }
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for part in split_types(&tokens[1..tokens.len() - 1]) {
        let item = scope.source.value(part, value.offset);
        if item.is_empty() {
            continue;
        }
        let pair = item.pair().filter(|pair| !pair.value.is_empty()).ok_or(expected)?;
        if !seen.insert(pair.written.to_lowercase()) {
            return Err(format!("columns that differ in name (`{}` comes twice)", pair.written));
        }
        let data_type = match pair.value.tokens.first() {
            Some(first) if first.is_word("null") => None,
            _ => {
                let tokens = type_of(pair.value.tokens).ok_or(expected)?;
                Some(type_in(scope.dialect, &scope.source.value(tokens, pair.value.offset).folded()))
            }
        };
        found.push(DeclaredColumn { name: pair.written, data_type });
    }
    Ok(found)
}

/// Warns where the query surely gives other columns than are declared: SQLMesh's table has those that are declared, and is not
/// filled where the query lacks one.
pub(super) fn other_columns(tree: &dyn FileTree, model: &Model) -> Vec<Problem> {
    let declared = &model.properties.columns;
    let Some(query) = model.query.as_ref().filter(|_| model.kind.name().has_table() && !declared.is_empty()) else {
        return Vec::new();
    };
    // Of Snowflake's names, which are in upper case where they have no quotes, no columns are known.
    let named = if model.dialect == Dialect::Snowflake { None } else { named(query) };
    let Some(given) = named else { return Vec::new() };
    // How a dialect folds names without quotes makes no other columns of them.
    let fold = |name: &str| name.to_lowercase();
    let names: BTreeSet<String> = declared.iter().map(|column| fold(&column.name)).collect();
    // A history adds two of its own.
    let validity = match &model.kind {
        Kind::ScdType2(scd) => vec![&scd.valid_from, &scd.valid_to],
        _ => Vec::new(),
    };
    let there: BTreeSet<String> = given.iter().map(|(name, _)| name).chain(validity).map(|name| fold(name)).collect();
    let not_in = |set: &BTreeSet<String>, name: &str| !set.contains(&fold(name));
    let undeclared: Vec<&str> =
        given.iter().map(|(name, _)| name.as_str()).filter(|name| not_in(&names, name)).collect();
    let missing: Vec<&str> =
        declared.iter().map(|column| column.name.as_str()).filter(|name| not_in(&there, name)).collect();
    let text = tree.text(&model.path).unwrap_or_default();
    let positions = Positions::default();
    let source = Source { path: &model.path, text: &text, positions: &positions, fixed: None };
    let warning = |message: String, help: &str| {
        source.warning("other-columns", query.template().source_offset(0), message).help(help)
    };
    let list = |names: &[&str]| {
        let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
        match names.len().saturating_sub(MOST_NAMED) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    };
    let extra = (!undeclared.is_empty()).then(|| {
        warning(
            format!("the query gives {}, which `columns` does not declare", list(&undeclared)),
            "declare it, or leave it out of the query: the table has it, and SQLMesh's has not",
        )
    });
    let lacks = (!missing.is_empty()).then(|| {
        warning(
            format!("the query gives no {}, which `columns` declares", list(&missing)),
            "leave it out of `columns`, or let the query give it: the table is without it, and SQLMesh fills none",
        )
    });
    extra.into_iter().chain(lacks).collect()
}

fn split_types(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut depth, mut angle, mut start) = (0_usize, 0_usize, 0);
    let mut parts = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        depth = nested(depth, token);
        if let TokenKind::Symbol(symbol) = &token.kind {
            angle += symbol.matches('<').count();
            angle = angle.saturating_sub(symbol.matches('>').count());
            if depth == 0 && angle == 0 && symbol == "," {
                parts.push(&tokens[start..index]);
                start = index + 1;
            }
        }
    }
    parts.push(&tokens[start..]);
    parts
}

/// The tokens of a type, up to what else is said of its column; `None` where there are none.
fn type_of(tokens: &[Token]) -> Option<&[Token]> {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth = nested(depth, token);
        depth == 0 && CONSTRAINTS.iter().any(|word| token.is_word(word))
    });
    Some(&tokens[..end.unwrap_or(tokens.len())]).filter(|tokens| tokens.iter().any(Token::is_significant))
}
