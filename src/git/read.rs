//! From the raw paths of a tree to entries: LFS pointers become their objects, links what they lead to.
//!
//! This module never invents content: whatever cannot be read is an entry with its problem.

use std::collections::BTreeMap;
use std::path::PathBuf;

use git2::{Odb, Oid};

use super::lfs::{POINTER_LIMIT, Pointer, Store};
use super::links::{Astray, follow};
use super::problems::{
    broken_link, gone_astray, missing_blob, missing_lfs_object, nested_link, not_utf8, submodule, too_many_links,
};
use super::tree::{Content, Local, Raw, inside};
use crate::files::Entry;
use crate::ids::{BlobId, FilePath};
use crate::problem::Problem;

/// All files that links to folders may add.
const LINKED_LIMIT: usize = 100_000;
/// The kernel's limit for a path.
const LINK_TEXT_LIMIT: usize = 4096;

/// An entry and where its content lies.
pub(super) type Found = (Entry, Option<Content>);

/// Reads the entries of one project folder.
pub(super) struct Reader<'a> {
    pub(super) odb: &'a Odb<'a>,
    pub(super) store: Store,
    pub(super) local: Option<&'a Local>,
    pub(super) folder: &'a str,
}

impl Reader<'_> {
    /// The entries, and the contents of those that have one.
    pub(super) fn read(&self, raw: BTreeMap<String, Raw>) -> (BTreeMap<FilePath, Entry>, BTreeMap<FilePath, Content>) {
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
        // A model that is kept in LFS is found out when it is read: asking for the size of every blob would take as long as
        // all the rest of a plan.
        if path.ends_with(".sql") {
            return match self.odb.exists(id) {
                true => (entry(id.to_string()), Some(Content::Source(id))),
                false => unreadable(missing_blob(path)),
            };
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
        match found.get(&target) {
            Some(file) => drop(linked.insert(link.clone(), pointed_at(file, link))),
            None => add_linked_folder(found, links, link, &target, &mut linked),
        }
    }
    found.extend(linked);
}

/// All files below a link to a folder; of the links in there those that lead to a file.
fn add_linked_folder(
    found: &BTreeMap<String, Found>,
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
    for (path, file) in found.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
        files.push((format!("{link}/{}", &path[below.len()..]), Some(file)));
    }
    for (inner, _) in links.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
        let file = follow(links, inner).ok().and_then(|target| found.get(&target));
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
fn pointed_at(file: &Found, path: &str) -> Found {
    match file {
        (Entry::Unreadable(problem), _) => unreadable(problem.clone().at(&FilePath::new(path))),
        readable => readable.clone(),
    }
}

fn unreadable(problem: Problem) -> Found {
    (Entry::Unreadable(problem), None)
}
