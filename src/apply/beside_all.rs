//! Statements that run before and after everything else: each commits by itself, in a session of its own.

use super::{Work, engine_error, watched};
use crate::engine::EngineError;
use crate::error::CommandError;
use crate::settings::Stage;
use crate::state::Subject;
use crate::turn::TurnError;
use crate::workspace::state_error;

/// What runs before the first table is built, and after the views show what they are to show.
#[derive(Clone, Debug, Default)]
pub struct BesideAll {
    /// Before.
    pub before: Vec<Ready>,
    /// After.
    pub after: Vec<Ready>,
}

/// A statement that can run.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Which it is, and where it stands.
    pub place: String,
    /// How it begins as written, which says nothing secret.
    pub beginning: String,
    /// Itself.
    pub sql: String,
}

impl Work<'_> {
    /// Runs the statements of a stage, in order.
    ///
    /// # Errors
    /// One is refused; those before it have run and are not undone.
    pub fn run_beside_all(&self, stage: Stage) -> Result<(), CommandError> {
        let statements = match stage {
            Stage::Before => &self.beside_all.before,
            Stage::After => &self.beside_all.after,
        };
        if statements.is_empty() {
            return Ok(());
        }
        // Two that replace one function at once are in each other's way.
        let _turn = self.turns().take(&Subject::BesideAll, None).map_err(|error| match error {
            TurnError::State(error) => state_error(error),
            TurnError::Stopped(_) => CommandError::failed(error.to_string()),
        })?;
        statements.iter().try_for_each(|ready| self.run_ready(ready).map_err(|error| told(error, ready)))
    }

    fn run_ready(&self, ready: &Ready) -> Result<(), EngineError> {
        if self.interruption.is_requested() {
            return Err(EngineError::Interrupted { statement: String::new() });
        }
        let mut session = self.engine.session()?;
        watched(session.interrupter(), self.interruption, || session.execute(&ready.sql)).map(drop)
    }
}

fn told(error: EngineError, ready: &Ready) -> CommandError {
    let what = format!("{} did not run", ready.place);
    match error {
        // What the author wrote is told, not what became of it.
        EngineError::Statement { message, .. } => {
            CommandError::no(what).because(EngineError::Statement { message, statement: ready.beginning.clone() })
        }
        EngineError::Denied { role, message, remedy, .. } => {
            engine_error(&what, EngineError::Denied { role, message, remedy, statement: ready.beginning.clone() })
        }
        EngineError::Stopped { message, .. } => {
            engine_error(&what, EngineError::Stopped { message, statement: ready.beginning.clone() })
        }
        EngineError::Lost { message, .. } => {
            engine_error(&what, EngineError::Lost { message, statement: ready.beginning.clone() })
        }
        error => engine_error(&what, error),
    }
}
