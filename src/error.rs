//! What a command ends with: done, a plain no, or a failure, and how the last two are told.
//!
//! Rule for messages: lower case, no full stop, names in backticks, what was expected; a hint says what to do next.

use std::error::Error;
use std::fmt;

use crate::engine::without_values;
use crate::render::{Colour, json, terminal};

/// How a run ended; the number is the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The answer is no: the project has problems, or the request was refused.
    No = 1,
    /// The program or its surroundings failed.
    Failed = 2,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Whose fault an error is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandErrorKind {
    /// The request was understood and refused.
    No,
    /// A limit of the settings was reached; what was done stays, and somebody may ask for more.
    Limit,
    /// The program or its surroundings (warehouse, state, git, disk) failed.
    Failed,
}

/// An error as a person meets it.
#[derive(Debug)]
pub struct CommandError {
    /// Whose fault it is.
    pub kind: CommandErrorKind,
    /// What went wrong.
    pub message: String,
    /// What to do next, most useful first.
    pub hints: Vec<String>,
    /// What else is told where rows may be seen: it may hold values of them.
    private: Vec<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    withheld: Option<String>,
    again: Again,
}

/// Whether the same may go well at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It ends the same way.
    No,
    /// Another run has done some of it meanwhile: planned anew, it goes on from there.
    PlanAnew,
    /// The connection to the warehouse was lost: planned anew a moment later, it goes on from what was committed.
    Reconnect,
}

/// What commands return.
pub type CommandResult = Result<Exit, CommandError>;

impl CommandError {
    /// A refusal (exit 1).
    pub fn no(message: impl Into<String>) -> Self {
        Self {
            kind: CommandErrorKind::No,
            message: message.into(),
            hints: Vec::new(),
            private: Vec::new(),
            source: None,
            withheld: None,
            again: Again::No,
        }
    }

    /// A limit that was reached (exit 1).
    pub fn limit(message: impl Into<String>) -> Self {
        Self { kind: CommandErrorKind::Limit, ..Self::no(message) }
    }

    /// A failure (exit 2).
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: CommandErrorKind::Failed, ..Self::no(message) }
    }

    /// The same, which planned anew may go well.
    pub fn plan_anew(self) -> Self {
        Self { again: Again::PlanAnew, ..self }
    }

    /// The same, which may go well on another connection.
    pub fn reconnect(self) -> Self {
        Self { again: Again::Reconnect, ..self }
    }

    /// Whether the same may go well at once.
    pub fn again(&self) -> Again {
        self.again
    }

    /// Adds what caused it.
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what is told behind the hints on stderr alone, and to nobody who may not read the warehouse: it may hold values of
    /// rows, which hints never do.
    pub fn privately(mut self, told: impl Into<String>) -> Self {
        self.private.push(told.into());
        self
    }

    fn all_hints(&self) -> Vec<String> {
        self.hints.iter().chain(&self.private).cloned().collect()
    }

    /// The exit code that it leads to.
    pub fn exit(&self) -> Exit {
        match self.kind {
            CommandErrorKind::No | CommandErrorKind::Limit => Exit::No,
            CommandErrorKind::Failed => Exit::Failed,
        }
    }

    /// Names what is said in place of the causes to those who may not read the warehouse, where a cause holds its values.
    pub fn withheld(mut self, words: impl Into<String>) -> Self {
        self.withheld = Some(words.into());
        self
    }

    /// What went wrong and why, as one text without values of rows.
    pub fn for_readers(&self) -> String {
        let causes = match &self.withheld {
            Some(words) => vec![words.clone()],
            None => self.causes().iter().map(|cause| without_values(cause)).collect(),
        };
        causes.iter().fold(self.message.clone(), |text, cause| format!("{text}: {cause}"))
    }

    /// For people on stderr.
    pub fn for_terminal(&self, colour: Colour) -> String {
        terminal::error(&self.message, &self.causes(), &self.all_hints(), colour)
    }

    /// For scripts on stderr, where `--format json` was asked for.
    pub fn for_scripts(&self) -> String {
        let kind = match self.kind {
            CommandErrorKind::No | CommandErrorKind::Limit => "no",
            CommandErrorKind::Failed => "failed",
        };
        json::error(kind, &self.message, &self.causes(), &self.all_hints())
    }

    /// The chain of causes, outermost first; one that only repeats the text before it is left out.
    /// What lies behind it, outermost first.
    pub fn causes(&self) -> Vec<String> {
        const DEEPEST: usize = 16;
        let mut causes: Vec<String> = Vec::new();
        let mut next: Option<&(dyn Error + 'static)> = self.source.as_deref().map(|source| source as _);
        while let Some(error) = next.filter(|_| causes.len() < DEEPEST) {
            let text = error.to_string();
            if causes.last().unwrap_or(&self.message) != &text {
                causes.push(text);
            }
            next = error.source();
        }
        causes
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_its_causes_once() {
        let inner = std::io::Error::other("disk full");
        let error = CommandError::failed("cannot write `x`").because(inner).hint("free some space");
        assert_eq!(error.exit().code(), 2);
        let text = error.for_terminal(Colour::Never);
        assert_eq!(text, "error: cannot write `x`\n  caused by: disk full\nhint: free some space\n");
        assert!(error.for_scripts().contains("\"kind\": \"failed\""));
    }

    #[test]
    fn a_repeated_cause_is_left_out() {
        let error = CommandError::no("same").because("same");
        assert_eq!(error.for_terminal(Colour::Never), "error: same\n");
        assert_eq!(error.exit().code(), 1);
    }
}
