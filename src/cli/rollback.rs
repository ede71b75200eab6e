//! The command line of `bot rollback`.

use clap::Args;

use super::FormatArguments;

/// `bot rollback`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct RollbackArguments {
    /// The entry, by its number in `bot env show` [default: the one before what is shown now]
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// The environment, one that promote writes
    #[arg(long = "env", value_name = "NAME", default_value = "prod")]
    pub environment: String,
    /// Why, for those whose promote is refused meanwhile
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Go back without asking, on a terminal too
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Show what would move, and write nothing [default: on a terminal]
    #[arg(long)]
    pub dry_run: bool,
    /// Rename foreign tables and views that stand under a model's name to `<name>__before_offshoot`
    #[arg(long)]
    pub take_over: bool,
    /// How long to wait for others, and for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
    #[command(flatten)]
    pub format: FormatArguments,
}
