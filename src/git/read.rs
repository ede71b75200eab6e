//! From the raw paths of a tree to entries: LFS pointers become their objects, links what they lead to.
//!
//! This module never invents content: whatever cannot be read is an entry with its problem.

use std::collections::BTreeMap;
use std::path::PathBuf;

use git2::{Odb, Oid};

use super::Blobs;
use super::lfs::{POINTER_LIMIT, Pointer, Store};
use super::links::{Astray, follow};
use super::problems::{
    broken_link, gone_astray, missing_blob, missing_lfs_object, nested_link, not_utf8, submodule, too_many_links,
};
use super::tree::{Content, Listing, Local, inside, is_source};
use crate::files::Entry;
use crate::ids::{BlobId, FilePath};
use crate::problem::Problem;

/// All files that links to folders may add.
const LINKED_LIMIT: usize = 100_000;
/// The kernel's limit for a path.
const LINK_TEXT_LIMIT: usize = 4096;

/// An entry, and where its content lies unless that is the very blob of the entry's path.
pub(super) type Found = (Entry, Option<Content>);

/// Reads the entries of one project folder.
pub(super) struct Reader<'a> {
    pub(super) odb: &'a Odb<'a>,
    pub(super) store: Store,
    pub(super) local: Option<&'a Local>,
    pub(super) folder: &'a str,
    pub(super) blobs: Blobs,
}

impl Reader<'_> {
    /// The entries of all paths, and where their contents lie.
    pub(super) fn listing(&self, files: Vec<(FilePath, Found)>, links: Vec<(String, Oid)>) -> Listing {
        let mut listing = Listing::default();
        let others = files.iter().filter_map(|(path, (_, content))| Some((path.clone(), content.clone()?)));
        listing.contents = others.collect();
        listing.entries = files.into_iter().map(|(path, (entry, _))| (path, entry)).collect();
        let mut texts = BTreeMap::new();
        for (path, id) in links {
            match self.link_text(id) {
                Ok(text) => drop(texts.insert(path, text)),
                Err(problem) => {
                    let path = FilePath::new(path);
                    listing.put(path.clone(), unreadable(problem.at(&path)));
                }
            }
        }
        self.add_local_problems(&mut listing);
        add_links(&mut listing, &texts);
        listing
    }

    /// A path that is no UTF-8, as it can be shown.
    pub(super) fn not_utf8(&self, path: &str) -> (FilePath, Found) {
        (FilePath::new(path), unreadable(not_utf8(path)))
    }

    /// A repository within the repository.
    pub(super) fn submodule(&self, path: &str) -> (FilePath, Found) {
        (FilePath::new(path), unreadable(submodule(path)))
    }

    /// A file, with where its content lies unless that is the very blob.
    pub(super) fn file(&self, path: &str, id: Oid) -> (FilePath, Found) {
        (FilePath::new(path), self.content(path, id))
    }

    fn content(&self, path: &str, id: Oid) -> Found {
        let entry = |blob: String| Entry::File { blob: BlobId::new(blob) };
        if let Some(file) = self.local.and_then(|local| local.heavy.get(&id)) {
            return (entry(id.to_string()), Some(Content::File(file.clone())));
        }
        if is_source(path) {
            return match self.blobs == Blobs::All || self.odb.exists(id) {
                true => (entry(id.to_string()), None),
                false => unreadable(missing_blob(path)),
            };
        }
        match self.pointer(id) {
            Err(_) => unreadable(missing_blob(path)),
            Ok(None) => (entry(id.to_string()), None),
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

    fn add_local_problems(&self, listing: &mut Listing) {
        for (path, problem) in self.local.iter().flat_map(|local| &local.problems) {
            let Some(inside) = inside(self.folder, path) else { continue };
            let path = FilePath::new(inside);
            listing.put(path.clone(), unreadable(problem.clone().at(&path)));
        }
    }
}

impl Listing {
    fn put(&mut self, path: FilePath, (entry, content): Found) {
        match content {
            Some(content) => drop(self.contents.insert(path.clone(), content)),
            None => drop(self.contents.remove(&path)),
        }
        self.entries.insert(path, entry);
    }
}

fn add_links(listing: &mut Listing, links: &BTreeMap<String, String>) {
    let mut linked: BTreeMap<String, Found> = BTreeMap::new();
    for link in links.keys() {
        let target = match follow(links, link) {
            Ok(target) => target,
            Err(astray) => {
                linked.insert(link.clone(), unreadable(gone_astray(link, astray)));
                continue;
            }
        };
        match listing.found(&target) {
            Some(file) => drop(linked.insert(link.clone(), pointed_at(file, link))),
            None => add_linked_folder(listing, links, link, &target, &mut linked),
        }
    }
    linked.into_iter().for_each(|(path, found)| listing.put(FilePath::new(path), found));
}

/// All files below a link to a folder; of the links in there those that lead to a file.
fn add_linked_folder(
    listing: &Listing,
    links: &BTreeMap<String, String>,
    link: &str,
    target: &str,
    linked: &mut BTreeMap<String, Found>,
) {
    let below = if target.is_empty() { String::new() } else { format!("{target}/") };
    if link.starts_with(&below) {
        linked.insert(link.to_owned(), unreadable(gone_astray(link, Astray::Loop)));
        return;
    }
    let mut files = Vec::new();
    let within = listing.entries.range(FilePath::new(below.as_str())..);
    for (path, _) in within.take_while(|(path, _)| path.as_str().starts_with(&below)) {
        let path = path.as_str();
        files.push((format!("{link}/{}", &path[below.len()..]), listing.found(path)));
    }
    for (inner, _) in links.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
        let file = follow(links, inner).ok().and_then(|target| listing.found(&target));
        files.push((format!("{link}/{}", &inner[below.len()..]), file));
    }
    if files.is_empty() {
        linked.insert(link.to_owned(), unreadable(broken_link(link, target)));
    } else if linked.len() + files.len() > LINKED_LIMIT {
        linked.insert(link.to_owned(), unreadable(too_many_links(link)));
    } else {
        linked.extend(files.into_iter().map(|(path, file)| {
            let here = file.map_or_else(|| unreadable(nested_link(&path)), |file| pointed_at(file, &path));
            (path, here)
        }));
    }
}

/// The same content under a link's name.
fn pointed_at(file: Found, path: &str) -> Found {
    match file {
        (Entry::Unreadable(problem), _) => unreadable(problem.at(&FilePath::new(path))),
        readable => readable,
    }
}

fn unreadable(problem: Problem) -> Found {
    (Entry::Unreadable(problem), None)
}
