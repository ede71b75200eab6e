//! The last plans that a comment told of: commits, codes, times and numbers. No text is among them, so that nothing that
//! somebody wrote into a state line can come out of it; what is not as we write it is passed over.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::RunKey;
use crate::ids::CommitId;
use crate::time::Timestamp;

/// The end of the year 9999.
const END_OF_TIME: i64 = 253_402_300_800_000;
const MINUTE: i64 = 60_000;

/// How a plan was told, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verdict {
    Ready,
    ReadyAndBreaking,
    NotReady,
    NotBuilt,
    NotBuiltNotReady,
    Static,
    Partial,
    Stale,
    Failed,
    Conflict,
    NoChange,
}

/// A plan that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastPlan {
    /// The branch's commit.
    pub head: CommitId,
    /// How it was told.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
    /// By which run.
    pub run: RunKey,
}

/// The last plans, the newest first; each head is there once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct History(Vec<PastPlan>);

impl History {
    /// How many are kept.
    pub const MOST: usize = 5;

    /// The plans.
    pub fn plans(&self) -> &[PastPlan] {
        &self.0
    }

    /// The same with a newer plan: one for the same head is forgotten. Times are kept to the minute, as they are shown, so
    /// that a run that is delivered twice writes the same text.
    pub fn with(&self, plan: PastPlan) -> Self {
        let at = Timestamp(plan.at.0 - plan.at.0.rem_euclid(MINUTE));
        Self::of([PastPlan { at, ..plan }].into_iter().chain(self.0.iter().cloned()))
    }

    fn of(plans: impl Iterator<Item = PastPlan>) -> Self {
        let mut kept: Vec<PastPlan> = Vec::new();
        for plan in plans {
            if kept.len() < Self::MOST && kept.iter().all(|known| known.head != plan.head) {
                kept.push(plan);
            }
        }
        Self(kept)
    }
}

/// From whatever stands there; it never fails.
impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Value::Array(all) = Value::deserialize(deserializer)? else { return Ok(Self::default()) };
        Ok(Self::of(all.into_iter().filter_map(ours)))
    }
}

fn ours(value: Value) -> Option<PastPlan> {
    let plan: PastPlan = serde_json::from_value(value).ok()?;
    let head = CommitId::parse(plan.head.as_str())?;
    (0..END_OF_TIME).contains(&plan.at.0).then_some(PastPlan { head, ..plan })
}
