//! How the queries of edited models differ, laid out anew so that comments and formatting say nothing.
//!
//! This module alone knows `similar`. What it compares is for reading and never runs.

use similar::{ChangeTag, TextDiff};

use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::ModelName;
use crate::plan::{Change, Plan};
use crate::sql::layout;

/// An edited model's query before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlChange {
    /// The model.
    pub model: ModelName,
    /// Its data fingerprint before.
    pub old: Digest,
    /// Its data fingerprint after.
    pub new: Digest,
    /// What differs.
    pub hunks: Hunks,
}

/// Lines that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hunks {
    /// As a unified diff without its header.
    Lines {
        /// The lines, each with its sign.
        text: String,
        /// How many are new.
        added: usize,
        /// How many are gone.
        removed: usize,
    },
    /// A query of so many lines that nobody would read their difference here.
    TooLong {
        /// The longer one's lines.
        lines: usize,
    },
}

/// Lines of a query up to which it is compared: what differs in every line costs their product.
const LINES: usize = 2_000;
/// Lines that are shown around each difference.
const AROUND: usize = 3;

/// How the queries of edited models differ, in the plan's order. Models whose queries read the same after laying out (a
/// property was edited) are left out.
pub fn sql_changes(plan: &Plan, base: &Tree, result: &Tree) -> Vec<SqlChange> {
    let edited = plan.models.iter().filter(|model| model.change == Change::Modified);
    let changed = edited.filter_map(|model| {
        let lines = |tree: &Tree| {
            let query = tree.models.get(&model.name)?.query.as_ref()?;
            (!query.is_unread()).then(|| layout(query))
        };
        let hunks = hunks(&lines(base)?, &lines(result)?)?;
        let data = |tree: &Tree| tree.fingerprints.get(&model.name).map(|fingerprint| fingerprint.data);
        Some(SqlChange { model: model.name.clone(), old: data(base)?, new: data(result)?, hunks })
    });
    changed.collect()
}

fn hunks(old: &[String], new: &[String]) -> Option<Hunks> {
    if old == new {
        return None;
    }
    let lines = old.len().max(new.len());
    if lines > LINES {
        return Some(Hunks::TooLong { lines });
    }
    let [old, new] = [old, new].map(|lines| lines.iter().map(String::as_str).collect::<Vec<_>>());
    let diff = TextDiff::from_slices(&old, &new);
    let mut text = String::new();
    let (mut added, mut removed) = (0, 0);
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        text.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let sign = match change.tag() {
                ChangeTag::Insert => '+',
                ChangeTag::Delete => '-',
                ChangeTag::Equal => ' ',
            };
            added += usize::from(sign == '+');
            removed += usize::from(sign == '-');
            text.push_str(&format!("{sign}{}\n", change.value()));
        }
    }
    Some(Hunks::Lines { text, added, removed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, Query, Template};

    fn lines(sql: &str) -> Vec<String> {
        layout(&Query::parse(Template::plain(sql), Dialect::DuckDb))
    }

    #[test]
    fn a_query_that_is_only_written_otherwise_shows_nothing() {
        let old = lines("select a,b from t where x=1");
        let new = lines("SELECT\n  a, -- the first\n  b\nFROM t\nWHERE x = 1;");
        assert_eq!(hunks(&old, &new), None);
    }

    #[test]
    fn what_differs_stands_between_its_neighbours() {
        let old = lines("select id, amount from raw.orders as o");
        let new = lines("select id, cast(amount as decimal(18, 2)) as amount from raw.orders as o where not o.is_test");
        let Some(Hunks::Lines { text, added: 2, removed: 1 }) = hunks(&old, &new) else { panic!("two lines") };
        insta::assert_snapshot!(text, @r"
        @@ -1,4 +1,5 @@
         SELECT
           id,
        -  amount
        +  CAST(amount AS decimal(18, 2)) AS amount
         FROM raw.orders AS o
        +WHERE NOT o.is_test
        ");
    }

    #[test]
    fn a_query_that_nobody_would_read_is_only_counted() {
        let long: Vec<String> = (0..3_000).map(|line| line.to_string()).collect();
        assert_eq!(hunks(&long, &[]), Some(Hunks::TooLong { lines: 3_000 }));
    }
}
