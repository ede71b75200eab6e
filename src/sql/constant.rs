//! The small evaluator that macros need: literals, comparison, boolean logic, arithmetic, `IN`, `IS NULL`, a few string
//! functions and the length of lists. As SQLMesh's, which runs Python (research: SQLMesh, section 7.4): a name is no value
//! but itself, values of different types are never equal, `/` gives a fraction, and `AND` gives one of its operands.
//!
//! Nothing here looks anything up.

use std::cmp::Ordering;

use sqlparser::ast::{self, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator};
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
    /// A whole number.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// A string.
    Text(String),
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
    value_of(&tree)
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
            Self::Name(_) => true,
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
    fn whole(&self) -> Option<i64> {
        match self {
            Self::Bool(value) => Some(i64::from(*value)),
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
            (Self::Text(one), Self::Text(two)) => Some(one.cmp(two)),
            _ if self.whole().is_some() && other.whole().is_some() => Some(self.whole()?.cmp(&other.whole()?)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }
}

/// The text's length bounds how deep a tree is, and with it the recursion.
fn value_of(expression: &Expr) -> Result<Constant> {
    Ok(match expression {
        Expr::Value(value) => literal(&value.value, expression)?,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Constant::Name(expression.to_string()),
        Expr::Nested(inner) => value_of(inner)?,
        Expr::UnaryOp { op, expr } => unary(*op, &value_of(expr)?, expression)?,
        Expr::BinaryOp { left, op, right } => binary(left, op, right, expression)?,
        Expr::IsNull(inner) => Constant::Bool(value_of(inner)? == Constant::Null),
        Expr::IsNotNull(inner) => Constant::Bool(value_of(inner)? != Constant::Null),
        Expr::IsTrue(inner) => Constant::Bool(value_of(inner)? == Constant::Bool(true)),
        Expr::IsFalse(inner) => Constant::Bool(value_of(inner)? == Constant::Bool(false)),
        Expr::IsNotTrue(inner) => Constant::Bool(value_of(inner)? != Constant::Bool(true)),
        Expr::IsNotFalse(inner) => Constant::Bool(value_of(inner)? != Constant::Bool(false)),
        Expr::InList { expr, list, negated } => {
            let (wanted, items) = (value_of(expr)?, values_of(list.iter())?);
            let items = match items.as_slice() {
                [Constant::List(items)] => items.clone(),
                _ => items,
            };
            Constant::Bool(items.iter().any(|item| item.is_same(&wanted)) != *negated)
        }
        Expr::Between { expr, negated, low, high } => {
            let (value, low, high) = (value_of(expr)?, value_of(low)?, value_of(high)?);
            let types = || ConstantError::Types("BETWEEN".to_owned());
            let is_in = low.order(&value).ok_or_else(types)?.is_le() && value.order(&high).ok_or_else(types)?.is_le();
            Constant::Bool(is_in != *negated)
        }
        Expr::Tuple(items) => Constant::List(values_of(items.iter())?),
        Expr::Array(array) => Constant::List(values_of(array.elem.iter())?),
        Expr::Case { operand: None, conditions, else_result, .. } => case(conditions, else_result.as_deref())?,
        Expr::Function(function) => call(function, expression)?,
        _ => return Err(unknown(expression)),
    })
}

fn values_of<'a>(list: impl Iterator<Item = &'a Expr>) -> Result<Vec<Constant>> {
    list.map(value_of).collect()
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn unknown(expression: &Expr) -> ConstantError {
    ConstantError::Unknown(shown(&expression.to_string()))
}

fn literal(value: &ast::Value, expression: &Expr) -> Result<Constant> {
    match value {
        ast::Value::Number(text, _) => match (text.parse(), text.parse()) {
            (Ok(whole), _) => Ok(Constant::Int(whole)),
            (_, Ok(real)) => Ok(Constant::Real(real)),
            _ => Err(unknown(expression)),
        },
        ast::Value::SingleQuotedString(text) => Ok(Constant::Text(text.replace("''", "'"))),
        ast::Value::Boolean(value) => Ok(Constant::Bool(*value)),
        ast::Value::Null => Ok(Constant::Null),
        _ => Err(unknown(expression)),
    }
}

fn unary(operator: UnaryOperator, value: &Constant, expression: &Expr) -> Result<Constant> {
    match (operator, value, value.whole()) {
        (UnaryOperator::Not, value, _) => Ok(Constant::Bool(!value.holds())),
        (UnaryOperator::Plus, _, Some(value)) => Ok(Constant::Int(value)),
        (UnaryOperator::Minus, _, Some(value)) => value.checked_neg().map(Constant::Int).ok_or_else(|| range("-")),
        (UnaryOperator::Plus, Constant::Real(value), _) => Ok(Constant::Real(*value)),
        (UnaryOperator::Minus, Constant::Real(value), _) => Ok(Constant::Real(-value)),
        _ => Err(unknown(expression)),
    }
}

fn binary(left: &Expr, operator: &BinaryOperator, right: &Expr, expression: &Expr) -> Result<Constant> {
    let left = value_of(left)?;
    match operator {
        BinaryOperator::And if !left.holds() => return Ok(left),
        BinaryOperator::Or if left.holds() => return Ok(left),
        BinaryOperator::And | BinaryOperator::Or => return value_of(right),
        _ => {}
    }
    let right = value_of(right)?;
    let compared = |fits: fn(Ordering) -> bool| {
        let order = left.order(&right).ok_or_else(|| ConstantError::Types(operator.to_string()))?;
        Ok(Constant::Bool(fits(order)))
    };
    match operator {
        BinaryOperator::Eq => Ok(Constant::Bool(left.is_same(&right))),
        BinaryOperator::NotEq => Ok(Constant::Bool(!left.is_same(&right))),
        BinaryOperator::Lt => compared(Ordering::is_lt),
        BinaryOperator::LtEq => compared(Ordering::is_le),
        BinaryOperator::Gt => compared(Ordering::is_gt),
        BinaryOperator::GtEq => compared(Ordering::is_ge),
        BinaryOperator::Plus | BinaryOperator::StringConcat => match (&left, &right) {
            (Constant::Text(one), Constant::Text(two)) => Ok(Constant::Text(format!("{one}{two}"))),
            _ => arithmetic(operator, &left, &right),
        },
        BinaryOperator::Minus | BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => {
            arithmetic(operator, &left, &right)
        }
        _ => Err(unknown(expression)),
    }
}

fn arithmetic(operator: &BinaryOperator, left: &Constant, right: &Constant) -> Result<Constant> {
    let range = || range(&operator.to_string());
    if let (Some(one), Some(two)) = (left.whole(), right.whole()) {
        let whole = match operator {
            BinaryOperator::Plus => one.checked_add(two),
            BinaryOperator::Minus => one.checked_sub(two),
            BinaryOperator::Multiply => one.checked_mul(two),
            // Python's remainder has the sign of what divides.
            BinaryOperator::Modulo => one.checked_rem(two).map(|rest| match rest != 0 && (rest < 0) != (two < 0) {
                true => rest + two,
                false => rest,
            }),
            _ => None,
        };
        match operator {
            BinaryOperator::Divide => {}
            _ => return whole.map(Constant::Int).ok_or_else(range),
        }
    }
    let types = || ConstantError::Types(operator.to_string());
    let (one, two) = (left.number().ok_or_else(types)?, right.number().ok_or_else(types)?);
    let result = match operator {
        BinaryOperator::Plus => one + two,
        BinaryOperator::Minus => one - two,
        BinaryOperator::Multiply => one * two,
        BinaryOperator::Divide if two != 0.0 => one / two,
        BinaryOperator::Modulo if two != 0.0 => one - two * (one / two).floor(),
        BinaryOperator::Divide | BinaryOperator::Modulo => return Err(range()),
        _ => return Err(types()),
    };
    if result.is_finite() { Ok(Constant::Real(result)) } else { Err(range()) }
}

fn range(operator: &str) -> ConstantError {
    ConstantError::Range(operator.to_owned())
}

fn case(conditions: &[ast::CaseWhen], otherwise: Option<&Expr>) -> Result<Constant> {
    for when in conditions {
        if value_of(&when.condition)?.holds() {
            return value_of(&when.result);
        }
    }
    otherwise.map_or(Ok(Constant::Null), value_of)
}

fn call(function: &ast::Function, expression: &Expr) -> Result<Constant> {
    let FunctionArguments::List(list) = &function.args else { return Err(unknown(expression)) };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => value_of(inner),
        _ => Err(unknown(expression)),
    });
    let arguments = arguments.collect::<Result<Vec<_>>>()?;
    let length = |length: usize| i64::try_from(length).map(Constant::Int).map_err(|_| range("length"));
    match (function.name.to_string().to_ascii_lowercase().as_str(), arguments.as_slice()) {
        ("upper", [Constant::Text(text)]) => Ok(Constant::Text(text.to_uppercase())),
        ("lower", [Constant::Text(text)]) => Ok(Constant::Text(text.to_lowercase())),
        ("trim", [Constant::Text(text)]) => Ok(Constant::Text(text.trim().to_owned())),
        ("length" | "len", [Constant::Text(text)]) => length(text.chars().count()),
        ("length" | "len" | "array_length" | "array_size" | "cardinality", [Constant::List(items)]) => {
            length(items.len())
        }
        ("abs", [Constant::Int(value)]) => value.checked_abs().map(Constant::Int).ok_or_else(|| range("abs")),
        ("abs", [Constant::Real(value)]) => Ok(Constant::Real(value.abs())),
        ("coalesce", items) => {
            Ok(items.iter().find(|item| **item != Constant::Null).cloned().unwrap_or(Constant::Null))
        }
        _ => Err(unknown(expression)),
    }
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
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_value_is_an_error() {
        for text in
            ["1 / 0", "9223372036854775807 + 1", "'a' < 1", "f(1)", "a + 1", "1 +", "1 2", "(SELECT 1)", "1e400 * 10"]
        {
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
