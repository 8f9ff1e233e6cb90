//! Many requests from one address whose bodies never end, through nginx and Caddy as configured in `deploy/`.
//!
//! The proxy holds them back: no instance receives them, and another address is served.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::http::{Client, Wire};
use super::metrics::{at, scrape};
use super::nginx::{Nginx, free_address};
use super::process::eventually;
use super::program::{DataDir, Launch, Program, open_directory, path};
use super::rolling_restart::{certificate, configuration};

const CADDYFILE: &str = include_str!("../../deploy/caddy/Caddyfile");
/// More than one address may have at a time.
const SLOW: usize = 100;
/// The limit of nginx for one address.
const BOUND: usize = 64;
/// Long enough for everything except a body that does not arrive.
const SOON: Duration = Duration::from_secs(8);
/// Another client, also on this machine.
const OTHER: [u8; 4] = [127, 0, 0, 2];

fn behind_proxy(place: &DataDir) -> Program {
    let launch = Launch::dev().data_dir(place);
    launch.env("VESTIBULE_TRUSTED_PROXIES", "127.0.0.0/8").start()
}

/// Starts requests that never end.
fn slow_senders(site: &str) -> Vec<Wire> {
    let head =
        "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let begin = |_| {
        let mut wire = Wire::open(site);
        wire.send(head);
        wire
    };
    (0..SLOW).map(begin).collect()
}

/// Sends requests from another address, with a body and without.
#[track_caller]
fn another_is_served(site: &str) {
    for (request, status) in [
        ("GET /health/live HTTP/1.1\r\nhost: localhost\r\n", "HTTP/1.1 200"),
        (
            "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n",
            "HTTP/1.1 400",
        ),
    ] {
        let mut wire = Wire::from(OTHER, site);
        let (answer, took) = super::process::timed(|| {
            wire.send(format!("{request}connection: close\r\n\r\n{{}}"));
            wire.read_to_end()
        });
        assert!(answer.starts_with(status), "{answer}");
        assert!(took < SOON, "{took:?}");
    }
}

/// The instance has no request except this one. A proxy asks for its health now and then, but a slow request would
/// stay.
#[track_caller]
fn none_has_arrived(instance: &Client) {
    eventually("no other request", || {
        let in_flight = at(&scrape(instance), "vestibule_http_requests_in_flight");
        ((in_flight - 1.0).abs() < 1e-9).then_some(())
    });
}

#[test]
fn nginx_holds_slow_bodies_and_bounds_the_requests_of_one_address() {
    let (place, certificate) = (DataDir::new(), certificate());
    let program = behind_proxy(&place);
    let instance = program.ready();
    let instances = [(); 3].map(|()| instance.address().to_owned());
    let (_nginx, site) = Nginx::configured(|listen| configuration(listen, &instances, certificate.path()));

    let mut slow = slow_senders(site.address());
    another_is_served(site.address());
    none_has_arrived(&instance);
    // Further requests of the address are refused, and those that were accepted time out.
    let answers: Vec<String> = slow.iter_mut().map(Wire::read_to_end).collect();
    let refused = answers
        .iter()
        .filter(|answer| answer.starts_with("HTTP/1.1 429"))
        .count();
    assert_eq!(refused, SLOW - BOUND);
    let mut wire = Wire::open(site.address());
    wire.send("GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(wire.read_to_end().starts_with("HTTP/1.1 200"));
}

/// Running Caddy; killed when dropped.
struct Caddy {
    child: Child,
    _directory: tempfile::TempDir,
}

impl Caddy {
    /// Starts it with the documented configuration, on plain HTTP and with one instance.
    #[track_caller]
    fn start(listen: &str, instance: &str) -> Self {
        let directory = open_directory();
        let text = CADDYFILE
            .replacen("{\n", "{\n\tadmin off\n", 1)
            .replace("auth.example.com {", &format!("http://{listen} {{\n\tbind 127.0.0.1"))
            .replace("10.0.0.11:8080 10.0.0.12:8080 10.0.0.13:8080", instance);
        let file = directory.path().join("Caddyfile");
        // The requests use another host name than the site.
        fs::write(
            &file,
            text.replace(&format!("http://{listen} "), &format!("http://:{} ", port(listen))),
        )
        .unwrap();
        let child = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env_clear()
            .env("PATH", path())
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.expect("caddy is installed: scripts/test does that");
        Self {
            child,
            _directory: directory,
        }
    }
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').unwrap().1
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn caddy_holds_slow_bodies_and_ends_them() {
    let place = DataDir::new();
    let program = behind_proxy(&place);
    let instance = program.ready();
    let listen = free_address();
    let _caddy = Caddy::start(&listen, instance.address());
    let site = Client::new(&listen);
    eventually("Caddy", || {
        let answer = site.try_send(ureq::http::Method::GET, "/health/live", None, None);
        answer.is_ok_and(|answer| answer.status == 200).then_some(())
    });

    let mut slow = slow_senders(&listen);
    another_is_served(&listen);
    none_has_arrived(&instance);
    // Each times out, without an answer of the instance.
    for wire in &mut slow {
        let answer = wire.read_to_end();
        assert!(answer.is_empty() || answer.ends_with("\r\n\r\n"), "{answer}");
    }
    none_has_arrived(&instance);
}
