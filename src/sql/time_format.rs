//! The format of a time column that holds text or numbers: `strftime` parts, or the letters of the model's dialect, as
//! SQLMesh takes them (`set_time_format`).

use super::Dialect;

/// A format in `strftime` parts. One that has such parts is taken as it is; SQLMesh reads the letters within `%Y` of the
/// dialects that have letters as further parts, so that nothing is loaded.
pub fn strftime(dialect: Dialect, format: &str) -> String {
    let parts = match dialect {
        Dialect::Trino | Dialect::MySql => return format.replace("%i", "%M").replace("%s", "%S"),
        Dialect::Postgres | Dialect::Redshift | Dialect::Snowflake => POSTGRES,
        Dialect::Spark | Dialect::Databricks | Dialect::Hive | Dialect::MsSql => SPARK,
        _ => return format.to_owned(),
    };
    if format.contains('%') {
        format.to_owned()
    } else {
        translated(format, parts).unwrap_or_else(|| format.to_owned())
    }
}

/// Whether what a format prints sorts as the moments do: parts from the coarsest to the finest, none left out in between.
pub fn sorts(format: &str) -> bool {
    let format = format.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S");
    if format == "%s" {
        return true;
    }
    let parts: String = format.split('%').skip(1).filter_map(|part| part.chars().next()).collect();
    !parts.is_empty() && ("YmdHMSf".starts_with(&parts) || "Yj".starts_with(&parts))
}

/// A letter code and its part, longer ones first.
type Codes = &'static [(&'static str, &'static str)];

const POSTGRES: Codes = &[
    ("YYYY", "%Y"),
    ("yyyy", "%Y"),
    ("HH24", "%H"),
    ("hh24", "%H"),
    ("DDD", "%j"),
    ("ddd", "%j"),
    ("MM", "%m"),
    ("mm", "%m"),
    ("DD", "%d"),
    ("dd", "%d"),
    ("MI", "%M"),
    ("mi", "%M"),
    ("SS", "%S"),
    ("ss", "%S"),
    ("FF6", "%f"),
    ("ff6", "%f"),
    ("US", "%f"),
    ("\"T\"", "T"),
];

const SPARK: Codes = &[
    ("SSSSSS", "%f"),
    ("yyyy", "%Y"),
    ("YYYY", "%Y"),
    ("MM", "%m"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("'T'", "T"),
];

/// `None` where there is a letter that is none of the codes.
fn translated(format: &str, codes: Codes) -> Option<String> {
    let mut rest = format;
    let mut translated = String::new();
    while let Some(first) = rest.chars().next() {
        let found = codes.iter().find_map(|(code, part)| Some((rest.strip_prefix(code)?, *part)));
        match found {
            Some((behind, part)) => {
                translated.push_str(part);
                rest = behind;
            }
            None if first.is_ascii_alphabetic() => return None,
            None => {
                translated.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Some(translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_a_dialect_are_parts() {
        for (dialect, format, expected) in [
            (Dialect::Postgres, "YYYY-MM-DD", "%Y-%m-%d"),
            (Dialect::Postgres, "YYYYMMDD", "%Y%m%d"),
            (Dialect::Redshift, "YYYY-MM-DD HH24:MI:SS", "%Y-%m-%d %H:%M:%S"),
            (Dialect::Snowflake, "yyyy-mm-dd\"T\"hh24", "%Y-%m-%dT%H"),
            (Dialect::Spark, "yyyy-MM-dd HH:mm:ss", "%Y-%m-%d %H:%M:%S"),
            (Dialect::Databricks, "yyyyMMdd", "%Y%m%d"),
            (Dialect::Trino, "%Y-%m-%d %H:%i:%s", "%Y-%m-%d %H:%M:%S"),
            (Dialect::Postgres, "%Y-%m-%d", "%Y-%m-%d"),
            (Dialect::Spark, "%Y-%m-%d", "%Y-%m-%d"),
            (Dialect::DuckDb, "%Y-%m-%d", "%Y-%m-%d"),
            (Dialect::BigQuery, "%F", "%F"),
        ] {
            let found = strftime(dialect, format);
            assert_eq!(found, expected, "{dialect:?} {format}");
            assert!(sorts(&found), "{dialect:?} {format}");
        }
        // What the dialect does not know, or what another one would write, prints the same text for every moment.
        for (dialect, format) in [
            (Dialect::DuckDb, "YYYY-MM-dd"),
            (Dialect::BigQuery, "YYYY-MM-DD"),
            (Dialect::Postgres, "YYYY-Mon-DD"),
            (Dialect::Spark, "YYYY-MM-DD"),
            (Dialect::Postgres, "DD.MM.YYYY"),
            (Dialect::DuckDb, ""),
        ] {
            assert!(!sorts(&strftime(dialect, format)), "{dialect:?} {format}");
        }
    }
}
