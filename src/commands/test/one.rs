//! One test in a database of its own: fixtures become tables, the model's query runs over them, and what comes is held
//! against what is expected.

use std::collections::BTreeMap;

use super::prepare::{Ready, Variant};
use super::table::{self, quoted};
use crate::engine::{EngineError, Rest, Rows as Came, Session};
use crate::ids::{ModelName, TableName};
use crate::resolve::{ResolveError, Resolver, Times};
use crate::sql::{Dialect, Piece, Query, Template, TimeVariable, Token};
use crate::statement::{ColumnType, LoadTime, quote_table, text_literal};
use crate::time::{Interval, Timestamp};
use crate::unit_test::{
    Closeness, Compared, Content, Cte, Ending, Expected, Fixture, Mismatch, MismatchKind, RowMismatch, RowOrder,
    Subject, Trouble, WithClause, compare, frozen_clock, is_ordered, with_clause, with_other_ctes,
};
use crate::yaml::Value;

/// The schema of the tables that stand for what a model reads.
pub(super) const SCHEMA: &str = "offshoot__fixtures";

/// The schema of the tables that stand for its CTEs.
const CTES: &str = "offshoot__ctes";

/// The day that SQLMesh's time begins with.
pub(super) const EPOCH: LoadTime =
    LoadTime { interval: Interval { start: Timestamp(0), end: Timestamp(86_400_000) }, execution: Timestamp(0) };

/// The most rows of a result that are compared.
const MOST_ROWS: usize = 200_000;

/// Why a test did not run through.
pub(super) enum Refused {
    /// Somebody can mend it.
    Trouble(Trouble),
    /// The engine refuses something.
    Engine(EngineError),
    /// The model's query is written for another engine.
    Foreign(String),
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<ResolveError> for Refused {
    fn from(error: ResolveError) -> Self {
        Self::Trouble(Trouble { message: error.to_string(), help: None, place: None })
    }
}

impl Refused {
    /// How a test ends of it.
    ///
    /// # Errors
    /// It was stopped, or the engine failed otherwise than by refusing a statement.
    pub(super) fn ending(self) -> Result<Ending, EngineError> {
        match self {
            Self::Trouble(trouble) => Ok(Ending::Error(trouble)),
            Self::Foreign(why) => Ok(Ending::CannotRun { why }),
            Self::Engine(EngineError::Statement { message, .. }) => {
                let help = help_of(&message).map(str::to_owned);
                Ok(Ending::Error(Trouble { message, help, place: None }))
            }
            Self::Engine(error) => Err(error),
        }
    }
}

/// What to do about something that the engine says.
pub(super) fn help_of(message: &str) -> Option<&'static str> {
    message.starts_with("Permission Error").then_some(
        "tests reach no files and no servers unless the gateway's `test_connection` has \
         `connector_config: {enable_external_access: true}`",
    )
}

/// Runs a test.
///
/// # Errors
/// It was stopped, or the engine failed otherwise than by refusing a statement.
pub(super) fn run(session: &mut dyn Session, ready: &Ready, variant: &Variant) -> Result<Ending, EngineError> {
    match mismatches(session, ready, variant) {
        Ok(mismatches) if mismatches.is_empty() => Ok(Ending::Passed),
        Ok(mismatches) => Ok(Ending::Failed(mismatches)),
        Err(refused) => refused.ending(),
    }
}

/// Makes the tables of the fixtures, and gives the model's query over them.
fn set_up(session: &mut dyn Session, ready: &Ready, variant: &Variant) -> Result<String, Refused> {
    session.create_schema_if_missing(None, SCHEMA)?;
    session.create_schema_if_missing(None, CTES)?;
    if ready.test.vars.execution_time.is_some() {
        session.define(&frozen_clock(ready.times.execution))?;
    }
    let tables = make_tables(session, ready, variant)?;
    if ready.model.dialect == Dialect::Postgres {
        refuse_patterns(ready)?;
    }
    query_of(ready, variant, &tables)
}

/// DuckDB takes PostgreSQL's `~`, and means something else by it.
fn refuse_patterns(ready: &Ready) -> Result<(), Refused> {
    let is_pattern = |token: &Token| token.is_symbol("~") || token.is_symbol("!~");
    match ready.model.query.iter().any(|query| query.tokens().iter().any(is_pattern)) {
        true => Err(Refused::Foreign(
            "the model is written in postgres, whose `~` finds a pattern anywhere in a text; DuckDB's matches all of it"
                .to_owned(),
        )),
        false => Ok(()),
    }
}

/// What the model's query gives over the fixtures, and what its CTEs do, by name.
///
/// # Errors
/// As of any test.
pub(super) fn results(
    session: &mut dyn Session,
    ready: &Ready,
    variant: &Variant,
) -> Result<(Came, Vec<(String, Came)>), Refused> {
    let sql = set_up(session, ready, variant)?;
    let mut ctes = Vec::new();
    if let Some(clause) = with_clause(&sql) {
        for cte in &clause.ctes {
            let came = came(session, ready, &cte_query(&sql, &clause, cte))?;
            ctes.push((cte.name.clone(), came));
        }
    }
    Ok((came(session, ready, &sql)?, ctes))
}

/// The query with the rows that a test gives to its CTEs, but for one whose own query is asked for.
fn with_given_ctes(ready: &Ready, sql: &str, but: Option<&str>) -> String {
    with_other_ctes(sql, &|cte| {
        let name = cte.name.to_lowercase();
        let is_given = ready.ctes.contains_key(&name) && !but.is_some_and(|but| but.eq_ignore_ascii_case(&name));
        let rows = quote_table(Dialect::DuckDb, &cte_table(&name));
        is_given.then(|| format!("{} AS (SELECT * FROM {rows})", quoted(&cte.name)))
    })
}

fn cte_query(sql: &str, clause: &WithClause, cte: &Cte) -> String {
    format!("{}\nSELECT * FROM {}", &sql[..clause.end], quoted(&cte.name))
}

fn mismatches(session: &mut dyn Session, ready: &Ready, variant: &Variant) -> Result<Vec<Mismatch>, Refused> {
    let sql = set_up(session, ready, variant)?;
    let mut found = Vec::new();
    if !ready.test.ctes.is_empty() {
        found.extend(ctes(session, ready, &sql)?);
    }
    if let Some(expected) = &ready.test.query {
        let order = if is_ordered(&sql) { RowOrder::Given } else { RowOrder::Any };
        let came = came(session, ready, &with_given_ctes(ready, &sql, None))?;
        found.extend(compared(session, Subject::Query, expected, came, order)?);
    }
    Ok(found)
}

/// Makes the tables of the fixtures.
fn make_tables(
    session: &mut dyn Session,
    ready: &Ready,
    variant: &Variant,
) -> Result<BTreeMap<ModelName, TableName>, Refused> {
    let mut tables = BTreeMap::new();
    for (name, fixture) in &ready.inputs {
        let table = table_of(name);
        let shape = variant.shapes.get(name).map(Vec::as_slice);
        table::make(session, (&name.to_string(), &table), fixture, shape)?;
        tables.insert(name.clone(), table);
    }
    for (name, fixture) in &ready.ctes {
        table::make(session, (name, &cte_table(name)), fixture, None)?;
    }
    Ok(tables)
}

/// The table that stands for a CTE.
fn cte_table(name: &str) -> TableName {
    TableName { catalog: None, schema: CTES.to_owned(), name: name.to_owned() }
}

/// The table that stands for a model, or for a table that no model fills.
pub(super) fn table_of(name: &ModelName) -> TableName {
    TableName { catalog: None, schema: SCHEMA.to_owned(), name: name.to_string() }
}

/// The model's query over the fixtures.
fn query_of(ready: &Ready, variant: &Variant, tables: &BTreeMap<ModelName, TableName>) -> Result<String, Refused> {
    let Some(query) = &ready.model.query else { return Ok(String::new()) };
    let resolver = Resolver { tree: &variant.side.tree, dialect: Dialect::DuckDb, tables };
    let query = with_times(query, &ready.test.vars.times);
    Ok(resolver.query(&ready.model.name, &query, Times::At(ready.times))?)
}

/// The query with time variables that a test gives by themselves.
fn with_times(query: &Query, given: &BTreeMap<TimeVariable, Value>) -> Query {
    if given.is_empty() {
        return query.clone();
    }
    let literal = |value: &Value| match value {
        Value::Text(text) => text_literal(Dialect::DuckDb, text),
        Value::Number(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => "NULL".to_owned(),
    };
    let piece = |piece: &Piece| match piece {
        Piece::Time { variable, offset } => match given.get(variable) {
            Some(value) => Piece::Value { text: literal(value), offset: *offset },
            None => piece.clone(),
        },
        _ => piece.clone(),
    };
    Query::parse(Template::new(query.template().pieces().iter().map(piece).collect()), query.dialect())
}

/// The rows of the model's query, or of one of its CTEs.
fn came(session: &mut dyn Session, ready: &Ready, sql: &str) -> Result<Came, Refused> {
    let came = session.query_first(sql, MOST_ROWS).map_err(|error| foreign(ready, error))?;
    if came.rest == Rest::More {
        let message = format!("the query gives more than {MOST_ROWS} rows");
        return Err(Refused::Trouble(Trouble {
            message,
            help: Some("give it fewer rows to read".into()),
            place: None,
        }));
    }
    Ok(came)
}

/// What DuckDB does not know in a query of another dialect is no mistake of its author's.
fn foreign(ready: &Ready, error: EngineError) -> Refused {
    let dialect = ready.model.dialect;
    let is_ours = matches!(dialect, Dialect::DuckDb | Dialect::Generic);
    match error {
        EngineError::Statement { message, .. } if !is_ours && is_unknown(&message) => {
            let first = message.lines().next().unwrap_or_default();
            Refused::Foreign(format!("the model is written in {dialect}, which DuckDB does not take: {first}"))
        }
        error => Refused::Engine(error),
    }
}

fn is_unknown(message: &str) -> bool {
    ["Parser Error", "Catalog Error", "Binder Error", "Not implemented Error"]
        .iter()
        .any(|kind| message.starts_with(kind))
}

fn ctes(session: &mut dyn Session, ready: &Ready, sql: &str) -> Result<Vec<Mismatch>, Refused> {
    let clause = with_clause(sql);
    let mut found = Vec::new();
    for input in &ready.test.ctes {
        let subject = Subject::Cte(input.name.text.clone());
        let known = clause.iter().flat_map(|clause| &clause.ctes);
        let cte = known.clone().find(|cte| cte.name.eq_ignore_ascii_case(&input.name.text));
        let (Some(clause), Some(cte)) = (&clause, cte) else {
            let known = known.map(|cte| cte.name.clone()).collect();
            found.push(Mismatch { subject, kind: MismatchKind::NoCte { known } });
            continue;
        };
        let order = if is_ordered(&sql[cte.body.clone()]) { RowOrder::Given } else { RowOrder::Any };
        let asked = with_given_ctes(ready, &cte_query(sql, clause, cte), Some(&cte.name));
        let came = came(session, ready, &asked)?;
        found.extend(compared(session, subject, &input.fixture, came, order)?);
    }
    Ok(found)
}

/// How what came differs from what was expected, if it does.
fn compared(
    session: &mut dyn Session,
    subject: Subject,
    expected: &Fixture,
    came: Came,
    order: RowOrder,
) -> Result<Option<Mismatch>, Refused> {
    let named = match &expected.content {
        Content::Rows(rows) => rows.columns.iter().map(|column| column.text.clone()).collect(),
        Content::Query(query) => described(session, expected, query)?,
    };
    let is_named = |column: &ColumnType| named.iter().any(|name: &String| name.eq_ignore_ascii_case(&column.name));
    let unknown: Vec<String> = named
        .iter()
        .filter(|name| !came.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        let came = came.columns.iter().map(|column| column.name.clone()).collect();
        return Ok(Some(Mismatch { subject, kind: MismatchKind::Columns { unknown, came } }));
    }
    let places: Vec<usize> = (0..came.columns.len())
        .filter(|place| expected.compared == Compared::Whole || is_named(&came.columns[*place]))
        .collect();
    let columns: Vec<ColumnType> = places.iter().map(|place| came.columns[*place].clone()).collect();
    let pick = |row: Vec<Option<String>>| places.iter().map(|place| row.get(*place).cloned().flatten()).collect();
    let actual: Vec<Vec<Option<String>>> = came.rows.into_iter().map(pick).collect();
    let wanted = wanted(session, expected, &columns)?;
    let kinds: Vec<Closeness> = columns.iter().map(|column| Closeness::of(&column.data_type)).collect();
    let differences = compare(&kinds, &wanted, &actual, order);
    let rows = RowMismatch { columns, expected: wanted, actual, differences };
    Ok((!rows.differences.is_empty()).then_some(Mismatch { subject, kind: MismatchKind::Rows(rows) }))
}

fn described(session: &mut dyn Session, expected: &Fixture, query: &str) -> Result<Vec<String>, Refused> {
    let columns = session.describe(query).map_err(|error| expected_query(expected, error))?;
    Ok(columns.into_iter().map(|column| column.name).collect())
}

/// The expected rows as values of the types that came.
fn wanted(
    session: &mut dyn Session,
    expected: &Fixture,
    columns: &[ColumnType],
) -> Result<Vec<Vec<Expected>>, Refused> {
    let query = match &expected.content {
        Content::Rows(rows) => return Ok(table::expected(session, rows, columns)?),
        Content::Query(query) => query,
    };
    let given = described(session, expected, query)?;
    let value = |column: &ColumnType| match given.iter().find(|name| name.eq_ignore_ascii_case(&column.name)) {
        Some(name) => {
            let (name, data_type) = (quoted(name), &column.data_type);
            format!("TRY_CAST(q.{name} AS {data_type}), CAST(q.{name} AS VARCHAR)")
        }
        None => "NULL, NULL".to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let list = if values.is_empty() { "1".to_owned() } else { values.join(", ") };
    let sql = format!("SELECT {list} FROM (\n{query}\n) AS q");
    let rows = session.query_first(&sql, MOST_ROWS).map_err(|error| expected_query(expected, error))?.rows;
    let one = |pair: &[Option<String>]| match pair {
        [None, Some(text)] => Expected::Misfit(text.clone()),
        [value, _] => Expected::Value(value.clone()),
        _ => Expected::Value(None),
    };
    let row = |row: Vec<Option<String>>| row.chunks_exact(2).map(one).collect();
    Ok(rows.into_iter().map(row).collect())
}

fn expected_query(expected: &Fixture, error: EngineError) -> Refused {
    match error {
        EngineError::Statement { message, .. } => Refused::trouble_at(
            expected.place,
            format!("the query for the expected rows does not run: {message}"),
            help_of(&message),
        ),
        other => Refused::Engine(other),
    }
}
