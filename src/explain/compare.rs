//! One model in two trees: what of it moved by its own edits, and what by its parents.

use std::collections::BTreeMap;

use super::engine::{Engine, Side};
use super::rows::Versions;
use super::{ClausePlace, Compared, Input, Place, Sides, Snippet};
use crate::fingerprint::{Context, Examined, Fingerprint, examine, over_originals};
use crate::graph::Graph;
use crate::hash::{Digest, Item};
use crate::ids::ModelName;
use crate::lineage::{Node, Part};
use crate::model::{Model, Seed};
use crate::problem::position_of;
use crate::sql::OutputName;

/// Where a byte of a query's text stands in its file.
pub(super) type PlaceOf<'a> = &'a dyn Fn(usize) -> Option<Place>;

/// What moved of a model, part by part; `Part::All` has what belongs to no other part.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts(pub(super) BTreeMap<Part, Vec<Input>>);

/// A model with all that its fingerprint depends on.
#[derive(Clone, Copy)]
struct Version<'a> {
    model: &'a Model,
    graph: &'a Graph,
    context: &'a Context,
    text: &'a dyn Fn(&crate::ids::FilePath) -> Option<String>,
}

/// Compares a model that both trees have.
pub(super) fn compare(trees: &Compared<'_>, name: &ModelName) -> Parts {
    let (Some(old), Some(new)) = (trees.before.models.get(name), trees.after.models.get(name)) else {
        return Parts::default();
    };
    let (before, after) = (trees.before, trees.after);
    let (old, new) = (over_originals(old, &before.models), over_originals(new, &after.models));
    let old = Version { model: &old, graph: &before.graph, context: &before.context, text: trees.old_text };
    let new = Version { model: &new, graph: &after.graph, context: &after.context, text: trees.new_text };
    let old_parents = |parent: &ModelName| before.fingerprints.get(parent);
    let mixed = |parent: &ModelName| before.fingerprints.get(parent).or_else(|| after.fingerprints.get(parent));
    let new_parents = |parent: &ModelName| after.fingerprints.get(parent);
    let was = examined(old, &old_parents);
    let own = examined(new, &mixed);
    let is = examined(new, &new_parents);
    let mut parts = Parts::default();
    parts.add((old, &was), (new, &own));
    parts.add((new, &own), (new, &is));
    if own.fingerprint.opaque.is_some() == is.fingerprint.opaque.is_some() && parts.are_of(&was, &is) {
        return parts;
    }
    // An edit here that only makes sense with one in a parent: what is in between is no model at all.
    let mut parts = Parts::default();
    parts.add((old, &was), (new, &is));
    parts
}

fn examined<'f>(version: Version<'_>, parents: &dyn Fn(&ModelName) -> Option<&'f Fingerprint>) -> Examined {
    examine(version.model, version.graph, version.context, parents)
}

impl Parts {
    /// Whether each of the parts moved from the first to the last.
    fn are_of(&self, was: &Examined, is: &Examined) -> bool {
        let (was, is) = (&was.fingerprint, &is.fingerprint);
        let column = |of: &Fingerprint, name: &str| {
            of.columns.iter().flatten().find(|(known, _)| known.text == name).map(|(_, hash)| *hash)
        };
        self.0.keys().all(|part| match part {
            Part::Rows => was.rows != is.rows,
            Part::Order => was.written_order != is.written_order,
            Part::Column(name) => column(was, name) != column(is, name),
            Part::All | Part::Model => true,
        })
    }

    fn put(&mut self, part: Part, inputs: Vec<Input>) {
        if !inputs.is_empty() {
            let known = self.0.entry(part).or_default();
            for input in inputs {
                if !known.contains(&input) {
                    known.push(input);
                }
            }
        }
    }

    fn add(&mut self, (old, was): (Version<'_>, &Examined), (new, is): (Version<'_>, &Examined)) {
        if was.fingerprint.data == is.fingerprint.data {
            return;
        }
        let (old_text, new_text) = ((old.text)(&old.model.path), (new.text)(&new.model.path));
        let old_place = |offset: usize| place(old.model, old_text.as_deref(), offset);
        let new_place = |offset: usize| place(new.model, new_text.as_deref(), offset);
        let old_side = Side { examined: was, place: &old_place };
        let new_side = Side { examined: is, place: &new_place };
        let mut engine = Engine::new(old_side, new_side);
        let versions = Versions { models: (old.model, new.model), contexts: (old.context, new.context) };
        let rows = engine.rows(&versions, was.fingerprint.rows, is.fingerprint.rows);
        let rows = opacity(was, is, rows, &|| tokens(&versions, (&old_place, &new_place)));
        self.put(Part::Rows, rows);
        self.columns(&mut engine, (old.model, new.model), (was, is));
        let order = Sides { old: was.fingerprint.written_order, new: is.fingerprint.written_order };
        if order.differ() {
            let inputs = match (order.old, order.new) {
                (Some(old), Some(new)) => engine.compare(old, new, ClausePlace::OrderBy),
                _ => {
                    let text = Sides {
                        old: order.old.map(|order| engine.old.snippet(order)),
                        new: order.new.map(|order| engine.new.snippet(order)),
                    };
                    vec![clause(ClausePlace::OrderBy, text)]
                }
            };
            self.put(Part::Order, inputs);
        }
        self.put(Part::All, of_the_whole(old.model, new.model));
        if self.0.is_empty() {
            // The rules above name every input of a data fingerprint; should one be new, its hash stands for it.
            let hash = Sides::both(was.fingerprint.data, is.fingerprint.data);
            self.put(Part::All, vec![Input::Hash { domain: "data".into(), hash }]);
        }
    }

    fn columns(&mut self, engine: &mut Engine<'_>, models: (&Model, &Model), (was, is): (&Examined, &Examined)) {
        let (Some(old), Some(new)) = (&was.fingerprint.columns, &is.fingerprint.columns) else {
            let unknown = |known: &Option<Vec<(OutputName, Digest)>>| known.as_ref().map(|known| names(known));
            let order = Sides { old: unknown(&was.fingerprint.columns), new: unknown(&is.fingerprint.columns) };
            if order.differ() {
                self.put(Part::All, vec![Input::ColumnOrder(order)]);
            }
            return;
        };
        let find = |columns: &[(OutputName, Digest)], name: &str| {
            columns.iter().find(|(known, _)| known.text == name).map(|(_, hash)| *hash)
        };
        // A name in another case is the same name, and shown in another way.
        let respelled = |name: &str, columns: &[(OutputName, Digest)], other: &[(OutputName, Digest)]| {
            let alike = |(known, _): &&(OutputName, Digest)| {
                known.text.to_lowercase() == name.to_lowercase() && find(other, &known.text).is_none()
            };
            columns.iter().find(alike).map(|(known, hash)| (known.text.clone(), *hash))
        };
        for (name, hash) in new {
            let inputs = match (find(old, &name.text), respelled(&name.text, old, new)) {
                (Some(before), _) => column(engine, models, &name.text, before, *hash),
                (None, Some((spelled, before))) => {
                    let spelling = Input::ColumnSpelling(Sides::both(spelled, name.text.clone()));
                    let mut inputs = vec![spelling];
                    inputs.extend(inherited(engine, models, Sides::both(before, *hash)));
                    if before != *hash {
                        inputs.extend(column(engine, models, &name.text, before, *hash));
                    }
                    inputs
                }
                (None, None) => one_sided(engine, models, &name.text, Sides { old: None, new: Some(*hash) }),
            };
            self.put(Part::Column(name.text.clone()), inputs);
        }
        let gone = old.iter().filter(|(name, _)| find(new, &name.text).is_none());
        for (name, hash) in gone.filter(|(name, _)| respelled(&name.text, new, old).is_none()) {
            let inputs = one_sided(engine, models, &name.text, Sides { old: Some(*hash), new: None });
            self.put(Part::Column(name.text.clone()), inputs);
        }
        let kept = |columns: &[(OutputName, Digest)], other: &[(OutputName, Digest)]| -> Vec<String> {
            names(columns).into_iter().filter(|name| find(other, name).is_some()).collect()
        };
        if kept(old, new) != kept(new, old) {
            self.put(Part::All, vec![Input::ColumnOrder(Sides::both(names(old), names(new)))]);
        }
    }
}

fn names(columns: &[(OutputName, Digest)]) -> Vec<String> {
    columns.iter().map(|(name, _)| name.text.clone()).collect()
}

/// A column's hash below its declared type.
fn bare(side: &Side<'_>, hash: Digest) -> Digest {
    match side.entry(hash).filter(|entry| entry.domain == "declared").map(|entry| entry.items.as_slice()) {
        Some([Item::Digest(inner), ..]) => *inner,
        _ => hash,
    }
}

/// A column that is there on one side only. The same query on both sides has it from a star: a parent gained or lost it.
fn one_sided(engine: &Engine<'_>, models: (&Model, &Model), name: &str, hash: Sides<Digest>) -> Vec<Input> {
    let old = hash.old.map(|hash| bare(&engine.old, hash));
    let new = hash.new.map(|hash| bare(&engine.new, hash));
    let expression =
        Sides { old: old.map(|hash| engine.old.snippet(hash)), new: new.map(|hash| engine.new.snippet(hash)) };
    let mut inputs = vec![Input::Column { column: name.to_owned(), expression }];
    inputs.extend(inherited(engine, models, hash));
    inputs
}

/// The parent's column that a plain reference of an unchanged query is to.
fn inherited(engine: &Engine<'_>, models: (&Model, &Model), hash: Sides<Digest>) -> Option<Input> {
    let is_unchanged = std::ptr::eq(models.0, models.1);
    let origin = |side: &Side<'_>, hash: Option<Digest>| side.table_column(bare(side, hash?));
    let found = origin(&engine.new, hash.new).or_else(|| origin(&engine.old, hash.old));
    found.filter(|_| is_unchanged).map(Input::Moved)
}

fn column(engine: &mut Engine<'_>, models: (&Model, &Model), name: &str, old: Digest, new: Digest) -> Vec<Input> {
    if old == new {
        return Vec::new();
    }
    let mut inputs = Vec::new();
    let declared = |side: &Side<'_>, hash: Digest| {
        let entry = side.entry(hash).filter(|entry| entry.domain == "declared")?;
        entry.items.iter().find_map(super::engine::text_item)
    };
    let types = Sides { old: declared(&engine.old, old), new: declared(&engine.new, new) };
    if types.differ() {
        inputs.push(Input::Property { name: format!("type of column {name}"), value: types });
    }
    if let (crate::model::Kind::Seed(old), crate::model::Kind::Seed(new)) = (&models.0.kind, &models.1.kind) {
        inputs.extend(seed_column(old, new, name));
    } else if [&engine.old, &engine.new].iter().any(|side| side.examined.fingerprint.opaque.is_some()) {
        let (old, new) = (bare(&engine.old, old), bare(&engine.new, new));
        if old != new {
            inputs.push(Input::Moved(node(&models.1.name, &Part::Rows)));
        }
    } else {
        let (old, new) = (bare(&engine.old, old), bare(&engine.new, new));
        inputs.extend(engine.compare(old, new, ClausePlace::Expression));
    }
    if inputs.is_empty() {
        inputs.push(Input::Hash { domain: format!("column {name}"), hash: Sides::both(old, new) });
    }
    inputs
}

fn seed_column(old: &Seed, new: &Seed, name: &str) -> Vec<Input> {
    let find = |seed: &Seed| seed.columns.iter().find(|column| column.name == name).cloned();
    let (Some(old), Some(new)) = (find(old), find(new)) else { return Vec::new() };
    let mut inputs = Vec::new();
    if old.data_type != new.data_type {
        let value = Sides::both(old.data_type, new.data_type);
        inputs.push(Input::Property { name: format!("type of column {name}"), value });
    } else if old.content != new.content {
        inputs.push(Input::SeedCells { column: name.to_owned() });
    }
    inputs
}

/// What is in the data fingerprint and in no part of it.
fn of_the_whole(old: &Model, new: &Model) -> Vec<Input> {
    let mut inputs = Vec::new();
    let kind = Sides::both(old.kind.name(), new.kind.name());
    if kind.differ() {
        inputs.push(Input::Kind(kind));
    }
    let lists = [
        ("partitioned_by", &old.properties.partitioned_by, &new.properties.partitioned_by),
        ("clustered_by", &old.properties.clustered_by, &new.properties.clustered_by),
    ];
    for (name, old, new) in lists {
        if old != new {
            let joined = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
            inputs.push(Input::Property { name: name.into(), value: Sides { old: joined(old), new: joined(new) } });
        }
    }
    inputs
}

fn clause(place: ClausePlace, text: Sides<Snippet>) -> Input {
    Input::Clause(super::Clause { place, within: None, text, pieces: Vec::new() })
}

/// Where a query could not be taken apart on one side or on both, its text is what is compared.
fn opacity(was: &Examined, is: &Examined, rows: Vec<Input>, tokens: &dyn Fn() -> Sides<Snippet>) -> Vec<Input> {
    let opaque = Sides { old: was.fingerprint.opaque.clone(), new: is.fingerprint.opaque.clone() };
    let one_sided = opaque.old.is_some() != opaque.new.is_some();
    let mut inputs = Vec::new();
    for input in rows {
        match input {
            Input::Tokens(_) => inputs.push(Input::Tokens(tokens())),
            // A query against the hash of a text says nothing to anybody.
            Input::Clause(_) if one_sided => {}
            other => inputs.push(other),
        }
    }
    if one_sided && was.fingerprint.query_rows != is.fingerprint.query_rows {
        inputs.insert(0, Input::Opacity(opaque));
        let text = tokens();
        if text.differ() {
            inputs.insert(1, Input::Tokens(text));
        }
    }
    inputs
}

/// The first to the last token that differ.
fn tokens(versions: &Versions<'_>, places: (PlaceOf<'_>, PlaceOf<'_>)) -> Sides<Snippet> {
    let spans = |model: &Model| -> Vec<(String, std::ops::Range<usize>)> {
        let Some(query) = &model.query else { return Vec::new() };
        let tokens = query.tokens().into_iter().filter(|token| token.is_significant());
        tokens.map(|token| (query.text()[token.range.clone()].to_owned(), token.range.clone())).collect()
    };
    let (old, new) = (spans(versions.models.0), spans(versions.models.1));
    let head = old.iter().zip(&new).take_while(|(old, new)| old.0 == new.0).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old.0 == new.0).count();
    let shown = |model: &Model, rest: &[(String, std::ops::Range<usize>)], place: PlaceOf<'_>| {
        let rest = &rest[..rest.len() - tail];
        let (first, last) = rest.first().zip(rest.last())?;
        let text = model.query.as_ref().map(|query| &query.text()[first.1.start..last.1.end])?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Snippet { text, place: place(first.1.start) })
    };
    Sides { old: shown(versions.models.0, old_rest, places.0), new: shown(versions.models.1, new_rest, places.1) }
}

/// Where a byte of a model's query stands in its file.
fn place(model: &Model, text: Option<&str>, offset: usize) -> Option<Place> {
    let offset = model.query.as_ref()?.template().source_offset(offset);
    let (line, column) = position_of(text?, offset);
    Some(Place { path: model.path.clone(), line, column })
}

/// A part of a model as a node.
pub(super) fn node(model: &ModelName, part: &Part) -> Node {
    Node { model: model.clone(), part: part.clone() }
}
