//! Two roles in one database: ours takes over what it shows, and every way of the other one to it is looked for in the
//! catalogue.
//!
//! A role counts as the outsider's when it is one, or a member of it, whether it inherits or must say `SET ROLE`.

mod holes;

use super::session::PostgresSession;
use crate::engine::{Breach, META_SCHEMA, Result, ShownByProduction, Wall};
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

fn role(name: &str) -> String {
    quote_identifier(Dialect::Postgres, name)
}

fn literal(text: &str) -> String {
    text_literal(Dialect::Postgres, text)
}
