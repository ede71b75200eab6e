//! What an engine says when it cannot. No message holds a secret: statements that may carry one are not shown.

use std::path::PathBuf;
use std::time::Duration;

use crate::ids::StateId;

/// Why an engine did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine refused a statement.
    #[error("{message} (in `{statement}`)")]
    Statement {
        /// The engine's words.
        message: String,
        /// The statement's first line.
        statement: String,
    },
    /// The role may not do what was to be done.
    #[error("{message}, to role `{role}`{}", within(.statement))]
    Denied {
        /// The role.
        role: String,
        /// The engine's words.
        message: String,
        /// The statement's first line; empty where the role may not even come in.
        statement: String,
        /// The statement that gives it what it lacks, where that can be told.
        remedy: Option<String>,
    },
    /// A statement was stopped by an [`super::Interrupter`].
    #[error("interrupted (in `{statement}`)")]
    Interrupted {
        /// The statement's first line.
        statement: String,
    },
    /// The server stopped a statement without being asked by us: it took longer than it may, or somebody else ended it.
    #[error("the server stopped the statement: {message} (in `{statement}`)")]
    Stopped {
        /// The server's words.
        message: String,
        /// The statement's first line.
        statement: String,
    },
    /// The server cannot be reached.
    #[error("{message}")]
    Connect {
        /// Where it should be, and what it or the network says.
        message: String,
    },
    /// The connection broke; whether the statement is done is not known, and what was not committed is not.
    #[error("the connection is lost: {message} (in `{statement}`)")]
    Lost {
        /// The network's words.
        message: String,
        /// The statement's first line.
        statement: String,
    },
    /// Another run has taken the place of this one.
    #[error(
        "another run has taken over {subject}, because this one was not heard of for too long; nothing was changed: \
         run it again"
    )]
    Fenced {
        /// What it has.
        subject: String,
    },
    /// Somebody reads what was to be changed; asked again a moment later, it may go.
    #[error("somebody reads what was to be changed (in `{statement}`)")]
    InUseByOthers {
        /// The statement's first line.
        statement: String,
    },
    /// Somebody built upon a view of ours that must go, if only for a moment, to get other columns.
    #[error(
        "view `{view}` cannot change while {} read it: drop what reads it, or have it made again with \
         `--recreate-dependents`", listed(.dependents)
    )]
    Dependents {
        /// The view.
        view: String,
        /// What was built upon it.
        dependents: Vec<String>,
    },
    /// Another process holds the database file.
    #[error(
        "`{}` is held by {}, still after {} s; end it or give more time with --lock-timeout",
        .path.display(), process(.pid), .waited.as_secs()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// The process that holds it, where the engine knows.
        pid: Option<u32>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The database cannot be opened.
    #[error("cannot open `{}`: {message}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The engine's words.
        message: String,
    },
    /// This process already holds the file in another way, and a second instance of it would corrupt it.
    #[error("`{}` is already open in this process with other settings; close it first", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A statement changed a setting that acts on every session, and with it on other models.
    #[error(
        "`{statement}` sets `{setting}` for the whole database, so it would act on other models; \
         it was set back: put it into the connection's settings"
    )]
    GlobalSetting {
        /// The setting.
        setting: String,
        /// The statement's first line.
        statement: String,
    },
    /// What a model runs when its view moves left another view, or none.
    #[error(
        "ON_VIRTUAL_UPDATE of model `{model}` makes view `{view}` another one, or takes away what it is known by (such as its \
         comment), so that nothing was changed: leave that statement out"
    )]
    ViewOverwritten {
        /// The view.
        view: String,
        /// Its model.
        model: String,
    },
    /// A row of a bulk load does not fit.
    #[error("row {row} of the load into `{table}`{}: {message}", column_of(.column))]
    Load {
        /// The table.
        table: String,
        /// The row, from 1.
        row: u64,
        /// The column, where one is to blame.
        column: Option<String>,
        /// What is wrong.
        message: String,
    },
    /// The warehouse belongs to another state.
    #[error(
        "this warehouse belongs to state {theirs}, not to ours ({ours}); \
         use that state, or another warehouse (`bot state recover` where that state is lost)"
    )]
    ForeignState {
        /// Our state.
        ours: StateId,
        /// The state that the warehouse names.
        theirs: StateId,
    },
    /// A row of `offshoot__meta` cannot be read.
    #[error("`offshoot__meta.{table}` holds `{found}` where {expected} was expected; was it edited by hand?")]
    Meta {
        /// The table.
        table: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}

fn process(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn within(statement: &str) -> String {
    if statement.is_empty() { String::new() } else { format!(" (in `{statement}`)") }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn column_of(column: &Option<String>) -> String {
    column.as_ref().map(|column| format!(", column `{column}`")).unwrap_or_default()
}

impl EngineError {
    /// An engine's message about a statement, without what may be secret.
    pub fn statement(message: &str, sql: &str) -> Self {
        let statement = first_line(sql);
        // Engines quote the statement below their message.
        let message = if carries_secrets(sql) {
            without_texts(message.lines().next().unwrap_or(""), sql)
        } else {
            without_stack(message).trim().to_owned()
        };
        Self::Statement { message, statement }
    }

    /// What the engine says of a comment that it does not take, with the way around it.
    #[must_use]
    pub(super) fn of_comment(self) -> Self {
        match self {
            Self::Statement { message, statement } => Self::Statement {
                message: format!(
                    "{message}; `register_comments: false` of the connection leaves descriptions out of the warehouse"
                ),
                statement,
            },
            other => other,
        }
    }

    /// Whether the engine failed by a mistake of its own, for which the statement is not to blame.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Statement { message, .. } if message.starts_with(INTERNAL))
    }
}

/// How DuckDB begins to tell of its own mistakes.
const INTERNAL: &str = "INTERNAL Error: ";

/// A message without the addresses of the engine's code, and the paths of this machine, that DuckDB adds to an INTERNAL one.
fn without_stack(message: &str) -> &str {
    match message.starts_with(INTERNAL) {
        true => message.split("\n\nStack Trace:").next().unwrap_or(message),
        false => message,
    }
}

/// What an engine said, fit for readers who may not read the warehouse: of the kinds of errors that tell of SQL the words,
/// of all others (a cast, a constraint) the kind alone, because they quote values of rows. A text that is no engine's stays.
pub fn without_values(told: &str) -> String {
    const OF_SQL: [&str; 8] =
        ["Binder", "Catalog", "Parser", "Syntax", "Not implemented", "Dependency", "Permission", "IO"];
    // Our own words may stand before the engine's, and one message of an engine may hold another.
    for (end, _) in told.match_indices(" Error: ") {
        let before = &told[..end];
        let kind =
            before.rsplit(|letter: char| !letter.is_ascii_alphabetic() && letter != ' ').next().unwrap_or("").trim();
        if !kind.is_empty() && !OF_SQL.contains(&kind) {
            return format!("{before} Error; the log of the run has the rest, which may hold a value of a row");
        }
    }
    told.to_owned()
}

/// The first line of a statement that says something, clipped; only the first two words where it may hold a secret.
pub fn first_line(sql: &str) -> String {
    let line = sql.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--")).unwrap_or("");
    if carries_secrets(sql) {
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| word.chars().all(char::is_alphabetic)).collect();
        return format!("{} …", words.join(" "));
    }
    const LONGEST: usize = 160;
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    format!("{}…", line.chars().take(LONGEST).collect::<String>())
}

/// A message without the texts of its statement, which engines repeat.
fn without_texts(message: &str, sql: &str) -> String {
    let texts = sql.split('\'').skip(1).step_by(2).filter(|text| !text.is_empty());
    texts.fold(message.to_owned(), |message, text| message.replace(text, "***"))
}

/// Statements in which people write passwords and keys.
fn carries_secrets(sql: &str) -> bool {
    let text = sql.to_ascii_lowercase();
    ["secret", "password", "attach", "token", "access_key", "api_key"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let sql = "\n-- x\nCREATE SECRET s (TYPE s3, KEY_ID 'abc', SECRET 'hunter2')";
        let error = EngineError::statement("Parser Error: no\n\nLINE 1: CREATE SECRET 'hunter2'", sql);
        assert_eq!(error.to_string(), "Parser Error: no (in `CREATE SECRET …`)");
        let error =
            EngineError::statement("IO Error: no file \"p:password=hunter2\"", "ATTACH 'p:password=hunter2' AS p");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn values_of_rows_are_left_out() {
        let kept = ["Binder Error: no column `x`", "cannot read seed `a`: Error: x", "model `a` was not built"];
        kept.iter().for_each(|told| assert_eq!(without_values(told), *told));
        for told in [
            "Conversion Error: Could not convert 'Hamburg'",
            "Constraint Error: Duplicate key \"Hamburg\"",
            "row 3 of the load into `t`, column `city`: Conversion Error: Could not convert 'Hamburg'",
            "Binder Error: no function\nInvalid Input Error: 'Hamburg' is no date",
        ] {
            assert!(!without_values(told).contains("Hamburg"), "{told}");
        }
        assert!(without_values("Conversion Error: x").starts_with("Conversion Error; the log of the run"));
    }

    #[test]
    fn a_mistake_of_the_engines_is_told_without_its_addresses() {
        let told =
            "INTERNAL Error: no cast\n\nStack Trace:\n\n/home/me/libduckdb.so(+0x1)\n\nThis error signals an assertion";
        let error = EngineError::statement(told, "select 1");
        assert!(error.is_internal());
        assert_eq!(error.to_string(), "INTERNAL Error: no cast (in `select 1`)");
        assert!(!EngineError::statement("Binder Error: INTERNAL Error: x", "select 1").is_internal());
    }

    #[test]
    fn the_first_line_says_which_statement() {
        assert_eq!(first_line("\n  -- c\n select 1\n from x"), "select 1");
        assert_eq!(first_line(&"ä".repeat(500)).chars().count(), 161);
    }
}
