//! A model's file as statements: the `MODEL` block, what stands before the query, the query, and what follows it.
//!
//! Statements end at semicolons outside parentheses; the tokeniser has already told strings and comments apart.

use super::value::{Source, closing, nested};
use crate::problem::Problem;
use crate::sql::{Token, TokenKind};

/// The parts of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts<'a> {
    /// What is between the parentheses of `MODEL (…)`, with the byte of the word `MODEL`.
    pub(super) header: Option<(&'a [Token], usize)>,
    /// Whether `MODEL (` is never closed, so that nothing more can be said of the file.
    pub(super) open_header: bool,
    /// The comment directly before `MODEL`.
    pub(super) comment: Option<String>,
    /// Statements before the query.
    pub(super) before: Vec<&'a [Token]>,
    /// The query.
    pub(super) query: Option<&'a [Token]>,
    /// Statements after the query.
    pub(super) after: Vec<&'a [Token]>,
    /// Statements for the model's view.
    pub(super) shown: Vec<&'a [Token]>,
    /// Audits that are defined beside the model.
    pub(super) audits: Vec<AuditParts<'a>>,
    /// Whether a statement is a macro call, which may stand for the query.
    pub(super) macro_statement: bool,
}

/// An `AUDIT (…)` block.
#[derive(Clone, Debug)]
pub(super) struct AuditParts<'a> {
    /// What is between its parentheses; `None` where they are not closed, which was told.
    pub(super) header: Option<&'a [Token]>,
    /// The byte of the word `AUDIT`.
    pub(super) offset: usize,
    /// What follows it: its query last.
    pub(super) statements: Vec<&'a [Token]>,
}

/// What a statement is by its first words.
enum Class {
    Query,
    Macro,
    VirtualUpdate,
    Audit,
    Metric,
    Model,
    Other,
}

/// Words that begin a query.
const QUERY_WORDS: [&str; 9] =
    ["select", "with", "from", "values", "table", "pivot", "unpivot", "summarize", "describe"];
/// What stands for a Jinja block that gives the query.
pub(super) const JINJA_QUERY: &str = "jinja_query_begin";
/// What begins and ends the statements for the model's view.
const VIRTUAL_UPDATE: [&str; 2] = ["on_virtual_update_begin", "on_virtual_update_end"];

/// Cuts a file's tokens into its parts.
pub(super) fn split<'a>(source: &Source<'a>, tokens: &'a [Token], problems: &mut Vec<Problem>) -> Parts<'a> {
    let mut parts = Parts::default();
    let rest = header(source, tokens, &mut parts, problems);
    // Where a block of statements for the view began.
    let mut block: Option<usize> = None;
    let mut audit_next = false;
    for statement in statements(rest) {
        let Some(first) = statement.first() else { continue };
        if block.is_some() {
            // The last statement may stand before the end of the block without a semicolon.
            let words = statement.iter().rev().filter(|token| token.is_significant());
            let mut words = words.take(2);
            let ends = words.next().is_some_and(|last| last.is_word(VIRTUAL_UPDATE[1]))
                && !words.next().is_some_and(|before| before.is_word("as") || before.is_symbol("."));
            let own = trimmed(&statement[..statement.len() - usize::from(ends)]);
            if ends {
                block = None;
            }
            if !own.is_empty() {
                parts.shown.push(own);
            }
            continue;
        }
        // The query of an inline audit is the one statement behind it, as SQLMesh has it.
        if std::mem::take(&mut audit_next) {
            parts.audits.last_mut().into_iter().for_each(|audit| audit.statements.push(statement));
            continue;
        }
        let offset = first.range.start;
        match classify(statement) {
            Class::Query => match parts.query {
                None => parts.query = Some(statement),
                Some(_) => problems.push(
                    source
                        .error("two-queries", offset, "a model has one query, this is the second")
                        .help("put it into a model of its own, or make it a common table expression"),
                ),
            },
            Class::VirtualUpdate => block = Some(offset),
            Class::Audit => {
                audit_next = true;
                parts.audits.push(audit(source, statement, problems));
            }
            Class::Metric => problems.push(later(source, offset, "METRIC")),
            Class::Model => problems.push(
                source
                    .error("two-models", offset, "a file holds one model, this is the second `MODEL` block")
                    .help("move it into a file of its own"),
            ),
            class @ (Class::Macro | Class::Other) => {
                parts.macro_statement |= matches!(class, Class::Macro);
                if parts.query.is_some() { parts.after.push(statement) } else { parts.before.push(statement) }
            }
        }
    }
    if let Some(offset) = block {
        let problem = source.error("open-block", offset, "ON_VIRTUAL_UPDATE_BEGIN has no ON_VIRTUAL_UPDATE_END");
        problems.push(problem.help("end the block with `ON_VIRTUAL_UPDATE_END;`"));
    }
    parts
}

/// Cuts the tokens of a file of audits into its blocks.
pub(super) fn audits<'a>(source: &Source<'a>, tokens: &'a [Token], problems: &mut Vec<Problem>) -> Vec<AuditParts<'a>> {
    let mut found: Vec<AuditParts<'a>> = Vec::new();
    for statement in statements(tokens) {
        let Some(first) = statement.first() else { continue };
        if matches!(classify(statement), Class::Audit) {
            found.push(audit(source, statement, problems));
        } else if let Some(last) = found.last_mut() {
            last.statements.push(statement);
        } else {
            let message = "the file does not begin with an `AUDIT (…);` block";
            let problem = source.error("missing-audit-block", first.range.start, message);
            problems.push(problem.help("begin it with `AUDIT (name my_audit);`, or keep it out of `audits/`"));
            break;
        }
    }
    found
}

fn audit<'a>(source: &Source<'a>, statement: &'a [Token], problems: &mut Vec<Problem>) -> AuditParts<'a> {
    let offset = statement.first().map_or(0, |first| first.range.start);
    let open = next_significant(statement, 1).unwrap_or(statement.len());
    let close = closing(statement, open).filter(|close| close + 1 == statement.len());
    if close.is_none() {
        let problem = source.error("open-audit-block", offset, "the `AUDIT` block does not end with its parenthesis");
        problems.push(problem.help("end it with `);`"));
    }
    let header = close.and_then(|close| statement.get(open + 1..close));
    AuditParts { header, offset, statements: Vec::new() }
}

fn later(source: &Source<'_>, offset: usize, what: &str) -> Problem {
    let problem = source.error("unsupported-block", offset, format!("{what} is not supported yet"));
    problem.help("it comes in a later version; the rest of the file is loaded without it")
}

/// Takes the `MODEL (…);` block off the front.
fn header<'a>(
    source: &Source<'a>,
    tokens: &'a [Token],
    parts: &mut Parts<'a>,
    problems: &mut Vec<Problem>,
) -> &'a [Token] {
    let Some(first) = tokens.iter().position(Token::is_significant) else { return &[] };
    let open = next_significant(tokens, first + 1).filter(|open| tokens[*open].is_symbol("("));
    let Some(open) = open.filter(|_| tokens[first].is_word("model")) else { return tokens };
    let offset = tokens[first].range.start;
    let Some(close) = closing(tokens, open) else {
        let problem = source.error("open-model-block", offset, "the `MODEL` block has no closing parenthesis");
        problems.push(problem.help("end it with `);`"));
        parts.open_header = true;
        return &[];
    };
    parts.header = Some((&tokens[open + 1..close], offset));
    parts.comment = comment_before(tokens, first);
    match next_significant(tokens, close + 1) {
        Some(end) if tokens[end].is_symbol(";") => &tokens[end + 1..],
        Some(end) => {
            let problem =
                source.error("open-model-block", tokens[end].range.start, "expected `;` after the `MODEL` block");
            problems.push(problem.help("end the block with `);`"));
            &tokens[end..]
        }
        None => &[],
    }
}

fn next_significant(tokens: &[Token], from: usize) -> Option<usize> {
    tokens.iter().skip(from).position(Token::is_significant).map(|index| index + from)
}

/// The comments that end directly before a token, without their marks.
fn comment_before(tokens: &[Token], end: usize) -> Option<String> {
    let lines: Vec<String> = tokens[..end].iter().filter_map(Token::comment_body).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Statements without the white space and comments around them; empty ones are left out.
pub(super) fn statements(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        depth = nested(depth, token);
        if depth == 0 && token.is_symbol(";") {
            found.push(&tokens[start..index]);
            start = index + 1;
        }
    }
    found.push(&tokens[start..]);
    found.into_iter().map(trimmed).filter(|statement| !statement.is_empty()).collect()
}

fn trimmed(tokens: &[Token]) -> &[Token] {
    let first = tokens.iter().position(Token::is_significant).unwrap_or(tokens.len());
    let last = tokens.iter().rposition(Token::is_significant).map_or(first, |index| index + 1);
    &tokens[first..last]
}

/// Whether a statement begins as a query does.
pub(super) fn is_query(tokens: &[Token]) -> bool {
    matches!(classify(trimmed(tokens)), Class::Query)
}

/// Whether a statement begins with a macro, which may stand for the query.
pub(super) fn is_macro(statement: &[Token]) -> bool {
    matches!(classify(statement), Class::Macro)
}

fn classify(statement: &[Token]) -> Class {
    let Some(first) = statement.first() else { return Class::Other };
    let block = next_significant(statement, 1).is_some_and(|second| statement[second].is_symbol("("));
    match &first.kind {
        TokenKind::Symbol(symbol) if symbol == "(" => Class::Query,
        TokenKind::Symbol(symbol) if symbol == "@" => Class::Macro,
        TokenKind::Word { value, quote: None } => {
            let word = value.to_ascii_lowercase();
            match word.as_str() {
                "audit" if block => Class::Audit,
                "metric" if block => Class::Metric,
                "model" if block => Class::Model,
                word if word.starts_with('@') => Class::Macro,
                word if word == JINJA_QUERY || QUERY_WORDS.contains(&word) => Class::Query,
                word if word == VIRTUAL_UPDATE[0] => Class::VirtualUpdate,
                _ => Class::Other,
            }
        }
        _ => Class::Other,
    }
}

/// A seed's rows are inserted where `@INSERT_SEED()` stands, else after all of its statements.
pub(super) fn seed_statements<'a>(
    before: Vec<&'a [Token]>,
    after: Vec<&'a [Token]>,
) -> (Vec<&'a [Token]>, Vec<&'a [Token]>) {
    let is_mark = |statement: &&[Token]| {
        let text: Vec<&Token> = statement.iter().filter(|token| token.is_significant()).collect();
        let words = match text.as_slice() {
            [at, word, open, close] if at.is_symbol("@") && word.is_word("insert_seed") => Some((open, close)),
            [word, open, close] if word.is_word("@insert_seed") => Some((open, close)),
            _ => None,
        };
        words.is_some_and(|(open, close)| open.is_symbol("(") && close.is_symbol(")"))
    };
    match before.iter().position(is_mark) {
        Some(mark) => {
            let (first, second) = before.split_at(mark);
            (first.to_vec(), second[1..].iter().copied().chain(after).collect())
        }
        None => (before, after),
    }
}

/// The tokens with each macro in a name apart, as in the dialects that cut it so: others take `a_@`, `@{x` or `x}` for one word, and
/// the brackets do not match.
pub(super) fn macros_apart(tokens: Vec<Token>, text: &str) -> Vec<Token> {
    let is_inside = |token: &Token| {
        let written = &text[token.range.clone()];
        match token.kind {
            TokenKind::Word { quote: None, .. } => {
                written.contains(['{', '}']) || written.rfind('@').is_some_and(|at| at > 0)
            }
            // No operator such as `<@`.
            TokenKind::Symbol(_) => written.len() > 2 && written.starts_with("@{"),
            _ => false,
        }
    };
    if !tokens.iter().any(is_inside) {
        return tokens;
    }
    let mut apart = Vec::with_capacity(tokens.len() + 8);
    for token in tokens {
        if !is_inside(&token) {
            apart.push(token);
            continue;
        }
        let mut start = token.range.start;
        let is_sign = |sign: char| matches!(sign, '@' | '{' | '}');
        for piece in text[token.range.clone()].split_inclusive(is_sign) {
            let (word, sign) = piece.split_at(piece.trim_end_matches(is_sign).len());
            for (written, is_word) in
                [(word, true), (sign, false)].into_iter().filter(|(written, _)| !written.is_empty())
            {
                let range = start..start + written.len();
                start = range.end;
                let written = written.to_owned();
                let kind =
                    if is_word { TokenKind::Word { value: written, quote: None } } else { TokenKind::Symbol(written) };
                apart.push(Token { kind, range });
            }
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, tokenize};

    #[test]
    fn only_words_with_macros_are_taken_apart() {
        for (text, dialect, expected) in [
            ("a <@ b", Dialect::Postgres, "a| |<@| |b"),
            ("a @@ b", Dialect::Postgres, "a| |@@| |b"),
            ("'a@{b}' \"c@{d}\"", Dialect::BigQuery, "'a@{b}'| |\"c@{d}\""),
            ("a_@{b}", Dialect::MySql, "a_|@|{|b|}"),
            ("@{b}_c", Dialect::BigQuery, "@|{|b|}|_c"),
            ("@{b}_c", Dialect::Hive, "@|{|b|}|_c"),
        ] {
            let tokens = macros_apart(tokenize(text, dialect).expect("tokens"), text);
            let texts: Vec<&str> = tokens.iter().map(|token| &text[token.range.clone()]).collect();
            assert_eq!(texts.join("|"), expected, "{text}");
        }
    }
}
