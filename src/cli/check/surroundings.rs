//! What is on this machine: the master key's file, the data directory, and who may speak for others.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ipnetwork::IpNetwork;

use super::report::{Report, State};
use crate::app::MASTER_KEY_FILE;
use crate::cli::operate::public_url;
use crate::config::{Config, DatabaseLocation, Listen, MasterKeySource, MetricsListen};

/// Less free space than this stops a database soon, or is too little to begin with.
const LEAST_FREE_MIB: u64 = 100;
const LITTLE_FREE_MIB: u64 = 1024;

/// Looks for the master key. Returns whether there is one to work with.
pub(super) fn master_key(config: &Config, report: &mut Report) -> bool {
    const NAME: &str = "master key";
    if let MasterKeySource::Given(_) = config.master_key {
        report.add(NAME, State::Ok, "given");
        return true;
    }
    let path = config.database.data_dir.join(MASTER_KEY_FILE);
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            report.add(NAME, State::Failed, format!("others may read {shown}: chmod 600"));
            true
        }
        Ok(_) => {
            report.add(
                NAME,
                State::Ok,
                format!("in {shown}; keep a copy with the database's backups"),
            );
            true
        }
        Err(_) if !cluster(config).exists() => {
            report.add(NAME, State::Skipped, "the first start makes it");
            false
        }
        Err(error) => {
            let lost = format!("{shown}: {error}; without it nothing in the database can be opened");
            report.add(NAME, State::Failed, lost);
            false
        }
    }
}

/// Returns where the private database's files are.
pub(super) fn cluster(config: &Config) -> std::path::PathBuf {
    config.database.data_dir.join("postgres")
}

/// Looks at the place where a private database is kept.
pub(super) fn data_directory(config: &Config, report: &mut Report) {
    const NAME: &str = "data directory";
    let path = &config.database.data_dir;
    if !matches!(config.database.location, DatabaseLocation::Embedded) {
        return report.add(NAME, State::Skipped, "the database is elsewhere");
    }
    if !path.exists() {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or_else(|| Path::new("."));
        let (state, detail) = if is_writable(above) {
            (State::Skipped, "the first start makes it".to_owned())
        } else {
            (
                State::Failed,
                format!("cannot be made: {} is not writable", above.display()),
            )
        };
        return report.add(NAME, state, detail);
    }
    if !is_writable(path) {
        return report.add(NAME, State::Failed, format!("{} is not writable", path.display()));
    }
    match free_mib(path) {
        Some(free) if free < LEAST_FREE_MIB => report.add(NAME, State::Failed, format!("only {free} MiB are free")),
        Some(free) if free < LITTLE_FREE_MIB => report.add(NAME, State::Warning, format!("only {free} MiB are free")),
        Some(free) => report.add(NAME, State::Ok, format!("{}, {free} MiB free", path.display())),
        None => report.add(NAME, State::Ok, path.display().to_string()),
    }
}

fn is_writable(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn free_mib(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize) / (1024 * 1024))
}

/// Looks where measures are served, and who may reach them.
pub(super) fn measures(config: &Config, report: &mut Report) {
    let (state, detail) = match &config.server.metrics_listen {
        MetricsListen::Off => (State::Skipped, "off: no measures are served".to_owned()),
        MetricsListen::Named(listen) if reaches_the_public(listen) => (
            State::Warning,
            format!("on {listen}: everyone who reaches it sees how much goes on; name a private address"),
        ),
        MetricsListen::Named(listen) => (State::Ok, format!("on {listen}")),
        MetricsListen::Default(address) => (State::Ok, format!("on {address}")),
    };
    report.add("measures", state, detail);
}

fn reaches_the_public(listen: &Listen) -> bool {
    match listen {
        Listen::At(addresses) => addresses.iter().any(|address| is_public(address.ip())),
        Listen::Everywhere(_) => true,
        Listen::Unix(_) => false,
    }
}

/// Addresses that lead to the machine from elsewhere than from private networks.
const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

/// Looks whether who may say where requests come from can be right.
pub(super) fn proxies(config: &Config, report: &mut Report) {
    const NAME: &str = "trusted proxies";
    let trusted = &config.server.trusted_proxies;
    if let Some(everybody) = trusted.iter().find(|network| network.prefix() == 0) {
        let fault = format!(
            "{everybody} lets everybody say where they come from: limits and the audit trail are worth nothing"
        );
        report.add(NAME, State::Failed, fault);
    } else if let Some(wide) = trusted.iter().find(|network| is_wide_and_public(network)) {
        report.add(
            NAME,
            State::Warning,
            format!("{wide} are public addresses of many others"),
        );
    } else if trusted.is_empty() && public_url(config).starts_with("https:") {
        let missing = "none, though something ends TLS in front: all requests seem to come from there";
        report.add(NAME, State::Warning, missing);
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
    use super::*;

    #[test]
    fn wide_networks_are_told_unless_they_are_nobodys() {
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
