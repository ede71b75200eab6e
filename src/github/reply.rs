//! One answer, and what follows from it: good, a fault that may pass, or an error that will not. Pure.
//!
//! The rules are those of GitHub's documentation, "Rate limits for the REST API" and "Best practices for using the REST API":
//! `retry-after` first, else `x-ratelimit-reset` where nothing remains, else at least a minute that grows.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::time::Timestamp;

use super::call::Call;
use super::error::GitHubError;

/// An answer as it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) retry_after: Option<u64>,
    pub(super) remaining: Option<u64>,
    pub(super) reset: Option<i64>,
    pub(super) link: Option<String>,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

/// A fault that may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No answer came; the call may have had its effect.
    Lost { words: String },
    /// GitHub failed; the call may have had its effect.
    Server { status: u16 },
    /// Too many requests; the call had no effect.
    Limited { wait: Option<Duration> },
}

/// What GitHub says of a call that it does not take.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    message: String,
    errors: Vec<serde_json::Value>,
}

impl Reply {
    /// Where the answer leads on to.
    pub(super) fn location(&self) -> Option<&str> {
        matches!(self.status, 301 | 302 | 307 | 308).then_some(self.location.as_deref()).flatten()
    }

    /// The next page of the answer.
    pub(super) fn next_page(&self) -> Option<&str> {
        self.link.as_deref().and_then(crate::url::next_page)
    }

    /// The answer as a value.
    pub(super) fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, GitHubError> {
        serde_json::from_slice(&self.body).map_err(|error| GitHubError::answer(call, error.to_string()))
    }

    /// Tells good answers, faults that may pass and errors apart.
    pub(super) fn judge(self, call: &Call, now: Timestamp) -> Result<Result<Self, Fault>, GitHubError> {
        let status = self.status;
        if (200..300).contains(&status) {
            return Ok(Ok(self));
        }
        if status == 429 || status == 403 && self.is_limit() {
            return Ok(Err(Fault::Limited { wait: self.wait(now) }));
        }
        if status >= 500 {
            return Ok(Err(Fault::Server { status }));
        }
        let (call, words) = (call.clone(), self.words());
        let needs = call.needs();
        Err(match status {
            401 => GitHubError::Unauthorized { call },
            // Other refusals (a locked conversation, an archive, an organisation's rules) no permission would lift.
            403 => GitHubError::Refused { call, needs: needs.filter(|_| words.contains("not accessible by")), words },
            404 | 410 => GitHubError::NotFound { call, needs },
            _ => GitHubError::Invalid { call, status, words },
        })
    }

    fn is_limit(&self) -> bool {
        self.retry_after.is_some() || self.remaining == Some(0) || self.refusal().message.contains("rate limit")
    }

    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let until = |reset: i64| {
            let left = reset.saturating_mul(1000).saturating_sub(now.0);
            // A second more: the clocks differ, and the header has whole seconds.
            Duration::from_millis(u64::try_from(left).unwrap_or(0)) + Duration::from_secs(1)
        };
        let reset = self.reset.filter(|_| self.remaining == Some(0));
        self.retry_after.map(Duration::from_secs).or_else(|| reset.map(until))
    }

    fn refusal(&self) -> Refusal {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// GitHub's words, short enough for one line.
    fn words(&self) -> String {
        const LONGEST: usize = 300;
        let refusal = self.refusal();
        let details = refusal.errors.iter().map(|error| match error.get("message").unwrap_or(error) {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let all: Vec<String> = std::iter::once(refusal.message.clone()).chain(details).collect();
        let text: String = all.join(": ").chars().take(LONGEST).collect();
        let text = crate::visible::visible(&text);
        if text.is_empty() { "no reason given".to_owned() } else { text }
    }
}

impl Fault {
    /// How long to wait before the next try.
    pub(super) fn pause(&self, tries: u32) -> Duration {
        let doubled = 2_u64.saturating_pow(tries.saturating_sub(1));
        match self {
            Self::Limited { wait: Some(wait) } => *wait,
            Self::Limited { wait: None } => Duration::from_secs(doubled.saturating_mul(60)),
            Self::Lost { .. } | Self::Server { .. } => Duration::from_secs(doubled),
        }
    }

    /// What it is when nobody waits any longer.
    pub(super) fn into_error(self, call: &Call, tries: u32, pause: Duration) -> GitHubError {
        let call = call.clone();
        match self {
            Self::Lost { words } => GitHubError::Unreachable { call, words, tries },
            Self::Server { status } => GitHubError::Server { call, status, tries },
            Self::Limited { wait } => GitHubError::Limited { call, wait: wait.unwrap_or(pause) },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { words } => formatter.write_str(words),
            Self::Server { status } => write!(formatter, "GitHub answered {status}"),
            Self::Limited { .. } => formatter.write_str("GitHub limits how many requests are sent"),
        }
    }
}
