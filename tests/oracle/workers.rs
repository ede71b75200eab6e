//! Runs blocks of episodes in processes of their own, because the engine ends the process at some statements: such a
//! crash is counted and told with its statement, its episode is left out, and the run goes on.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::faults::Fault;
use super::journal;
use super::report::Report;
use super::run::{Block, Plan, run_block};

/// Edits of one block, which is the same whoever runs it and however many run beside it.
const BLOCK: u64 = 2_000;
/// Episodes are numbered from here on in each block.
const EPISODES: u64 = 10_000;
/// An episode that takes longer hangs.
const LONG: Duration = Duration::from_secs(600);
/// Crashes of one block after which it is given up.
const ENOUGH_CRASHES: usize = 50;

/// How a worker is called: `--worker SEED FIRST_EPISODE EDITS ENOUGH FAULT JOURNAL`.
pub(crate) const WORKER: &str = "--worker";

/// Runs a plan in so many processes.
pub(crate) fn run(plan: &Plan, jobs: usize) -> Report {
    let blocks = plan.edits.div_ceil(BLOCK);
    let begin = Instant::now();
    let (next, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    let reports: Mutex<BTreeMap<u64, Report>> = Mutex::new(BTreeMap::new());
    let work = || {
        while !enough.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= blocks {
                return;
            }
            let edits = BLOCK.min(plan.edits - number * BLOCK);
            let report = block(plan, Block { first: number * EPISODES, edits });
            if plan.fault.is_none() {
                tell_findings(&report);
            }
            let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
            reports.insert(number, report);
            if plan.fault.is_none() {
                tell_progress(&reports, begin);
            }
            let found: usize = reports.values().map(|report| report.unsound.len()).sum();
            enough.fetch_or(found >= plan.enough, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| (0..jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    let reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.into_values().fold(Report::default(), Report::and)
}

/// What is found is told at once: a long run may be stopped.
fn tell_findings(report: &Report) {
    for finding in report.unsound.iter().chain(&report.misled).chain(&report.failures) {
        let _ = std::io::stderr().write_all(format!("{finding}\n").as_bytes());
    }
}

/// Long runs are watched, and may be stopped: after each block the summary of all so far.
fn tell_progress(reports: &BTreeMap<u64, Report>, begin: Instant) {
    let sum = reports.values().cloned().fold(Report::default(), Report::and);
    let text = sum.text(begin.elapsed().as_secs_f64());
    let line = text.lines().last().unwrap_or_default();
    let _ = std::io::stderr().write_all(format!("so far: {line}\n").as_bytes());
}

/// One block: a worker, and another one behind each episode that ended one.
fn block(plan: &Plan, block: Block) -> Report {
    let (mut whole, mut rest) = (Report::default(), block);
    while whole.edits < block.edits && whole.unsound.len() < plan.enough && whole.crashes.len() < ENOUGH_CRASHES {
        rest.edits = block.edits - whole.edits;
        match worker(plan, rest) {
            Ok(Ended { report, crash: None, .. }) => return whole.and(report),
            Ok(Ended { report, crash: Some(crash), episode }) => {
                let _ = std::io::stderr().write_all(format!("{crash}\n").as_bytes());
                whole = whole.and(report);
                whole.crashes.push(crash);
                rest.first = episode + 1;
            }
            Err(error) => {
                whole.failures.push(error);
                return whole;
            }
        }
    }
    whole
}

/// How far a worker came.
struct Ended {
    report: Report,
    /// The engine ended it, in the episode.
    crash: Option<String>,
    episode: u64,
}

fn worker(plan: &Plan, block: Block) -> Result<Ended, String> {
    let path = std::env::temp_dir().join(format!("oracle-{}-{}-{}.sql", std::process::id(), plan.seed, block.first));
    let ended = start(plan, block, &path).map_err(|error| error.to_string()).and_then(|child| follow(child, &path));
    if ended.as_ref().is_ok_and(|ended| ended.crash.is_none()) {
        let _ = std::fs::remove_file(&path);
    }
    ended
}

fn start(plan: &Plan, block: Block, journal: &Path) -> std::io::Result<Child> {
    let fault = plan.fault.map_or(String::new(), |fault| format!("{fault:?}"));
    Command::new(std::env::current_exe()?)
        .arg(WORKER)
        .args([plan.seed, block.first, block.edits, plan.enough as u64].map(|number| number.to_string()))
        .arg(fault)
        .arg(journal)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Reads what a worker came to after each episode, until it ends.
fn follow(mut child: Child, journal: &Path) -> Result<Ended, String> {
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("a worker without output".to_owned());
    };
    let (lines, read) = channel();
    let reader = std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(lines.send(line)));
    });
    let talk = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let (last, hangs) = last_line(&read);
    if hangs {
        child.kill().map_err(|error| error.to_string())?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let (_, talk) = (reader.join(), talk.join().unwrap_or_default());
    let report: Report = match &last {
        Some(line) => serde_json::from_str(line).map_err(|error| error.to_string())?,
        None => Report::default(),
    };
    if status.success() {
        return Ok(Ended { report, crash: None, episode: 0 });
    }
    let (episode, statement) = last_of(journal);
    if hangs || is_signal(status) {
        let what = if hangs { "ENGINE HANGS" } else { "ENGINE CRASHED" };
        let crash = format!("{what} in episode {episode} ({status}, {}): {statement}", journal.display());
        return Ok(Ended { report, crash: Some(crash), episode });
    }
    Err(format!("a worker failed in episode {episode} ({status}): {talk}\n{statement}"))
}

fn last_line(read: &Receiver<String>) -> (Option<String>, bool) {
    let mut last = None;
    loop {
        match read.recv_timeout(LONG) {
            Ok(line) => last = Some(line),
            Err(error) => return (last, error == RecvTimeoutError::Timeout),
        }
    }
}

#[cfg(unix)]
fn is_signal(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal().is_some()
}

#[cfg(not(unix))]
fn is_signal(status: ExitStatus) -> bool {
    status.code().is_none_or(|code| code != 101)
}

/// The episode that a journal is of, and its last statement.
fn last_of(journal: &Path) -> (u64, String) {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let episode = text.lines().next().and_then(|line| line.rsplit(' ').next()?.parse().ok());
    (episode.unwrap_or_default(), text.lines().last().unwrap_or_default().to_owned())
}

/// The other end: runs a block and says after each episode what it came to so far.
pub(crate) fn serve(arguments: &[String]) -> Result<(), String> {
    let [seed, first, edits, enough, fault, path] = arguments else {
        return Err(format!("{WORKER} takes six values"));
    };
    let number = |text: &String| text.parse::<u64>().map_err(|error| error.to_string());
    let fault = Fault::ALL.iter().map(|(fault, _)| *fault).find(|known| format!("{known:?}") == *fault);
    journal::open(&PathBuf::from(path)).map_err(|error| error.to_string())?;
    let block = Block { first: number(first)?, edits: number(edits)? };
    let plan = Plan { edits: block.edits, seed: number(seed)?, fault, enough: number(enough)? as usize };
    let mut out = std::io::stdout().lock();
    run_block(&plan, block, &mut |report| {
        let line = serde_json::to_string(report).unwrap_or_default();
        let _ = writeln!(out, "{line}");
    });
    Ok(())
}
