//! FROM: tables, subqueries, table functions and joins, each in its slot.

use sqlparser::ast::{self, JoinConstraint, JoinOperator, TableFactor};

use super::block::Value;
use super::query::{Place, Role};
use super::scope::{Columns, Input, Merged, Names, Scope, Site, Visibility, reference};
use super::select::From;
use super::table_function::Argument;
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::sql::shape::{NameOrigin, Reads, Traits};
use crate::sql::{Dialect, Opaque};

impl<'q> Analyzer<'_> {
    pub(super) fn from(&self, scope: &mut Scope<'_, 'q>, tables: &'q [ast::TableWithJoins]) -> Step<From> {
        let mut from =
            From { rows: Hasher::new("no input").finish(), row_traits: Traits::default(), row_reads: Reads::new() };
        for (index, table) in tables.iter().enumerate() {
            let rows = self.joined(scope, table, &mut from)?;
            from.rows = match index {
                0 => rows,
                _ => {
                    let join = Hasher::new("join").text("cross").digest(from.rows).digest(rows);
                    join.option_digest(None).option_digest(None).finish()
                }
            };
        }
        mark_crossing(scope);
        Ok(from)
    }

    fn joined(&self, scope: &mut Scope<'_, 'q>, table: &'q ast::TableWithJoins, from: &mut From) -> Step<Digest> {
        self.nested(|| {
            let ast::TableWithJoins { relation, joins } = table;
            let first = scope.inputs.len();
            let mut rows = self.factor(scope, relation, from)?;
            for join in joins {
                let ast::Join { relation, global, join_operator } = join;
                let boundary = scope.inputs.len();
                let right = self.factor(scope, relation, from)?;
                let (kind, constraint, matching) = join_parts(join_operator)?;
                let kind = match (*global, kind, self.dialect) {
                    (false, kind, _) => kind,
                    // See `parse`: the word that stands for POSITIONAL and ASOF.
                    (true, "cross", Dialect::DuckDb) => {
                        from.row_traits.orderless = true;
                        self.crosses("POSITIONAL JOIN");
                        "positional"
                    }
                    (true, "inner" | "left" | "right" | "full", Dialect::DuckDb) => {
                        self.assume("the match of an ASOF JOIN is the only one");
                        match kind {
                            "inner" => "asof",
                            "left" => "asof left",
                            "right" => "asof right",
                            _ => "asof full",
                        }
                    }
                    _ => return Err(Opaque::construct("GLOBAL JOIN")),
                };
                let condition = self.constraint(scope, kind, constraint, first, boundary)?;
                let matching = matching.map(|matching| self.expression(scope, matching, Names::Column)).transpose()?;
                for value in condition.iter().chain(&matching) {
                    refuse_in_join(value)?;
                    if value.traits.interval {
                        self.crosses("a join condition that mentions the interval");
                    }
                    from.row_traits = from.row_traits.and(value.traits);
                    from.row_reads.extend(value.reads.iter().cloned());
                }
                if matches!(kind, "semi" | "anti") {
                    scope.inputs[boundary..].iter_mut().for_each(|input| input.visibility = Visibility::InItsCondition);
                }
                rows = Hasher::new("join")
                    .text(kind)
                    .digest(rows)
                    .digest(right)
                    .option_digest(condition.map(|value| value.hash))
                    .option_digest(matching.map(|value| value.hash))
                    .finish();
            }
            Ok(rows)
        })
    }

    fn constraint(
        &self,
        scope: &mut Scope<'_, 'q>,
        kind: &'static str,
        constraint: &'q JoinConstraint,
        first: usize,
        boundary: usize,
    ) -> Step<Option<Value>> {
        match constraint {
            JoinConstraint::None => Ok(None),
            JoinConstraint::On(expression) => self.expression(scope, expression, Names::Column).map(Some),
            JoinConstraint::Using(names) => {
                let mut folded = Vec::new();
                for name in names {
                    match name.0.as_slice() {
                        [part] => folded.extend(part.as_ident().map(|ident| self.fold(ident))),
                        _ => return Err(Opaque::construct("a qualified name in USING")),
                    }
                }
                self.merge(scope, kind, &folded, first, boundary).map(Some)
            }
            JoinConstraint::Natural => {
                let common = self.common_columns(scope, first, boundary)?;
                self.merge(scope, kind, &common, first, boundary).map(Some)
            }
        }
    }

    fn common_columns(&self, scope: &Scope<'_, 'q>, first: usize, boundary: usize) -> Step<Vec<String>> {
        let names = |inputs: &[Input]| -> Step<Vec<String>> {
            let mut names = Vec::new();
            for input in inputs.iter().filter(|input| input.visibility == Visibility::Everywhere) {
                let Columns::Known(columns) = &input.columns else {
                    return Err(Opaque::construct("NATURAL JOIN with a table whose columns are not known"));
                };
                if columns.iter().any(|column| column.name.origin == NameOrigin::Derived) {
                    return Err(Opaque::construct("NATURAL JOIN with an unnamed column"));
                }
                let folded = columns.iter().map(|column| self.dialect.fold_name(&column.name.text, true));
                names.extend(folded.filter(|name| !input.merged_away.contains(name)));
            }
            Ok(names)
        };
        let right = names(&scope.inputs[boundary..])?;
        Ok(names(&scope.inputs[first..boundary])?.into_iter().filter(|name| right.contains(name)).collect())
    }

    /// Joins over columns of one name on both sides and merges each pair into one visible column.
    fn merge(
        &self,
        scope: &mut Scope<'_, 'q>,
        kind: &'static str,
        names: &[String],
        first: usize,
        boundary: usize,
    ) -> Step<Value> {
        let mut pairs = Vec::new();
        for name in names {
            let (left, slot) = self.side(scope, first..boundary, name)?;
            let (right, right_slot) = self.side(scope, boundary..scope.inputs.len(), name)?;
            let parts = [left, right];
            pairs.push(Value::combine("using", &parts));
            let value = Value::made_of(
                Hasher::new("merged").text(kind).digest(parts[0].hash).digest(parts[1].hash).finish(),
                &parts,
            );
            let slots = first as u64..scope.inputs.len() as u64;
            scope.merged.retain(|merged| merged.name != *name || !slots.contains(&merged.slot));
            scope.merged.push(Merged { name: name.clone(), value, slot });
            for input in &mut scope.inputs[first..] {
                if input.slot == right_slot {
                    input.merged_away.push(name.clone());
                }
            }
        }
        Ok(Value::combine("using all", &pairs))
    }

    /// The one column of a name on one side of a join: merged by an earlier join of that side, or of one of its inputs.
    fn side(&self, scope: &Scope<'_, 'q>, side: std::ops::Range<usize>, name: &str) -> Step<(Value, u64)> {
        let slots = side.start as u64..side.end as u64;
        let mut merged = scope.merged.iter().filter(|merged| merged.name == name && slots.contains(&merged.slot));
        match (merged.next(), merged.next()) {
            (Some(merged), None) => Ok((merged.value.clone(), merged.slot)),
            (None, _) => self.single(&scope.inputs[side], name),
            _ => Err(Opaque::Ambiguous(name.to_owned())),
        }
    }

    fn single(&self, inputs: &[Input], name: &str) -> Step<(Value, u64)> {
        let mut found = None;
        for input in inputs.iter().filter(|input| input.visibility == Visibility::Everywhere) {
            let Columns::Known(columns) = &input.columns else {
                return Err(Opaque::construct("USING with a table whose columns are not known"));
            };
            for column in columns.iter().filter(|column| self.is_named(column, name)) {
                if input.merged_away.iter().any(|gone| gone == name) {
                    continue;
                }
                if found.replace((reference(input, column, 0), input.slot)).is_some() {
                    return Err(Opaque::Ambiguous(name.to_owned()));
                }
            }
        }
        found.ok_or_else(|| Opaque::Name(name.to_owned()))
    }

    fn factor(&self, scope: &mut Scope<'_, 'q>, factor: &'q TableFactor, from: &mut From) -> Step<Digest> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                let plain = with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty();
                if !plain || version.is_some() || json_path.is_some() || sample.is_some() {
                    return Err(Opaque::construct("a table with a sample, version, hint or partition"));
                }
                match args {
                    None if *with_ordinality => Err(Opaque::construct("a table with ordinality")),
                    None => self.table(scope, name, alias.as_ref(), from),
                    Some(ast::TableFunctionArgs { args, settings: None }) => {
                        let ordinality = if *with_ordinality { " with ordinality" } else { "" };
                        self.table_function(scope, (name, ordinality), args, alias.as_ref(), from)
                    }
                    Some(_) => Err(Opaque::construct("SETTINGS of a table function")),
                }
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                if sample.is_some() {
                    return Err(Opaque::construct("a sampled subquery"));
                }
                let around = !scope.inputs.is_empty() || scope.outer.is_some();
                // DuckDB needs no LATERAL: a subquery sees the inputs before it, then what is further out.
                let is_lateral = *lateral || (around && self.dialect == Dialect::DuckDb);
                let site = if around && !is_lateral { Site::Sealed } else { scope.site };
                let outer = is_lateral.then_some(&*scope);
                let place = Place { outer, ctes: scope.ctes.clone(), site, role: Role::Inner };
                let (block, _) = self.query(subquery, place)?;
                self.subquery(scope, block, alias.as_ref(), from)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.joined(scope, table_with_joins, from),
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality } => {
                let arguments: Vec<Argument<'q>> = array_exprs.iter().map(|value| (String::new(), value)).collect();
                let shape = match (with_offset, with_ordinality, with_offset_alias) {
                    (false, false, None) => String::new(),
                    (_, _, name) => {
                        let name = name.as_ref().map(|name| self.fold(name)).unwrap_or_default();
                        format!(" with {with_offset} {with_ordinality} {name}")
                    }
                };
                self.unnest(scope, ("unnest", &shape), &arguments, alias.as_ref(), from)
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality, alias } => {
                let ordinality = if *with_ordinality { " with ordinality" } else { "" };
                self.table_function(scope, (name, ordinality), args, alias.as_ref(), from)
            }
            TableFactor::TableFunction { expr: ast::Expr::Function(function), alias }
                if matches!(function.args, ast::FunctionArguments::List(_)) =>
            {
                self.wrapped_function(scope, function, alias.as_ref(), from)
            }
            TableFactor::TableFunction { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => Err(Opaque::construct("a table function")),
            TableFactor::Pivot { .. } => Err(Opaque::construct("PIVOT")),
            TableFactor::Unpivot { .. } | TableFactor::UnpivotExpr { .. } => Err(Opaque::construct("UNPIVOT")),
            TableFactor::MatchRecognize { .. } => Err(Opaque::construct("MATCH_RECOGNIZE")),
        }
    }
}

/// An input whose rows were filtered by the interval spoils what the other inputs say about time: a longer batch lets
/// one row of theirs meet more rows of it.
fn mark_crossing(scope: &mut Scope<'_, '_>) {
    let crossing: Vec<u64> =
        scope.inputs.iter().filter(|input| input.row_traits.interval).map(|input| input.slot).collect();
    for input in &mut scope.inputs {
        if crossing.iter().any(|slot| *slot != input.slot)
            && let Columns::Known(columns) = &mut input.columns
        {
            columns.iter_mut().for_each(|column| column.traits.crosses = true);
        }
    }
}

pub(super) fn refuse_in_join(value: &Value) -> Step<()> {
    let odd = value.calls.aggregate || value.calls.set_returning || !value.calls.partitions.is_empty();
    if odd { Err(Opaque::construct("an aggregate, window or set in a join condition")) } else { Ok(()) }
}

/// The kind of a join, its constraint, and the match condition of an ASOF join.
fn join_parts(operator: &JoinOperator) -> Step<(&'static str, &JoinConstraint, Option<&ast::Expr>)> {
    Ok(match operator {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => match constraint {
            JoinConstraint::None => ("cross", constraint, None),
            _ => ("inner", constraint, None),
        },
        JoinOperator::CrossJoin(constraint) => ("cross", constraint, None),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => ("left", constraint, None),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => ("right", constraint, None),
        JoinOperator::FullOuter(constraint) => ("full", constraint, None),
        JoinOperator::Semi(constraint) | JoinOperator::LeftSemi(constraint) => ("semi", constraint, None),
        JoinOperator::Anti(constraint) | JoinOperator::LeftAnti(constraint) => ("anti", constraint, None),
        JoinOperator::AsOf { match_condition, constraint } => ("asof", constraint, Some(match_condition)),
        JoinOperator::RightSemi(_)
        | JoinOperator::RightAnti(_)
        | JoinOperator::CrossApply
        | JoinOperator::OuterApply
        | JoinOperator::StraightJoin(_)
        | JoinOperator::ArrayJoin
        | JoinOperator::LeftArrayJoin
        | JoinOperator::InnerArrayJoin => return Err(Opaque::construct("an uncommon join")),
    })
}
