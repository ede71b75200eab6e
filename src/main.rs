//! The binary: takes the process's surroundings, runs the library, leaves with its exit code. Nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(offshoot::run_process().code())
}
