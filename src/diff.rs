//! What happened between two trees, model by model, read off their fingerprints; every entry carries its reasons.
//!
//! Nothing here depends on which version came before: the categories follow from the hashes alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Category, Change, Reason};
use crate::fingerprint::{
    Batching, Fingerprint, SameContext, Tree, data_values, fingerprint_one, metadata_values, over_originals,
};
use crate::hash::Digest;
use crate::ids::ModelName;
use crate::model::{Kind, KindName, Model};
use crate::sql::{OutputName, Read, ShapeColumn, TableShape};

/// One model that something touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDiff {
    /// Its name.
    pub name: ModelName,
    /// What happened.
    pub change: Change,
    /// What that means for readers.
    pub category: Category,
    /// Why, most important first.
    pub reasons: Vec<Reason>,
}

/// Compares two trees: touched models in graph order, removed ones last.
pub fn diff(before: &Tree, after: &Tree) -> Vec<ModelDiff> {
    let same = SameContext::of(before, after);
    let changed = after.graph.order().iter().filter_map(|name| compare(name, before, after, same.as_ref()));
    let removed = before.fingerprints.keys().filter_map(|name| removed(name, before, after));
    changed.chain(removed).collect()
}

/// What happened to one model of either tree; `None` where neither it nor a parent moved.
pub fn diff_of(name: &ModelName, before: &Tree, after: &Tree) -> Option<ModelDiff> {
    let same = SameContext::of(before, after);
    compare(name, before, after, same.as_ref()).or_else(|| removed(name, before, after))
}

fn removed(name: &ModelName, before: &Tree, after: &Tree) -> Option<ModelDiff> {
    let is_gone = !after.models.contains_key(name) && !after.broken.contains(name);
    (is_gone && before.fingerprints.contains_key(name)).then(|| ModelDiff {
        name: name.clone(),
        change: Change::Removed,
        category: Category::None,
        reasons: vec![Reason::Removed],
    })
}

fn compare(name: &ModelName, before: &Tree, after: &Tree, same: Option<&SameContext<'_>>) -> Option<ModelDiff> {
    // Nothing that it is made from differs, so nothing of it or of its parents did; nobody may have looked at it.
    if before.sources.get(name).is_some_and(|source| after.sources.get(name) == Some(source)) {
        return None;
    }
    let model = after.models.get(name)?;
    let new = after.fingerprints.get(name)?;
    let (change, category, mut reasons) = match before.fingerprints.get(name).zip(before.models.get(name)) {
        None => (Change::Added, Category::None, vec![Reason::Added]),
        Some((old, old_model)) if old.data == new.data => {
            if old.metadata == new.metadata {
                return unaffected(name, before, after);
            }
            let reasons = metadata_reasons(old_model, model);
            return Some(ModelDiff {
                name: name.clone(),
                change: Change::Metadata,
                category: Category::Metadata,
                reasons,
            });
        }
        Some((old, old_model)) => {
            let parents =
                |parent: &ModelName| before.fingerprints.get(parent).or_else(|| after.fingerprints.get(parent));
            // Most models that move read one that did, and are themselves what they were.
            let analysed = over_originals(model, &after.models);
            let anew = || fingerprint_one(&analysed, &after.graph, &after.context, &parents);
            let own = match same {
                Some(same) if same.is_made_alike(name) => Cow::Borrowed(old),
                _ => Cow::Owned(anew()),
            };
            debug_assert_eq!(own.data, anew().data, "`{name}` is made alike");
            let mut reasons = Vec::new();
            let change = if own.data == old.data { Change::Indirect } else { Change::Modified };
            if change == Change::Modified {
                if before.context.engine != after.context.engine {
                    reasons.push(Reason::ContextChanged);
                }
                reasons.extend(own_reasons((old_model, old), (model, &own)));
            }
            if own.data != new.data {
                reasons.extend(inherited_reasons(new, before, after, name));
            }
            reasons.extend(metadata_reasons(old_model, model));
            (change, category(&old.shape, &new.shape), reasons)
        }
    };
    if let Some((undecided, rows)) = new.undecided.zip(after.decided_rows(name)) {
        reasons.insert(0, Reason::RowsKept { rows, decision: after.context.decisions.made(name, undecided).cloned() });
    }
    reasons.extend(remarks(model, new));
    Some(ModelDiff { name: name.clone(), change, category, reasons })
}

/// A parent moved and this model did not: worth saying, because elsewhere it would have been rebuilt.
fn unaffected(name: &ModelName, before: &Tree, after: &Tree) -> Option<ModelDiff> {
    let moved = |parent: &&ModelName| {
        let data = |tree: &Tree| tree.fingerprints.get(*parent).map(|fingerprint| fingerprint.data);
        data(before).is_some_and(|old| data(after) != Some(old))
    };
    let parents = after.graph.parents(name).filter(moved).cloned();
    let reasons: Vec<Reason> = parents.map(|parent| Reason::ReadsNothingChanged { parent }).collect();
    let diff = ModelDiff { name: name.clone(), change: Change::Unaffected, category: Category::None, reasons };
    (!diff.reasons.is_empty()).then_some(diff)
}

/// Breaking where rows or an existing column moved, non-breaking where columns were only added.
fn category(old: &TableShape, new: &TableShape) -> Category {
    let (Some(old_columns), Some(new_columns)) = (&old.columns, &new.columns) else { return Category::Breaking };
    let kept: Vec<&ShapeColumn> =
        new_columns.iter().filter(|column| old_columns.iter().any(|old| old.name == column.name)).collect();
    let same = |(old, new): (&ShapeColumn, &&ShapeColumn)| old.name == new.name && old.hash == new.hash;
    let only_added = old.rows == new.rows && kept.len() == old_columns.len() && old_columns.iter().zip(&kept).all(same);
    if only_added { Category::NonBreaking } else { Category::Breaking }
}

fn own_reasons((old_model, old): (&Model, &Fingerprint), (model, new): (&Model, &Fingerprint)) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let (Kind::Seed(old), Kind::Seed(new)) = (&old_model.kind, &model.kind)
        && old != new
    {
        reasons.push(Reason::SeedChanged { old: old.rows, new: new.rows });
    }
    if old_model.kind.name() != model.kind.name() {
        reasons.push(Reason::KindChanged { old: old_model.kind.name(), new: model.kind.name() });
    }
    if old.query_rows != new.query_rows && model.kind.name() != KindName::Seed {
        reasons.push(Reason::RowsChanged);
    }
    reasons.extend(column_reasons(old.columns.as_deref(), new.columns.as_deref()));
    reasons.extend(
        differing(data_values(old_model), data_values(model)).map(|(property, old, new)| Reason::PropertyChanged {
            property,
            old,
            new,
        }),
    );
    if old.written_order != new.written_order {
        let shown = |order: Option<Digest>| order.map(|order| order.short(8));
        let (old, new) = (shown(old.written_order), shown(new.written_order));
        reasons.push(Reason::PropertyChanged { property: "ORDER BY".into(), old, new });
    }
    if reasons.is_empty() {
        reasons.push(Reason::RowsChanged);
    }
    reasons
}

type Columns<'a> = Option<&'a [(OutputName, Digest)]>;

fn column_reasons(old: Columns<'_>, new: Columns<'_>) -> Vec<Reason> {
    let (Some(old), Some(new)) = (old, new) else { return Vec::new() };
    let find = |columns: &[(OutputName, Digest)], name: &str| {
        columns.iter().find(|(known, _)| known.text == name).map(|(_, hash)| *hash)
    };
    let mut reasons = Vec::new();
    for (name, hash) in new {
        match find(old, &name.text) {
            None => reasons.push(Reason::ColumnAdded { column: name.text.clone() }),
            Some(before) if before != *hash => reasons.push(Reason::ColumnChanged { column: name.text.clone() }),
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(name, _)| find(new, &name.text).is_none());
    reasons.extend(gone.map(|(name, _)| Reason::ColumnRemoved { column: name.text.clone() }));
    let names = |columns: &[(OutputName, Digest)]| -> Vec<String> {
        columns.iter().map(|(name, _)| name.text.clone()).collect()
    };
    if reasons.is_empty() && names(old) != names(new) {
        reasons.push(Reason::ColumnsReordered { old: names(old), new: names(new) });
    }
    reasons
}

/// What of the parents moved this model: exactly the rows and columns that it reads.
fn inherited_reasons(new: &Fingerprint, before: &Tree, after: &Tree, name: &ModelName) -> Vec<Reason> {
    let mut reasons = BTreeSet::new();
    for read in &new.reads {
        let (Read::Rows(parent) | Read::Column(parent, _) | Read::Whole(parent)) = read;
        let Some(old) = before.fingerprints.get(parent) else { continue };
        let moved = match (read, after.fingerprints.get(parent)) {
            // It is no model any more: whatever has its name now, nobody knows its rows.
            (_, None) => true,
            (Read::Rows(_), Some(new)) => old.shape.rows != new.shape.rows,
            (Read::Column(_, column), Some(new)) => column_hash(&old.shape, column) != column_hash(&new.shape, column),
            (Read::Whole(_), Some(new)) => old.data != new.data,
        };
        if moved {
            reasons.insert(read.clone());
        }
    }
    if reasons.is_empty() {
        let data = |tree: &Tree, parent: &ModelName| tree.fingerprints.get(parent).map(|found| found.shape.storage);
        let parents = after.graph.parents(name).filter(|parent| data(before, parent) != data(after, parent));
        reasons.extend(parents.map(|parent| Read::Whole(parent.clone())));
    }
    if reasons.is_empty() {
        let start = |tree: &Tree| tree.fingerprints.get(name).and_then(|found| found.start.clone());
        return vec![Reason::PropertyChanged { property: "start".into(), old: start(before), new: start(after) }];
    }
    let rank = |read: &Read| match read {
        Read::Rows(_) => 0,
        Read::Column(_, _) => 1,
        Read::Whole(_) => 2,
    };
    let mut reasons: Vec<Read> = reasons.into_iter().collect();
    reasons.sort_by_key(rank);
    let reason = |read: Read| match read {
        Read::Rows(parent) => Reason::ParentRows { parent },
        Read::Column(parent, column) => Reason::ParentColumn { parent, column },
        Read::Whole(parent) => Reason::ParentWhole { parent },
    };
    reasons.into_iter().map(reason).collect()
}

fn column_hash(shape: &TableShape, name: &str) -> Option<Digest> {
    let mut columns = shape.columns.iter().flatten();
    columns.find(|column| column.name.text.to_lowercase() == name.to_lowercase()).map(|column| column.hash)
}

fn metadata_reasons(old: &Model, new: &Model) -> Vec<Reason> {
    differing(metadata_values(old), metadata_values(new))
        .map(|(property, old, new)| Reason::MetadataChanged { property, old, new })
        .collect()
}

fn differing(
    mut old: BTreeMap<String, String>,
    new: BTreeMap<String, String>,
) -> impl Iterator<Item = (String, Option<String>, Option<String>)> {
    let mut pairs = Vec::new();
    for (name, value) in new {
        let before = old.remove(&name);
        if before.as_ref() != Some(&value) {
            pairs.push((name, before, Some(value)));
        }
    }
    pairs.extend(old.into_iter().map(|(name, value)| (name, Some(value), None)));
    pairs.into_iter()
}

/// What a reader of the plan should know of the new fingerprint.
fn remarks(model: &Model, new: &Fingerprint) -> Vec<Reason> {
    let mut remarks: Vec<Reason> = new.opaque.iter().map(|what| Reason::Opaque { what: what.clone() }).collect();
    if matches!(model.kind, Kind::TimeRange(_) | Kind::UniqueKey(_)) {
        remarks.extend(match &new.batching {
            Batching::Any => None,
            Batching::OneInterval { why } => Some(Reason::OneIntervalAtATime { why: why.clone() }),
            Batching::AsDue { why } => Some(Reason::LoadedAsDue { why: why.clone() }),
            Batching::WholeDays => Some(Reason::LoadedByDay),
        });
    }
    remarks.extend(new.assumes.iter().map(|what| Reason::Assumes { what: what.clone() }));
    remarks
}
