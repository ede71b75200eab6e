//! The one integration binary: each module shows one part of the program on real git repositories and engines.
//! Every file beside this one is a module of it (`architecture` checks that).
#![allow(clippy::disallowed_methods, reason = "tests may run git, look at the clock and set variables of children")]

mod action;
mod apply;
mod architecture;
mod audits;
mod batches;
mod cases;
mod ci;
mod coarse_time;
mod contract;
#[cfg(feature = "duckdb")]
mod corpus;
mod declared_columns;
mod default_catalog;
mod default_statements;
mod demo;
mod described;
#[cfg(feature = "duckdb")]
mod dialects;
mod diff;
mod doctor;
mod engine_conformance;
#[cfg(feature = "duckdb")]
mod engine_duckdb;
mod engine_postgres;
mod environment_statements;
mod environments;
#[cfg(feature = "duckdb")]
mod explain;
mod external;
#[cfg(feature = "duckdb")]
mod fingerprints;
mod freshness;
mod gc;
mod git;
mod github;
mod histories;
mod history;
mod holes;
mod hook;
mod horizon;
mod init;
mod keyword_names;
mod kill;
mod lab;
#[cfg(feature = "duckdb")]
mod lineage;
mod lint;
mod materialized;
mod messages;
#[cfg(feature = "duckdb")]
mod mutation;
mod on_postgres;
mod one_by_one;
#[cfg(feature = "duckdb")]
mod oracle;
mod parity;
mod partial;
mod permissions;
mod physical_schemas;
mod pooler;
mod postgres;
mod processes;
mod promote;
mod python;
mod query;
mod render;
mod repository;
mod rollback;
mod round_trips;
mod run;
mod stand_ins;
mod state_conformance;
mod state_moves;
mod state_postgres;
mod state_recover;
mod state_sqlite;
mod state_upgrade;
mod state_world;
mod taken_by_the_engine;
mod torture;
mod unit_tests;
mod verdicts;
mod view_names;
mod virtual_update;
mod workflows;
mod world;
mod yaml_steps;
