//! What a kind does not have: a session of its own, a view, an interval.

use super::value::Source;
use crate::model::{Kind, KindName, Past, Properties};
use crate::problem::Problem;
use crate::sql::Query;

/// What a kind is called that has no session of its own, because its readers run its query.
pub(super) fn without_session(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::View => Some("a VIEW"),
        Kind::Embedded => Some("an EMBEDDED model"),
        _ => None,
    }
}

/// What a kind is called that no environment shows.
pub(super) fn without_view(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Embedded => Some("an EMBEDDED model"),
        Kind::External => Some("an external model"),
        _ => None,
    }
}

/// What the kinds whose tables go on for good cannot have.
pub(super) fn refused_history(
    source: &Source<'_>,
    (kind, query): (Option<&Kind>, Option<&Query>),
    (properties, at): (&Properties, usize),
) -> Option<Problem> {
    let name = kind?.name();
    if name == KindName::IncrementalByPartition && properties.partitioned_by.is_empty() {
        let problem = source.error("missing-property", at, format!("kind {} needs `partitioned_by`", name.text()));
        return Some(problem.help("write `partitioned_by day` into the `MODEL` block"));
    }
    if let Some(Kind::UniqueKey(key)) = kind
        && key.past != Past::Recomputed
        && key.adds_up()
        && query.is_some_and(|query| !query.template().mentions_interval())
    {
        let message = "what is merged into rows that are kept (`when_matched`, `merge_filter`) must come once";
        let problem = source.error("interval-in-history", at, message);
        return Some(problem.help(
            "filter by `@start_ts` and `@end_ts`, so that each interval is merged once, or take `forward_only` away",
        ));
    }
    let is_versioned = matches!(kind, Some(Kind::ScdType2(_)));
    let is_one = name.is_history() && !is_versioned;
    let query = query.filter(|query| is_one && query.template().mentions_interval())?;
    let message = format!("each load of kind {} is one query, which has no `@start_…` and `@end_…`", name.text());
    let problem = source.error("interval-in-history", query.template().source_offset(0), message);
    Some(problem.help(match name {
        KindName::IncrementalByPartition => {
            "let it read what is new by itself; partitions that it does not give stay as they are"
        }
        _ => "let it read what is new by itself, such as what is later than the latest row of its own table",
    }))
}
