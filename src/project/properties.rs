//! The properties of a `MODEL` block, one by one (research: SQLMesh, section 7.2): parsed, kept as written, or told.

use std::collections::BTreeMap;

use super::declared::columns;
use super::kind::{self, ParsedKind};
use super::macros::{Expander, Names};
use super::value::{Source, Value, split_at_commas};
use super::{blueprint, elsewhere};
use crate::ids::ModelName;
use crate::model::{AuditCall, ColumnChanges, DeclaredTime, Properties};
use crate::problem::{Problem, nearest};
use crate::sql::{Dialect, Placeholder, Token, TokenKind, tokenize};
use crate::time::{Cron, IntervalUnit, TimeZone, Timestamp, relative, written_out};

/// What a property is to us.
enum Handling {
    /// It has a place in [`Header`].
    Parsed,
    /// It is only described: kept as written.
    Kept,
    /// It shapes the table: kept as a physical property.
    Physical,
    /// It would change names or data; says what does it.
    Later(&'static str),
    /// Something that people may miss is not done; says what does it.
    Ignored(&'static str),
}

/// What SQLMesh's other way would be.
const DEV_ONLY: &str =
    "`virtual_environment_mode dev_only` is not honoured: production shows a view, as every environment does";

/// The key of `virtual_properties` that SQLMesh writes between `CREATE` and `VIEW` on every engine.
const CREATABLE: &str = "creatable_type";

const PROPERTIES: [(&str, Handling); 44] = [
    ("name", Handling::Parsed),
    ("kind", Handling::Parsed),
    ("dialect", Handling::Parsed),
    ("cron", Handling::Parsed),
    ("interval_unit", Handling::Parsed),
    ("start", Handling::Parsed),
    ("end", Handling::Parsed),
    ("owner", Handling::Parsed),
    ("tags", Handling::Parsed),
    ("description", Handling::Parsed),
    ("column_descriptions", Handling::Parsed),
    ("columns", Handling::Parsed),
    ("depends_on", Handling::Parsed),
    ("audits", Handling::Parsed),
    ("grain", Handling::Parsed),
    ("grains", Handling::Parsed),
    ("partitioned_by", Handling::Parsed),
    ("clustered_by", Handling::Parsed),
    ("physical_properties", Handling::Parsed),
    ("table_properties", Handling::Parsed),
    ("stamp", Handling::Parsed),
    ("enabled", Handling::Parsed),
    ("table_format", Handling::Physical),
    ("storage_format", Handling::Physical),
    ("cron_tz", Handling::Parsed),
    ("references", Handling::Kept),
    ("session_properties", Handling::Kept),
    ("optimize_query", Handling::Kept),
    ("validate_query", Handling::Kept),
    ("ignored_rules", Handling::Kept),
    ("formatting", Handling::Kept),
    ("project", Handling::Kept),
    ("retention", Handling::Kept),
    ("grants_target_layer", Handling::Parsed),
    ("virtual_properties", Handling::Parsed),
    ("grants", Handling::Parsed),
    (
        "signals",
        Handling::Ignored(
            "they are Python, so that the model is not loaded unless `signals: ready` in `offshoot.yaml` has every interval \
             count as ready",
        ),
    ),
    ("allow_partials", Handling::Parsed),
    ("gateway", Handling::Parsed),
    (
        "physical_version",
        Handling::Later(
            "names of tables come from what is in them: remove it, or say `forward_only` where rows are to be kept",
        ),
    ),
    ("virtual_environment_mode", Handling::Parsed),
    ("blueprints", Handling::Parsed),
    ("default_catalog", Handling::Later("write the catalog into the model's name")),
    ("batch_concurrency", Handling::Kept),
];

/// What a `MODEL` block and the defaults say.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The name with its byte.
    pub(super) name: Option<(ModelName, usize)>,
    /// Whether a name is written, right or wrong.
    pub(super) names_itself: bool,
    /// The kind; `Err` where it is written and cannot be loaded.
    pub(super) kind: Option<Result<ParsedKind, KindRefused>>,
    /// Whether `enabled false` is written.
    pub(super) disabled: bool,
    /// Everything else.
    pub(super) properties: Properties,
    /// The byte of each property.
    pub(super) given: BTreeMap<String, usize>,
}

/// A kind with a problem that is told already.
#[derive(Clone, Copy, Debug)]
pub(super) struct KindRefused;

/// What properties are read with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) source: Source<'a>,
    pub(super) dialect: Dialect,
    pub(super) time_format: Option<&'a str>,
    /// Which changes of kept columns are taken where a kind does not say it.
    pub(super) changes: ColumnChanges,
    /// The names that macros in properties know.
    pub(super) names: Names<'a>,
}

/// Reads what is between the parentheses of `MODEL (…)`.
pub(super) fn read(scope: &Scope<'_>, tokens: &[Token], offset: usize, problems: &mut Vec<Problem>) -> Header {
    let mut header = Header::default();
    let source = scope.source;
    let parts = split_at_commas(tokens);
    let last = parts.len() - 1;
    let key = |part: &&[Token]| Some(source.value(part, offset).pair()?.key);
    let last_of: BTreeMap<String, usize> =
        parts.iter().enumerate().filter_map(|(index, part)| Some((key(part)?, index))).collect();
    let mut end = offset;
    for (index, part) in parts.into_iter().enumerate() {
        let value = source.value(part, end);
        end = part.last().map_or(end, |token| token.range.end) + 1;
        if value.is_empty() {
            if index < last {
                let problem = source.error("invalid-property", value.offset, "expected a property before this comma");
                problems.push(problem.help("remove the comma"));
            }
            continue;
        }
        let Some(pair) = value.pair().filter(|_| matches!(value.tokens[0].kind, TokenKind::Word { .. })) else {
            let message = format!("expected the name of a property, found `{}`", short(&value.folded()));
            let problem = source.error("invalid-property", value.offset, message);
            problems.push(problem.help("write each property as its name and its value, with commas between them"));
            continue;
        };
        if last_of.get(&pair.key).is_some_and(|last| *last != index) {
            let message = format!("`{}` is given more than once, and the last one counts", pair.key);
            problems.push(source.warning("duplicate-property", pair.offset, message).help("keep one of them"));
            continue;
        }
        header.given.insert(pair.key.clone(), pair.offset);
        if pair.value.is_empty() {
            let problem = source.error("invalid-property", pair.offset, format!("`{}` has no value", pair.written));
            problems.push(problem.help("write the value behind it, or remove it"));
            header.names_itself |= pair.key == "name";
            continue;
        }
        set(scope, &pair.key, pair.offset, pair.value, &mut header, problems);
    }
    header
}

/// Applies one property, macros in it expanded.
pub(super) fn set(
    scope: &Scope<'_>,
    key: &str,
    offset: usize,
    value: Value<'_>,
    header: &mut Header,
    problems: &mut Vec<Problem>,
) {
    if !blueprint::has_macro(key, &value) {
        return apply(scope, key, offset, value, header, problems);
    }
    header.names_itself |= key == "name";
    let told = problems.len();
    let Some(text) = expanded(scope, key, value, problems) else {
        problems[told..].iter_mut().for_each(|problem| elsewhere::without_python(key, problem));
        if key == "kind" {
            header.kind = Some(Err(KindRefused));
        }
        return;
    };
    let tokens = tokenize(&text, scope.dialect).unwrap_or_default();
    let source = Source { text: &text, fixed: Some(scope.source.place(value.offset)), ..scope.source };
    apply(&Scope { source, ..*scope }, key, offset, source.value(&tokens, 0), header, problems);
    // What is placed later is placed in the file.
    if let Some((_, place)) = header.name.as_mut().filter(|_| key == "name") {
        *place = value.offset;
    }
    if let Some(Ok(ParsedKind { seed_path: Some((_, place)), .. })) = header.kind.as_mut().filter(|_| key == "kind") {
        *place = value.offset;
    }
}

/// The text of a value without macros; times and `@this_model` in the arguments of audits stay, as they are known when these
/// run.
fn expanded(scope: &Scope<'_>, key: &str, value: Value<'_>, problems: &mut Vec<Problem>) -> Option<String> {
    let names = Names { this_model: (key == "audits").then_some("this_model"), ..scope.names };
    let mut expander = Expander::new(scope.source, scope.dialect, names);
    let template = expander.statement(value.tokens);
    let found = problems.len();
    problems.append(&mut expander.problems);
    let template = template.filter(|_| problems.len() == found)?;
    if template.is_open() && key != "audits" {
        let message = format!("`{key}` cannot depend on what is only known when a statement runs");
        problems.push(scope.source.error("unknown-macro", value.offset, message).help("write the value itself"));
        return None;
    }
    Some(template.render(&[], &|placeholder| match placeholder {
        Placeholder::Time(variable) => format!("@{}", variable.name()),
        Placeholder::This(_) => "@this_model".to_owned(),
    }))
}

fn apply(
    scope: &Scope<'_>,
    key: &str,
    offset: usize,
    value: Value<'_>,
    header: &mut Header,
    problems: &mut Vec<Problem>,
) {
    let source = scope.source;
    header.names_itself |= key == "name";
    let Some((_, handling)) = PROPERTIES.iter().find(|(name, _)| *name == key) else {
        let problem = source.error("unknown-property", offset, format!("a model has no property `{key}`"));
        problems.push(match nearest(key, PROPERTIES.iter().map(|(name, _)| *name)) {
            Some(name) => problem.help(format!("did you mean `{name}`?")),
            None => problem.help("see the list of properties in SQLMesh's model reference"),
        });
        return;
    };
    match handling {
        Handling::Parsed => {
            if let Err(expected) = parsed(scope, key, value, header, problems) {
                let message = format!("`{key}` must be {expected}, found `{}`", short(&value.folded()));
                problems.push(source.error("invalid-property", value.offset, message));
            }
        }
        Handling::Kept => {
            header.properties.other_metadata.insert(key.to_owned(), value.folded());
        }
        Handling::Physical => {
            header.properties.physical_properties.insert(key.to_owned(), value.folded());
        }
        Handling::Ignored(instead) => {
            let message = format!("`{key}` is not honoured");
            problems.push(source.warning("unsupported-property", offset, message).help(*instead));
            header.properties.other_metadata.insert(key.to_owned(), value.folded());
        }
        Handling::Later(instead) => {
            let problem = source.error("unsupported-property", offset, format!("`{key}` is not supported yet"));
            problems.push(problem.help(*instead));
        }
    }
}

/// What a name must be.
const NAME: &str = "a name of one to three parts such as `schema.model`";

/// Applies a property that has a place of its own; an error says what was expected.
fn parsed(
    scope: &Scope<'_>,
    key: &str,
    value: Value<'_>,
    header: &mut Header,
    problems: &mut Vec<Problem>,
) -> Result<(), String> {
    let properties = &mut header.properties;
    let text = || value.scalar().ok_or_else(|| "one text".to_owned());
    match key {
        "name" => {
            let name = scope.names.table(&value.folded(), scope.dialect).map_err(|_| NAME.to_owned())?;
            header.name = Some((name, value.offset));
        }
        "kind" => {
            let found = kind::read(scope, value, problems);
            properties.auto_restatement = found.as_ref().and_then(|kind| kind.auto_restatement.clone());
            header.kind = Some(found.ok_or(KindRefused));
        }
        "cron" => properties.cron = Cron::parse(&text()?).map_err(|error| format!("a schedule ({error})"))?,
        "cron_tz" => {
            properties.cron_tz = time_zone(&text()?)?;
            // Described as it is written.
            properties.other_metadata.insert(key.to_owned(), value.folded());
        }
        "gateway" => {
            let named = text()?;
            let in_use = scope.names.gateway.unwrap_or("none");
            if !named.eq_ignore_ascii_case(in_use) {
                let message = format!("gateway `{named}` fills this model, and the gateway in use is `{in_use}`");
                let problem = scope.source.error("other-gateway", value.offset, message);
                problems.push(problem.help("remove `gateway`, so that the gateway in use fills it"));
            }
        }
        "interval_unit" => properties.interval_unit = Some(unit(&text()?)?),
        "start" => properties.start = Some(time(&text()?, Bound::Start)?),
        "end" => properties.end = Some(time(&text()?, Bound::End)?),
        "allow_partials" => {
            let allows = value.flag(scope.dialect).ok_or("true or false")?;
            properties.other_metadata.extend(allows.then(|| (key.to_owned(), "true".to_owned())));
        }
        "owner" => properties.owner = Some(text()?),
        "description" => properties.description = Some(text()?),
        "stamp" => properties.stamp = Some(text()?),
        "enabled" => header.disabled = !value.flag(scope.dialect).ok_or("true or false")?,
        "tags" => properties.tags = texts(value)?.into_iter().collect(),
        "column_descriptions" => {
            for pair in value.pairs().map_err(|_| "pairs such as (id = 'the key')")? {
                let text = pair.value.scalar().ok_or("pairs such as (id = 'the key')")?;
                properties.column_descriptions.insert(pair.written, text);
            }
        }
        "columns" => properties.columns = columns(scope, value)?,
        "depends_on" => {
            for item in value.items() {
                let name = scope.names.table(&item.scalar_name(), scope.dialect);
                properties.depends_on.insert(name.map_err(|_| format!("a list in which each is {NAME}"))?);
            }
        }
        "audits" => {
            properties.audits.extend(audits(value)?);
        }
        "grain" => properties.grains.push(texts(value)?),
        "grains" => {
            for item in value.items() {
                properties.grains.push(texts(item)?);
            }
        }
        "partitioned_by" => properties.partitioned_by = value.items().iter().map(Value::folded).collect(),
        "clustered_by" => properties.clustered_by = value.items().iter().map(Value::folded).collect(),
        "physical_properties" | "table_properties" => {
            for pair in value.pairs().map_err(|_| "pairs such as (key = value)")? {
                properties.physical_properties.insert(pair.key, pair.value.folded());
            }
        }
        "grants" => {
            properties.grants = Some(super::grants::read(value)?);
            properties.other_metadata.insert(key.to_owned(), value.folded());
        }
        "grants_target_layer" => {
            let layer = text()?.to_lowercase();
            if !["virtual", "physical", "all"].contains(&layer.as_str()) {
                return Err("virtual, physical or all".to_owned());
            }
            if layer != "virtual" {
                let message = format!("`{key} {layer}` is not honoured: `grants` are those of the views");
                let problem = scope.source.warning("unsupported-property", value.offset, message);
                problems.push(problem.help("let people read the views, which read the tables for them"));
            }
        }
        "virtual_environment_mode" => match text()?.to_lowercase().as_str() {
            "full" => {}
            "dev_only" => {
                let problem = scope.source.warning("unsupported-property", value.offset, DEV_ONLY);
                problems.push(problem.help("people read it by the same name; remove the property, or say `full`"));
            }
            _ => return Err("full or dev_only".to_owned()),
        },
        // SQLMesh does nothing with them on the engines that we have, but for one key.
        "virtual_properties" => {
            for pair in value.pairs().map_err(|_| "pairs such as (key = value)")? {
                if pair.key == CREATABLE {
                    let message = format!("`{CREATABLE}` of `{key}` is not honoured: views are made as plain ones");
                    let problem = scope.source.warning("unsupported-property", pair.offset, message);
                    problems.push(problem.help("remove it"));
                }
            }
            properties.other_metadata.insert(key.to_owned(), value.folded());
        }
        _ => {}
    }
    Ok(())
}

impl Value<'_> {
    /// A name as written, out of its string quotes where it is a string.
    fn scalar_name(&self) -> String {
        match self.tokens {
            [token] => super::value::unquoted(token).unwrap_or_else(|| self.folded()),
            _ => self.folded(),
        }
    }
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

fn texts(value: Value<'_>) -> Result<Vec<String>, String> {
    let texts: Option<Vec<String>> = value.items().iter().map(Value::scalar).collect();
    texts.ok_or_else(|| "a list of names or texts".to_owned())
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::parse(text).map_err(|_| match nearest(text, TimeZone::names()) {
        Some(name) => format!("a time zone such as Europe/Berlin (did you mean `{name}`?)"),
        None => "a time zone such as Europe/Berlin".to_owned(),
    })
}

fn unit(text: &str) -> Result<IntervalUnit, String> {
    let known = || IntervalUnit::ALL.map(IntervalUnit::name).join(", ");
    let found = IntervalUnit::ALL.into_iter().find(|unit| unit.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("one of {}", known()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Start,
    End,
}

/// A declared time. Dates given as `end` are inclusive (research: SQLMesh, section 6.2), so the next day is stored.
fn time(text: &str, bound: Bound) -> Result<DeclaredTime, String> {
    let expected = || "a date, a time, or a text such as `1 week ago`".to_owned();
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let date = match text.len() {
        8 if digits => format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]),
        _ => written_out(text).unwrap_or_else(|| text.to_owned()),
    };
    let moment = match Timestamp::parse(&date) {
        None if digits && text.len() > 8 => Some(Timestamp(text.parse().map_err(|_| expected())?)),
        moment => moment,
    };
    if moment.is_none() && relative(text, Timestamp(0)).is_none() {
        return Err(expected());
    }
    let inclusive = bound == Bound::End && Timestamp::is_date(&date);
    let absolute = moment.map(|moment| if inclusive { IntervalUnit::Day.next(moment) } else { moment });
    Ok(DeclaredTime { text: text.to_owned(), absolute })
}

fn audits(value: Value<'_>) -> Result<Vec<AuditCall>, String> {
    let expected = "audits such as (not_null(columns := (id)), unique_values(columns := (id)))";
    let one = |item: Value<'_>| {
        // SQLMesh takes a name in quotes, too.
        let text = item.scalar().filter(|_| item.tokens.len() == 1);
        if let (None, Some(text)) = (item.call(), text) {
            return Some(AuditCall { name: text.to_lowercase(), arguments: BTreeMap::new() });
        }
        let (name, arguments) = item.call()?;
        let pairs = if arguments.is_empty() { Vec::new() } else { arguments.pairs().ok()? };
        let complete = pairs.iter().all(|pair| !pair.value.is_empty());
        let arguments = pairs.into_iter().map(|pair| (pair.key, pair.value.folded())).collect();
        complete.then_some(AuditCall { name, arguments })
    };
    value.items().into_iter().map(|item| one(item).ok_or_else(|| expected.to_owned())).collect()
}
