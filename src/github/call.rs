//! The calls that there are: where each goes, how it is told, and which permission of the token it needs.

use std::fmt;

use crate::ids::{BlobId, CheckRunId, CommentId, CommitId, Login, PullRequestNumber, RefName, RepositoryName};
use crate::url::percent_encoded;
use crate::visible::quotable;

/// One call of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Whose the token is.
    OwnLogin,
    /// One pull request.
    PullRequest(PullRequestNumber),
    /// All open pull requests.
    OpenPullRequests,
    /// The pull requests that a commit belongs to.
    PullRequestsOf(CommitId),
    /// The commit that a branch is at.
    Branch(RefName),
    /// What lies between two commits.
    Compare {
        /// From which one.
        base: CommitId,
        /// To which one.
        head: CommitId,
    },
    /// A file's content.
    Blob(BlobId),
    /// What somebody may do.
    Permission(Login),
    /// The comments on a pull request.
    Comments(PullRequestNumber),
    /// A new comment.
    CreateComment(PullRequestNumber),
    /// Another text of a comment.
    UpdateComment(CommentId),
    /// A reaction to a comment.
    React(CommentId),
    /// The check runs of one name on a commit.
    CheckRuns {
        /// The commit.
        commit: CommitId,
        /// Their name.
        name: String,
    },
    /// One check run.
    CheckRun(CheckRunId),
    /// A new check run.
    CreateCheck {
        /// On which commit.
        commit: CommitId,
    },
    /// Another state or text of a check run.
    UpdateCheck(CheckRunId),
}

/// How a call is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Patch,
}

/// A line of a workflow's `permissions:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// `contents: read`.
    ReadContents,
    /// `pull-requests: read`.
    ReadPullRequests,
    /// `pull-requests: write`.
    WritePullRequests,
    /// `checks: read`.
    ReadChecks,
    /// `checks: write`.
    WriteChecks,
}

impl Call {
    /// The path below the API's root.
    pub(super) fn path(&self, repository: &RepositoryName) -> String {
        let repos = format!("/repos/{repository}");
        match self {
            Self::OwnLogin => "/user".to_owned(),
            Self::PullRequest(number) => format!("{repos}/pulls/{number}"),
            Self::OpenPullRequests => format!("{repos}/pulls?state=open&per_page=100"),
            Self::PullRequestsOf(commit) => format!("{repos}/commits/{}/pulls?per_page=100", part(commit.as_str())),
            Self::Branch(branch) => format!("{repos}/branches/{}", part(branch.branch().unwrap_or(branch.as_str()))),
            // Of one commit only: the first page has all the files that there are to be told, and the counts.
            Self::Compare { base, head } => {
                format!("{repos}/compare/{}...{}?per_page=1", part(base.as_str()), part(head.as_str()))
            }
            Self::Blob(blob) => format!("{repos}/git/blobs/{}", part(blob.as_str())),
            Self::Permission(login) => format!("{repos}/collaborators/{}/permission", part(login.as_str())),
            Self::Comments(number) => format!("{repos}/issues/{number}/comments?per_page=100"),
            Self::CreateComment(number) => format!("{repos}/issues/{number}/comments"),
            Self::UpdateComment(id) => format!("{repos}/issues/comments/{id}"),
            Self::React(id) => format!("{repos}/issues/comments/{id}/reactions"),
            Self::CheckRuns { commit, name } => {
                format!(
                    "{repos}/commits/{}/check-runs?check_name={}&filter=all&per_page=100",
                    part(commit.as_str()),
                    part(name)
                )
            }
            Self::CheckRun(id) | Self::UpdateCheck(id) => format!("{repos}/check-runs/{id}"),
            Self::CreateCheck { .. } => format!("{repos}/check-runs"),
        }
    }

    /// How it is sent. Comments are changed by `PATCH`: octocrab's own function sends `POST`, which GitHub does not describe.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::CreateComment(_) | Self::React(_) | Self::CreateCheck { .. } => Method::Post,
            Self::UpdateComment(_) | Self::UpdateCheck(_) => Method::Patch,
            _ => Method::Get,
        }
    }

    /// The permission that the token needs for it (GitHub's documentation, "Permissions required for fine-grained personal
    /// access tokens", which names those of the runner's token too); `None` where every token has it.
    pub fn needs(&self) -> Option<Needs> {
        match self {
            Self::OwnLogin | Self::Permission(_) => None,
            Self::PullRequest(_) | Self::OpenPullRequests | Self::PullRequestsOf(_) | Self::Comments(_) => {
                Some(Needs::ReadPullRequests)
            }
            Self::Branch(_) | Self::Compare { .. } | Self::Blob(_) => Some(Needs::ReadContents),
            Self::CreateComment(_) | Self::UpdateComment(_) | Self::React(_) => Some(Needs::WritePullRequests),
            Self::CheckRuns { .. } | Self::CheckRun(_) => Some(Needs::ReadChecks),
            Self::CreateCheck { .. } | Self::UpdateCheck(_) => Some(Needs::WriteChecks),
        }
    }
}

/// A part of a path or a value of a query. A lone dot would climb in the path, however it is encoded.
fn part(text: &str) -> String {
    if matches!(text, "." | "..") { "_".to_owned() } else { percent_encoded(text) }
}

/// Names of branches, checks and accounts are somebody else's text.
impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |text: &str| quotable(text, 200);
        match self {
            Self::OwnLogin => formatter.write_str("ask whose the token is"),
            Self::PullRequest(number) => write!(formatter, "read pull request #{number}"),
            Self::OpenPullRequests => formatter.write_str("list the open pull requests"),
            Self::PullRequestsOf(commit) => write!(formatter, "list the pull requests of commit `{commit}`"),
            Self::Branch(branch) => write!(formatter, "read the branch `{}`", name(branch.as_str())),
            Self::Compare { base, head } => write!(formatter, "compare the commits `{base}` and `{head}`"),
            Self::Blob(blob) => write!(formatter, "read the file content `{blob}`"),
            Self::Permission(login) => write!(formatter, "ask for the permission of `{}`", name(login.as_str())),
            Self::Comments(number) => write!(formatter, "list the comments on pull request #{number}"),
            Self::CreateComment(number) => write!(formatter, "comment on pull request #{number}"),
            Self::UpdateComment(id) => write!(formatter, "update comment {id}"),
            Self::React(id) => write!(formatter, "react to comment {id}"),
            Self::CheckRuns { commit, name: check } => {
                write!(formatter, "list the checks `{}` of commit `{commit}`", name(check))
            }
            Self::CheckRun(id) => write!(formatter, "read check {id}"),
            Self::CreateCheck { commit } => write!(formatter, "create a check on commit `{commit}`"),
            Self::UpdateCheck(id) => write!(formatter, "update check {id}"),
        }
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ReadContents => "contents: read",
            Self::ReadPullRequests => "pull-requests: read",
            Self::WritePullRequests => "pull-requests: write",
            Self::ReadChecks => "checks: read",
            Self::WriteChecks => "checks: write",
        })
    }
}
