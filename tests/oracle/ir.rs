//! What the generator writes: projects as values, each reference with the name by which SQL finds it.

use std::collections::BTreeMap;

use super::beside::{Beside, Settings};

/// The types that the generator tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Type {
    Number,
    Text,
    Date,
    Truth,
    List,
    /// `STRUCT(p, q)` of a number and a text.
    Struct,
}

pub(crate) use Type::{Date as D, List as L, Number as N, Struct as S, Text as T, Truth as B};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data: Type,
}

impl Column {
    pub(crate) fn new(name: impl Into<String>, data: Type) -> Self {
        Self { name: name.into(), data }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// A project: models by name (`schema.table`), and the tables that it does not own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    pub(crate) models: BTreeMap<String, Model>,
    /// Whether the tables that nobody owns are declared.
    pub(crate) declared: bool,
    /// Whether its models draw (`uuid()`, `random()`).
    pub(crate) draws: bool,
    /// Those of every session.
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) kind: Kind,
    pub(crate) query: Query,
    pub(crate) style: Style,
    /// Properties that change no data, as lines of the `MODEL` block.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Declared column types by name.
    pub(crate) types: Vec<(String, String)>,
    pub(crate) depends_on: Vec<String>,
    pub(crate) stamp: Option<String>,
    pub(crate) beside: Beside,
    pub(crate) tape: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    View,
    Embedded,
    Seed(Seed),
    TimeRange {
        column: String,
        start: u32,
    },
    /// Where it is loaded day by day, what becomes of a row that is there already.
    UniqueKey {
        key: String,
        daily: bool,
        matched: Option<&'static str>,
    },
}

impl Kind {
    pub(crate) fn is_stored(&self) -> bool {
        !matches!(self, Self::View | Self::Embedded)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// How a model is written, which no hash may notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) lower: bool,
    pub(crate) comment: Option<String>,
    pub(crate) parentheses: bool,
    pub(crate) quotes: bool,
    pub(crate) breaks: bool,
    /// `2D` for `2 AS D`.
    pub(crate) glued: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) body: Body,
    pub(crate) order: Order,
    pub(crate) limit: Option<Limit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cte {
    pub(crate) name: String,
    pub(crate) query: Query,
    pub(crate) hint: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Select(Box<Select>),
    Set { operator: &'static str, left: Box<Query>, right: Box<Query> },
}

/// Where a query over a whole table stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Here,
    /// In a temporary table, which a statement before the query makes.
    Session,
}

/// Orders that decide rows are total: they take every output column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    None,
    Total { by: OrderBy, rotate: usize, descending: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderBy {
    All,
    Ordinals,
    Names,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) count: usize,
    pub(crate) offset: usize,
    pub(crate) fetch: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Select {
    pub(crate) distinct: Distinct,
    pub(crate) items: Vec<Item>,
    pub(crate) from: Vec<Input>,
    pub(crate) filter: Vec<Expr>,
    pub(crate) group: Group,
    pub(crate) having: Option<Expr>,
    pub(crate) windows: Vec<(String, Window)>,
    pub(crate) qualify: Option<Expr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Distinct {
    No,
    Yes,
    /// The first outputs, by number.
    On(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Value { value: Expr, alias: Option<String> },
    Star { input: Option<String>, exclude: Vec<String>, replace: Vec<(String, Expr)>, rename: Vec<(String, String)> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) keys: Vec<Expr>,
    pub(crate) form: GroupForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupForm {
    None,
    Keys,
    /// Keys that are outputs are written by their place.
    Ordinals,
    All,
    Rollup,
    Cube,
    Sets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) relation: Relation,
    pub(crate) alias: Option<String>,
    pub(crate) columns: Vec<String>,
    /// How it joins what stands before it; the first input's is not written.
    pub(crate) join: &'static str,
    pub(crate) on: On,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// A model or a table that nobody owns.
    Table(String),
    Cte(String),
    Query(Box<Query>),
    /// A subquery that may name what stands before it.
    Lateral(Box<Query>),
    /// `unnest` of a list of what stands before it.
    Unnest(Box<Expr>),
    /// A query over a whole table, whatever columns that has.
    Over {
        form: &'static Form,
        table: String,
        held: Held,
    },
    /// A template over numbers, with the columns that it gives.
    Text {
        text: &'static str,
        numbers: Vec<i64>,
        columns: Vec<Column>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    None,
    Condition(Vec<Expr>),
    Using(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    /// `input.name`, or a bare name that SQL's rules resolve.
    Column {
        input: Option<String>,
        name: String,
        data: Type,
    },
    Literal(String, Type),
    Call {
        op: &'static Op,
        parts: Vec<Self>,
    },
    Aggregate {
        op: &'static Op,
        parts: Vec<Self>,
        filter: Option<Box<Self>>,
    },
    Window {
        op: &'static Op,
        parts: Vec<Self>,
        window: Over,
    },
    Query {
        form: QueryForm,
        left: Option<Box<Self>>,
        query: Box<Query>,
        data: Type,
    },
    /// A whole row as a value, in a template such as `to_json({})`.
    Row(String, &'static str),
    /// `uuid()`, `random()`, `row_number() OVER ()`.
    Draw(&'static str, Type),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Named(String),
    Here(Window),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) base: Option<String>,
    pub(crate) partition: Vec<Expr>,
    pub(crate) order: Vec<(Expr, bool)>,
    pub(crate) frame: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryForm {
    Scalar,
    Exists,
    NotExists,
    In,
    NotIn,
    Array,
}

/// A query over a whole table as a template, in which `{t}` stands for the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) text: &'static str,
    /// Whether it shows the columns of the table, before its own.
    pub(crate) shows: Shows,
    pub(crate) columns: &'static [(&'static str, Type)],
    pub(crate) rows: Rows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// The columns of the table as they are, and its own, which depend on all of it.
    Columns,
    /// Its own alone.
    Own,
}

/// What decides the rows of such a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those of the table.
    Same,
    /// Every column, by name.
    ByColumns,
    /// There is one.
    One,
    /// Chance decides.
    Drawn,
}

/// An operator or function as a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) text: &'static str,
    pub(crate) takes: &'static [Type],
    pub(crate) gives: Type,
}

impl Expr {
    pub(crate) fn data(&self) -> Type {
        match self {
            Self::Column { data, .. } | Self::Literal(_, data) | Self::Draw(_, data) | Self::Query { data, .. } => {
                *data
            }
            Self::Call { op, .. } | Self::Aggregate { op, .. } | Self::Window { op, .. } => op.gives,
            Self::Row(..) => T,
        }
    }

    pub(crate) fn column(input: &str, column: &Column) -> Self {
        Self::Column { input: Some(input.to_owned()), name: column.name.clone(), data: column.data }
    }
}

impl Query {
    pub(crate) fn of(select: Select) -> Self {
        Self { ctes: Vec::new(), body: Body::Select(Box::new(select)), order: Order::None, limit: None }
    }
}

impl Select {
    pub(crate) fn from(from: Vec<Input>) -> Self {
        Self {
            distinct: Distinct::No,
            items: Vec::new(),
            from,
            filter: Vec::new(),
            group: Group { keys: Vec::new(), form: GroupForm::None },
            having: None,
            windows: Vec::new(),
            qualify: None,
        }
    }
}

impl Input {
    pub(crate) fn new(relation: Relation, alias: Option<String>) -> Self {
        Self { relation, alias, columns: Vec::new(), join: "JOIN", on: On::None }
    }

    /// The name by which its columns are reached.
    pub(crate) fn name(&self) -> &str {
        match (&self.alias, &self.relation) {
            (Some(alias), _) => alias,
            (None, Relation::Table(name)) => name.rsplit('.').next().unwrap_or(name),
            (None, Relation::Cte(name)) => name,
            (None, _) => "",
        }
    }

    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self.join, "SEMI JOIN" | "ANTI JOIN")
    }
}
