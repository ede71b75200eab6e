//! Offshoot: a data environment for every git branch. The library behind the binary `bot`; not an API for others.
//!
//! ```text
//!   git tree (base, head, result)          config.yaml, offshoot.yaml
//!            │ files                                │
//!            ▼                                      ▼
//!   project ── models, problems ──► graph ──► fingerprint ──► diff ──► plan ◄── state (what is built already)
//!                                                                       │
//!                                 render (terminal, Markdown, JSON) ◄───┤
//!                                                                       ▼
//!                                            apply / promote ──► engine (tables, views) ──► state
//! ```
//!
//! # The way of one push
//!
//! 1. `main.rs`, [`run`]: the command line becomes a [`cli::Command`]; [`commands`] finds its file.
//! 2. `commands/plan.rs`: asks `git` for three trees: base, head, and result (merged in memory).
//! 3. `project/`: files become [`model::Model`]s and [`problem::Problem`]s; nothing is thrown.
//! 4. `sql/`: a query becomes references, rows and columns; what is not certain is [`sql::Opaque`].
//! 5. `fingerprint`: one hash for a model's rows, one for each column. Its table of inputs is the heart.
//! 6. `diff`, `plan/`: hashes of base and result, and what the state knows, become a [`plan::Plan`] with reasons.
//! 7. `render/`: the plan for people, pull requests and scripts.
//! 8. `apply.rs`: walks the plan over `engine` and records each interval in `state` after its data is committed.
//! 9. `promote.rs`: the same for main's tree, then all of production's views in one transaction.
//!
//! # Invariants, held by `tests/it/architecture.rs`
//!
//! * A module names only modules above it in the layers; no edge names another edge.
//! * The core reads no file, no variable and no clock, and has no `async`.
//! * Each foreign crate is known to one module.
//! * No file has more than 500 lines before its tests.

pub mod apply;
pub mod cli;
pub mod commands;
pub mod diff;
pub mod engine;
pub mod error;
pub mod files;
pub mod fingerprint;
pub mod git;
pub mod graph;
pub mod hash;
pub mod ids;
pub mod model;
pub mod naming;
pub mod output;
pub mod plan;
pub mod planning;
pub mod problem;
pub mod project;
pub mod publish;
pub mod render;
pub mod resolve;
pub mod settings;
pub mod sql;
pub mod state;
pub mod statement;
pub mod surroundings;
pub mod time;
pub mod workspace;
pub mod yaml;

use clap::Parser as _;

use cli::{Cli, ErrorFormat};
use commands::Context;
use error::{CommandError, Exit};
use output::{Listener, Output};
use render::Colour;
use surroundings::{Surroundings, Terminal};

/// Runs one command line of this process.
pub fn run_process() -> Exit {
    match Surroundings::of_process() {
        Ok(surroundings) => run(&surroundings, &Output::of_process(surroundings.stderr)),
        Err(error) => {
            let error = CommandError::failed("cannot start").because(error);
            Output::of_process(Terminal::No).talk(&error.for_terminal(Colour::Never));
            Exit::Failed
        }
    }
}

/// Runs one command line; everything that it says goes to `output`.
pub fn run(surroundings: &Surroundings, output: &Output) -> Exit {
    let cli = match Cli::try_parse_from(&surroundings.arguments) {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, surroundings, output),
    };
    let colour = commands::colour_of(cli.global.color, surroundings, surroundings.stderr);
    output::start_log(cli.global.verbose, colour);
    output.listener(match cli.command.error_format() {
        ErrorFormat::Json => Listener::Script,
        ErrorFormat::Terminal => Listener::Person,
    });
    let result = commands::run(&Context { surroundings, output, cli: &cli });
    let result = match output.failure() {
        Some(failure) => Err(CommandError::failed("cannot write to stdout").because(failure)),
        None => result,
    };
    result.unwrap_or_else(|error| {
        output.error(&match cli.command.error_format() {
            ErrorFormat::Json => error.for_scripts(),
            ErrorFormat::Terminal => error.for_terminal(colour),
        });
        error.exit()
    })
}

/// Help and version are answers; anything else that the parser says is a failure of the call.
fn not_understood(error: &clap::Error, surroundings: &Surroundings, output: &Output) -> Exit {
    let colour = commands::colour_of(cli::ColourWish::Auto, surroundings, surroundings.stdout);
    let text = error.render();
    let text = if colour == Colour::Always { text.ansi().to_string() } else { text.to_string() };
    if !error.use_stderr() {
        output.data(&text);
        return Exit::Done;
    }
    let arguments = &surroundings.arguments;
    let is_json = arguments.iter().any(|argument| argument == "--format=json")
        || arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    if is_json {
        let plain = error.render().to_string();
        let message = plain.trim().trim_start_matches("error: ").to_owned();
        output.talk(&CommandError::failed(message).for_scripts());
    } else {
        output.talk(&text);
    }
    Exit::Failed
}
