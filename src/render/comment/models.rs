//! The table of models: what happens to each, why, what that does to its rows, what was built and what is still due.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::size::Cut;
use super::{Writer, brief, name};
use crate::data_diff::{Compared, DataDiff, ModelDataDiff, Sides, WhyLeftOut};
use crate::ids::ModelName;
use crate::naming::TableKey;
use crate::plan::{Action, Basis, Category, Change, PlannedModel};
use crate::render::markdown::{built, change, prose};
use crate::render::readable_seconds;
use crate::render::text::{counted, due_units, grouped, readable_bytes, readable_units};
use crate::report::{Due, Findings, Work, units};
use crate::time::Interval;

/// Reasons that are shown of one model.
const REASONS: usize = 4;
/// The most characters of one reason.
const REASON: usize = 160;
/// Rows that stay where not all can.
const LARGEST: usize = 50;

/// The table, with fewer rows where `cut` says so.
pub(super) fn section(writer: &Writer<'_>, findings: &Findings, cut: Cut) -> String {
    let all = &findings.plan.models;
    if all.is_empty() {
        return String::new();
    }
    let known = Known::of(findings);
    let mut shown: Vec<&PlannedModel> = all.iter().filter(|model| cut < Cut::QuietRows || !is_quiet(model)).collect();
    let quiet = all.len() - shown.len();
    let mut smaller = 0;
    if cut >= Cut::FiftyRows && shown.len() > LARGEST {
        smaller = shown.len() - LARGEST;
        shown = known.largest(shown);
    }
    let base = findings.data.as_ref().map_or("prod", |data| data.base.as_str());
    let here = if findings.built.is_some() { "Built here" } else { "To build" };
    let mut output = format!(
        "\n#### Models\n\n| Model | Change | Why | Rows {} → here | − / ~ / + | {here} | Due at promote |\n\
         |:--|:--|:--|--:|--:|:--|:--|\n",
        name(base)
    );
    for model in shown {
        let _ = writeln!(output, "{}", row(writer, findings, &known, model));
    }
    let mut rest = Vec::new();
    if smaller > 0 {
        rest.push(counted(smaller, "more model"));
    }
    if quiet > 0 {
        rest.push(format!("{} in which at most metadata changes or columns are new", counted(quiet, "model")));
    }
    if !rest.is_empty() {
        let _ = writeln!(output, "\nAnd {}.", rest.join(", and "));
    }
    output
}

/// What is known of models besides the plan.
struct Known<'a> {
    data: BTreeMap<&'a ModelName, &'a ModelDataDiff>,
    work: BTreeMap<&'a ModelName, Work>,
    due: BTreeMap<ModelName, Due>,
    without_grain: BTreeSet<&'a ModelName>,
}

impl<'a> Known<'a> {
    fn of(findings: &'a Findings) -> Self {
        let models = |data: &'a DataDiff| data.models.iter().map(|model| (&model.name, model));
        let mut tables = findings.cost.by_table();
        // An earlier push may have built another table of the model.
        let work = findings.plan.models.iter().filter_map(|model| {
            let key = TableKey { model: model.name.clone(), data_fingerprint: model.data_fingerprint };
            Some((&model.name, tables.remove(&key)?))
        });
        let left_out = findings.data.iter().flat_map(|data| &data.left_out);
        let without_grain = left_out.filter(|model| model.why == WhyLeftOut::NoGrain).map(|model| &model.name);
        Self {
            without_grain: without_grain.collect(),
            work: work.collect(),
            data: findings.data.iter().flat_map(models).collect(),
            due: findings.due().into_iter().map(|due| (due.model.clone(), due)).collect(),
        }
    }

    /// The rows with the largest changes, in the order of the plan.
    fn largest(&self, models: Vec<&'a PlannedModel>) -> Vec<&'a PlannedModel> {
        let mut order: Vec<(usize, &PlannedModel)> = models.into_iter().enumerate().collect();
        order.sort_by_key(|(place, model)| {
            let breaking = model.category == Category::Breaking || model.change == Change::Removed;
            (std::cmp::Reverse((self.rows_touched(model), breaking)), *place)
        });
        order.truncate(LARGEST);
        order.sort_by_key(|(place, _)| *place);
        order.into_iter().map(|(_, model)| model).collect()
    }

    fn rows_touched(&self, model: &PlannedModel) -> u64 {
        match self.data.get(&model.name).map(|data| &data.compared) {
            Some(Compared::ByGrain(rows)) => rows.changed.saturating_add(rows.only.here).saturating_add(rows.only.base),
            Some(Compared::ByColumn(columns)) => columns.rows.here.abs_diff(columns.rows.base),
            Some(Compared::Added { rows }) => *rows,
            _ => 0,
        }
    }
}

/// Whether no reader of the model would notice.
fn is_quiet(model: &PlannedModel) -> bool {
    matches!(model.category, Category::Metadata | Category::NonBreaking) || model.change == Change::Unaffected
}

fn row(writer: &Writer<'_>, findings: &Findings, known: &Known<'_>, model: &PlannedModel) -> String {
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |",
        writer.linked(findings, model),
        change(model),
        why(model),
        rows(known, model),
        moved(known, model),
        work(findings, known, model),
        due(known, model)
    )
}

/// The reasons, most important first, in the words that the terminal has too.
fn why(model: &PlannedModel) -> String {
    let shown = model.reasons.iter().take(REASONS);
    let mut texts: Vec<String> = shown.map(|reason| prose(&brief(&reason.text(), REASON))).collect();
    if model.reasons.len() > REASONS {
        texts.push(counted(model.reasons.len() - REASONS, "more reason"));
    }
    texts.join("<br>")
}

fn rows(known: &Known<'_>, model: &PlannedModel) -> String {
    let both = |rows: Sides, ranges: &[Interval]| {
        let during = match units(ranges, model.unit) {
            0 => String::new(),
            count => format!(" in {}", readable_units(count, model.unit)),
        };
        format!("{} → {}{during}", grouped(rows.base), grouped(rows.here))
    };
    match known.data.get(&model.name).map(|data| &data.compared) {
        Some(Compared::ByGrain(found)) => both(found.rows, &found.ranges),
        Some(Compared::ByColumn(found)) => both(found.rows, &found.ranges),
        Some(Compared::Added { rows }) => format!("– → {}", grouped(*rows)),
        Some(Compared::Removed) => "not counted → –".to_owned(),
        Some(Compared::Not(_)) | None => match (model.change, known.work.get(&model.name).and_then(|work| work.rows)) {
            (Change::Added, Some(rows)) => format!("– → {}", grouped(rows)),
            (Change::Removed, _) => "not counted → –".to_owned(),
            (Change::Metadata | Change::Unaffected, _) => "same data".to_owned(),
            _ => "not counted".to_owned(),
        },
    }
}

fn moved(known: &Known<'_>, model: &PlannedModel) -> String {
    if known.without_grain.contains(&model.name) {
        return "no grain".to_owned();
    }
    match known.data.get(&model.name).map(|data| &data.compared) {
        Some(Compared::ByGrain(found)) => [found.only.base, found.changed, found.only.here].map(grouped).join(" / "),
        Some(Compared::Added { rows }) => format!("0 / 0 / {}", grouped(*rows)),
        Some(Compared::ByColumn(_)) => "no grain".to_owned(),
        _ => "–".to_owned(),
    }
}

fn work(findings: &Findings, known: &Known<'_>, model: &PlannedModel) -> String {
    let Some(work) = known.work.get(&model.name).filter(|_| findings.built.is_some()) else { return built(model) };
    let loaded = units(&work.intervals, work.unit);
    let planned = units(&model.intervals_missing, model.unit).max(loaded);
    let all = planned.saturating_add(units(&model.due_at_promote, model.unit));
    let mut parts = vec![match all > loaded {
        _ if model.basis == Basis::Preview && work.intervals.is_empty() => "a preview".to_owned(),
        _ if work.intervals.is_empty() => "filled as a whole".to_owned(),
        true => format!("**{} of {}**", grouped(loaded), readable_units(all, work.unit)),
        false => readable_units(loaded, work.unit),
    }];
    parts.extend(work.bytes.map(readable_bytes));
    parts.push(readable_seconds(work.seconds));
    parts.join(" · ")
}

fn due(known: &Known<'_>, model: &PlannedModel) -> String {
    if let Some(due) = known.due.get(&model.name) {
        let units = due_units(due.units, due.unit);
        return match due.estimate {
            Some(estimate) => {
                let bytes = estimate
                    .bytes
                    .filter(|bytes| *bytes > 0)
                    .map_or(String::new(), |bytes| format!(" · {}", readable_bytes(bytes)));
                format!("{units}{bytes} · about {}", readable_seconds(estimate.seconds))
            }
            None => units,
        };
    }
    match model.action {
        Action::Drop => "its view goes, its table stays until gc".to_owned(),
        _ => "nothing".to_owned(),
    }
}
