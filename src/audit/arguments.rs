//! The arguments of a call: texts of SQL, of which only lists are taken apart.

use std::collections::BTreeMap;

use super::built_in::BuiltIn;
use crate::model::AuditCall;
use crate::problem::nearest;
use crate::sql::{Dialect, tokenize};

/// Arguments by name, checked against what an audit takes.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    given: BTreeMap<String, String>,
    pub(super) dialect: Dialect,
}

/// What every audit takes.
const ALWAYS: [&str; 2] = ["blocking", "condition"];

impl Arguments {
    pub(super) fn read(call: &AuditCall, audit: &BuiltIn, dialect: Dialect) -> Result<Self, String> {
        let known = || audit.required.iter().chain(audit.optional).chain(&ALWAYS).copied();
        for name in call.arguments.keys() {
            if !known().any(|known| known == name) {
                let help = nearest(name, known()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                return Err(format!("takes no `{name}`{help}"));
            }
        }
        if let Some(missing) = audit.required.iter().find(|name| !call.arguments.contains_key(**name)) {
            return Err(format!("needs `{missing} := …`"));
        }
        Ok(Self { given: call.arguments.clone(), dialect })
    }

    /// An argument that may be missing; `NULL` is none.
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(|text| text.trim()).filter(|text| !text.eq_ignore_ascii_case("null"))
    }

    /// An argument that is there.
    pub(super) fn text(&self, name: &str) -> Result<&str, String> {
        self.optional(name).ok_or_else(|| format!("needs `{name} := …`"))
    }

    /// A condition on rows of which nothing more is asked than it says.
    pub(super) fn condition(&self) -> String {
        self.optional("condition").map_or_else(|| "TRUE".to_owned(), |condition| format!("({condition})"))
    }

    pub(super) fn truth(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.optional(name) {
            None => Ok(default),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) => Err(format!("needs `{name}` to be true or false, found `{text}`")),
        }
    }

    /// The items of `(a, b)`, `[a, b]`, `ARRAY[a, b]` or `a`.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, String> {
        let text = self.text(name)?;
        let items = items(text, self.dialect).ok_or_else(|| format!("needs `{name}` to be a list such as `(a, b)`"))?;
        if items.is_empty() { Err(format!("needs something in `{name}`")) } else { Ok(items) }
    }
}

/// Cuts a list at the commas that no parenthesis is around.
fn items(text: &str, dialect: Dialect) -> Option<Vec<String>> {
    let tokens: Vec<_> = tokenize(text, dialect).ok()?.into_iter().filter(|token| token.is_significant()).collect();
    // SQLMesh reads `ARRAY[a, b]` as `[a, b]`.
    let is_array = matches!(tokens.as_slice(), [word, open, ..] if word.is_word("array") && open.is_symbol("["));
    let tokens = &tokens[usize::from(is_array)..];
    let (mut depth, mut ends_early, mut commas) = (0_usize, false, Vec::new());
    for (index, token) in tokens.iter().enumerate() {
        if ["(", "["].iter().any(|open| token.is_symbol(open)) {
            depth += 1;
        } else if [")", "]"].iter().any(|close| token.is_symbol(close)) {
            depth = depth.checked_sub(1)?;
            ends_early |= depth == 0 && index + 1 < tokens.len();
        } else if depth == 1 && token.is_symbol(",") {
            commas.push(token.range.clone());
        }
    }
    let (first, last) = (tokens.first()?, tokens.last()?);
    let is_list = !ends_early && (first.is_symbol("(") || first.is_symbol("[")) && tokens.len() > 1;
    if depth != 0 {
        return None;
    }
    if !is_list {
        return Some(vec![text.trim().to_owned()]);
    }
    let starts = std::iter::once(first.range.end).chain(commas.iter().map(|comma| comma.end));
    let ends = commas.iter().map(|comma| comma.start).chain(std::iter::once(last.range.start));
    let items = starts.zip(ends).map(|(start, end)| text.get(start..end).unwrap_or_default().trim().to_owned());
    Some(items.filter(|item| !item.is_empty()).collect())
}
