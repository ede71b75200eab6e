//! The one piece of Jinja that configurations use: `{{ env_var('NAME') }}`, with or without a default.
//!
//! A variable that is not set leaves a mark, [`UNSET`], which `connection` turns into an error only when that
//! connection is opened (a plan needs no password) and which every other setting refuses.

use std::collections::BTreeMap;

use crate::ids::FilePath;
use crate::problem::{Problem, position_of};

/// What stands before the name of a variable that is not set; YAML takes it as part of a text.
pub(super) const UNSET: &str = "\u{e0a0}unset:";

/// Replaces `{{ … }}` outside comment lines.
pub(super) fn render(
    path: &FilePath,
    text: &str,
    environment: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> String {
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
                problems.push(problem.help("only `{{ env_var('NAME') }}` and `{{ env_var('NAME', 'default') }}` are"));
            };
            render_line(line, environment, &mut output, &mut refuse);
        }
        offset += line.len();
    }
    output
}

fn render_line(
    line: &str,
    environment: &BTreeMap<String, String>,
    output: &mut String,
    refuse: &mut dyn FnMut(usize, &str),
) {
    let mut rest = 0;
    while let Some(start) = line[rest..].find("{{").map(|start| start + rest) {
        output.push_str(&line[rest..start]);
        let Some(end) = line[start..].find("}}").map(|end| end + start + 2) else {
            refuse(start, "an open `{{`");
            return;
        };
        match call(&line[start + 2..end - 2]) {
            Some((name, default)) => match environment.get(name).map(String::as_str).or(default) {
                Some(value) => output.push_str(value),
                None => output.push_str(&format!("{UNSET}{name}")),
            },
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

/// Reads `env_var('NAME')` or `env_var('NAME', 'default')`.
fn call(expression: &str) -> Option<(&str, Option<&str>)> {
    let inside = expression.trim().strip_prefix("env_var")?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
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
        (render(&FilePath::new("config.yaml"), text, &environment, &mut problems), problems)
    }

    #[test]
    fn env_var_is_replaced() {
        let (text, problems) = rendered("a: {{ env_var('A') }}-{{env_var(\"B\", 'two')}}\n# {{ not this }}\n");
        assert_eq!(text, "a: one-two\n# {{ not this }}\n");
        assert!(problems.is_empty());
        assert_eq!(rendered("a: {{ env_var('B') }}").0, format!("a: {UNSET}B"));
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
