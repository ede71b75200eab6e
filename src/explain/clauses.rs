//! What each kind of digest of a query is made of, so that inputs are told as the clauses that people know. A kind that
//! has no rule here is compared piece by piece; nothing is lost by that but a nicer word.

use super::align::aligned;
use super::engine::{Engine, Level, Pair, Side, text_item};
use super::{ClausePlace, Input, Sides, Snippet};
use crate::hash::{Digest, Entry, Item};
use crate::lineage::{Node, Part};
use crate::sql::Origin;

impl Engine<'_> {
    /// Two digests that differ, by what they were made of.
    pub(super) fn entries(&mut self, pair: &Pair, old: &Entry, new: &Entry) {
        let is = |domain: &str| old.domain == domain || new.domain == domain;
        if is("join") && [old, new].iter().all(|entry| ["join", "input", "no input"].contains(&entry.domain.as_str())) {
            return self.joins(pair);
        }
        if is("set operation") && pair.whole.is_none() {
            return self.set_operations(pair);
        }
        if old.domain != new.domain {
            return match (self.old.operands(pair.old, old), self.new.operands(pair.new, new)) {
                (Some(before), Some(after)) if is("all of") => self.set(pair, &before, &after),
                _ => self.unlike(pair, old, new),
            };
        }
        match old.domain.as_str() {
            "select" => self.select(pair, &old.items, &new.items),
            "input" => self.input(pair, &old.items, &new.items),
            "reference" => self.references(pair, &old.items, &new.items),
            "tail" => self.tails(pair, &old.items, &new.items),
            "distinct" | "by all columns" => {
                let place = if old.domain == "distinct" { ClausePlace::Distinct } else { ClausePlace::SetOperation };
                self.over_columns(pair, place, &old.items, &new.items);
            }
            "distinct on" => self.two(pair, ClausePlace::DistinctOn, &old.items, &new.items),
            "all of" | "group keys" => match (old.items.as_slice(), new.items.as_slice()) {
                ([Item::List(old)], [Item::List(new)]) => self.set(pair, &old.clone(), &new.clone()),
                (old, new) => self.generic(pair, Level::Query, old, new),
            },
            "sort key" => self.or_itself(pair, Level::Query, &old.items, &new.items),
            "open column" => self.or_itself(pair, Level::Input, &old.items, &new.items),
            "seed" => match (old.items.as_slice(), new.items.as_slice()) {
                ([Item::Number(old)], [Item::Number(new)]) => self.tell(Input::SeedRows(Sides::both(*old, *new))),
                (old, new) => self.generic(pair, Level::Query, old, new),
            },
            "external" => self.externals(pair, &old.items, &new.items),
            "opaque" => self.opaques(pair, &old.items, &new.items),
            "row" => self.generic(pair, Level::Input, &old.items, &new.items),
            "orderless" => self.orderless(pair, &old.items, &new.items),
            _ => self.generic(pair, Level::Query, &old.items, &new.items),
        }
    }

    /// As [`Engine::generic`], but texts and numbers that differ are those of the pair, not of what is below it.
    fn or_itself(&mut self, pair: &Pair, level: Level, old: &[Item], new: &[Item]) {
        let plain = |items: &[Item]| -> Vec<Item> {
            items.iter().filter(|item| !matches!(item, Item::Digest(_))).cloned().collect()
        };
        match plain(old) == plain(new) {
            true => self.generic(pair, level, old, new),
            false => self.differs(pair, Vec::new()),
        }
    }

    /// Digests of two kinds: what stands around one of them only is taken off, and the rest is compared.
    fn unlike(&mut self, pair: &Pair, old: &Entry, new: &Entry) {
        if pair.whole.is_none() {
            if let Some((place, inner)) = around(new) {
                let snippet = Snippet { text: self.new.words(new), place: None };
                self.one_sided(pair, place, Sides { old: None, new: Some(snippet) });
                return self.push(vec![pair.below(pair.old, inner)]);
            }
            if let Some((place, inner)) = around(old) {
                let snippet = Snippet { text: self.old.words(old), place: None };
                self.one_sided(pair, place, Sides { old: Some(snippet), new: None });
                return self.push(vec![pair.below(inner, pair.new)]);
            }
        }
        self.differs(pair, Vec::new());
    }

    /// A block: FROM, then its clauses by their names.
    fn select(&mut self, pair: &Pair, old: &[Item], new: &[Item]) {
        let ([Item::Digest(before), old @ ..], [Item::Digest(after), new @ ..]) = (old, new) else {
            return self.generic(pair, Level::Query, old, new);
        };
        let mut below = vec![pair.at(*before, *after, ClausePlace::From)];
        let (old, new) = (clauses(old), clauses(new));
        for (before, after) in aligned(&old, &new, |old, new| old.0 == new.0) {
            match (before.map(|place| old[place].clone()), after.map(|place| new[place].clone())) {
                (Some((tag, before)), Some((other, after))) if tag == other => {
                    below.push(pair.at(before, after, place_of(&tag)));
                }
                (before, after) => {
                    if let Some((tag, digest)) = before {
                        let text = Sides { old: Some(self.old.snippet(digest)), new: None };
                        self.one_sided(pair, place_of(&tag), text);
                    }
                    if let Some((tag, digest)) = after {
                        let text = Sides { old: None, new: Some(self.new.snippet(digest)) };
                        self.one_sided(pair, place_of(&tag), text);
                    }
                }
            }
        }
        self.push(below);
    }

    /// What depends on the order of rows, and how each table that is read is stored.
    fn orderless(&mut self, pair: &Pair, old: &[Item], new: &[Item]) {
        let ([Item::Digest(before), Item::List(was)], [Item::Digest(after), Item::List(is)]) = (old, new) else {
            return self.generic(pair, Level::Query, old, new);
        };
        let mut below = vec![pair.below(*before, *after)];
        for sides in aligned(was, is, |was, is| was == is || self.is_of_one_table(*was, *is)) {
            match (sides.0.map(|place| was[place]), sides.1.map(|place| is[place])) {
                (Some(was), Some(is)) => below.push(Pair { place: ClausePlace::Draw, ..pair.input(was, is) }),
                (was, is) => {
                    let text =
                        Sides { old: was.map(|was| self.old.snippet(was)), new: is.map(|is| self.new.snippet(is)) };
                    self.one_sided(pair, ClausePlace::Draw, text);
                }
            }
        }
        self.push(below);
    }

    /// One input of FROM; its number alone is told by those who refer to it.
    fn input(&mut self, pair: &Pair, old: &[Item], new: &[Item]) {
        match (old, new) {
            ([Item::Number(_), Item::Digest(before)], [Item::Number(_), Item::Digest(after)]) if before != after => {
                self.push(vec![pair.input(*before, *after)]);
            }
            _ => self.differs(pair, Vec::new()),
        }
    }

    /// A name: another input of FROM, or the same one of which something moved.
    fn references(&mut self, pair: &Pair, old: &[Item], new: &[Item]) {
        let ([Item::Number(one), Item::Number(two), Item::Digest(before)], [depth, slot, Item::Digest(after)]) =
            (old, new)
        else {
            return self.generic(pair, Level::Query, old, new);
        };
        if (&Item::Number(*one), &Item::Number(*two)) != (depth, slot) {
            return self.differs(pair, Vec::new());
        }
        // A query of this model may be defined as a parent is, and then its columns have the same hashes.
        if self.is_of_one_table(*before, *after) {
            return self.push(vec![pair.input(*before, *after)]);
        }
        let columns = |side: &Side<'_>, digest: Digest| -> Vec<(String, String)> {
            let pieces = side.examined.origins.pieces(digest).filter_map(|piece| match piece {
                Origin::QueryColumn(query, column) => Some((query.clone(), column.clone())),
                _ => None,
            });
            pieces.collect()
        };
        let (was, is) = (columns(&self.old, *before), columns(&self.new, *after));
        let same = was.iter().find_map(|was| is.iter().find(|is| is.1 == was.1).map(|is| (was, is)));
        match same {
            // Nothing but a table's column: told as it is, or with the expression around it.
            None if was.is_empty() && is.is_empty() => self.push(vec![pair.input(*before, *after)]),
            None => self.differs(pair, Vec::new()),
            Some((was, is)) => {
                let query = if was.0 == is.0 { is.0.clone() } else { format!("{} → {}", was.0, is.0) };
                let inner = Pair::new(*before, *after, ClausePlace::Expression);
                self.push(vec![Pair { within: Some(format!("{query}.{}", is.1)), ..inner }]);
            }
        }
    }

    /// ORDER BY and LIMIT over a block.
    fn tails(&mut self, pair: &Pair, old: &[Item], new: &[Item]) {
        let (
            [Item::Digest(before), Item::MaybeDigest(was), old @ ..],
            [Item::Digest(after), Item::MaybeDigest(is), new @ ..],
        ) = (old, new)
        else {
            return self.generic(pair, Level::Query, old, new);
        };
        let mut below = vec![pair.below(*before, *after)];
        match (was, is) {
            (Some(was), Some(is)) => below.push(pair.at(*was, *is, ClausePlace::OrderBy)),
            (was, is) => {
                let text = Sides { old: was.map(|was| self.old.snippet(was)), new: is.map(|is| self.new.snippet(is)) };
                if text.differ() {
                    self.one_sided(pair, ClausePlace::OrderBy, text);
                }
            }
        }
        let (old, new) = (clauses(old), clauses(new));
        for sides in aligned(&old, &new, |old, new| old.0 == new.0) {
            match (sides.0.map(|place| &old[place]), sides.1.map(|place| &new[place])) {
                (Some((what, before)), Some((other, after))) if what == other => {
                    below.push(pair.at(*before, *after, ClausePlace::Limit));
                }
                (before, after) => {
                    let shown = |side: &Side<'_>, (what, digest): &(String, Digest)| {
                        let Snippet { text, place } = side.snippet(*digest);
                        Snippet { text: format!("{} {text}", what.to_uppercase()), place }
                    };
                    let text = Sides {
                        old: before.map(|limit| shown(&self.old, limit)),
                        new: after.map(|limit| shown(&self.new, limit)),
                    };
                    self.one_sided(pair, ClausePlace::Limit, text);
                }
            }
        }
        self.push(below);
    }

    /// Rows, and all columns because they decide which rows are the same.
    fn over_columns(&mut self, pair: &Pair, place: ClausePlace, old: &[Item], new: &[Item]) {
        let ([Item::Digest(before), Item::List(was)], [Item::Digest(after), Item::List(is)]) = (old, new) else {
            return self.generic(pair, Level::Query, old, new);
        };
        if was != is {
            self.set(&pair.at(pair.old, pair.new, place), was, is);
        }
        self.push(vec![pair.below(*before, *after)]);
    }

    /// Rows, and one digest more.
    fn two(&mut self, pair: &Pair, place: ClausePlace, old: &[Item], new: &[Item]) {
        let ([Item::Digest(before), Item::Digest(was)], [Item::Digest(after), Item::Digest(is)]) = (old, new) else {
            return self.generic(pair, Level::Query, old, new);
        };
        self.push(vec![pair.below(*before, *after), pair.at(*was, *is, place)]);
    }

    /// A table outside the project, and what of the project writes it.
    fn externals(&mut self, pair: &Pair, old: &[Item], new: &[Item]) {
        match (old, new) {
            ([Item::Text(was), Item::MaybeDigest(before)], [Item::Text(is), Item::MaybeDigest(after)]) if was == is => {
                self.tell(Input::Writes(Sides { old: *before, new: *after }));
            }
            _ => self.differs(pair, Vec::new()),
        }
    }

    /// A model that cannot be taken apart: its text, and everything of everything that it mentions.
    fn opaques(&mut self, pair: &Pair, old: &[Item], new: &[Item]) {
        let ([Item::Digest(was), old @ ..], [Item::Digest(is), new @ ..]) = (old, new) else {
            return self.generic(pair, Level::Query, old, new);
        };
        if was != is {
            // Put in by the caller, who has the texts.
            self.tell(Input::Tokens(Sides { old: None, new: None }));
        }
        let (old, new) = (mentioned(&self.old, old), mentioned(&self.new, new));
        for sides in aligned(&old, &new, |old, new| old.0 == new.0) {
            match (sides.0.map(|place| &old[place]), sides.1.map(|place| &new[place])) {
                (Some((name, before)), Some((other, after))) if name == other => {
                    if before != after
                        && let Some(model) = crate::ids::ModelName::parse(name)
                    {
                        self.tell(Input::Moved(Node { model, part: Part::All }));
                    }
                }
                (before, after) => {
                    let shown = |(name, _): &(String, Option<Digest>)| Snippet { text: name.clone(), place: None };
                    self.one_sided(pair, ClausePlace::From, Sides { old: before.map(shown), new: after.map(shown) });
                }
            }
        }
    }
}

impl Side<'_> {
    /// The operands of a chain of ANDs; an expression alone is one of one.
    fn operands(&self, digest: Digest, entry: &Entry) -> Option<Vec<Digest>> {
        match entry.items.as_slice() {
            [Item::List(operands)] if entry.domain == "all of" => Some(operands.clone()),
            _ => self.examined.origins.expression(digest).map(|_| vec![digest]),
        }
    }

    /// What stands around a block, in words.
    fn words(&self, entry: &Entry) -> String {
        let texts = |items: &[Item]| -> String {
            let texts = items.iter().filter_map(|item| match item {
                Item::Text(text) => Some(text.to_uppercase()),
                Item::Digest(digest) => Some(self.text(*digest)),
                Item::MaybeDigest(Some(digest)) => Some(format!("ORDER BY {}", self.text(*digest))),
                _ => None,
            });
            texts.collect::<Vec<_>>().join(" ")
        };
        match entry.domain.as_str() {
            "distinct" => "DISTINCT".to_owned(),
            "distinct on" => format!("DISTINCT ON ({})", texts(&entry.items[1..])),
            "tail" => texts(&entry.items[1..]),
            "by all columns" => "rows that are the same count once".to_owned(),
            _ => "depends on the order in which rows lie".to_owned(),
        }
    }
}

/// What stands around a block, and the block.
fn around(entry: &Entry) -> Option<(ClausePlace, Digest)> {
    let place = match entry.domain.as_str() {
        "distinct" => ClausePlace::Distinct,
        "distinct on" => ClausePlace::DistinctOn,
        "tail" => ClausePlace::Limit,
        "by all columns" => ClausePlace::SetOperation,
        "draw" | "drawn column" | "orderless" => ClausePlace::Draw,
        _ => return None,
    };
    let inner = entry.items.iter().find_map(|item| match item {
        Item::Digest(digest) => Some(*digest),
        _ => None,
    });
    inner.map(|inner| (place, inner))
}

/// Clauses with their tags.
fn clauses(items: &[Item]) -> Vec<(String, Digest)> {
    let pairs = items.chunks(2).filter_map(|pair| match pair {
        [tag, Item::Digest(digest)] => Some((text_item(tag)?, *digest)),
        _ => None,
    });
    pairs.collect()
}

fn place_of(tag: &str) -> ClausePlace {
    match tag {
        "where" => ClausePlace::Where,
        "grouped" => ClausePlace::GroupBy,
        "having" => ClausePlace::Having,
        "qualify" => ClausePlace::Qualify,
        "set" => ClausePlace::SetReturning,
        _ => ClausePlace::Expression,
    }
}

/// What an opaque model mentions: models with all that is in them, and tables outside the project.
fn mentioned(side: &Side<'_>, items: &[Item]) -> Vec<(String, Option<Digest>)> {
    let mut found = Vec::new();
    let mut name = None;
    for item in items {
        match item {
            Item::Text(text) => name = Some(text.clone()),
            Item::MaybeDigest(whole) => found.extend(name.take().map(|name| (name, *whole))),
            Item::Digest(external) => {
                let items = side.entry(*external).map(|entry| entry.items.as_slice()).unwrap_or_default();
                found.extend(items.iter().find_map(text_item).map(|name| (name, Some(*external))));
            }
            Item::Bytes(_) | Item::Number(_) | Item::List(_) | Item::MaybeText(_) => {}
        }
    }
    found
}
