//! Which one tree a command looks at that compares nothing.

use clap::Args;

/// One tree as it is: of the working tree, or of a commit.
#[derive(Args, Clone, Debug, Default)]
pub struct OneTreeArguments {
    /// The branch or commit that is looked at [default: HEAD]
    #[arg(long, value_name = "REF", conflicts_with = "worktree")]
    pub head: Option<String>,
    /// Look at the files as they lie in the working tree, uncommitted edits included
    #[arg(long)]
    pub worktree: bool,
}
