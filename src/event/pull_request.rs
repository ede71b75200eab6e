//! A pull request, a comment and their authors, as both the payloads of events and the answers of the API show them.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::ids::{CommentId, CommitId, Login, PullRequestNumber, RefName, RepositoryName};
use crate::time::Timestamp;

use super::label::{Label, RawLabel};
use super::payload::{BranchName, FullName, Moment, ObjectId};

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawPullRequest")]
pub struct PullRequest {
    /// Its number.
    pub number: PullRequestNumber,
    /// Whether it is open, and how it ended.
    pub standing: Standing,
    /// Who opened it; `None` for an account that is gone.
    pub author: Option<Login>,
    /// The branch that goes in. Checks are reported on its commit.
    pub head: Side,
    /// Where the head is.
    pub origin: Origin,
    /// The branch that it goes into. Its commit is frozen when an event is sent.
    pub base: Side,
    /// While it is open, GitHub's test merge, which may be old; once merged, the commit that the base branch got.
    pub merge_commit: Option<CommitId>,
    /// Whether it can be merged; only an answer for one pull request says so.
    pub mergeability: Mergeability,
    /// Those of its labels that the bot knows.
    pub labels: BTreeSet<Label>,
}

/// One end of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The branch.
    pub branch: RefName,
    /// Its commit.
    pub commit: CommitId,
}

/// Whether a pull request is open, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Open and meant to go in.
    Ready,
    /// Open, not meant to go in yet.
    Draft,
    /// It went in.
    Merged,
    /// Closed and not merged.
    Closed,
}

/// Where a pull request's head is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the repository itself.
    Here,
    /// In a fork: its code is a stranger's, and its token can only read.
    Fork(RepositoryName),
    /// In a fork that is gone (`head.repo` is null).
    DeletedFork,
}

/// Whether GitHub can merge a pull request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mergeability {
    /// It can.
    Clean,
    /// It conflicts with its base.
    Conflict,
    /// GitHub has not said: it is still computing (`mergeable: null`), or was not asked.
    #[default]
    Unknown,
}

/// A comment on a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawComment")]
pub struct Comment {
    /// Its id.
    pub id: CommentId,
    /// Its text, as it stands now.
    pub body: String,
    /// Who wrote it; `None` for an account that is gone.
    pub author: Option<Account>,
    /// When it was written.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// An account on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawAccount")]
pub struct Account {
    /// Its number, which a renamed account keeps.
    pub id: u64,
    /// Its name.
    pub login: Login,
    /// What stands behind it.
    pub kind: AccountKind,
}

/// What stands behind an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// A person, or something that counts as one.
    Person,
    /// A GitHub App or the runner's own token.
    Program,
}

impl PullRequest {
    /// Whether it is open, draft or not.
    pub fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Ready | Standing::Draft)
    }
}

#[derive(Deserialize)]
struct RawPullRequest {
    number: PullRequestNumber,
    state: State,
    draft: Option<bool>,
    merged: Option<bool>,
    merged_at: Option<String>,
    user: Option<RawAccount>,
    head: RawSide,
    base: RawSide,
    merge_commit_sha: Option<ObjectId>,
    mergeable: Option<bool>,
    // A wish, without which the pull request is planned all the same.
    #[serde(default)]
    labels: Vec<RawLabel>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Open,
    Closed,
}

#[derive(Deserialize)]
struct RawSide {
    r#ref: BranchName,
    sha: CommitIdOf,
    repo: Option<RawRepository>,
}

#[derive(Deserialize)]
#[serde(try_from = "ObjectId")]
struct CommitIdOf(CommitId);

#[derive(Deserialize)]
struct RawRepository {
    id: u64,
    full_name: FullName,
}

#[derive(Deserialize)]
struct RawAccount {
    id: u64,
    login: String,
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct RawComment {
    id: CommentId,
    body: Option<String>,
    user: Option<Account>,
    created_at: Moment,
    updated_at: Moment,
}

impl TryFrom<ObjectId> for CommitIdOf {
    type Error = &'static str;

    fn try_from(id: ObjectId) -> Result<Self, Self::Error> {
        id.0.map(Self).ok_or("expected a commit id, found only zeroes")
    }
}

impl From<RawPullRequest> for PullRequest {
    fn from(raw: RawPullRequest) -> Self {
        // Lists have `merged_at` alone, payloads have both.
        let standing = match (raw.state, raw.merged == Some(true) || raw.merged_at.is_some()) {
            (_, true) => Standing::Merged,
            (State::Closed, false) => Standing::Closed,
            (State::Open, false) if raw.draft == Some(true) => Standing::Draft,
            (State::Open, false) => Standing::Ready,
        };
        let mergeability = match raw.mergeable {
            Some(true) => Mergeability::Clean,
            Some(false) => Mergeability::Conflict,
            None => Mergeability::Unknown,
        };
        Self {
            number: raw.number,
            standing,
            author: raw.user.map(|account| Login::new(account.login)),
            origin: origin(raw.head.repo.as_ref(), raw.base.repo.as_ref()),
            head: raw.head.into(),
            base: raw.base.into(),
            merge_commit: raw.merge_commit_sha.and_then(|id| id.0),
            mergeability,
            labels: raw.labels.iter().filter_map(|label| Label::parse(&label.name)).collect(),
        }
    }
}

/// Repositories are told apart by number: a name may have been taken over by another one since.
fn origin(head: Option<&RawRepository>, base: Option<&RawRepository>) -> Origin {
    match (head, base) {
        (Some(head), Some(base)) if head.id == base.id => Origin::Here,
        (Some(head), _) => Origin::Fork(head.full_name.0.clone()),
        (None, _) => Origin::DeletedFork,
    }
}

impl From<RawSide> for Side {
    fn from(raw: RawSide) -> Self {
        Self { branch: raw.r#ref.0, commit: raw.sha.0 }
    }
}

impl From<RawComment> for Comment {
    fn from(raw: RawComment) -> Self {
        Self {
            id: raw.id,
            body: raw.body.unwrap_or_default(),
            author: raw.user,
            created: raw.created_at.0,
            updated: raw.updated_at.0,
        }
    }
}

impl From<RawAccount> for Account {
    fn from(raw: RawAccount) -> Self {
        let kind = if raw.r#type.as_deref() == Some("Bot") { AccountKind::Program } else { AccountKind::Person };
        Self { id: raw.id, login: Login::new(raw.login), kind }
    }
}
