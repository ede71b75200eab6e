//! Where a server is and as whom we come.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::settings::Secret;

/// Where a server is and as whom we come. Neither `Debug` nor `Display` shows the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name, an address, or the folder of a socket.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The role to log in as.
    pub user: String,
    /// Its password, where it has one.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// How the way there is protected.
    pub tls: TlsMode,
    /// A file of certificates to trust in place of the system's (`sslrootcert`).
    pub root_certificates: Option<PathBuf>,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// After how long without a word the connection is probed.
    pub keepalives_idle: Option<Duration>,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
}

/// How the way to the server is protected, as libpq's `sslmode` has it
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html>, table 34.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// Encrypted where the server can.
    #[default]
    Prefer,
    /// Encrypted; whoever answers is taken for the server, unless there are certificates to trust.
    Require,
    /// Encrypted, by a certificate that somebody trusted has signed.
    VerifyCa,
    /// The same, and made out for this host.
    VerifyFull,
}

impl TlsMode {
    /// All, by the words of `sslmode`; `allow` is no safer than `prefer`, so it is that.
    const WORDS: [(&str, Self); 6] = [
        ("disable", Self::Disable),
        ("allow", Self::Prefer),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// Reads `sslmode`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode)
    }

    /// The words that `sslmode` may be.
    pub fn words() -> String {
        Self::WORDS.map(|(word, _)| word).join(", ")
    }
}

/// Where exactly a server is: a name may stand for several, and what is asked of one connection is asked of its own server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// Over the network.
    Network {
        /// Its name, which its certificate has to be made out for.
        host: String,
        /// Its address.
        at: SocketAddr,
    },
    /// By a socket of this machine.
    Socket(PathBuf),
}

impl Address {
    /// Everywhere that the host's name leads to.
    ///
    /// # Errors
    /// Nobody knows the name.
    pub(super) fn places(&self) -> std::io::Result<Vec<Reached>> {
        if self.host.starts_with('/') {
            return Ok(vec![Reached::Socket(Path::new(&self.host).join(format!(".s.PGSQL.{}", self.port)))]);
        }
        let network = |at| Reached::Network { host: self.host.clone(), at };
        Ok((self.host.as_str(), self.port).to_socket_addrs()?.map(network).collect())
    }

    /// How to connect to one of [`Address::places`].
    pub(super) fn config(&self, reached: &Reached) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .dbname(&self.database)
            .application_name(&self.application_name)
            .connect_timeout(self.connect_timeout)
            .ssl_mode(match self.tls {
                TlsMode::Disable => SslMode::Disable,
                TlsMode::Prefer => SslMode::Prefer,
                TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
            });
        if let Reached::Network { at, .. } = reached {
            config.hostaddr(at.ip());
        }
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        if let Some(idle) = self.keepalives_idle {
            config.keepalives_idle(idle);
        }
        config
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, port, database, .. } = self;
        write!(formatter, "{user}@{host}:{port}/{database}")
    }
}
