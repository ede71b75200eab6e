//! Base, head and result: merged in memory, or as the forge merged them.

use offshoot::git::{Depth, GitError, Request};

use super::{COMMIT, PULL_REQUEST, commit, expected, files, open, parted, refusal, texts, three};
use crate::repository::Repository;

#[test]
fn a_branch_behind_main_is_merged_in_memory() {
    let repository = parted();
    let before = repository.files_below(".git");
    let git = open(&repository);
    let trees = three(&git, COMMIT);
    assert_eq!(trees.base, commit(&repository.sha("main")));
    assert_eq!(trees.head, commit(&repository.sha("feature")));
    assert_eq!(trees.merge_base, Some(commit(&repository.sha("feature~1"))));
    assert_eq!(trees.base_name, "main");
    assert_eq!(trees.head_branch.map(|name| name.to_string()).as_deref(), Some("refs/heads/feature"));
    let result = texts(&files(&git, &trees.result, ""));
    let all =
        [("a.sql", "select 1\n"), ("b.sql", "select 2\n"), ("feature.sql", "select 3\n"), ("main.sql", "select 4\n")];
    assert_eq!(result, expected(&all));
    assert!(!texts(&files(&git, &trees.base_tree, "")).contains_key("feature.sql"));
    assert_eq!(repository.files_below(".git"), before, "planning must leave the repository as it is");
}

#[test]
fn the_result_is_the_tree_that_git_merges() {
    let repository = parted();
    repository.write("a.sql", "select 1\n-- long\n-- file\n-- here\n-- end\n").commit("feature edits a");
    repository.git(&["mv", "b.sql", "renamed.sql"]);
    repository.commit_staged("feature renames b");
    repository.checkout("main").write("b.sql", "select 2\n-- edited under the old name\n").commit("main edits b");
    repository.checkout("feature");
    let git = open(&repository);
    let ours = three(&git, COMMIT).result.id().to_string();
    repository.checkout("main").merge("feature");
    assert_eq!(ours, repository.sha("HEAD^{tree}"));
}

#[test]
fn edits_of_one_file_in_two_places_meet() {
    let repository = Repository::new();
    let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n");
    repository.write("a.sql", lines("1", "9")).commit("start");
    repository.branch("feature").write("a.sql", lines("feature", "9")).commit("feature");
    repository.checkout("main").write("a.sql", lines("1", "main")).commit("main");
    let before = repository.objects();
    let git = open(&repository);
    let trees = three(&git, Request { head: Some("feature"), ..COMMIT });
    assert_eq!(texts(&files(&git, &trees.result, ""))["a.sql"], lines("feature", "main"));
    assert_eq!(repository.objects(), before, "the merged file lives in memory only");
}

#[test]
fn conflicts_are_listed_by_file_with_both_sides() {
    let repository = parted();
    repository.write("a.sql", "select 'feature'\n").write("x/new.sql", "1\n").remove("b.sql").commit("feature");
    repository
        .checkout("main")
        .write("a.sql", "select 'main'\n")
        .write("x/new.sql", "2\n")
        .write("b.sql", "3\n")
        .commit("main");
    repository.checkout("feature");
    let error = refusal(&open(&repository), COMMIT);
    let files = ["a.sql", "b.sql", "x/new.sql"].map(str::to_owned).to_vec();
    assert_eq!(error, GitError::Conflicts { base: "main".to_owned(), head: "feature".to_owned(), files });
    assert_eq!(error.to_string(), "`feature` conflicts with `main` in `a.sql`, `b.sql`, `x/new.sql`");
    assert!(error.hint().is_some_and(|hint| hint.contains("merge `main`")));
}

#[test]
fn a_head_that_main_contains_changes_nothing() {
    let repository = parted();
    repository.checkout("main").merge("feature");
    let git = open(&repository);
    let trees = three(&git, Request { head: Some("feature"), ..COMMIT });
    assert_eq!(trees.result.id(), trees.base_tree.id());
    let on_main = three(&git, COMMIT);
    assert_eq!((on_main.result.id(), &on_main.head), (on_main.base_tree.id(), &on_main.base));
}

#[test]
fn a_branch_ahead_of_main_is_its_own_result() {
    let repository = parted();
    repository.merge("main");
    let git = open(&repository);
    let trees = three(&git, COMMIT);
    assert_eq!(trees.result.id().to_string(), repository.sha("feature^{tree}"));
    assert_eq!(trees.merge_base, Some(commit(&repository.sha("main"))));
}

#[test]
fn a_criss_cross_is_merged_as_git_does() {
    let repository = parted();
    let (left, right) = (repository.sha("main"), repository.sha("feature"));
    repository.merge(&left);
    repository.write("feature2.sql", "5\n").commit("feature goes on");
    repository.checkout("main").merge(&right);
    repository.write("main2.sql", "6\n").commit("main goes on");
    assert_eq!(repository.git(&["merge-base", "--all", "main", "feature"]).lines().count(), 2);
    repository.checkout("feature");
    let git = open(&repository);
    let trees = three(&git, COMMIT);
    repository.checkout("main").merge("feature");
    assert_eq!(trees.result.id().to_string(), repository.sha("HEAD^{tree}"));
}

#[test]
fn histories_without_a_common_ancestor_are_refused() {
    let repository = parted();
    repository.git(&["checkout", "--quiet", "--orphan", "island"]);
    repository.commit("island");
    let error = refusal(&open(&repository), COMMIT);
    assert_eq!(error.to_string(), "`main` and `island` have no common ancestor");
}

#[test]
fn a_pull_request_checkout_is_its_own_result_at_any_sufficient_depth() {
    let repository = parted();
    let merge = repository.pull_request(7, "feature");
    for depth in [0, 2, 3] {
        let clone = repository.actions_checkout(7, depth);
        let trees = three(&open(&clone), PULL_REQUEST);
        assert_eq!(trees.base, commit(&repository.sha("main")), "depth {depth}");
        assert_eq!(trees.head, commit(&repository.sha("feature")), "depth {depth}");
        assert_eq!(trees.result.id().to_string(), repository.sha(&format!("{merge}^{{tree}}")), "depth {depth}");
        let known = (depth != 2).then(|| commit(&repository.sha("feature~1")));
        assert_eq!(trees.merge_base, known, "depth {depth}");
    }
}

#[test]
fn a_pull_request_checkout_of_depth_1_names_depth_2() {
    let repository = parted();
    repository.pull_request(7, "feature");
    let error = refusal(&open(&repository.actions_checkout(7, 1)), PULL_REQUEST);
    assert!(matches!(error, GitError::Shallow { depth: Depth::Two, .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("fetch-depth: 2")));
}

#[test]
fn a_branch_that_merged_main_into_itself_is_no_pull_request_checkout() {
    let repository = parted();
    repository.merge("main");
    let git = open(&repository);
    let trees = three(&git, PULL_REQUEST);
    assert_eq!(trees.base, commit(&repository.sha("main")));
    assert_eq!(trees.head, commit(&repository.sha("feature")));
}

#[test]
fn on_a_pull_request_checkout_a_named_base_is_merged_with() {
    let repository = parted();
    repository.pull_request(7, "feature");
    let clone = repository.actions_checkout(7, 0);
    let git = open(&clone);
    let trees = three(&git, Request { base: Some("origin/main"), head: Some("origin/feature"), ..PULL_REQUEST });
    assert_eq!(trees.head, commit(&repository.sha("feature")));
    assert_eq!(trees.head_branch.map(|name| name.to_string()).as_deref(), Some("refs/heads/feature"));
}

#[test]
fn a_branch_without_commits_is_refused_by_name() {
    let repository = Repository::new();
    let git = open(&repository);
    let error = refusal(&git, Request { base: Some("HEAD"), ..COMMIT });
    assert_eq!(error, GitError::Unborn { branch: "main".to_owned() });
    repository.write("a.sql", "1\n").commit("start");
    repository.git(&["checkout", "--quiet", "--orphan", "fresh"]);
    let error = refusal(&open(&repository), COMMIT);
    assert_eq!(error, GitError::Unborn { branch: "fresh".to_owned() });
}
