//! Rendering within bounds: so many steps, and on a stack that holds whatever these can pile up.
//!
//! A value can be put into a list again and again (`{% set ns.x = [ns.x] %}`), and what is as deep is shown and taken down by a call
//! for each level; so is a long chain (`1 + 1 + 1`) when it is read. So whatever takes more than a few steps, or has a long tag, runs
//! on a stack of its own that is as large as the steps allow.

use std::ops::Range;
use std::thread;

use minijinja::{Environment, Error, ErrorKind};

use super::jinja_tags::tags;

/// So many steps go anywhere: levels of 2 KiB at most, one in three steps, fit on the stack of any thread.
const FEW: u64 = 1_500;
/// Tags of so many bytes go anywhere: a level has two of them at least, and is read with 4 KiB at most.
const SHORT: usize = 512;
/// Longer ones are refused.
const LONGEST: usize = 64 << 10;
/// What the most steps of all can need. It is reserved and not taken: only what is used costs memory.
const STACK: usize = 512 << 20;
/// The most steps that [`STACK`] is enough for.
pub(super) const MOST: u64 = 600_000;

/// Why nothing was rendered. An [`Error`] may hold values, and these must go where they were made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}{}", detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default())]
pub struct JinjaError {
    /// What sort of error.
    pub kind: ErrorKind,
    /// What it says of itself.
    pub detail: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// Its bytes in the text.
    pub range: Option<Range<usize>>,
}

impl From<Error> for JinjaError {
    fn from(error: Error) -> Self {
        let (kind, detail) = (error.kind(), error.detail().map(str::to_owned));
        Self { kind, detail, line: error.line(), range: error.range() }
    }
}

/// Renders a text in an environment from which nothing else comes than the text: it may be rendered twice. `fuel` is how many
/// steps it goes at most.
///
/// # Errors
/// What the text does that it cannot, or that it takes more steps.
pub fn render_bounded(environment: &mut Environment<'_>, text: &str, fuel: u64) -> Result<String, JinjaError> {
    if is_short(text)? {
        environment.set_fuel(Some(FEW.min(fuel)));
        match environment.render_str(text, ()) {
            Err(error) if error.kind() == ErrorKind::OutOfFuel && fuel > FEW => {}
            other => return other.map_err(JinjaError::from),
        }
    }
    environment.set_fuel(Some(fuel.min(MOST)));
    let environment = &*environment;
    on_own_stack(|| environment.render_str(text, ()).map_err(JinjaError::from))
}

/// Reads a text, and renders nothing.
///
/// # Errors
/// What is wrong with it.
pub fn read_bounded(text: &str) -> Result<(), JinjaError> {
    let read = || Environment::new().template_from_str(text).map(drop).map_err(JinjaError::from);
    if is_short(text)? { read() } else { on_own_stack(read) }
}

fn on_own_stack<T: Send>(work: impl FnOnce() -> Result<T, JinjaError> + Send) -> Result<T, JinjaError> {
    let failed = || {
        let detail = Some(format!("this machine has no room for a stack of {} MiB", STACK >> 20));
        Err(JinjaError { kind: ErrorKind::InvalidOperation, detail, line: None, range: None })
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(failed)
    })
}

/// Whether all tags of a text are short.
///
/// # Errors
/// One is too long.
fn is_short(text: &str) -> Result<bool, JinjaError> {
    let tags = tags(text);
    if let Some(long) = tags.iter().find(|tag| tag.len() > LONGEST) {
        let detail = format!("a tag of more than {} KiB", LONGEST >> 10);
        let line = Some(text[..long.start].matches('\n').count() + 1);
        let range = Some(long.start..long.start + 2);
        return Err(JinjaError { kind: ErrorKind::SyntaxError, detail: Some(detail), line, range });
    }
    Ok(tags.iter().all(|tag| tag.len() <= SHORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> Result<String, JinjaError> {
        render_bounded(&mut Environment::new(), text, MOST)
    }

    /// A thread of a pool has 2 MiB of stack.
    #[test]
    fn whatever_is_deep_ends_with_an_answer() {
        let put = "{% set ns = namespace(x=[]) %}{% for i in range(50000) %}{% set ns.x = [ns.x] %}{% endfor %}";
        let put_again =
            "{% set ns = namespace(x=[1]) %}{% for i in range(40000) %}{% set ns.x = ns.x | batch(1) %}{% endfor %}";
        for (text, is_done) in [
            (put.to_owned(), true),
            (format!("{put}{{{{ ns.x }}}}"), true),
            (format!("{put}{{{{ ns.x == ns.x }}}}"), true),
            (put_again.to_owned(), true),
            (put.replace("[ns.x]", "{'a': ns.x}"), true),
            (put.replace("[ns.x]", "(ns.x,)"), true),
            (format!("{{{{ {}1 }}}}", "1 + ".repeat(10_000)), true),
            (format!("{{{{ 1{} }}}}", "|int".repeat(10_000)), true),
            (format!("{{{{ {}1 }}}}", "1 if 1 else ".repeat(5_000)), true),
            (format!("{{% set x = 1{} %}}", " or 1".repeat(10_000)), true),
            (format!("{{{{{}1 }}}}", "1+".repeat(32_700)), true),
            (format!("{{{{x{} }}}}", ".a".repeat(32_700)), false),
            (format!("{{{{x{} }}}}", "[1]".repeat(21_800)), false),
            (format!("{{{{x{} }}}}", "()".repeat(32_700)), false),
            (format!("{{{{1{} }}}}", "<1".repeat(32_700)), true),
            (format!("{{{{{}1 }}}}", "not ".repeat(16_000)), true),
            (format!("{{{{{}1 }}}}", "-".repeat(65_000)), true),
            (format!("{{{{ [{{'a': {{}}}}, {}1] }}}}", "1+".repeat(100_000)), false),
            (format!("{{% raw %}}{{{{ '{{% endraw %}}{{{{ 'x}}}}' {} }}}}", "~1".repeat(100_000)), false),
            (format!("{{{{ '}}}}' ~ {}1 }}}}", "1 ~ ".repeat(100_000)), false),
            (format!("{{{{ {}1 }}}}", "1+".repeat(100_000)), false),
            (format!("{{{{ x{} }}}}", ".a".repeat(100_000)), false),
            (format!("{{{{ {}1{} }}}}", "[".repeat(20_000), "]".repeat(20_000)), false),
            (format!("{}{}", "{% if 1 %}".repeat(20_000), "{% endif %}".repeat(20_000)), false),
            (
                "{% for i in range(100000) %}{% for i in range(100000) %}{{ i }}{% endfor %}{% endfor %}".to_owned(),
                false,
            ),
        ] {
            let thread = thread::Builder::new().stack_size(2 << 20).spawn(move || (rendered(&text).is_ok(), text));
            let (is_ok, text) = thread.expect("a thread").join().expect("an answer");
            assert_eq!(is_ok, is_done, "{}", &text[..text.len().min(120)]);
        }
    }

    #[test]
    fn what_is_short_and_what_is_long_give_the_same() {
        let of = |times: usize| rendered(&format!("{{% for i in range({times}) %}}{{{{ i % 10 }}}}{{% endfor %}}"));
        assert_eq!(of(3).as_deref(), Ok("012"));
        assert_eq!(of(5_000).map(|text| text.len()), Ok(5_000));
        let refused = rendered("a\n{{ nobody() }}").expect_err("nobody is there");
        let long = rendered(&format!("a\n{{{{ nobody() {}}}}}", " ".repeat(2 * SHORT))).expect_err("nobody is there");
        assert_eq!((refused.kind, refused.line), (long.kind, long.line));
        assert_eq!(refused.line, Some(2));
        assert!(read_bounded("{% macro m() %}1{% endmacro %}").is_ok() && read_bounded("{% macro %}").is_err());
        let long = format!("\n{{% macro m(x={}1) %}}{{% endmacro %}}", "1+".repeat(40_000));
        assert_eq!(read_bounded(&long).map_err(|error| error.line), Err(Some(2)));
    }
}
