//! Audits: what must hold of a model's rows, as queries whose rows are the failures.
//!
//! Those that SQLMesh has built in, under its names and arguments (`sqlmesh/core/audit/builtin.py` of 0.236; the text is our
//! own), and those of the project, whose text comes with the model. Nothing here runs a query or decides what a failure
//! means to the caller.

mod arguments;
mod built_in;

use std::fmt;

use self::arguments::Arguments;
use self::built_in::{BUILT_IN, BuiltIn};
use crate::hash::Digest;
use crate::model::{AuditCall, Model, OwnAudit, Weight};
use crate::problem::nearest;
use crate::sql::{Dialect, Query};

/// An audit of one model.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Its name, as the model calls it.
    pub name: String,
    /// The call as the model writes it, cut where it is long; no two of a model's are the same.
    pub call: String,
    /// What a failure does.
    pub weight: Weight,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    BuiltIn { built_in: &'static BuiltIn, arguments: Box<Arguments> },
    Own(Query),
}

/// The query of the rows that fail.
#[derive(Clone, Debug)]
pub enum Failing<'a> {
    /// It reads nothing but what it was given.
    Text(String),
    /// It is the project's own: its placeholders and the models that it names are still to be put in.
    Own(&'a Query),
}

/// Why a call is no audit that can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// It is none of those that are built in.
    #[error("there is no audit `{name}`")]
    Unknown {
        /// Its name.
        name: String,
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

/// What stands for `@this_model` in the text of a project's own audit until it runs: a name that nobody else has.
pub const THIS_MODEL: &str = "__offshoot_this_model";

/// Names of audits end in this where a failure is only told.
const TOLD: &str = "_non_blocking";

/// The longest call that is told whole, in characters.
const LONGEST_CALL: usize = 300;

impl Audit {
    /// The audits of a model that can run; what is wrong with others was told when the project was read.
    pub fn all(model: &Model) -> Vec<Self> {
        let calls = model.properties.audits.iter().enumerate();
        let read = |(place, call): (usize, &AuditCall)| match model.own_audits.get(&place) {
            Some(own) => Self::own(call, own),
            None => Self::read(call, model.dialect),
        };
        calls.filter_map(|call| read(call).ok()).collect()
    }

    /// Reads a call of one that is built in; its arguments are in the words of a dialect.
    ///
    /// # Errors
    /// No such audit is built in, or its arguments are not what it takes.
    pub fn read(call: &AuditCall, dialect: Dialect) -> Result<Self, AuditError> {
        let (plain, by_name) = plain_name(&call.name);
        if let Some(reason) = built_in::unsupported(plain) {
            return Err(AuditError::Unsupported { name: call.name.clone(), reason });
        }
        let Some(built_in) = BUILT_IN.iter().find(|known| known.name == plain) else {
            return Err(AuditError::Unknown { name: call.name.clone() });
        };
        let wrong = |what: String| AuditError::Argument { name: call.name.clone(), what };
        let arguments = Arguments::read(call, built_in, dialect).map_err(wrong)?;
        let weight = weight(call, by_name.unwrap_or(Weight::Blocking))?;
        (built_in.query)(&arguments, "this_model").map_err(wrong)?;
        Ok(Self::new(call, weight, Body::BuiltIn { built_in, arguments: Box::new(arguments) }))
    }

    /// An audit of the project's own, called by a model.
    ///
    /// # Errors
    /// `blocking` is neither true nor false.
    pub fn own(call: &AuditCall, own: &OwnAudit) -> Result<Self, AuditError> {
        let weight = match own.weight {
            Weight::Skipped => Weight::Skipped,
            // A name that says so counts more than the audit, and less than the call.
            otherwise => weight(call, plain_name(&call.name).1.unwrap_or(otherwise))?,
        };
        Ok(Self::new(call, weight, Body::Own(own.query.clone())))
    }

    fn new(call: &AuditCall, weight: Weight, body: Body) -> Self {
        let text = call.to_string();
        let mut short: String = text.chars().take(LONGEST_CALL).collect();
        if short.len() < text.len() {
            // Two that begin alike are two.
            short.push_str(&format!("… #{}", Digest::of("audit-call", &text).short(8)));
        }
        Self { name: call.name.clone(), call: short, weight, body }
    }

    /// The query of the rows that fail, of what stands in a FROM clause: a table's quoted name, or a query in parentheses.
    pub fn failing(&self, this_model: &str) -> Failing<'_> {
        match &self.body {
            Body::Own(query) => Failing::Own(query),
            Body::BuiltIn { built_in, arguments } => {
                let from = format!("{this_model} AS this_model");
                // It was made once when it was read, and depends on nothing else.
                Failing::Text((built_in.query)(arguments, &from).unwrap_or_default())
            }
        }
    }

    /// The query of a project's own audit.
    pub fn own_query(&self) -> Option<&Query> {
        match &self.body {
            Body::Own(query) => Some(query),
            Body::BuiltIn { .. } => None,
        }
    }
}

/// The query whose only value is the number of rows of another.
pub fn count(failing: &str) -> String {
    format!("SELECT count(*) FROM (\n{failing}\n) AS failures")
}

/// A name without the ending that says what a failure does, and that.
pub fn plain_name(name: &str) -> (&str, Option<Weight>) {
    match name.strip_suffix(TOLD) {
        Some(plain) => (plain, Some(Weight::Told)),
        None => (name, None),
    }
}

/// The name of a built-in audit that is much like another one.
pub fn nearest_name<'n>(name: &str, own: impl Iterator<Item = &'n str>) -> Option<String> {
    let known: Vec<&str> = own.chain(BUILT_IN.iter().map(|known| known.name)).collect();
    nearest(plain_name(name).0, known).map(str::to_owned)
}

/// What a failure does where the call says so, else `otherwise`.
fn weight(call: &AuditCall, otherwise: Weight) -> Result<Weight, AuditError> {
    match call.arguments.get("blocking").map(|text| text.trim().to_lowercase()).as_deref() {
        None | Some("null") => Ok(otherwise),
        Some("true" | "'true'") => Ok(Weight::Blocking),
        Some("false" | "'false'") => Ok(Weight::Told),
        Some(text) => {
            let what = format!("needs `blocking` to be true or false, found `{text}`");
            Err(AuditError::Argument { name: call.name.clone(), what })
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

#[cfg(test)]
mod tests;
