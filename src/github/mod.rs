//! GitHub's API as the bot uses it: a handful of calls, each with its manners. The only module that talks to GitHub.
//!
//! * Nothing is sent before a call is made, and nothing of the client exists before [`GitHub::connect`].
//! * Reads are repeated after a fault; what creates something is repeated only after looking whether the first try had an
//!   effect; `PATCH` sets and may be repeated (but see `checks` for annotations, which it adds).
//! * `Retry-After` and the rate limit's headers are obeyed, up to a bound for all waiting of the run.
//! * Redirects and links to further pages are followed on the configured host alone: the token goes nowhere else.
//! * Known secrets are taken out of every text that is sent, and the token is in no error, log or `Debug`.
//!
//! Answers are cut down to what is used (`event` has the types that payloads have too). It never decides what to write.

mod call;
mod checks;
mod comments;
mod compare;
mod error;
mod reply;
mod repository;
mod transport;

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use call::{Call, Needs};
pub use checks::{
    Annotation, AnnotationLevel, CheckReport, CheckRun, CheckState, CheckUpdate, Conclusion, LONGEST_CHECK_TEXT,
    NewCheck,
};
pub use comments::{LONGEST_COMMENT, Reaction};
pub use compare::{Changed, Comparison, MOST_FILES_TOLD};
pub use error::GitHubError;

use crate::ids::{Login, RepositoryName};
use crate::mask::Mask;
use crate::settings::Secret;
use crate::time::{Waited, Waiting};
use reply::{Fault, Reply};
use transport::Transport;

/// What calls give.
pub type Result<T> = std::result::Result<T, GitHubError>;

/// Which repository, on which GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The API's root, as `GITHUB_API_URL` has it: `https://api.github.com`, or `https://host/api/v3`.
    pub api: String,
    /// The repository.
    pub repository: RepositoryName,
}

/// How patient the client is; the run's whole waiting is counted, not each call's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For one answer.
    pub answer: Duration,
    /// For all pauses between tries together.
    pub pauses: Duration,
    /// Tries of one call, the first one included.
    pub tries: u32,
}

/// A repository on GitHub, seen with a token. Calls wait for their answer; one at a time.
pub struct GitHub {
    repository: RepositoryName,
    transport: Transport,
    mask: Mask,
    waiting: Box<dyn Waiting>,
    patience: Cell<Patience>,
    paused: Cell<Duration>,
    own: OnceCell<Login>,
}

impl Patience {
    /// For a run that has time: a rate limit without a header asks for a minute or more ("Best practices for using the REST
    /// API"). GitHub itself gives up on a request after 10 s ("Troubleshooting the REST API", timeouts).
    pub const USUAL: Self = Self { answer: Duration::from_secs(15), pauses: Duration::from_secs(600), tries: 4 };
    /// For a run that was asked to stop and only leaves its last word.
    pub const SHORT: Self = Self { answer: Duration::from_secs(2), pauses: Duration::ZERO, tries: 1 };
}

impl GitHub {
    /// Makes a client; nothing is sent yet. `secrets` are taken out of every text that is sent, and so is the token.
    ///
    /// # Errors
    /// The address is no URL, the token has characters that no token has, or the machine has no certificates to trust.
    pub fn connect(address: &Address, token: &Secret, secrets: &Mask, waiting: Box<dyn Waiting>) -> Result<Self> {
        Ok(Self {
            repository: address.repository.clone(),
            transport: Transport::new(&address.api, token)?,
            mask: secrets.and(token.expose()),
            waiting,
            patience: Cell::new(Patience::USUAL),
            paused: Cell::new(Duration::ZERO),
            own: OnceCell::new(),
        })
    }

    /// The same for a token whose account is known. A GitHub App's token may not ask for it, as the runner's own may not, and
    /// then its comments would not be taken for ours.
    pub fn known_as(self, login: Login) -> Self {
        Self { own: OnceCell::from(login), ..self }
    }

    /// From here on the client is as patient as this.
    pub fn be(&self, patience: Patience) {
        self.patience.set(patience);
    }

    /// The repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Sends a call that may be repeated, and reads its answer.
    fn ask<T: DeserializeOwned>(&self, call: &Call, body: Option<&Value>) -> Result<T> {
        self.reply(call, &self.url(call), body)?.read(call)
    }

    /// As [`GitHub::ask`], from all pages of the answer.
    fn ask_pages<T: DeserializeOwned>(&self, call: &Call) -> Result<Vec<T>> {
        /// Of 100 each; a link that leads round in a circle ends here too.
        const MOST_PAGES: usize = 300;
        let mut pages = Vec::new();
        let mut next = Some(self.url(call));
        while let Some(url) = next {
            if pages.len() == MOST_PAGES {
                return Err(GitHubError::answer(call, format!("it has more than {MOST_PAGES} pages")));
            }
            let reply = self.reply(call, &url, None)?;
            pages.push(reply.read(call)?);
            next = reply.next_page().map(|url| self.transport.own_url(call, url)).transpose()?;
        }
        Ok(pages)
    }

    /// Sends a call that creates something. After a fault that leaves it open whether it did, `find` looks for what the
    /// call would have made, and only where there is none it is sent again.
    fn create<T: DeserializeOwned>(
        &self,
        call: &Call,
        body: &Value,
        find: impl Fn() -> Result<Option<T>>,
    ) -> Result<T> {
        let url = self.url(call);
        let mut tries = 1;
        loop {
            match self.try_once(call, &url, Some(body))? {
                Ok(reply) => return reply.read(call),
                Err(fault) => self.pause(call, fault, tries)?,
            }
            if let Some(found) = find()? {
                return Ok(found);
            }
            tries += 1;
        }
    }

    fn reply(&self, call: &Call, url: &str, body: Option<&Value>) -> Result<Reply> {
        let mut tries = 1;
        loop {
            match self.try_once(call, url, body)? {
                Ok(reply) => return Ok(reply),
                Err(fault) => self.pause(call, fault, tries)?,
            }
            tries += 1;
        }
    }

    /// One try: a good answer, a fault that may pass, or an error that will not. Redirects keep method and body, as GitHub
    /// asks for ("Getting started with the REST API", redirects); they come for a repository that was renamed.
    fn try_once(&self, call: &Call, url: &str, body: Option<&Value>) -> Result<std::result::Result<Reply, Fault>> {
        const MOST_HOPS: usize = 3;
        let mut url = url.to_owned();
        for _ in 0..=MOST_HOPS {
            let reply = match self.transport.send(call.method(), &url, body, self.patience.get().answer) {
                Ok(reply) => reply,
                Err(words) => return Ok(Err(Fault::Lost { words: self.mask.apply(&words) })),
            };
            match reply.location() {
                Some(location) => url = self.transport.own_url(call, location)?,
                None => return reply.judge(call, self.waiting.now()),
            }
        }
        Err(GitHubError::answer(call, format!("it leads on more than {MOST_HOPS} times")))
    }

    /// Waits as long as the fault asks for, or ends with it.
    fn pause(&self, call: &Call, fault: Fault, tries: u32) -> Result<()> {
        let patience = self.patience.get();
        let pause = fault.pause(tries);
        let paused = self.paused.get().saturating_add(pause);
        if tries >= patience.tries || paused > patience.pauses {
            return Err(fault.into_error(call, tries, pause));
        }
        tracing::info!("{call}: {fault}; again in {} s", pause.as_secs());
        self.wait(call, pause)
    }

    /// Waits, where nobody asks the run to stop.
    fn wait(&self, call: &Call, pause: Duration) -> Result<()> {
        self.paused.set(self.paused.get().saturating_add(pause));
        match self.waiting.wait(pause) {
            Waited::Whole => Ok(()),
            Waited::Interrupted => Err(GitHubError::Interrupted { call: call.clone() }),
        }
    }

    fn url(&self, call: &Call) -> String {
        format!("{}{}", self.transport.root(), call.path(&self.repository))
    }
}

/// Without token and secrets.
impl fmt::Debug for GitHub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.transport.root();
        formatter
            .debug_struct("GitHub")
            .field("api", &root)
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}
