//! Small changes of a query's text, token by token: deleted, replaced by its like, swapped with the next.

use std::collections::BTreeSet;

use offshoot::sql::{Dialect, Query, Template, Token, TokenKind};

use crate::corpus::TABLES;

/// One way to write a query otherwise: what was done, and the text.
pub(crate) struct Mutation {
    pub(crate) what: String,
    pub(crate) sql: String,
}

fn with_token(sql: &str, tokens: &[&Token], index: usize, replacement: &str) -> String {
    let range = &tokens[index].range;
    format!("{} {replacement} {}", &sql[..range.start], &sql[range.end..])
}

fn closing(tokens: &[&Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth -= 1;
            if depth == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// Words that may stand for one another, so that a change is more than a mistake.
const KIN: &[&[&str]] = &[
    &["left", "right", "full", "inner", "semi", "anti", "cross"],
    &["union", "except", "intersect"],
    &["asc", "desc"],
    &["first", "last"],
    &["and", "or"],
    &["sum", "min", "max", "avg", "count"],
    &["rank", "dense_rank", "row_number", "percent_rank"],
    &["rows", "range", "groups"],
    &["preceding", "following"],
    &["rollup", "cube"],
    &["like", "ilike"],
    &["any", "all"],
    &["true", "false", "null"],
    &["integer", "varchar", "double", "bigint", "decimal"],
    &["ignore", "respect"],
    &["both", "leading", "trailing"],
    &["day", "month", "year"],
    &["t", "u", "w"],
];

const SYMBOLS: &[&[&str]] =
    &[&["+", "-", "*", "/", "//", "%", "||"], &["<", ">", "=", "<=", "<>"], &["&", "|", "<<"], &["->", "=>"]];

pub(crate) fn mutations(sql: &str, dialect: Dialect) -> Vec<Mutation> {
    let query = Query::parse(Template::plain(sql), dialect);
    let all = query.tokens();
    let tokens: Vec<&Token> = all.iter().filter(|token| token.is_significant()).collect();
    let text = |index: usize| sql[tokens[index].range.clone()].to_owned();
    let names: BTreeSet<&str> = TABLES.iter().flat_map(|(_, columns)| columns.iter().map(|(name, _)| *name)).collect();
    let mut mutations = Vec::new();
    let mut add = |what: String, sql: String| mutations.push(Mutation { what, sql });
    for (index, token) in tokens.iter().enumerate() {
        add(format!("delete {}", text(index).to_lowercase()), with_token(sql, &tokens, index, ""));
        let mut replacements: Vec<String> = Vec::new();
        match &token.kind {
            TokenKind::Number(number) => replacements.extend([format!("{number}1"), "0".into()]),
            TokenKind::String(string) => replacements.extend([string.replacen('\'', "'q", 1), "'b'".into()]),
            TokenKind::Word { value, .. } => {
                let lower = value.to_lowercase();
                let kin = KIN.iter().find(|kin| kin.contains(&lower.as_str()));
                let others = kin.into_iter().flat_map(|kin| kin.iter()).filter(|other| **other != lower);
                replacements.extend(others.map(|other| (*other).to_owned()));
                if names.contains(lower.as_str()) {
                    replacements.extend(
                        ["id", "x", "g", "pid", "y"].into_iter().filter(|name| *name != lower).map(String::from),
                    );
                }
                if lower == "select" {
                    replacements.push("SELECT DISTINCT".into());
                }
                if lower == "not" || lower == "where" || lower == "on" || lower == "when" || lower == "having" {
                    replacements.push(format!("{value} NOT"));
                }
            }
            TokenKind::Symbol(symbol) => {
                let kin = SYMBOLS.iter().find(|kin| kin.contains(&symbol.as_str()));
                let others = kin.into_iter().flat_map(|kin| kin.iter()).filter(|other| **other != symbol);
                replacements.extend(others.map(|other| (*other).to_owned()));
                if symbol == "("
                    && let Some(close) = closing(&tokens, index)
                {
                    let inner = &sql[token.range.end..tokens[close].range.start];
                    let around = (&sql[..token.range.start], &sql[tokens[close].range.end..]);
                    add("delete ( )".into(), format!("{} {inner} {}", around.0, around.1));
                }
            }
            _ => {}
        }
        for replacement in replacements.into_iter().filter(|replacement| *replacement != text(index)) {
            add(
                format!("{} to {}", text(index).to_lowercase(), replacement.to_lowercase()),
                with_token(sql, &tokens, index, &replacement),
            );
        }
        if index + 1 < tokens.len() && !token.is_symbol(",") {
            let (one, two) = (token.range.clone(), tokens[index + 1].range.clone());
            add(
                "swap".into(),
                format!("{} {} {} {}", &sql[..one.start], text(index + 1), text(index), &sql[two.end..]),
            );
        }
        if token.is_symbol(".") && index > 0 {
            let qualifier = tokens[index - 1].range.start;
            add("delete qualifier".into(), format!("{} {}", &sql[..qualifier], &sql[token.range.end..]));
        }
    }
    mutations
}
