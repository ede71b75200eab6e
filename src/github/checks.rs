//! Check runs: one per project and commit, with its report and the places that it points at.
//!
//! GitHub's documentation, "Check runs": 50 annotations a request, each further update adds its own to those before; 65,535
//! for summary and text each. `neutral` and `skipped` count as passed for a required check, so `neutral` does not exist here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{CheckRunId, CommitId};

use super::{Call, GitHub, Result};

/// The most of a summary and of a text. Whether GitHub counts characters or bytes is not documented: bytes are safe.
pub const LONGEST_CHECK_TEXT: usize = 65_535;

/// Annotations of one request.
const BATCH: usize = 50;

/// Where a check run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// It will begin.
    Queued,
    /// It has begun.
    InProgress,
    /// It is over.
    Completed(Conclusion),
}

/// How a check run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// All is well.
    Success,
    /// The answer is no.
    Failure,
    /// Somebody stopped it, or a newer head took its place.
    Cancelled,
    /// A person has to do something.
    ActionRequired,
    /// Nothing of ours; counts as passed.
    Skipped,
    /// It took too long.
    TimedOut,
}

/// A check run that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCheck {
    /// Its name, such as `bot / plan (analytics)`.
    pub name: String,
    /// The commit that it is about: a pull request's head, never its test merge, or nobody sees it there.
    pub commit: CommitId,
    /// What tells it from every other one of its name, such as the run's id and attempt: by it the check is found again where
    /// it stays open whether the call had its effect.
    pub external_id: String,
    /// Its state and what it says.
    pub update: CheckUpdate,
}

/// What a check run becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckUpdate {
    /// Where it stands.
    pub state: CheckState,
    /// Where a person reads more.
    pub details_url: Option<String>,
    /// What it says; `None` leaves it.
    pub report: Option<CheckReport>,
}

/// What a check run says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// One line of plain text.
    pub title: String,
    /// Markdown; cut where it is longer than GitHub takes, so fit it to [`LONGEST_CHECK_TEXT`] bytes before.
    pub summary: String,
    /// More Markdown, with the same limit.
    pub text: Option<String>,
    /// Places in files. They are added to those that the check has.
    pub annotations: Vec<Annotation>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The file, from the repository's root.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// How bad it is.
    pub level: AnnotationLevel,
    /// A title in plain text.
    pub title: String,
    /// What is wrong, in plain text.
    pub message: String,
}

/// How bad the thing is that an annotation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnotationLevel {
    /// Good to know.
    Notice,
    /// Worth a look.
    Warning,
    /// Wrong.
    Failure,
}

/// A check run as GitHub has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawCheck")]
pub struct CheckRun {
    /// Its id.
    pub id: CheckRunId,
    /// Its name.
    pub name: String,
    /// What its maker told it apart by.
    pub external_id: Option<String>,
    /// Whether it is over, and how GitHub calls its end.
    pub conclusion: Option<String>,
    /// Where a browser shows it.
    pub url: Option<String>,
    /// How many places it points at.
    pub annotations: usize,
}

#[derive(Deserialize)]
struct RawCheck {
    id: CheckRunId,
    name: String,
    external_id: Option<String>,
    conclusion: Option<String>,
    html_url: Option<String>,
    output: RawOutput,
}

#[derive(Deserialize)]
struct RawOutput {
    annotations_count: usize,
}

#[derive(Deserialize)]
struct RawChecks {
    check_runs: Vec<CheckRun>,
}

impl GitHub {
    /// The check runs of one name on a commit; of each suite the newest.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub fn check_runs(&self, commit: &CommitId, name: &str) -> Result<Vec<CheckRun>> {
        let call = Call::CheckRuns { commit: commit.clone(), name: name.to_owned() };
        let pages: Vec<RawChecks> = self.ask_pages(&call)?;
        Ok(pages.into_iter().flat_map(|page| page.check_runs).collect())
    }

    /// Makes a check run. More annotations than a request takes follow in further ones, the state with the last.
    ///
    /// # Errors
    /// GitHub refuses it or cannot be asked.
    pub fn create_check(&self, check: &NewCheck) -> Result<CheckRun> {
        let call = Call::CreateCheck { commit: check.commit.clone() };
        let batches = self.batches(&check.update);
        let (first, rest) = batches.split_first().map_or((json!({}), &[][..]), |(first, rest)| (first.clone(), rest));
        let mut body = first;
        body["name"] = json!(check.name);
        body["head_sha"] = json!(check.commit);
        body["external_id"] = json!(check.external_id);
        let made = self.create(&call, &body, || {
            let known = self.check_runs(&check.commit, &check.name)?;
            Ok(known.into_iter().find(|known| known.external_id.as_deref() == Some(check.external_id.as_str())))
        })?;
        rest.iter().try_fold(made, |known, batch| self.send_batch(&known, batch))
    }

    /// Changes a check run, which is given as GitHub showed it last.
    ///
    /// # Errors
    /// GitHub refuses it or cannot be asked.
    pub fn update_check(&self, check: &CheckRun, update: &CheckUpdate) -> Result<CheckRun> {
        self.batches(update).iter().try_fold(check.clone(), |known, batch| self.send_batch(&known, batch))
    }

    /// One update. Annotations are added, not set: after a fault that leaves it open whether they were, their number tells.
    fn send_batch(&self, known: &CheckRun, body: &Value) -> Result<CheckRun> {
        let call = Call::UpdateCheck(known.id);
        let added = body["output"]["annotations"].as_array().map_or(0, Vec::len);
        if added == 0 {
            return self.ask(&call, Some(body));
        }
        self.create(&call, body, || {
            let now: CheckRun = self.ask(&Call::CheckRun(known.id), None)?;
            Ok((now.annotations >= known.annotations + added).then_some(now))
        })
    }

    /// The bodies of the requests that an update takes.
    fn batches(&self, update: &CheckUpdate) -> Vec<Value> {
        let Some(report) = &update.report else { return vec![state(update)] };
        let annotations: Vec<Value> = report.annotations.iter().map(|annotation| self.annotation(annotation)).collect();
        let mut groups: Vec<&[Value]> = annotations.chunks(BATCH).collect();
        if groups.is_empty() {
            groups.push(&[]);
        }
        let last = groups.len() - 1;
        let body = |(index, group): (usize, &&[Value])| {
            let mut output = json!({
                "title": self.fit(&report.title, 255),
                "summary": self.fit(&report.summary, LONGEST_CHECK_TEXT),
            });
            if let Some(text) = &report.text {
                output["text"] = json!(self.fit(text, LONGEST_CHECK_TEXT));
            }
            if !group.is_empty() {
                output["annotations"] = json!(group);
            }
            // Nobody sees a verdict before the places that it rests on.
            let mut body = if index == last { state(update) } else { json!({ "status": "in_progress" }) };
            body["output"] = output;
            body
        };
        groups.iter().enumerate().map(body).collect()
    }

    fn annotation(&self, annotation: &Annotation) -> Value {
        let line = annotation.line.max(1);
        let mut value = json!({
            "path": annotation.path,
            "start_line": line,
            "end_line": line,
            "annotation_level": annotation.level,
            "title": self.fit(&annotation.title, 255),
            "message": self.fit(&annotation.message, 64 * 1024),
        });
        if let Some(column) = annotation.column {
            value["start_column"] = json!(column.max(1));
            value["end_column"] = json!(column.max(1));
        }
        value
    }

    /// The text without secrets, cut to so many bytes.
    fn fit(&self, text: &str, bytes: usize) -> String {
        cut(&self.mask.apply(text), bytes)
    }
}

fn state(update: &CheckUpdate) -> Value {
    let mut body = match update.state {
        CheckState::Queued => json!({ "status": "queued" }),
        CheckState::InProgress => json!({ "status": "in_progress" }),
        CheckState::Completed(conclusion) => json!({ "status": "completed", "conclusion": conclusion }),
    };
    if let Some(url) = &update.details_url {
        body["details_url"] = json!(url);
    }
    body
}

/// A text that is too long loses its end, at the border of a character, and says so.
fn cut(text: &str, bytes: usize) -> String {
    const NOTE: &str = "…";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes.saturating_sub(NOTE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{NOTE}", &text[..end])
}

impl From<RawCheck> for CheckRun {
    fn from(raw: RawCheck) -> Self {
        Self {
            id: raw.id,
            name: raw.name,
            external_id: raw.external_id,
            conclusion: raw.conclusion,
            url: raw.html_url,
            annotations: raw.output.annotations_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_the_border_of_a_character() {
        assert_eq!(cut("größe", 7), "größe");
        assert_eq!(cut("größegröße", 9), "größ…");
        assert_eq!(cut("größegröße", 8), "grö…");
        for bytes in 3..20 {
            assert!(cut(&"🙂".repeat(9), bytes).len() <= bytes, "{bytes}");
        }
    }
}
