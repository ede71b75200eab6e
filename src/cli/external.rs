//! The command line of `bot external`.

use clap::Args;

/// `bot external`.
#[derive(Args, Clone, Debug)]
pub struct ExternalArguments {
    /// Write nothing; say what would change, with exit code 1 if anything would
    #[arg(long)]
    pub check: bool,
    /// How long to wait for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
}
