//! The demo as a list of steps: what is told, what is written to git, and which `bot` commands run.

use super::files::{BRANCH, File};

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Tells the reader something.
    Say(&'static str),
    /// Runs `bot` with these arguments, as a person would.
    Bot(&'static [&'static str]),
    /// Writes files and commits them: shown as the git commands that a person would type.
    Commit {
        /// The files.
        files: &'static [File],
        /// The commit's message.
        message: &'static str,
        /// The commit's moment.
        at: &'static str,
    },
    /// `git switch -c`.
    Branch(&'static str),
    /// `git switch`.
    Switch(&'static str),
    /// `git merge --no-ff`.
    Merge {
        /// The branch.
        branch: &'static str,
        /// The commit's message.
        message: &'static str,
        /// The commit's moment.
        at: &'static str,
    },
}

/// The base branch.
pub(super) const MAIN: &str = "main";
/// The present, the same in every run: so the demo always prints the same.
const NOW: &str = "--execution-time=2026-04-01";
const FEATURE: &str = "feature/fx-rates";
const PRODUCT_SALES: &str = "SELECT product, sold, revenue FROM marts.product_sales ORDER BY revenue DESC LIMIT 4";
/// The environment's name ends in four hex of the branch's full name, so it is the same in every run.
const SIDE_BY_SIDE: &str = "SELECT product, prod.revenue AS in_prod, branch.revenue AS in_branch \
                            FROM marts.product_sales AS prod \
                            JOIN marts__feature_fx_rates_050e.product_sales AS branch USING (product) \
                            ORDER BY in_prod DESC LIMIT 4";

/// What happens after the shop was written and committed and the ERP system has filled its table.
pub(super) const STORY: &[Step] = &[
    Step::Say(
        "1. PRODUCTION\n\
         main holds a shop: seeds, staging views, an incremental fact table, marts; one model of every kind.\n\
         Promoting it for the first time builds every table and makes production's views.",
    ),
    Step::Bot(&["promote", NOW]),
    Step::Bot(&["query", "--env", "prod", PRODUCT_SALES]),
    Step::Say(
        "2. A BRANCH\n\
         Four edits: a column added to marts.fct_orders, a filter in marts.product_sales, a comment in\n\
         staging.customers, and a new model, marts.revenue_in_euro.",
    ),
    Step::Branch(FEATURE),
    Step::Commit { files: BRANCH, message: "Revenue in euro; returns no longer count as sales", at: "2026-03-30" },
    Step::Say(
        "3. THE PLAN\n\
         Read from git alone: no checkout, no warehouse. Models that read marts.fct_orders but not its new column\n\
         are untouched; the comment changes nothing at all.",
    ),
    Step::Bot(&["plan", NOW]),
    Step::Say(
        "4. AN ENVIRONMENT\n\
         Only what has no table yet is built. Every other view of the environment points at production's tables.",
    ),
    Step::Bot(&["apply", NOW]),
    Step::Say("A second apply finds nothing to do."),
    Step::Bot(&["apply", NOW]),
    Step::Say(
        "5. SIDE BY SIDE\n\
         Both are plain views in one warehouse: production's in schema marts, the branch's in marts__feature_fx_rates_050e.",
    ),
    Step::Bot(&["query", "--env", "prod", SIDE_BY_SIDE]),
    Step::Say("Or the same query in the branch's environment: names mean what the branch says."),
    Step::Bot(&["query", PRODUCT_SALES]),
    Step::Say("The new model is there in the branch only."),
    Step::Bot(&["query", "SELECT * FROM marts.revenue_in_euro ORDER BY month"]),
    Step::Bot(&["env", "list"]),
    Step::Say("6. MERGE AND PROMOTE\nThe tables are there already, so production's views move and nothing is rebuilt."),
    Step::Switch(MAIN),
    Step::Merge { branch: FEATURE, message: "Merge branch 'feature/fx-rates'", at: "2026-03-31" },
    Step::Bot(&["promote", NOW]),
    Step::Bot(&["query", "--env", "prod", "SELECT * FROM marts.revenue_in_euro ORDER BY month"]),
    Step::Say("Promoting the same commit again is a quiet nothing."),
    Step::Bot(&["promote", NOW]),
];
