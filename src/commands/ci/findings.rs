//! What is known of a plan that was made or carried out, put together for the report.

use std::collections::{BTreeMap, BTreeSet};

use crate::data_diff::DataDiff;
use crate::error::CommandError;
use crate::ids::{FilePath, Login, ModelName};
use crate::naming::TableKey;
use crate::plan::Action;
use crate::planning::Planned;
use crate::publish::Published;
use crate::report::{self, Built, Cost, Destruction, Findings, Price, Saved, Work};
use crate::settings::Settings;
use crate::state::{Build, State};
use crate::time::IntervalUnit;
use crate::workspace::{Workspace, state_error};

/// Earlier builds of a model that are looked at for an estimate.
const EARLIER: usize = 5;

/// The findings of a plan, without data.
///
/// # Errors
/// The state cannot be read.
pub(super) fn of(
    workspace: &Workspace<'_>,
    state: &dyn State,
    settings: &Settings,
    planned: &Planned,
    allowed: &BTreeMap<ModelName, Login>,
) -> Result<Findings, CommandError> {
    let mut findings = Findings::planned(planned.plan.clone());
    let names: Vec<ModelName> = planned.plan.models.iter().map(|model| model.name.clone()).collect();
    findings.cost = cost(state, planned, &names)?;
    findings.cost.price = price(settings);
    findings.destructions = destructions(workspace, planned, None, allowed);
    let nothing = workspace.nothing(&planned.result);
    let base = planned.base.as_ref().map_or(&nothing, |base| &base.tree);
    let result = &planned.result.tree;
    findings.sql = report::sql_changes(&findings.plan, base, result);
    findings.neighbourhood = report::neighbourhood(&findings.plan, base, result);
    let folder = workspace.folder.trim_matches('/');
    let from_root = |path: &FilePath| match folder {
        "" => path.clone(),
        folder => FilePath::new(format!("{folder}/{path}")),
    };
    let sources = names.iter().filter_map(|name| Some((name.clone(), from_root(&result.models.get(name)?.path))));
    findings.sources = sources.collect();
    Ok(findings)
}

/// What production shows and would lose. Where a query does not tell its columns, only the data does.
pub(super) fn destructions(
    workspace: &Workspace<'_>,
    planned: &Planned,
    data: Option<&DataDiff>,
    allowed: &BTreeMap<ModelName, Login>,
) -> Vec<Destruction> {
    let nothing = workspace.nothing(&planned.result);
    let base = planned.base.as_ref().map_or(&nothing, |base| &base.tree);
    let shown: BTreeSet<ModelName> = planned.prod.iter().flat_map(|prod| prod.models.keys().cloned()).collect();
    report::destructions(&planned.plan, (base, &planned.result.tree), data, &shown, allowed)
}

/// The same of a plan that was carried out.
pub(super) fn built(findings: Findings, published: Published, seconds: f64) -> Findings {
    Findings { built: Some(Built { builds: published.builds, swapped: published.swapped, seconds }), ..findings }
}

/// Everything that was built for the pull request by now, by earlier pushes too and whatever became of its environment.
///
/// # Errors
/// The state cannot be read.
pub(super) fn spent(state: &dyn State, planned: &Planned) -> Result<Vec<Work>, CommandError> {
    let builds = state.builds_for(&planned.owner).map_err(state_error)?;
    let units = units(planned);
    Ok(builds.into_iter().map(|build| work(build, &units)).collect())
}

/// What the state knows, in as many questions however many models there are.
fn cost(state: &dyn State, planned: &Planned, names: &[ModelName]) -> Result<Cost, CommandError> {
    let units = units(planned);
    let earlier = state.builds(names, EARLIER).map_err(state_error)?;
    let works = |builds: Vec<Build>| builds.into_iter().map(|build| work(build, &units)).collect();
    let earlier = earlier.into_iter().map(|(name, builds)| (name, works(builds))).collect();
    let reused = planned.plan.targets.iter().filter(|target| target.action == Action::Reuse);
    let reused: Vec<TableKey> = reused.map(|target| target.key.clone()).collect();
    let newest = state.newest_builds(&reused).map_err(state_error)?;
    Ok(Cost {
        spent: spent(state, planned)?,
        estimates: report::estimates(&planned.plan, &earlier),
        saved: Some(Saved::of(reused.len(), &works(newest.into_values().collect()))),
        price: None,
    })
}

type Units<'a> = BTreeMap<&'a ModelName, IntervalUnit>;

fn units(planned: &Planned) -> Units<'_> {
    planned.plan.targets.iter().map(|target| (&target.name, target.unit)).collect()
}

/// A build as the report has it. Of a model that is gone nobody counts units.
fn work(build: Build, units: &Units<'_>) -> Work {
    Work {
        rows: build.rows,
        bytes: build.bytes,
        seconds: build.duration.as_secs_f64(),
        unit: units.get(&build.key.model).copied().unwrap_or(IntervalUnit::Day),
        intervals: build.intervals,
        key: build.key,
    }
}

fn price(settings: &Settings) -> Option<Price> {
    let number = |name: &str| {
        let (_, text) = settings.own.prices.iter().find(|(known, _)| known == name)?;
        text.parse::<f64>().ok().filter(|price| price.is_finite() && *price >= 0.0)
    };
    let currency = settings.own.prices.iter().find(|(known, _)| known == "currency").map(|(_, text)| text.clone());
    let (tebibyte, hour) = (number("tebibyte"), number("hour"));
    let price = Price { currency: currency.unwrap_or_else(|| "$".to_owned()), tebibyte, hour };
    (tebibyte.is_some() || hour.is_some()).then_some(price)
}
