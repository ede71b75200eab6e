//! Expected rows held against those that came, as SQLMesh does: as a multiset, or row by row where the query orders them;
//! numbers with a binary fraction to one part in 100,000, as pandas compares them, everything else exactly.

use std::collections::BTreeMap;

/// What an expected cell is, after it was cast to the type of the column that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A value of the type, in the engine's words; NULL is `None`.
    Value(Option<String>),
    /// Something that the type does not hold, as written: equal to nothing.
    Misfit(String),
}

/// How near two values of a column must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closeness {
    /// The same.
    Exact,
    /// As near as sums of binary fractions in another order are.
    Approximate,
    /// The same JSON, however it is written.
    Json,
}

/// Whether the order of rows counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOrder {
    /// The query says nothing of it.
    Any,
    /// The query orders its rows.
    Given,
}

/// One difference; the numbers are those of rows, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Expected, and nothing came that is much like it.
    Missing(usize),
    /// Came, and nothing was expected that is much like it.
    Unexpected(usize),
    /// Came in place of what was expected, which it is most like.
    Changed {
        /// What was expected.
        expected: usize,
        /// What came.
        actual: usize,
        /// The columns that differ, from 0, ascending.
        columns: Vec<usize>,
    },
}

/// One row of what came: NULL is `None`.
type Row = Vec<Option<String>>;

/// The most pairs of rows that are looked at one by one; beyond, rows that are not exactly the same differ.
const MOST_PAIRS: usize = 1_000_000;

/// The differences: changed rows in the order of what was expected, then missing ones, then unexpected ones. Rows have as
/// many cells as there are columns.
pub fn compare(columns: &[Closeness], expected: &[Vec<Expected>], actual: &[Row], order: RowOrder) -> Vec<Difference> {
    let mut differences = Vec::new();
    if order == RowOrder::Given {
        for (place, (wanted, came)) in expected.iter().zip(actual).enumerate() {
            let columns = differing(columns, wanted, came);
            if !columns.is_empty() {
                differences.push(Difference::Changed { expected: place, actual: place, columns });
            }
        }
        differences.extend((actual.len()..expected.len()).map(Difference::Missing));
        differences.extend((expected.len()..actual.len()).map(Difference::Unexpected));
        return differences;
    }
    let (missing, unexpected) = without_same(expected, actual);
    let (missing, unexpected) = without_near(columns, (expected, missing), (actual, unexpected));
    let (changed, missing, unexpected) = paired(columns, (expected, missing), (actual, unexpected));
    differences.extend(changed);
    differences.extend(missing.into_iter().map(Difference::Missing));
    differences.extend(unexpected.into_iter().map(Difference::Unexpected));
    differences
}

/// The rows of either side that have no exact counterpart.
fn without_same(expected: &[Vec<Expected>], actual: &[Row]) -> (Vec<usize>, Vec<usize>) {
    let mut places: BTreeMap<Vec<Option<&str>>, Vec<usize>> = BTreeMap::new();
    for (place, row) in actual.iter().enumerate().rev() {
        places.entry(row.iter().map(Option::as_deref).collect()).or_default().push(place);
    }
    let mut taken = vec![false; actual.len()];
    let mut missing = Vec::new();
    for (place, row) in expected.iter().enumerate() {
        let values: Option<Vec<Option<&str>>> = row.iter().map(Expected::value).collect();
        match values.and_then(|values| places.get_mut(&values)?.pop()) {
            Some(same) => taken[same] = true,
            None => missing.push(place),
        }
    }
    (missing, (0..actual.len()).filter(|place| !taken[*place]).collect())
}

/// The same without rows that are near enough to another.
fn without_near(
    columns: &[Closeness],
    (expected, mut missing): (&[Vec<Expected>], Vec<usize>),
    (actual, mut unexpected): (&[Row], Vec<usize>),
) -> (Vec<usize>, Vec<usize>) {
    if columns.iter().any(|column| *column != Closeness::Exact) && missing.len() * unexpected.len() <= MOST_PAIRS {
        missing.retain(|wanted| {
            let is_near = |came: &usize| differing(columns, &expected[*wanted], &actual[*came]).is_empty();
            let found = unexpected.iter().position(is_near);
            found.map(|place| unexpected.remove(place)).is_none()
        });
    }
    (missing, unexpected)
}

type Paired = (Vec<Difference>, Vec<usize>, Vec<usize>);

/// Puts together what is alike: rows that have at least half of their cells in common, the most alike first.
fn paired(
    columns: &[Closeness],
    (expected, missing): (&[Vec<Expected>], Vec<usize>),
    (actual, unexpected): (&[Row], Vec<usize>),
) -> Paired {
    if missing.len() * unexpected.len() > MOST_PAIRS / 100 {
        return (Vec::new(), missing, unexpected);
    }
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for wanted in &missing {
        for came in &unexpected {
            let apart = differing(columns, &expected[*wanted], &actual[*came]).len();
            if apart * 2 <= columns.len() || (missing.len() == 1 && unexpected.len() == 1) {
                pairs.push((apart, *wanted, *came));
            }
        }
    }
    pairs.sort_unstable();
    let mut partners: Vec<(usize, usize)> = Vec::new();
    for (_, wanted, came) in pairs {
        if !partners.iter().any(|(one, other)| *one == wanted || *other == came) {
            partners.push((wanted, came));
        }
    }
    partners.sort_unstable();
    let changed = partners.iter().map(|(wanted, came)| Difference::Changed {
        expected: *wanted,
        actual: *came,
        columns: differing(columns, &expected[*wanted], &actual[*came]),
    });
    let is_alone =
        |place: &usize, side: fn(&(usize, usize)) -> usize| !partners.iter().any(|pair| side(pair) == *place);
    (
        changed.collect(),
        missing.iter().copied().filter(|place| is_alone(place, |pair| pair.0)).collect(),
        unexpected.iter().copied().filter(|place| is_alone(place, |pair| pair.1)).collect(),
    )
}

/// The columns in which two rows differ.
fn differing(columns: &[Closeness], expected: &[Expected], actual: &[Option<String>]) -> Vec<usize> {
    let cells = columns.iter().zip(expected).zip(actual).enumerate();
    let differs = cells.filter(|(_, ((closeness, wanted), came))| !is_same(**closeness, wanted, came.as_deref()));
    differs.map(|(place, _)| place).collect()
}

fn is_same(closeness: Closeness, expected: &Expected, actual: Option<&str>) -> bool {
    let Some(expected) = expected.value() else { return false };
    match (expected, actual) {
        (Some(one), Some(other)) if one != other => match closeness {
            Closeness::Exact => false,
            Closeness::Approximate => is_near(one, other),
            Closeness::Json => is_same_json(one, other),
        },
        (one, other) => one == other,
    }
}

fn is_same_json(one: &str, other: &str) -> bool {
    let read = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    read(one).is_some_and(|one| read(other) == Some(one))
}

/// pandas' default: one part in 100,000 of the larger, or 10 to the -8.
fn is_near(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (one.parse::<f64>(), other.parse::<f64>()) else { return false };
    let (one, other) = if one.is_finite() && other.is_finite() { (one, other) } else { return one == other };
    (one - other).abs() <= f64::max(1e-5 * f64::max(one.abs(), other.abs()), 1e-8)
}

impl Expected {
    /// The value, where the type holds it.
    fn value(&self) -> Option<Option<&str>> {
        match self {
            Self::Value(value) => Some(value.as_deref()),
            Self::Misfit(_) => None,
        }
    }
}

impl Closeness {
    /// By the type of a column, in DuckDB's words. DECIMAL is exact: it is what money is kept in.
    pub fn of(data_type: &str) -> Self {
        match data_type {
            "DOUBLE" | "FLOAT" => Self::Approximate,
            "JSON" => Self::Json,
            _ => Self::Exact,
        }
    }
}
