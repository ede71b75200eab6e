//! The payloads as GitHub sends them, cut down to the fields that are used, and the checked texts that they hold.
//!
//! An answer with a field too few or of another kind is refused, never guessed at.

use serde::Deserialize;

use crate::ids::{CommitId, Login, PullRequestNumber, RefName, RepositoryName};
use crate::time::Timestamp;

use super::ignored::shown;
use super::label::RawLabel;
use super::pull_request::{Comment, PullRequest};

/// `pull_request`.
#[derive(Deserialize)]
pub(super) struct PullRequestPayload {
    pub(super) action: String,
    pub(super) pull_request: PullRequest,
    pub(super) repository: RawRepository,
    pub(super) changes: Option<Changes>,
    pub(super) label: Option<RawLabel>,
    pub(super) before: Option<ObjectId>,
}

/// What was edited.
#[derive(Deserialize)]
pub(super) struct Changes {
    pub(super) base: Option<BaseChange>,
}

/// The base before.
#[derive(Deserialize)]
pub(super) struct BaseChange {
    pub(super) r#ref: From,
}

/// `{"from": "main"}`.
#[derive(Deserialize)]
pub(super) struct From {
    pub(super) from: BranchName,
}

/// `push`.
#[derive(Deserialize)]
pub(super) struct PushPayload {
    pub(super) r#ref: String,
    pub(super) before: ObjectId,
    pub(super) after: ObjectId,
    pub(super) repository: RawRepository,
}

/// `merge_group`.
#[derive(Deserialize)]
pub(super) struct MergeGroupPayload {
    pub(super) action: String,
    pub(super) merge_group: MergeGroup,
    pub(super) repository: RawRepository,
}

/// The group of a `merge_group`.
#[derive(Deserialize)]
pub(super) struct MergeGroup {
    pub(super) head_sha: ObjectId,
    pub(super) head_ref: FullBranchName,
    pub(super) base_sha: ObjectId,
    pub(super) base_ref: FullBranchName,
}

/// `issue_comment`.
#[derive(Deserialize)]
pub(super) struct CommentPayload {
    pub(super) action: String,
    pub(super) issue: Issue,
    pub(super) comment: Comment,
    pub(super) repository: RawRepository,
}

/// The issue of an `issue_comment`; a pull request is an issue with a `pull_request`.
#[derive(Deserialize)]
pub(super) struct Issue {
    pub(super) number: PullRequestNumber,
    pub(super) pull_request: Option<serde::de::IgnoredAny>,
}

/// `delete`.
#[derive(Deserialize)]
pub(super) struct DeletePayload {
    pub(super) r#ref: String,
    pub(super) ref_type: String,
    pub(super) repository: RawRepository,
}

/// `schedule`; the runner's payload has little in it.
#[derive(Deserialize)]
pub(super) struct SchedulePayload {
    pub(super) schedule: Option<String>,
}

/// `workflow_dispatch`.
#[derive(Deserialize)]
pub(super) struct DispatchPayload {
    pub(super) r#ref: Option<String>,
    pub(super) sender: Option<Sender>,
}

/// Who did it.
#[derive(Deserialize)]
pub(super) struct Sender {
    pub(super) login: Login,
}

/// The repository of any event.
#[derive(Deserialize)]
pub(super) struct RawRepository {
    full_name: FullName,
    default_branch: BranchName,
}

impl std::convert::From<RawRepository> for super::Repository {
    fn from(raw: RawRepository) -> Self {
        Self { name: raw.full_name.0, default_branch: raw.default_branch.0 }
    }
}

/// An object id; `None` for all zeroes, which stand for no object.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ObjectId(pub(super) Option<CommitId>);

/// A branch without `refs/heads/`. One that is called `refs/heads/main` is not `main`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct BranchName(pub(super) RefName);

/// A branch with `refs/heads/`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct FullBranchName(pub(super) RefName);

/// `owner/name`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct FullName(pub(super) RepositoryName);

/// A moment in RFC 3339.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Moment(pub(super) Timestamp);

impl TryFrom<String> for ObjectId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_none = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte == b'0');
        match CommitId::parse(&text) {
            None if !is_none => {
                Err(format!("expected a commit id of 40 or 64 hexadecimal digits, found `{}`", shown(&text)))
            }
            commit => Ok(Self(commit)),
        }
    }
}

impl TryFrom<String> for BranchName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // What git refuses in any name (git-check-ref-format(1)); the rest of its rules nothing here relies on.
        let is_odd = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
        if text.is_empty() || text.contains("..") || text.contains(is_odd) {
            return Err(format!("expected the name of a branch, found `{}`", shown(&text)));
        }
        Ok(Self(RefName::of_branch(&text)))
    }
}

impl TryFrom<String> for FullBranchName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = text.strip_prefix("refs/heads/").unwrap_or_default();
        BranchName::try_from(name.to_owned())
            .map(|branch| Self(branch.0))
            .map_err(|_| format!("expected a branch that begins with `refs/heads/`, found `{}`", shown(&text)))
    }
}

impl TryFrom<String> for FullName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = RepositoryName::parse(&text);
        name.map(Self).ok_or_else(|| format!("expected a repository as `owner/name`, found `{}`", shown(&text)))
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let moment = Timestamp::parse(&text);
        moment
            .map(Self)
            .ok_or_else(|| format!("expected a moment such as `2026-01-31T12:30:00Z`, found `{}`", shown(&text)))
    }
}
