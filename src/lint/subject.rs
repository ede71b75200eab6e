//! One model as rules see it, and where in its file something stands.

use std::sync::OnceLock;

use crate::files::FileTree;
use crate::fingerprint::{Fingerprint, Tree};
use crate::graph::Node;
use crate::model::Model;
use crate::problem::{Positions, Problem, Severity};
use crate::sql::{Projection, Query, Syntax, Token, projections, tokenize};

/// A model that is looked at. Its query is taken apart once, when a rule first asks, and its file is read only where
/// there is something to tell.
pub(super) struct Subject<'a> {
    pub(super) tree: &'a Tree,
    pub(super) model: &'a Model,
    files: &'a dyn FileTree,
    parsed: OnceLock<Result<Parsed, String>>,
    text: OnceLock<(String, Positions)>,
}

/// A model's query, taken apart.
pub(super) struct Parsed {
    pub(super) syntax: Syntax,
    /// Its outermost projections.
    pub(super) selects: Vec<Vec<Projection>>,
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) spot: Spot,
    pub(super) message: String,
    pub(super) help: String,
}

/// Where in a model's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// The `MODEL` block.
    Header,
    /// A property of it.
    Property(&'static str),
    /// A byte of [`Query::text`].
    Query(usize),
}

impl<'a> Subject<'a> {
    pub(super) fn new(tree: &'a Tree, files: &'a dyn FileTree, model: &'a Model) -> Self {
        Self { tree, model, files, parsed: OnceLock::new(), text: OnceLock::new() }
    }

    /// What the model mentions; `None` for one that was not looked at.
    pub(super) fn node(&self) -> Option<&'a Node> {
        self.tree.graph.node(&self.model.name)
    }

    /// Its fingerprint; a member of a circle has none.
    pub(super) fn fingerprint(&self) -> Option<&'a Fingerprint> {
        self.tree.fingerprints.get(&self.model.name)
    }

    /// Its query taken apart; nothing where it has none. An error is why that cannot be done.
    pub(super) fn parsed(&self) -> Result<Option<&Parsed>, String> {
        let Some(query) = &self.model.query else { return Ok(None) };
        let parsed = self.parsed.get_or_init(|| {
            let syntax = query.syntax();
            let unknown = || {
                let what = query.failure().map(|failure| failure.message.clone()).unwrap_or_default();
                format!("the parser does not know this SQL ({what})")
            };
            let selects = projections(query, &syntax).ok_or_else(unknown)?;
            Ok(Parsed { syntax, selects })
        });
        parsed.as_ref().map(Some).map_err(Clone::clone)
    }

    /// A finding as a problem of the model's file.
    pub(super) fn problem(&self, severity: Severity, code: &'static str, finding: Finding) -> Problem {
        let Finding { spot, message, help } = finding;
        let problem = match severity {
            Severity::Error => Problem::error(code, message),
            Severity::Warning | Severity::Info => Problem::warning(code, message),
        };
        self.locate(problem.help(help), &spot)
    }

    /// A problem with its place.
    pub(super) fn locate(&self, problem: Problem, spot: &Spot) -> Problem {
        let path = &self.model.path;
        let (text, positions) = self.read();
        let offset = match spot {
            Spot::Query(offset) => {
                self.model.query.as_ref().map(Query::template).map(|template| template.source_offset(*offset))
            }
            Spot::Header => self.first(text, Token::is_significant),
            Spot::Property(name) => self.first(text, |token| token.is_word(name)),
        };
        let (line, column) = positions.at(text, offset.unwrap_or(0));
        problem.at(path).position(line, column)
    }

    /// The text of the model's file.
    pub(super) fn file(&self) -> &str {
        &self.read().0
    }

    fn read(&self) -> &(String, Positions) {
        let text = || self.files.text(&self.model.path).unwrap_or_default();
        self.text.get_or_init(|| (text(), Positions::default()))
    }

    fn first(&self, text: &str, is_it: impl Fn(&Token) -> bool) -> Option<usize> {
        let tokens = tokenize(text, self.model.dialect).ok()?;
        tokens.iter().find(|token| is_it(token)).map(|token| token.range.start)
    }
}
