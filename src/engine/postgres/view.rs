//! Views that are replaced where they stand, or made anew where their columns do not let that be.
//!
//! `CREATE OR REPLACE VIEW` keeps grants, owners, comments and whatever was built upon a view, but may only append columns.
//! Where it may not, the view is dropped and made in the same transaction and gets back what it had. Nothing is ever dropped
//! with `CASCADE`.

use super::catalog::{self, qualified};
use super::session::PostgresSession;
use crate::engine::{Dependents, EngineError, Result, ViewDefinition};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::{
    ViewReplacement, comment_on_column, comment_on_view, create_view, drop_view, quote_identifier, quote_table,
    text_literal,
};

/// So many views are tried in one round trip.
const AT_ONCE: usize = 64;
/// The server's word for a view whose columns may not become those.
const OTHER_COLUMNS: &str = "[42P16]";

/// Less than the second after which the server looks for deadlocks (`deadlock_timeout`): where a reader has one of our views
/// and waits for another, it is we who give way, and never the reader.
const PATIENCE: &str = "300ms";

/// Makes views and drops others, in the open transaction.
pub(super) fn define(
    session: &mut PostgresSession,
    made: &[ViewDefinition],
    dropped: &[TableName],
    dependents: Dependents,
) -> Result<()> {
    session.send(&format!("SET LOCAL lock_timeout = '{PATIENCE}'"))?;
    define_in_time(session, made, dropped, dependents)?;
    session.send("SET LOCAL lock_timeout TO DEFAULT").map(drop)
}

fn define_in_time(
    session: &mut PostgresSession,
    made: &[ViewDefinition],
    dropped: &[TableName],
    dependents: Dependents,
) -> Result<()> {
    for views in made.chunks(AT_ONCE) {
        let together: Vec<String> = views.iter().map(replace).collect();
        match session.attempt(|session| session.send(&together.join(";\n"))) {
            Ok(_) => {}
            Err(EngineError::Statement { .. }) => {
                views.iter().try_for_each(|view| define_one(session, view, dependents))?;
            }
            Err(error) => return Err(error),
        }
    }
    for view in dropped {
        without_dependents(session, view, Dependents::Refuse, |session| {
            session.send(&drop_view(Dialect::Postgres, view)).map(drop)
        })?;
    }
    Ok(())
}

fn define_one(session: &mut PostgresSession, view: &ViewDefinition, dependents: Dependents) -> Result<()> {
    match session.attempt(|session| session.send(&replace(view))) {
        Err(EngineError::Statement { message, .. }) if message.contains(OTHER_COLUMNS) => {
            without_dependents(session, &view.name, dependents, |session| make_anew(session, view))
        }
        other => other.map(drop),
    }
}

fn replace(view: &ViewDefinition) -> String {
    statements(view, ViewReplacement::InPlace).join(";\n")
}

fn statements(view: &ViewDefinition, replacement: ViewReplacement) -> Vec<String> {
    let mut statements = create_view(Dialect::Postgres, &view.name, &view.columns, &view.query, replacement);
    statements.extend(view.comment.as_ref().map(|comment| comment_on_view(Dialect::Postgres, &view.name, comment)));
    statements
}

/// Drops a view and makes it with other columns; it keeps its owner, its grants and its comments.
fn make_anew(session: &mut PostgresSession, view: &ViewDefinition) -> Result<()> {
    let kept = Kept::of(session, &view.name)?;
    session.send(&statements(view, ViewReplacement::DropFirst).join(";\n"))?;
    let comment = if view.comment.is_none() { Comment::Kept } else { Comment::Ours };
    kept.give_back(session, &ViewName { name: &view.name, comment })
}

/// Runs work that drops a view, with what was built upon it out of the way.
fn without_dependents(
    session: &mut PostgresSession,
    view: &TableName,
    dependents: Dependents,
    work: impl FnOnce(&mut PostgresSession) -> Result<()>,
) -> Result<()> {
    let upon = built_upon(session, view)?;
    let can_be_made_again = dependents == Dependents::Recreate && upon.iter().all(|object| object.kind == "v");
    if !upon.is_empty() && !can_be_made_again {
        let dependents = upon.iter().map(|object| object.name.to_string()).collect();
        return Err(EngineError::Dependents { view: view.to_string(), dependents });
    }
    let mut kept = Vec::new();
    for object in upon.iter().rev() {
        kept.push(Kept::of(session, &object.name)?);
        session.send(&drop_view(Dialect::Postgres, &object.name))?;
    }
    work(session)?;
    for (object, kept) in upon.iter().zip(kept.into_iter().rev()) {
        let name = quote_table(Dialect::Postgres, &object.name);
        session.send(&format!("CREATE VIEW {name}{} AS\n{}", object.options, object.definition))?;
        kept.give_back(session, &ViewName { name: &object.name, comment: Comment::Kept })?;
    }
    Ok(())
}

/// A view that reads another.
struct Upon {
    name: TableName,
    kind: String,
    definition: String,
    options: String,
}

/// What reads a view, whatever is between them: each after all that it reads itself.
fn built_upon(session: &mut PostgresSession, view: &TableName) -> Result<Vec<Upon>> {
    let sql = format!(
        "WITH RECURSIVE upon (oid, depth) AS ( \
         SELECT {}::pg_catalog.regclass::pg_catalog.oid, 0 UNION \
         SELECT r.ev_class, upon.depth + 1 FROM upon \
         JOIN pg_catalog.pg_depend AS d ON d.refobjid = upon.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass \
         AND d.classid = 'pg_catalog.pg_rewrite'::regclass \
         JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> upon.oid WHERE upon.depth < 100) \
         SELECT n.nspname, c.relname, c.relkind, pg_catalog.pg_get_viewdef(c.oid), \
         pg_catalog.array_to_string(c.reloptions, ', ') \
         FROM (SELECT oid, max(depth) AS depth FROM upon WHERE depth > 0 GROUP BY oid) AS found \
         JOIN pg_catalog.pg_class AS c ON c.oid = found.oid \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace ORDER BY found.depth, 1, 2",
        regclass(view)
    );
    let upon = |row: Vec<Option<String>>| {
        let [schema, name, kind, definition, options]: [Option<String>; 5] = row.try_into().ok()?;
        let options = options.map(|options| format!(" WITH ({options})")).unwrap_or_default();
        let name = TableName { catalog: None, schema: schema?, name: name? };
        Some(Upon { name, kind: kind?, definition: definition?, options })
    };
    Ok(qualified(session, &sql)?.into_iter().filter_map(upon).collect())
}

/// What a view loses when it is dropped.
struct Kept {
    owner: Option<String>,
    comment: Option<String>,
    /// What is said of its columns.
    columns: Vec<(String, String)>,
    /// What was granted; `None` where nobody ever granted or took anything.
    grants: Option<Vec<Grant>>,
}

/// Something that a role may do with a view or one column of it.
struct Grant {
    privilege: String,
    column: Option<String>,
    /// `None` is everybody.
    grantee: Option<String>,
    option: &'static str,
}

impl Kept {
    fn of(session: &mut PostgresSession, view: &TableName) -> Result<Self> {
        let class = regclass(view);
        let told = session.list(&format!(
            "SELECT pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.obj_description(c.oid, 'pg_class'), \
             c.relacl IS NOT NULL OR EXISTS (SELECT 1 FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid \
             AND a.attacl IS NOT NULL) FROM pg_catalog.pg_class AS c WHERE c.oid = {class}::pg_catalog.regclass"
        ))?;
        let told: Option<[Option<String>; 3]> = told.into_iter().next().and_then(|row| row.try_into().ok());
        let [owner, comment, is_granted] = told.unwrap_or_default();
        let grants = if is_granted.as_deref() == Some("t") { Some(Grant::of(session, view)?) } else { None };
        let columns = session.list(&format!(
            "SELECT a.attname, d.description FROM pg_catalog.pg_description AS d \
             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid \
             WHERE d.objoid = {class}::pg_catalog.regclass AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass \
             AND d.objsubid > 0 ORDER BY d.objsubid"
        ))?;
        let column = |row: Vec<Option<String>>| {
            let [name, comment]: [Option<String>; 2] = row.try_into().ok()?;
            Some((name?, comment?))
        };
        Ok(Self { owner, comment, columns: columns.into_iter().filter_map(column).collect(), grants })
    }

    fn give_back(self, session: &mut PostgresSession, view: &ViewName<'_>) -> Result<()> {
        let name = quote_table(Dialect::Postgres, view.name);
        let mut statements = Vec::new();
        if let (Some(comment), Comment::Kept) = (self.comment, view.comment) {
            statements.push(comment_on_view(Dialect::Postgres, view.name, &comment));
        }
        let columns = match self.columns.is_empty() && self.grants.is_none() {
            true => Vec::new(),
            false => catalog::columns(session, std::slice::from_ref(view.name))?.pop().flatten().unwrap_or_default(),
        };
        let is_there = |wanted: &String| columns.iter().any(|column| column.name == *wanted);
        let of_columns = self.columns.iter().filter(|(column, _)| is_there(column));
        statements.extend(
            of_columns.map(|(column, text)| comment_on_column(Dialect::Postgres, view.name, column, Some(text))),
        );
        if let Some(grants) = self.grants {
            let grants = grants.iter().filter(|grant| grant.column.as_ref().is_none_or(is_there));
            statements.push(format!("REVOKE ALL ON {name} FROM PUBLIC"));
            statements.extend(grants.map(|grant| grant.statement(&name)));
        }
        // Whoever gives a view away can grant nothing on it any more, so this comes last.
        if let Some(owner) = self.owner {
            let owner = quote_identifier(Dialect::Postgres, &owner);
            statements.push(format!("ALTER VIEW {name} OWNER TO {owner}"));
        }
        session.send(&statements.join(";\n")).map(drop)
    }
}

/// A view that gets back what it had.
struct ViewName<'a> {
    name: &'a TableName,
    comment: Comment,
}

/// Which comment a view has after it was made anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comment {
    /// The one that it had.
    Kept,
    /// One of ours.
    Ours,
}

impl Grant {
    fn of(session: &mut PostgresSession, view: &TableName) -> Result<Vec<Self>> {
        let class = regclass(view);
        let rows = session.list(&format!(
            "SELECT e.privilege_type, granted.attname, \
             CASE e.grantee WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(e.grantee) END, e.is_grantable \
             FROM (SELECT c.relacl, NULL::pg_catalog.name AS attname, c.relowner FROM pg_catalog.pg_class AS c \
             WHERE c.oid = {class}::pg_catalog.regclass \
             UNION ALL SELECT a.attacl, a.attname, c.relowner FROM pg_catalog.pg_attribute AS a \
             JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid WHERE c.oid = {class}::pg_catalog.regclass \
             ) AS granted, pg_catalog.aclexplode(granted.relacl) AS e WHERE e.grantee <> granted.relowner ORDER BY 2, 1, 3"
        ))?;
        let grant = |row: Vec<Option<String>>| {
            let [privilege, column, grantee, grantable]: [Option<String>; 4] = row.try_into().ok()?;
            let option = if grantable.as_deref() == Some("t") { " WITH GRANT OPTION" } else { "" };
            Some(Self { privilege: privilege?, column, grantee, option })
        };
        Ok(rows.into_iter().filter_map(grant).collect())
    }

    fn statement(&self, view: &str) -> String {
        let role = |role: &String| quote_identifier(Dialect::Postgres, role);
        let to = self.grantee.as_ref().map_or_else(|| "PUBLIC".to_owned(), role);
        let column = self.column.as_ref().map(|column| format!(" ({})", role(column))).unwrap_or_default();
        format!("GRANT {}{column} ON {view} TO {to}{}", self.privilege, self.option)
    }
}

/// A name as the catalogue looks it up; NULL where there is none.
fn regclass(view: &TableName) -> String {
    let name = quote_table(Dialect::Postgres, &TableName { catalog: None, ..view.clone() });
    format!("pg_catalog.to_regclass({})", text_literal(Dialect::Postgres, &name))
}
