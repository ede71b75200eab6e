//! Problems of one file, each with its place.

use crate::ids::FilePath;
use crate::problem::{Problem, nearest};
use crate::yaml::{Node, Place, Value};

/// Where problems go while a file is read.
pub(super) struct Report<'a> {
    pub(super) path: &'a FilePath,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Report<'_> {
    pub(super) fn push(&mut self, place: Place, problem: Problem) {
        self.problems.push(problem.at(self.path).position(place.line, place.column));
    }

    pub(super) fn error(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.push(place, Problem::error("invalid-test", message).help(help));
    }

    /// Says that something is not what is expected there; its value is not shown.
    pub(super) fn expected(&mut self, key: &str, what: &str, node: &Node) {
        let message = format!("`{key}` must be {what}, it is {}", node.describe());
        self.push(node.place, Problem::error("invalid-test", message));
    }

    /// Says that a key means nothing there, and which do.
    pub(super) fn unknown(&mut self, what: &str, key: &str, place: Place, known: &[&str]) {
        let problem = Problem::error("unknown-key", format!("`{key}` is no key of {what}"));
        self.push(
            place,
            problem.help(match nearest(key, known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => {
                    format!("known are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
                }
            }),
        );
    }

    /// A scalar that says something; anything else is a problem.
    pub(super) fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = node.text().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.expected(key, "a text", node);
        }
        text.map(str::to_owned)
    }

    /// A truth value; nothing is `false`.
    pub(super) fn choice(&mut self, key: &str, node: &Node) -> bool {
        if !matches!(node.value, Value::Bool(_) | Value::Null) {
            self.expected(key, "true or false", node);
        }
        node.value == Value::Bool(true)
    }
}
