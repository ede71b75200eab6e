//! Decisions that rows are kept (`--forward-only`), all of them or those before a moment (`--effective-from`): of one definition of
//! one model, by content, so that whoever plans the same text later finds the same table. A flag of one command is in no commit; a
//! decision is in the state.
//!
//! A decision names the data fingerprint that the model has without it, over its parents as they are decided. So it holds for
//! that definition over that data, wherever it is merged, and for no other one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::hash::{Digest, Hasher};
use crate::ids::{EnvironmentName, ModelName};
use crate::model::{Kind, Model, Past};
use crate::time::{IntervalUnit, Timestamp};

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
    /// Which rows.
    #[serde(default, skip_serializing_if = "KeptRows::is_all")]
    pub rows: KeptRows,
}

/// Which rows of a model are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeptRows {
    /// Of a model that is loaded by ranges of time those before this moment, as it was stated; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Timestamp>,
}

/// That rows of a model are to be kept, unless it is as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The fingerprints under which it is as it was.
    pub known: BTreeSet<Digest>,
    /// Which rows.
    pub rows: KeptRows,
}

/// What of a project was decided, and what is to be decided now.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    made: BTreeMap<ModelName, BTreeMap<Digest, Decision>>,
    wanted: BTreeMap<ModelName, Wanted>,
}

impl Decision {
    /// What was said, for which environment, when and by whom; not escaped.
    pub fn what(&self) -> String {
        format!("`{}` {}", self.rows.flags(), self.sentence())
    }

    /// For which environment it was made, when and by whom, to go behind [`KeptRows::flags`]; not escaped.
    pub fn sentence(&self) -> String {
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        format!("of {} decided so at {}{by}", self.environment, self.at.date_time())
    }
}

impl KeptRows {
    /// Whether these are all of its rows.
    pub fn is_all(&self) -> bool {
        self.effective_from.is_none()
    }

    /// What kept them, as it is said on the command line.
    pub fn flags(self) -> String {
        match self.effective_from {
            Some(from) => format!("--forward-only --effective-from {}", said(from)),
            None => "--forward-only".to_owned(),
        }
    }

    /// Which rows of a model they are, to go before a verb.
    pub fn subject(self) -> String {
        self.effective_from.map_or_else(|| "its rows".to_owned(), |from| format!("its rows before {}", said(from)))
    }
}

/// A moment without a time of day that is none.
fn said(moment: Timestamp) -> String {
    if IntervalUnit::Day.floor(moment) == moment { moment.date() } else { moment.date_time() }
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
    pub fn wanting(self, wanted: BTreeMap<ModelName, Wanted>) -> Self {
        Self { wanted, ..self }
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

    /// Which rows of a model that has this fingerprint otherwise are kept; `None` where it is computed again.
    pub fn rows(&self, model: &ModelName, data: Digest) -> Option<KeptRows> {
        let wanted = || self.wanted.get(model).filter(|wanted| !wanted.known.contains(&data)).map(|wanted| wanted.rows);
        self.made(model, data).map(|decision| decision.rows).or_else(wanted)
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
        let hasher = hasher.digests(wanted.into_iter().flat_map(|wanted| &wanted.known).copied());
        let rows = made.into_iter().flat_map(BTreeMap::values).map(|decision| decision.rows);
        let rows = rows.chain(wanted.map(|wanted| wanted.rows));
        let from = rows.map(|rows| rows.effective_from.map(Timestamp::rfc3339));
        Some(from.fold(hasher, |hasher, from| hasher.option(from.as_deref())).finish())
    }
}

/// Why the rows of a model cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// They are already, whoever plans.
    Always,
    /// Its kind is filled as a whole, or not at all.
    Kind,
    /// `when_matched` or `merge_filter`, and nothing says which loads are in the rows: one may come twice.
    AddsUp,
}

/// A model as if its file said `forward_only true`, of these rows.
///
/// # Errors
/// It says so already, or may not.
pub fn kept(model: &Model, rows: KeptRows) -> Result<Model, NotKept> {
    if model.past() != Past::Recomputed {
        return Err(NotKept::Always);
    }
    let kind = match &model.kind {
        Kind::TimeRange(range) => {
            let past = Past::Kept(range.changes);
            let effective_from = rows.effective_from.map(|from| model.unit().floor(from));
            Kind::TimeRange(crate::model::TimeRange { past, effective_from, ..range.clone() })
        }
        Kind::UniqueKey(key) if key.adds_up() && !model.names_interval() => return Err(NotKept::AddsUp),
        Kind::UniqueKey(key) => {
            let past = Past::Kept(key.changes);
            Kind::UniqueKey(crate::model::UniqueKey { past, ..key.clone() })
        }
        _ => return Err(NotKept::Kind),
    };
    Ok(Model { kind, ..model.clone() })
}
