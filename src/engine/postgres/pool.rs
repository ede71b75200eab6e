//! Connections that were used and can be used again: making one costs several round trips, and a run opens one for each
//! model.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::{PostgresConfig, failed};
use crate::engine::Result;
use crate::postgres::Client;

/// More than a run has threads; what is above is closed.
const MOST: usize = 16;

/// The connections of one engine.
pub(super) struct Pool {
    pub(super) config: PostgresConfig,
    stop: Arc<AtomicBool>,
    idle: Mutex<Vec<Client>>,
}

impl Pool {
    pub(super) fn new(config: PostgresConfig, stop: Arc<AtomicBool>) -> Self {
        Self { config, stop, idle: Mutex::default() }
    }

    /// A connection as if it were new.
    pub(super) fn take(&self) -> Result<Client> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                // A server that was started again, or a pooler, may have ended it meanwhile.
                Some(client) if client.is_lost() || client.batch("DISCARD ALL").is_err() => {}
                Some(client) => return Ok(client),
                None => break,
            }
        }
        let PostgresConfig { address, patience, .. } = &self.config;
        Client::connect(address, *patience, &self.stop).map_err(|error| failed(error, "", &address.user))
    }

    /// Takes a connection back in which no transaction is open.
    pub(super) fn give(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST && !client.is_lost() {
            idle.push(client);
        }
    }
}
