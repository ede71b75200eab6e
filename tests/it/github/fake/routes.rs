//! From a request to its answer: who asks, where it goes, what goes wrong, and whether both sides keep GitHub's contract.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::TOKEN;
use super::contract::contract;
use super::state::{Access, Me, REPOSITORY_ID, State, Trouble};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Where a request goes: the path as GitHub's description writes it, and what stands for its parts.
pub(super) struct Route {
    pub(super) template: &'static str,
    pub(super) parts: Vec<String>,
}

/// What a request is answered by: the status and the fields that the fake knows. The others are filled in from the description.
pub(super) type Known = (u16, Value);

/// In place of a status: no answer is given, and the connection stays.
pub(super) const SILENCE: u16 = 0;

const TEMPLATES: &[&str] = &[
    "/user",
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/{pull_number}",
    "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
    "/repos/{owner}/{repo}/check-runs",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}",
    "/repos/{owner}/{repo}/commits/{ref}/check-runs",
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls",
    "/repos/{owner}/{repo}/collaborators/{username}/permission",
    "/repos/{owner}/{repo}/branches/{branch}",
    "/repos/{owner}/{repo}/compare/{basehead}",
    "/repos/{owner}/{repo}/git/blobs/{file_sha}",
];

impl Request {
    /// Whether it is of this method and its path ends so.
    pub(crate) fn is(&self, method: &str, end: &str) -> bool {
        self.method == method && self.path.ends_with(end)
    }

    /// Its body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A value of its query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.queries().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn queries(&self) -> Vec<(String, String)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect()
    }
}

impl State {
    /// Answers a request; `None` closes the connection.
    pub(super) fn answer(&mut self, mut request: Request) -> Option<Answer> {
        self.requests.push(request.clone());
        let Some(path) = request.path.strip_prefix(self.prefix).map(str::to_owned) else {
            return Some(Answer::refusal(404, "Not Found"));
        };
        if let Some(refusal) = self.stranger(&request) {
            return Some(refusal);
        }
        if let Some(answer) = self.redirect(&request, &path) {
            return Some(answer);
        }
        // A repository is found by its number too.
        let numbered = format!("/repositories/{REPOSITORY_ID}/");
        request.path = match path.strip_prefix(&numbered) {
            Some(rest) => format!("/repos/{}/{rest}", self.name),
            None => path,
        };
        let Some(route) = self.route(&request.path) else { return Some(Answer::refusal(404, "Not Found")) };
        if let Err(violation) = contract().check_request(&route, &request) {
            self.violations.push(format!("{} {}: {violation}", request.method, request.path));
            return Some(Answer::refusal(422, &violation));
        }
        let trouble = self.trouble(&request);
        match trouble.as_ref().and_then(before) {
            Some(Early::Hang) => return None,
            Some(Early::Answer(answer)) => return Some(answer),
            None => {}
        }
        if self.access == Access::ReadOnly && request.method != "GET" {
            return Some(Answer::refusal(403, "Resource not accessible by integration"));
        }
        let (status, known) = self.known(&route, &request);
        match trouble {
            Some(Trouble::ServerErrorAfter) => return Some(Answer::refusal(502, "Server Error")),
            Some(Trouble::DroppedAfter) => return None,
            _ => {}
        }
        let answer = self.filled(&route, &request, status, known);
        self.surprise(&request);
        Some(answer)
    }

    /// Who does not show the token, or says less of itself than GitHub asks for.
    fn stranger(&mut self, request: &Request) -> Option<Answer> {
        if request.headers.get("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Some(Answer::refusal(401, "Bad credentials"));
        }
        for name in ["user-agent", "x-github-api-version", "accept"] {
            if !request.headers.contains_key(name) {
                self.violations.push(format!("{} {}: no `{name}`", request.method, request.path));
            }
        }
        None
    }

    fn redirect(&self, request: &Request, path: &str) -> Option<Answer> {
        let rest = self.former_names.iter().find_map(|name| path.strip_prefix(&format!("/repos/{name}/")))?;
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let to = format!("{}/repositories/{REPOSITORY_ID}/{rest}{query}", self.api());
        let status = if request.method == "GET" { self.redirects.0 } else { self.redirects.1 };
        let body = json!({ "message": "Moved Permanently", "url": to });
        Some(Answer::json(status, &body).with("location", &to))
    }

    fn route(&self, path: &str) -> Option<Route> {
        let parts: Vec<&str> = path.split('/').collect();
        let template = TEMPLATES.iter().find(|template| {
            let names: Vec<&str> = template.split('/').collect();
            names.len() == parts.len()
                && names.iter().zip(&parts).all(|(name, part)| name.starts_with('{') || name == part)
        })?;
        let is_ours = !path.starts_with("/repos/") || path.starts_with(&format!("/repos/{}/", self.name));
        let named = template.split('/').zip(&parts).filter(|(name, _)| name.starts_with('{'));
        let parts = named.map(|(_, part)| decoded(part)).collect();
        is_ours.then_some(Route { template, parts })
    }

    /// The answer with all fields that the description asks for, in pages where it is a list.
    fn filled(&mut self, route: &Route, request: &Request, status: u16, known: Value) -> Answer {
        if status >= 400 {
            return Answer::json(status, &known);
        }
        let (known, link) = self.paged(request, known);
        let value = contract().fill(route, &request.method, status, &known);
        if let Err(violation) = contract().check_answer(route, &request.method, status, &value) {
            self.violations.push(format!("our answer to {} {}: {violation}", request.method, request.path));
            return Answer::refusal(500, &violation);
        }
        let answer = Answer::json(status, &value).with("x-ratelimit-remaining", "4999");
        if let Some(link) = link { answer.with("link", &link) } else { answer }
    }

    /// One page of a list, and the links to the others.
    fn paged(&self, request: &Request, known: Value) -> (Value, Option<String>) {
        let (list, is_wrapped) = match &known {
            Value::Array(list) => (list.clone(), false),
            Value::Object(fields) if fields.contains_key("check_runs") => {
                (known["check_runs"].as_array().cloned().unwrap_or_default(), true)
            }
            _ => return (known, None),
        };
        let number =
            |name: &str, default: usize| request.query(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let (size, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
        let shown: Vec<Value> = list.iter().skip((page - 1) * size).take(size).cloned().collect();
        let last = list.len().div_ceil(size).max(1);
        let root = self.links_lead_to.clone().unwrap_or_else(|| self.api());
        let others = request.queries().into_iter().filter(|(name, _)| name != "page");
        let query: Vec<String> = others.map(|(k, v)| format!("{k}={}", offshoot::url::percent_encoded(&v))).collect();
        let url = |page: usize| format!("<{root}{}?{}&page={page}>", request.path, query.join("&"));
        let link = (page < last).then(|| format!("{}; rel=\"next\", {}; rel=\"last\"", url(page + 1), url(last)));
        let value =
            if is_wrapped { json!({ "total_count": list.len(), "check_runs": shown }) } else { Value::Array(shown) };
        (value, link)
    }

    fn known(&mut self, route: &Route, request: &Request) -> Known {
        match request.method.as_str() {
            "GET" => self.read(route, request),
            _ => self.write(route, request),
        }
    }

    pub(super) fn whoami(&self) -> Known {
        match &self.me {
            Me::Runner => (403, json!({ "message": "Resource not accessible by integration" })),
            Me::Account(login) => (200, super::answers::account(login)),
        }
    }
}

enum Early {
    Hang,
    Answer(Answer),
}

fn before(trouble: &Trouble) -> Option<Early> {
    let limited = |status, message, after: Option<u64>| {
        let answer = Answer::refusal(status, message);
        Early::Answer(
            after.map_or_else(|| Answer::refusal(status, message), |s| answer.with("retry-after", &s.to_string())),
        )
    };
    let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    Some(match trouble {
        Trouble::ServerErrorBefore => Early::Answer(Answer::refusal(502, "Server Error")),
        Trouble::DroppedBefore => Early::Hang,
        Trouble::Silent => Early::Answer(Answer { status: SILENCE, headers: Vec::new(), body: Vec::new() }),
        Trouble::TooMany(after) => limited(429, "Too many requests", *after),
        Trouble::SecondaryLimit(after) => limited(403, secondary, *after),
        Trouble::NothingRemains(reset) => {
            let answer = Answer::refusal(403, "API rate limit exceeded for installation.");
            Early::Answer(answer.with("x-ratelimit-remaining", "0").with("x-ratelimit-reset", &reset.to_string()))
        }
        Trouble::Forbidden(message) => Early::Answer(Answer::refusal(403, message)),
        Trouble::Nonsense(text) => {
            Early::Answer(Answer { status: 200, headers: Vec::new(), body: text.as_bytes().to_vec() })
        }
        Trouble::ServerErrorAfter | Trouble::DroppedAfter => return None,
    })
}

impl Answer {
    fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    fn refusal(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }))
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = if byte == b'%' { rest.next().zip(rest.next()) } else { None };
        let code = digits.and_then(|(a, b)| u8::from_str_radix(std::str::from_utf8(&[a, b]).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
