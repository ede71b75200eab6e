//! Which macros a project has in Python. They cannot run here; that they are there tells a model that uses one from a model with
//! a mistake.

use std::collections::BTreeMap;

use super::token::{Kind, Token, Tokens};
use super::{Decorator, decorators, text_of};
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

/// The name of `@macro("name")`, else that of the function below it.
fn defined(decorator: &Decorator<'_>) -> Option<String> {
    if let Some(name) = text_of(decorator.arguments) {
        return Some(name);
    }
    let mut rest = decorator.rest.iter().skip_while(|token| !matches!(&token.kind, Kind::Name(word) if word == "def"));
    rest.nth(1).and_then(name_of)
}

/// The names behind each `import`, up to the end of the statement.
fn imported(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let mut depth = 0;
    let mut is_inside = false;
    for token in tokens {
        is_inside &= !token.begins_line || depth > 0;
        depth = token.depth(depth);
        match &token.kind {
            Kind::Name(word) if word == "import" => is_inside = true,
            Kind::Name(_) if is_inside => found.extend(name_of(token)),
            Kind::Sign(';') => is_inside = false,
            _ => {}
        }
    }
    found
}

fn name_of(token: &Token) -> Option<String> {
    match &token.kind {
        Kind::Name(name) => Some(name.clone()),
        _ => None,
    }
}
