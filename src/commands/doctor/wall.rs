//! What doctor looks at between who builds pull requests and production: whether two roles stand apart, and whether one of
//! them can still write what the other shows.

use std::time::Duration;

use super::{error, ok, warning};
use crate::apply::engine_error;
use crate::engine::{Breach, EngineError, OpenMode, ShownByProduction, transaction};
use crate::error::CommandError;
use crate::ids::{EnvironmentName, TableName};
use crate::render::findings::Finding;
use crate::settings::{Part, Settings, Wanted};
use crate::visible::visible;
use crate::workspace::{Workspace, state_error};

const AREA: &str = "engine";
const CHECK: &str = "wall";

/// Whether roles stand apart on a server.
pub(super) fn look(workspace: &Workspace<'_>, settings: &Settings) -> Vec<Finding> {
    let Some(outsider) = settings.outsider() else {
        let message = "pull requests and production run as one role: the SQL of a pull request can write production";
        let help = "name two gateways with two roles, `gateways: {ci: NAME, prod: NAME}` in `offshoot.yaml`; see `docs/permissions.md`";
        return vec![warning(AREA, CHECK, message).help(help)];
    };
    match breaches(workspace, settings) {
        Ok((_, breaches)) if !breaches.is_empty() => {
            let told = |breach: Breach| {
                let message = format!("role `{outsider}` could write what production shows: {breach}");
                error(AREA, CHECK, visible(&message)).help(visible(&breach.remedy))
            };
            breaches.into_iter().map(told).collect()
        }
        Ok((shown, _)) => {
            let message =
                format!("role `{outsider}` can write none of the {shown} tables and views that production shows");
            vec![ok(AREA, CHECK, message)]
        }
        Err(problem) => {
            let why = std::iter::once(problem.message.clone()).chain(problem.causes()).collect::<Vec<_>>().join(": ");
            let message = format!("was not looked for holes with production's role: {why}");
            vec![warning(AREA, CHECK, message).help("`bot promote` looks before it shows anything")]
        }
    }
}

/// How much production shows, and the ways of the other role to it.
fn breaches(workspace: &Workspace<'_>, settings: &Settings) -> Result<(usize, Vec<Breach>), CommandError> {
    let state = workspace.state_to_read(settings)?;
    let prod = state.environment(&EnvironmentName::prod()).map_err(state_error)?;
    let models = prod.map(|prod| prod.models).unwrap_or_default();
    let tables: Vec<TableName> = models.values().filter_map(|pointer| pointer.table.clone()).collect();
    let views: Vec<TableName> =
        models.values().filter_map(|pointer| Some(pointer.view.as_ref()?.name.clone())).collect();
    let production = settings.gateway_meant(Some(Wanted::For(Part::Production)));
    let engine = workspace.engine_of(settings, production, OpenMode::ReadOnly, Duration::ZERO)?;
    let failed = |error: EngineError| engine_error("the warehouse cannot be read", error);
    let mut session = engine.session().map_err(failed)?;
    let shown = ShownByProduction { tables: &tables, views: &views };
    let found =
        transaction(session.as_mut(), |session| session.wall().map_or(Ok(Vec::new()), |wall| wall.breaches(shown)));
    Ok((tables.len() + views.len(), found.map_err(failed)?))
}
