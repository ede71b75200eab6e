//! Whole processes on generated projects: `cargo bench --bench process -- [MODELS…]`, a table on standard output.
//!
//! Each figure is a process from its start to its end: the median of several runs, and the most memory of any. It needs a
//! release build of `bot`, which cargo makes for a benchmark. Nothing here fails for being slow.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark runs processes of its own"
)]

mod generated;

use generated::{Size, project};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [folder, models] = arguments.as_slice() else { return };
    project(std::path::Path::new(folder), Size { models: models.parse().expect("a number"), history: 20 });
}
