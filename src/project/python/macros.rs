//! Which macros a project has in Python. They cannot run here; that they are there tells a model that uses one from a model with
//! a mistake.

use std::collections::BTreeMap;

use super::token::{Kind, Token, Tokens};
use super::{Decorator, decorators, split, text_of};
use crate::hash::{Digest, Hasher};
use crate::ids::FilePath;

/// The macros of `macros/*.py`, by lower-case name, each with its file.
#[derive(Clone, Debug, Default)]
pub(in crate::project) struct PythonMacros {
    by_name: BTreeMap<String, FilePath>,
    /// All that the files say: a macro may use what stands in another file.
    content: Option<Digest>,
}

/// None at all.
pub(in crate::project) static NO_MACROS: PythonMacros = PythonMacros { by_name: BTreeMap::new(), content: None };

impl PythonMacros {
    /// Whether a file holds some.
    pub(in crate::project) fn is_file(path: &str) -> bool {
        path.starts_with("macros/") && path.ends_with(".py")
    }

    /// Takes what one file defines or imports.
    pub(in crate::project) fn add(&mut self, path: &FilePath, text: &str) {
        let tokens: Vec<Token> = Tokens::of(text).collect();
        let defined = decorators(&tokens, "macro").into_iter().filter_map(|decorator| defined(&decorator));
        for name in defined.chain(imported(&tokens)) {
            self.by_name.entry(name.to_lowercase()).or_insert_with(|| path.clone());
        }
        let before = self.content.unwrap_or_else(|| Digest::of("python macros", ""));
        self.content = Some(Hasher::new("python macros").digest(before).text(path.as_str()).text(text).finish());
    }

    /// The file that a macro is from.
    pub(in crate::project) fn file(&self, name: &str) -> Option<&FilePath> {
        self.by_name.get(&name.to_lowercase())
    }

    /// All that the files say.
    pub(in crate::project) fn content(&self) -> Option<Digest> {
        self.content
    }
}

/// Decorators between that of a macro and its function; more tokens than anybody writes there are not looked at.
const MAX_BETWEEN: usize = 500;

/// The name of `@macro("name")`, else that of the function below it.
fn defined(decorator: &Decorator<'_>) -> Option<String> {
    for (place, argument) in split(decorator.arguments).into_iter().enumerate() {
        let value = match argument {
            [key, sign, value @ ..] if sign.is_sign('=') && name_of(key).is_some_and(|key| key == "name") => value,
            _ if place == 0 => argument,
            _ => continue,
        };
        if let Some(name) = text_of(value) {
            return Some(name);
        }
    }
    let near = decorator.rest.iter().take(MAX_BETWEEN);
    near.skip_while(|token| !matches!(&token.kind, Kind::Name(word) if word == "def")).nth(1).and_then(name_of)
}

/// The names behind `from … import`, up to the end of the statement, of modules beside this one and of those that are called after
/// macros: `from sqlglot import exp` brings none.
fn imported(tokens: &[Token]) -> Vec<String> {
    let (mut found, mut module): (Vec<String>, Vec<&Token>) = (Vec::new(), Vec::new());
    let (mut depth, mut at) = (0, Import::Nowhere);
    let is_macros = |module: &[&Token]| {
        let is_named = |token: &&Token| name_of(token).is_some_and(|name| name.contains("macro"));
        module.first().is_some_and(|first| first.is_sign('.')) || module.iter().any(is_named)
    };
    for token in tokens {
        if token.begins_line && depth == 0 {
            (at, module) = (Import::Nowhere, Vec::new());
        }
        depth = token.depth(depth);
        at = match (&token.kind, at) {
            (Kind::Name(word), Import::Nowhere) if word == "from" && token.begins_line => Import::Module,
            (Kind::Name(word), Import::Module) if word == "import" => {
                if is_macros(&module) {
                    Import::Names
                } else {
                    Import::Nowhere
                }
            }
            (_, Import::Module) => {
                module.push(token);
                at
            }
            (Kind::Name(_), Import::Names) => {
                found.extend(name_of(token));
                at
            }
            (Kind::Sign(';'), _) => Import::Nowhere,
            _ => at,
        };
    }
    found
}

/// Where in an import a token stands.
#[derive(Clone, Copy)]
enum Import {
    Nowhere,
    Module,
    Names,
}

fn name_of(token: &Token) -> Option<String> {
    match &token.kind {
        Kind::Name(name) => Some(name.clone()),
        _ => None,
    }
}
