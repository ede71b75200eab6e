//! The right to write, as a value that every writing function takes, and what its owner holds while others write too.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ids::{EnvironmentName, StateId, TableName};
use crate::time::Interval;

/// A writer's session: what every write is done under. It ends when this is dropped, and by itself soon after its process
/// has died. Whether others may write meanwhile is the store's: a file has one writer, a server many, which keep out of
/// each other's way by what they hold ([`super::State::claim`]).
pub struct WriteLease {
    state: StateId,
    begun: Begun,
    writers: Writers,
    /// Whatever an implementation holds: a locked file, a thread that keeps the session alive.
    _held: Box<dyn Send + Sync>,
}

/// How many writers a store has at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// One: whoever has the lease may have everything.
    One,
    /// Many, who claim what they write.
    Many,
}

/// The right to something that one writer at a time may have; given back when it is dropped, or with the session.
pub struct Claim {
    token: FencingToken,
    _given_back: Box<dyn Send + Sync>,
}

/// What one writer at a time may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An environment.
    Environment(EnvironmentName),
    /// A table of the warehouse.
    Table {
        /// Its name.
        table: TableName,
        /// The part of it; `None` for all of it. Ranges that do not overlap may be had by two.
        range: Option<Interval>,
    },
    /// Looking for tables that nothing needs, and dropping them.
    Gc,
    /// Running the statements that are around all of it, for whichever environment.
    BesideAll,
}

/// How something is asked for, where others may wait for it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Now or not at all. Whoever waits for it goes on waiting.
    Once,
    /// For the first time; where it is not free, we stand in line from now on. Who does not ask again for three seconds may be
    /// passed by.
    First,
    /// Once more.
    Again,
}

/// A number that grows: whoever takes something over has a larger one than whoever had it, and so can be told from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FencingToken(pub u64);

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// What it does, such as `bot apply`.
    pub doing: String,
    /// What a person can recognise it by: its address in CI, or a user.
    pub known_as: Option<String>,
}

/// A session as the store knows it.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) id: SessionId,
    pub(super) token: FencingToken,
    pub(super) row: SessionRow,
}

/// Whether the store has a session's row.
#[derive(Clone, Debug)]
pub(super) enum SessionRow {
    /// From its beginning.
    There,
    /// From its first write, so that a run which is refused leaves the store as it was. Only where a lock keeps others away.
    WithFirstWrite {
        /// What it does.
        doing: String,
        /// Whether that was made.
        written: Arc<AtomicBool>,
    },
}

impl SessionRow {
    /// A write was made under the session.
    pub(super) fn was_written(&self) {
        if let Self::WithFirstWrite { written, .. } = self {
            written.store(true, Ordering::SeqCst);
        }
    }

    /// What the session does, where its row is still to be made.
    pub(super) fn to_be_made(&self) -> Option<&str> {
        match self {
            Self::WithFirstWrite { doing, written } if !written.load(Ordering::SeqCst) => Some(doing),
            Self::WithFirstWrite { .. } | Self::There => None,
        }
    }
}

/// The random id of a session.
#[derive(Clone, Debug)]
pub(super) struct SessionId(pub(super) String);

/// More characters of what another process says than anybody reads.
const LONGEST: usize = 200;

impl WriteLease {
    /// A lease of a state that lasts as long as what is held.
    pub(super) fn new(state: StateId, begun: Begun, writers: Writers, held: Box<dyn Send + Sync>) -> Self {
        Self { state, begun, writers, _held: held }
    }

    /// The state that may be written.
    pub fn state(&self) -> &StateId {
        &self.state
    }

    /// Whether others may write meanwhile.
    pub fn writers(&self) -> Writers {
        self.writers
    }

    /// Larger than that of every session before it that wrote or claimed something.
    pub fn token(&self) -> FencingToken {
        self.begun.token
    }

    pub(super) fn session(&self) -> &Begun {
        &self.begun
    }
}

impl Claim {
    pub(super) fn new(token: FencingToken, given_back: Box<dyn Send + Sync>) -> Self {
        Self { token, _given_back: given_back }
    }

    /// Larger than that of everybody who had it before.
    pub fn token(&self) -> FencingToken {
        self.token
    }
}

impl Holder {
    /// The texts are another process's, so only printable characters of them are kept, and not too many.
    pub(super) fn new(pid: u32, doing: &str, known_as: Option<&str>) -> Self {
        let printable = |text: &str| text.chars().filter(|character| !character.is_control()).take(LONGEST).collect();
        Self { pid, doing: printable(doing.trim_end()), known_as: known_as.map(printable) }
    }
}

impl fmt::Debug for WriteLease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WriteLease({}, {})", self.state, self.begun.token)
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Claim({})", self.token)
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(formatter, "environment `{name}`"),
            Self::Table { table, range: None } => write!(formatter, "table `{table}`"),
            Self::Table { table, range: Some(Interval { start, end }) } => {
                write!(formatter, "table `{table}` from {} to {}", start.date_time(), end.date_time())
            }
            Self::Gc => formatter.write_str("the search for tables that nothing needs"),
            Self::BesideAll => formatter.write_str("the turn to run `before_all` or `after_all`"),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {} (`{}`)", self.pid, self.doing)?;
        match &self.known_as {
            Some(known_as) => write!(formatter, " of {known_as}"),
            None => Ok(()),
        }
    }
}
