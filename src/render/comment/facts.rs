//! The figures: what changes, what that does to the data, what it cost, what is still due. What was not looked at is said
//! to be so; it is never 0.

use std::fmt::Write as _;

use super::verdict::{commits_of, some};
use super::{LIST, Writer, name};
use crate::data_diff::{Compared, DataDiff};
use crate::plan::{Category, Change};
use crate::render::markdown::prose;
use crate::render::readable_seconds;
use crate::render::text::{counted, due_units, grouped, readable_bytes, shortened};
use crate::report::{BaseMove, Cost, Due, Estimate, Findings, Freshness, State, Took, Touched, WhyUnknown};

/// A table of one row for each figure.
pub(super) fn write(output: &mut String, writer: &Writer<'_>, findings: &Findings) {
    let rows = [
        ("Impact", Some(impact(findings))),
        ("Data", Some(data(findings))),
        ("Spent on this pull request", spent(findings)),
        ("Saved by reuse", saved(&findings.cost)),
        ("Still due at promote", Some(due(writer, findings))),
        ("Checks", checks(findings)),
        ("Freshness", Some(writer.freshness(findings))),
    ];
    output.push_str("\n| | |\n|:--|:--|\n");
    for (title, text) in rows.into_iter().filter_map(|(title, text)| Some((title, text?))) {
        let _ = writeln!(output, "| **{title}** | {text} |");
    }
}

fn impact(findings: &Findings) -> String {
    let count = |change: Change| {
        let models = findings.plan.models.iter().filter(move |model| model.change == change);
        let breaking = models.clone().filter(|model| model.category == Category::Breaking).count();
        (models.count(), breaking)
    };
    let every =
        [Change::Added, Change::Modified, Change::Indirect, Change::Metadata, Change::Removed, Change::Unaffected];
    let told = every.into_iter().filter_map(|change| match count(change) {
        (0, _) => None,
        (all, 0) => Some(format!("{all} {}", change.text())),
        (all, breaking) => Some(format!("{all} {} ({breaking} breaking)", change.text())),
    });
    let parts: Vec<String> = told.collect();
    let touched = findings.plan.models.len() - count(Change::Removed).0;
    let others = match findings.plan.summary.models.saturating_sub(touched) {
        0 => String::new(),
        1 => ". The other model does not change".to_owned(),
        count => format!(". The other {count} models do not change"),
    };
    format!("{}{others}", parts.join(" · "))
}

fn data(findings: &Findings) -> String {
    match (&findings.data, &findings.built) {
        (Some(data), _) => compared(data),
        (None, Some(_)) => "not compared".to_owned(),
        (None, None) => "not compared, because nothing was built".to_owned(),
    }
}

/// Sums over all models that were compared.
fn compared(data: &DataDiff) -> String {
    let (mut gone, mut new, mut changed, mut added) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut by_grain, mut by_column, mut new_models, mut not) = (0_usize, 0_usize, 0_usize, 0_usize);
    for model in &data.models {
        match &model.compared {
            Compared::ByGrain(rows) => {
                by_grain += 1;
                gone = gone.saturating_add(rows.only.base);
                new = new.saturating_add(rows.only.here);
                changed = changed.saturating_add(rows.changed);
            }
            Compared::ByColumn(_) => by_column += 1,
            Compared::Added { rows } => {
                new_models += 1;
                added = added.saturating_add(*rows);
            }
            Compared::Removed => {}
            Compared::Not(_) => not += 1,
        }
    }
    let mut parts = Vec::new();
    let mut part = |count: u64, text: String| (count > 0).then(|| parts.push(text));
    part(gone, format!("−{} rows", grouped(gone)));
    part(new, format!("+{} rows", grouped(new)));
    part(changed, format!("{} rows with changed values", grouped(changed)));
    part(added, format!("+{} rows in {}", grouped(added), counted(new_models, "new model")));
    let same = data.models.iter().filter(|model| model.is_same()).count();
    if parts.is_empty() && by_grain > 0 {
        parts.push("no row differs".to_owned());
    }
    let mut how = Vec::new();
    let mut told =
        |count: usize, text: &str| (count > 0).then(|| how.push(format!("{} {text}", counted(count, "model"))));
    told(by_grain, "compared row by row");
    told(by_column, "by column, because nothing tells their rows apart");
    told(same, "the same");
    told(not + data.left_out.len(), "not compared");
    if !how.is_empty() {
        parts.push(format!("beside {}: {}", name(data.base.as_str()), how.join(", ")));
    }
    if parts.is_empty() { "the same tables on both sides".to_owned() } else { parts.join(" · ") }
}

fn spent(findings: &Findings) -> Option<String> {
    let cost = &findings.cost;
    if cost.spent.is_empty() {
        return findings.built.as_ref().map(|_| "nothing that is recorded: every table was there already".to_owned());
    }
    Some(format!("{} · {}", counted(cost.spent.len(), "build"), amount(cost, &cost.total())))
}

fn saved(cost: &Cost) -> Option<String> {
    let saved = cost.saved.filter(|saved| saved.pointers > 0)?;
    let work = match saved.work {
        Some(Took::All(work)) => format!(", which took {} to fill", amount(cost, &work)),
        Some(Took::AtLeast(work)) => format!(", which took at least {} to fill", amount(cost, &work)),
        None => String::new(),
    };
    Some(format!("{} reused{work}", counted(saved.pointers, "table")))
}

fn due(writer: &Writer<'_>, findings: &Findings) -> String {
    let (cost, due) = (&findings.cost, findings.due());
    let mut parts = Vec::new();
    let waiting = findings.plan.summary.to_build;
    if findings.built.is_none() && waiting > 0 {
        parts.push(format!("{} to build first", counted(waiting, "table")));
    }
    if let State::Partial(..) = writer.report.state {
        parts.push("what this environment still lacks".to_owned());
    }
    if !due.is_empty() {
        let one = |due: &Due| format!("{} of {}", due_units(due.units, due.unit), name(&due.model.to_string()));
        let each = due.iter().map(one);
        let amount = match Due::total(&due) {
            Some(total) => format!("about {}", amount(cost, &total)),
            None => "not estimated".to_owned(),
        };
        parts.push(format!("{}: {amount}", some(each, LIST)));
    }
    match parts.is_empty() {
        true => "nothing but the swap of pointers, as things stand".to_owned(),
        false => format!("{}. All else is a swap of pointers", parts.join(" · ")),
    }
}

fn amount(cost: &Cost, work: &Estimate) -> String {
    let mut parts: Vec<String> = work.bytes.filter(|bytes| *bytes > 0).map(readable_bytes).into_iter().collect();
    parts.push(work.rows.map_or("rows not all counted".to_owned(), |rows| format!("{} rows", grouped(rows))));
    parts.push(readable_seconds(work.seconds));
    parts.extend(money(cost, work));
    parts.join(" · ")
}

fn money(cost: &Cost, work: &Estimate) -> Option<String> {
    let price = cost.price.as_ref()?;
    let amount = price.of(work)?;
    let currency = prose(&shortened(&price.currency, 8));
    Some(if amount < 0.01 { format!("less than {currency}0.01") } else { format!("about {currency}{amount:.2}") })
}

fn checks(findings: &Findings) -> Option<String> {
    let shown = findings.checks.iter().map(|check| {
        let sign = if check.passed < check.of { "❌" } else { "✅" };
        format!("{} {}/{} {sign}", check.name, check.passed, check.of)
    });
    let shown: Vec<String> = shown.collect();
    (!shown.is_empty()).then(|| shown.join(" · "))
}

impl Writer<'_> {
    fn freshness(&self, findings: &Findings) -> String {
        let base = self.base();
        match &findings.freshness {
            Freshness::Current => format!("✅ the plan is for the current head, and {base} has not moved since"),
            Freshness::MovedAside(commits) => format!(
                "✅ the plan is for the current head. {base} moved by {} since, and none of it touches these models",
                commits_of(*commits)
            ),
            Freshness::Stale(BaseMove { commits, touched }) => {
                let commits = commits_of(*commits);
                match touched {
                    Touched::Models(models) => format!(
                        "❌ {base} moved by {commits} since, and changed {} of this plan or of what feeds it",
                        counted(models.len(), "model")
                    ),
                    Touched::Unclear(_) => {
                        format!("❌ {base} moved by {commits} since, and what that does to this plan cannot be told")
                    }
                }
            }
            Freshness::Unknown(WhyUnknown::NotAsked) => format!("nobody looked whether {base} moved since"),
            Freshness::Unknown(WhyUnknown::NoAnswer) => {
                format!("whether {base} moved since is not known: GitHub did not say")
            }
            Freshness::Unknown(WhyUnknown::BranchGone) => format!("not known: there is no {base} any more"),
            Freshness::Unknown(WhyUnknown::Rewritten) => {
                format!("not known: {base} was pushed anew, with a history that lacks commits of this plan's base")
            }
        }
    }
}
