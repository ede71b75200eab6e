//! Names of the output columns.

use std::collections::BTreeSet;

use super::subject::{Finding, Spot, Subject};
use crate::fingerprint::stated_names;
use crate::sql::{Projection, ProjectionItem};

/// `noambiguousprojections`: every output column has a name that can be told from the query, and no two are alike. As in
/// SQLMesh, the first SELECT of a set operation decides.
pub(super) fn no_ambiguous_projections(subject: &Subject<'_>) -> Result<Vec<Finding>, String> {
    let Some(parsed) = subject.parsed()? else { return Ok(Vec::new()) };
    let Some(select) = parsed.selects.first() else { return Ok(Vec::new()) };
    let mut findings = Vec::new();
    let (mut seen, mut told): (BTreeSet<&str>, BTreeSet<&str>) = Default::default();
    for Projection { item, offset, .. } in select {
        match item {
            ProjectionItem::Unnamed(text) => findings.push(Finding {
                spot: Spot::Query(*offset),
                message: format!("the column `{}` of `{}` has no name", short(text), subject.model.name),
                help: "give it one with `AS`".into(),
            }),
            ProjectionItem::Named(name) if !seen.insert(name) => {
                told.insert(name);
                findings.push(twice(subject, name, *offset));
            }
            ProjectionItem::Named(_) | ProjectionItem::Star | ProjectionItem::Chosen | ProjectionItem::Colon => {}
        }
    }
    if let Some(star) = select.iter().find(|projection| projection.item == ProjectionItem::Star) {
        let brought = alike(subject);
        let untold = brought.iter().filter(|name| !told.contains(name.as_str()));
        findings.extend(untold.map(|name| twice(subject, name, star.offset)));
    }
    Ok(findings)
}

/// Names that are there twice once stars are put out; none where a star stands for columns that nobody knows.
fn alike(subject: &Subject<'_>) -> BTreeSet<String> {
    let names = stated_names(subject.tree, subject.model).unwrap_or_default();
    let named = names.iter().filter(|name| name.origin.is_named());
    let (mut once, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for folded in named.map(|name| subject.model.dialect.fold_name(&name.text, true)) {
        if let Some(known) = once.replace(folded) {
            twice.insert(known);
        }
    }
    twice
}

fn twice(subject: &Subject<'_>, name: &str, offset: usize) -> Finding {
    Finding {
        spot: Spot::Query(offset),
        message: format!("`{}` has two columns named `{name}`", subject.model.name),
        help: "rename one of the two, or leave it out".into(),
    }
}

/// An expression as people recognise it.
fn short(text: &str) -> String {
    const LONGEST: usize = 40;
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match folded.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &folded[..end]),
        None => folded,
    }
}
