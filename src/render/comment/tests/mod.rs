//! The comment in every state, of real trees and a real plan, and of whatever names a stranger may choose.

mod gfm;
mod hostile;
mod sample;
mod states;

/// For the tests of other faces of a report.
pub(in crate::render) mod samples {
    pub(in crate::render) use super::sample::{after_building as built, report};
}
