//! Text for the runner of GitHub Actions, which reads everything that a step prints and two files that it writes
//! (GitHub docs: "Workflow commands for GitHub Actions"). No value of a branch ends what it stands in, and no SQL or
//! message becomes a command. This module never writes; random words come in as arguments.

use super::visible;
use crate::problem::{Problem, Severity};

/// Why an output cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// Outputs are named by us.
    #[error("`{0}` cannot name an output: expected letters, digits, `_` and `-`")]
    Name(String),
    /// The delimiter is in the value, or is none.
    #[error("the delimiter of the output `{0}` is in its value; take another random one")]
    Delimiter(String),
}

/// One entry of `GITHUB_OUTPUT`, always in the form with a delimiter: a value that holds line ends then adds no output of
/// its own. `delimiter` must be random (128 bits), or whoever chooses the value could guess it.
///
/// Carriage returns would be read as line ends by some readers of that file, so they become plain ones.
///
/// # Errors
/// The name is not plain, or the value holds the delimiter.
pub fn output(name: &str, value: &str, delimiter: &str) -> Result<String, OutputError> {
    let is_plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !is_plain(name) {
        return Err(OutputError::Name(name.to_owned()));
    }
    let value = value.replace("\r\n", "\n").replace('\r', "\n");
    if !is_plain(delimiter) || value.contains(delimiter) {
        return Err(OutputError::Delimiter(name.to_owned()));
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// A problem as a command that annotates its file and line. `folder` is the project's folder in the repository, `/` or
/// nothing at its end, because the runner counts paths from the checkout.
pub fn annotation(problem: &Problem, folder: &str) -> String {
    let command = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let mut properties = Vec::new();
    if let Some(path) = &problem.path {
        let folder = folder.trim_matches('/');
        let path = if folder.is_empty() { path.to_string() } else { format!("{folder}/{path}") };
        properties.push(format!("file={}", property(&path)));
        properties.extend(problem.line.map(|line| format!("line={line}")));
        properties.extend(problem.column.map(|column| format!("col={column}")));
    }
    properties.push(format!("title={}", property(problem.code)));
    let help = problem.help.as_ref().map_or(String::new(), |help| format!("\n{help}"));
    format!("::{command} {}::{}\n", properties.join(","), data(&format!("{}{help}", problem.message)))
}

/// A value that the runner hides in the log from here on.
pub fn mask(secret: &str) -> String {
    // An empty mask is refused by the runner; of several lines each must be named.
    let lines = secret.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| format!("::add-mask::{}\n", data(line))).collect()
}

/// A text that is not ours, in which the runner reads no command. `token` must be random; `None` where the text holds it.
pub fn quiet(text: &str, token: &str) -> Option<String> {
    let is_plain = token.len() >= 16 && token.chars().all(|c| c.is_ascii_alphanumeric());
    if !is_plain || text.contains(token) {
        return None;
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Some(format!("::stop-commands::{token}\n{text}{end}::{token}::\n"))
}

/// What stands after the second `::`.
fn data(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c == '\n' { "\n".to_owned() } else { visible(&c.to_string()) }).collect();
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands after a `=` before it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::FilePath;

    const DELIMITER: &str = "bot_0123456789abcdef0123456789abcdef";

    /// What a runner reads, written after its documentation and not after the code above.
    fn outputs(file: &str) -> Vec<(String, String)> {
        let mut lines = file.lines();
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            let (name, end) = line.split_once("<<").expect("no entry of one line is written");
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
            found.push((name.to_owned(), value.join("\n")));
        }
        found
    }

    #[test]
    fn an_output_of_several_lines_stays_one() {
        let text = output("environment", "a\r\nstate<<EOF\rx=y", DELIMITER).expect("an entry");
        assert_eq!(outputs(&text), [("environment".to_owned(), "a\nstate<<EOF\nx=y".to_owned())]);
    }

    #[test]
    fn an_output_that_cannot_be_told_from_its_end_is_refused() {
        let value = format!("x\n{DELIMITER}\nadmin=true");
        assert_eq!(output("plan", &value, DELIMITER), Err(OutputError::Delimiter("plan".into())));
        assert_eq!(output("plan", "x", ""), Err(OutputError::Delimiter("plan".into())));
        assert_eq!(output("a=b\nc", "x", DELIMITER), Err(OutputError::Name("a=b\nc".into())));
    }

    #[test]
    fn a_problem_marks_its_line_and_nothing_else() {
        let problem = Problem::error("missing-seed", "seed `a%b` is gone\n::warning::forged\r\u{1b}[31m")
            .at(&FilePath::new("models/a,line=1:b\n.sql"))
            .position(3, 9)
            .help("look at it");
        insta::assert_snapshot!(annotation(&problem, "data/shop/"), @"::error file=data/shop/models/a%2Cline=1%3Ab%0A.sql,line=3,col=9,title=missing-seed::seed `a%25b` is gone%0A::warning::forged\\r\\u{1B}[31m%0Alook at it");
        let nowhere = Problem::info("never-promoted", "nothing was promoted yet");
        assert_eq!(annotation(&nowhere, ""), "::notice title=never-promoted::nothing was promoted yet\n");
    }

    #[test]
    fn secrets_are_masked_line_by_line() {
        assert_eq!(mask("one%\n\ntwo"), "::add-mask::one%25\n::add-mask::two\n");
        assert_eq!(mask(""), "");
    }

    #[test]
    fn text_of_strangers_is_put_where_the_runner_reads_no_command() {
        let token = "0123456789abcdef0123456789abcdef";
        let text = quiet("::error::forged", token).expect("a token");
        assert_eq!(text, format!("::stop-commands::{token}\n::error::forged\n::{token}::\n"));
        assert_eq!(quiet(&format!("::{token}::"), token), None);
        assert_eq!(quiet("x", "short"), None, "a token that can be guessed is none");
    }

    proptest! {
        #[test]
        fn whatever_the_value_one_entry_comes_of_it(value in "(\\PC|\n|\r|<<|=){0,60}") {
            let text = output("plan", &value, DELIMITER).expect("an entry");
            prop_assert!(!text.contains('\r'));
            prop_assert_eq!(outputs(&text).len(), 1);
        }

        #[test]
        fn whatever_the_message_one_line_comes_of_it(message in "(\\PC|\n|\r|:|%){0,60}", path in "(\\PC|\n|,|:){1,30}") {
            let problem = Problem::error("code", message).at(&FilePath::new(path));
            let text = annotation(&problem, "");
            prop_assert_eq!(text.lines().count(), 1, "{}", text);
            let (properties, _) = text.trim_start_matches("::error ").split_once("::").expect("data");
            prop_assert_eq!(properties.matches(',').count(), 1, "{}", text);
        }
    }
}
