//! Conversations about what lies between commits and in files.

use offshoot::github::{Changed, Comparison, GitHubError};
use offshoot::ids::{BlobId, CommitId};

use super::fake::{FakeGitHub, Trouble};
use crate::repository::Repository;

fn world() -> (FakeGitHub, Repository, CommitId) {
    let repository = Repository::new();
    repository
        .write("old name.sql", "SELECT 1 AS a_text_that_is_found_again\n")
        .write("gone.sql", "gone")
        .write("x.sql", "1");
    let first = CommitId::new(repository.commit("first"));
    let fake = FakeGitHub::start();
    fake.state().git = Some(repository.path().to_owned());
    (fake, repository, first)
}

#[test]
fn what_lies_between_two_commits_is_told_by_path() {
    let (fake, repository, first) = world();
    repository.remove("gone.sql").write("x.sql", "2").write("ä ö/#new?.sql", "new");
    repository.git(&["mv", "old name.sql", "new name.sql"]);
    repository.commit("second");
    let third = CommitId::new(repository.commit_staged("third"));
    let github = fake.client();
    let Comparison::Ahead { commits: 2, changed: Some(changed) } = github.compare(&first, &third).expect("an answer")
    else {
        panic!("two commits with all their files")
    };
    let now =
        |path: &str| Changed { path: path.into(), blob: Some(BlobId::new(repository.sha(&format!("HEAD:{path}")))) };
    let gone = |path: &str| Changed { path: path.into(), blob: None };
    let all = [gone("gone.sql"), now("new name.sql"), gone("old name.sql"), now("x.sql"), now("ä ö/#new?.sql")];
    assert_eq!(changed, all);
    assert_eq!(github.compare(&third, &third), Ok(Comparison::Same));
    assert_eq!(github.compare(&third, &first), Ok(Comparison::Rewritten));
    repository.checkout(first.as_str());
    let other = CommitId::new(repository.commit_staged("elsewhere"));
    assert_eq!(github.compare(&third, &other), Ok(Comparison::Rewritten));
}

#[test]
fn files_that_change_places_are_both_there() {
    let (fake, repository, first) = world();
    let second = CommitId::new(repository.commit_staged("second"));
    let swapped = r#"{"status":"ahead","ahead_by":1,"files":[
        {"filename":"b","previous_filename":"a","status":"renamed","sha":"1"},
        {"filename":"a","previous_filename":"b","status":"renamed","sha":"2"}]}"#;
    fake.fails("GET", &format!("/compare/{first}...{second}"), Trouble::Nonsense(swapped));
    let now = |path: &str, blob: &str| Changed { path: path.into(), blob: Some(BlobId::new(blob)) };
    let changed = Some(vec![now("a", "2"), now("b", "1")]);
    assert_eq!(fake.client().compare(&first, &second), Ok(Comparison::Ahead { commits: 1, changed }));
}

#[test]
fn three_hundred_files_may_be_all_or_not() {
    let (fake, repository, first) = world();
    repository.write_pages("docs", 0..299);
    let some = CommitId::new(repository.commit("some"));
    repository.write_pages("docs", 299..300);
    let more = CommitId::new(repository.commit("more"));
    let github = fake.client();
    let told = |head: &CommitId| match github.compare(&first, head).expect("an answer") {
        Comparison::Ahead { changed, .. } => changed.map(|changed| changed.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!((told(&some), told(&more)), (Some(299), None));
}

#[test]
fn a_files_content_is_given_byte_for_byte() {
    let (fake, repository, _) = world();
    let content: Vec<u8> = (0..1_000_u32).map(|number| (number % 256) as u8).collect();
    repository.write("bytes", &content);
    repository.commit("bytes");
    let blob = BlobId::new(repository.sha("HEAD:bytes"));
    assert_eq!(fake.client().content_of(&blob), Ok(content));
}

#[test]
fn what_is_no_comparison_is_an_error() {
    let (fake, repository, first) = world();
    let second = CommitId::new(repository.commit_staged("second"));
    let github = fake.client();
    let nowhere = CommitId::new("9".repeat(40));
    assert!(matches!(github.compare(&first, &nowhere), Err(GitHubError::NotFound { .. })));
    assert!(matches!(github.content_of(&BlobId::new("../../user")), Err(GitHubError::NotFound { .. })));
    let end = format!("/compare/{first}...{second}");
    for nonsense in [
        r#"{"status":"sideways","ahead_by":1,"files":[]}"#,
        r#"{"status":"ahead","ahead_by":1}"#,
        r#"{"status":"ahead","ahead_by":1,"files":[{"filename":"x","status":"renamed","sha":"1"}]}"#,
        r#"{"status":"ahead","ahead_by":1,"files":[{"filename":"x","status":"modified","sha":null}]}"#,
        r#"{"status":"ahead","ahead_by":1,"files":[{"filename":"x","status":"charmed","sha":"1"}]}"#,
    ] {
        fake.fails("GET", &end, Trouble::Nonsense(nonsense));
        let error = github.compare(&first, &second).expect_err("nonsense");
        assert!(matches!(error, GitHubError::Answer { .. }), "{nonsense}: {error}");
    }
    let blob = BlobId::new(repository.sha("HEAD:x.sql"));
    for nonsense in [r#"{"content":"!","encoding":"base64"}"#, r#"{"content":"MQ==","encoding":"none"}"#] {
        fake.fails("GET", blob.as_str(), Trouble::Nonsense(nonsense));
        assert!(matches!(github.content_of(&blob), Err(GitHubError::Answer { .. })), "{nonsense}");
    }
}
