//! Expressions: what gives one value per row.

use sqlparser::ast::{self, BinaryOperator, Expr};

use super::aggregate::Lent;
use super::block::Value;
use super::operand::{Binding, is_closed, is_conjunction, of_operator};
use super::query::{Place, Role};
use super::scope::{Names, Scope, Site};
use super::{Analyzer, Step};
use crate::hash::Hasher;
use crate::sql::shape::Traits;
use crate::sql::{Dialect, FunctionClass, Opaque, function_class};

impl<'q> Analyzer<'_> {
    pub(super) fn expression(&self, scope: &Scope<'_, 'q>, expression: &'q Expr, names: Names) -> Step<Value> {
        let value = self.nested(|| match expression {
            Expr::Identifier(ident) => self.bare(scope, ident, names),
            Expr::CompoundIdentifier(parts) => self.qualified(scope, parts),
            Expr::Nested(inner) => self.expression(scope, inner, names),
            Expr::Value(value) => self.literal(&value.value),
            Expr::TypedString(ast::TypedString { data_type, value, uses_odbc_syntax: _ }) => {
                let value = self.literal(&value.value)?;
                let hash = Hasher::new("typed").text(&data_type.to_string()).digest(value.hash).finish();
                Ok(Value::made_of(hash, [&value]))
            }
            Expr::BinaryOp { .. } if is_conjunction(expression) => self.conjunction(scope, expression, names),
            Expr::BinaryOp { .. } => self.chain(scope, expression, names),
            Expr::Function(function) => self.function(scope, function, names),
            Expr::Cast { kind, expr, data_type, format } => {
                self.cast(scope, (kind, expr, data_type, format.as_ref()), names)
            }
            Expr::Case { .. } => self.case(scope, expression, names),
            Expr::InSubquery { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::AnyOp { .. }
            | Expr::AllOp { .. } => self.with_subquery(scope, expression, names),
            Expr::Lambda(lambda) => self.arrow(scope, lambda, names),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(scope, root, access_chain, names),
            Expr::Struct { values, fields } => self.typeless_struct(scope, (values, fields), names),
            Expr::JsonAccess { value, path } => self.json_path(scope, (value, path), names),
            Expr::Wildcard(_) | Expr::QualifiedWildcard(_, _) => Err(Opaque::construct("a star inside an expression")),
            _ => self.tagged(scope, expression, names),
        })?;
        self.note_expression(value.hash, expression);
        Ok(value)
    }

    /// A literal. As a date, engines of PostgreSQL's and Spark's kin take some words for the present day.
    fn literal(&self, value: &ast::Value) -> Step<Value> {
        const CLOCKS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];
        let mut literal = literal(value)?;
        let reads_clock = matches!(
            self.dialect,
            Dialect::Postgres
                | Dialect::Redshift
                | Dialect::Spark
                | Dialect::Databricks
                | Dialect::Hive
                | Dialect::Generic
        );
        if let (true, Some(text)) = (reads_clock, text_of(value)) {
            let text = text.trim().to_lowercase();
            let word = text.split(|character: char| !character.is_alphabetic()).next().unwrap_or_default();
            literal.traits.volatile |= CLOCKS.contains(&word);
        }
        Ok(literal)
    }

    /// Values of several expressions, in order.
    fn all(
        &self,
        scope: &Scope<'_, 'q>,
        expressions: impl IntoIterator<Item = &'q Expr>,
        names: Names,
    ) -> Step<Vec<Value>> {
        expressions.into_iter().map(|expression| self.expression(scope, expression, names)).collect()
    }

    /// Expressions that are a tag over parts.
    fn tagged(&self, scope: &Scope<'_, 'q>, expression: &'q Expr, names: Names) -> Step<Value> {
        let (tag, parts) = parts_of(expression)?;
        let parts: Vec<Value> = match around(expression) {
            Around::Delimited => self.all(scope, parts, names)?,
            Around::Operator(outer) => {
                parts.into_iter().map(|part| self.operand(scope, outer, part, names)).collect::<Step<_>>()?
            }
        };
        let mut value = Value::combine(&tag, &parts);
        // An empty list or map has a type only once it is stored.
        value.traits.untyped |= parts.is_empty() && matches!(expression, Expr::Array(_) | Expr::Map(_));
        Ok(value)
    }

    /// Binary operators lean to the left and can be thousands long: the left spine is walked in a loop.
    fn chain(&self, scope: &Scope<'_, 'q>, expression: &'q Expr, names: Names) -> Step<Value> {
        let mut rest = expression;
        let mut spine: Vec<(&'q BinaryOperator, &'q Expr)> = Vec::new();
        while let Expr::BinaryOp { left, op, right } = rest {
            if !spine.is_empty() && is_conjunction(rest) {
                break;
            }
            spine.push((op, right));
            rest = left;
        }
        let innermost = spine.last().and_then(|(operator, _)| of_operator(operator));
        let mut value = self.operand(scope, innermost, rest, names)?;
        for (operator, right) in spine.into_iter().rev() {
            let operands = [value, self.operand(scope, of_operator(operator), right, names)?];
            value = Value::combine(&format!("operator {operator}"), &operands);
        }
        Ok(value)
    }

    fn cast(
        &self,
        scope: &Scope<'_, 'q>,
        (kind, expression, data_type, format): (&ast::CastKind, &'q Expr, &ast::DataType, Option<&ast::CastFormat>),
        names: Names,
    ) -> Step<Value> {
        if format.is_some() {
            return Err(Opaque::construct("CAST … FORMAT"));
        }
        let tag = match kind {
            ast::CastKind::Cast | ast::CastKind::DoubleColon => "cast",
            ast::CastKind::TryCast | ast::CastKind::SafeCast => "try cast",
        };
        let inner = self.expression(scope, expression, names)?;
        // What `::` takes without parentheses is the parser's opinion, unless it stands alone.
        let bare = *kind == ast::CastKind::DoubleColon && !is_closed(expression);
        let hash = Hasher::new(tag).text(&data_type.to_string()).number(u64::from(bare)).digest(inner.hash).finish();
        let mut value = Value::made_of(hash, [&inner]);
        value.traits.untyped = false;
        // A time with a zone is another moment, and what is cut short is another interval's.
        let data_type = data_type.to_string().to_uppercase();
        if ["DATE", "TIMESTAMP", "DATETIME", "VARCHAR", "TEXT", "STRING"].contains(&data_type.as_str()) {
            value.stand_on(&inner);
            value.traits.daily |= data_type == "DATE";
        }
        Ok(value)
    }

    fn case(&self, scope: &Scope<'_, 'q>, expression: &'q Expr, names: Names) -> Step<Value> {
        let Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } = expression else {
            return Err(Opaque::construct("CASE"));
        };
        let tag = format!("case {} {}", operand.is_some(), else_result.is_some());
        let mut parts = self.all(scope, operand.as_deref(), names)?;
        for ast::CaseWhen { condition, result } in conditions {
            parts.push(self.expression(scope, condition, names)?);
            parts.push(self.expression(scope, result, names)?);
        }
        parts.extend(self.all(scope, else_result.as_deref(), names)?);
        Ok(Value::combine(&tag, &parts))
    }

    fn with_subquery(&self, scope: &Scope<'_, 'q>, expression: &'q Expr, names: Names) -> Step<Value> {
        match expression {
            Expr::Exists { subquery, negated } => {
                self.subquery_value(scope, subquery, &format!("exists {negated}"), Part::Rows)
            }
            Expr::Subquery(query) => self.subquery_value(scope, query, "scalar", Part::Content),
            Expr::InSubquery { expr, subquery, negated } => {
                let operand = self.operand(scope, Some(Binding::Predicate), expr, names)?;
                let parts = [operand, self.subquery_value(scope, subquery, "in", Part::Content)?];
                Ok(Value::combine(&format!("in subquery {negated}"), &parts))
            }
            Expr::AnyOp { left, compare_op, right, is_some: _ } => {
                self.quantified(scope, &format!("any {compare_op}"), (left, right), names)
            }
            Expr::AllOp { left, compare_op, right } => {
                self.quantified(scope, &format!("all {compare_op}"), (left, right), names)
            }
            _ => Err(Opaque::construct("a subquery")),
        }
    }

    /// PostgreSQL: `ANY (SELECT …)` is about rows, `ANY ((SELECT …))` about the array that one row holds, and the parser
    /// does not tell them apart. DuckDB reads both as rows.
    fn quantified(
        &self,
        scope: &Scope<'_, 'q>,
        tag: &str,
        (left, right): (&'q Expr, &'q Expr),
        names: Names,
    ) -> Step<Value> {
        if self.dialect != Dialect::DuckDb && matches!(right, Expr::Subquery(_)) {
            return Err(Opaque::construct("ANY or ALL over a query"));
        }
        let parts = [self.operand(scope, None, left, names)?, self.expression(scope, right, names)?];
        Ok(Value::combine(tag, &parts))
    }

    /// A query used as a value enters as the rows and columns of its block, EXISTS as its rows.
    pub(super) fn subquery_value(
        &self,
        scope: &Scope<'_, 'q>,
        query: &'q ast::Query,
        tag: &str,
        part: Part,
    ) -> Step<Value> {
        let place = Place { outer: Some(scope), ctes: scope.ctes.clone(), site: Site::Open, role: Role::Inner };
        let ((mut block, _), lent) = scope.lent_by(|| self.query(query, place))?;
        self.draw(&mut block, tag);
        let traits = block.all_traits();
        if traits.interval {
            self.crosses("a subquery that mentions the interval");
        }
        let content = match part {
            Part::Rows => block.rows,
            Part::Content => block.content(),
        };
        let mut value = Value::leaf(Hasher::new(tag).digest(content).finish());
        value.traits = Traits { untyped: false, ..traits };
        value.reads = block.all_reads();
        value.calls.own = true;
        value.calls.subquery = true;
        value.calls.aggregate = lent == Lent::Here;
        value.calls.lent = lent != Lent::Nothing;
        Ok(value)
    }

    /// `payload -> '$.a'` outside a call that takes lambdas: the parser sees a lambda, the engine reads a column.
    fn arrow(&self, scope: &Scope<'_, 'q>, lambda: &'q ast::LambdaFunction, names: Names) -> Step<Value> {
        let ast::LambdaFunction { params, body, syntax } = lambda;
        let (
            ast::OneOrManyWithParens::One(ast::LambdaFunctionParameter { name, data_type: None }),
            ast::LambdaSyntax::Arrow,
        ) = (params, syntax)
        else {
            return Err(Opaque::construct("a lambda outside a call"));
        };
        let parts = [self.bare(scope, name, names)?, self.expression(scope, body, names)?];
        Ok(Value::combine("operator ->", &parts))
    }

    pub(super) fn lambda(&self, scope: &Scope<'_, 'q>, lambda: &'q ast::LambdaFunction, names: Names) -> Step<Value> {
        let ast::LambdaFunction { params, body, syntax: _ } = lambda;
        let parameters: Vec<&ast::LambdaFunctionParameter> = match params {
            ast::OneOrManyWithParens::One(one) => vec![one],
            ast::OneOrManyWithParens::Many(many) => many.iter().collect(),
        };
        if parameters.iter().any(|parameter| parameter.data_type.is_some()) {
            return Err(Opaque::construct("a typed lambda parameter"));
        }
        let folded: Vec<String> = parameters.iter().map(|parameter| self.fold(&parameter.name)).collect();
        let tag = format!("lambda {}", folded.len());
        let inner = scope.with_parameters(folded);
        let body = self.operand(&inner, None, body, names)?;
        Ok(Value::combine(&tag, &[body]))
    }

    fn access(&self, scope: &Scope<'_, 'q>, root: &'q Expr, chain: &'q [ast::AccessExpr], names: Names) -> Step<Value> {
        // `c.n[1]` is the column `n` of `c` as `c.n` is, whatever columns are called `c`: one name up to the first index.
        let mut path: Vec<ast::Ident> = match root {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(parts) => parts.clone(),
            _ => Vec::new(),
        };
        let mut named = 0;
        if !path.is_empty() {
            let names = chain.iter().map_while(|access| match access {
                ast::AccessExpr::Dot(Expr::Identifier(ident)) => Some(ident.clone()),
                _ => None,
            });
            path.extend(names);
            named = path.len() - if let Expr::CompoundIdentifier(parts) = root { parts.len() } else { 1 };
        }
        let mut value = match named {
            0 => self.operand(scope, None, root, names)?,
            _ => self.qualified(scope, &path)?,
        };
        for access in &chain[named..] {
            value = match access {
                ast::AccessExpr::Dot(Expr::Identifier(field)) => {
                    let hash = Hasher::new("field").digest(value.hash).text(&self.fold(field)).finish();
                    Value::made_of(hash, [&value])
                }
                ast::AccessExpr::Dot(Expr::Function(function)) => self.method(scope, value, function, names)?,
                ast::AccessExpr::Dot(_) => return Err(Opaque::construct("a method or computed field")),
                ast::AccessExpr::Subscript(ast::Subscript::Index { index }) => {
                    Value::combine("index", &[value, self.expression(scope, index, names)?])
                }
                ast::AccessExpr::Subscript(ast::Subscript::Slice { lower_bound, upper_bound, stride }) => {
                    let tag = format!("slice {} {} {}", lower_bound.is_some(), upper_bound.is_some(), stride.is_some());
                    let bounds = [lower_bound, upper_bound, stride].into_iter().flatten();
                    let mut parts = vec![value];
                    parts.extend(self.all(scope, bounds, names)?);
                    Value::combine(&tag, &parts)
                }
            };
        }
        Ok(value)
    }
}

impl<'q> Analyzer<'_> {
    /// DuckDB's `x.f(a)`, which is `f(x, a)`.
    fn method(&self, scope: &Scope<'_, 'q>, receiver: Value, function: &'q ast::Function, names: Names) -> Step<Value> {
        let name = function.name.to_string().to_lowercase();
        let is_plain = function_class(self.dialect, &name) == Some(FunctionClass::Scalar) && name != "age";
        if self.dialect != Dialect::DuckDb || !is_plain {
            return Err(Opaque::construct("a method"));
        }
        Ok(Value::combine("method", &[receiver, self.function(scope, function, names)?]))
    }
}

/// What of a subquery its value depends on.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Rows,
    Content,
}

/// The text of a literal of any form that could be cast to a date.
fn text_of(value: &ast::Value) -> Option<&str> {
    use ast::Value as V;
    match value {
        V::SingleQuotedString(text)
        | V::DoubleQuotedString(text)
        | V::EscapedStringLiteral(text)
        | V::UnicodeStringLiteral(text)
        | V::NationalStringLiteral(text)
        | V::SingleQuotedRawStringLiteral(text) => Some(text),
        V::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

fn literal(value: &ast::Value) -> Step<Value> {
    use ast::Value as V;
    let (tag, text) = match value {
        V::Number(text, long) => ("number", format!("{} {long}", text.to_lowercase())),
        V::SingleQuotedString(text) => ("text", text.clone()),
        V::DoubleQuotedString(text) => ("double quoted", text.clone()),
        V::DollarQuotedString(text) => ("dollar quoted", text.value.clone()),
        V::EscapedStringLiteral(text) => ("escaped", text.clone()),
        V::UnicodeStringLiteral(text) => ("unicode", text.clone()),
        V::NationalStringLiteral(text) => ("national", text.clone()),
        V::HexStringLiteral(text) => ("hex", text.clone()),
        V::SingleQuotedByteStringLiteral(text) => ("bytes", text.clone()),
        V::SingleQuotedRawStringLiteral(text) => ("raw", text.clone()),
        V::Boolean(truth) => ("boolean", truth.to_string()),
        V::Null => ("null", String::new()),
        V::Placeholder(_) => return Err(Opaque::construct("a positional parameter or reference")),
        V::TripleSingleQuotedString(_)
        | V::TripleDoubleQuotedString(_)
        | V::DoubleQuotedByteStringLiteral(_)
        | V::TripleSingleQuotedByteStringLiteral(_)
        | V::TripleDoubleQuotedByteStringLiteral(_)
        | V::DoubleQuotedRawStringLiteral(_)
        | V::TripleSingleQuotedRawStringLiteral(_)
        | V::TripleDoubleQuotedRawStringLiteral(_)
        | V::QuoteDelimitedStringLiteral(_)
        | V::NationalQuoteDelimitedStringLiteral(_) => return Err(Opaque::construct("an uncommon form of literal")),
    };
    let mut literal = Value::leaf(Hasher::new("literal").text(tag).text(&text).finish());
    literal.traits.untyped = matches!(value, V::Null);
    Ok(literal)
}

/// What stands around the parts of an expression.
enum Around {
    /// Commas, parentheses and keywords, so that no part can run into another.
    Delimited,
    /// An operator of this class, or of none.
    Operator(Option<Binding>),
}

fn around(expression: &Expr) -> Around {
    match expression {
        Expr::UnaryOp { op: ast::UnaryOperator::Not, .. } => Around::Operator(Some(Binding::Not)),
        Expr::UnaryOp { .. }
        | Expr::AtTimeZone { .. }
        | Expr::Collate { .. }
        | Expr::Interval(_)
        | Expr::InUnnest { .. }
        | Expr::SimilarTo { .. }
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::Position { .. } => Around::Operator(None),
        Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsDistinctFrom(_, _)
        | Expr::IsNotDistinctFrom(_, _)
        | Expr::InList { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. } => Around::Operator(Some(Binding::Predicate)),
        _ => Around::Delimited,
    }
}

/// The tag and the parts of an expression that is nothing but a tag over parts.
fn parts_of(expression: &Expr) -> Step<(String, Vec<&Expr>)> {
    let one = |tag: &str, inner: &'_ Expr| -> String {
        let _ = inner;
        tag.to_owned()
    };
    Ok(match expression {
        Expr::IsFalse(inner) => (one("is false", inner), vec![inner]),
        Expr::IsNotFalse(inner) => (one("is not false", inner), vec![inner]),
        Expr::IsTrue(inner) => (one("is true", inner), vec![inner]),
        Expr::IsNotTrue(inner) => (one("is not true", inner), vec![inner]),
        Expr::IsNull(inner) => (one("is null", inner), vec![inner]),
        Expr::IsNotNull(inner) => (one("is not null", inner), vec![inner]),
        Expr::IsUnknown(inner) => (one("is unknown", inner), vec![inner]),
        Expr::IsNotUnknown(inner) => (one("is not unknown", inner), vec![inner]),
        Expr::IsDistinctFrom(left, right) => ("is distinct".into(), vec![left, right]),
        Expr::IsNotDistinctFrom(left, right) => ("is not distinct".into(), vec![left, right]),
        Expr::InList { expr, list, negated } => {
            (format!("in list {negated}"), std::iter::once(expr.as_ref()).chain(list).collect())
        }
        Expr::InUnnest { expr, array_expr, negated } => (format!("in unnest {negated}"), vec![expr, array_expr]),
        Expr::Between { expr, negated, low, high } => (format!("between {negated}"), vec![expr, low, high]),
        Expr::Like { negated, any, expr, pattern, escape_char } => (
            format!("like {negated} {any} {}", escape_char.is_some()),
            with_optional([expr, pattern], escape_char.as_deref()),
        ),
        Expr::ILike { negated, any, expr, pattern, escape_char } => (
            format!("ilike {negated} {any} {}", escape_char.is_some()),
            with_optional([expr, pattern], escape_char.as_deref()),
        ),
        Expr::SimilarTo { negated, expr, pattern, escape_char } => (
            format!("similar {negated} {}", escape_char.is_some()),
            with_optional([expr, pattern], escape_char.as_deref()),
        ),
        Expr::UnaryOp { op, expr } => (format!("unary {op}"), vec![expr]),
        Expr::AtTimeZone { timestamp, time_zone } => ("at time zone".into(), vec![timestamp, time_zone]),
        Expr::Extract { field, syntax: _, expr } => {
            (format!("extract {}", field.to_string().to_lowercase()), vec![expr])
        }
        Expr::Ceil { expr, field } => (format!("ceil {}", rounding(field)?), vec![expr]),
        Expr::Floor { expr, field } => (format!("floor {}", rounding(field)?), vec![expr]),
        Expr::Position { expr, r#in } => ("position".into(), vec![expr, r#in]),
        Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => (
            format!("substring {} {}", substring_from.is_some(), substring_for.is_some()),
            std::iter::once(expr.as_ref()).chain(substring_from.as_deref()).chain(substring_for.as_deref()).collect(),
        ),
        Expr::Trim { trim_where, trim_what, expr, trim_characters } => (
            format!("trim {trim_where:?} {} {}", trim_what.is_some(), trim_characters.as_ref().map_or(0, Vec::len)),
            std::iter::once(expr.as_ref())
                .chain(trim_what.as_deref())
                .chain(trim_characters.iter().flatten())
                .collect(),
        ),
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            let mut parts: Vec<&Expr> = vec![expr, overlay_what, overlay_from];
            parts.extend(overlay_for.as_deref());
            (format!("overlay {}", overlay_for.is_some()), parts)
        }
        Expr::Collate { expr, collation } => (format!("collate {collation}"), vec![expr]),
        Expr::Tuple(list) => ("tuple".into(), list.iter().collect()),
        Expr::Array(ast::Array { elem, named: _ }) => ("array".into(), elem.iter().collect()),
        Expr::Dictionary(fields) => {
            let names: Vec<String> =
                fields.iter().map(|ast::DictionaryField { key, value: _ }| key.value.clone()).collect();
            (format!("struct {names:?}"), fields.iter().map(|field| field.value.as_ref()).collect())
        }
        Expr::Map(ast::Map { entries }) => (
            "map".into(),
            entries.iter().flat_map(|ast::MapEntry { key, value }| [key.as_ref(), value.as_ref()]).collect(),
        ),
        Expr::Interval(ast::Interval {
            value,
            leading_field,
            leading_precision,
            last_field,
            fractional_seconds_precision,
        }) => (
            format!("interval {leading_field:?} {leading_precision:?} {last_field:?} {fractional_seconds_precision:?}"),
            vec![value],
        ),
        other => return Err(Opaque::Construct(format!("the expression {}", shortened(&other.to_string())))),
    })
}

fn rounding(kind: &ast::CeilFloorKind) -> Step<&'static str> {
    match kind {
        ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) => Ok("plain"),
        _ => Err(Opaque::construct("CEIL or FLOOR to a field or scale")),
    }
}

fn with_optional<'e>(parts: [&'e Expr; 2], more: Option<&'e Expr>) -> Vec<&'e Expr> {
    parts.into_iter().chain(more).collect()
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
