//! Where to listen, and who to say we are.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnetwork::IpNetwork;
use url::{Host, Url};

use super::Mode;
use super::listen::Listen;
use super::reader::Reader;
use super::settings;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For collectors: one object a line.
    Json,
}

/// Where measures and the details of health are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    /// On no listener of their own. In development the public one has them.
    Off,
    /// At the address that holds when none is named. The service starts without it, too: another one on the same machine
    /// may have it.
    Default(SocketAddr),
    /// Where the operator named.
    Named(Listen),
}

/// A port that IANA has assigned to nothing, outside of Prometheus's exporters (9100 and above) and of what systems give
/// to outgoing connections, so that it is free on most machines.
const DEFAULT_METRICS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8960);

/// Listening and naming.
#[derive(Debug)]
pub struct ServerConfig {
    /// Where to listen, unless sockets are handed over; port 0 picks one.
    pub listen: Listen,
    /// Whether it was given as the name `localhost`, which URLs made from it then have.
    is_named_localhost: bool,
    /// Where operators are served what is for them only.
    pub metrics_listen: MetricsListen,
    /// Base of every URL, without a slash at its end; `None`: made from the address listened on.
    pub public_url: Option<String>,
    /// Where links in mails lead, without a slash at its end; `None`: to the pages of our own.
    pub link_base_url: Option<String>,
    /// Whether the pages of our own are served.
    pub account_pages: bool,
    /// Who may say on whose behalf a request comes.
    pub trusted_proxies: Vec<IpNetwork>,
    /// Whether addresses that ask too often are turned away.
    pub ip_limits: bool,
    /// Whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// Threads that serve HTTP; `None`: one a processor.
    pub workers: Option<u32>,
    /// How long to serve on after a signal, until what is in front has turned elsewhere.
    pub shutdown_delay: Duration,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl ServerConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>, mode: Mode) -> Option<Self> {
        let listen = reader.parse(&settings::LISTEN, |text| parse_listen(text, mode));
        let metrics_listen = reader.parse_optional(&settings::METRICS_LISTEN, |text| parse_metrics_listen(text, mode));
        let public_url = reader.parse_optional(&settings::PUBLIC_URL, |text| parse_public_url(text, mode));
        let nameless = |listen: &Listen| !listen.is_local() || listen.reachable().is_none();
        if mode == Mode::Serve && public_url == Some(None) && listen.as_ref().is_some_and(nameless) {
            reader.fault(
                &settings::PUBLIC_URL,
                "must be set when VESTIBULE_LISTEN is not a loopback address",
            );
        }
        let link_base_url = reader.parse_optional(&settings::LINK_BASE_URL, parse_link_base_url);
        let account_pages = reader.one_of(&settings::ACCOUNT_PAGES, &[("on", true), ("off", false)]);
        let trusted_proxies = reader.list(&settings::TRUSTED_PROXIES, |text| {
            text.parse()
                .map_err(|_unreadable| "must be a list of networks, such as 10.0.0.0/8,fd00::/8".to_owned())
        });
        let ip_limits = reader.one_of(&settings::IP_LIMITS, &[("on", true), ("off", false)]);
        let cors_origins = reader.list(&settings::CORS_ORIGINS, parse_origin);
        let workers = reader.optional_number(&settings::HTTP_WORKERS, 1..=256);
        let shutdown_delay = reader.optional_number(&settings::SHUTDOWN_DELAY, 0..=60);
        let log_format = read_log_format(reader);
        let name = reader.text(&settings::LISTEN).and_then(|text| text.rsplit_once(':'));
        Some(Self {
            is_named_localhost: name.is_some_and(|(name, _port)| name.eq_ignore_ascii_case("localhost")),
            listen: listen?,
            metrics_listen: metrics_listen?.unwrap_or_else(|| default_metrics_listen(mode)),
            public_url: public_url?,
            link_base_url: link_base_url?,
            account_pages: account_pages?,
            trusted_proxies: trusted_proxies?,
            ip_limits: ip_limits?,
            cors_origins: cors_origins?,
            workers: workers?,
            shutdown_delay: Duration::from_secs(shutdown_delay?.map_or_else(|| default_delay(mode), u64::from)),
            log_format: log_format?,
        })
    }
}

impl ServerConfig {
    /// Returns the base of URLs that lead to an address of the service. To a browser `localhost` and `127.0.0.1` are
    /// two sites, so a name that was given is kept.
    pub fn url_of(&self, address: SocketAddr) -> String {
        if self.is_named_localhost && address.ip().is_loopback() {
            format!("http://localhost:{}", address.port())
        } else {
            format!("http://{address}")
        }
    }
}

/// Developers have nothing in front that would need the time.
const fn default_delay(mode: Mode) -> u64 {
    match mode {
        Mode::Serve => 5,
        Mode::Development => 0,
    }
}

const fn default_metrics_listen(mode: Mode) -> MetricsListen {
    match mode {
        Mode::Serve => MetricsListen::Default(DEFAULT_METRICS_LISTEN),
        Mode::Development => MetricsListen::Off,
    }
}

fn parse_metrics_listen(text: &str, mode: Mode) -> Result<MetricsListen, String> {
    if text == "off" {
        return Ok(MetricsListen::Off);
    }
    parse_listen(text, mode).map(MetricsListen::Named)
}

fn read_log_format(reader: &mut Reader<'_>) -> Option<LogFormat> {
    if reader.text(&settings::LOG_FORMAT).is_some() {
        return reader.one_of(
            &settings::LOG_FORMAT,
            &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)],
        );
    }
    let default_format = if std::io::stderr().is_terminal() {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    };
    Some(default_format)
}

fn parse_listen(text: &str, mode: Mode) -> Result<Listen, String> {
    let listen = Listen::parse(text)?;
    if mode == Mode::Development && !listen.is_local() {
        return Err("must be a loopback address in development: its endpoints give everything away".to_owned());
    }
    Ok(listen)
}

/// Parses one exact origin. `*` is none: with cookies it would let every page on the web act for our users.
fn parse_origin(text: &str) -> Result<String, String> {
    let origin = Url::parse(text).ok().map(|url| url.origin().ascii_serialization());
    origin
        .filter(|origin| origin == text && !text.contains('*'))
        .ok_or_else(|| "must be a list of exact origins, such as https://app.example.com".to_owned())
}

/// Links carry secrets, so they lead to https, or to this machine.
fn parse_link_base_url(text: &str) -> Result<String, String> {
    parse_public_url(text, Mode::Serve)
}

fn parse_public_url(text: &str, mode: Mode) -> Result<String, String> {
    const WANTED: &str = "must be an absolute URL without user, query or fragment, such as https://auth.example.com";
    let url = Url::parse(text).map_err(|_unreadable| WANTED.to_owned())?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(WANTED.to_owned()),
    };
    if !plain || !matches!(url.scheme(), "http" | "https") {
        return Err(WANTED.to_owned());
    }
    if url.scheme() == "http" && !loopback {
        return Err("must be https, unless its host is loopback".to_owned());
    }
    if mode == Mode::Development && !loopback {
        return Err("must be a loopback URL in development".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
