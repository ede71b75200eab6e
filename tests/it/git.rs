//! The git edge on real repositories: which trees a plan compares, and what their files are.

mod files;
mod history;
mod names;
mod trees;
mod worktree;

use std::collections::BTreeMap;
use std::io;

use offshoot::files::{Entry, FileTree};
use offshoot::git::{Git, GitError, GitTree, Mode, Request, ThreeTrees, TreeSource};
use offshoot::ids::{CommitId, FilePath};

use crate::repository::Repository;

const COMMIT: Request<'static> =
    Request { base: None, base_branch: None, head: None, mode: Mode::Commit, project_folder: "" };
const PULL_REQUEST: Request<'static> = Request { mode: Mode::PullRequest, ..COMMIT };
const WORKTREE: Request<'static> = Request { mode: Mode::Worktree, ..COMMIT };

fn open(repository: &Repository) -> Git {
    Git::discover(repository.path()).expect("the repository opens")
}

fn three(git: &Git, request: Request<'_>) -> ThreeTrees {
    git.three_trees(&request).expect("the three trees are found")
}

fn refusal(git: &Git, request: Request<'_>) -> GitError {
    git.three_trees(&request).expect_err("this must be refused")
}

fn commit(sha: &str) -> CommitId {
    CommitId::new(sha)
}

fn files<'git>(git: &'git Git, source: &TreeSource, folder: &str) -> GitTree<'git> {
    git.tree(source, folder).expect("the tree is read")
}

fn at<'git>(git: &'git Git, revision: &str) -> GitTree<'git> {
    let commit = git.resolve(revision).expect("the revision is known").commit;
    files(git, &git.tree_of(&commit).expect("the commit is here"), "")
}

/// Each path with its text, or the code of its problem.
fn texts(tree: &GitTree<'_>) -> BTreeMap<String, String> {
    let text = |path: &FilePath, entry: &Entry| match entry {
        Entry::File { .. } => io::read_to_string(tree.open(path).expect("a file")).expect("a file can be read"),
        Entry::Unreadable(problem) => format!("<{}>", problem.code),
    };
    tree.entries().iter().map(|(path, entry)| (path.to_string(), text(path, entry))).collect()
}

fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn blob(tree: &GitTree<'_>, path: &str) -> String {
    match tree.entries().get(&FilePath::new(path)) {
        Some(Entry::File { blob }) => blob.to_string(),
        other => panic!("`{path}` is {other:?}"),
    }
}

fn problem(tree: &GitTree<'_>, path: &str) -> (String, String) {
    match tree.entries().get(&FilePath::new(path)) {
        Some(Entry::Unreadable(problem)) => (problem.code.to_owned(), problem.help.clone().unwrap_or_default()),
        other => panic!("`{path}` is {other:?}"),
    }
}

/// `main` and `feature`, which parted after the first commit, each with a file of its own.
fn parted() -> Repository {
    let repository = Repository::new();
    repository.write("a.sql", "select 1\n").write("b.sql", "select 2\n").commit("start");
    repository.branch("feature").write("feature.sql", "select 3\n").commit("feature");
    repository.checkout("main").write("main.sql", "select 4\n").commit("main");
    repository.checkout("feature");
    repository
}
