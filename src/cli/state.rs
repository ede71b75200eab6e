//! The command line of `bot state`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, FormatArguments};

/// `bot state`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct StateArguments {
    #[command(subcommand)]
    pub command: StateCommand,
}

/// What to do with the state.
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// Write everything that the state knows of the project as lines of JSON: environments, history, tables and their loads
    ///
    /// The same state gives the same bytes, whatever store it is in. No secret and no path of a machine is in it.
    Export(ExportArguments),
    /// Take up an exported state, with its identity, so that the warehouse stays its own; only into an empty state
    ///
    /// The file is looked through before anything is made, and taken up in one transaction.
    Import(ImportArguments),
    /// Make a lost state anew from what promotes wrote into the warehouse: production, and others that promote writes
    ///
    /// What promote recorded in the transaction that moved the views is taken up where the warehouse still has it: pointers,
    /// commit, tables and their loads. Everything else is built again when it is needed. On a terminal nothing is done without
    /// `--yes`.
    Recover(RecoverArguments),
    /// Bring the state to this program's tables and fingerprints, and tell both versions
    ///
    /// Every command that writes does so first. Where fingerprints have a new version, the commits of production and of the
    /// environments are fingerprinted again, and their tables are found under the new keys: nothing is built for an upgrade.
    /// The whole history must be here for that (`fetch-depth: 0`).
    Migrate(MigrateArguments),
}

/// `bot state export`.
#[derive(Args, Clone, Debug)]
pub struct ExportArguments {
    /// The file to write, in place of one that is there [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `bot state import`.
#[derive(Args, Clone, Debug)]
pub struct ImportArguments {
    /// What `bot state export` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How long to wait for others who write the state
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
}

/// `bot state recover`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct RecoverArguments {
    /// Recover without asking, on a terminal too
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Show what would be taken up and what would be built again, and write nothing [default: on a terminal]
    #[arg(long)]
    pub dry_run: bool,
    /// How long to wait for others, and for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// `bot state migrate`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct MigrateArguments {
    /// Show what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long to wait for others who write the state
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
    #[command(flatten)]
    pub format: FormatArguments,
}

impl StateCommand {
    /// How its result is printed.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Export(_) | Self::Import(_) => Format::Terminal,
            Self::Recover(arguments) => arguments.format.format,
            Self::Migrate(arguments) => arguments.format.format,
        }
    }
}
