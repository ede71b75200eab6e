//! Which input a name belongs to: innermost block first. Where two readings are possible the query is opaque, but for
//! those of DuckDB that `unsure` takes together.

use std::cell::Cell;
use std::rc::Rc;

use sqlparser::ast;

use super::aggregate::Lent;
use super::block::{Block, Column, Value};
use super::inputs::{has_open, has_open_here, has_unknown_names, is_input, is_unsure};
use super::refused::beyond;
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
pub(super) use crate::sql::names::Reading as Names;
use crate::sql::shape::{Read, Reads, Traits};
use crate::sql::{Dialect, FunctionClass, Opaque, function_class};

/// A CTE that queries below may name; resolved when the first of them does, so an unused one does not matter.
pub(super) struct Cte<'q> {
    pub(super) name: String,
    pub(super) definition: &'q ast::Cte,
    /// The CTEs that its own body may name.
    pub(super) before: CteList<'q>,
    /// What stands around the WITH that it is of.
    pub(super) site: Site,
    /// Whether it names itself.
    pub(super) recursive: bool,
    pub(super) resolved: std::cell::OnceCell<Block>,
}

/// The CTEs in scope, innermost last.
pub(super) type CteList<'q> = Option<Rc<CteLink<'q>>>;

pub(super) struct CteLink<'q> {
    pub(super) cte: Cte<'q>,
    pub(super) next: CteList<'q>,
}

/// One input of FROM.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// The name that qualifies its columns, folded; for tables without alias also their longer names.
    pub(super) names: Vec<Vec<String>>,
    /// Its visible columns, or the table whose columns nobody knows.
    pub(super) columns: Columns,
    /// Its place in FROM, joins included, left to right.
    pub(super) slot: u64,
    /// Where it reads a table: which, for people.
    pub(super) table: Option<ModelName>,
    /// Of its rows, and of all columns where those are not known.
    pub(super) row_traits: Traits,
    /// What a column of it reads where its columns are not known.
    pub(super) whole: Reads,
    /// Columns that a USING or NATURAL join merged away: qualified names still reach them, bare names and stars do not.
    pub(super) merged_away: Vec<String>,
    pub(super) visibility: Visibility,
}

/// Whether an input is seen after its join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// As usual.
    Everywhere,
    /// The right side of a semi or anti join: only in its condition.
    InItsCondition,
}

#[derive(Clone, Debug)]
pub(super) enum Columns {
    Known(Vec<Column>),
    /// The rows' hash stands for the table.
    Open(Digest),
}

/// A column that a USING or NATURAL join made of one column of each side.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub(super) name: String,
    pub(super) value: Value,
    /// The slot in whose place a star shows it.
    pub(super) slot: u64,
}

/// An output alias of the same block.
#[derive(Clone, Debug)]
pub(super) struct Alias {
    pub(super) name: String,
    pub(super) value: Value,
}

/// What a block's expressions may name.
pub(super) struct Scope<'s, 'q> {
    pub(super) inputs: Vec<Input>,
    pub(super) merged: Vec<Merged>,
    pub(super) aliases: Vec<Alias>,
    /// Aliases that are not made yet, where the dialect lets them be named already.
    pub(super) later: Vec<String>,
    pub(super) windows: Vec<(String, &'q ast::NamedWindowExpr)>,
    pub(super) outer: Option<&'s Self>,
    pub(super) ctes: CteList<'q>,
    /// Lambda parameters, innermost last.
    pub(super) parameters: Vec<String>,
    pub(super) site: Site,
    /// Where the query within that is being resolved holds aggregates of this block, or of one further out.
    pub(super) lent: Cell<Lent>,
}

/// Whether a name that no input surely owns could belong to something further out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// Nothing stands around the block but (for values) its `outer` scope.
    Open,
    /// A CTE or FROM subquery with something around it that a name could reach: it may not be guessed.
    Sealed,
}

pub(super) enum Found {
    Nothing,
    One(Value),
    Many,
}

impl<'q> Analyzer<'_> {
    /// A bare name.
    pub(super) fn bare(&self, scope: &Scope<'_, 'q>, ident: &ast::Ident, names: Names) -> Step<Value> {
        let name = self.fold(ident);
        if ident.quote_style.is_none() && self.is_pseudo_column(&name) {
            return Err(Opaque::Construct(format!("the pseudo-column {name}")));
        }
        if let Some(index) = scope.parameters.iter().rposition(|parameter| *parameter == name) {
            // In DuckDB 1.5.6 the parameter wins over columns and aliases.
            let clear = self.dialect == crate::sql::Dialect::DuckDb;
            if !clear && (!matches!(self.column_named(scope, &name), Found::Nothing) || has_open(scope)) {
                return Err(Opaque::Ambiguous(ident.value.clone()));
            }
            let place = scope.parameters.len() - index;
            return Ok(Value::leaf(Hasher::new("parameter").number(place as u64).finish()));
        }
        if scope.later.contains(&name) {
            return Err(Opaque::Ambiguous(ident.value.clone()));
        }
        let column = self.column_named(scope, &name);
        let alias = scope.aliases.iter().rfind(|alias| alias.name == name);
        if let (Found::Nothing, None, None) = (&column, alias, ident.quote_style)
            && self.is_keyword(&name)
        {
            return self.keyword(scope, ident);
        }
        let unclear = || Err(Opaque::Ambiguous(ident.value.clone()));
        match (column, alias) {
            (Found::Many, None) if self.is_tried() => {
                self.refuse(ident);
                Err(Opaque::TwoColumns(ident.value.clone()))
            }
            (Found::Many, _) => unclear(),
            (Found::One(value), None) => Ok(value),
            (Found::Nothing, None) => self.further_out(scope, ident, &name),
            (Found::One(value), Some(alias)) if value.hash == alias.value.hash => Ok(value),
            (Found::One(value), Some(alias)) => match names {
                Names::Column | Names::ColumnThenAlias => Ok(value),
                Names::AliasThenColumn => undrawn(alias.value.clone()),
                // DuckDB: the column where it is grouped, else the alias. What is grouped is part of the rows.
                Names::Unclear if self.dialect == Dialect::DuckDb => {
                    undrawn(Value::combine("column or alias", &[value, alias.value.clone()]))
                }
                Names::Unclear => unclear(),
            },
            // DuckDB 1.5.6 takes the whole row of an input of that name before it looks at aliases, but for bare names in
            // ORDER BY and DISTINCT ON.
            (Found::Nothing, Some(_)) if is_input(scope, &name) => unclear(),
            (Found::Nothing, Some(_)) if names == Names::Column && self.dialect == Dialect::Postgres => {
                self.further_out(scope, ident, &name)
            }
            (Found::Nothing, Some(_)) if names == Names::Column || self.reaches_out(scope, &name) => unclear(),
            (Found::Nothing, Some(alias)) if names != Names::AliasThenColumn && is_unsure(scope) => {
                match self.of_open_inputs(scope, ident) {
                    // Which of them it is follows from the columns of those inputs, so it is a function of all.
                    Some(column) => undrawn(Value::combine("column or alias", &[column?, alias.value.clone()])),
                    None => unclear(),
                }
            }
            (Found::Nothing, Some(alias)) => undrawn(alias.value.clone()),
        }
    }

    /// Whether a name that is an alias here could also be a column of a block around this one. DuckDB was tried: there
    /// the alias wins.
    fn reaches_out(&self, scope: &Scope<'_, 'q>, name: &str) -> bool {
        let reaches = |outer: &Scope<'_, 'q>| {
            !matches!(self.column_named(outer, name), Found::Nothing) || is_unsure(outer) || outer.outer.is_some()
        };
        self.dialect != Dialect::DuckDb && scope.outer.is_some_and(reaches)
    }

    /// An unquoted word that an engine reads as a function where no column has its name. DuckDB does so further out.
    fn is_keyword(&self, name: &str) -> bool {
        self.dialect != Dialect::DuckDb && function_class(self.dialect, name) == Some(FunctionClass::Keyword)
    }

    fn keyword(&self, scope: &Scope<'_, 'q>, ident: &ast::Ident) -> Step<Value> {
        if is_unsure(scope) || scope.outer.is_some() {
            return Err(Opaque::Construct(format!("the word {}, which may be a column", ident.value)));
        }
        Ok(keyword_value(ident))
    }

    /// A word that some engine reads as a physical column, though a column may have that name.
    pub(super) fn is_pseudo_column(&self, name: &str) -> bool {
        const PHYSICAL: [&str; 8] = ["cmax", "cmin", "ctid", "rownum", "_rowid_", "tableoid", "xmax", "xmin"];
        PHYSICAL.contains(&name) || (self.dialect != Dialect::DuckDb && name == "rowid")
    }

    pub(super) fn column_named(&self, scope: &Scope<'_, 'q>, name: &str) -> Found {
        let mut all_merged = scope.merged.iter().filter(|merged| merged.name == name);
        let merged = all_merged.next();
        if all_merged.next().is_some() {
            return Found::Many;
        }
        let mut found = merged.map_or(Found::Nothing, |merged| Found::One(merged.value.clone()));
        for input in scope.inputs.iter().filter(|input| input.visibility == Visibility::Everywhere) {
            let Columns::Known(columns) = &input.columns else { continue };
            for column in columns.iter().filter(|column| self.is_named(column, name)) {
                let is_merged = merged.is_some_and(|merged| merged.slot == input.slot);
                if is_merged || input.merged_away.iter().any(|gone| gone == name) {
                    continue;
                }
                found = match found {
                    Found::Nothing => Found::One(reference(input, column, 0)),
                    _ => Found::Many,
                };
            }
        }
        found
    }

    /// A function written without parentheses, such as `current_date`: a column or alias of that name would be it.
    pub(super) fn refuse_column(&self, scope: &Scope<'_, 'q>, ident: &ast::Ident) -> Step<()> {
        let name = self.fold(ident);
        let owns = |input: &Input| match &input.columns {
            Columns::Known(columns) => columns.iter().any(|column| self.dialect.is_name(&column.name.text, &name)),
            Columns::Open(_) => false,
        };
        match scope.inputs.iter().any(owns) || scope.aliases.iter().any(|alias| alias.name == name) {
            true => Err(Opaque::Ambiguous(ident.value.clone())),
            false => Ok(()),
        }
    }

    pub(super) fn is_named(&self, column: &Column, name: &str) -> bool {
        column.name.origin.is_named() && self.dialect.is_name(&column.name.text, name)
    }

    /// A bare name that no known column of the block owns: a column of its one open input, an outer block's, or a whole row.
    fn further_out(&self, scope: &Scope<'_, 'q>, ident: &ast::Ident, name: &str) -> Step<Value> {
        let unclear = || Opaque::Name(ident.value.clone());
        // Before it looks further out, DuckDB takes these for functions, quoted or not.
        if function_class(self.dialect, name) == Some(FunctionClass::Keyword) {
            let is_function = self.dialect == Dialect::DuckDb && !is_unsure(scope) && scope.outer.is_none();
            return if is_function { Ok(keyword_value(ident)) } else { Err(unclear()) };
        }
        if self.dialect == Dialect::DuckDb && name == "rowid" {
            return self.row_place(scope, None, ident);
        }
        if let Some(value) = self.of_open_inputs(scope, ident) {
            return value;
        }
        let row = self.shadowed_row(scope, name);
        let further = scope.outer.filter(|_| self.may_be_further_out(scope));
        if scope.site == Site::Sealed || (has_open_here(scope) && further.is_none()) {
            return row.filter(|_| !has_open_here(scope)).ok_or_else(unclear);
        }
        if let Some(row) = row {
            let reaches_out =
                scope.outer.is_some_and(|outer| !matches!(self.column_named(outer, name), Found::Nothing));
            return if reaches_out || has_open_here(scope) { Err(unclear()) } else { Ok(row) };
        }
        let Some(outer) = further.filter(|outer| outer.parameters.is_empty()) else {
            return Err(self.no_column(scope, std::slice::from_ref(ident)));
        };
        let value = match self.column_named(outer, name) {
            Found::One(value) => value,
            Found::Many => return Err(Opaque::Ambiguous(ident.value.clone())),
            Found::Nothing if outer.aliases.iter().any(|alias| alias.name == name) => return Err(unclear()),
            Found::Nothing => self.further_out(outer, ident, name).map_err(|opaque| beyond(scope, opaque))?,
        };
        self.here_or_outward(scope, std::slice::from_ref(ident), value)
    }

    /// A bare name that no known column has, where inputs have columns that nobody knows and nothing stands around the
    /// block: a column or the whole row of one of them. Which one follows from their columns, so the value is a function
    /// of them all and of the name.
    pub(super) fn of_open_inputs(&self, scope: &Scope<'_, 'q>, ident: &ast::Ident) -> Option<Step<Value>> {
        let name = self.fold(ident);
        let visible = || scope.inputs.iter().filter(|input| input.visibility == Visibility::Everywhere);
        let open: Vec<&Input> = visible().filter(|input| has_unknown_names(input)).collect();
        let is_row = |input: &Input| input.names.iter().any(|known| known.last().is_some_and(|last| *last == name));
        let is_known_row = visible().any(|input| matches!(input.columns, Columns::Known(_)) && is_row(input));
        let reaches_out = scope.outer.is_some_and(|outer| self.may_own(outer, &name, &open));
        if open.is_empty() || scope.site != Site::Open || reaches_out || is_known_row {
            return None;
        }
        let columns: Step<Vec<Value>> = open.iter().map(|input| self.unknown_column(input, ident)).collect();
        Some(columns.map(|columns| match columns.as_slice() {
            [only] => only.clone(),
            _ => Value::combine("one of", &columns),
        }))
    }

    /// A column of a name that none of the input's known columns has: one that nobody knows, or one whose name the engine
    /// makes up, which is a function of all columns and of how they are written.
    pub(super) fn unknown_column(&self, input: &Input, ident: &ast::Ident) -> Step<Value> {
        match &input.columns {
            Columns::Open(_) => self.open_column(input, ident, 0),
            Columns::Known(_) => {
                let row = self.whole_row(input)?;
                let hash = Hasher::new("made up").digest(row.hash).text(&self.fold(ident)).finish();
                Ok(Value::made_of(hash, [&row]))
            }
        }
    }

    /// `t` as a value: every column of the input, with its names.
    fn shadowed_row(&self, scope: &Scope<'_, 'q>, name: &str) -> Option<Value> {
        let mut inputs = scope
            .inputs
            .iter()
            .filter(|input| input.names.iter().any(|known| known.last().is_some_and(|last| last == name)));
        let input = inputs.next().filter(|_| inputs.next().is_none())?;
        self.whole_row(input).ok()
    }

    /// Every column of an input as one value; what can reach field names hashes them exactly as written.
    pub(super) fn whole_row(&self, input: &Input) -> Step<Value> {
        let Columns::Known(columns) = &input.columns else { return open_row(input) };
        let mut hasher = Hasher::new("row").number(input.slot).number(columns.len() as u64);
        let mut parts = Vec::new();
        for column in columns {
            hasher = hasher.text(&column.name.text).digest(column.hash);
            parts.push(reference(input, column, 0));
        }
        Ok(Value::made_of(hasher.finish(), &parts))
    }

    /// A qualified name `qualifier.column`.
    pub(super) fn qualified(&self, scope: &Scope<'_, 'q>, parts: &[ast::Ident]) -> Step<Value> {
        let Some((last, qualifier)) = parts.split_last() else { return Err(Opaque::construct("an empty name")) };
        let text = || parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        let qualifier: Vec<String> = qualifier.iter().map(|part| self.fold(part)).collect();
        let mut inputs = scope.inputs.iter().filter(|input| input.names.contains(&qualifier));
        if let Some(value) = self.parameter_field(scope, parts)? {
            return Ok(value);
        }
        if let Some(value) = self.prefixed_alias(scope, parts)? {
            return Ok(value);
        }
        let Some(input) = inputs.next() else {
            if self.dialect.name_rules().fields
                && let Some(value) = self.field(scope, parts)?
            {
                return Ok(value);
            }
            return self.qualified_further_out(scope, parts);
        };
        if inputs.next().is_some() || scope.parameters.contains(&qualifier[0]) {
            return Err(Opaque::Ambiguous(text()));
        }
        // `a.b.c` may also be the field `c` of a column `b` of `a`, or of a field of the column `a`.
        let first = &qualifier[..1];
        let is_struct = qualifier.len() > 1
            && (scope.inputs.iter().any(|input| input.names.iter().any(|name| name == first))
                || !matches!(self.column_named(scope, &qualifier[0]), Found::Nothing));
        if is_struct || input.visibility == Visibility::InItsCondition {
            return Err(Opaque::Ambiguous(text()));
        }
        match &input.columns {
            Columns::Open(_) => self.open_column(input, last, 0),
            Columns::Known(columns) => {
                let name = self.fold(last);
                let mut found = columns.iter().filter(|column| self.is_named(column, &name));
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(reference(input, column, 0)),
                    (Some(_), Some(_)) => Err(Opaque::Ambiguous(text())),
                    _ if self.dialect == Dialect::DuckDb && name == "rowid" => {
                        self.row_place(scope, Some(input.slot), last)
                    }
                    _ if self.dialect == Dialect::DuckDb && qualifier.len() == 1 => {
                        self.qualified_further_out(scope, parts)
                    }
                    _ => Err(self.no_column(scope, parts)),
                }
            }
        }
    }

    pub(super) fn open_column(&self, input: &Input, ident: &ast::Ident, depth: u64) -> Step<Value> {
        let Columns::Open(table) = &input.columns else {
            return Err(Opaque::Name(ident.value.clone()));
        };
        let reads = match &input.table {
            Some(name) => Reads::from([Read::Column(name.clone(), self.fold(ident))]),
            None => input.whole.clone(),
        };
        let column = Column {
            name: self.shown(ident),
            hash: Hasher::new("open column").digest(*table).text(&self.fold(ident)).finish(),
            traits: input.row_traits,
            reads,
        };
        if let Some(table) = &input.table {
            self.note_open_column(column.hash, table, &column.name.text);
        }
        Ok(reference(input, &column, depth))
    }
}

/// A reference from the block that owns the input: (depth, slot, column hash).
pub(super) fn reference(input: &Input, column: &Column, depth: u64) -> Value {
    let hash = Hasher::new("reference").number(depth).number(input.slot).digest(column.hash).finish();
    let mut value = Value::leaf(hash);
    value.traits = column.traits;
    value.reads = column.reads.clone();
    value.calls.own = true;
    value.slot = (depth == 0).then_some(input.slot);
    value
}

/// A function written as a word, such as `current_user`.
fn keyword_value(ident: &ast::Ident) -> Value {
    // A quoted word never equals the bare one: another engine reads it as a column.
    let quoted = u64::from(ident.quote_style.is_some());
    let mut value = Value::leaf(Hasher::new("keyword").text(&ident.value.to_lowercase()).number(quoted).finish());
    value.traits.volatile = true;
    value
}

/// The whole row of an input whose columns nobody knows.
pub(super) fn open_row(input: &Input) -> Step<Value> {
    let Columns::Open(table) = &input.columns else { return Err(Opaque::construct("a star over known columns")) };
    let mut value = Value::leaf(Hasher::new("open row").number(input.slot).digest(*table).finish());
    value.traits = input.row_traits;
    value.reads = input.whole.clone();
    value.calls.own = true;
    Ok(value)
}

/// The same reference seen from one block further in.
pub(super) fn outward(mut value: Value) -> Value {
    value.hash = Hasher::new("outer").digest(value.hash).finish();
    (value.slot, value.alternatives) = (None, Vec::new());
    // An alias is no column: what it is made of is of no block, or is an aggregate already.
    value.calls.unsure |= value.calls.aggregate || !value.calls.partitions.is_empty();
    value.calls.unsure |= !value.calls.own && value.calls.outer.is_none();
    value.calls.outer = Some(if value.calls.own { 1 } else { value.calls.outer.unwrap_or_default().saturating_add(1) });
    value.calls.own = false;
    value
}

/// A value that may be named a second time: a draw may not, because it would be drawn anew, or not, as the engine likes.
pub(super) fn undrawn(value: Value) -> Step<Value> {
    if value.traits.redrawn {
        Err(Opaque::construct(
            "a second use of a draw (random, uuid, …), or of a view of which nobody knows whether it is one",
        ))
    } else {
        Ok(value)
    }
}
