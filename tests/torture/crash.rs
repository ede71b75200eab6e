//! A command is struck at one of the lines that it tells of its statements, the warehouse's and the state's; what it leaves
//! behind is looked at, and it is given once more.
//!
//! Nothing sleeps and no clock is asked: the child tells each statement as it begins and ends (`-vvv`), and the stroke comes
//! as the line is read.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use super::place::{Kind, Place, Views};
use super::scenario::{Again, SUFFIXES, Scenario};
use crate::lab::is_of_statement;

/// What happens to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed at this line of its statements, counted from 1.
    Killed(usize),
    /// All connections of the database are ended at this line.
    Cut(usize),
    /// No file may grow beyond so many bytes.
    #[allow(dead_code, reason = "for the suite, which needs no root")]
    Limited(u64),
    /// The disk with warehouse and state has so many bytes left; of a server's, the disk with its tables. Root's alone: a disk
    /// is mounted for it.
    #[allow(dead_code, reason = "for the example, which may have root")]
    Full(u64),
}

/// How a command ended that was struck.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The lines that it told of its statements.
    pub(crate) lines: Vec<String>,
    /// Whether the stroke hit it before it was through.
    pub(crate) hit: bool,
    /// Everything else that it told.
    talk: String,
    is_well: bool,
    by_signal: bool,
}

/// The number of lines of a run that nothing strikes.
pub(crate) fn lines(scenario: &Scenario) -> usize {
    unstruck(scenario).len()
}

/// The numbers of those of them that are like this, counted from 1.
#[allow(dead_code, reason = "for the suite; the example strikes at each")]
pub(crate) fn lines_like(scenario: &Scenario, is_like: fn(&str) -> bool) -> Vec<usize> {
    (1..).zip(unstruck(scenario)).filter(|(_, line)| is_like(line)).map(|(number, _)| number).collect()
}

fn unstruck(scenario: &Scenario) -> Vec<String> {
    let place = scenario.place.copied();
    let ended = run(&place, &scenario.command, None);
    assert!(ended.is_well, "{}: {}", scenario.name, ended.talk);
    ended.lines
}

/// Strikes the command, and says what does not hold afterwards; whether the stroke hit it at all.
pub(crate) fn strike(scenario: &Scenario, fault: Fault) -> Result<bool, String> {
    let place = match fault {
        Fault::Full(_) => scenario.place.copied_on_a_disk(),
        _ => scenario.place.copied(),
    };
    let struck = run(&place, &scenario.command, Some(fault));
    let told = |what: &str| format!("{:?}, {}, {fault:?}: {what}", scenario.kind, scenario.name);
    if struck.talk.contains("panicked") || (struck.by_signal && !matches!(fault, Fault::Killed(_))) {
        return Err(told(&format!("it died of it: {}", struck.talk)));
    }
    // Without transactions a reader may see some of both, or a view of a table that is made at the moment.
    if scenario.kind != Kind::OneByOne {
        let seen = place.shown("");
        if seen != scenario.before && seen != scenario.after[0] {
            let differs = differences(&seen, &scenario.after[0]);
            return Err(told(&format!("prod shows neither the old nor the new, but other {differs}")));
        }
    }
    if scenario.kind == Kind::Server {
        place.forget_the_dead();
    }
    let is_done = match scenario.again {
        Again::Always => false,
        Again::Unless(kind) => place.environment("prod")["history"][0]["kind"] == kind,
        Again::UnlessGone => place.environment("dev").is_null(),
    };
    if !is_done {
        let ran = place.run(&scenario.command);
        if !ran.status.success() {
            return Err(told(&format!("it cannot go on: {}", String::from_utf8_lossy(&ran.stderr))));
        }
    }
    for (suffix, expected) in SUFFIXES.iter().zip(&scenario.after) {
        let found = place.shown(suffix);
        if found != *expected {
            let differs = differences(&found, expected);
            return Err(told(&format!("in the end the views of `*{suffix}` differ: {differs}")));
        }
    }
    match place.complaints() {
        complaints if complaints.is_empty() => Ok(struck.hit),
        complaints => Err(told(&format!("doctor: {}", complaints.join("; ")))),
    }
}

fn differences(found: &Views, expected: &Views) -> String {
    let names = found.keys().chain(expected.keys());
    let mut names: Vec<&String> = names.filter(|name| found.get(*name) != expected.get(*name)).collect();
    names.sort_unstable();
    names.dedup();
    let name = |name: &&String| format!("{name} {:?} for {:?}", found.get(*name), expected.get(*name));
    names.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn run(place: &Place, arguments: &[&str], fault: Option<Fault>) -> Ended {
    let mut command = place.bot(arguments);
    command.arg("-vvv");
    match fault {
        Some(Fault::Limited(bytes)) => command = limited(&command, bytes),
        Some(Fault::Full(bytes)) => place.leave(bytes),
        _ => {}
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary");
    let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut lines, mut hit, mut talk) = (Vec::new(), false, String::new());
    for line in stderr.lines() {
        let line = line.expect("text");
        if !is_of_statement(&line) {
            talk.push_str(&line);
            talk.push('\n');
            continue;
        }
        lines.push(line);
        match fault {
            Some(Fault::Killed(at)) if at == lines.len() => child.kill().expect("it is ours"),
            Some(Fault::Cut(at)) if at == lines.len() => {
                place.cut();
                hit = true;
            }
            _ => {}
        }
    }
    let status = child.wait().expect("its status");
    let by_signal = status.signal().is_some();
    let is_full = matches!(fault, Some(Fault::Limited(_) | Fault::Full(_)));
    if is_full {
        place.widen();
    }
    let hit = hit || by_signal || (is_full && !status.success());
    Ended { lines, hit, talk, is_well: status.success(), by_signal }
}

/// The same command under a limit for the size of files, whose signal is ignored so that writing fails instead.
fn limited(command: &Command, bytes: u64) -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--fsize={bytes}")).args(["sh", "-c", r#"trap "" XFSZ; exec "$@""#, "sh"]);
    limited.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited
}
