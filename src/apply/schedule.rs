//! Which table is filled when: parents first, as many at once as asked for; what failed stops only its readers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fill::{Physical, fill};
use super::{Work, engine_error, keys_of, stored_parents, tables_of};
use crate::engine::{Interrupter, Session, Standing, claim, standing, transaction};
use crate::error::CommandError;
use crate::ids::{ModelName, TableName};
use crate::output::Progress;
use crate::plan::{Action, Build, Plan, Target};

/// How often a request to stop is looked for while statements run.
const STOP_POLL: Duration = Duration::from_millis(50);

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
    let waiting: BTreeMap<ModelName, BTreeSet<ModelName>> = targets
        .keys()
        .map(|name| ((*name).clone(), stored_parents(work.tree, name, &|parent| targets.contains_key(parent))))
        .collect();
    let order = plan.targets.iter().map(|target| &target.name).filter(|name| targets.contains_key(name));
    let board = Board { queue: Mutex::new(Queue::new(order, waiting)), changed: Condvar::new() };
    let physical = Physical { tables: tables_of(plan), keys: keys_of(plan), standing };
    let progress = work.output.progress(targets.len());
    std::thread::scope(|scope| {
        for _ in 0..work.jobs.get().min(targets.len()) {
            scope.spawn(|| {
                while let Some(name) = board.next() {
                    let result =
                        fill(work, targets[&name], &physical, &|interrupter| board.running(&name, interrupter));
                    report(&progress, &name, result.as_ref());
                    board.finished(&name, result);
                }
            });
        }
        board.watch(work);
    });
    board.outcome()
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
        Err(_) => format!("{name} failed"),
    };
    progress.done(&line);
}

struct Board {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Where a model stands in the plan.
    places: BTreeMap<ModelName, usize>,
    /// Models that have not begun, with the parents that are not full.
    waiting: BTreeMap<ModelName, BTreeSet<ModelName>>,
    /// Those of them without such parents, in the plan's order.
    ready: BTreeSet<(usize, ModelName)>,
    /// Who waits for a model.
    readers: BTreeMap<ModelName, Vec<ModelName>>,
    running: BTreeMap<ModelName, Option<Arc<dyn Interrupter>>>,
    builds: Vec<Build>,
    failed: Vec<(ModelName, CommandError)>,
    left_out: Vec<ModelName>,
    stopped: Stopped,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stopped {
    #[default]
    No,
    Yes,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next model whose parents are full; `None` when nothing is left to begin.
    fn next(&self) -> Option<ModelName> {
        let mut queue = self.lock();
        loop {
            if queue.stopped == Stopped::Yes || queue.waiting.is_empty() {
                return None;
            }
            if let Some((_, name)) = queue.ready.pop_first() {
                queue.waiting.remove(&name);
                queue.running.insert(name.clone(), None);
                return Some(name);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn running(&self, name: &ModelName, interrupter: Arc<dyn Interrupter>) {
        let mut queue = self.lock();
        if queue.stopped == Stopped::Yes {
            interrupter.interrupt();
        }
        queue.running.insert(name.clone(), Some(interrupter));
    }

    fn finished(&self, name: &ModelName, result: Result<Build, CommandError>) {
        let mut queue = self.lock();
        queue.running.remove(name);
        match result {
            Ok(build) => {
                queue.builds.push(build);
                queue.is_full(name);
            }
            Err(error) => {
                queue.failed.push((name.clone(), error));
                queue.leave_out_readers(name.clone());
            }
        }
        self.changed.notify_all();
    }

    /// Waits for the end, and stops running statements when asked to.
    fn watch(&self, work: &Work<'_>) {
        let mut queue = self.lock();
        while !(queue.waiting.is_empty() || queue.stopped == Stopped::Yes) || !queue.running.is_empty() {
            if work.interruption.is_requested() {
                queue.stopped = Stopped::Yes;
                queue.running.values().flatten().for_each(|interrupter| interrupter.interrupt());
                self.changed.notify_all();
            }
            queue = self.changed.wait_timeout(queue, STOP_POLL).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn outcome(self) -> Result<Vec<Build>, CommandError> {
        let queue = self.queue.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut failed = queue.failed.into_iter();
        let Some((_, mut error)) = failed.next() else {
            return match queue.stopped {
                Stopped::No => Ok(queue.builds),
                Stopped::Yes => Err(CommandError::failed("stopped as asked; what was built stays")
                    .hint("run the same command again: it goes on from where it was")),
            };
        };
        let others: Vec<String> = failed.map(|(name, _)| format!("`{name}`")).collect();
        if !others.is_empty() {
            error = error.hint(format!("also failed: {}", others.join(", ")));
        }
        if !queue.left_out.is_empty() {
            let names: Vec<String> = queue.left_out.iter().map(|name| format!("`{name}`")).collect();
            error = error.hint(format!("not built because of it: {}", names.join(", ")));
        }
        Err(error)
    }
}

impl Queue {
    fn new<'a>(order: impl Iterator<Item = &'a ModelName>, waiting: BTreeMap<ModelName, BTreeSet<ModelName>>) -> Self {
        let mut queue = Self { places: order.cloned().zip(0..).collect(), ..Self::default() };
        for (name, parents) in &waiting {
            for parent in parents {
                queue.readers.entry(parent.clone()).or_default().push(name.clone());
            }
            if parents.is_empty() {
                queue.make_ready(name.clone());
            }
        }
        queue.waiting = waiting;
        queue
    }

    fn make_ready(&mut self, name: ModelName) {
        let place = self.places.get(&name).copied().unwrap_or(usize::MAX);
        self.ready.insert((place, name));
    }

    fn is_full(&mut self, parent: &ModelName) {
        for reader in self.readers.remove(parent).unwrap_or_default() {
            let Some(needs) = self.waiting.get_mut(&reader) else { continue };
            needs.remove(parent);
            if needs.is_empty() {
                self.make_ready(reader);
            }
        }
    }

    fn leave_out_readers(&mut self, failed: ModelName) {
        let mut rest = vec![failed];
        while let Some(parent) = rest.pop() {
            for reader in self.readers.remove(&parent).unwrap_or_default() {
                if self.waiting.remove(&reader).is_some() {
                    self.left_out.push(reader.clone());
                    rest.push(reader);
                }
            }
        }
    }
}
