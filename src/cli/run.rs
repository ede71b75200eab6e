//! The command line of `bot run`.

use clap::Args;

use super::{FormatArguments, WorkArguments};

/// `bot run`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct RunArguments {
    /// The environment
    #[arg(value_name = "ENV", default_value = "prod")]
    pub environment: String,
    /// Load this model again, and whatever reads it in the environment, whatever was loaded; may be given several times
    ///
    /// Those that are filled as a whole are filled again; those that are loaded by time over the same time, their `lookback`
    /// before it included. A model that reads more of another one's past than that needs a wider range. What has no rows of
    /// its own (a view, an external table, a seed) stands for what reads it. A table by key is loaded
    /// again from its beginning, one that reads itself up to the present. Tables of other environments that read these are behind them afterwards: the
    /// next `bot apply` or `bot promote` loads them again.
    #[arg(long, value_name = "MODEL")]
    pub restate: Vec<String>,
    /// From when on, such as `2026-01-01`, `2026-01-01 06:00` or `1 week ago` [default: the beginning]
    #[arg(long, value_name = "TIME", requires = "restate")]
    pub start: Option<String>,
    /// Until when: a date is a day that belongs to it, a moment does not [default: the end]
    #[arg(long, value_name = "TIME", requires = "restate")]
    pub end: Option<String>,
    /// Show what is due, and write nothing; opens no warehouse
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub work: WorkArguments,
    #[command(flatten)]
    pub format: FormatArguments,
}
