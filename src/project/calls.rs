//! What the audits that a model asks for are: built in, or the project's own with the call's arguments in place; and what is
//! wrong with them.

use std::collections::BTreeMap;

use super::audits::{Audits, Definition, Standing, Written};
use super::blueprint::Blueprint;
use super::file::Rules;
use super::macros::{Columns, Expander, Jinja, Names};
use super::value::Source;
use crate::audit::{Audit, AuditError, THIS_MODEL, nearest_name, plain_name};
use crate::hash::{Digest, Hasher};
use crate::ids::FilePath;
use crate::model::{AuditCall, Kind, KindName, Model, OwnAudit, StandaloneAudit};
use crate::problem::{Problem, nearest};
use crate::sql::{Dialect, Piece, Query, Template};
use crate::yaml::Place;

/// What a file says of audits.
#[derive(Clone, Debug, Default)]
pub(super) struct FileAudits {
    /// Where it asks for them; `None` where only the configuration does.
    pub(super) place: Option<Place>,
    /// Those that are defined in it, for its model alone.
    pub(super) inline: Audits,
    /// The names of the model's blueprint, which its audits may use too.
    pub(super) locals: Blueprint,
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
            let by = Caller { path: &model.path, place: file.place, kind: Some(model.kind.name()), file };
            let called = self.called(call, (model.dialect, &by));
            problems.extend(called.in_audit);
            // What the configuration asks for was told once, there.
            if !self.rules.default_audits.contains(call) {
                problems.extend(called.in_call);
            }
            if let Some((definition, audit)) = called.own {
                hasher = Some(hasher.unwrap_or_else(|| Hasher::new("own audits")).digest(definition));
                own.insert(place, audit);
            }
        }
        let names = || model.properties.audits.iter().map(|call| call.name.as_str());
        let is_called = |inline: &&Definition| names().any(|name| [name, plain_name(name).0].contains(&&*inline.name));
        let inline = file.inline.by_name.values().filter(|inline| inline.standing == Standing::OfModels);
        problems.extend(inline.filter(|inline| !is_called(inline)).map(uncalled));
        model.own_audits = own;
        (hasher.map(Hasher::finish), problems)
    }

    /// What is wrong with the audits that the configuration asks for.
    pub(super) fn defaults(self, path: &FilePath) -> Vec<Problem> {
        let place = self.rules.defaults.get("audits").map(|default| default.place);
        let by = Caller { path, place, kind: None, file: &FileAudits::default() };
        let dialect = self.rules.dialect.unwrap_or(Dialect::Generic);
        let wrong = self.rules.default_audits.iter().flat_map(|call| self.called(call, (dialect, &by)).in_call);
        wrong.collect()
    }

    /// The audits that belong to no model.
    pub(super) fn standalone(self, problems: &mut Vec<Problem>) -> Vec<StandaloneAudit> {
        let alone = self.audits.by_name.values().filter(|definition| definition.standing == Standing::Alone);
        let standalone = |definition: &Definition| {
            let (template, told) = self.expanded(definition, (&definition.defaults, None));
            problems.extend(told);
            StandaloneAudit { name: definition.name.clone(), audit: made(definition, template) }
        };
        alone.map(standalone).collect()
    }

    /// What a call means.
    fn called(self, call: &AuditCall, (dialect, by): (Dialect, &Caller<'_>)) -> Called {
        let mut called = Called::default();
        let wrong = match self.find(&call.name, by.file) {
            Found::Own(definition) => {
                let audit = self.own(call, definition, by, &mut called);
                let wrong = Audit::own(call, &audit).err();
                called.own = Some((definition.digest(), audit));
                wrong
            }
            Found::Broken => None,
            Found::No => Audit::read(call, dialect).err(),
        };
        called.in_call.extend(wrong.map(|error| self.problem(error, by)));
        called
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

    fn problem(self, error: AuditError, by: &Caller<'_>) -> Problem {
        let message = error.to_string();
        by.located(match &error {
            AuditError::Argument { .. } => Problem::error("invalid-audit", message),
            AuditError::Unsupported { .. } => {
                Problem::warning("unsupported-audit", message).help("the model is built without it")
            }
            AuditError::Unknown { name } => self.unknown(name, message, by.file),
        })
    }

    fn unknown(self, name: &str, message: String, file: &FileAudits) -> Problem {
        if self.audits.by_name.get(name).is_some_and(|known| known.standing == Standing::Alone) {
            let message = format!("audit `{name}` is standalone, so no model can ask for it");
            let problem = Problem::error("unknown-audit", message);
            return problem.help("take it out of `audits`, or `standalone` out of the audit");
        }
        let problem = Problem::error("unknown-audit", message);
        let known = self.audits.by_name.values().chain(file.inline.by_name.values());
        let own = known.filter(|known| known.standing == Standing::OfModels).map(|known| known.name.as_str());
        problem.help(match nearest_name(name, own) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "define it in a file of `audits/`, or remove it from the model".to_owned(),
        })
    }

    /// An own audit with the arguments of a call.
    fn own(self, call: &AuditCall, definition: &Definition, by: &Caller<'_>, called: &mut Called) -> OwnAudit {
        let mut values = by.file.locals.clone();
        values.extend(definition.defaults.clone());
        let given = call.arguments.iter().filter(|(name, _)| *name != "blocking");
        values.extend(given.map(|(name, value)| (name.clone(), value.clone())));
        let (template, problems) = self.expanded(definition, (&values, by.kind));
        // A name that nobody knows is an argument that the call does not give.
        for problem in problems {
            let is_it = |name: &&&str| problem.message.starts_with(&format!("`@{name}` "));
            match definition.named().iter().find(is_it) {
                Some(name) => called.in_call.push(by.located(missing(call, name, definition))),
                None => called.in_audit.push(problem),
            }
        }
        called.in_call.extend(unused(call, definition).map(|problem| by.located(problem)));
        made(definition, template)
    }

    fn expanded(
        self,
        definition: &Definition,
        (values, kind): (&BTreeMap<String, String>, Option<KindName>),
    ) -> (Template, Vec<Problem>) {
        let Written { text, blocks, masked, positions, .. } = &*definition.written;
        let source = Source { path: &definition.path, text: masked, positions, fixed: None };
        let jinja = Jinja { text, blocks, definitions: &self.rules.jinja };
        let names = Names {
            variables: &self.rules.variables,
            locals: values,
            gateway: self.rules.gateway.as_deref(),
            catalog: self.rules.catalog.as_ref(),
            kind: kind.map(KindName::text),
            this_model: (definition.standing == Standing::OfModels).then_some(THIS_MODEL),
            columns: Columns::Never,
            python: &self.rules.python,
        };
        let mut expander = Expander::new(source, definition.dialect, names).with_jinja(jinja);
        for statement in &definition.macros {
            if !expander.define(statement) {
                let offset = statement.first().map_or(0, |first| first.range.start);
                let problem =
                    source.error("unsupported-block", offset, "only `@DEF` may stand before an audit's query");
                expander.problems.push(problem.help("make it a part of the query"));
            }
        }
        let template = expander.query(&definition.query).unwrap_or_default();
        (template, expander.problems)
    }
}

/// Who asks for an audit.
struct Caller<'a> {
    path: &'a FilePath,
    place: Option<Place>,
    kind: Option<KindName>,
    file: &'a FileAudits,
}

/// What came of a call.
#[derive(Default)]
struct Called {
    /// The project's own audit, with its definition's digest.
    own: Option<(Digest, OwnAudit)>,
    /// What is wrong where the audit is written.
    in_audit: Vec<Problem>,
    /// What is wrong where it is asked for.
    in_call: Vec<Problem>,
}

impl Caller<'_> {
    fn located(&self, problem: Problem) -> Problem {
        let problem = problem.at(self.path);
        match self.place {
            Some(place) => problem.position(place.line, place.column),
            None => problem,
        }
    }
}

fn made(definition: &Definition, template: Template) -> OwnAudit {
    let query = Query::parse(qualified(&template), definition.dialect);
    OwnAudit { path: definition.path.clone(), weight: definition.weight, query }
}

/// With the alias that the model's rows have for `@this_model` before a column: these may be those of a query.
fn qualified(template: &Template) -> Template {
    let pieces = template.pieces();
    let is_before_column = |place: usize| match pieces.get(place + 1) {
        Some(Piece::Source { text, .. } | Piece::Value { text, .. }) => text.starts_with('.'),
        _ => false,
    };
    let piece = |(place, piece): (usize, &Piece)| match piece {
        Piece::This { offset, .. } if is_before_column(place) => {
            Piece::Value { text: "this_model".to_owned(), offset: *offset }
        }
        other => other.clone(),
    };
    Template::new(pieces.iter().enumerate().map(piece).collect())
}

fn missing(call: &AuditCall, name: &str, definition: &Definition) -> Problem {
    let problem =
        Problem::error("invalid-audit", format!("audit `{}` needs `{} := …`", call.name, name.to_lowercase()));
    let (path, line) = (&definition.path, definition.place.line);
    problem.help(format!("`{path}` line {line} names `@{name}`: give it here, or in `defaults` there"))
}

fn uncalled(inline: &Definition) -> Problem {
    let message = format!("audit `{}` is defined here, and the model does not ask for it", inline.name);
    let problem = Problem::warning("unused-audit", message).at(&inline.path);
    let problem = problem.position(inline.place.line, inline.place.column);
    problem.help(format!("add `{}` to `audits` of the model: SQLMesh does not run it otherwise either", inline.name))
}

/// An argument that the audit's text does not name; SQLMesh passes it over.
fn unused(call: &AuditCall, definition: &Definition) -> Option<Problem> {
    if definition.is_jinja() {
        return None;
    }
    let named = definition.named();
    let is_named = |name: &str| named.iter().any(|other| other.eq_ignore_ascii_case(name));
    let is_unused = |name: &&String| *name != "blocking" && !is_named(name);
    let unused = call.arguments.keys().find(is_unused)?;
    let problem = Problem::warning("unused-argument", format!("audit `{}` takes no `{unused}`", call.name));
    let near = nearest(unused, named.iter().copied().filter(|name| *name != "this_model"));
    Some(problem.help(match near {
        Some(name) => format!("did you mean `{name}`?"),
        None => "remove it: the query of the audit does not name it".to_owned(),
    }))
}
