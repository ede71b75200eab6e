//! The right to write, as a value that every writing function takes.

use std::fmt;

use crate::ids::StateId;

/// Proof that nobody else writes this state; given back when it is dropped, and by the operating system or the server
/// when its process dies.
pub struct WriteLease {
    state: StateId,
    /// Whatever an implementation holds: a locked file, a connection.
    _held: Box<dyn Send + Sync>,
}

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// What it does, such as `bot apply`.
    pub doing: String,
}

impl WriteLease {
    /// A lease of a state that lasts as long as what is held.
    pub(super) fn new(state: StateId, held: Box<dyn Send + Sync>) -> Self {
        Self { state, _held: held }
    }

    /// The state that may be written.
    pub fn state(&self) -> &StateId {
        &self.state
    }
}

impl fmt::Debug for WriteLease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WriteLease({})", self.state)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {} (`{}`)", self.pid, self.doing)
    }
}
