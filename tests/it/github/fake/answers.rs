//! What the fake GitHub shows: the fields that it knows; the contract fills in the others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::routes::{Known, Request, Route};
use super::state::{Check, Comment, HeadRepository, NOW, Pull, REPOSITORY_ID, State};

/// An account; names that end in `[bot]` are programs.
pub(super) fn account(login: &str) -> Value {
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({ "login": login, "id": number_of(login), "type": kind })
}

/// A number that a name always gets.
fn number_of(login: &str) -> u64 {
    login.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

pub(super) fn not_found() -> Known {
    (404, json!({ "message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404" }))
}

/// The parts of a path that are numbers; the contract has seen to that they are.
pub(super) fn number(route: &Route) -> u64 {
    route.parts.get(2).and_then(|text| text.parse().ok()).unwrap_or_default()
}

impl State {
    pub(super) fn read(&mut self, route: &Route, request: &Request) -> Known {
        let part = route.parts.get(2).cloned().unwrap_or_default();
        let end = route.template.rsplit("{repo}").next().unwrap_or_default();
        match end {
            "/user" => self.whoami(),
            "/pulls" => {
                let is_wanted = |pull: &&Pull| request.query("state").is_none_or(|state| pull.state == state);
                let pulls = self.pulls.iter().filter(|(_, pull)| is_wanted(pull));
                (200, pulls.map(|(number, pull)| self.pull(*number, pull)).collect())
            }
            "/pulls/{pull_number}" => self.one_pull(number(route)),
            "/issues/{issue_number}/comments" => {
                let all = self.comments.iter().filter(|comment| comment.number == number(route));
                let comments = all.map(|comment| self.shown_comment(comment)).collect();
                if self.pulls.contains_key(&number(route)) { (200, comments) } else { not_found() }
            }
            "/check-runs/{check_run_id}" => {
                let check = self.checks.iter().find(|check| check.id == number(route));
                check.map_or_else(not_found, |check| (200, self.shown_check(check)))
            }
            "/commits/{ref}/check-runs" => {
                let is_named = |check: &&Check| request.query("check_name").is_none_or(|name| check.name == name);
                let all = self.checks.iter().rev().filter(|check| check.commit == part).filter(is_named);
                // Unless all are asked for, GitHub shows the newest of each name alone.
                let mut names = BTreeSet::new();
                let is_all = request.query("filter").as_deref() == Some("all");
                let shown = all.filter(|check| names.insert(check.name.clone()) || is_all);
                let checks: Vec<Value> = shown.map(|check| self.shown_check(check)).collect();
                (200, json!({ "total_count": checks.len(), "check_runs": checks }))
            }
            "/commits/{commit_sha}/pulls" => {
                let numbers = self.pulls_of.get(&part).cloned().unwrap_or_default();
                let pulls = numbers.iter().filter_map(|number| Some((number, self.pulls.get(number)?)));
                (200, pulls.map(|(number, pull)| self.pull(*number, pull)).collect())
            }
            "/collaborators/{username}/permission" => self.permission(&part),
            "/branches/{branch}" => match self.branches.get(&part) {
                Some(commit) => (200, json!({ "name": part, "commit": { "sha": commit } })),
                None => (404, json!({ "message": "Branch not found" })),
            },
            "/compare/{basehead}" => self.compare(&part, request),
            "/git/blobs/{file_sha}" => self.blob(&part),
            _ => not_found(),
        }
    }

    /// One pull request, which alone says whether it can be merged; GitHub computes that in the background.
    fn one_pull(&mut self, number: u64) -> Known {
        let Some(pull) = self.pulls.get_mut(&number) else { return not_found() };
        let is_computed = pull.nulls == 0;
        pull.nulls = pull.nulls.saturating_sub(1);
        let pull = pull.clone();
        let mut shown = self.pull(number, &pull);
        shown["merged"] = json!(pull.merged);
        shown["mergeable"] = if is_computed { json!(pull.mergeable) } else { Value::Null };
        let state = if pull.mergeable { "clean" } else { "dirty" };
        shown["mergeable_state"] = json!(if is_computed { state } else { "unknown" });
        (200, shown)
    }

    pub(super) fn pull(&self, number: u64, pull: &Pull) -> Value {
        let here = json!({ "id": REPOSITORY_ID, "full_name": self.name, "fork": false });
        let head_repository = match &pull.head_repository {
            HeadRepository::Here => here.clone(),
            HeadRepository::Fork(name) => json!({ "id": number_of(name), "full_name": name, "fork": true }),
            HeadRepository::DeletedFork => Value::Null,
        };
        let labels = pull.labels.iter().map(|label| json!({ "name": label })).collect::<Vec<_>>();
        json!({
            "number": number,
            "state": pull.state,
            "draft": pull.draft,
            "title": format!("what {} does", pull.head_branch),
            "user": account(&pull.author),
            "labels": labels,
            "head": { "ref": pull.head_branch, "sha": pull.head, "repo": head_repository },
            "base": { "ref": pull.base_branch, "sha": pull.base, "repo": here },
            "merge_commit_sha": pull.merge_commit,
            "merged_at": pull.merged.then_some(NOW),
        })
    }

    pub(super) fn shown_comment(&self, comment: &Comment) -> Value {
        // An account that is gone has no name here.
        let user = if comment.author == "ghost" { Value::Null } else { account(&comment.author) };
        let at = |ticks: u32| format!("2026-04-01T{:02}:{:02}:{:02}Z", ticks / 3600, ticks / 60 % 60, ticks % 60);
        let (created, updated) = (at(comment.written), at(comment.changed));
        json!({ "id": comment.id, "body": comment.body, "user": user, "created_at": created, "updated_at": updated })
    }

    pub(super) fn shown_check(&self, check: &Check) -> Value {
        json!({
            "id": check.id,
            "name": check.name,
            "head_sha": check.commit,
            "external_id": check.external_id,
            "details_url": check.details_url,
            "html_url": format!("https://github.com/{}/runs/{}", self.name, check.id),
            "status": check.status,
            "conclusion": check.conclusion,
            "output": {
                "title": check.title,
                "summary": check.summary,
                "text": check.text,
                "annotations_count": check.annotations.len(),
            },
        })
    }

    /// `permission` has four levels, `role_name` the two between and the roles of an organisation's own making.
    fn permission(&self, login: &str) -> Known {
        let Some(role) = self.people.get(login) else { return not_found() };
        let (role, level) = role.split_once('/').unwrap_or((role, role));
        let level = match level {
            "maintain" => "write",
            "triage" => "read",
            other => other,
        };
        let mut user = account(login);
        user["role_name"] = json!(role);
        (200, json!({ "permission": level, "role_name": role, "user": user }))
    }
}
