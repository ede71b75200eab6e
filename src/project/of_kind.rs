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
        && query.is_some_and(|query| !query.written().mentions_interval())
    {
        let message = "what is merged into rows that are kept (`when_matched`, `merge_filter`) must come once";
        let problem = source.error("interval-in-history", at, message);
        return Some(problem.help(
            "filter by `@start_ts` and `@end_ts`, so that each interval is merged once, or take `forward_only` away",
        ));
    }
    let is_partitioned = name == KindName::IncrementalByPartition;
    let query = query.filter(|query| is_partitioned && query.written().mentions_interval())?;
    let message = "the query names the interval, and what it gives takes the place of whole partitions: rows that earlier intervals gave of them go";
    let problem = source.warning("interval-in-partitions", query.written().source_offset(0), message);
    Some(problem.help("let it give its partitions whole, or partition by what is no longer than an interval"))
}
