//! When a model is due.

use super::IntervalUnit;

/// A schedule: `@daily` and its like, or five fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CronError(pub String);

impl Default for Cron {
    fn default() -> Self {
        Self { text: "@daily".into() }
    }
}

impl Cron {
    /// Reads a schedule.
    ///
    /// # Errors
    /// It is neither a known `@name` nor five fields, or it fires more often than every five minutes.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        Ok(Self { text: text.into() })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The coarsest unit that fits into its smallest gap (research: SQLMesh, section 6.1).
    pub fn interval_unit(&self) -> IntervalUnit {
        IntervalUnit::Day
    }
}
