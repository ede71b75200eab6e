//! Which input a name belongs to: innermost block first, and opaque wherever two readings are possible.

use std::rc::Rc;

use sqlparser::ast;

use super::block::{Block, Column, Value};
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::sql::shape::{NameOrigin, Read, Reads, Traits};
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
    pub(super) row_traits: Traits,
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
    pub(super) windows: Vec<(String, &'q ast::NamedWindowExpr)>,
    pub(super) outer: Option<&'s Self>,
    pub(super) ctes: CteList<'q>,
    /// Lambda parameters, innermost last.
    pub(super) parameters: Vec<String>,
    pub(super) site: Site,
}

/// Whether a name that no input surely owns could belong to something further out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// Nothing stands around the block but (for values) its `outer` scope.
    Open,
    /// A CTE or FROM subquery with something around it that a name could reach: it may not be guessed.
    Sealed,
}

/// Which names win where a bare name is both a column and an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Only columns (join conditions).
    Columns,
    /// Columns first, then aliases (SELECT, WHERE, GROUP BY, QUALIFY).
    ColumnsThenAliases,
    /// Either, and two readings are opaque (HAVING).
    Either,
}

enum Found {
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
        let column = self.column_named(scope, &name);
        let alias = match names {
            Names::Columns => None,
            _ => scope.aliases.iter().rfind(|alias| alias.name == name),
        };
        match (column, alias) {
            (Found::Many, _) => Err(Opaque::Ambiguous(ident.value.clone())),
            (Found::One(value), None) => Ok(value),
            (Found::One(value), Some(alias)) if value.hash == alias.value.hash => Ok(value),
            (Found::One(value), Some(_)) if names == Names::ColumnsThenAliases && self.columns_win() => Ok(value),
            (Found::One(_), Some(_)) => Err(Opaque::Ambiguous(ident.value.clone())),
            (Found::Nothing, Some(alias)) if self.aliases_reach() && !is_unsure(scope) => undrawn(alias.value.clone()),
            (Found::Nothing, Some(_)) => Err(Opaque::Ambiguous(ident.value.clone())),
            (Found::Nothing, None) => self.further_out(scope, ident, &name),
        }
    }

    /// An unquoted word that some engine reads as a function or a physical column, though a column may have that name.
    fn is_pseudo_column(&self, name: &str) -> bool {
        const PHYSICAL: [&str; 6] = ["rowid", "ctid", "rownum", "_rowid_", "tableoid", "xmin"];
        let is_function = || function_class(self.dialect, name) == Some(FunctionClass::Volatile);
        PHYSICAL.contains(&name) || (self.dialect != Dialect::DuckDb && is_function())
    }

    /// DuckDB 1.5.6 and PostgreSQL 15 were tried: an input's column wins (research: soundness, N1).
    fn columns_win(&self) -> bool {
        matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres)
    }

    /// Whether an alias may be named in expressions of its own block at all, and surely means what it says.
    fn aliases_reach(&self) -> bool {
        self.dialect == Dialect::DuckDb
    }

    fn column_named(&self, scope: &Scope<'_, 'q>, name: &str) -> Found {
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
            Columns::Known(columns) => columns.iter().any(|column| self.dialect.fold(&column.name.text, true) == name),
            Columns::Open(_) => false,
        };
        match scope.inputs.iter().any(owns) || scope.aliases.iter().any(|alias| alias.name == name) {
            true => Err(Opaque::Ambiguous(ident.value.clone())),
            false => Ok(()),
        }
    }

    pub(super) fn is_named(&self, column: &Column, name: &str) -> bool {
        column.name.origin == NameOrigin::Stated && self.dialect.fold(&column.name.text, true) == name
    }

    /// A bare name that no known column of the block owns: a column of its one open input, an outer block's, or a whole row.
    fn further_out(&self, scope: &Scope<'_, 'q>, ident: &ast::Ident, name: &str) -> Step<Value> {
        let unclear = || Opaque::Name(ident.value.clone());
        // Before it looks further out, DuckDB takes these for functions, quoted or not.
        if VALUE_FUNCTIONS.contains(&name) {
            return Err(unclear());
        }
        let visible: Vec<&Input> =
            scope.inputs.iter().filter(|input| input.visibility == Visibility::Everywhere).collect();
        let open: Vec<&&Input> = visible.iter().filter(|input| matches!(input.columns, Columns::Open(_))).collect();
        if let [input] = open.as_slice() {
            let alone = scope.outer.is_none() && scope.site == Site::Open && self.shadowed_row(scope, name).is_none();
            return if alone { self.open_column(input, ident, 0) } else { Err(unclear()) };
        }
        if !open.is_empty() || scope.site == Site::Sealed {
            return self.shadowed_row(scope, name).filter(|_| open.is_empty()).ok_or_else(unclear);
        }
        if let Some(row) = self.shadowed_row(scope, name) {
            let reaches_out =
                scope.outer.is_some_and(|outer| !matches!(self.column_named(outer, name), Found::Nothing));
            return if reaches_out { Err(unclear()) } else { Ok(row) };
        }
        let Some(outer) = scope.outer else { return Err(unclear()) };
        if is_unsure(scope) || has_open(outer) || !outer.parameters.is_empty() {
            return Err(unclear());
        }
        match self.column_named(outer, name) {
            Found::One(value) => Ok(outward(value)),
            Found::Many => Err(Opaque::Ambiguous(ident.value.clone())),
            Found::Nothing if outer.aliases.iter().any(|alias| alias.name == name) => Err(unclear()),
            Found::Nothing => self.further_out(outer, ident, name).map(outward),
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
        let Columns::Known(columns) = &input.columns else {
            return Err(Opaque::construct("a whole row of a table whose columns are not known"));
        };
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
        let Some(input) = inputs.next() else {
            // A column of that name would make this a struct field.
            let own_column = matches!(self.column_named(scope, &qualifier[0]), Found::One(_) | Found::Many);
            let parameter = scope.parameters.contains(&qualifier[0]);
            return match scope
                .outer
                .filter(|_| !own_column && !parameter && !is_unsure(scope) && scope.site == Site::Open)
            {
                Some(outer) => self.qualified(outer, parts).map(outward),
                None => Err(Opaque::Name(text())),
            };
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
                    _ => Err(Opaque::Name(text())),
                }
            }
        }
    }

    fn open_column(&self, input: &Input, ident: &ast::Ident, depth: u64) -> Step<Value> {
        let (Columns::Open(table), Some(name)) = (&input.columns, &input.table) else {
            return Err(Opaque::Name(ident.value.clone()));
        };
        let column = Column {
            name: self.shown(ident),
            hash: Hasher::new("open column").digest(*table).text(&self.fold(ident)).finish(),
            traits: input.row_traits,
            reads: Reads::from([Read::Column(name.clone(), self.fold(ident))]),
        };
        self.note_open_column(column.hash, name, &column.name.text);
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
    value
}

/// The same reference seen from one block further in.
fn outward(mut value: Value) -> Value {
    value.hash = Hasher::new("outer").digest(value.hash).finish();
    value.calls.own = false;
    value.calls.outer = true;
    value
}

/// A value that may be named a second time: a draw may not, because it would be drawn anew, or not, as the engine likes.
pub(super) fn undrawn(value: Value) -> Step<Value> {
    if value.traits.volatile { Err(Opaque::construct("a second use of a draw (random, now, …)")) } else { Ok(value) }
}

/// Names that DuckDB reads as functions where no column of the block has them.
const VALUE_FUNCTIONS: [&str; 12] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "get_current_timestamp",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
];

/// Whether an input may have columns of names that are not known: undeclared ones, or ones that the engine makes up.
fn is_unsure(scope: &Scope<'_, '_>) -> bool {
    let derived = |input: &Input| match &input.columns {
        Columns::Known(columns) => columns.iter().any(|column| column.name.origin == NameOrigin::Derived),
        Columns::Open(_) => true,
    };
    scope.inputs.iter().any(derived)
}

fn has_open(scope: &Scope<'_, '_>) -> bool {
    scope.inputs.iter().any(|input| matches!(input.columns, Columns::Open(_)))
}

impl<'s, 'q> Scope<'s, 'q> {
    /// The same scope with more lambda parameters.
    pub(super) fn with_parameters(&'s self, parameters: Vec<String>) -> Self {
        Self {
            inputs: self.inputs.clone(),
            merged: self.merged.clone(),
            aliases: self.aliases.clone(),
            windows: self.windows.clone(),
            outer: self.outer,
            ctes: self.ctes.clone(),
            parameters: self.parameters.iter().cloned().chain(parameters).collect(),
            site: self.site,
        }
    }

    /// A scope without inputs.
    pub(super) fn empty() -> Self {
        Self {
            inputs: Vec::new(),
            merged: Vec::new(),
            aliases: Vec::new(),
            windows: Vec::new(),
            outer: None,
            ctes: None,
            parameters: Vec::new(),
            site: Site::Open,
        }
    }
}
