//! Ways of the pull requests' role to what production would show: each is named, with what to run against it, and nothing has
//! changed.

use offshoot::error::Exit;

use super::Walled;
use super::walled::everything;

/// A merged branch whose total the pull requests' role has built; nothing of it is promoted.
fn merged() -> Walled {
    let walled = Walled::new();
    walled.world().done(&["promote"]);
    walled.world().repository.branch("feature/edition");
    walled.edition(1);
    walled.applied();
    walled.merge("feature/edition");
    walled
}

/// The new total.
fn total(walled: &Walled) -> String {
    let owned = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename LIKE 'total%' AND tableowner LIKE '%\\_ci'";
    walled.rows(owned).pop().expect("a table of the pull requests' role")
}

#[test]
fn every_way_to_what_production_would_show_is_named_and_refused() {
    let walled = merged();
    let total = total(&walled);
    // Who does it, what, and what undoes it; TOTAL is the table that the pull request has built.
    let holes = [
        ("admin", "ALTER ROLE offshoot_ci SUPERUSER", "ALTER ROLE offshoot_ci NOSUPERUSER"),
        ("admin", "ALTER ROLE offshoot_ci CREATEROLE", "ALTER ROLE offshoot_ci NOCREATEROLE"),
        ("ci", "GRANT UPDATE ON TOTAL TO PUBLIC", "REVOKE UPDATE ON TOTAL FROM PUBLIC"),
        ("ci", "GRANT INSERT (edition) ON TOTAL TO PUBLIC", "REVOKE INSERT (edition) ON TOTAL FROM PUBLIC"),
        (
            "ci",
            "CREATE FUNCTION marts__x.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
             CREATE TRIGGER late BEFORE INSERT ON TOTAL EXECUTE FUNCTION marts__x.f()",
            "DROP TRIGGER late ON TOTAL; DROP FUNCTION marts__x.f",
        ),
        ("ci", "CREATE RULE late AS ON DELETE TO TOTAL DO NOTHING", "DROP RULE late ON TOTAL"),
        ("ci", "CREATE TABLE marts__x.child () INHERITS (TOTAL)", "DROP TABLE marts__x.child"),
        (
            "ci",
            "CREATE TABLE marts__x.parent (n int PRIMARY KEY); INSERT INTO marts__x.parent VALUES (1); \
             ALTER TABLE TOTAL ADD CONSTRAINT theirs FOREIGN KEY (edition) REFERENCES marts__x.parent ON DELETE CASCADE",
            "ALTER TABLE TOTAL DROP CONSTRAINT theirs; DROP TABLE marts__x.parent",
        ),
        ("ci", "ALTER TABLE TOTAL ENABLE ROW LEVEL SECURITY", "ALTER TABLE TOTAL DISABLE ROW LEVEL SECURITY"),
        (
            "ci",
            "CREATE FUNCTION marts__x.g(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
             ALTER TABLE TOTAL ADD CHECK (marts__x.g(edition))",
            "DROP FUNCTION marts__x.g CASCADE",
        ),
        (
            "admin",
            "CREATE ROLE DB_worker; GRANT DB_worker TO offshoot_ci; GRANT TRUNCATE ON ALL TABLES IN SCHEMA offshoot__marts TO DB_worker; \
             GRANT INSERT ON marts.shown TO DB_worker",
            "DROP OWNED BY DB_worker; DROP ROLE DB_worker",
        ),
        ("admin", "ALTER VIEW marts.shown OWNER TO offshoot_ci", "ALTER VIEW marts.shown OWNER TO offshoot_prod"),
        (
            "admin",
            "CREATE ROLE DB_anna; GRANT CREATE ON SCHEMA offshoot__marts TO DB_anna; ALTER TABLE TOTAL OWNER TO DB_anna; \
             GRANT SELECT ON TOTAL TO offshoot_ci",
            "ALTER TABLE TOTAL OWNER TO offshoot_ci; DROP OWNED BY DB_anna; DROP ROLE DB_anna",
        ),
        ("admin", "GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
        ("admin", "ALTER ROLE offshoot_prod RESET search_path", "ALTER ROLE offshoot_prod SET search_path = public"),
    ];
    let admin = walled.admin();
    admin.batch(&walled.here("CREATE SCHEMA marts__x AUTHORIZATION offshoot_ci")).expect("a schema");
    let mut told = String::new();
    let prod = walled.shared().shown("");
    for (who, hole, undone) in holes {
        let here = |sql: &str| {
            walled.here(sql).replace("TOTAL", &total).replace("DB_", &format!("{}_", walled.shared().database.name))
        };
        let client = if who == "admin" { walled.admin() } else { walled.role(who) };
        client.batch(&here(hole)).unwrap_or_else(|error| panic!("{hole}: {error}"));
        let before = everything(&walled);
        let ran = walled.world().bot(&["promote"]);
        assert_eq!(ran.exit, Exit::No, "{hole}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(everything(&walled), before, "{hole}");
        assert_eq!(walled.shared().shown(""), prod, "{hole}");
        let said = walled
            .on_page(&ran.stderr)
            .replace(total.rsplit("__").next().expect("a hash").trim_end_matches('"'), "HASH");
        let said: Vec<&str> =
            said.lines().filter(|line| line.starts_with("error") || line.starts_with("hint")).collect();
        told.push_str(&format!("{hole}\n{}\n\n", said.join("\n")));
        admin.batch(&here(undone)).unwrap_or_else(|error| panic!("{undone}: {error}"));
    }
    insta::assert_snapshot!("holes", told);
    walled.world().done(&["promote"]);
    let refused = walled.world().bot(&["promote", "--gateway", "pull_requests", "--force"]);
    assert_eq!(refused.exit, Exit::Failed, "{}", refused.stderr);
}
