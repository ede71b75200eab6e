//! Functions in FROM. They see the inputs before them, so their rows are a function of those and of their arguments.

use sqlparser::ast;

use super::block::{Block, Column, Value};
use super::scope::{Names, Scope};
use super::select::From;
use super::{Analyzer, Step, analyze};
use crate::hash::{Digest, Hasher};
use crate::sql::functions::{TableClass, table_class};
use crate::sql::shape::{Analysis, NameOrigin, OutputName, Reads, Resolved, ShapeColumn};
use crate::sql::{Dialect, Opaque, Query, Template};

/// An argument and the name that it is given by, empty where it has none.
pub(super) type Argument<'q> = (String, &'q ast::Expr);

impl<'q> Analyzer<'_> {
    pub(super) fn table_function(
        &self,
        scope: &mut Scope<'_, 'q>,
        (name, shape): (&'q ast::ObjectName, &str),
        arguments: &'q [ast::FunctionArg],
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let function = name.to_string().to_lowercase();
        if self.dialect == Dialect::DuckDb && function == "query" {
            return self.query_of_text(scope, arguments, alias, from);
        }
        let class = table_class(self.dialect, &function);
        let class = class.ok_or_else(|| Opaque::Construct(format!("the table function {function}")))?;
        let mut expressions: Vec<Argument<'q>> = Vec::new();
        for argument in arguments {
            match argument {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expression)) => {
                    expressions.push((String::new(), expression));
                }
                ast::FunctionArg::Named { name, arg: ast::FunctionArgExpr::Expr(expression), operator: _ } => {
                    expressions.push((name.value.to_lowercase(), expression));
                }
                _ => return Err(Opaque::construct("an uncommon argument of a table function")),
            }
        }
        match class {
            TableClass::Unnest => self.unnest(scope, (&function, shape), &expressions, alias, from),
            TableClass::Rows | TableClass::Volatile => {
                let mut value = self.call(scope, &format!("{function}{shape}"), &expressions)?;
                // Told once for the whole statement, unlike what is drawn for each row.
                value.traits.orderless |= class == TableClass::Volatile;
                // Snowflake's GENERATOR may run for some seconds instead of for a number of rows.
                value.traits.orderless |= expressions.iter().any(|(name, _)| name == "timelimit");
                self.open_rows(scope, (&function, value), alias, from)
            }
        }
    }

    /// DuckDB's `query('SELECT …')`: a subquery whose text is a literal. That the text names models, and what project
    /// functions it calls, is told by its tokens.
    fn query_of_text(
        &self,
        scope: &mut Scope<'_, 'q>,
        arguments: &'q [ast::FunctionArg],
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let odd = || Opaque::construct("the table function query");
        let [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value)))] = arguments else {
            return Err(odd());
        };
        let ast::Value::SingleQuotedString(text) = &value.value else { return Err(odd()) };
        // The text sees CTEs and the inputs before it, which another walk would not know.
        if scope.ctes.is_some() || !scope.inputs.is_empty() || scope.outer.is_some() {
            return Err(odd());
        }
        let query = Query::parse(Template::plain(text.replace("''", "'")), self.dialect);
        let Analysis::Resolved(resolved) = self.nested(|| Ok(analyze(&query, self.tables)))? else { return Err(odd()) };
        let Resolved { rows, row_traits, columns, written_order, reads, assumes, crossing } = resolved;
        assumes.into_iter().for_each(|what| self.assume(what));
        crossing.iter().for_each(|what| self.crosses(what));
        let column = |ShapeColumn { name, hash, traits }| Column { name, hash, traits, reads: reads.clone() };
        let block = Block {
            rows: Hasher::new("query of a text").digest(rows).option_digest(written_order).finish(),
            row_traits,
            columns: columns.into_iter().map(column).collect(),
            row_reads: reads.clone(),
        };
        self.subquery(scope, block, alias, from)
    }

    /// `TABLE(FLATTEN(…))`.
    pub(super) fn wrapped_function(
        &self,
        scope: &mut Scope<'_, 'q>,
        function: &'q ast::Function,
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let ast::Function { name, uses_odbc_syntax: _, parameters, args, within_group, filter, null_treatment, over } =
            function;
        let ast::FunctionArguments::List(list) = args else { return Err(Opaque::construct("a table function")) };
        let ast::FunctionArgumentList { duplicate_treatment, args, clauses } = list;
        let is_plain = matches!(parameters, ast::FunctionArguments::None)
            && within_group.is_empty()
            && filter.is_none()
            && null_treatment.is_none()
            && over.is_none()
            && duplicate_treatment.is_none()
            && clauses.is_empty();
        if !is_plain {
            return Err(Opaque::construct("a table function with clauses"));
        }
        self.table_function(scope, (name, ""), args, alias, from)
    }

    fn call(&self, scope: &Scope<'_, 'q>, function: &str, arguments: &[Argument<'q>]) -> Step<Value> {
        // Where there is no input to own it, DuckDB takes a name for a text: `format = auto`.
        let is_first = self.dialect == Dialect::DuckDb && scope.inputs.is_empty() && scope.outer.is_none();
        let mut tag = function.to_owned();
        let mut values = Vec::new();
        for (name, expression) in arguments {
            if !name.is_empty() {
                tag.push_str(&format!(" {}:{name}", values.len()));
            }
            let word = if is_first { word(expression) } else { None };
            values.push(match word {
                Some(word) => Value::leaf(Hasher::new("word").text(&word).finish()),
                None => self.expression(scope, expression, Names::Column)?,
            });
        }
        let odd =
            |value: &Value| value.calls.aggregate || value.calls.set_returning || !value.calls.partitions.is_empty();
        if values.iter().any(|value| value.traits.redrawn || value.calls.lent || odd(value)) {
            return Err(Opaque::construct("a draw, an aggregate or a set in a table function"));
        }
        Ok(Value::combine(&tag, &values))
    }

    /// A function whose columns are told by their names alone.
    fn open_rows(
        &self,
        scope: &mut Scope<'_, 'q>,
        (function, value): (&str, Value),
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let star = |name: &str| OutputName { text: name.to_owned(), origin: NameOrigin::Star };
        let hash = Hasher::new("members").digest(value.hash).finish();
        let named = alias.map_or(&[][..], |alias| alias.columns.as_slice());
        if named.iter().any(|name| name.data_type.is_some()) {
            return Err(Opaque::construct("a table function with typed columns"));
        }
        // `AS t(a, b)` names every column only where the dialect says so; a name is a place and a text either way.
        let names: String = named.iter().map(|name| format!(" {}", self.fold(&name.name))).collect();
        let column =
            Column { name: star(&format!("*{names}")), hash, traits: value.traits, reads: value.reads.clone() };
        let block = Block { rows: value.hash, row_traits: value.traits, row_reads: value.reads, columns: vec![column] };
        let unnamed = alias.map(|alias| vec![vec![self.fold(&alias.name)]]);
        let names = unnamed.unwrap_or_else(|| vec![vec![function.to_owned()]]);
        self.add_named(scope, block, names, None, from)
    }

    /// A function with one row for each member of a list, whose one column has a known name in DuckDB and PostgreSQL.
    pub(super) fn unnest(
        &self,
        scope: &mut Scope<'_, 'q>,
        (function, shape): (&str, &str),
        arguments: &[Argument<'q>],
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let value = self.call(scope, &format!("{function}{shape}"), arguments)?;
        let is_known = matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres)
            && shape.is_empty()
            && (function != "unnest" || arguments.len() == 1)
            && (self.dialect == Dialect::DuckDb || function == "generate_series");
        if !is_known {
            return self.open_rows(scope, (function, value), alias, from);
        }
        let origin = if self.dialect == Dialect::DuckDb { NameOrigin::Stated } else { NameOrigin::Derived };
        let name = match alias {
            // PostgreSQL lets the table's alias name the one column too.
            Some(alias) if self.dialect == Dialect::Postgres && alias.columns.is_empty() => self.shown(&alias.name),
            _ => OutputName { text: function.to_owned(), origin },
        };
        let column = Column {
            name,
            hash: Hasher::new("member").digest(value.hash).finish(),
            traits: value.traits,
            reads: if value.calls.own { value.reads.clone() } else { Reads::new() },
        };
        let block = Block { rows: value.hash, row_traits: value.traits, row_reads: value.reads, columns: vec![column] };
        self.add(scope, block, vec![vec![function.to_owned()]], alias, None, from)
    }
}

/// An argument that is a name, or a struct of names and texts.
fn word(expression: &ast::Expr) -> Option<String> {
    match expression {
        ast::Expr::Identifier(ident) => Some(ident.to_string()),
        ast::Expr::Dictionary(fields) => {
            let field = |ast::DictionaryField { key, value }: &ast::DictionaryField| match value.as_ref() {
                ast::Expr::Value(_) => Some(format!("{key}: {value}")),
                other => word(other).map(|word| format!("{key}: {word}")),
            };
            let fields: Option<Vec<String>> = fields.iter().map(field).collect();
            fields.map(|fields| format!("{{{}}}", fields.join(", ")))
        }
        _ => None,
    }
}
