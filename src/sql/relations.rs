//! Which tables a query names, and where: what the graph is made of and what is replaced by physical names.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, TableAlias,
    TableFactor, Visit as _, Visitor,
};

use super::token::LineStarts;
use super::{Dialect, Token, TokenKind};
use crate::ids::ModelName;

/// A table that a query reads by name and that none of its CTEs owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its name, folded as the dialect folds.
    pub name: ModelName,
    /// Where the whole name stands in [`super::Query::text`].
    pub range: Range<usize>,
    /// The name that columns may be qualified by because there is no alias: it must be added as one when the name is
    /// replaced. As written, quotes included.
    pub implied_alias: Option<String>,
    /// What its columns are called here.
    pub columns: ColumnNames,
    /// How sure it is that this is a table at all.
    pub certainty: Certainty,
}

/// What the columns of a table are called where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnNames {
    /// What the table calls them.
    Own,
    /// The alias lists names for some or all of them.
    Listed,
}

/// How sure it is that a name is a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The syntax tree says so.
    Table,
    /// A dotted name of a text that has no syntax tree: a table only if a model has that name.
    Perhaps,
}

/// Words that mean something after a table in some dialect; a parser that does not know them reads them as its alias.
pub(super) const JOIN_WORDS: [&str; 11] =
    ["positional", "asof", "semi", "anti", "any", "global", "lateral", "natural", "directed", "paste", "final"];

#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) relations: Vec<Relation>,
    pub(super) qualifiers: Vec<Relation>,
}

pub(super) fn of_tree(query: &Query, text: &str, tokens: &[Token], dialect: Dialect) -> Reads {
    let mut collector = Collector {
        text,
        lines: LineStarts::new(text),
        dialect,
        scopes: Vec::new(),
        bodies: BTreeMap::new(),
        reads: Reads::default(),
    };
    let _ = query.visit(&mut collector);
    let mut reads = collector.reads;
    // Nothing may stand after the name of `TABLE t`, and nothing qualifies by it.
    if tokens.iter().any(|token| token.is_word("table")) {
        let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
        let named = significant.windows(2).filter(|pair| pair[0].is_word("table")).map(|pair| pair[1].range.start);
        let named: BTreeSet<usize> = named.collect();
        for relation in reads.relations.iter_mut().filter(|relation| named.contains(&relation.range.start)) {
            relation.implied_alias = None;
        }
    }
    reads.relations.sort_by_key(|relation| relation.range.start);
    reads.qualifiers.sort_by_key(|relation| relation.range.start);
    reads
}

struct Collector<'a> {
    text: &'a str,
    lines: LineStarts,
    dialect: Dialect,
    /// CTE names visible in each enclosing query.
    scopes: Vec<BTreeSet<String>>,
    /// CTE names visible inside a CTE's body, by the body's address: its earlier siblings, and itself where recursive.
    bodies: BTreeMap<usize, BTreeSet<String>>,
    reads: Reads,
}

impl Visitor for Collector<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let inherited = self.scopes.last().cloned().unwrap_or_default();
        let mut visible = self.bodies.remove(&address(query)).unwrap_or(inherited);
        if let Some(with) = &query.with {
            let names = with.cte_tables.iter().map(|cte| self.cte_name(&cte.alias.name));
            let names: Vec<String> = names.collect();
            let mut before = visible.clone();
            for (cte, name) in with.cte_tables.iter().zip(&names) {
                let mut body = before.clone();
                if with.recursive {
                    body.extend(names.iter().cloned());
                }
                self.bodies.insert(address(&cte.query), body);
                before.insert(name.clone());
            }
            visible = before;
        }
        self.scopes.push(visible);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item {
                let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
                self.qualifier(&parts);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor {
            self.relation(name, alias.as_ref().filter(|alias| is_true_alias(alias)));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expression
            && let Some((_, qualifier)) = parts.split_last()
        {
            self.qualifier(&qualifier.iter().collect::<Vec<_>>());
        }
        ControlFlow::Continue(())
    }
}

impl Collector<'_> {
    fn fold(&self, ident: &Ident) -> String {
        self.dialect.fold(&ident.value, ident.quote_style.is_some())
    }

    fn cte_name(&self, ident: &Ident) -> String {
        self.dialect.fold_name(&ident.value, ident.quote_style.is_some())
    }

    fn relation(&mut self, name: &ObjectName, alias: Option<&TableAlias>) {
        let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        if parts.len() != name.0.len() {
            return;
        }
        let folded: Vec<String> = parts.iter().map(|part| self.fold(part)).collect();
        let named = |scope: &BTreeSet<String>| scope.contains(&self.cte_name(parts[0]));
        let is_cte = folded.len() == 1 && self.scopes.last().is_some_and(named);
        if is_cte {
            return;
        }
        let Some((name, range)) = ModelName::from_parts(folded).zip(self.range(&parts)) else { return };
        let last = self.range(&parts[parts.len() - 1..]);
        let implied_alias = last.filter(|_| alias.is_none()).map(|range| self.text[range].to_owned());
        let columns = match alias {
            Some(alias) if !alias.columns.is_empty() => ColumnNames::Listed,
            _ => ColumnNames::Own,
        };
        self.reads.relations.push(Relation { name, range, implied_alias, columns, certainty: Certainty::Table });
    }

    fn qualifier(&mut self, parts: &[&Ident]) {
        if parts.len() < 2 {
            return;
        }
        let folded = parts.iter().map(|part| self.fold(part)).collect();
        let Some((name, range)) = ModelName::from_parts(folded).zip(self.range(parts)) else { return };
        let implied_alias = self.range(&parts[parts.len() - 1..]).map(|range| self.text[range].to_owned());
        let (columns, certainty) = (ColumnNames::Own, Certainty::Table);
        self.reads.qualifiers.push(Relation { name, range, implied_alias, columns, certainty });
    }

    fn range(&self, parts: &[&Ident]) -> Option<Range<usize>> {
        let start = self.lines.offset(self.text, parts.first()?.span.start);
        let end = self.lines.offset(self.text, parts.last()?.span.end);
        (parts.iter().all(|part| part.span.start.line > 0) && start < end).then_some(start..end)
    }
}

/// `FROM a POSITIONAL JOIN b` has no alias, though the parser sees one.
fn is_true_alias(alias: &TableAlias) -> bool {
    let TableAlias { explicit, name, columns: _, at: _ } = alias;
    *explicit || name.quote_style.is_some() || !JOIN_WORDS.contains(&name.value.to_lowercase().as_str())
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}

/// Words after which a single name is a table, also where the statement has no syntax tree.
const BEFORE_TABLES: [&str; 8] = ["from", "join", "pivot", "unpivot", "describe", "show", "summarize", "table"];

/// Those of them after which the table may have an alias.
const BEFORE_ALIASES: [&str; 4] = ["from", "join", "pivot", "unpivot"];

/// The dotted names of a text without a syntax tree, and single names after FROM and the like.
pub(super) fn of_tokens(tokens: &[Token], dialect: Dialect) -> Reads {
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let mut relations = Vec::new();
    let mut index = 0;
    let mut lists = FromLists::default();
    let listed: Vec<bool> = significant.iter().map(|token| lists.goes_on(token)).collect();
    while index < significant.len() {
        let is_listed = index > 0 && listed[index - 1];
        let is_after = |words: &[&str]| index > 0 && words.iter().any(|word| significant[index - 1].is_word(word));
        let (after_from, takes_alias) = (is_listed || is_after(&BEFORE_TABLES), is_listed || is_after(&BEFORE_ALIASES));
        let mut parts = Vec::new();
        let start = index;
        while let Some(TokenKind::Word { value, quote }) = significant.get(index).map(|token| &token.kind) {
            parts.push(dialect.fold(value, quote.is_some()));
            index += 1;
            if !significant.get(index).is_some_and(|token| token.is_symbol(".")) {
                break;
            }
            index += 1;
        }
        if parts.is_empty() {
            index += 1;
            continue;
        }
        let end = index.min(significant.len());
        let last = significant[end - 1];
        if !matches!(last.kind, TokenKind::Word { .. }) || (parts.len() == 1 && !after_from) {
            continue;
        }
        let Some(name) = ModelName::from_parts(parts) else { continue };
        let aliased = significant.get(end).is_some_and(|token| is_alias(token));
        let implied_alias = (!aliased && takes_alias).then(|| word_text(last));
        let range = significant[start].range.start..last.range.end;
        let (columns, certainty) = (ColumnNames::Own, Certainty::Perhaps);
        relations.push(Relation { name, range, implied_alias, columns, certainty });
    }
    Reads { relations, qualifiers: Vec::new() }
}

/// The lists of tables after FROM, so that a comma of one is told from any other.
#[derive(Default)]
pub(super) struct FromLists {
    /// By depth of parentheses, whether the text is inside a FROM.
    open: Vec<bool>,
    outermost: bool,
}

impl FromLists {
    /// Takes the next token and tells whether it is a comma between two tables.
    pub(super) fn goes_on(&mut self, token: &Token) -> bool {
        const ENDS: [&str; 9] = ["select", "where", "group", "order", "having", "qualify", "limit", "window", "union"];
        if token.is_symbol("(") {
            self.open.push(false);
        } else if token.is_symbol(")") {
            self.open.pop();
        }
        let inside = self.open.last_mut().unwrap_or(&mut self.outermost);
        if ["from", "join"].iter().any(|word| token.is_word(word)) {
            *inside = true;
        }
        if ENDS.iter().any(|word| token.is_word(word)) {
            *inside = false;
        }
        *inside && token.is_symbol(",")
    }
}

fn word_text(token: &Token) -> String {
    match &token.kind {
        TokenKind::Word { value, quote: Some(quote) } => {
            let close = if *quote == '[' { ']' } else { *quote };
            format!("{quote}{value}{close}")
        }
        TokenKind::Word { value, quote: None } => value.clone(),
        _ => String::new(),
    }
}

/// Whether a word after a table's name is its alias (or AS) and not the clause that follows.
fn is_alias(token: &Token) -> bool {
    const CLAUSES: &[&str] = &[
        "where",
        "group",
        "order",
        "having",
        "qualify",
        "limit",
        "offset",
        "fetch",
        "window",
        "union",
        "except",
        "intersect",
        "minus",
        "on",
        "using",
        "join",
        "inner",
        "left",
        "right",
        "full",
        "cross",
        "natural",
        "semi",
        "anti",
        "asof",
        "positional",
        "lateral",
        "pivot",
        "unpivot",
        "tablesample",
        "sample",
        "select",
        "for",
        "version",
        "timestamp",
        "match_recognize",
        "when",
        "set",
        "values",
        "end",
        "then",
        "else",
    ];
    match &token.kind {
        TokenKind::Word { value, quote } => quote.is_some() || !CLAUSES.contains(&value.to_lowercase().as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::{Dialect, Query, Template};

    fn names(sql: &str) -> Vec<String> {
        let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
        query.relations().iter().map(|relation| format!("{}={}", relation.name, &sql[relation.range.clone()])).collect()
    }

    #[test]
    fn ctes_shadow_only_where_they_are_visible() {
        let sql = "WITH orders AS (SELECT * FROM orders), b AS (SELECT * FROM orders) \
                   SELECT * FROM orders, staging.Orders o, b WHERE EXISTS (SELECT 1 FROM \"T x\")";
        assert_eq!(names(sql), ["orders=orders", "staging.orders=staging.Orders", "\"t x\"=\"T x\""]);
    }

    #[test]
    fn table_functions_are_no_tables() {
        assert_eq!(names("SELECT * FROM range(3) r, a.b"), ["a.b=a.b"]);
    }

    #[test]
    fn tables_after_a_comma_keep_their_name_in_unparsed_text() {
        let sql = "SELECT a.x, b.y FROM stg.a LEFT JOIN (SELECT x, stg.d FROM stg.c) AS c ON (a.x >= c.x), stg.b USING SAMPLE 1 ROWS";
        let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
        assert!(query.failure().is_some());
        let alias = |name: &str| {
            let found = query.relations().iter().find(|relation| relation.name.to_string() == name);
            found.and_then(|relation| relation.implied_alias.clone())
        };
        assert_eq!(alias("stg.a").as_deref(), Some("a"));
        assert_eq!(alias("stg.b").as_deref(), Some("b"));
        assert_eq!(alias("stg.d"), None);
    }

    #[test]
    fn a_join_word_is_no_alias() {
        let alias = |sql: &str| {
            let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
            query.relations()[0].implied_alias.clone()
        };
        assert_eq!(alias("SELECT o.x FROM stg.o POSITIONAL JOIN stg.p").as_deref(), Some("o"));
        assert_eq!(alias("SELECT 1 FROM stg.o AS positional JOIN stg.p ON true"), None);
    }

    #[test]
    fn unparsed_text_yields_dotted_names() {
        let sql = "PIVOT x.y ON a USING sum(b) FROM stg.orders WHERE 1";
        let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
        assert!(query.failure().is_some());
        assert_eq!(names(sql), ["x.y=x.y", "stg.orders=stg.orders"]);
        assert_eq!(query.relations()[1].implied_alias.as_deref(), Some("orders"));
    }

    #[test]
    fn single_names_of_unparsed_text_are_found_where_tables_stand() {
        assert_eq!(names("PIVOT orders ON a USING sum(b)"), ["orders=orders"]);
        assert_eq!(names("SUMMARIZE orders"), ["orders=orders"]);
        assert_eq!(names("FROM (DESCRIBE orders)"), ["orders=orders"]);
        for sql in ["TABLE orders", "FROM (TABLE orders)", "SELECT 1 UNION ALL (TABLE orders)"] {
            assert_eq!(names(sql), ["orders=orders"], "{sql}");
        }
        let parsed = Query::parse(Template::plain("SELECT a.table AS x, 1 AS table FROM a"), Dialect::DuckDb);
        assert!(parsed.failure().is_none(), "a column of that name is no statement");
    }

    #[test]
    fn long_qualifiers_are_found() {
        let sql = "SELECT staging.orders.amount, staging.orders.* FROM staging.orders";
        let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
        let found: Vec<_> = query.long_qualifiers().iter().map(|q| &sql[q.range.clone()]).collect();
        assert_eq!(found, ["staging.orders", "staging.orders"]);
    }
}
