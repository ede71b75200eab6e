//! How the client behaves when GitHub has a bad day: what it repeats, how long it waits, what it says, and what it never shows.

use std::time::Duration;

use offshoot::event::PullRequest;
use offshoot::github::{Address, GitHub, GitHubError, Patience};
use offshoot::ids::{PullRequestNumber, RepositoryName};
use offshoot::mask::Mask;
use offshoot::settings::Secret;
use offshoot::surroundings::Surroundings;
use offshoot::time::Timestamp;

use super::fake::{FakeGitHub, Pull, TOKEN, Trouble};

const HEAD: &str = "9f3c2e1000000000000000000000000000000001";

fn world() -> (FakeGitHub, PullRequestNumber) {
    let fake = FakeGitHub::start();
    let number = fake.open(Pull::from("feature/fx-rates", HEAD));
    (fake, number)
}

/// Reads a pull request after these troubles, one after the other; gives the pauses too.
fn read_after(troubles: &[Trouble]) -> (Result<PullRequest, GitHubError>, Vec<u64>) {
    let (fake, number) = world();
    for trouble in troubles {
        fake.fails("GET", "/pulls/142", trouble.clone());
    }
    let read = fake.client().pull_request(number);
    (read, fake.pauses())
}

#[test]
fn a_read_is_repeated_with_pauses_that_grow() {
    let (read, pauses) = read_after(&[Trouble::ServerErrorBefore, Trouble::DroppedBefore, Trouble::ServerErrorAfter]);
    assert_eq!(read.expect("a pull request").number, PullRequestNumber(142));
    assert_eq!(pauses, [1, 2, 4]);
}

#[test]
fn in_the_end_github_s_failure_is_told() {
    let (read, pauses) = read_after(&[const { Trouble::ServerErrorBefore }; 4]);
    let error = read.expect_err("a failure");
    assert!(matches!(error, GitHubError::Server { status: 502, tries: 4, .. }), "{error}");
    assert_eq!(pauses, [1, 2, 4]);
}

#[test]
fn a_limit_is_waited_for_as_long_as_github_asks() {
    let (read, pauses) = read_after(&[Trouble::TooMany(Some(7)), Trouble::SecondaryLimit(Some(30))]);
    assert!(read.is_ok());
    assert_eq!(pauses, [7, 30], "Retry-After");
    // The fake's present is 1775001600.
    let (read, pauses) = read_after(&[Trouble::NothingRemains(1_775_001_690)]);
    assert!(read.is_ok());
    assert_eq!(pauses, [91], "until the limit is lifted, and a second more");
    let (read, pauses) = read_after(&[Trouble::TooMany(None), Trouble::SecondaryLimit(None)]);
    assert!(read.is_ok());
    assert_eq!(pauses, [60, 120], "a minute at least, and more each time");
}

#[test]
fn nobody_waits_longer_than_the_run_has() {
    let (read, pauses) = read_after(&[Trouble::TooMany(Some(3600))]);
    let error = read.expect_err("too long");
    assert!(matches!(&error, GitHubError::Limited { wait, .. } if wait.as_secs() == 3600), "{error}");
    assert!(pauses.is_empty());
    let (fake, number) = world();
    let github = fake.client();
    for _ in 0..6 {
        fake.fails("GET", "/pulls/142", Trouble::TooMany(Some(150)));
    }
    assert!(github.pull_request(number).is_err());
    assert!(github.pull_request(number).is_err(), "all pauses of the run are counted together");
    assert_eq!(fake.pauses(), [150; 4], "and come to 600 s at most");
}

#[test]
fn who_is_asked_to_stop_waits_no_more() {
    let (fake, number) = world();
    fake.fails("GET", "/pulls/142", Trouble::ServerErrorBefore);
    let error = fake.interrupted_client().pull_request(number).expect_err("interrupted");
    assert!(matches!(error, GitHubError::Interrupted { .. }), "{error}");
    assert_eq!(fake.count("GET", "/pulls/142"), 1);
}

#[test]
fn a_last_word_is_tried_once() {
    let (fake, number) = world();
    let github = fake.client();
    github.be(Patience::SHORT);
    fake.fails("POST", "/comments", Trouble::ServerErrorBefore);
    let error = github.create_comment(number, "stopped", |_| false).expect_err("a failure");
    assert!(matches!(error, GitHubError::Server { tries: 1, .. }), "{error}");
    assert!(fake.pauses().is_empty());
    github.create_comment(number, "stopped", |_| false).expect("a comment");
}

#[test]
fn a_refusal_is_not_repeated() {
    let (read, pauses) = read_after(&[Trouble::Forbidden("Resource protected by organization SAML enforcement.")]);
    let error = read.expect_err("refused");
    assert!(error.to_string().contains("SAML enforcement"), "{error}");
    assert!(!error.to_string().contains("permissions:"), "no line of the workflow helps: {error}");
    assert!(pauses.is_empty());
}

#[test]
fn an_unknown_token_is_told_and_never_shown() {
    let (fake, number) = world();
    let address = Address { api: fake.api(), repository: RepositoryName::new("acme/shop") };
    let now = Timestamp::parse("2026-04-01").expect("a moment");
    let clock = || Box::new(Surroundings::fixed("/", now));
    let wrong = Secret::new("ghs_wrongwrongwrong");
    let github = GitHub::connect(&address, &wrong, &Mask::default(), clock()).expect("a client");
    let error = github.pull_request(number).expect_err("unknown");
    assert!(matches!(error, GitHubError::Unauthorized { .. }), "{error}");
    for text in [error.to_string(), format!("{error:?}"), format!("{github:?}")] {
        assert!(!text.contains("ghs_"), "{text}");
    }
    for token in ["", "two words", "ghs_x\nx-evil: 1", "ghs_ü"] {
        let error = GitHub::connect(&address, &Secret::new(token), &Mask::default(), clock()).expect_err("no token");
        assert!(matches!(error, GitHubError::Connect { .. }), "{error}");
    }
    for api in ["", "api.github.com", "file:///etc", "https://", "https://ada:pw@api.github.com"] {
        let address = Address { api: api.into(), repository: RepositoryName::new("acme/shop") };
        let error = GitHub::connect(&address, &Secret::new(TOKEN), &Mask::default(), clock()).expect_err("no address");
        assert!(matches!(error, GitHubError::Connect { .. }), "{api}: {error}");
    }
}

#[test]
fn nobody_waits_for_an_answer_for_ever() {
    let (fake, number) = world();
    let github = fake.client();
    github.be(Patience { answer: Duration::from_millis(20), tries: 1, ..Patience::USUAL });
    fake.fails("GET", "/pulls/142", Trouble::Silent);
    let error = github.pull_request(number).expect_err("no answer");
    assert!(error.to_string().contains("no answer within 20ms"), "{error}");
    github.be(Patience::USUAL);
    assert!(github.pull_request(number).is_ok(), "the next call has a connection of its own");
}

#[test]
fn a_host_that_does_not_answer_is_told() {
    let (read, _) = read_after(&[const { Trouble::DroppedBefore }; 4]);
    let error = read.expect_err("no answer");
    assert!(matches!(error, GitHubError::Unreachable { tries: 4, .. }), "{error}");
    assert!(error.to_string().contains("is `GITHUB_API_URL` right"), "{error}");
    assert!(!error.to_string().contains("ghs_"), "{error}");
}
