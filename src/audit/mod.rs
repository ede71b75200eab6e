//! Audits: what must hold of a model's rows, as queries whose rows are the failures.
//!
//! Those that SQLMesh has built in, under its names and arguments (`sqlmesh/core/audit/builtin.py` of 0.236); the text is our
//! own. Nothing here runs a query or decides what a failure means to the caller.

mod arguments;
mod built_in;

use std::fmt;

use self::arguments::Arguments;
use self::built_in::{BUILT_IN, BuiltIn};
use crate::model::AuditCall;
use crate::problem::nearest;
use crate::sql::Dialect;

/// What a failure of an audit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The rows are not shown to anybody.
    Blocking,
    /// It is told.
    Told,
}

/// An audit of one model.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Its name, as the model calls it.
    pub name: String,
    /// What a failure does.
    pub weight: Weight,
    built_in: &'static BuiltIn,
    arguments: Arguments,
}

/// Why a call is no audit that can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// It is none of those that are built in.
    #[error("audit `{name}` is not built in, and a project's own audits do not run yet")]
    Unknown {
        /// Its name.
        name: String,
        /// One that is alike.
        nearest: Option<&'static str>,
    },
    /// SQLMesh has it, and we do not.
    #[error("audit `{name}` does not run: {reason}")]
    Unsupported {
        /// Its name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// An argument is missing, unknown or of another form.
    #[error("audit `{name}` {what}")]
    Argument {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// Names of built-in audits end in this where a failure is only told.
const TOLD: &str = "_non_blocking";

impl Audit {
    /// Reads a call; its arguments are in the words of a dialect.
    ///
    /// # Errors
    /// No such audit is built in, or its arguments are not what it takes.
    pub fn read(call: &AuditCall, dialect: Dialect) -> Result<Self, AuditError> {
        let (plain, by_name) = match call.name.strip_suffix(TOLD) {
            Some(plain) => (plain, Weight::Told),
            None => (call.name.as_str(), Weight::Blocking),
        };
        if let Some(reason) = built_in::unsupported(plain) {
            return Err(AuditError::Unsupported { name: call.name.clone(), reason });
        }
        let Some(built_in) = BUILT_IN.iter().find(|known| known.name == plain) else {
            let nearest = nearest(plain, BUILT_IN.iter().map(|known| known.name));
            return Err(AuditError::Unknown { name: call.name.clone(), nearest });
        };
        let wrong = |what: String| AuditError::Argument { name: call.name.clone(), what };
        let arguments = Arguments::read(call, built_in, dialect).map_err(wrong)?;
        let weight = match arguments.truth("blocking", by_name == Weight::Blocking).map_err(wrong)? {
            true => Weight::Blocking,
            false => Weight::Told,
        };
        let audit = Self { name: call.name.clone(), weight, built_in, arguments };
        (built_in.query)(&audit.arguments, "this_model").map_err(wrong)?;
        Ok(audit)
    }

    /// The query whose only value is the number of rows that fail, of what stands in a FROM clause: a table's quoted name, or a
    /// query in parentheses.
    pub fn count(&self, this_model: &str) -> String {
        let from = format!("{this_model} AS this_model");
        // It was made once when it was read, and depends on nothing else.
        let query = (self.built_in.query)(&self.arguments, &from).unwrap_or_default();
        format!("SELECT count(*) FROM (\n{query}\n) AS failures")
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Blocking => "blocking",
            Self::Told => "told",
        })
    }
}

#[cfg(test)]
mod tests;
