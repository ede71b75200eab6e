//! The pass over a statement's text that takes macros out: time variables stay symbolic, variables of the configuration
//! become text, anything else is a problem (research: engines, section 2.2).
//!
//! The tokeniser says what is code, string or comment; inside code the text itself is scanned, because dialects cut
//! `@x` and `@{x}` in different ways. Untouched text stays byte for byte.

use std::collections::BTreeMap;

use super::value::{Source, Value, closing, unquoted};
use crate::problem::Problem;
use crate::problem::nearest;
use crate::sql::{Dialect, Piece, Template, TimeVariable, Token, TokenKind};
use crate::yaml;

/// Macros and variables of SQLMesh that come later, in lower case.
const LATER: [&str; 36] = [
    "def",
    "eval",
    "if",
    "each",
    "reduce",
    "filter",
    "and",
    "or",
    "with",
    "join",
    "where",
    "group_by",
    "having",
    "order_by",
    "limit",
    "sql",
    "blueprint_var",
    "star",
    "generate_surrogate_key",
    "safe_add",
    "safe_sub",
    "safe_div",
    "union",
    "haversine_distance",
    "pivot",
    "deduplicate",
    "date_spine",
    "resolve_template",
    "insert_seed",
    "gateway",
    "runtime_stage",
    "this_model",
    "model_kind_name",
    "this_env",
    "schemas",
    "views",
];

/// The longest name in `@{…}` that is looked for.
const MAX_NAME: usize = 200;
/// Problems of one file after which no more macros are told.
const MAX_PROBLEMS: usize = 100;

/// Makes a template of a statement. Macros that cannot be expanded stay as they are, with a problem each.
pub(super) fn expand(
    source: &Source<'_>,
    tokens: &[Token],
    dialect: Dialect,
    variables: &BTreeMap<String, yaml::Value>,
    problems: &mut Vec<Problem>,
) -> Template {
    let start = tokens.first().map_or(0, |token| token.range.start);
    let end = tokens.last().map_or(start, |token| token.range.end);
    let expander = Expander { source, tokens, dialect, variables, problems, pieces: Vec::new(), copied: start, end };
    expander.run()
}

/// What is made of the first statement after a byte, for the tests of quicker ways to cut.
#[cfg(test)]
pub(super) fn expanded(text: &str, from: usize, dialect: Dialect) -> (Template, Vec<Problem>) {
    let (path, positions) = (crate::ids::FilePath::new("models/a.sql"), crate::problem::Positions::default());
    let source = Source { path: &path, text, positions: &positions, fixed: None };
    let tokens = crate::sql::tokenize(text, dialect).unwrap_or_default();
    let after = tokens.iter().skip_while(|token| token.range.start < from || !token.is_significant());
    let mut statement: Vec<Token> = after.take_while(|token| !token.is_symbol(";")).cloned().collect();
    while statement.last().is_some_and(|last| !last.is_significant()) {
        statement.pop();
    }
    let mut problems = Vec::new();
    (expand(&source, &statement, dialect, &BTreeMap::new(), &mut problems), problems)
}

struct Expander<'a, 'b> {
    source: &'b Source<'a>,
    tokens: &'b [Token],
    dialect: Dialect,
    variables: &'b BTreeMap<String, yaml::Value>,
    problems: &'b mut Vec<Problem>,
    pieces: Vec<Piece>,
    /// The first byte that no piece holds yet.
    copied: usize,
    /// The end of the statement.
    end: usize,
}

/// How a macro is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `@name`
    Plain,
    /// `@{name}`
    Braced,
}

impl Expander<'_, '_> {
    fn run(mut self) -> Template {
        let mut position = self.copied;
        for index in 0..self.tokens.len() {
            let token = &self.tokens[index];
            position = position.max(token.range.start);
            match &token.kind {
                TokenKind::String(_) | TokenKind::Comment(_) | TokenKind::Space => {}
                TokenKind::Word { quote: Some(_), .. } => {
                    if position == token.range.start {
                        self.quoted_name(token);
                    }
                }
                _ => {
                    while position < token.range.end {
                        let text = &self.source.text[position..token.range.end];
                        let Some(at) = text.find('@') else { break };
                        position = self.at_sign(position + at, index);
                    }
                }
            }
            position = position.max(token.range.end);
        }
        self.flush(self.end);
        Template::new(self.pieces)
    }

    /// Handles an `@` at a byte; gives the byte to go on from.
    fn at_sign(&mut self, at: usize, index: usize) -> usize {
        let text = self.source.text;
        let after = text[at + 1..self.end].chars().next();
        // `@@name`, `<@` and `@>` are operators and system variables of some dialects.
        match after {
            Some('@') => return at + 2 + word_length(&text[at + 2..self.end]),
            _ if text[..at].ends_with('<') => return at + 1,
            Some('{') => {
                let inside = text[at + 2..self.end].char_indices().take(MAX_NAME).find(|(_, sign)| *sign == '}');
                let Some((length, _)) = inside else {
                    self.refuse(at, "`@{` has no `}`", "write `@{name}`");
                    return at + 2;
                };
                let close = at + 2 + length;
                let name = text[at + 2..close].trim().to_owned();
                self.named(&name, at, close + 1, Form::Braced, index);
                return close + 1;
            }
            Some('\'') => return self.template_string(at, index),
            Some(character) if character.is_alphabetic() || character == '_' => {}
            _ => return at + 1,
        }
        let end = at + 1 + word_length(&text[at + 1..self.end]);
        let name = text[at + 1..end].to_owned();
        if text[end..self.end].starts_with('(') {
            return self.call(&name, at, end, index);
        }
        self.named(&name, at, end, Form::Plain, index);
        end
    }

    /// `@name` or `@{name}`.
    fn named(&mut self, name: &str, at: usize, end: usize, form: Form, index: usize) {
        let text = self.source.text;
        let part_of_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
        let glued_before = text[..at].chars().next_back().is_some_and(|last| part_of_name(last) || last == '.');
        let glued_after = match form {
            Form::Plain => text[end..self.end].starts_with('.'),
            Form::Braced => text[end..self.end].chars().next().is_some_and(|next| part_of_name(next) || next == '.'),
        };
        if let Some(variable) = TimeVariable::from_name(name) {
            if glued_before || glued_after {
                let message = format!("`@{name}` cannot be a part of a name yet");
                self.refuse(at, message, "use it as a value of its own");
            } else {
                self.put(at, end, Piece::Time { variable, offset: at });
            }
            return;
        }
        if let Some(value) = self.variables.get(&name.to_lowercase()) {
            let bare = form == Form::Braced || glued_before || glued_after;
            let value = if bare { bare_text(value) } else { literal(value, self.dialect) };
            match value {
                Some(text) => self.put(at, end, Piece::Value { text, offset: at }),
                None => {
                    self.refuse(at, format!("variable `@{name}` is no plain value"), "lists and mappings come later");
                }
            }
        } else if !(self.dialect == Dialect::Snowflake && form == Form::Plain && self.follows_from(index)) {
            self.unknown(name, at, "");
        }
    }

    /// `@NAME(…)`: only `@VAR` is expanded.
    fn call(&mut self, name: &str, at: usize, open: usize, index: usize) -> usize {
        let open_index = (index..self.tokens.len()).find(|index| self.tokens[*index].range.start == open);
        let close = open_index.and_then(|open| Some((open, closing(self.tokens, open)?)));
        let Some((first, last)) = close.filter(|_| name.eq_ignore_ascii_case("var")) else {
            self.unknown(name, at, "(…)");
            return open;
        };
        let end = self.tokens[last].range.end;
        let source = *self.source;
        let arguments: Vec<Value<'_>> = {
            let tokens = &self.tokens[first..=last];
            source.value(tokens, open).items()
        };
        let wanted = arguments.first().and_then(Value::scalar).unwrap_or_default();
        let value = match self.variables.get(&wanted.to_lowercase()) {
            Some(value) => literal(value, self.dialect),
            None => arguments.get(1).filter(|default| default.macro_at().is_none()).map(Value::folded),
        };
        match value {
            Some(text) if (1..=2).contains(&arguments.len()) => self.put(at, end, Piece::Value { text, offset: at }),
            _ if arguments.is_empty() || arguments.len() > 2 => {
                self.refuse(at, "`@VAR` takes the name of a variable and a default", "write `@VAR('name', default)`");
            }
            _ => {
                let message = format!("`@VAR('{wanted}')` names no plain variable and has no plain default");
                self.refuse(at, message, "add it to `variables` of `config.yaml`, or give it a default");
            }
        }
        end
    }

    /// `@'text @{x}'`: a string in which variables are replaced.
    fn template_string(&mut self, at: usize, index: usize) -> usize {
        let found = self.tokens[index..].iter().find(|token| token.range.start == at + 1).cloned();
        let Some((token, body)) = found.and_then(|token| unquoted(&token).map(|body| (token, body))) else {
            return at + 1;
        };
        if let Some(body) = self.substitute(&body, at, Unknown::Refused) {
            let text = string_literal(&body, self.dialect);
            self.put(at, token.range.end, Piece::Value { text, offset: at });
        }
        token.range.end
    }

    /// A quoted name in which variables are replaced; other signs stay.
    fn quoted_name(&mut self, token: &Token) {
        let TokenKind::Word { value, quote: Some(quote) } = &token.kind else { return };
        if !value.contains('@') {
            return;
        }
        let body = self.substitute(value, token.range.start, Unknown::Kept);
        if let Some(body) = body.filter(|body| body != value) {
            let close = if *quote == '[' { ']' } else { *quote };
            let body = body.replace(close, &format!("{close}{close}"));
            let text = format!("{quote}{body}{close}");
            self.put(token.range.start, token.range.end, Piece::Value { text, offset: token.range.start });
        }
    }

    /// Replaces variables in the body of a string or name; `None` where that failed with a problem.
    fn substitute(&mut self, body: &str, at: usize, unknown: Unknown) -> Option<String> {
        let mut output = String::new();
        let mut rest = body;
        while let Some(start) = rest.find('@') {
            output.push_str(&rest[..start]);
            let after = &rest[start + 1..];
            let braced = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let plain = word_length(after);
            let (name, length) = match braced {
                Some((name, _)) => (name.trim(), name.len() + 2),
                None => (&after[..plain], plain),
            };
            let value = self.variables.get(&name.to_lowercase()).and_then(bare_text);
            match value {
                Some(value) => output.push_str(&value),
                None if TimeVariable::from_name(name).is_some() => {
                    let message = format!("`@{name}` inside a string or quoted name is not supported yet");
                    self.refuse(at, message, "use it outside the quotes");
                    return None;
                }
                None if unknown == Unknown::Refused && !name.is_empty() => {
                    self.unknown(name, at, "");
                    return None;
                }
                None => output.push_str(&rest[start..start + 1 + length]),
            }
            rest = &after[length..];
        }
        output.push_str(rest);
        Some(output)
    }

    /// Snowflake's staged files: `FROM @stage`.
    fn follows_from(&self, index: usize) -> bool {
        let before = self.tokens[..index].iter().rev().find(|token| token.is_significant());
        before.is_some_and(|token| ["from", "join", "into"].iter().any(|word| token.is_word(word)))
    }

    fn unknown(&mut self, name: &str, at: usize, call: &str) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let lower = name.to_lowercase();
        if LATER.contains(&lower.as_str()) {
            self.refuse(
                at,
                format!("macro `@{name}{call}` is not supported yet"),
                "the macro language comes in a later version",
            );
            return;
        }
        let times: Vec<String> = TimeVariable::names().collect();
        let known = times.iter().chain(self.variables.keys()).map(String::as_str).chain(LATER);
        let help = match nearest(&lower, known) {
            Some(name) => format!("did you mean `@{name}`?"),
            None => {
                "variables are declared in `variables` of `config.yaml`; macros written in Python cannot run".to_owned()
            }
        };
        self.refuse(at, format!("`@{name}{call}` is neither a time variable nor a variable of `config.yaml`"), &help);
    }

    fn refuse(&mut self, at: usize, message: impl Into<String>, help: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(self.source.error("unknown-macro", at, message).help(help));
        }
    }

    fn put(&mut self, at: usize, end: usize, piece: Piece) {
        self.flush(at);
        self.pieces.push(piece);
        self.copied = end;
    }

    fn flush(&mut self, end: usize) {
        if self.copied < end {
            let text = self.source.text[self.copied..end].to_owned();
            self.pieces.push(Piece::Source { text, offset: self.copied });
            self.copied = end;
        }
    }
}

/// What happens to a name after `@` that nobody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Refused,
    Kept,
}

fn word_length(text: &str) -> usize {
    text.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(text.len())
}

/// A variable's value as it stands inside a name or string; lists and mappings have none.
fn bare_text(value: &yaml::Value) -> Option<String> {
    match value {
        yaml::Value::Bool(value) => Some(value.to_string()),
        yaml::Value::Number(text) | yaml::Value::Text(text) => Some(text.clone()),
        yaml::Value::Null | yaml::Value::List(_) | yaml::Value::Map(_) => None,
    }
}

/// A variable's value as a SQL literal; lists and mappings have none.
fn literal(value: &yaml::Value, dialect: Dialect) -> Option<String> {
    match value {
        yaml::Value::Null => Some("NULL".to_owned()),
        yaml::Value::Bool(value) => Some(value.to_string().to_uppercase()),
        yaml::Value::Number(text) => Some(text.clone()),
        yaml::Value::Text(text) => Some(string_literal(text, dialect)),
        yaml::Value::List(_) | yaml::Value::Map(_) => None,
    }
}

/// A string literal; dialects in which a backslash escapes need it doubled, and some do not know `''`.
fn string_literal(text: &str, dialect: Dialect) -> String {
    let text = match dialect {
        Dialect::BigQuery | Dialect::Databricks | Dialect::Spark | Dialect::Hive => {
            text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")
        }
        Dialect::MySql | Dialect::ClickHouse | Dialect::Snowflake => text.replace('\\', "\\\\").replace('\'', "''"),
        _ => text.replace('\'', "''"),
    };
    format!("'{text}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FilePath;
    use crate::problem::{Positions, has_errors};
    use crate::sql::tokenize;

    fn run(text: &str, dialect: Dialect) -> (String, Vec<Problem>) {
        let variables = BTreeMap::from([
            ("region".to_owned(), yaml::Value::Text("e'u".into())),
            ("limit_rows".to_owned(), yaml::Value::Number("10".into())),
            ("nothing".to_owned(), yaml::Value::Null),
            ("many".to_owned(), yaml::Value::List(Vec::new())),
        ]);
        let path = FilePath::new("models/a.sql");
        let positions = Positions::default();
        let source = Source { path: &path, text, positions: &positions, fixed: None };
        let tokens = tokenize(text, dialect).expect("tokens");
        let mut problems = Vec::new();
        let template = expand(&source, &tokens, dialect, &variables, &mut problems);
        (template.render(&[], &|variable| format!("<{}>", variable.name())), problems)
    }

    #[test]
    fn every_time_variable_is_known_in_every_dialect() {
        let names: Vec<String> = TimeVariable::names().collect();
        assert_eq!(names.len(), 36);
        for (dialect, _) in Dialect::NAMES {
            for name in &names {
                let canonical = TimeVariable::from_name(name).expect("a variable").name();
                let upper = name.to_uppercase();
                let (text, problems) = run(&format!("select @{name}, @{upper}, @{{{name}}}"), dialect);
                assert_eq!(problems, [], "{dialect} {name}");
                assert_eq!(text, format!("select <{canonical}>, <{canonical}>, <{canonical}>"), "{dialect}");
            }
        }
    }

    #[test]
    fn variables_become_literals_or_bare_text() {
        let cases = [
            ("select @region, @LIMIT_ROWS, @nothing", "select 'e''u', 10, NULL"),
            ("select @VAR('region'), @var('x', 1 + 1)", "select 'e''u', 1 + 1"),
            ("from t_@{limit_rows}_x", "from t_10_x"),
            ("from t_@limit_rows", "from t_10"),
            ("from @{limit_rows}.t", "from 10.t"),
            ("select @'a @{limit_rows} @region'", "select 'a 10 e''u'"),
            ("select \"c_@{limit_rows}\", \"a@b\"", "select \"c_10\", \"a@b\""),
        ];
        for (text, expected) in cases {
            let (rendered, problems) = run(text, Dialect::DuckDb);
            assert_eq!((rendered.as_str(), problems), (expected, Vec::new()), "{text}");
        }
        assert_eq!(run("select @region", Dialect::BigQuery).0, "select 'e\\'u'");
    }

    #[test]
    fn strings_comments_and_operators_are_left_alone() {
        for text in [
            "select 'jen@shop.example', 'x @start_ds' -- @foo\n/* @bar */",
            "select a @> b, a <@ b, @ -5",
            "select $$ @foo $$",
            "select @@rowcount_all",
        ] {
            assert_eq!(run(text, Dialect::Postgres), (text.to_owned(), Vec::new()), "{text}");
        }
        let stage = "select $1 from @stage/path";
        assert_eq!(run(stage, Dialect::Snowflake), (stage.to_owned(), Vec::new()));
    }

    #[test]
    fn other_macros_are_problems_with_a_place_and_a_hint() {
        for (dialect, _) in Dialect::NAMES {
            let (_, problems) = run("select 1,\n  @EACH(@many, x -> x), @strat_ds", dialect);
            let told: Vec<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
            assert_eq!(told, [(Some(2), Some(3)), (Some(2), Some(9)), (Some(2), Some(25))], "{dialect}");
            assert_eq!(problems[2].help.as_deref(), Some("did you mean `@start_ds`?"));
            assert!(has_errors(&problems));
        }
        for text in [
            "select @VAR()",
            "select @VAR('x')",
            "select @'@{x}'",
            "select t_@start_ds",
            "select @{}",
            "select @gateway",
        ] {
            assert_eq!(run(text, Dialect::DuckDb).1.len(), 1, "{text}");
        }
    }

    #[test]
    fn source_offsets_lead_back_to_the_file() {
        let text = "select @start_ds, @region, x";
        let path = FilePath::new("a.sql");
        let positions = Positions::default();
        let source = Source { path: &path, text, positions: &positions, fixed: None };
        let tokens = tokenize(text, Dialect::DuckDb).expect("tokens");
        let variables = BTreeMap::from([("region".to_owned(), yaml::Value::Text("europe and more".into()))]);
        let template = expand(&source, &tokens, Dialect::DuckDb, &variables, &mut Vec::new());
        let analysed = template.text();
        let place = analysed.rfind('x').expect("x");
        assert_eq!(template.source_offset(place), text.len() - 1);
    }
}
