//! SQL as this program sees it: dialects, tokens, templates with time variables, parsed queries and what they read.
//!
//! This module alone knows `sqlparser`. It never talks to an engine and never prints a syntax tree as SQL: what runs is
//! the author's text, with names spliced in by position (`Template::render`).

mod analysis;
mod catalog;
mod constant;
mod dialect;
mod functions;
mod layout;
mod lexeme;
mod mended;
mod mention;
mod named;
mod names;
mod opaque;
mod outputs;
mod parse;
mod postgres_only;
mod projections;
mod relations;
mod reserved;
mod shape;
mod spelled_out;
mod stars;
mod stated;
mod template;
mod time_format;
mod token;
mod walk;
mod whole;

pub use analysis::{analyze, analyze_syntax, dependencies, origins, output_names, refused_at, stated_outputs};
pub use catalog::{Alone, DefaultCatalog, names_within, within};
pub use constant::{Constant, ConstantError, evaluate};
pub use dialect::{Dialect, is_keyword};
pub use functions::{FunctionClass, FunctionTable, function_class, function_table};
pub use layout::layout;
pub use mended::{between, crossed, without_parentheses};
pub use mention::{Mentions, MentionsBuilder, NameKey};
pub use named::{InText, named_in_texts, names_in, single_names_in};
pub use opaque::Opaque;
pub use parse::{ParseFailure, Query, Syntax};
pub use postgres_only::{for_postgres, type_in};
pub use projections::{Projection, ProjectionItem, projections};
pub use relations::{Certainty, ColumnNames, Relation};
pub use reserved::quoted_words;
pub use shape::{
    Analysis, Dependencies, NameOrigin, Origin, Origins, OutputName, OwnFunction, Read, Reads, Resolved, ShapeColumn,
    TableShape, Tables, Traits,
};
pub use stars::is_all_columns;
pub use stated::{KnownTables, StatedColumn, stated_columns};
pub use template::{Moment, Piece, Placeholder, Splice, TIME_FUNCTION, Template, TimeForm, TimeVariable};
pub use time_format::{sorts, strftime};
pub use token::{Token, TokenError, TokenKind, tokenize};
pub use walk::{Part, Walk};
