//! Several models of one definition, and macros in properties.

use super::*;
use crate::sql::{Placeholder, Template};

fn rendered(template: &Template) -> String {
    template.render(&[], &|placeholder| match placeholder {
        Placeholder::This(name) => format!("<this {name}>"),
        other => format!("{other:?}"),
    })
}

/// Name, owner and query of each model.
fn models(loaded: &Loaded) -> Vec<(String, String, String)> {
    assert!(!crate::problem::has_errors(&loaded.problems), "{}", told(loaded));
    let one = |model: &Arc<Model>| {
        let query = model.query.as_ref().map(|query| rendered(query.template())).unwrap_or_default();
        (model.name.to_string(), model.properties.owner.clone().unwrap_or_default(), query)
    };
    loaded.project.models.values().map(one).collect()
}

const TWO: &str = "MODEL (
  name @{customer}.orders,
  kind FULL,
  owner @owner_name,
  blueprints (
    (customer := acme, field := id, owner_name := 'Ann''s team', n := 1),
    (customer := beta, field := \"Key\", owner_name := bob, n := 2),
  )
);
@DEF(twice, @n * 2);
SET schema = '@none';
SELECT @field AS k, @twice AS n, @BLUEPRINT_VAR('nobody', 7) AS d, '@{customer}' AS s, @'@{customer}' AS t
FROM raw_@{customer}.orders";

#[test]
fn one_definition_makes_several_models() {
    let loaded = file(TWO);
    let query = |field: &str, n: u32, customer: &str| {
        format!(
            "SELECT {field} AS k, {n} * 2 AS n, 7 AS d, '@{{customer}}' AS s, '{customer}' AS t\nFROM raw_{customer}.orders"
        )
    };
    assert_eq!(
        models(&loaded),
        [
            ("acme.orders".to_owned(), "Ann's team".to_owned(), query("id", 1, "acme")),
            ("beta.orders".to_owned(), "bob".to_owned(), query("\"Key\"", 2, "beta")),
        ]
    );
    let sources: BTreeSet<_> = loaded.project.models.values().map(|model| model.source).collect();
    assert_eq!(sources.len(), 2, "each is told from the other");
}

/// Keeps everything.
#[derive(Debug, Default)]
struct Kept(std::sync::Mutex<BTreeMap<crate::hash::Digest, StoredFile>>);

impl Shelf for Kept {
    fn get(&self, key: crate::hash::Digest) -> Option<StoredFile> {
        self.0.lock().expect("a shelf").get(&key).cloned()
    }

    fn put(&self, key: crate::hash::Digest, file: &StoredFile) {
        self.0.lock().expect("a shelf").insert(key, file.clone());
    }
}

#[test]
fn what_lies_on_a_shelf_knows_the_names_of_a_single_blueprint() {
    let shelf = Kept::default();
    let load_with = |filter: &str| {
        let text = format!(
            "{CONFIG}//- models/a.sql\nMODEL (name @{{customer}}.orders, kind FULL, audits (few), blueprints ((customer := acme)));\n\
             SELECT 1 AS x\n//- audits/few.sql\nAUDIT (name few);\nSELECT * FROM @this_model WHERE x = '@customer' OR @customer = {filter}\n"
        );
        let tree = TextTree::parse(&text);
        let cache = ModelCache::new();
        load(&tree, &Surroundings { environment: &BTreeMap::new(), gateway: None, cache: &cache, shelf: Some(&shelf) })
    };
    for filter in ["1", "2"] {
        let loaded = load_with(filter);
        assert_eq!(loaded.problems, [], "{filter}");
        let audits: Vec<_> = model(&loaded).own_audits.values().map(|audit| rendered(audit.query.template())).collect();
        assert_eq!(
            audits,
            [format!("SELECT * FROM <this __offshoot_this_model> WHERE x = '@customer' OR acme = {filter}")]
        );
    }
}

#[test]
fn a_blueprints_value_has_no_macros() {
    let text = "MODEL (name @{customer}.orders, kind FULL, blueprints ((customer := acme, cut := @EACH([a], x -> x))));\n\
                SELECT @cut AS x";
    assert!(told(&file(text)).contains("the value of `@cut` has macros of its own"), "{}", told(&file(text)));
}

#[test]
fn what_was_read_before_is_all_of_them() {
    let tree = TextTree::parse(&format!("{CONFIG}//- models/a.sql\n{TWO}\n"));
    let cache = ModelCache::new();
    let surroundings = Surroundings { environment: &BTreeMap::new(), gateway: None, cache: &cache, shelf: None };
    let (first, read) = scan_like(&tree, &surroundings, None);
    let (again, _) = scan_like(&tree, &surroundings, Some(&read));
    assert_eq!((models(&first).len(), models(&again)), (2, models(&first)));
}

#[test]
fn a_list_may_come_from_a_macro() {
    let loaded = file(
        "MODEL (name s.@{part}, kind VIEW, blueprints @EACH(['a', 'b'], x -> (part := @SQL('@x'), n := @x)));\nSELECT @n AS x",
    );
    let names: Vec<_> = models(&loaded).into_iter().map(|(name, _, query)| (name, query)).collect();
    let expected = [("s.a", "SELECT 'a' AS x"), ("s.b", "SELECT 'b' AS x")];
    assert_eq!(names, expected.map(|(name, query)| (name.to_owned(), query.to_owned())));
}

#[test]
fn mistakes_are_told_at_their_place() {
    for (properties, what) in [
        ("name s.a, blueprints ()", "`blueprints` names no model"),
        ("name s.a, blueprints (1, 2)", "`blueprints` must be a list of lists of names with their values"),
        ("name s.a, blueprints @my_python()", "there is no macro `@my_python(…)`"),
        ("name s.a, blueprints ((x := 1), (x := 2))", "model `s.a` is defined twice"),
        ("name s.@{x}, blueprints ((y := 1), (y := 2))", "models/a.sql:1:15: `@x` is neither"),
        ("name s.a, owner @nobody", "models/a.sql:1:24: `@nobody` is neither"),
        ("name s.a, start @start_ds", "`start` cannot depend on what is only known when a statement runs"),
        ("name s.a, kind @IF(TRUE, NO_SUCH_KIND)", "NO_SUCH_KIND"),
    ] {
        let told = told(&file(&format!("MODEL ({properties});\nSELECT 1 AS x")));
        assert!(told.contains(what), "{properties}: {told}");
    }
}

#[test]
fn properties_may_have_macros() {
    let loaded = file(
        "MODEL (name @{schema_name}.a, kind @IF(@gateway = 'local', FULL, VIEW), cron @daily, tags (@region, @EVAL(1 + 1)));\n\
         SELECT 1 AS x;\nCREATE INDEX i ON @this_model (x)",
    );
    let model = model(&loaded);
    assert_eq!((model.name.to_string().as_str(), model.kind.name().text()), ("raw.a", "FULL"));
    assert_eq!(model.properties.tags.iter().map(String::as_str).collect::<Vec<_>>(), ["2", "eu"]);
    assert_eq!(rendered(&model.post_statements[0]), "CREATE INDEX i ON <this raw.a> (x)");
}

#[test]
fn a_name_may_be_written_with_its_at_sign() {
    for dialect in ["duckdb", "tsql", "bigquery"] {
        let text = format!(
            "MODEL (name s.@n, dialect {dialect}, blueprints ((n := a, @uk := id), (@n := b, @uk := CONCAT(x, 'y'))));\nSELECT @uk AS k"
        );
        let loaded = file(&text);
        assert_eq!(codes(&loaded), Vec::<&str>::new(), "{dialect}: {}", told(&loaded));
        assert_eq!(loaded.project.models.len(), 2);
    }
}
