//! What every command has at hand: the command line, the surroundings, and where results and talk go.

use crate::cli::{Cli, ColourWish, Format};
use crate::error::{CommandError, Exit};
use crate::output::Output;
use crate::render::Colour;
use crate::surroundings::{Surroundings, Terminal};
use crate::time::Timestamp;

/// What every command has at hand.
pub struct Context<'a> {
    /// The process's surroundings, or those of a test.
    pub surroundings: &'a Surroundings,
    /// Where results and talk go.
    pub output: &'a Output,
    /// The command line.
    pub cli: &'a Cli,
    /// The program's entry, for `bot demo`, which runs other commands as a person would.
    pub entry: fn(&Surroundings, &Output) -> Exit,
}

impl Context<'_> {
    /// The folder that holds `config.yaml`.
    pub fn project_folder(&self) -> std::path::PathBuf {
        self.cli
            .global
            .project
            .as_ref()
            .map_or_else(|| self.surroundings.folder.clone(), |folder| self.surroundings.resolve(folder))
    }

    /// The present: `--execution-time`, else the clock.
    ///
    /// # Errors
    /// `--execution-time` is no moment.
    pub fn execution_time(&self) -> Result<Timestamp, CommandError> {
        let Some(text) = &self.cli.global.execution_time else { return Ok(self.surroundings.now()) };
        Timestamp::parse(text).ok_or_else(|| {
            CommandError::no(format!("`--execution-time {text}` is no moment"))
                .hint("write it as 2026-03-01, 2026-03-01 12:00:00 or 2026-03-01T12:00:00Z")
        })
    }

    /// Whether nobody sits before this run, as the runners of all makes say.
    pub fn is_in_ci(&self) -> bool {
        let says_so = |name| matches!(self.surroundings.variable(name), Some("true" | "1"));
        says_so("CI") || says_so("GITHUB_ACTIONS")
    }

    /// Whether stdout is coloured.
    pub fn colour(&self) -> Colour {
        colour_of(self.cli.global.color, self.surroundings, self.surroundings.stdout)
    }

    /// Prints a value in the format that was asked for.
    pub fn print(
        &self,
        format: Format,
        terminal: impl FnOnce(Colour) -> String,
        markdown: impl FnOnce() -> String,
        json: impl FnOnce() -> String,
    ) {
        self.output.data(&match format {
            Format::Terminal => terminal(self.colour()),
            Format::Markdown => markdown(),
            Format::Json => json(),
        });
    }
}

/// Whether a stream is coloured: `--color`, then NO_COLOR (any text in it), then whether it is a terminal that can.
pub fn colour_of(wish: ColourWish, surroundings: &Surroundings, stream: Terminal) -> Colour {
    let wanted = match wish {
        ColourWish::Always => true,
        ColourWish::Never => false,
        ColourWish::Auto => {
            stream == Terminal::Yes
                && surroundings.variable("NO_COLOR").is_none()
                && surroundings.variable("TERM") != Some("dumb")
        }
    };
    if wanted { Colour::Always } else { Colour::Never }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_decided_by_wish_then_no_color_then_terminal() {
        let plain = Surroundings::fixed("/", Timestamp(0));
        let no_color = plain.clone().with_variable("NO_COLOR", "1");
        assert_eq!(colour_of(ColourWish::Auto, &plain, Terminal::Yes), Colour::Always);
        assert_eq!(colour_of(ColourWish::Auto, &plain, Terminal::No), Colour::Never);
        assert_eq!(colour_of(ColourWish::Auto, &no_color, Terminal::Yes), Colour::Never);
        assert_eq!(colour_of(ColourWish::Always, &no_color, Terminal::No), Colour::Always);
    }
}
