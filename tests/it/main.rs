//! The one integration binary: each module shows one part of the program on real git repositories and engines.

mod git;
mod repository;
mod state_conformance;
mod state_sqlite;
mod state_world;
