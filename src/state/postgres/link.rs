//! The connection to the server: what is tried again, and what became of a commit whose answer was lost.

use std::thread;
use std::time::Duration;

use super::rows::{Session, of_server, stored};
use super::{Place, Terms};
use crate::hash::Digest;
use crate::postgres::{Client, Parameter, PostgresError, Reply};
use crate::state::store::{self, Dialect, Failure, Reading, Statements, Writing};

/// A connection that is made when it is needed, and again when it was lost.
pub(super) struct Link {
    place: Place,
    terms: Terms,
    dialect: Dialect,
    /// Taken out while a transaction runs, so that one that a panic left open is not used again.
    client: Option<Client>,
}

/// How often a call is made before its failure is the answer.
const ATTEMPTS: u32 = 8;

/// For how long a transaction may wait for the lock of the state; others hold it for some round trips.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// After how long the server ends a transaction whose writer is silent, so that one that was cut off blocks nobody for long.
const SILENCE: &str = "60s";

impl Link {
    pub(super) fn new(place: Place, terms: Terms) -> Self {
        let dialect = super::rows::dialect(&place.schema);
        Self { place, terms, dialect, client: None }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Runs a read; it is harmless to make one again.
    pub(super) fn read<T>(
        &mut self,
        reading: Reading,
        mut work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (begin, end) = match reading {
            Reading::Once => ("", ""),
            Reading::Together => ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "COMMIT"),
        };
        self.patiently(|link| {
            let client = link.take()?;
            let run = |sql: &str| {
                if sql.is_empty() {
                    return Ok(0);
                }
                store::round_trip();
                client.batch(sql).map_err(stored)
            };
            let read = run(begin).and_then(|_| work(&Session { client: &client, dialect: &link.dialect }));
            let ended = if read.is_ok() { run(end) } else { run(if end.is_empty() { "" } else { "ROLLBACK" }) };
            if ended.is_ok() {
                link.put(client);
            }
            read
        })
    }

    /// Runs a write in one transaction, so that it is done once or not at all.
    pub(super) fn write<T>(
        &mut self,
        writing: Writing,
        mut work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let lock = match writing {
            Writing::Alone => "pg_advisory_xact_lock",
            Writing::Facts => "pg_advisory_xact_lock_shared",
        };
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = {}; \
             SET LOCAL idle_in_transaction_session_timeout = '{SILENCE}'; SELECT {lock}({}); \
             SELECT pg_current_xact_id()::text",
            LOCK_PATIENCE.as_millis(),
            self.lock_key()
        );
        self.patiently(|link| link.transact(&begin, &mut work))
    }

    fn transact<T>(
        &mut self,
        begin: &str,
        work: &mut impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let client = self.take()?;
        let done = begun(&client, begin)
            .and_then(|transaction| Ok((transaction, work(&Session { client: &client, dialect: &self.dialect })?)));
        let (transaction, value) = match done {
            Ok(done) => done,
            Err(failure) => {
                // Where even that cannot be said, the server takes it back when the connection ends.
                if client.batch("ROLLBACK").is_ok() {
                    self.put(client);
                }
                return Err(failure);
            }
        };
        match client.batch("COMMIT") {
            Ok(_) => {
                self.put(client);
                Ok(value)
            }
            Err(error) if error.is_lost() => {
                drop(client);
                self.was_committed(&transaction)
                    .and_then(|committed| if committed { Ok(value) } else { Err(stored(error)) })
            }
            Err(error) => Err(stored(error)),
        }
    }

    /// Asks what became of a transaction whose commit was not answered. A server that was cut off from us may still be at it.
    fn was_committed(&mut self, transaction: &str) -> Result<bool, Failure> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..UNANSWERED {
            // It is done or not, but nobody is there to say.
            let client = self.take().map_err(|_| Failure::Unknown)?;
            let asked = client.query(
                "SELECT pg_xact_status($1::text::xid8) AS status",
                &[Parameter::Text(Some(transaction.to_owned()))],
            );
            let rows = match asked {
                Ok(rows) => rows,
                Err(error) if error.is_lost() => continue,
                Err(error) => return Err(stored(error)),
            };
            self.put(client);
            match rows.first().and_then(|row| row.get("status")) {
                Some(Parameter::Text(Some(status))) if status == "committed" => return Ok(true),
                Some(Parameter::Text(Some(status))) if status == "aborted" => return Ok(false),
                _ => {}
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(Failure::Unknown)
    }

    /// Makes a call again where another attempt may end better: after a lost connection, a deadlock, a lost race.
    fn patiently<T>(&mut self, mut attempt: impl FnMut(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match attempt(self) {
                Err(failure) if of_server(&failure).is_some_and(may_pass) => {
                    tracing::debug!("the state's server: {failure:?}; trying again");
                }
                outcome => return outcome,
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        attempt(self)
    }

    /// The connection, for one transaction.
    fn take(&mut self) -> Result<Client, Failure> {
        match self.client.take().filter(|client| !client.is_lost()) {
            Some(client) => Ok(client),
            None => Client::connect(&self.place.address, self.terms.patience, &self.terms.stop).map_err(stored),
        }
    }

    /// Keeps a connection on which no transaction is open.
    fn put(&mut self, client: Client) {
        self.client = Some(client);
    }

    /// One number for each schema; two states of one database have locks of their own.
    fn lock_key(&self) -> i64 {
        let mut first = [0; 8];
        first.copy_from_slice(&Digest::of("state-lock", &self.place.schema).bytes()[..8]);
        i64::from_be_bytes(first)
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Longer than [`SILENCE`], after which the server itself decides.
const UNANSWERED: u32 = 90;

/// Begins a transaction; gives its number.
fn begun(client: &Client, begin: &str) -> Result<String, Failure> {
    let mut transaction = None;
    client
        .simple(begin, |reply| {
            if let Reply::Row(cells) = reply {
                transaction = cells.into_iter().next().flatten();
            }
        })
        .map_err(stored)?;
    transaction.ok_or_else(|| Failure::Unreadable("a transaction has no number".into()))
}

fn may_pass(error: &PostgresError) -> bool {
    // Where no connection can be made the client has tried for long enough.
    let is_connect = matches!(error, PostgresError::Connect { .. });
    (error.is_lost() && !is_connect) || matches!(error.state(), Some("40001" | "40P01"))
}
