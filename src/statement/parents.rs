//! Parents that have no table (EMBEDDED, and VIEW while tables are built) become CTEs of the statement that reads them:
//! once per statement, before the author's own.
//!
//! `NOT MATERIALIZED` makes a CTE what the view or the inlined text would be: each reference is planned by itself.

use super::quote_identifier;
use crate::sql::Dialect;

/// A parent without a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// What the CTE is called; see [`free_name`].
    pub name: String,
    /// Its output columns, in order; empty where they are not known.
    pub columns: Vec<String>,
    /// Its query, with the names of its own parents resolved.
    pub query: String,
}

/// Puts parents before a query, each after those that it reads. The query's own text is kept, its leading `WITH` shared.
pub fn with_parents(dialect: Dialect, query: &str, parents: &[Parent]) -> String {
    if parents.is_empty() {
        return query.to_owned();
    }
    let list: Vec<String> = parents.iter().map(|parent| cte(dialect, parent)).collect();
    let list = list.join(",\n");
    match own_with(dialect, query) {
        Some((place, head)) => format!("{head} {list},\n{}", &query[place..]),
        None => format!("WITH {list}\n{query}"),
    }
}

/// A parent as a view that lasts as long as the session, in place of one of the same name.
pub fn create_session_view(dialect: Dialect, parent: &Parent) -> String {
    let name = quote_identifier(dialect, &parent.name);
    format!("CREATE OR REPLACE TEMP VIEW {name}{} AS\n{}", listed(dialect, parent), parent.query)
}

/// A name near `wanted` that stands nowhere in the texts, in any case, so that it captures no name of theirs.
pub fn free_name<'a>(wanted: &str, texts: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let mut name = wanted.to_lowercase();
    while texts.clone().into_iter().any(|text| text.to_lowercase().contains(&name)) {
        name.push('_');
    }
    name
}

fn cte(dialect: Dialect, parent: &Parent) -> String {
    let columns = listed(dialect, parent);
    // Only these two know the word; elsewhere a CTE is inlined anyway.
    let hint = if matches!(dialect, Dialect::DuckDb | Dialect::Postgres) { "NOT MATERIALIZED " } else { "" };
    format!("{}{columns} AS {hint}(\n{}\n)", quote_identifier(dialect, &parent.name), parent.query)
}

fn listed(dialect: Dialect, parent: &Parent) -> String {
    match parent.columns.as_slice() {
        [] => String::new(),
        columns => format!(" ({})", super::column_list(dialect, columns.iter().map(String::as_str))),
    }
}

/// Where the first CTE of a query that begins with `WITH` stands, and what comes before it.
fn own_with(dialect: Dialect, query: &str) -> Option<(usize, &str)> {
    let start = skip_blank(dialect, query, 0);
    let with = word_end(query, start, "WITH")?;
    let next = skip_blank(dialect, query, with);
    let place = word_end(query, next, "RECURSIVE").unwrap_or(with);
    Some((place, &query[..place]))
}

/// The end of a word that stands at a place, in any case.
fn word_end(text: &str, place: usize, word: &str) -> Option<usize> {
    let found = text.get(place..place + word.len())?;
    let end = place + word.len();
    let goes_on = text[end..].starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '$');
    (found.eq_ignore_ascii_case(word) && !goes_on).then_some(end)
}

/// The first byte from `place` on that is neither white space nor inside a comment.
fn skip_blank(dialect: Dialect, text: &str, mut place: usize) -> usize {
    loop {
        let rest = &text[place..];
        let trimmed = rest.trim_start();
        place += rest.len() - trimmed.len();
        if trimmed.starts_with("--") {
            place += trimmed.find('\n').unwrap_or(trimmed.len());
        } else if trimmed.starts_with("/*") {
            place += block_comment(dialect, trimmed);
        } else {
            return place;
        }
    }
}

/// The length of the block comment that a text begins with; DuckDB and PostgreSQL nest them.
fn block_comment(dialect: Dialect, text: &str) -> usize {
    let nests = matches!(dialect, Dialect::DuckDb | Dialect::Postgres | Dialect::Redshift | Dialect::MsSql);
    let (mut depth, mut place) = (0_usize, 0);
    while let Some(offset) = text[place..].find(['/', '*']) {
        place += offset;
        if text[place..].starts_with("/*") && (nests || depth == 0) {
            depth += 1;
            place += 2;
        } else if text[place..].starts_with("*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(query: &str) -> String {
        let parent = Parent { name: "p".into(), columns: Vec::new(), query: "select 1 as a -- one".into() };
        with_parents(Dialect::DuckDb, query, &[parent]).replace('\n', " ")
    }

    const CTE: &str = "\"p\" AS NOT MATERIALIZED ( select 1 as a -- one )";

    #[test]
    fn parents_come_first() {
        assert_eq!(wrapped("select * from p"), format!("WITH {CTE} select * from p"));
        assert_eq!(wrapped("from p"), format!("WITH {CTE} from p"));
        assert_eq!(wrapped("(with x as (from p) from x) union all from p"), {
            format!("WITH {CTE} (with x as (from p) from x) union all from p")
        });
        assert_eq!(wrapped("with_x"), format!("WITH {CTE} with_x"));
    }

    #[test]
    fn the_authors_with_is_shared() {
        assert_eq!(wrapped("with x as (from p) from x"), format!("with {CTE},  x as (from p) from x"));
        assert_eq!(
            wrapped("-- with\n/* with /* nested */ */ With /* c */ Recursive r(n) as (select 1) from r"),
            format!("-- with /* with /* nested */ */ With /* c */ Recursive {CTE},  r(n) as (select 1) from r")
        );
        assert_eq!(wrapped("with recursive_x as (from p) from recursive_x"), {
            format!("with {CTE},  recursive_x as (from p) from recursive_x")
        });
    }

    #[test]
    fn hostile_text_does_not_panic() {
        for text in ["", "/*", "--", "/* */ */", "*/", "wit", "with", "wíth", "/*/", "ẅ"] {
            assert!(wrapped(text).contains(CTE), "{text}");
        }
    }

    #[test]
    fn a_free_name_captures_nothing() {
        assert_eq!(free_name("Orders", ["select * from ORDERS", "orders_"]), "orders__");
    }
}
