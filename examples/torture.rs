//! Strikes the program at every moment there is, and lets a crowd loose on one server:
//! `cargo run --release --example torture -- [killed] [cut] [full] [together] [histories] [--every N] [--jobs J] [--only NAME]
//! [--processes P] [--seconds S] [--seed S] [--walks N] [--steps N] [--on postgres] [--kills]`; without a word all five.
//!
//! * `killed`: each command is killed at each line that it tells of its statements, on DuckDB with SQLite, on the same
//!   where DuckDB commits each statement by itself, and on PostgreSQL.
//! * `cut`: its connections to PostgreSQL are ended there.
//! * `full`: the disk with warehouse and state, or with the tables of the server, has only so much left, from nothing to more
//!   than is needed (root on Linux, as a disk is mounted for each).
//! * `together`: many processes at once on one PostgreSQL.
//! * `histories`: random walks over tables that go on, on DuckDB with SQLite, or on PostgreSQL (`--on postgres`), beside a
//!   simulator; a finding is told with its seed, cut down to the steps that it needs. With `--kills` many a command is killed at
//!   one of its lines before it is given again.
//!
//! Exit 1 where something does not hold afterwards; the last line of each part is its sum. `--every 10` strikes at each tenth
//! moment only.

#![allow(clippy::disallowed_methods, reason = "it starts processes and looks at the clock, as tests may")]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[path = "../tests/histories/mod.rs"]
mod histories;
#[path = "../tests/it/lab.rs"]
mod lab;
#[path = "../tests/torture/mod.rs"]
mod lives;
#[path = "../tests/it/postgres.rs"]
mod postgres;
#[path = "../tests/it/repository.rs"]
mod repository;
#[path = "../tests/it/world.rs"]
mod world;

use histories::walk::Kills;
use lives::crash::{Fault, lines, strike};
use lives::place::Kind;
use lives::scenario::{ALL, Scenario};
use lives::together;
use offshoot::output::Output;
use offshoot::surroundings::{Surroundings, Terminal};
use offshoot::time::Timestamp;

fn main() -> ExitCode {
    if std::env::var_os(lab::AS_BOT).is_some() {
        return ExitCode::from(as_bot().code());
    }
    let arguments = Arguments(std::env::args().skip(1).collect());
    let mut failures = 0;
    for (word, part) in PARTS {
        if arguments.wants(word) {
            failures += part(&arguments);
        }
    }
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// This process as the binary, at the moment that it is told.
fn as_bot() -> offshoot::error::Exit {
    let Some(now) = std::env::var(lab::AS_BOT_AT).ok().and_then(|now| Timestamp::parse(&now)) else {
        return offshoot::run_process();
    };
    let folder = std::env::current_dir().expect("a folder");
    let surroundings = Surroundings::fixed(folder, now).with_arguments(std::env::args_os().skip(1));
    let surroundings =
        std::env::vars().fold(surroundings, |surroundings, (name, value)| surroundings.with_variable(name, value));
    offshoot::run(&surroundings, &Output::of_process(Terminal::No))
}

type Part = fn(&Arguments) -> usize;

const PARTS: [(&str, Part); 5] =
    [("killed", killed), ("cut", cut), ("full", full), ("together", crowd), ("histories", walks)];

struct Arguments(Vec<String>);

impl Arguments {
    fn wants(&self, word: &str) -> bool {
        let is_word = |argument: &&String| PARTS.iter().any(|(word, _)| word == argument);
        self.0.iter().filter(is_word).count() == 0 || self.0.iter().any(|argument| argument == word)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let place = self.0.iter().position(|argument| argument == name)?;
        self.0.get(place + 1).map(String::as_str)
    }

    fn number(&self, name: &str, default: usize) -> usize {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

fn tell(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn killed(arguments: &Arguments) -> usize {
    let kinds = [Kind::Files, Kind::OneByOne, Kind::Server];
    kinds
        .map(|kind| {
            strikes(arguments, "killed", kind, |lines, every| (1..=lines).step_by(every).map(Fault::Killed).collect())
        })
        .iter()
        .sum()
}

fn cut(arguments: &Arguments) -> usize {
    strikes(arguments, "cut", Kind::Server, |lines, every| (1..=lines).step_by(every).map(Fault::Cut).collect())
}

/// What is left on the disk grows by four pages of it.
fn full(arguments: &Arguments) -> usize {
    const STEP: u64 = 16_384;
    let kinds = [Kind::Files, Kind::Server];
    kinds
        .map(|kind| {
            strikes(arguments, "full", kind, |_, every| {
                (0..60).step_by(every).map(|step| Fault::Full(step * STEP)).collect()
            })
        })
        .iter()
        .sum()
}

/// Strikes every scenario of a kind with these faults; gives the number of failures.
fn strikes(arguments: &Arguments, part: &str, kind: Kind, faults: fn(usize, usize) -> Vec<Fault>) -> usize {
    let (every, jobs) = (arguments.number("--every", 1).max(1), arguments.number("--jobs", 2).max(1));
    let (mut struck, mut hit, mut wrong) = (0, 0, 0);
    let begin = Instant::now();
    for scenario in ALL.into_iter().filter(|(name, _)| arguments.text("--only").is_none_or(|only| only == *name)) {
        let scenario = Scenario::prepare(kind, scenario);
        let faults = faults(lines(&scenario), every);
        let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = strike(&scenario, *fault);
                        if let Err(failure) = &result {
                            tell(&format!("WRONG: {failure}\n"));
                        }
                        told.lock().expect("nobody panicked").push(result);
                    }
                });
            }
        });
        let told = told.into_inner().expect("nobody panicked");
        let hits = told.iter().filter(|result| matches!(result, Ok(true))).count();
        let failures = told.iter().filter(|result| result.is_err()).count();
        let (name, count) = (scenario.name, told.len());
        tell(&format!("{part}, {kind:?}, {name}: {count} moments, {hits} hit, {failures} wrong\n"));
        (struck, hit, wrong) = (struck + count, hit + hits, wrong + failures);
    }
    let seconds = begin.elapsed().as_secs();
    tell(&format!("{part}, {kind:?}: {struck} distinct moments, {hit} hit, {wrong} wrong, {seconds} s\n"));
    wrong
}

/// Walks over tables that go on, `--jobs` at a time; a finding is told when it is found.
fn walks(arguments: &Arguments) -> usize {
    let (walks, jobs) = (arguments.number("--walks", 100), arguments.number("--jobs", 2).max(1));
    let plan = histories::walk::Plan {
        walks: 1,
        seed: arguments.number("--seed", 1) as u64,
        steps: arguments.number("--steps", 30),
        fault: None,
        kills: if arguments.has("--kills") { Kills::Some } else { Kills::None },
        cut: histories::walk::Cut::Down,
        on: match arguments.text("--on") {
            Some("postgres") => histories::walk::On::Postgres,
            _ => histories::walk::On::DuckDb,
        },
    };
    let (next, sum) = (AtomicUsize::new(0), Mutex::new(histories::report::Report::default()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let walk = next.fetch_add(1, Ordering::Relaxed);
                    if walk >= walks {
                        return;
                    }
                    let report = histories::walk::one(&plan, plan.seed + walk as u64);
                    for finding in &report.findings {
                        tell(&format!("WRONG: {}\n", finding.text()));
                    }
                    sum.lock().expect("nobody panicked").add(report);
                }
            });
        }
    });
    let sum = sum.into_inner().expect("nobody panicked");
    tell(&sum.summary());
    sum.findings.len()
}

fn crowd(arguments: &Arguments) -> usize {
    let plan = together::Plan {
        processes: arguments.number("--processes", 32),
        time: Duration::from_secs(arguments.number("--seconds", 180) as u64),
        most: usize::MAX,
        seed: arguments.number("--seed", 1) as u64,
    };
    let report = together::run(&plan);
    tell(&report.text());
    report.failures.len()
}
