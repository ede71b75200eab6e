//! Parsing one query, and what it visibly reads.

use std::sync::{Arc, OnceLock};

use sqlparser::ast;
use sqlparser::parser::{Parser, ParserOptions};
use sqlparser::tokenizer::{Token as Known, TokenWithSpan};

use super::named::reads_by_text;
use super::outputs::with_output_names;
use super::relations::{self, JOIN_WORDS, Reads};
use super::spelled_out::spelled_out;
use super::token::{LineStarts, from_located, located};
use super::whole::{self, WHOLE_FUNCTION};
use super::{Dialect, Relation, Template, Token, TokenKind, tokenize};

/// A model's query: its template, and what it reads where somebody asked. Its syntax tree is a hundred times as large as
/// its text, so it is made when it is needed and never kept.
#[derive(Clone, Debug)]
pub struct Query(Arc<Source>);

#[derive(Debug)]
struct Source {
    written: Template,
    /// Whether output columns without an alias get one; most queries of a project are never looked into.
    names: Names,
    dialect: Dialect,
    analysed: OnceLock<Analysed>,
    seen: OnceLock<Seen>,
    /// Whether the text is elsewhere: nothing may be asked of the query then.
    unread: bool,
}

/// What output columns are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    AsWritten,
    Given,
}

/// What is analysed and runs.
#[derive(Debug)]
struct Analysed {
    /// Where it is not what was written.
    template: Option<Template>,
    /// The text of a template of more than one piece; that of a plain one is in the template.
    text: Option<String>,
}

/// What was seen when the query was parsed.
#[derive(Debug)]
struct Seen {
    reads: Reads,
    /// Whether a text of it is read as a query or as a table's name.
    by_text: bool,
    failure: Option<ParseFailure>,
}

/// A query taken apart: its tokens and, where our parser knows the SQL, its syntax tree.
pub struct Syntax {
    tokens: Vec<Token>,
    tree: Result<Box<ast::Query>, ParseFailure>,
}

impl Syntax {
    /// Its tokens; empty where the text cannot even be cut into tokens.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// What it says of its CTEs, in the order of the text, if they are to be stored: what is drawn depends on that.
    pub(super) fn hints(&self) -> String {
        let mut words: Vec<&str> = Vec::new();
        let mut before = false;
        for token in self.tokens.iter().filter(|token| token.is_significant()) {
            if token.is_word("materialized") {
                words.push(if before { "not materialized" } else { "materialized" });
            }
            before = token.is_word("not");
        }
        words.join(", ")
    }

    pub(super) fn tree(&self) -> Result<&ast::Query, &ParseFailure> {
        self.tree.as_deref()
    }
}

/// Why a query has no syntax tree. Never an error: the model is opaque and its text still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseFailure {
    /// What the parser said.
    pub message: String,
    /// Where, in bytes of [`Query::text`].
    pub offset: usize,
}

const RECURSION_LIMIT: usize = 300;

impl Query {
    /// The query of a template; it is parsed when somebody asks what it reads.
    pub fn parse(template: Template, dialect: Dialect) -> Self {
        Self::new(template, dialect, Names::AsWritten)
    }

    /// The query of a model, whose output columns without an alias are called what SQLMesh calls them.
    pub fn of_model(template: Template, dialect: Dialect) -> Self {
        Self::new(template, dialect, Names::Given)
    }

    fn new(written: Template, dialect: Dialect, names: Names) -> Self {
        let (analysed, seen) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Source { written, names, dialect, analysed, seen, unread: false }))
    }

    /// A query that is known to be there and was not read; see [`Query::is_unread`].
    pub fn unread(dialect: Dialect) -> Self {
        let (analysed, seen, names) = (OnceLock::new(), OnceLock::new(), Names::AsWritten);
        Self(Arc::new(Source { written: Template::default(), names, dialect, analysed, seen, unread: true }))
    }

    /// Whether its text is elsewhere, so that the model must be read again before anything is asked of its query.
    pub fn is_unread(&self) -> bool {
        self.0.unread
    }

    /// The template that is analysed and runs.
    pub fn template(&self) -> &Template {
        self.analysed().template.as_ref().unwrap_or(&self.0.written)
    }

    /// The template as it is written, which names what the other one does, and is there without any work.
    pub fn written(&self) -> &Template {
        &self.0.written
    }

    fn analysed(&self) -> &Analysed {
        self.0.analysed.get_or_init(|| {
            let written = &self.0.written;
            let template = match self.0.names {
                Names::AsWritten => None,
                Names::Given => with_output_names(written, self.0.dialect),
            };
            let shown = template.as_ref().unwrap_or(written);
            let text = shown.plain_text().is_none().then(|| shown.text());
            Analysed { template, text }
        })
    }

    /// The dialect it is written in.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// The text that is parsed.
    pub fn text(&self) -> &str {
        self.analysed().text.as_deref().or_else(|| self.template().plain_text()).unwrap_or_default()
    }

    /// Takes the text apart. What it reads is remembered, the rest is the caller's.
    pub fn syntax(&self) -> Syntax {
        let text = self.text();
        let (tokens, tree) = match located(text, self.0.dialect) {
            Ok(found) => {
                let tokens = from_located(text, &found);
                let tree = parse_tree(text, self.0.dialect, &tokens, found);
                (tokens, tree)
            }
            Err(error) => (Vec::new(), Err(ParseFailure { message: error.message, offset: error.offset })),
        };
        self.0.seen.get_or_init(|| Seen {
            reads: match &tree {
                Ok(query) => relations::of_tree(query, text, &tokens, self.0.dialect),
                Err(_) => relations::of_tokens(&tokens, self.0.dialect),
            },
            by_text: reads_by_text(&tokens, self.0.dialect),
            failure: tree.as_ref().err().cloned(),
        });
        Syntax { tokens, tree }
    }

    /// Its tokens; empty where the text cannot even be cut into tokens.
    pub fn tokens(&self) -> Vec<Token> {
        tokenize(self.text(), self.0.dialect).unwrap_or_default()
    }

    /// Why it has no syntax tree.
    pub fn failure(&self) -> Option<&ParseFailure> {
        self.seen().failure.as_ref()
    }

    /// Whether a text of it is read as a query or as the name of a table (research: soundness, #24).
    pub fn reads_by_text(&self) -> bool {
        self.seen().by_text
    }

    /// The tables that it reads, in the order of the text; every occurrence.
    pub fn relations(&self) -> &[Relation] {
        &self.seen().reads.relations
    }

    /// Where columns are qualified by a table's schema too (`staging.orders.amount`): the qualifier alone, which must
    /// follow when the table's name is replaced.
    pub fn long_qualifiers(&self) -> &[Relation] {
        &self.seen().reads.qualifiers
    }

    fn seen(&self) -> &Seen {
        if self.0.seen.get().is_none() {
            self.syntax();
        }
        self.0.seen.get_or_init(|| Seen { reads: Reads::default(), by_text: false, failure: None })
    }
}

/// More operators and set operations than this make a tree so deep on one side that walking it could exhaust the stack.
const OPERATOR_LIMIT: usize = 4_000;

fn parse_tree(
    text: &str,
    dialect: Dialect,
    tokens: &[Token],
    found: Vec<TokenWithSpan>,
) -> Result<Box<ast::Query>, ParseFailure> {
    refuse_misread(tokens, dialect)?;
    let options = ParserOptions::new().with_trailing_commas(true).with_unescape(false);
    let parser = dialect.parser();
    let failure = |error: sqlparser::parser::ParserError| failure_of(text, &error.to_string());
    let known = in_known_words(found, dialect).map_err(|what| ParseFailure { message: what.into(), offset: 0 })?;
    let mut parser = Parser::new(parser.as_ref())
        .with_options(options)
        .with_recursion_limit(RECURSION_LIMIT)
        .with_tokens_with_locations(known);
    let query = parser.parse_query().map_err(failure)?;
    let rest = parser.peek_token();
    if rest.token != sqlparser::tokenizer::Token::EOF {
        let offset = LineStarts::new(text).offset(text, rest.span.start);
        return Err(ParseFailure { message: format!("unexpected `{}`", rest.token), offset });
    }
    Ok(query)
}

/// The tokens that the parser is given: for DuckDB, `POSITIONAL JOIN` and `ASOF [LEFT] JOIN` under a word that the parser
/// knows and DuckDB does not, CTEs without their hints (see [`Syntax::hints`]), and what [`whole`] rewrites.
fn in_known_words(mut tokens: Vec<TokenWithSpan>, dialect: Dialect) -> Result<Vec<TokenWithSpan>, &'static str> {
    // Hardly a query has the word, and every query comes by here.
    let is_table = |word: &sqlparser::tokenizer::Word| word.value.eq_ignore_ascii_case("table");
    let has_table = |token: &TokenWithSpan| matches!(&token.token, Known::Word(word) if is_table(word));
    if HAVE_TABLE_STATEMENTS.contains(&dialect) && tokens.iter().any(has_table) {
        tokens = without_table_statements(tokens);
    }
    if dialect != Dialect::DuckDb {
        return Ok(tokens);
    }
    tokens.iter_mut().for_each(without_escapes);
    tokens = spelled_out(tokens);
    let mut index = 0;
    while index < tokens.len() {
        if let Some(put) = whole::rewrite(&mut tokens, index) {
            // What was put in is not looked at, the table behind it is.
            index += put;
            continue;
        }
        if !is_word_before(&tokens[index].token) {
            index += 1;
            continue;
        }
        let next = |from: usize| (from + 1..tokens.len()).find(|place| is_significant(&tokens[*place].token));
        let (one, two) = (next(index), next(index).and_then(next));
        let word = |place: usize| word_of(&tokens[place].token);
        let (second, third) = (one.and_then(word), two.and_then(word));
        match word(index).as_deref() {
            Some(WHOLE_FUNCTION) => return Err("a word of our own"),
            Some("global")
                if second.as_deref().is_some_and(|word| {
                    word == "join" || BEFORE_JOIN.contains(&word) || JOIN_WORDS.contains(&word)
                }) =>
            {
                return Err("GLOBAL before a join");
            }
            Some("positional") if second.as_deref() == Some("join") => {
                tokens[index].token = Known::make_keyword("GLOBAL");
            }
            Some("asof") if second.as_deref().is_some_and(|word| word == "join" || BEFORE_JOIN.contains(&word)) => {
                tokens[index].token = Known::make_keyword("GLOBAL");
                if second.as_deref() == Some("join") {
                    let inner = TokenWithSpan::new(Known::make_keyword("INNER"), tokens[index].span);
                    tokens.insert(index + 1, inner);
                }
            }
            Some("as") => {
                let hint = match (second.as_deref(), third.as_deref(), one, two) {
                    (Some("materialized"), _, Some(one), _) => Some((one, one)),
                    (Some("not"), Some("materialized"), Some(one), Some(two)) => Some((one, two)),
                    _ => None,
                };
                let opens =
                    |(_, last): &(usize, usize)| next(*last).is_some_and(|place| tokens[place].token == Known::LParen);
                if let Some((first, last)) = hint.filter(opens) {
                    tokens.drain(first..=last);
                }
            }
            _ => {}
        }
        index += 1;
    }
    Ok(tokens)
}

/// Whether a token is one of the words that [`in_known_words`] looks behind: hardly one is, and every token comes by here.
fn is_word_before(token: &Known) -> bool {
    let Known::Word(word) = token else { return false };
    ["as", "asof", "positional", "global", WHOLE_FUNCTION].iter().any(|known| word.value.eq_ignore_ascii_case(known))
}

/// DuckDB's `e'a\n'` as the text that it is, which the parser takes from a few dialects only; quotes in it are doubled, as
/// in every text here.
fn without_escapes(token: &mut TokenWithSpan) {
    if let Known::EscapedStringLiteral(text) = &token.token {
        token.token = Known::SingleQuotedString(text.replace('\'', "''"));
    }
}

/// Escapes of single characters. Codes are left out: DuckDB reads `\xC3\xA9` as bytes, the tokeniser as letters.
fn has_plain_escapes(text: &str) -> bool {
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && !letters.next().is_some_and(|next| "nrtbf\\'\"".contains(next)) {
            return false;
        }
    }
    true
}

/// Dialects whose `TABLE t` is `SELECT * FROM t`.
const HAVE_TABLE_STATEMENTS: [Dialect; 2] = [Dialect::DuckDb, Dialect::Postgres];

/// `SELECT * FROM` where a statement `TABLE` begins: the parser's own node for that one keeps the table without its place.
fn without_table_statements(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut known: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 2);
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let begins = word_of(&token.token).as_deref() == Some("table");
        let mut spaces = Vec::new();
        while let Some(space) = rest.next_if(|next| begins && !is_significant(&next.token)) {
            spaces.push(space);
        }
        let last = known.iter().rfind(|token| is_significant(&token.token)).map(|token| &token.token);
        let is_name = last.is_some_and(|last| *last == Known::Period || word_of(last).as_deref() == Some("as"));
        let next = rest.peek().map(|next| &next.token);
        let names = next.is_some_and(|next| matches!(next, Known::Word(_)) && word_of(next).as_deref() != Some("as"));
        if begins && !is_name && names {
            let words = [Known::make_keyword("SELECT"), Known::Mul, Known::make_keyword("FROM")];
            known.extend(words.map(|word| TokenWithSpan::new(word, token.span)));
        } else {
            known.push(token);
        }
        known.extend(spaces);
    }
    known
}

const BEFORE_JOIN: [&str; 5] = ["left", "right", "full", "inner", "cross"];

pub(super) fn is_significant(token: &Known) -> bool {
    !matches!(token, Known::Whitespace(_))
}

/// An unquoted word in lower case.
pub(super) fn word_of(token: &Known) -> Option<String> {
    match token {
        Known::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        _ => None,
    }
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

/// Whether the word `table` between these tokens begins a statement of its own.
fn is_table_statement(before: Option<&Token>, after: &[Token]) -> bool {
    let is_name = before.is_some_and(|token| token.is_symbol(".") || token.is_word("as"));
    let next = after.iter().find(|token| token.is_significant());
    !is_name && next.is_some_and(|next| matches!(next.kind, TokenKind::Word { .. }) && !next.is_word("as"))
}

/// Whether a query may begin after these tokens, so that `TABLE` there is one.
fn may_begin_query(before: &[Token]) -> bool {
    const OPENS: [&str; 10] = ["all", "any", "as", "exists", "from", "in", "join", "lateral", "materialized", "some"];
    const JOINS: [&str; 6] = ["union", "except", "intersect", "all", "distinct", "name"];
    let is_one_of = |token: &Token, words: &[&str]| words.iter().any(|word| token.is_word(word));
    let mut before = before.iter().rev().filter(|token| token.is_significant());
    match before.next() {
        None => true,
        // An argument of a function may begin with the word too.
        Some(last) if last.is_symbol("(") => before.next().is_none_or(|token| {
            [")", "("].iter().any(|symbol| token.is_symbol(symbol))
                || is_one_of(token, &OPENS)
                || is_one_of(token, &JOINS)
        }),
        Some(last) => last.is_symbol(")") || is_one_of(last, &JOINS),
    }
}

/// Whether `ONLY` between these tokens says which rows of a table are read. DuckDB and PostgreSQL reserve the word, so it
/// is no name there.
fn is_table_prefix(before: Option<&Token>, after: &[Token], dialect: Dialect) -> bool {
    let next = after.iter().find(|token| token.is_significant());
    matches!(dialect, Dialect::DuckDb | Dialect::Postgres)
        && before.is_some_and(|token| token.is_word("from") || token.is_word("join") || token.is_symbol(","))
        && next.is_some_and(|next| next.is_symbol("(") || matches!(next.kind, TokenKind::Word { .. }))
}

/// Words that may stand right before a text: `DATE'2026-01-01'` is a date in every dialect.
const BEFORE_TEXT: [&str; 6] = ["date", "interval", "time", "timestamp", "timestamptz", "timetz"];

/// Texts that the parser takes without an error but reads otherwise than the engine does (research: engines, 1.4).
fn refuse_misread(tokens: &[Token], dialect: Dialect) -> Result<(), ParseFailure> {
    let failure =
        |token: &Token, message: &str| Err(ParseFailure { message: message.into(), offset: token.range.start });
    let mut operators = 0;
    let mut last: Option<&Token> = None;
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        match &token.kind {
            TokenKind::Comment(text) if text.starts_with("/*") && text[2..].contains("/*") => {
                return failure(token, "a comment inside a comment, which engines end in different places");
            }
            TokenKind::Comment(text) if text.starts_with("/*!") || text.starts_with("/*+") => {
                return failure(token, "a comment that engines read");
            }
            TokenKind::Number(_) if next.is_some_and(|next| matches!(next.kind, TokenKind::Word { .. })) => {
                return failure(token, "a number with a suffix");
            }
            TokenKind::Word { .. }
                if next.is_some_and(|next| matches!(next.kind, TokenKind::String(_)))
                    && !BEFORE_TEXT.iter().any(|word| token.is_word(word)) =>
            {
                return failure(token, "a string with a prefix");
            }
            TokenKind::String(text)
                if dialect == Dialect::DuckDb && text.starts_with(['e', 'E']) && !has_plain_escapes(text) =>
            {
                return failure(token, "a text with codes of characters");
            }
            TokenKind::String(_) if last.is_some_and(|last| matches!(last.kind, TokenKind::String(_))) => {
                return failure(token, "two strings in a row");
            }
            TokenKind::Word { .. }
                if token.is_word("table")
                    && is_table_statement(last, &tokens[index + 1..])
                    && !(HAVE_TABLE_STATEMENTS.contains(&dialect) && may_begin_query(&tokens[..index])) =>
            {
                return failure(token, "the statement `TABLE`");
            }
            // Inherited tables left out or not: the parser reads a table of that name.
            TokenKind::Word { .. } if token.is_word("only") && is_table_prefix(last, &tokens[index + 1..], dialect) => {
                return failure(token, "ONLY before a table");
            }
            TokenKind::Symbol(text) if !["(", ")", ",", ".", ";"].contains(&text.as_str()) => operators += 1,
            TokenKind::Word { quote: None, value }
                if ["and", "or", "union"].iter().any(|word| value.eq_ignore_ascii_case(word)) =>
            {
                operators += 1;
            }
            _ => {}
        }
        if token.is_significant() {
            last = Some(token);
        }
    }
    if operators > OPERATOR_LIMIT {
        return Err(ParseFailure { message: "a query too long to take apart".into(), offset: 0 });
    }
    Ok(())
}
