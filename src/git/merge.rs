//! The three trees of a plan: base, head, and what the base branch will be after the merge.
//!
//! This module merges in memory and never guesses: conflicts, a missing ancestor and a clone that is too shallow are errors.

use std::collections::BTreeSet;

use git2::{Index, Oid, Signature, Time};

use super::base::commit_id;
use super::error::shown;
use super::history::short;
use super::worktree::index_entry;
use super::{Depth, Git, GitError, Head, Revision, TreeSource};
use crate::ids::{CommitId, RefName, TreeId};
use crate::problem::Problem;

/// What the head side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The commit that is checked out or named, merged into the base in memory.
    Commit,
    /// In CI on a pull request: where `HEAD` is the merge commit that the forge made, that commit is the result; elsewhere
    /// as [`Mode::Commit`]. A `base` or `head` in the request also makes it [`Mode::Commit`].
    PullRequest,
    /// The project's files as they are on disk: uncommitted and untracked ones too, ignored ones not.
    Worktree,
}

/// Which trees are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `--base`: a revision.
    pub base: Option<&'a str>,
    /// `base_branch` of the configuration, where no `--base` was given.
    pub base_branch: Option<&'a str>,
    /// `--head`: a revision; `None` is what is checked out.
    pub head: Option<&'a str>,
    /// What the head side is.
    pub mode: Mode,
    /// The project's folder relative to the repository's root.
    pub project_folder: &'a str,
}

/// Base, head and result.
#[derive(Clone, Debug)]
pub struct ThreeTrees {
    /// The base's name as people know it; a short id on a pull-request checkout.
    pub base_name: String,
    /// The base branch's tip as known here.
    pub base: CommitId,
    /// The head's branch as `refs/heads/…`; `None` where no branch is checked out or named.
    pub head_branch: Option<RefName>,
    /// The head commit; under the uncommitted files in [`Mode::Worktree`].
    pub head: CommitId,
    /// The best common ancestor; `None` where a shallow pull-request checkout does not have it, and does not need it.
    pub merge_base: Option<CommitId>,
    /// The base's tree.
    pub base_tree: TreeSource,
    /// What the base branch will be after the merge.
    pub result: TreeSource,
    /// What the reader should know.
    pub problems: Vec<Problem>,
}

/// A head with what is to be merged: a tree that stands on a commit.
struct Side {
    name: String,
    branch: Option<RefName>,
    commit: Oid,
}

impl Git {
    /// The trees that a plan compares.
    ///
    /// # Errors
    /// A name is unknown, the sides conflict or share no history, or the clone lacks what is needed.
    pub fn three_trees(&self, request: &Request<'_>) -> Result<ThreeTrees, GitError> {
        if request.mode == Mode::PullRequest
            && request.base.is_none()
            && request.head.is_none()
            && let Some(trees) = self.pull_request(request)?
        {
            return Ok(trees);
        }
        let (base_name, base, problems) = self.base_side(request)?;
        let head = self.head_side(request.head)?;
        let base_tree = self.commit(base)?.tree_id();
        let (result, merge_base) = if request.mode == Mode::Worktree {
            self.merged_worktree(&base_name, base, &head, request.project_folder.trim_matches('/'))?
        } else {
            let (tree, merge_base) = self.merged(&base_name, base, &head)?;
            (TreeSource::stored(tree_id(tree)), merge_base)
        };
        Ok(ThreeTrees {
            base_name,
            base: commit_id(base),
            head_branch: head.branch,
            head: commit_id(head.commit),
            merge_base: Some(commit_id(merge_base)),
            base_tree: TreeSource::stored(tree_id(base_tree)),
            result,
            problems,
        })
    }

    /// The forge's merge commit and its parents; `None` where `HEAD` is no such commit.
    fn pull_request(&self, request: &Request<'_>) -> Result<Option<ThreeTrees>, GitError> {
        let side = self.head_side(None)?;
        let parents = self.written_parents(side.commit)?;
        let [base, head] = parents.as_slice() else { return Ok(None) };
        let (base, head) = (*base, *head);
        if !self.is_commit_here(base) || !self.is_commit_here(head) {
            let what = format!("the parents of the merge commit {}", short(side.commit));
            return Err(GitError::Shallow { what, depth: Depth::Two });
        }
        let known = self.base_branch(request.base_branch).ok();
        if let Some(known) = &known
            && let Ok(false) = self.reaches(self.oid(known.commit.as_str())?, base)
        {
            // The branch merged something into itself: its first parent is its own past, not the base.
            return Ok(None);
        }
        let merge_base = match self.merge_bases(base, head) {
            Ok(bases) => bases.first().copied(),
            Err(GitError::Shallow { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(ThreeTrees {
            base_name: known.map_or_else(|| short(base), |known| known.name),
            base: commit_id(base),
            head_branch: side.branch,
            head: commit_id(head),
            merge_base: merge_base.map(commit_id),
            base_tree: TreeSource::stored(tree_id(self.commit(base)?.tree_id())),
            result: TreeSource::stored(tree_id(self.commit(side.commit)?.tree_id())),
            problems: Vec::new(),
        }))
    }

    fn base_side(&self, request: &Request<'_>) -> Result<(String, Oid, Vec<Problem>), GitError> {
        if let Some(asked) = request.base {
            let revision = self.resolve(asked)?;
            return Ok((asked.to_owned(), self.oid(revision.commit.as_str())?, Vec::new()));
        }
        let base = self.base_branch(request.base_branch)?;
        Ok((base.name, self.oid(base.commit.as_str())?, base.problems))
    }

    fn head_side(&self, asked: Option<&str>) -> Result<Side, GitError> {
        if let Some(asked) = asked {
            let Revision { commit, branch, .. } = self.resolve(asked)?;
            return Ok(Side { name: asked.to_owned(), branch, commit: self.oid(commit.as_str())? });
        }
        match self.head()? {
            Head::Branch { name, commit } => {
                let short_name = name.as_str().strip_prefix("refs/heads/").unwrap_or(name.as_str()).to_owned();
                Ok(Side { name: short_name, branch: Some(name), commit: self.oid(commit.as_str())? })
            }
            Head::Detached { commit } => {
                Ok(Side { name: "HEAD".to_owned(), branch: None, commit: self.oid(commit.as_str())? })
            }
            Head::Unborn { name } => {
                let branch = name.as_str().strip_prefix("refs/heads/").unwrap_or(name.as_str()).to_owned();
                Err(GitError::Unborn { branch })
            }
        }
    }

    fn merged(&self, base_name: &str, base: Oid, head: &Side) -> Result<(Oid, Oid), GitError> {
        let bases = self.common(base_name, base, head)?;
        if let Some(tree) = self.fast_forward(&bases, base, head.commit)? {
            return Ok((tree, bases[0]));
        }
        let index = self.merge_index(&bases, base, head.commit)?;
        let tree = self.conclude(index, base_name, &head.name, Vec::new())?;
        Ok((tree, bases[0]))
    }

    fn merged_worktree(
        &self,
        base_name: &str,
        base: Oid,
        head: &Side,
        folder: &str,
    ) -> Result<(TreeSource, Oid), GitError> {
        let bases = self.common(base_name, base, head)?;
        let head_tree = self.commit(head.commit)?.tree_id();
        let worktree = self.worktree(head_tree, folder)?;
        if bases.contains(&base) {
            return Ok((TreeSource::with_local(tree_id(worktree.tree), worktree.local), bases[0]));
        }
        let above = self.commit_in_memory(worktree.light, head.commit)?;
        let mut index = self.merge_index(&bases, base, above)?;
        let mut conflicts = Vec::new();
        for (path, (mode, id)) in worktree.heavy {
            // Both sides as they were before the heavy file came: equal means that the base left this path alone.
            let before = self.entry_at(head_tree, &path)?;
            let now = index.get_path(std::path::Path::new(&path), 0).map(|entry| (entry.mode, entry.id));
            if before == now {
                let entry = index_entry(path.into_bytes(), mode, id);
                index.add(&entry).map_err(|error| self.failed("add a large file to the merge", &error))?;
            } else {
                conflicts.push(shown(path.as_bytes()));
            }
        }
        let name = format!("{} (working tree)", head.name);
        let tree = self.conclude(index, base_name, &name, conflicts)?;
        Ok((TreeSource::with_local(tree_id(tree), worktree.local), bases[0]))
    }

    fn common(&self, base_name: &str, base: Oid, head: &Side) -> Result<Vec<Oid>, GitError> {
        let bases = self.merge_bases(base, head.commit)?;
        if bases.is_empty() {
            return Err(GitError::NoCommonAncestor { base: base_name.to_owned(), head: head.name.clone() });
        }
        Ok(bases)
    }

    fn fast_forward(&self, bases: &[Oid], base: Oid, head: Oid) -> Result<Option<Oid>, GitError> {
        if bases.contains(&head) {
            return Ok(Some(self.commit(base)?.tree_id()));
        }
        if bases.contains(&base) {
            return Ok(Some(self.commit(head)?.tree_id()));
        }
        Ok(None)
    }

    /// One common ancestor is merged from directly, several (a criss-cross) as git's recursive strategy does.
    fn merge_index(&self, bases: &[Oid], base: Oid, head: Oid) -> Result<Index, GitError> {
        let (ours, theirs) = (self.commit(base)?, self.commit(head)?);
        let failed = |error: git2::Error| self.failed(format!("merge {} and {}", short(base), short(head)), &error);
        if let [only] = bases {
            let ancestor = self.tree_object(self.commit(*only)?.tree_id())?;
            let (ours, theirs) = (self.tree_object(ours.tree_id())?, self.tree_object(theirs.tree_id())?);
            return self.repository.merge_trees(&ancestor, &ours, &theirs, None).map_err(failed);
        }
        if self.shallow {
            let what = format!("the common history of {} and {}", short(base), short(head));
            return Err(GitError::Shallow { what, depth: Depth::Full });
        }
        self.repository.merge_commits(&ours, &theirs, None).map_err(failed)
    }

    fn conclude(&self, mut index: Index, base: &str, head: &str, conflicts: Vec<String>) -> Result<Oid, GitError> {
        let mut files: BTreeSet<String> = conflicts.into_iter().collect();
        for conflict in index.conflicts().map_err(|error| self.failed("list the conflicts", &error))?.flatten() {
            let sides = [conflict.our, conflict.their, conflict.ancestor];
            files.extend(sides.iter().flatten().map(|entry| shown(&entry.path)));
        }
        if index.has_conflicts() || !files.is_empty() {
            let files = files.into_iter().collect();
            return Err(GitError::Conflicts { base: base.to_owned(), head: head.to_owned(), files });
        }
        index.write_tree_to(&self.repository).map_err(|error| self.failed("build the merged tree", &error))
    }

    /// A commit of the working tree on top of the head, so that it merges as any other commit does.
    fn commit_in_memory(&self, tree: Oid, parent: Oid) -> Result<Oid, GitError> {
        let failed = |error: git2::Error| self.failed("keep the working tree in memory", &error);
        let parent = self.commit(parent)?;
        let moment = Time::new(parent.time().seconds(), 0);
        let nobody = Signature::new("offshoot", "offshoot@localhost", &moment).map_err(failed)?;
        let tree = self.tree_object(tree)?;
        self.repository.commit(None, &nobody, &nobody, "working tree", &tree, &[&parent]).map_err(failed)
    }
}

fn tree_id(id: Oid) -> TreeId {
    TreeId::new(id.to_string())
}
