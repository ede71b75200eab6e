//! Random walks over tables that go on: a small project, its sources and its repository change at random, the program is called at
//! random, and after each call production shows what a simulator of plain rows says that it should.
//!
//! The simulator knows docs/kinds.md and docs/run.md and nothing of the program. A walk is its seed; steps are values of which any
//! part is a walk, too, so a finding is cut down to few of them.
#![allow(dead_code, reason = "a tool of a test and of an example; neither uses all of it")]

mod branches;
pub(crate) mod commands;
pub(crate) mod ir;
mod kill;
mod loads;
pub(crate) mod observe;
mod production;
mod random;
mod render;
pub(crate) mod report;
mod source;
mod steps;
mod table;
mod value;
pub(crate) mod walk;
