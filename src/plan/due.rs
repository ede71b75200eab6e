//! What is due in the tables that an environment shows: ranges up to the last tick of each model's `cron`, tables that are
//! filled as a whole and were not since it, and what somebody wants loaded again. Pure, as the rest of the plan.
//!
//! Nothing is chosen here that a table could be: each model keeps the table that the environment points at.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Known;
use super::early::Fill;
use super::order::{Order, declared_lookback};
use super::partial::{Held, Previewed, Read, Readers, Stand, Stands, all_in, complete};
use super::range::{Start, course, ended, is_loaded_by_interval, reached, starts, whole_until};
use super::restate::{Again, Restate, Restating};
use super::restatements::Restatements;
use super::scheduled::{Renewed, Scheduled};
use super::seen::{self, Saw};
use super::why::{Left, Why, WhyLeft};
use super::{Action, Basis, Commits, KnownTable, Plan, Rows, Sharing, Summary, Target};
use crate::fingerprint::Tree;
use crate::graph::SelfReading;
use crate::hash::Digest;
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::{self, Kind, KindName, Model};
use crate::naming::TableKey;
use crate::settings::{EnvironmentSuffix, Signals};
use crate::time::{Interval, IntervalUnit, Intervals, Timestamp};

/// What a run is planned of.
pub struct Running<'a> {
    /// The environment.
    pub environment: EnvironmentName,
    /// Where its models came from.
    pub commits: Commits,
    /// Its models.
    pub tree: &'a Tree,
    /// Where the environment's name stands in those of its views.
    pub suffix: EnvironmentSuffix,
    /// Where they point.
    pub shown: &'a BTreeMap<ModelName, Shown>,
    /// What the state knows of these tables.
    pub known: &'a Known,
    /// The present.
    pub now: Timestamp,
    /// What is loaded again.
    pub restate: &'a Restate,
    /// How much of the past its tables are to hold.
    pub past: Past,
    /// What becomes of models that wait for signals.
    pub signals: Signals,
}

/// How much of the past tables are to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// All of it, from where models begin.
    Everything,
    /// What they hold: a branch may have loaded the last days only, and promote loads the rest.
    AsLoaded,
}

/// Where an environment's model points.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its table's identity.
    pub key: TableKey,
    /// The fingerprint of the rest.
    pub metadata: Digest,
    /// Its table; `None` for kinds without one.
    pub table: Option<TableName>,
    /// What its rows are made of.
    pub basis: Basis,
}

/// What a run is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// Every model of the environment; those that are due are to be built.
    pub plan: Plan,
    /// What is due, parents first.
    pub due: Vec<Due>,
    /// What is not loaded, or not as far as its `cron` has it.
    pub left: Vec<Left>,
}

/// A table that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The model.
    pub model: ModelName,
    /// Its kind.
    pub kind: KindName,
    /// Why.
    pub why: Why,
    /// The unit of the intervals below.
    pub unit: IntervalUnit,
    /// What is loaded; empty for kinds that are filled as a whole.
    pub intervals: Vec<Interval>,
}

/// Works out what is due.
pub fn due(running: &Running<'_>) -> RunPlan {
    let mut walk = Walk::new(running);
    for name in running.tree.graph.order() {
        if let (Some(model), Some(shown)) = (running.tree.models.get(name), running.shown.get(name)) {
            walk.visit(model, shown);
        }
    }
    let plan = Plan {
        environment: running.environment.clone(),
        suffix: running.suffix,
        commits: running.commits.clone(),
        models: Vec::new(),
        drift: Vec::new(),
        summary: Summary::default(),
        targets: walk.targets,
        problems: Vec::new(),
    };
    RunPlan { plan, due: walk.due, left: walk.left }
}

/// The models, taken parents first.
struct Walk<'a> {
    running: &'a Running<'a>,
    starts: BTreeMap<ModelName, Start>,
    stands: Stands,
    restatements: Restatements<'a>,
    restating: Restating<'a>,
    scheduled: Scheduled,
    targets: Vec<Target>,
    due: Vec<Due>,
    left: Vec<Left>,
}

/// What a model's table needs.
#[derive(Default)]
struct Need {
    /// What is loaded of its time.
    missing: Intervals,
    why: Option<Why>,
    /// By whose schedules it is loaded again.
    renewed: BTreeSet<ModelName>,
    /// From where on what was laid is laid again.
    again: Option<Timestamp>,
}

impl<'a> Walk<'a> {
    fn new(running: &'a Running<'a>) -> Self {
        Self {
            running,
            starts: starts(running.tree, running.now),
            stands: Stands::default(),
            restatements: Restatements::of(running.tree, &running.known.restatements),
            restating: Restating::new(running.restate),
            scheduled: Scheduled::default(),
            targets: Vec::new(),
            due: Vec::new(),
            left: Vec::new(),
        }
    }

    fn visit(&mut self, model: &'a Model, shown: &Shown) {
        let known = self.running.known.tables.get(&shown.key);
        let read = self.stands.read_by(&self.running.tree.graph, &model.name);
        let kind = model.kind.name();
        let again = self.restating.of(&model.name, &self.running.tree.graph).filter(|_| !self.is_kept(model));
        let mut renewed = self.renewed(model, known);
        let told = self.left.len();
        let mut need = match self.left_alone(shown, known) {
            Some(why) => {
                self.leave(model, why, &mut renewed);
                Need::default()
            }
            None if !kind.has_table() || kind == KindName::Seed && known.is_some() => Need::default(),
            None if is_loaded_by_interval(model) => self.by_interval(model, known, &read, (again.as_ref(), &renewed)),
            None => self.as_a_whole(model, known, &read, (again.as_ref(), &renewed)),
        };
        let held = self.held(model, &read, (&need, told));
        if let Some((_, why)) = &held
            && let Some(why) = why
        {
            self.left.truncate(told);
            self.leave(model, why.clone(), &mut renewed);
            need = Need::default();
        }
        self.scheduled.hand_on(&model.name, renewed, (&need.renewed, self.running.now));
        let action = match kind {
            KindName::View => Action::View,
            _ if !kind.has_table() => Action::None,
            _ if need.why.is_some() => Action::Build,
            _ => Action::Reuse,
        };
        if kind.has_table() {
            let held = held.map(|(held, _)| held);
            self.remember(model, known, (&need.missing, action), (&read, held));
        }
        let rows = match (&need.why, known) {
            (Some(why), _) if why.is_restatement() => Rows::Restated,
            (_, Some(known)) if self.restatements.is_since(model, known) => Rows::Anew,
            _ => Rows::Stay,
        };
        if let Some(why) = need.why {
            let intervals = need.missing.ranges().to_vec();
            self.due.push(Due { model: model.name.clone(), kind, why, unit: model.unit(), intervals });
        }
        self.targets.push(Target {
            name: model.name.clone(),
            kind,
            key: shown.key.clone(),
            metadata_fingerprint: shown.metadata,
            table: shown.table.clone(),
            action,
            unit: model.unit(),
            intervals_missing: need.missing.ranges().to_vec(),
            due_at_promote: Vec::new(),
            course: course(
                model,
                (self.starts.get(&model.name).copied(), read.whole_to),
                (need.again, self.running.now),
            ),
            basis: shown.basis,
            seen: read.seen,
            found: known.map(KnownTable::found),
            history: None,
            sharing: known.map_or(Sharing::Own, |known| known.sharing),
            rows,
        });
    }

    /// A model that is left as it is hands nothing on.
    fn leave(&mut self, model: &Model, why: WhyLeft, renewed: &mut Vec<Renewed>) {
        self.restating.stop(&model.name);
        renewed.clear();
        self.left.push(Left { model: model.name.clone(), why });
    }

    /// What keeps a model from being loaded though it is due: signals that nobody can ask, for itself or for what it reads. Where
    /// it is loaded as far as its inputs are, nothing says why it is left. `told` is how many were left before it.
    fn held(&self, model: &Model, read: &Read, (need, told): (&Need, usize)) -> Option<(Held, Option<WhyLeft>)> {
        let by_interval = is_loaded_by_interval(model) || model.is_history_of_intervals();
        let readers = if by_interval { Readers::AsFar } else { Readers::NotAtAll };
        let held = |by: &ModelName| Held { readers, by: by.clone() };
        if need.why.is_some() && self.running.signals == Signals::Unknown && model.waits_for_signals() {
            return Some((held(&model.name), Some(WhyLeft::Signals)));
        }
        let Held { readers: inputs, by } = read.held.as_ref()?;
        let waits = self.left[told..].iter().any(|left| matches!(left.why, WhyLeft::Waits { .. }));
        match (by_interval, inputs) {
            (true, Readers::AsFar) => (waits || model.is_history_of_intervals()).then(|| (held(by), None)),
            _ if need.why.is_some() => Some((held(by), Some(WhyLeft::Held { by: by.clone() }))),
            _ => None,
        }
    }

    /// What may not be loaded again is not, nor what reads it; of what is kept neither is what would be merged twice.
    fn is_kept(&mut self, model: &Model) -> bool {
        let is_fixed = match model.past() {
            model::Past::Fixed(_) => true,
            model::Past::Kept(_) => self.counts_once(model),
            model::Past::Recomputed => false,
        };
        if is_fixed {
            self.restating.stop(&model.name);
            self.left.push(Left { model: model.name.clone(), why: WhyLeft::History });
        }
        is_fixed
    }

    fn left_alone(&self, shown: &Shown, known: Option<&KnownTable>) -> Option<WhyLeft> {
        match (&shown.table, shown.basis, known) {
            (None, ..) => None,
            (_, Basis::Preview, _) => Some(WhyLeft::Preview),
            (.., Some(known)) if known.sharing == Sharing::Shared => Some(WhyLeft::Productions),
            _ => None,
        }
    }

    /// What production loads again of a model by itself. What is kept is loaded again by the model's own schedule alone, what is
    /// fixed never; nor is what reads it.
    fn renewed(&self, model: &Model, known: Option<&KnownTable>) -> Vec<Renewed> {
        if !self.running.environment.is_prod() {
            return Vec::new();
        }
        let reader = (model, self.lookback(model));
        let mut renewed = self.scheduled.of(reader, &self.running.tree.graph, (known, self.running.now));
        match model.past() {
            model::Past::Recomputed => {}
            model::Past::Kept(_) if !self.counts_once(model) => {
                renewed.retain(|renewed| *renewed.named() == model.name);
            }
            model::Past::Kept(_) | model::Past::Fixed(_) => renewed.clear(),
        }
        renewed
    }

    fn as_a_whole(
        &mut self,
        model: &Model,
        known: Option<&KnownTable>,
        read: &Read,
        (again, renewed): (Option<&Again>, &[Renewed]),
    ) -> Need {
        let tick = model.last_tick(self.running.now);
        let filled = known.and_then(|known| known.filled_at);
        let due: Vec<&Renewed> = renewed.iter().filter(|renewed| renewed.is_whole_due(filled)).collect();
        let why = match (again, filled) {
            (Some(again), _) => Some(again.why(&model.name)),
            (None, None) => Some(Why::Unknown),
            (None, Some(filled)) => match due.first() {
                Some(renewed) => Some(renewed.why(&model.name)),
                None if filled < tick => Some(Why::Tick { at: tick }),
                None => self.was_early(model, known, (read, tick)).then_some(Why::InputsGrew),
            },
        };
        let wider = |again: &Again| match again.is_named(&model.name) || again.start() == seen::NEVER {
            true => again.start(),
            false => model.unit().back(again.start(), self.lookback(model)),
        };
        let back = again.map(wider).into_iter().chain(due.iter().map(|renewed| renewed.start())).min();
        let renewed = due.into_iter().map(|renewed| renewed.named().clone()).collect();
        let is_laid = model.is_history_of_intervals();
        if is_laid && why.is_some() && self.lookback(model) < declared_lookback(model) {
            self.left.push(Left { model: model.name.clone(), why: WhyLeft::NoLookback });
        }
        Need { missing: Intervals::default(), why, renewed, again: back.filter(|_| is_laid) }
    }

    /// Whether a promote filled it after its last tick and before its inputs were loaded up to that. What would be another version, or
    /// rows once more, waits for the next one.
    fn was_early(&self, model: &Model, known: Option<&KnownTable>, (read, tick): (&Read, Timestamp)) -> bool {
        let fill = |known| Fill { running: self.running, known, now: &read.seen, due: &self.due };
        let is_once = model.past() != model::Past::Recomputed || self.counts_once(model);
        !is_once && known.is_some_and(|known| fill(known).was_early(tick))
    }

    /// What of its time a table lacks up to the last tick, each piece with what is to be read again before it; what was
    /// loaded too early; and what somebody wants again.
    fn by_interval(
        &mut self,
        model: &Model,
        known: Option<&KnownTable>,
        read: &Read,
        (again, renewed): (Option<&Again>, &[Renewed]),
    ) -> Need {
        let nothing = Need { why: known.is_none().then_some(Why::Unknown), ..Need::default() };
        let covered = known.map(KnownTable::intervals).unwrap_or_default();
        let tick = model.last_tick(self.running.now);
        let Some(start) = self.start(model, &covered) else { return nothing };
        let end = self.end(model, tick, (read, &covered));
        let held = covered.end().unwrap_or(end).max(end);
        let Some(all) = Interval::new(start, held) else { return nothing };
        let missing =
            Interval::new(start, end).map(|wanted| Intervals::one(wanted).minus(&covered)).unwrap_or_default();
        // What is there of a unit that was not over is loaded again with the rest of it.
        let whole = |range: &Interval| {
            let range = range.in_units(model.unit());
            Interval::new(range.start.max(start), range.end.min(end))
        };
        let missing: Intervals = missing.ranges().iter().filter_map(whole).collect();
        let loads = known.map(|known| known.loads.as_slice()).unwrap_or_default();
        let outdated = seen::outdated(loads, &read.seen, model.past());
        let (order, lookback) = (self.order(model), self.lookback(model));
        if lookback < declared_lookback(model) && !missing.is_empty() {
            self.left.push(Left { model: model.name.clone(), why: WhyLeft::NoLookback });
        }
        let back = |range: &Interval| Interval { start: model.unit().back(range.start, lookback), end: range.end };
        let outdated = outdated.ranges().iter().map(|range| range.in_units(model.unit()));
        let load: Intervals = missing.ranges().iter().map(back).chain(outdated).collect();
        let restated = again.and_then(|again| self.restating.part(model, again, (all, lookback)));
        let renewed: Vec<(&Renewed, Intervals)> = renewed
            .iter()
            .filter_map(|renewed| Some((renewed, renewed.ranges(model, known?, all))))
            .filter(|(_, ranges)| !ranges.is_empty())
            .collect();
        let by_schedule = renewed.iter().flat_map(|(_, ranges)| ranges.ranges().iter().copied());
        let load: Intervals = load.ranges().iter().copied().chain(restated).chain(by_schedule).collect();
        let load = load.within(all);
        let why = match (again.filter(|_| restated.is_some()), known) {
            _ if load.is_empty() => nothing.why,
            (Some(again), _) => Some(again.why(&model.name)),
            (None, None) => Some(Why::Unknown),
            (None, Some(_)) => Some(match renewed.first() {
                Some((renewed, _)) => renewed.why(&model.name),
                None if !missing.is_empty() => Why::Tick { at: tick },
                None => Why::InputsGrew,
            }),
        };
        let begins_again = restated.is_some() || !renewed.is_empty() || !order.allows(&load, &covered);
        let load = match load.ranges().first() {
            // A row knows the rows of earlier times alone, but where they lie over each other.
            Some(first) if order != Order::Any && begins_again => Intervals::one(match model.kind {
                Kind::TimeRange(_) => Interval { start: first.start, end: all.end },
                _ => all,
            }),
            _ => load,
        };
        let renewed = renewed.into_iter().map(|(renewed, _)| renewed.named().clone()).collect();
        Need { missing: load, why, renewed, again: None }
    }

    /// How many units before others are read again, where that counts nothing twice.
    fn lookback(&self, model: &Model) -> u32 {
        match self.order(model) {
            Order::Any | Order::LaterLast => declared_lookback(model),
            Order::Once => 0,
        }
    }

    /// Where a table begins: as stated, else where it does; the usual default moves with the clock.
    fn start(&self, model: &Model, covered: &Intervals) -> Option<Timestamp> {
        let first = covered.ranges().first().map(|range| range.start);
        Some(match *self.starts.get(&model.name)? {
            Start::Known(start) => match self.running.past {
                Past::Everything => model.unit().floor(start),
                Past::AsLoaded => first.unwrap_or_else(|| model.unit().floor(start)),
            },
            Start::Default(start) => first.unwrap_or_else(|| model.unit().floor(start)),
        })
    }

    /// To where a model is loaded: the last unit that was over at the last tick, that tick where parts of units are loaded, or
    /// its declared end, and no further than its inputs are.
    fn end(&mut self, model: &Model, tick: Timestamp, (read, covered): (&Read, &Intervals)) -> Timestamp {
        let due = reached(model, tick).min(ended(model, self.running.now).unwrap_or(seen::FOREVER));
        let end = read.end.map_or(due, |end| reached(model, end).min(due));
        if end < due && covered.end().is_none_or(|covered| covered < due) {
            self.left.push(Left { model: model.name.clone(), why: WhyLeft::Waits { end, due } });
        }
        end
    }

    fn reads_itself(&self, model: &Model) -> bool {
        self.running.tree.graph.node(&model.name).is_some_and(|node| node.itself == SelfReading::Yes)
    }

    /// Whether a table would have other rows if a load came twice.
    fn counts_once(&self, model: &Model) -> bool {
        let is_made_of_itself = matches!(model.kind, Kind::UniqueKey(_) | Kind::Full) && self.reads_itself(model);
        model.is_laid_at_once() || model.adds_up() || is_made_of_itself
    }

    fn order(&self, model: &Model) -> Order {
        let itself = self.reads_itself(model);
        match &model.kind {
            // What was there of a unit that was not over may not be among what it gives in the end.
            Kind::UniqueKey(key) if key.past == model::Past::Recomputed && model.allows_partials() => Order::Once,
            Kind::UniqueKey(key) if key.adds_up() || itself => Order::Once,
            Kind::UniqueKey(_) => Order::LaterLast,
            _ if itself || model.is_laid_at_once() => Order::Once,
            _ => Order::Any,
        }
    }

    /// What readers of the model will find.
    fn remember(
        &mut self,
        model: &Model,
        known: Option<&KnownTable>,
        (missing, action): (&Intervals, Action),
        (read, held): (&Read, Option<Held>),
    ) {
        let covered: Intervals = known.map(KnownTable::intervals).unwrap_or_default();
        let covered: Intervals = covered.ranges().iter().chain(missing.ranges()).copied().collect();
        let over = ended(model, self.running.now);
        let is_over = over.is_some_and(|over| covered.end().is_some_and(|end| over <= end));
        let (saw, behind) = match (is_loaded_by_interval(model), action) {
            (true, _) => {
                let begin = self.start(model, &covered);
                let whole = whole_until(model, &covered);
                let end = whole.or(begin).filter(|_| !is_over);
                let complete = complete(known, (missing, whole), &read.seen, over);
                (Some(Saw::Ranges { complete, covered }), end)
            }
            (false, Action::Build) => (seen::whole(&read.seen), None),
            (false, _) => (known.and_then(|known| known.seen.as_deref()).and_then(seen::whole), None),
        };
        let first = |covered: &Intervals| self.start(model, covered).filter(|_| over.is_none());
        let whole_to = all_in(model, saw.as_ref(), first, ((action, known), read, self.running.now));
        self.stands.add(&model.name, Stand { saw, behind, whole_to, lacks: None, history: Previewed::No, held });
    }
}
