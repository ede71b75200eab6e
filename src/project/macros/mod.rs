//! The pass over a statement that takes macros out (research: SQLMesh, section 7.4, and engines, section 2.2). Time variables
//! and `@this_model` stay symbolic until the statement runs; everything else is expanded when the project is read.
//!
//! SQLMesh expands syntax trees; here it is words and signs, so that untouched text stays byte for byte and keeps its place in
//! the file. `lexeme` cuts, `call` knows the macros that repeat, `choice` the one that decides, `clause` those that stand for a clause,
//! `built_in` those that write SQL, `columns` those of them that list columns. Nothing here runs Python.

mod built_in;
mod call;
mod choice;
mod clause;
mod columns;
mod evaluation;
mod jinja;
mod lexeme;
mod names;
mod plain;
#[cfg(test)]
mod tests;
mod text;
mod variable;

use std::collections::{BTreeMap, BTreeSet};

use self::call::Lambda;
use self::evaluation::{Values, pasted, whole};
use self::lexeme::{Kind, Lexeme, apart, closing, closings, lex, pieces, trimmed};
use self::variable::{is_alias, is_name_place};
use super::value::Source;
use crate::ids::ModelName;
use crate::problem::{Problem, nearest};
#[cfg(test)]
use crate::sql::tokenize;
use crate::sql::{Dialect, Piece, Template, TimeVariable, Token, names_within};

pub(super) use columns::{Columns, TableColumns};
pub(super) use jinja::{Block, Jinja, blocks, definitions, mistake};
pub(super) use names::{NO_LOCALS, Names};
pub(super) use plain::plain;

/// Problems of one file after which no more macros are told.
const MAX_PROBLEMS: usize = 100;
/// So many words and signs are made by macros at most, in one file.
const MAX_MADE: usize = 500_000;
/// Macros in macros are followed so deep.
const MAX_DEPTH: usize = 40;
/// What a model's statements see of SQLMesh's stages: here a table is made and filled in one go.
const STAGE: &str = "evaluating";

/// Expands the statements of one file.
pub(super) struct Expander<'a> {
    source: Source<'a>,
    dialect: Dialect,
    names: Names<'a>,
    /// `@DEF` and the arguments of the functions around, by lower-case name.
    locals: BTreeMap<String, Vec<Lexeme>>,
    functions: BTreeMap<String, Lambda>,
    /// The parameters of the functions around, the innermost last.
    parameters: Vec<String>,
    /// How values are put into what is being expanded.
    values: Values,
    /// How deep the body of the function lies that is being expanded.
    function_depth: Option<usize>,
    jinja: Jinja<'a>,
    stage: &'static str,
    /// Whether the stage was asked for.
    reads_stage: bool,
    made: usize,
    /// The tables whose columns were asked for.
    pub(super) wanted: BTreeSet<ModelName>,
    /// What is wrong, in the order in which it was found.
    pub(super) problems: Vec<Problem>,
}

/// What a macro came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    One(Vec<Lexeme>),
    /// A list of its own; elsewhere than in a macro its items stand between commas.
    Items(Vec<Vec<Lexeme>>),
    Nothing,
}

/// The result of a step; `None` where that failed and the problem is told.
type Step<T> = Option<T>;

/// What is made of the first statement after a byte, for the tests of quicker ways to cut.
#[cfg(test)]
pub(super) fn expanded(text: &str, from: usize, dialect: Dialect) -> (Template, Vec<Problem>) {
    let (path, positions) = (crate::ids::FilePath::new("models/a.sql"), crate::problem::Positions::default());
    let source = Source { path: &path, text, positions: &positions, fixed: None };
    let tokens = tokenize(text, dialect).unwrap_or_default();
    let after = tokens.iter().skip_while(|token| token.range.start < from || !token.is_significant());
    let mut statement: Vec<Token> = after.take_while(|token| !token.is_symbol(";")).cloned().collect();
    while statement.last().is_some_and(|last| !last.is_significant()) {
        statement.pop();
    }
    let variables = BTreeMap::new();
    let names = Names::over(&variables);
    let mut expander = Expander::new(source, dialect, names);
    (expander.statement(&statement).unwrap_or_default(), expander.problems)
}

impl<'a> Expander<'a> {
    pub(super) fn new(source: Source<'a>, dialect: Dialect, names: Names<'a>) -> Self {
        let (locals, functions) = (BTreeMap::new(), BTreeMap::new());
        Self {
            source,
            dialect,
            names,
            locals,
            functions,
            parameters: Vec::new(),
            values: Values::Pasted,
            function_depth: None,
            jinja: Jinja::default(),
            stage: STAGE,
            reads_stage: false,
            made: 0,
            wanted: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    /// The same for a file with Jinja blocks.
    pub(super) fn with_jinja(self, jinja: Jinja<'a>) -> Self {
        Self { jinja, ..self }
    }

    /// The statement without macros; `None` where nothing is left of it. SQLMesh runs a table's first load at the stage
    /// `creating` and every later one at `evaluating`; here what a table holds never depends on how often it was loaded.
    pub(super) fn statement(&mut self, tokens: &[Token]) -> Option<Template> {
        let (template, reads_stage) = self.template(tokens);
        if reads_stage && self.at_stage(tokens, "creating") != self.at_stage(tokens, STAGE) {
            let at = tokens.first().map_or(0, |first| first.range.start);
            let help = "write one that may run at every load, such as `CREATE INDEX IF NOT EXISTS`, and leave the condition out";
            self.refuse(at, "a statement cannot differ between the first load of a table and later ones", help);
        }
        template
    }

    /// The same of the query. It is one and the same wherever it stands: in a table, a view, a unit test.
    pub(super) fn query(&mut self, tokens: &[Token]) -> Option<Template> {
        let (template, reads_stage) = self.template(tokens);
        let mut differs = |stage| self.at_stage(tokens, stage) != self.at_stage(tokens, STAGE);
        if reads_stage && ["loading", "creating", "testing"].into_iter().any(&mut differs) {
            let at = tokens.first().map_or(0, |first| first.range.start);
            let help = "its rows would depend on who runs it; move what differs into a statement beside the query";
            self.refuse(at, "a query cannot depend on `@runtime_stage`", help);
        }
        template
    }

    /// The same of a statement that runs when the model's view is made or moves.
    pub(super) fn when_shown(&mut self, tokens: &[Token]) -> Option<Template> {
        let before = std::mem::replace(&mut self.stage, "promoting");
        let (template, _) = self.template(tokens);
        self.stage = before;
        template
    }

    /// The same for statements that are no model's, and run at a stage of their own.
    pub(super) fn at_the_stage(self, stage: &'static str) -> Self {
        Self { stage, ..self }
    }

    /// The statements that one becomes which is no model's: those of a macro that gives a list, else itself.
    pub(super) fn statements(&mut self, tokens: &[Token]) -> Vec<Template> {
        let problems = self.problems.len();
        let lexemes = self.lexemes(tokens);
        let whole = trimmed(&lexemes);
        let is_call =
            whole.first().is_some_and(|first| first.kind == Kind::Call && clause::keyword(&first.text).is_none())
                && closing(whole, 1) == Some(whole.len() - 1);
        if !is_call {
            self.problems.truncate(problems);
            return self.template(tokens).0.into_iter().collect();
        }
        let made = match self.call(&whole[0], &whole[2..whole.len() - 1], 0) {
            Some(Outcome::Items(items)) => items,
            Some(Outcome::One(made)) => vec![made],
            Some(Outcome::Nothing) | None => Vec::new(),
        };
        let is_left = |made: &Vec<Lexeme>| made.iter().any(|one| one.is_significant() && one.kind != Kind::Gone);
        made.into_iter()
            .filter(is_left)
            .map(|made| self.within(Template::new(pieces(apart(self.whole_names(made))))))
            .collect()
    }

    /// The template, and whether anything in it asked for the stage.
    fn template(&mut self, tokens: &[Token]) -> (Option<Template>, bool) {
        self.reads_stage = false;
        if let Some(plain) = self.plain(tokens) {
            return (Some(self.within(plain)), false);
        }
        let lexemes = self.lexemes(tokens);
        let expanded = self.walk(&lexemes, 0);
        let expanded = self.whole_names(expanded);
        let is_left = expanded.iter().any(|lexeme| lexeme.is_significant() && lexeme.kind != Kind::Gone);
        (is_left.then(|| self.within(Template::new(pieces(expanded)))), self.reads_stage)
    }

    /// With the tables of the default catalog as they are called without it.
    fn within(&self, template: Template) -> Template {
        names_within(template, self.names.catalog, self.dialect)
    }

    /// A statement without macros, as most are.
    fn plain(&self, tokens: &[Token]) -> Option<Template> {
        let (start, end) = (tokens.first()?.range.start, tokens.last()?.range.end);
        let text = self.source.text.get(start..end)?;
        let is_block = self.jinja.block_at(start).is_some();
        let piece = || Piece::Source { text: text.to_owned(), offset: start };
        (!is_block && !text.contains('@')).then(|| Template::new(vec![piece()]))
    }

    /// What is left of a statement at a stage. Nothing is told of it.
    fn at_stage(&mut self, tokens: &[Token], stage: &'static str) -> Vec<(Kind, String)> {
        let (problems, before) = (self.problems.len(), std::mem::replace(&mut self.stage, stage));
        let lexemes = self.lexemes(tokens);
        let expanded = self.walk(&lexemes, 0);
        self.stage = before;
        self.problems.truncate(problems);
        let significant = expanded.into_iter().filter(Lexeme::is_significant);
        significant.filter(|lexeme| lexeme.kind != Kind::Gone).map(|lexeme| (lexeme.kind, lexeme.text)).collect()
    }

    /// Takes `@DEF(name, …)`, which holds for the whole file. Whether the statement is one.
    pub(super) fn define(&mut self, tokens: &[Token]) -> bool {
        let problems = self.problems.len();
        let lexemes = self.lexemes(tokens);
        let lexemes = trimmed(&lexemes);
        let is_def =
            lexemes.first().is_some_and(|first| first.kind == Kind::Call && first.text.eq_ignore_ascii_case("def"))
                && closing(lexemes, 1) == Some(lexemes.len() - 1);
        if !is_def {
            self.problems.truncate(problems);
            return false;
        }
        self.reads_stage = false;
        self.walk(lexemes, 0);
        if self.reads_stage {
            let at = lexemes.first().map_or(0, |first| first.at);
            let help = "a definition is read once; write the stage where it is used, or in `x -> …`";
            self.refuse(at, "the value of `@DEF` cannot depend on `@runtime_stage`", help);
        }
        true
    }

    fn lexemes(&mut self, tokens: &[Token]) -> Vec<Lexeme> {
        if let Some(block) = tokens.first().and_then(|first| self.jinja.block_at(first.range.start)) {
            return self.rendered(block);
        }
        let mut told = Vec::new();
        let lexemes = lex(self.source.text, tokens, &mut |at, message, help| {
            told.push((at, message.to_owned(), help.to_owned()));
        });
        told.into_iter().for_each(|(at, message, help)| self.refuse(at, message, &help));
        lexemes
    }

    /// Expands everything in a list of lexemes.
    fn walk(&mut self, input: &[Lexeme], depth: usize) -> Vec<Lexeme> {
        let mut output: Vec<Lexeme> = Vec::with_capacity(input.len());
        let closings = closings(input);
        let mut index = 0;
        while let Some(lexeme) = input.get(index) {
            index += 1;
            match lexeme.kind {
                Kind::Variable(form) => self.variable(input, index - 1, form, &mut output),
                Kind::TemplateString => {
                    let made = self.template_string(lexeme);
                    output.extend(if is_name_place(&input[..index - 1]) { self.as_name(made) } else { made });
                }
                Kind::Quoted if lexeme.text.contains('@') => output.extend(self.quoted_name(lexeme)),
                Kind::Call => {
                    let call = (index - 1, closings.get(&index).copied());
                    index = self.call_at(input, call, depth, &mut output);
                }
                _ => output.push(lexeme.clone()),
            }
        }
        apart(self.without_gone(output))
    }

    /// Expands the call at a place, with that of its closing parenthesis; gives the place to go on from.
    fn call_at(
        &mut self,
        input: &[Lexeme],
        (index, close): (usize, Option<usize>),
        depth: usize,
        output: &mut Vec<Lexeme>,
    ) -> usize {
        let lexeme = &input[index];
        let Some(close) = close else {
            self.refuse(lexeme.at, format!("`@{}(` has no `)`", lexeme.text), "close it");
            return index + 1;
        };
        let body = &input[index + 2..close];
        if let Some(keyword) = clause::keyword(&lexeme.text) {
            return self.clause(keyword, (lexeme, body), input, close + 1, depth, output);
        }
        let outcome = self.call(lexeme, body, depth);
        let end = match outcome {
            Some(Outcome::Items(_)) => behind_alias(input, close + 1),
            _ => close + 1,
        };
        match outcome {
            Some(Outcome::One(made)) => {
                let (before, after) = (&input[..index], &input[close + 1..]);
                let is_name = is_name_place(before) || is_alias(before, after);
                let made = if is_name { self.as_name(made) } else { made };
                let made = if self.function_depth == Some(depth) { pasted(made) } else { made };
                output.extend(whole(before_cast(made, after), self.values, (before, after)));
            }
            Some(Outcome::Items(items)) if !items.is_empty() => {
                // As the value of a named argument it is one list.
                let is_value = input[..index]
                    .iter()
                    .rfind(|lexeme| lexeme.is_significant())
                    .is_some_and(|last| last.is_symbol(":="));
                let bracket = |sign| is_value.then(|| Lexeme::made(Kind::Symbol, sign, lexeme.at));
                output.extend(bracket("("));
                for (place, item) in items.into_iter().enumerate() {
                    if place > 0 {
                        output.push(Lexeme::made(Kind::Symbol, ",", lexeme.at));
                        output.push(Lexeme::made(Kind::Space, " ", lexeme.at));
                    }
                    output.extend(item);
                }
                output.extend(bracket(")"));
            }
            Some(Outcome::Items(_) | Outcome::Nothing) => output.push(Lexeme::made(Kind::Gone, "", lexeme.at)),
            // It stays as it is written; the problem is told.
            None => {
                output.push(Lexeme::made(Kind::Word, format!("@{}", lexeme.text), lexeme.at));
                output.extend_from_slice(&input[index + 1..=close]);
            }
        }
        end
    }

    /// Takes out what came to nothing, with one comma beside it.
    fn without_gone(&mut self, lexemes: Vec<Lexeme>) -> Vec<Lexeme> {
        if !lexemes.iter().any(|lexeme| lexeme.kind == Kind::Gone) {
            return lexemes;
        }
        let mut output: Vec<Lexeme> = Vec::with_capacity(lexemes.len());
        let mut rest = lexemes.into_iter().peekable();
        while let Some(lexeme) = rest.next() {
            if lexeme.kind != Kind::Gone {
                output.push(lexeme);
                continue;
            }
            let before = output.iter().rposition(Lexeme::is_significant);
            if let Some(comma) = before.filter(|before| output[*before].is_symbol(",")) {
                output.truncate(comma);
                continue;
            }
            while let Some(space) = rest.next_if(|next| !next.is_significant()) {
                output.push(space);
            }
            let opens = |place: usize| output[place].is_symbol("(") || output[place].is_symbol("[");
            let is_first = before.is_none_or(opens);
            if rest.next_if(|next| next.is_symbol(",")).is_some()
                || rest.peek().is_some_and(|next| next.kind == Kind::Gone)
            {
                continue;
            }
            let is_last = rest.peek().is_none_or(|next| next.is_symbol(")") || next.is_symbol("]"));
            if !is_first || !is_last {
                let help = "give it a value for that";
                self.refuse(lexeme.at, "this macro came to nothing, where something must stand", help);
            }
        }
        output
    }

    /// Counts what was made, and how deep; `None` where that is more than anybody means.
    fn charge(&mut self, made: usize, depth: usize, at: usize) -> Step<()> {
        let was_within = self.made <= MAX_MADE;
        self.made = self.made.saturating_add(made + 1);
        if depth > MAX_DEPTH {
            self.refuse(at, format!("macros stand in macros more than {MAX_DEPTH} deep"), "does one call itself?");
            return None;
        }
        if self.made > MAX_MADE {
            if was_within {
                let message = format!("the macros of this file make more than {MAX_MADE} words and signs");
                self.refuse(at, message, "write a macro that makes less, or a smaller list");
            }
            return None;
        }
        Some(())
    }

    fn unknown(&mut self, name: &str, at: usize, call: &str) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        if let Some(path) = self.names.python.file(name).filter(|_| !call.is_empty()) {
            let message = format!("`@{name}{call}` is a macro in Python (`{path}`), which cannot run here");
            let help = "write it as `@DEF(name, x -> …)`, or write its SQL out";
            self.problems.push(self.source.error("python-macro", at, message).help(help));
            return;
        }
        let lower = name.to_lowercase();
        let times: Vec<String> = TimeVariable::names().collect();
        let known: Vec<&str> = match call {
            "" => {
                times.iter().chain(self.names.variables.keys()).chain(self.locals.keys()).map(String::as_str).collect()
            }
            _ => call::NAMES.into_iter().chain(self.functions.keys().map(String::as_str)).collect(),
        };
        let help = match (nearest(&lower, known), call) {
            (Some(name), _) => format!("did you mean `@{name}`?"),
            (None, "") => "variables are declared in `variables` of `config.yaml`, or by `@DEF` in the file".to_owned(),
            (None, _) => {
                "macros written in Python cannot run; write it as `@DEF(name, x -> …)`, or write its SQL out".to_owned()
            }
        };
        let message = match call {
            "" => format!("`@{name}` is neither a time variable nor a variable of `config.yaml`"),
            _ => format!("there is no macro `@{name}{call}`"),
        };
        self.refuse(at, message, &help);
    }

    /// SQLMesh says nothing, and a name that is misspelt is NULL.
    fn warn_of_variable(&mut self, written: &str, name: &str, at: usize) {
        if self.problems.len() < MAX_PROBLEMS {
            let message = format!("`@{written}('{name}')` names no plain variable and has no default, so it is NULL");
            let help = "add it to `variables` of `config.yaml`, or give it a default";
            self.problems.push(self.source.warning("unknown-variable", at, message).help(help));
        }
    }

    fn refuse(&mut self, at: usize, message: impl Into<String>, help: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(self.source.error("unknown-macro", at, message).help(help));
        }
    }
}

/// The place behind the alias that a list has as an item of SELECT: its items have names of their own, as in SQLMesh.
fn behind_alias(input: &[Lexeme], from: usize) -> usize {
    let mut next = input.iter().enumerate().skip(from).filter(|(_, lexeme)| lexeme.is_significant());
    let (word, name, after) = (next.next(), next.next(), next.next());
    let is_name = |lexeme: &Lexeme| matches!(lexeme.kind, Kind::Word | Kind::Quoted);
    match (word, name) {
        (Some((_, word)), Some((place, name))) if word.is_word("as") && is_name(name) => match after {
            Some((_, after)) if !after.is_symbol(",") && !after.is_word("from") => from,
            _ => place + 1,
        },
        _ => from,
    }
}

/// What a macro made, in parentheses where a cast or an index is of all of it.
fn before_cast(made: Vec<Lexeme>, rest: &[Lexeme]) -> Vec<Lexeme> {
    let next = rest.iter().find(|lexeme| lexeme.is_significant());
    match next.is_some_and(|next| next.is_symbol("::") || next.is_symbol("[")) {
        true => call::in_parentheses(made),
        false => made,
    }
}
