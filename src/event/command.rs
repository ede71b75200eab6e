//! What a comment may ask: one table of commands, from which both the parser and `/bot help` are made.
//!
//! Only the first line counts, it has to begin with `/bot`, and every word has to be exact: a command is an order, not a
//! conversation. Who may give it is told here and decided elsewhere.

use std::fmt;

use crate::ids::ModelName;
use crate::problem::nearest;
use crate::time::Timestamp;

use super::ignored::shown;

/// Every command, in the order of the help.
pub const COMMANDS: &[CommandEntry] = &[
    CommandEntry {
        word: "plan",
        arguments: "",
        does: "plans the pull request's head again",
        needs: Permission::Write,
        read: |_| Ok(Command::Plan),
    },
    CommandEntry {
        word: "apply",
        arguments: "",
        does: "builds the environment of the head that the comment shows",
        needs: Permission::Write,
        read: |_| Ok(Command::Apply),
    },
    CommandEntry {
        word: "backfill",
        arguments: "MODEL --from DATE",
        does: "loads more of a model's past into the environment",
        needs: Permission::Write,
        read: |words| {
            let from = words.option("--from")?;
            let from = Timestamp::parse(from).ok_or_else(|| words.odd("a date such as `2024-01-01`", from))?;
            Ok(Command::Backfill { model: words.model()?, from })
        },
    },
    CommandEntry {
        word: "allow-destructive",
        arguments: "MODEL",
        does: "lets a model or a column go that production shows; void after the next push",
        needs: Permission::Maintain,
        read: |words| Ok(Command::AllowDestructive { model: words.model()? }),
    },
    CommandEntry {
        word: "promote",
        arguments: "",
        does: "tries the promotion again after the merge",
        needs: Permission::Maintain,
        read: |_| Ok(Command::Promote),
    },
    CommandEntry {
        word: "drop",
        arguments: "",
        does: "drops the environment",
        needs: Permission::Write,
        read: |_| Ok(Command::Drop),
    },
    CommandEntry {
        word: "help",
        arguments: "",
        does: "shows this list",
        needs: Permission::Read,
        read: |_| Ok(Command::Help),
    },
];

/// The word that a comment for us begins with.
const CALL: &str = "/bot";

/// One command of the table.
pub struct CommandEntry {
    /// Its word.
    pub word: &'static str,
    /// What follows the word, as the help shows it; empty where nothing does.
    pub arguments: &'static str,
    /// What it does.
    pub does: &'static str,
    /// The permission on the repository that it needs by default.
    pub needs: Permission,
    read: fn(&mut Words<'_>) -> Result<Command, Misspoken>,
}

/// Something that a comment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Plan again.
    Plan,
    /// Build the environment.
    Apply,
    /// Load more of a model's past.
    Backfill {
        /// The model.
        model: ModelName,
        /// From when on.
        from: Timestamp,
    },
    /// Let something go that production shows.
    AllowDestructive {
        /// The model.
        model: ModelName,
    },
    /// Try the promotion again.
    Promote,
    /// Drop the environment.
    Drop,
    /// Show the list of commands.
    Help,
}

/// What somebody may do with a repository, least first; GitHub's own levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing.
    None,
    /// Read it.
    Read,
    /// Sort issues and pull requests.
    Triage,
    /// Push to it.
    Write,
    /// Manage it.
    Maintain,
    /// Everything.
    Admin,
}

/// Whether a comment asks us for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It does not.
    Nothing,
    /// It does; what it says may not be understood.
    Something(Result<Command, Misspoken>),
}

/// Why a comment for us is not understood; printed as the answer to whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misspoken {
    /// There is no such command.
    Unknown {
        /// The word.
        word: String,
        /// The command that is spelled like it.
        nearest: Option<&'static str>,
    },
    /// Something is missing.
    Missing {
        /// The command.
        usage: Usage,
        /// What.
        what: &'static str,
    },
    /// Something is not what was expected.
    Odd {
        /// The command.
        usage: Usage,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// There is a word too many.
    TooMuch {
        /// The command.
        usage: Usage,
        /// The word.
        word: String,
    },
}

/// How a command is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    word: &'static str,
    arguments: &'static str,
}

/// Reads a comment's text.
pub fn asked(body: &str) -> Asked {
    let line = body.lines().next().unwrap_or_default();
    let mut words = line.split_whitespace();
    if !line.starts_with(CALL) || words.next() != Some(CALL) {
        return Asked::Nothing;
    }
    // Who only calls us wants to know what there is.
    let word = words.next().unwrap_or("help");
    Asked::Something(command(word, words.collect()))
}

/// The list of commands as Markdown; every word of it is ours.
pub fn help() -> String {
    let lines =
        COMMANDS.iter().map(|entry| format!("* `{}` {} (needs `{}`)\n", entry.usage(), entry.does, entry.needs));
    lines.collect()
}

fn command(word: &str, words: Vec<&str>) -> Result<Command, Misspoken> {
    let Some(entry) = COMMANDS.iter().find(|entry| entry.word == word) else {
        let nearest = nearest(word, COMMANDS.iter().map(|entry| entry.word));
        return Err(Misspoken::Unknown { word: shown(word), nearest });
    };
    let mut words = Words { usage: entry.usage(), words };
    let command = (entry.read)(&mut words)?;
    match words.words.first() {
        None => Ok(command),
        Some(word) => Err(Misspoken::TooMuch { usage: words.usage, word: shown(word) }),
    }
}

impl Command {
    /// The permission that it needs by default.
    pub fn needs(&self) -> Permission {
        let word = match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Backfill { .. } => "backfill",
            Self::AllowDestructive { .. } => "allow-destructive",
            Self::Promote => "promote",
            Self::Drop => "drop",
            Self::Help => "help",
        };
        let entry = COMMANDS.iter().find(|entry| entry.word == word);
        entry.map_or(Permission::Admin, |entry| entry.needs)
    }
}

impl CommandEntry {
    /// How it is written.
    pub fn usage(&self) -> Usage {
        Usage { word: self.word, arguments: self.arguments }
    }
}

/// The words behind a command's own that nobody has taken yet.
struct Words<'a> {
    usage: Usage,
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn model(&mut self) -> Result<ModelName, Misspoken> {
        if self.words.is_empty() {
            return Err(Misspoken::Missing { usage: self.usage, what: "MODEL" });
        }
        let word = self.words.remove(0).trim_matches('`');
        ModelName::parse(word).ok_or_else(|| self.odd("a model's name such as `marts.orders`", word))
    }

    /// The value of `--name VALUE` or `--name=VALUE`, wherever it stands.
    fn option(&mut self, name: &'static str) -> Result<&'a str, Misspoken> {
        let missing = Misspoken::Missing { usage: self.usage, what: name };
        let value_of = |word: &'a str| word.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        if let Some(index) = self.words.iter().position(|word| value_of(word).is_some()) {
            return value_of(self.words.remove(index)).ok_or(missing);
        }
        let index = self.words.iter().position(|word| *word == name).filter(|index| index + 1 < self.words.len());
        let index = index.ok_or(missing)?;
        self.words.remove(index);
        Ok(self.words.remove(index))
    }

    fn odd(&self, expected: &'static str, found: &str) -> Misspoken {
        Misspoken::Odd { usage: self.usage, expected, found: shown(found) }
    }
}

impl Permission {
    /// GitHub's word for it; a role of an organisation's own making is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::None, Self::Read, Self::Triage, Self::Write, Self::Maintain, Self::Admin];
        all.into_iter().find(|permission| permission.name() == text)
    }

    /// GitHub's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{CALL} {}", self.word)?;
        if self.arguments.is_empty() { Ok(()) } else { write!(formatter, " {}", self.arguments) }
    }
}

/// Fit for Markdown: what somebody else wrote stands in code spans, without backticks of its own.
impl fmt::Display for Misspoken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { word, nearest } => {
                write!(formatter, "`{CALL} {word}` is no command")?;
                match nearest {
                    Some(nearest) => write!(formatter, "; did you mean `{CALL} {nearest}`?"),
                    None => write!(formatter, "; `{CALL} help` lists them all"),
                }
            }
            Self::Missing { usage, what } => write!(formatter, "`{what}` is missing: `{usage}`"),
            Self::Odd { usage, expected, found } => {
                write!(formatter, "`{found}` was found where {expected} was expected: `{usage}`")
            }
            Self::TooMuch { usage, word } => write!(formatter, "`{word}` is a word too many: `{usage}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> String {
        match asked(body) {
            Asked::Nothing => "nothing".to_owned(),
            Asked::Something(Ok(command)) => format!("{command:?}"),
            Asked::Something(Err(misspoken)) => misspoken.to_string(),
        }
    }

    #[test]
    fn every_command_is_read_from_its_own_help() {
        for entry in COMMANDS {
            let usage = entry.usage().to_string().replace("MODEL", "marts.orders").replace("DATE", "2024-01-01");
            let Asked::Something(Ok(command)) = asked(&usage) else { panic!("{usage}: {}", said(&usage)) };
            assert_eq!(command.needs(), entry.needs, "{usage}");
        }
    }

    #[test]
    fn only_the_first_line_counts_and_it_begins_with_the_call() {
        for body in
            ["", "plan", "please /bot plan", "> /bot plan", "    /bot plan", "\n/bot plan", "/botany", "/bot-plan"]
        {
            assert_eq!(said(body), "nothing", "{body:?}");
        }
        assert_eq!(said("/bot plan\r\n/bot drop"), "Plan");
        assert_eq!(said("/bot"), "Help");
    }

    #[test]
    fn arguments_stand_in_any_order() {
        let expected = said("/bot backfill marts.orders --from 2024-01-01");
        assert!(expected.starts_with("Backfill"), "{expected}");
        assert_eq!(said("/bot backfill --from=2024-01-01 `marts.orders`"), expected);
        assert_eq!(said("/bot  backfill\tmarts.orders   --from=2024-01-01 "), expected);
    }

    #[test]
    fn what_is_not_understood_is_answered() {
        let cases = [
            ("/bot plna", "`/bot plna` is no command; did you mean `/bot plan`?"),
            ("/bot PLAN", "`/bot PLAN` is no command; `/bot help` lists them all"),
            ("/bot plan now", "`now` is a word too many: `/bot plan`"),
            ("/bot backfill m", "`--from` is missing: `/bot backfill MODEL --from DATE`"),
            ("/bot backfill m --from", "`--from` is missing: `/bot backfill MODEL --from DATE`"),
            (
                "/bot backfill m --from soon",
                "`soon` was found where a date such as `2024-01-01` was expected: `/bot backfill MODEL --from DATE`",
            ),
            ("/bot allow-destructive", "`MODEL` is missing: `/bot allow-destructive MODEL`"),
            ("/bot x`@org/all", "`/bot x'@org/all` is no command; `/bot help` lists them all"),
        ];
        for (body, expected) in cases {
            assert_eq!(said(body), expected, "{body}");
        }
    }

    #[test]
    fn the_help_names_every_command_with_what_it_needs() {
        let help = help();
        assert_eq!(help.lines().count(), COMMANDS.len());
        assert!(help.starts_with("* `/bot plan` plans the pull request's head again (needs `write`)\n"), "{help}");
        assert!(help.contains("* `/bot backfill MODEL --from DATE` loads more of a model's past"), "{help}");
    }
}
