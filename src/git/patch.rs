//! The listing of a tree that is much like one that was listed before: only folders that differ are looked at.

use std::collections::BTreeMap;

use git2::Oid;

use super::read::Reader;
use super::tree::{FILE_LIMIT, Folder, Listing, Shape};
use super::{Git, GitError};
use crate::files::Entry;
use crate::ids::FilePath;

/// What one tree has and the other has not.
#[derive(Default)]
struct Patch {
    gone: Vec<FilePath>,
    new: Vec<(FilePath, Entry)>,
}

impl Patch {
    fn add(&mut self, from: Option<&Folder>, to: Option<&Folder>) {
        let files = |folder: Option<&Folder>| -> BTreeMap<FilePath, Entry> {
            let files = folder.iter().flat_map(|folder| &folder.files);
            files.map(|(path, (entry, _))| (path.clone(), entry.clone())).collect()
        };
        let (mut old, new) = (files(from), files(to));
        for (path, entry) in new {
            if old.remove(&path).as_ref() != Some(&entry) {
                self.new.push((path, entry));
            }
        }
        self.gone.extend(old.into_keys());
    }
}

impl Git {
    /// The listing of a tree, made from the one of another tree; `None` where links or what is not in git take part, of
    /// which more must be known than their own folders.
    ///
    /// # Errors
    /// A tree is missing.
    pub(super) fn patched(&self, known: &Listing, to: Oid, reader: &Reader<'_>) -> Result<Option<Listing>, GitError> {
        let Shape::Plain { root: from } = known.shape else { return Ok(None) };
        let mut patch = Patch::default();
        let mut pending = vec![(String::new(), Some(from), Some(to))];
        while let Some((prefix, from, to)) = pending.pop() {
            let folder =
                |id: Option<Oid>| id.map(|id| self.folder((prefix.clone(), id), reader, FILE_LIMIT)).transpose();
            let (from, to) = (folder(from)?, folder(to)?);
            if ![&from, &to].into_iter().flatten().all(|folder| folder.is_plain()) {
                return Ok(None);
            }
            patch.add(from.as_deref(), to.as_deref());
            pending.extend(differing_folders(from.as_deref(), to.as_deref()));
        }
        let mut entries = known.entries.clone();
        patch.gone.iter().for_each(|path| drop(entries.remove(path)));
        entries.extend(patch.new);
        let shape = Shape::Plain { root: to };
        Ok((entries.len() <= FILE_LIMIT).then(|| Listing { entries, contents: BTreeMap::new(), shape }))
    }
}

/// The folders of two that differ, by what their paths begin with.
fn differing_folders(from: Option<&Folder>, to: Option<&Folder>) -> Vec<(String, Option<Oid>, Option<Oid>)> {
    let folders = |folder: Option<&Folder>| -> BTreeMap<String, Oid> {
        folder.iter().flat_map(|folder| folder.folders.iter().cloned()).collect()
    };
    let (mut old, new) = (folders(from), folders(to));
    let mut differing = Vec::new();
    for (prefix, id) in new {
        let before = old.remove(&prefix);
        if before != Some(id) {
            differing.push((prefix, before, Some(id)));
        }
    }
    differing.extend(old.into_iter().map(|(prefix, id)| (prefix, Some(id), None)));
    differing
}
