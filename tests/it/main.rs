//! The one integration binary: each module below is a suite.

mod state_conformance;
mod state_sqlite;
mod state_world;
