//! What is wrong with a project, told to its author: a list that loading returns beside the project, never an error.
//!
//! This module never prints; renderers do.

use std::sync::OnceLock;
use std::{fmt, io};

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

/// The code of a problem that says that production is held after a rollback.
pub const HELD: &str = "held";

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

    /// What stands for the problems of a file that are too many to tell.
    pub fn more(path: &FilePath, count: usize) -> Self {
        let problem = Self::error("more-problems", format!("the file has {count} more problems")).at(path);
        problem.help("mend those that are told, then look again")
    }

    /// Why a file cannot be read: what the error carries, where that is a problem already.
    pub fn unreadable(path: &FilePath, error: &io::Error) -> Self {
        let carried = error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).cloned();
        carried.unwrap_or_else(|| Self::error("unreadable-file", format!("`{path}` cannot be read: {error}")).at(path))
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

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

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

/// Places in one text, found fast however many are asked for and however long its lines are. Most files are asked for
/// one place near their beginning, so the text is walked when it is first needed.
#[derive(Clone, Debug, Default)]
pub struct Positions(OnceLock<Vec<(usize, u32, u32)>>);

impl Positions {
    /// Bytes between two known places of a long line.
    const STEP: usize = 256;
    /// Up to here counting is cheaper than a walk.
    const NEAR: usize = 2 * Self::STEP;

    fn walked(text: &str) -> Vec<(usize, u32, u32)> {
        let (mut line, mut column) = (1_u32, 1_u32);
        let mut known = vec![(0, 1, 1)];
        for (offset, character) in text.char_indices() {
            if known.last().is_some_and(|(last, ..)| offset >= last + Self::STEP) {
                known.push((offset, line, column));
            }
            column = column.saturating_add(1);
            if character == '\n' {
                (line, column) = (line.saturating_add(1), 1);
            }
        }
        known
    }

    /// What [`position_of`] says of the text, which is the same in every call.
    pub fn at(&self, text: &str, offset: usize) -> (u32, u32) {
        if offset < Self::NEAR {
            return position_of(text, offset);
        }
        let known = self.0.get_or_init(|| Self::walked(text));
        let index = known.partition_point(|(known, ..)| *known <= offset);
        let (start, line, column) = index.checked_sub(1).map_or((0, 1, 1), |index| known[index]);
        let (lines, columns) = position_of(text.get(start..).unwrap_or_default(), offset - start);
        if lines == 1 { (line, column + columns - 1) } else { (line + lines - 1, columns) }
    }
}

/// The name nearest to `wanted`, if one is near enough to be a slip of the pen.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let signs = signs_of(wanted);
    known
        .into_iter()
        .filter_map(|name| {
            let most = 1 + name.len().max(wanted.len()) / 4;
            let apart: usize = signs.iter().zip(signs_of(name)).map(|(one, other)| one.abs_diff(other)).sum();
            // Every slip changes at most two of the counts, which are much cheaper than the distance itself.
            let distance = (apart <= 2 * most).then(|| strsim::damerau_levenshtein(wanted, name))?;
            (distance <= most).then_some((distance, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// How often each sign (by its last six bits) is in a text.
fn signs_of(text: &str) -> [usize; 64] {
    let mut signs = [0; 64];
    text.chars().for_each(|character| signs[character as usize % 64] += 1);
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_fast_and_right() {
        let text = format!("a\nö{}\n\nz{}", "ü".repeat(1_000), "x\n".repeat(300));
        let positions = Positions::default();
        for (offset, _) in text.char_indices() {
            assert_eq!(positions.at(&text, offset), position_of(&text, offset), "{offset}");
        }
        assert_eq!(Positions::default().at("", 0), (1, 1));
    }
}
