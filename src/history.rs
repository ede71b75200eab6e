//! What an environment's history says of itself: what was done, by whom, in which run. Values only.

use serde::{Deserialize, Serialize};

/// Where an entry of a history comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What was done.
    pub deed: Deed,
    /// By whom.
    #[serde(flatten)]
    pub who: Who,
}

/// What was done to an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Deed {
    /// A branch was shown.
    Apply,
    /// A commit was promoted.
    Promote,
    /// An earlier entry was shown again.
    Rollback {
        /// Its number.
        to: u64,
        /// Why, in the words of who did it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// Who did something. Texts of strangers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The account on GitHub, or the name that git knows; never a machine's.
    #[serde(default, rename = "who", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where a browser shows the run that did it.
    #[serde(default, rename = "run_url", skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl Deed {
    /// What an entry of an older release was, by the name of its run.
    pub fn of_run(run: &str) -> Self {
        if run == "bot promote" { Self::Promote } else { Self::Apply }
    }

    /// As JSON has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Promote => "promote",
            Self::Rollback { .. } => "rollback",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_it_was_written() {
        let who = Who { name: Some("ada".into()), run: None };
        let origin = Origin { deed: Deed::Rollback { to: 3, why: Some("wrong".into()) }, who };
        let text = serde_json::to_string(&origin).expect("JSON");
        assert_eq!(text, r#"{"deed":{"kind":"rollback","to":3,"why":"wrong"},"who":"ada"}"#);
        assert_eq!(serde_json::from_str::<Origin>(&text).expect("an origin"), origin);
        let plain = r#"{"deed":{"kind":"promote"}}"#;
        let expected = Origin { deed: Deed::Promote, who: Who::default() };
        assert_eq!(serde_json::from_str::<Origin>(plain).expect("an origin"), expected);
    }
}
