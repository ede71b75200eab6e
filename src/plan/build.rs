//! From two fingerprinted trees and what the state knows to a plan. Pure: the state's rows come in as plain values.

use std::collections::BTreeMap;

use super::{Action, Change, Commits, Plan, PlannedModel, Summary, Target};
use crate::diff::{ModelDiff, diff};
use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::{Kind, KindName, Model};
use crate::naming::{IdentifierLimit, TableKey, physical_table};
use crate::problem::Problem;
use crate::time::{Interval, Intervals, Timestamp};

/// What a plan is made of.
pub struct Inputs<'a> {
    /// The environment that would be made to match `result`.
    pub environment: EnvironmentName,
    /// Where the trees came from.
    pub commits: Commits,
    /// What is there: the base branch's tip, or what was promoted last where prod itself is planned.
    pub base: &'a Tree,
    /// What there would be.
    pub result: &'a Tree,
    /// What was promoted last, where that is another tree than `base`: the difference is drift.
    pub promoted: Option<&'a Tree>,
    /// What the state knows.
    pub known: &'a Known,
    /// What the plan is for.
    pub purpose: Purpose,
    /// The present, for open-ended intervals and relative starts.
    pub now: Timestamp,
    /// The most bytes of the engine's identifiers.
    pub limit: IdentifierLimit,
    /// What is wrong with the project.
    pub problems: Vec<Problem>,
    /// Models of `result` that have no fingerprints there, because base and result have the same ones.
    pub unseen: Unseen,
}

/// Models that are the same in base and result and that nobody looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Those whose fingerprints are remembered, parents first.
    pub remembered: Vec<Remembered>,
    /// How many models with a table have none in the state under any fingerprint, so that they are to be built.
    pub unbuilt: usize,
}

/// A model's fingerprints as they were computed from the same sources before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The model.
    pub name: ModelName,
    /// Its data fingerprint.
    pub data: Digest,
    /// Its metadata fingerprint.
    pub metadata: Digest,
}

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An environment of a branch: tables that others show are never written.
    Apply,
    /// Production and its like: their tables are its own, and none may be older than the one that is replaced.
    Promote,
}

/// What the state knows of the tables that a plan may reuse.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Tables by key.
    pub tables: BTreeMap<TableKey, KnownTable>,
    /// The tables that prod (or the environment that is promoted to) shows now.
    pub prod: BTreeMap<ModelName, TableKey>,
}

/// One table that is there.
#[derive(Clone, Debug)]
pub struct KnownTable {
    /// Its name.
    pub table: TableName,
    /// What was loaded into it, with the execution time of each load.
    pub loads: Vec<(Interval, Timestamp)>,
    /// The execution time of its last fill as a whole; `None` for tables that are loaded by interval.
    pub filled_at: Option<Timestamp>,
    /// Which tables its last build read, and how new each of them was then.
    pub inputs: Vec<(TableKey, Timestamp)>,
    /// Whether another environment shows it.
    pub sharing: Sharing,
}

/// Whether an environment other than the planned one shows a table. Such a table is never written by apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody else does.
    Own,
    /// Somebody does.
    Shared,
}

impl KnownTable {
    /// What was loaded into it.
    pub fn intervals(&self) -> Intervals {
        self.loads.iter().map(|(interval, _)| *interval).collect()
    }

    /// The execution time of the newest thing in it.
    pub fn newest(&self) -> Option<Timestamp> {
        self.loads.iter().map(|(_, at)| *at).chain(self.filled_at).max()
    }
}

impl Known {
    fn prod_table(&self, model: &ModelName) -> Option<(&TableKey, &KnownTable)> {
        let key = self.prod.get(model)?;
        self.tables.get(key).map(|table| (key, table))
    }
}

/// Plans.
pub fn build(inputs: Inputs<'_>) -> Plan {
    let diffs = diff(inputs.base, inputs.result);
    let starts = starts(inputs.result, inputs.now);
    let mut targets: Vec<Target> = Vec::new();
    let mut freshness = Freshness::default();
    // What is the same in both trees reads nothing that is not.
    for Remembered { name, data, metadata } in &inputs.unseen.remembered {
        let start = starts.get(name).copied().or_else(|| own_start(inputs.result.models.get(name)?, inputs.now));
        targets.extend(target(name, (*data, *metadata), &inputs, start, &mut freshness));
    }
    let seen =
        inputs.result.graph.order().iter().filter_map(|name| Some((name, inputs.result.fingerprints.get(name)?)));
    for (name, fingerprint) in seen {
        let fingerprints = (fingerprint.data, fingerprint.metadata);
        targets.extend(target(name, fingerprints, &inputs, starts.get(name).copied(), &mut freshness));
    }
    let by_name: BTreeMap<&ModelName, &Target> = targets.iter().map(|target| (&target.name, target)).collect();
    let models = diffs.into_iter().filter_map(|diff| planned(diff, inputs.base, inputs.result, &by_name)).collect();
    let drift = match inputs.promoted {
        Some(promoted) => drift(promoted, &inputs),
        None => Vec::new(),
    };
    let mut plan = Plan {
        environment: inputs.environment,
        commits: inputs.commits,
        models,
        drift,
        summary: Summary::default(),
        targets,
        problems: inputs.problems,
    };
    plan.summary = summary(&plan, inputs.result.models.len());
    plan.summary.to_build += inputs.unseen.unbuilt;
    plan
}

fn own_start(model: &Model, now: Timestamp) -> Option<Start> {
    model.properties.start.as_ref()?.resolve(now).map(Start::Known)
}

/// How new each table will be once the plan is carried out.
#[derive(Default)]
struct Freshness(BTreeMap<TableKey, Newest>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Newest {
    At(Timestamp),
    Now,
}

fn target(
    name: &ModelName,
    (data, metadata): (Digest, Digest),
    inputs: &Inputs<'_>,
    start: Option<Start>,
    freshness: &mut Freshness,
) -> Option<Target> {
    let model = inputs.result.models.get(name)?;
    let kind = model.kind.name();
    let key = TableKey { model: name.clone(), data_fingerprint: data };
    let known = inputs.known.tables.get(&key);
    let shared = known.is_some_and(|known| known.sharing == Sharing::Shared);
    let lacking = lacking(model, inputs, start, (&key, known));
    let (missing, due) = if shared { (Intervals::default(), lacking) } else { (lacking, Intervals::default()) };
    let action = match (kind, known) {
        (KindName::View, _) => Action::View,
        _ if !kind.has_table() => Action::None,
        (_, None) => Action::Build,
        _ if !missing.is_empty() => Action::Build,
        (_, Some(known)) if !shared && is_stale(model, inputs, (&key, known), freshness) => Action::Build,
        _ => Action::Reuse,
    };
    let newest = match (action, known) {
        (Action::Build, _) => Some(Newest::Now),
        (Action::Reuse, Some(known)) => known.newest().map(Newest::At),
        _ => None,
    };
    if let Some(newest) = newest {
        freshness.0.insert(key.clone(), newest);
    }
    let table = known.map_or_else(|| physical_table(&key, inputs.limit), |known| known.table.clone());
    Some(Target {
        name: name.clone(),
        kind,
        key,
        metadata_fingerprint: metadata,
        table: kind.has_table().then_some(table),
        action,
        unit: model.unit(),
        intervals_missing: missing.ranges().to_vec(),
        due_at_promote: due.ranges().to_vec(),
    })
}

/// What a table loaded by interval lacks; for a promote also what prod's present table has loaded later than it.
fn lacking(
    model: &Model,
    inputs: &Inputs<'_>,
    start: Option<Start>,
    (key, known): (&TableKey, Option<&KnownTable>),
) -> Intervals {
    let Some(wanted) = wanted(model, inputs, start) else { return Intervals::default() };
    let loads = known.map(|known| known.loads.as_slice()).unwrap_or_default();
    let have: Intervals = loads.iter().map(|(interval, _)| *interval).collect();
    let mut lacking = Intervals::one(wanted).minus(&have);
    if let (Purpose::Promote, Some((prod_key, prod))) = (inputs.purpose, inputs.known.prod_table(&model.name))
        && prod_key != key
    {
        for (interval, at) in &prod.loads {
            let as_new: Intervals = loads.iter().filter(|(_, ours)| ours >= at).map(|(ours, _)| *ours).collect();
            let newer = Intervals::one(*interval).minus(&as_new);
            let inside = newer
                .ranges()
                .iter()
                .filter_map(|range| Interval::new(range.start.max(wanted.start), range.end.min(wanted.end)));
            inside.for_each(|range| lacking.add(range));
        }
    }
    // Later loads of a unique key lie over earlier ones: one that is not the next would turn rows back.
    let begins_again = lacking.ranges().first().is_some_and(|first| have.end().is_some_and(|end| first.start < end));
    if begins_again && matches!(model.kind, Kind::UniqueKey(_)) {
        return Intervals::one(wanted);
    }
    lacking
}

/// Whether a table that is filled as a whole was filled before the very tables that it read got more data, or before
/// the one that it replaces in prod: prod never goes back in time. A parent under another key does not count: where the
/// fingerprint stayed, it holds the same as far as this model reads it.
fn is_stale(model: &Model, inputs: &Inputs<'_>, (key, known): (&TableKey, &KnownTable), freshness: &Freshness) -> bool {
    if matches!(model.kind, Kind::Seed(_)) || is_loaded_by_interval(model) {
        return false;
    }
    let Some(filled) = known.filled_at else { return false };
    let prod =
        inputs.known.prod_table(&model.name).filter(|(prod, _)| inputs.purpose == Purpose::Promote && *prod != key);
    let older_than_prod = prod.and_then(|(_, prod)| prod.filled_at).is_some_and(|prod| prod > filled);
    let newer =
        |(input, at): &(TableKey, Timestamp)| freshness.0.get(input).is_some_and(|newest| *newest > Newest::At(*at));
    older_than_prod || known.inputs.iter().any(newer)
}

/// Whether a model is loaded interval by interval; others are filled as a whole.
pub fn is_loaded_by_interval(model: &Model) -> bool {
    match &model.kind {
        Kind::TimeRange(_) => true,
        Kind::UniqueKey(_) => {
            let statements = model.pre_statements.iter().chain(&model.post_statements);
            let query = model.query.iter().map(|query| query.template());
            statements.chain(query).any(crate::sql::Template::mentions_interval)
        }
        Kind::View | Kind::Full | Kind::Seed(_) | Kind::External | Kind::Embedded => false,
    }
}

/// What a model's table should hold: from its start to where prod's table ends, or to now where prod has none. Where
/// nothing says when it begins, prod's table does: the usual default moves with the clock.
fn wanted(model: &Model, inputs: &Inputs<'_>, start: Option<Start>) -> Option<Interval> {
    if !is_loaded_by_interval(model) {
        return None;
    }
    let unit = model.unit();
    let present = unit.floor(inputs.now);
    let prod = inputs.known.prod_table(&model.name).map(|(_, prod)| prod.intervals()).unwrap_or_default();
    let end = prod.end().unwrap_or(present).min(present);
    let declared = model.properties.end.as_ref().and_then(|end| end.resolve(inputs.now));
    let end = declared.map_or(end, |declared| end.min(unit.ceil(declared)));
    let start = match start? {
        Start::Known(start) => unit.floor(start),
        Start::Default(start) => prod.ranges().first().map_or(unit.floor(start), |first| first.start),
    };
    Interval::new(start, end)
}

/// Where a model begins.
#[derive(Clone, Copy)]
enum Start {
    /// Something says so.
    Known(Timestamp),
    /// Nothing does: one unit before now.
    Default(Timestamp),
}

/// Where each model begins: its own start, else the earliest of its parents', else one unit before now (research:
/// SQLMesh, section 5.2).
fn starts(tree: &Tree, now: Timestamp) -> BTreeMap<ModelName, Start> {
    let mut known: BTreeMap<ModelName, Timestamp> = BTreeMap::new();
    let mut starts = BTreeMap::new();
    for name in tree.graph.order() {
        let Some(model) = tree.models.get(name) else { continue };
        let own = model.properties.start.as_ref().and_then(|start| start.resolve(now));
        let inherited = tree.graph.parents(name).filter_map(|parent| known.get(parent).copied()).min();
        if let Some(start) = own.or(inherited) {
            known.insert(name.clone(), start);
        }
        let start = own.or(inherited).map_or_else(|| Start::Default(model.unit().back(now, 1)), Start::Known);
        starts.insert(name.clone(), start);
    }
    starts
}

fn planned(
    diff: ModelDiff,
    base: &Tree,
    result: &Tree,
    targets: &BTreeMap<&ModelName, &Target>,
) -> Option<PlannedModel> {
    let ModelDiff { name, change, category, reasons } = diff;
    if change == Change::Removed {
        let model = base.models.get(&name)?;
        let action = if model.kind.name().has_view() { Action::Drop } else { Action::None };
        return Some(PlannedModel {
            kind: model.kind.name(),
            change,
            category,
            reasons,
            action,
            table: None,
            data_fingerprint: base.fingerprints.get(&name).map_or_else(|| Digest::of("gone", ""), |old| old.data),
            unit: model.unit(),
            intervals_missing: Vec::new(),
            due_at_promote: Vec::new(),
            name,
        });
    }
    let target = targets.get(&name)?;
    let model = result.models.get(&name)?;
    Some(PlannedModel {
        kind: model.kind.name(),
        change,
        category,
        reasons,
        action: target.action,
        table: target.table.clone(),
        data_fingerprint: target.key.data_fingerprint,
        unit: target.unit,
        intervals_missing: target.intervals_missing.clone(),
        due_at_promote: target.due_at_promote.clone(),
        name,
    })
}

/// What was merged and not promoted yet: main's tip against what prod shows.
fn drift(promoted: &Tree, inputs: &Inputs<'_>) -> Vec<PlannedModel> {
    let starts = starts(inputs.base, inputs.now);
    let base = Inputs {
        environment: inputs.environment.clone(),
        commits: inputs.commits.clone(),
        base: promoted,
        result: inputs.base,
        promoted: None,
        known: inputs.known,
        purpose: inputs.purpose,
        now: inputs.now,
        limit: inputs.limit,
        problems: Vec::new(),
        unseen: Unseen::default(),
    };
    let diffs: Vec<ModelDiff> =
        diff(promoted, inputs.base).into_iter().filter(|diff| diff.change != Change::Unaffected).collect();
    let mut freshness = Freshness::default();
    let targets: Vec<Target> = diffs
        .iter()
        .filter_map(|diff| {
            let fingerprint = inputs.base.fingerprints.get(&diff.name)?;
            let fingerprints = (fingerprint.data, fingerprint.metadata);
            target(&diff.name, fingerprints, &base, starts.get(&diff.name).copied(), &mut freshness)
        })
        .collect();
    let by_name = targets.iter().map(|target| (&target.name, target)).collect();
    diffs.into_iter().filter_map(|diff| planned(diff, promoted, inputs.base, &by_name)).collect()
}

fn summary(plan: &Plan, models: usize) -> Summary {
    let count = |change: Change| plan.models.iter().filter(|model| model.change == change).count();
    let acting = |action: Action| plan.targets.iter().filter(|target| target.action == action).count();
    Summary {
        models,
        added: count(Change::Added),
        modified: count(Change::Modified),
        indirect: count(Change::Indirect),
        metadata: count(Change::Metadata),
        removed: count(Change::Removed),
        unaffected: count(Change::Unaffected),
        reused: acting(Action::Reuse),
        to_build: acting(Action::Build),
    }
}
