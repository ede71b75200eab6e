//! Python models. They cannot run here, so each is a table that another program fills: its name and columns are what its header
//! says in literals, its content counts as one text, and its rows are read where production has them. Nothing of a file is run.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::CharIndices;
use std::sync::Arc;

use super::external::{self, Tables, external_column};
use super::file::Rules;
use super::macros::NO_LOCALS;
use super::value::Source;
use crate::hash::Digest;
use crate::ids::FilePath;
use crate::model::{DeclaredColumn, Properties};
use crate::problem::{Positions, Problem};
use crate::sql::Dialect;

/// Whether a file holds Python models.
pub(super) fn is_model(path: &str) -> bool {
    path.starts_with("models/") && path.ends_with(".py") && !path.ends_with("__init__.py")
}

/// Reads one file.
pub(super) fn read(path: &FilePath, text: &str, rules: &Rules) -> Tables {
    let positions = Positions::default();
    let source = Source { path, text, positions: &positions, fixed: None };
    let tokens: Vec<Token> = Tokens::of(text).collect();
    let mut tables = Tables::default();
    let mut is_model = false;
    for (start, arguments) in decorators(&tokens) {
        is_model = true;
        let place = source.place(start);
        let header = Header::of(arguments, rules.dialect.unwrap_or(Dialect::Generic));
        let name = header.name.as_deref().map(|name| rules.names(&NO_LOCALS).table(name, header.dialect));
        let (message, help) = match name {
            Some(Ok(name)) => {
                let message = format!(
                    "`{name}` is a Python model, which cannot run here: its table is read where production has it"
                );
                let source = Digest::of("python model", text);
                // Whoever reads it moves when anything in the file does.
                let stamp = Some(format!("content {}", source.short(32)));
                let properties = Arc::new(Properties { columns: header.columns, stamp, ..Properties::default() });
                // Its own columns win over what `external_models.yaml` may say of it.
                tables.specific.insert(name.clone());
                tables.files.push(external::table(path, (name, place), header.dialect, properties, source));
                (message, "let what runs it go on running it, before this program promotes; or rewrite it in SQL")
            }
            _ => (
                "a Python model's name must be one text, which can be read without running it".to_owned(),
                "write `@model(\"schema.name\", …)`, or declare its table in `external_models.yaml`",
            ),
        };
        tables.problems.push(source.warning("python-model", start, message).help(help));
    }
    if !is_model {
        let message = format!("`{path}` has no `@model(…)` that can be read without running it");
        let help = "if it makes models, declare their tables in `external_models.yaml`";
        tables.problems.push(Problem::warning("python-model", message).at(path).help(help));
    }
    tables
}

/// What is known of a model without running anything.
struct Header {
    name: Option<String>,
    dialect: Dialect,
    columns: Vec<DeclaredColumn>,
}

impl Header {
    fn of(arguments: &[Token], dialect: Dialect) -> Self {
        let mut header = Self { name: None, dialect, columns: Vec::new() };
        let (mut name, mut columns): (&[Token], &[Token]) = (&[], &[]);
        for (place, argument) in split(arguments).into_iter().enumerate() {
            match argument {
                [key, sign, value @ ..] if sign.is_sign('=') => match &key.kind {
                    Kind::Name(key) if key == "name" => name = value,
                    Kind::Name(key) if key == "columns" => columns = value,
                    Kind::Name(key) if key == "dialect" => {
                        let stated = text_of(value).and_then(|name| Dialect::from_name(&name));
                        header.dialect = stated.unwrap_or(header.dialect);
                    }
                    _ => {}
                },
                _ if place == 0 => name = argument,
                _ => {}
            }
        }
        // A blueprint's name is many.
        header.name = text_of(name).filter(|name| !name.contains('@'));
        header.columns = columns_of(columns, header.dialect).unwrap_or_default();
        header
    }
}

/// `{"id": "int", "at": some_type}`; `None` where not every name is a text that stands once.
fn columns_of(value: &[Token], dialect: Dialect) -> Option<Vec<DeclaredColumn>> {
    let [open, inside @ .., close] = value else { return None };
    if !open.is_sign('{') || !close.is_sign('}') {
        return None;
    }
    let mut seen = BTreeSet::new();
    let column = |entry: &[Token]| {
        let colon = entry.iter().position(|token| token.is_sign(':'))?;
        let name = external_column(&text_of(&entry[..colon])?, dialect);
        let data_type = text_of(&entry[colon + 1..]);
        seen.insert(name.clone()).then_some(DeclaredColumn { name, data_type })
    };
    split(inside).into_iter().map(column).collect()
}

/// The text of a literal, or of several that stand side by side.
fn text_of(value: &[Token]) -> Option<String> {
    let mut whole = String::new();
    for token in value {
        let Kind::Text(text) = &token.kind else { return None };
        whole.push_str(text);
    }
    (!value.is_empty()).then_some(whole)
}

/// Where each `@model(…)` begins, and what stands in its parentheses.
fn decorators(tokens: &[Token]) -> Vec<(usize, &[Token])> {
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(at) = tokens.get(index) {
        index += 1;
        if !at.is_sign('@') || !at.begins_line {
            continue;
        }
        let path = tokens[index..].iter().take_while(|token| matches!(token.kind, Kind::Name(_)) || token.is_sign('.'));
        let open = index + path.count();
        let is_model =
            matches!(tokens.get(open.wrapping_sub(1)), Some(Token { kind: Kind::Name(name), .. }) if name == "model");
        if !is_model || !tokens.get(open).is_some_and(|token| token.is_sign('(')) {
            continue;
        }
        let close = closing(tokens, open);
        found.push((at.start, &tokens[open + 1..close]));
        index = close;
    }
    found
}

/// The place of the bracket that closes the one at `open`, or the end.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        depth = token.depth(depth);
        if depth == 0 {
            return index;
        }
    }
    tokens.len()
}

/// Parts between the commas outside of brackets.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth = token.depth(depth);
        depth == 0 && token.is_sign(',')
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// A word, text or sign of Python.
struct Token {
    kind: Kind,
    start: usize,
    /// Whether nothing but space stands before it on its line.
    begins_line: bool,
}

enum Kind {
    Name(String),
    Text(String),
    /// A text that only a run of the program knows, or one with escapes that are not read here.
    Computed,
    Sign(char),
}

impl Token {
    fn is_sign(&self, sign: char) -> bool {
        matches!(self.kind, Kind::Sign(own) if own == sign)
    }

    fn depth(&self, depth: usize) -> usize {
        match self.kind {
            Kind::Sign('(' | '[' | '{') => depth + 1,
            Kind::Sign(')' | ']' | '}') => depth.saturating_sub(1),
            _ => depth,
        }
    }
}

struct Tokens<'a> {
    text: &'a str,
    signs: Peekable<CharIndices<'a>>,
    begins_line: bool,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, signs: text.char_indices().peekable(), begins_line: true }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some((_, sign)) = self.signs.next_if(|(_, sign)| sign.is_alphanumeric() || *sign == '_') {
            word.push(sign);
        }
        word
    }

    fn skip(&mut self, signs: usize) {
        for _ in 0..signs {
            self.signs.next();
        }
    }

    /// A literal whose first quote is next; `prefix` are the letters before it.
    fn literal(&mut self, quote: char, prefix: &str) -> Kind {
        let start = self.signs.next().map_or(self.text.len(), |(start, _)| start);
        let three = [quote; 3].iter().collect::<String>();
        let quotes = if self.text[start..].starts_with(&three) { 3 } else { 1 };
        self.skip(quotes - 1);
        let is_raw = prefix.contains(['r', 'R']);
        let mut is_known = !prefix.contains(['f', 'F', 'b', 'B', 't', 'T']);
        let mut body = String::new();
        while let Some((at, sign)) = self.signs.next() {
            match sign {
                '\\' => {
                    let Some((_, next)) = self.signs.next() else { break };
                    match next {
                        '\\' | '\'' | '"' if !is_raw => body.push(next),
                        _ => is_known = false,
                    }
                }
                // A text of one line that is never closed.
                '\n' if quotes == 1 => return Kind::Computed,
                sign if sign == quote && (quotes == 1 || self.text[at..].starts_with(&three)) => {
                    self.skip(quotes - 1);
                    return if is_known { Kind::Text(body) } else { Kind::Computed };
                }
                sign => body.push(sign),
            }
        }
        Kind::Computed
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let (start, sign) = *self.signs.peek()?;
            match sign {
                '\n' => self.begins_line = true,
                '#' => {
                    while self.signs.next_if(|(_, sign)| *sign != '\n').is_some() {}
                    continue;
                }
                sign if sign.is_whitespace() || sign == '\\' => {}
                _ => {
                    let kind = self.kind(sign);
                    let begins_line = std::mem::replace(&mut self.begins_line, false);
                    return Some(Token { kind, start, begins_line });
                }
            }
            self.signs.next();
        }
    }
}

impl Tokens<'_> {
    fn kind(&mut self, sign: char) -> Kind {
        if matches!(sign, '\'' | '"') {
            return self.literal(sign, "");
        }
        if sign.is_alphanumeric() || sign == '_' {
            let word = self.word();
            let is_prefix = word.len() <= 2 && word.chars().all(|letter| "rRbBuUfFtT".contains(letter));
            let quote = self.signs.peek().map(|(_, sign)| *sign);
            return match quote.filter(|sign| is_prefix && ['\'', '"'].contains(sign)) {
                Some(quote) => self.literal(quote, &word),
                None => Kind::Name(word),
            };
        }
        self.signs.next();
        Kind::Sign(sign)
    }
}
