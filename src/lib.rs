//! Offshoot: a data environment for every git branch.

pub mod files;
pub mod hash;
pub mod ids;
pub mod model;
pub mod plan;
pub mod problem;
pub mod project;
pub mod settings;
pub mod sql;
pub mod time;
pub mod yaml;
