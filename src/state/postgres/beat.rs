//! What keeps a writer's session alive: a thread with a connection of its own that tells from time to time that it lives.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Terms;
use super::link::Link;
use crate::state::lease::SessionId;
use crate::state::store::{self, Failure, Reading};

/// Ends the session when it is dropped.
pub(super) struct Beat {
    /// Gone when the session is to end.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beat {
    pub(super) fn start(link: Link, terms: &Terms, session: SessionId) -> Self {
        let (alive, until) = mpsc::channel::<()>();
        let (beat, lasts) = (terms.beat, terms.lasts);
        let work = move || {
            let mut link = link;
            while until.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                match tell(&mut link, &session, lasts) {
                    Ok(store::Life::Goes) => {}
                    // Every write finds that out by itself.
                    Ok(store::Life::Over) => return,
                    Err(failure) => tracing::debug!("cannot renew the right to write the state: {failure:?}"),
                }
            }
            let ended = link.read(Reading::Once, |statements| store::end_session(statements, &session));
            if let Err(failure) = ended {
                tracing::debug!("cannot end the right to write the state, which ends by itself: {failure:?}");
            }
        };
        let thread = thread::Builder::new().name("state-heartbeat".into()).spawn(work);
        if let Err(error) = &thread {
            tracing::warn!("no thread can be had ({error}): the right to write the state lasts {} s", lasts.as_secs());
        }
        Self { alive: Some(alive), thread: thread.ok() }
    }
}

/// One statement by itself, which may be said twice.
fn tell(link: &mut Link, session: &SessionId, lasts: Duration) -> Result<store::Life, Failure> {
    link.read(Reading::Once, |statements| store::renew_session(statements, session, lasts))
}

impl Drop for Beat {
    fn drop(&mut self) {
        drop(self.alive.take());
        // It ends the session before anybody goes on.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
