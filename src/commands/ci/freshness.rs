//! Whether the base branch moved while the bot planned, and whether that touches the plan. The new commits are not in this
//! clone, so GitHub tells which files they change and what those hold; laid over the plan's own trees, these are the trees
//! that the next plan would compare. Whatever cannot be known is said to be so: it is never guessed and fails no run.

use std::collections::BTreeSet;

use super::{Job, github_error};
use crate::error::CommandError;
use crate::files::{Edits, NewFile};
use crate::github::{Changed, Comparison, GitHub, MOST_FILES_TOLD};
use crate::ids::{BlobId, FilePath, ModelName, RefName};
use crate::planning::Planned;
use crate::problem::has_errors;
use crate::report::{BaseMove, Freshness, Touched, Unclear, WhyUnknown, touched};
use crate::workspace::Side;

/// The most files of a project whose content is asked for, one by one.
const MOST_FILES_READ: usize = 50;

/// How the plan stands to its base branch as that is now.
pub(super) fn of(job: &Job<'_>, branch: &RefName, planned: &Planned) -> Freshness {
    // Who is told to stop has ten seconds for the last word.
    if job.context.surroundings.interruption().is_requested() {
        return Freshness::Unknown(WhyUnknown::NotAsked);
    }
    asked(job, branch, planned).unwrap_or_else(|error| {
        job.context.output.talk(&format!("whether the base branch moved is not known: {}", error.message));
        Freshness::Unknown(WhyUnknown::NoAnswer)
    })
}

fn asked(job: &Job<'_>, branch: &RefName, planned: &Planned) -> Result<Freshness, CommandError> {
    let (Some(github), Some(base)) = (job.github()?, &planned.base) else {
        return Ok(Freshness::Unknown(WhyUnknown::NotAsked));
    };
    let commit = &planned.plan.commits.base;
    let Some(tip) = github.tip_of(branch).map_err(github_error)? else {
        return Ok(Freshness::Unknown(WhyUnknown::BranchGone));
    };
    if tip == *commit {
        return Ok(Freshness::Current);
    }
    let (commits, changed) = match github.compare(commit, &tip).map_err(github_error)? {
        Comparison::Same => return Ok(Freshness::Current),
        Comparison::Rewritten => return Ok(Freshness::Unknown(WhyUnknown::Rewritten)),
        Comparison::Ahead { commits, changed } => (commits, changed),
    };
    let touched = match changed {
        None => Some(Touched::Unclear(Unclear::ManyFiles(MOST_FILES_TOLD))),
        Some(changed) => touched_by(job, github, (base, &planned.result), changed)?,
    };
    Ok(match touched {
        None => Freshness::MovedAside(commits),
        Some(touched) => Freshness::Stale(BaseMove { commits, touched }),
    })
}

/// What of the plan between two sides the changes touch.
fn touched_by(
    job: &Job<'_>,
    github: &GitHub,
    (base, result): (&Side, &Side),
    changed: Vec<Changed>,
) -> Result<Option<Touched>, CommandError> {
    let changed = of_project(&job.workspace.folder, changed);
    if changed.is_empty() {
        return Ok(None);
    }
    if let Some(touched) = at_once((base, result), &changed) {
        return Ok(Some(touched));
    }
    let edits = edits(github, changed)?;
    let unclear = |why| Ok(Some(Touched::Unclear(why)));
    let Some(new_base) = job.workspace.side_with(base, &edits, None)? else { return unclear(Unclear::Links) };
    if new_base.settings != base.project.settings {
        return unclear(Unclear::Settings);
    }
    // As the next run would: under the settings of what is the base then.
    let new_result = job.workspace.side_with(result, &edits, Some(&new_base.settings))?;
    let Some(new_result) = new_result else { return unclear(Unclear::Links) };
    if has_errors(&new_result.problems) {
        return unclear(Unclear::Errors);
    }
    let models = touched((&base.tree, &result.tree), (&new_base.tree, &new_result.tree));
    Ok((!models.is_empty()).then_some(Touched::Models(models)))
}

/// The changes of the project's own files, from its own folder: it reads no others.
fn of_project(folder: &str, changed: Vec<Changed>) -> Vec<(FilePath, Option<BlobId>)> {
    let folder = match folder.trim_matches('/') {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    let own = |change: Changed| Some((FilePath::new(change.path.strip_prefix(&folder)?), change.blob));
    changed.into_iter().filter_map(own).collect()
}

/// What needs no look into the files: there are too many, or what the new base makes of one with the branch on it is git's
/// to merge.
fn at_once((base, result): (&Side, &Side), changed: &[(FilePath, Option<BlobId>)]) -> Option<Touched> {
    if changed.len() > MOST_FILES_READ {
        return Some(Touched::Unclear(Unclear::ManyFiles(MOST_FILES_READ)));
    }
    changed.iter().find_map(|(path, blob)| {
        let (old, own) = (base.project.files.get(path), result.project.files.get(path));
        if blob.is_none() && old.is_none() {
            return Some(Touched::Unclear(Unclear::NotInBase(path.clone())));
        }
        if own == old || own == blob.as_ref() {
            return None;
        }
        let models = [base, result].into_iter().flat_map(|side| side.tree.models.values());
        let models: BTreeSet<ModelName> =
            models.filter(|model| model.path == *path).map(|model| model.name.clone()).collect();
        Some(match models.is_empty() {
            true => Touched::Unclear(Unclear::BothChange(path.clone())),
            false => Touched::Models(models.into_iter().collect()),
        })
    })
}

fn edits(github: &GitHub, changed: Vec<(FilePath, Option<BlobId>)>) -> Result<Edits, CommandError> {
    let read = |blob: BlobId| -> Result<NewFile, CommandError> {
        let content = github.content_of(&blob).map_err(github_error)?;
        Ok(NewFile { blob, content })
    };
    changed.into_iter().map(|(path, blob)| Ok((path, blob.map(read).transpose()?))).collect()
}
