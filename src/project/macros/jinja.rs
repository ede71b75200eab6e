//! Jinja blocks: `JINJA_QUERY_BEGIN; … JINJA_END;`, rendered when the project is read, with the macros of `macros/*.sql`.
//!
//! Time variables are only known when a statement runs, so they may be written and nothing else: `{{ start_ds }}`. What is
//! rendered is SQL as if the author had written it there. Nothing is read from files, and an instruction count bounds the work.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Object, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::Expander;
use super::lexeme::{Kind, Lexeme, lex_made};
use super::names::Names;
use super::text::{Part, bare_text};
use crate::settings::{jinja_environment, jinja_value, let_change, read_bounded, render_bounded, with_changing};
use crate::sql::{TimeForm, TimeVariable};

/// A block of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::project) struct Block {
    /// All of it, from its first word to the semicolon after its last.
    pub(in crate::project) whole: Range<usize>,
    /// What is rendered.
    pub(in crate::project) body: Range<usize>,
}

/// The Jinja of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::project) struct Jinja<'a> {
    /// The file's text, which the blocks are parts of; the source that tokens belong to has them masked.
    pub(in crate::project) text: &'a str,
    /// Its blocks, in order.
    pub(in crate::project) blocks: &'a [Block],
    /// The macros of the project.
    pub(in crate::project) definitions: &'a str,
}

/// Why a block gave no SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    /// The byte of the body where, as far as it is known.
    offset: usize,
    message: String,
    help: &'static str,
}

/// The macros of the project are read anew for each block, so that many of both take long: so many bytes at most.
const MAX_JINJA: usize = 256 << 20;
const BEGINNINGS: [&str; 2] = ["jinja_query_begin", "jinja_statement_begin"];
const END: &str = "jinja_end";
/// What they all begin with.
const PREFIX: &str = "jinja_";
/// So many steps at most; a loop over a thousand columns takes some ten thousand.
const FUEL: u64 = 600_000;
/// Longer SQL is refused.
const MAX_RENDERED: usize = 10 << 20;
/// What begins whatever is only known when the statement runs, until the result is cut into words.
const OPEN: &str = "__offshoot_jinja_";
/// What stands for `{{ start_ds }}` begins with this.
const TIME: &str = OPEN;
/// What ends such a name.
const TIME_END: &str = "__";
/// What stands for `{{ this_model }}`.
const THIS: &str = "__offshoot_jinja_this_model__";

impl<'a> Jinja<'a> {
    pub(super) fn block_at(&self, start: usize) -> Option<&'a Block> {
        let found = self.blocks.binary_search_by_key(&start, |block| block.whole.start).ok()?;
        self.blocks.get(found)
    }
}

impl Expander<'_> {
    /// What a Jinja block gives, without a semicolon at its end.
    pub(super) fn rendered(&mut self, block: &Block) -> Vec<Lexeme> {
        let Jinja { text, definitions, blocks } = self.jinja;
        let body = text.get(block.body.clone()).unwrap_or_default();
        let at = block.whole.start;
        if blocks.len().saturating_mul(definitions.len() + text.len()) > MAX_JINJA {
            self.refuse(
                at,
                "the file has too many Jinja blocks",
                "put some of them into one, or into models of their own",
            );
            return Vec::new();
        }
        self.reads_stage |= body.contains("runtime_stage") || definitions.contains("runtime_stage");
        let rendered = match render(body, definitions, self.names, self.stage) {
            Ok(rendered) => rendered,
            Err(Refused { offset, message, help }) => {
                self.refuse(block.body.start + offset, message, help);
                return Vec::new();
            }
        };
        let sql = rendered.trim().trim_end_matches(';');
        match lex_made(sql, self.dialect, at) {
            Some(lexemes) => lexemes.into_iter().flat_map(|lexeme| self.open(lexeme)).collect(),
            None => {
                let help = "close its strings, quoted names and comments";
                self.refuse(at, "what the Jinja block gives cannot be cut into words", help);
                Vec::new()
            }
        }
    }
}

/// The blocks of a file; one that is never closed goes to the end.
pub(in crate::project) fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    while let Some((start, body)) = next_word(&lower, from, &BEGINNINGS) {
        let (body_end, end) = next_word(&lower, body, &[END]).unwrap_or((text.len(), text.len()));
        found.push(Block { whole: start..end, body: body..body_end });
        from = end;
    }
    found
}

/// The next of some words that is one with its semicolon, or the last of the file: where it begins, and where that ends. One
/// that begins a block begins a statement or a line, so that no comment is taken for one.
fn next_word(lower: &str, from: usize, words: &[&str]) -> Option<(usize, usize)> {
    for (at, _) in lower[from..].match_indices(PREFIX) {
        let start = from + at;
        let Some(word) = words.iter().find(|word| lower[start..].starts_with(**word)) else { continue };
        let after = &lower[start + word.len()..];
        let space = after.len() - after.trim_start().len();
        let end = match after[space..].chars().next() {
            Some(';') => start + word.len() + space + 1,
            None => lower.len(),
            _ => continue,
        };
        let before = &lower[..start];
        let begins = match *word {
            END => !before.ends_with(|last: char| last.is_alphanumeric() || last == '_'),
            // Only over white space of the line: there may be many on one.
            _ => {
                let line = before.trim_end_matches(|sign: char| sign.is_whitespace() && sign != '\n');
                line.is_empty() || line.ends_with(['\n', ';'])
            }
        };
        if begins {
            return Some((start, end));
        }
    }
    None
}

/// A file's text with each block as one word and its semicolon; bytes and lines stay where they are.
pub(in crate::project) fn masked(text: &str, blocks: &[Block]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for Block { whole, .. } in blocks {
        let word = bytes[whole.clone()].iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'_').count();
        for byte in bytes[whole.start + word..whole.end].iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        if let Some(last) = bytes[whole.start + word..whole.end].last_mut() {
            *last = b';';
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// The definitions of macros in a file of `macros/`; everything else in it is passed over, as by SQLMesh.
pub(in crate::project) fn definitions(text: &str) -> String {
    let mut found = String::new();
    let mut rest = text;
    while let Some((start, _)) = tag(rest, "macro") {
        let Some((_, end)) = tag(&rest[start..], "endmacro") else {
            // Whoever reads it says what is missing.
            found.push_str(&rest[start..]);
            break;
        };
        found.push_str(&rest[start..start + end]);
        rest = &rest[start + end..];
    }
    found
}

/// Where the next `{% word … %}` begins and ends.
fn tag(text: &str, word: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("{%")?;
        let end = start + text[start..].find("%}")? + 2;
        let inside = text[start + 2..end - 2].trim_matches(['-', '+']).trim();
        if inside.split(|character: char| !(character.is_alphanumeric() || character == '_')).next() == Some(word) {
            return Some((start, end));
        }
        from = end;
    }
}

/// What is wrong with definitions.
pub(in crate::project) fn mistake(definitions: &str) -> Option<String> {
    read_bounded(definitions).err().map(|error| error.to_string())
}

/// Renders a block's body.
fn render(body: &str, definitions: &str, names: Names<'_>, stage: &str) -> Result<String, Refused> {
    let times = with_times(body)?;
    let mut environment = jinja_environment();
    let variables = names.variables.clone();
    let gateway = names.gateway.map(str::to_owned);
    let of_gateway = gateway.clone();
    environment.add_function("var", move |name: String, default: Option<Value>| {
        let lower = name.to_lowercase();
        match (variables.get(&lower), lower.as_str(), &of_gateway) {
            (_, "gateway", Some(gateway)) => Value::from(gateway.clone()),
            (Some(value), ..) => jinja_value(value),
            _ => default.unwrap_or_else(|| Value::from(())),
        }
    });
    // Its SQL, a text in its quotes, as SQLMesh has it.
    let locals = names.locals.clone();
    environment.add_function("blueprint_var", move |name: String, default: Option<Value>| {
        let value = locals.get(&name.to_lowercase()).map(|sql| Value::from(sql.clone()));
        value.unwrap_or_else(|| default.unwrap_or_else(|| Value::from(())))
    });
    // An audit's arguments stand there as they are written.
    for (name, sql) in names.locals {
        environment.add_global(name.clone(), sql.clone());
    }
    environment.add_global("runtime_stage", stage.to_owned());
    if let Some(kind) = names.kind {
        environment.add_global("model_kind_name", kind.to_owned());
    }
    if let Some(gateway) = gateway {
        environment.add_global("gateway", Value::from_object(GatewayName(gateway)));
    }
    let whole = format!("{definitions}{times}");
    let_change(&mut environment);
    let rendered = render_bounded(&mut environment, &with_changing(&whole), FUEL).map_err(|error| {
        // Lines of the definitions come first.
        let lines = definitions.matches('\n').count();
        let line = error.line.unwrap_or(1).saturating_sub(lines).max(1);
        let offset = body.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let help = match error.kind {
            ErrorKind::OutOfFuel => "write a loop over less",
            ErrorKind::UndefinedError | ErrorKind::UnknownFunction => {
                "variables are `var('name')`, macros are those of `macros/*.sql`; Python's and dbt's are not there"
            }
            ErrorKind::UnknownMethod => "the usual methods of Python's texts, lists and mappings are there",
            ErrorKind::InvalidOperation if error.detail.as_ref().is_some_and(|detail| detail.contains(" % ")) => {
                "a text is filled by `'%s' | format(value)` or `'{}'.format(value)`"
            }
            _ => "see the reference of Jinja's templates",
        };
        Refused { offset, message: format!("Jinja: {error}"), help }
    })?;
    if rendered.len() > MAX_RENDERED {
        let message = format!("a Jinja block gives more than {} MiB of SQL", MAX_RENDERED >> 20);
        return Err(Refused { offset: 0, message, help: "write a loop over less" });
    }
    Ok(rendered)
}

/// `gateway()`, as SQLMesh has it; written without the call it is the same text.
#[derive(Debug)]
struct GatewayName(String);

impl Object for GatewayName {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value, Error> {
        let () = from_args(arguments)?;
        Ok(Value::from(self.0.clone()))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The body with a name for each `{{ start_ds }}`. Anything else that asks for a time would get something that is none.
fn with_times(body: &str) -> Result<String, Refused> {
    let mut output = String::with_capacity(body.len());
    let (mut from, mut captured) = (0, 0_usize);
    while let Some(start) = body[from..].find('{').map(|at| from + at) {
        let close = match body.as_bytes().get(start + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => {
                output.push_str(&body[from..=start]);
                from = start + 1;
                continue;
            }
        };
        let end = body[start..].find(close).map_or(body.len(), |end| start + end + 2);
        output.push_str(&body[from..start]);
        let tag = &body[start..end];
        let inside = tag[2..].trim_end_matches(close).trim_matches(['-', '+']).trim();
        captured = match block_word(inside).filter(|_| close == "%}") {
            Some(Captures::Begin) => captured + 1,
            Some(Captures::End) => captured.saturating_sub(1),
            None => captured,
        };
        match (TimeVariable::from_name(inside), close) {
            (Some(variable), "}}") if captured == 0 => output.push_str(&format!("{TIME}{}{TIME_END}", variable.name())),
            (None, "}}") if captured == 0 && inside == "this_model" => output.push_str(THIS),
            _ => {
                let is_word = |character: char| character.is_alphanumeric() || character == '_';
                let mut words = inside.split(|character| !is_word(character));
                if let Some(word) = words.find(|word| *word == "this_model" || TimeVariable::from_name(word).is_some())
                {
                    let message =
                        format!("Jinja: `{word}` is only known when the statement runs, so it can only be written");
                    let help = "write it alone, outside of Jinja's blocks, or compute with `@start_ds` in SQL";
                    return Err(Refused { offset: start, message, help });
                }
                output.push_str(tag);
            }
        }
        from = end;
    }
    output.push_str(&body[from..]);
    Ok(output)
}

/// What a tag does with the text around it.
enum Captures {
    Begin,
    End,
}

/// Whether a tag begins or ends a block whose text another may compute with.
fn block_word(inside: &str) -> Option<Captures> {
    let word = inside.split(|sign: char| !(sign.is_alphanumeric() || sign == '_')).next()?;
    match word {
        "macro" | "call" | "filter" => Some(Captures::Begin),
        "set" if !inside.contains('=') => Some(Captures::Begin),
        "endmacro" | "endcall" | "endfilter" | "endset" => Some(Captures::End),
        _ => None,
    }
}

impl Expander<'_> {
    /// A lexeme of rendered SQL, with what stands open as such.
    fn open(&mut self, lexeme: Lexeme) -> Vec<Lexeme> {
        let at = lexeme.at;
        if lexeme.kind == Kind::Comment || !lexeme.text.to_lowercase().contains(OPEN) {
            return vec![lexeme];
        }
        if let (true, Some(this)) = (lexeme.text == THIS, self.names.this_model) {
            return vec![Lexeme::made(Kind::This, this, at)];
        }
        let is_number = |form| matches!(form, TimeForm::Hour | TimeForm::Epoch | TimeForm::Millis);
        if let Some(variable) = time_of(&lexeme.text).filter(|variable| is_number(variable.form)) {
            return vec![Lexeme::made(Kind::Time(variable), "", at)];
        }
        let text = match lexeme.kind {
            Kind::String => bare_text(std::slice::from_ref(&lexeme), self.dialect),
            _ => None,
        };
        match text.and_then(|text| parts(&text)) {
            Some(parts) => self.joined_text(parts, at),
            None => {
                let message =
                    "a time can only be a value of its own or in a string, and `this_model` a name that is in none";
                self.refuse(
                    at,
                    message,
                    "write `'{{ start_ds }}'`, and `{{ this_model }}` without quotes or anything beside it",
                );
                vec![lexeme]
            }
        }
    }
}

/// A text cut at the times in it; `None` where it has something else in it that is open.
fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(TIME) {
        let name = &rest[start + TIME.len()..];
        let end = name.find(TIME_END)?;
        if start > 0 {
            parts.push(Part::Text(rest[..start].to_owned()));
        }
        parts.push(Part::Time(TimeVariable::from_name(&name[..end])?));
        rest = &name[end + TIME_END.len()..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    let is_whole = |part: &Part| !matches!(part, Part::Text(text) if text.to_lowercase().contains(OPEN));
    parts.iter().all(is_whole).then_some(parts)
}

fn time_of(text: &str) -> Option<TimeVariable> {
    TimeVariable::from_name(text.strip_prefix(TIME)?.strip_suffix(TIME_END)?)
}
