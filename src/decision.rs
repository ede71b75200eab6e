//! Decisions that rows are kept (`--forward-only`): of one definition of one model, by content, so that whoever plans the same
//! text later finds the same table. A flag of one command is in no commit; a decision is in the state.
//!
//! A decision names the data fingerprint that the model has without it, over its parents as they are decided. So it holds for
//! that definition over that data, wherever it is merged, and for no other one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::hash::{Digest, Hasher};
use crate::ids::{EnvironmentName, ModelName};
use crate::model::{Kind, Model, Past};
use crate::time::Timestamp;

/// That the rows of one definition of a model are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The model.
    pub model: ModelName,
    /// Its data fingerprint without the decision.
    pub data_fingerprint: Digest,
    /// For which environment it was made.
    pub environment: EnvironmentName,
    /// By whom; `None` where nobody knows. A text of strangers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What of a project was decided, and what is to be decided now.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    made: BTreeMap<ModelName, BTreeMap<Digest, Decision>>,
    /// Models whose rows are to be kept where their fingerprint is none of these.
    wanted: BTreeMap<ModelName, BTreeSet<Digest>>,
}

impl Decision {
    /// For which environment it was made, when and by whom, to go behind what was decided; not escaped.
    pub fn sentence(&self) -> String {
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        format!("of {} decided so at {}{by}", self.environment, self.at.date_time())
    }
}

impl FromIterator<Decision> for Decisions {
    fn from_iter<I: IntoIterator<Item = Decision>>(decisions: I) -> Self {
        let mut made: BTreeMap<ModelName, BTreeMap<Digest, Decision>> = BTreeMap::new();
        for decision in decisions {
            made.entry(decision.model.clone()).or_default().insert(decision.data_fingerprint, decision);
        }
        Self { made, wanted: BTreeMap::new() }
    }
}

impl Decisions {
    /// The same, and the rows of these models are to be kept in whatever definition is none of those that are known.
    #[must_use]
    pub fn wanting(self, known: BTreeMap<ModelName, BTreeSet<Digest>>) -> Self {
        Self { wanted: known, ..self }
    }

    /// Whether nothing is and nothing is to be decided.
    pub fn is_empty(&self) -> bool {
        self.made.is_empty() && self.wanted.is_empty()
    }

    /// What was decided of a model with this fingerprint.
    pub fn made(&self, model: &ModelName, data: Digest) -> Option<&Decision> {
        self.made.get(model)?.get(&data)
    }

    /// What was decided last of a model, of whichever definition.
    pub fn newest(&self, model: &ModelName) -> Option<&Decision> {
        self.made.get(model)?.values().max_by_key(|decision| decision.at)
    }

    /// Whether the rows of a model that has this fingerprint otherwise are kept.
    pub fn keep(&self, model: &ModelName, data: Digest) -> bool {
        let is_wanted = || self.wanted.get(model).is_some_and(|known| !known.contains(&data));
        self.made(model, data).is_some() || is_wanted()
    }

    /// Whether the same is decided of a model.
    pub fn agree(&self, other: &Self, model: &ModelName) -> bool {
        self.of(model) == other.of(model)
    }

    /// All that is decided of a model; `None` where nothing is.
    pub fn of(&self, model: &ModelName) -> Option<Digest> {
        let (made, wanted) = (self.made.get(model), self.wanted.get(model));
        if made.is_none() && wanted.is_none() {
            return None;
        }
        let hasher = Hasher::new("decided").digests(made.into_iter().flat_map(BTreeMap::keys).copied());
        let hasher = hasher.number(u64::from(wanted.is_some()));
        Some(hasher.digests(wanted.into_iter().flatten().copied()).finish())
    }
}

/// Why the rows of a model cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// They are already, whoever plans.
    Always,
    /// Its kind is filled as a whole, or not at all.
    Kind,
    /// `when_matched` or `merge_filter`: a load may come twice.
    AddsUp,
    /// It is loaded by key, and its query names the interval.
    ReadsInterval,
}

/// A model as if its file said `forward_only true`.
///
/// # Errors
/// It says so already, or may not.
pub fn kept(model: &Model) -> Result<Model, NotKept> {
    if model.past() != Past::Recomputed {
        return Err(NotKept::Always);
    }
    let kind = match &model.kind {
        Kind::TimeRange(range) => {
            let past = Past::Kept(range.changes);
            Kind::TimeRange(crate::model::TimeRange { past, ..range.clone() })
        }
        Kind::UniqueKey(key) if key.adds_up() => return Err(NotKept::AddsUp),
        Kind::UniqueKey(_) if model.query.as_ref().is_some_and(|query| query.template().mentions_interval()) => {
            return Err(NotKept::ReadsInterval);
        }
        Kind::UniqueKey(key) => {
            let past = Past::Kept(key.changes);
            Kind::UniqueKey(crate::model::UniqueKey { past, ..key.clone() })
        }
        _ => return Err(NotKept::Kind),
    };
    Ok(Model { kind, ..model.clone() })
}
