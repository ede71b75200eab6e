//! What a rollback holds back, as JSON.

use serde::Serialize;

use crate::ids::ModelName;
use crate::rollback::Hold;

/// `{"who","run","at","why","from","to","models":[…]}`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct HoldObject<'a> {
    who: Option<&'a str>,
    run: Option<&'a str>,
    at: String,
    why: Option<&'a str>,
    from: u64,
    to: u64,
    models: Vec<&'a ModelName>,
}

impl<'a> From<&'a Hold> for HoldObject<'a> {
    fn from(hold: &'a Hold) -> Self {
        let mut models: Vec<&ModelName> = hold.rolled_back.iter().map(|rolled_back| &rolled_back.model).collect();
        models.dedup();
        Self {
            who: hold.who.name.as_deref(),
            run: hold.who.run.as_deref(),
            at: hold.at.rfc3339(),
            why: hold.why.as_deref(),
            from: hold.from,
            to: hold.to,
            models,
        }
    }
}
