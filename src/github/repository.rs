//! What is read of the repository: pull requests, branches, who may do what, and who we are.

use std::time::Duration;

use serde::Deserialize;

use crate::event::{Mergeability, Permission, PullRequest};
use crate::ids::{CommitId, Login, PullRequestNumber, RefName};

use super::{Call, GitHub, GitHubError, Result};

/// Who writes with the runner's own token, which may not ask for its account.
const RUNNER: &str = "github-actions[bot]";

#[derive(Deserialize)]
struct RawUser {
    login: Login,
}

#[derive(Deserialize)]
struct RawBranch {
    commit: RawCommit,
}

#[derive(Deserialize)]
struct RawCommit {
    sha: String,
}

#[derive(Deserialize)]
struct RawPermission {
    permission: String,
    role_name: String,
}

impl GitHub {
    /// Who we are: whose comments are ours. Asked once; where GitHub refuses to say it is the runner's own account (but see
    /// [`GitHub::known_as`]).
    ///
    /// # Errors
    /// GitHub cannot be asked, or does not know the token.
    pub fn own_login(&self) -> Result<Login> {
        if let Some(login) = self.own.get() {
            return Ok(login.clone());
        }
        let login = match self.ask::<RawUser>(&Call::OwnLogin, None) {
            Ok(user) => user.login,
            Err(GitHubError::Refused { .. }) => Login::new(RUNNER),
            Err(error) => return Err(error),
        };
        Ok(self.own.get_or_init(|| login).clone())
    }

    /// One pull request as it is now.
    ///
    /// # Errors
    /// There is none, or GitHub cannot be asked.
    pub fn pull_request(&self, number: PullRequestNumber) -> Result<PullRequest> {
        self.ask(&Call::PullRequest(number), None)
    }

    /// As [`GitHub::pull_request`], and waits a while for GitHub to compute whether it can be merged; it may still be
    /// [`Mergeability::Unknown`] then.
    ///
    /// # Errors
    /// As [`GitHub::pull_request`]; also where the run is interrupted.
    pub fn pull_request_with_mergeability(&self, number: PullRequestNumber) -> Result<PullRequest> {
        const PAUSES: [u64; 5] = [1, 2, 4, 8, 8];
        let call = Call::PullRequest(number);
        let mut pull_request = self.pull_request(number)?;
        for pause in PAUSES.map(Duration::from_secs) {
            let is_patient = self.paused.get() + pause <= self.patience.get().pauses;
            if pull_request.mergeability != Mergeability::Unknown || !pull_request.is_open() || !is_patient {
                break;
            }
            self.wait(&call, pause)?;
            pull_request = self.pull_request(number)?;
        }
        Ok(pull_request)
    }

    /// All open pull requests.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub fn open_pull_requests(&self) -> Result<Vec<PullRequest>> {
        let pages: Vec<Vec<PullRequest>> = self.ask_pages(&Call::OpenPullRequests)?;
        Ok(pages.into_iter().flatten().collect())
    }

    /// The pull requests that brought a commit in, or that have it, whatever their standing.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub fn pull_requests_of(&self, commit: &CommitId) -> Result<Vec<PullRequest>> {
        let pages: Vec<Vec<PullRequest>> = self.ask_pages(&Call::PullRequestsOf(commit.clone()))?;
        Ok(pages.into_iter().flatten().collect())
    }

    /// The commit that a branch is at now; `None` where there is no such branch.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub fn tip_of(&self, branch: &RefName) -> Result<Option<CommitId>> {
        let call = Call::Branch(branch.clone());
        let raw: RawBranch = match self.ask(&call, None) {
            Err(GitHubError::NotFound { .. }) => return Ok(None),
            other => other?,
        };
        let id = CommitId::parse(&raw.commit.sha);
        id.map(Some).ok_or_else(|| GitHubError::answer(&call, "`commit.sha` is no commit id"))
    }

    /// What somebody may do with the repository. A role of an organisation's own making counts as the level that it is built
    /// on; who is no collaborator may do nothing.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub fn permission_of(&self, login: &Login) -> Result<Permission> {
        let raw: RawPermission = match self.ask(&Call::Permission(login.clone()), None) {
            Err(GitHubError::NotFound { .. }) => return Ok(Permission::None),
            other => other?,
        };
        // `permission` knows no more than admin, write, read and none; `role_name` tells two levels more, and the names of
        // roles that an organisation made, which say nothing.
        Ok(match (raw.permission.as_str(), raw.role_name.as_str()) {
            ("write", "maintain") => Permission::Maintain,
            ("read", "triage") => Permission::Triage,
            (level, _) => Permission::parse(level).unwrap_or(Permission::None),
        })
    }
}
