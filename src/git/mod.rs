//! The git edge: the only module that knows git2. It answers which commits and trees a plan compares and reads their files.
//!
//! It never runs a git process or an external filter, never touches the network, never checks anything out and never
//! writes into the repository: objects that a merge or a working tree needs live in memory, in front of git's own store.
//! Only `write`, which makes the repository of `bot demo`, and `hooks`, which installs the pre-push hook, do otherwise.
//! A shallow or partial clone yields an error that says what to fetch, never an answer that lacks a part.

mod base;
mod clean;
mod error;
mod history;
mod hooks;
mod lfs;
mod links;
mod merge;
mod patch;
mod problems;
mod read;
mod tree;
mod worktree;
mod write;

use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository};

pub use base::{Base, Revision};
pub use error::{Depth, GitError};
pub use hooks::{EARLIER, Hooks, HooksFrom, Standing};
pub use merge::{Mode, Request, ThreeTrees};
use tree::{Folders, Listings};
pub use tree::{GitTree, TreeSource};
pub use write::NewRepository;

use crate::ids::{CommitId, RefName, TreeId};
use crate::time::Timestamp;

/// Above git's own backends (1 and 2), so that every write of this process stays in memory.
const MEMORY_PRIORITY: i32 = 1000;

/// An open repository.
pub struct Git {
    repository: Repository,
    shallow: bool,
    blobs: Blobs,
    /// What was listed before: commands look at a tree more than once.
    listings: Listings,
    folders: Folders,
}

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A branch.
    Branch {
        /// Its full name, such as `refs/heads/main`.
        name: RefName,
        /// Its tip.
        commit: CommitId,
    },
    /// A commit without a branch.
    Detached {
        /// The commit.
        commit: CommitId,
    },
    /// A branch without a commit.
    Unborn {
        /// Its full name.
        name: RefName,
    },
}

/// Whether a clone has the content of every file in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blobs {
    /// As git makes it.
    All,
    /// A partial clone: some are fetched when they are needed, which we never do.
    Some,
}

/// Whether the clone has all of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Nothing is cut off.
    Complete,
    /// Commits beyond some depth are missing.
    Shallow,
}

/// What people read about a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// The commit.
    pub id: CommitId,
    /// The first line of its message; text from anybody.
    pub subject: String,
    /// The author's name; text from anybody.
    pub author: String,
    /// When it was written.
    pub authored: Timestamp,
}

impl Git {
    /// Opens the repository at or above a folder.
    ///
    /// # Errors
    /// There is none, it belongs to another user, or its format is unknown.
    pub fn discover(start: &Path) -> Result<Self, GitError> {
        // A tree in memory may name a large file of the working tree that we hash but never copy into an object store.
        git2::opts::strict_object_creation(false);
        // As git itself does it: a stored object is held against the checksum of its own compressed bytes, not hashed anew
        // each time that it is read.
        git2::opts::strict_hash_verification(false);
        let repository = Repository::discover(start).map_err(|error| {
            let none: [&Path; 0] = [];
            let found = Repository::discover_path(start, none).ok();
            GitError::opening(start, found.map(without_git_folder), &error)
        })?;
        let odb = repository.odb().map_err(|error| GitError::library("open the object database", &error))?;
        odb.add_new_mempack_backend(MEMORY_PRIORITY)
            .map_err(|error| GitError::library("prepare an in-memory object store", &error))?;
        drop(odb);
        let shallow = is_shallow(&repository);
        let blobs = if is_partial(&repository) { Blobs::Some } else { Blobs::All };
        Ok(Self { repository, shallow, blobs, listings: Listings::default(), folders: Folders::default() })
    }

    /// Takes out what is remembered of trees, for a caller that is done with them.
    pub fn forget(&mut self) -> impl Send + 'static {
        (std::mem::take(&mut self.listings), std::mem::take(&mut self.folders))
    }

    /// The root of the checked-out files; `None` in a bare repository.
    pub fn root(&self) -> Option<&Path> {
        self.repository.workdir()
    }

    /// Whether history is cut off.
    pub fn history(&self) -> History {
        if self.shallow { History::Shallow } else { History::Complete }
    }

    /// The features that the repository's format is extended by, such as `partialclone`, as its configuration names them.
    pub fn extensions(&self) -> Vec<String> {
        let Ok(config) = self.repository.config() else { return Vec::new() };
        let Ok(mut entries) = config.entries(Some("extensions\\..*")) else { return Vec::new() };
        let mut names = Vec::new();
        while let Some(Ok(entry)) = entries.next() {
            names.extend(entry.name().ok().map(|name| name.trim_start_matches("extensions.").to_owned()));
        }
        names
    }

    /// Whether a file that lies in the working tree would be ignored; `None` where it lies elsewhere.
    pub fn is_ignored(&self, file: &Path) -> Option<bool> {
        let root = self.root()?;
        let inside = match file.strip_prefix(root) {
            Ok(inside) => inside.to_owned(),
            Err(_) => file.strip_prefix(root.canonicalize().ok()?).ok()?.to_owned(),
        };
        self.repository.is_path_ignored(inside).ok()
    }

    /// The name that git would sign with, if it was told one; text from anybody. Never the address, which may name a machine.
    pub fn user_name(&self) -> Option<String> {
        let name = self.repository.config().ok()?.get_string("user.name").ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// What is checked out.
    ///
    /// # Errors
    /// `HEAD` cannot be read.
    pub fn head(&self) -> Result<Head, GitError> {
        match self.repository.head() {
            Ok(head) => {
                let commit = head.peel_to_commit().map_err(|error| self.failed("read `HEAD`", &error))?;
                let commit = CommitId::new(commit.id().to_string());
                match head.name() {
                    Ok(name) if head.is_branch() => Ok(Head::Branch { name: RefName::new(name), commit }),
                    _ => Ok(Head::Detached { commit }),
                }
            }
            Err(error) if error.code() == ErrorCode::UnbornBranch => {
                let head = self.repository.find_reference("HEAD").map_err(|e| self.failed("read `HEAD`", &e))?;
                let name = String::from_utf8_lossy(head.symbolic_target_bytes().unwrap_or(b"HEAD")).into_owned();
                Ok(Head::Unborn { name: RefName::new(name) })
            }
            Err(error) => Err(self.failed("read `HEAD`", &error)),
        }
    }

    /// The folder of a project relative to the repository's root, with `/` between its parts; empty for the root itself.
    ///
    /// # Errors
    /// The repository is bare, or the folder lies elsewhere.
    pub fn project_folder(&self, folder: &Path) -> Result<String, GitError> {
        let root = self.work_tree()?;
        let outside = || GitError::FolderOutside { folder: folder.to_owned(), root: root.to_owned() };
        let (real, real_root) =
            (folder.canonicalize().map_err(|_| outside())?, root.canonicalize().map_err(|_| outside())?);
        let relative = real.strip_prefix(real_root).map_err(|_| outside())?;
        let parts: Option<Vec<&str>> = relative.components().map(|part| part.as_os_str().to_str()).collect();
        Ok(parts.ok_or_else(outside)?.join("/"))
    }

    /// What people read about a commit.
    ///
    /// # Errors
    /// The commit is not there.
    pub fn commit_info(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        let commit = self.commit(self.oid(id.as_str())?)?;
        let author = commit.author();
        Ok(CommitInfo {
            id: id.clone(),
            subject: String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned(),
            author: String::from_utf8_lossy(author.name_bytes()).into_owned(),
            authored: Timestamp(author.when().seconds().saturating_mul(1000)),
        })
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// The commit is not there.
    pub fn tree_of(&self, id: &CommitId) -> Result<TreeSource, GitError> {
        let commit = self.commit(self.oid(id.as_str())?)?;
        Ok(TreeSource::stored(TreeId::new(commit.tree_id().to_string())))
    }

    fn work_tree(&self) -> Result<&Path, GitError> {
        self.root().ok_or_else(|| GitError::NoWorkTree { path: self.repository.path().to_owned() })
    }

    fn oid(&self, hexadecimal: &str) -> Result<Oid, GitError> {
        Oid::from_str(hexadecimal)
            .map_err(|_| GitError::UnknownRevision { asked: hexadecimal.to_owned(), nearest: None })
    }

    fn commit(&self, id: Oid) -> Result<git2::Commit<'_>, GitError> {
        self.repository.find_commit(id).map_err(|error| self.failed(format!("read the commit {id}"), &error))
    }

    fn tree_object(&self, id: Oid) -> Result<git2::Tree<'_>, GitError> {
        self.repository.find_tree(id).map_err(|error| self.failed(format!("read the tree {id}"), &error))
    }

    /// Words a failure; in a shallow clone a missing object is a matter of depth.
    fn failed(&self, doing: impl Into<String>, error: &git2::Error) -> GitError {
        let doing = doing.into();
        match GitError::library(doing.clone(), error) {
            GitError::MissingObject { .. } if self.shallow => {
                GitError::Shallow { what: format!("what is needed to {doing}"), depth: Depth::Full }
            }
            other => other,
        }
    }

    fn is_commit_here(&self, id: Oid) -> bool {
        matches!(self.repository.odb().and_then(|odb| odb.read_header(id)), Ok((_, ObjectType::Commit)))
    }
}

/// Linked work trees share the main repository's `shallow` file, which `git_repository_is_shallow` does not look at.
fn is_shallow(repository: &Repository) -> bool {
    let marked = repository.commondir().join("shallow").metadata().is_ok_and(|file| file.len() > 0);
    marked || repository.is_shallow()
}

/// A clone that was made or fetched into with a filter names a promisor (git: `partial-clone`, "promisor remote").
fn is_partial(repository: &Repository) -> bool {
    let Ok(config) = repository.config() else { return true };
    let names = |pattern: &str| {
        let Ok(mut entries) = config.entries(Some(pattern)) else { return true };
        entries.next().is_some()
    };
    names("extensions\\.partialclone") || names("remote\\..*\\.promisor")
}

fn without_git_folder(path: PathBuf) -> PathBuf {
    match path.file_name() {
        Some(name) if name == ".git" => path.parent().map(Path::to_owned).unwrap_or(path),
        _ => path,
    }
}
