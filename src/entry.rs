//! The way in: one command line from its words to its exit code. Nothing here decides what a command does.

use clap::Parser as _;

use crate::cli::{Cli, ErrorFormat};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Listener, Output};
use crate::render::Colour;
use crate::surroundings::{Surroundings, Terminal};

/// Runs one command line of this process.
pub fn run_process() -> Exit {
    match Surroundings::of_process() {
        Ok(surroundings) => match work_along(surroundings.processors()) {
            Ok(()) => run(&surroundings, &Output::of_process(surroundings.stderr)),
            Err(error) => not_started(&error),
        },
        Err(error) => not_started(&CommandError::failed("cannot start").because(error)),
    }
}

fn not_started(error: &CommandError) -> Exit {
    Output::of_process(Terminal::No).talk(&error.for_terminal(Colour::Never));
    Exit::Failed
}

/// Makes this thread one of those that work is handed to, as many as there are processors: beside as many others it would have
/// to share one with a thread that looks for work before it sleeps. There is another in any case, as what is handed over and
/// not waited for would never be done.
///
/// # Errors
/// No thread can be had; who hands work over later would find nobody.
fn work_along(processors: usize) -> Result<(), CommandError> {
    let threads = processors.max(2);
    let made = rayon::ThreadPoolBuilder::new().use_current_thread().num_threads(threads).build_global();
    made.map_err(|error| {
        let error = CommandError::failed(format!("cannot start {threads} threads, one a processor")).because(error);
        error.hint("let this user or container have more processes (`ulimit -u`), or fewer processors")
    })
}

/// Runs one command line; everything that it says goes to `output`.
pub fn run(surroundings: &Surroundings, output: &Output) -> Exit {
    let cli = match Cli::try_parse_from(&surroundings.arguments) {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, surroundings, output),
    };
    let colour = crate::context::colour_of(cli.global.color, surroundings, surroundings.stderr);
    crate::output::start_log(cli.global.verbose, colour);
    output.listener(match cli.command.error_format() {
        ErrorFormat::Json => Listener::Script,
        ErrorFormat::Terminal => Listener::Person,
    });
    let result = crate::commands::run(&Context { surroundings, output, cli: &cli, entry: run });
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
    let colour = crate::context::colour_of(crate::cli::ColourWish::Auto, surroundings, surroundings.stdout);
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
        output.error(&CommandError::failed(message).for_scripts());
    } else {
        output.error(&text);
    }
    Exit::Failed
}
