//! Temporary tables that are copies of a model's table (`CREATE TEMP TABLE p AS FROM s.m`): who reads such a copy reads the
//! model, column by column, as if its query named it. Everything else that a statement makes is hashed as it stands.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::{is_harmless, statement_tokens};
use crate::ids::ModelName;
use crate::model::{Kind, Model};
use crate::sql::{Dialect, Query, Relation, Splice, Template, Token, TokenKind};

type Models = BTreeMap<ModelName, Arc<Model>>;

/// A temporary table that holds what a model's table holds, in the same order.
struct Copied {
    /// Its name, folded.
    name: String,
    /// The model as the statement names it.
    of: String,
    /// The last part of that name, folded.
    table: String,
}

/// The model as it is analysed: its query over the tables that its statements copy, and without those statements. Never what
/// runs.
pub fn over_originals<'m>(model: &'m Model, models: &Models) -> Cow<'m, Model> {
    if model.pre_statements.is_empty() || model.dialect != Dialect::DuckDb || !matches!(model.kind, Kind::Full) {
        return Cow::Borrowed(model);
    }
    match model.query.as_ref().and_then(|query| without_copies(model, query, models)) {
        Some(analysed) => Cow::Owned(analysed),
        None => Cow::Borrowed(model),
    }
}

fn without_copies(model: &Model, query: &Query, models: &Models) -> Option<Model> {
    let is_readable = !query.is_unread() && !query.written().is_open();
    if !is_readable || query.failure().is_some() || query.reads_by_text() {
        return None;
    }
    let (mut copies, mut rest) = (Vec::new(), Vec::new());
    for statement in &model.pre_statements {
        match copy(statement, models) {
            Some(copied) => copies.push(copied),
            None => rest.push(statement.clone()),
        }
    }
    let beside: Vec<Vec<Token>> =
        rest.iter().chain(&model.post_statements).map(|one| statement_tokens(one, model.dialect)).collect();
    let is_plain = !copies.is_empty()
        && beside[..rest.len()].iter().all(|tokens| leaves_copies_alone(tokens, &copies))
        && copies.iter().enumerate().all(|(place, copied)| {
            // One that the query does not read must still be filled after the model that it is of.
            query.relations().iter().any(|relation| is_of(relation, copied))
                && !copies[..place].iter().any(|other| other.name == copied.name)
                && !beside.iter().any(|tokens| is_mentioned(tokens, &copied.name))
                && is_read_by_name(&query.tokens(), &copied.name)
        });
    if !is_plain {
        return None;
    }
    Some(Model {
        query: Some(Query::parse(over(query, &copies), model.dialect)),
        pre_statements: rest,
        ..model.clone()
    })
}

/// `CREATE TEMP TABLE name AS`, and all of a model's table behind it.
fn copy(statement: &Template, models: &Models) -> Option<Copied> {
    let text = statement.plain_text()?;
    let tokens = statement_tokens(statement, Dialect::DuckDb);
    let significant: Vec<&Token> =
        tokens.iter().filter(|token| token.is_significant() && !token.is_symbol(";")).collect();
    let [create, temporary, table, name, word, rest @ ..] = significant.as_slice() else { return None };
    let is_temporary = temporary.is_word("temp") || temporary.is_word("temporary");
    let TokenKind::Word { value, .. } = &name.kind else { return None };
    if !create.is_word("create") || !is_temporary || !table.is_word("table") || !word.is_word("as") {
        return None;
    }
    let rest = match rest {
        [open, inner @ .., close] if open.is_symbol("(") && close.is_symbol(")") => inner,
        rest => rest,
    };
    let named = match rest {
        [from, named @ ..] if from.is_word("from") => named,
        [select, star, from, named @ ..] if select.is_word("select") && star.is_symbol("*") && from.is_word("from") => {
            named
        }
        [select, columns, open, star, close, from, named @ ..]
            if select.is_word("select")
                && columns.is_word("columns")
                && open.is_symbol("(")
                && star.is_symbol("*")
                && close.is_symbol(")")
                && from.is_word("from") =>
        {
            named
        }
        _ => return None,
    };
    let is_part = |(place, token): (usize, &&Token)| match place % 2 {
        0 => matches!(token.kind, TokenKind::Word { .. }),
        _ => token.is_symbol("."),
    };
    if named.len() < 3 || named.len() % 2 == 0 || !named.iter().enumerate().all(is_part) {
        return None;
    }
    let of = text.get(named.first()?.range.start..named.last()?.range.end)?.to_owned();
    let read = Query::parse(Template::plain(format!("SELECT * FROM {of}")), Dialect::DuckDb);
    let [relation] = read.relations() else { return None };
    // A view may draw, and a copy has types where its columns have none yet.
    models.get(&relation.name).filter(|model| model.kind.name().has_table())?;
    let name = Dialect::DuckDb.fold_name(value, true);
    let is_free = !models.keys().any(|model| model.parts().len() == 1 && model.table().eq_ignore_ascii_case(&name));
    let table = relation.name.table().to_lowercase();
    is_free.then_some(Copied { name, of, table })
}

/// Whether copies have the very names, rows and order of what they were copied from beside such a statement. One that names that
/// may write it, between the copy and the query.
fn leaves_copies_alone(tokens: &[Token], copies: &[Copied]) -> bool {
    let mut significant = tokens.iter().filter(|token| token.is_significant());
    let (Some(verb), Some(what)) = (significant.next(), significant.next()) else { return false };
    let is_known = what.is_word("timezone") || what.is_word("integer_division");
    let creates = || verb.is_word("create") && !copies.iter().any(|copied| is_mentioned(tokens, &copied.table));
    is_harmless(tokens) || creates() || (verb.is_word("set") && is_known)
}

fn is_named(token: &Token, name: &str) -> bool {
    match &token.kind {
        TokenKind::Word { value, .. } => Dialect::DuckDb.is_name(value, name),
        TokenKind::String(text) => text.to_lowercase().contains(name),
        _ => false,
    }
}

fn is_mentioned(tokens: &[Token], name: &str) -> bool {
    tokens.is_empty() || tokens.iter().any(|token| is_named(token, name))
}

/// Whether a query names a copy by its bare name alone, and never asks where a row lies.
fn is_read_by_name(tokens: &[Token], name: &str) -> bool {
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    significant.iter().enumerate().all(|(place, token)| {
        let is_place = matches!(&token.kind, TokenKind::Word { value, .. } if value.eq_ignore_ascii_case("rowid"));
        let is_text = matches!(token.kind, TokenKind::String(_)) && is_named(token, name);
        let is_qualified = is_named(token, name) && place > 0 && significant[place - 1].is_symbol(".");
        !is_place && !is_text && !is_qualified
    })
}

fn is_of(relation: &Relation, copied: &Copied) -> bool {
    relation.name.parts() == [copied.name.as_str()]
}

/// The query with each copy's name replaced by what it was copied from.
fn over(query: &Query, copies: &[Copied]) -> Template {
    let splice = |relation: &Relation| {
        let copied = copies.iter().find(|copied| is_of(relation, copied))?;
        let alias = relation.implied_alias.as_ref().map_or(String::new(), |alias| format!(" AS {alias}"));
        Some(Splice { range: relation.range.clone(), replacement: format!("{}{alias}", copied.of) })
    };
    let mut splices: Vec<Splice> = query.relations().iter().filter_map(splice).collect();
    splices.sort_by_key(|splice| splice.range.start);
    query.template().with(&splices)
}
