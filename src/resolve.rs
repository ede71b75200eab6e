//! A model's SQL as it will run: the author's text with every parent's name replaced by what holds its data.
//!
//! A parent with a table is named by it. A VIEW or EMBEDDED parent has none while tables are built, and becomes a CTE,
//! once per statement; so a view of the virtual layer never depends on another and never goes stale. Only where DuckDB
//! takes a CTE otherwise than a view does its text stand in place. Time variables are written as literals, or kept symbolic
//! to compare texts. Pure: nothing here talks to an engine.

mod audit;
mod declared;
mod place;

use std::borrow::Cow;
use std::collections::BTreeMap;

use self::declared::Declared;
use self::place::{Reading, defines_a_window, groups_by_all_inside, is_grouped_by_all, may_define, stands_inside};
use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model};
use crate::sql::{
    ColumnNames, Dialect, InText, NameOrigin, Placeholder, Query, Relation, Splice, Template, between, crossed,
    for_postgres, is_keyword, named_in_texts, quoted_words, without_parentheses,
};
use crate::statement::{
    LoadTime, Parent, create_session_view, quote_identifier, quote_table, time_literal, with_parents,
};

/// Where the data of each model is.
pub struct Resolver<'a> {
    /// The models.
    pub tree: &'a Tree,
    /// The engine's dialect.
    pub dialect: Dialect,
    /// Physical tables by model; VIEW and EMBEDDED models have none. A unit test has some for names that no model owns, too.
    pub tables: &'a BTreeMap<ModelName, TableName>,
}

/// What stands for time variables.
#[derive(Clone, Copy, Debug)]
pub enum Times {
    /// Literals.
    At(LoadTime),
    /// The variables' names, so that two texts can be compared whenever they are made.
    Symbolic,
}

/// Why a text cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A parent has neither table nor query.
    #[error("model `{model}` reads `{parent}`, which has no table yet")]
    NoTable {
        /// The reader.
        model: ModelName,
        /// The parent.
        parent: ModelName,
    },
    /// A statement beside the query names a model that has no table.
    #[error(
        "a statement of model `{model}` names `{parent}`, which is a {kind} and has no table while tables are built; \
         read it in the query instead, or make it FULL"
    )]
    StatementReadsView {
        /// The model.
        model: ModelName,
        /// The parent.
        parent: ModelName,
        /// Its kind.
        kind: &'static str,
    },
    /// A statement that is no model's names a model that no environment shows.
    #[error("it names `{parent}`, which is EMBEDDED and has no view; name the models that read it")]
    NoView {
        /// The model.
        parent: ModelName,
    },
    /// The text of a `query('…')` names a model, where nothing can be put in its place.
    #[error(
        "a text in model `{model}` names `{parent}`, and what `query(…)` or `query_table(…)` reads would be production's; \
         read `{parent}` by its name in FROM instead"
    )]
    NamedInText {
        /// The model.
        model: ModelName,
        /// The one that its text names.
        parent: ModelName,
    },
    /// What a `query(…)` reads is computed.
    #[error(
        "what `query(…)` or `query_table(…)` reads in model `{model}` is computed, so nobody knows which tables that are; give it \
         one plain text"
    )]
    TextComputed {
        /// The model.
        model: ModelName,
    },
    /// Views read one another too deeply.
    #[error("model `{model}` reads through more than {limit} views, one after the other; make one of them FULL")]
    TooDeep {
        /// The reader.
        model: ModelName,
        /// The most that are followed.
        limit: usize,
    },
}

/// More views in a row than this are refused, so that no chain exhausts the stack.
const DEPTH_LIMIT: usize = 100;

/// So many texts stand in place at most where a CTE only might not do: views that read views twice grow without end.
const NEARER_LIMIT: usize = 24;

impl Resolver<'_> {
    /// The query of a model.
    ///
    /// # Errors
    /// A parent has neither table nor query.
    pub fn model(&self, model: &Model, times: Times) -> Result<String, ResolveError> {
        match &model.query {
            Some(query) => self.query(&model.name, query, times),
            None => Ok(String::new()),
        }
    }

    /// Any query that names models, such as a model's or a person's.
    ///
    /// # Errors
    /// As [`Resolver::model`].
    pub fn query(&self, reader: &ModelName, query: &Query, times: Times) -> Result<String, ResolveError> {
        let mut inlined = Inlined::new(StandIn::Cte);
        let text = self.text(&Reading::of(reader, query), times, &mut inlined)?;
        Ok(with_parents(self.dialect, &text, &inlined.parents))
    }

    /// A model's query where statements of its own run before it, and what must be defined before these. DuckDB reads a text
    /// as the session is set at that moment (`integer_division`, `preserve_identifier_case`), and a view's text was read
    /// when it was made: so parents without a table become views of the session, before anything of the model's runs.
    ///
    /// # Errors
    /// As [`Resolver::model`].
    pub fn beside_statements(&self, model: &Model, times: Times) -> Result<BesideStatements, ResolveError> {
        let Some(query) = &model.query else { return Ok(BesideStatements::default()) };
        if model.pre_statements.is_empty() || self.dialect != Dialect::DuckDb {
            return Ok(BesideStatements { definitions: Vec::new(), query: self.query(&model.name, query, times)? });
        }
        self.over_session_views(model, times)
    }

    /// A model's query over views of the session, which is what an engine plans best, and what must be defined before it.
    ///
    /// # Errors
    /// As [`Resolver::model`].
    pub fn over_session_views(&self, model: &Model, times: Times) -> Result<BesideStatements, ResolveError> {
        let Some(query) = &model.query else { return Ok(BesideStatements::default()) };
        let mut inlined = Inlined::new(StandIn::SessionView);
        let query = self.text(&Reading::of(&model.name, query), times, &mut inlined)?;
        let definitions = inlined.parents.iter().map(|parent| create_session_view(self.dialect, parent)).collect();
        Ok(BesideStatements { definitions, query })
    }

    /// A pre- or post-statement: models by their tables.
    ///
    /// # Errors
    /// It names a model that has no table.
    pub fn statement(&self, model: &Model, statement: &Template, times: Times) -> Result<String, ResolveError> {
        let query = Query::parse(statement.clone(), model.dialect);
        self.refuse_names_in_texts(&model.name, &query)?;
        let mut splices = Vec::new();
        for relation in query.relations() {
            let Some(parent) = self.tree.models.get(&relation.name) else { continue };
            match self.tables.get(&relation.name) {
                Some(table) => splices.push(self.splice(relation, &quote_table(self.dialect, table))),
                None if matches!(parent.kind, Kind::External) => {}
                None => {
                    let (model, parent, kind) = (model.name.clone(), relation.name.clone(), parent.kind.name().text());
                    return Err(ResolveError::StatementReadsView { model, parent, kind });
                }
            }
        }
        let splices = self.for_the_engine(splices, &query);
        Ok(statement.render(&splices, &|placeholder| self.filled(placeholder, &model.name, times)))
    }

    /// Splices in the order of the text, with those that make it one that the engine takes.
    fn for_the_engine(&self, mut splices: Vec<Splice>, query: &Query) -> Vec<Splice> {
        let tokens = match self.dialect {
            Dialect::Postgres | Dialect::DuckDb => query.tokens(),
            _ => Vec::new(),
        };
        let mut more = quoted_words(&tokens, self.dialect);
        more.extend(between(&tokens));
        more.extend(crossed(&tokens));
        more.extend(without_parentheses(&tokens, self.dialect));
        if self.dialect == Dialect::Postgres {
            more.extend(for_postgres(&tokens));
        }
        splices.sort_by_key(|splice| splice.range.start);
        more.retain(|splice| {
            let before = splices.partition_point(|other| other.range.start <= splice.range.start);
            !before.checked_sub(1).is_some_and(|before| splices[before].range.contains(&splice.range.start))
        });
        splices.extend(more);
        splices.sort_by_key(|splice| splice.range.start);
        splices
    }

    /// A statement that is no model's, whose place has a name: models by their views, which `tables` gives.
    ///
    /// # Errors
    /// It names a model that has no view.
    pub fn beside_all(&self, place: &ModelName, statement: &Template, times: Times) -> Result<String, ResolveError> {
        let query = Query::parse(statement.clone(), self.dialect);
        self.refuse_names_in_texts(place, &query)?;
        let mut splices = Vec::new();
        for relation in query.relations() {
            match (self.tables.get(&relation.name), is_own(self.tree, &relation.name)) {
                (Some(view), true) => splices.push(self.splice(relation, &quote_table(self.dialect, view))),
                (None, true) => return Err(ResolveError::NoView { parent: relation.name.clone() }),
                (_, false) => {}
            }
        }
        let splices = self.for_the_engine(splices, &query);
        Ok(statement.render(&splices, &|placeholder| self.filled(placeholder, place, times)))
    }

    fn text(&self, reading: &Reading<'_>, times: Times, inlined: &mut Inlined) -> Result<String, ResolveError> {
        let Reading { reader, query, .. } = *reading;
        if reading.depth > DEPTH_LIMIT {
            return Err(ResolveError::TooDeep { model: reader.clone(), limit: DEPTH_LIMIT });
        }
        if query.reads_by_text() {
            self.refuse_names_in_texts(reader, query)?;
        }
        let mut splices = Vec::new();
        let declared = self.declared(reading);
        let listed = |relation: &Relation| match declared {
            Declared::Listed => self.listed(query, relation),
            Declared::ByName => None,
        };
        for relation in query.relations() {
            splices.extend(audit::alias(reading, relation));
            let listed = listed(relation).map(Ok);
            if let Some(name) = listed.or_else(|| self.stand_in(reading, relation, times, inlined).transpose()) {
                splices.push(self.splice(relation, &name?));
            }
        }
        for qualifier in query.long_qualifiers() {
            let is_replaced = is_own(self.tree, &qualifier.name) || self.tables.contains_key(&qualifier.name);
            let replaced = is_replaced || listed(qualifier).is_some();
            if let Some(alias) = qualifier.implied_alias.as_ref().filter(|_| replaced) {
                let replacement = self.alias(alias).into_owned();
                splices.push(Splice { range: qualifier.range.clone(), replacement });
            }
        }
        let splices = self.for_the_engine(splices, query);
        Ok(query.template().render(&splices, &|placeholder| match (placeholder, reading.this_model) {
            (Placeholder::This(_), Some(rows)) => rows.to_owned(),
            _ => self.filled(placeholder, reader, times),
        }))
    }

    fn refuse_names_in_texts(&self, reader: &ModelName, query: &Query) -> Result<(), ResolveError> {
        let model = reader.clone();
        match named_in_texts(&query.tokens(), query.dialect(), &|name| is_own(self.tree, name)).pop() {
            Some((InText::Model(parent), _)) => Err(ResolveError::NamedInText { model, parent }),
            Some((InText::Computed, _)) => Err(ResolveError::TextComputed { model }),
            None => Ok(()),
        }
    }

    /// What a parent is called in the text: its table, its CTE, its own text, or nothing where its own name stays.
    fn stand_in(
        &self,
        reading: &Reading<'_>,
        relation: &Relation,
        times: Times,
        inlined: &mut Inlined,
    ) -> Result<Option<String>, ResolveError> {
        let (reader, parent) = (reading.reader, &relation.name);
        if let Some(table) = self.tables.get(parent) {
            return Ok(Some(quote_table(self.dialect, table)));
        }
        let Some(model) = self.tree.models.get(parent) else { return Ok(None) };
        let query = match (&model.kind, &model.query) {
            (Kind::External, _) => return Ok(None),
            (Kind::View | Kind::Embedded, Some(query)) => query,
            _ => return Err(ResolveError::NoTable { model: reader.clone(), parent: parent.clone() }),
        };
        let inner = Reading { reader: parent, query, outer: Some(reading), depth: reading.depth + 1, this_model: None };
        if inlined.stand_in == StandIn::Cte && self.stands_in_place(&inner, reading, relation, inlined)? {
            return Ok(Some(format!("(\n{}\n)", self.text(&inner, times, inlined)?)));
        }
        if let Some(name) = inlined.names.get(parent) {
            return Ok(Some(quote_identifier(self.dialect, name)));
        }
        // A CTE stands before everything that its readers define.
        let text = self.text(&Reading { outer: None, ..inner }, times, inlined)?;
        let name = Self::cte_name(parent);
        let columns = self.columns(parent);
        inlined.names.insert(parent.clone(), name.clone());
        inlined.parents.push(Parent { name: name.clone(), columns, query: text });
        Ok(Some(quote_identifier(self.dialect, &name)))
    }

    /// Whether DuckDB 1.5 takes a parent's CTE for something else than it takes a view for, so that its text stands in place:
    ///
    /// * where an alias lists fewer names than a view has columns and two of those have one name, it makes the rest unique
    ///   behind the list for a view or subquery (`id`), and before it for a CTE (`id_1`); columns that are all stated have
    ///   different names;
    /// * a query inside that groups by ALL its outer columns gives a row over no rows of a view or subquery, and none over
    ///   those of some CTEs (in the definition of a window only a query around the parent is looked at, because in place a parent
    ///   that has windows is refused there);
    /// * a query inside that reads a CTE from outside of it and aggregates its columns in a further one may end in an
    ///   INTERNAL Error. As long as there are few, every parent that is read inside stands in place therefore.
    fn stands_in_place(
        &self,
        inner: &Reading<'_>,
        reading: &Reading<'_>,
        relation: &Relation,
        inlined: &mut Inlined,
    ) -> Result<bool, ResolveError> {
        let defines_a_window = || defines_a_window(reading.query, relation);
        let differs = (relation.columns == ColumnNames::Listed && self.columns(&relation.name).is_empty())
            || (groups_by_all_inside(reading.query)
                && (!defines_a_window() || is_grouped_by_all(reading.query, relation)));
        if differs && self.is_safe_in_place(inner) {
            inlined.in_place += 1;
            return match inlined.in_place > DEPTH_LIMIT {
                true => Err(ResolveError::TooDeep { model: reading.reader.clone(), limit: DEPTH_LIMIT }),
                false => Ok(true),
            };
        }
        let is_inside = || reading.outer.is_some() || stands_inside(reading.query, relation);
        // DuckDB's parser takes no window function within the definition of a window, though a query were around it.
        let may_be_nearer = || !defines_a_window() && self.is_safe_in_place(inner);
        let is_nearer = inlined.nearer < NEARER_LIMIT && is_inside() && may_be_nearer();
        inlined.nearer += usize::from(is_nearer);
        Ok(is_nearer)
    }

    /// Whether a text means in place what it means alone. A table that it reads by a bare name could be a CTE of those around
    /// it there.
    fn is_safe_in_place(&self, inner: &Reading<'_>) -> bool {
        let is_safe = |relation: &Relation| {
            let model = self.tree.models.get(&relation.name);
            relation.name.parts().len() > 1
                || model.is_some_and(|model| !matches!(model.kind, Kind::External))
                || inner.around().all(|query| !may_define(query, &relation.name))
        };
        self.dialect == Dialect::DuckDb && inner.query.relations().iter().all(is_safe)
    }

    /// Readable, and told from every name that an author may write by eight hex of the parent's name.
    fn cte_name(parent: &ModelName) -> String {
        let digest = Digest::of("cte", &parent.to_string()).short(8);
        format!("offshoot__{}__{digest}", parent.parts().join("__"))
    }

    /// The output columns, where every one is stated; no two of them have one name then.
    fn columns(&self, model: &ModelName) -> Vec<String> {
        let columns = self.tree.fingerprints.get(model).and_then(|fingerprint| fingerprint.columns.as_ref());
        let stated = columns.filter(|columns| columns.iter().all(|(name, _)| name.origin == NameOrigin::Stated));
        stated.map(|columns| columns.iter().map(|(name, _)| name.text.clone()).collect()).unwrap_or_default()
    }

    fn splice(&self, relation: &Relation, name: &str) -> Splice {
        let replacement = match &relation.implied_alias {
            Some(alias) => format!("{name} AS {}", self.alias(alias)),
            None => name.to_owned(),
        };
        Splice { range: relation.range.clone(), replacement }
    }

    /// An alias as it is written, in quotes where it is a word such as `order`: one may end a longer name, and is no alias.
    fn alias<'t>(&self, written: &'t str) -> Cow<'t, str> {
        match is_keyword(written) {
            true => Cow::Owned(quote_identifier(self.dialect, &self.dialect.shown(written, false))),
            false => Cow::Borrowed(written),
        }
    }

    fn filled(&self, placeholder: Placeholder<'_>, reader: &ModelName, times: Times) -> String {
        match (placeholder, times) {
            (Placeholder::Time(variable), Times::At(time)) => time_literal(self.dialect, variable, time),
            (Placeholder::Time(variable), Times::Symbolic) => format!("@{}", variable.name()),
            // Where it has no table of its own its name is a view's.
            (Placeholder::This(name), _) => {
                self.tables.get(reader).map_or_else(|| name.to_owned(), |table| quote_table(self.dialect, table))
            }
        }
    }
}

/// Whether the project fills a model, or defines it.
fn is_own(tree: &Tree, name: &ModelName) -> bool {
    tree.models.get(name).is_some_and(|model| !matches!(model.kind, Kind::External))
}

/// A query that runs behind statements of its model's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BesideStatements {
    /// What runs before the model's own statements.
    pub definitions: Vec<String>,
    /// What runs behind them.
    pub query: String,
}

/// What a parent without a table becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StandIn {
    Cte,
    SessionView,
}

struct Inlined {
    stand_in: StandIn,
    parents: Vec<Parent>,
    names: BTreeMap<ModelName, String>,
    /// How often a text must stand in place; each may hold further ones, so that they must be counted.
    in_place: usize,
    /// How often one does so that need not.
    nearer: usize,
}

impl Inlined {
    fn new(stand_in: StandIn) -> Self {
        Self { stand_in, parents: Vec::new(), names: BTreeMap::new(), in_place: 0, nearer: 0 }
    }
}
