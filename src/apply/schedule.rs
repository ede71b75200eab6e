//! Which table is filled when: parents first, as many at once as asked for; what failed stops only its readers.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audit::{AuditOrder, settled};
use super::board::{Board, Moment, Next};
use super::fill::{Physical, fill};
use super::group::{fill_together, may_share};
use super::{Work, engine_error, keys_of, tables_of};
use crate::engine::{Interrupter, Session, Standing, claim, standing, transaction};
use crate::error::{Again, CommandError};
use crate::ids::{ModelName, TableName};
use crate::model::Model;
use crate::output::Progress;
use crate::plan::{Action, Build, Plan, Target};
use crate::sql::Template;
use crate::state::Writers;

/// Fills the tables that a plan builds, in graph order, and gives what was done in the order in which it was done.
///
/// # Errors
/// The first model that failed, with the names of those that were left out because of it; a request to stop.
pub fn build_tables(work: &Work<'_>, plan: &Plan) -> Result<Vec<Build>, CommandError> {
    let targets: BTreeMap<&ModelName, &Target> = plan
        .targets
        .iter()
        .filter(|target| target.action == Action::Build)
        .map(|target| (&target.name, target))
        .collect();
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    // Kept to the end: opening and closing a DuckDB file between two models writes all of it out each time.
    let mut open = claim_warehouse(work, &targets)?;
    let standing = look(work, &targets, open.as_mut())?;
    let audits = AuditOrder::of(work.tree, plan);
    let order = plan.targets.iter().map(|target| &target.name).filter(|name| targets.contains_key(name));
    // Where others write too, each table is taken by itself and given back at once; without transactions there is none to share.
    let alone = work.lease.writers() == Writers::Many || !work.engine.capabilities().transactional_ddl.is_yes();
    let sharing =
        targets.values().filter(|target| !alone && may_share(work.tree, target)).map(|target| target.name.clone());
    let turns = targets.keys().filter(|name| work.tree.models.get(**name).is_some_and(|model| takes_turns(model)));
    let board = Board::new(order, audits.waiting.clone(), sharing.collect());
    let board = board.with_turns(turns.map(|name| (*name).clone()).collect()).limited(work.limit);
    let physical = Physical { tables: tables_of(plan), keys: keys_of(plan), standing, order: audits };
    let progress = work.output.progress(targets.len());
    let workers = Workers { work, targets: &targets, physical: &physical, board: &board, progress: &progress };
    std::thread::scope(|scope| {
        for _ in 0..work.jobs.get().min(targets.len()) {
            scope.spawn(|| workers.run());
        }
        board.watch(work);
    });
    board.outcome()
}

/// Whether a model's own statements may touch what those of another do, such as a macro that all of them make or a log that they
/// write: at once they would be refused, as one transaction is by another. What is of the session alone is in nobody's way, and what
/// only counts rows neither.
fn takes_turns(model: &Model) -> bool {
    let is_harmless = |statement: &Template| {
        let text = statement.text();
        let first = text.split_whitespace().next().unwrap_or_default();
        ["SET", "RESET", "ANALYZE"].iter().any(|word| first.eq_ignore_ascii_case(word))
    };
    !model.pre_statements.iter().chain(&model.post_statements).all(is_harmless)
}

/// What everybody who fills tables has at hand.
struct Workers<'a> {
    work: &'a Work<'a>,
    targets: &'a BTreeMap<&'a ModelName, &'a Target>,
    physical: &'a Physical,
    board: &'a Board,
    progress: &'a Progress<'a>,
}

impl Workers<'_> {
    /// Fills tables until none is left to begin.
    fn run(&self) {
        while let Some(next) = self.board.next() {
            match next {
                Next::Alone(name) => self.alone(name),
                Next::Shared(name, moment) => self.together(name, moment),
            }
        }
    }

    fn alone(&self, name: ModelName) {
        let running = |interrupter| self.board.running(&name, interrupter);
        let result = fill(self.work, self.targets[&name], self.physical, &running);
        self.finished(vec![(name, result)]);
    }

    /// A first table and others that are ready, in one transaction. Where that fails with several of them, each is made
    /// alone: then what is wrong with one stops only its readers.
    fn together(&self, first: ModelName, began: Moment) {
        let taken = RefCell::new(vec![first.clone()]);
        let handle: RefCell<Option<Arc<dyn Interrupter>>> = RefCell::default();
        let running = |interrupter: Arc<dyn Interrupter>| {
            self.board.running(&first, Arc::clone(&interrupter));
            *handle.borrow_mut() = Some(interrupter);
        };
        let mut next = || {
            let interrupter = handle.borrow().clone()?;
            let name = self.board.next_shared(taken.borrow().last()?, began)?;
            self.board.running(&name, interrupter);
            taken.borrow_mut().push(name.clone());
            self.targets.get(&name).copied()
        };
        let built = fill_together(self.work, self.physical, self.targets[&first], &mut next, &running);
        let taken = taken.into_inner();
        match built {
            Ok(builds) => self.finished(taken.into_iter().zip(builds.into_iter().map(Ok)).collect()),
            // Alone it is tried in another form.
            Err(error) if (taken.len() == 1 && !error.is_internal()) || self.board.is_stopped() => {
                let error = settled(self.work, error).told(self.work, &first);
                self.board.put_back(&taken);
                self.finished(vec![(first, Err(error))]);
            }
            Err(_) => {
                self.board.part(&taken);
                taken.into_iter().for_each(|name| self.alone(name));
            }
        }
    }

    fn finished(&self, results: Vec<(ModelName, Result<Build, CommandError>)>) {
        for (name, result) in &results {
            report(self.progress, name, result.as_ref());
        }
        self.board.finished(results);
    }
}

/// Makes sure that the warehouse is ours, and makes all schemas at once: two sessions that make the same one collide.
fn claim_warehouse(work: &Work<'_>, targets: &BTreeMap<&ModelName, &Target>) -> Result<Box<dyn Session>, CommandError> {
    let open = |error| engine_error("cannot use the warehouse", error);
    let tables = targets.values().filter_map(|target| target.table.as_ref());
    let schemas: BTreeSet<_> = tables.map(|table| (table.catalog.as_deref(), table.schema.as_str())).collect();
    let mut session = work.engine.session().map_err(open)?;
    transaction(session.as_mut(), |session| claim(session, work.state_id)).map_err(open)?;
    // One transaction writes one DuckDB database, so the schemas, which may be in others, are not made in the claim's.
    schemas
        .iter()
        .try_for_each(|(catalog, schema)| session.create_schema_if_missing(*catalog, schema))
        .map_err(open)?;
    Ok(session)
}

/// What stands under the tables' names: asked once, because a question for each table costs as much as many models.
fn look(
    work: &Work<'_>,
    targets: &BTreeMap<&ModelName, &Target>,
    session: &mut dyn Session,
) -> Result<BTreeMap<TableName, Standing>, CommandError> {
    let tables: Vec<TableName> = targets.values().filter_map(|target| target.table.clone()).collect();
    standing(session, work.state_id, &tables).map_err(|error| engine_error("cannot use the warehouse", error))
}

fn report(progress: &Progress<'_>, name: &ModelName, result: Result<&Build, &CommandError>) {
    let line = match result {
        Ok(build) => {
            let rows = build.rows.map_or(String::new(), |rows| format!(", {rows} rows"));
            format!("{name}{rows}, {:.2} s", build.seconds)
        }
        Err(error) if error.again() == Again::PlanAnew => {
            format!("{name} is another run's by now, so it is planned anew")
        }
        Err(_) => format!("{name} failed"),
    };
    progress.done(&line);
}
