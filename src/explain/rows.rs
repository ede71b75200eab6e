//! What goes into a model's rows beside its query: context, kind, statements, files, hidden reads.

use std::collections::BTreeMap;

use super::align::aligned;
use super::engine::Engine;
use super::{ClausePlace, Input, Sides};
use crate::fingerprint::{Context, scd_values};
use crate::hash::{Digest, Item};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::lineage::{Node, Part};
use crate::model::{Kind, Model, ScdType2};

/// The models and contexts of both sides.
pub(super) struct Versions<'a> {
    pub(super) models: (&'a Model, &'a Model),
    pub(super) contexts: (&'a Context, &'a Context),
}

/// The items of a model's rows, by what they are; `None` for kinds whose rows are made of less.
struct Rows<'e> {
    engine: Digest,
    query: Digest,
    kind: Digest,
    stamp: Option<String>,
    physical: BTreeMap<String, String>,
    statements: Option<Digest>,
    hidden: BTreeMap<String, Option<Digest>>,
    functions: BTreeMap<String, Option<Digest>>,
    files: BTreeMap<String, String>,
    /// The types of columns, where the columns are not known.
    declared: BTreeMap<String, String>,
    rest: &'e [Item],
}

impl<'e> Rows<'e> {
    fn read(items: &'e [Item]) -> Option<Self> {
        let [
            Item::Digest(engine),
            Item::Digest(query),
            Item::Digest(kind),
            Item::MaybeText(stamp),
            Item::Number(count),
            rest @ ..,
        ] = items
        else {
            return None;
        };
        let (physical, rest) = rest.split_at_checked(usize::try_from(*count).ok()? * 2)?;
        let [Item::MaybeDigest(statements), rest @ ..] = rest else { return None };
        let mut rows = Self {
            engine: *engine,
            query: *query,
            kind: *kind,
            stamp: stamp.clone(),
            physical: physical.chunks(2).filter_map(texts).collect(),
            statements: *statements,
            hidden: BTreeMap::new(),
            functions: BTreeMap::new(),
            files: BTreeMap::new(),
            declared: BTreeMap::new(),
            rest,
        };
        while let [Item::Text(tag), Item::Text(name), value, rest @ ..] = rows.rest {
            match (tag.as_str(), value) {
                ("hidden", Item::MaybeDigest(whole)) => drop(rows.hidden.insert(name.clone(), *whole)),
                ("function", Item::Digest(made_by)) => drop(rows.functions.insert(name.clone(), Some(*made_by))),
                ("file", Item::Text(blob)) => drop(rows.files.insert(name.clone(), blob.clone())),
                ("declared", Item::Text(data_type)) => drop(rows.declared.insert(name.clone(), data_type.clone())),
                _ => return None,
            }
            rows.rest = rest;
        }
        rows.rest.is_empty().then_some(rows)
    }
}

fn texts(pair: &[Item]) -> Option<(String, String)> {
    match pair {
        [Item::Text(name), Item::Text(value)] => Some((name.clone(), value.clone())),
        _ => None,
    }
}

impl Engine<'_> {
    /// Everything that makes the rows of a model differ.
    pub(super) fn rows(&mut self, versions: &Versions<'_>, old: Digest, new: Digest) -> Vec<Input> {
        if old == new {
            return Vec::new();
        }
        let items = |side: &super::engine::Side<'_>, digest: Digest| -> Vec<Item> {
            side.entry(digest)
                .filter(|entry| entry.domain == "rows")
                .map(|entry| entry.items.clone())
                .unwrap_or_default()
        };
        let (before, after) = (items(&self.old, old), items(&self.new, new));
        let (Some(before), Some(after)) = (Rows::read(&before), Rows::read(&after)) else {
            return self.compare(old, new, ClausePlace::From);
        };
        let mut inputs = Vec::new();
        if before.engine != after.engine {
            inputs.extend(context(versions.contexts, (before.engine, after.engine)));
        }
        inputs.extend(self.compare(before.query, after.query, ClausePlace::From));
        if before.kind != after.kind {
            inputs.extend(self.kind(versions, before.kind, after.kind));
        }
        inputs.extend(properties(&[("stamp", before.stamp, after.stamp)]));
        for (name, value) in both(before.physical, after.physical) {
            inputs.push(Input::Property { name: format!("physical_properties.{name}"), value });
        }
        if before.statements != after.statements {
            inputs.extend(self.statements(before.statements, after.statements));
        }
        for (name, sides) in both(before.hidden, after.hidden) {
            inputs.push(hidden(&name, &sides));
        }
        for (name, made_by) in both(before.functions, after.functions) {
            inputs.push(Input::Function {
                name,
                made_by: Sides { old: made_by.old.flatten(), new: made_by.new.flatten() },
            });
        }
        for (path, blob) in both(before.files, after.files) {
            inputs.push(Input::File { path: FilePath::new(path), blob: blob.map(BlobId::new) });
        }
        for (name, value) in both(before.declared, after.declared) {
            inputs.push(Input::Property { name: format!("type of column {name}"), value });
        }
        if inputs.is_empty() {
            inputs.push(Input::Hash { domain: "rows".into(), hash: Sides::both(old, new) });
        }
        inputs
    }

    /// What of the kind is in the rows.
    fn kind(&mut self, versions: &Versions<'_>, old: Digest, new: Digest) -> Vec<Input> {
        let entries = self.old.entry(old).cloned().zip(self.new.entry(new).cloned());
        let hash = || vec![Input::Hash { domain: "kind".into(), hash: Sides::both(old, new) }];
        let Some((before, after)) = entries else { return hash() };
        if before.domain != after.domain {
            return vec![Input::Kind(Sides::both(versions.models.0.kind.name(), versions.models.1.kind.name()))];
        }
        let (was, is) = (kept(&before.items), kept(&after.items));
        let keeps = |kept: Option<&str>| kept.map(str::to_owned);
        let past = properties(&[("rows of earlier definitions", keeps(was.1), keeps(is.1))]);
        let mut inputs = match (was.0, is.0) {
            ([Item::Text(old)], [Item::Text(new)]) => {
                let told = |text: &String| if text == "any" { "makes no difference" } else { "counts" };
                let value = Sides::both(format!("{} ({old})", told(old)), format!("{} ({new})", told(new)));
                vec![Input::Property { name: "which kind it is".into(), value }]
            }
            (
                [
                    Item::MaybeDigest(_),
                    Item::Text(a),
                    Item::Text(b),
                    Item::Text(c),
                    Item::MaybeText(d),
                    Item::MaybeText(e),
                ],
                [
                    Item::MaybeDigest(_),
                    Item::Text(f),
                    Item::Text(g),
                    Item::Text(h),
                    Item::MaybeText(i),
                    Item::MaybeText(j),
                ],
            ) => properties(&[
                ("time_column", Some(a.clone()), Some(f.clone())),
                ("format of time_column", Some(b.clone()), Some(g.clone())),
                ("interval_unit", Some(c.clone()), Some(h.clone())),
                ("start", d.clone(), i.clone()),
                ("end", e.clone(), j.clone()),
            ]),
            (old, new) => match (&versions.models.0.kind, &versions.models.1.kind) {
                (Kind::ScdType2(before), Kind::ScdType2(after)) => versioned(versions.models, (before, after)),
                _ => keyed(versions, old, new),
            },
        };
        inputs.extend(past);
        inputs.extend(self.deciding_columns(versions, &before.items, &after.items));
        if inputs.is_empty() { hash() } else { inputs }
    }

    /// Columns of the model itself that its kind depends on: time column, keys.
    fn deciding_columns(&self, versions: &Versions<'_>, old: &[Item], new: &[Item]) -> Vec<Input> {
        let hashes = |items: &[Item]| -> Vec<Digest> {
            let found = items.iter().flat_map(|item| match item {
                Item::MaybeDigest(digest) => digest.iter().copied().collect(),
                Item::List(list) => list.clone(),
                _ => Vec::new(),
            });
            found.collect()
        };
        let used: Vec<Digest> = hashes(old).into_iter().chain(hashes(new)).collect();
        let known = |side: &super::engine::Side<'_>| -> BTreeMap<String, Digest> {
            let columns = side.examined.fingerprint.columns.iter().flatten();
            columns.map(|(name, hash)| (name.text.clone(), *hash)).collect()
        };
        let moved = both(known(&self.old), known(&self.new));
        let is_used = |hash: Option<Digest>| hash.is_some_and(|hash| used.contains(&hash));
        let columns = moved.filter(|(_, hash)| is_used(hash.old) || is_used(hash.new)).map(|(name, _)| name);
        let model = &versions.models.1.name;
        columns.map(|column| Input::Moved(Node { model: model.clone(), part: Part::Column(column) })).collect()
    }

    fn statements(&mut self, old: Option<Digest>, new: Option<Digest>) -> Vec<Input> {
        let listed = |side: &super::engine::Side<'_>, digest: Option<Digest>| -> Vec<(String, Digest)> {
            let items =
                digest.and_then(|digest| side.entry(digest)).map(|entry| entry.items.clone()).unwrap_or_default();
            let pairs = items.chunks(2).filter_map(|pair| match pair {
                [Item::Text(place), Item::Digest(digest)] => Some((place.clone(), *digest)),
                _ => None,
            });
            pairs.collect()
        };
        let (before, after) = (listed(&self.old, old), listed(&self.new, new));
        let text = |side: &super::engine::Side<'_>, digest: Digest| {
            Some(side.examined.statements.get(&digest)?.trim().to_owned())
        };
        let mut inputs = Vec::new();
        for sides in aligned(&before, &after, |old, new| old == new) {
            let (was, is) = (sides.0.map(|place| &before[place]), sides.1.map(|place| &after[place]));
            if was == is {
                continue;
            }
            let statement =
                |side: &super::engine::Side<'_>, found: &(String, Digest)| (found.0.clone(), text(side, found.1));
            let (was, is) = (was.map(|was| statement(&self.old, was)), is.map(|is| statement(&self.new, is)));
            let sides = match (was, is) {
                (Some((place, old)), Some((other, new))) if place == other => vec![(place, Sides { old, new })],
                (was, is) => {
                    let gone = was.map(|(place, old)| (place, Sides { old, new: None }));
                    gone.into_iter().chain(is.map(|(place, new)| (place, Sides { old: None, new }))).collect()
                }
            };
            inputs.extend(sides.into_iter().map(|(place, text)| Input::Statement { place, text }));
        }
        inputs
    }
}

/// The parts of a UNIQUE_KEY's hash, from both ends, because there are as many keys as there are.
fn keyed(versions: &Versions<'_>, old: &[Item], new: &[Item]) -> Vec<Input> {
    let key = |model: &Model| match &model.kind {
        Kind::UniqueKey(key) => Some(key.clone()),
        _ => None,
    };
    let (Some(before), Some(after)) = (key(versions.models.0), key(versions.models.1)) else { return Vec::new() };
    let tail = |items: &[Item]| -> [Option<String>; 3] {
        let text = |back: usize| {
            let item = items.len().checked_sub(back).and_then(|index| items.get(index));
            match item {
                Some(Item::Text(text)) => Some(text.clone()),
                Some(Item::MaybeText(text)) => text.clone(),
                _ => None,
            }
        };
        [text(3), text(2), text(1)]
    };
    let ([start, end, unit], [new_start, new_end, new_unit]) = (tail(old), tail(new));
    properties(&[
        ("unique_key", Some(before.unique_key.join(", ")), Some(after.unique_key.join(", "))),
        ("when_matched", before.when_matched, after.when_matched),
        ("merge_filter", before.merge_filter, after.merge_filter),
        ("start", start, new_start),
        ("end", end, new_end),
        ("interval_unit", unit, new_unit),
    ])
}

/// The parts of a TIME_RANGE's hash without the last, which says that rows are kept.
fn kept(items: &[Item]) -> (&[Item], Option<&str>) {
    match items {
        [rest @ .., Item::Text(text)] if text == "kept" && rest.len() > 1 => (rest, Some(text.as_str())),
        all => (all, None),
    }
}

/// What tells the versions of a history.
fn versioned((old, new): (&Model, &Model), (before, after): (&ScdType2, &ScdType2)) -> Vec<Input> {
    let kinds = Sides::both(old.kind.name(), new.kind.name());
    let values = |model: &Model, scd: &ScdType2| -> BTreeMap<String, String> {
        scd_values(model, scd).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let properties = both(values(old, before), values(new, after)).map(|(name, value)| Input::Property { name, value });
    kinds.differ().then_some(Input::Kind(kinds)).into_iter().chain(properties).collect()
}

fn properties(values: &[(&str, Option<String>, Option<String>)]) -> Vec<Input> {
    let differing = values.iter().filter(|(_, old, new)| old != new);
    let told = differing.map(|(name, old, new)| Input::Property {
        name: (*name).to_owned(),
        value: Sides { old: old.clone(), new: new.clone() },
    });
    told.collect()
}

/// What is not the same in both maps.
pub(super) fn both<V: PartialEq + Clone>(
    old: BTreeMap<String, V>,
    new: BTreeMap<String, V>,
) -> impl Iterator<Item = (String, Sides<V>)> {
    let names: std::collections::BTreeSet<String> = old.keys().chain(new.keys()).cloned().collect();
    names.into_iter().filter_map(move |name| {
        let sides = Sides { old: old.get(&name).cloned(), new: new.get(&name).cloned() };
        sides.differ().then_some((name, sides))
    })
}

/// A parent that is mentioned outside the query.
fn hidden(name: &str, sides: &Sides<Option<Digest>>) -> Input {
    match (ModelName::parse(name), &sides.old, &sides.new) {
        (Some(model), Some(_), Some(_)) => Input::Moved(Node { model, part: Part::All }),
        (_, old, new) => Input::Property {
            name: format!("mentions {name}"),
            value: Sides { old: old.map(|_| "yes".to_owned()), new: new.map(|_| "yes".to_owned()) },
        },
    }
}

/// What of the context differs; values that are not for showing are named without them.
fn context((old, new): (&Context, &Context), hash: (Digest, Digest)) -> Vec<Input> {
    let shown: Vec<Input> = both(old.shown.clone(), new.shown.clone())
        .map(|(name, value)| Input::Context {
            name,
            value: Sides { old: value.old.flatten(), new: value.new.flatten() },
        })
        .collect();
    if shown.is_empty() {
        return vec![Input::Hash { domain: "context".into(), hash: Sides::both(hash.0, hash.1) }];
    }
    shown
}
