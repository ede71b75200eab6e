//! The oracle: projects and edits are generated, run through the program's fingerprints on DuckDB, and every view of
//! every environment is compared with a build of its tree from nothing. Shared by the suite and `examples/oracle.rs`.
#![allow(dead_code, reason = "the suite and the example each use a part")]

mod apply;
mod around;
mod beside;
mod clauses;
mod clean;
mod content;
mod edit;
pub(crate) mod faults;
mod grow;
mod grow_from;
mod grow_values;
mod ir;
mod journal;
mod judge;
mod kinds;
mod ops;
mod plant;
pub(crate) mod random;
mod reach;
mod reach_query;
mod render;
pub(crate) mod report;
pub(crate) mod run;
mod scenes;
mod sessions;
mod sets;
mod shape;
mod shown;
mod steer;
mod values;
mod walk;
mod warehouse;
pub(crate) mod whole;
pub(crate) mod workers;
