//! Who fills which table next: one board that all workers look at.
//!
//! It knows names, their order and their parents, and never a table or a statement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Work;
use crate::engine::Interrupter;
use crate::error::CommandError;
use crate::ids::ModelName;
use crate::plan::Build;
use crate::surroundings::Stopwatch;

/// How often a request to stop is looked for while statements run.
const STOP_POLL: Duration = Duration::from_millis(50);
/// How long a worker with nothing to do waits for tables that are made, and wait themselves for a later one of their group.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Board {
    queue: Mutex<Queue>,
    changed: Condvar,
    began: Stopwatch,
    /// After how long nothing further begins.
    limit: Option<Duration>,
}

/// What a worker is to do next.
pub(super) enum Next {
    /// A table that nothing may be done beside.
    Alone(ModelName),
    /// One that may share session and transaction with others that were ready by then.
    Shared(ModelName, Moment),
}

/// Counts how often models were told to be full. A transaction sees what was committed when it began, so what became ready
/// later must not go into it: its parents would not be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// A model that has begun.
struct Running {
    since: Stopwatch,
    interrupter: Option<Arc<dyn Interrupter>>,
    /// The one before it in the transaction that it shares; that one is made, and waits for this one.
    before: Option<ModelName>,
}

/// Where a model stands in the plan, and its name.
type Place = (usize, ModelName);

#[derive(Default)]
struct Queue {
    /// Where a model stands in the plan.
    places: BTreeMap<ModelName, usize>,
    /// Models that have not begun, with the parents that are not full.
    waiting: BTreeMap<ModelName, BTreeSet<ModelName>>,
    /// Those of them without such parents, in the plan's order, with the moment from which on they were.
    ready: BTreeMap<Place, Moment>,
    /// The same of those that take turns.
    ready_in_turn: BTreeMap<Place, Moment>,
    now: Moment,
    /// Who waits for a model.
    readers: BTreeMap<ModelName, Vec<ModelName>>,
    /// Models that may share a transaction.
    sharing: BTreeSet<ModelName>,
    /// Models of which one at most is filled at a time.
    taking_turns: BTreeSet<ModelName>,
    running: BTreeMap<ModelName, Running>,
    /// Workers that have nothing to do until some model is full.
    idle: usize,
    builds: Vec<Build>,
    failed: Vec<(ModelName, CommandError)>,
    left_out: Vec<ModelName>,
    stopped: Stopped,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stopped {
    #[default]
    No,
    /// Somebody asked.
    Yes,
    /// The limit is over.
    Late,
}

impl Board {
    /// A board of models in the plan's order, each with the parents that are to be filled before it, and those that may
    /// share a transaction.
    pub(super) fn new<'a>(
        order: impl Iterator<Item = &'a ModelName>,
        waiting: BTreeMap<ModelName, BTreeSet<ModelName>>,
        sharing: BTreeSet<ModelName>,
    ) -> Self {
        let queue = Queue { sharing, ..Queue::new(order, waiting) };
        Self { queue: Mutex::new(queue), changed: Condvar::new(), began: Stopwatch::start(), limit: None }
    }

    /// The same with models that are filled one after another, whatever is filled beside them.
    pub(super) fn with_turns(self, taking_turns: BTreeSet<ModelName>) -> Self {
        let mut queue = self.lock();
        for (place, moment) in std::mem::take(&mut queue.ready) {
            let list = if taking_turns.contains(&place.1) { &mut queue.ready_in_turn } else { &mut queue.ready };
            list.insert(place, moment);
        }
        queue.taking_turns = taking_turns;
        drop(queue);
        self
    }

    /// The same for so long only.
    pub(super) fn limited(self, limit: Option<Duration>) -> Self {
        Self { limit, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_at_the_time(&mut queue);
        queue
    }

    fn look_at_the_time(&self, queue: &mut Queue) {
        let is_over = self.limit.is_some_and(|limit| self.began.seconds() >= limit.as_secs_f64());
        let is_busy = !queue.waiting.is_empty() || !queue.running.is_empty();
        if is_over && is_busy && queue.stopped == Stopped::No {
            // What failed before has the word.
            queue.stopped = if queue.failed.is_empty() { Stopped::Late } else { Stopped::Yes };
        }
    }

    /// The next model whose parents are full; `None` when nothing is left to begin.
    pub(super) fn next(&self) -> Option<Next> {
        let mut queue = self.lock();
        loop {
            if queue.stopped != Stopped::No || queue.waiting.is_empty() {
                return None;
            }
            if let Some(place) = queue.next_place() {
                let name = queue.begin(place, None);
                let shares = queue.sharing.contains(&name);
                return Some(if shares { Next::Shared(name, queue.now) } else { Next::Alone(name) });
            }
            queue.idle += 1;
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    /// The next model that may go into the transaction of another, which began at that moment; never waits.
    pub(super) fn next_shared(&self, before: &ModelName, began: Moment) -> Option<ModelName> {
        let mut queue = self.lock();
        if queue.stopped != Stopped::No {
            return None;
        }
        let fits = |((_, name), ready): &(&Place, &Moment)| **ready <= began && queue.sharing.contains(name);
        let place = queue.ready.iter().find(fits)?.0.clone();
        Some(queue.begin(place, Some(before.clone())))
    }

    pub(super) fn running(&self, name: &ModelName, interrupter: Arc<dyn Interrupter>) {
        let mut queue = self.lock();
        if queue.stopped != Stopped::No {
            interrupter.interrupt();
        }
        if let Some(running) = queue.running.get_mut(name) {
            running.interrupter = Some(interrupter);
        }
    }

    /// Tells the outcome of models that have begun.
    pub(super) fn finished(&self, results: Vec<(ModelName, Result<Build, CommandError>)>) {
        let mut queue = self.lock();
        queue.now.0 += 1;
        for (name, result) in results {
            queue.running.remove(&name);
            match result {
                Ok(build) => {
                    queue.builds.push(build);
                    queue.is_full(&name);
                }
                Err(error) => {
                    queue.failed.push((name.clone(), error));
                    queue.leave_out_readers(name);
                }
            }
        }
        self.changed.notify_all();
    }

    /// Models whose group was undone, and that are now filled one by one.
    pub(super) fn part(&self, names: &[ModelName]) {
        let mut queue = self.lock();
        for name in names {
            if let Some(running) = queue.running.get_mut(name) {
                running.before = None;
            }
        }
    }

    /// Models of a group that ended without any of them being made, and that nobody begins again.
    pub(super) fn put_back(&self, names: &[ModelName]) {
        let mut queue = self.lock();
        names.iter().for_each(|name| drop(queue.running.remove(name)));
    }

    /// Whether nothing further is to begin.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped != Stopped::No
    }

    /// Waits for the end, and stops running statements when asked to, or when the time is over.
    pub(super) fn watch(&self, work: &Work<'_>) {
        let mut queue = self.lock();
        while !(queue.waiting.is_empty() || queue.stopped != Stopped::No) || !queue.running.is_empty() {
            self.look_at_the_time(&mut queue);
            if work.interruption.is_requested() {
                queue.stopped = Stopped::Yes;
            }
            if queue.stopped != Stopped::No {
                queue.interrupt_all();
                self.changed.notify_all();
            }
            queue.free_hostages(PATIENCE);
            queue = self.changed.wait_timeout(queue, STOP_POLL).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn outcome(self) -> Result<Vec<Build>, CommandError> {
        let queue = self.queue.into_inner().unwrap_or_else(PoisonError::into_inner);
        if queue.stopped == Stopped::Late {
            return Err(CommandError::limit("the time for filling tables is over; what was loaded stays"));
        }
        let mut failed = queue.failed.into_iter();
        let Some((_, mut error)) = failed.next() else {
            return match queue.stopped {
                Stopped::No | Stopped::Late => Ok(queue.builds),
                Stopped::Yes => Err(CommandError::failed("stopped as asked; what was built stays")
                    .hint("run the same command again: it goes on from where it was")),
            };
        };
        let others: Vec<(ModelName, CommandError)> = failed.collect();
        let it = if others.is_empty() { "it" } else { "them" };
        error = also_failed(error, &others);
        if !queue.left_out.is_empty() {
            let names: Vec<String> = queue.left_out.iter().map(|name| format!("`{name}`")).collect();
            error = error.hint(format!("not built because of {it}: {}", names.join(", ")));
        }
        Err(error)
    }
}

/// Of so many models that failed besides the first the cause is told; it may be the same for a thousand.
const MOST_CAUSES: usize = 10;
/// So many characters of each.
const LONGEST_CAUSE: usize = 300;

/// An error with what else failed, and why where that was not told already: causes quote rows, so they are told in private.
fn also_failed(mut error: CommandError, others: &[(ModelName, CommandError)]) -> CommandError {
    let cause = |error: &CommandError| {
        let cause = error.causes().into_iter().next().unwrap_or_default();
        // Not the statement: it names the table, and tells the same mistake apart.
        let line = cause.lines().next().unwrap_or_default();
        line.split(" (in `").next().unwrap_or_default().chars().take(LONGEST_CAUSE).collect::<String>()
    };
    if others.is_empty() {
        return error;
    }
    let names: Vec<String> = others.iter().map(|(name, _)| format!("`{name}`")).collect();
    let mut told = BTreeSet::from([String::new(), cause(&error)]);
    error = error.hint(format!("also failed: {}", names.join(", ")));
    for (name, other) in others {
        let cause = cause(other);
        if told.len() < MOST_CAUSES && told.insert(cause.clone()) {
            error = error.privately(format!("`{name}` failed by: {cause}"));
        }
    }
    error
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

    /// Where the first model stands that is ready and whose turn it is, if it takes turns.
    fn next_place(&self) -> Option<Place> {
        let is_taken = self.running.keys().any(|name| self.taking_turns.contains(name));
        let in_turn = self.ready_in_turn.keys().next().filter(|_| !is_taken);
        self.ready.keys().next().into_iter().chain(in_turn).min().cloned()
    }

    /// Takes a model that is ready; `before` is the one whose transaction it shares.
    fn begin(&mut self, place: Place, before: Option<ModelName>) -> ModelName {
        self.ready.remove(&place);
        self.ready_in_turn.remove(&place);
        let (_, name) = place;
        self.waiting.remove(&name);
        self.running.insert(name.clone(), Running { since: Stopwatch::start(), interrupter: None, before });
        name
    }

    fn interrupt_all(&self) {
        let handles = self.running.values().filter_map(|running| running.interrupter.as_ref());
        handles.for_each(|interrupter| interrupter.interrupt());
    }

    /// Stops a statement that has made others of its group wait for longer than that while somebody had nothing to do: the
    /// group is then undone and each of it made alone, those first that are quick.
    fn free_hostages(&self, patience: Duration) {
        if self.idle == 0 || self.waiting.is_empty() {
            return;
        }
        let befores: BTreeSet<&ModelName> =
            self.running.values().filter_map(|running| running.before.as_ref()).collect();
        for (name, running) in &self.running {
            let is_last_of_several = running.before.is_some() && !befores.contains(name);
            if is_last_of_several && running.since.seconds() > patience.as_secs_f64() {
                running.interrupter.iter().for_each(|interrupter| interrupter.interrupt());
            }
        }
    }

    fn make_ready(&mut self, name: ModelName) {
        let place = self.places.get(&name).copied().unwrap_or(usize::MAX);
        let list = if self.taking_turns.contains(&name) { &mut self.ready_in_turn } else { &mut self.ready };
        list.insert((place, name), self.now);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Interrupter for Counted {
        fn interrupt(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn name(text: &str) -> ModelName {
        ModelName::parse(text).expect("a name")
    }

    /// `s.a` and `s.b` share a transaction; `s.reader` waits for `s.a`.
    fn group() -> (Board, Arc<Counted>) {
        let order = [name("s.a"), name("s.b"), name("s.reader")];
        let waiting = [
            (name("s.a"), BTreeSet::new()),
            (name("s.b"), BTreeSet::new()),
            (name("s.reader"), BTreeSet::from([name("s.a")])),
        ];
        let board = Board::new(order.iter(), waiting.into(), BTreeSet::from([name("s.a"), name("s.b")]));
        let Some(Next::Shared(first, began)) = board.next() else { panic!("nothing to share") };
        assert_eq!((&first, board.next_shared(&first, began)), (&name("s.a"), Some(name("s.b"))));
        assert_eq!(board.next_shared(&name("s.b"), began), None, "its reader waits");
        let session = Arc::new(Counted::default());
        for member in ["s.a", "s.b"] {
            board.running(&name(member), Arc::clone(&session) as Arc<dyn Interrupter>);
        }
        (board, session)
    }

    #[test]
    fn a_slow_table_does_not_hold_up_those_that_it_shares_a_transaction_with() {
        let (board, session) = group();
        let asked = |idle: usize, patience: Duration| {
            board.lock().idle = idle;
            board.lock().free_hostages(patience);
            session.0.swap(0, Ordering::SeqCst)
        };
        assert_eq!(asked(0, Duration::ZERO), 0, "everybody has something to do");
        assert_eq!(asked(1, Duration::from_secs(3600)), 0, "it is quick");
        assert_eq!(asked(1, Duration::ZERO), 1);
        board.part(&[name("s.a"), name("s.b")]);
        assert_eq!(asked(1, Duration::ZERO), 0, "alone it may take as long as it takes");
    }

    fn build(model: &str) -> (ModelName, Result<Build, CommandError>) {
        let table = crate::ids::TableName { catalog: None, schema: "s".into(), name: "t".into() };
        let (unit, intervals) = (crate::time::IntervalUnit::Day, Vec::new());
        (name(model), Ok(Build { model: name(model), table, rows: None, seconds: 0.0, unit, intervals }))
    }

    #[test]
    fn those_that_take_turns_are_filled_one_after_another_beside_others() {
        let order = ["s.a", "s.b", "s.c"].map(name);
        let waiting = order.clone().map(|model| (model, BTreeSet::new()));
        let turns = BTreeSet::from([name("s.a"), name("s.b")]);
        let board = Board::new(order.iter(), waiting.into(), BTreeSet::new()).with_turns(turns);
        let next = || match board.next() {
            Some(Next::Alone(name)) => name.to_string(),
            _ => panic!("there is more to do"),
        };
        assert_eq!([next(), next()], ["s.a", "s.c"]);
        assert_eq!(board.lock().next_place(), None, "it is not its turn");
        board.finished(vec![build("s.a")]);
        assert_eq!(next(), "s.b");
    }

    #[test]
    fn a_reader_is_not_ready_before_the_group_of_its_parent_is_committed() {
        let (board, _) = group();
        board.finished(vec![build("s.a"), build("s.b")]);
        assert!(matches!(board.next(), Some(Next::Alone(reader)) if reader == name("s.reader")));
    }

    #[test]
    fn what_became_ready_after_a_transaction_began_does_not_go_into_it() {
        let order = ["s.a", "s.b", "s.c", "s.reader"].map(name);
        let waiting = order.clone().map(|model| {
            let parents = if model == name("s.reader") { BTreeSet::from([name("s.a")]) } else { BTreeSet::new() };
            (model, parents)
        });
        let board = Board::new(order.iter(), waiting.into(), order.clone().into());
        assert!(matches!(board.next(), Some(Next::Shared(..))));
        let Some(Next::Shared(second, began)) = board.next() else { panic!("nothing to share") };
        board.finished(vec![build("s.a")]);
        assert_eq!(board.next_shared(&second, began), Some(name("s.c")));
        assert_eq!(board.next_shared(&second, began), None, "its parent is not in that transaction's view");
        assert!(matches!(board.next(), Some(Next::Shared(reader, _)) if reader == name("s.reader")));
    }
}
