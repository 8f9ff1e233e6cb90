//! Where to listen, and the URLs of the service.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnetwork::IpNetwork;
use url::{Host, Url};

use super::Mode;
use super::listen::Listen;
use super::reader::Reader;
use super::settings;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For reading on a terminal.
    Pretty,
    /// For log collectors: one JSON object per line.
    Json,
}

/// Where metrics and the details of health are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsListen {
    /// On no separate listener. In development the public listener serves them.
    Off,
    /// At the default address. The service also starts without it, because another instance on the same machine may
    /// use it.
    Default(SocketAddr),
    /// At the address that the operator set.
    Named(Listen),
}

/// A port that is free on most machines: IANA has not assigned it, and it is outside the range of Prometheus exporters
/// (9100 and above) and outside the ephemeral ports for outgoing connections.
const DEFAULT_METRICS_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8960);

/// The settings of the listeners, of URLs and of logs.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting")]
pub struct ServerConfig {
    /// Where to listen, unless systemd passes sockets; port 0 picks a free port.
    pub listen: Listen,
    /// Whether `listen` was given as the name `localhost`, which is then the host of URLs made from it.
    is_named_localhost: bool,
    /// Where metrics and health details are served.
    pub metrics_listen: MetricsListen,
    /// Base of every URL, without a slash at its end; `None`: made from the listening address.
    pub public_url: Option<String>,
    /// Base URL of links in mails, without a slash at its end; `None`: that of the account pages.
    pub link_base_url: Option<String>,
    /// Whether the account pages are served.
    pub account_pages: bool,
    /// Whether the console is served. Its users sign in with the account pages, so there is none without these.
    pub console: bool,
    /// Networks of proxies whose forwarding headers are trusted.
    pub trusted_proxies: Vec<IpNetwork>,
    /// Networks that calls to servers of others may reach although they are not on the public internet.
    pub outbound_allow: Vec<IpNetwork>,
    /// Whether requests are rate limited by client address.
    pub ip_limits: bool,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// Number of threads that serve HTTP; `None`: one per processor.
    pub workers: Option<u32>,
    /// How long to continue serving after SIGTERM, so that proxies can stop sending requests.
    pub shutdown_delay: Duration,
    /// The format of log lines.
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
        let console = reader.one_of(&settings::CONSOLE, &[("on", true), ("off", false)]);
        let trusted_proxies = reader.list(&settings::TRUSTED_PROXIES, parse_network);
        let outbound_allow = reader.list(&settings::OUTBOUND_ALLOW, parse_network);
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
            console: console? && account_pages?,
            trusted_proxies: trusted_proxies?,
            outbound_allow: outbound_allow?,
            ip_limits: ip_limits?,
            cors_origins: cors_origins?,
            workers: workers?,
            shutdown_delay: Duration::from_secs(shutdown_delay?.map_or_else(|| default_delay(mode), u64::from)),
            log_format: log_format?,
        })
    }
}

impl ServerConfig {
    /// Returns the base of URLs for an address of the service. To a browser `localhost` and `127.0.0.1` are two sites,
    /// so the name `localhost` remains in the URL if it was given.
    pub fn url_of(&self, address: SocketAddr) -> String {
        if self.is_named_localhost && address.ip().is_loopback() {
            format!("http://localhost:{}", address.port())
        } else {
            format!("http://{address}")
        }
    }
}

/// In development there is no proxy that would need the delay.
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
        return Err("must be a loopback address in development: its endpoints reveal codes and messages".to_owned());
    }
    Ok(listen)
}

fn parse_network(text: &str) -> Result<IpNetwork, String> {
    let wanted = |_unreadable| "must be a list of networks, such as 10.0.0.0/8,fd00::/8".to_owned();
    text.parse().map_err(wanted)
}

/// Parses one exact origin. `*` is refused: with cookies, every page on the web could act in the name of the users.
pub(super) fn parse_origin(text: &str) -> Result<String, String> {
    let origin = Url::parse(text).ok().map(|url| url.origin().ascii_serialization());
    origin
        .filter(|origin| origin == text && !text.contains('*'))
        .ok_or_else(|| "must be a list of exact origins, such as https://app.example.com".to_owned())
}

/// Links carry tokens, so they must lead to https or to this machine.
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
