//! What one process has parsed already, so that two trees which share files parse them once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::file::ParsedFile;
use super::seed::{SeedContents, SeedError};
use crate::hash::Digest;
use crate::ids::{BlobId, FilePath};
use crate::problem::Problem;

/// Parsed model files by content, path and rules; seeds by content and settings.
#[derive(Debug, Default)]
pub struct ModelCache {
    files: Mutex<BTreeMap<FileKey, Arc<ParsedFile>>>,
    seeds: Mutex<BTreeMap<SeedKey, Arc<SeedContents>>>,
}

/// A file's content and path (problems name it), and the digest of the rules that it was parsed by.
pub(super) type FileKey = (BlobId, FilePath, Digest);
/// A seed's content, and the digest of its settings and declared columns.
pub(super) type SeedKey = (BlobId, Digest);

impl ModelCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    #[cfg(test)]
    pub(super) fn files(&self) -> usize {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn file(
        &self,
        key: FileKey,
        parse: impl FnOnce() -> Result<ParsedFile, Problem>,
    ) -> Result<Arc<ParsedFile>, Problem> {
        cached(&self.files, key, parse)
    }

    pub(super) fn seed(
        &self,
        key: SeedKey,
        read: impl FnOnce() -> Result<SeedContents, SeedError>,
    ) -> Result<Arc<SeedContents>, SeedError> {
        cached(&self.seeds, key, read)
    }
}

/// The value is made outside the lock: parsing one file never waits for another. A failure is not remembered.
fn cached<K: Ord, V, E>(
    map: &Mutex<BTreeMap<K, Arc<V>>>,
    key: K,
    make: impl FnOnce() -> Result<V, E>,
) -> Result<Arc<V>, E> {
    let lock = || map.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lock().get(&key) {
        return Ok(known.clone());
    }
    let value = Arc::new(make()?);
    Ok(lock().entry(key).or_insert(value).clone())
}
