//! Names and identifiers that every layer shares, each a type of its own so that none is taken for another.
//!
//! This module never reads anything: it only holds, compares and prints names.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

// Shared texts: a plan of a large project holds each path, content and name in several maps for each of its trees.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a text that is already in its canonical form.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }
    };
}

text_id! {
    /// `project` of `config.yaml`; empty where a repository is the only one of its state.
    ProjectName
}
text_id! {
    /// An environment's name: lower case ASCII letters, digits and `_`; `prod` is production.
    EnvironmentName
}
text_id! {
    /// A full git object id in hexadecimal, of a commit.
    CommitId
}
text_id! {
    /// A full git object id in hexadecimal, of a tree.
    TreeId
}
text_id! {
    /// A git object id in hexadecimal, of a file's content as git stores it.
    BlobId
}
text_id! {
    /// A full reference name such as `refs/heads/feature/x`.
    RefName
}
text_id! {
    /// The random identity of one plan of one environment; what compare-and-swap compares.
    PlanId
}
text_id! {
    /// The random identity of a state, written into each warehouse that it owns.
    StateId
}
text_id! {
    /// A path inside the git tree, relative to the project's folder, with `/` between the parts.
    FilePath
}

text_id! {
    /// A repository on GitHub as `owner/name`, as GitHub spells it.
    RepositoryName
}
text_id! {
    /// An account on GitHub, such as `ada` or `github-actions[bot]`.
    Login
}

// Numbers that GitHub gives; none is ever computed with.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.0)
            }
        }
    };
}

number_id! {
    /// The number of a pull request within its repository.
    PullRequestNumber
}
number_id! {
    /// A comment on a pull request; its own in all of GitHub.
    CommentId
}
number_id! {
    /// A check run; its own in all of GitHub.
    CheckRunId
}
number_id! {
    /// A run of a workflow; its attempts share it.
    RunId
}

impl RepositoryName {
    /// Reads `owner/name`; anything else is `None`, so that a name can stand in a path as it is.
    pub fn parse(text: &str) -> Option<Self> {
        let is_part = |part: &str| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
            is_plain && !matches!(part, "" | "." | "..") && part.len() <= 100
        };
        let (owner, name) = text.split_once('/')?;
        (is_part(owner) && is_part(name)).then(|| Self::new(text))
    }
}

impl RefName {
    /// The reference of a branch.
    pub fn of_branch(name: &str) -> Self {
        Self::new(format!("refs/heads/{name}"))
    }

    /// The branch that it names; `None` for tags, notes and pull requests.
    pub fn branch(&self) -> Option<&str> {
        self.as_str().strip_prefix("refs/heads/").filter(|name| !name.is_empty())
    }
}

impl CommitId {
    /// Reads an object id of either length in hexadecimal; all zeroes stand for no object and are `None` too.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_none = text.bytes().all(|byte| byte == b'0');
        (is_id && !is_none).then(|| Self::new(text.to_ascii_lowercase()))
    }
}

impl Default for ProjectName {
    fn default() -> Self {
        Self::new("")
    }
}

impl EnvironmentName {
    /// Production's name.
    pub const PROD: &'static str = "prod";

    /// The production environment.
    pub fn prod() -> Self {
        Self::new(Self::PROD)
    }

    /// Whether this is production.
    pub fn is_prod(&self) -> bool {
        self.as_str() == Self::PROD
    }
}

/// A model's name in canonical form: one to three parts (`[catalog.][schema.]name`), each folded as its dialect folds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName(Arc<[String]>);

impl ModelName {
    /// Builds a name from one to three parts that are already folded; anything else is `None`.
    pub fn from_parts(parts: Vec<String>) -> Option<Self> {
        let fits = (1..=3).contains(&parts.len()) && parts.iter().all(|part| !part.is_empty());
        fits.then(|| Self(parts.into()))
    }

    /// Reads `a.b.c` with optional double quotes, as `Display` prints it; no folding.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_parts(Self::parts_of(text))
    }

    /// The parts of `a.b.c` with optional double quotes, however many there are.
    pub fn parts_of(text: &str) -> Vec<String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut characters = text.chars().peekable();
        let mut quoted = false;
        while let Some(character) = characters.next() {
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    part.push('"');
                }
                '"' => quoted = !quoted,
                '.' if !quoted => parts.push(std::mem::take(&mut part)),
                other => part.push(other),
            }
        }
        parts.push(part);
        parts
    }

    /// The parts, outermost first.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The last part.
    pub fn table(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The schema, where the name has one.
    pub fn schema(&self) -> Option<&str> {
        self.0.len().checked_sub(2).map(|index| self.0[index].as_str())
    }

    /// The catalog, where the name has one.
    pub fn catalog(&self) -> Option<&str> {
        (self.0.len() == 3).then(|| self.0[0].as_str())
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(".")?;
            }
            if part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                formatter.write_str(part)?;
            } else {
                write!(formatter, "\"{}\"", part.replace('"', "\"\""))?;
            }
        }
        Ok(())
    }
}

impl Serialize for ModelName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ModelName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let parts = Vec::deserialize(deserializer)?;
            return Self::from_parts(parts).ok_or_else(|| serde::de::Error::custom("expected one to three parts"));
        }
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no model name")))
    }
}

/// A table or view in the warehouse, as exact unquoted parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The catalog (database), where it is not the connection's default.
    pub catalog: Option<String>,
    /// The schema.
    pub schema: String,
    /// The table or view.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(catalog) = &self.catalog {
            write!(formatter, "{catalog}.")?;
        }
        write!(formatter, "{}.{}", self.schema, self.name)
    }
}
