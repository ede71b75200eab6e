//! Lives that end badly: a command that is killed at any of its statements, loses its connections there, or finds the disk
//! full; the next one must go on as if nothing had been. The suite runs a part of it (`it::torture`), and
//! `cargo run --release --example torture` all of it.

pub(crate) mod aged;
pub(crate) mod crash;
pub(crate) mod disk;
pub(crate) mod place;
pub(crate) mod project;
#[path = "../oracle/random.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "the oracle's source of choices; an example has no oracle beside it"
)]
mod random;
pub(crate) mod scenario;
pub(crate) mod together;
