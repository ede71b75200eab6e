//! Where each model of a tree will point, and what must be done before.

use std::collections::BTreeMap;

use super::newer::{Held, later, newer_inputs};
use super::partial::{Lacks, Previewed, Read, Stand, Stands, all_in, complete};
use super::range::{Start, course, ended, is_loaded_by_interval, own_start, present, starts, wanted, whole_until};
use super::restatements::Restatements;
use super::seen::{self, Saw, Seen};
use super::{
    Action, Basis, History, Inputs, KnownTable, OwnRows, Purpose, Rows, Sharing, ShownBefore, Target, Then, Which,
};
use crate::graph::SelfReading;
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::model::{Kind, KindName, Model, Past};
use crate::naming::{TableKey, physical_table};
use crate::time::{Interval, Intervals, Timestamp};

/// The targets of a tree's models, taken parents first.
pub(super) struct Targets<'a> {
    inputs: &'a Inputs<'a>,
    starts: BTreeMap<ModelName, Start>,
    freshness: Freshness,
    held: BTreeMap<TableKey, Held<'a>>,
    stands: Stands,
    restatements: Restatements<'a>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(inputs: &'a Inputs<'a>) -> Self {
        let starts = starts(inputs.result, inputs.now);
        let restatements = Restatements::of(inputs.result, &inputs.known.restatements);
        let (freshness, stands) = (Freshness::default(), Stands::default());
        Self { inputs, starts, freshness, held: BTreeMap::new(), stands, restatements }
    }

    /// Where a model with these fingerprints will point; `None` where it is not in the tree.
    pub(super) fn of(&mut self, name: &ModelName, (data, metadata): (Digest, Digest)) -> Option<Target> {
        let inputs = self.inputs;
        let model = inputs.result.models.get(name)?;
        let kind = model.kind.name();
        let read = self.stands.read_by(&inputs.result.graph, name);
        let start = self.starts.get(name).copied().or_else(|| own_start(model, inputs.now));
        let key = TableKey { model: name.clone(), data_fingerprint: data };
        let start = self.begun(start, &key);
        let wanted = wanted(model, &key, inputs, (start, read.end));
        let whole = self.slot(model, key, wanted, &read.seen);
        let is_cut = self.own_past(model) == OwnPast::Counts && whole.lacking != whole.missing;
        let mut history = self.history(model, &whole);
        let carried = history.as_ref().map(|history| self.carried(history)).unwrap_or_default();
        let due = whole.lacking.minus(&carried);
        if let (Some(history), Some(wanted), Purpose::Apply) = (&mut history, wanted, inputs.purpose) {
            let own = |previewed: Interval| OwnRows { from: previewed.start, which: Which::All };
            history.own = self.previewed(model, wanted).map(own);
        }
        let from = history.as_ref().filter(|_| inputs.purpose == Purpose::Apply);
        let (mut slot, basis) = match (whole.action, from) {
            (_, Some(history)) => {
                let key = history_preview_key(&whole.key, &history.key, &read.lacks);
                (self.gone_on(model, self.slot(model, key, wanted, &read.seen), (history, wanted)), Basis::Preview)
            }
            // What it reads is a preview of a history, which no table under its own key was made from.
            (Action::Reuse, None) if read.history == Previewed::Yes && !inputs.is_prods(&whole.key) => {
                let key = preview_key(&whole.key, &read, None);
                (self.slot(model, key, wanted, &read.seen), Basis::Preview)
            }
            (Action::Build, None) if is_cut || !read.lacks.is_empty() || whole.fill == Fill::StaleElsewhere => {
                let begin = wanted.and_then(|wanted| self.begin(model, wanted));
                let key = preview_key(&whole.key, &read, begin);
                let range = wanted.and_then(|wanted| Interval::new(begin.unwrap_or(wanted.start), wanted.end));
                (self.slot(model, key, range, &read.seen), Basis::Preview)
            }
            _ if !kind.has_table() && !read.lacks.is_empty() => (whole, Basis::Preview),
            _ => (whole, Basis::Whole),
        };
        if let Some(history) = history.as_ref().filter(|_| inputs.purpose == Purpose::Promote) {
            slot = self.gone_on(model, slot, (history, wanted));
        }
        let history = history.filter(|_| slot.action == Action::Build);
        let due = if basis == Basis::Whole { due.minus(&slot.missing) } else { due };
        self.remember(model, &slot, (basis, &read));
        // One that is there stays where it is, whatever the configuration says of new ones.
        let adopted = history.as_ref().and_then(|history| history.adopted.as_ref());
        let named_by = adopted.map_or_else(|| slot.key.clone(), |adopted| adopted.name_key(&slot.key));
        let new = || physical_table(&named_by, inputs.schemas, inputs.limit);
        let table = slot.known.map_or_else(new, |known| known.table.clone());
        Some(Target {
            name: name.clone(),
            kind,
            key: slot.key,
            metadata_fingerprint: metadata,
            table: kind.has_table().then_some(table),
            action: slot.action,
            unit: model.unit(),
            intervals_missing: slot.missing.ranges().to_vec(),
            due_at_promote: due.ranges().to_vec(),
            course: course(model, (start, read.whole_to), (None, inputs.now)),
            basis,
            seen: read.seen,
            found: slot.known.map(KnownTable::found),
            history,
            sharing: slot.known.map_or(Sharing::Own, |known| known.sharing),
            rows: slot.rows,
        })
    }

    /// What a table that is not the one that is shown goes on from, where no query gives that again.
    fn history(&self, model: &Model, whole: &Slot<'_>) -> Option<History> {
        let inputs = self.inputs;
        if model.past() == Past::Recomputed || inputs.is_prods(&whole.key) {
            return None;
        }
        // What was computed again is nothing that came after the rows that a table of this definition kept, if ever it was shown.
        let base = inputs.production.filter(|_| !inputs.known.prod.contains_key(&model.name)).unwrap_or(inputs.base);
        let base = base.models.get(&model.name);
        let was_shown = whole.known.is_some_and(|known| known.shown != ShownBefore::No);
        if was_shown && base.is_some_and(|base| base.past() == Past::Recomputed) {
            return None;
        }
        let (key, known) = inputs.known.history_of(&model.name, model.kind.name())?;
        let own = self.own_rows(model, (whole, base.and_then(|base| base.effective_from())));
        let adopted = inputs.known.adopted_of(&model.name).cloned();
        Some(History { key: key.clone(), table: known.table.clone(), then: Then::Load, own, adopted })
    }

    /// What of its time a promote takes from the table that it goes on from.
    fn carried(&self, history: &History) -> Intervals {
        let given = self.inputs.known.tables.get(&history.key).map(KnownTable::intervals).unwrap_or_default();
        match history.own {
            Some(OwnRows { from, which: Which::All }) => given.minus(&given.since(from)),
            _ => given,
        }
    }

    /// What a table does not take from the one that it goes on from, which has rows of its own definition from a moment on, too.
    /// Where the environment has shown it before, it has its rows already; whatever came since is taken.
    fn own_rows(&self, model: &Model, (whole, theirs): (&Slot<'_>, Option<Timestamp>)) -> Option<OwnRows> {
        let ours = model.effective_from();
        match whole.known.filter(|known| known.shown == ShownBefore::Yes) {
            None => Some(OwnRows { from: ours?, which: Which::All }),
            Some(_) => Some(OwnRows { from: ours.into_iter().chain(theirs).min()?, which: Which::Loaded }),
        }
    }

    /// What a branch looks at by the new definition: the last unit, or what is to be of that definition, as far back as it loads.
    fn previewed(&self, model: &Model, wanted: Interval) -> Option<Interval> {
        let last = model.unit().back(wanted.end, 1);
        let begin = self.inputs.window.start(&model.name, model.unit(), wanted);
        let from = model.effective_from().map_or(last, |from| from.min(last)).max(begin);
        Interval::new(from, wanted.end)
    }

    /// A table that goes on from another one: it lacks what that lacks. Each promote carries that over anew, because it may have
    /// gone on since; a branch looks at a part of it by the new definition.
    fn gone_on(&self, model: &Model, slot: Slot<'a>, (history, wanted): (&History, Option<Interval>)) -> Slot<'a> {
        if slot.known.is_some_and(|known| known.sharing == Sharing::Shared) {
            // Another environment shows it, and it goes on for all of them when it is promoted.
            return Slot { missing: Intervals::default(), action: Action::Reuse, ..slot };
        }
        let from = self.inputs.known.tables.get(&history.key);
        let is_preview = self.inputs.purpose == Purpose::Apply;
        let Some(wanted) = wanted else {
            let action = if is_preview { slot.action } else { Action::Build };
            return Slot { action, from, ..slot };
        };
        let begin = self.inputs.window.start(&model.name, model.unit(), wanted);
        let mut given = match is_preview {
            true => from.map(KnownTable::intervals).unwrap_or_default(),
            false => self.carried(history),
        };
        if let Some(OwnRows { from, .. }) = history.own.filter(|_| !is_preview) {
            let own = slot.known.map(|known| known.intervals().since(from)).unwrap_or_default();
            own.ranges().iter().for_each(|range| given.add(*range));
        }
        let missing = Intervals::one(wanted).minus(&given);
        let whole = |range: &Interval| {
            let range = range.in_units(model.unit());
            Interval::new(range.start.max(wanted.start), range.end.min(wanted.end))
        };
        let mut lacking: Intervals = missing.ranges().iter().filter_map(whole).collect();
        if is_preview {
            self.previewed(model, wanted).into_iter().for_each(|previewed| lacking.add(previewed));
            let have = slot.known.map(KnownTable::intervals).unwrap_or_default();
            let is_there = slot.known.is_some() && lacking.minus(&have).is_empty();
            if is_there && slot.lacking.is_empty() {
                return Slot { missing: Intervals::default(), action: Action::Reuse, ..slot };
            }
        }
        Slot { missing: lacking.since(begin), lacking, action: Action::Build, from, ..slot }
    }

    /// Where nothing says when a model begins, its table does: the usual default moves with the clock.
    fn begun(&self, start: Option<Start>, key: &TableKey) -> Option<Start> {
        let first = || self.inputs.known.tables.get(key)?.intervals().ranges().first().map(|range| range.start);
        match start? {
            Start::Default(start) => Some(Start::Default(first().map_or(start, |first| first.min(start)))),
            known => Some(known),
        }
    }

    fn slot(&self, model: &'a Model, key: TableKey, wanted: Option<Interval>, seen: &[Seen]) -> Slot<'a> {
        let inputs = self.inputs;
        let kind = model.kind.name();
        let known = inputs.known.tables.get(&key);
        let shared = known.is_some_and(|known| known.sharing == Sharing::Shared);
        let is_anothers = known.is_some_and(|known| self.read_another(known)) && !inputs.is_prods(&key);
        let newer = match known {
            // What is kept is not loaded again because something else is.
            _ if model.past() != Past::Recomputed => Intervals::default(),
            Some(known) if is_anothers && !shared => known.intervals(),
            // As far as prod's own tables are, `run` brings them; and nobody is to wait for whoever shares one.
            Some(known) if !shared && !inputs.is_prods(&key) => newer_inputs(known, &self.held),
            _ => Intervals::default(),
        };
        let is_restated = known.is_some_and(|known| self.restatements.is_since(model, known)) && !inputs.is_prods(&key);
        let lacking = lacking(model, inputs, (wanted, self.own_past(model)), (&key, known), (seen, &newer));
        let is_stale = |known: &&KnownTable| {
            let is_whole = known.filled_at.is_some() && !matches!(model.kind, Kind::Seed(_));
            is_whole && (is_anothers || is_restated) || is_stale(model, inputs, (&key, known), (&self.freshness, seen))
        };
        let fill = match known.filter(is_stale) {
            None => Fill::Fresh,
            Some(_) if !shared => Fill::Stale,
            // What prod shows is as new as it should be until `run` or a promote makes it newer.
            Some(_) if inputs.is_prods(&key) => Fill::Fresh,
            Some(_) => Fill::StaleElsewhere,
        };
        let missing = match wanted {
            Some(wanted) if !shared => lacking.since(inputs.window.start(&model.name, model.unit(), wanted)),
            _ => Intervals::default(),
        };
        let action = match (kind, known) {
            (KindName::View, _) => Action::View,
            _ if !kind.has_table() => Action::None,
            (_, None) => Action::Build,
            _ if !missing.is_empty() => Action::Build,
            _ if fill != Fill::Fresh => Action::Build,
            _ => Action::Reuse,
        };
        // What only a branch has seen begins with what there is when it is filled again: rows that it has of inputs that were
        // loaded again meanwhile may be none any more.
        let is_unseen = known.is_some_and(|known| known.shown == ShownBefore::No);
        let begins = is_anothers || is_restated || is_unseen && matches!(model.kind, Kind::UniqueKey(_));
        let rows = if begins { Rows::Anew } else { Rows::Stay };
        Slot { key, known, from: None, lacking, missing, fill, action, rows }
    }

    /// Whether a table was made of another one of an input whose rows are kept: that one may hold other rows of a definition that
    /// is the same.
    fn read_another(&self, known: &KnownTable) -> bool {
        let is_kept = |input: &TableKey| {
            let model = self.inputs.result.models.get(&input.model);
            model.is_some_and(|model| model.past() != Past::Recomputed)
        };
        let is_other =
            |input: &TableKey| !self.held.contains_key(input) && self.held.keys().any(|held| held.model == input.model);
        known.inputs.iter().any(|(input, _)| is_kept(input) && is_other(input))
    }

    fn own_past(&self, model: &Model) -> OwnPast {
        let itself = self.inputs.result.graph.node(&model.name).is_some_and(|node| node.itself == SelfReading::Yes);
        match &model.kind {
            Kind::UniqueKey(_) if is_loaded_by_interval(model) => OwnPast::Counts,
            Kind::TimeRange(_) if itself => OwnPast::Counts,
            _ => OwnPast::IsNothing,
        }
    }

    /// Where the past of a model begins for this plan, if what its table then holds depends on that.
    fn begin(&self, model: &Model, wanted: Interval) -> Option<Timestamp> {
        let start = self.inputs.window.start(&model.name, model.unit(), wanted);
        (self.own_past(model) == OwnPast::Counts && start > wanted.start).then_some(start)
    }

    /// What readers of the model will find.
    fn remember(&mut self, model: &Model, slot: &Slot<'a>, (basis, read): (Basis, &Read)) {
        let seen = read.seen.as_slice();
        let newest = match (slot.action, slot.known) {
            (Action::Build, _) => Some(Newest::Now),
            (Action::Reuse, Some(known)) => known.newest().map(Newest::At),
            _ => return,
        };
        if let Some(newest) = newest {
            self.freshness.0.insert(slot.key.clone(), newest);
        }
        let known = slot.from.or(slot.known);
        self.held.insert(slot.key.clone(), Held { known, now: slot.missing.clone() });
        let mut covered = known.map(KnownTable::intervals).unwrap_or_default();
        slot.missing.ranges().iter().for_each(|range| covered.add(*range));
        let lacks = slot.lacking.minus(&slot.missing);
        let is_partial = basis == Basis::Preview || !lacks.is_empty();
        let lacks = is_partial.then(|| Lacks::of(&slot.key, &lacks));
        let behind = self.behind(model, &covered);
        let saw = match (is_loaded_by_interval(model), slot.action) {
            (true, _) => {
                let over = ended(model, self.inputs.now);
                let end = whole_until(model, &covered);
                Some(Saw::Ranges { complete: complete(known, (&slot.missing, end), seen, over), covered })
            }
            (false, Action::Build) => seen::whole(seen),
            (false, _) => slot.known.and_then(|known| known.seen.as_deref()).and_then(seen::whole),
        };
        let first = |covered: &Intervals| self.first(model, covered);
        let whole_to = all_in(model, saw.as_ref(), first, ((slot.action, slot.known), read, self.inputs.now));
        let is_preview =
            basis == Basis::Preview && (model.past() != Past::Recomputed || read.history == Previewed::Yes);
        let history = if is_preview { Previewed::Yes } else { Previewed::No };
        self.stands.add(&model.name, Stand { saw, behind, whole_to, lacks, history, held: None });
    }

    /// Where a model begins of which nothing is loaded, if that is still to come.
    fn first(&self, model: &Model, covered: &Intervals) -> Option<Timestamp> {
        let (Start::Known(start) | Start::Default(start)) = *self.starts.get(&model.name)?;
        Some(model.unit().floor(start)).filter(|_| covered.is_empty() && ended(model, self.inputs.now).is_none())
    }

    /// Where a table ends, or would begin, if it could be loaded further now.
    fn behind(&self, model: &Model, covered: &Intervals) -> Option<Timestamp> {
        if !is_loaded_by_interval(model) {
            return None;
        }
        let start = self.starts.get(&model.name).map(|start| match start {
            Start::Known(start) | Start::Default(start) => model.unit().floor(*start),
        });
        whole_until(model, covered).or(start).filter(|end| *end < present(model, self.inputs.now))
    }
}

/// A table that a model may point at.
struct Slot<'a> {
    key: TableKey,
    known: Option<&'a KnownTable>,
    /// What is carried into it first.
    from: Option<&'a KnownTable>,
    /// What it has not of what it should hold.
    lacking: Intervals,
    /// What of that this plan loads.
    missing: Intervals,
    fill: Fill,
    action: Action,
    rows: Rows,
}

/// Whether a table that is filled as a whole would hold more now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    /// It would not.
    Fresh,
    /// It would.
    Stale,
    /// It would, and another environment shows it, so it is not this plan's to fill again.
    StaleElsewhere,
}

/// Whether what a table holds of later times depends on what it holds of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnPast {
    /// Each interval is loaded for itself.
    IsNothing,
    /// Rows are merged into earlier ones, or the query reads its own table.
    Counts,
}

/// Whether what a table holds would be something else if its whole query were loaded once more, of the same inputs.
fn counts_each_load(model: &Model, inputs: &Inputs<'_>) -> bool {
    let reads_itself = || inputs.result.graph.node(&model.name).is_some_and(|node| node.itself == SelfReading::Yes);
    model.past() == Past::Recomputed && (model.adds_up() || reads_itself())
}

/// The key of the table of its own that is filled where the model's own one would hold what it holds under no fingerprint:
/// rows made of inputs, or of a past of its own, that lack something. It says what is lacking, so that a table of other
/// gaps is another one.
fn preview_key(key: &TableKey, read: &Read, begin: Option<Timestamp>) -> TableKey {
    let hasher = Hasher::new("preview").digest(key.data_fingerprint).digests(read.lacks.iter().map(|lacks| lacks.0));
    // Two that saw as much are the same.
    let hasher = match seen::whole(&read.seen) {
        Some(Saw::Whole(digest)) => hasher.option_digest(Some(digest)),
        _ => hasher.option_digest(None),
    };
    let begin = begin.map(|begin| begin.0.to_string());
    TableKey { model: key.model.clone(), data_fingerprint: hasher.option(begin.as_deref()).finish() }
}

/// The key of a branch's preview of what is kept: its definition over what production has, and what its inputs lack.
fn history_preview_key(key: &TableKey, from: &TableKey, lacks: &[Lacks]) -> TableKey {
    let hasher = Hasher::new("history preview").digest(key.data_fingerprint).digest(from.data_fingerprint);
    let data_fingerprint = hasher.digests(lacks.iter().map(|lacks| lacks.0)).finish();
    TableKey { model: key.model.clone(), data_fingerprint }
}

/// How new each table will be once the plan is carried out.
#[derive(Default)]
struct Freshness(BTreeMap<TableKey, Newest>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Newest {
    At(Timestamp),
    Now,
}

/// What a table loaded by interval lacks; for a promote also what prod's present table has loaded later than it.
fn lacking(
    model: &Model,
    inputs: &Inputs<'_>,
    (wanted, own_past): (Option<Interval>, OwnPast),
    (key, known): (&TableKey, Option<&KnownTable>),
    (seen, newer): (&[Seen], &Intervals),
) -> Intervals {
    let Some(wanted) = wanted else { return Intervals::default() };
    let loads = known.map(|known| known.loads.as_slice()).unwrap_or_default();
    let have: Intervals = loads.iter().map(|load| load.interval).collect();
    // In whole units: what an input has by the hour is a part of a day, and so is what is there of a unit that was not over.
    let inside = |range: &Interval| {
        let range = range.in_units(model.unit());
        Interval::new(range.start.max(wanted.start), range.end.min(wanted.end))
    };
    let mut lacking: Intervals = Intervals::one(wanted).minus(&have).ranges().iter().filter_map(inside).collect();
    // How far prod's own tables are is for `run` and promote to mend.
    if inputs.purpose == Purpose::Promote || !inputs.is_prods(key) {
        let outdated = seen::outdated(loads, seen, model.past());
        outdated.ranges().iter().filter_map(inside).for_each(|range| lacking.add(range));
    }
    newer.ranges().iter().filter_map(inside).for_each(|range| lacking.add(range));
    if let (Purpose::Promote, Some((prod_key, prod))) = (inputs.purpose, inputs.known.prod_table(&model.name))
        && (prod_key != key && model.past() == Past::Recomputed)
    {
        let newer = later(&prod.loads, loads, |load| load.at);
        newer.ranges().iter().filter_map(inside).for_each(|range| lacking.add(range));
    }
    // Later loads lie over earlier ones: one that is not the next would turn rows back.
    let begins_again = lacking.ranges().first().is_some_and(|first| have.end().is_some_and(|end| first.start < end));
    if begins_again && own_past == OwnPast::Counts {
        let first = lacking.ranges().first().map_or(wanted.start, |first| first.start);
        // A row knows the rows of earlier times alone, but where they lie over each other.
        let from = if matches!(model.kind, Kind::TimeRange(_)) { first.max(wanted.start) } else { wanted.start };
        return Interval::new(from, wanted.end).map(Intervals::one).unwrap_or_default();
    }
    lacking
}

/// Whether a table that is filled as a whole was filled before the very tables that it read got more data, or before
/// the one that it replaces in prod: prod never goes back in time. A parent under another key counts as far as it was
/// loaded further: where the fingerprint stayed, it holds the same over the same time.
fn is_stale(
    model: &Model,
    inputs: &Inputs<'_>,
    (key, known): (&TableKey, &KnownTable),
    (freshness, seen): (&Freshness, &[Seen]),
) -> bool {
    if matches!(model.kind, Kind::Seed(_)) || is_loaded_by_interval(model) {
        return false;
    }
    let Some(filled) = known.filled_at else { return false };
    // Each load of it is history, so those come when they are due: a promote of something else is none of them, and would find inputs
    // that the run of that tick is still to load.
    if model.past() != Past::Recomputed && inputs.is_prods(key) {
        return false;
    }
    if matches!(model.kind, Kind::Unmanaged(_)) || counts_each_load(model, inputs) {
        // Each load stays, so there is one for each time that it is due, and none for other reasons.
        return !inputs.is_prods(key) && filled < model.last_tick(inputs.now);
    }
    let prod =
        inputs.known.prod_table(&model.name).filter(|(prod, _)| inputs.purpose == Purpose::Promote && *prod != key);
    let older_than_prod = prod.and_then(|(_, prod)| prod.newest()).is_some_and(|prod| prod > filled);
    let newer =
        |(input, at): &(TableKey, Timestamp)| freshness.0.get(input).is_some_and(|newest| *newest > Newest::At(*at));
    let holds_more = known.seen.as_deref().is_some_and(|then| seen::holds_more(seen, then));
    older_than_prod || holds_more || known.inputs.iter().any(newer)
}
