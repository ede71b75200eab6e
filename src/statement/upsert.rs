//! INCREMENTAL_BY_UNIQUE_KEY: a load is staged once, checked for keys that come twice, and put over the rows of its keys.
//!
//! Staging means that the author's query runs once per load, so a draw in it (`random()`, `now()`) is checked and loaded
//! as the same rows. Keys are compared NULL-safe: a NULL key is a key.

use super::{StatementError, Target, quote_identifier};
use crate::model::{DeclaredColumn, UniqueKey};
use crate::sql::{Dialect, Token, TokenKind, tokenize};

/// How the rows of a load meet those that are there.
#[derive(Clone, Copy, Debug)]
pub struct UpsertRule<'a> {
    /// The key's expressions, as written.
    pub unique_key: &'a [String],
    /// `when_matched` as written: one or more `WHEN MATCHED … THEN …` over `source` and `target`.
    pub when_matched: Option<&'a str>,
    /// `merge_filter` as written, over `source` and `target`.
    pub merge_filter: Option<&'a str>,
}

impl<'a> From<&'a UniqueKey> for UpsertRule<'a> {
    fn from(kind: &'a UniqueKey) -> Self {
        Self {
            unique_key: &kind.unique_key,
            when_matched: kind.when_matched.as_deref(),
            merge_filter: kind.merge_filter.as_deref(),
        }
    }
}

/// The statements of one load, all for one transaction and in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsert {
    /// Runs the query into a temporary table.
    pub stage: Vec<String>,
    /// A query that gives a row only where a key comes twice: the key's values, then how often. See [`Self::duplicate`].
    pub duplicates: String,
    /// Puts the staged rows over those that are there.
    pub apply: Vec<String>,
    /// Drops the temporary table.
    pub clean: String,
    keys: Vec<String>,
    table: String,
}

impl Upsert {
    /// What to say about the first row of [`Self::duplicates`].
    pub fn duplicate(&self, row: &[Option<String>]) -> String {
        let value = |value: &Option<String>| match value {
            // Values are data: quoted as debug text, so that none can forge a line, and clipped.
            Some(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
            None => "NULL".to_owned(),
        };
        let pairs: Vec<String> =
            self.keys.iter().zip(row).map(|(key, cell)| format!("{key} = {}", value(cell))).collect();
        let times = row.get(self.keys.len()).and_then(Option::as_deref).unwrap_or("several");
        format!(
            "unique key `{}` of `{}` comes {times} times in one load where {}; make the query give one row per key",
            self.keys.join(", "),
            self.table,
            pairs.join(" and ")
        )
    }
}

/// The temporary table that holds a load.
pub(super) const STAGE: &str = "offshoot__load";

impl Target<'_> {
    /// The statements of one load by unique key. Without `when_matched` and `merge_filter` the rows of the load's keys
    /// are deleted and the load inserted, which every engine with DELETE can do; else `MERGE` as SQLMesh writes it.
    ///
    /// # Errors
    /// The columns are not known, or there is no key.
    pub fn upsert(&self, query: &str, rule: &UpsertRule<'_>) -> Result<Upsert, StatementError> {
        self.names()?;
        if rule.unique_key.is_empty() {
            return Err(StatementError::NoKey { table: self.table.to_string() });
        }
        let stage = quote_identifier(self.dialect, STAGE);
        let drop = format!("DROP TABLE IF EXISTS {stage}");
        let create = format!("CREATE TEMPORARY TABLE {stage}{} AS\n{}", self.listed(), self.projected(query));
        let plain = rule.when_matched.is_none() && rule.merge_filter.is_none();
        let apply = if plain { self.delete_and_insert(rule)? } else { vec![self.merge(rule)?] };
        Ok(Upsert {
            stage: vec![drop.clone(), create],
            duplicates: self.duplicates(rule),
            apply,
            clean: drop,
            keys: rule.unique_key.to_vec(),
            table: self.table.to_string(),
        })
    }

    fn duplicates(&self, rule: &UpsertRule<'_>) -> String {
        let keys: Vec<String> = rule.unique_key.iter().map(|key| self.qualified(key, "source")).collect();
        let texts: Vec<String> = keys.iter().map(|key| format!("CAST({key} AS VARCHAR)")).collect();
        format!(
            "SELECT {}, count(*) FROM {} AS source GROUP BY {} HAVING count(*) > 1 ORDER BY {} LIMIT 1",
            texts.join(", "),
            quote_identifier(self.dialect, STAGE),
            keys.join(", "),
            keys.join(", ")
        )
    }

    fn delete_and_insert(&self, rule: &UpsertRule<'_>) -> Result<Vec<String>, StatementError> {
        let (table, stage, names) = (self.name(), quote_identifier(self.dialect, STAGE), self.names()?);
        Ok(vec![
            format!(
                "DELETE FROM {table} AS target WHERE EXISTS (SELECT 1 FROM {stage} AS source WHERE {})",
                self.same_key(rule)
            ),
            format!("INSERT INTO {table} ({names}) SELECT {names} FROM {stage}"),
        ])
    }

    fn merge(&self, rule: &UpsertRule<'_>) -> Result<String, StatementError> {
        let names = self.names()?;
        let column = |column: &DeclaredColumn| quote_identifier(self.dialect, &column.name);
        let given: Vec<String> = self.columns.iter().map(|name| format!("source.{}", column(name))).collect();
        let matched = match rule.when_matched {
            Some(text) => unqualified_updates(self.dialect, text),
            None => {
                let set: Vec<String> =
                    self.columns.iter().map(|name| format!("{0} = source.{0}", column(name))).collect();
                format!("WHEN MATCHED THEN UPDATE SET {}", set.join(", "))
            }
        };
        let filter = rule.merge_filter.map(|filter| format!("({filter}\n) AND ")).unwrap_or_default();
        Ok(format!(
            "MERGE INTO {} AS target USING {} AS source ON {filter}{}\n{matched}\n\
             WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({})",
            self.name(),
            quote_identifier(self.dialect, STAGE),
            self.same_key(rule),
            given.join(", ")
        ))
    }

    fn same_key(&self, rule: &UpsertRule<'_>) -> String {
        let same = |key: &String| {
            format!("{} IS NOT DISTINCT FROM {}", self.qualified(key, "target"), self.qualified(key, "source"))
        };
        rule.unique_key.iter().map(same).collect::<Vec<_>>().join(" AND ")
    }

    /// An expression over the table's columns as one over those of an alias. A name is a column where it is one of ours,
    /// is not called and is not the part of another name.
    pub(super) fn qualified(&self, expression: &str, alias: &str) -> String {
        let Ok(tokens) = tokenize(expression, self.dialect) else { return expression.to_owned() };
        let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
        let mut text = String::new();
        for (index, token) in significant.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| significant[before]);
            let after = significant.get(index + 1);
            let part = before.is_some_and(|token| token.is_symbol(".")) || after.is_some_and(|t| t.is_symbol("("));
            if index > 0 && before.is_some_and(|before| before.range.end < token.range.start) {
                text.push(' ');
            }
            match self.column(token).filter(|_| !part) {
                Some(name) => text.push_str(&format!("{alias}.{}", quote_identifier(self.dialect, name))),
                None => text.push_str(&expression[token.range.clone()]),
            }
        }
        text
    }

    /// The column that a token names.
    pub(super) fn column(&self, token: &Token) -> Option<&str> {
        let TokenKind::Word { value, quote } = &token.kind else { return None };
        let wanted = self.dialect.fold(value, quote.is_some());
        let exact = self.columns.iter().find(|column| column.name == *value && quote.is_some());
        let folded = || self.columns.iter().find(|column| self.dialect.fold(&column.name, false) == wanted);
        exact.or_else(folded).map(|column| column.name.as_str())
    }
}

/// `when_matched` without the parentheses around it and without `target.` before assigned columns, which DuckDB and
/// PostgreSQL refuse there and SQLMesh's authors write.
fn unqualified_updates(dialect: Dialect, text: &str) -> String {
    let text = unwrapped(dialect, text);
    let Ok(tokens) = tokenize(text, dialect) else { return text.to_owned() };
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let (mut output, mut copied, mut depth, mut assigning) = (String::new(), 0, 0_i32, false);
    for (index, token) in significant.iter().enumerate() {
        depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
        if depth == 0 && token.is_word("set") {
            assigning = true;
        } else if depth == 0 && token.is_word("when") {
            assigning = false;
        }
        let begins = token.is_word("set") || token.is_symbol(",");
        if let ([target, dot, ..], true) = (significant.get(index + 1..).unwrap_or(&[]), assigning && depth == 0)
            && begins
            && target.is_word("target")
            && dot.is_symbol(".")
        {
            output.push_str(&text[copied..target.range.start]);
            copied = dot.range.end;
        }
    }
    output.push_str(&text[copied..]);
    output
}

/// A text without parentheses that enclose all of it.
fn unwrapped(dialect: Dialect, text: &str) -> &str {
    let Ok(tokens) = tokenize(text, dialect) else { return text };
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let [first, .., last] = significant.as_slice() else { return text };
    let mut depth = 0_i32;
    let closes = significant.iter().position(|token| {
        depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
        depth == 0
    });
    if first.is_symbol("(") && closes == Some(significant.len() - 1) {
        text[first.range.end..last.range.start].trim()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TableName;

    fn made(rule: &UpsertRule<'_>) -> Upsert {
        let table = TableName { catalog: None, schema: "s".into(), name: "t".into() };
        let column = |name: &str| DeclaredColumn { name: name.into(), data_type: None };
        let columns = [column("id"), column("Tag")];
        let target = Target { dialect: Dialect::DuckDb, table: &table, columns: &columns };
        target.upsert("select 1, 2", rule).expect("statements")
    }

    #[test]
    fn keys_are_qualified_and_null_safe() {
        let keys = ["coalesce(id, 0)".to_owned(), "tag".to_owned()];
        let made = made(&UpsertRule { unique_key: &keys, when_matched: None, merge_filter: None });
        assert_eq!(
            made.apply[0],
            "DELETE FROM \"s\".\"t\" AS target WHERE EXISTS (SELECT 1 FROM \"offshoot__load\" AS source WHERE \
             coalesce(target.\"id\", 0) IS NOT DISTINCT FROM coalesce(source.\"id\", 0) AND \
             target.\"Tag\" IS NOT DISTINCT FROM source.\"Tag\")"
        );
        let message = made.duplicate(&[Some("7\nerror:".into()), None, Some("2".into())]);
        assert!(message.contains("comes 2 times in one load where coalesce(id, 0) = \"7\\nerror:\" and tag = NULL"));
    }

    #[test]
    fn when_matched_loses_what_engines_refuse() {
        let text = "(WHEN MATCHED AND source.u > target.u THEN UPDATE SET target.a = f(source.a, target.a), \
                    target.b = 1 WHEN MATCHED THEN DELETE)";
        assert_eq!(
            unqualified_updates(Dialect::DuckDb, text),
            "WHEN MATCHED AND source.u > target.u THEN UPDATE SET a = f(source.a, target.a), b = 1 \
             WHEN MATCHED THEN DELETE"
        );
        assert_eq!(unwrapped(Dialect::DuckDb, "(a) and (b)"), "(a) and (b)");
    }

    #[test]
    fn a_filter_joins_the_condition() {
        let keys = ["id".to_owned()];
        let rule = UpsertRule { unique_key: &keys, when_matched: None, merge_filter: Some("target.id > 3") };
        let made = made(&rule);
        assert!(made.apply[0].contains("ON (target.id > 3\n) AND target.\"id\" IS NOT DISTINCT FROM source.\"id\""));
    }
}
