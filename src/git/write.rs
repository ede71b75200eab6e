//! Writing a small repository of our own making, for `bot demo`: fixed author and dates, so that its commits have the same
//! ids on every machine. Never used on a repository of anybody else.

use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{Commit, IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};

use super::GitError;
use crate::ids::CommitId;
use crate::time::Timestamp;

const AUTHOR: (&str, &str) = ("Offshoot Demo", "demo@example.com");

/// A repository that this process made.
pub struct NewRepository {
    repository: Repository,
}

impl NewRepository {
    /// Makes an empty repository whose first branch is `branch`.
    ///
    /// # Errors
    /// The folder cannot be written, or is a repository already.
    pub fn init(folder: &Path, branch: &str) -> Result<Self, GitError> {
        let mut options = RepositoryInitOptions::new();
        options.initial_head(branch).external_template(false).no_reinit(true);
        let repository = Repository::init_opts(folder, &options).map_err(failed("make a repository"))?;
        let mut configuration = repository.config().map_err(failed("read the configuration"))?;
        for (key, value) in [("user.name", AUTHOR.0), ("user.email", AUTHOR.1), ("core.autocrlf", "false")] {
            configuration.set_str(key, value).map_err(failed("write the configuration"))?;
        }
        Ok(Self { repository })
    }

    /// Commits every file that is not ignored.
    ///
    /// # Errors
    /// A file cannot be read, or the repository not be written.
    pub fn commit_all(&self, message: &str, at: Timestamp) -> Result<CommitId, GitError> {
        let mut index = self.repository.index().map_err(failed("open the index"))?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None).map_err(failed("add the files"))?;
        index.update_all(["*"], None).map_err(failed("add the files"))?;
        index.write().map_err(failed("write the index"))?;
        let tree = index.write_tree().map_err(failed("write a tree"))?;
        let parent = self.repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        self.commit(tree, &parent.iter().collect::<Vec<_>>(), message, at)
    }

    /// Makes a branch at the present commit and switches to it.
    ///
    /// # Errors
    /// There is a branch of that name.
    pub fn create_branch(&self, name: &str) -> Result<(), GitError> {
        let head = self.tip("HEAD")?;
        self.repository.branch(name, &head, false).map_err(failed("make a branch"))?;
        self.switch(name)
    }

    /// Checks a branch out. Edits that are not committed are lost.
    ///
    /// # Errors
    /// There is no such branch.
    pub fn switch(&self, name: &str) -> Result<(), GitError> {
        let reference = format!("refs/heads/{name}");
        self.tip(&reference)?;
        self.repository.set_head(&reference).map_err(failed("switch the branch"))?;
        self.repository.checkout_head(Some(CheckoutBuilder::new().force())).map_err(failed("check the branch out"))
    }

    /// Merges a branch into the present one, always with a commit of two parents.
    ///
    /// # Errors
    /// The two do not merge, or the repository cannot be written.
    pub fn merge(&self, name: &str, message: &str, at: Timestamp) -> Result<CommitId, GitError> {
        let (ours, theirs) = (self.tip("HEAD")?, self.tip(&format!("refs/heads/{name}"))?);
        let mut merged = self.repository.merge_commits(&ours, &theirs, None).map_err(failed("merge the branch"))?;
        let tree = merged.write_tree_to(&self.repository).map_err(failed("write the merged tree"))?;
        let commit = self.commit(tree, &[&ours, &theirs], message, at)?;
        self.repository.checkout_head(Some(CheckoutBuilder::new().force())).map_err(failed("check the merge out"))?;
        Ok(commit)
    }

    fn commit(
        &self,
        tree: git2::Oid,
        parents: &[&Commit<'_>],
        message: &str,
        at: Timestamp,
    ) -> Result<CommitId, GitError> {
        let tree = self.repository.find_tree(tree).map_err(failed("read a tree"))?;
        let signature = Signature::new(AUTHOR.0, AUTHOR.1, &Time::new(at.0.div_euclid(1000), 0))
            .map_err(failed("make a signature"))?;
        let id = self
            .repository
            .commit(Some("HEAD"), &signature, &signature, message, &tree, parents)
            .map_err(failed("commit"))?;
        Ok(CommitId::new(id.to_string()))
    }

    fn tip(&self, reference: &str) -> Result<Commit<'_>, GitError> {
        let found = self.repository.find_reference(reference).map_err(failed("find the branch"))?;
        found.peel_to_commit().map_err(failed("find the branch's commit"))
    }
}

fn failed(doing: &'static str) -> impl Fn(git2::Error) -> GitError {
    move |error| GitError::library(doing, &error)
}
