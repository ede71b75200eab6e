//! The one piece of Jinja that configurations use: `{{ env_var('NAME') }}`, with or without a default; in the files of unit
//! tests `{{ var('name') }}` too, for variables of the configuration.
//!
//! A variable that is not set leaves a mark, [`UNSET`], which `connection` turns into an error only when that
//! connection is opened (a plan needs no password) and which every other setting refuses.

use std::collections::BTreeMap;

use crate::ids::FilePath;
use crate::problem::{Problem, position_of};
use crate::yaml::Value;

/// What stands before the name of a variable that is not set; YAML takes it as part of a text.
pub(super) const UNSET: &str = "\u{e0a0}unset:";

/// What the calls stand for.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    /// For `env_var`.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// For `var`, where there is one.
    pub(super) variables: Option<&'a BTreeMap<String, Value>>,
}

/// Replaces `{{ … }}` outside comment lines.
pub(super) fn render(path: &FilePath, text: &str, values: Values<'_>, problems: &mut Vec<Problem>) -> String {
    let mut output = String::with_capacity(text.len());
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('#') {
            output.push_str(line);
        } else {
            let mut refuse = |start: usize, what: &str| {
                let (line, column) = position_of(text, offset + start);
                let message = format!("{what} in a YAML file cannot be rendered");
                let problem = Problem::error("unsupported-jinja", message).at(path).position(line, column);
                problems.push(problem.help(match values.variables {
                    None => "only `{{ env_var('NAME') }}` and `{{ env_var('NAME', 'default') }}` are",
                    Some(_) => "only `{{ var('name') }}` and `{{ env_var('NAME') }}` are, with a default behind the name or not",
                }));
            };
            render_line(line, values, &mut output, &mut refuse);
        }
        offset += line.len();
    }
    output
}

fn render_line(line: &str, values: Values<'_>, output: &mut String, refuse: &mut dyn FnMut(usize, &str)) {
    let mut rest = 0;
    while let Some(start) = line[rest..].find("{{").map(|start| start + rest) {
        output.push_str(&line[rest..start]);
        let Some(end) = line[start..].find("}}").map(|end| end + start + 2) else {
            refuse(start, "an open `{{`");
            return;
        };
        match value(&line[start + 2..end - 2], values) {
            Some(value) => output.push_str(&value),
            None => {
                refuse(start, "this Jinja expression");
                output.push_str("null");
            }
        }
        rest = end;
    }
    for mark in ["{%", "{#"] {
        if let Some(start) = line[rest..].find(mark) {
            refuse(rest + start, &format!("`{mark}`"));
        }
    }
    output.push_str(&line[rest..]);
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

    fn rendered(text: &str) -> (String, Vec<Problem>) {
        let environment = BTreeMap::from([("A".to_owned(), "one".to_owned())]);
        let mut problems = Vec::new();
        let values = Values { environment: &environment, variables: None };
        (render(&FilePath::new("config.yaml"), text, values, &mut problems), problems)
    }

    #[test]
    fn env_var_is_replaced() {
        let (text, problems) = rendered("a: {{ env_var('A') }}-{{env_var(\"B\", 'two')}}\n# {{ not this }}\n");
        assert_eq!(text, "a: one-two\n# {{ not this }}\n");
        assert!(problems.is_empty());
        assert_eq!(rendered("a: {{ env_var('B') }}").0, format!("a: {UNSET}B"));
    }

    #[test]
    fn var_is_replaced_where_there_are_variables() {
        let environment = BTreeMap::new();
        let variables = BTreeMap::from([("limit".to_owned(), Value::Number("5".into()))]);
        let values = Values { environment: &environment, variables: Some(&variables) };
        let mut problems = Vec::new();
        let text = "a: {{ var('LIMIT') }} {{ var(\"gone\", 'x') }}\nb: {{ var('gone') }}\n";
        let text = render(&FilePath::new("tests/test_a.yaml"), text, values, &mut problems);
        assert_eq!(text, "a: 5 x\nb: null\n");
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [Some(2)]);
        assert_eq!(rendered("a: {{ var('limit') }}").1.len(), 1, "not in a configuration");
    }

    #[test]
    fn other_jinja_is_a_problem_with_a_place() {
        for text in
            ["x: 1\na: {{ user() }}\n", "x: 1\na: {{ env_var(A) }}\n", "x: 1\na: {{ open\n", "x: 1\na: {% if x %}\n"]
        {
            let (_, problems) = rendered(text);
            assert_eq!(problems.len(), 1, "{text}");
            assert_eq!(
                (problems[0].code, problems[0].line, problems[0].column),
                ("unsupported-jinja", Some(2), Some(4))
            );
        }
    }
}
