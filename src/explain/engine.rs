//! The walk over two trees of digests, side by side, from two that differ to what was fed to them.
//!
//! A loop over a list of pairs, because digests nest as deep as the longest chain of operators or of set operations.
//! Every pair that differs ends in further pairs or in an input that is told, never in nothing.

use std::collections::BTreeSet;

use super::{Clause, ClausePlace, Input, Sides, Snippet};
use crate::fingerprint::Examined;
use crate::hash::{Digest, Entry, Item};
use crate::lineage::{Node, Part};
use crate::sql::Origin;

/// One side of a comparison.
pub(super) struct Side<'a> {
    pub(super) examined: &'a Examined,
    pub(super) place: super::compare::PlaceOf<'a>,
}

/// What a digest stands for. One number may stand for both: a query that reads a column and no more has that column's
/// hash again, and so has a parent that does the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// A piece of this query.
    Query,
    /// What an input shows: its rows, a column.
    Input,
}

/// Two digests that may differ, and where in the query they stand.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) old: Digest,
    pub(super) new: Digest,
    pub(super) place: ClausePlace,
    pub(super) level: Level,
    /// The CTE or subquery around them.
    pub(super) within: Option<String>,
    /// The outermost expressions of this place.
    pub(super) whole: Option<(Digest, Digest)>,
    /// The innermost expressions so far.
    pub(super) piece: Option<(Digest, Digest)>,
}

impl Pair {
    pub(super) fn new(old: Digest, new: Digest, place: ClausePlace) -> Self {
        Self { old, new, place, level: Level::Query, within: None, whole: None, piece: None }
    }

    /// Digests below this pair, in the same expression.
    pub(super) fn below(&self, old: Digest, new: Digest) -> Self {
        Self { old, new, level: Level::Query, ..self.clone() }
    }

    /// What an input shows, below this pair.
    pub(super) fn input(&self, old: Digest, new: Digest) -> Self {
        Self { level: Level::Input, ..self.below(old, new) }
    }

    /// Digests below this pair, in a clause of their own.
    pub(super) fn at(&self, old: Digest, new: Digest, place: ClausePlace) -> Self {
        Self { within: self.within.clone(), ..Self::new(old, new, place) }
    }
}

/// Compares digests of one model.
pub(super) struct Engine<'a> {
    pub(super) old: Side<'a>,
    pub(super) new: Side<'a>,
    pub(super) inputs: Vec<Input>,
    rest: Vec<Pair>,
    seen: BTreeSet<(Digest, Digest, ClausePlace, bool)>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(old: Side<'a>, new: Side<'a>) -> Self {
        Self { old, new, inputs: Vec::new(), rest: Vec::new(), seen: BTreeSet::new() }
    }

    /// Everything that makes two digests differ; nothing where they do not.
    pub(super) fn compare(&mut self, old: Digest, new: Digest, place: ClausePlace) -> Vec<Input> {
        self.seen.clear();
        self.rest.push(Pair::new(old, new, place));
        while let Some(pair) = self.rest.pop() {
            if pair.old != pair.new && self.is_news(&pair) {
                self.step(pair);
            }
        }
        std::mem::take(&mut self.inputs)
    }

    fn is_news(&mut self, pair: &Pair) -> bool {
        self.seen.insert((pair.old, pair.new, pair.place, pair.level == Level::Input))
    }

    /// Pairs that are looked at next, the first one first.
    pub(super) fn push(&mut self, pairs: Vec<Pair>) {
        self.rest.extend(pairs.into_iter().rev());
    }

    pub(super) fn tell(&mut self, input: Input) {
        if !self.inputs.contains(&input) {
            self.inputs.push(input);
        }
    }

    fn step(&mut self, mut pair: Pair) {
        let (before, after) = self.tables(pair.old, pair.new);
        if pair.level == Level::Input && !(before.is_empty() && after.is_empty()) {
            let moved: Vec<Node> = before.intersection(&after).filter_map(node_of).collect();
            if moved.is_empty() {
                return self.differs(&pair, Vec::new());
            }
            return moved.into_iter().for_each(|node| self.tell(Input::Moved(node)));
        }
        let (old, new) = (&self.old.examined.origins, &self.new.examined.origins);
        if old.expression(pair.old).is_some() && new.expression(pair.new).is_some() {
            pair.piece = Some((pair.old, pair.new));
            pair.whole = pair.whole.or(pair.piece);
        }
        let named = old.pieces(pair.old).zip(new.pieces(pair.new)).next();
        if let Some((Origin::Query(before), Origin::Query(after))) = named {
            pair.within = Some(if before == after { after.clone() } else { format!("{before} → {after}") });
        }
        let entries = self.old.examined.trace.entry(pair.old).zip(self.new.examined.trace.entry(pair.new));
        match entries {
            None => self.differs(&pair, Vec::new()),
            Some((before, after)) => self.entries(&pair, &before.clone(), &after.clone()),
        }
    }

    /// The parts of tables that have these digests.
    fn tables(&self, old: Digest, new: Digest) -> (BTreeSet<Origin>, BTreeSet<Origin>) {
        let of = |side: &Side<'_>, digest: Digest| {
            let pieces = side.examined.origins.pieces(digest);
            pieces.filter(|piece| node_of(piece).is_some()).cloned().collect()
        };
        (of(&self.old, old), of(&self.new, new))
    }

    /// Whether two digests are of the same part of one table.
    pub(super) fn is_of_one_table(&self, old: Digest, new: Digest) -> bool {
        let (before, after) = self.tables(old, new);
        !before.is_disjoint(&after)
    }

    /// Two digests of the same shape: whatever differs below them, on the level that is given.
    pub(super) fn generic(&mut self, pair: &Pair, level: Level, old: &[Item], new: &[Item]) {
        let mut below = Vec::new();
        if old.len() != new.len() {
            return self.differs(pair, Vec::new());
        }
        for items in old.iter().zip(new).filter(|(old, new)| old != new) {
            match items {
                (Item::Digest(old), Item::Digest(new))
                | (Item::MaybeDigest(Some(old)), Item::MaybeDigest(Some(new))) => {
                    below.push(Pair { level, ..pair.below(*old, *new) });
                }
                (Item::List(old), Item::List(new)) if old.len() == new.len() => {
                    below.extend(old.iter().zip(new).map(|(old, new)| Pair { level, ..pair.below(*old, *new) }));
                }
                _ => return self.differs(pair, Vec::new()),
            }
        }
        match below.iter().any(|pair| pair.old != pair.new) {
            true => self.push(below),
            false => self.differs(pair, Vec::new()),
        }
    }

    /// Members of a set: those that are on one side only, paired as they come.
    pub(super) fn set(&mut self, pair: &Pair, old: &[Digest], new: &[Digest]) {
        let only = |of: &[Digest], other: &[Digest]| -> Vec<Digest> {
            of.iter().filter(|digest| !other.contains(digest)).copied().collect()
        };
        let (gone, come) = (only(old, new), only(new, old));
        if gone.len() == come.len() && gone.len() == 1 {
            return self.push(vec![pair.below(gone[0], come[0])]);
        }
        let gone = gone.iter().map(|digest| Sides { old: Some(self.old.text(*digest)), new: None });
        let come = come.iter().map(|digest| Sides { old: None, new: Some(self.new.text(*digest)) });
        let pieces = gone.chain(come).collect();
        self.differs(pair, pieces);
    }

    /// The pair itself is what differs: it is told with the expression around it, and as the piece of it that differs.
    pub(super) fn differs(&mut self, pair: &Pair, pieces: Vec<Sides<String>>) {
        let (old, new) = pair.whole.unwrap_or((pair.old, pair.new));
        let text = Sides::both(self.old.snippet(old), self.new.snippet(new));
        let piece = pair.piece.filter(|_| pair.piece != pair.whole);
        let piece = piece.map(|(old, new)| Sides::both(self.old.text(old), self.new.text(new))).filter(Sides::differ);
        let pieces = match piece {
            _ if !pieces.is_empty() => pieces,
            Some(piece) => vec![piece],
            None if !is_written_alike(&text) => Vec::new(),
            // What is written alike is told apart by what it is made of.
            None => vec![Sides::both(self.old.made_of(pair.old), self.new.made_of(pair.new))],
        };
        self.clause(pair, text, pieces);
    }

    /// Something that is there on one side only.
    pub(super) fn one_sided(&mut self, pair: &Pair, place: ClausePlace, text: Sides<Snippet>) {
        self.clause(&Pair { place, ..pair.clone() }, text, Vec::new());
    }

    fn clause(&mut self, pair: &Pair, text: Sides<Snippet>, pieces: Vec<Sides<String>>) {
        let pieces: Vec<Sides<String>> = pieces.into_iter().filter(Sides::differ).collect();
        if pieces.is_empty() && is_written_alike(&text) {
            let domain = self.old.entry(pair.old).map_or("query", |entry| entry.domain.as_str()).to_owned();
            return self.tell(Input::Hash { domain, hash: Sides::both(pair.old, pair.new) });
        }
        let known = self.inputs.iter_mut().find_map(|input| match input {
            Input::Clause(known) if known.place == pair.place && known.within == pair.within && known.text == text => {
                Some(known)
            }
            _ => None,
        });
        match known {
            Some(known) => {
                let more: Vec<_> = pieces.into_iter().filter(|piece| !known.pieces.contains(piece)).collect();
                known.pieces.extend(more);
            }
            None => {
                let clause = Clause { place: pair.place, within: pair.within.clone(), text, pieces };
                self.inputs.push(Input::Clause(clause));
            }
        }
    }
}

impl Side<'_> {
    pub(super) fn entry(&self, digest: Digest) -> Option<&Entry> {
        self.examined.trace.entry(digest)
    }

    /// A digest as a piece of the query.
    pub(super) fn snippet(&self, digest: Digest) -> Snippet {
        let offset = self.examined.origins.expression(digest).and_then(|written| written.offset);
        Snippet { text: self.text(digest), place: offset.and_then(|offset| (self.place)(offset)) }
    }

    /// A digest in words: the expression or table that it came from, else what it is.
    pub(super) fn text(&self, digest: Digest) -> String {
        self.text_within(digest, 0)
    }

    fn text_within(&self, digest: Digest, depth: usize) -> String {
        if let Some(written) = self.examined.origins.expression(digest) {
            return written.text.clone();
        }
        if let Some(piece) = self.examined.origins.pieces(digest).next() {
            return text_of(piece);
        }
        let Some(entry) = self.entry(digest).filter(|_| depth < 6) else { return "…".to_owned() };
        let mut below: Vec<Digest> = entry.items.iter().flat_map(digests).collect();
        if ["all of", "group keys"].contains(&entry.domain.as_str()) {
            // Hashed in no order, and read in the author's.
            below.sort_by_key(|digest| self.examined.origins.expression(*digest).and_then(|written| written.offset));
        }
        let texts = || below.iter().map(|digest| self.text_within(*digest, depth + 1)).collect::<Vec<_>>().join(", ");
        match entry.domain.as_str() {
            "reference" | "outer" | "declared" | "parentheses" | "input" | "draw" | "drawn column" | "order"
            | "merged" | "member" => texts(),
            "sort key" => {
                let words = entry.items.iter().filter_map(|item| match item {
                    Item::Text(word) if word == "asc" || word == "desc" => Some(word.to_uppercase()),
                    Item::Text(word) if word == "first" || word == "last" => {
                        Some(format!("NULLS {}", word.to_uppercase()))
                    }
                    _ => None,
                });
                std::iter::once(texts()).chain(words).collect::<Vec<_>>().join(" ")
            }
            "using all" | "group keys" => texts(),
            "using" => below.first().map(|first| self.text_within(*first, depth + 1)).unwrap_or_default(),
            "grouping set" => format!("({})", texts()),
            "grouping sets" | "rollup" | "cube" => format!("{} ({})", entry.domain.to_uppercase(), texts()),
            "select" => "a query".to_owned(),
            "no input" => "no table".to_owned(),
            "join" => below
                .iter()
                .take(2)
                .map(|one| self.text_within(*one, depth + 1))
                .collect::<Vec<_>>()
                .join(" joined with "),
            "all of" => below.iter().map(|one| self.text_within(*one, depth + 1)).collect::<Vec<_>>().join(" AND "),
            "values" => "VALUES".to_owned(),
            "opaque" => "a query that cannot be taken apart".to_owned(),
            "open column" => entry.items.iter().find_map(text_item).unwrap_or_default(),
            other => other.to_owned(),
        }
    }

    /// The column of a table that a digest is a plain reference to, through any number of queries.
    pub(super) fn table_column(&self, digest: Digest) -> Option<Node> {
        let mut rest = digest;
        // No query is nested deeper than this.
        for _ in 0..1_000 {
            let columns = self.examined.origins.pieces(rest).filter(|piece| matches!(piece, Origin::Column(..)));
            if let Some(node) = columns.filter_map(node_of).next() {
                return Some(node);
            }
            let entry = self
                .entry(rest)
                .filter(|entry| ["reference", "draw", "drawn column"].contains(&entry.domain.as_str()))?;
            rest = entry.items.iter().flat_map(digests).next()?;
        }
        None
    }

    /// What tells two digests apart whose texts are the same.
    pub(super) fn made_of(&self, digest: Digest) -> String {
        let Some(entry) = self.entry(digest) else { return digest.short(8) };
        if let ("reference", [Item::Number(depth), Item::Number(slot), Item::Digest(column)]) =
            (entry.domain.as_str(), entry.items.as_slice())
        {
            let around = if *depth > 0 { " of a query around" } else { "" };
            return format!("{} of input {}{around}", self.text(*column), slot + 1);
        }
        let items = entry.items.iter().map(|item| match item {
            Item::Text(text) => text.clone(),
            Item::Number(number) => number.to_string(),
            Item::Bytes(length) => format!("{length} bytes"),
            Item::MaybeText(text) => text.clone().unwrap_or_else(|| "none".into()),
            Item::Digest(digest) | Item::MaybeDigest(Some(digest)) => digest.short(8),
            Item::MaybeDigest(None) => "none".into(),
            Item::List(list) => list.iter().map(|digest| digest.short(8)).collect::<Vec<_>>().join(" "),
        });
        let items: Vec<String> = items.collect();
        format!("{} ({})", entry.domain, items.join(", "))
    }
}

/// Whether both sides have the same text, wherever it stands.
fn is_written_alike(text: &Sides<Snippet>) -> bool {
    text.old.as_ref().map(|old| &old.text) == text.new.as_ref().map(|new| &new.text)
}

/// The table's part that a piece of a query is.
fn node_of(origin: &Origin) -> Option<Node> {
    let (model, part) = match origin {
        Origin::Rows(model) => (model, Part::Rows),
        Origin::Storage(model) => (model, Part::All),
        Origin::Column(model, column) => (model, Part::Column(column.clone())),
        Origin::Query(_) | Origin::QueryColumn(..) => return None,
    };
    Some(Node { model: model.clone(), part })
}

fn text_of(piece: &Origin) -> String {
    match piece {
        Origin::Rows(model) => model.to_string(),
        Origin::Storage(model) => format!("the stored rows of {model}"),
        Origin::Column(model, column) => format!("{model}.{column}"),
        Origin::Query(name) => name.clone(),
        Origin::QueryColumn(name, column) => format!("{name}.{column}"),
    }
}

fn digests(item: &Item) -> Vec<Digest> {
    match item {
        Item::Digest(digest) | Item::MaybeDigest(Some(digest)) => vec![*digest],
        Item::List(list) => list.clone(),
        Item::Text(_) | Item::Bytes(_) | Item::Number(_) | Item::MaybeText(_) | Item::MaybeDigest(None) => Vec::new(),
    }
}

pub(super) fn text_item(item: &Item) -> Option<String> {
    match item {
        Item::Text(text) => Some(text.clone()),
        _ => None,
    }
}
