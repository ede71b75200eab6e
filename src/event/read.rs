//! From the event's name and its payload's text to an [`Event`], or to the problem that the payload has.

use serde::Deserialize;

use crate::ids::{CommitId, RefName};
use crate::problem::Problem;

use super::payload::{
    CommentPayload, DeletePayload, DispatchPayload, MergeGroupPayload, ObjectId, PullRequestPayload, PushPayload,
    SchedulePayload,
};
use super::{AccountKind, Event, Ignored, Label, Origin, PullRequest, PullRequestChange, Standing, asked};

/// GitHub sends no larger payload than 25 MB ("Webhook events and payloads", payload cap).
const LARGEST: usize = 25 * 1024 * 1024;

/// Reads an event: `name` is `GITHUB_EVENT_NAME`, `payload` the text of the file that `GITHUB_EVENT_PATH` names.
///
/// # Errors
/// The payload is too large, is no JSON, or lacks a field that the event needs.
pub fn read(name: &str, payload: &str) -> Result<Event, Problem> {
    if payload.len() > LARGEST {
        let message =
            format!("the payload of `{}` has {} bytes, at most {LARGEST} were expected", known(name), payload.len());
        return Err(
            Problem::error("event-payload", message).help("is GITHUB_EVENT_PATH the file that the runner wrote?")
        );
    }
    match name {
        "pull_request" => pull_request(parse("pull_request", payload)?),
        "push" => push(parse("push", payload)?),
        "merge_group" => merge_group(parse("merge_group", payload)?),
        "issue_comment" => comment(payload),
        "delete" => delete(parse("delete", payload)?),
        "schedule" => parse("schedule", payload).map(|read: SchedulePayload| Event::Schedule { cron: read.schedule }),
        "workflow_dispatch" => parse("workflow_dispatch", payload).map(dispatch),
        // Never `pull_request_target` or `workflow_run`: they carry a token that can write beside a stranger's code.
        other => Ok(Event::Nothing { why: Ignored::Event { name: other.to_owned() } }),
    }
}

fn pull_request(read: PullRequestPayload) -> Result<Event, Problem> {
    let change = match (read.action.as_str(), read.changes.and_then(|changes| changes.base)) {
        ("opened", _) => PullRequestChange::Opened,
        ("synchronize", _) => PullRequestChange::Pushed { before: read.before.and_then(|before| before.0) },
        ("reopened", _) => PullRequestChange::Reopened,
        ("ready_for_review", _) => PullRequestChange::ReadyForReview,
        ("converted_to_draft", _) => PullRequestChange::ConvertedToDraft,
        ("edited", Some(base)) => PullRequestChange::NewBase { before: base.r#ref.from.0 },
        ("edited", None) => return Ok(Event::Nothing { why: Ignored::SameBase }),
        ("labeled" | "unlabeled", _) => match (read.label, labelled_in_vain(&read.pull_request)) {
            (None, _) => return Ok(other_action("pull_request", read.action)),
            (Some(label), _) if Label::parse(&label.name).is_none() => {
                return Ok(Event::Nothing { why: Ignored::OtherLabel { name: label.name } });
            }
            (Some(_), Some(why)) => return Ok(Event::Nothing { why }),
            (Some(_), None) => PullRequestChange::Labels,
        },
        ("closed", _) if read.pull_request.standing == Standing::Merged => PullRequestChange::Merged,
        ("closed", _) => PullRequestChange::Closed,
        _ => return Ok(other_action("pull_request", read.action)),
    };
    Ok(Event::PullRequest { change, pull_request: Box::new(read.pull_request), repository: read.repository.into() })
}

/// Why a label of ours makes no difference to a pull request.
fn labelled_in_vain(pull_request: &PullRequest) -> Option<Ignored> {
    match pull_request.origin {
        _ if !pull_request.is_open() => Some(Ignored::LabelOfClosed),
        Origin::Fork(_) | Origin::DeletedFork => Some(Ignored::LabelOfFork),
        Origin::Here => None,
    }
}

fn push(read: PushPayload) -> Result<Event, Problem> {
    let branch = RefName::new(read.r#ref.as_str());
    if branch.branch().is_none() {
        return Ok(Event::Nothing { why: Ignored::NoBranch { reference: read.r#ref } });
    }
    let Some(after) = read.after.0 else {
        return Ok(Event::Nothing { why: Ignored::PushDeletes { reference: read.r#ref } });
    };
    Ok(Event::Push { branch, before: read.before.0, after, repository: read.repository.into() })
}

fn merge_group(read: MergeGroupPayload) -> Result<Event, Problem> {
    if read.action != "checks_requested" {
        return Ok(other_action("merge_group", read.action));
    }
    let group = read.merge_group;
    Ok(Event::MergeGroup {
        head: commit("merge_group", "merge_group.head_sha", group.head_sha)?,
        branch: group.head_ref.0,
        base_branch: group.base_ref.0,
        base: commit("merge_group", "merge_group.base_sha", group.base_sha)?,
        repository: read.repository.into(),
    })
}

/// Most comments ask us nothing; each of them says so in its own words.
fn comment(payload: &str) -> Result<Event, Problem> {
    let read: CommentPayload = parse("issue_comment", payload)?;
    let ignored = |why| Ok(Event::Nothing { why });
    if read.action != "created" {
        return Ok(other_action("issue_comment", read.action));
    }
    if read.issue.pull_request.is_none() {
        return ignored(Ignored::PlainIssue);
    }
    if read.comment.author.as_ref().is_some_and(|author| author.kind == AccountKind::Program) {
        return ignored(Ignored::WrittenByProgram);
    }
    match asked(&read.comment.body) {
        super::Asked::Nothing => ignored(Ignored::NoCommand),
        super::Asked::Something(asked) => Ok(Event::Comment {
            number: read.issue.number,
            comment: Box::new(read.comment),
            asked,
            repository: read.repository.into(),
        }),
    }
}

fn delete(read: DeletePayload) -> Result<Event, Problem> {
    if read.ref_type != "branch" || read.r#ref.is_empty() {
        return Ok(Event::Nothing { why: Ignored::NoBranch { reference: read.r#ref } });
    }
    Ok(Event::BranchDeleted { branch: RefName::of_branch(&read.r#ref), repository: read.repository.into() })
}

fn dispatch(read: DispatchPayload) -> Event {
    Event::Dispatch { reference: read.r#ref.map(RefName::new), actor: read.sender.map(|sender| sender.login) }
}

fn other_action(event: &'static str, action: String) -> Event {
    Event::Nothing { why: Ignored::Action { event, action } }
}

fn commit(event: &'static str, field: &str, id: ObjectId) -> Result<CommitId, Problem> {
    id.0.ok_or_else(|| problem(event, format!("`{field}` is all zeroes where a commit was expected")))
}

fn parse<'a, T: Deserialize<'a>>(event: &'static str, payload: &'a str) -> Result<T, Problem> {
    serde_json::from_str(payload).map_err(|error| {
        let text = error.to_string();
        // The place is told apart from the words.
        let words = text.rsplit_once(" at line ").map_or(text.as_str(), |(words, _)| words);
        let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        problem(event, crate::visible::visible(words)).position(place(error.line()), place(error.column()))
    })
}

fn problem(event: &'static str, words: String) -> Problem {
    let help = "is GITHUB_EVENT_PATH the file that the runner wrote for this event?";
    Problem::error("event-payload", format!("the payload of `{event}` is not what GitHub sends: {words}")).help(help)
}

fn known(name: &str) -> String {
    super::ignored::shown(name)
}
