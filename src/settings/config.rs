//! `config.yaml`, key by key (research: SQLMesh, section 7.11): honoured, kept, or told.

use std::collections::BTreeMap;

use super::physical::{Keys, PhysicalSchemas};
use super::reader::Report;
use super::{
    DefaultProperty, DefaultStatements, EnvironmentSuffix, ForwardOnlyBranches, Gateway, ModelDefaults, ModelNaming,
    Settings, UsualRows, connection, jinja, own, physical,
};
use crate::ids::{FilePath, ProjectName};
use crate::problem::{Problem, nearest};
use crate::yaml::{Entry, Node, Value};

/// Keys that mean nothing to us and change neither results nor names.
const KEPT: [&str; 22] = [
    "cache_dir",
    "cicd_bot",
    "dbt",
    "default_scheduler",
    "default_test_connection",
    "disable_anonymized_analytics",
    "env_vars",
    "format",
    // One gateway makes all views as it is.
    "gateway_managed_virtual_layer",
    "infer_python_dependencies",
    "janitor",
    "loader_kwargs",
    "log_limit",
    "migration",
    "notification_targets",
    "run",
    "ui",
    "username",
    "users",
    "model_audits",
    "time_travel",
    "physical_table_naming_convention",
];

/// Keys that would change results or names if they were passed over, with the only value that changes nothing.
const HARMLESS_ONLY_AS: [(&str, &str); 1] = [("environment_catalog_mapping", "")];

const HONOURED: [&str; 22] = [
    "after_all",
    "before_all",
    "default_connection",
    "default_gateway",
    "default_target_environment",
    "environment_suffix_target",
    "environment_ttl",
    "gateways",
    "ignore_patterns",
    "linter",
    "loader",
    "model_defaults",
    "model_naming",
    "physical_schema_mapping",
    "physical_schema_override",
    "pinned_environments",
    "plan",
    "project",
    "snapshot_ttl",
    "time_column_format",
    "variables",
    "virtual_environment_mode",
];

/// What `model_defaults` may give and we apply through the grammar of a `MODEL` block.
const APPLIED_DEFAULTS: [&str; 16] = [
    "allow_partials",
    "audits",
    "cron",
    "cron_tz",
    "dialect",
    "enabled",
    "gateway",
    "interval_unit",
    "kind",
    "on_additive_change",
    "on_destructive_change",
    "owner",
    "physical_properties",
    "start",
    "table_format",
    "storage_format",
];
const KEPT_DEFAULTS: [&str; 5] =
    ["batch_concurrency", "formatting", "optimize_query", "session_properties", "virtual_properties"];
/// Lists of statements that every model gets.
const STATEMENT_DEFAULTS: [&str; 3] = ["pre_statements", "post_statements", "on_virtual_update"];

/// Reads a configuration into `settings`.
pub(super) fn read(path: &FilePath, document: &Node, settings: &mut Settings, problems: &mut Vec<Problem>) {
    let mut report = Report { path, problems };
    report.is_map(path.as_str(), document);
    for entry in document.entries() {
        if !matches!(entry.key.as_str(), "gateways" | "gateway" | "default_connection") {
            refuse_unset(&entry.key, &entry.node, &mut report);
        }
        one(entry, settings, &mut report);
    }
    read_gateways(document, settings, &mut report);
    settings.physical_schemas = physical_schemas(document, settings, &mut report);
    let default = settings.default_gateway.as_ref().filter(|name| !settings.gateways.contains_key(*name));
    if let (Some(name), Some(node)) = (default, document.get("default_gateway")) {
        let known: Vec<&str> = settings.gateways.keys().map(String::as_str).collect();
        report.unknown("unknown-gateway", "gateway", name, node.place, &known);
    }
}

/// `gateways`, or one without a name, or `gateway`, as it once was called. SQLMesh takes all names in lower case; without
/// `default_gateway` the first one is that.
fn read_gateways(document: &Node, settings: &mut Settings, report: &mut Report<'_>) {
    let (key, node) = match (document.get("gateways"), document.get("gateway")) {
        (Some(node), older) => {
            if let Some(older) = older {
                let what = "setting of `config.yaml` beside `gateways`";
                report.unknown("unknown-setting", what, "gateway", older.place, &["gateways"]);
            }
            ("gateways", node)
        }
        (None, Some(node)) => ("gateway", node),
        (None, None) => return,
    };
    if !report.is_map(key, node) {
        return;
    }
    let entries = node.entries();
    if !entries.is_empty() && entries.iter().all(|entry| OF_GATEWAY.contains(&entry.key.as_str())) {
        settings.gateways = BTreeMap::from([(String::new(), gateway(node, report))]);
    } else {
        for entry in entries {
            let name = entry.key.to_lowercase();
            let gateway = named_gateway(entry, report);
            if settings.gateways.insert(name, gateway).is_some() {
                let message = format!("gateway `{}` is there in another case, too", entry.key);
                report.push(entry.node.place, Problem::error("invalid-setting", message).help("give it another name"));
            }
        }
    }
    if settings.default_gateway.is_none() {
        let first = entries.first().map(|entry| entry.key.to_lowercase());
        settings.default_gateway =
            first.map(|name| if settings.gateways.contains_key("") { String::new() } else { name });
    }
}

fn one(entry: &Entry, settings: &mut Settings, report: &mut Report<'_>) {
    let Entry { key, node } = entry;
    match key.as_str() {
        "project" => settings.project = ProjectName::new(report.text(key, node).unwrap_or_default()),
        "default_gateway" => {
            let name = report.text(key, node).filter(|name| !name.is_empty());
            settings.default_gateway = name.map(|name| name.to_lowercase());
        }
        "default_connection" => settings.default_connection = connection::read(key, node, report),
        "model_defaults" => {
            settings.defaults = defaults(node, report);
            settings.default_statements = default_statements(node, report);
        }
        "variables" => settings.variables = variables(node, report),
        "before_all" => settings.before_all = statement_list(key, node, report).unwrap_or_default(),
        "after_all" => settings.after_all = statement_list(key, node, report).unwrap_or_default(),
        "snapshot_ttl" => own::set(&mut settings.snapshot_ttl, own::time_to_live(key, node, report)),
        "environment_ttl" => settings.environment_ttl = own::time_to_live(key, node, report),
        "environment_suffix_target" => settings.environment_suffix = suffix(key, node, report),
        "default_target_environment" => target_environment(key, node, report),
        "virtual_environment_mode" => virtual_layer(key, node, report),
        "pinned_environments" => settings.pinned_environments = report.texts(key, node).into_iter().collect(),
        "ignore_patterns" => settings.ignore_patterns = report.texts(key, node),
        "time_column_format" => settings.time_column_format = report.text(key, node),
        "model_naming" => settings.model_naming = naming(node, report),
        "cicd_bot" => cicd_bot(key, node, settings, report),
        "plan" => plan(key, node, settings, report),
        // Read apart, because it depends on what else is in the project.
        "gateways" | "gateway" | "linter" | "physical_schema_mapping" | "physical_schema_override" => {}
        "loader" => {
            let problem =
                Problem::warning("unsupported-setting", "`loader` is passed over: this program has one loader");
            report.push(node.place, problem.help("remove it"));
        }
        _ => other(key, node, settings, report),
    }
}

/// Two of its options mean something to us.
fn cicd_bot(key: &str, node: &Node, settings: &mut Settings, report: &mut Report<'_>) {
    const SUFFIX: &str = "forward_only_branch_suffix";
    const BRANCH: &str = "prod_branch_name";
    if node.entries().iter().any(|entry| ![SUFFIX, BRANCH].contains(&entry.key.as_str())) {
        settings.passed_over.insert(key.to_owned());
    }
    let branch = node.get(BRANCH).and_then(|node| report.text(BRANCH, node));
    settings.production_branch = branch.filter(|branch| !branch.is_empty());
    let suffix = node.get(SUFFIX).and_then(|node| report.text(SUFFIX, node));
    settings.forward_only_branches = suffix.map_or_else(ForwardOnlyBranches::default, ForwardOnlyBranches);
}

/// One of its options changes what production shows.
fn plan(key: &str, node: &Node, settings: &mut Settings, report: &mut Report<'_>) {
    const FORWARD_ONLY: &str = "forward_only";
    if node.entries().iter().any(|entry| entry.key != FORWARD_ONLY) {
        settings.passed_over.insert(key.to_owned());
    }
    let choices = [("true", UsualRows::Kept), ("false", UsualRows::Computed)];
    let rows = node.get(FORWARD_ONLY).and_then(|node| report.choice("plan.forward_only", node, &choices));
    settings.usual_rows = rows.unwrap_or_default();
}

fn other(key: &str, node: &Node, settings: &mut Settings, report: &mut Report<'_>) {
    if let Some((_, harmless)) = HARMLESS_ONLY_AS.iter().find(|(name, _)| *name == key) {
        let empty = match &node.value {
            Value::Null => true,
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            _ => false,
        };
        if !empty && !node.text().is_some_and(|text| text.eq_ignore_ascii_case(harmless)) {
            let problem = Problem::error("unsupported-setting", format!("`{key}` is not supported yet"));
            report.push(node.place, problem.help("it would change where data or views live; remove it to go on"));
        }
    } else if KEPT.contains(&key) {
        settings.passed_over.insert(key.to_owned());
    } else {
        let known: Vec<&str> = HONOURED.into_iter().chain(KEPT).chain(HARMLESS_ONLY_AS.map(|(name, _)| name)).collect();
        // A list of all would hide those that do something.
        let told = if nearest(key, known.iter().copied()).is_some() { &known[..] } else { &HONOURED[..] };
        report.unknown("unknown-setting", "setting of `config.yaml`", key, node.place, told);
    }
}

fn named_gateway(entry: &Entry, report: &mut Report<'_>) -> Gateway {
    report.is_map(&entry.key, &entry.node);
    gateway(&entry.node, report)
}

/// What a gateway may say.
const OF_GATEWAY: [&str; 7] =
    ["connection", "state_connection", "test_connection", "variables", "model_defaults", "state_schema", "scheduler"];

fn gateway(node: &Node, report: &mut Report<'_>) -> Gateway {
    let mut gateway = Gateway::default();
    for Entry { key, node } in node.entries() {
        match key.as_str() {
            "connection" => gateway.connection = connection::read(key, node, report),
            "state_connection" => gateway.state_connection = connection::read(key, node, report),
            "test_connection" => gateway.test_connection = connection::read(key, node, report),
            "variables" => {
                refuse_unset(key, node, report);
                gateway.variables = variables(node, report);
            }
            "model_defaults" => {
                refuse_unset(key, node, report);
                gateway.defaults = defaults(node, report);
                gateway.default_statements = default_statements(node, report);
            }
            "state_schema" => gateway.state_schema = report.text(key, node),
            "scheduler" => {}
            _ => {
                let [known @ .., _] = &OF_GATEWAY;
                report.unknown("unknown-setting", "setting of a gateway", key, node.place, known);
            }
        }
    }
    gateway
}

fn variables(node: &Node, report: &mut Report<'_>) -> BTreeMap<String, Value> {
    report.is_map("variables", node);
    node.entries().iter().map(|entry| (entry.key.to_lowercase(), entry.node.value.clone())).collect()
}

/// The setting, or the older one that SQLMesh still takes instead of it.
fn physical_schemas(document: &Node, settings: &Settings, report: &mut Report<'_>) -> PhysicalSchemas {
    let given = |key: &'static str| {
        let node = document.get(key).filter(|node| node.value != Value::Null)?;
        Some((key, node))
    };
    let (mapping, older) = (given("physical_schema_mapping"), given("physical_schema_override"));
    if let Some((key, node)) = older.filter(|(_, node)| !node.entries().is_empty()) {
        let problem = match mapping {
            Some(_) => Problem::error("invalid-setting", format!("`{key}` stands beside `physical_schema_mapping`")),
            None => {
                Problem::warning("older-setting", format!("`{key}` is the older form of `physical_schema_mapping`"))
            }
        };
        report.push(node.place, problem.help("map `^NAME$` in `physical_schema_mapping` instead, and remove it"));
    }
    let older = older.map(|older| physical::read(older, Keys::Names, settings, report));
    let mapping = mapping.map(|mapping| physical::read(mapping, Keys::Patterns, settings, report));
    mapping.or(older).unwrap_or_default()
}

fn naming(node: &Node, report: &mut Report<'_>) -> ModelNaming {
    report.is_map("model_naming", node);
    let mut naming = ModelNaming::Declared;
    for entry in node.entries() {
        match entry.key.as_str() {
            "infer_names" => {
                let choices = [("true", ModelNaming::Inferred), ("false", ModelNaming::Declared)];
                naming = report.choice("infer_names", &entry.node, &choices).unwrap_or(naming);
            }
            key => {
                report.unknown("unknown-setting", "setting of `model_naming`", key, entry.node.place, &["infer_names"]);
            }
        }
    }
    naming
}

fn suffix(key: &str, node: &Node, report: &mut Report<'_>) -> EnvironmentSuffix {
    if node.text().is_some_and(|text| text.eq_ignore_ascii_case("catalog")) {
        let problem = Problem::error("unsupported-setting", format!("`{key}: catalog` is not supported"));
        let help = "views of one environment would stand in a catalog of its own, which this program neither makes nor \
                    removes; use `schema` or `table`";
        report.push(node.place, problem.help(help));
        return EnvironmentSuffix::default();
    }
    let choices = [("schema", EnvironmentSuffix::Schema), ("table", EnvironmentSuffix::Table)];
    report.choice(key, node, &choices).unwrap_or_default()
}

/// SQLMesh's `plan` without a name means this environment; here the branch that is checked out gives it.
fn target_environment(key: &str, node: &Node, report: &mut Report<'_>) {
    let name = report.text(key, node).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("prod"));
    if let Some(name) = name {
        let message = format!("`{key}: {name}` is not honoured: a branch gives its environment its name");
        let problem = Problem::warning("unsupported-setting", message);
        report.push(node.place, problem.help("name another one with `--env NAME`, or remove the setting"));
    }
}

/// Without a virtual layer in production SQLMesh fills tables under the names of models.
fn virtual_layer(key: &str, node: &Node, report: &mut Report<'_>) {
    if report.choice(key, node, &[("full", false), ("dev_only", true)]) == Some(true) {
        let message = format!("`{key}: dev_only` is not honoured: production shows views, as every environment does");
        let problem = Problem::warning("unsupported-setting", message);
        report.push(node.place, problem.help("people read them by the same names; remove the setting, or say `full`"));
    }
}

/// A variable that is not set would silently become another text, so only connections may wait for it.
pub(super) fn refuse_unset(key: &str, node: &Node, report: &mut Report<'_>) {
    match &node.value {
        Value::Text(text) => {
            if let Some((_, name)) = text.split_once(jinja::UNSET) {
                let problem = Problem::error("unset-variable", format!("`{key}` needs environment variable `{name}`"));
                report.push(node.place, problem.help(format!("set `{name}`, or give `env_var` a default")));
            }
        }
        Value::List(items) => items.iter().for_each(|item| refuse_unset(key, item, report)),
        Value::Map(entries) => entries.iter().for_each(|entry| refuse_unset(&entry.key, &entry.node, report)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn defaults(node: &Node, report: &mut Report<'_>) -> ModelDefaults {
    let mut defaults = ModelDefaults::new();
    report.is_map("model_defaults", node);
    for Entry { key, node } in node.entries() {
        if APPLIED_DEFAULTS.contains(&key.as_str()) {
            if let Some(text) = default_text(key, node, report) {
                defaults.insert(key.clone(), DefaultProperty { text, place: node.place });
            }
        } else if ![&KEPT_DEFAULTS[..], &STATEMENT_DEFAULTS].concat().contains(&key.as_str()) {
            let known = [&APPLIED_DEFAULTS[..], &KEPT_DEFAULTS, &STATEMENT_DEFAULTS].concat();
            report.unknown("unknown-setting", "default of models", key, node.place, &known);
        }
    }
    defaults
}

/// The statements of `model_defaults`; what else stands there is read apart.
fn default_statements(node: &Node, report: &mut Report<'_>) -> DefaultStatements {
    let [before, after, shown] =
        STATEMENT_DEFAULTS.map(|key| node.get(key).and_then(|node| statement_list(key, node, report)));
    DefaultStatements { before, after, shown }
}

/// A list of statements, or one alone.
fn statement_list(key: &str, node: &Node, report: &mut Report<'_>) -> Option<Vec<DefaultProperty>> {
    let statements = match &node.value {
        Value::Null => return None,
        Value::Map(_) => {
            report.expected(key, "a list of statements", node);
            return None;
        }
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let read = statements.iter().filter_map(|item| {
        let text = report.text(key, item).filter(|text| !text.trim().is_empty())?;
        Some(DefaultProperty { text, place: item.place })
    });
    Some(read.collect())
}

/// A default as a `MODEL` block would write it.
fn default_text(key: &str, node: &Node, report: &mut Report<'_>) -> Option<String> {
    match (key, &node.value) {
        (_, Value::Null) => None,
        ("audits", _) => Some(format!("({})", report.texts(key, node).join(", "))),
        ("kind", Value::Map(entries)) => {
            let name = node.get("name").and_then(Node::text);
            if name.is_none() {
                report.expected(key, "a kind, or a mapping with `name`", node);
            }
            let rest: Vec<String> =
                entries.iter().filter(|entry| entry.key != "name").filter_map(|entry| pair(entry, report)).collect();
            name.map(|name| format!("{name} ({})", rest.join(", ")))
        }
        ("physical_properties", Value::Map(entries)) => {
            let pairs: Vec<String> = entries.iter().filter_map(|entry| pair(entry, report)).collect();
            Some(format!("({})", pairs.join(", ")))
        }
        (
            "kind"
            | "enabled"
            | "interval_unit"
            | "dialect"
            | "allow_partials"
            | "on_additive_change"
            | "on_destructive_change",
            _,
        ) => report.text(key, node),
        // Macros are evaluated for each model.
        ("cron" | "start", Value::Text(text)) if text.contains('@') => Some(text.clone()),
        _ => report.text(key, node).map(|text| quote(&text)),
    }
}

fn pair(entry: &Entry, report: &mut Report<'_>) -> Option<String> {
    let value = match &entry.node.value {
        Value::Text(text) => quote(text),
        Value::List(_) => {
            let texts = report.texts(&entry.key, &entry.node);
            format!("({})", texts.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", "))
        }
        Value::Null => return None,
        _ => report.text(&entry.key, &entry.node)?,
    };
    Some(format!("{} = {value}", entry.key))
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
