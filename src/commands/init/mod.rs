//! `bot init`: a small project to start from. Nothing is overwritten.

mod files;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::InitArguments;
use crate::context::Context;
use crate::error::{CommandError, CommandResult, Exit};
use crate::render::visible;

/// Writes what is missing and tells of each file whether it was created, extended or kept.
///
/// # Errors
/// A file cannot be written.
pub(super) fn run(context: &Context<'_>, arguments: &InitArguments) -> CommandResult {
    let folder = match &arguments.folder {
        Some(folder) => context.surroundings.resolve(folder),
        None => context.project_folder(),
    };
    let told = |path: &str, done: Done| context.output.data(&format!("{:<8} {}\n", done.text(), visible(path)));
    let failed = |path: &str| {
        let path = folder.join(path);
        move |error: io::Error| CommandError::failed(format!("cannot write `{}`", path.display())).because(error)
    };
    for (path, content) in files::FILES {
        told(path, create(&folder, path, content).map_err(failed(path))?);
    }
    told(".gitignore", extend(&folder.join(".gitignore"), files::IGNORED).map_err(failed(".gitignore"))?);
    context.output.talk("Next: commit the files, then `bot plan` shows what `bot promote` would build.");
    Ok(Exit::Done)
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Created,
    Extended,
    Kept,
}

impl Done {
    fn text(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Extended => "extended",
            Self::Kept => "kept",
        }
    }
}

fn create(folder: &Path, path: &str, content: &str) -> io::Result<Done> {
    if is_spelt_otherwise(folder, path) {
        return Ok(Done::Kept);
    }
    let path = folder.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // `create_new` also refuses a dangling link, so nothing outside the project is ever written through one.
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(content.as_bytes()).map(|()| Done::Created),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Done::Kept),
        Err(error) => Err(error),
    }
}

/// A project that has `config.yml` must not get a second configuration beside it.
fn is_spelt_otherwise(folder: &Path, path: &str) -> bool {
    path.strip_suffix(".yaml").is_some_and(|stem| fs::symlink_metadata(folder.join(format!("{stem}.yml"))).is_ok())
}

/// Appends the lines that are not there yet.
fn extend(path: &Path, lines: &str) -> io::Result<Done> {
    let present = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fs::write(path, lines).map(|()| Done::Created);
        }
        Err(error) => return Err(error),
    };
    let missing: Vec<_> = lines.lines().filter(|line| !present.lines().any(|known| known.trim() == *line)).collect();
    if missing.is_empty() {
        return Ok(Done::Kept);
    }
    let gap = if present.is_empty() || present.ends_with('\n') { "" } else { "\n" };
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(format!("{gap}{}\n", missing.join("\n")).as_bytes())?;
    Ok(Done::Extended)
}
