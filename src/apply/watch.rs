//! Work with one session that a request to stop ends.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::engine::Interrupter;
use crate::surroundings::Interruption;

/// How often it is looked whether somebody asked to stop.
const STOP_POLL: Duration = Duration::from_millis(50);

/// Does something with a session, which is stopped when the process is asked to stop.
pub fn watched<T>(interrupter: Arc<dyn Interrupter>, interruption: &Interruption, work: impl FnOnce() -> T) -> T {
    let (running, stopped) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(STOP_POLL) {
                if interruption.is_requested() {
                    interrupter.interrupt();
                    return;
                }
            }
        });
        let done = work();
        drop(running);
        done
    })
}
