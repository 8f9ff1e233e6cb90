//! Checks of this machine and of the network: the master key's file, files of secrets, the data directory, trusted
//! proxies, networks that calls may reach, and the listener for metrics.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ipnetwork::IpNetwork;

use super::report::{Report, State};
use crate::app::MASTER_KEY_FILE;
use crate::cli::operate::public_url;
use crate::config::{Config, DatabaseLocation, Listen, MasterKeySource, MetricsListen, SecretFile};

/// Below the first, the database will soon stop: a failure. Below the second, a warning.
const LEAST_FREE_MIB: u64 = 100;
const LITTLE_FREE_MIB: u64 = 1024;

/// Checks the master key. Returns whether there is one.
pub(super) fn master_key(config: &Config, report: &mut Report) -> bool {
    const NAME: &str = "master key";
    if let MasterKeySource::Given(_) = config.master_key {
        report.add(NAME, State::Ok, "given");
        return true;
    }
    let path = config.database.data_dir.join(MASTER_KEY_FILE);
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(metadata) => {
            let (state, detail) = exposure(&path, &metadata).unwrap_or_else(|| {
                (
                    State::Ok,
                    format!("in {shown}; keep a copy separate from the database's backups"),
                )
            });
            report.add(NAME, state, detail);
            true
        }
        Err(_) if !cluster(config).exists() => {
            report.add(NAME, State::Skipped, "the first start creates it");
            false
        }
        Err(error) => {
            let lost = format!("{shown}: {error}; without it nothing in the database can be opened");
            report.add(NAME, State::Failed, lost);
            false
        }
    }
}

/// Checks which other accounts can read the files that secrets were read from.
pub(super) fn secret_files(config: &Config, report: &mut Report) {
    const NAME: &str = "secret files";
    if config.secret_files.is_empty() {
        return report.add(NAME, State::Skipped, "no secret was read from a file");
    }
    let exposed = |file: &SecretFile| {
        let (state, detail) = exposure(&file.path, &fs::metadata(&file.path).ok()?)?;
        Some((state, format!("{}: {detail}", file.variable)))
    };
    let mut found: Vec<(State, String)> = config.secret_files.iter().filter_map(exposed).collect();
    // A file that contains several secrets is reported once.
    found.dedup_by(|later, earlier| {
        later.1.split_once(": ").map(|it| it.1) == earlier.1.split_once(": ").map(|it| it.1)
    });
    if found.is_empty() {
        report.add(NAME, State::Ok, "only their owner can read them");
    }
    for (state, detail) in found {
        report.add(NAME, state, detail);
    }
}

/// Returns who besides its owner can write a file that says what is believed.
pub(super) fn writers(path: &Path, metadata: &fs::Metadata) -> Option<(State, String)> {
    const BY_ALL: u32 = 0o002;
    const BY_GROUP: u32 = 0o020;
    let shown = path.display();
    match metadata.permissions().mode() {
        mode if mode & BY_ALL != 0 => Some((
            State::Failed,
            format!("every account on this machine may write {shown}: chmod go-w {shown}"),
        )),
        mode if mode & BY_GROUP != 0 => Some((
            State::Warning,
            format!("its group may write {shown}: chmod g-w {shown}"),
        )),
        _ => None,
    }
}

/// Returns who besides its owner can read or write a file of secrets. systemd gives credentials to the service's
/// account by an ACL, which appears as a right of the group, so a right of the group is only a warning.
fn exposure(path: &Path, metadata: &fs::Metadata) -> Option<(State, String)> {
    const ANYTHING_BY_ALL: u32 = 0o006;
    const ANYTHING_BY_OTHERS: u32 = 0o077;
    let shown = path.display();
    match metadata.permissions().mode() {
        mode if mode & ANYTHING_BY_ALL != 0 => Some((
            State::Failed,
            format!("every account on this machine may read or write {shown}: chmod 600 {shown}"),
        )),
        mode if mode & ANYTHING_BY_OTHERS != 0 => Some((
            State::Warning,
            format!("its group may read or write {shown}: chmod 600 {shown}, unless the group is the service's own"),
        )),
        _ => None,
    }
}

/// Returns the directory of the private database's files.
pub(super) fn cluster(config: &Config) -> std::path::PathBuf {
    config.database.data_dir.join("postgres")
}

/// Checks the directory of a private database: that it can be created or written to, and its free space.
pub(super) fn data_directory(config: &Config, report: &mut Report) {
    const NAME: &str = "data directory";
    let path = &config.database.data_dir;
    if !matches!(config.database.location, DatabaseLocation::Private) {
        return report.add(NAME, State::Skipped, "the database is elsewhere");
    }
    match nearest(path) {
        Some(found) if !found.is_dir() => {
            let found = found.display();
            let detail = format!("{found} is a file: set VESTIBULE_DATA_DIR to a directory, which need not exist yet");
            return report.add(NAME, State::Failed, detail);
        }
        Some(found) if !is_writable(found) => {
            let detail = format!(
                "this account may not write to {}: give it that right, or set VESTIBULE_DATA_DIR to another directory",
                found.display()
            );
            return report.add(NAME, State::Failed, detail);
        }
        Some(found) if found != path => return report.add(NAME, State::Skipped, "the first start creates it"),
        _ => {}
    }
    match free_mib(path) {
        Some(free) if free < LEAST_FREE_MIB => report.add(NAME, State::Failed, format!("only {free} MiB are free")),
        Some(free) if free < LITTLE_FREE_MIB => report.add(NAME, State::Warning, format!("only {free} MiB are free")),
        Some(free) => report.add(NAME, State::Ok, format!("{}, {free} MiB free", path.display())),
        None => report.add(NAME, State::Ok, path.display().to_string()),
    }
}

/// Returns the path, or else its nearest ancestor that exists: the first start creates the others in it.
fn nearest(path: &Path) -> Option<&Path> {
    let above = path.ancestors().map(|above| {
        if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        }
    });
    // A dangling symbolic link also counts as existing: no directory can be created in its place.
    above.into_iter().find(|above| fs::symlink_metadata(above).is_ok())
}

fn is_writable(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn free_mib(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize) / (1024 * 1024))
}

/// Checks where metrics are served, and from where they can be reached.
pub(super) fn metrics(config: &Config, report: &mut Report) {
    let proxy_is_here = config
        .server
        .trusted_proxies
        .iter()
        .any(|network| network.ip().is_loopback());
    let (state, detail) = match &config.server.metrics_listen {
        MetricsListen::Off if proxy_is_here => (
            State::Warning,
            "off: behind a proxy on this machine, nothing shows the state of the service itself; \
             set VESTIBULE_METRICS_LISTEN to 127.0.0.1:8960"
                .to_owned(),
        ),
        MetricsListen::Off => (State::Skipped, "off: no metrics are served".to_owned()),
        MetricsListen::Named(listen) if reaches(listen, is_open_to_the_internet) => (
            State::Failed,
            format!("on {listen}, which the internet reaches: set VESTIBULE_METRICS_LISTEN to a private address"),
        ),
        MetricsListen::Named(listen) if reaches(listen, is_public) => (
            State::Warning,
            format!("on {listen}: every client that can connect sees the metrics; set a private address"),
        ),
        MetricsListen::Named(listen) => (State::Ok, format!("on {listen}")),
        MetricsListen::Default(address) => (State::Ok, format!("on {address}")),
    };
    report.add("metrics", state, detail);
}

fn reaches(listen: &Listen, concerns: impl Fn(IpAddr) -> bool) -> bool {
    match listen {
        Listen::At(addresses) => addresses.iter().any(|address| concerns(address.ip())),
        Listen::Everywhere(_) => concerns(Ipv6Addr::UNSPECIFIED.into()),
        Listen::Unix(_) => false,
    }
}

/// Returns whether an address can be reached from the internet: a public address, or the unspecified address on a
/// machine that has a public one. A container with only a private network usually listens on every address.
fn is_open_to_the_internet(address: IpAddr) -> bool {
    if !address.is_unspecified() {
        return is_public(address);
    }
    // Connecting a UDP socket sends nothing, but the system chooses the source address that it would use.
    let own = |bind: &str, toward: &str| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(toward).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // Addresses for documentation (RFC 5737 §3, RFC 3849), which are routed like any other address.
    [own("0.0.0.0:0", "192.0.2.1:9"), own("[::]:0", "[2001:db8::1]:9")]
        .into_iter()
        .flatten()
        .any(is_public)
}

/// Returns whether an address can be reached from outside private networks.
const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

/// Checks the networks whose forwarding headers are trusted.
pub(super) fn proxies(config: &Config, report: &mut Report) {
    const NAME: &str = "trusted proxies";
    let trusted = &config.server.trusted_proxies;
    if let Some(range) = covers_a_family(trusted) {
        let fault = format!(
            "{range} lets every client choose its own address, so rate limits and the audit trail are worthless: \
             set VESTIBULE_TRUSTED_PROXIES to the networks of your proxies only"
        );
        report.add(NAME, State::Failed, fault);
    } else if let Some(wide) = trusted.iter().find(|network| is_wide_and_public(network)) {
        report.add(
            NAME,
            State::Warning,
            format!("{wide} contains many public addresses of others"),
        );
    } else if matches!(config.server.listen, Listen::Unix(_)) {
        report.add(
            NAME,
            State::Ok,
            "every client of the Unix socket is trusted: the mode of its file limits access",
        );
    } else if trusted.is_empty() && public_url(config).starts_with("https:") {
        let missing = "none, although a proxy terminates TLS: all clients share its address, and so one rate limit; \
                       set VESTIBULE_TRUSTED_PROXIES to its network";
        report.add(NAME, State::Failed, missing);
    } else if let Some(loopback) = untrusted_loopback(config) {
        let missing = format!(
            "only this machine can connect to {loopback}, so a proxy connects from there, and is not trusted: \
             all clients share its address; add {loopback} to VESTIBULE_TRUSTED_PROXIES"
        );
        report.add(NAME, State::Failed, missing);
    } else {
        let networks: Vec<String> = trusted.iter().map(ToString::to_string).collect();
        let networks = if networks.is_empty() {
            "none".to_owned()
        } else {
            networks.join(", ")
        };
        report.add(NAME, State::Ok, networks);
    }
}

/// Where clouds tell a machine the credentials that it has, to every program on it, and to every request from it.
const METADATA_SERVICES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Checks the networks that calls to servers of others may reach.
pub(super) fn outbound(config: &Config, report: &mut Report) {
    const NAME: &str = "outbound calls";
    let allowed = &config.server.outbound_allow;
    if allowed.is_empty() {
        return report.add(
            NAME,
            State::Ok,
            "servers that others name have to be on the public internet",
        );
    }
    let has = |network: &&IpNetwork| METADATA_SERVICES.iter().any(|address| network.contains(*address));
    let (state, detail) = if let Some(network) = allowed.iter().find(has) {
        let fault = format!(
            "{network} has the address at which clouds tell a machine its credentials: set VESTIBULE_OUTBOUND_ALLOW to \
             the networks of your servers only"
        );
        (State::Warning, fault)
    } else {
        let networks: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        (State::Ok, format!("may also reach {}", networks.join(", ")))
    };
    report.add(NAME, state, detail);
}

/// Returns the loopback address that the service listens on, if there are trusted proxies and it is not among them. A
/// proxy in front of it connects from that address.
fn untrusted_loopback(config: &Config) -> Option<IpAddr> {
    let trusted = &config.server.trusted_proxies;
    let Listen::At(addresses) = &config.server.listen else {
        return None;
    };
    let is_missing = |ip: &IpAddr| ip.is_loopback() && !trusted.iter().any(|network| network.contains(*ip));
    let mut listened = addresses.iter().map(SocketAddr::ip);
    listened.find(is_missing).filter(|_| !trusted.is_empty())
}

/// Returns the networks that together contain every address of IPv4 or of IPv6, if they do. Two halves, such as
/// 0.0.0.0/1 and 128.0.0.0/1, count as well.
fn covers_a_family(networks: &[IpNetwork]) -> Option<String> {
    [true, false].into_iter().find_map(|v4| {
        let mut family: Vec<&IpNetwork> = networks.iter().filter(|network| network.is_ipv4() == v4).collect();
        family.sort_by_key(|network| (network.network(), network.prefix()));
        let first: IpAddr = if v4 {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let mut next = Some(first);
        let mut used = Vec::new();
        for network in family {
            match next {
                Some(from) if network.network() <= from && from <= network.broadcast() => {
                    next = after(network.broadcast());
                    used.push(network.to_string());
                }
                _ => {}
            }
        }
        next.is_none().then(|| used.join(" and "))
    })
}

/// Returns the next address, unless it is the last of its family.
fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|next| Ipv4Addr::from(next).into()),
        IpAddr::V6(v6) => u128::from(v6).checked_add(1).map(|next| Ipv6Addr::from(next).into()),
    }
}

fn is_wide_and_public(network: &IpNetwork) -> bool {
    match network {
        IpNetwork::V4(v4) => {
            let private = v4.ip().is_private() || v4.ip().is_loopback() || v4.ip().is_link_local();
            // Shared address space of providers (RFC 6598).
            let shared = v4.ip().octets().starts_with(&[100]);
            v4.prefix() < 16 && !private && !shared
        }
        IpNetwork::V6(v6) => v6.prefix() < 32 && !v6.ip().is_unique_local() && !v6.ip().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(texts: &str) -> Vec<IpNetwork> {
        texts.split(',').map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn everything_is_known_in_pieces() {
        for (texts, expected) in [
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("10.0.0.0/8,::/0", Some("::/0")),
            ("128.0.0.0/1,0.0.0.0/1", Some("0.0.0.0/1 and 128.0.0.0/1")),
            ("::/1,8000::/2,c000::/2", Some("::/1 and 8000::/2 and c000::/2")),
            (
                "0.0.0.0/2,0.0.0.0/1,64.0.0.0/2,128.0.0.0/1",
                Some("0.0.0.0/1 and 128.0.0.0/1"),
            ),
            ("0.0.0.0/1,128.0.0.0/2,192.0.0.0/3", None),
            ("0.0.0.0/1,8000::/1", None),
            ("10.0.0.0/8,fd00::/8", None),
        ] {
            assert_eq!(covers_a_family(&networks(texts)).as_deref(), expected, "{texts}");
        }
    }

    proptest! {
        /// However everything is split, it is found; with one piece less it is not everything.
        #[test]
        fn everything_is_found_however_it_is_split(splits in proptest::collection::vec(any::<prop::sample::Index>(), 0..24), gone: prop::sample::Index) {
            let mut pieces: Vec<IpNetwork> = networks("0.0.0.0/0");
            for split in splits {
                let piece = pieces.remove(split.index(pieces.len()));
                let IpAddr::V4(start) = piece.network() else { unreachable!() };
                let prefix = piece.prefix() + 1;
                let upper = u32::from(start) + (1_u32 << (32 - prefix));
                pieces.push(IpNetwork::new(start.into(), prefix).unwrap());
                pieces.push(IpNetwork::new(Ipv4Addr::from(upper).into(), prefix).unwrap());
            }
            prop_assert!(covers_a_family(&pieces).is_some());
            pieces.remove(gone.index(pieces.len()));
            prop_assert!(covers_a_family(&pieces).is_none());
        }
    }

    #[test]
    fn wide_networks_are_reported_unless_they_are_reserved() {
        for (network, expected) in [
            ("10.0.0.0/8", false),
            ("172.16.0.0/12", false),
            ("100.64.0.0/10", false),
            ("203.0.113.0/24", false),
            ("104.16.0.0/13", true),
            ("fd00::/8", false),
            ("2001:db8::/32", false),
            ("2000::/3", true),
        ] {
            assert_eq!(is_wide_and_public(&network.parse().unwrap()), expected, "{network}");
        }
    }
}
