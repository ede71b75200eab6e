//! Reading mappings key by key, so that no key is left over unnoticed.

use std::collections::BTreeMap;

use super::jinja;
use crate::files::{Entry, FileTree};
use crate::ids::FilePath;
use crate::problem::{Problem, nearest, position_of};
use crate::yaml::{self, Node, Place, Value};

/// The largest configuration that is read.
const MAX_BYTES: u64 = 8 << 20;

/// Opens, renders and parses a YAML file; a failure is a problem.
pub(super) fn document(
    tree: &dyn FileTree,
    path: &FilePath,
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let text = rendered(tree, path, jinja::Values { environment, variables: None }, problems)?;
    parsed(path, &text, problems)
}

/// The text of a YAML file that is no configuration, with `env_var` and `var` rendered. A variable that is not set is a
/// problem.
pub fn rendered_file(
    tree: &dyn FileTree,
    path: &FilePath,
    (environment, variables): (&BTreeMap<String, String>, &BTreeMap<String, Value>),
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let text = rendered(tree, path, jinja::Values { environment, variables: Some(variables) }, problems)?;
    let Some(offset) = text.find(jinja::UNSET) else { return Some(text) };
    let name = text[offset + jinja::UNSET.len()..].split(|sign: char| !sign.is_alphanumeric() && sign != '_').next();
    let (line, column) = position_of(&text, offset);
    let message = format!("the file needs environment variable `{}`", name.unwrap_or_default());
    let problem = Problem::error("unset-variable", message).at(path).position(line, column);
    problems.push(problem.help("set it, or give `env_var` a default"));
    None
}

fn rendered(
    tree: &dyn FileTree,
    path: &FilePath,
    values: jinja::Values<'_>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    match text(tree, path) {
        Ok(text) => jinja::render(path, &text, values, problems),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    }
}

/// The YAML of a file; what makes it none is a problem.
pub fn parsed(path: &FilePath, text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    match yaml::parse(text) {
        Ok(node) => Some(node),
        Err(error) => {
            problems.push(error.problem(path));
            None
        }
    }
}

fn text(tree: &dyn FileTree, path: &FilePath) -> Result<String, Box<Problem>> {
    use std::io::Read as _;
    if let Some(Entry::Unreadable(problem)) = tree.entries().get(path) {
        return Err(Box::new(problem.clone()));
    }
    let mut bytes = Vec::new();
    let wrong = |what: &str| Problem::error("unreadable-file", format!("`{path}` {what}")).at(path);
    let unreadable = |error: std::io::Error| Box::new(Problem::unreadable(path, &error));
    let stream = tree.open(path).map_err(unreadable)?;
    let size = stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(size).unwrap_or(u64::MAX) > MAX_BYTES {
        let problem = wrong(&format!("is larger than {} MiB", MAX_BYTES >> 20));
        return Err(Box::new(problem.help("take from it what is not settings")));
    }
    let not_utf8 = |_| Box::new(wrong("is not UTF-8").help("save it as UTF-8"));
    let text = String::from_utf8(bytes).map_err(not_utf8)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The place of what stands in no file, but in an environment variable.
pub(super) const OF_VARIABLE: Place = Place { line: 0, column: 0 };

/// Where problems go while a file is read.
pub struct Report<'a> {
    /// The file.
    pub path: &'a FilePath,
    /// Where they go.
    pub problems: &'a mut Vec<Problem>,
}

impl Report<'_> {
    /// Adds a problem with its place.
    pub fn push(&mut self, place: Place, mut problem: Problem) {
        if place == OF_VARIABLE {
            problem.message.push_str(", as an environment variable that begins with `SQLMESH__` has it");
            self.problems.push(problem.at(self.path));
        } else {
            self.problems.push(problem.at(self.path).position(place.line, place.column));
        }
    }

    pub(super) fn expected(&mut self, key: &str, what: &str, node: &Node) {
        let message = format!("`{key}` must be {what}, not {}", node.this());
        self.push(node.place, Problem::error("invalid-setting", message));
    }

    /// Says that a word means nothing there, and which do.
    pub fn unknown(&mut self, code: &'static str, what: &str, key: &str, place: Place, known: &[&str]) {
        let problem = Problem::error(code, format!("`{key}` is no {what}"));
        let help = match nearest(key, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                format!("known are {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            }
        };
        self.push(place, problem.help(help));
    }

    /// A scalar as text; null is `None` without a problem.
    pub(super) fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        if node.text().is_none() && node.value != Value::Null {
            self.expected(key, "a text", node);
        }
        node.text().map(str::to_owned)
    }

    pub(super) fn number(&mut self, key: &str, node: &Node) -> Option<u64> {
        let number = node.text().and_then(|text| text.parse().ok());
        if number.is_none() && node.value != Value::Null {
            self.expected(key, "a whole number", node);
        }
        number
    }

    /// A list of texts; one text alone is a list of one.
    pub(super) fn texts(&mut self, key: &str, node: &Node) -> Vec<String> {
        match &node.value {
            Value::Null => Vec::new(),
            Value::List(items) => items.iter().filter_map(|item| self.text(key, item)).collect(),
            Value::Map(_) => {
                self.expected(key, "a list of texts", node);
                Vec::new()
            }
            _ => self.text(key, node).into_iter().collect(),
        }
    }

    /// Whether it is a mapping (or nothing); anything else is a problem.
    pub(super) fn is_map(&mut self, key: &str, node: &Node) -> bool {
        let fits = matches!(node.value, Value::Map(_) | Value::Null);
        if !fits {
            self.expected(key, "a mapping", node);
        }
        fits
    }

    /// One of a few words, in any case.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, node: &Node, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key, node)?;
        let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
        if found.is_none() {
            let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.unknown("invalid-setting", &format!("value of `{key}`"), &text, node.place, &known);
        }
        found.map(|(_, value)| *value)
    }
}
