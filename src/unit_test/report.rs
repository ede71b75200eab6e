//! What the reading of a test file says: mistakes, each with its place.

use crate::problem::Problem;
use crate::settings::Report;
use crate::yaml::{Node, Place, Value};

/// How mistakes in tests are told.
pub(super) trait Tell {
    fn error(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>);

    /// Says that something is not what is expected there; its value is not shown.
    fn expected(&mut self, key: &str, what: &str, node: &Node);

    /// Says that a key means nothing there.
    fn no_key(&mut self, of: &str, key: &str, place: Place, known: &[&str]);

    /// A scalar that says something; anything else is a problem.
    fn text(&mut self, key: &str, node: &Node) -> Option<String>;

    /// A truth value; nothing is `false`.
    fn choice(&mut self, key: &str, node: &Node) -> bool;
}

impl Tell for Report<'_> {
    fn error(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.push(place, Problem::error("invalid-test", message).help(help));
    }

    fn expected(&mut self, key: &str, what: &str, node: &Node) {
        let message = format!("`{key}` must be {what}, not {}", node.this());
        self.push(node.place, Problem::error("invalid-test", message));
    }

    fn no_key(&mut self, of: &str, key: &str, place: Place, known: &[&str]) {
        self.unknown("unknown-key", &format!("key of {of}"), key, place, known);
    }

    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = node.text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            Tell::expected(self, key, "a text", node);
        }
        text.map(str::to_owned)
    }

    fn choice(&mut self, key: &str, node: &Node) -> bool {
        if !matches!(node.value, Value::Bool(_) | Value::Null) {
            Tell::expected(self, key, "true or false", node);
        }
        node.value == Value::Bool(true)
    }
}
