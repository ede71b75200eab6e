//! The small evaluator that macros need: literals, comparison, boolean logic, arithmetic, `IN`, `IS NULL`, a few string
//! functions, casts and the length of lists. As SQLMesh's, which runs Python (research: SQLMesh, section 7.4): a name is no value
//! but itself, values of different types are never equal, NULL compared with anything is NULL, and `AND` gives one of its
//! operands. `operator` and `function` know the rest.
//!
//! Nothing here looks anything up.

mod function;
mod operator;

use std::cmp::Ordering;

use sqlparser::ast::{self, DataType, Expr};
use sqlparser::parser::Parser;

use super::Dialect;
use super::token::tokenize;

/// What an expression without inputs comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// NULL.
    Null,
    /// TRUE or FALSE.
    Bool(bool),
    /// A whole number. Python's have no bound.
    Int(i128),
    /// Any other number.
    Real(f64),
    /// A string.
    Text(String),
    /// A day, as `2024-01-31`.
    Date(String),
    /// A name, as written.
    Name(String),
    /// An array or tuple.
    List(Vec<Self>),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstantError {
    /// It is no expression.
    #[error("it is no expression ({0})")]
    Unparsed(String),
    /// Something in it is not evaluated.
    #[error("`{0}` cannot be evaluated when the project is read")]
    Unknown(String),
    /// The operator does not take these values.
    #[error("`{0}` does not take these values")]
    Types(String),
    /// The number is too large, or something is divided by zero.
    #[error("`{0}` gives no number")]
    Range(String),
}

type Result<T> = std::result::Result<T, ConstantError>;

/// Deeper nesting is refused.
const DEPTH_LIMIT: usize = 60;
/// Longer expressions are refused: a chain of operators is as deep as it is long.
const TOKEN_LIMIT: usize = 500;
/// Longer texts of what cannot be evaluated are cut.
const SHOWN: usize = 60;

/// Evaluates an expression.
///
/// # Errors
/// It does not parse, or has something in it that has no value here.
pub fn evaluate(text: &str, dialect: Dialect) -> Result<Constant> {
    let unparsed = |message: String| ConstantError::Unparsed(message);
    let tokens = tokenize(text, dialect).map_err(|error| unparsed(error.message))?;
    if tokens.len() > TOKEN_LIMIT {
        return Err(unparsed(format!("it has more than {TOKEN_LIMIT} words and signs")));
    }
    let parser = dialect.parser();
    let mut parser = Parser::new(parser.as_ref())
        .with_recursion_limit(DEPTH_LIMIT)
        .try_with_sql(text)
        .map_err(|error| unparsed(error.to_string()))?;
    let tree = parser.parse_expr().map_err(|error| unparsed(error.to_string()))?;
    if parser.peek_token().token != sqlparser::tokenizer::Token::EOF {
        return Err(unparsed(format!("unexpected `{}`", shown(&parser.peek_token().to_string()))));
    }
    value_of(&tree, dialect)
}

impl Constant {
    /// Whether a condition of this value holds, as in Python: NULL, zero and nothing do not.
    pub fn holds(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Real(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Name(_) | Self::Date(_) => true,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Int(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            _ => None,
        }
    }

    /// TRUE is one, as in Python.
    fn whole(&self) -> Option<i128> {
        match self {
            Self::Bool(value) => Some(i128::from(*value)),
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        if let (Some(one), Some(two)) = (self.whole(), other.whole()) {
            return one == two;
        }
        match (self.number(), other.number()) {
            (Some(one), Some(two)) => one == two,
            _ => self == other,
        }
    }

    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) | (Self::Date(one), Self::Date(two)) => Some(one.cmp(two)),
            _ if self.whole().is_some() && other.whole().is_some() => Some(self.whole()?.cmp(&other.whole()?)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }
}

/// The text's length bounds how deep a tree is, and with it the recursion.
fn value_of(expression: &Expr, dialect: Dialect) -> Result<Constant> {
    let of = |inner: &Expr| value_of(inner, dialect);
    let known = |value: Option<Constant>| value.ok_or_else(|| unknown(expression));
    match expression {
        Expr::Value(value) => literal(&value.value, expression),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Ok(Constant::Name(expression.to_string())),
        Expr::Nested(inner) => of(inner),
        Expr::UnaryOp { op, expr } => operator::unary(*op, &of(expr)?, expression),
        Expr::BinaryOp { left, op, right } => operator::binary(left, op, right, (expression, dialect)),
        Expr::Between { expr, negated, low, high } => between((of(expr)?, of(low)?, of(high)?), *negated),
        Expr::Tuple(items) => Ok(Constant::List(values_of(items.iter(), dialect)?)),
        Expr::Array(array) => Ok(Constant::List(values_of(array.elem.iter(), dialect)?)),
        Expr::Case { operand: None, conditions, else_result, .. } => case(conditions, else_result.as_deref(), dialect),
        Expr::Function(function) => function::call(function, expression, dialect),
        // SQLMesh 0.236.4 evaluates `NOT LIKE` as `LIKE`; better no value than either.
        Expr::Like { negated: false, any: false, expr, pattern, escape_char: None } => {
            known(function::like(&of(expr)?, &of(pattern)?))
        }
        Expr::Cast { kind, expr, data_type, format: None } => {
            known(function::cast(kind, of(expr)?, data_type, dialect))
        }
        Expr::TypedString(typed) if typed.data_type == DataType::Date => match &typed.value.value {
            ast::Value::SingleQuotedString(text) => function::date(text),
            _ => Err(unknown(expression)),
        },
        Expr::Extract { field, expr, .. } => known(function::extract(field, &of(expr)?)),
        Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters } => match trim_characters.as_deref() {
            None => known(function::trim(of(expr)?, None)),
            Some([signs]) => known(function::trim(of(expr)?, Some(of(signs)?))),
            Some(_) => Err(unknown(expression)),
        },
        Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
            let length = substring_for.as_deref().map(of).transpose()?;
            let arguments: Vec<Constant> = [of(expr)?, of(from)?].into_iter().chain(length).collect();
            known(function::substring_of(&arguments))
        }
        _ => is(expression, dialect),
    }
}

/// `IN` and what stands behind `IS`, which are never NULL.
fn is(expression: &Expr, dialect: Dialect) -> Result<Constant> {
    let of = |inner: &Expr| value_of(inner, dialect);
    // As Python's `==` of a literal, and `is` of anything else.
    let is_truth = |inner: &Expr, truth: bool| {
        let value = of(inner)?;
        let is_literal = matches!(inner, Expr::Value(_));
        Ok(value == Constant::Bool(truth) || (is_literal && value.is_same(&Constant::Bool(truth))))
    };
    Ok(Constant::Bool(match expression {
        Expr::IsNull(inner) => of(inner)? == Constant::Null,
        Expr::IsNotNull(inner) => of(inner)? != Constant::Null,
        Expr::IsTrue(inner) => is_truth(inner, true)?,
        Expr::IsFalse(inner) => is_truth(inner, false)?,
        Expr::IsNotTrue(inner) => !is_truth(inner, true)?,
        Expr::IsNotFalse(inner) => !is_truth(inner, false)?,
        Expr::InList { expr, list, negated } => {
            let (wanted, items) = (of(expr)?, values_of(list.iter(), dialect)?);
            let items = match items.as_slice() {
                [Constant::List(items)] => items.clone(),
                _ => items,
            };
            items.iter().any(|item| item.is_same(&wanted)) != *negated
        }
        _ => return Err(unknown(expression)),
    }))
}

/// NULL where one of them is; `NOT` of that holds, as in Python.
fn between((value, low, high): (Constant, Constant, Constant), negated: bool) -> Result<Constant> {
    if [&value, &low, &high].contains(&&Constant::Null) {
        return Ok(if negated { Constant::Bool(true) } else { Constant::Null });
    }
    let types = || ConstantError::Types("BETWEEN".to_owned());
    let is_in = low.order(&value).ok_or_else(types)?.is_le() && value.order(&high).ok_or_else(types)?.is_le();
    Ok(Constant::Bool(is_in != negated))
}

fn values_of<'a>(list: impl Iterator<Item = &'a Expr>, dialect: Dialect) -> Result<Vec<Constant>> {
    list.map(|item| value_of(item, dialect)).collect()
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn unknown(expression: &Expr) -> ConstantError {
    ConstantError::Unknown(shown(&expression.to_string()))
}

fn range(operator: &str) -> ConstantError {
    ConstantError::Range(operator.to_owned())
}

fn literal(value: &ast::Value, expression: &Expr) -> Result<Constant> {
    match value {
        ast::Value::Number(text, _) => match (text.parse(), text.parse::<f64>()) {
            (Ok(whole), _) => Ok(Constant::Int(whole)),
            (_, Ok(real)) if !text.bytes().all(|sign| sign.is_ascii_digit()) => Ok(Constant::Real(real)),
            _ => Err(unknown(expression)),
        },
        ast::Value::SingleQuotedString(text) => Ok(Constant::Text(text.replace("''", "'"))),
        ast::Value::Boolean(value) => Ok(Constant::Bool(*value)),
        ast::Value::Null => Ok(Constant::Null),
        _ => Err(unknown(expression)),
    }
}

fn case(conditions: &[ast::CaseWhen], otherwise: Option<&Expr>, dialect: Dialect) -> Result<Constant> {
    for when in conditions {
        if value_of(&when.condition, dialect)?.holds() {
            return value_of(&when.result, dialect);
        }
    }
    otherwise.map_or(Ok(Constant::Null), |otherwise| value_of(otherwise, dialect))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Constant {
        evaluate(text, Dialect::DuckDb).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn values_are_pythons() {
        for (text, expected) in [
            ("1 + 2 * 3", Constant::Int(7)),
            ("7 / 2", Constant::Real(3.5)),
            ("4 / 2", Constant::Real(2.0)),
            ("-7 % 3", Constant::Int(2)),
            ("'a' || 'b'", Constant::Text("ab".into())),
            ("'it''s'", Constant::Text("it's".into())),
            ("upper('a') = 'A'", Constant::Bool(true)),
            ("'a' = 1", Constant::Bool(false)),
            ("a = 'a'", Constant::Bool(false)),
            ("a = a", Constant::Bool(true)),
            ("1 = TRUE", Constant::Bool(true)),
            ("TRUE + TRUE", Constant::Int(2)),
            ("9007199254740993 = 9007199254740992", Constant::Bool(false)),
            ("9007199254740993 > 9007199254740992", Constant::Bool(true)),
            ("x IN ('x', 'y')", Constant::Bool(false)),
            ("'x' IN ('x', 'y')", Constant::Bool(true)),
            ("'z' NOT IN ('x', 'y')", Constant::Bool(true)),
            ("NULL IS NULL AND 3 > 2", Constant::Bool(true)),
            ("NOT (1 > 2 OR FALSE)", Constant::Bool(true)),
            ("2 AND 3", Constant::Int(3)),
            ("len([1, 2, 3]) >= 3", Constant::Bool(true)),
            ("5 BETWEEN 1 AND 5", Constant::Bool(true)),
            ("CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END", Constant::Text("b".into())),
            ("9223372036854775807 + 1", Constant::Int(9_223_372_036_854_775_808)),
            ("99999999999999999 * 99999999999999999", Constant::Int(9_999_999_999_999_999_800_000_000_000_000_001)),
            ("1 IS TRUE", Constant::Bool(true)),
            ("2 IS TRUE", Constant::Bool(false)),
            ("7 // 2", Constant::Int(3)),
            ("-7 // 2", Constant::Int(-4)),
            ("7 // -2", Constant::Int(-4)),
            ("7.5 // 2", Constant::Real(3.0)),
            ("2 ^ 100", Constant::Int(1 << 100)),
            ("6 & 3", Constant::Int(2)),
            ("6 | 1", Constant::Int(7)),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    /// Each as SQLMesh 0.236.4 gives it.
    #[test]
    fn what_is_null_compares_with_nothing() {
        for text in [
            "NULL <> 1",
            "1 = NULL",
            "NULL > 1",
            "NULL + 1 = 2",
            "NULL BETWEEN 1 AND 3",
            "UPPER(NULL)",
            "ABS(NULL)",
            "NULL % 2",
            "NULL / 2",
            "1 / 0",
            "a = NULL",
            "NULL AND 3",
            "NULL LIKE 'a'",
            "CAST(NULL AS INT)",
            "CONCAT('a', NULL)",
        ] {
            assert_eq!(value(text), Constant::Null, "{text}");
        }
        for text in [
            "NOT (NULL <> 1)",
            "NULL NOT BETWEEN 1 AND 3",
            "NULL IN (1, NULL)",
            "NULL NOT IN (1, 2)",
            "NULL IS NULL",
            "NULL IS NOT TRUE",
            "NULL OR TRUE",
        ] {
            assert_eq!(value(text), Constant::Bool(true), "{text}");
        }
        assert_eq!(value("NULL IN (1, 2)"), Constant::Bool(false));
    }

    #[test]
    fn a_division_is_the_dialects() {
        let of = |text: &str, dialect| evaluate(text, dialect).ok();
        for dialect in [Dialect::Postgres, Dialect::Redshift, Dialect::Trino, Dialect::MsSql] {
            for (text, expected) in [("7 / 2", 3), ("-7 / 2", -3), ("1 + 7 / 2", 4), ("7.0 / 2", 3), ("7 / 2 * 2", 6)] {
                assert_eq!(of(text, dialect), Some(Constant::Int(expected)), "{text} {dialect}");
            }
            assert_eq!([of("1 / 0", dialect), of("7 / NULL", dialect)], [None, None], "{dialect}");
        }
        for dialect in [Dialect::BigQuery, Dialect::Snowflake, Dialect::Databricks] {
            assert_eq!([of("7 / 2", dialect), of("1 / 0", dialect)], [Some(Constant::Real(3.5)), None], "{dialect}");
        }
        assert_eq!(of("1 / 0", Dialect::MySql), Some(Constant::Null));
        assert_eq!(
            [of("2 ^ 3", Dialect::Postgres), of("2 ^ 3", Dialect::Snowflake)],
            [8, 1].map(|is| Some(Constant::Int(is)))
        );
    }

    /// Each as SQLMesh 0.236.4 gives it.
    #[test]
    fn functions_and_casts_are_pythons() {
        let text = |text: &str| Constant::Text(text.to_owned());
        for (expression, expected) in [
            ("TRIM(' a ')", text("a")),
            ("TRIM('xax', 'x')", text("a")),
            ("SUBSTRING('abcdef', 2, 3)", text("bcd")),
            ("SUBSTR('abcdef', 2)", text("bcdef")),
            ("SUBSTRING('abcdef', -2, 1)", text("e")),
            ("SUBSTRING('abcdef' FROM 2 FOR 3)", text("bcd")),
            ("SUBSTRING('abcdef', 0)", text("")),
            ("LEFT('abc', 2)", text("ab")),
            ("LEFT('abc', -1)", text("ab")),
            ("RIGHT('abc', 2)", text("bc")),
            ("RIGHT('abc', 0)", text("abc")),
            ("CONCAT('a', 1)", text("a1")),
            ("CAST(7 AS TEXT)", text("7")),
            ("CAST(TRUE AS TEXT)", text("True")),
            ("CAST(7.5 AS VARCHAR)", text("7.5")),
            ("6::int * 2", Constant::Int(12)),
            ("CAST(' 7 ' AS INT)", Constant::Int(7)),
            ("CAST(7.9 AS BIGINT)", Constant::Int(7)),
            ("CAST('7' AS DOUBLE)", Constant::Real(7.0)),
            ("ROUND(2.5)", Constant::Int(2)),
            ("ROUND(3.5)", Constant::Int(4)),
            ("ROUND(-2.5)", Constant::Int(-2)),
            ("ROUND(2.567, 2)", Constant::Real(2.57)),
            ("MOD(-7, 4)", Constant::Int(1)),
            ("IFNULL(NULL, 3)", Constant::Int(3)),
            ("IF(1 = 1, 2, 3)", Constant::Int(2)),
            ("POWER(2, -1)", Constant::Real(0.5)),
            ("ABS(TRUE)", Constant::Int(1)),
            ("YEAR(DATE '2024-02-29')", Constant::Int(2024)),
            ("EXTRACT(DAY FROM CAST('2024-02-29' AS DATE))", Constant::Int(29)),
        ] {
            assert_eq!(value(expression), expected, "{expression}");
        }
        for (expression, expected) in [
            ("CAST('false' AS BOOLEAN)", true),
            ("DATE '2024-01-02' > DATE '2024-01-01'", true),
            ("DATE '2024-01-02' = '2024-01-02'", false),
            ("'abc' LIKE 'a%'", true),
            ("'xabc' LIKE 'a%'", false),
            // What the pattern does not say may follow.
            ("'abcd' LIKE 'abc'", true),
            ("'abcbd' LIKE '%b_d'", false),
            ("'abcbd' LIKE '%b_b'", true),
            ("NOT 'abc' LIKE 'a%'", false),
        ] {
            assert_eq!(value(expression), Constant::Bool(expected), "{expression}");
        }
    }

    #[test]
    fn what_has_no_value_is_an_error() {
        for text in [
            "1 % 0",
            "-NULL",
            "'a' < 1",
            "f(1)",
            "a + 1",
            "1 +",
            "1 2",
            "(SELECT 1)",
            "1e400 * 10",
            "2 ^ 127",
            "'a' LIKE '(a'",
            "CAST('7.5' AS INT)",
            "TRY_CAST('7' AS INT)",
            "CAST(7 AS DECIMAL(10, 2))",
            "DATE '2023-02-29'",
            "YEAR('2024-01-02')",
            "7 // 0",
            "RIGHT('a', -170141183460469231731687303715884105728)",
            "1 + '1'",
            "'a' ILIKE 'a'",
            "'a' NOT LIKE 'a'",
            "170141183460469231731687303715884105728",
        ] {
            assert!(evaluate(text, Dialect::DuckDb).is_err(), "{text}");
        }
        for deep in [format!("{}1{}", "(".repeat(200), ")".repeat(200)), "1 + ".repeat(50_000) + "1"] {
            assert!(matches!(evaluate(&deep, Dialect::DuckDb), Err(ConstantError::Unparsed(_))));
        }
        assert_eq!(value(&("1 + ".repeat(100) + "1")), Constant::Int(101));
    }

    #[test]
    fn nothing_holds_that_is_nothing() {
        for text in ["NULL", "0", "''", "FALSE", "0.0"] {
            assert!(!value(text).holds(), "{text}");
        }
        for text in ["a", "1", "'0'", "TRUE", "[0]"] {
            assert!(value(text).holds(), "{text}");
        }
    }
}
