//! The files in `deploy/` are accepted by the programs that they are for.

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use ipnetwork::IpNetwork;

use super::nginx::{checked, free_address};
use super::program::open_directory;
use super::rolling_restart::{certificate, configuration};

const UNIT: &str = include_str!("../../deploy/systemd/vestibule.service");
const COMPOSE: &str = include_str!("../../docker-compose.yml");
const COMPOSE_NGINX: &str = include_str!("../../deploy/nginx/compose.conf");

#[test]
fn nginx_accepts_the_configuration_with_tls() {
    let certificate = certificate();
    let instances = [(); 3].map(|()| free_address());
    checked(&configuration(
        &format!("{} ssl", free_address()),
        &instances,
        certificate.path(),
    ));
}

#[test]
fn nginx_accepts_the_configuration_of_the_containers_and_their_addresses_are_those_of_the_services() {
    let mut text = COMPOSE_NGINX.replace("listen 8080", &format!("listen {}", free_address()));
    for (service, address) in [("vestibule-1", "10.213.37.11"), ("vestibule-2", "10.213.37.12")] {
        let (_, rest) = COMPOSE.split_once(&format!("\n  {service}:\n")).unwrap();
        let (_, own) = rest.split_once("ipv4_address: ").unwrap();
        assert!(own.starts_with(&format!("{address}\n")), "{service}");
        assert!(text.contains(&format!("server {address}:8080 ")), "{service}");
        text = text.replace(&format!("{address}:8080"), &free_address());
    }
    checked(&text);
    assert!(COMPOSE.contains("- ./deploy/nginx/compose.conf:/etc/nginx/conf.d/default.conf:ro\n"));
}

#[test]
fn what_both_configurations_say_of_the_instances_is_the_same() {
    let full = include_str!("../../deploy/nginx/vestibule.conf");
    for line in COMPOSE_NGINX
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("proxy_"))
    {
        // The number of tries and the port in the host differ.
        if !line.starts_with("proxy_next_upstream_tries") && !line.contains("Host") {
            assert!(full.contains(line), "{line}");
        }
    }
}

#[test]
fn systemd_accepts_the_unit_and_finds_it_closed() {
    let place = open_directory();
    let unit = place.path().join("vestibule.service");
    assert!(UNIT.contains("/usr/local/bin/vestibule serve"));
    fs::write(
        &unit,
        UNIT.replace("/usr/local/bin/vestibule", env!("CARGO_BIN_EXE_vestibule")),
    )
    .unwrap();
    let said = analyze(&["verify"], &unit);
    assert_eq!(said, "");
    // Out of a hundred; 92 without any of the settings.
    analyze(&["security", "--offline=true", "--threshold=20"], &unit);
}

#[track_caller]
fn analyze(arguments: &[&str], unit: &Path) -> String {
    let output = Command::new("systemd-analyze").args(arguments).arg(unit).output();
    let output = output.expect("systemd-analyze is installed: scripts/test does that");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    said
}

#[test]
fn the_first_lines_of_the_unit_make_every_file_without_which_it_does_not_start() {
    let wanted = UNIT.lines().filter_map(|line| {
        let credential = line.strip_prefix("LoadCredential=");
        let credential = credential.and_then(|value| value.split_once(':')).map(|(_, path)| path);
        credential.or_else(|| line.strip_prefix("EnvironmentFile="))
    });
    let wanted: Vec<&str> = wanted.collect();
    assert_eq!(wanted.len(), 3, "{wanted:?}");
    for path in wanted {
        let makes = |line: &str| line.starts_with("#   ") && line.trim_end_matches(')').ends_with(&format!(" >{path}"));
        assert!(UNIT.lines().any(makes), "{path}");
    }
}

#[test]
fn what_the_containers_get_fits_their_network() {
    let network: IpNetwork = after("subnet: ").parse().unwrap();
    let others: IpNetwork = after("ip_range: ").parse().unwrap();
    let proxies: IpNetwork = after("VESTIBULE_TRUSTED_PROXIES: ").parse().unwrap();
    assert_eq!(proxies, network);
    assert!(network.contains(others.network()) && network.contains(others.broadcast()));
    // nginx knows the instances by their addresses, so no other container may get them.
    let own = COMPOSE
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ipv4_address: "));
    let own: HashSet<IpAddr> = own.map(|address| address.parse().unwrap()).collect();
    assert_eq!(own.len(), COMPOSE.matches("<<: *vestibule\n").count());
    for address in own {
        assert!(network.contains(address) && !others.contains(address), "{address}");
    }
}

/// Returns the rest of the only line of the compose file that begins with this, with or without a dash.
fn after(key: &str) -> &'static str {
    let lines = COMPOSE.lines().map(|line| line.trim().trim_start_matches("- "));
    let mut values = lines.filter_map(|line| line.strip_prefix(key));
    let value = values.next().expect("the compose file says it");
    assert_eq!(values.next(), None);
    value
}
