//! The edge to a warehouse: text in, rows out. No type of a driver passes through here, so engines of any make can stand
//! behind [`Engine`]; `tests/it/engine_conformance.rs` is what each of them must do.
//!
//! A [`Session`] has fresh settings, is in UTC and has no temporary object of another: every model runs in one of its own,
//! or in one that only models were in before that can leave nothing behind (`apply::group`). What a session leaves
//! uncommitted is rolled back when it goes. This module never decides what runs, and never writes SQL of models.

#[cfg(feature = "duckdb")]
pub mod duckdb;
mod error;
mod ownership;
pub mod postgres;
mod swap;
mod text;
mod wall;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

pub use error::{EngineError, first_line, without_values};
pub use ownership::{
    Fence, Foreign, ForeignObject, META_SCHEMA, ObjectRecord, OwnedObject, Promotion, Standing, ViewOfOther,
    amend_object, check_owner, claim, fence, foreign_objects, forget_object, largest_token, last_promotion,
    owned_objects, owner, promoted_environments, record_new_object, record_object, record_promotion, same_views,
    standing, take_over, views_of_others,
};
pub use swap::{Dependents, Owner, Shows, ViewChange, swap_views};
pub use wall::{Breach, ShownByProduction, Wall, Way};

use crate::ids::TableName;
use crate::sql::Dialect;
pub use crate::statement::{ColumnType, ObjectKind};
use crate::statement::{
    ViewReplacement, comment_on_view, create_view, drop_view, quote_schema, rename_object, text_literal,
};

/// What an engine call gives.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// One row: each cell as exact text, NULL apart.
pub type Cells = Vec<Option<String>>;

/// Rows for a bulk load, read one at a time; an item may say why reading failed.
pub type CellRows<'a> = dyn Iterator<Item = Result<Cells, String>> + 'a;

/// A warehouse that sessions can be opened on.
pub trait Engine: Send + Sync {
    /// What it is called in messages and fingerprints, such as `duckdb`.
    fn kind(&self) -> &'static str;

    /// The dialect that it reads.
    fn dialect(&self) -> Dialect;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// A session with fresh settings. The warehouse is held from the first open session to the last.
    ///
    /// # Errors
    /// The warehouse cannot be reached or opened, or another process holds it for longer than the lock timeout.
    fn session(&self) -> Result<Box<dyn Session>>;
}

/// Whether a warehouse may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Reads and writes. A DuckDB file is then open for no other process.
    ReadWrite,
    /// Reads only; every write is refused.
    ReadOnly,
}

/// What an engine can do; the executor chooses its statements by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Tables, views and schemas made in a transaction appear and vanish with it. Where they do not, nothing else is taken for
    /// one transaction either: views move one by one behind a journal, and readers may see some of before and some of after,
    /// or half of a range that is loaded again, until the run or the next one is through.
    pub transactional_ddl: Ability,
    /// `CREATE OR REPLACE VIEW` takes any columns (PostgreSQL: only appended ones).
    pub replace_view_changes_columns: Ability,
    /// `MERGE`.
    pub merge: Ability,
    /// `DELETE`.
    pub delete: Ability,
    /// `INSERT OVERWRITE … PARTITION`.
    pub partition_overwrite: Ability,
    /// Two tables can trade names in one step.
    pub atomic_table_swap: Ability,
    /// A running statement can be stopped.
    pub cancel: Ability,
    /// A view forbids dropping the table that it reads.
    pub view_depends_on_table: Ability,
    /// Which views' texts stay as they were right after they were made.
    pub stable_view_text: StableText,
    /// The longest name, in bytes; `None` where there is no limit worth knowing.
    pub max_identifier_bytes: Option<usize>,
}

/// Which views' texts stay as an engine told them right after they were made, whenever it is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StableText {
    /// Every view's.
    Every,
    /// Those of views that pick columns of a table and compute nothing.
    Pointers,
}

/// Whether an engine can do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// It can.
    Yes,
    /// It cannot.
    No,
}

impl Ability {
    /// Whether it can.
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

/// One connection with settings and temporary objects of its own.
pub trait Session: Send {
    /// The dialect that it reads.
    fn dialect(&self) -> Dialect;

    /// What its engine can do.
    fn capabilities(&self) -> Capabilities;

    /// The engine's version; view definitions of two versions are not compared.
    fn version(&self) -> String;

    /// Runs one or more statements and gives the rows that the last one affected: inserted, changed or deleted, or written
    /// into the table that it made.
    ///
    /// # Errors
    /// What the engine says.
    fn execute(&mut self, sql: &str) -> Result<u64>;

    /// Runs statements that define views, schemas and the like, in order: an engine may leave out of them whatever only
    /// statements with rows profit from.
    ///
    /// # Errors
    /// What the engine says about the first that fails; those after it did not run.
    fn define(&mut self, statements: &[String]) -> Result<()> {
        statements.iter().try_for_each(|sql| self.execute(sql).map(drop))
    }

    /// Runs a query and hands its rows on one at a time, so that memory is bounded whatever its size.
    ///
    /// # Errors
    /// What the engine says.
    fn stream(&mut self, sql: &str, sink: &mut dyn RowSink) -> Result<()>;

    /// The output columns of a query, found without running it.
    ///
    /// # Errors
    /// What the engine says.
    fn describe(&mut self, sql: &str) -> Result<Vec<ColumnType>>;

    /// Begins a transaction; see [`transaction`].
    ///
    /// # Errors
    /// One is open already.
    fn begin(&mut self) -> Result<()>;

    /// Commits the open transaction.
    ///
    /// # Errors
    /// What the engine says; nothing is committed then.
    fn commit(&mut self) -> Result<()>;

    /// Undoes the open transaction; nothing where none is open.
    ///
    /// # Errors
    /// What the engine says.
    fn rollback(&mut self) -> Result<()>;

    /// The columns of a table or view, in order; `None` where there is none of that name.
    ///
    /// # Errors
    /// What the engine says.
    fn columns(&mut self, table: &TableName) -> Result<Option<Vec<ColumnType>>>;

    /// [`Session::columns`] of several tables, in their order; an engine that can answers with one question.
    ///
    /// # Errors
    /// What the engine says.
    fn columns_of(&mut self, tables: &[TableName]) -> Result<Vec<Option<Vec<ColumnType>>>> {
        tables.iter().map(|table| self.columns(table)).collect()
    }

    /// The columns of a view of ours that a comment can stand on, as they are called there. `query` is what it reads.
    ///
    /// # Errors
    /// What the engine says.
    fn commentable(&mut self, view: &TableName, _query: &str) -> Result<Vec<String>> {
        let columns = self.columns(view)?.unwrap_or_default();
        Ok(columns.into_iter().map(|column| column.name).collect())
    }

    /// Adds rows to a table that is there, cheaply: for a few columns of text and whole numbers, which are written as text.
    /// Unlike [`Session::load`] it blames no cell.
    ///
    /// # Errors
    /// What the engine says.
    fn append(&mut self, table: &TableName, columns: &[&str], rows: &[Cells]) -> Result<()>;

    /// The tables and views of a schema, by name; none where there is no such schema. Temporary ones are left out.
    ///
    /// # Errors
    /// What the engine says.
    fn objects(&mut self, catalog: Option<&str>, schema: &str) -> Result<Vec<SchemaObject>>;

    /// [`Session::objects`] of several schemas; an engine that can answers with one question, because most catalogues are
    /// read as a whole for each.
    ///
    /// # Errors
    /// What the engine says.
    fn objects_of(&mut self, catalog: Option<&str>, schemas: &[&str]) -> Result<Vec<SchemaObject>> {
        let mut found = Vec::new();
        for schema in schemas {
            found.extend(self.objects(catalog, schema)?);
        }
        Ok(found)
    }

    /// Every view and macro of the warehouse in whatever catalog and schema, whoever made it: what may read a table by its
    /// name without keeping it from being dropped.
    ///
    /// # Errors
    /// What the engine says.
    fn readers(&mut self) -> Result<Vec<Reader>>;

    /// Makes a schema unless it is there.
    ///
    /// # Errors
    /// What the engine says.
    fn create_schema_if_missing(&mut self, catalog: Option<&str>, schema: &str) -> Result<()> {
        let name = quote_schema(self.dialect(), catalog, schema);
        self.execute(&format!("CREATE SCHEMA IF NOT EXISTS {name}")).map(drop)
    }

    /// Makes views, or makes them anew in place of ours of the same names, and drops others. Must run inside a transaction.
    /// What others built upon a view that must go, if only for a moment, is dealt with as `dependents` says.
    ///
    /// # Errors
    /// What the engine says; [`EngineError::Dependents`] names what others built upon a view that must go.
    fn define_views(&mut self, made: &[ViewDefinition], dropped: &[TableName], _: Dependents) -> Result<()> {
        let dialect = self.dialect();
        let mut statements = Vec::new();
        for view in made {
            statements.extend(create_view(dialect, &view.name, &view.columns, &view.query, ViewReplacement::InPlace));
            let comment = view.comment.as_deref();
            statements.extend(comment.map(|comment| comment_on_view(dialect, &view.name, comment)));
        }
        statements.extend(dropped.iter().map(|view| drop_view(dialect, view)));
        self.define(&statements)
    }

    /// Waits until no other transaction of the warehouse works on a topic, and keeps others from it until this one ends.
    /// Nothing where one process at a time has the warehouse.
    ///
    /// # Errors
    /// What the engine says.
    fn exclude(&mut self, _topic: &str) -> Result<()> {
        Ok(())
    }

    /// Streams rows into a table. Cells are cast to the columns' types by the engine; empty text is not NULL.
    ///
    /// # Errors
    /// [`EngineError::Load`] names the row (from 1) and the column whose cell does not fit.
    fn load(&mut self, table: &TableName, columns: &[ColumnType], rows: &mut CellRows<'_>) -> Result<u64>;

    /// The wall between who builds pull requests and production; `None` where there is none, or nobody is named to keep out.
    fn wall(&mut self) -> Option<&mut dyn Wall> {
        None
    }

    /// A handle that stops the running statement from another thread.
    fn interrupter(&self) -> Arc<dyn Interrupter>;
}

/// Stops a session: what it runs and whatever it is asked to run later, a rollback excepted; nothing where it is gone.
pub trait Interrupter: Send + Sync {
    /// Makes the running statement, or the next one, end with [`EngineError::Interrupted`].
    fn interrupt(&self);
}

/// A view that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDefinition {
    /// Its name.
    pub name: TableName,
    /// Its columns; empty where they are not known.
    pub columns: Vec<String>,
    /// What it reads.
    pub query: String,
    /// A comment to leave on it.
    pub comment: Option<String>,
}

/// A table or view as the warehouse has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaObject {
    /// Its name, with the catalog that was asked for.
    pub name: TableName,
    /// What it is.
    pub kind: ObjectKind,
    /// The engine's own text of a view's definition.
    pub definition: Option<String>,
    /// The comment on it, which goes when somebody makes it anew.
    pub comment: Option<String>,
}

/// A view or macro, which may read tables by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Its name; no catalog where that is the default one.
    pub name: TableName,
    /// What it is.
    pub kind: ReaderKind,
    /// The engine's own text of it.
    pub text: String,
}

/// What reads tables by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderKind {
    /// A view.
    View,
    /// A macro or function.
    Macro,
}

/// Takes the rows of a query.
pub trait RowSink {
    /// Called once, before any row.
    fn columns(&mut self, columns: Vec<ColumnType>);

    /// Called for each row; `Break` ends the query.
    fn row(&mut self, cells: Cells) -> ControlFlow<()>;
}

/// A query's result, held in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The output columns, in order.
    pub columns: Vec<ColumnType>,
    /// The rows, in order.
    pub rows: Vec<Cells>,
    /// Whether there were more rows than asked for.
    pub rest: Rest,
}

/// Whether a result was cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// All rows are there.
    #[default]
    None,
    /// More rows were left unread.
    More,
}

struct Limited {
    rows: Rows,
    limit: usize,
}

impl RowSink for Limited {
    fn columns(&mut self, columns: Vec<ColumnType>) {
        self.rows.columns = columns;
    }

    fn row(&mut self, cells: Cells) -> ControlFlow<()> {
        if self.rows.rows.len() == self.limit {
            self.rows.rest = Rest::More;
            return ControlFlow::Break(());
        }
        self.rows.rows.push(cells);
        ControlFlow::Continue(())
    }
}

impl dyn Session + '_ {
    /// All rows of a query.
    ///
    /// # Errors
    /// What the engine says.
    pub fn query(&mut self, sql: &str) -> Result<Rows> {
        self.query_first(sql, usize::MAX)
    }

    /// The first rows of a query, at most `limit`.
    ///
    /// # Errors
    /// What the engine says.
    pub fn query_first(&mut self, sql: &str, limit: usize) -> Result<Rows> {
        let mut sink = Limited { rows: Rows::default(), limit };
        self.stream(sql, &mut sink)?;
        Ok(sink.rows)
    }

    /// Whether there is a schema of that name; on PostgreSQL only where it is the session's own.
    ///
    /// # Errors
    /// What the engine says.
    pub fn has_schema(&mut self, catalog: Option<&str>, schema: &str) -> Result<bool> {
        let text = |text: &str| text_literal(self.dialect(), text);
        let (catalog, schema) = (catalog.map_or_else(|| "current_database()".to_owned(), text), text(schema));
        let sql = "SELECT 1 FROM information_schema.schemata WHERE catalog_name";
        let found = self.query(&format!("{sql} = {catalog} AND schema_name = {schema}"))?;
        Ok(!found.rows.is_empty())
    }

    /// Drops a schema that holds nothing; says what it holds otherwise, and never cascades.
    ///
    /// # Errors
    /// What the engine says.
    pub fn drop_schema_if_empty(&mut self, catalog: Option<&str>, schema: &str) -> Result<Vec<SchemaObject>> {
        let held = self.objects(catalog, schema)?;
        if held.is_empty() {
            let name = quote_schema(self.dialect(), catalog, schema);
            self.execute(&format!("DROP SCHEMA IF EXISTS {name}"))?;
        }
        Ok(held)
    }

    /// Renames a table or view within its schema.
    ///
    /// # Errors
    /// What the engine says, such as that the new name is taken.
    pub fn rename(&mut self, kind: ObjectKind, from: &TableName, to: &str) -> Result<()> {
        self.execute(&rename_object(self.dialect(), kind, from, to)).map(drop)
    }

    /// The definitions of the views of a schema, by folded name.
    fn objects_by_name(&mut self, catalog: Option<&str>, schema: &str) -> Result<BTreeMap<String, SchemaObject>> {
        let objects = self.objects(catalog, schema)?;
        Ok(objects.into_iter().map(|object| (self.dialect().fold(&object.name.name, true), object)).collect())
    }
}

/// The type of an expression that reads no table, in the engine's words; `None` where it cannot tell.
pub fn type_of(session: &mut dyn Session, expression: &str) -> Option<String> {
    let columns = session.describe(&format!("SELECT {expression} AS x")).ok()?;
    columns.into_iter().next().map(|column| column.data_type).filter(|data_type| data_type != "\"NULL\"")
}

/// Runs work in one transaction: committed when it succeeds, rolled back when it fails or panics.
///
/// # Errors
/// What the work or the engine says.
pub fn transaction<T, E: From<EngineError>>(
    session: &mut dyn Session,
    work: impl FnOnce(&mut dyn Session) -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    session.begin()?;
    let open = OpenTransaction(session);
    let done = work(open.0)?;
    open.0.commit()?;
    Ok(done)
}

struct OpenTransaction<'a>(&'a mut dyn Session);

impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        // After a commit nothing is open and this does nothing; after an error the first error is the one to tell.
        let _ = self.0.rollback();
    }
}

/// Tells the log (`-vv`) when a statement begins and when it is over: its first line, quoted, and no secret.
fn logged<T>(sql: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    tracing::debug!(target: "offshoot::statement", "statement begins: {:?}", first_line(sql));
    let done = run();
    let outcome = if done.is_ok() { "ends" } else { "fails" };
    tracing::debug!(target: "offshoot::statement", "statement {outcome}: {:?}", first_line(sql));
    done
}
