//! A PostgreSQL server, asked and answered without async: what the engine and the state on PostgreSQL have in common.
//!
//! This module alone knows `tokio-postgres` and the TLS beneath it. It takes no session state for granted, because a pooler
//! may give each transaction another session: no statement is prepared by name, and nothing is set outside of a
//! transaction. It never decides what runs, and no password is in any of its texts.

mod address;
mod cancel;
mod error;
mod tls;
mod value;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use address::Reached;
pub use address::{Address, TlsMode};
pub use cancel::Canceller;
pub use error::{PostgresError, SqlState, StatementFailure};
pub use value::{Parameter, Row};

/// A connection.
pub struct Client {
    // Before the runtime, so that it is dropped while that still stands.
    client: tokio_postgres::Client,
    runtime: Runtime,
    tls: MakeRustlsConnect,
    reached: Reached,
}

/// What comes back for a text of statements, in order.
#[derive(Debug)]
pub enum Reply {
    /// The output columns of a statement that gives rows.
    Columns(Vec<String>),
    /// One row, each cell as the server writes it.
    Row(Vec<Option<String>>),
    /// A statement is over; the rows that it gave or changed.
    Done(u64),
}

/// An output column of a query, as the server tells it before the query runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// The type's number in this server's catalogue.
    pub type_id: u32,
    /// What the type is narrowed by, such as the digits of a `numeric`; -1 where it is not.
    pub modifier: i32,
}

impl Client {
    /// Connects; what may pass by itself (a server that starts, one that has no connection left) is tried again until
    /// `patience` is over or `stop` is set.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses whom we are.
    pub fn connect(address: &Address, patience: Duration, stop: &AtomicBool) -> Result<Self, PostgresError> {
        let (begin, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let error = match Self::connect_once(address) {
                Err(error) if error.may_pass() => error,
                other => return other,
            };
            let left = patience.saturating_sub(begin.elapsed());
            if left.is_zero() || stop.load(Ordering::Relaxed) {
                return Err(error);
            }
            tracing::debug!("{error}; trying again");
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn connect_once(address: &Address) -> Result<Self, PostgresError> {
        let broken = |message: String| PostgresError::Connect { server: address.to_string(), message, state: None };
        let tls = tls::connector(address).map_err(broken)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| broken(error.to_string()))?;
        let mut refused = broken(format!("`{}` has no address", address.host));
        for reached in address.places().map_err(|error| broken(error.to_string()))? {
            match runtime.block_on(address.config(&reached).connect(tls.clone())) {
                Ok((client, connection)) => {
                    // It runs whenever this thread waits for an answer. What breaks it is told by the call that it breaks.
                    runtime.spawn(async move { drop(connection.await) });
                    return Ok(Self { client, runtime, tls, reached });
                }
                Err(error) => refused = PostgresError::connect(address, &error),
            }
        }
        Err(refused)
    }

    /// Runs a text of statements by the simple protocol and hands on what comes back. The texts of values are the server's.
    ///
    /// # Errors
    /// What the server says of the first statement that fails, or that the connection is lost.
    pub fn simple(&self, sql: &str, mut sink: impl FnMut(Reply)) -> Result<(), PostgresError> {
        self.wait(async {
            let mut replies = std::pin::pin!(self.client.simple_query_raw(sql).await?);
            while let Some(reply) = replies.try_next().await? {
                match reply {
                    SimpleQueryMessage::RowDescription(columns) => {
                        sink(Reply::Columns(columns.iter().map(|column| column.name().to_owned()).collect()));
                    }
                    SimpleQueryMessage::Row(row) => {
                        sink(Reply::Row((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect()));
                    }
                    SimpleQueryMessage::CommandComplete(rows) => sink(Reply::Done(rows)),
                    // The crate may learn of more.
                    _ => {}
                }
            }
            Ok(())
        })
        .map_err(|error| PostgresError::of(&error, sql))
    }

    /// Runs a text of statements and gives the rows that the last one gave or changed.
    ///
    /// # Errors
    /// As [`Client::simple`].
    pub fn batch(&self, sql: &str) -> Result<u64, PostgresError> {
        let mut rows = 0;
        self.simple(sql, |reply| {
            if let Reply::Done(count) = reply {
                rows = count;
            }
        })?;
        Ok(rows)
    }

    /// The rows of one statement with parameters (`$1`, `$2`, …): one round trip.
    ///
    /// # Errors
    /// What the server says; a column of a type that [`Row`] does not know.
    pub fn query(&self, sql: &str, parameters: &[Parameter]) -> Result<Vec<Row>, PostgresError> {
        let parameters = typed(parameters);
        let rows = self.wait(self.client.query_typed(sql, &parameters));
        let rows = rows.and_then(|rows| Row::all(&rows));
        rows.map_err(|error| PostgresError::of(&error, sql))
    }

    /// Runs one statement with parameters and gives the rows that it changed: one round trip.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&self, sql: &str, parameters: &[Parameter]) -> Result<u64, PostgresError> {
        let parameters = typed(parameters);
        self.wait(self.client.execute_typed(sql, &parameters)).map_err(|error| PostgresError::of(&error, sql))
    }

    /// The output columns of a query, which is planned and not run.
    ///
    /// # Errors
    /// What the server says of the query.
    pub fn describe(&self, query: &str) -> Result<Vec<OutputColumn>, PostgresError> {
        // One row is made, of NULLs: rows alone tell their columns, and a statement prepared by name would stay behind in
        // the pooler's session.
        const HEAD: &str = "SELECT offshoot__query.* FROM (VALUES (1)) AS offshoot__one (one) LEFT JOIN (\n";
        let probe = format!("{HEAD}{query}\n) AS offshoot__query ON false");
        let rows = self.wait(self.client.query_typed(&probe, &[]));
        let rows = rows.map_err(|error| PostgresError::of(&error, &probe).below(1))?;
        let columns = rows.first().map(tokio_postgres::Row::columns).unwrap_or_default();
        let column = |column: &tokio_postgres::Column| OutputColumn {
            name: column.name().to_owned(),
            type_id: column.type_().oid(),
            modifier: column.type_modifier(),
        };
        Ok(columns.iter().map(column).collect())
    }

    /// A handle that stops what runs here from another thread.
    pub fn canceller(&self) -> Canceller {
        Canceller::new(self.client.cancel_token(), self.tls.clone(), self.reached.clone())
    }

    /// Whether the connection is gone.
    pub fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, tokio_postgres::Error> {
        self.runtime.block_on(answer)
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

fn typed(parameters: &[Parameter]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    parameters.iter().map(Parameter::typed).collect()
}
