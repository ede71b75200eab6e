//! Names that this program makes up: environments, the schemas of their views, and physical tables.
//!
//! Every made-up name fits the engine's limit, is readable at its beginning and told apart by its end: truncating readable
//! names silently is how other tools lost data (research: SQLMesh, section 2.3). Pure text in, text out: whether a
//! name is taken, only the state knows.
//!
//! | name | form | told apart by |
//! |---|---|---|
//! | environment | `feature_fx_rates_142`, `feature_fx_rates_3fa2` | pull-request number, else four hex of the full ref |
//! | view | `staging.orders` in prod, `staging__feature_fx_rates_142.orders` elsewhere, or by the configuration
//! | | `staging.orders__feature_fx_rates_142` | schema and environment |
//! | physical table | `offshoot__staging.orders__<16 hex>`, or in a schema by the configuration | the hash of its table key |

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::{Digest, Hasher};
use crate::ids::{CommitId, EnvironmentName, ModelName, RefName, TableName};
use crate::settings::{EnvironmentSuffix, PhysicalSchemas};

/// What identifies a physical table: two models never share one (DESIGN, section 3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableKey {
    /// The model.
    pub model: ModelName,
    /// Everything that can change the table's rows or columns.
    pub data_fingerprint: Digest,
}

impl TableKey {
    /// The hash whose first 16 hexadecimal digits end the table's name.
    pub fn digest(&self) -> Digest {
        let parts = self.model.parts();
        let hasher = Hasher::new("table-key").number(parts.len() as u64);
        parts.iter().fold(hasher, |hasher, part| hasher.text(part)).digest(self.data_fingerprint).finish()
    }
}

/// The most bytes that an engine takes in one identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentifierLimit(usize);

impl IdentifierLimit {
    /// PostgreSQL's 63 bytes, the smallest limit among the engines that we know.
    pub const SMALLEST: Self = Self(63);

    /// An engine's own limit; one below [`Self::SMALLEST`] counts as that, so that every name has room for its suffix.
    pub fn new(bytes: usize) -> Self {
        Self(bytes.max(Self::SMALLEST.0))
    }

    /// The number of bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

/// What tells two branches apart whose names read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disambiguator {
    /// In CI: the number of the pull request.
    PullRequest(u64),
    /// Elsewhere: four hexadecimal digits of the hash of the full ref.
    FullRef,
}

/// The most bytes of an environment's name; leaves 21 for the schema in `<schema>__<environment>`.
pub const ENVIRONMENT_BYTES: usize = 40;

/// The schema of models whose name has none, as SQLMesh calls it.
const NO_SCHEMA: &str = "default";

/// The name of a branch's environment, before the state was asked whether the branch has one already.
///
/// `branch` is the full ref as its owner has it (`refs/heads/x`), so that a clone that knows it as `refs/remotes/origin/x`
/// must say the former to come to the same name. `base_branch` is the base branch's short name: it and `prod` never come out.
pub fn environment_name(branch: &RefName, disambiguator: Disambiguator, base_branch: &str) -> EnvironmentName {
    let suffix = match disambiguator {
        Disambiguator::PullRequest(number) => format!("_{number}"),
        Disambiguator::FullRef => format!("_{}", Digest::of("branch-ref", branch.as_str()).short(4)),
    };
    let readable = sanitise(short_ref(branch.as_str()));
    // Only one name besides `prod` is reserved, so one of two fallbacks is always free.
    let candidates = [readable.as_str(), "branch", "environment"];
    let name = candidates
        .into_iter()
        .filter(|readable| !readable.is_empty())
        .map(|readable| format!("{}{suffix}", cut(readable, ENVIRONMENT_BYTES - suffix.len())))
        .find(|name| !is_reserved(name, base_branch));
    EnvironmentName::new(name.unwrap_or_else(|| format!("environment{suffix}")))
}

/// The name of the environment of a detached head.
pub fn detached_environment_name(commit: &CommitId) -> EnvironmentName {
    let digits: String = commit.as_str().chars().filter(char::is_ascii_hexdigit).take(8).collect();
    EnvironmentName::new(format!("detached_{}", digits.to_ascii_lowercase()))
}

/// Why a text cannot be the name of an environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has characters or a shape that no environment's name has.
    #[error(
        "`{name}` cannot name an environment: expected lower case letters, digits and single `_` between them{}",
        .suggestion.as_ref().map(|text| format!("; `{text}` would do")).unwrap_or_default()
    )]
    Shape {
        /// As given.
        name: String,
        /// The nearest name that would do.
        suggestion: Option<String>,
    },
    /// It is too long for a schema's suffix.
    #[error("`{name}` has {bytes} bytes; the name of an environment has at most {ENVIRONMENT_BYTES}", bytes = .name.len())]
    TooLong {
        /// As given.
        name: String,
    },
    /// It belongs to production or to the base branch.
    #[error("`{name}` is reserved: only `bot promote` writes it; choose another name for the environment")]
    Reserved {
        /// As given.
        name: String,
    },
}

/// Reads a name that a person gave (`--env NAME`).
///
/// # Errors
/// The name is too long, has another shape than names that this module makes, or is reserved.
pub fn parse_environment_name(text: &str, base_branch: &str) -> Result<EnvironmentName, NameError> {
    let name = text.to_owned();
    let sanitised = sanitise(text);
    if text != sanitised || text.is_empty() {
        let suggestion = cut(&sanitised, ENVIRONMENT_BYTES).to_owned();
        let usable = !suggestion.is_empty() && !is_reserved(&suggestion, base_branch);
        return Err(NameError::Shape { name, suggestion: usable.then_some(suggestion) });
    }
    if text.len() > ENVIRONMENT_BYTES {
        return Err(NameError::TooLong { name });
    }
    if is_reserved(text, base_branch) {
        return Err(NameError::Reserved { name });
    }
    Ok(EnvironmentName::new(name))
}

/// Whether a text has the shape of the names that this module makes, reserved ones too.
pub fn is_environment_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= ENVIRONMENT_BYTES && text == sanitise(text)
}

/// How the views of an environment are called.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Where its name stands.
    pub suffix: EnvironmentSuffix,
    /// The longest identifier.
    pub limit: IdentifierLimit,
}

/// Where people query a model in an environment: `schema.model` in prod, `schema__env.model` or `schema.model__env`
/// elsewhere.
///
/// Views of models without a schema stand in `default` and `default__env` (research: SQLMesh, section 4.2).
pub fn view_name(model: &ModelName, layout: Layout<'_>) -> TableName {
    let environment = layout.environment;
    let schema = model.schema().unwrap_or(NO_SCHEMA);
    let suffix = format!("__{environment}");
    let suffixed = |text| format!("{}{suffix}", fit(text, text, layout.limit.bytes().saturating_sub(suffix.len())));
    let (schema, name) = match layout.suffix {
        _ if environment.is_prod() => (schema.to_owned(), model.table().to_owned()),
        EnvironmentSuffix::Schema => (suffixed(schema), model.table().to_owned()),
        EnvironmentSuffix::Table => (schema.to_owned(), suffixed(model.table())),
    };
    TableName { catalog: model.catalog().map(str::to_owned), schema, name }
}

/// What the schemas that we make up for tables begin with.
const PHYSICAL: &str = "offshoot__";
/// So many digits of the hash end the name of a table.
const HASH_DIGITS: usize = 16;

/// The table that holds a snapshot's rows, where none is there yet. It always fits the limit and always ends in the hash of
/// its key, so that tables of several models do not meet in whatever schema they are mapped to.
pub fn physical_table(key: &TableKey, schemas: &PhysicalSchemas, limit: IdentifierLimit) -> TableName {
    let schema = || {
        let schema = key.model.schema().unwrap_or(NO_SCHEMA);
        format!("{PHYSICAL}{}", fit(schema, &or_unnamed(sanitise(schema)), limit.bytes() - PHYSICAL.len()))
    };
    let suffix = format!("__{}", key.digest().short(HASH_DIGITS));
    TableName {
        catalog: key.model.catalog().map(str::to_owned),
        schema: schemas.of(key.model.schema().unwrap_or_default()).map_or_else(schema, str::to_owned),
        name: format!("{}{suffix}", cut(&or_unnamed(sanitise(key.model.table())), limit.bytes() - suffix.len())),
    }
}

/// Whether a name looks as if it were one of [`physical_table`]: its schema does, or its end, where a schema was chosen.
pub fn is_like_physical(table: &TableName) -> bool {
    let ends_in_hash = |name: &str| {
        let hash = name.rsplit_once("__").map(|(_, end)| end);
        hash.is_some_and(|hash| hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    table.schema.starts_with(PHYSICAL) || ends_in_hash(&table.name)
}

/// Two names that would meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clash {
    /// Two models would be one view.
    OneView {
        /// The view.
        view: TableName,
        /// The models, in order.
        models: [ModelName; 2],
    },
    /// The environment's schema is one that production owns: `staging__x` of environment `x` and of a model `staging__x.a`.
    ProductionSchema {
        /// The schema.
        schema: String,
        /// The model whose own schema it is.
        owner: ModelName,
        /// The model whose view would land there.
        model: ModelName,
    },
    /// The configuration puts tables into a schema in which views stand, where whoever may make the ones could make the others.
    PhysicalSchema {
        /// The schema.
        schema: String,
        /// A model whose table would stand there.
        model: ModelName,
        /// A model whose view does.
        viewed: ModelName,
    },
    /// The environment's view is one that production owns: `a__x` of model `a` in environment `x` and of a model `a__x`.
    ProductionView {
        /// The view.
        view: TableName,
        /// The model that production shows there.
        owner: ModelName,
        /// The model whose view would land there.
        model: ModelName,
    },
}

/// Every clash among the views of an environment, and of them with production's schemas; empty where the names are sound.
pub fn view_clashes<'a>(models: impl IntoIterator<Item = &'a ModelName>, layout: Layout<'_>) -> Vec<Clash> {
    let models: Vec<&ModelName> = models.into_iter().collect();
    match layout.suffix {
        EnvironmentSuffix::Table if !layout.environment.is_prod() => clashes_in_schemas(&models, layout),
        EnvironmentSuffix::Schema | EnvironmentSuffix::Table => clashes_of_schemas(models, layout),
    }
}

/// The same where views stand in the schemas of production. A view without a catalog stands in one whose name is not known
/// here: it may be any that another states.
fn clashes_in_schemas(models: &[&ModelName], layout: Layout<'_>) -> Vec<Clash> {
    let catalog = |view: &TableName| view.catalog.as_deref().map(str::to_lowercase);
    let place = |view: &TableName| (view.schema.to_lowercase(), view.name.to_lowercase());
    let prod = EnvironmentName::prod();
    let mut production: BTreeMap<_, Vec<(Option<String>, &ModelName)>> = BTreeMap::new();
    for model in models {
        let view = view_name(model, Layout { environment: &prod, ..layout });
        production.entry(place(&view)).or_default().push((catalog(&view), *model));
    }
    let mut views: BTreeMap<_, &ModelName> = BTreeMap::new();
    let mut clashes = Vec::new();
    for model in models {
        let view = view_name(model, layout);
        let own = catalog(&view);
        let may_be = |other: &Option<String>| other.is_none() || own.is_none() || *other == own;
        let owner = production.get(&place(&view)).and_then(|owners| owners.iter().find(|(other, _)| may_be(other)));
        if let Some((_, owner)) = owner {
            let (owner, model) = ((*owner).clone(), (*model).clone());
            clashes.push(Clash::ProductionView { view: view.clone(), owner, model });
        }
        if let Some(other) = views.insert((own, place(&view)), model).filter(|other| other != model) {
            clashes.push(Clash::OneView { view, models: [other.clone(), (*model).clone()] });
        }
    }
    clashes
}

/// The same where the environment has schemas of its own, and in production.
fn clashes_of_schemas<'a>(models: Vec<&'a ModelName>, layout: Layout<'_>) -> Vec<Clash> {
    let environment = layout.environment;
    let place_of = |model: &&'a ModelName| (model.catalog(), model.schema());
    // Whatever is the same for a whole schema is made once: there are few of them, and many models.
    let (mut shown, mut production) = (BTreeMap::new(), BTreeMap::new());
    for model in &models {
        shown.entry(place_of(model)).or_insert_with(|| {
            production.entry((model.catalog(), model.schema().map(str::to_lowercase))).or_insert(*model);
            view_name(model, layout).schema
        });
    }
    let owner = |catalog, shown: &str| production.get(&(catalog, Some(shown.to_lowercase()))).copied();
    let owner = |catalog, shown: &str| if environment.is_prod() { None } else { owner(catalog, shown) };
    let owners: BTreeMap<_, _> =
        shown.iter().map(|(place, shown)| (*place, owner(place.0, shown).map(|owner| (owner, shown)))).collect();
    let mut meeting: BTreeMap<_, usize> = BTreeMap::new();
    for (place, shown) in &shown {
        *meeting.entry((place.0, shown)).or_default() += 1;
    }
    let mut views: BTreeMap<TableName, &ModelName> = BTreeMap::new();
    let mut clashes = Vec::new();
    for model in models {
        let place = place_of(&model);
        if let Some((owner, schema)) = owners[&place] {
            let (owner, model) = (owner.clone(), model.clone());
            clashes.push(Clash::ProductionSchema { schema: schema.clone(), owner, model });
        }
        // Models of one schema have different names: only those of schemas that meet can be one view.
        if meeting[&(place.0, &shown[&place])] < 2 {
            continue;
        }
        let view = view_name(model, layout);
        if let Some(other) = views.insert(view.clone(), model).filter(|other| *other != model) {
            clashes.push(Clash::OneView { view, models: [other.clone(), model.clone()] });
        }
    }
    clashes
}

/// The schemas to which tables of models are mapped and in which views of the environment or of production stand, each once.
pub fn physical_clashes<'a>(
    stored: impl Iterator<Item = &'a ModelName>,
    viewed: impl Iterator<Item = &'a ModelName>,
    layout: Layout<'_>,
    schemas: &PhysicalSchemas,
) -> Vec<Clash> {
    if schemas.is_empty() {
        return Vec::new();
    }
    let mut mapped: BTreeMap<(String, Option<String>), &ModelName> = BTreeMap::new();
    for model in stored {
        let schema = schemas.of(model.schema().unwrap_or_default()).map(str::to_owned);
        let Some(schema) = schema else { continue };
        mapped.entry((schema.to_lowercase(), model.catalog().map(str::to_lowercase))).or_insert(model);
    }
    let (prod, mut clashes) = (EnvironmentName::prod(), BTreeMap::new());
    for model in viewed {
        for environment in [&prod, layout.environment] {
            let view = view_name(model, Layout { environment, ..layout });
            let schema = view.schema.to_lowercase();
            let own = view.catalog.as_deref().map(str::to_lowercase);
            // The catalog that is not stated may be any.
            let meets = |other: &Option<String>| other.is_none() || own.is_none() || *other == own;
            let there = mapped.range((schema.clone(), None)..).take_while(|((name, _), _)| *name == schema);
            for ((_, catalog), stored) in there.filter(|((_, catalog), _)| meets(catalog)) {
                let clash = || Clash::PhysicalSchema {
                    schema: view.schema.clone(),
                    model: (*stored).clone(),
                    viewed: model.clone(),
                };
                clashes.entry((schema.clone(), catalog.clone())).or_insert_with(clash);
            }
        }
    }
    clashes.into_values().collect()
}

/// Whether a name belongs to production or to the base branch.
fn is_reserved(name: &str, base_branch: &str) -> bool {
    name == EnvironmentName::PROD || name == sanitise(base_branch)
}

/// A branch's name as people say it.
fn short_ref(full: &str) -> &str {
    if let Some(remote) = full.strip_prefix("refs/remotes/") {
        return remote.split_once('/').map_or(remote, |(_, branch)| branch);
    }
    ["refs/heads/", "refs/tags/", "refs/"].iter().find_map(|prefix| full.strip_prefix(prefix)).unwrap_or(full)
}

/// Lower case ASCII letters, digits and single `_` between them; everything else becomes `_`.
fn sanitise(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => clean.push(letter),
            _ if clean.is_empty() || clean.ends_with('_') => {}
            _ => clean.push('_'),
        }
    }
    clean.truncate(clean.trim_end_matches('_').len());
    clean
}

/// What a name without a single readable character is called.
fn or_unnamed(text: String) -> String {
    if text.is_empty() { "unnamed".into() } else { text }
}

/// The longest beginning of at most `bytes` bytes that splits no character and does not end in `_`.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    if end == text.len() { text } else { text[..end].trim_end_matches('_') }
}

/// `readable` where it fits; else as much of it as fits before eight hexadecimal digits of the hash of `original`.
fn fit(original: &str, readable: &str, bytes: usize) -> String {
    if readable.len() <= bytes {
        return readable.to_owned();
    }
    let suffix = format!("_{}", Digest::of("schema", original).short(8));
    format!("{}{suffix}", cut(readable, bytes.saturating_sub(suffix.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(text: &str) -> ModelName {
        ModelName::parse(text).expect("a model name")
    }

    fn layout(environment: &EnvironmentName) -> Layout<'_> {
        let (suffix, limit) = (EnvironmentSuffix::Schema, IdentifierLimit::SMALLEST);
        Layout { environment, suffix, limit }
    }

    fn beside(environment: &EnvironmentName) -> Layout<'_> {
        Layout { suffix: EnvironmentSuffix::Table, ..layout(environment) }
    }

    fn key(text: &str, fingerprint: &str) -> TableKey {
        TableKey { model: model(text), data_fingerprint: Digest::of("test", fingerprint) }
    }

    fn named(branch: &str, disambiguator: Disambiguator) -> String {
        environment_name(&RefName::new(branch), disambiguator, "main").as_str().to_owned()
    }

    #[test]
    fn a_branch_reads_as_itself_with_its_pull_request() {
        assert_eq!(named("refs/heads/feature/fx-rates", Disambiguator::PullRequest(142)), "feature_fx_rates_142");
        assert_eq!(named("refs/remotes/origin/Fix--It!", Disambiguator::PullRequest(7)), "fix_it_7");
    }

    #[test]
    fn branches_that_read_alike_are_told_apart_by_their_full_ref() {
        let (slash, dash) = (
            named("refs/heads/feature/a-b", Disambiguator::FullRef),
            named("refs/heads/feature_a/b", Disambiguator::FullRef),
        );
        assert!(slash.starts_with("feature_a_b_") && dash.starts_with("feature_a_b_"), "{slash} {dash}");
        assert_ne!(slash, dash);
    }

    #[test]
    fn a_branch_without_readable_characters_is_called_branch() {
        assert_eq!(named("refs/heads/機能", Disambiguator::PullRequest(9)), "branch_9");
        assert_eq!(named("refs/heads/größe", Disambiguator::PullRequest(9)), "gr_e_9");
    }

    #[test]
    fn the_base_branch_is_never_taken_by_a_pull_request() {
        let name =
            environment_name(&RefName::new("refs/heads/release"), Disambiguator::PullRequest(142), "release-142");
        assert_eq!(name.as_str(), "branch_142");
        let name = environment_name(&RefName::new("refs/heads/機"), Disambiguator::PullRequest(1), "branch_1");
        assert_eq!(name.as_str(), "environment_1");
    }

    #[test]
    fn a_detached_head_is_named_after_its_commit() {
        let commit = CommitId::new("3fa2b1c4d5e6f708192a3b4c5d6e7f8091a2b3c4");
        assert_eq!(detached_environment_name(&commit).as_str(), "detached_3fa2b1c4");
    }

    #[test]
    fn a_name_given_by_hand_is_checked() {
        assert_eq!(parse_environment_name("ada_1", "main"), Ok(EnvironmentName::new("ada_1")));
        let shape = parse_environment_name("Feature/X", "main").expect_err("not a name");
        assert_eq!(
            shape.to_string(),
            "`Feature/X` cannot name an environment: expected lower case letters, digits and single `_` between them; \
             `feature_x` would do"
        );
        for reserved in ["prod", "main"] {
            let refused = parse_environment_name(reserved, "main");
            assert_eq!(refused, Err(NameError::Reserved { name: reserved.into() }));
        }
        let empty = parse_environment_name("", "main");
        assert_eq!(empty, Err(NameError::Shape { name: String::new(), suggestion: None }));
        // A suggestion that would be refused again is none.
        let shouted = parse_environment_name("PROD", "main");
        assert_eq!(shouted, Err(NameError::Shape { name: "PROD".into(), suggestion: None }));
        let long = "a".repeat(ENVIRONMENT_BYTES + 1);
        assert_eq!(parse_environment_name(&long, "main"), Err(NameError::TooLong { name: long.clone() }));
    }

    #[test]
    fn views_stand_in_the_schema_and_elsewhere_beside_it() {
        let shown =
            |name: &str, environment: &EnvironmentName| view_name(&model(name), layout(environment)).to_string();
        let branch = EnvironmentName::new("x_1");
        assert_eq!(shown("staging.orders", &EnvironmentName::prod()), "staging.orders");
        assert_eq!(shown("shop.staging.orders", &branch), "shop.staging__x_1.orders");
        assert_eq!(shown("orders", &EnvironmentName::prod()), "default.orders");
        assert_eq!(shown("orders", &branch), "default__x_1.orders");
    }

    #[test]
    fn a_physical_name_shows_the_model_and_ends_in_the_hash_of_its_key() {
        let key = key("staging.orders", "a");
        let table = physical_table(&key, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST);
        assert_eq!(table.to_string(), format!("offshoot__staging.orders__{}", key.digest().short(16)));
        let table = physical_table(&self::key("orders", "a"), &PhysicalSchemas::default(), IdentifierLimit::SMALLEST);
        assert_eq!(table.schema, "offshoot__default");
    }

    #[test]
    fn long_schemas_that_begin_alike_stay_apart() {
        let (one, two) = (format!("{}_one", "s".repeat(70)), format!("{}_two", "s".repeat(70)));
        let branch = EnvironmentName::new("x_1");
        let schemas = [&one, &two].map(|schema| {
            let name = ModelName::from_parts(vec![schema.clone(), "orders".into()]).expect("a model name");
            view_name(&name, layout(&branch)).schema
        });
        assert_ne!(schemas[0], schemas[1]);
        assert!(schemas.iter().all(|schema| schema.len() <= 63 && schema.ends_with("__x_1")));
    }

    #[test]
    fn clashes_of_the_virtual_layer_are_found() {
        let models = [model("staging.orders"), model("staging__x_1.orders"), model("orders"), model("default.orders")];
        let clashes = view_clashes(&models, layout(&EnvironmentName::new("x_1")));
        assert!(matches!(&clashes[0], Clash::ProductionSchema { schema, .. } if schema == "staging__x_1"));
        assert!(matches!(&clashes[1], Clash::OneView { view, .. } if view.schema == "default__x_1"));
        assert_eq!(clashes.len(), 2);
        assert_eq!(view_clashes(&models, layout(&EnvironmentName::new("y_1"))).len(), 1);
        assert_eq!(view_clashes(&models[..2], layout(&EnvironmentName::prod())), []);
    }

    #[test]
    fn views_stand_in_the_schema_itself_where_the_configuration_says_so() {
        let branch = EnvironmentName::new("x_1");
        let shown =
            |name: &str, environment: &EnvironmentName| view_name(&model(name), beside(environment)).to_string();
        assert_eq!(shown("shop.staging.orders", &branch), "shop.staging.orders__x_1");
        assert_eq!(shown("orders", &branch), "default.orders__x_1");
        assert_eq!(shown("staging.orders", &EnvironmentName::prod()), "staging.orders");
        let long = ["one", "two"].map(|end| shown(&format!("s.{}_{end}", "t".repeat(60)), &branch));
        assert_ne!(long[0], long[1]);
        assert!(long.iter().all(|view| view.len() <= "s.".len() + 63 && view.ends_with("__x_1")), "{long:?}");
    }

    #[test]
    fn views_that_would_meet_those_of_production_are_found() {
        let models = [model("s.a"), model("s.A__x_1"), model("orders"), model("default.orders"), model("t.a")];
        let clashes = view_clashes(&models, beside(&EnvironmentName::new("x_1")));
        assert!(matches!(&clashes[0], Clash::ProductionView { view, owner, model: of }
            if view.name == "a__x_1" && *owner == models[1] && *of == models[0]));
        assert!(matches!(&clashes[1], Clash::OneView { view, .. } if view.to_string() == "default.orders__x_1"));
        assert_eq!(clashes.len(), 2);
        assert_eq!(view_clashes(&models[..2], beside(&EnvironmentName::new("y_1"))), []);
        assert_eq!(view_clashes(&models[..2], beside(&EnvironmentName::prod())), []);

        // The catalog that is not stated may be the one that is.
        let stated = [model("s.a"), model("w.s.a__x_1"), model("v.s.a")];
        let clashes = view_clashes(&stated, beside(&EnvironmentName::new("x_1")));
        assert!(matches!(&clashes[..], [Clash::ProductionView { owner, model, .. }]
            if *owner == stated[1] && *model == stated[0]));
    }

    #[test]
    fn tables_of_schemas_that_are_mapped_to_one_do_not_meet() {
        let schemas = PhysicalSchemas::mapped(&[("^a$", "One"), ("", "two")]);
        let table = |name: &str| physical_table(&key(name, "x"), &schemas, IdentifierLimit::SMALLEST).to_string();
        assert!(table("a.t").starts_with("One.t__") && table("c.a.t").starts_with("c.One.t__"), "{}", table("c.a.t"));
        assert!(["b.t", "d.t", "t"].iter().all(|name| table(name).starts_with("two.t__")));
        let names: std::collections::BTreeSet<String> = ["b.t", "d.t", "t", "b.\"T\""].map(table).into();
        assert_eq!(names.len(), 4, "{names:?}");
        assert!(is_like_physical(&physical_table(&key("b.t", "x"), &schemas, IdentifierLimit::SMALLEST)));
        for (schema, name, is_like) in
            [("two", "t", false), ("two", "t__0123456789abcdeg", false), ("offshoot__a", "t", true)]
        {
            let name = TableName { catalog: None, schema: schema.into(), name: name.into() };
            assert_eq!(is_like_physical(&name), is_like, "{name}");
        }
    }

    #[test]
    fn a_schema_takes_tables_or_views() {
        let models = ["a.t", "x.b.t", "c.t", "t"].map(model);
        let environment = EnvironmentName::new("x_1");
        let clashes = |schema: &str, layout: Layout<'_>| {
            let schemas = PhysicalSchemas::mapped(&[("^a$", schema)]);
            let found = physical_clashes(models.iter().take(1), models.iter().skip(1), layout, &schemas);
            found
                .iter()
                .map(|clash| match clash {
                    Clash::PhysicalSchema { viewed, .. } => viewed.to_string(),
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>()
        };
        let own = layout(&environment);
        assert_eq!(clashes("C", own), ["c.t"], "production's");
        assert_eq!(clashes("c__x_1", own), ["c.t"], "the environment's");
        assert_eq!(clashes("b", own), ["x.b.t"], "the catalog that is not stated may be the one that is");
        assert_eq!(clashes("default", own), ["t"]);
        assert_eq!(clashes("default__x_1", own), ["t"]);
        assert!(["a", "c__x_2", "tables"].iter().all(|schema| clashes(schema, own).is_empty()));
        assert!(clashes("c__x_1", beside(&environment)).is_empty());
        let schemas = PhysicalSchemas::mapped(&[("^b$", "d")]);
        let elsewhere = [model("y.d.t"), model("x.d.t")];
        let found = |at: usize| physical_clashes(models[1..2].iter(), elsewhere[at..=at].iter(), own, &schemas).len();
        assert_eq!((found(0), found(1)), (0, 1), "in another catalog it is another schema");
    }

    fn is_plain(text: &str) -> bool {
        !text.is_empty() && text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    }

    proptest! {
        #[test]
        fn an_environment_of_any_branch_is_short_plain_and_not_reserved(branch in "\\PC{1,90}", number: u64) {
            for disambiguator in [Disambiguator::PullRequest(number), Disambiguator::FullRef] {
                let name = named(&format!("refs/heads/{branch}"), disambiguator);
                prop_assert!(name.len() <= ENVIRONMENT_BYTES && is_plain(&name), "{}", name);
                // What this module makes, it also takes.
                prop_assert_eq!(parse_environment_name(&name, "main").map(|name| name.to_string()), Ok(name));
            }
        }

        #[test]
        fn any_model_has_a_plain_table_name_that_fits(parts in prop::collection::vec("\\PC{1,90}", 1..=3)) {
            let model = ModelName::from_parts(parts).expect("one to three parts");
            let key = TableKey { model, data_fingerprint: Digest::of("test", "a") };
            let table = physical_table(&key, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST);
            prop_assert!(table.schema.len() <= 63 && table.name.len() <= 63, "{}", table);
            prop_assert!(is_plain(&table.schema) && is_plain(&table.name), "{}", table);
            prop_assert!(table.name.ends_with(&key.digest().short(16)));
            let environment = EnvironmentName::new("e".repeat(40));
            let view = view_name(&key.model, layout(&environment));
            prop_assert!(view.schema.len() <= 63, "{}", view);
            let view = view_name(&key.model, beside(&environment));
            prop_assert!(view.name.len() <= 63, "{}", view);
        }

        #[test]
        fn distinct_keys_have_distinct_tables(
            one in prop::collection::vec("[aA_é.\"]{1,3}", 1..=3),
            two in prop::collection::vec("[aA_é.\"]{1,3}", 1..=3),
            fingerprints in ("[ab]", "[ab]"),
        ) {
            let table = |parts: &[String], fingerprint: &str| {
                let model = ModelName::from_parts(parts.to_vec()).expect("one to three parts");
                let data_fingerprint = Digest::of("test", fingerprint);
                physical_table(&TableKey { model, data_fingerprint }, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST).name
            };
            let same = one == two && fingerprints.0 == fingerprints.1;
            let hash = |name: String| name[name.len() - 16..].to_owned();
            prop_assert_eq!(hash(table(&one, &fingerprints.0)) == hash(table(&two, &fingerprints.1)), same);
        }

        #[test]
        fn sanitising_twice_changes_nothing(text in "\\PC{0,60}") {
            let once = sanitise(&text);
            prop_assert_eq!(sanitise(&once), once);
        }
    }
}
