//! What can go wrong with git, in words that say what was asked and what to do next.
//!
//! This module never holds one of git2's types in an error: callers match on ours.

use std::path::{Path, PathBuf};

use git2::{ErrorClass, ErrorCode};

/// Why git could not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// No repository at or above the folder.
    #[error("`{}` is not inside a git repository", start.display())]
    NotARepository {
        /// Where the search began.
        start: PathBuf,
    },
    /// The repository belongs to another user.
    #[error("the git repository `{}` belongs to another user, so git does not trust it", path.display())]
    Owner {
        /// The repository's work tree or git folder.
        path: PathBuf,
    },
    /// The repository uses a format that our git library cannot read.
    #[error("the git repository `{}` {what}, which this program cannot read yet", path.display())]
    UnsupportedFormat {
        /// The repository's work tree or git folder.
        path: PathBuf,
        /// The format, as the end of a sentence.
        what: &'static str,
    },
    /// There are no checked-out files (a bare repository).
    #[error("the git repository `{}` is bare: it has no working tree", path.display())]
    NoWorkTree {
        /// The git folder.
        path: PathBuf,
    },
    /// The folder lies outside the repository's work tree.
    #[error("`{}` is not inside the working tree `{}`", folder.display(), root.display())]
    FolderOutside {
        /// The folder asked for.
        folder: PathBuf,
        /// The work tree.
        root: PathBuf,
    },
    /// The project's folder cannot be a folder of a tree.
    #[error("the project folder `{folder}` is a git submodule, whose files are in another repository")]
    FolderIsSubmodule {
        /// The folder asked for.
        folder: String,
    },
    /// The checked-out branch has no commit yet.
    #[error("the branch `{branch}` has no commit yet")]
    Unborn {
        /// The branch, shortened.
        branch: String,
    },
    /// No branch qualifies as the base branch.
    #[error("found no base branch: {asked}")]
    NoBaseBranch {
        /// What was looked for.
        asked: String,
        /// The nearest branch name.
        nearest: Option<String>,
    },
    /// A revision names nothing.
    #[error("`{asked}` is no branch, tag or commit of this repository")]
    UnknownRevision {
        /// What was asked for.
        asked: String,
        /// The nearest branch name.
        nearest: Option<String>,
    },
    /// A revision could be several commits.
    #[error("`{asked}` is ambiguous: {reason}")]
    AmbiguousRevision {
        /// What was asked for.
        asked: String,
        /// What the library says.
        reason: String,
    },
    /// The clone is shallow and lacks what is needed.
    #[error("this is a shallow clone that does not have {what}")]
    Shallow {
        /// What is missing, as the end of a sentence.
        what: String,
        /// How much history the work needs.
        depth: Depth,
    },
    /// An object that the history mentions is not there, though the clone is not shallow.
    #[error("the git object {what} is missing from this clone")]
    MissingObject {
        /// The object, or what the library says about it.
        what: String,
    },
    /// Base and head share no history.
    #[error("`{base}` and `{head}` have no common ancestor")]
    NoCommonAncestor {
        /// The base side.
        base: String,
        /// The head side.
        head: String,
    },
    /// Base and head cannot be merged without a person.
    #[error("`{head}` conflicts with `{base}` in {}", list(files))]
    Conflicts {
        /// The base side.
        base: String,
        /// The head side.
        head: String,
        /// The files, sorted.
        files: Vec<String>,
    },
    /// The index holds the unresolved conflicts of a merge in progress.
    #[error("the working tree is in the middle of a merge: {} still in conflict", list(files))]
    Unmerged {
        /// The files, sorted.
        files: Vec<String>,
    },
    /// A tree holds more files than any project has.
    #[error("the folder `{folder}` of the git tree holds more than {limit} files")]
    TooManyFiles {
        /// The project's folder.
        folder: String,
        /// The limit.
        limit: usize,
    },
    /// Anything else that the library reports.
    #[error("git failed to {doing}: {reason}")]
    Library {
        /// What we were doing.
        doing: String,
        /// What the library says.
        reason: String,
    },
}

/// How much history a checkout needs, in the words of GitHub's checkout action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The merge commit of a pull request and its two parents.
    Two,
    /// Everything.
    Full,
}

impl GitError {
    /// What to do next, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotARepository { .. } => Some("run this inside a clone, or `git init` first".to_owned()),
            Self::Owner { path } => Some(format!(
                "if you trust it: git config --global --add safe.directory {}",
                path.display().to_string().trim_end_matches('/')
            )),
            Self::UnsupportedFormat { .. } => {
                Some("use a clone with SHA-1 object ids and the `files` reference format".to_owned())
            }
            Self::Unborn { .. } => Some("commit something first".to_owned()),
            Self::NoBaseBranch { nearest, .. } => Some(match nearest {
                Some(name) => format!("did you mean `{name}`? `base_branch` in offshoot.yaml names it"),
                None => "name it as `base_branch` in offshoot.yaml; in CI, fetch it (`fetch-depth: 0`)".to_owned(),
            }),
            Self::UnknownRevision { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean `{name}`?")),
            Self::Shallow { depth: Depth::Two, .. } => {
                Some("check out with `fetch-depth: 2` (or `git fetch --deepen=1`)".to_owned())
            }
            Self::Shallow { depth: Depth::Full, .. } => {
                Some("check out with `fetch-depth: 0` (or `git fetch --unshallow`)".to_owned())
            }
            Self::MissingObject { .. } => Some("use a full clone, without `--filter`".to_owned()),
            Self::NoCommonAncestor { .. } => Some("name another base with `--base`".to_owned()),
            Self::Conflicts { base, .. } => {
                Some(format!("merge `{base}` into the branch, or rebase it, and try again"))
            }
            Self::Unmerged { .. } => Some("resolve the conflicts and `git add` the files".to_owned()),
            Self::NoWorkTree { .. } => Some("leave out `--worktree`".to_owned()),
            Self::AmbiguousRevision { .. } => Some("give the full name or the full commit id".to_owned()),
            Self::FolderOutside { .. }
            | Self::FolderIsSubmodule { .. }
            | Self::TooManyFiles { .. }
            | Self::Library { .. } => None,
        }
    }

    /// Words the failure to open a repository.
    pub(super) fn opening(start: &Path, found: Option<PathBuf>, error: &git2::Error) -> Self {
        let path = found.unwrap_or_else(|| start.to_owned());
        let message = error.message().to_ascii_lowercase();
        match error.code() {
            ErrorCode::Owner => Self::Owner { path },
            ErrorCode::NotFound if error.class() == ErrorClass::Repository => {
                Self::NotARepository { start: start.to_owned() }
            }
            _ if message.contains("refstorage") => {
                Self::UnsupportedFormat { path, what: "keeps its references in a reftable" }
            }
            _ if message.contains("object format") || message.contains("objectformat") => {
                Self::UnsupportedFormat { path, what: "uses SHA-256 object ids" }
            }
            _ => Self::library("open the repository", error),
        }
    }

    /// Words any other failure of the library.
    pub(super) fn library(doing: impl Into<String>, error: &git2::Error) -> Self {
        match (error.code(), error.class()) {
            (_, ErrorClass::Odb) if error.message().contains("not found") => {
                Self::MissingObject { what: format!("needed to {} ({})", doing.into(), error.message()) }
            }
            _ => Self::Library { doing: doing.into(), reason: error.message().to_owned() },
        }
    }
}

/// A path as bytes, made safe to print: names from a repository are anybody's text.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

fn list(files: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = files.iter().take(SHOWN).map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ");
    if files.len() > SHOWN {
        text.push_str(&format!(" and {} more", files.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_owner_is_told_about_safe_directory() {
        let error = git2::Error::new(ErrorCode::Owner, ErrorClass::Config, "not owned by current user");
        let error = GitError::opening(Path::new("/r/sub"), Some(PathBuf::from("/r/")), &error);
        assert_eq!(error, GitError::Owner { path: PathBuf::from("/r/") });
        assert_eq!(error.hint().as_deref(), Some("if you trust it: git config --global --add safe.directory /r"));
    }

    #[test]
    fn control_characters_of_a_path_are_not_printed() {
        assert_eq!(shown(b"a\x1b[31m\n\xff"), "a\\u{1b}[31m\\n\u{fffd}");
    }
}
