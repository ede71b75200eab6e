//! The audits that SQLMesh has built in.

use super::arguments::Arguments;
use crate::sql::Dialect;

/// One of them.
#[derive(Debug)]
pub(super) struct BuiltIn {
    pub(super) name: &'static str,
    pub(super) required: &'static [&'static str],
    pub(super) optional: &'static [&'static str],
    /// The query of the rows that fail, over what stands in FROM; or what is wrong with the arguments.
    pub(super) query: Query,
}

type Query = fn(&Arguments, &str) -> Result<String, String>;

const fn audit(name: &'static str, required: &'static [&'static str], query: Query) -> BuiltIn {
    BuiltIn { name, required, optional: &[], query }
}

const fn ranged(name: &'static str, query: Query) -> BuiltIn {
    BuiltIn { name, required: &["column"], optional: &["min_v", "max_v", "inclusive"], query }
}

pub(super) const BUILT_IN: [BuiltIn; 28] = [
    audit("not_null", &["columns"], |given, from| any(given, from, "columns", |column| format!("{column} IS NULL"))),
    audit("unique_values", &["columns"], unique_values),
    audit("unique_combination_of_columns", &["columns"], unique_combination),
    audit("accepted_values", &["column", "is_in"], |given, from| {
        failing(given, from, &format!("{} NOT IN ({})", column(given)?, given.list("is_in")?.join(", ")))
    }),
    audit("not_accepted_values", &["column", "is_in"], |given, from| {
        failing(given, from, &format!("{} IN ({})", column(given)?, given.list("is_in")?.join(", ")))
    }),
    audit("number_of_rows", &["threshold"], |given, from| {
        let (most, condition) = (given.text("threshold")?, given.condition());
        Ok(format!(
            "SELECT count(*) AS n FROM (SELECT 1 AS one FROM {from} WHERE {condition} LIMIT {most} + 1) AS few \
             HAVING count(*) <= {most}"
        ))
    }),
    audit("forall", &["criteria"], |given, from| any(given, from, "criteria", |one| format!("NOT ({one})"))),
    ranged("accepted_range", |given, from| failing(given, from, &outside(given, &column(given)?)?)),
    audit("at_least_one", &["column"], |given, from| {
        // Of no rows none can be missing: the group is of a constant, so that there is none.
        let (column, condition) = (column(given)?, given.condition());
        Ok(format!("SELECT 1 AS one FROM {from} WHERE {condition} GROUP BY 1 HAVING count({column}) = 0"))
    }),
    audit("not_constant", &["column"], |given, from| {
        let (column, condition) = (column(given)?, given.condition());
        Ok(format!(
            "SELECT 1 AS one FROM (SELECT count(DISTINCT {column}) AS n FROM {from} WHERE {condition}) AS values_of WHERE n <= 1"
        ))
    }),
    audit("not_empty_string", &["column"], |given, from| failing(given, from, &format!("{} = ''", column(given)?))),
    audit("not_null_proportion", &["column", "threshold"], |given, from| {
        let (column, least, condition) = (column(given)?, given.text("threshold")?, given.condition());
        Ok(format!(
            "SELECT 1 AS one FROM (SELECT count(*) AS n, count({column}) AS there FROM {from} WHERE {condition}) AS counted \
             WHERE there <= n * {least}"
        ))
    }),
    BuiltIn { name: "sequential_values", required: &["column"], optional: &["interval"], query: sequential_values },
    BuiltIn {
        name: "mutually_exclusive_ranges",
        required: &["lower_bound_column", "upper_bound_column"],
        optional: &["partition_clause"],
        query: exclusive_ranges,
    },
    audit("valid_uuid", &["column"], |given, from| {
        let of = format!("lower({})", column(given)?);
        failing(given, from, &mismatch(given, &of, UUID))
    }),
    audit("valid_url", &["column"], |given, from| failing(given, from, &mismatch(given, &column(given)?, URL))),
    audit("valid_email", &["column"], |given, from| failing(given, from, &mismatch(given, &column(given)?, EMAIL))),
    audit("valid_http_method", &["column"], |given, from| {
        failing(given, from, &format!("{} NOT IN ({HTTP_METHODS})", column(given)?))
    }),
    audit("match_regex_pattern_list", &["column", "patterns"], |given, from| {
        patterns(given, from, " AND ", |column, pattern| format!("NOT {}", matches(given, column, pattern)))
    }),
    audit("not_match_regex_pattern_list", &["column", "patterns"], |given, from| {
        patterns(given, from, " OR ", |column, pattern| matches(given, column, pattern))
    }),
    audit("match_like_pattern_list", &["column", "patterns"], |given, from| {
        patterns(given, from, " AND ", |column, pattern| format!("NOT ({column} LIKE {pattern})"))
    }),
    audit("not_match_like_pattern_list", &["column", "patterns"], |given, from| {
        patterns(given, from, " OR ", |column, pattern| format!("{column} LIKE {pattern}"))
    }),
    ranged("string_length_between", |given, from| {
        let length = format!("length({})", column(given)?);
        failing(given, from, &outside(given, &length)?)
    }),
    audit("string_length_equal", &["column", "v"], |given, from| {
        failing(given, from, &format!("length({}) <> {}", column(given)?, given.text("v")?))
    }),
    audit("z_score", &["column", "threshold"], |given, from| {
        let (column, most, condition) = (column(given)?, given.text("threshold")?, given.condition());
        Ok(format!(
            "SELECT 1 AS one FROM {from}, (SELECT avg({column}) AS mean, stddev({column}) AS deviation FROM {from} \
             WHERE {condition}) AS figures WHERE abs(({column} - mean) / nullif(deviation, 0)) > {most}"
        ))
    }),
    ranged("mean_in_range", |given, from| figure(given, from, "avg")),
    ranged("stddev_in_range", |given, from| figure(given, from, "stddev")),
    BuiltIn {
        name: "chi_square",
        required: &["column_a", "column_b", "critical_value"],
        optional: &["dependent"],
        query: chi_square,
    },
];

/// Why one of SQLMesh's does not run.
pub(super) fn unsupported(name: &str) -> Option<&'static str> {
    (name == "kl_divergence")
        .then_some("SQLMesh's own fails whatever its columns are, so nobody can say what it should count")
}

const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
const URL: &str = r"^(https?|ftp)://[^\s/$.?#].[^\s]*$";
const EMAIL: &str = r"^[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+$";
const HTTP_METHODS: &str = "'GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT'";

/// The column in parentheses: it may be any expression.
fn column(given: &Arguments) -> Result<String, String> {
    Ok(format!("({})", given.text("column")?))
}

/// The rows of which something bad holds.
fn failing(given: &Arguments, from: &str, bad: &str) -> Result<String, String> {
    Ok(format!("SELECT 1 AS one FROM {from} WHERE ({bad}) AND {}", given.condition()))
}

/// The rows of which something bad holds for any item of a list.
fn any(given: &Arguments, from: &str, list: &str, bad: fn(&str) -> String) -> Result<String, String> {
    let bad: Vec<String> = given.list(list)?.iter().map(|item| bad(item)).collect();
    failing(given, from, &bad.join(" OR "))
}

fn patterns(
    given: &Arguments,
    from: &str,
    between: &str,
    bad: impl Fn(&str, &str) -> String,
) -> Result<String, String> {
    let column = column(given)?;
    let bad: Vec<String> = given.list("patterns")?.iter().map(|pattern| bad(&column, pattern)).collect();
    failing(given, from, &bad.join(between))
}

/// Whether a text has a part that a pattern, a text of SQL, describes.
fn matches(given: &Arguments, text: &str, pattern: &str) -> String {
    match given.dialect {
        Dialect::Postgres => format!("({text} ~ {pattern})"),
        Dialect::DuckDb => format!("regexp_matches({text}, {pattern})"),
        _ => format!("regexp_like({text}, {pattern})"),
    }
}

fn mismatch(given: &Arguments, text: &str, pattern: &str) -> String {
    format!("NOT {}", matches(given, text, &format!("'{pattern}'")))
}

/// That a value lies beside the bounds that are given, of which there is one.
fn outside(given: &Arguments, value: &str) -> Result<String, String> {
    let [below, above] = if given.truth("inclusive", true)? { ["<", ">"] } else { ["<=", ">="] };
    let bounds = [("min_v", below), ("max_v", above)];
    let beside = bounds.iter().filter_map(|(name, sign)| Some(format!("{value} {sign} {}", given.optional(name)?)));
    let beside: Vec<String> = beside.collect();
    if beside.is_empty() { Err("needs `min_v := …` or `max_v := …`".to_owned()) } else { Ok(beside.join(" OR ")) }
}

fn figure(given: &Arguments, from: &str, function: &str) -> Result<String, String> {
    let (column, condition, outside) = (column(given)?, given.condition(), outside(given, "figure")?);
    Ok(format!(
        "SELECT 1 AS one FROM (SELECT {function}({column}) AS figure FROM {from} WHERE {condition}) AS figures WHERE {outside}"
    ))
}

/// A value of any one of the columns that comes again; NULL is a value.
fn unique_values(given: &Arguments, from: &str) -> Result<String, String> {
    let columns = given.list("columns")?;
    let ranked = |(index, column): (usize, &String)| {
        format!("row_number() OVER (PARTITION BY {column} ORDER BY {column}) AS rank_{index}")
    };
    let ranks: Vec<String> = columns.iter().enumerate().map(ranked).collect();
    let again: Vec<String> = (0..columns.len()).map(|index| format!("rank_{index} > 1")).collect();
    Ok(format!(
        "SELECT 1 AS one FROM (SELECT {} FROM {from} WHERE {}) AS ranked WHERE {}",
        ranks.join(", "),
        given.condition(),
        again.join(" OR ")
    ))
}

fn unique_combination(given: &Arguments, from: &str) -> Result<String, String> {
    let columns = given.list("columns")?.join(", ");
    let condition = given.condition();
    Ok(format!("SELECT 1 AS one FROM {from} WHERE {condition} GROUP BY {columns} HAVING count(*) > 1"))
}

fn sequential_values(given: &Arguments, from: &str) -> Result<String, String> {
    let (column, condition) = (column(given)?, given.condition());
    let step = given.optional("interval").unwrap_or("1");
    Ok(format!(
        "SELECT 1 AS one FROM (SELECT {column} AS here, lag({column}) OVER (ORDER BY {column}) AS before FROM {from} \
         WHERE {condition}) AS neighbours WHERE NOT (here = before + {step})"
    ))
}

fn exclusive_ranges(given: &Arguments, from: &str) -> Result<String, String> {
    let (lower, upper) = (given.text("lower_bound_column")?, given.text("upper_bound_column")?);
    let condition = given.condition();
    let parts = given.optional("partition_clause").filter(|clause| !clause.eq_ignore_ascii_case("false"));
    let parts = parts.unwrap_or_default();
    Ok(format!(
        "SELECT 1 AS one FROM (SELECT {lower} AS lower_bound, {upper} AS upper_bound, \
         lead({lower}) OVER ({parts} ORDER BY {lower}, {upper}) AS next_lower_bound, \
         row_number() OVER ({parts} ORDER BY {lower} DESC, {upper} DESC) = 1 AS is_last FROM {from} WHERE {condition}) AS ranges \
         WHERE NOT (coalesce(lower_bound <= upper_bound, FALSE) \
         AND coalesce(upper_bound <= next_lower_bound, is_last, FALSE))"
    ))
}

/// Pearson's test of independence: what it is held against is the critical value. As in SQLMesh, pairs that no row has are left
/// out.
fn chi_square(given: &Arguments, from: &str) -> Result<String, String> {
    let (a, b) = (given.text("column_a")?, given.text("column_b")?);
    let (critical, condition) = (given.text("critical_value")?, given.condition());
    let sign = if given.truth("dependent", true)? { "<=" } else { ">" };
    Ok(format!(
        "WITH cells AS (SELECT {a} AS a, {b} AS b, count(*) AS observed FROM {from} \
         WHERE {a} IS NOT NULL AND {b} IS NOT NULL AND {condition} GROUP BY {a}, {b}), \
         totals AS (SELECT observed, sum(observed) OVER (PARTITION BY a) * 1.0 * sum(observed) OVER (PARTITION BY b) \
         / sum(observed) OVER () AS expected FROM cells) \
         SELECT 1 AS one FROM (SELECT sum((observed - expected) * (observed - expected) / expected) AS chi FROM totals) AS test \
         WHERE chi {sign} {critical}"
    ))
}
