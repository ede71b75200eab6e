//! What `@name` and `@{name}` stand for: a value, a name, or a part of one.

use super::evaluation::whole;
use super::lexeme::{Form, Kind, Lexeme, lex_made, trimmed};
use super::names::{bare, literal, opened, string_literal};
use super::text::{Part, bare_text};
use super::{Expander, MAX_MADE, before_cast};
use crate::sql::{Dialect, TimeVariable, is_keyword};

impl Expander<'_> {
    /// `@name` or `@{name}`.
    pub(super) fn variable(&mut self, input: &[Lexeme], index: usize, form: Form, output: &mut Vec<Lexeme>) {
        let Lexeme { text: name, at, .. } = &input[index];
        let found = match (self.made > MAX_MADE, self.role(input, index, form)) {
            // That is told; nothing more is made.
            (true, _) => Some(vec![Lexeme::made(Kind::Word, "NULL", *at)]),
            (_, Role::Value) => self.value(name, *at),
            (_, Role::Name) => self.name(name, *at),
            (_, Role::Part) => self.part(name, *at).map(|part| vec![part]),
        };
        match found {
            Some(made) => match self.charge(made.len(), 0, *at) {
                Some(()) => {
                    let made = before_cast(made, &input[index + 1..]);
                    output.extend(whole(made, self.values, (&input[..index], &input[index + 1..])));
                }
                None => output.push(Lexeme::made(Kind::Word, "NULL", *at)),
            },
            None if self.is_staged(input, index, form) => {
                output.push(Lexeme::made(Kind::Word, format!("@{name}"), *at));
            }
            None => {
                self.unknown(name, *at, "");
                output.push(Lexeme::made(Kind::Word, format!("@{name}"), *at));
            }
        }
    }

    /// What a variable is where it stands. SQLMesh takes a text for a name after FROM, JOIN, INTO and AS, and beside a dot.
    fn role(&self, input: &[Lexeme], index: usize, form: Form) -> Role {
        let (before, after) = (index.checked_sub(1).and_then(|before| input.get(before)), input.get(index + 1));
        let is_time = TimeVariable::from_name(&input[index].text).is_some()
            && !self.locals.contains_key(&input[index].text.to_lowercase());
        let is_glued =
            before.is_some_and(Lexeme::is_of_name) || (form == Form::Braced && after.is_some_and(Lexeme::is_of_name));
        if is_glued || (form == Form::Braced && !is_time) {
            return Role::Part;
        }
        let is_dotted = [before, after].into_iter().flatten().any(|near| near.is_symbol("."));
        match is_dotted
            || is_name_place(&input[..index])
            || (form == Form::Plain && is_alias(&input[..index], &input[index + 1..]))
        {
            true => Role::Name,
            false => Role::Value,
        }
    }

    /// Snowflake's staged files: `FROM @stage`.
    fn is_staged(&self, input: &[Lexeme], index: usize, form: Form) -> bool {
        let before = input[..index].iter().rev().find(|lexeme| lexeme.is_significant());
        self.dialect == Dialect::Snowflake
            && form == Form::Plain
            && before.is_some_and(|last| ["from", "join", "into"].iter().any(|word| last.is_word(word)))
    }

    /// What stands for a name as a value; `None` where nobody knows it. SQLMesh's order: `@DEF` and arguments, what a run
    /// knows, blueprints, the configuration.
    fn value(&mut self, name: &str, at: usize) -> Option<Vec<Lexeme>> {
        let lower = name.to_lowercase();
        if let Some(local) = self.locals.get(&lower) {
            return Some(local.clone());
        }
        if let Some(variable) = TimeVariable::from_name(name) {
            return Some(vec![Lexeme::made(Kind::Time(variable), "", at)]);
        }
        if let (true, Some(this)) = (lower == "this_model", self.names.this_model) {
            return Some(vec![Lexeme::made(Kind::This, this, at)]);
        }
        if let Some(sql) = self.names.locals.get(&lower) {
            let made = opened(lex_made(sql, self.dialect, at)?, self.names.this_model);
            if made.iter().any(|lexeme| matches!(lexeme.kind, Kind::Variable(_) | Kind::Call | Kind::TemplateString)) {
                let help = "write the value itself; only times and `@this_model` may stand there";
                self.refuse(at, format!("the value of `@{name}` has macros of its own"), help);
                return Some(vec![Lexeme::made(Kind::Word, "NULL", at)]);
            }
            return Some(made);
        }
        let text = match (lower.as_str(), self.names.variables.get(&lower)) {
            ("runtime_stage", _) => {
                self.reads_stage = true;
                string_literal(self.stage, self.dialect)
            }
            // Before a variable of that name, as in SQLMesh; it has none where no gateway has a name.
            ("gateway", _) => string_literal(self.names.gateway.unwrap_or_default(), self.dialect),
            (_, Some(value)) => literal(value, self.dialect).or_else(|| {
                let message = format!("variable `@{name}` is no plain value and no list of such");
                self.refuse(at, message, "a mapping, or a list of lists, cannot stand in SQL");
                Some("NULL".to_owned())
            })?,
            ("model_kind_name", None) => string_literal(self.names.kind?, self.dialect),
            _ => return None,
        };
        lex_made(&text, self.dialect, at)
    }

    /// What stands for a name that is to be one itself: a text becomes a quoted name, anything else stays as it is.
    fn name(&mut self, name: &str, at: usize) -> Option<Vec<Lexeme>> {
        let value = self.value(name, at)?;
        match trimmed(&value) {
            [Lexeme { kind: Kind::Time(_), .. }] => self.part(name, at).map(|part| vec![part]),
            _ => Some(self.as_name(value)),
        }
    }

    /// The same of what a macro made.
    pub(super) fn as_name(&self, made: Vec<Lexeme>) -> Vec<Lexeme> {
        match trimmed(&made) {
            text @ [Lexeme { kind: Kind::String, at, .. }] => {
                let text = bare_text(text, self.dialect).unwrap_or_default();
                vec![Lexeme::made(Kind::Quoted, self.quoted(&text), *at)]
            }
            _ => made,
        }
    }

    /// What stands for a name inside another name.
    fn part(&mut self, name: &str, at: usize) -> Option<Lexeme> {
        if let Some(text) = self.name_of_argument(name) {
            return Some(Lexeme::made(Kind::Argument, text, at));
        }
        match self.bare_value(name, at)? {
            Part::Text(text) => {
                let is_argument = self.parameters.iter().any(|parameter| parameter.eq_ignore_ascii_case(name));
                Some(Lexeme::made(if is_argument { Kind::Argument } else { Kind::Part }, text, at))
            }
            Part::Time(_) => {
                self.refuse_in_name(name, at);
                Some(Lexeme::made(Kind::Part, "x", at))
            }
        }
    }

    /// What an argument that is no text and no single name gives to a name, as SQLGlot calls it: a column its last part, TRUE
    /// and FALSE nothing.
    fn name_of_argument(&self, name: &str) -> Option<String> {
        let name = self.parameters.iter().find(|parameter| parameter.eq_ignore_ascii_case(name))?;
        match trimmed(self.locals.get(name)?) {
            [truth] if truth.is_word("true") || truth.is_word("false") => Some(String::new()),
            [_] => None,
            [parts @ .., last] => {
                let is_name = |part: &Lexeme| matches!(part.kind, Kind::Word | Kind::Quoted);
                let is_dotted = |(place, part): (usize, &Lexeme)| match place % 2 {
                    0 => is_name(part),
                    _ => part.is_symbol("."),
                };
                let is_column = parts.len() % 2 == 0 && is_name(last) && parts.iter().enumerate().all(is_dotted);
                is_column.then(|| bare_text(std::slice::from_ref(last), self.dialect)).flatten()
            }
            [] => None,
        }
    }

    /// What stands for a name inside a string or another name: its text without quotes, or a time.
    pub(super) fn bare_value(&mut self, name: &str, at: usize) -> Option<Part> {
        let lower = name.to_lowercase();
        let is_sooner = self.locals.contains_key(&lower)
            || TimeVariable::from_name(name).is_some()
            || self.names.locals.contains_key(&lower);
        let text = match self.names.variables.get(&lower).filter(|_| !is_sooner) {
            Some(value) => bare(value),
            None => match trimmed(&self.value(name, at)?) {
                [Lexeme { kind: Kind::Time(variable), .. }] => return Some(Part::Time(*variable)),
                value => bare_text(value, self.dialect),
            },
        };
        Some(Part::Text(text.unwrap_or_else(|| {
            let message = format!("`@{name}` is no text and no number, so it can be no part of a name or string");
            self.refuse(at, message, "use it as a value of its own, or take one item of it");
            "x".to_owned()
        })))
    }
}

impl Expander<'_> {
    /// Each name of which a part came from a variable as one, in quotes where it is no plain word: in SQLMesh it is a name,
    /// whatever its text.
    pub(super) fn whole_names(&self, lexemes: Vec<Lexeme>) -> Vec<Lexeme> {
        if !lexemes.iter().any(|lexeme| matches!(lexeme.kind, Kind::Part | Kind::Argument)) {
            return lexemes;
        }
        let mut output: Vec<Lexeme> = Vec::with_capacity(lexemes.len());
        let mut rest = lexemes.as_slice();
        while let Some(first) = rest.first() {
            let length = rest.iter().position(|lexeme| !lexeme.is_of_name()).unwrap_or(rest.len()).max(1);
            let (name, after) = rest.split_at(length);
            let text: String = name.iter().map(|lexeme| lexeme.text.as_str()).collect();
            // An argument is what it is written as, but for a number.
            let is_number = name.len() == 1 && first.kind == Kind::Argument && text.parse::<f64>().is_ok();
            let has_part = is_number || name.iter().any(|lexeme| lexeme.kind == Kind::Part);
            let is_dotted = [output.last(), after.first()].into_iter().flatten().any(|near| near.is_symbol("."));
            // In a cast it is a type.
            let ends = after.iter().find(|lexeme| lexeme.is_significant()).is_some_and(|next| next.is_symbol(")"));
            let is_name = is_dotted || is_name_place(&output);
            let as_it_is = is_plain(&text) && !(is_value_word(&text) || (is_name && !ends && is_keyword(&text)));
            match has_part && !as_it_is {
                true => {
                    let quoted = self.quoted(&self.dialect.normalized(&text, false));
                    output.push(Lexeme::made(Kind::Quoted, quoted, first.at));
                }
                false => output.extend_from_slice(name),
            }
            rest = after;
        }
        output
    }
}

/// Whether a word is a value where it stands alone.
fn is_value_word(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "current_date",
        "current_time",
        "current_timestamp",
        "current_user",
        "localtime",
        "localtimestamp",
        "session_user",
        "user",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether a text is a name without quotes.
fn is_plain(text: &str) -> bool {
    let is_of_word = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '$');
    !text.is_empty() && !text.starts_with(|first: char| first.is_ascii_digit()) && text.chars().all(is_of_word)
}

/// What a variable is where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A value.
    Value,
    /// A name.
    Name,
    /// A part of one.
    Part,
}

/// Whether a table, or the name of a column or table, comes next.
pub(super) fn is_name_place(before: &[Lexeme]) -> bool {
    let last = before.iter().rev().find(|lexeme| lexeme.is_significant());
    last.is_some_and(|last| ["from", "join", "into", "as"].iter().any(|word| last.is_word(word)))
}

/// Whether a name stands here for what is before it, without AS: behind an operand, and at the end of an item.
pub(super) fn is_alias(before: &[Lexeme], after: &[Lexeme]) -> bool {
    /// Words behind which a value stands, though they may be names.
    #[rustfmt::skip]
    const NO_OPERANDS: [&str; 20] = [
        "all", "any", "array", "case", "date", "datetime", "distinct", "exists", "interval", "lateral", "not", "only", "row",
        "select", "some", "table", "time", "timestamp", "timestamptz", "top",
    ];
    const ENDS: [&str; 13] =
        ["from", "where", "join", "left", "right", "inner", "full", "cross", "on", "using", "group", "order", "union"];
    let mut before = before.iter().rev().filter(|lexeme| lexeme.is_significant());
    let after = after.iter().find(|lexeme| lexeme.is_significant());
    let is_last = after
        .is_none_or(|next| next.is_symbol(",") || next.is_symbol(")") || ENDS.iter().any(|word| next.is_word(word)));
    let (Some(last), begun) = (before.next(), before.next()) else { return false };
    let begins_item = |lexeme: &Lexeme| {
        lexeme.kind == Kind::Symbol && [",", ".", "+", "-", "*", "/", "%", "||", "::"].contains(&lexeme.text.as_str())
            || ["select", "distinct", "from", "join"].iter().any(|word| lexeme.is_word(word))
    };
    let is_operand = match last.kind {
        Kind::Symbol => last.text == ")",
        Kind::Quoted | Kind::Number => true,
        Kind::Word if last.is_word("end") => true,
        Kind::Word => begun.is_some_and(begins_item) && !NO_OPERANDS.iter().any(|word| last.is_word(word)),
        _ => false,
    };
    is_last && is_operand
}

#[cfg(test)]
mod tests {
    use super::super::tests::{run, same};
    use crate::sql::Dialect;

    /// Each as SQLMesh 0.236.4 gives it, which then writes AS.
    #[test]
    fn a_variable_behind_an_operand_is_its_alias() {
        let q = "\"e'u\"";
        for text in ["a", "t.a", "a + b", "f(a)", "1", "\"A\"", "CASE WHEN a THEN 1 END", "a::int"] {
            same(&format!("SELECT {text} @region FROM t"), &format!("SELECT {text} {q} FROM t"));
            same(&format!("SELECT {text} @VAR('region'), 1"), &format!("SELECT {text} {q}, 1"));
        }
        same("SELECT * FROM t @region WHERE a", &format!("SELECT * FROM t {q} WHERE a"));
        same("SELECT * FROM (SELECT 1) @region", &format!("SELECT * FROM (SELECT 1) {q}"));
        same("SELECT * FROM t JOIN u @region ON x", &format!("SELECT * FROM t JOIN u {q} ON x"));
        for text in [
            "SELECT a FROM t WHERE a = @region",
            "SELECT DISTINCT @region, DATE @region, a IN (@region) FROM t",
            "SELECT CASE a WHEN @region THEN 1 END, a LIKE @region, INTERVAL @region FROM t",
            "SELECT a WHERE NOT @region",
        ] {
            same(text, &text.replace("@region", "'e''u'"));
        }
    }

    #[test]
    fn an_argument_gives_a_name_its_last_part() {
        same("SELECT @EACH([t.a, u.b], c -> c AS x_@c)", "SELECT t.a AS x_a, u.b AS x_b");
        same(
            "SELECT @EACH([t.a], c -> c AS @{c}_x), @EACH([s.t.\"A\"], c -> c AS x_@c)",
            "SELECT t.a AS a_x, s.t.\"A\" AS x_A",
        );
        same("SELECT @EACH([t.a], c -> @SQL('@c + 1')), @EACH([t.a], c -> @'@c')", "SELECT t.a + 1, 't.a'");
        same("SELECT @EACH([TRUE], c -> c AS z_@c)", "SELECT TRUE AS z_");
    }

    #[test]
    fn a_list_has_no_alias() {
        same("SELECT @EACH([1, 2], x -> x) AS w, 3 AS c", "SELECT 1, 2, 3 AS c");
        same("SELECT @EACH([1], x -> x AS c_@x) AS w FROM t", "SELECT 1 AS c_1 FROM t");
        same("SELECT @EVAL([1, 2]) AS w", "SELECT 1, 2");
        same("SELECT CAST(@EACH([1], x -> x) AS INT) AS w", "SELECT CAST(1 AS INT) AS w");
    }

    #[test]
    fn a_variable_that_nobody_names_is_null_and_told() {
        for (text, expected) in [
            ("SELECT @VAR('x') AS r", "SELECT NULL AS r"),
            ("SELECT @IF(@VAR('x') IS NULL, 1, 2)", "SELECT 1"),
            ("SELECT 1 WHERE @AND(a, @BLUEPRINT_VAR('x'))", "SELECT 1 WHERE a"),
        ] {
            let (made, problems) = run(text, Dialect::DuckDb);
            let told: Vec<_> =
                problems.iter().map(|problem| (problem.code, crate::problem::has_errors(&problems))).collect();
            assert_eq!(
                (made.as_str(), told.as_slice()),
                (expected, [("unknown-variable", false)].as_slice()),
                "{text}"
            );
        }
    }
}
