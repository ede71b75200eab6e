//! Tests beside one another: as many at once as there are processors, each in a database of its own, until somebody asks the
//! process to stop.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::prepare::{Prepared, Ready};
use super::{Context, no_engine, one};
use crate::engine::{Engine, EngineError, Interrupter};
use crate::error::CommandError;
use crate::unit_test::{Ending, Outcome};
use crate::workspace::Workspace;

/// How often a request to stop is looked for while tests run.
const STOP_POLL: Duration = Duration::from_millis(50);

/// What runs now, to be stopped.
type Running = Mutex<BTreeMap<usize, Arc<dyn Interrupter>>>;

/// Where a test will run, or why it cannot; gone once it began, because a database in memory lives as long as its engine.
type Waiting = Mutex<Option<Result<Box<dyn Engine>, String>>>;

/// The place of a test with how it ended.
type Ended = (usize, Result<Ending, EngineError>);

/// Runs all tests; the outcomes are in their order.
///
/// # Errors
/// The run was stopped, or DuckDB cannot open a database in memory.
pub(super) fn run(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    prepared: &Prepared,
    jobs: Option<NonZeroUsize>,
) -> Result<Vec<Outcome>, CommandError> {
    let tests = &prepared.tests;
    let engines: Vec<Waiting> =
        tests.iter().map(|ready| Mutex::new(Some(engine(workspace, prepared, ready)))).collect();
    let jobs = jobs.map_or_else(|| context.surroundings.processors(), NonZeroUsize::get).min(tests.len());
    let (next, running) = (AtomicUsize::new(0), Running::default());
    let (sender, receiver) = mpsc::channel::<Ended>();
    let interruption = context.surroundings.interruption();
    let mut endings: BTreeMap<usize, Ending> = BTreeMap::new();
    let mut failure = None;
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            scope.spawn(|| work(prepared, &engines, (&next, &running), sender));
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(STOP_POLL) {
                Ok((place, Ok(ending))) => drop(endings.insert(place, ending)),
                Ok((_, Err(error))) => drop(failure.get_or_insert(error)),
                Err(RecvTimeoutError::Timeout) if interruption.is_requested() => {
                    next.store(tests.len(), Ordering::SeqCst);
                    lock(&running).values().for_each(|running| running.interrupt());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    });
    match failure {
        Some(error) => Err(no_engine(error)),
        None if interruption.is_requested() => Err(CommandError::failed("stopped as asked")),
        None => Ok(tests.iter().zip(endings.into_values()).map(|(ready, ending)| outcome(ready, ending)).collect()),
    }
}

/// Where a test runs; else why it cannot.
fn engine(workspace: &Workspace<'_>, prepared: &Prepared, ready: &Ready) -> Result<Box<dyn Engine>, String> {
    let settings = &prepared.variants[ready.variant].side.project.settings;
    let gateway = ready.test.gateway.as_ref().map(|gateway| gateway.text.as_str());
    workspace.test_engine(settings, gateway, ready.model.dialect).map_err(|error| {
        let causes: Vec<String> = std::iter::once(error.message.clone()).chain(error.causes()).collect();
        causes.join(": ")
    })
}

fn work(prepared: &Prepared, engines: &[Waiting], (next, running): (&AtomicUsize, &Running), sender: Sender<Ended>) {
    loop {
        let place = next.fetch_add(1, Ordering::SeqCst);
        let engine = engines.get(place).and_then(|engine| lock(engine).take());
        let (Some(ready), Some(engine)) = (prepared.tests.get(place), engine) else { return };
        let ended = match engine {
            Err(why) => Ok(Ending::CannotRun { why }),
            Ok(engine) => engine.session().and_then(|mut session| {
                lock(running).insert(place, session.interrupter());
                one::run(session.as_mut(), ready, &prepared.variants[ready.variant])
            }),
        };
        lock(running).remove(&place);
        if sender.send((place, ended)).is_err() {
            return;
        }
    }
}

fn outcome(ready: &Ready, ending: Ending) -> Outcome {
    let test = &ready.test;
    Outcome {
        name: test.name.clone(),
        path: test.path.clone(),
        place: test.place,
        model: ready.model.name.clone(),
        description: test.description.clone(),
        ending,
    }
}

/// Nothing behind these locks can be half written, so a panic of another thread does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
