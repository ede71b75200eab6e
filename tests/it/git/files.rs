//! Files of a commit: content ids, LFS, submodules, links, names, and clones that lack content.

use std::io::Read as _;

use offshoot::files::{Entry, FileTree};
use offshoot::git::{Git, GitError};
use offshoot::ids::FilePath;

use super::{at, blob, commit, expected, files, open, parted, problem, texts};
use crate::repository::Repository;

#[test]
fn paths_are_relative_to_the_projects_folder() {
    let repository = Repository::new();
    repository.write("README.md", "top\n").write("analytics/config.yaml", "x: 1\n");
    repository.write("analytics/models/a.sql", "1\n").write("analytics-old/models/b.sql", "2\n");
    let sha = repository.commit("start");
    let git = open(&repository);
    let source = git.tree_of(&commit(&sha)).expect("the commit is here");
    let tree = |folder| texts(&files(&git, &source, folder));
    assert_eq!(tree("analytics"), expected(&[("config.yaml", "x: 1\n"), ("models/a.sql", "1\n")]));
    assert_eq!(tree("analytics/models/"), expected(&[("a.sql", "1\n")]));
    assert_eq!(tree("").len(), 4);
    assert!(tree("nowhere").is_empty() && tree("README.md").is_empty());
}

#[test]
fn equal_content_has_gits_id_and_can_be_read_from_packs_and_loose_objects() {
    let repository = Repository::new();
    let large = "id,name\n".repeat(400_000);
    repository.write("a.csv", &large).write("b.csv", &large).write("c.sql", "select 1").commit("start");
    for pack in [false, true] {
        if pack {
            repository.git(&["gc", "--quiet"]);
        }
        let git = open(&repository);
        let tree = at(&git, "HEAD");
        assert_eq!(blob(&tree, "a.csv"), repository.sha("HEAD:b.csv"));
        assert_eq!(tree.text(&FilePath::new("a.csv")).ok().as_deref(), Some(large.as_str()), "packed: {pack}");
        let mut start = [0; 8];
        tree.open(&FilePath::new("b.csv")).expect("it opens").read_exact(&mut start).expect("it reads");
        assert_eq!(&start, b"id,name\n");
        assert!(tree.open(&FilePath::new("nowhere")).is_err());
    }
}

#[test]
fn a_tree_can_be_read_from_many_threads() {
    let repository = Repository::new();
    for number in 0..50 {
        repository.write(&format!("models/m{number}.sql"), format!("select {number}\n"));
    }
    repository.commit("start");
    let git = open(&repository);
    let tree = at(&git, "HEAD");
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| texts(&tree))).collect();
        for worker in workers {
            assert_eq!(worker.join().expect("no thread fails").len(), 50);
        }
    });
}

#[test]
fn an_lfs_object_that_is_there_is_read_and_one_that_is_not_is_a_problem() {
    let repository = Repository::new();
    let oid = repository.lfs_pointer("seeds/big.csv", "id\n1\n");
    repository.commit("start");
    let missing = problem(&at(&open(&repository), "HEAD"), "seeds/big.csv");
    assert_eq!(missing.0, "lfs-object-missing");
    assert!(missing.1.contains("git lfs pull"));
    let object = repository.lfs_object("id\n1\n");
    let git = open(&repository);
    let tree = at(&git, "HEAD");
    assert_eq!(blob(&tree, "seeds/big.csv"), oid);
    assert_eq!(texts(&tree)["seeds/big.csv"], "id\n1\n");
    std::fs::write(object, "id").expect("the file is ours");
    assert_eq!(problem(&at(&git, "HEAD"), "seeds/big.csv").0, "lfs-object-missing", "half a download is none");
}

#[test]
fn a_linked_work_tree_shares_the_lfs_objects() {
    let repository = Repository::new();
    repository.lfs_pointer("big.csv", "id\n1\n");
    repository.commit("start");
    repository.lfs_object("id\n1\n");
    let linked = repository.path().with_file_name("linked");
    repository.git(&["worktree", "add", "--quiet", "-b", "linked", &linked.display().to_string()]);
    let git = Git::discover(&linked).expect("a linked work tree opens");
    assert_eq!(texts(&at(&git, "HEAD"))["big.csv"], "id\n1\n");
}

#[test]
fn a_submodule_is_a_problem_never_content() {
    let other = parted();
    let repository = Repository::new();
    repository.write("config.yaml", "x: 1\n").submodule("models/vendor", &other).commit("start");
    let git = open(&repository);
    assert_eq!(problem(&at(&git, "HEAD"), "models/vendor").0, "submodule");
    let source = git.tree_of(&commit(&repository.sha("HEAD"))).expect("the commit is here");
    let error = git.tree(&source, "models/vendor").map(drop).expect_err("a project is no submodule");
    assert!(matches!(error, GitError::FolderIsSubmodule { .. }));
}

#[cfg(unix)]
#[test]
fn links_inside_the_project_are_followed_and_links_out_of_it_are_not() {
    let repository = Repository::new();
    repository
        .write("secret.sql", "select 'outside'\n")
        .write("p/shared/a.sql", "1\n")
        .write("p/shared/deep/b.sql", "2\n");
    repository.link("p/models/a.sql", "../shared/a.sql").link("p/models/all", "../shared");
    repository.link("p/shared/again.sql", "a.sql").link("p/chain.sql", "models/a.sql");
    repository.link("p/models/out.sql", "../../secret.sql").link("p/models/etc.sql", "/etc/hostname");
    repository.link("p/models/gone.sql", "nowhere.sql").link("p/models/loop.sql", "loop.sql").link("p/models/up", "..");
    let sha = repository.commit("start");
    let git = open(&repository);
    let tree = files(&git, &git.tree_of(&commit(&sha)).expect("the commit is here"), "p");
    let all = [
        ("chain.sql", "1\n"),
        ("models/a.sql", "1\n"),
        ("models/all/a.sql", "1\n"),
        ("models/all/again.sql", "1\n"),
        ("models/all/deep/b.sql", "2\n"),
        ("models/etc.sql", "<link-outside-project>"),
        ("models/gone.sql", "<link-broken>"),
        ("models/loop.sql", "<link-loop>"),
        ("models/out.sql", "<link-outside-project>"),
        ("models/up", "<link-loop>"),
        ("shared/a.sql", "1\n"),
        ("shared/again.sql", "1\n"),
        ("shared/deep/b.sql", "2\n"),
    ];
    assert_eq!(texts(&tree), expected(&all));
    assert_eq!(blob(&tree, "chain.sql"), blob(&tree, "shared/a.sql"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_is_a_problem() {
    use std::os::unix::ffi::OsStrExt as _;
    let repository = Repository::new();
    let name = std::ffi::OsStr::from_bytes(b"models-\xff.sql");
    std::fs::write(repository.path().join(name), "1\n").expect("the file is ours");
    repository.write("a.sql", "1\n").commit("start");
    let git = open(&repository);
    for source in
        [git.tree_of(&commit(&repository.sha("HEAD"))).expect("it is here"), super::three(&git, super::WORKTREE).result]
    {
        let tree = files(&git, &source, "");
        assert_eq!(texts(&tree), expected(&[("a.sql", "1\n"), ("models-\u{fffd}.sql", "<path-not-utf8>")]));
    }
}

#[test]
fn a_partial_clone_says_that_content_is_missing() {
    let repository = parted();
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = repository.clone_with(&["--filter=blob:none", "--no-checkout"]);
    let git = open(&clone);
    let tree = at(&git, "origin/main");
    let (code, help) = problem(&tree, "a.sql");
    assert_eq!(code, "blob-missing");
    assert!(help.contains("full clone"));
    assert!(tree.entries().values().all(|entry| matches!(entry, Entry::Unreadable(_))));
    let treeless = repository.clone_with(&["--filter=tree:0", "--no-checkout"]);
    let git = open(&treeless);
    let sha = commit(&repository.sha("main"));
    let source = git.tree_of(&sha).expect("the commit is here");
    let error = git.tree(&source, "").map(drop).expect_err("the tree is not here");
    assert!(error.hint().is_some_and(|hint| hint.contains("full clone")), "{error:?}");
}

/// Trees that are listed by one `Git` share what they share; what comes of it is what each of them alone comes to.
#[test]
fn a_listing_does_not_depend_on_what_was_listed_before() {
    let repository = Repository::new();
    let mut shas = Vec::new();
    let mut dice = 7_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    for step in 0..40 {
        let folder = ["", "a/", "a/b/", "c/", "d.sql/"][roll(5) as usize];
        let path = format!("p/{folder}{}.sql", ["x", "y", "d"][roll(3) as usize]);
        // What is in the way of a folder or a file goes: one becomes the other.
        for above in path.match_indices('/').map(|(end, _)| &path[..end]) {
            if repository.path().join(above).is_file() {
                repository.remove(above);
            }
        }
        let full = repository.path().join(&path);
        if full.is_dir() {
            std::fs::remove_dir_all(&full).expect("ours");
        } else if full.exists() && roll(3) == 0 {
            repository.remove(&path);
        }
        #[cfg(unix)]
        match step % 10 {
            6 => drop(repository.write("p/a/x.sql", "select 0\n").link("p/link", "a")),
            7 => drop(repository.remove("p/link")),
            _ => {}
        }
        if !full.exists() {
            repository.write(&path, format!("select {step}\n"));
        }
        repository.write("beside.txt", step.to_string());
        shas.push(repository.commit("a step"));
    }
    let shared = open(&repository);
    for _ in 0..120 {
        let sha = commit(&shas[roll(40) as usize]);
        let alone = open(&repository);
        let entries = |git: &Git| {
            let source = git.tree_of(&sha).expect("the commit is here");
            files(git, &source, "p").entries().clone()
        };
        assert_eq!(entries(&shared), entries(&alone), "{sha}");
    }
}
