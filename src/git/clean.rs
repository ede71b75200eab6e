//! What git would store for one file of the working tree: the way of its clean filter.
//!
//! This module never runs an external filter: a changed file that needs one is a problem. Git LFS is the exception, because
//! its filter is only a SHA-256. Line ends and `$Id$` are converted by libgit2 itself.

use std::path::Path;

use git2::{AttrCheckFlags, AttrValue, ObjectType, Oid};

use super::error::shown;
use super::lfs::{POINTER_LIMIT, Pointer};
use super::problems::{external_filter, file_unreadable};
use super::{Git, GitError};
use crate::problem::Problem;

/// From here on a file is hashed as a stream instead of being copied into memory.
const HEAVY: u64 = 32 * 1024 * 1024;

/// A file in the form in which git would store it.
pub(super) enum Cleaned {
    /// A blob in memory.
    Stored(Oid),
    /// A blob whose content stays in the file.
    Heavy(Oid),
    /// Nobody but another program could tell.
    Unknown(Problem),
}

impl Git {
    /// What git would store for a file of the working tree.
    pub(super) fn cleaned(&self, name: &str, full: &Path, tracked: Option<Oid>) -> Result<Cleaned, GitError> {
        let length = full.symlink_metadata().map(|file| file.len()).unwrap_or(0);
        let broken = |reason: &str| Cleaned::Unknown(file_unreadable(name, reason));
        if self.is_lfs(name, tracked) && self.pointer_in_file(full, length).is_none() {
            return Ok(match Pointer::to_content_of(full) {
                Ok(Some(pointer)) => Cleaned::Stored(self.store(pointer.text().as_bytes())?),
                Ok(None) => Cleaned::Stored(self.store(b"")?),
                Err(error) => broken(&error.to_string()),
            });
        }
        if let Some(problem) = self.external_filter(name) {
            return Ok(Cleaned::Unknown(problem));
        }
        if length >= HEAVY && !self.is_converted(name) {
            return Ok(match Oid::hash_file(ObjectType::Blob, full) {
                Ok(id) => Cleaned::Heavy(id),
                Err(error) => broken(error.message()),
            });
        }
        Ok(match self.repository.blob_path(full) {
            Ok(id) => Cleaned::Stored(id),
            Err(error) => broken(error.message()),
        })
    }

    fn is_lfs(&self, name: &str, tracked: Option<Oid>) -> bool {
        let tracked = tracked.and_then(|id| self.repository.find_blob(id).ok());
        tracked.is_some_and(|blob| Pointer::parse(blob.content()).is_some())
            || self.attribute(name, "filter").as_deref() == Some("lfs")
    }

    fn pointer_in_file(&self, full: &Path, length: u64) -> Option<Pointer> {
        let small = length < POINTER_LIMIT as u64;
        small.then(|| std::fs::read(full).ok()).flatten().and_then(|content| Pointer::parse(&content))
    }

    /// Content that only a program named in the configuration could turn into what git stores.
    fn external_filter(&self, name: &str) -> Option<Problem> {
        let config = self.repository.config().ok()?;
        let has = |filter: &str, key: &str| config.get_entry(&format!("filter.{filter}.{key}")).is_ok();
        let filter = self.attribute(name, "filter").filter(|filter| has(filter, "clean") || has(filter, "process"));
        let what = match (filter, self.attribute(name, "working-tree-encoding")) {
            (Some(filter), _) if filter != "lfs" => format!("the git filter `{}`", shown(filter.as_bytes())),
            (_, Some(encoding)) => format!("the encoding `{}`", shown(encoding.as_bytes())),
            _ => return None,
        };
        Some(external_filter(name, &what))
    }

    /// Whether git's own line-end and `$Id$` conversions may apply.
    fn is_converted(&self, name: &str) -> bool {
        let automatic = self.repository.config().and_then(|config| config.get_string("core.autocrlf"));
        let automatic = automatic.is_ok_and(|value| !matches!(value.as_str(), "false" | "no" | "off" | "0"));
        let set = |attribute| self.raw_attribute(name, attribute).is_some();
        set("ident") || set("eol") || set("crlf") || set("text") || automatic
    }

    fn attribute(&self, name: &str, attribute: &str) -> Option<String> {
        let value = self.raw_attribute(name, attribute)?;
        match AttrValue::from_bytes(Some(&value)) {
            AttrValue::String(text) => Some(text.to_owned()),
            _ => None,
        }
    }

    /// A value that is set and not false.
    fn raw_attribute(&self, name: &str, attribute: &str) -> Option<Vec<u8>> {
        let flags = AttrCheckFlags::FILE_THEN_INDEX;
        let value = self.repository.get_attr_bytes(Path::new(name), attribute, flags).ok()??;
        (!matches!(AttrValue::from_bytes(Some(value)), AttrValue::False | AttrValue::Unspecified))
            .then(|| value.to_vec())
    }

    /// Puts a blob into memory.
    pub(super) fn store(&self, content: &[u8]) -> Result<Oid, GitError> {
        self.repository.blob(content).map_err(|error| self.failed("keep a file in memory", &error))
    }
}
