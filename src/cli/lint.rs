//! The command line of `bot lint`.

use clap::{Args, ValueEnum};

use super::OneTreeArguments;

/// `bot lint`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct LintArguments {
    /// Look at this model only; may be given several times [default: all of them]
    #[arg(short, long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    #[command(flatten)]
    pub tree: OneTreeArguments,
    /// How the result is printed on stdout
    #[arg(long, value_enum, default_value_t = LintFormat::Terminal)]
    pub format: LintFormat,
}

/// `bot lint --format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// For people at a terminal.
    #[default]
    Terminal,
    /// For scripts, with a versioned schema.
    Json,
}
