//! Hostile text made harmless in GitHub-flavoured Markdown, tables included.

use crate::render::{visible, visible_lines};

/// Breaks a mention, an issue number or a link without showing.
const ZERO_WIDTH_SPACE: char = '\u{200B}';

/// A name as a code span that is safe in a table cell.
///
/// The run of backticks is longer than any in the text. A pipe would end the cell even inside a code span, and whether
/// `\\|` is an escaped pipe differs between parsers, so a text with a pipe becomes `<code>` with every mark an entity.
pub fn code(text: &str) -> String {
    let text = visible(text);
    if text.contains('|') {
        return html_code(&text);
    }
    if text.trim().is_empty() {
        return format!("<code>{}</code>", "&#32;".repeat(text.chars().count().max(1)));
    }
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    let padding = if text.contains('`') || text.starts_with(' ') || text.ends_with(' ') { " " } else { "" };
    format!("{ticks}{padding}{text}{padding}{ticks}")
}

/// A name as code in HTML with every mark an entity: for `<summary>`, where Markdown is not parsed.
pub fn html_code(text: &str) -> String {
    format!("<code>{}</code>", entities(&visible(text)))
}

/// A text outside code, on one line: no HTML, emphasis, link, mention or table cell comes of it.
pub fn prose(text: &str) -> String {
    let text = visible(text);
    let mut output = String::with_capacity(text.len() + 8);
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        match character {
            '&' => output.push_str("&amp;"),
            '<' => output.push_str("&lt;"),
            '>' => output.push_str("&gt;"),
            '|' => output.push_str("&#124;"),
            '@' | '#' => output.extend([character, ZERO_WIDTH_SPACE]),
            ':' if rest.starts_with("://") => output.extend([':', ZERO_WIDTH_SPACE]),
            'w' | 'W' if starts_with_www(rest) => output.extend([character, ZERO_WIDTH_SPACE]),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '!' => output.extend(['\\', character]),
            other => output.push(other),
        }
        rest = &rest[character.len_utf8()..];
    }
    output
}

/// A message of ours: what stands between two backticks is a name and becomes code, the rest is prose.
pub fn message(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    let is_balanced = parts.len() % 2 == 1;
    parts
        .iter()
        .enumerate()
        .map(|(index, part)| match index % 2 {
            1 if is_balanced && !part.is_empty() => code(part),
            _ => prose(part),
        })
        .collect()
}

/// A block of code in a fence longer than any run of backticks in it.
pub fn fenced(text: &str, language: &str) -> String {
    let text = visible_lines(text);
    let ticks = "`".repeat((longest_run(&text, '`') + 1).max(3));
    format!("{ticks}{language}\n{}\n{ticks}\n", text.trim_end_matches('\n'))
}

fn starts_with_www(text: &str) -> bool {
    text.as_bytes().get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"www."))
}

fn entities(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            plain if plain.is_alphanumeric() || plain == ' ' => plain.to_string(),
            mark => format!("&#{};", u32::from(mark)),
        })
        .collect()
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_code_span_and_cell() {
        assert_eq!(code("marts.orders"), "`marts.orders`");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("a|b`<x>"), "<code>a&#124;b&#96;&#60;x&#62;</code>");
        assert_eq!(code("a\nb\u{202e}"), "`a\\nb\\u{202E}`");
        assert_eq!(code(""), "<code>&#32;</code>");
    }

    #[test]
    fn prose_mentions_links_and_embeds_nothing() {
        assert_eq!(prose("@org/team <img src=x>"), "@\u{200B}org/team &lt;img src=x&gt;");
        assert_eq!(prose("[x](javascript:1) ![y](z)"), "\\[x\\](javascript:1) \\!\\[y\\](z)");
        assert_eq!(prose("https://e.x www.e.x #12"), "https:\u{200B}//e.x w\u{200B}ww.e.x #\u{200B}12");
        assert_eq!(prose("a|b\n__c__"), "a&#124;b\\\\n\\_\\_c\\_\\_");
    }

    #[test]
    fn our_messages_keep_their_names_as_code() {
        assert_eq!(message("no seed `a|b` at `c_d`"), "no seed <code>a&#124;b</code> at `c_d`");
        assert_eq!(message("odd ` one"), "odd  one");
    }

    #[test]
    fn fences_outlast_their_content() {
        assert_eq!(fenced("select 1\n````\n", "sql"), "`````sql\nselect 1\n````\n`````\n");
    }
}
