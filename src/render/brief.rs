//! A plan in ten lines at most, for a person who pushes and wants to go on.

use std::fmt::Write as _;

use super::terminal::{place, summary};
use super::text::shortened;
use super::visible;
use crate::plan::{Plan, PlannedModel};
use crate::problem::{Problem, Severity};

/// Errors that are shown one by one.
const ERRORS: usize = 3;
/// Models that are shown one by one, where nothing is wrong.
const MODELS: usize = 7;
/// Characters of one line, so that none fills a screen.
const WIDTH: usize = 160;

/// What is pushed to `branch`, as a plan: the summary first, then what is wrong or what changes.
pub fn plan(branch: &str, plan: &Plan) -> String {
    let mut output = String::new();
    let _ = writeln!(output, "{}", cut(&format!("{}: {}", visible(branch), summary(plan))));
    let errors: Vec<&Problem> = plan.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    for problem in errors.iter().take(ERRORS) {
        let place = place(problem).map_or(String::new(), |place| format!(" {place}:"));
        let first = problem.message.lines().next().unwrap_or_default();
        let _ = writeln!(output, "{}", cut(&format!("  error[{}]{place} {}", problem.code, visible(first))));
    }
    let shown = if errors.is_empty() { MODELS } else { MODELS - ERRORS - 1 };
    more(&mut output, errors.len().saturating_sub(ERRORS), "more errors");
    for model in plan.models.iter().take(shown) {
        let _ = writeln!(output, "{}", cut(&format!("  {}", line(model))));
    }
    more(&mut output, plan.models.len().saturating_sub(shown), "more models");
    output
}

fn line(model: &PlannedModel) -> String {
    let reason = model.reasons.first().map_or(String::new(), |reason| format!(": {}", visible(&reason.text())));
    let change = model.change.text();
    format!("{} {change}{reason}", visible(&model.name.to_string()))
}

fn more(output: &mut String, count: usize, what: &str) {
    if count > 0 {
        let _ = writeln!(output, "  and {count} {what}");
    }
}

/// A line that is too long loses its end, between two characters.
fn cut(line: &str) -> String {
    shortened(line, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ModelName;
    use crate::render::sample;

    fn many(errors: usize, models: usize) -> Plan {
        let mut plan = sample::plan();
        let model = plan.models[0].clone();
        plan.problems = vec![Problem::error("broken", "line one\nline two"); errors];
        plan.models = vec![model; models];
        plan
    }

    #[test]
    fn it_never_takes_more_than_ten_lines() {
        for (errors, models) in [(0, 0), (0, 7), (0, 8), (1, 1), (3, 3), (4, 4), (1000, 1000)] {
            let text = super::plan("feature", &many(errors, models));
            assert!(text.lines().count() <= 10, "{errors} errors, {models} models:\n{text}");
            assert!(text.ends_with('\n'));
        }
    }

    #[test]
    fn names_of_strangers_make_no_line_and_no_colour() {
        let mut plan = many(0, 1);
        plan.models[0].name = ModelName::from_parts(vec!["a\n\u{1b}[31mb".into()]).expect("a name");
        let text = super::plan(&"x\u{202e}\n".repeat(200), &plan);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + 1));
    }
}
