//! Chains of joins and of set operations: both lean to the left, and what was put into the middle of one moves every
//! digest behind it. So they are compared as the lists that people see.

use super::align::aligned;
use super::engine::{Engine, Level, Pair, Side};
use super::{ClausePlace, Sides, Snippet};
use crate::hash::{Digest, Entry, Item};
use crate::sql::Origin;

impl Engine<'_> {
    /// A chain of joins, input by input.
    pub(super) fn joins(&mut self, pair: &Pair) {
        let (old, new) = (self.old.joins(pair.old), self.new.joins(pair.new));
        let (before, after) = (&self.old, &self.new);
        let pairs = aligned(&old, &new, |old, new| old.input == new.input || before.is_called(old, after, new));
        let mut below = Vec::new();
        let mut is_told = false;
        for sides in pairs {
            match (sides.0.map(|place| &old[place]), sides.1.map(|place| &new[place])) {
                (Some(before), Some(after)) => {
                    let is_head = before.kind.is_empty() || after.kind.is_empty();
                    if before.kind != after.kind && !is_head {
                        let text = Sides::both(self.old.joined(before), self.new.joined(after));
                        self.one_sided(pair, ClausePlace::JoinType, text);
                        is_told = true;
                    }
                    below.push(Pair { level: Level::Input, ..pair.at(before.input, after.input, ClausePlace::From) });
                    for (one, two) in [(before.on, after.on), (before.matching, after.matching)] {
                        match (one, two) {
                            (Some(one), Some(two)) => below.push(pair.at(one, two, ClausePlace::JoinCondition)),
                            (None, None) => {}
                            (one, two) => {
                                let text = Sides {
                                    old: one.map(|one| self.old.snippet(one)),
                                    new: two.map(|two| self.new.snippet(two)),
                                };
                                self.one_sided(pair, ClausePlace::JoinCondition, text);
                                is_told = true;
                            }
                        }
                    }
                }
                (before, after) => {
                    let text = Sides {
                        old: before.map(|join| self.old.joined(join)),
                        new: after.map(|join| self.new.joined(join)),
                    };
                    self.one_sided(pair, ClausePlace::From, text);
                    is_told = true;
                }
            }
        }
        if !is_told && below.iter().all(|pair| pair.old == pair.new) {
            return self.differs(pair, Vec::new());
        }
        self.push(below);
    }

    /// A chain of set operations, branch by branch.
    pub(super) fn set_operations(&mut self, pair: &Pair) {
        let (old, new) = (self.old.branches(pair.old), self.new.branches(pair.new));
        let mut below = Vec::new();
        let mut is_told = false;
        for sides in aligned(&old, &new, |old, new| old.1 == new.1) {
            match (sides.0.map(|place| &old[place]), sides.1.map(|place| &new[place])) {
                (Some((was, before)), Some((is, after))) => {
                    if was != is && !was.is_empty() && !is.is_empty() {
                        let text = Sides::both(was.clone(), is.clone()).map(|text| Snippet { text, place: None });
                        self.one_sided(pair, ClausePlace::SetOperation, text);
                        is_told = true;
                    }
                    if let (Some(before), Some(after)) = (before, after) {
                        below.push(pair.below(*before, *after));
                    }
                }
                (before, after) => {
                    let shown = |side: &Side<'_>, (operator, branch): &(String, Option<Digest>)| {
                        let branch = branch.map_or_else(|| side.nothing(), |branch| side.snippet(branch));
                        let text = format!("{operator} {}", branch.text).trim_start().to_owned();
                        Snippet { text, place: branch.place }
                    };
                    let text = Sides {
                        old: before.map(|branch| shown(&self.old, branch)),
                        new: after.map(|branch| shown(&self.new, branch)),
                    };
                    self.one_sided(pair, ClausePlace::SetOperation, text);
                    is_told = true;
                }
            }
        }
        if !is_told && below.iter().all(|pair| pair.old == pair.new) {
            return self.differs(pair, Vec::new());
        }
        self.push(below);
    }
}

/// One input of a chain of joins.
struct Join {
    /// Empty for the first one.
    kind: String,
    input: Digest,
    on: Option<Digest>,
    matching: Option<Digest>,
}

impl Side<'_> {
    fn joins(&self, digest: Digest) -> Vec<Join> {
        let mut joins = Vec::new();
        let mut rest = digest;
        while let Some(entry) = self.entry(rest).filter(|entry| entry.domain == "join") {
            let [
                Item::Text(kind),
                Item::Digest(left),
                Item::Digest(right),
                Item::MaybeDigest(on),
                Item::MaybeDigest(matching),
            ] = entry.items.as_slice()
            else {
                break;
            };
            joins.push(Join { kind: kind.clone(), input: self.without_slot(*right), on: *on, matching: *matching });
            rest = *left;
        }
        joins.push(Join { kind: String::new(), input: self.without_slot(rest), on: None, matching: None });
        joins.reverse();
        joins
    }

    fn without_slot(&self, digest: Digest) -> Digest {
        match self.entry(digest) {
            Some(Entry { domain, items }) if domain == "input" => match items.as_slice() {
                [Item::Number(_), Item::Digest(inner)] => *inner,
                _ => digest,
            },
            _ => digest,
        }
    }

    /// Whether two inputs have a name in common.
    fn is_called(&self, own: &Join, other: &Self, new: &Join) -> bool {
        let pieces =
            |side: &'_ Self, digest: Digest| -> Vec<Origin> { side.examined.origins.pieces(digest).cloned().collect() };
        let names = pieces(other, new.input);
        pieces(self, own.input).iter().any(|piece| names.contains(piece))
    }

    fn joined(&self, join: &Join) -> Snippet {
        let Snippet { text, place } = self.snippet(join.input);
        let condition = join.on.map(|on| self.snippet(on));
        let kind = if join.kind.is_empty() { String::new() } else { format!("{} JOIN ", join.kind.to_uppercase()) };
        let on = condition.as_ref().map_or(String::new(), |on| format!(" ON {}", on.text));
        Snippet { text: format!("{kind}{text}{on}"), place: place.or(condition.and_then(|on| on.place)) }
    }

    /// The branches of a chain of set operations, of rows or of one column, each with the operator before it.
    fn branches(&self, digest: Digest) -> Vec<(String, Option<Digest>)> {
        let mut branches = Vec::new();
        let mut rest = Some(digest);
        while let Some(entry) = rest.and_then(|digest| self.entry(digest)) {
            let (operator, left, right) = match entry.items.as_slice() {
                _ if entry.domain != "set operation" => break,
                [Item::Text(operator), Item::Text(all), Item::Digest(left), Item::Digest(right)] => {
                    (operator_of(operator, all), Some(*left), Some(*right))
                }
                [Item::Text(operator), Item::Text(all), Item::MaybeDigest(left), Item::MaybeDigest(right)] => {
                    (operator_of(operator, all), *left, *right)
                }
                _ => break,
            };
            branches.push((operator, right));
            rest = left;
        }
        branches.push((String::new(), rest));
        branches.reverse();
        branches
    }

    fn nothing(&self) -> Snippet {
        Snippet { text: "NULL".to_owned(), place: None }
    }
}

fn operator_of(operator: &str, all: &str) -> String {
    let all = if all == "all" { " ALL" } else { "" };
    format!("{}{all}", operator.to_uppercase())
}
