//! The command line of `bot test`.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

/// `bot test`.
#[derive(Args, Clone, Debug)]
pub struct TestArguments {
    /// A test file, a folder, one test as `FILE::NAME`, or the file of a model for its tests [default: all]
    #[arg(value_name = "PATH[::NAME]")]
    pub tests: Vec<String>,
    /// Only tests whose `FILE::NAME` holds this text, or fits it where it has `*`; may be given several times
    #[arg(short = 'k', value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// How the result is printed on stdout
    #[arg(long, value_enum, default_value_t = TestFormat::Terminal)]
    pub format: TestFormat,
    /// Tests that run at once [default: the processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Exit 1 where a test needs another engine than DuckDB; it is named either way
    #[arg(long)]
    pub all_must_run: bool,
    /// Write a test of this model from rows of the warehouse, instead of running any
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["tests", "patterns", "format", "jobs", "all_must_run"])]
    pub create: Option<String>,
    /// With --create: the query for the rows of one of the model's parents [default: its first ten rows]
    #[arg(long, num_args = 2, value_names = ["MODEL", "SQL"], requires = "create")]
    pub query: Vec<String>,
    /// With --create: a variable of the test, such as `start=2026-01-01`; may be given several times
    #[arg(long, value_name = "NAME=VALUE", requires = "create")]
    pub var: Vec<String>,
    /// With --create: the test's name [default: `test_` and the last part of the model's]
    #[arg(long, requires = "create")]
    pub name: Option<String>,
    /// With --create: the file, from `tests/` on [default: the test's name]
    #[arg(long, value_name = "FILE", requires = "create")]
    pub path: Option<String>,
    /// With --create: state what the CTEs give, too
    #[arg(long, requires = "create")]
    pub include_ctes: bool,
    /// With --create: write over a file that is there
    #[arg(long, requires = "create")]
    pub overwrite: bool,
    /// With --create: how long to wait for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
}

/// `bot test --format`. Rows are shown, so there is none that is meant for a pull request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people at a terminal.
    #[default]
    Terminal,
    /// For scripts, with a versioned schema.
    Json,
}
