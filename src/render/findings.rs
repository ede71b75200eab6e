//! What `bot doctor` found, part by part, with what to do about it.

use std::fmt::Write as _;

use owo_colors::Style;

use super::terminal::Paint;
use super::text::counted;
use super::{Colour, json, markdown, visible};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// `git`, `config`, `engine` or `state`.
    pub area: &'static str,
    /// A stable word for scripts, such as `base-branch`.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but the reader should know.
    Warning,
    /// Stops something.
    Error,
}

impl Finding {
    /// A finding.
    pub fn new(area: &'static str, check: &'static str, verdict: Verdict, message: impl Into<String>) -> Self {
        Self { area, check, verdict, message: message.into(), help: None }
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Whether nothing is stopped.
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Error)
}

/// A list by area.
pub fn terminal(findings: &[Finding], colour: Colour) -> String {
    let paint = Paint(colour);
    let mut output = String::new();
    let mut area = "";
    for finding in findings {
        if finding.area != area {
            area = finding.area;
            let _ = writeln!(output, "{}", paint.with(area, Style::new().bold()));
        }
        let (word, style) = match finding.verdict {
            Verdict::Ok => ("ok", Style::new().green()),
            Verdict::Warning => ("warning", Style::new().yellow().bold()),
            Verdict::Error => ("error", Style::new().red().bold()),
        };
        let word = paint.with(&format!("{word:<7}"), style);
        let _ = writeln!(output, "  {word} {}: {}", finding.check, visible(&finding.message));
        if let Some(help) = &finding.help {
            let _ = writeln!(output, "          {} {}", paint.with("hint:", Style::new().cyan()), visible(help));
        }
    }
    let _ = writeln!(output, "\n{}", summary(findings));
    output
}

/// A Markdown list.
pub fn markdown(findings: &[Finding]) -> String {
    let mut output = "### Doctor\n\n".to_owned();
    for finding in findings {
        let sign = match finding.verdict {
            Verdict::Ok => "🟢",
            Verdict::Warning => "🟡",
            Verdict::Error => "🔴",
        };
        let help = finding.help.as_ref().map_or(String::new(), |help| format!(" ({})", markdown::message(help)));
        let message = markdown::message(&finding.message);
        let _ = writeln!(output, "* {sign} {} {}: {message}{help}", finding.area, finding.check);
    }
    let _ = writeln!(output, "\n{}", summary(findings));
    output
}

/// `{"schema_version":1,"findings":[…],"summary":{"ok","warnings","errors"}}`.
pub fn json(findings: &[Finding]) -> String {
    #[derive(serde::Serialize)]
    struct Object<'a> {
        findings: &'a [Finding],
        summary: Summary,
    }
    #[derive(serde::Serialize)]
    struct Summary {
        ok: usize,
        warnings: usize,
        errors: usize,
    }
    let [ok, warnings, errors] = counts(findings);
    json::object(&Object { findings, summary: Summary { ok, warnings, errors } })
}

fn summary(findings: &[Finding]) -> String {
    let [_, warnings, errors] = counts(findings);
    match (errors, warnings) {
        (0, 0) => "All is well.".to_owned(),
        (0, warnings) => format!("Works, with {}.", counted(warnings, "warning")),
        (errors, warnings) => format!("{} to mend, {}.", counted(errors, "error"), counted(warnings, "warning")),
    }
}

fn counts(findings: &[Finding]) -> [usize; 3] {
    [Verdict::Ok, Verdict::Warning, Verdict::Error]
        .map(|verdict| findings.iter().filter(|finding| finding.verdict == verdict).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_by_area_with_what_to_do() {
        let findings = [
            Finding::new("git", "repository", Verdict::Ok, "`/shop`"),
            Finding::new("state", "file", Verdict::Error, "`a\u{1b}[2J` is no state").help("move it away"),
        ];
        insta::assert_snapshot!(terminal(&findings, Colour::Never), @r"
        git
          ok      repository: `/shop`
        state
          error   file: `a\u{1B}[2J` is no state
                  hint: move it away

        1 error to mend, 0 warnings.
        ");
        let value: serde_json::Value = serde_json::from_str(&json(&findings)).expect("JSON");
        assert_eq!(value["findings"][0]["help"], serde_json::Value::Null, "every key is always there");
        assert_eq!(value["summary"], serde_json::json!({"ok": 1, "warnings": 0, "errors": 1}));
        assert!(has_errors(&findings) && !has_errors(&findings[..1]));
    }
}
