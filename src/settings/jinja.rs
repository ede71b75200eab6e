//! Jinja in configurations: `{{ env_var('NAME') }}`, with or without a default, and `{{ user() }}`; in the files of unit
//! tests `{{ var('name') }}` too, for variables of the configuration. Nothing else of the machine can be asked for.
//!
//! A variable that is not set leaves a mark, [`UNSET`], which `connection` turns into an error only when that
//! connection is opened (a plan needs no password) and which every other setting refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value as JinjaValue, filters};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::jinja_bounded::{JinjaError, render_bounded};
use super::jinja_filters;
use crate::ids::FilePath;
use crate::problem::{Problem, position_of};
use crate::yaml::Value;

/// What stands before the name of a variable that is not set; YAML takes it as part of a text.
pub(super) const UNSET: &str = "\u{e0a0}unset:";
/// What it begins with.
const MARK: char = '\u{e0a0}';
/// What stands for each byte of a comment while the text around it is rendered.
const HELD: &str = "\u{1}";

/// What the calls stand for.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    /// For `env_var`.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// For `var`, where there is one.
    pub(super) variables: Option<&'a BTreeMap<String, Value>>,
}

/// So many steps at most, and so many bytes.
const FUEL: u64 = 200_000;
const MAX_RENDERED: usize = 8 << 20;

/// Replaces `{{ … }}` outside comment lines. What is more than the plain calls is rendered as Jinja in one go, as SQLMesh does.
/// `None` where it cannot, which is told.
pub(super) fn render(path: &FilePath, text: &str, values: Values<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let mut output = String::with_capacity(text.len());
    let mut is_plain = true;
    for line in text.split_inclusive('\n') {
        match is_comment(line) {
            true => output.push_str(line),
            false => is_plain &= render_line(line, values, &mut output),
        }
    }
    if is_plain {
        return Some(output);
    }
    let told = |(offset, message)| {
        let (line, column) = position_of(text, offset);
        let problem = Problem::error("unsupported-jinja", message).at(path).position(line, column);
        problems.push(problem.help(match values.variables {
            None => "known are `env_var('NAME', 'default')` and `user()`, with Jinja's filters and conditions",
            Some(_) => "known are `var('name', default)`, `env_var('NAME', 'default')` and `user()`, with Jinja's filters and conditions",
        }));
    };
    rendered(text, values).map_err(told).ok()
}

/// Renders one line; whether it had nothing but plain calls.
fn render_line(line: &str, values: Values<'_>, output: &mut String) -> bool {
    let mut rest = 0;
    while let Some(start) = line[rest..].find("{{").map(|start| start + rest) {
        output.push_str(&line[rest..start]);
        let end = line[start..].find("}}").map(|end| end + start + 2);
        let Some((end, value)) = end.and_then(|end| Some((end, value(&line[start + 2..end - 2], values)?))) else {
            return false;
        };
        output.push_str(&value);
        rest = end;
    }
    output.push_str(&line[rest..]);
    !["{%", "{#"].iter().any(|mark| line.contains(mark))
}

/// The text as Jinja gives it, comment lines as they are; else the byte where it cannot, and why.
fn rendered(text: &str, values: Values<'_>) -> Result<String, (usize, String)> {
    let mut comments = Vec::new();
    let mut masked = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if !is_comment(line) || !line.contains('{') {
            masked.push_str(line);
            continue;
        }
        // What is as long is at the same place.
        let body = line.trim_end_matches('\n');
        masked.push_str(&HELD.repeat(body.len()));
        masked.push_str(&line[body.len()..]);
        comments.push(body);
    }
    let rendered = of_jinja(&masked, values)?;
    let mut comments = comments.into_iter();
    let held = |line: &str| line.starts_with(HELD);
    if rendered.lines().filter(|line| held(line)).count() != comments.len() {
        return Err((0, "Jinja: a comment with braces stands inside of a condition or loop".to_owned()));
    }
    let line = |line: &str| match held(line) {
        true => comments.next().unwrap_or_default().to_owned() + &line[line.trim_end_matches('\n').len()..],
        false => line.to_owned(),
    };
    Ok(rendered.split_inclusive('\n').map(line).collect())
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Jinja as SQLMesh has it, where that is no function of its own: nothing undefined, and Python's methods of texts, lists and
/// mappings, such as `name.lower()` and `columns.items()`. What it renders is rendered by [`render_bounded`].
pub fn jinja_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_unknown_method_callback(|state, value, method, arguments| match (value.as_str(), method) {
        (Some(text), "title") if arguments.is_empty() => Ok(JinjaValue::from(title(text))),
        (Some(text), method) => match jinja_filters::text_method(text, method, arguments) {
            Some(made) => made,
            None => unknown_method_callback(state, value, method, arguments),
        },
        _ => unknown_method_callback(state, value, method, arguments),
    });
    jinja_filters::add(&mut environment);
    environment.set_fuel(Some(0));
    environment
}

/// As Python's `str.title`: the first letter after anything that is none is upper case, every other one lower.
fn title(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut is_inside = false;
    for letter in text.chars() {
        match is_inside {
            true => made.extend(letter.to_lowercase()),
            false => made.extend(letter.to_uppercase()),
        }
        is_inside = letter.is_alphabetic();
    }
    made
}

fn of_jinja(text: &str, values: Values<'_>) -> Result<String, (usize, String)> {
    let mut environment = jinja_environment();
    let (variables, written) = (values.environment.clone(), Arc::new(words_in_quotes(text)));
    let named = Arc::clone(&written);
    environment.add_function("env_var", move |name: String, default: Option<JinjaValue>| {
        let found = variables.get(&name).map(|value| JinjaValue::from(value.clone())).or(default);
        match found {
            Some(value) => Ok(value),
            // It is told by its name, which may be no value of another one.
            None if named.contains(&name) => Ok(JinjaValue::from_object(Unset(name))),
            None => Err(Error::new(ErrorKind::InvalidOperation, "`env_var` of a name that is not written there")),
        }
    });
    let is_none = |value: JinjaValue| value.is_none() || value.downcast_object_ref::<Unset>().is_some();
    environment.add_test("none", is_none);
    // What is no number yet may be of a connection that nobody opens.
    let int =
        |state: &State<'_, '_>, value: JinjaValue, default: Option<JinjaValue>, base: Option<u32>, named: Kwargs| {
            match value.downcast_object_ref::<Unset>() {
                Some(_) => Ok(default.or(named.get("default")?).unwrap_or(value)),
                None => filters::int(state, &value, default, base, named),
            }
        };
    environment.add_filter("int", int);
    let float = |state: &State<'_, '_>, value: JinjaValue, default: Option<JinjaValue>, named: Kwargs| match value
        .downcast_object_ref::<Unset>()
    {
        Some(_) => Ok(default.or(named.get("default")?).unwrap_or(value)),
        None => filters::float(state, &value, default, named),
    };
    environment.add_filter("float", float);
    // As Python's `getpass.getuser`.
    let names = ["LOGNAME", "USER", "LNAME", "USERNAME"];
    let user = names.iter().find_map(|name| values.environment.get(*name).filter(|user| !user.is_empty()));
    let user = user.cloned();
    environment.add_function("user", move || {
        let unknown = || Error::new(ErrorKind::InvalidOperation, "no environment variable says who the user is");
        user.clone().ok_or_else(unknown)
    });
    if let Some(known) = values.variables {
        let known = known.clone();
        environment.add_function("var", move |name: String, default: Option<JinjaValue>| {
            let found = known.get(&name.to_lowercase()).map(jinja_value).or(default);
            // Its name may be the value of another one.
            found.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "`var` of a variable that there is not"))
        });
    }
    let told = |JinjaError { kind, detail, range, .. }: JinjaError| {
        // What is not there may be called by a value.
        let detail = detail.filter(|_| kind != ErrorKind::TemplateNotFound);
        let what = detail.map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"));
        (range.map_or(0, |range| range.start.min(text.len())), format!("Jinja: {what}"))
    };
    let rendered = render_bounded(&mut environment, text, FUEL).map_err(told)?;
    if rendered.len() > MAX_RENDERED {
        return Err((0, format!("Jinja: the file comes to more than {} MiB", MAX_RENDERED >> 20)));
    }
    match rendered.match_indices(MARK).all(|(at, _)| is_whole(&rendered[at..], &written)) {
        true => Ok(rendered),
        false => Err((0, "Jinja: something is made of an environment variable that is not set".to_owned())),
    }
}

/// Words that stand in quotes, as the names of variables do.
fn words_in_quotes(text: &str) -> BTreeSet<String> {
    let is_word = |part: &&str| part.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
    text.split(['\'', '"']).filter(is_word).map(str::to_owned).collect()
}

/// Whether a text begins with the mark of a variable that the file names, and no filter has changed it.
fn is_whole(marked: &str, written: &BTreeSet<String>) -> bool {
    let Some(rest) = marked.strip_prefix(UNSET) else { return false };
    let name = &rest[..rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(rest.len())];
    written.contains(name)
}

/// A variable that is not set: nothing in a condition, and its mark where it is written.
#[derive(Debug)]
struct Unset(String);

impl Object for Unset {
    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{UNSET}{}", self.0)
    }
}

/// A value of the configuration for Jinja. Depth is that of the configuration, which its reader bounds.
pub fn jinja_value(value: &Value) -> JinjaValue {
    match value {
        Value::Null => JinjaValue::from(()),
        Value::Bool(value) => JinjaValue::from(*value),
        Value::Number(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => JinjaValue::from(whole),
            (_, Ok(real)) => JinjaValue::from(real),
            _ => JinjaValue::from(text.clone()),
        },
        Value::Text(text) => JinjaValue::from(text.clone()),
        Value::List(items) => items.iter().map(|item| jinja_value(&item.value)).collect(),
        Value::Map(entries) => {
            JinjaValue::from_pairs(entries.iter().map(|entry| (entry.key.clone(), jinja_value(&entry.node.value))))
        }
    }
}

/// What an expression stands for; `None` where it is no call that is known, or of a variable that there is not.
fn value(expression: &str, values: Values<'_>) -> Option<String> {
    if let Some((name, default)) = call("env_var", expression) {
        let found = values.environment.get(name).map(String::as_str).or(default);
        return Some(found.map_or_else(|| format!("{UNSET}{name}"), str::to_owned));
    }
    let (name, default) = call("var", expression)?;
    let known = values.variables?.get(&name.to_lowercase());
    let known = known.and_then(|value| match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(text) | Value::Text(text) => Some(text.clone()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    });
    known.or_else(|| default.map(str::to_owned))
}

/// Reads `env_var('NAME')` or `env_var('NAME', 'default')`, or the same of another function.
fn call<'e>(function: &str, expression: &'e str) -> Option<(&'e str, Option<&'e str>)> {
    let inside = expression.trim().strip_prefix(function)?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
    let (name, rest) = quoted(inside.trim())?;
    let rest = rest.trim();
    if rest.is_empty() {
        return Some((name, None));
    }
    let (default, rest) = quoted(rest.strip_prefix(',')?.trim())?;
    rest.trim().is_empty().then_some((name, Some(default)))
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_a(text: &str) -> (String, Vec<Problem>) {
        let environment = BTreeMap::from([("A".to_owned(), "one".to_owned())]);
        let mut problems = Vec::new();
        let values = Values { environment: &environment, variables: None };
        (render(&FilePath::new("config.yaml"), text, values, &mut problems).unwrap_or_default(), problems)
    }

    #[test]
    fn env_var_is_replaced() {
        let (text, problems) = of_a("a: {{ env_var('A') }}-{{env_var(\"B\", 'two')}}\n# {{ not this }}\n");
        assert_eq!(text, "a: one-two\n# {{ not this }}\n");
        assert!(problems.is_empty());
        assert_eq!(of_a("a: {{ env_var('B') }}").0, format!("a: {UNSET}B"));
    }

    #[test]
    fn var_is_replaced_where_there_are_variables() {
        let environment = BTreeMap::new();
        let variables = BTreeMap::from([("limit".to_owned(), Value::Number("5".into()))]);
        let values = Values { environment: &environment, variables: Some(&variables) };
        let mut problems = Vec::new();
        let text = "a: {{ var('LIMIT') }} {{ var(\"gone\", 'x') }}\nb: {{ var('gone') }}\n";
        let text = render(&FilePath::new("tests/test_a.yaml"), text, values, &mut problems);
        assert_eq!(text, None);
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [Some(2)]);
        assert_eq!(of_a("a: {{ var('limit') }}").1.len(), 1, "not in a configuration");

        // A name may be a secret of another variable.
        let environment = BTreeMap::from([("A".to_owned(), "hidden".to_owned())]);
        let values = Values { environment: &environment, variables: Some(&variables) };
        let mut problems = Vec::new();
        render(&FilePath::new("tests/test_a.yaml"), "a: {{ var(env_var('A')) }}", values, &mut problems);
        assert!(problems.len() == 1 && !problems[0].message.contains("hidden"), "{problems:?}");
    }

    #[test]
    fn what_is_not_set_stays_so_as_a_number() {
        let of = |text: &str| of_a(text).0;
        assert_eq!(of("a: {{ env_var('B') | int }} {{ env_var('B') | float }}"), format!("a: {UNSET}B {UNSET}B"));
        assert_eq!(of("a: {{ env_var('B') | int(7) }} {{ env_var('B') | float(default=1.5) }}"), "a: 7 1.5");
        assert_eq!(of("a: {{ env_var('B', '5432') | int }} {{ '1f' | int(base=16) }}"), "a: 5432 31");
    }

    #[test]
    fn filters_and_conditions_are_jinjas() {
        let environment = BTreeMap::from([("USER".to_owned(), "Ada".to_owned()), ("CI".to_owned(), "yes".to_owned())]);
        let of = |text: &str| {
            let mut problems = Vec::new();
            let values = Values { environment: &environment, variables: None };
            let text = render(&FilePath::new("config.yaml"), text, values, &mut problems).unwrap_or_default();
            assert!(problems.is_empty(), "{problems:?}");
            text
        };
        assert_eq!(of("a: dev_{{ user() | lower }}\n  # {{ it's\n"), "a: dev_ada\n  # {{ it's");
        assert_eq!(of("a: {{ env_var('CI', '') == 'yes' }} {{ env_var('NO') or 'none' }}"), "a: True none");
        assert_eq!(of("{% if env_var('CI') %}\na: 1\n{% else %}\na: 2\n{% endif %}\n"), "\na: 1\n");
        assert_eq!(of("{% if env_var('NO') %}\na: 1\n{% endif %}\nb: {{ env_var('NO') }}"), format!("\nb: {UNSET}NO"));
    }

    #[test]
    fn nothing_is_made_of_a_variable_that_is_not_set() {
        for text in [
            "{{ env_var('GONE') | upper }}",
            "{{ env_var('GONE') ~ '_x' }}",
            "{{ env_var('GONE') | replace('G', 'x') }}",
        ] {
            assert_eq!(of_a(text).1.len(), 1, "{text}");
        }
        assert_eq!(of_a("{{ 1 if env_var('GONE') is none else 2 }}").0, "1");
    }

    #[test]
    fn other_jinja_is_a_problem_with_a_place() {
        for text in [
            "x: 1\na: {{ nobody() }}\n",
            "x: 1\na: {{ env_var(A) }}\n",
            "x: 1\na: {{ user() }}\n",
            "x: 1\na: {% include env_var('A') %}",
            "x: 1\na: {{ env_var(env_var('A')) | lower }}",
            "x: 1\na: {{ open\n",
            "x: 1\na: {% if x %}\n",
            "x: 1\na: {% for x in range(1000000) %}{{ x }}{% endfor %}",
        ] {
            let (_, problems) = of_a(text);
            assert_eq!(problems.len(), 1, "{text}");
            assert_eq!((problems[0].code, problems[0].line), ("unsupported-jinja", Some(2)), "{text}");
            assert!(!problems[0].message.contains("one"), "{}", problems[0].message);
        }
    }
}
