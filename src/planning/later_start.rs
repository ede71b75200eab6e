//! Models that begin later than they did: their tables are others, without the rows that production shows of the time before.

use std::collections::BTreeMap;

use super::decided::Beside;
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::{Model, Past};
use crate::plan::is_loaded_by_interval;
use crate::problem::Problem;
use crate::time::Timestamp;

/// A warning for each pair of moments between which rows go, with the models that it is about. Of a start that moves with the clock,
/// or that a model has from its parents, nothing is told.
pub(super) fn later_starts(tree: &Tree, is_asked: &dyn Fn(&ModelName) -> bool, beside: &Beside<'_>) -> Vec<Problem> {
    let mut later: BTreeMap<_, Vec<&Model>> = BTreeMap::new();
    for model in tree.models.values().filter(|model| is_asked(&model.name)) {
        let Some(before) = beside.base.models.get(&model.name) else { continue };
        // Of what goes on the rows go on, too.
        let is_computed =
            [model, before].iter().all(|one| one.past() == Past::Recomputed && is_loaded_by_interval(one));
        let starts = [before, model].map(|one| one.properties.start.as_ref().and_then(|start| start.absolute));
        if let ([Some(from), Some(to)], true) = (starts, is_computed && beside.is_shown(model))
            && from < to
        {
            later.entry((from, to)).or_default().push(model);
        }
    }
    let told = |((from, to), models): ((Timestamp, Timestamp), Vec<&Model>)| {
        let more = match models.len() - 1 {
            0 => "begins".to_owned(),
            more => format!("and {more} more begin"),
        };
        let (name, from, to) = (&models[0].name, from.date_time(), to.date_time());
        let message =
            format!("`{name}` {more} at {to} and no longer at {from}: the new tables leave out the rows before");
        Problem::warning("later-start", message)
            .at(&models[0].path)
            .help("leave `start` as it is where production is to keep them; `bot rollback` brings the old tables back")
    };
    later.into_iter().map(told).collect()
}
