//! Who descends from whom, in whole and in shallow clones: an answer is true, or it is a refusal that says what to fetch.

use offshoot::git::{Depth, Git, GitError, History, Request};

use super::{COMMIT, commit, open, parted, refusal, three};
use crate::repository::Repository;

fn is_ancestor(git: &Git, ancestor: &str, descendant: &str) -> Result<bool, GitError> {
    git.is_ancestor(&commit(ancestor), &commit(descendant))
}

/// Ten commits in a row on `main`, oldest first.
fn line() -> (Repository, Vec<String>) {
    let repository = Repository::new();
    let commits = (0..10).map(|number| repository.write("n", number.to_string()).commit("step")).collect();
    (repository, commits)
}

#[test]
fn ancestry_in_a_whole_clone() {
    let (repository, commits) = line();
    repository.branch("side").write("s", "1").commit("side");
    let git = open(&repository);
    assert_eq!(git.history(), History::Complete);
    assert_eq!(is_ancestor(&git, &commits[2], &commits[9]), Ok(true));
    assert_eq!(is_ancestor(&git, &commits[9], &commits[2]), Ok(false));
    assert_eq!(is_ancestor(&git, &commits[4], &commits[4]), Ok(true));
    assert_eq!(is_ancestor(&git, &repository.sha("side"), &commits[9]), Ok(false));
    let unknown = "0123456789012345678901234567890123456789";
    assert!(is_ancestor(&git, unknown, &commits[9]).is_err());
    assert!(is_ancestor(&git, unknown, unknown).is_err());
}

#[test]
fn a_shallow_clone_says_yes_or_refuses_but_never_no_for_what_it_lacks() {
    let (repository, commits) = line();
    let git_of = |clone: &Repository| open(clone);
    let clone = repository.clone_with(&["--depth=3"]);
    let git = git_of(&clone);
    assert_eq!(git.history(), History::Shallow);
    assert_eq!(is_ancestor(&git, &commits[7], &commits[9]), Ok(true));
    let error = is_ancestor(&git, &commits[2], &commits[9]).expect_err("the clone cannot know");
    assert!(matches!(error, GitError::Shallow { depth: Depth::Full, .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("fetch-depth: 0")));
}

#[test]
fn a_linked_work_tree_of_a_shallow_clone_is_shallow_too() {
    let (repository, commits) = line();
    let clone = repository.clone_with(&["--depth=3"]);
    let linked = clone.path().with_file_name("linked");
    clone.git(&["worktree", "add", "--quiet", "-b", "linked", &linked.display().to_string()]);
    let git = Git::discover(&linked).expect("a linked work tree opens");
    assert_eq!(git.history(), History::Shallow);
    assert!(is_ancestor(&git, &commits[2], &commits[9]).is_err());
}

#[test]
fn a_shallow_clone_that_holds_the_common_ancestor_plans() {
    let repository = parted();
    for _ in 0..5 {
        repository.checkout("main").write("old.sql", repository.sha("main")).commit("main goes on");
    }
    repository.branch("late").write("late.sql", "1\n").commit("late");
    repository.checkout("main");
    let clone = repository.clone_with(&["--depth=3", "--no-single-branch", "--branch=late"]);
    let git = open(&clone);
    let trees = three(&git, COMMIT);
    assert_eq!(trees.merge_base, Some(commit(&repository.sha("main"))));
    assert_eq!(trees.result.id().to_string(), repository.sha("late^{tree}"));
    // The other direction: the head is behind, its tip inside the base's visible history.
    let behind = three(&git, Request { base: Some("late"), head: Some("origin/main"), ..COMMIT });
    assert_eq!(behind.result.id().to_string(), repository.sha("late^{tree}"));
}

#[test]
fn a_shallow_clone_without_the_common_ancestor_is_never_no_changes() {
    let repository = parted();
    for number in 0..5 {
        repository.checkout("main").write("m.sql", number.to_string()).commit("main goes on");
        repository.checkout("feature").write("f.sql", number.to_string()).commit("feature goes on");
    }
    repository.checkout("main");
    for depth in ["--depth=1", "--depth=2", "--depth=5"] {
        let clone = repository.clone_with(&[depth, "--no-single-branch", "--branch=feature"]);
        let error = refusal(&open(&clone), COMMIT);
        assert!(matches!(error, GitError::Shallow { depth: Depth::Full, .. }), "{depth}: {error:?}");
        assert!(error.hint().is_some_and(|hint| hint.contains("fetch-depth: 0")), "{depth}");
    }
    let clone = repository.clone_with(&["--depth=7", "--no-single-branch", "--branch=feature"]);
    assert_eq!(three(&open(&clone), COMMIT).merge_base, Some(commit(&repository.sha("feature~6"))));
}

#[test]
fn every_answer_of_every_shallow_clone_is_the_whole_clones_answer() {
    let repository = parted();
    repository.merge("main");
    repository.write("f2", "1").commit("feature");
    repository.checkout("main").write("m2", "1").commit("main");
    repository.merge("feature~1");
    repository.checkout("feature").write("f3", "1").commit("feature");
    let whole = open(&repository);
    let all: Vec<String> = repository.git(&["rev-list", "--all"]).lines().map(str::to_owned).collect();
    let (mut told, mut refused) = (0, 0);
    for depth in 1..=6 {
        let clone = repository.clone_with(&[&format!("--depth={depth}"), "--no-single-branch"]);
        let git = open(&clone);
        for ancestor in &all {
            for descendant in &all {
                match is_ancestor(&git, ancestor, descendant) {
                    Ok(answer) => {
                        told += 1;
                        assert_eq!(Ok(answer), is_ancestor(&whole, ancestor, descendant), "{ancestor} {descendant}");
                    }
                    Err(GitError::Shallow { .. }) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
                let request = Request { base: Some(ancestor), head: Some(descendant), ..COMMIT };
                if let Ok(trees) = git.three_trees(&request) {
                    let truth = three(&whole, request);
                    assert_eq!((trees.merge_base, trees.result.id()), (truth.merge_base, truth.result.id()));
                }
            }
        }
    }
    assert!(told > 100 && refused > 100, "told {told}, refused {refused}");
}
