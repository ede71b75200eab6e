//! What happened on GitHub, as the runner tells it: the name of the event and its payload become one small value.
//!
//! Only the fields that are used are read. This module never reads a variable or a file: texts come in as arguments, and
//! all of them are hostile. The events and their payloads: GitHub's documentation, "Events that trigger workflows" and
//! "Webhook events and payloads".

mod command;
mod ignored;
mod label;
mod payload;
mod pull_request;
mod read;
mod runner;

pub use command::{Asked, COMMANDS, Command, CommandEntry, Misspoken, Permission, asked, help};
pub use ignored::Ignored;
pub use label::Label;
pub use pull_request::{Account, AccountKind, Comment, Mergeability, Origin, PullRequest, Side, Standing};
pub use read::read;
pub use runner::{Hosting, Runner};

use crate::ids::{CommitId, Login, PullRequestNumber, RefName, RepositoryName};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something happened to a pull request that its plan or its environment depends on.
    PullRequest {
        /// What.
        change: PullRequestChange,
        /// The pull request as it was when the event was sent: its base commit may be old by now.
        pull_request: Box<PullRequest>,
        /// Where.
        repository: Repository,
    },
    /// A branch has a new commit.
    Push {
        /// The branch.
        branch: RefName,
        /// Its commit before; `None` where the branch is new. It need not be in the repository any more.
        before: Option<CommitId>,
        /// Its commit now.
        after: CommitId,
        /// Where.
        repository: Repository,
    },
    /// A merge queue asks whether a group of pull requests may go in. The payload names none of them.
    MergeGroup {
        /// The commit that the base branch would get; checks are reported on it.
        head: CommitId,
        /// The temporary branch, `refs/heads/gh-readonly-queue/main/pr-104-…`.
        branch: RefName,
        /// The branch that it goes into.
        base_branch: RefName,
        /// What the group stands on.
        base: CommitId,
        /// Where.
        repository: Repository,
    },
    /// Somebody asked for something in a comment on a pull request. The payload has no head commit: read the pull request.
    Comment {
        /// The pull request.
        number: PullRequestNumber,
        /// The comment; its author may be anybody.
        comment: Box<Comment>,
        /// What was asked.
        asked: Result<Command, Misspoken>,
        /// Where.
        repository: Repository,
    },
    /// A branch was deleted.
    BranchDeleted {
        /// The branch.
        branch: RefName,
        /// Where.
        repository: Repository,
    },
    /// The time of a workflow's `schedule` has come.
    Schedule {
        /// The line of `cron` that it was.
        cron: Option<String>,
    },
    /// Somebody started the workflow by hand.
    Dispatch {
        /// The branch or tag that it was started on.
        reference: Option<RefName>,
        /// Who.
        actor: Option<Login>,
    },
    /// Nothing to do.
    Nothing {
        /// Why, for the one line that is printed.
        why: Ignored,
    },
}

/// What happened to a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullRequestChange {
    /// It was opened.
    Opened,
    /// Its branch has a new head.
    Pushed {
        /// The head before, where GitHub says so.
        before: Option<CommitId>,
    },
    /// It was closed and is open again.
    Reopened,
    /// It is no draft any more.
    ReadyForReview,
    /// It became a draft.
    ConvertedToDraft,
    /// It goes into another branch now.
    NewBase {
        /// The branch before.
        before: RefName,
    },
    /// It got a label that the bot knows, or lost it.
    Labels,
    /// It went into its base branch.
    Merged,
    /// It was closed and not merged.
    Closed,
}

/// The repository of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its name.
    pub name: RepositoryName,
    /// Its default branch.
    pub default_branch: RefName,
}
