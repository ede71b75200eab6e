//! A disk that can be full: a file system in memory, which root alone may mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// More than any place needs.
const ROOM: &str = "size=256m";

/// A disk, unmounted when this is dropped.
pub(crate) struct Disk(TempDir);

impl Disk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        done("mount", &["-t", "tmpfs", "-o", &format!("mode=755,{ROOM}"), "tmpfs"], folder.path());
        // The folder that it is in is ours alone, and a server is somebody else.
        done("chmod", &["755"], folder.path());
        Self(folder)
    }

    /// What is on it.
    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// Leaves so many bytes on it.
    pub(crate) fn leave(&self, bytes: u64) {
        // No disk can be smaller than what is on it, and a server may put something there meanwhile.
        let made = (0..100).any(|_| mounted(&["-o", &format!("remount,size={}", self.used() + bytes)], self.0.path()));
        assert!(made, "the disk cannot be made smaller");
    }

    fn used(&self) -> u64 {
        let told = Command::new("df").args(["--output=used", "--block-size=1"]).arg(self.0.path()).output();
        let told = String::from_utf8(told.expect("df runs").stdout).expect("text");
        told.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("a number")
    }

    /// Gives it room again.
    pub(crate) fn widen(&self) {
        done("mount", &["-o", &format!("remount,{ROOM}")], self.0.path());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        done("umount", &["--lazy"], self.0.path());
    }
}

fn mounted(arguments: &[&str], folder: &Path) -> bool {
    Command::new("mount").args(arguments).arg(folder).output().expect("mount runs").status.success()
}

fn done(program: &str, arguments: &[&str], folder: &Path) {
    let done = Command::new(program).args(arguments).arg(folder).output().expect("the program runs");
    assert!(done.status.success(), "{program} (as root?): {}", String::from_utf8_lossy(&done.stderr));
}
