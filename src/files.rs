//! A project's files as text, whatever they come from: a git tree, a working tree or a test's table.
//!
//! This module never opens anything itself; `git` implements the trait.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::ids::{BlobId, FilePath};
use crate::problem::Problem;

/// The files below a project's folder, as git stores them.
pub trait FileTree: Sync {
    /// Every file with the id of its content, or why it has none (LFS pointer, submodule, link out of the project).
    fn entries(&self) -> &BTreeMap<FilePath, Entry>;

    /// Opens a file's content as a stream.
    ///
    /// # Errors
    /// The file is not there, is no [`Entry::File`], or cannot be read.
    fn open(&self, path: &FilePath) -> io::Result<Box<dyn Read + '_>>;

    /// Reads a whole text file, as [`as_python_reads`] has it.
    ///
    /// # Errors
    /// As [`FileTree::open`]; also where it is not UTF-8.
    fn text(&self, path: &FilePath) -> io::Result<String> {
        let mut text = String::new();
        self.open(path)?.read_to_string(&mut text)?;
        Ok(as_python_reads(text))
    }
}

/// A text without the mark that some editors put before it, and with `\n` for each kind of line break, as SQLMesh has it.
pub fn as_python_reads(text: String) -> String {
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// One path of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File {
        /// The id of its content; equal content has an equal id in every tree.
        blob: BlobId,
    },
    /// Something that is not content, with the problem to show if the project needs it.
    Unreadable(Problem),
}

/// What some paths hold in another tree than the one at hand: a file, or nothing any more.
pub type Edits = BTreeMap<FilePath, Option<NewFile>>;

/// A file's content, with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// The id, as git has it.
    pub blob: BlobId,
    /// The content.
    pub content: Vec<u8>,
}

/// A tree with edits laid over it.
pub struct Overlaid<'a> {
    below: &'a dyn FileTree,
    edits: &'a Edits,
    entries: BTreeMap<FilePath, Entry>,
}

impl<'a> Overlaid<'a> {
    /// Lays edits over a tree.
    pub fn new(below: &'a dyn FileTree, edits: &'a Edits) -> Self {
        let mut entries = below.entries().clone();
        for (path, edit) in edits {
            match edit {
                Some(NewFile { blob, .. }) => drop(entries.insert(path.clone(), Entry::File { blob: blob.clone() })),
                None => drop(entries.remove(path)),
            }
        }
        Self { below, edits, entries }
    }
}

impl FileTree for Overlaid<'_> {
    fn entries(&self) -> &BTreeMap<FilePath, Entry> {
        &self.entries
    }

    fn open(&self, path: &FilePath) -> io::Result<Box<dyn Read + '_>> {
        match self.edits.get(path) {
            None => self.below.open(path),
            Some(Some(file)) => Ok(Box::new(file.content.as_slice())),
            Some(None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// A tree made of texts, for tests and for `bot init`.
#[derive(Clone, Debug, Default)]
pub struct TextTree {
    entries: BTreeMap<FilePath, Entry>,
    texts: BTreeMap<FilePath, String>,
}

impl TextTree {
    /// Reads a literal in which a line `//- path` begins each file.
    pub fn parse(fixture: &str) -> Self {
        let mut files: Vec<(String, String)> = Vec::new();
        for line in fixture.lines() {
            match (line.strip_prefix("//- "), files.last_mut()) {
                (Some(path), _) => files.push((path.trim().to_owned(), String::new())),
                (None, Some((_, text))) => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, None) => {}
            }
        }
        files.into_iter().collect()
    }
}

impl FromIterator<(String, String)> for TextTree {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(files: I) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let blob = BlobId::new(crate::hash::Digest::of("text-tree", &text).to_string());
            tree.entries.insert(FilePath::new(path.clone()), Entry::File { blob });
            tree.texts.insert(FilePath::new(path), text);
        }
        tree
    }
}

impl FileTree for TextTree {
    fn entries(&self) -> &BTreeMap<FilePath, Entry> {
        &self.entries
    }

    fn open(&self, path: &FilePath) -> io::Result<Box<dyn Read + '_>> {
        let text = self.texts.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(text.as_bytes()))
    }
}
