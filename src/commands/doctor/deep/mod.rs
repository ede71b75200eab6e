//! `bot doctor --deep`: the state held against itself and against the warehouse, name by name. Reads both, writes neither,
//! and compares no rows with a build: what a table holds is vouched for by its records, and those are what is looked at.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use self::judge::{Facts, Past, Physical, Seen};
use super::{ok, warning};
use crate::engine::{EngineError, OwnedObject, Session, last_promotion, owned_objects};
use crate::error::CommandError;
use crate::ids::{ProjectName, TableName};
use crate::naming::TableKey;
use crate::render::findings::{Finding, Verdict};
use crate::state::{Environment, Identity, State, StateError, Status};

pub(super) const AREA: &str = "deep";

/// Why the two could not be held against each other.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the state cannot be read: {0}")]
    State(#[from] StateError),
    #[error("the warehouse cannot be read: {0}")]
    Engine(#[from] EngineError),
}

/// What contradicts what. While somebody writes, both move under this reader, so that is told beside it.
pub(super) fn look(
    project: &ProjectName,
    identity: &Identity,
    state: &dyn State,
    session: &mut dyn Session,
) -> Vec<Finding> {
    match gather(project, identity, state, session) {
        Ok(facts) => told(&facts, state),
        Err(error) => vec![super::failed(AREA, "readable", &CommandError::failed(error.to_string()))],
    }
}

fn told(facts: &Facts, state: &dyn State) -> Vec<Finding> {
    let mut found: Vec<Finding> = facts.contradictions().into_iter().map(finding).collect();
    if found.iter().all(|finding| finding.verdict == Verdict::Ok) {
        let (environments, tables) = (facts.environments.len(), facts.physical.known.len());
        let message = format!("{environments} environments, {tables} tables and their views are as the records say");
        found.insert(0, ok(AREA, "records", message));
    }
    if state.claims().is_ok_and(|claims| !claims.is_empty()) {
        let message = "somebody writes at the moment, so what is between two steps may look like a contradiction";
        found.push(warning(AREA, "writers", message).help("look again when nobody does"));
    }
    found
}

fn finding(contradiction: judge::Contradiction) -> Finding {
    let finding = Finding::new(AREA, contradiction.check(), contradiction.verdict(), contradiction.to_string());
    finding.help(contradiction.help())
}

fn gather(
    project: &ProjectName,
    identity: &Identity,
    state: &dyn State,
    session: &mut dyn Session,
) -> Result<Facts, Unreadable> {
    let mut environments = Vec::new();
    let unsettled: BTreeSet<_> =
        state.pending_promotes()?.into_iter().map(|pending| pending.intended.about.name).collect();
    for about in state.environments()? {
        let Some(environment) = state.environment(&about.name)? else { continue };
        let newest = state.history(&about.name, 1)?.pop();
        let promotion = match about.promoted {
            Some(_) => last_promotion(session, project, &about.name)?.map(|promotion| promotion.plan),
            None => None,
        };
        let at_rest = environment.about.status == Status::Ready && !unsettled.contains(&about.name);
        environments.push(Seen { environment, newest: newest.map(Past::of), promotion, at_rest });
    }
    let keys: Vec<TableKey> = state.all_tables()?.into_iter().map(|snapshot| snapshot.key).collect();
    let known = state.tables(&keys)?;
    let recorded = owned_objects(session, &identity.state)?;
    let others: BTreeSet<TableName> =
        recorded.iter().filter(|record| record.project != *project).map(|record| record.name.clone()).collect();
    let names: BTreeSet<TableName> = recorded
        .iter()
        .map(|record| record.name.clone())
        .chain(known.values().map(|table| table.snapshot.table.clone()))
        .chain(environments.iter().flat_map(|seen| views(&seen.environment)))
        .collect();
    let names: Vec<TableName> = names.into_iter().collect();
    let columns = session.columns_of(&names)?;
    let columns = names.into_iter().zip(columns).filter_map(|(name, columns)| Some((name, columns?))).collect();
    let texts = session.readers()?.into_iter().map(|reader| (reader.name, reader.text)).collect();
    let broken = broken_views(session, &environments)?;
    let recorded = recorded.into_iter().map(|record| (record.name, record.object)).collect();
    Ok(Facts { environments, physical: Physical { known, recorded, others, columns, texts, broken } })
}

/// The names of an environment's views.
fn views(environment: &Environment) -> impl Iterator<Item = TableName> + '_ {
    environment.models.values().filter_map(|pointer| pointer.view.as_ref().map(|view| view.name.clone()))
}

/// What the engine says of each view that it can no longer read. A connection that is lost is no view's fault.
fn broken_views(session: &mut dyn Session, environments: &[Seen]) -> Result<BTreeMap<TableName, String>, EngineError> {
    let mut broken = BTreeMap::new();
    for view in environments.iter().filter(|seen| seen.at_rest).flat_map(|seen| views(&seen.environment)) {
        let sql = format!("SELECT * FROM {}", crate::statement::quote_table(session.dialect(), &view));
        match session.describe(&sql) {
            Ok(_) => {}
            Err(error @ EngineError::Statement { .. }) => {
                broken.insert(view, crate::engine::first_line(&error.to_string()).to_owned());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(broken)
}

impl Physical {
    /// Whether a name is recorded as a table of ours.
    fn is_our_table(&self, name: &TableName) -> bool {
        matches!(self.recorded.get(name), Some(OwnedObject::Table { .. })) || self.others.contains(name)
    }
}
