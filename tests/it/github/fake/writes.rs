//! What the fake GitHub does when it is told to: comments, reactions, check runs, with the limits that GitHub's description
//! does not tell.

use serde_json::{Value, json};

use super::answers::{account, not_found, number};
use super::routes::{Known, Request, Route};
use super::state::{Check, Comment, NOW, State};

/// "Body is too long (maximum is 65536 characters)".
const LONGEST_COMMENT: usize = 65_536;

impl State {
    pub(super) fn write(&mut self, route: &Route, request: &Request) -> Known {
        let body = request.json();
        let end = route.template.rsplit("{repo}").next().unwrap_or_default();
        match end {
            "/issues/{issue_number}/comments" => self.add_comment(number(route), &body),
            "/issues/comments/{comment_id}" => self.edit_comment(number(route), &body),
            "/issues/comments/{comment_id}/reactions" => self.add_reaction(number(route), &body),
            "/check-runs" => self.add_check(&body),
            "/check-runs/{check_run_id}" => self.edit_check(number(route), &body),
            _ => not_found(),
        }
    }

    fn add_comment(&mut self, number: u64, body: &Value) -> Known {
        if !self.pulls.contains_key(&number) {
            return not_found();
        }
        if let Some(refusal) = unfit_comment(body) {
            return refusal;
        }
        let (id, author) = (self.id(), self.my_login());
        let now = self.tick();
        let body = text(&body["body"]).unwrap_or_default();
        let comment = Comment { id, number, author, body, edits: 0, written: now, changed: now };
        let shown = self.shown_comment(&comment);
        self.comments.push(comment);
        (201, shown)
    }

    fn edit_comment(&mut self, id: u64, body: &Value) -> Known {
        let Some(index) = self.comments.iter().position(|comment| comment.id == id) else { return not_found() };
        if let Some(refusal) = unfit_comment(body) {
            return refusal;
        }
        let now = self.tick();
        let comment = &mut self.comments[index];
        comment.changed = now;
        comment.body = text(&body["body"]).unwrap_or_default();
        comment.edits += 1;
        let comment = comment.clone();
        (200, self.shown_comment(&comment))
    }

    /// A second reaction of a kind changes nothing.
    fn add_reaction(&mut self, id: u64, body: &Value) -> Known {
        if !self.comments.iter().any(|comment| comment.id == id) {
            return not_found();
        }
        let content = text(&body["content"]).unwrap_or_default();
        let reaction = (id, self.my_login(), content.clone());
        let is_new = !self.reactions.contains(&reaction);
        if is_new {
            self.reactions.push(reaction);
        }
        let user = account(&self.my_login());
        (if is_new { 201 } else { 200 }, json!({ "content": content, "user": user, "created_at": NOW }))
    }

    fn add_check(&mut self, body: &Value) -> Known {
        let commit = text(&body["head_sha"]).unwrap_or_default();
        if !self.knows(&commit) {
            return unprocessable(&format!("No commit found for SHA: {commit}"));
        }
        let mut check = Check {
            id: self.id(),
            name: text(&body["name"]).unwrap_or_default(),
            commit,
            external_id: None,
            details_url: None,
            status: "queued".into(),
            conclusion: None,
            title: None,
            summary: None,
            text: None,
            annotations: Vec::new(),
        };
        if let Some(refusal) = change(&mut check, body) {
            return refusal;
        }
        let shown = self.shown_check(&check);
        self.checks.push(check);
        (201, shown)
    }

    fn edit_check(&mut self, id: u64, body: &Value) -> Known {
        let Some(index) = self.checks.iter().position(|check| check.id == id) else { return not_found() };
        let mut check = self.checks[index].clone();
        if let Some(refusal) = change(&mut check, body) {
            return refusal;
        }
        let shown = self.shown_check(&check);
        self.checks[index] = check;
        (200, shown)
    }
}

/// What is not named stays; annotations are added to those before; a conclusion completes.
fn change(check: &mut Check, body: &Value) -> Option<Known> {
    let set = |field: &mut Option<String>, value: &Value| {
        if let Some(new) = text(value) {
            *field = Some(new);
        }
    };
    set(&mut check.external_id, &body["external_id"]);
    set(&mut check.details_url, &body["details_url"]);
    set(&mut check.conclusion, &body["conclusion"]);
    let output = &body["output"];
    set(&mut check.title, &output["title"]);
    set(&mut check.summary, &output["summary"]);
    set(&mut check.text, &output["text"]);
    let too_long = [&check.summary, &check.text].into_iter().flatten().any(|text| text.len() > 65_535);
    let added = output["annotations"].as_array().cloned().unwrap_or_default();
    check.annotations.extend(added);
    match text(&body["status"]).as_deref() {
        Some("completed") if body["conclusion"].is_null() => {
            return Some(unprocessable("Invalid request. No conclusion was given."));
        }
        Some("completed") => check.status = "completed".into(),
        Some(status) => {
            check.status = status.to_owned();
            check.conclusion = None;
        }
        None if !body["conclusion"].is_null() => check.status = "completed".into(),
        None => {}
    }
    too_long.then(|| unprocessable("Invalid request. Only 65535 bytes are allowed."))
}

fn unfit_comment(body: &Value) -> Option<Known> {
    let text = text(&body["body"]).unwrap_or_default();
    if text.trim().is_empty() {
        return Some(invalid_comment("Body cannot be blank"));
    }
    let length = text.chars().count().max(text.encode_utf16().count());
    (length > LONGEST_COMMENT).then(|| invalid_comment("Body is too long (maximum is 65536 characters)"))
}

fn invalid_comment(message: &str) -> Known {
    let error = json!({ "resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message });
    (422, json!({ "message": "Validation Failed", "errors": [error] }))
}

fn unprocessable(message: &str) -> Known {
    (422, json!({ "message": message }))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
