//! Many bots, one warehouse: who may have what, and who waits for whom.
//!
//! Where a store has one writer at a time there is nothing to share out, and nothing here costs anything. Where it has many,
//! each claims an environment before it plans it and a table before it fills or drops it, and nobody waits for one table
//! while it has another, so that no two wait for each other.

mod writer;

use std::collections::BTreeSet;
use std::time::Duration;

pub use writer::Writer;

use crate::engine::Fence;
use crate::ids::{ProjectName, TableName};
use crate::output::Output;
use crate::state::{Asking, Claim, State, StateError, Subject, WriteLease, Writers};
use crate::surroundings::{Interruption, Stopwatch};

/// How often somebody who waits asks again.
const POLL: Duration = Duration::from_millis(100);
/// How long nothing more is said to somebody who waits in a long line.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What taking turns needs.
#[derive(Clone, Copy)]
pub struct Turns<'a> {
    /// Where it is written who has what.
    pub state: &'a dyn State,
    /// Our session.
    pub lease: &'a WriteLease,
    /// Whose environments are meant.
    pub project: &'a ProjectName,
    /// Where those who wait say so.
    pub output: &'a Output,
    /// A request to stop.
    pub interruption: &'a Interruption,
}

/// Something that is ours until this is dropped.
#[derive(Debug)]
pub struct Turn {
    had: Option<(Claim, Subject, ProjectName)>,
}

impl Turn {
    /// What tells the warehouse that it is our turn; `None` where nobody else can write it.
    pub fn fence(&self) -> Option<Fence> {
        let (claim, subject, project) = self.had.as_ref()?;
        let subject = match subject {
            Subject::Table { table, .. } => format!("table {table}"),
            Subject::Environment(name) => {
                format!("environment {name} of project {project:?}", project = project.as_str())
            }
            Subject::Gc => "gc".to_owned(),
            Subject::BesideAll => "beside_all".to_owned(),
        };
        Some(Fence { subject, token: claim.token().0 })
    }
}

/// Why it was not our turn.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The state says no: somebody has it for longer than we wait, or the state is out of reach.
    #[error(transparent)]
    State(#[from] StateError),
    /// Somebody asked us to stop.
    #[error("stopped as asked while it waited for {0}")]
    Stopped(
        /// What was waited for.
        Box<Subject>,
    ),
}

impl Turns<'_> {
    /// Takes something at once, or gives `None` where somebody has it.
    ///
    /// # Errors
    /// The state is out of reach.
    pub fn try_take(&self, subject: &Subject) -> Result<Option<Turn>, StateError> {
        if self.lease.writers() == Writers::One {
            return Ok(Some(Turn { had: None }));
        }
        match self.state.claim(self.lease, subject, Asking::Once) {
            Ok(claim) => Ok(Some(self.turn(claim, subject))),
            Err(StateError::Held { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn turn(&self, claim: Claim, subject: &Subject) -> Turn {
        Turn { had: Some((claim, subject.clone(), self.project.clone())) }
    }

    /// Takes something, and waits for whoever has it and whoever came first: up to `patience`, or for as long as they live.
    /// Says for whom.
    ///
    /// # Errors
    /// [`StateError::Held`] where patience is over; a request to stop.
    pub fn take(&self, subject: &Subject, patience: Option<Duration>) -> Result<Turn, TurnError> {
        if self.lease.writers() == Writers::One {
            return Ok(Turn { had: None });
        }
        let (stopwatch, mut told) = (Stopwatch::start(), None);
        let mut asking = Asking::First;
        loop {
            let error = match self.state.claim(self.lease, subject, asking) {
                Ok(claim) => return Ok(self.turn(claim, subject)),
                Err(error @ StateError::Held { .. }) => error,
                Err(error) => return Err(error.into()),
            };
            if patience.is_some_and(|patience| stopwatch.seconds() >= patience.as_secs_f64()) {
                return Err(error.into());
            }
            if self.interruption.is_requested() {
                return Err(TurnError::Stopped(Box::new(subject.clone())));
            }
            self.tell(&error, &mut told);
            std::thread::sleep(POLL);
            asking = Asking::Again;
        }
    }

    /// Waits until nobody fills or drops any of these tables, and says for whom.
    ///
    /// # Errors
    /// The state is out of reach; a request to stop.
    pub fn until_unwritten(&self, tables: &BTreeSet<TableName>) -> Result<(), TurnError> {
        let mut told = None;
        while !tables.is_empty() {
            let is_one = |(subject, ..): &(Subject, _, _)| matches!(subject, Subject::Table { table, .. } if tables.contains(table));
            let Some((subject, holder, since)) = self.state.claims()?.into_iter().find(is_one) else { break };
            if self.interruption.is_requested() {
                return Err(TurnError::Stopped(Box::new(subject)));
            }
            let held = StateError::Held { subject: Box::new(subject), holder: Box::new(holder), since };
            self.tell(&held, &mut told);
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Says for whom we wait: at once, and now and then where that changes.
    fn tell(&self, error: &StateError, told: &mut Option<(String, Stopwatch)>) {
        let text = format!("waiting: {error}");
        let is_news =
            told.as_ref().is_none_or(|(last, when)| *last != text && when.seconds() >= TOLD_EVERY.as_secs_f64());
        if is_news {
            self.output.talk(&text);
            *told = Some((text, Stopwatch::start()));
        }
    }
}
