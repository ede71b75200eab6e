//! `blueprints`: one definition, several models. Each has names of its own, which its properties and its SQL may use as `@name`
//! (research: SQLMesh, section 7.6).

use std::collections::BTreeMap;

use super::macros::{Expander, NO_LOCALS};
use super::properties::Scope;
use super::value::{Source, Value, split_at_commas};
use crate::problem::{Problem, has_errors};
use crate::sql::{Token, TokenKind, tokenize};

/// The SQL of a blueprint's names, in lower case.
pub(super) type Blueprint = BTreeMap<String, String>;

/// So much text comes of one file at most.
const MAX_BYTES: usize = 64 << 20;

/// The blueprints of a `MODEL` block; one without names where it has none, and none where they cannot be read.
pub(super) fn blueprints(
    scope: &Scope<'_>,
    header: &[Token],
    offset: usize,
    problems: &mut Vec<Problem>,
) -> Vec<Blueprint> {
    let source = scope.source;
    let parts = split_at_commas(header);
    let pair =
        parts.into_iter().filter_map(|part| source.value(part, offset).pair()).find(|pair| pair.key == "blueprints");
    let Some(pair) = pair else { return vec![NO_LOCALS.clone()] };
    let found = match pair.value.macro_at() {
        Some(at) if pair.value.tokens.first().is_some_and(|first| first.range.start == at) => {
            of_macro(scope, pair.value, problems)
        }
        _ => read(pair.value),
    };
    let help = "write `blueprints ((name := a, customer := 'c1'), (name := b, customer := 'c2'))`";
    match found {
        Ok(found) if found.is_empty() || found.len().saturating_mul(source.text.len()) > MAX_BYTES => {
            let what = if found.is_empty() { "names no model" } else { "makes more models than a file may hold" };
            problems.push(source.error("invalid-property", pair.offset, format!("`blueprints` {what}")).help(help));
            Vec::new()
        }
        Ok(found) => found,
        Err(Unreadable::Told) => Vec::new(),
        Err(Unreadable::List) => {
            let message = "`blueprints` must be a list of lists of names with their values";
            problems.push(source.error("invalid-property", pair.value.offset, message).help(help));
            Vec::new()
        }
    }
}

/// Why blueprints are not read.
enum Unreadable {
    /// The problem is told already.
    Told,
    /// They are no list.
    List,
}

/// `blueprints @EACH(…)`.
fn of_macro(scope: &Scope<'_>, value: Value<'_>, problems: &mut Vec<Problem>) -> Result<Vec<Blueprint>, Unreadable> {
    let mut expander = Expander::new(scope.source, scope.dialect, scope.names);
    let template = expander.statement(value.tokens).unwrap_or_default();
    let has_failed = has_errors(&expander.problems);
    problems.append(&mut expander.problems);
    if has_failed {
        return Err(Unreadable::Told);
    }
    let text = format!("({})", template.text());
    let tokens = tokenize(&text, scope.dialect).map_err(|_| Unreadable::List)?;
    let source = Source { text: &text, fixed: Some(scope.source.place(value.offset)), ..scope.source };
    read(source.value(&tokens, 0))
}

fn read(value: Value<'_>) -> Result<Vec<Blueprint>, Unreadable> {
    let items = value.items();
    // One blueprint may stand without parentheses of its own.
    match items.iter().any(|item| item.is_list()) {
        true => items.into_iter().map(one).collect(),
        false if items.is_empty() => Ok(Vec::new()),
        false => Ok(vec![one(value)?]),
    }
}

fn one(value: Value<'_>) -> Result<Blueprint, Unreadable> {
    // SQLMesh takes `@name := …`, too.
    let pairs: Option<Vec<super::value::Pair<'_>>> =
        value.items().iter().map(|item| item.without_at().pair()).collect();
    let pairs = pairs.ok_or(Unreadable::List)?;
    let named = |mut pair: super::value::Pair<'_>| {
        pair.key = pair.key.trim_start_matches('@').to_owned();
        let is_name = pair.key.chars().all(|character| character.is_alphanumeric() || character == '_');
        (is_name && !pair.value.is_empty()).then(|| (pair.key, pair.value.folded())).ok_or(Unreadable::List)
    };
    pairs.into_iter().map(named).collect()
}

/// Whether a value has macros that are expanded when the project is read. `@daily` is a schedule.
pub(super) fn has_macro(key: &str, value: &Value<'_>) -> bool {
    let is_schedule = || {
        let text: String = value.tokens.iter().filter_map(word).collect();
        key == "cron" && crate::time::Cron::parse(&text).is_ok()
    };
    key != "blueprints" && value.macro_at().is_some() && !is_schedule()
}

fn word(token: &Token) -> Option<&str> {
    match &token.kind {
        TokenKind::Symbol(text) => Some(text),
        TokenKind::Word { value, .. } => Some(value),
        _ => None,
    }
}
