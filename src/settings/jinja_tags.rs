//! Where the tags of a Jinja text begin and end: as minijinja's own lexer cuts them, because nothing in a text may hide from
//! whoever looks at its tags.

use std::ops::Range;

/// Each `{{ … }}` and `{% … %}`, its braces included; one that is not closed goes to the end. Comments, and what stands between
/// `raw` and `endraw`, have none.
pub(super) fn tags(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find('{').map(|at| from + at) {
        let inside = start + 2;
        let close = match text.as_bytes().get(start + 1) {
            Some(b'{') => b"}}",
            Some(b'%') => b"%}",
            Some(b'#') => {
                from = text[inside..].find("#}").map_or(text.len(), |end| inside + end + 2);
                continue;
            }
            _ => {
                from = start + 1;
                continue;
            }
        };
        from = match basic(&text[inside..], "raw").filter(|_| close == b"%}") {
            Some(length) => raw_end(text, inside + length),
            None => {
                let end = end(text, start, close);
                found.push(start..end);
                end
            }
        };
    }
    found
}

/// Where a tag ends: at its close outside of texts in quotes and of brackets.
fn end(text: &str, start: usize, close: &[u8]) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut quote, mut depth) = (start + 2, None, 0_isize);
    while let Some(byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, _) if depth == 0 && bytes[at..].starts_with(close) => return at + 2,
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth -= 1,
            (None, _) => {}
        }
        at += 1;
    }
    text.len()
}

/// The length of `raw %}`, or of another word alone, behind `{%`.
fn basic(inside: &str, word: &str) -> Option<usize> {
    let rest = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let rest = rest.trim_ascii_start().strip_prefix(word)?.trim_ascii_start();
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}")?;
    Some(inside.len() - rest.len())
}

/// Where the tag ends that ends what is raw.
fn raw_end(text: &str, from: usize) -> usize {
    let mut ends = text[from..].match_indices("{%").map(|(at, _)| from + at + 2);
    ends.find_map(|inside| Some(inside + basic(&text[inside..], "endraw")?)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_end_where_minijinja_ends_them() {
        let of = |text: &'static str| tags(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(of("a {{ b }} c {%- d -%} e {{- f -}}"), ["{{ b }}", "{%- d -%}", "{{- f -}}"]);
        assert_eq!(of("{{ {'a': {'b': 1}} }} x"), ["{{ {'a': {'b': 1}} }}"]);
        assert_eq!(of("{{ '}}' ~ \"\\\"}}\" }} x"), ["{{ '}}' ~ \"\\\"}}\" }}"]);
        assert_eq!(of("{# {{ ' #}{{ a }}{# open {{ b }}"), ["{{ a }}"]);
        assert_eq!(of("{%- raw -%}{{ '{% endraw %}{{ 'x}}' ~ 1 }}"), ["{{ 'x}}' ~ 1 }}"]);
        assert_eq!(of("{% raws %}{{ a }}{ b } {"), ["{% raws %}", "{{ a }}"]);
        assert_eq!(of("é{{ [ }} é"), ["{{ [ }} é"]);
        assert!(of("{% raw %}{{ a").is_empty());
    }
}
