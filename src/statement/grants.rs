//! The privileges of a view as its model says them (SQLMesh: `sync_grants_config`): what somebody else has by our grant is taken
//! away, and what is said is given.

use super::{quote_identifier, quote_table, text_literal};
use crate::ids::TableName;
use crate::model::{Grant, Grantee};
use crate::sql::Dialect;

/// Statements for the transaction in which the view moves; none on an engine that has no privileges.
pub fn sync_grants(dialect: Dialect, view: &TableName, grants: &[Grant]) -> Vec<String> {
    if dialect != Dialect::Postgres {
        return Vec::new();
    }
    let mut statements = vec![take_away(view, grants)];
    for Grant { privilege, to } in grants {
        let to: Vec<String> = to.iter().map(grantee).collect();
        let (privilege, view) = (privilege_name(privilege), quote_table(dialect, view));
        statements.push(format!("GRANT {privilege} ON {view} TO {}", to.join(", ")));
    }
    statements
}

/// Takes away what was granted by us or by the view's owner and is not said. Which privileges there are is only known when it
/// runs, so the server loops over them; the rights of the owner and our own are left alone.
fn take_away(view: &TableName, grants: &[Grant]) -> String {
    let literal = |text: &str| text_literal(Dialect::Postgres, text);
    let said = grants.iter().flat_map(|grant| {
        grant.to.iter().map(|to| {
            let role = match to {
                Grantee::Everybody => "NULL".to_owned(),
                Grantee::Role(role) => literal(role),
            };
            format!("({}, {role})", literal(&grant.privilege))
        })
    });
    let said: Vec<String> = said.collect();
    let said = match said.is_empty() {
        true => "SELECT NULL, NULL WHERE false".to_owned(),
        false => format!("VALUES {}", said.join(", ")),
    };
    let name = quote_table(Dialect::Postgres, view);
    let body = format!(
        "DECLARE given record;\n\
         BEGIN\n\
         FOR given IN\n\
         SELECT acl.privilege_type AS privilege, CASE acl.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END AS role\n\
         FROM pg_catalog.pg_class AS view, pg_catalog.aclexplode(view.relacl) AS acl, pg_catalog.pg_roles AS us\n\
         WHERE view.oid = {}::regclass AND acl.grantee NOT IN (view.relowner, us.oid) AND acl.grantor IN (view.relowner, us.oid)\n\
         AND us.rolname = current_user AND NOT EXISTS (SELECT 1 FROM ({said}) AS said (privilege, role)\n\
         WHERE said.privilege IN (acl.privilege_type, 'ALL', 'ALL PRIVILEGES')\n\
         AND said.role IS NOT DISTINCT FROM CASE acl.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END)\n\
         LOOP\n\
         EXECUTE 'REVOKE ' || given.privilege || {} || coalesce(quote_ident(given.role), 'PUBLIC');\n\
         END LOOP;\n\
         END",
        literal(&name),
        literal(&format!(" ON {name} FROM ")),
    );
    format!("DO {}", literal(&body))
}

fn grantee(grantee: &Grantee) -> String {
    match grantee {
        Grantee::Everybody => "PUBLIC".to_owned(),
        Grantee::Role(role) => quote_identifier(Dialect::Postgres, role),
    }
}

/// A privilege as a word; what is none is a name, which the server refuses.
fn privilege_name(privilege: &str) -> String {
    match privilege.chars().all(|sign| sign.is_ascii_alphabetic() || sign == ' ') {
        true => privilege.to_owned(),
        false => quote_identifier(Dialect::Postgres, privilege),
    }
}
