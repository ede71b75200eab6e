//! A writer's session: a thread with a connection of its own tells from time to time that it lives.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

use super::link::Link;
use super::{PostgresStore, Terms};
use crate::state::lease::SessionId;
use crate::state::store::{self, Failure, Life, Reading};

/// A session, which ends when this is dropped.
pub(super) struct Session {
    store: Arc<PostgresStore>,
    id: SessionId,
    beat: Beat,
}

/// The thread that keeps a session alive.
struct Beat {
    /// Gone when the thread is to end.
    alive: Option<Sender<()>>,
    /// Set when it is not to try any longer to reach the server.
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Session {
    pub(super) fn new(store: Arc<PostgresStore>, id: SessionId) -> Self {
        let beat = Beat::start(&store, id.clone());
        Self { store, id, beat }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.beat.end();
        let mut link = self.store.link.lock().unwrap_or_else(PoisonError::into_inner);
        // One statement by itself, which may be said twice.
        let ended = link.read(Reading::Once, |statements| store::end_session(statements, &self.id));
        if let Err(failure) = ended {
            tracing::debug!("the right to write the state ends by itself: {failure:?}");
        }
    }
}

impl Beat {
    fn start(of: &PostgresStore, session: SessionId) -> Self {
        let (alive, until) = mpsc::channel::<()>();
        let stop = Arc::new(AtomicBool::new(false));
        let terms = Terms { stop: Arc::clone(&stop), ..of.terms.clone() };
        let (beat, lasts) = (terms.beat, terms.lasts);
        // It connects when it has something to tell: most sessions are over before that.
        let mut link = Link::new(of.place.clone(), terms);
        let mut tell = move || -> Result<Life, Failure> {
            link.read(Reading::Once, |statements| store::renew_session(statements, &session, lasts))
        };
        let work = move || {
            while until.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                match tell() {
                    Ok(Life::Goes) => {}
                    // Every write finds that out by itself.
                    Ok(Life::Over) => return,
                    Err(failure) => tracing::debug!("cannot renew the right to write the state: {failure:?}"),
                }
            }
        };
        let thread = thread::Builder::new().name("state-heartbeat".into()).spawn(work);
        if let Err(error) = &thread {
            tracing::warn!("no thread can be had ({error}): the right to write the state lasts {} s", lasts.as_secs());
        }
        Self { alive: Some(alive), stop, thread: thread.ok() }
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
