//! The working tree as git would store it: a tree in memory, built from the index and what differs from it.
//!
//! This module never writes the index. Files outside the project's folder are as in `HEAD`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use git2::{Delta, DiffOptions, Index, IndexEntry, IndexEntryExtendedFlag, IndexTime, Oid};

use super::clean::Cleaned;
use super::error::shown;
use super::problems::submodule;
use super::tree::{Local, inside};
use super::{Git, GitError};

const FILE: u32 = 0o100_644;
const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

/// A file as a tree holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) mode: u32,
    pub(super) id: Oid,
}

/// A working tree in memory.
pub(super) struct Worktree {
    /// All of it.
    pub(super) tree: Oid,
    /// The same with `HEAD`'s version of the heavy files, for merging: their content is in no object store.
    pub(super) light: Oid,
    /// Heavy files by path from the root.
    pub(super) heavy: BTreeMap<String, Stored>,
    pub(super) local: Arc<Local>,
}

/// The project's files while they are collected; paths are relative to the repository's root.
#[derive(Default)]
struct Files {
    stored: BTreeMap<Vec<u8>, Stored>,
    heavy: BTreeMap<String, Stored>,
    /// Paths that a sparse checkout leaves out: not on disk, and not deleted.
    sparse: BTreeSet<Vec<u8>>,
    local: Local,
}

impl Git {
    /// The working tree's version of a project, everything else as in a commit.
    pub(super) fn worktree(&self, head_tree: Oid, folder: &str) -> Result<Worktree, GitError> {
        let root = self.work_tree()?.to_owned();
        let mut index = self.repository.index().map_err(|error| self.failed("open the index", &error))?;
        index.read(true).map_err(|error| self.failed("read the index", &error))?;
        let mut files = Files { local: Local { root, ..Local::default() }, ..Files::default() };
        let unsure = self.staged(&index, folder, &mut files)?;
        self.changed(&index, folder, &mut files)?;
        for path in unsure {
            self.take(&path, None, &mut files)?;
        }
        let mut light = files.stored.clone();
        for path in files.heavy.keys() {
            light.extend(self.entry_at(head_tree, path)?.map(|file| (path.clone().into_bytes(), file)));
        }
        let mut all = files.stored;
        all.extend(files.heavy.iter().map(|(path, file)| (path.clone().into_bytes(), *file)));
        let (light, tree) = (self.spliced(head_tree, folder, &light)?, self.spliced(head_tree, folder, &all)?);
        Ok(Worktree { tree, light, heavy: files.heavy, local: Arc::new(files.local) })
    }

    /// Takes the index's entries; returns the paths that `git add -N` announced without content.
    fn staged(&self, index: &Index, folder: &str, files: &mut Files) -> Result<Vec<Vec<u8>>, GitError> {
        let (mut unsure, mut unmerged) = (Vec::new(), Vec::new());
        for entry in index.iter().filter(|entry| is_inside(folder, &entry.path)) {
            let stage = (entry.flags >> 12) & 3;
            if stage != 0 {
                unmerged.push(shown(&entry.path));
            } else if entry.flags_extended & IndexEntryExtendedFlag::INTENT_TO_ADD.bits() != 0 {
                unsure.push(entry.path);
            } else {
                if entry.flags_extended & IndexEntryExtendedFlag::SKIP_WORKTREE.bits() != 0 {
                    files.sparse.insert(entry.path.clone());
                }
                files.stored.insert(entry.path, Stored { mode: entry.mode, id: entry.id });
            }
        }
        unmerged.dedup();
        if unmerged.is_empty() { Ok(unsure) } else { Err(GitError::Unmerged { files: unmerged }) }
    }

    /// Takes what differs from the index; libgit2 knows when equal times do not prove equal content.
    fn changed(&self, index: &Index, folder: &str, files: &mut Files) -> Result<(), GitError> {
        let mut options = DiffOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true);
        options.ignore_submodules(true).include_unreadable(true).update_index(false).skip_binary_check(true);
        if !folder.is_empty() {
            options.pathspec(folder).disable_pathspec_match(true);
        }
        let diff = self
            .repository
            .diff_index_to_workdir(Some(index), Some(&mut options))
            .map_err(|error| self.failed("compare the working tree with the index", &error))?;
        for delta in diff.deltas() {
            let file = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
            let path = file.path_bytes().unwrap_or_default().to_vec();
            if !is_inside(folder, &path) {
                continue;
            }
            match delta.status() {
                Delta::Unmodified | Delta::Ignored => {}
                Delta::Deleted if files.sparse.contains(&path) => {}
                Delta::Deleted => drop(files.stored.remove(&path)),
                Delta::Untracked if is_own_state(folder, &path) => {}
                _ => self.take(&path, Some(u32::from(file.mode())), files)?,
            }
        }
        Ok(())
    }

    /// Takes one file of the working tree in the form in which git would store it.
    fn take(&self, path: &[u8], mode: Option<u32>, files: &mut Files) -> Result<(), GitError> {
        let tracked = files.stored.get(path).copied();
        if tracked.is_some_and(|file| file.mode == SUBMODULE) {
            return Ok(());
        }
        let Ok(name) = std::str::from_utf8(path).map(str::to_owned) else {
            // Its name alone already makes it unreadable, so any content does.
            let empty = self.store(b"")?;
            files.stored.insert(path.to_vec(), Stored { mode: FILE, id: empty });
            return Ok(());
        };
        if let Some(folder) = name.strip_suffix('/') {
            // git lists a folder only where it is a repository of its own.
            files.local.problems.insert(folder.to_owned(), submodule(folder));
            return Ok(());
        }
        let full = files.local.root.join(&name);
        if full.symlink_metadata().is_ok_and(|file| file.is_symlink()) {
            let target = std::fs::read_link(&full).unwrap_or_default();
            let blob = self.store(target.as_os_str().as_encoded_bytes())?;
            files.stored.insert(path.to_vec(), Stored { mode: LINK, id: blob });
            return Ok(());
        }
        // Pipes and devices are never opened.
        if !full.symlink_metadata().is_ok_and(|file| file.is_file()) {
            files.stored.remove(path);
            return Ok(());
        }
        let mode = match mode.or(tracked.map(|file| file.mode)) {
            Some(0o100_755) => 0o100_755,
            _ => FILE,
        };
        match self.cleaned(&name, &full, tracked.map(|file| file.id))? {
            Cleaned::Stored(id) => drop(files.stored.insert(path.to_vec(), Stored { mode, id })),
            Cleaned::Heavy(id) => {
                files.stored.remove(path);
                files.local.heavy.insert(id, full);
                files.heavy.insert(name, Stored { mode, id });
            }
            Cleaned::Unknown(problem) => drop(files.local.problems.insert(name, problem)),
        }
        Ok(())
    }

    /// Mode and blob of a path in a tree.
    pub(super) fn entry_at(&self, tree: Oid, path: &str) -> Result<Option<Stored>, GitError> {
        let entry = self.tree_object(tree)?.get_path(Path::new(path)).ok();
        Ok(entry.map(|entry| Stored { mode: u32::try_from(entry.filemode_raw()).unwrap_or(FILE), id: entry.id() }))
    }

    /// A commit's tree in which one folder has other files.
    fn spliced(&self, head: Oid, folder: &str, files: &BTreeMap<Vec<u8>, Stored>) -> Result<Oid, GitError> {
        let failed = |error: git2::Error| self.failed("build a tree in memory", &error);
        let mut index = Index::new().map_err(failed)?;
        for (path, file) in files {
            let relative = &path[if folder.is_empty() { 0 } else { folder.len() + 1 }..];
            index.add(&index_entry(relative.to_vec(), *file)).map_err(failed)?;
        }
        let mut tree = index.write_tree_to(&self.repository).map_err(failed)?;
        let mut rest = folder;
        let mut is_empty = files.is_empty();
        while !rest.is_empty() {
            let (parent, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            let around = self.subtree(head, parent)?.map(|id| self.tree_object(id)).transpose()?;
            let mut builder = self.repository.treebuilder(around.as_ref()).map_err(failed)?;
            if !is_empty {
                builder.insert(name, tree, 0o040_000).map_err(failed)?;
            } else if builder.get(name).map_err(failed)?.is_some() {
                // Git has no empty folders.
                builder.remove(name).map_err(failed)?;
            }
            is_empty = builder.is_empty();
            tree = builder.write().map_err(failed)?;
            rest = parent;
        }
        Ok(tree)
    }
}

/// An entry for an index in memory.
pub(super) fn index_entry(path: Vec<u8>, file: Stored) -> IndexEntry {
    let Stored { mode, id } = file;
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path,
    }
}

fn is_inside(folder: &str, path: &[u8]) -> bool {
    folder.is_empty() || (path.starts_with(folder.as_bytes()) && path.get(folder.len()) == Some(&b'/'))
}

/// Our own state's folder, should somebody not ignore it: reading it would make each plan differ from the last.
fn is_own_state(folder: &str, path: &[u8]) -> bool {
    std::str::from_utf8(path)
        .ok()
        .and_then(|path| inside(folder, path))
        .is_some_and(|path| path.starts_with(".offshoot/"))
}
