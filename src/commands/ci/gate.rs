//! The check of a commit that is of no pull request: a merge queue's group.

use super::tell::annotations;
use super::{Job, files, github_error};
use crate::error::{CommandError, CommandResult, Exit};
use crate::github::{CheckReport, CheckRun, CheckState, CheckUpdate, Conclusion, NewCheck};
use crate::ids::{CommitId, ProjectName};
use crate::problem::Problem;
use crate::render::{comment, markdown};

/// The check of a commit that is of no pull request.
pub(super) struct Gate<'j> {
    job: &'j Job<'j>,
    check: Option<CheckRun>,
}

impl<'j> Gate<'j> {
    /// Opens the check, where there is a token.
    ///
    /// # Errors
    /// GitHub refuses it or cannot be asked.
    pub(super) fn open(job: &'j Job<'j>, project: &ProjectName, commit: &CommitId) -> Result<Self, CommandError> {
        let Some(github) = job.github()? else { return Ok(Self { job, check: None }) };
        let run = job.run();
        let check = github.create_check(&NewCheck {
            name: comment::check_name_of(project),
            commit: commit.clone(),
            external_id: format!("{project}-{}-{}", run.key.id, run.key.attempt),
            update: CheckUpdate { state: CheckState::InProgress, details_url: job.runner.run_url(), report: None },
        });
        Ok(Self { job, check: Some(check.map_err(github_error)?) })
    }

    /// Says how it ended.
    ///
    /// # Errors
    /// As [`Gate::open`], or the runner's files cannot be written.
    pub(super) fn close(self, ended: Ended) -> CommandResult {
        let (conclusion, state, exit) = match &ended {
            Ended::Built { .. } => (Conclusion::Success, "built", Exit::Done),
            Ended::NotBuilt(_) => (Conclusion::ActionRequired, "planned", Exit::Done),
            Ended::Failed(_) => (Conclusion::Failure, "failed", Exit::No),
        };
        let title = ended.title();
        let problems = if let Ended::Failed(problems) = ended { problems } else { Vec::new() };
        let summary = markdown::prose(&title);
        if let (Some(github), Some(check)) = (self.job.github()?, &self.check) {
            let annotations = annotations(&problems, &self.job.workspace.folder);
            let report = CheckReport { title: title.clone(), summary: summary.clone(), text: None, annotations };
            let details_url = self.job.runner.run_url();
            let update = CheckUpdate { state: CheckState::Completed(conclusion), details_url, report: Some(report) };
            github.update_check(check, &update).map_err(github_error)?;
        }
        files::output(self.job, "state", state)?;
        files::append(self.job, "GITHUB_STEP_SUMMARY", &format!("{summary}\n"))?;
        self.job.annotate(&problems);
        self.job.context.output.data(&format!("{}\n", crate::visible::visible(&title)));
        Ok(exit)
    }
}

/// How a group ended.
pub(super) enum Ended {
    /// What production would need is there.
    Built {
        /// Tables that were filled for it.
        tables: usize,
    },
    /// It was planned and not built, and why. No success: GitHub would let the group in.
    NotBuilt(&'static str),
    /// Something is wrong.
    Failed(Vec<Problem>),
}

impl Ended {
    fn title(&self) -> String {
        match self {
            Self::Built { tables: 1 } => "1 table built, the rest is there".to_owned(),
            Self::Built { tables } => format!("{tables} tables built, the rest is there"),
            Self::NotBuilt(why) => (*why).to_owned(),
            Self::Failed(problems) => problems.first().map(|problem| problem.message.clone()).unwrap_or_default(),
        }
    }
}
