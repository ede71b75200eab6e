//! The statements of `model_defaults`: they run before a model's own, both in front of its query and behind it, as SQLMesh
//! orders them.
//!
//! They are read by the same macros as a model's own and become part of the model, so that its data fingerprint holds
//! them. Their mistakes are told where they stand in the configuration, once for all models.

use super::file::{Expanded, Rules, mentions_of};
use super::macros::{self, Expander};
use super::properties::Scope;
use super::split;
use super::value::Source;
use crate::problem::{Positions, Problem};
use crate::settings::DefaultProperty;
use crate::sql::{Mentions, Template, tokenize};

/// Puts the defaults before the statements of a model, whose `MODEL` block is at a byte of its file.
pub(super) fn put(rules: &Rules, scope: Scope<'_>, at: usize, expanded: &mut Expanded, problems: &mut Vec<Problem>) {
    let lists = [(&rules.statements.before, &mut expanded.before), (&rules.statements.after, &mut expanded.after)];
    for (defaults, own) in lists {
        let mut all = Vec::new();
        each(rules, scope, (defaults, at), (&mut all, &mut expanded.mentions), problems);
        all.append(own);
        *own = all;
    }
}

fn each(
    rules: &Rules,
    scope: Scope<'_>,
    (defaults, at): (&Option<Vec<DefaultProperty>>, usize),
    (all, mentions): (&mut Vec<Template>, &mut Mentions),
    problems: &mut Vec<Problem>,
) {
    for (index, default) in defaults.iter().flatten().enumerate() {
        let positions = Positions::default();
        let source =
            Source { path: &rules.config, text: &default.text, positions: &positions, fixed: Some(default.place) };
        match one(Scope { source, ..scope }, (default, index + 1), mentions, problems) {
            Ok(template) => all.extend(template.map(|template| template.made_at(at))),
            Err(problem) => problems.push(*problem),
        }
    }
}

/// The defaults of statements for a model's view.
pub(super) fn of_views(rules: &Rules, scope: Scope<'_>, at: usize, problems: &mut Vec<Problem>) -> Vec<Template> {
    let mut shown = Expanded::default();
    each(rules, scope, (&rules.statements.shown, at), (&mut shown.after, &mut shown.mentions), problems);
    shown.after
}

/// One default; `None` where its macros leave nothing of it.
fn one(
    Scope { source, dialect, names, .. }: Scope<'_>,
    (default, number): (&DefaultProperty, usize),
    mentions: &mut Mentions,
    problems: &mut Vec<Problem>,
) -> Result<Option<Template>, Box<Problem>> {
    let refused = |message: String, help: &str| Box::new(source.error("invalid-statement", 0, message).help(help));
    if !macros::blocks(&default.text).is_empty() {
        let message = format!("default statement {number} has a Jinja block");
        return Err(refused(message, "write it with `@` macros, or in the models that need it"));
    }
    let tokens = tokenize(&default.text, dialect).map_err(|error| {
        let message = format!("default statement {number} cannot be cut into words: {}", error.message.to_lowercase());
        refused(message, "close the string, quoted name or comment")
    })?;
    let statements = split::statements(&tokens);
    let [statement] = statements.as_slice() else {
        let message = format!("default statement {number} holds {} statements, one is expected", statements.len());
        return Err(refused(message, "give a list with one statement in each item"));
    };
    let mut expander = Expander::new(source, dialect, names);
    if expander.define(statement) {
        let message = format!("`@DEF` in default statement {number} would hold nowhere else");
        return Err(refused(message, "write `@DEF` in the models that need it, or a variable in `variables`"));
    }
    let template = expander.statement(statement);
    problems.append(&mut expander.problems);
    if let Some(template) = &template {
        mentions.join(mentions_of(template, statement, dialect));
    }
    Ok(template)
}
