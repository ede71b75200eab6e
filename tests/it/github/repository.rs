//! Conversations about the repository: pull requests of every kind, branches, and who may do what.

use offshoot::event::{Mergeability, Origin, Permission, Standing};
use offshoot::github::GitHubError;
use offshoot::ids::{CommitId, Login, PullRequestNumber, RefName, RepositoryName};

use super::fake::{FakeGitHub, HeadRepository, Pull, Trouble};

const HEAD: &str = "9f3c2e1000000000000000000000000000000001";

#[test]
fn a_pull_request_is_read_as_it_is() {
    let fake = FakeGitHub::start();
    let number = fake.open(Pull { draft: true, mergeable: false, ..Pull::from("feature/fx-rates", HEAD) });
    let read = fake.client().pull_request(number).expect("a pull request");
    assert_eq!((read.number, read.standing, read.mergeability), (number, Standing::Draft, Mergeability::Conflict));
    assert_eq!((read.head.branch.as_str(), read.head.commit.as_str()), ("refs/heads/feature/fx-rates", HEAD));
    assert_eq!((read.base.branch.branch(), read.author), (Some("main"), Some(Login::new("ada"))));
}

#[test]
fn a_head_may_move_between_two_looks() {
    let fake = FakeGitHub::start();
    let number = fake.open(Pull::from("feature/fx-rates", HEAD));
    let moved = "1".repeat(40);
    let to = moved.clone();
    fake.meanwhile("GET", "/pulls/142", move |state| state.pulls.get_mut(&142).expect("it").head = to);
    let github = fake.client();
    let looks = [0; 2].map(|_| github.pull_request(number).expect("a pull request").head.commit);
    assert_eq!(looks, [CommitId::new(HEAD), CommitId::new(moved)]);
}

#[test]
fn heads_may_be_in_forks_and_forks_may_be_gone() {
    let fake = FakeGitHub::start();
    let fork = HeadRepository::Fork("mallory/shop".into());
    let numbers = [HeadRepository::Here, fork, HeadRepository::DeletedFork]
        .map(|head_repository| fake.open(Pull { head_repository, ..Pull::from("main", HEAD) }));
    let github = fake.client();
    let origins = numbers.map(|number| github.pull_request(number).expect("a pull request").origin);
    let mallory = Origin::Fork(RepositoryName::new("mallory/shop"));
    assert_eq!(origins, [Origin::Here, mallory, Origin::DeletedFork]);
}

#[test]
fn mergeability_is_waited_for_as_long_as_github_computes() {
    let fake = FakeGitHub::start();
    let number = fake.open(Pull { nulls: 2, ..Pull::from("feature/fx-rates", HEAD) });
    let github = fake.client();
    let read = github.pull_request_with_mergeability(number).expect("a pull request");
    assert_eq!((read.mergeability, fake.pauses()), (Mergeability::Clean, vec![1, 2]));
    fake.state().pulls.get_mut(&number.0).expect("it").nulls = 100;
    let read = github.pull_request_with_mergeability(number).expect("a pull request");
    assert_eq!(read.mergeability, Mergeability::Unknown, "not for ever");
}

#[test]
fn all_open_pull_requests_are_listed() {
    let fake = FakeGitHub::start();
    for count in 0..130 {
        fake.open(Pull::from(&format!("feature/{count}"), HEAD));
    }
    fake.open(Pull { state: "closed", ..Pull::from("feature/closed", HEAD) });
    let open = fake.client().open_pull_requests().expect("pull requests");
    assert_eq!(open.len(), 130);
    assert!(open.iter().all(|one| one.standing == Standing::Ready));
}

#[test]
fn a_commit_on_main_names_the_pull_requests_that_brought_it() {
    let fake = FakeGitHub::start();
    let merged = Pull { state: "closed", merged: true, merge_commit: Some("2".repeat(40)), ..Pull::from("x", HEAD) };
    let number = fake.open(merged);
    fake.state().pulls_of.insert("2".repeat(40), vec![number.0]);
    let github = fake.client();
    let found = github.pull_requests_of(&CommitId::new("2".repeat(40))).expect("pull requests");
    assert_eq!((found[0].number, found[0].standing), (number, Standing::Merged));
    assert!(github.pull_requests_of(&CommitId::new("3".repeat(40))).expect("none").is_empty());
}

#[test]
fn a_branch_has_a_tip_or_is_gone() {
    let fake = FakeGitHub::start();
    fake.state().branches.insert("release/1.0 #x?".into(), HEAD.into());
    let github = fake.client();
    let tip = |branch: &str| github.tip_of(&RefName::of_branch(branch)).expect("an answer");
    assert_eq!(tip("release/1.0 #x?"), Some(CommitId::new(HEAD)));
    assert_eq!(tip("release/2.0"), None);
    assert_eq!(tip(".."), None);
}

#[test]
fn permissions_are_those_that_github_computes() {
    let fake = FakeGitHub::start();
    let roles = ["admin", "maintain", "write", "triage", "read", "none", "analyst/write", "maintain/read"];
    for role in roles {
        fake.state().people.insert(role.replace('/', "-"), role.into());
    }
    let github = fake.client();
    let of = |login: &str| github.permission_of(&Login::new(login)).expect("an answer");
    use Permission::{Admin, Maintain, None, Read, Triage, Write};
    let found = roles.map(|role| of(&role.replace('/', "-")));
    assert_eq!(found, [Admin, Maintain, Write, Triage, Read, None, Write, Read]);
    assert_eq!(of("nobody"), None);
    assert_eq!(of("../../../user"), None);
}

#[test]
fn a_renamed_repository_is_found_and_written_to() {
    for statuses in [(301, 307), (301, 301), (302, 308)] {
        let fake = FakeGitHub::start();
        let number = fake.open(Pull::from("feature/fx-rates", HEAD));
        fake.state().former_names.push("acme/store".into());
        fake.state().redirects = statuses;
        let github = fake.client_at(&fake.api(), RepositoryName::new("acme/store"));
        assert_eq!(github.pull_request(number).expect("a pull request").number, number);
        let comment = github.create_comment(number, "the plan", |_| false).expect("a comment");
        github.update_comment(comment.id, "another plan").expect("a comment");
        assert_eq!(fake.state().comments[0].body, "another plan", "{statuses:?}");
        assert_eq!(github.comments(number).expect("comments").len(), 1);
    }
}

#[test]
fn an_enterprise_server_has_its_api_below_a_path() {
    let fake = FakeGitHub::start();
    let number = fake.open(Pull::from("feature/fx-rates", HEAD));
    for count in 0..101 {
        fake.state().comment(number, "ada", &format!("chat {count}"));
    }
    fake.state().prefix = "/api/v3";
    fake.state().former_names.push("acme/store".into());
    assert!(fake.api().ends_with("/api/v3"));
    assert_eq!(fake.client().comments(number).expect("comments").len(), 101);
    let renamed = fake.client_at(&format!("{}/", fake.api()), RepositoryName::new("acme/store"));
    assert_eq!(renamed.comments(number).expect("comments").len(), 101);
}

#[test]
fn what_is_not_there_is_not_found() {
    let fake = FakeGitHub::start();
    let error = fake.client().pull_request(PullRequestNumber(9)).expect_err("nothing");
    assert!(matches!(error, GitHubError::NotFound { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "cannot read pull request #9: GitHub finds nothing there, or the job lacks `pull-requests: read` under `permissions:`"
    );
}

#[test]
fn an_answer_that_is_no_answer_is_told() {
    let fake = FakeGitHub::start();
    let number = fake.open(Pull::from("feature/fx-rates", HEAD));
    let github = fake.client();
    for nonsense in ["<html>", "", "{}", "[]", "{\"number\":142}"] {
        fake.fails("GET", "/pulls/142", Trouble::Nonsense(nonsense));
        let error = github.pull_request(number).expect_err("nonsense");
        assert!(matches!(error, GitHubError::Answer { .. }), "{nonsense}: {error}");
    }
}
