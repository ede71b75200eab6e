//! `bot audit`: what the audits of an environment find in its tables as they are. The warehouse is read and nothing else; the
//! results are kept in the state where it can be written at once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::environments::find;
use super::find::with_nearest;
use super::times::time_option;
use crate::apply::{Answer, Look, engine_error, watched};
use crate::audit::Audit;
use crate::cli::AuditArguments;
use crate::context::Context;
use crate::engine::{OpenMode, Session};
use crate::error::{CommandError, CommandResult, Exit};
use crate::ids::{ModelName, PlanId, TableName};
use crate::model::{AuditCall, Kind, KindName, Model, Weight};
use crate::planning;
use crate::problem::nearest;
use crate::project::fits;
use crate::render::audits::{self as faces, Audited, Found, When};
use crate::settings::Settings;
use crate::state::{AuditResult, Environment, Pointer, State};
use crate::time::{Interval, Timestamp, inclusive_end, moment};
use crate::workspace::{Side, Workspace, state_error};

const DOING: &str = "bot audit";

/// Runs the audits, or shows what they found last.
///
/// # Errors
/// There is no such environment or model, its commit is not here, or the warehouse cannot be read.
pub(super) fn run(context: &Context<'_>, arguments: &AuditArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let settings = workspace.sound_settings_here()?;
    let state = workspace.state_to_read(&settings)?;
    let environment = find(state.as_ref(), &arguments.environment)?;
    refuse_unknown(&environment, &arguments.models)?;
    let audited = match arguments.last {
        true => kept(state.as_ref(), &environment, &arguments.models)?,
        false => Asked { context, workspace: &workspace, settings: &settings, arguments }.now(&environment)?,
    };
    context.print(
        arguments.format.format,
        |colour| faces::terminal(&audited, colour),
        || faces::markdown(&audited),
        || faces::json(&audited),
    );
    Ok(if audited.has_failures() { Exit::No } else { Exit::Done })
}

/// Whether a model is among those that were asked for.
fn is_wanted(patterns: &[String], name: &ModelName) -> bool {
    let name = name.to_string().to_lowercase();
    patterns.is_empty() || patterns.iter().any(|pattern| fits(&pattern.to_lowercase(), &name))
}

fn refuse_unknown(environment: &Environment, patterns: &[String]) -> Result<(), CommandError> {
    let names: Vec<String> = environment.models.keys().map(|name| name.to_string().to_lowercase()).collect();
    for pattern in patterns {
        let wanted = pattern.to_lowercase();
        if !names.iter().any(|name| fits(&wanted, name)) {
            let text = format!("`{}` has no model `{pattern}`", environment.about.name);
            return Err(with_nearest(CommandError::no(text), nearest(&wanted, names.iter().map(String::as_str))));
        }
    }
    Ok(())
}

/// The newest result of each audit of what the environment shows.
fn kept(state: &dyn State, environment: &Environment, patterns: &[String]) -> Result<Audited, CommandError> {
    let mut newest: BTreeMap<(ModelName, String), AuditResult> = BTreeMap::new();
    for result in state.audit_results().map_err(state_error)? {
        let Some(pointer) = environment.models.get(&result.model) else { continue };
        let shown = shown_by(pointer);
        let is_external = pointer.kind == KindName::External;
        if (result.table != shown && !is_external) || !is_wanted(patterns, &result.model) {
            continue;
        }
        let key = (result.model.clone(), result.audit.clone());
        if newest.get(&key).is_none_or(|known| known.at <= result.at) {
            newest.insert(key, result);
        }
    }
    let face = |result: AuditResult| faces::Result {
        model: Some(result.model),
        audit: result.audit,
        weight: result.weight,
        found: Found::Rows(result.rows),
        table: result.table,
        production: result.production,
        at: result.at,
        run: result.run,
    };
    let results = newest.into_values().map(face).collect();
    Ok(Audited { environment: environment.about.name.clone(), when: When::Before, results })
}

/// What somebody asked for.
struct Asked<'a> {
    context: &'a Context<'a>,
    workspace: &'a Workspace<'a>,
    settings: &'a Settings,
    arguments: &'a AuditArguments,
}

impl Asked<'_> {
    fn now(&self, environment: &Environment) -> Result<Audited, CommandError> {
        let Self { context, workspace, settings, arguments } = self;
        let now = context.execution_time()?;
        let range = self.range(now)?;
        let side = planning::made_from(workspace, environment)?;
        let timeout = Duration::from_secs(arguments.lock_timeout);
        let engine = workspace.engine(settings, OpenMode::ReadOnly, timeout)?;
        let mut session = engine.session().map_err(|error| engine_error("cannot open the warehouse", error))?;
        let interrupter = session.interrupter();
        let audited = watched(interrupter, context.surroundings.interruption(), || {
            self.look(session.as_mut(), (environment, &side), (range, now))
        })?;
        drop(session);
        // Of a part of the rows nobody could tell later which part it was.
        if range.is_none() {
            self.keep(&audited);
        }
        Ok(audited)
    }

    fn range(&self, now: Timestamp) -> Result<Option<Interval>, CommandError> {
        let start = time_option("--start", self.arguments.start.as_deref(), (moment, now))?;
        let end = time_option("--end", self.arguments.end.as_deref(), (inclusive_end, now))?;
        if start.is_none() && end.is_none() {
            return Ok(None);
        }
        let (start, end) = (start.unwrap_or(Timestamp(0)), end.unwrap_or(now));
        let range = Interval::new(start, end);
        range.map(Some).ok_or_else(|| {
            CommandError::no(format!("nothing lies between {} and {}", start.date_time(), end.date_time()))
        })
    }

    fn look(
        &self,
        session: &mut dyn Session,
        (environment, side): (&Environment, &Side),
        (range, now): (Option<Interval>, Timestamp),
    ) -> Result<Audited, CommandError> {
        let tables = environment.models.iter();
        let tables: BTreeMap<ModelName, TableName> =
            tables.filter_map(|(name, pointer)| Some((name.clone(), pointer.table.clone()?))).collect();
        let look = Look { tree: &side.tree, tables: &tables, now };
        let mut results = Vec::new();
        let wanted = |name: &ModelName| is_wanted(&self.arguments.models, name);
        for (name, model) in side.tree.models.iter().filter(|(name, _)| wanted(name)) {
            let shown = shown(environment, model);
            if shown.is_none() && !matches!(model.kind, Kind::External) {
                continue;
            }
            let of_time = range.filter(|_| matches!(model.kind, Kind::TimeRange(_)));
            for audit in Audit::all(model) {
                let found = found(&audit, || look.ask(session, (model, &audit), (shown.as_ref(), of_time)))?;
                results.push(self.face((Some(name), shown.as_ref()), &audit, (found, now)));
            }
        }
        // Those that belong to no model are asked for by no model's name.
        let alone = side.project.standalone_audits.iter().filter(|_| self.arguments.models.is_empty());
        for standalone in alone {
            let call = AuditCall { name: standalone.name.clone(), arguments: BTreeMap::new() };
            let Ok(audit) = Audit::own(&call, &standalone.audit) else { continue };
            let found = found(&audit, || look.ask_alone(session, &audit))?;
            results.push(self.face((None, None), &audit, (found, now)));
        }
        Ok(Audited { environment: environment.about.name.clone(), when: When::Now, results })
    }

    fn face(
        &self,
        (model, table): (Option<&ModelName>, Option<&TableName>),
        audit: &Audit,
        (found, at): (Found, Timestamp),
    ) -> faces::Result {
        let (audit, weight) = (audit.call.clone(), audit.weight);
        let (model, table, run) = (model.cloned(), table.cloned(), DOING.to_owned());
        faces::Result { model, audit, weight, found, table, production: None, at, run }
    }

    /// Keeps what was found. A state that cannot be written, or that somebody else writes, is no reason to fail.
    fn keep(&self, audited: &Audited) {
        if let Err(error) = self.kept(audited) {
            self.context.output.talk(&format!("the results are not kept: {}", error.message));
        }
    }

    fn kept(&self, audited: &Audited) -> Result<(), CommandError> {
        let plan_id = PlanId::new(self.workspace.random_id()?);
        let result = |result: &faces::Result| {
            let Found::Rows(rows) = result.found else { return None };
            Some(AuditResult {
                model: result.model.clone()?,
                audit: result.audit.clone(),
                plan_id: plan_id.clone(),
                table: result.table.clone(),
                weight: result.weight,
                rows,
                production: None,
                at: result.at,
                run: result.run.clone(),
            })
        };
        let results: Vec<AuditResult> = audited.results.iter().filter_map(result).collect();
        if results.is_empty() {
            return Ok(());
        }
        let state = self.workspace.state_to_write(self.settings)?;
        let lease = state.lease(DOING, Duration::ZERO).map_err(state_error)?;
        state.record_audits(&lease, &results).map_err(state_error)
    }
}

fn found(audit: &Audit, ask: impl FnOnce() -> Result<Answer, CommandError>) -> Result<Found, CommandError> {
    if audit.weight == Weight::Skipped {
        return Ok(Found::Skipped);
    }
    Ok(match ask()? {
        Answer::Rows(rows) => Found::Rows(rows),
        Answer::Refused(why) => Found::Refused(why),
    })
}

/// What an environment shows of a model: its table, or its view.
fn shown(environment: &Environment, model: &Model) -> Option<TableName> {
    environment.models.get(&model.name).and_then(shown_by)
}

fn shown_by(pointer: &Pointer) -> Option<TableName> {
    pointer.table.clone().or_else(|| pointer.view.as_ref().map(|view| view.name.clone()))
}
