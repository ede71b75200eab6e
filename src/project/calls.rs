//! What the audits that a model asks for are: built in, or the project's own with the call's arguments in place; and what is
//! wrong with them.

use std::collections::BTreeMap;

use super::audits::{Audits, Definition, Standing};
use super::file::Rules;
use super::macros;
use super::value::Source;
use crate::audit::{Audit, AuditError, nearest_name, plain_name};
use crate::hash::{Digest, Hasher};
use crate::ids::FilePath;
use crate::model::{AuditCall, Kind, Model, OwnAudit, StandaloneAudit};
use crate::problem::{Positions, Problem, nearest};
use crate::sql::{Query, Template};
use crate::yaml::Place;

/// What a file says of audits.
#[derive(Clone, Debug, Default)]
pub(super) struct FileAudits {
    /// Where it asks for them; `None` where only the configuration does.
    pub(super) place: Option<Place>,
    /// Those that are defined in it, for its model alone.
    pub(super) inline: Audits,
}

/// What audits are found among.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) audits: &'a Audits,
    pub(super) rules: &'a Rules,
}

/// Whether the project has an audit that is called.
enum Found<'a> {
    Own(&'a Definition),
    /// It is written, and what is wrong with it was told.
    Broken,
    /// It may be built in.
    No,
}

impl Known<'_> {
    /// Puts its own audits into a model. Gives their digest, where there are any, and what is wrong with its calls.
    pub(super) fn link(self, model: &mut Model, file: &FileAudits) -> (Option<Digest>, Vec<Problem>) {
        let (mut problems, mut own, mut hasher) = (Vec::new(), BTreeMap::new(), None);
        // Audits of what is shown nowhere do not run, which was told.
        if matches!(model.kind, Kind::Embedded) {
            return (None, problems);
        }
        for (place, call) in model.properties.audits.iter().enumerate() {
            let told = match self.find(&call.name, file) {
                Found::Own(definition) => {
                    let (audit, told) = self.own(call, definition, (&model.path, file.place));
                    problems.extend(told);
                    hasher = Some(hasher.unwrap_or_else(|| Hasher::new("own audits")).digest(definition.digest()));
                    let wrong = Audit::own(call, &audit).err();
                    own.insert(place, audit);
                    wrong
                }
                Found::Broken => None,
                Found::No => Audit::read(call, model.dialect).err(),
            };
            // What the configuration asks for was told once, there.
            if let Some(error) = told.filter(|_| !self.rules.default_audits.contains(call)) {
                problems.push(self.problem(error, file, (&model.path, file.place)));
            }
        }
        let names = || model.properties.audits.iter().map(|call| call.name.as_str());
        let is_called = |inline: &&Definition| names().any(|name| [name, plain_name(name).0].contains(&&*inline.name));
        problems.extend(file.inline.by_name.values().filter(|inline| !is_called(inline)).map(uncalled));
        model.own_audits = own;
        (hasher.map(Hasher::finish), problems)
    }

    /// What is wrong with the audits that the configuration asks for.
    pub(super) fn defaults(self, path: &FilePath) -> Vec<Problem> {
        let place = self.rules.defaults.get("audits").map(|default| default.place);
        let file = FileAudits::default();
        let wrong = |call: &AuditCall| match self.find(&call.name, &file) {
            Found::No => Audit::read(call, self.rules.dialect.unwrap_or(crate::sql::Dialect::Generic)).err(),
            Found::Own(_) | Found::Broken => None,
        };
        let wrong = self.rules.default_audits.iter().filter_map(wrong);
        wrong.map(|error| self.problem(error, &file, (path, place))).collect()
    }

    /// The audits that belong to no model.
    pub(super) fn standalone(self, problems: &mut Vec<Problem>) -> Vec<StandaloneAudit> {
        let alone = self.audits.by_name.values().filter(|definition| definition.standing == Standing::Alone);
        let standalone = |definition: &Definition| {
            let call = AuditCall { name: definition.name.clone(), arguments: BTreeMap::new() };
            let (audit, told) = self.own(&call, definition, (&definition.path, None));
            problems.extend(told);
            StandaloneAudit { name: definition.name.clone(), audit }
        };
        alone.map(standalone).collect()
    }

    /// An inline audit wins over one of the project, and that over one that is built in.
    fn find<'f>(&'f self, name: &str, file: &'f FileAudits) -> Found<'f> {
        for name in [name, plain_name(name).0] {
            for audits in [&file.inline, self.audits] {
                match audits.by_name.get(name).filter(|known| known.standing == Standing::OfModels) {
                    Some(definition) => return Found::Own(definition),
                    None if audits.broken.iter().any(|broken| broken == name) => return Found::Broken,
                    None => {}
                }
            }
        }
        Found::No
    }

    fn problem(self, error: AuditError, file: &FileAudits, (path, place): (&FilePath, Option<Place>)) -> Problem {
        let message = error.to_string();
        let problem = match &error {
            AuditError::Argument { .. } => Problem::error("invalid-audit", message),
            AuditError::Unsupported { .. } => {
                Problem::warning("unsupported-audit", message).help("the model is built without it")
            }
            AuditError::Unknown { name } => self.unknown(name, message, file),
        };
        located(problem, path, place)
    }

    fn unknown(self, name: &str, message: String, file: &FileAudits) -> Problem {
        let problem = Problem::error("unknown-audit", message);
        if self.audits.by_name.get(name).is_some_and(|known| known.standing == Standing::Alone) {
            return problem.help(format!("`{name}` is standalone, so no model can ask for it"));
        }
        let known = self.audits.by_name.values().chain(file.inline.by_name.values());
        let own = known.filter(|known| known.standing == Standing::OfModels).map(|known| known.name.as_str());
        problem.help(match nearest_name(name, own) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "define it in a file of `audits/`, or remove it from the model".to_owned(),
        })
    }

    /// An own audit with the arguments of a call.
    fn own(
        self,
        call: &AuditCall,
        definition: &Definition,
        (path, place): (&FilePath, Option<Place>),
    ) -> (OwnAudit, Vec<Problem>) {
        let mut values = definition.defaults.clone();
        let given = call.arguments.iter().filter(|(name, _)| *name != "blocking");
        values.extend(given.map(|(name, value)| (name.clone(), value.clone())));
        let (template, mut problems) = self.expanded(definition, values);
        problems.extend(unused(call, definition).map(|problem| located(problem, path, place)));
        let query = Query::parse(template, definition.dialect);
        (OwnAudit { path: definition.path.clone(), weight: definition.weight, query }, problems)
    }

    fn expanded(self, definition: &Definition, _values: BTreeMap<String, String>) -> (Template, Vec<Problem>) {
        let positions = Positions::default();
        let source = Source { path: &definition.path, text: &definition.text, positions: &positions, fixed: None };
        let mut problems = Vec::new();
        let template =
            macros::expand(&source, &definition.query, definition.dialect, &self.rules.variables, &mut problems);
        (template, problems)
    }
}

fn located(problem: Problem, path: &FilePath, place: Option<Place>) -> Problem {
    let problem = problem.at(path);
    match place {
        Some(place) => problem.position(place.line, place.column),
        None => problem,
    }
}

fn uncalled(inline: &Definition) -> Problem {
    let message = format!("audit `{}` is defined here, and the model does not ask for it", inline.name);
    let problem = Problem::warning("unused-audit", message).at(&inline.path);
    let problem = problem.position(inline.place.line, inline.place.column);
    problem.help(format!("add `{}` to `audits` of the model: SQLMesh does not run it otherwise either", inline.name))
}

/// An argument that the audit's text does not name; SQLMesh passes it over.
fn unused(call: &AuditCall, definition: &Definition) -> Option<Problem> {
    let text = definition.query.first().zip(definition.query.last());
    let text = text.and_then(|(first, last)| definition.text.get(first.range.start..last.range.end))?.to_lowercase();
    let named = named(&text);
    let unused = call.arguments.keys().find(|name| *name != "blocking" && !named.contains(&name.as_str()))?;
    let message = format!("audit `{}` takes no `{unused}`", call.name);
    let problem = Problem::warning("unused-argument", message);
    let near = nearest(unused, named.iter().copied().filter(|name| *name != "this_model"));
    Some(problem.help(match near {
        Some(name) => format!("did you mean `{name}`?"),
        None => "its query does not name it".to_owned(),
    }))
}

/// The names after `@`, also in braces and strings.
fn named(text: &str) -> Vec<&str> {
    let word = |rest: &'_ str| rest.trim_start_matches('{').len();
    let mut names = Vec::new();
    for (at, _) in text.match_indices('@') {
        let rest = &text[at + 1..];
        let rest = &rest[rest.len() - word(rest)..];
        let end = rest.find(|sign: char| !(sign.is_alphanumeric() || sign == '_')).unwrap_or(rest.len());
        names.push(&rest[..end]);
    }
    names
}
