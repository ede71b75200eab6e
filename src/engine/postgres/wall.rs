//! Two roles in one database: ours takes over what it shows, and every way of the other one to it is looked for in the
//! catalogue.
//!
//! A role counts as the outsider's when it is one, or a member of it, whether it inherits or must say `SET ROLE`.

use super::session::PostgresSession;
use crate::engine::{Breach, META_SCHEMA, Result, ShownByProduction, Wall, Way};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::{quote_identifier, quote_table, text_literal};

/// Our role as the catalogue numbers it.
const OURS: &str = "(SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)";

/// As for views: where a reader has a table, it is we who give way.
const PATIENCE: &str = "300ms";

/// Who may do what with the tables of `offshoot__meta`, besides the owner.
const META_RIGHTS: [(&str, &str); 4] = [
    ("warehouse", "SELECT"),
    ("promotions", "SELECT"),
    ("objects", "SELECT, INSERT, DELETE"),
    ("fences", "SELECT, INSERT, UPDATE"),
];

/// What the others may write there: about tables and views of their own or that are not there, and no token of an
/// environment that was ever promoted to.
const META_POLICIES: &str = "
ALTER TABLE offshoot__meta.objects ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS offshoot_read ON offshoot__meta.objects;
CREATE POLICY offshoot_read ON offshoot__meta.objects FOR SELECT USING (true);
DROP POLICY IF EXISTS offshoot_record ON offshoot__meta.objects;
CREATE POLICY offshoot_record ON offshoot__meta.objects FOR INSERT WITH CHECK (EXISTS (
  SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = schema_name AND c.relname = object_name AND pg_catalog.pg_has_role(c.relowner, 'USAGE')));
DROP POLICY IF EXISTS offshoot_forget ON offshoot__meta.objects;
CREATE POLICY offshoot_forget ON offshoot__meta.objects FOR DELETE USING (NOT EXISTS (
  SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = schema_name AND c.relname = object_name AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')));
ALTER TABLE offshoot__meta.fences ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS offshoot_read ON offshoot__meta.fences;
CREATE POLICY offshoot_read ON offshoot__meta.fences FOR SELECT USING (true);
DROP POLICY IF EXISTS offshoot_begin ON offshoot__meta.fences;
CREATE POLICY offshoot_begin ON offshoot__meta.fences FOR INSERT WITH CHECK (NOT EXISTS (
  SELECT FROM offshoot__meta.promotions AS p
  WHERE pg_catalog.starts_with(subject, 'environment ' || p.environment || ' of project ')));
DROP POLICY IF EXISTS offshoot_go_on ON offshoot__meta.fences;
CREATE POLICY offshoot_go_on ON offshoot__meta.fences FOR UPDATE USING (NOT EXISTS (
  SELECT FROM offshoot__meta.promotions AS p
  WHERE pg_catalog.starts_with(subject, 'environment ' || p.environment || ' of project ')))
";

impl Wall for PostgresSession {
    fn outsider(&self) -> String {
        self.outsider_role().unwrap_or_default().to_owned()
    }

    fn take_over(&mut self, tables: &[TableName]) -> Result<()> {
        let ours = self.our_role()?;
        let mut statements = Vec::new();
        for (schema, owner) in self.schemas_of_others(tables)? {
            let name = quote_identifier(Dialect::Postgres, &schema);
            let rights = if schema == META_SCHEMA { "USAGE" } else { "USAGE, CREATE" };
            statements.push(format!("ALTER SCHEMA {name} OWNER TO {}", role(&ours)));
            statements.push(format!("GRANT {rights} ON SCHEMA {name} TO {}", role(&owner)));
        }
        for (table, owner) in self.tables_of_others(tables)? {
            let name = quote_table(Dialect::Postgres, &table);
            statements.push(format!("ALTER TABLE {name} OWNER TO {}", role(&ours)));
            statements.push(format!("GRANT SELECT ON {name} TO {}", role(&owner)));
        }
        if statements.is_empty() {
            return Ok(());
        }
        self.send(&format!("SET LOCAL lock_timeout = '{PATIENCE}'"))?;
        for statement in statements {
            self.send(&statement)?;
        }
        self.send("SET LOCAL lock_timeout TO DEFAULT").map(drop)
    }

    fn open_up(&mut self, shown: ShownByProduction<'_>) -> Result<()> {
        let outsider = self.outsider();
        if self.our_role()? == outsider {
            return Ok(());
        }
        let mut statements = self.lacking_on_schemas(&outsider, shown)?;
        statements.extend(self.lacking_select(&outsider, shown.tables)?);
        statements.extend(self.lacking_select(&outsider, shown.views)?);
        statements.extend(self.lacking_on_meta(&outsider)?);
        match statements.is_empty() {
            true => Ok(()),
            false => self.send(&statements.join(";\n")).map(drop),
        }
    }

    fn share(&mut self, tables: &[TableName]) -> Result<()> {
        let outsider = self.outsider();
        if self.our_role()? == outsider {
            return Ok(());
        }
        let statements = self.lacking_select(&outsider, tables)?;
        match statements.is_empty() {
            true => Ok(()),
            false => self.send(&statements.join(";\n")).map(drop),
        }
    }

    fn breaches(&mut self, shown: ShownByProduction<'_>) -> Result<Vec<Breach>> {
        let outsider = self.outsider();
        if let Some(breach) = self.powers(&outsider)? {
            return Ok(vec![breach]);
        }
        let mut found = self.open_schemas(&outsider, shown)?;
        found.extend(self.open_relations(&outsider, ("table", shown.tables))?);
        found.extend(self.open_relations(&outsider, ("view", shown.views))?);
        found.extend(self.not_taken(shown.tables)?);
        found.extend(self.hanging(&outsider, shown.tables)?);
        found.extend(self.on_search_path(&outsider)?);
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// Taking over.
impl PostgresSession {
    /// Schemas of tables that a role has of which ours is a member, with that role; the one of what the warehouse says of
    /// itself, too.
    fn schemas_of_others(&mut self, tables: &[TableName]) -> Result<Vec<(String, String)>> {
        let rows = self.list(&format!(
            "SELECT n.nspname, pg_catalog.pg_get_userbyid(n.nspowner) FROM pg_catalog.pg_namespace AS n \
             WHERE n.nspname IN ({}) AND n.nspowner <> {OURS} \
             AND pg_catalog.pg_has_role(n.nspowner, 'USAGE') ORDER BY 1",
            schemas(tables.iter())
        ))?;
        Ok(rows.into_iter().filter_map(pair).collect())
    }

    /// The same of tables.
    fn tables_of_others(&mut self, tables: &[TableName]) -> Result<Vec<(TableName, String)>> {
        let rows = self.list(&format!(
            "SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner) {} \
             WHERE c.relowner <> {OURS} AND pg_catalog.pg_has_role(c.relowner, 'USAGE') \
             ORDER BY 1, 2",
            relations(tables, WithMeta::Yes)
        ))?;
        let table = |row: Vec<Option<String>>| {
            let [schema, name, owner]: [Option<String>; 3] = row.try_into().ok()?;
            Some((TableName { catalog: None, schema: schema?, name: name? }, owner?))
        };
        Ok(rows.into_iter().filter_map(table).collect())
    }

    fn our_role(&mut self) -> Result<String> {
        Ok(self.list("SELECT current_user")?.into_iter().flatten().flatten().next().unwrap_or_default())
    }
}

/// What the outsider needs and has not.
impl PostgresSession {
    fn lacking_on_schemas(&mut self, outsider: &str, shown: ShownByProduction<'_>) -> Result<Vec<String>> {
        let physical = schemas(shown.tables.iter());
        let rows = self.list(&format!(
            "SELECT n.nspname, r.name FROM pg_catalog.pg_namespace AS n \
             CROSS JOIN (VALUES ('USAGE'), ('CREATE')) AS r (name) \
             WHERE n.nspname IN ({}) AND (r.name = 'USAGE' OR (n.nspname IN ({physical}) AND n.nspname <> {})) \
             AND NOT pg_catalog.has_schema_privilege({}, n.oid, r.name) ORDER BY 1, 2",
            schemas(shown.tables.iter().chain(shown.views)),
            literal(META_SCHEMA),
            literal(outsider)
        ))?;
        let grant = |(schema, right): (String, String)| {
            format!("GRANT {right} ON SCHEMA {} TO {}", quote_identifier(Dialect::Postgres, &schema), role(outsider))
        };
        Ok(rows.into_iter().filter_map(pair).map(grant).collect())
    }

    fn lacking_select(&mut self, outsider: &str, names: &[TableName]) -> Result<Vec<String>> {
        let rows = self.list(&format!(
            "SELECT n.nspname, c.relname {} WHERE NOT pg_catalog.has_table_privilege({}, c.oid, 'SELECT') ORDER BY 1, 2",
            relations(names, WithMeta::No),
            literal(outsider)
        ))?;
        let grant = |(schema, name): (String, String)| {
            let table = quote_table(Dialect::Postgres, &TableName { catalog: None, schema, name });
            format!("GRANT SELECT ON {table} TO {}", role(outsider))
        };
        Ok(rows.into_iter().filter_map(pair).map(grant).collect())
    }

    fn lacking_on_meta(&mut self, outsider: &str) -> Result<Vec<String>> {
        let is_done = self.list(&format!(
            "SELECT count(*) FROM pg_catalog.pg_policy AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid \
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relrowsecurity",
            literal(META_SCHEMA)
        ))?;
        let policies = is_done.into_iter().flatten().flatten().next().as_deref() != Some("6");
        let mut statements: Vec<String> = Vec::new();
        if policies {
            statements.extend(META_POLICIES.split(';').map(|statement| statement.trim().to_owned()));
        }
        for (table, rights) in META_RIGHTS {
            let table = quote_table(
                Dialect::Postgres,
                &TableName { catalog: None, schema: META_SCHEMA.to_owned(), name: table.to_owned() },
            );
            let lacks = rights.split(", ").map(|right| {
                format!(
                    "NOT pg_catalog.has_table_privilege({}, {}::pg_catalog.regclass, '{right}')",
                    literal(outsider),
                    literal(&table)
                )
            });
            let lacks = lacks.collect::<Vec<_>>().join(" OR ");
            let told = self.list(&format!("SELECT {lacks}"))?.into_iter().flatten().flatten().next();
            if told.as_deref() == Some("t") {
                statements.push(format!("GRANT {rights} ON {table} TO {}", role(outsider)));
            }
        }
        Ok(statements)
    }
}

/// Ways of the outsider.
impl PostgresSession {
    fn powers(&mut self, outsider: &str) -> Result<Option<Breach>> {
        let (what, name) = (format!("role `{outsider}`"), role(outsider));
        let told = self.list(&format!(
            "SELECT r.rolsuper, r.rolcreaterole, r.rolbypassrls, r.rolname = current_user, \
             pg_catalog.pg_has_role(r.oid, {OURS}, 'MEMBER'), current_user, (SELECT min(p.rolname::text) \
             FROM pg_catalog.pg_roles AS p WHERE p.rolname IN ('pg_write_all_data', 'pg_write_server_files', \
             'pg_execute_server_program', 'pg_maintain') AND pg_catalog.pg_has_role(r.oid, p.oid, 'MEMBER')) \
             FROM pg_catalog.pg_roles AS r WHERE r.rolname = {}",
            literal(outsider)
        ))?;
        let Some(told) = told.into_iter().next() else {
            let remedy = "name the role that there is in the gateway's connection".to_owned();
            return Ok(Some(Breach { what, way: Way::NoSuchRole, remedy }));
        };
        let cell = |index: usize| told.get(index).and_then(Option::as_deref);
        let (ours, all) = (role(cell(5).unwrap_or_default()), cell(6));
        let powers = [
            ("a superuser".to_owned(), statement(&format!("ALTER ROLE {name} NOSUPERUSER"))),
            (
                "allowed to make roles and so to become them".to_owned(),
                statement(&format!("ALTER ROLE {name} NOCREATEROLE")),
            ),
            ("above row level security".to_owned(), statement(&format!("ALTER ROLE {name} NOBYPASSRLS"))),
            (
                "the role of this run, too".to_owned(),
                "name two gateways with two roles in `gateways` of `offshoot.yaml`".to_owned(),
            ),
            ("a member of production's role".to_owned(), statement(&format!("REVOKE {ours} FROM {name}"))),
        ];
        let found = powers.into_iter().enumerate().find(|(index, _)| cell(*index) == Some("t")).map(|(_, power)| power);
        let all = all.map(|all| (format!("a member of `{all}`"), statement(&format!("REVOKE {all} FROM {name}"))));
        Ok(found.or(all).map(|(power, remedy)| Breach { what, way: Way::Power { power }, remedy }))
    }

    /// Who has a schema may drop all that is in it.
    fn open_schemas(&mut self, outsider: &str, shown: ShownByProduction<'_>) -> Result<Vec<Breach>> {
        let rows = self.list(&format!(
            "SELECT n.nspname, pg_catalog.pg_get_userbyid(n.nspowner), current_user FROM pg_catalog.pg_namespace AS n \
             WHERE n.nspname IN ({}) AND pg_catalog.pg_has_role({}, n.nspowner, 'MEMBER') ORDER BY 1",
            schemas(shown.tables.iter().chain(shown.views)),
            literal(outsider)
        ))?;
        let breach = |row: Vec<Option<String>>| {
            let [schema, owner, ours]: [Option<String>; 3] = row.try_into().ok()?;
            let (schema, owner) = (schema?, owner?);
            let name = quote_identifier(Dialect::Postgres, &schema);
            let remedy = statement(&format!("ALTER SCHEMA {name} OWNER TO {}", role(&ours?)));
            Some(Breach { what: format!("schema `{schema}`"), way: Way::Belongs { owner }, remedy })
        };
        Ok(rows.into_iter().filter_map(breach).collect())
    }

    /// Who has a table or view, and who was granted what with it or with one of its columns.
    fn open_relations(&mut self, outsider: &str, (kind, names): (&str, &[TableName])) -> Result<Vec<Breach>> {
        let with_meta = if kind == "table" { WithMeta::Promotions } else { WithMeta::No };
        let relations = relations(names, with_meta);
        let is_theirs = |role: &str| format!("pg_catalog.pg_has_role({}, {role}, 'MEMBER')", literal(outsider));
        let (owned, granted) = (is_theirs("c.relowner"), is_theirs("a.grantee"));
        let rows = self.list(&format!(
            "SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner), NULL, current_user {relations} WHERE {owned} \
             UNION ALL SELECT n.nspname, c.relname, \
             CASE a.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type, current_user \
             {relations} CROSS JOIN LATERAL (SELECT grantee, privilege_type FROM pg_catalog.aclexplode(c.relacl) \
             UNION SELECT e.grantee, e.privilege_type FROM pg_catalog.pg_attribute AS t, pg_catalog.aclexplode(t.attacl) AS e \
             WHERE t.attrelid = c.oid) AS a \
             WHERE a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') AND NOT {owned} \
             AND CASE a.grantee WHEN 0 THEN true ELSE {granted} END ORDER BY 1, 2, 3, 4"
        ))?;
        let breach = |row: Vec<Option<String>>| {
            let [schema, name, named, right, ours]: [Option<String>; 5] = row.try_into().ok()?;
            let table = TableName { catalog: None, schema: schema?, name: name? };
            let quoted = quote_table(Dialect::Postgres, &table);
            let (way, remedy) = match right {
                None => {
                    let remedy = format!("ALTER {} {quoted} OWNER TO {}", kind.to_uppercase(), role(&ours?));
                    (Way::Belongs { owner: named? }, remedy)
                }
                Some(right) => {
                    let from = named.as_deref().map_or_else(|| "PUBLIC".to_owned(), role);
                    (
                        Way::Right { role: named, right: right.clone() },
                        format!("REVOKE {right} ON {quoted} FROM {from}"),
                    )
                }
            };
            Some(Breach { what: format!("{kind} `{table}`"), way, remedy: statement(&remedy) })
        };
        Ok(rows.into_iter().filter_map(breach).collect())
    }

    fn not_taken(&mut self, tables: &[TableName]) -> Result<Vec<Breach>> {
        let rows = self.list(&format!(
            "SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner), current_user {} \
             WHERE c.relowner <> {OURS} ORDER BY 1, 2",
            relations(tables, WithMeta::No)
        ))?;
        let breach = |row: Vec<Option<String>>| {
            let [schema, name, owner, ours]: [Option<String>; 4] = row.try_into().ok()?;
            let (table, owner, ours) = (TableName { catalog: None, schema: schema?, name: name? }, owner?, ours?);
            let remedy = statement(&format!("GRANT {} TO {}", role(&owner), role(&ours)));
            Some(Breach { what: format!("table `{table}`"), way: Way::NotTaken { owner, ours }, remedy })
        };
        Ok(rows.into_iter().filter_map(breach).collect())
    }

    /// What may hang on a table that its former owner left there: it would go on writing, or run as whoever writes now.
    fn hanging(&mut self, outsider: &str, tables: &[TableName]) -> Result<Vec<Breach>> {
        let relations = relations(tables, WithMeta::No);
        let outsider = literal(outsider);
        let is_theirs = |owner: &str| format!("pg_catalog.pg_has_role({outsider}, {owner}, 'MEMBER')");
        let (function, kind) = (is_theirs("p.proowner"), is_theirs("t.typowner"));
        let rows = self.list(&format!(
            "WITH shown AS (SELECT n.nspname, c.relname, c.oid, c.relrowsecurity {relations}) \
             SELECT nspname, relname, 'trigger', t.tgname FROM shown \
             JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = shown.oid AND NOT t.tgisinternal \
             UNION ALL SELECT nspname, relname, 'rule', r.rulename FROM shown \
             JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = shown.oid \
             UNION ALL SELECT nspname, relname, 'foreign key', k.conname FROM shown \
             JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND shown.oid IN (k.conrelid, k.confrelid) \
             UNION ALL SELECT nspname, relname, 'inheritance with', \
             CASE WHEN i.inhparent = shown.oid THEN i.inhrelid ELSE i.inhparent END::pg_catalog.regclass::text FROM shown \
             JOIN pg_catalog.pg_inherits AS i ON shown.oid IN (i.inhparent, i.inhrelid) \
             UNION ALL SELECT nspname, relname, 'row level security', NULL FROM shown WHERE relrowsecurity \
             UNION ALL SELECT nspname, relname, 'function', p.proname FROM shown \
             JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND ( \
             (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid IN \
             (SELECT oid FROM pg_catalog.pg_attrdef WHERE adrelid = shown.oid)) OR \
             (d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.objid IN \
             (SELECT oid FROM pg_catalog.pg_constraint WHERE conrelid = shown.oid)) OR \
             (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid IN \
             (SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = shown.oid))) \
             JOIN pg_catalog.pg_proc AS p ON p.oid = d.refobjid AND {function} \
             UNION ALL SELECT nspname, relname, 'a column of type', t.typname FROM shown \
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = shown.oid AND a.attnum > 0 AND NOT a.attisdropped \
             JOIN pg_catalog.pg_type AS e ON e.oid = a.atttypid \
             JOIN pg_catalog.pg_type AS t ON t.oid IN (e.oid, e.typelem) AND {kind} ORDER BY 1, 2, 3, 4"
        ))?;
        let breach = |row: Vec<Option<String>>| {
            let [schema, name, what, called]: [Option<String>; 4] = row.try_into().ok()?;
            let table = TableName { catalog: None, schema: schema?, name: name? };
            let what = format!("{}{}", what?, called.map(|called| format!(" `{called}`")).unwrap_or_default());
            let remedy = format!("drop it, and change the model whose statements made it: {}", what);
            Some(Breach { what: format!("table `{table}`"), way: Way::Hangs { what }, remedy })
        };
        Ok(rows.into_iter().filter_map(breach).collect())
    }

    /// An unqualified call takes the function that fits best wherever it is on the path, so a schema that the outsider can
    /// write, or make, would have production run its code.
    fn on_search_path(&mut self, outsider: &str) -> Result<Vec<Breach>> {
        let rows = self.list(&format!(
            "SELECT n.nspname, NULL, session_user FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS path (name) \
             JOIN pg_catalog.pg_namespace AS n ON n.nspname = path.name \
             WHERE pg_catalog.has_schema_privilege({0}, n.oid, 'CREATE') \
             UNION ALL SELECT current_user, 'new', session_user \
             WHERE pg_catalog.current_setting('search_path') LIKE '%$user%' \
             AND pg_catalog.has_database_privilege({0}, pg_catalog.current_database(), 'CREATE') \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = current_user) ORDER BY 1",
            literal(outsider)
        ))?;
        let breach = |row: Vec<Option<String>>| {
            let [schema, new, login]: [Option<String>; 3] = row.try_into().ok()?;
            let schema = schema?;
            let (what, remedy) = match new {
                Some(_) => (
                    format!("schema `{schema}`, which role `{outsider}` could make,"),
                    format!("ALTER ROLE {} SET search_path = public", role(&login?)),
                ),
                None => (
                    format!("schema `{schema}`, in which role `{outsider}` may create,"),
                    format!(
                        "REVOKE CREATE ON SCHEMA {} FROM {}, PUBLIC",
                        quote_identifier(Dialect::Postgres, &schema),
                        role(outsider)
                    ),
                ),
            };
            Some(Breach { what, way: Way::OnSearchPath, remedy: statement(&remedy) })
        };
        Ok(rows.into_iter().filter_map(breach).collect())
    }
}

/// Which tables of `offshoot__meta` are looked at, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WithMeta {
    /// All of them.
    Yes,
    /// Those that only production writes.
    Promotions,
    /// None.
    No,
}

/// The tables and views of these names, as `n` and `c`.
fn relations(names: &[TableName], with_meta: WithMeta) -> String {
    let meta: &[&str] = match with_meta {
        WithMeta::Yes => &["warehouse", "objects", "promotions", "fences"],
        WithMeta::Promotions => &["warehouse", "promotions"],
        WithMeta::No => &[],
    };
    let pair = |schema: &str, name: &str| format!("({}, {})", literal(schema), literal(name));
    let meta = meta.iter().map(|name| pair(META_SCHEMA, name));
    let names: Vec<String> = names.iter().map(|name| pair(&name.schema, &name.name)).chain(meta).collect();
    // A list may not be empty.
    let names = if names.is_empty() { "(NULL, NULL)".to_owned() } else { names.join(", ") };
    format!(
        "FROM (VALUES {names}) AS wanted (schema, name) \
         JOIN pg_catalog.pg_namespace AS n ON n.nspname = wanted.schema \
         JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name"
    )
}

/// The schemas of names, and that of what the warehouse says of itself, as a list of texts.
fn schemas<'a>(names: impl Iterator<Item = &'a TableName>) -> String {
    let all: std::collections::BTreeSet<&str> = names.map(|name| name.schema.as_str()).chain([META_SCHEMA]).collect();
    all.into_iter().map(literal).collect::<Vec<_>>().join(", ")
}

fn pair(row: Vec<Option<String>>) -> Option<(String, String)> {
    let [one, other]: [Option<String>; 2] = row.try_into().ok()?;
    Some((one?, other?))
}

/// What a person may run, as text of a sentence.
fn statement(sql: &str) -> String {
    format!("`{sql}`")
}

fn role(name: &str) -> String {
    quote_identifier(Dialect::Postgres, name)
}

fn literal(text: &str) -> String {
    text_literal(Dialect::Postgres, text)
}
