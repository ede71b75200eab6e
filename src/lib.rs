//! Offshoot: a data environment for every git branch. The library behind the binary `bot`; not an API for others.
//!
//! ```text
//!   git tree (base, head, result)          config.yaml, offshoot.yaml
//!            │ files                                │
//!            ▼                                      ▼
//!   project ── models, problems ──► graph ──► fingerprint ──► diff ──► plan ◄── state (what is built already)
//!                                                                       │
//!                                 render (terminal, Markdown, JSON) ◄───┤
//!                                                                       ▼
//!                                            apply / publish ──► engine (tables, views) ──► state
//! ```
//!
//! # The way of one push
//!
//! 1. `main.rs`, [`run`]: the command line becomes a [`cli::Command`]; `commands/` has a file for each.
//! 2. `planning/`: chooses three trees in `git` (base, head, and the result merged in memory) and the environment.
//! 3. `project/`: files become [`model::Model`]s and [`problem::Problem`]s; nothing is thrown.
//! 4. `sql/`: a query becomes references, rows and columns; what is not certain is [`sql::Opaque`].
//! 5. `fingerprint/`: one hash for a model's rows, one for each column. Its table of inputs is the heart.
//! 6. `diff.rs`, `plan/`: hashes of base and result, and what the state knows, become a [`plan::Plan`] with reasons.
//!    For people who ask, `lineage/` follows what models read, and `explain/` takes two fingerprints of one model apart;
//!    `lint/` asks the rules of style that the project names, `external/` puts the warehouse's columns into
//!    `external_models.yaml`.
//! 7. `render/`: the plan for people, pull requests and scripts. What a pull request is told is gathered in `report/` and
//!    written by `render/comment/`; `sticky.rs` finds its comment again and decides who may write it next.
//! 8. `apply/`: walks the plan over `engine` and records each interval in `state` after its data is committed. What must hold
//!    of the rows is `audit/`'s.
//! 9. `publish.rs`: points an environment's views at the tables; production's all in one transaction.
//!
//! What is due later is loaded by `commands/run.rs`: `plan/due.rs` works out what that is for the tables that an environment
//! shows, and `apply/` loads it.
//!
//! What turns out to be wrong goes back: `commands/rollback/` shows an earlier entry of production's history again, and
//! `rollback.rs` knows what promote must not bring back until main has something else.
//!
//! What no push needs any more goes later: `gc.rs` decides which tables those are, `commands/gc/` looks and drops them.
//!
//! A state moves, or comes back, by `commands/state/`: its lines are `state/transfer/`, what a promote leaves in the warehouse is
//! `state/promoted.rs`, and `workspace/upgrade.rs` finds the tables of an older version's fingerprints again.
//!
//! On GitHub a run begins with `event/`, what happened and what a comment asks, and speaks through `github/`: comments,
//! checks, pull requests, with the manners that its API asks for.
//!
//! # Invariants, held by `tests/it/architecture.rs`
//!
//! * A module names only modules above it in the layers; no edge names another edge.
//! * The core reads no file, no variable and no clock, and has no `async`.
//! * Each foreign crate is known to one module.
//! * No file has more than 500 lines before its tests.
//!
//! `postgres/` is the client that an engine and a state on PostgreSQL stand on.
//!
//! Without the feature `duckdb` the core, the renderers and the other edges still build and are tested; the shell is not.

#[cfg(feature = "duckdb")]
pub mod apply;
pub mod audit;
pub mod change;
pub mod cli;
#[cfg(feature = "duckdb")]
pub mod commands;
#[cfg(feature = "duckdb")]
pub mod connect;
#[cfg(feature = "duckdb")]
pub mod context;
pub mod data_diff;
pub mod decision;
pub mod diff;
pub mod engine;
pub mod error;
pub mod event;
pub mod explain;
pub mod external;
pub mod files;
pub mod fingerprint;
pub mod gc;
pub mod git;
pub mod github;
pub mod graph;
pub mod hash;
pub mod history;
pub mod ids;
pub mod lineage;
pub mod lint;
pub mod mask;
pub mod model;
pub mod naming;
pub mod output;
pub mod plan;
#[cfg(feature = "duckdb")]
pub mod planning;
pub mod postgres;
pub mod problem;
pub mod project;
#[cfg(feature = "duckdb")]
pub mod publish;
pub mod push;
pub mod recovered;
pub mod render;
pub mod report;
pub mod resolve;
pub mod rollback;
pub mod settings;
pub mod shelf;
pub mod sql;
pub mod state;
pub mod statement;
pub mod sticky;
pub mod surroundings;
pub mod time;
#[cfg(feature = "duckdb")]
pub mod turn;
pub mod unit_test;
pub mod url;
pub mod visible;
#[cfg(feature = "duckdb")]
pub mod workspace;
pub mod yaml;

#[cfg(feature = "duckdb")]
mod entry;
#[cfg(feature = "duckdb")]
pub use entry::{run, run_process};
