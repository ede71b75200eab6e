//! `ON_VIRTUAL_UPDATE_BEGIN; …; ON_VIRTUAL_UPDATE_END;`: statements that run when an environment's view of the model is made
//! or pointed elsewhere, such as GRANT. They run in the transaction that moves the views, so that what ends it or changes its
//! session is refused.

use super::default_statements;
use super::file::Rules;
use super::macros::Expander;
use super::of_kind::without_view;
use super::properties::Scope;
use super::value::Source;
use crate::model::Kind;
use crate::problem::Problem;
use crate::sql::{Piece, Template, Token, tokenize};

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
    let own: Vec<Template> = written.iter().filter_map(|statement| expander.when_shown(statement)).collect();
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
