//! The faces of the program's values: terminal, Markdown, JSON and tables. Each is a pure function from a value to text.
//!
//! Invariants: nothing here prints, reads or asks for the time; every name, message and SQL text is taken for hostile
//! and goes through [`visible`] (terminal, tables) or `markdown`'s own escapes; this module alone knows `owo-colors`
//! and `comfy-table`.

pub mod actions;
pub mod audits;
pub mod brief;
pub mod comment;
pub mod data_diff;
pub mod environments;
pub mod explain;
pub mod external;
pub mod findings;
pub mod gc;
pub mod history;
mod hold;
pub mod json;
pub mod lineage;
pub mod lint;
pub mod markdown;
pub mod recovered;
pub mod rollback;
pub mod run;
#[cfg(test)]
mod sample;
pub mod statements;
pub mod table;
pub mod terminal;
mod text;
pub mod unit_test;

pub use crate::visible::{visible, visible_lines};
pub use text::{readable_interval, readable_intervals, readable_seconds};

/// Whether terminal text carries colours; decided in the shell (`--color`, `NO_COLOR`, terminal or not).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// With ANSI colours.
    Always,
    /// Plain text.
    Never,
}
