//! Conversations about comments: one is made, found again, changed, and never doubled.

use offshoot::event::Comment;
use offshoot::github::{GitHub, GitHubError, LONGEST_COMMENT, Reaction};
use offshoot::ids::{CommentId, Login, PullRequestNumber};

use super::fake::{Access, FakeGitHub, Me, Pull, SECRET, TOKEN, Trouble};

const HEAD: &str = "9f3c2e1000000000000000000000000000000001";
const MARKER: &str = "<!-- offshoot:plan:shop -->";

fn world() -> (FakeGitHub, PullRequestNumber) {
    let fake = FakeGitHub::start();
    let number = fake.open(Pull::from("feature/fx-rates", HEAD));
    (fake, number)
}

/// The comment with our marker that we wrote ourselves.
fn is_ours(github: &GitHub) -> impl Fn(&Comment) -> bool {
    let own = github.own_login().expect("a login");
    move |comment| {
        let is_mine = comment.author.as_ref().is_some_and(|author| author.login == own);
        is_mine && comment.body.starts_with(MARKER)
    }
}

fn write(github: &GitHub, number: PullRequestNumber) -> Result<Comment, GitHubError> {
    github.create_comment(number, &format!("{MARKER}\nthe plan"), is_ours(github))
}

#[test]
fn a_comment_is_written_and_then_changed_in_place() {
    let (fake, number) = world();
    let github = fake.client();
    let comment = write(&github, number).expect("a comment");
    let changed = github.update_comment(comment.id, "another plan").expect("a comment");
    assert_eq!((changed.id, changed.body.as_str()), (comment.id, "another plan"));
    assert_eq!(fake.state().comments[0].body, "another plan");
    let id = comment.id;
    let expected = [
        "POST /repos/acme/shop/issues/142/comments".to_owned(),
        format!("PATCH /repos/acme/shop/issues/comments/{id}"),
    ];
    assert_eq!(fake.writes(), expected);
}

#[test]
fn whatever_goes_wrong_there_is_one_comment_in_the_end() {
    let troubles = [
        (Trouble::ServerErrorBefore, 2),
        (Trouble::ServerErrorAfter, 1),
        (Trouble::DroppedBefore, 2),
        (Trouble::DroppedAfter, 1),
        (Trouble::TooMany(Some(7)), 2),
        (Trouble::SecondaryLimit(None), 2),
    ];
    for (trouble, posts) in troubles {
        let (fake, number) = world();
        fake.fails("POST", "/comments", trouble.clone());
        let github = fake.client();
        let comment = write(&github, number).expect("a comment");
        assert_eq!(fake.count("POST", "/comments"), posts, "{trouble:?}");
        assert_eq!(fake.state().comments.len(), 1, "{trouble:?}");
        assert_eq!(comment.id, CommentId(fake.state().comments[0].id), "{trouble:?}");
    }
}

#[test]
fn a_stranger_s_comment_with_our_marker_is_not_taken_for_ours() {
    let (fake, number) = world();
    fake.state().comment(number, "mallory", &format!("{MARKER}\nnothing to see"));
    fake.fails("POST", "/comments", Trouble::ServerErrorBefore);
    let github = fake.client();
    let comment = write(&github, number).expect("a comment");
    assert_eq!(comment.author.expect("an author").login.as_str(), "github-actions[bot]");
    assert_eq!(fake.state().comments.len(), 2);
}

#[test]
fn comments_of_all_pages_are_read() {
    let (fake, number) = world();
    for count in 0..250 {
        fake.state().comment(number, "ada", &format!("chat {count}"));
    }
    fake.state().comment(number, "ghost", "gone");
    let comments = fake.client().comments(number).expect("comments");
    assert_eq!(comments.len(), 251);
    assert_eq!((comments[249].body.as_str(), &comments[250].author), ("chat 249", &None));
    assert_eq!(fake.count("GET", "/comments"), 3, "100 a page");
}

#[test]
fn a_link_to_another_host_is_not_followed() {
    let (fake, number) = world();
    for count in 0..101 {
        fake.state().comment(number, "ada", &format!("chat {count}"));
    }
    fake.state().links_lead_to = Some("https://api.github.com.evil.example".into());
    let error = fake.client().comments(number).expect_err("a refusal");
    let GitHubError::Elsewhere { to, .. } = &error else { panic!("{error}") };
    assert!(to.starts_with("https://api.github.com.evil.example/"), "{to}");
    assert_eq!(fake.count("GET", "/comments"), 1);
}

#[test]
fn a_text_that_is_too_long_is_not_sent() {
    let (fake, number) = world();
    let github = fake.client();
    for body in ["é".repeat(LONGEST_COMMENT + 1), "🙂".repeat(LONGEST_COMMENT / 2 + 1)] {
        let error = github.create_comment(number, &body, |_| false).expect_err("too long");
        assert!(matches!(error, GitHubError::TooLong { limit: LONGEST_COMMENT, .. }), "{error}");
    }
    assert!(fake.writes().is_empty());
    github.create_comment(number, &"é".repeat(LONGEST_COMMENT), |_| false).expect("it fits");
}

#[test]
fn secrets_are_hidden_in_what_is_sent() {
    let (fake, number) = world();
    let github = fake.client();
    let body = format!("cannot connect as {SECRET} with {TOKEN}");
    let comment = github.create_comment(number, &body, |_| false).expect("a comment");
    assert_eq!(comment.body, "cannot connect as *** with ***");
    github.update_comment(comment.id, &body).expect("a comment");
    assert_eq!(fake.state().comments[0].body, "cannot connect as *** with ***");
}

#[test]
fn a_token_that_can_only_read_is_told_which_permission_the_job_lacks() {
    let (fake, number) = world();
    let comment = fake.state().comment(number, "ada", "/bot plan");
    fake.state().access = Access::ReadOnly;
    let github = fake.client();
    let errors = [
        write(&github, number).expect_err("refused"),
        github.update_comment(CommentId(comment), "x").expect_err("refused"),
        github.react(CommentId(comment), Reaction::Eyes).expect_err("refused"),
    ];
    for error in errors {
        assert!(matches!(error, GitHubError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("`pull-requests: write`"), "{error}");
    }
    assert_eq!(fake.writes().len(), 3, "a refusal is not tried again");
}

#[test]
fn a_comment_that_was_deleted_is_not_found() {
    let (fake, number) = world();
    let github = fake.client();
    let comment = write(&github, number).expect("a comment");
    fake.state().comments.clear();
    let error = github.update_comment(comment.id, "x").expect_err("gone");
    assert!(matches!(error, GitHubError::NotFound { .. }), "{error}");
}

#[test]
fn reactions_are_given_once_each() {
    let (fake, number) = world();
    let id = CommentId(fake.state().comment(number, "ada", "/bot plan"));
    let github = fake.client();
    fake.fails("POST", "/reactions", Trouble::ServerErrorAfter);
    for reaction in [Reaction::Eyes, Reaction::Done, Reaction::Confused] {
        github.react(id, reaction).expect("a reaction");
    }
    let contents: Vec<String> = fake.state().reactions.iter().map(|(_, _, content)| content.clone()).collect();
    assert_eq!(contents, ["eyes", "+1", "confused"]);
}

#[test]
fn an_account_s_token_writes_under_its_own_name() {
    let (fake, number) = world();
    fake.state().me = Me::Account("acme-data".into());
    let github = fake.client();
    assert_eq!(github.own_login().expect("a login").as_str(), "acme-data");
    assert!(is_ours(&github)(&write(&github, number).expect("a comment")));
    github.own_login().expect("a login");
    assert_eq!(fake.count("GET", "/user"), 1, "asked once");
    let app = fake.client().known_as(Login::new("acme-app[bot]"));
    assert_eq!(app.own_login().expect("a login").as_str(), "acme-app[bot]");
    assert_eq!(fake.count("GET", "/user"), 1, "not asked");
}
