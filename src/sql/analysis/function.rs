//! Function calls, by the class that the dialect's table gives them.

use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments};

use super::block::Value;
use super::expression::Part;
use super::query::sort_key;
use super::scope::{Found, Names, Scope, Visibility};
use super::truncation::{Cut, cut, text_of};
use super::{Analyzer, Step};
use crate::hash::Hasher;
use crate::sql::whole::WHOLE_FUNCTION;
use crate::sql::{
    Dialect, FunctionClass, Moment, Opaque, OwnFunction, TIME_FUNCTION, TimeVariable, function_class,
    functions::date_part_of,
};

/// The arguments of a call, taken apart.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) shape: String,
    pub(super) values: Vec<Value>,
    sorted: bool,
    /// Whether the function takes lambdas.
    lambdas: bool,
    /// The first argument in lower case, where it is a text, or a bare word that the dialect reads as a part of a date.
    first: Option<String>,
}

/// Functions that make a list, map or struct, of what they are given.
const EMPTY: [&str; 4] = ["array_value", "list_pack", "list_value", "map"];
/// Functions that tell the present time where they have no argument.
const CLOCKS: [&str; 2] = ["unix_timestamp", "to_unix_timestamp"];
/// The functions of DuckDB that take a lambda; anywhere else `name -> x` reads a field of the column `name`.
const TAKE_LAMBDAS: [&str; 13] = [
    "apply",
    "array_apply",
    "array_filter",
    "array_reduce",
    "array_transform",
    "columns",
    "filter",
    "invoke",
    "list_apply",
    "list_filter",
    "list_reduce",
    "list_transform",
    "reduce",
];

/// Words that a dialect reads as a part of a date where its function table says so, whatever columns there are.
const DATE_PARTS: [&str; 60] = [
    "century",
    "centuries",
    "d",
    "day",
    "days",
    "dayofmonth",
    "dayofweek",
    "dayofweekiso",
    "dayofyear",
    "dd",
    "decade",
    "decades",
    "dow",
    "dow_iso",
    "doy",
    "epoch",
    "h",
    "hh",
    "hour",
    "hours",
    "isodow",
    "isoweek",
    "isoyear",
    "m",
    "microsecond",
    "microseconds",
    "mi",
    "millennium",
    "millisecond",
    "milliseconds",
    "minute",
    "minutes",
    "mm",
    "mon",
    "month",
    "months",
    "ms",
    "nanosecond",
    "nanoseconds",
    "ns",
    "q",
    "qtr",
    "quarter",
    "quarters",
    "s",
    "second",
    "seconds",
    "us",
    "w",
    "week",
    "week_iso",
    "weekday",
    "weekiso",
    "weeks",
    "wk",
    "y",
    "year",
    "years",
    "yy",
    "yyyy",
];

impl Arguments {
    /// Of a call whose arguments are a matter of form.
    pub(super) fn of_shape(shape: String) -> Self {
        Self { shape, ..Self::default() }
    }
}

impl<'q> Analyzer<'_> {
    pub(super) fn function(&self, scope: &Scope<'_, 'q>, function: &'q ast::Function, names: Names) -> Step<Value> {
        let ast::Function { name, uses_odbc_syntax: _, parameters, args, within_group, filter, null_treatment, over } =
            function;
        let (schema, ident) = match name.0.as_slice() {
            [ast::ObjectNamePart::Identifier(ident)] => ("", ident),
            [ast::ObjectNamePart::Identifier(schema), ast::ObjectNamePart::Identifier(ident)]
                if self.is_built_in(scope, schema, ident) =>
            {
                ("main.", ident)
            }
            [ast::ObjectNamePart::Identifier(receiver), ast::ObjectNamePart::Identifier(ident)] => {
                return self.method_of_column(scope, function, (receiver, ident), names);
            }
            _ => return Err(Opaque::Function(name.to_string())),
        };
        let name = ident.value.to_lowercase();
        if name == TIME_FUNCTION {
            return time_variable(args);
        }
        if name == WHOLE_FUNCTION {
            return self.whole(scope, args);
        }
        let parameters = self.parameters(&name, parameters)?;
        if name == "array"
            && let FunctionArguments::Subquery(query) = args
        {
            let mut value = self.subquery_value(scope, query, "array of", Part::Content)?;
            value.traits.orderless = true;
            return Ok(value);
        }
        if function_class(self.dialect, &name) == Some(FunctionClass::Set) && over.is_none() {
            if !within_group.is_empty() || filter.is_some() || null_treatment.is_some() {
                return Err(Opaque::Function(format!("{name} with a clause of aggregates")));
            }
            let arguments = self.arguments(scope, &name, args, names)?;
            let mut value = Value::combine(&format!("{name} {}", arguments.shape), &arguments.values);
            value.calls.set_returning = true;
            return Ok(value);
        }
        if matches!(args, FunctionArguments::None) {
            self.refuse_column(scope, ident)?;
        }
        if name == "columns" && self.dialect == Dialect::DuckDb {
            return self.columns_call(scope, function, names);
        }
        if name == "alias" && self.dialect == Dialect::DuckDb {
            return self.names_of_columns(scope, function, names);
        }
        if name == "struct_pack" && !all_named(args) {
            return Err(Opaque::construct("a struct named after its arguments"));
        }
        let class = match self.tables.own_function(&name) {
            Some(OwnFunction::Scalar) => Some(FunctionClass::Scalar),
            Some(OwnFunction::Other) => None,
            None => function_class(self.dialect, &name),
        };
        let class = class.ok_or_else(|| Opaque::Function(name.clone()))?;
        let mut arguments = self.arguments(scope, &name, args, names)?;
        if arguments.shape.contains(" star") && !["count", "count_star"].contains(&name.as_str()) {
            for input in scope.inputs.iter().filter(|input| input.visibility == Visibility::Everywhere) {
                arguments.values.push(self.whole_row(input)?);
            }
        }
        for ast::OrderByExpr { expr, options, with_fill } in within_group {
            refuse_fill(with_fill.as_ref())?;
            arguments.values.push(sort_key(self.expression(scope, expr, names)?, options)?);
            arguments.sorted = true;
        }
        let filtered = filter.as_deref().map(|filter| self.expression(scope, filter, names)).transpose()?;
        let tag = format!(
            "function {schema}{name}{parameters} {} within {} filter {} {null_treatment:?}",
            arguments.shape,
            within_group.len(),
            filtered.is_some(),
        );
        arguments.values.extend(filtered);
        match over {
            Some(window) => {
                self.windowed(scope, (&name, class), &tag, arguments.values, (window, arguments.sorted), names)
            }
            None => self.plain_call(scope, (&name, class), &tag, &arguments),
        }
    }

    /// The first parentheses of ClickHouse's `quantile(0.9)(x)`: literals, as text.
    fn parameters(&self, function: &str, parameters: &FunctionArguments) -> Step<String> {
        let is_literal = |argument: &FunctionArg| {
            matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Value(_))))
        };
        let is_aggregate = || {
            let class = function_class(self.dialect, function);
            matches!(class, Some(FunctionClass::Aggregate | FunctionClass::Orderless))
        };
        match parameters {
            FunctionArguments::None => Ok(String::new()),
            FunctionArguments::List(list)
                if self.dialect == Dialect::ClickHouse
                    && list.duplicate_treatment.is_none()
                    && list.clauses.is_empty()
                    && list.args.iter().all(is_literal)
                    && is_aggregate() =>
            {
                Ok(format!(" with {list}"))
            }
            _ => Err(Opaque::Function(format!("{function}(…)(…)"))),
        }
    }

    /// DuckDB's `x.f(a)` over a column `x`, which is `f(x, a)`.
    fn method_of_column(
        &self,
        scope: &Scope<'_, 'q>,
        function: &'q ast::Function,
        (receiver, ident): (&'q ast::Ident, &'q ast::Ident),
        names: Names,
    ) -> Step<Value> {
        let ast::Function { name, uses_odbc_syntax: _, parameters, args, within_group, filter, null_treatment, over } =
            function;
        let is_method = self.dialect == Dialect::DuckDb
            && function_class(self.dialect, &ident.value) == Some(FunctionClass::Scalar)
            && self.tables.own_function(&ident.value.to_lowercase()).is_none()
            && !["age", "struct_pack"].contains(&ident.value.to_lowercase().as_str())
            && self.is_value(scope, receiver);
        let is_plain = within_group.is_empty()
            && filter.is_none()
            && null_treatment.is_none()
            && over.is_none()
            && matches!(parameters, FunctionArguments::None);
        if !is_method || !is_plain {
            return Err(Opaque::Function(name.to_string()));
        }
        let receiver = self.bare(scope, receiver, names)?;
        let name = ident.value.to_lowercase();
        let arguments = self.arguments(scope, &name, args, names)?;
        if arguments.shape.contains(" star") {
            return Err(Opaque::construct("a star inside a method"));
        }
        let parts: Vec<Value> = std::iter::once(receiver).chain(arguments.values).collect();
        Ok(Value::combine(&format!("method {name} {}", arguments.shape), &parts))
    }

    /// Whether `schema.f` is one of DuckDB's own functions: `main` has them all, `pg_catalog` some.
    fn is_built_in(&self, scope: &Scope<'_, 'q>, schema: &ast::Ident, ident: &ast::Ident) -> bool {
        let class = function_class(self.dialect, &ident.value);
        self.dialect == Dialect::DuckDb
            && ["main", "pg_catalog"].contains(&self.fold(schema).as_str())
            && class.is_some_and(|class| class != FunctionClass::Set)
            && !self.is_value(scope, schema)
            && !scope.inputs.iter().any(|input| input.names.iter().any(|name| name.contains(&self.fold(schema))))
    }

    /// Whether a name is a parameter, a column or an alias of the block, and so no schema.
    fn is_value(&self, scope: &Scope<'_, 'q>, ident: &ast::Ident) -> bool {
        let name = self.fold(ident);
        match self.column_named(scope, &name) {
            Found::One(_) => true,
            Found::Many => false,
            Found::Nothing => {
                scope.parameters.contains(&name)
                    || scope.aliases.iter().any(|alias| alias.name == name)
                    || matches!(self.of_open_inputs(scope, ident), Some(Ok(_)))
            }
        }
    }

    fn plain_call(
        &self,
        scope: &Scope<'_, 'q>,
        (name, class): (&str, FunctionClass),
        tag: &str,
        arguments: &Arguments,
    ) -> Step<Value> {
        let mut value = Value::combine(tag, &arguments.values);
        // An empty list or map has a type only once it is stored.
        value.traits.untyped |= arguments.values.is_empty() && EMPTY.contains(&name);
        match class {
            FunctionClass::Scalar => {
                // With one argument it counts from today.
                value.traits.volatile |= name == "age" && arguments.values.len() == 1;
                value.traits.volatile |= CLOCKS.contains(&name) && arguments.values.is_empty();
                if name == "coalesce" {
                    value.choose(&arguments.values);
                }
                let part = arguments.first.as_deref().filter(|_| name == "date_trunc");
                if let (Some(time), Some(cut)) = (arguments.values.last(), part.and_then(cut)) {
                    value.stand_on(time);
                    value.traits.daily |= cut == Cut::ToDay;
                }
            }
            FunctionClass::Volatile => {
                value.traits.volatile = true;
                value.traits.redrawn = true;
            }
            FunctionClass::Stable | FunctionClass::Keyword => value.traits.volatile = true,
            FunctionClass::Set => return Err(Opaque::Function(format!("{name} as a value"))),
            FunctionClass::Window | FunctionClass::WindowPeers => {
                return Err(Opaque::Function(format!("{name} without OVER")));
            }
            FunctionClass::Aggregate | FunctionClass::Orderless => {
                self.place_aggregate(scope, &mut value.calls)?;
                if class == FunctionClass::Orderless {
                    if arguments.sorted {
                        self.assume(format!("the ORDER BY in {name} is total"));
                    } else {
                        value.traits.orderless = true;
                    }
                }
            }
        }
        Ok(value)
    }

    pub(super) fn arguments(
        &self,
        scope: &Scope<'_, 'q>,
        function: &str,
        arguments: &'q FunctionArguments,
        names: Names,
    ) -> Step<Arguments> {
        let lambdas = self.dialect != Dialect::DuckDb || TAKE_LAMBDAS.contains(&function);
        let mut taken = Arguments { lambdas, ..Arguments::default() };
        let list = match arguments {
            FunctionArguments::None => {
                taken.shape.push_str("bare");
                return Ok(taken);
            }
            FunctionArguments::Subquery(_) => return Err(Opaque::construct("a query as the argument of a function")),
            FunctionArguments::List(list) => list,
        };
        let ast::FunctionArgumentList { duplicate_treatment, args, clauses } = list;
        let distinct = matches!(duplicate_treatment, Some(ast::DuplicateTreatment::Distinct));
        taken.shape = format!("distinct {distinct} of {}", args.len());
        // `datediff(month, d)` of two arguments has none: there the word is a column.
        let counts = function.ends_with("add") || function.ends_with("diff");
        let date_part = date_part_of(self.dialect, function).filter(|_| !counts || args.len() == 3);
        taken.first = args.first().and_then(text_of);
        for (place, argument) in args.iter().enumerate() {
            if let (true, FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(ident)))) =
                (date_part == Some(place), argument)
                && ident.quote_style.is_none()
                && DATE_PARTS.contains(&ident.value.to_lowercase().as_str())
            {
                taken.shape.push_str(&format!(" part {place} {}", ident.value.to_lowercase()));
                taken.first = Some(ident.value.to_lowercase()).filter(|_| place == 0);
                continue;
            }
            if date_part == Some(place)
                && let Some(day) = week_of(argument)
            {
                taken.shape.push_str(&format!(" part {place} week {day}"));
                continue;
            }
            match argument {
                FunctionArg::Unnamed(argument) => self.argument(scope, argument, names, &mut taken)?,
                FunctionArg::Named { name, arg, operator } => {
                    taken.shape.push_str(&format!(" {operator} {:?}", name.value));
                    self.argument(scope, arg, names, &mut taken)?;
                }
                FunctionArg::ExprNamed { .. } => return Err(Opaque::construct("an argument named by an expression")),
            }
        }
        for clause in clauses {
            match clause {
                FunctionArgumentClause::OrderBy(keys) => {
                    for ast::OrderByExpr { expr, options, with_fill } in keys {
                        refuse_fill(with_fill.as_ref())?;
                        taken.values.push(sort_key(self.expression(scope, expr, names)?, options)?);
                    }
                    taken.shape.push_str(&format!(" order {}", keys.len()));
                    taken.sorted = true;
                }
                FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => {
                    taken.shape.push_str(&format!(" {treatment:?}"));
                }
                FunctionArgumentClause::Limit(count) => {
                    taken.shape.push_str(" limit");
                    taken.values.push(self.expression(scope, count, names)?);
                }
                FunctionArgumentClause::Having(ast::HavingBound(kind, bound)) => {
                    taken.shape.push_str(&format!(" having {kind}"));
                    taken.values.push(self.expression(scope, bound, names)?);
                }
                FunctionArgumentClause::Separator(value) => taken.shape.push_str(&format!(" separator {value}")),
                _ => return Err(Opaque::construct("an uncommon clause inside a call")),
            }
        }
        Ok(taken)
    }

    fn argument(
        &self,
        scope: &Scope<'_, 'q>,
        argument: &'q FunctionArgExpr,
        names: Names,
        taken: &mut Arguments,
    ) -> Step<()> {
        match argument {
            FunctionArgExpr::Expr(ast::Expr::Lambda(lambda)) if taken.lambdas => {
                taken.values.push(self.lambda(scope, lambda, names)?);
            }
            FunctionArgExpr::Expr(expression) => taken.values.push(self.expression(scope, expression, names)?),
            // `count(*)` counts rows; any other `f(*)` takes every column.
            FunctionArgExpr::Wildcard => taken.shape.push_str(" star"),
            FunctionArgExpr::QualifiedWildcard(name) => {
                let qualifier: Vec<String> =
                    name.0.iter().filter_map(|part| part.as_ident()).map(|ident| self.fold(ident)).collect();
                let mut inputs = scope
                    .inputs
                    .iter()
                    .filter(|input| input.visibility == Visibility::Everywhere && input.names.contains(&qualifier));
                let input =
                    inputs.next().filter(|_| inputs.next().is_none()).ok_or_else(|| Opaque::Name(name.to_string()))?;
                taken.shape.push_str(" row");
                taken.values.push(self.whole_row(input)?);
            }
            FunctionArgExpr::WildcardWithOptions(_) => {
                return Err(Opaque::construct("a star with options inside a call"));
            }
        }
        Ok(())
    }
}

/// BigQuery's `WEEK(MONDAY)` where a part of a date stands: the day.
fn week_of(argument: &FunctionArg) -> Option<String> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Function(function))) = argument else { return None };
    let text = function.to_string().to_lowercase();
    let day = text.strip_prefix("week(")?.strip_suffix(")")?;
    day.strip_suffix("day").is_some_and(|stem| stem.chars().all(char::is_alphabetic)).then(|| day.to_owned())
}

fn all_named(arguments: &FunctionArguments) -> bool {
    let FunctionArguments::List(list) = arguments else { return false };
    list.args.iter().all(|argument| matches!(argument, FunctionArg::Named { .. }))
}

fn refuse_fill(fill: Option<&ast::WithFill>) -> Step<()> {
    if fill.is_some() { Err(Opaque::construct("WITH FILL")) } else { Ok(()) }
}

/// `offshoot__time('start_ds')`: symbolic, and only as fixed as the moment that it stands for.
fn time_variable(arguments: &FunctionArguments) -> Step<Value> {
    let odd = || Opaque::Function(TIME_FUNCTION.to_owned());
    let FunctionArguments::List(list) = arguments else { return Err(odd()) };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Value(value)))] = list.args.as_slice() else {
        return Err(odd());
    };
    let ast::Value::SingleQuotedString(name) = &value.value else { return Err(odd()) };
    let variable = TimeVariable::from_name(name).ok_or_else(odd)?;
    let mut value = Value::leaf(Hasher::new("time variable").text(&variable.name()).finish());
    match variable.moment {
        Moment::Start | Moment::End => value.traits.interval = true,
        Moment::Execution => value.traits.volatile = true,
    }
    Ok(value)
}
