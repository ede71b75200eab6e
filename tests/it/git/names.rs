//! Opening a repository, what is checked out, the base branch, and revisions that people type.

use std::path::Path;

use offshoot::files::FileTree;
use offshoot::git::{Git, GitError, Head};
use offshoot::time::Timestamp;

use super::{at, commit, open, parted};
use crate::repository::Repository;

#[test]
fn a_repository_is_found_from_any_folder_in_it() {
    let repository = parted();
    repository.write("analytics/models/a.sql", "1\n");
    let git = Git::discover(&repository.path().join("analytics/models")).expect("the repository opens");
    let root = git.root().expect("it has a work tree");
    assert_eq!(root.canonicalize().ok().as_deref(), Some(repository.path()));
    assert_eq!(git.project_folder(&repository.path().join("analytics")).as_deref(), Ok("analytics"));
    assert_eq!(git.project_folder(repository.path()).as_deref(), Ok(""));
    assert!(matches!(git.project_folder(Path::new("/")), Err(GitError::FolderOutside { .. })));
}

#[test]
fn what_cannot_be_opened_is_said_readably() {
    let empty = tempfile::tempdir().expect("a temporary folder can be made");
    let refused = |folder: &Path| Git::discover(folder).map(drop).expect_err("this must be refused");
    assert!(matches!(refused(empty.path()), GitError::NotARepository { .. }));
    let sha256 = Repository::init(&["--object-format=sha256"]);
    assert!(refused(sha256.path()).to_string().contains("uses SHA-256 object ids"));
    let reftable = Repository::init(&["--ref-format=reftable"]);
    assert!(refused(reftable.path()).to_string().contains("keeps its references in a reftable"));
}

#[cfg(unix)]
#[test]
fn a_repository_of_another_user_is_refused_with_safe_directory() {
    let repository = parted();
    // Only root can give a folder away; anybody else keeps a repository that opens.
    let given_away = std::os::unix::fs::chown(repository.path(), Some(12_345), None).is_ok()
        && std::os::unix::fs::chown(repository.path().join(".git"), Some(12_345), None).is_ok();
    match Git::discover(repository.path()) {
        Ok(_) => assert!(!given_away, "a stranger's repository was opened"),
        Err(error) => {
            assert!(given_away, "{error}");
            assert!(matches!(error, GitError::Owner { .. }), "{error:?}");
            assert!(error.hint().is_some_and(|hint| hint.contains("safe.directory")));
        }
    }
}

#[test]
fn head_is_a_branch_detached_or_unborn() {
    let repository = Repository::new();
    assert!(matches!(open(&repository).head(), Ok(Head::Unborn { name }) if name.as_str() == "refs/heads/main"));
    let sha = repository.write("a", "1").commit("start");
    repository.branch("feature/x");
    let head = open(&repository).head();
    assert!(
        matches!(head, Ok(Head::Branch { name, commit }) if name.as_str() == "refs/heads/feature/x" && commit.as_str() == sha)
    );
    repository.git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(open(&repository).head(), Ok(Head::Detached { commit: commit(&sha) }));
}

#[test]
fn the_base_branch_is_the_configured_one_then_the_remotes_then_main_then_master() {
    let repository = Repository::new();
    repository.write("a", "1").commit("start");
    repository.git(&["branch", "--move", "main", "trunk"]);
    let missing = open(&repository).base_branch(None).expect_err("there is no base");
    assert!(matches!(&missing, GitError::NoBaseBranch { .. }), "{missing:?}");
    assert!(missing.hint().is_some_and(|hint| hint.contains("base_branch")));
    let name = |repository: &Repository, configured| open(repository).base_branch(configured).map(|base| base.name);
    repository.git(&["branch", "master"]);
    assert_eq!(name(&repository, None).as_deref(), Ok("master"));
    repository.git(&["branch", "main"]);
    assert_eq!(name(&repository, None).as_deref(), Ok("main"));
    assert_eq!(name(&repository, Some("trunk")).as_deref(), Ok("trunk"));
    let clone = repository.clone_with(&[]);
    assert_eq!(open(&clone).remote_default().as_deref(), Some("trunk"));
    assert_eq!(name(&clone, None).as_deref(), Ok("trunk"));
    assert_eq!(name(&clone, Some("main")).as_deref(), Ok("main"), "a remote's copy is enough");
    let error = open(&clone).base_branch(Some("trunc")).expect_err("there is no such branch");
    assert!(error.to_string().contains("`trunc`"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("`trunk`")), "{error:?}");
}

#[test]
fn of_the_base_and_its_remote_copy_the_one_that_contains_the_other() {
    let repository = parted();
    repository.checkout("main");
    let clone = repository.clone_with(&[]);
    let base = || open(&clone).base_branch(None).expect("there is a base");
    // Ahead: the branch was pulled or committed to here.
    let ahead = clone.write("local", "1").commit("local");
    assert_eq!((base().commit, base().reference.as_str()), (commit(&ahead), "refs/heads/main"));
    // Behind: the remote's copy was fetched, the branch not moved.
    clone.git(&["reset", "--quiet", "--hard", "origin/main~1"]);
    let fetched = commit(&repository.sha("main"));
    assert_eq!((base().commit, base().reference.as_str()), (fetched.clone(), "refs/remotes/origin/main"));
    assert!(base().problems.is_empty());
    // Parted: the remote's, and it says so.
    clone.write("local", "2").commit("parted");
    let parted = base();
    assert_eq!((parted.commit, parted.reference.as_str()), (fetched, "refs/remotes/origin/main"));
    assert_eq!(parted.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["base-parted"]);
}

#[test]
fn revisions_are_branches_remote_branches_tags_and_ids() {
    let repository = parted();
    repository.git(&["tag", "--annotate", "v1", "-m", "one", "main"]);
    let (main, feature) = (repository.sha("main"), repository.sha("feature"));
    let clone = repository.clone_with(&[]);
    let git = open(&clone);
    let branch = |asked: &str| {
        git.resolve(asked).map(|revision| (revision.commit, revision.branch.map(|name| name.to_string())))
    };
    let named = |sha: &str, name: &str| Ok((commit(sha), Some(name.to_owned())));
    assert_eq!(branch("feature"), named(&feature, "refs/heads/feature"));
    assert_eq!(branch("HEAD"), named(&feature, "refs/heads/feature"));
    assert_eq!(branch("origin/main"), named(&main, "refs/heads/main"));
    assert_eq!(branch("main"), named(&main, "refs/heads/main"), "only the remote's copy is here");
    assert_eq!(branch("v1"), Ok((commit(&main), None)));
    assert_eq!(branch(&main), Ok((commit(&main), None)));
    assert_eq!(branch(&main[..9]), Ok((commit(&main), None)));
    let error = git.resolve("featrue").expect_err("nobody has that name");
    assert_eq!(error, GitError::UnknownRevision { asked: "featrue".to_owned(), nearest: Some("feature".to_owned()) });
    assert_eq!(error.to_string(), "`featrue` is no branch, tag or commit of this repository");
    assert!(git.resolve("").is_err() && git.resolve("a..b").is_err() && git.resolve("main:a.sql").is_err());
}

#[test]
fn a_revision_beyond_a_shallow_clone_names_the_depth() {
    let repository = parted();
    let clone = repository.clone_with(&["--depth=1"]);
    let git = open(&clone);
    for asked in ["HEAD~1", &repository.sha("main")] {
        let error = git.resolve(asked).expect_err("the clone has it not");
        assert!(error.hint().is_some_and(|hint| hint.contains("fetch-depth: 0")), "{asked}: {error:?}");
    }
}

#[test]
fn a_commit_has_a_subject_an_author_and_a_moment() {
    let repository = parted();
    repository.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "first line\n\nbody",
        "--date=2026-02-03T04:05:06+02:00",
    ]);
    let info = open(&repository).commit_info(&commit(&repository.sha("HEAD"))).expect("the commit is here");
    assert_eq!((info.subject.as_str(), info.author.as_str()), ("first line", "Ada"));
    assert_eq!(info.authored, Timestamp::parse("2026-02-03T02:05:06Z").expect("a moment"));
}

#[test]
fn a_bare_repository_has_trees_but_no_working_tree() {
    let repository = parted();
    let bare = repository.clone_with(&["--bare"]);
    let git = open(&bare);
    assert_eq!(git.root(), None);
    assert_eq!(at(&git, "feature").entries().len(), 3);
    let error = git.three_trees(&super::WORKTREE).expect_err("there are no files");
    assert!(matches!(error, GitError::NoWorkTree { .. }), "{error:?}");
}
