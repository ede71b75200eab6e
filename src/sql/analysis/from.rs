//! FROM: tables, subqueries, table functions and joins, each in its slot.

use std::collections::BTreeMap;

use sqlparser::ast::{self, JoinConstraint, JoinOperator, TableFactor};

use super::block::{Block, Column, Value};
use super::query::{Place, Role};
use super::scope::{Columns, Input, Merged, Names, Scope, Site, Visibility, reference};
use super::select::From;
use super::table_function::Argument;
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::sql::relations::JOIN_WORDS;
use crate::sql::shape::{NameOrigin, OutputName, Read, Reads, Traits};
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

    fn table(
        &self,
        scope: &mut Scope<'_, 'q>,
        name: &'q ast::ObjectName,
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let parts: Vec<&ast::Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let is_text = parts.iter().any(|part| part.quote_style == Some('\''));
        if parts.len() != name.0.len() || (is_text && (parts.len() > 1 || self.dialect != Dialect::DuckDb)) {
            return Err(Opaque::construct("a table named by an expression or a text"));
        }
        let folded: Vec<String> = parts.iter().map(|part| self.fold(part)).collect();
        let table = parts.iter().map(|part| self.dialect.fold(&part.value, part.quote_style.is_some()));
        if let [only] = folded.as_slice() {
            let mut link = scope.ctes.clone();
            while let Some(candidate) = link {
                if candidate.cte.name == *only {
                    let block = self.cte(&candidate.cte)?;
                    return self.add(scope, block, vec![folded.clone()], alias, None, from);
                }
                link = candidate.next.clone();
            }
        }
        let name = ModelName::from_parts(table.collect())
            .ok_or_else(|| Opaque::construct("a name of more than three parts"))?;
        let shape = self.tables.table(&name)?;
        self.note_table(&shape);
        self.storages.borrow_mut().insert(shape.name.clone(), shape.storage);
        // How DuckDB calls a file that has no alias is not modelled, and files mind case.
        let names = match is_text {
            true => Vec::new(),
            false => (0..folded.len()).map(|start| folded[start..].to_vec()).collect(),
        };
        let mut block = Block {
            rows: if is_text {
                Hasher::new("text").digest(shape.rows).text(&parts[0].value).finish()
            } else {
                shape.rows
            },
            row_traits: shape.row_traits,
            row_reads: Reads::from([Read::Rows(shape.name.clone())]),
            columns: Vec::new(),
        };
        let Some(columns) = shape.columns else {
            return match alias.filter(|alias| !alias.columns.is_empty()) {
                Some(alias) => self.renamed_unknown(scope, block, (&shape.name, alias), from),
                None => self.add(scope, block, names, alias, Some(shape.name), from),
            };
        };
        block.columns = columns
            .into_iter()
            .map(|column| Column {
                reads: Reads::from([Read::Column(shape.name.clone(), self.dialect.fold_name(&column.name.text, true))]),
                name: column.name,
                hash: column.hash,
                traits: column.traits,
            })
            .collect();
        self.add(scope, block, names, alias, Some(shape.name), from)
    }

    /// `AS t(a, b)` over columns that nobody knows: any column by its name is a function of the table and of that list.
    fn renamed_unknown(
        &self,
        scope: &mut Scope<'_, 'q>,
        mut block: Block,
        (table, alias): (&ModelName, &'q ast::TableAlias),
        from: &mut From,
    ) -> Step<Digest> {
        let ast::TableAlias { explicit: _, name, columns, at } = alias;
        if at.is_some() || columns.iter().any(|column| column.data_type.is_some()) {
            return Err(Opaque::construct("a table alias with types or AT"));
        }
        refuse_join_word(alias)?;
        let list: String = columns.iter().map(|column| format!(" {}", self.fold(&column.name))).collect();
        block.columns = vec![Column {
            name: OutputName { text: format!("*{list}"), origin: NameOrigin::Star },
            hash: Hasher::new("renamed").digest(block.rows).finish(),
            traits: block.row_traits,
            reads: Reads::from([Read::Whole(table.clone())]),
        }];
        self.add_named(scope, block, vec![vec![self.fold(name)]], None, from)
    }

    pub(super) fn subquery(
        &self,
        scope: &mut Scope<'_, 'q>,
        block: Block,
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let mut block = block;
        self.draw(&mut block, "subquery");
        if let Some(alias) = alias {
            self.note_query(&alias.name, &block);
        }
        self.add(scope, block, Vec::new(), alias, None, from)
    }

    /// Puts a block into the next slot.
    pub(super) fn add(
        &self,
        scope: &mut Scope<'_, 'q>,
        mut block: Block,
        names: Vec<Vec<String>>,
        alias: Option<&'q ast::TableAlias>,
        table: Option<ModelName>,
        from: &mut From,
    ) -> Step<Digest> {
        let names = match alias {
            None => names,
            Some(alias) => {
                refuse_join_word(alias)?;
                self.rename_columns(&mut block.columns, alias)?;
                vec![vec![self.fold(&alias.name)]]
            }
        };
        self.add_named(scope, block, names, table, from)
    }

    pub(super) fn add_named(
        &self,
        scope: &mut Scope<'_, 'q>,
        mut block: Block,
        names: Vec<Vec<String>>,
        table: Option<ModelName>,
        from: &mut From,
    ) -> Step<Digest> {
        let open = match (&table, block.is_open()) {
            (_, true) => Some(block.whole()),
            (Some(_), false) if block.columns.is_empty() => Some(block.rows),
            _ => None,
        };
        if open.is_none() {
            self.rename_duplicates(&mut block)?;
        }
        let whole = match &table {
            Some(table) => Reads::from([Read::Whole(table.clone())]),
            None if open.is_some() => block.all_reads(),
            None => Reads::new(),
        };
        let slot = scope.inputs.len() as u64;
        from.row_traits = from.row_traits.and(block.row_traits);
        from.row_reads.extend(block.row_reads.iter().cloned());
        scope.inputs.push(Input {
            names,
            row_traits: if open.is_some() { block.all_traits() } else { block.row_traits },
            columns: open.map_or(Columns::Known(block.columns), Columns::Open),
            slot,
            table,
            whole,
            merged_away: Vec::new(),
            visibility: Visibility::Everywhere,
        });
        Ok(Hasher::new("input").number(slot).digest(block.rows).finish())
    }

    /// DuckDB shows a second column `a` of a subquery or table as `a_1`, to which nothing here may refer.
    pub(super) fn rename_duplicates(&self, block: &mut Block) -> Step<()> {
        if self.dialect == Dialect::DuckDb {
            let mut seen: BTreeMap<String, u64> = BTreeMap::new();
            for column in block.columns.iter_mut().filter(|column| !column.is_star()) {
                let count = seen.entry(self.dialect.fold_name(&column.name.text, true)).or_default();
                if *count > 0 {
                    column.name =
                        OutputName { text: format!("{}_{count}", column.name.text), origin: NameOrigin::Derived };
                }
                *count += 1;
            }
        }
        block.refuse_duplicates(self.dialect)
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

fn refuse_join_word(alias: &ast::TableAlias) -> Step<()> {
    let word = alias.name.value.to_lowercase();
    let odd = !alias.explicit && alias.name.quote_style.is_none() && JOIN_WORDS.contains(&word.as_str());
    if odd { Err(Opaque::Construct(format!("{} JOIN", word.to_uppercase()))) } else { Ok(()) }
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
