//! `ON_VIRTUAL_UPDATE_BEGIN; …; ON_VIRTUAL_UPDATE_END;`: statements that run when an environment's view of the model is made
//! or pointed elsewhere, such as GRANT. They run in the transaction that moves the views, so that what ends it or changes its
//! session is refused.

use std::ops::Range;

use super::default_statements;
use super::file::Rules;
use super::macros::Expander;
use super::of_kind::without_view;
use super::properties::Scope;
use super::split;
use super::value::Source;
use crate::model::Kind;
use crate::problem::Problem;
use crate::sql::{Dialect, Piece, Template, Token, tokenize};

/// What begins a statement that would end the transaction or change the session around it.
const REFUSED: [&str; 19] = [
    "abort",
    "attach",
    "begin",
    "call",
    "checkpoint",
    "commit",
    "detach",
    "discard",
    "end",
    "execute",
    "pragma",
    "prepare",
    "release",
    "reset",
    "rollback",
    "savepoint",
    "set",
    "start",
    "use",
];

/// The statements of the block without macros; those of the configuration come first.
pub(super) fn read(
    written: &[&[Token]],
    (scope, rules): (&Scope<'_>, &Rules),
    (expander, at): (&mut Expander<'_>, usize),
    kind: Option<&Kind>,
    problems: &mut Vec<Problem>,
) -> Vec<Template> {
    let shown = written.iter().filter_map(|statement| expander.when_shown(statement));
    let own: Vec<Template> = shown.flat_map(|template| apart(template, scope.dialect)).collect();
    let is_shown = kind.and_then(without_view).is_none();
    if let (Some(name), Some(first)) = (kind.and_then(without_view), own.first()) {
        let message = format!("the statements for the view of {name} do not run: it has none");
        let problem = scope.source.warning("statements-not-run", offset(first), message);
        problems.push(problem.help("make it a VIEW, or move the statements to a model that reads it"));
    }
    let mut statements = Vec::new();
    if is_shown {
        statements = default_statements::of_views(rules, *scope, at, problems);
    }
    statements.extend(own);
    statements.retain(|statement| match refused(statement, scope) {
        Some(word) => {
            problems.push(refusal(&scope.source, offset(statement), &word));
            false
        }
        None => true,
    });
    statements
}

/// A Jinja block may give several statements.
fn apart(template: Template, dialect: Dialect) -> Vec<Template> {
    let text = template.text();
    if !text.contains(';') {
        return vec![template];
    }
    let Ok(tokens) = tokenize(&text, dialect) else { return vec![template] };
    let range = |statement: &[Token]| Some(statement.first()?.range.start..statement.last()?.range.end);
    let ranges: Vec<Range<usize>> = split::statements(&tokens).into_iter().filter_map(range).collect();
    parts(&template, &ranges)
}

/// The pieces of a template that stand in each of some ranges, which ascend and end between pieces that nobody knows yet.
fn parts(template: &Template, ranges: &[Range<usize>]) -> Vec<Template> {
    let mut parts: Vec<Vec<Piece>> = vec![Vec::new(); ranges.len()];
    let (mut start, mut at) = (0, 0);
    for piece in template.pieces() {
        let end = start + Template::new(vec![piece.clone()]).text().len();
        while let Some(range) = ranges.get(at) {
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                parts[at].push(match piece {
                    Piece::Source { text, offset } => {
                        let inside = from - start..to - start;
                        Piece::Source { text: text[inside.clone()].to_owned(), offset: offset + inside.start }
                    }
                    Piece::Value { text, offset } => {
                        Piece::Value { text: text[from - start..to - start].to_owned(), offset: *offset }
                    }
                    open => open.clone(),
                });
            }
            if range.end > end {
                break;
            }
            at += 1;
        }
        start = end;
    }
    parts.into_iter().map(Template::new).collect()
}

fn offset(statement: &Template) -> usize {
    statement.pieces().first().map_or(0, Piece::offset)
}

/// The word by which a statement is refused.
fn refused(statement: &Template, scope: &Scope<'_>) -> Option<String> {
    let tokens = tokenize(&statement.text(), scope.dialect).unwrap_or_default();
    let first = tokens.iter().find(|token| token.is_significant());
    let word = REFUSED.iter().find(|word| first.is_some_and(|first| first.is_word(word)));
    // Several in one go would hide all but the first.
    let is_several = tokens.iter().any(|token| token.is_symbol(";"));
    word.map(|word| word.to_uppercase()).or_else(|| is_several.then(|| ";".to_owned()))
}

fn refusal(source: &Source<'_>, offset: usize, word: &str) -> Problem {
    let message =
        format!("`{word}` cannot stand in ON_VIRTUAL_UPDATE: all views move in one transaction, and it is not its end");
    let problem = source.error("invalid-statement", offset, message);
    problem.help("write statements about the view alone, such as GRANT")
}
