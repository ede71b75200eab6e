//! One request and its answer, through octocrab on a small runtime of its own; the only file that knows either.
//!
//! octocrab is built without its own retries and redirects: it would send a `POST` up to four times at once, and turn it into
//! a `GET` where a repository was renamed.

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::settings::Secret;
use crate::url::origin;

use super::call::{Call, Method};
use super::error::GitHubError;
use super::reply::Reply;

/// More than any answer of the calls that we make.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The way to one GitHub.
pub(super) struct Transport {
    // Before the runtime, so that it is dropped while that still stands.
    octocrab: Octocrab,
    runtime: Runtime,
    root: String,
}

impl Transport {
    pub(super) fn new(api: &str, token: &Secret) -> Result<Self, GitHubError> {
        let root = api.trim_end_matches('/').to_owned();
        if origin(&root).is_none() || root.contains(['?', '#', ' ']) {
            return Err(GitHubError::connect(format!("`{root}` is no URL of an API such as `https://api.github.com`")));
        }
        // octocrab would panic on what cannot stand in a header.
        let token = token.expose();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(GitHubError::connect(
                "`GITHUB_TOKEN` is empty, or has white space or other characters that no token has",
            ));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| GitHubError::connect(error.to_string()))?;
        let octocrab = {
            let _inside = runtime.enter();
            client(&root, token).map_err(|error| GitHubError::connect(words(&error)))?
        };
        Ok(Self { octocrab, runtime, root })
    }

    /// The API's root, without a slash at its end.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// A URL of an answer, which must be on the host that we talk to. A path alone is below that host.
    pub(super) fn own_url(&self, call: &Call, url: &str) -> Result<String, GitHubError> {
        let host = origin(&self.root).unwrap_or_default();
        let whole =
            if url.starts_with('/') && !url.starts_with("//") { format!("{host}{url}") } else { url.to_owned() };
        if origin(&whole).is_some_and(|origin| origin == host) {
            return Ok(whole);
        }
        let to = crate::visible::quotable(url, 200);
        Err(GitHubError::Elsewhere { call: call.clone(), to, root: self.root.clone() })
    }

    /// Sends one request, once.
    pub(super) fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Reply, String> {
        let exchange = async {
            let answer = match method {
                Method::Get => self.octocrab._get(url).await,
                Method::Post => self.octocrab._post(url, body).await,
                Method::Patch => self.octocrab._patch(url, body).await,
            };
            let (head, body) = answer.map_err(|error| words(&error))?.into_parts();
            let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let mut reply = Reply {
                status: head.status.as_u16(),
                retry_after: text("retry-after").and_then(|text| text.trim().parse().ok()),
                remaining: text("x-ratelimit-remaining").and_then(|text| text.trim().parse().ok()),
                reset: text("x-ratelimit-reset").and_then(|text| text.trim().parse().ok()),
                link: text("link"),
                location: text("location"),
                body: Vec::new(),
            };
            let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| words(error.as_ref()))?;
            reply.body = body.to_bytes().to_vec();
            Ok(reply)
        };
        let timed = async { tokio::time::timeout(limit, exchange).await };
        let late = || format!("no answer within {limit:?}");
        self.runtime.block_on(timed).unwrap_or_else(|_| Err(late()))
    }
}

fn client(root: &str, token: &str) -> octocrab::Result<Octocrab> {
    let mut builder = Octocrab::builder().base_uri(root)?.personal_token(token.to_owned());
    if let Ok(accept) = "accept".parse() {
        builder = builder.add_header(accept, "application/vnd.github+json".to_owned());
    }
    builder.build()
}

/// The two innermost causes: the outer ones only say that a request failed.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut all = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next.filter(|_| all.len() < 16) {
        all.push(cause.to_string());
        next = cause.source();
    }
    all.dedup();
    let from = all.len().saturating_sub(2);
    all[from..].join(": ")
}
