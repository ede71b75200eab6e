//! The write lease of an SQLite state: an operating system's lock on a file beside the database, which tells who holds it.
//! The system gives it back when its process dies, so a killed run blocks nobody.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::state::lease::Holder;

/// A locked file; unlocked when it is dropped.
pub(super) struct FileLock(File);

/// Why the lock was not had.
#[derive(Debug)]
pub(super) enum LockFailure {
    /// Somebody else held it all the time.
    Held {
        /// Who, where it could be read.
        holder: Option<Holder>,
        /// For how long we waited.
        waited: Duration,
    },
    /// The file cannot be made or locked.
    Io(io::Error),
}

impl FileLock {
    /// Waits up to `timeout` for the lock, and writes into it who has it.
    pub(super) fn take(path: &Path, doing: &str, timeout: Duration) -> Result<Self, LockFailure> {
        let options = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options().map_err(LockFailure::Io)?;
        let began = Instant::now();
        let mut pause = Duration::from_millis(2);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(LockFailure::Io(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let waited = began.elapsed();
            if waited >= timeout {
                return Err(LockFailure::Held { holder: read_holder(&mut file), waited });
            }
            thread::sleep(pause.min(timeout - waited));
            pause = (pause * 2).min(Duration::from_millis(200));
        }
        let mut lock = Self(file);
        lock.write(&format!("{}\n{doing}\n", std::process::id())).map_err(LockFailure::Io)?;
        Ok(lock)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(text.as_bytes())
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // A holder that is left behind misleads nobody: it is read only while the lock is held.
        let _ = self.write("");
        let _ = self.0.unlock();
    }
}

/// Who says to hold the lock.
fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(1024).read_to_string(&mut text).ok()?;
    let (pid, doing) = text.split_once('\n')?;
    Some(Holder::new(pid.parse().ok()?, doing, None))
}
