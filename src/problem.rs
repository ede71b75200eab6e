//! What is wrong with a project, told to its author: a list that loading returns beside the project, never an error.
//!
//! This module never prints; renderers do.

use serde::Serialize;

use crate::ids::FilePath;

/// How much a problem stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops apply and promote; `plan` still prints the plan and exits 1.
    Error,
    /// Is shown and stops nothing.
    Warning,
    /// Something the reader should know.
    Info,
}

/// One problem, with where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// A stable word for scripts, such as `missing-seed`.
    pub code: &'static str,
    /// How much it stops.
    pub severity: Severity,
    /// The file, where there is one.
    pub path: Option<FilePath>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// What was expected, or what to do next.
    pub help: Option<String>,
}

impl Problem {
    /// A problem that stops apply and promote.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// A problem that is only shown.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    /// Something that the reader should know.
    pub fn info(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        Self { code, severity, path: None, line: None, column: None, message, help: None }
    }

    /// Names the file.
    pub fn at(mut self, path: &FilePath) -> Self {
        self.path = Some(path.clone());
        self
    }

    /// Names the place in the file: line and column in characters, both from 1.
    pub fn position(mut self, line: u32, column: u32) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Says what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Whether any problem stops apply and promote.
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// Line and column (both from 1, in characters) of a byte offset in a text.
pub fn position_of(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// The name nearest to `wanted`, if one is near enough to be a slip of the pen.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(wanted.len()) / 4)
        .min()
        .map(|(_, name)| name)
}
