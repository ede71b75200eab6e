//! Whole processes on generated projects: `cargo bench --bench process -- [MODELS…]`, a table on standard output.
//!
//! Each figure is `bot plan` from its start to its end: cold with an empty cache folder, warm with one that a run before
//! has filled. Nothing here fails for being slow; `docs/benchmarks.md` says what the columns mean and what is wanted.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark runs processes and makes files of its own"
)]

mod generated;
mod measured;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use generated::{Size, project, raw_tables};
use measured::{Arguments, Run, least, median, run};

/// Models, and at most how many seconds cold, seconds warm and megabytes; on four cores.
const WANTED: [(usize, f64, f64, u64); 3] =
    [(1_000, 0.08, 0.04, 70), (10_000, 0.6, 0.12, 200), (100_000, 8.0, 1.2, 1_800)];

/// What `--promoted` promotes up to: two days of every incremental model.
const PROMOTED_AT: &str = "2026-01-03";

fn main() {
    let arguments = Arguments::read(&["promoted"]);
    let promoted = arguments.option("promoted").is_some();
    let sizes = match arguments.numbers.as_slice() {
        [] if promoted => vec![1_000],
        [] => vec![1_000, 10_000, 100_000],
        numbers => numbers.to_vec(),
    };
    let scratch = tempfile::tempdir().expect("a folder");
    let kept = arguments.option("folder").map(PathBuf::from);
    println!("bot plan, whole process, {}", measured::machine());
    println!(
        "{:>8} {:>11} {:>8} {:>8} {:>6} {:>8} {:>8} {:>6} {:>8} {:>8} {:>8} {:>6}",
        "models",
        "SQL bytes",
        "cold s",
        "least",
        "want",
        "warm s",
        "least",
        "want",
        "CPU s",
        "warm CPU",
        "peak MB",
        "want"
    );
    let mut rows = Vec::new();
    for models in sizes {
        let root = made(kept.as_deref().unwrap_or(scratch.path()), models);
        if promoted {
            promote(&arguments, &root);
        }
        let runs = arguments.number("runs", if models > 20_000 { 3 } else { 7 });
        let row = Row::measured(&arguments, &root, models, runs);
        println!("{row}");
        rows.push(row);
    }
    growth(&rows);
}

/// The folder of a project of that size: made, unless it is there from an earlier run.
fn made(folder: &Path, models: usize) -> PathBuf {
    let size = Size { models, history: 20 };
    let (root, ready) = (folder.join(format!("project-{models}")), folder.join(format!("project-{models}.ready")));
    if !ready.exists() {
        if root.exists() {
            fs::remove_dir_all(&root).expect("a project that was not finished");
        }
        project(&root, size);
        fs::write(ready, "").expect("the folder is ours");
    }
    root
}

/// Promotes main, so that the plan compares with a production and its state.
fn promote(arguments: &Arguments, root: &Path) {
    if root.join(".offshoot").exists() {
        return;
    }
    let warehouse = duckdb::Connection::open(root.join("warehouse.duckdb")).expect("a new file");
    warehouse.execute_batch(&raw_tables()).expect("the tables that staging reads");
    warehouse.close().expect("nobody else has it");
    run(bot(arguments, root).args(["promote", "--execution-time", PROMOTED_AT]));
}

fn bot(arguments: &Arguments, root: &Path) -> Command {
    let mut command = Command::new(arguments.bot());
    command.current_dir(root).env("GIT_CONFIG_GLOBAL", "/dev/null").env_remove("CI").env_remove("GITHUB_ACTIONS");
    command
}

/// What was measured at one size.
struct Row {
    models: usize,
    bytes: u64,
    cold: Vec<Run>,
    warm: Vec<Run>,
}

impl Row {
    fn measured(arguments: &Arguments, root: &Path, models: usize, runs: usize) -> Self {
        let plan = |cache: &Path| run(bot(arguments, root).arg("plan").env("OFFSHOOT_CACHE_DIR", cache));
        let cold = || plan(tempfile::tempdir().expect("an empty cache").path());
        // Files that the system has not read yet are no part of what is measured.
        cold();
        let filled = tempfile::tempdir().expect("a cache");
        plan(filled.path());
        Self {
            models,
            bytes: sql_bytes(&root.join("models")),
            cold: (0..runs).map(|_| cold()).collect(),
            warm: (0..runs).map(|_| plan(filled.path())).collect(),
        }
    }

    fn peak(&self) -> u64 {
        self.cold.iter().chain(&self.warm).map(|run| run.peak).max().unwrap_or_default()
    }
}

fn walls(runs: &[Run]) -> Vec<Duration> {
    runs.iter().map(|run| run.wall).collect()
}

fn processor(runs: &[Run]) -> f64 {
    median(&runs.iter().map(|run| run.cpu).collect::<Vec<_>>())
}

impl std::fmt::Display for Row {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wanted = WANTED.iter().find(|(models, ..)| *models == self.models);
        let limit = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let (cold, warm) = (walls(&self.cold), walls(&self.warm));
        write!(
            out,
            "{:>8} {:>11} {:>8.3} {:>8.3} {:>6} {:>8.3} {:>8.3} {:>6} {:>8.3} {:>8.3} {:>8} {:>6}",
            self.models,
            self.bytes,
            median(&cold),
            least(&cold),
            limit(wanted.map(|wanted| wanted.1.to_string())),
            median(&warm),
            least(&warm),
            limit(wanted.map(|wanted| wanted.2.to_string())),
            processor(&self.cold),
            processor(&self.warm),
            self.peak() / 1_000_000,
            limit(wanted.map(|wanted| wanted.3.to_string())),
        )
    }
}

/// By what power of the number of models time grows: 1 is linear, 2 is a square.
fn growth(rows: &[Row]) {
    let exponent = |from: &Row, to: &Row, runs: fn(&Row) -> &Vec<Run>| {
        let time = |row: &Row| median(&walls(runs(row)));
        (time(to) / time(from)).ln() / (to.models as f64 / from.models as f64).ln()
    };
    let told = |from: &Row, to: &Row| {
        let (cold, warm) = (exponent(from, to, |row| &row.cold), exponent(from, to, |row| &row.warm));
        println!("growth from {} to {}: cold {cold:.2}, warm {warm:.2}", from.models, to.models);
    };
    for pair in rows.windows(2) {
        told(&pair[0], &pair[1]);
    }
    if let [first, _, .., last] = rows {
        told(first, last);
    }
}

fn sql_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder of models").map(|entry| entry.expect("readable"));
    let size = |entry: fs::DirEntry| {
        let about = entry.metadata().expect("readable");
        if about.is_dir() { sql_bytes(&entry.path()) } else { about.len() }
    };
    entries.map(size).sum()
}
