//! A project's files out of a git tree: content ids as git stores them, and why a path has none.
//!
//! This module never leaves the project's folder: a link out of it, a submodule and a missing LFS object are problems,
//! never content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use git2::{Odb, Oid};

use super::error::shown;
use super::lfs::{POINTER_LIMIT, Pointer, Store};
use super::problems::missing_lfs_object;
use super::read::Reader;
use super::{Git, GitError};
use crate::files::{Entry, FileTree};
use crate::ids::{FilePath, TreeId};
use crate::problem::Problem;

/// More files than any project has, fewer than a tree made to exhaust memory.
const FILE_LIMIT: usize = 1_000_000;
/// From here on a loose object is inflated while it is read.
const STREAMED_FROM: usize = 1024 * 1024;

const FOLDER: i32 = 0o040_000;
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// A tree to read files from: a commit's, a merge's, or the working tree's.
#[derive(Clone, Debug)]
pub struct TreeSource {
    id: TreeId,
    pub(super) local: Option<Arc<Local>>,
}

/// What a working tree knows beyond git objects; paths are relative to the repository's root.
#[derive(Debug, Default)]
pub(super) struct Local {
    /// The root of the checked-out files.
    pub(super) root: PathBuf,
    /// Files whose stored form we cannot know, by path.
    pub(super) problems: BTreeMap<String, Problem>,
    /// Content that was hashed but not copied into memory, by blob.
    pub(super) heavy: BTreeMap<Oid, PathBuf>,
}

/// The files of one project in one tree.
pub struct GitTree<'git> {
    odb: Odb<'git>,
    store: Store,
    listing: Arc<Listing>,
}

/// What stands under each path of a project's folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    entries: BTreeMap<FilePath, Entry>,
    contents: BTreeMap<FilePath, Content>,
}

impl Listing {
    /// Whether it is the same the next time: what is not in git, such as an LFS object, may come and go.
    fn is_settled(&self) -> bool {
        self.entries.values().all(|entry| matches!(entry, Entry::File { .. }))
            && !self.contents.values().any(|content| matches!(content, Content::File(_)))
    }
}

/// The listings of stored trees that were read before, by tree and folder.
pub(super) type Listings = Mutex<BTreeMap<(TreeId, String), Arc<Listing>>>;

/// Where a file's content lies.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Blob(Oid),
    /// A blob that may turn out to be an LFS pointer.
    Source(Oid),
    File(PathBuf),
}

/// A path as the tree has it, before links are followed.
pub(super) enum Raw {
    File(Oid),
    Link(Oid),
    Submodule,
    NotUtf8,
}

impl TreeSource {
    pub(super) fn stored(id: TreeId) -> Self {
        Self { id, local: None }
    }

    pub(super) fn with_local(id: TreeId, local: Arc<Local>) -> Self {
        Self { id, local: Some(local) }
    }

    /// The id of the repository's whole tree; one that was merged or read from the working tree lives in memory only.
    pub fn id(&self) -> &TreeId {
        &self.id
    }
}

impl Git {
    /// The files below a project's folder; a tree without that folder has no files.
    ///
    /// # Errors
    /// The tree is missing (a partial or shallow clone), the folder is a submodule, or it holds a million files.
    pub fn tree(&self, source: &TreeSource, project_folder: &str) -> Result<GitTree<'_>, GitError> {
        let folder = project_folder.trim_matches('/');
        let odb = self.repository.odb().map_err(|error| self.failed("open the object database", &error))?;
        let store = Store::of(&self.repository);
        let key = (source.id.clone(), folder.to_owned());
        let known = || self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        let is_stored = source.local.is_none();
        if let Some(listing) = known().get(&key).filter(|_| is_stored) {
            return Ok(GitTree { odb, store, listing: listing.clone() });
        }
        let root = self.oid(source.id.as_str())?;
        let raw = match self.subtree(root, folder)? {
            Some(tree) => self.walk(tree, folder)?,
            None => BTreeMap::new(),
        };
        let reader = Reader { odb: &odb, store: store.clone(), local: source.local.as_deref(), folder };
        let (entries, contents) = reader.read(raw);
        let listing = Arc::new(Listing { entries, contents });
        if is_stored && listing.is_settled() {
            known().insert(key, listing.clone());
        }
        Ok(GitTree { odb, store, listing })
    }

    /// The tree of a folder; `None` where there is no such folder.
    pub(super) fn subtree(&self, root: Oid, folder: &str) -> Result<Option<Oid>, GitError> {
        let mut tree = self.tree_object(root)?;
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            let Some((id, mode)) = tree.get_name(part).map(|entry| (entry.id(), entry.filemode_raw())) else {
                return Ok(None);
            };
            match mode {
                FOLDER => tree = self.tree_object(id)?,
                SUBMODULE => return Err(GitError::FolderIsSubmodule { folder: folder.to_owned() }),
                _ => return Ok(None),
            }
        }
        Ok(Some(tree.id()))
    }

    fn walk(&self, tree: Oid, folder: &str) -> Result<BTreeMap<String, Raw>, GitError> {
        let mut found = BTreeMap::new();
        let mut pending = vec![(String::new(), tree)];
        let mut visited = 0_usize;
        while let Some((prefix, id)) = pending.pop() {
            for entry in &self.tree_object(id)? {
                visited += 1;
                if visited > FILE_LIMIT {
                    return Err(GitError::TooManyFiles { folder: folder.to_owned(), limit: FILE_LIMIT });
                }
                let Ok(name) = entry.name() else {
                    found.insert(format!("{prefix}{}", shown(entry.name_bytes())), Raw::NotUtf8);
                    continue;
                };
                let path = format!("{prefix}{name}");
                match entry.filemode_raw() {
                    FOLDER => pending.push((format!("{path}/"), entry.id())),
                    LINK => drop(found.insert(path, Raw::Link(entry.id()))),
                    SUBMODULE => drop(found.insert(path, Raw::Submodule)),
                    _ => drop(found.insert(path, Raw::File(entry.id()))),
                }
            }
        }
        Ok(found)
    }
}

impl FileTree for GitTree<'_> {
    fn entries(&self) -> &BTreeMap<FilePath, Entry> {
        &self.listing.entries
    }

    fn open(&self, path: &FilePath) -> io::Result<Box<dyn Read + '_>> {
        match self.listing.contents.get(path) {
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("`{path}` has no content in this tree"))),
            Some(Content::File(file)) => Ok(Box::new(File::open(file)?)),
            Some(Content::Blob(id)) => open_blob(&self.odb, *id),
            Some(Content::Source(id)) => self.open_source(path, *id),
        }
    }
}

impl GitTree<'_> {
    fn open_source(&self, path: &FilePath, id: Oid) -> io::Result<Box<dyn Read + '_>> {
        let mut stream = open_blob(&self.odb, id)?;
        let mut start = Vec::new();
        stream.by_ref().take(POINTER_LIMIT as u64).read_to_end(&mut start)?;
        let pointer = if start.len() < POINTER_LIMIT { Pointer::parse(&start) } else { None };
        match pointer.map(|pointer| self.store.find(&pointer)) {
            None => Ok(Box::new(Cursor::new(start).chain(stream))),
            Some(Some(file)) => Ok(Box::new(File::open(file)?)),
            Some(None) => Err(io::Error::other(missing_lfs_object(path.as_str()).message)),
        }
    }
}

/// libgit2 can stream loose objects only; one in a pack is read whole.
fn open_blob<'a>(odb: &'a Odb<'_>, id: Oid) -> io::Result<Box<dyn Read + 'a>> {
    let missing = |error: git2::Error| io::Error::new(io::ErrorKind::NotFound, error.message().to_owned());
    let (size, _) = odb.read_header(id).map_err(missing)?;
    if size >= STREAMED_FROM
        && let Ok((reader, _, _)) = odb.reader(id)
    {
        return Ok(Box::new(reader.take(size as u64)));
    }
    let object = odb.read(id).map_err(missing)?;
    Ok(Box::new(Cursor::new(object.data().to_vec())))
}

/// A path of the repository as one of the project's folder; `None` where it lies elsewhere.
pub(super) fn inside<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}
