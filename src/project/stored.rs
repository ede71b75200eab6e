//! What is kept of a model file between two runs: everything but its query, which is read again where it is needed.
//!
//! Only files that are as usual as can be are kept: no problems, no statements beside the query, and a kind whose loading
//! never asks what the query says.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::calls::FileAudits;
use super::external::{self, Tables};
use super::file::ParsedFile;
use crate::hash::Digest;
use crate::ids::{FilePath, ModelName};
use crate::model::{Kind, Model, Properties, TimeRange};
use crate::sql::{Dialect, Mentions, Query};
use crate::yaml::Place;

/// What a model is made from until the loader says it.
pub(super) static UNSET: LazyLock<Digest> = LazyLock::new(|| Digest::of("model source", ""));

/// Where records are kept: by the digest of what they were made from.
pub trait Shelf: Sync + std::fmt::Debug {
    /// The record of a key.
    fn get(&self, key: Digest) -> Option<StoredFile>;
    /// Keeps a record.
    fn put(&self, key: Digest, file: &StoredFile);
}

/// What a file came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredFile {
    /// A model file without its query.
    Model(Box<StoredModel>),
    /// A file of declared tables.
    Tables(Vec<StoredTable>),
}

/// A model file without its query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredModel {
    name: ModelName,
    place: Place,
    kind: StoredKind,
    dialect: Dialect,
    properties: Arc<Properties>,
    mentions: Arc<Mentions>,
    references: Vec<(ModelName, Place)>,
    /// Where it asks for audits.
    audits: Option<Place>,
}

/// A table that is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTable {
    name: ModelName,
    place: Place,
    dialect: Dialect,
    properties: Arc<Properties>,
    source: Digest,
    /// Whether it is for the active gateway alone.
    specific: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StoredKind {
    View,
    Full,
    Materialized,
    Embedded,
    TimeRange(TimeRange),
}

impl StoredFile {
    /// What is kept of a model file; `None` where it must be read each time.
    pub(super) fn of_model(file: &ParsedFile) -> Option<Self> {
        let ParsedFile { name, model, seed, references, audits, wanted, problems, more } = file;
        let ((name, place), model) = (name.clone()?, model.as_ref()?);
        let beside = [&model.pre_statements, &model.post_statements, &model.on_virtual_update];
        let plain = beside.iter().all(|statements| statements.is_empty()) && model.query.is_some();
        // What a blueprint's names stand for is not kept, and its audits may ask for it.
        let alone = more.is_empty() && audits.inline.is_empty() && audits.locals.is_empty();
        if !plain || !wanted.is_empty() || seed.is_some() || !problems.is_empty() || !alone {
            return None;
        }
        let kind = match &model.kind {
            Kind::View => StoredKind::View,
            Kind::Full => StoredKind::Full,
            Kind::Materialized => StoredKind::Materialized,
            Kind::Embedded => StoredKind::Embedded,
            Kind::TimeRange(range) => StoredKind::TimeRange(range.clone()),
            // How a keyed model is loaded depends on whether its query mentions the interval.
            Kind::UniqueKey(_)
            | Kind::Partition(_)
            | Kind::Unmanaged(_)
            | Kind::ScdType2(_)
            | Kind::Seed(_)
            | Kind::External => {
                return None;
            }
        };
        let (properties, mentions) = (model.properties.clone(), model.mentions.clone());
        let references = references.clone();
        let dialect = model.dialect;
        let audits = audits.place;
        Some(Self::Model(Box::new(StoredModel {
            name,
            place,
            kind,
            dialect,
            properties,
            mentions,
            references,
            audits,
        })))
    }

    /// The model file as it was, its query unread; `None` where this is none.
    pub(super) fn model(self, path: &FilePath) -> Option<ParsedFile> {
        let Self::Model(stored) = self else { return None };
        let kind = match stored.kind {
            StoredKind::View => Kind::View,
            StoredKind::Full => Kind::Full,
            StoredKind::Materialized => Kind::Materialized,
            StoredKind::Embedded => Kind::Embedded,
            StoredKind::TimeRange(range) => Kind::TimeRange(range),
        };
        let model = Model {
            name: stored.name.clone(),
            path: path.clone(),
            kind,
            dialect: stored.dialect,
            query: Some(Query::unread(stored.dialect)),
            pre_statements: Vec::new(),
            post_statements: Vec::new(),
            on_virtual_update: Vec::new(),
            properties: stored.properties,
            mentions: stored.mentions,
            own_audits: Default::default(),
            source: *UNSET,
        };
        Some(ParsedFile {
            name: Some((stored.name, stored.place)),
            model: Some(model),
            seed: None,
            references: stored.references,
            audits: FileAudits { place: stored.audits, ..FileAudits::default() },
            wanted: BTreeSet::new(),
            problems: Vec::new(),
            more: Vec::new(),
        })
    }

    /// What is kept of a file of tables; `None` where something is wrong with it.
    pub(super) fn of_tables(tables: &Tables) -> Option<Self> {
        let stored = |file: &ParsedFile| {
            let ((name, place), model) = (file.name.clone()?, file.model.as_ref()?);
            let Model { dialect, source, .. } = *model;
            let specific = tables.specific.contains(&name);
            Some(StoredTable { name, place, dialect, properties: model.properties.clone(), source, specific })
        };
        let stored: Option<Vec<StoredTable>> = tables.files.iter().map(stored).collect();
        stored.filter(|_| tables.problems.is_empty()).map(Self::Tables)
    }

    /// The file of tables as it was; `None` where this is none.
    pub(super) fn tables(self, path: &FilePath) -> Option<Tables> {
        let Self::Tables(stored) = self else { return None };
        let specific = stored.iter().filter(|table| table.specific).map(|table| table.name.clone()).collect();
        let file = |StoredTable { name, place, dialect, properties, source, specific: _ }| {
            external::table(path, (name, place), dialect, properties, source)
        };
        Some(Tables { files: stored.into_iter().map(file).collect(), specific, problems: Vec::new() })
    }
}
