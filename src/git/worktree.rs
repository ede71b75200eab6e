//! The working tree as git would store it: a tree in memory, built from the index and what differs from it.
//!
//! This module never writes the index and runs no external filter: a changed file that needs one is a problem. Git LFS is
//! the exception, because its filter is only a SHA-256. Files outside the project's folder are as in `HEAD`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{AttrCheckFlags, AttrValue, Delta, DiffOptions, Index, IndexEntry, IndexEntryExtendedFlag, IndexTime};
use git2::{ObjectType, Oid};

use super::error::shown;
use super::lfs::Pointer;
use super::tree::{Local, inside, is_plain_file, submodule};
use super::{Git, GitError};
use crate::problem::Problem;

/// From here on a file is hashed as a stream instead of being copied into memory.
const HEAVY: u64 = 32 * 1024 * 1024;

const FILE: u32 = 0o100_644;
const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;

/// A working tree in memory.
pub(super) struct Worktree {
    /// All of it.
    pub(super) tree: Oid,
    /// The same with `HEAD`'s version of the heavy files, for merging: their content is in no object store.
    pub(super) light: Oid,
    /// Heavy files by path from the root.
    pub(super) heavy: BTreeMap<String, (u32, Oid)>,
    pub(super) local: Arc<Local>,
}

/// The project's files while they are collected; paths are relative to the repository's root.
#[derive(Default)]
struct Files {
    stored: BTreeMap<Vec<u8>, (u32, Oid)>,
    heavy: BTreeMap<String, (u32, Oid)>,
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
        let light_files: Vec<_> = self.with_heads_heavy_files(head_tree, &files)?;
        let light = self.spliced(head_tree, folder, &light_files)?;
        let all: Vec<_> = files
            .stored
            .iter()
            .map(|(path, file)| (path.clone(), *file))
            .chain(files.heavy.iter().map(|(path, file)| (path.clone().into_bytes(), *file)))
            .collect();
        let tree = self.spliced(head_tree, folder, &all)?;
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
                files.stored.insert(entry.path, (entry.mode, entry.id));
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
        if tracked.is_some_and(|(mode, _)| mode == SUBMODULE) {
            return Ok(());
        }
        let Ok(name) = std::str::from_utf8(path).map(str::to_owned) else {
            // Its name alone already makes it unreadable, so any content does.
            let empty = self.store(b"")?;
            files.stored.insert(path.to_vec(), (FILE, empty));
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
            files.stored.insert(path.to_vec(), (LINK, blob));
            return Ok(());
        }
        if !is_plain_file(&full) {
            files.stored.remove(path);
            return Ok(());
        }
        let mode = match mode.or(tracked.map(|(mode, _)| mode)) {
            Some(0o100_755) => 0o100_755,
            _ => FILE,
        };
        match self.cleaned(&name, &full, tracked.map(|(_, id)| id))? {
            Cleaned::Stored(id) => drop(files.stored.insert(path.to_vec(), (mode, id))),
            Cleaned::Heavy(id) => {
                files.stored.remove(path);
                files.local.heavy.insert(id, full);
                files.heavy.insert(name, (mode, id));
            }
            Cleaned::Unknown(problem) => drop(files.local.problems.insert(name, problem)),
        }
        Ok(())
    }

    fn cleaned(&self, name: &str, full: &PathBuf, tracked: Option<Oid>) -> Result<Cleaned, GitError> {
        let length = full.symlink_metadata().map(|file| file.len()).unwrap_or(0);
        let broken = |reason: String| {
            Cleaned::Unknown(Problem::error(
                "file-unreadable",
                format!("`{}` cannot be read: {reason}", shown(name.as_bytes())),
            ))
        };
        if self.is_lfs(name, tracked) && self.pointer_in_file(full, length).is_none() {
            return Ok(match Pointer::to_content_of(full) {
                Ok(Some(pointer)) => Cleaned::Stored(self.store(pointer.text().as_bytes())?),
                Ok(None) => Cleaned::Stored(self.store(b"")?),
                Err(error) => broken(error.to_string()),
            });
        }
        if let Some(problem) = self.external_filter(name) {
            return Ok(Cleaned::Unknown(problem));
        }
        if length >= HEAVY && !self.is_converted(name) {
            return Ok(match Oid::hash_file(ObjectType::Blob, full) {
                Ok(id) => Cleaned::Heavy(id),
                Err(error) => broken(error.message().to_owned()),
            });
        }
        Ok(match self.repository.blob_path(full) {
            Ok(id) => Cleaned::Stored(id),
            Err(error) => broken(error.message().to_owned()),
        })
    }

    fn is_lfs(&self, name: &str, tracked: Option<Oid>) -> bool {
        let tracked = tracked.and_then(|id| self.repository.find_blob(id).ok());
        tracked.is_some_and(|blob| Pointer::parse(blob.content()).is_some())
            || self.attribute(name, "filter").as_deref() == Some("lfs")
    }

    fn pointer_in_file(&self, full: &Path, length: u64) -> Option<Pointer> {
        let small = length < super::lfs::POINTER_LIMIT as u64;
        small.then(|| std::fs::read(full).ok()).flatten().and_then(|content| Pointer::parse(&content))
    }

    /// Content that only a program named in the configuration could turn into what git stores.
    fn external_filter(&self, name: &str) -> Option<Problem> {
        let config = self.repository.config().ok()?;
        let has = |filter: &str, key: &str| config.get_entry(&format!("filter.{filter}.{key}")).is_ok();
        let filter = self.attribute(name, "filter").filter(|filter| has(filter, "clean") || has(filter, "process"));
        let what = match (filter, self.attribute(name, "working-tree-encoding")) {
            (Some(filter), _) if filter != "lfs" => format!("the git filter `{}`", shown(filter.as_bytes())),
            (_, Some(encoding)) => format!("the encoding `{}`", shown(encoding.as_bytes())),
            _ => return None,
        };
        let message = format!(
            "`{}` has changes that git stores through {what}, which is not applied here",
            shown(name.as_bytes())
        );
        Some(Problem::error("external-filter", message).help("commit the file, or leave out `--worktree`"))
    }

    /// Whether git's own line-end and `$Id$` conversions may apply.
    fn is_converted(&self, name: &str) -> bool {
        let automatic = self.repository.config().and_then(|config| config.get_string("core.autocrlf"));
        let automatic = automatic.is_ok_and(|value| !matches!(value.as_str(), "false" | "no" | "off" | "0"));
        let set = |attribute| self.raw_attribute(name, attribute).is_some();
        set("ident") || set("eol") || set("crlf") || set("text") || automatic
    }

    fn attribute(&self, name: &str, attribute: &str) -> Option<String> {
        let value = self.raw_attribute(name, attribute)?;
        match AttrValue::from_bytes(Some(&value)) {
            AttrValue::String(text) => Some(text.to_owned()),
            _ => None,
        }
    }

    /// A value that is set and not false.
    fn raw_attribute(&self, name: &str, attribute: &str) -> Option<Vec<u8>> {
        let flags = AttrCheckFlags::FILE_THEN_INDEX;
        let value = self.repository.get_attr_bytes(Path::new(name), attribute, flags).ok()??;
        (!matches!(AttrValue::from_bytes(Some(value)), AttrValue::False | AttrValue::Unspecified))
            .then(|| value.to_vec())
    }

    /// Puts a blob into memory.
    fn store(&self, content: &[u8]) -> Result<Oid, GitError> {
        self.repository.blob(content).map_err(|error| self.failed("keep a file in memory", &error))
    }

    fn with_heads_heavy_files(&self, head: Oid, files: &Files) -> Result<Vec<(Vec<u8>, (u32, Oid))>, GitError> {
        let mut light: Vec<_> = files.stored.iter().map(|(path, file)| (path.clone(), *file)).collect();
        for path in files.heavy.keys() {
            light.extend(self.entry_at(head, path)?.map(|file| (path.clone().into_bytes(), file)));
        }
        Ok(light)
    }

    /// Mode and blob of a path in a tree.
    pub(super) fn entry_at(&self, tree: Oid, path: &str) -> Result<Option<(u32, Oid)>, GitError> {
        let entry = self.tree_object(tree)?.get_path(Path::new(path)).ok();
        Ok(entry.map(|entry| (u32::try_from(entry.filemode_raw()).unwrap_or(FILE), entry.id())))
    }

    /// A commit's tree in which one folder has other files.
    fn spliced(&self, head: Oid, folder: &str, files: &[(Vec<u8>, (u32, Oid))]) -> Result<Oid, GitError> {
        let failed = |error: git2::Error| self.failed("build a tree in memory", &error);
        let mut index = Index::new().map_err(failed)?;
        for (path, (mode, id)) in files {
            let relative = &path[if folder.is_empty() { 0 } else { folder.len() + 1 }..];
            index.add(&index_entry(relative.to_vec(), *mode, *id)).map_err(failed)?;
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

enum Cleaned {
    Stored(Oid),
    Heavy(Oid),
    Unknown(Problem),
}

/// An entry for an index in memory.
pub(super) fn index_entry(path: Vec<u8>, mode: u32, id: Oid) -> IndexEntry {
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
