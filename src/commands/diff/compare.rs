//! One model on both sides: what its columns are, what can be compared of its rows, and what came of it.

use crate::data_diff::{
    ByColumn, ByGrain, ColumnDiff, Compared, ModelDataDiff, NotCompared, Profile, SchemaChange, Sides, WhyByColumn,
    schema_changes,
};
use crate::engine::{EngineError, Rows};
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model};
use crate::sql::Dialect;
use crate::state::{Pointer, Table};
use crate::statement::{BUCKETS, Comparison, TimeColumn, quote_table, time_filter};
use crate::time::{Interval, IntervalUnit, Intervals};

/// How much is looked at of one model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Where more rows would be compared on either side, none are.
    pub(super) rows: Option<u64>,
    /// From so many rows on either side what differs is looked for by buckets first.
    pub(super) buckets_from: u64,
}

impl Bounds {
    /// With a limit of rows, or none.
    pub(super) fn new(rows: Option<u64>) -> Self {
        Self { rows, buckets_from: 1_000_000 }
    }
}

/// A model as both environments have it.
pub(super) struct Pair<'a> {
    pub(super) name: &'a ModelName,
    /// As it is checked out, where it is there.
    pub(super) model: Option<&'a Model>,
    pub(super) here: Option<Side>,
    pub(super) base: Option<Side>,
}

/// What one environment shows of it.
pub(super) struct Side {
    pub(super) pointer: Pointer,
    pub(super) table: Option<Table>,
}

impl Side {
    fn relation(&self) -> Option<&TableName> {
        self.pointer.table.as_ref().or_else(|| self.pointer.view.as_ref().map(|view| &view.name))
    }

    fn intervals(&self) -> Intervals {
        self.table.as_ref().map(|table| table.ledger.intervals()).unwrap_or_default()
    }
}

/// Asks the engine one question.
pub(super) type Ask<'a> = dyn FnMut(&str) -> Result<Rows, EngineError> + 'a;

/// Compares. What the engine cannot read of one model is told of it; the others are still compared.
///
/// # Errors
/// The run was stopped, or the warehouse is gone.
pub(super) fn compare(
    pair: &Pair<'_>,
    dialect: Dialect,
    bounds: Bounds,
    ask: &mut Ask<'_>,
) -> Result<ModelDataDiff, EngineError> {
    let mut schema = Vec::new();
    let compared = match compared(pair, (dialect, bounds), ask, &mut schema) {
        Ok(compared) => compared,
        Err(EngineError::Statement { .. }) => Compared::Not(NotCompared::Refused),
        Err(error) => return Err(error),
    };
    let snapshot = pair.here.as_ref().and_then(|side| side.table.as_ref()).map(|table| table.snapshot.unit);
    let unit = snapshot.unwrap_or(IntervalUnit::Day);
    Ok(ModelDataDiff { name: pair.name.clone(), unit, schema, compared })
}

/// What happened to the columns alone. Where the engine cannot read one side, that is not known.
///
/// # Errors
/// As [`compare`].
pub(super) fn schema(pair: &Pair<'_>, dialect: Dialect, ask: &mut Ask<'_>) -> Result<Vec<SchemaChange>, EngineError> {
    let relation = |side: &'_ Option<Side>| side.as_ref().and_then(Side::relation).cloned();
    let (Some(here), Some(base)) = (relation(&pair.here), relation(&pair.base)) else { return Ok(Vec::new()) };
    let mut both = || Ok((columns(&here, dialect, ask)?, columns(&base, dialect, ask)?));
    match both() {
        Ok((ours, theirs)) => Ok(schema_changes(&ours, &theirs, &|one, other| same(dialect, one, other))),
        Err(EngineError::Statement { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn same(dialect: Dialect, one: &str, other: &str) -> bool {
    dialect.fold(one, true) == dialect.fold(other, true)
}

fn compared(
    pair: &Pair<'_>,
    (dialect, bounds): (Dialect, Bounds),
    ask: &mut Ask<'_>,
    schema: &mut Vec<SchemaChange>,
) -> Result<Compared, EngineError> {
    let relation = |side: &Option<Side>| side.as_ref().and_then(Side::relation).cloned();
    let (here, base) = match (relation(&pair.here), relation(&pair.base)) {
        (Some(here), Some(base)) => (here, base),
        (Some(_), None) if pair.here.as_ref().is_some_and(|side| !side.pointer.basis.is_whole()) => {
            return Ok(Compared::Not(NotCompared::Preview));
        }
        (Some(here), None) => {
            let rows = ask(&format!("SELECT count(*) FROM {}", quote_table(dialect, &here)))?;
            return Ok(Compared::Added { rows: number(&rows, 0) });
        }
        (None, Some(_)) => return Ok(Compared::Removed),
        (None, None) => return Ok(Compared::Not(NotCompared::NoData)),
    };
    let (ours, theirs) = (columns(&here, dialect, ask)?, columns(&base, dialect, ask)?);
    let same = |one: &str, other: &str| same(dialect, one, other);
    *schema = schema_changes(&ours, &theirs, &same);
    if [&pair.here, &pair.base].into_iter().flatten().any(|side| !side.pointer.basis.is_whole()) {
        return Ok(Compared::Not(NotCompared::Preview));
    }
    let is_theirs = |(name, data): &&Column| theirs.iter().any(|(other, known)| same(name, other) && known == data);
    let in_common: Vec<&Column> = ours.iter().filter(is_theirs).collect();
    if in_common.is_empty() {
        return Ok(Compared::Not(NotCompared::NoCommonColumn));
    }
    let ranges = match ranges(pair) {
        Ranges::Whole => Vec::new(),
        Ranges::Common(ranges) if ranges.is_empty() => return Ok(Compared::Not(NotCompared::NoCommonInterval)),
        Ranges::Common(ranges) => ranges,
    };
    let filter = filter(pair, dialect, &in_common, &ranges);
    if filter.is_none() && !ranges.is_empty() {
        return Ok(Compared::Not(NotCompared::NoTimeColumn));
    }
    let of = Comparison {
        dialect,
        here: &here,
        base: &base,
        grain: &[],
        values: &[],
        nested: &[],
        filter: filter.as_deref(),
    };
    if let Some(most) = bounds.rows
        && (holds_more(&of, of.here, most, ask)? || holds_more(&of, of.base, most, ask)?)
    {
        return Ok(Compared::Not(NotCompared::TooManyRows { most }));
    }
    rows((pair.model, bounds), &of, &in_common, ranges, ask)
}

fn holds_more(of: &Comparison<'_>, table: &TableName, most: u64, ask: &mut Ask<'_>) -> Result<bool, EngineError> {
    Ok(number(&ask(&of.counted_up_to(table, most.saturating_add(1)))?, 0) > most)
}

/// The exact name and the type of a column.
type Column = (String, String);

fn columns(table: &TableName, dialect: Dialect, ask: &mut Ask<'_>) -> Result<Vec<Column>, EngineError> {
    let rows = ask(&format!("SELECT * FROM {} LIMIT 0", quote_table(dialect, table)))?;
    Ok(rows.columns.into_iter().map(|column| (column.name, column.data_type)).collect())
}

/// Row by row where the model's grain tells every row from every other, else column by column. `of` has the two tables.
fn rows(
    (model, bounds): (Option<&Model>, Bounds),
    of: &Comparison<'_>,
    in_common: &[&Column],
    ranges: Vec<Interval>,
    ask: &mut Ask<'_>,
) -> Result<Compared, EngineError> {
    let key =
        |name: &String| in_common.iter().find(|(other, _)| same(of.dialect, name, other)).map(|(name, _)| name.clone());
    let grain = model.and_then(Model::grain);
    let keys: Option<Vec<String>> = grain.map(|grain| grain.iter().map(key).collect()).unwrap_or_default();
    let why = match (grain, &keys) {
        (None, _) => WhyByColumn::NoGrain,
        (Some(_), None) => WhyByColumn::GrainChanged,
        (Some(_), Some(keys)) => {
            let names = in_common.iter().map(|(name, _)| name);
            let values: Vec<String> = names.filter(|name| !keys.contains(name)).cloned().collect();
            let nested = in_common.iter().filter(|(_, data_type)| is_nested(data_type));
            let nested: Vec<String> = nested.map(|(name, _)| name.clone()).collect();
            let comparison = Comparison { grain: keys, values: &values, nested: &nested, ..*of };
            let unique = ask(&comparison.uniqueness())?;
            let rows = Sides { here: number(&unique, 0), base: number(&unique, 2) };
            let twice = Sides { here: number(&unique, 1), base: number(&unique, 3) };
            if twice == Sides::default() {
                return by_grain((&comparison, bounds), rows, ranges, ask).map(Compared::ByGrain);
            }
            WhyByColumn::NotUnique(twice)
        }
    };
    by_column(of, in_common, (why, ranges), ask).map(Compared::ByColumn)
}

fn by_grain(
    (comparison, bounds): (&Comparison<'_>, Bounds),
    rows: Sides,
    ranges: Vec<Interval>,
    ask: &mut Ask<'_>,
) -> Result<ByGrain, EngineError> {
    let mut result = ByGrain {
        grain: comparison.grain.to_vec(),
        ranges,
        rows,
        only: Sides::default(),
        changed: 0,
        columns: Vec::new(),
    };
    let mut buckets = None;
    if rows.here.max(rows.base) >= bounds.buckets_from {
        let found = ask(&comparison.differing_buckets())?;
        let list: Vec<u32> = found.rows.iter().filter_map(|row| row.first()?.as_deref()?.parse().ok()).collect();
        if list.is_empty() && found.rows.is_empty() {
            return Ok(result);
        }
        // Where half of everything differs, naming the buckets spares nothing.
        buckets = Some(list).filter(|list| list.len() == found.rows.len() && list.len() < BUCKETS as usize / 2);
    }
    let counts = ask(&comparison.by_grain(buckets.as_deref()))?;
    result.only = Sides { here: number(&counts, 0), base: number(&counts, 1) };
    result.changed = number(&counts, 2);
    let differing =
        comparison.values.iter().enumerate().map(|(place, name)| (name.clone(), number(&counts, place + 3)));
    result.columns = differing.filter(|(_, count)| *count > 0).collect();
    Ok(result)
}

fn by_column(
    of: &Comparison<'_>,
    in_common: &[&Column],
    (why, ranges): (WhyByColumn, Vec<Interval>),
    ask: &mut Ask<'_>,
) -> Result<ByColumn, EngineError> {
    let values: Vec<String> = in_common.iter().map(|(name, _)| name.clone()).collect();
    let comparison = Comparison { values: &values, ..*of };
    let type_of = |name: &str| {
        let found = in_common.iter().find(|(column, _)| column == name);
        found.map(|(_, data_type)| data_type.as_str()).unwrap_or_default()
    };
    let dialect = of.dialect;
    let is_number = |name: &str| is_number(dialect, type_of(name));
    let is_ordered = |name: &str| is_ordered(dialect, type_of(name));
    let mut profile = |table: &TableName| ask(&comparison.profile(table, &is_number, &is_ordered));
    let (here, base) = (profile(comparison.here)?, profile(comparison.base)?);
    let rows = Sides { here: number(&here, 0), base: number(&base, 0) };
    let columns = comparison.values.iter().enumerate().map(|(place, name)| ColumnDiff {
        name: name.clone(),
        here: profile_at(&here, place),
        base: profile_at(&base, place),
    });
    Ok(ByColumn { why, ranges, rows, columns: columns.filter(|column| column.here != column.base).collect() })
}

fn profile_at(rows: &Rows, place: usize) -> Profile {
    let cell = |offset: usize| rows.rows.first()?.get(1 + place * 5 + offset)?.clone();
    Profile { nulls: cell(0), distinct: cell(1), least: cell(2), greatest: cell(3), mean: cell(4) }
}

fn is_number(dialect: Dialect, data_type: &str) -> bool {
    if dialect == Dialect::Postgres {
        let name = data_type.split('(').next().unwrap_or_default();
        return ["smallint", "integer", "bigint", "numeric", "real", "double precision"].contains(&name);
    }
    let is_whole = data_type.ends_with("INT") || data_type.ends_with("INTEGER");
    is_whole || data_type.starts_with("DECIMAL") && !is_nested(data_type) || matches!(data_type, "DOUBLE" | "FLOAT")
}

/// What has a least and a greatest value that tells something. Nested values, bits and blobs have an order in DuckDB, and no
/// use as one; PostgreSQL has `min` and `max` for these alone.
fn is_ordered(dialect: Dialect, data_type: &str) -> bool {
    if dialect == Dialect::Postgres {
        const ORDERED: [&str; 6] = ["text", "character", "date", "timestamp", "time", "interval"];
        let first = data_type.split([' ', '(']).next().unwrap_or_default();
        return is_number(dialect, data_type) || (ORDERED.contains(&first) && !data_type.ends_with("[]"));
    }
    !is_nested(data_type) && !matches!(data_type, "BLOB" | "BIT")
}

/// Whether values of a type of DuckDB hold other values.
fn is_nested(data_type: &str) -> bool {
    let is_decimal = data_type.starts_with("DECIMAL") && !data_type.ends_with(']');
    data_type == "VARIANT" || data_type.contains(['[', '(', ']']) && !is_decimal
}

/// The rows that can be compared.
enum Ranges {
    /// All.
    Whole,
    /// Those of the time that both sides have loaded.
    Common(Vec<Interval>),
}

fn ranges(pair: &Pair<'_>) -> Ranges {
    let (Some(here), Some(base), Some(Kind::TimeRange(_))) =
        (&pair.here, &pair.base, pair.model.map(|model| &model.kind))
    else {
        return Ranges::Whole;
    };
    let (ours, theirs) = (here.intervals(), base.intervals());
    if ours.is_empty() && theirs.is_empty() {
        return Ranges::Whole;
    }
    Ranges::Common(ours.minus(&ours.minus(&theirs)).ranges().to_vec())
}

/// The condition for the rows of those ranges; `None` where there are no ranges, or no column tells.
fn filter(pair: &Pair<'_>, dialect: Dialect, columns: &[&Column], ranges: &[Interval]) -> Option<String> {
    let Some(Kind::TimeRange(range)) = pair.model.map(|model| &model.kind) else { return None };
    let folded = dialect.fold(&range.time_column, true);
    let (name, data_type) = columns.iter().find(|(name, _)| dialect.fold(name, true) == folded)?;
    let column = TimeColumn { name, data_type, format: &range.format };
    let parts: Vec<String> =
        ranges.iter().map(|range| time_filter(dialect, None, column, *range)).collect::<Result<_, _>>().ok()?;
    (!parts.is_empty()).then(|| format!("({})", parts.join(") OR (")))
}

fn number(rows: &Rows, place: usize) -> u64 {
    rows.rows.first().and_then(|row| row.get(place)?.as_deref()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
