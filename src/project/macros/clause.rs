//! Macros that stand for the beginning of a clause: `@WHERE(condition) …` keeps the clause or leaves all of it out.

use super::Expander;
use super::lexeme::{Kind, Lexeme, split};

/// A clause that a macro may keep or leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// The macro, in lower case.
    name: &'static str,
    /// What begins the clause.
    keyword: &'static str,
    /// The words that begin what follows it.
    ends: &'static [&'static str],
}

#[rustfmt::skip]
const AFTER_WHERE: &[&str] = &[
    "group", "having", "qualify", "window", "order", "limit", "offset", "fetch", "union", "except", "intersect", "sample",
    "tablesample",
];
/// The same of a join, beside what ends a WHERE.
#[rustfmt::skip]
const AFTER_JOIN: &[&str] = &[
    "join", "left", "right", "full", "inner", "cross", "natural", "asof", "positional", "semi", "anti", "where",
];
/// What stands before JOIN and goes with it.
const BEFORE_JOIN: [&str; 10] = ["left", "right", "full", "inner", "cross", "outer", "natural", "asof", "semi", "anti"];

const CLAUSES: [Clause; 7] = [
    Clause { name: "with", keyword: "WITH", ends: &["select", "from", "insert", "values"] },
    Clause { name: "join", keyword: "JOIN", ends: AFTER_JOIN },
    Clause { name: "where", keyword: "WHERE", ends: AFTER_WHERE },
    Clause { name: "group_by", keyword: "GROUP BY", ends: AFTER_WHERE },
    Clause { name: "having", keyword: "HAVING", ends: AFTER_WHERE },
    Clause {
        name: "order_by",
        keyword: "ORDER BY",
        ends: &["limit", "offset", "fetch", "union", "except", "intersect"],
    },
    Clause { name: "limit", keyword: "LIMIT", ends: &["offset", "fetch", "union", "except", "intersect"] },
];

/// The clause that a macro begins.
pub(super) fn keyword(name: &str) -> Option<Clause> {
    CLAUSES.into_iter().find(|clause| clause.name.eq_ignore_ascii_case(name))
}

impl Expander<'_> {
    /// Keeps a clause or leaves it out; `from` is the place behind the macro. Gives the place to go on from.
    pub(super) fn clause(
        &mut self,
        clause: Clause,
        (name, body): (&Lexeme, &[Lexeme]),
        input: &[Lexeme],
        from: usize,
        depth: usize,
        output: &mut Vec<Lexeme>,
    ) -> usize {
        let condition = split(body).first().map(|condition| condition.to_vec()).unwrap_or_default();
        // `@JOIN(…) LEFT JOIN t`, as SQLMesh has it too: the words are there already.
        let begun = if clause.name == "join" { behind_join(input, from) } else { None };
        // Where the condition has no value the clause stays: the problem is told.
        if self.charge(condition.len(), depth, name.at).is_none()
            || self.holds(&condition, name.at, depth) != Some(false)
        {
            if begun.is_none() {
                output.push(Lexeme::made(Kind::Word, clause.keyword, name.at));
            }
            return from;
        }
        if clause.name == "join" {
            let stays = output
                .iter()
                .rposition(|lexeme| lexeme.is_significant() && !BEFORE_JOIN.iter().any(|word| lexeme.is_word(word)));
            output.truncate(stays.map_or(0, |stays| stays + 1));
            output.push(Lexeme::made(Kind::Space, " ", name.at));
        }
        // Only looked for where it is left out: a file may have many.
        end_of(clause, input, begun.unwrap_or(from))
    }
}

/// The place behind the words of a join that begins here, JOIN the last of them.
fn behind_join(input: &[Lexeme], from: usize) -> Option<usize> {
    let mut words = input.iter().enumerate().skip(from).filter(|(_, lexeme)| lexeme.is_significant());
    let (place, _) = words.find(|(_, lexeme)| !BEFORE_JOIN.iter().any(|word| lexeme.is_word(word)))?;
    input[place].is_word("join").then_some(place + 1)
}

/// The place where a clause ends: at a word or macro that begins another, or at the end of what is around it.
fn end_of(clause: Clause, input: &[Lexeme], from: usize) -> usize {
    let mut depth = 0_usize;
    for (index, lexeme) in input.iter().enumerate().skip(from) {
        match lexeme.kind {
            Kind::Symbol if matches!(lexeme.text.as_str(), "(" | "[" | "{") => depth += 1,
            Kind::Symbol if matches!(lexeme.text.as_str(), ")" | "]" | "}") => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return index,
            },
            Kind::Symbol if depth == 0 && clause.name == "join" && lexeme.text == "," => return index,
            Kind::Call if depth == 0 && keyword(&lexeme.text).is_some_and(|next| ends(clause, next.keyword)) => {
                return index;
            }
            Kind::Word if depth == 0 && is_sample(clause, input, index) => return index,
            // `left(…)` is a function, `a.limit` a column.
            Kind::Word
                if depth == 0
                    && ends(clause, &lexeme.text)
                    && !is_called(input, index)
                    && !input[index - 1].is_symbol(".") =>
            {
                return index;
            }
            _ => {}
        }
    }
    input.len()
}

fn ends(clause: Clause, text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    let (is_join, is_word) = (clause.name == "join", |word: &&&str| word.eq_ignore_ascii_case(first));
    let further = if is_join { AFTER_WHERE } else { &[] };
    // The sample of a table that is joined goes with it.
    clause.ends.iter().chain(further).find(is_word).is_some_and(|word| !(is_join && word.ends_with("sample")))
}

/// DuckDB's `USING SAMPLE`, which ends every clause; a join's own USING does not.
fn is_sample(clause: Clause, input: &[Lexeme], index: usize) -> bool {
    let next = || input[index + 1..].iter().find(|lexeme| lexeme.is_significant());
    clause.name != "with" && input[index].is_word("using") && next().is_some_and(|next| next.is_word("sample"))
}

fn is_called(input: &[Lexeme], index: usize) -> bool {
    input.get(index + 1).is_some_and(|next| next.is_symbol("("))
}
