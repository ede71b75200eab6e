//! The data of what a branch changes beside production's, as far as the limits go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::apply::Prepared;
use super::super::diff::{self, Between};
use super::Job;
use crate::data_diff::{Candidate, DataDiff, LeftOut, choose};
use crate::error::CommandError;
use crate::fingerprint::Tree;
use crate::ids::{EnvironmentName, ModelName};
use crate::plan::{Category, Change, PlannedModel};
use crate::planning::Planned;
use crate::settings;
use crate::workspace::state_error;

/// Compares; `None` where one side is not there.
///
/// # Errors
/// The state or the warehouse cannot be read, or the run was stopped.
pub(super) fn compared(
    job: &Job<'_>,
    prepared: &Prepared,
    limits: &settings::DataDiff,
) -> Result<Option<DataDiff>, CommandError> {
    let planned = &prepared.planned;
    let environment = |name: &EnvironmentName| prepared.state.environment(name).map_err(state_error);
    let (Some(here), Some(prod)) = (environment(&planned.plan.environment)?, environment(&EnvironmentName::prod())?)
    else {
        return Ok(None);
    };
    let models = &planned.result.tree.models;
    // What drifted for other reasons is not this branch's to show.
    let is_of_branch =
        |model: &&PlannedModel| model.category != Category::Metadata && model.change != Change::Unaffected;
    let of_branch: BTreeMap<&ModelName, &PlannedModel> =
        planned.plan.models.iter().filter(is_of_branch).map(|model| (&model.name, model)).collect();
    let differing = diff::wanted(&here, &prod, &[])?;
    let candidates: Vec<Candidate<'_>> = differing
        .iter()
        .filter_map(|name| Some(Candidate { planned: of_branch.get(name)?, model: models.get(name).map(Arc::as_ref) }))
        .collect();
    let choice = choose(&candidates, limits);
    let between = Between { here: &here, base: &prod, models };
    let places = (prepared.state.as_ref(), prepared.engine.as_ref());
    let compared = between.compare(job.context, places, &choice.compared, limits.max_rows)?;
    let silent = choice.left_out.iter().map(|(name, _)| name).filter(|name| !tells_its_columns(planned, name));
    let mut schemas = between.schemas(job.context, places, &silent.cloned().collect::<Vec<_>>())?;
    let left_out = choice.left_out.into_iter().map(|(name, why)| LeftOut {
        schema: schemas.remove(&name).unwrap_or_default(),
        name,
        why,
    });
    let (environment, base) = (here.about.name.clone(), prod.about.name.clone());
    Ok(Some(DataDiff { environment, base, models: compared, left_out: left_out.collect() }))
}

/// Whether the queries of both sides say what columns there are. Otherwise only the engine can tell that one goes away.
fn tells_its_columns(planned: &Planned, name: &ModelName) -> bool {
    let tells = |tree: &Tree| {
        let columns = tree.fingerprints.get(name).and_then(|found| found.shape.columns.as_ref());
        columns.is_some_and(|columns| columns.iter().all(|column| column.name.origin.is_named()))
    };
    planned.base.as_ref().is_some_and(|base| tells(&base.tree)) && tells(&planned.result.tree)
}
