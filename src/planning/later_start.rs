//! Models that begin later or end earlier than they did: their tables are others, without the rows that production shows of the time
//! before or after.

use std::collections::BTreeMap;

use super::decided::Beside;
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::{Model, Past};
use crate::plan::is_loaded_by_interval;
use crate::problem::Problem;
use crate::time::Timestamp;

/// What goes of rows that production shows, because models of `tree` begin later than in `beside`, or end earlier.
pub(super) fn rows_left_out(tree: &Tree, is_asked: &dyn Fn(&ModelName) -> bool, beside: &Beside<'_>) -> Vec<Problem> {
    let mut told = later_starts(tree, is_asked, beside);
    told.extend(earlier_ends(tree, is_asked, beside));
    told
}

/// Whether a model is loaded anew where its time is another. Of what goes on the rows go on, too.
fn is_computed(model: &Model, before: &Model) -> bool {
    [model, before].iter().all(|one| one.past() == Past::Recomputed && is_loaded_by_interval(one))
}

/// A warning for each moment after which rows go, with the models that it is about.
fn earlier_ends(tree: &Tree, is_asked: &dyn Fn(&ModelName) -> bool, beside: &Beside<'_>) -> Vec<Problem> {
    let mut earlier: BTreeMap<Timestamp, Vec<&Model>> = BTreeMap::new();
    for model in tree.models.values().filter(|model| is_asked(&model.name)) {
        let Some(before) = beside.base.models.get(&model.name) else { continue };
        let [was, is] = [before, model].map(|one| one.properties.end.as_ref().and_then(|end| end.absolute));
        let Some(to) = is.filter(|to| was.is_none_or(|was| *to < was)) else { continue };
        if beside.shown_to(model).is_some_and(|shown| to < shown) && is_computed(model, before) {
            earlier.entry(to).or_default().push(model);
        }
    }
    let told = |(to, models): (Timestamp, Vec<&Model>)| {
        let more = match models.len() - 1 {
            0 => "ends".to_owned(),
            more => format!("and {more} more end"),
        };
        let message = format!(
            "`{}` {more} at {} from now on: the new tables leave out the rows after",
            models[0].name,
            to.date_time()
        );
        Problem::warning("earlier-end", message)
            .at(&models[0].path)
            .help("leave `end` as it is where production is to keep them; `bot rollback` brings the old tables back")
    };
    earlier.into_iter().map(told).collect()
}

/// A warning for each pair of moments between which rows go, with the models that it is about. Of a start that moves with the clock,
/// or that a model has from its parents, nothing is told.
fn later_starts(tree: &Tree, is_asked: &dyn Fn(&ModelName) -> bool, beside: &Beside<'_>) -> Vec<Problem> {
    let mut later: BTreeMap<_, Vec<&Model>> = BTreeMap::new();
    for model in tree.models.values().filter(|model| is_asked(&model.name)) {
        let Some(before) = beside.base.models.get(&model.name) else { continue };
        let starts = [before, model].map(|one| one.properties.start.as_ref().and_then(|start| start.absolute));
        if let ([Some(from), Some(to)], true) = (starts, is_computed(model, before) && beside.is_shown(model))
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
