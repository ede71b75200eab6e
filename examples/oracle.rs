//! Runs the oracle for as long as one likes:
//! `cargo run --release --example oracle -- --edits N --seed S [--jobs J] [--faults [NAME] | --whole]`.
//!
//! Exit 1 on an unsound reuse, a build ratio above 1.05, or an uneven mix of edits; with `--faults`, where a planted fault
//! is not noticed; with `--whole`, which drives the product itself over git, a file and a state, on any difference.
//! Episodes run in processes of their own, `--jobs` at a time: where the engine ends one, that is counted and told.

#![allow(clippy::disallowed_methods, reason = "`--whole` runs git, as tests may; workers are processes")]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

#[path = "../tests/oracle/mod.rs"]
mod oracle;
#[path = "../tests/it/repository.rs"]
mod repository;

use oracle::faults::Fault;
use oracle::report::Report;
use oracle::run::Plan;
use oracle::workers;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == workers::WORKER
    {
        return worker(rest);
    }
    let value = |name: &str, default: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)?.parse().ok()).unwrap_or(default)
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (edits, seed, jobs) = (value("--edits", 1000), value("--seed", 1), value("--jobs", cores as u64) as usize);
    let mut out = std::io::stdout().lock();
    if arguments.iter().any(|argument| argument == "--whole") {
        let whole = oracle::whole::run(edits, seed);
        let _ = write!(out, "{}", whole.text());
        return if whole.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    }
    if arguments.iter().any(|argument| argument == "--faults") {
        let named = |text: &&String| Fault::ALL.iter().any(|(fault, _)| format!("{fault:?}") == **text);
        return faults(&mut out, (seed, jobs), arguments.iter().find(named).map(String::as_str));
    }
    let begin = Instant::now();
    let report = workers::run(&Plan { edits, seed, fault: None, enough: value("--enough", 20) as usize }, jobs);
    let _ = write!(out, "{}", report.text(begin.elapsed().as_secs_f64()));
    if report.passes() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn worker(arguments: &[String]) -> ExitCode {
    match workers::serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

/// Each planted fault, or the one of that name, must be caught within 2,000 edits, and the same seed without one must find
/// nothing.
fn faults(out: &mut dyn std::io::Write, (seed, jobs): (u64, usize), only: Option<&str>) -> ExitCode {
    let planted: Vec<&(Fault, &str)> =
        Fault::ALL.iter().filter(|(fault, _)| only.is_none_or(|only| only == format!("{fault:?}"))).collect();
    let control = only.is_none().then_some(None);
    let plans: Vec<Option<Fault>> = control.into_iter().chain(planted.iter().map(|(fault, _)| Some(*fault))).collect();
    let (next, reports) = (AtomicUsize::new(0), std::sync::Mutex::new(vec![Report::default(); plans.len()]));
    let work = || {
        while let Some(fault) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = workers::run(&Plan { edits: 2000, seed, fault: *fault, enough: 1 }, 1);
            let place = plans.iter().position(|known| known == fault).unwrap_or_default();
            let told = format!("{fault:?}: {} found after {} edits\n", report.unsound.len(), report.edits);
            let _ = std::io::stderr().write_all(told.as_bytes());
            if let Ok(mut reports) = reports.lock() {
                reports[place] = report;
            }
        }
    };
    std::thread::scope(|scope| (0..jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    let reports = reports.into_inner().unwrap_or_default();
    let mut missed = 0;
    if let (Some(_), Some(control)) = (control, reports.first()) {
        let clean = control.unsound.is_empty() && control.misled.is_empty() && control.edits == 2000;
        let _ = writeln!(out, "{} after {:>5} edits: no fault", if clean { "clean " } else { "FOUND " }, control.edits);
        missed += u32::from(!clean);
    }
    for ((_, what), report) in planted.iter().zip(reports.iter().skip(usize::from(control.is_some()))) {
        let caught = !report.unsound.is_empty();
        missed += u32::from(!caught);
        let _ = writeln!(out, "{} after {:>5} edits: {what}", if caught { "caught" } else { "MISSED" }, report.edits);
    }
    let crashes: usize = reports.iter().map(|report| report.crashes.len()).sum();
    let _ = writeln!(out, "{} faults planted, {missed} missed, {crashes} engine crashes", planted.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
