//! The command line of `bot audit`.

use clap::Args;

use super::FormatArguments;

/// `bot audit`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct AuditArguments {
    /// The environment whose tables are looked at
    #[arg(long = "env", alias = "environment", value_name = "NAME", default_value = "prod")]
    pub environment: String,
    /// Only models of this name, in which `*` stands for anything; may be given several times [default: all]
    #[arg(short, long = "model", value_name = "PATTERN")]
    pub models: Vec<String>,
    /// Of tables that are loaded by time only the rows from then on, such as `2026-01-01` or `1 week ago` [default: all]
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub start: Option<String>,
    /// Of tables that are loaded by time only the rows until then: a date is a day that belongs to it [default: all]
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub end: Option<String>,
    /// Run nothing: show what was found last, by whichever command; opens no warehouse
    #[arg(long)]
    pub last: bool,
    /// How long to wait for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
    #[command(flatten)]
    pub format: FormatArguments,
}
