//! Offshoot: a data environment for every git branch.

pub mod diff;
pub mod files;
pub mod fingerprint;
pub mod git;
pub mod graph;
pub mod hash;
pub mod ids;
pub mod model;
pub mod naming;
pub mod plan;
pub mod problem;
pub mod sql;
pub mod state;
pub mod time;
