//! Runs the oracle for as long as one likes: `cargo run --release --example oracle -- --edits N --seed S [--faults | --whole]`.
//!
//! Exit 1 on an unsound reuse, a build ratio above 1.05, or an uneven mix of edits; with `--faults`, where a planted fault
//! is not noticed; with `--whole`, which drives the product itself over git, a file and a state, on any difference.

#![allow(clippy::disallowed_methods, reason = "`--whole` runs git, as tests may")]

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

#[path = "../tests/oracle/mod.rs"]
mod oracle;
#[path = "../tests/it/repository.rs"]
mod repository;

use oracle::faults::Fault;
use oracle::run::{Plan, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str, default: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(default)
    };
    let (edits, seed) = (value("--edits", 1000), value("--seed", 1));
    let mut out = std::io::stdout().lock();
    if arguments.iter().any(|argument| argument == "--whole") {
        let whole = oracle::whole::run(edits, seed);
        let _ = write!(out, "{}", whole.text());
        return if whole.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    }
    if arguments.iter().any(|argument| argument == "--faults") {
        return faults(&mut out, seed);
    }
    let begin = Instant::now();
    let report = run(&Plan { edits, seed, fault: None, enough: value("--enough", 20) as usize });
    let _ = write!(out, "{}", report.text(begin.elapsed().as_secs_f64()));
    if report.passes() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Each planted fault must be caught within 2,000 edits, and the same seed without one must find nothing.
fn faults(out: &mut dyn std::io::Write, seed: u64) -> ExitCode {
    let mut missed = 0;
    let control = run(&Plan { edits: 2000, seed, fault: None, enough: 1 });
    let clean = control.unsound.is_empty() && control.misled.is_empty();
    let _ = writeln!(out, "{} after {:>5} edits: no fault", if clean { "clean " } else { "FOUND " }, control.edits);
    missed += u32::from(!clean);
    for (fault, what) in Fault::ALL {
        let report = run(&Plan { edits: 2000, seed, fault: Some(*fault), enough: 1 });
        let caught = !report.unsound.is_empty();
        missed += u32::from(!caught);
        let _ = writeln!(out, "{} after {:>5} edits: {what}", if caught { "caught" } else { "MISSED" }, report.edits);
    }
    let _ = writeln!(out, "{} faults planted, {missed} missed", Fault::ALL.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
