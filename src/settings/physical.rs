//! `physical_schema_mapping`: which schema takes the tables of a model, where that is not the one that we make up.

use regex::{Regex, RegexBuilder};

use super::reader::Report;
use super::{Settings, config, jinja};
use crate::problem::Problem;
use crate::sql::Dialect;
use crate::yaml::{Entry, Node};

/// Schemas for the tables of models, by patterns of the models' own schemas, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PhysicalSchemas(Vec<Mapped>);

#[derive(Clone, Debug, PartialEq)]
struct Mapped {
    pattern: Pattern,
    schema: String,
}

/// A pattern that must fit from the first character on, as in Python's `re.match`.
#[derive(Clone, Debug)]
struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// How the keys of a mapping are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// As patterns.
    Patterns,
    /// As whole names, as SQLMesh's older setting has them.
    Names,
}

/// The most bytes of a compiled pattern: a schema's name is short, and so is what tells it.
const PATTERN_BYTES: usize = 1 << 20;
/// As [`crate::postgres`] and DuckDB take it.
const LONGEST_NAME: usize = 63;

impl PhysicalSchemas {
    /// The schema that is wanted for the tables of models of this one (empty for models without one): that of the first
    /// pattern that fits.
    pub fn of(&self, schema: &str) -> Option<&str> {
        let fits = |mapped: &&Mapped| mapped.pattern.0.find(schema).is_some_and(|found| found.start() == 0);
        self.0.iter().find(fits).map(|mapped| mapped.schema.as_str())
    }

    /// Patterns with their schemas, for tests.
    #[cfg(test)]
    pub(crate) fn mapped(pairs: &[(&str, &str)]) -> Self {
        let one = |(pattern, schema): &(&str, &str)| Mapped {
            pattern: Pattern(Regex::new(pattern).expect("a pattern")),
            schema: (*schema).to_owned(),
        };
        Self(pairs.iter().map(one).collect())
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads one of the two settings; the rest of the configuration is read already.
pub(super) fn read(
    (key, node): (&str, &Node),
    keys: Keys,
    settings: &Settings,
    report: &mut Report<'_>,
) -> PhysicalSchemas {
    report.is_map(key, node);
    let mapped = node.entries().iter().filter_map(|entry| one(entry, keys, settings, report));
    PhysicalSchemas(mapped.collect())
}

fn one(entry: &Entry, keys: Keys, settings: &Settings, report: &mut Report<'_>) -> Option<Mapped> {
    let pattern = pattern(entry, keys, report);
    let schema = report.text(&entry.key, &entry.node);
    if schema.is_none() && entry.node.value == crate::yaml::Value::Null {
        report.expected(&entry.key, "the name of a schema", &entry.node);
    }
    let schema = name(&schema?, settings).map_err(|problem| report.push(entry.node.place, *problem)).ok()?;
    Some(Mapped { pattern: pattern?, schema })
}

fn pattern(Entry { key, node }: &Entry, keys: Keys, report: &mut Report<'_>) -> Option<Pattern> {
    if key.contains(jinja::UNSET) {
        let text = Node { place: node.place, value: crate::yaml::Value::Text(key.clone()) };
        config::refuse_unset("physical_schema_mapping", &text, report);
        return None;
    }
    let text = match keys {
        Keys::Patterns => key.clone(),
        Keys::Names => format!("^{key}$"),
    };
    match RegexBuilder::new(&text).size_limit(PATTERN_BYTES).build() {
        Ok(pattern) => Some(Pattern(pattern)),
        Err(error) => {
            let message = format!("`{key}` is no pattern for schemas: {}", why(&error));
            let help = "write a regular expression; there is no look-around and no backreference, and `\\` stands twice \
                        between double quotes";
            report.push(node.place, Problem::error("invalid-pattern", message).help(help));
            None
        }
    }
}

/// What is wrong, without the drawing of the pattern before it.
fn why(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// The schema as the engine knows it: one name, which need not be quoted.
fn name(text: &str, settings: &Settings) -> Result<String, Box<Problem>> {
    let wrong = |what: &str, help: &str| {
        let message = format!("`{text}` cannot be the schema of tables: {what}");
        Err(Box::new(Problem::error("invalid-setting", message).help(help)))
    };
    let quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let bare = if quoted { text[1..text.len() - 1].replace("\"\"", "\"") } else { text.to_owned() };
    let is_one = quoted || bare.chars().all(|sign| sign.is_alphanumeric() || matches!(sign, '_' | '$'));
    if bare.is_empty() || bare.chars().any(char::is_control) || !is_one {
        return wrong(
            "it is not one name",
            "write one name; one with other signs than letters, digits and `_` is quoted: '\"my-schema\"'",
        );
    }
    if bare.len() > LONGEST_NAME {
        return wrong(&format!("it has more than {LONGEST_NAME} bytes"), "choose a shorter one");
    }
    let dialect = settings.defaults.get("dialect").and_then(|default| Dialect::from_name(&default.text));
    let name = dialect.unwrap_or(Dialect::Generic).fold(&bare, quoted);
    if is_reserved(&name, settings) {
        return wrong("it holds what is not the project's", "choose another one, for tables of models alone");
    }
    Ok(name)
}

/// The engine's own schemas, that of our records, and that of a state in PostgreSQL.
fn is_reserved(name: &str, settings: &Settings) -> bool {
    let name = name.to_lowercase();
    let of_state = |gateway: &str| {
        let warehouse = || settings.connection(Some(gateway)).ok();
        let place = settings.state_connection(Some(gateway)).or_else(warehouse);
        place.is_some_and(|place| place.kind == "postgres") && settings.own_state_schema(Some(gateway)) == name
    };
    name.starts_with("pg_")
        || matches!(name.as_str(), "information_schema" | "offshoot__meta")
        || settings.gateways.keys().any(|gateway| of_state(gateway))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    fn mapped(lines: &str) -> (PhysicalSchemas, Vec<Problem>) {
        let config = format!("//- config.yaml\nmodel_defaults: {{dialect: postgres}}\n{lines}\n");
        let (settings, problems) = settings(&config);
        (settings.physical_schemas, problems)
    }

    #[test]
    fn the_first_pattern_that_fits_from_the_beginning_on_counts() {
        let (schemas, problems) = mapped(
            "physical_schema_mapping:\n  ^staging$: one\n  stag: Two\n  b|ab: three\n  'c$': '\"Four\"'\n  (?i)^X: five",
        );
        assert_eq!(problems, []);
        let of =
            ["staging", "staging_2", "my_staging", "abc", "b", "cc", "c", "x", ""].map(|schema| schemas.of(schema));
        let expected =
            [Some("one"), Some("two"), None, Some("three"), Some("three"), None, Some("Four"), Some("five"), None];
        assert_eq!(of, expected);
        assert_eq!(mapped("physical_schema_mapping: {'.*': all}").0.of(""), Some("all"), "a model without schema");
    }

    #[test]
    fn the_older_setting_takes_whole_names() {
        let (schemas, problems) = mapped("physical_schema_override: {staging: one}");
        assert_eq!((schemas.of("staging"), schemas.of("staging_2")), (Some("one"), None));
        assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["older-setting"]);
        let both = mapped("physical_schema_override: {a: one}\nphysical_schema_mapping: {a: two}").1;
        assert!(crate::problem::has_errors(&both));
    }

    #[test]
    fn what_is_no_pattern_or_no_schema_is_told_with_its_place() {
        for (line, what) in [
            ("'sta[ging': one", "unclosed character class"),
            ("'(?=a)': one", "look-around"),
            ("'a{1000}{1000}': one", "size limit"),
            ("a: b.c", "not one name"),
            ("a: ''", "not one name"),
            ("a: offshoot__meta", "not the project's"),
            ("a: Pg_Toast", "not the project's"),
            ("a:", "must be the name of a schema"),
            ("a: [b]", "must be"),
            ("a: abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl", "63 bytes"),
        ] {
            let (schemas, problems) = mapped(&format!("physical_schema_mapping:\n  b: c\n  {line}"));
            assert_eq!(problems.len(), 1, "{line}: {problems:?}");
            assert!(problems[0].message.contains(what), "{line}: {}", problems[0].message);
            assert_eq!((problems[0].line, problems[0].column), (Some(4), Some(3)), "{line}");
            assert_eq!(schemas.of("b"), Some("c"));
        }
        assert!(crate::problem::has_errors(&mapped("physical_schema_mapping: [a]").1));
        assert_eq!(mapped("physical_schema_mapping:\nphysical_schema_override: {}").1, []);
    }
}
