//! Git LFS: pointer files and the store beside the repository where the real content lies.
//!
//! This module never downloads an object and never runs git-lfs.
//! The format: <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use git2::Repository;

use crate::hash::{Digest, sha256_of};

/// "Pointer files must be less than 1024 bytes" (the specification).
pub(super) const POINTER_LIMIT: usize = 1024;

const VERSIONS: [&str; 2] = ["version https://git-lfs.github.com/spec/v1", "version https://hawser.github.com/spec/v1"];

/// What a pointer file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    /// The SHA-256 of the content.
    pub(super) oid: Digest,
    /// Its length in bytes.
    pub(super) size: u64,
}

impl Pointer {
    /// Reads a pointer file; anything else is `None`.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        if content.len() >= POINTER_LIMIT {
            return None;
        }
        let mut lines = std::str::from_utf8(content).ok()?.lines();
        let version = lines.next()?;
        if !VERSIONS.contains(&version) {
            return None;
        }
        let (mut oid, mut size) = (None, None);
        for line in lines {
            match line.split_once(' ') {
                Some(("oid", value)) => oid = value.strip_prefix("sha256:").and_then(Digest::parse),
                Some(("size", value)) => size = value.parse().ok(),
                _ => {}
            }
        }
        Some(Self { oid: oid?, size: size? })
    }

    /// The pointer to a file's content; `None` for an empty file, which git-lfs stores as it is.
    pub(super) fn to_content_of(path: &Path) -> io::Result<Option<Self>> {
        let (oid, size) = sha256_of(&mut File::open(path)?)?;
        Ok((size > 0).then_some(Self { oid, size }))
    }

    /// The pointer file as git-lfs writes it.
    pub(super) fn text(&self) -> String {
        format!("{}\noid sha256:{}\nsize {}\n", VERSIONS[0], self.oid, self.size)
    }

    /// Whether a file holds exactly this content.
    pub(super) fn is_content_of(&self, path: &Path) -> bool {
        has_length(path, self.size) && matches!(Self::to_content_of(path), Ok(Some(found)) if found == *self)
    }
}

/// The folder of the downloaded objects.
#[derive(Clone, Debug)]
pub(super) struct Store(PathBuf);

impl Store {
    /// `lfs.storage`, else `lfs` in the git folder that all work trees share.
    pub(super) fn of(repository: &Repository) -> Self {
        let configured = repository.config().and_then(|config| config.get_path("lfs.storage"));
        let folder = configured.unwrap_or_else(|_| PathBuf::from("lfs"));
        Self(repository.commondir().join(folder).join("objects"))
    }

    /// The file with the content, where it was downloaded whole.
    pub(super) fn find(&self, pointer: &Pointer) -> Option<PathBuf> {
        let oid = pointer.oid.to_string();
        let path = self.0.join(&oid[..2]).join(&oid[2..4]).join(&oid);
        has_length(&path, pointer.size).then_some(path)
    }
}

fn has_length(path: &Path, length: u64) -> bool {
    path.symlink_metadata().is_ok_and(|file| file.is_file() && file.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_read_back_and_nothing_else_is() {
        let pointer = Pointer { oid: Digest::of("t", "x"), size: 12 };
        assert_eq!(Pointer::parse(pointer.text().as_bytes()), Some(pointer));
        assert_eq!(Pointer::parse(b"version https://git-lfs.github.com/spec/v1\noid sha256:zz\nsize 1\n"), None);
        assert_eq!(Pointer::parse(b"id,name\n1,a\n"), None);
        assert_eq!(Pointer::parse(&[b'a'; 4096]), None);
        assert_eq!(Pointer::parse(b"version https://git-lfs.github.com/spec/v1\nsize 1\n"), None);
    }
}
