//! The problems of single files, in one place so that they read alike.
//!
//! This module never decides whether a file has one.

use super::error::shown;
use super::links::Astray;
use crate::ids::FilePath;
use crate::problem::Problem;

pub(super) fn missing_lfs_object(path: &str) -> Problem {
    Problem::error("lfs-object-missing", format!("the content of `{path}` is in Git LFS and not in this clone"))
        .at(&FilePath::new(path))
        .help("run `git lfs pull` (in GitHub's checkout action: `lfs: true`)")
}

pub(super) fn missing_blob(path: &str) -> Problem {
    Problem::error("blob-missing", format!("the content of `{path}` is not in this clone"))
        .at(&FilePath::new(path))
        .help("use a full clone, without `--filter`")
}

pub(super) fn submodule(path: &str) -> Problem {
    Problem::error("submodule", format!("`{path}` is a git submodule, whose files are in another repository"))
        .at(&FilePath::new(path))
        .help("keep the project's files in this repository")
}

pub(super) fn not_utf8(path: &str) -> Problem {
    Problem::error("path-not-utf8", format!("the name `{path}` is not valid UTF-8"))
        .at(&FilePath::new(path))
        .help("rename the file")
}

pub(super) fn gone_astray(path: &str, astray: Astray) -> Problem {
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

pub(super) fn broken_link(path: &str, target: &str) -> Problem {
    Problem::error("link-broken", format!("`{path}` is a link to `{}`, which is not there", shown(target.as_bytes())))
        .at(&FilePath::new(path))
        .help("link to a file that is committed")
}

pub(super) fn nested_link(path: &str) -> Problem {
    Problem::error("link-broken", format!("`{path}` is a link inside a linked folder, and leads to no file"))
        .at(&FilePath::new(path))
        .help("link to the file itself")
}

pub(super) fn too_many_links(path: &str) -> Problem {
    Problem::error("link-loop", format!("`{path}` is a link to a folder, one of too many: they repeat too many files"))
        .at(&FilePath::new(path))
        .help("link to the files that are needed")
}

/// Content that only a program named in the configuration could turn into what git stores.
pub(super) fn external_filter(path: &str, what: &str) -> Problem {
    let path = shown(path.as_bytes());
    Problem::error(
        "external-filter",
        format!("`{path}` has changes that git stores through {what}, which is not applied here"),
    )
    .help("commit the file, or leave out `--worktree`")
}

pub(super) fn file_unreadable(path: &str, reason: &str) -> Problem {
    Problem::error("file-unreadable", format!("`{}` cannot be read: {reason}", shown(path.as_bytes())))
        .help("`git add` must be able to take it, or leave out `--worktree`")
}
