//! A model's SQL as it will run: the author's text with every parent's name replaced by what holds its data.
//!
//! A parent with a table is named by it. A VIEW or EMBEDDED parent has none while tables are built, and becomes a CTE,
//! once per statement; so a view of the virtual layer never depends on another and never goes stale. Only where DuckDB
//! names the columns of a CTE otherwise than those of a view does its text stand in place. Time variables are written as
//! literals, or kept symbolic to compare texts. Pure: nothing here talks to an engine.

use std::collections::BTreeMap;

use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::{ModelName, TableName};
use crate::model::{Kind, Model};
use crate::sql::{
    ColumnNames, Dialect, NameOrigin, Query, Relation, Splice, Template, TimeVariable, Token, named_in_texts,
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
    /// Physical tables by model; VIEW and EMBEDDED models have none.
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
        let text = self.text(reader, query, times, &mut inlined, 0)?;
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
        let mut inlined = Inlined::new(StandIn::SessionView);
        let query = self.text(&model.name, query, times, &mut inlined, 0)?;
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
        Ok(statement.render(&splices, &|variable| self.literal(variable, times)))
    }

    fn text(
        &self,
        reader: &ModelName,
        query: &Query,
        times: Times,
        inlined: &mut Inlined,
        depth: usize,
    ) -> Result<String, ResolveError> {
        if depth > DEPTH_LIMIT {
            return Err(ResolveError::TooDeep { model: reader.clone(), limit: DEPTH_LIMIT });
        }
        // Whoever names a model in a text has it among the parents that no relation names.
        if self.tree.graph.node(reader).is_none_or(|node| !node.hidden.is_empty()) {
            self.refuse_names_in_texts(reader, query)?;
        }
        let mut splices = Vec::new();
        for relation in query.relations() {
            if !self.tree.models.contains_key(&relation.name) {
                continue;
            }
            if let Some(name) = self.stand_in((reader, query), relation, times, inlined, depth)? {
                splices.push(self.splice(relation, &name));
            }
        }
        for qualifier in query.long_qualifiers() {
            let replaced =
                self.tree.models.get(&qualifier.name).is_some_and(|model| !matches!(model.kind, Kind::External));
            if let Some(alias) = qualifier.implied_alias.clone().filter(|_| replaced) {
                splices.push(Splice { range: qualifier.range.clone(), replacement: alias });
            }
        }
        splices.sort_by_key(|splice| splice.range.start);
        Ok(query.template().render(&splices, &|variable| self.literal(variable, times)))
    }

    fn refuse_names_in_texts(&self, reader: &ModelName, query: &Query) -> Result<(), ResolveError> {
        match named_in_texts(&query.tokens(), query.dialect(), &|name| is_own(self.tree, name)).pop() {
            Some((parent, _)) => Err(ResolveError::NamedInText { model: reader.clone(), parent }),
            None => Ok(()),
        }
    }

    /// What a parent is called in the text: its table, its CTE, its own text, or nothing where its own name stays.
    fn stand_in(
        &self,
        (reader, reading): (&ModelName, &Query),
        relation: &Relation,
        times: Times,
        inlined: &mut Inlined,
        depth: usize,
    ) -> Result<Option<String>, ResolveError> {
        let parent = &relation.name;
        if let Some(table) = self.tables.get(parent) {
            return Ok(Some(quote_table(self.dialect, table)));
        }
        let Some(model) = self.tree.models.get(parent) else { return Ok(None) };
        let query = match (&model.kind, &model.query) {
            (Kind::External, _) => return Ok(None),
            (Kind::View | Kind::Embedded, Some(query)) => query,
            _ => return Err(ResolveError::NoTable { model: reader.clone(), parent: parent.clone() }),
        };
        let is_cte = inlined.stand_in == StandIn::Cte;
        let names_differ = || {
            relation.columns == ColumnNames::Listed && self.columns(parent).is_empty() && self.is_safe_in_place(query)
        };
        let rows_differ = || self.is_safe_in_place(query) && groups_by_all_inside(reading);
        if is_cte && (names_differ() || rows_differ()) {
            inlined.in_place += 1;
            if inlined.in_place > DEPTH_LIMIT {
                return Err(ResolveError::TooDeep { model: reader.clone(), limit: DEPTH_LIMIT });
            }
            return Ok(Some(format!("(\n{}\n)", self.text(parent, query, times, inlined, depth + 1)?)));
        }
        if let Some(name) = inlined.names.get(parent) {
            return Ok(Some(quote_identifier(self.dialect, name)));
        }
        let text = self.text(parent, query, times, inlined, depth + 1)?;
        let name = Self::cte_name(parent);
        let columns = self.columns(parent);
        inlined.names.insert(parent.clone(), name.clone());
        inlined.parents.push(Parent { name: name.clone(), columns, query: text });
        Ok(Some(quote_identifier(self.dialect, &name)))
    }

    /// Where an alias lists fewer names than a view has columns and two of those have one name, DuckDB 1.5 makes the rest
    /// unique behind the list for a view or subquery (`id`), and before it for a CTE (`id_1`). Columns that are all stated
    /// have different names. And a query inside that groups by ALL its outer columns gives a row over no rows of a view or
    /// subquery, and none over those of some CTEs. A text that reads a table by a bare name stays a CTE: among the reader's
    /// own CTEs it could mean one of them.
    fn is_safe_in_place(&self, query: &Query) -> bool {
        let is_safe = |relation: &Relation| {
            let model = self.tree.models.get(&relation.name);
            relation.name.parts().len() > 1 || model.is_some_and(|model| !matches!(model.kind, Kind::External))
        };
        self.dialect == Dialect::DuckDb && query.relations().iter().all(is_safe)
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
            Some(alias) => format!("{name} AS {alias}"),
            None => name.to_owned(),
        };
        Splice { range: relation.range.clone(), replacement }
    }

    fn literal(&self, variable: TimeVariable, times: Times) -> String {
        match times {
            Times::At(time) => time_literal(self.dialect, variable, time),
            Times::Symbolic => format!("@{}", variable.name()),
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

/// Whether a query inside this one says `GROUP BY ALL`.
fn groups_by_all_inside(query: &Query) -> bool {
    let tokens = query.tokens();
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let mut depth = 0_usize;
    significant.iter().enumerate().any(|(place, token)| {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        let next = |ahead: usize, word: &str| significant.get(place + ahead).is_some_and(|next| next.is_word(word));
        depth > 0 && token.is_word("group") && next(1, "by") && next(2, "all")
    })
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
    /// How often a text stands in place; each may hold further ones, so that they must be counted.
    in_place: usize,
}

impl Inlined {
    fn new(stand_in: StandIn) -> Self {
        Self { stand_in, parents: Vec::new(), names: BTreeMap::new(), in_place: 0 }
    }
}
