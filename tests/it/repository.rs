//! Real git repositories in temporary folders, the same on every machine: fixed people and dates, no configuration.
#![allow(dead_code, reason = "a tool for all test modules; no one of them uses all of it")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// 2026-01-01T00:00:00Z; each git command is a minute after the one before.
const FIRST_MOMENT: u64 = 1_767_225_600;

/// A repository whose folder goes when it is dropped.
pub(crate) struct Repository {
    folder: TempDir,
    root: PathBuf,
    minutes: Cell<u64>,
}

impl Repository {
    /// An empty repository on the branch `main`.
    pub(crate) fn new() -> Self {
        Self::init(&[])
    }

    /// As [`Repository::new`], with options for `git init`, such as `--object-format=sha256`.
    pub(crate) fn init(options: &[&str]) -> Self {
        let repository = Self::in_folder("work");
        std::fs::create_dir(&repository.root).expect("the folder is ours");
        let mut arguments = vec!["init", "--quiet", "--initial-branch=main"];
        arguments.extend(options);
        repository.git(&arguments);
        repository.isolate();
        repository
    }

    /// A clone of this repository over `file://`, with options for `git clone`, such as `--depth=1`.
    pub(crate) fn clone_with(&self, options: &[&str]) -> Self {
        let clone = Self::in_folder("clone");
        let source = format!("file://{}", self.root.display());
        let mut arguments = vec!["clone", "--quiet"];
        arguments.extend(options);
        let target = clone.root.display().to_string();
        arguments.extend([source.as_str(), target.as_str()]);
        check(git_in(clone.folder.path()).args(&arguments).output(), &arguments);
        clone.isolate();
        clone.minutes.set(self.minutes.get() + 1000);
        clone
    }

    /// The root of the working tree.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// Writes a file and its folders.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let file = self.root.join(path);
        std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("the folder is ours");
        std::fs::write(file, content).expect("the file is ours");
        self
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).expect("the file is there")
    }

    /// Writes files that a project does not read, one for each number.
    pub(crate) fn write_pages(&self, folder: &str, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.write(&format!("{folder}/{number}.md"), "words");
        }
    }

    /// Puts a text in the place of another one that the file has.
    pub(crate) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "`{old}` in {path}");
        self.write(path, text.replacen(old, new, 1));
    }

    /// Deletes a file.
    pub(crate) fn remove(&self, path: &str) -> &Self {
        std::fs::remove_file(self.root.join(path)).expect("the file is there");
        self
    }

    /// Makes a symbolic link.
    #[cfg(unix)]
    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        let file = self.root.join(path);
        std::fs::create_dir_all(file.parent().expect("a link has a folder")).expect("the folder is ours");
        std::os::unix::fs::symlink(target, file).expect("links can be made");
        self
    }

    /// Commits everything that is not ignored and gives the commit's id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.commit_staged(message)
    }

    /// Commits what is staged, also where that is nothing.
    pub(crate) fn commit_staged(&self, message: &str) -> String {
        self.git(&["commit", "--quiet", "--allow-empty", "--allow-empty-message", "--no-verify", "-m", message]);
        self.sha("HEAD")
    }

    /// Makes a branch here and checks it out.
    pub(crate) fn branch(&self, name: &str) -> &Self {
        self.git(&["checkout", "--quiet", "-b", name]);
        self
    }

    /// Checks out a branch or commit.
    pub(crate) fn checkout(&self, name: &str) -> &Self {
        self.git(&["checkout", "--quiet", name, "--"]);
        self
    }

    /// Merges a branch with a merge commit and gives its id.
    pub(crate) fn merge(&self, name: &str) -> String {
        self.git(&["merge", "--quiet", "--no-ff", "--no-edit", name]);
        self.sha("HEAD")
    }

    /// Makes the forge's test merge of a branch into `main` as `refs/pull/NUMBER/merge` and gives its id.
    pub(crate) fn pull_request(&self, number: u32, branch: &str) -> String {
        let (before, main, head) =
            (self.git(&["rev-parse", "--abbrev-ref", "HEAD"]), self.sha("main"), self.sha(branch));
        self.git(&["checkout", "--quiet", "--detach", "main"]);
        self.git(&["merge", "--quiet", "--no-ff", "-m", &format!("Merge {head} into {main}"), branch]);
        let merge = self.sha("HEAD");
        self.git(&["update-ref", &format!("refs/pull/{number}/merge"), &merge]);
        self.checkout(&before);
        merge
    }

    /// Checks a pull request out as GitHub's checkout action does; `depth` 0 is everything.
    pub(crate) fn actions_checkout(&self, number: u32, depth: u32) -> Self {
        let clone = Self::init_clone();
        let source = format!("file://{}", self.root.display());
        clone.git(&["remote", "add", "origin", &source]);
        let spec = format!("+refs/pull/{number}/merge:refs/remotes/pull/{number}/merge");
        let depth_option = format!("--depth={depth}");
        let mut arguments = vec!["fetch", "--quiet", "--no-tags"];
        if depth > 0 {
            arguments.push(&depth_option);
        } else {
            arguments.extend(["origin", "+refs/heads/*:refs/remotes/origin/*"]);
        }
        if depth > 0 {
            arguments.push("origin");
        }
        arguments.push(&spec);
        clone.git(&arguments);
        clone.git(&["checkout", "--quiet", "--force", &format!("refs/remotes/pull/{number}/merge")]);
        clone
    }

    /// Writes a Git LFS pointer and gives the object's id; the object itself is not there yet.
    pub(crate) fn lfs_pointer(&self, path: &str, content: &str) -> String {
        let (oid, size) = offshoot::hash::sha256_of(&mut content.as_bytes()).expect("a text can be read");
        self.write(path, format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"));
        oid.to_string()
    }

    /// Puts an LFS object where `git lfs pull` would.
    pub(crate) fn lfs_object(&self, content: &str) -> PathBuf {
        let (oid, _) = offshoot::hash::sha256_of(&mut content.as_bytes()).expect("a text can be read");
        let oid = oid.to_string();
        let path = format!(".git/lfs/objects/{}/{}/{oid}", &oid[..2], &oid[2..4]);
        self.write(&path, content);
        self.root.join(path)
    }

    /// Adds another repository as a submodule.
    pub(crate) fn submodule(&self, path: &str, other: &Self) -> &Self {
        let source = other.root.display().to_string();
        self.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &source, path]);
        self
    }

    /// The id that a revision names.
    pub(crate) fn sha(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }

    /// Runs git here and gives what it prints, trimmed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let tick = self.minutes.get();
        self.minutes.set(tick + 1);
        let date = format!("{} +0000", FIRST_MOMENT + 60 * tick);
        let mut command = git_in(&self.root);
        command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date).args(arguments);
        check(command.output(), arguments)
    }

    /// Every file below `.git/objects` with its content: what must not change when a program only reads.
    pub(crate) fn objects(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.files_below(".git/objects")
    }

    /// Every file below a folder with its content.
    pub(crate) fn files_below(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut pending = vec![self.root.join(folder)];
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).expect("the folder is there") {
                let path = entry.expect("the folder can be listed").path();
                if path.is_dir() {
                    pending.push(path);
                } else {
                    files.insert(path.clone(), std::fs::read(path).expect("the file can be read"));
                }
            }
        }
        files
    }

    fn init_clone() -> Self {
        let clone = Self::in_folder("clone");
        std::fs::create_dir(&clone.root).expect("the folder is ours");
        clone.git(&["init", "--quiet", "--initial-branch=main"]);
        clone.isolate();
        clone
    }

    fn in_folder(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let root = folder.path().canonicalize().expect("it was just made").join(name);
        Self { folder, root, minutes: Cell::new(0) }
    }

    /// libgit2 knows no `GIT_CONFIG_GLOBAL`: what a developer may have set is said here again.
    fn isolate(&self) {
        for (key, value) in
            [("core.autocrlf", "false"), ("core.excludesFile", "/dev/null"), ("core.attributesFile", "/dev/null")]
        {
            self.git(&["config", key, value]);
        }
    }
}

/// git in a folder, under no configuration but the repository's own.
pub(crate) fn git_in(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.org");
    command
}

fn check(output: std::io::Result<Output>, arguments: &[&str]) -> String {
    let output = output.expect("git is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {}: {errors}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
