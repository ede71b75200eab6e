//! What an environment was before: number, moment, commit, who and what.

use serde::Serialize;

use super::text::shortened;
use super::visible;
use crate::history::{Deed, Origin};
use crate::ids::CommitId;
use crate::time::Timestamp;

/// One entry of an environment's history.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Its commit, where there is one.
    pub commit: Option<CommitId>,
    /// What was done, and by whom.
    pub origin: Origin,
    /// The command that did it.
    pub run: String,
    /// How many models moved against the entry before; `None` where nobody remembers that one.
    pub moved: Option<usize>,
}

/// The columns of [`row`].
pub const HEADER: [&str; 6] = ["ENTRY", "AT", "COMMIT", "BY", "WHAT", "MOVED"];

/// The most characters of a name, a run or a reason in a table.
const MOST: usize = 120;

/// An entry as a row of names, none of them escaped yet.
pub fn row(past: &Past) -> Vec<String> {
    let who = &past.origin.who;
    let by: Vec<String> = [who.name.as_deref().unwrap_or(&past.run), who.run.as_deref().unwrap_or_default()]
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| brief(text))
        .collect();
    let what = match &past.origin.deed {
        Deed::Rollback { to, why: Some(why) } => format!("rollback to {to}: {}", brief(why)),
        Deed::Rollback { to, why: None } => format!("rollback to {to}"),
        deed => deed.code().to_owned(),
    };
    vec![
        past.number.to_string(),
        past.at.date_time(),
        past.commit.as_ref().map(|commit| commit.as_str().chars().take(12).collect()).unwrap_or_default(),
        by.join(", "),
        what,
        past.moved.map(|moved| moved.to_string()).unwrap_or_default(),
    ]
}

fn brief(text: &str) -> String {
    shortened(&visible(&shortened(text, MOST)), MOST)
}

/// `{"entry","at","commit","who","run","command","kind","to","why","moved"}`.
impl Serialize for Past {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Object<'a> {
            entry: u64,
            at: String,
            commit: Option<&'a CommitId>,
            who: Option<&'a str>,
            run: Option<&'a str>,
            command: &'a str,
            kind: &'static str,
            to: Option<u64>,
            why: Option<&'a str>,
            moved: Option<usize>,
        }
        let Origin { deed, who } = &self.origin;
        let (to, why) = match deed {
            Deed::Rollback { to, why } => (Some(*to), why.as_deref()),
            Deed::Apply | Deed::Promote => (None, None),
        };
        let object = Object {
            entry: self.number,
            at: self.at.rfc3339(),
            commit: self.commit.as_ref(),
            who: who.name.as_deref(),
            run: who.run.as_deref(),
            command: &self.run,
            kind: deed.code(),
            to,
            why,
            moved: self.moved,
        };
        object.serialize(serializer)
    }
}
