//! Hostile characters made visible, wherever a text of somebody else is shown.

/// A text on one line in which nothing can move the cursor, hide or disguise: control, bidirectional and zero-width
/// characters are shown as `\n`, `\t` or `\u{202E}`.
pub fn visible(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for character in text.chars() {
        push_visible(&mut output, character);
    }
    output
}

/// As [`visible`], but line ends stay: for SQL and for messages of engines, which span lines.
pub fn visible_lines(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    for character in text.replace("\r\n", "\n").chars() {
        match character {
            '\n' => output.push('\n'),
            '\t' => output.push_str("    "),
            other => push_visible(&mut output, other),
        }
    }
    output
}

fn push_visible(output: &mut String, character: char) {
    match character {
        '\n' => output.push_str("\\n"),
        '\r' => output.push_str("\\r"),
        '\t' => output.push_str("\\t"),
        other if is_hidden(other) => output.push_str(&format!("\\u{{{:X}}}", u32::from(other))),
        other => output.push(other),
    }
}

/// Characters that a terminal or browser obeys instead of showing: controls (C0, DEL, C1), bidirectional marks and
/// overrides, zero-width ones, line and paragraph separators, tags, and variation and interlinear marks.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

/// As [`visible`], cut to so many characters and without backticks: fit to stand between two of them.
pub fn quotable(text: &str, longest: usize) -> String {
    let mut output = visible(&text.chars().take(longest).collect::<String>());
    if text.chars().nth(longest).is_some() {
        output.push('…');
    }
    output.replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_shown() {
        assert_eq!(visible("a\u{1b}[31mred\u{202e}x\ny\u{9b}2J"), "a\\u{1B}[31mred\\u{202E}x\\ny\\u{9B}2J");
        assert_eq!(visible("größe 表 🙂"), "größe 表 🙂");
        assert_eq!(visible_lines("a\r\n\tb\u{7}"), "a\n    b\\u{7}");
    }

    #[test]
    fn a_quoted_text_ends_where_it_should() {
        assert_eq!(quotable("x`y\n\u{202e}", 80), "x'y\\n\\u{202E}");
        assert_eq!(quotable("größe", 5), "größe");
        assert_eq!(quotable("größer", 5), "größe…");
    }
}
