//! What GitHub says when it cannot or will not, and what to do next. No message holds the token.

use std::time::Duration;

use super::call::{Call, Needs};

/// Why a call did not do what it was meant to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// There is no client for this address or token.
    #[error("cannot talk to GitHub: {problem}")]
    Connect {
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// No answer came.
    #[error("cannot {call}: {words} (after {tries} tries); is `GITHUB_API_URL` right, and can this machine reach it?")]
    Unreachable {
        /// The call.
        call: Call,
        /// What went wrong.
        words: String,
        /// How often it was tried.
        tries: u32,
    },
    /// GitHub itself failed.
    #[error("cannot {call}: GitHub answered {status} (after {tries} tries); see https://www.githubstatus.com")]
    Server {
        /// The call.
        call: Call,
        /// The status.
        status: u16,
        /// How often it was tried.
        tries: u32,
    },
    /// There were too many requests, and GitHub asks for more patience than the run has.
    #[error(
        "cannot {call}: GitHub limits how many requests are sent and asks for {} s of patience, which this run does not have; \
         run the job again then", .wait.as_secs()
    )]
    Limited {
        /// The call.
        call: Call,
        /// How long GitHub asks to wait.
        wait: Duration,
    },
    /// The token is not valid.
    #[error(
        "cannot {call}: GitHub does not know the token; is `GITHUB_TOKEN` set from `github.token`, and not expired?"
    )]
    Unauthorized {
        /// The call.
        call: Call,
    },
    /// The token may not do this. Tokens of forks and of Dependabot can only read, whatever the workflow says.
    #[error("cannot {call}: the token may not: GitHub says \"{words}\"{}", permissions_line(.needs))]
    Refused {
        /// The call.
        call: Call,
        /// The line of `permissions:` that the job needs.
        needs: Option<Needs>,
        /// GitHub's words.
        words: String,
    },
    /// There is no such thing, or the token may not see it.
    #[error("cannot {call}: GitHub finds nothing there{}", visible_line(.needs))]
    NotFound {
        /// The call.
        call: Call,
        /// The line of `permissions:` that the job needs to see it.
        needs: Option<Needs>,
    },
    /// GitHub understood the request and does not take it.
    #[error("cannot {call}: GitHub answered {status}: {words}")]
    Invalid {
        /// The call.
        call: Call,
        /// The status.
        status: u16,
        /// GitHub's words.
        words: String,
    },
    /// A comment's text is longer than GitHub takes.
    #[error("cannot {call}: the text has {characters} characters, GitHub takes at most {limit}")]
    TooLong {
        /// The call.
        call: Call,
        /// How long it is, as GitHub may count.
        characters: usize,
        /// The most that GitHub takes.
        limit: usize,
    },
    /// An answer is not what GitHub's description says.
    #[error("cannot {call}: the answer is not what GitHub sends: {words}; is `GITHUB_API_URL` right?")]
    Answer {
        /// The call.
        call: Call,
        /// What is wrong with it.
        words: String,
    },
    /// A link or a redirect of an answer leads to another host, which must not see the token.
    #[error("cannot {call}: GitHub leads on to `{to}`, which is not below `{root}`; is the address of the API right?")]
    Elsewhere {
        /// The call.
        call: Call,
        /// Where it leads.
        to: String,
        /// The API's root.
        root: String,
    },
    /// Somebody asked the run to stop while it waited to try again.
    #[error("cannot {call}: interrupted")]
    Interrupted {
        /// The call.
        call: Call,
    },
}

impl GitHubError {
    pub(super) fn connect(problem: impl Into<String>) -> Self {
        Self::Connect { problem: problem.into() }
    }

    pub(super) fn answer(call: &Call, words: impl Into<String>) -> Self {
        Self::Answer { call: call.clone(), words: crate::visible::visible(&words.into()) }
    }
}

fn permissions_line(needs: &Option<Needs>) -> String {
    let line = |needs| format!("; the job needs `{needs}` under `permissions:` (a fork's token can only read)");
    needs.map(line).unwrap_or_default()
}

fn visible_line(needs: &Option<Needs>) -> String {
    needs.map(|needs| format!(", or the job lacks `{needs}` under `permissions:`")).unwrap_or_default()
}
