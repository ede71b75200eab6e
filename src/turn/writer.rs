//! Who is about to write tables, and whose it then leaves alone.

use std::collections::BTreeSet;

use crate::ids::{EnvironmentName, TableName};
use crate::state::{Others, State, StateError};

/// Who is about to write tables: it leaves alone those that certain other environments show, or are about to.
#[derive(Clone, Debug)]
pub enum Writer<'a> {
    /// Apply: what any other environment shows.
    Branch(&'a EnvironmentName),
    /// Promote: prod may complete any table; another environment leaves prod's alone.
    Promote(&'a EnvironmentName),
    /// The merge queue: as prod's promote, which comes next.
    Queue,
    /// A run: the tables of its environment are its own, but those of prod.
    Run(&'a EnvironmentName),
    /// One of these from beyond the wall: what promote shows or has ever shown is production's role's.
    Outside(Box<Self>),
}

impl Writer<'_> {
    /// The environment that a promote makes of what is planned.
    pub fn promotes_to(&self) -> Option<EnvironmentName> {
        match self {
            Self::Promote(environment) => Some((*environment).clone()),
            Self::Queue => Some(EnvironmentName::prod()),
            Self::Outside(inner) => inner.promotes_to(),
            Self::Branch(_) | Self::Run(_) => None,
        }
    }

    /// The environment whose own tables a run loads.
    pub fn runs(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Run(environment) => Some(environment),
            Self::Outside(inner) => inner.runs(),
            Self::Branch(_) | Self::Promote(_) | Self::Queue => None,
        }
    }

    /// The environment that shows in the end what it did not show before.
    pub fn shows(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Branch(environment) | Self::Promote(environment) => Some(environment),
            Self::Outside(inner) => inner.shows(),
            Self::Queue | Self::Run(_) => None,
        }
    }

    /// Whose tables it leaves alone, of these.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn leaves_alone(&self, state: &dyn State, tables: &[TableName]) -> Result<BTreeSet<TableName>, StateError> {
        let prod = EnvironmentName::prod();
        match self {
            Self::Branch(environment) => state.shown_by(Others::AllBut(environment), tables),
            Self::Promote(environment) | Self::Run(environment) if !environment.is_prod() => {
                state.shown_by(Others::Only(&prod), tables)
            }
            Self::Promote(_) | Self::Run(_) | Self::Queue => Ok(BTreeSet::new()),
            Self::Outside(inner) => {
                let mut shared = inner.leaves_alone(state, tables)?;
                shared.extend(state.shown_by(Others::EverPromoted, tables)?);
                Ok(shared)
            }
        }
    }
}
