//! The conditions and `@EVAL`: what an expression comes to when the project is read.

use super::call::items_of;
use super::lexeme::{Kind, Lexeme, Origin, lex_made, outside, text_of, trimmed};
use super::names::printed;
use super::{Expander, Outcome, Step};
use crate::problem::has_errors;
use crate::sql::{Constant, evaluate};

/// How a value of several words stands in what is around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// As its text: SQLMesh writes a statement out and reads it again, so that `@y * 3` with `1 + 1` for `@y` is `1 + 1 * 3`.
    Pasted,
    /// As one value: where it is evaluated SQLMesh has no text, but a tree.
    Whole,
}

impl Expander<'_> {
    /// Whether a condition holds.
    pub(super) fn holds(&mut self, condition: &[Lexeme], at: usize, depth: usize) -> Step<bool> {
        Some(self.evaluated(condition, at, depth)?.holds())
    }

    pub(super) fn evaluated(&mut self, expression: &[Lexeme], at: usize, depth: usize) -> Step<Constant> {
        let problems = self.problems.len();
        let before = std::mem::replace(&mut self.values, Values::Whole);
        let expanded = self.walk(expression, depth + 1);
        self.values = before;
        if has_errors(&self.problems[problems..]) {
            return None;
        }
        let Some(text) = text_of(&expanded) else {
            let help = "compare the time in SQL instead, where the statement runs";
            self.refuse(
                at,
                "what is only known when the statement runs decides nothing when the project is read",
                help,
            );
            return None;
        };
        match evaluate(&text, self.dialect) {
            Ok(value) => Some(value),
            Err(error) => {
                let help = "it may have literals, variables, comparisons, AND, OR, NOT, IN, IS NULL, arithmetic, UPPER, LOWER and LEN; a column has \
                            no value before the query runs";
                self.refuse(at, format!("a macro's expression has no value: {error}"), help);
                None
            }
        }
    }

    /// A constant as lexemes; nothing for NULL. SQLMesh prints what Python gives and reads it as SQL: `@EVAL('a')` is the column.
    pub(super) fn constant(&mut self, value: &Constant, at: usize) -> Step<Outcome> {
        match value {
            Constant::Null => Some(Outcome::Nothing),
            Constant::List(items) => {
                let items = items.iter().filter(|item| **item != Constant::Null);
                items.map(|item| self.read_again(item, at)).collect::<Option<_>>().map(Outcome::Items)
            }
            value => self.read_again(value, at).map(Outcome::One),
        }
    }

    fn read_again(&mut self, value: &Constant, at: usize) -> Step<Vec<Lexeme>> {
        let made = printed(value).and_then(|text| lex_made(&text, self.dialect, at));
        // A comment would take what stands behind it with it.
        let made = made.map(|made| made.into_iter().filter(|lexeme| lexeme.kind != Kind::Comment).collect::<Vec<_>>());
        let is_macro = |lexeme: &Lexeme| matches!(lexeme.kind, Kind::Variable(_) | Kind::Call | Kind::TemplateString);
        let is_end = |made: &[Lexeme]| outside(made, &|place| made[place].is_symbol(",") || made[place].is_symbol(";"));
        let is_one =
            |made: &Vec<Lexeme>| !trimmed(made).is_empty() && !made.iter().any(is_macro) && is_end(made).is_none();
        let made = made.filter(is_one);
        if made.is_none() {
            let help = "the text that `@EVAL` gives is read as SQL, as in SQLMesh; a literal has quotes in it";
            self.refuse(at, "what `@EVAL` gives is no expression", help);
        }
        made
    }
}

/// A value where it is one operand. What AND, OR and NOT join SQLMesh writes out also here, as Python.
pub(super) fn whole(made: Vec<Lexeme>, values: Values, (before, after): (&[Lexeme], &[Lexeme])) -> Vec<Lexeme> {
    const BEFORE: [&str; 7] = ["between", "like", "ilike", "is", "in", "div", "from"];
    const AFTER: [&str; 7] = ["between", "like", "ilike", "is", "in", "div", "not"];
    let operates = |near: Option<&Lexeme>, words: &[&str]| {
        near.is_some_and(|near| match near.kind {
            Kind::Symbol => {
                !["(", ")", "[", "]", "{", "}", ",", ".", ":", "::", ":=", "=>"].contains(&near.text.as_str())
            }
            _ => words.iter().any(|word| near.is_word(word)),
        })
    };
    let is_operand = operates(before.iter().rfind(|lexeme| lexeme.is_significant()), &BEFORE)
        || operates(after.iter().find(|lexeme| lexeme.is_significant()), &AFTER);
    let is_one = trimmed(&made).len() <= 1 || items_of(&made).is_some();
    if values == Values::Pasted || is_one || !is_operand {
        return made;
    }
    let at = made.first().map_or(0, |first| first.at);
    let sign = |text| std::iter::once(Lexeme { origin: Origin::Nobody, ..Lexeme::made(Kind::Symbol, text, at) });
    sign("(").chain(made).chain(sign(")")).collect()
}

/// A value as its text again: what a macro in a function makes SQLMesh writes out, also where it is evaluated.
pub(super) fn pasted(mut made: Vec<Lexeme>) -> Vec<Lexeme> {
    made.retain(|lexeme| lexeme.origin != Origin::Nobody);
    made
}

#[cfg(test)]
mod tests {
    use super::super::tests::{run, same};
    use crate::sql::Dialect;

    /// Each as SQLMesh 0.236.4 gives it.
    #[test]
    fn a_value_of_several_words_is_one_value_where_it_is_evaluated() {
        let definitions = "@DEF(y, 1 + 1); @DEF(f, x -> x + 1); @DEF(h, z -> z * 2); @DEF(g, x -> @h(@x + 1)); \
                           @DEF(z, @y * 3); @DEF(c, 1 = 1 OR 1 = 2); @DEF(b, @EVAL(1 + 1) + 1); ";
        for (text, expected) in [
            ("@EVAL(@y * 3), @y * 3", "6, 1 + 1 * 3"),
            ("@EVAL(10 - @y), @EVAL(-@y), @EVAL(@y::INT * 2)", "8, -2, 4"),
            ("@EVAL(@f(1) * 3), @EVAL(3 * @f(1)), @f(1) * 3", "6, 6, 1 + 1 * 3"),
            ("@EVAL(@h(1 + 1)), @EVAL(ABS(@y) * 2), @EVAL((@y) * 3)", "4, 4, 6"),
            ("@EVAL(@IF(TRUE, @y, 2) * 3), @EVAL(@SQL('@y * 3')), @EVAL(@SQL(@y * 3))", "6, 4, 6"),
            (
                "@EVAL(@REDUCE([1 + 1, 2 + 2], (x, y) -> x * y)), @REDUCE([1 + 1, 2 + 2], (x, y) -> x * y)",
                "8, 1 + 1 * 2 + 2",
            ),
            ("@EACH([1 + 1], x -> @EVAL(x * 3)), @EACH([1 + 1], x -> @EVAL(@x * 3))", "6, 6"),
            ("@EVAL(2 BETWEEN @y AND @y * 2), @EVAL(CASE WHEN @y > 1 THEN @y ELSE 0 END * 3)", "TRUE, 6"),
            ("@FILTER([1, 2, 3], x -> x * @y > 3), @EVAL(@b * 3)", "2, 3, 9"),
            // A definition, and what a macro in a function makes, were written out before.
            ("@EVAL(@z * 2), @EVAL(@g(1))", "8, 3"),
            // Python joins texts here.
            ("@IF(@c AND FALSE, 1, 2), @IF(NOT @c, 1, 2), @IF(@c = TRUE, 1, 2)", "1, 2, 1"),
            ("@AND(@y * 3 = 4, a)", "(1 + 1 * 3 = 4) AND a"),
        ] {
            same(&format!("{definitions}SELECT {text}"), &format!("SELECT {expected}"));
        }
    }

    /// Each as SQLMesh 0.236.4 gives it.
    #[test]
    fn what_is_evaluated_is_read_as_sql() {
        for (text, expected) in [
            ("@EVAL('a -- c') AS r", "a  AS r"),
            (
                "@EVAL(@type), @EVAL(LOWER(@type)), @EVAL(CASE WHEN @limit_rows > 5 THEN 'p' ELSE 'q' END)",
                "INT, int, p",
            ),
            ("@EVAL('a + 1') * 2, @EVAL('t.a'), t.@EVAL('a'), @EVAL('''q''')", "a + 1 * 2, t.a, t.a, 'q'"),
            ("@EVAL(@EVAL('x')), @IF(@EVAL('x') = 'x', 1, 2), @IF(TRUE, @EVAL('x'), 1)", "x, 2, x"),
            ("@EACH(['a', 'b'], i -> @EVAL(UPPER(@i)) AS n_@i)", "A AS n_a, B AS n_b"),
            (
                "@EVAL(1 = 1), @EVAL(1.50), @EVAL(1e20), @EVAL(7 / 2), @EVAL(2 ^ 70)",
                "TRUE, 1.5, 1e20, 3.5, 1180591620717411303424",
            ),
            ("@EVAL([1, NULL, 2]), @EVAL(@many), @EVAL(NULL), 3 - @EVAL(-5)", "1, 2, a, b, 3 - -5"),
            (
                "@EVAL(DATE '2024-01-02'), @IF(@nothing <> 1, 1, 2), @IF(@VAR('x', NULL) <> 'q', 1, 2)",
                "2024-01-02, 2, 2",
            ),
        ] {
            same(&format!("SELECT {text}"), &format!("SELECT {expected}"));
        }
        for text in ["''", "'it''s'", "'a, b'", "'1; 2'", "'@x + 1'", "[[1]]"] {
            assert_eq!(run(&format!("SELECT @EVAL({text})"), Dialect::DuckDb).1.len(), 1, "{text}");
        }
    }
}
