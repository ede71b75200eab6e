//! `bot demo`: the whole loop on a real repository and a real warehouse, through the same entry as a person's commands.

mod files;
mod story;

use std::fs;
use std::path::Path;

use crate::cli::DemoArguments;
use crate::context::Context;
use crate::engine::Engine;
use crate::engine::duckdb::{DuckDb, LOCK_TIMEOUT};
use crate::error::{CommandError, CommandResult, Exit};
use crate::git::NewRepository;
use crate::render::{Colour, terminal, visible};
use crate::surroundings::Surroundings;
use crate::time::Timestamp;
use story::Step;

const DEFAULT_FOLDER: &str = "offshoot-demo";
/// As the shop's `config.yaml` names it.
const WAREHOUSE: &str = "warehouse.duckdb";
const FIRST_COMMIT: &str = "2026-03-29";

/// Writes the repository, then goes through the story.
///
/// # Errors
/// The folder is not empty or cannot be written, or one of the commands did not end well.
pub(super) fn run(context: &Context<'_>, arguments: &DemoArguments) -> CommandResult {
    let asked = arguments.folder.as_deref().unwrap_or(Path::new(DEFAULT_FOLDER));
    let folder = context.surroundings.resolve(asked);
    refuse_used(&folder)?;
    let mut shop: Vec<files::File> = files::SHOP.to_vec();
    shop.push((".gitignore", files::IGNORED));
    write(&folder, &shop)?;
    let repository = NewRepository::init(&folder, story::MAIN).map_err(stopped)?;
    repository.commit_all("A shop", moment(FIRST_COMMIT)).map_err(stopped)?;
    fill(&folder, files::ERP)?;

    let teller = Teller { context, folder: &folder, repository: &repository };
    teller.say(&format!("A shop in a new git repository: {}", visible(&folder.display().to_string())));
    story::STORY.iter().try_for_each(|step| teller.play(step))?;
    teller.say(&format!(
        "That was all of it. The repository stays as it is; try\n  cd {}\n  bot env show prod\n  bot render marts.fct_orders\nor edit a model and run `bot plan --worktree`.",
        visible(&asked.display().to_string())
    ));
    Ok(Exit::Done)
}

struct Teller<'a> {
    context: &'a Context<'a>,
    folder: &'a Path,
    repository: &'a NewRepository,
}

impl Teller<'_> {
    fn play(&self, step: &Step) -> Result<(), CommandError> {
        match *step {
            Step::Say(text) => self.say(text),
            Step::Bot(arguments) => return self.bot(arguments),
            Step::Commit { files, message, at } => {
                self.shown("git", &["commit", "--all", "-m", message]);
                write(self.folder, files)?;
                self.repository.commit_all(message, moment(at)).map_err(stopped)?;
            }
            Step::Branch(name) => {
                self.shown("git", &["switch", "-c", name]);
                self.repository.create_branch(name).map_err(stopped)?;
            }
            Step::Switch(name) => {
                self.shown("git", &["switch", name]);
                self.repository.switch(name).map_err(stopped)?;
            }
            Step::Merge { branch, message, at } => {
                self.shown("git", &["merge", "--no-ff", branch]);
                self.repository.merge(branch, message, moment(at)).map_err(stopped)?;
            }
        }
        Ok(())
    }

    fn say(&self, text: &str) {
        self.context.output.data(&format!("\n{text}\n"));
    }

    fn shown(&self, program: &str, arguments: &[&str]) {
        let line = terminal::command_line(program, arguments, self.colour());
        self.context.output.data(&format!("\n{line}\n"));
    }

    /// Runs a command in the demo's folder through the same entry that a person's command takes.
    fn bot(&self, arguments: &[&str]) -> Result<(), CommandError> {
        self.shown("bot", arguments);
        let colour = match self.colour() {
            Colour::Always => "--color=always",
            Colour::Never => "--color=never",
        };
        let surroundings: Surroundings = self.context.surroundings.clone().with_folder(self.folder);
        let surroundings = surroundings.with_arguments(arguments.iter().copied().chain([colour]));
        match (self.context.entry)(&surroundings, self.context.output) {
            Exit::Done => Ok(()),
            exit => Err(CommandError::failed(format!(
                "the demo stopped: that command ended with exit code {}",
                exit.code()
            ))
            .hint(format!("the repository is in `{}`", self.folder.display()))),
        }
    }

    fn colour(&self) -> Colour {
        self.context.colour()
    }
}

/// What another system keeps in the same warehouse: the demo's external table.
fn fill(folder: &Path, sql: &str) -> Result<(), CommandError> {
    let failed = |error| CommandError::failed("cannot fill the demo's warehouse").because(error);
    let engine = DuckDb::file(folder.join(WAREHOUSE), LOCK_TIMEOUT);
    let mut session = engine.session().map_err(failed)?;
    session.execute(sql).map_err(failed).map(drop)
}

fn refuse_used(folder: &Path) -> Result<(), CommandError> {
    let is_free = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_free {
        return Ok(());
    }
    Err(CommandError::no(format!("`{}` is no empty folder, so nothing was written", folder.display()))
        .hint("name a new one: `bot demo some/other/folder`"))
}

fn write(folder: &Path, files: &[files::File]) -> Result<(), CommandError> {
    for (path, content) in files {
        let path = folder.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content));
        written.map_err(|error| CommandError::failed(format!("cannot write `{}`", path.display())).because(error))?;
    }
    Ok(())
}

/// A date of the story; they are all well formed, which a test shows.
fn moment(date: &str) -> Timestamp {
    Timestamp::parse(date).unwrap_or(Timestamp(0))
}

fn stopped(error: crate::git::GitError) -> CommandError {
    CommandError::failed("cannot write the demo's repository").because(error)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn every_command_of_the_story_parses_and_every_date_is_one() {
        for step in story::STORY {
            match *step {
                Step::Bot(arguments) => {
                    let line = std::iter::once("bot").chain(arguments.iter().copied());
                    crate::cli::Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
                }
                Step::Commit { at, .. } | Step::Merge { at, .. } => assert!(Timestamp::is_date(at), "{at}"),
                Step::Say(_) | Step::Branch(_) | Step::Switch(_) => {}
            }
        }
        assert!(Timestamp::is_date(FIRST_COMMIT));
    }
}
