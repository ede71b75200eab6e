//! A command that is killed at one of the lines that it tells of its statements, so that the same command must go on from there.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::lab;

/// Runs a command until it has told so many lines of its statements, counted from 1, and kills it there; whether it got so far.
pub(super) fn kill(mut command: Command, at: usize) -> bool {
    let child = command.arg("-vvv").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("this program");
    let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let told = stderr.lines().map(|line| line.expect("text")).filter(|line| lab::is_of_statement(line));
    let is_hit = told.take(at).count() == at;
    if is_hit {
        child.kill().expect("it is ours");
    }
    child.wait().expect("its status");
    is_hit
}
