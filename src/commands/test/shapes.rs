//! What models hold: columns and types, from what is declared, else from their queries, which an empty DuckDB is asked about.
//!
//! Of a model that reads a table that nobody describes (or needs another engine), the query's own casts are what is known. One
//! whose columns cannot be known has no shape; its fixtures then take the types of their values.

use std::collections::{BTreeMap, BTreeSet};

use super::one::{EPOCH, SCHEMA, table_of};
use crate::engine::{Session, type_of};
use crate::fingerprint::Tree;
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model};
use crate::project::model_name;
use crate::resolve::{Resolver, Times};
use crate::sql::{Dialect, StatedColumn, stated_columns};
use crate::statement::{ColumnType, quote_identifier, quote_table};

/// The columns of models, in order.
pub(super) type Shapes = BTreeMap<ModelName, Vec<ShapeColumn>>;

/// A column of a model.
#[derive(Clone, Debug)]
pub(super) struct ShapeColumn {
    /// Its exact name.
    pub(super) name: String,
    /// Its type in DuckDB's words, if anybody knows it.
    pub(super) data_type: Option<String>,
}

impl ShapeColumn {
    fn of(ColumnType { name, data_type }: ColumnType) -> Self {
        Self { name, data_type: Some(data_type) }
    }
}

/// The shapes of these models, as far as they can be known.
pub(super) fn shapes(session: &mut dyn Session, tree: &Tree, wanted: &BTreeSet<ModelName>) -> Shapes {
    let mut shapes = Shapes::new();
    let _ = session.create_schema_if_missing(None, SCHEMA);
    let mut tables: BTreeMap<ModelName, TableName> = BTreeMap::new();
    let needed = with_ancestors(tree, wanted);
    // Members of cycles are in no order, and have no shape.
    for name in tree.graph.order().iter().filter(|name| needed.contains(*name)) {
        let Some(model) = tree.models.get(name) else { continue };
        let table = table_of(name);
        let known = shape(session, tree, &tables, model);
        if let Some(columns) = known.filter(|columns| make_empty(session, &table, columns).is_some()) {
            tables.insert(name.clone(), table);
            shapes.insert(name.clone(), columns.into_iter().map(ShapeColumn::of).collect());
        } else if let Some(columns) = declared(session, model) {
            shapes.insert(name.clone(), columns);
        } else if let Some(columns) = stated(session, &shapes, model) {
            let typed = |column: &ShapeColumn| Some(ColumnType::new(&column.name, column.data_type.as_ref()?));
            let typed: Option<Vec<ColumnType>> = columns.iter().map(typed).collect();
            // Then what reads it alone can be asked about.
            if typed.is_some_and(|columns| make_empty(session, &table, &columns).is_some()) {
                tables.insert(name.clone(), table);
            }
            shapes.insert(name.clone(), columns);
        }
    }
    shapes
}

fn with_ancestors(tree: &Tree, wanted: &BTreeSet<ModelName>) -> BTreeSet<ModelName> {
    let mut needed = BTreeSet::new();
    let mut left: Vec<&ModelName> = wanted.iter().collect();
    while let Some(name) = left.pop() {
        if needed.insert(name.clone()) {
            left.extend(tree.graph.parents(name));
        }
    }
    needed
}

fn shape(
    session: &mut dyn Session,
    tree: &Tree,
    tables: &BTreeMap<ModelName, TableName>,
    model: &Model,
) -> Option<Vec<ColumnType>> {
    if let Kind::Seed(seed) = &model.kind {
        return Some(seed.columns.iter().map(|column| ColumnType::new(&column.name, &column.data_type)).collect());
    }
    let mut columns = of_query(session, tree, tables, model)?;
    columns.extend(of_kind(model));
    Some(columns)
}

/// The columns that a kind adds to those of its query.
fn of_kind(model: &Model) -> Vec<ColumnType> {
    let Kind::ScdType2(scd) = &model.kind else { return Vec::new() };
    [&scd.valid_from, &scd.valid_to].map(|name| ColumnType::new(name, &scd.time_type)).into()
}

/// What its query gives.
fn of_query(
    session: &mut dyn Session,
    tree: &Tree,
    tables: &BTreeMap<ModelName, TableName>,
    model: &Model,
) -> Option<Vec<ColumnType>> {
    let declared = &model.properties.columns;
    if !declared.is_empty() {
        let column =
            |column: &crate::model::DeclaredColumn| Some(ColumnType::new(&column.name, column.data_type.as_ref()?));
        if let Some(columns) = declared.iter().map(column).collect() {
            return Some(columns);
        }
    }
    let query = model.query.as_ref()?;
    let resolver = Resolver { tree, dialect: Dialect::DuckDb, tables };
    let sql = resolver.query(&model.name, query, Times::At(EPOCH)).ok()?;
    let mut columns = session.describe(&sql).ok().filter(|columns| !columns.is_empty())?;
    // What is NULL in every row is stored as a number.
    columns
        .iter_mut()
        .filter(|column| column.data_type == "\"NULL\"")
        .for_each(|column| column.data_type = "INTEGER".into());
    Some(columns)
}

/// What is declared of it, as far as DuckDB has such types.
fn declared(session: &mut dyn Session, model: &Model) -> Option<Vec<ShapeColumn>> {
    let column = |column: &crate::model::DeclaredColumn| {
        let data_type = column.data_type.as_ref();
        let data_type = data_type.and_then(|data_type| type_of(session, &format!("CAST(NULL AS {data_type})")));
        ShapeColumn { name: column.name.clone(), data_type }
    };
    let columns: Vec<ShapeColumn> = model.properties.columns.iter().map(column).collect();
    let is_known = columns.iter().any(|column| column.data_type.is_some());
    is_known.then(|| columns.into_iter().chain(of_kind(model).into_iter().map(ShapeColumn::of)).collect())
}

/// What its query states by itself, as far as DuckDB has such types.
fn stated(session: &mut dyn Session, shapes: &Shapes, model: &Model) -> Option<Vec<ShapeColumn>> {
    let query = model.query.as_ref()?;
    let known = |parts: &[String]| {
        let columns = shapes.get(&model_name(&parts.join("."), query.dialect()).ok()?)?;
        let like = |data_type: &String| format!("CAST(NULL AS {data_type})");
        let column = |column: &ShapeColumn| StatedColumn {
            name: column.name.clone(),
            like: column.data_type.as_ref().map(like),
        };
        Some(columns.iter().map(column).collect())
    };
    let columns = stated_columns(&query.syntax(), Dialect::DuckDb, &known)?;
    let column = |StatedColumn { name, like }| {
        let data_type = like.and_then(|like| type_of(session, &like));
        ShapeColumn { name, data_type }
    };
    let columns = columns.into_iter().map(column);
    Some(columns.chain(of_kind(model).into_iter().map(ShapeColumn::of)).collect())
}

/// Makes an empty table; `None` where the engine does not take it.
fn make_empty(session: &mut dyn Session, table: &TableName, columns: &[ColumnType]) -> Option<()> {
    let column =
        |column: &ColumnType| format!("{} {}", quote_identifier(Dialect::DuckDb, &column.name), column.data_type);
    let columns: Vec<String> = columns.iter().map(column).collect();
    let sql = format!("CREATE TABLE {} ({})", quote_table(Dialect::DuckDb, table), columns.join(", "));
    session.execute(&sql).ok().map(drop)
}
