//! What is kept of a model file between two runs: everything but its query, which is read again where it is needed.
//!
//! Only files that are as usual as can be are kept: no problems, no statements beside the query, and a kind whose loading
//! never asks what the query says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::file::ParsedFile;
use crate::hash::Digest;
use crate::ids::{FilePath, ModelName};
use crate::model::{Kind, Model, Properties, TimeRange};
use crate::sql::{Dialect, Mentions, Query};
use crate::yaml::Place;

/// Where records are kept: by the digest of what they were made from.
pub trait Shelf: Sync + std::fmt::Debug {
    /// The record of a key.
    fn get(&self, key: Digest) -> Option<StoredFile>;
    /// Keeps a record.
    fn put(&self, key: Digest, file: &StoredFile);
}

/// A model file without its query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    name: ModelName,
    place: Place,
    kind: StoredKind,
    dialect: Dialect,
    properties: Properties,
    mentions: Mentions,
    references: Vec<(ModelName, Place)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StoredKind {
    View,
    Full,
    Embedded,
    TimeRange(TimeRange),
}

impl StoredFile {
    /// What is kept of a file; `None` where it must be read each time.
    pub(super) fn of(file: &ParsedFile) -> Option<Self> {
        let ParsedFile { name, model, seed, references, problems } = file;
        let ((name, place), model) = (name.clone()?, model.as_ref()?);
        let plain = model.pre_statements.is_empty() && model.post_statements.is_empty() && model.query.is_some();
        if !plain || seed.is_some() || !problems.is_empty() {
            return None;
        }
        let kind = match &model.kind {
            Kind::View => StoredKind::View,
            Kind::Full => StoredKind::Full,
            Kind::Embedded => StoredKind::Embedded,
            Kind::TimeRange(range) => StoredKind::TimeRange(range.clone()),
            // How a keyed model is loaded depends on whether its query mentions the interval.
            Kind::UniqueKey(_) | Kind::Seed(_) | Kind::External => return None,
        };
        Some(Self {
            name,
            place,
            kind,
            dialect: model.dialect,
            properties: Properties::clone(&model.properties),
            mentions: Mentions::clone(&model.mentions),
            references: references.clone(),
        })
    }

    /// The file as it was, its query unread.
    pub(super) fn file(self, path: &FilePath) -> ParsedFile {
        let kind = match self.kind {
            StoredKind::View => Kind::View,
            StoredKind::Full => Kind::Full,
            StoredKind::Embedded => Kind::Embedded,
            StoredKind::TimeRange(range) => Kind::TimeRange(range),
        };
        let model = Model {
            name: self.name.clone(),
            path: path.clone(),
            kind,
            dialect: self.dialect,
            query: Some(Query::unread(self.dialect)),
            pre_statements: Vec::new(),
            post_statements: Vec::new(),
            properties: Arc::new(self.properties),
            mentions: Arc::new(self.mentions),
            source: Digest::of("model source", ""),
        };
        ParsedFile {
            name: Some((self.name, self.place)),
            model: Some(model),
            seed: None,
            references: self.references,
            problems: Vec::new(),
        }
    }
}
