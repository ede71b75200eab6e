//! The columns of a query with the types that it states itself, by the casts of its outermost SELECT: what can be known where the
//! columns of a table that it reads are known to nobody (research: SQLMesh's `columns_to_types`, which knows as much: nothing
//! of a column that comes out of a query inside, unless all tables of that are known).
//!
//! Nothing here is guessed. A column whose type no cast states has none, and where a star stands for columns that nobody knows,
//! nothing is known of the query.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, Expr, JoinConstraint, ObjectName, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, Value,
    VisitMut as _, VisitorMut,
};

use super::projections::is_of_unknown_name;
use super::{Dialect, Syntax};

/// A column of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedColumn {
    /// Its name.
    pub name: String,
    /// An expression that reads no table and has its type, if the query states one: `sum(CAST(NULL AS INT))`.
    pub like: Option<String>,
}

/// The columns of the tables that a query reads, by a name's parts; `None` where nobody knows them.
pub type KnownTables<'k> = dyn Fn(&[String]) -> Option<Vec<StatedColumn>> + 'k;

/// The columns of a query in order, as an engine of the dialect shows their names, but for those that the engine must name.
/// `None` where nobody knows which there are.
pub fn stated_columns(syntax: &Syntax, dialect: Dialect, tables: &KnownTables<'_>) -> Option<Vec<StatedColumn>> {
    Reader { dialect, tables }.query(syntax.tree().ok()?, &Ctes::new()).map(|found| found.columns)
}

type Columns = Vec<StatedColumn>;

/// More columns than this have no tables; stars over stars would make as many as they like.
const MOST_COLUMNS: usize = 10_000;

/// What a query gives.
#[derive(Clone)]
struct Found {
    columns: Columns,
    /// Whether all tables that it reads are known.
    known: bool,
}

/// What CTEs give, by their names in lower case.
type Ctes = BTreeMap<String, Option<Found>>;

/// A table of FROM; the columns of some are not known.
struct Source {
    name: Option<String>,
    found: Option<Found>,
}

struct Reader<'k> {
    dialect: Dialect,
    tables: &'k KnownTables<'k>,
}

impl Reader<'_> {
    fn query(&self, query: &ast::Query, outer: &Ctes) -> Option<Found> {
        let mut ctes = outer.clone();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let found = self.query(&cte.query, &ctes).and_then(|found| self.inside(found, &cte.alias));
            ctes.insert(cte.alias.name.value.to_lowercase(), found);
        }
        // A set operation has the names of its first part, and SQLMesh takes its types, too. Chains are deep on the left side.
        let (mut body, mut known) = (query.body.as_ref(), true);
        while let SetExpr::SetOperation { left, right, set_quantifier, .. } = body {
            if matches!(set_quantifier, ast::SetQuantifier::ByName | ast::SetQuantifier::AllByName) {
                return None;
            }
            known &= self.part(right, &ctes).is_some_and(|found| found.known);
            body = left;
        }
        let found = self.part(body, &ctes)?;
        Some(Found { known: found.known && known, ..found })
    }

    fn part(&self, body: &SetExpr, ctes: &Ctes) -> Option<Found> {
        match body {
            SetExpr::Select(select) => self.select(select, ctes),
            SetExpr::Query(inner) => self.query(inner, ctes),
            _ => None,
        }
    }

    fn select(&self, select: &ast::Select, ctes: &Ctes) -> Option<Found> {
        let tables = select
            .from
            .iter()
            .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
        let sources: Vec<Source> = tables.map(|factor| self.source(factor, ctes)).collect();
        let known = sources.iter().all(|source| source.found.as_ref().is_some_and(|found| found.known));
        let mut columns = Columns::new();
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(options) if is_plain(options) && !select.from.iter().any(merges) => {
                    for source in &sources {
                        columns.extend(source.found.clone()?.columns);
                        if columns.len() > MOST_COLUMNS {
                            return None;
                        }
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                    if is_plain(options) =>
                {
                    let [name] = parts(name)?.try_into().ok()?;
                    columns.extend(named(&sources, &name)?.found.clone()?.columns);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    columns.push(StatedColumn { name: self.shown(alias), like: like(expr, &sources, known) });
                }
                SelectItem::UnnamedExpr(expression) if !is_of_unknown_name(expression) => {
                    let name = match expression {
                        Expr::Identifier(name) => name,
                        Expr::CompoundIdentifier(names) => names.last()?,
                        _ => continue,
                    };
                    columns.push(StatedColumn { name: self.shown(name), like: like(expression, &sources, known) });
                }
                _ => return None,
            }
        }
        (1..=MOST_COLUMNS).contains(&columns.len()).then_some(Found { columns, known })
    }

    fn source(&self, factor: &TableFactor, ctes: &Ctes) -> Source {
        let (found, own, alias) = match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts = parts(name).unwrap_or_default();
                let cte =
                    <&[String; 1]>::try_from(parts.as_slice()).ok().and_then(|[name]| ctes.get(&name.to_lowercase()));
                let table = || (self.tables)(&parts).map(|columns| Found { columns, known: true });
                (cte.cloned().unwrap_or_else(table), parts.last().cloned(), alias)
            }
            TableFactor::Derived { subquery, alias, .. } => (self.query(subquery, ctes), None, alias),
            _ => return Source { name: None, found: None },
        };
        match alias {
            None => Source { name: own, found: found.map(untyped_unless_known) },
            Some(alias) => Source {
                name: Some(alias.name.value.clone()),
                found: found.and_then(|found| self.inside(found, alias)),
            },
        }
    }

    /// What a query gives to the one around it.
    fn inside(&self, mut found: Found, alias: &ast::TableAlias) -> Option<Found> {
        if alias.columns.len() > found.columns.len() {
            return None;
        }
        let names = found.columns.iter_mut().zip(&alias.columns);
        names.for_each(|(column, named)| column.name = self.shown(&named.name));
        Some(untyped_unless_known(found))
    }

    fn shown(&self, name: &ast::Ident) -> String {
        self.dialect.shown(&name.value, name.quote_style.is_some())
    }
}

fn untyped_unless_known(mut found: Found) -> Found {
    if !found.known {
        found.columns.iter_mut().for_each(|column| column.like = None);
    }
    found
}

/// The parts of a name that is written as one.
fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0.iter().map(|part| part.as_ident().map(|part| part.value.clone())).collect()
}

/// Whether a star stands for all columns as they are.
fn is_plain(options: &ast::WildcardAdditionalOptions) -> bool {
    let ast::WildcardAdditionalOptions {
        opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, opt_alias, ..
    } = options;
    opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none()
        && opt_alias.is_none()
}

/// Whether a join makes one column of two, or leaves a side out, or may do so.
fn merges(table: &ast::TableWithJoins) -> bool {
    use ast::JoinOperator::{CrossJoin, FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    let is_plain = |constraint: &JoinConstraint| matches!(constraint, JoinConstraint::On(_) | JoinConstraint::None);
    !table.joins.iter().all(|join| match &join.join_operator {
        Join(constraint)
        | Inner(constraint)
        | Left(constraint)
        | LeftOuter(constraint)
        | Right(constraint)
        | RightOuter(constraint)
        | FullOuter(constraint)
        | CrossJoin(constraint) => is_plain(constraint),
        _ => false,
    })
}

fn named<'s>(sources: &'s [Source], name: &str) -> Option<&'s Source> {
    sources.iter().find(|source| source.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
}

/// The longest expression that the engine is asked about, in bytes.
const LONGEST: usize = 10_000;

/// An expression that reads no table and has the type of this one.
fn like(expression: &Expr, sources: &[Source], known: bool) -> Option<String> {
    if let Expr::Function(function) = expression
        && let Some("count" | "row_number" | "rank" | "dense_rank") =
            parts(&function.name)?.pop().map(|name| name.to_lowercase()).as_deref()
    {
        return Some("CAST(NULL AS BIGINT)".to_owned());
    }
    let mut copy = expression.clone();
    let mut without_columns = WithoutColumns { sources, known, left: LONGEST };
    match copy.visit(&mut without_columns) {
        ControlFlow::Continue(()) => Some(copy.to_string()).filter(|like| like.len() <= LONGEST),
        ControlFlow::Break(()) => None,
    }
}

/// Puts NULL of their type into the place of casts and of columns whose types are known; breaks at any other column.
struct WithoutColumns<'s> {
    sources: &'s [Source],
    known: bool,
    /// So many bytes may still be put in: what is made of columns that are made of columns doubles each time.
    left: usize,
}

impl VisitorMut for WithoutColumns<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let null = || Box::new(Expr::Value(Value::Null.into()));
        match expression {
            Expr::Cast { expr, format: None, .. } => *expr = null(),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => match self.column(expression) {
                Some(like) if like.len() <= self.left => {
                    self.left -= like.len();
                    // Without quotes a name is written as it is.
                    *expression = Expr::Identifier(ast::Ident::new(like));
                }
                _ => return ControlFlow::Break(()),
            },
            // SQLMesh takes it for one of DOUBLE, the engine for a DECIMAL of as many digits.
            Expr::Value(value) if matches!(&value.value, Value::Number(number, _) if number.parse::<i64>().is_err()) => {
                *expression = Expr::Identifier(ast::Ident::new("CAST(NULL AS DOUBLE)"));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl WithoutColumns<'_> {
    /// What has the type of a column.
    fn column(&self, expression: &Expr) -> Option<String> {
        let of = |source: &Source, name: &ast::Ident| {
            let columns = &source.found.as_ref()?.columns;
            columns.iter().find(|column| column.name.eq_ignore_ascii_case(&name.value))?.like.clone()
        };
        let like = match expression {
            _ if !self.known => None,
            Expr::Identifier(name) => self.sources.iter().find_map(|source| of(source, name)),
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [table, name] => of(named(self.sources, &table.value)?, name),
                _ => None,
            },
            _ => None,
        };
        like.map(|like| format!("({like})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, Query, Template};

    fn of(text: &str) -> Option<String> {
        let query = Query::parse(Template::plain(text), Dialect::DuckDb);
        let column = |name: &str, like: &str| StatedColumn { name: name.into(), like: Some(format!("NULL::{like}")) };
        let tables =
            |parts: &[String]| (parts == ["s", "known"]).then(|| vec![column("k", "DATE"), column("w", "REAL")]);
        let columns = stated_columns(&query.syntax(), Dialect::DuckDb, &tables)?;
        let shown = |column: StatedColumn| format!("{} {}", column.name, column.like.as_deref().unwrap_or("?"));
        Some(columns.into_iter().map(shown).collect::<Vec<_>>().join(", "))
    }

    #[track_caller]
    fn states(text: &str, expected: &str) {
        assert_eq!(of(text).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn casts_of_the_outermost_select_state_types() {
        states(
            "SELECT id::INT AS id, a, upper(a) AS u, count(*) AS n FROM raw.x",
            "id NULL::INT, a ?, u ?, n CAST(NULL AS BIGINT)",
        );
        states(
            "SELECT coalesce(a::INT, 0) AS a, sum(b::REAL) * 1.5 AS b FROM raw.x",
            "a coalesce(NULL::INT, 0), b sum(NULL::REAL) * CAST(NULL AS DOUBLE)",
        );
        states("SELECT a::INT AS a FROM raw.x UNION ALL SELECT b FROM raw.y", "a NULL::INT");
        states(
            "WITH r AS (SELECT id::INT AS id, x FROM raw.x) SELECT r.*, max(id) AS last, (SELECT 1) AS one FROM r",
            "id ?, x ?, last ?, one ?",
        );
        states("SELECT q.b FROM (SELECT a::INT AS a FROM raw.x) AS q(b)", "b ?");
    }

    #[test]
    fn columns_of_known_tables_have_types_where_all_are_known() {
        states("SELECT k, y.w + 1 AS w FROM s.known AS y", "k (NULL::DATE), w (NULL::REAL) + 1");
        states("WITH c AS (SELECT k AS d FROM s.known) SELECT c.* FROM c", "d (NULL::DATE)");
        states("SELECT k, y.k AS own FROM s.known AS y JOIN raw.x ON true", "k ?, own ?");
        let twice = |n: usize| format!(", c{} AS (SELECT k || k AS k FROM c{n})", n + 1);
        let long =
            format!("WITH c0 AS (SELECT k FROM s.known){} SELECT k FROM c60", (0..60).map(twice).collect::<String>());
        states(&long, "k ?");
        let doubled = |n: usize| format!(", c{} AS (SELECT * FROM c{n}, c{n} AS d)", n + 1);
        let wide =
            format!("WITH c0 AS (SELECT k FROM s.known){} SELECT * FROM c60", (0..60).map(doubled).collect::<String>());
        for unknown in [
            wide.as_str(),
            "SELECT * FROM raw.x",
            "SELECT x.* FROM raw.x",
            "SELECT * EXCLUDE (k) FROM s.known",
            "SELECT * FROM s.known JOIN s.known AS b USING (k)",
            "SELECT k, COLUMNS('a') FROM s.known, raw.x",
            "VALUES (1)",
            "SELECT 1 AS a UNION BY NAME SELECT 2 AS b",
        ] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }
}
