//! Statements beside queries, and texts by their tokens: what cannot be taken apart is hashed as it stands.

use std::collections::BTreeMap;

use super::Context;
use crate::graph::{Graph, statement_tokens};
use crate::hash::{Digest, Hasher};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::Model;
use crate::sql::{Token, TokenKind};

/// Statements that cannot change what a table holds (research: soundness, N6).
const HARMLESS: [&str; 4] = ["grant", "comment", "analyze", "vacuum"];

/// Words that name nothing in any dialect, unless AS or a dot stands before them.
const RESERVED: [&str; 60] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "both",
    "by",
    "case",
    "cast",
    "cross",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "interval",
    "into",
    "is",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "qualify",
    "right",
    "select",
    "some",
    "table",
    "then",
    "trailing",
    "true",
    "union",
    "using",
    "when",
    "where",
    "window",
    "with",
];

/// A text by its significant tokens: white space, plain comments and the case of keywords left out. The case of any
/// other word stays in, because it may be an output name, which engines show as written. Comments that an engine may
/// read (`/*!`, `/*+`) or end elsewhere (a `/*` inside) stay in.
pub(super) fn hash_tokens(text: &str, tokens: &[Token]) -> Digest {
    let mut hasher = Hasher::new("tokens");
    if tokens.is_empty() {
        return hasher.text("uncut").text(text).finish();
    }
    let mut names_next = false;
    for token in tokens {
        match &token.kind {
            TokenKind::Space => {}
            TokenKind::Comment(comment) if !is_significant(comment) => {}
            TokenKind::Comment(comment) => hasher = hasher.text("comment").text(comment),
            TokenKind::Word { value, quote: None } => {
                let lower = value.to_lowercase();
                let is_keyword = !names_next && RESERVED.contains(&lower.as_str());
                hasher = hasher.text("word").text(if is_keyword { &lower } else { value });
            }
            TokenKind::Word { value, quote: Some(_) } => hasher = hasher.text("quoted").text(value),
            TokenKind::Number(number) => hasher = hasher.text("number").text(number),
            TokenKind::String(string) => hasher = hasher.text("string").text(string),
            TokenKind::Symbol(symbol) => hasher = hasher.text("symbol").text(symbol),
        }
        // `2D` is not `2 D`: what stands together is told from what does not.
        if matches!(token.kind, TokenKind::Space | TokenKind::Comment(_)) {
            continue;
        }
        names_next = token.is_word("as") || token.is_symbol(".");
        let spaced =
            text.as_bytes().get(token.range.end).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'\'');
        hasher = hasher.number(u64::from(spaced));
    }
    hasher.finish()
}

fn is_significant(comment: &str) -> bool {
    comment.starts_with("/*!") || comment.starts_with("/*+") || comment.get(2..).is_some_and(|rest| rest.contains("/*"))
}

fn is_harmless(tokens: &[Token]) -> bool {
    let first = tokens.iter().find(|token| token.is_significant());
    first.is_some_and(|token| HARMLESS.iter().any(|word| token.is_word(word)))
}

/// The pre- and post-statements that may change what the model's table holds.
pub(super) fn hash_statements(model: &Model) -> Option<Digest> {
    let mut hasher = Hasher::new("statements");
    let mut any = false;
    for (place, statements) in [("pre", &model.pre_statements), ("post", &model.post_statements)] {
        for statement in statements {
            let tokens = statement_tokens(statement, model.dialect);
            if !is_harmless(&tokens) {
                hasher = hasher.text(place).digest(hash_tokens(&statement.text(), &tokens));
                any = true;
            }
        }
    }
    any.then(|| hasher.finish())
}

/// The texts of statements that change no data, for the metadata fingerprint.
pub(super) fn harmless_statements(model: &Model) -> Vec<String> {
    let statements = model.pre_statements.iter().chain(&model.post_statements);
    statements
        .filter(|statement| is_harmless(&statement_tokens(statement, model.dialect)))
        .map(|statement| statement.text().split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Files of the tree that a text literal of the model names.
pub(super) fn named_files<'c>(model: &Model, context: &'c Context) -> BTreeMap<&'c FilePath, &'c BlobId> {
    let mut found = BTreeMap::new();
    let mut look = |tokens: &[Token]| {
        for token in tokens {
            let text = match &token.kind {
                TokenKind::String(text) => text.trim_matches('\''),
                TokenKind::Word { value, quote: Some(_) } => value,
                _ => continue,
            };
            let text = text.trim_start_matches("./");
            found.extend(context.files.iter().filter(|(path, _)| names(text, path.as_str())));
        }
    };
    if let Some(query) = &model.query {
        look(query.tokens());
    }
    for statement in model.pre_statements.iter().chain(&model.post_statements) {
        look(&statement_tokens(statement, model.dialect));
    }
    found
}

/// A path, a pattern with stars, or an absolute path that ends in it.
fn names(text: &str, path: &str) -> bool {
    if text.len() < 3 || !text.contains('.') && !text.contains('*') {
        return false;
    }
    match text.split_once('*') {
        Some((before, _)) => !before.is_empty() && path.starts_with(before),
        None => text == path || text.ends_with(&format!("/{path}")),
    }
}

/// For each table that no model owns: the statements of the project that mention it, because one may write it.
pub fn outside_writes(models: &BTreeMap<ModelName, Model>, graph: &Graph) -> BTreeMap<ModelName, Digest> {
    let outside: std::collections::BTreeSet<&ModelName> = models
        .iter()
        .flat_map(|(name, model)| {
            let declared = matches!(model.kind, crate::model::Kind::External).then_some(name);
            graph.node(name).into_iter().flat_map(|node| &node.external).chain(declared)
        })
        .collect();
    let mut writes: BTreeMap<ModelName, Vec<Digest>> = BTreeMap::new();
    for model in models.values() {
        for statement in model.pre_statements.iter().chain(&model.post_statements) {
            let tokens = statement_tokens(statement, model.dialect);
            if is_harmless(&tokens) {
                continue;
            }
            let digest = hash_tokens(&statement.text(), &tokens);
            for name in outside.iter().filter(|name| mentions(&tokens, model, name)) {
                writes.entry((*name).clone()).or_default().push(digest);
            }
        }
    }
    writes.into_iter().map(|(name, digests)| (name, Hasher::new("writes").digests(digests).finish())).collect()
}

/// Whether the tokens hold the last part of a name; a statement that only looks alike costs a build, never a wrong reuse.
fn mentions(tokens: &[Token], model: &Model, name: &ModelName) -> bool {
    tokens.iter().any(|token| match &token.kind {
        TokenKind::Word { value, quote } => model.dialect.fold(value, quote.is_some()) == name.table(),
        TokenKind::String(text) => text.to_lowercase().contains(&name.table().to_lowercase()),
        _ => false,
    })
}
