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
use super::read::{Found, Reader};
use super::{Git, GitError};
use crate::files::{Entry, FileTree};
use crate::ids::{FilePath, TreeId};
use crate::problem::Problem;

/// More files than any project has, fewer than a tree made to exhaust memory.
pub(super) const FILE_LIMIT: usize = 1_000_000;
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
    pub(super) entries: BTreeMap<FilePath, Entry>,
    /// Of the files whose content is not the very blob that their entry names, or that have another path than it: where
    /// it lies.
    pub(super) contents: BTreeMap<FilePath, Content>,
    /// What the listings of like trees may be made from.
    pub(super) shape: Shape,
}

/// Whether a listing is nothing but what stands in the tree's own folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// Links were followed, or something beside the tree was looked at.
    #[default]
    Other,
    /// It is, from this tree object on.
    Plain {
        /// The tree object of the project's folder.
        root: Oid,
    },
}

impl Listing {
    /// A path with where its content lies; `None` where nothing stands there.
    pub(super) fn found(&self, path: &str) -> Option<Found> {
        let entry = self.entries.get(path)?.clone();
        let content = self.contents.get(path).cloned().or_else(|| Content::of(path, &entry));
        Some((entry, content))
    }

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

impl Content {
    /// Where the content of a file lies that is a blob of its own.
    fn of(path: &str, entry: &Entry) -> Option<Self> {
        let Entry::File { blob } = entry else { return None };
        let id = Oid::from_str(blob.as_str()).ok()?;
        Some(if is_source(path) { Self::Source(id) } else { Self::Blob(id) })
    }
}

/// A model that is kept in LFS is found out when it is read: asking for the size of every blob would take as long as all
/// the rest of a plan.
pub(super) fn is_source(path: &str) -> bool {
    path.ends_with(".sql")
}

/// One tree object at its place: what stands in it, before links are followed.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) files: Vec<(FilePath, Found)>,
    links: Vec<(String, Oid)>,
    /// Its subfolders, each with what its paths begin with.
    pub(super) folders: Vec<(String, Oid)>,
}

impl Folder {
    /// Whether everything in it is in git, and is what it is wherever it stands.
    pub(super) fn is_plain(&self) -> bool {
        self.links.is_empty() && self.files.iter().all(|(_, found)| matches!(found, (Entry::File { .. }, None)))
    }
}

/// The folders that were read before: two trees share nearly all of theirs.
pub(super) type Folders = Mutex<BTreeMap<(Oid, String), Arc<Folder>>>;

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
        let reader =
            Reader { odb: &odb, store: store.clone(), local: source.local.as_deref(), folder, blobs: self.blobs };
        let is_like = |other: &str, listing: &Listing| other == folder && listing.shape != Shape::Other;
        let like = known().iter().find(|((_, other), listing)| is_like(other, listing)).map(|(_, like)| like.clone());
        let listing = Arc::new(match self.subtree(root, folder)? {
            Some(tree) => {
                let like = like.filter(|_| is_stored);
                let patched = like.map(|like| self.patched(&like, tree, &reader)).transpose()?.flatten();
                patched.map_or_else(|| self.list(tree, &reader), Ok)?
            }
            None => reader.listing(Vec::new(), Vec::new()),
        });
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

    fn list(&self, tree: Oid, reader: &Reader<'_>) -> Result<Listing, GitError> {
        let (mut files, mut links) = (Vec::new(), Vec::new());
        let mut shape = Shape::Plain { root: tree };
        let mut pending = vec![(String::new(), tree)];
        let mut left = FILE_LIMIT;
        while let Some(place) = pending.pop() {
            let folder = self.folder(place, reader, left)?;
            if !folder.is_plain() || reader.local.is_some() {
                shape = Shape::Other;
            }
            left = left.saturating_sub(folder.files.len() + folder.links.len() + folder.folders.len());
            files.extend(folder.files.iter().cloned());
            links.extend(folder.links.iter().cloned());
            pending.extend(folder.folders.iter().cloned());
        }
        Ok(Listing { shape, ..reader.listing(files, links) })
    }

    /// One tree object, from memory where it was read for another tree. A working tree has content of its own.
    pub(super) fn folder(
        &self,
        (prefix, id): (String, Oid),
        reader: &Reader<'_>,
        left: usize,
    ) -> Result<Arc<Folder>, GitError> {
        if reader.local.is_some() {
            return self.read_folder(&prefix, id, reader, left).map(Arc::new);
        }
        let known = || self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (id, prefix);
        if let Some(folder) = known().get(&key) {
            return Ok(folder.clone());
        }
        let folder = Arc::new(self.read_folder(&key.1, id, reader, left)?);
        // What is not in git may come and go.
        if folder.files.iter().all(|(_, found)| matches!(found, (Entry::File { .. }, None))) {
            known().insert(key, folder.clone());
        }
        Ok(folder)
    }

    fn read_folder(&self, prefix: &str, id: Oid, reader: &Reader<'_>, left: usize) -> Result<Folder, GitError> {
        let tree = self.tree_object(id)?;
        if tree.len() > left {
            return Err(GitError::TooManyFiles { folder: reader.folder.to_owned(), limit: FILE_LIMIT });
        }
        let mut read = Folder::default();
        let mut path = prefix.to_owned();
        for entry in &tree {
            path.truncate(prefix.len());
            let Ok(name) = entry.name() else {
                path.push_str(&shown(entry.name_bytes()));
                read.files.push(reader.not_utf8(&path));
                continue;
            };
            path.push_str(name);
            match entry.filemode_raw() {
                FOLDER => read.folders.push((format!("{path}/"), entry.id())),
                LINK => read.links.push((path.clone(), entry.id())),
                SUBMODULE => read.files.push(reader.submodule(&path)),
                _ => read.files.push(reader.file(&path, entry.id())),
            }
        }
        Ok(read)
    }
}

impl FileTree for GitTree<'_> {
    fn entries(&self) -> &BTreeMap<FilePath, Entry> {
        &self.listing.entries
    }

    fn open(&self, path: &FilePath) -> io::Result<Box<dyn Read + '_>> {
        match self.listing.found(path.as_str()).and_then(|(_, content)| content) {
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("`{path}` has no content in this tree"))),
            Some(Content::File(file)) => Ok(Box::new(File::open(file)?)),
            Some(Content::Blob(id)) => open_blob(&self.odb, id),
            Some(Content::Source(id)) => self.open_source(path, id),
        }
    }
}

impl GitTree<'_> {
    /// Whether each file is the blob at its own path: no link was followed, and nothing beside the tree was looked at.
    pub fn is_plain(&self) -> bool {
        self.listing.shape != Shape::Other
    }

    fn open_source(&self, path: &FilePath, id: Oid) -> io::Result<Box<dyn Read + '_>> {
        let mut stream = open_blob(&self.odb, id)?;
        let mut start = Vec::new();
        stream.by_ref().take(POINTER_LIMIT as u64).read_to_end(&mut start)?;
        let pointer = if start.len() < POINTER_LIMIT { Pointer::parse(&start) } else { None };
        match pointer.map(|pointer| self.store.find(&pointer)) {
            None => Ok(Box::new(Cursor::new(start).chain(stream))),
            Some(Some(file)) => Ok(Box::new(File::open(file)?)),
            Some(None) => Err(io::Error::other(missing_lfs_object(path.as_str()))),
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
