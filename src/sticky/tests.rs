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

fn written(by: RunKey, text: &str) -> String {
    let stamp = Stamp {
        environment: EnvironmentName::new("feature_1"),
        head: CommitId::new("9f3c2e1a"),
        base: CommitId::new("77ab01d4"),
        run: by,
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
fn a_state_line_of_absurd_length_is_left_empty() {
    let stamp = Stamp {
        environment: EnvironmentName::new("e".repeat(10_000)),
        head: CommitId::new("9f3c2e1a"),
        base: CommitId::new("77ab01d4"),
        run: run(1),
    };
    let body = seal(&project(), &stamp, &Parts { before: "text".into(), ..Parts::default() });
    assert!(body.len() < 100, "{body}");
    let there = [comment(7, own(), body)];
    assert_eq!(decided(&there, run(2), "x", Presence::Always), only(Action::Update(CommentId(7))));
}

proptest! {
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
        };
        let encoded = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&state).expect("JSON"));
        let body = format!("{}\n{STATE_OPENS}{encoded}{CLOSES}\n{text}", marker(&project()));
        let found = previous(&[comment(7, own(), body)], &own(), &project());
        prop_assert!(found.is_none_or(|found| to > from && text.contains(found.markdown.trim_end())));
    }
}
