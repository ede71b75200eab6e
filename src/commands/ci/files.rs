//! The files of the runner: outputs, the step summary, and what the artifact is made of. Secrets are taken out of all of
//! them: GitHub masks logs and summaries, not artifacts.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::Job;
use crate::error::CommandError;
use crate::render::comment::{self, STEP_SUMMARY};
use crate::render::{actions, json};
use crate::report::Report;

/// The step summary, the outputs and the artifact's JSON.
pub(super) fn write(job: &Job<'_>, report: &Report) -> Result<(), CommandError> {
    let findings = report.state.findings();
    let count = |number: usize| number.to_string();
    let outputs = [
        ("state", report.state.code().to_owned()),
        ("environment", report.pull_request.environment.as_str().to_owned()),
        ("changed", count(findings.map_or(0, |findings| findings.changed().0 + findings.changed().1))),
        ("built", count(findings.and_then(|found| found.built.as_ref()).map_or(0, |built| built.builds.len()))),
    ];
    for (name, value) in outputs {
        output(job, name, &value)?;
    }
    append(job, "GITHUB_STEP_SUMMARY", &comment::step_summary(report, STEP_SUMMARY))?;
    if let Some(path) = &job.arguments.report {
        let path = job.context.surroundings.resolve(path);
        std::fs::write(&path, job.mask().apply(&json::report(report))).map_err(|error| not_written(&path, error))?;
        output(job, "report", &path.to_string_lossy())?;
    }
    Ok(())
}

/// An output of the step.
pub(super) fn output(job: &Job<'_>, name: &str, value: &str) -> Result<(), CommandError> {
    let entry = actions::output(name, value, &job.random)
        .map_err(|error| CommandError::failed("an output cannot be written").because(error))?;
    append(job, "GITHUB_OUTPUT", &entry)
}

/// Adds to one of the runner's files, where there is one. Secrets are taken out: GitHub masks summaries, not artifacts.
pub(super) fn append(job: &Job<'_>, variable: &str, text: &str) -> Result<(), CommandError> {
    let Some(path) = job.context.surroundings.variable(variable) else { return Ok(()) };
    let path = job.context.surroundings.resolve(Path::new(path));
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(job.mask().apply(text).as_bytes()));
    written.map_err(|error| not_written(&path, error))
}

fn not_written(path: &Path, error: std::io::Error) -> CommandError {
    CommandError::failed(format!("`{}` cannot be written", path.display())).because(error)
}
