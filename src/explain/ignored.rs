//! Edits that moved nothing, and variables whose values differ: what a person sees in the diff of a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::align::aligned;
use super::rows::both;
use super::{Compared, Ignored, IgnoredWhy, Variable};
use crate::ids::{FilePath, ModelName};
use crate::model::Model;
use crate::sql::{Dialect, Piece, Template, Token, TokenKind, tokenize};

/// Where the lines of a file differ though its model is the same. Where its metadata moved, only what stands below the
/// `MODEL` block.
pub(super) fn ignored(trees: &Compared<'_>, name: &ModelName, only_below_the_block: bool) -> Vec<Ignored> {
    let (Some(old), Some(new)) = (trees.before.models.get(name), trees.after.models.get(name)) else {
        return Vec::new();
    };
    let (Some(before), Some(after)) = ((trees.old_text)(&old.path), (trees.new_text)(&new.path)) else {
        return Vec::new();
    };
    let first = |model: &Model, text: &str| match only_below_the_block {
        true => model.query.as_ref().map_or(usize::MAX, |query| line_of(text, first_byte(query.template()))),
        false => 0,
    };
    let (old_first, new_first) = (first(old, &before), first(new, &after));
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let skipped = (old_first.min(before.len()), new_first.min(after.len()));
    let (old_lines, new_lines) = (&before[skipped.0..], &after[skipped.1..]);
    let mut found: Vec<Ignored> = Vec::new();
    let mut places = (skipped.0, skipped.1);
    let mut is_open = false;
    for (one, two) in aligned(old_lines, new_lines, |old, new| old == new) {
        let (one, two) = (one.map(|place| old_lines[place]), two.map(|place| new_lines[place]));
        if one == two {
            is_open = false;
        } else {
            if !is_open {
                let number = |place: usize| u32::try_from(place + 1).unwrap_or(u32::MAX);
                let (old, new) = ((number(places.0), Vec::new()), (number(places.1), Vec::new()));
                found.push(Ignored { why: IgnoredWhy::Notation, old, new });
                is_open = true;
            }
            if let Some(hunk) = found.last_mut() {
                hunk.old.1.extend(one.map(str::to_owned));
                hunk.new.1.extend(two.map(str::to_owned));
            }
        }
        places = (places.0 + usize::from(one.is_some()), places.1 + usize::from(two.is_some()));
    }
    for hunk in &mut found {
        hunk.why = why(&hunk.old.1.join("\n"), &hunk.new.1.join("\n"), new.dialect);
    }
    found
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset.min(text.len())).unwrap_or(text).matches('\n').count()
}

fn first_byte(template: &Template) -> usize {
    template.pieces().first().map_or(0, Piece::offset)
}

/// What tells two pieces of text apart that mean the same.
fn why(old: &str, new: &str, dialect: Dialect) -> IgnoredWhy {
    let (Ok(before), Ok(after)) = (tokenize(old, dialect), tokenize(new, dialect)) else {
        return IgnoredWhy::Notation;
    };
    let cut = |tokens: &[Token], keep: fn(&Token) -> bool, text: &str, fold: bool| -> Vec<String> {
        let kept = tokens.iter().filter(|token| keep(token));
        let shown = |token: &Token| match &token.kind {
            TokenKind::Word { value, quote: None } if fold => value.to_lowercase(),
            _ => text[token.range.clone()].to_owned(),
        };
        kept.map(shown).collect()
    };
    let same = |keep: fn(&Token) -> bool, fold: bool| cut(&before, keep, old, fold) == cut(&after, keep, new, fold);
    match () {
        () if same(|token| token.kind != TokenKind::Space, false) => IgnoredWhy::WhiteSpace,
        () if same(Token::is_significant, false) => IgnoredWhy::Comments,
        () if same(Token::is_significant, true) => IgnoredWhy::Case,
        () => IgnoredWhy::Notation,
    }
}

/// Variables of the configuration that the model uses on both sides and whose values differ.
pub(super) fn variables(trees: &Compared<'_>, name: &ModelName) -> Vec<Variable> {
    type Text<'t> = &'t dyn Fn(&FilePath) -> Option<String>;
    let used = |model: Option<&Model>, text: Text<'_>| -> BTreeMap<String, String> {
        let Some((model, text)) = model.and_then(|model| Some((model, text(&model.path)?))) else {
            return BTreeMap::new();
        };
        let templates = model.query.iter().map(|query| query.template());
        let templates = templates.chain(&model.pre_statements).chain(&model.post_statements);
        let values = templates.flat_map(Template::pieces).filter_map(|piece| match piece {
            Piece::Value { text: value, offset } => Some((macro_name(text.get(*offset..)?)?, value.clone())),
            _ => None,
        });
        values.collect()
    };
    let old = used(trees.before.models.get(name).map(Arc::as_ref), trees.old_text);
    let new = used(trees.after.models.get(name).map(Arc::as_ref), trees.new_text);
    let differing = both(old, new).filter(|(_, value)| value.old.is_some() && value.new.is_some());
    differing.map(|(name, value)| Variable { name, value }).collect()
}

/// `@name`, `@{name}` or `@VAR('name', …)` as it is written.
fn macro_name(text: &str) -> Option<String> {
    let body = text.strip_prefix('@')?;
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let end = match body.chars().next()? {
        '{' => body.find('}')? + 1,
        '\'' => body[1..].find('\'')? + 2,
        _ => {
            let word = body.find(|character| !is_name(character)).unwrap_or(body.len());
            let call = body[word..].starts_with('(').then(|| body[word..].find(')')).flatten();
            word + call.map_or(0, |close| close + 1)
        }
    };
    body.get(..end).map(|name| format!("@{name}"))
}
