//! The address of a database, as `postgresql://user@host/database?sslmode=require`, and how it is connected to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::home::error::{Result, SqlError};
use crate::home::password_file;
use crate::home::postgres::Connect;
use crate::home::server::Server;
use crate::home::session::Session;
use crate::home::tls;

/// How long one host may take to answer, if the address does not say it.
const PATIENCE: Duration = Duration::from_secs(5);

/// After so long without a sign of life a host is gone.
const GONE: Duration = Duration::from_secs(20);

/// A commit is on disk, and on the standby's if there is a synchronous one, before it is answered, whatever the server's
/// default is. Nobody waits for others longer than this. Statements are planned once: all of them find their rows by a key,
/// whatever its value is, and planning takes longer than finding them.
const SET_UP: &str = "
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
    SELECT set_config('plan_cache_mode', 'force_generic_plan', false) WHERE current_setting('plan_cache_mode', true) IS NOT NULL;
    SET lock_timeout = '2s'";

/// The address of a database.
#[derive(Clone)]
pub struct Address {
    config: Config,
    /// The certificates that the server's is checked with, if not the system's.
    root_certificates: Option<PathBuf>,
    /// A file with passwords, as PostgreSQL's own programs read it.
    password_file: Option<PathBuf>,
}

impl Address {
    /// Makes connections that write: of several hosts the one that is no standby.
    pub(crate) fn writing(&self) -> Connect {
        let mut config = self.config.clone();
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Self { config, ..self.clone() }.reading()
    }

    /// Makes connections that read.
    pub(crate) fn reading(&self) -> Connect {
        let address = self.clone();
        Box::new(move || address.connect())
    }

    /// To the first server that answers, and that is written where it is to be.
    fn connect(&self) -> Result<Session> {
        let mut last = SqlError::Address("it names no host".into());
        for number in 0..self.config.get_hosts().len() {
            match self.server(number).and_then(Session::new) {
                Ok(mut session) => {
                    session.simple(SET_UP)?;
                    return Ok(session);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// One of its servers.
    fn server(&self, number: usize) -> Result<Server> {
        let mut config = only(&self.config, number);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(GONE).keepalives_idle(GONE / 2).keepalives_interval(GONE / 6);
        }
        if config.get_application_name().is_none() {
            config.application_name("powerpi");
        }
        if let Some(file) = &self.password_file {
            config.password(password_file::find(file, &config).map_err(SqlError::Address)?);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(tls::connector(self.root_certificates.as_deref()).map_err(SqlError::Address)?),
        };
        let patience = config.get_connect_timeout().copied().unwrap_or(PATIENCE);
        Ok(Server { config, tls, patience })
    }
}

/// The same with one of its hosts: each of them may take its time to answer.
fn only(all: &Config, number: usize) -> Config {
    let mut one = Config::new();
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs())
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle());
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_connect_timeout().map(|time| one.connect_timeout(*time));
    all.get_tcp_user_timeout().map(|time| one.tcp_user_timeout(*time));
    all.get_keepalives_interval().map(|time| one.keepalives_interval(time));
    all.get_keepalives_retries().map(|retries| one.keepalives_retries(retries));
    match &all.get_hosts()[number] {
        Host::Tcp(name) => one.host(name),
        Host::Unix(folder) => one.host_path(folder),
    };
    all.get_hostaddrs().get(number).map(|address| one.hostaddr(*address));
    let ports = all.get_ports();
    ports.get(number).or(ports.first()).map(|port| one.port(*port));
    one
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (mut root_certificates, mut password_file) = (None, None);
        let (start, options) = text.split_once('?').unwrap_or((text, ""));
        let mut others = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslrootcert", path)) => root_certificates = Some(path.into()),
                Some(("passfile", path)) => password_file = Some(path.into()),
                // A server's certificate is always checked.
                Some(("sslmode", "verify-ca" | "verify-full")) => others.push("sslmode=require"),
                _ => others.push(option),
            }
        }
        let says_which = others.iter().any(|option| option.starts_with("target_session_attrs="));
        let wants_tls = others.iter().any(|option| option.starts_with("sslmode="));
        let mut config: Config = format!("{start}?{}", others.join("&"))
            .parse()
            .map_err(|error: tokio_postgres::Error| said(&error))?;
        if config.get_dbname().is_none() {
            return Err("it names no database".into());
        }
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        if !says_which && config.get_hosts().len() > 1 {
            // A standby may be behind.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if !wants_tls || config.get_ssl_mode() == SslMode::Prefer {
            let is_here = config.get_hosts().iter().all(is_here);
            config.ssl_mode(if is_here { SslMode::Disable } else { SslMode::Require });
        }
        Ok(Self { config, root_certificates, password_file })
    }
}

fn said(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether it is this machine, so that nobody listens in between.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// Without a password.
impl fmt::Display for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<String> = hosts.collect();
        write!(to, "postgresql://{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

/// Where a ledger lives.
#[derive(Debug, Clone)]
pub enum LedgerHome {
    /// In a SQLite file.
    File(PathBuf),
    /// In a PostgreSQL database.
    Database(Box<Address>),
}

impl LedgerHome {
    /// The SQLite file; `None` if it is a database.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Database(_) => None,
        }
    }
}

impl FromStr for LedgerHome {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.split_once("://") {
            Some(("postgresql" | "postgres", _)) => {
                let address =
                    text.parse().map_err(|error| format!("this is no address of a database: {error}"))?;
                Ok(Self::Database(Box::new(address)))
            }
            Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Err(format!(
                "a ledger is a file, or a database as \"postgresql://host/database\", but not {scheme}:"
            )),
            _ => Ok(Self::File(text.into())),
        }
    }
}

impl<'de> serde::Deserialize<'de> for LedgerHome {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What says where a ledger lives.
pub trait AsLedgerHome {
    /// Where it lives.
    fn as_ledger_home(&self) -> LedgerHome;
}

impl AsLedgerHome for LedgerHome {
    fn as_ledger_home(&self) -> LedgerHome {
        self.clone()
    }
}

impl AsLedgerHome for Path {
    fn as_ledger_home(&self) -> LedgerHome {
        LedgerHome::File(self.to_owned())
    }
}

impl AsLedgerHome for PathBuf {
    fn as_ledger_home(&self) -> LedgerHome {
        LedgerHome::File(self.clone())
    }
}

impl From<PathBuf> for LedgerHome {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for LedgerHome {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(to),
            Self::Database(address) => address.fmt(to),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn address(text: &str) -> std::result::Result<Address, String> {
        text.parse()
    }

    #[test]
    fn whoever_shows_an_address_shows_no_password() {
        let home: LedgerHome =
            "postgresql://recorder:secret@a,b:5433/powerpi?target_session_attrs=read-write&sslrootcert=/etc/ca.pem"
                .parse()
                .unwrap();
        assert_eq!(home.to_string(), "postgresql://a,b/powerpi");
        assert!(!format!("{home:?}").contains("secret"));
    }

    #[test]
    fn over_a_network_there_is_tls_unless_it_is_refused() {
        let mode = |text: &str| address(text).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgresql://a,b/powerpi"), SslMode::Require);
        assert_eq!(mode("postgresql://a/powerpi?sslmode=prefer"), SslMode::Require);
        assert_eq!(mode("postgresql://a/powerpi?sslmode=verify-full"), SslMode::Require);
        assert_eq!(mode("postgresql://a/powerpi?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgresql://127.0.0.1/powerpi"), SslMode::Disable);
        assert_eq!(mode("postgresql://localhost/powerpi?sslmode=require"), SslMode::Require);
        assert_eq!(mode("postgresql:///powerpi?host=/run/postgresql"), SslMode::Disable);
    }

    #[test]
    fn of_several_hosts_the_one_is_read_that_is_written_unless_the_address_says_otherwise() {
        let of = |text: &str| address(text).unwrap().config.get_target_session_attrs();
        assert_eq!(of("postgresql://a,b/powerpi"), TargetSessionAttrs::ReadWrite);
        assert_eq!(of("postgresql://a,b/powerpi?target_session_attrs=any"), TargetSessionAttrs::Any);
        assert_eq!(of("postgresql://a/powerpi"), TargetSessionAttrs::Any);
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for (text, said) in [
            ("postgresql://a", "names no database"),
            ("postgresql:///powerpi", "names no host"),
            ("postgresql://a/powerpi?sslmod=require", "sslmod"),
            ("mysql://a/powerpi", "but not mysql:"),
        ] {
            let error = text.parse::<LedgerHome>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        let file: LedgerHome = "/var/lib/ledger.sqlite".parse().unwrap();
        assert_eq!(file.file(), Some(Path::new("/var/lib/ledger.sqlite")));
    }
}
