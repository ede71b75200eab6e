//! Conversations about check runs: made once, completed last, with as many places as there are.

use offshoot::github::{
    Annotation, AnnotationLevel, CheckReport, CheckState, CheckUpdate, Conclusion, GitHubError, LONGEST_CHECK_TEXT,
    NewCheck,
};
use offshoot::ids::CommitId;

use super::fake::{Access, FakeGitHub, Pull, SECRET, Trouble};

const HEAD: &str = "9f3c2e1000000000000000000000000000000001";
const NAME: &str = "bot / plan (shop)";

fn world() -> FakeGitHub {
    let fake = FakeGitHub::start();
    fake.open(Pull::from("feature/fx-rates", HEAD));
    fake
}

fn check(update: CheckUpdate) -> NewCheck {
    NewCheck { name: NAME.into(), commit: CommitId::new(HEAD), external_id: "7711223344.1".into(), update }
}

fn running() -> CheckUpdate {
    CheckUpdate {
        state: CheckState::InProgress,
        details_url: Some("https://github.com/acme/shop".into()),
        report: None,
    }
}

fn failed(annotations: u32) -> CheckUpdate {
    let report = CheckReport {
        title: "3 problems".into(),
        summary: "what is wrong".into(),
        text: Some("the whole report".into()),
        annotations: (1..=annotations).map(annotation).collect(),
    };
    CheckUpdate { state: CheckState::Completed(Conclusion::Failure), details_url: None, report: Some(report) }
}

fn annotation(line: u32) -> Annotation {
    Annotation {
        path: "models/marts/orders.sql".into(),
        line,
        column: Some(3),
        level: AnnotationLevel::Failure,
        title: "unknown column".into(),
        message: format!("`amuont` of line {line}"),
    }
}

#[test]
fn a_check_runs_and_ends() {
    let fake = world();
    let github = fake.client();
    let made = github.create_check(&check(running())).expect("a check");
    assert_eq!(fake.state().checks[0].status, "in_progress");
    let ended = github.update_check(&made, &failed(1)).expect("a check");
    assert_eq!((ended.conclusion.as_deref(), ended.annotations), (Some("failure"), 1));
    let state = fake.state();
    let check = &state.checks[0];
    assert_eq!((check.name.as_str(), check.commit.as_str(), check.status.as_str()), (NAME, HEAD, "completed"));
    assert_eq!((check.title.as_deref(), check.text.as_deref()), (Some("3 problems"), Some("the whole report")));
    assert_eq!(check.details_url.as_deref(), Some("https://github.com/acme/shop"), "what is not named stays");
}

#[test]
fn many_places_go_in_batches_and_the_verdict_last() {
    let fake = world();
    let github = fake.client();
    let made = github.create_check(&check(running())).expect("a check");
    github.update_check(&made, &failed(120)).expect("a check");
    let state = fake.state();
    let updates: Vec<_> =
        state.requests.iter().filter(|request| request.method == "PATCH").map(|one| one.json()).collect();
    let sizes: Vec<_> =
        updates.iter().map(|update| update["output"]["annotations"].as_array().map_or(0, Vec::len)).collect();
    let statuses: Vec<_> = updates.iter().map(|update| update["status"].as_str().unwrap_or_default()).collect();
    assert_eq!((sizes, statuses), (vec![50, 50, 20], vec!["in_progress", "in_progress", "completed"]));
    assert_eq!(state.checks[0].annotations.len(), 120);
}

#[test]
fn a_check_may_be_made_whole() {
    let fake = world();
    let made = fake.client().create_check(&check(failed(51))).expect("a check");
    assert_eq!((made.annotations, made.conclusion.as_deref()), (51, Some("failure")));
    assert_eq!(fake.writes().len(), 2);
}

#[test]
fn whatever_goes_wrong_there_is_one_check_and_each_place_once() {
    let troubles = [
        Trouble::ServerErrorBefore,
        Trouble::ServerErrorAfter,
        Trouble::DroppedBefore,
        Trouble::DroppedAfter,
        Trouble::TooMany(None),
    ];
    for trouble in troubles {
        let fake = world();
        fake.fails("POST", "/check-runs", trouble.clone());
        let github = fake.client();
        let made = github.create_check(&check(running())).expect("a check");
        fake.fails("PATCH", &format!("/check-runs/{}", made.id), trouble.clone());
        let ended = github.update_check(&made, &failed(60)).expect("a check");
        let state = fake.state();
        assert_eq!((state.checks.len(), state.checks[0].annotations.len()), (1, 60), "{trouble:?}");
        assert_eq!((ended.annotations, state.checks[0].status.as_str()), (60, "completed"), "{trouble:?}");
    }
}

#[test]
fn another_run_s_check_of_the_same_name_is_not_taken_for_ours() {
    let fake = world();
    let github = fake.client();
    let theirs = NewCheck { external_id: "7711223344.0".into(), ..check(running()) };
    let theirs = github.create_check(&theirs).expect("a check");
    fake.fails("POST", "/check-runs", Trouble::DroppedBefore);
    let ours = github.create_check(&check(running())).expect("a check");
    assert_ne!(ours.id, theirs.id);
    let known = github.check_runs(&CommitId::new(HEAD), NAME).expect("checks");
    let ids: Vec<_> = known.iter().filter_map(|check| check.external_id.clone()).collect();
    assert_eq!(ids, ["7711223344.1", "7711223344.0"], "the newest first");
    assert!(github.check_runs(&CommitId::new(HEAD), "other").expect("checks").is_empty());
}

#[test]
fn texts_are_cut_and_secrets_hidden() {
    let fake = world();
    let mut update = failed(1);
    let report = update.report.as_mut().expect("a report");
    report.title = format!("{SECRET} in a title");
    report.summary = format!("{SECRET}{}", "é".repeat(LONGEST_CHECK_TEXT));
    report.text = Some(format!("{SECRET} in a text"));
    report.annotations[0].message = format!("{SECRET} in a message");
    fake.client().create_check(&check(update)).expect("a check");
    let state = fake.state();
    let check = &state.checks[0];
    assert_eq!((check.title.as_deref(), check.text.as_deref()), (Some("*** in a title"), Some("*** in a text")));
    assert_eq!(check.annotations[0]["message"], "*** in a message");
    let summary = check.summary.clone().expect("a summary");
    assert!(summary.starts_with("***é") && summary.ends_with("é…") && summary.len() <= LONGEST_CHECK_TEXT);
}

#[test]
fn a_refusal_names_the_permission() {
    let fake = world();
    fake.state().access = Access::ReadOnly;
    let error = fake.client().create_check(&check(running())).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "cannot create a check on commit `9f3c2e1000000000000000000000000000000001`: the token may not: GitHub says \
         \"Resource not accessible by integration\"; the job needs `checks: write` under `permissions:` (a fork's token can \
         only read)"
    );
}

#[test]
fn a_commit_that_github_does_not_know_is_told_in_its_words() {
    let fake = world();
    let unknown = NewCheck { commit: CommitId::new("1".repeat(40)), ..check(running()) };
    let error = fake.client().create_check(&unknown).expect_err("refused");
    assert!(matches!(error, GitHubError::Invalid { status: 422, .. }), "{error}");
    assert!(error.to_string().contains("No commit found for SHA: 1111"), "{error}");
}
