//! What the fake GitHub tells of commits and files, read by git from the repository behind it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answers::not_found;
use super::routes::{Known, Request};
use super::state::State;
use crate::repository::git_in;

/// The most files and commits that GitHub tells of a comparison at once.
const MOST_FILES: usize = 300;
const MOST_COMMITS: usize = 250;

impl State {
    /// `BASE...HEAD`: what the head has beyond their common ancestor. Files are on the first page alone, and no more than 300
    /// of them; pages are of commits.
    pub(super) fn compare(&self, range: &str, request: &Request) -> Known {
        let ends = range.split_once("...").and_then(|(base, head)| Some((self.commit(base)?, self.commit(head)?)));
        let Some((base, head)) = ends else { return not_found() };
        let Some(merge_base) = self.text(&["merge-base", &base, &head]) else { return not_found() };
        let count = |range: String| self.text(&["rev-list", "--count", &range]).and_then(|text| text.parse().ok());
        let ahead: usize = count(format!("{base}..{head}")).unwrap_or_default();
        let behind: usize = count(format!("{head}..{base}")).unwrap_or_default();
        let status = match (ahead, behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            _ => "diverged",
        };
        let number = |name: &str| request.query(name).and_then(|text| text.parse::<usize>().ok());
        let (size, page) = (number("per_page"), number("page").unwrap_or(1).max(1));
        let size = size.map_or(MOST_COMMITS, |size| size.clamp(1, 100));
        let commits = self.text(&["rev-list", "--reverse", &format!("{base}..{head}")]).unwrap_or_default();
        let commits = commits.lines().skip((page - 1) * size).take(size).map(|sha| json!({ "sha": sha }));
        let mut known = json!({
            "base_commit": { "sha": base },
            "merge_base_commit": { "sha": merge_base },
            "status": status,
            "ahead_by": ahead,
            "behind_by": behind,
            "total_commits": ahead,
            "commits": commits.collect::<Vec<_>>(),
        });
        if page == 1 {
            known["files"] = self.files_between(&merge_base, &head).into_iter().take(MOST_FILES).collect();
        }
        (200, known)
    }

    /// A file's content.
    pub(super) fn blob(&self, id: &str) -> Known {
        match self.run(&["cat-file", "blob", id]) {
            None => not_found(),
            Some(content) => {
                // GitHub breaks the lines.
                let text = STANDARD.encode(&content);
                let lines: Vec<&str> =
                    text.as_bytes().chunks(60).filter_map(|line| std::str::from_utf8(line).ok()).collect();
                let text = lines.join("\n") + "\n";
                (200, json!({ "sha": id, "size": content.len(), "encoding": "base64", "content": text }))
            }
        }
    }

    fn files_between(&self, base: &str, head: &str) -> Vec<Value> {
        let arguments = ["diff", "--raw", "-z", "--no-abbrev", "--find-renames", base, head];
        let listed = self.text(&arguments).unwrap_or_default();
        // `:100644 100644 OLD NEW M`, the path, and of a renamed file its new path.
        let mut parts = listed.split('\0').filter(|part| !part.is_empty());
        let mut files = Vec::new();
        while let Some(fields) = parts.next() {
            let fields: Vec<&str> = fields.split(' ').collect();
            let path = parts.next().expect("a path");
            let file = |status: &str, path: &str, sha: &str| json!({ "filename": path, "status": status, "sha": sha });
            files.push(match &fields[4][..1] {
                "A" => file("added", path, fields[3]),
                "D" => file("removed", path, fields[2]),
                "R" => {
                    let mut renamed = file("renamed", parts.next().expect("the new path"), fields[3]);
                    renamed["previous_filename"] = json!(path);
                    renamed
                }
                "T" => file("changed", path, fields[3]),
                _ => file("modified", path, fields[3]),
            });
        }
        files
    }

    fn commit(&self, name: &str) -> Option<String> {
        self.text(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
    }

    fn text(&self, arguments: &[&str]) -> Option<String> {
        Some(String::from_utf8_lossy(&self.run(arguments)?).trim().to_owned())
    }

    fn run(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let output = git_in(self.git.as_ref()?).args(arguments).output().expect("git is installed");
        output.status.success().then_some(output.stdout)
    }
}
