//! Folders of the project that cannot be looked into: submodules, and links that lead nowhere we go.

use super::loader::{Listed, Loader};
use crate::files::Entry;

/// Folders whose files are the project's.
const FOLDERS: [&str; 4] = ["audits", "external_models", "macros", "models"];

impl Loader<'_> {
    /// What could be a folder of models and cannot be looked into: without a word its models would seem to be gone.
    pub(super) fn folders(&mut self, files: &[Listed<'_>]) {
        let is_ours = |path: &str| FOLDERS.contains(&path.split('/').next().unwrap_or_default());
        for (path, entry) in files.iter().filter(|(path, _)| is_ours(path.as_str())) {
            let Entry::Unreadable(problem) = entry else { continue };
            let name = path.as_str().rsplit('/').next().unwrap_or_default();
            if problem.code == "submodule" || !name.contains('.') {
                self.problems.push(problem.clone());
            }
        }
    }
}
