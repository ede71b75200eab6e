//! Processes measured from start to end, and what several measurements come to.
//!
//! Time is the wall's. Peak memory is what the system says when the process is gone; it cannot be less than what this
//! program itself had resident when it began the other, which is a few megabytes.
#![allow(dead_code, missing_docs, reason = "each benchmark uses a part of it")]

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

/// One process that has ended well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) wall: Duration,
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// The most resident memory that it had, in bytes.
    pub(crate) peak: u64,
}

/// Runs a process to its end. What it says on stderr is read along, as a terminal or a log would.
pub(crate) fn run(command: &mut Command) -> Run {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let mut talk = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut talk).expect("text");
    let used = child.wait4().expect("it is ours");
    let wall = begun.elapsed();
    assert!(used.status.success(), "{command:?}: {}\n{talk}", used.status);
    Run { wall, cpu: used.rusage.utime + used.rusage.stime, peak: used.rusage.maxrss }
}

/// The middle of several times, in seconds; of an even number the upper one of the two in the middle.
pub(crate) fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

pub(crate) fn least(times: &[Duration]) -> f64 {
    times.iter().min().expect("at least one run").as_secs_f64()
}

/// Copies a file and has it written out, so that the next one to be measured does not pay for it.
pub(crate) fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// As [`copy_file`], with all that is in a folder.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// What was asked for on the command line; cargo's own `--bench` is passed over.
pub(crate) struct Arguments {
    pub(crate) numbers: Vec<usize>,
    options: Vec<(String, String)>,
}

impl Arguments {
    /// `flags` stand alone; every other option takes the argument after it.
    pub(crate) fn read(flags: &[&str]) -> Self {
        let mut read = Self { numbers: Vec::new(), options: Vec::new() };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix("--") {
                Some(flag) if flags.contains(&flag) => read.options.push((flag.to_owned(), String::new())),
                Some(option) => read.options.push((option.to_owned(), arguments.next().expect("a value"))),
                None => read.numbers.push(argument.replace(['_', ','], "").parse().expect("a number")),
            }
        }
        read
    }

    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(option, _)| option == name).map(|(_, value)| value.as_str())
    }

    /// A number that an option says, else another one.
    pub(crate) fn number(&self, name: &str, other: usize) -> usize {
        self.option(name).map_or(other, |value| value.parse().expect("a number"))
    }

    /// The program that is measured: the one that cargo built with the benchmark, or `--bot FILE`.
    pub(crate) fn bot(&self) -> &str {
        self.option("bot").unwrap_or(env!("CARGO_BIN_EXE_bot"))
    }
}

/// The machine, for a report: how many cores, and how busy it was when asked.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned();
    format!("{cores} cores, load {load}")
}
