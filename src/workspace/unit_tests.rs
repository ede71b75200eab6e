//! The project as it lies in the working tree, which is what somebody tests who edits it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Side, Workspace, git_error};
use crate::connect;
use crate::engine::{Engine, OpenMode};
use crate::error::CommandError;
use crate::git::{Mode, Request, TreeSource};
use crate::project::scan_with_variables;
use crate::settings::Settings;
use crate::sql::Dialect;
use crate::yaml::Value;

impl Workspace<'_> {
    /// The working tree as it is, uncommitted edits included.
    ///
    /// # Errors
    /// Nothing is committed yet, or git cannot read it.
    pub fn working_tree(&self) -> Result<TreeSource, CommandError> {
        // Merged into the very commit that it stands on, the working tree is itself.
        let request = Request {
            base: Some("HEAD"),
            base_branch: None,
            head: None,
            mode: Mode::Worktree,
            project_folder: &self.folder,
        };
        self.git.three_trees(&request).map(|trees| trees.result).map_err(git_error)
    }

    /// A database in memory for one unit test of a gateway, that in use for `None`, of a model of this dialect.
    ///
    /// # Errors
    /// There is no such gateway, or its `test_connection` is no DuckDB.
    pub fn test_engine(
        &self,
        settings: &Settings,
        gateway: Option<&str>,
        dialect: Dialect,
    ) -> Result<Box<dyn Engine>, CommandError> {
        let connection = match gateway.or(self.gateway(settings)) {
            Some(name) => {
                let refused = |error| CommandError::no("no gateway to test for").because(error);
                settings.known_gateway(name).map_err(refused)?.test_connection.as_ref()
            }
            None => None,
        };
        connect::test_engine(connection, dialect, &self.opening(settings, OpenMode::ReadWrite, Duration::ZERO))
    }

    /// A database in memory that is asked what models hold: like one for tests of the gateway in use, where that has one.
    ///
    /// # Errors
    /// The configuration says too little.
    pub fn shapes_engine(&self, settings: &Settings) -> Result<Box<dyn Engine>, CommandError> {
        let opening = self.opening(settings, OpenMode::ReadWrite, Duration::ZERO);
        let dialect = Dialect::DuckDb;
        self.test_engine(settings, None, dialect).or_else(|_| connect::test_engine(None, dialect, &opening))
    }

    /// Loads and fingerprints a tree with variables that win over those of its configuration, names in lower case.
    ///
    /// # Errors
    /// As [`Workspace::side`].
    pub fn side_with_variables(
        &self,
        source: &TreeSource,
        variables: &BTreeMap<String, Value>,
    ) -> Result<Side, CommandError> {
        let files = self.files(source)?;
        let loaded = scan_with_variables(&files, &self.surroundings(), variables);
        let (tree, project, problems) = self.examined(loaded, &files, None, None);
        Ok(Side { tree, project, problems, source: source.clone() })
    }
}
