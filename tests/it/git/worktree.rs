//! The working tree as git would store it, merged with the base, with nothing written into the repository.

use offshoot::files::FileTree;
use offshoot::git::{Git, GitError, Request};

use super::{WORKTREE, at, blob, expected, files, open, parted, problem, refusal, texts, three};
use crate::repository::Repository;

fn on_disk(git: &Git) -> offshoot::git::GitTree<'_> {
    files(git, &three(git, WORKTREE).result, "")
}

#[test]
fn uncommitted_and_untracked_files_count_and_ignored_ones_do_not() {
    let repository = Repository::new();
    repository.write(".gitignore", "*.log\n/cache/\n").write("kept.sql", "1\n").write("edited.sql", "2\n");
    repository.write("gone.sql", "3\n").write("staged.sql", "4\n").commit("start");
    repository.write("edited.sql", "2 edited\n").remove("gone.sql").write("new/deep.sql", "5\n");
    repository.write("x.log", "noise").write("cache/c.sql", "noise").write(".offshoot/state.db", "noise");
    repository.write("staged.sql", "4 staged\n").write("added.sql", "6\n").git(&["add", "staged.sql", "added.sql"]);
    repository.write("staged.sql", "4 staged and edited\n").write("intent.sql", "7\n").git(&[
        "add",
        "-N",
        "intent.sql",
    ]);
    let before = repository.files_below(".git");
    let git = open(&repository);
    let trees = three(&git, WORKTREE);
    let all = [
        (".gitignore", "*.log\n/cache/\n"),
        ("added.sql", "6\n"),
        ("edited.sql", "2 edited\n"),
        ("intent.sql", "7\n"),
        ("kept.sql", "1\n"),
        ("new/deep.sql", "5\n"),
        ("staged.sql", "4 staged and edited\n"),
    ];
    assert_eq!(texts(&files(&git, &trees.result, "")), expected(&all));
    assert_eq!(trees.head.to_string(), repository.sha("HEAD"));
    assert_eq!(repository.files_below(".git"), before, "objects, index and references stay as they are");
}

#[test]
fn the_tree_is_the_one_that_a_commit_would_make() {
    let repository = parted();
    repository.write("x/y/z.sql", "1\n").write("x/y.sql", "2\n").write("a.sql", "3\n").remove("b.sql");
    #[cfg(unix)]
    repository.link("x/link.sql", "y.sql");
    let main = repository.sha("feature~1");
    let id = three(&open(&repository), Request { base: Some(&main), ..WORKTREE }).result.id().to_string();
    repository.commit("everything");
    assert_eq!(id, repository.sha("HEAD^{tree}"));
}

#[test]
fn a_clean_working_tree_is_its_head() {
    let repository = parted();
    repository.merge("main");
    let id = three(&open(&repository), WORKTREE).result.id().to_string();
    assert_eq!(id, repository.sha("HEAD^{tree}"));
}

#[test]
fn the_working_tree_is_merged_with_a_base_that_went_on() {
    let repository = parted();
    repository.write("a.sql", "select 1 -- edited\n").write("untracked.sql", "5\n");
    let before = repository.objects();
    let git = open(&repository);
    let tree = texts(&on_disk(&git));
    assert_eq!(tree["a.sql"], "select 1 -- edited\n");
    assert_eq!(tree.keys().collect::<Vec<_>>(), ["a.sql", "b.sql", "feature.sql", "main.sql", "untracked.sql"]);
    assert_eq!(repository.objects(), before);
    repository.write("main.sql", "select 'mine'\n");
    let error = refusal(&git, WORKTREE);
    assert_eq!(error.to_string(), "`feature (working tree)` conflicts with `main` in `main.sql`");
}

#[test]
fn a_criss_cross_under_uncommitted_files_is_merged() {
    let repository = parted();
    let (left, right) = (repository.sha("main"), repository.sha("feature"));
    repository.merge(&left);
    repository.write("feature2.sql", "5\n").commit("feature goes on");
    repository.checkout("main").merge(&right);
    repository.write("main2.sql", "6\n").commit("main goes on");
    repository.checkout("feature").write("untracked.sql", "7\n");
    let git = open(&repository);
    let names: Vec<String> = texts(&on_disk(&git)).into_keys().collect();
    assert_eq!(names, ["a.sql", "b.sql", "feature.sql", "feature2.sql", "main.sql", "main2.sql", "untracked.sql"]);
}

#[test]
fn a_project_in_a_folder_sees_its_own_files_only() {
    let repository = Repository::new();
    repository.write("analytics/a.sql", "1\n").write("other/b.txt", "2\n").commit("start");
    repository.write("analytics/new.sql", "3\n").write("other/b.txt", "edited").write("other/new.txt", "4\n");
    let git = open(&repository);
    let trees = three(&git, Request { project_folder: "analytics", ..WORKTREE });
    let project = texts(&files(&git, &trees.result, "analytics"));
    assert_eq!(project, expected(&[("a.sql", "1\n"), ("new.sql", "3\n")]));
    assert_eq!(texts(&files(&git, &trees.result, ""))["other/b.txt"], "2\n", "elsewhere is as in HEAD");
    repository.remove("analytics/a.sql").remove("analytics/new.sql");
    let trees = three(&git, Request { project_folder: "analytics", ..WORKTREE });
    assert!(files(&git, &trees.result, "analytics").entries().is_empty());
    assert!(files(&git, &trees.result, "").entries().len() == 1);
    let fresh = Request { project_folder: "brand/new", ..WORKTREE };
    repository.write("brand/new/c.sql", "5\n");
    let trees = three(&git, fresh);
    assert_eq!(texts(&files(&git, &trees.result, "brand/new")), expected(&[("c.sql", "5\n")]));
}

#[test]
fn line_ends_of_a_checkout_move_no_content_id() {
    for (attributes, autocrlf) in [("", "true"), ("* text=auto\n", "false"), ("*.sql text eol=crlf\n", "false")] {
        let repository = Repository::new();
        repository.git(&["config", "core.autocrlf", autocrlf]);
        repository.write(".gitattributes", attributes).write("a.sql", "select 1\nfrom t\n").commit("start");
        repository.write("a.sql", "select 1\r\nfrom t\r\n").write("new.sql", "select 2\r\n");
        let before = repository.objects();
        let git = open(&repository);
        let (stored, disk) = (at(&git, "HEAD"), on_disk(&git));
        assert_eq!(blob(&stored, "a.sql"), blob(&disk, "a.sql"), "{attributes} {autocrlf}");
        assert_eq!(texts(&disk)["new.sql"], "select 2\n", "{attributes} {autocrlf}");
        assert_eq!(repository.objects(), before);
    }
}

#[test]
fn the_ident_keyword_moves_no_content_id() {
    let repository = Repository::new();
    repository.write(".gitattributes", "*.sql ident\n").write("a.sql", "-- $Id$\nselect 1\n").commit("start");
    repository.write("a.sql", "-- $Id: 0123456789 $\nselect 1\n");
    let git = open(&repository);
    assert_eq!(blob(&at(&git, "HEAD"), "a.sql"), blob(&on_disk(&git), "a.sql"));
}

#[test]
fn a_file_of_equal_size_and_time_is_not_taken_for_unchanged() {
    let repository = Repository::new();
    repository.write("a.sql", "select 1\n").commit("start");
    // Within the same tick of the clock as the index was written: racily clean.
    repository.write("a.sql", "select 2\n");
    assert_eq!(texts(&on_disk(&open(&repository)))["a.sql"], "select 2\n");
}

#[test]
fn real_content_over_an_lfs_pointer_is_the_same_content() {
    let repository = Repository::new();
    let oid = repository
        .write(".gitattributes", "*.csv filter=lfs diff=lfs merge=lfs -text\n")
        .lfs_pointer("big.csv", "id\r\n1\r\n");
    repository.commit("start");
    repository.write("big.csv", "id\r\n1\r\n").write("new.csv", "id\n2\n");
    let git = open(&repository);
    let disk = on_disk(&git);
    assert_eq!(blob(&disk, "big.csv"), oid, "as a tree with the object has it");
    assert_eq!(texts(&disk)["big.csv"], "id\r\n1\r\n");
    assert_eq!(texts(&disk)["new.csv"], "id\n2\n");
    assert_eq!(problem(&at(&git, "HEAD"), "big.csv").0, "lfs-object-missing");
    assert_eq!(three(&git, WORKTREE).result.id().to_string().len(), 40);
    repository.lfs_object("id\r\n1\r\n");
    assert_eq!(blob(&at(&git, "HEAD"), "big.csv"), oid);
    repository.write("big.csv", "id\n3\n");
    assert_ne!(blob(&on_disk(&git), "big.csv"), oid);
    repository.lfs_pointer("big.csv", "never downloaded");
    assert_eq!(problem(&on_disk(&git), "big.csv").0, "lfs-object-missing");
}

#[test]
fn no_external_filter_is_run() {
    let repository = Repository::new();
    let trap = repository.path().join("trapped");
    let command = format!("touch '{}' && cat", trap.display());
    repository.write(".gitattributes", "*.sql filter=trap\n").write("a.sql", "1\n").commit("start");
    for key in ["filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "core.fsmonitor", "diff.external"] {
        repository.git(&["config", key, &command]);
    }
    repository.write("a.sql", "2\n").write("new.sql", "3\n");
    let git = open(&repository);
    let disk = on_disk(&git);
    assert_eq!(problem(&disk, "a.sql").0, "external-filter");
    assert_eq!(problem(&disk, "new.sql").0, "external-filter");
    assert!(!trap.exists(), "a program from the configuration was run");
}

#[test]
fn a_large_file_is_hashed_without_a_copy_and_streamed() {
    let repository = parted();
    let large = "0123456789abcde\n".repeat(2 * 1024 * 1024 + 1);
    repository.write("seeds/large.csv", &large);
    let git = open(&repository);
    let tree = on_disk(&git);
    assert_eq!(blob(&tree, "seeds/large.csv"), repository.git(&["hash-object", "seeds/large.csv"]));
    let mut stream = tree.open(&offshoot::ids::FilePath::new("seeds/large.csv")).expect("it opens");
    assert_eq!(std::io::copy(&mut stream, &mut std::io::sink()).ok(), Some(large.len() as u64));
    assert!(tree.entries().len() == 5, "main's file came with the merge");
    repository.checkout("main").write("seeds/large.csv", "small\n").commit("main has one too");
    repository.remove("seeds/large.csv").git(&["symbolic-ref", "HEAD", "refs/heads/feature"]);
    repository.git(&["reset", "--quiet"]);
    repository.write("seeds/large.csv", &large);
    let error = refusal(&git, WORKTREE);
    assert!(matches!(&error, GitError::Conflicts { files, .. } if files == &["seeds/large.csv"]), "{error:?}");
}

#[test]
fn unresolved_conflicts_and_nested_repositories_are_told() {
    let repository = parted();
    let nested = repository.path().join("models/nested");
    std::fs::create_dir_all(&nested).expect("the folder is ours");
    repository.git(&["init", "--quiet", "models/nested"]);
    repository.write("models/nested/x.sql", "1\n");
    let git = open(&repository);
    assert_eq!(problem(&on_disk(&git), "models/nested").0, "submodule");
    repository.write("main.sql", "mine\n").git(&["add", "main.sql"]);
    repository.commit_staged("feature has main.sql too");
    let merge = std::process::Command::new("git").args(["merge", "main"]).current_dir(repository.path()).output();
    assert!(merge.is_ok_and(|output| !output.status.success()), "this merge must conflict");
    let error = refusal(&open(&repository), WORKTREE);
    assert_eq!(error, GitError::Unmerged { files: vec!["main.sql".to_owned()] });
}

#[test]
fn files_left_out_of_a_sparse_checkout_are_there() {
    let repository = Repository::new();
    repository.write("models/a.sql", "1\n").write("models/b.sql", "2\n").commit("start");
    repository.git(&["update-index", "--skip-worktree", "models/b.sql"]);
    repository.remove("models/b.sql").write("models/a.sql", "edited\n");
    let git = open(&repository);
    assert_eq!(texts(&on_disk(&git)), expected(&[("models/a.sql", "edited\n"), ("models/b.sql", "2\n")]));
}
