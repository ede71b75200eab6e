//! Payloads of events that tell of the fake's own state, as the runner would write them.

use serde_json::{Value, json};

use super::answers::account;
use super::state::{NOW, REPOSITORY_ID, State};

/// An event.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// `pull_request` with this action.
    PullRequest { action: &'static str, number: u64 },
    /// `pull_request` with `labeled` or `unlabeled`; what the pull request has now is the fake's state.
    Label { action: &'static str, number: u64, label: &'static str },
    /// `pull_request` with `edited` and the base before.
    NewBase { number: u64, before: &'static str },
    /// `push` to a branch; `before` is what it was at.
    Push { branch: String, before: Option<String> },
    /// `merge_group` with `checks_requested`.
    MergeGroup { head: String, base: String },
    /// `issue_comment` with this action.
    Comment { action: &'static str, id: u64 },
    /// `delete` of a branch.
    Delete { branch: String },
    /// `schedule`.
    Schedule,
    /// `workflow_dispatch` on `main`.
    Dispatch { actor: String },
}

impl Payload {
    /// `GITHUB_EVENT_NAME`.
    pub(crate) fn event(&self) -> &'static str {
        match self {
            Self::PullRequest { .. } | Self::Label { .. } | Self::NewBase { .. } => "pull_request",
            Self::Push { .. } => "push",
            Self::MergeGroup { .. } => "merge_group",
            Self::Comment { .. } => "issue_comment",
            Self::Delete { .. } => "delete",
            Self::Schedule => "schedule",
            Self::Dispatch { .. } => "workflow_dispatch",
        }
    }

    pub(super) fn text(&self, state: &State) -> String {
        let mut payload = self.fields(state);
        if !matches!(self, Self::Schedule) {
            payload["repository"] = json!({ "id": REPOSITORY_ID, "full_name": state.name, "default_branch": "main" });
        }
        payload.to_string()
    }

    fn fields(&self, state: &State) -> Value {
        match self {
            Self::PullRequest { action, number } => {
                json!({ "action": action, "number": number, "pull_request": pull(state, *number) })
            }
            Self::Label { action, number, label } => {
                let label = json!({ "name": label });
                json!({ "action": action, "number": number, "pull_request": pull(state, *number), "label": label })
            }
            Self::NewBase { number, before } => {
                let changes = json!({ "base": { "ref": { "from": before } } });
                json!({ "action": "edited", "number": number, "pull_request": pull(state, *number), "changes": changes })
            }
            Self::Push { branch, before } => json!({
                "ref": format!("refs/heads/{branch}"),
                "before": before.clone().unwrap_or_else(|| "0".repeat(40)),
                "after": state.branches.get(branch).cloned().unwrap_or_else(|| "0".repeat(40)),
            }),
            Self::MergeGroup { head, base } => json!({ "action": "checks_requested", "merge_group": {
                "head_sha": head,
                "head_ref": format!("refs/heads/gh-readonly-queue/main/pr-142-{base}"),
                "base_sha": base,
                "base_ref": "refs/heads/main",
            } }),
            Self::Comment { action, id } => {
                let comment = state.comments.iter().find(|comment| comment.id == *id).expect("a comment");
                let issue = match state.pulls.get(&comment.number) {
                    Some(_) => json!({ "number": comment.number, "pull_request": { "url": "https://api.github.com" } }),
                    None => json!({ "number": comment.number }),
                };
                json!({ "action": action, "issue": issue, "comment": state.shown_comment(comment) })
            }
            Self::Delete { branch } => json!({ "ref": branch, "ref_type": "branch" }),
            Self::Schedule => json!({ "schedule": "17 4 * * *" }),
            Self::Dispatch { actor } => json!({ "ref": "refs/heads/main", "sender": account(actor), "at": NOW }),
        }
    }
}

fn pull(state: &State, number: u64) -> Value {
    let pull = state.pulls.get(&number).expect("a pull request");
    let mut shown = state.pull(number, pull);
    shown["merged"] = json!(pull.merged);
    shown["mergeable"] = Value::Null;
    shown
}
