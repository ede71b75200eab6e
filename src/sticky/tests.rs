use proptest::prelude::*;

use super::*;
use crate::event::{Account, AccountKind};
use crate::time::Timestamp;

fn own() -> Login {
    Login::new("github-actions[bot]")
}

fn project() -> ProjectName {
    ProjectName::new("shop")
}

fn run(id: u64) -> RunKey {
    RunKey { id: RunId(id), attempt: 1 }
}

fn plan(head: u64, at: i64) -> PastPlan {
    let head = CommitId::new(format!("{head:040x}"));
    PastPlan { head, verdict: Verdict::Ready, at: Timestamp(at), run: run(7) }
}

/// So many plans, each of a head of its own.
fn history(plans: u64) -> History {
    (1..=plans).fold(History::default(), |history, head| history.with(plan(head, 0)))
}

fn written(by: RunKey, text: &str) -> String {
    let stamp = Stamp {
        environment: EnvironmentName::new("feature_1"),
        head: CommitId::new("9f3c2e1a"),
        base: CommitId::new("77ab01d4"),
        run: by,
        history: history(3),
    };
    let plan = Previous { head: CommitId::new("9f3c2e1a"), markdown: text.into() };
    let parts = Parts { before: "before\n".into(), plan: Some(plan), after: "after".into() };
    seal(&project(), &stamp, &parts)
}

fn comment(id: u64, author: Login, body: String) -> Comment {
    let author = Some(Account { id: 1, login: author, kind: AccountKind::Program });
    Comment { id: CommentId(id), author, body, created: Timestamp(0), updated: Timestamp(0) }
}

fn decided(existing: &[Comment], by: RunKey, body: &str, presence: Presence) -> Decision {
    decide(existing, &own(), &project(), (by, body), presence)
}

fn only(action: Action) -> Decision {
    Decision { action, duplicates: Vec::new() }
}

#[test]
fn the_first_run_writes_a_comment_and_the_next_one_replaces_its_text() {
    let body = written(run(1), "plan");
    assert_eq!(decided(&[], run(1), &body, Presence::Always), only(Action::Create));
    let there = [comment(7, own(), body)];
    let next = written(run(2), "other");
    assert_eq!(decided(&there, run(2), &next, Presence::Always), only(Action::Update(CommentId(7))));
}

#[test]
fn the_same_text_is_not_sent_again_whatever_github_made_of_its_line_ends() {
    let body = written(run(1), "plan\nmore");
    let there = [comment(7, own(), body.replace('\n', "\r\n").trim_end().to_owned())];
    assert_eq!(decided(&there, run(1), &body, Presence::Always), only(Action::Unchanged(CommentId(7))));
}

#[test]
fn an_older_run_never_overwrites_a_newer_one() {
    let there = [comment(7, own(), written(run(5), "new"))];
    let body = written(run(4), "old");
    let superseded = Action::Superseded { comment: CommentId(7), by: run(5) };
    assert_eq!(decided(&there, run(4), &body, Presence::Always), only(superseded));
    let again = RunKey { id: RunId(5), attempt: 2 };
    assert_eq!(decided(&there, again, &body, Presence::Always), only(Action::Update(CommentId(7))));
    let there = [comment(7, own(), written(again, "new"))];
    assert!(matches!(decided(&there, run(5), &body, Presence::Always).action, Action::Superseded { .. }));
}

#[test]
fn a_comment_of_somebody_else_with_our_marker_is_never_ours() {
    let stranger = comment(1, Login::new("github-actions"), written(run(9), "x"));
    let nobody = Comment { author: None, ..comment(2, own(), written(run(9), "x")) };
    let there = [stranger, nobody];
    assert_eq!(decided(&there, run(1), &written(run(1), "plan"), Presence::Always), only(Action::Create));
    assert_eq!(previous(&there, &own(), &project()), None);
    assert_eq!(stamp(&there, &own(), &project()), None);
}

#[test]
fn github_tells_logins_apart_in_no_letters_case() {
    let there = [comment(3, Login::new("GitHub-Actions[bot]"), written(run(1), "x"))];
    let action = decided(&there, run(2), "other", Presence::Always).action;
    assert_eq!(action, Action::Update(CommentId(3)));
}

#[test]
fn a_marker_counts_only_as_the_first_line() {
    let quoted = format!("> {}", written(run(1), "plan"));
    let below = format!("hello\n{}", written(run(1), "plan"));
    let there = [comment(1, own(), quoted), comment(2, own(), below)];
    assert_eq!(decided(&there, run(2), "x", Presence::Always), only(Action::Create));
}

#[test]
fn of_several_of_ours_the_oldest_is_kept_and_the_newest_run_counts() {
    let there = [
        comment(12, own(), written(run(8), "two")),
        comment(7, own(), written(run(6), "one")),
        comment(20, own(), written(run(7), "three")),
    ];
    let duplicates = vec![CommentId(12), CommentId(20)];
    let found = decided(&there, run(9), "x", Presence::Always);
    assert_eq!(found, Decision { action: Action::Update(CommentId(7)), duplicates: duplicates.clone() });
    let found = decided(&there, run(7), "x", Presence::Always);
    let action = Action::Superseded { comment: CommentId(7), by: run(8) };
    assert_eq!(found, Decision { action, duplicates });
    let line = folded("https://github.com/acme/shop/pull/1#issuecomment-7");
    let there = [comment(12, own(), line.clone())];
    assert_eq!(decided(&there, run(9), "x", Presence::Always).action, Action::Create, "{line} is not found again");
}

#[test]
fn two_projects_of_one_repository_have_a_comment_each() {
    let there = [comment(7, own(), written(run(1), "plan"))];
    let other = decide(&there, &own(), &ProjectName::new("shop-eu"), (run(2), "x"), Presence::Always);
    assert_eq!(other, only(Action::Create));
}

#[test]
fn nothing_changed_is_no_news_where_nothing_was_said() {
    assert_eq!(decided(&[], run(1), "x", Presence::IfThereIsOne), only(Action::Nothing));
    let there = [comment(7, own(), written(run(1), "plan"))];
    assert_eq!(decided(&there, run(2), "x", Presence::IfThereIsOne), only(Action::Update(CommentId(7))));
    assert_eq!(decided(&there, run(2), "x", Presence::Never), only(Action::Nothing));
}

#[test]
fn the_plan_is_handed_on_word_for_word_unless_somebody_edited_the_comment() {
    let body = written(run(1), "### Plan\n\n<!-- offshoot:state v1 e30 -->\nline");
    let there = [comment(7, own(), body.replace('\n', "\r\n"))];
    let plan = previous(&there, &own(), &project()).expect("a plan");
    assert_eq!(plan.markdown, "### Plan\n\n<!-- offshoot:state v1 e30 -->\nline\n");
    assert_eq!(plan.head.as_str(), "9f3c2e1a");
    assert_eq!(stamp(&there, &own(), &project()).map(|stamp| stamp.run), Some(run(1)));
    let edited = [comment(7, own(), body.replace("line", "@everyone"))];
    assert_eq!(previous(&edited, &own(), &project()), None);
    assert_eq!(decided(&edited, run(2), "x", Presence::Always), only(Action::Update(CommentId(7))));
}

#[test]
fn what_ends_a_comment_of_html_never_comes_out_of_a_name() {
    for name in ["-->", "a--b", "-", "x\n<img>", "機", "%2d;", ""] {
        let line = marker(&ProjectName::new(name));
        assert!(line.is_ascii() && line.lines().count() == 1, "{line}");
        let inside = line.strip_prefix("<!--").and_then(|line| line.strip_suffix("-->")).expect("a comment");
        assert!(!inside.contains("--") && !inside.contains(['<', '>', '\n']), "{line}");
    }
    assert_ne!(marker(&ProjectName::new("%2d;")), marker(&ProjectName::new("-")));
    let long = |end: &str| marker(&ProjectName::new(format!("{}{end}", "x".repeat(5_000))));
    assert!(long("a").len() < 150 && long("a") != long("b"));
}

#[test]
fn the_last_five_plans_are_kept_the_newest_first_and_each_head_once() {
    let heads = |history: &History| history.plans().iter().map(|plan| plan.head.clone()).collect::<Vec<_>>();
    let wanted = |heads: &[u64]| heads.iter().map(|head| plan(*head, 0).head).collect::<Vec<_>>();
    let seven = history(7);
    assert_eq!(heads(&seven), wanted(&[7, 6, 5, 4, 3]));
    let again = seven.with(PastPlan { verdict: Verdict::Failed, ..plan(5, 125_000) });
    assert_eq!(heads(&again), wanted(&[5, 7, 6, 4, 3]));
    assert_eq!((again.plans()[0].verdict, again.plans()[0].at), (Verdict::Failed, Timestamp(120_000)));
}

#[test]
fn the_last_plans_are_found_again_in_our_own_comment_alone() {
    let body = written(run(1), "plan");
    let found = |author: Login, body: &str| {
        stamp(&[comment(7, author, body.replace('\n', "\r\n"))], &own(), &project()).map(|stamp| stamp.history)
    };
    assert_eq!(found(own(), &body), Some(history(3)));
    assert_eq!(found(own(), &body.replace("plan", "edited")).map(|history| history.plans().len()), None, "no marker");
    assert_eq!(found(own(), &body.replace("before", "edited")), Some(history(3)), "codes are no text");
    assert_eq!(found(Login::new("mallory"), &body), None);
}

/// A state line of ours with this for a history; `None` leaves it out, as older versions do.
fn with_history(history: Option<serde_json::Value>) -> Comment {
    let mut state = serde_json::json!({
        "environment": "e", "head": "h", "base": "b", "run": run(1), "digest": digest("text"), "plan": null,
    });
    if let Some(history) = history {
        state["history"] = history;
    }
    let encoded = URL_SAFE_NO_PAD.encode(state.to_string());
    comment(7, own(), format!("{}\n{STATE_OPENS}{encoded}{CLOSES}\ntext", marker(&project())))
}

/// What is read of it.
pub(crate) fn read(history: Option<serde_json::Value>) -> History {
    stamp(&[with_history(history)], &own(), &project()).expect("the rest of the line is read all the same").history
}

#[test]
fn a_history_that_is_missing_or_damaged_costs_itself_alone() {
    use serde_json::json;
    let good = json!({ "head": "a".repeat(40), "verdict": "ready", "at": 60_000, "run": { "id": 7, "attempt": 1 } });
    let but = |field: &str, value: serde_json::Value| {
        let mut plan = good.clone();
        plan[field] = value;
        plan
    };
    assert_eq!(read(None), History::default());
    for damaged in [json!(null), json!("x"), json!({ "head": 1 }), json!([1, null, [], {}])] {
        assert_eq!(read(Some(damaged)), History::default());
    }
    let all = json!([
        but("head", json!("</details>@org/all")),
        but("head", json!("0".repeat(40))),
        but("verdict", json!("[click](https://evil.example)")),
        but("at", json!(-1)),
        but("at", json!(i64::MAX)),
        but("at", json!("now")),
        but("run", json!({ "id": "7", "attempt": 1 })),
        good,
        good,
    ]);
    let found = read(Some(all));
    assert_eq!(found.plans().iter().map(|plan| plan.head.as_str().len()).collect::<Vec<_>>(), [40]);
    let many: Vec<serde_json::Value> = (1..9).map(|head| but("head", json!(format!("{head:040x}")))).collect();
    assert_eq!(read(Some(json!(many))).plans().len(), History::MOST);
}

#[test]
fn where_the_state_line_has_no_room_the_history_goes_first() {
    let stamp_of = |environment: usize| Stamp {
        environment: EnvironmentName::new("e".repeat(environment)),
        head: CommitId::new("9f3c2e1a"),
        base: CommitId::new("77ab01d4"),
        run: run(1),
        history: history(5),
    };
    let found = |environment: usize| {
        let body = seal(&project(), &stamp_of(environment), &Parts { before: "text".into(), ..Parts::default() });
        stamp(&[comment(7, own(), body)], &own(), &project()).map(|stamp| stamp.history.plans().len())
    };
    assert_eq!((found(1_000), found(2_500), found(4_000)), (Some(5), Some(0), None));
}

#[test]
fn a_state_line_of_absurd_length_is_left_empty() {
    let stamp = Stamp {
        environment: EnvironmentName::new("e".repeat(10_000)),
        head: CommitId::new("9f3c2e1a"),
        base: CommitId::new("77ab01d4"),
        run: run(1),
        history: history(3),
    };
    let body = seal(&project(), &stamp, &Parts { before: "text".into(), ..Parts::default() });
    assert!(body.len() < 100, "{body}");
    let there = [comment(7, own(), body)];
    assert_eq!(decided(&there, run(2), "x", Presence::Always), only(Action::Update(CommentId(7))));
}

fn anything() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    let leaf = prop_oneof![
        "\\PC{0,20}".prop_map(|text| json!(text)),
        any::<i64>().prop_map(|number| json!(number)),
        Just(json!(null)),
        prop::sample::select(vec!["ready", "stale", "0123456789abcdef0123456789abcdef01234567"])
            .prop_map(|text| json!(text)),
    ];
    let plan = (leaf.clone(), leaf.clone(), leaf.clone(), leaf.clone(), leaf.clone()).prop_map(
        |(head, verdict, at, id, attempt)| {
            json!({ "head": head, "verdict": verdict, "at": at, "run": { "id": id, "attempt": attempt }, "more": head })
        },
    );
    prop::collection::vec(prop_oneof![leaf, plan], 0..9).prop_map(serde_json::Value::Array)
}

proptest! {
    #[test]
    fn whatever_stands_for_a_history_only_what_is_ours_comes_out(history in anything()) {
        let found = read(Some(history));
        prop_assert!(found.plans().len() <= History::MOST);
        for plan in found.plans() {
            prop_assert!(CommitId::parse(plan.head.as_str()).is_some());
            prop_assert!(plan.at.format("%Y").is_some_and(|year| year.len() == 4));
        }
    }

    #[test]
    fn no_state_line_of_a_stranger_stops_the_bot(encoded in "[A-Za-z0-9_-]{0,80}|\\PC{0,40}", rest in "\\PC{0,40}") {
        let body = format!("{}\n{STATE_OPENS}{encoded}{CLOSES}\n{rest}", marker(&project()));
        let there = [comment(7, own(), body)];
        prop_assert_eq!(previous(&there, &own(), &project()), None);
        let decision = decided(&there, run(1), "x", Presence::Always);
        prop_assert_eq!(decision.action, Action::Update(CommentId(7)));
    }

    #[test]
    fn lines_that_point_nowhere_give_no_plan(from in 0..10_usize, to in 0..10_usize, text in "(a|\n){0,6}") {
        let state = State {
            environment: EnvironmentName::new("e"), head: CommitId::new("h"), base: CommitId::new("b"), run: run(1),
            digest: digest(&text), plan: Some(PlanLines { head: CommitId::new("h"), from, to }),
            history: History::default(),
        };
        let encoded = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&state).expect("JSON"));
        let body = format!("{}\n{STATE_OPENS}{encoded}{CLOSES}\n{text}", marker(&project()));
        let found = previous(&[comment(7, own(), body)], &own(), &project());
        prop_assert!(found.is_none_or(|found| to > from && text.contains(found.markdown.trim_end())));
    }
}
