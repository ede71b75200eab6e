//! Where a query reads a parent, as far as that decides whether the parent's own text may or must stand there.

use crate::ids::ModelName;
use crate::sql::{Query, Relation, Token, TokenKind};

/// A query that is being written, and the ones in whose text it will stand.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) reader: &'a ModelName,
    pub(super) query: &'a Query,
    pub(super) outer: Option<&'a Self>,
    pub(super) depth: usize,
    /// What stands for `@this_model`, where that is not the reader's table.
    pub(super) this_model: Option<&'a str>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(reader: &'a ModelName, query: &'a Query) -> Self {
        Self { reader, query, outer: None, depth: 0, this_model: None }
    }

    /// The queries in whose text this one will stand, the nearest first.
    pub(super) fn around(&self) -> impl Iterator<Item = &'a Query> {
        std::iter::successors(self.outer, |reading| reading.outer).map(|reading| reading.query)
    }
}

/// Whether a query inside this one says `GROUP BY ALL`.
pub(super) fn groups_by_all_inside(query: &Query) -> bool {
    let tokens = query.tokens();
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let mut depth = 0_usize;
    significant.iter().enumerate().any(|(place, token)| {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        depth > 0 && groups_by_all(&significant[place..])
    })
}

/// Whether these words are next.
fn groups_by_all(tokens: &[&Token]) -> bool {
    tokens.len() > 2 && tokens.iter().zip(["group", "by", "all"]).all(|(token, word)| token.is_word(word))
}

/// Whether a relation stands in parentheses that are not the body of a CTE.
pub(super) fn stands_inside(query: &Query, relation: &Relation) -> bool {
    let tokens = query.tokens();
    let before = tokens.iter().take_while(|token| token.range.start < relation.range.start);
    let (mut open, mut last) = (Vec::new(), None::<&Token>);
    for token in before.filter(|token| token.is_significant()) {
        if token.is_symbol("(") {
            open.push(last.is_some_and(|last| last.is_word("as") || last.is_word("materialized")));
        } else if token.is_symbol(")") {
            open.pop();
        }
        last = Some(token);
    }
    open.contains(&false)
}

/// Whether a relation stands in the definition of a window, `OVER (…)` or `WINDOW w AS (…)`; a CTE behind the word `window`
/// counts as one.
pub(super) fn defines_a_window(query: &Query, relation: &Relation) -> bool {
    let tokens = query.tokens();
    let before = tokens.iter().take_while(|token| token.range.start < relation.range.start);
    let (mut open, mut last, mut has_named) = (Vec::new(), None::<&Token>, false);
    for token in before.filter(|token| token.is_significant()) {
        if token.is_symbol("(") {
            open.push(last.is_some_and(|last| last.is_word("over") || (has_named && last.is_word("as"))));
        } else if token.is_symbol(")") {
            open.pop();
        }
        has_named |= token.is_word("window");
        last = Some(token);
    }
    open.contains(&true)
}

/// Whether a query that a relation is inside of says `GROUP BY ALL`: one in parentheses of its own.
pub(super) fn is_grouped_by_all(query: &Query, relation: &Relation) -> bool {
    let tokens = query.tokens();
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    // For each open parenthesis whether the relation stands in it, and whether the words do.
    let mut open: Vec<(bool, bool)> = Vec::new();
    for (place, token) in significant.iter().enumerate() {
        if token.is_symbol("(") {
            open.push((false, false));
        } else if token.is_symbol(")") {
            if open.pop() == Some((true, true)) {
                return true;
            }
        } else if relation.range.contains(&token.range.start) {
            open.iter_mut().for_each(|(has_relation, _)| *has_relation = true);
        } else if groups_by_all(&significant[place..]) {
            open.last_mut().into_iter().for_each(|(_, has_words)| *has_words = true);
        }
    }
    open.contains(&(true, true))
}

/// Whether a query may have a CTE of a name: the word stands in it elsewhere than where that table is read, and qualifies
/// nothing.
pub(super) fn may_define(query: &Query, name: &ModelName) -> bool {
    let reads = |token: &Token| {
        let is_it = |relation: &&Relation| relation.range.contains(&token.range.start);
        query.relations().iter().find(is_it).is_some_and(|relation| relation.name == *name)
    };
    let tokens = query.tokens();
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    // A text without tokens is one that nobody can read.
    tokens.is_empty()
        || significant.iter().enumerate().any(|(place, token)| {
            let is_named = |value: &str| name.parts().iter().any(|part| part.to_lowercase() == value.to_lowercase());
            let is_name = matches!(&token.kind, TokenKind::Word { value, .. } if is_named(value));
            let qualifies = significant.get(place + 1).is_some_and(|next| next.is_symbol("."));
            is_name && !qualifies && !reads(token)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, Template};

    fn parsed(text: &str) -> Query {
        Query::parse(Template::plain(text), Dialect::DuckDb)
    }

    #[test]
    fn a_relation_inside_is_told_from_one_of_a_cte() {
        let inside = |text: &str| {
            let query = parsed(text);
            let found = query.relations().iter().find(|relation| relation.name.to_string() == "s.v");
            stands_inside(&query, found.expect("it is read"))
        };
        for text in [
            "SELECT 1 FROM s.t WHERE EXISTS (SELECT 1 FROM s.v)",
            "SELECT * FROM (SELECT x FROM s.v) AS q",
            "WITH a AS (SELECT (SELECT max(x) FROM s.v)) FROM a",
            "SELECT (WITH a AS (SELECT x FROM s.v) SELECT max(x) FROM a)",
        ] {
            assert!(inside(text), "{text}");
        }
        for text in [
            "SELECT x FROM s.v",
            "SELECT (1 + 2) FROM s.v",
            "WITH a AS (SELECT x FROM s.v) FROM a",
            "WITH a AS NOT MATERIALIZED (SELECT x FROM s.v) FROM a",
        ] {
            assert!(!inside(text), "{text}");
        }
    }

    #[test]
    fn a_relation_in_the_definition_of_a_window_is_found() {
        let defines = |text: &str| {
            let query = parsed(text);
            let found = query.relations().iter().find(|relation| relation.name.to_string() == "s.v");
            defines_a_window(&query, found.expect("it is read"))
        };
        for text in [
            "SELECT sum(x) OVER (ORDER BY (SELECT max(x) FROM s.v)) FROM s.t",
            "SELECT sum(x) OVER w FROM s.t WINDOW a AS (PARTITION BY x), w AS (a ORDER BY (SELECT max(x) FROM s.v))",
        ] {
            assert!(defines(text), "{text}");
        }
        for text in [
            "SELECT sum(x) OVER (ORDER BY x) FROM s.t WHERE EXISTS (SELECT 1 FROM s.v)",
            "WITH a AS (SELECT (SELECT max(x) FROM s.v)) SELECT sum(x) OVER w FROM a WINDOW w AS (ORDER BY x)",
        ] {
            assert!(!defines(text), "{text}");
        }
    }

    #[test]
    fn a_relation_of_a_query_inside_that_groups_by_all_is_found() {
        let is_grouped = |text: &str| {
            let query = parsed(text);
            let found = query.relations().iter().find(|relation| relation.name.to_string() == "s.v");
            is_grouped_by_all(&query, found.expect("it is read"))
        };
        for text in [
            "SELECT (SELECT max(x) FROM s.v GROUP BY ALL) FROM s.t",
            "SELECT (SELECT max(x) FROM (SELECT x FROM s.v) AS q GROUP BY ALL) FROM s.t",
            "SELECT (SELECT max(x) FROM s.v GROUP BY ALL",
        ] {
            assert!(is_grouped(text), "{text}");
        }
        for text in [
            "SELECT max(x) FROM s.v GROUP BY ALL",
            "SELECT (SELECT max(x) FROM s.t GROUP BY ALL) FROM s.v",
            "SELECT (SELECT max(x) FROM s.v), (SELECT x FROM s.t GROUP BY ALL)",
            "SELECT (SELECT max(x) FROM s.v WHERE x IN (SELECT x FROM s.t GROUP BY ALL))",
        ] {
            assert!(!is_grouped(text), "{text}");
        }
    }

    #[test]
    fn a_name_that_may_be_a_ctes_is_seen_however_it_is_written() {
        let name = ModelName::parse("lone").expect("a name");
        for text in [
            "WITH lone AS (SELECT 1) FROM s.v",
            "WITH Lone(a) AS (SELECT 1) FROM s.v",
            "WITH \"lone\" AS MATERIALIZED (SELECT 1) FROM s.v",
            "SELECT 1 AS x FROM lone, (WITH lone AS (SELECT 1) FROM lone)",
            "SELECT 'not closed",
        ] {
            assert!(may_define(&parsed(text), &name), "{text}");
        }
        for text in ["SELECT 1 FROM s.v", "SELECT lone.x FROM lone", "SELECT 'lone' FROM raw.t -- lone"] {
            assert!(!may_define(&parsed(text), &name), "{text}");
        }
    }
}
