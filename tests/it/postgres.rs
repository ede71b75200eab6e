//! A private PostgreSQL for the tests of one process: made in a temporary folder on first use, on loopback and a free port,
//! gone with the process however that ends. Each test has a database of its own.
#![allow(dead_code, reason = "a tool for all test modules and an example; no one of them uses all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use offshoot::postgres::{Address, Client, Parameter, Reply, TlsMode};
use offshoot::settings::Secret;

/// What nobody may read in any output.
pub(crate) const PASSWORD: &str = "correct-horse-battery";
/// Whom the server was made for.
const ADMIN: &str = "offshoot_admin";

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A database of its own, for one test.
pub(crate) struct Database {
    /// Its name.
    pub(crate) name: String,
    tables: Tables,
}

/// Where the tables of a database are.
#[derive(PartialEq, Eq)]
enum Tables {
    /// With those of the others.
    Usual,
    /// In a tablespace of the database's name.
    Elsewhere,
}

struct Server {
    folder: PathBuf,
    port: u16,
    // Its end tells the watcher that this process is gone.
    _watched: ChildStdin,
}

impl Database {
    /// A new, empty one.
    pub(crate) fn new() -> Self {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        SERVER.admin("postgres").batch(&format!("CREATE DATABASE {name} TEMPLATE template0")).expect("a database");
        Self { name, tables: Tables::Usual }
    }

    /// Another one with all that is in this one, to which nobody may be connected.
    pub(crate) fn copy(&self) -> Self {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.cut();
        SERVER.admin("postgres").batch(&format!("CREATE DATABASE {name} TEMPLATE {}", self.name)).expect("a database");
        Self { name, tables: Tables::Usual }
    }

    /// An empty one that holds the letters of Western Europe alone.
    pub(crate) fn of_latin1() -> Self {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let sql = format!("CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        SERVER.admin("postgres").batch(&sql).expect("a database");
        Self { name, tables: Tables::Usual }
    }

    /// The same with its tables in a folder, which is made.
    pub(crate) fn copy_to(&self, folder: &Path) -> Self {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        fs::create_dir(folder).expect("a folder");
        give(folder);
        self.cut();
        let admin = SERVER.admin("postgres");
        admin.batch(&format!("CREATE TABLESPACE {name} LOCATION '{}'", folder.display())).expect("a tablespace");
        let sql = format!("CREATE DATABASE {name} TEMPLATE {} TABLESPACE {name}", self.name);
        admin.batch(&sql).expect("a database");
        Self { name, tables: Tables::Elsewhere }
    }

    /// Ends every connection to it, and is back when they are gone.
    pub(crate) fn cut(&self) {
        // Ten seconds are the longest that the server is asked to wait for one that does not end.
        let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1";
        SERVER.admin("postgres").query(sql, &[Parameter::Text(Some(self.name.clone()))]).expect("ended");
    }

    /// Every view that ends with a suffix, by its name in prod, with its columns and rows as text.
    pub(crate) fn shown(&self, suffix: &str) -> BTreeMap<String, Vec<String>> {
        let client = self.client();
        let views = rows(
            &client,
            "SELECT schemaname || '.' || viewname FROM pg_views WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        );
        let mut shown = BTreeMap::new();
        for view in views {
            let (schema, name) = view.split_once('.').expect("two parts");
            let Some(plain) = schema.strip_suffix(suffix).filter(|plain| !plain.contains("__")) else { continue };
            let mut lines = rows(
                &client,
                &format!(
                    "SELECT column_name || ' ' || data_type FROM information_schema.columns \
                     WHERE table_schema = '{schema}' AND table_name = '{name}' ORDER BY ordinal_position"
                ),
            );
            lines.extend(rows(&client, &format!("SELECT t::text FROM \"{schema}\".\"{name}\" AS t ORDER BY 1")));
            shown.insert(format!("{plain}.{name}"), lines);
        }
        shown
    }

    /// As the administrator, by password over loopback.
    pub(crate) fn address(&self) -> Address {
        address(SERVER.port, &self.name)
    }

    /// Nobody who had the state has it any more: a process that was killed is not waited for.
    pub(crate) fn forget_the_dead(&self) {
        let sql = "DO $$ BEGIN IF to_regclass('offshoot.sessions') IS NOT NULL \
                   THEN UPDATE offshoot.sessions SET expires_at = 0; END IF; END $$";
        self.client().batch(sql).expect("told");
    }

    /// A connection of the administrator.
    pub(crate) fn client(&self) -> Client {
        SERVER.admin(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // With a session that a test forgot, so that the next test is not slowed by many databases.
        let admin = SERVER.admin("postgres");
        let _ = admin.batch(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        if self.tables == Tables::Elsewhere {
            let _ = admin.batch(&format!("DROP TABLESPACE IF EXISTS {}", self.name));
        }
    }
}

/// Rows as text, cells with `|` between them.
pub(crate) fn rows(client: &Client, sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let cell = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".into());
    let keep = |reply| {
        if let Reply::Row(cells) = reply {
            found.push(cells.into_iter().map(cell).collect::<Vec<_>>().join("|"));
        }
    };
    client.simple(sql, keep).unwrap_or_else(|error| panic!("{sql}: {error}"));
    found
}

/// The certificate that the server shows, made out for `localhost`.
pub(crate) fn certificate() -> PathBuf {
    SERVER.folder.join("server.crt")
}

/// Connects or fails at once.
pub(crate) fn connect(address: &Address) -> Client {
    Client::connect(address, Duration::ZERO, &AtomicBool::new(false)).unwrap_or_else(|error| panic!("{error}"))
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("offshoot-pg").tempdir().expect("a folder").keep();
        let programs = programs();
        let password = folder.join("password");
        fs::write(&password, PASSWORD).expect("written");
        certify(&folder);
        give(&folder);
        let data = folder.join("data");
        let mut initdb = as_nobody_special(&programs.join("initdb"));
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.args(["--username", ADMIN, "--pwfile"]).arg(&password).arg("-D").arg(&data);
        let made = initdb.output().expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        loop {
            let port = free_port();
            if let Some(watched) = run(&programs, &folder, &data, port) {
                return Self { folder, port, _watched: watched };
            }
        }
    }

    fn admin(&self, database: &str) -> Client {
        connect(&address(self.port, database))
    }
}

/// Starts PostgreSQL; `None` where somebody else took the port.
fn run(programs: &Path, folder: &Path, data: &Path, port: u16) -> Option<ChildStdin> {
    let mut server = as_nobody_special(&programs.join("postgres"));
    server.arg("-D").arg(data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"]).arg(folder);
    let [certificate, key] = ["crt", "key"].map(|end| folder.join(format!("server.{end}")).display().to_string());
    for setting in [
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "max_connections=400",
        "ssl=on",
        &format!("ssl_cert_file={certificate}"),
        &format!("ssl_key_file={key}"),
    ] {
        server.args(["-c", setting]);
    }
    start(&mut server, folder, &Address { host: folder.display().to_string(), ..address(port, "postgres") })
}

/// Starts a server and waits until it answers; `None` where somebody else took the port.
pub(crate) fn start(server: &mut Command, folder: &Path, answers_at: &Address) -> Option<ChildStdin> {
    let log = fs::File::create(folder.join("log")).expect("a log");
    let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut server = server.spawn().unwrap_or_else(|error| panic!("{server:?}: {error}"));
    let watched = watch(&server, folder);
    let gone = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&gone);
    std::thread::spawn(move || {
        let _ = server.wait();
        told.store(true, Ordering::Relaxed);
    });
    match Client::connect(answers_at, Duration::from_secs(60), &gone) {
        Ok(_) => Some(watched),
        Err(_) if gone.load(Ordering::Relaxed) => None,
        Err(error) => panic!("{error}\n{}", fs::read_to_string(folder.join("log")).unwrap_or_default()),
    }
}

/// A process that outlives this one by a moment: once our end of its input is closed it stops the server and clears away.
#[expect(clippy::zombie_processes, reason = "it outlives this process")]
fn watch(server: &Child, folder: &Path) -> ChildStdin {
    const WATCH: &str = r#"trap "" INT TERM HUP; cat >/dev/null; kill -QUIT "$1" 2>/dev/null; rm -rf "$2""#;
    let mut watcher = Command::new("sh");
    watcher.args(["-c", WATCH, "sh", &server.id().to_string()]).arg(folder).stdin(Stdio::piped());
    let mut watcher = watcher.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a watcher");
    watcher.stdin.take().expect("piped")
}

fn address(port: u16, database: &str) -> Address {
    Address {
        host: "127.0.0.1".into(),
        port,
        user: ADMIN.into(),
        password: Some(Secret::new(PASSWORD)),
        database: database.into(),
        tls: TlsMode::Prefer,
        root_certificates: None,
        connect_timeout: Duration::from_secs(10),
        keepalives_idle: None,
        application_name: "offshoot test".into(),
    }
}

/// A certificate of its own signing, made out for `localhost`.
fn certify(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.arg("-keyout").arg(folder.join("server.key")).arg("-out").arg(folder.join("server.crt"));
    let made = openssl.output().expect("openssl runs");
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
}

/// PostgreSQL refuses to run as root, so root runs it as the user that came with it.
pub(crate) fn as_nobody_special(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
    command
}

pub(crate) fn give(folder: &Path) {
    if is_root() {
        let given = Command::new("chown").args(["-R", "postgres:"]).arg(folder).status().expect("chown runs");
        assert!(given.success(), "{} is given away", folder.display());
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    id.stdout.trim_ascii() == b"0"
}

/// Where PostgreSQL's programs are; `scripts/postgres-server.sh` looks in the same places and installs what is missing.
fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let installed = ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"];
    let beside = installed.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut folders = on_path.unwrap_or_default();
    folders.extend(beside.map(|entry| entry.path().join("bin")));
    let found = folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    found.expect("PostgreSQL's programs (`make test` installs them)")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

#[test]
fn a_password_is_shown_by_nothing() {
    let database = Database::new();
    let wrong = Address { password: Some(Secret::new("hunter2-hunter2")), ..database.address() };
    let error = Client::connect(&wrong, Duration::ZERO, &AtomicBool::new(false)).err().expect("a refusal");
    let shown = format!("{error} {error:?} {wrong} {wrong:?}");
    assert!(!shown.contains("hunter2") && shown.contains("password authentication failed"), "{shown}");
    assert_eq!(error.state(), Some("28P01"));
}

#[test]
fn certificates_are_checked_as_asked() {
    let database = Database::new();
    let way = |tls, host: &str, root_certificates: Option<PathBuf>| {
        let address = Address { tls, host: host.into(), root_certificates, ..database.address() };
        let client = Client::connect(&address, Duration::ZERO, &AtomicBool::new(false)).map_err(|e| e.to_string())?;
        let rows = client.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).expect("rows");
        Ok::<_, String>(rows[0].values().first() == Some(&Parameter::Integer(Some(1))))
    };
    let ours = || Some(certificate());
    assert_eq!(way(TlsMode::Disable, "127.0.0.1", None), Ok(false));
    assert_eq!(way(TlsMode::Prefer, "127.0.0.1", None), Ok(true));
    assert_eq!(way(TlsMode::Require, "127.0.0.1", None), Ok(true));
    assert_eq!(way(TlsMode::VerifyFull, "localhost", ours()), Ok(true));
    assert_eq!(way(TlsMode::VerifyCa, "127.0.0.1", ours()), Ok(true));
    let other_name = way(TlsMode::VerifyFull, "127.0.0.1", ours()).expect_err("made out for localhost alone");
    assert!(other_name.contains("certificate"), "{other_name}");
    let untrusted = way(TlsMode::VerifyFull, "localhost", None).expect_err("nobody here trusts it");
    assert!(untrusted.contains("certificate"), "{untrusted}");
}

#[test]
fn values_come_back_as_they_went() {
    let database = Database::new();
    let client = database.client();
    let parameters = [
        Parameter::Text(Some("ä'\\".into())),
        Parameter::Integer(Some(i64::MIN)),
        Parameter::Real(Some(0.1)),
        Parameter::Text(None),
    ];
    let rows = client.query("SELECT $1::text AS a, $2::bigint AS b, $3::float8 AS c, $4::text AS d", &parameters);
    assert_eq!(rows.expect("rows")[0].values(), parameters);
}

#[test]
fn a_connection_that_was_ended_is_lost() {
    let database = Database::new();
    let client = database.client();
    let pid = client.query("SELECT pg_backend_pid() AS pid", &[]).expect("rows")[0].get("pid").cloned();
    let ended = database.client().query("SELECT pg_terminate_backend($1::bigint::int)", &[pid.expect("a process")]);
    ended.expect("ended");
    let error = client.batch("SELECT 1").expect_err("nobody there");
    assert!(error.is_lost(), "{error:?}");
    assert!(client.batch("SELECT 1").expect_err("nobody there").is_lost());
}
