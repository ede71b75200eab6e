//! Builds a project from nothing, from the generator's own text. Equal texts over equal tables are built once, and what is
//! only looked at, never read, is not stored.

use std::collections::BTreeMap;

use offshoot::hash::{Digest, Hasher};

use super::beside::statements;
use super::content::Content;
use super::ir::{Kind, Model, Project, Seed};
use super::render::Render;
use super::shape::{Shapes, order};
use super::walk;
use super::warehouse::{Outcome, Warehouse};

/// What a build from nothing gives for one model.
#[derive(Clone)]
pub(crate) struct Clean {
    /// By which its readers reach it.
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) text: String,
    /// What makes it, where nothing read it yet.
    create: Option<String>,
}

/// The builds of a warehouse so far.
#[derive(Default)]
pub(crate) struct Builds {
    known: BTreeMap<Digest, Result<Clean, String>>,
    /// The first of all that show the very same, rows in the same order.
    alike: BTreeMap<Digest, Clean>,
}

impl Warehouse {
    /// Builds a whole project from nothing, or says why DuckDB does not take it.
    pub(crate) fn build_clean(&mut self, project: &Project) -> Outcome<BTreeMap<String, Clean>> {
        self.enter(project.settings)?;
        let shapes = Shapes::of(project);
        let mut done: BTreeMap<String, Clean> = BTreeMap::new();
        for name in order(project) {
            let model = &project.models[&name];
            let table = |name: &str| done.get(name).map_or_else(|| name.to_owned(), |clean| clean.name.clone());
            let style = Default::default();
            let render = Render { shapes: &shapes, table: &table, style: &style, fault: None };
            let text = render.model(&model.query);
            let around = statements(model, &render);
            // What the text reads is in the key, because each clean table has a name of its own.
            let key = Hasher::new("clean")
                .text(&text)
                .text(&format!("{:?}{:?}{around:?}{:?}", model.kind, model.types, project.settings))
                .finish();
            let known = self.builds.known.get(&key).cloned();
            let clean = match known {
                Some(known) => known?,
                None => {
                    let reads = walk::reads(model);
                    let parents: Vec<Clean> = reads.iter().filter_map(|read| done.get(read).cloned()).collect();
                    let made = parents.iter().try_for_each(|parent| self.store(parent));
                    let made = made
                        .and_then(|()| self.make_clean(model, &text, (&around.0, &around.1)))
                        .map(|made| self.first_alike(&model.kind, made));
                    self.builds.known.insert(key, made.clone());
                    made?
                }
            };
            done.insert(name, clean);
        }
        if done.len() < project.models.len() {
            return Err("a circle".to_owned());
        }
        Ok(done)
    }

    /// Makes what was only looked at before.
    fn store(&mut self, clean: &Clean) -> Outcome<()> {
        match &clean.create {
            Some(create) if self.stored_clean.insert(clean.name.clone()) => self.run(create),
            _ => Ok(()),
        }
    }

    /// A reader cannot tell two tables that show the same, so it is built once. It can tell a view: a NULL without a type
    /// takes any type there, and shows INTEGER; and an alias's list names what it leaves out after the view's text.
    fn first_alike(&mut self, kind: &Kind, clean: Clean) -> Clean {
        let columns = format!("{:?}", clean.content.columns);
        let text = if kind.is_stored() { "" } else { clean.text.as_str() };
        let key = Hasher::new("alike").text(&columns).text(text).digest(clean.content.order).finish();
        let first = self.builds.alike.entry(key).or_insert_with(|| clean.clone()).clone();
        Clean { name: first.name, create: first.create, ..clean }
    }

    fn make_clean(&mut self, model: &Model, text: &str, around: (&[String], &[String])) -> Outcome<Clean> {
        let table = format!("c.{}", self.fresh("c").name);
        let text = match model.types.is_empty() || !model.kind.is_stored() || matches!(model.kind, Kind::Seed(_)) {
            true => text.to_owned(),
            false => {
                // A column that is renamed by its parent by case keeps that name.
                let shown = self.names(text)?;
                let shown = |name: &str| {
                    let found = shown.iter().find(|shown| shown.eq_ignore_ascii_case(name));
                    format!("\"{}\"", found.map_or(name, String::as_str))
                };
                let types: Vec<String> =
                    model.types.iter().map(|(name, data)| format!("{0}::{data} AS {0}", shown(name))).collect();
                format!("SELECT * REPLACE ({}) FROM ({text})", types.join(", "))
            }
        };
        match &model.kind {
            Kind::Seed(seed) => self.seed(&table, seed)?,
            Kind::TimeRange { column, start } => self.days(&table, &text, column, *start)?,
            Kind::UniqueKey { key, daily: true, matched } => self.merges(&table, &text, key, *matched)?,
            kind => return self.looked_at(kind, table, text, around),
        }
        let content = self.content(&table)?;
        Ok(Clean { name: table, content, text, create: None })
    }

    fn looked_at(
        &mut self,
        kind: &Kind,
        table: String,
        text: String,
        around: (&[String], &[String]),
    ) -> Outcome<Clean> {
        let what = if kind.is_stored() { "TABLE" } else { "VIEW" };
        let create = format!("CREATE {what} {table} AS {text}");
        if let Kind::UniqueKey { key, .. } = kind {
            let rows = self.query(&format!("SELECT 1 FROM ({text}) GROUP BY {key} HAVING count(*) > 1"))?;
            if rows > 0 {
                return Err("a key that comes twice".to_owned());
            }
        }
        if around.0.is_empty() && around.1.is_empty() {
            let content = self.content(&format!("({text})"))?;
            let retyped = kind.is_stored() && content.columns.iter().any(|column| column.data_type.contains("NULL"));
            if !retyped {
                return Ok(Clean { name: table, content, text, create: Some(create) });
            }
        }
        self.beside(around, |warehouse| warehouse.run(&create))?;
        let content = self.content(&table)?;
        Ok(Clean { name: table, content, text, create: None })
    }

    fn seed(&mut self, table: &str, seed: &Seed) -> Outcome<()> {
        let columns: Vec<String> = seed.columns.iter().map(|(name, data)| format!("{name} {data}")).collect();
        self.run(&format!("CREATE TABLE {table} ({})", columns.join(", ")))?;
        let cell = |cell: &Option<String>| cell.as_ref().map_or("NULL".to_owned(), |cell| format!("'{cell}'"));
        let row = |row: &Vec<Option<String>>| format!("({})", row.iter().map(cell).collect::<Vec<_>>().join(", "));
        let rows: Vec<String> = seed.rows.iter().map(row).collect();
        self.run(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")))
    }

    /// Day by day, each over the rows of its keys.
    fn merges(&mut self, table: &str, text: &str, key: &str, matched: Option<&str>) -> Outcome<()> {
        let keys: Vec<String> =
            key.split(", ").map(|key| format!("target.{key} IS NOT DISTINCT FROM source.{key}")).collect();
        let same = keys.join(" AND ");
        self.run(&format!("CREATE TABLE {table} AS SELECT * FROM ({}) LIMIT 0", on_day(text, 1)))?;
        for day in 1..6 {
            let text = on_day(text, day);
            if self.query(&format!("SELECT 1 FROM ({text}) GROUP BY {key} HAVING count(*) > 1"))? > 0 {
                return Err("a key that comes twice".to_owned());
            }
            let matched = match matched {
                Some(matched) => matched.replace("SET target.", "SET ").replace(", target.", ", "),
                None => "WHEN MATCHED THEN UPDATE".to_owned(),
            };
            self.run(&format!(
                "MERGE INTO {table} AS target USING ({text}) AS source ON {same} {matched} WHEN NOT MATCHED THEN INSERT"
            ))?;
        }
        Ok(())
    }

    fn days(&mut self, table: &str, text: &str, column: &str, start: u32) -> Outcome<()> {
        self.run(&format!("CREATE TABLE {table} AS SELECT * FROM ({}) LIMIT 0", on_day(text, 1)))?;
        for day in start + 1..6 {
            self.run(&format!(
                "INSERT INTO {table} SELECT * FROM ({}) AS q WHERE q.{column} = DATE '2024-01-0{day}'",
                on_day(text, day)
            ))?;
        }
        Ok(())
    }
}

/// The text of one day's load.
fn on_day(text: &str, day: u32) -> String {
    let literal = format!("'2024-01-0{day}'");
    text.replace("@start_ds", &literal).replace("@end_ds", &literal)
}
