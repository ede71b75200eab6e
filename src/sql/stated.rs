//! The columns of a query with the types that it states itself, by casts and what keeps their type: what can be known where the
//! columns of a table that it reads are known to nobody (research: SQLMesh's `columns_to_types`, which annotates as much).
//!
//! Nothing here is guessed. A column whose type no cast states has none, and where a star stands for columns that nobody knows,
//! nothing is known of the query.

use std::collections::BTreeMap;

use sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, JoinConstraint, ObjectName, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, Value,
};

use super::Syntax;
use super::projections::is_of_unknown_name;

/// A column of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedColumn {
    /// Its name as the query writes it.
    pub name: String,
    /// Its type as the query writes it, if it states one.
    pub data_type: Option<String>,
}

/// The columns of the tables that a query reads, by a name's parts; `None` where nobody knows them.
pub type KnownTables<'k> = dyn Fn(&[String]) -> Option<Vec<StatedColumn>> + 'k;

/// The columns of a query in order, but for those that the engine must name. `None` where nobody knows which there are.
pub fn stated_columns(syntax: &Syntax, tables: &KnownTables<'_>) -> Option<Vec<StatedColumn>> {
    Reader { tables }.query(syntax.tree().ok()?, &Ctes::new())
}

type Columns = Vec<StatedColumn>;

/// What CTEs give, by their names in lower case.
type Ctes = BTreeMap<String, Option<Columns>>;

/// A table of FROM; the columns of some are not known.
struct Source {
    name: Option<String>,
    columns: Option<Columns>,
}

struct Reader<'k> {
    tables: &'k KnownTables<'k>,
}

impl Reader<'_> {
    fn query(&self, query: &ast::Query, outer: &Ctes) -> Option<Columns> {
        let mut ctes = outer.clone();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = self.query(&cte.query, &ctes).and_then(|columns| renamed(columns, &cte.alias));
            ctes.insert(cte.alias.name.value.to_lowercase(), columns);
        }
        // A set operation has the names of its first part; a type is known where no other part may widen it.
        match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, &ctes),
            SetExpr::Query(inner) => self.query(inner, &ctes),
            operation @ SetExpr::SetOperation { .. } => self.united(operation, &ctes),
            _ => None,
        }
    }

    fn united(&self, mut body: &SetExpr, ctes: &Ctes) -> Option<Columns> {
        let part = |body: &SetExpr| match body {
            SetExpr::Select(select) => self.select(select, ctes),
            SetExpr::Query(inner) => self.query(inner, ctes),
            _ => None,
        };
        // Chains are deep on the left side alone.
        let mut others = Vec::new();
        while let SetExpr::SetOperation { left, right, set_quantifier, .. } = body {
            if matches!(set_quantifier, ast::SetQuantifier::ByName | ast::SetQuantifier::AllByName) {
                return None;
            }
            others.push(part(right));
            body = left;
        }
        let mut columns = part(body)?;
        for (place, column) in columns.iter_mut().enumerate() {
            let type_in = |other: &Option<Columns>| other.as_ref()?.get(place)?.data_type.clone();
            let is_same = |other: &Option<Columns>| type_in(other) == column.data_type;
            if !others.iter().all(is_same) {
                column.data_type = None;
            }
        }
        Some(columns)
    }

    fn select(&self, select: &ast::Select, ctes: &Ctes) -> Option<Columns> {
        let tables = select
            .from
            .iter()
            .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)));
        let sources: Vec<Source> = tables.map(|factor| self.source(factor, ctes)).collect();
        let mut columns = Columns::new();
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(options) if is_plain(options) && !select.from.iter().any(merges) => {
                    for source in &sources {
                        columns.extend(source.columns.clone()?);
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                    if is_plain(options) =>
                {
                    let [name] = parts(name)?.try_into().ok()?;
                    columns.extend(named(&sources, &name)?.columns.clone()?);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let data_type = data_type(expr, &sources);
                    columns.push(StatedColumn { name: alias.value.clone(), data_type });
                }
                SelectItem::UnnamedExpr(expression) if !is_of_unknown_name(expression) => {
                    let name = match expression {
                        Expr::Identifier(name) => &name.value,
                        Expr::CompoundIdentifier(names) => &names.last()?.value,
                        _ => continue,
                    };
                    columns.push(StatedColumn { name: name.clone(), data_type: data_type(expression, &sources) });
                }
                _ => return None,
            }
        }
        (!columns.is_empty()).then_some(columns)
    }

    fn source(&self, factor: &TableFactor, ctes: &Ctes) -> Source {
        let (columns, own, alias) = match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts = parts(name).unwrap_or_default();
                let cte =
                    <&[String; 1]>::try_from(parts.as_slice()).ok().and_then(|[name]| ctes.get(&name.to_lowercase()));
                (cte.cloned().unwrap_or_else(|| (self.tables)(&parts)), parts.last().cloned(), alias)
            }
            TableFactor::Derived { subquery, alias, .. } => (self.query(subquery, ctes), None, alias),
            _ => return Source { name: None, columns: None },
        };
        match alias {
            None => Source { name: own, columns },
            Some(alias) => Source {
                name: Some(alias.name.value.clone()),
                columns: columns.and_then(|columns| renamed(columns, alias)),
            },
        }
    }
}

/// The parts of a name that is written as one.
fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0.iter().map(|part| part.as_ident().map(|part| part.value.clone())).collect()
}

/// The columns under the names that an alias gives them.
fn renamed(mut columns: Columns, alias: &ast::TableAlias) -> Option<Columns> {
    if alias.columns.len() > columns.len() {
        return None;
    }
    columns.iter_mut().zip(&alias.columns).for_each(|(column, named)| column.name.clone_from(&named.name.value));
    Some(columns)
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

/// The type that an expression surely has.
fn data_type(expression: &Expr, sources: &[Source]) -> Option<String> {
    let of_column = |source: &Source, name: &str| {
        source.columns.as_ref()?.iter().find(|column| column.name.eq_ignore_ascii_case(name))?.data_type.clone()
    };
    let mut expression = expression;
    while let Expr::Nested(inner) = expression {
        expression = inner;
    }
    let text = |text: &str| Some(text.to_owned());
    match expression {
        Expr::Cast { data_type, format: None, .. } => Some(data_type.to_string()),
        Expr::TypedString(typed) => Some(typed.data_type.to_string()),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(_) => text("VARCHAR"),
            Value::Boolean(_) => text("BOOLEAN"),
            Value::Number(number, _) => number.to_string().parse::<i32>().ok().and_then(|_| text("INTEGER")),
            _ => None,
        },
        // Where another table is not known, a name may be its column.
        Expr::Identifier(name) => match sources {
            [source] => of_column(source, &name.value),
            _ if sources.iter().any(|source| source.columns.is_none()) => None,
            _ => sources.iter().find_map(|source| of_column(source, &name.value)),
        },
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [table, name] => of_column(named(sources, &table.value)?, &name.value),
            _ => None,
        },
        Expr::Function(function) => of_function(function, sources),
        _ => None,
    }
}

/// The type of functions that have one whatever they are given, or that of their argument.
fn of_function(function: &ast::Function, sources: &[Source]) -> Option<String> {
    let name = parts(&function.name)?.pop()?.to_lowercase();
    match name.as_str() {
        "count" | "row_number" | "rank" | "dense_rank" => Some("BIGINT".to_owned()),
        "min" | "max" | "any_value" => match &function.args {
            FunctionArguments::List(list) => match list.args.as_slice() {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => data_type(argument, sources),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, Query, Template};

    fn of(text: &str) -> Option<String> {
        let query = Query::parse(Template::plain(text), Dialect::DuckDb);
        let column =
            |name: &str, data_type: &str| StatedColumn { name: name.into(), data_type: Some(data_type.into()) };
        let tables =
            |parts: &[String]| (parts == ["s", "known"]).then(|| vec![column("k", "DATE"), column("w", "REAL")]);
        let columns = stated_columns(&query.syntax(), &tables)?;
        let shown = |column: StatedColumn| format!("{} {}", column.name, column.data_type.as_deref().unwrap_or("?"));
        Some(columns.into_iter().map(shown).collect::<Vec<_>>().join(", "))
    }

    #[track_caller]
    fn states(text: &str, expected: &str) {
        assert_eq!(of(text).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn casts_and_what_keeps_their_types() {
        states("SELECT id::INT AS id, a, upper(a) AS u, count(*) AS n FROM raw.x", "id INT, a ?, u ?, n BIGINT");
        states(
            "WITH r AS (SELECT id::INT AS id, CAST(d AS DATE) AS d, x FROM raw.x), s AS (SELECT * FROM r) \
             SELECT s.*, max(d) AS last, 'web' AS w, 1 AS one FROM s",
            "id INT, d DATE, x ?, last DATE, w VARCHAR, one INTEGER",
        );
        states("SELECT q.b FROM (SELECT a::DECIMAL(10, 2) FROM raw.x) AS q(b)", "b ?");
        states("SELECT q.b FROM (SELECT a::DECIMAL(10, 2) AS a FROM raw.x) AS q(b)", "b DECIMAL(10,2)");
        states("SELECT k, y.w FROM s.known AS y", "k DATE, w REAL");
        states("SELECT a::INT AS a UNION ALL SELECT 2 UNION ALL SELECT b::INT AS b FROM raw.x", "a ?");
        states(
            "SELECT a::INT AS a, 'x' AS x FROM raw.x UNION SELECT b::INT AS b, 'y' AS y FROM raw.y",
            "a INT, x VARCHAR",
        );
    }

    #[test]
    fn what_may_be_another_tables_has_no_type() {
        states("SELECT k, y.k AS own FROM s.known AS y JOIN raw.x ON true", "k ?, own DATE");
        states("SELECT k, id FROM s.known AS y CROSS JOIN (SELECT id::INT AS id FROM raw.x)", "k DATE, id INT");
        for unknown in [
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
