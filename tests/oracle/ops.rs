//! The functions and operators that the generator knows, by what they take and give.

use super::ir::{B, D, Form, L, N, Op, Rows, S, Shows, T, Type};
use super::random::Choices;

macro_rules! ops {
    ($($text:literal [$($takes:ident),*] $gives:ident;)*) => {
        &[$(Op { text: $text, takes: &[$($takes),*], gives: $gives },)*]
    };
}

pub(crate) static SCALARS: &[Op] = ops! {
    "({0} + {1})" [N, N] N;
    "({0} - {1})" [N, N] N;
    "({0} * {1})" [N, N] N;
    "({0} % 7)" [N] N;
    "coalesce({0}, {1})" [N, N] N;
    "greatest({0}, {1})" [N, N] N;
    "nullif({0}, {1})" [N, N] N;
    "abs({0})" [N] N;
    "CASE WHEN {0} THEN {1} ELSE {2} END" [B, N, N] N;
    "CASE {0} WHEN 1 THEN {1} END" [N, N] N;
    "length({0})" [T] N;
    "CAST({0} AS BIGINT)" [N] N;
    "CAST({0} AS DECIMAL(18, 2))" [N] N;
    "TRY_CAST({0} AS INTEGER)" [T] N;
    "len({0})" [L] N;
    "{0}[1]" [L] N;
    "list_sum({0})" [L] N;
    "year({0})" [D] N;
    "extract(day FROM {0})" [D] N;
    "date_diff('day', {0}, {1})" [D, D] N;
    "{'p': {0}, 'q': {1}}.q" [N, N] N;
    "({0}).p" [S] N;
    "({0} / nullif({1}, 0))" [N, N] N;
    "struct_extract({0}, 'q')" [S] T;
    "to_json({0})::VARCHAR" [S] T;
    "CAST(CAST({0} AS TIMESTAMPTZ) AS VARCHAR)" [D] T;
    "({0} = {1})" [S, S] B;
    "{'p': {0}, 'q': {1}}" [N, T] S;
    "coalesce({0}, {1})" [S, S] S;
    "CASE WHEN {0} THEN {1} ELSE {2} END" [B, S, S] S;
    "upper({0})" [T] T;
    "({0} || {1})" [T, T] T;
    "coalesce({0}, {1})" [T, T] T;
    "CAST({0} AS VARCHAR)" [N] T;
    "{0}::VARCHAR" [D] T;
    "{0}::VARCHAR" [L] T;
    "CASE WHEN {0} THEN {1} ELSE {2} END" [B, T, T] T;
    "substring({0}, 1, 2)" [T] T;
    "trim({0})" [T] T;
    "strftime({0}, '%Y-%m')" [D] T;
    "typeof({0})" [N] T;
    "to_json({'k': {0}, 'K2': {1}})::VARCHAR" [N, T] T;
    "({0} + 1)" [D] D;
    "({0} - 1)" [D] D;
    "CAST(date_trunc('month', {0}) AS DATE)" [D] D;
    "coalesce({0}, {1})" [D, D] D;
    "CASE WHEN {0} THEN {1} ELSE {2} END" [B, D, D] D;
    "({0} = {1})" [N, N] B;
    "({0} <> {1})" [N, N] B;
    "({0} < {1})" [N, N] B;
    "({0} >= {1})" [N, N] B;
    "({0} IS NULL)" [N] B;
    "({0} IS NOT NULL)" [T] B;
    "({0} IS NOT DISTINCT FROM {1})" [N, N] B;
    "({0} = {1})" [T, T] B;
    "({0} IN (1, 2, {1}))" [N, N] B;
    "({0} IN ('a', 'b'))" [T] B;
    "({0} LIKE 'a%')" [T] B;
    "({0} BETWEEN {1} AND {2})" [N, N, N] B;
    "({0} <= {1})" [D, D] B;
    "({0} OR {1})" [B, B] B;
    "(NOT {0})" [B] B;
    "list_contains({0}, {1})" [L, N] B;
    "[{0}, {1}]" [N, N] L;
    "list_transform({0}, lambda x: x + 1)" [L] L;
    "list_filter({0}, lambda v: v > {1})" [L, N] L;
    "list_sort({0})" [L] L;
};

pub(crate) static AGGREGATES: &[Op] = ops! {
    "count(*)" [] N;
    "count({0})" [N] N;
    "count(DISTINCT {0})" [N] N;
    "count(DISTINCT {0})" [T] N;
    "sum({0})" [N] N;
    "min({0})" [N] N;
    "max({0})" [N] N;
    "avg({0})" [N] N;
    "sum(DISTINCT {0})" [N] N;
    "median({0})" [N] N;
    "min({0})" [T] T;
    "max({0})" [T] T;
    "max({0})" [D] D;
    "min({0})" [D] D;
    "bool_or({0})" [B] B;
    "list({0} ORDER BY {0})" [N] L;
    "list({0} ORDER BY {0} DESC)" [N] L;
    "array_agg(DISTINCT {0} ORDER BY {0})" [N] L;
    "string_agg({0}, ',' ORDER BY {0})" [T] T;
    "first({0} ORDER BY {0})" [N] N;
    "last({0} ORDER BY {0})" [N] N;
    "quantile_disc({0}, 0.5)" [N] N;
    "max({0})" [S] S;
};

macro_rules! forms {
    ($($text:literal $shows:ident [$($name:literal $data:ident),*] $rows:ident;)*) => {
        &[$(Form { text: $text, shows: Shows::$shows, columns: &[$(($name, $data)),*], rows: Rows::$rows },)*]
    };
}

/// Queries over every column of a table: `COLUMNS`, whole rows, PIVOT, UNPIVOT, SUMMARIZE.
pub(crate) static FORMS: &[Form] = forms! {
    "(SELECT COLUMNS(*) FROM {t})" Columns [] Same;
    "(FROM {t})" Columns [] Same;
    "(SELECT * FROM {t} WHERE COLUMNS(*) IS NOT NULL)" Columns [] ByColumns;
    "(SELECT * FROM {t} AS q WHERE q IS NOT NULL AND hash(q) IS NOT NULL)" Columns [] ByColumns;
    "(SELECT DISTINCT * FROM {t})" Columns [] ByColumns;
    "(SELECT count(DISTINCT q) AS x FROM {t} AS q)" Own ["x" N] One;
    "(SELECT to_json(q)::VARCHAR AS g FROM {t} AS q)" Own ["g" T] Same;
    "(SELECT list(q ORDER BY q)::VARCHAR AS g FROM {t} AS q)" Own ["g" T] One;
    "(PIVOT (SELECT 'a' AS pv, 1 AS px, * FROM {t}) ON pv IN ('a', 'b') USING count(px))" Columns ["a" N, "b" N] ByColumns;
    "(SELECT nm, v FROM (UNPIVOT (SELECT COLUMNS(*)::VARCHAR FROM {t}) ON COLUMNS(*) INTO NAME nm VALUE v))" Own ["nm" T, "v" T] ByColumns;
    "(SELECT column_name AS g, column_type AS h FROM (SUMMARIZE {t}))" Own ["g" T, "h" T] ByColumns;
    "(SELECT * FROM query('SELECT * FROM {t}'))" Columns [] Same;
    "(SELECT * FROM {t} USING SAMPLE 2 ROWS)" Columns [] Drawn;
};

/// One of these queries.
pub(crate) fn form(choices: &mut Choices, draws: bool) -> &'static Form {
    let fits: Vec<&'static Form> = FORMS.iter().filter(|form| draws || form.rows != Rows::Drawn).collect();
    choices.one(&fits)
}

/// A field of a struct; of a column it is written as one would.
pub(crate) const FIELD: &str = "({0}).p";
pub(crate) const BARE_FIELD: &str = "{0}.p";

/// Aggregates that depend on the order of rows: their results are drawn.
pub(crate) static ORDERLESS: &[Op] = ops! {
    "first({0})" [N] N;
    "any_value({0})" [N] N;
    "list({0})" [N] L;
    "string_agg({0}, ',')" [T] T;
    "first({0})" [T] T;
};

/// Calls in a projection that give several rows.
pub(crate) static SETS_OF_ROWS: &[Op] = ops! {
    "unnest({0})" [L] N;
    "unnest(range(0, (abs({0}) % 4)::INTEGER))" [N] N;
    "unnest(generate_series(1, {0} % 3))" [N] N;
};

/// Tells which keys of a ROLLUP, CUBE or GROUPING SETS a row is grouped by.
pub(crate) static GROUPING: Op = Op { text: "grouping({0})", takes: &[N], gives: N };

/// Windows over which ties decide nothing.
pub(crate) static RANKS: &[Op] = ops! {
    "rank()" [] N;
    "dense_rank()" [] N;
    "count(*)" [] N;
    "sum({0})" [N] N;
    "min({0})" [N] N;
    "max({0})" [N] N;
    "max({0})" [T] T;
    "count(DISTINCT {0})" [N] N;
};

/// Windows that need a total order.
pub(crate) static PLACES: &[Op] = ops! {
    "row_number()" [] N;
    "lag({0})" [N] N;
    "lead({0})" [N] N;
    "first_value({0})" [N] N;
    "last_value({0})" [N] N;
    "lag({0})" [T] T;
    "ntile(2)" [] N;
    "nth_value({0}, 2)" [N] N;
};

pub(crate) fn ops_giving(list: &'static [Op], data: Type) -> Vec<&'static Op> {
    list.iter().filter(|op| op.gives == data).collect()
}

/// Another operator of the same shape.
pub(crate) fn sibling(choices: &mut Choices, list: &'static [Op], op: &'static Op) -> &'static Op {
    let alike: Vec<&'static Op> =
        list.iter().filter(|other| other.gives == op.gives && other.takes == op.takes && *other != op).collect();
    choices.pick(&alike).copied().unwrap_or(op)
}

pub(crate) fn literal(choices: &mut Choices, data: Type) -> String {
    let texts: &[&str] = match data {
        N => &["0", "1", "2", "3", "5", "10", "2", "3", "5", "1", "4", "-1", "NULL", "1_0"],
        T => &["'a'", "'b'", "'c'", "'ab'", "'a'", "'b'", "'c'", "'a'", "'b'", "'c'", "$$b$$", "''", "NULL", "e'a\\n'"],
        D => &["DATE '2024-01-01'", "DATE '2024-01-02'", "DATE '2024-01-03'", "DATE '2024-02-10'"],
        B => &["true", "false"],
        L => &["[1, 2]", "[2]", "[3, NULL]", "[1]"],
        S => &["{'p': 1, 'q': 'a'}", "{'p': 2, 'q': 'b'}", "{'p': 2, 'q': 'a'}"],
    };
    choices.one(texts).to_owned()
}
