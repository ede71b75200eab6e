//! `csv_settings` of a seed, as SQLMesh hands them to pandas.

use std::collections::BTreeMap;

use super::csv_missing::{self, Missing};
use super::value::{Pair, Source, Value, truth};
use crate::model::CsvSettings;
use crate::problem::{Problem, nearest};

/// Texts that pandas reads as missing.
const NULL_TEXTS: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];
const MISSING: &str = "a list of texts, or one for each of some columns";
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
            null_texts_of: BTreeMap::new(),
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
    let mut texts = pairs.iter().filter(|pair| pair.key == "keep_default_na").filter_map(|pair| pair.value.scalar());
    let keeps = texts.next_back().as_deref().and_then(truth) != Some(false);
    with_null_texts(settings, added, if keeps { Defaults::Kept } else { Defaults::Gone })
}

/// Whether what pandas reads as missing by itself is NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defaults {
    /// It is.
    Kept,
    /// It is text like any other.
    Gone,
}

/// The settings with all texts that mean NULL.
pub fn with_null_texts(mut settings: CsvSettings, added: Vec<String>, defaults: Defaults) -> CsvSettings {
    if defaults == Defaults::Gone {
        settings.null_texts.clear();
    }
    settings.null_texts.extend(added);
    settings
}

/// Why a setting of a CSV file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedCsvSetting {
    /// There is no such setting; the nearest is named, where one is near.
    Unknown(Option<&'static str>),
    /// Its value must be something else, and what may help.
    Expected(&'static str, Option<&'static str>),
}

impl RefusedCsvSetting {
    /// The settings that there are, for messages.
    pub fn known() -> String {
        KEYS.join(", ")
    }
}

fn one(
    source: &Source<'_>,
    pair: &Pair<'_>,
    settings: &mut CsvSettings,
    added: &mut Vec<String>,
) -> Result<(), Problem> {
    if pair.key == "na_values" {
        return set_missing(source, pair, settings, added);
    }
    let values = pair.value.scalar().map(|text| vec![text]);
    set_csv(settings, &pair.key, values.as_deref(), added).map_err(|refused| match refused {
        RefusedCsvSetting::Expected(what, help) => {
            let message = format!("`{}` of `csv_settings` must be {what}", pair.written);
            let problem = source.error("invalid-property", pair.value.offset, message);
            match help {
                Some(help) => problem.help(help),
                None => problem,
            }
        }
        RefusedCsvSetting::Unknown(nearest) => {
            let message = format!("`{}` of `csv_settings` is unknown", pair.key);
            let problem = source.error("unknown-property", pair.offset, message);
            problem.help(match nearest {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known are {}", RefusedCsvSetting::known()),
            })
        }
    })
}

fn set_missing(
    source: &Source<'_>,
    pair: &Pair<'_>,
    settings: &mut CsvSettings,
    added: &mut Vec<String>,
) -> Result<(), Problem> {
    match csv_missing::read(&pair.value) {
        Some(Missing::Everywhere(texts)) => added.extend(texts),
        Some(Missing::Of(columns)) => {
            for (name, texts) in columns {
                settings.null_texts_of.entry(name).or_default().extend(texts);
            }
        }
        Some(Missing::PassedOver) => {
            let message = "`na_values` of `csv_settings` is passed over, as SQLMesh does where a name is in it";
            let problem = source.warning("unsupported-property", pair.value.offset, message);
            return Err(problem.help("put texts into single quotes"));
        }
        None => {
            let message = format!("`na_values` of `csv_settings` must be {MISSING}");
            return Err(source.error("invalid-property", pair.value.offset, message));
        }
    }
    Ok(())
}

/// Sets one of the settings that pandas knows from its values, `None` where these are no texts; texts that mean NULL are put
/// to `added`.
///
/// # Errors
/// There is no such setting, or a value cannot be.
pub fn set_csv(
    settings: &mut CsvSettings,
    key: &str,
    values: Option<&[String]>,
    added: &mut Vec<String>,
) -> Result<(), RefusedCsvSetting> {
    let value = values.and_then(<[String]>::first).map(String::as_str);
    let expected = |what| RefusedCsvSetting::Expected(what, None);
    let sign = || value.and_then(byte).ok_or(expected("one ASCII sign"));
    let choice = || value.and_then(truth).ok_or(expected("true or false"));
    match key {
        "delimiter" => settings.delimiter = sign()?,
        "quotechar" => settings.quote = sign()?,
        "escapechar" => settings.escape = Some(sign()?),
        "doublequote" => settings.double_quote = choice()?,
        "skipinitialspace" => settings.skip_initial_space = choice()?,
        "keep_default_na" => {
            choice()?;
        }
        "na_values" => {
            let texts = values.ok_or(expected(MISSING))?;
            added.extend(texts.iter().flat_map(|text| csv_missing::alike(text)));
        }
        "encoding" => {
            let name = value.unwrap_or_default().to_lowercase().replace(['-', '_'], "");
            if !matches!(name.as_str(), "utf8" | "utf8sig" | "ascii") {
                return Err(RefusedCsvSetting::Expected("`utf-8`", Some("save the file as UTF-8")));
            }
        }
        "lineterminator" => {
            let known = ["\n", "\\n", "\r\n", "\\r\\n", "\r", "\\r"];
            if !known.contains(&value.unwrap_or_default()) {
                let help = Some("save the file with line breaks between rows");
                return Err(RefusedCsvSetting::Expected("a line break", help));
            }
        }
        key => return Err(RefusedCsvSetting::Unknown(nearest(key, KEYS))),
    }
    Ok(())
}

fn byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"\\t" => Some(b'\t'),
        b"\\\\" => Some(b'\\'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}
