use super::super::*;
use super::gfm::faults;
use super::sample::{
    after_building, after_plans, before_building, built_in_part, head, later, name, quiet, report, shown_before,
    with_commands,
};
use crate::ids::{FilePath, Login};
use crate::problem::Problem;
use crate::report::{
    BaseMove, Closing, Freshness, NotBuilt, Promotion, ReadOnly, StopCause, Stopped, Touched, Unclear, WhyUnknown,
};
use crate::sticky::Presence;
use crate::time::{IntervalUnit, Timestamp};

/// The comment without its state line, which holds a digest; a GFM parser finds nothing wrong with it.
fn shown(report: &Report) -> String {
    let text = with_commands(|commands| comment(report, commands, COMMENT));
    assert!(COMMENT.holds(&text));
    assert_eq!(faults(&text), Vec::<String>::new(), "{text}");
    let lines = text.lines().map(|line| match line.starts_with("<!-- offshoot:state v1 ") {
        true => "<!-- offshoot:state v1 … -->",
        false => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn summary(report: &Report) -> String {
    let text = step_summary(report, STEP_SUMMARY);
    assert_eq!(faults(&text), Vec::<String>::new(), "{text}");
    text
}

fn built() -> State {
    State::Built(Box::new(after_building()))
}

fn failed(last_good: Option<Previous>) -> State {
    let problems = vec![
        Problem::error("missing-seed", "seed `seeds/fx_rates.csv` is not in the tree")
            .at(&FilePath::new("models/raw/fx_rates.sql"))
            .position(1, 41)
            .help("the nearest is `seeds/fx-rates.csv`"),
        Problem::error("cycle", "models read one another in a circle: `marts.a`, `marts.b`"),
        Problem::info("never-promoted", "nothing was promoted yet"),
    ];
    State::Failed { problems, last_good }
}

fn partial(cause: StopCause) -> State {
    let model = name("marts.fct_revenue_daily");
    let stopped = Stopped { model, done: 17, of: 30, unit: IntervalUnit::Day, cause };
    State::Partial(Box::new(built_in_part()), stopped)
}

/// The plan of the quiet branch, stale.
fn stale(touched: Touched) -> Findings {
    Findings { freshness: Freshness::Stale(BaseMove { commits: 3, touched }), ..quiet() }
}

fn base_moved() -> State {
    let touched = Touched::Models(vec![name("staging.orders"), name("raw.orders")]);
    let findings = Findings { freshness: stale(touched).freshness, ..after_building() };
    State::Built(Box::new(findings)).beside_its_base()
}

fn conflict() -> State {
    State::Conflict { files: vec![FilePath::new("models/staging/orders.sql")], last_good: Some(shown_before()) }
}

fn promoted() -> State {
    let promotion = Promotion { commit: head(), by: Login::new("grace"), swapped: 5, built: 1 };
    State::Promoted(promotion, Some(shown_before()))
}

fn closed() -> State {
    State::Closed(Closing { dropped: 9, tables_kept: 6, until: Timestamp::parse("2026-11-29") })
}

fn head_moved() -> State {
    State::HeadMoved { newer: crate::ids::CommitId::new("abc1234abc1234abc1234abc1234abc1234abc123") }
}

/// Each state with the words that tell it.
fn all() -> Vec<(&'static str, State)> {
    vec![
        ("planned, a draft", State::Planned(Box::new(before_building()), NotBuilt::Draft)),
        ("built, not ready", built()),
        ("built, ready", State::Built(Box::new(quiet()))),
        ("running", State::Running(Some(shown_before()))),
        ("no change", State::NoChange),
        ("failed", failed(None)),
        ("partial, cancelled", partial(StopCause::Cancelled)),
        ("partial, at the limit", partial(StopCause::Limit)),
        ("partial, refused", partial(StopCause::Refused("Conversion Error: `a|b`".into()))),
        ("head moved", head_moved()),
        ("base moved", base_moved()),
        ("fork", State::ForkOrReadOnly(Box::new(before_building()), ReadOnly::Fork)),
        ("conflict", conflict()),
        ("promoted", promoted()),
        ("closed", closed()),
    ]
}

#[test]
fn built_and_something_stands_in_the_way() {
    insta::assert_snapshot!(shown(&report(built())));
}

#[test]
fn built_and_ready_to_promote() {
    insta::assert_snapshot!(shown(&report(State::Built(Box::new(quiet())))));
}

#[test]
fn planned_and_not_built_because_it_is_a_draft() {
    let text = shown(&report(State::Planned(Box::new(before_building()), NotBuilt::Draft)));
    let figures = text.split("#### Models").next().expect("figures");
    insta::assert_snapshot!(figures);
}

#[test]
fn running_for_the_first_time() {
    insta::assert_snapshot!(shown(&report(State::Running(None))));
}

#[test]
fn running_over_the_plan_of_the_commit_before() {
    insta::assert_snapshot!(shown(&later(State::Running(Some(shown_before())))));
}

#[test]
fn no_model_changed() {
    insta::assert_snapshot!(shown(&later(State::NoChange)));
    assert_eq!(State::NoChange.presence(), Presence::IfThereIsOne);
}

#[test]
fn the_plan_failed_and_the_last_good_one_is_folded() {
    insta::assert_snapshot!(shown(&later(failed(Some(shown_before())))));
}

#[test]
fn built_in_part_and_the_next_run_goes_on() {
    let text = shown(&report(partial(StopCause::Cancelled)));
    assert!(text.contains("| **17 of 1,056 days** · 1.4 GiB · 30 s |"), "{text}");
    insta::assert_snapshot!(text.split("#### Models").next().expect("figures"));
}

#[test]
fn the_head_moved_while_planning_and_nothing_is_written() {
    assert_eq!(head_moved().presence(), Presence::Never);
    insta::assert_snapshot!(summary(&report(head_moved())));
}

#[test]
fn what_the_base_did_that_cannot_be_told_is_told_to_be_so() {
    let path = FilePath::new("models/@org/all`|.yaml");
    let whys = [
        Unclear::ManyFiles(300),
        Unclear::BothChange(path.clone()),
        Unclear::NotInBase(path),
        Unclear::Links,
        Unclear::Settings,
        Unclear::Errors,
    ];
    let told = whys.map(|why| {
        let text = shown(&report(State::Built(Box::new(stale(Touched::Unclear(why)))).beside_its_base()));
        text.lines().find(|line| line.starts_with("**`main` moved")).expect("the sentence").to_owned()
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_wrong_on_every_base_is_worse_than_stale() {
    let stale = || stale(Touched::Unclear(Unclear::Links));
    let mut wrong = stale();
    wrong.plan.problems.push(Problem::error("cycle", "in a circle"));
    let lost = Findings { destructions: after_building().destructions, ..stale() };
    let partial = match partial(StopCause::Limit) {
        State::Partial(_, stopped) => State::Partial(Box::new(stale()), stopped),
        other => other,
    };
    let told = [
        State::Built(Box::new(stale())),
        State::Planned(Box::new(stale()), NotBuilt::Draft),
        State::Built(Box::new(lost)),
        State::Built(Box::new(wrong)),
        State::ForkOrReadOnly(Box::new(stale()), ReadOnly::Fork),
        partial,
        State::Built(Box::new(quiet())),
    ]
    .map(State::beside_its_base);
    let codes = ["base_moved", "base_moved", "base_moved", "built", "fork_or_read_only", "partial", "built"];
    assert_eq!(told.each_ref().map(State::code), codes);
    for state in &told[..6] {
        assert!(step_summary(&report(state.clone()), STEP_SUMMARY).contains("❌ `main` moved by 3 commits"));
    }
}

#[test]
fn what_is_not_known_of_the_base_is_never_a_guess() {
    for why in [WhyUnknown::NotAsked, WhyUnknown::NoAnswer, WhyUnknown::BranchGone, WhyUnknown::Rewritten] {
        let findings = Findings { freshness: Freshness::Unknown(why), ..quiet() };
        let text = shown(&report(State::Built(Box::new(findings)).beside_its_base()));
        let row = text.lines().find(|line| line.contains("**Freshness**")).expect("the row");
        assert!(!row.contains('✅') && !row.contains('❌') && text.contains("ready to promote"), "{row}");
    }
}

#[test]
fn the_base_moved_and_the_plan_is_stale() {
    let text = shown(&report(base_moved()));
    insta::assert_snapshot!(text.split("#### Models").next().expect("figures"));
}

#[test]
fn a_fork_gets_a_static_plan_in_the_step_summary() {
    let state = State::ForkOrReadOnly(Box::new(before_building()), ReadOnly::Fork);
    assert_eq!(state.presence(), Presence::Never);
    insta::assert_snapshot!(summary(&report(state)));
}

#[test]
fn a_conflict_is_told_with_its_files() {
    insta::assert_snapshot!(shown(&later(conflict())).split("<summary>").next().expect("a verdict"));
}

#[test]
fn promoted_with_the_plan_folded() {
    let text = shown(&later(promoted()));
    insta::assert_snapshot!(text.split("### 🟢").next().expect("a verdict"));
    assert!(text.ends_with("</sub>") && text.contains("\n</details>\n\n<sub>"), "{text}");
}

#[test]
fn closed_and_the_environment_is_gone() {
    insta::assert_snapshot!(shown(&report(closed())));
}

#[test]
fn the_last_plans_are_folded_at_the_foot() {
    let foot = |report: &Report| {
        let text = shown(report);
        text.find("\n<details><summary>The last").map(|at| text[at..].to_owned())
    };
    let fourth = after_plans(report(State::Built(Box::new(quiet()))), 4);
    let mut all = vec![foot(&fourth).expect("the last plans")];
    for (words, state) in all_states_but_plans() {
        all.push(format!("{words}:{}", foot(&after_plans(later(state), 2)).expect(words)));
    }
    insta::assert_snapshot!(all.join("\n\n"));
    assert_eq!(foot(&after_plans(report(built()), 1)), None, "the head's own plan is told above");
    assert_eq!(after_plans(later(State::NoChange), 9).history().plans().len(), 5);
}

/// What is told is no plan, so that the last ones stay as they are.
fn all_states_but_plans() -> Vec<(&'static str, State)> {
    all().into_iter().filter(|(_, state)| state.verdict().is_none() && state.presence() != Presence::Never).collect()
}

#[test]
fn every_way_to_tell_a_plan_is_remembered_as_it_is_told() {
    for (words, state) in all() {
        let Some(verdict) = state.verdict() else { continue };
        let sign = verdict::words(verdict).0;
        let report = report(state);
        assert_eq!(report.history().plans()[0].verdict, verdict);
        assert!(step_summary(&report, STEP_SUMMARY).contains(sign), "{words}");
    }
}

#[test]
fn each_state_has_a_check_that_no_required_check_mistakes() {
    let line = |(words, state): (&str, State)| {
        let conclusion = state.conclusion().map_or("in progress, or left as it is", |conclusion| conclusion.text());
        let report = report(state);
        let CheckText { title, summary, text } = check(&report, CHECK);
        assert!(title.chars().count() <= 255 && CHECK.holds(&summary) && CHECK.holds(&text));
        assert_eq!((faults(&summary), faults(&text)), (Vec::new(), Vec::new()), "{summary}\n{text}");
        assert!(!summary.is_empty(), "{words}");
        format!("{words}: {conclusion}: {title}")
    };
    insta::assert_snapshot!(all().into_iter().map(line).collect::<Vec<_>>().join("\n"));
    let mut pull_request = report(State::NoChange).pull_request;
    assert_eq!(check_name(&pull_request), "bot / plan (analytics)");
    pull_request.project = crate::ids::ProjectName::default();
    assert_eq!(check_name(&pull_request), "bot / plan");
}

#[test]
fn no_value_of_a_row_is_shown() {
    let report = report(built());
    let texts = [shown(&report), summary(&report), crate::render::json::report(&report)];
    for text in texts {
        assert!(!text.contains("least-secret") && !text.contains("greatest-secret"), "{text}");
    }
}

#[test]
fn what_somebody_allowed_no_longer_blocks_and_is_still_told() {
    let mut findings = after_building();
    for destruction in &mut findings.destructions {
        destruction.allowed_by = Some(Login::new("grace"));
    }
    let text = shown(&report(State::Built(Box::new(findings))));
    assert!(text.contains("🟡") && text.contains("ready to promote, with breaking changes"), "{text}");
    assert!(text.contains("> [!NOTE]") && text.contains("Allowed for this commit by `grace`"), "{text}");
    assert!(!text.contains("[!WARNING]"), "{text}");
}

#[test]
fn checks_have_a_row_only_where_there_are_some() {
    let mut findings = quiet();
    assert!(!shown(&report(State::Built(Box::new(findings.clone())))).contains("**Checks**"));
    findings.checks = vec![
        crate::report::Check { name: "unit tests", passed: 14, of: 14 },
        crate::report::Check { name: "audits", passed: 22, of: 23 },
    ];
    let state = State::Built(Box::new(findings));
    assert_eq!(state.conclusion().map(|conclusion| conclusion.text()), Some("failure"));
    let text = shown(&report(state));
    assert!(text.contains("| **Checks** | unit tests 14/14 ✅ · audits 22/23 ❌ |"), "{text}");
    assert!(text.contains("> **audits: 22 of 23 passed.** This blocks promote."), "{text}");
}
