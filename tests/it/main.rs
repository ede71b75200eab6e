//! Everything that is tested through the library's doors, in one binary.

mod engine_conformance;
#[cfg(feature = "duckdb")]
mod engine_duckdb;
