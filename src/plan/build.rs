//! From two fingerprinted trees and what the state knows to a plan. Pure: the state's rows come in as plain values.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::range::Window;
use super::seen::Seen;
use super::target::Targets;
use super::{Action, Adopted, Basis, Change, Commits, Found, Plan, PlannedModel, Summary, Target};
use crate::diff::{ModelDiff, diff};
use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::{Kind, KindName, Model, Past};
use crate::naming::{IdentifierLimit, TableKey};
use crate::problem::Problem;
use crate::settings::{EnvironmentSuffix, PhysicalSchemas};
use crate::time::{Interval, Intervals, Timestamp};

/// What a plan is made of.
pub struct Inputs<'a> {
    /// The environment that would be made to match `result`.
    pub environment: EnvironmentName,
    /// Where its name stands in those of its views.
    pub suffix: EnvironmentSuffix,
    /// Where the trees came from.
    pub commits: Commits,
    /// What is there: the base branch's tip, or what was promoted last where prod itself is planned.
    pub base: &'a Tree,
    /// What there would be.
    pub result: &'a Tree,
    /// What was promoted last, where that is another tree than `base`: the difference is drift.
    pub promoted: Option<&'a Tree>,
    /// What production shows, where it is another environment that is promoted to: that goes on from its tables.
    pub production: Option<&'a Tree>,
    /// What the state knows.
    pub known: &'a Known,
    /// What the plan is for.
    pub purpose: Purpose,
    /// The present, for open-ended intervals and relative starts.
    pub now: Timestamp,
    /// Where new tables stand.
    pub schemas: &'a PhysicalSchemas,
    /// The most bytes of the engine's identifiers.
    pub limit: IdentifierLimit,
    /// What is wrong with the project.
    pub problems: Vec<Problem>,
    /// Models of `result` that have no fingerprints there, because base and result have the same ones.
    pub unseen: Unseen,
    /// How much of the past is loaded.
    pub window: Window,
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
    /// The tables of prod, where it is another environment that is promoted to.
    pub reference: BTreeMap<ModelName, TableKey>,
    /// When rows of models were loaded again last that were there, among the tables that the environment and prod have ever shown;
    /// only asked where something of the plan depends on it.
    pub restatements: BTreeMap<ModelName, Timestamp>,
    /// What another program has made of models of which prod shows nothing.
    pub adopted: BTreeMap<ModelName, Adopted>,
}

/// One table that is there.
#[derive(Clone, Debug)]
pub struct KnownTable {
    /// Its name.
    pub table: TableName,
    /// The kind that it was filled as.
    pub kind: KindName,
    /// What was loaded into it.
    pub loads: Vec<KnownLoad>,
    /// The execution time of its last fill as a whole; `None` for tables that are loaded by interval.
    pub filled_at: Option<Timestamp>,
    /// Which tables its last build read, and how new each of them was then.
    pub inputs: Vec<(TableKey, Timestamp)>,
    /// What its last fill found in its inputs; `None` where nobody wrote that down.
    pub seen: Option<Vec<Seen>>,
    /// Whether another environment shows it.
    pub sharing: Sharing,
    /// Whether the environment that is promoted to has ever shown it.
    pub shown: ShownBefore,
}

/// One load of a table.
#[derive(Clone, Debug)]
pub struct KnownLoad {
    /// The range.
    pub interval: Interval,
    /// Its execution time.
    pub at: Timestamp,
    /// What it found in its inputs; `None` where nobody wrote that down.
    pub inputs: Option<Vec<Seen>>,
}

/// Whether an environment has shown a table before; only asked where something of the plan depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownBefore {
    /// It has not, or nothing depends on it.
    No,
    /// Production has, and it is another one.
    ByProduction,
    /// It has: all that it was to hold was there.
    Yes,
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
    /// It as it is.
    pub fn found(&self) -> Found {
        let loads = self.loads.iter().map(|load| (load.interval, load.at)).collect();
        Found { filled_at: self.filled_at, loads }
    }

    /// What was loaded into it.
    pub fn intervals(&self) -> Intervals {
        self.loads.iter().map(|load| load.interval).collect()
    }

    /// The execution time of the newest thing in it.
    pub fn newest(&self) -> Option<Timestamp> {
        self.loads.iter().map(|load| load.at).chain(self.filled_at).max()
    }
}

impl Inputs<'_> {
    /// Whether it is the table that prod, or the environment that is promoted to, shows of its model.
    pub(super) fn is_prods(&self, key: &TableKey) -> bool {
        [&self.known.prod, &self.known.reference].iter().any(|shown| shown.get(&key.model) == Some(key))
    }
}

impl Known {
    /// The table that a model goes on from whose past is kept: the one that is replaced, else prod's, else what another
    /// program has made; of the same kind.
    pub(super) fn history_of(&self, name: &ModelName, kind: KindName) -> Option<(&TableKey, &KnownTable)> {
        let shown = self.prod.get(name).or_else(|| self.reference.get(name));
        let key = shown.cloned().or_else(|| self.adopted_of(name).map(|_| Adopted::key(name)))?;
        self.tables.get_key_value(&key).filter(|(_, table)| kind.goes_on_from(table.kind))
    }

    pub(super) fn prod_table(&self, model: &ModelName) -> Option<(&TableKey, &KnownTable)> {
        let key = self.prod.get(model)?;
        self.tables.get(key).map(|table| (key, table))
    }
}

/// Plans.
pub fn build(inputs: Inputs<'_>) -> Plan {
    let diffs = diff(inputs.base, inputs.result);
    let targets = targets(&inputs);
    let by_name: BTreeMap<&ModelName, &Target> = targets.iter().map(|target| (&target.name, target)).collect();
    let models = diffs.into_iter().filter_map(|diff| planned(diff, inputs.base, inputs.result, &by_name)).collect();
    let drift = match inputs.promoted {
        Some(promoted) => drift(promoted, &inputs, &by_name),
        None => Vec::new(),
    };
    let unknown: Vec<Problem> = targets.iter().filter_map(|target| history_unknown(target, &inputs)).collect();
    let left = histories_left(&inputs).into_iter().chain(left_to_others(&inputs));
    let mut problems = inputs.problems;
    problems.extend(targets.iter().filter_map(|target| not_ours_to_load(target, inputs.known)));
    problems.extend(left);
    problems.extend(unknown);
    let mut plan = Plan {
        environment: inputs.environment,
        suffix: inputs.suffix,
        commits: inputs.commits,
        models,
        drift,
        summary: Summary::default(),
        targets,
        problems,
    };
    plan.summary = summary(&plan, inputs.result.models.len());
    plan.summary.to_build += inputs.unseen.unbuilt;
    plan
}

/// Why a table stays loaded in part, where the window is not to blame.
fn not_ours_to_load(target: &Target, known: &Known) -> Option<Problem> {
    let shared = known.tables.get(&target.key).filter(|known| known.sharing == Sharing::Shared)?;
    (target.basis == Basis::Whole && !target.due_at_promote.is_empty()).then(|| {
        let model = &target.name;
        let message = format!("the table of `{model}` lacks some of its time and is another environment's, too");
        let end = shared.intervals().end().map_or_else(String::new, |end| format!(" (it ends at {})", end.date_time()));
        Problem::info("shared-table", format!("{message}{end}")).help("promote loads the rest, or that environment")
    })
}

/// A model whose past would begin anew because the state does not know the table that it is to go on from.
fn history_unknown(target: &Target, inputs: &Inputs<'_>) -> Option<Problem> {
    let (known, model) = (inputs.known, inputs.result.models.get(&target.name)?);
    let shown = known.prod.get(&target.name).or_else(|| known.reference.get(&target.name))?;
    let is_unknown = model.past() != Past::Recomputed && *shown != target.key && !known.tables.contains_key(shown);
    is_unknown.then(|| {
        let name = &target.name;
        let message = format!("the state does not know the table that is shown of `{name}`, which goes on from it");
        Problem::error("history-unknown", message)
            .help("`bot doctor` tells what is wrong with the state, and `bot state recover` mends it")
    })
}

/// Tables that nothing goes on from though their rows are to be kept: their models are gone, have another name or are of another
/// kind.
fn histories_left(inputs: &Inputs<'_>) -> Vec<Problem> {
    let is_left = |name: &&ModelName| {
        let Some(table) = inputs.known.prod.get(*name).and_then(|key| inputs.known.tables.get(key)) else {
            return false;
        };
        let was_kept = inputs.base.models.get(*name).is_some_and(|model| model.past() != Past::Recomputed);
        let broken = inputs.result.broken.contains(*name);
        let goes_on = inputs.result.models.get(*name).is_some_and(|model| {
            model.past() != Past::Recomputed && inputs.known.history_of(name, model.kind.name()).is_some()
        });
        !broken && !goes_on && (was_kept || table.kind.is_history())
    };
    let told = |name: &ModelName| {
        let warning =
            Problem::warning("history-ends", format!("nothing goes on with the rows that production has of `{name}`"));
        let was_decided = inputs.base.fingerprints.get(name).is_some_and(|base| base.undecided.is_some());
        if was_decided && inputs.result.models.contains_key(name) {
            return warning.help(
                "they were kept by `--forward-only`, which holds for the definition that it was said of; say it of this one, too, \
                 or it is computed from its beginning",
            );
        }
        warning.help(
            "no query gives them again, and `bot gc` drops their table in time; keep the model, its name and its kind, or copy \
             the table first",
        )
    };
    inputs.known.prod.keys().filter(is_left).map(told).collect()
}

/// Models that were filled here, and are tables of others now: production's views of them go, whatever their readers read.
fn left_to_others(inputs: &Inputs<'_>) -> Vec<Problem> {
    let is_shown = |kind: &Kind| !matches!(kind, Kind::External | Kind::Embedded);
    let was_filled = |name: &ModelName| inputs.base.models.get(name).is_some_and(|model| is_shown(&model.kind));
    // Those that have a file of their own and cannot run are refused.
    let is_declared = |model: &Model| model.kind == Kind::External && !model.is_stand_in();
    let others = inputs.result.models.iter().filter(|(_, model)| is_declared(model));
    let told = |(name, model): (&ModelName, &Arc<Model>)| {
        let message = format!(
            "`{name}` is filled here until now, and by something else afterwards: promote takes production's view of it away"
        );
        let problem = Problem::warning("left-to-others", message).at(&model.path);
        problem.help("let what fills it make a table of that name before anything that reads it is built again")
    };
    others.filter(|(name, _)| !inputs.known.prod.is_empty() && was_filled(name)).map(told).collect()
}

fn targets(inputs: &Inputs<'_>) -> Vec<Target> {
    let mut targets = Targets::new(inputs);
    // What is the same in both trees reads nothing that is not.
    let remembered = inputs.unseen.remembered.iter().map(|known| (&known.name, (known.data, known.metadata)));
    let fingerprints = &inputs.result.fingerprints;
    let seen = inputs.result.graph.order().iter().filter_map(|name| {
        let fingerprint = fingerprints.get(name)?;
        Some((name, (fingerprint.data, fingerprint.metadata)))
    });
    remembered.chain(seen).filter_map(|(name, fingerprints)| targets.of(name, fingerprints)).collect()
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
            basis: Basis::Whole,
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
        basis: target.basis,
        name,
    })
}

/// What was merged and not promoted yet: main's tip against what prod shows. Where the result has the same table, that is
/// what becomes of it.
fn drift(promoted: &Tree, inputs: &Inputs<'_>, results: &BTreeMap<&ModelName, &Target>) -> Vec<PlannedModel> {
    let base = Inputs {
        environment: inputs.environment.clone(),
        suffix: inputs.suffix,
        commits: inputs.commits.clone(),
        base: promoted,
        result: inputs.base,
        promoted: None,
        production: None,
        known: inputs.known,
        purpose: inputs.purpose,
        now: inputs.now,
        schemas: inputs.schemas,
        limit: inputs.limit,
        problems: Vec::new(),
        unseen: Unseen::default(),
        window: inputs.window.clone(),
    };
    let mut targets = Targets::new(&base);
    let diffs: Vec<ModelDiff> =
        diff(promoted, inputs.base).into_iter().filter(|diff| diff.change != Change::Unaffected).collect();
    let targets: Vec<Target> = diffs
        .iter()
        .filter_map(|diff| {
            let fingerprint = inputs.base.fingerprints.get(&diff.name)?;
            let in_result = inputs.result.fingerprints.get(&diff.name).filter(|result| result.data == fingerprint.data);
            if let (Some(_), Some(target)) = (in_result, results.get(&diff.name)) {
                return Some((*target).clone());
            }
            targets.of(&diff.name, (fingerprint.data, fingerprint.metadata))
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
