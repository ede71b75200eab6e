//! The command line of `bot env`.

use clap::{Args, Subcommand};

use super::FormatArguments;

/// `bot env`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct EnvironmentArguments {
    #[command(subcommand)]
    pub command: EnvironmentCommand,
}

/// What to do with environments.
#[derive(Clone, Debug, Subcommand)]
pub enum EnvironmentCommand {
    /// List all environments
    List(FormatArguments),
    /// Show where one came from, what each of its models points at, and what it was before
    Show(ShowArguments),
    /// Drop one: its views go, its tables stay until gc
    Drop(DropArguments),
}

/// One environment by name.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct NamedEnvironment {
    /// The environment
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// `bot env show`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct ShowArguments {
    #[command(flatten)]
    pub environment: NamedEnvironment,
    /// The most entries of its history that are shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub history: usize,
}

/// `bot env drop`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct DropArguments {
    #[command(flatten)]
    pub environment: NamedEnvironment,
    /// How long to wait for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
}
