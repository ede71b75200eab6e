//! A GitHub for tests: one repository with its pull requests, comments, checks and people as state, served on loopback.
//!
//! ```ignore
//! let fake = FakeGitHub::start();
//! let number = fake.open(Pull::from("feature/fx-rates", HEAD));
//! fake.fails("POST", "/comments", Trouble::ServerErrorAfter);
//! let github = fake.client();
//! …
//! assert_eq!(fake.state().comments.len(), 1);
//! assert_eq!(fake.count("POST", "/comments"), 2);
//! ```
//!
//! Every request and every answer of the fake itself is checked against GitHub's own description
//! (`fixtures/github/api.json`); what breaks it is told when the fake is dropped, even where the test did not look.
#![allow(dead_code, reason = "a tool for all test modules; no one of them uses all of it")]

mod answers;
mod contract;
mod objects;
mod payload;
mod routes;
mod server;
mod state;
mod writes;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use offshoot::github::{Address, GitHub};
use offshoot::ids::{PullRequestNumber, RepositoryName};
use offshoot::mask::Mask;
use offshoot::settings::Secret;
use offshoot::time::{Timestamp, Waited, Waiting};

pub(crate) use payload::Payload;
pub(crate) use state::{Access, HeadRepository, Me, Pull, State, Trouble};

/// The token that the fake knows.
pub(crate) const TOKEN: &str = "ghs_0fakeFAKE0fakeFAKE0fakeFAKE0fakeFAKE";

/// The secret that clients of the fake hide.
pub(crate) const SECRET: &str = "hunter2-of-the-warehouse";

/// A GitHub; it stops when it is dropped.
pub(crate) struct FakeGitHub {
    state: Arc<Mutex<State>>,
    server: server::Server,
    pauses: Arc<Mutex<Vec<Duration>>>,
}

impl FakeGitHub {
    /// Serves `acme/shop`, whose branch `main` has a commit, for the runner's own token.
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::new()));
        let server = server::Server::start(Arc::clone(&state));
        lock(&state).host = server.url();
        Self { state, server, pauses: Arc::default() }
    }

    /// What GitHub knows, to look at and to change.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Opens a pull request.
    pub(crate) fn open(&self, pull: Pull) -> PullRequestNumber {
        self.state().open(pull)
    }

    /// The next request of this method whose path ends so (its query cut off) meets this trouble.
    pub(crate) fn fails(&self, method: &str, end: &str, trouble: Trouble) {
        self.state().troubles.push((method.into(), end.into(), trouble));
    }

    /// Behind the answer to the next request of this method whose path ends so, somebody else does this.
    pub(crate) fn meanwhile(&self, method: &str, end: &str, act: impl FnOnce(&mut State) + Send + 'static) {
        self.state().surprises.push((method.into(), end.into(), Box::new(act)));
    }

    /// How many requests of this method came whose path ends so.
    pub(crate) fn count(&self, method: &str, end: &str) -> usize {
        self.state().requests.iter().filter(|request| request.is(method, end)).count()
    }

    /// The writes that came, in order, each as `POST /repos/…`.
    pub(crate) fn writes(&self) -> Vec<String> {
        let state = self.state();
        let writes = state.requests.iter().filter(|request| request.method != "GET");
        writes.map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    /// Takes what broke GitHub's description so far; what is not taken fails the test when the fake is dropped.
    pub(crate) fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }

    /// The API's root, as `GITHUB_API_URL` has it.
    pub(crate) fn api(&self) -> String {
        self.state().api()
    }

    /// The variables that a runner sets, the token among them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let state = self.state();
        vec![
            ("GITHUB_TOKEN", TOKEN.to_owned()),
            ("GITHUB_API_URL", state.api()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_REPOSITORY", state.name.clone()),
            ("GITHUB_RUN_ID", state.run.0.to_string()),
            ("GITHUB_RUN_ATTEMPT", state.run.1.to_string()),
            ("GITHUB_ACTOR", "ada".to_owned()),
        ]
    }

    /// Delivers an event: writes its payload into the folder, beside empty files for outputs and summary, and gives all variables
    /// that a runner sets then.
    pub(crate) fn deliver(&self, payload: &Payload, folder: &Path) -> Vec<(&'static str, String)> {
        let mut variables = self.variables();
        variables.push(("GITHUB_EVENT_NAME", payload.event().to_owned()));
        let files = [
            ("GITHUB_EVENT_PATH", "event.json", self.payload(payload)),
            ("GITHUB_OUTPUT", "output.txt", String::new()),
            ("GITHUB_STEP_SUMMARY", "summary.md", String::new()),
        ];
        for (name, file, text) in files {
            let path = folder.join(file);
            std::fs::write(&path, text).expect("a file");
            variables.push((name, path.display().to_string()));
        }
        variables
    }

    /// A client of this repository whose waiting takes no time.
    pub(crate) fn client(&self) -> GitHub {
        let repository = RepositoryName::parse(&self.state().name).expect("a name");
        self.client_at(&self.api(), repository)
    }

    /// A client of another address or name.
    pub(crate) fn client_at(&self, api: &str, repository: RepositoryName) -> GitHub {
        let address = Address { api: api.to_owned(), repository };
        let clock = FakeClock { pauses: Arc::clone(&self.pauses), interrupted: Waited::Whole };
        GitHub::connect(&address, &Secret::new(TOKEN), &Mask::new([SECRET]), Box::new(clock)).expect("a client")
    }

    /// A client of somebody who wants to stop: no wait is waited to its end.
    pub(crate) fn interrupted_client(&self) -> GitHub {
        let repository = RepositoryName::parse(&self.state().name).expect("a name");
        let address = Address { api: self.api(), repository };
        let clock = FakeClock { pauses: Arc::clone(&self.pauses), interrupted: Waited::Interrupted };
        GitHub::connect(&address, &Secret::new(TOKEN), &Mask::default(), Box::new(clock)).expect("a client")
    }

    /// The pauses that clients of this fake made, in seconds.
    pub(crate) fn pauses(&self) -> Vec<u64> {
        lock(&self.pauses).iter().map(Duration::as_secs).collect()
    }

    /// The payload of an event that tells of this state.
    pub(crate) fn payload(&self, payload: &Payload) -> String {
        payload.text(&self.state())
    }
}

/// A test that broke GitHub's contract fails, whatever else it looked at.
impl Drop for FakeGitHub {
    fn drop(&mut self) {
        self.server.stop();
        let violations = self.violations();
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "GitHub's description is broken:\n{}", violations.join("\n"));
        }
    }
}

/// A clock on which waiting takes no time and is written down.
struct FakeClock {
    pauses: Arc<Mutex<Vec<Duration>>>,
    interrupted: Waited,
}

impl Waiting for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::parse(state::NOW).expect("a moment")
    }

    fn wait(&self, how_long: Duration) -> Waited {
        lock(&self.pauses).push(how_long);
        self.interrupted
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
