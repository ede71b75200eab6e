//! Why an event asks for nothing, told in one line.

use std::fmt;

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// An event that we do not act on.
    Event {
        /// Its name.
        name: String,
    },
    /// An event that we act on, with an action that we do not act on.
    Action {
        /// The event's name.
        event: &'static str,
        /// Its action.
        action: String,
    },
    /// The pull request was edited, and goes into the same branch as before.
    SameBase,
    /// A label came or went that means nothing to us.
    OtherLabel {
        /// Its name.
        name: String,
    },
    /// A label of ours came or went on a pull request of a fork, whose data is never compared.
    LabelOfFork,
    /// A label of ours came or went on a pull request that is over.
    LabelOfClosed,
    /// A comment on an issue that is no pull request.
    PlainIssue,
    /// A comment that does not ask us anything.
    NoCommand,
    /// A comment that a program wrote; answering it could go on for ever.
    WrittenByProgram,
    /// Something that is no branch was pushed or deleted.
    NoBranch {
        /// What.
        reference: String,
    },
    /// A push that deleted its branch; `delete` tells the same.
    PushDeletes {
        /// The branch.
        reference: String,
    },
}

impl fmt::Display for Ignored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { name } => write!(formatter, "`{}` is no event that the bot acts on", shown(name)),
            Self::Action { event, action } => {
                write!(formatter, "the bot does not act on `{event}` with the action `{}`", shown(action))
            }
            Self::SameBase => formatter.write_str("the pull request was edited, not its base branch"),
            Self::OtherLabel { name } => write!(formatter, "the label `{}` means nothing to the bot", shown(name)),
            Self::LabelOfFork => formatter.write_str("a label changes nothing about a pull request of a fork"),
            Self::LabelOfClosed => formatter.write_str("a label changes nothing about a pull request that is closed"),
            Self::PlainIssue => formatter.write_str("the comment is on an issue, not on a pull request"),
            Self::NoCommand => formatter.write_str("the comment does not begin with `/bot`"),
            Self::WrittenByProgram => formatter.write_str("the comment was written by a program"),
            Self::NoBranch { reference } => write!(formatter, "`{}` is no branch", shown(reference)),
            Self::PushDeletes { reference } => {
                write!(formatter, "the push deleted `{}`, which the event `delete` tells too", shown(reference))
            }
        }
    }
}

/// A text of the payload, fit to stand between backticks.
pub(super) fn shown(text: &str) -> String {
    crate::visible::quotable(text, 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_on_its_line() {
        let why = Ignored::Event { name: format!("x\n::error::`y`\u{202e}{}", "z".repeat(500)) };
        let text = why.to_string();
        assert!(text.starts_with("`x\\n::error::'y'\\u{202E}zzz"), "{text}");
        assert!(text.chars().count() < 160 && text.contains('…'), "{text}");
    }
}
