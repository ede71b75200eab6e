//! What a server says when it cannot, and what became of the way to it.

use std::error::Error as _;

use tokio_postgres::error::ErrorPosition;

use super::address::Address;

/// Why a server did not do something. No message holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresError {
    /// There is no connection.
    #[error("cannot connect to PostgreSQL at {server}: {message}")]
    Connect {
        /// Whom, where and which database.
        server: String,
        /// What the server or the network says.
        message: String,
        /// The server's SQLSTATE, where it was a server that spoke.
        state: Option<String>,
    },
    /// The connection broke; whether what ran is done is not known.
    #[error("the connection to PostgreSQL is lost ({message})")]
    Lost {
        /// What the network says.
        message: String,
    },
    /// The server refused a statement.
    #[error("{0}")]
    Statement(Box<StatementFailure>),
    /// What came back cannot be read.
    #[error("PostgreSQL's answer cannot be read: {message}")]
    Answer {
        /// Why.
        message: String,
    },
}

/// A statement that a server refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} Error: {message}{} [{state}]", .state.kind(), place(*.line))]
pub struct StatementFailure {
    /// The code of the error (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
    pub state: SqlState,
    /// The server's words.
    pub message: String,
    /// The line of the text where it is, from 1.
    pub line: Option<usize>,
    /// More words, which may hold values of rows.
    pub detail: Option<String>,
}

/// The five characters that tell one error from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlState(String);

impl SqlState {
    /// The code.
    pub fn code(&self) -> &str {
        &self.0
    }

    /// The first two characters.
    pub fn class(&self) -> &str {
        self.0.get(..2).unwrap_or("")
    }

    /// A word for the sort of error, which tells whether its message may hold values of rows.
    fn kind(&self) -> &'static str {
        match (self.code(), self.class()) {
            ("42601", _) => "Syntax",
            ("42501", _) => "Permission",
            ("2BP01", _) => "Dependency",
            ("42P01" | "3F000" | "42P06" | "42P07", _) => "Catalog",
            (_, "42") => "Binder",
            (_, "0A") => "Not implemented",
            (_, "22") => "Conversion",
            (_, "23") => "Constraint",
            (_, "40") => "Transaction",
            (_, "53" | "57" | "58") => "IO",
            _ => "Server",
        }
    }
}

impl std::fmt::Display for SqlState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn place(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

impl PostgresError {
    /// The server's code, where it was a server that spoke.
    pub fn state(&self) -> Option<&str> {
        match self {
            Self::Connect { state, .. } => state.as_deref(),
            Self::Statement(failure) => Some(failure.state.code()),
            Self::Lost { .. } | Self::Answer { .. } => None,
        }
    }

    /// Whether the connection is gone, and with it the knowledge of what became of the statement.
    pub fn is_lost(&self) -> bool {
        // 57P01 to 57P03: the server goes, or was told to end this session; 08: the way is broken.
        let ended = |state: &str| state.starts_with("57P") || state.starts_with("08");
        matches!(self, Self::Lost { .. }) || self.state().is_some_and(ended)
    }

    /// Whether a later attempt may do better without anybody's doing: the server starts (57P03), has no connection left
    /// (53300) or cannot be reached.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connect { state: None, message, .. } => !message.contains("certificate") && !message.contains("TLS"),
            Self::Connect { state: Some(state), .. } => matches!(state.as_str(), "57P03" | "53300" | "57P01"),
            _ => false,
        }
    }

    pub(super) fn connect(address: &Address, error: &tokio_postgres::Error) -> Self {
        let (state, message) = match error.as_db_error() {
            Some(told) => (Some(told.code().code().to_owned()), told.message().to_owned()),
            None => (None, with_causes(error)),
        };
        Self::Connect { server: address.to_string(), message, state }
    }

    /// The same error, told by the lines of a text that begins after so many lines of the one that ran.
    pub(super) fn below(mut self, lines: usize) -> Self {
        if let Self::Statement(failure) = &mut self {
            failure.line = failure.line.map(|line| line.saturating_sub(lines).max(1));
        }
        self
    }

    pub(super) fn of(error: &tokio_postgres::Error, sql: &str) -> Self {
        let Some(told) = error.as_db_error() else {
            let message = with_causes(error);
            let is_answer = !error.is_closed() && error.source().is_some_and(|source| !source.is::<std::io::Error>());
            return if is_answer { Self::Answer { message } } else { Self::Lost { message } };
        };
        let line = match told.position() {
            Some(ErrorPosition::Original(character)) => Some(line_of(sql, *character as usize)),
            _ => None,
        };
        Self::Statement(Box::new(StatementFailure {
            state: SqlState(told.code().code().to_owned()),
            message: told.message().to_owned(),
            line,
            detail: told.detail().map(str::to_owned),
        }))
    }
}

/// The line, from 1, of a character, from 1.
fn line_of(sql: &str, character: usize) -> usize {
    1 + sql.chars().take(character.saturating_sub(1)).filter(|letter| *letter == '\n').count()
}

fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // Many an error repeats its cause.
        let told = next.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line() {
        assert_eq!(line_of("select\n  ä, b\nfrom x", 1), 1);
        assert_eq!(line_of("select\n  ä, b\nfrom x", 10), 2);
        assert_eq!(line_of("a\nb", 3), 2);
    }

    #[test]
    fn messages_of_values_are_told_apart() {
        let kind = |code: &str| SqlState(code.into()).kind();
        assert_eq!(
            [kind("42P01"), kind("42703"), kind("22P02"), kind("23505")],
            ["Catalog", "Binder", "Conversion", "Constraint"]
        );
    }
}
