//! The macros that decide and repeat, and their functions. Arguments are expanded before the macro sees them, as SQLMesh does;
//! what a function is made of is expanded each time that it is called.

use super::evaluation::{Values, pasted, whole};
use super::lexeme::{Kind, Lexeme, closing, lex_made, outside, split, text_of, trimmed};
use super::names::{listed, string_literal};
use super::text::{Part, Unknown, bare_text};
use super::{Expander, Outcome, Step, before_cast};

/// The macros that are known, in lower case.
pub(super) const NAMES: [&str; 29] = [
    "and",
    "blueprint_var",
    "date_spine",
    "deduplicate",
    "def",
    "each",
    "eval",
    "filter",
    "generate_surrogate_key",
    "group_by",
    "having",
    "haversine_distance",
    "if",
    "insert_seed",
    "join",
    "limit",
    "or",
    "order_by",
    "pivot",
    "reduce",
    "resolve_template",
    "safe_add",
    "safe_div",
    "safe_sub",
    "sql",
    "star",
    "union",
    "var",
    "where",
];

/// `x -> …` or `(x, y) -> …`.
#[derive(Clone, Debug)]
pub(super) struct Lambda {
    /// In lower case.
    parameters: Vec<String>,
    body: Vec<Lexeme>,
}

/// An argument of a macro.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    One(Vec<Lexeme>),
    /// A macro's list.
    Items(Vec<Vec<Lexeme>>),
    /// A macro that came to nothing.
    Nothing,
}

/// The arguments of a call: in order, and by lower-case name.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) unnamed: Vec<Argument>,
    pub(super) named: Vec<(String, Vec<Lexeme>)>,
}

impl Arguments {
    /// What is given under a name, or at a place.
    pub(super) fn get(&self, name: &str, place: usize) -> Option<&[Lexeme]> {
        let named = self.named.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice());
        named.or_else(|| match self.unnamed.get(place) {
            Some(Argument::One(value)) => Some(value),
            _ => None,
        })
    }

    /// Every argument without a name, lists item by item.
    pub(super) fn flat(&self) -> Vec<Vec<Lexeme>> {
        let items = self.unnamed.iter().flat_map(|argument| match argument {
            Argument::One(value) => vec![value.clone()],
            Argument::Items(items) => items.clone(),
            Argument::Nothing => Vec::new(),
        });
        items.collect()
    }
}

impl Expander<'_> {
    /// What a call comes to.
    pub(super) fn call(&mut self, name: &Lexeme, body: &[Lexeme], depth: usize) -> Step<Outcome> {
        let at = name.at;
        self.charge(body.len(), depth, at)?;
        let lower = name.text.to_lowercase();
        if let Some(function) = self.functions.get(&lower).cloned() {
            let arguments = self.arguments(&split(body), depth)?.flat();
            // It was written elsewhere than the functions around.
            let around = std::mem::take(&mut self.parameters);
            let outcome = self.apply(&function, arguments, at, depth);
            self.parameters = around;
            return outcome;
        }
        match lower.as_str() {
            "def" => self.def(body, at, depth),
            "if" => self.choice(body, at, depth),
            "eval" => {
                let value = self.evaluated(&replaced(body, &self.given(), Values::Whole), at, depth)?;
                self.constant(&value, at)
            }
            "each" => self.each(body, at, depth),
            "filter" => self.filter(body, at, depth),
            "reduce" => self.reduce(body, at, depth),
            "and" => self.joined(body, " AND ", depth),
            "or" => self.joined(body, " OR ", depth),
            "sql" => self.sql(body, at, depth),
            "var" | "blueprint_var" => self.named_variable(&lower, body, at, depth),
            _ => self.built_in(&lower, body, at, depth),
        }
    }

    /// The arguments between commas, expanded.
    pub(super) fn arguments(&mut self, parts: &[&[Lexeme]], depth: usize) -> Step<Arguments> {
        let mut arguments = Arguments::default();
        for part in parts {
            match named(part) {
                Some((name, value)) => arguments.named.push((name, self.walk(value, depth + 1))),
                None => {
                    let argument = self.argument(part, depth)?;
                    arguments.unnamed.push(argument);
                }
            }
        }
        Some(arguments)
    }

    fn argument(&mut self, part: &[Lexeme], depth: usize) -> Step<Argument> {
        match self.outcome(part, depth)? {
            Outcome::One(value) => Some(Argument::One(value)),
            Outcome::Items(items) => Some(Argument::Items(items)),
            Outcome::Nothing => Some(Argument::Nothing),
        }
    }

    /// What lexemes come to; a single call may come to a list or to nothing.
    pub(super) fn outcome(&mut self, part: &[Lexeme], depth: usize) -> Step<Outcome> {
        let part = trimmed(part);
        match is_call(part) {
            true => self.call(&part[0], &part[2..part.len() - 1], depth + 1),
            false => Some(Outcome::One(self.walk(part, depth + 1))),
        }
    }

    /// `@DEF(name, value)` or `@DEF(name, x -> …)`.
    fn def(&mut self, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let comma = outside(body, &|index| body[index].is_symbol(","));
        let parts = comma.map(|comma| (trimmed(&body[..comma]), trimmed(&body[comma + 1..])));
        let Some(([name], value)) = parts.filter(|(_, value)| !value.is_empty()) else {
            self.refuse(at, "`@DEF` takes a name and a value", "write `@DEF(name, value)` or `@DEF(name, x -> x + 1)`");
            return None;
        };
        let lower = name.text.to_lowercase();
        match lambda(value) {
            Some(function) => drop(self.functions.insert(lower, function)),
            None => {
                let value = self.walk(value, depth + 1);
                self.locals.insert(lower, value);
            }
        }
        Some(Outcome::Nothing)
    }

    /// What a list and a function are given to.
    fn over(&mut self, body: &[Lexeme], (at, name): (usize, &str), depth: usize) -> Step<(Vec<Vec<Lexeme>>, Lambda)> {
        let parts = split(body);
        let Some((function, items)) = parts.split_last().and_then(|(last, items)| Some((lambda(last)?, items))) else {
            let help = format!("write `@{name}([a, b], x -> …)`");
            self.refuse(at, format!("`@{name}` takes a list and a function"), &help);
            return None;
        };
        let arguments = self.arguments(items, depth)?;
        let items = match arguments.unnamed.as_slice() {
            [Argument::One(value)] => items_of(value).unwrap_or_else(|| vec![value.clone()]),
            _ => arguments.flat(),
        };
        Some((items, function))
    }

    fn each(&mut self, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let (items, function) = self.over(body, (at, "EACH"), depth)?;
        let mut made = Vec::new();
        for item in items {
            match self.apply(&function, vec![item], at, depth)? {
                Outcome::One(value) => made.push(value),
                Outcome::Items(items) => made.extend(items),
                Outcome::Nothing => {}
            }
        }
        Some(Outcome::Items(made))
    }

    fn filter(&mut self, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let (items, function) = self.over(body, (at, "FILTER"), depth)?;
        let mut kept = Vec::new();
        for item in items {
            let before = std::mem::replace(&mut self.values, Values::Whole);
            let outcome = self.apply(&function, vec![item.clone()], at, depth);
            self.values = before;
            if let Outcome::One(condition) = outcome?
                && self.holds(&condition, at, depth)?
            {
                kept.push(item);
            }
        }
        Some(Outcome::Items(kept))
    }

    fn reduce(&mut self, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let (items, function) = self.over(body, (at, "REDUCE"), depth)?;
        let mut items = items.into_iter();
        let Some(mut result) = items.next() else {
            self.refuse(at, "`@REDUCE` has nothing to reduce", "give it a list with at least one item");
            return None;
        };
        for item in items {
            result = match self.apply(&function, vec![result, item], at, depth)? {
                Outcome::One(value) => value,
                _ => return Some(Outcome::Nothing),
            };
        }
        Some(Outcome::One(result))
    }

    /// `@AND(…)` and `@OR(…)`: without the operands that are NULL or nothing; TRUE where none is left.
    fn joined(&mut self, body: &[Lexeme], between: &str, depth: usize) -> Step<Outcome> {
        let at = body.first().map_or(0, |first| first.at);
        let operands = self.arguments(&split(body), depth)?.flat();
        let is_there = |operand: &Vec<Lexeme>| !matches!(trimmed(operand), [] | [Lexeme { kind: Kind::Word, .. }] if is_null(operand));
        let operands: Vec<Vec<Lexeme>> = operands.into_iter().filter(is_there).collect();
        if operands.is_empty() {
            return Some(Outcome::One(vec![Lexeme::made(Kind::Word, "TRUE", at)]));
        }
        let is_one = operands.len() == 1;
        let mut made = Vec::new();
        for (place, operand) in operands.into_iter().enumerate() {
            if place > 0 {
                made.push(Lexeme::made(Kind::Word, between, at));
            }
            made.extend(if is_one { operand } else { in_parentheses(operand) });
        }
        Some(Outcome::One(made))
    }

    /// `@SQL('text')`: the text as SQL, variables in it replaced.
    fn sql(&mut self, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let parts = split(body);
        // SQLMesh gives the argument to Python, where a parameter without `@` is what was given for it; a text then stays one.
        if let Some([word]) = parts.first().map(|part| trimmed(part))
            && word.kind == Kind::Word
            && let Some((_, value)) = self.given().into_iter().find(|(name, _)| word.is_word(name))
        {
            return Some(Outcome::One(value));
        }
        let arguments = self.arguments(&parts[..parts.len().min(1)], depth)?;
        let text = match arguments.get("sql", 0).map(trimmed) {
            Some([Lexeme { kind: Kind::String, text, .. }]) => {
                bare_text(&[Lexeme::made(Kind::String, text, at)], self.dialect)
            }
            Some(value) => text_of(value),
            None => None,
        };
        let Some(text) = text else {
            self.refuse(at, "`@SQL` takes a text", "write `@SQL('a + @b')`");
            return None;
        };
        let mut made = Vec::new();
        for part in self.substitute(&text, at, Unknown::Refused) {
            match part {
                Part::Text(text) => match lex_made(&text, self.dialect, at) {
                    Some(lexemes) => made.extend(lexemes),
                    None => {
                        let help = "close its strings, quoted names and comments";
                        self.refuse(at, "the text of `@SQL` cannot be cut into words", help);
                        return None;
                    }
                },
                Part::Time(variable) => made.push(Lexeme::made(Kind::Time(variable), "", at)),
            }
        }
        Some(Outcome::One(made))
    }

    /// `@VAR('name' [, default])` and `@BLUEPRINT_VAR`.
    fn named_variable(&mut self, name: &str, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let parts = split(body);
        let arguments = self.arguments(&parts, depth)?;
        let wanted = match arguments.get("var_name", 0).map(trimmed) {
            Some(name @ [Lexeme { kind: Kind::String, .. }]) => {
                bare_text(name, self.dialect).unwrap_or_default().to_lowercase()
            }
            _ => {
                let written = name.to_uppercase();
                let help = format!("write `@{written}('name', default)`");
                self.refuse(at, format!("`@{written}` takes the name of a variable and a default"), &help);
                return None;
            }
        };
        let text = match name {
            "var" if wanted == "gateway" => self.names.gateway.map(|gateway| string_literal(gateway, self.dialect)),
            "var" => self.names.variables.get(&wanted).and_then(|value| listed(value, self.dialect)),
            _ => self.names.locals.get(&wanted).cloned(),
        };
        if let Some(made) = text.and_then(|text| lex_made(&text, self.dialect, at)) {
            return Some(Outcome::One(made));
        }
        match arguments.get("default", 1) {
            Some(default) => Some(Outcome::One(default.to_vec())),
            None => {
                self.warn_of_variable(&name.to_uppercase(), &wanted, at);
                Some(Outcome::One(vec![Lexeme::made(Kind::Word, "NULL", at)]))
            }
        }
    }

    /// A function over arguments: its parameters, and those of the functions around it, are names in its body, with or without
    /// `@`.
    fn apply(&mut self, function: &Lambda, arguments: Vec<Vec<Lexeme>>, at: usize, depth: usize) -> Step<Outcome> {
        self.charge(function.body.len(), depth, at)?;
        let spread = match arguments.as_slice() {
            [one] if function.parameters.len() > 1 => items_of(one),
            _ => None,
        };
        let arguments = spread.unwrap_or(arguments);
        let own: Vec<(String, Vec<Lexeme>)> = function.parameters.iter().cloned().zip(arguments).collect();
        let given: Vec<_> = own.iter().cloned().chain(self.given()).collect();
        let body = replaced(&function.body, &given, self.values);
        self.charge(body.len(), depth, at)?;
        let mut hidden = Vec::new();
        for (name, value) in own {
            self.parameters.push(name.clone());
            let outer = self.locals.insert(name.clone(), trimmed(&value).to_vec());
            hidden.push((name, outer));
        }
        let before = self.function_depth.replace(depth + 2);
        let outcome = self.outcome(&body, depth + 1);
        self.function_depth = before;
        let outcome = match outcome {
            Some(Outcome::One(made)) if is_call(trimmed(&body)) => Some(Outcome::One(pasted(made))),
            outcome => outcome,
        };
        for (name, outer) in hidden.into_iter().rev() {
            self.parameters.pop();
            match outer {
                Some(outer) => self.locals.insert(name, outer),
                None => self.locals.remove(&name),
            };
        }
        outcome
    }

    /// What was given for the parameters of the functions around, the innermost first.
    fn given(&self) -> Vec<(String, Vec<Lexeme>)> {
        let around = self.parameters.iter().rev();
        around.filter_map(|name| Some((name.clone(), self.locals.get(name)?.clone()))).collect()
    }
}

/// Whether this is one call of a macro and nothing else.
pub(super) fn is_call(part: &[Lexeme]) -> bool {
    part.first().is_some_and(|first| first.kind == Kind::Call && super::clause::keyword(&first.text).is_none())
        && closing(part, 1).is_some_and(|close| close + 1 == part.len())
}

/// `name := value`.
fn named(part: &[Lexeme]) -> Option<(String, &[Lexeme])> {
    let mut significant = part.iter().enumerate().filter(|(_, lexeme)| lexeme.is_significant());
    let (_, name) = significant.next().filter(|(_, name)| name.kind == Kind::Word)?;
    let (place, sign) = significant.next()?;
    let end = match sign.text.as_str() {
        ":=" => place,
        ":" => significant.next().filter(|(next, lexeme)| *next == place + 1 && lexeme.is_symbol("="))?.0,
        _ => return None,
    };
    Some((name.text.to_lowercase(), trimmed(&part[end + 1..])))
}

fn lambda(part: &[Lexeme]) -> Option<Lambda> {
    let part = trimmed(part);
    let arrow = outside(part, &|index| part[index].is_symbol("->"))?;
    let parameters = trimmed(&part[..arrow]);
    let names = match parameters {
        [one] => vec![std::slice::from_ref(one)],
        [open, inside @ .., close] if open.is_symbol("(") && close.is_symbol(")") => split(inside),
        _ => return None,
    };
    let name = |part: &&[Lexeme]| match part {
        [one] if matches!(one.kind, Kind::Word | Kind::Quoted) => Some(one.text.trim_matches('"').to_lowercase()),
        _ => None,
    };
    let parameters = names.iter().map(name).collect::<Option<Vec<_>>>()?;
    let body = trimmed(&part[arrow + 1..]).to_vec();
    (!body.is_empty() && !parameters.is_empty()).then_some(Lambda { parameters, body })
}

/// The items of `[a, b]`, `(a, b)` or `ARRAY[a, b]`; `None` where it is no list.
pub(super) fn items_of(value: &[Lexeme]) -> Option<Vec<Vec<Lexeme>>> {
    let value = match trimmed(value) {
        [word, rest @ ..] if word.is_word("array") => trimmed(rest),
        value => value,
    };
    let open = value.first().filter(|open| open.is_symbol("[") || open.is_symbol("("))?;
    let is_whole = open.kind == Kind::Symbol && closing(value, 0) == Some(value.len() - 1);
    is_whole.then(|| split(&value[1..value.len() - 1]).into_iter().map(<[Lexeme]>::to_vec).collect())
}

/// A function's body with its arguments for the names of its parameters, except in macros, which find them as `@name`.
fn replaced(body: &[Lexeme], given: &[(String, Vec<Lexeme>)], values: Values) -> Vec<Lexeme> {
    let mut made = Vec::with_capacity(body.len());
    let mut index = 0;
    while let Some(lexeme) = body.get(index) {
        if lexeme.kind == Kind::Call {
            let close = closing(body, index + 1).unwrap_or(body.len() - 1);
            made.extend_from_slice(&body[index..=close]);
            index = close + 1;
            continue;
        }
        let is_beside = |place: Option<usize>| {
            place.and_then(|place| body.get(place)).is_some_and(|near| matches!(near.kind, Kind::Variable(_)))
        };
        let name = match lexeme.kind {
            Kind::Word if !is_beside(index.checked_sub(1)) && !is_beside(Some(index + 1)) => Some(lexeme.text.as_str()),
            Kind::Quoted => Some(lexeme.text.trim_matches(['"', '`'])),
            _ => None,
        };
        let name = name.map(str::to_lowercase);
        match given.iter().find(|(known, _)| name.as_ref() == Some(known)) {
            Some((_, value)) => {
                let value = before_cast(trimmed(value).to_vec(), &body[index + 1..]);
                made.extend(whole(value, values, (&body[..index], &body[index + 1..])));
            }
            None => made.push(lexeme.clone()),
        }
        index += 1;
    }
    made
}

fn is_null(operand: &[Lexeme]) -> bool {
    match trimmed(operand) {
        [] => true,
        [one] => one.is_word("null"),
        _ => false,
    }
}

/// In parentheses where it is more than one word.
pub(super) fn in_parentheses(lexemes: Vec<Lexeme>) -> Vec<Lexeme> {
    let at = lexemes.first().map_or(0, |first| first.at);
    if trimmed(&lexemes).len() <= 1 || items_of(&lexemes).is_some_and(|items| items.len() == 1) {
        return lexemes;
    }
    let sign = |text| std::iter::once(Lexeme::made(Kind::Symbol, text, at));
    sign("(").chain(lexemes).chain(sign(")")).collect()
}
