//! Parsing one query, and what it visibly reads.

use std::ops::Range;
use std::sync::Arc;

use sqlparser::ast;
use sqlparser::parser::{Parser, ParserOptions};

use super::token::LineStarts;
use super::{Dialect, Template, Token, tokenize};
use crate::ids::ModelName;

/// A model's query: its template, its tokens and, where our parser knows the SQL, its syntax tree.
#[derive(Clone, Debug)]
pub struct Query(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    template: Template,
    dialect: Dialect,
    text: String,
    tokens: Vec<Token>,
    tree: Result<Box<ast::Query>, ParseFailure>,
    relations: Vec<Relation>,
}

/// Why a query has no syntax tree. Never an error: the model is opaque and its text still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFailure {
    /// What the parser said.
    pub message: String,
    /// Where, in bytes of [`Query::text`].
    pub offset: usize,
}

/// A table that a query reads by name and that none of its CTEs owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its name, folded as the dialect folds.
    pub name: ModelName,
    /// Where the whole name stands in [`Query::text`].
    pub range: Range<usize>,
    /// The alias that must be added when the name is replaced, because there is none and columns may be qualified by
    /// the table's own name; already quoted.
    pub implied_alias: Option<String>,
}

const RECURSION_LIMIT: usize = 300;

impl Query {
    /// Parses the text of a template.
    pub fn parse(template: Template, dialect: Dialect) -> Self {
        let text = template.text();
        let tokens = tokenize(&text, dialect).unwrap_or_default();
        let tree = parse_tree(&text, dialect);
        let relations = Vec::new();
        Self(Arc::new(Parsed { template, dialect, text, tokens, tree, relations }))
    }

    /// The template it came from.
    pub fn template(&self) -> &Template {
        &self.0.template
    }

    /// The dialect it is written in.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Its tokens; empty where the text cannot even be cut into tokens.
    pub fn tokens(&self) -> &[Token] {
        &self.0.tokens
    }

    /// Why it has no syntax tree.
    pub fn failure(&self) -> Option<&ParseFailure> {
        self.0.tree.as_ref().err()
    }

    /// The tables that it reads, in the order of the text; every occurrence.
    pub fn relations(&self) -> &[Relation] {
        &self.0.relations
    }
}

fn parse_tree(text: &str, dialect: Dialect) -> Result<Box<ast::Query>, ParseFailure> {
    let options = ParserOptions::new().with_trailing_commas(true).with_unescape(false);
    let parser = dialect.parser();
    let failure = |error: sqlparser::parser::ParserError| failure_of(text, &error.to_string());
    let mut parser = Parser::new(parser.as_ref())
        .with_options(options)
        .with_recursion_limit(RECURSION_LIMIT)
        .try_with_sql(text)
        .map_err(failure)?;
    let query = parser.parse_query().map_err(failure)?;
    let rest = parser.peek_token();
    if rest.token != sqlparser::tokenizer::Token::EOF {
        let offset = LineStarts::new(text).offset(text, rest.span.start);
        return Err(ParseFailure { message: format!("unexpected `{}`", rest.token), offset });
    }
    Ok(query)
}

/// The parser tells a place only inside its message: `… at Line: 3, Column: 7`.
fn failure_of(text: &str, message: &str) -> ParseFailure {
    let number = |label: &str| -> Option<u64> {
        let rest = message.split(label).nth(1)?.trim_start();
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
    };
    let location = number("Line:").zip(number("Column:"));
    let offset = location.map_or(0, |(line, column)| {
        LineStarts::new(text).offset(text, sqlparser::tokenizer::Location { line, column })
    });
    let message = message.split(" at Line:").next().unwrap_or(message);
    let message = message.trim_start_matches("sql parser error: ").to_owned();
    ParseFailure { message, offset }
}
