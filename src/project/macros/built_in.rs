//! The macros that write SQL: SQLMesh's own (`sqlmesh/core/macros.py` of 0.236), with texts that mean the same.

use super::call::{Argument, Arguments, in_parentheses, items_of};
use super::lexeme::{Kind, Lexeme, lex_made, split, text_of, trimmed};
use super::names::text_type;
use super::text::bare_text;
use super::{Expander, Outcome, Step};
use crate::audit::THIS_MODEL;
use crate::sql::Dialect;

/// The parts of a table's name in `@RESOLVE_TEMPLATE`.
const PLACES: [&str; 3] = ["@{catalog_name}", "@{schema_name}", "@{table_name}"];

/// What a macro wrote: texts of its own between the author's.
pub(super) struct Written {
    pub(super) lexemes: Vec<Lexeme>,
    dialect: Dialect,
    at: usize,
}

impl Written {
    pub(super) fn text(mut self, text: &str) -> Self {
        self.lexemes.extend(lex_made(text, self.dialect, self.at).unwrap_or_default());
        self
    }

    pub(super) fn value(mut self, value: &[Lexeme]) -> Self {
        self.lexemes.extend_from_slice(trimmed(value));
        self
    }

    pub(super) fn one(self) -> Outcome {
        Outcome::One(self.lexemes)
    }
}

impl Expander<'_> {
    pub(super) fn written(&self, at: usize) -> Written {
        Written { lexemes: Vec::new(), dialect: self.dialect, at }
    }

    /// What a macro that writes SQL comes to.
    pub(super) fn built_in(&mut self, name: &str, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let supported = [
            "safe_add",
            "safe_sub",
            "safe_div",
            "generate_surrogate_key",
            "haversine_distance",
            "pivot",
            "resolve_template",
            "deduplicate",
            "date_spine",
            "star",
            "union",
        ];
        if !supported.contains(&name) {
            self.not_supported(name, at);
            return None;
        }
        let arguments = self.arguments(&split(body), depth)?;
        match name {
            "star" => return self.star(&arguments, at),
            "resolve_template" => return self.resolve_template(&arguments, at),
            "union" => return self.union(&arguments, at, depth),
            _ => {}
        }
        let made = match name {
            "safe_add" => self.safe(&arguments, " + ", at),
            "safe_sub" => self.safe(&arguments, " - ", at),
            "safe_div" => self.safe_div(&arguments, at),
            "generate_surrogate_key" => self.surrogate_key(&arguments, at),
            "haversine_distance" => self.haversine(&arguments, at),
            "pivot" => self.pivot(&arguments, at),
            "deduplicate" => self.deduplicate(&arguments, at),
            _ => self.date_spine(&arguments, at),
        };
        made.map_err(|usage| self.refuse_arguments(name, at, &usage)).ok()
    }

    pub(super) fn refuse_arguments(&mut self, name: &str, at: usize, usage: &str) {
        self.refuse(at, format!("`@{}` does not take these arguments", name.to_uppercase()), usage);
    }

    fn not_supported(&mut self, name: &str, at: usize) {
        let written = name.to_uppercase();
        match name {
            "insert_seed" => {
                let help = "it names a place in storage, which this program leaves to the engine";
                self.refuse(at, format!("macro `@{written}(…)` is not supported here"), help);
            }
            _ => self.unknown(name, at, "(…)"),
        }
    }

    /// `CASE WHEN a IS NULL AND b IS NULL THEN NULL ELSE COALESCE(a, 0) + COALESCE(b, 0) END`
    fn safe(&self, arguments: &Arguments, sign: &str, at: usize) -> Result<Outcome, String> {
        let fields = arguments.flat();
        if fields.is_empty() {
            return Err("give it one expression or more".to_owned());
        }
        let mut written = self.written(at).text("CASE WHEN ");
        for (place, field) in fields.iter().enumerate() {
            let between = if place > 0 { " AND " } else { "" };
            written = written.text(between).value(&in_parentheses(field.clone())).text(" IS NULL");
        }
        written = written.text(" THEN NULL ELSE ");
        for (place, field) in fields.iter().enumerate() {
            let between = if place > 0 { sign } else { "" };
            written = written.text(between).text("COALESCE(").value(field).text(", 0)");
        }
        Ok(written.text(" END").one())
    }

    fn safe_div(&self, arguments: &Arguments, at: usize) -> Result<Outcome, String> {
        let usage = || "write `@SAFE_DIV(numerator, denominator)`".to_owned();
        let above = arguments.get("numerator", 0).ok_or_else(usage)?;
        let below = arguments.get("denominator", 1).ok_or_else(usage)?;
        let written = match self.real() {
            Some(real) => self.written(at).text("CAST(").value(trimmed(above)).text(real),
            None => self.written(at).value(&in_parentheses(trimmed(above).to_vec())),
        };
        Ok(written.text(" / NULLIF(").value(below).text(", 0)").one())
    }

    /// The end of a cast. Where whole numbers give a whole number, SQLMesh divides another kind of number.
    fn real(&self) -> Option<&'static str> {
        match self.dialect {
            Dialect::Postgres | Dialect::Redshift => Some(" AS DOUBLE PRECISION)"),
            Dialect::Trino => Some(" AS DOUBLE)"),
            Dialect::MsSql => Some(" AS FLOAT)"),
            _ => None,
        }
    }

    /// A hash of all fields as text with `|` between them; a NULL is a word that is none of their values.
    fn surrogate_key(&self, arguments: &Arguments, at: usize) -> Result<Outcome, String> {
        let fields = arguments.flat();
        let hash = match arguments.get("hash_function", usize::MAX) {
            Some(name) => self.said(name).ok_or("`hash_function` must be a text such as 'MD5'")?,
            None => "MD5".to_owned(),
        };
        let is_plain = !hash.is_empty() && hash.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
        if fields.is_empty() || !is_plain {
            return Err("write `@GENERATE_SURROGATE_KEY(a, b, hash_function := 'MD5')`".to_owned());
        }
        let data_type = text_type(self.dialect);
        let hash = hash.to_uppercase();
        let (before, after) = match (self.dialect, hash.as_str()) {
            (Dialect::BigQuery, "MD5") => ("TO_HEX(MD5(".to_owned(), "))"),
            (Dialect::Trino, "MD5" | "SHA256" | "SHA512") => (format!("LOWER(TO_HEX({hash}(TO_UTF8("), "))))"),
            _ => (format!("{hash}("), ")"),
        };
        let mut written = self.written(at).text(&before).text("CONCAT(");
        for (place, field) in fields.iter().enumerate() {
            let between = if place > 0 { ", '|', " } else { "" };
            written = written.text(between).text("COALESCE(CAST(").value(field);
            written = written.text(&format!(" AS {data_type}), '_sqlmesh_surrogate_key_null_')"));
        }
        Ok(written.text(")").text(after).one())
    }

    fn haversine(&self, arguments: &Arguments, at: usize) -> Result<Outcome, String> {
        let usage = || "write `@HAVERSINE_DISTANCE(lat1, lon1, lat2, lon2, 'mi')`, in 'mi' or 'km'".to_owned();
        let place = |name, index| {
            let value = arguments.get(name, index).ok_or_else(usage)?;
            Ok::<_, String>(in_parentheses(trimmed(value).to_vec()))
        };
        let (lat1, lon1) = (place("lat1", 0)?, place("lon1", 1)?);
        let (lat2, lon2) = (place("lat2", 2)?, place("lon2", 3)?);
        let rate = match arguments.get("unit", 4).map(|unit| self.string_of(unit)) {
            None => "1.0",
            Some(Some(unit)) if unit == "mi" => "1.0",
            Some(Some(unit)) if unit == "km" => "1.60934",
            Some(_) => return Err(usage()),
        };
        let (open, close) = self.real().map_or(("", ""), |close| ("CAST(", close));
        let half = |written: Written, two: &[Lexeme], one: &[Lexeme]| {
            let written = written.text(&format!("POWER(SIN(RADIANS({open}(")).value(two).text(" - ").value(one);
            written.text(&format!("){close} / 2)), 2)"))
        };
        let written = half(self.written(at).text("7922 * ASIN(SQRT(("), &lat2, &lat1).text(") + (COS(RADIANS(");
        let written = written.value(&lat1).text(")) * COS(RADIANS(").value(&lat2).text(")) * ");
        Ok(half(written, &lon2, &lon1).text(&format!("))) * {rate}")).one())
    }

    /// `SUM(CASE WHEN status = 'a' THEN 1 ELSE 0 END) AS "a"`, for each value.
    fn pivot(&self, arguments: &Arguments, at: usize) -> Result<Outcome, String> {
        let usage = || "write `@PIVOT(column, ['a', 'b'])`".to_owned();
        let column = arguments.get("column", 0).ok_or_else(usage)?;
        let values = match (arguments.unnamed.get(1), arguments.get("values", 1)) {
            (Some(Argument::Items(items)), _) => items.clone(),
            (_, Some(values)) => items_of(values).ok_or_else(usage)?,
            _ => return Err(usage()),
        };
        let text = |name: &str, place: usize, default: &str| match arguments.get(name, place) {
            Some(value) => self.string_of(value).or_else(|| text_of(trimmed(value))).ok_or_else(usage),
            None => Ok(default.to_owned()),
        };
        let is_true = |name: &str, place: usize, default: bool| match arguments.get(name, place).map(trimmed) {
            Some([one]) if one.is_word("true") => Ok(true),
            Some([one]) if one.is_word("false") => Ok(false),
            Some(_) => Err(format!("`{name}` must be TRUE or FALSE")),
            None => Ok(default),
        };
        let one = [Lexeme::made(Kind::Number, "1", at)];
        let zero = [Lexeme::made(Kind::Number, "0", at)];
        let (aggregate, compared) = (text("agg", 3, "SUM")?, text("cmp", 4, "=")?);
        let (prefix, suffix) = (text("prefix", 5, "")?, text("suffix", 6, "")?);
        let (then, otherwise) = (arguments.get("then_value", 7), arguments.get("else_value", 8));
        let (has_alias, is_quoted) = (is_true("alias", 2, true)?, is_true("quote", 9, true)?);
        let distinct = if is_true("distinct", 10, false)? { "DISTINCT " } else { "" };
        let item = |value: &Vec<Lexeme>| {
            let mut written = self.written(at).text(&format!("{aggregate}({distinct}CASE WHEN ")).value(column);
            written = written.text(&format!(" {compared} ")).value(value).text(" THEN ").value(then.unwrap_or(&one));
            written = written.text(" ELSE ").value(otherwise.unwrap_or(&zero)).text(" END)");
            if has_alias {
                let name = self.string_of(value).or_else(|| text_of(trimmed(value))).unwrap_or_default();
                let name = format!("{prefix}{name}{suffix}");
                let name = if is_quoted { self.quoted(&name) } else { name };
                written = written.text(&format!(" AS {name}"));
            }
            written.lexemes
        };
        Ok(Outcome::Items(values.iter().map(item).collect()))
    }

    fn deduplicate(&self, arguments: &Arguments, at: usize) -> Result<Outcome, String> {
        let usage = || "write `@DEDUPLICATE(table, [key], ['changed_at DESC'])`".to_owned();
        let relation = arguments.get("relation", 0).ok_or_else(usage)?;
        let list = |name, place| match arguments.unnamed.get(place) {
            Some(Argument::Items(items)) => Ok(items.clone()),
            _ => arguments.get(name, place).and_then(items_of).ok_or_else(usage),
        };
        let (keys, orders) = (list("partition_by", 1)?, list("order_by", 2)?);
        let orders = orders.iter().map(|order| self.said(order)).collect::<Option<Vec<_>>>().ok_or_else(usage)?;
        if keys.is_empty() || orders.is_empty() {
            return Err(usage());
        }
        // Where there is no QUALIFY SQLMesh numbers the rows beside all columns, and leaves the number there.
        let numbered = matches!(self.dialect, Dialect::Postgres | Dialect::MySql | Dialect::MsSql | Dialect::Trino);
        let mut written = match numbered {
            true => self.written(at).text("SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY "),
            false => {
                let written = self.written(at).text("SELECT * FROM ").value(relation);
                written.text(" QUALIFY ROW_NUMBER() OVER (PARTITION BY ")
            }
        };
        for (place, key) in keys.iter().enumerate() {
            written = written.text(if place > 0 { ", " } else { "" }).value(key);
        }
        let written = written.text(" ORDER BY ").text(&orders.join(", "));
        Ok(match numbered {
            true => written.text(") AS _w FROM ").value(relation).text(") AS _t WHERE _w = 1").one(),
            false => written.text(") = 1").one(),
        })
    }

    fn date_spine(&self, arguments: &Arguments, at: usize) -> Result<Outcome, String> {
        let usage = || {
            "write `@DATE_SPINE('day', '2024-01-01', '2024-12-31')`; parts are day, week, month, quarter, year"
                .to_owned()
        };
        let part = arguments.get("datepart", 0).and_then(|part| self.said(part)).ok_or_else(usage)?.to_lowercase();
        let step = match part.as_str() {
            "day" => "1 DAY",
            "week" => "7 DAY",
            "month" => "1 MONTH",
            "quarter" => "3 MONTH",
            "year" => "1 YEAR",
            _ => return Err(usage()),
        };
        let (from, to) =
            (arguments.get("start_date", 1).ok_or_else(usage)?, arguments.get("end_date", 2).ok_or_else(usage)?);
        if let (Some(from), Some(to)) = (self.string_of(from), self.string_of(to))
            && from > to
        {
            return Err(format!("its start `{from}` is after its end `{to}`"));
        }
        let name = format!("date_{part}");
        let (head, between, tail) = match self.dialect {
            Dialect::DuckDb | Dialect::Postgres => (
                format!("SELECT CAST(_value AS DATE) AS {name} FROM GENERATE_SERIES(CAST("),
                " AS DATE), CAST(",
                format!(" AS DATE), INTERVAL '{step}') AS _exploded(_value)"),
            ),
            Dialect::BigQuery => (
                format!("SELECT {name} FROM UNNEST(GENERATE_DATE_ARRAY(CAST("),
                " AS DATE), CAST(",
                format!(" AS DATE), INTERVAL {step})) AS {name}"),
            ),
            _ => return Err("it is not written for this dialect here; write the series of dates in SQL".to_owned()),
        };
        Ok(self.written(at).text(&head).value(from).text(between).value(to).text(&tail).one())
    }

    /// A text of the place where the model's table is stored, or the table. Its name is only known when a statement runs, where
    /// it stands for itself and is no part of a text.
    fn resolve_template(&mut self, arguments: &Arguments, at: usize) -> Step<Outcome> {
        let template = arguments.get("template", 0).map(trimmed);
        let text = template.and_then(|template| self.string_of(template));
        let mode = arguments.get("mode", 1).map(|mode| self.string_of(mode)).unwrap_or_else(|| Some(String::new()));
        let (Some(template), Some(text), Some(mode)) = (template, text, mode) else {
            let usage = "write `@RESOLVE_TEMPLATE('@{schema_name}.@{table_name}', mode := 'table')`";
            self.refuse_arguments("resolve_template", at, usage);
            return None;
        };
        let is_table = mode.eq_ignore_ascii_case("table");
        if !PLACES.iter().any(|place| text.contains(place)) {
            return match is_table {
                true => lex_made(&text, self.dialect, at).map(Outcome::One),
                false => Some(Outcome::One(template.to_vec())),
            };
        }
        let whole = [PLACES[1..].join("."), PLACES.join(".")];
        // Of an audit `@this_model` is rows, and this macro the table that they are in.
        match self
            .names
            .this_model
            .filter(|name| is_table && whole.contains(&text) && ![THIS_MODEL, "this_model"].contains(name))
        {
            Some(this) => Some(Outcome::One(vec![Lexeme::made(Kind::This, this, at)])),
            None => {
                let message =
                    format!("`{text}` asks where the table is stored, which is only known when a statement runs");
                let help = "write `@this_model` where the table is meant; a text of its name, such as a path, must be fixed or \
                            come from a variable";
                self.refuse(at, message, help);
                None
            }
        }
    }

    pub(super) fn quoted(&self, name: &str) -> String {
        let quote = match self.dialect {
            Dialect::BigQuery | Dialect::Databricks | Dialect::Spark | Dialect::Hive | Dialect::MySql => '`',
            _ => '"',
        };
        format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")))
    }

    /// The text of a string literal, or a name that stands for one, as SQLMesh takes it: `"SHA256"`, `month`.
    fn said(&self, value: &[Lexeme]) -> Option<String> {
        match trimmed(value) {
            [Lexeme { kind: Kind::Quoted, text, .. }] => {
                let mut inside = text.chars();
                (inside.next().is_some() && inside.next_back().is_some()).then(|| inside.as_str().to_owned())
            }
            [Lexeme { kind: Kind::Word, text, .. }] => Some(text.clone()),
            value => self.string_of(value),
        }
    }

    /// The text of a string literal alone.
    pub(super) fn string_of(&self, value: &[Lexeme]) -> Option<String> {
        match trimmed(value) {
            one @ [Lexeme { kind: Kind::String, .. }] => bare_text(one, self.dialect),
            _ => None,
        }
    }
}
