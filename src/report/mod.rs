//! What a pull request is told: one plain value that holds everything the comment, the check and the step summary say.
//!
//! The shell puts it together from the plan, what was built, what was compared and what GitHub said; `render::comment`
//! turns it into text. Nothing here reads, asks or decides what is done next.

mod base_move;
mod cost;
mod danger;
mod neighbourhood;
mod sql_change;
mod state;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

pub use base_move::{BaseMove, Touched, Unclear, touched};
pub use cost::{Cost, Due, Estimate, Price, Saved, Took, Work, estimates, units};
pub use danger::{Destruction, destructions};
pub use neighbourhood::{Neighbour, Neighbourhood, neighbourhood};
pub use sql_change::{Hunks, SqlChange, sql_changes};
pub use state::{Closing, Conclusion, NotBuilt, Promotion, ReadOnly, State, StopCause, Stopped};

use crate::data_diff::DataDiff;
use crate::ids::{CommitId, EnvironmentName, FilePath, ModelName, ProjectName, PullRequestNumber, RepositoryName};
use crate::plan::{Build, Change, Plan};
use crate::problem::{Problem, Severity};
use crate::sticky::{History, PastPlan, RunKey, Stamp};
use crate::time::Timestamp;

/// Everything that a pull request is told at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which pull request.
    pub pull_request: PullRequest,
    /// Which run tells it.
    pub run: Run,
    /// The plans that the comment told of before.
    pub past: History,
    /// What there is to tell.
    pub state: State,
}

/// A pull request of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// `GITHUB_SERVER_URL`, such as `https://github.com`.
    pub server: String,
    /// The repository.
    pub repository: RepositoryName,
    /// The project; empty where the repository has one.
    pub project: ProjectName,
    /// Its number.
    pub number: PullRequestNumber,
    /// The branch, as people name it.
    pub head_branch: String,
    /// The branch that it would be merged into.
    pub base_branch: String,
    /// The branch's commit, read once for the whole run.
    pub head: CommitId,
    /// The base branch's commit that the plan merges it onto.
    pub base: CommitId,
    /// The environment.
    pub environment: EnvironmentName,
    /// When the environment is over if nothing happens; `None` where it stays until the pull request is closed.
    pub expires_at: Option<Timestamp>,
}

/// The run that reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Run and attempt.
    pub key: RunKey,
    /// When it reports.
    pub at: Timestamp,
}

/// What is known of a plan: what it would do, what it did, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// The plan.
    pub plan: Plan,
    /// What was built for it; `None` where nothing was tried.
    pub built: Option<Built>,
    /// How the data differs from production's; `None` where it was not compared.
    pub data: Option<DataDiff>,
    /// What it cost and what it still costs.
    pub cost: Cost,
    /// What people query in production and would lose.
    pub destructions: Vec<Destruction>,
    /// What looked at the result; a row appears for each.
    pub checks: Vec<Check>,
    /// How the plan stands to the base branch.
    pub freshness: Freshness,
    /// How the queries of edited models differ.
    pub sql: Vec<SqlChange>,
    /// The models around those that change.
    pub neighbourhood: Neighbourhood,
    /// The file of each model, from the root of the repository.
    pub sources: BTreeMap<ModelName, FilePath>,
}

/// What was built.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// The tables that were filled or completed in this run.
    pub builds: Vec<Build>,
    /// Views whose target moved.
    pub swapped: usize,
    /// How long the whole took.
    pub seconds: f64,
}

/// Something that looked at the result and counts: lint, unit tests, audits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, ours.
    pub name: &'static str,
    /// How many passed.
    pub passed: u64,
    /// Of how many.
    pub of: u64,
}

/// How a plan stands to the base branch as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The base branch is where the plan found it.
    Current,
    /// It moved by so many commits, on top of which the branch makes the same difference.
    MovedAside(u64),
    /// It moved, and the plan would be another one.
    Stale(BaseMove),
    /// Nobody knows.
    Unknown(WhyUnknown),
}

/// Why it is not known how a plan stands to the base branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyUnknown {
    /// Nobody asked.
    NotAsked,
    /// GitHub was asked and gave no answer.
    NoAnswer,
    /// The branch is gone.
    BranchGone,
    /// The branch was pushed anew with another history.
    Rewritten,
}

/// What stands between the plan and production.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Blocker<'a> {
    /// The project is wrong.
    Error(&'a Problem),
    /// Something that production shows would go, and nobody allowed it.
    Destruction(&'a Destruction),
    /// Something failed.
    Check(&'a Check),
}

impl Report {
    /// What the comment remembers of itself.
    pub fn stamp(&self) -> Stamp {
        let PullRequest { environment, head, base, .. } = &self.pull_request;
        Stamp {
            environment: environment.clone(),
            head: head.clone(),
            base: base.clone(),
            run: self.run.key,
            history: self.history(),
        }
    }

    /// The last plans, the one that is told now among them.
    pub fn history(&self) -> History {
        let Some(verdict) = self.state.verdict() else { return self.past.clone() };
        let Run { key, at } = self.run;
        self.past.with(PastPlan { head: self.pull_request.head.clone(), verdict, at, run: key })
    }
}

impl Findings {
    /// Of a plan that was not carried out.
    pub fn planned(plan: Plan) -> Self {
        Self {
            plan,
            built: None,
            data: None,
            cost: Cost::default(),
            destructions: Vec::new(),
            checks: Vec::new(),
            freshness: Freshness::Unknown(WhyUnknown::NotAsked),
            sql: Vec::new(),
            neighbourhood: Neighbourhood::default(),
            sources: BTreeMap::new(),
        }
    }

    /// Everything that stands between the plan and production, what is wrong first.
    pub fn blockers(&self) -> Vec<Blocker<'_>> {
        let errors = self.plan.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let destructions = self.destructions.iter().filter(|destruction| destruction.allowed_by.is_none());
        let checks = self.checks.iter().filter(|check| check.passed < check.of);
        errors
            .map(Blocker::Error)
            .chain(checks.map(Blocker::Check))
            .chain(destructions.map(Blocker::Destruction))
            .collect()
    }

    /// What promote will still load for the models that the branch changes.
    pub fn due(&self) -> Vec<Due> {
        cost::due(&self.plan, &self.cost)
    }

    /// How many models the branch changes itself, and how many only because of those.
    pub fn changed(&self) -> (usize, usize) {
        let of = |wanted: fn(Change) -> bool| self.plan.models.iter().filter(|model| wanted(model.change)).count();
        let own = of(|change| !matches!(change, Change::Indirect | Change::Unaffected));
        (own, of(|change| change == Change::Indirect))
    }
}
