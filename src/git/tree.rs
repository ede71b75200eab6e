//! A project's files out of a git tree: content ids as git stores them, and why a path has none.
//!
//! This module never leaves the project's folder: a link out of it, a submodule and a missing LFS object are problems,
//! never content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{Odb, Oid};

use super::error::shown;
use super::lfs::{POINTER_LIMIT, Pointer, Store};
use super::links::{Astray, follow};
use super::{Git, GitError};
use crate::files::{Entry, FileTree};
use crate::ids::{BlobId, FilePath, TreeId};
use crate::problem::Problem;

/// More files than any project has, fewer than a tree made to exhaust memory.
const FILE_LIMIT: usize = 1_000_000;
/// All files that links to folders may add.
const LINKED_LIMIT: usize = 100_000;
/// The kernel's limit for a path.
const LINK_TEXT_LIMIT: usize = 4096;
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
    entries: BTreeMap<FilePath, Entry>,
    contents: BTreeMap<FilePath, Content>,
}

#[derive(Clone, Debug)]
enum Content {
    Blob(Oid),
    File(PathBuf),
}

/// A path as the tree has it, before links are followed.
enum Raw {
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
        let root = self.oid(source.id.as_str())?;
        let raw = match self.subtree(root, folder)? {
            Some(tree) => self.walk(tree, folder)?,
            None => BTreeMap::new(),
        };
        let reader = Reader { odb: &odb, store: Store::of(&self.repository), local: source.local.as_deref(), folder };
        let (entries, contents) = reader.read(raw);
        Ok(GitTree { odb, entries, contents })
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
        &self.entries
    }

    fn open(&self, path: &FilePath) -> io::Result<Box<dyn Read + '_>> {
        match self.contents.get(path) {
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("`{path}` has no content in this tree"))),
            Some(Content::File(file)) => Ok(Box::new(File::open(file)?)),
            Some(Content::Blob(id)) => open_blob(&self.odb, *id),
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

type Found = (Entry, Option<Content>);

struct Reader<'a> {
    odb: &'a Odb<'a>,
    store: Store,
    local: Option<&'a Local>,
    folder: &'a str,
}

impl Reader<'_> {
    fn read(&self, raw: BTreeMap<String, Raw>) -> (BTreeMap<FilePath, Entry>, BTreeMap<FilePath, Content>) {
        let (mut found, mut links) = (BTreeMap::new(), BTreeMap::new());
        for (path, raw) in raw {
            let here = match raw {
                Raw::File(id) => self.file(&path, id),
                Raw::Submodule => unreadable(submodule(&path)),
                Raw::NotUtf8 => unreadable(not_utf8(&path)),
                Raw::Link(id) => match self.link_text(id) {
                    Ok(text) => {
                        links.insert(path, text);
                        continue;
                    }
                    Err(problem) => unreadable(problem.at(&FilePath::new(path.clone()))),
                },
            };
            found.insert(path, here);
        }
        self.add_local_problems(&mut found);
        add_links(&mut found, &links);
        let mut entries = BTreeMap::new();
        let mut contents = BTreeMap::new();
        for (path, (entry, content)) in found {
            let path = FilePath::new(path);
            if let Some(content) = content {
                contents.insert(path.clone(), content);
            }
            entries.insert(path, entry);
        }
        (entries, contents)
    }

    fn file(&self, path: &str, id: Oid) -> Found {
        let entry = |blob: String| Entry::File { blob: BlobId::new(blob) };
        if let Some(file) = self.local.and_then(|local| local.heavy.get(&id)) {
            return (entry(id.to_string()), Some(Content::File(file.clone())));
        }
        match self.pointer(id) {
            Err(_) => unreadable(missing_blob(path)),
            Ok(None) => (entry(id.to_string()), Some(Content::Blob(id))),
            Ok(Some(pointer)) => match self.store.find(&pointer).or_else(|| self.smudged(path, &pointer)) {
                Some(file) => (entry(pointer.oid.to_string()), Some(Content::File(file))),
                None => unreadable(missing_lfs_object(path)),
            },
        }
    }

    fn pointer(&self, id: Oid) -> Result<Option<Pointer>, git2::Error> {
        let (size, _) = self.odb.read_header(id)?;
        if size >= POINTER_LIMIT || size == 0 {
            return Ok(None);
        }
        Ok(Pointer::parse(self.odb.read(id)?.data()))
    }

    /// The working tree's own copy of an LFS object that the store has not.
    fn smudged(&self, path: &str, pointer: &Pointer) -> Option<PathBuf> {
        let file = self.local?.root.join(self.folder).join(path);
        pointer.is_content_of(&file).then_some(file)
    }

    fn link_text(&self, id: Oid) -> Result<String, Problem> {
        let unreadable = || Problem::error("link-outside-project", "this symbolic link leads to no readable path");
        let object = self.odb.read(id).map_err(|_| missing_blob("this symbolic link"))?;
        let text = object.data();
        if text.len() > LINK_TEXT_LIMIT {
            return Err(unreadable());
        }
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| unreadable())
    }

    fn add_local_problems(&self, found: &mut BTreeMap<String, Found>) {
        for (path, problem) in self.local.iter().flat_map(|local| &local.problems) {
            let Some(inside) = inside(self.folder, path) else { continue };
            let problem = problem.clone().at(&FilePath::new(inside));
            found.insert(inside.to_owned(), unreadable(problem));
        }
    }
}

fn add_links(found: &mut BTreeMap<String, Found>, links: &BTreeMap<String, String>) {
    let mut linked: BTreeMap<String, Found> = BTreeMap::new();
    for link in links.keys() {
        let target = match follow(links, link) {
            Ok(target) => target,
            Err(astray) => {
                linked.insert(link.clone(), unreadable(gone_astray(link, astray)));
                continue;
            }
        };
        if let Some(file) = found.get(&target) {
            linked.insert(link.clone(), pointed_at(file, link));
            continue;
        }
        let below = if target.is_empty() { String::new() } else { format!("{target}/") };
        if link.starts_with(&below) {
            linked.insert(link.clone(), unreadable(gone_astray(link, Astray::Loop)));
            continue;
        }
        let files = found.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        let room = LINKED_LIMIT.saturating_sub(linked.len());
        let files: Vec<(String, Found)> = files
            .take(room)
            .map(|(path, file)| (format!("{link}/{}", &path[below.len()..]), file))
            .map(|(path, file)| (path.clone(), pointed_at(file, &path)))
            .collect();
        if files.is_empty() {
            linked.insert(link.clone(), unreadable(broken_link(link, &target)));
        }
        linked.extend(files);
        // Links inside a linked folder: a file they lead to is followed, a further folder is not.
        for inner in links.keys().filter(|inner| inner.starts_with(&below)) {
            let path = format!("{link}/{}", &inner[below.len()..]);
            let file = follow(links, inner).ok().and_then(|target| found.get(&target));
            let here = file.map_or_else(|| unreadable(nested_link(&path)), |file| pointed_at(file, &path));
            linked.insert(path, here);
        }
    }
    found.extend(linked);
}

/// The same content under a link's name.
fn pointed_at(file: &Found, path: &str) -> Found {
    match file {
        (Entry::Unreadable(problem), _) => unreadable(problem.clone().at(&FilePath::new(path))),
        readable => readable.clone(),
    }
}

/// A path of the repository as one of the project's folder; `None` where it lies elsewhere.
pub(super) fn inside<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

fn unreadable(problem: Problem) -> Found {
    (Entry::Unreadable(problem), None)
}

fn missing_lfs_object(path: &str) -> Problem {
    Problem::error("lfs-object-missing", format!("the content of `{path}` is in Git LFS and not in this clone"))
        .at(&FilePath::new(path))
        .help("run `git lfs pull` (in GitHub's checkout action: `lfs: true`)")
}

fn missing_blob(path: &str) -> Problem {
    Problem::error("blob-missing", format!("the content of `{path}` is not in this clone"))
        .at(&FilePath::new(path))
        .help("use a full clone, without `--filter`")
}

pub(super) fn submodule(path: &str) -> Problem {
    Problem::error("submodule", format!("`{path}` is a git submodule, whose files are in another repository"))
        .at(&FilePath::new(path))
        .help("keep the project's files in this repository")
}

fn not_utf8(path: &str) -> Problem {
    Problem::error("path-not-utf8", format!("the name `{path}` is not valid UTF-8"))
        .at(&FilePath::new(path))
        .help("rename the file")
}

fn gone_astray(path: &str, astray: Astray) -> Problem {
    let problem = match astray {
        Astray::Outside => {
            Problem::error("link-outside-project", format!("`{path}` is a link that leads out of the project's folder"))
                .help("copy the file into the project")
        }
        Astray::Loop => Problem::error("link-loop", format!("`{path}` is a link that leads back to itself"))
            .help("link to the file itself"),
    };
    problem.at(&FilePath::new(path))
}

fn broken_link(path: &str, target: &str) -> Problem {
    Problem::error("link-broken", format!("`{path}` is a link to `{}`, which is not there", shown(target.as_bytes())))
        .at(&FilePath::new(path))
        .help("link to a file that is committed")
}

fn nested_link(path: &str) -> Problem {
    Problem::error("link-broken", format!("`{path}` is a link inside a linked folder, and leads to no file"))
        .at(&FilePath::new(path))
        .help("link to the file itself")
}

/// Whether a path of the working tree is a plain file; pipes and devices are never opened.
pub(super) fn is_plain_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|file| file.is_file())
}
