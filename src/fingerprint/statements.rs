//! Statements beside queries, and texts by their tokens: what cannot be taken apart is hashed as it stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use crate::graph::{is_harmless, statement_tokens};
use crate::hash::{Digest, Hasher};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::Model;
use crate::sql::{Dialect, FunctionClass, OwnFunction, Token, TokenKind, function_class};

/// Words that name nothing in any dialect, unless AS or a dot stands before them.
#[rustfmt::skip]
const RESERVED: [&str; 60] = [
    "all", "and", "any", "array", "as", "asc", "both", "by", "case", "cast", "cross", "desc", "distinct", "else",
    "end", "except", "exists", "false", "fetch", "for", "from", "full", "group", "having", "in", "inner", "intersect",
    "interval", "into", "is", "join", "lateral", "leading", "left", "like", "limit", "natural", "not", "null",
    "offset", "on", "or", "order", "outer", "over", "partition", "qualify", "right", "select", "some", "table",
    "then", "trailing", "true", "union", "using", "when", "where", "window", "with",
];

/// A text by its significant tokens: white space, plain comments and the case of keywords left out. The case of any
/// other word stays in, because it may be an output name, which engines show as written. Comments that an engine may
/// read (`/*!`, `/*+`) or end elsewhere (a `/*` inside) stay in.
pub(super) fn hash_tokens(text: &str, tokens: &[Token]) -> Digest {
    let mut hasher = Hasher::new("tokens");
    if tokens.is_empty() {
        return hasher.text("uncut").text(text).finish();
    }
    // A statement begins with its verb, and nothing is named before the first AS or dot.
    let mut verb_next = true;
    let mut names_next = false;
    for token in tokens {
        match &token.kind {
            TokenKind::Space => {}
            TokenKind::Comment(comment) if !is_significant(comment) => {}
            TokenKind::Comment(comment) => hasher = hasher.text("comment").text(comment),
            TokenKind::Word { value, quote: None } => {
                let lower = value.to_lowercase();
                let is_keyword = verb_next || (!names_next && RESERVED.contains(&lower.as_str()));
                hasher = hasher.text("word").text(if is_keyword { &lower } else { value });
            }
            TokenKind::Word { value, quote: Some(_) } => hasher = hasher.text("quoted").text(value),
            TokenKind::Number(number) => hasher = hasher.text("number").text(number),
            TokenKind::String(string) => hasher = hasher.text("string").text(string),
            TokenKind::Symbol(symbol) => hasher = hasher.text("symbol").text(symbol),
        }
        // `2D` is not `2 D`: words, numbers and texts that stand together are told from those that do not.
        let is_glued = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'' | b'"');
        let glued = !matches!(token.kind, TokenKind::Space | TokenKind::Comment(_) | TokenKind::Symbol(_))
            && text.as_bytes().get(token.range.end).is_some_and(is_glued);
        if glued {
            hasher = hasher.text("glued");
        }
        if token.is_significant() {
            names_next = token.is_word("as") || token.is_symbol(".");
            verb_next = false;
        }
    }
    hasher.finish()
}

fn is_significant(comment: &str) -> bool {
    comment.starts_with("/*!") || comment.starts_with("/*+") || comment.get(2..).is_some_and(|rest| rest.contains("/*"))
}

/// Each pre- and post-statement that may change what the model's table holds: where it stands, its text, its tokens.
pub(super) fn with_statements(model: &Model, mut look: impl FnMut(&'static str, &str, &[Token])) {
    for (place, statements) in [("pre", &model.pre_statements), ("post", &model.post_statements)] {
        for statement in statements {
            let tokens = statement_tokens(statement, model.dialect);
            if !is_harmless(&tokens) {
                look(place, &statement.text(), &tokens);
            }
        }
    }
}

/// All of those statements.
pub(super) fn hash_statements(model: &Model) -> Option<Digest> {
    let mut hasher: Option<Hasher> = None;
    with_statements(model, |place, text, tokens| {
        let so_far = hasher.take().unwrap_or_else(|| Hasher::new("statements"));
        hasher = Some(so_far.text(place).digest(hash_tokens(text, tokens)));
    });
    hasher.map(Hasher::finish)
}

/// The texts of statements that change no data, for the metadata fingerprint.
pub(super) fn harmless_statements(model: &Model) -> Vec<String> {
    let statements = model.pre_statements.iter().chain(&model.post_statements);
    statements
        .filter(|statement| is_harmless(&statement_tokens(statement, model.dialect)))
        .map(|statement| statement.text().split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Every token of a model: of its query and of the statements beside it.
fn with_all_tokens(model: &Model, mut look: impl FnMut(&[Token])) {
    if let Some(query) = &model.query {
        look(&query.tokens());
    }
    for statement in model.pre_statements.iter().chain(&model.post_statements) {
        look(&statement_tokens(statement, model.dialect));
    }
}

/// Files of the tree that a text literal of the model names.
pub(super) fn named_files<'c>(
    model: &Model,
    files: &'c BTreeMap<FilePath, BlobId>,
) -> BTreeMap<&'c FilePath, &'c BlobId> {
    let patterns = model.mentions.paths().iter().filter_map(|text| PathPattern::of(text));
    patterns.flat_map(|pattern| pattern.among(files)).collect()
}

/// A text that may be the path of a file: as it is, or with `*`, `?` and `[…]` as engines read them.
enum PathPattern<'t> {
    Exact(&'t str),
    /// What stands before the first wildcard and behind the last.
    Glob(&'t str, &'t str),
}

impl<'t> PathPattern<'t> {
    /// Every path has a dot or a slash in it; most texts of a query have neither, and are not looked up.
    fn of(text: &'t str) -> Option<Self> {
        let text = text.trim_start_matches("./");
        if text.len() < 3 || !text.contains(['.', '/']) {
            return None;
        }
        let first = text.find(['*', '?', '[']);
        let last = text.rfind(['*', '?', ']']);
        match (first, last) {
            (Some(first), Some(last)) => {
                let (before, behind) = (&text[..first], &text[last.max(first) + 1..]);
                (before.len() + behind.len() > 1).then_some(Self::Glob(before, behind))
            }
            (Some(first), None) => Some(Self::Glob(&text[..first], "")),
            _ => Some(Self::Exact(text)),
        }
    }

    /// Also where the text is an absolute path, or one from the repository's root, that ends in the file's.
    fn among<'c>(&self, files: &'c BTreeMap<FilePath, BlobId>) -> Vec<(&'c FilePath, &'c BlobId)> {
        match self {
            Self::Exact(text) => {
                let below = text.match_indices('/').map(|(slash, _)| &text[slash + 1..]);
                std::iter::once(*text)
                    .chain(below)
                    .filter_map(|path| files.get_key_value(&FilePath::new(path)))
                    .collect()
            }
            Self::Glob(before, behind) => {
                let is_outside = before.starts_with('/') || before.starts_with("..");
                let above = before.match_indices('/').map(|(slash, _)| &before[slash + 1..]);
                let above = above.filter(|rest| is_outside || !rest.is_empty());
                let mut found = Vec::new();
                for prefix in std::iter::once(*before).chain(above) {
                    let from = files.range(FilePath::new(prefix)..);
                    let here = from.take_while(|(path, _)| path.as_str().starts_with(prefix));
                    found.extend(here.filter(|(path, _)| path.as_str().ends_with(behind)));
                }
                found
            }
        }
    }
}

/// The functions and types that statements of the project create for good: each name with the digest of those statements.
pub fn created_functions(models: &BTreeMap<ModelName, Arc<Model>>) -> BTreeMap<String, Digest> {
    let mut created: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    for model in models.values() {
        for statement in model.pre_statements.iter().chain(&model.post_statements) {
            let tokens = statement_tokens(statement, model.dialect);
            if let Some(name) = created_function(&tokens) {
                created.entry(name).or_default().push(hash_tokens(&statement.text(), &tokens));
            }
        }
    }
    created.into_iter().map(|(name, digests)| (name, Hasher::new("creates").digests(digests).finish())).collect()
}

/// The functions that statements of a model make for its own session, by name. DuckDB's macros see no column of their
/// caller: one over plain functions of its arguments gives a value per row.
pub(super) fn own_functions(model: &Model) -> BTreeMap<String, OwnFunction> {
    let mut own = BTreeMap::new();
    for statement in &model.pre_statements {
        let tokens = statement_tokens(statement, model.dialect);
        let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
        let is_temporary = significant.first().is_some_and(|token| token.is_word("create"))
            && significant.iter().take(4).any(|token| token.is_word("temp") || token.is_word("temporary"));
        let head = significant.iter().position(|token| token.is_symbol("(")).unwrap_or(significant.len());
        let is_function = significant[..head].iter().any(|token| token.is_word("macro") || token.is_word("function"));
        let name = head.checked_sub(1).and_then(|place| match &significant[place].kind {
            TokenKind::Word { value, .. } => Some(value.to_lowercase()),
            _ => None,
        });
        if let (true, true, Some(name)) = (is_temporary, is_function, name) {
            own.insert(name, own_function(&significant[head..], model.dialect));
        }
    }
    own
}

/// What a macro is by its parameters and its body, `(a, b) AS a + b`.
fn own_function(tokens: &[&Token], dialect: Dialect) -> OwnFunction {
    const PLAIN: [&str; 11] = ["case", "when", "then", "else", "end", "and", "or", "not", "is", "null", "as"];
    let body = tokens.iter().position(|token| token.is_word("as")).map_or(tokens.len(), |place| place + 1);
    let is_parameter = |word: &str| tokens[..body].iter().any(|token| token.is_word(word));
    let is_plain = |(place, token): (usize, &&Token)| {
        let is_call = tokens.get(body + place + 1).is_some_and(|next| next.is_symbol("("));
        match &token.kind {
            TokenKind::Word { value, quote: None } if is_call => {
                function_class(dialect, value) == Some(FunctionClass::Scalar)
            }
            TokenKind::Word { value, quote: None } => {
                is_parameter(value) || PLAIN.contains(&value.to_lowercase().as_str())
            }
            TokenKind::Word { .. } => false,
            TokenKind::Symbol(symbol) => ["(", ")", ",", "+", "-", "*", "/", "=", "<", ">"].contains(&symbol.as_str()),
            TokenKind::Number(_) => true,
            TokenKind::String(text) => text.starts_with('\''),
            TokenKind::Space | TokenKind::Comment(_) => true,
        }
    };
    let is_scalar = body < tokens.len() && tokens[body..].iter().enumerate().all(is_plain);
    if is_scalar && dialect == Dialect::DuckDb { OwnFunction::Scalar } else { OwnFunction::Other }
}

/// `CREATE … MACRO name(`, `FUNCTION name(` or `TYPE name AS`; a temporary one lives in its own model's session only.
fn created_function(tokens: &[Token]) -> Option<String> {
    let mut significant = tokens.iter().filter(|token| token.is_significant());
    let is_create = significant.next()?.is_word("create");
    let head: Vec<&Token> = significant.take_while(|token| !token.is_symbol("(") && !token.is_word("as")).collect();
    let has = |word: &str| head.iter().any(|token| token.is_word(word));
    let is_function = has("macro") || has("function") || has("type");
    if !is_create || !is_function || has("temp") || has("temporary") {
        return None;
    }
    match &head.last()?.kind {
        TokenKind::Word { value, .. } => Some(value.to_lowercase()),
        _ => None,
    }
}

/// Those of the project's functions that a model mentions.
pub(super) fn called_functions<'c>(model: &Model, context: &'c Context) -> BTreeMap<&'c str, Digest> {
    let mut called = BTreeMap::new();
    if context.functions.is_empty() {
        return called;
    }
    with_all_tokens(model, |tokens| {
        for token in tokens {
            if let TokenKind::Word { value, .. } = &token.kind
                && let Some((name, digest)) = context.functions.get_key_value(&value.to_lowercase())
            {
                called.insert(name.as_str(), *digest);
            }
        }
    });
    called
}
