//! `csv_settings` of a seed, as SQLMesh hands them to pandas.

use super::value::{Pair, Source, Value};
use crate::model::CsvSettings;
use crate::problem::{Problem, nearest};

/// Texts that pandas reads as missing.
const NULL_TEXTS: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];
const KEYS: [&str; 9] = [
    "delimiter",
    "quotechar",
    "doublequote",
    "escapechar",
    "skipinitialspace",
    "lineterminator",
    "encoding",
    "na_values",
    "keep_default_na",
];

impl Default for CsvSettings {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            escape: None,
            double_quote: true,
            skip_initial_space: false,
            null_texts: NULL_TEXTS.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Reads `csv_settings (…)`; what cannot be read is a problem and keeps its default.
pub(super) fn read(source: &Source<'_>, value: Value<'_>, problems: &mut Vec<Problem>) -> CsvSettings {
    let mut settings = CsvSettings::default();
    let pairs = value.pairs().unwrap_or_else(|offset| {
        problems.push(source.error(
            "invalid-property",
            offset,
            "expected a setting of the CSV file: a name and its value",
        ));
        Vec::new()
    });
    let mut added = Vec::new();
    for pair in &pairs {
        if let Err(problem) = one(source, pair, &mut settings, &mut added) {
            problems.push(problem);
        }
    }
    let defaults_off = pairs.iter().any(|pair| pair.key == "keep_default_na" && flag(pair) == Some(false));
    if defaults_off {
        settings.null_texts.clear();
    }
    settings.null_texts.extend(added);
    settings
}

fn one(
    source: &Source<'_>,
    pair: &Pair<'_>,
    settings: &mut CsvSettings,
    added: &mut Vec<String>,
) -> Result<(), Problem> {
    let expected = |what: &str| {
        let message = format!("`{}` of `csv_settings` must be {what}", pair.written);
        source.error("invalid-property", pair.value.offset, message)
    };
    let sign = || byte(pair).ok_or_else(|| expected("one ASCII sign"));
    let choice = || flag(pair).ok_or_else(|| expected("true or false"));
    match pair.key.as_str() {
        "delimiter" => settings.delimiter = sign()?,
        "quotechar" => settings.quote = sign()?,
        "escapechar" => settings.escape = Some(sign()?),
        "doublequote" => settings.double_quote = choice()?,
        "skipinitialspace" => settings.skip_initial_space = choice()?,
        "keep_default_na" => {
            choice()?;
        }
        "na_values" => {
            for item in pair.value.items() {
                added.push(
                    item.scalar().ok_or_else(|| expected("a list of texts; one list per column is not supported"))?,
                );
            }
        }
        "encoding" => {
            let name = pair.value.scalar().unwrap_or_default().to_lowercase().replace(['-', '_'], "");
            if !matches!(name.as_str(), "utf8" | "utf8sig" | "ascii") {
                return Err(expected("`utf-8`").help("save the file as UTF-8"));
            }
        }
        "lineterminator" => {
            let text = pair.value.scalar().unwrap_or_default();
            if !matches!(text.as_str(), "\n" | "\\n" | "\r\n" | "\\r\\n" | "\r" | "\\r") {
                return Err(expected("a line break").help("save the file with line breaks between rows"));
            }
        }
        key => {
            let problem =
                source.error("unknown-property", pair.offset, format!("`{key}` of `csv_settings` is unknown"));
            return Err(match nearest(key, KEYS) {
                Some(name) => problem.help(format!("did you mean `{name}`?")),
                None => problem.help(format!("known are {}", KEYS.join(", "))),
            });
        }
    }
    Ok(())
}

fn byte(pair: &Pair<'_>) -> Option<u8> {
    match pair.value.scalar()?.as_bytes() {
        b"\\t" => Some(b'\t'),
        b"\\\\" => Some(b'\\'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}

fn flag(pair: &Pair<'_>) -> Option<bool> {
    pair.value.scalar()?.to_lowercase().parse().ok()
}
