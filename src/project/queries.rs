//! What only shows when a query is parsed: SQL that our parser does not know, and names that nobody owns.
//!
//! It reads the texts of the models again that it has something to say about, and of no others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::declared::other_columns;
use super::value::Source;
use crate::files::FileTree;
use crate::ids::{FilePath, ModelName};
use crate::model::{Kind, Model};
use crate::problem::{Positions, Problem, nearest};
use crate::sql::{Certainty, InText, Moment, Piece, Query, named_in_texts};
use crate::yaml::Place;

/// The names that a project owns.
#[derive(Clone, Copy, Debug)]
pub struct Owned<'p> {
    /// Its models.
    pub models: &'p BTreeMap<ModelName, Arc<Model>>,
    /// Names that a file claims but whose model cannot be loaded.
    pub broken: &'p BTreeSet<ModelName>,
}

impl Owned<'_> {
    fn has(&self, name: &ModelName) -> bool {
        self.models.contains_key(name) || self.broken.contains(name)
    }
}

/// The problems of these models' queries.
pub fn query_problems<'m>(
    tree: &dyn FileTree,
    models: impl Iterator<Item = &'m Model>,
    owned: Owned<'_>,
) -> Vec<Problem> {
    let models: Vec<&Model> = models.collect();
    // Parsing is what costs.
    models.par_iter().filter_map(|model| model.query.as_ref()).for_each(|query| {
        query.relations();
    });
    let mut unknown = Unknown::of(owned.models.keys().chain(owned.broken));
    let mut problems = Vec::new();
    for model in models {
        problems.extend(named_in_query_texts(tree, model, owned));
        problems.extend(time_of_view(tree, model));
        problems.extend(other_columns(tree, model));
        let Some(query) = &model.query else { continue };
        let mut seen: BTreeSet<&ModelName> = model.properties.depends_on.iter().collect();
        let strange: Vec<_> = query
            .relations()
            .iter()
            // Of SQL that is not parsed a name is more often a column's.
            .filter(|relation| relation.certainty == Certainty::Table)
            .filter(|relation| {
                seen.insert(&relation.name) && !owned.has(&relation.name) && !is_no_model(&relation.name)
            })
            .collect();
        if strange.is_empty() && query.failure().is_none() {
            continue;
        }
        let text = tree.text(&model.path).unwrap_or_default();
        let positions = Positions::default();
        let source = Source { path: &model.path, text: &text, positions: &positions, fixed: None };
        problems.extend(unparsed(&source, query));
        for relation in strange {
            let place = source.place(query.template().source_offset(relation.range.start));
            problems.extend(unknown.reference(&relation.name, &model.path, place));
        }
    }
    problems
}

/// Tables that a model's query or its `depends_on` names and that the project does not own, each once, with where it stands in
/// [`Query::text`]; `None` for one that is only in `depends_on`.
pub fn unowned_reads<'m>(model: &'m Model, owned: Owned<'_>) -> Vec<(&'m ModelName, Option<usize>)> {
    let relations = model.query.as_ref().map(Query::relations).unwrap_or_default();
    let read = relations.iter().filter(|relation| relation.certainty == Certainty::Table);
    let read = read.map(|relation| (&relation.name, Some(relation.range.start)));
    let declared = model.properties.depends_on.iter().map(|name| (name, None));
    let mut seen = BTreeSet::new();
    let mut is_unowned =
        |(name, _): &(&'m ModelName, Option<usize>)| !owned.has(name) && !is_no_model(name) && seen.insert(*name);
    read.chain(declared).filter(|read| is_unowned(read)).collect()
}

/// Models that DuckDB's `query('…')` or `FROM '…'` would read in production, whatever the environment (research: soundness, #24).
fn named_in_query_texts(tree: &dyn FileTree, model: &Model, owned: Owned<'_>) -> Vec<Problem> {
    let is_plain = model.pre_statements.is_empty() && model.post_statements.is_empty();
    if is_plain && !model.query.as_ref().is_some_and(Query::reads_by_text) {
        return Vec::new();
    }
    let is_own = |name: &ModelName| {
        owned.models.get(name).is_some_and(|model| !matches!(model.kind, Kind::External)) || owned.broken.contains(name)
    };
    let text = tree.text(&model.path).unwrap_or_default();
    let positions = Positions::default();
    let source = Source { path: &model.path, text: &text, positions: &positions, fixed: None };
    let statements = model.pre_statements.iter().chain(&model.post_statements);
    let mut problems = Vec::new();
    for template in statements.chain(model.query.iter().map(Query::template)) {
        let tokens = Query::parse(template.clone(), model.dialect).tokens();
        for (read, offset) in named_in_texts(&tokens, model.dialect, &is_own) {
            let (message, help) = match read {
                InText::Model(name) => (
                    format!("`{name}` is named in a text, and would be read in production from every environment"),
                    format!("read `{name}` by its name in FROM, without quotes or `query(…)`"),
                ),
                InText::Computed => (
                    "what this `query(…)` reads is computed, so nobody knows which tables that are".to_owned(),
                    "give it one plain text, or read the tables by their names in FROM".to_owned(),
                ),
            };
            problems.push(source.error("model-in-text", template.source_offset(offset), message).help(help));
        }
    }
    problems
}

/// Leaves out that our parser does not know a query whose macros were not taken out: that is told already.
pub(super) fn without_consequences(problems: &mut Vec<Problem>) {
    let told = problems.iter().filter(|problem| ["unknown-macro", "python-macro"].contains(&problem.code));
    let told: BTreeSet<FilePath> = told.filter_map(|problem| problem.path.clone()).collect();
    problems.retain(|problem| {
        problem.code != "unparsed-sql" || problem.path.as_ref().is_none_or(|path| !told.contains(path))
    });
}

fn unparsed(source: &Source<'_>, query: &Query) -> Option<Problem> {
    let failure = query.failure()?;
    let offset = query.template().source_offset(failure.offset);
    let message = format!("this SQL is not known to our parser: {}", failure.message);
    let problem = source.warning("unparsed-sql", offset, message);
    Some(
        problem.help(
            "it runs as it is; the model is opaque: it is built again whenever anything that it mentions changes",
        ),
    )
}

/// Warns of a view that says what the time is: that is a part of it, and no run makes views anew.
fn time_of_view(tree: &dyn FileTree, model: &Model) -> Option<Problem> {
    let query = model.query.as_ref().filter(|_| matches!(model.kind, Kind::View))?;
    let offset = query.template().pieces().iter().find_map(|piece| match piece {
        Piece::Time { variable, offset } if variable.moment != Moment::Start => Some(*offset),
        _ => None,
    })?;
    let text = tree.text(&model.path).unwrap_or_default();
    let positions = Positions::default();
    let source = Source { path: &model.path, text: &text, positions: &positions, fixed: None };
    let message = "the time in a VIEW is that of the promote or apply that points it anew; no `bot run` moves it on";
    let problem = source.warning("time-of-view", offset, message.to_owned());
    Some(problem.help("write `now()` or `current_date`, or make it FULL, which each run fills at its `cron`"))
}

/// Warns of names that no model owns.
pub(super) struct Unknown<'n> {
    known: Vec<&'n ModelName>,
    helps: BTreeMap<ModelName, String>,
}

/// Names that are compared with every model's: more mistakes of the same sort do not need that.
const COMPARED: usize = 50;

impl<'n> Unknown<'n> {
    pub(super) fn of(names: impl Iterator<Item = &'n ModelName>) -> Self {
        Self { known: names.collect(), helps: BTreeMap::new() }
    }

    pub(super) fn reference(&mut self, name: &ModelName, path: &FilePath, place: Place) -> Option<Problem> {
        if is_no_model(name) {
            return None;
        }
        let message = format!("no model owns `{name}`: it is treated as external");
        let problem = Problem::warning("unknown-reference", message).at(path);
        Some(problem.position(place.line, place.column).help(self.help(name)))
    }

    fn help(&mut self, name: &ModelName) -> String {
        if let Some(help) = self.helps.get(name) {
            return help.clone();
        }
        let known: Vec<String> = match self.helps.len() < COMPARED {
            true => self.known.iter().map(ToString::to_string).collect(),
            false => Vec::new(),
        };
        let help = match nearest(&name.to_string(), known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? else declare it in `external_models.yaml`"),
            None => "declare it in `external_models.yaml`".to_owned(),
        };
        self.helps.insert(name.clone(), help.clone());
        help
    }
}

/// Names of an engine's own schemas, and files that are read by name.
pub fn is_no_model(name: &ModelName) -> bool {
    let system = ["information_schema", "pg_catalog", "sys", "duckdb", "system"];
    let own = name.schema().is_some_and(|schema| system.contains(&schema.to_lowercase().as_str()));
    let whole = name.parts().join(".");
    let file = [".csv", ".parquet", ".json", ".jsonl", ".gz", ".zst", ".xlsx", ".db"];
    own || whole.contains('/') || whole.contains('*') || file.iter().any(|end| whole.ends_with(end))
}
