//! Environments as lists and as pages of their own, and what a drop did.

use std::fmt::Write as _;

use owo_colors::Style;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::history::{self, Past};
use super::hold::HoldObject;
use super::terminal::Paint;
use super::text::counted;
use super::{Colour, json, markdown, table, visible};
use crate::hash::Digest;
use crate::ids::{CommitId, EnvironmentName, ModelName, PlanId, RefName, TableName};
use crate::model::KindName;
use crate::plan::{Basis, Commits};
use crate::rollback::Hold;
use crate::time::Timestamp;

/// What is known of an environment besides its models.
#[derive(Clone, Debug, serde::Serialize)]
pub struct About {
    /// Its name.
    pub name: EnvironmentName,
    /// Whose it is.
    pub owner: Owner,
    /// The branch as last seen.
    pub branch: Option<RefName>,
    /// The environment that it is compared with.
    pub base: Option<EnvironmentName>,
    /// How it stands.
    pub status: Status,
    /// The commit that it shows: the promoted one, else the branch's.
    pub head: Option<CommitId>,
    /// The commit promoted last.
    pub promoted: Option<CommitId>,
    /// The plan that wrote it last.
    pub plan_id: PlanId,
    /// When it was made.
    #[serde(serialize_with = "moment")]
    pub created_at: Timestamp,
    /// When a plan last wrote it.
    #[serde(serialize_with = "moment")]
    pub updated_at: Timestamp,
    /// When it is over; `None` where it stays.
    #[serde(serialize_with = "optional_moment")]
    pub expires_at: Option<Timestamp>,
}

/// Whose an environment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A branch's.
    Branch(RefName),
    /// A pull request's.
    PullRequest(u64),
    /// Whoever says its name.
    Named,
}

/// How an environment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every view is as its models say.
    Ready,
    /// A plan began and is not through.
    Building,
    /// A promote began and is not settled.
    Promoting,
}

/// One line of a list.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Listed {
    /// The environment.
    #[serde(flatten)]
    pub about: About,
    /// How many models it has.
    pub models: usize,
    /// How many of them have a view.
    pub views: usize,
}

/// One environment with its models.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Shown {
    /// The environment.
    #[serde(flatten)]
    pub about: About,
    /// The base environment's commit when it was made.
    pub created_from: Option<CommitId>,
    /// The trees that it shows.
    pub commits: Commits,
    /// The execution time of its build.
    #[serde(serialize_with = "moment")]
    pub as_of: Timestamp,
    /// What a rollback holds back.
    #[serde(serialize_with = "hold")]
    pub hold: Option<Hold>,
    /// Where each model points.
    pub models: Vec<ShownModel>,
    /// What it was, newest first.
    pub history: Vec<Past>,
}

/// Where one model points.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ShownModel {
    /// Its name.
    pub name: ModelName,
    /// Its kind.
    pub kind: KindName,
    /// Its table.
    #[serde(serialize_with = "table_name")]
    pub table: Option<TableName>,
    /// What the table holds.
    pub data_fingerprint: Digest,
    /// What its rows are made of.
    pub basis: Basis,
    /// The rest of the model.
    pub metadata_fingerprint: Digest,
    /// Its view.
    #[serde(serialize_with = "table_name")]
    pub view: Option<TableName>,
}

/// What a drop did.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// The environment.
    pub environment: EnvironmentName,
    /// The views that went.
    pub views: Vec<TableName>,
    /// The schemas that went.
    pub schemas: Vec<String>,
    /// What stays because it is not ours.
    pub left: Vec<Left>,
}

/// Something that a drop left standing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Left {
    /// `schema`, `table` or `view`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Why it stays.
    pub why: String,
}

impl Dropped {
    /// A drop that found nothing.
    pub fn nothing() -> Self {
        Self { environment: EnvironmentName::new(""), views: Vec::new(), schemas: Vec::new(), left: Vec::new() }
    }
}

const LIST: [&str; 8] = ["NAME", "BRANCH", "STATUS", "HEAD", "MODELS", "VIEWS", "UPDATED", "EXPIRES"];
const MODELS: [&str; 5] = ["MODEL", "KIND", "FINGERPRINT", "TABLE", "VIEW"];
const NONE_YET: &str = "There is no environment yet; `bot promote` makes production, `bot apply` a branch's.\n";

/// An aligned list.
pub fn list_terminal(listed: &[Listed], _colour: Colour) -> String {
    if listed.is_empty() {
        return NONE_YET.to_owned();
    }
    let rows: Vec<Vec<String>> = listed.iter().map(|item| dashed(list_row(item))).collect();
    table::aligned(&LIST, &rows)
}

/// A Markdown table.
pub fn list_markdown(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return NONE_YET.to_owned();
    }
    let rows: Vec<Vec<String>> = listed.iter().map(list_row).collect();
    markdown::names_table(&LIST, &rows)
}

/// `{"schema_version":1,"environments":[…]}`.
pub fn list_json(listed: &[Listed]) -> String {
    #[derive(serde::Serialize)]
    struct Object<'a> {
        environments: &'a [Listed],
    }
    json::object(&Object { environments: listed })
}

/// One environment for people.
pub fn show_terminal(shown: &Shown, colour: Colour) -> String {
    let paint = Paint(colour);
    let mut output = paint.with(&visible(shown.about.name.as_str()), Style::new().bold());
    let _ = writeln!(output, " ({})", shown.about.status.text());
    for (label, text) in facts(shown) {
        let label = paint.with(&format!("{label:<13}"), Style::new().dimmed());
        let _ = writeln!(output, "  {label} {}", visible(&text));
    }
    let rows: Vec<Vec<String>> = shown.models.iter().map(|model| dashed(model_row(model))).collect();
    let _ = write!(output, "\n{}", table::aligned(&MODELS, &rows));
    let rows: Vec<Vec<String>> = shown.history.iter().map(|past| dashed(history::row(past))).collect();
    if !rows.is_empty() {
        let _ = write!(output, "\n{}", table::aligned(&history::HEADER, &rows));
    }
    output
}

/// One environment as Markdown.
pub fn show_markdown(shown: &Shown) -> String {
    let name = markdown::code(shown.about.name.as_str());
    let mut output = format!("### Environment {name}: {}\n\n", shown.about.status.text());
    for (label, text) in facts(shown) {
        let _ = writeln!(output, "* {label}: {}", markdown::code(&text));
    }
    let rows: Vec<Vec<String>> = shown.models.iter().map(model_row).collect();
    let _ = write!(output, "\n{}", markdown::names_table(&MODELS, &rows));
    let rows: Vec<Vec<String>> = shown.history.iter().map(history::row).collect();
    if !rows.is_empty() {
        let _ = write!(output, "\n#### History\n\n{}", markdown::names_table(&history::HEADER, &rows));
    }
    output
}

/// One environment as `{"schema_version":1,"name",…,"hold","models":[…],"history":[…]}`.
pub fn show_json(shown: &Shown) -> String {
    json::object(shown)
}

/// What a drop did, for people.
pub fn dropped_terminal(dropped: &Dropped, _colour: Colour) -> String {
    let mut output = format!("{}\n", dropped_line(&visible(dropped.environment.as_str()), dropped));
    for left in &dropped.left {
        let _ = writeln!(output, "  left {} {}: {}", left.kind, visible(&left.name), visible(&left.why));
    }
    output
}

/// What a drop did, as Markdown.
pub fn dropped_markdown(dropped: &Dropped) -> String {
    let mut output = format!("{}\n", dropped_line(&markdown::code(dropped.environment.as_str()), dropped));
    for left in &dropped.left {
        let name = markdown::code(&left.name);
        let _ = writeln!(output, "* left {} {name}: {}", left.kind, markdown::message(&left.why));
    }
    output
}

/// `{"schema_version":1,"environment","views":[…],"schemas":[…],"left":[…]}`.
pub fn dropped_json(dropped: &Dropped) -> String {
    #[derive(serde::Serialize)]
    struct Object<'a> {
        environment: &'a EnvironmentName,
        views: Vec<String>,
        schemas: &'a [String],
        left: &'a [Left],
    }
    let views = dropped.views.iter().map(ToString::to_string).collect();
    let Dropped { environment, schemas, left, .. } = dropped;
    json::object(&Object { environment, views, schemas, left })
}

fn dropped_line(name: &str, dropped: &Dropped) -> String {
    let (views, schemas) = (counted(dropped.views.len(), "view"), counted(dropped.schemas.len(), "schema"));
    format!("Dropped environment {name}: {views} and {schemas}; its tables stay until gc.")
}

fn list_row(item: &Listed) -> Vec<String> {
    let about = &item.about;
    vec![
        about.name.to_string(),
        about.owner.text(about.branch.as_ref()),
        about.status.text().to_owned(),
        about.head.as_ref().map(|commit| short(commit.as_str())).unwrap_or_default(),
        item.models.to_string(),
        item.views.to_string(),
        about.updated_at.date_time(),
        about.expires_at.map(Timestamp::date_time).unwrap_or_default(),
    ]
}

fn model_row(model: &ShownModel) -> Vec<String> {
    let name = |table: &Option<TableName>| table.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![
        model.name.to_string(),
        model.kind.text().to_owned(),
        match model.basis {
            Basis::Whole => model.data_fingerprint.short(12),
            Basis::Preview => format!("{} (preview)", model.data_fingerprint.short(12)),
        },
        name(&model.table),
        name(&model.view),
    ]
}

/// Where an environment came from, line by line; what is not known has none.
fn facts(shown: &Shown) -> Vec<(&'static str, String)> {
    let about = &shown.about;
    let base = about.base.as_ref().map(ToString::to_string);
    let created_from = shown.created_from.as_ref().map(|commit| match &base {
        Some(base) => format!("{base} at {commit}"),
        None => commit.to_string(),
    });
    let lines = [
        ("owner", Some(about.owner.text(about.branch.as_ref())).filter(|text| !text.is_empty())),
        ("created from", created_from),
        ("held", shown.hold.as_ref().map(Hold::account)),
        ("promoted", about.promoted.as_ref().map(ToString::to_string)),
        ("base", Some(shown.commits.base.to_string())),
        ("head", shown.commits.head.as_ref().map(ToString::to_string)),
        ("merge base", shown.commits.merge_base.as_ref().map(ToString::to_string)),
        ("result tree", shown.commits.result_tree.as_ref().map(ToString::to_string)),
        ("plan", Some(about.plan_id.to_string())),
        ("as of", Some(shown.as_of.date_time())),
        ("created", Some(about.created_at.date_time())),
        ("updated", Some(about.updated_at.date_time())),
        ("expires", Some(about.expires_at.map_or_else(|| "never".to_owned(), Timestamp::date_time))),
    ];
    lines.into_iter().filter_map(|(label, text)| Some((label, text?))).collect()
}

fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

fn dashed(row: Vec<String>) -> Vec<String> {
    row.into_iter().map(|text| if text.is_empty() { "-".to_owned() } else { text }).collect()
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Building => "building",
            Self::Promoting => "promoting",
        }
    }
}

impl Owner {
    fn text(&self, branch: Option<&RefName>) -> String {
        let short = |name: &RefName| {
            let text = name.as_str();
            text.strip_prefix("refs/heads/").unwrap_or(text).to_owned()
        };
        match self {
            Self::Branch(name) => short(name),
            Self::PullRequest(number) => format!("pull request {number}"),
            Self::Named => branch.map(short).unwrap_or_default(),
        }
    }
}

/// `{"kind":"branch|pull_request|named","name"}`; both keys are always there.
impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, name) = match self {
            Self::Branch(name) => ("branch", Some(name.to_string())),
            Self::PullRequest(number) => ("pull_request", Some(number.to_string())),
            Self::Named => ("named", None),
        };
        let mut object = serializer.serialize_struct("Owner", 2)?;
        object.serialize_field("kind", kind)?;
        object.serialize_field("name", &name)?;
        object.end()
    }
}

fn moment<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.rfc3339())
}

fn optional_moment<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(Timestamp::rfc3339).serialize(serializer)
}

fn hold<S: Serializer>(hold: &Option<Hold>, serializer: S) -> Result<S::Ok, S::Error> {
    hold.as_ref().map(HoldObject::from).serialize(serializer)
}

fn table_name<S: Serializer>(table: &Option<TableName>, serializer: S) -> Result<S::Ok, S::Error> {
    table.as_ref().map(ToString::to_string).serialize(serializer)
}
