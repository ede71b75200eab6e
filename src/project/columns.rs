//! Files whose macros ask for the columns of other tables (`@STAR` with a prefix, `@UNION`): they are read again when these are
//! known, which may take several rounds where such tables read one another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::file::{self, ParsedFile};
use super::loader::{Loader, OfFile};
use super::macros::{Columns, TableColumns};
use crate::hash::Hasher;
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::{Kind, Model};
use crate::problem::Problem;
use crate::sql::{Dialect, Projection, ProjectionItem, Query, projections};

/// A file that asks.
pub(super) struct Asking {
    pub(super) path: FilePath,
    pub(super) blob: BlobId,
    /// The tables whose columns it asks for.
    pub(super) wanted: BTreeSet<ModelName>,
}

type Known = BTreeMap<ModelName, TableColumns>;

impl Loader<'_> {
    /// Reads the files again that ask for columns. Those whose tables nobody knows tell it.
    pub(super) fn read_again(&mut self, mut asking: Vec<Asking>) {
        let mut known = Known::new();
        while !asking.is_empty() {
            self.learn(&asking, &mut known);
            let is_answered = |asking: &Asking| asking.wanted.iter().all(|name| known.contains_key(name));
            let (answered, rest): (Vec<Asking>, Vec<Asking>) = asking.into_iter().partition(is_answered);
            let (now, later) = if answered.is_empty() { (rest, Vec::new()) } else { (answered, rest) };
            let read: Vec<_> = now.par_iter().map(|asking| self.answered(asking, &known)).collect();
            for (asking, read) in now.iter().zip(read) {
                match read {
                    Ok(file) => self.take_answered(asking, &file, &known),
                    Err(problem) => self.problems.push(problem),
                }
            }
            asking = later;
        }
    }

    fn answered(&self, asking: &Asking, known: &Known) -> Result<ParsedFile, Problem> {
        Ok(file::parse(&asking.path, &self.text(&asking.path)?, self.rules, Columns::Known(known)))
    }

    /// A file's model with its audits and rows, and what is wrong with what it asks for.
    pub(super) fn linked(
        &self,
        (path, blob): (&FilePath, &BlobId),
        content: &ParsedFile,
        model: Option<Model>,
    ) -> (OfFile, Vec<Problem>) {
        let Some(mut model) = model else { return (None, Vec::new()) };
        let (audits, mut told) = self.known().link(&mut model, &content.audits);
        let (model, strange) = self.model_of(blob, path, (content.seed.as_ref(), audits), model);
        told.extend(strange);
        (Some(model), told)
    }

    /// The models that were read by now.
    fn found_models(&self) -> impl Iterator<Item = (&ModelName, &Arc<Model>)> {
        self.found.iter().filter_map(|(name, found)| Some((name, found.model.as_ref()?)))
    }

    /// What such a model was read from is those columns too.
    fn take_answered(&mut self, asking: &Asking, file: &ParsedFile, known: &Known) {
        let before = self.digest;
        let hasher = Hasher::new("with columns").digest(before);
        let used = asking.wanted.iter().filter_map(|name| Some((name, known.get(name)?)));
        let hasher = used.fold(hasher, |hasher, (name, table)| hasher.text(&name.to_string()).digest(table.digest()));
        self.digest = hasher.finish();
        let (model, told) = self.linked((&asking.path, &asking.blob), file, file.model.clone());
        self.problems.extend(told);
        self.take((&asking.path, &asking.blob), file, model);
        self.digest = before;
    }

    /// The columns of tables that are asked for, as far as their models are there by now.
    fn learn(&self, asking: &[Asking], known: &mut Known) {
        let wanted = asking.iter().flat_map(|asking| &asking.wanted).filter(|name| !known.contains_key(*name));
        let wanted: BTreeSet<&ModelName> = wanted.collect();
        let mut found: BTreeMap<&ModelName, &Arc<Model>> = BTreeMap::new();
        for (name, model) in self.found_models().filter(|(name, _)| wanted.contains(name)) {
            found.entry(name).or_insert(model);
        }
        let found = found.into_par_iter().filter_map(|(name, model)| Some((name.clone(), self.columns_of(model)?)));
        known.extend(found.collect::<Vec<_>>());
    }

    fn columns_of(&self, model: &Model) -> Option<TableColumns> {
        let mut columns: Vec<TypedColumn> = match &model.kind {
            Kind::Seed(seed) => {
                seed.columns.iter().map(|column| (column.name.clone(), Some(column.data_type.clone()))).collect()
            }
            _ if !model.properties.columns.is_empty() => {
                let declared = model.properties.columns.iter();
                declared.map(|column| (column.name.clone(), column.data_type.clone())).collect()
            }
            _ => self.projected(model)?,
        };
        if let Kind::ScdType2(scd) = &model.kind {
            let validity = [&scd.valid_from, &scd.valid_to];
            columns.retain(|(name, _)| !validity.contains(&name));
            columns.extend(validity.map(|name| (name.clone(), Some(scd.time_type.clone()))));
        }
        // As the dialect compares them, so that macros can too.
        let folded = |(name, data_type): (String, _)| (model.dialect.fold_name(&name, true), data_type);
        let is_known = model.dialect != Dialect::Snowflake;
        is_known.then(|| TableColumns { dialect: model.dialect, columns: columns.into_iter().map(folded).collect() })
    }

    /// The names that a query gives its columns, with the types that it casts them to; `None` where the engine or a star names them.
    fn projected(&self, model: &Model) -> Option<Vec<TypedColumn>> {
        let query = model.query.as_ref()?;
        if !query.is_unread() {
            return named(query);
        }
        let file = file::parse(&model.path, &self.text(&model.path).ok()?, self.rules, Columns::Never);
        let models = std::iter::once(&file).chain(&file.more).filter_map(|file| file.model.as_ref());
        named(models.filter(|read| read.name == model.name).find_map(|read| read.query.as_ref())?)
    }
}

/// A name, and the type of its column.
pub(super) type TypedColumn = (String, Option<String>);

/// The names that a query states for all of its columns, as the dialect folds them, with the types that it casts them to.
pub(super) fn named(query: &Query) -> Option<Vec<TypedColumn>> {
    let text = query.text().to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    // Then there are columns of every SELECT.
    if words.windows(2).any(|pair| pair == ["by", "name"]) {
        return None;
    }
    let lists = projections(query, &query.syntax())?;
    // Of several SELECTs the engine finds a type that takes them all.
    let is_alone = lists.len() == 1;
    let typed = |projection: &Projection| match &projection.item {
        ProjectionItem::Named(name) => Some((name.clone(), projection.data_type.clone().filter(|_| is_alone))),
        _ => None,
    };
    let columns: Vec<TypedColumn> = lists.first()?.iter().map(typed).collect::<Option<_>>()?;
    let distinct: BTreeSet<&String> = columns.iter().map(|(name, _)| name).collect();
    (distinct.len() == columns.len()).then_some(columns)
}
