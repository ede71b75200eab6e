//! The wall between who builds pull requests and what production shows, where an engine has one: two roles in one warehouse.
//!
//! Production comes to show tables that the other role has made, so it takes them over first, and then looks whether the
//! other one can still write anything of what it shows, directly or through something that it left hanging there.

use super::Result;
use crate::ids::TableName;

/// What production shows.
#[derive(Clone, Copy, Debug)]
pub struct ShownByProduction<'a> {
    /// Its tables.
    pub tables: &'a [TableName],
    /// Its views.
    pub views: &'a [TableName],
}

/// A session of an engine in which roles stand apart. Everything must run inside a transaction.
pub trait Wall {
    /// The role that builds pull requests.
    fn outsider(&self) -> String;

    /// Makes our role the owner of the tables, of their schemas and of `offshoot__meta`, where it is a member of the role that
    /// is. Who was keeps what its own environments need: reading the tables, and making others beside them.
    ///
    /// # Errors
    /// What the engine says, or that somebody reads a table.
    fn take_over(&mut self, tables: &[TableName]) -> Result<()>;

    /// Lets the outsider read what production shows, and build and record tables of its own beside it.
    ///
    /// # Errors
    /// What the engine says.
    fn open_up(&mut self, shown: ShownByProduction<'_>) -> Result<()>;

    /// Lets the outsider read tables that we have made.
    ///
    /// # Errors
    /// What the engine says.
    fn share(&mut self, tables: &[TableName]) -> Result<()>;

    /// Where the wall has holes. Writes nothing.
    ///
    /// # Errors
    /// What the engine says.
    fn breaches(&mut self, shown: ShownByProduction<'_>) -> Result<Vec<Breach>>;
}

/// A way for the role that builds pull requests to what production shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// To what, such as `table` and its name.
    pub what: String,
    /// Which way.
    pub way: Way,
    /// What a person may do about it, as text of a sentence.
    pub remedy: String,
}

/// Which way leads to what production shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The role may do anything, or become anybody.
    Power {
        /// Such as `a superuser`.
        power: String,
    },
    /// There is no such role.
    NoSuchRole,
    /// It belongs to a role that the outsider is, or is a member of.
    Belongs {
        /// That role.
        owner: String,
    },
    /// It belongs to a role that ours is no member of, so it was not taken over.
    NotTaken {
        /// That role.
        owner: String,
        /// Ours.
        ours: String,
    },
    /// A role that the outsider is, or is a member of, was given a right.
    Right {
        /// That role; `None` where everybody was.
        role: Option<String>,
        /// The right.
        right: String,
    },
    /// Something hangs on it that writes, or runs what somebody else wrote.
    Hangs {
        /// What, with its name.
        what: String,
    },
    /// Production finds names in it that it does not qualify, and the outsider can put some there.
    OnSearchPath,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = &self.what;
        match &self.way {
            Way::Power { power } => write!(formatter, "{what} is {power}, which no wall keeps out"),
            Way::NoSuchRole => write!(formatter, "there is no {what}"),
            Way::Belongs { owner } => write!(formatter, "{what} belongs to role `{owner}`"),
            Way::NotTaken { owner, ours } => {
                write!(formatter, "{what} belongs to role `{owner}`, of which `{ours}` is no member")
            }
            Way::Right { role: Some(role), right } => write!(formatter, "{what} grants {right} to role `{role}`"),
            Way::Right { role: None, right } => write!(formatter, "{what} grants {right} to everybody"),
            Way::Hangs { what: hanging } => write!(formatter, "{what} has {hanging}"),
            Way::OnSearchPath => write!(formatter, "{what} is on production's search path"),
        }
    }
}
