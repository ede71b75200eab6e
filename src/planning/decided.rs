//! Trees as it was decided that rows are kept, and what `--forward-only` decides now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::later_start::rows_left_out;
use crate::decision::{Decisions, KeptRows, NotKept, Wanted, kept};
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::{Kind, Model};
use crate::problem::Problem;
use crate::settings::{Settings, UsualRows};
use crate::state::{Environment, Pointer};
use crate::time::Timestamp;
use crate::workspace::Side;

/// What becomes of the rows that production has of a model which would be computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rows {
    /// What was decided before.
    #[default]
    AsDecided,
    /// These of them are kept (`--forward-only`, `--effective-from`).
    Kept(KeptRows),
    /// All of them are kept, as the configuration says of every plan.
    KeptAsUsual,
}

impl Rows {
    /// What the configuration says where nobody does.
    pub fn or_usual(self, settings: &Settings) -> Self {
        match (self, settings.usual_rows) {
            (Self::AsDecided, UsualRows::Kept) => Self::KeptAsUsual,
            (rows, _) => rows,
        }
    }
}

/// What a side is compared with.
pub struct Beside<'a> {
    /// What is there.
    pub base: &'a Tree,
    /// Whose rows are kept: of the first of these that shows a model.
    pub shown: [Option<&'a Environment>; 2],
    /// Models of which none of these shows anything, and another program has rows that might be kept.
    pub of_others: &'a BTreeSet<ModelName>,
}

impl Beside<'_> {
    /// The table that a model goes on from.
    fn goes_on_from(&self, model: &Model) -> Option<&Pointer> {
        let pointer = self.shown.iter().flatten().find_map(|environment| environment.models.get(&model.name))?;
        (pointer.table.is_some() && model.kind.name().goes_on_from(pointer.kind)).then_some(pointer)
    }

    /// Whether somebody sees rows of a model.
    pub(super) fn is_shown(&self, model: &Model) -> bool {
        let mut pointers = self.shown.iter().flatten().filter_map(|environment| environment.models.get(&model.name));
        pointers.any(|pointer| pointer.table.is_some())
    }

    /// To where somebody sees rows of a model, at most; `None` where nobody does.
    pub(super) fn shown_to(&self, model: &Model) -> Option<Timestamp> {
        let environments = self.shown.iter().flatten();
        let showing = environments
            .filter(|environment| environment.models.get(&model.name).is_some_and(|pointer| pointer.table.is_some()));
        showing.map(|environment| environment.about.as_of).max()
    }

    /// Models with rows that might be kept, and the fingerprints under which nothing of them is computed again.
    fn known(&self, tree: &Tree, rows: KeptRows) -> BTreeMap<ModelName, Wanted> {
        let known = |(name, model): (&ModelName, &Arc<Model>)| {
            let base = || self.base.fingerprints.get(name).map(|fingerprint| fingerprint.data);
            let known = match self.goes_on_from(model) {
                Some(shown) => base().into_iter().chain([shown.data_fingerprint]).collect(),
                // Whatever made it, no definition is the one that its rows are of.
                None if self.of_others.contains(name) => BTreeSet::new(),
                None => return None,
            };
            Some((name.clone(), Wanted { known, rows: reached(model, rows) }))
        };
        tree.models.iter().filter_map(known).collect()
    }
}

/// A side, as its files have it, as it was decided; with [`Rows::Kept`] as it is decided now. What that does not reach is among
/// its problems.
pub fn decided(side: Side, decisions: Decisions, (rows, beside): (Rows, &Beside<'_>)) -> Side {
    let asked = rows.or_usual(&side.project.settings);
    let rows = match asked {
        Rows::Kept(rows) => rows,
        Rows::KeptAsUsual => KeptRows::default(),
        Rows::AsDecided => {
            let mut side = side.decided(&decisions);
            let mut told = decided_otherwise(&side.tree, &|_| true, beside);
            told.extend(rows_left_out(&side.tree, &|_| true, beside));
            side.problems.extend(told);
            return side;
        }
    };
    let known = beside.known(&side.tree, rows);
    let mut side = side.decided(&decisions.wanting(known.clone()));
    let tree = &side.tree;
    let moved = tree.models.values().filter(|model| {
        let data = tree.fingerprints.get(&model.name).map(|fingerprint| fingerprint.data);
        data.zip(known.get(&model.name)).is_some_and(|(data, wanted)| !wanted.known.contains(&data))
    });
    let mut told: Vec<Problem> = moved.filter_map(|model| out_of_reach(tree, model, rows)).collect();
    if asked != Rows::KeptAsUsual && side.tree.newly_decided().next().is_none() {
        told.push(
            Problem::info("nothing-decided", "`--forward-only` decides nothing here that was not decided before")
                .help("it keeps the rows that production has of incremental models whose data would be computed again"),
        );
    }
    side.problems.extend(told);
    side
}

/// What there is to say of models of which something else was decided.
pub(super) fn decided_otherwise(
    tree: &Tree,
    is_asked: &dyn Fn(&ModelName) -> bool,
    beside: &Beside<'_>,
) -> Vec<Problem> {
    let asked = tree.models.values().filter(|model| is_asked(&model.name));
    asked.filter_map(|model| one_decided_otherwise(tree, model, beside)).collect()
}

/// A model that is computed again, though since the last promote it was decided to keep its rows: of another definition, or over
/// other data.
fn one_decided_otherwise(tree: &Tree, model: &Model, beside: &Beside<'_>) -> Option<Problem> {
    let decision = tree.context.decisions.newest(&model.name)?;
    let shown = beside.goes_on_from(model)?;
    let since = beside.shown.iter().flatten().next()?.about.updated_at;
    let data = tree.fingerprints.get(&model.name)?.data;
    let is_computed = kept(model, KeptRows::default()).is_ok()
        && data != shown.data_fingerprint
        && beside.base.fingerprints.get(&model.name).is_none_or(|base| base.data != data);
    let is_pending = decision.at >= since && shown.undecided != Some(decision.data_fingerprint);
    (is_computed && is_pending).then(|| {
        let name = &model.name;
        let message = format!(
            "{}, of another definition of `{name}` or over other data: this one is computed from its beginning",
            decision.what()
        );
        Problem::warning("decided-otherwise", message)
            .at(&model.path)
            .help("say `--forward-only` of this one, too, where the rows that production has are to be kept")
    })
}

/// Which of a model's rows are kept: only what is loaded by ranges of time has some before a moment.
fn reached(model: &Model, rows: KeptRows) -> KeptRows {
    if matches!(model.kind, Kind::TimeRange(_)) { rows } else { KeptRows::default() }
}

/// What there is to say of a model that moved, and of which this is not decided.
fn out_of_reach(tree: &Tree, model: &Model, rows: KeptRows) -> Option<Problem> {
    let name = &model.name;
    let undecided = tree.fingerprints.get(name)?.undecided;
    if let Some(decision) = undecided.and_then(|data| tree.context.decisions.made(name, data)) {
        let message = format!("of this definition of `{name}` something else is decided: {}", decision.what());
        let told = Problem::warning("decided-otherwise", message).at(&model.path);
        return (decision.rows != reached(model, rows))
            .then(|| told.help("the first word on a definition counts; a `stamp` makes it another one"));
    }
    match (undecided, &model.kind) {
        (None, _) => not_kept(model, rows),
        (Some(_), Kind::UniqueKey(_)) if !rows.is_all() => {
            let message = format!("`--effective-from` does nothing for `{name}`, whose rows are loaded by key");
            let told = Problem::warning("rows-not-kept", message).at(&model.path);
            Some(told.help("all of them are kept until a load has one of the same key"))
        }
        (Some(_), _) => None,
    }
}

/// A model that is computed again all the same, or of which more is kept than was asked for.
fn not_kept(model: &Model, rows: KeptRows) -> Option<Problem> {
    match kept(model, rows).err()? {
        NotKept::Always if matches!(model.kind, Kind::TimeRange(_)) && !rows.is_all() => {
            let name = &model.name;
            let message =
                format!("`--effective-from` does nothing for `{name}`, which says itself that its rows are kept");
            let told = Problem::warning("rows-not-kept", message).at(&model.path);
            Some(told.help(format!("`bot run --restate {name} --start …` after the promote loads them again")))
        }
        NotKept::Always | NotKept::Kind => None,
        NotKept::AddsUp => {
            let message = format!(
                "`--forward-only` keeps no rows of `{}`, which is computed again: its loads are merged, and its query does not name \
                 the interval, so that one may come twice",
                model.name
            );
            Some(Problem::warning("rows-not-kept", message).at(&model.path))
        }
    }
}
