//! Audits as a project states them: what a model asks for, and what the project's own audits are with the call's arguments in
//! place. What they count is `crate::audit`'s.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::FilePath;
use crate::sql::Query;

/// An audit that a model asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCall {
    /// The audit's name, lower case.
    pub name: String,
    /// Its arguments: name and expression as written.
    pub arguments: BTreeMap<String, String>,
}

/// What a failure of an audit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The rows are not shown to anybody.
    Blocking,
    /// It is told.
    Told,
    /// Nobody looks: the audit is skipped.
    Skipped,
}

/// An audit of the project's own, as one call has it.
#[derive(Clone, Debug)]
pub struct OwnAudit {
    /// The file that it is written in.
    pub path: FilePath,
    /// What a failure does, unless the call says otherwise.
    pub weight: Weight,
    /// The query whose rows are the failures, arguments in place.
    pub query: Query,
}

/// An audit that belongs to no model.
#[derive(Clone, Debug)]
pub struct StandaloneAudit {
    /// Its name, lower case.
    pub name: String,
    /// What it is.
    pub audit: OwnAudit,
}

impl fmt::Display for AuditCall {
    /// As a model would write it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<String> = self.arguments.iter().map(|(name, value)| format!("{name} := {value}")).collect();
        write!(formatter, "{}({})", self.name, arguments.join(", "))
    }
}

impl Weight {
    /// The word for people and scripts.
    pub fn text(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Told => "told",
            Self::Skipped => "skipped",
        }
    }
}
