//! The one comment of a project on a pull request: how it is found again, what it remembers, and who may write it next.
//!
//! The first line of the comment is a marker with the project's name, the second a state line; both are HTML comments
//! that nobody sees. Neither is trusted: anybody may write a comment with our marker (research: pull-request bots, 1.5),
//! and whoever may write to the repository can edit ours. So a comment counts only if its author is ours, and its text is
//! taken over only where it is still the text that the state line was made for. This module never talks to GitHub.

mod history;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::event::Comment;
use crate::hash::Digest;
use crate::ids::{CommentId, CommitId, EnvironmentName, Login, ProjectName, RunId};
use crate::time::Timestamp;

pub use history::{History, PastPlan, Verdict};

/// What is to be done about the comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The comment itself.
    pub action: Action,
    /// Other comments of ours for the same project (two runs that began at once), to be replaced by [`folded`].
    pub duplicates: Vec<CommentId>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write the first comment.
    Create,
    /// Replace the text of this one.
    Update(CommentId),
    /// This one says it already.
    Unchanged(CommentId),
    /// A newer run has written: leave it alone.
    Superseded {
        /// The comment.
        comment: CommentId,
        /// The run that wrote it.
        by: RunKey,
    },
    /// There is none, and what is to be said does not deserve one.
    Nothing,
}

/// A workflow run and its attempt, in the order in which they began. GitHub's run ids ascend over all workflows of a
/// repository; run numbers do so in each workflow for itself, and a comment is written by several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunKey {
    /// `GITHUB_RUN_ID`.
    pub id: RunId,
    /// `GITHUB_RUN_ATTEMPT`.
    pub attempt: u32,
}

/// Whether a text deserves a comment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Always,
    /// Only if there is one already: "nothing changed" is no news where nothing was said before.
    IfThereIsOne,
    /// Nothing is written: another run owns the comment, or the token may not.
    Never,
}

/// What the state line remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The environment.
    pub environment: EnvironmentName,
    /// The branch's commit that the comment is about.
    pub head: CommitId,
    /// The base branch's commit.
    pub base: CommitId,
    /// The run that wrote it.
    pub run: RunKey,
    /// The last plans that it told of.
    pub history: History,
}

/// A comment's text in three parts; the plan among them may be taken over into a later comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Before the plan.
    pub before: String,
    /// The plan.
    pub plan: Option<Previous>,
    /// After the plan.
    pub after: String,
}

/// The plan of an earlier comment, word for word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// The commit that it is for.
    pub head: CommitId,
    /// Its Markdown, which our own renderer made.
    pub markdown: String,
}

/// State lines are short; a longer one is not ours.
const LONGEST_STATE: usize = 4_096;
/// GitHub takes 65,536 characters, at most four bytes each.
const LONGEST_BODY: usize = 4 * 65_536;
/// The most characters of a project's name in the marker.
const LONGEST_NAME: usize = 100;
const STATE_OPENS: &str = "<!-- offshoot:state v1 ";
const CLOSES: &str = " -->";

/// The state line's content. Fields are added with a default, never renamed.
#[derive(Serialize, Deserialize)]
struct State {
    environment: EnvironmentName,
    head: CommitId,
    base: CommitId,
    run: RunKey,
    /// Of all that follows the state line.
    digest: String,
    plan: Option<PlanLines>,
    #[serde(default)]
    history: History,
}

/// Where the plan is, in lines after the state line. Line numbers rather than marks in the text, which SQL could hold.
#[derive(Serialize, Deserialize)]
struct PlanLines {
    head: CommitId,
    from: usize,
    to: usize,
}

/// Decides what to do with `body`, given every comment of the pull request (of all pages).
///
/// Where several comments are ours the oldest is kept. No run overwrites what a newer one wrote, in whichever of them.
pub fn decide(
    existing: &[Comment],
    own: &Login,
    project: &ProjectName,
    (run, body): (RunKey, &str),
    presence: Presence,
) -> Decision {
    let mut ours: Vec<&Comment> = ours(existing, own, project).collect();
    ours.sort_by_key(|comment| comment.id);
    let newest = ours.iter().filter_map(|comment| state_of(&comment.body)).map(|(state, _)| state.run).max();
    let action = match (ours.first(), newest) {
        _ if presence == Presence::Never => Action::Nothing,
        (Some(kept), Some(newest)) if newest > run => Action::Superseded { comment: kept.id, by: newest },
        (Some(kept), _) if plain(&kept.body) == plain(body) => Action::Unchanged(kept.id),
        (Some(kept), _) => Action::Update(kept.id),
        (None, _) if presence == Presence::Always => Action::Create,
        (None, _) => Action::Nothing,
    };
    let duplicates = match presence {
        Presence::Never => Vec::new(),
        _ => ours.iter().skip(1).map(|comment| comment.id).collect(),
    };
    Decision { action, duplicates }
}

/// The plan that our comment shows, to be kept in the next one; `None` where there is none or somebody edited it.
pub fn previous(existing: &[Comment], own: &Login, project: &ProjectName) -> Option<Previous> {
    let kept = ours(existing, own, project).min_by_key(|comment| comment.id)?;
    let (state, rest) = state_of(&kept.body)?;
    if digest(&rest) != state.digest {
        return None;
    }
    let lines = state.plan?;
    let all: Vec<&str> = rest.lines().collect();
    let plan = all.get(lines.from..lines.to).filter(|plan| !plan.is_empty())?;
    Some(Previous { head: lines.head, markdown: plan.join("\n") + "\n" })
}

/// What our comment says of itself, to tell whether a command was written under what it shows now.
pub fn stamp(existing: &[Comment], own: &Login, project: &ProjectName) -> Option<Stamp> {
    let kept = ours(existing, own, project).min_by_key(|comment| comment.id)?;
    let (State { environment, head, base, run, history, .. }, _) = state_of(&kept.body)?;
    Some(Stamp { environment, head, base, run, history })
}

/// When our comment was last written.
pub fn written(existing: &[Comment], own: &Login, project: &ProjectName) -> Option<Timestamp> {
    ours(existing, own, project).map(|comment| comment.updated).max()
}

/// The whole text of a comment: marker, state line, parts.
pub fn seal(project: &ProjectName, stamp: &Stamp, parts: &Parts) -> String {
    let before = closed(&parts.before);
    let plan = parts.plan.as_ref().map(|plan| (&plan.head, closed(&plan.markdown)));
    let from = before.lines().count();
    let lines = plan.as_ref().map(|(head, markdown)| PlanLines {
        head: (*head).clone(),
        from,
        to: from + markdown.lines().count(),
    });
    let rest = format!("{before}{}{}", plan.map_or(String::new(), |(_, markdown)| markdown), closed(&parts.after));
    let mut state = State {
        environment: stamp.environment.clone(),
        head: stamp.head.clone(),
        base: stamp.base.clone(),
        run: stamp.run,
        digest: digest(&rest),
        plan: lines,
        history: stamp.history.clone(),
    };
    let encoded = encoded(&state).or_else(|| {
        state.history = History::default();
        encoded(&state)
    });
    // A state line that is empty, because a name in it is absurd, is one that nobody reads.
    format!("{}\n{STATE_OPENS}{}{CLOSES}\n{rest}", marker(project), encoded.unwrap_or_default())
}

/// A state line's content; `None` where it is too long.
fn encoded(state: &State) -> Option<String> {
    // Texts and numbers always serialise.
    let encoded = URL_SAFE_NO_PAD.encode(serde_json::to_vec(state).unwrap_or_default());
    (encoded.len() <= LONGEST_STATE).then_some(encoded)
}

/// The one line that stays of a duplicate. It has no marker, so that it is never found again.
pub fn folded(kept_url: &str) -> String {
    let url: String = kept_url.chars().filter(|c| c.is_ascii_graphic() && !"<>()[]\"'`|\\".contains(*c)).collect();
    format!("<sub>Two runs wrote at the same time; the plan is in [the comment above]({url}).</sub>\n")
}

fn ours<'a>(existing: &'a [Comment], own: &Login, project: &ProjectName) -> impl Iterator<Item = &'a Comment> {
    let (own, marker) = (own.clone(), marker(project));
    let is_ours = move |comment: &&Comment| {
        let author = comment.author.as_ref().map(|author| author.login.as_str());
        author.is_some_and(|author| author.eq_ignore_ascii_case(own.as_str()))
            && comment.body.len() <= LONGEST_BODY
            && comment.body.lines().next() == Some(&marker)
    };
    existing.iter().filter(is_ours)
}

/// The first line. `-->` would end it and a newline would too, so a project's odd characters are told in hexadecimal; of a
/// long name the hash is enough.
fn marker(project: &ProjectName) -> String {
    let mut name = String::new();
    for character in project.as_str().chars() {
        match character {
            plain if plain.is_ascii_alphanumeric() || "._/".contains(plain) => name.push(plain),
            '-' if !name.ends_with('-') && !name.is_empty() => name.push('-'),
            other => name.push_str(&format!("%{:x};", u32::from(other))),
        }
    }
    if name.len() > LONGEST_NAME {
        name = format!("%{}", Digest::of("project", project.as_str()).short(32));
    }
    format!("<!-- offshoot:plan:{name}{CLOSES}")
}

fn state_of(body: &str) -> Option<(State, String)> {
    let body = plain(body);
    let (_, body) = body.split_once('\n')?;
    let (line, rest) = body.split_once('\n')?;
    let encoded = line.strip_prefix(STATE_OPENS)?.strip_suffix(CLOSES).filter(|text| text.len() <= LONGEST_STATE)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    Some((serde_json::from_slice(&bytes).ok()?, rest.to_owned()))
}

/// A text as GitHub may hand it back: with other line ends, or without the last one.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end().to_owned()
}

fn closed(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

fn digest(rest: &str) -> String {
    Digest::of("comment", &plain(rest)).short(32)
}

#[cfg(test)]
pub(crate) mod tests;
