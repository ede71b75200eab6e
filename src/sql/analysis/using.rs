//! Conditions of joins: ON, and columns that USING and NATURAL compare and merge.

use sqlparser::ast::{self, JoinConstraint};

use super::apart::Tie;
use super::block::Value;
use super::inputs::has_unknown_names;
use super::scope::{Columns, Input, Merged, Names, Scope, Visibility, reference};
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::sql::shape::NameOrigin;
use crate::sql::{Dialect, Opaque};

/// What a join says of the rows that meet in it.
#[derive(Default)]
pub(super) struct Condition {
    pub(super) value: Option<Value>,
    /// The columns that it compares for equality.
    pub(super) ties: Vec<Tie>,
    /// What it wants to lie in the interval that is loaded; `None` where it says something else of it.
    pub(super) gates: Option<Vec<Digest>>,
}

impl<'q> Analyzer<'_> {
    pub(super) fn constraint(
        &self,
        scope: &mut Scope<'_, 'q>,
        kind: &'static str,
        constraint: &'q JoinConstraint,
        first: usize,
        boundary: usize,
    ) -> Step<Condition> {
        match constraint {
            JoinConstraint::None => Ok(Condition::default()),
            JoinConstraint::On(expression) => {
                let value = self.expression(scope, expression, Names::Column);
                // What stands before the join is not seen by its condition.
                let value = value.map_err(|opaque| match opaque {
                    Opaque::TwoColumns(name) if first > 0 => Opaque::Ambiguous(name),
                    opaque => opaque,
                })?;
                let sides = (&(first as u64..boundary as u64), &(boundary as u64..scope.inputs.len() as u64));
                let ties = self.ties(scope, expression, sides)?;
                let gates = if value.traits.interval { self.gates(scope, expression)? } else { Some(Vec::new()) };
                Ok(Condition { value: Some(value), ties, gates })
            }
            JoinConstraint::Using(names) => {
                let mut folded = Vec::new();
                for name in names {
                    match name.0.as_slice() {
                        [part] => folded.extend(part.as_ident().map(|ident| self.fold(ident))),
                        _ => return Err(Opaque::construct("a qualified name in USING")),
                    }
                }
                let merged = self.merge(scope, kind, &folded, first, boundary);
                if let Err(Opaque::NoColumn(refused) | Opaque::TwoColumns(refused)) = &merged {
                    let idents = names.iter().flat_map(|name| &name.0).filter_map(|part| part.as_ident());
                    idents.filter(|ident| self.fold(ident) == *refused).for_each(|ident| self.refuse(ident));
                }
                merged
            }
            JoinConstraint::Natural => {
                let common = self.common_columns(scope, first, boundary)?;
                self.merge(scope, kind, &common, first, boundary)
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
    ) -> Step<Condition> {
        let sides = (&(first as u64..boundary as u64), &(boundary as u64..scope.inputs.len() as u64));
        let (mut pairs, mut ties) = (Vec::new(), Vec::new());
        for name in names {
            let (left, slot) = self.side(scope, first..boundary, name)?;
            let (right, right_slot) = self.side(scope, boundary..scope.inputs.len(), name)?;
            let parts = [left, right];
            pairs.push(Value::combine("using", &parts));
            let mut value = Value::made_of(
                Hasher::new("merged").text(kind).digest(parts[0].hash).digest(parts[1].hash).finish(),
                &parts,
            );
            if let Some(tie) = Tie::between(&parts[0], &parts[1], sides) {
                value.slot = Some(slot);
                ties.push(Tie { merged: Some(value.hash), ..tie });
            }
            let slots = first as u64..scope.inputs.len() as u64;
            scope.merged.retain(|merged| merged.name != *name || !slots.contains(&merged.slot));
            scope.merged.push(Merged { name: name.clone(), value, slot });
            for input in &mut scope.inputs[first..] {
                if input.slot == right_slot {
                    input.merged_away.push(name.clone());
                }
            }
        }
        let value = Value::combine("using all", &pairs);
        let gates = (!value.traits.interval).then(Vec::new);
        Ok(Condition { value: Some(value), ties, gates })
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
        let mut open: Vec<(Value, u64)> = Vec::new();
        for input in inputs.iter().filter(|input| input.visibility == Visibility::Everywhere) {
            let Columns::Known(columns) = &input.columns else {
                if self.dialect != Dialect::DuckDb {
                    return Err(Opaque::construct("USING with a table whose columns are not known"));
                }
                open.push((self.open_column(input, &ast::Ident::new(name), 0)?, input.slot));
                continue;
            };
            for column in columns.iter().filter(|column| self.is_named(column, name)) {
                if input.merged_away.iter().any(|gone| gone == name) {
                    continue;
                }
                if found.replace((reference(input, column, 0), input.slot)).is_some() {
                    return Err(Opaque::TwoColumns(name.to_owned()));
                }
            }
        }
        let is_unclear = |input: &Input| has_unknown_names(input) || input.merged_away.iter().any(|gone| gone == name);
        // Two columns of that name on one side are an error in DuckDB, so beside a known one there is no other.
        match (found, open.as_slice()) {
            (Some(found), _) => Ok(found),
            (None, [(_, slot), ..]) => {
                let values: Vec<Value> = open.iter().map(|(value, _)| value.clone()).collect();
                Ok((Value::combine("one of", &values), *slot))
            }
            (None, []) if !self.is_tried() || inputs.iter().any(is_unclear) => Err(Opaque::Name(name.to_owned())),
            (None, []) => Err(Opaque::NoColumn(name.to_owned())),
        }
    }
}
