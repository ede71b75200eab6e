//! The states of a pull request's report (research: pull-request bots, 5.1 and 5.3), and what each means for the comment
//! and for the check. `neutral` and `skipped` are never used for what was not built: GitHub lets both pass a required
//! check.

use super::{BaseMove, Blocker, Findings, Freshness};
use crate::ids::{CommitId, FilePath, Login, ModelName};
use crate::plan::Category;
use crate::problem::Problem;
use crate::sticky::{Presence, Previous, Verdict};
use crate::time::{IntervalUnit, Timestamp};

/// What there is to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// A plan; nothing was built, and that is as it should be for now.
    Planned(Box<Findings>, NotBuilt),
    /// A plan that was carried out; ready for production where nothing blocks it.
    Built(Box<Findings>),
    /// A run began; the plan of the run before stays visible.
    Running(Option<Previous>),
    /// No model differs.
    NoChange,
    /// There is no plan to carry out, or carrying it out failed.
    Failed {
        /// What is wrong.
        problems: Vec<Problem>,
        /// The last plan that there was.
        last_good: Option<Previous>,
    },
    /// The build stopped in the middle; what was loaded is kept.
    Partial(Box<Findings>, Stopped),
    /// The branch moved while the run worked: the newer run has the word.
    HeadMoved {
        /// Where it is now.
        newer: CommitId,
    },
    /// The base branch moved, and on it the plan would be another one.
    BaseMoved {
        /// The plan as it was.
        findings: Box<Findings>,
        /// How it moved.
        moved: BaseMove,
    },
    /// A static plan of a run that may neither write nor reach the warehouse.
    ForkOrReadOnly(Box<Findings>, ReadOnly),
    /// The branch cannot be merged as it is, so there is no result to plan.
    Conflict {
        /// The files in conflict.
        files: Vec<FilePath>,
        /// The last plan that there was.
        last_good: Option<Previous>,
    },
    /// The pull request was merged, and production shows it.
    Promoted(Promotion, Option<Previous>),
    /// The pull request is closed.
    Closed(Closing),
}

/// Why a plan was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBuilt {
    /// The pull request is a draft.
    Draft,
    /// State and warehouse are files, and those of a hosted runner are gone after the job.
    NothingWouldStay,
}

/// Why a run may not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOnly {
    /// The branch is of another repository.
    Fork,
    /// Dependabot's runs get no secrets.
    Dependabot,
    /// The token may not write comments or checks.
    Token,
}

/// Where a build stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The model.
    pub model: ModelName,
    /// Units loaded.
    pub done: u64,
    /// Units that should be.
    pub of: u64,
    /// The unit; a model that is filled as a whole has one of its own.
    pub unit: IntervalUnit,
    /// Why.
    pub cause: StopCause,
}

/// Why a build stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// The run was cancelled, or ran out of time.
    Cancelled,
    /// The limit of the settings was reached; a person may ask for more.
    Limit,
    /// The engine refused; its message.
    Refused(String),
}

/// What a promotion did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The commit of the base branch that production shows now.
    pub commit: CommitId,
    /// Who merged.
    pub by: Login,
    /// Views that point elsewhere now.
    pub swapped: usize,
    /// Tables that had to be filled or completed for it.
    pub built: usize,
}

/// What closing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Views that were dropped.
    pub dropped: usize,
    /// Tables that nothing points at any more.
    pub tables_kept: usize,
    /// Until when they are kept at least; `None` where they stay for good.
    pub until: Option<Timestamp>,
}

/// How a check ends, in GitHub's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Nothing stands in the way.
    Success,
    /// Something is wrong.
    Failure,
    /// Somebody has to decide or ask for more.
    ActionRequired,
    /// The run stopped; another one goes on.
    Cancelled,
}

impl Conclusion {
    /// As the API takes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::ActionRequired => "action_required",
            Self::Cancelled => "cancelled",
        }
    }
}

impl State {
    /// The plan, where the state has one of its own.
    pub fn findings(&self) -> Option<&Findings> {
        match self {
            Self::Planned(findings, _)
            | Self::Built(findings)
            | Self::Partial(findings, _)
            | Self::ForkOrReadOnly(findings, _)
            | Self::BaseMoved { findings, .. } => Some(findings),
            _ => None,
        }
    }

    /// The same beside a base branch that moved: what was planned or built is stale where the findings say so. What is
    /// wrong by itself stays so on every base, and is the worse news: plans with errors or failed checks keep their own
    /// state, as do those that are no offer to merge (built in part, or of a run that may not write), and say in their
    /// figures that they are stale.
    pub fn beside_its_base(self) -> Self {
        let moved = self.findings().and_then(|findings| match &findings.freshness {
            Freshness::Stale(moved) if blocked(findings) != Some(Conclusion::Failure) => Some(moved.clone()),
            _ => None,
        });
        match (self, moved) {
            (Self::Planned(findings, _) | Self::Built(findings), Some(moved)) => Self::BaseMoved { findings, moved },
            (other, _) => other,
        }
    }

    /// As JSON has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Planned(..) => "planned",
            Self::Built(_) => "built",
            Self::Running(_) => "running",
            Self::NoChange => "no_change",
            Self::Failed { .. } => "failed",
            Self::Partial(..) => "partial",
            Self::HeadMoved { .. } => "head_moved",
            Self::BaseMoved { .. } => "base_moved",
            Self::ForkOrReadOnly(..) => "fork_or_read_only",
            Self::Conflict { .. } => "conflict",
            Self::Promoted(..) => "promoted",
            Self::Closed(_) => "closed",
        }
    }

    /// The plan in a word; `None` where the state is none of a plan.
    pub fn verdict(&self) -> Option<Verdict> {
        Some(match self {
            Self::Built(findings) if !findings.blockers().is_empty() => Verdict::NotReady,
            Self::Built(findings) if is_breaking(findings) => Verdict::ReadyAndBreaking,
            Self::Built(_) => Verdict::Ready,
            Self::Planned(findings, _) | Self::ForkOrReadOnly(findings, _) if !findings.blockers().is_empty() => {
                Verdict::NotBuiltNotReady
            }
            Self::Planned(..) => Verdict::NotBuilt,
            Self::ForkOrReadOnly(..) => Verdict::Static,
            Self::Partial(..) => Verdict::Partial,
            Self::BaseMoved { .. } => Verdict::Stale,
            Self::Failed { .. } => Verdict::Failed,
            Self::Conflict { .. } => Verdict::Conflict,
            Self::NoChange => Verdict::NoChange,
            Self::Running(_) | Self::HeadMoved { .. } | Self::Promoted(..) | Self::Closed(_) => return None,
        })
    }

    /// Whether it deserves a comment.
    pub fn presence(&self) -> Presence {
        match self {
            Self::HeadMoved { .. } | Self::ForkOrReadOnly(..) => Presence::Never,
            Self::NoChange | Self::Closed(_) => Presence::IfThereIsOne,
            _ => Presence::Always,
        }
    }

    /// How the check ends; `None` while it runs, and where the state is told after the check's own commit is history.
    pub fn conclusion(&self) -> Option<Conclusion> {
        match self {
            Self::Running(_) | Self::Promoted(..) | Self::Closed(_) => None,
            Self::NoChange => Some(Conclusion::Success),
            Self::Failed { .. } => Some(Conclusion::Failure),
            Self::HeadMoved { .. } => Some(Conclusion::Cancelled),
            Self::BaseMoved { .. } | Self::Conflict { .. } => Some(Conclusion::ActionRequired),
            Self::Planned(findings, _) => Some(blocked(findings).unwrap_or(Conclusion::ActionRequired)),
            Self::Built(findings) | Self::ForkOrReadOnly(findings, _) => {
                Some(blocked(findings).unwrap_or(Conclusion::Success))
            }
            Self::Partial(_, stopped) => Some(match stopped.cause {
                StopCause::Cancelled => Conclusion::Cancelled,
                StopCause::Limit => Conclusion::ActionRequired,
                StopCause::Refused(_) => Conclusion::Failure,
            }),
        }
    }
}

fn is_breaking(findings: &Findings) -> bool {
    findings.plan.models.iter().any(|model| model.category == Category::Breaking)
}

fn blocked(findings: &Findings) -> Option<Conclusion> {
    let blockers = findings.blockers();
    let is_wrong = |blocker: &Blocker<'_>| !matches!(blocker, Blocker::Destruction(_));
    match blockers.iter().any(is_wrong) {
        true => Some(Conclusion::Failure),
        false => (!blockers.is_empty()).then_some(Conclusion::ActionRequired),
    }
}
