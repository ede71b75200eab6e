//! Names, SQL, messages and values that a stranger chooses, in every place where a report has any.

use proptest::prelude::*;

use super::super::*;
use super::gfm::faults;
use super::sample::{after_building, after_plans, found_again, report, with_commands};
use crate::data_diff::{Compared, LeftOut, SchemaChange, WhyLeftOut};
use crate::hash::Digest;
use crate::ids::{EnvironmentName, FilePath, Login, ModelName, ProjectName};
use crate::plan::{Category, Change, Reason};
use crate::problem::{HELD, Problem};
use crate::report::{Blocker, Destruction, Findings, Hunks, Neighbour, Price, SqlChange, StopCause, Stopped};
use crate::time::IntervalUnit;

/// What ends cells, fences, folds, comments, labels; what mentions, links and hides.
const PIECES: [&str; 34] = [
    "@org/all",
    "|",
    "`",
    "``",
    "```",
    "````",
    "-->",
    "<!--",
    "\u{202e}",
    "\n",
    "\r\n",
    "</details>",
    "<details>",
    "<img src=x>",
    "<script>",
    "](https://evil.example)",
    "[x",
    "![y](z)",
    "https://evil.example",
    "www.evil.example",
    "#12",
    "org/repo#1",
    "::error::",
    "**",
    "~~~",
    "\n\n# title",
    "\n| a | b |\n|--|--|",
    "\u{200b}",
    "\\",
    "$",
    "&lt;",
    "\"]",
    "end",
    "a",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned), 1 => "\\PC{1,5}"];
    prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

fn model(text: &str) -> ModelName {
    ModelName::from_parts(vec!["s".into(), format!("{text}_")]).expect("a name")
}

/// The sample with `text` wherever a branch can put one.
fn poisoned(text: &str) -> Report {
    let mut findings = after_building();
    let name = model(text);
    for (place, planned) in findings.plan.models.iter_mut().enumerate().take(6) {
        if place != 1 {
            planned.name = name.clone();
        }
        planned.reasons = vec![
            Reason::ColumnChanged { column: text.into() },
            Reason::ParentColumn { parent: name.clone(), column: text.into() },
            Reason::MetadataChanged { property: text.into(), old: Some(text.into()), new: None },
            Reason::ColumnsReordered { old: vec![text.into()], new: vec![text.into()] },
            Reason::RowsChanged,
        ];
    }
    let mut drifted = findings.plan.models[0].clone();
    drifted.name = name.clone();
    findings.plan.drift.push(drifted);
    let error = Problem::error("code", text).at(&FilePath::new(text)).position(1, 2).help(text);
    let quoted = Problem::warning("code", format!("a name `{text}` of ours"));
    let held = Problem::warning(HELD, format!("`{text}` is held: {text}")).help(text);
    findings.plan.problems.extend([error.clone(), quoted, held]);
    for data in findings.data.iter_mut().flat_map(|data| &mut data.models) {
        data.schema.push(SchemaChange::Added { column: text.into(), data_type: text.into() });
        data.schema.push(SchemaChange::Retyped { column: text.into(), old: text.into(), new: text.into() });
        match &mut data.compared {
            Compared::ByGrain(found) => {
                found.grain.push(text.into());
                found.columns.push((text.into(), 7));
            }
            Compared::ByColumn(found) => found.columns.iter_mut().for_each(|column| {
                column.name = text.into();
                column.here.mean = Some(text.into());
            }),
            _ => data.name = name.clone(),
        }
    }
    let unseen = LeftOut { name: name.clone(), why: WhyLeftOut::NoGrain, schema: Vec::new() };
    findings.data.iter_mut().for_each(|data| data.left_out.push(unseen.clone()));
    findings.destructions.push(Destruction {
        model: name.clone(),
        columns: vec![text.into()],
        readers: vec![name.clone()],
        allowed_by: None,
    });
    findings.destructions.push(Destruction { allowed_by: Some(Login::new(text)), ..findings.destructions[0].clone() });
    let lines = format!("+{}\n", text.replace('\n', "\n+"));
    findings.sql.push(SqlChange {
        model: name.clone(),
        old: Digest::of("t", "a"),
        new: Digest::of("t", "b"),
        hunks: Hunks::Lines { text: lines, added: 1, removed: 0 },
    });
    findings.neighbourhood.nodes.push(Neighbour { name: name.clone(), change: None });
    findings.sources = findings.plan.models.iter().map(|model| (model.name.clone(), FilePath::new(text))).collect();
    findings.cost.price = Some(Price { currency: text.into(), tebibyte: Some(5.0), hour: Some(1.0) });
    let cause = StopCause::Refused(text.into());
    let stopped = Stopped { model: name, done: 1, of: 2, unit: IntervalUnit::Day, cause };
    let mut report = after_plans(report(State::Partial(Box::new(findings), stopped)), 6);
    report.pull_request.head_branch = text.into();
    report.pull_request.base_branch = text.into();
    report.pull_request.project = ProjectName::new(text);
    report.pull_request.environment = EnvironmentName::new(text);
    report
}

/// Every text that is made of a report, with what it may measure.
fn texts(report: &Report) -> Vec<(Budget, String)> {
    let CheckText { summary, text, .. } = check(report, CHECK);
    vec![
        (COMMENT, with_commands(|commands| comment(report, commands, COMMENT))),
        (STEP_SUMMARY, step_summary(report, STEP_SUMMARY)),
        (CHECK, summary),
        (CHECK, text),
    ]
}

fn assert_sound(report: &Report) {
    for (budget, text) in texts(report) {
        assert!(budget.holds(&text), "{budget:?}: {} bytes", text.len());
        // The parser takes its time; what a step summary has more of is more of the same.
        if text.len() > 200_000 {
            continue;
        }
        assert_eq!(faults(&text), Vec::<String>::new(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_the_names_every_text_is_sound(text in hostile()) {
        assert_sound(&poisoned(&text));
    }

    #[test]
    fn whatever_the_lengths_no_text_is_too_long(piece in prop::sample::select(PIECES.to_vec()), times in 1..2_000_usize) {
        assert_sound(&poisoned(&piece.repeat(times)));
    }

    /// Whoever may write to the repository can edit our comment, state line and all.
    #[test]
    fn whatever_somebody_wrote_into_the_state_line_none_of_it_is_shown(texts in prop::collection::vec(hostile(), 5), field in 0..5_usize) {
        use serde_json::json;
        let plan = |(place, text): (usize, &String)| {
            let text = format!("~{text}~mark");
            let mut plan = json!({
                "head": format!("{place:040x}"), "verdict": "ready", "at": 0, "run": { "id": place, "attempt": 1 },
            });
            match field {
                0 => plan["head"] = json!(text),
                1 => plan["verdict"] = json!(text),
                2 => plan["at"] = json!(text),
                3 => plan["run"]["id"] = json!(text),
                _ => plan["words"] = json!(text),
            }
            plan
        };
        let forged = json!(texts.iter().enumerate().map(|(place, text)| plan((place + 1, text))).collect::<Vec<_>>());
        let past = crate::sticky::tests::read(Some(forged));
        prop_assert_eq!(past.plans().len(), if field == 4 { 5 } else { 0 });
        let report = Report { past, ..report(State::NoChange) };
        let shown = with_commands(|commands| comment(&report, commands, COMMENT));
        prop_assert!(!shown.contains("~mark"), "{}", shown);
        prop_assert_eq!(faults(&shown), Vec::<String>::new());
    }
}

#[test]
fn the_worst_that_always_stays_fits_into_the_smallest_place() {
    // Beside a pipe every mark becomes an entity, of nine characters for most of the world's emoji.
    let text = format!("|{}", "🙂".repeat(2_000));
    let mut report = poisoned(&text);
    let State::Partial(findings, _) = &mut report.state else { panic!("built in part") };
    let lost = |allowed_by| Destruction {
        model: model(&text),
        columns: vec![text.clone(); 9],
        readers: vec![model(&text); 9],
        allowed_by,
    };
    findings.plan.problems = vec![Problem::warning(HELD, text.clone()).help(text.clone())];
    findings.destructions = [vec![lost(None); 20], vec![lost(Some(Login::new(text.as_str()))); 20]].concat();
    for planned in &mut findings.plan.models {
        planned.name = model(&text);
        planned.due_at_promote = planned.intervals_missing.clone();
    }
    let list = vec![text.clone(); 20];
    let shown = with_commands(|commands| comment(&report, &Commands { list: &list, ..*commands }, COMMENT));
    assert!(COMMENT.holds(&shown), "{}", shown.chars().count());
    assert_eq!(faults(&shown), Vec::<String>::new(), "{shown}");
    assert_sound(&report);
}

/// So many models, each with its reasons, its diff and its arrows.
fn many(count: usize) -> Findings {
    let mut findings = after_building();
    let sample = findings.plan.models[1].clone();
    let data = findings.data.as_ref().map(|data| data.models[6].clone()).expect("a diff");
    let sql = findings.sql[0].clone();
    let names: Vec<ModelName> = (0..count).map(|place| model(&format!("|`{place}"))).collect();
    let changes = [Category::Breaking, Category::NonBreaking, Category::Metadata];
    for (place, name) in names.iter().enumerate() {
        let mut planned = sample.clone();
        planned.name = name.clone();
        planned.category = changes[place % 3];
        findings.plan.models.push(planned);
        findings.data.iter_mut().for_each(|found| {
            found.models.push(crate::data_diff::ModelDataDiff { name: name.clone(), ..data.clone() });
            found.left_out.push(LeftOut { name: name.clone(), why: WhyLeftOut::Beyond(10), schema: Vec::new() });
        });
        findings.sql.push(SqlChange { model: name.clone(), ..sql.clone() });
        findings.neighbourhood.edges.push((findings.neighbourhood.nodes.len(), place));
        findings
            .neighbourhood
            .nodes
            .push(Neighbour { name: name.clone(), change: Some((Change::Modified, changes[place % 3])) });
        let readers = names.iter().take(9).cloned().collect();
        let lost = Destruction { model: name.clone(), columns: Vec::new(), readers, allowed_by: None };
        findings.destructions.push(lost);
        findings.plan.problems.push(Problem::error("code", format!("`{name}` is wrong")));
    }
    findings
}

#[test]
fn ten_thousand_models_keep_the_verdict_the_blockers_and_the_commands() {
    let findings = many(10_000);
    assert_eq!(findings.blockers().iter().filter(|blocker| matches!(blocker, Blocker::Error(_))).count(), 10_000);
    let report = report(State::Built(Box::new(findings)));
    assert_sound(&report);
    let text = with_commands(|commands| comment(&report, commands, COMMENT));
    for kept in
        ["not ready to promote", "[!CAUTION]", "more blockers like these", "| **Impact** |", "**Commands**", "Left out"]
    {
        assert!(text.contains(kept), "{kept} in\n{text}");
    }
    let rows = text.lines().filter(|line| line.contains(" modified, **breaking** |")).count();
    assert_eq!(rows, 50, "the largest stay");
}

#[test]
fn sections_go_in_their_order() {
    let report = after_plans(report(State::Built(Box::new(many(60)))), 5);
    let at = |most: usize| with_commands(|commands| comment(&report, commands, COMMENT.of(most)));
    let mut before = usize::MAX;
    let mut story = Vec::new();
    for most in (4_000..200_000).step_by(2_000).rev() {
        let text = at(most);
        assert!(COMMENT.of(most).holds(&text), "{most}");
        assert_eq!(faults(&text), Vec::<String>::new(), "{text}");
        let has = |what: &str| if text.contains(what) { "yes" } else { "no" };
        let rows = text.lines().filter(|line| line.contains("| ✏️ modified")).count();
        let line = format!(
            "plans {}, SQL {}, lineage {}, rows {rows}, columns {}",
            has("<summary>The last"),
            has("<b>SQL"),
            has("<b>Lineage"),
            has("<b>Data by")
        );
        if story.last() != Some(&line) {
            story.push(line);
        }
        assert!(text.len() <= before, "a smaller place never has more");
        before = text.len();
    }
    insta::assert_snapshot!(story.join("\n"));
}

#[test]
fn the_last_plans_go_before_any_other_section() {
    let report = after_plans(report(State::Built(Box::new(many(20)))), 5);
    let at = |most: usize| with_commands(|commands| comment(&report, commands, COMMENT.of(most)));
    let whole = at(200_000).chars().count();
    let mut story = Vec::new();
    for most in (whole - 1_500..whole + 1_000).step_by(50).rev() {
        let text = at(most);
        let has = (
            text.contains("<summary>The last"),
            text.contains("<b>SQL"),
            text.contains("the last plans; the summary of"),
        );
        if story.last() != Some(&has) {
            story.push(has);
        }
    }
    assert_eq!(story, [(true, true, false), (false, true, true), (false, false, true)]);
}

#[test]
fn a_plan_that_fills_the_comment_still_fits_when_the_next_run_begins() {
    use crate::sticky::previous;
    let first = after_plans(report(State::Built(Box::new(many(300)))), 5);
    let body = with_commands(|commands| comment(&first, commands, COMMENT));
    let (there, own) = found_again(body);
    let plan = previous(&[there], &own, &first.pull_request.project);
    for state in [
        State::Running(plan.clone()),
        State::Failed { problems: vec![Problem::error("code", "wrong")], last_good: plan.clone() },
        State::Conflict { files: vec![FilePath::new("a")], last_good: plan.clone() },
    ] {
        let next = after_plans(report(state), 5);
        let text = with_commands(|commands| comment(&next, commands, COMMENT));
        assert!(COMMENT.holds(&text), "{}", text.len());
        assert!(text.contains("#### Models"), "the plan is kept");
        assert_eq!(faults(&text), Vec::<String>::new());
    }
}

/// `scripts/check-mermaid.sh` shows this one to Mermaid itself.
#[test]
fn the_largest_picture_of_the_worst_names() {
    let mut findings = after_building();
    let names = PIECES.iter().cycle().enumerate().take(200);
    let node = |(place, piece): (usize, &&str)| Neighbour {
        name: ModelName::from_parts(vec![format!("{piece}{place}")]).expect("a name"),
        change: Some((Change::Added, Category::None)),
    };
    findings.neighbourhood.nodes = names.map(node).collect();
    findings.neighbourhood.edges = (0..1_000).map(|place| (place % 199, place * 7 % 200)).collect();
    let text = super::super::diagram::section(&findings);
    assert_eq!(faults(&text), Vec::<String>::new());
    let (arrows, nodes) = (text.matches(" --> ").count(), text.matches("[\"").count());
    assert_eq!((arrows <= 400, nodes), (true, 120), "Mermaid refuses more than 500 arrows");
    assert!(text.len() < 50_000, "and more than 50,000 characters");
    insta::assert_snapshot!(text);
}
