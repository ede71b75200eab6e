//! FROM: tables, subqueries, table functions and joins, each in its slot.

use sqlparser::ast::{self, JoinConstraint, JoinOperator, TableFactor};

use super::aggregate::{Lent, unplaced};
use super::apart::{Join, Joins, Kind};
use super::block::Value;
use super::query::{Place, Role};
use super::scope::{Names, Scope, Site, Visibility};
use super::select::From;
use super::table_function::Argument;
use super::using::Condition;
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::sql::shape::{Reads, Traits};
use crate::sql::{Dialect, Opaque};

impl<'q> Analyzer<'_> {
    pub(super) fn from(&self, scope: &mut Scope<'_, 'q>, tables: &'q [ast::TableWithJoins]) -> Step<From> {
        let mut from = From {
            rows: Hasher::new("no input").finish(),
            row_traits: Traits::default(),
            row_reads: Reads::new(),
            joins: Joins::default(),
        };
        for (index, table) in tables.iter().enumerate() {
            let boundary = scope.inputs.len() as u64;
            let rows = self.joined(scope, table, &mut from)?;
            if index > 0 {
                let (left, right) = (0..boundary, boundary..scope.inputs.len() as u64);
                from.joins.push(Join { left, right, kind: Kind::Comma, ties: Vec::new(), gates: Vec::new() });
            }
            from.rows = match index {
                0 => rows,
                _ => {
                    let join = Hasher::new("join").text("cross").digest(from.rows).digest(rows);
                    join.option_digest(None).option_digest(None).finish()
                }
            };
        }
        let moving = scope.inputs.iter().filter(|input| input.row_traits.interval);
        moving.for_each(|input| from.joins.add_moving(input.slot));
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
                // Elsewhere the word may be read as the alias of the table before it.
                if matches!(kind, "semi" | "anti") && !self.dialect.has_semi_joins() {
                    return Err(Opaque::construct("a SEMI or ANTI join, which the dialect does not have"));
                }
                let Condition { value: condition, ties, gates } =
                    self.constraint(scope, kind, constraint, first, boundary)?;
                let matching = matching.map(|matching| self.expression(scope, matching, Names::Column)).transpose()?;
                let is_equal = ["cross", "inner", "left", "right", "full", "semi", "anti"].contains(&kind);
                let (ties, gates) = if is_equal { (ties, gates) } else { (Vec::new(), None) };
                let is_unclear = gates.is_none();
                from.joins.push(Join {
                    left: first as u64..boundary as u64,
                    right: boundary as u64..scope.inputs.len() as u64,
                    kind: if matches!(kind, "cross" | "inner") { Kind::Inner } else { Kind::Other },
                    ties,
                    gates: gates.unwrap_or_default(),
                });
                for value in condition.iter().chain(&matching) {
                    refuse_in_join(value)?;
                    if value.traits.interval && is_unclear {
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
                let ((block, _), lent) = scope.lent_by(|| self.query(subquery, place))?;
                if lent == Lent::Here {
                    return Err(unplaced());
                }
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

pub(super) fn refuse_in_join(value: &Value) -> Step<()> {
    let odd = value.calls.aggregate || value.calls.set_returning || !value.calls.partitions.is_empty();
    if odd || value.calls.lent {
        Err(Opaque::construct("an aggregate, window or set in a join condition"))
    } else {
        Ok(())
    }
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
