//! What a rollback moves, what of it is older than what is shown now, and what it holds back afterwards.
//!
//! Nothing here asks a state, a warehouse or a clock.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::gc::Mode;
use crate::hash::Digest;
use crate::history::Who;
use crate::ids::{CommitId, EnvironmentName, ModelName};
use crate::time::{Interval, IntervalUnit, Intervals, Timestamp};
use crate::visible::visible;

/// What a rollback did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// Whether it was done.
    pub mode: Mode,
    /// The environment.
    pub environment: EnvironmentName,
    /// What was shown before.
    pub from: Entry,
    /// What is shown again.
    pub to: Entry,
    /// The models whose pointers move.
    pub moved: Vec<Moved>,
    /// Views that are made, pointed elsewhere or dropped.
    pub swapped: usize,
    /// What promote refuses from now on.
    pub hold: Hold,
}

/// An entry of an environment's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// Its commit, where there is one.
    pub commit: Option<CommitId>,
    /// When it was made.
    pub at: Timestamp,
}

/// A model whose pointer moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The model.
    pub model: ModelName,
    /// Its data fingerprint before; `None` where there was no such model.
    pub from: Option<Digest>,
    /// Its data fingerprint afterwards; `None` where the model goes.
    pub to: Option<Digest>,
    /// To where its table is loaded afterwards, where it is loaded by time.
    pub loaded_to: Option<Timestamp>,
    /// The newest fill or load of that table.
    pub filled_at: Option<Timestamp>,
    /// In what that table is behind the one that was shown before.
    pub behind: Vec<Behind>,
}

/// In what a table is behind another one of its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The other one holds ranges that it does not.
    Lacks {
        /// The ranges.
        ranges: Vec<Interval>,
        /// The grain in which they are told.
        unit: IntervalUnit,
    },
    /// The other one was filled or loaded later.
    FilledEarlier {
        /// When it was.
        at: Timestamp,
        /// When the other one was.
        other: Timestamp,
    },
}

/// Where a model points, and how fresh that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Its data fingerprint.
    pub data: Digest,
    /// What is known of its table; `None` where it has none.
    pub table: Option<Freshness>,
}

/// How fresh a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// What is loaded; `None` where it is filled as a whole.
    pub intervals: Option<Intervals>,
    /// The grain of that.
    pub unit: IntervalUnit,
    /// Its newest fill or load.
    pub filled_at: Option<Timestamp>,
}

/// The models whose pointers move, with what gets older by that.
pub fn moved(before: &BTreeMap<ModelName, Stand>, after: &BTreeMap<ModelName, Stand>) -> Vec<Moved> {
    let names: BTreeSet<&ModelName> = before.keys().chain(after.keys()).collect();
    let of = |name: &ModelName| {
        let (was, becomes) = (before.get(name), after.get(name));
        let (from, to) = (was.map(|stand| stand.data), becomes.map(|stand| stand.data));
        let (old, new) = (was.and_then(|stand| stand.table.as_ref()), becomes.and_then(|stand| stand.table.as_ref()));
        (from != to).then(|| Moved {
            model: name.clone(),
            from,
            to,
            loaded_to: new.and_then(|table| table.intervals.as_ref()?.end()),
            filled_at: new.and_then(|table| table.filled_at),
            behind: old.zip(new).map(|(old, new)| new.behind(old)).unwrap_or_default(),
        })
    };
    names.into_iter().filter_map(of).collect()
}

impl Freshness {
    fn behind(&self, other: &Self) -> Vec<Behind> {
        let mut behind = Vec::new();
        // What is filled as a whole says nothing of ranges.
        if let (Some(own), Some(other)) = (&self.intervals, &other.intervals) {
            let lacking = other.minus(own);
            if !lacking.is_empty() {
                behind.push(Behind::Lacks { ranges: lacking.ranges().to_vec(), unit: self.unit });
            }
        }
        if let (Some(at), Some(other)) = (self.filled_at, other.filled_at)
            && at < other
        {
            behind.push(Behind::FilledEarlier { at, other });
        }
        behind
    }
}

impl Behind {
    /// As JSON has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Lacks { .. } => "lacks",
            Self::FilledEarlier { .. } => "filled_earlier",
        }
    }
}

/// What keeps promote from bringing back what was rolled back. The serialised form is part of the state's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who rolled back last, texts of strangers.
    pub who: Who,
    /// When.
    pub at: Timestamp,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The entry that was shown before.
    pub from: u64,
    /// The entry that was shown again.
    pub to: u64,
    /// The commit that was promoted last before any of this was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<CommitId>,
    /// The version of the fingerprints below.
    pub algorithm: u64,
    /// Everything that was rolled back and not released since.
    pub rolled_back: BTreeSet<RolledBack>,
}

/// What ends the hold of an environment, for whoever reads that there is one.
pub fn ends(environment: &EnvironmentName) -> String {
    format!("merge a revert or a fix, or let it through all the same: `{}`", release_command(environment))
}

/// What a person types who ends the hold of an environment.
pub fn release_command(environment: &EnvironmentName) -> String {
    match environment.is_prod() {
        true => "bot promote --release".to_owned(),
        false => format!("bot promote --to {environment} --release"),
    }
}

/// Where a model pointed that was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RolledBack {
    /// The model.
    pub model: ModelName,
    /// Its data fingerprint, with the name the key of its table; `None` where the model was gone.
    pub data_fingerprint: Option<Digest>,
}

/// What becomes of an environment's hold as a promote or rollback ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldChange {
    /// It stays as it is, whether there is one or not.
    #[default]
    Stays,
    /// It begins, in place of another one.
    Begins(Box<Hold>),
    /// It ends.
    Ends,
}

/// What a tree has of what was rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contained {
    /// Nothing of it: a revert or a fix was merged.
    Nothing,
    /// These models point again at what was rolled back, or are gone again.
    Models(Vec<ModelName>),
    /// Nobody can tell: the hold knows fingerprints of another version of this program.
    Unknown,
}

impl Hold {
    /// The hold after one more rollback: what is shown again is held back no longer.
    pub fn after(self, before: Option<Self>, after: &BTreeMap<ModelName, Stand>) -> Self {
        let Some(before) = before else { return self.without(after) };
        // Fingerprints of two versions are never compared: until somebody decides, the older ones count.
        let algorithm = self.algorithm.min(before.algorithm);
        let rolled_back = self.rolled_back.union(&before.rolled_back).cloned().collect();
        let promoted = before.promoted.or(self.promoted);
        Self { rolled_back, promoted, algorithm, ..self }.without(after)
    }

    fn without(mut self, shown: &BTreeMap<ModelName, Stand>) -> Self {
        self.rolled_back.retain(|rolled_back| {
            shown.get(&rolled_back.model).map(|stand| stand.data) != rolled_back.data_fingerprint
        });
        self
    }

    /// What of it a tree has again, by the data fingerprints of its models.
    pub fn contained(&self, algorithm: u64, fingerprint: impl Fn(&ModelName) -> Option<Digest>) -> Contained {
        if self.algorithm != algorithm {
            return Contained::Unknown;
        }
        let is_there = |rolled_back: &&RolledBack| fingerprint(&rolled_back.model) == rolled_back.data_fingerprint;
        let models: Vec<ModelName> =
            self.rolled_back.iter().filter(is_there).map(|rolled_back| rolled_back.model.clone()).collect();
        if models.is_empty() { Contained::Nothing } else { Contained::Models(models) }
    }

    /// Who holds an environment, since when and why, on one line without anything hidden in it.
    pub fn sentence(&self, environment: &EnvironmentName) -> String {
        format!("`{environment}` is held: {}", self.account())
    }

    /// Who rolled back what, when and why, on one line without anything hidden in it.
    pub fn account(&self) -> String {
        let who = self.who.name.as_deref().map_or_else(|| "somebody".to_owned(), brief);
        let run = self.who.run.as_deref().map_or(String::new(), |run| format!(" ({})", brief(run)));
        let why = match &self.why {
            Some(why) => format!(": {}", brief(why)),
            None => ", and did not say why".to_owned(),
        };
        let (from, to, at) = (self.from, self.to, self.at.date_time());
        format!("{who} rolled it back from entry {from} to entry {to} on {at}{run}{why}")
    }
}

/// A text of a stranger, of a length that leaves room for others.
fn brief(text: &str) -> String {
    const MOST: usize = 300;
    let text = visible(text.trim());
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
