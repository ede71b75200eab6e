//! Where a symbolic link leads within one project folder, from the texts of the links alone.
//!
//! This module never asks the file system, so a link in a git tree and one in the working tree mean the same.

use std::collections::{BTreeMap, VecDeque};

/// Far more than a project needs; the kernel's own limit is 40.
const HOPS: usize = 16;

/// Why a link leads nowhere that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// It leaves the project's folder.
    Outside,
    /// It comes back to itself, or goes on for too long.
    Loop,
}

/// Follows all links in a path; both the path and the links are relative to the project's folder.
pub(super) fn follow(links: &BTreeMap<String, String>, path: &str) -> Result<String, Astray> {
    let mut pending: VecDeque<String> = path.split('/').map(str::to_owned).collect();
    let mut reached: Vec<String> = Vec::new();
    let mut hops = 0;
    while let Some(part) = pending.pop_front() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                reached.pop().ok_or(Astray::Outside)?;
                continue;
            }
            _ => reached.push(part),
        }
        let Some(target) = links.get(&reached.join("/")) else { continue };
        hops += 1;
        if hops > HOPS {
            return Err(Astray::Loop);
        }
        if target.starts_with('/') {
            return Err(Astray::Outside);
        }
        reached.pop();
        for part in target.rsplit('/') {
            pending.push_front(part.to_owned());
        }
    }
    Ok(reached.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(link, target)| ((*link).to_owned(), (*target).to_owned())).collect()
    }

    #[test]
    fn links_are_followed_through_folders_and_other_links() {
        let links = links(&[("models/a.sql", "../shared/b.sql"), ("shared", "lib/v2"), ("lib/v2/b.sql", "c.sql")]);
        assert_eq!(follow(&links, "models/a.sql"), Ok("lib/v2/c.sql".to_owned()));
    }

    #[test]
    fn leaving_the_folder_and_circles_are_told_apart() {
        let links = links(&[("up", "../x"), ("abs", "/etc/passwd"), ("a", "b"), ("b", "a"), ("deep/up", "../../x")]);
        assert_eq!(follow(&links, "up"), Err(Astray::Outside));
        assert_eq!(follow(&links, "abs"), Err(Astray::Outside));
        assert_eq!(follow(&links, "deep/up"), Err(Astray::Outside));
        assert_eq!(follow(&links, "a"), Err(Astray::Loop));
    }

    #[test]
    fn a_long_target_does_not_make_the_walk_long() {
        let long = "x/".repeat(2000);
        let links = links(&[("l", &long)]);
        assert!(follow(&links, "l").is_ok_and(|path| path.len() > 3000));
    }
}
