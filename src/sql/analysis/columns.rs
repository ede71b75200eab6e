//! DuckDB's `COLUMNS(…)` and the one call that is about the names that it finds.

use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::block::Value;
use super::function::Arguments;
use super::scope::{Names, Scope, Visibility};
use super::{Analyzer, Step};
use crate::sql::Opaque;

impl<'q> Analyzer<'_> {
    /// DuckDB's `COLUMNS(…)`: some columns of all inputs, chosen by their names; a function of them all with their names.
    pub(super) fn columns_call(&self, scope: &Scope<'_, 'q>, function: &'q ast::Function, names: Names) -> Step<Value> {
        let args = plain_arguments(function)?;
        let arguments = match chosen(args) {
            Some(shape) => Arguments::of_shape(shape),
            None => self.arguments(scope, "columns", args, names)?,
        };
        let mut parts = arguments.values;
        parts.extend(scope.merged.iter().map(|merged| merged.value.clone()));
        for input in scope.inputs.iter().filter(|input| input.visibility == Visibility::Everywhere) {
            parts.push(self.whole_row(input)?);
        }
        let mut value = Value::combine(&format!("columns {}", arguments.shape), &parts);
        value.calls.several = true;
        Ok(value)
    }

    /// `alias(COLUMNS(…))`: the name of each column as a text. Any other `alias(x)` is refused, for it tells how the
    /// engine writes an expression. Over a join DuckDB 1.5.6 tells the name of whichever side of `a.x = b.y` it kept, so
    /// that is refused too; a join further in could do the same, so which name it is counts as left to the engine.
    pub(super) fn names_of_columns(
        &self,
        scope: &Scope<'_, 'q>,
        function: &'q ast::Function,
        names: Names,
    ) -> Step<Value> {
        let unknown = || Opaque::Function(function.name.to_string());
        let FunctionArguments::List(list) = plain_arguments(function)? else { return Err(unknown()) };
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Function(columns)))] = list.args.as_slice() else {
            return Err(unknown());
        };
        let is_plain = list.duplicate_treatment.is_none() && list.clauses.is_empty();
        let is_columns = columns.name.to_string().eq_ignore_ascii_case("columns");
        if !is_plain || !is_columns || scope.inputs.len() != 1 {
            return Err(unknown());
        }
        let mut value = Value::combine("names of columns", &[self.columns_call(scope, columns, names)?]);
        value.traits.orderless = true;
        Ok(value)
    }
}

/// The arguments of a call that is nothing but a name and arguments.
fn plain_arguments(function: &ast::Function) -> Step<&FunctionArguments> {
    let ast::Function { name, uses_odbc_syntax: _, parameters, args, within_group, filter, null_treatment, over } =
        function;
    let is_plain = matches!(parameters, FunctionArguments::None)
        && within_group.is_empty()
        && filter.is_none()
        && null_treatment.is_none()
        && over.is_none();
    if is_plain { Ok(args) } else { Err(Opaque::Function(name.to_string())) }
}

/// `COLUMNS(* EXCLUDE (a))`: which columns, where the options hold nothing but names.
fn chosen(arguments: &FunctionArguments) -> Option<String> {
    let FunctionArguments::List(list) = arguments else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::WildcardWithOptions(options))] = list.args.as_slice() else {
        return None;
    };
    let only_names = options.opt_replace.is_none() && options.opt_ilike.is_none() && options.opt_alias.is_none();
    only_names.then(|| format!("star {options}"))
}
