//! `.env`: variables of a person's machine, as python-dotenv reads them for SQLMesh. The crates for such files expand `$NAME`
//! in values, which python-dotenv leaves as it is; in a password that would be another one.

use std::collections::BTreeMap;

/// The name of the file, in the project's folder.
pub const DOTENV: &str = ".env";

/// A line that says nothing that could be understood. What stands there may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not `NAME=value`")]
pub struct DotenvError {
    /// The line, from 1.
    pub line: usize,
}

/// So many lines that are none are told.
const TOLD: usize = 20;
/// So many bytes of values are kept: each may name those before it.
const ROOM: usize = 16 << 20;

/// Puts what a file says over variables: it wins, and later lines over earlier ones. `${NAME}` and `${NAME:-default}` in
/// values stand for what is known by then. Gives the first lines that are none, which are passed over.
pub fn put_over(variables: &mut BTreeMap<String, String>, text: &str) -> Vec<DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut wrong, mut room, mut reader) = (Vec::new(), ROOM, Reader { rest: text });
    loop {
        reader.skip_blank_lines_and_comments();
        if reader.rest.is_empty() {
            return wrong;
        }
        let begin = text.len() - reader.rest.len();
        let binding = reader.binding();
        let is_read = binding.is_some_and(|(name, value)| {
            let value = value.map(|value| expanded(&value, variables, room));
            match value {
                None => true,
                Some(None) => false,
                Some(Some(value)) => {
                    room -= value.len();
                    variables.insert(name, value);
                    true
                }
            }
        });
        if !is_read {
            if wrong.len() < TOLD {
                wrong.push(DotenvError { line: text[..begin].matches('\n').count() + 1 });
            }
            reader.rest = &reader.rest[reader.line_end()..];
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

/// A name, and its value where there is one.
type Binding = (String, Option<String>);

impl<'a> Reader<'a> {
    /// What stands next; `None` where that is no line.
    fn binding(&mut self) -> Option<Binding> {
        self.skip_export();
        let name = self.name()?;
        self.skip_blanks();
        let value = match self.rest.strip_prefix('=') {
            None => None,
            Some(rest) => {
                self.rest = rest;
                self.skip_blanks();
                // Without the blank it would be the value.
                let is_comment = self.rest.len() < rest.len() && self.rest.starts_with('#');
                Some(if is_comment { String::new() } else { self.value()? })
            }
        };
        self.end_of_line()?;
        Some((name, value))
    }

    fn skip_blank_lines_and_comments(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = &self.rest[self.line_end()..];
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|sign: char| sign.is_whitespace() && sign != '\n' && sign != '\r');
    }

    fn skip_export(&mut self) {
        if let Some(rest) = self.rest.strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.rest = rest;
            self.skip_blanks();
        }
    }

    fn name(&mut self) -> Option<String> {
        let (name, rest) = match self.rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'')?,
            None => {
                let end = self.rest.find(|sign: char| sign == '=' || sign == '#' || sign.is_whitespace());
                self.rest.split_at(end.unwrap_or(self.rest.len()))
            }
        };
        self.rest = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn value(&mut self) -> Option<String> {
        match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            _ => {
                let (line, rest) = self.rest.split_at(self.line_end());
                self.rest = rest;
                let comment =
                    line.char_indices().find(|(at, sign)| *sign == '#' && line[..*at].ends_with(char::is_whitespace));
                Some(comment.map_or(line, |(at, _)| &line[..at]).trim_end().to_owned())
            }
        }
    }

    /// A value between quotes, over several lines too.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut value = String::new();
        let mut signs = self.rest.char_indices().skip(1);
        while let Some((at, sign)) = signs.next() {
            match sign {
                '\\' => {
                    let (_, escaped) = signs.next()?;
                    match unescaped(escaped, quote) {
                        Some(meant) => value.push(meant),
                        None => value.extend(['\\', escaped]),
                    }
                }
                _ if sign == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(value);
                }
                _ => value.push(sign),
            }
        }
        None
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.skip_blanks();
        let (line, rest) = self.rest.split_at(self.line_end());
        self.rest = rest;
        (line.is_empty() || line.starts_with('#')).then_some(())
    }

    fn line_end(&self) -> usize {
        self.rest.find(['\n', '\r']).unwrap_or(self.rest.len())
    }
}

/// What a backslash and a letter mean between quotes.
fn unescaped(escaped: char, quote: char) -> Option<char> {
    match (quote, escaped) {
        (_, '\\' | '\'') => Some(escaped),
        ('"', '"') => Some('"'),
        ('"', 'a') => Some('\u{7}'),
        ('"', 'b') => Some('\u{8}'),
        ('"', 'f') => Some('\u{c}'),
        ('"', 'n') => Some('\n'),
        ('"', 'r') => Some('\r'),
        ('"', 't') => Some('\t'),
        ('"', 'v') => Some('\u{b}'),
        _ => None,
    }
}

/// A value with what `${NAME}` and `${NAME:-default}` stand for; a name that nobody knows is nothing. `None` where it is longer
/// than there is room for.
fn expanded(value: &str, known: &BTreeMap<String, String>, room: usize) -> Option<String> {
    let mut whole = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            whole.push_str("${");
            rest = after;
            break;
        };
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        whole.push_str(known.get(name).map_or(default, String::as_str));
        rest = after;
        if whole.len() > room {
            return None;
        }
    }
    whole.push_str(rest);
    (whole.len() <= room).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (BTreeMap<String, String>, Vec<usize>) {
        let mut variables = BTreeMap::from([("HOME".to_owned(), "/home/ann".to_owned())]);
        let wrong = put_over(&mut variables, text);
        (variables, wrong.into_iter().map(|error| error.line).collect())
    }

    /// Each checked against python-dotenv 1.x.
    #[test]
    fn values_are_as_python_dotenv_reads_them() {
        let cases = [
            ("A=b", "b"),
            ("\u{feff}A=b", "b"),
            (" export  A = b \r\n", "b"),
            ("A=b c # d", "b c"),
            ("A=b#c", "b#c"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=#b", "#b"),
            ("A='b # c' # d", "b # c"),
            ("A='b\\'c\\n'", "b'c\\n"),
            ("A=\"b\\\"c\\n\\x\"", "b\"c\n\\x"),
            ("A=\"two\nlines\"\n", "two\nlines"),
            ("'A'=b", "b"),
            ("A=pa$word", "pa$word"),
            ("A=${HOME}/b", "/home/ann/b"),
            ("A=${NONE}b${NONE:-c}", "bc"),
            ("A=${HOME", "${HOME"),
            ("B=1\nA=${B}2", "12"),
            ("# A=c\n\nA=b\nONLY_A_NAME\n", "b"),
            ("HOME=x\nA=${HOME}", "x"),
            ("A=c\nA=b", "b"),
        ];
        for (text, expected) in cases {
            let (variables, wrong) = read(text);
            assert_eq!((variables["A"].as_str(), wrong), (expected, vec![]), "{text:?}");
        }
        assert_eq!(read("HOME=x").0["HOME"], "x", "the file wins");
        assert!(!read("A").0.contains_key("A"), "a name without a value");
    }

    #[test]
    fn what_is_no_line_is_passed_over_and_told_by_its_number() {
        let wrong = [("=b", 1), ("A=b\n\nB='c\n", 3), ("A='b' c\n", 1), ("# x\nA=b\nB C=d", 3)];
        for (text, line) in wrong {
            let (variables, told) = read(&format!("{text}\nLAST=1"));
            assert_eq!((variables["LAST"].as_str(), told), ("1", vec![line]), "{text:?}");
            assert!(!variables.contains_key("B"), "{text:?}");
        }
    }

    #[test]
    fn a_file_of_a_stranger_costs_no_more_than_its_length() {
        let doubling: String =
            (1..60).map(|number| format!("A{number}=${{A{}}}${{A{}}}\n", number - 1, number - 1)).collect();
        let (variables, wrong) = read(&format!("A0=x\n{doubling}"));
        assert!(variables.values().map(String::len).sum::<usize>() <= ROOM + 64);
        assert_eq!(wrong.len(), 1, "the one for which there is no room");
        for line in ["A=1\n", "no line\n", "A='\n"] {
            read(&line.repeat((1 << 20) / line.len()));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[A='\"\\\\#$\\{\\} \n\r\tbé-]{0,40}") {
            read(&text);
        }
    }
}
