//! The binary: takes the process's surroundings, runs the library, leaves with its exit code. Nothing else.

use std::process::ExitCode;

/// Plans make many small values; the system's allocator takes a third of their time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(offshoot::run_process().code())
}
