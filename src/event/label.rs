//! The labels of a pull request that mean something to the bot. All others are dropped as they are read: their names are
//! anybody's text.

use serde::Deserialize;

/// A label that the bot knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// The data of every model that differs is compared.
    DiffAll,
}

impl Label {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::DiffAll => "bot:diff-all",
        }
    }

    /// GitHub tells labels apart without regard to case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::DiffAll].into_iter().find(|label| name.eq_ignore_ascii_case(label.name()))
    }
}

/// A label as GitHub shows it.
#[derive(Deserialize)]
pub(super) struct RawLabel {
    pub(super) name: String,
}
