//! The command line as types; the doc comments are the help. Nothing here decides or reads anything.

mod audit;
mod environments;
mod external;
mod hook;
mod lint;
mod rollback;
mod run;
mod state;
mod test;
mod tree;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use audit::AuditArguments;
pub use environments::{DropArguments, EnvironmentArguments, EnvironmentCommand, NamedEnvironment, ShowArguments};
pub use external::ExternalArguments;
pub use hook::{HookArguments, HookCommand, HookRunArguments};
pub use lint::{LintArguments, LintFormat};
pub use rollback::RollbackArguments;
pub use run::RunArguments;
pub use state::{ExportArguments, ImportArguments, MigrateArguments, RecoverArguments, StateArguments, StateCommand};
pub use test::{TestArguments, TestFormat};
pub use tree::OneTreeArguments;

/// A data environment for every git branch.
///
/// Exit codes: 0 done, 1 the answer is no (problems in the project, or refused), 2 the program or its surroundings
/// failed. Data goes to stdout, talk to stderr.
#[derive(Clone, Debug, Parser)]
#[command(name = "bot", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help")]
    pub global: GlobalArguments,
    #[command(subcommand)]
    #[expect(missing_docs, reason = "a doc comment would become the help")]
    pub command: Command,
}

/// As SQLMesh takes names of gateways.
fn in_lower_case(name: &str) -> Result<String, std::convert::Infallible> {
    Ok(name.to_lowercase())
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct GlobalArguments {
    /// The folder with `config.yaml`, inside a git repository [default: the current folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// The gateway of `config.yaml` to use [default: what `gateways` of `offshoot.yaml` says of CI and of production, else
    /// `default_gateway`, else the first]
    #[arg(long, global = true, value_name = "NAME", value_parser = in_lower_case)]
    pub gateway: Option<String>,
    /// The present, for `@execution_ts` and for what is due, such as `2026-03-01` or `2026-03-01T12:00:00Z`
    #[arg(long, global = true, value_name = "TIME")]
    pub execution_time: Option<String>,
    /// Tell more on stderr; twice for each statement of the warehouse, three times for those that write the state, too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to colour; `auto` honours NO_COLOR and wants a terminal
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColourWish::Auto)]
    pub color: ColourWish,
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColourWish {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write a small project to start from: config, one seed, one model and one test of each kind; overwrites nothing
    Init(InitArguments),
    /// Write a shop project into a new git repository and walk through the whole loop with it
    Demo(DemoArguments),
    /// Show what a branch changes, what would be built and why; writes nothing and opens no warehouse
    Plan(PlanArguments),
    /// Build what the plan needs and point the environment's views at it
    Apply(ApplyArguments),
    /// Point production at the models of a commit of the base branch
    Promote(PromoteArguments),
    /// Load what is due by `cron` into the tables that an environment shows, production's unless it says otherwise
    ///
    /// Models are those of the commit that the environment was made from. A model that is loaded by time is loaded to the last
    /// unit that was over when its `cron` fired last, as far as its inputs are, with `lookback` units before each that was
    /// missing; one that is filled as a whole is filled again where its `cron` fired since. Ticks are in UTC, or in a model's `cron_tz`. Parents come
    /// first, each load replaces its range or its table in one transaction, and views are never touched: other environments
    /// that show a table get its fresh rows, too. A run of another environment leaves production's tables alone. What a run
    /// that died has recorded is not loaded again. While it runs a promote of the environment waits.
    Run(RunArguments),
    /// Run the audits of an environment over its tables as they are, production's unless it says otherwise
    ///
    /// Models are those of the commit that the environment was made from. All of a table is looked at unless `--start` or
    /// `--end` says otherwise; external tables and audits that belong to no model are looked at, too. The warehouse is only
    /// read. What is found in all of the rows is kept in the state, unless somebody writes it at the moment. The exit code is 1 where a blocking
    /// audit finds rows, or one cannot run.
    Audit(AuditArguments),
    /// Point production back at an earlier entry of its history, and hold it there
    ///
    /// Moves pointers only, in one transaction: what was built since stays, and no table is filled. A model that the entry has
    /// not loses its view, one that is gone since gets it again. Afterwards `bot promote` refuses whatever would bring back
    /// what was rolled back, until a revert or a fix is merged or `bot promote --release` says otherwise. On a terminal
    /// nothing is done without `--yes`.
    Rollback(RollbackArguments),
    /// List, show or drop environments
    Env(EnvironmentArguments),
    /// Drop environments that are over and tables that nothing has needed for long enough
    ///
    /// A table is needed where an environment points at it, or one of the last entries of production's history (`gc:
    /// {history: 10}` in `offshoot.yaml`), or where a view or macro of the warehouse names it. Its time begins with the first
    /// `bot gc` that finds it needed by nothing, and ends after `snapshot_ttl` of `config.yaml`, a week unless it says
    /// otherwise. What is not ours is never dropped. On a terminal nothing is dropped without `--yes`.
    Gc(GcArguments),
    /// Export, import, recover or migrate the state
    State(StateArguments),
    /// Run a query in which model names mean an environment's tables
    Query(QueryArguments),
    /// Compare the data of an environment with another's: counts, never rows; opens the warehouse for reading only
    Diff(DiffArguments),
    /// Print a model's SQL as it will run
    Render(RenderArguments),
    /// Show where a model or a column comes from and who reads it; writes nothing and opens no warehouse
    Lineage(LineageArguments),
    /// Write the columns of the tables that the project reads and does not own into `external_models.yaml`
    ///
    /// Reads the working tree and asks the warehouse, which is opened for reading only. What is in `external_models/` is left to
    /// whoever wrote it. Of the file only columns are written; all other keys, comments, tables that are not in the warehouse
    /// and entries of other gateways stay as they are. With them `SELECT *` over such a table is no longer opaque.
    External(ExternalArguments),
    /// Ask the rules that `linter` of `config.yaml` names; writes nothing and opens no warehouse
    ///
    /// The rules are SQLMesh's built-in ones, without those that a model's `ignored_rules` name. Violations of `rules` are
    /// errors and end with exit code 1, those of `warn_rules` are only shown. Where `linter.enabled` is true, they are problems
    /// of the project too: errors stop plan, apply and promote.
    Lint(LintArguments),
    /// Run the unit tests of models, or write one from data
    ///
    /// Tests are those of SQLMesh: `tests/**/test*.yaml`, as they lie in the working tree. Each runs in a DuckDB of its own in
    /// memory, which reaches no files and no servers unless `test_connection` says so; no warehouse is opened and nothing is
    /// written. Exit 1 where a test fails or a file has a mistake. With --create the warehouse is opened for reading, and one
    /// test is written. `docs/unit-tests.md` has the format.
    Test(TestArguments),
    /// Tell at each push what it changes: a pre-push hook that opens no warehouse and writes nothing
    Hook(HookArguments),
    /// In GitHub Actions: do what the event asks for; plan, build and report pull requests, promote merges
    Ci(CiArguments),
    /// Check git, config, engine and state: what is found, what is wrong, what to do
    Doctor(DoctorArguments),
}

/// `bot init`.
#[derive(Args, Clone, Debug)]
pub struct InitArguments {
    /// Where to write [default: the current folder]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// `bot demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArguments {
    /// A new or empty folder, which stays usable afterwards [default: offshoot-demo]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Which trees are compared, and for which environment.
#[derive(Args, Clone, Debug, Default)]
pub struct TreeArguments {
    /// What the branch is compared with [default: the base branch]
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,
    /// The branch or commit that is planned [default: HEAD]
    #[arg(long, value_name = "REF", conflicts_with = "worktree")]
    pub head: Option<String>,
    /// Plan the files as they lie in the working tree, uncommitted edits included
    #[arg(long)]
    pub worktree: bool,
    /// The environment's name [default: made from the branch's name]
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// Load only the last days of what is loaded by time; promote loads the rest [default: all]
    #[arg(long, value_name = "DAYS")]
    pub max_days: Option<u32>,
}

/// What becomes of rows that would be computed again.
#[derive(Args, Clone, Debug, Default)]
pub struct RowArguments {
    /// Keep the rows that production has of incremental models which would be computed again: what is loaded from then on is
    /// of the new definition. Apply and promote write it down in the state, for whoever plans the same definition later
    #[arg(long)]
    pub forward_only: bool,
    /// Of models that are loaded by time keep only the rows before this moment: from then on, such as `2026-01-01` or
    /// `1 week ago`, they are computed again
    #[arg(long, value_name = "TIME", requires = "forward_only")]
    pub effective_from: Option<String>,
}

/// How results are printed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct FormatArguments {
    /// How the result is printed on stdout
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people at a terminal.
    #[default]
    Terminal,
    /// For pull requests and step summaries.
    Markdown,
    /// For scripts, with a versioned schema.
    Json,
}

/// How the warehouse is used.
#[derive(Args, Clone, Copy, Debug)]
pub struct WorkArguments {
    /// Models that are built at once [default: `concurrent_tasks` of the connection, else one for each core, at most 4]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// How long to wait for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
}

/// `bot plan`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct PlanArguments {
    #[command(flatten)]
    pub trees: TreeArguments,
    #[command(flatten)]
    pub rows: RowArguments,
    /// Instead of the plan, say why this model moved: each input of each hash that moved, old and new, down to the
    /// expression and through its parents to where it began; or which edits of it change nothing
    #[arg(long, value_name = "MODEL")]
    pub explain: Option<String>,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// `bot apply`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct ApplyArguments {
    #[command(flatten)]
    pub trees: TreeArguments,
    #[command(flatten)]
    pub rows: RowArguments,
    #[command(flatten)]
    pub work: WorkArguments,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// `bot ci`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct CiArguments {
    /// Write what the pull request is told, as JSON, to this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub work: WorkArguments,
}

/// `bot promote`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct PromoteArguments {
    /// A commit that the base branch contains [default: the base branch's tip]
    #[arg(value_name = "REV")]
    pub revision: Option<String>,
    /// The environment to promote to, such as `staging`
    #[arg(long, value_name = "ENV", default_value = "prod")]
    pub to: String,
    /// Promote also what is no descendant of the commit promoted last, that commit itself included
    #[arg(long)]
    pub force: bool,
    /// End the hold that a rollback left, and promote what it held back
    #[arg(long)]
    pub release: bool,
    /// Rename foreign tables and views that stand under a model's name to `<name>__before_offshoot`; rows that no query
    /// gives again go on in the model's table
    #[arg(long)]
    pub take_over: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
    pub rows: RowArguments,
    /// Where views of others stand upon production's and columns change (PostgreSQL), make theirs again as they were
    #[arg(long)]
    pub recreate_dependents: bool,
    #[command(flatten)]
    pub work: WorkArguments,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// `bot gc`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct GcArguments {
    /// Drop without asking, on a terminal too
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Show what would be dropped, and write nothing [default: on a terminal]
    #[arg(long)]
    pub dry_run: bool,
    /// How long to wait for others, and for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// `bot query`.
#[derive(Args, Clone, Debug)]
pub struct QueryArguments {
    /// The query
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Whose tables model names mean [default: the current branch's environment]
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub format: RowFormat,
    /// The most rows that are printed; 0 for all
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit: usize,
    /// How long to wait for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
}

/// `bot query --format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// An aligned table.
    #[default]
    Table,
    /// CSV with a header.
    Csv,
    /// One JSON object.
    Json,
}

/// `bot diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArguments {
    /// The environment [default: the current branch's]
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// What it is compared with [default: what it was made from, in most cases `prod`]
    #[arg(value_name = "BASE")]
    pub base: Option<String>,
    /// Only this model, whatever the limits of `data_diff`; may be given several times [default: those that differ, as many
    /// as `data_diff.max_models` says]
    #[arg(short, long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// How long to wait for a DuckDB file that another process holds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub lock_timeout: u64,
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help")]
    pub format: FormatArguments,
}

/// `bot render`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct RenderArguments {
    /// The model's name
    #[arg(value_name = "MODEL")]
    pub model: String,
    #[command(flatten)]
    pub trees: TreeArguments,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// `bot lineage`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct LineageArguments {
    /// A model, or a column of one, such as `marts.orders` or `marts.orders.amount`
    ///
    /// A model of the whole name wins; else the last part is a column of the model that the rest names. Parts that hold
    /// a dot stand in double quotes: `marts."orders.v2".amount`. Case matters only where two names differ in nothing else.
    #[arg(value_name = "MODEL[.COLUMN]")]
    pub name: String,
    /// Only what it comes from
    #[arg(long)]
    pub upstream: bool,
    /// Only what reads it
    #[arg(long)]
    pub downstream: bool,
    #[command(flatten)]
    pub tree: OneTreeArguments,
    /// How the result is printed on stdout; only `json` never leaves anything out
    #[arg(long, value_enum, default_value_t = LineageFormat::Terminal)]
    pub format: LineageFormat,
}

/// `bot lineage --format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LineageFormat {
    /// Trees for people at a terminal.
    #[default]
    Terminal,
    /// For scripts, with a versioned schema.
    Json,
    /// A Mermaid flowchart.
    Mermaid,
}

/// `bot doctor`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct DoctorArguments {
    /// Hold the records of state and warehouse against each other and against what is there
    #[arg(long)]
    pub deep: bool,
    #[command(flatten)]
    pub format: FormatArguments,
}

/// Whether errors go to stderr as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFormat {
    /// `error:` and `hint:` lines.
    Terminal,
    /// An object.
    Json,
}

impl Command {
    /// How this command's errors are told: as JSON where its result would be.
    pub fn error_format(&self) -> ErrorFormat {
        let format = match self {
            Self::Init(_) | Self::Demo(_) | Self::Hook(_) | Self::Ci(_) | Self::External(_) => Format::Terminal,
            Self::Plan(arguments) => arguments.format.format,
            Self::Apply(arguments) => arguments.format.format,
            Self::Promote(arguments) => arguments.format.format,
            Self::Run(arguments) => arguments.format.format,
            Self::Audit(arguments) => arguments.format.format,
            Self::Rollback(arguments) => arguments.format.format,
            Self::Env(arguments) => match &arguments.command {
                EnvironmentCommand::List(format) => format.format,
                EnvironmentCommand::Show(arguments) => arguments.environment.format.format,
                EnvironmentCommand::Drop(arguments) => arguments.environment.format.format,
            },
            Self::Gc(arguments) => arguments.format.format,
            Self::State(arguments) => arguments.command.format(),
            Self::Query(arguments) if arguments.format == RowFormat::Json => Format::Json,
            Self::Query(_) => Format::Terminal,
            Self::Diff(arguments) => arguments.format.format,
            Self::Render(arguments) => arguments.format.format,
            Self::Lineage(arguments) if arguments.format == LineageFormat::Json => Format::Json,
            Self::Lineage(_) => Format::Terminal,
            Self::Lint(arguments) if arguments.format == LintFormat::Json => Format::Json,
            Self::Lint(_) => Format::Terminal,
            Self::Test(arguments) if arguments.format == TestFormat::Json => Format::Json,
            Self::Test(_) => Format::Terminal,
            Self::Doctor(arguments) => arguments.format.format,
        };
        if format == Format::Json { ErrorFormat::Json } else { ErrorFormat::Terminal }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_of_the_contract_parse() {
        let lines = [
            "bot init some/folder",
            "bot demo",
            "bot plan --base main --head x --project p --format markdown",
            "bot plan --explain a.b --format json",
            "bot plan --worktree --env e --execution-time 2026-03-01 --color never -vv",
            "bot apply --jobs 4 --lock-timeout 5 --env e --gateway g --format json",
            "bot promote HEAD~1 --to staging --force --release --take-over",
            "bot rollback --to 3 --env staging --why late --yes --take-over --lock-timeout 5 --format json",
            "bot audit",
            "bot audit --env e --model a.* --model b.c --start 2026-01-01 --end 2026-01-31 --format json",
            "bot audit --environment e --last",
            "bot rollback --dry-run",
            "bot run",
            "bot run staging --dry-run --jobs 2 --lock-timeout 5 --format json",
            "bot run --restate a.b --restate c.d --start 2026-01-01 --end 2026-01-31",
            "bot env list",
            "bot env show e --history 3 --format json",
            "bot env drop e",
            "bot gc --yes --format json",
            "bot gc --dry-run --lock-timeout 5",
            "bot state export --output state.jsonl",
            "bot state import state.jsonl --lock-timeout 5",
            "bot state recover --dry-run --format json",
            "bot state migrate --dry-run --format json",
            "bot query --env prod select --format csv --limit 5",
            "bot render a.b",
            "bot lineage a.b.c --upstream --head x --format mermaid",
            "bot test tests/a.yaml::b -k x* --jobs 2 --all-must-run --format json",
            "bot test --create a.b --query a.c select --query a.d x --var start=1 --name t --path p --include-ctes --overwrite",
            "bot lineage a.b --downstream --worktree --format json",
            "bot external --check --lock-timeout 5",
            "bot lint --model a.b --model c.d --worktree --format json",
            "bot doctor --format json",
        ];
        for line in lines {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn json_results_mean_json_errors() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).expect("a command").command.error_format();
        assert_eq!(parse("bot query --format json x"), ErrorFormat::Json);
        assert_eq!(parse("bot env show e --format json"), ErrorFormat::Json);
        assert_eq!(parse("bot plan --format markdown"), ErrorFormat::Terminal);
    }
}
