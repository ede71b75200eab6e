//! Python models. They cannot run here, so each is a table that another program fills: its name and columns are what its header
//! says in literals, its content counts as one text, and its rows are read where production has them. Nothing of a file is run.

mod macros;
mod token;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::token::{Kind, Token, Tokens};
use super::external::{self, Tables, external_column};
use super::file::Rules;
use super::macros::NO_LOCALS;
use super::value::Source;
use crate::hash::Digest;
use crate::ids::FilePath;
use crate::model::{DeclaredColumn, Properties};
use crate::problem::{Positions, Problem};
use crate::sql::Dialect;

pub(super) use macros::{NO_MACROS, PythonMacros};

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
    for Decorator { start, arguments, .. } in decorators(&tokens, "model") {
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
        // Python's own name of it, which SQLGlot takes for TEXT.
        let data_type = text_of(&entry[colon + 1..]).map(|name| if name == "str" { "text".to_owned() } else { name });
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

/// A decorator with arguments.
struct Decorator<'t> {
    /// Where it begins, in bytes.
    start: usize,
    arguments: &'t [Token],
    /// What follows it.
    rest: &'t [Token],
}

/// Each `@name(…)`, also as `@package.name(…)`.
fn decorators<'t>(tokens: &'t [Token], name: &str) -> Vec<Decorator<'t>> {
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(at) = tokens.get(index) {
        index += 1;
        if !at.is_sign('@') || !at.begins_line {
            continue;
        }
        let path = tokens[index..].iter().take_while(|token| matches!(token.kind, Kind::Name(_)) || token.is_sign('.'));
        let open = index + path.count();
        let is_meant =
            matches!(tokens.get(open.wrapping_sub(1)), Some(Token { kind: Kind::Name(last), .. }) if last == name);
        if !is_meant || !tokens.get(open).is_some_and(|token| token.is_sign('(')) {
            continue;
        }
        let close = closing(tokens, open);
        let rest = tokens.get(close + 1..).unwrap_or_default();
        found.push(Decorator { start: at.start, arguments: &tokens[open + 1..close], rest });
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
