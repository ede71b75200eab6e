//! Trees as it was decided that rows are kept, and what `--forward-only` decides now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::decision::{Decisions, NotKept, kept};
use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::ModelName;
use crate::model::Model;
use crate::problem::Problem;
use crate::state::{Environment, Pointer};
use crate::workspace::Side;

/// What becomes of the rows that production has of a model which would be computed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rows {
    /// What was decided before.
    #[default]
    AsDecided,
    /// They are kept (`--forward-only`).
    Kept,
}

impl Rows {
    /// What `--forward-only` asks for.
    pub fn of_flag(forward_only: bool) -> Self {
        if forward_only { Self::Kept } else { Self::AsDecided }
    }
}

/// What a side is compared with.
pub struct Beside<'a> {
    /// What is there.
    pub base: &'a Tree,
    /// Whose rows are kept: of the first of these that shows a model.
    pub shown: [Option<&'a Environment>; 2],
}

impl Beside<'_> {
    /// The table that a model goes on from.
    fn goes_on_from(&self, model: &Model) -> Option<&Pointer> {
        let pointer = self.shown.iter().flatten().find_map(|environment| environment.models.get(&model.name))?;
        (pointer.table.is_some() && model.kind.name().goes_on_from(pointer.kind)).then_some(pointer)
    }

    /// Models with rows that might be kept, and the fingerprints under which nothing of them is computed again.
    fn known(&self, tree: &Tree) -> BTreeMap<ModelName, BTreeSet<Digest>> {
        let known = |(name, model): (&ModelName, &Arc<Model>)| {
            let shown = self.goes_on_from(model)?.data_fingerprint;
            let base = self.base.fingerprints.get(name).map(|fingerprint| fingerprint.data);
            Some((name.clone(), base.into_iter().chain([shown]).collect()))
        };
        tree.models.iter().filter_map(known).collect()
    }
}

/// A side, as its files have it, as it was decided; with `Rows::Kept` as it is decided now. What that does not reach is among
/// its problems.
pub fn decided(side: Side, decisions: Decisions, (rows, beside): (Rows, &Beside<'_>)) -> Side {
    if rows == Rows::AsDecided {
        let mut side = side.decided(&decisions);
        let told = decided_otherwise(&side.tree, &|_| true, beside);
        side.problems.extend(told);
        return side;
    }
    let known = beside.known(&side.tree);
    let mut side = side.decided(&decisions.wanting(known.clone()));
    let computed_again = side.tree.models.values().filter(|model| {
        let data = side.tree.fingerprints.get(&model.name).map(|fingerprint| fingerprint.data);
        data.zip(known.get(&model.name)).is_some_and(|(data, known)| !known.contains(&data))
    });
    let mut told: Vec<Problem> = computed_again.filter_map(|model| not_kept(model)).collect();
    if side.tree.newly_decided().next().is_none() {
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
    let is_computed = kept(model).is_ok()
        && data != shown.data_fingerprint
        && beside.base.fingerprints.get(&model.name).is_none_or(|base| base.data != data);
    let is_pending = decision.at >= since && shown.undecided != Some(decision.data_fingerprint);
    (is_computed && is_pending).then(|| {
        let name = &model.name;
        let message = format!(
            "`--forward-only` {}, of another definition of `{name}` or over other data: this one is computed from its beginning",
            decision.sentence()
        );
        Problem::warning("decided-otherwise", message)
            .at(&model.path)
            .help("say `--forward-only` of this one, too, where the rows that production has are to be kept")
    })
}

/// A model that is computed again all the same.
fn not_kept(model: &Model) -> Option<Problem> {
    let why = match kept(model).err()? {
        NotKept::Always | NotKept::Kind => return None,
        NotKept::AddsUp => "it has `when_matched` or `merge_filter`, so that a load may not come twice",
        NotKept::ReadsInterval => "it is loaded by key, and its query names the interval",
    };
    let name = &model.name;
    let message = format!("`--forward-only` keeps no rows of `{name}`, which is computed again: {why}");
    Some(Problem::warning("rows-not-kept", message).at(&model.path))
}
