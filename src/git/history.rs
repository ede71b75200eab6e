//! Who descends from whom.
//!
//! libgit2 takes the cut of a shallow clone for the beginning of history, so that a missing ancestor reads as "not an
//! ancestor". In shallow clones this module therefore walks by itself over the parents that the commits really name, and
//! answers only what no missing commit could change.

use std::collections::BTreeSet;

use git2::{ErrorClass, ErrorCode, Oid};

use super::{Depth, Git, GitError};
use crate::ids::CommitId;

/// All commits that are here and reachable from one of them.
struct Reach {
    commits: BTreeSet<Oid>,
    /// Those of them of whose parents at least one is missing.
    cut: BTreeSet<Oid>,
}

impl Git {
    /// Whether a commit is the other one or an ancestor of it.
    ///
    /// # Errors
    /// The clone is too shallow to tell, or a commit is missing.
    pub fn is_ancestor(&self, ancestor: &CommitId, descendant: &CommitId) -> Result<bool, GitError> {
        self.reaches(self.oid(descendant.as_str())?, self.oid(ancestor.as_str())?)
    }

    pub(super) fn reaches(&self, descendant: Oid, ancestor: Oid) -> Result<bool, GitError> {
        if descendant == ancestor {
            return self.commit(ancestor).map(|_| true);
        }
        if self.shallow {
            let reach = self.reach(descendant)?;
            return match (reach.commits.contains(&ancestor), reach.cut.is_empty()) {
                (true, _) => Ok(true),
                (false, true) => self.commit(ancestor).map(|_| false),
                (false, false) => Err(too_shallow(format!(
                    "enough history to tell whether {} descends from {}",
                    short(descendant),
                    short(ancestor)
                ))),
            };
        }
        self.commit(ancestor)?;
        self.repository
            .graph_descendant_of(descendant, ancestor)
            .map_err(|error| self.failed(format!("compare the histories of {descendant} and {ancestor}"), &error))
    }

    /// The best common ancestors of two commits; none where they share no history.
    pub(super) fn merge_bases(&self, one: Oid, two: Oid) -> Result<Vec<Oid>, GitError> {
        if one == two {
            return self.commit(one).map(|_| vec![one]);
        }
        if self.shallow {
            return self.shallow_merge_bases(one, two);
        }
        match self.repository.merge_bases(one, two) {
            Ok(bases) => Ok(bases.iter().copied().collect()),
            Err(error) if error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Merge => Ok(Vec::new()),
            Err(error) => Err(self.failed(format!("find the common ancestor of {one} and {two}"), &error)),
        }
    }

    /// A commit that is missing can be a better common ancestor only if a way leads to it from *both* sides that meets no
    /// common commit before the cut. So it is enough that one side has no cut outside the common part.
    fn shallow_merge_bases(&self, one: Oid, two: Oid) -> Result<Vec<Oid>, GitError> {
        let (left, right) = (self.reach(one)?, self.reach(two)?);
        let common: BTreeSet<Oid> = left.commits.intersection(&right.commits).copied().collect();
        let open = |reach: &Reach| reach.cut.iter().any(|id| !common.contains(id));
        let missing = || too_shallow(format!("the common ancestor of {} and {}", short(one), short(two)));
        if open(&left) && open(&right) {
            return Err(missing());
        }
        let mut best = common.clone();
        for id in &common {
            for parent in self.written_parents(*id)? {
                best.remove(&parent);
            }
        }
        // Two candidates could still be related through what is missing.
        let cut = !(left.cut.is_empty() && right.cut.is_empty());
        if best.len() > 1 && cut {
            return Err(missing());
        }
        Ok(best.into_iter().collect())
    }

    fn reach(&self, start: Oid) -> Result<Reach, GitError> {
        let mut reach = Reach { commits: BTreeSet::from([start]), cut: BTreeSet::new() };
        let mut pending = vec![start];
        while let Some(id) = pending.pop() {
            for parent in self.written_parents(id)? {
                if reach.commits.contains(&parent) {
                    continue;
                }
                if self.is_commit_here(parent) {
                    reach.commits.insert(parent);
                    pending.push(parent);
                } else {
                    reach.cut.insert(id);
                }
            }
        }
        Ok(reach)
    }

    /// The parents that a commit's text names, whether or not they are here.
    pub(super) fn written_parents(&self, id: Oid) -> Result<Vec<Oid>, GitError> {
        let commit = self.commit(id)?;
        let header = String::from_utf8_lossy(commit.raw_header_bytes()).into_owned();
        // `tree`, then all `parent` lines: later lines (a signature, a merged tag) are not ours to read.
        let parents = header.lines().skip(1).map_while(|line| line.strip_prefix("parent "));
        Ok(parents.filter_map(|parent| Oid::from_str(parent.trim()).ok()).collect())
    }
}

pub(super) fn short(id: Oid) -> String {
    id.to_string().chars().take(8).collect()
}

fn too_shallow(what: String) -> GitError {
    GitError::Shallow { what, depth: Depth::Full }
}
