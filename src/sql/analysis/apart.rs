//! Which columns of joined inputs keep intervals apart, where their rows depend on the interval that is loaded.
//!
//! A column keeps them apart if, for each interval, the rows with a value in it are the same whether that interval is
//! loaded alone or with others. Every column of rows that do not depend on the interval does. Over a join, of whatever
//! kind, a column of one side still does if the other side depends on the interval in nothing, or if the join compares for
//! equality a column of this side that is in the same interval wherever ours is with one of the other side that keeps
//! intervals apart: what meets our row is then of its interval. Columns that are compared so are in one class: where one
//! of them has a value, each other has one of the same interval or none (the rows that found no match).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::block::Value;
use crate::hash::Digest;
use crate::sql::shape::Traits;

/// More inputs than this in one FROM are not told apart: classes are copied at each join.
const MOST_INPUTS: usize = 64;
/// More comparisons than this in one join are not looked at.
const MOST_TIES: usize = 16;

/// A column of an input, read as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    hash: Digest,
    slot: u64,
    /// How it keeps intervals apart among the rows of its own input.
    kept: Kept,
}

/// Which intervals a column keeps apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    /// None.
    Mixed,
    /// Those of different days: what it is compared with is cut to the day.
    ByDay,
    /// All.
    Apart,
}

impl Value {
    /// Takes a value for one that was only cast or cut short.
    pub(super) fn stand_on(&mut self, other: &Self) {
        (self.ground, self.slot) = (other.ground, other.slot);
        self.alternatives.clone_from(&other.alternatives);
    }

    /// Takes a value for the first of others that is not NULL.
    pub(super) fn choose(&mut self, others: &[Self]) {
        self.alternatives = others.iter().filter_map(Self::plain).collect();
        if self.alternatives.len() != others.len() {
            self.alternatives.clear();
        }
    }

    /// Whether it is a column or one of some, perhaps cast or cut short, and not computed.
    pub(super) fn is_of_columns(&self) -> bool {
        self.slot.is_some() || !self.alternatives.is_empty()
    }

    /// The plain column that this is, perhaps cast or cut short.
    fn beneath(&self) -> Option<Plain> {
        let kept = match self.traits {
            Traits { crosses: true, .. } => Kept::Mixed,
            Traits { daily: true, .. } => Kept::ByDay,
            _ => Kept::Apart,
        };
        self.slot.map(|slot| Plain { hash: self.ground, slot, kept })
    }

    /// The same where nothing was done to it.
    fn plain(&self) -> Option<Plain> {
        self.beneath().filter(|plain| plain.hash == self.hash)
    }
}

/// Two columns that a join compares for equality, and what USING makes of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tie {
    pub(super) left: Plain,
    pub(super) right: Plain,
    pub(super) merged: Option<Digest>,
}

impl Tie {
    /// Where both are plain columns and lie on different sides of the join.
    pub(super) fn between(one: &Value, other: &Value, (left, right): (&Range<u64>, &Range<u64>)) -> Option<Self> {
        let (one, other) = (one.plain()?, other.plain()?);
        let tie = |left, right| Some(Self { left, right, merged: None });
        match () {
            () if left.contains(&one.slot) && right.contains(&other.slot) => tie(one, other),
            () if left.contains(&other.slot) && right.contains(&one.slot) => tie(other, one),
            () => None,
        }
    }
}

/// A join of the inputs of two runs of slots.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) left: Range<u64>,
    pub(super) right: Range<u64>,
    pub(super) kind: Kind,
    pub(super) ties: Vec<Tie>,
    /// What its condition wants to lie in the interval.
    pub(super) gates: Vec<Digest>,
}

/// How rows without a match fare, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A comma of FROM, around which nothing but WHERE stands.
    Comma,
    /// They go.
    Inner,
    /// They stay, or nothing is known of them.
    Other,
}

/// The joins of a FROM, each after those within it.
#[derive(Debug, Default)]
pub(super) struct Joins {
    list: Vec<Join>,
    /// The inputs whose rows depend on the interval.
    moving: BTreeSet<u64>,
}

impl Joins {
    pub(super) fn push(&mut self, join: Join) {
        self.list.push(join);
    }

    pub(super) fn add_moving(&mut self, slot: u64) {
        self.moving.insert(slot);
    }

    /// Takes an equality of WHERE, which holds for every row that is left: as good as one in the join that brought the two
    /// together, if no join around that one keeps rows without a match.
    pub(super) fn tie(&mut self, one: &Value, other: &Value) {
        let all_inner = self.list.iter().all(|join| join.kind != Kind::Other);
        for join in self.list.iter_mut().filter(|join| all_inner || join.kind == Kind::Comma) {
            join.ties.extend(Tie::between(one, other, (&join.left, &join.right)));
        }
    }

    pub(super) fn settle(self) -> Apart {
        let mut apart = Apart { moving: self.moving, ..Apart::default() };
        if self.list.len() >= MOST_INPUTS {
            apart.too_many = true;
            return apart;
        }
        self.list.iter().for_each(|join| apart.settle(join));
        apart
    }
}

/// What the joins of a FROM make of the intervals.
#[derive(Debug, Default)]
pub(super) struct Apart {
    moving: BTreeSet<u64>,
    steps: Vec<Step>,
    classes: Classes,
    /// Columns that USING made: behind how many steps, and how they keep intervals apart there.
    merged: BTreeMap<Digest, (usize, Kept)>,
    /// How many classes there have been.
    named: u64,
    too_many: bool,
}

/// Columns in classes; one that is in none is alone.
type Classes = BTreeMap<Digest, u64>;

#[derive(Debug)]
struct Step {
    left: Side,
    right: Side,
    gated: bool,
    ties: Vec<Settled>,
    /// As they were before it.
    classes: Classes,
}

#[derive(Debug)]
struct Side {
    slots: Range<u64>,
    /// Whether its rows depend on the interval.
    moves: bool,
}

/// A tie, and how each of its columns keeps intervals apart on its own side.
#[derive(Clone, Copy, Debug)]
struct Settled {
    tie: Tie,
    left: Kept,
    right: Kept,
    /// Whether all that the condition wants to lie in the interval is in a class with it.
    holds: bool,
}

impl Apart {
    /// How a value keeps the intervals apart.
    pub(super) fn kept(&self, value: &Value) -> Kept {
        let beneath = value.beneath();
        let mut columns = beneath.as_slice().iter().chain(&value.alternatives);
        let Some(first) = columns.next().filter(|_| !self.too_many) else { return Kept::Mixed };
        // A choice of columns lies in one interval if each does, and all in the same.
        columns.fold(self.kept_plain(*first), |kept, column| match is_same(&self.classes, first.hash, column.hash) {
            true => kept.min(self.kept_plain(*column)),
            false => Kept::Mixed,
        })
    }

    /// Whether a value lies in the same interval as an expression, casts and cuts left out, wherever both are something.
    pub(super) fn is_with(&self, value: &Value, ground: Digest) -> bool {
        let is_same = |column: &Plain| is_same(&self.classes, column.hash, ground);
        let chosen = !value.alternatives.is_empty() && value.alternatives.iter().all(is_same);
        chosen || self::is_same(&self.classes, value.ground, ground)
    }

    /// Whether the condition of a join lets other rows meet than those of one interval.
    pub(super) fn is_loose(&self) -> bool {
        self.steps.iter().any(|step| step.gated && !step.ties.iter().any(|settled| settled.holds))
    }

    fn kept_plain(&self, plain: Plain) -> Kept {
        let (first, kept) = self.merged.get(&plain.hash).copied().unwrap_or((0, plain.kept));
        let mut steps = self.steps[first..].iter();
        let kept =
            steps.try_fold(kept, |kept, step| Some(kept.min(step.kept(plain))).filter(|kept| *kept != Kept::Mixed));
        kept.unwrap_or(Kept::Mixed)
    }

    fn settle(&mut self, join: &Join) {
        let side = |slots: &Range<u64>| Side { slots: slots.clone(), moves: self.moves(slots) };
        let (left, right) = (side(&join.left), side(&join.right));
        let classes = self.classes.clone();
        let ties = join.ties.iter().take(MOST_TIES).map(|tie| {
            let near = |gate: &Digest| [tie.left, tie.right].iter().any(|plain| is_same(&classes, plain.hash, *gate));
            Settled {
                tie: *tie,
                left: if left.moves { self.kept_plain(tie.left) } else { Kept::Apart },
                right: if right.moves { self.kept_plain(tie.right) } else { Kept::Apart },
                holds: join.gates.iter().all(near),
            }
        });
        let ties: Vec<Settled> = ties.collect();
        let behind = self.steps.len() + 1;
        for Settled { tie, left, right, .. } in &ties {
            if let Some(merged) = tie.merged {
                self.merged.insert(merged, (behind, *left.min(right)));
            }
        }
        self.unite(&classes, &ties);
        self.steps.push(Step { left, right, gated: !join.gates.is_empty(), ties, classes });
    }

    /// Puts the columns of each tie into one class. Two classes of one side stay two, though the join compares both with
    /// one column: a row without a match tells nothing of them.
    fn unite(&mut self, before: &Classes, ties: &[Settled]) {
        let class = |hash: Digest| before.get(&hash).copied().ok_or(hash);
        let mut used = BTreeSet::new();
        for Settled { tie, .. } in ties {
            let pair = [class(tie.left.hash), class(tie.right.hash)];
            if pair.iter().any(|class| used.contains(class)) {
                continue;
            }
            used.extend(pair);
            self.named += 1;
            let name = self.named;
            for named in self.classes.values_mut().filter(|named| pair.contains(&Ok(**named))) {
                *named = name;
            }
            let columns = [Some(tie.left.hash), Some(tie.right.hash), tie.merged];
            self.classes.extend(columns.into_iter().flatten().map(|hash| (hash, name)));
        }
    }

    fn moves(&self, slots: &Range<u64>) -> bool {
        let within = |step: &Step| step.left.slots.start >= slots.start && step.right.slots.end <= slots.end;
        self.moving.range(slots.clone()).next().is_some() || self.steps.iter().any(|step| step.gated && within(step))
    }
}

impl Step {
    /// What the join leaves of how a column keeps intervals apart.
    fn kept(&self, plain: Plain) -> Kept {
        let (on_left, on_right) = (self.left.slots.contains(&plain.slot), self.right.slots.contains(&plain.slot));
        let other = if on_left { &self.right } else { &self.left };
        if !(on_left || on_right) || !(other.moves || self.gated) {
            return Kept::Apart;
        }
        let through = |settled: &Settled| {
            let (own, other) = match on_left {
                true => (settled.tie.left, settled.right),
                false => (settled.tie.right, settled.left),
            };
            (settled.holds && is_same(&self.classes, own.hash, plain.hash)).then_some(other)
        };
        self.ties.iter().filter_map(through).max().unwrap_or(Kept::Mixed)
    }
}

fn is_same(classes: &Classes, one: Digest, other: Digest) -> bool {
    one == other || classes.get(&one).is_some_and(|class| classes.get(&other) == Some(class))
}
