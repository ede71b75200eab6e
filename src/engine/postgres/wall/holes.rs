//! Every way of the role that builds pull requests to what production shows, as the catalogue has it.

use super::{OURS, WithMeta, literal, relations, role, schemas};
use crate::engine::postgres::session::PostgresSession;
use crate::engine::{Breach, Result, ShownByProduction, Way};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::{quote_identifier, quote_table};

impl PostgresSession {
    pub(super) fn powers(&mut self, outsider: &str) -> Result<Option<Breach>> {
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
    pub(super) fn open_schemas(&mut self, outsider: &str, shown: ShownByProduction<'_>) -> Result<Vec<Breach>> {
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
    pub(super) fn open_relations(
        &mut self,
        outsider: &str,
        (kind, names): (&str, &[TableName]),
    ) -> Result<Vec<Breach>> {
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

    pub(super) fn not_taken(&mut self, tables: &[TableName]) -> Result<Vec<Breach>> {
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
    pub(super) fn hanging(&mut self, outsider: &str, tables: &[TableName]) -> Result<Vec<Breach>> {
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
            let remedy = format!("drop it, and change the model whose statements made it: {what}");
            Some(Breach { what: format!("table `{table}`"), way: Way::Hangs { what }, remedy })
        };
        Ok(rows.into_iter().filter_map(breach).collect())
    }

    /// An unqualified call takes the function that fits best wherever it is on the path, so a schema that the outsider can
    /// write, or make, would have production run its code.
    pub(super) fn on_search_path(&mut self, outsider: &str) -> Result<Vec<Breach>> {
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

/// What a person may run, as text of a sentence.
fn statement(sql: &str) -> String {
    format!("`{sql}`")
}
