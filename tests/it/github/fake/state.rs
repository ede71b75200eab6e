//! What the fake GitHub knows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use offshoot::ids::PullRequestNumber;
use serde_json::Value;

use super::routes::Request;

/// The fake's present.
pub(super) const NOW: &str = "2026-04-01T00:00:00Z";

/// The number of the repository, which stays when its name changes.
pub(super) const REPOSITORY_ID: u64 = 1001;

/// A commit that `main` has from the beginning.
const MAIN: &str = "77ab01d000000000000000000000000000000001";

/// Everything.
pub(crate) struct State {
    /// `owner/name`.
    pub(crate) name: String,
    /// Names that it had before; they redirect.
    pub(crate) former_names: Vec<String>,
    /// With which statuses they do: of reads, of writes.
    pub(crate) redirects: (u16, u16),
    /// `/api/v3` as on an Enterprise Server, or nothing.
    pub(crate) prefix: &'static str,
    /// Where it is served.
    pub(super) host: String,
    /// Where links to further pages lead, if not to itself.
    pub(crate) links_lead_to: Option<String>,
    /// Whose the token is.
    pub(crate) me: Me,
    /// What the token may do.
    pub(crate) access: Access,
    /// Pull requests by number.
    pub(crate) pulls: BTreeMap<u64, Pull>,
    /// Comments, the oldest first.
    pub(crate) comments: Vec<Comment>,
    /// Check runs, the oldest first.
    pub(crate) checks: Vec<Check>,
    /// Comment, login and content of reactions.
    pub(crate) reactions: Vec<(u64, String, String)>,
    /// What people may do: `admin`, `maintain`, `write`, `triage`, `read`, `none`, or a role of somebody's own making with the
    /// level behind a slash (`analyst/write`).
    pub(crate) people: BTreeMap<String, String>,
    /// Branches with their commits.
    pub(crate) branches: BTreeMap<String, String>,
    /// The git repository behind it, for what lies between commits and in files.
    pub(crate) git: Option<PathBuf>,
    /// The pull requests of a commit.
    pub(crate) pulls_of: BTreeMap<String, Vec<u64>>,
    /// What will go wrong: method, end of the path, how.
    pub(crate) troubles: Vec<(String, String, Trouble)>,
    /// What will happen behind an answer: method, end of the path, what.
    pub(super) surprises: Vec<(String, String, Surprise)>,
    /// The run's id and attempt.
    pub(crate) run: (u64, u32),
    /// All requests, in order.
    pub(crate) requests: Vec<Request>,
    /// What broke GitHub's description.
    pub(super) violations: Vec<String>,
    next_id: u64,
    ticks: u32,
}

/// Something that somebody else does in the meantime.
pub(super) type Surprise = Box<dyn FnOnce(&mut State) + Send>;

/// Whose the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Me {
    /// The runner's: it may not ask for its account.
    Runner,
    /// An account's.
    Account(String),
}

/// What the token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everything that the bot needs.
    Write,
    /// Only read, as the token of a fork's pull request.
    ReadOnly,
}

/// A pull request.
#[derive(Clone, Debug)]
pub(crate) struct Pull {
    pub(crate) head_branch: String,
    pub(crate) head: String,
    pub(crate) head_repository: HeadRepository,
    pub(crate) base_branch: String,
    pub(crate) base: String,
    pub(crate) author: String,
    pub(crate) state: &'static str,
    pub(crate) draft: bool,
    pub(crate) merged: bool,
    pub(crate) merge_commit: Option<String>,
    /// What GitHub says once it has computed it.
    pub(crate) mergeable: bool,
    /// How often it says `null` before.
    pub(crate) nulls: u32,
    pub(crate) labels: Vec<String>,
}

/// Where a pull request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeadRepository {
    Here,
    Fork(String),
    DeletedFork,
}

/// A comment.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    /// How often it was changed.
    pub(crate) edits: u32,
    /// When it was written and last changed, in ticks of the fake's clock.
    pub(crate) written: u32,
    pub(crate) changed: u32,
}

/// A check run.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) commit: String,
    pub(crate) external_id: Option<String>,
    pub(crate) details_url: Option<String>,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) annotations: Vec<Value>,
}

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// 502, and nothing is done.
    ServerErrorBefore,
    /// 502, and all is done.
    ServerErrorAfter,
    /// The connection is closed, and nothing is done.
    DroppedBefore,
    /// The connection is closed, and all is done.
    DroppedAfter,
    /// No answer ever comes, and nothing is done.
    Silent,
    /// 429 with `Retry-After`, or without.
    TooMany(Option<u64>),
    /// 403 that speaks of a secondary rate limit, with `Retry-After`, or without.
    SecondaryLimit(Option<u64>),
    /// 403 because nothing remains until this time, in seconds since 1970.
    NothingRemains(i64),
    /// 403 with a reason of GitHub's own.
    Forbidden(&'static str),
    /// An answer that no GitHub gives.
    Nonsense(&'static str),
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            name: "acme/shop".into(),
            former_names: Vec::new(),
            redirects: (301, 307),
            prefix: "",
            host: String::new(),
            links_lead_to: None,
            me: Me::Runner,
            access: Access::Write,
            pulls: BTreeMap::new(),
            comments: Vec::new(),
            checks: Vec::new(),
            reactions: Vec::new(),
            people: [("ada".to_owned(), "maintain".to_owned())].into(),
            branches: [("main".to_owned(), MAIN.to_owned())].into(),
            git: None,
            pulls_of: BTreeMap::new(),
            troubles: Vec::new(),
            surprises: Vec::new(),
            run: (7_711_223_344, 1),
            requests: Vec::new(),
            violations: Vec::new(),
            next_id: 5000,
            ticks: 0,
        }
    }

    pub(super) fn api(&self) -> String {
        format!("{}{}", self.host, self.prefix)
    }

    /// Opens a pull request under the next number.
    pub(crate) fn open(&mut self, pull: Pull) -> PullRequestNumber {
        let number = self.pulls.keys().next_back().map_or(142, |last| last + 1);
        if pull.head_repository == HeadRepository::Here {
            self.branches.insert(pull.head_branch.clone(), pull.head.clone());
        }
        self.pulls.insert(number, pull);
        PullRequestNumber(number)
    }

    /// Somebody's comment.
    pub(crate) fn comment(&mut self, number: PullRequestNumber, author: &str, body: &str) -> u64 {
        let (id, now) = (self.id(), self.tick());
        let (author, body) = (author.into(), body.into());
        self.comments.push(Comment { id, number: number.0, author, body, edits: 0, written: now, changed: now });
        id
    }

    /// The login that the token writes as.
    pub(super) fn my_login(&self) -> String {
        match &self.me {
            Me::Runner => "github-actions[bot]".to_owned(),
            Me::Account(login) => login.clone(),
        }
    }

    /// Whether a commit was ever heard of.
    pub(super) fn knows(&self, commit: &str) -> bool {
        let heads = self.pulls.values().flat_map(|pull| [Some(&pull.head), pull.merge_commit.as_ref()]).flatten();
        heads.chain(self.branches.values()).any(|known| known == commit) || self.pulls_of.contains_key(commit)
    }

    /// A second passes.
    pub(super) fn tick(&mut self) -> u32 {
        self.ticks += 1;
        self.ticks
    }

    pub(super) fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Lets happen what happens behind this request's answer.
    pub(super) fn surprise(&mut self, request: &Request) {
        let index = self.surprises.iter().position(|(method, end, _)| request.is(method, end));
        if let Some(index) = index {
            (self.surprises.remove(index).2)(self);
        }
    }

    /// Takes the trouble that this request meets.
    pub(super) fn trouble(&mut self, request: &Request) -> Option<Trouble> {
        let index = self.troubles.iter().position(|(method, end, _)| request.is(method, end))?;
        Some(self.troubles.remove(index).2)
    }
}

impl Pull {
    /// One of the repository's own branches into `main`, ready and mergeable.
    pub(crate) fn from(branch: &str, head: &str) -> Self {
        Self {
            head_branch: branch.into(),
            head: head.into(),
            head_repository: HeadRepository::Here,
            base_branch: "main".into(),
            base: MAIN.into(),
            author: "ada".into(),
            state: "open",
            draft: false,
            merged: false,
            merge_commit: None,
            mergeable: true,
            nulls: 0,
            labels: Vec::new(),
        }
    }
}
