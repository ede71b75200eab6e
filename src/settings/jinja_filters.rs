//! Filters, methods and functions of Python's Jinja that the engine here has not, or not as Python has them.
//!
//! They compute with values alone, and give no more than a text a few times as long as what they are given.

use minijinja::value::{Kwargs, Rest, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, Value};
use minijinja_contrib::globals::{cycler, joiner};

/// The widest text that `center` and `zfill` make, in characters.
const WIDEST: usize = 10_000;
/// Lists and mappings may stand so deep in each other.
const DEEPEST: usize = 64;

/// Makes them known.
pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("tojson", |value: &Value| to_json(value, DEEPEST).map(Value::from_safe_string));
    environment.add_filter("truncate", truncate);
    environment.add_filter("wordcount", |text: &str| {
        text.split(|sign: char| !(sign.is_alphanumeric() || sign == '_')).filter(|word| !word.is_empty()).count()
    });
    environment.add_filter("center", |text: &str, width: Option<usize>| center(text, width.unwrap_or(80)));
    environment.add_filter("urlencode", |text: &str| url_encoded(text));
    environment.add_filter("striptags", |text: String| minijinja_contrib::filters::striptags(text));
    environment.add_function("cycler", |items: Rest<Value>| cycler(items.0));
    environment.add_function("joiner", joiner);
}

/// What one of Python's methods of texts gives; `None` where it is none of those that are missing elsewhere.
pub(super) fn text_method(text: &str, method: &str, arguments: &[Value]) -> Option<Result<Value, Error>> {
    let affix = || from_args::<(&str,)>(arguments).map(|(affix,)| affix);
    let padded = |with: fn(&str, usize) -> Result<String, Error>| {
        let (width,) = from_args::<(usize,)>(arguments)?;
        with(text, width).map(Value::from)
    };
    let parts = |found: Option<(&str, &str)>, separator: &str, whole: [&str; 3]| {
        let parts = found.map_or(whole, |(before, after)| [before, separator, after]);
        Value::from(parts.map(Value::from).to_vec())
    };
    Some(match method {
        "zfill" => padded(zfill),
        "center" => padded(center),
        "ljust" => padded(|text, width| Ok(format!("{text}{}", filling(text, width)?))),
        "rjust" => padded(|text, width| Ok(format!("{}{text}", filling(text, width)?))),
        "removeprefix" => affix().map(|affix| Value::from(text.strip_prefix(affix).unwrap_or(text))),
        "removesuffix" => affix().map(|affix| Value::from(text.strip_suffix(affix).unwrap_or(text))),
        "partition" => affix().map(|affix| parts(text.split_once(affix), affix, [text, "", ""])),
        "rpartition" => affix().map(|affix| parts(text.rsplit_once(affix), affix, ["", "", text])),
        "casefold" => Ok(Value::from(text.to_lowercase())),
        "swapcase" => {
            let swapped = |sign: char| match sign.is_uppercase() {
                true => sign.to_lowercase().collect::<String>(),
                false => sign.to_uppercase().collect(),
            };
            Ok(Value::from(text.chars().map(swapped).collect::<String>()))
        }
        _ => return None,
    })
}

fn filling(text: &str, width: usize) -> Result<String, Error> {
    Ok(" ".repeat(within_limit(width)?.saturating_sub(text.chars().count())))
}

/// As Python's `str.zfill`: zeros behind the sign, up to a width in characters.
///
/// # Errors
/// The width is none that anybody writes.
fn zfill(text: &str, width: usize) -> Result<String, Error> {
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    let missing = within_limit(width)?.saturating_sub(text.chars().count());
    Ok(format!("{sign}{}{digits}", "0".repeat(missing)))
}

fn center(text: &str, width: usize) -> Result<String, Error> {
    let missing = within_limit(width)?.saturating_sub(text.chars().count());
    // Python puts the odd one before the text where the width is odd.
    let before = missing / 2 + (missing & width & 1);
    Ok(format!("{}{text}{}", " ".repeat(before), " ".repeat(missing - before)))
}

fn within_limit(width: usize) -> Result<usize, Error> {
    let too_wide = || Error::new(ErrorKind::InvalidOperation, format!("a width of more than {WIDEST} characters"));
    (width <= WIDEST).then_some(width).ok_or_else(too_wide)
}

/// As `jinja2.filters.do_truncate`: as it is up to `length + leeway` characters, else whole words and `end`.
fn truncate(
    text: &str,
    length: Option<usize>,
    killwords: Option<bool>,
    end: Option<String>,
    named: Kwargs,
) -> Result<String, Error> {
    let length = named.get::<Option<usize>>("length")?.or(length).unwrap_or(255);
    let killwords = named.get::<Option<bool>>("killwords")?.or(killwords);
    let end = named.get::<Option<String>>("end")?.or(end).unwrap_or_else(|| "...".to_owned());
    let leeway = named.get::<Option<usize>>("leeway")?.unwrap_or(5);
    named.assert_all_used()?;
    let kept = length.checked_sub(end.chars().count());
    let too_short = || Error::new(ErrorKind::InvalidOperation, "a length that is shorter than what ends the text");
    let kept = kept.ok_or_else(too_short)?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let cut: String = text.chars().take(kept).collect();
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if killwords != Some(true) => words,
        _ => &cut,
    };
    Ok(format!("{cut}{end}"))
}

/// As `urllib.parse.quote`, which leaves a slash as it is.
fn url_encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// As `json.dumps` with keys in order, and with what HTML takes for a sign of its own as an escape (`jinja2.utils`).
fn to_json(value: &Value, depth: usize) -> Result<String, Error> {
    let refused = |what: &str| Error::new(ErrorKind::InvalidOperation, format!("`tojson` of {what}"));
    let deeper = depth.checked_sub(1).ok_or_else(|| refused("what is too deep"))?;
    match value.kind() {
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool | ValueKind::Number => Ok(value.to_string().to_lowercase()),
        ValueKind::String => Ok(json_text(value.as_str().unwrap_or_default())),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Result<Vec<String>, Error> = value.try_iter()?.map(|item| to_json(&item, deeper)).collect();
            Ok(format!("[{}]", items?.join(", ")))
        }
        ValueKind::Map => {
            let mut entries = Vec::new();
            for key in value.try_iter()? {
                let text = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                entries.push((json_text(&text), to_json(&value.get_item(&key)?, deeper)?));
            }
            entries.sort();
            let entries: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
            Ok(format!("{{{}}}", entries.join(", ")))
        }
        other => Err(refused(&format!("{other}"))),
    }
}

/// A text of JSON in ASCII.
fn json_text(text: &str) -> String {
    let mut made = String::from('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit).unwrap_or(0) {
            b'"' => made.push_str("\\\""),
            b'\\' => made.push_str("\\\\"),
            b'\n' => made.push_str("\\n"),
            b'\r' => made.push_str("\\r"),
            b'\t' => made.push_str("\\t"),
            8 => made.push_str("\\b"),
            12 => made.push_str("\\f"),
            byte @ b' '..=b'~' if !b"<>&'".contains(&byte) => made.push(char::from(byte)),
            _ => made.push_str(&format!("\\u{unit:04x}")),
        }
    }
    made.push('"');
    made
}

#[cfg(test)]
mod tests {
    use super::super::{jinja_environment, render_bounded};

    #[track_caller]
    fn renders(template: &str, expected: &str) {
        let rendered = render_bounded(&mut jinja_environment(), template, 10_000);
        assert_eq!(rendered.map_err(|error| error.to_string()).as_deref(), Ok(expected), "{template}");
    }

    /// What each gives in Jinja 3.1 and Python 3.11.
    #[test]
    fn filters_give_what_python_gives() {
        renders(
            r#"{{ ['a', 'it\'s <b>', 1, 2.0, none, true] | tojson }}"#,
            r#"["a", "it\u0027s \u003cb\u003e", 1, 2.0, null, true]"#,
        );
        renders(
            r#"{{ {'b': [], 'a': {'é': '😀"\\'}} | tojson }}"#,
            r#"{"a": {"\u00e9": "\ud83d\ude00\"\\"}, "b": []}"#,
        );
        renders("{{ 'one two three' | truncate(8, leeway=0) }}", "one...");
        renders("{{ 'one two three' | truncate(8, true, leeway=0) }}", "one t...");
        renders("{{ 'one two three' | truncate(8) }}", "one two three");
        renders("{{ 'one two three four' | truncate(8, end='') }}", "one two");
        renders("{{ 'a b_c, d' | wordcount }}", "3");
        renders("[{{ 'ab' | center(5) }}|{{ 'ab' | center(6) }}|{{ 'abc' | center(6) }}]", "[  ab |  ab  | abc  ]");
        renders("{{ 'a b/ü&' | urlencode }}", "a%20b/%C3%BC%26");
        renders("{{ '<b>x</b>  &amp; y' | striptags }}", "x & y");
        renders("{{ '7'.zfill(3) }} {{ '-7'.zfill(3) }} {{ 'abc'.zfill(2) }}", "007 -07 abc");
        renders(
            "{{ 'stg_a.b.c'.removeprefix('stg_').removesuffix('.c') }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3) }}|",
            "a.b|a  |  a|",
        );
        renders("{{ 'a.b.c'.partition('.') | join('+') }} {{ 'a.b.c'.rpartition('.')[0] }}", "a+.+b.c a.b");
        renders("{{ 'ab'.rpartition('.') | join('+') }} {{ 'aB'.swapcase() }} {{ 'AB'.casefold() }}", "++ab Ab ab");
        renders("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}", "aba");
        renders("{% set j = joiner(' OR ') %}{% for x in [1, 2] %}{{ j() }}{{ x }}{% endfor %}", "1 OR 2");
    }

    #[test]
    fn no_filter_makes_something_of_nothing() {
        for template in ["{{ 'a' | center(100000000) }}", "{{ 'a'.zfill(100000000) }}", "{{ 'abc' | truncate(1) }}"] {
            assert!(render_bounded(&mut jinja_environment(), template, 10_000).is_err(), "{template}");
        }
        let deep = "{% set ns = namespace(x=[]) %}{% for i in range(100) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}";
        assert!(render_bounded(&mut jinja_environment(), deep, 10_000).is_err());
    }
}
