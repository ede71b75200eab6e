//! The questions that compare two tables of one warehouse: row by row on a grain, or column by column. Each reads every
//! table once; rows of large tables are first told apart by buckets, so that only what differs is joined.

use super::{column_list, quote_identifier, quote_table};
use crate::ids::TableName;
use crate::sql::Dialect;

/// Two tables with what they have in common.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The engine's dialect.
    pub dialect: Dialect,
    /// The environment's table or view.
    pub here: &'a TableName,
    /// The base's.
    pub base: &'a TableName,
    /// The columns that tell rows apart, of one type on both sides.
    pub grain: &'a [String],
    /// The other columns that have one name and type on both sides.
    pub values: &'a [String],
    /// Those of both that hold values within values.
    pub nested: &'a [String],
    /// The rows that both sides have to show, as a condition on the columns of either.
    pub filter: Option<&'a str>,
}

/// Rows of large tables are told apart by so many buckets.
pub const BUCKETS: u32 = 4096;

impl Comparison<'_> {
    /// One row: the rows of the first table and how many of them have the grain of another one, then the same of the base.
    pub fn uniqueness(&self) -> String {
        let count = |table: &TableName| {
            let (list, from) = (self.list(self.grain), self.rows(table));
            let inner = format!("SELECT count(*) AS n FROM {from} GROUP BY {list}");
            format!("(SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE n > 1), 0) FROM ({inner}) AS g) AS")
        };
        format!("SELECT * FROM {} one(a, b), {} two(c, d)", count(self.here), count(self.base))
    }

    /// The number of rows of a table, of which no more than `most` are looked at where the engine can stop.
    pub fn counted_up_to(&self, table: &TableName, most: u64) -> String {
        let most = most.min(i64::MAX.unsigned_abs());
        format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {most}) AS looked_at", self.rows(table))
    }

    /// The buckets in which the two differ, one a row: what a row hashes to is added up on both sides.
    pub fn differing_buckets(&self) -> String {
        let side = |table: &TableName| {
            let all: Vec<&str> = self.grain.iter().chain(self.values).map(String::as_str).collect();
            let (bucket, hash) = (self.bucket(), self.hash(&column_list(self.dialect, all)));
            format!("SELECT {bucket} AS bucket, count(*) AS n, sum({hash}) AS s FROM {} GROUP BY 1", self.rows(table))
        };
        format!(
            "SELECT coalesce(a.bucket, b.bucket) FROM ({}) AS a FULL JOIN ({}) AS b ON a.bucket = b.bucket \
             WHERE a.n IS DISTINCT FROM b.n OR a.s IS DISTINCT FROM b.s ORDER BY 1",
            side(self.here),
            side(self.base)
        )
    }

    /// One row: rows only here, rows only in the base, rows that differ, and for each value column in how many of these.
    /// With buckets only rows of those are looked at.
    pub fn by_grain(&self, buckets: Option<&[u32]>) -> String {
        let name = |side: &str, column: &str| format!("{side}.{}", quote_identifier(self.dialect, column));
        let differs = |column: &String| format!("{} IS DISTINCT FROM {}", name("a", column), name("b", column));
        let both = "a.offshoot__side IS NOT NULL AND b.offshoot__side IS NOT NULL";
        let any = match self.values {
            [] => "false".to_owned(),
            values => values.iter().map(differs).collect::<Vec<_>>().join(" OR "),
        };
        let mut counts = vec![
            "count(*) FILTER (WHERE b.offshoot__side IS NULL)".to_owned(),
            "count(*) FILTER (WHERE a.offshoot__side IS NULL)".to_owned(),
            format!("count(*) FILTER (WHERE {both} AND ({any}))"),
        ];
        counts
            .extend(self.values.iter().map(|column| format!("count(*) FILTER (WHERE {both} AND {})", differs(column))));
        let within = buckets.map_or(String::new(), |buckets| {
            let list: Vec<String> = buckets.iter().map(u32::to_string).collect();
            format!(" WHERE {} IN ({})", self.bucket(), list.join(", "))
        });
        let key = self.key();
        let side =
            |table: &TableName| format!("(SELECT *, 1 AS offshoot__side{key} FROM {}{within})", self.rows(table));
        format!(
            "SELECT {} FROM {} AS a FULL JOIN {} AS b ON {}",
            counts.join(", "),
            side(self.here),
            side(self.base),
            self.same_key()
        )
    }

    /// One row about a table: its rows, then for each value column NULLs, different values, least, greatest and, for
    /// numbers, the mean. `is_number` and `is_ordered` say what a column can be asked.
    pub fn profile(
        &self,
        table: &TableName,
        is_number: &dyn Fn(&str) -> bool,
        is_ordered: &dyn Fn(&str) -> bool,
    ) -> String {
        let mut parts = vec!["count(*)".to_owned()];
        for column in self.values {
            let name = quote_identifier(self.dialect, column);
            parts.push(format!("count(*) - count({name})"));
            // PostgreSQL knows no equality of some types (`json`), but of every text.
            let as_text = self.dialect == Dialect::Postgres && !is_ordered(column);
            let value = if as_text { format!("{name}::text") } else { name.clone() };
            parts.push(format!("count(DISTINCT {value})"));
            for function in ["min", "max"] {
                parts.push(if is_ordered(column) { format!("{function}({name})") } else { "NULL".to_owned() });
            }
            parts.push(if is_number(column) { self.mean(&name) } else { "NULL".to_owned() });
        }
        format!("SELECT {} FROM {}", parts.join(", "), self.rows(table))
    }

    fn rows(&self, table: &TableName) -> String {
        let name = quote_table(self.dialect, table);
        match self.filter {
            Some(filter) => format!("(SELECT * FROM {name} WHERE {filter})"),
            None => name,
        }
    }

    fn list(&self, columns: &[String]) -> String {
        column_list(self.dialect, columns.iter().map(String::as_str))
    }

    /// What a row of these columns hashes to, of a type whose sum does not run over. DuckDB's second hash mixes what the
    /// first of several columns only combines, lest values that rows swap cancel out in the sum. Its hash of a nested value is
    /// one for NULL, for what is empty and for what holds NULLs alone, which its text tells apart.
    fn hash(&self, columns: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("hashtextextended(ROW({columns})::text, 0)::numeric"),
            _ => {
                let text = |column: &String| format!(", {}::VARCHAR", quote_identifier(self.dialect, column));
                format!("hash(hash({columns}{}))::HUGEINT", self.nested.iter().map(text).collect::<String>())
            }
        }
    }

    fn bucket(&self) -> String {
        let grain = self.list(self.grain);
        match self.dialect {
            Dialect::Postgres => format!("(hashtextextended(ROW({grain})::text, 0) & {})", BUCKETS - 1),
            _ => format!("hash({grain}) % {BUCKETS}"),
        }
    }

    /// A further column that tells rows apart: PostgreSQL joins both sides in full only on what it can hash or sort, and in
    /// a whole row one NULL equals another.
    fn key(&self) -> String {
        match self.dialect {
            Dialect::Postgres => format!(", ROW({}) AS offshoot__key", self.list(self.grain)),
            _ => String::new(),
        }
    }

    fn same_key(&self) -> String {
        if self.dialect == Dialect::Postgres {
            return "a.offshoot__key = b.offshoot__key".to_owned();
        }
        let same = |key: &String| {
            let name = quote_identifier(self.dialect, key);
            format!("a.{name} IS NOT DISTINCT FROM b.{name}")
        };
        self.grain.iter().map(same).collect::<Vec<_>>().join(" AND ")
    }

    fn mean(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("round(avg({name})::numeric, 9)"),
            _ => format!("round(avg({name})::DOUBLE, 9)"),
        }
    }
}
