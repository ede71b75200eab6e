//! One DuckDB in memory that holds two worlds: the tables that environments share, filled once per fingerprint as the
//! program fills them, and for every tree what a build from nothing gives, from the generator's own text.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::sync::atomic::{AtomicUsize, Ordering};

use offshoot::engine::duckdb::{DuckDb, DuckDbConfig, Location};
use offshoot::engine::{Engine, EngineError, Session};
use offshoot::files::{FileTree, TextTree};
use offshoot::fingerprint::{Batching, Fingerprint, Tree};
use offshoot::hash::Digest;
use offshoot::ids::{ModelName, TableName};
use offshoot::model::{DeclaredColumn, Kind as ModelKind, Model};
use offshoot::plan::is_loaded_by_interval;
use offshoot::project::seed_rows;
use offshoot::resolve::{Resolver, Times};
use offshoot::sql::{Dialect, NameOrigin, Template};
use offshoot::statement::{
    ColumnType, LoadTime, Target, TimeColumn, UpsertRule, ViewReplacement, create_view, quote_table,
};
use offshoot::time::{Interval, IntervalUnit, Timestamp};

use super::beside::{Settings, undone};
use super::clean::Builds;
use super::content::Content;
use super::journal;
use super::random::Choices;
use super::shape::EXTERNALS;

/// A table that environments share.
pub(crate) struct Stored {
    pub(crate) table: TableName,
    pub(crate) content: Content,
    /// The files of the tree that first asked for it.
    pub(crate) files: BTreeMap<String, String>,
}

pub(crate) struct Warehouse {
    session: Box<dyn Session>,
    pub(crate) stored: BTreeMap<(ModelName, Digest), Stored>,
    pub(crate) builds: Builds,
    /// What of the builds from nothing is stored.
    pub(crate) stored_clean: BTreeSet<String>,
    shown: BTreeMap<String, Content>,
    count: usize,
    settings: Settings,
    /// Which it is in the journal.
    number: usize,
    /// Whether statements are optimized.
    optimizes: bool,
}

/// More rows than this are no good: edits are many, and comparing is most of the work.
const MANY: usize = 400;
const DAY: i64 = 86_400_000;
/// 2024-01-06: everything is loaded up to here.
const END: Timestamp = Timestamp(19_728 * DAY);

/// What parents without a table become.
#[derive(Clone, Copy)]
enum Parents {
    Usual,
    SessionViews,
}

pub(crate) type Outcome<T> = Result<T, String>;

fn told(error: EngineError) -> String {
    error.to_string()
}

impl Warehouse {
    pub(crate) fn new(choices: &mut Choices) -> Outcome<Self> {
        Self::over(&externals(choices))
    }

    /// One in which these statements make the tables that nobody owns.
    pub(crate) fn over(sources: &[String]) -> Outcome<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut config = DuckDbConfig::new(Location::Memory);
        config.settings.insert("threads".into(), "1".into());
        let mut session = DuckDb::new(config).session().map_err(told)?;
        for schema in ["raw", "e", "c", "v"] {
            session.execute(&format!("CREATE SCHEMA {schema}")).map_err(told)?;
        }
        // Tables are tiny: planning well would take longer than running badly.
        session.execute("PRAGMA disable_optimizer").map_err(told)?;
        for statement in sources {
            journal::note(number, statement);
            session.execute(statement).map_err(told)?;
        }
        Ok(Self {
            session,
            stored: BTreeMap::new(),
            builds: Builds::default(),
            stored_clean: BTreeSet::new(),
            shown: BTreeMap::new(),
            count: 0,
            settings: Settings::USUAL,
            number,
            optimizes: false,
        })
    }

    /// Says what runs next. DuckDB 1.5.6 without its optimizer ends the process at many an ASOF join (a segmentation
    /// fault, also where the result of the join is a constant), so from the first one on everything is optimized.
    fn note(&mut self, sql: &str) -> Outcome<()> {
        journal::note(self.number, sql);
        if !self.optimizes && sql.contains("ASOF") {
            self.optimizes = true;
            self.session.execute("PRAGMA enable_optimizer").map_err(told)?;
        }
        Ok(())
    }

    pub(crate) fn run(&mut self, sql: &str) -> Outcome<()> {
        self.note(sql)?;
        self.session.execute(sql).map(drop).map_err(|error| format!("{}\n{sql}", told(error)))
    }

    /// How many rows a query has.
    pub(crate) fn query(&mut self, sql: &str) -> Outcome<usize> {
        self.note(sql)?;
        self.session.query(sql).map(|rows| rows.rows.len()).map_err(told)
    }

    /// Does something between a model's statements, which are undone: each model has a session of its own.
    pub(crate) fn beside<T>(
        &mut self,
        (before, after): (&[String], &[String]),
        act: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        if before.is_empty() && after.is_empty() {
            return act(self);
        }
        let done = before.iter().try_for_each(|statement| self.run(statement));
        let done = done.and_then(|()| act(self));
        let done = done.and_then(|done| after.iter().try_for_each(|statement| self.run(statement)).map(|()| done));
        for statement in undone(self.settings, before) {
            self.run(&statement)?;
        }
        done
    }

    /// The settings of the session, as the project's connection has them.
    pub(crate) fn enter(&mut self, settings: Settings) -> Outcome<()> {
        if self.settings != settings {
            settings.statements().iter().try_for_each(|statement| self.run(statement))?;
            self.settings = settings;
        }
        Ok(())
    }

    pub(crate) fn fresh(&mut self, schema: &str) -> TableName {
        self.count += 1;
        TableName { catalog: None, schema: schema.to_owned(), name: format!("k{}", self.count) }
    }

    /// The names of a query's columns.
    pub(crate) fn names(&mut self, text: &str) -> Outcome<Vec<String>> {
        self.note(&format!("DESCRIBE {text}"))?;
        Ok(self.session.describe(text).map_err(told)?.into_iter().map(|column| column.name).collect())
    }

    pub(crate) fn content(&mut self, name: &str) -> Outcome<Content> {
        let sql = format!("SELECT * FROM {name}");
        self.note(&sql)?;
        let rows = self.session.query_first(&sql, MANY + 1).map_err(told)?;
        if rows.rows.len() > MANY {
            return Err("too many rows to compare".to_owned());
        }
        Ok(Content::new(rows.columns, rows.rows))
    }

    /// Fills a model's table as `apply` does: where the engine fails at the usual text by a mistake of its own, over views.
    pub(crate) fn fill(
        &mut self,
        tree: &Tree,
        files: &TextTree,
        name: &ModelName,
        tables: &BTreeMap<ModelName, TableName>,
        choices: &mut Choices,
    ) -> Outcome<Stored> {
        let resolver = Resolver { tree, dialect: Dialect::DuckDb, tables };
        match self.fill_from(&resolver, files, name, choices, Parents::Usual) {
            Err(message) if message.starts_with("INTERNAL Error") => {
                self.fill_from(&resolver, files, name, choices, Parents::SessionViews)
            }
            filled => filled,
        }
    }

    /// The text of a model's query; what it needs of the session is made.
    fn text(&mut self, resolver: &Resolver<'_>, model: &Model, time: LoadTime, parents: Parents) -> Outcome<String> {
        let beside = match parents {
            Parents::Usual => resolver.beside_statements(model, Times::At(time)),
            Parents::SessionViews => resolver.over_session_views(model, Times::At(time)),
        };
        let beside = beside.map_err(|error| error.to_string())?;
        beside.definitions.iter().try_for_each(|definition| self.run(definition))?;
        Ok(beside.query)
    }

    fn fill_from(
        &mut self,
        resolver: &Resolver<'_>,
        files: &TextTree,
        name: &ModelName,
        choices: &mut Choices,
        parents: Parents,
    ) -> Outcome<Stored> {
        let (model, fingerprint) = (&resolver.tree.models[name], &resolver.tree.fingerprints[name]);
        let table = self.fresh("e");
        let everything = LoadTime { interval: Interval { start: Timestamp(0), end: END }, execution: END };
        let query = self.text(resolver, model, everything, parents)?;
        let statements = |list: &[Template]| -> Outcome<Vec<String>> {
            let statement = |one| resolver.statement(model, one, Times::At(everything));
            list.iter().map(statement).collect::<Result<_, _>>().map_err(|error| error.to_string())
        };
        let (pre, post) = (statements(&model.pre_statements)?, statements(&model.post_statements)?);
        let columns = match &model.kind {
            ModelKind::Seed(_) | ModelKind::Full => Vec::new(),
            _ => self.output_columns(model, fingerprint, &query)?,
        };
        let over = Target { dialect: Dialect::DuckDb, table: &table, columns: &columns };
        match &model.kind {
            ModelKind::Seed(seed) => {
                let typed: Vec<ColumnType> =
                    seed.columns.iter().map(|column| ColumnType::new(&column.name, &column.data_type)).collect();
                let columns: Vec<DeclaredColumn> = typed
                    .iter()
                    .map(|column| DeclaredColumn {
                        name: column.name.clone(),
                        data_type: Some(column.data_type.clone()),
                    })
                    .collect();
                let over = Target { dialect: Dialect::DuckDb, table: &table, columns: &columns };
                self.run(&over.create_typed().map_err(|error| error.to_string())?)?;
                let stream = files.open(&seed.path).map_err(|error| error.to_string())?;
                let rows =
                    seed_rows(BufReader::new(stream), &seed.csv, &seed.columns).map_err(|error| error.to_string())?;
                let mut rows = rows.map(|row| row.map_err(|error| error.to_string()));
                journal::note(self.number, &format!("-- rows into {table:?}"));
                self.session.load(&table, &typed, &mut rows).map_err(told)?;
            }
            ModelKind::TimeRange(range) => {
                let start = model.properties.start.as_ref().and_then(|start| start.absolute).unwrap_or(Timestamp(0));
                let batching = &fingerprint.batching;
                // What is loaded as it is due has the same rows where the same is due.
                let size = matches!(batching, Batching::Any).then(|| 1 + choices.below(4) as u32);
                let batches: Vec<_> = batching.loads(Interval { start, end: END }, IntervalUnit::Day, size).collect();
                let time = |interval| LoadTime { interval, execution: END };
                let first = time(batches.first().copied().unwrap_or(Interval { start, end: END }));
                let first = self.text(resolver, model, first, parents)?;
                self.run(&over.create_empty(&first))?;
                let data_type = self.type_of(&table, &range.time_column)?;
                // A run that was killed begins with what it had loaded, and late rows are looked for again.
                let again = if choices.chance(30) { choices.pick(&batches).copied() } else { None };
                for batch in batches.into_iter().chain(again) {
                    let column = TimeColumn { name: &range.time_column, data_type: &data_type, format: &range.format };
                    let text = self.text(resolver, model, time(batch), parents)?;
                    for statement in over.load_interval(&text, column, batch).map_err(|error| error.to_string())? {
                        self.run(&statement)?;
                    }
                }
            }
            ModelKind::UniqueKey(key) => {
                self.run(&over.create_empty(&query))?;
                let start = model.properties.start.as_ref().and_then(|start| start.absolute).unwrap_or(Timestamp(0));
                let whole = Interval { start, end: END };
                // Loaded as a whole, it begins anew each time.
                let loads = match is_loaded_by_interval(model) {
                    true => {
                        let size = Some(1 + choices.below(4) as u32);
                        fingerprint.batching.loads(whole, IntervalUnit::Day, size).collect()
                    }
                    false => vec![whole],
                };
                for interval in loads {
                    let query = self.text(resolver, model, LoadTime { interval, execution: END }, parents)?;
                    let upsert = over.upsert(&query, &UpsertRule::from(key)).map_err(|error| error.to_string())?;
                    for statement in upsert.stage.iter().chain(&upsert.apply).chain([&upsert.clean]) {
                        self.run(statement)?;
                    }
                }
            }
            _ => {
                self.beside((&pre, &post), |warehouse| {
                    let columns = warehouse.output_columns(model, fingerprint, &query)?;
                    let over = Target { dialect: Dialect::DuckDb, table: &table, columns: &columns };
                    warehouse.run(&over.create(&query))
                })?;
            }
        }
        let content = self.content(&quote_table(Dialect::DuckDb, &table))?;
        if let Some(ours) = fingerprint.columns.as_ref().filter(|ours| differ(ours, &content.columns)) {
            let ours: Vec<&str> = ours.iter().map(|(name, _)| name.text.as_str()).collect();
            return Err(format!("columns {ours:?} expected, {:?} found\n{query}", content.columns));
        }
        Ok(Stored { table, content, files: BTreeMap::new() })
    }

    /// Drops the tables that nobody shows. Only then is it seen that a view still names an old one.
    pub(crate) fn sweep(&mut self, is_shown: &dyn Fn(&ModelName, &Digest) -> bool) {
        let stored = std::mem::take(&mut self.stored);
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            stored.into_iter().partition(|((name, key), _)| is_shown(name, key));
        self.stored = kept;
        self.shown.clear();
        for stored in gone.into_values() {
            let table = quote_table(Dialect::DuckDb, &stored.table);
            self.run(&format!("DROP TABLE {table}")).expect("no view holds a table");
        }
    }

    fn type_of(&mut self, table: &TableName, column: &str) -> Outcome<String> {
        let columns =
            self.session.describe(&format!("SELECT * FROM {}", quote_table(Dialect::DuckDb, table))).map_err(told)?;
        let found = columns.into_iter().find(|known| known.name.eq_ignore_ascii_case(column));
        found.map(|column| column.data_type).ok_or_else(|| "no time column".to_owned())
    }

    fn output_columns(
        &mut self,
        model: &Model,
        fingerprint: &Fingerprint,
        query: &str,
    ) -> Outcome<Vec<DeclaredColumn>> {
        let names = match stated(fingerprint) {
            Some(names) => names,
            None => {
                self.note(&format!("DESCRIBE {query}"))?;
                let columns = self.session.describe(query).map_err(|error| format!("{}\n{query}", told(error)))?;
                columns.into_iter().map(|column| column.name).collect()
            }
        };
        let column = |name: String| {
            let declared = model.properties.columns.iter().find(|column| column.name.eq_ignore_ascii_case(&name));
            DeclaredColumn { data_type: declared.and_then(|column| column.data_type.clone()), name }
        };
        Ok(names.into_iter().map(column).collect())
    }

    /// What a VIEW model's view shows, and its text.
    pub(crate) fn view(
        &mut self,
        tree: &Tree,
        name: &ModelName,
        tables: &BTreeMap<ModelName, TableName>,
    ) -> Outcome<(Content, String)> {
        let resolver = Resolver { tree, dialect: Dialect::DuckDb, tables };
        let time = LoadTime { interval: Interval { start: Timestamp(0), end: END }, execution: END };
        let text = resolver.model(&tree.models[name], Times::At(time)).map_err(|error| error.to_string())?;
        Ok((self.show(&text, &stated(&tree.fingerprints[name]).unwrap_or_default())?, text))
    }

    /// What a view of a text shows.
    pub(crate) fn show(&mut self, text: &str, columns: &[String]) -> Outcome<Content> {
        let key = format!("{:?} {columns:?}{text}", self.settings);
        if let Some(known) = self.shown.get(&key) {
            return Ok(known.clone());
        }
        let view = TableName { catalog: None, schema: "v".into(), name: "shown".into() };
        for statement in create_view(Dialect::DuckDb, &view, columns, text, ViewReplacement::InPlace) {
            self.run(&statement)?;
        }
        let content = self.content("v.shown")?;
        self.shown.insert(key, content.clone());
        Ok(content)
    }
}

fn stated(fingerprint: &Fingerprint) -> Option<Vec<String>> {
    let columns = fingerprint.columns.as_ref()?;
    let stated = columns.iter().all(|(name, _)| name.origin == NameOrigin::Stated);
    stated.then(|| columns.iter().map(|(name, _)| name.text.clone()).collect())
}

fn differ(ours: &[(offshoot::sql::OutputName, Digest)], engine: &[ColumnType]) -> bool {
    ours.len() != engine.len()
        || ours
            .iter()
            .zip(engine)
            .any(|((name, _), column)| name.origin == NameOrigin::Stated && name.text != column.name)
}

/// Few values, NULLs and duplicates, in a random order.
pub(crate) fn externals(choices: &mut Choices) -> Vec<String> {
    let mut statements = Vec::new();
    for (name, columns) in EXTERNALS {
        let listed: Vec<String> = columns.iter().map(|(name, _, data)| format!("{name} {data}")).collect();
        statements.push(format!("CREATE TABLE {name} ({})", listed.join(", ")));
        let mut rows = Vec::new();
        for number in 0..10 + choices.below(8) {
            let cells: Vec<String> = columns
                .iter()
                .map(|(column, _, data)| match (*column, *data) {
                    ("id", _) => (number + 1).to_string(),
                    (_, "INTEGER[]") => choices.one(&["[1, 2]", "[2]", "[]", "NULL", "[3, NULL, 1]"]).to_owned(),
                    (_, data) => super::plant::cell(choices, if data == "BIGINT" { "INTEGER" } else { data })
                        .map_or("NULL".to_owned(), |cell| format!("'{cell}'")),
                })
                .collect();
            rows.push(format!("({})", cells.join(", ")));
        }
        statements.push(format!("INSERT INTO {name} VALUES {}", rows.join(", ")));
    }
    statements
}
