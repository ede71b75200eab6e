//! JSON for scripts. The keys are a contract (`schema_version` 1): every key is always there, in this order.

use serde::Serialize;
use serde_json::{Value, json};

use super::data_diff;
use super::hold::HoldObject;
use crate::hash::Digest;
use crate::ids::{CommitId, EnvironmentName, Login, ModelName, ProjectName, PullRequestNumber, RepositoryName};
use crate::model::KindName;
use crate::plan::{Action, Basis, Build, Category, Change, Commits, Outcome, Plan, PlannedModel, Reason, Summary};
use crate::problem::Problem;
use crate::report::{Conclusion, Destruction, Due, Estimate, Findings, Report, State, Took};
use crate::sticky::RunKey;
use crate::time::{Interval, IntervalUnit};

const SCHEMA_VERSION: u32 = 1;

/// A plan, as `bot plan --format json` prints it.
pub fn plan(plan: &Plan) -> String {
    printed(&PlanObject::from(plan))
}

/// What `apply` or `promote` did.
pub fn outcome(outcome: &Outcome) -> String {
    printed(&OutcomeObject {
        schema_version: SCHEMA_VERSION,
        environment: &outcome.plan.environment,
        plan: PlanObject::from(&outcome.plan),
        builds: outcome.builds.iter().map(BuildObject::from).collect(),
        swapped: outcome.swapped,
        released: outcome.released.as_ref().map(HoldObject::from),
        seconds: rounded(outcome.seconds),
    })
}

/// What a pull request is told, as the artifact of a run has it. Values of rows are left out: an artifact of a public
/// repository is public too.
pub fn report(report: &Report) -> String {
    let findings = report.state.findings();
    let pull_request = &report.pull_request;
    printed(&ReportObject {
        schema_version: SCHEMA_VERSION,
        state: report.state.code(),
        conclusion: report.state.conclusion().map(Conclusion::text),
        ready: matches!(&report.state, State::Built(findings) if findings.blockers().is_empty()),
        project: &pull_request.project,
        repository: &pull_request.repository,
        pull_request: pull_request.number,
        head: &pull_request.head,
        base: &pull_request.base,
        environment: &pull_request.environment,
        run: report.run.key,
        at: report.run.at.rfc3339(),
        plan: findings.map(|findings| PlanObject::from(&findings.plan)),
        builds: findings
            .and_then(|findings| findings.built.as_ref())
            .map(|built| built.builds.iter().map(BuildObject::from).collect()),
        data: findings.and_then(|findings| findings.data.as_ref()).map(|data| data_diff::value(&data.without_values())),
        cost: findings.map(CostObject::from),
        destructions: findings.map(|findings| findings.destructions.iter().map(DestructionObject::from).collect()),
        problems: match &report.state {
            State::Failed { problems, .. } => problems,
            _ => findings.map_or(&[], |findings| &findings.plan.problems),
        },
    })
}

/// An error, as it goes to stderr; `kind` is `no` (exit 1) or `failed` (exit 2).
pub fn error(kind: &str, message: &str, causes: &[String], hints: &[String]) -> String {
    #[derive(Serialize)]
    struct ErrorObject<'a> {
        schema_version: u32,
        error: Inner<'a>,
    }
    #[derive(Serialize)]
    struct Inner<'a> {
        kind: &'a str,
        message: &'a str,
        causes: &'a [String],
        hints: &'a [String],
    }
    printed(&ErrorObject { schema_version: SCHEMA_VERSION, error: Inner { kind, message, causes, hints } })
}

/// Any other value with the version before it: `{"schema_version":1, …}`.
pub fn object(value: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        schema_version: u32,
        #[serde(flatten)]
        value: &'a T,
    }
    printed(&Versioned { schema_version: SCHEMA_VERSION, value })
}

#[derive(Serialize)]
struct ReportObject<'a> {
    schema_version: u32,
    state: &'static str,
    conclusion: Option<&'static str>,
    ready: bool,
    project: &'a ProjectName,
    repository: &'a RepositoryName,
    pull_request: PullRequestNumber,
    head: &'a CommitId,
    base: &'a CommitId,
    environment: &'a EnvironmentName,
    run: RunKey,
    at: String,
    plan: Option<PlanObject<'a>>,
    builds: Option<Vec<BuildObject<'a>>>,
    data: Option<Value>,
    cost: Option<CostObject>,
    destructions: Option<Vec<DestructionObject<'a>>>,
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct CostObject {
    builds: usize,
    spent: AmountObject,
    due: Vec<DueObject>,
    reused: Option<usize>,
    saved: Option<SavedObject>,
}

/// What it took to fill what was reused; not all of it where `complete` is false.
#[derive(Serialize)]
struct SavedObject {
    #[serde(flatten)]
    amount: AmountObject,
    complete: bool,
}

#[derive(Serialize)]
struct DueObject {
    model: ModelName,
    units: u64,
    unit: IntervalUnit,
    estimate: Option<AmountObject>,
}

#[derive(Serialize)]
struct AmountObject {
    rows: Option<u64>,
    bytes: Option<u64>,
    seconds: f64,
}

#[derive(Serialize)]
struct DestructionObject<'a> {
    model: &'a ModelName,
    columns: &'a [String],
    readers: &'a [ModelName],
    allowed_by: Option<&'a Login>,
}

#[derive(Serialize)]
struct OutcomeObject<'a> {
    schema_version: u32,
    environment: &'a EnvironmentName,
    plan: PlanObject<'a>,
    builds: Vec<BuildObject<'a>>,
    swapped: usize,
    released: Option<HoldObject<'a>>,
    seconds: f64,
}

#[derive(Serialize)]
struct PlanObject<'a> {
    schema_version: u32,
    environment: &'a EnvironmentName,
    commits: &'a Commits,
    models: Vec<ModelObject<'a>>,
    drift: Vec<ModelObject<'a>>,
    summary: &'a Summary,
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct ModelObject<'a> {
    name: &'a ModelName,
    kind: KindName,
    change: Change,
    category: Category,
    reasons: Vec<ReasonObject>,
    action: Action,
    table: Option<String>,
    data_fingerprint: Digest,
    intervals_missing: Vec<[String; 2]>,
    due_at_promote: Vec<[String; 2]>,
    basis: Basis,
}

#[derive(Serialize)]
struct ReasonObject {
    code: &'static str,
    text: String,
    parent: Option<String>,
    column: Option<String>,
    property: Option<String>,
    old: Value,
    new: Value,
}

#[derive(Serialize)]
pub(super) struct BuildObject<'a> {
    model: &'a ModelName,
    table: String,
    rows: Option<u64>,
    seconds: f64,
    intervals: Vec<[String; 2]>,
}

impl<'a> From<&'a Plan> for PlanObject<'a> {
    fn from(plan: &'a Plan) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            environment: &plan.environment,
            commits: &plan.commits,
            models: plan.models.iter().map(ModelObject::from).collect(),
            drift: plan.drift.iter().map(ModelObject::from).collect(),
            summary: &plan.summary,
            problems: &plan.problems,
        }
    }
}

impl<'a> From<&'a PlannedModel> for ModelObject<'a> {
    fn from(model: &'a PlannedModel) -> Self {
        Self {
            name: &model.name,
            kind: model.kind,
            change: model.change,
            category: model.category,
            reasons: model.reasons.iter().map(ReasonObject::from).collect(),
            action: model.action,
            table: model.table.as_ref().map(ToString::to_string),
            data_fingerprint: model.data_fingerprint,
            intervals_missing: labels(&model.intervals_missing, model.unit),
            due_at_promote: labels(&model.due_at_promote, model.unit),
            basis: model.basis,
        }
    }
}

impl<'a> From<&'a Build> for BuildObject<'a> {
    fn from(build: &'a Build) -> Self {
        Self {
            model: &build.model,
            table: build.table.to_string(),
            rows: build.rows,
            seconds: rounded(build.seconds),
            intervals: labels(&build.intervals, build.unit),
        }
    }
}

impl From<&Findings> for CostObject {
    fn from(findings: &Findings) -> Self {
        let due = |due: Due| DueObject {
            model: due.model,
            units: due.units,
            unit: due.unit,
            estimate: due.estimate.map(AmountObject::from),
        };
        let saved = |took: Took| match took {
            Took::All(work) => SavedObject { amount: work.into(), complete: true },
            Took::AtLeast(work) => SavedObject { amount: work.into(), complete: false },
        };
        Self {
            builds: findings.cost.spent.len(),
            spent: findings.cost.total().into(),
            due: findings.due().into_iter().map(due).collect(),
            reused: findings.cost.saved.map(|saved| saved.pointers),
            saved: findings.cost.saved.and_then(|saved| saved.work).map(saved),
        }
    }
}

impl From<Estimate> for AmountObject {
    fn from(work: Estimate) -> Self {
        Self { rows: work.rows, bytes: work.bytes, seconds: rounded(work.seconds) }
    }
}

impl<'a> From<&'a Destruction> for DestructionObject<'a> {
    fn from(destruction: &'a Destruction) -> Self {
        let Destruction { model, columns, readers, allowed_by } = destruction;
        Self { model, columns, readers, allowed_by: allowed_by.as_ref() }
    }
}

impl From<&Reason> for ReasonObject {
    fn from(reason: &Reason) -> Self {
        let mut object = Self {
            code: reason.code(),
            text: reason.text(),
            parent: None,
            column: None,
            property: None,
            old: Value::Null,
            new: Value::Null,
        };
        match reason {
            Reason::KindChanged { old, new } => (object.old, object.new) = (json!(old), json!(new)),
            Reason::ColumnChanged { column } | Reason::ColumnAdded { column } | Reason::ColumnRemoved { column } => {
                object.column = Some(column.clone());
            }
            Reason::ColumnsReordered { old, new } => (object.old, object.new) = (json!(old), json!(new)),
            Reason::PropertyChanged { property, old, new } | Reason::MetadataChanged { property, old, new } => {
                object.property = Some(property.clone());
                (object.old, object.new) = (json!(old), json!(new));
            }
            Reason::SeedChanged { old, new } => (object.old, object.new) = (json!(old), json!(new)),
            Reason::ParentColumn { parent, column } => {
                object.parent = Some(parent.to_string());
                object.column = Some(column.clone());
            }
            Reason::ParentRows { parent } | Reason::ParentWhole { parent } | Reason::ReadsNothingChanged { parent } => {
                object.parent = Some(parent.to_string());
            }
            Reason::Added
            | Reason::Removed
            | Reason::RowsChanged
            | Reason::Opaque { .. }
            | Reason::ContextChanged
            | Reason::OneIntervalAtATime { .. }
            | Reason::LoadedAsDue { .. }
            | Reason::LoadedByDay
            | Reason::RowsKept { .. }
            | Reason::Assumes { .. } => {}
        }
        object
    }
}

fn labels(intervals: &[Interval], unit: IntervalUnit) -> Vec<[String; 2]> {
    intervals.iter().map(|interval| interval.labels(unit)).collect()
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Our own values never fail to serialise: their keys are texts. Should one ever, the reader still gets an object.
fn printed(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| json!({"schema_version": SCHEMA_VERSION, "error": error.to_string()}).to_string());
    format!("{text}\n")
}

#[cfg(test)]
mod tests {
    use crate::render::sample;

    #[test]
    fn a_plan_has_every_key() {
        insta::assert_snapshot!(super::plan(&sample::plan()));
    }

    #[test]
    fn an_outcome_holds_its_plan() {
        let value: serde_json::Value = serde_json::from_str(&super::outcome(&sample::outcome())).expect("JSON");
        assert_eq!(value["plan"]["schema_version"], 1);
        assert_eq!(value["builds"][0]["intervals"], serde_json::json!([["2026-01-01", "2026-02-01"]]));
        assert_eq!(value["builds"][1]["rows"], serde_json::Value::Null, "not counted is never 0");
        assert_eq!((&value["swapped"], &value["seconds"]), (&3.into(), &61.25.into()));
    }

    #[test]
    fn a_report_holds_the_plan_and_what_became_of_it() {
        use crate::render::comment::samples::{built, report};
        use crate::report::State;
        let text = super::report(&report(State::Built(Box::new(built()))));
        let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["plan"]["models"].as_array().map(Vec::len), Some(10));
        assert_eq!(value["data"]["models"].as_array().map(Vec::len), Some(7));
        (value["plan"], value["data"], value["builds"]) = ("…".into(), "…".into(), "…".into());
        insta::assert_snapshot!(serde_json::to_string_pretty(&value).expect("JSON"));
        let nothing: serde_json::Value = serde_json::from_str(&super::report(&report(State::NoChange))).expect("JSON");
        let keys =
            |value: &serde_json::Value| value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
        assert_eq!(keys(&nothing), keys(&value), "every key is always there");
        assert_eq!((&nothing["plan"], &nothing["ready"]), (&serde_json::Value::Null, &false.into()));
    }

    #[test]
    fn an_error_is_an_object() {
        let text = super::error("no", "refused", &["cause".into()], &[]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["error"]["kind"], "no");
        assert_eq!(value["error"]["causes"][0], "cause");
    }
}
