//! The names that macros know besides their own: variables of the configuration, names that hold SQL, and what the project
//! says of the model; and how their values stand in SQL.

use std::collections::BTreeMap;

use super::columns::Columns;
use super::lexeme::{Kind, Lexeme};
use crate::ids::ModelName;
use crate::project::name::model_name;
use crate::project::python::{NO_MACROS, PythonMacros};
use crate::sql::{Constant, DefaultCatalog, Dialect, TimeVariable, within};
use crate::yaml;

/// The names of one file.
#[derive(Clone, Copy, Debug)]
pub(in crate::project) struct Names<'a> {
    /// Variables of the configuration, in lower case.
    pub(in crate::project) variables: &'a BTreeMap<String, yaml::Value>,
    /// SQL by lower-case name, before variables of the same name: those of a blueprint, or the arguments of an audit.
    pub(in crate::project) locals: &'a BTreeMap<String, String>,
    /// The gateway in use.
    pub(in crate::project) gateway: Option<&'a str>,
    /// The catalog in which names of two parts are, where it is known.
    pub(in crate::project) catalog: Option<&'a DefaultCatalog>,
    /// What the model's kind is called.
    pub(in crate::project) kind: Option<&'a str>,
    /// The model's name, quoted: what stands for `@this_model` until the statement runs.
    pub(in crate::project) this_model: Option<&'a str>,
    /// The columns of other tables.
    pub(in crate::project) columns: Columns<'a>,
    /// Macros that are there and cannot run.
    pub(in crate::project) python: &'a PythonMacros,
}

impl<'a> Names<'a> {
    /// Variables, and nothing else.
    pub(in crate::project) fn over(variables: &'a BTreeMap<String, yaml::Value>) -> Self {
        Self {
            variables,
            locals: &NO_LOCALS,
            gateway: None,
            catalog: None,
            kind: None,
            this_model: None,
            columns: Columns::Never,
            python: &NO_MACROS,
        }
    }

    /// Reads the name of a table, which has two parts also where it is written with their catalog.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::project) fn table(self, text: &str, dialect: Dialect) -> Result<ModelName, String> {
        model_name(text, dialect).map(|name| within(name, self.catalog))
    }
}

/// No names that hold SQL.
pub(in crate::project) static NO_LOCALS: BTreeMap<String, String> = BTreeMap::new();

/// The SQL of a name, times and `@this_model` in it as open as in the text itself: arguments of audits may hold them.
pub(super) fn opened(made: Vec<Lexeme>, this_model: Option<&str>) -> Vec<Lexeme> {
    let open = |lexeme: Lexeme| match (lexeme.kind, TimeVariable::from_name(&lexeme.text), this_model) {
        (Kind::Variable(_), Some(variable), _) => Lexeme::made(Kind::Time(variable), "", lexeme.at),
        (Kind::Variable(_), None, Some(this)) if lexeme.text.eq_ignore_ascii_case("this_model") => {
            Lexeme::made(Kind::This, this, lexeme.at)
        }
        _ => lexeme,
    };
    made.into_iter().map(open).collect()
}

/// A variable's value as a SQL literal, a list as a tuple; mappings have none.
pub(super) fn literal(value: &yaml::Value, dialect: Dialect) -> Option<String> {
    match value {
        yaml::Value::Null => Some("NULL".to_owned()),
        yaml::Value::Bool(value) => Some(value.to_string().to_uppercase()),
        yaml::Value::Number(text) => Some(text.clone()),
        yaml::Value::Text(text) => Some(string_literal(text, dialect)),
        yaml::Value::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(|item| plain(&item.value, dialect)).collect();
            items.map(|items| format!("({})", items.join(", ")))
        }
        yaml::Value::Map(_) => None,
    }
}

/// The same where a variable is asked for by its name: a list is an array.
pub(super) fn listed(value: &yaml::Value, dialect: Dialect) -> Option<String> {
    let yaml::Value::List(items) = value else { return literal(value, dialect) };
    let items: Option<Vec<String>> = items.iter().map(|item| plain(&item.value, dialect)).collect();
    let (open, close) = match dialect {
        Dialect::Postgres | Dialect::Redshift | Dialect::Trino => ("ARRAY[", "]"),
        Dialect::Spark | Dialect::Databricks | Dialect::Hive => ("ARRAY(", ")"),
        _ => ("[", "]"),
    };
    items.map(|items| format!("{open}{}{close}", items.join(", ")))
}

/// Lists of lists have no literal, so that no depth of them is too deep.
fn plain(value: &yaml::Value, dialect: Dialect) -> Option<String> {
    match value {
        yaml::Value::List(_) => None,
        plain => literal(plain, dialect),
    }
}

/// A variable's value as it stands inside a name or string; lists and mappings have none.
pub(super) fn bare(value: &yaml::Value) -> Option<String> {
    match value {
        yaml::Value::Bool(value) => Some(value.to_string()),
        yaml::Value::Number(text) | yaml::Value::Text(text) => Some(text.clone()),
        yaml::Value::Null | yaml::Value::List(_) | yaml::Value::Map(_) => None,
    }
}

/// What SQLMesh prints of a constant and reads again as SQL: a text is none any more. `None` of NULL and of a list.
pub(super) fn printed(value: &Constant) -> Option<String> {
    Some(match value {
        Constant::Null | Constant::List(_) => return None,
        Constant::Bool(value) => value.to_string().to_uppercase(),
        Constant::Int(value) => value.to_string(),
        // As Python prints it: never without a fraction.
        Constant::Real(value) => format!("{value:?}"),
        Constant::Text(text) | Constant::Date(text) | Constant::Name(text) => text.clone(),
    })
}

/// A string literal; dialects in which a backslash escapes need it doubled, and some do not know `''`.
pub(super) fn string_literal(text: &str, dialect: Dialect) -> String {
    let text = match dialect {
        Dialect::BigQuery | Dialect::Databricks | Dialect::Spark | Dialect::Hive => {
            text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")
        }
        _ if escapes_by_backslash(dialect) => text.replace('\\', "\\\\").replace('\'', "''"),
        _ => text.replace('\'', "''"),
    };
    format!("'{text}'")
}

/// Whether a backslash begins an escape in `'…'`.
pub(super) fn escapes_by_backslash(dialect: Dialect) -> bool {
    matches!(
        dialect,
        Dialect::BigQuery
            | Dialect::Databricks
            | Dialect::Spark
            | Dialect::Hive
            | Dialect::MySql
            | Dialect::ClickHouse
            | Dialect::Snowflake
    )
}

/// What texts of any length are called as a type.
pub(super) fn text_type(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::BigQuery | Dialect::Spark | Dialect::Databricks | Dialect::Hive => "STRING",
        Dialect::Trino | Dialect::Redshift => "VARCHAR",
        _ => "TEXT",
    }
}
