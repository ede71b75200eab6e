//! Rows that another program has made under the name of a model and that no query gives again: the model's table goes on from
//! them as it would from production's own. Who finds them is the caller's business; here they are one more table to go on from.

use std::collections::BTreeMap;

use super::build::{Known, KnownLoad, KnownTable, Sharing, ShownBefore};
use crate::hash::{Digest, Hasher};
use crate::ids::{ModelName, TableName};
use crate::model::KindName;
use crate::naming::TableKey;
use crate::time::{Interval, Intervals, Timestamp};

/// What another program has made under the name of a model whose rows are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The table or view.
    pub table: TableName,
    /// The kind that it is taken for, which is the model's.
    pub kind: KindName,
    /// Which ranges are in it, of a model that is loaded by time; none of another one. They need not be whole units: the rest
    /// of one is loaded with all of it.
    pub loaded: Intervals,
    /// What says how much is loaded.
    pub known_by: KnownBy,
    /// Up to where intervals are laid, of a model that lays one after the other; `None` of another one.
    pub laid: Option<Timestamp>,
    /// When it was looked at.
    pub at: Timestamp,
    /// What no other attempt has, for the name of the model's table. One that an attempt left half-way is none to go on from:
    /// whoever put the rows there may have taken them back since.
    pub attempt: String,
}

/// What says how much of a model another program has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// That program's own state.
    State,
    /// The rows alone.
    Rows,
}

impl Adopted {
    /// What the rows of others are called in a plan. No model has that fingerprint, and no state.
    pub(super) fn key(model: &ModelName) -> TableKey {
        TableKey { model: model.clone(), data_fingerprint: Digest::of("adopted", "") }
    }

    /// What the model's table is named after, in place of its own key.
    pub(super) fn name_key(&self, own: &TableKey) -> TableKey {
        let data_fingerprint = Hasher::new("adopted table").digest(own.data_fingerprint).text(&self.attempt).finish();
        TableKey { model: own.model.clone(), data_fingerprint }
    }

    fn as_known(&self) -> KnownTable {
        let load = |interval: &Interval| KnownLoad { interval: *interval, at: self.at, inputs: None };
        let loads: Vec<KnownLoad> = self.loaded.ranges().iter().map(load).collect();
        KnownTable {
            table: self.table.clone(),
            kind: self.kind,
            filled_at: loads.is_empty().then_some(self.at),
            loads,
            inputs: Vec::new(),
            seen: None,
            sharing: Sharing::Own,
            shown: ShownBefore::No,
        }
    }
}

impl Known {
    /// The same, and what another program has made of models of which prod shows nothing.
    #[must_use]
    pub fn with_adopted(mut self, adopted: &BTreeMap<ModelName, Adopted>) -> Self {
        for (model, adopted) in adopted.iter().filter(|(model, _)| !self.prod.contains_key(*model)).collect::<Vec<_>>()
        {
            self.tables.insert(Adopted::key(model), adopted.as_known());
            self.adopted.insert(model.clone(), adopted.clone());
        }
        self
    }

    /// What another program has made of a model, where nothing else is there to go on from.
    pub(super) fn adopted_of(&self, model: &ModelName) -> Option<&Adopted> {
        let is_shown = self.prod.contains_key(model) || self.reference.contains_key(model);
        self.adopted.get(model).filter(|_| !is_shown)
    }
}
