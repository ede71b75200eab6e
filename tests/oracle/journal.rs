//! Every statement of an episode, in a file that outlives the process: where the engine ends it, somebody must say at what.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

static JOURNAL: Mutex<Option<File>> = Mutex::new(None);

/// From now on statements are written to this file.
pub(crate) fn open(path: &Path) -> std::io::Result<()> {
    let file = File::options().create(true).append(true).open(path)?;
    *JOURNAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    Ok(())
}

/// Forgets the episode before.
pub(crate) fn begin(episode: u64) {
    if let Some(file) = JOURNAL.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        let _ = file.set_len(0).and_then(|()| writeln!(file, "-- episode {episode}"));
    }
}

/// A statement that is about to run, in one of several warehouses.
pub(crate) fn note(warehouse: usize, statement: &str) {
    if let Some(file) = JOURNAL.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        let statement = statement.replace('\n', " ");
        let _ = file.write_all(format!("/* {warehouse} */ {statement};\n").as_bytes());
    }
}
