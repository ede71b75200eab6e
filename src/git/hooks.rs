//! The pre-push hook as a file: where it belongs, and whose it is. The only part of `git` beside `write` that writes, and
//! only that one file and the name of the one that was there before.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Git, GitError};

/// What our hook's second line begins with.
const MARK: &str = "# offshoot:hook";
const NAME: &str = "pre-push";
/// Where the hook goes that was there before ours, which runs it first.
pub const EARLIER: &str = "pre-push.before-offshoot";

/// Where git looks for hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hooks {
    /// The folder; it may be missing.
    pub folder: PathBuf,
    /// Who says so.
    pub from: HooksFrom,
}

/// Who says where hooks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HooksFrom {
    /// Nobody: it is the repository's own folder, which all of its worktrees share.
    Repository,
    /// `core.hooksPath`, with a path from the root of the disk.
    Absolute,
    /// `core.hooksPath`, with a path from each worktree's root; a worktree without that folder has no hooks.
    EachWorktree,
}

/// What stands where the pre-push hook belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Nothing,
    /// A hook of ours.
    Ours,
    /// Somebody else's.
    Theirs,
}

impl Git {
    /// Where hooks are.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn hooks(&self) -> Result<Hooks, GitError> {
        let config = self.repository.config().map_err(|error| GitError::library("read the configuration", &error))?;
        let Ok(path) = config.get_path("core.hooksPath") else {
            return Ok(Hooks { folder: self.repository.commondir().join("hooks"), from: HooksFrom::Repository });
        };
        if path.is_absolute() {
            return Ok(Hooks { folder: path, from: HooksFrom::Absolute });
        }
        let root = self.root().unwrap_or_else(|| self.repository.path());
        Ok(Hooks { folder: root.join(path), from: HooksFrom::EachWorktree })
    }
}

impl Hooks {
    /// The pre-push hook's file.
    pub fn file(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// What stands there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn standing(&self) -> io::Result<Standing> {
        match fs::read(self.file()) {
            Ok(content) => {
                let is_mark = |line: &[u8]| line.starts_with(MARK.as_bytes());
                let is_ours = content.split(|byte| *byte == b'\n').take(2).any(is_mark);
                Ok(if is_ours { Standing::Ours } else { Standing::Theirs })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Standing::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Puts our hook there. Somebody else's gets another name, under which ours runs it.
    ///
    /// # Errors
    /// The disk refuses, or there are two hooks of somebody else's already.
    pub fn install(&self, project: &str) -> io::Result<Standing> {
        let standing = self.standing()?;
        fs::create_dir_all(&self.folder)?;
        let earlier = self.folder.join(EARLIER);
        if standing == Standing::Theirs {
            if earlier.symlink_metadata().is_ok() {
                let message = format!("`{}` is there already", earlier.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
            }
            fs::rename(self.file(), &earlier)?;
        }
        self.write(&script(project)).or_else(|error| {
            if standing == Standing::Theirs {
                fs::rename(&earlier, self.file())?;
            }
            Err(error)
        })?;
        Ok(standing)
    }

    /// Takes our hook away and puts back the one from before; leaves somebody else's alone.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn uninstall(&self) -> io::Result<Standing> {
        let standing = self.standing()?;
        if standing == Standing::Ours {
            match fs::rename(self.folder.join(EARLIER), self.file()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_file(self.file())?,
                other => other?,
            }
        }
        Ok(standing)
    }

    /// Written beside and renamed, so that no push ever meets half a hook.
    fn write(&self, text: &str) -> io::Result<()> {
        let beside = self.folder.join(format!("{NAME}.new-{}", std::process::id()));
        let written = (|| {
            let mut file = fs::File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            make_executable(&beside)?;
            fs::rename(&beside, self.file())
        })();
        written.inspect_err(|_| drop(fs::remove_file(&beside)))
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The hook's text for a project's folder, from the repository's root. Only exit 1 of `bot` stops a push: that is what the
/// person chose; anything else is the program's own trouble.
fn script(project: &str) -> String {
    let project = match project {
        "" => String::new(),
        folder => format!(" --project {}", quoted(folder)),
    };
    format!(
        r#"#!/bin/sh
{MARK} 1: written by `bot hook install`, taken away by `bot hook uninstall`.
# Git says on standard input what is pushed; the hook that was here before is told the same.
pushed=$(cat)
tell() {{ [ -z "$pushed" ] || printf '%s\n' "$pushed"; }}
status=0
earlier="$(dirname -- "$0")/{EARLIER}"
if [ -x "$earlier" ]; then
  tell | "$earlier" "$@" || status=$?
fi
if command -v bot > /dev/null 2>&1; then
  tell | bot{project} hook run -- "$@"
  [ $? -ne 1 ] || status=1
else
  echo "offshoot: bot is not on the PATH, so the push goes on without its plan" >&2
fi
exit "$status"
"#
    )
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
