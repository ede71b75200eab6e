//! One model file: from its text to a model and its problems, as a function of the text, the path and the defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audits;
use super::blueprint::{self, Blueprint};
use super::calls::FileAudits;
use super::column_comments::column_comments;
use super::default_statements;
use super::elsewhere;
use super::kind;
use super::macros::{self, Columns, Expander, Jinja, NO_LOCALS, Names};
use super::name::sniff_dialect;
use super::of_kind::{refused_history, without_session};
use super::properties::{self, Header, Scope};
use super::python::PythonMacros;
use super::quick;
use super::split::{self, Parts};
use super::stored::UNSET;
use super::value::Source;
use super::virtual_update;
use crate::hash::{Digest, Hasher};
use crate::ids::{FilePath, ModelName};
use crate::model::{AuditCall, ColumnChanges, Kind, Model, Past};
use crate::problem::{Positions, Problem, nearest};
use crate::settings::{DefaultStatements, ModelDefaults, ModelNaming};
use crate::sql::{DefaultCatalog, Dialect, Mentions, Piece, Query, Template, Token, names_within, tokenize};
use crate::yaml::{self, Place};

/// Everything besides text and path that a file's parsing depends on.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) dialect: Option<Dialect>,
    pub(super) defaults: ModelDefaults,
    /// Statements that models get around their queries.
    pub(super) statements: DefaultStatements,
    /// The file that the defaults stand in.
    pub(super) config: FilePath,
    pub(super) variables: BTreeMap<String, yaml::Value>,
    pub(super) naming: ModelNaming,
    pub(super) time_format: Option<String>,
    /// Which changes of kept columns are taken where a kind does not say it.
    pub(super) changes: ColumnChanges,
    pub(super) gateway: Option<String>,
    /// The catalog in which names of two parts are, where it is known.
    pub(super) catalog: Option<DefaultCatalog>,
    /// The audits that `defaults` ask for.
    pub(super) default_audits: Vec<AuditCall>,
    /// The Jinja macros of `macros/*.sql`.
    pub(super) jinja: String,
    /// The macros of `macros/*.py`.
    pub(super) python: PythonMacros,
}

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub(super) struct ParsedFile {
    /// The model's name and place, also where the model itself cannot be loaded.
    pub(super) name: Option<(ModelName, Place)>,
    /// The model; a seed still lacks its file's contents.
    pub(super) model: Option<Model>,
    /// A seed's path as written, with its place.
    pub(super) seed: Option<(String, Place)>,
    /// Each name of `depends_on`, with its place; what the query reads is only known when it is parsed.
    pub(super) references: Vec<(ModelName, Place)>,
    /// What it says of audits.
    pub(super) audits: FileAudits,
    /// The tables whose columns its macros ask for. Where nothing is known of them yet, the rest is of no use.
    pub(super) wanted: BTreeSet<ModelName>,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// The other models of the same definition.
    pub(super) more: Vec<Self>,
}

impl Rules {
    /// The names that macros know, with those that hold SQL.
    pub(super) fn names<'a>(&'a self, locals: &'a Blueprint) -> Names<'a> {
        let (gateway, catalog) = (self.gateway.as_deref(), self.catalog.as_ref());
        Names { locals, gateway, catalog, python: &self.python, ..Names::over(&self.variables) }
    }

    /// A digest of the rules, for the key of a cache.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("project rules").option(self.dialect.map(Dialect::name));
        hasher = hasher.number(self.defaults.len() as u64);
        for (key, default) in &self.defaults {
            hasher = hasher.text(key).text(&default.text);
        }
        // Their mistakes are told where they stand.
        for statements in [&self.statements.before, &self.statements.after, &self.statements.shown] {
            let statements = statements.as_deref().unwrap_or_default();
            hasher = hasher.number(statements.len() as u64);
            for statement in statements {
                hasher = hasher.text(&statement.text).number(statement.place.line.into());
                hasher = hasher.number(statement.place.column.into());
            }
        }
        hasher = hasher.text(self.config.as_str());
        hasher = hasher.number(self.variables.len() as u64);
        for (name, value) in &self.variables {
            // Only told apart from one another, in one process: the debug form does.
            hasher = hasher.text(name).text(&format!("{value:?}"));
        }
        hasher = hasher.text(if self.naming == ModelNaming::Inferred { "inferred" } else { "declared" });
        hasher = hasher.option(self.time_format.as_deref()).option(self.gateway.as_deref());
        hasher = DefaultCatalog::hash(self.catalog.as_ref(), hasher).text(&self.jinja);
        self.python.content().into_iter().fold(hasher, Hasher::digest).finish()
    }
}

/// Parses one file below `models/`, with what is known of the columns of other tables.
pub(super) fn parse(path: &FilePath, text: &str, rules: &Rules, columns: Columns<'_>) -> ParsedFile {
    let mut file = ParsedFile::default();
    let positions = Positions::default();
    let source = Source { path, text, positions: &positions, fixed: None };
    if let Some(offset) = text.find('\0') {
        file.problems.push(source.nul(offset));
        return file;
    }
    let (dialect, dialect_problem) = dialect_of(&source, rules);
    let (blocks, plain) = macros::plain(text, dialect);
    let jinja = Jinja { text, blocks: &blocks, definitions: &rules.jinja };
    let text = plain.as_ref();
    let source = Source { text, ..source };
    let cut = quick::cut(text, dialect).filter(|_| blocks.is_empty());
    let tokens = match tokenize(cut.as_ref().map_or(text, |cut| &text[..cut.header]), dialect) {
        Ok(tokens) => split::macros_apart(tokens, text),
        Err(error) => {
            file.problems.push(untokenized(&source, error.offset, &error.message));
            return file;
        }
    };
    let mut parts = split::split(&source, &tokens, &mut file.problems);
    // As SQLMesh has it: where its path is its name, a query alone is a model.
    if rules.naming == ModelNaming::Inferred && !parts.open_header && parts.query.is_some() {
        parts.header.get_or_insert_default();
    }
    let Some((header, offset)) = parts.header else {
        if !parts.open_header && tokens.iter().any(Token::is_significant) {
            file.problems.push(no_header(&source, &tokens));
        }
        return file;
    };
    file.problems.extend(dialect_problem);
    let names = rules.names(&NO_LOCALS);
    let scope = Scope { source, dialect, time_format: rules.time_format.as_deref(), changes: rules.changes, names };
    let each = blueprint::blueprints(&scope, header, offset, &mut file.problems);
    let mut body = Body { parts, cut, jinja, columns };
    let mut models = each.iter().map(|locals| {
        let scope = Scope { names: rules.names(locals), ..scope };
        // What was cut has no macros, and so no blueprints.
        let body = Body { cut: body.cut.take(), ..body.clone() };
        model(&scope, &tokens, body, rules)
    });
    let Some(mut first) = models.next() else { return file };
    first.more = models.collect();
    let of_more: Vec<ModelName> = first.more.iter().flat_map(|more| more.wanted.iter().cloned()).collect();
    first.wanted.extend(of_more);
    first.problems.splice(0..0, file.problems);
    first
}

/// One model of the file.
fn model(scope: &Scope<'_>, tokens: &[Token], body: Body<'_>, rules: &Rules) -> ParsedFile {
    let Scope { source, dialect, .. } = *scope;
    let mut file = ParsedFile::default();
    let (header, offset) = body.parts.header.unwrap_or_default();
    let mut header = properties::read(scope, header, offset, &mut file.problems);
    apply_defaults(scope, rules, &mut header, &mut Vec::new());
    if header.disabled {
        return ParsedFile { problems: Vec::new(), ..file };
    }
    check_unit(&source, &header, offset, &mut file.problems);
    file.name = name_of(&source, &header, rules, dialect, offset, &mut file.problems);
    file.references = header
        .properties
        .depends_on
        .iter()
        .map(|name| (name.clone(), place_of(&source, &header, "depends_on")))
        .collect();
    file.audits.place = header.given.get("audits").map(|offset| source.place(*offset));
    file.audits.locals.clone_from(scope.names.locals);
    let (written, inline) = (body.jinja.text, body.parts.audits.as_slice());
    file.audits.inline = audits::inline((&source, written), inline, dialect, &mut file.problems);
    let known = elsewhere::Known::of(&header, dialect, &file.problems);
    let file = finish(scope, tokens, body, header, (file, rules));
    elsewhere::table(scope, written, file, known, rules)
}

/// What follows the header: its statements as tokens, or the query alone where it was cut without.
#[derive(Clone)]
struct Body<'a> {
    parts: Parts<'a>,
    cut: Option<quick::Cut>,
    jinja: Jinja<'a>,
    columns: Columns<'a>,
}

/// Puts the statements to the header.
fn finish(
    scope: &Scope<'_>,
    tokens: &[Token],
    Body { parts, cut, jinja, columns }: Body<'_>,
    mut header: Header,
    (mut file, rules): (ParsedFile, &Rules),
) -> ParsedFile {
    let Scope { source, dialect, .. } = *scope;
    // A seed whose kind is refused has no query either.
    let may_be_seed = matches!(header.kind, Some(Err(_)));
    let kind = match header.kind {
        Some(Ok(kind)) => Some(kind),
        Some(Err(_)) => None,
        None => Some(super::kind::ParsedKind { kind: Kind::View, seed_path: None, auto_restatement: None }),
    };
    let problems = &mut file.problems;
    let is_seed = kind.as_ref().is_some_and(|kind| kind.seed_path.is_some());
    let (pre_statements, post_statements) =
        if is_seed { split::seed_statements(parts.before, parts.after) } else { (parts.before, parts.after) };
    let is_shown = !matches!(kind.as_ref().map(|kind| &kind.kind), Some(Kind::Embedded | Kind::External));
    // As in SQLMesh; those of `model_defaults` are for other models.
    let has_own = header.properties.audits.len() > rules.default_audits.len();
    if let Some(offset) = header.given.get("audits").filter(|_| !is_shown && has_own) {
        let problem =
            source.error("unsupported-audit", *offset, "an EMBEDDED model has no audits: it is shown nowhere");
        problems.push(problem.help("audit a model that reads it"));
    }
    // Where the name is wrong that is told already.
    let this_model = file.name.as_ref().map_or_else(|| "this_model".to_owned(), |(name, _)| name.to_string());
    let names =
        Names { kind: kind.as_ref().map(|kind| kind.kind.name().text()), this_model: Some(&this_model), ..scope.names };
    let (at, shown) = (parts.header.map_or(0, |(_, offset)| offset), parts.shown);
    let mut expander = Expander::new(source, dialect, Names { columns, ..names }).with_jinja(jinja);
    let written = Written { before: pre_statements, query: parts.query, after: post_statements };
    let mut expanded = expanded(&mut expander, written, dialect);
    let of_file = (&Scope { names, ..*scope }, rules);
    let model_kind = kind.as_ref().map(|kind| &kind.kind);
    let on_virtual_update = virtual_update::read(&shown, of_file, (&mut expander, at), model_kind, problems);
    problems.append(&mut expander.problems);
    file.wanted = std::mem::take(&mut expander.wanted);
    let is_unexpanded = |problem: &Problem| ["unknown-macro", "python-macro"].contains(&problem.code);
    let is_expanded = !problems.iter().any(is_unexpanded);
    // What is left of a query that could not be written out is no statement.
    let statements = expanded.before.iter().chain(&expanded.after).filter(|_| is_expanded);
    let first = statements.filter_map(|statement| statement.pieces().first()).map(Piece::offset).min();
    if let (Some(offset), Some(name)) = (first, kind.as_ref().and_then(|kind| without_session(&kind.kind))) {
        let message = format!("the statements around the query of {name} do not run: nothing is filled for it");
        let problem = source.warning("statements-not-run", offset, message);
        problems.push(problem.help("make it FULL, or move the statements to a model that reads it"));
    }
    if kind.as_ref().is_some_and(|kind| without_session(&kind.kind).is_none()) {
        default_statements::put(rules, Scope { names, ..*scope }, at, &mut expanded, problems);
    }
    header.properties.depends_on.iter().for_each(|name| expanded.mentions.add_name(name));
    let end_of_query = match &cut {
        Some(cut) => cut.query.as_ref().map(|query| query.end),
        None => parts.query.and_then(<[Token]>::last).map(|last| last.range.end),
    };
    if let Some(cut) = cut {
        let named = rules.catalog.as_ref().filter(|catalog| cut.mentions.has_word(&catalog.name));
        expanded.query = cut.template(source.text).map(|query| names_within(query, named, dialect));
        expanded.mentions.join(cut.mentions);
    }
    let Expanded { before: pre_statements, query, after: post_statements, mentions } = expanded;
    if !header.given.contains_key("column_descriptions")
        && let Some(template) = &query
    {
        let behind = &source.text[end_of_query.unwrap_or(source.text.len())..];
        header.properties.column_descriptions = column_comments(&template.text(), behind, dialect);
    }
    let query = query.map(|template| Query::of_model(template, dialect));
    let of_kind = (kind.as_ref().map(|kind| &kind.kind), query.as_ref());
    problems.extend(refused_history(&scope.source, of_kind, (&header.properties, at)));
    let unknown_macro = || problems.iter().any(is_unexpanded);
    let hidden = parts.macro_statement && unknown_macro();
    let end = tokens.last().map_or(0, |token| token.range.start);
    match (&query, is_seed) {
        (Some(query), true) => {
            let offset = query.written().source_offset(0);
            let problem = source.error("seed-with-query", offset, "a SEED model has no query");
            file.problems.push(problem.help("remove the query, or give the model another kind"));
        }
        (None, false) if !hidden && !may_be_seed => {
            let problem = source.error("missing-query", end, "the model has no query");
            file.problems.push(problem.help("write one SELECT after the `MODEL (…);` block"));
        }
        _ => {}
    }
    let complete = query.is_some() || is_seed;
    if let (Some(kind), Some((name, _)), true) = (kind, &file.name, complete) {
        file.seed = kind.seed_path.map(|(path, offset)| (path, source.place(offset)));
        let mut properties = header.properties;
        if properties.description.is_none() {
            properties.description = parts.comment;
        }
        file.model = Some(Model {
            name: name.clone(),
            path: source.path.clone(),
            kind: kind.kind,
            dialect,
            query: if is_seed { None } else { query },
            pre_statements,
            post_statements,
            on_virtual_update,
            properties: Arc::new(properties),
            mentions: Arc::new(mentions),
            own_audits: Default::default(),
            source: *UNSET,
        });
    }
    file
}

/// The statements of a file as they are written.
struct Written<'a> {
    before: Statements<'a>,
    query: Option<&'a [Token]>,
    after: Statements<'a>,
}

/// The same without macros, with all that they may name.
#[derive(Default)]
pub(super) struct Expanded {
    pub(super) before: Vec<Template>,
    query: Option<Template>,
    pub(super) after: Vec<Template>,
    pub(super) mentions: Mentions,
}

/// Takes the macros out. `@DEF` holds for the whole file; where no query is written a macro may stand for it.
fn expanded(expander: &mut Expander<'_>, written: Written<'_>, dialect: Dialect) -> Expanded {
    let Written { mut before, query, mut after } = written;
    before.retain(|statement| !expander.define(statement));
    after.retain(|statement| !expander.define(statement));
    let mut expanded = Expanded::default();
    for statement in before {
        let Some(template) = expander.statement(statement) else { continue };
        expanded.mentions.join(mentions_of(&template, statement, dialect));
        match &expanded.query {
            None if query.is_none() && split::is_macro(statement) && is_query(&template, dialect) => {
                expanded.query = expander.query(statement);
            }
            None => expanded.before.push(template),
            Some(_) => expanded.after.push(template),
        }
    }
    if let Some(statement) = query {
        let template = expander.query(statement).unwrap_or_default();
        expanded.mentions.join(mentions_of(&template, statement, dialect));
        expanded.query = Some(template);
    }
    for statement in after {
        let Some(template) = expander.statement(statement) else { continue };
        expanded.mentions.join(mentions_of(&template, statement, dialect));
        expanded.after.push(template);
    }
    expanded
}

fn is_query(template: &Template, dialect: Dialect) -> bool {
    split::is_query(&tokenize(&template.text(), dialect).unwrap_or_default())
}

/// What a statement may name, macros expanded.
pub(super) fn mentions_of(template: &Template, written: &[Token], dialect: Dialect) -> Mentions {
    match template.plain_text() {
        Some(_) => Mentions::of(written.iter()),
        None => Mentions::of(tokenize(&template.text(), dialect).unwrap_or_default().iter()),
    }
}

type Statements<'a> = Vec<&'a [Token]>;

fn dialect_of(source: &Source<'_>, rules: &Rules) -> (Dialect, Option<Problem>) {
    let Some(written) = sniff_dialect(source.text) else {
        let problem = || {
            let problem =
                source.error("missing-dialect", 0, "the model names no dialect, and the configuration has none");
            problem.help("add `model_defaults: {dialect: duckdb}`, or the dialect of your warehouse, to `config.yaml`")
        };
        return (rules.dialect.unwrap_or(Dialect::Generic), rules.dialect.is_none().then(problem));
    };
    match Dialect::from_name(&written) {
        Some(dialect) => (dialect, None),
        None => {
            let offset = source.text.find(&written).unwrap_or(0);
            (rules.dialect.unwrap_or(Dialect::Generic), Some(source.locate(unknown_dialect(&written), offset)))
        }
    }
}

/// A name that no dialect has; its place is the caller's to say.
pub(super) fn unknown_dialect(written: &str) -> Problem {
    let problem = Problem::error("unknown-dialect", format!("there is no dialect `{written}`"));
    let known = Dialect::NAMES.iter().flat_map(|(_, names)| names.iter().copied());
    match nearest(&written.to_lowercase(), known) {
        Some(name) => problem.help(format!("did you mean `{name}`?")),
        None => problem.help("write the dialect's name as SQLMesh does, such as `duckdb`"),
    }
}

fn untokenized(source: &Source<'_>, offset: usize, message: &str) -> Problem {
    let message = format!("the file cannot be cut into words: {}", message.to_lowercase());
    source.error("unreadable-sql", offset, message).help("close the string, quoted name or comment")
}

fn no_header(source: &Source<'_>, tokens: &[Token]) -> Problem {
    let offset = tokens.iter().find(|token| token.is_significant()).map_or(0, |token| token.range.start);
    let problem = source.error("missing-model-block", offset, "the file does not begin with a `MODEL (…);` block");
    problem.help("begin it with `MODEL (name schema.model, kind FULL);`, or keep it out of `models/`")
}

/// Puts in what the configuration says and the file does not. Lists of audits and maps of physical properties join.
pub(super) fn apply_defaults(scope: &Scope<'_>, rules: &Rules, header: &mut Header, problems: &mut Vec<Problem>) {
    for (key, default) in &rules.defaults {
        let joins = matches!(key.as_str(), "audits" | "physical_properties");
        let is_apart = key == "dialect" || kind::CHANGES.contains(&key.as_str());
        if is_apart || (header.given.contains_key(key) && !joins) {
            continue;
        }
        let source = Source { text: &default.text, fixed: Some(default.place), ..scope.source };
        let tokens = tokenize(&default.text, scope.dialect).map(|tokens| split::macros_apart(tokens, &default.text));
        let Ok(tokens) = tokens else {
            problems.push(source.error("invalid-property", 0, format!("default `{key}` cannot be cut into words")));
            continue;
        };
        let own = header.properties.physical_properties.clone();
        let value = source.value(&tokens, 0);
        properties::set(&Scope { source, ..*scope }, key, 0, value, header, problems);
        header.properties.physical_properties.extend(own);
    }
}

fn place_of(source: &Source<'_>, header: &Header, key: &str) -> Place {
    source.place(header.given.get(key).copied().unwrap_or(0))
}

fn check_unit(source: &Source<'_>, header: &Header, offset: usize, problems: &mut Vec<Problem>) {
    let properties = &header.properties;
    let allows_partials = allows_partials(source, header, offset, problems);
    let coarse = properties.interval_unit.filter(|unit| *unit < properties.cron.interval_unit() && !allows_partials);
    if let Some(unit) = coarse {
        let at = header.given.get("interval_unit").copied().unwrap_or(offset);
        let message = format!("`interval_unit` {} is coarser than `cron` `{}`", unit.name(), properties.cron.text());
        let help = format!("use `{}` or a finer unit", properties.cron.interval_unit().name());
        problems.push(source.error("coarse-interval-unit", at, message).help(help));
    }
    let start = properties.start.as_ref().and_then(|time| time.absolute);
    let end = properties.end.as_ref().and_then(|time| time.absolute);
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        let at = header.given.get("end").copied().unwrap_or(offset);
        let problem = source.error("invalid-property", at, "`end` is not after `start`");
        problems.push(problem.help("give a later `end`, or remove it: without one the model has no last day"));
    }
}

/// Whether a unit may be loaded before it is over. It is loaded again until it is, and rows that are merged into others that are
/// kept would be merged twice.
fn allows_partials(source: &Source<'_>, header: &Header, offset: usize, problems: &mut Vec<Problem>) -> bool {
    let allows = header.properties.other_metadata.contains_key("allow_partials");
    let kind = header.kind.as_ref().and_then(|kind| kind.as_ref().ok()).map(|kind| &kind.kind);
    if allows && matches!(kind, Some(Kind::UniqueKey(key)) if key.past != Past::Recomputed && key.adds_up()) {
        let at = header.given.get("allow_partials").copied().unwrap_or(offset);
        let message = "`allow_partials` and what is merged into rows that are kept do not go together";
        let help = "remove it: whole units are loaded, and with a shorter `interval_unit` more often";
        problems.push(source.error("unsupported-property", at, message).help(help));
    }
    allows
}

fn name_of(
    source: &Source<'_>,
    header: &Header,
    rules: &Rules,
    dialect: Dialect,
    offset: usize,
    problems: &mut Vec<Problem>,
) -> Option<(ModelName, Place)> {
    if let Some((name, offset)) = &header.name {
        return Some((name.clone(), source.place(*offset)));
    }
    if header.names_itself {
        return None;
    }
    if rules.naming == ModelNaming::Inferred {
        let path = source.path.as_str().strip_prefix("models/").unwrap_or(source.path.as_str());
        let parts: Vec<&str> = path.strip_suffix(".sql").unwrap_or(path).split('/').collect();
        let last = &parts[parts.len().saturating_sub(3)..];
        if let Ok(name) = rules.names(&NO_LOCALS).table(&last.join("."), dialect) {
            return Some((name, source.place(offset)));
        }
    }
    let problem = source.error("missing-name", offset, "the model has no `name`");
    problems.push(problem.help("add `name schema.model`, or set `model_naming: {infer_names: true}` in `config.yaml`"));
    None
}
