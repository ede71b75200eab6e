//! The command line of `bot hook`.

use clap::{Args, Subcommand};

/// `bot hook`.
#[derive(Args, Clone, Debug)]
#[expect(missing_docs, reason = "a doc comment on a flattened field would become the help")]
pub struct HookArguments {
    #[command(subcommand)]
    pub command: HookCommand,
}

/// What to do with the hook.
#[derive(Clone, Debug, Subcommand)]
pub enum HookCommand {
    /// Write the hook where git looks for it; one that is there already runs first and is told the same
    Install,
    /// Take the hook away and put back the one that was there before
    Uninstall,
    /// What the hook runs: reads on stdin what git pushes and tells the plan of each branch in ten lines
    ///
    /// Exit 1, which stops the push, only for what `hook: block:` of `offshoot.yaml` names: `errors`, `breaking`, `removed`.
    /// What goes wrong in `bot` itself is told and stops nothing.
    Run(HookRunArguments),
}

/// `bot hook run`: what git hands to the hook, of which nothing is needed.
#[derive(Args, Clone, Debug)]
pub struct HookRunArguments {
    /// The remote's name
    #[arg(value_name = "REMOTE")]
    pub remote: Option<String>,
    /// The remote's URL, which is never shown
    #[arg(value_name = "URL")]
    pub url: Option<String>,
}
