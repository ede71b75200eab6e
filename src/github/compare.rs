//! What lies between two commits of the repository, and what a file holds: for commits that this clone does not have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::ids::{BlobId, CommitId};

use super::{Call, GitHub, GitHubError, Result};

/// The most files that GitHub tells of a comparison ("Compare two commits", working with large comparisons).
pub const MOST_FILES_TOLD: usize = 300;

/// How one commit stands to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It is the same one.
    Same,
    /// It has all of the other's history, and more.
    Ahead {
        /// By how many commits.
        commits: u64,
        /// What they change, by path; `None` where it is more than GitHub tells.
        changed: Option<Vec<Changed>>,
    },
    /// It lacks some of the other's history: the branch was pushed anew.
    Rewritten,
}

/// A path whose content is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// From the repository's root.
    pub path: String,
    /// What it holds now; `None` where it is gone.
    pub blob: Option<BlobId>,
}

#[derive(Deserialize)]
struct RawComparison {
    status: String,
    ahead_by: u64,
    files: Option<Vec<RawFile>>,
}

#[derive(Deserialize)]
struct RawFile {
    filename: String,
    previous_filename: Option<String>,
    status: String,
    sha: Option<String>,
}

#[derive(Deserialize)]
struct RawBlob {
    content: String,
    encoding: String,
}

impl GitHub {
    /// What lies between two commits.
    ///
    /// # Errors
    /// Either is unknown, or GitHub cannot be asked.
    pub fn compare(&self, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        let call = Call::Compare { base: base.clone(), head: head.clone() };
        let raw: RawComparison = self.ask(&call, None)?;
        match raw.status.as_str() {
            "identical" => return Ok(Comparison::Same),
            "ahead" => {}
            "behind" | "diverged" => return Ok(Comparison::Rewritten),
            _ => return Err(GitHubError::answer(&call, "its `status` is none that GitHub describes")),
        }
        let files = raw.files.ok_or_else(|| GitHubError::answer(&call, "it has no `files`"))?;
        // As many as GitHub tells may be all or not.
        let is_whole = files.len() < MOST_FILES_TOLD;
        let changed = files.into_iter().map(|file| changed(&call, file)).collect::<Result<Vec<_>>>()?;
        let changed = is_whole.then(|| by_path(changed.into_iter().flatten().collect()));
        Ok(Comparison::Ahead { commits: raw.ahead_by, changed })
    }

    /// The content of a file.
    ///
    /// # Errors
    /// There is none, or GitHub cannot be asked.
    pub fn content_of(&self, blob: &BlobId) -> Result<Vec<u8>> {
        let call = Call::Blob(blob.clone());
        let raw: RawBlob = self.ask(&call, None)?;
        let text: String = raw.content.split_ascii_whitespace().collect();
        let content = STANDARD.decode(text).ok().filter(|_| raw.encoding == "base64");
        content.ok_or_else(|| GitHubError::answer(&call, "its `content` is not in base64"))
    }
}

/// Each path once: where one file goes away from a path that another one comes to, that one is there.
fn by_path(mut changed: Vec<Changed>) -> Vec<Changed> {
    changed.sort_by(|one, other| one.path.cmp(&other.path).then(other.blob.is_some().cmp(&one.blob.is_some())));
    changed.dedup_by(|next, first| next.path == first.path);
    changed
}

/// One file of a comparison: a renamed one is gone under its old name.
fn changed(call: &Call, file: RawFile) -> Result<Vec<Changed>> {
    let wrong = || GitHubError::answer(call, "a file of it is not as GitHub describes files");
    let gone = |path: String| Changed { path, blob: None };
    let old = match file.status.as_str() {
        "removed" => return Ok(vec![gone(file.filename)]),
        "renamed" => Some(gone(file.previous_filename.ok_or_else(wrong)?)),
        "added" | "modified" | "changed" | "copied" | "unchanged" => None,
        _ => return Err(wrong()),
    };
    let blob = BlobId::new(file.sha.ok_or_else(wrong)?);
    Ok(old.into_iter().chain([Changed { path: file.filename, blob: Some(blob) }]).collect())
}
