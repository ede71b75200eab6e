//! Names into commits: revisions that people type, and which branch is the base.
//!
//! This module never follows a name over the network: a remote's branch is its copy in this clone.

use std::collections::BTreeSet;

use git2::{ErrorCode, ObjectType, Oid, Reference};

use super::{Depth, Git, GitError, Head};
use crate::ids::{CommitId, RefName};
use crate::problem::{Problem, nearest};

/// A commit that somebody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// What was asked for.
    pub asked: String,
    /// The commit.
    pub commit: CommitId,
    /// The branch, as `refs/heads/…` also where only the remote's copy is here; `None` for tags and ids.
    pub branch: Option<RefName>,
}

/// The base branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its name, such as `main`.
    pub name: String,
    /// Its tip as known here.
    pub commit: CommitId,
    /// The reference that was taken: the branch or the remote's copy.
    pub reference: RefName,
    /// What the reader should know about the choice.
    pub problems: Vec<Problem>,
}

impl Base {
    /// The branch's own name, such as `main` for `origin/main`.
    pub fn branch(&self) -> &str {
        let reference = self.reference.as_str();
        let remote = || reference.strip_prefix("refs/remotes/").and_then(|rest| rest.split_once('/'));
        self.reference.branch().or_else(|| remote().map(|(_, name)| name)).unwrap_or(&self.name)
    }
}

impl Git {
    /// The configured branch, else the remote's default, else `main`, else `master`; of it and its remote copy the one
    /// that contains the other, and when they part the remote's.
    ///
    /// # Errors
    /// There is none of them.
    pub fn base_branch(&self, configured: Option<&str>) -> Result<Base, GitError> {
        let remote = self.remote();
        if let Some(asked) = configured {
            let bare = asked.strip_prefix("refs/heads/").unwrap_or(asked);
            let own =
                bare.strip_prefix(&format!("{remote}/")).filter(|_| self.tip(&format!("refs/heads/{bare}")).is_none());
            return self.base_named(&remote, own.unwrap_or(bare))?.ok_or_else(|| GitError::NoBaseBranch {
                asked: format!("`base_branch` is `{asked}`, and there is no such branch here"),
                nearest: self.nearest_branch(bare),
            });
        }
        let default = self.remote_default();
        for name in default.as_deref().into_iter().chain(["main", "master"]) {
            if let Some(base) = self.base_named(&remote, name)? {
                return Ok(base);
            }
        }
        let asked = "the remote has no default branch here, and there is neither `main` nor `master`".to_owned();
        Err(GitError::NoBaseBranch { asked, nearest: None })
    }

    /// The remote's default branch, where the clone knows it.
    pub fn remote_default(&self) -> Option<String> {
        let remote = self.remote();
        let head = self.repository.find_reference(&format!("refs/remotes/{remote}/HEAD")).ok()?;
        let target = head.symbolic_target().ok()??;
        target.strip_prefix(&format!("refs/remotes/{remote}/")).map(str::to_owned)
    }

    /// The commit that a branch, a remote's branch, a tag, an id or an expression such as `HEAD~2` names.
    ///
    /// # Errors
    /// It names nothing (with the nearest branch), several commits, or a commit that a shallow clone lacks.
    pub fn resolve(&self, asked: &str) -> Result<Revision, GitError> {
        if let Ok((object, reference)) = self.repository.revparse_ext(asked)
            && let Ok(commit) = object.peel(ObjectType::Commit)
        {
            let branch = reference.and_then(|reference| self.branch_of(&reference));
            return Ok(Revision { asked: asked.to_owned(), commit: commit_id(commit.id()), branch });
        }
        if let Some(commit) = self.tip(&format!("refs/remotes/{}/{asked}", self.remote())) {
            let branch = Some(RefName::new(format!("refs/heads/{asked}")));
            return Ok(Revision { asked: asked.to_owned(), commit: commit_id(commit), branch });
        }
        Err(self.unresolved(asked))
    }

    fn unresolved(&self, asked: &str) -> GitError {
        if let ("HEAD", Ok(Head::Unborn { name })) = (asked, self.head()) {
            return GitError::Unborn { branch: name.branch().unwrap_or(name.as_str()).to_owned() };
        }
        let error = self.repository.revparse_single(asked).err();
        if let Some(error) = &error
            && error.code() == ErrorCode::Ambiguous
        {
            return GitError::AmbiguousRevision { asked: asked.to_owned(), reason: error.message().to_owned() };
        }
        let id_like = asked.len() >= 7 && asked.chars().all(|c| c.is_ascii_hexdigit());
        if self.shallow && (id_like || asked.contains(['~', '^'])) {
            return GitError::Shallow { what: format!("the commit `{asked}`"), depth: Depth::Full };
        }
        GitError::UnknownRevision { asked: asked.to_owned(), nearest: self.nearest_branch(asked) }
    }

    fn base_named(&self, remote: &str, name: &str) -> Result<Option<Base>, GitError> {
        let (local, copy) = (format!("refs/heads/{name}"), format!("refs/remotes/{remote}/{name}"));
        let base = |reference: &str, commit: Oid, problems: Vec<Problem>| {
            let reference = RefName::new(reference);
            Base { name: name.to_owned(), commit: commit_id(commit), reference, problems }
        };
        let (ours, theirs) = match (self.tip(&local), self.tip(&copy)) {
            (None, None) => return Ok(None),
            (Some(ours), None) => return Ok(Some(base(&local, ours, Vec::new()))),
            (None, Some(theirs)) => return Ok(Some(base(&copy, theirs, Vec::new()))),
            (Some(ours), Some(theirs)) => (ours, theirs),
        };
        // In a shallow clone either question may have no answer; then neither is known to contain the other.
        let ahead = told(self.reaches(ours, theirs))?;
        if ahead == Some(true) {
            return Ok(Some(base(&local, ours, Vec::new())));
        }
        let behind = told(self.reaches(theirs, ours))?;
        let problems = match (ahead, behind) {
            (_, Some(true)) => Vec::new(),
            (Some(false), Some(false)) => vec![
                Problem::warning("base-parted", format!("`{name}` and `{remote}/{name}` have parted; `{remote}/{name}` is taken"))
                    .help(format!("bring `{name}` up to date, or name a base with `--base`")),
            ],
            _ => vec![
                Problem::warning(
                    "base-parted",
                    format!("this shallow clone cannot tell whether `{name}` contains `{remote}/{name}`; `{remote}/{name}` is taken"),
                )
                .help("check out with `fetch-depth: 0`, or name a base with `--base`"),
            ],
        };
        Ok(Some(base(&copy, theirs, problems)))
    }

    /// `origin`, else the only remote there is.
    fn remote(&self) -> String {
        let names = self.repository.remotes().ok();
        let names: Vec<String> =
            names.iter().flat_map(|names| names.iter().flatten().flatten().map(str::to_owned)).collect();
        match names.as_slice() {
            [only] => only.clone(),
            _ => "origin".to_owned(),
        }
    }

    fn branch_of(&self, reference: &Reference<'_>) -> Option<RefName> {
        let reference = reference.resolve().ok()?;
        let name = reference.name().ok()?;
        if reference.is_branch() {
            return Some(RefName::new(name));
        }
        let own = name.strip_prefix(&format!("refs/remotes/{}/", self.remote()))?;
        // `refs/remotes/pull/…/merge` is GitHub's checkout of a pull request, not a branch.
        reference.is_remote().then(|| RefName::new(format!("refs/heads/{own}")))
    }

    fn tip(&self, reference: &str) -> Option<Oid> {
        let commit = self.repository.find_reference(reference).ok()?.peel_to_commit().ok()?;
        Some(commit.id())
    }

    fn nearest_branch(&self, asked: &str) -> Option<String> {
        let mut names = BTreeSet::new();
        for (branch, _) in self.repository.branches(None).ok()?.flatten() {
            names.extend(branch.name().ok().flatten().map(str::to_owned));
        }
        nearest(asked, names.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// A shallow clone's refusal as "unknown".
fn told(answer: Result<bool, GitError>) -> Result<Option<bool>, GitError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(GitError::Shallow { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn commit_id(id: Oid) -> CommitId {
    CommitId::new(id.to_string())
}
