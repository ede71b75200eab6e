//! Why a run loads a table, or leaves it as it is.

use crate::ids::ModelName;
use crate::time::Timestamp;

/// Why a table is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody wants it loaded again.
    Restated,
    /// It reads what is loaded again.
    ReadsRestated {
        /// The model that somebody named.
        model: ModelName,
    },
    /// The state knows nothing of its table, so that it is made anew.
    Unknown,
    /// Its `cron` fired since it was loaded.
    Tick {
        /// The last time that it did.
        at: Timestamp,
    },
    /// Its `auto_restatement_cron` fired since it was loaded.
    Scheduled {
        /// The last time that it did.
        at: Timestamp,
    },
    /// Ranges of it were loaded before its inputs were there.
    InputsGrew,
}

impl Why {
    /// Whether what is loaded already is loaded again.
    pub fn is_restatement(&self) -> bool {
        matches!(self, Self::Restated | Self::ReadsRestated { .. } | Self::Scheduled { .. })
    }

    /// As JSON has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Restated => "restated",
            Self::ReadsRestated { .. } => "reads_restated",
            Self::Unknown => "unknown",
            Self::Tick { .. } => "cron",
            Self::Scheduled { .. } => "auto_restatement_cron",
            Self::InputsGrew => "inputs_grew",
        }
    }
}

impl WhyLeft {
    /// As JSON has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Productions => "productions",
            Self::Preview => "preview",
            Self::Waits { .. } => "waits",
            Self::NoLookback => "no_lookback",
            Self::History => "history",
            Self::Signals => "signals",
            Self::Held { .. } => "held",
        }
    }
}

/// A model that is not loaded, or not as far as its `cron` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The model.
    pub model: ModelName,
    /// Why.
    pub why: WhyLeft,
}

/// Why a model is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyLeft {
    /// Its table is production's, which a run of another environment does not write.
    Productions,
    /// Its table is a preview, made of inputs that lack something.
    Preview,
    /// An input is loaded no further.
    Waits {
        /// To where the model can be loaded.
        end: Timestamp,
        /// To where it is due.
        due: Timestamp,
    },
    /// Units before new ones are not read again, because what it holds later depends on what it holds.
    NoLookback,
    /// No query gives again what it holds, so it is not loaded again with what it reads.
    History,
    /// It waits for signals, and nobody can ask them whether an interval is there.
    Signals,
    /// It reads what is left.
    Held {
        /// The model that waits for signals.
        by: ModelName,
    },
}
