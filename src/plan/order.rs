//! In which order a table's ranges may be loaded, and how far before others they are read again.

use crate::model::{Kind, Model};
use crate::time::Intervals;

/// In which order ranges may be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Each is loaded for itself.
    Any,
    /// Later ones lie over earlier ones: the last is loaded last.
    LaterLast,
    /// Each is made once, after those before it.
    Once,
}

impl Order {
    /// Whether this may be loaded into a table that holds that.
    pub(super) fn allows(self, load: &Intervals, covered: &Intervals) -> bool {
        let Some(first) = load.ranges().first() else { return true };
        let Some(end) = covered.end() else { return true };
        match self {
            Self::Any => true,
            _ if end <= first.start => true,
            Self::LaterLast => load.ranges().len() == 1 && end <= first.end,
            Self::Once => false,
        }
    }
}

/// How many units before others its author has read again; where that would count rows twice it is not done.
pub(super) fn declared_lookback(model: &Model) -> u32 {
    match &model.kind {
        Kind::TimeRange(range) => range.lookback,
        Kind::UniqueKey(key) => key.lookback,
        _ => 0,
    }
}
