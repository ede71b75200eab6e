//! Files of the project that a command writes: whole or not at all, and never outside of the project.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::workspace::Workspace;

/// What becomes of a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and nothing is written.
    Kept,
    /// It is replaced.
    Replaced,
}

/// Writes a file below the project's folder, which is made where it is not there.
///
/// # Errors
/// It is a link or a folder, a link on the way leads out of the project, it is there and is to be kept, or the system refuses.
pub(super) fn write(workspace: &Workspace<'_>, path: &Path, text: &str, existing: Existing) -> io::Result<()> {
    refuse_outside(&workspace.root, path)?;
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    match existing {
        Existing::Kept => fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes()),
        Existing::Replaced => {
            let own = workspace.random_id().map_err(|error| io::Error::other(error.to_string()))?;
            replace(path, text, &own)
        }
    }
}

fn refuse_outside(root: &Path, path: &Path) -> io::Result<()> {
    let there = path.ancestors().skip(1).find(|folder| fs::symlink_metadata(folder).is_ok());
    match there.map(Path::canonicalize).transpose()?.zip(root.canonicalize().ok()) {
        Some((folder, root)) if folder.starts_with(&root) => Ok(()),
        _ => Err(io::Error::other("a link on the way leads out of the project; make it a folder")),
    }
}

/// Writes beside the file first, so that it is whole whatever happens; a link is not written through.
fn replace(path: &Path, text: &str, own: &str) -> io::Result<()> {
    let there = fs::symlink_metadata(path).ok();
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is a link or a folder; make it a file"));
    }
    let beside = path.with_extension(format!("{own}.new"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let permissions = there.map_or(Ok(()), |there| file.set_permissions(there.permissions()));
    let written = permissions.and_then(|()| file.write_all(text.as_bytes())).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| drop(fs::remove_file(&beside)))
}
