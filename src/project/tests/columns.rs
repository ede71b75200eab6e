//! Macros that ask for the columns of other tables.

use super::*;

fn text_of(loaded: &Loaded, name: &str) -> String {
    let model = &loaded.project.models[&model_name(name, Dialect::DuckDb).expect("a name")];
    model.query.as_ref().expect("a query").text().trim().to_owned()
}

fn source_of(loaded: &Loaded, name: &str) -> crate::hash::Digest {
    loaded.project.models[&model_name(name, Dialect::DuckDb).expect("a name")].source
}

const TABLES: &str = "//- external_models.yaml
- name: raw.a
  columns: {Id: INT, name: TEXT, old: DATE}
- name: raw.b
  columns: {name: VARCHAR, id: INTEGER, old: TEXT}
//- models/declared.sql
MODEL (name s.declared, kind FULL, columns (x INT, y TEXT));
SELECT * FROM raw.a
//- models/plain.sql
MODEL (name s.plain, kind FULL);
SELECT x, y AS \"Z\", 1 AS one FROM s.declared
//- models/seed.sql
MODEL (name s.seed, kind SEED (path '$root/seeds/s.csv'));
//- seeds/s.csv
k,v
1,a
";

#[test]
fn columns_are_those_of_tables_seeds_and_models() {
    let loaded = loaded(&format!(
        "{TABLES}//- models/star.sql
MODEL (name s.star, kind FULL);
SELECT @STAR(s.declared, d, prefix := 'p_'), @STAR(s.plain, p, prefix := 'q_'), @STAR(s.seed, e, suffix := '_s')
FROM s.declared AS d, s.plain AS p, s.seed AS e
//- models/all.sql
MODEL (name s.all_of_them, kind FULL);
@UNION('all', raw.a, raw.b)
//- models/chain.sql
MODEL (name s.chain, kind FULL);
SELECT @STAR(s.all_of_them, prefix := 'c_') FROM s.all_of_them
"
    ));
    assert_eq!(loaded.problems, []);
    assert_eq!(
        text_of(&loaded, "s.star"),
        "SELECT CAST(d.\"x\" AS INT) AS \"p_x\", CAST(d.\"y\" AS TEXT) AS \"p_y\", p.\"x\" AS \"q_x\", p.\"z\" AS \"q_z\", \
         p.\"one\" AS \"q_one\", CAST(e.\"k\" AS BIGINT) AS \"k_s\", CAST(e.\"v\" AS TEXT) AS \"v_s\"\n\
         FROM s.declared AS d, s.plain AS p, s.seed AS e"
    );
    let one = "SELECT CAST(\"id\" AS INT) AS \"id\", CAST(\"name\" AS TEXT) AS \"name\" FROM raw.";
    assert_eq!(text_of(&loaded, "s.all_of_them"), format!("{one}a UNION ALL {one}b"));
    assert_eq!(
        text_of(&loaded, "s.chain"),
        "SELECT all_of_them.\"id\" AS \"c_id\", all_of_them.\"name\" AS \"c_name\" FROM s.all_of_them"
    );
}

/// What a model reads is what it was read from: another column, another source.
#[test]
fn a_model_moves_with_the_columns_that_it_lists() {
    let with = |columns: &str| {
        let fixture = format!(
            "//- models/a.sql\nMODEL (name s.a, kind FULL, columns ({columns}));\nSELECT 1 AS x, 2 AS y\n//- models/b.sql\n\
             MODEL (name s.b, kind FULL);\nSELECT @STAR(s.a, prefix := 'p_') FROM s.a\n"
        );
        let loaded = loaded(&fixture);
        assert!(loaded.problems.iter().all(|problem| problem.code == "other-columns"), "{:?}", loaded.problems);
        (text_of(&loaded, "s.b"), source_of(&loaded, "s.b"))
    };
    let (text, source) = with("x INT, y INT");
    assert_eq!(with("x INT,  y INT"), (text.clone(), source));
    for other in ["x INT, y TEXT", "x INT, z INT", "x INT", "y INT, x INT"] {
        let (other_text, other_source) = with(other);
        assert!(other_text != text && other_source != source, "{other}");
    }
}

/// The same whether the queries are kept between runs or not, and whatever was read before.
#[test]
fn a_file_that_asks_is_read_each_time() {
    let fixture = format!(
        "{CONFIG}{TABLES}//- models/chain.sql\nMODEL (name s.chain, kind FULL);\nSELECT @STAR(s.plain, prefix := 'c_') FROM s.plain\n"
    );
    let (tree, cache, environment) = (TextTree::parse(&fixture), ModelCache::new(), BTreeMap::new());
    let shelf = Kept::default();
    let surroundings = |shelf| Surroundings { environment: &environment, gateway: None, cache: &cache, shelf };
    let (first, read) = scan_like(&tree, &surroundings(None), None);
    let expected = (text_of(&first, "s.chain"), source_of(&first, "s.chain"));
    assert_eq!(
        expected.0,
        "SELECT plain.\"x\" AS \"c_x\", plain.\"z\" AS \"c_z\", plain.\"one\" AS \"c_one\" FROM s.plain"
    );
    let again = scan_like(&tree, &surroundings(None), Some(&read)).0;
    let stored = [(); 2].map(|()| scan(&tree, &surroundings(Some(&shelf))));
    for loaded in std::iter::once(again).chain(stored) {
        assert_eq!(loaded.problems, []);
        assert_eq!((text_of(&loaded, "s.chain"), source_of(&loaded, "s.chain")), expected);
    }
}

#[derive(Debug, Default)]
struct Kept(std::sync::Mutex<BTreeMap<crate::hash::Digest, StoredFile>>);

impl Shelf for Kept {
    fn get(&self, key: crate::hash::Digest) -> Option<StoredFile> {
        self.0.lock().expect("no panic").get(&key).cloned()
    }

    fn put(&self, key: crate::hash::Digest, file: &StoredFile) {
        self.0.lock().expect("no panic").insert(key, file.clone());
    }
}

#[test]
fn columns_that_nobody_knows_are_told_with_their_place() {
    let loaded = loaded(&format!(
        "{TABLES}//- models/a.sql
MODEL (name s.a, kind FULL);
SELECT
  @STAR(s.b, prefix := 'p_') FROM s.b
//- models/b.sql
MODEL (name s.b, kind FULL);
SELECT @STAR(s.a, prefix := 'p_') FROM s.a
//- models/c.sql
MODEL (name s.c, kind FULL);
@UNION('all', s.declared, s.open)
//- models/open.sql
MODEL (name s.open, kind FULL);
SELECT * FROM raw.a
//- models/d.sql
MODEL (name s.d, kind FULL, audits (own()));
SELECT 1 AS x
//- audits/own.sql
AUDIT (name own);
SELECT @STAR(s.declared, prefix := 'p_') FROM s.declared
"
    ));
    let told: Vec<_> = loaded
        .problems
        .iter()
        .filter(|told| told.code == "unknown-macro")
        .map(|told| (told.path.as_ref().map(FilePath::as_str), told.line, told.column, told.message.as_str()))
        .collect();
    let place = |path, line, column, message| (Some(path), Some(line), Some(column), message);
    assert_eq!(
        told,
        [
            place("audits/own.sql", 2, 8, "the columns of `s.declared` are not known here"),
            place("models/a.sql", 3, 3, "the columns of `s.b` are not known here"),
            place("models/b.sql", 2, 8, "the columns of `s.a` are not known here"),
            place("models/c.sql", 2, 1, "the columns of `s.open` are not known here"),
        ]
    );
}

#[test]
fn blueprints_ask_too() {
    let loaded = loaded(&format!(
        "{TABLES}//- models/both.sql
MODEL (name s.@which, kind FULL, blueprints ((which := one, of := s.declared), (which := two, of := s.plain)));
SELECT @STAR(@of, t, prefix := 'p_') FROM @of AS t
"
    ));
    assert_eq!(loaded.problems, []);
    assert_eq!(
        text_of(&loaded, "s.one"),
        "SELECT CAST(t.\"x\" AS INT) AS \"p_x\", CAST(t.\"y\" AS TEXT) AS \"p_y\" FROM s.declared AS t"
    );
    assert!(text_of(&loaded, "s.two").contains("t.\"one\" AS \"p_one\""));
}

/// As SQLMesh, which takes the types from the same casts; nothing else is told of a union that cannot be.
#[test]
fn a_union_knows_the_types_of_casts() {
    let loaded = loaded(&format!(
        "{TABLES}//- models/one.sql
MODEL (name s.one, kind FULL);
SELECT x::INT AS id, (CAST(y AS TEXT)) AS nm, x::DATE AS day FROM s.declared
//- models/two.sql
MODEL (name s.two, kind FULL);
SELECT TRY_CAST(x AS TEXT) AS nm, x::INTEGER AS id, x::TIMESTAMP AS day FROM s.declared
//- models/both.sql
MODEL (name s.both, kind VIEW);
@UNION('all', s.one, s.two)
//- models/several.sql
MODEL (name s.several, kind FULL);
SELECT x::INT AS id FROM s.declared UNION ALL SELECT x::DOUBLE AS id FROM s.declared
//- models/unknown.sql
MODEL (name s.unknown, kind VIEW);
@UNION('all', s.one, s.several)
"
    ));
    let of =
        |table: &str| format!("SELECT CAST(\"id\" AS INT) AS \"id\", CAST(\"nm\" AS TEXT) AS \"nm\" FROM s.{table}");
    assert_eq!(text_of(&loaded, "s.both"), format!("{} UNION ALL {}", of("one"), of("two")));
    let told: Vec<_> = loaded.problems.iter().map(|problem| (problem.code, problem.message.as_str())).collect();
    assert_eq!(told, [("unknown-macro", "the types of column `id` of these tables are not all known here")]);
}
