//! GitHub's own description of its API (`fixtures/github/api.json`, see `scripts/github-fixtures.mjs`) as a judge: of requests,
//! of the fake's answers, and as the source of all fields that the fake does not know.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use super::lock;
use super::routes::{Request, Route};

/// The description, read once.
pub(super) fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let text = include_str!("../../../../fixtures/github/api.json");
        Contract { api: serde_json::from_str(text).expect("the description"), validators: Mutex::default() }
    })
}

pub(super) struct Contract {
    api: Value,
    validators: Mutex<BTreeMap<String, &'static Validator>>,
}

impl Contract {
    /// Method, path, query and body as the description has them; nothing that it does not know.
    pub(super) fn check_request(&self, route: &Route, request: &Request) -> Result<(), String> {
        let call =
            self.call(route, &request.method).ok_or_else(|| format!("`{}` is not allowed here", request.method))?;
        let parameters = self.parameters(call);
        let names = route.template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        for (name, value) in names.zip(&route.parts) {
            let known = parameters.iter().find(|known| known["in"] == "path" && known["name"] == name);
            self.check_text(name, value, known.copied())?;
        }
        for (name, value) in request.queries() {
            let known = parameters.iter().find(|known| known["in"] == "query" && known["name"] == name.as_str());
            self.check_text(&name, &value, Some(known.ok_or_else(|| format!("no parameter `{name}`"))?))?;
            if name == "per_page" && value.parse::<u32>().is_ok_and(|size| size > 100) {
                return Err("`per_page` is at most 100".into());
            }
        }
        self.check_body(call, route, request)
    }

    /// An answer's body, where the description knows its status.
    pub(super) fn check_answer(&self, route: &Route, method: &str, status: u16, value: &Value) -> Result<(), String> {
        let Some(schema) = self.answer_schema(route, method, status) else {
            return Err(format!("status {status} is not described"));
        };
        let key = format!("{method} {} {status}", route.template);
        // The description knows no deleted fork; `head.repo` is null then (research, and octocrab's own models).
        let mut value = value.clone();
        let pulls = match &mut value {
            Value::Array(all) => all.iter_mut().collect(),
            one => vec![one],
        };
        for pull in pulls {
            if pull.pointer("/head/repo").is_some_and(Value::is_null) {
                pull["head"]["repo"] = pull["base"]["repo"].clone();
            }
        }
        self.check(&key, &schema, &value)
    }

    /// The value with every field that the description asks for; what it does not know is made up.
    pub(super) fn fill(&self, route: &Route, method: &str, status: u16, known: &Value) -> Value {
        match self.answer_schema(route, method, status) {
            Some(schema) => self.filled(&schema, Some(known)),
            None => known.clone(),
        }
    }

    fn call(&self, route: &Route, method: &str) -> Option<&Value> {
        self.api["paths"][route.template].get(method.to_ascii_lowercase())
    }

    fn parameters<'a>(&'a self, call: &'a Value) -> Vec<&'a Value> {
        call["parameters"].as_array().into_iter().flatten().map(|one| self.find(one)).collect()
    }

    fn check_text(&self, name: &str, value: &str, parameter: Option<&Value>) -> Result<(), String> {
        let schema = parameter.map(|parameter| &parameter["schema"]).ok_or_else(|| format!("no parameter `{name}`"))?;
        let typed = match value.parse::<u64>() {
            Ok(number) if schema["type"] == "integer" => json!(number),
            _ => json!(value),
        };
        self.check(&format!("parameter {name} {schema}"), schema, &typed).map_err(|error| format!("`{name}`: {error}"))
    }

    fn check_body(&self, call: &Value, route: &Route, request: &Request) -> Result<(), String> {
        let schema = &call["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            return if request.body.is_empty() { Ok(()) } else { Err("a body where none belongs".into()) };
        }
        if request.headers.get("content-type").map(String::as_str) != Some("application/json") {
            return Err("the body is not said to be JSON".into());
        }
        let body = request.json();
        self.check(&format!("{} {} body", request.method, route.template), schema, &body)?;
        self.unknown(schema, &body).map_or(Ok(()), |name| Err(format!("no field `{name}`")))
    }

    /// A field of the body that the description does not have; GitHub ignores it, so nothing else would tell.
    fn unknown(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.find(schema);
        match value {
            Value::Array(all) => all.iter().find_map(|one| self.unknown(&schema["items"], one)),
            Value::Object(fields) => {
                let known = self.properties(schema);
                if known.is_empty() {
                    return None;
                }
                fields.iter().find_map(|(name, value)| match known.get(name.as_str()) {
                    None => Some(name.clone()),
                    Some(schema) => self.unknown(schema, value),
                })
            }
            _ => None,
        }
    }

    /// The properties of a schema and of all its ways.
    fn properties<'a>(&'a self, schema: &'a Value) -> BTreeMap<&'a str, &'a Value> {
        let ways = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten();
        let mut all: BTreeMap<&str, &Value> = ways.flat_map(|way| self.properties(self.find(way))).collect();
        let own = schema["properties"].as_object().into_iter().flatten();
        all.extend(own.map(|(name, schema)| (name.as_str(), schema)));
        all
    }

    fn answer_schema(&self, route: &Route, method: &str, status: u16) -> Option<Value> {
        let answer = self.call(route, method)?["responses"].get(status.to_string())?;
        let schema = &self.find(answer)["content"]["application/json"]["schema"];
        (!schema.is_null()).then(|| schema.clone())
    }

    fn check(&self, key: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let errors: Vec<String> = self
            .validator(key, schema)
            .iter_errors(value)
            .take(3)
            .map(|error| format!("`{}`: {}", error.instance_path(), clipped(&error.masked().to_string())))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    /// Made once for each use; they live as long as the test process.
    fn validator(&self, key: &str, schema: &Value) -> &'static Validator {
        let mut known = lock(&self.validators);
        known.entry(key.to_owned()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.api["components"] });
            let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
            Box::leak(Box::new(options.build(&whole).expect("a schema")))
        })
    }

    /// What a `$ref` stands for.
    fn find<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| self.api.pointer(reference.trim_start_matches('#'))) {
            Some(found) => self.find(found),
            None => value,
        }
    }

    /// As [`Contract::find`]; of several ways the first that is not null.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = self.find(schema);
        let ways = ["oneOf", "anyOf"].iter().find_map(|word| schema[*word].as_array());
        match ways.and_then(|ways| ways.iter().find(|way| way["type"] != "null")) {
            Some(way) => self.resolved(way),
            None => schema,
        }
    }

    fn filled(&self, schema: &Value, known: Option<&Value>) -> Value {
        let is_nullable = is_nullable(self.find(schema));
        let schema = self.resolved(schema);
        match known {
            None if is_nullable || is_nullable_type(schema) => Value::Null,
            Some(Value::Object(fields)) => self.filled_object(schema, fields),
            Some(Value::Array(all)) => all.iter().map(|one| self.filled(&schema["items"], Some(one))).collect(),
            Some(known) => known.clone(),
            None => self.made_up(schema),
        }
    }

    fn filled_object(&self, schema: &Value, fields: &Map<String, Value>) -> Value {
        let all: Vec<&Value> = schema["allOf"].as_array().into_iter().flatten().chain([schema]).collect();
        let mut output = fields.clone();
        for schema in all {
            let schema = self.resolved(schema);
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let names = required.map(str::to_owned).chain(fields.keys().cloned());
            for name in names.collect::<Vec<_>>() {
                if let Some(property) = schema["properties"].get(&name) {
                    output.insert(name.clone(), self.filled(property, fields.get(&name)));
                }
            }
        }
        Value::Object(output)
    }

    fn made_up(&self, schema: &Value) -> Value {
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        match schema["type"].as_str() {
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(false),
            Some("array") => json!([]),
            Some("string") => json!(match schema["format"].as_str() {
                Some("uri") => "https://github.com/made/up",
                Some("date-time") => super::state::NOW,
                Some("email") => "made@example.com",
                _ => "made up",
            }),
            _ => self.filled_object(schema, &Map::new()),
        }
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["anyOf"].as_array().is_some_and(|ways| ways.iter().any(|way| way["type"] == "null"))
}

fn is_nullable_type(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"))
}

fn clipped(text: &str) -> String {
    text.chars().take(200).collect()
}
